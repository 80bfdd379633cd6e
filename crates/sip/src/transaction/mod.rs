//! The four transaction machines (RFC 3261 section 17, corrected by RFC 6026, RFC 4320 and RFC 4321), how a
//! message finds its transaction ([`key`]) and how a retransmitted request is answered when no machine is kept
//! for it ([`memory`]).
//!
//! A machine takes an input and returns one action; the owner sends, delivers and removes. Time is handed in:
//! the owner asks [`InviteClient::next_deadline`] (each machine has one) and calls `on_timer` when it has
//! passed. A machine keeps the bytes that it may have to repeat, and only over an unreliable transport; it is
//! at most 64 bytes without them. Once `is_terminated` is true, nothing moves it any more: the owner drops it.
//!
//! What it deliberately does not do: build messages (the ACK to a 300-699 answer is written by the owner, who
//! has the request), find a transport, or remember the transaction user.

mod invite_client;
mod invite_server;
pub mod key;
pub mod memory;
mod non_invite_client;
mod non_invite_server;
mod siphash;

use std::time::Duration;

pub use invite_client::InviteClient;
pub use invite_server::InviteServer;
pub use key::{KeyHasher, PassThroughHasher, TransactionKey};
pub use memory::ResponseMemory;
pub use non_invite_client::NonInviteClient;
pub use non_invite_server::NonInviteServer;

/// What the owner of a client transaction must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAction {
    Nothing,
    /// Hand the response to the transaction user. After a 2xx to INVITE the user sends the ACK.
    Deliver,
    /// Hand the 300-699 response to the transaction user and acknowledge it (section 17.1.1.3): write the ACK,
    /// send it, and give its bytes to [`InviteClient::keep_ack`].
    DeliverAndAck,
    /// Send `stored()` again: the request, or the ACK once there is one.
    SendAgain,
    /// No answer in time (timer B or F): the user treats it as a 408 (section 8.1.3.1). Terminated.
    TimedOut,
    /// The transport could not carry the request: the user treats it as a 503 (section 8.1.3.1), or tries the
    /// next target (RFC 3263 section 4.3). Terminated.
    TransportFailed,
    /// The transaction ended as it should. Terminated.
    Ended,
}

/// What the owner of a server transaction must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerAction {
    Nothing,
    /// Send the response that the transaction user has just handed in.
    Send,
    /// The user has been silent: write a 100 (Trying), send it, and give it to `keep_trying`.
    SendTrying,
    /// Send `stored()`, the last response, again.
    SendAgain,
    /// Hand the ACK to the transaction user: it acknowledges a 2xx (RFC 6026 section 7.1).
    DeliverAck,
    /// The user may not send this response now; nothing leaves (a second final one, a 408 or a 101-199 to a
    /// non-INVITE request: RFC 4320 sections 4.1 and 4.2).
    Refused,
    /// No ACK came for a 300-699 answer (timer H). Terminated.
    AckMissing,
    /// The user has not answered a non-INVITE request within 64*T1; nobody waits any more and a 408 may not
    /// be sent (RFC 4320 section 4.2). Terminated.
    Abandoned,
    /// The transport could not carry the response (section 17.2.4). Terminated, unless a 2xx may follow over
    /// another way (RFC 6026 section 7.1).
    TransportFailed,
    /// The transaction ended as it should. Terminated.
    Ended,
}

/// The timer values of RFC 3261 appendix A, the same for all transactions of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Round-trip estimate. Default 500 ms.
    pub t1: Duration,
    /// Longest interval between retransmissions of a non-INVITE request or an INVITE response. Default 4 s.
    pub t2: Duration,
    /// How long a message can live in the network. Default 5 s.
    pub t4: Duration,
    /// How long the user may be silent before an INVITE is answered 100 (section 17.2.1). Default 200 ms.
    pub trying_after: Duration,
}

impl Timing {
    pub const DEFAULT: Timing = Timing {
        t1: Duration::from_millis(500),
        t2: Duration::from_secs(4),
        t4: Duration::from_secs(5),
        trying_after: Duration::from_millis(200),
    };

    /// Timers B, F, H, J, L and M: 64*T1.
    pub const fn lifetime(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer D: at least 32 seconds over an unreliable transport (section 17.1.1.2).
    pub fn timer_d(&self) -> Duration {
        self.lifetime().max(Duration::from_secs(32))
    }

    /// When a client's timer E has grown to T2: before this no 100 answers a non-INVITE request over an
    /// unreliable transport, from then on one must (RFC 4320 section 4.1). 3.5 s with the default values.
    pub fn non_invite_trying_after(&self) -> Duration {
        let mut interval = self.t1.max(Duration::from_millis(1));
        let mut elapsed = Duration::ZERO;
        while interval < self.t2 {
            elapsed += interval;
            interval *= 2;
        }
        elapsed
    }
}

impl Default for Timing {
    fn default() -> Timing {
        Timing::DEFAULT
    }
}

/// Microseconds of an interval; the intervals of a machine never exceed some seconds.
fn interval_us(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX)
}

/// An interval doubled but not above `max` (sections 17.1.2.2 and 17.2.1).
fn doubled(interval_us: u32, max: Duration) -> u32 {
    interval_us.saturating_mul(2).min(self::interval_us(max))
}

/// A copy of what may have to be sent again; nothing (and no allocation) over a reliable transport.
fn keep(bytes: &[u8], reliable: bool) -> Box<[u8]> {
    if reliable { Box::default() } else { bytes.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Monotonic;

    #[test]
    fn machines_are_small() {
        assert!(size_of::<InviteClient>() <= 64, "{}", size_of::<InviteClient>());
        assert!(size_of::<InviteServer>() <= 64, "{}", size_of::<InviteServer>());
        assert!(size_of::<NonInviteClient>() <= 64, "{}", size_of::<NonInviteClient>());
        assert!(size_of::<NonInviteServer>() <= 64, "{}", size_of::<NonInviteServer>());
    }

    #[test]
    fn timer_e_reaches_t2_after_three_and_a_half_seconds() {
        assert_eq!(Timing::DEFAULT.non_invite_trying_after(), Duration::from_millis(3_500));
    }

    proptest::proptest! {
        /// Whatever happens in whatever order, a served deadline is gone or has moved on, and a machine that is
        /// terminated has none.
        #[test]
        fn every_deadline_that_is_served_moves_on(
            reliable: bool,
            steps in proptest::collection::vec((0u8..4, 100u16..700, 0u64..5_000_000), 1..60),
        ) {
            let (timing, mut now) = (Timing::DEFAULT, Monotonic(0));
            let mut invite_client = InviteClient::start(now, &timing, reliable, b"x");
            let mut invite_server = InviteServer::start(now, &timing, reliable);
            let mut client = NonInviteClient::start(now, &timing, reliable, b"x");
            let mut server = NonInviteServer::start(now, &timing, reliable);
            for (step, status, wait) in steps {
                now += Duration::from_micros(wait);
                match step {
                    0 => {
                        invite_client.on_response(now, &timing, status);
                        invite_client.keep_ack(b"ack");
                        invite_server.on_response(now, &timing, status, b"x");
                        client.on_response(now, &timing, status);
                        server.on_response(now, &timing, status, b"x");
                    }
                    1 => {
                        invite_client.cancelled(now, &timing);
                        invite_server.on_ack(now, &timing);
                        invite_server.on_retransmission();
                        server.on_retransmission();
                    }
                    _ => {
                        now = invite_client.next_deadline().unwrap_or(now).max(now);
                        invite_client.on_timer(now, &timing);
                        invite_server.on_timer(now, &timing);
                        client.on_timer(now, &timing);
                        server.on_timer(now, &timing);
                        let deadlines = [
                            (invite_client.next_deadline(), invite_client.is_terminated()),
                            (invite_server.next_deadline(), invite_server.is_terminated()),
                            (client.next_deadline(), client.is_terminated()),
                            (server.next_deadline(), server.is_terminated()),
                        ];
                        for (deadline, terminated) in deadlines {
                            proptest::prop_assert!(deadline.is_none_or(|deadline| deadline > now));
                            proptest::prop_assert!(deadline.is_none() || !terminated);
                        }
                    }
                }
            }
        }
    }
}
