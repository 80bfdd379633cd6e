//! Calls between phones through the back-to-back user agent: bytes in, bytes out, a clock that is driven, and a media plane
//! that only remembers what it was told.

mod across;
mod addresses;
mod attending;
mod calls;
mod conferring;
mod controlling;
mod converting;
mod cost;
mod desk;
mod directing;
mod directing_keys;
mod directing_keys_back;
mod directing_random;
mod dtmf;
mod early;
mod failing;
mod following;
mod forking;
mod forwarding;
mod held;
mod history;
mod holding;
mod identity;
mod inside;
mod joining;
mod modifying;
mod originating;
mod parking;
mod paying;
mod pickup;
mod profiles;
mod random;
mod recording;
mod refreshing;
mod refusing;
mod reliably;
mod reoffering;
mod replacing;
mod restoring;
mod revoked;
mod sealed;
mod serving;
mod session_ids;
mod silent;
mod taping;
mod transferring;
mod trying;
mod unreached;
mod waking;
mod wiring;

use crate::flow::Flow;
use crate::testing::{Sent, tcp, udp};
use coeur_sip::{HeaderName, StatusCode, respond};
use desk::{Desk, Ua};
use std::time::Duration;

const ALICE: &str = "192.0.2.11:5060";
const BOB: &str = "192.0.2.22:5060";
const URI: &str = "sip:bob@example.org";

/// A description with one audio stream.
fn sdp(ip: &str, port: u16) -> String {
    described(ip, port, 1, "")
}

fn described(ip: &str, port: u16, version: u32, lines: &str) -> String {
    format!(
        "v=0\r\no=phone 7 {version} IN IP4 {ip}\r\ns=call\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n{lines}"
    )
}

/// The request of this method that goes over this flow.
fn request_to<'s>(sent: &'s [Sent], flow: Flow, method: &str) -> &'s Sent {
    let found: Vec<&Sent> = requests_to(sent, flow, method);
    assert_eq!(found.len(), 1, "{method} over {flow:?}: {}", dump(sent));
    found[0]
}

fn requests_to<'s>(sent: &'s [Sent], flow: Flow, method: &str) -> Vec<&'s Sent> {
    let start = format!("{method} ");
    sent.iter().filter(|sent| desk::goes_to(sent, flow) && sent.text().starts_with(&start)).collect()
}

/// The answer with this status that goes over this flow.
fn answer_to(sent: &[Sent], flow: Flow, status: u16) -> &Sent {
    let found: Vec<&Sent> =
        sent.iter().filter(|sent| desk::goes_to(sent, flow) && sent.status() == status).collect();
    assert_eq!(found.len(), 1, "{status} over {flow:?}: {}", dump(sent));
    found[0]
}

fn dump(sent: &[Sent]) -> String {
    let lines: Vec<String> = sent
        .iter()
        .map(|sent| format!("{:?} {}", sent.hop, sent.text().lines().next().unwrap_or("")))
        .collect();
    lines.join("\n")
}

/// The value of a header; empty when there is none.
fn header(sent: &Sent, name: HeaderName) -> String {
    sent.read(|message| String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned())
}

fn body(sent: &Sent) -> String {
    sent.read(|message| String::from_utf8_lossy(message.body()).into_owned())
}

/// An answer to a request that was sent, with a tag, header lines and a body.
fn reply(to: &Sent, status: u16, tag: &str, lines: &str, body: &str) -> Vec<u8> {
    to.read(|message| {
        let mut out = Vec::new();
        let status = StatusCode::new(status).expect("a status");
        let remote = "192.0.2.1:5060".parse().expect("an address");
        let mut writer = respond(message, status, None, Some(tag.as_bytes()), remote, &mut out);
        writer.raw(lines.as_bytes());
        if !body.is_empty() {
            writer.header(HeaderName::ContentType, b"application/sdp");
        }
        writer.end(body.as_bytes());
        out
    })
}

fn contact(flow: Flow) -> String {
    format!("Contact: <sip:phone@{}>\r\n", flow.remote)
}
