//! Who sent a message, as far as the network proves it.

use crate::flow::{ConnectionId, Flow};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network a sender can speak from: one IPv4 address, or one /64 of IPv6, where every host may take any
/// address it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source([u8; 9]);

impl Source {
    pub fn of(ip: IpAddr) -> Self {
        let mut key = [0; 9];
        match ip.to_canonical() {
            IpAddr::V4(v4) => {
                key[0] = 4;
                key[1..5].copy_from_slice(&v4.octets());
            }
            IpAddr::V6(v6) => {
                key[0] = 6;
                key[1..].copy_from_slice(&v6.octets()[..8]);
            }
        }
        Self(key)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first address of the source, for people to read.
    pub fn address(&self) -> IpAddr {
        let [kind, rest @ ..] = self.0;
        let [a, b, c, d, ..] = rest;
        if kind == 4 {
            return IpAddr::V4(Ipv4Addr::new(a, b, c, d));
        }
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&rest);
        IpAddr::V6(Ipv6Addr::from(octets))
    }
}

/// What a nonce is bound to: the source and, on a stream, the connection. A phone that reconnects gets
/// `stale=true`, which costs it one round trip and no prompt.
pub(super) fn nonce_binding(flow: &Flow) -> [u8; 17] {
    let mut key = [0; 17];
    key[..9].copy_from_slice(Source::of(flow.remote.ip()).bytes());
    key[9..].copy_from_slice(&flow.connection.0.to_be_bytes());
    key
}

/// The exact path: address and port over UDP, the connection else.
pub fn exact_path(flow: &Flow) -> [u8; 19] {
    let mut key = [0; 19];
    key[..17].copy_from_slice(&nonce_binding(flow));
    if flow.connection == ConnectionId::NONE {
        key[17..].copy_from_slice(&flow.remote.port().to_be_bytes());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(ip: &str) -> Source {
        Source::of(ip.parse().expect("an address"))
    }

    #[test]
    fn hosts_of_one_ipv6_network_are_one_source_and_ipv4_hosts_are_each_their_own() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }

    #[test]
    fn an_ipv4_address_written_as_ipv6_is_the_same_source() {
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_eq!(source("192.0.2.1").address().to_string(), "192.0.2.1");
        assert_eq!(source("2001:db8:1:2:3::1").address().to_string(), "2001:db8:1:2::");
    }
}
