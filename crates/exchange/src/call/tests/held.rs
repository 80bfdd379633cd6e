//! A request for a phone whose connection has gone waits until the phone is back.

use super::*;
use crate::input::{Input, SendFailure};
use crate::testing::Phone;
use desk::ports;

const BOB_AT: &str = "192.0.2.22:41000";
const BOB_BACK: &str = "192.0.2.22:41666";

/// Alice and bob talk, who is registered over a connection.
fn talk() -> (Desk, Phone, Phone, Ua, Ua) {
    let mut desk = Desk::empty();
    let mut alice = desk.register("alice", udp(ALICE), "");
    let mut bob = Phone::new("bob", tcp(BOB_AT, 7));
    bob.contact = format!("sip:phone@{BOB_AT}");
    assert_eq!(desk.office.register(&mut bob).status(), 200);
    let (caller, callee) = desk.talk(&mut alice, &bob);
    (desk, alice, bob, caller, callee)
}

/// His connection closes, with the process or alone.
fn cut(desk: &mut Desk, bob: &Phone, is_killed: bool) {
    desk.handle(Input::FlowClosed { flow: bob.flow });
    if is_killed {
        desk.crash();
    }
}

/// What leaves over a connection that is closed fails, as the server finds.
fn fail_what_is_lost(desk: &mut Desk, sent: &[Sent], open: Flow) {
    for lost in sent.iter().filter(|sent| sent.token.is_some() && !desk::goes_to(sent, open)) {
        fail(desk, lost);
    }
}

fn fail(desk: &mut Desk, lost: &Sent) -> Vec<Sent> {
    let token = lost.token.expect("a request");
    desk.handle(Input::SendFailed { token, failure: SendFailure::FlowClosed })
}

fn register_at(desk: &mut Desk, bob: &mut Phone, at: &str, serial: u64) {
    bob.flow = tcp(at, serial);
    // Behind a NAT a phone says the port that it has now; whose it is, is in the user part.
    bob.contact = format!("sip:phone@{at}");
    assert_eq!(desk.office.register(bob).status(), 200);
}

fn hold(caller: &mut Ua) -> Vec<u8> {
    caller.request("INVITE", "", &described("10.0.0.1", 4_000, 2, "a=sendonly\r\n"))
}

/// RFC 3261 section 9.1: with the branch of what it cancels.
fn cancel_of(offer: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(offer);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let is_kept = |line: &&str| !line.starts_with("Content-") && !line.starts_with("Contact");
    let lines: Vec<&str> = head.lines().filter(is_kept).collect();
    let cancel = lines.join("\r\n").replacen("INVITE sip:", "CANCEL sip:", 1).replace(" INVITE", " CANCEL");
    format!("{cancel}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// RFC 3261 section 12.2.2: a request that is older than what was seen is refused with 500.
#[test]
fn what_is_held_leaves_in_its_order_and_before_what_is_said_when_the_phone_is_back() {
    for is_another_said in [false, true] {
        let (mut desk, alice, mut bob, mut caller, _) = talk();
        cut(&mut desk, &bob, true);
        let mut say = |desk: &mut Desk| {
            let text = caller.request("INFO", "Info-Package: x\r\n", "text");
            desk.receive(alice.flow, &text)
        };
        for _ in 0..2 {
            say(&mut desk);
            desk.pass(Duration::from_millis(500));
        }
        desk.pass(Duration::from_millis(200));
        register_at(&mut desk, &mut bob, BOB_BACK, 8);
        let mut sent = if is_another_said { say(&mut desk) } else { Vec::new() };
        sent.extend(desk.pass(Duration::from_millis(1_100)));
        let sent = requests_to(&sent, bob.flow, "INFO");
        let numbers: Vec<String> = sent.iter().map(|sent| header(sent, HeaderName::CSeq)).collect();
        assert_eq!(numbers.len(), if is_another_said { 3 } else { 2 });
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
}

#[test]
fn a_hold_reaches_a_phone_over_the_connection_with_which_it_comes_back() {
    for is_killed in [true, false] {
        let (mut desk, alice, mut bob, mut caller, _) = talk();
        cut(&mut desk, &bob, is_killed);
        let offer = hold(&mut caller);
        let sent = desk.receive(alice.flow, &offer);
        answer_to(&sent, alice.flow, 100);
        assert_eq!(sent.len(), if is_killed { 1 } else { 2 }, "{}", dump(&sent));
        fail_what_is_lost(&mut desk, &sent, alice.flow);
        let sent = desk.pass(Duration::from_secs(40));
        assert!(sent.is_empty(), "who asked waits: {}", dump(&sent));
        register_at(&mut desk, &mut bob, BOB_BACK, 8);
        let sent = desk.pass(Duration::from_millis(1_100));
        let passed = request_to(&sent, bob.flow, "INVITE").clone();
        assert!(body(&passed).contains("a=sendonly"), "{}", passed.text());
        assert!(header(&passed, HeaderName::Via).starts_with("SIP/2.0/TCP "), "{}", passed.text());
        let answer = described("10.0.0.2", 5_000, 2, "a=recvonly\r\n");
        let sent = desk.receive(bob.flow, &reply(&passed, 200, "", &contact(bob.flow), &answer));
        request_to(&sent, bob.flow, "ACK");
        assert_eq!(ports(answer_to(&sent, alice.flow, 200)), [20_002]);
        desk.receive(alice.flow, &caller.ack(""));
        desk.receive(alice.flow, &caller.request("BYE", "", ""));
        desk.assert_at_rest();
    }
}

/// Who is back already when something is to be said hears it at once.
#[test]
fn a_phone_that_has_come_back_with_another_contact_is_asked_at_once() {
    let (mut desk, alice, mut bob, mut caller, _) = talk();
    cut(&mut desk, &bob, true);
    register_at(&mut desk, &mut bob, BOB_BACK, 8);
    let sent = desk.receive(alice.flow, &hold(&mut caller));
    request_to(&sent, bob.flow, "INVITE");
}

/// RFC 3261 section 18.1.1: Via names the transport over which it goes.
#[test]
fn what_was_held_says_the_transport_with_which_the_phone_comes_back() {
    let (mut desk, alice, mut bob, mut caller, _) = talk();
    cut(&mut desk, &bob, true);
    desk.receive(alice.flow, &hold(&mut caller));
    bob.flow = desk::tls(BOB_BACK, 8);
    assert_eq!(desk.office.register(&mut bob).status(), 200);
    let sent = desk.pass(Duration::from_millis(1_100));
    let passed = request_to(&sent, bob.flow, "INVITE");
    assert!(header(passed, HeaderName::Via).starts_with("SIP/2.0/TLS "), "{}", passed.text());
    let answer = described("10.0.0.2", 5_000, 2, "a=recvonly\r\n");
    let sent = desk.receive(bob.flow, &reply(passed, 200, "", &contact(bob.flow), &answer));
    answer_to(&sent, alice.flow, 200);
}

/// A key that is pressed is waited for as long as who pressed it does (timer F), an offer longer, and the call stands.
#[test]
fn a_phone_that_does_not_come_back_ends_no_call() {
    let (mut desk, alice, bob, mut caller, _) = talk();
    cut(&mut desk, &bob, true);
    let info = caller.request("INFO", "Content-Type: text/plain\r\n", "");
    assert!(desk.receive(alice.flow, &info).is_empty());
    // RFC 4320 section 4.1: over UDP who asked hears 100 once it has waited.
    let sent = desk.pass(Duration::from_secs(29));
    assert!(sent.iter().all(|sent| sent.status() == 100), "{}", dump(&sent));
    answer_to(&desk.pass(Duration::from_secs(2)), alice.flow, 480);
    desk.receive(alice.flow, &hold(&mut caller));
    assert!(desk.pass(Duration::from_secs(89)).is_empty());
    let sent = desk.pass(Duration::from_millis(1_400));
    answer_to(&sent, alice.flow, 480);
    assert_eq!(desk.office.exchange.calls().calls(), 1);
    assert!(desk.peer_at(4_000).streams[0].as_ref().is_some_and(|stream| stream.we_send), "as it was");
}

#[test]
fn an_offer_that_is_held_is_withdrawn_by_its_cancel_and_by_the_end_of_the_call() {
    for is_cancelled in [true, false] {
        let (mut desk, alice, mut bob, mut caller, _) = talk();
        cut(&mut desk, &bob, true);
        let offer = hold(&mut caller);
        desk.receive(alice.flow, &offer);
        let end = match is_cancelled {
            true => cancel_of(&offer),
            false => caller.request("BYE", "", ""),
        };
        let sent = desk.receive(alice.flow, &end);
        answer_to(&sent, alice.flow, 200);
        answer_to(&sent, alice.flow, 487);
        register_at(&mut desk, &mut bob, BOB_BACK, 8);
        let sent = desk.pass(Duration::from_secs(2));
        assert!(requests_to(&sent, bob.flow, "INVITE").is_empty(), "{}", dump(&sent));
        assert_eq!(!requests_to(&sent, bob.flow, "BYE").is_empty(), !is_cancelled);
    }
}

/// The bindings of a phone that has gone twice lead to each other.
#[test]
fn a_way_that_is_gone_too_is_left_a_second_later_and_not_before() {
    let (mut desk, alice, mut bob, mut caller, _) = talk();
    cut(&mut desk, &bob, true);
    desk.receive(alice.flow, &hold(&mut caller));
    register_at(&mut desk, &mut bob, BOB_BACK, 8);
    let sent = desk.pass(Duration::from_millis(1_100));
    let lost = request_to(&sent, bob.flow, "INVITE").clone();
    let second = bob.flow;
    register_at(&mut desk, &mut bob, "192.0.2.22:41777", 9);
    assert!(fail(&mut desk, &lost).is_empty(), "not at once");
    let sent = desk.pass(Duration::from_millis(1_100));
    assert!(requests_to(&sent, second, "INVITE").is_empty());
    request_to(&sent, bob.flow, "INVITE");
}

/// A BYE when the connection closes in mid-call, without any restart.
#[test]
fn a_bye_is_heard_by_a_phone_that_comes_back_within_a_minute_and_a_half() {
    let (mut desk, alice, mut bob, mut caller, _) = talk();
    cut(&mut desk, &bob, false);
    let sent = desk.receive(alice.flow, &caller.request("BYE", "", ""));
    answer_to(&sent, alice.flow, 200);
    fail_what_is_lost(&mut desk, &sent, alice.flow);
    assert!(desk.pass(Duration::from_secs(80)).is_empty());
    register_at(&mut desk, &mut bob, BOB_BACK, 8);
    let sent = desk.pass(Duration::from_millis(1_100));
    let bye = request_to(&sent, bob.flow, "BYE").clone();
    desk.receive(bob.flow, &reply(&bye, 200, "", "", ""));
    desk.assert_at_rest();
}

/// A GRUU leads to its instance wherever that is registered (RFC 5627), but nothing that was protected leaves in the clear.
#[test]
fn what_was_protected_does_not_follow_an_instance_into_the_clear() {
    let instance = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let mut desk = Desk::empty();
    let mut alice = desk.register("alice", udp(ALICE), "");
    let safe = desk::tls("192.0.2.22:5061", 7);
    let mut bob = Phone::new("bob", safe);
    bob.contact_params = format!(";+sip.instance=\"<{instance}>\"");
    assert_eq!(desk.office.register(&mut bob).status(), 200);
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, safe, "INVITE").clone();
    let gruu = format!("Contact: <sip:bob@example.org;gr={instance}>\r\n");
    let answer = profiles::taken(&body(&invite), 5_000);
    let sent = desk.receive(safe, &reply(&invite, 200, "bobtag", &gruu, &answer));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let ack = caller.ack("");
    desk.receive(alice.flow, &ack);
    desk.handle(Input::FlowClosed { flow: safe });
    let open = udp("192.0.2.22:5060");
    bob.flow = open;
    assert_eq!(desk.office.register(&mut bob).status(), 200);
    let hold = hold(&mut caller);
    let sent = desk.receive(alice.flow, &hold);
    assert!(requests_to(&sent, open, "INVITE").is_empty(), "{}", dump(&sent));
}
