//! The writer thread: shards append to a buffer, the thread writes and syncs it as one group and tells them.

use super::Sequence;
use super::group::Group;
use super::log::{Log, Options, Report, write_snapshot};
use crate::disk::Disk;
use crate::error::StorageError;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    pub groups: u64,
    pub entries: u64,
    pub failed_groups: u64,
    pub total_us: u64,
    pub last_us: u64,
}

/// Failed ranges remembered. A shard asks within milliseconds, so few are ever needed.
const FAILED_RANGES_MAX: usize = 1_024;
/// After a failure the disk is tried again with the next group, at most this often.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

type Notify = Box<dyn Fn() + Send + Sync>;

pub struct Journal {
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    options: Options,
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    rotated: Condvar,
    /// All entries up to this one are durable or failed.
    decided: AtomicU64,
    any_failed: AtomicBool,
    writable: AtomicBool,
    failed: Mutex<VecDeque<(u64, u64)>>,
    notify: Mutex<Vec<(u8, Notify)>>,
    latency: Mutex<Latency>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Waiting {
    group: Group,
    next: u64,
    /// Which shards have entries in the group, as bits.
    shards: u64,
    stop: bool,
    flush_now: bool,
    last_error: Option<String>,
}

impl Journal {
    /// Recovers (`replay` sees each entry, oldest first) and starts the writer thread.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        replay: &mut dyn FnMut(&[u8]),
    ) -> Result<(Self, Report), StorageError> {
        let (log, report) = Log::open(disk, options, replay)?;
        let disk = log.disk();
        let shared = Arc::new(Shared {
            options,
            waiting: Mutex::new(Waiting { next: 1, ..Waiting::default() }),
            arrived: Condvar::new(),
            rotated: Condvar::new(),
            decided: AtomicU64::new(0),
            any_failed: AtomicBool::new(false),
            writable: AtomicBool::new(true),
            failed: Mutex::default(),
            notify: Mutex::default(),
            latency: Mutex::default(),
            log: Mutex::new(log),
        });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("coeur-journal".into())
            .spawn(move || of_thread.run())
            .map_err(StorageError::io("start the journal thread of", &disk.path()))?;
        Ok((Self { shared, disk, thread: Some(thread) }, report))
    }

    /// Puts an entry into the next group. Never waits for the disk. An error means that it will not be written.
    pub fn append(&self, shard: u8, entry: &[u8]) -> Result<Sequence, StorageError> {
        let mut waiting = self.shared.waiting.lock();
        if waiting.group.payload_bytes() + entry.len() > self.shared.options.waiting_bytes_max {
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

    /// False from a failed group until one succeeds.
    pub fn is_writable(&self) -> bool {
        self.shared.writable.load(Ordering::Acquire)
    }

    pub fn last_error(&self) -> Option<String> {
        self.shared.waiting.lock().last_error.clone()
    }

    /// Called on the writer thread after each group that held entries of this shard. Must be quick.
    pub fn on_decided(&self, shard: u8, notify: impl Fn() + Send + Sync + 'static) {
        self.shared.notify.lock().push((shard & 63, Box::new(notify)));
    }

    pub fn latency(&self) -> Latency {
        *self.shared.latency.lock()
    }

    pub fn snapshot_is_due(&self) -> bool {
        self.shared.log.lock().snapshot_is_due()
    }

    /// Takes a snapshot on the calling thread while the writer goes on. `dump` emits the whole live state as entries.
    pub fn take_snapshot(&self, dump: &mut dyn FnMut(&mut dyn FnMut(&[u8]))) -> Result<(), StorageError> {
        let number = self.shared.log.lock().rotate()?;
        let bytes = write_snapshot(&*self.disk, number, dump)?;
        self.shared.log.lock().snapshot_taken(number, bytes);
        Ok(())
    }

    /// Waits until everything appended so far is decided.
    pub fn flush(&self) {
        let mut waiting = self.shared.waiting.lock();
        let last = waiting.next - 1;
        waiting.flush_now = true;
        self.shared.arrived.notify_one();
        while self.shared.decided.load(Ordering::Acquire) < last && !waiting.stop {
            self.shared.rotated.wait_for(&mut waiting, Duration::from_millis(10));
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
    fn run(&self) {
        let mut group = Group::default();
        let mut started = Instant::now() - Duration::from_secs(1);
        let mut tried_at: Option<Instant> = None;
        loop {
            let Some((first, shards)) = self.take(&mut group, started) else { return };
            started = Instant::now();
            let entries = group.entries() as u64;
            let resting = tried_at.is_some_and(|at| at.elapsed() < RETRY_INTERVAL);
            let outcome = if resting {
                Err("the disk failed a moment ago".to_owned())
            } else {
                self.log.lock().write(&mut group).map_err(|e| e.to_string())
            };
            group.clear();
            if let Err(error) = outcome {
                tried_at = if resting { tried_at } else { Some(Instant::now()) };
                self.fail(first, first + entries - 1, error, resting);
            } else {
                tried_at = None;
                if !self.writable.swap(true, Ordering::AcqRel) {
                    tracing::info!("the journal is writable again");
                    self.waiting.lock().last_error = None;
                }
            }
            self.decided.store(first + entries - 1, Ordering::Release);
            self.measure(entries, started.elapsed());
            for (shard, notify) in self.notify.lock().iter() {
                if shards & 1 << shard != 0 {
                    notify();
                }
            }
            self.rotated.notify_all();
        }
    }

    /// Waits for entries and for the interval between groups, then takes the group. `None` when it is time to stop.
    fn take(&self, group: &mut Group, started: Instant) -> Option<(u64, u64)> {
        let earliest = started + Duration::from_micros(self.options.group_interval_us);
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.group.is_empty() {
                waiting.flush_now = false;
                if waiting.stop {
                    return None;
                }
                self.arrived.wait(&mut waiting);
                continue;
            }
            if waiting.stop || waiting.flush_now || Instant::now() >= earliest {
                break;
            }
            // Entries that arrive meanwhile join the group without a wake-up.
            drop(waiting);
            std::thread::sleep(earliest.saturating_duration_since(Instant::now()));
            waiting = self.waiting.lock();
        }
        std::mem::swap(&mut waiting.group, group);
        let shards = std::mem::take(&mut waiting.shards);
        Some((waiting.next - group.entries() as u64, shards))
    }

    fn fail(&self, first: u64, last: u64, error: String, quietly: bool) {
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
        self.writable.store(false, Ordering::Release);
        if !quietly {
            tracing::error!(%error, "the journal cannot write: registrations are answered 503, calls go on");
            self.waiting.lock().last_error = Some(error);
        }
    }

    fn measure(&self, entries: u64, took: Duration) {
        let mut latency = self.latency.lock();
        latency.groups += 1;
        latency.entries += entries;
        latency.failed_groups += u64::from(!self.writable.load(Ordering::Relaxed));
        latency.last_us = took.as_micros() as u64;
        latency.total_us += latency.last_us;
    }
}
