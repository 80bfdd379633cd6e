//! Phones that are asked to fetch their settings.

use crate::event::Event;
use crate::input::{Command, Input};
use crate::testing::{Office, Phone, Sent, aor, tcp, udp};
use coeur_directory::DeviceId;
use coeur_sip::{HeaderName, Method};
use std::time::Duration;

const PHONE: &str = "192.0.2.11:5060";

fn office() -> (Office, Phone) {
    let mut office = Office::new();
    let mut phone = Phone::new("alice", udp(PHONE));
    assert_eq!(office.register(&mut phone).status(), 200);
    (office, phone)
}

fn ask(office: &mut Office, user: &str, device: Option<u64>, reboot: bool) -> Vec<Sent> {
    let device = device.map(DeviceId);
    office.handle(Input::Told(Command::CheckSync { aor: aor(user), device, reboot }))
}

/// As the phone answers what it was sent.
fn answer(sent: &Sent, status: &str) -> Vec<u8> {
    let line = |name: HeaderName| {
        sent.read(|message| String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned())
    };
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=phone\r\nCall-ID: {}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
        line(HeaderName::Via),
        line(HeaderName::From),
        line(HeaderName::To),
        line(HeaderName::CallId),
        line(HeaderName::CSeq),
    )
    .into_bytes()
}

fn notices(office: &Office) -> Vec<String> {
    let text = |event: &Event| match event {
        Event::Notice { text, .. } => Some(text.to_string()),
        _ => None,
    };
    office.events.iter().filter_map(text).collect()
}

/// RFC 3261 section 8.1.1: what every request has; RFC 6665 section 4.1.3: what every NOTIFY has.
#[test]
fn a_registered_phone_is_asked_over_its_own_flow_and_another_is_not() {
    let (mut office, phone) = office();
    let mut bob = Phone::new("bob", tcp("192.0.2.12:40000", 1));
    office.register(&mut bob);
    let sent = ask(&mut office, "alice", None, true);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].hop, crate::flow::Hop::Flow(phone.flow));
    let text = sent[0].text();
    assert!(text.starts_with(&format!("NOTIFY sip:alice@{PHONE};transport=udp SIP/2.0\r\n")), "{text}");
    for line in [
        "Event: check-sync;reboot=true",
        "Subscription-State: terminated",
        "To: <sip:alice@example.org>",
        "Max-Forwards: 70",
        "Contact: <sip:192.0.2.1:5060;transport=udp>",
        "CSeq: 1 NOTIFY",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line}: {text}");
    }
    sent[0].read(|message| assert_eq!(message.method(), Method::Notify));
    assert!(ask(&mut office, "carol", None, false).is_empty());
}

#[test]
fn of_an_account_the_named_device_alone_is_asked() {
    let (mut office, _) = office();
    assert!(ask(&mut office, "alice", Some(999), false).is_empty());
    let sent = ask(&mut office, "alice", Some(100), false);
    assert!(sent.len() == 1 && sent[0].text().contains("check-sync;reboot=false"));
}

/// RFC 3261 section 17.1.2.2: timers E and F.
#[test]
fn over_udp_it_is_said_again_until_the_phone_answers_or_is_given_up() {
    let (mut office, phone) = office();
    let first = ask(&mut office, "alice", None, false);
    office.wait(Duration::from_millis(500));
    let again = office.handle(Input::Ticked);
    assert_eq!((again.len(), &again[0].bytes), (1, &first[0].bytes));
    assert!(office.receive(phone.flow, &answer(&first[0], "200 OK")).is_empty());
    assert_eq!(office.exchange.counters().check_syncs_obeyed, 1);
    office.wait(Duration::from_secs(40));
    assert!(office.handle(Input::Ticked).is_empty());
    assert_eq!(notices(&office), Vec::<String>::new());

    ask(&mut office, "alice", None, false);
    let mut left = 0;
    for _ in 0..80 {
        office.wait(Duration::from_millis(500));
        left += office.handle(Input::Ticked).len();
    }
    assert_eq!(left, 10, "timer E ten times before timer F");
    assert_eq!(notices(&office), ["a phone that was asked to fetch its settings does not answer"]);
}

#[test]
fn a_phone_that_refuses_is_told_of_with_what_to_do_and_others_answer_for_nobody() {
    for (status, part) in [("489 Bad Event", "does not know check-sync"), ("401 Unauthorized", "without one")]
    {
        let (mut office, phone) = office();
        let sent = ask(&mut office, "alice", None, false);
        office.receive(udp("192.0.2.66:5060"), &answer(&sent[0], "200 OK"));
        assert_eq!(office.exchange.counters().check_syncs_obeyed, 0, "somebody else has answered");
        office.receive(phone.flow, &answer(&sent[0], status));
        office.receive(phone.flow, &answer(&sent[0], status));
        let notices = notices(&office);
        assert!(notices.len() == 1 && notices[0].contains(part), "{notices:?}");
    }
}

#[test]
fn the_shard_that_has_asked_is_named_in_the_branch_and_in_no_other() {
    let (mut office, _) = office();
    let sent = ask(&mut office, "alice", None, false);
    let branch = sent[0].read(|message| message.via().unwrap().branch.unwrap().to_vec());
    assert_eq!(crate::shard_of_branch(&branch), Some(crate::flow::ShardId(0)));
    for other in [&branch[..branch.len() - 1], b"z9hG4bKn", b"z9hG4bKnxx0000000000000000"] {
        assert_eq!(super::shard_of_branch(other), None);
    }
}
