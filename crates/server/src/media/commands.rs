//! What a worker is told: one queue and one wake for a batch.

use coeur_exchange::outbox::MediaCommand;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Commands waiting beyond which nothing more is opened. Worst-case memory: about 16 MB, since a description has some
/// hundred bytes. Words about endpoints that are open are always taken: each comes with a message of their call.
const COMMANDS_MAX: usize = 16_384;

pub(super) enum Work {
    Command(MediaCommand),
    Stop,
}

pub(super) struct Commands {
    waiting: Mutex<Vec<Work>>,
    woken: AtomicBool,
    waker: mio::Waker,
}

impl Commands {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Self { waiting: Mutex::default(), woken: AtomicBool::new(false), waker }
    }

    /// Hands an `Open` back when too many wait.
    pub(super) fn give(&self, work: Work) -> Result<(), MediaCommand> {
        let mut waiting = self.waiting.lock();
        match work {
            Work::Command(open @ (MediaCommand::Open { .. } | MediaCommand::Restore { .. }))
                if waiting.len() >= COMMANDS_MAX =>
            {
                return Err(open);
            }
            work => waiting.push(work),
        }
        drop(waiting);
        if !self.woken.swap(true, Ordering::SeqCst) {
            // The eventfd cannot be full: it is written once per batch.
            let _ = self.waker.wake();
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.lock().len()
    }

    /// Takes everything; to be called by the worker only.
    pub(super) fn take(&self, into: &mut Vec<Work>) {
        self.woken.store(false, Ordering::SeqCst);
        std::mem::swap(&mut *self.waiting.lock(), into);
    }
}
