//! Hold as descriptions say it (RFC 3264 section 8.4): who does not want to hear any more has put the other on hold, and the
//! other still listens.

use super::Described;
use coeur_sdp::summary::MediaKind;
use coeur_sdp::{Direction, MediaSummary};

/// Whether it wants to hear sound.
pub(in crate::call) fn hears(described: &Described<'_>) -> bool {
    described.summary.media.iter().any(|media| is_sound(media) && media.direction.receives())
}

/// Whether `by` does not hear the other, who has a stream to listen on.
pub(in crate::call) fn holds(by: &Described<'_>, other: &Described<'_>) -> bool {
    let both = by.summary.media.iter().zip(&other.summary.media);
    let mut sound = both.filter(|(by, other)| is_sound(by) && is_sound(other));
    sound.next().is_some_and(|(by, other)| !by.direction.receives() && other.direction.receives())
}

/// What is said on a stream for who is on hold on it: that something may be heard, whatever the other side says, since we
/// have music.
pub(super) fn offered(media: &MediaSummary) -> Direction {
    match media.direction {
        Direction::Inactive if is_sound(media) => Direction::SendOnly,
        direction @ (Direction::Inactive
        | Direction::SendOnly
        | Direction::RecvOnly
        | Direction::SendRecv) => direction,
    }
}

/// Whether something may be sent to the other side of who has described this.
pub(super) fn may_be_heard(described: &MediaSummary) -> bool {
    let is_hold = is_sound(described) && !described.direction.receives();
    described.direction.sends() || is_hold
}

fn is_sound(media: &MediaSummary) -> bool {
    media.kind == MediaKind::Audio && media.proto.is_rtp() && !media.is_rejected
}
