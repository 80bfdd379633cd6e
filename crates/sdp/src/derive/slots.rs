//! Which `m=` line of one leg stands for which of the other.

use crate::Description;

/// For an offer to be derived from `source`: for each `m=` line of the leg, the one of `source` that it stands for.
///
/// `before` is the last description of the leg: its lines keep their places (RFC 3264 section 8). A stream stays where
/// it was (`stands_for`, what this function gave the last time); a new one takes a slot that is switched off
/// (section 8.1), else a new slot at the end. What no longer has a source is `None`, to be refused.
pub fn match_slots(
    source: &Description<'_>,
    before: Option<&Description<'_>>,
    stands_for: &[Option<usize>],
) -> Vec<Option<usize>> {
    let before = before.map_or(&[][..], |before| &before.media);
    let exists = |from: &usize| *from < source.media.len();
    let mut slots: Vec<Option<usize>> = vec![None; before.len()];
    let mut placed = vec![false; source.media.len()];
    for (slot, from) in slots.iter_mut().zip(stands_for) {
        let from = from.filter(exists).filter(|from| !placed[*from]);
        if let Some(from) = from {
            placed[from] = true;
            *slot = Some(from);
        }
    }
    for (from, media) in source.media.iter().enumerate().filter(|(from, _)| !placed[*from]) {
        let is_free = |at: usize| slots[at].is_none();
        let same_kind = |at: &usize| is_free(*at) && before[*at].kind == media.kind;
        let switched_off = |at: &usize| is_free(*at) && before[*at].is_rejected();
        let free = (0..before.len()).find(same_kind).or_else(|| (0..before.len()).find(switched_off));
        match free {
            Some(at) => slots[at] = Some(from),
            // A stream that the source itself refuses needs no new place.
            None if media.is_rejected() && !before.is_empty() => {}
            None => slots.push(Some(from)),
        }
    }
    slots
}

/// The other way round, for the answer: for each of the `count` `m=` lines of the leg that offered, the `m=` line of the
/// other leg that stands for it.
pub fn answering_slots(slots: &[Option<usize>], count: usize) -> Vec<Option<usize>> {
    (0..count).map(|from| slots.iter().position(|slot| *slot == Some(from))).collect()
}
