//! Limits that slow an attacker down and cannot lock a victim out.
//!
//! What is counted is failure, and it is counted against who failed: the source, and the pair (account, source). An
//! account has no counter of its own, so nothing that strangers do elsewhere reaches its owner. When a pair has used
//! up its failures its answers are no longer verified: it gets the same 401 as a wrong answer, at the price of a
//! stateless challenge, and over UDP only so many a second, so that guessing does not use up the challenges of others
//! behind the same address. Whoever has proved the password from the same path (UDP address and port, or the connection)
//! is exempt from the pair's limit, and whoever has proved it from the same source is exempt from the source's, so an
//! attacker behind the victim's own NAT does not lock it out either.
//!
//! All tables are of fixed size, shared by all shards, 64 bits per slot, in sets of four:
//!
//! | table | slots | bytes | limit |
//! |---|---|---|---|
//! | failures of (account, source) | 65,536 | 512 KiB | 6 at once, one more each 12 s: at most 10 in any 60 s |
//! | failures of a source | 16,384 | 128 KiB | 100 at once, one more each second |
//! | unverified answers of a source that draw a 401 over UDP | 16,384 | 128 KiB | 128 at once, 64 more each second |
//! | challenges to a source, not answered | 16,384 | 128 KiB | 8,192 at once, 512 more each second |
//! | known (account, source) and (account, path) | 131,072 | 1 MiB | forgotten after 30 days |
//! | MESSAGEs of an account | 16,384 | 128 KiB | `Settings::messages_per_minute_max` |
//!
//! A set that is full gives up its emptiest bucket. An attacker with enough sources can so forget some of what he
//! did; he gains one verification for each slot he turns over, from a source of its own.

use std::sync::atomic::{AtomicU64, Ordering};

const WAYS: usize = 4;

/// How fast a bucket fills and drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units that may come at once.
    pub burst: u64,
    /// Microseconds until one more may come.
    pub each_us: u64,
}

pub const FAILURES_OF_PAIR: Rate = Rate { burst: 6, each_us: 12_000_001 };
pub const FAILURES_OF_SOURCE: Rate = Rate { burst: 100, each_us: 1_000_000 };
/// An eighth of [`CHALLENGES_TO_SOURCE`], from which they are taken too.
pub const UNVERIFIED_OF_SOURCE: Rate = Rate { burst: 128, each_us: 15_625 };
pub const CHALLENGES_TO_SOURCE: Rate = Rate { burst: 8_192, each_us: 1_953 };
/// Challenges of one shard to senders over UDP that it does not know. Keeps a flood from taking the whole thread.
pub const CHALLENGES_OF_SHARD: Rate = Rate { burst: 50_000, each_us: 8 };

/// Refusals of one shard that are published as events.
pub const TOLD_OF_SHARD: Rate = Rate { burst: 20, each_us: 1_000_000 };

/// A rate of so many per minute, half of them at once, so that no 60 s see more.
pub fn per_minute(units: u32) -> Rate {
    let burst = u64::from(units).div_ceil(2).max(1);
    let steady = u64::from(units).saturating_sub(burst);
    Rate { burst, each_us: 60_000_000 / (steady + 1) + 1 }
}

/// Leaky buckets of one rate in a table of fixed size. A slot holds a fingerprint (14 bits) and the time at which the
/// bucket will be empty (50 bits of microseconds: 35 years).
pub struct Buckets {
    slots: Box<[AtomicU64]>,
}

const TIME_MASK: u64 = (1 << 50) - 1;

impl Buckets {
    /// `slots` is a power of two.
    pub fn new(slots: usize) -> Self {
        debug_assert!(slots.is_power_of_two() && slots >= WAYS);
        Self { slots: (0..slots).map(|_| AtomicU64::new(0)).collect() }
    }

    /// True while the bucket has room.
    pub fn has_room(&self, who: u64, rate: Rate, now_us: u64) -> bool {
        let empty_at = self.find(who).map_or(0, |slot| slot.load(Ordering::Relaxed) & TIME_MASK);
        has_room(empty_at, rate, now_us)
    }

    /// Puts one unit in if there is room; false, and nothing changed, if there is none.
    pub fn take(&self, who: u64, rate: Rate, now_us: u64) -> bool {
        let slot = self.find(who).unwrap_or_else(|| self.emptiest(who));
        loop {
            let held = slot.load(Ordering::Relaxed);
            let empty_at = if held >> 50 == fingerprint(who) { held & TIME_MASK } else { 0 };
            if !has_room(empty_at, rate, now_us) {
                return false;
            }
            let empty_at = (empty_at.max(now_us) + rate.each_us) & TIME_MASK;
            let filled = fingerprint(who) << 50 | empty_at;
            if slot.compare_exchange_weak(held, filled, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return true;
            }
        }
    }

    /// Takes one unit out again.
    pub fn give_back(&self, who: u64, rate: Rate) {
        let Some(slot) = self.find(who) else { return };
        let held = slot.load(Ordering::Relaxed);
        let empty_at = (held & TIME_MASK).saturating_sub(rate.each_us);
        // When another shard was faster its unit counts and this one is forgotten: the bucket only drains later.
        let _ = slot.compare_exchange(
            held,
            fingerprint(who) << 50 | empty_at,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    fn set(&self, who: u64) -> &[AtomicU64] {
        let set = who as usize % (self.slots.len() / WAYS);
        &self.slots[set * WAYS..(set + 1) * WAYS]
    }

    fn find(&self, who: u64) -> Option<&AtomicU64> {
        self.set(who).iter().find(|slot| slot.load(Ordering::Relaxed) >> 50 == fingerprint(who))
    }

    fn emptiest(&self, who: u64) -> &AtomicU64 {
        let set = self.set(who);
        let mut emptiest = &set[0];
        for slot in &set[1..] {
            if slot.load(Ordering::Relaxed) & TIME_MASK < emptiest.load(Ordering::Relaxed) & TIME_MASK {
                emptiest = slot;
            }
        }
        emptiest
    }
}

fn has_room(empty_at_us: u64, rate: Rate, now_us: u64) -> bool {
    empty_at_us <= now_us + rate.each_us * (rate.burst - 1)
}

/// Never zero, which is a slot without an owner.
fn fingerprint(who: u64) -> u64 {
    (who >> 50).max(1)
}

/// One bucket without a table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    empty_at_us: u64,
}

impl Bucket {
    pub fn take(&mut self, rate: Rate, now_us: u64) -> bool {
        let room = has_room(self.empty_at_us, rate, now_us);
        if room {
            self.empty_at_us = self.empty_at_us.max(now_us) + rate.each_us;
        }
        room
    }
}

/// Who has proved the password lately. A slot holds a fingerprint (38 bits) and the hour of the last proof (26 bits).
pub struct Known {
    slots: Box<[AtomicU64]>,
}

const HOUR_BITS: u32 = 26;
const KNOWN_HOURS: u64 = 30 * 24;
const HOUR_US: u64 = 3_600_000_000;

impl Known {
    pub fn new(slots: usize) -> Self {
        debug_assert!(slots.is_power_of_two() && slots >= WAYS);
        Self { slots: (0..slots).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Written at most once per hour and subject, so that the table stays in every core's cache.
    pub fn note(&self, who: u64, now_us: u64) {
        let word = who >> HOUR_BITS << HOUR_BITS | (now_us / HOUR_US + 1);
        let set = self.set(who);
        let same = set.iter().find(|slot| slot.load(Ordering::Relaxed) >> HOUR_BITS == who >> HOUR_BITS);
        let slot = same.unwrap_or_else(|| {
            let age = |slot: &&AtomicU64| slot.load(Ordering::Relaxed) & ((1 << HOUR_BITS) - 1);
            // A set is never empty.
            set.iter().min_by_key(age).unwrap_or(&set[0])
        });
        if slot.load(Ordering::Relaxed) != word {
            slot.store(word, Ordering::Relaxed);
        }
    }

    pub fn has(&self, who: u64, now_us: u64) -> bool {
        let hour = now_us / HOUR_US + 1;
        self.set(who).iter().any(|slot| {
            let word = slot.load(Ordering::Relaxed);
            let age = hour.saturating_sub(word & ((1 << HOUR_BITS) - 1));
            word != 0 && word >> HOUR_BITS == who >> HOUR_BITS && age <= KNOWN_HOURS
        })
    }

    fn set(&self, who: u64) -> &[AtomicU64] {
        let set = who as usize % (self.slots.len() / WAYS);
        &self.slots[set * WAYS..(set + 1) * WAYS]
    }
}

/// The tables of this module.
pub struct Limits {
    pub failures_of_pair: Buckets,
    pub failures_of_source: Buckets,
    pub unverified_of_source: Buckets,
    pub challenges_to_source: Buckets,
    pub messages: Buckets,
    pub known: Known,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

impl Limits {
    pub fn new() -> Self {
        Self {
            failures_of_pair: Buckets::new(1 << 16),
            failures_of_source: Buckets::new(1 << 14),
            unverified_of_source: Buckets::new(1 << 14),
            challenges_to_source: Buckets::new(1 << 14),
            messages: Buckets::new(1 << 14),
            known: Known::new(1 << 17),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;
    const WHO: u64 = 0xdead_beef_0bad_cafe;

    /// Takes as fast as possible for `seconds` and counts what was let through.
    fn taken(buckets: &Buckets, rate: Rate, from_s: u64, seconds: u64) -> usize {
        let times = (from_s * SECOND..(from_s + seconds) * SECOND).step_by(10_000);
        times.filter(|now_us| buckets.take(WHO, rate, *now_us)).count()
    }

    #[test]
    fn at_most_ten_failures_of_a_pair_are_verified_in_any_minute() {
        let buckets = Buckets::new(16);
        assert_eq!(taken(&buckets, FAILURES_OF_PAIR, 100, 60), 10);
        assert_eq!(taken(&buckets, FAILURES_OF_PAIR, 160, 60), 5);
        // After a rest the burst is there again.
        assert_eq!(taken(&buckets, FAILURES_OF_PAIR, 1_000, 1), 6);
    }

    #[test]
    fn a_rate_per_minute_holds_in_its_first_minute() {
        for units in [1, 2, 30, 600] {
            let buckets = Buckets::new(16);
            assert!(taken(&buckets, per_minute(units), 100, 60) <= units as usize, "{units}");
        }
        assert_eq!(taken(&Buckets::new(16), per_minute(30), 100, 60), 30);
        // What the settings say: half of them at once, then one each 3.75 s.
        assert_eq!(taken(&Buckets::new(16), per_minute(30), 100, 3), 15);
        assert_eq!(taken(&Buckets::new(16), per_minute(30), 100, 5), 16);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let buckets = Buckets::new(16);
        let rate = Rate { burst: 2, each_us: SECOND };
        assert!(buckets.take(WHO, rate, 100));
        assert!(buckets.take(WHO, rate, 100));
        assert!(!buckets.take(WHO, rate, 100));
        assert!(!buckets.has_room(WHO, rate, 100));
        buckets.give_back(WHO, rate);
        assert!(buckets.has_room(WHO, rate, 100));
        assert!(buckets.take(WHO, rate, 100));
    }

    #[test]
    fn the_failures_of_one_do_not_count_for_another() {
        let buckets = Buckets::new(16);
        for _ in 0..100 {
            buckets.take(WHO, FAILURES_OF_PAIR, 0);
        }
        assert!(!buckets.has_room(WHO, FAILURES_OF_PAIR, 0));
        assert!(buckets.has_room(WHO ^ 1 << 60, FAILURES_OF_PAIR, 0));
    }

    #[test]
    fn a_full_set_gives_up_its_emptiest_bucket() {
        let buckets = Buckets::new(4);
        for _ in 0..6 {
            buckets.take(WHO, FAILURES_OF_PAIR, SECOND);
        }
        for other in 1..=3u64 {
            buckets.take(other << 50, FAILURES_OF_PAIR, SECOND);
        }
        buckets.take(9 << 50, FAILURES_OF_PAIR, SECOND);
        assert!(!buckets.has_room(WHO, FAILURES_OF_PAIR, SECOND));
    }

    #[test]
    fn the_known_are_remembered_for_thirty_days() {
        let known = Known::new(16);
        assert!(!known.has(WHO, 0));
        known.note(WHO, 0);
        assert!(known.has(WHO, 29 * 24 * 3_600 * SECOND));
        assert!(!known.has(WHO, 31 * 24 * 3_600 * SECOND));
        assert!(!known.has(WHO ^ 1 << 63, 0));
    }
}
