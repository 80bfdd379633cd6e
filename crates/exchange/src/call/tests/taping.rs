//! Who is recorded, by whose word, and who is not; what is played to whom.

use super::profiles::{Kind, described_by, desk as desk_of, talk};
use super::transferring::{Three, three};
use super::*;
use crate::call_record::{Ask, CallRecordId, Hearer, NotRecorded, RecordOrder, Ticket, Told};
use crate::event::Event;
use crate::input::{Command, Input};
use crate::media::{MediaEvent, PromptId, TapeOrder};
use crate::testing::{Phone, aor, apply};
use coeur_directory::{AccountPatch, Change, RecordPolicy};

fn let_record(desk: &Desk, user: &str, record: RecordPolicy) {
    let patch = AccountPatch { record: Some(record), ..AccountPatch::default() };
    apply(&desk.office.world, Change::AccountChanged { aor: aor(user), patch });
}

fn ask(desk: &mut Desk, ask: Ask) -> Option<Told> {
    desk.handle(Input::Told(Command::Asked { ticket: Ticket(7), ask }));
    desk.office.told.pop().map(|(_, told)| told)
}

fn call(desk: &mut Desk) -> CallRecordId {
    match ask(desk, Ask::List { account: None, limit: 1 }) {
        Some(Told::Calls { calls, .. }) => calls[0].id,
        other => panic!("{other:?}"),
    }
}

fn order(desk: &mut Desk, order: RecordOrder) -> Option<Result<(), NotRecorded>> {
    let id = call(desk);
    match ask(desk, Ask::Record { id, order, by: "root".into() }) {
        Some(Told::Taped(done)) => done,
        other => panic!("{other:?}"),
    }
}

/// What the media plane was told, in its words.
fn orders(desk: &Desk) -> Vec<String> {
    let word = |order: &TapeOrder| match order {
        TapeOrder::Begin { asked_by, .. } => format!("begin by {asked_by}"),
        TapeOrder::Pause => "pause".to_owned(),
        TapeOrder::Resume => "resume".to_owned(),
        TapeOrder::End => "end".to_owned(),
    };
    desk.tapes.iter().map(|(_, _, order)| word(order)).collect()
}

fn talking(policy: RecordPolicy) -> (Desk, Phone, Phone, Ua, Ua) {
    let (mut desk, mut alice, bob) = Desk::new();
    let_record(&desk, "bob", policy);
    let (caller, callee) = desk.talk(&mut alice, &bob);
    (desk, alice, bob, caller, callee)
}

#[test]
fn nobody_is_recorded_whose_account_does_not_let_it() {
    let (mut desk, alice, _, mut caller, _) = talking(RecordPolicy::Off);
    for wanted in [RecordOrder::Start, RecordOrder::Resume] {
        assert_eq!(order(&mut desk, wanted), Some(Err(NotRecorded::Policy)));
    }
    for wanted in [RecordOrder::Pause, RecordOrder::Stop] {
        assert_eq!(order(&mut desk, wanted), Some(Err(NotRecorded::NotRunning)));
    }
    let info = caller.request("INFO", "Record: on\r\n", "");
    let sent = desk.receive(alice.flow, &info);
    assert!(answer_to(&sent, alice.flow, 403).text().contains("Recording Not Permitted"));
    assert_eq!(orders(&desk), Vec::<String>::new());
}

/// One of them may say on, and the other off.
#[test]
fn two_record_headers_in_one_info_are_refused() {
    let (mut desk, alice, bob, mut caller, _) = talking(RecordPolicy::OnDemand);
    for lines in ["Record: on\r\nRecord: off\r\n", "Record: off\r\nrecord: on\r\n"] {
        let info = caller.request("INFO", lines, "");
        let sent = desk.receive(alice.flow, &info);
        assert!(answer_to(&sent, alice.flow, 400).text().contains("Two Record Headers"));
        assert!(requests_to(&sent, bob.flow, "INFO").is_empty());
    }
    assert_eq!(orders(&desk), Vec::<String>::new());
}

#[test]
fn an_operator_begins_pauses_and_ends_a_recording_of_the_caller_left_and_the_callee_right() {
    let (mut desk, alice, bob, mut caller, _) = talking(RecordPolicy::OnDemand);
    assert_eq!(order(&mut desk, RecordOrder::Pause), Some(Err(NotRecorded::NotRunning)));
    for wanted in [
        RecordOrder::Start,
        RecordOrder::Start,
        RecordOrder::Pause,
        RecordOrder::Pause,
        RecordOrder::Resume,
        RecordOrder::Stop,
    ] {
        assert_eq!(order(&mut desk, wanted), Some(Ok(())));
    }
    assert_eq!(orders(&desk), ["begin by root", "pause", "resume", "end"]);
    assert_eq!(order(&mut desk, RecordOrder::Stop), Some(Err(NotRecorded::NotRunning)));
    let (left, right, _) = &desk.tapes[0];
    let port = |id| desk.open[id].as_ref().and_then(|peer| Some(peer.streams[0].as_ref()?.rtp.port()));
    assert_eq!((port(left), port(right)), (Some(4_000), Some(5_000)));
    assert_eq!(desk.office.exchange.counters().calls_recorded, 1);
    let id = call(&mut desk);
    let bye = caller.request("BYE", "", "");
    let sent = desk.receive(alice.flow, &bye);
    let told = request_to(&sent, bob.flow, "BYE").clone();
    desk.receive(bob.flow, &reply(&told, 200, "", "", ""));
    let late = ask(&mut desk, Ask::Record { id, order: RecordOrder::Start, by: "root".into() });
    assert_eq!(late, Some(Told::Taped(None)), "no call of this shard");
}

#[test]
fn a_call_of_an_account_that_has_all_recorded_is_recorded_from_its_answer_on_once() {
    let (mut desk, alice, bob, mut caller, mut callee) = talking(RecordPolicy::All);
    assert_eq!(orders(&desk), ["begin by policy"]);
    let offer = described("10.0.0.1", 4_000, 2, "a=sendonly\r\n");
    let hold = caller.request("INVITE", "", &offer);
    let sent = desk.receive(alice.flow, &hold);
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 200, "", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    assert_eq!(orders(&desk), ["begin by policy"], "a hold is no new call");
    // It is not for the phone to say.
    let info = callee.request("INFO", "Record: off\r\n", "");
    let sent = desk.receive(bob.flow, &info);
    answer_to(&sent, bob.flow, 403);
    assert_eq!(order(&mut desk, RecordOrder::Stop), Some(Ok(())));
    assert_eq!(orders(&desk), ["begin by policy", "end"]);
}

/// Nothing is recorded while it rings, though somebody hears early media.
#[test]
fn a_call_that_is_not_answered_is_not_recorded() {
    let (mut desk, mut alice, bob) = Desk::new();
    let_record(&desk, "alice", RecordPolicy::All);
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 183, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    assert_eq!(orders(&desk), Vec::<String>::new());
    assert_eq!(order(&mut desk, RecordOrder::Start), Some(Err(NotRecorded::NotAnswered)));
}

#[test]
fn the_record_key_of_a_phone_records_and_ends_it_and_is_not_told_to_the_other() {
    let (mut desk, _, bob, _, mut callee) = talking(RecordPolicy::OnDemand);
    for value in ["on", "OFF"] {
        let info = callee.request("INFO", &format!("Record: {value}\r\n"), "");
        let sent = desk.receive(bob.flow, &info);
        answer_to(&sent, bob.flow, 200);
        assert_eq!(sent.len(), 1, "{}", dump(&sent));
    }
    assert_eq!(orders(&desk), [format!("begin by {}", aor("bob")), "end".to_owned()]);
}

/// The other side has no say: her own account does not let her.
#[test]
fn the_record_key_counts_for_the_account_of_its_phone_alone() {
    let (mut desk, alice, _, mut caller, _) = talking(RecordPolicy::OnDemand);
    let info = caller.request("INFO", "Record: on\r\n", "");
    let sent = desk.receive(alice.flow, &info);
    answer_to(&sent, alice.flow, 403);
    assert_eq!(orders(&desk), Vec::<String>::new());
}

/// What the account of the other side or the operator demands is not for a phone to end, though its own account lets it record.
#[test]
fn a_phone_neither_pauses_nor_ends_what_it_has_not_begun() {
    for (by_policy, was_paused) in [(true, false), (false, false), (false, true)] {
        let (mut desk, mut alice, bob) = Desk::new();
        let_record(&desk, "alice", RecordPolicy::OnDemand);
        let_record(&desk, "bob", if by_policy { RecordPolicy::All } else { RecordPolicy::Off });
        let (mut caller, _) = desk.talk(&mut alice, &bob);
        let mut press = |desk: &mut Desk, value: &str, status: u16| {
            let info = caller.request("INFO", &format!("Record: {value}\r\n"), "");
            let sent = desk.receive(alice.flow, &info);
            answer_to(&sent, alice.flow, status);
        };
        if !by_policy {
            // The phone was first, and then the operator wants it too.
            press(&mut desk, "on", 200);
            if was_paused {
                press(&mut desk, "pause", 200);
            }
            assert_eq!(order(&mut desk, RecordOrder::Start), Some(Ok(())));
        }
        for value in ["pause", "off"] {
            press(&mut desk, value, 403);
        }
        assert_eq!(order(&mut desk, RecordOrder::Pause), Some(Ok(())));
        for value in ["resume", "on", "off"] {
            press(&mut desk, value, 403);
        }
        let begun =
            if by_policy { "begin by policy".to_owned() } else { format!("begin by {}", aor("alice")) };
        let orders = orders(&desk);
        assert_eq!((&orders[0], &orders[orders.len() - 1]), (&begun, &"pause".to_owned()), "{orders:?}");
    }
}

/// With the policy the right to begin goes, and not that to end.
#[test]
fn a_recording_is_paused_and_ended_though_nobody_may_be_recorded_any_more() {
    for by_phone in [true, false] {
        let (mut desk, _, bob, _, mut callee) = talking(RecordPolicy::OnDemand);
        let mut wanted = |desk: &mut Desk, value: &str, wanted: RecordOrder| match by_phone {
            true => {
                let info = callee.request("INFO", &format!("Record: {value}\r\n"), "");
                let sent = desk.receive(bob.flow, &info);
                sent.iter().any(|sent| sent.text().starts_with("SIP/2.0 200"))
            }
            false => order(desk, wanted) == Some(Ok(())),
        };
        assert!(wanted(&mut desk, "on", RecordOrder::Start));
        let_record(&desk, "bob", RecordPolicy::Off);
        assert!(wanted(&mut desk, "pause", RecordOrder::Pause));
        assert!(!wanted(&mut desk, "resume", RecordOrder::Resume));
        assert!(wanted(&mut desk, "off", RecordOrder::Stop));
        assert!(!wanted(&mut desk, "on", RecordOrder::Start));
        assert_eq!(orders(&desk)[1..], ["pause", "end"]);
    }
}

/// Alice, who talks with bob and with carol, gives them to each other; carol's account is of this policy.
fn given_to_each_other(policy: RecordPolicy, before: impl FnOnce(&mut Three, &mut Ua)) -> Three {
    let mut three = three();
    let_record(&three.desk, "carol", policy);
    let (mut second, _) = attending::ask_carol(&mut three, true);
    before(&mut three, &mut second);
    let sent = attending::refer(&mut three, &attending::replaces(&second));
    let ask = request_to(&sent, three.carol, "INVITE").clone();
    let offer = described("10.0.0.3", 6_000, 2, "");
    let sent = three.desk.receive(three.carol, &reply(&ask, 200, "", &contact(three.carol), &offer));
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "");
    three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    three
}

fn press(three: &mut Three, phone: &mut Ua, value: &str) {
    let info = phone.request("INFO", &format!("Record: {value}\r\n"), "");
    let sent = three.desk.receive(phone.flow, &info);
    answer_to(&sent, phone.flow, 200);
}

/// The media plane ends a tape with the connection of its two sides.
#[test]
fn who_was_given_to_somebody_else_is_recorded_with_him_too() {
    let three = given_to_each_other(RecordPolicy::All, |_, _| {});
    assert_eq!(orders(&three.desk), ["begin by policy", "begin by policy"]);
    let [(left, right, _), (again, with, _)] = &three.desk.tapes[..] else { panic!("two orders") };
    assert!([left, right] != [again, with], "other sides");
}

#[test]
fn what_was_recorded_on_demand_goes_on_with_the_next_as_it_was_unless_who_wanted_it_has_left() {
    let let_alice = |three: &Three| let_record(&three.desk, "alice", RecordPolicy::OnDemand);
    let three = given_to_each_other(RecordPolicy::Off, |three, second| {
        let_alice(three);
        press(three, second, "on");
    });
    assert_eq!(orders(&three.desk), [format!("begin by {}", aor("alice"))], "she has left");
    let mut three = given_to_each_other(RecordPolicy::All, |three, _| {
        let id = three.desk.tapes.iter().find_map(|(_, _, order)| match order {
            TapeOrder::Begin { call, .. } => Some(*call),
            TapeOrder::Pause | TapeOrder::Resume | TapeOrder::End => None,
        });
        let id = id.expect("by policy");
        let pause = Ask::Record { id, order: RecordOrder::Pause, by: "root".into() };
        assert_eq!(ask(&mut three.desk, pause), Some(Told::Taped(Some(Ok(())))));
    });
    assert_eq!(orders(&three.desk), ["begin by policy", "pause", "begin by policy", "pause"]);
    assert_eq!(order(&mut three.desk, RecordOrder::Resume), Some(Ok(())));
    assert_eq!(orders(&three.desk).last().map(String::as_str), Some("resume"));
}

/// Bob wanted it in his call with alice, who gives him to carol.
#[test]
fn what_was_recorded_of_the_first_call_goes_on_with_the_next_too() {
    let three = given_to_each_other(RecordPolicy::OnDemand, |three, _| {
        let_record(&three.desk, "bob", RecordPolicy::OnDemand);
        let mut bob = three.callee.clone();
        press(three, &mut bob, "on");
        three.callee = bob;
    });
    let begun = format!("begin by {}", aor("bob"));
    assert_eq!(orders(&three.desk), [begun.clone(), begun]);
}

/// What a phone has begun and ended was of the two who were: it takes nothing from the policy of the next.
#[test]
fn who_has_all_recorded_is_recorded_with_the_next_whatever_was_pressed_before() {
    let three = given_to_each_other(RecordPolicy::Off, |three, second| {
        let_record(&three.desk, "alice", RecordPolicy::OnDemand);
        press(three, second, "on");
        press(three, second, "off");
        let_record(&three.desk, "bob", RecordPolicy::All);
    });
    assert_eq!(orders(&three.desk)[1..], ["end", "begin by policy"]);
}

/// What can be done may be another thing after a hold, or in an hour: whoever asks is not told that it is done.
#[test]
fn what_the_media_plane_could_not_record_can_be_begun_again() {
    let (mut desk, ..) = talking(RecordPolicy::OnDemand);
    assert_eq!(order(&mut desk, RecordOrder::Start), Some(Ok(())));
    let id = desk.tapes[0].0;
    desk.handle(Input::MediaEvent(MediaEvent::NotTaped { id }));
    assert_eq!(order(&mut desk, RecordOrder::Pause), Some(Err(NotRecorded::NotRunning)));
    assert_eq!(order(&mut desk, RecordOrder::Start), Some(Ok(())));
    assert_eq!(orders(&desk), ["begin by root", "begin by root"]);
}

#[test]
fn a_call_whose_keys_are_the_devices_own_is_not_recorded_and_it_is_told_why() {
    let (mut desk, alice, bob) = desk_of(Kind::Web, Kind::Web);
    desk.office.world.settings.end_to_end = true;
    let_record(&desk, "bob", RecordPolicy::All);
    let mut desk = talk(desk, alice, &bob, &described_by(Kind::Web)).desk;
    assert_eq!(orders(&desk), Vec::<String>::new());
    assert_eq!(order(&mut desk, RecordOrder::Start), Some(Err(NotRecorded::EndToEnd)));
    let is_told = |event: &Event| matches!(event, Event::Notice { text, .. } if text.contains("e2e"));
    assert_eq!(desk.office.events.iter().filter(|event| is_told(event)).count(), 1);
}

#[test]
fn a_call_to_a_service_is_not_recorded() {
    let (mut desk, mut alice, _) = Desk::new();
    let_record(&desk, "alice", RecordPolicy::All);
    desk.invite(&mut alice, "sip:echo@example.org", "", &sdp("10.0.0.1", 4_000));
    assert_eq!(order(&mut desk, RecordOrder::Start), Some(Err(NotRecorded::Service)));
    assert_eq!(orders(&desk), Vec::<String>::new());
}

#[test]
fn what_is_played_is_for_one_side_or_for_both() {
    let (mut desk, ..) = talking(RecordPolicy::Off);
    let id = call(&mut desk);
    let prompt = Some(PromptId(3));
    for (to, count) in [(Hearer::Caller, 1), (Hearer::Callee, 1), (Hearer::Both, 2)] {
        desk.prompts.clear();
        assert_eq!(ask(&mut desk, Ask::Play { id, prompt, to }), Some(Told::Taped(Some(Ok(())))));
        assert_eq!(desk.prompts.len(), count, "{to:?}");
        let port = |id| desk.open[id].as_ref().and_then(|peer| Some(peer.streams[0].as_ref()?.rtp.port()));
        let heard = desk.prompts.iter().filter_map(|(id, _)| port(id)).collect::<Vec<_>>();
        assert_eq!(heard.contains(&4_000), to != Hearer::Callee);
        assert_eq!(heard.contains(&5_000), to != Hearer::Caller);
    }
}
