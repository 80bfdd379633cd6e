//! The non-INVITE client transaction: RFC 3261 figure 6.

use super::{ClientAction, Timing, doubled, interval_us, keep};
use crate::time::Monotonic;
use std::time::Duration;

/// The state machine of one request, other than INVITE and ACK, that we sent.
pub struct NonInviteClient {
    state: State,
    reliable: bool,
    /// The request while it may be repeated. Empty over a reliable transport.
    stored: Box<[u8]>,
}

enum State {
    /// Sent, nothing heard.
    Trying {
        timer_e: Monotonic,
        interval_us: u32,
        timer_f: Monotonic,
    },
    /// A provisional response came; the request is still repeated, every T2.
    Proceeding {
        timer_e: Monotonic,
        timer_f: Monotonic,
    },
    /// The answer came; its retransmissions are absorbed until timer K.
    Completed {
        timer_k: Monotonic,
    },
    Terminated,
}

impl NonInviteClient {
    /// Begins with the request that the owner has just sent.
    pub fn start(now: Monotonic, timing: &Timing, reliable: bool, request: &[u8]) -> NonInviteClient {
        // Timer E runs only over an unreliable transport (section 17.1.2.2).
        let timer_e = if reliable { Monotonic::NEVER } else { now + timing.t1 };
        let timer_f = now + timing.lifetime();
        NonInviteClient {
            state: State::Trying { timer_e, interval_us: interval_us(timing.t1), timer_f },
            reliable,
            stored: keep(request, reliable),
        }
    }

    /// A response with this status matched the transaction.
    pub fn on_response(&mut self, now: Monotonic, timing: &Timing, status: u16) -> ClientAction {
        match self.state {
            State::Trying { timer_e, timer_f, .. } | State::Proceeding { timer_e, timer_f } => {
                if status < 200 {
                    self.state = State::Proceeding { timer_e, timer_f };
                    return ClientAction::Deliver;
                }
                self.stored = Box::default();
                // Timer K is zero over a reliable transport.
                self.state = if self.reliable {
                    State::Terminated
                } else {
                    State::Completed { timer_k: now + timing.t4 }
                };
                ClientAction::Deliver
            }
            State::Completed { .. } | State::Terminated => ClientAction::Nothing,
        }
    }

    /// The transport could not carry the request (section 17.1.4).
    pub fn on_transport_error(&mut self) -> ClientAction {
        match self.state {
            State::Trying { .. } | State::Proceeding { .. } => {
                self.terminate();
                ClientAction::TransportFailed
            }
            State::Completed { .. } | State::Terminated => ClientAction::Nothing,
        }
    }

    /// `next_deadline` has passed.
    pub fn on_timer(&mut self, now: Monotonic, timing: &Timing) -> ClientAction {
        match &mut self.state {
            State::Trying { timer_f, .. } | State::Proceeding { timer_f, .. } if timer_f.is_due(now) => {
                self.terminate();
                ClientAction::TimedOut
            }
            State::Trying { timer_e, interval_us, .. } if timer_e.is_due(now) => {
                *interval_us = doubled(*interval_us, timing.t2);
                *timer_e = now + Duration::from_micros(u64::from(*interval_us));
                ClientAction::SendAgain
            }
            State::Proceeding { timer_e, .. } if timer_e.is_due(now) => {
                *timer_e = now + timing.t2;
                ClientAction::SendAgain
            }
            State::Completed { timer_k } if timer_k.is_due(now) => {
                self.terminate();
                ClientAction::Ended
            }
            State::Trying { .. } | State::Proceeding { .. } | State::Completed { .. } | State::Terminated => {
                ClientAction::Nothing
            }
        }
    }

    pub fn next_deadline(&self) -> Option<Monotonic> {
        let deadline = match self.state {
            State::Trying { timer_e, timer_f, .. } | State::Proceeding { timer_e, timer_f } => {
                timer_e.min(timer_f)
            }
            State::Completed { timer_k } => timer_k,
            State::Terminated => Monotonic::NEVER,
        };
        (deadline != Monotonic::NEVER).then_some(deadline)
    }

    /// What [`ClientAction::SendAgain`] sends.
    pub fn stored(&self) -> &[u8] {
        &self.stored
    }

    /// True while no final response came.
    pub fn awaits_final(&self) -> bool {
        matches!(self.state, State::Trying { .. } | State::Proceeding { .. })
    }

    pub fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }

    fn terminate(&mut self) {
        self.stored = Box::default();
        self.state = State::Terminated;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing::DEFAULT;
    const START: Monotonic = Monotonic::from_secs(100);

    fn ms(after_start: u64) -> Monotonic {
        START + Duration::from_millis(after_start)
    }

    fn udp() -> NonInviteClient {
        NonInviteClient::start(START, &TIMING, false, b"OPTIONS")
    }

    #[test]
    fn timer_e_doubles_up_to_t2_until_timer_f_fires() {
        let mut client = udp();
        for at in [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500] {
            assert_eq!(client.next_deadline(), Some(ms(at)));
            assert_eq!(client.on_timer(ms(at), &TIMING), ClientAction::SendAgain);
            assert_eq!(client.stored(), b"OPTIONS");
        }
        assert_eq!(client.on_timer(ms(32_000), &TIMING), ClientAction::TimedOut);
        assert!(client.is_terminated());
    }

    #[test]
    fn after_a_provisional_response_the_request_is_repeated_every_t2() {
        let mut client = udp();
        assert_eq!(client.on_response(ms(100), &TIMING, 100), ClientAction::Deliver);
        for at in [500, 4_500, 8_500] {
            assert_eq!(client.next_deadline(), Some(ms(at)));
            assert_eq!(client.on_timer(ms(at), &TIMING), ClientAction::SendAgain);
        }
        assert_eq!(client.on_timer(ms(32_000), &TIMING), ClientAction::TimedOut);
    }

    #[test]
    fn timer_k_absorbs_retransmitted_answers() {
        let mut client = udp();
        assert_eq!(client.on_response(ms(100), &TIMING, 200), ClientAction::Deliver);
        assert_eq!(client.on_response(ms(200), &TIMING, 200), ClientAction::Nothing);
        assert!(client.stored().is_empty());
        assert_eq!(client.next_deadline(), Some(ms(5_100)));
        assert_eq!(client.on_timer(ms(5_100), &TIMING), ClientAction::Ended);
    }

    #[test]
    fn over_a_reliable_transport_nothing_is_repeated_and_timer_k_is_zero() {
        let mut client = NonInviteClient::start(START, &TIMING, true, b"OPTIONS");
        assert!(client.stored().is_empty());
        assert_eq!(client.next_deadline(), Some(ms(32_000)));
        client.on_response(ms(10), &TIMING, 100);
        assert_eq!(client.next_deadline(), Some(ms(32_000)));
        assert_eq!(client.on_response(ms(100), &TIMING, 404), ClientAction::Deliver);
        assert!(client.is_terminated());
    }

    #[test]
    fn a_transport_error_ends_it() {
        let mut client = udp();
        assert_eq!(client.on_transport_error(), ClientAction::TransportFailed);
        assert!(client.is_terminated());
    }
}
