//! Whose minutes a call costs (decision 0046).

use super::attending::{refer, replaces};
use super::transferring::three;
use super::*;
use crate::call_record::CallRecord;
use crate::event::Event;
use crate::testing::{Phone, aor, apply};
use coeur_directory::{AccountId, AccountPatch, Change, ForwardingPatch, TermsPatch};

const ALICE_ID: AccountId = AccountId(1);
const BOB_ID: AccountId = AccountId(2);
/// Of nobody here.
const ELSEWHERE: &str = "203.0.113.200:5060";

fn may_relay(desk: &Desk, user: &str) {
    let patch = AccountPatch { terms: TermsPatch::relay(true), ..AccountPatch::default() };
    apply(&desk.office.world, Change::AccountChanged { aor: aor(user), patch });
}

fn payers(desk: &Desk) -> Vec<Option<AccountId>> {
    let ended = |event: &Event| match event {
        Event::CallEnded(record) => Some((**record).clone()),
        _ => None,
    };
    let records: Vec<CallRecord> = desk.office.events.iter().filter_map(ended).collect();
    records.iter().map(|record| record.payer).collect()
}

/// Alice calls this address, who is there answers, and alice hangs up.
fn call(desk: &mut Desk, alice: &mut Phone, uri: &str, at: Flow) {
    let (request, sent) = desk.invite(alice, uri, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, at, "INVITE").clone();
    let ok = reply(&invite, 200, "tag", &contact(at), &sdp("203.0.113.200", 7_000));
    let sent = desk.receive(at, &ok);
    let ok = answer_to(&sent, alice.flow, 200).clone();
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let ack = caller.ack("");
    desk.receive(alice.flow, &ack);
    let sent = desk.receive(alice.flow, &caller.request("BYE", "", ""));
    let bye = request_to(&sent, at, "BYE").clone();
    desk.receive(at, &reply(&bye, 200, "", "", ""));
    desk.pass(Duration::from_secs(2));
}

#[test]
fn who_calls_an_address_by_its_ip_or_by_maddr_pays_and_who_calls_inside_does_not() {
    let (mut desk, mut alice, bob) = Desk::new();
    may_relay(&desk, "alice");
    let elsewhere = udp(ELSEWHERE);
    for uri in ["sip:+4420@203.0.113.200", "sip:bob@example.org;maddr=203.0.113.200"] {
        alice.call.push('x');
        call(&mut desk, &mut alice, uri, elsewhere);
    }
    alice.call.push('x');
    call(&mut desk, &mut alice, URI, bob.flow);
    assert_eq!(payers(&desk), [Some(ALICE_ID), Some(ALICE_ID), None]);
}

#[test]
fn who_forwards_to_elsewhere_pays_and_not_who_calls() {
    let (mut desk, mut alice, _) = Desk::new();
    may_relay(&desk, "bob");
    let forwarding = ForwardingPatch {
        always: Some(Some("sip:+4420@203.0.113.200".into())),
        ..ForwardingPatch::default()
    };
    let patch = AccountPatch { forwarding, ..AccountPatch::default() };
    apply(&desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
    call(&mut desk, &mut alice, URI, udp(ELSEWHERE));
    assert_eq!(payers(&desk), [Some(BOB_ID)]);
}

/// Also after a restart, when the call ends.
#[test]
fn who_sends_a_side_elsewhere_pays_for_it_though_he_has_left() {
    for killed in [false, true] {
        let mut three = three();
        may_relay(&three.desk, "alice");
        let elsewhere = udp(ELSEWHERE);
        let refer = three.caller.request("REFER", "Refer-To: <sip:+4420@203.0.113.200>\r\n", "");
        let sent = three.desk.receive(three.caller.flow, &refer);
        let invite = request_to(&sent, elsewhere, "INVITE").clone();
        let ok = reply(&invite, 200, "tag", &contact(elsewhere), &sdp("203.0.113.200", 7_000));
        let sent = three.desk.receive(elsewhere, &ok);
        let offer = request_to(&sent, three.bob, "INVITE").clone();
        let answer = described("10.0.0.2", 5_000, 2, "");
        three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
        if killed {
            three.desk.crash();
        }
        let bye = three.callee.request("BYE", "", "");
        three.desk.receive(three.bob, &bye);
        three.desk.pass(Duration::from_secs(2));
        let payers = payers(&three.desk);
        assert_eq!(payers.last(), Some(&Some(ALICE_ID)), "{killed} {payers:?}");
    }
}

/// RFC 5589 section 7. The second call of alice is to elsewhere, on the same shard and on another.
#[test]
fn who_gives_a_call_to_elsewhere_to_somebody_pays_for_it_on_whichever_shard_it_is() {
    for is_apart in [false, true] {
        let mut three = three();
        may_relay(&three.desk, "alice");
        if is_apart {
            three.desk.office.divide(&[three.alice.flow]);
        }
        three.alice.call = "-second".into();
        let elsewhere = udp(ELSEWHERE);
        let uri = "sip:+4420@203.0.113.200";
        let (request, sent) = three.desk.invite(&mut three.alice, uri, "", &sdp("10.0.0.1", 4_002));
        let invite = request_to(&sent, elsewhere, "INVITE").clone();
        let ok = reply(&invite, 200, "tag", &contact(elsewhere), &sdp("203.0.113.200", 7_000));
        let sent = three.desk.receive(elsewhere, &ok);
        let mut second = Ua::caller(three.alice.flow, &request, answer_to(&sent, three.alice.flow, 200));
        let ack = second.ack("");
        three.desk.receive(three.alice.flow, &ack);

        let sent = refer(&mut three, &replaces(&second));
        let offer = request_to(&sent, elsewhere, "INVITE").clone();
        let answer = described("203.0.113.200", 7_000, 2, "");
        let sent = three.desk.receive(elsewhere, &reply(&offer, 200, "", &contact(elsewhere), &answer));
        let offer = request_to(&sent, three.bob, "INVITE").clone();
        let answer = described("10.0.0.2", 5_000, 2, "");
        three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
        let bye = three.callee.request("BYE", "", "");
        three.desk.receive(three.bob, &bye);
        three.desk.pass(Duration::from_secs(2));
        let payers = payers(&three.desk);
        assert_eq!(payers.last(), Some(&Some(ALICE_ID)), "{is_apart} {payers:?}");
        assert!(!payers.contains(&Some(BOB_ID)), "{is_apart} {payers:?}");
    }
}
