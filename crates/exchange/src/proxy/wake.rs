//! The target of a request sleeps (RFC 8599 section 5.6.2): it is woken, the request waits, and when the device registers it goes
//! there. See [`crate::push::Sleepers`], and `call/wake` for calls of two legs.

use super::branch::Client;
use super::{Owner, Proxy};
use crate::context::Context;
use crate::push::{LOOK_EVERY, Reason, Sleepers, Step, Tried};
use crate::routing::Target;
use coeur_sip::{Message, StatusCode};
use std::collections::BTreeMap;

/// A branch for as long as it lives: slot and serial.
type BranchId = (u32, u32);

/// By request, with its serial and the share of Max-Breadth for who is woken.
#[derive(Default)]
pub(super) struct Waking(BTreeMap<u32, Waits>);

struct Waits {
    serial: u32,
    breadth: u32,
    sleepers: Sleepers<BranchId>,
}

impl Proxy {
    pub(super) fn wake(&mut self, cx: &mut Context<'_>, index: u32, target: &Target, breadth: u32) {
        let request = &mut self.requests[index as usize];
        if request.tried >= cx.world.settings.branches_max {
            cx.counters.limits_hit += 1;
            return;
        }
        request.tried += 1;
        self.wait_for(cx, index, target, breadth, None);
    }

    /// A device that can be woken, over the connection that it had last.
    pub(super) fn wake_if_silent(&mut self, cx: &mut Context<'_>, slot: u32) {
        let branch = &self.branches[slot as usize];
        // Inside a dialog the device has been awake.
        if branch.target.push.is_none() || self.requests[branch.request as usize].inside {
            return;
        }
        let (index, target, breadth) = (branch.request, branch.target.clone(), branch.breadth);
        let id = (slot, branch.serial);
        self.wait_for(cx, index, &target, breadth, Some(id));
    }

    fn wait_for(
        &mut self,
        cx: &mut Context<'_>,
        index: u32,
        target: &Target,
        breadth: u32,
        tried: Option<BranchId>,
    ) {
        let request = &self.requests[index as usize];
        let (serial, reason) =
            (request.serial, if request.is_invite() { Reason::Call } else { Reason::Message });
        if self.waking.0.get(&index).is_none_or(|waits| waits.serial != serial) {
            let sleepers = Sleepers::new(cx, reason);
            self.waking.0.insert(index, Waits { serial, breadth, sleepers });
            let now = cx.now.monotonic;
            self.wheel.arm(now, now + LOOK_EVERY, Owner::Waking(index), serial);
        }
        if let Some(waits) = self.waking.0.get_mut(&index) {
            waits.sleepers.add(cx, target, tried);
        }
    }

    pub(super) fn is_waking(&self, index: u32) -> bool {
        let serial = self.requests.get(index as usize).map(|request| request.serial);
        let waits = self.waking.0.get(&index);
        waits.is_some_and(|waits| Some(waits.serial) == serial && !waits.sleepers.is_empty())
    }

    /// The device has refused: it needs no waking.
    pub(super) fn is_awake(&mut self, slot: u32) {
        let branch = &self.branches[slot as usize];
        if let Some(waits) = self.waking.0.get_mut(&branch.request) {
            waits.sleepers.forget((slot, branch.serial));
        }
    }

    pub(super) fn waking_due(&mut self, cx: &mut Context<'_>, index: u32, serial: u32) {
        let Some(mut waits) = self.waking.0.remove(&index) else { return };
        if waits.serial != serial {
            // Of a request that has this place now, which has a timer of its own.
            self.waking.0.insert(index, waits);
            return;
        }
        let request = self.requests.get(index as usize).filter(|request| request.serial == serial);
        if request.is_none_or(|request| request.stopped || !request.is_open()) {
            return;
        }
        let (steps, breadth) = (waits.sleepers.look(cx, |branch| self.what_became_of(branch)), waits.breadth);
        if !waits.sleepers.is_empty() {
            self.waking.0.insert(index, waits);
            let now = cx.now.monotonic;
            self.wheel.arm(now, now + LOOK_EVERY, Owner::Waking(index), serial);
        }
        self.with_message(index, |proxy, message| {
            for step in steps {
                proxy.take_step(cx, (index, message), step, breadth);
            }
            proxy.settle(cx, index, message);
        });
    }

    fn take_step(
        &mut self,
        cx: &mut Context<'_>,
        (index, message): (u32, &Message<'_>),
        step: Step<BranchId>,
        breadth: u32,
    ) {
        match step {
            Step::Back { target, instead_of, was_asleep } => {
                cx.counters.devices_woken += 1;
                if let Some((slot, _)) = instead_of {
                    self.branches[slot as usize].withdrawn = true;
                    self.cancel_branch(cx, slot, message);
                }
                if was_asleep {
                    // One device is one branch.
                    let request = &mut self.requests[index as usize];
                    request.tried = request.tried.saturating_sub(1);
                }
                self.launch(cx, index, message, *target, breadth);
            }
            Step::Lost => {
                cx.counters.devices_not_woken += 1;
                self.consider(index, StatusCode::TEMPORARILY_UNAVAILABLE.code(), &[]);
            }
        }
    }

    fn what_became_of(&self, (slot, serial): BranchId) -> Tried {
        let branch = self.branches.get(slot as usize).filter(|branch| branch.serial == serial);
        match branch.map(|branch| &branch.client) {
            None => Tried::Failed,
            Some(Client::Invite(client)) if client.is_proceeding() => Tried::Answered,
            Some(Client::Resolving { .. } | Client::Invite(_) | Client::Other(_)) => Tried::Silent,
        }
    }
}
