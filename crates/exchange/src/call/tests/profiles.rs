//! Each leg speaks its own profile: calls between all kinds of devices, with the descriptions that they really send.

use super::desk::{tls, wss};
use super::*;
use crate::event::{Event, LegProtection, MediaState, Protection};
use crate::media::{Keying, Peer, SrtpSuite};
use crate::testing::Phone;
use coeur_sdp::offer_answer::check_answer;
use coeur_sdp::{Proto, Summary, parse};

pub(super) const CHROME: &str = include_str!("../../../../sdp/tests/phones/chrome.sdp");
pub(super) const JSSIP: &str = include_str!("../../../../sdp/tests/phones/jssip_hold.sdp");
pub(super) const BARESIP_SDES: &str = include_str!("../../../../sdp/tests/phones/baresip_sdes.sdp");
const BARESIP_DTLS: &str = include_str!("../../../../sdp/tests/phones/baresip_dtls.sdp");
const LINPHONE: &str = include_str!("../../../../sdp/tests/phones/linphone.sdp");
const YEALINK: &str = include_str!("../../../../sdp/tests/phones/yealink.sdp");
const POLYCOM: &str = include_str!("../../../../sdp/tests/phones/polycom.sdp");
const CISCO: &str = include_str!("../../../../sdp/tests/phones/cisco.sdp");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Sdes,
    Web,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Plain, Self::Sdes, Self::Web];

    pub(super) fn flow(self, remote: &str, serial: u64) -> Flow {
        match self {
            Self::Plain => udp(remote),
            Self::Sdes => tls(remote, serial),
            Self::Web => wss(remote, serial),
        }
    }

    fn protection(self) -> LegProtection {
        match self {
            Self::Plain => LegProtection::Clear,
            Self::Sdes => LegProtection::Sdes,
            Self::Web => LegProtection::Dtls,
        }
    }
}

pub(super) fn with_crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// A desk with alice and bob, each with a device of its kind.
pub(super) fn desk(alice: Kind, bob: Kind) -> (Desk, Phone, Phone) {
    let mut desk = Desk::empty();
    let alice = desk.register("alice", alice.flow(ALICE, 11), "");
    let bob = desk.register("bob", bob.flow(BOB, 22), "");
    (desk, alice, bob)
}

/// The inline keys, ICE credentials and fingerprints in a description.
fn secrets(text: &str) -> Vec<String> {
    let secret = |line: &str| {
        let (name, value) = line.strip_prefix("a=")?.split_once(':')?;
        match name {
            "crypto" => Some(value.split("inline:").nth(1)?.split(['|', ' ']).next()?.to_owned()),
            "ice-pwd" | "ice-ufrag" => Some(value.to_owned()),
            "fingerprint" => Some(value.split(' ').nth(1)?.to_owned()),
            "candidate" => Some(format!("{} {}", value.split(' ').nth(4)?, value.split(' ').nth(5)?)),
            _ => None,
        }
    };
    let found: Vec<String> = text.lines().filter_map(secret).collect();
    found
}

/// A device that takes all that it is offered, one key and one codec of each stream beside the key presses.
pub(super) fn taken(offer: &str, port: u16) -> String {
    let description = parse(offer.as_bytes()).expect("an offer");
    let summary = Summary::of(&description).expect("an offer with one reading");
    let ip = "10.0.0.2";
    let mut text = format!("v=0\r\no=bob 9 {port} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n");
    let mids: Vec<&str> =
        summary.media.iter().filter(|m| m.bundled.is_some()).filter_map(|m| m.mid.as_deref()).collect();
    if !mids.is_empty() {
        text += &format!("a=group:BUNDLE {}\r\n", mids.join(" "));
    }
    for (media, lines) in summary.media.iter().zip(&description.media) {
        let kind = String::from_utf8_lossy(lines.kind);
        let proto = media.proto.as_str();
        let codecs: Vec<_> = media
            .codecs
            .iter()
            .filter(|codec| !codec.is_auxiliary())
            .take(1)
            .chain(media.codecs.iter().filter(|c| c.is("telephone-event", 8_000)))
            .collect();
        if media.is_rejected || codecs.is_empty() {
            let formats = String::from_utf8_lossy(lines.formats);
            text += &format!("m={kind} 0 {} {formats}\r\n", String::from_utf8_lossy(lines.proto));
            continue;
        }
        let formats: Vec<String> = codecs.iter().map(|codec| codec.payload.to_string()).collect();
        let at = if media.bundled.is_some() { port } else { port + 2 * media.index as u16 };
        text += &format!("m={kind} {at} {proto} {}\r\n", formats.join(" "));
        for codec in codecs {
            let channels = codec.parameters.as_ref().map(|p| format!("/{p}")).unwrap_or_default();
            text += &format!("a=rtpmap:{} {}/{}{channels}\r\n", codec.payload, codec.name, codec.clock_rate);
        }
        if let Some(crypto) = media.keying.sdes().first() {
            text += &format!("a=crypto:{} {} inline:{BOBS_KEY}\r\n", crypto.tag, crypto.suite.as_str());
        }
        if media.keying.dtls().is_some() {
            text += &format!("a=setup:active\r\na=fingerprint:sha-256 {BOBS_PRINT}\r\n");
        }
        if media.ice.is_some() {
            text += &format!(
                "a=ice-ufrag:bobs\r\na=ice-pwd:bobspasswordbobspassword\r\na=candidate:1 1 udp 2130706431 {ip} {at} typ host\r\n"
            );
        }
        if media.has_rtcp_mux {
            text += "a=rtcp-mux\r\n";
        }
        if let Some(mid) = media.mid.as_ref() {
            text += &format!("a=mid:{mid}\r\n");
        }
        text += &format!("a={}\r\n", media.direction.mirrored().as_str());
    }
    text
}

const BOBS_KEY: &str = "Qk9CU0tFWUJPQlNLRVlCT0JTS0VZQk9CU0tFWUJP";
const BOBS_PRINT: &str =
    "B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0:B0";

/// A call that was answered: what each side was told, and both sides of it.
pub(super) struct Talk {
    pub(super) desk: Desk,
    pub(super) offer: String,
    pub(super) answer: String,
    pub(super) caller: Ua,
    pub(super) callee: Ua,
}

/// A call of alice, who offers this.
pub(super) fn talk(mut desk: Desk, mut alice: Phone, bob: &Phone, offered: &str) -> Talk {
    let (request, sent) = desk.invite(&mut alice, URI, "", offered);
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let offer = body(&invite);
    let sent =
        desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &taken(&offer, 5_000)));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let ack = caller.ack("");
    desk.receive(alice.flow, &ack);
    Talk { answer: body(&ok), offer, caller, callee: Ua::callee(bob.flow, &invite, "bobtag"), desk }
}

pub(super) fn summary(text: &str) -> Summary {
    Summary::of(&parse(text.as_bytes()).expect("a description")).expect("one reading")
}

pub(super) fn assert_profile(kind: Kind, text: &str) {
    let media = &summary(text).media[0];
    let (sdes, dtls) = (media.keying.sdes().len(), media.keying.dtls().is_some());
    match kind {
        Kind::Plain => assert_eq!((media.proto, sdes, dtls), (Proto::RtpAvp, 0, false), "{text}"),
        Kind::Sdes => assert!(media.proto == Proto::RtpSavp && sdes > 0 && !dtls, "{text}"),
        Kind::Web => {
            assert!(media.proto == Proto::UdpTlsRtpSavpf && sdes == 0 && dtls, "{text}");
            let ice = media.ice.as_ref().expect("ICE");
            assert!(ice.lite && !ice.candidates.is_empty() && !ice.mismatch && ice.ended, "{text}");
            assert!(media.has_rtcp_mux && media.bundled.is_some(), "{text}");
        }
    }
    assert_eq!(media.ice.is_some(), kind == Kind::Web, "{text}");
}

pub(super) fn assert_keying(kind: Kind, peer: &Peer, said: &str, heard: &str) {
    let stream = peer.streams[0].as_ref().expect("audio");
    let key = |text: &str| {
        summary(text).media[0].keying.sdes().first().map(|c| c.keys[0].key.expose_key().to_vec())
    };
    match (&stream.keying, kind) {
        (Keying::Plain, Kind::Plain) => {}
        (Keying::Sdes { send, receive }, Kind::Sdes) => {
            assert_eq!(send.suite, SrtpSuite::AesCm128HmacSha1_80);
            assert_eq!(Some(send.key_and_salt[..16].to_vec()), key(said));
            assert_eq!(Some(receive.key_and_salt[..16].to_vec()), key(heard));
        }
        (Keying::Dtls { fingerprints, .. }, Kind::Web) => {
            let print = secrets(heard).into_iter().find(|secret| secret.len() == 95).expect("a fingerprint");
            let bytes: Vec<String> = fingerprints[0].bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            assert_eq!(bytes.join(":"), print);
            let ice = stream.ice.as_ref().expect("ICE");
            assert!(!ice.controlling && !ice.their_lite && !ice.candidates.is_empty());
            assert!(said.contains(&format!("a=ice-ufrag:{}\r\n", ice.ours.ufrag)));
            assert!(heard.contains(&format!("a=ice-ufrag:{}\r\n", ice.theirs.ufrag)));
            assert!(stream.rtcp_mux && stream.rtcp == stream.rtp);
        }
        (keying, kind) => panic!("{keying:?} for {kind:?}"),
    }
    assert!(stream.we_send && stream.we_receive);
}

pub(super) fn described_by(kind: Kind) -> String {
    with_crlf(match kind {
        Kind::Plain => POLYCOM,
        Kind::Sdes => BARESIP_SDES,
        Kind::Web => CHROME,
    })
}

pub(super) fn protection_told(desk: &Desk) -> Vec<Protection> {
    let told = |event: &Event| match event {
        Event::CallProtected { protection, .. } => Some(*protection),
        _ => None,
    };
    desk.office.events.iter().filter_map(told).collect()
}

/// Goal: a call between any two devices, whatever their transport and keying, with no setting.
#[test]
fn every_kind_of_device_calls_every_kind_and_each_hears_its_own_profile() {
    for from in Kind::ALL {
        for to in Kind::ALL {
            let (desk, alice, bob) = desk(from, to);
            let offered = described_by(from);
            let Talk { desk, offer, answer, .. } = talk(desk, alice, &bob, &offered);
            assert_profile(to, &offer);
            assert_profile(from, &answer);
            let taken = taken(&offer, 5_000);
            let complaints = check_answer(
                &parse(offered.as_bytes()).expect("an offer"),
                &parse(answer.as_bytes()).expect("an answer"),
            );
            assert_eq!(complaints, [], "{from:?} {to:?}\n{answer}");
            let of_alice = desk.peer_at(summary(&offered).media[0].port);
            assert_keying(from, of_alice, &answer, &offered);
            assert_keying(to, desk.peer_at(5_000), &offer, &taken);
            for secret in secrets(&offered).iter().chain(&secrets(&answer)) {
                let ours = secret.starts_with("C0:C0") || secret.starts_with("198.51.100.1 ");
                assert!(ours || !offer.contains(secret.as_str()), "{from:?} {to:?}: {secret} in\n{offer}");
            }
            for secret in secrets(&taken).iter().chain(&secrets(&offer)) {
                let ours = secret.starts_with("C0:C0") || secret.starts_with("198.51.100.1 ");
                assert!(ours || !answer.contains(secret.as_str()), "{from:?} {to:?}: {secret} in\n{answer}");
            }
            let protection = Protection { caller: from.protection(), callee: to.protection() };
            assert_eq!(protection_told(&desk), [protection]);
            let is_clear = from == Kind::Plain || to == Kind::Plain;
            assert_eq!(protection.state(), if is_clear { MediaState::Mixed } else { MediaState::Hop });
        }
    }
}

/// All of them with ICE, rtcp-mux, DTLS and SDES as they really offer it, to a phone of each kind.
#[test]
fn every_phone_that_we_know_calls_and_is_answered_as_it_offered() {
    let phones = [
        ("jssip", JSSIP, Proto::UdpTlsRtpSavpf, LegProtection::Dtls),
        ("baresip with DTLS", BARESIP_DTLS, Proto::UdpTlsRtpSavpf, LegProtection::Dtls),
        ("linphone", LINPHONE, Proto::RtpSavpf, LegProtection::Sdes),
        // Best effort: encrypted, since we can (RFC 8643 section 3.1).
        ("yealink", YEALINK, Proto::RtpAvp, LegProtection::Sdes),
        ("cisco", CISCO, Proto::RtpAvp, LegProtection::Clear),
    ];
    for (name, text, proto, caller) in phones {
        for to in Kind::ALL {
            let (desk, alice, bob) = desk(Kind::Plain, to);
            let offered = with_crlf(text);
            let Talk { desk, offer, answer, .. } = talk(desk, alice, &bob, &offered);
            assert_profile(to, &offer);
            let complaints =
                check_answer(&parse(offered.as_bytes()).expect(name), &parse(answer.as_bytes()).expect(name));
            assert_eq!(complaints, [], "{name} {to:?}\n{answer}");
            let (asked, answered) = (&summary(&offered).media[0], &summary(&answer).media[0]);
            assert_eq!(answered.proto, proto, "{name}");
            assert_eq!(
                (answered.ice.is_some(), answered.has_rtcp_mux),
                (asked.ice.is_some(), asked.has_rtcp_mux),
                "{name}"
            );
            assert_eq!(protection_told(&desk), [Protection { caller, callee: to.protection() }], "{name}");
        }
    }
}

/// What a browser alone knows is not told to a phone, and its candidates are none of a phone's business.
#[test]
fn a_phone_is_not_told_what_only_a_browser_knows() {
    let (desk, alice, bob) = desk(Kind::Web, Kind::Plain);
    let Talk { offer, desk, .. } = talk(desk, alice, &bob, &with_crlf(CHROME));
    for gone in [
        "rtx",
        "red/",
        "ulpfec",
        "transport-cc",
        "goog-remb",
        "extmap",
        "msid",
        "ssrc",
        "rid:",
        "simulcast",
        "mid:",
    ] {
        assert!(!offer.contains(gone), "{gone} in\n{offer}");
    }
    for kept in [
        "opus/48000/2",
        "telephone-event/8000",
        "VP8/90000",
        "H264/90000",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 ccm fir",
    ] {
        assert!(offer.contains(kept), "{kept} not in\n{offer}");
    }
    assert!(offer.len() < 1_300, "{} bytes", offer.len());
    // And another browser is told all of it.
    let (desk_of_two, alice, bob) = self::desk(Kind::Web, Kind::Web);
    let Talk { offer, .. } = talk(desk_of_two, alice, &bob, &with_crlf(CHROME));
    for kept in ["rtx/90000", "red/48000", "transport-cc", "extmap", "a=ssrc:", "a=simulcast"] {
        assert!(offer.contains(kept), "{kept} not in\n{offer}");
    }
    drop(desk);
}

/// Audio and video of a browser share a port (RFC 9143), those of a phone have two each.
#[test]
fn video_of_a_browser_is_bundled_and_that_of_a_phone_is_not() {
    for (from, to, offered, ports) in
        [(Kind::Web, Kind::Plain, CHROME, [1, 2]), (Kind::Plain, Kind::Web, CISCO, [2, 1])]
    {
        let (desk, alice, bob) = desk(from, to);
        let Talk { desk, offer, answer, .. } = talk(desk, alice, &bob, &with_crlf(offered));
        for (text, ports) in [(&answer, ports[0]), (&offer, ports[1])] {
            let media = &summary(text).media;
            let mut found: Vec<u16> =
                media.iter().filter(|m| !m.is_rejected).map(|m| m.port).filter(|port| *port != 0).collect();
            found.dedup();
            assert_eq!(found.len(), ports, "{text}");
            assert_eq!(media[..2].iter().all(|m| m.bundled.is_some()), ports == 1, "{text}");
            assert!(!media[1].is_rejected, "{text}");
        }
        let web = desk
            .open
            .values()
            .flatten()
            .find(|peer| peer.streams[0].as_ref().is_some_and(|s| s.ice.is_some()));
        let streams = &web.expect("a browser").streams;
        let [Some(audio), Some(video)] = [&streams[0], &streams[1]] else { panic!("{streams:?}") };
        assert_eq!((audio.rtp, &audio.keying, &audio.ice), (video.rtp, &video.keying, &video.ice));
        assert_eq!(desk.pairs.iter().map(|pair| pair.a).collect::<Vec<_>>(), [0, 1]);
    }
}

/// RFC 9143 section 9.1: two streams with one number cannot be told apart in a bundle.
#[test]
fn a_number_that_a_phone_uses_twice_is_another_in_the_bundle_and_translated() {
    let (desk, alice, bob) = desk(Kind::Plain, Kind::Web);
    let offered = described("10.0.0.1", 4_000, 1, "")
        .replace("RTP/AVP 0 8 101\r\n", "RTP/AVP 96 101\r\na=rtpmap:96 opus/48000/2\r\n")
        + "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n";
    let Talk { desk, offer, answer, .. } = talk(desk, alice, &bob, &offered);
    assert!(offer.contains("a=rtpmap:96 opus/48000/2") && offer.contains("a=rtpmap:98 VP8/90000"), "{offer}");
    assert!(answer.contains("a=rtpmap:96 VP8/90000"), "{answer}");
    let renamed: Vec<(u8, u8)> = desk.pairs[1].payloads.to_vec();
    let (a, _) = desk.connected.expect("connected");
    let is_alice =
        desk.open[&a].as_ref().is_some_and(|peer| peer.streams[0].as_ref().is_some_and(|s| s.ice.is_none()));
    // 97 is taken by the keys at the clock of Opus, which we can make.
    assert_eq!(renamed, [if is_alice { (96, 98) } else { (98, 96) }]);
}

/// The keys of a call are in no log.
#[test]
fn what_the_media_plane_is_told_shows_no_secret_when_it_is_printed() {
    for kind in [Kind::Sdes, Kind::Web] {
        let (desk, alice, bob) = desk(kind, kind);
        let Talk { desk, offer, answer, .. } = talk(desk, alice, &bob, &described_by(kind));
        let printed = format!("{:?} {:?}", desk.open, desk.office.events);
        for line in [&offer, &answer].iter().flat_map(|text| text.lines()) {
            if let Some(secret) = line.strip_prefix("a=ice-pwd:") {
                assert!(!printed.contains(secret), "{printed}");
            }
        }
        let stream =
            desk.open.values().flatten().next().and_then(|peer| peer.streams[0].clone()).expect("audio");
        if let Keying::Sdes { send, .. } = stream.keying {
            let bytes: Vec<String> = send.key_and_salt.iter().map(u8::to_string).collect();
            assert!(!printed.contains(&bytes.join(", ")));
        }
    }
}

/// Each leg has keys of its own also for the same two devices once more.
#[test]
fn no_key_and_no_credential_is_given_out_twice() {
    let mut seen: Vec<String> = Vec::new();
    for kind in [Kind::Sdes, Kind::Web] {
        let (mut desk, mut alice, bob) = desk(kind, kind);
        for call in ["-1", "-2"] {
            alice.call = call.into();
            let (_, sent) = desk.invite(&mut alice, URI, "", &described_by(kind));
            let invite = request_to(&sent, bob.flow, "INVITE").clone();
            let offer = body(&invite);
            let sent = desk
                .receive(bob.flow, &reply(&invite, 200, "tag", &contact(bob.flow), &taken(&offer, 5_000)));
            for text in [offer, body(answer_to(&sent, alice.flow, 200))] {
                let mut ours = secrets(&text);
                ours.retain(|secret| !secret.starts_with("C0:C0") && !secret.starts_with("198.51.100.1 "));
                ours.dedup();
                assert!(!ours.is_empty() && ours.iter().all(|secret| !seen.contains(secret)), "{ours:?}");
                seen.extend(ours);
            }
        }
    }
}

/// RFC 8839 section 4.2.5: an address that is none of the candidates was written by somebody on the way who knows no ICE.
#[test]
fn who_was_rewritten_on_the_way_is_answered_without_ice() {
    let (desk, alice, bob) = desk(Kind::Plain, Kind::Plain);
    let offered = with_crlf(LINPHONE).replace("c=IN IP4 192.0.2.31", "c=IN IP4 203.0.113.9");
    let Talk { desk, answer, .. } = talk(desk, alice, &bob, &offered);
    assert!(!answer.contains("ice") && !answer.contains("candidate"), "{answer}");
    let stream = desk.peer_at(7_078).streams[0].as_ref().expect("audio");
    assert!(stream.ice.is_none() && stream.rtp.ip().to_string() == "203.0.113.9");
}

/// RFC 5768 section 6: a phone that says at its registration that it speaks ICE is offered it by whoever calls it first, on
/// whatever shard, in whatever profile it takes; baresip with ICE is silent without it.
#[test]
fn a_phone_that_has_registered_as_one_with_ice_is_offered_it_in_its_first_call() {
    for (params, has_ice) in [(";+sip.ice", true), ("", false)] {
        let mut desk = Desk::empty();
        let mut alice = desk.register("alice", udp(ALICE), "");
        let bob = desk.register("bob", udp(BOB), params);
        let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        let offer = body(&invite);
        assert!(offer.contains("RTP/AVP "), "{offer}");
        for line in ["a=ice-lite", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:1 1 UDP "] {
            assert_eq!(offer.contains(line), has_ice, "{line} {offer}");
        }
        let sent = desk.receive(bob.flow, &reply(&invite, 488, "bobtag", "", ""));
        let again = body(requests_to(&sent, bob.flow, "INVITE").last().expect("the next profile"));
        assert!(again.contains("RTP/SAVP ") && again.contains("a=candidate:") == has_ice, "{again}");
    }
}
