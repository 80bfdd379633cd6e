//! Answers that we give ourselves: written once, sent back the way the request came, remembered for its
//! retransmissions.

use crate::context::Context;
use crate::flow::{Flow, Hop};
use crate::mint::{Mint, write_hex};
use crate::outbox::Span;
use crate::session_id;
use crate::world::Settings;
use coeur_sip::message::Message;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::key::Rfc2543;
use coeur_sip::transaction::{KeyHasher, ResponseMemory, TransactionKey};
use coeur_sip::transport::Transport;
use coeur_sip::write::{ResponseWriter, respond};
use coeur_sip::{HeaderName, Method, ParseError, StatusCode};
use std::time::Duration;

/// The final answers of one shard to non-INVITE requests over UDP, as bytes, for 64*T1 (RFC 3261 section 17.2.2,
/// timer J). At most `Settings::response_memory_bytes` and one 64th of it.
pub struct Answers {
    keys: KeyHasher,
    memory: ResponseMemory,
    /// The key of the request at hand and the address of its bytes: it is looked for first and remembered last.
    at_hand: Option<(usize, Option<TransactionKey>)>,
    /// What the INVITE at hand was answered without a transaction, and so without a call.
    refused: Option<StatusCode>,
}

impl Answers {
    pub fn new(mint: &mut Mint, settings: &Settings) -> Self {
        let mut seed = [0; 16];
        mint.fill(&mut seed);
        let timer_j = Duration::from_millis(u64::from(settings.t1_ms) * 64);
        let memory = ResponseMemory::new(settings.response_memory_bytes, timer_j);
        Self { keys: KeyHasher::new(seed), memory, at_hand: None, refused: None }
    }

    /// Another input is at hand, of whatever kind.
    pub fn begin(&mut self) {
        self.at_hand = None;
        self.refused = None;
    }

    /// What [`answer`] has told the INVITE at hand.
    pub(crate) fn take_refused(&mut self) -> Option<StatusCode> {
        self.refused.take()
    }

    /// The answer that this request has already had.
    pub fn find(&mut self, now: Monotonic, flow: &Flow, message: &Message<'_>) -> Option<&[u8]> {
        if !is_remembered(flow, message) {
            return None;
        }
        let key = self.key(flow, message);
        self.at_hand = Some((message.bytes().as_ptr().addr(), key));
        self.memory.find(now, key?)
    }

    /// Remembers the answer to a request. [`answer`] does it; this is for answers that leave after a save.
    pub fn remember(&mut self, now: Monotonic, flow: &Flow, message: &Message<'_>, bytes: &[u8]) {
        if !is_remembered(flow, message) {
            return;
        }
        let key = match self.at_hand {
            Some((address, key)) if address == message.bytes().as_ptr().addr() => key,
            Some(_) | None => self.key(flow, message),
        };
        if let Some(key) = key {
            self.memory.insert(now, key, bytes);
        }
    }

    /// A To tag that is the same for every retransmission of a request, so that an answer can be given without
    /// remembering it (RFC 3261 section 8.2.7), and that nobody else can foretell.
    pub fn to_tag(&self, message: &Message<'_>) -> [u8; 16] {
        let key = self.keys.client(message.call_id(), message.header(HeaderName::From).unwrap_or_default());
        let cseq = u64::from(message.cseq().number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut tag = [0; 16];
        write_hex(key.0[0] ^ cseq, &mut tag);
        tag
    }

    fn key(&self, flow: &Flow, message: &Message<'_>) -> Option<TransactionKey> {
        let via = message.via().ok()?;
        let method = message.method();
        // The branch is on the wire for all to read: an answer goes only to the address that had it before. And some
        // clients repeat a branch with the next CSeq; that is a new request.
        let (source, cseq) = (crate::guard::exact_path(flow), message.cseq().number);
        if let Some(branch) = via.branch
            && via.has_magic_cookie()
        {
            return Some(self.keys.server_of_source(branch, via.sent_by, method.as_bytes(), &source, cseq));
        }
        let (from, to) = (message.from().ok()?, message.to().ok()?);
        let parts = Rfc2543 {
            request_uri: message.request_uri(),
            from_tag: from.tag().unwrap_or_default(),
            to_tag: to.tag().unwrap_or_default(),
            call_id: message.call_id(),
            cseq_number: cseq,
            top_via: message.header(HeaderName::Via).unwrap_or_default(),
        };
        let mut key = self.keys.server_rfc2543(&parts, method.as_bytes());
        let path = self.keys.client(&source, b"path");
        key.0[0] ^= path.0[0];
        key.0[1] ^= path.0[1];
        Some(key)
    }
}

fn is_remembered(flow: &Flow, message: &Message<'_>) -> bool {
    flow.transport == Transport::Udp && !matches!(message.method(), Method::Invite | Method::Ack)
}

/// Writes an answer with what `extra` adds, sends it back and remembers it. For who has proved himself: it names his session
/// (RFC 7989).
pub fn answer(
    cx: &mut Context<'_>,
    flow: &Flow,
    message: &Message<'_>,
    status: StatusCode,
    reason: Option<&str>,
    extra: impl FnOnce(&mut ResponseWriter<'_>),
) {
    let session = cx.session.take().or_else(|| session_id::alone(message));
    let span = write_answer(cx, flow, message, status, reason, |writer| {
        if let Some(session) = session {
            writer.header(HeaderName::SessionId, &session);
        }
        extra(writer);
    });
    cx.answers.remember(cx.now.monotonic, flow, message, &cx.outbox.arena[span.range()]);
    if message.method() == Method::Invite {
        cx.answers.refused = Some(status);
    }
    cx.outbox.send(way_back(flow, message), span, None);
}

/// Like [`answer`], with a To tag of the caller's choice.
pub fn answer_with_tag(
    cx: &mut Context<'_>,
    flow: &Flow,
    message: &Message<'_>,
    status: StatusCode,
    tag: &[u8],
) {
    let session = cx.session.take().or_else(|| session_id::alone(message));
    let span = cx.outbox.write(|out| {
        let mut writer = respond(message, status, None, Some(tag), flow.remote, out);
        if let Some(session) = session {
            writer.header(HeaderName::SessionId, &session);
        }
        writer.end(b"");
    });
    cx.answers.remember(cx.now.monotonic, flow, message, &cx.outbox.arena[span.range()]);
    cx.outbox.send(way_back(flow, message), span, None);
}

/// Like [`answer`] for somebody who has proved nothing: nothing is remembered, and nothing leaves that is more than
/// one and a half times what came (threat T-32). False when it was withheld.
pub fn answer_stranger(
    cx: &mut Context<'_>,
    flow: &Flow,
    message: &Message<'_>,
    status: StatusCode,
    reason: Option<&str>,
    extra: impl FnOnce(&mut ResponseWriter<'_>),
) -> bool {
    let span = write_answer(cx, flow, message, status, reason, extra);
    send_if_it_fits(cx, flow, message, span)
}

/// Like [`answer_stranger`], with a To tag of the caller's choice.
pub(crate) fn answer_stranger_with_tag(
    cx: &mut Context<'_>,
    flow: &Flow,
    message: &Message<'_>,
    status: StatusCode,
    tag: &[u8],
) -> bool {
    let span = cx.outbox.write(|out| {
        respond(message, status, None, Some(tag), flow.remote, out).end(b"");
    });
    send_if_it_fits(cx, flow, message, span)
}

fn send_if_it_fits(cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>, span: Span) -> bool {
    if !fits(flow, message.bytes().len(), span) {
        cx.outbox.arena.truncate(span.start as usize);
        cx.counters.answers_withheld += 1;
        return false;
    }
    cx.outbox.send(way_back(flow, message), span, None);
    true
}

/// Writes an answer into the arena without sending it.
pub fn write_answer(
    cx: &mut Context<'_>,
    flow: &Flow,
    message: &Message<'_>,
    status: StatusCode,
    reason: Option<&str>,
    extra: impl FnOnce(&mut ResponseWriter<'_>),
) -> Span {
    let tag = cx.answers.to_tag(message);
    let reason = reason.map(str::as_bytes);
    cx.outbox.write(|out| {
        let mut writer = respond(message, status, reason, Some(&tag), flow.remote, out);
        extra(&mut writer);
        writer.end(b"");
    })
}

/// Answers bytes that are no valid request, when that is possible and no more than they deserve.
pub fn answer_malformed(cx: &mut Context<'_>, flow: &Flow, error: &ParseError<'_>) -> bool {
    let mut tag = [0; 16];
    write_hex(cx.mint.u64(), &mut tag);
    let mut written = false;
    // The headers alone: the least that can have come.
    let headers = error.answer.as_ref().map(|answer| answer.headers());
    let bytes = headers.map_or(0, |headers| headers.iter().map(|header| header.span.len()).sum());
    let span = cx.outbox.write(|out| {
        written = coeur_sip::respond_malformed(error, Some(&tag), flow.remote, out).is_some();
    });
    if !written || !fits(flow, bytes, span) {
        cx.outbox.arena.truncate(span.start as usize);
        return false;
    }
    cx.outbox.send(Hop::Flow(*flow), span, None);
    true
}

/// A datagram may have a made-up source; a connection has been shaken hands on.
pub(crate) fn fits(flow: &Flow, received: usize, span: Span) -> bool {
    let answered = (span.end - span.start) as usize;
    flow.transport.is_reliable() || answered * 2 <= received * 3
}

/// RFC 3261 section 18.2.2 with RFC 3581 section 4: over a connection back on it; over UDP to the source address, at
/// the source port when `rport` asks for it, else at the port of sent-by. `maddr` is not followed: it would let a
/// stranger choose whom we send to.
pub fn way_back(flow: &Flow, message: &Message<'_>) -> Hop {
    Hop::Flow(flow_back(flow, message))
}

pub(crate) fn flow_back(flow: &Flow, message: &Message<'_>) -> Flow {
    let mut flow = *flow;
    if flow.transport == Transport::Udp
        && let Ok(via) = message.via()
        && via.rport.is_none()
    {
        flow.remote.set_port(via.port_or_default());
    }
    flow
}
