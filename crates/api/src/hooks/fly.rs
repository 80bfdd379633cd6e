//! What waits is tried when its time has come.

use super::retry::{Verdict, judge};
use super::{Outgoing, Sender, Sent, count, secret};
use crate::door::{Door, not_written};
use crate::model::Refusal;
use coeur_storage::{DeliveryId, DeliveryRow, DeliveryState, HookId, HookRow};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// For the whole of a try: a name is resolved, a connection made, and something answered.
const PATIENCE: Duration = Duration::from_secs(15);
/// The clock may be set: nobody sleeps longer than this without looking at it.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// Of why a delivery was not taken (bytes).
const WHY_BYTES_MAX: usize = 300;

/// A try is over.
pub(super) struct Landed {
    pub hook: HookId,
    pub delivery: DeliveryId,
    /// As it is from now on; `None`: it is there no more, or its webhook is disabled.
    pub row: Option<DeliveryRow>,
    /// The place wants nothing more.
    pub is_gone: bool,
    /// It could not be read, and is tried again.
    pub is_unread: bool,
}

pub(super) async fn fly(door: Arc<Door>, sender: Arc<dyn Sender>, outcomes: mpsc::Sender<Landed>) {
    let mut flying = JoinSet::new();
    loop {
        let now_ms = door.house().unix_time_ms();
        let taken = door.hooks().queue().take(now_ms);
        for (hook, delivery) in taken {
            flying.spawn(attempt(door.clone(), sender.clone(), (hook, delivery)));
        }
        let next_ms = door.hooks().queue().next_at_ms().map(|at_ms| at_ms.saturating_sub(now_ms));
        let sleep = next_ms.map_or(SLEEP_MAX, Duration::from_millis).min(SLEEP_MAX);
        tokio::select! {
            () = door.hooks().wake.notified() => {}
            () = tokio::time::sleep(sleep) => {}
            Some(landed) = flying.join_next() => match landed {
                // Its receiver lives as long as this.
                Ok(landed) => drop(outcomes.send(landed).await),
                // A panic is one of ours.
                Err(why) => std::panic::resume_unwind(why.into_panic()),
            },
        }
    }
}

async fn attempt(door: Arc<Door>, sender: Arc<dyn Sender>, (hook, delivery): (HookId, DeliveryId)) -> Landed {
    let reading = door.clone();
    let read = tokio::task::spawn_blocking(move || reading.to_send(hook, delivery)).await;
    let (row, outgoing) = match read {
        Ok(Ok(Some(found))) => found,
        Ok(Ok(None)) => return Landed { hook, delivery, row: None, is_gone: false, is_unread: false },
        // A disk that is in trouble takes nothing from what is waiting.
        Ok(Err(_)) | Err(_) => return Landed { hook, delivery, row: None, is_gone: false, is_unread: true },
    };
    let sent = tokio::time::timeout(PATIENCE, sender.send(outgoing)).await;
    let sent = sent.unwrap_or_else(|_| Sent::Failed(format!("no answer within {} s", PATIENCE.as_secs())));
    let (row, is_gone) = door.landed(row, &sent);
    Landed { hook, delivery, row: Some(row), is_gone, is_unread: false }
}

impl Door {
    /// `Ok(None)`: there is nothing to send any more.
    fn to_send(
        &self,
        hook: HookId,
        delivery: DeliveryId,
    ) -> Result<Option<(DeliveryRow, Outgoing)>, Refusal> {
        let all = self.hooks().all(self)?;
        let Some(hook) = all.iter().find(|row| row.id == hook && row.enabled) else { return Ok(None) };
        let row = self.records().delivery(delivery).map_err(not_written)?;
        let waits = row.filter(|row| row.state == DeliveryState::Waiting);
        Ok(waits.map(|row| {
            let outgoing = outgoing(hook, &row, self.house().unix_time_ms());
            (row, outgoing)
        }))
    }

    fn landed(&self, row: DeliveryRow, sent: &Sent) -> (DeliveryRow, bool) {
        let now_ms = self.house().unix_time_ms();
        let mut chance = [0; 8];
        self.house().random(&mut chance);
        let attempts = row.attempts.saturating_add(1);
        let verdict = judge(sent, attempts, now_ms, u64::from_be_bytes(chance));
        let counters = &self.hooks().counters;
        count(if verdict == Verdict::Delivered { &counters.delivered } else { &counters.failed });
        if verdict == Verdict::GivenUp {
            count(&counters.given_up);
        }
        let (state, next_at_ms) = match verdict {
            Verdict::Delivered => (DeliveryState::Delivered, row.next_at_ms),
            Verdict::Gone | Verdict::GivenUp => (DeliveryState::Failed, row.next_at_ms),
            Verdict::Again { at_ms } => (DeliveryState::Waiting, at_ms),
        };
        let (status, why) = match sent {
            Sent::Answered { status, .. } if state == DeliveryState::Delivered => {
                (Some(*status), String::new())
            }
            Sent::Answered { status, text, .. } => (Some(*status), format!("answered {status} {text}")),
            Sent::Failed(why) => (None, why.clone()),
        };
        let why = shortened(why).into();
        let row = DeliveryRow { state, attempts, next_at_ms, tried_at_ms: Some(now_ms), status, why, ..row };
        (row, verdict == Verdict::Gone)
    }
}

fn outgoing(hook: &HookRow, row: &DeliveryRow, now_ms: u64) -> Outgoing {
    let at_s = now_ms / 1_000;
    let before = hook.secrets.before.as_ref().filter(|(_, until_ms)| *until_ms > now_ms);
    let secrets = [Some(&hook.secrets.now), before.map(|(secret, _)| secret)];
    let secrets = secrets.into_iter().flatten().map(|secret| &secret[..]);
    let signatures = secret::signatures(secrets, (&row.event, at_s, &row.body));
    let headers = vec![
        ("content-type", "application/cloudevents+json".to_owned()),
        ("user-agent", concat!("Coeur/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("webhook-id", row.event.to_string()),
        ("webhook-timestamp", at_s.to_string()),
        ("webhook-signature", signatures),
    ];
    Outgoing { url: hook.url.to_string(), headers, body: row.body.to_string() }
}

/// What a place has answered moves no terminal, and has an end.
fn shortened(why: String) -> String {
    let mut why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end = (0..=WHY_BYTES_MAX.min(why.len())).rev().find(|at| why.is_char_boundary(*at));
    why.truncate(end.unwrap_or_default());
    why
}
