//! The journal, as the shards see it.

use crate::shard::{Journal, NotSaved, Outcome};
use coeur_exchange::flow::ShardId;
use coeur_exchange::world::World;
use coeur_storage::Sequence;
use coeur_storage::journal::Outcome as Kept;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Before anyone is told that a save failed, the world knows it: whoever hears 503 and asks again at once finds a
/// registrar that promises nothing more.
pub struct KeptJournal {
    pub journal: Arc<coeur_storage::Journal>,
    pub world: Arc<World>,
}

impl Journal for KeptJournal {
    fn append(&self, shard: ShardId, record: &[u8]) -> Result<u64, NotSaved> {
        self.journal.append(shard.0, record).map(|sequence| sequence.0).map_err(|_| {
            self.world.storage_writable.store(false, Ordering::Relaxed);
            NotSaved
        })
    }

    fn outcome(&self, append: u64) -> Outcome {
        match self.journal.outcome(Sequence(append)) {
            Kept::Waiting => Outcome::Pending,
            Kept::Durable => Outcome::Durable,
            Kept::Failed => {
                // It may be long ago.
                if !self.journal.is_writable() {
                    self.world.storage_writable.store(false, Ordering::Relaxed);
                }
                Outcome::Failed
            }
        }
    }

    fn is_open(&self) -> bool {
        self.journal.is_writable()
    }
}
