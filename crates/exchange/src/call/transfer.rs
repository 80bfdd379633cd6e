//! A transfer: one side of a call is to be with somebody else (RFC 5589). Who is wanted is called on behalf of the side that
//! is transferred, with the rights of who asks; until it has answered, nothing changes for the side that waits.
//!
//! Three calls play together only in appearance: the *old* one, which loses a side; and the *new* one, which takes that
//! side over ([`super::join`]). Of a blind transfer the new call begins here, with a stand-in for its caller: a leg without
//! a dialog, which has the description of the side that waits. Of an attended one the new call is there already.

use super::client::read;
use super::describe::Text;
use super::end::By;
use super::join::Join;
use super::leg::LegId;
use super::name::Name;
use super::state::{Call, Record, Setup};
use super::{Calls, NewLeg, identity};
use crate::context::Context;
use crate::event::Step;
use crate::forwarding::Onward;
use crate::outbox::Span;
use crate::party::Party;
use crate::routing::Target;
use crate::service::Service;
use coeur_directory::AccountId;
use coeur_sip::header::{DialogId, HeaderName};
use coeur_sip::message::Stored;
use coeur_sip::time::Monotonic;
use coeur_sip::{Method, StatusCode, Writer};
use std::sync::Arc;

pub(super) struct Transfer {
    /// The call that loses a side.
    pub(super) old: u32,
    /// The side that is taken over.
    pub(super) remaining: LegId,
    /// Hears how it goes.
    pub(super) by: Option<LegId>,
    /// Who pays from then on for what goes elsewhere; `None`: who did before.
    pub(super) payer: Option<AccountId>,
    /// Once there is somebody to be joined with.
    pub(super) join: Option<Join>,
}

/// What a REFER asks for.
pub(super) struct Referral {
    pub(super) by: LegId,
    pub(super) party: Party,
    /// RFC 3892: what we know of who asks; empty when it may not be told.
    pub(super) referred_by: Vec<u8>,
    pub(super) uri: Vec<u8>,
}

/// The side that waits, in its call, and who hears how it goes.
pub(super) struct Waits {
    pub(super) old: u32,
    pub(super) remaining: LegId,
    pub(super) by: Option<LegId>,
}

/// Whom it is to be with.
#[derive(Default)]
pub(super) struct Request {
    pub(super) referred_by: Vec<u8>,
    pub(super) uri: Vec<u8>,
    /// The name that is shown of who waits; `None`: its own.
    pub(super) display: Option<Box<str>>,
    /// By whose right it is called.
    pub(super) payer: Option<AccountId>,
    /// What is to be recorded of it; `None`: a transfer of the call in which it waits.
    pub(super) record: Option<Record>,
}

/// Who is called for it.
pub(super) enum Wanted {
    Callees(Callees),
    Service(Service),
}

pub(super) struct Callees {
    pub(super) targets: Vec<Target>,
    pub(super) onward: Option<Box<Onward>>,
    /// Header lines of the INVITE besides.
    pub(super) lines: Vec<u8>,
}

impl Callees {
    const fn nobody() -> Self {
        Self { targets: Vec::new(), onward: None, lines: Vec::new() }
    }
}

impl Calls {
    /// Calls who is wanted.
    pub(super) fn transfer(&mut self, cx: &mut Context<'_>, referral: Referral, wanted: Wanted) {
        let old = self.legs[referral.by.slot as usize].call;
        // Both sides are there: `may_be_referred`.
        let Some(remaining) = self.other(referral.by) else { return };
        let waits = Waits { old, remaining, by: Some(referral.by) };
        let Referral { referred_by, uri, party, .. } = referral;
        let request = Request { referred_by, uri, payer: Some(party.account), ..Request::default() };
        self.call_for(cx, &waits, request, wanted);
    }

    /// A call on behalf of the side that waits.
    pub(super) fn call_for(&mut self, cx: &mut Context<'_>, waits: &Waits, request: Request, wanted: Wanted) {
        let Waits { old, remaining, by } = *waits;
        let (callees, service) = match wanted {
            Wanted::Callees(callees) => (callees, None),
            Wanted::Service(service) => (Callees::nobody(), Some(service)),
        };
        let Some(invite) = self.stand_in_invite(remaining, &request) else { return };
        let call = self.calls.vacant_key() as u32;
        let caller = self.stand_in(cx, call, remaining);
        let party = self.legs[remaining.slot as usize].end.party;
        let before = &self.calls[old as usize].record;
        let (of, call_id) = (before.id, before.call_id.clone());
        // One that has its record already was told of when it was asked for.
        let is_new = request.record.is_none();
        let record = request
            .record
            .unwrap_or_else(|| Record { transfer_of: Some(of), ..Record::new(cx, &request.uri, &call_id) });
        let record = Record { payer: request.payer, ..record };
        let lines = [&referred_by(&request.referred_by)[..], &callees.lines].concat().into();
        let setup = Setup { party, lines, ..Setup::of(invite, callees.targets) };
        self.calls.insert(Call {
            transfer: Some(Box::new(Transfer { old, remaining, by, payer: None, join: None })),
            ..Call::begun(caller, setup, record)
        });
        self.calls[old as usize].leads_to = Some(call);
        cx.counters.calls_started += 1;
        if is_new {
            self.tell(cx, call, Step::Started);
        }
        if let Some(service) = service {
            return self.answer_by_service(cx, call, service);
        }
        self.set_onward(cx, call, callees.onward);
        self.settle(cx, call);
    }

    /// The side that waits, as caller of the new call.
    fn stand_in(&mut self, cx: &mut Context<'_>, call: u32, remaining: LegId) -> LegId {
        let leg = &self.legs[remaining.slot as usize];
        let (end, hop, offer) = (leg.end.clone(), leg.hop.clone(), unheld(&leg.session.remote, leg.near()));
        let caller = self.open_leg(cx, NewLeg { call, end, hop });
        self.legs[caller.slot as usize].session.remote = offer;
        caller
    }

    /// The INVITE that the side that waits would send, if it did itself what is asked for.
    fn stand_in_invite(&self, remaining: LegId, request: &Request) -> Option<Arc<Stored>> {
        let (dialog, uri) = (self.leg(remaining)?.dialog.as_ref()?, &request.uri);
        let from = match &request.display {
            Some(display) => identity::named(display, dialog.remote_address()),
            None => dialog.remote_address().to_vec(),
        };
        let mut bytes = Vec::with_capacity(512);
        let mut writer = Writer::request(&mut bytes, Method::Invite, uri);
        writer.header(HeaderName::Via, b"SIP/2.0/UDP invalid;branch=z9hG4bKnone");
        writer.begin(HeaderName::From).push(&from).push(b";tag=none").end_line();
        writer.begin(HeaderName::To).push(b"<").push(uri).push(b">").end_line();
        writer.header(HeaderName::CallId, b"none").cseq(1, Method::Invite);
        writer.end(b"");
        read(&bytes, |invite| Arc::new(invite.into()))
    }

    /// The two other sides of two calls of one phone are to be together.
    pub(super) fn attend(&mut self, cx: &mut Context<'_>, referral: Referral, replaced: LegId) {
        let old = self.legs[referral.by.slot as usize].call;
        let call = self.legs[replaced.slot as usize].call;
        let Some(remaining) = self.other(referral.by) else { return };
        let payer = Some(referral.party.account);
        let transfer = Transfer { old, remaining, by: Some(referral.by), payer, join: None };
        self.calls[call as usize].transfer = Some(Box::new(transfer));
        self.calls[old as usize].leads_to = Some(call);
        if self.calls[call as usize].setup.is_some() {
            return self.attend_ringing(cx, call, replaced, &referral);
        }
        match self.other(replaced) {
            Some(from) => self.start_join(cx, call, from, true),
            None => self.join_failed(cx, call, StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
        }
    }

    /// Who was called to be asked rings still: the call goes on with the side that waits as its caller.
    fn attend_ringing(&mut self, cx: &mut Context<'_>, call: u32, replaced: LegId, referral: &Referral) {
        let Some(remaining) = self.calls[call as usize].transfer.as_ref().map(|transfer| transfer.remaining)
        else {
            return;
        };
        // It rings on behalf of a transfer from now on.
        self.rings_no_more(cx, call);
        self.refuse_picker(cx, call, StatusCode::TEMPORARILY_UNAVAILABLE);
        let caller = self.stand_in(cx, call, remaining);
        // It was offered already.
        let offer = self.legs[replaced.slot as usize].session.remote.clone();
        self.legs[caller.slot as usize].session.remote = offer;
        let party = self.legs[remaining.slot as usize].end.party;
        self.uncount(cx, call, replaced);
        let state = &mut self.calls[call as usize];
        state.caller = caller;
        let Some(setup) = state.setup.as_mut() else { return };
        setup.party = party;
        setup.lines = referred_by(&referral.referred_by);
        if let Some(server) = setup.server.take() {
            self.answer_plain(cx, server, StatusCode::REQUEST_TERMINATED);
        }
        self.remove_leg(cx, replaced);
        self.notify(cx, referral.by, StatusCode::RINGING);
        self.play_ringing(cx, call);
        self.accept_opened(cx, call);
    }

    /// True when these two dialogs of one phone are of different calls which can be made one.
    pub(super) fn may_be_joined(&self, by: LegId, replaced: LegId) -> bool {
        let call_of = |id: LegId| self.leg(id).map(|leg| leg.call);
        let Some(call) = call_of(replaced).and_then(|call| self.calls.get(call as usize)) else {
            return false;
        };
        let at_rest = call.leads_to.is_none() && call.transfer.is_none();
        let stands = match &call.setup {
            Some(setup) => call.caller == replaced && !setup.late && setup.server.is_some(),
            None => self.other(replaced).is_some(),
        };
        call_of(by) != call_of(replaced) && at_rest && stands
    }

    /// The leg that a Replaces names, from whichever side it is seen (RFC 3891 section 3).
    pub(super) fn leg_named(&self, named: &DialogId<'_>) -> Option<LegId> {
        let find = |ours: &[u8], theirs: &[u8]| {
            let name = Name::of_tag(ours)?;
            let leg = self.leg_of_name(&name).filter(|leg| !leg.leaving)?;
            let id = leg.dialog.as_ref()?.id();
            (id.call_id == named.call_id && id.remote_tag == theirs).then_some(leg.id)
        };
        find(named.local_tag, named.remote_tag).or_else(|| find(named.remote_tag, named.local_tag))
    }

    /// What the caller hears: an answer to its INVITE, or a NOTIFY for who asked for the transfer.
    pub(super) fn tell_caller(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        status: StatusCode,
        phrase: Option<&[u8]>,
        body: &[u8],
        extra: impl FnOnce(&mut Writer<'_>),
    ) -> Option<Span> {
        let state = self.calls.get(call as usize)?;
        match state.setup.as_ref()?.server {
            Some(server) => self.answer(cx, server, status, phrase, body, extra),
            None => {
                let by = state.transfer.as_ref()?.by?;
                self.notify(cx, by, status);
                None
            }
        }
    }

    /// Who is wanted rings.
    pub(super) fn transfer_rings(&mut self, cx: &mut Context<'_>, call: u32, status: StatusCode) {
        if let Some(by) = self.calls[call as usize].transfer.as_ref().and_then(|transfer| transfer.by) {
            self.notify(cx, by, status);
        }
        if matches!(status, StatusCode::RINGING | StatusCode::SESSION_PROGRESS) {
            self.play_ringing(cx, call);
        }
    }

    /// Who is wanted has answered.
    pub(super) fn transfer_answered(&mut self, cx: &mut Context<'_>, call: u32) {
        let state = &self.calls[call as usize];
        let waits = state.transfer.as_ref().is_some_and(|transfer| transfer.join.is_none());
        if state.originated.is_some() {
            return self.originate_answered(cx, call);
        }
        let accepted = state.setup.as_ref().and_then(|setup| setup.accepted);
        if let Some(from) = accepted.filter(|_| waits) {
            // What was said to it has the certificate of somebody who is not there any more.
            let ask = self.leg(from).is_some_and(|leg| leg.end_to_end);
            self.start_join(cx, call, from, ask);
        }
    }

    /// A side leaves a call while a transfer goes on that does not need it. False: it does, or there is none.
    pub(super) fn leaves_transfer(&mut self, cx: &mut Context<'_>, id: LegId) -> bool {
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return false };
        let Some(state) = self.calls.get(call as usize) else { return false };
        let new = state.leads_to.and_then(|new| self.calls.get(new as usize));
        let needed = match (new.and_then(|new| new.transfer.as_ref()), &state.transfer) {
            (Some(transfer), _) => transfer.remaining == id,
            (None, Some(transfer)) if state.setup.is_none() => {
                transfer.join.as_ref().is_none_or(|join| join.from == id)
            }
            (None, _) => true,
        };
        if !needed {
            self.drop_offers(cx, call);
            self.remove_leg(cx, id);
        }
        !needed
    }

    /// A call ends that is a part of a transfer.
    pub(super) fn drop_transfer(&mut self, cx: &mut Context<'_>, call: u32) {
        let status = StatusCode::REQUEST_TERMINATED;
        if let Some(new) = self.calls[call as usize].leads_to.take() {
            self.join_failed(cx, new, status);
        }
        if let Some(transfer) = self.calls.get_mut(call as usize).and_then(|state| state.transfer.take()) {
            if let Some(by) = transfer.by {
                self.notify(cx, by, status);
            }
            self.unlink(cx, call, *transfer);
        }
    }

    /// The transfer is over without having come to anything: the old call is as it was. When who asked has left it
    /// meanwhile there is nobody to go back to, and it ends.
    pub(super) fn unlink(&mut self, cx: &mut Context<'_>, call: u32, transfer: Transfer) {
        if let Some(join) = transfer.join {
            self.undo_join(cx, transfer.remaining, join);
        }
        // What was not to go from phone to phone meanwhile may do so again: in either call.
        self.direct_later(cx, call);
        self.direct_later(cx, transfer.old);
        let Some(old) = self.calls.get_mut(transfer.old as usize) else { return };
        if old.leads_to != Some(call) {
            return;
        }
        old.leads_to = None;
        self.play_as_before(cx, transfer.old);
        self.end_if_alone(cx, transfer.old);
    }

    pub(super) fn end_if_alone(&mut self, cx: &mut Context<'_>, call: u32) {
        if self.parked_in(call).is_some() {
            return self.await_retrieval(cx, call);
        }
        let Some(state) = self.calls.get(call as usize) else { return };
        let missing = |id: Option<LegId>| id.is_none_or(|id| self.leg(id).is_none());
        if state.setup.is_none() && (missing(Some(state.caller)) || missing(state.callee)) {
            self.end_call(cx, call, By::Us);
        }
    }

    /// The old call is over: the side that was taken over is no part of it any more. Who asked for it is left when it has
    /// answered the last NOTIFY, which most use to say BYE themselves.
    pub(super) fn leave_old(&mut self, cx: &mut Context<'_>, old: u32, taken: LegId, told: Option<LegId>) {
        self.note_both(cx, old);
        let Some(state) = self.calls.get_mut(old as usize) else { return };
        state.leads_to = None;
        let left = if state.caller == taken { state.callee } else { Some(state.caller) };
        match state.caller == taken {
            true => state.caller = NOBODY,
            false => state.callee = None,
        }
        match left {
            Some(id) if told == Some(id) => self.leave_later(cx, id),
            Some(id) => self.hang_up(cx, id, None),
            None => {}
        }
        cx.counters.calls_ended += 1;
        self.forget(cx, old, StatusCode::OK.code(), left.map_or(By::Us, By::Leg));
    }

    pub(super) fn leave_later(&mut self, cx: &mut Context<'_>, id: LegId) {
        self.detach(cx, id);
        let Some(leg) = self.leg_mut(id) else { return };
        leg.leaving = true;
        leg.alarm = Monotonic::NEVER;
    }
}

/// No leg has this name.
const NOBODY: LegId = LegId { slot: u32::MAX, serial: 0 };

/// RFC 3892 section 2.
fn referred_by(value: &[u8]) -> Box<[u8]> {
    let mut lines = Vec::new();
    if !value.is_empty() {
        Writer::new(&mut lines).header(HeaderName::ReferredBy, value);
    }
    lines.into()
}

/// A description as an offer to somebody new: who waits was put on hold by who transfers it, and is to be heard again.
pub(super) fn unheld(description: &Text, near: std::net::IpAddr) -> Text {
    let description = description.bytes();
    let mut offer = Vec::with_capacity(description.len());
    for line in description.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line {
            b"" | b"a=sendonly" | b"a=recvonly" | b"a=inactive" | b"a=sendrecv" => continue,
            // RFC 3264 section 8.4: the hold of old phones.
            b"c=IN IP4 0.0.0.0" | b"c=IN IP6 ::" => {
                let family = if near.is_ipv4() { "IP4" } else { "IP6" };
                offer.extend_from_slice(format!("c=IN {family} {near}").as_bytes());
            }
            _ => offer.extend_from_slice(line),
        }
        offer.extend_from_slice(b"\r\n");
    }
    offer.into()
}
