//! How often somebody may ask. Who is known has a share of his own; who is not has one of his address, so that tokens are not
//! guessed.

use super::problem::{Code, Problem};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Requests of one who is known, in a minute; all at once, if he likes.
pub(crate) const REQUESTS_MAX: u64 = 1_200;
/// Wrong or missing credentials from one address, in a minute.
const REFUSALS_MAX: u64 = 60;
const WINDOW_MS: u64 = 60_000;
/// Of each kind; of more those that have asked least lately are forgotten. About 100 bytes each.
const KNOWN_MAX: usize = 10_000;

#[derive(Default)]
pub(crate) struct Rates {
    requests: Buckets,
    refusals: Buckets,
}

/// What is left to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub requests: u64,
    /// Until one more is.
    pub next_s: u64,
}

impl Rates {
    pub fn asks(&self, who: &str, now_ms: u64) -> Result<Left, Problem> {
        self.requests.take(who, REQUESTS_MAX, now_ms)
    }

    /// Of who has proved nothing.
    pub fn may_try(&self, address: &str, now_ms: u64) -> Result<(), Problem> {
        self.refusals.look(address, REFUSALS_MAX, now_ms).map(drop)
    }

    pub fn was_refused(&self, address: &str, now_ms: u64) {
        // Whoever has none left is told so when he comes again.
        let _ = self.refusals.take(address, REFUSALS_MAX, now_ms);
    }
}

/// Buckets that fill evenly; each is when it will be full again (the generic cell rate algorithm).
#[derive(Default)]
struct Buckets(Mutex<BTreeMap<Box<str>, u64>>);

impl Buckets {
    fn take(&self, who: &str, most: u64, now_ms: u64) -> Result<Left, Problem> {
        let mut full = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = full.get(who).copied().unwrap_or(0).max(now_ms);
        let left = left(at, most, now_ms)?;
        if full.len() >= KNOWN_MAX && !full.contains_key(who) {
            full.retain(|_, at| *at > now_ms);
            if full.len() >= KNOWN_MAX {
                full.pop_first();
            }
        }
        full.insert(who.into(), at + WINDOW_MS / most);
        Ok(left)
    }

    fn look(&self, who: &str, most: u64, now_ms: u64) -> Result<Left, Problem> {
        let full = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left(full.get(who).copied().unwrap_or(0).max(now_ms), most, now_ms)
    }
}

/// `at`: when the bucket will be full.
fn left(at: u64, most: u64, now_ms: u64) -> Result<Left, Problem> {
    let each = WINDOW_MS / most;
    let missing = (at - now_ms).div_ceil(each);
    if missing >= most {
        let wait_s = (at - now_ms).saturating_sub(WINDOW_MS).max(each).div_ceil(1_000).max(1);
        let text = format!("{most} in a minute are enough");
        return Err(Problem { retry_after_s: Some(wait_s), ..Problem::because(Code::TooMany, text) });
    }
    Ok(Left { requests: most - missing - 1, next_s: each.div_ceil(1_000) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_asked_too_often_waits_and_nobody_else_does() {
        let rates = Rates::default();
        for n in 0..REQUESTS_MAX {
            assert_eq!(rates.asks("a", 1_000).map(|left| left.requests), Ok(REQUESTS_MAX - 1 - n));
        }
        let refused = rates.asks("a", 1_000).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_s), (Code::TooMany, Some(1)));
        assert!(rates.asks("b", 1_000).is_ok());
        assert!(rates.asks("a", 1_000 + WINDOW_MS / REQUESTS_MAX).is_ok());
        assert_eq!(rates.asks("a", 1_000 + 2 * WINDOW_MS).map(|left| left.requests), Ok(REQUESTS_MAX - 1));
    }

    #[test]
    fn an_address_that_guesses_is_not_listened_to_for_a_while() {
        let rates = Rates::default();
        for _ in 0..REFUSALS_MAX {
            assert!(rates.may_try("192.0.2.1", 0).is_ok());
            rates.was_refused("192.0.2.1", 0);
        }
        assert!(rates.may_try("192.0.2.1", 0).is_err() && rates.may_try("192.0.2.2", 0).is_ok());
        assert!(rates.may_try("192.0.2.1", 2_000).is_ok());
    }

    #[test]
    fn strangers_fill_no_memory() {
        let rates = Rates::default();
        for n in 0..KNOWN_MAX + 100 {
            rates.was_refused(&n.to_string(), 0);
        }
        assert_eq!(rates.refusals.0.lock().unwrap().len(), KNOWN_MAX);
    }
}
