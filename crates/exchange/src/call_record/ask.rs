//! What the administration door asks a shard about its calls, and what it is told.

use super::{CallRecordId, LiveCall};
use coeur_directory::AccountId;

/// Names a question. Opaque to the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The calls of this shard, at most `limit` and at most [`Ask::CALLS_MAX`]; of one account, or of all.
    List { account: Option<AccountId>, limit: usize },
    /// One call, with what the media plane measures of it now.
    Show(CallRecordId),
    /// Ends a call, whatever its state.
    HangUp(CallRecordId),
}

impl Ask {
    /// Calls in one answer of one shard: about 1 kB each, and a few microseconds of the shard's time.
    pub const CALLS_MAX: usize = 2_000;
}

/// The answer: each shard gives one to each question, at once, or when the media plane has reported, a second later at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Calls {
        calls: Vec<LiveCall>,
        /// There are more than were asked for.
        more: bool,
    },
    /// `None`: no call of this shard.
    Call(Option<Box<LiveCall>>),
    /// False: no call of this shard.
    HungUp(bool),
}
