//! The exchange's own answering service: who calls `echo` hears himself, so that one phone can be tested alone.
//!
//! A user agent server of RFC 3261 sections 8.2, 12 and 13.3. What it does not do yet: answer an INVITE without an
//! offer (488), encrypted media (488), repeat its own BYE.

mod answer;
mod dialog;
#[cfg(test)]
mod tests;

use crate::context::Context;
use crate::flow::{Flow, Hop};
use crate::input::MediaEvent;
use crate::outbox::{MediaCommand, MediaId, Output};
use crate::party::Party;
use coeur_directory::{AccountId, Aor, DeviceId};
use coeur_sip::dialog::DialogError;
use coeur_sip::header::HeaderName;
use coeur_sip::time::Monotonic;
use coeur_sip::{HeaderTable, Limits, Message, Method, StatusCode, parse, respond};
use dialog::{Call, Phase};
use slab::Slab;
use std::time::Duration;

/// Echo calls of one shard at a time; more are answered 486. Worst case 64 kB each.
pub const CALLS_MAX: usize = 256;
/// Of these, calls of one account, so that nobody takes the service from the others by leaving his calls unacknowledged.
pub const CALLS_OF_ACCOUNT_MAX: usize = 4;

#[derive(Default)]
pub struct Echo {
    calls: Slab<Call>,
    serial: u64,
}

impl Echo {
    /// Takes an INVITE to the service; its sender is known. Any other method outside a dialog gets its answer here.
    pub fn invite(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>, party: Party) {
        match message.method() {
            Method::Invite => {}
            Method::Options => {
                return crate::answer::answer(cx, &flow, message, StatusCode::OK, None, |_| {});
            }
            _ => {
                let status = StatusCode::METHOD_NOT_ALLOWED;
                return crate::answer::answer(cx, &flow, message, status, None, |writer| {
                    writer.header(HeaderName::Allow, ALLOW);
                });
            }
        }
        if refused_by_require(cx, &flow, message) {
            return;
        }
        let offer = coeur_sdp::parse(message.body()).ok();
        let choice = offer.as_ref().and_then(|offer| answer::choose(offer, flow.remote.ip()));
        let Some(choice) = choice else {
            return crate::answer::answer(
                cx,
                &flow,
                message,
                StatusCode::NOT_ACCEPTABLE_HERE,
                None,
                |writer| {
                    writer.header(HeaderName::Warning, b"305 echo \"An offer of plain RTP audio is needed\"");
                },
            );
        };
        let same = self.calls.iter().filter(|(_, call)| call.party.account == party.account);
        if self.calls.len() >= CALLS_MAX || same.count() >= CALLS_OF_ACCOUNT_MAX {
            cx.counters.limits_hit += 1;
            return crate::answer::answer(cx, &flow, message, StatusCode::BUSY_HERE, None, |_| {});
        }
        self.serial += 1;
        let id = MediaId(u64::from(cx.mint.shard().0) << 56 | self.serial);
        match Call::new(id, flow, party, cx.mint.tag(), message) {
            Ok(call) => self.calls.insert(call),
            Err(error) => return refuse_by_dialog(cx, &flow, message, error),
        };
        let span = cx.outbox.write(|out| {
            respond(message, StatusCode::TRYING, None, None, flow.remote, out).end(b"");
        });
        cx.outbox.send(crate::answer::way_back(&flow, message), span, None);
        let command = MediaCommand::OpenEcho { id, peer: choice.peer, signalled_from: flow.remote.ip() };
        cx.outbox.outputs.push(Output::Media(command));
    }

    /// True when the request belongs to a call of ours: inside its dialog, or its INVITE once more, or the CANCEL.
    pub fn owns(&self, message: &Message<'_>) -> bool {
        !self.calls.is_empty() && self.find(message).is_some()
    }

    /// The flow over which the call of this request was made: who speaks from elsewhere must prove himself.
    pub fn is_from_its_flow(&self, flow: &Flow, message: &Message<'_>) -> bool {
        self.find(message).is_some_and(|at| self.calls[at].flow == *flow)
    }

    /// True when the call of this request is one of this account.
    pub fn is_of(&self, message: &Message<'_>, account: AccountId) -> bool {
        self.find(message).is_some_and(|at| self.calls[at].party.account == account)
    }

    /// A request that [`Echo::owns`].
    pub fn in_dialog(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) {
        let Some(at) = self.find(message) else { return };
        let tagged = message.to().is_ok_and(|to| to.tag().is_some());
        let say = |cx: &mut Context<'_>, status| {
            crate::answer::answer(cx, &flow, message, status, None, |_| {});
        };
        // Neither can be refused, and the INVITE has been looked at.
        let is_looked_at = matches!(message.method(), Method::Ack | Method::Cancel) || !tagged;
        if !is_looked_at && refused_by_require(cx, &flow, message) {
            return;
        }
        match message.method() {
            Method::Invite if !tagged => self.again(cx, at),
            Method::Invite | Method::Update => self.modify(cx, at, flow, message),
            Method::Ack => {
                self.calls[at].acknowledged(message.cseq().number);
                if self.calls[at].leaving {
                    self.hang_up(cx, at);
                }
            }
            Method::Bye => {
                say(cx, StatusCode::OK);
                cx.counters.calls_ended += 1;
                self.close(cx, at);
            }
            Method::Cancel => {
                // Section 9.2: the tag that the 487 will have.
                let tag = self.calls[at].local_tag;
                crate::answer::answer_with_tag(cx, &flow, message, StatusCode::OK, &tag);
                if let Phase::Opening = self.calls[at].phase {
                    self.refuse(cx, at, StatusCode::REQUEST_TERMINATED);
                }
            }
            Method::Options | Method::Info => say(cx, StatusCode::OK),
            _ => say(cx, StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// The caller lost his rights: nobody answers him any more.
    pub fn revoke(&mut self, cx: &mut Context<'_>, aor: &Aor, device: Option<DeviceId>) {
        let meant = |call: &Call| call.party.is_meant(cx.world, aor, device);
        let ending: Vec<usize> =
            self.calls.iter().filter(|(_, call)| meant(call)).map(|(at, _)| at).collect();
        for at in ending {
            match self.calls[at].phase {
                Phase::Opening => self.refuse(cx, at, StatusCode::FORBIDDEN),
                Phase::Answered | Phase::Confirmed => self.hang_up(cx, at),
            }
        }
    }

    /// The server is about to stop: its own calls end with it. One whose ACK is awaited ends if that still comes.
    pub fn drain(&mut self, cx: &mut Context<'_>) {
        let all: Vec<usize> = self.calls.iter().map(|(at, _)| at).collect();
        for at in all {
            self.hang_up(cx, at);
        }
    }

    /// Word from the media engine.
    pub fn media(&mut self, cx: &mut Context<'_>, event: MediaEvent) {
        let id = match event {
            MediaEvent::EchoOpened { id, .. }
            | MediaEvent::EchoFailed { id }
            | MediaEvent::EchoEnded { id } => id,
            // Of calls.
            MediaEvent::Opened { .. }
            | MediaEvent::OpenFailed { .. }
            | MediaEvent::Silent { .. }
            | MediaEvent::Heard { .. }
            | MediaEvent::Dtmf { .. }
            | MediaEvent::DtlsFailed { .. }
            | MediaEvent::IceFailed { .. }
            | MediaEvent::Reported { .. }
            | MediaEvent::Closed { .. }
            | MediaEvent::Kept { .. }
            | MediaEvent::Ended { .. } => return,
        };
        let Some(at) = self.calls.iter().find_map(|(at, call)| (call.id == id).then_some(at)) else {
            if let MediaEvent::EchoOpened { id, .. } = event {
                cx.outbox.outputs.push(Output::Media(MediaCommand::CloseEcho { id }));
            }
            return;
        };
        match event {
            MediaEvent::EchoOpened { address, .. } => {
                self.calls[at].local = Some(address);
                let request = self.calls[at].request.clone();
                let mut table = HeaderTable::new();
                if let Ok(message) = parse(&request, &mut table, &Limits::default()) {
                    cx.counters.calls_echoed += 1;
                    self.accept(cx, at, &message);
                }
            }
            MediaEvent::EchoFailed { .. } => self.refuse(cx, at, StatusCode::SERVICE_UNAVAILABLE),
            MediaEvent::EchoEnded { .. } => self.hang_up(cx, at),
            MediaEvent::Opened { .. }
            | MediaEvent::OpenFailed { .. }
            | MediaEvent::Silent { .. }
            | MediaEvent::Heard { .. }
            | MediaEvent::Dtmf { .. }
            | MediaEvent::DtlsFailed { .. }
            | MediaEvent::IceFailed { .. }
            | MediaEvent::Reported { .. }
            | MediaEvent::Closed { .. }
            | MediaEvent::Kept { .. }
            | MediaEvent::Ended { .. } => {}
        }
    }

    pub fn tick(&mut self, cx: &mut Context<'_>) {
        let now = cx.now.monotonic;
        let due: Vec<usize> =
            self.calls.iter().filter(|(_, call)| call.deadline <= now).map(|(at, _)| at).collect();
        for at in due {
            let call = &mut self.calls[at];
            if now >= call.ends {
                // Section 13.3.1.4: no ACK within 64*T1.
                self.hang_up(cx, at);
                continue;
            }
            let span = cx.outbox.write(|out| out.extend_from_slice(&call.ok));
            cx.outbox.send(Hop::Flow(call.reply), span, None);
            call.interval_ms = (call.interval_ms * 2).min(cx.world.settings.t2_ms);
            call.deadline = (now + Duration::from_millis(u64::from(call.interval_ms))).min(call.ends);
        }
    }

    pub fn next_deadline(&self) -> Option<Monotonic> {
        self.calls.iter().map(|(_, call)| call.deadline).filter(|at| *at != Monotonic::NEVER).min()
    }

    /// By our tag inside the dialog; by Call-ID, From tag and CSeq before the caller knows it.
    fn find(&self, message: &Message<'_>) -> Option<usize> {
        let from_tag = message.from().ok()?.tag().unwrap_or_default();
        let to_tag = message.to().ok()?.tag();
        let number = message.cseq().number;
        self.calls.iter().find_map(|(at, call)| {
            let id = call.dialog.id();
            let same = id.call_id == message.call_id() && id.remote_tag == from_tag;
            let mine = match to_tag {
                Some(tag) => tag == call.local_tag,
                None => call.cseq == number && matches!(message.method(), Method::Invite | Method::Cancel),
            };
            (same && mine).then_some(at)
        })
    }

    /// The INVITE came again: the last answer leaves again.
    fn again(&mut self, cx: &mut Context<'_>, at: usize) {
        let call = &self.calls[at];
        if !call.ok.is_empty() {
            let span = cx.outbox.write(|out| out.extend_from_slice(&call.ok));
            cx.outbox.send(Hop::Flow(call.reply), span, None);
        }
    }

    /// A new offer inside the dialog: hold, resume, another codec (section 14.2, RFC 3311). Without one, or with one
    /// that is as before, the session stays as it is.
    fn modify(&mut self, cx: &mut Context<'_>, at: usize, flow: Flow, message: &Message<'_>) {
        if self.calls[at].local.is_none() {
            return crate::answer::answer(cx, &flow, message, StatusCode::REQUEST_PENDING, None, |_| {});
        }
        if message.body().is_empty() && message.method() == Method::Update {
            return crate::answer::answer(cx, &flow, message, StatusCode::OK, None, |_| {});
        }
        let offer = coeur_sdp::parse(message.body()).ok();
        if offer.and_then(|offer| answer::choose(&offer, flow.remote.ip())).is_none() {
            return crate::answer::answer(cx, &flow, message, StatusCode::NOT_ACCEPTABLE_HERE, None, |_| {});
        }
        if let Err(error) = self.calls[at].dialog.on_request(message) {
            return refuse_by_dialog(cx, &flow, message, error);
        }
        self.accept(cx, at, message);
    }

    /// 200 with the answer, repeated until the ACK when it answers an INVITE.
    fn accept(&mut self, cx: &mut Context<'_>, at: usize, message: &Message<'_>) {
        let now = cx.now.monotonic;
        let call = &mut self.calls[at];
        let Some(bytes) = call.write_ok(cx.world, message) else {
            return self.refuse(cx, at, StatusCode::NOT_ACCEPTABLE_HERE);
        };
        let span = cx.outbox.write(|out| out.extend_from_slice(&bytes));
        cx.outbox.send(crate::answer::way_back(&call.flow, message), span, None);
        if message.method() != Method::Invite {
            return;
        }
        let t1 = u64::from(cx.world.settings.t1_ms);
        call.phase = Phase::Answered;
        call.cseq = message.cseq().number;
        call.ok = bytes.into();
        call.interval_ms = cx.world.settings.t1_ms;
        call.deadline = now + Duration::from_millis(t1);
        call.ends = now + Duration::from_millis(64 * t1);
    }

    fn refuse(&mut self, cx: &mut Context<'_>, at: usize, status: StatusCode) {
        let call = &self.calls[at];
        let mut table = HeaderTable::new();
        if let Ok(message) = parse(&call.request, &mut table, &Limits::default()) {
            let span = cx.outbox.write(|out| {
                respond(&message, status, None, Some(&call.local_tag), call.flow.remote, out).end(b"");
            });
            cx.outbox.send(Hop::Flow(call.reply), span, None);
        }
        self.close(cx, at);
    }

    fn hang_up(&mut self, cx: &mut Context<'_>, at: usize) {
        let call = &mut self.calls[at];
        match call.phase {
            Phase::Opening => return self.refuse(cx, at, StatusCode::SERVICE_UNAVAILABLE),
            // Section 15: no BYE before the ACK, or before it is too late for one.
            Phase::Answered if cx.now.monotonic < call.ends => {
                call.leaving = true;
                return;
            }
            Phase::Answered | Phase::Confirmed => {}
        }
        let branch = cx.mint.u64();
        let world = cx.world;
        let span = cx.outbox.write(|out| call.write_bye(world, branch, out));
        cx.outbox.send(Hop::Flow(call.flow), span, None);
        cx.counters.calls_ended += 1;
        self.close(cx, at);
    }

    fn close(&mut self, cx: &mut Context<'_>, at: usize) {
        let call = self.calls.remove(at);
        cx.outbox.outputs.push(Output::Media(MediaCommand::CloseEcho { id: call.id }));
    }
}

/// Section 8.2.2.3. True: it was refused.
fn refused_by_require(cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>) -> bool {
    let unknown = || message.require().filter(|tag| !tag.eq_ignore_ascii_case(b"timer"));
    if unknown().next().is_none() {
        return false;
    }
    crate::answer::answer(cx, flow, message, StatusCode::BAD_EXTENSION, None, |writer| {
        for tag in unknown() {
            writer.header(HeaderName::Unsupported, tag);
        }
    });
    true
}

fn refuse_by_dialog(cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>, error: DialogError) {
    let (status, reason) = match error {
        // Section 12.2.2.
        DialogError::OutOfOrder => (StatusCode::SERVER_INTERNAL_ERROR, "CSeq Out Of Order"),
        DialogError::Malformed("Contact") => (StatusCode::BAD_REQUEST, "Missing Or Malformed Contact"),
        DialogError::Malformed(_) | DialogError::MakesNone | DialogError::TooMany => {
            (StatusCode::BAD_REQUEST, "No Dialog Can Be Made")
        }
    };
    crate::answer::answer(cx, flow, message, status, Some(reason), |_| {});
}

pub(super) const ALLOW: &[u8] = b"INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO";
