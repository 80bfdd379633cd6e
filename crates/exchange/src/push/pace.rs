//! How often one device is woken. Somebody who calls again and again, or ten who call at once, wake it once; and no service that
//! wakes phones has reason to shut us out.
//!
//! Calls are counted for themselves: texts and refreshes use up nothing that a call needs, and a waking for one of them, which a
//! service may deliver late, is not taken for that of a call.

use super::Reason;
use crate::bindings::BindingId;
use coeur_sip::time::Monotonic;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::time::Duration;

/// Devices that were woken within the last minute; the waking of more is refused. About 80 bytes each: 8 MB.
const DEVICES_MAX: usize = 100_000;
const MINUTE: Duration = Duration::from_secs(60);
/// A waking that is not older is still on its way.
const UNDER_WAY: Duration = Duration::from_secs(3);

/// Of all shards. Locked once for each waking.
#[derive(Default)]
pub struct Pace(Mutex<HashMap<BindingId, Woken>>);

/// How often, for calls and for all else.
#[derive(Default)]
struct Woken {
    calls: Tally,
    others: Tally,
}

#[derive(Default)]
struct Tally {
    since: Monotonic,
    count: u16,
    last: Monotonic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    Now,
    /// It was woken a moment ago.
    UnderWay,
    TooOften,
}

impl Pace {
    pub fn wakes(&self, binding: BindingId, reason: Reason, now: Monotonic, per_minute_max: u16) -> Pacing {
        let mut woken = self.0.lock();
        if woken.len() >= DEVICES_MAX && !woken.contains_key(&binding) {
            woken.retain(|_, woken| !woken.is_over(now));
            if woken.len() >= DEVICES_MAX {
                return Pacing::TooOften;
            }
        }
        let woken = woken.entry(binding).or_default();
        match reason {
            Reason::Call => woken.calls.wakes(now, per_minute_max),
            // Who was woken for a call will hear of all else too.
            Reason::Message | Reason::Refresh if woken.calls.is_under_way(now) => Pacing::UnderWay,
            Reason::Message | Reason::Refresh => woken.others.wakes(now, per_minute_max),
        }
    }
}

impl Woken {
    fn is_over(&self, now: Monotonic) -> bool {
        self.calls.is_over(now) && self.others.is_over(now)
    }
}

impl Tally {
    /// Nothing was counted within the last minute.
    fn is_over(&self, now: Monotonic) -> bool {
        self.count == 0 || (self.since + MINUTE).is_due(now)
    }

    fn is_under_way(&self, now: Monotonic) -> bool {
        self.count > 0 && !(self.last + UNDER_WAY).is_due(now)
    }

    fn wakes(&mut self, now: Monotonic, per_minute_max: u16) -> Pacing {
        if self.is_over(now) {
            *self = Self { since: now, count: 1, last: now };
            return Pacing::Now;
        }
        if self.is_under_way(now) {
            return Pacing::UnderWay;
        }
        if self.count >= per_minute_max {
            return Pacing::TooOften;
        }
        self.count += 1;
        self.last = now;
        Pacing::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_woken_once_at_a_time_and_so_often_in_a_minute() {
        let pace = Pace::default();
        let at = |second| pace.wakes(BindingId(1), Reason::Call, Monotonic::from_secs(second), 3);
        assert_eq!([at(100), at(101), at(102)], [Pacing::Now, Pacing::UnderWay, Pacing::UnderWay]);
        assert_eq!([at(103), at(110), at(120)], [Pacing::Now, Pacing::Now, Pacing::TooOften]);
        assert_eq!(
            pace.wakes(BindingId(2), Reason::Call, Monotonic::from_secs(120), 3),
            Pacing::Now,
            "another device"
        );
        assert_eq!(at(160), Pacing::Now, "another minute");
    }

    #[test]
    fn texts_and_refreshes_use_up_nothing_of_calls_and_wait_for_one_that_is_under_way() {
        let pace = Pace::default();
        let at = |reason, second| pace.wakes(BindingId(1), reason, Monotonic::from_secs(second), 1);
        assert_eq!([at(Reason::Message, 1), at(Reason::Refresh, 5)], [Pacing::Now, Pacing::TooOften]);
        assert_eq!(at(Reason::Call, 5), Pacing::Now, "the minute of texts is not that of calls");
        assert_eq!([at(Reason::Refresh, 61), at(Reason::Call, 62)], [Pacing::Now, Pacing::TooOften]);
        assert_eq!([at(Reason::Call, 65), at(Reason::Message, 66)], [Pacing::Now, Pacing::UnderWay]);
    }

    #[test]
    fn no_more_devices_are_remembered_than_fit_and_those_of_a_minute_ago_make_room() {
        let pace = Pace::default();
        for binding in 0..DEVICES_MAX as u64 {
            assert_eq!(pace.wakes(BindingId(binding), Reason::Call, Monotonic::from_secs(1), 3), Pacing::Now);
        }
        let more = |second| pace.wakes(BindingId(u64::MAX), Reason::Call, Monotonic::from_secs(second), 3);
        assert_eq!([more(2), more(61)], [Pacing::TooOften, Pacing::Now]);
    }
}
