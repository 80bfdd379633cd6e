//! What passes through untouched: offers and answers wherever they stand, reliable provisional answers, every method.

use super::*;

/// Bytes that a rewriting proxy would break: no valid SDP, ends of lines, NUL, what looks like headers and addresses.
const BODY: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\nc=IN IP4 10.0.0.1\nm=audio 4000 RTP/AVP 0\r\n\x00\xff\r\n\r\nVia: x\r\n";

fn body_of(sent: &Sent) -> Vec<u8> {
    sent.read(|message| message.body().to_vec())
}

fn reply_binary(to: &Sent, status: u16, lines: &str) -> Vec<u8> {
    with_body(reply_with(to, status, lines, ""), BODY)
}

const CONTACT: &str = "Contact: <sip:bob@192.0.2.22:5060>\r\n";

/// RFC 3264: the offer in the INVITE, early media in a 183 (RFC 3960), the answer in the 200.
#[test]
fn offer_early_media_and_answer_pass_byte_for_byte() {
    let (mut office, mut alice) = office();
    let (_, sent) =
        send_to(&mut office, &mut alice, Method::Invite, URI, "Content-Type: application/sdp\r\n", BODY);
    let invite = to(&sent, udp(BOB));
    assert_eq!(body_of(invite), BODY);
    for status in [183, 200] {
        let answer = office.answer(udp(BOB), &reply_binary(invite, status, CONTACT));
        assert_eq!((answer.status(), body_of(&answer)), (status, BODY.to_vec()));
    }
}

/// RFC 3261 section 13.2.1: a late offer stands in the 200 and its answer in the ACK.
#[test]
fn a_late_offer_and_its_answer_in_the_ack_pass_byte_for_byte() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    assert_eq!(body_of(&invite), b"");
    let ok = office.answer(udp(BOB), &reply_binary(&invite, 200, CONTACT));
    assert_eq!(body_of(&ok), BODY);
    let ack = with_body(inside(&mut alice, &ok, Method::Ack), BODY);
    let ack = office.answer(udp(ALICE), &ack);
    assert!(goes_to(&ack, udp(BOB)) && ack.text().starts_with("ACK "));
    assert_eq!(body_of(&ack), BODY);
}

/// RFC 3262 and RFC 3311: PRACK and UPDATE follow the route of an early dialog.
#[test]
fn prack_and_update_pass_in_an_early_dialog() {
    let (mut office, mut alice) = office();
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "Supported: 100rel\r\n");
    let invite = to(&sent, udp(BOB));
    assert!(invite.text().contains("Supported: 100rel\r\n"));
    let routes: String =
        lines(invite, "Record-Route").iter().map(|r| format!("Record-Route: {r}\r\n")).collect();
    let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 813520\r\n{routes}");
    let early = office.answer(udp(BOB), &reply_binary(invite, 183, &reliable));
    assert_eq!(
        (lines(&early, "RSeq"), lines(&early, "Require")),
        (vec!["813520".into()], vec!["100rel".into()])
    );
    for method in [Method::Prack, Method::Update] {
        let request = inside(&mut alice, &early, method);
        let text = String::from_utf8(request).expect("text");
        let rack = text.replace("User-Agent", "RAck: 813520 2 INVITE\r\nUser-Agent");
        let passed = office.answer(udp(ALICE), &with_body(rack.into_bytes(), BODY));
        assert!(goes_to(&passed, udp(BOB)) && body_of(&passed) == BODY, "{}", passed.text());
        assert_eq!(lines(&passed, "RAck"), ["813520 2 INVITE"]);
        let ok = office.answer(udp(BOB), &reply_binary(&passed, 200, ""));
        assert!(goes_to(&ok, udp(ALICE)) && body_of(&ok) == BODY);
    }
    let update = office.answer(udp(BOB), &from_callee(invite, "UPDATE", 1));
    assert!(
        goes_to(&update, udp(ALICE)) && update.text().starts_with("UPDATE sip:alice@"),
        "the other way too"
    );
}

/// Every method outside of a dialog goes to the callee's phone and its answer comes back, also one that nobody knows.
#[test]
fn every_method_is_relayed_and_its_answer_comes_back() {
    for method in
        ["MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER", "OPTIONS", "INFO", "PUBLISH", "UPDATE", "UNHEARD"]
    {
        let (mut office, mut alice) = office();
        let method = Method::parse(method.as_bytes()).expect("a method");
        let (_, sent) =
            send_to(&mut office, &mut alice, method, URI, "Event: x\r\nRefer-To: <sip:c@d>\r\n", BODY);
        let request = to(&sent, udp(BOB));
        assert!(
            request.text().starts_with(&format!("{method} sip:bob@192.0.2.22:5060")),
            "{}",
            request.text()
        );
        assert_eq!(body_of(request), BODY, "{method}");
        let answer = office.answer(udp(BOB), &reply_binary(request, 202, "X-Y: z\r\n"));
        assert!(
            answer.status() == 202 && goes_to(&answer, udp(ALICE)) && body_of(&answer) == BODY,
            "{method}"
        );
        assert_eq!(lines(&answer, "X-Y"), ["z"]);
    }
}

/// RFC 6665: the NOTIFYs of a subscription follow the route that the SUBSCRIBE laid.
#[test]
fn a_notify_follows_the_route_of_its_subscribe() {
    let (mut office, mut alice) = office();
    let (_, sent) = send(&mut office, &mut alice, Method::Subscribe, "Event: presence\r\nExpires: 600\r\n");
    let subscribe = to(&sent, udp(BOB)).clone();
    assert_eq!(office.answer(udp(BOB), &reply(&subscribe, 200)).status(), 200);
    let notify = office.answer(udp(BOB), &from_callee(&subscribe, "NOTIFY", 1));
    assert!(
        goes_to(&notify, udp(ALICE)) && notify.text().starts_with("NOTIFY sip:alice@"),
        "{}",
        notify.text()
    );
    let ok = office.answer(udp(ALICE), &reply(&notify, 200));
    assert!(goes_to(&ok, udp(BOB)) && ok.status() == 200);
}
