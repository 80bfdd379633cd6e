//! Several phones of the callee, several answers, several ways (RFC 3261 sections 13.2.2.4 and 16.7, RFC 5626 section 7).

use super::*;
use crate::testing::Phone;

/// Alice calls bob, who has these phones.
fn several(phones: &[(&str, &str)]) -> (Desk, Phone, Vec<Flow>, Vec<Sent>, Vec<u8>) {
    let mut desk = Desk::empty();
    let mut alice = desk.register("alice", udp(ALICE), "");
    let flows: Vec<Flow> =
        phones.iter().map(|(at, params)| desk.register("bob", udp(at), params).flow).collect();
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    (desk, alice, flows, sent, request)
}

const TWO: [(&str, &str); 2] = [("192.0.2.22:5060", ""), ("192.0.2.23:5060", "")];

#[test]
fn all_phones_ring_the_first_to_answer_wins_and_the_others_miss_no_call() {
    let (mut desk, alice, bobs, sent, _) = several(&TWO);
    let invites: Vec<Sent> = bobs.iter().map(|bob| request_to(&sent, *bob, "INVITE").clone()).collect();
    assert_ne!(header(&invites[0], HeaderName::CallId), header(&invites[1], HeaderName::CallId));
    for (bob, invite) in bobs.iter().zip(&invites) {
        desk.receive(*bob, &reply(invite, 180, "tag", &contact(*bob), ""));
    }
    assert_eq!(desk.open.len(), 3);
    let ok = reply(&invites[1], 200, "tag", &contact(bobs[1]), &sdp("10.0.0.3", 5_002));
    let sent = desk.receive(bobs[1], &ok);
    answer_to(&sent, alice.flow, 200);
    request_to(&sent, bobs[1], "ACK");
    let cancel = request_to(&sent, bobs[0], "CANCEL").clone();
    // RFC 3326 section 2.
    assert_eq!(header(&cancel, HeaderName::Reason), "SIP;cause=200;text=\"Call completed elsewhere\"");
    assert_eq!(desk.open.len(), 2, "the ports of who lost are free");
    desk.receive(bobs[0], &reply(&cancel, 200, "tag", "", ""));
    let sent = desk.receive(bobs[0], &reply(&invites[0], 487, "tag", "", ""));
    assert_eq!(sent.len(), 1);
    request_to(&sent, bobs[0], "ACK");
}

#[test]
fn a_second_phone_that_answers_too_is_acknowledged_and_ended_and_the_caller_hears_nothing() {
    let (mut desk, alice, bobs, sent, request) = several(&TWO);
    let invites: Vec<Sent> = bobs.iter().map(|bob| request_to(&sent, *bob, "INVITE").clone()).collect();
    let first =
        desk.receive(bobs[0], &reply(&invites[0], 200, "tag", &contact(bobs[0]), &sdp("10.0.0.2", 5_000)));
    let ok = answer_to(&first, alice.flow, 200).clone();
    let ack = Ua::caller(alice.flow, &request, &ok).ack("");
    desk.receive(alice.flow, &ack);
    let late = reply(&invites[1], 200, "tag", &contact(bobs[1]), &sdp("10.0.0.3", 5_002));
    let sent = desk.receive(bobs[1], &late);
    assert_eq!(sent.len(), 2, "{}", dump(&sent));
    request_to(&sent, bobs[1], "ACK");
    let bye = request_to(&sent, bobs[1], "BYE");
    assert_eq!(header(bye, HeaderName::Reason), "SIP;cause=200;text=\"Call completed elsewhere\"");
    assert_eq!(desk.office.exchange.calls().calls(), 1);
}

/// Section 16.7: the last failure lets the best go back, and who was busy says more than who did not answer.
#[test]
fn when_all_refuse_the_caller_hears_the_best_of_it() {
    let (mut desk, alice, bobs, sent, _) = several(&TWO);
    let invites: Vec<Sent> = bobs.iter().map(|bob| request_to(&sent, *bob, "INVITE").clone()).collect();
    let sent = desk.receive(bobs[0], &reply(&invites[0], 500, "tag", "", ""));
    assert_eq!(sent.len(), 1, "an ACK: {}", dump(&sent));
    let sent = desk.receive(bobs[1], &reply(&invites[1], 486, "tag", "", ""));
    answer_to(&sent, alice.flow, 486);
    desk.assert_at_rest();
}

/// Section 16.7 step 5.
#[test]
fn a_6xx_ends_what_else_rings() {
    let (mut desk, alice, bobs, sent, _) = several(&TWO);
    let invites: Vec<Sent> = bobs.iter().map(|bob| request_to(&sent, *bob, "INVITE").clone()).collect();
    desk.receive(bobs[0], &reply(&invites[0], 180, "tag", &contact(bobs[0]), ""));
    let sent = desk.receive(bobs[1], &reply(&invites[1], 603, "tag", "", ""));
    answer_to(&sent, alice.flow, 603);
    request_to(&sent, bobs[0], "CANCEL");
    desk.assert_at_rest();
}

/// Section 16.6: q values, highest first.
#[test]
fn phones_of_a_lower_q_are_tried_when_those_before_have_failed() {
    let phones = [("192.0.2.22:5060", ";q=0.5"), ("192.0.2.23:5060", ";q=1.0")];
    let (mut desk, _, bobs, sent, _) = several(&phones);
    assert!(requests_to(&sent, bobs[0], "INVITE").is_empty());
    let invite = request_to(&sent, bobs[1], "INVITE").clone();
    let sent = desk.receive(bobs[1], &reply(&invite, 486, "tag", "", ""));
    request_to(&sent, bobs[0], "INVITE");
}

/// RFC 5626 section 7: a phone with two flows is called over one of them, and over the other when that is dead.
#[test]
fn the_other_flow_of_a_phone_is_tried_when_one_is_dead() {
    let instance =
        |id| format!(";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id={id}");
    let (one, two) = (instance(1), instance(2));
    let mut desk = Desk::empty();
    let mut alice = desk.register("alice", udp(ALICE), "");
    let flows = [
        desk.register("bob", tcp("192.0.2.22:41000", 5), &one).flow,
        desk.register("bob", tcp("192.0.2.22:41001", 6), &two).flow,
    ];
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let first =
        flows.iter().position(|flow| !requests_to(&sent, *flow, "INVITE").is_empty()).expect("one of them");
    assert!(requests_to(&sent, flows[1 - first], "INVITE").is_empty());
    let invite = request_to(&sent, flows[first], "INVITE").clone();
    let sent = desk.send_failed(&invite);
    let invite = request_to(&sent, flows[1 - first], "INVITE").clone();
    let sent = desk.receive(flows[1 - first], &reply(&invite, 486, "tag", "", ""));
    answer_to(&sent, alice.flow, 486);
    desk.assert_at_rest();
}

/// Sections 12.1.2 and 13.2.2.4: a fork behind the callee. Who described its media last is heard; who answers is connected.
#[test]
fn of_several_early_dialogs_the_last_is_heard_and_the_one_that_answers_is_connected() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    for (tag, port) in [("one", 5_000), ("two", 5_100)] {
        desk.receive(bob.flow, &reply(&invite, 183, tag, &contact(bob.flow), &sdp("10.0.0.2", port)));
        desk.peer_at(port);
    }
    let ok = reply(&invite, 200, "one", &contact(bob.flow), &sdp("10.0.0.2", 5_000));
    let sent = desk.receive(bob.flow, &ok);
    answer_to(&sent, alice.flow, 200);
    desk.peer_at(5_000);
    let second = reply(&invite, 200, "two", &contact(bob.flow), &sdp("10.0.0.2", 5_100));
    let sent = desk.receive(bob.flow, &second);
    assert_eq!(sent.len(), 2, "{}", dump(&sent));
    for method in ["ACK", "BYE"] {
        assert!(header(request_to(&sent, bob.flow, method), HeaderName::To).ends_with("tag=two"));
    }
}

/// RFC 3261 section 16.7 step 4, by setting: as the proxy follows a redirection.
#[test]
fn a_redirection_to_an_account_of_ours_is_followed_when_it_is_set() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.office.world.settings.recurse_on_redirect = true;
    let carol = desk.register("carol", udp("192.0.2.33:5060"), "");
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent =
        desk.receive(bob.flow, &reply(&invite, 302, "tag", "Contact: <sip:carol@example.org>\r\n", ""));
    request_to(&sent, carol.flow, "INVITE");
    assert!(sent.iter().all(|sent| sent.status() == 0), "{}", dump(&sent));
}
