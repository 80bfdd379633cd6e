//! The answers to a REGISTER (RFC 3261 section 10.3 step 8).

use super::request::{Kind, Request, is_known};
use super::{Done, Refusal, RefusalHeader, Registrant, Registrar};
use crate::answer::{way_back, write_answer};
use crate::bindings::AorBindings;
use crate::context::Context;
use crate::flow::Flow;
use crate::gruu;
use crate::mint::Mint;
use crate::outbox::Span;
use crate::push::hidden_contact;
use coeur_sip::Message;
use coeur_sip::header::HeaderName;
use coeur_sip::lex;
use coeur_sip::status::StatusCode;
use coeur_sip::write::{Writer, respond};

/// How long a phone shall wait when the journal cannot write: each a little else, so that they do not all come back
/// at once (threat T-17).
const RETRY_AFTER_S: u32 = 20;
const RETRY_AFTER_SPREAD_S: u32 = 40;

pub(super) fn storage_unavailable() -> Refusal {
    Refusal::new(503, "Storage Unavailable").with(RefusalHeader::RetryAfter(RETRY_AFTER_S))
}

/// Writes a Contact line for every binding, as received, with what remains of its lifetime, and its GRUUs when the
/// phone understands them (RFC 5627 section 5.3).
pub(super) fn contacts(
    out: &mut Vec<u8>,
    aor: &AorBindings<'_>,
    who: &Registrant<'_>,
    gruu_key: Option<&[u8; 32]>,
    mint: &mut Mint,
) {
    for view in aor.views() {
        let stored = view.draft();
        out.extend_from_slice(b"Contact: ");
        match stored.device == who.device {
            true => out.extend_from_slice(stored.contact),
            // Where another device is woken is for nobody else (RFC 8599 section 13).
            false => out.extend_from_slice(&hidden_contact(stored.contact)),
        }
        if let (Some(key), Some(instance)) = (gruu_key, view.instance()) {
            out.extend_from_slice(b";pub-gruu=\"");
            gruu::write_public(who.user, who.domain, instance, out);
            out.extend_from_slice(b"\";temp-gruu=\"");
            gruu::write_temporary(key, mint, who.user, who.domain, instance, stored.call_id, out);
            out.push(b'"');
        }
        out.extend_from_slice(b";expires=");
        lex::push_number(u64::from(view.remaining_s()), out);
        out.extend_from_slice(b"\r\n");
    }
}

impl Registrar {
    /// Sends the 200: at once when nothing changed, else when the journal holds the change. If the journal fails, a
    /// pure refresh is still good (the binding is there, only its new lifetime would not survive a crash); everything
    /// else becomes 503.
    pub(super) fn accept(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        request: &Request<'_>,
        done: &Done,
        saved: Span,
        writable: bool,
    ) {
        self.more_headers(cx, message, request, writable);
        let tag = cx.answers.to_tag(message);
        let keep_s = cx.world.settings.flow_timer_s;
        let headers = &self.headers;
        let wants_keep = message.via().is_ok_and(|via| via.params.has("keep"));
        // Where what every answer repeats of the request ends.
        let mut repeated = 0;
        let ok = cx.outbox.write(|out| {
            let start = out.len();
            let mut writer = respond(message, StatusCode::OK, None, Some(&tag), flow.remote, out);
            repeated = writer.buffer().len();
            writer.raw(headers);
            writer.end(b"");
            if wants_keep {
                repeated += answer_keep(out, start, keep_s);
            }
        });
        let hop = way_back(&flow, message);
        if *done == Done::default() || !writable {
            return cx.outbox.send(hop, ok, None);
        }
        cx.outbox.save(saved);
        let or_else = match done.is_pure_refresh {
            true => ok,
            false => write_unavailable(cx, ok.start as usize, repeated),
        };
        cx.outbox.send_after_save(hop, ok, or_else);
    }

    /// What a browser that has registered hands to its peer connections.
    pub(super) fn ice_servers(
        &mut self,
        cx: &Context<'_>,
        flow: &Flow,
        who: &Registrant<'_>,
        request: &Request<'_>,
    ) {
        let servers = &cx.world.settings.ice_servers;
        if request.kind == Kind::Update
            && let Some(issued) = servers.issue(flow, who.user, who.domain, who.device, cx.now.wall)
        {
            line(&mut self.headers, b"Ice-Servers: ", issued.as_bytes());
        }
    }

    pub(super) fn refuse(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        refusal: Refusal,
    ) {
        cx.counters.registrations_refused += 1;
        let bytes = write_refusal(cx, flow, message, refusal);
        cx.outbox.send(way_back(&flow, message), bytes, None);
    }

    fn more_headers(
        &mut self,
        cx: &Context<'_>,
        message: &Message<'_>,
        request: &Request<'_>,
        writable: bool,
    ) {
        let out = &mut self.headers;
        // RFC 3261 section 10.3 step 8.
        line(out, b"Date: ", self.date.at(cx.now.wall));
        if !self.path.is_empty() && request.kind == Kind::Update {
            // RFC 3327 section 5.3.
            line(out, b"Path: ", &self.path);
        }
        if !cx.world.settings.service_route.is_empty() {
            // RFC 3608 section 5.
            line(out, b"Service-Route: ", cx.world.settings.service_route.as_bytes());
        }
        if request.outbound {
            // RFC 5626 sections 6 and 5.4.
            line(out, b"Require: ", b"outbound");
            if cx.world.settings.flow_timer_s > 0 {
                out.extend_from_slice(b"Flow-Timer: ");
                lex::push_number(u64::from(cx.world.settings.flow_timer_s), out);
                out.extend_from_slice(b"\r\n");
            }
        }
        request.push.write(&cx.world.settings.push, out);
        if message.has(HeaderName::Supported) {
            line(out, b"Supported: ", b"path, outbound, gruu");
        }
        if !writable {
            line(out, b"Warning: ", b"399 coeur \"Kept In Memory Only\"");
        }
    }
}

/// The 503 beside a 200 that begins at `ok` and whose Via, From, To, Call-ID and CSeq end at `repeated`: they are copied
/// from there, because nearly every one of these is never sent.
fn write_unavailable(cx: &mut Context<'_>, ok: usize, repeated: usize) -> Span {
    let spread_s = cx.mint.u32() % RETRY_AFTER_SPREAD_S;
    cx.outbox.write(|out| {
        let refusal = storage_unavailable();
        let mut writer = Writer::new(out);
        writer.status_line(refusal.status, Some(refusal.reason.as_bytes()));
        let out = writer.buffer();
        // Both lines end with the first LF; the 200 has one because it was written whole.
        let lines = memchr::memchr(b'\n', &out[ok..repeated]).map_or(repeated, |end| ok + end + 1);
        out.extend_from_within(lines..repeated);
        writer.number(HeaderName::RetryAfter, RETRY_AFTER_S + spread_s);
        writer.end(b"");
    })
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn write_refusal(cx: &mut Context<'_>, flow: Flow, message: &Message<'_>, refusal: Refusal) -> Span {
    let spread_s = cx.mint.u32() % RETRY_AFTER_SPREAD_S;
    write_answer(cx, &flow, message, refusal.status, Some(refusal.reason), |writer| match refusal.header {
        RefusalHeader::None => {}
        RefusalHeader::MinExpires(seconds) => {
            writer.number(HeaderName::MinExpires, seconds);
        }
        RefusalHeader::Unsupported => {
            for tag in message.require().filter(|tag| !is_known(tag)) {
                writer.header(HeaderName::Unsupported, tag);
            }
        }
        RefusalHeader::UnsupportedPath => {
            writer.header(HeaderName::Unsupported, b"path");
        }
        RefusalHeader::RetryAfter(seconds) => {
            writer.number(HeaderName::RetryAfter, seconds + spread_s);
        }
    })
}

/// RFC 6223 section 4.4: a `keep` without value in the topmost Via is answered with the frequency that we recommend,
/// in seconds; 0: none. Tells how many bytes that added.
fn answer_keep(out: &mut Vec<u8>, start: usize, keep_s: u32) -> usize {
    let via = memchr::memmem::find(&out[start..], b"\r\nVia: ").map(|at| start + at + 2);
    let Some(via) = via else { return 0 };
    let end = memchr::memchr2(b'\r', b',', &out[via..]).map_or(out.len(), |at| via + at);
    let Some(keep) = memchr::memmem::find(&out[via..end], b";keep").map(|at| via + at + 5) else { return 0 };
    if keep != end && out[keep] != b';' {
        return 0;
    }
    let value = format!("={keep_s}");
    let added = value.len();
    out.splice(keep..keep, value.into_bytes());
    added
}
