//! Registered means durable; what holds when the disk does not.

use super::desk::{Desk, ask, contact};
use crate::bindings::Bindings;
use crate::event::{Event, UnregisteredWhy};
use crate::record::Recovery;
use coeur_directory::{Aor, DeviceId};
use std::sync::atomic::Ordering;

#[test]
fn a_200_waits_for_the_journal_and_becomes_503_when_it_fails() {
    let mut desk = Desk::new();
    let answer = desk.send(ask(1, contact("")));
    let or_else = answer.or_else.expect("held");
    assert!(or_else.starts_with("SIP/2.0 503 "), "{or_else}");
    assert!(or_else.contains("\r\nRetry-After: "));
}

#[test]
fn a_pure_refresh_stays_good_when_the_journal_fails() {
    let mut desk = Desk::new();
    desk.send(ask(1, contact("")));
    // The binding is not known to be saved yet: its own group may be the one that fails.
    let or_else = desk.send(ask(2, contact(""))).or_else.expect("held");
    assert!(or_else.starts_with("SIP/2.0 503 "), "{or_else}");
    desk.world.bindings.set_saved_up_to(desk.world.bindings.version());
    let answer = desk.send(ask(3, contact("")));
    assert_eq!(answer.or_else.as_deref(), Some(answer.text.as_str()));
}

#[test]
fn without_a_disk_the_new_is_refused_and_the_known_kept_with_a_warning() {
    let mut desk = Desk::new();
    desk.send(ask(1, contact("")));
    desk.world.bindings.set_saved_up_to(desk.world.bindings.version());
    desk.world.storage_writable.store(false, Ordering::Relaxed);
    let answer = desk.send(ask(2, contact("")));
    assert_eq!((answer.status, answer.lines("Warning").len(), answer.or_else), (200, 1, None));
    for lines in ["Contact: <sip:new@192.0.2.7>\r\n".to_string(), contact(";expires=0"), contact(";x=1")] {
        let answer = desk.send(ask(3, &lines));
        assert_eq!((answer.status, answer.lines("Retry-After").len()), (503, 1), "{lines}");
    }
    assert_eq!((desk.uris().len(), desk.journal.len()), (1, 1));
    assert_eq!(desk.send(ask(3, "")).status, 200);
}

/// The phone whose 200 became 503 comes back: its binding is in memory, but no 200 may promise it.
#[test]
fn without_a_disk_a_binding_that_was_never_saved_is_not_taken_for_a_known_one() {
    let mut desk = Desk::new();
    desk.send(ask(1, contact("")));
    desk.world.storage_writable.store(false, Ordering::Relaxed);
    let answer = desk.send(ask(2, contact("")));
    assert_eq!((answer.status, answer.lines("Retry-After").len()), (503, 1));
}

#[test]
fn what_was_registered_is_there_after_a_restart() {
    let mut desk = Desk::new();
    desk.send(ask(1, "Contact: <sip:a@192.0.2.7>;expires=600, <sip:b@192.0.2.7>;expires=600\r\n"));
    desk.wait(100);
    desk.send(ask(2, "Contact: <sip:a@192.0.2.7>;expires=600\r\n"));
    desk.send(ask(3, "Contact: <sip:b@192.0.2.7>;expires=0, <sip:c@192.0.2.7>;expires=60\r\n"));
    desk.wait(30);
    let before = desk.targets();
    let bindings = Bindings::new();
    let mut recovery = Recovery::new(&bindings, &desk.world.listeners, desk.now);
    desk.journal.iter().for_each(|entry| recovery.apply(entry).expect("our own record"));
    assert_eq!(recovery.finish().bindings, 2);
    desk.world.bindings = bindings;
    assert_eq!(desk.targets().len(), 2);
    for (before, after) in before.iter().zip(desk.targets()) {
        assert_eq!((&before.uri, before.flow, before.version), (&after.uri, after.flow, after.version));
    }
    // Order is kept too: an old REGISTER does not undo a newer one.
    assert_eq!(desk.send(ask(2, "Contact: <sip:a@192.0.2.7>;expires=0\r\n")).status, 500);
}

#[test]
fn a_revoked_device_loses_its_bindings_in_memory_and_in_the_journal() {
    let mut desk = Desk::new();
    desk.send(ask(1, "Contact: <sip:a@192.0.2.7>\r\n"));
    desk.device = DeviceId(2);
    desk.send(ask(1, "Contact: <sip:b@192.0.2.7>\r\n").call_id("another"));
    let aor = Aor::parse("alice@example.com").expect("an address");
    desk.with(|registrar, cx| registrar.revoke(cx, &aor, Some(DeviceId(1))));
    assert_eq!(desk.uris(), ["sip:b@192.0.2.7"]);
    assert!(matches!(desk.events.last(), Some(Event::Unregistered { why: UnregisteredWhy::Revoked, .. })));
    desk.with(|registrar, cx| registrar.revoke(cx, &aor, None));
    assert!(desk.uris().is_empty());
    let bindings = Bindings::new();
    let mut recovery = Recovery::new(&bindings, &[], desk.now);
    desk.journal.iter().for_each(|entry| recovery.apply(entry).expect("our own record"));
    assert_eq!(recovery.finish().bindings, 0);
}
