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
    /// How fast a message under way must come, on average (threat T-15: many senders that drip a byte now and then, each
    /// within [`Limits::message`]). The slowest line that carries a call brings a hundred times more.
    pub message_bytes_per_second_min: u32,
    /// A message may stand still this long before its rate counts: TCP repeats a lost segment after 1 and 3 s.
    pub message_pause: Duration,
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
            message_bytes_per_second_min: 200,
            message_pause: Duration::from_secs(3),
            idle: Duration::from_secs(120),
            idle_registered: Duration::from_secs(2 * 3_600),
            write_bytes_max: 256 << 10,
            connections_per_source_max: 2_000,
            count_loopback: false,
            connections_max: 60_000,
        }
    }
}

impl Limits {
    /// How long a message may have been under way of which so much has come.
    pub fn message_time(&self, bytes: usize) -> Duration {
        let rate = u64::from(self.message_bytes_per_second_min.max(1));
        let earned = Duration::from_micros(bytes as u64 * 1_000_000 / rate);
        self.message.min(self.message_pause + earned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_time_that_its_bytes_have_earned_and_no_more_than_the_limit() {
        let limits = Limits::default();
        assert_eq!(limits.message_time(1), Duration::from_millis(3_005));
        assert_eq!(limits.message_time(200), Duration::from_secs(4));
        assert_eq!(limits.message_time(1_000), Duration::from_secs(8));
        assert_eq!(limits.message_time(65_536), Duration::from_secs(10));
    }
}
