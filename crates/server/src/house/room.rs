//! The exchange of one shard, with what it needs.

use crate::shard::{Conduct, Handler};
use coeur_exchange::Exchange;
use coeur_exchange::event::Counters;
use coeur_exchange::flow::ShardId;
use coeur_exchange::input::Input;
use coeur_exchange::outbox::Outbox;
use coeur_exchange::world::World;
use coeur_sip::time::{Monotonic, Now};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

pub struct Room {
    exchange: Exchange,
    world: Arc<World>,
    /// Where others read this shard's counters.
    shown: Arc<[Mutex<Counters>]>,
    shard: ShardId,
    show_again: Monotonic,
}

/// How old the counters may be that others read.
const SHOW_EVERY: Duration = Duration::from_secs(1);

impl Room {
    pub fn new(shard: ShardId, world: Arc<World>, shown: Arc<[Mutex<Counters>]>) -> Self {
        let mut seed = [0; 32];
        super::random(&mut seed);
        let exchange = Exchange::new(shard, seed, &world);
        Self { exchange, world, shown, shard, show_again: Monotonic(0) }
    }

    fn show(&mut self, now: Monotonic) {
        self.show_again = now + SHOW_EVERY;
        if let Some(shown) = self.shown.get(self.shard.0 as usize) {
            shown.lock().clone_from(self.exchange.counters());
        }
    }
}

impl Handler for Room {
    fn handle(&mut self, now: Now, input: Input<'_>, outbox: &mut Outbox) {
        self.exchange.handle(now, &self.world, input, outbox);
        if self.show_again.is_due(now.monotonic) {
            self.show(now.monotonic);
        }
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        self.exchange.next_deadline()
    }

    fn conduct(&self) -> Conduct {
        let counters = self.exchange.counters();
        Conduct {
            malformed: counters.malformed,
            unanswered: counters.challenges_withheld,
            proved: counters.authenticated,
        }
    }
}
