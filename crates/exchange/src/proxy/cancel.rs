//! CANCEL, ours and the caller's (RFC 3261 sections 9 and 16.10).

use super::Proxy;
use super::branch::{Cancel, Client};
use super::server::refuse;
use super::timing;
use crate::answer::{answer_stranger_with_tag, flow_back};
use crate::context::Context;
use crate::flow::Flow;
use coeur_sip::header::HeaderName;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::NonInviteClient;
use coeur_sip::{Message, Method, StatusCode};

impl Proxy {
    /// The caller gives up. A CANCEL is taken only from where the INVITE came, or from where its sender is registered
    /// now (see [`super::ends`]): whoever has seen the branch cannot end the call from elsewhere.
    pub fn cancel(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) {
        let found = self.key(message, b"INVITE").and_then(|key| self.requests_by_key.get(&key).copied());
        let known = found.filter(|index| {
            let request = &self.requests[*index as usize];
            let same = request.source.transport == flow.transport;
            (same && request.source.remote.ip() == flow.remote.ip())
                || request.sender.is_some_and(|p| p.is_registered_over(cx.world, cx.now.monotonic, &flow))
        });
        let Some(index) = known else {
            return refuse(cx, flow, message, StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        };
        cx.counters.cancels += 1;
        let request = &mut self.requests[index as usize];
        if request.source != flow {
            // It speaks from elsewhere now: a mapping of a NAT, or a connection, that it does not use any more would be the
            // end of what is still to be said to it.
            request.reply = flow_back(&flow, message);
        }
        // Section 9.2: the tag that the 487 will have, unless it is a phone's.
        let tag = self.requests[index as usize].to_tag;
        answer_stranger_with_tag(cx, &flow, message, StatusCode::OK, &tag);
        self.give_up(cx, index);
    }

    /// Ends a request that is not answered yet with 487.
    pub(super) fn give_up(&mut self, cx: &mut Context<'_>, index: u32) {
        let request = &mut self.requests[index as usize];
        if !request.is_open() || !request.is_invite() {
            return;
        }
        request.stopped = true;
        request.waiting.clear();
        self.consider(index, 487, &[]);
        self.with_message(index, |proxy, message| {
            proxy.cancel_branches(cx, index, message);
            proxy.settle(cx, index, message);
        });
    }

    /// Asks every pending branch to end: at once when it has answered provisionally, else when it does (section 9.1).
    pub(super) fn cancel_branches(&mut self, cx: &mut Context<'_>, index: u32, stored: &Message<'_>) {
        let slots: Vec<u32> = self.slots_of(index).collect();
        slots.into_iter().for_each(|slot| self.cancel_branch(cx, slot, stored));
    }

    pub(super) fn cancel_branch(&mut self, cx: &mut Context<'_>, slot: u32, stored: &Message<'_>) {
        let branch = &mut self.branches[slot as usize];
        match (&branch.client, &branch.cancel) {
            (Client::Resolving { .. }, _) => self.drop_branch(slot),
            (Client::Invite(client), Cancel::No | Cancel::Wanted) if client.is_proceeding() => {
                self.send_cancel(cx, slot, stored);
            }
            (Client::Invite(client), Cancel::No) if client.awaits_final() => branch.cancel = Cancel::Wanted,
            (Client::Invite(_) | Client::Other(_), _) => {}
        }
    }

    /// A transaction of its own (section 9.1); the INVITE counts as ended 64*T1 later, whatever comes.
    pub(super) fn send_cancel(&mut self, cx: &mut Context<'_>, slot: u32, stored: &Message<'_>) {
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let to = stored.header(HeaderName::To).unwrap_or_default();
        let Some(span) = self.send_own(cx, slot, stored, Method::Cancel, to) else { return };
        let branch = &mut self.branches[slot as usize];
        let cancel = NonInviteClient::start(now, &timing, branch.is_reliable(), cx.outbox.bytes(span));
        branch.cancel = Cancel::Sent(Box::new(cancel));
        branch.timer_c = Monotonic::NEVER;
        if let Client::Invite(client) = &mut branch.client {
            client.cancelled(now, &timing);
        }
        self.arm_branch(now, slot);
    }

    /// What is answered to a CANCEL of ours ends its repetition and nothing else.
    pub(super) fn cancel_answered(&mut self, cx: &mut Context<'_>, slot: u32, status: StatusCode) {
        let branch = &mut self.branches[slot as usize];
        if let Cancel::Sent(cancel) = &mut branch.cancel {
            cancel.on_response(cx.now.monotonic, &timing(cx.world), status.code());
            if !cancel.awaits_final() {
                branch.cancel = Cancel::Over;
            }
        }
    }
}
