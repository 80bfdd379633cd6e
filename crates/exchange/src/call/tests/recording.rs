//! What is said of calls: to who asks while they live, and in their records.

use super::attending::{ask_carol, refer, replaces};
use super::transferring::three;
use super::*;
use crate::call_record::{Ask, CallRecord, CallRecordId, LiveCall, LiveState, Ticket, Told};
use crate::event::{EndedBy, Event};
use crate::input::{Command, Input};
use crate::media::{DtlsState, IceState, Report, StreamKind, StreamReport, Way};
use crate::testing::{aor, apply};
use coeur_directory::{AccountId, AccountPatch, Change, ForwardingPatch};

fn records(desk: &Desk) -> Vec<&CallRecord> {
    let events = desk.office.events.iter();
    events
        .filter_map(|event| if let Event::CallEnded(record) = event { Some(&**record) } else { None })
        .collect()
}

fn ask(desk: &mut Desk, ask: Ask) -> (Option<Told>, Vec<Sent>) {
    let ticket = Ticket(7);
    let sent = desk.handle(Input::Told(Command::Asked { ticket, ask }));
    let told = desk.office.told.pop().map(|(named, told)| {
        assert_eq!(named, ticket);
        told
    });
    (told, sent)
}

fn list(desk: &mut Desk) -> Vec<LiveCall> {
    match ask(desk, Ask::List { account: None, limit: 10 }).0 {
        Some(Told::Calls { calls, more: false }) => calls,
        other => panic!("{other:?}"),
    }
}

fn measured(lost: u64) -> Report {
    let way = |packets| Way { packets, lost: Some(lost), ..Way::default() };
    let stream = StreamReport {
        kind: StreamKind::Audio,
        received: way(500),
        sent: way(499),
        round_trip_us: Some(20_000),
        heard_from: None,
        sends_to: None,
        drops: Box::default(),
        refused: None,
        misfit: None,
        taken: None,
        claimed: None,
        missed_percent: None,
        srtp_index: None,
        recent: crate::media::Recent::default(),
        ice: IceState::Unused,
        dtls: DtlsState::Unused,
    };
    Report { streams: Box::new([Some(stream)]) }
}

fn lost(record: &CallRecord) -> [Option<u64>; 2] {
    let sides = [Some(&record.caller), record.callee.as_ref()];
    sides.map(|side| side?.report.as_ref()?.streams[0].as_ref()?.received.lost)
}

fn accounts(record: &CallRecord) -> [Option<String>; 2] {
    let sides = [Some(&record.caller), record.callee.as_ref()];
    sides.map(|side| side?.account.as_ref().map(|aor| aor.to_string()))
}

fn named(users: [&str; 2]) -> [Option<String>; 2] {
    users.map(|user| Some(aor(user).to_string()))
}

#[test]
fn a_record_says_who_spoke_how_and_what_was_measured_on_both_sides() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.report = measured(3);
    let (_, mut callee) = desk.talk_with(&mut alice, &bob, "", "Server: Soft Phone 2\r\n");
    desk.pass(Duration::from_secs(5));
    let bye = callee.request("BYE", "Reason: Q.850;cause=16\r\n", "");
    desk.receive(bob.flow, &bye);
    let records = records(&desk);
    let [record] = records[..] else { panic!("{records:?}") };
    assert_eq!((record.status, record.ended_by), (200, EndedBy::Callee));
    assert_eq!(record.reason.as_deref(), Some(&b"Q.850;cause=16"[..]));
    assert_eq!(accounts(record), named(["alice", "bob"]));
    assert_eq!(lost(record), [Some(3), Some(3)]);
    let callee = record.callee.as_ref().expect("bob");
    assert_eq!((&*record.caller.user_agent, &*callee.user_agent), (&b"testphone"[..], &b"Soft Phone 2"[..]));
    assert_eq!(callee.flow, Some((bob.flow.transport, bob.flow.remote)));
    let (_, audio) = callee.audio().expect("audio");
    assert_eq!((audio.codec.as_deref(), audio.promised.port()), (Some("PCMU/8000"), 5_000));
    assert_ne!(callee.call_id, record.caller.call_id);
    let talked = record.ended.since(record.answered.expect("answered"));
    assert!((4_900..=5_000).contains(&talked.as_millis()), "{talked:?}");
    desk.assert_at_rest();
}

/// A worker that has died, or drowns.
#[test]
fn a_record_is_written_without_what_nobody_reported_in_time() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.report = measured(0);
    let (mut caller, _) = desk.talk(&mut alice, &bob);
    desk.mute = true;
    let bye = caller.request("BYE", "", "");
    desk.receive(alice.flow, &bye);
    assert_eq!((records(&desk).len(), desk.office.exchange.calls().records_owed()), (0, 1));
    desk.pass(Duration::from_millis(900));
    assert_eq!(records(&desk).len(), 0);
    desk.pass(Duration::from_millis(200));
    assert_eq!(records(&desk).iter().map(|record| lost(record)).collect::<Vec<_>>(), [[None, None]]);
    assert_eq!(desk.office.exchange.calls().records_owed(), 0);
    desk.assert_at_rest();
}

#[test]
fn a_call_that_nobody_answers_is_recorded_at_once_with_whom_it_was_for() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.mute = true;
    let patch =
        ForwardingPatch { busy: Some(Some("sip:carol@example.org".into())), ..ForwardingPatch::default() };
    let patch = AccountPatch { forwarding: patch, ..AccountPatch::default() };
    apply(&desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
    let carol = desk.register("carol", udp("192.0.2.33:5060"), "").flow;
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent = desk.receive(bob.flow, &reply(&invite, 486, "bobtag", "", ""));
    let invite = request_to(&sent, carol, "INVITE").clone();
    desk.receive(carol, &reply(&invite, 603, "caroltag", "", ""));
    let records = records(&desk);
    let [record] = records[..] else { panic!("{records:?}") };
    assert_eq!((record.status, record.answered, lost(record)), (603, None, [None, None]));
    assert_eq!(accounts(record), named(["alice", "carol"]));
    assert_eq!(&*record.to, URI.as_bytes());
    assert_eq!(record.forwarded.iter().map(|by| &*by.aor).collect::<Vec<_>>(), ["bob@example.org"]);
    desk.assert_at_rest();
}

/// Until alice leaves it is her call with carol; what follows is bob's.
#[test]
fn an_attended_transfer_makes_a_record_of_each_pair_that_talked() {
    let mut three = three();
    three.desk.report = measured(1);
    let (second, _) = ask_carol(&mut three, true);
    let sent = refer(&mut three, &replaces(&second));
    let asked = request_to(&sent, three.carol, "INVITE").clone();
    let offer = described("10.0.0.3", 6_000, 2, "");
    let sent = three.desk.receive(three.carol, &reply(&asked, 200, "", &contact(three.carol), &offer));
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "");
    three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    three.desk.pass(Duration::from_secs(60));
    let bye = three.callee.request("BYE", "", "");
    three.desk.receive(three.bob, &bye);
    let records = records(&three.desk);
    let mut pairs: Vec<_> = records.iter().map(|record| (accounts(record), record.ended_by)).collect();
    assert_eq!(pairs.pop(), Some((named(["bob", "carol"]), EndedBy::Caller)));
    pairs.sort();
    let alices = [named(["alice", "bob"]), named(["alice", "carol"])].map(|pair| (pair, EndedBy::Caller));
    assert_eq!(pairs, alices);
    let of = |pair| records.iter().find(|record| accounts(record) == named(pair)).expect("a record");
    assert_eq!(of(["bob", "carol"]).transfer_of, Some(of(["alice", "bob"]).id));
    assert!(records.iter().all(|record| lost(record) == [Some(1), Some(1)]), "{records:?}");
    three.desk.assert_at_rest();
}

#[test]
fn a_call_is_listed_ringing_answered_held_and_then_no_more() {
    let (mut desk, mut alice, bob) = Desk::new();
    assert!(list(&mut desk).is_empty());
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let ringing = list(&mut desk).remove(0);
    assert_eq!((ringing.state, ringing.answered, ringing.protection), (LiveState::Ringing, None, None));
    assert_eq!(ringing.callee.and_then(|side| side.account), Some(aor("bob")));
    let ok = reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000));
    let sent = desk.receive(bob.flow, &ok);
    let mut caller = Ua::caller(alice.flow, &request, answer_to(&sent, alice.flow, 200));
    let ack = caller.ack("");
    desk.receive(alice.flow, &ack);
    let answered = list(&mut desk).remove(0);
    assert_eq!((answered.id, answered.state), (ringing.id, LiveState::Answered));
    assert!(answered.answered.is_some() && answered.protection.is_some());
    let hold = caller.request("INVITE", "", &described("10.0.0.1", 4_000, 2, "a=sendonly\r\n"));
    let sent = desk.receive(alice.flow, &hold);
    let offer = request_to(&sent, bob.flow, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "a=recvonly\r\n");
    desk.receive(bob.flow, &reply(&offer, 200, "", &contact(bob.flow), &answer));
    assert_eq!(list(&mut desk)[0].state, LiveState::Held);
    let of = |account| Ask::List { account: Some(AccountId(account)), limit: 10 };
    for (account, count) in [(1, 1), (2, 1), (3, 0)] {
        let Some(Told::Calls { calls, .. }) = ask(&mut desk, of(account)).0 else { panic!("no list") };
        assert_eq!(calls.len(), count, "account {account}");
    }
    let bye = caller.request("BYE", "", "");
    desk.receive(alice.flow, &bye);
    assert!(list(&mut desk).is_empty());
    desk.assert_at_rest();
}

#[test]
fn a_list_has_no_more_than_was_asked_for_and_says_so() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.talk(&mut alice, &bob);
    let told = ask(&mut desk, Ask::List { account: None, limit: 0 }).0;
    assert_eq!(told, Some(Told::Calls { calls: Vec::new(), more: true }));
}

#[test]
fn who_is_asked_for_one_call_hears_what_is_measured_of_it_now() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.report = measured(2);
    desk.talk(&mut alice, &bob);
    let id = list(&mut desk)[0].id;
    let Some(Told::Call(Some(call))) = ask(&mut desk, Ask::Show(id)).0 else { panic!("no call") };
    let reports = [call.caller.report, call.callee.and_then(|side| side.report)];
    assert_eq!(reports, [Some(Box::new(measured(2))), Some(Box::new(measured(2)))]);
    assert_eq!(ask(&mut desk, Ask::Show(CallRecordId(1))).0, Some(Told::Call(None)));
    // Nobody waits for a worker that does not answer.
    desk.mute = true;
    assert_eq!(ask(&mut desk, Ask::Show(id)).0, None);
    desk.pass(Duration::from_millis(1_100));
    let told = desk.office.told.pop();
    let Some((Ticket(7), Told::Call(Some(call)))) = told else { panic!("{told:?}") };
    assert_eq!((call.id, call.caller.report), (id, None));
}

#[test]
fn a_call_that_is_hung_up_from_outside_ends_on_both_sides() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.talk(&mut alice, &bob);
    let id = list(&mut desk)[0].id;
    let (told, sent) = ask(&mut desk, Ask::HangUp(CallRecordId(1)));
    assert_eq!((told, sent.len()), (Some(Told::HungUp(false)), 0));
    let (told, sent) = ask(&mut desk, Ask::HangUp(id));
    assert_eq!(told, Some(Told::HungUp(true)));
    for flow in [alice.flow, bob.flow] {
        let bye = request_to(&sent, flow, "BYE").clone();
        desk.receive(flow, &reply(&bye, 200, "", "", ""));
    }
    assert_eq!(records(&desk)[0].ended_by, EndedBy::Operator);
    // One that rings: the caller hears 480, who rings a CANCEL.
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "bobtag", &contact(bob.flow), ""));
    let id = list(&mut desk)[0].id;
    let (told, sent) = ask(&mut desk, Ask::HangUp(id));
    assert_eq!(told, Some(Told::HungUp(true)));
    answer_to(&sent, alice.flow, 480);
    request_to(&sent, bob.flow, "CANCEL");
    assert_eq!(records(&desk)[1].ended_by, EndedBy::Operator);
    desk.pass(Duration::from_secs(200));
    desk.assert_at_rest();
}
