//! Offers before the call is answered, in an UPDATE (RFC 3311 section 5.1) or in the PRACK of a caller (RFC 3262 section 5).
//!
//! They are answered at once and on their own leg, from what the other side has described so far: nobody there can be asked
//! while a phone rings. What the other side does not know yet it is offered as soon as the call is answered.

use super::describe::{self, Body, Text};
use super::leg::LegId;
use super::{Calls, refuse};
use crate::context::Context;
use crate::flow::Flow;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, StatusCode};

impl Calls {
    /// An UPDATE with an offer in an early dialog.
    pub(super) fn update_early(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        flow: Flow,
        message: &Message<'_>,
    ) {
        let tag = self.legs[id.slot as usize].tag();
        let open = self.open_offer(id, message);
        let Some(server) = self.open_server(cx, flow, message, id, &tag) else { return };
        if let Some(status) = open {
            self.answer(cx, server, status, None, b"", |writer| {
                if status == StatusCode::SERVER_INTERNAL_ERROR {
                    writer.number(HeaderName::RetryAfter, 1);
                }
            });
            return;
        }
        let answer = match describe::body(message) {
            Body::Description(offer) => self.answer_early(cx, id, &offer.into()),
            Body::None | Body::Other => None,
        };
        match answer {
            Some(answer) => self.say_modified(cx, server, id, answer.bytes()),
            None => self.answer_plain(cx, server, StatusCode::NOT_ACCEPTABLE_HERE),
        }
    }

    /// RFC 3311 section 5.2: the offer of the INVITE is answered first, and for certain. `None`: it is.
    fn open_offer(&self, id: LegId, message: &Message<'_>) -> Option<StatusCode> {
        let leg = self.leg(id)?;
        match &leg.callee {
            // The caller's, which we have not answered.
            None => {
                let is_answered = leg.reliable.as_ref().is_some_and(|reliable| reliable.has_answered());
                (!is_answered).then_some(StatusCode::SERVER_INTERNAL_ERROR)
            }
            // Ours, which this dialog has not answered.
            Some(callee) => {
                let tag = message.from_tag().unwrap_or_default();
                let is_answered = callee.answered.iter().any(|answered| **answered == *tag);
                (!is_answered).then_some(StatusCode::REQUEST_PENDING)
            }
        }
    }

    /// The answer to an offer of this leg. `None`: it is not acceptable, or nobody has described anything on the other side.
    pub(super) fn answer_early(&mut self, cx: &mut Context<'_>, id: LegId, offer: &Text) -> Option<Text> {
        let call = self.leg(id)?.call;
        let caller = self.calls.get(call as usize)?.caller;
        let other = if caller == id { self.early_callee(call)? } else { caller };
        let described = self.leg(other)?.session.remote.clone();
        let described = described.read()?;
        let leg = self.leg_mut(id)?;
        if !describe::may_follow(&leg.session, offer) {
            return None;
        }
        // Ports are not waited for: a stream that is new is refused for now, and may be offered again in the call.
        let answer = describe::answer(cx.mint, leg, offer, &described);
        leg.session.remote = offer.clone();
        leg.is_ahead = true;
        if let Some(callee) = &mut leg.callee {
            callee.early = offer.clone();
        }
        self.leg_mut(other)?.owes_offer = true;
        self.agree(cx, caller, if caller == id { other } else { id });
        Some(answer)
    }

    /// Who has described its media last among those that ring.
    pub(super) fn early_callee(&self, call: u32) -> Option<LegId> {
        let state = self.calls.get(call as usize)?;
        let Some(setup) = &state.setup else { return state.callee };
        let has_early = |id: &LegId| {
            let callee = self.leg(*id).and_then(|leg| leg.callee.as_ref());
            callee.is_some_and(|callee| !callee.early.is_empty())
        };
        setup.accepted.or_else(|| setup.legs.iter().rev().copied().find(has_early))
    }

    /// The call is answered and acknowledged: what either side has missed is offered now.
    pub(super) fn offer_what_was_missed(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(state) = self.calls.get(call as usize) else { return };
        for id in [Some(state.caller), state.callee].into_iter().flatten() {
            if self.leg(id).is_some_and(|leg| leg.owes_offer) {
                match self.has_missed(cx, id) {
                    true => self.refresh(cx, id),
                    false => self.legs[id.slot as usize].owes_offer = false,
                }
            }
        }
    }

    /// Whether what we would say to a leg now, in an answer or in an offer, is not what we have said.
    fn has_missed(&mut self, cx: &mut Context<'_>, id: LegId) -> bool {
        let described = self.other(id).and_then(|other| Some(self.leg(other)?.session.remote.clone()));
        let Some(described) = described else { return false };
        let (Some(described), Some(leg)) = (described.read(), self.leg_mut(id)) else {
            return false;
        };
        let (said, version, offer) =
            (leg.session.local.clone(), leg.session.version, leg.session.remote.clone());
        let mut is_said = false;
        for writes_offer in [false, true] {
            let body = match writes_offer {
                true => describe::offer(cx.mint, leg, &described),
                false => describe::answer(cx.mint, leg, &offer, &described),
            };
            is_said |= body == said;
            (leg.session.local, leg.session.version) = (said.clone(), version);
        }
        !is_said
    }

    /// PRACK with an offer: answered in its 2xx. False: it may not offer now.
    pub(super) fn prack_with_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        flow: Flow,
        message: &Message<'_>,
    ) -> bool {
        let Body::Description(offer) = describe::body(message) else {
            refuse(cx, &flow, message, StatusCode::UNSUPPORTED_MEDIA_TYPE, None);
            return false;
        };
        let offer = Text::from(offer);
        let is_readable = offer.read().is_some_and(|offer| describe::is_usable(&offer, true));
        let answer = if is_readable { self.answer_early(cx, id, &offer) } else { None };
        let Some(answer) = answer else {
            refuse(cx, &flow, message, StatusCode::NOT_ACCEPTABLE_HERE, None);
            return false;
        };
        let tag = self.legs[id.slot as usize].tag();
        if let Some(server) = self.open_server(cx, flow, message, id, &tag) {
            self.answer(cx, server, StatusCode::OK, None, answer.bytes(), |writer| {
                describe::write_type(writer, answer.bytes());
            });
        }
        true
    }
}
