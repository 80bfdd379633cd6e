//! Networks, and which addresses are special (RFC 6890 and its registries): those that a stranger must not make this
//! server speak to (threats T-25 and A22), because only it can reach what is there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address and how many of its first bits matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// `bits` beyond 32 or 128 are all of them.
    pub const fn new(first: IpAddr, bits: u8) -> Self {
        Self { first, bits }
    }

    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.first, ip.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => {
                // A shift by the whole width is no shift: nothing matters then.
                let differ = u32::from(first) ^ u32::from(ip);
                differ.checked_shr(32u32.saturating_sub(self.bits.into())).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(ip)) => {
                let differ = u128::from(first) ^ u128::from(ip);
                differ.checked_shr(128u32.saturating_sub(self.bits.into())).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    /// `ADDRESS` or `ADDRESS/BITS`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no network; write 10.0.0.0/8, fd00::/8 or one address");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        match bits.unwrap_or(most) {
            bits if bits <= most => Ok(Self { first, bits }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// Loopback, private, link-local (with the metadata services of most clouds), shared, multicast, unspecified and reserved
/// addresses. What an IPv6 address carries is another question: see [`carried`].
pub fn is_special(ip: IpAddr) -> bool {
    INSIDE.iter().any(|network| network.contains(ip))
}

/// True when one of the forms of an address is special: as it is written, or as the IPv4 address that it carries.
pub fn is_inside(ip: IpAddr) -> bool {
    is_special(ip) || carried(ip).is_some_and(|ip| is_special(ip.into()))
}

/// The IPv4 address that a translator or a tunnel makes of an IPv6 address.
pub fn carried(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip.to_canonical() else { return None };
    let (bytes, words) = (ip.octets(), ip.segments());
    let at = |start: usize| Ipv4Addr::new(bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]);
    match words {
        // RFC 6052 section 2.1, and RFC 2765: IPv4-translated, `::ffff:0:a.b.c.d`.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Some(at(12)),
        // RFC 3056 section 2: 6to4.
        [0x2002, ..] => Some(at(2)),
        // RFC 5214 section 6.1: ISATAP under any prefix.
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => Some(at(12)),
        _ => None,
    }
}

const INSIDE: &[Network] = &[
    // "This network" (RFC 791), the unspecified address among it.
    v4([0, 0, 0, 0], 8),
    // Private use (RFC 1918), shared address space (RFC 6598, metadata of one cloud in it).
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // Link-local (RFC 3927), 169.254.169.254 of the clouds among it.
    v4([169, 254, 0, 0], 16),
    // A public address that one cloud uses for its metadata and its agents.
    v4([168, 63, 129, 16], 32),
    // Protocol assignments (RFC 6890), 6to4 relays (RFC 7526), benchmarks (RFC 2544).
    v4([192, 0, 0, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([198, 18, 0, 0], 15),
    // Multicast (RFC 5771), reserved (RFC 1112), broadcast.
    v4([224, 0, 0, 0], 3),
    // Unspecified, loopback and the deprecated IPv4-compatible ones (RFC 4291).
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96),
    // A translator of the local network (RFC 8215); discard (RFC 6666); Teredo and other assignments (RFC 4380).
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    // Segment routing (RFC 9602).
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
    // Unique local (RFC 4193), link-local and site-local, multicast (RFC 4291).
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 9),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
];

const fn v4(bytes: [u8; 4], bits: u8) -> Network {
    let [a, b, c, d] = bytes;
    Network { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits }
}

const fn v6(words: [u16; 8], bits: u8) -> Network {
    let [a, b, c, d, e, f, g, h] = words;
    Network { first: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn addresses_of_no_other_domain_are_inside() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.255.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "168.63.129.16",
            "192.0.0.192",
            "198.19.0.1",
            "224.0.1.75",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "2002:7f00:1::1",
            "2001::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(is_inside(ip(text)), "{text}");
        }
    }

    #[test]
    fn addresses_of_others_are_outside() {
        for text in [
            "1.1.1.1",
            "11.0.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "100.128.0.1",
            "168.63.129.17",
            "192.0.1.1",
            "203.0.113.9",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
            "2001:db8::1",
            "2606:4700::1111",
        ] {
            assert!(!is_inside(ip(text)), "{text}");
        }
    }

    #[test]
    fn a_network_contains_what_has_its_first_bits() {
        let network = |text: &str| text.parse::<Network>().expect("a network");
        assert!(network("10.1.0.0/16").contains(ip("10.1.255.1")));
        assert!(network("10.1.0.0/16").contains(ip("::ffff:10.1.0.1")));
        assert!(!network("10.1.0.0/16").contains(ip("10.2.0.1")));
        assert!(
            network("192.0.2.7").contains(ip("192.0.2.7")) && !network("192.0.2.7").contains(ip("192.0.2.6"))
        );
        assert!(network("0.0.0.0/0").contains(ip("9.9.9.9")) && !network("0.0.0.0/0").contains(ip("::1")));
        assert!(network("::/0").contains(ip("fd00::1")));
        assert!(network("fd00::/8").contains(ip("fdff::1")) && !network("fd00::/8").contains(ip("fe00::1")));
        assert_eq!(network("fd00::/8").to_string(), "fd00::/8");
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "10.0.0.0/-1", "example.org"]
        {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
