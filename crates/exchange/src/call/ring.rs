//! Provisional answers of those who are called (RFC 3261 section 13.2.2.1): what rings there rings here, and early media is
//! heard. Reliable ones are acknowledged leg by leg (RFC 3262).
//!
//! The caller sees one dialog, whoever rings: several early dialogs of a fork follow each other on it, and the one that
//! described its media last is heard.

use super::Calls;
use super::client::{Purpose, read};
use super::describe::{self, Body, Text};
use super::leg::{LegId, Stage};
use crate::context::Context;
use coeur_sip::dialog::Dialog;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, Method, StatusCode};

impl Calls {
    pub(super) fn ring(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        slot: u32,
        message: &Message<'_>,
        status: StatusCode,
    ) {
        let reliable = message.requires("100rel");
        if !self.take_early_dialog(cx, id, slot, message, reliable) {
            return;
        }
        let call = self.legs[id.slot as usize].call;
        if self.calls[call as usize].setup.as_ref().is_none_or(|setup| setup.accepted.is_some()) {
            return;
        }
        let state = &mut self.calls[call as usize];
        let is_first = state.record.rang.is_none();
        state.record.rang = state.record.rang.or(Some(cx.now.monotonic));
        if let Some(setup) = &mut state.setup {
            setup.rings = true;
        }
        if is_first {
            self.tell_ringing(cx, call, id);
        }
        self.tell_waiting(cx, call, id);
        // Of keys that the devices have between themselves the caller hears when it is certain who answers.
        if let Body::Description(answer) = describe::body(message)
            && let answer = Text::from(answer)
            && self.leg(id).is_some_and(|leg| !leg.end_to_end && describe::fits(leg, false, &answer))
        {
            let leg = &mut self.legs[id.slot as usize];
            if leg.is_ahead {
                // Said once more, after it was changed.
                return self.say_ringing(cx, call, id, message, status, b"");
            }
            leg.session.remote = answer.clone();
            if let Some(callee) = &mut leg.callee {
                callee.early = answer;
                if reliable && let Some(tag) = message.to_tag() {
                    callee.answered.push(tag.into());
                }
            }
            return self.ring_with_media(cx, call, id, message, status);
        }
        // RFC 6228: that one branch of a fork has ended is no news for a caller who sees one dialog.
        if status != StatusCode::EARLY_DIALOG_TERMINATED {
            self.say_ringing(cx, call, id, message, status, b"");
        }
    }

    /// Keeps the early dialog, and acknowledges a reliable answer. False: it is a repetition, or out of order
    /// (RFC 3262 section 4).
    fn take_early_dialog(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        slot: u32,
        message: &Message<'_>,
        reliable: bool,
    ) -> bool {
        let Some(tag) = message.to_tag() else { return !reliable };
        let Some(request) = self.clients.get(slot as usize).map(|client| client.request.clone()) else {
            return false;
        };
        let first = cx.mint.u32() >> 8 | 1;
        let Some(callee) = self.callee(id) else { return false };
        let secure = callee.target.secure;
        let taken = read(&request, |request| callee.forks.on_response(request, message, secure).map(|_| ()));
        if !reliable {
            return true;
        }
        let (Some(Ok(())), Ok(Some(rseq))) = (taken, message.rseq()) else { return false };
        match callee.acknowledged.iter_mut().find(|(known, _)| **known == *tag) {
            Some((_, last)) if rseq != *last + 1 => return false,
            Some((_, last)) => *last = rseq,
            None => callee.acknowledged.push((tag.into(), rseq)),
        }
        // The dialog of this answer, for the one request.
        let kept = read(&request, |request| {
            let dialog = callee.forks.on_response(request, message, secure).ok()?;
            Some((dialog.next_cseq(first), dialog.clone()))
        });
        let Some((number, dialog)) = kept.flatten() else { return false };
        self.send_prack(cx, id, (number, &dialog), rseq, message.cseq().number);
        true
    }

    fn ring_with_media(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        id: LegId,
        message: &Message<'_>,
        status: StatusCode,
    ) {
        let caller = self.calls[call as usize].caller;
        if self.legs[caller.slot as usize].media.stage != Stage::Open {
            // Its ports will be there in a moment; then the last early answer is told.
            return self.say_ringing(cx, call, id, message, status, b"");
        }
        let body = self.answer_caller(cx, caller, id);
        self.agree(cx, caller, id);
        self.say_ringing(cx, call, id, message, status, body.bytes());
    }

    /// The caller's ports are open: early media that has been described meanwhile is heard from now on.
    pub(super) fn early_opened(&mut self, cx: &mut Context<'_>, call: u32) {
        if let Some(id) = self.early_callee(call) {
            let caller = self.calls[call as usize].caller;
            self.answer_caller(cx, caller, id);
            self.agree(cx, caller, id);
        }
    }

    /// The answer for the caller, from what this callee has described last.
    pub(super) fn answer_caller(&mut self, cx: &mut Context<'_>, caller: LegId, callee: LegId) -> Text {
        let Some(answer) = self.leg(callee).map(|leg| leg.session.remote.clone()) else {
            return Text::default();
        };
        let (Some(answer), Some(leg)) = (answer.read(), self.leg_mut(caller)) else {
            return Text::default();
        };
        if leg.is_ahead {
            // It has its answer; another is an offer, once it may be one.
            leg.owes_offer = true;
            return Text::default();
        }
        let offer = leg.session.remote.clone();
        describe::answer(cx.mint, leg, &offer, &answer)
    }

    /// A provisional answer to the caller.
    fn say_ringing(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        id: LegId,
        message: &Message<'_>,
        status: StatusCode,
        body: &[u8],
    ) {
        let Some(setup) = self.calls[call as usize].setup.as_ref() else { return };
        let Some(server) = setup.server else { return self.transfer_rings(cx, call, status) };
        let caller = self.calls[call as usize].caller;
        let extra = self.extra_of(cx, caller, id, message);
        if self.legs[caller.slot as usize].wants_reliable {
            return self.say_reliably(cx, caller, server, status, body, &extra);
        }
        self.answer(cx, server, status, Some(message.reason_phrase()), body, |writer| {
            writer.raw(&extra);
            describe::write_type(writer, body);
        });
    }

    fn send_prack(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        (number, dialog): (u32, &Dialog),
        rseq: u32,
        cseq: u32,
    ) {
        let Some(leg) = self.leg(id) else { return };
        let to = super::client::Outgoing {
            leg: id,
            purpose: Purpose::Told,
            hop: leg.hop.clone(),
            party: leg.end.party,
            invite: false,
        };
        self.send(cx, to, |via, out| {
            let mut writer = dialog.write_request(Method::Prack, number, via, out);
            writer.begin(HeaderName::RAck).digits(u64::from(rseq)).push(b" ");
            writer.digits(u64::from(cseq)).push(b" INVITE").end_line();
            writer.end(b"");
        });
    }
}
