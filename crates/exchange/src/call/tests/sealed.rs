//! Calls whose keys the two devices have between themselves (decision 0020).

use super::profiles::{Kind, Talk, described_by, desk, protection_told, summary, taken, talk};
use super::*;
use crate::event::{LegProtection, MediaState};
use crate::media::{Keying, MediaCommand, MediaId, Peer};
use crate::testing::Phone;
use std::collections::BTreeMap;

fn sealed_desk(from: Kind, to: Kind) -> (Desk, Phone, Phone) {
    let (mut desk, alice, bob) = desk(from, to);
    desk.office.world.settings.end_to_end = true;
    (desk, alice, bob)
}

/// The certificates in a description, and who begins.
fn dtls(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with("a=fingerprint:") || line.starts_with("a=setup:"))
        .map(Into::into)
        .collect()
}

fn certificates(text: &str) -> Vec<String> {
    let mut found: Vec<String> = dtls(text).into_iter().filter(|line| line.contains("fingerprint")).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Ours in this test.
const OURS: &str = "a=fingerprint:sha-256 C0:C0";

fn keyings(open: &BTreeMap<MediaId, Option<Peer>>) -> Vec<Keying> {
    open.values()
        .flatten()
        .flat_map(|peer| peer.streams.iter().flatten())
        .map(|stream| stream.keying.clone())
        .collect()
}

#[test]
fn two_browsers_are_told_the_certificate_of_each_other_and_the_media_plane_no_key() {
    let (desk, alice, bob) = sealed_desk(Kind::Web, Kind::Web);
    let offered = described_by(Kind::Web);
    let Talk { desk, offer, answer, .. } = talk(desk, alice, &bob, &offered);
    assert_eq!(certificates(&offer), certificates(&offered));
    assert_eq!(certificates(&answer), certificates(&taken(&offer, 5_000)));
    assert!(!offer.contains(OURS) && !answer.contains(OURS), "{offer}{answer}");
    assert!(dtls(&answer).iter().any(|line| line == "a=setup:active"), "{answer}");
    // Addresses and ICE are ours on each leg.
    for (said, by) in [(&offer, &offered), (&answer, &taken(&offer, 5_000))] {
        let (ours, theirs) = (&summary(said).media[0], &summary(by).media[0]);
        let (our_ice, their_ice) = (ours.ice.as_ref().expect("ICE"), theirs.ice.as_ref().expect("ICE"));
        assert_ne!(our_ice.ufrag, their_ice.ufrag);
        assert!(said.contains("198.51.100.1"), "{said}");
    }
    let numbers =
        |text: &str| summary(text).media[0].codecs.iter().map(|codec| codec.payload).collect::<Vec<_>>();
    assert_eq!(numbers(&offer), numbers(&offered), "a number that is authenticated is not changed");
    let keyings = keyings(&desk.open);
    assert!(keyings.len() >= 2 && keyings.iter().all(|keying| *keying == Keying::EndToEnd), "{keyings:?}");
    let told = protection_told(&desk);
    assert_eq!(told.iter().map(|told| told.state()).collect::<Vec<_>>(), [MediaState::EndToEnd]);
    assert_eq!(told[0].state().as_str(), "e2e");
}

#[test]
fn without_the_setting_and_with_any_other_device_each_leg_has_keys_of_ours() {
    for (setting, from, to) in [
        (false, Kind::Web, Kind::Web),
        (true, Kind::Web, Kind::Sdes),
        (true, Kind::Sdes, Kind::Web),
        (true, Kind::Web, Kind::Plain),
        (true, Kind::Plain, Kind::Web),
    ] {
        let (mut desk, alice, bob) = sealed_desk(from, to);
        desk.office.world.settings.end_to_end = setting;
        let Talk { desk, offer, answer, .. } = talk(desk, alice, &bob, &described_by(from));
        assert!(!keyings(&desk.open).contains(&Keying::EndToEnd), "{setting} {from:?} {to:?}");
        for (said, kind) in [(&offer, to), (&answer, from)] {
            assert_eq!(said.contains(OURS), kind == Kind::Web, "{setting} {from:?} {to:?} {said}");
        }
        assert!(protection_told(&desk)[0].caller < LegProtection::EndToEnd);
    }
}

/// What one of them answers early could not be taken back when another takes the call.
#[test]
fn with_several_phones_ringing_each_leg_has_keys_of_ours() {
    let (mut desk, mut alice, bob) = sealed_desk(Kind::Web, Kind::Web);
    let second = desk.register("bob", udp("192.0.2.44:5060"), "");
    let (_, sent) = desk.invite(&mut alice, URI, "", &described_by(Kind::Web));
    for flow in [bob.flow, second.flow] {
        let offer = body(request_to(&sent, flow, "INVITE"));
        assert!(!offer.contains(&certificates(&described_by(Kind::Web))[0]), "{offer}");
    }
}

#[test]
fn what_is_described_before_it_is_certain_who_answers_is_not_passed() {
    let (mut desk, mut alice, bob) = sealed_desk(Kind::Web, Kind::Web);
    let (_, sent) = desk.invite(&mut alice, URI, "", &described_by(Kind::Web));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    assert!(!header(&invite, HeaderName::Supported).contains("100rel"));
    let early = taken(&body(&invite), 5_000);
    let sent = desk.receive(bob.flow, &reply(&invite, 183, "bobtag", &contact(bob.flow), &early));
    assert_eq!(body(answer_to(&sent, alice.flow, 183)), "");
    let sent = desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &early));
    assert_eq!(certificates(&body(answer_to(&sent, alice.flow, 200))), certificates(&early));
}

#[test]
fn a_hold_leaves_the_keys_where_they_are() {
    let (desk, alice, bob) = sealed_desk(Kind::Web, Kind::Web);
    let offered = described_by(Kind::Web);
    let mut talk = talk(desk, alice, &bob, &offered);
    let held = offered.replace("a=sendrecv", "a=sendonly").replace(" 2 IN IP4", " 3 IN IP4");
    let hold = talk.caller.request("INVITE", "", &held);
    let sent = talk.desk.receive(talk.caller.flow, &hold);
    let offer = request_to(&sent, bob.flow, "INVITE").clone();
    assert_eq!(certificates(&body(&offer)), certificates(&offered));
    let answer = taken(&body(&offer), 5_000);
    let sent = talk.desk.receive(bob.flow, &reply(&offer, 200, "", &contact(bob.flow), &answer));
    assert_eq!(certificates(&body(answer_to(&sent, talk.caller.flow, 200))), certificates(&answer));
    assert!(keyings(&talk.desk.open).iter().all(|keying| *keying == Keying::EndToEnd));
    assert!(!talk.desk.office.media.iter().any(|command| matches!(command, MediaCommand::Open { .. })));
}

/// Bob is a browser, who talks with another one and is transferred to a desk phone.
#[test]
fn a_transfer_brings_the_call_back_to_keys_of_ours() {
    let (mut desk, alice, bob) = sealed_desk(Kind::Web, Kind::Web);
    let carol = desk.register("carol", udp("192.0.2.33:5060"), "").flow;
    let mut talk = talk(desk, alice, &bob, &described_by(Kind::Web));
    let refer = talk.caller.request("REFER", "Refer-To: <sip:carol@example.org>\r\n", "");
    let sent = talk.desk.receive(talk.caller.flow, &refer);
    let invite = request_to(&sent, carol, "INVITE").clone();
    let ok = reply(&invite, 200, "caroltag", &contact(carol), &sdp("10.0.0.3", 6_000));
    let sent = talk.desk.receive(carol, &ok);
    let offer = request_to(&sent, bob.flow, "INVITE").clone();
    assert!(body(&offer).contains(OURS), "{}", body(&offer));
    let answer = taken(&body(&offer), 5_000);
    talk.desk.receive(bob.flow, &reply(&offer, 200, "", &contact(bob.flow), &answer));
    let connected: Vec<Keying> = {
        let (a, b) = talk.desk.connected.expect("connected");
        [a, b].iter().flat_map(|id| keyings(&BTreeMap::from([(*id, talk.desk.open[id].clone())]))).collect()
    };
    assert!(connected.iter().any(|keying| matches!(keying, Keying::Dtls { .. })), "{connected:?}");
    assert!(!connected.contains(&Keying::EndToEnd), "{connected:?}");
}

#[test]
fn a_transfer_that_comes_to_nothing_leaves_the_keys_where_they_were() {
    let (mut desk, alice, bob) = sealed_desk(Kind::Web, Kind::Web);
    let carol = desk.register("carol", udp("192.0.2.33:5060"), "").flow;
    let offered = described_by(Kind::Web);
    let mut talk = talk(desk, alice, &bob, &offered);
    let refer = talk.caller.request("REFER", "Refer-To: <sip:carol@example.org>\r\n", "");
    let sent = talk.desk.receive(talk.caller.flow, &refer);
    let invite = request_to(&sent, carol, "INVITE").clone();
    let ok = reply(&invite, 200, "caroltag", &contact(carol), &sdp("10.0.0.3", 6_000));
    let sent = talk.desk.receive(carol, &ok);
    let offer = request_to(&sent, bob.flow, "INVITE").clone();
    talk.desk.receive(bob.flow, &reply(&offer, 488, "", "", ""));
    // Whoever of the two describes himself next is told the certificate of the other.
    let again = offered.replace("a=sendrecv", "a=sendonly").replace(" 2 IN IP4", " 3 IN IP4");
    let hold = talk.caller.request("INVITE", "", &again);
    let sent = talk.desk.receive(talk.caller.flow, &hold);
    let offer = body(request_to(&sent, bob.flow, "INVITE"));
    assert_eq!(certificates(&offer), certificates(&offered));
    assert!(keyings(&talk.desk.open).iter().all(|keying| *keying == Keying::EndToEnd));
}
