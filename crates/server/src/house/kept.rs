//! The journal, as the shards see it.

use crate::shard::{Journal, NotSaved, Outcome};
use coeur_exchange::flow::ShardId;
use coeur_storage::Sequence;
use coeur_storage::journal::Outcome as Kept;
use std::sync::Arc;

pub struct KeptJournal(pub Arc<coeur_storage::Journal>);

impl Journal for KeptJournal {
    fn append(&self, shard: ShardId, record: &[u8]) -> Result<u64, NotSaved> {
        self.0.append(shard.0, record).map(|sequence| sequence.0).map_err(|_| NotSaved)
    }

    fn outcome(&self, append: u64) -> Outcome {
        match self.0.outcome(Sequence(append)) {
            Kept::Waiting => Outcome::Pending,
            Kept::Durable => Outcome::Durable,
            Kept::Failed => Outcome::Failed,
        }
    }
}
