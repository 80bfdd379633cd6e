//! Parking: a side waits alone in a slot of the domain until any phone of it calls the slot, or until who parked it is called
//! back. It is parked by a REFER to the slot, and hears music.
//!
//! A parked call is one without its second side. It is taken as a dialog is replaced ([`super::replace`]), from any shard.

use super::across::{Asker, What};
use super::end::By;
use super::feature::Feature;
use super::leg::LegId;
use super::name::Name;
use super::start::leave_out_full;
use super::transfer::{Callees, Referral, Request, Waits, Wanted};
use super::{CALLS_MAX, Calls, pickup, refuse};
use crate::context::Context;
use crate::flow::Flow;
use crate::media::{MediaCommand, Sound};
use crate::outbox::Output;
use crate::party::Party;
use crate::routing::{self, Plan};
use coeur_directory::Account;
use coeur_sip::{Message, StatusCode};
use std::time::Duration;

pub(super) struct Parked {
    domain: Box<str>,
    slot: u16,
    /// Who is called back.
    by: Party,
    waits: LegId,
    /// How often who parked it was called back.
    rounds: u8,
}

impl Parked {
    /// What is dialled to take it.
    pub(super) fn uri(&self) -> Box<[u8]> {
        format!("sip:park-{}@{}", self.slot, self.domain).into_bytes().into()
    }
}

/// Who parked a call is called back after this time, and again after as long when that comes to nothing.
const WAIT: Duration = Duration::from_secs(60);
/// Then nobody wants it, and it ends: a parked call lasts a quarter of an hour at most, the time of ringing included.
const ROUNDS_MAX: u8 = 5;

const NOTHING_RINGS: (StatusCode, &str) = (StatusCode::TEMPORARILY_UNAVAILABLE, "Nothing Rings There");

impl Calls {
    /// The other side of who asks is parked.
    pub(super) fn park(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        referral: &Referral,
        (account, slot): (&Account, Option<u16>),
    ) {
        let other = self.other(referral.by).filter(|other| self.service_of(*other).is_none());
        let Some(waits) = other else {
            return refuse(cx, &flow, message, StatusCode::NOT_ACCEPTABLE_HERE, None);
        };
        let domain: Box<str> = account.aor.domain().into();
        let name = self.legs[waits.slot as usize].name;
        let Some(slot) = cx.world.waiting.park(&domain, slot, name) else {
            return refuse(cx, &flow, message, StatusCode::BUSY_HERE, Some("No Such Slot Is Free"));
        };
        self.accept_referral(cx, flow, message, referral.by);
        let phrase = format!("Parked At park-{slot}");
        let told = self.notify_saying(cx, referral.by, StatusCode::OK, &phrase);
        let call = self.legs[waits.slot as usize].call;
        self.drop_offers(cx, call);
        self.note_both(cx, call);
        let state = &mut self.calls[call as usize];
        // There is one side left.
        (state.caller, state.callee) = (waits, None);
        state.parked = Some(Box::new(Parked { domain, slot, by: referral.party, waits, rounds: 0 }));
        self.uncount(cx, call, referral.by);
        let id = self.legs[waits.slot as usize].media.id;
        cx.outbox.outputs.push(Output::Media(MediaCommand::Disconnect { id }));
        self.leave_parked(cx, referral.by, told);
        self.direct_later(cx, call);
        cx.counters.calls_parked += 1;
        self.await_retrieval(cx, call);
    }

    /// Who parked it is left, once it has heard so.
    fn leave_parked(&mut self, cx: &mut Context<'_>, by: LegId, told: bool) {
        match told {
            true => self.leave_later(cx, by),
            false => self.leave_behind(cx, by),
        }
    }

    /// Who is parked by this call. `None`: nobody.
    pub(super) fn parked_in(&self, call: u32) -> Option<LegId> {
        let parked = self.calls.get(call as usize)?.parked.as_ref()?;
        self.leg(parked.waits).map(|leg| leg.id)
    }

    pub(super) fn await_retrieval(&mut self, cx: &mut Context<'_>, call: u32) {
        let now = cx.now.monotonic;
        let Some(waits) = self.parked_in(call) else { return };
        self.play(cx, waits, Some(Sound::Music));
        self.legs[waits.slot as usize].alarm = now + WAIT;
        self.arm_leg(now, waits);
    }

    /// Nobody has come for it.
    pub(super) fn parked_too_long(&mut self, cx: &mut Context<'_>, call: u32) {
        let state = &mut self.calls[call as usize];
        let is_idle = state.leads_to.is_none();
        let Some(parked) = state.parked.as_mut().filter(|_| is_idle) else { return };
        parked.rounds += 1;
        if parked.rounds > ROUNDS_MAX {
            return self.end_call(cx, call, By::Us);
        }
        if !self.call_back(cx, call) {
            self.await_retrieval(cx, call);
        }
    }

    /// False: who parked it cannot be called now.
    fn call_back(&mut self, cx: &mut Context<'_>, call: u32) -> bool {
        let Some(parked) = self.calls[call as usize].parked.as_ref() else { return false };
        let (by, remaining) = (parked.by, parked.waits);
        let Some(account) = by.account(cx.world) else { return false };
        let uri = format!("sip:{}", account.aor.as_str()).into_bytes();
        let plan = routing::decide_call(cx.world, cx.now.monotonic, Some(&account), &uri);
        let Plan::Proxy { mut targets, onward, .. } = plan else { return false };
        leave_out_full(cx, &mut targets, || false);
        if targets.is_empty() || self.calls.len() >= CALLS_MAX {
            return false;
        }
        let waits = Waits { old: call, remaining, by: None };
        let request = Request { uri, payer: Some(by.account), ..Request::default() };
        let wanted = Wanted::Callees(Callees { targets, onward, lines: Vec::new() });
        self.call_for(cx, &waits, request, wanted);
        true
    }

    /// Who is parked is wanted by who sends this INVITE.
    pub(super) fn retrieve(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        name: Name,
    ) {
        if !self.is_acceptable(cx, &flow, message) {
            return;
        }
        let call = self.leg_of_name(&name).map(|leg| leg.call);
        let Some((call, waits)) = call.and_then(|call| Some((call, self.parked_in(call)?))) else {
            return refuse(cx, &flow, message, StatusCode::NOT_FOUND, Some("Nobody Is Parked There"));
        };
        if let Some(new) = self.calls[call as usize].leads_to {
            let rings = |new: &super::state::Call| {
                new.setup.as_ref().is_some_and(|setup| setup.server.is_none() && setup.accepted.is_none())
            };
            if !self.calls.get(new as usize).is_some_and(rings) {
                return refuse(cx, &flow, message, StatusCode::REQUEST_PENDING, None);
            }
            // Who parked it is not wanted any more.
            let reason = super::client::Why::CompletedElsewhere.reason().map(Into::into);
            self.calls[new as usize].reason = reason;
            self.join_failed(cx, new, StatusCode::REQUEST_TERMINATED);
        }
        self.take(cx, flow, message, Asker { by: party, who: party }, waits);
    }

    /// The slot of a call that is over is free.
    pub(super) fn free_slot(cx: &Context<'_>, parked: &Parked) {
        cx.world.waiting.unpark(&parked.domain, parked.slot);
    }

    /// An INVITE to what no account is (see [`super::feature`]).
    pub(crate) fn dial_feature(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        (party, account): (Party, &Account),
        feature: Feature,
    ) {
        let (what, nothing) = match feature {
            Feature::PickUp(picked) => {
                let Some(picked) = picked.filter(|picked| picked.enabled) else {
                    return refuse(cx, &flow, message, StatusCode::NOT_FOUND, None);
                };
                if !pickup::lets(&picked, account) {
                    return refuse(cx, &flow, message, StatusCode::FORBIDDEN, None);
                }
                (cx.world.waiting.oldest_ringing(picked.id).map(What::Ringing), NOTHING_RINGS)
            }
            Feature::PickUpInGroups if account.pickup_groups.names().next().is_none() => {
                return refuse(cx, &flow, message, StatusCode::FORBIDDEN, Some("In No Pickup Group"));
            }
            Feature::PickUpInGroups => {
                let rings = pickup::oldest_in_groups(cx.world, account);
                (rings.map(What::Ringing), NOTHING_RINGS)
            }
            Feature::Park(slot) => {
                let parked = slot.and_then(|slot| cx.world.waiting.parked(account.aor.domain(), slot));
                (parked.map(What::Parked), (StatusCode::NOT_FOUND, "Nobody Is Parked There"))
            }
        };
        match what {
            Some(what) => self.take_waiting(cx, flow, message, party, what),
            None => refuse(cx, &flow, message, nothing.0, Some(nothing.1)),
        }
    }
}
