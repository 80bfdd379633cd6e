//! Questions of the administration door to the shards, and their answers. Who asks waits for all shards, a bounded time.

use crate::shard::{Inbox, Notice};
use coeur_exchange::call_record::{Ask, Ticket, Told};
use coeur_exchange::input::Command;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// A shard waits a second at most for the media plane; one that is silent for longer is dead or drowned.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Default)]
pub struct Asks {
    tickets: AtomicU64,
    /// As many as requests at the door are answered at a time.
    waiting: Mutex<BTreeMap<Ticket, Sender<Told>>>,
}

/// A shard has not answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Silent;

impl Asks {
    /// One answer of each shard.
    pub fn ask(&self, inboxes: &[Arc<Inbox>], ask: &Ask) -> Result<Vec<Told>, Silent> {
        let ticket = Ticket(self.tickets.fetch_add(1, Ordering::Relaxed));
        let (sender, answers) = channel();
        self.waiting.lock().insert(ticket, sender);
        for inbox in inboxes {
            // A command is never refused.
            let _ = inbox.tell(Notice::Told(Command::Asked { ticket, ask: ask.clone() }));
        }
        let until = Instant::now() + PATIENCE;
        let next =
            |_| answers.recv_timeout(until.saturating_duration_since(Instant::now())).map_err(|_| Silent);
        let told = (0..inboxes.len()).map(next).collect();
        self.waiting.lock().remove(&ticket);
        told
    }

    /// What a shard says; nobody waits any more for what comes too late.
    pub fn told(&self, ticket: Ticket, told: Told) {
        if let Some(sender) = self.waiting.lock().get(&ticket) {
            let _ = sender.send(told);
        }
    }
}
