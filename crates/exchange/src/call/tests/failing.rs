//! RFC 3261 sections 9, 16.7 and 17: calls that are not answered.

use super::*;

pub(super) fn cancel_of(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request).into_owned();
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.lines().filter(|line| !line.starts_with("Content-") && !line.starts_with("Proxy-"));
    let head: Vec<&str> = lines.collect();
    let cancel = head.join("\r\n").replacen("INVITE", "CANCEL", 1).replace(" INVITE", " CANCEL");
    format!("{cancel}\r\nContent-Length: 0\r\n\r\n").replace("Allow: CANCEL", "Allow: INVITE").into_bytes()
}

/// What acknowledges this failure of the INVITE that this CANCEL is of (section 17.1.1.3).
fn ack_of(cancel: &[u8], failure: &Sent) -> Vec<u8> {
    let text = String::from_utf8_lossy(cancel).replacen("CANCEL", "ACK", 1).replace(" CANCEL", " ACK");
    let to = format!("To: {}", header(failure, HeaderName::To));
    let lines = text.split("\r\n").map(|line| if line.starts_with("To: ") { &to } else { line });
    lines.collect::<Vec<_>>().join("\r\n").into_bytes()
}

/// A call that rings at bob's.
fn ringing() -> (Desk, crate::testing::Phone, Flow, Vec<u8>, Sent) {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "bobtag", &contact(bob.flow), ""));
    (desk, alice, bob.flow, request, invite)
}

#[test]
fn a_callers_cancel_ends_what_rings_and_its_reason_passes() {
    let (mut desk, alice, bob, request, invite) = ringing();
    let cancel = String::from_utf8_lossy(&cancel_of(&request))
        .replace("Content-Length", "Reason: SIP;cause=487;text=\"tired\"\r\nContent-Length");
    let sent = desk.receive(alice.flow, cancel.as_bytes());
    let (ok, terminated) = (answer_to(&sent, alice.flow, 200), answer_to(&sent, alice.flow, 487).clone());
    assert_eq!(header(ok, HeaderName::To), header(&terminated, HeaderName::To), "section 9.2: one tag");
    let cancel = request_to(&sent, bob, "CANCEL").clone();
    assert_eq!(header(&cancel, HeaderName::Via), header(&invite, HeaderName::Via), "section 9.1: one branch");
    assert_eq!(header(&cancel, HeaderName::Reason), "SIP;cause=487;text=\"tired\"");
    desk.receive(bob, &reply(&cancel, 200, "bobtag", "", ""));
    let sent = desk.receive(bob, &reply(&invite, 487, "bobtag", "", ""));
    assert_eq!(sent.len(), 1, "{}", dump(&sent));
    request_to(&sent, bob, "ACK");
    desk.assert_at_rest();
}

/// Section 9.1: not before a provisional answer.
#[test]
fn a_cancel_waits_until_the_callee_has_said_something() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent = desk.receive(alice.flow, &cancel_of(&request));
    answer_to(&sent, alice.flow, 487);
    assert!(requests_to(&sent, bob.flow, "CANCEL").is_empty());
    let sent = desk.receive(bob.flow, &reply(&invite, 180, "bobtag", &contact(bob.flow), ""));
    request_to(&sent, bob.flow, "CANCEL");
    desk.assert_at_rest();
}

/// Section 13.2.2.4: nobody hears this answer, so it is acknowledged and ended.
#[test]
fn a_200_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let (mut desk, alice, bob, request, invite) = ringing();
    desk.receive(alice.flow, &cancel_of(&request));
    let ok = reply(&invite, 200, "bobtag", &contact(bob), &sdp("10.0.0.2", 5_000));
    let sent = desk.receive(bob, &ok);
    assert_eq!(sent.len(), 2, "{}", dump(&sent));
    request_to(&sent, bob, "ACK");
    let bye = request_to(&sent, bob, "BYE").clone();
    let again = desk.receive(bob, &ok);
    assert_eq!(again.len(), 1, "{}", dump(&again));
    request_to(&again, bob, "ACK");
    desk.receive(bob, &reply(&bye, 200, "", "", ""));
    desk.assert_at_rest();
}

#[test]
fn a_cancel_from_elsewhere_ends_nothing() {
    let (mut desk, _alice, bob, request, _) = ringing();
    let stranger = udp("203.0.113.9:5060");
    let sent = desk.receive(stranger, &cancel_of(&request));
    answer_to(&sent, stranger, 481);
    assert!(requests_to(&sent, bob, "CANCEL").is_empty());
    assert_eq!(desk.office.exchange.calls().calls(), 1);
}

#[test]
fn a_caller_may_end_an_early_call_with_bye() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent = desk.receive(bob.flow, &reply(&invite, 180, "bobtag", &contact(bob.flow), ""));
    let ringing = answer_to(&sent, alice.flow, 180).clone();
    let bye = Ua::caller(alice.flow, &request, &ringing).request("BYE", "", "");
    let sent = desk.receive(alice.flow, &bye);
    answer_to(&sent, alice.flow, 200);
    answer_to(&sent, alice.flow, 487);
    request_to(&sent, bob.flow, "CANCEL");
    desk.assert_at_rest();
}

/// Section 16.7 step 6, as the proxy does it: what the callee said, and for a 503, 430 and 487 what it means here.
#[test]
fn a_failure_passes_to_the_caller_with_its_phrase_and_what_explains_it() {
    for (status, told) in
        [(486, 486), (404, 404), (480, 480), (302, 302), (603, 603), (503, 500), (487, 480), (500, 500)]
    {
        let (mut desk, alice, bob, _, invite) = ringing();
        let lines = "Warning: 399 phone \"why\"\r\nRetry-After: 5\r\nContact: <sip:else@example.net>\r\n";
        let sent = desk.receive(bob, &reply(&invite, status, "bobtag", lines, ""));
        request_to(&sent, bob, "ACK");
        let failure = answer_to(&sent, alice.flow, told);
        assert_eq!(header(failure, HeaderName::Warning), "399 phone \"why\"", "{status}");
        let contact = header(failure, HeaderName::Contact);
        assert_eq!(contact, if status == 302 { "<sip:else@example.net>" } else { "" }, "{status}");
        assert!(!failure.text().contains("bobtag"));
        desk.assert_at_rest();
    }
}

/// Section 17.2.1: a failure is repeated until its ACK.
#[test]
fn a_failure_is_repeated_until_its_ack() {
    let (mut desk, alice, bob, request, invite) = ringing();
    let sent = desk.receive(bob, &reply(&invite, 486, "bobtag", "", ""));
    let busy = answer_to(&sent, alice.flow, 486).clone();
    assert_eq!(desk.pass(Duration::from_millis(1_600)).len(), 2);
    assert_eq!(desk.receive(alice.flow, &request).len(), 1, "and for each repeated INVITE");
    let to = header(&busy, HeaderName::To);
    let ack = String::from_utf8_lossy(&cancel_of(&request))
        .replace("CANCEL", "ACK")
        .replace("To: <sip:bob@example.org>", &format!("To: {to}"));
    let ack = ack.replace("Allow: INVITE,ACK,BYE,ACK,", "Allow: INVITE,ACK,BYE,CANCEL,");
    assert!(desk.receive(alice.flow, ack.as_bytes()).is_empty());
    assert!(desk.pass(Duration::from_secs(10)).is_empty());
    desk.assert_at_rest();
}

/// Section 16.8: timer C.
#[test]
fn a_phone_that_rings_for_three_minutes_is_cancelled_and_the_caller_told_408() {
    let (mut desk, alice, bob, _, _) = ringing();
    let sent = desk.pass(Duration::from_secs(186));
    request_to(&sent[..2], bob, "CANCEL");
    assert!(
        sent.iter().any(|sent| desk::goes_to(sent, alice.flow) && sent.status() == 408),
        "{}",
        dump(&sent)
    );
    assert_eq!(desk.office.exchange.counters().timer_c_fired, 1);
    desk.assert_at_rest();
}

/// Section 17.1.1.2: timers A and B.
#[test]
fn a_phone_that_never_answers_is_asked_again_and_then_given_up() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let sent = desk.pass(Duration::from_secs(33));
    assert_eq!(requests_to(&sent, bob.flow, "INVITE").len(), 6);
    assert!(sent.iter().any(|sent| sent.status() == 408), "{}", dump(&sent));
    desk.assert_at_rest();
}

#[test]
fn who_cannot_be_reached_counts_as_unavailable() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent = desk.send_failed(&invite);
    answer_to(&sent, alice.flow, 500);
    desk.assert_at_rest();
}

/// Decision 0009.
#[test]
fn an_answer_from_elsewhere_counts_for_nothing() {
    let (mut desk, _alice, _bob, _, invite) = ringing();
    let stranger = udp("203.0.113.9:5060");
    let forged = reply(&invite, 200, "forged", &contact(stranger), &sdp("203.0.113.9", 6_000));
    assert!(desk.receive(stranger, &forged).is_empty());
    assert_eq!(desk.office.exchange.counters().responses_from_elsewhere, 1);
}

/// Sections 8.2.2.3 and 8.2.3, and a body that cannot be read.
#[test]
fn what_we_do_not_understand_is_refused_before_anybody_rings() {
    let cases: [(&str, &str, u16); 3] = [
        ("Require: teleport\r\n", "v=0\r\no=a 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\n", 420),
        ("", "no description", 488),
        (
            "Supported: timer\r\nSession-Expires: 60\r\n",
            "v=0\r\no=a 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\n",
            422,
        ),
    ];
    for (lines, body, status) in cases {
        let (mut desk, mut alice, _bob) = Desk::new();
        let (_, sent) = desk.invite(&mut alice, URI, lines, body);
        assert_eq!(sent.len(), 1, "{}", dump(&sent));
        assert_eq!(sent[0].status(), status, "{}", sent[0].text());
        desk.assert_at_rest();
    }
}

/// A callee who answers without a description has agreed on nothing.
#[test]
fn a_200_without_an_answer_is_ended_and_refused() {
    let (mut desk, alice, bob, _, invite) = ringing();
    let sent = desk.receive(bob, &reply(&invite, 200, "bobtag", &contact(bob), ""));
    request_to(&sent, bob, "ACK");
    request_to(&sent, bob, "BYE");
    answer_to(&sent, alice.flow, 488);
    desk.assert_at_rest();
}

/// A router may have given the phone another port meanwhile; neither a CANCEL nor its sender can be asked for a proof.
#[test]
fn a_cancel_from_another_port_of_the_same_host_is_heard_and_one_from_another_host_is_not() {
    let (mut desk, _, bob, request, invite) = ringing();
    let cancel = cancel_of(&request);
    let sent = desk.receive(udp("192.0.2.99:5060"), &cancel);
    assert!(sent.iter().all(|sent| sent.status() == 481), "{}", dump(&sent));
    let sent = desk.receive(udp("192.0.2.11:40000"), &cancel);
    // Both answers: where she spoke from before she is not any more, unless it was somebody else who has read it all.
    for status in [200, 487] {
        answer_to(&sent, udp("192.0.2.11:40000"), status);
    }
    let withdrawn = request_to(&sent, bob, "CANCEL").clone();
    desk.receive(bob, &reply(&withdrawn, 200, "", "", ""));
    desk.receive(bob, &reply(&invite, 487, "bobtag", "", ""));
    desk.assert_at_rest();
}

/// Sections 9.2 and 17.2.3, decision 0040.
#[test]
fn a_cancel_that_another_shard_hears_ends_what_rings() {
    let (mut desk, _, bob, request, invite) = ringing();
    let moved = udp("192.0.2.11:40000");
    desk.office.divide(&[moved]);
    let cancel = cancel_of(&request);
    let sent = desk.receive(moved, &cancel);
    answer_to(&sent, moved, 200);
    let over = answer_to(&sent, moved, 487).clone();
    let withdrawn = request_to(&sent, bob, "CANCEL").clone();
    assert!(desk.receive(moved, &ack_of(&cancel, &over)).is_empty());
    desk.receive(bob, &reply(&withdrawn, 200, "", "", ""));
    desk.receive(bob, &reply(&invite, 487, "bobtag", "", ""));
    desk.assert_at_rest();
}

/// Everything else is found by what is in it, or is nobody's: looking for it would be work for nothing.
#[test]
fn only_a_cancel_and_an_ack_without_a_way_of_their_own_are_looked_for() {
    let (mut desk, mut alice, _, request, _) = ringing();
    let misses = |desk: &Desk, bytes: &[u8]| {
        let mut table = coeur_sip::HeaderTable::new();
        let message = coeur_sip::parse(bytes, &mut table, &coeur_sip::Limits::default()).expect("a message");
        desk.office.exchange.misses_invite(&message)
    };
    let (cancel, other) =
        (cancel_of(&request), cancel_of(&alice.request(coeur_sip::Method::Invite, URI, "")));
    assert_eq!((misses(&desk, &cancel), misses(&desk, &other)), (false, true));
    let routed = String::from_utf8_lossy(&other).replacen(
        "\r\n",
        "\r\nRoute: <sip:r.0123456789abcdef@example.org;lr>\r\n",
        1,
    );
    assert!(misses(&desk, routed.as_bytes()), "the routes of its INVITE lead nowhere beyond it");
    let bare = alice.request(coeur_sip::Method::Invite, URI, "");
    assert!(!misses(&desk, &bare), "a request that begins something");
    let challenge = desk.receive(alice.flow, &bare).remove(0);
    let ack = |answer: &Sent| ack_of(&cancel_of(&bare), answer);
    assert!(!misses(&desk, &ack(&challenge)), "its answer was given without a transaction");
    let tagged = |tag: &str| {
        let to = header(&challenge, HeaderName::To);
        let other = format!("{};tag={tag}", to.split(";tag=").next().expect("an address"));
        Sent { bytes: challenge.text().replace(&to, &other).into_bytes(), ..challenge.clone() }
    };
    assert!(misses(&desk, &ack(&tagged("a-phone"))), "of a phone behind the proxy");
    assert!(!misses(&desk, &ack(&tagged("b2b-01000000010000000000000001"))), "its tag leads it");
    let answer = reply(&Sent { bytes: cancel, ..challenge.clone() }, 200, "", "", "");
    assert!(!misses(&desk, &answer), "an answer to a CANCEL of ours");
}
