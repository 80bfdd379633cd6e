//! A phone is rung to see whether it works (see `trial`).

use super::desk::tls;
use super::originating::{ask, originate, records, steps};
use super::silent::report;
use super::*;
use crate::call_record::{Ask, CallRecordId, NotOriginated, Originate, Told};
use crate::event::{EndedBy, Event, Step};
use crate::input::Input;
use crate::media::{MediaEvent, MediaId};
use crate::service::Service;
use crate::silence::{Cause, Side};
use crate::testing::aor;
use coeur_directory::AccountId;

const ALICE_TOO: &str = "192.0.2.12:5060";

fn wanted(desk: &Desk) -> Originate {
    let account = desk.office.world.directory.account_of(&aor("alice")).expect("there");
    Originate {
        from: AccountId(1),
        device: Some(account.devices[0].id),
        to: b"sip:echo@example.org".as_slice().into(),
        display: Some("Coeur".into()),
        auto_answer: false,
        timeout_s: 20,
        is_test: true,
    }
}

fn begin(desk: &mut Desk) -> (CallRecordId, Vec<Sent>) {
    let wanted = wanted(desk);
    let (told, sent) = originate(desk, wanted);
    (told.expect("begun"), sent)
}

/// Alice's phone rings and is taken; her media, and the phone in that call.
fn taken(desk: &mut Desk, alice: Flow) -> (CallRecordId, MediaId, Ua) {
    let (id, sent) = begin(desk);
    let invite = request_to(&sent, alice, "INVITE").clone();
    desk.receive(alice, &reply(&invite, 180, "alicetag", &contact(alice), ""));
    let sent =
        desk.receive(alice, &reply(&invite, 200, "alicetag", &contact(alice), &sdp("10.0.0.1", 4_000)));
    request_to(&sent, alice, "ACK");
    assert_eq!(sent.len(), 1, "nothing is offered anew: {}", dump(&sent));
    let (media, service) = desk.served.expect("it is with a service");
    assert!(matches!(service, Service::Test(_)));
    (id, media, Ua::callee(alice, &invite, "alicetag"))
}

fn heard(desk: &Desk) -> Vec<CallRecordId> {
    let heard = |event: &Event| match event {
        Event::TestHeard { call } => Some(*call),
        _ => None,
    };
    desk.office.events.iter().filter_map(heard).collect()
}

#[test]
fn a_phone_is_rung_under_the_name_of_the_house_hears_itself_and_is_hung_up() {
    let (mut desk, alice, bob) = Desk::new();
    let (id, sent) = begin(&mut desk);
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    assert!(
        header(&invite, HeaderName::From).starts_with("\"Coeur\" <sip:echo@example.org>"),
        "{}",
        invite.text()
    );
    assert!(body(&invite).contains("m=audio ") && sent.len() == 1, "{}", dump(&sent));
    let sent = desk
        .receive(alice.flow, &reply(&invite, 200, "alicetag", &contact(alice.flow), &sdp("10.0.0.1", 4_000)));
    request_to(&sent, alice.flow, "ACK");
    let (media, _) = desk.served.expect("with a service");
    let peer = desk.peer_at(4_000).streams[0].clone().expect("audio");
    assert!(peer.we_send && peer.we_receive);
    assert!(heard(&desk).is_empty());
    desk.handle(Input::MediaEvent(MediaEvent::Speaks { id: media, is_speaking: true }));
    desk.handle(Input::MediaEvent(MediaEvent::Speaks { id: media, is_speaking: false }));
    assert_eq!(heard(&desk), [id]);
    assert!(!desk.office.events.iter().any(|event| matches!(event, Event::Speaks { .. })), "no conference");
    let sent = desk.pass(Duration::from_millis(8_900));
    assert!(requests_to(&sent, alice.flow, "BYE").is_empty());
    let sent = desk.pass(Duration::from_millis(200));
    let bye = request_to(&sent, alice.flow, "BYE").clone();
    desk.receive(alice.flow, &reply(&bye, 200, "", "", ""));
    let records = records(&desk);
    assert_eq!((records.len(), records[0].id, records[0].status), (1, id, 200));
    assert_eq!((records[0].ended_by, records[0].verdict.clone()), (EndedBy::Exchange, None));
    assert_eq!(records[0].caller.account, Some(aor("alice")));
    let told: Vec<Step> = steps(&desk).into_iter().map(|(_, step, ..)| step).collect();
    assert_eq!(told, [Step::Started, Step::Answered]);
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty());
    desk.assert_at_rest();
}

/// What the phone changes meanwhile (hold, another codec) makes a test no longer.
#[test]
fn a_test_is_over_when_it_is_over_although_the_phone_is_put_on_hold() {
    let (mut desk, alice, _) = Desk::new();
    let (_, _, mut phone) = taken(&mut desk, alice.flow);
    desk.pass(Duration::from_millis(5_000));
    let hold = phone.request("INVITE", "", &described("10.0.0.1", 4_000, 2, "a=sendonly\r\n"));
    let sent = desk.receive(alice.flow, &hold);
    answer_to(&sent, alice.flow, 200);
    let ack = phone.ack("");
    desk.receive(alice.flow, &ack);
    assert!(requests_to(&desk.pass(Duration::from_millis(3_900)), alice.flow, "BYE").is_empty());
    request_to(&desk.pass(Duration::from_millis(200)), alice.flow, "BYE");
}

#[test]
fn its_siblings_do_not_ring_nor_does_anybody_to_whom_it_forwards() {
    let (mut desk, alice, bob) = Desk::new();
    let other = desk.register("alice", tls(ALICE_TOO, 5), "").flow;
    let account = desk.office.world.directory.account_of(&aor("alice")).expect("there");
    assert_eq!(account.devices.len(), 1, "both are registered by one device");
    let (_, sent) = begin(&mut desk);
    assert_eq!(requests_to(&sent, other, "INVITE").len(), 1, "and it rings wherever it is registered");
    let stranger = Originate { device: Some(coeur_directory::DeviceId(77)), ..wanted(&desk) };
    assert_eq!(originate(&mut desk, stranger).0, Err(NotOriginated::NoDevice));
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    let second = request_to(&sent, other, "INVITE").clone();
    let moved = "Contact: <sip:bob@example.org>\r\n";
    desk.receive(other, &reply(&second, 486, "othertag", "", ""));
    let sent = desk.receive(alice.flow, &reply(&invite, 302, "alicetag", moved, ""));
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty(), "{}", dump(&sent));
    assert_eq!(records(&desk).len(), 1);
    desk.assert_at_rest();
}

#[test]
fn a_phone_that_nobody_takes_refuses_or_does_not_say_a_word_is_told_apart_by_its_record() {
    let (mut desk, alice, _) = Desk::new();
    let (_, sent) = begin(&mut desk);
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    desk.receive(alice.flow, &reply(&invite, 180, "alicetag", &contact(alice.flow), ""));
    assert!(desk.pass(Duration::from_millis(19_900)).is_empty());
    let sent = desk.pass(Duration::from_millis(200));
    request_to(&sent, alice.flow, "CANCEL");
    desk.receive(alice.flow, &reply(&invite, 487, "alicetag", "", ""));
    let of_nobody = &records(&desk)[0];
    assert_eq!((of_nobody.status, of_nobody.rang_after_ms.is_some()), (408, true));

    let (_, sent) = begin(&mut desk);
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    desk.receive(alice.flow, &reply(&invite, 480, "alicetag", "", ""));
    assert_eq!(records(&desk)[1].status, 480, "it does not want to be disturbed");

    begin(&mut desk);
    desk.pass(Duration::from_secs(40));
    let of_silence = &records(&desk)[2];
    assert_eq!((of_silence.status, of_silence.rang_after_ms), (408, None));
    desk.assert_at_rest();
}

#[test]
fn why_it_is_silent_is_in_the_record_and_who_hangs_up_ends_it() {
    let (mut desk, alice, _) = Desk::new();
    desk.mute = true;
    let (id, media, mut phone) = taken(&mut desk, alice.flow);
    desk.pass(Duration::from_millis(4_100));
    assert_eq!(desk.said.iter().filter(|said| **said == "Report").count(), 1, "the service has none");
    desk.handle(Input::MediaEvent(MediaEvent::Reported { id: media, report: report(0) }));
    desk.receive(alice.flow, &phone.request("BYE", "", ""));
    desk.pass(Duration::from_secs(2));
    let records = records(&desk);
    let verdict = records[0].verdict.clone().expect("nothing came");
    assert_eq!((records[0].id, verdict.side, verdict.cause), (id, Side::Caller, Cause::PrivateAddress));
    assert_eq!(records[0].ended_by, EndedBy::Caller);
    assert!(heard(&desk).is_empty());
    desk.assert_at_rest();
}

#[test]
fn it_can_be_ended_and_leaves_nothing_after_a_crash() {
    let (mut desk, alice, _) = Desk::new();
    let (id, ..) = taken(&mut desk, alice.flow);
    let (told, sent) = ask(&mut desk, Ask::HangUp(id));
    assert_eq!(told, Told::HungUp(true));
    let bye = request_to(&sent, alice.flow, "BYE").clone();
    desk.receive(alice.flow, &reply(&bye, 200, "", "", ""));
    desk.assert_at_rest();
    taken(&mut desk, alice.flow);
    desk.crash();
    assert_eq!((desk.open.len(), desk.office.world.guard.sessions.total()), (0, 0));
    desk.assert_at_rest();
}
