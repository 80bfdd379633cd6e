//! Conversations as files for other programs. Secrets are hidden in all of them.

mod mermaid;
mod pcap;
mod text;

pub use mermaid::mermaid;
pub use pcap::pcap;
pub use text::text;

use super::ring::{Direction, Entry};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// From whom to whom a message went. `listeners`: our addresses, by their numbers.
pub fn ways(entry: &Entry, listeners: &[SocketAddr]) -> (SocketAddr, SocketAddr) {
    let remote = entry.flow.remote;
    let known = listeners.get(usize::from(entry.flow.listener.0)).copied();
    // A listener on all addresses of the other family hears this one too (RFC 3493 section 5.3), but nobody knows as whom.
    let nobody = match remote.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let local = match known {
        Some(local) if local.is_ipv4() == remote.is_ipv4() => local,
        Some(local) => SocketAddr::new(nobody, local.port()),
        None => SocketAddr::new(nobody, 0),
    };
    match entry.direction {
        Direction::Received => (remote, local),
        Direction::Sent => (local, remote),
    }
}
