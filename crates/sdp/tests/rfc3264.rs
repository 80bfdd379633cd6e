//! The examples of RFC 3264 section 10, and every way in which an answer may fail its offer.

use coeur_sdp::offer_answer::{Complaint, Hold, Received, Severity, Vehicle, check_answer};
use coeur_sdp::{Direction, OfferAnswer, Origin, SessionDescription, Summary, parse};

/// Section 10.1: two audio and video streams, the first offer.
const OFFER_10_1: &str = "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.1\r\ns=\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n\
    m=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n\
    m=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n";

const ANSWER_10_1: &str = "v=0\r\no=bob 2890844730 2890844730 IN IP4 192.0.2.2\r\ns=\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
    m=audio 49920 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n\
    m=video 0 RTP/AVP 31\r\n\
    m=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n";

/// Bob moves his audio and adds DTMF.
const OFFER_10_1_LATER: &str = "v=0\r\no=bob 2890844730 2890844731 IN IP4 192.0.2.2\r\ns=\r\nc=IN IP4 192.0.2.2\r\n\
    t=0 0\r\nm=audio 65422 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n\
    m=video 0 RTP/AVP 31\r\n\
    m=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n\
    m=audio 51434 RTP/AVP 110\r\na=rtpmap:110 telephone-events/8000\r\na=recvonly\r\n";

const ANSWER_10_1_LATER: &str = "v=0\r\no=alice 2890844526 2890844527 IN IP4 192.0.2.1\r\ns=\r\nc=IN IP4 192.0.2.1\r\n\
    t=0 0\r\nm=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n\
    m=video 0 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n\
    m=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n\
    m=audio 53122 RTP/AVP 110\r\na=rtpmap:110 telephone-events/8000\r\na=sendonly\r\n";

/// Section 10.2: one of N codecs, and then the one.
const OFFER_10_2: &str = "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.1\r\ns=\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 62986 RTP/AVP 0 4 18\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:4 G723/8000\r\na=rtpmap:18 G729/8000\r\n\
    a=inactive\r\n";

const ANSWER_10_2: &str = "v=0\r\no=bob 2890844730 2890844731 IN IP4 192.0.2.2\r\ns=\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
    m=audio 54344 RTP/AVP 0 4\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:4 G723/8000\r\na=inactive\r\n";

const OFFER_10_2_LATER: &str = "v=0\r\no=alice 2890844526 2890844527 IN IP4 192.0.2.1\r\ns=\r\nc=IN IP4 192.0.2.1\r\n\
    t=0 0\r\nm=audio 62986 RTP/AVP 4\r\na=rtpmap:4 G723/8000\r\na=sendrecv\r\n";

const ANSWER_10_2_LATER: &str = "v=0\r\no=bob 2890844730 2890844732 IN IP4 192.0.2.2\r\ns=\r\nc=IN IP4 192.0.2.2\r\n\
    t=0 0\r\nm=audio 54344 RTP/AVP 4\r\na=rtpmap:4 G723/8000\r\na=sendrecv\r\n";

fn owned(text: &str) -> SessionDescription {
    SessionDescription::from(&parse(text.as_bytes()).expect("a description"))
}

fn end(text: &str) -> OfferAnswer {
    OfferAnswer::new(owned(text).origin().expect("an o= line"))
}

/// `offerer` sends `offer`, `answerer` sends `answer`; both leave as the RFC prints them.
fn exchange(
    (offerer, offer): (&mut OfferAnswer, &str),
    (answerer, answer): (&mut OfferAnswer, &str),
    (request, response): (Vehicle, Vehicle),
) {
    let sent = offerer.offer(request, owned(offer)).expect("an offer");
    assert_eq!(String::from_utf8(sent.to_bytes()).as_deref(), Ok(offer));
    assert_eq!(answerer.receive(request, &sent.view()), Ok(Received::Offer { is_new: true }));
    let sent = answerer.answer(response, owned(answer)).expect("an answer");
    assert_eq!(String::from_utf8(sent.to_bytes()).as_deref(), Ok(answer));
    let taken = Received::Answer { complaints: Vec::new() };
    assert_eq!(offerer.receive(response, &sent.view()), Ok(taken));
}

#[test]
fn the_exchange_of_section_10_1_is_as_printed() {
    use Vehicle::{Invite, InviteOk};
    let (mut alice, mut bob) = (end(OFFER_10_1), end(ANSWER_10_1));
    exchange((&mut alice, OFFER_10_1), (&mut bob, ANSWER_10_1), (Invite, InviteOk));
    exchange((&mut bob, OFFER_10_1_LATER), (&mut alice, ANSWER_10_1_LATER), (Invite, InviteOk));
    let agreed = alice.agreed().expect("agreed");
    let theirs = agreed.theirs.view();
    let bob = Summary::of(&theirs).expect("a summary");
    assert_eq!(bob.media[0].rtp(), "192.0.2.2:65422".parse().ok());
    assert!(bob.media[1].is_rejected && !bob.media[2].is_rejected);
    assert_eq!(bob.media[3].direction, Direction::RecvOnly);
    assert!((0..4).all(|media| alice.hold(media) == Hold::default()));
}

#[test]
fn the_exchange_of_section_10_2_is_as_printed() {
    use Vehicle::{Invite, InviteOk};
    let (mut alice, mut bob) = (end(OFFER_10_2), end(ANSWER_10_2));
    exchange((&mut alice, OFFER_10_2), (&mut bob, ANSWER_10_2), (Invite, InviteOk));
    exchange((&mut alice, OFFER_10_2_LATER), (&mut bob, ANSWER_10_2_LATER), (Invite, InviteOk));
    assert_eq!(bob.hold(0), Hold::default());
}

const SRTP: &str = "v=0\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0 8\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n\
    a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";

const DTLS: &str = "v=0\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=group:BUNDLE a\r\n\
    m=audio 4000 UDP/TLS/RTP/SAVPF 0 8\r\na=mid:a\r\na=setup:actpass\r\n\
    a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\n\
    m=video 4002 UDP/TLS/RTP/SAVPF 31\r\na=mid:v\r\na=setup:actpass\r\n\
    a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\n";

/// A text that is replaced by another.
type Change = (&'static str, &'static str);

/// What is said of an answer that is its offer with some text changed.
fn complaints(offer: &str, changes: &[Change]) -> Vec<Complaint> {
    let mut answer = offer.to_owned();
    for (from, to) in changes {
        assert!(answer.contains(from), "{from} is not in the offer");
        answer = answer.replacen(from, to, 1);
    }
    let (offer, answer) = (parse(offer.as_bytes()), parse(answer.as_bytes()));
    check_answer(&offer.expect("an offer"), &answer.expect("an answer"))
}

/// A change that makes one good key or role of several.
const ONE_KEY: Change = ("a=crypto:2", "a=was:2");
const ACTIVE: Change = ("actpass", "active");
const NO_VIDEO: Change = ("m=video 4002", "m=video 0");

#[test]
fn an_answer_that_keeps_to_its_offer_draws_no_complaint() {
    assert_eq!(complaints(OFFER_10_1, &[]), []);
    assert_eq!(complaints(OFFER_10_1, &[("m=audio 49170", "m=audio 0")]), []);
    assert_eq!(complaints(SRTP, &[ONE_KEY]), []);
    assert_eq!(complaints(DTLS, &[ACTIVE, NO_VIDEO]), []);
    // Payload types may be others (section 6.1).
    let opus = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n";
    assert_eq!(complaints(opus, &[("AVP 111", "AVP 96"), ("rtpmap:111 opus", "rtpmap:96 OPUS")]), []);
}

#[test]
fn each_broken_rule_is_told_with_its_stream() {
    let cases: &[(&str, &[Change], Complaint)] = &[
        (OFFER_10_1, &[("m=video 51372", "m=text 51372")], Complaint::Kind { media: 1 }),
        (OFFER_10_1, &[("51372 RTP/AVP", "51372 RTP/AVPF")], Complaint::Proto { media: 1 }),
        (
            OFFER_10_1,
            &[("RTP/AVP 0\r\na=rtpmap:0 PCMU", "RTP/AVP 8\r\na=rtpmap:8 PCMA")],
            Complaint::NoCommonFormat { media: 0 },
        ),
        (ANSWER_10_1, &[("m=video 0", "m=video 6000")], Complaint::RejectedTaken { media: 1 }),
        (OFFER_10_2, &[("a=inactive", "a=recvonly")], Complaint::Direction { media: 0 }),
        (OFFER_10_2, &[("a=inactive", "a=inactive\r\na=rtcp-mux")], Complaint::RtcpMux { media: 0 }),
        (OFFER_10_2, &[("a=inactive", "a=inactive\r\na=mid:x")], Complaint::Mid { media: 0 }),
        (SRTP, &[("a=crypto:1", "a=was:1"), ONE_KEY], Complaint::NoKey { media: 0 }),
        (SRTP, &[], Complaint::SeveralKeys { media: 0 }),
        (SRTP, &[("a=crypto:1", "a=crypto:3"), ONE_KEY], Complaint::CryptoTag { media: 0 }),
        (
            SRTP,
            &[
                ("a=crypto:1", "a=was:1"),
                ("crypto:2 AES_CM_128_HMAC_SHA1_32", "crypto:2 AES_CM_128_HMAC_SHA1_80"),
            ],
            Complaint::CryptoTag { media: 0 },
        ),
        (
            DTLS,
            &[ACTIVE, NO_VIDEO, ("a=fingerprint:sha-1", "a=fingerprint:md5")],
            Complaint::NoKey { media: 0 },
        ),
        (DTLS, &[NO_VIDEO], Complaint::Setup { media: 0 }),
        (
            DTLS,
            &[ACTIVE, NO_VIDEO, ("a=mid:a", "a=mid:b"), ("BUNDLE a", "BUNDLE b")],
            Complaint::Mid { media: 0 },
        ),
        (DTLS, &[ACTIVE, NO_VIDEO, ("BUNDLE a", "BUNDLE a v")], Complaint::Bundle { media: 1 }),
    ];
    for (offer, changes, complaint) in cases {
        assert_eq!(complaints(offer, changes), [*complaint], "{changes:?}");
        assert_eq!(complaint.media().is_some(), complaint.severity() != Severity::Whole);
    }
}

/// RFC 9143 section 7.3.3: a refused stream leaves the bundle.
#[test]
fn a_refused_stream_that_stays_in_the_bundle_is_told() {
    let both = DTLS.replace("BUNDLE a", "BUNDLE a v");
    let leaves = [ACTIVE, ACTIVE, NO_VIDEO, ("BUNDLE a v", "BUNDLE a")];
    assert_eq!(complaints(&both, &leaves), []);
    assert_eq!(complaints(&both, &leaves[..3]), [Complaint::Bundle { media: 1 }]);
}

#[test]
fn keys_that_were_not_offered_are_told() {
    let plain = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n";
    let crypto =
        "a=sendrecv\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    assert_eq!(complaints(plain, &[("a=sendrecv", crypto)]), [Complaint::KeyNotOffered { media: 0 }]);
    let fingerprint = "a=sendrecv\r\na=setup:active\r\n\
        a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";
    assert_eq!(complaints(plain, &[("a=sendrecv", fingerprint)]), [Complaint::KeyNotOffered { media: 0 }]);
}

#[test]
fn an_answer_that_is_not_about_its_offer_is_told_as_a_whole() {
    let count = Complaint::MediaCount { offered: 3, answered: 4 };
    let added = format!("{OFFER_10_1}m=audio 1 RTP/AVP 0\r\n");
    let (offer, answer) = (parse(OFFER_10_1.as_bytes()), parse(added.as_bytes()));
    assert_eq!(check_answer(&offer.expect("an offer"), &answer.expect("an answer")), [count]);
    let two = Complaint::Unreadable { media: Some(0) };
    assert_eq!(complaints(OFFER_10_2, &[("a=inactive", "a=inactive\r\na=sendonly")]), [two]);
    assert!([count, two].iter().all(|complaint| complaint.severity() == Severity::Whole));
}

/// A party with this `o=` line, to see that it stays (section 8).
#[test]
fn our_own_origin_replaces_whatever_the_description_said() {
    let origin = Origin { username: "-".into(), session_id: 5, version: 1, address: [192, 0, 2, 9].into() };
    let mut us = OfferAnswer::new(origin.clone());
    let sent = us.offer(Vehicle::Invite, owned(OFFER_10_2)).expect("an offer");
    assert_eq!(sent.origin(), Some(origin));
    assert_eq!(sent.to_bytes().windows(3).filter(|w| w == b"\no=").count(), 1);
}
