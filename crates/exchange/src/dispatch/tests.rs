//! What is answered before a role sees the message.

use crate::input::{Command, Input};
use crate::testing::{Office, Phone, Sent, tcp, udp};
use coeur_sip::{Method, Transport};
use std::sync::atomic::Ordering;

const ALICE: &str = "192.0.2.11:5060";

fn alice() -> Phone {
    Phone::new("alice", udp(ALICE))
}

/// The one answer to an OPTIONS to somebody, in which `from` is replaced by `to`.
fn changed(from: &str, to: &str) -> Sent {
    let mut alice = alice();
    let text = String::from_utf8(alice.request(Method::Options, "sip:bob@example.org", "")).expect("text");
    assert!(text.contains(from), "{text}");
    Office::new().answer(alice.flow, text.replace(from, to).as_bytes())
}

/// RFC 3261 section 11.2 in its shortest form: nobody is asked for a proof, and hops do not count.
#[test]
fn an_options_to_the_server_itself_is_200() {
    for uri in ["sip:example.org", "sip:EXAMPLE.org.", "sip:192.0.2.1:5060"] {
        for hops in [70, 0] {
            let mut alice = alice();
            let text = String::from_utf8(alice.request(Method::Options, uri, "")).expect("text");
            let text = text.replace("Max-Forwards: 70", &format!("Max-Forwards: {hops}"));
            assert_eq!(Office::new().answer(alice.flow, text.as_bytes()).status(), 200, "{uri}");
        }
    }
    let mut alice = alice();
    let elsewhere = alice.request(Method::Options, "sip:example.net", "");
    assert_eq!(Office::new().answer(alice.flow, &elsewhere).status(), 407);
}

/// RFC 7118 section 5.2: a URI without a port means the default of the transport.
#[test]
fn without_a_port_the_server_is_meant_on_the_default_of_its_transport() {
    for (transport, port, ours) in [
        (Transport::Wss, 443, true),
        (Transport::Wss, 5061, false),
        (Transport::Ws, 80, true),
        (Transport::Tls, 5061, true),
        (Transport::Udp, 5060, true),
        (Transport::Udp, 5070, false),
    ] {
        let mut office = Office::new();
        office.world.listeners.truncate(1);
        office.world.listeners[0].transport = transport;
        office.world.listeners[0].bound.set_port(port);
        office.world.listeners[0].sent_by = format!("192.0.2.1:{port}").into();
        let answer = office.answer(alice().flow, &alice().request(Method::Options, "sip:192.0.2.1", ""));
        assert_eq!(answer.status(), if ours { 200 } else { 407 }, "{transport} {port}");
    }
}

/// RFC 3261 sections 8.2.2.1 and 16.3 step 2 (unkscm and novelsc of RFC 4475).
#[test]
fn a_scheme_that_we_do_not_speak_is_416() {
    assert_eq!(changed("OPTIONS sip:bob@example.org", "OPTIONS soap.beep://192.0.2.103:3002").status(), 416);
    assert_eq!(changed("OPTIONS sip:bob@example.org", "OPTIONS tel:+12015550123").status(), 407);
}

/// RFC 3261 section 16.3 step 1: what cannot be read is 400 with the reason (badinv01, quotbal, escruri of RFC 4475).
#[test]
fn a_header_that_cannot_be_read_is_400_and_named() {
    for (from, to, reason) in [
        ("From: <sip:alice@example.org>", "From: \"alice <sip:alice@example.org>", "Unbalanced Quotes"),
        ("Max-Forwards: 70", "Max-Forwards: 256", "Malformed Max-Forwards"),
        (
            "OPTIONS sip:bob@example.org",
            "OPTIONS sip:bob@example.org?Route=%3Csip:x%3E",
            "Headers In Request-URI",
        ),
        ("OPTIONS sip:bob@example.org", "OPTIONS sip:bob@2001:db8::10", "Malformed Host"),
    ] {
        let answer = changed(from, to);
        assert!(answer.text().starts_with(&format!("SIP/2.0 400 {reason}\r\n")), "{}", answer.text());
    }
}

/// RFC 3261 section 16.3 step 3.
#[test]
fn no_hop_left_is_483() {
    let (mut office, mut alice) = (Office::new(), alice());
    for (at, method) in [Method::Invite, Method::Message, Method::Options].into_iter().enumerate() {
        let request = String::from_utf8(alice.request(method, "sip:bob@example.org", "")).expect("text");
        let request = request.replace("Max-Forwards: 70", "Max-Forwards: 0");
        assert_eq!(office.answer(alice.flow, request.as_bytes()).status(), 483);
        assert_eq!(office.exchange.counters().too_many_hops, at as u64 + 1);
    }
    // We are where an OPTIONS to us is going, and nothing else.
    let request = String::from_utf8(alice.request(Method::Message, "sip:example.org", "")).expect("text");
    let request = request.replace("Max-Forwards: 70", "Max-Forwards: 0");
    assert_eq!(office.answer(alice.flow, request.as_bytes()).status(), 483);
}

/// Threat T-32: what is withheld for its size is no challenge that somebody left unanswered (decision 0007).
#[test]
fn an_answer_that_is_too_large_counts_as_that_and_not_as_a_challenge() {
    let mut office = Office::new();
    let many = "a,".repeat(100);
    for method in [Method::Options, Method::Invite] {
        let require = format!("Proxy-Require: {many}aa\r\n");
        let request = alice().request(method, "sip:bob@example.org", &require);
        assert!(office.receive(udp(ALICE), &request).is_empty(), "{method}");
    }
    let counters = office.exchange.counters();
    assert_eq!((counters.answers_withheld, counters.challenges_withheld), (2, 0));
}

/// RFC 3261 section 8.2.2.3.
#[test]
fn an_options_to_the_server_that_requires_what_it_does_not_know_is_420_and_named() {
    for (require, status) in [("timer, replaces", 200), ("timer, foo", 420)] {
        let mut alice = alice();
        let text = String::from_utf8(alice.request(Method::Options, "sip:example.org", "")).expect("text");
        let text = text.replace("Max-Forwards: 70", &format!("Max-Forwards: 70\r\nRequire: {require}"));
        let answer = Office::new().answer(alice.flow, text.as_bytes());
        assert_eq!(answer.status(), status);
        assert_eq!(answer.text().contains("Unsupported: foo\r\n"), status == 420, "{}", answer.text());
    }
}

/// RFC 3261 section 16.3 step 5 (bext01 of RFC 4475).
#[test]
fn an_extension_that_a_proxy_must_know_is_420_and_named() {
    let answer = changed("Max-Forwards: 70", "Max-Forwards: 70\r\nProxy-Require: foo, bar");
    assert_eq!(answer.status(), 420);
    assert!(answer.text().contains("Unsupported: foo\r\nUnsupported: bar\r\n"), "{}", answer.text());
}

/// RFC 3261 section 10.3 step 1. An address is a way to us and no domain: behind a router we do not know which.
#[test]
fn a_register_for_a_domain_that_is_not_ours_is_403() {
    for (uri, status) in [
        ("sip:example.net", 403),
        ("sip:alice@example.net", 403),
        ("sips:example.net", 403),
        ("tel:+12015550123", 403),
        ("sip:example.org", 401),
        ("sip:EXAMPLE.org.;transport=udp", 401),
        ("sip:alice@example.org:5070", 401),
        ("sip:192.0.2.1", 401),
        ("sip:198.51.100.99:5070", 401),
        ("sip:[2001:db8::1]", 401),
    ] {
        let mut office = Office::new();
        let answer = office.answer(alice().flow, &alice().request(Method::Register, uri, ""));
        assert_eq!(answer.status(), status, "{uri}");
    }
}

/// RFC 3261 section 21.4.11, threat T-19: whoever sends it, and inside a dialog too.
#[test]
fn a_text_that_is_too_large_is_413() {
    let text = |bytes: usize| {
        let request =
            String::from_utf8(alice().request(Method::Message, "sip:bob@example.org", "")).expect("text");
        request.replace("Content-Length: 0", &format!("Content-Length: {bytes}")) + &"x".repeat(bytes)
    };
    let mut office = Office::new();
    let most = office.world.settings.message_body_bytes_max as usize;
    assert_eq!(office.answer(alice().flow, text(most).as_bytes()).status(), 407);
    let too_large = text(most + 1);
    assert_eq!(office.answer(alice().flow, too_large.as_bytes()).status(), 413);
    let inside = too_large.replace("To: <sip:bob@example.org>", "To: <sip:bob@example.org>;tag=b");
    assert_eq!(office.answer(alice().flow, inside.as_bytes()).status(), 413);
    // Other methods may carry what they like, up to the limit of any message.
    assert_eq!(office.answer(alice().flow, too_large.replace("MESSAGE", "INFO").as_bytes()).status(), 407);
}

/// RFC 3261 sections 16.3 step 1 and 18.3: a defect is told to the sender of a request, never to that of a response or
/// an ACK.
#[test]
fn bytes_that_are_no_message_are_answered_where_that_is_possible() {
    let mut office = Office::new();
    let mut alice = alice();
    let text =
        String::from_utf8(alice.request(Method::Options, "sip:bob@example.org", "X\r\n")).expect("text");
    assert_eq!(office.answer(alice.flow, text.as_bytes()).status(), 400);
    let silent = [
        text.replace("OPTIONS", "ACK"),
        text.replace("OPTIONS sip:bob@example.org SIP/2.0", "SIP/2.0 200 OK"),
        text.replace("Via:", "X-Via:"),
        "\r\n\r\n".into(),
    ];
    for text in &silent {
        assert!(office.receive(alice.flow, text.as_bytes()).is_empty(), "{text}");
    }
    let counters = office.exchange.counters();
    assert_eq!((counters.malformed, counters.malformed_answered), (4, 1));
}

/// The group of the first may have failed, so that its 200 left as a 503: decision 0010.
#[test]
fn while_nothing_can_be_saved_a_repeated_register_does_not_hear_its_200_again() {
    let mut office = Office::new();
    let mut alice = alice();
    let challenge = office.answer(alice.flow, &alice.request(Method::Register, "sip:example.org", ""));
    let request = alice.answer(&challenge, Method::Register, "sip:example.org", "");
    let answer = office.answer(alice.flow, &request);
    assert_eq!((answer.status(), answer.after_save), (200, true));
    office.world.storage_writable.store(false, Ordering::Relaxed);
    assert_eq!(office.answer(alice.flow, &request).status(), 401);
    // A snapshot holds the binding now.
    office.world.storage_writable.store(true, Ordering::Relaxed);
    let again = office.answer(alice.flow, &request);
    assert_eq!((again.bytes == answer.bytes, again.after_save), (true, true));
}

/// RFC 3261 section 21.5.4: a server that is about to stop begins nothing new.
#[test]
fn while_draining_new_requests_are_503() {
    let mut office = Office::new();
    assert!(office.handle(Input::Told(Command::Drain)).is_empty());
    let mut alice = Phone::new("alice", tcp(ALICE, 1));
    for method in [Method::Register, Method::Invite, Method::Message] {
        let request = alice.request(method, "sip:bob@example.org", "");
        let answer = office.answer(alice.flow, &request);
        assert_eq!(answer.status(), 503);
        assert!(answer.text().contains("Retry-After: 10\r\n"), "{}", answer.text());
    }
    let monitor = alice.request(Method::Options, "sip:example.org", "");
    assert_eq!(office.answer(alice.flow, &monitor).status(), 200);
}
