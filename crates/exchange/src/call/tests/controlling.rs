//! What the operator does to a call: hold, mute, keys, transfer (decision 0064).

use super::originating::steps;
use super::transferring::{Three, three};
use super::*;
use crate::call_record::{
    Ask, CallRecordId, Hearer, LiveState, NamedDialog, NotControlled, Place, Ticket, Told, Verb,
};
use crate::event::Step;
use crate::input::{Command, Input};
use crate::media::{MediaCommand, Sound};
use crate::routing::Why;
use crate::testing::{aor, apply};
use coeur_directory::{AccountId, AccountPatch, Change, Destinations, TermsPatch};

fn ask(desk: &mut Desk, ask: Ask) -> (Told, Vec<Sent>) {
    let sent = desk.handle(Input::Told(Command::Asked { ticket: Ticket(7), ask }));
    (desk.office.told.pop().expect("an answer").1, sent)
}

fn the_call(desk: &mut Desk) -> (CallRecordId, LiveState) {
    match ask(desk, Ask::List { account: None, limit: 10 }).0 {
        Told::Calls { calls, .. } => (calls[0].id, calls[0].state),
        other => panic!("{other:?}"),
    }
}

fn control(desk: &mut Desk, verb: Verb) -> (Result<(), NotControlled>, Vec<Sent>) {
    let id = the_call(desk).0;
    match ask(desk, Ask::Control { id, verb }) {
        (Told::Controlled(Some(done)), sent) => (done, sent),
        (other, _) => panic!("{other:?}"),
    }
}

fn hold(side: Hearer, is_held: bool) -> Verb {
    Verb::Hold { side, is_held }
}

fn mute(side: Hearer, is_muted: bool) -> Verb {
    Verb::Mute { side, is_muted }
}

fn keys(side: Hearer, digits: &str, ms: u16) -> Verb {
    Verb::Keys { side, digits: digits.as_bytes().into(), ms }
}

fn transfer(side: Place, to: &str) -> Verb {
    Verb::Transfer { side, to: to.as_bytes().into() }
}

/// Whether what comes from alice and from bob is taken.
fn heard(desk: &Desk) -> [bool; 2] {
    [4_000, 5_000].map(|port| desk.peer_at(port).streams[0].as_ref().expect("audio").we_receive)
}

fn music(desk: &Desk) -> [Option<Sound>; 2] {
    [4_000, 5_000].map(|port| {
        let is_it = |id: &&crate::media::MediaId| {
            let peer = desk.open[*id].as_ref();
            peer.is_some_and(|peer| peer.streams.iter().flatten().any(|stream| stream.rtp.port() == port))
        };
        desk.playing.get(desk.open.keys().find(is_it).expect("an endpoint")).copied()
    })
}

#[test]
fn who_is_held_by_order_hears_music_and_nobody_else_until_it_is_taken_back() {
    let mut three = three();
    let desk = &mut three.desk;
    let (done, sent) = control(desk, hold(Hearer::Callee, true));
    assert_eq!(done, Ok(()));
    assert!(sent.is_empty(), "no phone is told: {}", dump(&sent));
    assert_eq!((heard(desk), music(desk)), ([false, false], [None, Some(Sound::Music)]));
    assert_eq!(the_call(desk).1, LiveState::Held);
    // What a phone says meanwhile of its own changes nothing of it.
    let offer = described("10.0.0.1", 4_000, 2, "a=sendonly\r\n");
    let request = three.caller.request("INVITE", "", &offer);
    let sent = three.desk.receive(three.caller.flow, &request);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "a=recvonly\r\n");
    three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    let ack = three.caller.ack("");
    three.desk.receive(three.caller.flow, &ack);
    let desk = &mut three.desk;
    assert_eq!((heard(desk), music(desk)), ([false, false], [None, Some(Sound::Music)]));
    assert_eq!(control(desk, hold(Hearer::Both, false)).0, Ok(()));
    assert_eq!(
        (heard(desk), music(desk)),
        ([true, false], [None, Some(Sound::Music)]),
        "bob is held by alice still"
    );
    let ended = three.caller.request("BYE", "", "");
    let sent = three.desk.receive(three.caller.flow, &ended);
    let bye = request_to(&sent, three.bob, "BYE").clone();
    three.desk.receive(three.bob, &reply(&bye, 200, "", "", ""));
    three.desk.assert_at_rest();
}

#[test]
fn who_is_muted_is_not_heard_and_hears() {
    let mut three = three();
    let desk = &mut three.desk;
    assert_eq!(control(desk, mute(Hearer::Caller, true)).0, Ok(()));
    assert_eq!(
        (heard(desk), music(desk), the_call(desk).1),
        ([false, true], [None, None], LiveState::Answered)
    );
    assert!(desk.peer_at(4_000).streams[0].as_ref().is_some_and(|stream| stream.we_send), "alice hears");
    assert_eq!(control(desk, mute(Hearer::Callee, true)).0, Ok(()));
    assert_eq!(heard(desk), [false, false]);
    assert_eq!(control(desk, mute(Hearer::Both, false)).0, Ok(()));
    assert_eq!(heard(desk), [true, true]);
}

/// Nobody is heard after a restart who was silenced before it.
#[test]
fn what_was_ordered_outlives_the_process() {
    let mut three = three();
    control(&mut three.desk, mute(Hearer::Caller, true)).0.expect("muted");
    control(&mut three.desk, hold(Hearer::Callee, true)).0.expect("held");
    three.desk.playing.clear();
    three.desk.crash();
    let desk = &mut three.desk;
    assert_eq!((heard(desk), music(desk)), ([false, false], [None, Some(Sound::Music)]));
    control(desk, hold(Hearer::Callee, false)).0.expect("resumed");
    assert_eq!(heard(desk), [false, true], "muted still");
    control(desk, mute(Hearer::Caller, false)).0.expect("heard");
    assert_eq!(heard(desk), [true, true]);
}

/// The door tells of the order; of what the phones do the exchange.
#[test]
fn an_order_is_no_step_of_the_phones_and_what_they_do_meanwhile_is() {
    let mut three = three();
    control(&mut three.desk, hold(Hearer::Callee, true)).0.expect("held");
    control(&mut three.desk, hold(Hearer::Callee, false)).0.expect("resumed");
    let holds = |desk: &Desk| {
        let is_hold = |step: &Step| matches!(step, Step::Held { .. } | Step::Resumed { .. });
        steps(desk).into_iter().map(|step| step.1).filter(is_hold).collect::<Vec<_>>()
    };
    assert_eq!(holds(&three.desk), []);
    control(&mut three.desk, hold(Hearer::Caller, true)).0.expect("held");
    let offer = described("10.0.0.1", 4_000, 2, "a=sendonly\r\n");
    let request = three.caller.request("INVITE", "", &offer);
    let sent = three.desk.receive(three.caller.flow, &request);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "a=recvonly\r\n");
    three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    assert_eq!(holds(&three.desk), [Step::Held { by_caller: true }]);
    let ack = three.caller.ack("");
    three.desk.receive(three.caller.flow, &ack);
    control(&mut three.desk, hold(Hearer::Caller, false)).0.expect("resumed");
    assert_eq!(holds(&three.desk), [Step::Held { by_caller: true }]);
}

/// A key, to whom (by port), and for how long.
type Pressed = (u16, char, u16);

/// The keys that were said.
fn pressed(commands: &[MediaCommand], desk: &Desk) -> Vec<Pressed> {
    let port = |id: &crate::media::MediaId| {
        let peer = desk.open[id].as_ref().expect("described");
        peer.streams[0].as_ref().expect("audio").rtp.port()
    };
    let press = |command: &MediaCommand| match command {
        MediaCommand::Press { id, digit, ms, is_ordered } => {
            assert!(is_ordered, "no phone has pressed it");
            Some((port(id), char::from(*digit), *ms))
        }
        _ => None,
    };
    commands.iter().filter_map(press).collect()
}

/// What the media plane is told is looked at before it has carried it out.
fn said_keys(desk: &mut Desk, verb: Verb) -> (Result<(), NotControlled>, Vec<Pressed>) {
    let id = the_call(desk).0;
    desk.office.handle(Input::Told(Command::Asked { ticket: Ticket(7), ask: Ask::Control { id, verb } }));
    let Some((_, Told::Controlled(Some(done)))) = desk.office.told.pop() else { panic!("no answer") };
    let commands = std::mem::take(&mut desk.office.media);
    (done, pressed(&commands, desk))
}

#[test]
fn a_side_hears_keys_each_for_as_long_as_was_said_and_no_others_before_they_are_over() {
    let mut three = three();
    let desk = &mut three.desk;
    let (done, heard) = said_keys(desk, keys(Hearer::Callee, "1#D", 120));
    assert_eq!((done, heard), (Ok(()), vec![(5_000, '1', 120), (5_000, '#', 120), (5_000, 'D', 120)]));
    assert_eq!(said_keys(desk, keys(Hearer::Both, "2", 120)).0, Err(NotControlled::KeysUnderWay));
    desk.pass(Duration::from_secs(2));
    assert_eq!(said_keys(desk, keys(Hearer::Both, "2", 120)).1, [(5_000, '2', 120), (4_000, '2', 120)]);
    desk.pass(Duration::from_secs(2));
    let long = "1".repeat(33);
    for (digits, ms) in [("", 120), ("1e", 120), ("1", 39), ("1", 2_001), (&*long, 120)] {
        assert_eq!(said_keys(desk, keys(Hearer::Both, digits, ms)), (Err(NotControlled::BadKeys), vec![]));
    }
}

#[test]
fn a_side_that_is_sent_elsewhere_is_joined_with_who_answers_there_and_the_other_is_left() {
    let mut three = three();
    let (done, sent) = control(&mut three.desk, transfer(Place::Callee, "sip:carol@example.org"));
    assert_eq!(done, Ok(()));
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    assert!(header(&invite, HeaderName::From).contains("sip:bob@example.org"));
    assert_eq!(control_old(&mut three, hold(Hearer::Both, true)), Err(NotControlled::Changing));
    let ok = reply(&invite, 200, "caroltag", &contact(three.carol), &sdp("10.0.0.3", 6_000));
    let sent = three.desk.receive(three.carol, &ok);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "");
    let sent = three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    assert!(requests_to(&sent, three.caller.flow, "NOTIFY").is_empty(), "she has not asked");
    let bye = request_to(&sent, three.caller.flow, "BYE").clone();
    three.desk.receive(three.caller.flow, &reply(&bye, 200, "", "", ""));
    assert_eq!(three.desk.open.len(), 2);
    assert!(three.desk.connected.is_some());
    let bye = three.callee.request("BYE", "", "");
    let sent = three.desk.receive(three.bob, &bye);
    let bye = request_to(&sent, three.carol, "BYE").clone();
    three.desk.receive(three.carol, &reply(&bye, 200, "", "", ""));
    three.desk.assert_at_rest();
}

/// Of the call of alice to bob, of two.
fn control_old(three: &mut Three, verb: Verb) -> Result<(), NotControlled> {
    let Told::Calls { calls, .. } = ask(&mut three.desk, Ask::List { account: None, limit: 10 }).0 else {
        panic!("no list")
    };
    let to_bob = calls.iter().find(|call| *call.to == *URI.as_bytes()).expect("the first call");
    match ask(&mut three.desk, Ask::Control { id: to_bob.id, verb }).0 {
        Told::Controlled(Some(done)) => done,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_is_sent_where_the_side_that_is_left_may_not_call() {
    let mut three = three();
    let (done, sent) = control(&mut three.desk, transfer(Place::Callee, "sip:mallory@example.com"));
    assert_eq!(done, Err(NotControlled::Refused(StatusCode::FORBIDDEN, Why::NoRightToRelay)));
    assert!(sent.is_empty());
    let destinations = Some(Destinations::parse("national").ok());
    let patch = AccountPatch {
        terms: TermsPatch { destinations, ..TermsPatch::default() },
        ..AccountPatch::default()
    };
    apply(&three.desk.office.world, Change::AccountChanged { aor: aor("alice"), patch });
    let to_carol = || transfer(Place::Callee, "sip:carol@example.org");
    assert!(matches!(
        control(&mut three.desk, to_carol()).0,
        Err(NotControlled::Refused(_, Why::NotAllowed(_)))
    ));
    assert_eq!(
        control(&mut three.desk, transfer(Place::Callee, "sip:park@example.org")).0,
        Err(NotControlled::Feature)
    );
    // Of bob, who may, alice is sent there.
    let (done, sent) = control(&mut three.desk, transfer(Place::Caller, "sip:carol@example.org"));
    assert_eq!(done, Ok(()));
    request_to(&sent, three.carol, "INVITE");
}

#[test]
fn a_transfer_that_comes_to_nothing_leaves_the_call_as_it_was() {
    let mut three = three();
    let (_, sent) = control(&mut three.desk, transfer(Place::Callee, "sip:carol@example.org"));
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    let sent = three.desk.receive(three.carol, &reply(&invite, 486, "caroltag", "", ""));
    assert!(requests_to(&sent, three.bob, "BYE").is_empty());
    assert_eq!(control(&mut three.desk, hold(Hearer::Caller, true)).0, Ok(()));
    assert_eq!((heard(&three.desk), music(&three.desk)), ([false, false], [Some(Sound::Music), None]));
}

fn dialog_of(second: &Ua, account: u64) -> NamedDialog {
    let tag = |value: &str| value.split("tag=").nth(1).expect("a tag").as_bytes().into();
    NamedDialog {
        account: AccountId(account),
        call_id: second.call_id.as_bytes().into(),
        local_tag: tag(&second.remote),
        remote_tag: tag(&second.local),
    }
}

#[test]
fn the_other_sides_of_two_calls_of_an_account_are_joined_on_one_shard_and_on_two() {
    for apart in [false, true] {
        let mut three = three();
        if apart {
            three.desk.office.divide(&[three.alice.flow]);
        }
        let (second, _) = attending::ask_carol(&mut three, true);
        if !apart {
            let calls = ask(&mut three.desk, Ask::List { account: None, limit: 10 }).0;
            let Told::Calls { calls, .. } = calls else { panic!("no list") };
            let to_carol = calls.iter().find(|call| *call.to != *URI.as_bytes()).expect("two").id;
            let Told::Dialogs(Some(dialogs)) = ask(&mut three.desk, Ask::Dialogs(to_carol)).0 else {
                panic!("none")
            };
            assert!(dialogs.contains(&dialog_of(&second, 1)), "{dialogs:?}");
        }
        let attend =
            |account| Verb::Attend { side: Place::Callee, dialogs: vec![dialog_of(&second, account)] };
        assert_eq!(
            control_old(&mut three, attend(2)),
            Err(NotControlled::NotItsCall),
            "of bob there is none"
        );
        assert_eq!(control_old(&mut three, attend(1)), Ok(()), "{apart}");
    }
}

#[test]
fn what_is_not_answered_served_or_has_keys_of_its_own_is_not_controlled_and_says_why() {
    let (mut desk, mut alice, _) = Desk::new();
    desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    for verb in [hold(Hearer::Both, true), keys(Hearer::Both, "1", 100), transfer(Place::Caller, URI)] {
        assert_eq!(control(&mut desk, verb).0, Err(NotControlled::NotAnswered));
    }
    let (mut desk, mut alice, _) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, "sip:echo@example.org", "", &sdp("10.0.0.1", 4_000));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    let ack = Ua::caller(alice.flow, &request, &ok).ack("");
    desk.receive(alice.flow, &ack);
    for verb in [hold(Hearer::Both, true), mute(Hearer::Both, true), transfer(Place::Caller, URI)] {
        assert_eq!(control(&mut desk, verb).0, Err(NotControlled::Service));
    }
}
