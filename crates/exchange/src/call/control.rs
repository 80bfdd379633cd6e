//! What the operator does to a call that is answered: a side is held, muted, hears keys, or is sent to somebody else
//! (decision 0064).
//!
//! Holding and muting are of the media alone: no phone is told, so that none can refuse it or take it back, and what a phone says
//! meanwhile of its own holding is not touched. What was ordered stands with the leg, and whatever is agreed later is described
//! to the media plane with it. Media that goes from phone to phone (see `direct`) is brought back first. A transfer has the
//! rights of the side that is left, as if its phone had sent a REFER.

use super::across::{self, Asker, What};
use super::feature;
use super::leg::{Leg, LegId};
use super::name::Name;
use super::start::leave_out_full;
use super::transfer::{Callees, Referral, Wanted};
use super::{CALLS_MAX, Calls};
use crate::call_record::{
    CallRecordId, DIGIT_MS, DIGITS_MAX, Hearer, NamedDialog, NotControlled, NotRecorded, Place, Verb,
};
use crate::context::Context;
use crate::entitled;
use crate::media::Peer;
use crate::party::Party;
use crate::routing::{self, Plan};
use coeur_sip::header::DialogId;

/// What was ordered of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ordered {
    /// It hears music, and nobody hears it.
    pub(super) is_held: bool,
    /// Nobody hears it.
    pub(super) is_muted: bool,
}

impl From<NotRecorded> for NotControlled {
    fn from(why: NotRecorded) -> Self {
        match why {
            NotRecorded::NotAnswered | NotRecorded::Policy | NotRecorded::NotRunning => Self::NotAnswered,
            NotRecorded::EndToEnd => Self::EndToEnd,
            NotRecorded::Service => Self::Service,
            NotRecorded::Direct => Self::Direct,
        }
    }
}

impl Calls {
    /// Word of the operator. `None`: no call of this shard.
    pub(super) fn control(
        &mut self,
        cx: &mut Context<'_>,
        id: CallRecordId,
        verb: Verb,
    ) -> Option<Result<(), NotControlled>> {
        let call = self.call_of(id)?;
        Some(match verb {
            Verb::Hold { side, is_held } => {
                self.order(cx, call, (side, is_held), |ordered| ordered.is_held = is_held)
            }
            Verb::Mute { side, is_muted } => {
                self.order(cx, call, (side, is_muted), |ordered| ordered.is_muted = is_muted)
            }
            Verb::Keys { side, digits, ms } => self.say_keys(cx, call, side, (&digits, ms)),
            Verb::Transfer { side, to } => self.send_to(cx, call, side, &to),
            Verb::Attend { side, dialogs } => self.attend_by_order(cx, call, side, &dialogs),
        })
    }

    fn order(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        (side, is_wanted): (Hearer, bool),
        change: impl Fn(&mut Ordered),
    ) -> Result<(), NotControlled> {
        let [caller, callee] = self.at_rest(cx, call)?;
        // What is taken back needs no media here.
        if is_wanted && self.is_kept_direct(call) {
            return Err(NotControlled::Direct);
        }
        for id in [caller, callee].into_iter().filter(|id| is_meant(side, *id == caller)) {
            if let Some(leg) = self.leg_mut(id) {
                change(&mut leg.ordered);
            }
        }
        self.agree(cx, caller, callee);
        self.direct_later(cx, call);
        Ok(())
    }

    /// The two sides of a call which is answered, which we hear, and in which nothing is under way.
    fn at_rest(&self, cx: &Context<'_>, call: u32) -> Result<[LegId; 2], NotControlled> {
        if let Some(why) = self.cannot_be_heard(cx, call) {
            return Err(why.into());
        }
        let state = self.calls.get(call as usize).ok_or(NotControlled::NotAnswered)?;
        let sides = [state.caller, state.callee.ok_or(NotControlled::NotAnswered)?];
        if state.leads_to.is_some() || state.transfer.is_some() || sides.iter().any(|id| self.is_busy(*id)) {
            return Err(NotControlled::Changing);
        }
        let is_there = |id: &LegId| self.leg(*id).is_some_and(|leg| leg.media.open_id().is_some());
        if sides.iter().all(is_there) { Ok(sides) } else { Err(NotControlled::NotAnswered) }
    }

    /// Whether media of a call has to come through us for what was ordered.
    pub(super) fn is_ordered(&self, call: u32) -> bool {
        let Some(state) = self.calls.get(call as usize) else { return false };
        let sides = [Some(state.caller), state.callee];
        sides
            .into_iter()
            .flatten()
            .any(|id| self.leg(id).is_some_and(|leg| leg.ordered != Ordered::default()))
    }

    /// What the media plane is told of the two, with what was ordered.
    pub(super) fn as_ordered(&self, (a, to_a): (LegId, &mut Peer), (b, to_b): (LegId, &mut Peer)) {
        let of = |id: LegId| self.leg(id).map(|leg| leg.ordered).unwrap_or_default();
        let (first, second) = (of(a), of(b));
        let is_any_held = first.is_held || second.is_held;
        for (ordered, peer) in [(first, to_a), (second, to_b)] {
            if ordered.is_muted || is_any_held {
                peer.streams.iter_mut().flatten().for_each(|stream| stream.we_receive = false);
            }
        }
    }

    /// A side hears these keys, one behind the other.
    fn say_keys(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        side: Hearer,
        (digits, ms): (&[u8], u16),
    ) -> Result<(), NotControlled> {
        let is_key = |digit: &u8| digit.is_ascii_digit() || matches!(digit, b'*' | b'#' | b'A'..=b'D');
        let are_keys = !digits.is_empty() && digits.len() <= DIGITS_MAX && digits.iter().all(is_key);
        if !are_keys || !DIGIT_MS.contains(&ms) {
            return Err(NotControlled::BadKeys);
        }
        let [caller, callee] = self.at_rest(cx, call)?;
        let mut meant = [caller, callee].into_iter().filter(|id| is_meant(side, *id == caller));
        if !meant.all(|id| self.leg(id).is_some_and(Leg::hears_keys)) {
            return Err(NotControlled::NoKeys);
        }
        if self.calls[call as usize].asks.announced.says_keys(cx.now.monotonic) {
            return Err(NotControlled::KeysUnderWay);
        }
        Ok(self.keys_asked(cx, call, side, (digits, ms))?)
    }

    /// A blind transfer, as of a REFER of the side that is left (see `refer`).
    fn send_to(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        side: Place,
        to: &[u8],
    ) -> Result<(), NotControlled> {
        let (left, party) = self.left(call, side)?;
        let account = party.account(cx.world).ok_or(NotControlled::Nobody)?;
        if feature::of(cx.world, &account, to).is_some() {
            return Err(NotControlled::Feature);
        }
        let callees = |targets, onward| Wanted::Callees(Callees { targets, onward, lines: Vec::new() });
        let wanted = match routing::decide_call(cx.world, cx.now.monotonic, Some(&account), to) {
            Plan::Proxy { mut targets, onward, .. } => {
                leave_out_full(cx, &mut targets, || entitled::is_emergency(cx.world, Some(&account), to));
                if targets.is_empty() {
                    return Err(NotControlled::Busy);
                }
                callees(targets, onward)
            }
            Plan::Serve(service) => match self.elsewhere(cx, service, party) {
                Some(target) => callees(vec![target], None),
                None => Wanted::Service(service),
            },
            Plan::Refuse { status, why } => return Err(NotControlled::Refused(status, why)),
        };
        self.begin_transfer(cx, call, (left, party, to), wanted)
    }

    /// An attended transfer: the two other sides of two calls of one account are to be together (RFC 5589 section 7).
    fn attend_by_order(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        side: Place,
        dialogs: &[NamedDialog],
    ) -> Result<(), NotControlled> {
        let (left, party) = self.left(call, side)?;
        let named = dialogs.iter().find(|dialog| dialog.account == party.account);
        let named = named.ok_or(NotControlled::NotItsCall)?;
        let dialog =
            DialogId { call_id: &named.call_id, local_tag: &named.local_tag, remote_tag: &named.remote_tag };
        let elsewhere = |name: &Name| name.shard != cx.mint.shard();
        if let Some(name) = across::name_in(&dialog).filter(elsewhere) {
            let lines = across::replaces_lines(&dialog).ok_or(NotControlled::NotItsCall)?;
            let who = self.other(left).and_then(|other| self.leg(other)?.end.party).unwrap_or(party);
            let targets = vec![across::target(name.shard, What::Dialog, Asker { by: party, who })];
            let wanted = Wanted::Callees(Callees { targets, onward: None, lines });
            return self.begin_transfer(cx, call, (left, party, b"sip:transfer@invalid"), wanted);
        }
        let replaced = self.leg_named(&dialog).filter(|replaced| self.may_be_joined(left, *replaced));
        let replaced = replaced.ok_or(NotControlled::NotItsCall)?;
        self.direct_later(cx, call);
        let referral = Referral { by: left, party, referred_by: Vec::new(), uri: Vec::new() };
        self.attend(cx, referral, replaced);
        Ok(())
    }

    fn begin_transfer(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        (left, party, to): (LegId, Party, &[u8]),
        wanted: Wanted,
    ) -> Result<(), NotControlled> {
        if self.calls.len() >= CALLS_MAX {
            cx.counters.limits_hit += 1;
            return Err(NotControlled::Full);
        }
        self.direct_later(cx, call);
        let referral = Referral { by: left, party, referred_by: Vec::new(), uri: to.to_vec() };
        self.transfer(cx, referral, wanted);
        Ok(())
    }

    /// The side that is left when this one goes elsewhere, and whose rights count.
    fn left(&self, call: u32, goes: Place) -> Result<(LegId, Party), NotControlled> {
        let state = self.calls.get(call as usize).ok_or(NotControlled::NotAnswered)?;
        let callee = state.callee.ok_or(NotControlled::NotAnswered)?;
        let left = match goes {
            Place::Caller => callee,
            Place::Callee => state.caller,
        };
        if state.record.answered.is_none() {
            return Err(NotControlled::NotAnswered);
        }
        if self.service_of(callee).is_some() {
            return Err(NotControlled::Service);
        }
        if !self.may_be_referred(left) {
            return Err(NotControlled::Changing);
        }
        let party = self.leg(left).and_then(|leg| leg.end.party).ok_or(NotControlled::Nobody)?;
        Ok((left, party))
    }

    /// How the sides of a call that are accounts of ours name their dialogs with us.
    pub(super) fn dialogs(&self, call: u32) -> Vec<NamedDialog> {
        let Some(state) = self.calls.get(call as usize) else { return Vec::new() };
        let of = |id: LegId| {
            let leg = self.leg(id)?;
            let (party, dialog) = (leg.end.party?, leg.dialog.as_ref()?.id());
            Some(NamedDialog {
                account: party.account,
                call_id: dialog.call_id.into(),
                local_tag: dialog.local_tag.into(),
                remote_tag: dialog.remote_tag.into(),
            })
        };
        [Some(state.caller), state.callee].into_iter().flatten().filter_map(of).collect()
    }
}

fn is_meant(side: Hearer, is_caller: bool) -> bool {
    match side {
        Hearer::Both => true,
        Hearer::Caller => is_caller,
        Hearer::Callee => !is_caller,
    }
}
