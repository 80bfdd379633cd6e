//! CANCEL, the caller's and ours (RFC 3261 section 9).

use super::Calls;
use super::client::{Cancel, Machine, Why};
use super::leg::LegId;
use crate::context::Context;
use crate::flow::Flow;
use crate::proxy::timing;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::NonInviteClient;
use coeur_sip::{Message, Method, StatusCode};

impl Calls {
    /// The caller gives up. Taken only from where the INVITE came, or from where its sender is registered now, as the proxy
    /// does: whoever has seen the branch cannot end the call from elsewhere. False: no INVITE of ours.
    pub(crate) fn cancel(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) -> bool {
        let Some(slot) = self.server_of(message, b"INVITE") else { return false };
        cx.counters.cancels += 1;
        let server = &self.servers[slot as usize];
        let (leg, tag, source) = (server.leg, server.tag.clone(), server.source);
        let party = self.leg(leg).and_then(|leg| leg.end.party);
        let known = (source.transport == flow.transport && source.remote.ip() == flow.remote.ip())
            || party.is_some_and(|party| party.is_registered_over(cx.world, cx.now.monotonic, &flow));
        if !known {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            crate::answer::answer_stranger(cx, &flow, message, status, None, |_| {});
            return true;
        }
        self.answer_over(slot, flow, message);
        cx.session = self.session_of(leg);
        // Section 9.2: the tag that the 487 will have.
        crate::answer::answer_with_tag(cx, &flow, message, StatusCode::OK, &tag);
        let Some(call) = self.leg(leg).map(|leg| leg.call) else { return true };
        let reason = reason_of(message);
        match self.calls.get(call as usize) {
            Some(state) if state.setup.as_ref().is_some_and(|setup| setup.server == Some(slot)) => {
                self.cancel_setup(cx, call, reason);
            }
            Some(state)
                if state
                    .setup
                    .as_ref()
                    .is_some_and(|setup| setup.picker.is_some_and(|picker| picker.server == slot)) =>
            {
                self.cancel_picker(cx, call);
            }
            // A re-INVITE: what it asked for is withdrawn (section 9.2), the call goes on.
            Some(state) if state.modify.as_ref().is_some_and(|modify| modify.server == slot) => {
                self.cancel_modify(cx, call);
            }
            Some(_) | None => {}
        }
        true
    }

    fn cancel_setup(&mut self, cx: &mut Context<'_>, call: u32, reason: Option<Box<[u8]>>) {
        self.calls[call as usize].reason = reason;
        self.end_setup(cx, call, StatusCode::REQUEST_TERMINATED, None);
    }

    /// A leg that is being called is not wanted any more. Its INVITE ends by itself; what it still answers is acknowledged.
    pub(super) fn withdraw(&mut self, cx: &mut Context<'_>, id: LegId, why: Why) {
        if let Some(client) = self.callee(id).and_then(|callee| callee.client) {
            self.cancel_client(cx, client, why);
        }
        self.remove_leg(cx, id);
    }

    /// At once when it has answered provisionally, else when it does (section 9.1).
    pub(super) fn cancel_client(&mut self, cx: &mut Context<'_>, slot: u32, why: Why) {
        let Some(client) = self.clients.get_mut(slot as usize) else { return };
        match (&client.machine, &client.cancel) {
            (Machine::Invite(invite), Cancel::No | Cancel::Wanted(_)) if invite.is_proceeding() => {
                self.send_cancel(cx, slot, why);
            }
            (Machine::Invite(invite), Cancel::No) if invite.awaits_final() => {
                client.cancel = Cancel::Wanted(why);
                client.timer_c = Monotonic::NEVER;
            }
            (Machine::Held(_), _) => {
                let leg = client.leg;
                self.held_no_more(leg, slot);
                self.clients.remove(slot as usize);
            }
            (Machine::Invite(_) | Machine::Other(_), _) => {}
        }
    }

    /// A transaction of its own; the INVITE counts as ended 64*T1 later, whatever comes.
    pub(super) fn send_cancel(&mut self, cx: &mut Context<'_>, slot: u32, why: Why) {
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let Some(span) = self.send_own(cx, slot, Method::Cancel, None, Some(&why)) else { return };
        let client = &mut self.clients[slot as usize];
        let cancel = NonInviteClient::start(now, &timing, client.is_reliable(), cx.outbox.bytes(span));
        client.cancel = Cancel::Sent(Box::new(cancel));
        client.timer_c = Monotonic::NEVER;
        if let Machine::Invite(invite) = &mut client.machine {
            invite.cancelled(now, &timing);
        }
        self.arm_client(now, slot);
    }

    /// What is answered to a CANCEL of ours ends its repetition and nothing else.
    pub(super) fn cancel_answered(&mut self, cx: &mut Context<'_>, slot: u32, status: StatusCode) {
        let client = &mut self.clients[slot as usize];
        if let Cancel::Sent(cancel) = &mut client.cancel {
            cancel.on_response(cx.now.monotonic, &timing(cx.world), status.code());
            if !cancel.awaits_final() {
                client.cancel = Cancel::Over;
            }
        }
    }
}

/// RFC 3326: why it was cancelled, or ended.
pub(super) fn reason_of(message: &Message<'_>) -> Option<Box<[u8]>> {
    message.header(coeur_sip::HeaderName::Reason).map(Into::into)
}
