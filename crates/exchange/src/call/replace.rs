//! INVITE with Replaces (RFC 3891): a phone takes a side of a call over from another device of its account, or picks up what
//! rings at somebody's phone, whose early dialog it knows (see [`super::pickup`]). All dialogs of our calls are ours, so what
//! names none of them names nothing.
//!
//! What it does not do: without an offer in the INVITE.

use super::across::Asker;
use super::describe::{self, Body};
use super::leg::LegId;
use super::state::Call;
use super::transfer::Transfer;
use super::{CALLS_MAX, Calls, pickup, refuse};
use crate::context::Context;
use crate::event::Step;
use crate::flow::Flow;
use crate::party::Party;
use coeur_sip::{Message, StatusCode};

impl Calls {
    pub(crate) fn replace(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>, party: Party) {
        self.replace_for(cx, flow, message, Asker { by: party, who: party });
    }

    pub(super) fn replace_for(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        asker: Asker,
    ) {
        if !self.is_acceptable(cx, &flow, message) {
            return;
        }
        let Ok(Some(replaces)) = message.replaces() else {
            return refuse(cx, &flow, message, StatusCode::BAD_REQUEST, Some("Malformed Replaces"));
        };
        let unknown = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
        let Some(replaced) = self.leg_named(&replaces.dialog) else {
            return match self.ringing_named(&replaces.dialog).filter(|_| !flow.is_inside()) {
                Some(ringing) => self.pick_up_dialog(cx, flow, message, asker.by, ringing),
                None => refuse(cx, &flow, message, unknown, Some("No Such Dialog To Replace")),
            };
        };
        let leg = &self.legs[replaced.slot as usize];
        let (old, account) = (leg.call, leg.end.party.map(|party| party.account));
        // Section 3: whoever sends it must have the rights of whom it replaces.
        if account != Some(asker.by.account) {
            // Who wanted to pick it up comes too late.
            let too_late =
                replaces.early_only && account.is_some_and(|of| pickup::is_let(cx.world, asker.by, of));
            let status = if too_late { StatusCode::BUSY_HERE } else { StatusCode::FORBIDDEN };
            return refuse(cx, &flow, message, status, too_late.then_some("Already Answered"));
        }
        if self.calls.get(old as usize).is_some_and(|state| state.setup.is_some()) {
            return self.replace_early(cx, flow, message, asker.who, replaced);
        }
        if replaces.early_only {
            return refuse(cx, &flow, message, StatusCode::BUSY_HERE, Some("Already Answered"));
        }
        if self.other(replaced).is_some_and(|other| self.service_of(other).is_some()) {
            // A service answers each who calls it; there is no side to be taken over.
            return refuse(cx, &flow, message, unknown, Some("A Service Is Called Anew"));
        }
        let at_rest =
            |state: &Call| state.setup.is_none() && state.leads_to.is_none() && state.transfer.is_none();
        let is_at_rest = self.calls.get(old as usize).is_some_and(at_rest);
        let Some(remaining) = self.other(replaced).filter(|_| is_at_rest) else {
            return refuse(cx, &flow, message, StatusCode::REQUEST_PENDING, None);
        };
        self.take(cx, flow, message, asker, remaining);
    }

    /// Who sends this INVITE takes part in a call of its own with `remaining`, who leaves the call that he is in. Who asked for it
    /// pays for what of it goes elsewhere.
    pub(super) fn take(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        Asker { by, who: party }: Asker,
        remaining: LegId,
    ) {
        let old = self.legs[remaining.slot as usize].call;
        if describe::body(message) == Body::None {
            let status = StatusCode::NOT_ACCEPTABLE_HERE;
            return refuse(cx, &flow, message, status, Some("Replaces Needs An Offer"));
        }
        if self.calls.len() >= CALLS_MAX {
            cx.counters.limits_hit += 1;
            return refuse(cx, &flow, message, StatusCode::SERVICE_UNAVAILABLE, None);
        }
        let mut counted = Vec::new();
        if !flow.is_inside() {
            // It takes the place of a session that is counted already, and for a moment there are two. Whom another shard
            // speaks for is counted there.
            cx.world.guard.sessions.take(party.account, 0);
            counted.push(party.account);
        }
        let begun = self.begin_call(cx, flow, message, party, (Vec::new(), counted));
        let Some(call) = begun else { return };
        self.calls[call as usize].record.payer = Some(by.account);
        self.tell(cx, call, Step::Started);
        let party = self.legs[remaining.slot as usize].end.party;
        self.calls[call as usize].record.called = party.map(|party| party.account);
        let transfer = Transfer { old, remaining, by: None, payer: None, join: None };
        self.calls[call as usize].transfer = Some(Box::new(transfer));
        self.calls[old as usize].leads_to = Some(call);
        let from = self.calls[call as usize].caller;
        self.start_join(cx, call, from, false);
    }

    /// Section 3: nobody replaces a dialog that has not been answered, but for the user agent that began it; here that is the
    /// caller himself, whose REFER another shard carries out.
    fn replace_early(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        replaced: LegId,
    ) {
        let state = &self.calls[self.legs[replaced.slot as usize].call as usize];
        let stands =
            state.setup.as_ref().is_some_and(|setup| !setup.late && setup.server.is_some() && !setup.stopped);
        // Who rings with the first caller's certificate rings for nobody else.
        let of_caller = |id: &LegId| self.leg(*id).is_some_and(|leg| leg.end_to_end);
        let end_to_end = state.setup.as_ref().is_some_and(|setup| setup.legs.iter().any(of_caller));
        let stands = stands && !end_to_end;
        let may = flow.is_inside() && state.caller == replaced && state.transfer.is_none() && stands;
        if !may || describe::body(message) == Body::None {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            return refuse(cx, &flow, message, status, Some("Not Answered Yet"));
        }
        self.exchange_caller(cx, flow, message, party, replaced);
    }

    /// Who rings still, rings for somebody else from now on: what he answers to the first caller's offer is an answer for the
    /// second.
    fn exchange_caller(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        replaced: LegId,
    ) {
        let call = self.legs[replaced.slot as usize].call;
        self.rings_no_more(cx, call);
        self.refuse_picker(cx, call, StatusCode::TEMPORARILY_UNAVAILABLE);
        let Some((caller, server)) = self.open_caller(cx, flow, message, party, call) else { return };
        // When it is forwarded if nobody answers.
        self.legs[caller.slot as usize].alarm = self.legs[replaced.slot as usize].alarm;
        self.uncount(cx, call, replaced);
        let invite = self.stored(server, message);
        let state = &mut self.calls[call as usize];
        state.caller = caller;
        state.record.caller = flow.is_inside().then_some(party);
        let Some(setup) = state.setup.as_mut() else { return };
        setup.invite = invite;
        setup.party = Some(party);
        let rings = setup.rings;
        let before = setup.server.replace(server);
        if let Some(before) = before {
            self.answer_plain(cx, before, StatusCode::REQUEST_TERMINATED);
        }
        self.remove_leg(cx, replaced);
        if rings {
            self.answer_plain(cx, server, StatusCode::RINGING);
        }
        let offer = self.legs[caller.slot as usize].session.remote.clone();
        self.open_media(cx, caller, &offer, true);
        self.arm_leg(cx.now.monotonic, caller);
        self.accept_opened(cx, call);
    }
}
