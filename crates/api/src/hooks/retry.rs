//! What becomes of a delivery that was tried: only 2xx says that it was taken, 410 that nothing more is wanted, and everything
//! else, a redirection too, is tried again after the times that Standard Webhooks recommends.

use super::Sent;

/// After the first try, which is at once. Together about three days.
const AGAIN_AFTER_S: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Each time is longer by up to so much, so that those that failed together do not come back together.
const JITTER_PERCENT: u64 = 10;
/// A place that asks for more patience than that is given so much.
const PATIENCE_S_MAX: u64 = 86_400;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Delivered,
    /// The place wants nothing more.
    Gone,
    Again {
        at_ms: u64,
    },
    GivenUp,
}

/// `attempts`: how often it was tried, this one included. `chance`: any number.
pub(super) fn judge(sent: &Sent, attempts: u16, now_ms: u64, chance: u64) -> Verdict {
    let asked_s = match sent {
        Sent::Answered { status: 200..=299, .. } => return Verdict::Delivered,
        Sent::Answered { status: 410, .. } => return Verdict::Gone,
        Sent::Answered { retry_after_s, .. } => retry_after_s.unwrap_or_default(),
        Sent::Failed(_) => 0,
    };
    let Some(after_s) = AGAIN_AFTER_S.get(usize::from(attempts).saturating_sub(1)) else {
        return Verdict::GivenUp;
    };
    let after_ms = asked_s.clamp(*after_s, PATIENCE_S_MAX) * 1_000;
    let more_ms = chance % (after_ms * JITTER_PERCENT / 100 + 1);
    Verdict::Again { at_ms: now_ms + after_ms + more_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, retry_after_s: Option<u64>) -> Sent {
        Sent::Answered { status, retry_after_s, text: String::new() }
    }

    #[test]
    fn only_2xx_is_success_410_ends_it_and_a_redirection_is_a_failure() {
        for (status, expected) in [
            (200, Verdict::Delivered),
            (204, Verdict::Delivered),
            (299, Verdict::Delivered),
            (410, Verdict::Gone),
            (301, Verdict::Again { at_ms: 6_000 }),
            (307, Verdict::Again { at_ms: 6_000 }),
            (404, Verdict::Again { at_ms: 6_000 }),
            (500, Verdict::Again { at_ms: 6_000 }),
        ] {
            assert_eq!(judge(&said(status, None), 1, 1_000, 0), expected, "{status}");
        }
        assert_eq!(judge(&Sent::Failed("closed".into()), 1, 1_000, 0), Verdict::Again { at_ms: 6_000 });
    }

    #[test]
    fn it_is_tried_ten_times_over_three_days_each_with_a_little_chance() {
        let (mut now_ms, mut gaps_s) = (0, Vec::new());
        for attempts in 1.. {
            match judge(&said(500, None), attempts, now_ms, 0) {
                Verdict::Again { at_ms } => {
                    gaps_s.push((at_ms - now_ms) / 1_000);
                    now_ms = at_ms;
                }
                Verdict::GivenUp => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(gaps_s, AGAIN_AFTER_S);
        assert!((3 * 86_400_000..4 * 86_400_000).contains(&now_ms), "{now_ms}");
        for chance in [0, 1, 7_777, u64::MAX] {
            let Verdict::Again { at_ms } = judge(&said(500, None), 2, 0, chance) else { panic!("given up") };
            assert!((300_000..=330_000).contains(&at_ms), "{at_ms}");
        }
    }

    #[test]
    fn a_place_that_asks_for_patience_is_given_it_but_not_for_ever_nor_less_than_is_usual() {
        for (asked_s, waited_s) in [(1, 5), (60, 60), (u64::MAX, 86_400)] {
            let verdict = judge(&said(503, Some(asked_s)), 1, 0, 0);
            assert_eq!(verdict, Verdict::Again { at_ms: waited_s * 1_000 }, "{asked_s}");
        }
    }
}
