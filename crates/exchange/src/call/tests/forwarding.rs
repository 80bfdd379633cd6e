//! Calls that an account hands on: always, busy, no answer, not registered, do not disturb.

use super::*;
use crate::testing::{Phone, aor, apply};
use crate::world::World;
use coeur_directory::{AccountPatch, Change, ForwardingPatch, TermsPatch};

const CAROL: &str = "192.0.2.33:5060";
const TO_CAROL: &str = "sip:carol@example.org";

/// Alice, bob and carol are there; bob forwards as `patch` says.
fn desk(patch: ForwardingPatch) -> (Desk, Phone, Phone, Flow) {
    let (mut desk, alice, bob) = Desk::new();
    let carol = desk.register("carol", udp(CAROL), "").flow;
    set(&desk.office.world, "bob", patch);
    (desk, alice, bob, carol)
}

fn set(world: &World, user: &str, forwarding: ForwardingPatch) {
    let patch = AccountPatch { forwarding, ..AccountPatch::default() };
    apply(world, Change::AccountChanged { aor: aor(user), patch });
}

fn to(target: &str) -> Option<Option<Box<str>>> {
    Some(Some(target.into()))
}

fn call(desk: &mut Desk, alice: &mut Phone, lines: &str) -> Vec<Sent> {
    desk.invite(alice, URI, lines, &sdp("10.0.0.1", 4_000)).1
}

/// Carol's phone answers this INVITE, and alice hears it.
fn assert_answers(desk: &mut Desk, alice: &Phone, invite: &Sent) {
    let carol = udp(CAROL);
    let sent = desk.receive(carol, &reply(invite, 200, "carol", &contact(carol), &sdp("10.0.0.3", 6_000)));
    request_to(&sent, carol, "ACK");
    answer_to(&sent, alice.flow, 200);
    assert_eq!(desk.office.exchange.counters().calls_forwarded, 1);
}

#[test]
fn an_account_that_forwards_always_is_not_called_and_its_target_hears_of_it() {
    let (mut desk, mut alice, bob, carol) =
        desk(ForwardingPatch { always: to(TO_CAROL), ..ForwardingPatch::default() });
    let sent = call(&mut desk, &mut alice, "");
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty());
    assert!(sent.iter().all(|sent| sent.status() != 181), "nobody asked for it");
    let invite = request_to(&sent, carol, "INVITE").clone();
    // RFC 5806 section 4, RFC 7044 section 10.2, RFC 4458 section 2.
    assert_eq!(
        header(&invite, HeaderName::Diversion),
        "<sip:bob@example.org>;reason=unconditional;counter=1"
    );
    let history: Vec<String> = invite.read(|message| {
        let values = message.values(HeaderName::HistoryInfo);
        values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    });
    assert_eq!(
        history,
        [
            "<sip:bob@example.org?Reason=SIP%3Bcause%3D302>;index=1",
            "<sip:carol@example.org;cause=302>;index=1.1;mp=1"
        ]
    );
    assert!(header(&invite, HeaderName::From).contains("alice@example.org"));
    assert_answers(&mut desk, &alice, &invite);
}

#[test]
fn a_busy_account_and_one_that_refuses_for_all_forward_when_that_is_their_rule() {
    for status in [486, 600] {
        let (mut desk, mut alice, bob, carol) =
            desk(ForwardingPatch { busy: to(TO_CAROL), ..ForwardingPatch::default() });
        let sent = call(&mut desk, &mut alice, "Supported: histinfo\r\n");
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        assert!(!invite.read(|message| message.has(HeaderName::HistoryInfo)));
        let sent = desk.receive(bob.flow, &reply(&invite, status, "bob", "", ""));
        // Section 21.1.3 of RFC 3261, for who asks for the history.
        let told = answer_to(&sent, alice.flow, 181);
        assert!(header(told, HeaderName::HistoryInfo).contains("cause%3D486"));
        let invite = request_to(&sent, carol, "INVITE").clone();
        assert!(header(&invite, HeaderName::Diversion).contains("reason=user-busy"));
        assert_answers(&mut desk, &alice, &invite);
    }
}

#[test]
fn who_does_not_answer_in_time_stops_ringing_and_another_rings() {
    let (mut desk, mut alice, bob, carol) =
        desk(ForwardingPatch { no_answer: to(TO_CAROL), after_s: Some(15), ..ForwardingPatch::default() });
    let sent = call(&mut desk, &mut alice, "");
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "bob", &contact(bob.flow), ""));
    let sent = desk.pass(Duration::from_millis(14_900));
    assert!(requests_to(&sent, carol, "INVITE").is_empty());
    let sent = desk.pass(Duration::from_millis(200));
    request_to(&sent, bob.flow, "CANCEL");
    let second = request_to(&sent, carol, "INVITE").clone();
    assert!(header(&second, HeaderName::Diversion).contains("reason=no-answer"));
    let sent = desk.receive(bob.flow, &reply(&invite, 487, "bob", "", ""));
    assert!(sent.iter().all(|sent| !desk::goes_to(sent, alice.flow)), "{}", dump(&sent));
    assert_answers(&mut desk, &alice, &second);
}

#[test]
fn who_answers_in_time_is_left_alone_and_so_is_a_caller_who_gives_up() {
    let rule = || ForwardingPatch { no_answer: to(TO_CAROL), ..ForwardingPatch::default() };
    let (mut desk, mut alice, bob, carol) = desk(rule());
    desk.talk(&mut alice, &bob);
    let sent = desk.pass(Duration::from_secs(60));
    assert!(requests_to(&sent, carol, "INVITE").is_empty());

    let (mut desk, mut alice, _, carol) = self::desk(rule());
    let (request, _) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    desk.receive(alice.flow, &failing::cancel_of(&request));
    let sent = desk.pass(Duration::from_secs(60));
    assert!(requests_to(&sent, carol, "INVITE").is_empty());
    desk.assert_at_rest();
}

/// Many phones give up by themselves: 480, or 408.
#[test]
fn a_phone_that_stops_ringing_by_itself_has_not_answered() {
    for status in [408, 480] {
        let (mut desk, mut alice, bob, carol) =
            desk(ForwardingPatch { no_answer: to(TO_CAROL), ..ForwardingPatch::default() });
        let sent = call(&mut desk, &mut alice, "");
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        desk.receive(bob.flow, &reply(&invite, 180, "bob", &contact(bob.flow), ""));
        let sent = desk.receive(bob.flow, &reply(&invite, status, "bob", "", ""));
        let second = request_to(&sent, carol, "INVITE").clone();
        assert_answers(&mut desk, &alice, &second);
    }
}

/// With the rights of who forwards: threat T-09.
#[test]
fn an_account_forwards_where_it_may_call_itself_whatever_its_caller_may() {
    let abroad = "sip:me@elsewhere.example";
    for (forwarder, caller, status) in [(false, true, 403), (true, false, 0)] {
        let (mut desk, mut alice, _, _) =
            desk(ForwardingPatch { always: to(abroad), ..ForwardingPatch::default() });
        for (user, relay_foreign) in [("bob", forwarder), ("alice", caller)] {
            let patch = AccountPatch { terms: TermsPatch::relay(relay_foreign), ..AccountPatch::default() };
            apply(&desk.office.world, Change::AccountChanged { aor: aor(user), patch });
        }
        let sent = call(&mut desk, &mut alice, "");
        match status {
            0 => assert!(!desk.office.asked.is_empty(), "the other domain is looked for"),
            status => {
                answer_to(&sent, alice.flow, status);
                assert!(desk.office.asked.is_empty());
            }
        }
    }
    // A rule that cannot be followed while it rings changes nothing.
    let (mut desk, mut alice, bob, _) =
        desk(ForwardingPatch { busy: to(abroad), no_answer: to(abroad), ..ForwardingPatch::default() });
    let sent = call(&mut desk, &mut alice, "");
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "bob", &contact(bob.flow), ""));
    let sent = desk.pass(Duration::from_secs(30));
    assert!(requests_to(&sent, bob.flow, "CANCEL").is_empty());
    let sent = desk.receive(bob.flow, &reply(&invite, 486, "bob", "", ""));
    answer_to(&sent, alice.flow, 486);
    assert!(desk.office.asked.is_empty());
    desk.assert_at_rest();
}

#[test]
fn an_account_that_is_not_registered_or_cannot_be_reached_forwards() {
    let (mut desk, mut alice, bob, carol) =
        desk(ForwardingPatch { offline: to(TO_CAROL), ..ForwardingPatch::default() });
    // Its phone is registered, and is not there.
    let sent = call(&mut desk, &mut alice, "");
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent = desk.send_failed(&invite);
    assert!(header(request_to(&sent, carol, "INVITE"), HeaderName::Diversion).contains("unavailable"));
    // No phone is registered.
    let mut desk = Desk::empty();
    let mut alice = desk.register("alice", udp(ALICE), "");
    desk.register("carol", carol, "");
    set(&desk.office.world, "bob", ForwardingPatch { offline: to(TO_CAROL), ..ForwardingPatch::default() });
    let sent = call(&mut desk, &mut alice, "");
    let invite = request_to(&sent, carol, "INVITE").clone();
    assert_answers(&mut desk, &alice, &invite);
}

#[test]
fn who_is_not_to_be_disturbed_is_busy_at_once() {
    let quiet = |busy| ForwardingPatch { do_not_disturb: Some(true), busy, ..ForwardingPatch::default() };
    let (mut desk, mut alice, bob, _) = desk(quiet(None));
    let sent = call(&mut desk, &mut alice, "");
    answer_to(&sent, alice.flow, 486);
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty());
    let (mut desk, mut alice, _, carol) = self::desk(quiet(to(TO_CAROL)));
    let sent = call(&mut desk, &mut alice, "");
    assert!(header(request_to(&sent, carol, "INVITE"), HeaderName::Diversion).contains("do-not-disturb"));
}

#[test]
fn accounts_that_forward_in_a_circle_are_found_out() {
    let (mut desk, mut alice, _, carol) =
        desk(ForwardingPatch { always: to(TO_CAROL), ..ForwardingPatch::default() });
    set(&desk.office.world, "carol", ForwardingPatch { always: to(URI), ..ForwardingPatch::default() });
    let sent = call(&mut desk, &mut alice, "");
    answer_to(&sent, alice.flow, 482);
    // Or one that closes only when the last of them is busy.
    set(
        &desk.office.world,
        "carol",
        ForwardingPatch { always: Some(None), busy: to(URI), ..ForwardingPatch::default() },
    );
    let sent = call(&mut desk, &mut alice, "");
    let invite = request_to(&sent, carol, "INVITE").clone();
    let sent = desk.receive(carol, &reply(&invite, 486, "carol", "", ""));
    answer_to(&sent, alice.flow, 486);
    desk.assert_at_rest();
}

#[test]
fn two_accounts_forward_one_after_the_other_and_both_are_told() {
    let (mut desk, mut alice, _, carol) =
        desk(ForwardingPatch { always: to(TO_CAROL), ..ForwardingPatch::default() });
    set(
        &desk.office.world,
        "carol",
        ForwardingPatch { busy: to("sip:alice@example.org"), ..ForwardingPatch::default() },
    );
    let sent = call(&mut desk, &mut alice, "");
    let invite = request_to(&sent, carol, "INVITE").clone();
    let sent = desk.receive(carol, &reply(&invite, 486, "carol", "", ""));
    let last = request_to(&sent, alice.flow, "INVITE");
    let diversions: Vec<String> = last.read(|message| {
        let values = message.values(HeaderName::Diversion);
        values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    });
    assert_eq!(diversions.len(), 2);
    assert!(diversions[0].contains("carol") && diversions[1].contains("bob"), "{diversions:?}");
}

/// RFC 7044 section 10.1.
#[test]
fn a_caller_who_wants_his_history_kept_has_it_kept() {
    let (mut desk, mut alice, _, carol) =
        desk(ForwardingPatch { always: to(TO_CAROL), ..ForwardingPatch::default() });
    let sent = call(&mut desk, &mut alice, "Privacy: history\r\n");
    let invite = request_to(&sent, carol, "INVITE");
    assert!(
        !invite.read(|message| message.has(HeaderName::HistoryInfo) || message.has(HeaderName::Diversion))
    );
}

/// What a phone says of others is its word and not ours.
#[test]
fn a_diversion_that_a_phone_claims_is_left_out() {
    let (mut desk, mut alice, bob) = Desk::new();
    let lines = "Diversion: <sip:boss@example.org>;reason=user-busy\r\nHistory-Info: <sip:boss@example.org>;index=1\r\n";
    let sent = call(&mut desk, &mut alice, lines);
    assert!(!request_to(&sent, bob.flow, "INVITE").text().contains("boss"));
}

/// A transfer to somebody who forwards ends where he wants it.
#[test]
fn whom_a_call_is_transferred_to_may_forward_it() {
    let mut three = transferring::three();
    let target = "sip:alice@example.org";
    set(
        &three.desk.office.world,
        "carol",
        ForwardingPatch { always: to(target), ..ForwardingPatch::default() },
    );
    let refer = three.caller.request("REFER", transferring::TO_CAROL, "");
    let sent = three.desk.receive(three.caller.flow, &refer);
    let invite = request_to(&sent, three.caller.flow, "INVITE");
    assert!(header(invite, HeaderName::Diversion).contains("carol"));
    assert!(header(invite, HeaderName::ReferredBy).contains("alice"));
}

#[test]
fn a_plan_tells_by_whom_a_call_is_forwarded() {
    let (desk, _, _, _) = desk(ForwardingPatch { always: to(TO_CAROL), ..ForwardingPatch::default() });
    set(&desk.office.world, "carol", ForwardingPatch { no_answer: to(URI), ..ForwardingPatch::default() });
    let alice = desk.office.world.directory.account(b"alice", b"example.org");
    let now = desk.office.now.monotonic;
    let plan = crate::routing::decide_call(&desk.office.world, now, alice.as_deref(), URI.as_bytes());
    let text = plan.explain();
    assert!(text.contains("forwarded by bob@example.org (always) to sip:carol@example.org"), "{text}");
    assert!(text.ends_with("and on after 20 s"), "{text}");
    // What is no call is not forwarded.
    let plan = crate::routing::decide_uri(&desk.office.world, now, alice.as_deref(), URI.as_bytes());
    assert!(plan.explain().contains("192.0.2.22"), "{}", plan.explain());
}
