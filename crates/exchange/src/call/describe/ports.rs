//! Which ports a description needs on a leg.

use super::Described;
use crate::call::leg::{Leg, Stage};
use crate::media::{OpenStream, StreamKind};
use coeur_sdp::MediaSummary;
use coeur_sdp::summary::MediaKind;
use std::cell::LazyCell;

/// The ports that a leg needs for these streams. `is_peers`: the description is that of the leg's own peer, whose word
/// on rtcp-mux (RFC 5761 section 5.1.1) and bundles (RFC 9143) counts; else streams that are open stay as they are, and
/// new ones are as the leg speaks.
pub(in crate::call) fn streams(leg: &Leg, described: &Described<'_>, is_peers: bool) -> Box<[OpenStream]> {
    // Only streams that are not of RTP are told by the words of their `m=` line.
    let lines = LazyCell::new(|| described.lines());
    let mut first = None;
    let stream = |(index, summary): (usize, &MediaSummary)| {
        let kind = kind_of(summary, || lines.media[index].proto);
        let opened = leg.media.addresses.get(index).is_some_and(Option::is_some);
        let before = leg.media.streams.get(index).filter(|_| opened && !is_peers);
        let is_rtp = summary.proto.is_rtp();
        let (rtcp_mux, bundled_with) = match before {
            Some(before) => (before.rtcp_mux, before.bundled_with),
            None if !is_rtp || kind == StreamKind::None => (false, None),
            None if is_peers => {
                // With SDES each stream has keys of its own, and so a port.
                let may = summary.has_rtcp_mux && summary.keying.sdes().is_empty();
                let tagged = summary.bundled.map(|bundled| bundled.tagged).filter(|tagged| *tagged < index);
                (summary.has_rtcp_mux, tagged.filter(|_| may).map(|tagged| tagged as u8))
            }
            None => {
                (leg.profile.bundle, first.filter(|_| leg.profile.bundle).map(|first: usize| first as u8))
            }
        };
        if is_rtp && kind != StreamKind::None {
            first = first.or(Some(index));
        }
        OpenStream { kind, rtcp_mux, bundled_with }
    };
    described.summary.media.iter().enumerate().map(stream).collect()
}

/// True when these need nothing that is not open already.
pub(in crate::call) fn are_open(leg: &Leg, wanted: &[OpenStream]) -> bool {
    let is_open = |(index, stream): (usize, &OpenStream)| {
        stream.kind == StreamKind::None || leg.media.addresses.get(index).is_some_and(Option::is_some)
    };
    leg.media.stage == Stage::Open && wanted.iter().enumerate().all(is_open)
}

/// `proto`: as written.
fn kind_of<'d>(summary: &MediaSummary, proto: impl FnOnce() -> &'d [u8]) -> StreamKind {
    let is_rtp = summary.proto.is_rtp();
    if summary.is_rejected || !is_rtp && !is_datagrams(proto()) {
        return StreamKind::None;
    }
    match summary.kind {
        MediaKind::Audio if is_rtp => StreamKind::Audio,
        MediaKind::Video if is_rtp => StreamKind::Video,
        MediaKind::Audio
        | MediaKind::Video
        | MediaKind::Text
        | MediaKind::Application
        | MediaKind::Message
        | MediaKind::Image
        | MediaKind::Other => StreamKind::Other,
    }
}

/// Data channels (RFC 8841) would need our own SCTP: their DTLS ends here.
fn is_datagrams(proto: &[u8]) -> bool {
    let begins = |name: &[u8]| proto.get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name));
    begins(b"udp") && !begins(b"udp/dtls")
}
