//! Calls whose keys the two devices have between themselves (decision 0020): each is told the certificate of the other, and
//! what they protect passes unread. All else of a leg stays ours: addresses, ICE, the `o=` line.

use super::profile::Profile;
use super::{Described, keys};
use crate::call::leg::Leg;
use coeur_sdp::MediaSummary;

/// Whether who has described this can: each of its streams is one of a browser.
pub(in crate::call) fn may_be_end_to_end(described: &Described<'_>) -> bool {
    let is_web = |media: &MediaSummary| {
        let has_dtls = media.keying.keys().is_some_and(keys::has_dtls);
        has_dtls && media.proto.is_rtp() && Profile::of_media(media).is_web() && media.has_rtcp_mux
    };
    let mut taken = described.summary.media.iter().filter(|media| !media.is_rejected).peekable();
    taken.peek().is_some() && taken.all(is_web)
}

/// Whether the numbers of payload types are the same in both: one that is authenticated cannot be changed.
pub(in crate::call) fn has_same_numbers(one: &Described<'_>, other: &Described<'_>) -> bool {
    let numbers = |media: &MediaSummary| media.codecs.iter().map(|codec| codec.payload).collect::<Vec<_>>();
    one.summary.media.len() == other.summary.media.len()
        && one
            .summary
            .media
            .iter()
            .zip(&other.summary.media)
            .all(|(one, other)| numbers(one) == numbers(other))
}

/// Whether what we have said last on a leg has a certificate that is not ours.
pub(in crate::call) fn is_end_to_end(leg: &Leg) -> bool {
    let Some(ours) = leg.media.fingerprint.as_ref() else { return false };
    let Some(said) = leg.session.local.read() else { return false };
    let dtls = said.summary.media.iter().filter_map(|media| media.keying.dtls());
    let mut fingerprints = dtls.flat_map(|dtls| dtls.fingerprints.iter());
    fingerprints.any(|found| *found.digest != *ours.bytes)
}
