use super::*;
use crate::attribute::{HashFunction, Setup, Suite};
use crate::{Direction, Proto, parse};

fn summary(text: &str) -> Summary {
    Summary::of(&parse(text.as_bytes()).expect("a description")).expect("a summary")
}

fn fault(text: &str) -> SummaryFault {
    Summary::of(&parse(text.as_bytes()).expect("a description")).expect_err("a fault").fault
}

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const SHA_1: &str = "sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";

#[test]
fn a_plain_stream_is_told_with_its_addresses_codecs_and_events() {
    let text = format!(
        "{HEAD}m=audio 4000 RTP/AVP 9 0 101 102\r\na=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-16\r\na=rtpmap:102 telephone-event/48000\r\na=ptime:30\r\na=sendonly\r\n"
    );
    let audio = &summary(&text).media[0];
    assert_eq!((audio.kind, audio.proto, audio.is_rejected), (MediaKind::Audio, Proto::RtpAvp, false));
    assert_eq!(audio.rtp(), "192.0.2.1:4000".parse().ok());
    assert_eq!(audio.rtcp, "192.0.2.1:4001".parse().ok());
    assert_eq!(audio.direction, Direction::SendOnly);
    assert_eq!(audio.keying, Keying::Plain);
    assert!(audio.codecs[0].is("G722", 8_000) && audio.codecs[1].is("pcmu", 8_000));
    let events: Vec<_> =
        audio.audio_events.iter().map(|e| (e.payload, e.clock_rate, e.events.has(16))).collect();
    assert_eq!(events, [(101, 8_000, true), (102, 48_000, false)]);
    assert_eq!(audio.packet_time.map(|time| time.ms), Some(30));
}

/// RFC 3605 section 2.1.
#[test]
fn the_place_of_rtcp_is_what_is_written_or_one_port_above() {
    let rtcp = |rest: &str| summary(&format!("{HEAD}m=audio {rest}")).media[0].rtcp.map(|a| a.to_string());
    assert_eq!(rtcp("4000 RTP/AVP 0\r\na=rtcp:4005\r\n").as_deref(), Some("192.0.2.1:4005"));
    assert_eq!(rtcp("4000 RTP/AVP 0\r\na=rtcp:9 IN IP4 192.0.2.7\r\n").as_deref(), Some("192.0.2.7:9"));
    assert_eq!(rtcp("4000 RTP/AVP 0\r\na=rtcp:odd\r\n").as_deref(), Some("192.0.2.1:4001"));
    assert_eq!(rtcp("65535 RTP/AVP 0\r\n"), None);
    assert_eq!(rtcp("0 RTP/AVP 0\r\n"), None);
}

/// RFC 4568 section 5.1.2: what is not supported is passed over, in order.
#[test]
fn keys_are_told_in_order_and_unknown_suites_are_passed_over() {
    let text = format!(
        "{HEAD}m=audio 4000 RTP/SAVP 0\r\na=crypto:1 F8_128_HMAC_SHA1_80 {KEY}\r\n\
        a=crypto:2 AES_CM_128_HMAC_SHA1_32 {KEY}\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n\
        a=crypto:4 AES_CM_128_HMAC_SHA1_80 {KEY} UNENCRYPTED_SRTP\r\n"
    );
    let keying = summary(&text).media[0].keying.clone();
    let suites: Vec<_> = keying.sdes().iter().map(|crypto| (crypto.tag, crypto.suite)).collect();
    assert_eq!(suites, [(2, Suite::AesCm128HmacSha1_32), (3, Suite::AesCm128HmacSha1_80)]);
    assert_eq!(keying.keys().map(|keys| keys.unusable), Some(2));
    assert!(!keying.allows_plain() && !keying.is_impossible());
}

#[test]
fn one_tag_twice_is_no_key() {
    let text = format!(
        "{HEAD}m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n\
        a=crypto:1 AES_CM_128_HMAC_SHA1_32 {KEY}\r\n"
    );
    assert!(summary(&text).media[0].keying.is_impossible());
}

/// RFC 8643: a plain profile with a key beside it.
#[test]
fn a_key_beside_a_plain_profile_is_best_effort() {
    let text = format!("{HEAD}m=audio 4000 RTP/AVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n");
    let keying = summary(&text).media[0].keying.clone();
    assert!(keying.allows_plain() && keying.sdes().len() == 1);
    let both = format!(
        "{HEAD}a=fingerprint:{SHA_1}\r\na=setup:actpass\r\nm=audio 4000 RTP/AVP 0\r\n\
        a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n"
    );
    let keying = summary(&both).media[0].keying.clone();
    assert!(keying.allows_plain() && keying.sdes().len() == 1 && keying.dtls().is_some());
}

/// RFC 8122 section 5.1: fingerprints of several hashes; the media level stands before the session level.
#[test]
fn fingerprints_come_from_the_nearest_level() {
    let sha256 = format!("sha-256 {}", ["AB"; 32].join(":"));
    let text = format!(
        "{HEAD}a=fingerprint:{SHA_1}\r\na=setup:passive\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:{sha256}\r\na=fingerprint:{SHA_1}\r\na=setup:actpass\r\n\
        a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
    );
    let media = summary(&text).media;
    let dtls = media[0].keying.dtls().expect("DTLS");
    let hashes: Vec<_> = dtls.fingerprints.iter().map(|fingerprint| fingerprint.hash).collect();
    assert_eq!((hashes, dtls.setup), (vec![HashFunction::Sha256, HashFunction::Sha1], Some(Setup::ActPass)));
    assert!(media[0].keying.sdes().is_empty());
    let dtls = media[1].keying.dtls().expect("DTLS");
    assert_eq!((dtls.fingerprints[0].hash, dtls.setup), (HashFunction::Sha1, Some(Setup::Passive)));
}

#[test]
fn a_secure_profile_without_a_key_that_we_know_is_impossible() {
    for key in ["", "a=fingerprint:md5 00\r\n", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short\r\n"] {
        assert!(summary(&format!("{HEAD}m=audio 9 RTP/SAVP 0\r\n{key}")).media[0].keying.is_impossible());
    }
}

/// RFC 3264 section 8.4 for the first, and not what browsers write while they gather.
#[test]
fn the_address_of_zeros_holds_a_phone_and_not_an_ice_agent() {
    let zeros = HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0");
    let held = &summary(&format!("{zeros}m=audio 4000 RTP/AVP 0\r\n")).media[0];
    assert_eq!((held.direction, held.is_held_by_address), (Direction::SendOnly, true));
    let gathering =
        format!("{zeros}a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\nm=audio 9 RTP/AVP 0\r\n");
    let gathering = &summary(&gathering).media[0];
    assert_eq!((gathering.direction, gathering.is_held_by_address), (Direction::SendRecv, false));
}

/// RFC 8839 section 4.2.5, and RFC 8840 section 4.1.1 for port 9.
#[test]
fn an_address_that_is_no_candidate_is_a_mismatch() {
    let with = |port: &str| {
        let text = format!(
            "{HEAD}m=audio {port} RTP/AVP 0\r\na=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n\
            a=candidate:1 1 UDP 2130706431 192.0.2.1 4000 typ host\r\na=candidate:1 2 UDP 1 192.0.2.1 4001 typ host\r\n"
        );
        summary(&text).media[0].ice.clone().expect("ICE")
    };
    assert!(!with("4000").mismatch && with("4001").mismatch && with("30000").mismatch);
    assert_eq!(with("4000").candidates.len(), 2);
}

#[test]
fn half_of_the_credentials_is_no_ice() {
    assert!(summary(&format!("{HEAD}m=audio 4000 RTP/AVP 0\r\na=ice-ufrag:8hhY\r\n")).media[0].ice.is_none());
}

/// RFC 9143 section 7.1.3: the transport of the tagged stream is that of its bundle.
#[test]
fn a_bundled_stream_has_the_transport_of_the_tagged_one() {
    let text = format!(
        "{HEAD}a=group:BUNDLE a v\r\nm=audio 4000 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\na=rtcp-mux\r\n\
        a=fingerprint:{SHA_1}\r\na=setup:actpass\r\na=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=bundle-only\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:w\r\n"
    );
    let media = summary(&text).media;
    assert_eq!(media[0].bundled, Some(Bundled { tagged: 0, only: false }));
    assert_eq!(media[1].bundled, Some(Bundled { tagged: 0, only: true }));
    assert_eq!(media[1].rtp(), media[0].rtp());
    assert!(!media[1].is_rejected && media[1].has_rtcp_mux && media[1].ice.is_some());
    assert_eq!(media[1].keying, media[0].keying);
    assert!(media[2].is_rejected && media[2].bundled.is_none() && media[2].ice.is_none());
}

#[test]
fn what_has_two_readings_is_a_fault() {
    let audio = format!("{HEAD}m=audio 4000 RTP/AVP 0\r\n");
    assert_eq!(
        fault(&format!("{audio}c=IN IP4 192.0.2.2\r\nc=IN IP4 192.0.2.3\r\n")),
        SummaryFault::TwoConnections
    );
    assert_eq!(fault(&format!("{audio}a=sendonly\r\na=recvonly\r\n")), SummaryFault::TwoDirections);
    assert_eq!(
        fault(&format!("{audio}a=mid:0\r\nm=video 1 RTP/AVP 31\r\na=mid:0\r\n")),
        SummaryFault::MidTwice
    );
    for two in ["ice-ufrag:8hhY\r\na=ice-ufrag:8hhZ", "rtcp:1\r\na=rtcp:2"] {
        let text = format!("{audio}a=ice-pwd:asd88fgpdd777uzjYhagZg\r\na={two}\r\n");
        assert!(matches!(fault(&text), SummaryFault::Attribute(_)), "{two}");
    }
}

#[test]
fn a_name_in_the_place_of_an_address_is_told_as_one() {
    let text = HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 media.example.com");
    let audio = &summary(&format!("{text}m=audio 4000 RTP/AVP 0\r\n")).media[0];
    assert_eq!((audio.rtp(), audio.host.as_deref()), (None, Some("media.example.com")));
}
