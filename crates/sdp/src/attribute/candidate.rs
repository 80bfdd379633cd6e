//! `a=candidate` and `a=remote-candidates` (RFC 8839 sections 5.1 and 5.2).

use super::{Attribute, token};
use crate::parse::{number, words};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// One address where media may be received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub foundation: String,
    /// 1 is RTP, 2 RTCP.
    pub component: u16,
    pub transport: CandidateTransport,
    pub priority: u32,
    /// An IP address, or a name: browsers hide theirs as `<random>.local`.
    pub address: String,
    pub port: u16,
    pub kind: CandidateKind,
    /// `raddr` and `rport`: what it was learnt from.
    pub related: Option<(String, u16)>,
    /// `tcptype`, `generation`, `network-id`, ...: pairs of names and values, as written.
    pub extensions: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CandidateTransport {
    Udp,
    /// RFC 6544.
    Tcp,
    Other(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    Host,
    ServerReflexive,
    PeerReflexive,
    Relayed,
    Other(String),
}

/// What the controlling side has chosen: (component, address) (RFC 8839 section 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCandidates(pub Vec<(u16, SocketAddr)>);

impl Candidate {
    /// The address, when it is one and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }
}

impl CandidateTransport {
    fn parse(name: &[u8]) -> Option<Self> {
        Some(match name {
            name if name.eq_ignore_ascii_case(b"UDP") => Self::Udp,
            name if name.eq_ignore_ascii_case(b"TCP") => Self::Tcp,
            name => Self::Other(token(name)?),
        })
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Other(name) => name,
        }
    }
}

impl CandidateKind {
    fn parse(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"host" => Self::Host,
            b"srflx" => Self::ServerReflexive,
            b"prflx" => Self::PeerReflexive,
            b"relay" => Self::Relayed,
            name => Self::Other(token(name)?),
        })
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
            Self::Other(name) => name,
        }
    }
}

impl Attribute for Candidate {
    const NAME: &'static [u8] = b"candidate";

    fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = words(value);
        // At most 32 characters, and a component from 1 to 256.
        let foundation = token(parts.next()?).filter(|foundation| foundation.len() <= 32)?;
        let component = number(parts.next()?).filter(|component| (1..=256).contains(component))?;
        let transport = CandidateTransport::parse(parts.next()?)?;
        let priority = number(parts.next()?)?;
        let (address, port) = (token(parts.next()?)?, number(parts.next()?)?);
        let kind = match parts.next()? {
            b"typ" => CandidateKind::parse(parts.next()?)?,
            _ => return None,
        };
        let mut pairs = Vec::new();
        while let Some(name) = parts.next() {
            pairs.push((token(name)?, token(parts.next()?)?));
        }
        let find = |name: &str| pairs.iter().position(|(found, _): &(String, String)| found == name);
        // One without the other says nothing that can be used, and stays with the extensions.
        let related = match (find("raddr"), find("rport")) {
            (Some(address), Some(port)) => {
                let port_number = number(pairs[port].1.as_bytes())?;
                let related = (std::mem::take(&mut pairs[address].1), port_number);
                let mut at = 0..;
                pairs.retain(|_| at.next().is_none_or(|at| at != address && at != port));
                Some(related)
            }
            (Some(_), None) | (None, Some(_)) | (None, None) => None,
        };
        let extensions = pairs;
        Some(Self { foundation, component, transport, priority, address, port, kind, related, extensions })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let Self { foundation, component, priority, address, port, .. } = self;
        let (transport, kind) = (self.transport.as_str(), self.kind.as_str());
        let _ = write!(out, "{foundation} {component} {transport} {priority} {address} {port} typ {kind}");
        if let Some((address, port)) = &self.related {
            let _ = write!(out, " raddr {address} rport {port}");
        }
        for (name, value) in &self.extensions {
            let _ = write!(out, " {name} {value}");
        }
    }
}

impl Attribute for RemoteCandidates {
    const NAME: &'static [u8] = b"remote-candidates";

    fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = words(value);
        let mut found = Vec::new();
        while let Some(component) = parts.next() {
            let ip: IpAddr = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
            found.push((number(component)?, SocketAddr::new(ip, number(parts.next()?)?)));
        }
        (!found.is_empty()).then_some(Self(found))
    }

    fn write(&self, out: &mut Vec<u8>) {
        for (index, (component, address)) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            let _ = write!(out, "{space}{component} {} {}", address.ip(), address.port());
        }
    }
}
