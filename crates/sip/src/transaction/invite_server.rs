//! The INVITE server transaction: RFC 3261 figure 7 as corrected by RFC 6026 section 7.1.

use super::{ServerAction, Timing, doubled, interval_us, keep};
use crate::time::Monotonic;
use std::time::Duration;

/// The state machine of one INVITE that we received.
pub struct InviteServer {
    state: State,
    reliable: bool,
    /// The last response, for retransmissions. Empty over a reliable transport.
    stored: Box<[u8]>,
}

enum State {
    /// The user works on it; `trying` is when a 100 is due, [`Monotonic::NEVER`] once a response was sent.
    Proceeding {
        trying: Monotonic,
    },
    /// A 300-699 answer was sent and awaits its ACK.
    Completed {
        timer_g: Monotonic,
        interval_us: u32,
        timer_h: Monotonic,
    },
    /// The ACK came; its retransmissions are absorbed until timer I.
    Confirmed {
        timer_i: Monotonic,
    },
    /// A 2xx was sent; retransmitted INVITEs are absorbed and ACKs delivered until timer L.
    Accepted {
        timer_l: Monotonic,
    },
    Terminated,
}

impl InviteServer {
    /// Begins with the INVITE that has just been delivered to the user.
    pub fn start(now: Monotonic, timing: &Timing, reliable: bool) -> InviteServer {
        let trying = now + timing.trying_after;
        InviteServer { state: State::Proceeding { trying }, reliable, stored: Box::default() }
    }

    /// The same INVITE came again.
    pub fn on_retransmission(&mut self) -> ServerAction {
        match self.state {
            State::Proceeding { .. } | State::Completed { .. } if !self.stored.is_empty() => {
                ServerAction::SendAgain
            }
            // In Accepted the user repeats the 2xx (RFC 6026 section 7.1).
            State::Proceeding { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Accepted { .. }
            | State::Terminated => ServerAction::Nothing,
        }
    }

    /// The user hands in a response; it is sent when the action says so.
    pub fn on_response(
        &mut self,
        now: Monotonic,
        timing: &Timing,
        status: u16,
        response: &[u8],
    ) -> ServerAction {
        match self.state {
            State::Proceeding { .. } => {
                self.state = match status {
                    100..=199 => State::Proceeding { trying: Monotonic::NEVER },
                    200..=299 => State::Accepted { timer_l: now + timing.lifetime() },
                    _ => self.completed(now, timing),
                };
                // The 2xx belongs to the user, who repeats it until the ACK (section 13.3.1.4).
                self.stored =
                    if (200..300).contains(&status) { Box::default() } else { keep(response, self.reliable) };
                ServerAction::Send
            }
            // A proxy forwards every 2xx of a forked INVITE (RFC 6026 section 7.1).
            State::Accepted { .. } if (200..300).contains(&status) => ServerAction::Send,
            State::Accepted { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Terminated => ServerAction::Refused,
        }
    }

    fn completed(&self, now: Monotonic, timing: &Timing) -> State {
        // Timer G runs only over an unreliable transport (section 17.2.1).
        let timer_g = if self.reliable { Monotonic::NEVER } else { now + timing.t1 };
        State::Completed { timer_g, interval_us: interval_us(timing.t1), timer_h: now + timing.lifetime() }
    }

    /// The 100 that the owner wrote and sent after [`ServerAction::SendTrying`].
    pub fn keep_trying(&mut self, response: &[u8]) {
        match self.state {
            State::Proceeding { .. } => self.stored = keep(response, self.reliable),
            State::Completed { .. }
            | State::Confirmed { .. }
            | State::Accepted { .. }
            | State::Terminated => {}
        }
    }

    /// An ACK matched the transaction.
    pub fn on_ack(&mut self, now: Monotonic, timing: &Timing) -> ServerAction {
        match self.state {
            State::Completed { .. } if self.reliable => {
                self.terminate();
                ServerAction::Ended
            }
            State::Completed { .. } => {
                self.stored = Box::default();
                self.state = State::Confirmed { timer_i: now + timing.t4 };
                ServerAction::Nothing
            }
            State::Accepted { .. } => ServerAction::DeliverAck,
            State::Proceeding { .. } | State::Confirmed { .. } | State::Terminated => ServerAction::Nothing,
        }
    }

    /// The transport could not carry a response (section 17.2.4). RFC 6026 section 7.1: in Proceeding,
    /// Completed and Accepted the user is told and the state stays.
    pub fn on_transport_error(&mut self) -> ServerAction {
        match self.state {
            State::Proceeding { .. } | State::Completed { .. } | State::Accepted { .. } => {
                ServerAction::TransportFailed
            }
            State::Confirmed { .. } | State::Terminated => ServerAction::Nothing,
        }
    }

    /// `next_deadline` has passed.
    pub fn on_timer(&mut self, now: Monotonic, timing: &Timing) -> ServerAction {
        match &mut self.state {
            State::Proceeding { trying } if trying.is_due(now) => {
                *trying = Monotonic::NEVER;
                ServerAction::SendTrying
            }
            State::Completed { timer_h, .. } if timer_h.is_due(now) => {
                self.terminate();
                ServerAction::AckMissing
            }
            State::Completed { timer_g, interval_us, .. } if timer_g.is_due(now) => {
                *interval_us = doubled(*interval_us, timing.t2);
                *timer_g = now + Duration::from_micros(u64::from(*interval_us));
                ServerAction::SendAgain
            }
            State::Confirmed { timer_i: end } | State::Accepted { timer_l: end } if end.is_due(now) => {
                self.terminate();
                ServerAction::Ended
            }
            State::Proceeding { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Accepted { .. }
            | State::Terminated => ServerAction::Nothing,
        }
    }

    pub fn next_deadline(&self) -> Option<Monotonic> {
        let deadline = match self.state {
            State::Proceeding { trying } => trying,
            State::Completed { timer_g, timer_h, .. } => timer_g.min(timer_h),
            State::Confirmed { timer_i } => timer_i,
            State::Accepted { timer_l } => timer_l,
            State::Terminated => Monotonic::NEVER,
        };
        (deadline != Monotonic::NEVER).then_some(deadline)
    }

    /// What [`ServerAction::SendAgain`] sends.
    pub fn stored(&self) -> &[u8] {
        &self.stored
    }

    /// True while no final response was sent: a CANCEL still has an effect (section 9.2).
    pub fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    /// True once a 2xx was sent.
    pub fn is_accepted(&self) -> bool {
        matches!(self.state, State::Accepted { .. })
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

    fn udp() -> InviteServer {
        InviteServer::start(START, &TIMING, false)
    }

    #[test]
    fn a_silent_user_is_covered_by_a_100_after_200_ms() {
        let mut server = udp();
        assert_eq!(server.next_deadline(), Some(ms(200)));
        assert_eq!(server.on_retransmission(), ServerAction::Nothing);
        assert_eq!(server.on_timer(ms(200), &TIMING), ServerAction::SendTrying);
        server.keep_trying(b"100");
        assert_eq!(server.next_deadline(), None);
        assert_eq!(server.on_retransmission(), ServerAction::SendAgain);
        assert_eq!(server.stored(), b"100");
    }

    #[test]
    fn a_retransmitted_invite_draws_the_most_recent_provisional_response() {
        let mut server = udp();
        assert_eq!(server.on_response(ms(10), &TIMING, 100, b"100"), ServerAction::Send);
        assert_eq!(server.next_deadline(), None);
        assert_eq!(server.on_response(ms(20), &TIMING, 180, b"180"), ServerAction::Send);
        assert_eq!(server.on_retransmission(), ServerAction::SendAgain);
        assert_eq!(server.stored(), b"180");
    }

    #[test]
    fn timer_g_doubles_up_to_t2_until_timer_h_fires() {
        let mut server = udp();
        assert_eq!(server.on_response(ms(0), &TIMING, 486, b"486"), ServerAction::Send);
        for at in [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500] {
            assert_eq!(server.next_deadline(), Some(ms(at)));
            assert_eq!(server.on_timer(ms(at), &TIMING), ServerAction::SendAgain);
        }
        assert_eq!(server.next_deadline(), Some(ms(32_000)));
        assert_eq!(server.on_timer(ms(32_000), &TIMING), ServerAction::AckMissing);
        assert!(server.is_terminated());
    }

    #[test]
    fn over_a_reliable_transport_the_answer_is_not_repeated_but_timer_h_runs() {
        let mut server = InviteServer::start(START, &TIMING, true);
        server.on_response(ms(0), &TIMING, 486, b"486");
        assert!(server.stored().is_empty());
        assert_eq!(server.next_deadline(), Some(ms(32_000)));
        assert_eq!(server.on_timer(ms(32_000), &TIMING), ServerAction::AckMissing);
    }

    #[test]
    fn a_retransmitted_invite_in_completed_draws_the_final_answer() {
        let mut server = udp();
        server.on_response(ms(0), &TIMING, 404, b"404");
        assert_eq!(server.on_retransmission(), ServerAction::SendAgain);
        assert_eq!(server.stored(), b"404");
        assert_eq!(server.on_response(ms(1), &TIMING, 500, b"500"), ServerAction::Refused);
        assert_eq!(server.stored(), b"404");
    }

    #[test]
    fn an_ack_confirms_and_timer_i_absorbs_its_retransmissions() {
        let mut server = udp();
        server.on_response(ms(0), &TIMING, 404, b"404");
        assert_eq!(server.on_ack(ms(100), &TIMING), ServerAction::Nothing);
        assert!(server.stored().is_empty());
        assert_eq!(server.on_ack(ms(200), &TIMING), ServerAction::Nothing);
        assert_eq!(server.on_retransmission(), ServerAction::Nothing);
        assert_eq!(server.next_deadline(), Some(ms(5_100)));
        assert_eq!(server.on_timer(ms(5_100), &TIMING), ServerAction::Ended);
    }

    #[test]
    fn timer_i_is_zero_over_a_reliable_transport() {
        let mut server = InviteServer::start(START, &TIMING, true);
        server.on_response(ms(0), &TIMING, 404, b"404");
        assert_eq!(server.on_ack(ms(100), &TIMING), ServerAction::Ended);
        assert!(server.is_terminated());
    }

    #[test]
    fn a_2xx_is_accepted_and_more_2xx_pass_until_timer_l() {
        let mut server = udp();
        assert_eq!(server.on_response(ms(0), &TIMING, 200, b"200"), ServerAction::Send);
        assert!(server.is_accepted());
        assert_eq!(server.on_retransmission(), ServerAction::Nothing);
        assert_eq!(server.on_response(ms(10), &TIMING, 200, b"200"), ServerAction::Send);
        assert_eq!(server.on_response(ms(10), &TIMING, 486, b"486"), ServerAction::Refused);
        assert_eq!(server.on_ack(ms(20), &TIMING), ServerAction::DeliverAck);
        assert_eq!(server.next_deadline(), Some(ms(32_000)));
        assert_eq!(server.on_timer(ms(32_000), &TIMING), ServerAction::Ended);
    }

    #[test]
    fn an_ack_before_any_final_answer_is_absorbed() {
        let mut server = udp();
        assert_eq!(server.on_ack(ms(0), &TIMING), ServerAction::Nothing);
        assert!(server.is_proceeding());
    }

    #[test]
    fn a_transport_error_is_told_and_the_state_stays() {
        let mut server = udp();
        server.on_response(ms(0), &TIMING, 200, b"200");
        assert_eq!(server.on_transport_error(), ServerAction::TransportFailed);
        assert!(server.is_accepted());
    }
}
