//! Forwarding while it rings (busy, nobody answers, nobody can be reached), and 181 for a caller who wants to know. What the
//! callee is told of it is in [`super::history`].

use super::Calls;
use super::client::Why;
use super::history::history_of;
use super::leg::LegId;
use super::start::leave_out_full;
use crate::context::Context;
use crate::entitled;
use crate::forwarding::{self, Cause, Diversion, Onward};
use crate::routing::Plan;
use coeur_sip::StatusCode;
use std::time::Duration;

impl Calls {
    /// The rules for a call that begins or was forwarded: how long it rings, and what its caller hears.
    pub(super) fn set_onward(&mut self, cx: &mut Context<'_>, call: u32, onward: Option<Box<Onward>>) {
        let caller = self.calls[call as usize].caller;
        let Some(setup) = self.calls[call as usize].setup.as_mut() else { return };
        let after_s = onward.as_ref().and_then(|onward| onward.after_s);
        let forwarded = onward.as_ref().map_or(0, |onward| onward.trail.len());
        let before = setup.onward.as_ref().map_or(0, |onward| onward.trail.len());
        setup.onward = onward;
        if forwarded > before
            && let Some(onward) = &setup.onward
        {
            let trail: Box<[Diversion]> = onward.trail.clone().into();
            let record = &mut self.calls[call as usize].record;
            // It goes on by the right of who has forwarded it last.
            record.payer = trail.last().map(|last| last.account).or(record.payer);
            record.forwarded = trail;
        }
        if let Some(leg) = self.leg_mut(caller) {
            let now = cx.now.monotonic;
            leg.alarm = after_s.map_or(coeur_sip::time::Monotonic::NEVER, |after| {
                now + Duration::from_secs(u64::from(after))
            });
        }
        self.arm_leg(cx.now.monotonic, caller);
        if forwarded > before {
            cx.counters.calls_forwarded += 1;
            self.tell_forwarded(cx, call);
        }
    }

    /// Section 21.1.3 of RFC 3261, for who asks for the history (RFC 7044 section 9.1).
    fn tell_forwarded(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(setup) = self.calls[call as usize].setup.as_ref() else { return };
        let Some(server) = setup.server else { return };
        let asked = setup.invite.message().supports("histinfo");
        let lines = history_of(cx.world, setup, true);
        let caller = self.calls[call as usize].caller;
        let status = StatusCode::CALL_IS_BEING_FORWARDED;
        if asked && self.leg(caller).is_some_and(|leg| leg.wants_reliable) {
            self.say_reliably(cx, caller, server, status, b"", &lines);
        } else if asked {
            self.answer(cx, server, status, None, b"", |writer| {
                writer.raw(&lines);
            });
        }
    }

    /// All who were called have failed with `status`. True: the account has somebody else.
    pub(super) fn forwards_failure(&mut self, cx: &mut Context<'_>, call: u32, status: u16) -> bool {
        let rang = self.calls[call as usize].setup.as_ref().is_some_and(|setup| setup.rings);
        let cause = match status {
            486 | 600 => Cause::Busy,
            408 | 480 if rang => Cause::NoAnswer,
            408 | 430 | 480 | 500 | 503 => Cause::Offline,
            _ => return false,
        };
        self.forward(cx, call, cause)
    }

    /// It has rung long enough.
    pub(super) fn nobody_answers(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return };
        let Some(state) = self.calls.get(call as usize).filter(|state| state.caller == id) else { return };
        let is_over = state.setup.as_ref().is_some_and(|setup| setup.accepted.is_none());
        if is_over && !self.own_device_too_late(cx, call) {
            self.forward(cx, call, Cause::NoAnswer);
        }
    }

    /// Whether the caller has called for help.
    fn is_emergency(&self, cx: &Context<'_>, call: u32) -> bool {
        let Some(setup) = self.calls[call as usize].setup.as_ref() else { return false };
        let caller = setup.party.and_then(|party| party.account(cx.world));
        entitled::is_emergency(cx.world, caller.as_deref(), setup.invite.message().request_uri())
    }

    /// Who rings is left, and who is to be called instead is. False: there is nobody, and nothing has changed.
    fn forward(&mut self, cx: &mut Context<'_>, call: u32, cause: Cause) -> bool {
        let Some(setup) = self.calls[call as usize].setup.as_ref() else { return false };
        let Some(onward) = setup.onward.as_deref() else { return false };
        let plan = forwarding::on(cx.world, cx.now.monotonic, onward, cause);
        let Some(Plan::Proxy { mut targets, onward, .. }) = plan else { return false };
        leave_out_full(cx, &mut targets, || self.is_emergency(cx, call));
        let state = &mut self.calls[call as usize];
        let Some(setup) = state.setup.as_mut().filter(|_| !targets.is_empty()) else { return false };
        let legs = setup.legs.clone();
        setup.waiting = targets.into();
        setup.best = None;
        setup.stopped = false;
        setup.rings = false;
        self.rings_no_more(cx, call);
        self.wakes_no_more(call);
        legs.into_iter().for_each(|leg| self.withdraw(cx, leg, Why::GivenUp));
        self.set_onward(cx, call, onward);
        self.settle(cx, call);
        true
    }
}
