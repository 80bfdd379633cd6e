//! The `c=` line (RFC 8866 section 5.7): `IN IP4 192.0.2.1`.

use crate::parse::words;
use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection<'a> {
    /// `IP4` or `IP6`, or something else.
    pub family: &'a [u8],
    /// An address or a name; for multicast with `/ttl`.
    pub address: &'a [u8],
}

impl<'a> Connection<'a> {
    pub(crate) fn parse(value: &'a [u8]) -> Option<Self> {
        let mut parts = words(value);
        let (network, family, address) = (parts.next()?, parts.next()?, parts.next()?);
        (network.eq_ignore_ascii_case(b"IN") && parts.next().is_none()).then_some(Self { family, address })
    }

    /// The address, without the TTL and the count of a multicast one (RFC 8866 section 5.7), when it is no name and its family
    /// agrees.
    pub fn ip(&self) -> Option<IpAddr> {
        let end = memchr::memchr(b'/', self.address).unwrap_or(self.address.len());
        let ip: IpAddr = std::str::from_utf8(&self.address[..end]).ok()?.parse().ok()?;
        let agrees = match ip {
            IpAddr::V4(_) => self.family.eq_ignore_ascii_case(b"IP4"),
            IpAddr::V6(_) => self.family.eq_ignore_ascii_case(b"IP6"),
        };
        agrees.then_some(ip)
    }
}

/// `IN IP4 192.0.2.1`, as `c=`, `o=` and `a=rtcp` write an address.
pub(crate) fn written(ip: IpAddr) -> String {
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    format!("IN {family} {ip}")
}
