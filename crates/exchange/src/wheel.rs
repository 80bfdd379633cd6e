//! When to look at something again: a transaction, a leg. Setting a timer is a push into a bucket, forgetting one costs nothing: the
//! owner keeps its own deadline, and an entry that fires early is armed again for it.
//!
//! Two rings of 256 buckets: the near one in ticks of 8 ms, the far one in blocks of 256 ticks (2.1 s). What is
//! further away than 9 minutes fires early and is armed again. 16 bytes for each entry.

use coeur_sip::time::Monotonic;

/// One timer that is set. `O` says whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<O> {
    tick: u64,
    pub(crate) owner: O,
    /// The owner's serial: its slot may belong to another by the time this fires.
    pub(crate) serial: u32,
}

const RING: u64 = 256;
const TICK_BITS: u32 = 13;

pub(crate) struct Wheel<O> {
    tick: u64,
    entries: usize,
    near: Vec<Vec<Entry<O>>>,
    far: Vec<Vec<Entry<O>>>,
}

impl<O: Copy> Wheel<O> {
    pub(crate) fn new() -> Self {
        let ring = || (0..RING).map(|_| Vec::new()).collect();
        Self { tick: 0, entries: 0, near: ring(), far: ring() }
    }

    pub(crate) fn arm(&mut self, now: Monotonic, at: Monotonic, owner: O, serial: u32) {
        if self.entries == 0 {
            self.tick = now.0 >> TICK_BITS;
        }
        // Rounded up, so that what fires is due.
        let tick = ((at.0 >> TICK_BITS) + 1).clamp(self.tick + 1, self.tick + RING * (RING - 1));
        self.entries += 1;
        self.place(Entry { tick, owner, serial });
    }

    /// Moves everything that is due to `due`.
    pub(crate) fn advance(&mut self, now: Monotonic, due: &mut Vec<Entry<O>>) {
        let target = now.0 >> TICK_BITS;
        while self.tick < target && self.entries > 0 {
            self.tick += 1;
            if self.tick.is_multiple_of(RING) {
                let block = std::mem::take(&mut self.far[bucket(self.tick / RING)]);
                block.into_iter().for_each(|entry| self.place(entry));
            }
            let ripe = &mut self.near[bucket(self.tick)];
            self.entries -= ripe.len();
            due.append(ripe);
        }
        self.tick = self.tick.max(target);
    }

    /// The earliest time at which `advance` may find something.
    pub(crate) fn next(&self) -> Option<Monotonic> {
        if self.entries == 0 {
            return None;
        }
        let in_near = (1..RING).map(|ahead| self.tick + ahead).find(|t| !self.near[bucket(*t)].is_empty());
        let this_block = self.tick / RING;
        let in_far = (1..=RING).map(|ahead| this_block + ahead).find(|b| !self.far[bucket(*b)].is_empty());
        let tick = in_near.into_iter().chain(in_far.map(|block| block * RING)).min()?;
        Some(Monotonic(tick << TICK_BITS))
    }

    fn place(&mut self, entry: Entry<O>) {
        if entry.tick - self.tick < RING {
            self.near[bucket(entry.tick)].push(entry);
        } else {
            self.far[bucket(entry.tick / RING)].push(entry);
        }
    }
}

fn bucket(number: u64) -> usize {
    (number % RING) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_fires_once_and_not_before_its_time() {
        let mut wheel = Wheel::new();
        let wanted_ms = [0, 1, 7, 500, 2_000, 2_100, 31_999, 32_000, 185_000, 500_000];
        for (serial, ms) in wanted_ms.iter().enumerate() {
            wheel.arm(Monotonic(0), Monotonic::from_millis(*ms), (), serial as u32);
        }
        let (mut fired, mut due) = (0, Vec::new());
        while let Some(at) = wheel.next() {
            wheel.advance(at, &mut due);
            for entry in due.drain(..) {
                let wanted = wanted_ms[entry.serial as usize];
                assert!(at >= Monotonic::from_millis(wanted), "{wanted} fired at {at:?}");
                assert!(at.as_millis() <= wanted + 17, "{wanted} fired at {at:?}");
                fired += 1;
            }
        }
        assert_eq!(fired, wanted_ms.len());
    }

    #[test]
    fn a_long_idle_time_costs_nothing_and_loses_nothing() {
        let mut wheel = Wheel::new();
        let much_later = Monotonic::from_secs(1_000_000);
        wheel.arm(much_later, much_later, (), 1);
        let mut due = Vec::new();
        wheel.advance(much_later + std::time::Duration::from_millis(20), &mut due);
        assert_eq!(due.len(), 1);
        assert_eq!(wheel.next(), None);
    }
}
