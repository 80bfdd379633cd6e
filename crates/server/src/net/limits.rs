//! How much one connection, one source and one shard may ask for, and for how long.

use std::time::Duration;

/// Bytes of one message over WebSocket; over TCP and TLS, `coeur_sip::stream` says the same. Worst-case memory: twice
/// this for a connection that is in the middle of a message.
pub const MESSAGE_BYTES_MAX: usize = 65_536;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// TCP connect of our own, TLS handshake and WebSocket opening, each end.
    pub handshake: Duration,
    /// From the connection being ready to the end of its first message.
    pub first_request: Duration,
    /// From the first byte of a message to its last.
    pub message: Duration,
    /// Silence of a connection over which nobody has registered.
    pub idle: Duration,
    /// Silence of a connection over which somebody has registered. Phones keep theirs alive every 30 to 120 s
    /// (RFC 5626 section 4.4.1), but those without keep-alive only refresh their registration.
    pub idle_registered: Duration,
    /// Bytes that a peer may leave unread before the connection is closed. Worst-case memory: this much each.
    pub write_bytes_max: usize,
    /// Connections of one address (IPv4 address or IPv6 /64), all shards together. Users behind one NAT share it.
    pub connections_per_source_max: u32,
    /// Whether connections from this machine itself are counted too. A gateway or reverse proxy beside us brings all
    /// its users from the loopback address, so usually they are bounded by `connections_max` alone.
    pub count_loopback: bool,
    /// Connections per shard. Memory: about 1 kB each, 16 kB with TLS.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            first_request: Duration::from_secs(10),
            message: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            idle_registered: Duration::from_secs(2 * 3_600),
            write_bytes_max: 256 << 10,
            connections_per_source_max: 2_000,
            count_loopback: false,
            connections_max: 60_000,
        }
    }
}
