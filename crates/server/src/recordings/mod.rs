//! Recordings of calls: sound that media workers hand over becomes files, on a thread of its own.
//!
//! A worker has a [`Reel`] for each call that it tapes and hands it some sound five times a second; that never waits. One
//! thread writes ([`writer`]), another seals what is over: syncs it, takes its SHA-256 and gives it its place and its row in
//! the records ([`seal`]). What a kill has left behind is made whole at the next start ([`repair`]).
//!
//! Files lie under `recordings` in the data directory, readable for its owner alone: `recordings/2026/11/26/CALL-1.wav`, by the
//! day on which the call began (UTC); until it is sealed a file is in `recordings/unfinished`.
//!
//! What it deliberately does not do: decide who is recorded (the exchange does), remove old files (their owner does), encrypt.

mod files;
mod repair;
mod seal;
#[cfg(test)]
mod tests;
mod writer;

pub use files::Folder;
pub use repair::Interrupted;
pub use seal::{Keep, Kept, Seal};
pub use writer::Writer;

use coeur_exchange::call_record::CallRecordId;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Of the sound on a reel: what G.722 has and nearly all of what Opus is worth for speech.
pub const RATE_HZ: u32 = 16_000;
/// Samples of one side in 20 ms.
pub const FRAME_SAMPLES: usize = RATE_HZ as usize / 50;
/// Frames that are handed over at once: 200 ms, 13 KB.
pub const HANDED_FRAMES: usize = 10;
/// Pieces of sound that wait for the disk; of more the frames are lost and counted. 53 MB.
const WAITING_MAX: usize = 4_096;
/// For so long workers are waited for that end.
const WORKERS_END: Duration = Duration::from_secs(1);

/// What files are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// 16-bit samples: 230 MB an hour.
    #[default]
    Wav,
    /// Opus at 32 kbit/s: 15 MB an hour.
    Ogg,
}

/// The way in; the same for all workers.
#[derive(Clone)]
pub struct Recordings(Arc<Shared>);

struct Shared {
    work: Sender<Work>,
    waiting: AtomicUsize,
    serial: AtomicU64,
    live: Mutex<BTreeMap<CallRecordId, Arc<State>>>,
    counts: Counts,
    /// In the hands of workers.
    reels: Mutex<usize>,
    reel_ended: Condvar,
    #[cfg(test)]
    is_stopping: AtomicBool,
}

/// Since the start.
#[derive(Debug, Default)]
pub struct Counts {
    pub begun: AtomicU64,
    /// The disk was full, or refused; or nothing of the call was understood.
    pub failed: AtomicU64,
    /// Of 20 ms, of which silence is on the file.
    pub lost_frames: AtomicU64,
}

/// Where a recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// They hear that they are recorded, and nothing is kept yet.
    Announced,
    Recording,
    Paused,
    Failed,
}

impl Phase {
    const ALL: [Self; 4] = [Self::Announced, Self::Recording, Self::Paused, Self::Failed];

    /// As it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Recording => "recording",
            Self::Paused => "paused",
            Self::Failed => "failed",
        }
    }
}

/// What is known of one recording while it lives.
pub struct State {
    serial: u64,
    pub call: CallRecordId,
    /// `policy`, an account, or an operator.
    pub asked_by: Box<str>,
    phase: AtomicU8,
    recorded_ms: AtomicU64,
    is_failed: AtomicBool,
    /// Relative to the data directory, once there is one, and why it failed.
    file: Mutex<Option<String>>,
    why: Mutex<Option<String>>,
}

impl State {
    pub fn phase(&self) -> Phase {
        match self.is_failed.load(Ordering::Relaxed) {
            true => Phase::Failed,
            false => Phase::ALL[usize::from(self.phase.load(Ordering::Relaxed)) % Phase::ALL.len()],
        }
    }

    pub fn recorded_ms(&self) -> u64 {
        self.recorded_ms.load(Ordering::Relaxed)
    }

    pub fn file(&self) -> Option<String> {
        self.file.lock().clone()
    }

    pub fn why(&self) -> Option<String> {
        self.why.lock().clone()
    }
}

/// What the writer is told.
enum Work {
    Begin(Arc<State>),
    /// Frames of both sides, interleaved; `at`: of how many frames they are behind.
    Sound {
        serial: u64,
        at: u64,
        pcm: Box<[i16]>,
    },
    /// So many frames were left out behind the first `at`.
    LeftOut {
        serial: u64,
        at: u64,
        frames: u64,
    },
    End {
        serial: u64,
    },
    Stop(Sender<()>),
}

impl Recordings {
    /// The way in, and what the thread that writes needs.
    pub fn new(folder: Folder, format: Format, reserve_bytes: u64, seal: Seal) -> (Self, Writer) {
        let (work, receiver) = channel();
        let shared = Arc::new(Shared {
            work,
            waiting: AtomicUsize::new(0),
            serial: AtomicU64::new(0),
            live: Mutex::default(),
            counts: Counts::default(),
            reels: Mutex::default(),
            reel_ended: Condvar::new(),
            #[cfg(test)]
            is_stopping: AtomicBool::new(false),
        });
        let writer = Writer::new(receiver, shared.clone(), folder, format, reserve_bytes, seal);
        (Self(shared), writer)
    }

    /// A recording begins, of which nothing is kept yet.
    pub fn begin(&self, call: CallRecordId, asked_by: Box<str>) -> Reel {
        let state = Arc::new(State {
            serial: self.0.serial.fetch_add(1, Ordering::Relaxed),
            call,
            asked_by,
            phase: AtomicU8::new(Phase::Announced as u8),
            recorded_ms: AtomicU64::new(0),
            is_failed: AtomicBool::new(false),
            file: Mutex::default(),
            why: Mutex::default(),
        });
        self.0.counts.begun.fetch_add(1, Ordering::Relaxed);
        *self.0.reels.lock() += 1;
        self.0.live.lock().insert(call, state.clone());
        self.0.tell(Work::Begin(state.clone()));
        Reel { shared: self.0.clone(), state }
    }

    /// The last recording of a call that lives, or has just ended.
    pub fn of(&self, call: CallRecordId) -> Option<Arc<State>> {
        self.0.live.lock().get(&call).cloned()
    }

    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Recordings whose file is open, or was refused.
    pub fn live(&self) -> usize {
        self.0.live.lock().len()
    }

    /// All that was handed over is on the disk, files that are open are whole, and the threads end. Workers that have been told
    /// to end hand over what they have before.
    pub fn stop(&self) {
        #[cfg(test)]
        self.0.is_stopping.store(true, Ordering::Release);
        let mut reels = self.0.reels.lock();
        self.0.reel_ended.wait_while_for(&mut reels, |reels| *reels > 0, WORKERS_END);
        drop(reels);
        let (done, is_done) = channel();
        self.0.tell(Work::Stop(done));
        // Who waits longer waits in vain.
        let _ = is_done.recv_timeout(Duration::from_secs(5));
    }
}

impl std::fmt::Debug for Recordings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recordings").field("live", &self.live()).finish_non_exhaustive()
    }
}

impl Shared {
    fn tell(&self, work: Work) {
        // Once the thread has ended nobody writes.
        let _ = self.work.send(work);
    }

    /// It is over; a later one of the same call stays.
    fn forget(&self, state: &State) {
        let mut live = self.live.lock();
        if live.get(&state.call).is_some_and(|found| found.serial == state.serial) {
            live.remove(&state.call);
        }
    }
}

/// One recording, in the hands of a media worker. It ends when it is dropped.
pub struct Reel {
    shared: Arc<Shared>,
    state: Arc<State>,
}

impl Reel {
    /// Frames of both sides, interleaved, behind so many others. Never waits: when too much waits for the disk they are lost.
    pub fn sound(&self, at: u64, pcm: Box<[i16]>) {
        let waiting = &self.shared.waiting;
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            waiting.fetch_sub(1, Ordering::Relaxed);
            let frames = (pcm.len() / (2 * FRAME_SAMPLES)) as u64;
            self.shared.counts.lost_frames.fetch_add(frames, Ordering::Relaxed);
            return;
        }
        self.shared.tell(Work::Sound { serial: self.state.serial, at, pcm });
    }

    /// It was paused behind the first `at` frames for the time of so many.
    pub fn left_out(&self, at: u64, frames: u64) {
        self.shared.tell(Work::LeftOut { serial: self.state.serial, at, frames });
    }

    pub fn is(&self, phase: Phase) {
        self.state.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// The disk has refused: what is handed over goes nowhere.
    pub fn has_failed(&self) -> bool {
        self.state.is_failed.load(Ordering::Relaxed)
    }

    /// It cannot be made, for a reason that is not the disk's.
    pub fn fail(&self, why: &str) {
        tracing::error!(call = %self.state.call, why, "a call is not recorded");
        self.shared.counts.failed.fetch_add(1, Ordering::Relaxed);
        *self.state.why.lock() = Some(why.to_owned());
        self.state.is_failed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Reel {
    fn drop(&mut self) {
        self.shared.tell(Work::End { serial: self.state.serial });
        *self.shared.reels.lock() -= 1;
        self.shared.reel_ended.notify_all();
    }
}
