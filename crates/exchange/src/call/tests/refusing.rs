//! A phone that refuses a profile is asked again at once with the next one, and what worked is remembered.

use super::desk::tls;
use super::profiles::{Kind, desk, taken, with_crlf};
use super::*;
use crate::testing::Phone;
use coeur_sip::Method;

/// The profile of the first stream: `RTP/AVP`, with a `+` when there are keys.
fn profile(sent: &Sent) -> String {
    let text = body(sent);
    let line = text.lines().find(|line| line.starts_with("m=")).expect("a stream");
    let keys = if text.contains("a=crypto:") { "+" } else { "" };
    format!("{}{keys}", line.split(' ').nth(2).expect("a profile"))
}

/// The profiles that bob is offered while he refuses with this status and lines, and the INVITE that he has not refused.
fn offered(
    desk: &mut Desk,
    alice: &mut Phone,
    bob: Flow,
    refusals: &[(u16, &str)],
) -> (Vec<String>, Vec<Sent>) {
    let (_, mut sent) = desk.invite(alice, URI, "", &sdp("10.0.0.1", 4_000));
    let mut profiles = Vec::new();
    for (status, lines) in refusals {
        let invite = request_to(&sent, bob, "INVITE").clone();
        profiles.push(profile(&invite));
        sent = desk.receive(bob, &reply(&invite, *status, "no", lines, ""));
        request_to(&sent, bob, "ACK");
    }
    profiles.extend(requests_to(&sent, bob, "INVITE").into_iter().map(profile));
    (profiles, sent)
}

#[test]
fn a_phone_that_wants_keys_is_offered_them_after_its_refusal_and_at_once_the_next_time() {
    let (mut desk, mut alice, bob) = desk(Kind::Plain, Kind::Plain);
    let (profiles, sent) = offered(&mut desk, &mut alice, bob.flow, &[(488, "")]);
    assert_eq!(profiles, ["RTP/AVP", "RTP/SAVP+"]);
    assert!(sent.iter().all(|sent| sent.status() == 0), "alice hears nothing of it: {}", dump(&sent));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let answer = taken(&body(&invite), 5_000);
    let sent = desk.receive(bob.flow, &reply(&invite, 200, "tag", &contact(bob.flow), &answer));
    assert!(body(answer_to(&sent, alice.flow, 200)).contains("RTP/AVP 0 101"));
    alice.call = "-again".into();
    let (profiles, _) = offered(&mut desk, &mut alice, bob.flow, &[]);
    assert_eq!(profiles, ["RTP/SAVP+"]);
}

/// RFC 8643 for who cannot do more, then plain.
#[test]
fn a_phone_over_tls_without_keys_is_offered_best_effort_and_then_none() {
    let (mut desk, mut alice, bob) = desk(Kind::Plain, Kind::Sdes);
    let (profiles, sent) = offered(&mut desk, &mut alice, bob.flow, &[(488, ""), (415, "")]);
    assert_eq!(profiles, ["RTP/SAVP+", "RTP/AVP+", "RTP/AVP"]);
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    // Nobody is left to be asked: alice is told.
    let sent = desk.receive(bob.flow, &reply(&invite, 488, "no", "", ""));
    answer_to(&sent, alice.flow, 488);
    desk.assert_at_rest();
}

/// Section 20.43 of RFC 3261: the warnings about the session; and a 606 does not end what else rings before that.
#[test]
fn a_refusal_is_of_the_profile_when_its_status_or_its_warning_says_so() {
    let warned = "Warning: 302 phone \"Incompatible transport protocol\"\r\n";
    for (status, lines, more) in [
        (606, "", true),
        (400, warned, true),
        (400, "", false),
        (486, "", false),
        (603, "", false),
        (400, "Warning: 399 phone \"Whatever\"\r\n", false),
    ] {
        let (mut desk, mut alice, bob) = desk(Kind::Plain, Kind::Plain);
        let (profiles, _) = offered(&mut desk, &mut alice, bob.flow, &[(status, lines)]);
        assert_eq!(profiles.len(), if more { 2 } else { 1 }, "{status} {lines}");
    }
}

/// A browser has no other profile: it refuses for another reason.
#[test]
fn a_browser_that_refuses_is_asked_once() {
    let (mut desk, mut alice, bob) = desk(Kind::Plain, Kind::Web);
    let (profiles, sent) = offered(&mut desk, &mut alice, bob.flow, &[(488, "")]);
    assert_eq!(profiles, ["UDP/TLS/RTP/SAVPF"]);
    answer_to(&sent, alice.flow, 488);
}

/// What a device offers is what it speaks, over that transport.
#[test]
fn what_a_device_has_offered_it_is_offered() {
    let baresip = with_crlf(include_str!("../../../../sdp/tests/phones/baresip_sdes.sdp"));
    let (mut desk, mut alice, mut bob) = desk(Kind::Plain, Kind::Plain);
    desk.invite(&mut bob, "sip:alice@example.org", "", &baresip);
    let (profiles, _) = offered(&mut desk, &mut alice, bob.flow, &[]);
    assert_eq!(profiles, ["RTP/SAVP+"]);
    // The same device over TCP, of which nothing is known.
    let flow = tcp("192.0.2.33:5061", 33);
    desk.register("bob", flow, "");
    alice.call = "-tcp".into();
    let (profiles, _) = offered(&mut desk, &mut alice, flow, &[]);
    assert_eq!(profiles, ["RTP/AVP"]);
}

/// What cannot be encrypted as it asks for is refused before anybody rings.
#[test]
fn an_offer_whose_keys_nobody_knows_is_refused() {
    let (mut desk, mut alice, bob) = desk(Kind::Plain, Kind::Plain);
    let offers = [
        sdp("10.0.0.1", 4_000).replace("RTP/AVP", "RTP/SAVP"),
        sdp("10.0.0.1", 4_000).replace("RTP/AVP", "RTP/SAVP")
            + "a=crypto:1 F8_128_HMAC_SHA1_80 inline:YUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk\r\n",
        // A hash that a second certificate can be made for.
        sdp("10.0.0.1", 4_000).replace("RTP/AVP", "UDP/TLS/RTP/SAVPF")
            + "a=setup:actpass\r\na=fingerprint:sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33\r\n",
    ];
    for (nth, offer) in offers.iter().enumerate() {
        alice.call = format!("-{nth}");
        let (_, sent) = desk.invite(&mut alice, URI, "", offer);
        assert_eq!(answer_to(&sent, alice.flow, 488).status(), 488, "{offer}");
        assert!(requests_to(&sent, bob.flow, "INVITE").is_empty(), "{offer}");
    }
}

/// A browser's streams share one port without RTCP of its own, which is too little for who has no bundle.
#[test]
fn after_a_refused_bundle_each_stream_has_ports_of_its_own() {
    let chrome = with_crlf(include_str!("../../../../sdp/tests/phones/chrome.sdp"));
    let (mut desk, mut alice, mut bob) = desk(Kind::Plain, Kind::Plain);
    desk.invite(&mut bob, "sip:alice@example.org", "", &chrome);
    desk.said.clear();
    let (profiles, sent) = offered(&mut desk, &mut alice, bob.flow, &[(488, "")]);
    assert_eq!(profiles, ["UDP/TLS/RTP/SAVPF", "RTP/SAVP+"]);
    assert_eq!(desk.said, ["Open", "Open", "Close", "Open"]);
    let offer = body(request_to(&sent, bob.flow, "INVITE"));
    assert!(!offer.contains("a=rtcp:") && !offer.contains("rtcp-mux"), "{offer}");
}

/// RFC 3261 section 26.2.2 has TLS on every hop of a sips URI: its media is not sent in clear either.
#[test]
fn a_sips_call_is_never_offered_in_clear() {
    let (mut desk, mut alice, _) = desk(Kind::Sdes, Kind::Web);
    let flow = tls("192.0.2.33:5061", 33);
    let mut phone = Phone::new("bob", flow);
    (phone.call, phone.contact) = ("-33".into(), "sips:bob@192.0.2.33:5061".into());
    let bare = phone.request(Method::Register, "sips:example.org", "");
    let challenge = desk.office.answer(flow, &bare);
    let request = phone.answer(&challenge, Method::Register, "sips:example.org", "");
    assert_eq!(desk.office.answer(flow, &request).status(), 200);
    alice.contact = "sips:alice@192.0.2.11:5060".into();
    let (_, sent) = desk.invite(&mut alice, "sips:bob@example.org", "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, flow, "INVITE").clone();
    assert_eq!(profile(&invite), "RTP/SAVP+");
    let sent = desk.receive(flow, &reply(&invite, 488, "no", "", ""));
    assert!(requests_to(&sent, flow, "INVITE").is_empty(), "{}", dump(&sent));
}
