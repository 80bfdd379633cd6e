//! What is done once a second behind the shards: snapshots, and the way back after the disk has failed.

use super::recovery;
use coeur_exchange::bindings::{Bindings, Version};
use coeur_exchange::world::World;
use coeur_sip::time::Now;
use coeur_storage::{Journal, Sequence};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub struct Upkeep {
    journal: Arc<Journal>,
    world: Arc<World>,
    mark: Mark,
}

impl Upkeep {
    pub fn new(journal: Arc<Journal>, world: Arc<World>) -> Self {
        Self { journal, world, mark: Mark::Nothing }
    }

    /// Meant to be called about once a second.
    pub fn turn(&mut self, now: Now) {
        if !self.journal.is_writable() {
            self.catch_up(now);
        }
        // Should it fail right now, the next append fails too and says so.
        self.world.storage_writable.store(self.journal.is_writable(), Ordering::Relaxed);
        if self.journal.is_writable() {
            self.mark = self.mark.moved_on(&self.journal, &self.world.bindings);
        }
        if self.journal.snapshot_is_due()
            && let Err(why) = recovery::compact(&self.journal, &self.world, now)
        {
            tracing::error!(%why, "the journal could not be compacted; it grows until it can");
        }
    }

    /// The journal says in its own words, once, what stands in the way.
    fn catch_up(&mut self, now: Now) {
        self.mark = Mark::Nothing;
        let version = self.world.bindings.version();
        let tried = self.journal.try_again(&mut |emit| recovery::dump(&self.world, now, emit));
        if tried.is_ok() && self.journal.is_writable() {
            self.world.bindings.set_saved_up_to(version);
        }
    }
}

/// How far everything is known to be saved, in three turns: a version is noted; a second later whatever had it has long
/// been appended, and the last entry is noted; once that is decided and nothing has failed, the version is saved.
#[derive(Clone, Copy)]
enum Mark {
    Nothing,
    Version(Version),
    Appended(Version, Sequence),
}

impl Mark {
    fn moved_on(self, journal: &Journal, bindings: &Bindings) -> Mark {
        match self {
            Mark::Nothing => Mark::Version(bindings.version()),
            Mark::Version(version) => Mark::Appended(version, journal.appended()),
            Mark::Appended(version, last) if journal.decided() >= last => {
                bindings.set_saved_up_to(version);
                Mark::Version(bindings.version())
            }
            Mark::Appended(..) => self,
        }
    }
}
