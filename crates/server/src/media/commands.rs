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

    /// Puts it to what waits, of which the worker is yet to hear ([`Commands::wake`]). Hands an `Open` back when too many wait.
    pub(super) fn put(&self, work: Work) -> Result<(), MediaCommand> {
        let mut waiting = self.waiting.lock();
        match work {
            Work::Command(open @ (MediaCommand::Open { .. } | MediaCommand::Restore { .. }))
                if waiting.len() >= COMMANDS_MAX =>
            {
                return Err(open);
            }
            work => waiting.push(work),
        }
        Ok(())
    }

    /// Once for all that was put: a worker that is woken for the first word of several is woken again for the next.
    pub(super) fn wake(&self) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            // The eventfd cannot be full: it is written once per batch.
            let _ = self.waker.wake();
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_exchange::flow::ShardId;
    use coeur_exchange::outbox::MediaId;

    #[test]
    fn a_worker_is_woken_once_for_all_that_was_put_and_again_for_what_comes_after_it_has_looked() {
        let mut poll = mio::Poll::new().unwrap();
        let commands = Commands::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let mut events = mio::Events::with_capacity(8);
        let mut is_woken = || {
            poll.poll(&mut events, Some(std::time::Duration::ZERO)).unwrap();
            !events.is_empty()
        };
        let put = || {
            let report = MediaCommand::Report { id: MediaId::new(ShardId(0), 1) };
            assert!(commands.put(Work::Command(report)).is_ok());
        };
        for count in [2, 1] {
            (0..count).for_each(|_| put());
            assert!(!is_woken(), "not before all is put");
            commands.wake();
            assert!(is_woken());
            commands.wake();
            assert!(!is_woken(), "it knows");
            let mut taken = Vec::new();
            commands.take(&mut taken);
            assert_eq!(taken.len(), count);
        }
    }
}
