use super::*;
use crate::{Direction, parse};

/// Reads a value and writes it again.
fn again<T: Attribute>(value: &str) -> Option<String> {
    let mut out = Vec::new();
    T::parse(value.as_bytes())?.write(&mut out);
    String::from_utf8(out).ok()
}

/// Every value is written as it was read.
fn kept<T: Attribute>(values: &[&str]) {
    for value in values {
        assert_eq!(again::<T>(value).as_deref(), Some(*value));
    }
}

fn refused<T: Attribute>(values: &[&str]) {
    for value in values {
        assert!(T::parse(value.as_bytes()).is_none(), "{value}");
    }
}

/// 30 bytes, as RFC 4568 prints them.
const KEY_30: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

#[test]
fn codec_attributes_are_read_and_written() {
    kept::<Rtpmap>(&["0 PCMU/8000", "111 opus/48000/2", "97 H264/90000"]);
    refused::<Rtpmap>(&["", "0", "0 PCMU", "128 x/1", "0 /8000", "0 PCMU/8k"]);
    kept::<Fmtp>(&["101 0-15", "111 minptime=10;useinbandfec=1", "97 profile-level-id=42e01f"]);
    kept::<PacketTime>(&["20"]);
    kept::<MaxPacketTime>(&["150"]);
    refused::<PacketTime>(&["", "0", "-20", "x"]);
    assert_eq!(PacketTime::parse(b"20.0 "), Some(PacketTime { ms: 20 }));
    kept::<RtcpFeedback>(&["96 nack", "96 nack pli", "* ccm fir", "111 transport-cc"]);
    refused::<RtcpFeedback>(&["96", "x nack", "200 nack"]);
    kept::<Extmap>(&[
        "1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "2/sendonly http://example.com/082005/ext.htm#xmeta short",
        "4096 urn:x",
    ]);
    refused::<Extmap>(&["0 urn:x", "256 urn:x", "1/both urn:x", "1"]);
    kept::<Ssrc>(&["1001 cname:user@example.com", "4294967295"]);
    refused::<Ssrc>(&["4294967296 cname:x", "x"]);
    kept::<SsrcGroup>(&["FID 1001 1002"]);
    kept::<Rid>(&["1 send pt=97;max-width=1280", "f recv"]);
    kept::<Simulcast>(&["send 1,2;3 recv 4"]);
}

#[test]
fn a_format_parameter_is_found_in_any_case_and_with_spaces() {
    let fmtp = Fmtp::parse(b"111 minptime=10; UseInbandFec=1;dtx").expect("fmtp");
    assert_eq!(fmtp.parameter("useinbandfec"), Some("1"));
    assert_eq!(fmtp.parameter("dtx"), Some(""));
    assert_eq!(fmtp.parameter("stereo"), None);
}

/// RFC 4733 section 2.4.1.
#[test]
fn telephone_events_are_a_list_of_numbers_and_ranges() {
    let events = TelephoneEvents::parse("0-15,66,70").expect("events");
    assert!(events.has_dtmf() && events.has(66) && events.has(70) && !events.has(16) && !events.has(67));
    assert!(TelephoneEvents::parse("events=0-16").expect("events").has(16));
    assert!(!TelephoneEvents::parse("0-11").expect("events").has_dtmf());
    assert!(TelephoneEvents::DTMF.has_dtmf() && !TelephoneEvents::DTMF.has(16));
    for text in ["", "x", "15-0", "0-256", "0--1"] {
        assert!(TelephoneEvents::parse(text).is_none(), "{text}");
    }
}

/// The examples of RFC 3605 section 2.1.
#[test]
fn the_place_of_rtcp_may_have_an_address() {
    kept::<RtcpAddress>(&[
        "53020",
        "53020 IN IP4 126.16.64.4",
        "53020 IN IP6 2001:2345:6789:abcd:ef01:2345:6789:abcd",
    ]);
    refused::<RtcpAddress>(&["", "x", "53020 IN IP4", "70000"]);
}

/// The examples of RFC 8839 sections 5.1, 5.2 and 5.4, and what browsers add.
#[test]
fn ice_attributes_are_read_and_written() {
    kept::<Candidate>(&[
        "1 1 UDP 2130706431 203.0.113.141 8998 typ host",
        "2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998",
        "842163049 1 UDP 1677729535 2001:db8::5 46154 typ relay raddr 0.0.0.0 rport 0 generation 0 network-id 1",
        "1 1 TCP 1518280447 192.0.2.3 9 typ host tcptype active generation 0",
        "7 2 UDP 1 0c7aa4d1-2d2b-4b7a-8b0f-0f4c8f1a5a10.local 51000 typ host",
        "1 1 SCTP 1 192.0.2.3 9 typ other",
        "1 1 UDP 1 192.0.2.3 9 typ srflx raddr 192.0.2.4 generation 0",
    ]);
    refused::<Candidate>(&[
        "",
        "1 1 UDP 2130706431 203.0.113.141 8998",
        "1 0 UDP 2130706431 203.0.113.141 8998 typ host",
        "1 257 UDP 2130706431 203.0.113.141 8998 typ host",
        "1 1 UDP 4294967296 203.0.113.141 8998 typ host",
        "1 1 UDP 1 203.0.113.141 70000 typ host",
        "1 1 UDP 1 203.0.113.141 8998 typ host lonely",
        "123456789012345678901234567890123 1 UDP 1 203.0.113.141 8998 typ host",
    ]);
    let lower = Candidate::parse(b"1 1 udp 1 192.0.2.3 9 typ host").expect("a candidate");
    assert_eq!((lower.transport, lower.address.as_str()), (CandidateTransport::Udp, "192.0.2.3"));
    kept::<RemoteCandidates>(&["1 192.0.2.3 45664 2 192.0.2.3 45665", "1 2001:db8::1 9"]);
    refused::<RemoteCandidates>(&["", "1", "1 name 9"]);
    kept::<IceUfrag>(&["8hhY", "F7gI"]);
    refused::<IceUfrag>(&["abc", "ab:cd", "ab cd", &"x".repeat(257)]);
    kept::<IcePassword>(&["asd88fgpdd777uzjYhagZg"]);
    refused::<IcePassword>(&["asd88fgpdd777uzjYhagZ", &"x".repeat(257)]);
    assert!(IceOptions::parse(b"trickle ice2").expect("options").has(IceOptions::TRICKLE));
}

/// The examples of RFC 4568 sections 4.1, 6.1 and 9, RFC 6188 section 4 and RFC 7714 section 14.
#[test]
fn crypto_attributes_are_read_and_written() {
    kept::<Crypto>(&[
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|2^20|1:4"),
        &format!("1 AES_CM_128_HMAC_SHA1_32 inline:{KEY_30}|1048576"),
        &format!("2 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|1:32 KDR=1 UNENCRYPTED_SRTCP"),
        &format!(
            "1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|2^20|1:4;inline:{KEY_30}|2^20|2:4 FEC_ORDER=FEC_SRTP"
        ),
        &format!("7 AEAD_AES_128_GCM inline:{}==", "A".repeat(38)),
        &format!("8 AEAD_AES_256_GCM inline:{}=", "A".repeat(59)),
        &format!("9 AES_256_CM_HMAC_SHA1_80 inline:{}==", "A".repeat(62)),
        &format!("10 AES_256_CM_HMAC_SHA1_32 inline:{}==", "A".repeat(62)),
    ]);
}

#[test]
fn a_crypto_attribute_that_two_ends_could_read_differently_is_none() {
    refused::<Crypto>(&[
        "",
        "1 AES_CM_128_HMAC_SHA1_80",
        &format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}"),
        &format!("1234567890 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}"),
        &format!("1 F8_128_HMAC_SHA1_80 inline:{KEY_30}"),
        &format!("1 AES_256_CM_HMAC_SHA1_80 inline:{KEY_30}"),
        &format!("1 AEAD_AES_128_GCM inline:{KEY_30}"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}A"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|2^64"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|256:1"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|1:129"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|1:4|2^20"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30};inline:{KEY_30}"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|1:1;inline:{KEY_30}|2:2"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30} WSH=63"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30} KDR=25"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30} KDR=1 KDR=0"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 outline:{KEY_30}"),
        &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{}", "A".repeat(100_000)),
    ]);
}

#[test]
fn a_key_is_split_by_its_suite_and_never_shown() {
    let crypto =
        Crypto::parse(format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}").as_bytes()).expect("crypto");
    let key = &crypto.keys[0].key;
    assert_eq!((key.expose_key().len(), key.expose_salt().len()), (16, 14));
    assert_eq!(key.expose_key(), b"YS___semctl () {");
    let shown = format!("{crypto:?}");
    assert!(shown.contains("<secret>") && !shown.contains("WVN") && !shown.contains("89, 83"), "{shown}");
    let password = IcePassword::new("asd88fgpdd777uzjYhagZg").expect("a password");
    assert_eq!(format!("{password:?}"), "IcePassword(<secret>)");
}

#[test]
fn padding_may_be_missing_and_the_256_bit_suites_have_two_spellings() {
    let crypto = |text: String| Crypto::parse(text.as_bytes());
    let whole = crypto(format!("1 AES_256_CM_HMAC_SHA1_80 inline:{}==", "A".repeat(62)));
    assert!(whole.is_some());
    assert_eq!(crypto(format!("1 AES_CM_256_HMAC_SHA1_80 inline:{}", "A".repeat(62))), whole);
}

/// An offer must not talk us out of encryption (RFC 4568 section 6.3).
#[test]
fn session_parameters_that_weaken_are_told() {
    let plain = |parameters: &str| {
        let text = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30} {parameters}");
        Crypto::parse(text.as_bytes()).expect("crypto").is_plain_srtp()
    };
    assert!(plain("") && plain("KDR=0 WSH=128") && plain("-SOMETHING"));
    for weak in
        ["UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP", "KDR=4", "FEC_KEY=x", "SOMETHING"]
    {
        assert!(!plain(weak), "{weak}");
    }
}

/// RFC 8122 section 5, with the upper case of browsers and the lower case of others.
#[test]
fn fingerprints_are_read_in_any_case_and_have_the_length_of_their_hash() {
    let sha1 = "sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";
    kept::<Fingerprint>(&[sha1]);
    assert_eq!(again::<Fingerprint>(&sha1.to_lowercase()).as_deref(), Some(sha1));
    assert_eq!(again::<Fingerprint>(&sha1.to_uppercase()).as_deref(), Some(sha1));
    assert!(HashFunction::Sha1.is_weak() && !HashFunction::Sha256.is_weak());
    for (hash, bytes) in HashFunction::ALL.iter().zip([20, 28, 32, 48, 64]) {
        let fingerprint = Fingerprint { hash: *hash, digest: vec![0xa5; bytes] };
        let mut out = Vec::new();
        fingerprint.write(&mut out);
        assert_eq!(Fingerprint::parse(&out), Some(fingerprint));
    }
    let md5 = format!("md5 {}", ["00"; 16].join(":"));
    refused::<Fingerprint>(&[
        "",
        "sha-1",
        "sha-256 4A:AD",
        &md5,
        &sha1[..sha1.len() - 3],
        &format!("{sha1}:00"),
        "sha-1 4A-AD",
    ]);
}

#[test]
fn setup_and_tls_id_are_read_and_written() {
    kept::<Setup>(&["active", "passive", "actpass", "holdconn"]);
    refused::<Setup>(&["", "both"]);
    kept::<TlsId>(&["abcdefghijklmnopqrst"]);
    refused::<TlsId>(&["tooshort", &"x".repeat(256)]);
}

/// RFC 4145 section 4.1.
#[test]
fn a_role_answers_only_its_counterpart() {
    let answers = |offered: Setup| Setup::ALL.into_iter().filter(move |setup| setup.may_answer(offered));
    assert!(answers(Setup::ActPass).eq([Setup::Active, Setup::Passive, Setup::HoldConn]));
    assert!(answers(Setup::Active).eq([Setup::Passive, Setup::HoldConn]));
    assert!(answers(Setup::Passive).eq([Setup::Active, Setup::HoldConn]));
    assert!(answers(Setup::HoldConn).eq([Setup::HoldConn]));
}

#[test]
fn groups_name_streams() {
    kept::<Group>(&["BUNDLE 0 1", "LS 1 2", "BUNDLE"]);
    assert!(Group::parse(b"BUNDLE a").expect("a group").is_bundle());
    kept::<Mid>(&["0", "sdparta_0"]);
    refused::<Mid>(&["", "a b"]);
}

#[test]
fn one_value_written_twice_is_one_and_two_values_are_an_error() {
    let text = "v=0\r\na=setup:actpass\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=mid:0\r\na=ptime:20\r\na=ptime:30\r\n\
        a=ice-pwd:short\r\n";
    let description = parse(text.as_bytes()).expect("a description");
    let media = &description.media[0];
    assert_eq!(media.read::<Mid>(), Ok(Some(Mid("0".into()))));
    assert_eq!(
        media.read::<PacketTime>(),
        Err(AttributeError { name: "ptime", fault: AttributeFault::Repeated })
    );
    let malformed = AttributeError { name: "ice-pwd", fault: AttributeFault::Malformed };
    assert_eq!(media.read::<IcePassword>(), Err(malformed));
    assert_eq!(media.read::<Setup>(), Ok(None));
    assert_eq!(description.read_for::<Setup>(0), Ok(Some(Setup::ActPass)));
    assert_eq!(description.direction(0), Direction::SendRecv);
}
