//! A call to `echo`, message by message.

use super::CALLS_OF_ACCOUNT_MAX;
use crate::input::{Command, Input, MediaEvent};
use crate::outbox::MediaId;
use crate::testing::{Office, Phone, Sent, aor, udp};
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

/// What an INVITE with a proof is answered.
fn called(office: &mut Office, phone: &mut Phone) -> Sent {
    let bare = phone.request(Method::Invite, URI, "");
    let challenge = office.answer(phone.flow, &bare);
    let invite = with_body(phone.answer(&challenge, Method::Invite, URI, ""));
    office.answer(phone.flow, &invite)
}

fn answered(office: &mut Office, alice: &mut Phone) -> Sent {
    assert_eq!(called(office, alice).status(), 100);
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

/// RFC 3261 section 13.3.1.4: a 2xx without ACK is repeated for 64*T1, and then the call ends.
#[test]
fn a_call_without_ack_is_ended() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let ok = answered(&mut office, &mut alice);
    let mut repeated = 0;
    let bye = loop {
        office.wait(Duration::from_millis(500));
        let sent = office.handle(Input::Ticked);
        repeated += sent.iter().filter(|sent| sent.status() == 200).count();
        if let Some(bye) = sent.into_iter().find(|sent| sent.status() == 0) {
            break bye;
        }
        assert!(repeated < 20, "for ever");
    };
    assert!(bye.text().starts_with("BYE sip:alice@192.0.2.11"), "{}", bye.text());
    assert_eq!(repeated, 10);
    alice.cseq += 1;
    assert_eq!(office.answer(alice.flow, &inside(&alice, &ok, Method::Bye)).status(), 407, "it is over");
}

/// RFC 3264 section 8, RFC 3261 section 14.2, RFC 3311: hold by re-INVITE or UPDATE, answered in the same dialog.
#[test]
fn a_new_offer_inside_the_dialog_is_answered() {
    for method in [Method::Invite, Method::Update] {
        let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
        let ok = answered(&mut office, &mut alice);
        office.receive(alice.flow, &inside(&alice, &ok, Method::Ack));
        alice.cseq += 1;
        let hold = format!("{SDP}a=sendonly\r\n");
        let offer = String::from_utf8(with_body(inside(&alice, &ok, method))).expect("text");
        let offer = offer
            .replace(SDP, &hold)
            .replace(&format!("Content-Length: {}", SDP.len()), &format!("Content-Length: {}", hold.len()));
        let held = office.answer(alice.flow, offer.as_bytes());
        assert_eq!(held.status(), 200, "{method}");
        assert!(
            held.text().contains("a=recvonly\r\n") && held.text().contains("m=audio 7000 "),
            "{}",
            held.text()
        );
        let version =
            |sent: &Sent| sent.text().lines().find(|line| line.starts_with("o=")).map(str::to_owned);
        assert_ne!(version(&held), version(&ok), "the version of o= grows");
        let tag = |sent: &Sent| sent.read(|m| m.to().ok().and_then(|to| to.tag().map(<[u8]>::to_vec)));
        assert_eq!(tag(&held), tag(&ok));
    }
}

/// RFC 4028 section 9: who asked for a session timer refreshes it himself.
#[test]
fn a_session_timer_is_left_to_the_caller() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let ok = answered(&mut office, &mut alice);
    assert!(!ok.text().contains("Session-Expires"), "{}", ok.text());
    office.receive(alice.flow, &inside(&alice, &ok, Method::Ack));
    alice.cseq += 1;
    let with_timer = String::from_utf8(with_body(inside(&alice, &ok, Method::Invite))).expect("text");
    let with_timer =
        with_timer.replace("Content-Type:", "Supported: timer\r\nSession-Expires: 90\r\nContent-Type:");
    let answer = office.answer(alice.flow, with_timer.as_bytes()).text();
    assert!(answer.contains("Session-Expires: 90;refresher=uac\r\n"), "{answer}");
    assert!(answer.contains("Require: timer\r\n"), "{answer}");
}

/// RFC 3261 section 8.2.1.
#[test]
fn a_method_that_echo_does_not_serve_is_405_with_allow() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let bare = alice.request(Method::Subscribe, URI, "");
    let challenge = office.answer(alice.flow, &bare);
    let subscribe = alice.answer(&challenge, Method::Subscribe, URI, "");
    let refused = office.answer(alice.flow, &subscribe);
    assert_eq!(refused.status(), 405);
    assert!(refused.text().contains("Allow: INVITE, ACK, CANCEL, BYE"), "{}", refused.text());
}

#[test]
fn while_draining_the_call_is_ended_with_a_bye_or_refused() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let ok = answered(&mut office, &mut alice);
    office.receive(alice.flow, &inside(&alice, &ok, Method::Ack));
    let sent = office.handle(Input::Told(Command::Drain));
    assert!(sent.len() == 1 && sent[0].text().starts_with("BYE sip:alice@192.0.2.11"), "{sent:?}");

    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    assert_eq!(called(&mut office, &mut alice).status(), 100);
    let sent = office.handle(Input::Told(Command::Drain));
    assert!(sent.len() == 1 && sent[0].status() == 503, "{sent:?}");
}

/// Whoever never acknowledges keeps a call for 64*T1: a few of them, and none of the others'.
#[test]
fn one_account_has_a_few_calls_at_once_and_leaves_the_service_to_the_others() {
    let mut office = Office::new();
    let another = |call: usize| {
        let mut phone = Phone::new("alice", udp(ALICE));
        phone.call = call.to_string();
        phone
    };
    for call in 0..CALLS_OF_ACCOUNT_MAX {
        assert_eq!(called(&mut office, &mut another(call)).status(), 100);
    }
    assert_eq!(called(&mut office, &mut another(CALLS_OF_ACCOUNT_MAX)).status(), 486);
    assert_eq!(office.exchange.counters().limits_hit, 1);
    assert_eq!(called(&mut office, &mut Phone::new("bob", udp("192.0.2.22:5060"))).status(), 100);
}

#[test]
fn silence_ends_the_call_with_a_bye() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let ok = answered(&mut office, &mut alice);
    office.receive(alice.flow, &inside(&alice, &ok, Method::Ack));
    let sent = office.handle(Input::MediaEvent(MediaEvent::EchoEnded { id: MediaId(1) }));
    assert!(sent.len() == 1 && sent[0].text().starts_with("BYE sip:alice@192.0.2.11"), "{sent:?}");
}

/// RFC 3261 section 15: a callee sends no BYE before the ACK, or before 64*T1 without one.
#[test]
fn a_call_that_must_end_waits_for_its_ack() {
    for acknowledged in [true, false] {
        let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
        let ok = answered(&mut office, &mut alice);
        let end = Input::MediaEvent(MediaEvent::EchoEnded { id: MediaId(1) });
        assert!(office.handle(end).is_empty());
        let sent = match acknowledged {
            true => office.receive(alice.flow, &inside(&alice, &ok, Method::Ack)),
            false => {
                office.wait(Duration::from_secs(33));
                office.handle(Input::Ticked)
            }
        };
        assert!(sent.len() == 1 && sent[0].text().starts_with("BYE "), "{sent:?}");
    }
}

/// A caller whose device, or account, is revoked is hung up on; one of another account is not.
#[test]
fn a_revoked_caller_is_hung_up_on() {
    let revoked = |user, device: Option<u64>| {
        let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
        let ok = answered(&mut office, &mut alice);
        office.receive(alice.flow, &inside(&alice, &ok, Method::Ack));
        let device = device.map(coeur_directory::DeviceId);
        office.handle(Input::Told(Command::Revoked { aor: aor(user), device }))
    };
    for (user, device) in [("alice", Some(100)), ("alice", None)] {
        let sent = revoked(user, device);
        assert!(sent.len() == 1 && sent[0].text().starts_with("BYE sip:alice@"), "{sent:?}");
    }
    for (user, device) in [("alice", Some(101)), ("bob", Some(200)), ("bob", None)] {
        assert!(revoked(user, device).is_empty(), "{user} {device:?}");
    }
}

#[test]
fn a_revoked_caller_whose_call_is_being_set_up_is_refused() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let challenge = office.answer(alice.flow, &alice.request(Method::Invite, URI, ""));
    let invite = with_body(alice.answer(&challenge, Method::Invite, URI, ""));
    assert_eq!(office.answer(alice.flow, &invite).status(), 100);
    let sent = office.handle(Input::Told(Command::Revoked { aor: aor("alice"), device: None }));
    assert_eq!(sent.iter().map(Sent::status).collect::<Vec<_>>(), [403]);
    assert!(matches!(office.media.last(), Some(crate::outbox::MediaCommand::CloseEcho { .. })));
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

fn statuses(sent: &[Sent]) -> Vec<u16> {
    sent.iter().map(Sent::status).collect()
}

/// An INVITE with credentials, changed by `change` before it leaves.
fn invited(office: &mut Office, alice: &mut Phone, change: impl Fn(&str) -> String) -> (Vec<u8>, Vec<Sent>) {
    let challenge = office.answer(alice.flow, &alice.request(Method::Invite, URI, ""));
    let invite =
        String::from_utf8(with_body(alice.answer(&challenge, Method::Invite, URI, ""))).expect("text");
    let invite = change(&invite).into_bytes();
    let sent = office.receive(alice.flow, &invite);
    (invite, sent)
}

/// RFC 3261 section 8.1.1.8: without a Contact there is nobody to send the BYE to.
#[test]
fn an_invite_without_contact_is_400() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let (_, sent) = invited(&mut office, &mut alice, |text| text.replace("Contact:", "X-Contact:"));
    assert_eq!(statuses(&sent), [400]);
    assert!(office.media.is_empty());
}

/// RFC 3261 section 8.2.2.3.
#[test]
fn an_extension_that_echo_does_not_know_is_420_and_named() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let require = |text: &str| text.replace("Contact:", "Require: timer, 100rel, x\r\nContact:");
    let (_, sent) = invited(&mut office, &mut alice, require);
    assert_eq!(statuses(&sent), [420]);
    assert!(sent[0].text().contains("Unsupported: 100rel\r\nUnsupported: x\r\n"), "{}", sent[0].text());
    let ok = answered(&mut office, &mut alice);
    office.receive(alice.flow, &inside(&alice, &ok, Method::Ack));
    alice.cseq += 1;
    let info = require(&String::from_utf8(inside(&alice, &ok, Method::Info)).expect("text"));
    assert_eq!(office.answer(alice.flow, info.as_bytes()).status(), 420);
}

/// RFC 3261 section 9.2.
#[test]
fn a_cancel_and_its_487_have_the_same_tag() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let (invite, sent) = invited(&mut office, &mut alice, str::to_owned);
    assert_eq!(statuses(&sent), [100]);
    let text = String::from_utf8(invite).expect("text");
    let (head, _) = text.split_once("\r\n\r\n").expect("a head");
    let cancel = head
        .replace("INVITE", "CANCEL")
        .replace(&format!("Content-Length: {}", SDP.len()), "Content-Length: 0");
    let cancel = cancel.replace("Content-Type: application/sdp\r\n", "") + "\r\n\r\n";
    let sent = office.receive(alice.flow, cancel.as_bytes());
    assert_eq!(statuses(&sent), [200, 487]);
    let tag = |sent: &Sent| sent.read(|m| m.to().ok().and_then(|to| to.tag()).map(<[u8]>::to_vec));
    assert!(tag(&sent[0]).is_some() && tag(&sent[0]) == tag(&sent[1]));
    assert_eq!(
        office.answer(alice.flow, cancel.as_bytes()).bytes,
        sent[0].bytes,
        "and so has its repetition"
    );
}

/// RFC 3261 section 12.2.1.1: the first router has no `lr`, so it takes the request line.
#[test]
fn the_bye_of_echo_follows_a_strict_router() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let routes = "Record-Route: <sip:strict.example.net>, <sip:loose.example.net;lr>\r\nContact:";
    let (invite, sent) = invited(&mut office, &mut alice, |text| text.replace("Contact:", routes));
    assert_eq!(statuses(&sent), [100], "{}", String::from_utf8_lossy(&invite));
    let address = "192.0.2.1:7000".parse().expect("address");
    let ok = office.handle(Input::MediaEvent(MediaEvent::EchoOpened { id: MediaId(1), address })).remove(0);
    office.receive(alice.flow, &inside(&alice, &ok, Method::Ack));
    let bye = office.handle(Input::MediaEvent(MediaEvent::EchoEnded { id: MediaId(1) })).remove(0).text();
    assert!(bye.starts_with("BYE sip:strict.example.net SIP/2.0\r\n"), "{bye}");
    let route = "Route: <sip:loose.example.net;lr>\r\nRoute: <sip:alice@192.0.2.11:5060;transport=udp>\r\n";
    assert!(bye.contains(route), "{bye}");
}

/// Threat T-08: a proof must be that of the account whose call it is. Bob has an account, and has heard the dialog.
#[test]
fn a_proof_by_somebody_else_ends_no_call() {
    let (mut office, mut alice) = (Office::new(), Phone::new("alice", udp(ALICE)));
    let ok = answered(&mut office, &mut alice);
    alice.cseq += 1;
    let as_bob = |bye: Vec<u8>| {
        String::from_utf8(bye).expect("text").replace("From: <sip:alice@", "From: <sip:bob@").into_bytes()
    };
    let mut bob = Phone::new("bob", udp("198.51.100.7:5060"));
    let bye = as_bob(inside(&alice, &ok, Method::Bye));
    let challenge = office.answer(bob.flow, &bye);
    assert_eq!(challenge.status(), 407);
    bob.read(&challenge);
    let credentials = bob.credentials(Method::Bye, "sip:echo@192.0.2.1:5060");
    let text = String::from_utf8(bye).expect("text").replace("branch=z9hG4bK", "branch=z9hG4bKagain");
    let proved = text.replace("Content-Length", &format!("{credentials}Content-Length"));
    assert_eq!(office.answer(bob.flow, proved.as_bytes()).status(), 403);
    assert_eq!(
        office.answer(alice.flow, &inside(&alice, &ok, Method::Bye)).status(),
        200,
        "it goes on until now"
    );
}
