//! The messages of SIP PnP.

use coeur_provisioning::{Mac, UaProfile, mac_of_uri};
use coeur_sip::header::HeaderName;
use coeur_sip::message::HeaderTable;
use coeur_sip::{Limits, Message, Method, StatusCode, Writer, parse, respond};
use std::net::SocketAddr;

/// A SUBSCRIBE of a phone that was plugged in.
pub(super) struct Asking {
    pub(super) mac: Mac,
    pub(super) profile: UaProfile,
    pub(super) from: SocketAddr,
    pub(super) dialog: Dialog,
    /// The 200 to it, ready.
    pub(super) accepted: Vec<u8>,
}

/// What the NOTIFY repeats.
#[derive(Clone)]
pub struct Dialog {
    pub(super) call_id: Box<[u8]>,
    /// The phone's From, with its tag.
    remote: Box<[u8]>,
    /// Its To, without one.
    local: Box<[u8]>,
    tag: String,
    contact: Box<[u8]>,
    event: Box<[u8]>,
}

/// `None` for whatever is no such SUBSCRIBE. Nobody is answered who made a mistake: everybody else hears him too.
pub(super) fn read(bytes: &[u8], from: SocketAddr) -> Option<Asking> {
    let mut table = HeaderTable::new();
    let message = parse(bytes, &mut table, &Limits::default()).ok()?;
    if message.is_response() || message.method() != Method::Subscribe {
        return None;
    }
    let text = |name| message.header(name).and_then(|value| std::str::from_utf8(value).ok());
    let profile = UaProfile::parse(text(HeaderName::Event)?)?;
    let mac = std::str::from_utf8(message.request_uri()).ok().and_then(mac_of_uri);
    let mac = mac.or_else(|| Mac::find(text(HeaderName::From)?))?;
    let mut random = [0; 8];
    crate::house::random(&mut random);
    let tag = format!("{:016x}", u64::from_be_bytes(random));
    let contact = message.contact().ok().flatten()?.uri.into();
    let dialog = Dialog {
        call_id: message.call_id().into(),
        remote: message.header(HeaderName::From)?.into(),
        local: message.header(HeaderName::To)?.into(),
        tag,
        contact,
        event: message.header(HeaderName::Event)?.into(),
    };
    let accepted = accepted(&message, &dialog, from);
    Some(Asking { mac, profile, from, dialog, accepted })
}

/// RFC 6665 section 4.2.1.1.
fn accepted(message: &Message<'_>, dialog: &Dialog, from: SocketAddr) -> Vec<u8> {
    let mut out = Vec::new();
    let mut answer = respond(message, StatusCode::OK, None, Some(dialog.tag.as_bytes()), from, &mut out);
    answer.header(HeaderName::Expires, b"0");
    answer.end(b"");
    out
}

/// The NOTIFY with the address of the settings (RFC 6080 section 5.3), which also ends the subscription.
pub(super) fn notify(dialog: &Dialog, url: &str, own: SocketAddr) -> Vec<u8> {
    let own = own.to_string();
    let mut out = Vec::new();
    let mut writer = Writer::request(&mut out, Method::Notify, &dialog.contact);
    writer.begin(HeaderName::Via).push(b"SIP/2.0/UDP ").push(own.as_bytes());
    writer.push(b";rport;branch=z9hG4bKp").push(dialog.tag.as_bytes()).end_line();
    writer.number(HeaderName::MaxForwards, 20);
    writer.begin(HeaderName::From).push(&dialog.local).push(b";tag=").push(dialog.tag.as_bytes()).end_line();
    writer.header(HeaderName::To, &dialog.remote);
    writer.header(HeaderName::CallId, &dialog.call_id);
    writer.cseq(1, Method::Notify);
    writer.begin(HeaderName::Contact).push(b"<sip:").push(own.as_bytes()).push(b">").end_line();
    writer.header(HeaderName::Event, &dialog.event);
    writer.header(HeaderName::SubscriptionState, b"terminated;reason=timeout");
    writer.header(HeaderName::ContentType, b"application/url");
    writer.end(url.as_bytes());
    out
}

/// The Call-ID of a final answer.
pub(super) fn answered(bytes: &[u8]) -> Option<Box<[u8]>> {
    let mut table = HeaderTable::new();
    let message = parse(bytes, &mut table, &Limits::default()).ok()?;
    message.status().filter(|status| status.is_final()).map(|_| message.call_id().into())
}
