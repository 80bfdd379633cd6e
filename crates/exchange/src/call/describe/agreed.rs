//! What has been agreed on a leg, for the media plane: from what we announced there and what its peer did.

use super::{Described, formats, held, keys, payloads};
use crate::call::leg::Leg;
use crate::event::{LegProtection, Protection};
use crate::media::{
    Candidate, DtlsRole, Fingerprint, Format, Ice, IceCredentials, IcePassword, Keying, Pair, Peer, Stream,
};
use coeur_directory::Dtmf;
use coeur_sdp::MediaSummary;
use coeur_sdp::attribute::{CandidateTransport, Setup};
use coeur_sdp::summary::{self, DtlsKeying, IceSummary, OwnedCodec};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What has been agreed with the peer of `leg`: its own description, ours, and the other side's for what it may hear and
/// say.
pub(in crate::call) fn peer(leg: &Leg, own: &Described<'_>, other: &Described<'_>) -> Peer {
    let ours = leg.session.local.read();
    let stream = |index: usize| {
        let (mine, theirs) = (own.summary.media.get(index)?, other.summary.media.get(index)?);
        let ours = ours.as_ref()?.summary.media.get(index)?;
        leg.media.addresses.get(index)?.as_ref()?;
        let all_taken = [mine, theirs, ours].iter().all(|media| !media.is_rejected);
        if !all_taken {
            return None;
        }
        stream(leg, own, &Sides { ours, mine, theirs })
    };
    // Another shard has its ports where it says.
    let signalled_from = if leg.end.flow.is_inside() { Ipv4Addr::LOCALHOST.into() } else { leg.near() };
    Peer { signalled_from, streams: (0..own.summary.media.len()).map(stream).collect() }
}

/// Whether each stream that it takes has keys that fit ours.
pub(super) fn is_answer(leg: &Leg, answer: &Described<'_>) -> bool {
    let Some(ours) = leg.session.local.read() else { return true };
    let both = ours.summary.media.iter().zip(&answer.summary.media);
    let taken = |(ours, answer): &(&MediaSummary, &MediaSummary)| !ours.is_rejected && !answer.is_rejected;
    both.filter(taken).all(|(ours, answer)| keying(ours, answer).is_some())
}

/// One stream as it was described.
struct Sides<'s> {
    /// By us to the peer of the leg.
    ours: &'s MediaSummary,
    /// By that peer.
    mine: &'s MediaSummary,
    /// By the other side of the call.
    theirs: &'s MediaSummary,
}

/// `None`: the keys of the two do not fit, and so nothing of it is to be heard.
fn stream(leg: &Leg, own: &Described<'_>, sides: &Sides<'_>) -> Option<Stream> {
    let Sides { ours, mine, theirs } = sides;
    let keying = match keying(ours, mine)? {
        Keying::Dtls { .. } if leg.end_to_end => Keying::EndToEnd,
        other => other,
    };
    // In a bundle all is received where its first stream is (RFC 9143 section 7.3).
    let bundle = ours.bundled.and(mine.bundled).and_then(|bundled| own.summary.media.get(bundled.tagged));
    let at = |address: Option<SocketAddr>| {
        // A name is not looked up: media is near its signalling until it is heard. So it is where an address is none.
        let ip = address.map(|address| address.ip()).filter(is_one_place);
        SocketAddr::new(ip.unwrap_or(leg.near()), address.map_or(mine.port, |address| address.port()))
    };
    let rtp = at(bundle.unwrap_or(mine).rtp());
    let rtcp_mux = ours.has_rtcp_mux && mine.has_rtcp_mux;
    Some(Stream {
        rtp,
        rtcp: if rtcp_mux { rtp } else { mine.rtcp.map_or(rtp, |rtcp| at(Some(rtcp))) },
        rtcp_mux,
        we_send: mine.direction.receives() && held::may_be_heard(theirs),
        we_receive: mine.direction.sends() && theirs.direction.receives(),
        keying,
        ice: ice(ours.ice.as_ref(), mine.ice.as_ref(), leg.wire),
        formats: mine.codecs.iter().map(format).collect(),
        // No header extension passes from leg to leg, that of RFC 9143 section 15 neither.
        mid: None,
    })
}

/// Nothing is sent to where many hear it: who describes a stream would choose the victims.
fn is_one_place(ip: &IpAddr) -> bool {
    !ip.is_unspecified() && !is_shared(ip)
}

/// Multicast, and the broadcast of a network.
pub(super) fn is_shared(ip: &IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    }
}

fn format(codec: &OwnedCodec) -> Format {
    Format {
        payload: codec.payload,
        name: codec.name.as_bytes().into(),
        clock_rate: codec.clock_rate,
        channels: codec.parameters.as_deref().and_then(|channels| channels.parse().ok()).unwrap_or(1),
        fmtp: codec.fmtp.as_ref().map(|fmtp| fmtp.as_bytes().into()),
    }
}

/// The one manner that both have. `None`: there is none, or it is not clear which.
fn keying(ours: &MediaSummary, mine: &MediaSummary) -> Option<Keying> {
    if let Some((our, their)) = keys::agreed(ours.keying.sdes(), mine.keying.sdes()) {
        return Some(Keying::Sdes { send: keys::key_of(our)?, receive: keys::key_of(their)? });
    }
    if let (Some(our), Some(their)) = (ours.keying.dtls(), mine.keying.dtls()) {
        return Some(Keying::Dtls {
            role: role(our.setup, their.setup)?,
            fingerprints: fingerprints(their)?,
        });
    }
    let is_plain = |keying: &summary::Keying| keying.allows_plain();
    let has_both = !ours.keying.sdes().is_empty() && !mine.keying.sdes().is_empty();
    (is_plain(&ours.keying) && is_plain(&mine.keying) && !has_both).then_some(Keying::Plain)
}

/// Who begins the handshake (RFC 4145 section 4, RFC 8842 section 5.3). What is not said is active in an offer; an answer
/// that does not say is taken as the client, as RFC 5763 section 5 prefers.
pub(super) fn role(ours: Option<Setup>, theirs: Option<Setup>) -> Option<DtlsRole> {
    match (ours?, theirs) {
        (Setup::Active, Some(Setup::ActPass | Setup::Passive)) => Some(DtlsRole::Client),
        (Setup::Passive, Some(Setup::ActPass | Setup::Active) | None) => Some(DtlsRole::Server),
        (Setup::ActPass, Some(Setup::Passive)) => Some(DtlsRole::Client),
        (Setup::ActPass, Some(Setup::Active) | None) => Some(DtlsRole::Server),
        (Setup::Active, Some(Setup::Active | Setup::HoldConn) | None)
        | (Setup::Passive, Some(Setup::Passive | Setup::HoldConn))
        | (Setup::ActPass, Some(Setup::ActPass | Setup::HoldConn))
        | (Setup::HoldConn, _) => None,
    }
}

/// Those that no second certificate can be made for.
fn fingerprints(dtls: &DtlsKeying) -> Option<Box<[Fingerprint]>> {
    let strong = dtls.fingerprints.iter().filter(|found| !found.hash.is_weak());
    let fingerprint = |found: &coeur_sdp::attribute::Fingerprint| Fingerprint {
        hash: found.hash.as_str().into(),
        bytes: found.digest.clone().into(),
    };
    let found: Box<[Fingerprint]> = strong.map(fingerprint).collect();
    (!found.is_empty()).then_some(found)
}

fn ice(ours: Option<&IceSummary>, theirs: Option<&IceSummary>, wire: bool) -> Option<Box<Ice>> {
    let (ours, theirs) = (ours?, theirs?);
    let credentials = |ice: &IceSummary| IceCredentials {
        ufrag: ice.ufrag.0.as_str().into(),
        password: IcePassword(ice.password.expose().into()),
    };
    let candidate = |candidate: &coeur_sdp::attribute::Candidate| {
        // A name stands for an address that is to stay unknown; it shows itself with its first check.
        let is_udp = candidate.transport == CandidateTransport::Udp;
        Some(Candidate {
            component: u8::try_from(candidate.component).ok()?,
            priority: candidate.priority,
            address: SocketAddr::new(candidate.ip().filter(|ip| is_udp && is_one_place(ip))?, candidate.port),
            foundation: candidate.foundation.as_str().into(),
        })
    };
    Some(Box::new(Ice {
        ours: credentials(ours),
        theirs: credentials(theirs),
        their_lite: theirs.lite,
        // We are lite: who makes checks is controlling (RFC 8445 section 6.1.1).
        controlling: theirs.lite && !wire,
        wire,
        // Who makes no checks needs none.
        candidates: theirs.candidates.iter().filter(|_| !wire).filter_map(candidate).collect(),
    }))
}

/// Streams that both have taken. `m=` lines keep their places on both legs, so an index is the same stream. What has no
/// format in common is converted.
pub(in crate::call) fn pairs(a: &Peer, b: &Peer, legs: [(&Leg, &Described<'_>); 2]) -> Box<[Pair]> {
    let ours = legs.map(|(leg, _)| leg.session.local.read());
    let conversion = |index: usize| {
        let agreed = |at: usize| {
            let said = legs[at].1.summary.media.get(index)?;
            let ours = ours[at].as_ref()?.summary.media.get(index)?;
            let keys = &legs[at].0.keys;
            let is_inband = keys.manner() == Dtmf::Inband;
            Some(formats::Agreed { said, ours, takes_keys: keys.are_taken(), is_inband })
        };
        formats::conversion(&agreed(0)?, &agreed(1)?)
    };
    let pair = |index: usize| {
        let (of_a, of_b) = (a.streams[index].as_ref()?, b.streams.get(index)?.as_ref()?);
        let names = payloads::matching(&codecs(of_a), &codecs(of_b));
        let payloads = names.into_iter().filter(|(of_a, of_b)| of_a != of_b).collect();
        Some(Pair { a: index as u8, b: index as u8, payloads, conversion: conversion(index) })
    };
    (0..a.streams.len()).filter_map(pair).collect()
}

fn codecs(stream: &Stream) -> Vec<OwnedCodec> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let codec = |format: &Format| OwnedCodec {
        payload: format.payload,
        name: text(&format.name),
        clock_rate: format.clock_rate,
        parameters: (format.channels != 1).then(|| format.channels.to_string()),
        fmtp: format.fmtp.as_deref().map(text),
    };
    stream.formats.iter().map(codec).collect()
}

/// How the media of both is protected. `None`: there is none.
pub(in crate::call) fn protection(caller: &Peer, callee: &Peer) -> Option<Protection> {
    Some(Protection { caller: weakest(caller)?, callee: weakest(callee)? })
}

/// What the least protected stream has.
fn weakest(peer: &Peer) -> Option<LegProtection> {
    let of = |stream: &Stream| match stream.keying {
        Keying::Plain => LegProtection::Clear,
        Keying::Sdes { .. } => LegProtection::Sdes,
        Keying::Dtls { .. } => LegProtection::Dtls,
        Keying::EndToEnd => LegProtection::EndToEnd,
    };
    peer.streams.iter().flatten().map(of).min()
}
