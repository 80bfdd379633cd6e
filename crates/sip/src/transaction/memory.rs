//! Final answers to non-INVITE requests over UDP, remembered without a transaction each.
//!
//! A registrar answers at once and never needs more of RFC 3261 figure 8 than its Completed state: repeat the
//! answer for each retransmission until timer J. So the bytes go into a ring, oldest overwritten first, and an
//! index finds them by [`TransactionKey`]. Every operation is O(1) and none allocates after `new`.

use super::key::TransactionKey;
use crate::time::Monotonic;
use std::time::Duration;

/// A bounded memory of final answers. When it is full the oldest answer goes, and a retransmission of its
/// request is then handled as a new request: that is correct (only slower) for requests that do the same thing
/// when repeated, as REGISTER and OPTIONS do.
pub struct ResponseMemory {
    ring: Box<[u8]>,
    /// Newest record of each chain; below `tail` means none.
    chains: Box<[u64]>,
    /// Positions grow for ever; the place in the ring is the position modulo its size. Records lie in
    /// `tail..head`, in order of time.
    tail: u64,
    head: u64,
    /// Where the ring's unused end begins in the lap that contains it.
    gap: u64,
    lifetime: Duration,
}

/// A record: key (16), position of the next older in its chain (8), expiry (8), length (8), then the bytes.
const HEADER: usize = 40;

impl ResponseMemory {
    /// Bytes held by default, for one shard: some 25,000 answers of 600 bytes, that is 800 new requests per
    /// second remembered for the whole 32 s.
    pub const DEFAULT_BYTES: usize = 16 << 20;

    /// Worst-case memory: `ring_bytes` and one 64th of it for the index. The pages of a ring that is never
    /// filled are never touched. `lifetime` is timer J, 64*T1.
    pub fn new(ring_bytes: usize, lifetime: Duration) -> ResponseMemory {
        let size = (ring_bytes.max(4_096) / 8) * 8;
        let chains = (size / 512).next_power_of_two();
        // Positions begin at one lap, so that 0 is below every tail.
        let begin = size as u64;
        ResponseMemory {
            ring: vec![0; size].into_boxed_slice(),
            chains: vec![0; chains].into_boxed_slice(),
            tail: begin,
            head: begin,
            gap: u64::MAX,
            lifetime,
        }
    }

    /// Remembers the answer. Returns false, and remembers nothing, when it is larger than an eighth of the ring.
    pub fn insert(&mut self, now: Monotonic, key: TransactionKey, response: &[u8]) -> bool {
        let size = (HEADER + response.len()).next_multiple_of(8);
        if size > self.ring.len() / 8 {
            return false;
        }
        self.forget_expired(now);
        let position = self.make_room(size);
        let chain = self.chain(key);
        let at = self.place(position);
        let record = &mut self.ring[at..at + size];
        record[..8].copy_from_slice(&key.0[0].to_le_bytes());
        record[8..16].copy_from_slice(&key.0[1].to_le_bytes());
        record[16..24].copy_from_slice(&self.chains[chain].to_le_bytes());
        record[24..32].copy_from_slice(&(now + self.lifetime).0.to_le_bytes());
        record[32..40].copy_from_slice(&(response.len() as u64).to_le_bytes());
        record[HEADER..HEADER + response.len()].copy_from_slice(response);
        self.chains[chain] = position;
        self.head = position + size as u64;
        true
    }

    /// The answer to the request with this key, the latest if there were several.
    pub fn find(&self, now: Monotonic, key: TransactionKey) -> Option<&[u8]> {
        let mut position = self.chains[self.chain(key)];
        while position >= self.tail {
            if self.word(position, 0) == key.0[0] && self.word(position, 8) == key.0[1] {
                return (!self.expiry(position).is_due(now)).then(|| self.response(position));
            }
            position = self.word(position, 16);
        }
        None
    }

    /// Forgets what is older than the lifetime; `insert` does it too. When nothing is left the ring begins
    /// anew at its start, so that a quiet server keeps using the same few pages.
    pub fn forget_expired(&mut self, now: Monotonic) {
        while self.tail < self.head && self.expiry(self.tail).is_due(now) {
            self.forget_oldest();
        }
        if self.tail == self.head && !self.tail.is_multiple_of(self.ring.len() as u64) {
            self.tail = self.tail.next_multiple_of(self.ring.len() as u64);
            self.head = self.tail;
            self.gap = u64::MAX;
        }
    }

    /// Bytes of the ring in use.
    pub fn bytes_used(&self) -> usize {
        (self.head - self.tail) as usize
    }

    /// The position where `size` bytes lie in one piece, with nothing older left in their way.
    fn make_room(&mut self, size: usize) -> u64 {
        let lap = self.ring.len() as u64;
        let mut position = self.head;
        if self.place(position) + size > self.ring.len() {
            // The last lap's gap may still be ahead of the tail; records before it go first.
            let next_lap = position.next_multiple_of(lap);
            while self.tail < self.head && self.tail + lap < next_lap + size as u64 {
                self.forget_oldest();
            }
            self.gap = position;
            position = next_lap;
            if self.tail == self.head {
                self.tail = position;
                self.gap = u64::MAX;
            }
            self.head = position;
        }
        while self.tail < self.head && self.tail + lap < position + size as u64 {
            self.forget_oldest();
        }
        position
    }

    fn forget_oldest(&mut self) {
        let length = self.word(self.tail, 32) as usize;
        self.tail += (HEADER + length).next_multiple_of(8) as u64;
        if self.tail == self.gap {
            self.tail = self.tail.next_multiple_of(self.ring.len() as u64);
            self.gap = u64::MAX;
        }
    }

    fn chain(&self, key: TransactionKey) -> usize {
        // The number of chains is a power of two.
        key.0[1] as usize & (self.chains.len() - 1)
    }

    fn place(&self, position: u64) -> usize {
        (position % self.ring.len() as u64) as usize
    }

    fn expiry(&self, position: u64) -> Monotonic {
        Monotonic(self.word(position, 24))
    }

    fn response(&self, position: u64) -> &[u8] {
        let length = self.word(position, 32) as usize;
        let at = self.place(position) + HEADER;
        &self.ring[at..at + length]
    }

    fn word(&self, position: u64, offset: usize) -> u64 {
        let at = self.place(position) + offset;
        let mut word = [0; 8];
        word.copy_from_slice(&self.ring[at..at + 8]);
        u64::from_le_bytes(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const LIFETIME: Duration = Duration::from_secs(32);

    fn key(number: u64) -> TransactionKey {
        TransactionKey([number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number])
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_secs(seconds)
    }

    #[test]
    fn an_answer_is_found_until_timer_j() {
        let mut memory = ResponseMemory::new(65_536, LIFETIME);
        assert!(memory.insert(at(1), key(1), b"SIP/2.0 200 OK"));
        assert_eq!(memory.find(at(1), key(1)), Some(&b"SIP/2.0 200 OK"[..]));
        assert_eq!(memory.find(at(32), key(1)), Some(&b"SIP/2.0 200 OK"[..]));
        assert_eq!(memory.find(at(33), key(1)), None);
        assert_eq!(memory.find(at(1), key(2)), None);
    }

    #[test]
    fn of_two_answers_with_one_key_the_later_is_found() {
        let mut memory = ResponseMemory::new(65_536, LIFETIME);
        memory.insert(at(1), key(1), b"401");
        memory.insert(at(2), key(1), b"200");
        assert_eq!(memory.find(at(2), key(1)), Some(&b"200"[..]));
    }

    #[test]
    fn answers_in_one_chain_are_told_apart() {
        let mut memory = ResponseMemory::new(4_096, LIFETIME);
        let (first, second) = (TransactionKey([1, 8]), TransactionKey([2, 8]));
        memory.insert(at(1), first, b"first");
        memory.insert(at(1), second, b"second");
        assert_eq!(memory.find(at(1), first), Some(&b"first"[..]));
        assert_eq!(memory.find(at(1), second), Some(&b"second"[..]));
    }

    #[test]
    fn an_answer_too_large_is_not_remembered() {
        let mut memory = ResponseMemory::new(4_096, LIFETIME);
        assert!(!memory.insert(at(1), key(1), &[0; 500]));
        assert_eq!(memory.find(at(1), key(1)), None);
    }

    #[test]
    fn a_quiet_memory_begins_anew_at_its_start() {
        let mut memory = ResponseMemory::new(65_536, LIFETIME);
        memory.insert(at(1), key(1), b"first");
        memory.forget_expired(at(100));
        assert_eq!(memory.bytes_used(), 0);
        memory.insert(at(100), key(2), b"second");
        assert_eq!(memory.place(memory.tail), 0);
        assert_eq!(memory.find(at(100), key(2)), Some(&b"second"[..]));
    }

    /// Against a plain list: whatever the ring still claims to know is right, the newest are always known, and
    /// expired ones never.
    #[test]
    fn the_oldest_goes_first_and_nothing_is_ever_mixed_up() {
        let mut memory = ResponseMemory::new(4_096, LIFETIME);
        let mut model: VecDeque<(u64, Monotonic, Vec<u8>)> = VecDeque::new();
        let mut random = 12_345u64;
        let mut now = at(0);
        for number in 0..20_000u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            now += Duration::from_millis((random >> 60) * 100);
            let length = (random >> 33) as usize % 470;
            let bytes = vec![number as u8; length];
            assert!(memory.insert(now, key(number), &bytes));
            model.push_back((number, now + LIFETIME, bytes));
            if model.len() > 120 {
                model.pop_front();
            }
            let mut bytes_known = 0;
            let mut forgotten = false;
            for (number, expiry, bytes) in model.iter().rev() {
                match memory.find(now, key(*number)) {
                    Some(found) => {
                        assert_eq!(found, bytes);
                        assert!(!forgotten, "an older one outlived a newer one");
                        assert!(!expiry.is_due(now));
                        bytes_known += (HEADER + bytes.len()).next_multiple_of(8);
                    }
                    None => {
                        // Three records' worth: the new one, the gap at the end, and this one.
                        assert!(expiry.is_due(now) || forgotten || bytes_known + 3 * 512 > 4_096);
                        forgotten = true;
                    }
                }
            }
            assert_eq!(memory.find(now, key(number)).map(<[u8]>::len), Some(length));
            assert!(memory.bytes_used() <= 4_096);
        }
    }
}
