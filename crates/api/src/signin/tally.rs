//! What is counted of how people sign in. Each name is a row in `docs/metrics.md`.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
pub(super) struct Tally {
    pub(super) signed_in: Count,
    pub(super) failed: Count,
    /// Sent away to wait: too many failures of a source or for a login.
    pub(super) slowed: Count,
    /// Sent away since too many signed in at the same time.
    pub(super) busy: Count,
    pub(super) token_refused: Count,
    /// A request with the cookie of a session and without what only our own page knows.
    pub(super) forged: Count,
}

#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// As they are now, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignInCounters {
    pub signed_in: u64,
    pub failed: u64,
    pub slowed: u64,
    pub busy: u64,
    pub token_refused: u64,
    pub forged: u64,
    /// Sessions that are open.
    pub sessions: u64,
}

impl Tally {
    pub(super) fn counters(&self, sessions: usize) -> SignInCounters {
        SignInCounters {
            signed_in: self.signed_in.value(),
            failed: self.failed.value(),
            slowed: self.slowed.value(),
            busy: self.busy.value(),
            token_refused: self.token_refused.value(),
            forged: self.forged.value(),
            sessions: sessions as u64,
        }
    }
}
