//! Who is called sleeps, and is woken (RFC 8599).

use super::*;
use crate::input::{Command, Input, SendFailure};
use crate::push::{Provider, Reason, Wake};
use crate::testing::{Phone, aor, apply};
use coeur_directory::{AccountPatch, Change, ForwardingPatch};

const BOB_AT: &str = "203.0.113.22:41000";
const CAROL: &str = "192.0.2.33:5060";
const PUSH: &str = ";pn-provider=fcm;pn-param=project;pn-prid=token";

fn desk() -> (Desk, Phone, Phone) {
    let mut desk = Desk::empty();
    desk.office.world.settings.push.fcm = true;
    let alice = desk.register("alice", udp(ALICE), "");
    let mut bob = Phone::new("bob", tcp(BOB_AT, 7));
    bob.contact = format!("sip:bob@10.0.0.2:5060;transport=tcp{PUSH}");
    assert_eq!(desk.office.register(&mut bob).status(), 200);
    (desk, alice, bob)
}

/// Bob's phone has no connection any more.
fn asleep() -> (Desk, Phone, Phone) {
    let (mut desk, alice, bob) = desk();
    desk.handle(Input::FlowClosed { flow: bob.flow });
    (desk, alice, bob)
}

fn comes_back(desk: &mut Desk, bob: &mut Phone, serial: u64) {
    bob.flow = tcp("203.0.113.22:42000", serial);
    assert_eq!(desk.office.register(bob).status(), 200);
}

fn call(desk: &mut Desk, alice: &mut Phone) -> (Vec<u8>, Vec<Sent>) {
    desk.invite(alice, URI, "", &sdp("10.0.0.1", 4_000))
}

fn woken(desk: &mut Desk) -> Vec<Wake> {
    std::mem::take(&mut desk.office.pushed)
}

const MOMENT: Duration = Duration::from_millis(150);

#[test]
fn a_phone_that_sleeps_is_woken_and_called_where_it_comes_back() {
    let (mut desk, mut alice, mut bob) = asleep();
    let (_, sent) = call(&mut desk, &mut alice);
    let waking = answer_to(&sent, alice.flow, 182);
    assert!(waking.text().starts_with("SIP/2.0 182 Waking The Phone\r\n"));
    assert_eq!(sent.len(), 2, "100, 182 and nothing to a connection that is gone: {}", dump(&sent));
    let pushed = woken(&mut desk);
    assert_eq!(pushed.len(), 1);
    assert_eq!((pushed[0].reason, pushed[0].destination.provider), (Reason::Call, Provider::Fcm));
    assert_eq!((&*pushed[0].destination.id, pushed[0].aor.as_str()), ("token", "bob@example.org"));
    assert!(desk.pass(Duration::from_secs(3)).is_empty(), "it waits, and wakes nobody again");
    comes_back(&mut desk, &mut bob, 8);
    let sent = desk.pass(MOMENT);
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    assert!(!invite.text().contains("pn-"), "{}", invite.text());
    let sent = desk.receive(bob.flow, &reply(&invite, 180, "bob", &contact(bob.flow), ""));
    answer_to(&sent, alice.flow, 180);
    let sent =
        desk.receive(bob.flow, &reply(&invite, 200, "bob", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    assert!(!ok.text().contains("pn-"));
    assert!(woken(&mut desk).is_empty());
    assert_eq!(desk.office.exchange.counters().devices_woken, 1);
    desk.receive(bob.flow, &Ua::callee(bob.flow, &invite, "bob").request("BYE", "", ""));
    desk.assert_at_rest();
}

/// As if he was not registered at all, and in time.
#[test]
fn a_phone_that_does_not_wake_is_unavailable_after_the_time_that_is_set() {
    let (mut desk, mut alice, _) = asleep();
    call(&mut desk, &mut alice);
    assert!(desk.pass(Duration::from_millis(19_800)).is_empty());
    let sent = desk.pass(Duration::from_millis(400));
    answer_to(&sent, alice.flow, 480);
    assert_eq!((woken(&mut desk).len(), desk.office.exchange.counters().devices_not_woken), (1, 1));
    desk.assert_at_rest();
}

#[test]
fn when_nobody_wakes_the_account_forwards_as_for_one_that_is_not_registered() {
    let (mut desk, mut alice, _) = asleep();
    let carol = desk.register("carol", udp(CAROL), "").flow;
    let offline = Some(Some("sip:carol@example.org".into()));
    let forwarding = ForwardingPatch { offline, ..ForwardingPatch::default() };
    let patch = AccountPatch { forwarding, ..AccountPatch::default() };
    apply(&desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
    let (_, sent) = call(&mut desk, &mut alice);
    assert!(requests_to(&sent, carol, "INVITE").is_empty(), "first he is woken");
    let sent = desk.pass(Duration::from_millis(20_200));
    request_to(&sent, carol, "INVITE");
}

/// The time until nobody answers runs while he is woken, and who comes later is not called.
#[test]
fn the_time_until_a_call_is_forwarded_counts_while_the_phone_wakes() {
    let (mut desk, mut alice, mut bob) = asleep();
    let carol = desk.register("carol", udp(CAROL), "").flow;
    let forwarding = ForwardingPatch {
        no_answer: Some(Some("sip:carol@example.org".into())),
        after_s: Some(10),
        ..ForwardingPatch::default()
    };
    let patch = AccountPatch { forwarding, ..AccountPatch::default() };
    apply(&desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
    call(&mut desk, &mut alice);
    let sent = desk.pass(Duration::from_millis(10_200));
    request_to(&sent, carol, "INVITE");
    comes_back(&mut desk, &mut bob, 8);
    let sent = desk.pass(Duration::from_secs(1));
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty(), "{}", dump(&sent));
}

#[test]
fn who_is_awake_rings_meanwhile_and_when_he_answers_the_sleeper_is_not_called() {
    let (mut desk, mut alice, mut bob) = asleep();
    let desk_phone = desk.register("bob", udp(BOB), "").flow;
    let (_, sent) = call(&mut desk, &mut alice);
    assert!(sent.iter().all(|sent| sent.status() != 182), "somebody rings: {}", dump(&sent));
    let invite = request_to(&sent, desk_phone, "INVITE").clone();
    assert_eq!(woken(&mut desk).len(), 1);
    desk.receive(desk_phone, &reply(&invite, 180, "desk", &contact(desk_phone), ""));
    let answer = reply(&invite, 200, "desk", &contact(desk_phone), &sdp("10.0.0.2", 5_000));
    answer_to(&desk.receive(desk_phone, &answer), alice.flow, 200);
    comes_back(&mut desk, &mut bob, 8);
    let sent = desk.pass(Duration::from_secs(1));
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty(), "{}", dump(&sent));
}

#[test]
fn a_refusal_of_who_is_awake_does_not_end_a_call_that_waits_for_a_sleeper() {
    let (mut desk, mut alice, mut bob) = asleep();
    let desk_phone = desk.register("bob", udp(BOB), "").flow;
    let (_, sent) = call(&mut desk, &mut alice);
    let invite = request_to(&sent, desk_phone, "INVITE").clone();
    let sent = desk.receive(desk_phone, &reply(&invite, 486, "desk", "", ""));
    assert!(requests_to(&sent, alice.flow, "SIP/2.0").is_empty(), "{}", dump(&sent));
    comes_back(&mut desk, &mut bob, 8);
    let sent = desk.pass(MOMENT);
    request_to(&sent, bob.flow, "INVITE");
}

#[test]
fn a_caller_who_gives_up_while_the_phone_wakes_is_told_so_and_nobody_is_called() {
    let (mut desk, mut alice, mut bob) = asleep();
    let (invite, _) = call(&mut desk, &mut alice);
    let sent = desk.receive(alice.flow, &cancel_of(&invite));
    answer_to(&sent, alice.flow, 487);
    comes_back(&mut desk, &mut bob, 8);
    let sent = desk.pass(Duration::from_secs(1));
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty(), "{}", dump(&sent));
    desk.assert_at_rest();
}

fn cancel_of(invite: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(invite);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let is_kept = |line: &&str| !line.starts_with("Content-") && !line.starts_with("Contact");
    let lines: Vec<&str> = head.lines().filter(is_kept).collect();
    let cancel = lines.join("\r\n").replacen("INVITE sip:", "CANCEL sip:", 1).replace(" INVITE", " CANCEL");
    format!("{cancel}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// A connection that seems to be there is tried first.
#[test]
fn a_phone_that_is_awake_is_not_woken() {
    let (mut desk, mut alice, bob) = desk();
    let (_, sent) = call(&mut desk, &mut alice);
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "bob", &contact(bob.flow), ""));
    desk.pass(Duration::from_secs(10));
    assert!(woken(&mut desk).is_empty());
    let sent = desk.receive(bob.flow, &reply(&invite, 486, "bob", "", ""));
    answer_to(&sent, alice.flow, 486);
    assert!(woken(&mut desk).is_empty());
}

#[test]
fn a_phone_that_says_nothing_over_its_connection_is_woken_and_called_over_the_new_one_instead() {
    let (mut desk, mut alice, mut bob) = desk();
    let old = bob.flow;
    let (_, sent) = call(&mut desk, &mut alice);
    let silent = request_to(&sent, old, "INVITE").clone();
    desk.pass(Duration::from_millis(1_900));
    assert!(woken(&mut desk).is_empty());
    desk.pass(Duration::from_millis(200));
    assert_eq!(woken(&mut desk).len(), 1);
    comes_back(&mut desk, &mut bob, 8);
    let sent = desk.pass(MOMENT);
    request_to(&sent, bob.flow, "INVITE");
    // What is on the way there all the same does not ring: it is cancelled as soon as it can be (RFC 3261 section 9.1).
    let sent = desk.receive(old, &reply(&silent, 180, "old", &contact(old), ""));
    request_to(&sent, old, "CANCEL");
    assert!(requests_to(&sent, alice.flow, "SIP/2.0 180").is_empty(), "{}", dump(&sent));
}

#[test]
fn a_phone_whose_connection_turns_out_to_be_gone_is_woken_at_once() {
    let (mut desk, mut alice, mut bob) = desk();
    let (_, sent) = call(&mut desk, &mut alice);
    let token = request_to(&sent, bob.flow, "INVITE").token.expect("a request");
    let sent = desk.handle(Input::SendFailed { token, failure: SendFailure::FlowClosed });
    assert!(sent.is_empty(), "the call waits: {}", dump(&sent));
    desk.pass(MOMENT);
    assert_eq!(woken(&mut desk).len(), 1);
    comes_back(&mut desk, &mut bob, 8);
    request_to(&desk.pass(MOMENT), bob.flow, "INVITE");
}

#[test]
fn a_place_that_its_service_knows_no_more_ends_the_waiting() {
    let (mut desk, mut alice, _) = asleep();
    call(&mut desk, &mut alice);
    let wake = woken(&mut desk).remove(0);
    let destination = Box::new(wake.destination);
    desk.handle(Input::Told(Command::PushEnded { aor: wake.aor, binding: wake.binding, destination }));
    answer_to(&desk.pass(MOMENT), alice.flow, 480);
    desk.assert_at_rest();
}

/// Ten who call at once wake it once; and nobody wakes it all day long.
#[test]
fn a_phone_is_woken_so_often_in_a_minute_and_no_more() {
    let (mut desk, mut alice, _) = asleep();
    let mut pushes = 0;
    for nth in 0..12 {
        alice.call = format!("-{nth}");
        let (invite, _) = call(&mut desk, &mut alice);
        desk.receive(alice.flow, &cancel_of(&invite));
        desk.pass(Duration::from_secs(4));
        pushes += woken(&mut desk).len();
    }
    assert_eq!(pushes, 6);
    assert_eq!(desk.office.exchange.counters().pushes_withheld, 6);
}

/// It was called nowhere while it slept.
#[test]
fn a_phone_that_was_woken_is_one_branch_of_the_limit_and_not_two() {
    let (mut desk, mut alice, mut bob) = asleep();
    desk.office.world.settings.branches_max = 1;
    call(&mut desk, &mut alice);
    comes_back(&mut desk, &mut bob, 8);
    request_to(&desk.pass(MOMENT), bob.flow, "INVITE");
}

#[test]
fn a_text_does_not_use_up_the_waking_of_the_call_that_follows_it() {
    let (mut desk, mut alice, _) = asleep();
    desk.office.world.settings.push.per_minute_max = 1;
    let bare = alice.request(coeur_sip::Method::Message, URI, "");
    let challenge = desk.office.answer(alice.flow, &bare);
    let text = alice.answer(&challenge, coeur_sip::Method::Message, URI, "");
    desk.receive(alice.flow, &text);
    alice.call.push('x');
    call(&mut desk, &mut alice);
    let reasons: Vec<Reason> = woken(&mut desk).iter().map(|wake| wake.reason).collect();
    assert_eq!(reasons, [Reason::Message, Reason::Call]);
}

/// Nobody is woken on behalf of who has not proved to be one of ours.
#[test]
fn who_has_proved_nothing_wakes_nobody() {
    let (mut desk, mut alice, _) = asleep();
    let bare = alice.request(coeur_sip::Method::Invite, URI, "");
    let sent = desk.receive(alice.flow, &bare);
    answer_to(&sent, alice.flow, 407);
    assert!(woken(&mut desk).is_empty());
}

/// It was removed while it was waited for.
#[test]
fn a_device_that_is_revoked_while_it_wakes_is_not_waited_for() {
    let (mut desk, mut alice, _) = asleep();
    call(&mut desk, &mut alice);
    desk.handle(Input::Told(Command::Revoked { aor: aor("bob"), device: None }));
    answer_to(&desk.pass(MOMENT), alice.flow, 480);
}

#[test]
fn a_thousand_phones_that_sleep_are_all_woken_each_once() {
    let mut desk = Desk::empty();
    desk.office.world.settings.push.fcm = true;
    let alice = desk.register("alice", udp(ALICE), "");
    desk.office.world.settings.calls_per_account_max = 0;
    let count = 1_000u64;
    for nth in 0..count {
        let user = format!("sleeper{nth}");
        let mut account = coeur_directory::Account::new(coeur_directory::AccountId(1_000 + nth), aor(&user));
        let secret = crate::testing::secret_of(&user);
        account.devices = Box::new([crate::testing::device(100_000 + nth, &user, &secret)]);
        apply(&desk.office.world, Change::AccountAdded(Box::new(account)));
    }
    let flow = |nth: u64, serial: u64| tcp(&format!("203.0.113.7:{}", 10_000 + nth), serial * 10_000 + nth);
    let mut phones: Vec<Phone> = (0..count)
        .map(|nth| {
            let mut phone = Phone::new(&format!("sleeper{nth}"), flow(nth, 1));
            phone.contact = format!("sip:x@10.0.0.2;transport=tcp;pn-provider=fcm;pn-param=p;pn-prid=t{nth}");
            assert_eq!(desk.office.register(&mut phone).status(), 200);
            desk.handle(Input::FlowClosed { flow: phone.flow });
            phone
        })
        .collect();
    let mut alice = alice;
    for nth in 0..count {
        alice.call = format!("-{nth}");
        desk.invite(&mut alice, &format!("sip:sleeper{nth}@example.org"), "", &sdp("10.0.0.1", 4_000));
    }
    let mut pushed: Vec<String> =
        woken(&mut desk).iter().map(|wake| wake.destination.id.to_string()).collect();
    pushed.sort();
    pushed.dedup();
    assert_eq!(pushed.len(), 1_000);
    for (nth, phone) in phones.iter_mut().enumerate() {
        phone.flow = flow(nth as u64, 2);
        assert_eq!(desk.office.register(phone).status(), 200);
    }
    let sent = desk.pass(Duration::from_millis(300));
    for phone in &phones {
        request_to(&sent, phone.flow, "INVITE");
    }
    assert!(woken(&mut desk).is_empty(), "each once");
}
