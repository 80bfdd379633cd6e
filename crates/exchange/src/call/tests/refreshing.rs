//! Session timers, each leg its own (RFC 4028).

use super::*;

const TIMER: &str = "Supported: timer\r\n";

fn session(
    desk: &mut Desk,
    asked: &str,
    answered: &str,
) -> (crate::testing::Phone, crate::testing::Phone, Ua, Ua) {
    let mut alice = desk.register("alice", udp(ALICE), "");
    let bob = desk.register("bob", udp(BOB), "");
    let (caller, callee) = desk.talk_with(&mut alice, &bob, asked, answered);
    (alice, bob, caller, callee)
}

/// Section 9, table 2.
#[test]
fn the_caller_is_told_who_refreshes_and_how_often() {
    for (asked, told, required) in [
        ("Supported: timer\r\nSession-Expires: 600\r\n", "600;refresher=uac", "timer"),
        ("Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n", "600;refresher=uas", ""),
        ("Supported: timer\r\n", "1800;refresher=uac", "timer"),
        ("Supported: timer\r\nSession-Expires: 7200\r\n", "1800;refresher=uac", "timer"),
        ("Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 3600\r\n", "3600;refresher=uac", "timer"),
        ("", "1800;refresher=uas", ""),
    ] {
        let (mut desk, mut alice, bob) = Desk::new();
        let (_, sent) = desk.invite(&mut alice, URI, asked, &sdp("10.0.0.1", 4_000));
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        let ok = reply(&invite, 200, "tag", &contact(bob.flow), &sdp("10.0.0.2", 5_000));
        let sent = desk.receive(bob.flow, &ok);
        let ok = answer_to(&sent, alice.flow, 200);
        assert_eq!(header(ok, HeaderName::SessionExpires), told, "{asked}");
        assert_eq!(header(ok, HeaderName::Require), required, "{asked}");
    }
}

/// Section 10: at half of the interval, as UPDATE where it is known, else as INVITE with the description as it is.
#[test]
fn a_side_that_knows_no_timer_is_refreshed_by_us() {
    for (allow, method) in [("Allow: INVITE, UPDATE\r\n", "UPDATE"), ("Allow: INVITE\r\n", "INVITE")] {
        let mut desk = Desk::empty();
        let (alice, bob, mut caller, _) =
            session(&mut desk, "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n", allow);
        let sent = desk.pass(Duration::from_secs(901));
        let refresh = requests_to(&sent, bob.flow, method)[0].clone();
        assert!(requests_to(&sent, alice.flow, "UPDATE").is_empty(), "its own leg it refreshes itself");
        assert_eq!(header(&refresh, HeaderName::SessionExpires), "1800;refresher=uac");
        let (answer, acks) =
            if method == "INVITE" { (sdp("10.0.0.2", 5_000), 1) } else { (String::new(), 0) };
        let sent = desk.receive(bob.flow, &reply(&refresh, 200, "", &contact(bob.flow), &answer));
        assert_eq!(requests_to(&sent, bob.flow, "ACK").len(), acks);
        let own = caller.request("UPDATE", TIMER, "");
        let sent = desk.receive(alice.flow, &own);
        answer_to(&sent, alice.flow, 200);
        let sent = desk.pass(Duration::from_secs(850));
        assert!(sent.is_empty(), "{}", dump(&sent));
        assert!(!requests_to(&desk.pass(Duration::from_secs(60)), bob.flow, method).is_empty());
    }
}

/// Section 10: a side that has promised to refresh and does not is gone.
#[test]
fn a_session_that_is_not_refreshed_ends_on_both_sides() {
    let mut desk = Desk::empty();
    let asked = "Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n";
    let (alice, bob, ..) =
        session(&mut desk, asked, "Session-Expires: 1800;refresher=uas\r\nRequire: timer\r\n");
    let sent = desk.pass(Duration::from_secs(267));
    assert!(sent.is_empty(), "{}", dump(&sent));
    let sent = desk.pass(Duration::from_secs(2));
    for flow in [alice.flow, bob.flow] {
        let bye = requests_to(&sent, flow, "BYE")[0];
        assert!(header(bye, HeaderName::Reason).contains("Session expired"));
    }
    assert_eq!(desk.office.exchange.counters().sessions_expired, 1);
    desk.assert_at_rest();
}

/// A refresh that nobody answers: section 10 and RFC 3261 section 12.2.1.2.
#[test]
fn a_side_that_is_silent_when_it_is_refreshed_ends_the_call() {
    let mut desk = Desk::empty();
    let (alice, bob, ..) = session(&mut desk, TIMER, "Allow: INVITE, UPDATE\r\n");
    let sent = desk.pass(Duration::from_secs(940));
    assert!(requests_to(&sent, bob.flow, "UPDATE").len() > 5);
    assert!(!requests_to(&sent, alice.flow, "BYE").is_empty());
    desk.assert_at_rest();
}

/// RFC 3261 section 14.1: after glare it is tried again.
#[test]
fn a_refresh_that_crosses_an_offer_is_tried_again_in_a_moment() {
    let mut desk = Desk::empty();
    let (_alice, bob, ..) = session(&mut desk, TIMER, "Allow: INVITE\r\n");
    let sent = desk.pass(Duration::from_secs(901));
    let refresh = requests_to(&sent, bob.flow, "INVITE")[0].clone();
    let sent = desk.receive(bob.flow, &reply(&refresh, 491, "", "", ""));
    assert_eq!(sent.len(), 1);
    let early = desk.pass(Duration::from_millis(2_000));
    assert!(requests_to(&early, bob.flow, "INVITE").is_empty(), "we chose the Call-ID of this leg");
    assert!(!requests_to(&desk.pass(Duration::from_millis(2_200)), bob.flow, "INVITE").is_empty());
}

/// Section 7.4.
#[test]
fn a_callee_that_wants_longer_sessions_is_asked_again_with_what_it_wants() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent = desk.receive(bob.flow, &reply(&invite, 422, "tag", "Min-SE: 3600\r\n", ""));
    request_to(&sent, bob.flow, "ACK");
    let again = request_to(&sent, bob.flow, "INVITE").clone();
    assert_eq!(header(&again, HeaderName::SessionExpires), "3600");
    assert_eq!(header(&again, HeaderName::MinSe), "3600");
    let numbers = [&invite, &again].map(|invite| invite.read(|message| message.cseq().number));
    assert_eq!(numbers[1], numbers[0] + 1);
    let sent =
        desk.receive(bob.flow, &reply(&again, 200, "tag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    answer_to(&sent, alice.flow, 200);
}
