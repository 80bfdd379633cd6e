//! The real exchange and the real journal behind the loop's traits.

use super::handler::{Handler, Journal, NotSaved, Outcome};
use coeur_exchange::Exchange;
use coeur_exchange::event::Counters;
use coeur_exchange::flow::ShardId;
use coeur_exchange::input::Input;
use coeur_exchange::outbox::Outbox;
use coeur_exchange::world::World;
use coeur_sip::time::{Monotonic, Now};
use coeur_storage::journal::{self, Sequence};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// How often the counters are copied for their readers.
const COUNTERS_EVERY: Duration = Duration::from_millis(500);

/// One exchange and the world it looks at.
pub struct Deciding {
    exchange: Exchange,
    world: Arc<World>,
    counters: Arc<Mutex<Counters>>,
    counted: Monotonic,
}

impl Deciding {
    /// `seed` is fresh randomness of the system, different for each shard.
    pub fn new(shard: ShardId, seed: [u8; 32], world: Arc<World>) -> Self {
        let exchange = Exchange::new(shard, seed, &world);
        Self { exchange, world, counters: Arc::default(), counted: Monotonic(0) }
    }

    /// The exchange's counters, at most half a second old while it works.
    pub fn counters(&self) -> Arc<Mutex<Counters>> {
        self.counters.clone()
    }
}

impl Handler for Deciding {
    fn handle(&mut self, now: Now, input: Input<'_>, outbox: &mut Outbox) {
        self.exchange.handle(now, &self.world, input, outbox);
        if (self.counted + COUNTERS_EVERY).is_due(now.monotonic) {
            self.counted = now.monotonic;
            self.counters.lock().clone_from(self.exchange.counters());
        }
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        self.exchange.next_deadline()
    }
}

impl Journal for journal::Journal {
    fn append(&self, shard: ShardId, record: &[u8]) -> Result<u64, NotSaved> {
        match journal::Journal::append(self, shard.0, record) {
            Ok(Sequence(append)) => Ok(append),
            // The journal says why in its own words (`last_error`), once and not per message.
            Err(_) => Err(NotSaved),
        }
    }

    fn outcome(&self, append: u64) -> Outcome {
        match journal::Journal::outcome(self, Sequence(append)) {
            journal::Outcome::Waiting => Outcome::Pending,
            journal::Outcome::Durable => Outcome::Durable,
            journal::Outcome::Failed => Outcome::Failed,
        }
    }
}
