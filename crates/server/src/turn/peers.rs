//! Whom clients of TURN may reach (threats A22 and A25).
//!
//! Where calls are ours, every call of an account has its media on our own ports: a client is let through to these, and to
//! nobody else. Where calls are relayed by the proxy, their media goes from phone to phone, so everybody outside is a peer.
//! Who is inside (loopback, private, link-local, metadata) and our other ports are peers only when they are listed.
//! [`PeerPolicy`] decides; [`coeur_sip::network`] says what is inside.

use coeur_media::address::PeerPolicy;
use coeur_sip::network::Network;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// What the operator has said about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Everybody outside.
    pub is_public: bool,
    pub listed: Vec<Network>,
}

/// `own`: all addresses of this host, and those under which it is known. `ports`: see [`ports`].
pub fn policy(wanted: &Wanted, own: &[IpAddr], ports: &[RangeInclusive<u16>]) -> PeerPolicy {
    PeerPolicy {
        listed: wanted.listed.clone(),
        own: own.to_vec(),
        media: media(own, ports),
        only_listed: !wanted.is_public,
    }
}

/// The ports of media without those where we listen ourselves: a place of SIP or TURN may have been set amid them.
pub fn ports(
    media: &RangeInclusive<u16>,
    listeners: impl IntoIterator<Item = u16>,
) -> Vec<RangeInclusive<u16>> {
    let mut taken: Vec<u32> =
        listeners.into_iter().filter(|port| media.contains(port)).map(u32::from).collect();
    taken.sort_unstable();
    taken.dedup();
    let begins = [u32::from(*media.start())].into_iter().chain(taken.iter().map(|port| port + 1));
    let ends = taken.iter().copied().chain([u32::from(*media.end()) + 1]);
    let free = begins.zip(ends).filter(|(begin, end)| begin < end);
    // Both are ports, or one more than a port.
    free.map(|(begin, end)| begin as u16..=(end - 1) as u16).collect()
}

/// Where media, and relayed addresses, are on this host: address, first and last port.
pub fn media(own: &[IpAddr], ports: &[RangeInclusive<u16>]) -> Vec<(IpAddr, u16, u16)> {
    let named = own.iter().filter(|ip| !ip.is_unspecified());
    let of = |ip: &IpAddr| {
        let ip = ip.to_canonical();
        ports.iter().map(move |ports| (ip, *ports.start(), *ports.end()))
    };
    named.flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn permits(wanted: &Wanted, peer: &str) -> bool {
        let own: Vec<IpAddr> = ["192.168.1.5", "0.0.0.0", "203.0.113.7", "127.0.0.1", "fd00::5"]
            .iter()
            .map(|ip| ip.parse().unwrap())
            .collect();
        policy(wanted, &own, &ports(&(20_000..=29_999), [5_060, 20_010]))
            .permits(peer.parse::<SocketAddr>().unwrap())
    }

    #[test]
    fn our_own_media_ports_are_peers_also_on_a_private_address_and_nothing_else_of_ours() {
        for wanted in [Wanted::default(), Wanted { is_public: true, ..Wanted::default() }] {
            for peer in ["192.168.1.5:20000", "203.0.113.7:29999", "[fd00::5]:25000", "127.0.0.1:20000"] {
                assert!(permits(&wanted, peer), "{peer}");
            }
            // A place of ours amid the ports of media.
            assert!(!permits(&wanted, "203.0.113.7:20010") && permits(&wanted, "203.0.113.7:20011"));
            for peer in ["192.168.1.5:19999", "203.0.113.7:5060", "203.0.113.7:3478", "[fd00::5]:30000"] {
                assert!(!permits(&wanted, peer), "{peer}");
            }
            for peer in ["192.168.1.6:20000", "0.0.0.0:20000", "10.0.0.1:20000", "169.254.169.254:20000"] {
                assert!(!permits(&wanted, peer), "{peer}");
            }
        }
    }

    #[test]
    fn the_ports_of_media_are_split_where_we_listen_ourselves() {
        assert_eq!(ports(&(10..=20), []), [10..=20]);
        assert_eq!(ports(&(10..=20), [9, 10, 15, 15, 16, 20, 21]), [11..=14, 17..=19]);
        assert_eq!(ports(&(65_534..=65_535), [65_535]), [65_534..=65_534]);
        assert_eq!(ports(&(0..=1), [0]), [1..=1]);
    }

    #[test]
    fn everybody_outside_is_a_peer_only_where_it_is_wanted_and_who_is_listed_always() {
        let listed = vec!["10.1.0.0/16".parse().unwrap()];
        assert!(!permits(&Wanted::default(), "198.51.100.1:4000"));
        assert!(permits(&Wanted { is_public: true, ..Wanted::default() }, "198.51.100.1:4000"));
        assert!(permits(&Wanted { is_public: false, listed: listed.clone() }, "10.1.2.3:4000"));
        assert!(!permits(&Wanted { is_public: true, listed }, "10.2.2.3:4000"));
    }
}
