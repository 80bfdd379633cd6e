//! Which ports a description needs on a leg.

use super::Described;
use crate::call::leg::{Leg, Stage};
use crate::media::{OpenStream, StreamKind};
use coeur_sdp::{Media, MediaSummary};

/// The ports that a leg needs for these streams. `is_peers`: the description is that of the leg's own peer, whose word
/// on rtcp-mux (RFC 5761 section 5.1.1) and bundles (RFC 9143) counts; else streams that are open stay as they are, and
/// new ones are as the leg speaks.
pub(in crate::call) fn streams(leg: &Leg, described: &Described<'_>, is_peers: bool) -> Box<[OpenStream]> {
    let lines = described.lines();
    let medias = lines.media.iter().zip(&described.summary.media);
    let mut first = None;
    let stream = |(index, (media, summary)): (usize, (&Media<'_>, &MediaSummary))| {
        let kind = kind_of(media, summary);
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
    medias.enumerate().map(stream).collect()
}

/// True when these need nothing that is not open already.
pub(in crate::call) fn are_open(leg: &Leg, wanted: &[OpenStream]) -> bool {
    let is_open = |(index, stream): (usize, &OpenStream)| {
        stream.kind == StreamKind::None || leg.media.addresses.get(index).is_some_and(Option::is_some)
    };
    leg.media.stage == Stage::Open && wanted.iter().enumerate().all(is_open)
}

fn kind_of(media: &Media<'_>, summary: &MediaSummary) -> StreamKind {
    let is_rtp = summary.proto.is_rtp();
    let begins = |name: &[u8]| media.proto.get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name));
    // Data channels (RFC 8841) would need our own SCTP: their DTLS ends here.
    let is_datagrams = is_rtp || begins(b"udp") && !begins(b"udp/dtls");
    match media.kind {
        _ if summary.is_rejected || !is_datagrams => StreamKind::None,
        b"audio" if is_rtp => StreamKind::Audio,
        b"video" if is_rtp => StreamKind::Video,
        _ => StreamKind::Other,
    }
}
