//! Phones whose network changes during a call: from where they are heard, and where they are reached.

use super::*;

const ELSEWHERE: &str = "198.51.100.9:40000";

fn talking() -> (Office, Phone, Sent, Sent) {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    (office, alice, invite, ok)
}

/// The network of the phone changes: to another address, or to another connection. It registers again; from there its
/// requests pass unchallenged and, what cannot be challenged at all, its ACK passes.
#[test]
fn a_phone_that_registered_elsewhere_goes_on_with_its_call() {
    for flow in [udp(ELSEWHERE), tcp(ELSEWHERE, 9)] {
        let (mut office, mut alice, _, ok) = talking();
        alice.flow = flow;
        assert_eq!(office.register(&mut alice).status(), 200);
        let sent = office.receive(flow, &inside(&mut alice, &ok, Method::Invite));
        assert_eq!(statuses(&sent), [100, 0], "{sent:?}");
        let answer = office.answer(udp(BOB), &reply(&sent[1], 200));
        assert!(goes_to(&answer, flow) && answer.status() == 200);
        alice.cseq -= 1;
        let ack = office.answer(flow, &inside(&mut alice, &ok, Method::Ack));
        assert!(goes_to(&ack, udp(BOB)) && ack.text().starts_with("ACK sip:bob@"), "{}", ack.text());
        let bye = office.answer(flow, &inside(&mut alice, &ok, Method::Bye));
        assert!(goes_to(&bye, udp(BOB)) && bye.status() == 0, "{}", bye.text());
    }
}

/// The network of the callee changes while it rings: it registers again, and its answer comes from there.
#[test]
fn a_phone_that_registered_elsewhere_while_it_rang_can_answer() {
    for flow in [udp(ELSEWHERE), tcp(ELSEWHERE, 9)] {
        let (mut office, mut alice) = office();
        let (_, invite) = invite(&mut office, &mut alice);
        assert_eq!(office.answer(udp(BOB), &reply(&invite, 180)).status(), 180);
        assert!(office.receive(flow, &reply(&invite, 200)).is_empty(), "not registered there yet");
        register(&mut office, "bob", flow, "");
        assert_eq!(office.answer(flow, &reply(&invite, 200)).status(), 200);
    }
}

/// Threat T-08: an ACK from elsewhere is silence, whoever is registered there.
#[test]
fn an_ack_from_where_the_device_is_not_registered_goes_nowhere() {
    let (mut office, mut alice, _, ok) = talking();
    let ack = inside(&mut alice, &ok, Method::Ack);
    let before = office.exchange.counters().stray_acks;
    assert!(office.receive(udp(ELSEWHERE), &ack).is_empty(), "a stranger");
    let mut carol = Phone::new("carol", udp(ELSEWHERE));
    assert_eq!(office.register(&mut carol).status(), 200);
    assert!(office.receive(udp(ELSEWHERE), &ack).is_empty(), "somebody else's phone");
    let other = Change::DeviceAdded { aor: aor("alice"), device: Box::new(device(101, "alice", "other")) };
    apply(&office.world, other);
    let mut other = Phone::new("alice", udp("198.51.100.10:5060"));
    (other.secret, other.cseq, other.call) = ("other".into(), 50, "other".into());
    assert_eq!(office.register(&mut other).status(), 200);
    assert!(office.receive(other.flow, &ack).is_empty(), "another device of the account");
    assert_eq!(office.exchange.counters().stray_acks, before + 3);
    assert_eq!(office.exchange.counters().proxied_acks, 0);
}

/// A phone that speaks before it registers is challenged; who has proved an INVITE may acknowledge it.
#[test]
fn the_ack_of_a_challenged_invite_passes_from_where_it_came() {
    let (mut office, mut alice, _, ok) = talking();
    alice.flow = udp(ELSEWHERE);
    let challenge = office.answer(alice.flow, &inside(&mut alice, &ok, Method::Invite));
    assert_eq!(challenge.status(), 407);
    let refused = inside(&mut alice, &ok, Method::Ack);
    assert!(office.receive(alice.flow, &refused).is_empty(), "the ACK of the 407 stays here");
    alice.read(&challenge);
    let uri = "sip:bob@192.0.2.22:5060";
    let credentials = alice.credentials(Method::Invite, uri);
    let bare = String::from_utf8(inside(&mut alice, &ok, Method::Invite)).expect("text");
    let proved = bare.replace("Content-Length", &format!("{credentials}Content-Length"));
    let sent = office.receive(alice.flow, proved.as_bytes());
    assert_eq!(statuses(&sent), [100, 0], "{sent:?}");
    office.answer(udp(BOB), &reply(&sent[1], 200));
    alice.cseq -= 1;
    let ack = inside(&mut alice, &ok, Method::Ack);
    assert!(office.receive(udp("198.51.100.77:5060"), &ack).is_empty(), "from a third place");
    let sent = office.answer(alice.flow, &ack);
    assert!(goes_to(&sent, udp(BOB)) && sent.text().starts_with("ACK "), "{}", sent.text());
    // With the transaction goes the permission.
    office.wait(Duration::from_secs(70));
    office.handle(Input::Ticked);
    assert!(office.receive(alice.flow, &ack).is_empty());
    assert_eq!(office.exchange.transactions(), 0);
}

/// Threat T-08: a proof must be that of the end which is claimed. Carol has an account, and has heard the dialog.
#[test]
fn a_proof_by_somebody_else_does_not_open_the_dialog() {
    let (mut office, mut alice, _, ok) = talking();
    let bye = String::from_utf8(inside(&mut alice, &ok, Method::Bye)).expect("text");
    let as_carol = bye.replace("From: <sip:alice@", "From: <sip:carol@");
    let mut carol = Phone::new("carol", udp(ELSEWHERE));
    let challenge = office.answer(carol.flow, as_carol.as_bytes());
    assert_eq!(challenge.status(), 407);
    carol.read(&challenge);
    let credentials = carol.credentials(Method::Bye, "sip:bob@192.0.2.22:5060");
    let again = as_carol.replace("branch=z9hG4bK", "branch=z9hG4bKagain");
    let proved = again.replace("Content-Length", &format!("{credentials}Content-Length"));
    assert_eq!(office.answer(carol.flow, proved.as_bytes()).status(), 403);
    assert_eq!(office.exchange.counters().route_forged, 1);
}

/// A NAT that forgot: the same contact, registered over another address.
#[test]
fn a_phone_is_reached_where_it_has_registered_its_contact_last() {
    let (mut office, mut alice) = office();
    alice.contact = "sip:alice@10.0.0.3:5060".into();
    assert_eq!(office.register(&mut alice).status(), 200);
    let (_, invite) = invite(&mut office, &mut alice);
    office.answer(udp(BOB), &reply(&invite, 200));
    alice.flow = udp("192.0.2.11:49999");
    assert_eq!(office.register(&mut alice).status(), 200);
    let bye = office.answer(udp(BOB), &from_callee(&invite, "BYE", 1));
    assert!(goes_to(&bye, alice.flow) && bye.status() == 0, "{bye:?}");
    assert!(bye.text().starts_with("BYE sip:alice@10.0.0.3:5060 SIP/2.0\r\n"), "{}", bye.text());
    let ack = office.answer(udp(BOB), &from_callee(&invite, "ACK", 1));
    assert!(goes_to(&ack, alice.flow), "{ack:?}");
}

/// Another contact of the same phone, or its own contact over another transport besides, is no move.
#[test]
fn a_phone_that_has_not_moved_is_reached_over_the_flow_of_the_dialog() {
    let (mut office, _, invite, _) = talking();
    for (flow, contact) in [
        (udp("192.0.2.12:5060"), "sip:alice@192.0.2.12:5060"),
        (tcp(ALICE, 9), "sip:alice@192.0.2.11:5060;transport=tcp"),
    ] {
        let mut other = Phone::new("alice", flow);
        (other.cseq, other.call, other.contact) = (50, contact.into(), contact.into());
        assert_eq!(office.register(&mut other).status(), 200);
    }
    let bye = office.answer(udp(BOB), &from_callee(&invite, "BYE", 1));
    assert!(goes_to(&bye, udp(ALICE)), "{bye:?}");
}

/// The same contact, registered with another secret, is somebody else's phone.
#[test]
fn another_device_with_the_same_contact_does_not_take_over_the_dialog() {
    let (mut office, mut alice, invite, _) = talking();
    let gone = alice.again(Method::Register, "sip:example.org", "Expires: 0\r\n");
    assert_eq!(office.answer(udp(ALICE), &gone).status(), 200);
    let other = Change::DeviceAdded { aor: aor("alice"), device: Box::new(device(101, "alice", "other")) };
    apply(&office.world, other);
    let mut other = Phone::new("alice", tcp(ELSEWHERE, 9));
    (other.secret, other.cseq, other.call) = ("other".into(), 50, "other".into());
    other.contact = "sip:alice@192.0.2.11:5060".into();
    assert_eq!(office.register(&mut other).status(), 200);
    let bye = office.answer(udp(BOB), &from_callee(&invite, "BYE", 1));
    assert!(goes_to(&bye, udp(ALICE)), "{bye:?}");
}

/// RFC 5626 section 5.3: the connection of the dialog is gone, the phone has another, with another contact.
#[test]
fn a_phone_whose_connection_is_gone_is_found_by_its_device_and_user() {
    let (mut office, mut alice) = office();
    (alice.flow, alice.contact) = (tcp(ALICE, 5), "sip:alice@192.0.2.11:40000;transport=tcp".into());
    assert_eq!(office.register(&mut alice).status(), 200);
    let (_, invite) = invite(&mut office, &mut alice);
    office.answer(udp(BOB), &reply(&invite, 200));
    office.handle(Input::FlowClosed { flow: alice.flow });
    // Neither another account's phone, nor another device's.
    let other = Change::DeviceAdded { aor: aor("alice"), device: Box::new(device(101, "alice", "other")) };
    apply(&office.world, other);
    let mut other = Phone::new("alice", udp("198.51.100.10:5060"));
    (other.secret, other.cseq, other.call) = ("other".into(), 50, "other".into());
    assert_eq!(office.register(&mut other).status(), 200);
    let update = office.answer(udp(BOB), &from_callee(&invite, "UPDATE", 1));
    assert!(goes_to(&update, tcp(ALICE, 5)));
    // The old UDP binding of alice at this address is the same device.
    office.wait(Duration::from_secs(1));
    let again = send_failed(&mut office, &update);
    assert!(again.len() == 1 && goes_to(&again[0], udp(ALICE)), "{again:?}");
    assert_eq!(statuses(&send_failed(&mut office, &again[0])), [480], "once");
}

#[test]
fn an_end_that_is_found_nowhere_is_480() {
    let (mut office, mut alice) = office();
    let mut bob = Phone::new("bob", tcp(BOB, 5));
    bob.cseq = 50;
    bob.contact_params = ";expires=60".into();
    office.wait(Duration::from_secs(2 * 3600));
    office.handle(Input::Ticked);
    assert_eq!(office.register(&mut bob).status(), 200);
    assert_eq!(office.register(&mut alice).status(), 200);
    let (_, invite) = invite(&mut office, &mut alice);
    let ok = office.answer(bob.flow, &reply(&invite, 200));
    office.wait(Duration::from_secs(100));
    office.handle(Input::Ticked);
    let info = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Info));
    assert!(goes_to(&info, bob.flow));
    assert_eq!(statuses(&send_failed(&mut office, &info)), [480]);
}

/// Section 9.1: nobody can challenge a CANCEL either.
#[test]
fn a_cancel_is_taken_from_where_the_caller_has_moved_and_from_nowhere_else() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    office.answer(udp(BOB), &reply(&invite, 180));
    let cancel = cancel_of(&request);
    assert_eq!(office.answer(udp(ELSEWHERE), &cancel).status(), 481);
    let mut carol = Phone::new("carol", udp(ELSEWHERE));
    office.register(&mut carol);
    assert_eq!(office.answer(udp(ELSEWHERE), &cancel).status(), 481);
    alice.flow = udp("198.51.100.10:5060");
    office.register(&mut alice);
    let sent = office.receive(alice.flow, &cancel);
    assert_eq!(sent[0].status(), 200, "{sent:?}");
    assert!(sent[1].text().starts_with("CANCEL sip:bob@"), "{sent:?}");
}
