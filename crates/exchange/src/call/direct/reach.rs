//! Whether two phones reach each other, by the addresses that they describe and those that they speak from.

use crate::call_record::Relayed;
use crate::media::{Peer, Stream};
use coeur_sip::network::{Network, is_inside};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether the two reach each other, for all that shows of where they are. `None`: they do.
pub(super) fn reach(a: &Peer, b: &Peer) -> Option<Relayed> {
    // RFC 3605 lets RTCP go to any address: the other phone would be aimed at whoever stands there.
    if [a, b].iter().flat_map(|peer| peer.streams.iter().flatten()).any(has_rtcp_elsewhere) {
        return Some(Relayed::Networks);
    }
    let both = a
        .streams
        .iter()
        .flatten()
        .flat_map(|first| b.streams.iter().flatten().map(move |second| (first, second)));
    for (first, second) in both {
        let (of_a, of_b) = (first.rtp.ip().to_canonical(), second.rtp.ip().to_canonical());
        if of_a.is_ipv4() != of_b.is_ipv4() {
            return Some(Relayed::Families);
        }
        let places = (Place::new(of_a, a.signalled_from), Place::new(of_b, b.signalled_from));
        let do_reach = match places {
            (Place::Outside, Place::Outside) => true,
            // Each is what it says, or both are behind one NAT.
            (Place::Inside { nat: one }, Place::Inside { nat: other }) => {
                one == other && is_one_net(of_a, of_b)
            }
            (Place::Outside | Place::Inside { .. } | Place::Behind, _) => false,
        };
        // Two of one address are behind something that would have to turn their packets round.
        if !do_reach || of_a == of_b {
            return Some(Relayed::Networks);
        }
    }
    None
}

fn has_rtcp_elsewhere(stream: &Stream) -> bool {
    stream.rtcp.ip().to_canonical() != stream.rtp.ip().to_canonical()
}

/// Where a phone is, by the address that it describes and the one that it speaks from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// An address that all reach, and it speaks from there.
    Outside,
    /// One of a private network; behind that NAT, or where we are.
    Inside { nat: Option<IpAddr> },
    /// It does not know its address, or says one that is not its own, or one that is of no network of phones.
    Behind,
}

impl Place {
    fn new(at: IpAddr, from: IpAddr) -> Self {
        let from = from.to_canonical();
        let is_private = PRIVATE.iter().any(|network| network.contains(at));
        match at == from {
            true if is_private => Self::Inside { nat: None },
            // What has a private address itself may hide any number of networks.
            false if is_private && !is_inside(from) => Self::Inside { nat: Some(from) },
            true if !is_inside(at) => Self::Outside,
            true | false => Self::Behind,
        }
    }
}

/// Networks in which phones are: of loopback, of one link, of translators, of tests (RFC 6890) each host may have the same.
const PRIVATE: [Network; 5] = [
    // RFC 1918.
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    // RFC 6598.
    v4([100, 64, 0, 0], 10),
    // RFC 4193.
    Network::new(IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
];

const fn v4([a, b, c, d]: [u8; 4], bits: u8) -> Network {
    Network::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits)
}

/// One local network, by what is usual: the first 24 bits of IPv4, 64 of IPv6.
fn is_one_net(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u32::from(a) >> 8 == u32::from(b) >> 8,
        (IpAddr::V6(a), IpAddr::V6(b)) => u128::from(a) >> 64 == u128::from(b) >> 64,
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Keying;

    fn peer(from: &str, at: &[&str]) -> Peer {
        let stream = |at: &&str| {
            let rtp = at.parse().expect("an address");
            Some(Stream {
                rtp,
                rtcp: rtp,
                rtcp_mux: true,
                we_send: true,
                we_receive: true,
                keying: Keying::Plain,
                ice: None,
                formats: Box::default(),
                mid: None,
            })
        };
        Peer { signalled_from: from.parse().expect("an address"), streams: at.iter().map(stream).collect() }
    }

    #[test]
    fn only_two_that_show_where_they_are_reach_each_other() {
        use Relayed::{Families, Networks};
        for (a, b, expected) in [
            // Outside, and in one network with us.
            (("8.8.8.8", "8.8.8.8:1"), ("9.9.9.9", "9.9.9.9:1"), None),
            (("2606::1", "[2606::1]:1"), ("2607::1", "[2607::1]:1"), None),
            (("192.168.1.5", "192.168.1.5:1"), ("192.168.1.6", "192.168.1.6:1"), None),
            (("192.168.1.5", "192.168.1.5:1"), ("192.168.2.6", "192.168.2.6:1"), Some(Networks)),
            // Behind one NAT, behind two, and behind one with two networks.
            (("8.8.8.8", "192.168.1.5:1"), ("8.8.8.8", "192.168.1.6:1"), None),
            (("8.8.8.8", "192.168.1.5:1"), ("9.9.9.9", "192.168.1.6:1"), Some(Networks)),
            (("8.8.8.8", "192.168.1.5:1"), ("8.8.8.8", "10.0.0.6:1"), Some(Networks)),
            // One address twice: behind a translator or a carrier, or one host that is reached by itself alone.
            (("192.168.1.5", "192.168.1.5:1"), ("192.168.1.5", "192.168.1.5:2"), Some(Networks)),
            (("8.8.8.8", "192.168.1.5:1"), ("8.8.8.8", "192.168.1.5:2"), Some(Networks)),
            (("8.8.8.8", "8.8.8.8:1"), ("8.8.8.8", "8.8.8.8:2"), Some(Networks)),
            // The same behind what hides all networks behind one address that is private itself.
            (("172.17.0.1", "192.168.1.5:1"), ("172.17.0.1", "192.168.1.6:1"), Some(Networks)),
            // Shared and local networks, and what is special and no network of phones.
            (("100.64.7.5", "100.64.7.5:1"), ("100.64.7.6", "100.64.7.6:1"), None),
            (("fd00::5", "[fd00::5]:1"), ("fd00::6", "[fd00::6]:1"), None),
            (("127.0.0.1", "127.0.0.1:1"), ("127.0.0.2", "127.0.0.2:1"), Some(Networks)),
            (("8.8.8.8", "127.0.0.1:1"), ("8.8.8.8", "127.0.0.2:1"), Some(Networks)),
            (("8.8.8.8", "169.254.1.5:1"), ("8.8.8.8", "169.254.1.6:1"), Some(Networks)),
            (("8.8.8.8", "192.0.0.4:1"), ("8.8.8.8", "192.0.0.5:1"), Some(Networks)),
            (("8.8.8.8", "198.18.0.5:1"), ("8.8.8.8", "198.18.0.6:1"), Some(Networks)),
            (("2606::1", "[fe80::5]:1"), ("2606::1", "[fe80::6]:1"), Some(Networks)),
            // One of each.
            (("8.8.8.8", "8.8.8.8:1"), ("9.9.9.9", "192.168.1.6:1"), Some(Networks)),
            (("192.168.1.5", "192.168.1.5:1"), ("9.9.9.9", "192.168.1.6:1"), Some(Networks)),
            // Somebody else's address.
            (("8.8.8.8", "1.1.1.1:1"), ("9.9.9.9", "9.9.9.9:1"), Some(Networks)),
            (("8.8.8.8", "1.1.1.1:1"), ("8.8.8.8", "1.1.1.1:2"), Some(Networks)),
            (("8.8.8.8", "8.8.8.8:1"), ("2606::1", "[2606::1]:1"), Some(Families)),
            (("::ffff:8.8.8.8", "8.8.8.8:1"), ("9.9.9.9", "9.9.9.9:1"), None),
        ] {
            let both = [peer(a.0, &[a.1]), peer(b.0, &[b.1])];
            assert_eq!(reach(&both[0], &both[1]), expected, "{a:?} {b:?}");
            assert_eq!(reach(&both[1], &both[0]), expected, "{b:?} {a:?}");
        }
        // One stream elsewhere is enough.
        let (a, b) = (peer("8.8.8.8", &["8.8.8.8:1", "1.1.1.1:1"]), peer("9.9.9.9", &["9.9.9.9:1"]));
        assert_eq!(reach(&a, &b), Some(Networks));
    }

    #[test]
    fn nobody_is_told_to_send_rtcp_where_the_media_of_the_other_is_not() {
        for (rtcp, expected) in [
            ("8.8.8.8:53", None),
            ("[::ffff:8.8.8.8]:53", None),
            ("1.1.1.1:53", Some(Relayed::Networks)),
            ("192.168.1.1:53", Some(Relayed::Networks)),
            ("[2606::1]:53", Some(Relayed::Networks)),
        ] {
            let (mut a, b) = (peer("8.8.8.8", &["8.8.8.8:1"]), peer("9.9.9.9", &["9.9.9.9:1"]));
            a.streams[0].as_mut().expect("a stream").rtcp = rtcp.parse().expect("an address");
            assert_eq!(reach(&a, &b), expected, "{rtcp}");
            assert_eq!(reach(&b, &a), expected, "{rtcp}");
        }
    }
}
