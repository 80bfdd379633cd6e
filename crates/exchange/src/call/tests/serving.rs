//! Calls to a service of ours, which has no phone: echo.

use super::profiles::{BARESIP_SDES, CHROME, Kind, protection_told, with_crlf};
use super::transferring::{three, told};
use super::*;
use crate::input::{Command, Input};
use crate::media::{Keying, MediaEvent, MediaId};
use crate::service::Service;
use crate::testing::Phone;
use coeur_sip::Method;

const ECHO: &str = "sip:echo@example.org";

/// A call of alice's to echo that is answered and acknowledged, and its 200.
fn served(desk: &mut Desk, alice: &mut Phone) -> (Ua, Sent) {
    let (request, sent) = desk.invite(alice, ECHO, "", &sdp("10.0.0.1", 4_000));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let ack = caller.ack("");
    assert!(desk.receive(alice.flow, &ack).is_empty());
    (caller, ok)
}

fn media(desk: &Desk) -> MediaId {
    desk.served.expect("a service").0
}

/// RFC 3261 sections 13.3.1.4 and 15.1.2.
#[test]
fn a_call_to_echo_is_answered_repeated_until_its_ack_and_ended() {
    let (mut desk, mut alice, _) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, ECHO, "", &sdp("10.0.0.1", 4_000));
    answer_to(&sent, alice.flow, 100);
    let ok = answer_to(&sent, alice.flow, 200).clone();
    assert!(body(&ok).contains("m=audio 20002 RTP/AVP 0 8 101\r\n"), "{}", ok.text());
    assert_eq!(desk.served, Some((media(&desk), Service::Echo)));
    let peer = desk.peer_at(4_000).streams[0].clone().expect("audio");
    assert!(peer.we_send && peer.we_receive);
    assert_eq!(desk.tick(Duration::from_millis(510)).len(), 1, "no ACK yet");
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let ack = caller.ack("");
    assert!(desk.receive(alice.flow, &ack).is_empty());
    assert!(desk.tick(Duration::from_secs(2)).is_empty(), "acknowledged");
    let bye = caller.request("BYE", "", "");
    let sent = desk.receive(alice.flow, &bye);
    answer_to(&sent, alice.flow, 200);
    assert_eq!(sent.len(), 1, "{}", dump(&sent));
    assert_eq!(desk.office.exchange.counters().calls_served, 1);
    desk.assert_at_rest();
}

/// RFC 3261 section 13.3.1.4.
#[test]
fn a_call_to_echo_whose_ack_is_lost_for_good_ends() {
    let (mut desk, mut alice, _) = Desk::new();
    desk.invite(&mut alice, ECHO, "", &sdp("10.0.0.1", 4_000));
    let sent = desk.pass(Duration::from_secs(33));
    assert_eq!(sent.iter().filter(|sent| sent.status() == 200).count(), 10);
    assert!(!requests_to(&sent, alice.flow, "BYE").is_empty());
    desk.assert_at_rest();
}

/// RFC 3264 section 8, RFC 3261 section 14.2, RFC 3311: hold by re-INVITE or UPDATE, answered in the same dialog.
#[test]
fn a_call_to_echo_is_held_and_resumed() {
    for method in ["INVITE", "UPDATE"] {
        let (mut desk, mut alice, _) = Desk::new();
        let (mut caller, ok) = served(&mut desk, &mut alice);
        for (version, direction, answered) in [(2, "sendonly", "recvonly"), (3, "sendrecv", "sendrecv")] {
            let offer = described("10.0.0.1", 4_000, version, &format!("a={direction}\r\n"));
            let request = caller.request(method, "", &offer);
            let sent = desk.receive(alice.flow, &request);
            let held = answer_to(&sent, alice.flow, 200).clone();
            assert!(body(&held).contains("m=audio 20002 "), "{}", held.text());
            let said = body(&held).lines().any(|line| line == format!("a={answered}"));
            assert!(said || answered == "sendrecv", "{}", held.text());
            assert_ne!(desk::origin(&held), desk::origin(&ok), "the version of o= grows");
            let peer = desk.peer_at(4_000).streams[0].clone().expect("audio");
            assert_eq!((peer.we_send, peer.we_receive), (answered == "sendrecv", true));
            if method == "INVITE" {
                let ack = caller.ack("");
                desk.receive(alice.flow, &ack);
            }
        }
        let bye = caller.request("BYE", "", "");
        desk.receive(alice.flow, &bye);
        desk.assert_at_rest();
    }
}

/// RFC 3261 section 13.2.1: in the INVITE that begins the call, and in one inside.
#[test]
fn echo_offers_when_nothing_was_offered_and_takes_the_answer_from_the_ack() {
    let (mut desk, mut alice, _) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, ECHO, "", "");
    let ok = answer_to(&sent, alice.flow, 200).clone();
    assert!(
        body(&ok).contains("opus/48000/2") && body(&ok).contains("a=rtpmap:9 G722/8000"),
        "{}",
        ok.text()
    );
    assert_eq!(desk.served, None, "nothing is agreed yet");
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let ack = caller.ack(&sdp("10.0.0.1", 4_000));
    assert!(desk.receive(alice.flow, &ack).is_empty());
    assert!(desk.served.is_some());
    assert!(desk.peer_at(4_000).streams[0].is_some());
    let request = caller.request("INVITE", "", "");
    let sent = desk.receive(alice.flow, &request);
    assert!(body(answer_to(&sent, alice.flow, 200)).contains("m=audio "));
    let ack = caller.ack(&described("10.0.0.1", 4_004, 2, ""));
    desk.receive(alice.flow, &ack);
    assert!(desk.peer_at(4_004).streams[0].is_some());
    let request = caller.request("INVITE", "", "");
    desk.receive(alice.flow, &request);
    let ack = caller.ack("");
    let sent = desk.receive(alice.flow, &ack);
    request_to(&sent, alice.flow, "BYE");
    desk.assert_at_rest();
}

#[test]
fn who_speaks_another_profile_is_echoed_in_it() {
    for (kind, offer) in [(Kind::Sdes, BARESIP_SDES), (Kind::Web, CHROME)] {
        let mut desk = Desk::empty();
        let mut alice = desk.register("alice", kind.flow(ALICE, 1), "");
        let (request, sent) = desk.invite(&mut alice, ECHO, "", &with_crlf(offer));
        let ok = answer_to(&sent, alice.flow, 200).clone();
        let lines = body(&ok);
        let peer = desk.open[&media(&desk)].clone().expect("described");
        let stream = peer.streams[0].as_ref().expect("audio");
        match kind {
            Kind::Sdes => {
                assert!(matches!(stream.keying, Keying::Sdes { .. }) && lines.contains("a=crypto:"))
            }
            Kind::Web => {
                assert!(matches!(stream.keying, Keying::Dtls { .. }) && lines.contains("a=fingerprint:"));
                // What would name the browser's own sources as ours.
                assert!(!lines.contains("a=ssrc:") && !lines.contains("a=msid:"), "{lines}");
                assert!(!lines.contains("red/48000"), "{lines}");
            }
            Kind::Plain => {}
        }
        let mut caller = Ua::caller(alice.flow, &request, &ok);
        let ack = caller.ack("");
        desk.receive(alice.flow, &ack);
        let told = protection_told(&desk);
        assert!(told.len() == 1 && told[0].caller == told[0].callee, "{told:?}");
    }
}

/// RFC 3261 section 8.2.1.
#[test]
fn a_method_that_echo_does_not_serve_is_405_with_allow() {
    let (mut desk, mut alice, _) = Desk::new();
    let challenge = desk.office.answer(alice.flow, &alice.request(Method::Subscribe, ECHO, ""));
    let subscribe = alice.answer(&challenge, Method::Subscribe, ECHO, "");
    let refused = desk.office.answer(alice.flow, &subscribe);
    assert_eq!(refused.status(), 405);
    assert!(refused.text().contains("Allow: INVITE, ACK, CANCEL, BYE"), "{}", refused.text());
    let (mut caller, _) = served(&mut desk, &mut alice);
    let info = caller.request("INFO", "", "");
    answer_to(&desk.receive(alice.flow, &info), alice.flow, 200);
}

#[test]
fn an_offer_without_sound_is_488_and_counts_for_nothing() {
    let (mut desk, mut alice, _) = Desk::new();
    let video = "v=0\r\no=p 7 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\n\
        a=rtpmap:96 VP8/90000\r\n";
    let (_, sent) = desk.invite(&mut alice, ECHO, "", video);
    answer_to(&sent, alice.flow, 488);
    desk.assert_at_rest();
}

/// RFC 3261 section 8.2.2.3.
#[test]
fn an_extension_that_echo_does_not_know_is_420_and_named() {
    let (mut desk, mut alice, _) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, ECHO, "Require: timer, x\r\n", &sdp("10.0.0.1", 4_000));
    assert!(answer_to(&sent, alice.flow, 420).text().contains("Unsupported: x\r\n"));
}

/// RFC 3261 section 9.2.
#[test]
fn a_cancel_of_a_call_to_echo_and_its_487_have_the_same_tag() {
    let (mut desk, mut alice, _) = Desk::new();
    desk.slow = true;
    let (request, _) = desk.invite(&mut alice, ECHO, "", &sdp("10.0.0.1", 4_000));
    let sent = desk.receive(alice.flow, &super::failing::cancel_of(&request));
    let tag = |sent: &Sent| sent.read(|m| m.to().ok().and_then(|to| to.tag()).map(<[u8]>::to_vec));
    let (ok, terminated) = (answer_to(&sent, alice.flow, 200), answer_to(&sent, alice.flow, 487));
    assert!(tag(ok).is_some() && tag(ok) == tag(terminated));
    desk.assert_at_rest();
}

#[test]
fn without_a_port_echo_is_503() {
    let (mut desk, mut alice, _) = Desk::new();
    desk.full = true;
    let (_, sent) = desk.invite(&mut alice, ECHO, "", &sdp("10.0.0.1", 4_000));
    answer_to(&sent, alice.flow, 503);
    desk.assert_at_rest();
}

/// The word of the media plane may be lost: an inbox is full.
#[test]
fn who_waits_for_ports_of_a_call_to_echo_does_not_wait_for_ever() {
    let (mut desk, mut alice, _) = Desk::new();
    desk.slow = true;
    desk.invite(&mut alice, ECHO, "", &sdp("10.0.0.1", 4_000));
    let sent = desk.pass(Duration::from_secs(33));
    assert!(sent.iter().any(|sent| sent.status() == 503), "{}", dump(&sent));
    let (mut desk, mut alice, _) = Desk::new();
    let (mut caller, _) = served(&mut desk, &mut alice);
    desk.slow = true;
    let more = format!("{}m=audio 4002 RTP/AVP 0\r\n", described("10.0.0.1", 4_000, 2, ""));
    let request = caller.request("INVITE", "", &more);
    desk.receive(alice.flow, &request);
    let sent = desk.pass(Duration::from_secs(33));
    assert!(sent.iter().any(|sent| sent.status() == 503), "{}", dump(&sent));
    let bye = caller.request("BYE", "", "");
    answer_to(&desk.receive(alice.flow, &bye), alice.flow, 200);
}

#[test]
fn silence_and_a_server_that_stops_end_a_call_to_echo_with_a_bye() {
    for drains in [true, false] {
        let (mut desk, mut alice, _) = Desk::new();
        served(&mut desk, &mut alice);
        let input = match drains {
            true => Input::Told(Command::Drain),
            false => Input::MediaEvent(MediaEvent::Silent { id: media(&desk) }),
        };
        let sent = desk.handle(input);
        assert_eq!(sent.len(), 1, "{}", dump(&sent));
        request_to(&sent, alice.flow, "BYE");
        desk.assert_at_rest();
    }
}

/// With calls through the proxy there is a service all the same.
#[test]
fn echo_answers_also_where_calls_of_others_are_relayed() {
    let (mut desk, mut alice, _) = Desk::new();
    desk.office.world.settings.calls = crate::world::CallMode::Proxy;
    served(&mut desk, &mut alice);
}

/// RFC 5589 section 6: who waits is offered what echo takes of what it had described.
#[test]
fn a_call_is_transferred_to_echo() {
    let mut three = three();
    let refer = three.caller.request("REFER", "Refer-To: <sip:echo@example.org>\r\n", "");
    let sent = three.desk.receive(three.caller.flow, &refer);
    answer_to(&sent, three.caller.flow, 202);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "");
    let sent = three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    request_to(&sent, three.bob, "ACK");
    let last = sent.iter().rfind(|sent| sent.text().starts_with("NOTIFY ")).expect("word of it").clone();
    assert_eq!(told(&last), ("SIP/2.0 200 OK".into(), true));
    let peer = three.desk.open[&media(&three.desk)].clone().expect("described");
    assert_eq!(peer.streams[0].as_ref().expect("audio").rtp.port(), 5_000);
    let sent = three.desk.receive(three.caller.flow, &reply(&last, 200, "", "", ""));
    request_to(&sent, three.caller.flow, "BYE");
    assert_eq!(three.desk.open.len(), 1);
    let bye = three.callee.request("BYE", "", "");
    three.desk.receive(three.bob, &bye);
    three.desk.assert_at_rest();
}

/// RFC 5589 section 7: alice has called echo herself and leaves bob with it.
#[test]
fn a_call_to_echo_is_given_to_somebody_else() {
    let mut three = three();
    three.alice.call = "-second".into();
    let (second, _) = served(&mut three.desk, &mut three.alice);
    let refer = three.caller.request("REFER", &super::attending::replaces(&second), "");
    let sent = three.desk.receive(three.caller.flow, &refer);
    answer_to(&sent, three.caller.flow, 202);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    assert!(body(&offer).contains("m=audio "), "{}", offer.text());
    let answer = described("10.0.0.2", 5_000, 2, "");
    let sent = three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    assert_eq!(requests_to(&sent, three.caller.flow, "BYE").len(), 1, "{}", dump(&sent));
    let last = sent.iter().rfind(|sent| sent.text().starts_with("NOTIFY ")).expect("word of it").clone();
    assert_eq!(told(&last), ("SIP/2.0 200 OK".into(), true));
    let peer = three.desk.open[&media(&three.desk)].clone().expect("described");
    assert_eq!(peer.streams[0].as_ref().expect("audio").rtp.port(), 5_000);
}
