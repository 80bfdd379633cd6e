//! Requests inside the dialog of a leg (RFC 3261 section 12.2.2): who may speak, in which order, and which verb it is.

use super::leg::LegId;
use super::start::reason_of;
use super::{ALLOW, Calls, SUPPORTED, refuse};
use crate::answer::{answer, answer_stranger};
use crate::context::Context;
use crate::flow::Flow;
use crate::proxy::Prover;
use crate::proxy::ends::speaks_for;
use coeur_sip::dialog::DialogError;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, Method, StatusCode};

impl Calls {
    /// A request whose To tag is one of ours. It must come over the flow of its leg, or from where that device is registered
    /// now, or prove that it is of the same account (see `proxy::ends`).
    pub(crate) fn in_dialog(
        &mut self,
        cx: &mut Context<'_>,
        prover: &mut impl Prover,
        flow: Flow,
        message: &Message<'_>,
    ) {
        let Some(id) = self.leg_of(message) else {
            // The dialog is over, or never was: nothing is told by saying so.
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            answer_stranger(cx, &flow, message, status, None, |_| {});
            return;
        };
        cx.session = self.session_of(id);
        let leg = &self.legs[id.slot as usize];
        let end = leg.end.clone();
        let secure = leg.dialog.as_ref().is_some_and(coeur_sip::dialog::Dialog::is_secure);
        if secure && !flow.transport.is_secure() {
            return refuse(cx, &flow, message, StatusCode::FORBIDDEN, Some("SIPS Needs TLS"));
        }
        // Known before the word of it has come. BYE passes: it is what ends the call anyway.
        if message.method() != Method::Bye && end.party.is_some_and(|party| !party.stands(cx.world)) {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            let call = leg.call;
            refuse(cx, &flow, message, status, Some("No Longer Authorized"));
            cx.counters.transactions_revoked += 1;
            return self.end_call(cx, call, super::end::By::Us);
        }
        if !speaks_for(cx, &end, &flow) {
            let Some(prover) = prover.prove(cx, flow, message) else { return };
            // Threat T-08: somebody else with an account of ours, who has heard the dialog.
            if end.party.is_none_or(|party| party.account != prover.account) {
                cx.counters.route_forged += 1;
                return refuse(cx, &flow, message, StatusCode::FORBIDDEN, None);
            }
            if end.party == Some(prover) {
                self.found_over(id, flow);
            }
        }
        if let Some(dialog) = &mut self.legs[id.slot as usize].dialog
            && let Err(error) = dialog.on_request(message)
        {
            let status = match error {
                DialogError::OutOfOrder => StatusCode::SERVER_INTERNAL_ERROR,
                DialogError::Malformed(_) | DialogError::MakesNone | DialogError::TooMany => {
                    StatusCode::BAD_REQUEST
                }
            };
            return refuse(cx, &flow, message, status, Some(reason_of(error)));
        }
        self.legs[id.slot as usize].learn(message);
        cx.session = self.session_of(id);
        self.verb(cx, id, flow, message);
    }

    fn verb(&mut self, cx: &mut Context<'_>, id: LegId, flow: Flow, message: &Message<'_>) {
        let method = message.method();
        if self.legs[id.slot as usize].leaving && method != Method::Bye {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            return refuse(cx, &flow, message, status, None);
        }
        match method {
            Method::Bye => self.bye(cx, id, flow, message),
            Method::Invite | Method::Update => self.modify(cx, id, flow, message),
            Method::Prack => self.prack(cx, id, flow, message),
            Method::Refer => self.refer(cx, id, flow, message),
            Method::Info | Method::Message => self.pass(cx, id, flow, message),
            // Section 11.2.
            Method::Options => answer(cx, &flow, message, StatusCode::OK, None, |writer| {
                writer.header(HeaderName::Allow, ALLOW).header(HeaderName::Supported, SUPPORTED);
                writer.header(HeaderName::Accept, b"application/sdp");
            }),
            // Sections 8.2.1 and 21.5.2.
            Method::Other(_) => refuse(cx, &flow, message, StatusCode::NOT_IMPLEMENTED, None),
            Method::Subscribe
            | Method::Notify
            | Method::Publish
            | Method::Register
            | Method::Ack
            | Method::Cancel => answer(cx, &flow, message, StatusCode::METHOD_NOT_ALLOWED, None, |writer| {
                writer.header(HeaderName::Allow, ALLOW);
            }),
        }
    }

    /// An ACK ends the repetition of what it acknowledges. It cannot be challenged, so it must come from its end of the
    /// dialog, from the same host, or from where the INVITE came. False: it is of no call of ours.
    pub(crate) fn ack(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) -> bool {
        if self.absorb_ack(cx, message) {
            return true;
        }
        if !Self::is_our_tag(message) {
            return false;
        }
        let Some(id) = self.leg_of(message) else {
            cx.counters.stray_acks += 1;
            return true;
        };
        let leg = &self.legs[id.slot as usize];
        let asked = leg.unacknowledged.and_then(|slot| self.servers.get(slot as usize));
        let from_there = leg.end.flow.remote.ip() == flow.remote.ip()
            || asked.is_some_and(|server| server.source == flow)
            || speaks_for(cx, &leg.end, &flow);
        let number = message.cseq().number;
        let awaited = leg.unacknowledged.filter(|_| from_there);
        if !awaited.is_some_and(|server| self.acknowledged(server, number)) {
            cx.counters.stray_acks += 1;
            return true;
        }
        let leg = &mut self.legs[id.slot as usize];
        leg.unacknowledged = None;
        let (leaving, call) = (leg.leaving, leg.call);
        if leaving {
            self.leave(cx, id);
        } else if self.calls[call as usize].late.as_ref().is_some_and(|late| late.to == id) {
            self.late_answered(cx, call, message);
        } else if self.legs[id.slot as usize].awaits_answer {
            self.service_answered(cx, id, message);
        } else {
            self.offer_what_was_missed(cx, call);
        }
        true
    }
}
