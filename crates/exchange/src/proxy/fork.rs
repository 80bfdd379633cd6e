//! Trying targets: in parallel within one q, one q after another, an instance's other flows when one fails
//! (RFC 3261 sections 16.6 and 16.7, RFC 5626 section 7, RFC 5393 section 5.3.3).

use super::Owner;
use super::Proxy;
use super::best::{Failure, is_better};
use super::branch::NONE;
use crate::context::Context;
use crate::routing::Target;
use coeur_sip::time::Monotonic;
use coeur_sip::{Message, StatusCode};

impl Proxy {
    /// Looks at what is left to do for a request: try the next targets, or answer.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>, index: u32, message: &Message<'_>) {
        loop {
            // The last branch of a request that has ended takes it along.
            let Some(request) = self.requests.get(index as usize) else { return };
            if !request.is_open() {
                return self.reap(index);
            }
            if self.has_pending(index) {
                return;
            }
            let request = &self.requests[index as usize];
            if !request.stopped && self.is_waking(index) {
                return;
            }
            if request.stopped || request.waiting.is_empty() {
                return self.finish(cx, index, message);
            }
            self.launch_level(cx, index, message);
        }
    }

    /// All targets of the highest q, one for each instance, as many as Max-Breadth lets be tried at once.
    fn launch_level(&mut self, cx: &mut Context<'_>, index: u32, message: &Message<'_>) {
        let request = &mut self.requests[index as usize];
        let breadth = request.breadth;
        let Some(q) = request.waiting.front().map(|target| target.q) else { return };
        if request.waiting.len() == 1 {
            let only = request.waiting.pop_front();
            return only.into_iter().for_each(|target| self.launch(cx, index, message, target, breadth));
        }
        let mut level: Vec<Target> = Vec::new();
        let mut at = 0;
        while at < request.waiting.len() && level.len() < breadth as usize {
            let target = &request.waiting[at];
            let alternative =
                target.instance.is_some() && level.iter().any(|t| t.instance == target.instance);
            if target.q == q && !alternative {
                level.extend(request.waiting.remove(at));
            } else {
                at += 1;
            }
        }
        let share = breadth / level.len().max(1) as u32;
        let rest = breadth % level.len().max(1) as u32;
        for (nth, target) in level.into_iter().enumerate() {
            self.launch(cx, index, message, target, share + u32::from((nth as u32) < rest));
        }
    }

    /// Ends a branch with a failure of ours: 408 or 503.
    pub(super) fn fail_branch(&mut self, slot: u32, status: u16) {
        let branch = &self.branches[slot as usize];
        if !branch.withdrawn {
            self.consider(branch.request, status, &[]);
        }
        self.drop_branch(slot);
    }

    /// Section 16.7 step 6, one answer at a time.
    pub(super) fn consider(&mut self, index: u32, status: u16, bytes: &[u8]) {
        let request = &mut self.requests[index as usize];
        let both_challenge = |a: u16, b: u16| [401, 407].contains(&a) && [401, 407].contains(&b);
        let kept = |best: &Option<Failure>| best.as_ref().map_or(0, |best| best.bytes.len());
        let before = kept(&request.best);
        match &mut request.best {
            Some(best) if both_challenge(best.status, status) => super::best::aggregate(best, bytes),
            Some(best) if !is_better(status, best.status) => {}
            best => *best = Some(Failure { status, bytes: bytes.into() }),
        }
        let after = kept(&request.best);
        self.keeps_instead(index, before, after);
    }

    /// Every branch has ended: the best answer goes back (sections 16.7 steps 6 and 9, RFC 4320 section 4.1).
    fn finish(&mut self, cx: &mut Context<'_>, index: u32, message: &Message<'_>) {
        let request = &mut self.requests[index as usize];
        let best = request.best.take();
        let status = best.as_ref().map_or(StatusCode::TEMPORARILY_UNAVAILABLE.code(), |best| best.status);
        let local = match status {
            // No way to the other end of the dialog is left.
            503 if request.inside && best.as_ref().is_none_or(|best| best.bytes.is_empty()) => {
                StatusCode::TEMPORARILY_UNAVAILABLE
            }
            // A 503 of one target says nothing about us (section 16.7 step 6).
            503 => StatusCode::SERVER_INTERNAL_ERROR,
            // RFC 5626 section 5.3.1: 430 is between edge and authoritative proxy.
            430 => StatusCode::TEMPORARILY_UNAVAILABLE,
            487 if best.as_ref().is_none_or(|b| b.bytes.is_empty()) => StatusCode::REQUEST_TERMINATED,
            // To INVITE only: the server transaction keeps it from anything else (RFC 4320 section 4.2).
            408 => StatusCode::REQUEST_TIMEOUT,
            _ => match best.filter(|best| !best.bytes.is_empty()) {
                Some(best) => {
                    let span = cx.outbox.write(|out| out.extend_from_slice(&best.bytes));
                    let status = StatusCode::new(best.status).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR);
                    return self.answer(cx, index, span, status);
                }
                // A failure of our own, such as a domain that does not exist.
                None => StatusCode::new(status).unwrap_or(StatusCode::TEMPORARILY_UNAVAILABLE),
            },
        };
        self.answer_ourselves(cx, index, message, local);
    }

    pub(super) fn has_pending(&self, index: u32) -> bool {
        self.slots_of(index).any(|slot| self.branches[slot as usize].is_pending())
    }

    pub(super) fn slots_of(&self, index: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = self.requests.get(index as usize).map_or(NONE, |request| request.first_branch);
        std::iter::from_fn(move || {
            let slot = next;
            next = self.branches.get(slot as usize)?.next;
            Some(slot)
        })
    }

    /// Takes a branch out of its request's list and forgets it.
    pub(super) fn drop_branch(&mut self, slot: u32) {
        let Some(branch) = self.branches.try_remove(slot as usize) else { return };
        let request = &mut self.requests[branch.request as usize];
        if request.first_branch == slot {
            request.first_branch = branch.next;
        } else {
            let mut at = request.first_branch;
            while let Some(other) = self.branches.get_mut(at as usize) {
                if other.next == slot {
                    other.next = branch.next;
                    break;
                }
                at = other.next;
            }
        }
        self.reap(branch.request);
    }

    /// An entry that fires too early is armed again, so a later deadline needs no entry of its own.
    pub(super) fn arm_branch(&mut self, now: Monotonic, slot: u32) {
        let branch = &mut self.branches[slot as usize];
        let at = branch.next_deadline();
        if at < branch.armed {
            branch.armed = at;
            self.wheel.arm(now, at, Owner::Branch(slot), branch.serial);
        }
    }
}
