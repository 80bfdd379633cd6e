//! CANCEL, ours and the caller's (RFC 3261 sections 9 and 16.10).

use super::Proxy;
use super::branch::{BranchState, Cancel};
use super::fork::timer_b;
use super::request::ServerState;
use super::server::refuse;
use crate::context::Context;
use crate::flow::Flow;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, Method, StatusCode};
use std::time::Duration;

impl Proxy {
    /// The caller gives up. A CANCEL is taken only from where the INVITE came, or from where its sender is registered
    /// now (see [`super::ends`]): whoever has seen the branch cannot end the call from elsewhere.
    pub fn cancel(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) {
        cx.counters.cancels += 1;
        let found = self.key(message, b"INVITE").and_then(|key| self.requests_by_key.get(&key).copied());
        let known = found.filter(|index| {
            let request = &self.requests[*index as usize];
            let same = request.source.transport == flow.transport;
            (same && request.source.remote.ip() == flow.remote.ip())
                || request.sender.is_some_and(|p| p.is_registered_over(cx.world, cx.now.monotonic, &flow))
        });
        let Some(index) = known else {
            return refuse(cx, flow, message, StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST, &[]);
        };
        refuse(cx, flow, message, StatusCode::OK, &[]);
        self.give_up(cx, index);
    }

    /// Ends a request that is not answered yet with 487.
    pub(super) fn give_up(&mut self, cx: &mut Context<'_>, index: u32) {
        let request = &mut self.requests[index as usize];
        if request.state != ServerState::Proceeding || !request.invite {
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
        match (branch.state, branch.cancel) {
            (BranchState::Resolving, _) => self.drop_branch(slot),
            (BranchState::Calling, Cancel::No) => branch.cancel = Cancel::Wanted,
            (BranchState::Proceeding, Cancel::No | Cancel::Wanted) => self.send_cancel(cx, slot, stored),
            (BranchState::Calling | BranchState::Proceeding, _) => {}
            (BranchState::Accepted | BranchState::Completed, _) => {}
        }
    }

    pub(super) fn send_cancel(&mut self, cx: &mut Context<'_>, slot: u32, stored: &Message<'_>) {
        let now = cx.now.monotonic;
        let to = stored.header(HeaderName::To).unwrap_or_default();
        self.send_own(cx, slot, stored, Method::Cancel, to);
        let branch = &mut self.branches[slot as usize];
        branch.cancel = Cancel::Sent;
        // Section 9.1: after 64*T1 without a final answer the transaction counts as cancelled.
        branch.ends = now + timer_b(cx.world);
        branch.interval_ms = cx.world.settings.t1_ms;
        let first = if branch.sent.is_empty() {
            branch.ends
        } else {
            now + Duration::from_millis(u64::from(branch.interval_ms))
        };
        self.arm_branch(now, slot, first);
    }
}
