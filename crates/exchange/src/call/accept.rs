//! Somebody answers (RFC 3261 sections 13.2.2.4 and 13.3.1.4): the first wins, is acknowledged, and the caller hears it; the
//! others are told that the call is completed elsewhere. A 2xx that comes too late is acknowledged and ended at once.

use super::client::{Purpose, Why, read};
use super::describe::{self, Body, Text};
use super::late::Late;
use super::leg::{LegId, Stage};
use super::{ALLOW, Calls, SUPPORTED, across, headers, identity};
use crate::context::Context;
use crate::event::Step;
use crate::session_id::of_ack;
use coeur_sip::dialog::Dialog;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, Method, StatusCode, Writer};

impl Calls {
    /// A 2xx to the INVITE of a leg, from a dialog that has not been acknowledged.
    pub(super) fn begin_accepted(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        slot: u32,
        message: &Message<'_>,
    ) {
        let call = self.leg(id).map(|leg| leg.call);
        let open = call.and_then(|call| self.calls[call as usize].setup.as_ref());
        let may = open.is_some_and(|setup| setup.accepted.is_none() && setup.legs.contains(&id));
        let (Some(call), true) = (call, may) else {
            // The 2xx of an offer that the caller has still to answer comes again until its ACK can leave.
            let awaited = call.and_then(|call| self.calls[call as usize].late.as_ref());
            if awaited
                .is_none_or(|late| late.client != slot || *late.tag != *message.to_tag().unwrap_or_default())
            {
                self.acknowledge_and_end(cx, slot, message);
            }
            return;
        };
        let Some(dialog) = self.confirmed(id, slot, message) else {
            // Without a Contact there is no way to acknowledge it; the callee ends the call itself.
            self.leg_failed(cx, id, StatusCode::BAD_GATEWAY.code());
            return self.settle(cx, call);
        };
        let late = self.calls[call as usize].setup.as_ref().is_some_and(|setup| setup.late);
        let is_ahead = self.leg(id).is_some_and(|leg| leg.is_ahead);
        let described = match describe::body(message) {
            _ if is_ahead => self.callee(id).map(|callee| callee.early.clone()).unwrap_or_default(),
            Body::Description(described) => {
                let described = Text::from(described);
                let fits = self.leg(id).is_some_and(|leg| describe::fits(leg, late, &described));
                if fits { described } else { Text::default() }
            }
            // RFC 6337 section 2.1: what a reliable provisional answer has said need not be said again.
            Body::None => self.callee(id).map(|callee| callee.early.clone()).unwrap_or_default(),
            Body::Other => Text::default(),
        };
        if described.is_empty() {
            self.acknowledge_and_end(cx, slot, message);
            self.leg_failed(cx, id, StatusCode::NOT_ACCEPTABLE_HERE.code());
            return self.settle(cx, call);
        }
        if !late {
            self.acknowledge(cx, slot, &dialog, message, b"");
        }
        self.take_winner(cx, call, id, dialog, message);
        self.legs[id.slot as usize].session.remote = described.clone();
        self.remember_profile(id);
        if late {
            let tag = message.to_tag().unwrap_or_default().into();
            let to = self.calls[call as usize].caller;
            let response = message.bytes().into();
            let offer = described.clone();
            self.calls[call as usize].late =
                Some(Box::new(Late { client: slot, tag, response, offer, from: id, to }));
            self.learn_profile(id, &described);
            self.legs[to.slot as usize].profile = self.expected_profile(to);
            self.open_media(cx, id, &described, true);
            self.open_media(cx, to, &described, false);
        }
        self.accept(cx, call, Some(message));
    }

    /// The dialog that this 2xx confirms, or makes.
    fn confirmed(&mut self, id: LegId, slot: u32, message: &Message<'_>) -> Option<Dialog> {
        let callee = self.legs.get_mut(id.slot as usize).filter(|leg| leg.id == id)?.callee.as_mut()?;
        if let Some(known) = callee.forks.on_known(message) {
            return known.ok().cloned();
        }
        let (client, secure) = (self.clients.get(slot as usize)?, callee.target.secure);
        read(&client.request, |request| callee.forks.on_response(request, message, secure).ok().cloned())
            .flatten()
    }

    /// Who answered takes part from now on; who did not is told so.
    fn take_winner(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        id: LegId,
        dialog: Dialog,
        message: &Message<'_>,
    ) {
        self.rings_no_more(cx, call);
        self.refuse_picker(cx, call, StatusCode::TEMPORARILY_UNAVAILABLE);
        let leg = &mut self.legs[id.slot as usize];
        leg.dialog = Some(dialog);
        let room = leg.callee.as_ref().is_some_and(|callee| across::is_room(&callee.target.uri));
        leg.callee = None;
        leg.learn(message);
        let (party, elsewhere) = (leg.end.party, leg.end.flow.is_inside());
        self.begin_timer_as_client(cx, id, message);
        let call = &mut self.calls[call as usize];
        call.callee = Some(id);
        // Of who is in a conference of another shard this is the record; of others it is there.
        call.record.is_elsewhere = elsewhere && !room;
        cx.counters.calls_across_shards += u64::from(elsewhere);
        if let Some(party) = party {
            // It has said yes: this is counted, and refused no more.
            cx.world.guard.sessions.take(party.account, 0);
            call.counted.push(party.account);
        }
        let Some(setup) = call.setup.as_mut() else { return };
        setup.accepted = Some(id);
        setup.response = message.bytes().into();
        setup.waiting.clear();
        let losers: Vec<LegId> = setup.legs.drain(..).filter(|leg| *leg != id).collect();
        losers.into_iter().for_each(|leg| self.withdraw(cx, leg, Why::CompletedElsewhere));
    }

    /// The call is answered: the caller hears it, once the ports of both are open and what we said provisionally with a
    /// description is acknowledged (RFC 3262 section 3).
    pub(super) fn accept_opened(&mut self, cx: &mut Context<'_>, call: u32) {
        let setup = self.calls.get(call as usize).and_then(|state| state.setup.as_ref());
        let Some(response) = setup.map(|setup| setup.response.clone()) else { return };
        if read(&response, |response| self.accept(cx, call, Some(response))).is_none() {
            self.accept(cx, call, None);
        }
    }

    /// The same with the 2xx at hand; a service has none.
    fn accept(&mut self, cx: &mut Context<'_>, call: u32, response: Option<&Message<'_>>) {
        let Some(state) = self.calls.get(call as usize) else { return };
        let Some(setup) = state.setup.as_ref() else { return };
        let (Some(callee), caller) = (setup.accepted, state.caller) else { return };
        let Some(server) = setup.server else { return self.transfer_answered(cx, call) };
        let is_open = |id: LegId| self.leg(id).is_some_and(|leg| leg.media.stage == Stage::Open);
        let held =
            self.legs[caller.slot as usize].reliable.as_ref().is_some_and(|reliable| reliable.holds_2xx());
        if !is_open(caller) || !is_open(callee) || held {
            return;
        }
        let (invite, late) = (setup.invite.clone(), setup.late);
        self.seal_caller(cx, caller, callee);
        let body = match late {
            true => self.offer_caller(cx, caller, callee),
            false => self.answer_caller(cx, caller, callee),
        };
        let extra = match self.service_of(callee) {
            Some(_) => self.lines_of_service(cx, caller),
            None => response.map(|response| self.extra_of(cx, caller, callee, response)).unwrap_or_default(),
        };
        self.legs[caller.slot as usize].reliable = None;
        let timer = self.timer_as_server(cx, caller, &invite.message());
        let sent = self.answer(cx, server, StatusCode::OK, None, body.bytes(), |writer| {
            writer.raw(&extra);
            writer.raw(&timer);
            describe::write_type(writer, body.bytes());
        });
        let Some(sent) = sent else { return };
        if !late && self.service_of(callee).is_none() {
            // "It is answered" means "it is in the journal", where `keep` puts it.
            cx.outbox.hold(sent);
        }
        self.legs[caller.slot as usize].unacknowledged = Some(server);
        let picker = self.calls[call as usize].setup.as_ref().and_then(|setup| setup.picker);
        if let Some(picker) = picker {
            self.answer_picker(cx, caller, picker);
        }
        let state = &mut self.calls[call as usize];
        state.setup = None;
        state.record.answered = Some(cx.now.wall);
        cx.counters.calls_answered += 1;
        self.tell(cx, call, Step::Answered);
        if !late {
            self.agree(cx, caller, callee);
        } else if self.service_of(callee).is_some() {
            self.legs[caller.slot as usize].awaits_answer = true;
        }
        self.arm_leg(cx.now.monotonic, caller);
        self.arm_leg(cx.now.monotonic, callee);
    }

    /// The caller is told of the callee what the callee was told of him; without checks of the callee's own, of ours. Then their
    /// keys are their own for no reason, unless the setting wants it so: see `direct`.
    fn seal_caller(&mut self, cx: &Context<'_>, caller: LegId, callee: LegId) {
        let Some(answered) = self.leg_mut(callee) else { return };
        let described = answered.session.remote.read();
        answered.wire &= described.is_some_and(|described| describe::may_be_wire(&described));
        let (end_to_end, wire) = (answered.end_to_end, answered.wire);
        let is_sealed = end_to_end && !wire && !cx.world.settings.end_to_end;
        answered.direct.is_sealed = is_sealed;
        if let Some(leg) = self.leg_mut(caller) {
            (leg.end_to_end, leg.wire, leg.direct.is_sealed) = (end_to_end, wire, is_sealed);
        }
    }

    /// The offer for a caller who had none, from what the callee has offered.
    fn offer_caller(&mut self, cx: &mut Context<'_>, caller: LegId, callee: LegId) -> Text {
        let Some(offer) = self.leg(callee).map(|leg| leg.session.remote.clone()) else {
            return Text::default();
        };
        let (Some(offer), Some(leg)) = (offer.read(), self.leg_mut(caller)) else {
            return Text::default();
        };
        describe::offer(cx.mint, leg, &offer)
    }

    /// What an answer to `to` says besides its description, as lines: our Contact and abilities, who answers, and what
    /// passes of the other side's answer.
    pub(super) fn extra_of(
        &self,
        cx: &Context<'_>,
        to: LegId,
        from: LegId,
        response: &Message<'_>,
    ) -> Vec<u8> {
        let mut lines = Vec::with_capacity(512);
        let mut writer = Writer::new(&mut lines);
        let (Some(leg), Some(other)) = (self.leg(to), self.leg(from)) else { return lines };
        // Who was reached over a listener is answered over it, so there is one.
        let _ = leg.write_contact(cx.world, &mut writer);
        writer.header(HeaderName::Allow, ALLOW).header(HeaderName::Supported, SUPPORTED);
        let tells = leg.is_trusted();
        let identity = identity::of_answerer(cx.world, response, other.end.party, tells);
        if !identity.asserted.is_empty() {
            writer.header(HeaderName::PAssertedIdentity, &identity.asserted);
        }
        headers::pass(cx.world, response, &mut writer);
        lines
    }

    /// Nobody waits for this 2xx: ACK, then BYE (section 13.2.2.4).
    pub(super) fn acknowledge_and_end(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>) {
        let Some(client) = self.clients.get(slot as usize) else { return };
        let (request, hop, party, leg) =
            (client.request.clone(), client.hop.clone(), client.party, client.leg);
        let made = read(&request, |request| Dialog::from_response(request, message, false).ok()).flatten();
        let Some(mut dialog) = made else { return };
        // PRACKs of ours in that dialog have counted on.
        let number = dialog.next_cseq(1).saturating_add(super::client::ANSWERS_MAX as u32);
        self.acknowledge(cx, slot, &dialog, message, b"");
        let to = super::client::Outgoing { leg, purpose: Purpose::Told, hop, party, invite: false };
        let session = read(&request, |request| of_ack(request, message)).flatten();
        self.send(cx, to, |via, out| {
            let mut writer = dialog.write_request(Method::Bye, number, via, out);
            if let Some(session) = &session {
                writer.header(HeaderName::SessionId, session);
            }
            if let Some(reason) = Why::CompletedElsewhere.reason() {
                writer.header(HeaderName::Reason, reason);
            }
            writer.end(b"");
        });
    }
}
