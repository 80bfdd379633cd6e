//! A bounded rate, so that an attacker cannot fill the log.

use std::time::{Duration, Instant};

/// At most `burst` at once and `burst` per `every`; counts what it refused.
pub struct Rate {
    burst: u32,
    every: Duration,
    left: u32,
    since: Option<Instant>,
    refused: u64,
}

impl Rate {
    pub fn new(burst: u32, every: Duration) -> Self {
        Self { burst, every, left: burst, since: None, refused: 0 }
    }

    /// `Some(n)`: allowed, and `n` were refused since the last one that was allowed.
    pub fn allow(&mut self, now: Instant) -> Option<u64> {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= self.every {
            self.since = Some(now);
            self.left = self.burst;
        }
        if self.left == 0 {
            self.refused += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exceeds_the_rate_is_counted_and_told_later() {
        let mut rate = Rate::new(2, Duration::from_secs(1));
        let now = Instant::now();
        let answers: Vec<_> = (0..4).map(|_| rate.allow(now)).collect();
        assert_eq!(answers, [Some(0), Some(0), None, None]);
        assert_eq!(rate.allow(now + Duration::from_secs(1)), Some(2));
    }
}
