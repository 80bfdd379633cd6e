//! Provisional answers of ours that must arrive (RFC 3262 section 3), for a caller who requires it: repeated until PRACK,
//! one at a time.

use super::leg::LegId;
use super::{Calls, describe, refuse};
use crate::context::Context;
use crate::flow::{Flow, Hop};
use crate::outbox::Span;
use crate::proxy::timing;
use coeur_sip::header::HeaderName;
use coeur_sip::time::Monotonic;
use coeur_sip::{Message, StatusCode};
use std::time::Duration;

pub(super) struct Reliable {
    rseq: u32,
    /// One that had our answer is acknowledged.
    has_answered: bool,
    /// `None` once it is acknowledged.
    pending: Option<Pending>,
    /// What is to be said next; of several the last, and one with a description before one without.
    next: Option<Next>,
}

struct Pending {
    bytes: Box<[u8]>,
    described: bool,
    interval: Duration,
    at: Monotonic,
    until: Monotonic,
}

struct Next {
    status: StatusCode,
    body: Box<[u8]>,
    extra: Vec<u8>,
}

impl Reliable {
    pub(super) fn next_deadline(&self) -> Monotonic {
        self.pending.as_ref().map_or(Monotonic::NEVER, |pending| pending.at.min(pending.until))
    }

    /// RFC 3262 section 5: the offer of the INVITE is answered for certain.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Section 3: no 2xx while one with a description is not acknowledged.
    pub(super) fn holds_2xx(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.described)
    }
}

impl Calls {
    pub(super) fn say_reliably(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        server: u32,
        status: StatusCode,
        body: &[u8],
        extra: &[u8],
    ) {
        let first = cx.mint.u32() >> 2 | 1;
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let Some(leg) = self.leg_mut(id) else { return };
        let reliable = leg.reliable.get_or_insert_with(|| {
            Box::new(Reliable { rseq: first - 1, has_answered: false, pending: None, next: None })
        });
        if reliable.pending.is_some() {
            let keeps = reliable.next.as_ref().is_some_and(|next| !next.body.is_empty()) && body.is_empty();
            if !keeps {
                reliable.next = Some(Next { status, body: body.into(), extra: extra.to_vec() });
            }
            return;
        }
        reliable.rseq += 1;
        let rseq = reliable.rseq;
        let sent = self.answer(cx, server, status, None, body, |writer| {
            writer.raw(extra);
            writer.header(HeaderName::Require, b"100rel").number(HeaderName::RSeq, rseq);
            describe::write_type(writer, body);
        });
        let (Some(span), Some(leg)) = (sent, self.leg_mut(id)) else { return };
        if let Some(reliable) = &mut leg.reliable {
            let bytes = cx.outbox.bytes(span).into();
            reliable.pending = Some(Pending {
                bytes,
                described: !body.is_empty(),
                interval: timing.t1,
                at: now + timing.t1,
                until: now + timing.lifetime(),
            });
        }
        self.arm_leg(now, id);
    }

    /// PRACK: what it names is acknowledged, and what waits behind it is said (section 3).
    pub(super) fn prack(&mut self, cx: &mut Context<'_>, id: LegId, flow: Flow, message: &Message<'_>) {
        let rack = message.rack().ok().flatten();
        let leg = &mut self.legs[id.slot as usize];
        let call = leg.call;
        let reliable = leg.reliable.as_mut().filter(|reliable| {
            reliable.pending.is_some() && rack.is_some_and(|rack| rack.rseq == reliable.rseq)
        });
        let Some(reliable) = reliable else {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            return refuse(cx, &flow, message, status, None);
        };
        let has_answered = reliable.has_answered || reliable.holds_2xx();
        if message.body().is_empty() {
            refuse(cx, &flow, message, StatusCode::OK, None);
        } else if !has_answered {
            // Section 5: it may offer once more only when its first offer is answered.
            return refuse(cx, &flow, message, StatusCode::NOT_ACCEPTABLE_HERE, None);
        } else if !self.prack_with_offer(cx, id, flow, message) {
            return;
        }
        let reliable = self.leg_mut(id).and_then(|leg| leg.reliable.as_mut());
        let Some(reliable) = reliable else { return };
        (reliable.pending, reliable.has_answered) = (None, has_answered);
        let next = reliable.next.take();
        let Some(setup) = self.calls[call as usize].setup.as_ref() else { return };
        let (server, accepted) = (setup.server, setup.accepted.is_some());
        if let (Some(next), Some(server)) = (next.filter(|_| !accepted), server) {
            self.say_reliably(cx, id, server, next.status, &next.body, &next.extra);
        }
        self.accept_opened(cx, call);
    }

    /// Section 3: repeated at T1, doubling, for 64*T1; then the call is refused.
    pub(super) fn reliable_due(&mut self, cx: &mut Context<'_>, id: LegId) {
        let now = cx.now.monotonic;
        let Some(leg) = self.leg_mut(id) else { return };
        let call = leg.call;
        let Some(pending) = leg.reliable.as_mut().and_then(|reliable| reliable.pending.as_mut()) else {
            return;
        };
        if pending.until.is_due(now) {
            return self.end_setup(cx, call, StatusCode::SERVER_TIMEOUT, Some(b"No PRACK"));
        }
        if pending.at.is_due(now) {
            pending.interval *= 2;
            pending.at = now + pending.interval;
            let span: Span = cx.outbox.write(|out| out.extend_from_slice(&pending.bytes));
            let hop: Hop = leg.hop.clone();
            cx.outbox.send(hop, span, None);
        }
    }
}
