//! The exchange of one shard, with what it needs.

use super::shown::Shown;
use crate::shard::{Conduct, Handler};
use coeur_exchange::Exchange;
use coeur_exchange::flow::{ConnectionId, ShardId};
use coeur_exchange::input::Input;
use coeur_exchange::outbox::Outbox;
use coeur_exchange::record::calls::RecoveredCall;
use coeur_exchange::world::World;
use coeur_sip::Message;
use coeur_sip::time::{Monotonic, Now};
use std::sync::Arc;

pub struct Room {
    exchange: Exchange,
    world: Arc<World>,
    /// Of all shards.
    shown: Arc<[Shown]>,
    shard: ShardId,
}

impl Room {
    pub fn new(shard: ShardId, world: Arc<World>, shown: Arc<[Shown]>) -> Self {
        let mut seed = [0; 32];
        super::random(&mut seed);
        let exchange = Exchange::new(shard, seed, &world);
        Self { exchange, world, shown, shard }
    }
}

impl Room {
    /// Takes up calls that the journal has kept. How many there are.
    pub fn restore(&mut self, now: Now, calls: &[RecoveredCall], outbox: &mut Outbox) -> usize {
        self.exchange.restore(now, &self.world, calls, outbox)
    }
}

impl Handler for Room {
    fn handle(&mut self, now: Now, input: Input<'_>, outbox: &mut Outbox) {
        self.exchange.handle(now, &self.world, input, outbox);
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        self.exchange.next_deadline()
    }

    fn misses_invite(&self, message: &Message<'_>) -> bool {
        self.exchange.misses_invite(message)
    }

    fn vouch(&mut self, now: Now, ticket: &str, connection: ConnectionId) -> bool {
        self.world.vouched.redeem(ticket.as_bytes(), connection, now.monotonic)
    }

    fn conduct(&self) -> Conduct {
        let counters = self.exchange.counters();
        Conduct {
            malformed: counters.malformed,
            unanswered: counters.challenges_withheld,
            proved: counters.authenticated,
        }
    }

    /// Records of calls that wait for what was measured: a second at most.
    fn owes(&self) -> bool {
        self.exchange.calls().records_owed() > 0
    }

    fn show(&mut self) {
        if let Some(shown) = self.shown.get(self.shard.0 as usize) {
            shown.show(&self.exchange);
        }
    }
}
