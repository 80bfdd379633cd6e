//! Who has put whom on hold (RFC 3264 section 8.4, RFC 6337 section 5.3).

use super::Side;
use crate::Direction;

/// Whether a stream is on hold. To hold is not to want to receive; what is played meanwhile does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    pub by_us: bool,
    pub by_them: bool,
}

impl Hold {
    pub const fn is_on(self) -> bool {
        self.by_us || self.by_them
    }

    /// The state after one exchange. The offer tells the wish of its sender; the answer tells one only where the offer
    /// left the choice. A side that offers what already held for it wishes nothing new: somebody on hold who refreshes
    /// the session with `inactive` does not hold.
    pub(super) fn after(
        self,
        offerer: Side,
        before: Option<Direction>,
        offer: Direction,
        answer: Direction,
    ) -> Self {
        let mut hold = self;
        if before != Some(offer) {
            hold.set(offerer, !offer.receives());
        }
        if offer.sends() {
            hold.set(offerer.other(), !answer.receives());
        }
        hold
    }

    fn set(&mut self, side: Side, holds: bool) {
        match side {
            Side::Us => self.by_us = holds,
            Side::Them => self.by_them = holds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};

    const BY_US: Hold = Hold { by_us: true, by_them: false };
    const BY_THEM: Hold = Hold { by_us: false, by_them: true };
    const OFF: Hold = Hold { by_us: false, by_them: false };

    #[test]
    fn the_offerer_holds_and_resumes() {
        let held = OFF.after(Side::Us, Some(SendRecv), SendOnly, RecvOnly);
        assert_eq!(held, BY_US);
        assert_eq!(held.after(Side::Us, Some(SendOnly), SendRecv, SendRecv), OFF);
        assert_eq!(OFF.after(Side::Them, Some(SendRecv), Inactive, Inactive), BY_THEM);
    }

    /// RFC 6337 section 5.3: both may hold, and each resumes for itself.
    #[test]
    fn both_hold_and_one_resumes() {
        let both = BY_US.after(Side::Them, Some(RecvOnly), Inactive, Inactive);
        assert_eq!(both, Hold { by_us: true, by_them: true });
        // We resume: they, still holding, answer sendonly.
        assert_eq!(both.after(Side::Us, Some(Inactive), SendRecv, SendOnly), BY_THEM);
    }

    #[test]
    fn a_refresh_by_the_one_on_hold_changes_nothing() {
        assert_eq!(BY_US.after(Side::Them, Some(RecvOnly), RecvOnly, SendOnly), BY_US);
        assert_eq!(BY_US.after(Side::Them, Some(Inactive), Inactive, Inactive), BY_US);
    }

    #[test]
    fn the_answerer_holds_where_the_offer_left_the_choice() {
        assert_eq!(OFF.after(Side::Us, None, SendRecv, SendOnly), BY_THEM);
        assert_eq!(OFF.after(Side::Us, None, RecvOnly, SendOnly), OFF);
    }
}
