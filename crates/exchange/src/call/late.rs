//! Late offers (RFC 3261 section 13.2.1): the INVITE had none, so the 2xx has, and the answer comes in the ACK. The 2xx of
//! the one side is acknowledged when the ACK of the other brings the answer.

use super::Calls;
use super::client::read;
use super::describe::{self, Body, Text};
use super::leg::LegId;
use crate::context::Context;
use coeur_sip::Message;

pub(super) struct Late {
    /// The INVITE whose 2xx had the offer.
    pub(super) client: u32,
    pub(super) tag: Box<[u8]>,
    pub(super) response: Box<[u8]>,
    /// What it offered.
    pub(super) offer: Text,
    /// Who offered, and who has to answer.
    pub(super) from: LegId,
    pub(super) to: LegId,
}

impl Calls {
    /// The ACK of the side that has to answer. Without an answer, or with one that cannot be read, there is no session and
    /// the call ends.
    pub(super) fn late_answered(&mut self, cx: &mut Context<'_>, call: u32, message: &Message<'_>) {
        let Some(late) = self.calls[call as usize].late.take() else { return };
        let answer = match describe::body(message) {
            Body::Description(answer) => Some(Text::from(answer)).filter(|answer| answer.read().is_some()),
            Body::None | Body::Other => None,
        };
        let body = answer.and_then(|answer| {
            self.leg_mut(late.to)?.session.remote = answer.clone();
            let leg = self.leg_mut(late.from)?;
            let body = describe::answer(cx.mint, leg, &late.offer, &answer.read()?);
            leg.session.remote = late.offer.clone();
            Some(body)
        });
        self.acknowledge_late(cx, &late, body.as_ref().map_or(b"", Text::bytes));
        match body {
            Some(_) => self.agree(cx, late.to, late.from),
            None => self.end_call(cx, call, super::end::By::Us),
        }
    }

    /// The ACK that the 2xx with the offer waits for.
    pub(super) fn acknowledge_late(&mut self, cx: &mut Context<'_>, late: &Late, body: &[u8]) {
        let Some(dialog) = self.leg(late.from).and_then(|leg| leg.dialog.clone()) else { return };
        read(&late.response, |response| self.acknowledge(cx, late.client, &dialog, response, body));
    }
}
