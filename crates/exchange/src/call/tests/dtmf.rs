//! What is set for a phone that does not say how it says its keys (`coeur device set --dtmf`).

use super::converting::{PCMA, TAKES_INFO, TAKES_NONE, Talk, formats, info, presses, speaks, talk_at};
use super::profiles::{Kind, desk};
use super::*;
use crate::media::{Conversion, Converted};
use crate::testing::{aor, apply};
use coeur_directory::{Change, Dtmf};

const WITHOUT: (&str, &str) = ("8", "");

/// Alice and bob talk over the one format that both have, with this set for alice's phone and for bob's.
fn talk([alices, bobs]: [Dtmf; 2], offered: (&str, &str), allow: &str, answered: (&str, &str)) -> Talk {
    let (desk, alice, bob) = desk(Kind::Plain, Kind::Plain);
    for (user, dtmf) in [("alice", alices), ("bob", bobs)] {
        let account = desk.office.world.directory.account_of(&aor(user)).expect("an account");
        let device = account.devices[0].id;
        apply(&desk.office.world, Change::DeviceChanged { aor: aor(user), device, dtmf });
    }
    let offered = speaks("10.0.0.1", 4_000, 1, offered);
    talk_at((desk, alice, bob), &offered, allow, |_| speaks("10.0.0.2", 5_000, 1, answered))
}

/// What is done with keys: (alice's, bob's).
fn conversion(call: &Talk) -> Option<Conversion> {
    let pair = call.desk.pairs.first()?;
    let (a, _) = call.desk.connected?;
    let found = pair.conversion?;
    let is_alice = std::ptr::eq(call.desk.peer_at(4_000), call.desk.open[&a].as_ref()?);
    Some(if is_alice { found } else { Conversion { a: found.b, b: found.a, ..found } })
}

#[test]
fn in_the_sound_of_a_phone_for_which_that_is_set_keys_are_searched_for_who_has_events() {
    let call = talk([Dtmf::Inband, Dtmf::Auto], PCMA, "", PCMA);
    assert_eq!(formats(&call.answer), "8", "no events are agreed with it");
    assert!(call.offer.contains("telephone-event"), "it has offered them, so bob may have them");
    let found = conversion(&call).expect("a conversion");
    assert_eq!((found.what, found.a.keys_in_sound, found.b.keys_in_sound), (Converted::Keys, true, false));
    // Of who is called as well, and it is not asked.
    let call = talk([Dtmf::Auto, Dtmf::Inband], PCMA, "", WITHOUT);
    assert_eq!((formats(&call.answer), call.offer.contains("telephone-event")), ("8 101", false));
    let found = conversion(&call).expect("a conversion");
    assert_eq!((found.a.keys_in_sound, found.b.keys_in_sound), (false, true));
}

#[test]
fn nothing_is_searched_for_where_it_is_not_set_or_where_the_other_side_hears_it() {
    for (set, answered) in [
        ([Dtmf::Auto, Dtmf::Auto], PCMA),
        ([Dtmf::Rfc4733, Dtmf::Auto], PCMA),
        ([Dtmf::Inband, Dtmf::Auto], WITHOUT),
        ([Dtmf::Inband, Dtmf::Inband], WITHOUT),
    ] {
        let call = talk(set, PCMA, TAKES_NONE, answered);
        assert_eq!(conversion(&call), None, "{set:?}");
    }
}

#[test]
fn who_has_no_events_and_takes_an_info_is_told_once_of_a_key_in_the_sound() {
    let mut call = talk([Dtmf::Inband, Dtmf::Auto], WITHOUT, TAKES_INFO, WITHOUT);
    let found = conversion(&call).expect("a conversion");
    assert_eq!((found.what, found.a.keys_in_sound, found.b.keys_are_told), (Converted::Keys, true, true));
    let sent = call.hears(b'5');
    let told = request_to(&sent, call.bob.flow, "INFO").clone();
    assert_eq!(body(&told), "Signal=5\r\nDuration=120\r\n");
    call.desk.receive(call.bob.flow, &reply(&told, 200, "", "", ""));
    // What it says in an INFO besides is in its sound as well.
    let key = info(&mut call.caller, "application/dtmf-relay", "Signal=5\r\n");
    let sent = call.desk.receive(call.caller.flow, &key);
    answer_to(&sent, call.caller.flow, 200);
    assert!(requests_to(&sent, call.bob.flow, "INFO").is_empty());
    assert_eq!(presses(&call.desk), 0);
}

#[test]
fn a_phone_for_which_info_is_set_is_told_by_it_whatever_it_says_and_has_no_events() {
    let mut call = talk([Dtmf::Auto, Dtmf::Info], PCMA, TAKES_NONE, WITHOUT);
    assert!(!call.offer.contains("telephone-event"), "{}", call.offer);
    let found = conversion(&call).expect("a conversion");
    assert!(found.b.keys_are_told && !found.a.keys_in_sound);
    let sent = call.hears(b'5');
    request_to(&sent, call.bob.flow, "INFO");
    // What it says itself is an event for alice.
    let key = info(&mut call.callee, "application/dtmf-relay", "Signal=7\r\n");
    let sent = call.desk.receive(call.callee.flow, &key);
    answer_to(&sent, call.callee.flow, 200);
    assert!(requests_to(&sent, call.caller.flow, "INFO").is_empty());
    assert_eq!(presses(&call.desk), 1);
}

#[test]
fn a_phone_for_which_events_are_set_is_offered_them_by_who_has_none_and_is_never_sent_an_info() {
    let mut call = talk([Dtmf::Auto, Dtmf::Rfc4733], WITHOUT, TAKES_INFO, PCMA_ADDED);
    assert!(call.offer.contains("telephone-event/8000"), "{}", call.offer);
    let found = conversion(&call).expect("a conversion");
    assert_eq!((found.what, found.b.keys_are_told), (Converted::Keys, false));
    let key = info(&mut call.caller, "application/dtmf-relay", "Signal=7\r\n");
    let sent = call.desk.receive(call.caller.flow, &key);
    answer_to(&sent, call.caller.flow, 200);
    assert!(requests_to(&sent, call.bob.flow, "INFO").is_empty());
    assert_eq!(presses(&call.desk), 1, "it is an event");
    // It did not take them: sound, and no INFO for all that it would take one.
    let mut call = talk([Dtmf::Auto, Dtmf::Rfc4733], WITHOUT, TAKES_INFO, WITHOUT);
    let key = info(&mut call.caller, "application/dtmf-relay", "Signal=7\r\n");
    let sent = call.desk.receive(call.caller.flow, &key);
    answer_to(&sent, call.caller.flow, 200);
    assert!(requests_to(&sent, call.bob.flow, "INFO").is_empty());
    assert_eq!(presses(&call.desk), 1);
}

/// Under the number that was free when they were offered.
const PCMA_ADDED: (&str, &str) = ("8 97", "a=rtpmap:97 telephone-event/8000\r\n");

/// Nothing finds keys in sound that we cannot decode, so what an INFO says of them is all there is.
#[test]
fn a_key_in_an_info_of_a_phone_whose_sound_is_not_searched_is_an_event() {
    let g729 = "a=rtpmap:18 G729/8000\r\n";
    let with_events = format!("{g729}a=rtpmap:101 telephone-event/8000\r\n");
    let mut call = talk([Dtmf::Inband, Dtmf::Auto], ("18 101", &with_events), "", ("18 101", &with_events));
    assert_eq!(formats(&call.answer), "18", "no events are agreed with it");
    let found = conversion(&call).is_some_and(|found| found.a.keys_in_sound || found.b.keys_in_sound);
    assert!(!found, "{:?}", conversion(&call));
    let key = info(&mut call.caller, "application/dtmf-relay", "Signal=7\r\n");
    let sent = call.desk.receive(call.caller.flow, &key);
    answer_to(&sent, call.caller.flow, 200);
    assert!(requests_to(&sent, call.bob.flow, "INFO").is_empty());
    assert_eq!(presses(&call.desk), 1);
}

/// What was agreed before it was set is not agreed anew by a restart: such a phone says a key by events and may play it besides.
#[test]
fn a_call_that_was_kept_with_events_is_not_searched_for_what_is_set_meanwhile() {
    let mut call = talk([Dtmf::Auto, Dtmf::Auto], PCMA, "", PCMA);
    assert_eq!((formats(&call.answer), conversion(&call)), ("8 101", None));
    let account = call.desk.office.world.directory.account_of(&aor("alice")).expect("an account");
    let change =
        Change::DeviceChanged { aor: aor("alice"), device: account.devices[0].id, dtmf: Dtmf::Inband };
    apply(&call.desk.office.world, change);
    call.desk.pairs = Box::default();
    call.desk.crash();
    assert_eq!(call.desk.pairs.len(), 1, "the two are connected again");
    assert_eq!(conversion(&call), None);
}

/// What is set is in the directory, and so it is there after a restart, and the calls that were kept go on with it.
#[test]
fn a_call_that_was_kept_goes_on_with_what_is_set() {
    let mut call = talk([Dtmf::Auto, Dtmf::Info], PCMA, TAKES_NONE, WITHOUT);
    call.desk.crash();
    let sent = call.hears(b'5');
    request_to(&sent, call.bob.flow, "INFO");
}
