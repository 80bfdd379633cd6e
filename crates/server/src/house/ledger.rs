//! The records of calls that are over, on their way to the database: one thread writes what comes within a moment in one
//! commit. Until then, and until the disk has it, a record is in the journal. A disk that refuses is asked again; records wait
//! for it as long as there is room.

use super::call_rows::row;
use crate::observe::events::EventLog;
use coeur_api::Refusal;
use coeur_exchange::call_record::{CallRecord, CallRecordId};
use coeur_exchange::flow::ShardId;
use coeur_storage::{CallRow, Keep};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Records that wait for the thread, and as many for the disk; more are lost and counted. About 1 kB each, and at most
/// some 5 kB: 330 MB.
const RECORDS_MAX: usize = 65_536;
/// Written in one commit.
const BATCH: usize = 1_000;
/// The first record waits so long for others. A commit writes each page of the tables and of their index that it has touched,
/// and syncs: one for a call costs as much as one for thirty.
const GATHER: Duration = Duration::from_millis(100);
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
    /// Word that somebody waits.
    hurry: SyncSender<()>,
    pub lost: Arc<AtomicU64>,
    pub kept: Arc<AtomicU64>,
}

/// The thread's end of it.
pub struct Pages {
    work: Receiver<Work>,
    hurry: Receiver<()>,
    gather: Duration,
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
        let (hurry, hurried) = sync_channel(1);
        let (lost, kept) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let pages = Pages {
            work: receiver,
            hurry: hurried,
            gather: GATHER,
            waiting: Vec::new(),
            lost: lost.clone(),
            kept: kept.clone(),
            log: EventLog::default(),
            keep,
            is_refused: false,
        };
        (Self { work, hurry, lost, kept }, pages)
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
            // Full: somebody else has said so.
            let _ = self.hurry.try_send(());
            // Who waits longer waits in vain.
            let _ = is_done.recv_timeout(FLUSH);
        }
    }
}

/// Keeps all of these, or none.
pub type Write<'w> = dyn Fn(&[CallRow], Keep) -> Result<(), Refusal> + 'w;

impl Pages {
    /// Until the shards are gone. `done_with`: the journal need not keep these any longer, since they are written, or given up.
    pub fn write(mut self, write: &Write<'_>, done_with: &dyn Fn(Vec<CallRecordId>)) {
        loop {
            let first = match self.waiting.is_empty() {
                true => self.work.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => self.work.recv_timeout(AGAIN),
            };
            let mut flushed = Vec::new();
            match first {
                Ok(first) => {
                    self.take(first, &mut flushed);
                    // Not at the queue: each record that came would wake this thread. Over at once when the shards are gone.
                    let _ = self.hurry.recv_timeout(self.gather);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.commit(write, done_with),
            }
            while let Ok(next) = self.work.try_recv() {
                self.take(next, &mut flushed);
            }
            self.commit(write, done_with);
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

    fn commit(&mut self, write: &Write<'_>, done_with: &dyn Fn(Vec<CallRecordId>)) {
        let mut written = 0;
        for batch in self.waiting.chunks(BATCH) {
            match write(batch, self.keep) {
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
        // Given up in the journal too: what it holds of them is in memory.
        let lost = (self.waiting.len() - written).saturating_sub(RECORDS_MAX);
        self.lost.fetch_add(lost as u64, Ordering::Relaxed);
        done_with(self.waiting.drain(..written + lost).map(|row| CallRecordId(row.id)).collect());
        if self.waiting.is_empty() && std::mem::take(&mut self.is_refused) {
            tracing::info!("records of calls are written again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_api::Why;
    use coeur_exchange::call_record::Side;
    use coeur_exchange::event::EndedBy;
    use coeur_sip::time::Wall;
    use coeur_storage::SideRow;
    use std::cell::RefCell;

    fn call(id: u128) -> CallRow {
        CallRow {
            id,
            ring_after_ms: None,
            answered_at_ms: None,
            ended_at_ms: 0,
            status: 487,
            ended_by: "caller".into(),
            reason: None,
            q850_cause: None,
            to: "sip:bob@example.test".into(),
            media: None,
            transfer_of: None,
            forwarded_by: None,
            verdict: None,
            caller: SideRow::default(),
            callee: None,
            payer: None,
        }
    }

    #[test]
    fn a_disk_that_refuses_is_asked_again_and_what_is_too_much_is_given_up_in_the_journal_too() {
        let (ledger, mut pages) = Ledger::new(Keep { days: 1, calls: 1_000_000 });
        let all = RECORDS_MAX as u128 + 3;
        pages.waiting = (0..all).map(call).collect();
        let done = RefCell::new(Vec::new());
        let done_with = |ids: Vec<CallRecordId>| done.borrow_mut().extend(ids.iter().map(|id| id.0));
        pages.commit(&|_, _| Err(Refusal::new(Why::Unavailable, "the disk is full")), &done_with);
        assert_eq!(done.borrow_mut().drain(..).collect::<Vec<_>>(), [0, 1, 2], "the oldest");
        let written = RefCell::new(Vec::new());
        let write = |calls: &[CallRow], _| {
            written.borrow_mut().extend(calls.iter().map(|call| call.id));
            Ok(())
        };
        pages.commit(&write, &done_with);
        let expected: Vec<u128> = (3..all).collect();
        assert_eq!((&*written.borrow(), &*done.borrow()), (&expected, &expected));
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        assert_eq!((count(&ledger.lost), count(&ledger.kept)), (3, RECORDS_MAX as u64));
    }

    fn ended(id: u128) -> Box<CallRecord> {
        let caller = Side::nobody();
        Box::new(CallRecord {
            id: CallRecordId(id),
            caller,
            callee: None,
            to: Box::default(),
            call_id: Box::default(),
            started: Wall::default(),
            rang_after_ms: None,
            answered: None,
            ended: Wall::default(),
            status: 487,
            ended_by: EndedBy::Caller,
            reason: None,
            protection: None,
            forwarded: Box::default(),
            transfer_of: None,
            verdict: None,
            payer: None,
        })
    }

    #[test]
    fn records_of_a_moment_are_one_commit_and_who_waits_for_them_waits_no_moment() {
        let (ledger, mut pages) = Ledger::new(Keep { days: 1, calls: 1_000_000 });
        pages.gather = Duration::from_secs(3_600);
        let (written, commits) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let write = |calls: &[CallRow], _| {
                // Who has seen enough is gone.
                let _ = written.send(calls.iter().map(|call| call.id).collect::<Vec<_>>());
                Ok(())
            };
            pages.write(&write, &|_| {});
        });
        ledger.ended(ShardId(0), ended(1));
        let early = commits.recv_timeout(Duration::from_millis(50));
        assert_eq!(early, Err(RecvTimeoutError::Timeout), "the first waits for others");
        ledger.ended(ShardId(1), ended(2));
        ledger.flush();
        assert_eq!(commits.try_recv(), Ok(vec![1, 2]));
        ledger.ended(ShardId(0), ended(3));
        drop(ledger);
        thread.join().unwrap();
        assert_eq!(commits.try_recv(), Ok(vec![3]), "the shards are gone");
    }
}
