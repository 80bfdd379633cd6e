//! Descriptions of the shapes that phones and browsers send: read, told, written back byte for byte, and carried from
//! any of them to any kind of leg and back.

use coeur_sdp::attribute::{
    Crypto, Fingerprint, HashFunction, IceOptions, IcePassword, IceUfrag, Setup, SrtpKey, Suite,
};
use coeur_sdp::derive::{
    Leg, LegIce, LegTransport, RtcpPlace, Slot, answering_slots, choose_crypto, derive_answer, derive_offer,
    match_slots,
};
use coeur_sdp::offer_answer::{Received, Vehicle, check_answer};
use coeur_sdp::summary::{DtlsKeying, MediaKind, MediaSummary};
use coeur_sdp::{Direction, OfferAnswer, Origin, Proto, SessionDescription, Summary, parse};
use std::net::SocketAddr;

const PHONES: &[(&str, &str)] = &[
    ("chrome", include_str!("phones/chrome.sdp")),
    ("firefox", include_str!("phones/firefox.sdp")),
    ("safari", include_str!("phones/safari.sdp")),
    ("jssip_hold", include_str!("phones/jssip_hold.sdp")),
    ("linphone", include_str!("phones/linphone.sdp")),
    ("baresip_dtls", include_str!("phones/baresip_dtls.sdp")),
    ("baresip_sdes", include_str!("phones/baresip_sdes.sdp")),
    ("polycom", include_str!("phones/polycom.sdp")),
    ("yealink", include_str!("phones/yealink.sdp")),
    ("cisco", include_str!("phones/cisco.sdp")),
    ("grandstream", include_str!("phones/grandstream.sdp")),
    ("old_hold", include_str!("phones/old_hold.sdp")),
];

fn phone(name: &str) -> String {
    let (_, text) = PHONES.iter().find(|(found, _)| *found == name).expect("a phone");
    text.replace('\n', "\r\n")
}

fn summary(name: &str) -> Vec<MediaSummary> {
    let text = phone(name);
    let description = parse(text.as_bytes()).expect("a description");
    Summary::of(&description).expect("a summary").media
}

#[test]
fn every_phone_is_written_back_byte_for_byte() {
    for (name, with_lf) in PHONES {
        let text = phone(name);
        let description = parse(text.as_bytes()).expect(name);
        let mut out = Vec::new();
        description.write(&mut out);
        // The one space at the end of an m= line.
        let canonical = text.replace(" \r\na=sendrecv", "\r\na=sendrecv");
        assert_eq!(String::from_utf8_lossy(&out), canonical, "{name}");
        assert_eq!(SessionDescription::from(&description).to_bytes(), out, "{name}");
        assert_eq!(parse(with_lf.as_bytes()).as_ref(), Ok(&description), "{name} with LF alone");
        assert_eq!(parse(text.trim_end().as_bytes()).as_ref(), Ok(&description), "{name} without an end");
    }
}

#[test]
fn browsers_bundle_encrypt_and_gather() {
    for name in ["chrome", "firefox", "safari"] {
        let media = summary(name);
        for stream in &media {
            assert_eq!((stream.proto, stream.has_rtcp_mux), (Proto::UdpTlsRtpSavpf, true), "{name}");
            let dtls = stream.keying.dtls().expect(name);
            assert_eq!((dtls.setup, dtls.fingerprints[0].hash), (Some(Setup::ActPass), HashFunction::Sha256));
            let ice = stream.ice.as_ref().expect(name);
            assert!(ice.trickles() && !ice.mismatch && !ice.lite, "{name}");
            assert_eq!(stream.bundled.map(|bundled| bundled.tagged), Some(0), "{name}");
            assert_eq!(
                (stream.direction, stream.is_held_by_address, stream.is_rejected),
                (Direction::SendRecv, false, false)
            );
        }
        assert!(media[0].codecs[0].is("OPUS", 48_000), "{name}");
        assert!(media[0].audio_events.iter().any(|event| event.clock_rate == 8_000), "{name}");
    }
    let chrome = summary("chrome");
    assert_eq!(chrome[0].rtp(), "192.0.2.15:54609".parse().ok());
    assert_eq!(chrome[0].ice.as_ref().map(|ice| ice.candidates.len()), Some(4));
    let firefox = summary("firefox");
    assert!(firefox[1].bundled.is_some_and(|bundled| bundled.only) && !firefox[1].is_rejected);
    assert_eq!(summary("jssip_hold")[0].direction, Direction::SendOnly);
}

#[test]
fn phones_tell_their_keys() {
    let suites = |name| summary(name)[0].keying.sdes().iter().map(|crypto| crypto.suite).collect::<Vec<_>>();
    let usual = [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32];
    assert_eq!(suites("baresip_sdes"), usual);
    assert_eq!(suites("yealink"), usual);
    assert_eq!(suites("linphone")[2], Suite::Aes256CmHmacSha1_80);
    assert!(summary("yealink")[0].keying.allows_plain() && !summary("baresip_sdes")[0].keying.allows_plain());
    let dtls = &summary("baresip_dtls")[0];
    assert_eq!(dtls.keying.dtls().map(|dtls| dtls.fingerprints.len()), Some(1));
    assert_eq!((dtls.has_rtcp_mux, dtls.rtcp), (false, "192.0.2.40:15533".parse().ok()));
    for name in ["polycom", "cisco", "grandstream"] {
        assert_eq!(summary(name)[0].keying.keys(), None, "{name}");
    }
}

#[test]
fn desk_phones_tell_their_codecs_and_events() {
    for (name, codecs, events) in
        [("polycom", 6, 127), ("yealink", 5, 101), ("cisco", 7, 101), ("grandstream", 8, 101)]
    {
        let audio = &summary(name)[0];
        assert_eq!((audio.codecs.len(), audio.audio_events[0].payload), (codecs, events), "{name}");
        assert!(audio.rtp().is_some() && audio.ice.is_none() && audio.bundled.is_none(), "{name}");
    }
    // A static payload type without a map.
    assert!(summary("linphone")[0].codecs.iter().any(|codec| codec.is("G729", 8_000) && codec.payload == 18));
    let cisco = summary("cisco");
    assert_eq!((cisco[1].kind, cisco[2].kind), (MediaKind::Video, MediaKind::Application));
    assert!(cisco[2].is_rejected);
    let held = &summary("old_hold")[0];
    assert_eq!((held.direction, held.is_held_by_address), (Direction::SendOnly, true));
}

/// The kinds of legs of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    Sdes,
    BestEffort,
    Web,
}

const KINDS: [Kind; 4] = [Kind::Plain, Kind::Sdes, Kind::BestEffort, Kind::Web];

fn at(port: u16) -> SocketAddr {
    SocketAddr::new([203, 0, 113, 1].into(), port)
}

fn key(tag: u32, suite: Suite) -> Crypto {
    let bytes = vec![0x5a; suite.key_bytes() + suite.salt_bytes()];
    Crypto::new(tag, suite, SrtpKey::new(suite, &bytes).expect("the suite's length"))
}

fn dtls(setup: Setup) -> DtlsKeying {
    let fingerprint = Fingerprint { hash: HashFunction::Sha256, digest: vec![0x22; 32] };
    DtlsKeying { fingerprints: vec![fingerprint], setup: Some(setup), tls_id: None }
}

fn ice() -> LegIce {
    LegIce {
        ufrag: IceUfrag("ours".into()),
        password: IcePassword::new("ourpasswordourpassword").expect("a password"),
        options: IceOptions::default(),
        is_lite: true,
        candidates: Vec::new(),
        has_ended: true,
    }
}

fn offered(kind: Kind, port: u16) -> LegTransport {
    let sdes = || vec![key(1, Suite::AeadAes256Gcm), key(2, Suite::AesCm128HmacSha1_80)];
    let plain = LegTransport::plain(at(port));
    match kind {
        Kind::Plain => plain,
        Kind::Sdes => LegTransport { proto: Proto::RtpSavp, sdes: sdes(), ..plain },
        Kind::BestEffort => LegTransport { sdes: sdes(), ..plain },
        Kind::Web => LegTransport {
            proto: Proto::UdpTlsRtpSavpf,
            rtcp: RtcpPlace::Shared { otherwise: None },
            dtls: Some(dtls(Setup::ActPass)),
            ice: Some(ice()),
            ..plain
        },
    }
}

/// What answers a stream as its phone offered it.
fn answered(stream: &MediaSummary, port: u16) -> LegTransport {
    let chosen =
        choose_crypto(stream.keying.sdes(), &Suite::ALL).map(|offered| key(offered.tag, offered.suite));
    let setup = |dtls: &DtlsKeying| dtls.setup.map_or(Setup::Passive, Setup::answer);
    let dtls = stream.keying.dtls().filter(|_| chosen.is_none()).map(|offered| dtls(setup(offered)));
    LegTransport {
        sdes: chosen.into_iter().collect(),
        dtls,
        ice: Some(ice()),
        rtcp: RtcpPlace::Shared { otherwise: None },
        ..LegTransport::plain(at(port))
    }
}

fn leg(has_bundle: bool, slots: Vec<Slot>) -> Leg {
    Leg { address: at(0).ip(), has_bundle, keeps_sources: false, slots }
}

fn end(id: u64) -> OfferAnswer {
    OfferAnswer::new(Origin { username: "-".into(), session_id: id, version: 1, address: at(0).ip() })
}

/// A call from every phone to every kind of leg: the offer is taken over, answered by a phone of that kind that takes
/// everything, and the answer is one that the first phone may accept.
#[test]
fn every_phone_calls_every_kind_of_leg() {
    for (name, _) in PHONES {
        for kind in KINDS {
            call(name, kind);
        }
    }
}

fn call(name: &str, kind: Kind) {
    let text = phone(name);
    let offer = parse(text.as_bytes()).expect(name);
    let asked = Summary::of(&offer).expect(name).media;
    let mut caller = end(1);
    assert_eq!(caller.receive(Vehicle::Invite, &offer), Ok(Received::Offer { is_new: true }));

    let slots = match_slots(&offer, None, &[]);
    let stream = |(index, from): (usize, &Option<usize>)| match from {
        Some(from) => {
            Slot::Stream { from: *from, transport: Box::new(offered(kind, 4_000 + 2 * index as u16)) }
        }
        None => Slot::Refused { from: None },
    };
    let transports = slots.iter().enumerate().map(stream).collect();
    let mut callee = end(2);
    let relayed = derive_offer(&offer, None, &leg(kind == Kind::Web, transports)).expect(name);
    let relayed = callee.offer(Vehicle::Invite, relayed).expect(name);
    let other = taken_by(kind, &relayed);
    let complaints = check_answer(&relayed.view(), &other.view());
    assert_eq!(complaints, [], "{name} {kind:?}");
    callee.receive(Vehicle::InviteOk, &other.view()).expect(name);

    let back = answering_slots(&slots, offer.media.len());
    let stream = |(index, from): (usize, &Option<usize>)| match from {
        Some(from) => {
            let transport = Box::new(answered(&asked[index], 6_000 + 2 * index as u16));
            Slot::Stream { from: *from, transport }
        }
        None => Slot::Refused { from: None },
    };
    let transports = back.iter().enumerate().map(stream).collect();
    let answer = derive_answer(&offer, &other.view(), &leg(false, transports)).expect(name);
    let answer = caller.answer(Vehicle::InviteOk, answer);
    let answer = answer.unwrap_or_else(|error| panic!("{name} {kind:?}: {error}"));
    assert_nothing_leaks(&text, &relayed, &answer, name);
    for (index, stream) in Summary::of(&answer.view()).expect(name).media.iter().enumerate() {
        assert_eq!(stream.is_rejected, asked[index].is_rejected, "{name} {kind:?}");
        assert_eq!(
            stream.direction,
            if stream.is_rejected { Direction::SendRecv } else { asked[index].direction.mirrored() }
        );
    }
}

/// A phone of this kind takes everything: the same description with the keys and roles of an answer.
fn taken_by(kind: Kind, offer: &SessionDescription) -> SessionDescription {
    let mut answer = offer.clone();
    for media in answer.media.iter_mut().filter(|media| !media.view().is_rejected()) {
        let direction = offer.view().direction(0).mirrored();
        media.set_direction(direction);
        media.remove_attributes(b"crypto");
        media.remove_attributes(b"setup");
        match kind {
            Kind::Plain | Kind::BestEffort => {}
            Kind::Sdes => media.push(&key(2, Suite::AesCm128HmacSha1_80)),
            Kind::Web => media.push(&Setup::Active),
        }
    }
    answer
}

/// No address, key, candidate or credential of a phone is told to another.
fn assert_nothing_leaks(source: &str, relayed: &SessionDescription, answer: &SessionDescription, name: &str) {
    const HOPS: [&str; 6] =
        ["a=candidate", "a=crypto", "a=fingerprint", "a=ice-pwd", "a=ice-ufrag", "c=IN IP4"];
    for line in source.lines().filter(|line| HOPS.iter().any(|hop| line.starts_with(hop))) {
        for description in [relayed, answer] {
            let text = String::from_utf8(description.to_bytes()).expect("text");
            assert!(!text.lines().any(|other| other == line), "{name}: {line}");
        }
    }
}
