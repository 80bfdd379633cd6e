//! Webhooks: what happens is told to places of others over HTTP, signed, as Standard Webhooks has it.
//!
//! | file | what |
//! |---|---|
//! | `views` | what is asked and answered about them |
//! | `door` | the verbs: each change is checked, written with its audit row, and then so |
//! | `keep` | what is told is written down before it is promised, by one task, many in one commit |
//! | `fly` | what waits is tried, each webhook in a line of its own |
//! | `queue`, `retry`, `secret` | when, how often, and with which signature |
//!
//! What it deliberately does not do: speak HTTP, or judge whom a place may be. That is the [`Sender`]'s, which is given to it.

mod door;
mod fly;
mod keep;
mod queue;
mod retry;
mod secret;
mod views;

pub use keep::Keeping;
pub use queue::{FLYING_MAX, WAITING_MAX};
pub use views::{
    DeliveriesPage, DeliveryView, NewWebhook, WebhookAmendment, WebhookView, WebhooksReply, WebhooksRequest,
};

use coeur_storage::HookRow;
use queue::Queue;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use tokio::sync::Notify;

/// Of one installation. With [`WAITING_MAX`] and what is kept of each that is over, 1 GB on disk where every event is as large as it
/// may be; an event has some 600 bytes.
pub const HOOKS_MAX: usize = 32;
/// Of a body (bytes), as Standard Webhooks recommends. An event that is larger is told without its data.
pub const BODY_BYTES_MAX: usize = 20_000;

/// What is to be sent: POST, with these headers besides those of HTTP itself.
pub struct Outgoing {
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    Answered {
        status: u16,
        retry_after_s: Option<u64>,
        /// The beginning of what was answered, for people.
        text: String,
    },
    /// Nobody answered, or nobody was to be asked.
    Failed(String),
}

/// Speaks HTTP, and to nobody to whom this server must not (server-side request forgery).
pub trait Sender: Send + Sync {
    /// Never follows a redirection.
    fn send(&self, outgoing: Outgoing) -> Pin<Box<dyn Future<Output = Sent> + Send>>;
    /// Why nothing would ever be sent there, as far as that is known of the address alone.
    fn objection(&self, url: &str) -> Option<String>;
}

/// Of the door.
#[derive(Default)]
pub struct Hooks {
    /// Read from the records when it is wanted first.
    book: RwLock<Option<Arc<[HookRow]>>>,
    queue: Mutex<Queue>,
    /// Something in the queue has changed.
    wake: Notify,
    sender: OnceLock<Arc<dyn Sender>>,
    pub counters: HookCounters,
}

/// Counted since the process started.
#[derive(Default)]
pub struct HookCounters {
    pub delivered: AtomicU64,
    /// Tries that failed, the last of each among them.
    pub failed: AtomicU64,
    pub given_up: AtomicU64,
    /// Not written down, since too many waited for that webhook.
    pub dropped: AtomicU64,
    /// Times that events came faster than they could be written down.
    pub missed: AtomicU64,
}

impl Hooks {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deliveries that are to be made.
    pub fn waiting(&self) -> usize {
        self.queue().waiting()
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
