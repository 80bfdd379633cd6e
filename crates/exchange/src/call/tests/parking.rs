//! Parking: a call waits in a slot, and any phone of the domain takes it.

use super::transferring::{Three, three, told};
use super::*;
use crate::call_record::{Ask, Side, Ticket, Told};
use crate::input::{Command, Input};
use crate::testing::Phone;

/// Alice parks bob with this Refer-To; what left.
pub(super) fn park(three: &mut Three, user: &str) -> Vec<Sent> {
    let lines = format!("Refer-To: <sip:{user}@example.org>\r\n");
    let refer = three.caller.request("REFER", &lines, "");
    let sent = three.desk.receive(three.caller.flow, &refer);
    for notify in requests_to(&sent, three.caller.flow, "NOTIFY") {
        three.desk.receive(three.caller.flow, &reply(notify, 200, "", "", ""));
    }
    sent
}

/// Carol calls the slot; what left.
pub(super) fn retrieve(three: &mut Three, call: &str, slot: &str) -> (Phone, Vec<u8>, Vec<Sent>) {
    let mut carol = Phone::new("carol", three.carol);
    carol.call = call.into();
    let uri = format!("sip:{slot}@example.org");
    let (request, sent) = three.desk.invite(&mut carol, &uri, "", &sdp("10.0.0.3", 6_000));
    (carol, request, sent)
}

pub(super) fn bob_agrees(three: &mut Three, offer: &Sent) -> Vec<Sent> {
    let answer = described("10.0.0.2", 5_000, 2, "");
    three.desk.receive(three.bob, &reply(offer, 200, "", &contact(three.bob), &answer))
}

#[test]
fn who_is_parked_is_retrieved_by_any_phone_of_the_domain() {
    for apart in [false, true] {
        let mut three = three();
        if apart {
            three.desk.office.divide(&[three.carol]);
        }
        let sent = park(&mut three, "park");
        answer_to(&sent, three.caller.flow, 202);
        let last = requests_to(&sent, three.caller.flow, "NOTIFY").last().map(|notify| told(notify));
        assert_eq!(last, Some(("SIP/2.0 200 Parked At park-71".into(), true)));
        assert!(requests_to(&sent, three.bob, "BYE").is_empty());
        assert_eq!(three.desk.open.len(), 1, "alice's ports are closed");
        assert_eq!(three.desk.said.last().copied(), Some("Play"), "music, after what he was connected with");
        let (_, _, sent) = retrieve(&mut three, "-empty", "park-72");
        answer_to(&sent, three.carol, 404);
        let (carol, request, sent) = retrieve(&mut three, "-park", "park-71");
        let offer = request_to(&sent, three.bob, "INVITE").clone();
        assert!(body(&offer).contains("m=audio "));
        let sent = bob_agrees(&mut three, &offer);
        let mut carol = Ua::caller(carol.flow, &request, answer_to(&sent, three.carol, 200));
        let ack = carol.ack("");
        three.desk.receive(three.carol, &ack);
        assert_eq!(three.desk.open.len(), if apart { 4 } else { 2 });
        assert_eq!(three.desk.office.world.waiting.count(), 0, "the slot is free");
        let bye = three.callee.request("BYE", "", "");
        let sent = three.desk.receive(three.bob, &bye);
        request_to(&sent, three.carol, "BYE");
        three.desk.assert_at_rest();
    }
}

/// The one call as the operator sees it: who calls, who is called, and what was dialled.
fn shown(three: &mut Three) -> (Option<String>, Option<String>, String) {
    let ask = Ask::List { account: None, limit: 9 };
    three.desk.handle(Input::Told(Command::Asked { ticket: Ticket(1), ask }));
    let Some((_, Told::Calls { calls, .. })) = three.desk.office.told.pop() else { panic!("no calls") };
    let account = |side: &Side| side.account.as_ref().map(|account| account.user().to_owned());
    let to = String::from_utf8_lossy(&calls[0].to).into_owned();
    (account(&calls[0].caller), calls[0].callee.as_ref().and_then(account), to)
}

#[test]
fn who_is_parked_is_shown_with_the_slot_and_with_nobody() {
    let mut three = three();
    assert_eq!(shown(&mut three), (Some("alice".into()), Some("bob".into()), URI.into()));
    park(&mut three, "park");
    assert_eq!(shown(&mut three), (Some("bob".into()), None, "sip:park-71@example.org".into()));
}

#[test]
fn a_slot_holds_one_call_and_is_free_when_who_waits_hangs_up() {
    let mut three = three();
    answer_to(&park(&mut three, "park-75"), three.caller.flow, 202);
    three.alice.call = "-again".into();
    let bob = Phone::new("bob", three.bob);
    let (mut second, _) = three.desk.talk(&mut three.alice, &bob);
    let refer = second.request("REFER", "Refer-To: <sip:park-75@example.org>\r\n", "");
    let sent = three.desk.receive(second.flow, &refer);
    answer_to(&sent, second.flow, 486);
    let bye = second.request("BYE", "", "");
    three.desk.receive(second.flow, &bye);
    let bye = three.callee.request("BYE", "", "");
    let sent = three.desk.receive(three.bob, &bye);
    answer_to(&sent, three.bob, 200);
    let (_, _, sent) = retrieve(&mut three, "-late", "park-75");
    answer_to(&sent, three.carol, 404);
    three.desk.pass(Duration::from_secs(100));
    three.desk.assert_at_rest();
    assert_eq!(three.desk.office.world.waiting.count(), 0);
}

#[test]
fn who_parked_is_called_back_when_nobody_comes() {
    let mut three = three();
    park(&mut three, "park-71");
    let sent = three.desk.pass(Duration::from_secs(59));
    assert!(requests_to(&sent, three.caller.flow, "INVITE").is_empty());
    let sent = three.desk.pass(Duration::from_millis(1_200));
    let invite = request_to(&sent, three.alice.flow, "INVITE").clone();
    assert!(header(&invite, HeaderName::From).contains("sip:bob@example.org"));
    let ok = reply(&invite, 200, "back", &contact(three.alice.flow), &sdp("10.0.0.1", 4_004));
    let sent = three.desk.receive(three.alice.flow, &ok);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    bob_agrees(&mut three, &offer);
    assert_eq!((three.desk.open.len(), three.desk.office.world.waiting.count()), (2, 0));
    let bye = three.callee.request("BYE", "", "");
    let sent = three.desk.receive(three.bob, &bye);
    request_to(&sent, three.alice.flow, "BYE");
    three.desk.assert_at_rest();
}

/// Who comes while who parked it is called back has it, and the phone that rings shows no missed call.
#[test]
fn who_comes_for_it_while_it_rings_back_has_it() {
    let mut three = three();
    park(&mut three, "park-71");
    three.desk.pass(Duration::from_secs(59));
    let sent = three.desk.pass(Duration::from_millis(1_200));
    let invite = request_to(&sent, three.alice.flow, "INVITE").clone();
    three.desk.receive(three.alice.flow, &reply(&invite, 180, "back", &contact(three.alice.flow), ""));
    let (_, _, sent) = retrieve(&mut three, "-park", "park-71");
    let cancel = request_to(&sent, three.alice.flow, "CANCEL").clone();
    assert!(header(&cancel, HeaderName::Reason).contains("completed elsewhere"), "{}", cancel.text());
    three.desk.receive(three.alice.flow, &reply(&cancel, 200, "", "", ""));
    three.desk.receive(three.alice.flow, &reply(&invite, 487, "back", "", ""));
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let sent = bob_agrees(&mut three, &offer);
    answer_to(&sent, three.carol, 200);
    let bye = three.callee.request("BYE", "", "");
    three.desk.receive(three.bob, &bye);
    three.desk.pass(Duration::from_secs(100));
    three.desk.assert_at_rest();
}

#[test]
fn a_parked_call_whom_nobody_wants_ends() {
    let mut three = three();
    park(&mut three, "park-71");
    let mut rung = std::collections::BTreeSet::new();
    for _ in 0..24 {
        let sent = three.desk.pass(Duration::from_secs(30));
        for invite in requests_to(&sent, three.alice.flow, "INVITE") {
            rung.insert(header(invite, HeaderName::CallId));
            three.desk.receive(three.alice.flow, &reply(invite, 486, "back", "", ""));
        }
        if let Some(bye) = requests_to(&sent, three.bob, "BYE").first() {
            three.desk.receive(three.bob, &reply(bye, 200, "", "", ""));
        }
    }
    assert_eq!(rung.len(), 5);
    three.desk.assert_at_rest();
    assert_eq!(three.desk.office.world.waiting.count(), 0);
}

/// It stays parked, and the next may try.
#[test]
fn a_retrieval_that_fails_leaves_the_call_parked() {
    let mut three = three();
    park(&mut three, "park-71");
    let (_, _, sent) = retrieve(&mut three, "-first", "park-71");
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let sent = three.desk.receive(three.bob, &reply(&offer, 488, "", "", ""));
    answer_to(&sent, three.carol, 488);
    let (_, _, sent) = retrieve(&mut three, "-second", "park-71");
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let sent = bob_agrees(&mut three, &offer);
    answer_to(&sent, three.carol, 200);
}

/// RFC 3261 section 15: its BYE waits for the ACK, and its ports need not.
#[test]
fn who_parks_before_it_has_acknowledged_leaves_no_port_behind() {
    for acknowledges in [true, false] {
        let (mut desk, mut alice, bob) = Desk::new();
        let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        let ok = reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000));
        let sent = desk.receive(bob.flow, &ok);
        let mut caller = Ua::caller(alice.flow, &request, answer_to(&sent, alice.flow, 200));
        let lines = "Refer-To: <sip:park-71@example.org>\r\nRefer-Sub: false\r\n";
        let refer = caller.request("REFER", lines, "");
        let sent = desk.receive(alice.flow, &refer);
        answer_to(&sent, alice.flow, 200);
        assert!(requests_to(&sent, alice.flow, "BYE").is_empty(), "not before its ACK");
        assert_eq!(desk.open.len(), 1, "bob's");
        if acknowledges {
            let ack = caller.ack("");
            let sent = desk.receive(alice.flow, &ack);
            request_to(&sent, alice.flow, "BYE");
        } else {
            let bye = caller.request("BYE", "", "");
            answer_to(&desk.receive(alice.flow, &bye), alice.flow, 200);
        }
        let bye = Ua::callee(bob.flow, &invite, "bobtag").request("BYE", "", "");
        desk.receive(bob.flow, &bye);
        desk.assert_at_rest();
    }
}
