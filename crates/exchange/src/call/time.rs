//! What happens when a timer fires, or when something could not be sent.

use super::client::{Cancel, Machine, Purpose, Why, of_token};
use super::leg::LegId;
use super::{Calls, Owner};
use crate::context::Context;
use crate::outbox::SendToken;
use crate::proxy::timing;
use coeur_sip::StatusCode;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::ClientAction;

impl Calls {
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.advance(cx.now.monotonic, &mut due);
        for entry in due.drain(..) {
            match entry.owner {
                Owner::Client(slot) => self.client_due(cx, slot, entry.serial),
                Owner::Server(slot) => self.server_due(cx, slot, entry.serial),
                Owner::Leg(slot) => self.leg_due(cx, LegId { slot, serial: entry.serial }),
                Owner::Awaited(slot) => self.awaited_due(cx, slot, entry.serial),
                Owner::Waking(call) => self.waking_due(cx, call, entry.serial),
            }
        }
        self.due = due;
    }

    /// Timers A to F, K and M of a request of ours, timer C, and timer E of its CANCEL.
    fn client_due(&mut self, cx: &mut Context<'_>, slot: u32, serial: u32) {
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let Some(client) = self.clients.get_mut(slot as usize).filter(|c| c.serial == serial) else { return };
        client.armed = Monotonic::NEVER;
        self.repeat_cancel(cx, slot);
        let client = &mut self.clients[slot as usize];
        let action = match &mut client.machine {
            Machine::Invite(invite) => invite.on_timer(now, &timing),
            Machine::Other(other) => other.on_timer(now, &timing),
            Machine::Held(_) => return self.held_due(cx, slot),
        };
        let (leg, purpose, timer_c) = (client.leg, client.purpose, client.timer_c.is_due(now));
        match action {
            ClientAction::SendAgain => self.send_again(cx, slot),
            ClientAction::TimedOut => {
                self.reap_client(slot);
                return self.failed_to_answer(cx, leg, (slot, purpose), StatusCode::REQUEST_TIMEOUT);
            }
            ClientAction::Nothing if timer_c => {
                cx.counters.timer_c_fired += 1;
                self.rang_too_long(cx, leg, slot, purpose);
            }
            ClientAction::Nothing
            | ClientAction::Ended
            | ClientAction::Deliver
            | ClientAction::DeliverAndAck
            | ClientAction::TransportFailed => {}
        }
        self.arm_client(now, slot);
        self.reap_client(slot);
    }

    fn repeat_cancel(&mut self, cx: &mut Context<'_>, slot: u32) {
        let timing = timing(cx.world);
        let client = &mut self.clients[slot as usize];
        let Cancel::Sent(cancel) = &mut client.cancel else { return };
        match cancel.on_timer(cx.now.monotonic, &timing) {
            ClientAction::SendAgain => {
                let span = cx.outbox.write(|out| out.extend_from_slice(cancel.stored()));
                cx.outbox.send(client.hop.clone(), span, Some(client.token()));
            }
            ClientAction::TimedOut => client.cancel = Cancel::Over,
            ClientAction::Nothing
            | ClientAction::Deliver
            | ClientAction::DeliverAndAck
            | ClientAction::TransportFailed
            | ClientAction::Ended => {}
        }
    }

    /// Section 16.8: nobody takes off for three minutes. The leg is given up and counts as 408.
    fn rang_too_long(&mut self, cx: &mut Context<'_>, leg: LegId, slot: u32, purpose: Purpose) {
        self.clients[slot as usize].timer_c = Monotonic::NEVER;
        self.cancel_client(cx, slot, Why::GivenUp);
        let Some(call) = self.leg(leg).map(|leg| leg.call) else { return };
        match purpose {
            Purpose::Begin => {
                self.leg_failed(cx, leg, StatusCode::REQUEST_TIMEOUT.code());
                self.settle(cx, call);
            }
            Purpose::Modify if self.is_modifying(call, slot) => {
                self.modify_refused(cx, call, StatusCode::REQUEST_TIMEOUT);
            }
            Purpose::Refresh => self.refresh_failed(cx, leg, StatusCode::REQUEST_TIMEOUT),
            // We have cancelled it: nothing says that the dialog is gone.
            Purpose::Follow => self.follow_failed(cx, leg, slot, StatusCode::REQUEST_TERMINATED),
            Purpose::Join => self.join_refused(cx, leg, slot, StatusCode::REQUEST_TIMEOUT),
            Purpose::Key(key) => self.key_answered(cx, leg, key, StatusCode::REQUEST_TIMEOUT),
            Purpose::Modify | Purpose::Pass { .. } | Purpose::Notify | Purpose::Told => {}
        }
    }

    /// A request could not leave.
    pub(crate) fn send_failed(&mut self, cx: &mut Context<'_>, token: SendToken) {
        cx.counters.send_failures += 1;
        let (slot, serial) = of_token(token.0);
        let Some(client) = self.clients.get_mut(slot as usize).filter(|c| c.serial == serial) else { return };
        let waits = client.awaits_final();
        let action = match &mut client.machine {
            Machine::Invite(invite) => invite.on_transport_error(),
            Machine::Other(other) => other.on_transport_error(),
            Machine::Held(_) => ClientAction::Nothing,
        };
        let (leg, purpose) = (client.leg, client.purpose);
        let has_failed = action == ClientAction::TransportFailed && waits;
        if has_failed && self.hold_request(cx, slot) {
            return;
        }
        self.reap_client(slot);
        if has_failed {
            self.failed_to_answer(cx, leg, (slot, purpose), StatusCode::SERVICE_UNAVAILABLE);
        }
    }

    /// A request of ours has drawn no answer (408), could not be sent (503; section 8.1.3.1), or was held in vain (480). Inside
    /// a dialog silence ends it (section 12.2.1.2); a flow that is gone does not: the phone may come back over another.
    pub(super) fn failed_to_answer(
        &mut self,
        cx: &mut Context<'_>,
        leg: LegId,
        (slot, purpose): (u32, Purpose),
        status: StatusCode,
    ) {
        let Some(call) = self.leg(leg).map(|leg| leg.call) else { return };
        match purpose {
            Purpose::Begin => return self.next_way(cx, leg, status.code()),
            Purpose::Modify if self.is_modifying(call, slot) => self.modify_refused(cx, call, status),
            Purpose::Modify => {}
            Purpose::Refresh => self.refresh_failed(cx, leg, status),
            Purpose::Follow => return self.follow_failed(cx, leg, slot, status),
            Purpose::Key(key) => return self.key_answered(cx, leg, key, status),
            Purpose::Pass { server, .. } => {
                self.answer_plain(cx, server, StatusCode::TEMPORARILY_UNAVAILABLE);
            }
            Purpose::Join => self.join_refused(cx, leg, slot, status),
            Purpose::Notify => return self.notified(cx, leg, status),
            Purpose::Told => return,
        }
        self.end_if_gone(cx, leg, status);
    }

    fn leg_due(&mut self, cx: &mut Context<'_>, id: LegId) {
        let now = cx.now.monotonic;
        let Some(leg) = self.leg_mut(id) else { return };
        leg.armed = Monotonic::NEVER;
        let call = leg.call;
        if leg.callee.as_ref().is_some_and(|callee| callee.until.is_due(now)) {
            self.leg_failed(cx, id, StatusCode::REQUEST_TIMEOUT.code());
            return self.settle(cx, call);
        }
        if leg.alarm.is_due(now) {
            leg.alarm = Monotonic::NEVER;
            self.alarm(cx, id);
        }
        if let Some(leg) = self.leg_mut(id)
            && leg.look_at.is_due(now)
        {
            leg.look_at = Monotonic::NEVER;
            self.look(cx, call);
        }
        if let Some(leg) = self.leg_mut(id)
            && leg.direct.look_at.is_due(now)
        {
            leg.direct.look_at = Monotonic::NEVER;
            self.direct_due(cx, call);
        }
        self.reliable_due(cx, id);
        self.session_due(cx, id);
        self.arm_leg(now, id);
    }
}
