//! The non-INVITE server transaction: RFC 3261 figure 8 with the rules of RFC 4320.

use super::{ServerAction, Timing, keep};
use crate::time::Monotonic;

/// The state machine of one request, other than INVITE and ACK, that we received.
pub struct NonInviteServer {
    state: State,
    reliable: bool,
    /// The last response, for retransmissions. Empty over a reliable transport.
    stored: Box<[u8]>,
}

enum State {
    /// The user works on it, nothing was sent. A 100 is due at `trying` and never earlier over an unreliable
    /// transport (RFC 4320 section 4.1).
    Trying {
        trying: Monotonic,
        abandon: Monotonic,
    },
    /// A 100 was sent.
    Proceeding {
        abandon: Monotonic,
    },
    /// The answer was sent and is repeated for each retransmission until timer J.
    Completed {
        timer_j: Monotonic,
    },
    Terminated,
}

impl NonInviteServer {
    /// Begins with the request that has just been delivered to the user.
    pub fn start(now: Monotonic, timing: &Timing, reliable: bool) -> NonInviteServer {
        let trying = now + timing.non_invite_trying_after();
        let abandon = now + timing.lifetime();
        NonInviteServer { state: State::Trying { trying, abandon }, reliable, stored: Box::default() }
    }

    /// The same request came again.
    pub fn on_retransmission(&mut self) -> ServerAction {
        match self.state {
            State::Proceeding { .. } | State::Completed { .. } if !self.stored.is_empty() => {
                ServerAction::SendAgain
            }
            State::Trying { .. } | State::Proceeding { .. } | State::Completed { .. } | State::Terminated => {
                ServerAction::Nothing
            }
        }
    }

    /// The user hands in a response; it is sent when the action says so.
    ///
    /// RFC 4320 section 4.1 allows no provisional response but 100, and that not early over an unreliable
    /// transport; section 4.2 forbids 408, which here ends the transaction in silence.
    pub fn on_response(
        &mut self,
        now: Monotonic,
        timing: &Timing,
        status: u16,
        response: &[u8],
    ) -> ServerAction {
        match self.state {
            State::Trying { trying, abandon } => match status {
                100 if self.reliable || trying.is_due(now) => {
                    self.state = State::Proceeding { abandon };
                    self.stored = keep(response, self.reliable);
                    ServerAction::Send
                }
                100..=199 => ServerAction::Refused,
                _ => self.on_final_response(now, timing, status, response),
            },
            State::Proceeding { .. } => match status {
                100 => {
                    self.stored = keep(response, self.reliable);
                    ServerAction::Send
                }
                101..=199 => ServerAction::Refused,
                _ => self.on_final_response(now, timing, status, response),
            },
            State::Completed { .. } | State::Terminated => ServerAction::Refused,
        }
    }

    fn on_final_response(
        &mut self,
        now: Monotonic,
        timing: &Timing,
        status: u16,
        response: &[u8],
    ) -> ServerAction {
        if status == 408 {
            self.terminate();
            return ServerAction::Refused;
        }
        self.stored = keep(response, self.reliable);
        // Timer J is zero over a reliable transport (section 17.2.2).
        self.state = if self.reliable {
            State::Terminated
        } else {
            State::Completed { timer_j: now + timing.lifetime() }
        };
        ServerAction::Send
    }

    /// The 100 that the owner wrote and sent after [`ServerAction::SendTrying`].
    pub fn keep_trying(&mut self, response: &[u8]) {
        match self.state {
            State::Proceeding { .. } => self.stored = keep(response, self.reliable),
            State::Trying { .. } | State::Completed { .. } | State::Terminated => {}
        }
    }

    /// The transport could not carry a response (section 17.2.4).
    pub fn on_transport_error(&mut self) -> ServerAction {
        match self.state {
            State::Proceeding { .. } | State::Completed { .. } => {
                self.terminate();
                ServerAction::TransportFailed
            }
            State::Trying { .. } | State::Terminated => ServerAction::Nothing,
        }
    }

    /// `next_deadline` has passed.
    pub fn on_timer(&mut self, now: Monotonic, _timing: &Timing) -> ServerAction {
        match self.state {
            State::Trying { abandon, .. } | State::Proceeding { abandon } if abandon.is_due(now) => {
                self.terminate();
                ServerAction::Abandoned
            }
            State::Trying { trying, abandon } if trying.is_due(now) => {
                self.state = State::Proceeding { abandon };
                ServerAction::SendTrying
            }
            State::Completed { timer_j } if timer_j.is_due(now) => {
                self.terminate();
                ServerAction::Ended
            }
            State::Trying { .. } | State::Proceeding { .. } | State::Completed { .. } | State::Terminated => {
                ServerAction::Nothing
            }
        }
    }

    pub fn next_deadline(&self) -> Option<Monotonic> {
        match self.state {
            State::Trying { trying, abandon } => Some(trying.min(abandon)),
            State::Proceeding { abandon } => Some(abandon),
            State::Completed { timer_j } => Some(timer_j),
            State::Terminated => None,
        }
    }

    /// What [`ServerAction::SendAgain`] sends.
    pub fn stored(&self) -> &[u8] {
        &self.stored
    }

    /// True while no final response was sent.
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
    use std::time::Duration;

    const TIMING: Timing = Timing::DEFAULT;
    const START: Monotonic = Monotonic::from_secs(100);

    fn ms(after_start: u64) -> Monotonic {
        START + Duration::from_millis(after_start)
    }

    fn udp() -> NonInviteServer {
        NonInviteServer::start(START, &TIMING, false)
    }

    #[test]
    fn a_retransmission_before_any_response_is_absorbed() {
        assert_eq!(udp().on_retransmission(), ServerAction::Nothing);
    }

    #[test]
    fn the_answer_is_repeated_for_each_retransmission_until_timer_j() {
        let mut server = udp();
        assert_eq!(server.on_response(ms(10), &TIMING, 200, b"200"), ServerAction::Send);
        assert_eq!(server.on_retransmission(), ServerAction::SendAgain);
        assert_eq!(server.on_retransmission(), ServerAction::SendAgain);
        assert_eq!(server.stored(), b"200");
        assert_eq!(server.next_deadline(), Some(ms(32_010)));
        assert_eq!(server.on_timer(ms(32_010), &TIMING), ServerAction::Ended);
        assert!(server.is_terminated());
    }

    #[test]
    fn a_second_final_answer_is_refused() {
        let mut server = udp();
        server.on_response(ms(10), &TIMING, 200, b"200");
        assert_eq!(server.on_response(ms(20), &TIMING, 500, b"500"), ServerAction::Refused);
        assert_eq!(server.stored(), b"200");
    }

    #[test]
    fn timer_j_is_zero_over_a_reliable_transport() {
        let mut server = NonInviteServer::start(START, &TIMING, true);
        assert_eq!(server.on_response(ms(10), &TIMING, 200, b"200"), ServerAction::Send);
        assert!(server.is_terminated());
    }

    #[test]
    fn a_100_leaves_when_timer_e_has_grown_to_t2_and_not_before() {
        let mut server = udp();
        assert_eq!(server.on_response(ms(3_000), &TIMING, 100, b"100"), ServerAction::Refused);
        assert_eq!(server.next_deadline(), Some(ms(3_500)));
        assert_eq!(server.on_timer(ms(3_500), &TIMING), ServerAction::SendTrying);
        server.keep_trying(b"100");
        assert_eq!(server.on_retransmission(), ServerAction::SendAgain);
        assert_eq!(server.stored(), b"100");
    }

    #[test]
    fn over_a_reliable_transport_a_100_may_leave_at_any_time() {
        let mut server = NonInviteServer::start(START, &TIMING, true);
        assert_eq!(server.on_response(ms(1), &TIMING, 100, b"100"), ServerAction::Send);
    }

    #[test]
    fn no_other_provisional_response_answers_a_non_invite_request() {
        let mut server = udp();
        assert_eq!(server.on_response(ms(4_000), &TIMING, 180, b"180"), ServerAction::Refused);
        server.on_timer(ms(4_000), &TIMING);
        assert_eq!(server.on_response(ms(4_100), &TIMING, 183, b"183"), ServerAction::Refused);
    }

    #[test]
    fn a_408_never_answers_a_non_invite_request() {
        let mut server = udp();
        assert_eq!(server.on_response(ms(31_000), &TIMING, 408, b"408"), ServerAction::Refused);
        assert!(server.is_terminated());
        assert_eq!(server.on_retransmission(), ServerAction::Nothing);
    }

    #[test]
    fn an_unanswered_request_is_abandoned_after_64_t1() {
        let mut server = udp();
        server.on_timer(ms(3_500), &TIMING);
        assert_eq!(server.next_deadline(), Some(ms(32_000)));
        assert_eq!(server.on_timer(ms(32_000), &TIMING), ServerAction::Abandoned);
        assert!(server.is_terminated());
    }

    #[test]
    fn a_transport_error_ends_it() {
        let mut server = udp();
        server.on_response(ms(10), &TIMING, 200, b"200");
        assert_eq!(server.on_transport_error(), ServerAction::TransportFailed);
        assert!(server.is_terminated());
    }
}
