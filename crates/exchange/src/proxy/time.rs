//! What happens when a timer fires.

use super::Proxy;
use super::branch::{BranchState, Cancel};
use super::request::ServerState;
use super::timers::Owner;
use crate::context::Context;
use crate::flow::Hop;
use crate::outbox::SendToken;
use coeur_sip::StatusCode;
use std::time::Duration;

impl Proxy {
    pub fn tick(&mut self, cx: &mut Context<'_>) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.advance(cx.now.monotonic, &mut due);
        for entry in due.drain(..) {
            match entry.owner {
                Owner::Request(index) => self.request_due(cx, index, entry.serial),
                Owner::Branch(slot) => self.branch_due(cx, slot, entry.serial),
            }
        }
        self.due = due;
    }

    fn request_due(&mut self, cx: &mut Context<'_>, index: u32, serial: u32) {
        let now = cx.now.monotonic;
        let Some(request) = self.requests.get_mut(index as usize).filter(|r| r.serial == serial) else {
            return;
        };
        if request.deadline > now {
            let at = request.deadline;
            return self.wheel.arm(now, at, Owner::Request(index), serial);
        }
        match request.state {
            ServerState::Proceeding | ServerState::Terminated => {}
            // Timer G: the answer again, at most every T2.
            ServerState::Completed if request.ends > now && !request.last.is_empty() => {
                let span = cx.outbox.write(|out| out.extend_from_slice(&request.last));
                cx.outbox.send(Hop::Flow(request.reply), span, None);
                request.interval_ms = (request.interval_ms * 2).min(cx.world.settings.t2_ms);
                let next = now + Duration::from_millis(u64::from(request.interval_ms));
                let at = next.min(request.ends);
                self.arm_request(now, index, at);
            }
            // Timers H, I, J, L.
            ServerState::Completed
            | ServerState::Confirmed
            | ServerState::Answered
            | ServerState::Accepted => {
                request.state = ServerState::Terminated;
                request.last = Box::default();
                self.reap(index);
            }
        }
    }

    fn branch_due(&mut self, cx: &mut Context<'_>, slot: u32, serial: u32) {
        let now = cx.now.monotonic;
        let Some(branch) = self.branches.get_mut(slot as usize).filter(|b| b.serial == serial) else {
            return;
        };
        if branch.deadline > now {
            let at = branch.deadline;
            return self.wheel.arm(now, at, Owner::Branch(slot), serial);
        }
        if branch.ends <= now {
            return self.branch_over(cx, slot);
        }
        let invite = self.requests[branch.request as usize].invite;
        let repeats = match branch.state {
            BranchState::Calling => true,
            BranchState::Proceeding => !invite || branch.cancel == Cancel::Sent,
            BranchState::Resolving | BranchState::Accepted | BranchState::Completed => false,
        };
        let mut at = branch.ends;
        if repeats && !branch.sent.is_empty() {
            // Timers A and E.
            let span = cx.outbox.write(|out| out.extend_from_slice(&branch.sent));
            cx.outbox.send(branch.hop.clone(), span, Some(SendToken(branch.token())));
            let doubled = branch.interval_ms.saturating_mul(2);
            let invite_itself = invite && branch.cancel != Cancel::Sent;
            branch.interval_ms = if invite_itself { doubled } else { doubled.min(cx.world.settings.t2_ms) };
            at = at.min(now + Duration::from_millis(u64::from(branch.interval_ms)));
        }
        branch.deadline = now;
        self.arm_branch(now, slot, at);
    }

    /// Timers B and F, C, D, M, and the end of a cancelled branch.
    fn branch_over(&mut self, cx: &mut Context<'_>, slot: u32) {
        let branch = &self.branches[slot as usize];
        let index = branch.request;
        let invite = self.requests[index as usize].invite;
        match (branch.state, branch.cancel) {
            (BranchState::Accepted | BranchState::Completed, _) => self.drop_branch(slot),
            // Timer C (section 16.8): cancelled; the 487, or its absence, ends it.
            (BranchState::Proceeding, Cancel::No | Cancel::Wanted) if invite => {
                cx.counters.timer_c_fired += 1;
                self.with_message(index, |proxy, stored| proxy.send_cancel(cx, slot, stored));
                self.consider(index, StatusCode::REQUEST_TIMEOUT.code(), &[]);
            }
            (BranchState::Resolving | BranchState::Calling | BranchState::Proceeding, _) => {
                self.with_message(index, |proxy, stored| {
                    proxy.next_way(cx, slot, stored, StatusCode::REQUEST_TIMEOUT.code());
                    proxy.settle(cx, index, stored);
                });
            }
        }
    }
}
