//! How often one device is woken. Somebody who calls again and again, or ten who call at once, wake it once; and no service that
//! wakes phones has reason to shut us out.

use crate::bindings::BindingId;
use coeur_sip::time::Monotonic;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::time::Duration;

/// Devices that were woken within the last minute; the waking of more is refused. About 48 bytes each: 5 MB.
const DEVICES_MAX: usize = 100_000;
const MINUTE: Duration = Duration::from_secs(60);
/// A waking that is not older is still on its way.
const UNDER_WAY: Duration = Duration::from_secs(3);

/// Of all shards. Locked once for each waking.
#[derive(Default)]
pub struct Pace(Mutex<HashMap<BindingId, Woken>>);

struct Woken {
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
    pub fn wakes(&self, binding: BindingId, now: Monotonic, per_minute_max: u16) -> Pacing {
        let mut woken = self.0.lock();
        if woken.len() >= DEVICES_MAX && !woken.contains_key(&binding) {
            woken.retain(|_, woken| !(woken.since + MINUTE).is_due(now));
            if woken.len() >= DEVICES_MAX {
                return Pacing::TooOften;
            }
        }
        let Some(known) = woken.get_mut(&binding).filter(|woken| !(woken.since + MINUTE).is_due(now)) else {
            woken.insert(binding, Woken { since: now, count: 1, last: now });
            return Pacing::Now;
        };
        if !(known.last + UNDER_WAY).is_due(now) {
            return Pacing::UnderWay;
        }
        if known.count >= per_minute_max {
            return Pacing::TooOften;
        }
        known.count += 1;
        known.last = now;
        Pacing::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_woken_once_at_a_time_and_so_often_in_a_minute() {
        let pace = Pace::default();
        let at = |second| pace.wakes(BindingId(1), Monotonic::from_secs(second), 3);
        assert_eq!([at(100), at(101), at(102)], [Pacing::Now, Pacing::UnderWay, Pacing::UnderWay]);
        assert_eq!([at(103), at(110), at(120)], [Pacing::Now, Pacing::Now, Pacing::TooOften]);
        assert_eq!(pace.wakes(BindingId(2), Monotonic::from_secs(120), 3), Pacing::Now, "another device");
        assert_eq!(at(160), Pacing::Now, "another minute");
    }

    #[test]
    fn no_more_devices_are_remembered_than_fit_and_those_of_a_minute_ago_make_room() {
        let pace = Pace::default();
        for binding in 0..DEVICES_MAX as u64 {
            assert_eq!(pace.wakes(BindingId(binding), Monotonic::from_secs(1), 3), Pacing::Now);
        }
        let more = |second| pace.wakes(BindingId(u64::MAX), Monotonic::from_secs(second), 3);
        assert_eq!([more(2), more(61)], [Pacing::TooOften, Pacing::Now]);
    }
}
