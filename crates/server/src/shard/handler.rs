//! What the loop asks of its surroundings. The exchange is behind [`Handler`], so that the loop can be tried with
//! anything that answers.

use coeur_exchange::call_record::{Ticket, Told};
use coeur_exchange::event::Event;
use coeur_exchange::flow::{ConnectionId, ShardId};
use coeur_exchange::input::Input;
use coeur_exchange::outbox::{MediaCommand, Outbox, ResolveToken};
use coeur_exchange::push::Wake;
use coeur_sip::Message;
use coeur_sip::resolve::Query;
use coeur_sip::time::{Monotonic, Now};

/// Decides. Never waits, never fails; see `Exchange::handle`.
pub trait Handler: Send + 'static {
    fn handle(&mut self, now: Now, input: Input<'_>, outbox: &mut Outbox);
    /// When `Input::Ticked` is next wanted.
    fn next_deadline(&self) -> Option<Monotonic>;
    /// Something that was counted is about to leave: others may now read the counters.
    fn show(&mut self) {}
    /// True while something is to come that must not be lost when the shard stops.
    fn owes(&self) -> bool {
        false
    }
    /// See `Exchange::misses_invite`.
    fn misses_invite(&self, _message: &Message<'_>) -> bool {
        false
    }
    /// A connection shows a ticket. False: it is good for nothing.
    fn vouch(&mut self, _now: Now, _ticket: &str, _connection: ConnectionId) -> bool {
        false
    }
    /// What senders have cost and earned so far; see [`crate::net::sources`].
    fn conduct(&self) -> Conduct {
        Conduct::default()
    }
}

/// Counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conduct {
    pub malformed: u64,
    /// Requests whose challenge was withheld.
    pub unanswered: u64,
    /// Requests whose sender has proved a password.
    pub proved: u64,
}

/// Where saves go. Appends are numbered from 1, for all shards together, in the order in which they become durable.
pub trait Journal: Send + Sync + 'static {
    /// Queues the record and never waits; `Err` when the queue is full or the journal cannot write.
    fn append(&self, shard: ShardId, record: &[u8]) -> Result<u64, NotSaved>;
    fn outcome(&self, append: u64) -> Outcome;
    /// Nothing is lost: what failed or was refused is in a snapshot by now. To be asked after the outcome of what it is about.
    fn is_open(&self) -> bool;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSaved;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Pending,
    Durable,
    Failed,
}

/// Everything else that a shard hands out. Each call returns at once; answers come through the shard's
/// [`super::Inbox`].
pub trait Services: Send + Sync + 'static {
    fn resolve(&self, shard: ShardId, token: ResolveToken, query: Query);
    /// What was decided in one go, in its order.
    fn media(&self, shard: ShardId, commands: &mut dyn Iterator<Item = MediaCommand>);
    fn publish(&self, shard: ShardId, event: Event);
    /// The answer of one shard to a question.
    fn told(&self, _ticket: Ticket, _told: Told) {}
    /// A device is to be woken.
    fn push(&self, _wake: Wake) {}
}

/// A journal in memory only: everything is durable at once. For tests of the loop.
#[derive(Default)]
pub struct Forgetful(std::sync::atomic::AtomicU64);

impl Journal for Forgetful {
    fn append(&self, _shard: ShardId, _record: &[u8]) -> Result<u64, NotSaved> {
        Ok(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1)
    }

    fn outcome(&self, _append: u64) -> Outcome {
        Outcome::Durable
    }

    fn is_open(&self) -> bool {
        true
    }
}

/// Services that do nothing.
pub struct NoServices;

impl Services for NoServices {
    fn resolve(&self, _shard: ShardId, _token: ResolveToken, _query: Query) {}
    fn media(&self, _shard: ShardId, _commands: &mut dyn Iterator<Item = MediaCommand>) {}
    fn publish(&self, _shard: ShardId, _event: Event) {}
}
