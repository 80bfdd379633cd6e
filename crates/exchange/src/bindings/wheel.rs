//! Expiry without scans: one list of rows per second, 256 seconds round. A row whose time lies further ahead is
//! looked at once per round and left there; a refresh that only prolongs does not touch the wheel at all.

use super::stripe::Rows;

/// No row.
pub(super) const NONE: u32 = u32::MAX;

/// Slots of the wheel, one second each: 1 KiB per stripe.
const SLOTS: u64 = 256;

pub(super) struct Wheel {
    heads: Box<[u32]>,
    /// The last second whose slot has been emptied.
    swept_s: u64,
}

impl Wheel {
    pub(super) fn new() -> Self {
        Self { heads: vec![NONE; SLOTS as usize].into_boxed_slice(), swept_s: 0 }
    }

    /// Hangs a row, which hangs nowhere yet, under the second of its expiry.
    pub(super) fn hang(&mut self, rows: &mut Rows, at: u32) {
        let slot = self.slot_of(rows[at].expires_ms);
        let next = std::mem::replace(&mut self.heads[slot as usize], at);
        if next != NONE {
            rows[next].wheel_previous = at;
        }
        let row = &mut rows[at];
        (row.wheel_slot, row.wheel_previous, row.wheel_next) = (slot, NONE, next);
    }

    pub(super) fn unhang(&mut self, rows: &mut Rows, at: u32) {
        let row = &rows[at];
        let (slot, previous, next) = (row.wheel_slot, row.wheel_previous, row.wheel_next);
        match previous {
            NONE => self.heads[slot as usize] = next,
            previous => rows[previous].wheel_next = next,
        }
        if next != NONE {
            rows[next].wheel_previous = previous;
        }
    }

    /// Collects the rows that have expired at `now_ms`; each second is visited once. Rows that were prolonged
    /// move to the slot of their new time.
    pub(super) fn sweep(&mut self, rows: &mut Rows, now_ms: u64, expired: &mut Vec<u32>) {
        // A row expires within its second, so the slot of the current second is not finished yet.
        let last = (now_ms / 1000).saturating_sub(1);
        let first = (self.swept_s + 1).max(last.saturating_sub(SLOTS - 1));
        for second in first..=last {
            self.visit((second % SLOTS) as usize, rows, now_ms, expired);
        }
        self.swept_s = self.swept_s.max(last);
    }

    fn visit(&mut self, slot: usize, rows: &mut Rows, now_ms: u64, expired: &mut Vec<u32>) {
        let mut at = self.heads[slot];
        while at != NONE {
            let (next, expires_ms) = (rows[at].wheel_next, rows[at].expires_ms);
            if expires_ms <= now_ms {
                expired.push(at);
            } else if self.slot_of(expires_ms) != slot as u16 {
                self.unhang(rows, at);
                self.hang(rows, at);
            }
            at = next;
        }
    }

    /// A time already swept hangs in the next slot to be visited, so that no row can become eternal.
    fn slot_of(&self, expires_ms: u64) -> u16 {
        ((expires_ms / 1000).max(self.swept_s + 1) % SLOTS) as u16
    }
}
