//! The writer thread: shards append to a buffer, the thread writes and syncs it as one group and tells them.
//!
//! After a failure whoever appends has in memory what the journal lacks, and later entries may build on it. So nothing
//! more is acknowledged until a snapshot of all of it is on disk ([`Journal::try_again`]): every entry until then fails.

use super::Sequence;
use super::group::{GROUP_BYTES_MAX, Group};
use super::log::{Log, Options};
use super::recovery::Report;
use super::snapshot::{self, Dump};
use crate::disk::Disk;
use crate::error::StorageError;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Waiting,
    Durable,
    Failed,
}

/// How long groups took, for the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// Groups that took at most so long and longer than the bound before; those beyond all bounds are only in `groups`.
    pub within: [u64; LATENCY_BOUNDS_US.len()],
    pub groups: u64,
    pub entries: u64,
    pub failed_groups: u64,
    pub total_us: u64,
    pub last_us: u64,
}

/// Write and sync of a group, in microseconds.
pub const LATENCY_BOUNDS_US: [u64; 10] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000];

/// Failed ranges remembered. A shard asks within milliseconds, so few are ever needed.
const FAILED_RANGES_MAX: usize = 1_024;

/// How soon somebody who waits for the writer thread sees that it is gone.
const LOOK_AFTER_WRITER: Duration = Duration::from_secs(1);

type Notify = Box<dyn Fn() + Send + Sync>;

pub struct Journal {
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    /// When the last snapshot failed. Held while one is taken: one at a time.
    snapshot_failed_at: Mutex<Option<Instant>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    options: Options,
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    decided_some: Condvar,
    /// All entries up to this one are durable or failed.
    decided: AtomicU64,
    any_failed: AtomicBool,
    /// False from a failure until a snapshot holds what was lost by it.
    writable: AtomicBool,
    /// Counts what was not written, so that a snapshot knows whether it holds it.
    failures: AtomicU64,
    snapshot_due: AtomicBool,
    failed: Mutex<VecDeque<(u64, u64)>>,
    notify: Mutex<Vec<(u8, Notify)>>,
    latency: Mutex<Latency>,
}

/// What the writer thread does for others between two groups.
enum Request {
    Rotate(SyncSender<Result<u64, StorageError>>),
    /// `failures` as it was before the snapshot looked at the state.
    SnapshotTaken {
        number: u64,
        bytes: u64,
        failures: u64,
        done: SyncSender<()>,
    },
}

enum Work {
    Stop,
    Requests(Vec<Request>),
    Group { first: u64, shards: u64 },
}

#[derive(Default)]
struct Waiting {
    group: Group,
    next: u64,
    /// Which shards have entries in the group, as bits.
    shards: u64,
    stop: bool,
    flush_now: bool,
    /// While the journal is not writable: entries from here on may build on what was lost.
    lost_from: u64,
    last_error: Option<String>,
    /// One per caller of [`Journal::take_snapshot`] and [`Journal::try_again`], who waits: so as many as threads.
    requests: Vec<Request>,
}

impl Journal {
    /// Recovers (`replay` sees each entry, oldest first) and starts the writer thread.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        replay: &mut dyn FnMut(&[u8]),
    ) -> Result<(Self, Report), StorageError> {
        let options =
            Options { waiting_bytes_max: options.waiting_bytes_max.min(GROUP_BYTES_MAX), ..options };
        let (log, report) = Log::open(disk.clone(), options, replay)?;
        let shared = Arc::new(Shared {
            options,
            waiting: Mutex::new(Waiting { next: 1, ..Waiting::default() }),
            arrived: Condvar::new(),
            decided_some: Condvar::new(),
            decided: AtomicU64::new(0),
            any_failed: AtomicBool::new(false),
            writable: AtomicBool::new(true),
            failures: AtomicU64::new(0),
            snapshot_due: AtomicBool::new(log.snapshot_is_due()),
            failed: Mutex::default(),
            notify: Mutex::default(),
            latency: Mutex::default(),
        });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("coeur-journal".into())
            .spawn(move || of_thread.run(log))
            .map_err(StorageError::io("start the journal thread of", &disk.path()))?;
        Ok((Self { shared, disk, snapshot_failed_at: Mutex::default(), thread: Some(thread) }, report))
    }

    /// Puts an entry into the next group. Never waits for the disk. An error means that it will not be written.
    pub fn append(&self, shard: u8, entry: &[u8]) -> Result<Sequence, StorageError> {
        let mut waiting = self.shared.waiting.lock();
        if waiting.group.payload_bytes() + entry.len() > self.shared.options.waiting_bytes_max {
            let lost_from = waiting.next;
            let news = self.shared.lost(&mut waiting, lost_from, &StorageError::JournalFull);
            drop(waiting);
            say(news);
            return Err(StorageError::JournalFull);
        }
        let was_empty = waiting.group.is_empty();
        waiting.group.push(entry);
        waiting.shards |= 1 << (shard & 63);
        let sequence = waiting.next;
        waiting.next += 1;
        drop(waiting);
        if was_empty {
            self.shared.arrived.notify_one();
        }
        Ok(Sequence(sequence))
    }

    /// The last entry that was appended.
    pub fn appended(&self) -> Sequence {
        Sequence(self.shared.waiting.lock().next - 1)
    }

    /// All entries up to this one have an [`Outcome`].
    pub fn decided(&self) -> Sequence {
        Sequence(self.shared.decided.load(Ordering::Acquire))
    }

    pub fn outcome(&self, sequence: Sequence) -> Outcome {
        if sequence > self.decided() {
            return Outcome::Waiting;
        }
        if !self.shared.any_failed.load(Ordering::Acquire) {
            return Outcome::Durable;
        }
        let failed = self.shared.failed.lock();
        if failed.iter().any(|(first, last)| (*first..=*last).contains(&sequence.0)) {
            Outcome::Failed
        } else {
            Outcome::Durable
        }
    }

    /// False from a failed group or a refused entry until a snapshot has been taken.
    pub fn is_writable(&self) -> bool {
        self.shared.writable.load(Ordering::Acquire)
    }

    /// False when the writer thread has ended by itself: nothing more will be decided.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    pub fn last_error(&self) -> Option<String> {
        self.shared.waiting.lock().last_error.clone()
    }

    /// Called on the writer thread after each group that held entries of this shard. Must be quick.
    pub fn on_decided(&self, shard: u8, notify: impl Fn() + Send + Sync + 'static) {
        self.shared.notify.lock().push((shard & 63, Box::new(notify)));
    }

    /// Entries and bytes that wait for the next group.
    pub fn waiting(&self) -> (u64, u64) {
        let waiting = self.shared.waiting.lock();
        (u64::from(waiting.group.entries()), waiting.group.payload_bytes() as u64)
    }

    pub fn latency(&self) -> Latency {
        *self.shared.latency.lock()
    }

    /// Never waits for the disk.
    pub fn snapshot_is_due(&self) -> bool {
        self.shared.snapshot_due.load(Ordering::Acquire)
            && self
                .snapshot_failed_at
                .try_lock()
                .is_some_and(|at| at.is_none_or(|at| at.elapsed() >= self.shared.options.snapshot_retry))
    }

    /// Takes a snapshot on the calling thread while the writer goes on. The caller waits for the group under way, those
    /// who append do not.
    pub fn take_snapshot(&self, dump: Dump<'_>) -> Result<(), StorageError> {
        let mut failed_at = self.snapshot_failed_at.lock();
        let taken = self.rotate().and_then(|number| self.snapshot_from(number, dump));
        *failed_at = if taken.is_ok() { None } else { Some(Instant::now()) };
        taken
    }

    /// After a failure: looks whether the disk can be written again, and if so takes a snapshot. When nothing failed
    /// meanwhile, [`Journal::is_writable`] is true again. Meant to be called about once a second.
    pub fn try_again(&self, dump: Dump<'_>) -> Result<(), StorageError> {
        if self.is_writable() {
            return Ok(());
        }
        let mut failed_at = self.snapshot_failed_at.lock();
        // A few bytes tell whether the disk is as it was.
        let number = self.rotate()?;
        if failed_at.is_some_and(|at| at.elapsed() < self.shared.options.catch_up_retry) {
            return Ok(());
        }
        let taken = self.snapshot_from(number, dump);
        *failed_at = taken.as_ref().err().map(|error| {
            self.shared.waiting.lock().last_error = Some(error.to_string());
            Instant::now()
        });
        taken
    }

    /// The state is looked at after segment `number` has begun, so what is appended later is in that segment or fails.
    fn snapshot_from(&self, number: u64, dump: Dump<'_>) -> Result<(), StorageError> {
        let failures = self.shared.failures.load(Ordering::Acquire);
        let bytes = snapshot::write(&*self.disk, number, dump)?;
        let (done, waits) = sync_channel(1);
        self.ask(Request::SnapshotTaken { number, bytes, failures, done }, &waits)
    }

    fn rotate(&self) -> Result<u64, StorageError> {
        let (answer, waits) = sync_channel(1);
        self.ask(Request::Rotate(answer), &waits)?
    }

    fn ask<T>(&self, request: Request, waits: &Receiver<T>) -> Result<T, StorageError> {
        self.shared.waiting.lock().requests.push(request);
        self.shared.arrived.notify_one();
        let gone = || {
            StorageError::io("write", &self.disk.path())(std::io::Error::other("the journal thread is gone"))
        };
        loop {
            match waits.recv_timeout(LOOK_AFTER_WRITER) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) if self.is_running() => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        }
    }

    /// Waits until everything appended so far is decided.
    pub fn flush(&self) {
        let mut waiting = self.shared.waiting.lock();
        let last = waiting.next - 1;
        waiting.flush_now = true;
        self.shared.arrived.notify_one();
        while self.shared.decided.load(Ordering::Acquire) < last && !waiting.stop && self.is_running() {
            self.shared.decided_some.wait_for(&mut waiting, Duration::from_millis(10));
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.waiting.lock().stop = true;
        self.shared.arrived.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, mut log: Log) {
        let mut group = Group::default();
        let mut started: Option<Instant> = None;
        loop {
            match self.take(&mut group, started) {
                Work::Stop => return,
                Work::Requests(requests) => {
                    for request in requests {
                        self.serve(request, &mut log);
                    }
                }
                Work::Group { first, shards } => {
                    let at = Instant::now();
                    started = Some(at);
                    let last = first + u64::from(group.entries()) - 1;
                    self.write(&mut group, first, last, &mut log);
                    // Before the outcome is known: whoever sees it finds it counted.
                    self.measure(u64::from(group.entries()), at.elapsed());
                    self.decided.store(last, Ordering::Release);
                    group.clear();
                    self.tell(shards);
                }
            }
            self.snapshot_due.store(log.snapshot_is_due(), Ordering::Release);
        }
    }

    /// Waits for something to do; entries also wait for the interval between groups.
    fn take(&self, group: &mut Group, started: Option<Instant>) -> Work {
        let earliest = started.map(|at| at + Duration::from_micros(self.options.group_interval_us));
        let mut waiting = self.waiting.lock();
        loop {
            if !waiting.requests.is_empty() {
                return Work::Requests(std::mem::take(&mut waiting.requests));
            }
            if waiting.group.is_empty() {
                waiting.flush_now = false;
                if waiting.stop {
                    return Work::Stop;
                }
                self.arrived.wait(&mut waiting);
                continue;
            }
            let left = earliest.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
            if waiting.stop || waiting.flush_now || left.is_zero() {
                break;
            }
            // Entries that arrive meanwhile join the group without a wake-up: only the first of a group wakes.
            self.arrived.wait_for(&mut waiting, left);
        }
        std::mem::swap(&mut waiting.group, group);
        let shards = std::mem::take(&mut waiting.shards);
        Work::Group { first: waiting.next - u64::from(group.entries()), shards }
    }

    fn write(&self, group: &mut Group, first: u64, last: u64, log: &mut Log) {
        let lost = if self.builds_on_lost(last) {
            self.failures.fetch_add(1, Ordering::AcqRel);
            true
        } else {
            let failed = log.write(group).err();
            say(failed.as_ref().and_then(|error| self.lost(&mut self.waiting.lock(), first, error)));
            failed.is_some()
        };
        if lost {
            self.remember_failed(first, last);
        }
    }

    fn serve(&self, request: Request, log: &mut Log) {
        // Whoever asked may be gone.
        match request {
            Request::Rotate(answer) => {
                let rotated = log.rotate();
                if let Err(error) = &rotated {
                    let mut waiting = self.waiting.lock();
                    let lost_from = waiting.next;
                    let news = self.lost(&mut waiting, lost_from, error);
                    drop(waiting);
                    say(news);
                }
                let _ = answer.send(rotated);
            }
            Request::SnapshotTaken { number, bytes, failures, done } => {
                log.snapshot_taken(number, bytes);
                if self.caught_up(failures) {
                    tracing::info!("the journal is writable again");
                }
                let _ = done.send(());
            }
        }
    }

    fn tell(&self, shards: u64) {
        for (shard, notify) in self.notify.lock().iter() {
            if shards & 1 << shard != 0 {
                notify();
            }
        }
        self.decided_some.notify_all();
    }

    /// Open again, unless something failed since there were so many `failures`. An entry is refused under the same lock, so
    /// none is between the look and the opening. True when it was closed.
    fn caught_up(&self, failures: u64) -> bool {
        let mut waiting = self.waiting.lock();
        if self.failures.load(Ordering::Acquire) != failures || self.writable.swap(true, Ordering::AcqRel) {
            return false;
        }
        waiting.last_error = None;
        true
    }

    /// Entries from `from` on are not written, or may build on one that is not. Returns what is to be said once the lock that
    /// every shard needs is free, since whoever reads the log may be slow: when it begins and when the cause changes, not
    /// every second.
    #[must_use]
    fn lost(&self, waiting: &mut Waiting, from: u64, error: &StorageError) -> Option<String> {
        let text = error.to_string();
        self.failures.fetch_add(1, Ordering::AcqRel);
        let was_writable = self.writable.swap(false, Ordering::AcqRel);
        waiting.lost_from = if was_writable { from } else { waiting.lost_from.min(from) };
        let is_news = was_writable || waiting.last_error.as_ref() != Some(&text);
        waiting.last_error = Some(text.clone());
        is_news.then_some(text)
    }

    fn builds_on_lost(&self, last: u64) -> bool {
        !self.writable.load(Ordering::Acquire) && last >= self.waiting.lock().lost_from
    }

    fn remember_failed(&self, first: u64, last: u64) {
        let mut failed = self.failed.lock();
        match failed.back_mut() {
            Some(range) if range.1 + 1 == first => range.1 = last,
            _ => failed.push_back((first, last)),
        }
        while failed.len() > FAILED_RANGES_MAX {
            failed.pop_front();
        }
        drop(failed);
        self.any_failed.store(true, Ordering::Release);
    }

    fn measure(&self, entries: u64, took: Duration) {
        let mut latency = self.latency.lock();
        latency.groups += 1;
        latency.entries += entries;
        latency.failed_groups += u64::from(!self.writable.load(Ordering::Relaxed));
        latency.last_us = took.as_micros() as u64;
        latency.total_us += latency.last_us;
        let bound = LATENCY_BOUNDS_US.iter().position(|bound| latency.last_us <= *bound);
        if let Some(place) = bound {
            latency.within[place] += 1;
        }
    }
}

fn say(error: Option<String>) {
    if let Some(error) = error {
        tracing::error!(%error, "the journal cannot write: registrations are answered 503, calls go on");
    }
}
