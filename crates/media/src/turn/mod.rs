//! A TURN server (RFC 8656): a client that can reach nobody but us is lent an address.
//!
//! [`Server`] takes what came from clients and peers, and says what leaves. Sockets are the caller's: it is asked for a
//! relayed address ([`Task::Open`]) and told when one is let go ([`Task::Close`]). Relayed data is neither copied nor
//! allocated on its way to the peer.
//!
//! The rules that keep it from being somebody's proxy (threats A22 to A25, T-32):
//! - Nothing is kept for a client that has not authenticated. Nonces are stateless and bound to its address; challenges
//!   have a budget for each source and for all.
//! - Credentials are made for one call and expire ([`Credentials`]), or are revoked with their device or account. An
//!   allocation obeys its own user only.
//! - Peers are those of [`crate::address::PeerPolicy`]; permissions, channels, allocations for each account and for each
//!   source, lifetimes and bandwidth have limits ([`Limits`]).
//! - What is relayed begins like RTP, RTCP, DTLS or STUN. Other protocols have no business here.
//!
//! What it deliberately does not do: TCP to peers (RFC 6062), reserved ports, DONT-FRAGMENT, mobility (RFC
//! 8016), OAuth (RFC 7635), ICMP errors, two families in one allocation, PASSWORD-ALGORITHMS (it would make every
//! challenge longer, and the passwords are 256 random bits: what MD5 lacks is not needed).

mod allocation;
mod budget;
mod credentials;
mod nonce;
mod quota;
mod relay;
mod requests;
mod revoked;
mod server;
#[cfg(test)]
mod tests;

pub use credentials::{CREDENTIALS_TIME, Credentials};
pub use server::{Action, Counters, Server, Settings, Task};

use std::net::SocketAddr;
use std::time::Duration;

/// Who speaks to us: the five-tuple (RFC 8656 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// Over TCP or TLS: ChannelData is padded to whole words (section 12.5).
    pub is_stream: bool,
}

/// A relayed address, as long as it is lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllocationId(pub u64);

/// Which relayed address is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

/// What one server lends. Worst-case memory: `allocations_max` times some 2.5 kB (16 permissions and 16 channels).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub allocations_max: usize,
    pub allocations_of_account_max: u32,
    /// Of one IPv4 address, or one IPv6 /64.
    pub allocations_of_source_max: u32,
    /// Both directions together; what is over it is dropped.
    pub bytes_per_second_max: u32,
    pub lifetime_max: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            allocations_max: 10_000,
            allocations_of_account_max: 8,
            allocations_of_source_max: 200,
            // Two megabits: a video call.
            bytes_per_second_max: 250_000,
            lifetime_max: Duration::from_secs(3_600),
        }
    }
}

/// Peers of one allocation. A browser asks for one permission for each candidate of its peer.
pub const PERMISSIONS_MAX: usize = 16;

/// Channels of one allocation.
pub const CHANNELS_MAX: usize = 16;

/// RFC 8656 section 7.2: without a LIFETIME.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(600);

/// Sections 9 and 12: not the client's to choose.
const PERMISSION_TIME: Duration = Duration::from_secs(300);
const CHANNEL_TIME: Duration = Duration::from_secs(600);
