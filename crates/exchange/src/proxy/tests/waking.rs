//! The target of a request sleeps, and is woken (RFC 8599).

use super::*;
use crate::push::Reason;

const AT: &str = "203.0.113.22:41000";

fn asleep() -> (Office, Phone, Phone) {
    let mut office = Office::new();
    office.world.settings.push.fcm = true;
    let mut alice = Phone::new("alice", udp(ALICE));
    assert_eq!(office.register(&mut alice).status(), 200);
    let mut bob = Phone::new("bob", tcp(AT, 7));
    bob.contact = "sip:bob@10.0.0.2:5060;transport=tcp;pn-provider=fcm;pn-param=p;pn-prid=token".into();
    assert_eq!(office.register(&mut bob).status(), 200);
    office.handle(Input::FlowClosed { flow: bob.flow });
    (office, alice, bob)
}

fn comes_back(office: &mut Office, bob: &mut Phone) {
    bob.flow = tcp("203.0.113.22:42000", 8);
    assert_eq!(office.register(bob).status(), 200);
}

/// Lets the time pass as the timers want it.
fn pass(office: &mut Office, span: Duration) -> Vec<Sent> {
    let end = office.now.monotonic + span;
    let mut sent = Vec::new();
    while let Some(at) = office.next_deadline().filter(|at| *at <= end) {
        let wait = office.now.monotonic.until(at).max(Duration::from_millis(1));
        sent.extend(tick(office, wait));
    }
    let rest = office.now.monotonic.until(end);
    sent.extend(tick(office, rest));
    sent
}

#[test]
fn a_text_and_an_invite_reach_a_phone_that_was_woken_for_them() {
    for (method, reason) in [(Method::Message, Reason::Message), (Method::Invite, Reason::Call)] {
        let (mut office, mut alice, mut bob) = asleep();
        send(&mut office, &mut alice, method, "");
        assert_eq!(office.pushed.iter().map(|wake| wake.reason).collect::<Vec<_>>(), [reason]);
        pass(&mut office, Duration::from_secs(3));
        comes_back(&mut office, &mut bob);
        let sent = pass(&mut office, Duration::from_millis(150));
        let request = to(&sent, bob.flow).clone();
        assert!(request.text().starts_with(&format!("{method} ")) && !request.text().contains("pn-"));
        let sent = office.receive(bob.flow, &reply(&request, 200));
        assert_eq!(to(&sent, alice.flow).status(), 200);
        assert_eq!(office.pushed.len(), 1);
    }
}

/// Before who sent it gives up: its timer F is 32 s (RFC 3261 section 17.1.2.2).
#[test]
fn a_text_for_a_phone_that_does_not_wake_is_unavailable_before_its_sender_gives_up() {
    let (mut office, mut alice, _) = asleep();
    send(&mut office, &mut alice, Method::Message, "");
    let sent = pass(&mut office, Duration::from_millis(19_800));
    assert!(sent.iter().all(|sent| sent.status() == 100), "{:?}", statuses(&sent));
    assert_eq!(statuses(&pass(&mut office, Duration::from_millis(400))), [480]);
    pass(&mut office, Duration::from_secs(100));
    assert_eq!(office.exchange.transactions(), 0);
}

#[test]
fn who_asks_only_whether_somebody_is_there_wakes_nobody() {
    let (mut office, mut alice, _) = asleep();
    let (_, sent) = send(&mut office, &mut alice, Method::Options, "");
    assert_eq!((statuses(&sent), office.pushed.len()), (vec![480], 0));
}

#[test]
fn a_caller_who_gives_up_while_the_phone_wakes_is_told_so() {
    let (mut office, mut alice, mut bob) = asleep();
    let (invite, _) = send(&mut office, &mut alice, Method::Invite, "");
    let sent = office.receive(alice.flow, &cancel_of(&invite));
    assert_eq!(statuses(&sent), [200, 487]);
    comes_back(&mut office, &mut bob);
    assert!(pass(&mut office, Duration::from_secs(1)).iter().all(|sent| !goes_to(sent, bob.flow)));
}

#[test]
fn a_phone_that_was_woken_is_one_branch_of_the_limit_and_not_two() {
    let (mut office, mut alice, mut bob) = asleep();
    office.world.settings.branches_max = 1;
    send(&mut office, &mut alice, Method::Message, "");
    comes_back(&mut office, &mut bob);
    let sent = pass(&mut office, Duration::from_millis(150));
    assert!(to(&sent, bob.flow).text().starts_with("MESSAGE "));
}
