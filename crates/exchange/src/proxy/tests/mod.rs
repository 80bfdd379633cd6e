//! The rules of the proxy, as calls between phones: bytes in, bytes out, a clock that is driven.

use crate::flow::{Flow, Hop};
use crate::input::{Input, SendFailure};
use crate::testing::{Office, Phone, Sent, aor, apply, device, tcp, udp};
use coeur_directory::{AccountPatch, Change, TermsPatch};
use coeur_sip::{HeaderName, Method, StatusCode, respond};
use std::time::Duration;

mod allocations;
mod calls;
mod entitled;
mod held;
mod moved;
mod passing;
mod redirect;
mod revoked;
mod rfc3261_requests;
mod rfc3261_responses;
mod rfc3261_transactions;
mod rfc3263;
mod rfc5393;
mod rfc5626;
mod rfc5627;
mod rfc5630;
mod strict;
mod targets;
mod texts;
mod waking;

const ALICE: &str = "192.0.2.11:5060";
const BOB: &str = "192.0.2.22:5060";
const URI: &str = "sip:bob@example.org";

/// An office where alice and bob have registered.
fn office() -> (Office, Phone) {
    let mut office = Office::new();
    let mut alice = Phone::new("alice", udp(ALICE));
    for phone in [&mut alice, &mut Phone::new("bob", udp(BOB))] {
        assert_eq!(office.register(phone).status(), 200);
    }
    (office, alice)
}

/// A request to bob, first challenged and then answered; it, and what left.
fn send(office: &mut Office, phone: &mut Phone, method: Method<'_>, extra: &str) -> (Vec<u8>, Vec<Sent>) {
    send_to(office, phone, method, URI, extra, b"")
}

fn send_to(
    office: &mut Office,
    phone: &mut Phone,
    method: Method<'_>,
    uri: &str,
    extra: &str,
    body: &[u8],
) -> (Vec<u8>, Vec<Sent>) {
    let bare = phone.request(method, uri, "");
    let challenge = office.answer(phone.flow, &bare);
    assert_eq!(challenge.status(), 407, "{}", challenge.text());
    if method == Method::Invite {
        assert!(office.receive(phone.flow, &ack_of(&bare, &challenge)).is_empty());
    }
    let request = with_body(phone.answer(&challenge, method, uri, extra), body);
    let sent = office.receive(phone.flow, &request);
    (request, sent)
}

fn with_body(mut request: Vec<u8>, body: &[u8]) -> Vec<u8> {
    const EMPTY: &[u8] = b"Content-Length: 0\r\n\r\n";
    assert!(request.ends_with(EMPTY));
    request.truncate(request.len() - EMPTY.len());
    request.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    request
}

/// One more phone that is there: its Contact has these parameters.
fn register(office: &mut Office, user: &str, flow: Flow, contact_params: &str) -> Phone {
    let mut phone = Phone::new(user, flow);
    // Another phone of the same user counts for itself.
    phone.call = format!("-{}", flow.remote.port() as u64 + flow.connection.0);
    phone.contact_params = contact_params.into();
    assert_eq!(office.register(&mut phone).status(), 200);
    phone
}

fn statuses(sent: &[Sent]) -> Vec<u16> {
    sent.iter().map(Sent::status).collect()
}

/// What goes over this flow.
fn to(sent: &[Sent], flow: Flow) -> &Sent {
    let mut found = sent.iter().filter(|sent| goes_to(sent, flow));
    match (found.next(), found.next()) {
        (Some(one), None) => one,
        _ => panic!("not one over {flow:?}: {sent:?}"),
    }
}

/// The lines of a header, in order.
fn lines(sent: &Sent, name: &str) -> Vec<String> {
    let prefix = format!("{name}: ");
    sent.text().lines().filter_map(|line| line.strip_prefix(&prefix).map(str::to_owned)).collect()
}

fn send_failed(office: &mut Office, sent: &Sent) -> Vec<Sent> {
    send_failed_as(office, sent, SendFailure::Unreachable)
}

fn send_failed_as(office: &mut Office, sent: &Sent, failure: SendFailure) -> Vec<Sent> {
    let token = sent.token.expect("a request");
    office.handle(Input::SendFailed { token, failure })
}

fn tick(office: &mut Office, after: Duration) -> Vec<Sent> {
    office.wait(after);
    office.handle(Input::Ticked)
}

fn cancel_of(request: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(request)
        .replacen("INVITE", "CANCEL", 1)
        .replace(" INVITE\r\n", " CANCEL\r\n")
        .into_bytes()
}

/// 100 to alice, INVITE to bob.
fn invite(office: &mut Office, phone: &mut Phone) -> (Vec<u8>, Sent) {
    let (request, mut sent) = send(office, phone, Method::Invite, "");
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(sent[0].status(), 100);
    (request, sent.remove(1))
}

fn reply(to: &Sent, status: u16) -> Vec<u8> {
    reply_with(to, status, "Contact: <sip:bob@192.0.2.22:5060>\r\n", "")
}

/// An answer with these header lines and this body.
fn reply_with(to: &Sent, status: u16, lines: &str, body: &str) -> Vec<u8> {
    to.read(|message| {
        let mut out = Vec::new();
        let status = StatusCode::new(status).expect("a status");
        let mut writer = respond(
            message,
            status,
            None,
            Some(b"bobtag"),
            "192.0.2.1:5060".parse().expect("address"),
            &mut out,
        );
        writer.raw(lines.as_bytes());
        writer.end(body.as_bytes());
        out
    })
}

fn ack_of(request: &[u8], answer: &Sent) -> Vec<u8> {
    let to = answer.read(|m| m.header(HeaderName::To).unwrap_or_default().to_vec());
    let text =
        String::from_utf8_lossy(request).replacen("INVITE", "ACK", 1).replace(" INVITE\r\n", " ACK\r\n");
    let lines = text.split("\r\n").map(|line| match line.starts_with("To:") {
        true => format!("To: {}", String::from_utf8_lossy(&to)),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\r\n").into_bytes()
}

/// A request of the caller inside the dialog that `ok` made.
fn inside(phone: &mut Phone, ok: &Sent, method: Method<'_>) -> Vec<u8> {
    let (routes, to, target) = ok.read(|m| {
        let target = m.contact().ok().flatten().map_or(&b""[..], |contact| contact.uri);
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let mut routes: Vec<String> = m
            .values(HeaderName::RecordRoute)
            .map(|r| format!("Route: {}\r\n", String::from_utf8_lossy(r)))
            .collect();
        routes.reverse();
        (routes.concat(), text(m.header(HeaderName::To).unwrap_or_default()), text(target))
    });
    phone.cseq += 1;
    phone.write(method, &target, &to, &routes)
}

fn goes_to(sent: &Sent, flow: Flow) -> bool {
    sent.hop == Hop::Flow(flow)
}

/// An office where bob has two phones, and the two INVITEs that a call to him makes.
fn forked() -> (Office, Sent, Sent) {
    let (mut office, mut alice) = office();
    let mut second = Phone::new("bob", udp("192.0.2.33:5060"));
    second.cseq = 100;
    assert_eq!(office.register(&mut second).status(), 200);
    let (_, mut sent) = send(&mut office, &mut alice, Method::Invite, "");
    assert_eq!(sent.len(), 3, "{sent:?}");
    let last = sent.remove(2);
    (office, sent.remove(1), last)
}

fn flow_of(sent: &Sent) -> Flow {
    match &sent.hop {
        Hop::Flow(flow) => *flow,
        Hop::Address { .. } => panic!("a flow"),
    }
}

/// A request of the callee inside the dialog of this INVITE, to the Contact of its caller.
fn from_callee(invite: &Sent, method: &str, cseq: u32) -> Vec<u8> {
    invite.read(|m| {
        let text = |name| String::from_utf8_lossy(m.header(name).unwrap_or_default()).into_owned();
        let routes: Vec<String> = m
            .values(HeaderName::RecordRoute)
            .map(|r| format!("Route: {}\r\n", String::from_utf8_lossy(r)))
            .collect();
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {BOB};rport;branch=z9hG4bKb{cseq}{method}\r\n\
             Max-Forwards: 70\r\n{}From: {};tag=bobtag\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
             Content-Length: 0\r\n\r\n",
            m.contact().ok().flatten().map_or("".into(), |c| String::from_utf8_lossy(c.uri)),
            routes.concat(),
            text(HeaderName::To),
            text(HeaderName::From),
            text(HeaderName::CallId),
        )
        .into_bytes()
    })
}
