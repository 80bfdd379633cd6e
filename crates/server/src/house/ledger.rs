//! The records of calls that are over, on their way to the database: one thread writes what has come meanwhile in one
//! commit. A disk that refuses is asked again; records wait for it as long as there is room.

use super::call_rows::row;
use crate::observe::events::EventLog;
use coeur_api::Door;
use coeur_exchange::call_record::{CallRecord, CallRecordId};
use coeur_exchange::flow::ShardId;
use coeur_storage::{CallRow, Keep};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Records that wait for the thread, and as many for the disk; more are lost and counted. About 2 kB each, 130 MB.
const RECORDS_MAX: usize = 65_536;
/// Written in one commit.
const BATCH: usize = 1_000;
/// A disk that refuses is asked again this often.
const AGAIN: Duration = Duration::from_secs(1);
/// At the end of the server.
const FLUSH: Duration = Duration::from_secs(5);

enum Work {
    Ended(ShardId, Box<CallRecord>),
    Flush(SyncSender<()>),
}

pub struct Ledger {
    work: SyncSender<Work>,
    pub lost: Arc<AtomicU64>,
    pub kept: Arc<AtomicU64>,
}

/// The thread's end of it.
pub struct Pages {
    work: Receiver<Work>,
    waiting: Vec<CallRow>,
    lost: Arc<AtomicU64>,
    kept: Arc<AtomicU64>,
    log: EventLog,
    keep: Keep,
    is_refused: bool,
}

impl Ledger {
    pub fn new(keep: Keep) -> (Self, Pages) {
        let (work, receiver) = sync_channel(RECORDS_MAX);
        let (lost, kept) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let pages = Pages {
            work: receiver,
            waiting: Vec::new(),
            lost: lost.clone(),
            kept: kept.clone(),
            log: EventLog::default(),
            keep,
            is_refused: false,
        };
        (Self { work, lost, kept }, pages)
    }

    /// Never waits.
    pub fn ended(&self, shard: ShardId, record: Box<CallRecord>) {
        if self.work.try_send(Work::Ended(shard, record)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns when all that came before is written, or has been refused once more.
    pub fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        if self.work.send(Work::Flush(done)).is_ok() {
            // Who waits longer waits in vain.
            let _ = is_done.recv_timeout(FLUSH);
        }
    }
}

impl Pages {
    /// Until the shards are gone.
    pub fn write(mut self, door: &Door, committed: &dyn Fn(Vec<CallRecordId>)) {
        loop {
            let first = match self.waiting.is_empty() {
                true => self.work.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => self.work.recv_timeout(AGAIN),
            };
            let mut flushed = Vec::new();
            match first {
                Ok(first) => self.take(first, &mut flushed),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.commit(door, committed),
            }
            while let Ok(next) = self.work.try_recv() {
                self.take(next, &mut flushed);
            }
            self.commit(door, committed);
            for done in flushed {
                // Who has asked may have given up.
                let _ = done.try_send(());
            }
        }
    }

    fn take(&mut self, work: Work, flushed: &mut Vec<SyncSender<()>>) {
        match work {
            Work::Ended(shard, record) => {
                self.log.ended(shard, &record);
                self.waiting.push(row(&record));
            }
            Work::Flush(done) => flushed.push(done),
        }
    }

    /// `committed`: the journal need not keep these any longer.
    fn commit(&mut self, door: &Door, committed: &dyn Fn(Vec<CallRecordId>)) {
        let mut written = 0;
        for batch in self.waiting.chunks(BATCH) {
            match door.keep_calls(batch, self.keep) {
                Ok(()) => written += batch.len(),
                Err(why) => {
                    if !std::mem::replace(&mut self.is_refused, true) {
                        tracing::error!(why = why.text, "records of calls cannot be written; they wait");
                    }
                    break;
                }
            }
        }
        self.kept.fetch_add(written as u64, Ordering::Relaxed);
        committed(self.waiting.drain(..written).map(|row| CallRecordId(row.id)).collect());
        if self.waiting.is_empty() && std::mem::take(&mut self.is_refused) {
            tracing::info!("records of calls are written again");
        }
        let too_many = self.waiting.len().saturating_sub(RECORDS_MAX);
        self.waiting.drain(..too_many);
        self.lost.fetch_add(too_many as u64, Ordering::Relaxed);
    }
}
