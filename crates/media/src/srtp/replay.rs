//! The replay window (RFC 3711 section 3.3.2).

use super::SrtpError;

/// The highest index and which of the `WORDS * 64` indices up to it have been seen.
#[derive(Clone)]
pub(super) struct Window<const WORDS: usize> {
    highest: Option<u64>,
    /// Bit `index % (WORDS * 64)` is set when that index has been seen.
    seen: [u64; WORDS],
}

impl<const WORDS: usize> Window<WORDS> {
    const PACKETS: u64 = WORDS as u64 * 64;

    pub(super) const fn new() -> Window<WORDS> {
        Window { highest: None, seen: [0; WORDS] }
    }

    /// A window of which only the highest index is known: all others count as seen.
    pub(super) const fn restored(highest: Option<u64>) -> Window<WORDS> {
        Window { highest, seen: [if highest.is_some() { u64::MAX } else { 0 }; WORDS] }
    }

    pub(super) const fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Whether `index` may be new. Changes nothing: the packet is not authenticated yet.
    pub(super) fn check(&self, index: u64) -> Result<(), SrtpError> {
        match self.highest {
            Some(highest) if index <= highest => {
                if highest - index >= Self::PACKETS {
                    Err(SrtpError::TooOld)
                } else if self.seen[Self::word(index)] & Self::bit(index) != 0 {
                    Err(SrtpError::Replayed)
                } else {
                    Ok(())
                }
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Marks `index` as seen and says whether it is the highest so far. The packet is authenticated and was checked.
    pub(super) fn update(&mut self, index: u64) -> bool {
        let ahead = self.highest.is_none_or(|highest| index > highest);
        if ahead {
            self.advance(index);
        }
        self.seen[Self::word(index)] |= Self::bit(index);
        ahead
    }

    /// Moves the window; what is skipped has not been seen.
    fn advance(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index - highest < Self::PACKETS => {
                for skipped in highest + 1..=index {
                    self.seen[Self::word(skipped)] &= !Self::bit(skipped);
                }
            }
            Some(_) | None => self.seen = [0; WORDS],
        }
        self.highest = Some(index);
    }

    const fn word(index: u64) -> usize {
        (index % Self::PACKETS / 64) as usize
    }

    const fn bit(index: u64) -> u64 {
        1 << (index % 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn an_index_is_new_once_and_too_old_behind_the_window() {
        let mut window = Window::<2>::new();
        for index in [1_000, 1_005, 999, 878] {
            assert_eq!(window.check(index), Ok(()), "{index}");
            window.update(index);
            assert_eq!(window.check(index), Err(SrtpError::Replayed), "{index}");
        }
        assert_eq!(window.check(877), Err(SrtpError::TooOld));
        assert_eq!(window.check(1_001), Ok(()));
        window.update(5_000);
        assert_eq!(window.check(4_999), Ok(()));
        assert_eq!(window.check(1_005), Err(SrtpError::TooOld));
    }

    #[test]
    fn a_restored_window_knows_nothing_before_its_highest_index() {
        let window = Window::<2>::restored(Some(70_000));
        assert_eq!(window.check(70_000), Err(SrtpError::Replayed));
        assert_eq!(window.check(69_950), Err(SrtpError::Replayed));
        assert_eq!(window.check(70_001), Ok(()));
        assert_eq!(Window::<2>::restored(None).check(0), Ok(()));
    }

    #[test]
    fn the_window_agrees_with_a_set_of_all_that_was_seen() {
        let mut window = Window::<8>::new();
        let mut model = BTreeSet::new();
        let (mut at, mut random) = (10_000u64, 1u64);
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            at += random >> 60;
            let index = at.saturating_sub(random >> 32 & 0x3ff);
            let highest = model.last().copied().unwrap_or(0);
            let new = !model.contains(&index) && index + 512 > highest;
            assert_eq!(window.check(index).is_ok(), new, "{index} {highest}");
            if new {
                assert_eq!(window.update(index), index > highest);
                model.insert(index);
            }
        }
    }
}
