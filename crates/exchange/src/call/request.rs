//! Requests of ours inside the dialog of a leg (RFC 3261 section 12.2.1), and the ACKs and CANCELs that are no requests of
//! their own.

use super::client::{ANSWERS_MAX, Acknowledged, Outgoing, Purpose, Why, read};
use super::leg::{Leg, LegId};
use super::name::Name;
use super::{ALLOW, Calls, SUPPORTED, describe};
use crate::context::Context;
use crate::flow::{Flow, Hop};
use crate::outbox::Span;
use crate::proxy::ends::{Reached, reach};
use crate::proxy::next_hop;
use crate::route_token::hop_of;
use crate::session_id::{of_ack, of_invite};
use coeur_sip::dialog::Dialog;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, Method, Writer};

/// The slot of a branch to which nothing answers: that of an ACK.
const NOBODY: u32 = u32::MAX;

impl Calls {
    /// Sends a request inside the dialog of a leg. `extra` adds headers; `body` is a description, or passes with the content
    /// headers that `extra` writes. `None`: there is no dialog or no way.
    pub(super) fn request(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        method: Method<'_>,
        purpose: Purpose,
        body: &[u8],
        extra: impl FnOnce(&mut Writer<'_>),
    ) -> Option<u32> {
        self.request_over(cx, id, None, method, purpose, body, extra)
    }

    /// The same over another way than the leg's.
    pub(super) fn request_over(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        over: Option<Hop>,
        method: Method<'_>,
        purpose: Purpose,
        body: &[u8],
        extra: impl FnOnce(&mut Writer<'_>),
    ) -> Option<u32> {
        let world = cx.world;
        let first = cx.mint.u32() >> 8 | 1;
        let session = self.session_of(id);
        let leg = self.leg_mut(id)?;
        let (hop, target) = match over {
            Some(hop) => (hop, None),
            None => way_to(cx, leg)?,
        };
        let dialog = leg.dialog.as_mut()?;
        let cseq = dialog.next_cseq(first);
        let mut head = Vec::with_capacity(1_024);
        // Written before its Via is known: the branch names the transaction that is still to be made.
        let dialog = dialog.clone();
        let invite = method == Method::Invite;
        let mut tail = Vec::with_capacity(512 + body.len());
        let mut writer = Writer::new(&mut tail);
        if matches!(method, Method::Invite | Method::Update | Method::Notify) {
            leg.write_contact(world, &mut writer)?;
            writer.header(HeaderName::Allow, ALLOW).header(HeaderName::Supported, SUPPORTED);
        }
        if let Some(session) = session {
            writer.header(HeaderName::SessionId, &session);
        }
        extra(&mut writer);
        writer.end(body);
        let to = Outgoing { leg: id, purpose, hop, party: leg.end.party, invite };
        self.send(cx, to, |via, out| {
            dialog.write_request_to(
                method,
                cseq,
                target.as_deref().unwrap_or(dialog.remote_target()),
                via,
                &mut head,
            );
            out.extend_from_slice(&head);
            out.extend_from_slice(&tail);
        })
    }

    /// The ACK of a 2xx (section 13.2.2.4), with the answer when the offer was in the 2xx. It is kept for repetitions.
    pub(super) fn acknowledge(
        &mut self,
        cx: &mut Context<'_>,
        slot: u32,
        dialog: &Dialog,
        response: &Message<'_>,
        body: &[u8],
    ) {
        let Some(client) = self.clients.get_mut(slot as usize) else { return };
        let Some(via) = ack_via(cx, &client.hop) else { return };
        let cseq = response.cseq().number;
        let session = read(&client.request, |invite| of_ack(invite, response)).flatten();
        let span = cx.outbox.write(|out| {
            let mut writer = dialog.write_request(Method::Ack, cseq, &via, out);
            if let Some(session) = &session {
                writer.header(HeaderName::SessionId, session);
            }
            describe::write_type(&mut writer, body);
            writer.end(body);
        });
        cx.outbox.send(client.hop.clone(), span, None);
        if client.acks.len() < ANSWERS_MAX {
            let tag = response.to_tag().unwrap_or_default();
            client.acks.push(Acknowledged { tag: tag.into(), ack: cx.outbox.bytes(span).into() });
        }
    }

    /// The ACK of a 2xx to an INVITE of which nothing else is known any more, over the flow on which that has come.
    pub(super) fn acknowledge_over(&self, cx: &mut Context<'_>, flow: Flow, dialog: &Dialog, cseq: u32) {
        let hop = Hop::Flow(flow);
        let Some(via) = ack_via(cx, &hop) else { return };
        let span = cx.outbox.write(|out| {
            dialog.write_request(Method::Ack, cseq, &via, out).end(b"");
        });
        cx.outbox.send(hop, span, None);
    }

    /// The ACK of a failure (section 17.1.1.3): with the branch of its INVITE.
    pub(super) fn acknowledge_failure(&mut self, cx: &mut Context<'_>, slot: u32, response: &Message<'_>) {
        let Some(span) = self.send_own(cx, slot, Method::Ack, Some(response), None) else { return };
        if let super::client::Machine::Invite(invite) = &mut self.clients[slot as usize].machine {
            invite.keep_ack(cx.outbox.bytes(span));
        }
    }

    /// Writes the ACK of this failure or the CANCEL of an INVITE of ours (sections 17.1.1.3 and 9.1) and sends it where that
    /// went.
    pub(super) fn send_own(
        &mut self,
        cx: &mut Context<'_>,
        slot: u32,
        method: Method<'_>,
        failure: Option<&Message<'_>>,
        why: Option<&Why>,
    ) -> Option<Span> {
        let client = self.clients.get(slot as usize)?;
        let span = read(&client.request, |invite| {
            cx.outbox.write(|out| write_own(invite, method, failure, why.and_then(Why::reason), out))
        })?;
        // That an ACK could not leave is of no use to anybody: its answer comes again, or not.
        let token = (method == Method::Cancel).then(|| client.token());
        cx.outbox.send(client.hop.clone(), span, token);
        Some(span)
    }

    /// BYE; the leg is over for us.
    pub(super) fn send_bye(&mut self, cx: &mut Context<'_>, id: LegId, reason: Option<&[u8]>) {
        self.request(cx, id, Method::Bye, Purpose::Told, b"", |writer| {
            if let Some(reason) = reason {
                writer.header(HeaderName::Reason, reason);
            }
        });
    }
}

fn write_own(
    invite: &Message<'_>,
    method: Method<'_>,
    failure: Option<&Message<'_>>,
    reason: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    let mut writer = Writer::request(out, method, invite.request_uri());
    let header = |name| invite.header(name).unwrap_or_default();
    writer.header(HeaderName::Via, header(HeaderName::Via));
    writer.copy_all(invite.header_view(), HeaderName::Route);
    writer.number(HeaderName::MaxForwards, 70);
    writer.header(HeaderName::From, header(HeaderName::From));
    let to = failure.and_then(|failure| failure.header(HeaderName::To)).unwrap_or(header(HeaderName::To));
    writer.header(HeaderName::To, to);
    writer.header(HeaderName::CallId, invite.call_id());
    writer.cseq(invite.cseq().number, method);
    // RFC 7989 section 6: a CANCEL names what its INVITE has named.
    let session = failure.map_or_else(|| of_invite(invite), |failure| of_ack(invite, failure));
    if let Some(session) = session {
        writer.header(HeaderName::SessionId, &session);
    }
    if let Some(reason) = reason {
        writer.header(HeaderName::Reason, reason);
    }
    writer.end(b"");
}

/// Where a request inside the dialog goes, and the Request-URI when the remote target is a GRUU of ours. A device that has
/// moved is reached where it is registered now (see `proxy::ends`).
pub(super) fn way_to(cx: &Context<'_>, leg: &Leg) -> Option<(Hop, Option<Box<[u8]>>)> {
    let dialog = leg.dialog.as_ref()?;
    if leg.end.party.is_none() {
        return Some((leg.hop.clone(), None));
    }
    Some(match reach(cx, &leg.end, dialog.remote_target()) {
        Reached::Instance(target) => {
            let hop = target.flow.as_ref().map_or_else(|| leg.hop.clone(), |flow| hop_of(flow, None));
            (hop, Some(target.uri))
        }
        Reached::Over(flow, _) if flow == leg.end.flow => (leg.hop.clone(), None),
        Reached::Over(flow, host) => (hop_of(&flow, host), None),
    })
}

fn ack_via(cx: &mut Context<'_>, hop: &Hop) -> Option<Vec<u8>> {
    let name = Name::new(cx.mint, NOBODY);
    Some(super::client::via(next_hop::listener(cx.world, hop)?, &name))
}
