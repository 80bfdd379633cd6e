//! Whole calls between phones: set up, answered, failed, cancelled, ended.

use super::*;

/// Sections 16.2, 16.6, 16.7, 16.12: a whole call.
#[test]
fn a_call_is_set_up_acknowledged_and_ended_over_our_route() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    assert!(goes_to(&invite, udp(BOB)));
    let text = invite.text();
    assert!(text.starts_with("INVITE sip:bob@192.0.2.22:5060"), "{text}");
    assert!(text.contains("Max-Forwards: 69\r\n") && text.contains("Record-Route: <sip:"), "{text}");
    assert!(!text.contains("Proxy-Authorization"), "credentials stay here");
    assert!(text.contains(";received=") || text.contains(";rport=5060"), "{text}");

    let ringing = office.answer(udp(BOB), &reply(&invite, 180));
    assert!(goes_to(&ringing, udp(ALICE)) && ringing.status() == 180);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    assert!(goes_to(&ok, udp(ALICE)) && ok.status() == 200);
    assert_eq!(ok.read(|m| m.values(HeaderName::Via).count()), 1, "our Via is gone");

    let ack = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Ack));
    assert!(goes_to(&ack, udp(BOB)) && ack.text().starts_with("ACK sip:bob@192.0.2.22:5060"));
    assert!(!ack.text().contains("Route:"), "{}", ack.text());

    let bye = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Bye));
    assert!(goes_to(&bye, udp(BOB)), "{}", bye.text());
    assert_eq!(office.exchange.counters().calls_ended, 0, "bob has not heard of it yet");
    let done = office.answer(udp(BOB), &reply(&bye, 200));
    assert!(goes_to(&done, udp(ALICE)) && done.status() == 200);
    assert_eq!(office.exchange.counters().calls_ended, 1);
    assert!(office.receive(udp(BOB), &reply(&bye, 200)).is_empty());
    let again = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Bye));
    office.answer(udp(BOB), &reply(&again, 481));
    assert_eq!(office.exchange.counters().calls_ended, 1, "once");
}

/// Threat T-08: who has heard the dialog's tags and our token still has to come from its flow, or prove himself.
#[test]
fn a_request_inside_a_dialog_from_elsewhere_is_challenged_and_a_forged_route_refused() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    let bye = inside(&mut alice, &ok, Method::Bye);
    let challenged = office.answer(udp("198.51.100.9:5060"), &bye);
    assert!(matches!(challenged.status(), 401 | 407), "{}", challenged.text());
    let mut forged = String::from_utf8(bye).expect("text");
    forged = forged.replace("Call-ID: 8", "Call-ID: 9").replace(
        "Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bK",
        "Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKf",
    );
    let refused = office.answer(udp(ALICE), forged.as_bytes());
    assert_eq!(refused.status(), 403);
    assert_eq!(office.exchange.counters().route_forged, 1);
}

/// A made-up To tag alone reaches nobody: proof first (advisory A06), and then there is no such dialog.
#[test]
fn a_to_tag_without_our_route_is_challenged_and_then_481() {
    let (mut office, mut alice) = office();
    let to = "<sip:bob@example.org>;tag=made-up";
    alice.cseq += 1;
    let challenge = office.answer(udp(ALICE), &alice.write(Method::Bye, URI, to, ""));
    assert_eq!(challenge.status(), 407);
    alice.read(&challenge);
    alice.cseq += 1;
    let credentials = alice.credentials(Method::Bye, URI);
    assert_eq!(office.answer(udp(ALICE), &alice.write(Method::Bye, URI, to, &credentials)).status(), 481);
}

/// Advisory A06: our Record-Route proves a dialog to who is inside of it, and nothing to a request that begins
/// something. Without a tag in To it is challenged and routed like any other, and the route is taken off.
#[test]
fn our_record_route_proves_nothing_of_a_request_without_a_to_tag() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    for method in [Method::Invite, Method::Message, Method::Subscribe] {
        let text = String::from_utf8(inside(&mut alice, &ok, method)).expect("text");
        let bare = text.replace(";tag=bobtag", "");
        assert_eq!(office.answer(udp(ALICE), bare.as_bytes()).status(), 407, "{method}");
        let route = lines(&ok, "Record-Route").remove(0);
        let uri = "sip:nobody@example.org";
        let challenge = office.answer(udp(ALICE), &alice.request(method, uri, ""));
        let request = alice.answer(&challenge, method, uri, &format!("Route: {route}\r\n"));
        assert_eq!(office.answer(udp(ALICE), &request).status(), 404, "{method}: the plan decides");
        let request = alice.again(method, URI, &format!("Route: {route}\r\n"));
        let sent = office.receive(udp(ALICE), &request);
        let passed = to(&sent, udp(BOB));
        assert!(lines(passed, "Route").is_empty(), "{}", passed.text());
    }
}

/// Threat T-19: a text inside a dialog is a text of the account that sends it, whichever side it is.
#[test]
fn texts_inside_a_dialog_count_for_the_account_that_sends_them() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    // Half of a minute's may come at once.
    for _ in 0..office.world.settings.messages_per_minute_max / 2 {
        let passed = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Message));
        assert!(goes_to(&passed, udp(BOB)), "{}", passed.text());
    }
    let refused = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Message));
    assert_eq!((refused.status(), office.exchange.counters().limits_hit), (403, 1), "{}", refused.text());
    assert!(goes_to(&office.answer(udp(BOB), &from_callee(&invite, "MESSAGE", 1)), udp(ALICE)), "bob's own");
    assert!(goes_to(&office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Info)), udp(BOB)));
}
