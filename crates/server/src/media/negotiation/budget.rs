//! So many in a second, and no more.

use coeur_sip::time::Monotonic;

/// A second's worth at once, and one more each time its share of a second has passed.
pub(super) struct Budget {
    a_second: u32,
    left: u32,
    at: Monotonic,
}

impl Budget {
    pub(super) fn new(a_second: u32, now: Monotonic) -> Self {
        Self { a_second, left: a_second, at: now }
    }

    pub(super) fn take(&mut self, now: Monotonic) -> bool {
        let more = now.since(self.at).as_micros() * u128::from(self.a_second) / 1_000_000;
        if more > 0 {
            self.left = self.a_second.min(self.left.saturating_add(more.min(u128::from(u32::MAX)) as u32));
            self.at = now;
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_and_the_next_as_many_again() {
        let mut budget = Budget::new(10, Monotonic::from_secs(1));
        let mut taken = |at| (0..100).filter(|_| budget.take(Monotonic::from_millis(at))).count();
        assert_eq!((taken(1_000), taken(1_050), taken(1_300), taken(9_000)), (10, 0, 3, 10));
    }
}
