//! Server transactions of the role (RFC 3261 section 17.2, RFC 6026): the requests of either side that are not answered at
//! once, and the repetition of a 2xx to INVITE until its ACK (section 13.3.1.4). They outlive their leg, as clients do.

use super::client::read;
use super::leg::LegId;
use super::{Calls, Owner};
use crate::context::Context;
use crate::flow::{Flow, Hop};
use crate::outbox::Span;
use crate::proxy::timing;
use crate::session_id;
use coeur_sip::header::HeaderName;
use coeur_sip::message::Stored;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::key::Rfc2543;
use coeur_sip::transaction::{InviteServer, NonInviteServer, ServerAction, TransactionKey};
use coeur_sip::{Message, Method, StatusCode, Writer, respond};
use std::sync::Arc;
use std::time::Duration;

pub(super) enum Machine {
    Invite(InviteServer),
    Other(NonInviteServer),
}

/// About 250 bytes and the request; of a 2xx to INVITE its bytes until the ACK.
pub(super) struct Server {
    pub(super) serial: u32,
    pub(super) key: TransactionKey,
    /// Whose peer sent it; the leg may have gone.
    pub(super) leg: LegId,
    pub(super) machine: Machine,
    /// As received, until it is answered.
    pub(super) request: Option<Arc<Stored>>,
    pub(super) cseq: u32,
    pub(super) source: Flow,
    pub(super) reply: Flow,
    /// The tag that our answers have.
    pub(super) tag: Box<[u8]>,
    pub(super) repeat: Option<Box<Repeat>>,
    pub(super) armed: Monotonic,
}

/// A 2xx to INVITE that awaits its ACK: repeated over every transport, at T1, then doubling up to T2, for 64*T1.
pub(super) struct Repeat {
    bytes: Box<[u8]>,
    interval: Duration,
    at: Monotonic,
    until: Monotonic,
}

/// After a restart the 2xx leaves again when the sockets are open.
const RESUMED_SOON: Duration = Duration::from_millis(20);

impl Server {
    pub(super) fn is_open(&self) -> bool {
        match &self.machine {
            Machine::Invite(server) => server.is_proceeding(),
            Machine::Other(server) => server.awaits_final(),
        }
    }

    pub(super) fn is_invite(&self) -> bool {
        matches!(self.machine, Machine::Invite(_))
    }

    fn is_terminated(&self) -> bool {
        let over = match &self.machine {
            Machine::Invite(server) => server.is_terminated(),
            Machine::Other(server) => server.is_terminated(),
        };
        over && self.repeat.is_none()
    }

    fn stored(&self) -> &[u8] {
        match &self.machine {
            Machine::Invite(server) => server.stored(),
            Machine::Other(server) => server.stored(),
        }
    }

    fn next_deadline(&self) -> Monotonic {
        let machine = match &self.machine {
            Machine::Invite(server) => server.next_deadline(),
            Machine::Other(server) => server.next_deadline(),
        };
        let repeat = self.repeat.as_ref().map_or(Monotonic::NEVER, |repeat| repeat.at.min(repeat.until));
        machine.unwrap_or(Monotonic::NEVER).min(repeat)
    }
}

/// An answer, but for what is known of the transaction.
struct Said<'s> {
    status: StatusCode,
    reason: Option<&'s [u8]>,
    body: &'s [u8],
}

impl Calls {
    /// Begins the server transaction of a request.
    pub(super) fn open_server(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        leg: LegId,
        tag: &[u8],
    ) -> Option<u32> {
        let key = self.key(message, message.method().as_bytes())?;
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let reply = crate::answer::flow_back(&flow, message);
        let reliable = reply.transport.is_reliable();
        let machine = match message.method() == Method::Invite {
            true => Machine::Invite(InviteServer::start(now, &timing, reliable)),
            false => Machine::Other(NonInviteServer::start(now, &timing, reliable)),
        };
        let serial = self.next_serial();
        let slot = self.servers.insert(Server {
            serial,
            key,
            leg,
            machine,
            request: Some(Arc::new(message.into())),
            cseq: message.cseq().number,
            source: flow,
            reply,
            tag: tag.into(),
            repeat: None,
            armed: Monotonic::NEVER,
        }) as u32;
        self.servers_by_key.insert(key, slot);
        cx.counters.transactions_server += 1;
        self.arm_server(now, slot);
        Some(slot)
    }

    /// Answers the request of a server transaction with what `extra` adds. Nothing when it has been answered before.
    pub(super) fn answer(
        &mut self,
        cx: &mut Context<'_>,
        slot: u32,
        status: StatusCode,
        reason: Option<&[u8]>,
        body: &[u8],
        extra: impl FnOnce(&mut Writer<'_>),
    ) -> Option<Span> {
        let server = self.servers.get(slot as usize).filter(|server| server.is_open())?;
        let said = Said { status, reason, body };
        let request = server.request.as_ref()?;
        let span = self.write_answer(cx, server, &request.message(), &said, extra);
        self.say(cx, slot, span, status).then_some(span)
    }

    /// The same for who has the request at hand.
    pub(super) fn answer_to(
        &mut self,
        cx: &mut Context<'_>,
        (slot, request): (u32, &Message<'_>),
        status: StatusCode,
        body: &[u8],
        extra: impl FnOnce(&mut Writer<'_>),
    ) -> Option<Span> {
        let server = self.servers.get(slot as usize).filter(|server| server.is_open())?;
        let span = self.write_answer(cx, server, request, &Said { status, reason: None, body }, extra);
        self.say(cx, slot, span, status).then_some(span)
    }

    fn write_answer(
        &self,
        cx: &mut Context<'_>,
        server: &Server,
        request: &Message<'_>,
        said: &Said<'_>,
        extra: impl FnOnce(&mut Writer<'_>),
    ) -> Span {
        let session = self.session_of(server.leg).or_else(|| session_id::alone(request));
        let (tag, from) = (Some(&*server.tag), server.source.remote);
        cx.outbox.write(|out| {
            let mut writer = respond(request, said.status, said.reason, tag, from, out);
            if let Some(session) = &session {
                writer.header(HeaderName::SessionId, session);
            }
            extra(&mut writer);
            writer.end(said.body);
        })
    }

    /// The same without anything further.
    pub(super) fn answer_plain(&mut self, cx: &mut Context<'_>, slot: u32, status: StatusCode) {
        self.answer(cx, slot, status, None, b"", |_| {});
    }

    /// A 2xx to INVITE that awaits its ACK: its bytes, from where the INVITE came, where the 2xx goes, and until when.
    pub(super) fn kept_answer(&self, slot: u32) -> Option<(&[u8], Flow, Flow, Monotonic)> {
        let server = self.servers.get(slot as usize)?;
        let repeat = server.repeat.as_ref()?;
        Some((&repeat.bytes, server.source, server.reply, repeat.until))
    }

    /// The server transaction of an INVITE that the process before has answered with these bytes: they are repeated, at
    /// first soon, and whoever repeats the INVITE finds it accepted (RFC 6026 section 7.1).
    pub(super) fn resume_answer(
        &mut self,
        cx: &mut Context<'_>,
        (leg, tag): (LegId, &[u8]),
        bytes: &[u8],
        (source, reply): (Flow, Flow),
        until: Monotonic,
    ) -> Option<u32> {
        let (key, cseq, status) = read(bytes, |answer| {
            Some((self.key(answer, b"INVITE")?, answer.cseq().number, answer.status()?))
        })??;
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let mut invite = InviteServer::start(now, &timing, reply.transport.is_reliable());
        invite.on_response(now, &timing, status.code(), bytes);
        let repeat = Repeat { bytes: bytes.into(), interval: timing.t1, at: now + RESUMED_SOON, until };
        let serial = self.next_serial();
        let slot = self.servers.insert(Server {
            serial,
            key,
            leg,
            machine: Machine::Invite(invite),
            request: None,
            cseq,
            source,
            reply,
            tag: tag.into(),
            repeat: Some(Box::new(repeat)),
            armed: Monotonic::NEVER,
        }) as u32;
        self.servers_by_key.insert(key, slot);
        self.arm_server(now, slot);
        Some(slot)
    }

    /// Hands an answer to the transaction, and sends it when that lets it pass.
    fn say(&mut self, cx: &mut Context<'_>, slot: u32, span: Span, status: StatusCode) -> bool {
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let Some(server) = self.servers.get_mut(slot as usize) else { return false };
        let bytes = cx.outbox.bytes(span);
        let action = match &mut server.machine {
            Machine::Invite(invite) => invite.on_response(now, &timing, status.code(), bytes),
            Machine::Other(other) => other.on_response(now, &timing, status.code(), bytes),
        };
        let sent = action == ServerAction::Send;
        if sent {
            if status.is_success() && server.is_invite() {
                let (interval, until) = (timing.t1, now + timing.lifetime());
                server.repeat =
                    Some(Box::new(Repeat { bytes: bytes.into(), interval, at: now + interval, until }));
            }
            cx.outbox.send(Hop::Flow(server.reply), span, None);
        }
        if status.is_final() {
            server.request = None;
        }
        self.arm_server(now, slot);
        self.reap_server(slot);
        sent
    }

    /// A request that we know: answered again, or absorbed. False: it is new.
    pub(crate) fn retransmission(&mut self, cx: &mut Context<'_>, message: &Message<'_>) -> bool {
        let Some(slot) = self.server_of(message, message.method().as_bytes()) else { return false };
        let server = &mut self.servers[slot as usize];
        let action = match &mut server.machine {
            Machine::Invite(invite) => invite.on_retransmission(),
            Machine::Other(other) => other.on_retransmission(),
        };
        if action == ServerAction::SendAgain {
            let span = cx.outbox.write(|out| out.extend_from_slice(server.stored()));
            cx.outbox.send(Hop::Flow(server.reply), span, None);
            cx.counters.retransmissions_answered += 1;
        }
        true
    }

    /// The ACK of a failure ends its repetition (section 17.2.1). False: it is for a dialog, or for nobody of ours.
    pub(super) fn absorb_ack(&mut self, cx: &mut Context<'_>, message: &Message<'_>) -> bool {
        let Some(slot) = self.server_of(message, b"INVITE") else { return false };
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let Machine::Invite(invite) = &mut self.servers[slot as usize].machine else { return true };
        let action = invite.on_ack(now, &timing);
        self.arm_server(now, slot);
        self.reap_server(slot);
        // A phone may repeat the branch of its INVITE in the ACK of a 2xx: the dialog decides.
        action != ServerAction::DeliverAck
    }

    /// Who sent the INVITE speaks from elsewhere now: what is still to be said to him goes there. A mapping of a NAT, or a
    /// connection, that he does not use any more would be the end of it.
    pub(super) fn answer_over(&mut self, slot: u32, flow: Flow, message: &Message<'_>) {
        let Some(server) = self.servers.get_mut(slot as usize) else { return };
        if server.source != flow {
            server.reply = crate::answer::flow_back(&flow, message);
        }
    }

    /// The 2xx of this INVITE is acknowledged. False: it was before, or the ACK is of another INVITE.
    pub(super) fn acknowledged(&mut self, slot: u32, cseq: u32) -> bool {
        let awaits = |server: &Server| server.cseq == cseq && server.repeat.is_some();
        let Some(server) = self.servers.get_mut(slot as usize).filter(|server| awaits(server)) else {
            return false;
        };
        server.repeat = None;
        self.reap_server(slot);
        true
    }

    /// The server transaction that a request belongs to (sections 9.2 and 17.2.3).
    pub(super) fn server_of(&self, message: &Message<'_>, method: &[u8]) -> Option<u32> {
        if self.servers_by_key.is_empty() {
            return None;
        }
        self.servers_by_key.get(&self.key(message, method)?).copied()
    }

    pub(crate) fn knows_invite_of(&self, message: &Message<'_>) -> bool {
        self.server_of(message, b"INVITE").is_some()
    }

    fn key(&self, message: &Message<'_>, method: &[u8]) -> Option<TransactionKey> {
        let via = message.via().ok()?;
        if via.has_magic_cookie() {
            return Some(self.keys.server(via.branch?, via.sent_by, method));
        }
        let essentials = message.essentials().ok()?;
        let parts = Rfc2543 {
            request_uri: message.request_uri(),
            from_tag: essentials.from_tag.unwrap_or_default(),
            to_tag: essentials.to_tag.unwrap_or_default(),
            call_id: essentials.call_id,
            cseq_number: essentials.cseq.number,
            top_via: message.values(HeaderName::Via).next().unwrap_or_default(),
        };
        Some(self.keys.server_rfc2543(&parts, method))
    }

    fn arm_server(&mut self, now: Monotonic, slot: u32) {
        let Some(server) = self.servers.get_mut(slot as usize) else { return };
        let at = server.next_deadline();
        if at < server.armed {
            server.armed = at;
            self.wheel.arm(now, at, Owner::Server(slot), server.serial);
        }
    }

    fn reap_server(&mut self, slot: u32) {
        let Some(server) = self.servers.get(slot as usize).filter(|server| server.is_terminated()) else {
            return;
        };
        if self.servers_by_key.get(&server.key) == Some(&slot) {
            self.servers_by_key.remove(&server.key);
        }
        self.servers.remove(slot as usize);
    }

    /// Timers G, H, I, J and L, the late 100 of RFC 4320 section 4.1, and the repetition of a 2xx.
    pub(super) fn server_due(&mut self, cx: &mut Context<'_>, slot: u32, serial: u32) {
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let Some(server) = self.servers.get_mut(slot as usize).filter(|s| s.serial == serial) else { return };
        server.armed = Monotonic::NEVER;
        let mut unacknowledged = None;
        if let Some(repeat) = &mut server.repeat {
            if repeat.until.is_due(now) {
                server.repeat = None;
                unacknowledged = Some(server.leg);
            } else if repeat.at.is_due(now) {
                repeat.interval = (repeat.interval * 2).min(timing.t2);
                repeat.at = now + repeat.interval;
                let span = cx.outbox.write(|out| out.extend_from_slice(&repeat.bytes));
                cx.outbox.send(Hop::Flow(server.reply), span, None);
            }
        }
        let action = match &mut server.machine {
            Machine::Invite(invite) => invite.on_timer(now, &timing),
            Machine::Other(other) => other.on_timer(now, &timing),
        };
        match action {
            ServerAction::SendAgain => {
                let span = cx.outbox.write(|out| out.extend_from_slice(server.stored()));
                cx.outbox.send(Hop::Flow(server.reply), span, None);
            }
            ServerAction::SendTrying => {
                self.send_trying(cx, slot);
            }
            ServerAction::Nothing
            | ServerAction::Send
            | ServerAction::DeliverAck
            | ServerAction::Refused
            | ServerAction::AckMissing
            | ServerAction::Abandoned
            | ServerAction::TransportFailed
            | ServerAction::Ended => {}
        }
        self.arm_server(now, slot);
        self.reap_server(slot);
        if let Some(leg) = unacknowledged {
            self.ack_missing(cx, leg);
        }
    }

    fn send_trying(&mut self, cx: &mut Context<'_>, slot: u32) {
        let server = &mut self.servers[slot as usize];
        let Some(request) = &server.request else { return };
        let span = cx.outbox.write(|out| {
            let (request, from) = (request.message(), server.source.remote);
            respond(&request, StatusCode::TRYING, None, None, from, out).end(b"");
        });
        cx.outbox.send(Hop::Flow(server.reply), span, None);
        match &mut server.machine {
            Machine::Invite(invite) => invite.keep_trying(cx.outbox.bytes(span)),
            Machine::Other(other) => other.keep_trying(cx.outbox.bytes(span)),
        }
    }
}
