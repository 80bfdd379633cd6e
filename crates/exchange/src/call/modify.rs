//! A new offer inside the dialogs: hold, resume, another codec, video added (RFC 3261 section 14, RFC 3311, RFC 3264
//! section 8). It is offered to the other side in its words, and nothing has changed anywhere before that has answered:
//! when it refuses, both sides are as they were.

use super::client::{Machine, Purpose, Why, read};
use super::describe::{self, Body, Text};
use super::late::Late;
use super::leg::{LegId, Stage as MediaStage};
use super::{ALLOW, Calls, SUPPORTED, headers};
use crate::context::Context;
use crate::flow::Flow;
use crate::media::OpenStream;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, Method, StatusCode, Writer};

pub(super) struct Modify {
    /// The request that asked.
    pub(super) server: u32,
    pub(super) from: LegId,
    pub(super) to: LegId,
    /// The offer of `from`; empty when it comes from `to` (a late one).
    offer: Text,
    stage: Stage,
    /// Our request to the other side.
    pub(super) client: Option<u32>,
    /// What the legs had: (of `from`, of `to`).
    before: [Before; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Ports are being opened; then the offer goes on.
    Opening,
    Offered,
    /// The late offer has come, and ports for it are being opened.
    OpeningLate,
}

/// What a leg had before an offer.
pub(super) struct Before {
    local: Text,
    streams: Box<[OpenStream]>,
    is_sealed: bool,
}

impl Calls {
    pub(super) fn modify(&mut self, cx: &mut Context<'_>, id: LegId, flow: Flow, message: &Message<'_>) {
        if !self.is_acceptable(cx, &flow, message) {
            return;
        }
        let body = describe::body(message);
        let invite = message.method() == Method::Invite;
        if !invite && body == Body::None {
            return self.refreshed(cx, id, flow, message, b"");
        }
        let is_early = self
            .calls
            .get(self.legs[id.slot as usize].call as usize)
            .is_some_and(|call| call.setup.is_some());
        if !invite && is_early {
            return self.update_early(cx, id, flow, message);
        }
        let offer = match body {
            Body::Description(offer) => Text::from(offer),
            Body::None | Body::Other => Text::default(),
        };
        if !describe::may_follow(&self.legs[id.slot as usize].session, &offer) {
            return self.refuse_offer(cx, id, flow, message, StatusCode::NOT_ACCEPTABLE_HERE);
        }
        if let Some(status) = self.glare(id, invite) {
            return self.refuse_offer(cx, id, flow, message, status);
        }
        let leg = &self.legs[id.slot as usize];
        // The key of the other phone is not told over what others read (RFC 4568 section 9.1): with another answer than
        // before, the media of the two comes back to us.
        let may_say_again = flow.transport.is_secure() || !self.has_keys(id);
        if may_say_again && !offer.is_empty() && describe::is_same(leg.session.remote.bytes(), offer.bytes())
        {
            let local = self.answer_again(cx, id, &offer);
            return self.refreshed(cx, id, flow, message, local.bytes());
        }
        let (Some(to), tag, call) = (self.other(id), leg.tag(), leg.call) else {
            return self.refuse_offer(cx, id, flow, message, StatusCode::REQUEST_PENDING);
        };
        let Some(server) = self.open_server(cx, flow, message, id, &tag) else { return };
        if invite {
            self.answer_to(cx, (server, message), StatusCode::TRYING, b"", |_| {});
        }
        let before = [self.before(id), self.before(to)];
        self.relay_again([id, to]);
        let late = offer.is_empty();
        let modify = Modify {
            server,
            from: id,
            to,
            offer: offer.clone(),
            stage: Stage::Opening,
            client: None,
            before,
        };
        self.calls[call as usize].modify = Some(Box::new(modify));
        if !late {
            self.open_media(cx, id, &offer, true);
            self.open_media(cx, to, &offer, false);
        }
        // The end of a test is waited for by the same alarm, and bounds this too.
        if self.service_of(to).is_some() && !self.is_tested(to) {
            self.await_ports(cx, to);
        }
        self.modify_opened(cx, call);
    }

    /// An INVITE that is refused is remembered: its repetitions must not be looked at anew when things have changed.
    fn refuse_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        flow: Flow,
        message: &Message<'_>,
        status: StatusCode,
    ) {
        let tag = self.legs[id.slot as usize].tag();
        let Some(server) = self.open_server(cx, flow, message, id, &tag) else { return };
        self.answer(cx, server, status, None, b"", |writer| {
            if status == StatusCode::SERVER_INTERNAL_ERROR {
                // Section 14.2 has a random value between 0 and 10 seconds; ours is short, as the first is soon done.
                writer.number(HeaderName::RetryAfter, 1);
            }
        });
    }

    pub(super) fn before(&self, id: LegId) -> Before {
        let leg = &self.legs[id.slot as usize];
        let is_sealed = leg.direct.is_sealed;
        Before { local: leg.session.local.clone(), streams: leg.media.streams.clone(), is_sealed }
    }

    /// Section 14.2, RFC 3311 section 5.2: two offers at a time are one too many. `None`: there is no other.
    fn glare(&self, id: LegId, invite: bool) -> Option<StatusCode> {
        let leg = &self.legs[id.slot as usize];
        let Some(call) = self.calls.get(leg.call as usize) else { return Some(StatusCode::REQUEST_PENDING) };
        if call.setup.is_some() {
            // The caller's second INVITE before the first is answered; or an offer while the first one is open.
            let second = invite && call.caller == id;
            return Some(if second {
                StatusCode::SERVER_INTERNAL_ERROR
            } else {
                StatusCode::REQUEST_PENDING
            });
        }
        if self.joining(id).is_some() {
            return Some(StatusCode::REQUEST_PENDING);
        }
        match &call.modify {
            Some(modify) if modify.from == id => return Some(StatusCode::SERVER_INTERNAL_ERROR),
            Some(_) => return Some(StatusCode::REQUEST_PENDING),
            None => {}
        }
        let refreshing = [Some(call.caller), call.callee]
            .into_iter()
            .flatten()
            .any(|id| self.leg(id).is_some_and(|leg| leg.timer.offers()));
        let busy = refreshing || call.late.is_some() || leg.unacknowledged.is_some();
        busy.then_some(StatusCode::REQUEST_PENDING)
    }

    /// The ports that a modification needs are open, as far as they are: it goes on.
    pub(super) fn modify_opened(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(modify) = self.calls[call as usize].modify.as_ref() else { return };
        let (from, to, stage) = (modify.from, modify.to, modify.stage);
        let is_open = |id: LegId| self.leg(id).is_some_and(|leg| leg.media.stage == MediaStage::Open);
        if !is_open(from) || !is_open(to) {
            return;
        }
        match stage {
            Stage::Opening => self.offer_on(cx, call),
            Stage::Offered => {}
            Stage::OpeningLate => self.tell_late_offer(cx, call),
        }
    }

    /// The offer goes on to the other side: as UPDATE when it came as one and the other side knows it, else as INVITE.
    fn offer_on(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(modify) = self.calls[call as usize].modify.as_mut() else { return };
        modify.stage = Stage::Offered;
        let (server, to, offer) = (modify.server, modify.to, modify.offer.clone());
        let before = modify.before[1].local.clone();
        if self.service_of(to).is_some() {
            return self.offer_to_service(cx, call, &offer);
        }
        let invite = self.servers.get(server as usize).is_none_or(super::server::Server::is_invite);
        let Some(leg) = self.leg_mut(to) else { return };
        let body = offer.read().map(|offer| describe::offer(cx.mint, leg, &offer)).unwrap_or_default();
        if !body.is_empty() && body == before {
            // What is new is of one leg alone: another address, other keys or candidates. The other side has answered this.
            let answer = leg.session.remote.clone();
            return self.tell_answer(cx, call, &answer);
        }
        let method = if !invite && leg.allows_update { Method::Update } else { Method::Invite };
        let timer = leg.timer.request_lines(cx.world);
        let client = self.request(cx, to, method, Purpose::Modify, body.bytes(), |writer| {
            writer.raw(&timer);
            describe::write_type(writer, body.bytes());
        });
        match (client, self.calls[call as usize].modify.as_mut()) {
            (None, _) => self.modify_refused(cx, call, StatusCode::TEMPORARILY_UNAVAILABLE),
            (client, Some(modify)) => modify.client = client,
            (Some(_), None) => {}
        }
    }

    /// The other side says yes.
    pub(super) fn modify_accepted(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        slot: u32,
        message: &Message<'_>,
    ) {
        let invite = matches!(self.clients[slot as usize].machine, Machine::Invite(_));
        let Some(leg) = self.leg_mut(id) else {
            return if invite {
                self.acknowledge_blindly(cx, slot, message)
            };
        };
        let call = leg.call;
        if let Some(dialog) = leg.dialog.as_mut().filter(|_| invite) {
            // A Contact that cannot be read moves nothing.
            let _ = dialog.on_response(message);
        }
        leg.learn(message);
        let Some(dialog) = leg.dialog.clone() else { return };
        self.begin_timer_as_client(cx, id, message);
        let modify = self.calls.get_mut(call as usize).and_then(|call| call.modify.as_mut());
        let Some(modify) = modify.filter(|modify| modify.client == Some(slot)) else {
            // The 2xx of a late offer again, or of what was cancelled meanwhile.
            let late = self.calls.get(call as usize).and_then(|call| call.late.as_ref());
            if invite && late.is_none_or(|late| late.client != slot) {
                self.acknowledge(cx, slot, &dialog, message, b"");
            }
            return;
        };
        let late = modify.offer.is_empty();
        let described = match describe::body(message) {
            Body::Description(described) => {
                let described = Text::from(described);
                let fits = self.leg(id).is_some_and(|leg| describe::fits(leg, late, &described));
                fits.then_some(described)
            }
            Body::None | Body::Other => None,
        };
        if invite && !(late && described.is_some()) {
            self.acknowledge(cx, slot, &dialog, message, b"");
        }
        let Some(described) = described else {
            return self.modify_refused(cx, call, StatusCode::NOT_ACCEPTABLE_HERE);
        };
        match late {
            true => self.take_late_offer(cx, call, slot, message, &described),
            false => self.tell_answer(cx, call, &described),
        }
    }

    /// The answer goes back, and is what counts from now on.
    pub(super) fn tell_answer(&mut self, cx: &mut Context<'_>, call: u32, answer: &Text) {
        let Some(modify) = self.calls[call as usize].modify.take() else { return };
        let Some(to) = self.leg_mut(modify.to) else { return };
        to.session.remote = answer.clone();
        let Some(from) = self.leg_mut(modify.from) else { return };
        let body = answer
            .read()
            .map(|answer| describe::answer(cx.mint, from, &modify.offer, &answer))
            .unwrap_or_default();
        from.session.remote = modify.offer.clone();
        self.learn_profile(modify.from, &modify.offer);
        self.say_modified(cx, modify.server, modify.from, body.bytes());
        self.agree(cx, modify.from, modify.to);
    }

    fn take_late_offer(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        slot: u32,
        message: &Message<'_>,
        offer: &Text,
    ) {
        let Some(modify) = self.calls[call as usize].modify.as_mut() else { return };
        modify.stage = Stage::OpeningLate;
        let (from, to) = (modify.from, modify.to);
        let tag = message.to_tag().unwrap_or_default().into();
        let response = message.bytes().into();
        let late = Late { client: slot, tag, response, offer: offer.clone(), from: to, to: from };
        self.calls[call as usize].late = Some(Box::new(late));
        self.open_media(cx, to, offer, true);
        self.open_media(cx, from, offer, false);
        self.modify_opened(cx, call);
    }

    fn tell_late_offer(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(modify) = self.calls[call as usize].modify.take() else { return };
        let Some(offer) = self.calls[call as usize].late.as_ref().map(|late| late.offer.clone()) else {
            return;
        };
        let Some(from) = self.leg_mut(modify.from) else { return };
        let body = offer.read().map(|offer| describe::offer(cx.mint, from, &offer)).unwrap_or_default();
        self.say_modified(cx, modify.server, modify.from, body.bytes());
    }

    /// 200 with a description to who asked; that of an INVITE awaits its ACK.
    pub(super) fn say_modified(&mut self, cx: &mut Context<'_>, server: u32, id: LegId, body: &[u8]) {
        let Some(state) = self.servers.get(server as usize) else { return };
        let (Some(request), invite) = (state.request.clone(), state.is_invite()) else { return };
        let timer = self.timer_as_server(cx, id, &request.message());
        let mut lines = Vec::with_capacity(256);
        let mut writer = Writer::new(&mut lines);
        let Some(leg) = self.leg_mut(id) else { return };
        // The request came over a listener, so there is one.
        let _ = leg.write_contact(cx.world, &mut writer);
        writer.header(HeaderName::Allow, ALLOW).header(HeaderName::Supported, SUPPORTED);
        writer.raw(&timer);
        if invite {
            leg.unacknowledged = Some(server);
        }
        self.answer(cx, server, StatusCode::OK, None, body, |writer| {
            writer.raw(&lines);
            describe::write_type(writer, body);
        });
        self.arm_leg(cx.now.monotonic, id);
    }

    /// A refresh of the peer's (RFC 4028 section 7.4), or the same description once more: nothing changes, and the other
    /// side hears nothing of it.
    fn refreshed(&mut self, cx: &mut Context<'_>, id: LegId, flow: Flow, message: &Message<'_>, body: &[u8]) {
        let tag = self.legs[id.slot as usize].tag();
        let Some(server) = self.open_server(cx, flow, message, id, &tag) else { return };
        self.say_modified(cx, server, id, body);
    }

    /// The answer to what is agreed already. What we said last may have been an offer, with more than one key.
    fn answer_again(&mut self, cx: &mut Context<'_>, id: LegId, offer: &Text) -> Text {
        let described = self.other(id).and_then(|other| Some(self.leg(other)?.session.remote.clone()));
        let described = described.unwrap_or_default();
        let Some(leg) = self.leg_mut(id) else { return Text::default() };
        match described.read() {
            Some(described) => describe::answer(cx.mint, leg, offer, &described),
            None => leg.session.local.clone(),
        }
    }

    /// The other side says no: who asked hears it, and both are as before.
    pub(super) fn modify_failed(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        slot: u32,
        message: &Message<'_>,
        status: StatusCode,
    ) {
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return };
        if !self.is_modifying(call, slot) {
            return;
        }
        let Some(server) = self.fall_back(call) else { return };
        let world = cx.world;
        self.answer(cx, server, status, Some(message.reason_phrase()), b"", |writer| {
            headers::pass(world, message, writer);
        });
    }

    /// False for what was given up meanwhile: another offer may be under way by now.
    pub(super) fn is_modifying(&self, call: u32, slot: u32) -> bool {
        let modify = self.calls.get(call as usize).and_then(|call| call.modify.as_ref());
        modify.is_some_and(|modify| modify.client == Some(slot))
    }

    /// The same with a word of ours.
    pub(super) fn modify_refused(&mut self, cx: &mut Context<'_>, call: u32, status: StatusCode) {
        if let Some(late) = self.calls[call as usize].late.take() {
            self.acknowledge_late(cx, &late, b"");
        }
        if let Some(server) = self.fall_back(call) {
            self.answer_plain(cx, server, status);
        }
    }

    /// Who asked has cancelled it (section 9.2).
    pub(super) fn cancel_modify(&mut self, cx: &mut Context<'_>, call: u32) {
        let client = self.calls[call as usize].modify.as_ref().and_then(|modify| modify.client);
        if let Some(server) = self.fall_back(call) {
            self.answer_plain(cx, server, StatusCode::REQUEST_TERMINATED);
        }
        if let Some(client) = client {
            self.cancel_client(cx, client, Why::GivenUp);
        }
    }

    /// RFC 3264 section 8: a refused offer changes nothing. The server transaction that waits.
    fn fall_back(&mut self, call: u32) -> Option<u32> {
        let modify = self.calls.get_mut(call as usize)?.modify.take()?;
        for (id, before) in [modify.from, modify.to].into_iter().zip(modify.before) {
            self.restore(id, before);
        }
        Some(modify.server)
    }

    pub(super) fn restore(&mut self, id: LegId, before: Before) {
        if let Some(leg) = self.leg_mut(id) {
            leg.session.local = before.local;
            leg.media.streams = before.streams;
            leg.direct.is_sealed = before.is_sealed;
            leg.direct.other = describe::elsewhere(leg).map(Box::new);
            leg.end_to_end = describe::is_end_to_end(leg);
            leg.wire = describe::is_wire(leg);
        }
    }

    /// The leg has gone, its INVITE is answered all the same: it is acknowledged along the way that it went.
    pub(super) fn acknowledge_blindly(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>) {
        let Some(request) = self.clients.get(slot as usize).map(|client| client.request.clone()) else {
            return;
        };
        let dialog =
            read(&request, |request| coeur_sip::dialog::Dialog::from_response(request, message, false).ok());
        if let Some(dialog) = dialog.flatten() {
            self.acknowledge(cx, slot, &dialog, message, b"");
        }
    }
}
