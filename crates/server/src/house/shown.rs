//! Where others read what the exchange of one shard has counted.

use coeur_exchange::Exchange;
use coeur_exchange::event::Counters;
use std::sync::atomic::{AtomicU64, Ordering};

/// Written by its shard before anything that was counted leaves on a socket, so that whoever has seen an answer finds it
/// counted. A cache line each would be 3 kB; they lie together, since only the shard writes them.
#[repr(align(128))]
pub struct Shown {
    counters: [AtomicU64; Counters::COUNT],
    transactions: AtomicU64,
}

impl Default for Shown {
    fn default() -> Self {
        Self { counters: [const { AtomicU64::new(0) }; Counters::COUNT], transactions: AtomicU64::new(0) }
    }
}

impl Shown {
    /// About 20 ns, once per batch of messages.
    pub fn show(&self, exchange: &Exchange) {
        for (cell, value) in self.counters.iter().zip(exchange.counters().values()) {
            cell.store(value, Ordering::Relaxed);
        }
        self.transactions.store(exchange.transactions() as u64, Ordering::Release);
    }

    /// In the order of [`Counters::NAMES`].
    pub fn counters(&self) -> [u64; Counters::COUNT] {
        std::array::from_fn(|place| self.counters[place].load(Ordering::Relaxed))
    }

    pub fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Acquire)
    }
}
