//! Two devices that check each other's addresses, with our port as one of them (decision 0042).

use super::profiles::{Kind, Talk, described_by, desk, protection_told, summary, taken, talk};
use super::*;
use crate::call_record::{Ask, Hearer, MediaPath, NotRecorded, RecordOrder, Relayed, Ticket, Told};
use crate::event::MediaState;
use crate::input::{Command, Input};
use crate::media::{Ice, Keying, MediaEvent, MediaId, PromptId, TapeOrder};
use crate::testing::{Phone, aor, apply};
use coeur_directory::{AccountPatch, Change, RecordPolicy};
use coeur_sdp::attribute::CandidateKind;

/// Alice and bob in browsers, where media may go directly.
fn wired_desk() -> (Desk, Phone, Phone) {
    let (mut desk, alice, bob) = desk(Kind::Web, Kind::Web);
    desk.office.world.settings.direct_media = true;
    (desk, alice, bob)
}

struct Call {
    talk: Talk,
    bob: Phone,
    /// Of what bob describes next.
    answers: u16,
}

fn call() -> Call {
    let (desk, alice, bob) = wired_desk();
    Call { talk: talk(desk, alice, &bob, &described_by(Kind::Web)), bob, answers: 0 }
}

/// The user name and the password of ICE that a description has.
fn credentials(text: &str) -> (String, String) {
    let ice = summary(text).media[0].ice.clone().expect("ICE");
    (ice.ufrag.0, ice.password.expose().to_owned())
}

/// The addresses of the candidates, as they stand.
fn candidates(text: &str) -> Vec<String> {
    let ice = summary(text).media[0].ice.clone().expect("ICE");
    ice.candidates.iter().map(|candidate| format!("{}:{}", candidate.address, candidate.port)).collect()
}

fn certificate(text: &str) -> String {
    text.lines().find(|line| line.starts_with("a=fingerprint:")).expect("a certificate").to_owned()
}

/// With credentials, a certificate and candidates of ours, and nothing of the other device.
fn is_ours(text: &str) -> bool {
    let ice = summary(text).media[0].ice.clone().expect("ICE");
    let at_us = candidates(text).iter().all(|at| at.starts_with("198.51.100.1:"));
    ice.lite && at_us && certificate(text).starts_with("a=fingerprint:sha-256 C0:C0")
}

impl Call {
    fn ask(&mut self, ask: Ask) -> Told {
        self.talk.desk.handle(Input::Told(Command::Asked { ticket: Ticket(1), ask }));
        self.talk.desk.office.told.pop().expect("an answer").1
    }

    fn id(&mut self) -> crate::call_record::CallRecordId {
        match self.ask(Ask::List { account: None, limit: 1 }) {
            Told::Calls { calls, .. } => calls[0].id,
            other => panic!("{other:?}"),
        }
    }

    fn path(&mut self) -> MediaPath {
        let id = self.id();
        match self.ask(Ask::Show(id)) {
            Told::Call(Some(call)) => call.media_path.expect("a way"),
            other => panic!("{other:?}"),
        }
    }

    fn record(&mut self, order: RecordOrder) -> Result<(), NotRecorded> {
        let id = self.id();
        match self.ask(Ask::Record { id, order, by: "root".into() }) {
            Told::Taped(Some(done)) => done,
            other => panic!("{other:?}"),
        }
    }

    fn let_record(&self, record: RecordPolicy) {
        let patch = AccountPatch { record: Some(record), ..AccountPatch::default() };
        apply(&self.talk.desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
    }

    /// What is said of ICE, by the side's port.
    fn ice(&self) -> Vec<Ice> {
        let streams = self.talk.desk.open.values().flatten().flat_map(|peer| peer.streams.iter().flatten());
        streams.filter_map(|stream| stream.ice.as_deref().cloned()).collect()
    }

    /// The offers that leave in this time, each answered by its phone with new credentials: who, and what it was told. Who is
    /// named says no.
    fn offers(&mut self, span: Duration, refuses: Option<Flow>) -> Vec<(&'static str, String)> {
        self.refused(span, refuses, 488)
    }

    /// The same; who refuses does so with this status.
    fn refused(&mut self, span: Duration, refuses: Option<Flow>, status: u16) -> Vec<(&'static str, String)> {
        let (mut told, mut left) = (Vec::new(), span.as_millis() / 100);
        while left > 0 {
            left -= 1;
            let sent = self.talk.desk.pass(Duration::from_millis(100));
            for (who, flow) in [("alice", self.talk.caller.flow), ("bob", self.bob.flow)] {
                for offer in requests_to(&sent, flow, "INVITE") {
                    let text = body(offer);
                    self.answers += 1;
                    let answer = taken(&text, 6_000 + self.answers)
                        .replace("a=ice-ufrag:bobs", &format!("a=ice-ufrag:{who}{}", self.answers));
                    told.push((who, text));
                    let reply = match refuses == Some(flow) {
                        true => reply(offer, status, "", "", ""),
                        false => reply(offer, 200, "", &contact(flow), &answer),
                    };
                    self.talk.desk.receive(flow, &reply);
                }
            }
        }
        told
    }

    /// The endpoint of a side is heard under the keys that are agreed now.
    fn heard(&mut self, port: u16) {
        let at =
            |peer: &crate::media::Peer| peer.streams.iter().flatten().any(|stream| stream.rtp.port() == port);
        let id: Vec<MediaId> = (self.talk.desk.open.iter())
            .filter_map(|(id, peer)| peer.as_ref().filter(|peer| at(peer)).map(|_| *id))
            .collect();
        self.talk.desk.handle(Input::MediaEvent(MediaEvent::Heard { id: id[0], stream: 0 }));
    }

    fn is_wire(&self) -> bool {
        let ice = self.ice();
        assert!(!ice.is_empty());
        assert!(ice.iter().all(|one| one.wire == ice[0].wire), "{ice:?}");
        ice[0].wire
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn each_is_told_the_credentials_and_the_candidates_of_the_other_and_our_port_as_the_last() {
    let call = call();
    let offered = described_by(Kind::Web);
    let answered = taken(&call.talk.offer, 5_000);
    for (said, by) in [(&call.talk.offer, &offered), (&call.talk.answer, &answered)] {
        assert_eq!((credentials(said), certificate(said)), (credentials(by), certificate(by)));
        let ice = summary(said).media[0].ice.clone().expect("ICE");
        assert!(!ice.lite && ice.ended && !ice.mismatch && !ice.trickles(), "{said}");
        let (last, theirs) = ice.candidates.split_last().expect("candidates");
        assert!(last.address == "198.51.100.1" && last.kind == CandidateKind::Relayed, "{said}");
        assert!(theirs.iter().all(|candidate| candidate.priority > last.priority), "{said}");
        let of_udp = |text: &str| {
            let all = summary(text).media[0].ice.clone().expect("ICE").candidates;
            let udp =
                all.into_iter().filter(|one| one.transport == coeur_sdp::attribute::CandidateTransport::Udp);
            udp.map(|one| format!("{}:{}", one.address, one.port)).collect::<Vec<_>>()
        };
        assert_eq!(candidates(said)[..theirs.len()], of_udp(by), "{said}");
        // Where nothing of ICE is known, media goes to us.
        assert_eq!(summary(said).media[0].rtp().expect("an address").ip().to_string(), "198.51.100.1");
    }
    let told = protection_told(&call.talk.desk);
    assert_eq!(told.iter().map(|told| told.state()).collect::<Vec<_>>(), [MediaState::EndToEnd]);
}

/// The order of the candidates stays, each below what we offer when the media is wanted here.
#[test]
fn what_a_device_prefers_stays_preferred_and_costs_more_than_a_way_of_ours() {
    let priorities = |text: &str| {
        let ice = summary(text).media[0].ice.clone().expect("ICE");
        ice.candidates.iter().map(|candidate| candidate.priority).collect::<Vec<_>>()
    };
    let told = priorities(&call().talk.offer);
    assert_eq!(told, [2_122_260_223 / 2, 2_122_194_687 / 2, 1_686_052_607 / 2, 255]);
}

#[test]
fn the_media_plane_knows_whose_checks_pass_and_makes_none() {
    let call = call();
    let offered = described_by(Kind::Web);
    let (of_alice, of_bob) = (credentials(&offered).0, credentials(&taken(&call.talk.offer, 5_000)).0);
    for (port, told, own) in [(54_609, &of_bob, &of_alice), (5_000, &of_alice, &of_bob)] {
        for stream in call.talk.desk.peer_at(port).streams.iter().flatten() {
            let ice = stream.ice.as_ref().expect("ICE");
            assert_eq!((&*ice.ours.ufrag, &*ice.theirs.ufrag), (&**told, &**own));
            assert!(ice.wire && ice.candidates.is_empty() && stream.is_wire());
            assert_eq!(stream.keying, Keying::EndToEnd);
        }
    }
}

#[test]
fn which_way_it_goes_is_told_from_what_comes_here() {
    let mut call = call();
    let sent = call.talk.desk.pass(SECOND);
    assert!(requests_to(&sent, call.bob.flow, "INVITE").is_empty(), "nobody is asked anew");
    call.talk.desk.mute = true;
    let id = call.id();
    call.talk.desk.handle(Input::Told(Command::Asked { ticket: Ticket(1), ask: Ask::Show(id) }));
    call.talk.desk.pass(SECOND * 2);
    let shown = call.talk.desk.office.told.pop().expect("an answer").1;
    let way = |told| match told {
        Told::Call(Some(call)) => call.media_path,
        other => panic!("{other:?}"),
    };
    assert_eq!(way(shown), Some(MediaPath::Own), "nothing is measured");
    call.talk.desk.mute = false;
    for (received, way) in [(0, MediaPath::OwnDirect), (90, MediaPath::OwnHere)] {
        call.talk.desk.report = *super::silent::report(received);
        assert_eq!(call.path(), way);
    }
}

#[test]
fn who_is_not_told_of_the_other_has_a_reason_that_is_shown() {
    type Prepare = fn(&mut Desk);
    let cases: [(&str, Prepare, MediaPath); 4] = [
        (
            "the setting",
            |desk| desk.office.world.settings.direct_media = false,
            MediaPath::Relayed(Relayed::Policy),
        ),
        (
            "several devices",
            |desk| {
                desk.register("bob", super::desk::wss("192.0.2.44:5060", 44), "");
            },
            MediaPath::Relayed(Relayed::Several),
        ),
        (
            "a recording",
            |desk| {
                let patch = AccountPatch { record: Some(RecordPolicy::All), ..AccountPatch::default() };
                apply(&desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
            },
            MediaPath::Relayed(Relayed::Recorded),
        ),
        ("nothing", |_| (), MediaPath::Own),
    ];
    for (name, change, way) in cases {
        let (mut desk, alice, bob) = wired_desk();
        change(&mut desk);
        let mut call = Call { talk: talk(desk, alice, &bob, &described_by(Kind::Web)), bob, answers: 0 };
        call.talk.desk.pass(SECOND);
        assert_eq!(call.path(), way, "{name}");
        assert_eq!(call.is_wire(), way == MediaPath::Own, "{name}");
        assert_eq!(is_ours(&call.talk.offer), way != MediaPath::Own, "{name}");
    }
}

#[test]
fn a_callee_without_checks_of_its_own_leaves_the_caller_with_ours() {
    for without in ["a=candidate:1 1", "a=ice-ufrag", "lite"] {
        let (mut desk, mut alice, bob) = wired_desk();
        let (_, sent) = desk.invite(&mut alice, URI, "", &described_by(Kind::Web));
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        let text = taken(&body(&invite), 5_000);
        let answer: String = match without {
            "lite" => text.replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"),
            line => {
                text.lines().filter(|said| !said.contains(line)).map(|said| format!("{said}\r\n")).collect()
            }
        };
        let sent = desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &answer));
        let told = body(answer_to(&sent, alice.flow, 200));
        let ice = summary(&told).media[0].ice.clone().expect("ICE");
        // No candidate yet is no reason: its checks show where it is.
        assert_eq!(ice.lite, without != "a=candidate:1 1", "{without} {told}");
    }
}

/// Bob has no checks of his own; `wanted`: devices may have keys of their own.
fn lite(wanted: bool) -> Call {
    let (mut desk, mut alice, bob) = wired_desk();
    desk.office.world.settings.end_to_end = wanted;
    let (request, sent) = desk.invite(&mut alice, URI, "", &described_by(Kind::Web));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let answer = taken(&body(&invite), 5_000).replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n");
    let sent = desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &answer));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let ack = caller.ack("");
    desk.receive(alice.flow, &ack);
    let (offer, answer) = (body(&invite), body(&ok));
    let callee = Ua::callee(bob.flow, &invite, "bobtag");
    let call = Call { talk: Talk { desk, caller, callee, offer, answer }, bob, answers: 0 };
    call.let_record(RecordPolicy::OnDemand);
    call
}

/// Its keys are the devices' own only because the two were to check each other.
#[test]
fn a_callee_without_checks_of_its_own_has_no_keys_of_its_own_for_long_unless_that_is_wanted() {
    let mut call = lite(false);
    let told = call.offers(SECOND * 3, None);
    assert_eq!(told.iter().map(|(who, _)| *who).collect::<Vec<_>>(), ["alice", "bob"]);
    assert!(told.iter().all(|(_, text)| is_ours(text)), "{told:?}");
    assert_eq!(protection_told(&call.talk.desk).last().map(|told| told.state()), Some(MediaState::Hop));
    assert_eq!(call.record(RecordOrder::Start), Ok(()));
    assert!(matches!(call.talk.desk.tapes[..], [(_, _, TapeOrder::Begin { .. })]));

    let mut call = lite(true);
    assert!(call.offers(SECOND * 3, None).is_empty());
    assert_eq!(protection_told(&call.talk.desk).last().map(|told| told.state()), Some(MediaState::EndToEnd));
    assert_eq!(call.record(RecordOrder::Start), Err(NotRecorded::EndToEnd));
}

/// It is left as it is, and nothing is promised of it.
#[test]
fn who_refuses_other_keys_than_its_own_is_asked_once() {
    let mut call = lite(false);
    let alice = call.talk.caller.flow;
    let told = call.offers(SECOND * 60, Some(alice));
    // Bob would hear nothing with keys that she has not.
    assert_eq!(told.iter().map(|(who, _)| *who).collect::<Vec<_>>(), ["alice"]);
    assert_eq!(call.record(RecordOrder::Start), Err(NotRecorded::EndToEnd));
}

/// RFC 3261 section 14.1: glare is no answer, and until there is one the other keeps the keys that fit to hers.
#[test]
fn who_is_busy_with_an_offer_is_asked_for_other_keys_again_before_the_second_is() {
    let mut call = lite(false);
    let alice = call.talk.caller.flow;
    let told = call.refused(SECOND * 2, Some(alice), 491);
    assert_eq!(told.iter().map(|(who, _)| *who).collect::<Vec<_>>(), ["alice"]);
    let told = call.offers(SECOND * 8, None);
    assert_eq!(told.iter().map(|(who, _)| *who).collect::<Vec<_>>(), ["alice", "bob"]);
    assert!(told.iter().all(|(_, text)| is_ours(text)), "{told:?}");
    assert_eq!(protection_told(&call.talk.desk).last().map(|told| told.state()), Some(MediaState::Hop));
}

#[test]
fn a_recording_brings_both_back_one_after_the_other_and_they_stay() {
    let mut call = call();
    call.let_record(RecordPolicy::OnDemand);
    assert_eq!(call.record(RecordOrder::Start), Ok(()));
    assert!(call.talk.desk.tapes.is_empty());
    let told = call.offers(SECOND, None);
    assert_eq!(told.iter().map(|(who, _)| *who).collect::<Vec<_>>(), ["alice"], "the second waits");
    assert!(is_ours(&told[0].1), "{}", told[0].1);
    assert_ne!(credentials(&told[0].1), credentials(&call.talk.answer));
    call.heard(6_001);
    let told = call.offers(SECOND, None);
    assert_eq!(told.iter().map(|(who, _)| *who).collect::<Vec<_>>(), ["bob"]);
    assert!(is_ours(&told[0].1), "{}", told[0].1);
    assert!(!call.is_wire());
    assert!(matches!(call.talk.desk.tapes[..], [(_, _, TapeOrder::Begin { .. })]));
    assert_eq!(call.path(), MediaPath::Relayed(Relayed::Recorded));
    assert_eq!(protection_told(&call.talk.desk).last().map(|told| told.state()), Some(MediaState::Hop));
    assert_eq!(call.record(RecordOrder::Stop), Ok(()));
    assert!(call.offers(SECOND * 30, None).is_empty());
    assert_eq!(call.path(), MediaPath::Relayed(Relayed::Returned));
}

#[test]
fn one_that_says_nothing_after_it_has_come_back_is_not_waited_for_without_end() {
    let mut call = call();
    call.let_record(RecordPolicy::OnDemand);
    assert_eq!(call.record(RecordOrder::Start), Ok(()));
    let told = call.offers(SECOND * 7, None);
    assert_eq!(told.iter().map(|(who, _)| *who).collect::<Vec<_>>(), ["alice", "bob"]);
    assert!(!call.is_wire());
}

#[test]
fn with_keys_that_are_to_be_the_devices_own_nothing_is_recorded_and_nothing_comes_back() {
    let (mut desk, alice, bob) = wired_desk();
    desk.office.world.settings.end_to_end = true;
    let mut call = Call { talk: talk(desk, alice, &bob, &described_by(Kind::Web)), bob, answers: 0 };
    call.let_record(RecordPolicy::All);
    assert_eq!(call.record(RecordOrder::Start), Err(NotRecorded::EndToEnd));
    assert!(call.offers(SECOND * 5, None).is_empty());
    assert!(call.is_wire());
}

#[test]
fn a_sound_that_is_played_waits_until_both_have_come_back() {
    let mut call = call();
    let id = call.id();
    let play = Ask::Play { id, prompt: Some(PromptId(3)), to: Hearer::Both };
    assert_eq!(call.ask(play), Told::Taped(Some(Ok(()))));
    assert!(call.talk.desk.prompts.is_empty());
    assert_eq!(call.offers(SECOND * 7, None).len(), 2);
    assert_eq!(call.talk.desk.prompts.len(), 2);
}

/// Who says no goes on as it is; it is asked again in a while.
#[test]
fn a_device_that_refuses_to_come_back_keeps_its_way_and_is_asked_again() {
    let mut call = call();
    call.let_record(RecordPolicy::OnDemand);
    assert_eq!(call.record(RecordOrder::Start), Ok(()));
    let alice = call.talk.caller.flow;
    assert_eq!(call.offers(SECOND * 10, Some(alice)).len(), 1);
    assert!(call.is_wire(), "both as before");
    assert!(call.talk.desk.tapes.is_empty());
    let told = call.offers(SECOND * 40, None);
    assert_eq!(told.iter().map(|(who, _)| *who).collect::<Vec<_>>(), ["alice", "bob"]);
    assert!(!call.is_wire());
}

#[test]
fn a_transfer_brings_the_call_back() {
    let mut call = call();
    let carol = call.talk.desk.register("carol", udp("192.0.2.33:5060"), "").flow;
    let refer = call.talk.caller.request("REFER", "Refer-To: <sip:carol@example.org>\r\n", "");
    let sent = call.talk.desk.receive(call.talk.caller.flow, &refer);
    request_to(&sent, carol, "INVITE");
    let told = call.offers(SECOND * 7, None);
    assert!(told.len() == 2 && told.iter().all(|(_, text)| is_ours(text)), "{told:?}");
}

/// Hold, a restart of ICE, another candidate: one offer and one answer go through.
#[test]
fn what_one_offers_in_the_call_goes_through_with_its_credentials() {
    let mut call = call();
    let offered = described_by(Kind::Web);
    for (version, changes) in [
        (3, [("a=sendrecv", "a=sendonly"), ("a=sendrecv", "a=sendonly")]),
        (4, [("4ZcD", "restarted"), ("2/1muCWoOi3uLifh0NuRHlgh", "another/password/of/alices")]),
    ] {
        let changed = changes.iter().fold(offered.clone(), |text, (old, new)| text.replace(old, new));
        let changed = changed.replace(" 2 IN IP4", &format!(" {version} IN IP4"));
        let invite = call.talk.caller.request("INVITE", "", &changed);
        let sent = call.talk.desk.receive(call.talk.caller.flow, &invite);
        let offer = request_to(&sent, call.bob.flow, "INVITE").clone();
        assert_eq!(credentials(&body(&offer)), credentials(&changed));
        let answer =
            taken(&body(&offer), 5_000).replace("a=ice-ufrag:bobs", &format!("a=ice-ufrag:bobs{version}"));
        let sent =
            call.talk.desk.receive(call.bob.flow, &reply(&offer, 200, "", &contact(call.bob.flow), &answer));
        let told = body(answer_to(&sent, call.talk.caller.flow, 200));
        assert_eq!(credentials(&told).0, format!("bobs{version}"));
        let ack = call.talk.caller.ack("");
        call.talk.desk.receive(call.talk.caller.flow, &ack);
        assert!(call.is_wire());
        assert!(call.offers(SECOND * 3, None).is_empty(), "nobody is asked anew");
    }
}

/// A page that has lost its connection has it again, perhaps in another network.
#[test]
fn a_device_that_is_registered_anew_and_no_more_as_it_was_brings_the_call_back() {
    for remote in ["203.0.113.5:5060", "192.0.2.22:5999"] {
        let mut desk = Desk::empty();
        desk.office.world.settings.direct_media = true;
        let alice = desk.register("alice", super::desk::wss(ALICE, 11), "");
        let bob = |desk: &mut Desk, remote, serial| {
            super::following::phone_at(desk, super::desk::wss(remote, serial), "page.invalid")
        };
        let at_first = bob(&mut desk, "192.0.2.22:5061", 23);
        let mut call =
            Call { talk: talk(desk, alice, &at_first, &described_by(Kind::Web)), bob: at_first, answers: 0 };
        call.talk.desk.pass(SECOND * 3);
        call.bob = bob(&mut call.talk.desk, remote, 55);
        let told = call.offers(SECOND * 10, None);
        let who: Vec<&str> = told.iter().map(|(who, _)| *who).collect();
        assert_eq!(who, ["alice", "bob"], "{remote}");
        assert!(told.iter().all(|(_, text)| is_ours(text)));
    }
}

/// Their connections have gone with the process, which says nothing of their media.
#[test]
fn after_a_crash_the_wire_is_as_it_was_and_devices_that_connect_anew_bring_nothing_back() {
    let mut call = call();
    call.talk.desk.pass(SECOND);
    call.talk.desk.crash();
    assert_eq!(call.path(), MediaPath::Own);
    let restored = &call.talk.desk.restored;
    let streams = restored.iter().flat_map(|(_, kept)| kept.streams.iter().flatten());
    let wires = streams.filter_map(|kept| kept.agreed.as_ref()).filter(|agreed| agreed.is_wire()).count();
    assert!(wires >= 2, "{wires}");
    let anew = |desk: &mut Desk, user: &str, remote: &str, serial| {
        let mut phone = Phone::new(user, super::desk::wss(remote, serial));
        (phone.call, phone.contact) = (
            format!("-{serial}"),
            format!(
                "sip:{}@{remote}",
                match user {
                    "bob" => "phone",
                    user => user,
                }
            ),
        );
        assert_eq!(desk.office.register(&mut phone).status(), 200);
        phone
    };
    // A recording waits for both.
    call.let_record(RecordPolicy::OnDemand);
    call.talk.caller.flow = anew(&mut call.talk.desk, "alice", ALICE, 31).flow;
    assert_eq!(call.offers(SECOND * 5, None), []);
    call.bob = anew(&mut call.talk.desk, "bob", BOB, 32);
    assert_eq!(call.offers(SECOND * 5, None), []);
    assert_eq!(call.path(), MediaPath::Own);
    assert_eq!(call.record(RecordOrder::Start), Ok(()));
    let told = call.offers(SECOND * 7, None);
    assert_eq!(told.iter().map(|(who, _)| *who).collect::<Vec<_>>(), ["alice", "bob"]);
}

/// Each has talked with alice; she joins them. Who is asked for an offer has to restart before, or it would go on with her.
#[test]
fn who_is_joined_with_another_is_offered_credentials_of_ours_before_it_is_asked_for_its_own() {
    let mut call = call();
    let carol = call.talk.desk.register("carol", super::desk::wss("192.0.2.33:5060", 33), "");
    let mut alice = Phone::new("alice", call.talk.caller.flow);
    alice.call = "-second".into();
    let (request, sent) =
        call.talk.desk.invite(&mut alice, "sip:carol@example.org", "", &described_by(Kind::Web));
    let invite = request_to(&sent, carol.flow, "INVITE").clone();
    assert!(!is_ours(&body(&invite)));
    let answer = taken(&body(&invite), 7_000);
    let sent =
        call.talk.desk.receive(carol.flow, &reply(&invite, 200, "carols", &contact(carol.flow), &answer));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    let second = Ua::caller(alice.flow, &request, &ok);
    let refer = super::attending::replaces(&second);
    let refer = call.talk.caller.request("REFER", &refer, "");
    let mut sent = call.talk.desk.receive(call.talk.caller.flow, &refer);
    sent.extend(call.talk.desk.pass(Duration::from_millis(200)));
    let first = requests_to(&sent, carol.flow, "INVITE");
    assert!(!first.is_empty() && is_ours(&body(first[0])), "{}", dump(&sent));
}
