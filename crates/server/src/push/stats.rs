//! What became of wakings.

use coeur_exchange::push::Provider;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// The destination is none any more.
    Gone,
    Refused,
    Failed,
    /// Asked once more; counted beside what became of it.
    Repeated,
    /// Too many waited.
    Dropped,
}

impl Outcome {
    pub const ALL: [Self; 6] =
        [Self::Delivered, Self::Gone, Self::Refused, Self::Failed, Self::Repeated, Self::Dropped];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Gone => "gone",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Repeated => "repeated",
            Self::Dropped => "dropped",
        }
    }
}

#[derive(Default)]
pub struct Stats([[AtomicU64; Outcome::ALL.len()]; Provider::ALL.len()]);

impl Stats {
    pub(super) fn count(&self, provider: Provider, outcome: Outcome) {
        self.0[provider as usize][outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn of(&self, provider: Provider, outcome: Outcome) -> u64 {
        self.0[provider as usize][outcome as usize].load(Ordering::Relaxed)
    }
}
