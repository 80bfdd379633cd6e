//! Sides of different calls are joined, whatever the profile of each (RFC 5589 with legs of their own profiles).

use super::profiles::{Kind, assert_keying, assert_profile, desk, summary, taken, talk};
use super::*;

const CAROL: &str = "192.0.2.33:5060";

/// Alice speaks plain RTP with a bob of this kind, and a carol of that kind is there.
fn kinds(bob: Kind, carol: Kind) -> (profiles::Talk, Flow, Flow) {
    let (mut desk, alice, bob) = desk(Kind::Plain, bob);
    let carol = desk.register("carol", carol.flow(CAROL, 33), "").flow;
    let flow = bob.flow;
    (talk(desk, alice, &bob, &sdp("10.0.0.1", 4_000)), flow, carol)
}

fn pairs() -> impl Iterator<Item = (Kind, Kind)> {
    Kind::ALL.into_iter().flat_map(|bob| Kind::ALL.map(|carol| (bob, carol)))
}

#[test]
fn a_blind_transfer_joins_devices_of_every_kind() {
    for (bob_is, carol_is) in pairs() {
        let (mut talk, bob, carol) = kinds(bob_is, carol_is);
        let refer = talk.caller.request("REFER", transferring::TO_CAROL, "");
        let sent = talk.desk.receive(talk.caller.flow, &refer);
        let invite = request_to(&sent, carol, "INVITE").clone();
        let offer = body(&invite);
        assert_profile(carol_is, &offer);
        let answer = taken(&offer, 6_000);
        let sent = talk.desk.receive(carol, &reply(&invite, 200, "caroltag", &contact(carol), &answer));
        let again = request_to(&sent, bob, "INVITE").clone();
        let second = body(&again);
        assert_profile(bob_is, &second);
        let taken_again = taken(&second, 5_000);
        let sent = talk.desk.receive(bob, &reply(&again, 200, "", &contact(bob), &taken_again));
        let last = request_to(&sent, talk.caller.flow, "NOTIFY").clone();
        assert_eq!(transferring::told(&last).0, "SIP/2.0 200 OK", "{bob_is:?} {carol_is:?}");
        assert_keying(carol_is, talk.desk.peer_at(6_000), &offer, &answer);
        assert_keying(bob_is, talk.desk.peer_at(5_000), &second, &taken_again);
        assert!(talk.desk.connected.is_some());
        let bye = talk.callee.request("BYE", "", "");
        let sent = talk.desk.receive(bob, &bye);
        request_to(&sent, carol, "BYE");
    }
}

/// Alice asks carol, refers bob to her, and carol has made the offer that she was asked for; the transfer waits for bob.
struct Referred {
    /// Alice with carol.
    second: Ua,
    offer: String,
    /// What bob is offered.
    again: Sent,
}

/// `alice`: another phone of hers, which is as good, and what it offers.
fn referred(talk: &mut profiles::Talk, bob: Flow, carol: Flow, (flow, asked): (Flow, &str)) -> Referred {
    let mut alice = talk.desk.register("alice", flow, "");
    let (request, sent) = talk.desk.invite(&mut alice, "sip:carol@example.org", "", asked);
    let invite = request_to(&sent, carol, "INVITE").clone();
    let answer = taken(&body(&invite), 6_000);
    let sent = talk.desk.receive(carol, &reply(&invite, 200, "caroltag", &contact(carol), &answer));
    let mut second = Ua::caller(alice.flow, &request, answer_to(&sent, alice.flow, 200));
    let ack = second.ack("");
    talk.desk.receive(alice.flow, &ack);
    let refer = talk.caller.request("REFER", &attending::replaces(&second), "");
    let sent = talk.desk.receive(talk.caller.flow, &refer);
    let ask = request_to(&sent, carol, "INVITE").clone();
    let offer = answer.replace("o=bob 9 6000", "o=bob 9 6001").replace("a=setup:active", "a=setup:actpass");
    let sent = talk.desk.receive(carol, &reply(&ask, 200, "", &contact(carol), &offer));
    Referred { second, offer, again: request_to(&sent, bob, "INVITE").clone() }
}

const ALICE_TOO: &str = "192.0.2.12:5060";

/// An attended transfer that the waiting side refuses: who was asked for an offer is answered as one who stays.
#[test]
fn who_has_offered_for_a_transfer_that_fails_stays_with_its_keys_and_roles() {
    for carol_is in Kind::ALL {
        let (mut talk, bob, carol) = kinds(Kind::Plain, carol_is);
        let alice = (udp(ALICE_TOO), &*sdp("10.0.0.1", 4_002));
        let Referred { mut second, offer, again } = referred(&mut talk, bob, carol, alice);
        let sent = talk.desk.receive(bob, &reply(&again, 488, "", "", ""));
        let ack = body(request_to(&sent, carol, "ACK"));
        assert_profile(carol_is, &ack);
        assert_eq!(ack.contains("a=setup:passive\r\n"), carol_is == Kind::Web, "{ack}");
        assert!(summary(&ack).media[0].keying.sdes().len() <= 1, "one key answers: {ack}");
        assert_keying(carol_is, talk.desk.peer_at(6_000), &ack, &offer);
        let info = second.request("INFO", "", "");
        let sent = talk.desk.receive(alice.0, &info);
        request_to(&sent, carol, "INFO");
    }
}

/// The same between two browsers with keys of their own: what the other of them has said is its offer, and no answer (RFC 8842
/// section 5.3).
#[test]
fn who_is_left_with_a_browser_by_a_failed_transfer_is_answered_and_not_offered() {
    let (mut talk, bob, carol) = kinds(Kind::Plain, Kind::Web);
    talk.desk.office.world.settings.end_to_end = true;
    let alice = (Kind::Web.flow(ALICE_TOO, 12), &*profiles::described_by(Kind::Web));
    let Referred { again, .. } = referred(&mut talk, bob, carol, alice);
    let sent = talk.desk.receive(bob, &reply(&again, 488, "", "", ""));
    let ack = body(request_to(&sent, carol, "ACK"));
    assert!(ack.contains("a=setup:passive\r\n"), "{ack}");
}

#[test]
fn an_attended_transfer_joins_devices_of_every_kind() {
    for (bob_is, carol_is) in pairs() {
        let (mut talk, bob, carol) = kinds(bob_is, carol_is);
        let alice = (udp(ALICE_TOO), &*sdp("10.0.0.1", 4_002));
        let Referred { offer, again, .. } = referred(&mut talk, bob, carol, alice);
        assert_profile(bob_is, &body(&again));
        let bobs = taken(&body(&again), 5_000);
        let sent = talk.desk.receive(bob, &reply(&again, 200, "", &contact(bob), &bobs));
        let ack = body(request_to(&sent, carol, "ACK"));
        assert_profile(carol_is, &ack);
        if carol_is == Kind::Web {
            // Who was the client of the handshake stays it: RFC 8842 section 5.5, and a browser takes nothing else.
            assert!(ack.contains("a=setup:passive\r\n"), "{ack}");
        }
        assert_keying(carol_is, talk.desk.peer_at(6_000), &ack, &offer);
        assert_keying(bob_is, talk.desk.peer_at(5_000), &body(&again), &bobs);
        let last = request_to(&sent, talk.caller.flow, "NOTIFY");
        assert_eq!(transferring::told(last).0, "SIP/2.0 200 OK", "{bob_is:?} {carol_is:?}");
    }
}
