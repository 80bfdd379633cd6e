//! `a=rtcp` (RFC 3605): where RTCP is received when it is not one port above RTP.

use super::Attribute;
use crate::connection;
use crate::parse::{number, words};
use std::io::Write;
use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpAddress {
    pub port: u16,
    /// That of RTP when not written.
    pub ip: Option<IpAddr>,
}

impl Attribute for RtcpAddress {
    const NAME: &'static [u8] = b"rtcp";

    fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = words(value);
        let port = number(parts.next()?)?;
        let Some(_network) = parts.next() else { return Some(Self { port, ip: None }) };
        let (_family, address) = (parts.next()?, parts.next()?);
        let ip = std::str::from_utf8(address).ok()?.parse().ok()?;
        Some(Self { port, ip: Some(ip) })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{}", self.port);
        if let Some(ip) = self.ip {
            let _ = write!(out, " {}", connection::written(ip));
        }
    }
}
