//! An INVITE that comes to no call: who could not be reached, and why, is on record.

use super::*;
use crate::call_record::CallRecord;
use crate::event::{EndedBy, Event};
use crate::guard::unreached::RECORDS_OF_ACCOUNT_MAX;
use crate::testing::{Phone, aor};
use coeur_sip::Method;

fn records(desk: &Desk) -> Vec<&CallRecord> {
    let events = desk.office.events.iter();
    events
        .filter_map(|event| if let Event::CallEnded(record) = event { Some(&**record) } else { None })
        .collect()
}

#[test]
fn an_invite_that_reaches_nobody_has_one_record_that_says_whom_it_was_for_and_why() {
    let plain = sdp("10.0.0.1", 4_000);
    let without_keys = plain.replace("RTP/AVP", "RTP/SAVP");
    for (uri, body, status) in [
        ("sip:carol@example.org", &*plain, 480),
        ("sip:nobody@example.org", &plain, 404),
        ("sip:anybody@example.net", &plain, 403),
        (URI, &without_keys, 488),
        ("sip:*8nobody@example.org", &plain, 404),
    ] {
        let (mut desk, mut alice, _) = Desk::new();
        let (request, sent) = desk.invite(&mut alice, uri, "", body);
        answer_to(&sent, alice.flow, status);
        // Its answer was lost, and it comes again.
        desk.receive(alice.flow, &request);
        let records = records(&desk);
        let [record] = records[..] else { panic!("{uri} {status}: {records:?}") };
        assert_eq!((record.status, record.ended_by), (status, EndedBy::Exchange), "{uri}");
        assert_eq!((&*record.to, record.callee.as_ref()), (uri.as_bytes(), None));
        assert_eq!(record.caller.account, Some(aor("alice")));
        assert_eq!(&*record.caller.address, b"<sip:alice@example.org>");
        assert_eq!(record.caller.flow, Some((alice.flow.transport, alice.flow.remote)));
        assert_eq!((record.answered, record.rang_after_ms), (None, None));
        assert_eq!(record.started, record.ended);
        let counters = desk.office.exchange.counters();
        assert_eq!((counters.calls_unreached, counters.calls_started), (1, 0));
        desk.assert_at_rest();
    }
}

#[test]
fn a_call_that_a_limit_forbids_is_on_record() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.office.world.settings.calls_per_account_max = 1;
    desk.talk(&mut alice, &bob);
    alice.call = "-again".into();
    let (_, sent) = desk.invite(&mut alice, "sip:carol@example.org", "", &sdp("10.0.0.1", 4_000));
    let status = sent.iter().map(Sent::status).find(|status| *status >= 300).expect("refused");
    assert_eq!(records(&desk).iter().map(|record| record.status).collect::<Vec<_>>(), [status]);
}

/// Who has proved nothing, and an INVITE that a phone makes anew by itself.
#[test]
fn a_challenge_and_a_session_too_short_leave_no_record() {
    let (mut desk, mut alice, _) = Desk::new();
    let bare = alice.request(Method::Invite, "sip:nobody@example.org", "");
    desk.receive(alice.flow, &bare);
    let mut wrong = Phone::new("alice", alice.flow);
    wrong.secret = "wrong".into();
    wrong.call = "-wrong".into();
    desk.invite(&mut wrong, "sip:nobody@example.org", "", "");
    let short = "Session-Expires: 91\r\nSupported: timer\r\n";
    desk.office.world.settings.session_expires_min_s = 120;
    alice.call = "-short".into();
    let (_, sent) = desk.invite(&mut alice, URI, short, &sdp("10.0.0.1", 4_000));
    answer_to(&sent, alice.flow, 422);
    assert_eq!(records(&desk).len(), 0);
}

#[test]
fn who_dials_on_and_on_is_counted_and_not_recorded() {
    let (mut desk, mut alice, _) = Desk::new();
    for attempt in 0..RECORDS_OF_ACCOUNT_MAX + 5 {
        alice.call = format!("-{attempt}");
        desk.invite(&mut alice, "sip:nobody@example.org", "", "");
    }
    assert_eq!(records(&desk).len(), RECORDS_OF_ACCOUNT_MAX);
    let counters = desk.office.exchange.counters();
    assert_eq!(counters.calls_unreached, RECORDS_OF_ACCOUNT_MAX as u64 + 5);
    assert_eq!(counters.calls_unreached_unrecorded, 5);
}

#[test]
fn who_was_not_reached_is_on_record_after_a_crash_too() {
    let (mut desk, mut alice, _) = Desk::new();
    desk.invite(&mut alice, "sip:nobody@example.org", "", "");
    let record = records(&desk)[0].clone();
    assert_eq!(desk.crash_only().ended, [record]);
}

/// Where calls are relayed no call has a record, and so this has none either.
#[test]
fn a_proxy_keeps_no_record_of_who_was_not_reached() {
    let (mut desk, mut alice, _) = Desk::new();
    desk.office.world.settings.calls = crate::world::CallMode::Proxy;
    let (_, sent) = desk.invite(&mut alice, "sip:nobody@example.org", "", "");
    answer_to(&sent, alice.flow, 404);
    assert_eq!(records(&desk).len(), 0);
}
