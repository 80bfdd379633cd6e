//! Which addresses a stranger may make this server speak to (threats T-25 and A22).
//!
//! A relay, a connectivity check and a permission are all packets to an address that somebody else has named. Were any
//! address taken, this server would be his way to what only it can reach: itself, its neighbours, the metadata service
//! of its cloud. So special-purpose addresses (RFC 6890 and its registries) and our own are no peers, unless the operator
//! lists them. An IPv6 address that a translator or a tunnel turns into an IPv4 address counts as both.

use coeur_sip::network::{Network, carried, is_special};
use std::net::{IpAddr, SocketAddr};

/// Who may be a peer. Its lists come from the configuration; a few entries each.
#[derive(Clone, Debug, Default)]
pub struct PeerPolicy {
    /// Inside networks, and addresses of our own, whose hosts may be peers all the same.
    pub listed: Vec<Network>,
    /// The addresses of this host, private or not.
    pub own: Vec<IpAddr>,
    /// Where on this host media is relayed: address, first and last port. A client that reaches us through TURN alone has
    /// its calls there.
    pub media: Vec<(IpAddr, u16, u16)>,
    /// Nobody but who is listed, and our media relay.
    pub only_listed: bool,
}

impl PeerPolicy {
    pub fn permits(&self, peer: SocketAddr) -> bool {
        let ip = peer.ip().to_canonical();
        // Port 0 is nobody, and the form of an address says nothing about it.
        if peer.port() == 0 || never(ip) {
            return false;
        }
        if self.is_media(ip, peer.port()) {
            return true;
        }
        let carried = carried(ip);
        let is_of = |test: &dyn Fn(IpAddr) -> bool| test(ip) || carried.is_some_and(|ip| test(ip.into()));
        let own = |ip: IpAddr| self.own.iter().any(|own| own.to_canonical() == ip);
        if !is_of(&|ip| is_special(ip) || own(ip)) && !self.only_listed {
            return true;
        }
        // What is listed is listed as it is written on the wire, and then what it carries must be listed too.
        let listed = |ip: IpAddr| self.listed.iter().any(|network| network.contains(ip));
        listed(ip) && carried.is_none_or(|ip| !is_special(ip.into()) || listed(ip.into()))
    }
}

impl PeerPolicy {
    fn is_media(&self, ip: IpAddr, port: u16) -> bool {
        self.media
            .iter()
            .any(|(own, first, last)| own.to_canonical() == ip && (*first..=*last).contains(&port))
    }
}

/// Addresses that no unicast packet can have, listed or not.
fn never(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast(),
    }
}

/// The matrix of threat A22: sixty spellings of addresses that are no peers. The own addresses of the host are
/// 203.0.113.7, 10.9.9.9 and 2001:db8:7::7. A file, since the sockets of the server are held to it too.
#[cfg(test)]
pub(crate) fn forbidden() -> Vec<&'static str> {
    include_str!("../tests/inside_addresses.txt").lines().collect()
}

#[cfg(test)]
pub(crate) fn policy_of_the_matrix() -> PeerPolicy {
    let own = ["203.0.113.7", "10.9.9.9", "2001:db8:7::7"];
    PeerPolicy {
        own: own.iter().map(|ip| ip.parse().expect("an address")).collect(),
        ..PeerPolicy::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(listed: &[&str]) -> Vec<Network> {
        listed.iter().map(|text| text.parse().expect("a network")).collect()
    }

    fn at(ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().expect("an address"), 5000)
    }

    #[test]
    fn none_of_sixty_spellings_of_an_inside_address_is_a_peer() {
        let policy = policy_of_the_matrix();
        for text in forbidden() {
            assert!(!policy.permits(at(text)), "{text}");
        }
        let different: std::collections::BTreeSet<_> = forbidden().into_iter().collect();
        assert_eq!(different.len(), 60);
    }

    #[test]
    fn addresses_of_others_are_peers() {
        let policy = policy_of_the_matrix();
        for text in [
            "1.1.1.1",
            "11.0.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "203.0.113.8",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
            "2001:db8:7::8",
            "2606:4700::1111",
        ] {
            assert!(policy.permits(at(text)), "{text}");
        }
        assert!(!policy.permits(SocketAddr::from(([1, 1, 1, 1], 0))));
    }

    #[test]
    fn what_is_listed_is_a_peer_in_its_own_spelling_only() {
        let listed = networks(&["10.1.0.0/16", "fd00::/8", "127.0.0.0/8"]);
        let policy = PeerPolicy { listed, ..policy_of_the_matrix() };
        for text in ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "127.0.0.1"] {
            assert!(policy.permits(at(text)), "{text}");
        }
        for text in ["10.2.0.1", "64:ff9b::10.1.2.3", "2002:a01:203::1", "0.0.0.0", "ff02::1", "fc00::1"] {
            assert!(!policy.permits(at(text)), "{text}");
        }
    }

    #[test]
    fn a_policy_of_the_listed_alone_leaves_the_media_relay_and_them() {
        let own: IpAddr = "203.0.113.7".parse().expect("an address");
        let policy = PeerPolicy {
            only_listed: true,
            listed: networks(&["198.51.100.0/24"]),
            media: vec![(own, 20_000, 20_009)],
            ..policy_of_the_matrix()
        };
        assert!(policy.permits(at("198.51.100.9")) && policy.permits(SocketAddr::new(own, 20_004)));
        for text in ["1.1.1.1", "203.0.113.7", "203.0.113.8", "2606:4700::1111", "10.0.0.1"] {
            assert!(!policy.permits(at(text)), "{text}");
        }
    }

    #[test]
    fn of_our_own_addresses_only_the_ports_of_the_media_relay_are_peers() {
        let media = vec![("203.0.113.7".parse().expect("an address"), 20_000, 20_009)];
        let policy = PeerPolicy { media, ..policy_of_the_matrix() };
        let permits = |text: &str| policy.permits(text.parse().expect("an address"));
        assert!(permits("203.0.113.7:20000") && permits("[::ffff:203.0.113.7]:20009"));
        for text in ["203.0.113.7:19999", "203.0.113.7:20010", "203.0.113.7:22", "10.9.9.9:20000"] {
            assert!(!permits(text), "{text}");
        }
    }

    #[test]
    fn everything_listed_still_leaves_what_no_packet_can_have() {
        let listed = networks(&["0.0.0.0/0", "::/0"]);
        let policy = PeerPolicy { listed, ..policy_of_the_matrix() };
        assert!(policy.permits(at("192.168.1.1")) && policy.permits(at("203.0.113.7")));
        for text in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"] {
            assert!(!policy.permits(at(text)), "{text}");
        }
    }
}
