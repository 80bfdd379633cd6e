//! A call to `echo`, message by message.

use crate::input::{Input, MediaEvent};
use crate::outbox::MediaId;
use crate::testing::{Office, Phone, Sent, udp};
use coeur_sip::{HeaderName, Method};
use std::time::Duration;

const ALICE: &str = "192.0.2.11:5060";
const URI: &str = "sip:echo@example.org";
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\ns=-\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0 8\r\n";

fn with_body(request: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8(request).expect("text");
    let head = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}", SDP.len());
    text.replace("Content-Length: 0\r\n\r\n", &head).into_bytes()
}

fn answered(office: &mut Office, alice: &mut Phone) -> Sent {
    let bare = alice.request(Method::Invite, URI, "");
    let challenge = office.answer(alice.flow, &bare);
    let invite = with_body(alice.answer(&challenge, Method::Invite, URI, ""));
    assert_eq!(office.answer(alice.flow, &invite).status(), 100);
    let address = "192.0.2.1:7000".parse().expect("address");
    let sent = office.handle(Input::MediaEvent(MediaEvent::EchoOpened { id: MediaId(1), address }));
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].status(), 200);
    sent.into_iter().next().expect("one answer")
}

fn inside(alice: &Phone, ok: &Sent, method: Method<'_>) -> Vec<u8> {
    let to = ok.read(|m| String::from_utf8_lossy(m.header(HeaderName::To).unwrap_or_default()).into_owned());
    alice.write(method, "sip:echo@192.0.2.1:5060", &to, "")
}

/// RFC 3261 sections 13.3.1.4 and 15.1.2.
#[test]
fn a_call_to_echo_is_answered_repeated_until_its_ack_and_ended() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let ok = answered(&mut office, &mut alice);
    assert!(ok.text().contains("m=audio 7000 RTP/AVP 0 8\r\n"), "{}", ok.text());
    office.wait(Duration::from_millis(510));
    assert_eq!(office.handle(Input::Ticked).len(), 1, "no ACK yet");
    assert!(office.receive(alice.flow, &inside(&alice, &ok, Method::Ack)).is_empty());
    office.wait(Duration::from_secs(2));
    assert!(office.handle(Input::Ticked).is_empty(), "acknowledged");
    alice.cseq += 1;
    assert_eq!(office.answer(alice.flow, &inside(&alice, &ok, Method::Bye)).status(), 200);
    alice.cseq += 1;
    let stray = office.answer(alice.flow, &inside(&alice, &ok, Method::Bye));
    assert_eq!(stray.status(), 407, "no dialog of ours: proof first");
}

#[test]
fn silence_ends_the_call_with_a_bye() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let ok = answered(&mut office, &mut alice);
    office.receive(alice.flow, &inside(&alice, &ok, Method::Ack));
    let sent = office.handle(Input::MediaEvent(MediaEvent::EchoEnded { id: MediaId(1) }));
    assert!(sent.len() == 1 && sent[0].text().starts_with("BYE sip:alice@192.0.2.11"), "{sent:?}");
}

/// Threat T-08.
#[test]
fn a_bye_from_elsewhere_is_challenged() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let ok = answered(&mut office, &mut alice);
    alice.cseq += 1;
    let sent = office.answer(udp("198.51.100.7:5060"), &inside(&alice, &ok, Method::Bye));
    assert!(matches!(sent.status(), 401 | 407), "{}", sent.text());
}
