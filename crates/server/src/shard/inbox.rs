//! What other threads tell a shard: one bounded queue and one wake per batch.

use coeur_exchange::flow::{Flow, ShardId};
use coeur_exchange::input::{Command, MediaEvent, SendFailure};
use coeur_exchange::outbox::{ResolveToken, SendToken};
use coeur_sip::resolve::Answer;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Notices waiting for one shard. Worst-case memory: 16,384 times 64 kB if all were largest messages; usual messages
/// make 16 MB.
const NOTICES_MAX: usize = 16_384;

pub enum Notice {
    /// A response that belongs to this shard's transactions arrived elsewhere, or a request of its calls.
    Received {
        flow: Flow,
        bytes: Box<[u8]>,
        /// Shards that have been asked in vain for the INVITE of a CANCEL or an ACK.
        asked: u8,
    },
    /// To be sent on a connection of this shard. Who asked hears of a failure when there is a token.
    Send {
        flow: Flow,
        bytes: Box<[u8]>,
        token: Option<(ShardId, SendToken)>,
    },
    Close {
        flow: Flow,
    },
    SendFailed {
        token: SendToken,
        failure: SendFailure,
    },
    Resolved {
        token: ResolveToken,
        answer: Box<Answer>,
    },
    Told(Command),
    Media(MediaEvent),
    /// Something became durable or failed: look at what is held.
    Durable,
    /// Accept nothing more; close when nothing is held, at the latest after this time.
    Stop {
        grace: Duration,
    },
}

pub struct Inbox {
    notices: Mutex<Vec<Notice>>,
    woken: AtomicBool,
    durable: AtomicBool,
    refused: AtomicU64,
    /// How often the shard has looked.
    looks: AtomicU64,
    waker: mio::Waker,
}

/// The queue is full; the notice is handed back.
pub struct Full(pub Notice);

impl Inbox {
    pub fn new(waker: mio::Waker) -> Self {
        Self {
            notices: Mutex::new(Vec::new()),
            woken: AtomicBool::new(false),
            durable: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            looks: AtomicU64::new(0),
            waker,
        }
    }

    /// Hands a notice over and wakes the shard. When the queue is full, messages, sends and answers are handed back
    /// and counted (SIP repeats them); word of the administration door and of stopping is always taken.
    pub fn tell(&self, notice: Notice) -> Result<(), Full> {
        if matches!(notice, Notice::Durable) {
            self.durable();
            return Ok(());
        }
        let must = matches!(notice, Notice::Told(_) | Notice::Stop { .. });
        let mut notices = self.notices.lock();
        if notices.len() >= NOTICES_MAX && !must {
            drop(notices);
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Full(notice));
        }
        notices.push(notice);
        drop(notices);
        self.wake();
        Ok(())
    }

    /// The journal has news. Costs nothing when the shard already knows.
    pub fn durable(&self) {
        if !self.durable.swap(true, Ordering::AcqRel) {
            self.wake();
        }
    }

    /// Notices that wait.
    pub fn len(&self) -> usize {
        self.notices.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often the shard has looked into its inbox: after [`Inbox::durable`] it does within a turn, if it is alive.
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    /// Notices handed back because the queue was full.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Takes everything; to be called by the shard only.
    pub(crate) fn take(&self, into: &mut Vec<Notice>) {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.woken.store(false, Ordering::SeqCst);
        self.durable.store(false, Ordering::SeqCst);
        std::mem::swap(&mut *self.notices.lock(), into);
    }

    fn wake(&self) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            // The eventfd cannot be full: it is written once per batch.
            let _ = self.waker.wake();
        }
    }
}
