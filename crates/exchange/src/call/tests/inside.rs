//! Requests inside the dialogs: who may speak, and what is done with what he says (RFC 3261 section 12.2.2).

use super::*;

#[test]
fn a_request_with_a_tag_of_ours_and_no_call_draws_481_from_anybody() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (mut caller, _) = desk.talk(&mut alice, &bob);
    let again = caller.request("BYE", "", "");
    desk.receive(alice.flow, &again);
    let late = caller.request("BYE", "", "");
    let sent = desk.receive(alice.flow, &late);
    answer_to(&sent, alice.flow, 481);
}

/// Threat T-08.
#[test]
fn who_speaks_from_elsewhere_proves_that_he_is_of_the_account_or_says_nothing() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (mut caller, _) = desk.talk(&mut alice, &bob);
    caller.flow = udp("203.0.113.9:5060");
    let bye = caller.request("BYE", "", "");
    let sent = desk.receive(caller.flow, &bye);
    answer_to(&sent, caller.flow, 407);
    let mut mallory = desk.register("carol", udp("203.0.113.9:5060"), "");
    let target = caller.target.clone();
    mallory.read(&sent[0]);
    let line = mallory.credentials(coeur_sip::Method::Bye, &target);
    let forged = caller.request("BYE", &line, "");
    let sent = desk.receive(caller.flow, &forged);
    answer_to(&sent, caller.flow, 403);
    assert_eq!(desk.office.exchange.calls().calls(), 1);
}

#[test]
fn a_phone_that_has_registered_from_another_address_goes_on_with_its_call() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (mut caller, mut callee) = desk.talk(&mut alice, &bob);
    let moved = udp("198.51.100.77:6060");
    alice.contact = format!("sip:alice@{};transport=udp", alice.flow.remote);
    alice.flow = moved;
    assert_eq!(desk.office.register(&mut alice).status(), 200);
    caller.flow = moved;
    let info = callee.request("INFO", "", "");
    let sent = desk.receive(bob.flow, &info);
    let info = request_to(&sent, moved, "INFO").clone();
    let sent = desk.receive(moved, &reply(&info, 200, "", "", ""));
    answer_to(&sent, bob.flow, 200);
    let bye = caller.request("BYE", "", "");
    let sent = desk.receive(moved, &bye);
    answer_to(&sent, moved, 200);
    request_to(&sent, bob.flow, "BYE");
}

/// RFC 6086: a hook flash and whatever else a package says. For keys see `converting`.
#[test]
fn an_info_passes_with_its_body_and_its_answer_comes_back() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (mut caller, _) = desk.talk(&mut alice, &bob);
    let info = caller.request("INFO", "Info-Package: dtmf\r\n", "Signal=hf\r\nDuration=160\r\n");
    let info = String::from_utf8(info).expect("text").replace("application/sdp", "application/dtmf-relay");
    let sent = desk.receive(alice.flow, info.as_bytes());
    let passed = request_to(&sent, bob.flow, "INFO").clone();
    assert_eq!(header(&passed, HeaderName::ContentType), "application/dtmf-relay");
    assert_eq!(header(&passed, HeaderName::InfoPackage), "dtmf");
    assert_eq!(body(&passed), "Signal=hf\r\nDuration=160\r\n");
    assert!(desk.receive(alice.flow, info.as_bytes()).is_empty(), "a repetition is absorbed");
    let sent = desk.receive(bob.flow, &reply(&passed, 469, "", "", ""));
    answer_to(&sent, alice.flow, 469);
    let again = desk.receive(alice.flow, info.as_bytes());
    answer_to(&again, alice.flow, 469);
}

#[test]
fn a_text_inside_a_call_passes() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, mut callee) = desk.talk(&mut alice, &bob);
    let text = callee.request("MESSAGE", "", "hello");
    let sent = desk.receive(bob.flow, &text);
    assert_eq!(body(request_to(&sent, alice.flow, "MESSAGE")), "hello");
}

/// Sections 8.2.1, 11.2 and 21.5.2.
#[test]
fn what_we_answer_ourselves_inside_a_dialog() {
    for (method, status) in [("OPTIONS", 200), ("PUBLISH", 405), ("SUBSCRIBE", 405), ("TELEPORT", 501)] {
        let (mut desk, mut alice, bob) = Desk::new();
        let (mut caller, _) = desk.talk(&mut alice, &bob);
        let request = caller.request(method, "", "");
        let sent = desk.receive(alice.flow, &request);
        assert_eq!(sent.len(), 1, "{}", dump(&sent));
        let answer = answer_to(&sent, alice.flow, status);
        assert_eq!(header(answer, HeaderName::Allow).contains("INVITE"), status != 501, "{method}");
    }
}

/// Section 12.2.2.
#[test]
fn a_request_out_of_order_is_refused() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (mut caller, _) = desk.talk(&mut alice, &bob);
    caller.cseq = 0;
    let info = caller.request("INFO", "", "");
    let sent = desk.receive(alice.flow, &info);
    answer_to(&sent, alice.flow, 500);
}

/// Section 12.2.1.2: 481 says that the other side has no such call.
#[test]
fn a_481_from_one_side_ends_the_call() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (mut caller, _) = desk.talk(&mut alice, &bob);
    let info = caller.request("INFO", "", "");
    let sent = desk.receive(alice.flow, &info);
    let info = request_to(&sent, bob.flow, "INFO").clone();
    let sent = desk.receive(bob.flow, &reply(&info, 481, "", "", ""));
    answer_to(&sent, alice.flow, 481);
    request_to(&sent, alice.flow, "BYE");
    desk.assert_at_rest();
}

#[test]
fn while_it_drains_no_call_begins() {
    let (mut desk, mut alice, _) = Desk::new();
    desk.handle(crate::input::Input::Told(crate::input::Command::Drain));
    let bare = alice.request(coeur_sip::Method::Invite, URI, "");
    assert_eq!(desk.receive(alice.flow, &bare)[0].status(), 503);
}

/// Decision 0012: the tag that we give names the shard, in To and in a Replaces.
#[test]
fn a_request_inside_a_call_names_the_shard_that_owns_it() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (mut caller, _) = desk.talk(&mut alice, &bob);
    let shard = |bytes: &[u8]| {
        let mut table = coeur_sip::HeaderTable::new();
        let message = coeur_sip::parse(bytes, &mut table, &coeur_sip::Limits::default()).expect("a message");
        crate::shard_of_request(&message)
    };
    assert_eq!(shard(&caller.request("BYE", "", "")), Some(crate::flow::ShardId(0)));
    assert_eq!(shard(&alice.request(coeur_sip::Method::Invite, URI, "")), None);
    let tag = caller.remote.split("tag=").nth(1).expect("a tag").to_owned();
    let replaces = format!("Replaces: {};to-tag={tag};from-tag=x\r\n", caller.call_id);
    assert_eq!(
        shard(&alice.request(coeur_sip::Method::Invite, URI, &replaces)),
        Some(crate::flow::ShardId(0))
    );
}
