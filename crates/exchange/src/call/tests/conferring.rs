//! Conferences: a service that many call.

use super::transferring::{three, told};
use super::*;
use crate::call_record::{Ask, Ticket, Told};
use crate::event::Event;
use crate::input::{Command, Input};
use crate::media::MediaEvent;
use crate::routing::{Plan, decide_call};
use crate::service::{MEMBERS_MAX, ROOM_MEMBERS_MAX, Room, Service};
use crate::testing::{Phone, apply};
use coeur_directory::{Change, Domain};

const SALES: &str = "sip:conference-sales@example.org";

/// Calls a conference, is answered, and says ACK; the room that it is in.
fn enter(desk: &mut Desk, phone: &mut Phone, uri: &str) -> (Ua, Room) {
    let (request, sent) = desk.invite(phone, uri, "", &sdp("10.0.0.1", 4_000));
    let ok = answer_to(&sent, phone.flow, 200).clone();
    let mut caller = Ua::caller(phone.flow, &request, &ok);
    let ack = caller.ack("");
    assert!(desk.receive(phone.flow, &ack).is_empty());
    let Some((_, Service::Conference(room))) = desk.served else { panic!("{:?}", desk.served) };
    (caller, room)
}

#[test]
fn who_calls_the_same_name_is_in_the_same_room() {
    let (mut desk, mut alice, mut bob) = Desk::new();
    let (_, room) = enter(&mut desk, &mut alice, SALES);
    assert_eq!(enter(&mut desk, &mut bob, "sip:Conference-Sales@example.org").1, room);
    alice.call = "-second".into();
    let (mut caller, other) = enter(&mut desk, &mut alice, "sip:conference-support@example.org");
    assert_ne!(other, room);
    let bye = caller.request("BYE", "", "");
    answer_to(&desk.receive(alice.flow, &bye), alice.flow, 200);
    assert_eq!(desk.open.len(), 2);
}

#[test]
fn who_speaks_in_a_conference_is_told_shown_and_counted() {
    let (mut desk, mut alice, _) = Desk::new();
    enter(&mut desk, &mut alice, SALES);
    let id = desk.served.expect("a conference").0;
    let shown = |desk: &mut Desk| {
        let ask = Ask::List { account: None, limit: 1 };
        desk.handle(Input::Told(Command::Asked { ticket: Ticket(1), ask }));
        match desk.office.told.pop() {
            Some((_, Told::Calls { calls, .. })) => calls[0].speaks,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(shown(&mut desk), None);
    for is_speaking in [true, false] {
        desk.handle(Input::MediaEvent(MediaEvent::Speaks { id, is_speaking }));
        assert_eq!(shown(&mut desk), Some(is_speaking));
    }
    let told = desk.office.events.iter().filter(|event| matches!(event, Event::Speaks { .. }));
    assert_eq!((told.count(), desk.office.exchange.counters().conference_spurts), (2, 1));
}

/// The media plane tells of the end of what is said when it closes a member, whose leg may have no call any more.
#[test]
fn who_leaves_while_he_speaks_has_ended_to_and_what_is_told_of_him_later_concerns_nobody() {
    let (mut desk, mut alice, _) = Desk::new();
    // Her ACK never comes: the leg stays for a while when the call is ended.
    let (_, sent) = desk.invite(&mut alice, SALES, "", &sdp("10.0.0.1", 4_000));
    answer_to(&sent, alice.flow, 200);
    let id = desk.served.expect("a conference").0;
    desk.handle(Input::MediaEvent(MediaEvent::Speaks { id, is_speaking: true }));
    desk.handle(Input::Told(Command::Asked {
        ticket: Ticket(1),
        ask: Ask::List { account: None, limit: 1 },
    }));
    let Some((_, Told::Calls { calls, .. })) = desk.office.told.pop() else { panic!("no call") };
    desk.handle(Input::Told(Command::Asked { ticket: Ticket(2), ask: Ask::HangUp(calls[0].id) }));
    for is_speaking in [false, true] {
        desk.handle(Input::MediaEvent(MediaEvent::Speaks { id, is_speaking }));
    }
    let told = desk.office.events.iter().filter_map(|event| match event {
        Event::Speaks { is_speaking, .. } => Some(*is_speaking),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [true, false]);
}

/// Threat: who is in a conference is heard by all who are.
#[test]
fn a_conference_is_for_accounts_of_its_domain() {
    let desk = Desk::empty();
    let now = desk.office.now.monotonic;
    apply(&desk.office.world, Change::DomainAdded(Domain::new("example.net")));
    let alice = desk.office.world.directory.account(b"alice", b"example.org").expect("alice");
    let elsewhere = SALES.replace("org", "net");
    for (caller, uri) in [(None, SALES), (Some(&*alice), &*elsewhere)] {
        let plan = decide_call(&desk.office.world, now, caller, uri.as_bytes());
        let is_refused = matches!(plan, Plan::Refuse { status: coeur_sip::StatusCode::FORBIDDEN, .. });
        assert!(is_refused, "{uri}: {}", plan.explain());
    }
    let plan = decide_call(&desk.office.world, now, Some(&alice), SALES.as_bytes());
    assert!(matches!(plan, Plan::Serve(Service::Conference(_))), "{}", plan.explain());
}

#[test]
fn a_conference_has_so_many_members_and_no_more() {
    let (mut desk, mut alice, mut bob) = Desk::new();
    desk.office.world.settings.calls_per_account_max = 0;
    for member in 0..ROOM_MEMBERS_MAX {
        alice.call = format!("-{member}");
        enter(&mut desk, &mut alice, SALES);
    }
    let (_, sent) = desk.invite(&mut bob, SALES, "", &sdp("10.0.0.2", 5_000));
    assert!(answer_to(&sent, bob.flow, 486).text().contains("The Conference Is Full"));
    assert_eq!(desk.office.exchange.counters().limits_hit, 1);
    enter(&mut desk, &mut bob, "sip:conference-support@example.org");
}

#[test]
fn all_conferences_of_a_shard_have_so_many_members_and_no_more() {
    let (mut desk, mut alice, _) = Desk::new();
    desk.office.world.settings.calls_per_account_max = 0;
    for member in 0..MEMBERS_MAX {
        alice.call = format!("-{member}");
        enter(&mut desk, &mut alice, &format!("sip:conference-{}@example.org", member / ROOM_MEMBERS_MAX));
    }
    alice.call = "-more".into();
    let (_, sent) = desk.invite(&mut alice, SALES, "", &sdp("10.0.0.1", 4_000));
    answer_to(&sent, alice.flow, 486);
}

/// RFC 5589 section 6.
#[test]
fn a_call_is_transferred_into_a_conference() {
    let mut three = three();
    let refer = three.caller.request("REFER", &format!("Refer-To: <{SALES}>\r\n"), "");
    let sent = three.desk.receive(three.caller.flow, &refer);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "");
    let sent = three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    let last = sent.iter().rfind(|sent| sent.text().starts_with("NOTIFY ")).expect("word of it").clone();
    assert_eq!(told(&last), ("SIP/2.0 200 OK".into(), true));
    assert!(matches!(three.desk.served, Some((_, Service::Conference(_)))));
}

/// Decision 0027: who is on another shard is called in from there.
#[test]
fn a_conference_has_members_of_two_shards() {
    let (mut desk, mut alice, mut bob) = Desk::new();
    desk.office.world.settings.shards = 2;
    desk.office.divide(&[alice.flow]);
    let at_home = |name: &&String| {
        let room = Room::named(&desk.office.world, name.as_bytes(), b"example.org").expect("a room");
        Service::Conference(room).home(&desk.office.world) == Some(crate::flow::ShardId(0))
    };
    let names: Vec<String> = (0..16).map(|at| format!("conference-{at}")).collect();
    let name = names.iter().find(at_home).expect("one of them").clone();
    let uri = format!("sip:{name}@example.org");
    let (_, room) = enter(&mut desk, &mut bob, &uri);
    assert_eq!(desk.open.len(), 1);
    let (mut caller, of_alice) = enter(&mut desk, &mut alice, &uri);
    assert_eq!(of_alice, room);
    // Hers, and one on each shard between them.
    assert_eq!(desk.open.len(), 4);
    let bye = caller.request("BYE", "", "");
    desk.receive(alice.flow, &bye);
    assert_eq!(desk.open.len(), 1);
    desk.pass(Duration::from_secs(2));
    let started =
        super::originating::steps(&desk).into_iter().filter(|step| step.1 == crate::event::Step::Started);
    assert_eq!(started.count(), 2, "one of each");
    // One call of hers for those who read records, to what she has called.
    let records = desk.office.events.iter().filter_map(|event| match event {
        crate::event::Event::CallEnded(record) => Some(String::from_utf8_lossy(&record.to).into_owned()),
        _ => None,
    });
    assert_eq!(records.collect::<Vec<_>>(), [uri]);
}
