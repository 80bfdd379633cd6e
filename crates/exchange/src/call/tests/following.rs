//! A phone that changes its network in mid-call (decision 0028).

use super::desk::tls;
use super::profiles::{Kind, desk, taken};
use super::*;
use crate::input::Input;
use crate::media::{MediaEvent, MediaId};
use crate::testing::Phone;
use std::net::SocketAddr;

/// Where bob is after he has moved, and somebody else there.
const ELSEWHERE: &str = "198.51.100.77:5060";
const ITS_MEDIA: &str = "198.51.100.77:40000";

struct Talk {
    desk: Desk,
    alice: Phone,
    bob: Phone,
    callee: Ua,
}

fn talk() -> Talk {
    let mut desk = Desk::empty();
    let mut alice = desk.register("alice", udp(ALICE), "");
    let bob = phone_at(&mut desk, udp(BOB), BOB);
    let (_, callee) = desk.talk(&mut alice, &bob);
    Talk { desk, alice, bob, callee }
}

/// A phone of bob that registers a contact at this address.
pub(super) fn phone_at(desk: &mut Desk, flow: Flow, contact: &str) -> Phone {
    let mut bob = Phone::new("bob", flow);
    bob.call = format!("-{}", flow.connection.0);
    bob.contact = format!("sip:phone@{contact}");
    assert_eq!(desk.office.register(&mut bob).status(), 200);
    bob
}

impl Talk {
    /// The endpoint of bob's leg.
    fn media(&self) -> MediaId {
        let is_bobs = |peer: &crate::media::Peer| {
            peer.streams.iter().flatten().any(|stream| stream.rtp.port() == 5_000)
        };
        let found = self.desk.open.iter().find(|(_, peer)| peer.as_ref().is_some_and(is_bobs));
        *found.expect("bob's endpoint").0
    }

    fn expected_from(&self) -> String {
        self.desk.peer_at(5_000).signalled_from.to_string()
    }

    fn strays(&mut self, from: &str) -> Vec<Sent> {
        let from: SocketAddr = from.parse().unwrap();
        let id = self.media();
        self.desk.handle(Input::MediaEvent(MediaEvent::Strayed { id, stream: 0, from }))
    }

    fn is_quiet(&mut self) -> Vec<Sent> {
        let id = self.media();
        self.desk.handle(Input::MediaEvent(MediaEvent::Quiet { id }))
    }

    /// Bob registers the same contact over another flow.
    fn register(&mut self, flow: Flow) {
        self.bob.flow = flow;
        assert_eq!(self.desk.office.register(&mut self.bob).status(), 200);
    }
}

#[test]
fn media_from_where_the_device_is_registered_now_is_expected_at_once() {
    let mut talk = talk();
    assert_eq!(talk.expected_from(), "192.0.2.22");
    assert!(talk.strays(ITS_MEDIA).is_empty());
    assert_eq!(talk.expected_from(), "192.0.2.22", "anybody could send from there");
    talk.register(udp(ELSEWHERE));
    assert!(talk.strays("203.0.113.9:40000").is_empty());
    assert_eq!(talk.expected_from(), "192.0.2.22", "nor is that where it is registered");
    assert!(talk.strays(ITS_MEDIA).is_empty(), "it need not be asked");
    assert_eq!(talk.expected_from(), "198.51.100.77");
    assert_eq!(talk.desk.office.exchange.counters().phones_followed, 1);
    talk.strays(ITS_MEDIA);
    assert_eq!(talk.desk.office.exchange.counters().phones_followed, 1, "once");
}

#[test]
fn a_phone_that_has_moved_and_is_not_heard_is_offered_the_description_there() {
    let mut talk = talk();
    assert!(talk.is_quiet().is_empty(), "it is where it was");
    talk.register(udp(ELSEWHERE));
    let sent = talk.is_quiet();
    assert_eq!(talk.expected_from(), "198.51.100.77", "before it has answered");
    let invite = request_to(&sent, udp(ELSEWHERE), "INVITE").clone();
    assert!(body(&invite).contains("m=audio"), "{}", invite.text());
    assert!(talk.is_quiet().is_empty(), "once");
    let answer = described("198.51.100.77", 5_000, 2, "");
    let ok = reply(&invite, 200, "", &contact(udp(ELSEWHERE)), &answer);
    let sent = talk.desk.receive(udp(ELSEWHERE), &ok);
    request_to(&sent, udp(ELSEWHERE), "ACK");
    assert_eq!(talk.desk.peer_at(5_000).streams[0].as_ref().unwrap().rtp.to_string(), "198.51.100.77:5000");
    let sent = talk.desk.receive(udp(ELSEWHERE), &{
        talk.callee.flow = udp(ELSEWHERE);
        talk.callee.request("BYE", "", "")
    });
    request_to(&sent, talk.alice.flow, "BYE");
}

/// A reboot of a network gives a phone another contact too; its user part is its own.
#[test]
fn a_phone_that_registers_a_contact_of_its_new_address_is_offered_the_description_there() {
    let mut talk = talk();
    phone_at(&mut talk.desk, udp(ELSEWHERE), ELSEWHERE);
    let sent = talk.is_quiet();
    let invite = request_to(&sent, udp(ELSEWHERE), "INVITE").clone();
    assert_eq!(
        talk.expected_from(),
        "192.0.2.22",
        "the old contact is registered as well: it could be another phone"
    );
    let ok = reply(&invite, 200, "", &contact(udp(ELSEWHERE)), &described("198.51.100.77", 5_000, 2, ""));
    talk.desk.receive(udp(ELSEWHERE), &ok);
    assert_eq!(talk.expected_from(), "198.51.100.77");
}

/// Two phones with the secret of one device: the other one does not know the dialog.
#[test]
fn another_phone_of_the_device_ends_no_call_by_not_knowing_it() {
    let mut talk = talk();
    phone_at(&mut talk.desk, udp(ELSEWHERE), ELSEWHERE);
    for status in [481, 408, 486] {
        let sent = talk.is_quiet();
        let Some(invite) = requests_to(&sent, udp(ELSEWHERE), "INVITE").first().copied().cloned() else {
            assert_ne!(status, 481, "it is asked once");
            continue;
        };
        let sent = talk.desk.receive(udp(ELSEWHERE), &reply(&invite, status, "", "", ""));
        assert!(requests_to(&sent, talk.alice.flow, "BYE").is_empty(), "{}", dump(&sent));
    }
    assert_eq!(talk.expected_from(), "192.0.2.22");
    let bye = talk.callee.request("BYE", "", "");
    let sent = talk.desk.receive(talk.callee.flow, &bye);
    request_to(&sent, talk.alice.flow, "BYE");
}

#[test]
fn a_phone_that_does_not_answer_there_leaves_the_call_to_its_media() {
    let mut talk = talk();
    talk.register(udp(ELSEWHERE));
    assert!(!requests_to(&talk.is_quiet(), udp(ELSEWHERE), "INVITE").is_empty());
    let sent = talk.desk.pass(Duration::from_secs(40));
    assert!(requests_to(&sent, talk.alice.flow, "BYE").is_empty(), "{}", dump(&sent));
    assert_eq!(talk.desk.office.exchange.calls().calls(), 1);
}

/// RFC 3261 section 14.1.
#[test]
fn a_phone_that_offers_itself_while_it_is_offered_is_asked_again_later() {
    let mut talk = talk();
    talk.register(udp(ELSEWHERE));
    let invite = request_to(&talk.is_quiet(), udp(ELSEWHERE), "INVITE").clone();
    talk.callee.flow = udp(ELSEWHERE);
    let own = talk.callee.request("INVITE", "", &described("198.51.100.77", 5_000, 2, ""));
    let sent = talk.desk.receive(udp(ELSEWHERE), &own);
    answer_to(&sent, udp(ELSEWHERE), 491);
    talk.desk.receive(udp(ELSEWHERE), &reply(&invite, 491, "", "", ""));
    assert!(!requests_to(&talk.is_quiet(), udp(ELSEWHERE), "INVITE").is_empty());
}

/// Nobody is talked out of encryption by a registration over UDP.
#[test]
fn a_phone_of_tls_is_not_followed_to_a_flow_in_clear() {
    let mut desk = Desk::empty();
    let mut alice = desk.register("alice", udp(ALICE), "");
    let mut bob = phone_at(&mut desk, tls(BOB, 9), BOB);
    let lines = contact(bob.flow);
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
    let answer = described("10.0.0.2", 5_000, 1, key).replace("RTP/AVP", "RTP/SAVP");
    desk.receive(bob.flow, &reply(&invite, 200, "tag", &lines, &answer));
    let mut talk = {
        let callee = Ua::callee(bob.flow, &invite, "tag");
        bob.flow = udp(ELSEWHERE);
        Talk { desk, alice, bob, callee }
    };
    let flow = talk.bob.flow;
    talk.register(flow);
    assert!(talk.is_quiet().is_empty());
    assert_eq!(talk.expected_from(), "192.0.2.22");
    talk.register(tls("198.51.100.77:40404", 10));
    assert!(!requests_to(&talk.is_quiet(), tls("198.51.100.77:40404", 10), "INVITE").is_empty());
}

/// RFC 8445 section 9: new credentials are a restart, in which all candidates are gathered anew; RFC 8842 section 4: the
/// certificate and with it the association stay. It is asked as well when ICE has lost the way to where it is registered.
#[test]
fn a_browser_that_has_moved_or_lost_its_way_is_offered_a_restart_of_ice() {
    let (mut desk, mut alice, bob) = desk(Kind::Plain, Kind::Web);
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let answer = taken(&body(&invite), 5_000);
    desk.receive(bob.flow, &reply(&invite, 200, "tag", &contact(bob.flow), &answer));
    let callee = Ua::callee(bob.flow, &invite, "tag");
    let mut talk = Talk { desk, alice, bob, callee };
    let value = |text: &str, name: &str| {
        let start = format!("a={name}:");
        text.lines().find_map(|line| line.strip_prefix(&start)).expect("it is said").to_owned()
    };
    let first = body(&invite);
    let flow = talk.bob.flow;
    let id = talk.media();
    let lost = MediaEvent::IceFailed { id, stream: 0, why: crate::media::IceFailure::ConsentLost };
    let sent = talk.desk.handle(Input::MediaEvent(lost.clone()));
    let restart = request_to(&sent, flow, "INVITE").clone();
    let second = body(&restart);
    for name in ["ice-ufrag", "ice-pwd"] {
        assert_ne!(value(&first, name), value(&second, name), "{name}");
    }
    assert_eq!(value(&first, "fingerprint"), value(&second, "fingerprint"));
    let ok = reply(
        &restart,
        200,
        "",
        &contact(flow),
        &taken(&second, 5_000).replace("a=ice-ufrag:", "a=ice-ufrag:n"),
    );
    request_to(&talk.desk.receive(flow, &ok), flow, "ACK");
    let stream = talk.desk.peer_at(5_000).streams[0].clone().expect("it is on");
    assert_eq!(&*stream.ice.expect("with ICE").ours.ufrag, value(&second, "ice-ufrag"));
    let sent = talk.desk.handle(Input::MediaEvent(lost));
    assert!(requests_to(&sent, flow, "INVITE").is_empty(), "not again at once");
}

/// Its network has changed behind the same NAT, which the address of its host does not tell.
#[test]
fn a_phone_that_has_connected_again_from_the_same_host_and_is_not_heard_is_offered_the_call_anew() {
    let mut desk = Desk::empty();
    let mut alice = desk.register("alice", udp(ALICE), "");
    let (first, second) = (tcp("192.0.2.22:41000", 7), tcp("192.0.2.22:41001", 8));
    let bob = phone_at(&mut desk, first, "192.0.2.22:41000");
    let (_, callee) = desk.talk(&mut alice, &bob);
    let mut talk = Talk { desk, alice, bob, callee };
    assert!(talk.is_quiet().is_empty(), "it is where it was");
    talk.desk.handle(Input::FlowClosed { flow: first });
    assert!(talk.is_quiet().is_empty(), "it is nowhere yet");
    talk.register(second);
    let sent = talk.is_quiet();
    request_to(&sent, second, "INVITE");
    assert!(talk.is_quiet().is_empty(), "once");
}
