//! Two sides of different calls are made one call. The one is offered what the other has described, in a re-INVITE (RFC 3261
//! section 14); where both talk already, the first is asked for an offer of its own before (RFC 3725 section 4.3 in our
//! words: what it answered to somebody else may leave out what the two have in common).
//!
//! Nothing has changed before the last of them has said yes; when one says no, both stay where they were.

use super::Calls;
use super::client::Purpose;
use super::control::Ordered;
use super::describe::{self, Body, Text};
use super::late::Late;
use super::leg::{LegId, Stage as MediaStage};
use super::modify::Before;
use super::transfer::unheld;
use crate::context::Context;
use crate::event::Step;
use coeur_sip::{Message, Method, StatusCode};
use std::time::Duration;

pub(super) struct Join {
    /// Who is in the new call, or is to be, and whose description is offered.
    pub(super) from: LegId,
    stage: Stage,
    client: Option<u32>,
    /// The 2xx with the offer that `from` was asked for; its ACK has the answer.
    late: Option<Late>,
    /// What `from` had described before it was asked.
    described: Text,
    /// It was offered our credentials in the place of the other device's.
    has_restarted: bool,
    /// What the side had that is taken over.
    before: Option<Before>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// `from` is asked for an offer.
    Asking,
    /// The other side is waited for, if something is under way there.
    Waiting,
    Opening,
    Offered,
}

/// Something else is under way on that side: it is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

impl Calls {
    /// The side that the new call takes over is joined with `from`. `ask`: it talks with somebody else now.
    pub(super) fn start_join(&mut self, cx: &mut Context<'_>, call: u32, from: LegId, ask: bool) {
        let Some(remaining) = self.calls[call as usize].transfer.as_ref().map(|transfer| transfer.remaining)
        else {
            return;
        };
        if self.service_of(from).is_some() {
            let offer = self.leg(remaining).map(|leg| unheld(&leg.session.remote, leg.near()));
            if !self.describe_service(from, &offer.unwrap_or_default()) {
                return self.join_failed(cx, call, StatusCode::NOT_ACCEPTABLE_HERE);
            }
        }
        // A service need not be asked: it has just said what it takes.
        let ask = ask && self.service_of(from).is_none();
        let described = self.leg(from).map(|leg| leg.session.remote.clone()).unwrap_or_default();
        let stage = if ask { Stage::Asking } else { Stage::Waiting };
        let join =
            Join { from, stage, client: None, late: None, described, has_restarted: false, before: None };
        let Some(transfer) = self.calls[call as usize].transfer.as_mut() else { return };
        transfer.join = Some(join);
        // Keys that two devices had between themselves are of no use with somebody else.
        for id in [from, remaining] {
            if let Some(leg) = self.leg_mut(id) {
                (leg.end_to_end, leg.wire, leg.direct.is_sealed) = (false, false, false);
            }
        }
        self.relay_again([from, remaining]);
        self.join_on(cx, call);
    }

    /// The call into which this leg is about to be joined, or whose other side is.
    pub(super) fn joining(&self, id: LegId) -> Option<u32> {
        let call = self.leg(id)?.call;
        let state = self.calls.get(call as usize)?;
        let new = state.leads_to.unwrap_or(call);
        let transfer = self.calls.get(new as usize)?.transfer.as_ref()?;
        transfer.join.is_some().then_some(new)
    }

    fn join(&mut self, call: u32) -> Option<(&mut Join, LegId)> {
        let transfer = self.calls.get_mut(call as usize)?.transfer.as_mut()?;
        let remaining = transfer.remaining;
        Some((transfer.join.as_mut()?, remaining))
    }

    fn join_on(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some((join, to)) = self.join(call) else { return };
        let (stage, from, idle) = (join.stage, join.from, join.client.is_none());
        match stage {
            Stage::Asking if !idle => {}
            Stage::Asking if self.is_busy(from) => self.look_again(cx, from, LOOK_AGAIN),
            Stage::Asking if self.must_restart(call, from) => {
                let flow = self.leg(from).map(|leg| leg.end.flow);
                flow.into_iter().for_each(|flow| self.offer_anew(cx, from, flow));
                self.look_again(cx, from, LOOK_AGAIN);
            }
            Stage::Asking => self.ask(cx, call, from),
            Stage::Waiting if self.is_busy(to) => self.look_again(cx, to, LOOK_AGAIN),
            Stage::Waiting => self.open_for(cx, call, from, to),
            Stage::Opening => self.join_opened(cx, call),
            Stage::Offered if idle => self.offer_to(cx, call, from, to),
            Stage::Offered => {}
        }
    }

    /// Whether the side has to be offered credentials of ours before it is asked for an offer: who is asked does not restart, and
    /// would go on with addresses of who leaves. Once: who refuses is asked all the same.
    fn must_restart(&mut self, call: u32, from: LegId) -> bool {
        let is_wire = self.leg(from).is_some_and(describe::is_wire);
        self.join(call).is_some_and(|(join, _)| is_wire && !std::mem::replace(&mut join.has_restarted, true))
    }

    /// RFC 3261 section 14.1: no second INVITE, and no second offer, while one is under way.
    pub(super) fn is_busy(&self, id: LegId) -> bool {
        let Some(leg) = self.leg(id) else { return false };
        let offers = self
            .calls
            .get(leg.call as usize)
            .is_some_and(|call| call.modify.is_some() || call.late.is_some());
        offers || leg.unacknowledged.is_some() || leg.timer.offers()
    }

    fn look_again(&mut self, cx: &Context<'_>, id: LegId, after: Duration) {
        let now = cx.now.monotonic;
        if let Some(leg) = self.leg_mut(id) {
            leg.alarm = now + after;
        }
        self.arm_leg(now, id);
    }

    /// What a leg has waited for is to be tried.
    pub(super) fn alarm(&mut self, cx: &mut Context<'_>, id: LegId) {
        match self.joining(id) {
            Some(call) => self.join_on(cx, call),
            None if self.is_tested(id) => self.test_over(cx, id),
            None if self.service_of(id).is_some() => self.ports_missing(cx, id),
            None => {
                let call = self.legs[id.slot as usize].call;
                match self.parked_in(call) == Some(id) {
                    true => self.parked_too_long(cx, call),
                    false => self.nobody_answers(cx, id),
                }
            }
        }
    }

    fn ask(&mut self, cx: &mut Context<'_>, call: u32, from: LegId) {
        let Some(leg) = self.leg_mut(from) else { return };
        // A refused restart has put back what it had.
        (leg.end_to_end, leg.wire) = (false, false);
        let timer = leg.timer.request_lines(cx.world);
        let client = self.request(cx, from, Method::Invite, Purpose::Join, b"", |writer| {
            writer.raw(&timer);
        });
        match self.join(call) {
            Some((join, _)) if client.is_some() => join.client = client,
            Some(_) | None => self.join_failed(cx, call, StatusCode::TEMPORARILY_UNAVAILABLE),
        }
    }

    fn open_for(&mut self, cx: &mut Context<'_>, call: u32, from: LegId, to: LegId) {
        let Some(offer) = self.leg(from).map(|leg| leg.session.remote.clone()) else { return };
        if self.leg(to).is_none() {
            return self.join_failed(cx, call, StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        }
        let before = self.before(to);
        if let Some((join, _)) = self.join(call) {
            join.stage = Stage::Opening;
            join.before = Some(before);
        }
        self.open_media(cx, from, &offer, true);
        self.open_media(cx, to, &offer, false);
        self.join_opened(cx, call);
    }

    /// The ports of both are open.
    pub(super) fn join_opened(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some((join, to)) = self.join(call) else { return };
        let (stage, from) = (join.stage, join.from);
        let is_open = |id: LegId| self.leg(id).is_some_and(|leg| leg.media.stage == MediaStage::Open);
        if stage == Stage::Opening && is_open(from) && is_open(to) {
            self.offer_to(cx, call, from, to);
        }
    }

    fn offer_to(&mut self, cx: &mut Context<'_>, call: u32, from: LegId, to: LegId) {
        let Some(offer) = self.leg(from).map(|leg| leg.session.remote.clone()) else { return };
        let Some(leg) = self.leg_mut(to) else { return };
        let offer = padded(&offer, &leg.session.remote);
        let body = offer.read().map(|offer| describe::offer(cx.mint, leg, &offer)).unwrap_or_default();
        let timer = leg.timer.request_lines(cx.world);
        let client = self.request(cx, to, Method::Invite, Purpose::Join, body.bytes(), |writer| {
            writer.raw(&timer);
            describe::write_type(writer, body.bytes());
        });
        match self.join(call) {
            Some((join, _)) if client.is_some() => {
                join.stage = Stage::Offered;
                join.client = client;
            }
            Some(_) | None => self.join_failed(cx, call, StatusCode::TEMPORARILY_UNAVAILABLE),
        }
    }

    /// One of the two says yes.
    pub(super) fn join_accepted(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        slot: u32,
        message: &Message<'_>,
    ) {
        let Some(leg) = self.leg_mut(id) else { return self.acknowledge_blindly(cx, slot, message) };
        if let Some(dialog) = leg.dialog.as_mut() {
            // A Contact that cannot be read moves nothing.
            let _ = dialog.on_response(message);
        }
        leg.learn(message);
        let Some(dialog) = leg.dialog.clone() else { return };
        self.begin_timer_as_client(cx, id, message);
        let described = match describe::body(message) {
            Body::Description(described) => Some(Text::from(described)).filter(|text| text.read().is_some()),
            Body::None | Body::Other => None,
        };
        let call = self.joining(id);
        let Some((join, _)) = call.and_then(|call| self.join(call)).filter(|(join, _)| {
            join.client == Some(slot) || join.late.as_ref().is_some_and(|late| late.client == slot)
        }) else {
            return self.acknowledge(cx, slot, &dialog, message, b"");
        };
        let (stage, awaited, from) = (join.stage, join.client == Some(slot), join.from);
        let Some(call) = call else { return };
        match (stage, described) {
            // The 2xx with the offer again: its ACK is still to come.
            (Stage::Asking | Stage::Waiting | Stage::Opening | Stage::Offered, _) if !awaited => {}
            (Stage::Asking, Some(offer)) => {
                let tag = message.to_tag().unwrap_or_default().into();
                let response = message.bytes().into();
                join.late = Some(Late { client: slot, tag, response, offer: offer.clone(), from, to: id });
                join.client = None;
                join.stage = Stage::Waiting;
                let described = std::mem::replace(&mut self.legs[id.slot as usize].session.remote, offer);
                if let Some((join, _)) = self.join(call) {
                    join.described = described;
                }
                self.join_on(cx, call);
            }
            (Stage::Offered, Some(answer)) => {
                self.acknowledge(cx, slot, &dialog, message, b"");
                self.legs[id.slot as usize].session.remote = answer;
                self.joined(cx, call, message);
            }
            (Stage::Asking | Stage::Waiting | Stage::Opening | Stage::Offered, _) => {
                self.acknowledge(cx, slot, &dialog, message, b"");
                self.join_failed(cx, call, StatusCode::NOT_ACCEPTABLE_HERE);
            }
        }
    }

    /// The answer to the offer that a side was asked for, beside what it had described before: its keys, and its role in an
    /// association, go on (RFC 8842 section 5.5).
    fn answer_asked(&mut self, cx: &mut Context<'_>, late: &Late, described: Text, other: &Text) {
        let Some(leg) = self.leg_mut(late.from) else { return };
        leg.session.remote = described;
        let other = other.read();
        let body = other.map(|other| describe::answer(cx.mint, leg, &late.offer, &other)).unwrap_or_default();
        leg.session.remote = late.offer.clone();
        self.acknowledge_late(cx, late, body.bytes());
    }

    /// Both have said yes: what was two calls is one.
    fn joined(&mut self, cx: &mut Context<'_>, call: u32, message: &Message<'_>) {
        let Some(transfer) = self.calls[call as usize].transfer.take() else { return };
        let (old, to, by, payer) = (transfer.old, transfer.remaining, transfer.by, transfer.payer);
        let is_originated = self.calls.get(old as usize).is_some_and(|old| old.originated.is_some());
        let Some(join) = transfer.join else { return };
        let from = join.from;
        if let Some(late) = &join.late {
            let answer = self.legs[to.slot as usize].session.remote.clone();
            self.answer_asked(cx, late, join.described, &answer);
        }
        cx.counters.calls_transferred += 1;
        let told = by.filter(|by| self.notify(cx, *by, StatusCode::OK));
        self.take_over(cx, old, call, from, to);
        self.record_anew(cx, call, old);
        self.leave_old(cx, old, to, told);
        let state = &mut self.calls[call as usize];
        state.record.payer = payer.or(state.record.payer);
        match state.setup.as_mut() {
            // An INVITE with Replaces waits for its answer.
            Some(setup) if setup.server.is_some() => {
                setup.accepted = Some(to);
                setup.response = message.bytes().into();
                return self.accept_opened(cx, call);
            }
            Some(_) => {
                state.setup = None;
                state.record.answered = Some(cx.now.wall);
                cx.counters.calls_answered += 1;
                self.tell(cx, call, Step::Answered);
            }
            None => {}
        }
        // To its people it is the call that they have asked for.
        if !is_originated {
            self.tell(cx, call, Step::Transferred);
        }
        self.agree(cx, from, to);
        self.arm_leg(cx.now.monotonic, from);
        self.arm_leg(cx.now.monotonic, to);
    }

    /// `to` becomes the side of the new call that `from` is not; who was there is left.
    fn take_over(&mut self, cx: &mut Context<'_>, old: u32, call: u32, from: LegId, to: LegId) {
        let of = self.calls.get(old as usize).filter(|old| old.originated.is_none()).map(|old| old.record.id);
        let state = &self.calls[call as usize];
        let leaves = if state.caller == from { state.callee } else { Some(state.caller) };
        if let Some(leaves) = leaves.filter(|_| state.setup.is_none()) {
            self.split_record(cx, call, leaves);
        }
        let state = &mut self.calls[call as usize];
        state.record.transfer_of = state.record.transfer_of.or(of);
        let replaced = match state.caller == from {
            true => state.callee.replace(to),
            false => Some(std::mem::replace(&mut state.caller, to)),
        };
        // What was ordered of the two was for another call.
        self.legs[from.slot as usize].ordered = Ordered::default();
        let leg = &mut self.legs[to.slot as usize];
        leg.ordered = Ordered::default();
        leg.call = call;
        // Its session is counted where it is.
        let account = leg.end.party.map(|party| party.account);
        let counted = &mut self.calls[old as usize].counted;
        if let Some(at) = counted.iter().position(|counted| Some(*counted) == account) {
            let account = counted.swap_remove(at);
            self.calls[call as usize].counted.push(account);
        }
        if let Some(replaced) = replaced {
            // A stand-in is counted for nobody (see `transfer`).
            if self.leg(replaced).is_some_and(|leg| leg.dialog.is_some()) {
                self.uncount(cx, call, replaced);
            }
            self.leave_behind(cx, replaced);
        }
    }

    /// One of the two says no, or nothing.
    pub(super) fn join_refused(&mut self, cx: &mut Context<'_>, id: LegId, slot: u32, status: StatusCode) {
        let Some(call) = self.joining(id) else { return };
        let random = u64::from(cx.mint.u32());
        let Some((join, _)) = self.join(call).filter(|(join, _)| join.client == Some(slot)) else { return };
        if status == StatusCode::REQUEST_PENDING {
            // Section 14.1: glare; the longer of its two waits, whoever has chosen the Call-ID.
            join.client = None;
            return self.look_again(cx, id, Duration::from_millis(2_100 + random % 190 * 10));
        }
        join.client = None;
        self.join_failed(cx, call, status);
    }

    /// The new call, or what was to become it, does not come to anything.
    pub(super) fn join_failed(&mut self, cx: &mut Context<'_>, call: u32, status: StatusCode) {
        let Some(state) = self.calls.get_mut(call as usize) else { return };
        if state.setup.is_some() {
            return self.end_setup(cx, call, status, None);
        }
        let Some(transfer) = state.transfer.take() else { return };
        if let Some(by) = transfer.by {
            self.notify(cx, by, status);
        }
        self.unlink(cx, call, *transfer);
        self.end_if_alone(cx, call);
    }

    /// RFC 3264 section 8: what was offered and not taken has changed nothing. Who was asked for an offer gets as answer
    /// what we had described before.
    pub(super) fn undo_join(&mut self, cx: &mut Context<'_>, to: LegId, join: Join) {
        if let Some(before) = join.before {
            self.restore(to, before);
        }
        for id in [to, join.from] {
            if let Some(leg) = self.leg_mut(id) {
                leg.end_to_end = describe::is_end_to_end(leg);
                leg.wire = describe::is_wire(leg);
                leg.direct.other = describe::elsewhere(leg).map(Box::new);
            }
        }
        if let Some(late) = &join.late {
            // It has offered anew, and stays with whom it was.
            let other = self.other(join.from);
            let said = other.and_then(|other| Some(self.leg(other)?.session.remote.clone()));
            self.answer_asked(cx, late, join.described, &said.unwrap_or_default());
            if let Some(other) = other {
                self.agree(cx, join.from, other);
            }
        }
        if let Some(client) = join.client {
            self.cancel_client(cx, client, super::client::Why::GivenUp);
        }
    }
}

/// RFC 3264 section 8: an offer inside a dialog has no fewer streams than there were; what is not offered has port 0.
fn padded(offer: &Text, before: &Text) -> Text {
    let (Some(offered), Some(had)) = (offer.read(), before.read()) else { return offer.clone() };
    let mut padded = offer.bytes().to_vec();
    for media in had.lines().media.iter().skip(offered.summary.media.len()) {
        coeur_sdp::Media { port: 0, port_count: 1, lines: Vec::new(), ..media.clone() }.write(&mut padded);
    }
    padded.into()
}
