//! What was heard of what was said.

use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub packets_sent: u32,
    pub packets_heard: u32,
    pub packets_lost: u32,
    /// Packets that came with another content than ours.
    pub packets_foreign: u32,
    /// There and back, microseconds.
    pub delay_min_us: u64,
    pub delay_median_us: u64,
    pub delay_p95_us: u64,
    /// RFC 3550 section 6.4.1, of the way there and back, microseconds.
    pub jitter_us: u64,
}

impl Report {
    /// `delays`: of each packet heard, in the order of hearing.
    pub fn new(packets_sent: u32, packets_foreign: u32, delays: &[Duration]) -> Report {
        let mut sorted: Vec<u64> = delays.iter().map(|delay| delay.as_micros() as u64).collect();
        let jitter = delays.windows(2).fold(0f64, |jitter, pair| {
            let difference = pair[1].abs_diff(pair[0]).as_micros() as f64;
            jitter + (difference - jitter) / 16.0
        });
        sorted.sort_unstable();
        let rank =
            |percent: usize| sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0);
        let packets_heard = delays.len() as u32;
        Report {
            packets_sent,
            packets_heard,
            packets_lost: packets_sent.saturating_sub(packets_heard),
            packets_foreign,
            delay_min_us: rank(0),
            delay_median_us: rank(50),
            delay_p95_us: rank(95),
            jitter_us: jitter as u64,
        }
    }

    pub fn loss_percent(&self) -> f64 {
        100.0 * f64::from(self.packets_lost) / f64::from(self.packets_sent.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_ranked_and_loss_is_counted() {
        let delays: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let report = Report::new(125, 0, &delays);
        assert_eq!(
            (report.delay_min_us, report.delay_median_us, report.delay_p95_us),
            (1_000, 50_000, 95_000)
        );
        assert_eq!((report.packets_lost, report.loss_percent()), (25, 20.0));
        assert!((950..=1_000).contains(&report.jitter_us), "{}", report.jitter_us);
    }

    #[test]
    fn silence_is_total_loss() {
        let report = Report::new(10, 0, &[]);
        assert_eq!((report.packets_lost, report.delay_p95_us), (10, 0));
    }
}
