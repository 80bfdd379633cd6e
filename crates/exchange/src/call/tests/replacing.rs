//! INVITE with Replaces (RFC 3891): a call is moved to another device.

use super::transferring::{Three, three};
use super::*;
use crate::testing::Phone;

/// Another phone of alice.
const DESK: &str = "192.0.2.12:5060";

fn replaces(ua: &Ua) -> String {
    let tag = |value: &str| value.split("tag=").nth(1).expect("a tag").to_owned();
    format!(
        "Replaces: {};to-tag={};from-tag={}\r\nRequire: replaces\r\n",
        ua.call_id,
        tag(&ua.remote),
        tag(&ua.local)
    )
}

fn second_phone(three: &mut Three) -> Phone {
    three.desk.register("alice", udp(DESK), "")
}

#[test]
fn another_device_of_the_account_takes_a_call_over() {
    let mut three = three();
    let mut other = second_phone(&mut three);
    let lines = replaces(&three.caller);
    let (request, sent) = three.desk.invite(&mut other, URI, &lines, &sdp("10.0.0.9", 7_000));
    answer_to(&sent, other.flow, 100);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    assert!(header(&offer, HeaderName::To).contains("bobtag"), "inside the dialog that bob has");
    let answer = described("10.0.0.2", 5_000, 2, "");
    let sent = three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    request_to(&sent, three.bob, "ACK");
    let ok = answer_to(&sent, other.flow, 200).clone();
    assert!(body(&ok).contains("m=audio "));
    // Section 3: the dialog that is replaced ends.
    request_to(&sent, three.caller.flow, "BYE");
    let mut taken = Ua::caller(other.flow, &request, &ok);
    let ack = taken.ack("");
    assert!(three.desk.receive(other.flow, &ack).is_empty());
    assert_eq!(three.desk.open.len(), 2);
    assert!(three.desk.peer_at(7_000).streams[0].as_ref().is_some_and(|s| s.we_send && s.we_receive));
    let bye = taken.request("BYE", "", "");
    let sent = three.desk.receive(other.flow, &bye);
    request_to(&sent, three.bob, "BYE");
    three.desk.assert_at_rest();
}

#[test]
fn nobody_else_takes_a_call_over_whatever_he_has_heard() {
    let mut three = three();
    let lines = replaces(&three.caller);
    let mut mallory = Phone::new("carol", three.carol);
    mallory.call = "-mallory".into();
    for (lines, status) in [
        (lines.clone(), 403),
        (lines.replace("to-tag=b2b-00", "to-tag=b2b-01"), 481),
        ("Replaces: x\r\n".into(), 400),
    ] {
        let (_, sent) = three.desk.invite(&mut mallory, URI, &lines, &sdp("10.0.0.9", 7_000));
        answer_to(&sent, three.carol, status);
        assert_eq!(sent.len(), 1, "{}", dump(&sent));
    }
    let mut other = second_phone(&mut three);
    let early = lines.replace("\r\nRequire", ";early-only\r\nRequire");
    let (_, sent) = three.desk.invite(&mut other, URI, &early, &sdp("10.0.0.9", 7_000));
    answer_to(&sent, other.flow, 486);
    let (_, sent) = three.desk.invite(&mut other, URI, &lines, "");
    answer_to(&sent, other.flow, 488);
    assert_eq!(three.desk.office.exchange.calls().calls(), 1);
}

#[test]
fn a_take_over_that_fails_or_is_cancelled_leaves_the_call_as_it_was() {
    for cancelled in [true, false] {
        let mut three = three();
        let mut other = second_phone(&mut three);
        let lines = replaces(&three.caller);
        let (request, sent) = three.desk.invite(&mut other, URI, &lines, &sdp("10.0.0.9", 7_000));
        let offer = request_to(&sent, three.bob, "INVITE").clone();
        if cancelled {
            three.desk.receive(three.bob, &reply(&offer, 100, "", "", ""));
            let sent = three.desk.receive(other.flow, &failing::cancel_of(&request));
            answer_to(&sent, other.flow, 487);
            request_to(&sent, three.bob, "CANCEL");
            three.desk.receive(three.bob, &reply(&offer, 487, "", "", ""));
        } else {
            let sent = three.desk.receive(three.bob, &reply(&offer, 488, "", "", ""));
            answer_to(&sent, other.flow, 488);
        }
        let info = three.caller.request("INFO", "", "");
        let sent = three.desk.receive(three.caller.flow, &info);
        request_to(&sent, three.bob, "INFO");
        assert_eq!(three.desk.office.exchange.calls().calls(), 1);
        let bye = three.caller.request("BYE", "", "");
        three.desk.receive(three.caller.flow, &bye);
        three.desk.assert_at_rest();
    }
}

/// RFC 3891 section 3.
#[test]
fn a_call_that_rings_is_not_taken_from_its_caller() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent = desk.receive(bob.flow, &reply(&invite, 180, "tag", &contact(bob.flow), ""));
    let early = Ua::caller(alice.flow, &request, answer_to(&sent, alice.flow, 180));
    let mut other = desk.register("alice", udp(DESK), "");
    let (_, sent) = desk.invite(&mut other, URI, &replaces(&early), &sdp("10.0.0.9", 7_000));
    answer_to(&sent, other.flow, 481);
}
