//! One echo call: its dialog (RFC 3261 section 12) and the messages that we write in it.

use super::{ALLOW, answer};
use crate::flow::Flow;
use crate::mint::write_hex;
use crate::outbox::MediaId;
use crate::party::Party;
use crate::world::{Listener, World};
use coeur_sip::dialog::{Dialog, DialogError};
use coeur_sip::header::HeaderName;
use coeur_sip::time::Monotonic;
use coeur_sip::{Message, Method, StatusCode, Transport, Writer, respond};
use std::net::SocketAddr;

pub(super) enum Phase {
    /// The port is being opened.
    Opening,
    /// 200 sent, its ACK awaited.
    Answered,
    Confirmed,
}

pub(super) struct Call {
    pub(super) id: MediaId,
    pub(super) party: Party,
    pub(super) flow: Flow,
    pub(super) reply: Flow,
    pub(super) phase: Phase,
    /// A BYE goes out once the ACK is there.
    pub(super) leaving: bool,
    pub(super) dialog: Dialog,
    pub(super) local_tag: [u8; 18],
    /// Of the last INVITE.
    pub(super) cseq: u32,
    /// The INVITE as received.
    pub(super) request: Box<[u8]>,
    /// The last 200, until its ACK and for repetitions.
    pub(super) ok: Box<[u8]>,
    pub(super) local: Option<SocketAddr>,
    version: u32,
    pub(super) deadline: Monotonic,
    pub(super) ends: Monotonic,
    pub(super) interval_ms: u32,
}

impl Call {
    /// An error without Contact, which a dialog needs (section 8.1.1.8).
    pub(super) fn new(
        id: MediaId,
        flow: Flow,
        party: Party,
        local_tag: [u8; 18],
        message: &Message<'_>,
    ) -> Result<Self, DialogError> {
        let dialog = Dialog::from_request(message, StatusCode::OK.code(), &local_tag, false)?;
        Ok(Self {
            id,
            party,
            flow,
            reply: crate::answer::flow_back(&flow, message),
            phase: Phase::Opening,
            leaving: false,
            dialog,
            local_tag,
            cseq: message.cseq().number,
            request: message.bytes().into(),
            ok: Box::default(),
            local: None,
            version: 0,
            deadline: Monotonic::NEVER,
            ends: Monotonic::NEVER,
            interval_ms: 0,
        })
    }

    pub(super) fn acknowledged(&mut self, cseq: u32) {
        if cseq == self.cseq {
            self.phase = Phase::Confirmed;
            self.deadline = Monotonic::NEVER;
        }
    }

    /// `None` when the offer cannot be answered.
    pub(super) fn write_ok(&mut self, world: &World, message: &Message<'_>) -> Option<Vec<u8>> {
        let offer = coeur_sdp::parse(message.body()).ok()?;
        let choice = answer::choose(&offer, self.flow.remote.ip())?;
        self.version += 1;
        let mut body = Vec::with_capacity(512);
        answer::write(&offer, choice.index, self.local?, self.id.0, self.version, &mut body);
        let mut out = Vec::with_capacity(1_024);
        let mut writer =
            respond(message, StatusCode::OK, None, Some(&self.local_tag), self.flow.remote, &mut out);
        writer.header(HeaderName::Contact, &contact(listener(world, &self.flow)?));
        writer.header(HeaderName::Allow, ALLOW).header(HeaderName::Supported, b"timer");
        write_session_timer(message, &mut writer);
        writer.header(HeaderName::ContentType, b"application/sdp");
        writer.end(&body);
        Some(out)
    }

    pub(super) fn write_bye(&self, world: &World, branch: u64, out: &mut Vec<u8>) {
        let Some(listener) = listener(world, &self.flow) else { return };
        let mut random = [0; 16];
        write_hex(branch, &mut random);
        let via = [
            b"SIP/2.0/",
            listener.transport.as_str().as_bytes(),
            b" ",
            listener.sent_by.as_bytes(),
            b";rport;branch=z9hG4bKe",
            &random,
        ];
        self.dialog.write_request(Method::Bye, 1, &via.concat(), out).end(b"");
    }
}

/// RFC 4028 section 9: the caller refreshes; silence of its media ends the call anyway.
fn write_session_timer(message: &Message<'_>, writer: &mut Writer<'_>) {
    let Ok(Some(asked)) = message.session_expires() else { return };
    if !message.supports("timer") {
        return;
    }
    writer
        .begin(HeaderName::SessionExpires)
        .digits(u64::from(asked.interval))
        .push(b";refresher=uac")
        .end_line();
    writer.header(HeaderName::Require, b"timer");
}

fn listener<'w>(world: &'w World, flow: &Flow) -> Option<&'w Listener> {
    world.listeners.iter().find(|listener| listener.id == flow.listener)
}

fn contact(listener: &Listener) -> Vec<u8> {
    let mut text = b"<sip:echo@".to_vec();
    text.extend_from_slice(listener.sent_by.as_bytes());
    if listener.transport != Transport::Udp {
        text.extend_from_slice(b";transport=");
        text.extend_from_slice(listener.transport.as_param().as_bytes());
    }
    text.push(b'>');
    text
}
