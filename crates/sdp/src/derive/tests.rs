use super::*;
use crate::attribute::{
    Attribute, Candidate, Crypto, Fingerprint, HashFunction, IceOptions, IcePassword, IceUfrag, Setup,
    SrtpKey, Suite,
};
use crate::offer_answer::check_answer;
use crate::summary::{DtlsKeying, Keying, Summary};
use crate::{Direction, Proto, SessionDescription, parse};
use std::net::SocketAddr;

/// As Chrome writes it, shortened.
const BROWSER: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
    a=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n\
    m=audio 50000 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 198.51.100.2\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=candidate:1 1 udp 2122260223 198.51.100.2 50000 typ host generation 0\r\na=ice-ufrag:4ZcD\r\n\
    a=ice-pwd:2/1muCWoOi3uLifh0NuRHlgh\r\na=ice-options:trickle\r\n\
    a=fingerprint:sha-256 49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:23:5E\r\n\
    a=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendrecv\r\na=msid:stream track\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
    a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
    a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
    a=rtpmap:126 telephone-event/8000\r\na=ssrc:3735928559 cname:o/i14u9pJrxRKAsu\r\na=x-future:kept\r\n\
    m=video 50000 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 198.51.100.2\r\na=ice-ufrag:4ZcD\r\n\
    a=ice-pwd:2/1muCWoOi3uLifh0NuRHlgh\r\n\
    a=fingerprint:sha-256 49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:23:5E\r\n\
    a=setup:actpass\r\na=mid:1\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n\
    a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID 1 2\r\n";

const PHONE: &str = "v=0\r\no=phone 1 1 IN IP4 192.0.2.20\r\ns=call\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n\
    m=audio 11780 RTP/AVP 9 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n";

fn at(port: u16) -> SocketAddr {
    SocketAddr::new([203, 0, 113, 1].into(), port)
}

fn leg(slots: Vec<Slot>) -> Leg {
    Leg { address: at(0).ip(), has_bundle: false, keeps_sources: true, slots }
}

fn stream(from: usize, transport: LegTransport) -> Slot {
    Slot::Stream { from, transport: Box::new(transport) }
}

fn key(tag: u32, suite: Suite) -> Crypto {
    let bytes = vec![0xab; suite.key_bytes() + suite.salt_bytes()];
    Crypto::new(tag, suite, SrtpKey::new(suite, &bytes).expect("a key of the suite's length"))
}

fn dtls(setup: Setup) -> DtlsKeying {
    let fingerprint = Fingerprint { hash: HashFunction::Sha256, digest: vec![0x11; 32] };
    DtlsKeying { fingerprints: vec![fingerprint], setup: Some(setup), tls_id: None }
}

fn ice() -> LegIce {
    let candidate = Candidate::parse(b"1 1 UDP 2130706431 203.0.113.1 30000 typ host").expect("a candidate");
    LegIce {
        ufrag: IceUfrag("ours".into()),
        password: IcePassword::new("ourpasswordourpassword").expect("a password"),
        options: IceOptions(vec!["ice2".into()]),
        is_lite: true,
        candidates: vec![candidate],
        has_ended: true,
    }
}

fn web(setup: Setup) -> LegTransport {
    LegTransport {
        proto: Proto::UdpTlsRtpSavpf,
        rtp: at(30_000),
        rtcp: RtcpPlace::Shared { otherwise: None },
        sdes: Vec::new(),
        dtls: Some(dtls(setup)),
        ice: Some(ice()),
    }
}

fn text(description: &SessionDescription) -> String {
    String::from_utf8(description.to_bytes()).expect("text")
}

fn offer(source: &str, leg: &Leg) -> SessionDescription {
    derive_offer(&parse(source.as_bytes()).expect("a description"), None, leg).expect("an offer")
}

fn answer(offer: &str, source: &str, leg: &Leg) -> SessionDescription {
    let (offer, source) = (parse(offer.as_bytes()), parse(source.as_bytes()));
    let (offer, source) = (offer.expect("a description"), source.expect("a description"));
    let answer = derive_answer(&offer, &source, leg).expect("an answer");
    assert_eq!(check_answer(&offer, &answer.view()), [], "{}", text(&answer));
    answer
}

#[test]
fn a_phone_is_offered_what_a_browser_said_without_its_transport() {
    let leg = leg(vec![stream(0, LegTransport::plain(at(4_000))), stream(1, LegTransport::plain(at(4_002)))]);
    let expected = "v=0\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\na=extmap-allow-mixed\r\n\
        a=msid-semantic: WMS stream\r\n\
        m=audio 4000 RTP/AVP 111 63 9 0 8 13 110 126\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
        a=msid:stream track\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
        a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n\
        a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
        a=rtpmap:126 telephone-event/8000\r\na=ssrc:3735928559 cname:o/i14u9pJrxRKAsu\r\na=x-future:kept\r\n\
        a=sendrecv\r\n\
        m=video 4002 RTP/AVP 96 97\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\n\
        a=fmtp:97 apt=96\r\na=ssrc-group:FID 1 2\r\na=sendrecv\r\n";
    assert_eq!(text(&offer(BROWSER, &leg)), expected);
    let without = text(&offer(BROWSER, &Leg { keeps_sources: false, ..leg }));
    assert!(
        !without.contains("ssrc:") && !without.contains("ssrc-group") && !without.contains("msid"),
        "{without}"
    );
}

#[test]
fn a_browser_is_answered_what_a_phone_said_with_the_transport_of_its_leg() {
    let mut leg = leg(vec![stream(0, web(Setup::Active)), Slot::Refused { from: None }]);
    leg.has_bundle = true;
    let expected = "v=0\r\ns=call\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0\r\n\
        m=audio 30000 UDP/TLS/RTP/SAVPF 9 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
        a=sendrecv\r\na=mid:0\r\na=rtcp-mux\r\na=ice-ufrag:ours\r\na=ice-pwd:ourpasswordourpassword\r\n\
        a=ice-options:ice2\r\na=candidate:1 1 UDP 2130706431 203.0.113.1 30000 typ host\r\na=end-of-candidates\r\n\
        a=fingerprint:sha-256 11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11:11\r\n\
        a=setup:active\r\nm=video 0 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\n";
    assert_eq!(text(&answer(BROWSER, PHONE, &leg)), expected);
}

#[test]
fn a_browser_is_offered_what_a_phone_said() {
    let mut leg = leg(vec![stream(0, web(Setup::ActPass))]);
    leg.has_bundle = true;
    let offered = offer(PHONE, &leg);
    let view = offered.view();
    let audio = &Summary::of(&view).expect("a summary").media[0];
    assert_eq!((audio.proto, audio.has_rtcp_mux), (Proto::UdpTlsRtpSavpf, true));
    assert!(audio.ice.as_ref().is_some_and(|ice| ice.lite && ice.ended && !ice.mismatch));
    assert_eq!(audio.keying.dtls(), Some(&dtls(Setup::ActPass)));
    assert!(audio.bundled.is_some() && audio.codecs.len() == 3);
}

#[test]
fn a_phone_with_keys_is_offered_them_in_order_and_may_have_the_choice() {
    for (proto, plain) in [(Proto::RtpSavp, false), (Proto::RtpAvp, true)] {
        let sdes = vec![key(1, Suite::AeadAes128Gcm), key(2, Suite::AesCm128HmacSha1_80)];
        let leg = leg(vec![stream(0, LegTransport { proto, sdes, ..LegTransport::plain(at(4_000)) })]);
        let offered = offer(BROWSER, &leg);
        let keying = Summary::of(&offered.view()).expect("a summary").media[0].keying.clone();
        let suites: Vec<Suite> = keying.sdes().iter().map(|crypto| crypto.suite).collect();
        assert_eq!(suites, [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80]);
        assert_eq!(keying.allows_plain(), plain);
        assert!(!text(&offered).contains("49:66:12"), "the fingerprint of the other leg");
    }
}

#[test]
fn a_key_is_chosen_in_the_order_of_the_offer() {
    let offered = [
        key(1, Suite::AesCm128HmacSha1_32),
        key(2, Suite::AesCm128HmacSha1_80),
        key(3, Suite::AeadAes256Gcm),
    ];
    let chosen = choose_crypto(&offered, &[Suite::AeadAes256Gcm, Suite::AesCm128HmacSha1_80]);
    assert_eq!(chosen.map(|crypto| crypto.tag), Some(2));
    assert_eq!(choose_crypto(&offered, &[Suite::AeadAes128Gcm]), None);
}

#[test]
fn a_phone_with_keys_is_answered_with_the_chosen_one_on_its_own_profile() {
    let with_keys = text(&offer(
        PHONE,
        &leg(vec![stream(
            0,
            LegTransport {
                proto: Proto::RtpSavp,
                sdes: vec![key(1, Suite::AesCm128HmacSha1_32), key(2, Suite::AesCm128HmacSha1_80)],
                ..LegTransport::plain(at(4_000))
            },
        )]),
    ));
    let chosen =
        LegTransport { sdes: vec![key(2, Suite::AesCm128HmacSha1_80)], ..LegTransport::plain(at(5_000)) };
    let answered = answer(&with_keys, PHONE, &leg(vec![stream(0, chosen)]));
    assert!(text(&answered).contains("m=audio 5000 RTP/SAVP 9 8 101\r\n"));
    let keying = Summary::of(&answered.view()).expect("a summary").media[0].keying.clone();
    assert!(matches!(keying, Keying::Required(keys) if keys.sdes.len() == 1 && keys.sdes[0].tag == 2));
}

#[test]
fn hold_passes_from_leg_to_leg_in_whichever_manner_it_was_said() {
    let plain = || leg(vec![stream(0, LegTransport::plain(at(4_000)))]);
    let zeros = PHONE.replace("c=IN IP4 192.0.2.20", "c=IN IP4 0.0.0.0");
    for (source, wanted) in [
        (format!("{PHONE}a=sendonly\r\n"), Direction::SendOnly),
        (format!("{PHONE}a=inactive\r\n"), Direction::Inactive),
        (zeros, Direction::SendOnly),
        (PHONE.replace("m=", "a=recvonly\r\nm="), Direction::RecvOnly),
    ] {
        assert_eq!(offer(&source, &plain()).view().direction(0), wanted);
        let answered = answer(&source, PHONE, &plain());
        assert_eq!(answered.view().direction(0), wanted.mirrored());
    }
}

#[test]
fn an_answer_has_only_what_its_own_leg_offered() {
    let source = PHONE.replace("RTP/AVP 9 8 101", "RTP/AVP 3 9 8 101 99").replace(
        "a=ptime",
        "a=rtpmap:99 iLBC/8000\r\n\
        a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=simulcast:send 1\r\na=ptime",
    );
    let answered = text(&answer(PHONE, &source, &leg(vec![stream(0, LegTransport::plain(at(4_000)))])));
    assert!(answered.contains("RTP/AVP 9 8 101\r\n"), "{answered}");
    assert!(!answered.contains("iLBC") && !answered.contains("extmap") && !answered.contains("simulcast"));
    // Neither ICE nor a shared port were offered.
    let full = answer(PHONE, PHONE, &leg(vec![stream(0, LegTransport { dtls: None, ..web(Setup::Active) })]));
    let full = text(&full);
    assert!(
        !full.contains("ice-ufrag") && !full.contains("candidate") && !full.contains("rtcp-mux"),
        "{full}"
    );
}

#[test]
fn a_stream_without_a_common_codec_or_refused_by_the_other_leg_is_refused() {
    let slots = || leg(vec![stream(0, LegTransport::plain(at(4_000)))]);
    for source in [PHONE.replace("9 8 101", "3"), PHONE.replace("m=audio 11780", "m=audio 0")] {
        let answered = text(&answer(PHONE, &source, &slots()));
        assert!(answered.contains("m=audio 0 RTP/AVP 9 8 101\r\n"), "{answered}");
    }
    assert!(
        text(&offer(&PHONE.replace("m=audio 11780", "m=audio 0"), &slots())).contains("m=audio 0 RTP/AVP")
    );
}

/// RFC 9143 sections 7.2, 7.3 and 7.5.
#[test]
fn streams_of_one_address_are_offered_in_the_bundle_and_answered_in_it() {
    let bundled = |setup| Leg { has_bundle: true, ..leg(vec![stream(0, web(setup)), stream(1, web(setup))]) };
    let source = parse(BROWSER.as_bytes()).expect("a description");
    let first = derive_offer(&source, None, &bundled(Setup::ActPass)).expect("an offer");
    let lines = text(&first);
    assert!(lines.contains("m=video 0 UDP/TLS/RTP/SAVPF") && lines.contains("a=bundle-only\r\n"), "{lines}");
    assert!(lines.contains("a=group:BUNDLE 0 1\r\n"), "{lines}");
    assert_eq!(lines.matches("a=ice-ufrag").count(), 1);
    let later = text(&derive_offer(&source, Some(&first), &bundled(Setup::ActPass)).expect("an offer"));
    assert!(later.contains("m=video 30000 UDP/TLS/RTP/SAVPF") && !later.contains("bundle-only"), "{later}");
    let answered = answer(BROWSER, BROWSER, &bundled(Setup::Passive));
    let lines = text(&answered);
    assert_eq!(
        (lines.matches("a=fingerprint").count(), lines.matches("m=video 30000").count()),
        (1, 1),
        "{lines}"
    );
    assert!(lines.contains("a=group:BUNDLE 0 1\r\n"), "{lines}");
    let view = answered.view();
    let media = Summary::of(&view).expect("a summary").media;
    assert_eq!(media[1].keying, media[0].keying);
}

#[test]
fn mids_are_kept_from_before_and_never_twice() {
    let two = BROWSER.replace("a=mid:0\r\n", "");
    let mut transport = web(Setup::ActPass);
    transport.rtp = at(30_002);
    let leg = Leg { has_bundle: true, ..leg(vec![stream(0, web(Setup::ActPass)), stream(1, transport)]) };
    let source = parse(two.as_bytes()).expect("a description");
    let first = derive_offer(&source, None, &leg).expect("an offer");
    assert!(text(&first).contains("a=group:BUNDLE m0 1\r\n"), "{}", text(&first));
    let other = parse(BROWSER.as_bytes()).expect("a description");
    let later = derive_offer(&other, Some(&first), &leg).expect("an offer");
    assert!(text(&later).contains("a=group:BUNDLE m0 1\r\n"), "{}", text(&later));
}

#[test]
fn the_place_of_rtcp_is_written_when_it_is_not_one_port_above() {
    let with = |rtcp| {
        text(&offer(PHONE, &leg(vec![stream(0, LegTransport { rtcp, ..LegTransport::plain(at(4_000)) })])))
    };
    assert!(!with(RtcpPlace::Above).contains("a=rtcp"));
    assert!(!with(RtcpPlace::At(at(4_001))).contains("a=rtcp"));
    assert!(with(RtcpPlace::At(at(5_000))).contains("a=rtcp:5000\r\n"));
    let shared = with(RtcpPlace::Shared { otherwise: Some("192.0.2.7:9".parse().expect("address")) });
    assert!(shared.contains("a=rtcp:9 IN IP4 192.0.2.7\r\na=rtcp-mux\r\n"), "{shared}");
}

#[test]
fn what_is_no_rtp_keeps_its_protocol() {
    let fax = "v=0\r\nc=IN IP4 192.0.2.20\r\nm=image 5004 udptl t38\r\na=T38FaxVersion:0\r\n";
    let offered = text(&offer(fax, &leg(vec![stream(0, LegTransport::plain(at(4_000)))])));
    assert!(offered.contains("m=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n"), "{offered}");
}

#[test]
fn slots_stay_in_place_and_new_streams_find_one() {
    let source = parse(BROWSER.as_bytes()).expect("a description");
    assert_eq!(match_slots(&source, None, &[]), [Some(0), Some(1)]);
    // The leg has had a video first, which stays in its place, and an application that is switched off.
    let before = b"v=0\r\nm=video 1 RTP/AVP 31\r\nm=application 0 x 0\r\nm=text 5 RTP/AVP 98\r\n";
    let before = parse(before).expect("a description");
    let slots = match_slots(&source, Some(&before), &[]);
    assert_eq!(slots, [Some(1), Some(0), None]);
    assert_eq!(answering_slots(&slots, 2), [Some(1), Some(0)]);
    assert_eq!(match_slots(&source, Some(&before), &[Some(0), None, Some(1)]), [Some(0), None, Some(1)]);
    assert_eq!(match_slots(&source, Some(&before), &[Some(9), Some(0), Some(0)]), [Some(1), Some(0), None]);
    let full = parse(b"v=0\r\nm=text 1 RTP/AVP 98\r\n").expect("a description");
    assert_eq!(match_slots(&source, Some(&full), &[]), [None, Some(0), Some(1)]);
}

#[test]
fn slots_that_do_not_fit_are_the_callers_mistake() {
    let source = parse(PHONE.as_bytes()).expect("a description");
    let one = |from| leg(vec![stream(from, LegTransport::plain(at(4_000)))]);
    assert_eq!(derive_offer(&source, None, &one(1)), Err(DeriveError::From { slot: 0 }));
    assert_eq!(derive_answer(&source, &source, &one(1)), Err(DeriveError::From { slot: 0 }));
    let none = leg(Vec::new());
    assert_eq!(derive_answer(&source, &source, &none), Err(DeriveError::Slots { needed: 1, given: 0 }));
    let before = offer(PHONE, &one(0));
    assert_eq!(derive_offer(&source, Some(&before), &none), Err(DeriveError::Slots { needed: 1, given: 0 }));
}
