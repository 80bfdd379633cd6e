//! Which nonce counts were used (RFC 7616 section 5.12): a captured request must not be accepted a second time.
//!
//! One entry for each (nonce, cnonce, user) whose sender has proved the password, so strangers cannot fill the
//! table. The first count seen may be any (sofia-sip does not begin anew at 1 with a new nonce); from then on a window
//! of 128 counts takes what UDP reorders and refuses what was seen.
//!
//! What the table has forgotten is never accepted again: each set remembers the youngest issue time that it dropped
//! while it was still alive, and an answer to a nonce from before that time is stale. A table that is new (the process
//! has just started) begins with its own birth as that time. So forgetting costs a phone one round trip.
//!
//! Memory: 262,144 entries in 32,768 sets of 8, 34 bytes each with the set's floor, 8.9 MB when full and only as many
//! pages as were touched before; shared by all shards, because a connection or a NAT may bring a nonce to another one.
//! At 262,144 live entries (nonce lives of five minutes: 870 new phones per second) sets overflow now and then.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const WAYS: usize = 8;
const SETS_PER_STRIPE: usize = 512;
const STRIPES: usize = 64;
/// Counts behind the highest one that may still come late.
const WINDOW: u32 = 128;

/// A set is 33 words: 8 keys, 8 pairs of issue time and highest count, 8 bitmaps of two words, the floor.
const WORDS: usize = WAYS * 4 + 1;
const FLOOR: usize = WAYS * 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    First,
    /// Seen, or so far behind that it may have been, or of a nonce that we no longer remember.
    Replayed,
}

pub struct NonceCounts {
    stripes: Box<[Mutex<Vec<u64>>]>,
    /// Nonces issued before this were in use before this table was.
    born_ms: AtomicU64,
}

impl Default for NonceCounts {
    fn default() -> Self {
        Self::new()
    }
}

impl NonceCounts {
    pub fn new() -> Self {
        let stripes = (0..STRIPES).map(|_| Mutex::new(vec![0; SETS_PER_STRIPE * WORDS])).collect();
        Self { stripes, born_ms: AtomicU64::new(0) }
    }

    /// Tells the table when it began to see everything. Only the first call counts.
    pub fn born(&self, now_ms: u64) {
        if self.born_ms.load(Ordering::Relaxed) == 0 {
            // Another shard may have been faster, with the same moment.
            let _ = self.born_ms.compare_exchange(0, now_ms.max(1), Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Notes the use of `count`. `key` is a keyed hash of (nonce, cnonce, user); two that collide share a window,
    /// which refuses and never accepts too much.
    pub fn take(&self, key: u64, issued_ms: u64, count: u32, now_ms: u64, life_ms: u64) -> Use {
        let born_ms = self.born_ms.load(Ordering::Relaxed);
        let Some(since_birth_ms) = issued_ms.checked_sub(born_ms) else {
            return Use::Replayed;
        };
        // The floor is zero until something is forgotten, so times in a set begin at one.
        let (issued, now) = (coarse(since_birth_ms) + 1, coarse(now_ms.saturating_sub(born_ms)) + 1);
        // Zero marks an empty way.
        let key = key.max(1);
        let stripe = (key >> 58) as usize % STRIPES;
        let set = (key >> 40) as usize % SETS_PER_STRIPE;
        let mut stripe = self.stripes[stripe].lock();
        let words = &mut stripe[set * WORDS..(set + 1) * WORDS];
        match words[..WAYS].iter().position(|held| *held == key) {
            Some(way) => slide(words, way, count),
            None => {
                if issued <= words[FLOOR] {
                    return Use::Replayed;
                }
                let way = free_way(words, now, coarse(life_ms));
                words[way] = key;
                words[WAYS + way] = issued << 32 | u64::from(count);
                words[WAYS * 2 + way * 2] = 0;
                words[WAYS * 2 + way * 2 + 1] = 1;
                Use::First
            }
        }
    }
}

/// Times in a set are eighths of a second since birth: 17 years fit 32 bits.
fn coarse(ms: u64) -> u64 {
    ms / 125
}

fn slide(words: &mut [u64], way: usize, count: u32) -> Use {
    let highest = words[WAYS + way] as u32;
    let mut seen = u128::from(words[WAYS * 2 + way * 2]) << 64 | u128::from(words[WAYS * 2 + way * 2 + 1]);
    if count > highest {
        seen = seen.checked_shl(count - highest).unwrap_or(0) | 1;
        words[WAYS + way] = words[WAYS + way] & !0xffff_ffff | u64::from(count);
    } else {
        let behind = highest - count;
        if behind >= WINDOW || seen >> behind & 1 == 1 {
            return Use::Replayed;
        }
        seen |= 1 << behind;
    }
    words[WAYS * 2 + way * 2] = (seen >> 64) as u64;
    words[WAYS * 2 + way * 2 + 1] = seen as u64;
    Use::First
}

/// An empty way, else the oldest, whose time becomes the floor of the set when its nonce is still alive.
fn free_way(words: &mut [u64], now: u64, life: u64) -> usize {
    let mut oldest = 0;
    for way in 0..WAYS {
        if words[way] == 0 {
            return way;
        }
        if words[WAYS + way] >> 32 < words[WAYS + oldest] >> 32 {
            oldest = way;
        }
    }
    let issued = words[WAYS + oldest] >> 32;
    if issued + life + 1 >= now {
        words[FLOOR] = words[FLOOR].max(issued);
    }
    oldest
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;
    const LIFE: u64 = 300_000;

    fn table() -> NonceCounts {
        let table = NonceCounts::new();
        table.born(NOW - 1_000);
        table
    }

    fn take(table: &NonceCounts, key: u64, count: u32) -> bool {
        table.take(key, NOW, count, NOW, LIFE) == Use::First
    }

    #[test]
    fn any_first_count_is_taken_and_none_twice() {
        let table = table();
        assert!(take(&table, 42, 77));
        assert!(!take(&table, 42, 77));
        assert!(take(&table, 42, 78));
        assert!(!take(&table, 42, 77));
        assert!(take(&table, 43, 77));
    }

    #[test]
    fn counts_may_come_out_of_order_within_the_window_only() {
        let table = table();
        assert!(take(&table, 42, 500));
        assert!(take(&table, 42, 499));
        assert!(take(&table, 42, 500 - WINDOW + 1));
        assert!(!take(&table, 42, 500 - WINDOW));
        assert!(!take(&table, 42, 499));
        assert!(take(&table, 42, 501));
        assert!(!take(&table, 42, 500));
    }

    #[test]
    fn a_jump_of_any_width_forgets_nothing_that_could_be_replayed() {
        let table = table();
        assert!(take(&table, 42, 1));
        assert!(take(&table, 42, u32::MAX));
        assert!(!take(&table, 42, 1));
        assert!(take(&table, 42, u32::MAX - 127));
        assert!(!take(&table, 42, u32::MAX - 128));
    }

    #[test]
    fn a_nonce_from_before_the_start_is_never_taken() {
        let table = table();
        assert_eq!(table.take(1, NOW - 1_001, 1, NOW, LIFE), Use::Replayed);
        assert_eq!(table.take(1, NOW - 1_000, 1, NOW, LIFE), Use::First);
        table.born(NOW + 1);
        assert_eq!(table.take(2, NOW, 1, NOW, LIFE), Use::First);
    }

    #[test]
    fn a_full_set_forgets_its_oldest_and_never_takes_it_again() {
        let table = table();
        // Keys that differ in their low bits share a set.
        for key in 1..=8 {
            assert_eq!(table.take(key, NOW + key * 1_000, 1, NOW + 9_000, LIFE), Use::First);
        }
        assert_eq!(table.take(9, NOW + 9_000, 1, NOW + 9_000, LIFE), Use::First);
        assert_eq!(table.take(1, NOW + 1_000, 1, NOW + 9_000, LIFE), Use::Replayed);
        assert_eq!(table.take(1, NOW + 1_000, 2, NOW + 9_000, LIFE), Use::Replayed);
        // The others are remembered, and younger nonces are still taken.
        assert_eq!(table.take(2, NOW + 2_000, 1, NOW + 9_000, LIFE), Use::Replayed);
        assert_eq!(table.take(2, NOW + 2_000, 2, NOW + 9_000, LIFE), Use::First);
        assert_eq!(table.take(10, NOW + 9_500, 1, NOW + 9_500, LIFE), Use::First);
    }

    #[test]
    fn entries_of_dead_nonces_make_room_without_a_floor() {
        let table = table();
        for key in 1..=8 {
            assert_eq!(table.take(key, NOW, 1, NOW, LIFE), Use::First);
        }
        let later = NOW + LIFE + 1_000;
        assert_eq!(table.take(9, later - 200_000, 1, later, LIFE), Use::First);
        assert_eq!(table.take(10, later - 299_000, 1, later, LIFE), Use::First);
    }

    #[test]
    fn a_hundred_thousand_phones_at_once_are_nearly_all_remembered() {
        let table = table();
        let mut key = 0x9e37_79b9_7f4a_7c15u64;
        let mut keys = Vec::new();
        for _ in 0..100_000 {
            key = key.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            keys.push(key ^ key >> 29);
        }
        for key in &keys {
            table.take(*key, NOW, 1, NOW, LIFE);
        }
        let remembered = keys.iter().filter(|key| take(&table, **key, 2)).count();
        assert!(remembered > 98_500, "{remembered}");
        assert!(keys.iter().all(|key| !take(&table, *key, 1)), "a replay was taken");
    }
}
