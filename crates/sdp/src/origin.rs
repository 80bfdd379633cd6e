//! The `o=` line (RFC 8866 section 5.2): whose session this is, and which version of its description.

use crate::connection;
use crate::parse::{number, words};
use std::net::IpAddr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `-` when there is none to tell.
    pub username: String,
    pub session_id: u64,
    /// Grows by one with every description that differs from the one before (RFC 3264 section 8).
    pub version: u64,
    pub address: IpAddr,
}

impl Origin {
    /// Reads the value of an `o=` line; `None` when it is not six words or holds a name in place of an address.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = words(value);
        let username = std::str::from_utf8(parts.next()?).ok()?.to_owned();
        let (session_id, version) = (number(parts.next()?)?, number(parts.next()?)?);
        let (network, _family, address) = (parts.next()?, parts.next()?, parts.next()?);
        let address = std::str::from_utf8(address).ok()?.parse().ok()?;
        (network.eq_ignore_ascii_case(b"IN") && parts.next().is_none()).then_some(Self {
            username,
            session_id,
            version,
            address,
        })
    }

    /// The value as written.
    pub fn to_value(&self) -> String {
        let address = connection::written(self.address);
        format!("{} {} {} {address}", self.username, self.session_id, self.version)
    }
}
