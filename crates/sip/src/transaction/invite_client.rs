//! The INVITE client transaction: RFC 3261 figure 5 as corrected by RFC 6026 section 7.2.

use super::{ClientAction, Timing, doubled, interval_us, keep};
use crate::time::Monotonic;
use std::time::Duration;

/// The state machine of one INVITE that we sent.
pub struct InviteClient {
    state: State,
    reliable: bool,
    /// The request while it may be repeated, then the ACK. Empty over a reliable transport.
    stored: Box<[u8]>,
}

enum State {
    /// Sent, nothing heard.
    Calling {
        timer_a: Monotonic,
        interval_us: u32,
        timer_b: Monotonic,
    },
    /// A provisional response came.
    Proceeding {
        give_up: Monotonic,
    },
    /// A 300-699 response came and was acknowledged; its retransmissions are acknowledged until timer D.
    Completed {
        timer_d: Monotonic,
    },
    /// A 2xx came; more of them (from other branches of a fork) are delivered until timer M.
    Accepted {
        timer_m: Monotonic,
    },
    Terminated,
}

impl InviteClient {
    /// Begins with the request that the owner has just sent.
    pub fn start(now: Monotonic, timing: &Timing, reliable: bool, request: &[u8]) -> InviteClient {
        // Timer A runs only over an unreliable transport (section 17.1.1.2).
        let timer_a = if reliable { Monotonic::NEVER } else { now + timing.t1 };
        let timer_b = now + timing.lifetime();
        InviteClient {
            state: State::Calling { timer_a, interval_us: interval_us(timing.t1), timer_b },
            reliable,
            stored: keep(request, reliable),
        }
    }

    /// A response with this status matched the transaction.
    pub fn on_response(&mut self, now: Monotonic, timing: &Timing, status: u16) -> ClientAction {
        match self.state {
            State::Calling { .. } => match status {
                100..=199 => {
                    self.stored = Box::default();
                    self.state = State::Proceeding { give_up: Monotonic::NEVER };
                    ClientAction::Deliver
                }
                _ => self.on_final_response(now, timing, status),
            },
            State::Proceeding { .. } => match status {
                100..=199 => ClientAction::Deliver,
                _ => self.on_final_response(now, timing, status),
            },
            // Retransmissions of the answer are acknowledged, not delivered. A 2xx cannot follow.
            State::Completed { .. } => match status {
                300..=699 if !self.stored.is_empty() => ClientAction::SendAgain,
                _ => ClientAction::Nothing,
            },
            // RFC 6026 section 7.2: each 2xx goes to the user; what is not one is late and dropped.
            State::Accepted { .. } => match status {
                200..=299 => ClientAction::Deliver,
                _ => ClientAction::Nothing,
            },
            State::Terminated => ClientAction::Nothing,
        }
    }

    fn on_final_response(&mut self, now: Monotonic, timing: &Timing, status: u16) -> ClientAction {
        self.stored = Box::default();
        if status < 300 {
            self.state = State::Accepted { timer_m: now + timing.lifetime() };
            return ClientAction::Deliver;
        }
        // Timer D is zero over a reliable transport: Completed is left at once (section 17.1.1.2).
        self.state = if self.reliable {
            State::Terminated
        } else {
            State::Completed { timer_d: now + timing.timer_d() }
        };
        ClientAction::DeliverAndAck
    }

    /// The ACK that the owner wrote and sent after [`ClientAction::DeliverAndAck`].
    pub fn keep_ack(&mut self, ack: &[u8]) {
        match self.state {
            State::Completed { .. } => self.stored = keep(ack, self.reliable),
            State::Calling { .. } | State::Proceeding { .. } | State::Accepted { .. } | State::Terminated => {
            }
        }
    }

    /// The owner has sent a CANCEL: if no final response follows within 64*T1, the transaction ends
    /// (section 9.1).
    pub fn cancelled(&mut self, now: Monotonic, timing: &Timing) {
        match &mut self.state {
            State::Proceeding { give_up } => *give_up = (*give_up).min(now + timing.lifetime()),
            State::Calling { .. } | State::Completed { .. } | State::Accepted { .. } | State::Terminated => {}
        }
    }

    /// The transport could not carry what was sent (section 17.1.4). In Accepted nothing of this transaction
    /// is on its way, so nothing changes.
    pub fn on_transport_error(&mut self) -> ClientAction {
        match self.state {
            State::Calling { .. } | State::Completed { .. } => {
                self.terminate();
                ClientAction::TransportFailed
            }
            State::Proceeding { .. } | State::Accepted { .. } | State::Terminated => ClientAction::Nothing,
        }
    }

    /// `next_deadline` has passed.
    pub fn on_timer(&mut self, now: Monotonic, timing: &Timing) -> ClientAction {
        match &mut self.state {
            State::Calling { timer_b, .. } if timer_b.is_due(now) => {
                self.terminate();
                ClientAction::TimedOut
            }
            State::Calling { timer_a, interval_us, .. } if timer_a.is_due(now) => {
                // Timer A doubles without a bound (section 17.1.1.2); timer B ends it.
                *interval_us = doubled(*interval_us, Duration::from_secs(3_600).max(timing.t2));
                *timer_a = now + Duration::from_micros(u64::from(*interval_us));
                ClientAction::SendAgain
            }
            State::Proceeding { give_up } if give_up.is_due(now) => {
                self.terminate();
                ClientAction::TimedOut
            }
            State::Completed { timer_d: end } | State::Accepted { timer_m: end } if end.is_due(now) => {
                self.terminate();
                ClientAction::Ended
            }
            State::Calling { .. }
            | State::Proceeding { .. }
            | State::Completed { .. }
            | State::Accepted { .. }
            | State::Terminated => ClientAction::Nothing,
        }
    }

    pub fn next_deadline(&self) -> Option<Monotonic> {
        let deadline = match self.state {
            State::Calling { timer_a, timer_b, .. } => timer_a.min(timer_b),
            State::Proceeding { give_up } => give_up,
            State::Completed { timer_d } => timer_d,
            State::Accepted { timer_m } => timer_m,
            State::Terminated => Monotonic::NEVER,
        };
        (deadline != Monotonic::NEVER).then_some(deadline)
    }

    /// What [`ClientAction::SendAgain`] sends.
    pub fn stored(&self) -> &[u8] {
        &self.stored
    }

    /// True once a provisional response came and no final one: only then may a CANCEL be sent (section 9.1).
    pub fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    /// True while no final response came.
    pub fn awaits_final(&self) -> bool {
        matches!(self.state, State::Calling { .. } | State::Proceeding { .. })
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

    fn udp() -> InviteClient {
        InviteClient::start(START, &TIMING, false, b"INVITE")
    }

    fn tcp() -> InviteClient {
        InviteClient::start(START, &TIMING, true, b"INVITE")
    }

    #[test]
    fn timer_a_doubles_until_timer_b_fires() {
        let mut client = udp();
        for at in [500, 1_500, 3_500, 7_500, 15_500, 31_500] {
            assert_eq!(client.next_deadline(), Some(ms(at)));
            assert_eq!(client.on_timer(ms(at), &TIMING), ClientAction::SendAgain);
            assert_eq!(client.stored(), b"INVITE");
        }
        assert_eq!(client.next_deadline(), Some(ms(32_000)));
        assert_eq!(client.on_timer(ms(32_000), &TIMING), ClientAction::TimedOut);
        assert!(client.is_terminated());
        assert_eq!(client.next_deadline(), None);
    }

    #[test]
    fn a_timer_that_is_not_due_does_nothing() {
        let mut client = udp();
        assert_eq!(client.on_timer(ms(499), &TIMING), ClientAction::Nothing);
        assert_eq!(client.next_deadline(), Some(ms(500)));
    }

    #[test]
    fn over_a_reliable_transport_nothing_is_stored_or_repeated() {
        let mut client = tcp();
        assert!(client.stored().is_empty());
        assert_eq!(client.next_deadline(), Some(ms(32_000)));
        assert_eq!(client.on_timer(ms(500), &TIMING), ClientAction::Nothing);
        assert_eq!(client.on_timer(ms(32_000), &TIMING), ClientAction::TimedOut);
    }

    #[test]
    fn a_provisional_response_stops_timers_a_and_b() {
        let mut client = udp();
        assert_eq!(client.on_response(ms(10), &TIMING, 100), ClientAction::Deliver);
        assert_eq!(client.next_deadline(), None);
        assert!(client.stored().is_empty());
        assert_eq!(client.on_response(ms(20), &TIMING, 180), ClientAction::Deliver);
        assert_eq!(client.on_timer(ms(60_000), &TIMING), ClientAction::Nothing);
        assert!(client.is_proceeding());
    }

    #[test]
    fn a_300_to_699_answer_is_delivered_once_and_each_retransmission_acknowledged_until_timer_d() {
        let mut client = udp();
        assert_eq!(client.on_response(ms(10), &TIMING, 486), ClientAction::DeliverAndAck);
        client.keep_ack(b"ACK");
        assert_eq!(client.on_response(ms(510), &TIMING, 486), ClientAction::SendAgain);
        assert_eq!(client.stored(), b"ACK");
        assert_eq!(client.on_response(ms(600), &TIMING, 180), ClientAction::Nothing);
        assert_eq!(client.on_response(ms(700), &TIMING, 200), ClientAction::Nothing);
        assert_eq!(client.next_deadline(), Some(ms(32_010)));
        assert_eq!(client.on_timer(ms(32_010), &TIMING), ClientAction::Ended);
        assert!(client.is_terminated());
    }

    #[test]
    fn timer_d_is_at_least_32_seconds_and_zero_over_a_reliable_transport() {
        let quick = Timing { t1: Duration::from_millis(10), ..TIMING };
        let mut client = InviteClient::start(START, &quick, false, b"INVITE");
        client.on_response(ms(0), &quick, 404);
        assert_eq!(client.next_deadline(), Some(ms(32_000)));
        let mut client = tcp();
        assert_eq!(client.on_response(ms(0), &TIMING, 404), ClientAction::DeliverAndAck);
        assert!(client.is_terminated());
    }

    #[test]
    fn every_2xx_is_delivered_until_timer_m() {
        let mut client = tcp();
        assert_eq!(client.on_response(ms(10), &TIMING, 200), ClientAction::Deliver);
        assert_eq!(client.on_response(ms(20), &TIMING, 200), ClientAction::Deliver);
        assert_eq!(client.on_response(ms(30), &TIMING, 486), ClientAction::Nothing);
        assert_eq!(client.on_response(ms(30), &TIMING, 180), ClientAction::Nothing);
        assert_eq!(client.next_deadline(), Some(ms(32_010)));
        assert_eq!(client.on_timer(ms(32_010), &TIMING), ClientAction::Ended);
        assert_eq!(client.on_response(ms(32_020), &TIMING, 200), ClientAction::Nothing);
    }

    #[test]
    fn a_cancelled_invite_ends_when_no_final_response_comes_in_64_t1() {
        let mut client = udp();
        client.on_response(ms(10), &TIMING, 180);
        client.cancelled(ms(1_000), &TIMING);
        assert_eq!(client.next_deadline(), Some(ms(33_000)));
        assert_eq!(client.on_response(ms(2_000), &TIMING, 180), ClientAction::Deliver);
        assert_eq!(client.on_timer(ms(33_000), &TIMING), ClientAction::TimedOut);
        assert!(client.is_terminated());
    }

    #[test]
    fn a_transport_error_ends_it_while_calling_or_acknowledging() {
        let mut client = udp();
        assert_eq!(client.on_transport_error(), ClientAction::TransportFailed);
        assert!(client.is_terminated());
        let mut client = udp();
        client.on_response(ms(0), &TIMING, 503);
        assert_eq!(client.on_transport_error(), ClientAction::TransportFailed);
        let mut client = udp();
        client.on_response(ms(0), &TIMING, 200);
        assert_eq!(client.on_transport_error(), ClientAction::Nothing);
        assert!(!client.is_terminated());
    }
}
