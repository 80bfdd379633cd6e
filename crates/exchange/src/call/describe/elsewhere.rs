//! Descriptions of ours that name the ports of the other phone (decision 0021).

use crate::call::leg::Leg;
use crate::media::StreamAddress;
use coeur_sdp::MediaSummary;

/// Where media goes by what we have said last on a leg, by `m=` line, when that is not to us.
pub(in crate::call) fn elsewhere(leg: &Leg) -> Option<Box<[Option<StreamAddress>]>> {
    // It is asked of every leg that is restored, and nearly all name a port of ours.
    let first = leg.media.addresses.iter().flatten().next()?;
    let ours = format!(" {} RTP/", first.rtp.port());
    if memchr::memmem::find(leg.session.local.bytes(), ours.as_bytes()).is_some() {
        return None;
    }
    let said = leg.session.local.read()?;
    let mut both = said.summary.media.iter().zip(&leg.media.addresses);
    let is_plain = |media: &MediaSummary| media.keying.allows_plain() && media.ice.is_none();
    let is_named = |(media, ours): (&MediaSummary, &Option<StreamAddress>)| {
        let ours = ours.as_ref().filter(|_| !media.is_rejected && is_plain(media));
        ours.zip(media.rtp()).is_some_and(|(ours, said)| ours.rtp != said)
    };
    if !both.any(is_named) {
        return None;
    }
    let address = |media: &MediaSummary| {
        let rtp = media.rtp().filter(|_| !media.is_rejected)?;
        Some(StreamAddress { rtp, rtcp: media.rtcp.unwrap_or(rtp), others: Box::default() })
    };
    Some(said.summary.media.iter().map(address).collect())
}
