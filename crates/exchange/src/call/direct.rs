//! Media that goes from phone to phone without us (decision 0021), where the setting lets it and the two can reach each other.
//!
//! A call begins relayed. Once it is answered and rests, each phone is offered the address of the other in the place of our
//! port, one after the other; whatever changes then (an offer of either side, a transfer, parking) is described with our ports
//! again, and what it was that changed is seen a moment later. So what has been announced on a leg is where its media is, and
//! nothing needs both at once.
//!
//! Two that protect their media with keys in their descriptions (RFC 4568) are told the keys of each other too, when both
//! have TLS and nothing under them has rolled over. Between the first and the second answer neither can read what comes, so
//! that the second is asked at once. What brings such a call back has new keys of ours (RFC 4568 section 7.1.4).
//!
//! Two devices of ICE and DTLS are told of each other from the first INVITE on, or never (decision 0042, [`wired`]).
//!
//! While it is direct we hear nothing of the media: it is not measured, nobody is told why it is silent, and a phone that moves
//! is followed only when it says so.

mod reach;
mod why;
mod wired;

use super::announce::Announced;
use super::describe::Elsewhere;
use super::leg::{Leg, LegId, Media, Stage};
use super::{Calls, describe};
use crate::call_record::{MediaPath, Relayed};
use crate::context::Context;
use crate::flow::ConnectionId;
use crate::media::{MediaCommand, MediaId, Report, Stream, StreamAddress};
use crate::outbox::Output;
use crate::proxy::ends::found_again;
use coeur_sip::StatusCode;
use coeur_sip::time::Monotonic;
use std::time::Duration;
use why::why_relayed;

/// What a leg has to do with it.
pub(super) struct Direct {
    /// The other phone: what is described on this leg in the place of us.
    pub(super) other: Option<Box<Elsewhere>>,
    /// Whether the numbers of its own phone have rolled over, or are about to. `None`: it was not asked.
    rolls: Option<bool>,
    /// The leg was there before this process: its device has lost its connection with that, and connects anew.
    pub(super) is_restored: bool,
    /// Its device has keys of the other's own only since the two were to check each other, and they do not: nobody has asked for
    /// that, and it is brought back.
    pub(super) is_sealed: bool,
    /// Of the caller's leg: when it is to be seen which way media should go.
    pub(super) look_at: Monotonic,
}

/// What a call has asked its two phones for.
#[derive(Default)]
pub(super) struct Asks {
    /// How often a phone has said no since one said yes.
    refusals: u8,
    /// How often one of the two was told another address since both knew the right one.
    corrections: u8,
    /// The media plane is asked how the numbers under the keys are.
    awaits_report: bool,
    pub(super) announced: Announced,
    /// Why its two devices do not check each other, when it is for something else than what they are (see `wired`).
    pub(super) unwired: Option<Relayed>,
    /// It was said that the two devices check each other.
    is_told: bool,
    /// Not before then is the second of them brought back, unless the first is heard.
    second_at: Monotonic,
    /// How often it did not know.
    unknown: u8,
    /// Not before then is a phone asked to come back.
    back_at: Monotonic,
}

impl Default for Direct {
    fn default() -> Self {
        Self { other: None, rolls: None, is_restored: false, is_sealed: false, look_at: Monotonic::NEVER }
    }
}

/// From a change to the look at what follows from it: what comes with it comes first.
const LOOK_AFTER: Duration = Duration::from_millis(300);
/// A phone that has refused to come back is asked again after this, then after twice as long, and so on.
const ASK_BACK_AFTER: Duration = Duration::from_secs(30);
/// So often it is asked again: half an hour in all. Whether the call goes on says the session timer.
const ASK_BACK_MAX: u8 = 6;
/// 491 is a moment's matter (RFC 3261 section 14.1); what has said it more often in a row says no.
const GLARES_MAX: u8 = 4;
/// Two phones that answer each new address with another one of their own would go on for ever.
const CORRECTIONS_MAX: u8 = 3;
/// Numbers that are left before they roll over, so that a phone may take its time to answer: 4 s of the fastest video.
const NUMBERS_LEFT_MIN: u64 = 1 << 12;

/// A phone that has come back is looked for in its first packets; who says nothing for so long may say it under any number.
const UNKNOWN_WAIT: Duration = Duration::from_secs(1);
const UNKNOWN_MAX: u8 = 10;

impl Calls {
    /// Something was agreed, or is about to change.
    pub(super) fn direct_later(&mut self, cx: &mut Context<'_>, call: u32) {
        let after = if self.is_halfway(call) { Duration::ZERO } else { LOOK_AFTER };
        self.direct_at(cx, call, cx.now.monotonic + after);
    }

    /// One of the two was told the key of the other, and the other not: nobody hears anything.
    fn is_halfway(&self, call: u32) -> bool {
        let Some(state) = self.calls.get(call as usize) else { return false };
        state.callee.is_some_and(|callee| self.has_keys(state.caller) != self.has_keys(callee))
            || self.is_half_wired(call)
    }

    /// Whether a leg was told a key of the other phone.
    pub(super) fn has_keys(&self, id: LegId) -> bool {
        let other = self.leg(id).and_then(|leg| leg.direct.other.as_ref());
        other.is_some_and(|other| other.keys.iter().any(Option::is_some))
    }

    pub(super) fn direct_at(&mut self, cx: &mut Context<'_>, call: u32, at: Monotonic) {
        let Some(state) = self.calls.get(call as usize) else { return };
        let caller = state.caller;
        if !(cx.world.settings.direct_media || self.is_any_direct(call)) {
            return;
        }
        let now = cx.now.monotonic;
        if let Some(leg) = self.leg_mut(caller) {
            leg.direct.look_at = at;
            self.arm_leg(now, caller);
        }
    }

    /// Whether a leg of a call was told of the other phone's address.
    pub(super) fn is_any_direct(&self, call: u32) -> bool {
        let state = self.calls.get(call as usize);
        state.is_some_and(|state| {
            self.is_direct(state.caller) || state.callee.is_some_and(|id| self.is_direct(id))
        })
    }

    /// Whether its media was to come back, and a phone has said no to that.
    pub(super) fn is_kept_direct(&self, call: u32) -> bool {
        let is_refused = self.calls.get(call as usize).is_some_and(|state| state.asks.refusals > 0);
        is_refused && self.is_any_direct(call)
    }

    /// Whether a leg was told of the other phone's address, or has keys that are to come back.
    pub(super) fn is_direct(&self, id: LegId) -> bool {
        self.is_elsewhere(id) || self.leg(id).is_some_and(|leg| leg.wire || leg.direct.is_sealed)
    }

    /// The same in the place of ours.
    pub(super) fn is_elsewhere(&self, id: LegId) -> bool {
        self.leg(id).is_some_and(|leg| leg.direct.other.is_some())
    }

    /// What is described next on these legs has our ports.
    pub(super) fn relay_again(&mut self, ids: [LegId; 2]) {
        for id in ids {
            if let Some(leg) = self.leg_mut(id) {
                (leg.direct.other, leg.direct.rolls) = (None, None);
            }
        }
    }

    /// Brings the legs of a call to where its media should go, one offer at a time.
    pub(super) fn direct_due(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(state) = self.calls.get(call as usize) else { return };
        let (caller, callee) = (state.caller, state.callee);
        if self.is_wired(call) {
            return self.wired_due(cx, call);
        }
        let wanted = self.relayed(cx, call).is_none();
        for id in [Some(caller), callee].into_iter().flatten() {
            if self.is_told(id, wanted) {
                continue;
            }
            if self.is_busy(id) {
                return self.direct_at(cx, call, cx.now.monotonic + LOOK_AFTER);
            }
            let back_at = self.calls[call as usize].asks.back_at;
            if !wanted && !back_at.is_due(cx.now.monotonic) {
                return self.direct_at(cx, call, back_at);
            }
            if wanted && !self.are_numbers_known(cx, call) {
                return;
            }
            if wanted && self.is_direct(id) && self.is_corrected_too_often(call) {
                return self.refuse_direct(cx, id);
            }
            return self.describe_way(cx, id, wanted);
        }
        if self.is_asked(call) {
            return self.direct_at(cx, call, cx.now.monotonic + LOOK_AFTER);
        }
        self.calls[call as usize].asks.corrections = 0;
        self.calls[call as usize].asks.unknown = 0;
        self.forget_numbers(call, !wanted);
        match wanted {
            true => self.tell_direct(cx, call),
            false => self.announce_waiting(cx, call),
        }
    }

    /// Whether an offer of ours which says where media goes is under way to one of the two.
    pub(super) fn is_asked(&self, call: u32) -> bool {
        let offers = |id: &LegId| self.leg(*id).is_some_and(|leg| leg.offers_direct);
        self.legs_of(call).is_some_and(|legs| legs.iter().any(offers))
    }

    /// Whether a leg was told last where its media should go: to us, or to where the other phone hears now.
    fn is_told(&self, id: LegId, wants_direct: bool) -> bool {
        let told = self.leg(id).and_then(|leg| leg.direct.other.as_deref());
        if self.leg(id).is_some_and(|leg| leg.wire) {
            return wants_direct;
        }
        match (told, wants_direct) {
            (told, false) => told.is_none() && !self.leg(id).is_some_and(|leg| leg.direct.is_sealed),
            (None, true) => false,
            (Some(told), true) => self.other_phone(id).is_some_and(|is| told.is_same(&is)),
        }
    }

    /// False: how the numbers under the keys of the two are has to be asked first, and is.
    fn are_numbers_known(&mut self, cx: &mut Context<'_>, call: u32) -> bool {
        let Some(legs) = self.legs_of(call) else { return true };
        let is_unknown = |id: LegId| {
            let has_key =
                self.leg(id).is_some_and(|leg| describe::keys_of_peer(leg).iter().any(Option::is_some));
            has_key && self.leg(id).is_some_and(|leg| leg.direct.rolls.is_none())
        };
        let is_direct = legs.iter().any(|id| self.is_direct(*id));
        if is_direct || !legs.iter().any(|id| is_unknown(*id)) {
            return true;
        }
        self.calls[call as usize].asks.awaits_report = true;
        for id in legs.iter().filter_map(|id| Some(self.leg(*id)?.media.id)) {
            cx.outbox.outputs.push(Output::Media(MediaCommand::Report { id }));
        }
        false
    }

    /// How one of the two does.
    pub(super) fn direct_reported(&mut self, cx: &mut Context<'_>, id: MediaId, report: &Report) {
        let Some(leg) = Media::leg_of(id).and_then(|id| self.leg_mut(id)) else { return };
        let call = leg.call;
        let highest = report.streams.iter().flatten().filter_map(|stream| stream.srtp_index).max();
        let rolls = highest.is_some_and(|highest| highest.saturating_add(NUMBERS_LEFT_MIN) > 1 << 16);
        let Some(asks) = self.calls.get_mut(call as usize).map(|state| &mut state.asks) else { return };
        if !asks.awaits_report {
            return;
        }
        if highest == Some(u64::MAX) && asks.unknown < UNKNOWN_MAX {
            // Its first packets are under way.
            asks.unknown += 1;
            asks.awaits_report = false;
            return self.direct_at(cx, call, cx.now.monotonic + UNKNOWN_WAIT);
        }
        if let Some(leg) = Media::leg_of(id).and_then(|id| self.leg_mut(id)) {
            leg.direct.rolls = Some(rolls);
        }
        let is_known = |id: &LegId| self.leg(*id).is_some_and(|leg| leg.direct.rolls.is_some());
        if self.legs_of(call).is_some_and(|legs| legs.iter().all(is_known)) {
            self.calls[call as usize].asks.awaits_report = false;
            self.direct_at(cx, call, cx.now.monotonic);
        }
    }

    /// When they are wanted for the next time they are others. `is_relayed`: those that have rolled over are why.
    fn forget_numbers(&mut self, call: u32, is_relayed: bool) {
        for id in self.legs_of(call).into_iter().flatten() {
            if let Some(leg) = self.leg_mut(id) {
                leg.direct.rolls = leg.direct.rolls.filter(|rolls| *rolls && is_relayed);
            }
        }
    }

    fn legs_of(&self, call: u32) -> Option<[LegId; 2]> {
        let state = self.calls.get(call as usize)?;
        Some([state.caller, state.callee?])
    }

    fn is_corrected_too_often(&mut self, call: u32) -> bool {
        let asks = &mut self.calls[call as usize].asks;
        asks.corrections = asks.corrections.saturating_add(1);
        asks.corrections > CORRECTIONS_MAX
    }

    pub(super) fn refuse_direct(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        leg.refuses_direct = true;
        let call = leg.call;
        self.direct_later(cx, call);
    }

    fn describe_way(&mut self, cx: &mut Context<'_>, id: LegId, is_direct: bool) {
        let other = if is_direct { self.other_phone(id) } else { None };
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.dialog.is_some() && !leg.leaving) else { return };
        if is_direct && other.is_none() {
            return self.refuse_direct(cx, id);
        }
        leg.direct.other = other.map(Box::new);
        // What is offered has our credentials and our certificate.
        let is_unwanted = leg.wire || leg.direct.is_sealed;
        (leg.end_to_end, leg.wire) = (leg.end_to_end && !is_unwanted, false);
        leg.offers_direct = true;
        let flow = leg.end.flow;
        self.offer_anew(cx, id, flow);
    }

    /// Its phone has taken an offer of ours.
    pub(super) fn direct_taken(&mut self, id: LegId) {
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.offers_direct) else { return };
        leg.offers_direct = false;
        let call = leg.call;
        if let Some(state) = self.calls.get_mut(call as usize) {
            state.asks.refusals = 0;
        }
    }

    /// Its phone has refused an offer of ours; what it had before counts. `to_direct`: the offer named the other phone.
    pub(super) fn direct_refused(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        status: StatusCode,
        to_direct: bool,
    ) {
        let (now, random) = (cx.now.monotonic, u64::from(cx.mint.u32()));
        let Some(leg) = self.leg_mut(id) else { return };
        if !std::mem::take(&mut leg.offers_direct) {
            return;
        }
        let (call, is_direct) = (leg.call, leg.direct.other.is_some() || leg.wire);
        let Some(asks) = self.calls.get_mut(call as usize).map(|state| &mut state.asks) else { return };
        asks.refusals = asks.refusals.saturating_add(1);
        let refusals = asks.refusals;
        if status == StatusCode::REQUEST_PENDING && refusals <= GLARES_MAX {
            // RFC 3261 section 14.1: glare.
            return self.direct_at(cx, call, now + Duration::from_millis(2_100 + random % 190 * 10));
        }
        if is_direct && matches!(status.code(), 408 | 481) {
            // RFC 3261 section 12.2.1.2. We hear nothing of its media, which could say otherwise.
            return self.end_if_gone(cx, id, status);
        }
        if is_direct && !to_direct {
            asks.back_at = match refusals {
                0..=ASK_BACK_MAX => now + ASK_BACK_AFTER * (1 << (refusals.max(1) - 1)),
                _ => Monotonic::NEVER,
            };
        } else {
            asks.refusals = 0;
        }
        self.leave_sealed(call);
        self.refuse_direct(cx, id);
    }

    /// A side keeps its keys: so does the other, for those of ours it could not use alone.
    fn leave_sealed(&mut self, call: u32) {
        for id in self.legs_of(call).into_iter().flatten() {
            if let Some(leg) = self.leg_mut(id) {
                leg.direct.is_sealed = false;
            }
        }
    }

    /// Which way the media of an answered call goes, as it is shown.
    pub(super) fn media_path(&self, cx: &Context<'_>, call: u32) -> Option<MediaPath> {
        let state = self.calls.get(call as usize).filter(|call| call.record.answered.is_some())?;
        let is_direct = self.is_told(state.caller, true) && self.is_told(state.callee?, true);
        Some(match self.relayed(cx, call) {
            None if self.is_wired(call) => MediaPath::Own,
            None if is_direct && self.has_keys(state.caller) => MediaPath::DirectSdes,
            None if is_direct => MediaPath::Direct,
            None => MediaPath::Relayed(Relayed::Changing),
            // What was ordered waits until both are back.
            Some(_) if self.is_ordered(call) && self.is_any_direct(call) => {
                MediaPath::Relayed(Relayed::Changing)
            }
            Some(why) => MediaPath::Relayed(why),
        })
    }

    /// Why the media of a call has to come through us; `None`: it need not.
    fn relayed(&self, cx: &Context<'_>, call: u32) -> Option<Relayed> {
        if !cx.world.settings.direct_media {
            return Some(Relayed::Policy);
        }
        let state = self.calls.get(call as usize)?;
        let is_changing = state.setup.is_some()
            || state.modify.is_some()
            || state.late.is_some()
            || state.transfer.is_some()
            || state.leads_to.is_some()
            || state.record.answered.is_none();
        let Some(callee) = state.callee.filter(|_| !is_changing && state.parked.is_none()) else {
            return Some(Relayed::Changing);
        };
        let (Some(first), Some(second)) = (self.leg(state.caller), self.leg(callee)) else {
            return Some(Relayed::Changing);
        };
        if state.taped.is_heard() {
            return Some(Relayed::Recorded);
        }
        if state.asks.announced.is_heard(cx.now.monotonic) {
            return Some(Relayed::Announced);
        }
        if self.is_ordered(call) {
            return Some(Relayed::Held);
        }
        let both = [first, second];
        if both.iter().any(|leg| leg.service.is_some()) {
            return Some(Relayed::Service);
        }
        if both.iter().any(|leg| leg.end.party.is_none() || leg.end.flow.is_inside()) {
            return Some(Relayed::NotOurs);
        }
        if both.iter().any(|leg| leg.refuses_direct) {
            return Some(Relayed::Refused);
        }
        let is_open = |leg: &&Leg| leg.media.stage == Stage::Open && leg.dialog.is_some() && !leg.leaving;
        if !both.iter().all(is_open) {
            return Some(Relayed::Changing);
        }
        if first.wire && second.wire {
            return state.asks.unwired;
        }
        match why_relayed(first, second) {
            Some(Relayed::Protected) => return Some(state.asks.unwired.unwrap_or(Relayed::Protected)),
            Some(why) => return Some(why),
            None => {}
        }
        // Once told, a phone counts for itself.
        let is_told = |leg: &&Leg| leg.direct.other.is_some();
        if both.iter().all(is_told) {
            return None;
        }
        // The first would be told a key, and the second wait for its connection (see `held`): neither would hear anything.
        let is_keyed = both.iter().any(|leg| describe::keys_of_peer(leg).iter().any(Option::is_some));
        if is_keyed && both.iter().any(|leg| is_gone(cx, leg)) {
            return Some(Relayed::Changing);
        }
        let rolls = both.iter().any(|leg| leg.direct.rolls == Some(true));
        (rolls && !both.iter().any(is_told)).then_some(Relayed::UsedKey)
    }

    fn other_phone(&self, id: LegId) -> Option<Elsewhere> {
        let (leg, other) = (self.leg(id)?, self.leg(self.other(id)?)?);
        let (own, theirs) = (leg.session.remote.read()?, other.session.remote.read()?);
        let peer = describe::peer(other, &theirs, &own);
        let address =
            |stream: &Stream| StreamAddress { rtp: stream.rtp, rtcp: stream.rtcp, others: Box::default() };
        let at = peer.streams.iter().map(|stream| stream.as_ref().map(address)).collect();
        Some(Elsewhere { at, keys: describe::keys_of_peer(other) })
    }
}

/// Whether the connection of the phone of a leg has gone, and it is registered over no other.
fn is_gone(cx: &Context<'_>, leg: &Leg) -> bool {
    let (Some(party), Some(dialog), flow) = (leg.end.party, &leg.dialog, leg.end.flow) else { return false };
    let is_over_connection = flow.connection != ConnectionId::NONE && !flow.is_inside();
    is_over_connection
        && !party.is_registered_over(cx.world, cx.now.monotonic, &flow)
        && found_again(cx, party, None, dialog.remote_target(), Some(flow)).is_none()
}
