//! What is to be resolved, and what we can reach.

use super::ResolveError;
use super::query::plain;
use crate::transport::Transport;
use crate::uri::{Host, SipUri};
use std::net::IpAddr;

/// The transports and address families that this process can send with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supported {
    pub udp: bool,
    pub tcp: bool,
    pub tls: bool,
    pub ws: bool,
    pub wss: bool,
    pub ipv4: bool,
    pub ipv6: bool,
}

impl Supported {
    pub const ALL: Supported =
        Supported { udp: true, tcp: true, tls: true, ws: true, wss: true, ipv4: true, ipv6: true };

    pub const fn transport(&self, transport: Transport) -> bool {
        match transport {
            Transport::Udp => self.udp,
            Transport::Tcp => self.tcp,
            Transport::Tls => self.tls,
            Transport::Ws => self.ws,
            Transport::Wss => self.wss,
            Transport::Sctp | Transport::TlsSctp | Transport::Other => false,
        }
    }
}

/// What RFC 3263 section 4 reads from a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub(super) host: HostText,
    pub(super) port: Option<u16>,
    pub(super) transport: Option<Transport>,
    pub(super) secure: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostText {
    Address(IpAddr),
    Name(Box<str>),
}

impl Destination {
    /// Where a request to this URI (the topmost Route, or the Request-URI) goes. TARGET is `maddr` when there
    /// is one (section 4). Under sips a transport is carried by TLS, so UDP is impossible and TCP means TLS
    /// (section 4.1, RFC 5630 section 3.1.3).
    pub fn from_uri(uri: &SipUri<'_>) -> Result<Destination, ResolveError> {
        let host = uri.maddr().unwrap_or(uri.host);
        let transport = match (uri.transport(), uri.secure) {
            (None, _) => None,
            (Some(transport), false) => Some(transport),
            (Some(Transport::Tcp | Transport::Tls), true) => Some(Transport::Tls),
            (Some(Transport::Ws | Transport::Wss), true) => Some(Transport::Wss),
            (Some(Transport::Sctp | Transport::TlsSctp), true) => Some(Transport::TlsSctp),
            (Some(Transport::Udp | Transport::Other), true) => {
                return Err(ResolveError::UnsupportedTransport);
            }
        };
        Ok(Destination { host: HostText::new(host), port: uri.port, transport, secure: uri.secure })
    }

    /// The transport when no DNS record says otherwise: UDP, and TLS under sips (section 4.1).
    pub(super) fn default_transport(&self) -> Transport {
        match (self.transport, self.secure) {
            (Some(transport), _) => transport,
            (None, true) => Transport::Tls,
            (None, false) => Transport::Udp,
        }
    }
}

impl HostText {
    fn new(host: Host<'_>) -> HostText {
        match (host.ip(), host) {
            (Some(address), _) => HostText::Address(address),
            (None, Host::Name(name)) => HostText::Name(plain(name).into_boxed_str()),
            // `ip` is `None` for names only.
            (None, Host::V4(address)) => HostText::Address(IpAddr::V4(address)),
            (None, Host::V6(address)) => HostText::Address(IpAddr::V6(address)),
        }
    }
}
