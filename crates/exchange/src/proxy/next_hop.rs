//! From a URI to where it is reached. An address is itself; a name is asked of the DNS (A, then AAAA).
//!
//! NAPTR and SRV (RFC 3263 sections 4.1 and 4.2) are not asked yet.

use crate::flow::Hop;
use crate::world::{Listener, World};
use coeur_sip::resolve::{Answer, Outcome, Query, RecordKind, Records};
use coeur_sip::{Host, Transport, Uri};
use std::net::{IpAddr, SocketAddr};

pub(super) enum NextHop {
    Ready(Hop),
    Ask {
        query: Query,
        transport: Transport,
        port: u16,
    },
    /// No transport, no host: nothing can be sent.
    None,
}

/// Section 4.1 of RFC 3263, without NAPTR: the transport named, TLS for `sips`, else UDP.
pub(super) fn of_uri(text: &[u8]) -> NextHop {
    let Ok(Uri::Sip(uri)) = Uri::parse(text) else { return NextHop::None };
    let transport = match (uri.transport(), uri.secure) {
        (Some(Transport::Udp | Transport::Tcp), true) | (None, true) => Transport::Tls,
        (Some(transport), _) => transport,
        (None, false) => Transport::Udp,
    };
    let port = uri.port.unwrap_or(transport.default_port());
    match uri.maddr().unwrap_or(uri.host) {
        Host::V4(ip) => NextHop::Ready(address(transport, SocketAddr::new(ip.into(), port))),
        Host::V6(ip) => NextHop::Ready(address(transport, SocketAddr::new(ip.into(), port))),
        Host::Name(name) => match std::str::from_utf8(name.as_ref()) {
            Ok(name) => NextHop::Ask { query: Query::new(RecordKind::A, name), transport, port },
            Err(_) => NextHop::None,
        },
    }
}

/// The addresses of an answer, the first to be tried last.
pub(super) fn hops(answer: &Answer, transport: Transport, port: u16) -> Vec<Hop> {
    let ips: Vec<IpAddr> = match &answer.outcome {
        Outcome::Found { records: Records::A(found), .. } => found.iter().map(|ip| (*ip).into()).collect(),
        Outcome::Found { records: Records::Aaaa(found), .. } => found.iter().map(|ip| (*ip).into()).collect(),
        Outcome::Found { records: Records::Naptr(_) | Records::Srv(_), .. } => Vec::new(),
        Outcome::Absent { .. } | Outcome::Failed => Vec::new(),
    };
    ips.into_iter().rev().map(|ip| address(transport, SocketAddr::new(ip, port))).collect()
}

fn address(transport: Transport, address: SocketAddr) -> Hop {
    Hop::Address { transport, address, host: None }
}

/// The listener whose name our Via carries: that of the flow, else one of the same transport and family.
pub(super) fn listener<'w>(world: &'w World, hop: &Hop) -> Option<&'w Listener> {
    match hop {
        Hop::Flow(flow) => world.listeners.iter().find(|listener| listener.id == flow.listener),
        Hop::Address { transport, address, .. } => {
            let same = || world.listeners.iter().filter(|listener| listener.transport == *transport);
            same().find(|listener| listener.bound.is_ipv4() == address.is_ipv4()).or_else(|| same().next())
        }
    }
}
