//! What the worker is told: one queue and one wake for a batch.

use super::Adopted;
use coeur_media::address::PeerPolicy;
use coeur_sip::time::Wall;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Connections that wait to be taken over; more are closed. Worst-case memory: some 20 MB, since each has its buffers of TLS.
/// Revocations are always taken: each comes with a change of the records.
const ADOPTED_MAX: usize = 1_024;

pub(super) enum Order {
    Revoke { now: Wall, account: String, device: Option<u64> },
    Policy(Arc<PeerPolicy>),
    Adopt(Box<Adopted>),
    Stop,
}

pub(super) struct Orders {
    waiting: Mutex<Vec<Order>>,
    woken: AtomicBool,
    waker: mio::Waker,
}

impl Orders {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Self { waiting: Mutex::default(), woken: AtomicBool::new(false), waker }
    }

    pub(super) fn give(&self, order: Order) {
        let mut waiting = self.waiting.lock();
        if matches!(order, Order::Adopt(_)) && waiting.len() >= ADOPTED_MAX {
            return;
        }
        waiting.push(order);
        drop(waiting);
        if !self.woken.swap(true, Ordering::SeqCst) {
            // The eventfd cannot be full: it is written once per batch.
            let _ = self.waker.wake();
        }
    }

    /// Takes everything; to be called by the worker only.
    pub(super) fn take(&self) -> Vec<Order> {
        self.woken.store(false, Ordering::SeqCst);
        std::mem::take(&mut *self.waiting.lock())
    }
}
