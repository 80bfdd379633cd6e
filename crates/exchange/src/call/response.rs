//! What comes back to requests of ours: found by the slot in our branch, heard from where the request went (decision 0009).

use super::Calls;
use super::client::{Cancel, Client, Machine, Purpose};
use super::name::Name;
use crate::context::Context;
use crate::flow::Flow;
use crate::proxy::branch::leads_to;
use crate::proxy::timing;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::ClientAction;
use coeur_sip::{Message, Method, StatusCode};
use std::time::Duration;

impl Calls {
    pub(crate) fn response(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) {
        let Some((slot, status)) = self.client_answered(cx, message) else {
            cx.counters.stray_responses += 1;
            return self.acknowledge_of_before(cx, &flow, message);
        };
        if !answers_from(cx, &self.clients[slot as usize], &flow) {
            cx.counters.responses_from_elsewhere += 1;
            return;
        }
        if message.method() == Method::Cancel {
            return self.cancel_answered(cx, slot, status);
        }
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let action = match &mut self.clients[slot as usize].machine {
            Machine::Invite(client) => client.on_response(now, &timing, status.code()),
            Machine::Other(client) => client.on_response(now, &timing, status.code()),
            // Nothing has left that could be answered.
            Machine::Held(_) => ClientAction::Nothing,
        };
        let invite = self.clients[slot as usize].is_invite();
        match action {
            ClientAction::Deliver if status.is_provisional() => self.provisional(cx, slot, message, status),
            ClientAction::Deliver if invite => self.accepted(cx, slot, message),
            ClientAction::Deliver => self.answered(cx, slot, message, status),
            ClientAction::DeliverAndAck => {
                self.acknowledge_failure(cx, slot, message);
                self.refused(cx, slot, message, status);
            }
            ClientAction::SendAgain => self.send_again(cx, slot),
            ClientAction::Nothing
            | ClientAction::TimedOut
            | ClientAction::TransportFailed
            | ClientAction::Ended => {}
        }
        self.arm_client(now, slot);
        self.reap_client(slot);
    }

    fn client_answered(&self, cx: &Context<'_>, message: &Message<'_>) -> Option<(u32, StatusCode)> {
        let name = Name::of_branch(message.via().ok()?.branch?)?;
        let client = self.clients.get(name.slot as usize)?;
        let method = message.method();
        let method_fits = match &client.machine {
            Machine::Invite(_) => matches!(method, Method::Invite | Method::Cancel),
            Machine::Other(_) => !matches!(method, Method::Invite | Method::Cancel),
            Machine::Held(_) => false,
        };
        let ours = client.name == name && name.shard == cx.mint.shard() && method_fits;
        ours.then_some((name.slot, message.status()?))
    }

    /// Timer C begins anew with every provisional answer but 100 (section 16.7 step 2).
    fn provisional(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>, status: StatusCode) {
        let now = cx.now.monotonic;
        let client = &mut self.clients[slot as usize];
        if !client.is_invite() {
            return;
        }
        let first = client.timer_c == Monotonic::NEVER;
        if !client.is_cancelled() && (first || status != StatusCode::TRYING) {
            client.timer_c = now + Duration::from_millis(u64::from(cx.world.settings.timer_c_ms));
        }
        if let Cancel::Wanted(why) = &client.cancel {
            let why = why.clone();
            return self.send_cancel(cx, slot, why);
        }
        let (leg, purpose) = (client.leg, client.purpose);
        if let Some(speaks) = self.leg_mut(leg).filter(|_| purpose == Purpose::Begin)
            && status != StatusCode::TRYING
        {
            speaks.learn_session(message);
            self.ring(cx, leg, slot, message, status);
        }
    }

    /// A 2xx to INVITE, or another one: each dialog is acknowledged, once and again (section 13.2.2.4).
    fn accepted(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>) {
        let client = &mut self.clients[slot as usize];
        client.timer_c = Monotonic::NEVER;
        let tag = message.to_tag().unwrap_or_default();
        if let Some(known) = client.acks.iter().find(|known| *known.tag == *tag) {
            let span = cx.outbox.write(|out| out.extend_from_slice(&known.ack));
            return cx.outbox.send(client.hop.clone(), span, None);
        }
        let (leg, purpose) = (client.leg, client.purpose);
        match purpose {
            Purpose::Begin => self.begin_accepted(cx, leg, slot, message),
            Purpose::Modify => self.modify_accepted(cx, leg, slot, message),
            Purpose::Refresh => self.refresh_accepted(cx, leg, slot, message),
            Purpose::Follow => self.follow_accepted(cx, leg, slot, message),
            Purpose::Join => self.join_accepted(cx, leg, slot, message),
            Purpose::Pass { .. } | Purpose::Key(_) | Purpose::Notify | Purpose::Told => {}
        }
    }

    /// A final answer to another method.
    fn answered(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>, status: StatusCode) {
        let client = &self.clients[slot as usize];
        let (leg, purpose) = (client.leg, client.purpose);
        if let Some(dialog) = self.leg_mut(leg).and_then(|leg| leg.dialog.as_mut()) {
            // A Contact that cannot be read moves nothing.
            let _ = dialog.on_response(message);
        }
        match purpose {
            Purpose::Pass { server, key } => self.passed(cx, (leg, server), key, message, status),
            Purpose::Key(key) => self.key_answered(cx, leg, key, status),
            Purpose::Modify if status.is_success() => self.modify_accepted(cx, leg, slot, message),
            Purpose::Modify => self.modify_failed(cx, leg, slot, message, status),
            Purpose::Refresh if status.is_success() => self.refresh_accepted(cx, leg, slot, message),
            Purpose::Refresh => self.refresh_failed(cx, leg, status),
            Purpose::Notify => return self.notified(cx, leg, status),
            Purpose::Begin | Purpose::Follow | Purpose::Join | Purpose::Told => return,
        }
        self.end_if_gone(cx, leg, status);
    }

    /// A failure of an INVITE; it is acknowledged already.
    fn refused(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>, status: StatusCode) {
        let client = &mut self.clients[slot as usize];
        client.timer_c = Monotonic::NEVER;
        let (leg, purpose) = (client.leg, client.purpose);
        if let Some(speaks) = self.leg_mut(leg) {
            speaks.learn_session(message);
        }
        match purpose {
            Purpose::Begin => self.begin_refused(cx, leg, slot, message, status),
            Purpose::Modify => self.modify_failed(cx, leg, slot, message, status),
            Purpose::Refresh => self.refresh_failed(cx, leg, status),
            Purpose::Follow => return self.follow_failed(cx, leg, slot, status),
            Purpose::Join => self.join_refused(cx, leg, slot, status),
            Purpose::Pass { .. } | Purpose::Key(_) | Purpose::Notify | Purpose::Told => {}
        }
        if purpose != Purpose::Begin {
            self.end_if_gone(cx, leg, status);
        }
    }

    /// Section 12.2.1.2: 481 and 408 say that the other side has no such dialog any more.
    pub(super) fn end_if_gone(&mut self, cx: &mut Context<'_>, leg: super::leg::LegId, status: StatusCode) {
        if !matches!(status.code(), 408 | 481) {
            return;
        }
        if self.leaves_transfer(cx, leg) {
            return;
        }
        if let Some(leg) = self.leg(leg) {
            self.end_call(cx, leg.call, super::end::By::Leg(leg.id));
        }
    }

    /// The request once more, or the ACK.
    pub(super) fn send_again(&mut self, cx: &mut Context<'_>, slot: u32) {
        let client = &self.clients[slot as usize];
        let span = cx.outbox.write(|out| out.extend_from_slice(client.stored()));
        let token = client.awaits_final().then(|| client.token());
        cx.outbox.send(client.hop.clone(), span, token);
    }
}

/// From where the request went, or from where that device is registered now: its network may change while it rings.
fn answers_from(cx: &Context<'_>, client: &Client, flow: &Flow) -> bool {
    leads_to(&client.hop, flow)
        || client.party.is_some_and(|party| party.is_registered_over(cx.world, cx.now.monotonic, flow))
}
