//! When it is asked why a call is silent, and what is told.

use super::following::phone_at;
use super::*;
use crate::event::{Event, Looked};
use crate::input::Input;
use crate::media::{MediaEvent, MediaId, Recent, Report, StreamKind, StreamReport, Way};
use crate::silence::{Cause, Side};

/// The media of alice's leg, which was opened first, and of bob's.
fn legs(desk: &Desk) -> [MediaId; 2] {
    let (a, b) = desk.connected.expect("connected");
    [a, b]
}

pub(super) fn report(received: u64) -> Box<Report> {
    let way = Way { packets: received, ..Way::default() };
    let stream = StreamReport {
        kind: StreamKind::Audio,
        received: way,
        sent: way,
        round_trip_us: None,
        heard_from: None,
        sends_to: None,
        drops: Box::default(),
        refused: None,
        misfit: None,
        taken: None,
        claimed: None,
        missed_percent: None,
        srtp_index: None,
        ice: Default::default(),
        dtls: Default::default(),
        recent: Recent { span_ms: 2_000, settled_ms: 4_000, received, sent: received, ..Recent::default() },
    };
    Box::new(Report { streams: [Some(stream)].into() })
}

fn told(desk: &mut Desk) -> Vec<Looked> {
    let events = std::mem::take(&mut desk.office.events);
    let looked = |event| match event {
        Event::CallLooked(looked) => Some(*looked),
        _ => None,
    };
    events.into_iter().filter_map(looked).collect()
}

/// How often both sides were asked since the last time.
fn asked(desk: &mut Desk) -> usize {
    let said = std::mem::take(&mut desk.said);
    said.iter().filter(|said| **said == "Report").count()
}

fn answer(desk: &mut Desk, received: [u64; 2]) {
    for (id, received) in legs(desk).into_iter().zip(received) {
        desk.handle(Input::MediaEvent(MediaEvent::Reported { id, report: report(received) }));
    }
}

#[test]
fn some_seconds_after_the_answer_both_sides_are_asked_and_what_is_seen_is_told_once() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.talk(&mut alice, &bob);
    assert_eq!(asked(&mut desk), 0);
    desk.pass(Duration::from_secs(3));
    assert_eq!(asked(&mut desk), 0, "phones take their time");
    desk.pass(Duration::from_millis(1_100));
    assert_eq!(asked(&mut desk), 2);
    answer(&mut desk, [200, 200]);
    let looked = told(&mut desk);
    assert_eq!((looked.len(), looked[0].verdicts.len()), (1, 0), "{looked:?}");
    assert_ne!(looked[0].caller.call_id, looked[0].callee.call_id);
    assert_eq!(looked[0].caller.said.map(|at| at.port()), Some(4_000));
    desk.pass(Duration::from_secs(60));
    assert_eq!((asked(&mut desk), told(&mut desk).len()), (0, 0));
}

#[test]
fn a_doubt_is_asked_about_at_once_and_each_cause_of_a_side_is_told_once() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.mute = true;
    desk.talk(&mut alice, &bob);
    asked(&mut desk);
    let doubt = |desk: &mut Desk| {
        let id = legs(desk)[1];
        desk.handle(Input::MediaEvent(MediaEvent::Doubted { id }));
    };
    doubt(&mut desk);
    doubt(&mut desk);
    assert_eq!(asked(&mut desk), 2, "a second question waits");
    answer(&mut desk, [200, 0]);
    let looked = told(&mut desk);
    let news: Vec<_> = looked[0].news.iter().map(|verdict| (verdict.side, verdict.cause)).collect();
    assert_eq!(news, [(Side::Callee, Cause::PrivateAddress)]);
    desk.pass(Duration::from_millis(1_000));
    doubt(&mut desk);
    answer(&mut desk, [200, 0]);
    assert_eq!(told(&mut desk).len(), 0, "it was told");
    desk.pass(Duration::from_millis(1_000));
    doubt(&mut desk);
    answer(&mut desk, [0, 0]);
    let looked = told(&mut desk);
    let news: Vec<_> = looked[0].news.iter().map(|verdict| (verdict.side, verdict.cause)).collect();
    assert_eq!(news, [(Side::Caller, Cause::SipAlg)], "the other side is news");
    assert_eq!(looked[0].verdicts.len(), 2);
}

#[test]
fn the_record_of_a_call_names_the_last_reason_of_its_silence() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (mut caller, _) = desk.talk(&mut alice, &bob);
    let id = legs(&desk)[0];
    desk.handle(Input::MediaEvent(MediaEvent::Doubted { id }));
    answer(&mut desk, [0, 200]);
    let bye = caller.request("BYE", "", "");
    desk.receive(alice.flow, &bye);
    let verdict = desk.office.events.iter().find_map(|event| match event {
        Event::CallEnded(record) => record.verdict.clone(),
        _ => None,
    });
    assert_eq!(verdict.map(|verdict| (verdict.side, verdict.cause)), Some((Side::Caller, Cause::SipAlg)));
}

#[test]
fn a_phone_that_is_followed_where_it_has_registered_and_does_not_take_its_media_along_is_told_so() {
    let mut desk = Desk::empty();
    let mut alice = desk.register("alice", udp(ALICE), "");
    let mut bob = phone_at(&mut desk, udp(BOB), BOB);
    desk.talk(&mut alice, &bob);
    let ids = legs(&desk);
    bob.flow = udp("198.51.100.77:5060");
    assert_eq!(desk.office.register(&mut bob).status(), 200);
    desk.handle(Input::MediaEvent(MediaEvent::Quiet { id: ids[1] }));
    assert_eq!(desk.office.exchange.counters().phones_followed, 1);
    told(&mut desk);
    desk.handle(Input::MediaEvent(MediaEvent::Doubted { id: ids[1] }));
    for (id, received) in ids.into_iter().zip([200, 0]) {
        desk.handle(Input::MediaEvent(MediaEvent::Reported { id, report: report(received) }));
    }
    let looked = told(&mut desk);
    let mut news = looked.iter().flat_map(|looked| &looked.news);
    let first = news.next().map(|verdict| (verdict.side, verdict.cause, &*verdict.values[0]));
    assert_eq!(first, Some((Side::Callee, Cause::DeviceMoved, "198.51.100.77:5060")));
}

/// RFC 3261 section 13.3.1.4.
#[test]
fn an_answer_that_is_not_acknowledged_is_told() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("192.0.2.11", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("192.0.2.22", 5_000)));
    desk.pass(Duration::from_millis(4_200));
    answer(&mut desk, [200, 200]);
    let looked = told(&mut desk);
    let news: Vec<_> = looked[0].news.iter().map(|verdict| (verdict.side, verdict.cause)).collect();
    assert_eq!(news, [(Side::Caller, Cause::NoAck)]);
}

#[test]
fn a_side_for_which_there_is_no_port_is_told() {
    let (mut desk, mut alice, _) = Desk::new();
    desk.full = true;
    desk.invite(&mut alice, URI, "", &sdp("192.0.2.11", 4_000));
    let looked = told(&mut desk);
    let news: Vec<_> = looked[0].news.iter().map(|verdict| (verdict.side, verdict.cause)).collect();
    assert_eq!(news, [(Side::Caller, Cause::NoPorts)]);
}

#[test]
fn a_hold_draws_no_verdict() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (mut caller, _) = desk.talk(&mut alice, &bob);
    let held = described("10.0.0.1", 4_000, 2, "a=sendonly\r\n");
    let sent = desk.receive(alice.flow, &caller.request("INVITE", "", &held));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let answered = described("10.0.0.2", 5_000, 2, "a=recvonly\r\n");
    desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &answered));
    desk.receive(alice.flow, &caller.ack(""));
    desk.pass(Duration::from_millis(4_200));
    asked(&mut desk);
    answer(&mut desk, [200, 0]);
    let looked = told(&mut desk);
    assert!(looked.iter().all(|looked| looked.verdicts.is_empty()), "{looked:?}");
}
