//! A call that an account begins without dialling it (decision 0063).

use super::desk::{ports, tls};
use super::*;
use crate::call_record::{
    Ask, CallRecord, CallRecordId, LiveCall, LiveState, NotOriginated, Originate, Ticket, Told,
};
use crate::event::{Event, Step};
use crate::input::{Command, Input};
use crate::media::Sound;
use crate::routing::Why;
use crate::testing::{aor, apply};
use coeur_directory::{AccountId, AccountPatch, Change, Destinations, DeviceId, TermsPatch};

const CAROL: &str = "192.0.2.33:5060";
const ALICE_TOO: &str = "192.0.2.12:5060";

fn wants(to: &str) -> Originate {
    Originate {
        from: AccountId(1),
        device: None,
        to: to.as_bytes().into(),
        display: None,
        auto_answer: false,
        timeout_s: 30,
        is_test: false,
    }
}

pub(super) fn ask(desk: &mut Desk, ask: Ask) -> (Told, Vec<Sent>) {
    let sent = desk.handle(Input::Told(Command::Asked { ticket: Ticket(7), ask }));
    (desk.office.told.pop().expect("an answer").1, sent)
}

pub(super) fn originate(
    desk: &mut Desk,
    wanted: Originate,
) -> (Result<CallRecordId, NotOriginated>, Vec<Sent>) {
    match ask(desk, Ask::Originate(Box::new(wanted))) {
        (Told::Originated(told), sent) => (told, sent),
        (other, _) => panic!("{other:?}"),
    }
}

fn list(desk: &mut Desk) -> Vec<LiveCall> {
    match ask(desk, Ask::List { account: None, limit: 10 }).0 {
        Told::Calls { calls, .. } => calls,
        other => panic!("{other:?}"),
    }
}

/// Each step that was told of a call: which call, what, its two sides by account, and the call that it comes from.
pub(super) type Stepped = (CallRecordId, Step, [Option<u64>; 2], Option<CallRecordId>);

pub(super) fn steps(desk: &Desk) -> Vec<Stepped> {
    let step = |event: &Event| match event {
        Event::CallStep(step) => {
            let sides = [step.caller, step.callee].map(|party| party.map(|party| party.account.0));
            Some((step.call, step.step, sides, step.transfer_of))
        }
        _ => None,
    };
    desk.office.events.iter().filter_map(step).collect()
}

pub(super) fn records(desk: &Desk) -> Vec<CallRecord> {
    let ended = |event: &Event| match event {
        Event::CallEnded(record) => Some((**record).clone()),
        _ => None,
    };
    desk.office.events.iter().filter_map(ended).collect()
}

/// Alice's phone has taken what it was offered; what left.
fn alice_takes(desk: &mut Desk, alice: Flow, invite: &Sent) -> Vec<Sent> {
    let ok = reply(invite, 200, "alicetag", &contact(alice), &sdp("10.0.0.1", 4_000));
    desk.receive(alice, &ok)
}

#[test]
fn a_call_rings_the_account_first_and_joins_it_with_whom_it_wants() {
    let (mut desk, alice, bob) = Desk::new();
    let (told, sent) = originate(&mut desk, wants(URI));
    let id = told.expect("begun");
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty(), "alice first");
    // Her phone shows whom she calls, and is offered something to talk with.
    assert!(header(&invite, HeaderName::From).contains("<sip:bob@example.org>"), "{}", invite.text());
    assert!(header(&invite, HeaderName::To).contains("<sip:alice@example.org>"));
    assert!(header(&invite, HeaderName::PAssertedIdentity).is_empty(), "bob has proved nothing");
    assert!(!invite.text().contains("answer-after") && body(&invite).contains("m=audio "));
    let live = list(&mut desk);
    assert_eq!((live.len(), live[0].id, live[0].state), (1, id, LiveState::Ringing));
    assert_eq!((live[0].caller.account.clone(), live[0].callee.clone()), (Some(aor("alice")), None));
    assert_eq!(&*live[0].to, URI.as_bytes());

    desk.receive(alice.flow, &reply(&invite, 180, "alicetag", &contact(alice.flow), ""));
    let sent = alice_takes(&mut desk, alice.flow, &invite);
    request_to(&sent, alice.flow, "ACK");
    let called = request_to(&sent, bob.flow, "INVITE").clone();
    assert!(header(&called, HeaderName::From).contains("<sip:alice@example.org>"), "{}", called.text());
    assert!(header(&called, HeaderName::PAssertedIdentity).contains("<sip:alice@example.org>"));
    assert_eq!(list(&mut desk).iter().map(|live| live.id).collect::<Vec<_>>(), [id], "it is one call");
    assert_eq!(desk.office.world.guard.sessions.total(), 1, "counted once");
    desk.receive(bob.flow, &reply(&called, 180, "bobtag", &contact(bob.flow), ""));
    assert_eq!(desk.playing.values().collect::<Vec<_>>(), [&Sound::Ringing], "alice hears that it rings");

    let sent =
        desk.receive(bob.flow, &reply(&called, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    request_to(&sent, bob.flow, "ACK");
    let offer = request_to(&sent, alice.flow, "INVITE").clone();
    assert_eq!(ports(&offer).len(), 1);
    let answer = described("10.0.0.1", 4_000, 2, "");
    let sent = desk.receive(alice.flow, &reply(&offer, 200, "", &contact(alice.flow), &answer));
    request_to(&sent, alice.flow, "ACK");
    let live = list(&mut desk);
    assert_eq!(
        (live.len(), live[0].id, live[0].state, live[0].transfer_of),
        (1, id, LiveState::Answered, None)
    );
    assert!(desk.connected.is_some() && desk.playing.is_empty());
    assert_eq!((desk.open.len(), desk.office.world.guard.sessions.total()), (2, 2));

    // It ends like any other, and has one record.
    let mut callee = Ua::callee(bob.flow, &called, "bobtag");
    let sent = desk.receive(bob.flow, &callee.request("BYE", "", ""));
    let bye = request_to(&sent, alice.flow, "BYE").clone();
    desk.receive(alice.flow, &reply(&bye, 200, "", "", ""));
    let records = records(&desk);
    assert_eq!((records.len(), records[0].id, records[0].status, records[0].transfer_of), (1, id, 200, None));
    assert_eq!((&records[0].caller.account, &*records[0].to), (&Some(aor("alice")), URI.as_bytes()));
    assert!(records[0].answered.is_some());
    // So it is for who listens.
    let is = |step, callee| (id, step, [Some(1), callee], None);
    let told = [
        is(Step::Started, None),
        is(Step::Ringing, None),
        is(Step::Ringing, Some(2)),
        is(Step::Answered, Some(2)),
    ];
    assert_eq!(steps(&desk), told);
    desk.assert_at_rest();
}

#[test]
fn one_device_alone_rings_and_may_be_asked_to_answer_by_itself_and_the_other_sees_a_name() {
    let (mut desk, alice, bob) = Desk::new();
    let account = desk.office.world.directory.account_of(&aor("alice")).expect("there");
    let device = account.devices[0].id;
    let wanted = Originate {
        device: Some(device),
        auto_answer: true,
        display: Some("Sales \"desk\"\r\nX: y".into()),
        ..wants(URI)
    };
    let (told, sent) = originate(&mut desk, wanted.clone());
    told.expect("begun");
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    for line in ["\r\nAnswer-Mode: Auto\r\n", ";answer-after=0\r\n", ";info=alert-autoanswer\r\n"] {
        assert!(invite.text().contains(line), "{}", invite.text());
    }
    let sent = alice_takes(&mut desk, alice.flow, &invite);
    let called = request_to(&sent, bob.flow, "INVITE").clone();
    assert_eq!(
        header(&called, HeaderName::From).split(";tag").next(),
        Some("\"Sales \\\"desk\\\"X: y\" <sip:alice@example.org>")
    );
    assert!(!called.text().contains("Answer-Mode"));
    let other = Originate { device: Some(DeviceId(u64::MAX)), ..wanted };
    assert_eq!(originate(&mut desk, other).0, Err(NotOriginated::NoDevice));
}

/// RFC 3326: who waits hears why nobody comes.
#[test]
fn when_whom_it_wants_is_busy_or_does_not_answer_the_account_is_told_and_nothing_is_left() {
    for (status, said) in [(486, "SIP;cause=486;text=\"Busy Here\""), (603, "SIP;cause=603;text=\"Decline\"")]
    {
        let (mut desk, alice, bob) = Desk::new();
        let (told, sent) = originate(&mut desk, wants(URI));
        let invite = request_to(&sent, alice.flow, "INVITE").clone();
        let sent = alice_takes(&mut desk, alice.flow, &invite);
        let called = request_to(&sent, bob.flow, "INVITE").clone();
        let sent = desk.receive(bob.flow, &reply(&called, status, "bobtag", "", ""));
        let bye = request_to(&sent, alice.flow, "BYE").clone();
        assert_eq!(header(&bye, HeaderName::Reason), said);
        desk.receive(alice.flow, &reply(&bye, 200, "", "", ""));
        let records = records(&desk);
        assert_eq!((records.len(), records[0].id, records[0].status), (1, told.expect("begun"), status));
        desk.assert_at_rest();
    }
    let (mut desk, alice, bob) = Desk::new();
    let (_, sent) = originate(&mut desk, wants(URI));
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    let sent = alice_takes(&mut desk, alice.flow, &invite);
    let called = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&called, 180, "bobtag", &contact(bob.flow), ""));
    // Timer C.
    let sent = desk.pass(Duration::from_secs(200));
    let is_sent = |flow, method| !requests_to(&sent, flow, method).is_empty();
    assert!(is_sent(bob.flow, "CANCEL") && is_sent(alice.flow, "BYE"), "{}", dump(&sent));
    desk.assert_at_rest();
}

#[test]
fn own_devices_that_do_not_answer_in_time_or_refuse_end_the_call_and_nobody_else_is_called() {
    let (mut desk, alice, bob) = Desk::new();
    let (told, sent) = originate(&mut desk, Originate { timeout_s: 5, ..wants(URI) });
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    desk.receive(alice.flow, &reply(&invite, 180, "alicetag", &contact(alice.flow), ""));
    assert!(desk.pass(Duration::from_millis(4_900)).is_empty());
    let sent = desk.pass(Duration::from_millis(200));
    request_to(&sent, alice.flow, "CANCEL");
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty());
    desk.receive(alice.flow, &reply(&invite, 487, "alicetag", "", ""));
    let ended = records(&desk);
    assert_eq!((ended.len(), ended[0].id, ended[0].status), (1, told.expect("begun"), 480));
    desk.assert_at_rest();

    let (_, sent) = originate(&mut desk, wants(URI));
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    let sent = desk.receive(alice.flow, &reply(&invite, 486, "alicetag", "", ""));
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty());
    assert_eq!(records(&desk)[1].status, 486);
    desk.assert_at_rest();
}

#[test]
fn who_hangs_up_while_the_other_rings_or_is_hung_up_leaves_nobody_ringing() {
    for by_operator in [false, true] {
        let (mut desk, alice, bob) = Desk::new();
        let (told, sent) = originate(&mut desk, wants(URI));
        let id = told.expect("begun");
        let invite = request_to(&sent, alice.flow, "INVITE").clone();
        let sent = alice_takes(&mut desk, alice.flow, &invite);
        let called = request_to(&sent, bob.flow, "INVITE").clone();
        desk.receive(bob.flow, &reply(&called, 180, "bobtag", &contact(bob.flow), ""));
        let sent = match by_operator {
            true => ask(&mut desk, Ask::HangUp(id)).1,
            false => {
                let mut caller = Ua::callee(alice.flow, &invite, "alicetag");
                desk.receive(alice.flow, &caller.request("BYE", "", ""))
            }
        };
        request_to(&sent, bob.flow, "CANCEL");
        assert_eq!(requests_to(&sent, alice.flow, "BYE").len(), usize::from(by_operator));
        desk.receive(bob.flow, &reply(&called, 487, "bobtag", "", ""));
        assert_eq!(records(&desk).iter().map(|record| record.id).collect::<Vec<_>>(), [id]);
        desk.assert_at_rest();
    }
}

/// What was never answered on both sides is not kept, and the phone that waits is told when it speaks.
#[test]
fn a_kill_between_the_two_leaves_nothing_behind() {
    let (mut desk, alice, bob) = Desk::new();
    let (_, sent) = originate(&mut desk, wants(URI));
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    let sent = alice_takes(&mut desk, alice.flow, &invite);
    request_to(&sent, bob.flow, "INVITE");
    assert!(desk.crash().is_empty());
    assert_eq!((desk.open.len(), desk.office.world.guard.sessions.total()), (0, 0));
    assert!(list(&mut desk).is_empty());
    let mut caller = Ua::callee(alice.flow, &invite, "alicetag");
    answer_to(&desk.receive(alice.flow, &caller.request("BYE", "", "")), alice.flow, 481);
    desk.assert_at_rest();
}

#[test]
fn a_call_has_the_rights_and_limits_of_the_account_as_if_it_had_dialled() {
    let (mut desk, alice, bob) = Desk::new();
    let refused = |desk: &mut Desk, to: &str| {
        let (told, sent) = originate(desk, wants(to));
        assert!(sent.is_empty(), "nothing rings: {}", dump(&sent));
        told.expect_err("refused")
    };
    let forbidden = StatusCode::FORBIDDEN;
    assert_eq!(
        refused(&mut desk, "sip:mallory@example.com"),
        NotOriginated::Refused(forbidden, Why::NoRightToRelay)
    );
    assert_eq!(
        refused(&mut desk, "sip:nobody@example.org"),
        NotOriginated::Refused(StatusCode::NOT_FOUND, Why::UnknownUser)
    );
    assert_eq!(refused(&mut desk, "sip:*8bob@example.org"), NotOriginated::Feature);
    assert!(matches!(refused(&mut desk, "no address"), NotOriginated::Refused(_, Why::MalformedUri)));
    let destinations = Some(Destinations::parse("national").ok());
    let patch = AccountPatch {
        terms: TermsPatch { destinations, ..TermsPatch::default() },
        ..AccountPatch::default()
    };
    apply(&desk.office.world, Change::AccountChanged { aor: aor("alice"), patch });
    assert!(matches!(refused(&mut desk, URI), NotOriginated::Refused(_, Why::NotAllowed(_))));
    let patch = AccountPatch {
        terms: TermsPatch { destinations: Some(None), ..TermsPatch::default() },
        ..AccountPatch::default()
    };
    apply(&desk.office.world, Change::AccountChanged { aor: aor("alice"), patch });
    desk.office.world.settings.calls_per_account_max = 1;
    let (told, sent) = originate(&mut desk, wants(URI));
    told.expect("the first");
    assert_eq!(refused(&mut desk, URI), NotOriginated::TooManyCalls);
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    desk.receive(alice.flow, &reply(&invite, 486, "alicetag", "", ""));
    // Bob talks as often as he may.
    let mut carol = desk.register("carol", udp(CAROL), "");
    let (_, sent) = desk.invite(&mut carol, URI, "", &sdp("10.0.0.3", 6_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    assert_eq!(refused(&mut desk, URI), NotOriginated::Busy);
    let patch = AccountPatch { enabled: Some(false), ..AccountPatch::default() };
    apply(&desk.office.world, Change::AccountChanged { aor: aor("alice"), patch });
    assert_eq!(refused(&mut desk, URI), NotOriginated::NoAccount);
}

/// The rights are those of the moment in which somebody is called.
#[test]
fn a_right_that_is_taken_while_the_own_device_rings_is_gone() {
    let (mut desk, alice, bob) = Desk::new();
    let (told, sent) = originate(&mut desk, wants(URI));
    let invite = request_to(&sent, alice.flow, "INVITE").clone();
    let destinations = Some(Destinations::parse("national").ok());
    let patch = AccountPatch {
        terms: TermsPatch { destinations, ..TermsPatch::default() },
        ..AccountPatch::default()
    };
    apply(&desk.office.world, Change::AccountChanged { aor: aor("alice"), patch });
    let sent = alice_takes(&mut desk, alice.flow, &invite);
    assert!(requests_to(&sent, bob.flow, "INVITE").is_empty());
    let bye = request_to(&sent, alice.flow, "BYE").clone();
    assert!(header(&bye, HeaderName::Reason).starts_with("SIP;cause=403"));
    desk.receive(alice.flow, &reply(&bye, 200, "", "", ""));
    let ended = records(&desk);
    assert_eq!((ended.len(), ended[0].id, ended[0].status), (1, told.expect("begun"), 403));
    desk.assert_at_rest();
}

#[test]
fn all_devices_ring_the_first_that_answers_calls_and_a_service_can_be_wanted() {
    let (mut desk, alice, _) = Desk::new();
    let other = desk.register("alice", tls(ALICE_TOO, 5), "").flow;
    let (_, sent) = originate(&mut desk, wants("sip:echo@example.org"));
    let (first, second) =
        (request_to(&sent, alice.flow, "INVITE").clone(), request_to(&sent, other, "INVITE").clone());
    desk.receive(other, &reply(&second, 180, "othertag", &contact(other), ""));
    let sent = alice_takes(&mut desk, alice.flow, &first);
    let cancel = request_to(&sent, other, "CANCEL").clone();
    assert!(header(&cancel, HeaderName::Reason).contains("cause=200"), "no missed call there");
    desk.receive(other, &reply(&second, 487, "othertag", "", ""));
    let offer = request_to(&sent, alice.flow, "INVITE").clone();
    let answer = described("10.0.0.1", 4_000, 2, "");
    desk.receive(alice.flow, &reply(&offer, 200, "", &contact(alice.flow), &answer));
    assert!(desk.served.is_some(), "she hears herself");
    let mut caller = Ua::callee(alice.flow, &first, "alicetag");
    desk.receive(alice.flow, &caller.request("BYE", "", ""));
    desk.assert_at_rest();
}
