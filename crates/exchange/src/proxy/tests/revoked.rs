//! A device or an account loses its rights while its requests are under way, and after.

use super::*;
use crate::input::Command;
use coeur_directory::DeviceId;

/// The change is committed and applied before the shards are told.
fn revoke(office: &mut Office, user: &str, device: Option<u64>) -> Vec<Sent> {
    let device = device.map(DeviceId);
    let change = match device {
        Some(device) => Change::DeviceRevoked { aor: aor(user), device },
        None => Change::AccountRemoved(aor(user)),
    };
    apply(&office.world, change);
    office.handle(Input::Told(Command::Revoked { aor: aor(user), device }))
}

#[test]
fn a_pending_call_of_a_revoked_caller_is_answered_403_and_cancelled() {
    for device in [Some(100), None] {
        let (mut office, mut alice) = office();
        let (request, invite) = invite(&mut office, &mut alice);
        office.answer(udp(BOB), &reply(&invite, 180));
        let sent = revoke(&mut office, "alice", device);
        assert!(sent[0].text().starts_with("CANCEL sip:bob@") && goes_to(&sent[0], udp(BOB)), "{sent:?}");
        assert!(sent[1].status() == 403 && goes_to(&sent[1], udp(ALICE)), "{sent:?}");
        office.receive(udp(ALICE), &ack_of(&request, &sent[1]));
        assert!(office.receive(udp(BOB), &reply(&sent[0], 200)).is_empty());
        let sent = office.receive(udp(BOB), &reply(&invite, 487));
        assert!(sent.len() == 1 && sent[0].text().starts_with("ACK "), "{sent:?}");
    }
}

/// RFC 3261 section 9.1: the CANCEL waits for a provisional answer here too, however long it takes.
#[test]
fn a_silent_target_of_a_revoked_caller_is_cancelled_when_it_answers() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    let sent = revoke(&mut office, "alice", Some(100));
    assert_eq!(statuses(&sent), [403]);
    office.receive(udp(ALICE), &ack_of(&request, &sent[0]));
    // Longer than the server transaction lives.
    office.wait(Duration::from_secs(6));
    office.handle(Input::Ticked);
    let sent = office.receive(udp(BOB), &reply(&invite, 180));
    assert!(sent.len() == 1 && sent[0].text().starts_with("CANCEL "), "{sent:?}");
    let sent = office.receive(udp(BOB), &reply(&invite, 487));
    assert!(sent.len() == 1 && sent[0].text().starts_with("ACK "), "{sent:?}");
}

/// RFC 3261 section 21.5.4: a server that is about to stop leaves no caller waiting and no phone ringing.
#[test]
fn while_draining_a_pending_call_is_answered_503_and_what_rings_is_cancelled() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    office.answer(udp(BOB), &reply(&invite, 180));
    let sent = office.handle(Input::Told(Command::Drain));
    assert!(sent[0].text().starts_with("CANCEL sip:bob@") && goes_to(&sent[0], udp(BOB)), "{sent:?}");
    assert!(sent[1].status() == 503 && goes_to(&sent[1], udp(ALICE)), "{sent:?}");
    assert_eq!(office.exchange.counters().transactions_revoked, 0);
}

#[test]
fn a_2xx_that_crosses_the_revocation_goes_no_further() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    office.answer(udp(BOB), &reply(&invite, 180));
    revoke(&mut office, "alice", Some(100));
    assert!(office.receive(udp(BOB), &reply(&invite, 200)).is_empty());
}

#[test]
fn a_pending_message_of_a_revoked_sender_is_answered_403_and_forgotten() {
    let (mut office, mut alice) = office();
    let (_, sent) = send(&mut office, &mut alice, Method::Message, "");
    assert_eq!(statuses(&revoke(&mut office, "alice", Some(100))), [403]);
    assert!(office.receive(udp(BOB), &reply(&sent[0], 200)).is_empty());
    office.wait(Duration::from_secs(40));
    assert!(office.handle(Input::Ticked).is_empty(), "not repeated either");
    assert_eq!(office.exchange.transactions(), 0);
}

/// The others go on ringing; the only one was not there (480).
#[test]
fn a_branch_towards_a_revoked_phone_is_cancelled_and_counts_as_480() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    office.answer(udp(BOB), &reply(&invite, 180));
    let sent = revoke(&mut office, "bob", Some(200));
    assert!(sent[0].text().starts_with("CANCEL sip:bob@"), "{sent:?}");
    assert!(sent[1].status() == 480 && goes_to(&sent[1], udp(ALICE)), "{sent:?}");
    assert!(office.receive(udp(BOB), &reply(&invite, 200)).is_empty(), "he cannot take it any more");
}

#[test]
fn the_other_phone_of_the_account_still_takes_the_call() {
    let (mut office, mut alice) = office();
    let bob = Change::DeviceAdded { aor: aor("bob"), device: Box::new(device(201, "bob", "another secret")) };
    apply(&office.world, bob);
    let mut second = Phone::new("bob", udp("192.0.2.33:5060"));
    (second.secret, second.cseq) = ("another secret".into(), 100);
    assert_eq!(office.register(&mut second).status(), 200);
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "");
    let to = |flow| sent.iter().find(|sent| goes_to(sent, flow)).expect("a branch");
    for flow in [udp(BOB), second.flow] {
        office.answer(flow, &reply(to(flow), 180));
    }
    let ended = revoke(&mut office, "bob", Some(200));
    assert!(ended.len() == 1 && ended[0].text().starts_with("CANCEL ") && goes_to(&ended[0], udp(BOB)));
    let answered = office.answer(second.flow, &reply(to(second.flow), 200));
    assert!(answered.status() == 200 && goes_to(&answered, udp(ALICE)), "{}", answered.text());
    assert!(office.receive(udp(BOB), &reply(to(udp(BOB)), 487))[0].text().starts_with("ACK "));
}

#[test]
fn nobody_else_is_touched() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    assert!(revoke(&mut office, "carol", Some(300)).is_empty());
    assert!(revoke(&mut office, "carol", None).is_empty());
    assert_eq!(office.answer(udp(BOB), &reply(&invite, 200)).status(), 200);
}

fn talking() -> (Office, Phone, Sent, Sent) {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    (office, alice, invite, ok)
}

/// RFC 3261 section 12.2.1.2 and RFC 5057: 481 makes whoever refreshes the session end it, on either side.
#[test]
fn inside_a_dialog_with_a_revoked_party_only_bye_passes() {
    for (revoked, device) in [("alice", 100), ("bob", 200)] {
        let (mut office, mut alice, invite, ok) = talking();
        office.receive(udp(ALICE), &inside(&mut alice, &ok, Method::Ack));
        assert!(revoke(&mut office, revoked, Some(device)).is_empty(), "a proxy cannot end it");
        for method in [Method::Invite, Method::Update, Method::Info, Method::Refer] {
            let answer = office.answer(udp(ALICE), &inside(&mut alice, &ok, method));
            assert!(answer.text().starts_with("SIP/2.0 481 No Longer Authorized\r\n"), "{}", answer.text());
        }
        assert_eq!(office.answer(udp(BOB), &from_callee(&invite, "UPDATE", 1)).status(), 481);
        let bye = office.answer(udp(BOB), &from_callee(&invite, "BYE", 2));
        assert!(goes_to(&bye, udp(ALICE)) && bye.status() == 0, "{}", bye.text());
        let bye = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Bye));
        assert!(goes_to(&bye, udp(BOB)) && bye.status() == 0, "{}", bye.text());
    }
}

/// A call answered in the moment of the revocation: without its ACK the callee ends it after 64*T1.
#[test]
fn the_ack_of_a_revoked_caller_is_dropped_and_that_of_the_other_side_is_not() {
    let (mut office, mut alice, _, ok) = talking();
    revoke(&mut office, "alice", Some(100));
    assert!(office.receive(udp(ALICE), &inside(&mut alice, &ok, Method::Ack)).is_empty());
    let (mut office, mut alice, _, ok) = talking();
    revoke(&mut office, "bob", None);
    assert!(goes_to(&office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Ack)), udp(BOB)));
}

#[test]
fn an_account_that_is_disabled_is_out_of_its_dialogs_too() {
    let (mut office, mut alice, _, ok) = talking();
    let patch = AccountPatch { enabled: Some(false), ..Default::default() };
    apply(&office.world, Change::AccountChanged { aor: aor("alice"), patch });
    assert_eq!(office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Info)).status(), 481);
}
