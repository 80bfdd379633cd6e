//! What is told is written down, for each webhook that wants it, before whoever has promised it answers
//! ([`crate::feed::Feed::settle`]); so is what became of each try. One task, many in one commit.

use super::door::fresh;
use super::fly::{Landed, fly};
use super::{BODY_BYTES_MAX, HOOKS_MAX, Sender, count};
use crate::door::{Door, not_written};
use crate::feed::{Feed, Happened, Kind, Listener, Missed};
use crate::model::Refusal;
use coeur_storage::{DeliveryId, DeliveryRow, DeliveryState, HookRow, Operator};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Events of one commit.
const BATCH: usize = 256;
/// A disk that refuses is asked again this often. Meanwhile events wait in the ring of the feed.
const AGAIN: Duration = Duration::from_secs(1);
/// When one that could not be read is tried again (milliseconds).
const UNREAD_AGAIN_MS: u64 = 30_000;

/// From when it is opened, nothing that happens is missed.
pub struct Keeping {
    door: Arc<Door>,
    feed: Arc<Feed>,
    keeper: Listener,
    sender: Arc<dyn Sender>,
}

impl Keeping {
    /// Takes up what waited when the process before ended.
    pub fn open(door: &Arc<Door>, feed: &Arc<Feed>, sender: Arc<dyn Sender>) -> Result<Self, Refusal> {
        let hooks = door.hooks();
        // It is set here alone.
        let _ = hooks.sender.set(sender.clone());
        let all = hooks.all(door)?;
        let is_enabled = |id| all.iter().any(|row| row.id == id && row.enabled);
        let waiting = door.records().waiting_deliveries().map_err(not_written)?;
        for (hook, delivery, at_ms) in waiting.into_iter().filter(|(hook, ..)| is_enabled(*hook)) {
            hooks.queue().add(hook, delivery, at_ms);
        }
        let keeper = feed.keeper();
        // What was told before this was not written down, and nobody waits for it.
        feed.was_kept(keeper.last());
        Ok(Self { door: door.clone(), feed: feed.clone(), keeper, sender })
    }

    /// Until the process ends.
    pub async fn run(self) {
        let (outcomes, landed) = mpsc::channel(HOOKS_MAX * super::FLYING_MAX);
        let flying = fly(self.door.clone(), self.sender, outcomes);
        tokio::join!(flying, keep(self.door, self.feed, self.keeper, landed));
    }
}

#[derive(Default)]
struct Batch {
    events: Vec<Arc<Happened>>,
    landed: Vec<Landed>,
}

async fn keep(door: Arc<Door>, feed: Arc<Feed>, mut keeper: Listener, mut outcomes: mpsc::Receiver<Landed>) {
    loop {
        let mut batch = Batch::default();
        tokio::select! {
            heard = keeper.next() => batch.heard(&door, heard),
            // Its sender lives as long as this.
            landed = outcomes.recv() => batch.landed.extend(landed),
        }
        while batch.events.len() < BATCH
            && let Some(heard) = keeper.look()
        {
            batch.heard(&door, heard);
        }
        while let Ok(landed) = outcomes.try_recv() {
            batch.landed.push(landed);
        }
        let (number, batch) = (keeper.last(), Arc::new(batch));
        loop {
            let (door, feed, batch) = (door.clone(), feed.clone(), batch.clone());
            let written = tokio::task::spawn_blocking(move || door.keep_told(&feed, &batch)).await;
            match written {
                Ok(Ok(())) => break,
                Ok(Err(why)) => {
                    tracing::error!(why = why.text, "what webhooks are to tell cannot be written")
                }
                // A panic is one of ours.
                Err(why) => std::panic::resume_unwind(why.into_panic()),
            }
            tokio::time::sleep(AGAIN).await;
        }
        feed.was_kept(number);
        door.hooks().wake.notify_one();
    }
}

impl Batch {
    fn heard(&mut self, door: &Door, heard: Result<Arc<Happened>, Missed>) {
        match heard {
            Ok(happened) => self.events.push(happened),
            Err(Missed) => {
                count(&door.hooks().counters.missed);
                tracing::error!("events came faster than they could be written down for webhooks");
            }
        }
    }
}

impl Door {
    fn keep_told(&self, feed: &Feed, batch: &Batch) -> Result<(), Refusal> {
        let hooks = self.hooks().all(self)?;
        for landed in batch.landed.iter().filter(|landed| landed.is_gone) {
            self.disable_gone(&hooks, landed)?;
        }
        let told =
            hooks.iter().filter(|hook| hook.enabled).any(|hook| batch.events.iter().any(|e| wants(hook, e)));
        let mut rows: Vec<DeliveryRow> =
            batch.landed.iter().filter_map(|landed| landed.row.clone()).collect();
        if !told && rows.is_empty() {
            return self.settle_landed(batch, &[]);
        }
        let mut records = self.records();
        let first = rows.len();
        let next = records.next_delivery_id().map_err(not_written)?;
        rows.extend(self.told(feed, &hooks, &batch.events, next));
        records.put_deliveries(&rows).map_err(not_written)?;
        drop(records);
        self.settle_landed(batch, &rows[first..])
    }

    /// A row for each webhook that wants to hear of it and has room.
    fn told(
        &self,
        feed: &Feed,
        hooks: &[HookRow],
        events: &[Arc<Happened>],
        next: DeliveryId,
    ) -> Vec<DeliveryRow> {
        let now_ms = self.house().unix_time_ms();
        let mut rows: Vec<DeliveryRow> = Vec::new();
        for hook in hooks.iter().filter(|hook| hook.enabled) {
            let mut new = 0;
            for event in events.iter().filter(|event| wants(hook, event)) {
                if !self.hooks().queue().has_room(hook.id, new) {
                    count(&self.hooks().counters.dropped);
                    continue;
                }
                new += 1;
                let id = DeliveryId(next.0 + rows.len() as u64);
                rows.push(fresh(id, hook, (&feed.name(event), event.kind), body(feed, event), now_ms));
            }
        }
        rows
    }

    /// It is on disk: what was tried may be tried again when its time has come, and what is new at once.
    fn settle_landed(&self, batch: &Batch, new: &[DeliveryRow]) -> Result<(), Refusal> {
        let now_ms = self.house().unix_time_ms();
        let mut queue = self.hooks().queue();
        for landed in &batch.landed {
            queue.landed(landed.hook, landed.delivery);
            if let Some(row) = landed.row.as_ref().filter(|row| row.state == DeliveryState::Waiting) {
                queue.add(row.hook, row.id, row.next_at_ms);
            } else if landed.is_unread {
                queue.add(landed.hook, landed.delivery, now_ms + UNREAD_AGAIN_MS);
            }
        }
        new.iter().for_each(|row| queue.add(row.hook, row.id, row.next_at_ms));
        Ok(())
    }

    fn disable_gone(&self, hooks: &[HookRow], landed: &Landed) -> Result<(), Refusal> {
        let Some(hook) = hooks.iter().find(|hook| hook.id == landed.hook && hook.enabled) else {
            return Ok(());
        };
        let because = "its place answered 410, Gone".into();
        let row = HookRow { enabled: false, disabled_because: because, ..hook.clone() };
        tracing::warn!(webhook = hook.id.0, "a webhook is disabled: its place answered 410");
        self.put_hook(&Operator::program(), &row, "webhook.disabled", self.house().unix_time_ms())
    }
}

fn wants(hook: &HookRow, event: &Happened) -> bool {
    let is_of_type =
        || hook.types.is_empty() || hook.types.split(',').any(|pattern| event.kind.is_meant(pattern));
    hook.tenant.is_none_or(|tenant| event.about.is_of(tenant))
        && event.kind != Kind::StreamGap
        && is_of_type()
}

fn body(feed: &Feed, event: &Happened) -> String {
    let whole = feed.cloud_event(event);
    let text = whole.to_string();
    if text.len() <= BODY_BYTES_MAX {
        return text;
    }
    let mut short = whole;
    short["data"] = json!({ "too_large": true });
    short.to_string()
}
