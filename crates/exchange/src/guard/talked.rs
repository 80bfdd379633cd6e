//! How long each account has talked to elsewhere, by day (UTC): what a quota of minutes is measured against. Counted when a
//! call is over; a call that lives counts nothing yet, and is not cut when the minutes run out.

use coeur_directory::AccountId;
use coeur_sip::time::Wall;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Days that are kept: more than any month has.
const DAYS_KEPT: u32 = 32;

/// About 1 kB for an account that has talked each day of a month, nothing for one that has not.
#[derive(Default)]
pub struct Talked {
    seconds_by_day: Mutex<HashMap<AccountId, BTreeMap<u32, u64>>>,
}

impl Talked {
    /// Adds the seconds of a call that ended on this day since the Unix epoch.
    pub fn add(&self, account: AccountId, day: u32, seconds: u64) {
        let mut all = self.seconds_by_day.lock();
        let days = all.entry(account).or_default();
        let sum = days.entry(day).or_insert(0);
        *sum = sum.saturating_add(seconds);
        days.retain(|kept, _| kept + DAYS_KEPT > day);
    }

    /// Seconds of this day and of its month so far.
    pub fn of(&self, account: AccountId, day: u32) -> (u64, u64) {
        let all = self.seconds_by_day.lock();
        let Some(days) = all.get(&account) else { return (0, 0) };
        let of_month = days.range(first_of_month(day)..=day).map(|(_, seconds)| *seconds);
        (days.get(&day).copied().unwrap_or(0), of_month.sum())
    }
}

/// Days since the Unix epoch.
pub fn day_of(wall: Wall) -> u32 {
    u32::try_from(wall.as_millis() / 86_400_000).unwrap_or(u32::MAX)
}

/// The first day of the month of a day. Years are counted from March, so that a leap day is the last of one.
fn first_of_month(day: u32) -> u32 {
    // Days since 1 March of the year 0, and in their 400 years.
    let since = u64::from(day) + 719_468;
    let in_era = since % 146_097;
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let in_month = in_year - (153 * month + 2) / 5;
    day.saturating_sub(in_month as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 26 November 2026.
    const DAY: u32 = 20_783;

    #[test]
    fn the_first_of_a_month_is_found_also_in_leap_years() {
        for (day, first) in [
            (0, 0),
            (30, 0),
            (31, 31),
            // 29 February and 1 March 2024.
            (19_782, 19_754),
            (19_783, 19_783),
            (DAY, 20_758),
            // 31 December 2026 and 1 January 2027.
            (20_818, 20_788),
            (20_819, 20_819),
        ] {
            assert_eq!(first_of_month(day), first, "{day}");
        }
    }

    #[test]
    fn seconds_are_added_by_day_and_by_month_and_of_the_account_alone() {
        let talked = Talked::default();
        for (account, day, seconds) in
            [(1, DAY, 50), (1, DAY, 10), (1, DAY - 1, 100), (1, 20_757, 7), (2, DAY, 1)]
        {
            talked.add(AccountId(account), day, seconds);
        }
        assert_eq!(talked.of(AccountId(1), DAY), (60, 160));
        assert_eq!(talked.of(AccountId(1), 20_757), (7, 7), "the last day of October");
        assert_eq!(talked.of(AccountId(3), DAY), (0, 0));
        talked.add(AccountId(1), DAY + 40, 1);
        assert_eq!(talked.of(AccountId(1), DAY), (0, 0), "what no quota asks for is not kept");
    }
}
