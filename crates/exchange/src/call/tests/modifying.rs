//! Offers inside the dialogs (RFC 3261 section 14, RFC 3264 section 8, RFC 3311).

use super::*;
use crate::testing::Phone;

fn talking() -> (Desk, Phone, Phone, Ua, Ua) {
    let (mut desk, mut alice, bob) = Desk::new();
    let (caller, callee) = desk.talk(&mut alice, &bob);
    (desk, alice, bob, caller, callee)
}

fn direction(sent: &Sent) -> String {
    let text = body(sent);
    let found =
        text.lines().find(|line| matches!(*line, "a=sendonly" | "a=recvonly" | "a=inactive" | "a=sendrecv"));
    found.unwrap_or("a=sendrecv").to_owned()
}

/// (we send, we receive) of the endpoint whose peer receives at this port.
fn flows(desk: &Desk, port: u16) -> (bool, bool) {
    let peer = desk.peer_at(port);
    let stream = peer.streams[0].as_ref().expect("audio");
    (stream.we_send, stream.we_receive)
}

/// RFC 3264 section 8.4.
#[test]
fn hold_and_resume_pass_from_either_side() {
    let (mut desk, alice, bob, caller, callee) = talking();
    for (mut asks, other, port, other_port) in
        [(caller, bob.flow, 4_000, 5_000), (callee, alice.flow, 5_000, 4_000)]
    {
        let (ip, other_ip) = if port == 4_000 { ("10.0.0.1", "10.0.0.2") } else { ("10.0.0.2", "10.0.0.1") };
        let steps = [("a=sendonly", "a=recvonly", (false, true)), ("a=sendrecv", "a=sendrecv", (true, true))];
        for (version, (asked, answered, expected)) in steps.into_iter().enumerate() {
            let version = version as u32 + 2;
            let hold = asks.request("INVITE", "", &described(ip, port, version, &format!("{asked}\r\n")));
            let sent = desk.receive(asks.flow, &hold);
            answer_to(&sent, asks.flow, 100);
            let offer = request_to(&sent, other, "INVITE").clone();
            assert_eq!(direction(&offer), asked);
            let answer = described(other_ip, other_port, version, &format!("{answered}\r\n"));
            let sent = desk.receive(other, &reply(&offer, 200, "", &contact(other), &answer));
            request_to(&sent, other, "ACK");
            let ok = answer_to(&sent, asks.flow, 200);
            assert_eq!(direction(ok), answered);
            let ack = asks.ack("");
            assert!(desk.receive(asks.flow, &ack).is_empty());
            assert_eq!(flows(&desk, port), expected, "{asked}");
            assert_eq!(flows(&desk, other_port), (expected.1, expected.0), "{asked}");
        }
    }
}

/// A careless phone holds without counting its `o=` line up: it believes that it is not heard, so it must not be.
#[test]
fn a_hold_that_forgets_to_count_its_version_is_a_hold() {
    let (mut desk, _alice, bob, mut caller, _) = talking();
    let hold = caller.request("INVITE", "", &described("10.0.0.1", 4_000, 1, "a=inactive\r\n"));
    let sent = desk.receive(caller.flow, &hold);
    let offer = request_to(&sent, bob.flow, "INVITE").clone();
    // For the music.
    assert_eq!(direction(&offer), "a=sendonly");
    let answer = described("10.0.0.2", 5_000, 2, "a=inactive\r\n");
    desk.receive(bob.flow, &reply(&offer, 200, "", &contact(bob.flow), &answer));
    assert_eq!(flows(&desk, 4_000), (false, false));
}

/// RFC 3264 section 5.1: an answer that does not mirror the offer opens nothing.
#[test]
fn to_who_is_told_that_nothing_comes_nothing_is_sent() {
    let (mut desk, _alice, bob, mut caller, _) = talking();
    let listen = caller.request("INVITE", "", &described("10.0.0.1", 4_000, 2, "a=recvonly\r\n"));
    let sent = desk.receive(caller.flow, &listen);
    let offer = request_to(&sent, bob.flow, "INVITE").clone();
    let sloppy = described("10.0.0.2", 5_000, 2, "a=sendrecv\r\n");
    desk.receive(bob.flow, &reply(&offer, 200, "", &contact(bob.flow), &sloppy));
    assert_eq!(flows(&desk, 4_000), (true, false));
    assert_eq!(flows(&desk, 5_000), (false, true));
}

/// RFC 3264 section 8.4: what old phones say instead of a direction.
#[test]
fn a_hold_by_the_address_0_0_0_0_passes_as_a_direction() {
    let (mut desk, _alice, bob, mut caller, _) = talking();
    let hold = caller.request("INVITE", "", &described("0.0.0.0", 4_000, 2, ""));
    let sent = desk.receive(caller.flow, &hold);
    let offer = request_to(&sent, bob.flow, "INVITE").clone();
    assert!(!body(&offer).contains("0.0.0.0"), "{}", body(&offer));
    assert_eq!(direction(&offer), "a=sendonly");
    let answer = described("10.0.0.2", 5_000, 2, "a=recvonly\r\n");
    desk.receive(bob.flow, &reply(&offer, 200, "", &contact(bob.flow), &answer));
    assert_eq!(flows(&desk, 4_000), (false, true));
}

/// RFC 3264 section 8: the version goes up with a change and stays without one.
#[test]
fn the_version_of_our_origin_line_tells_whether_something_has_changed() {
    let (mut desk, _alice, bob, mut caller, _) = talking();
    let origin = |sent: &Sent| {
        let text = body(sent);
        let line = text.lines().find(|line| line.starts_with("o=")).expect("an origin").to_owned();
        let parts: Vec<u64> =
            line.split(' ').skip(1).take(2).map(|part| part.parse().expect("a number")).collect();
        (parts[0], parts[1])
    };
    let mut seen = Vec::new();
    for (version, direction) in [(2, "a=sendonly"), (3, "a=sendrecv")] {
        let hold =
            caller.request("INVITE", "", &described("10.0.0.1", 4_000, version, &format!("{direction}\r\n")));
        let sent = desk.receive(caller.flow, &hold);
        let offer = request_to(&sent, bob.flow, "INVITE").clone();
        seen.push(origin(&offer));
        let sent =
            desk.receive(bob.flow, &reply(&offer, 200, "", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
        answer_to(&sent, caller.flow, 200);
        let ack = caller.ack("");
        desk.receive(caller.flow, &ack);
    }
    assert_eq!(seen[0].0, seen[1].0);
    assert_eq!(seen[0].1 + 1, seen[1].1);
}

/// RFC 4028 section 7.4, RFC 3264 section 8: the same `o=` line is no offer.
#[test]
fn a_refresh_is_answered_here_and_the_other_side_hears_nothing() {
    let (mut desk, _alice, _bob, mut caller, _) = talking();
    for method in ["INVITE", "UPDATE"] {
        let same = caller.request(method, "", &sdp("10.0.0.1", 4_000));
        let sent = desk.receive(caller.flow, &same);
        assert_eq!(sent.len(), 1, "{}", dump(&sent));
        assert!(body(answer_to(&sent, caller.flow, 200)).contains("m=audio "));
        if method == "INVITE" {
            let ack = caller.ack("");
            desk.receive(caller.flow, &ack);
        }
    }
    let empty = caller.request("UPDATE", "", "");
    let sent = desk.receive(caller.flow, &empty);
    assert_eq!(body(answer_to(&sent, caller.flow, 200)), "");
    assert!(desk.pass(Duration::from_secs(10)).is_empty(), "the ACK was heard");
}

/// RFC 3261 section 14.1 and RFC 3264 section 8: a refused offer changes nothing.
#[test]
fn a_refused_offer_leaves_both_sides_as_they_were() {
    let (mut desk, _alice, bob, mut caller, mut callee) = talking();
    let before = format!("{:?}", desk.open);
    for status in [488, 606, 491] {
        let hold = caller.request("INVITE", "", &described("10.0.0.1", 4_000, status, "a=inactive\r\n"));
        let sent = desk.receive(caller.flow, &hold);
        let offer = request_to(&sent, bob.flow, "INVITE").clone();
        let sent = desk.receive(bob.flow, &reply(&offer, status as u16, "", "", ""));
        request_to(&sent, bob.flow, "ACK");
        answer_to(&sent, caller.flow, status as u16);
        assert_eq!(format!("{:?}", desk.open), before);
    }
    // And the call goes on, with what was agreed before.
    let same = callee.request("INVITE", "", &sdp("10.0.0.2", 5_000));
    let sent = desk.receive(bob.flow, &same);
    assert_eq!(direction(answer_to(&sent, bob.flow, 200)), "a=sendrecv");
    let same = caller.request("UPDATE", "", "");
    let sent = desk.receive(caller.flow, &same);
    answer_to(&sent, caller.flow, 200);
    assert_eq!(desk.office.exchange.calls().calls(), 1);
}

/// Section 14.2: two offers cross on their way.
#[test]
fn of_two_offers_that_cross_the_second_is_told_491() {
    let (mut desk, alice, bob, mut caller, mut callee) = talking();
    let first = caller.request("INVITE", "", &described("10.0.0.1", 4_000, 2, "a=sendonly\r\n"));
    let sent = desk.receive(alice.flow, &first);
    let offer = request_to(&sent, bob.flow, "INVITE").clone();
    let second = callee.request("INVITE", "", &described("10.0.0.2", 5_000, 2, "a=sendonly\r\n"));
    let sent = desk.receive(bob.flow, &second);
    assert_eq!(sent.len(), 1, "{}", dump(&sent));
    answer_to(&sent, bob.flow, 491);
    // The peer does the same with ours, and both try again later.
    let sent = desk.receive(bob.flow, &reply(&offer, 491, "", "", ""));
    answer_to(&sent, alice.flow, 491);
    let again = callee.request("INVITE", "", &described("10.0.0.2", 5_000, 3, "a=sendonly\r\n"));
    let sent = desk.receive(bob.flow, &again);
    request_to(&sent, alice.flow, "INVITE");
}

/// Section 14.2: a second INVITE before the first is answered.
#[test]
fn a_second_offer_of_the_same_side_waits_with_a_retry_after() {
    let (mut desk, alice, _bob, mut caller, _) = talking();
    for version in [2, 3] {
        let offer = caller.request("INVITE", "", &described("10.0.0.1", 4_000, version, "a=sendonly\r\n"));
        let sent = desk.receive(alice.flow, &offer);
        if version == 3 {
            assert_eq!(header(answer_to(&sent, alice.flow, 500), HeaderName::RetryAfter), "1");
        }
    }
}

/// RFC 3311: an UPDATE goes on as one to who knows it, as INVITE to who does not.
#[test]
fn an_update_goes_on_as_what_the_other_side_knows() {
    for (allow, method) in [("Allow: INVITE, UPDATE\r\n", "UPDATE"), ("Allow: INVITE\r\n", "INVITE")] {
        let (mut desk, mut alice, bob) = Desk::new();
        let (mut caller, _) = desk.talk_with(&mut alice, &bob, "", allow);
        let update = caller.request("UPDATE", "", &described("10.0.0.1", 4_000, 2, "a=sendonly\r\n"));
        let sent = desk.receive(alice.flow, &update);
        let offer = request_to(&sent, bob.flow, method).clone();
        let answer = described("10.0.0.2", 5_000, 2, "a=recvonly\r\n");
        let sent = desk.receive(bob.flow, &reply(&offer, 200, "", &contact(bob.flow), &answer));
        assert_eq!(requests_to(&sent, bob.flow, "ACK").len(), usize::from(method == "INVITE"));
        assert_eq!(direction(answer_to(&sent, alice.flow, 200)), "a=recvonly");
        assert_eq!(flows(&desk, 4_000), (false, true));
    }
}

/// RFC 3264 sections 8.1 and 8.2: streams are added and removed.
#[test]
fn video_is_added_and_taken_away_again_and_audio_keeps_its_ports() {
    let (mut desk, alice, bob, mut caller, _) = talking();
    let audio = desk.peer_at(4_000).clone();
    let with_video = |ip, port, version, video| {
        described(ip, port, version, &format!("m=video {video} RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"))
    };
    let mut ours = Vec::new();
    for (version, video, theirs) in [(2, 4_002, 5_002), (3, 0, 0)] {
        let offer = caller.request("INVITE", "", &with_video("10.0.0.1", 4_000, version, video));
        let sent = desk.receive(alice.flow, &offer);
        let offer = request_to(&sent, bob.flow, "INVITE").clone();
        let answer = with_video("10.0.0.2", 5_000, version, theirs);
        let sent = desk.receive(bob.flow, &reply(&offer, 200, "", &contact(bob.flow), &answer));
        ours.push((desk::ports(&offer), desk::ports(answer_to(&sent, alice.flow, 200))));
        let ack = caller.ack("");
        desk.receive(alice.flow, &ack);
        let peer = desk.peer_at(5_000);
        assert_eq!(peer.streams[1].is_some(), video != 0);
    }
    assert_eq!(ours[0].0[0], ours[1].0[0], "the port of the audio stays");
    assert!(ours[0].0[1] != 0 && ours[0].1[1] != 0);
    assert_eq!((ours[1].0[1], ours[1].1[1]), (0, 0));
    assert_eq!(desk.peer_at(4_000).streams[0], audio.streams[0]);
}

/// A re-INVITE without an offer: the other side is asked for one.
#[test]
fn a_late_offer_inside_a_call_is_answered_in_the_acks() {
    let (mut desk, alice, bob, mut caller, _) = talking();
    let empty = caller.request("INVITE", "", "");
    let sent = desk.receive(alice.flow, &empty);
    let asked = request_to(&sent, bob.flow, "INVITE").clone();
    assert_eq!(body(&asked), "");
    let offer = described("10.0.0.2", 5_004, 2, "");
    let sent = desk.receive(bob.flow, &reply(&asked, 200, "", &contact(bob.flow), &offer));
    assert!(requests_to(&sent, bob.flow, "ACK").is_empty());
    answer_to(&sent, alice.flow, 200);
    let ack = caller.ack(&described("10.0.0.1", 4_004, 2, ""));
    let sent = desk.receive(alice.flow, &ack);
    assert!(body(request_to(&sent, bob.flow, "ACK")).contains("m=audio "));
    desk.peer_at(5_004);
    desk.peer_at(4_004);
}

/// Section 9.2: the offer is withdrawn, the call goes on.
#[test]
fn a_cancelled_offer_ends_with_487_and_the_call_goes_on() {
    let (mut desk, alice, bob, mut caller, _) = talking();
    let offer = caller.request("INVITE", "", &described("10.0.0.1", 4_000, 2, "a=sendonly\r\n"));
    let sent = desk.receive(alice.flow, &offer);
    let passed = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&passed, 100, "", "", ""));
    let sent = desk.receive(alice.flow, &failing::cancel_of(&offer));
    answer_to(&sent, alice.flow, 200);
    answer_to(&sent, alice.flow, 487);
    request_to(&sent, bob.flow, "CANCEL");
    // It answers all the same.
    let sent = desk.receive(bob.flow, &reply(&passed, 200, "", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    assert_eq!(sent.len(), 1, "{}", dump(&sent));
    request_to(&sent, bob.flow, "ACK");
    assert_eq!(desk.office.exchange.calls().calls(), 1);
}

/// A call that ends while an offer is under way: section 15.1.2.
#[test]
fn a_bye_ends_a_call_with_an_offer_under_way_and_leaves_nothing() {
    let (mut desk, alice, bob, mut caller, mut callee) = talking();
    let offer = caller.request("INVITE", "", &described("10.0.0.1", 4_000, 2, "a=sendonly\r\n"));
    let sent = desk.receive(alice.flow, &offer);
    let passed = request_to(&sent, bob.flow, "INVITE").clone();
    let bye = callee.request("BYE", "", "");
    let sent = desk.receive(bob.flow, &bye);
    answer_to(&sent, alice.flow, 487);
    request_to(&sent, alice.flow, "BYE");
    let sent = desk.receive(bob.flow, &reply(&passed, 487, "", "", ""));
    request_to(&sent, bob.flow, "ACK");
    desk.assert_at_rest();
}

/// Each side of a bridge has its own word on rtcp-mux (RFC 5761 section 5.1.1) and on the port of RTCP (RFC 3605).
#[test]
fn rtcp_is_muxed_with_who_offers_it_only_and_its_port_is_followed() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &described("10.0.0.1", 4_000, 1, "a=rtcp-mux\r\n"));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    assert!(!body(&invite).contains("rtcp-mux"), "{}", body(&invite));
    let answer = described("10.0.0.2", 5_000, 1, "a=rtcp:5009 IN IP4 10.0.0.9\r\n");
    let sent = desk.receive(bob.flow, &reply(&invite, 200, "tag", &contact(bob.flow), &answer));
    assert!(body(answer_to(&sent, alice.flow, 200)).contains("a=rtcp-mux\r\n"));
    let to_alice = desk.peer_at(4_000).streams[0].clone().expect("audio");
    assert!(to_alice.rtcp_mux && to_alice.rtcp == to_alice.rtp);
    let to_bob = desk.peer_at(5_000).streams[0].clone().expect("audio");
    assert_eq!((to_bob.rtcp_mux, to_bob.rtcp.to_string().as_str()), (false, "10.0.0.9:5009"));
}

/// Candidates would lead around us, and a bundle is of one leg.
#[test]
fn ice_and_bundles_do_not_pass() {
    let (mut desk, mut alice, bob) = Desk::new();
    let lines = "a=ice-ufrag:xxxx\r\na=ice-pwd:yyyyyyyyyyyyyyyyyyyyyyyy\r\na=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\na=rtcp:4001\r\n\
                 a=mid:0\r\na=ptime:20\r\n";
    let offer = described("10.0.0.1", 4_000, 1, lines).replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 0\r\n");
    let (_, sent) = desk.invite(&mut alice, URI, "", &offer);
    let text = body(request_to(&sent, bob.flow, "INVITE"));
    for gone in ["ice-", "candidate", "BUNDLE", "10.0.0.1", "a=rtcp:"] {
        assert!(!text.contains(gone), "{gone} in\n{text}");
    }
    assert!(text.contains("a=ptime:20\r\n"), "{text}");
}
