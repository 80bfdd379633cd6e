//! A sketch of who was offered two challenges and went away.
//!
//! A client that cannot read a double challenge says nothing about it: it comes back later with a new request and no
//! credentials. It then finds a single MD5 challenge. If that was not what it wanted either, the double one is next
//! again, and so on in turn; a right answer forgets all.
//!
//! Memory: 65,536 words of 64 bits, 512 KiB, shared by all shards, nothing per sender. A slot is taken over by whoever
//! hashes to it; the one who loses it is offered the double challenge once more.

use super::kinds::Offer;
use std::sync::atomic::{AtomicU64, Ordering};

const SLOTS: usize = 1 << 16;
/// How long a challenge without an answer is remembered: longer than phones wait between attempts to register.
const MEMORY_S: u64 = 24 * 3_600;
/// Requests that follow each other faster are one attempt: a phone sends REGISTER and SUBSCRIBE side by side.
const LATER_S: u64 = 2;

/// fingerprint (24 bits) | request (15) | offered MD5 alone (1) | seconds (24)
pub struct Offers {
    slots: Box<[AtomicU64]>,
}

impl Default for Offers {
    fn default() -> Self {
        Self::new()
    }
}

impl Offers {
    pub fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// What to offer now, for clients whose kind is unknown. `who` is a keyed hash of (source, address of record);
    /// `request` of what tells a new request from a retransmission, which is offered what was offered before.
    pub fn next(&self, who: u64, request: u64, now_s: u64) -> Offer {
        let slot = self.slot(who);
        let held = Held::read(slot.load(Ordering::Relaxed));
        let request = request >> 49;
        let known = held.is_of(who) && held.age_s(now_s) <= MEMORY_S;
        let same = held.request == request || held.age_s(now_s) < LATER_S;
        if known && same {
            return held.offer();
        }
        let md5_alone = known && !held.md5_alone;
        let seconds = now_s & 0xff_ffff;
        slot.store(Held { fingerprint: who >> 40, request, md5_alone, seconds }.word(), Ordering::Relaxed);
        if md5_alone { Offer::Md5 } else { Offer::Both }
    }

    /// What was offered last: the client could read it.
    pub fn current(&self, who: u64, now_s: u64) -> Offer {
        let held = Held::read(self.slot(who).load(Ordering::Relaxed));
        let known = held.is_of(who) && held.age_s(now_s) <= MEMORY_S;
        if known { held.offer() } else { Offer::Both }
    }

    /// The client answered a challenge rightly.
    pub fn answered(&self, who: u64) {
        let slot = self.slot(who);
        let word = slot.load(Ordering::Relaxed);
        if word != 0 && Held::read(word).is_of(who) {
            slot.store(0, Ordering::Relaxed);
        }
    }

    fn slot(&self, who: u64) -> &AtomicU64 {
        &self.slots[who as usize % SLOTS]
    }
}

struct Held {
    fingerprint: u64,
    request: u64,
    md5_alone: bool,
    seconds: u64,
}

impl Held {
    fn read(word: u64) -> Self {
        Self {
            fingerprint: word >> 40,
            request: word >> 25 & 0x7fff,
            md5_alone: word >> 24 & 1 == 1,
            seconds: word & 0xff_ffff,
        }
    }

    fn word(&self) -> u64 {
        self.fingerprint << 40 | self.request << 25 | u64::from(self.md5_alone) << 24 | self.seconds
    }

    fn is_of(&self, who: u64) -> bool {
        self.fingerprint == who >> 40 && self.word() != 0
    }

    fn offer(&self) -> Offer {
        if self.md5_alone { Offer::Md5 } else { Offer::Both }
    }

    fn age_s(&self, now_s: u64) -> u64 {
        now_s.wrapping_sub(self.seconds) & 0xff_ffff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: u64 = 0x1234_5678_9abc_def0;
    const NOW: u64 = 1_700_000_000;

    fn request(number: u64) -> u64 {
        number << 49
    }

    #[test]
    fn a_client_that_never_answers_is_offered_each_challenge_in_turn() {
        let offers = Offers::new();
        assert_eq!(offers.next(WHO, request(1), NOW), Offer::Both);
        assert_eq!(offers.next(WHO, request(2), NOW + 30), Offer::Md5);
        assert_eq!(offers.next(WHO, request(3), NOW + 60), Offer::Both);
        assert_eq!(offers.next(WHO, request(4), NOW + 90), Offer::Md5);
    }

    #[test]
    fn a_retransmission_or_a_second_request_at_once_is_offered_the_same() {
        let offers = Offers::new();
        assert_eq!(offers.next(WHO, request(1), NOW), Offer::Both);
        assert_eq!(offers.next(WHO, request(1), NOW), Offer::Both);
        assert_eq!(offers.next(WHO, request(2), NOW + 1), Offer::Both);
        assert_eq!(offers.next(WHO, request(2), NOW + 2), Offer::Md5);
        assert_eq!(offers.next(WHO, request(2), NOW + 6), Offer::Md5);
    }

    #[test]
    fn a_right_answer_or_a_day_forgets() {
        let offers = Offers::new();
        offers.next(WHO, request(1), NOW);
        offers.answered(WHO);
        assert_eq!(offers.next(WHO, request(2), NOW), Offer::Both);
        assert_eq!(offers.next(WHO, request(3), NOW + MEMORY_S + 1), Offer::Both);
    }

    #[test]
    fn another_client_in_the_same_slot_starts_with_both() {
        let offers = Offers::new();
        offers.next(WHO, request(1), NOW);
        let other = WHO ^ 1 << 63;
        assert_eq!(offers.next(other, request(1), NOW), Offer::Both);
        offers.answered(WHO);
        assert_eq!(offers.next(other, request(2), NOW + 5), Offer::Md5);
    }
}
