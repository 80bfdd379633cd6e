//! Two devices of ICE and DTLS-SRTP that check each other's addresses themselves (decision 0042). It is so from the first
//! INVITE on, or never: who is offered other credentials in a call restarts, and answers with new ones, and so without end.
//!
//! What needs the media here (a recording, a sound, a transfer, parking) brings it back: each is offered our credentials and
//! our certificate, which is a restart of ICE (RFC 8839 section 4.4.1.1.1) and another association (RFC 8842 section 4). Then
//! it stays. They come one after the other: until ICE has found us, the handshake of a browser goes the way that there was, and
//! two that begin anew at once would meet each other there, each with a certificate that the other does not expect any more.

use super::{LOOK_AFTER, is_gone};
use crate::call::Calls;
use crate::call::describe::{self, Text};
use crate::call::leg::{Leg, LegId};
use crate::call::tape::policy_of;
use crate::call_record::Relayed;
use crate::context::Context;
use crate::party::Party;
use crate::route_token::hop_of;
use crate::world::World;
use coeur_directory::RecordPolicy;
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// Where the devices are registered is looked at so often: nothing of their media shows here that one has moved.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A device that has come back and says nothing has agreed on keys by then, or never will.
const SECOND_AFTER: Duration = Duration::from_secs(5);
/// From then on its reports are of what comes from us: browsers report every 5 s, first of what they have not heard yet.
const REPORTS_AFTER: Duration = Duration::from_secs(3);

impl Calls {
    /// Why the two are not told each other's credentials in the INVITE that is about to be written; `None`: they are. `may`: they
    /// can have keys of their own.
    pub(in crate::call) fn not_wired(
        &self,
        cx: &Context<'_>,
        id: LegId,
        call: u32,
        (may, offer): (bool, &Text),
    ) -> Option<Relayed> {
        if !cx.world.settings.direct_media {
            return Some(Relayed::Policy);
        }
        let state = self.calls.get(call as usize)?;
        let (Some(caller), Some(callee)) = (self.leg(state.caller), self.leg(id)) else {
            return Some(Relayed::Changing);
        };
        if !may {
            let rings = state.setup.as_ref().map_or(0, |setup| setup.legs.len() + setup.waiting.len());
            return Some(if rings > 1 { Relayed::Several } else { Relayed::Protected });
        }
        if !offer.read().is_some_and(|offer| describe::may_be_wire(&offer)) {
            return Some(Relayed::Protected);
        }
        let is_inside = |leg: &Leg| leg.end.flow.is_inside();
        let (Some(of_caller), Some(of_callee)) = (caller.end.party, callee.end.party) else {
            return Some(Relayed::NotOurs);
        };
        if is_inside(caller) || is_inside(callee) {
            return Some(Relayed::NotOurs);
        }
        if !are_of_one_domain(cx.world, of_caller, of_callee) {
            return Some(Relayed::Domains);
        }
        let policy = self.record_policy(cx, state).max(policy_of(cx, of_callee.account));
        (policy == RecordPolicy::All && !cx.world.settings.end_to_end).then_some(Relayed::Recorded)
    }

    /// Of a call that has come back: when its devices have reported of what they hear since. `None`: it has not.
    pub(in crate::call) fn settles_at(&self, call: u32) -> Option<Monotonic> {
        let asks = &self.calls.get(call as usize)?.asks;
        (asks.unwired == Some(Relayed::Returned)).then(|| asks.second_at + REPORTS_AFTER)
    }

    /// Whether a side of a call was told the credentials of the other.
    pub(super) fn is_wired(&self, call: u32) -> bool {
        let Some(state) = self.calls.get(call as usize) else { return false };
        let is_wire = |id: LegId| self.leg(id).is_some_and(|leg| leg.wire);
        is_wire(state.caller) || state.callee.is_some_and(is_wire)
    }

    /// One of the two was, and the other not: neither hears anything.
    pub(super) fn is_half_wired(&self, call: u32) -> bool {
        let is_wire = |id: LegId| self.leg(id).is_some_and(|leg| leg.wire);
        self.legs_of(call).is_some_and(|[caller, callee]| is_wire(caller) != is_wire(callee))
    }

    /// A side is heard with keys of ours: when it has just come back, the other may.
    pub(in crate::call) fn wired_heard(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(call) = self.leg(id).filter(|leg| !leg.wire).map(|leg| leg.call) else { return };
        if self.is_half_wired(call) && !self.is_busy(id) {
            self.calls[call as usize].asks.second_at = cx.now.monotonic;
            self.direct_at(cx, call, cx.now.monotonic);
        }
    }

    /// Leaves the media of such a call to its devices, or brings it back.
    pub(super) fn wired_due(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(state) = self.calls.get(call as usize) else { return };
        // An offer under way is theirs, and passes.
        let is_offering = state.setup.is_some() || state.modify.is_some() || state.late.is_some();
        let back_at = state.asks.back_at;
        let sides = [Some(state.caller), state.callee];
        if is_offering {
            return self.direct_at(cx, call, cx.now.monotonic + LOOK_AFTER);
        }
        self.notice_moves(cx, call);
        if self.relayed(cx, call).is_none() {
            if !std::mem::replace(&mut self.calls[call as usize].asks.is_told, true) {
                self.tell_direct(cx, call);
            }
            return self.direct_at(cx, call, cx.now.monotonic + LOOK_EVERY);
        }
        if !back_at.is_due(cx.now.monotonic) {
            return self.direct_at(cx, call, back_at);
        }
        let (now, is_second) = (cx.now.monotonic, self.is_half_wired(call));
        let is_away = |id: LegId| self.leg(id).is_some_and(|leg| is_gone(cx, leg));
        if !is_second && sides.into_iter().flatten().any(is_away) {
            // The first would come back, and the second wait for its connection (see `held`).
            return self.direct_at(cx, call, now + LOOK_EVERY);
        }
        let asks = &mut self.calls[call as usize].asks;
        asks.unwired = Some(Relayed::Returned);
        if is_second && !asks.second_at.is_due(now) {
            let at = asks.second_at;
            return self.direct_at(cx, call, at);
        }
        let is_next = |id: &LegId| self.leg(*id).is_some_and(|leg| leg.wire);
        let next = sides.into_iter().flatten().find(is_next).filter(|id| !self.is_busy(*id));
        if let Some(id) = next {
            self.calls[call as usize].asks.second_at = now + SECOND_AFTER;
            self.describe_way(cx, id, false);
        }
        self.direct_at(cx, call, now + LOOK_AFTER);
    }

    /// A device that is registered from elsewhere than it spoke from, and there no more, or over another connection, may have
    /// another network: its addresses are none now, and many begin ICE anew only when they are asked to.
    fn notice_moves(&mut self, cx: &mut Context<'_>, call: u32) {
        for id in self.legs_of(call).into_iter().flatten() {
            let found = self.moved(cx, id).filter(|found| !found.is_still_there);
            let Some((found, leg)) = found.zip(self.leg_mut(id)) else { continue };
            let is_same_host = found.flow.remote.ip() == leg.near();
            if std::mem::take(&mut leg.direct.is_restored) && is_same_host {
                (leg.hop, leg.end.flow) = (hop_of(&found.flow, None), found.flow);
                continue;
            }
            self.move_leg(cx, id, &found);
            self.calls[call as usize].asks.unwired = Some(Relayed::Returned);
        }
    }
}

/// Addresses of a private network are told to those who are of one house.
fn are_of_one_domain(world: &World, one: Party, other: Party) -> bool {
    let (one, other) = (one.account(world), other.account(world));
    one.zip(other).is_some_and(|(one, other)| one.aor.domain() == other.aor.domain())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_dave_elsewhere, world};
    use coeur_directory::{AccountId, DeviceId};

    #[test]
    fn nobody_of_another_domain_is_told_the_addresses_of_who_calls() {
        let world = world();
        let dave = add_dave_elsewhere(&world);
        let party = |account| Party { account, device: DeviceId(100) };
        let [alice, bob, dave, nobody] = [AccountId(1), AccountId(2), dave, AccountId(77)].map(party);
        assert!(are_of_one_domain(&world, alice, bob));
        assert!(!are_of_one_domain(&world, alice, dave) && !are_of_one_domain(&world, dave, bob));
        assert!(!are_of_one_domain(&world, nobody, nobody));
    }
}
