//! Who is called sleeps (RFC 8599 section 5.6.2): a push service is asked to wake the device, the call waits, and when the device
//! registers it is called like any other. Who is awake rings meanwhile, and may answer. What the devices do is
//! [`crate::push::Sleepers`]'s to know; here is what a call makes of it.
//!
//! A device whose connection seems to be there is called over it first, and woken when that fails or nothing comes back.

use super::client::{Machine, Why};
use super::leg::LegId;
use super::{Calls, Owner};
use crate::context::Context;
use crate::push::{LOOK_EVERY, Reason, Sleepers, Step, Tried};
use crate::routing::Target;
use coeur_sip::StatusCode;
use std::collections::BTreeMap;

/// By call; the leg of the caller tells it from one that had its slot before.
#[derive(Default)]
pub(super) struct Waking(BTreeMap<u32, (LegId, Sleepers<LegId>)>);

impl Calls {
    /// A target that sleeps.
    pub(super) fn wake(&mut self, cx: &mut Context<'_>, call: u32, target: &Target) {
        self.wait_for(cx, call, target, None);
        self.tell_waking(cx, call);
    }

    /// A target that can be woken, over the connection that it had last.
    pub(super) fn wake_if_silent(&mut self, cx: &mut Context<'_>, call: u32, leg: LegId) {
        let Some(target) = self.callee(leg).map(|callee| callee.target.clone()) else { return };
        if target.push.is_some() {
            self.wait_for(cx, call, &target, Some(leg));
        }
    }

    fn wait_for(&mut self, cx: &mut Context<'_>, call: u32, target: &Target, tried: Option<LegId>) {
        let Some(caller) = self.calls.get(call as usize).map(|state| state.caller) else { return };
        if self.waking.0.get(&call).is_none_or(|(of, _)| *of != caller) {
            self.waking.0.insert(call, (caller, Sleepers::new(cx, Reason::Call)));
            let now = cx.now.monotonic;
            self.wheel.arm(now, now + LOOK_EVERY, Owner::Waking(call), caller.serial);
        }
        if let Some((_, sleepers)) = self.waking.0.get_mut(&call) {
            sleepers.add(cx, target, tried);
        }
    }

    /// RFC 3261 section 21.1.4: nobody rings yet, and the call is not refused. Once for each call.
    fn tell_waking(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(state) = self.calls.get(call as usize) else { return };
        let (caller, Some(setup)) = (state.caller, state.setup.as_ref()) else { return };
        let is_first = setup.tried == 1 && setup.legs.is_empty();
        let Some(server) = setup.server.filter(|_| is_first) else { return };
        let status = StatusCode::new(182).unwrap_or(StatusCode::TRYING);
        if self.leg(caller).is_some_and(|leg| leg.wants_reliable) {
            self.say_reliably(cx, caller, server, status, b"", b"");
        } else {
            self.answer(cx, server, status, Some(b"Waking The Phone"), b"", |_| {});
        }
    }

    pub(super) fn is_waking(&self, call: u32) -> bool {
        let caller = self.calls.get(call as usize).map(|state| state.caller);
        self.waking.0.get(&call).is_some_and(|(of, sleepers)| Some(*of) == caller && !sleepers.is_empty())
    }

    /// The device has refused: it needs no waking.
    pub(super) fn is_awake(&mut self, call: u32, leg: LegId) {
        if let Some((_, sleepers)) = self.waking.0.get_mut(&call) {
            sleepers.forget(leg);
        }
    }

    /// Whoever still comes is not called.
    pub(super) fn wakes_no_more(&mut self, call: u32) {
        self.waking.0.remove(&call);
    }

    pub(super) fn waking_due(&mut self, cx: &mut Context<'_>, call: u32, serial: u32) {
        let Some((caller, mut sleepers)) = self.waking.0.remove(&call) else { return };
        if caller.serial != serial {
            // Of a call that has this slot now, which has a timer of its own.
            self.waking.0.insert(call, (caller, sleepers));
            return;
        }
        let setup = self.calls.get(call as usize).and_then(|state| state.setup.as_ref());
        if setup.is_none_or(|setup| setup.accepted.is_some() || setup.stopped) {
            return;
        }
        let steps = sleepers.look(cx, |leg| self.what_became_of(leg));
        if !sleepers.is_empty() {
            self.waking.0.insert(call, (caller, sleepers));
            let now = cx.now.monotonic;
            self.wheel.arm(now, now + LOOK_EVERY, Owner::Waking(call), serial);
        }
        for step in steps {
            match step {
                Step::Back { target, instead_of, was_asleep } => {
                    cx.counters.devices_woken += 1;
                    if let Some(silent) = instead_of {
                        self.withdraw(cx, silent, Why::CompletedElsewhere);
                    }
                    if let Some(setup) = self.calls[call as usize].setup.as_mut().filter(|_| was_asleep) {
                        // One device is one branch.
                        setup.tried = setup.tried.saturating_sub(1);
                    }
                    self.launch(cx, call, *target);
                }
                Step::Lost => {
                    cx.counters.devices_not_woken += 1;
                    self.consider(call, StatusCode::TEMPORARILY_UNAVAILABLE.code(), &[]);
                }
            }
        }
        self.settle(cx, call);
    }

    fn what_became_of(&self, leg: LegId) -> Tried {
        let Some(leg) = self.leg(leg) else { return Tried::Failed };
        let client = leg.callee.as_ref().and_then(|callee| self.clients.get(callee.client? as usize));
        match client.map(|client| &client.machine) {
            Some(Machine::Invite(invite)) if invite.is_proceeding() => Tried::Answered,
            Some(Machine::Invite(_) | Machine::Other(_) | Machine::Held(_)) | None => Tried::Silent,
        }
    }
}
