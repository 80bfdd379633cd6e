//! What shards hand out: events, DNS questions, media of calls.

use super::asks::Asks;
use super::deaths::Deaths;
use super::ledger::Ledger;
use super::running::Running;
use crate::dns::{Dns, Table};
use crate::media::Media;
use crate::observe::events::EventLog;
use crate::observe::feed;
use crate::push::Pushing;
use crate::shard::{Inbox, Services};
use coeur_api::feed::Feed;
use coeur_api::{Door, Operator};
use coeur_directory::Change;
use coeur_exchange::call_record::{Ticket, Told};
use coeur_exchange::event::Event;
use coeur_exchange::flow::ShardId;
use coeur_exchange::outbox::{MediaCommand, ResolveToken};
use coeur_exchange::push::Wake;
use coeur_sip::resolve::Query;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::runtime::Handle;

/// Events waiting to be written; more are dropped, since a log must not slow a call. About 1 MB at most.
const EVENTS_MAX: usize = 8_192;

/// RFC 3261 section 21.4.26.
const MEDIA_REFUSED: u16 = 488;

pub struct HouseServices {
    events: SyncSender<(ShardId, Event)>,
    pub events_lost: AtomicU64,
    pub dns: Arc<Dns>,
    pub media: Media,
    pub asks: Asks,
    pub ledger: Ledger,
    /// Who asks push services; `None`: none is offered.
    pub push: Option<Pushing>,
    feed: Arc<Feed>,
}

impl HouseServices {
    /// Names are looked after on the runtime, media by workers of its own; answers come through the inboxes.
    pub fn new(
        runtime: &Handle,
        deaths: &Arc<Deaths>,
        inboxes: &Arc<[Arc<Inbox>]>,
        (media, ledger, push): (Media, Ledger, Option<Pushing>),
        feed: Arc<Feed>,
    ) -> (Self, Receiver<(ShardId, Event)>) {
        let (events, receiver) = sync_channel(EVENTS_MAX);
        let dns = Dns::new(Table::default(), runtime.clone(), deaths.clone(), inboxes.clone());
        let (asks, events_lost) = (Asks::default(), AtomicU64::new(0));
        (Self { events, events_lost, dns, media, asks, ledger, push, feed }, receiver)
    }
}

impl Services for HouseServices {
    fn resolve(&self, shard: ShardId, token: ResolveToken, query: Query) {
        self.dns.resolve(shard, token, query);
    }

    fn media(&self, _shard: ShardId, commands: &mut dyn Iterator<Item = MediaCommand>) {
        self.media.handle_all(commands);
    }

    fn told(&self, ticket: Ticket, told: Told) {
        self.asks.told(ticket, told);
    }

    fn push(&self, wake: Wake) {
        if let Some(push) = &self.push {
            push.push(wake);
        }
    }

    fn publish(&self, shard: ShardId, event: Event) {
        // A flood of other events must not cost a call its record.
        let event = match event {
            Event::CallEnded(record) => {
                // A phone that is being connected, or tested, may have had it.
                let is_of_phone = record.status == MEDIA_REFUSED || self.feed.is_watched();
                let copy = is_of_phone.then(|| Event::CallEnded(record.clone()));
                self.ledger.ended(shard, record);
                match copy {
                    Some(copy) => copy,
                    None => return,
                }
            }
            other if !EventLog::is_of_use(&other) && !self.feed.is_heard() && !self.feed.is_watched() => {
                return;
            }
            other => other,
        };
        // Full: the event is lost, its counter is not.
        if self.events.try_send((shard, event)).is_err() {
            self.events_lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes events until the shards are gone. What devices have proved is committed here, away from the shards, and all
/// that came while the disk was busy in one commit: after an upgrade every phone proves it within minutes.
pub fn consume(events: &Receiver<(ShardId, Event)>, door: &Door, house: &Running) {
    let log = EventLog::default();
    while let Ok(first) = events.recv() {
        let mut proofs = Vec::new();
        for (shard, event) in std::iter::once(first).chain(events.try_iter()).take(EVENTS_MAX) {
            // Of a call that is over the ledger writes its line.
            if !matches!(event, Event::CallEnded(_)) {
                log.write(shard, &event);
            }
            feed::tell(&house.feed, house, &event);
            if let Event::CallLooked(looked) = &event {
                house.silences.note(looked);
            }
            super::phones::watch(door, &event);
            if let Event::DeviceProvedSha256 { aor, device } = event {
                proofs.push(Change::DeviceProvedSha256 { aor, device });
            }
        }
        if proofs.is_empty() {
            continue;
        }
        let refusals = door.changes(&Operator::program(), proofs);
        if let Some(refusal) = refusals.first() {
            tracing::warn!(
                why = refusal.text,
                devices = refusals.len(),
                "what devices proved could not be recorded; it is remembered until a restart"
            );
        }
    }
}
