//! RFC 3261 sections 13 and 15: a call from INVITE to BYE.

use super::*;
use crate::event::{EndedBy, Event};

fn ended(desk: &Desk) -> Vec<(u16, EndedBy, bool)> {
    let record = |event: &Event| match event {
        Event::CallEnded(record) => Some((record.status, record.ended_by, record.answered.is_some())),
        _ => None,
    };
    desk.office.events.iter().filter_map(record).collect()
}

#[test]
fn a_call_is_one_dialog_with_each_side_from_invite_to_bye() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    answer_to(&sent, alice.flow, 100);
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent = desk.receive(bob.flow, &reply(&invite, 180, "bobtag", &contact(bob.flow), ""));
    let ringing = answer_to(&sent, alice.flow, 180).clone();
    let sent =
        desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    let ack = request_to(&sent, bob.flow, "ACK");
    assert_eq!(
        header(ack, HeaderName::CSeq).split(' ').next(),
        header(&invite, HeaderName::CSeq).split(' ').next()
    );
    let ok = answer_to(&sent, alice.flow, 200).clone();
    assert_eq!(header(&ringing, HeaderName::To), header(&ok, HeaderName::To), "one dialog for the caller");
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let acknowledge = caller.ack("");
    assert!(desk.receive(alice.flow, &acknowledge).is_empty());
    assert_eq!(desk.pass(Duration::from_secs(5)).len(), 0, "nothing is repeated");
    let bye = caller.request("BYE", "", "");
    let sent = desk.receive(alice.flow, &bye);
    answer_to(&sent, alice.flow, 200);
    let bye = request_to(&sent, bob.flow, "BYE").clone();
    assert_eq!(header(&bye, HeaderName::CallId), header(&invite, HeaderName::CallId));
    assert!(desk.receive(bob.flow, &reply(&bye, 200, "", "", "")).is_empty());
    assert_eq!(ended(&desk), [(200, EndedBy::Caller, true)]);
    desk.assert_at_rest();
}

#[test]
fn the_callee_ends_a_call_too_and_its_reason_passes() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, mut callee) = desk.talk(&mut alice, &bob);
    let reason = "Q.850;cause=16;text=\"Terminated\"";
    let bye = callee.request("BYE", &format!("Reason: {reason}\r\n"), "");
    let sent = desk.receive(bob.flow, &bye);
    answer_to(&sent, bob.flow, 200);
    let bye = request_to(&sent, alice.flow, "BYE").clone();
    assert_eq!(header(&bye, HeaderName::Reason), reason);
    desk.receive(alice.flow, &reply(&bye, 200, "", "", ""));
    assert_eq!(ended(&desk), [(200, EndedBy::Callee, true)]);
    desk.assert_at_rest();
}

/// RFC 7092 section 3.1.
#[test]
fn nothing_that_is_sent_to_one_side_tells_where_the_other_is() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent =
        desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    for secret in ["10.0.0.1", "192.0.2.11", "843817637684230", "49583alice", "Proxy-Authorization"] {
        assert!(!invite.text().contains(secret), "{secret} in\n{}", invite.text());
    }
    let _ = request;
    for secret in ["10.0.0.2", "192.0.2.22", "bobtag"] {
        assert!(!ok.text().contains(secret), "{secret} in\n{}", ok.text());
    }
    assert_eq!(header(&invite, HeaderName::MaxForwards), "69");
}

/// Section 8.2.6: what the caller is told names our ports, and the media plane both sides.
#[test]
fn media_goes_from_each_side_to_a_port_of_ours_and_is_joined() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    assert!(body(&invite).contains("c=IN IP4 198.51.100.1\r\n"), "{}", body(&invite));
    let sent =
        desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    let ok = answer_to(&sent, alice.flow, 200);
    assert_ne!(desk::ports(&invite), desk::ports(ok));
    assert!(body(ok).contains("m=audio ") && body(ok).contains(" RTP/AVP 0 8 101\r\n"), "{}", body(ok));
    let (to_alice, to_bob) = (desk.peer_at(4_000).clone(), desk.peer_at(5_000).clone());
    assert_eq!(to_alice.signalled_from, alice.flow.remote.ip());
    assert_eq!(to_bob.signalled_from, bob.flow.remote.ip());
    for peer in [&to_alice, &to_bob] {
        let stream = peer.streams[0].as_ref().expect("audio");
        assert!(stream.we_send && stream.we_receive);
        assert!(stream.formats.iter().any(crate::media::Format::is_dtmf));
    }
    assert!(desk.connected.is_some());
    assert_eq!(desk.open.len(), 2);
}

/// Section 13.3.1.4.
#[test]
fn a_200_is_repeated_until_its_ack_over_any_transport() {
    for flow in [udp(ALICE), tcp(ALICE, 7)] {
        let mut desk = Desk::empty();
        let mut alice = desk.register("alice", flow, "");
        let bob = desk.register("bob", udp(BOB), "");
        let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        let sent = desk
            .receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
        let ok = answer_to(&sent, alice.flow, 200).clone();
        let again = desk.pass(Duration::from_millis(1_600));
        assert_eq!(again.iter().filter(|sent| sent.bytes == ok.bytes).count(), 2, "{}", dump(&again));
        assert!(desk.receive(alice.flow, &request).is_empty(), "a repeated INVITE is absorbed");
        let mut caller = Ua::caller(alice.flow, &request, &ok);
        let ack = caller.ack("");
        desk.receive(alice.flow, &ack);
        assert!(desk.pass(Duration::from_secs(20)).is_empty());
    }
}

/// Section 13.3.1.4: without an ACK the session ends.
#[test]
fn a_call_whose_ack_is_lost_for_good_ends_on_both_sides() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    let sent = desk.pass(Duration::from_millis(32_200));
    request_to(&sent, alice.flow, "BYE");
    let bye = requests_to(&sent, bob.flow, "BYE")[0].clone();
    desk.receive(bob.flow, &reply(&bye, 200, "", "", ""));
    assert_eq!(ended(&desk), [(200, EndedBy::Exchange, true)]);
    desk.assert_at_rest();
}

/// Section 13.2.2.4.
#[test]
fn each_repetition_of_a_callees_200_is_acknowledged() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let ok = reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000));
    let sent = desk.receive(bob.flow, &ok);
    let ack = request_to(&sent, bob.flow, "ACK").clone();
    let sent = desk.receive(bob.flow, &ok);
    assert_eq!(sent.len(), 1, "{}", dump(&sent));
    assert_eq!(sent[0].bytes, ack.bytes);
}

/// Section 15: a callee's BYE that crosses our 200 reaches the caller after its ACK, and not before.
#[test]
fn a_bye_before_the_callers_ack_waits_for_it() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent =
        desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    let bye = Ua::callee(bob.flow, &invite, "bobtag").request("BYE", "", "");
    let sent = desk.receive(bob.flow, &bye);
    answer_to(&sent, bob.flow, 200);
    assert!(requests_to(&sent, alice.flow, "BYE").is_empty());
    assert!(desk.open.is_empty(), "its ports are free at once");
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let ack = caller.ack("");
    let sent = desk.receive(alice.flow, &ack);
    let bye = request_to(&sent, alice.flow, "BYE").clone();
    desk.receive(alice.flow, &reply(&bye, 200, "", "", ""));
    desk.assert_at_rest();
}

/// Section 13.2.1: the offer comes in the 200, the answer in the ACK.
#[test]
fn a_late_offer_is_answered_in_the_ack_of_each_leg() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "", "");
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    assert_eq!(body(&invite), "");
    let ok = reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000));
    let sent = desk.receive(bob.flow, &ok);
    assert!(requests_to(&sent, bob.flow, "ACK").is_empty(), "the answer is not there yet");
    let told = answer_to(&sent, alice.flow, 200).clone();
    assert_eq!(desk::ports(&told).len(), 1);
    assert!(desk.receive(bob.flow, &ok).is_empty(), "a repeated 200 waits too");
    let mut caller = Ua::caller(alice.flow, &request, &told);
    let ack = caller.ack(&sdp("10.0.0.1", 4_000));
    let sent = desk.receive(alice.flow, &ack);
    let ack = request_to(&sent, bob.flow, "ACK");
    assert!(body(ack).contains("c=IN IP4 198.51.100.1\r\n"), "{}", ack.text());
    desk.peer_at(4_000);
    desk.peer_at(5_000);
    assert_eq!(desk.receive(bob.flow, &ok).len(), 1, "now it is acknowledged again");
}

#[test]
fn a_late_offer_that_is_never_answered_ends_the_call() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "", "");
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent =
        desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    let told = answer_to(&sent, alice.flow, 200).clone();
    let ack = Ua::caller(alice.flow, &request, &told).ack("");
    let sent = desk.receive(alice.flow, &ack);
    for (flow, method) in [(bob.flow, "ACK"), (bob.flow, "BYE"), (alice.flow, "BYE")] {
        request_to(&sent, flow, method);
    }
    desk.assert_at_rest();
}

/// RFC 3960: early media.
#[test]
fn early_media_is_heard_before_the_answer() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let early = reply(&invite, 183, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000));
    let sent = desk.receive(bob.flow, &early);
    let progress = answer_to(&sent, alice.flow, 183);
    assert!(body(progress).contains("c=IN IP4 198.51.100.1\r\n"));
    desk.peer_at(5_000);
    assert!(desk.connected.is_some());
    let early_body = body(progress);
    let sent =
        desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    assert_eq!(body(answer_to(&sent, alice.flow, 200)), early_body, "RFC 6337 section 2.1: the same answer");
}

#[test]
fn ports_that_open_late_hold_the_call_back_and_nothing_is_lost() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.slow = true;
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty());
    let sent = desk.let_open();
    request_to(&sent, bob.flow, "INVITE");
}

#[test]
fn a_caller_who_gives_up_while_ports_are_opened_leaves_none_behind() {
    let (mut desk, mut alice, _bob) = Desk::new();
    desk.slow = true;
    let (request, _) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let sent = desk.receive(alice.flow, &failing::cancel_of(&request));
    answer_to(&sent, alice.flow, 487);
    desk.let_open();
    desk.assert_at_rest();
}

/// The worker may have bound the ports before it heard that they are not wanted.
#[test]
fn ports_that_open_for_a_call_that_has_gone_are_closed() {
    let (mut desk, mut alice, _bob) = Desk::new();
    let (request, _) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let ids: Vec<_> = desk.open.keys().copied().collect();
    assert_eq!(ids.len(), 2);
    desk.receive(alice.flow, &failing::cancel_of(&request));
    desk.said.clear();
    for id in ids {
        let event = crate::media::MediaEvent::Opened { id, streams: Box::default(), fingerprint: None };
        desk.handle(crate::input::Input::MediaEvent(event));
    }
    assert_eq!(desk.said, ["Close", "Close"]);
}

#[test]
fn without_a_port_the_caller_is_told_503_and_it_is_counted() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.full = true;
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    answer_to(&sent, alice.flow, 503);
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty());
    assert_eq!(desk.office.exchange.counters().media_refused, 1);
    desk.assert_at_rest();
}
