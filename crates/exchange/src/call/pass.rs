//! Requests that one side says to the other through us: INFO (RFC 6086, and the older one for key presses) and MESSAGE
//! inside the call. The body passes as it is, the answer goes back as it is.

use super::client::Purpose;
use super::keys::{self, Press};
use super::leg::LegId;
use super::{Calls, headers, refuse};
use crate::context::Context;
use crate::flow::Flow;
use coeur_sip::{Message, Method, StatusCode};

impl Calls {
    pub(super) fn pass(&mut self, cx: &mut Context<'_>, id: LegId, flow: Flow, message: &Message<'_>) {
        if self.record_key(cx, id, flow, message) {
            return;
        }
        if self.other(id).is_some_and(|other| self.service_of(other).is_some()) {
            // Keys may be pressed; a text is for people.
            let is_info = message.method() == Method::Info;
            let status = if is_info { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED };
            return refuse(cx, &flow, message, status, None);
        }
        let other = self.other(id).filter(|other| self.leg(*other).is_some_and(|leg| leg.dialog.is_some()));
        let Some(other) = other else {
            // Before somebody has answered there is nobody to say it to.
            return refuse(cx, &flow, message, StatusCode::TEMPORARILY_UNAVAILABLE, None);
        };
        if is_of_one_leg(message) {
            return refuse(cx, &flow, message, StatusCode::UNSUPPORTED_MEDIA_TYPE, None);
        }
        if self.press(cx, (id, other), flow, message) {
            return;
        }
        let tag = self.legs[id.slot as usize].tag();
        let Some(server) = self.open_server(cx, flow, message, id, &tag) else { return };
        let world = cx.world;
        let method = message.method();
        let key = keys::read(message);
        let purpose = Purpose::Pass { server, key };
        let sent = self.request(cx, other, method, purpose, message.body(), |writer| {
            headers::pass(world, message, writer);
            headers::pass_content(message, writer);
        });
        if sent.is_none() {
            self.answer_plain(cx, server, StatusCode::TEMPORARILY_UNAVAILABLE);
        }
    }

    /// What the other side answers.
    pub(super) fn passed(
        &mut self,
        cx: &mut Context<'_>,
        (id, server): (LegId, u32),
        key: Option<Press>,
        message: &Message<'_>,
        status: StatusCode,
    ) {
        if status.is_provisional() {
            return;
        }
        if let Some(key) = key.filter(|_| keys::is_refusal(status))
            && self.key_refused(cx, id, key)
        {
            return self.answer_plain(cx, server, StatusCode::OK);
        }
        let world = cx.world;
        self.answer(cx, server, status, Some(message.reason_phrase()), message.body(), |writer| {
            headers::pass(world, message, writer);
            headers::pass_content(message, writer);
        });
    }
}

/// Candidates that follow (RFC 8840 section 4.3) are of this leg, whose ICE is ours, and tell where its peer is. We offer no
/// `trickle`, and need none of them: who makes checks shows where from.
fn is_of_one_leg(message: &Message<'_>) -> bool {
    let kind = message.content_type().ok().flatten();
    kind.is_some_and(|kind| kind.is("application", "trickle-ice-sdpfrag"))
}
