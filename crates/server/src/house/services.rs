//! What shards hand out: events, DNS questions, echo ports.

use crate::observe::events::EventLog;
use crate::shard::{Inbox, Services};
use coeur_api::{Door, Operator};
use coeur_directory::Change;
use coeur_exchange::event::Event;
use coeur_exchange::flow::ShardId;
use coeur_exchange::outbox::{MediaCommand, ResolveToken};
use coeur_sip::resolve::Query;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Events waiting to be written; more are dropped, since a log must not slow a call. About 1 MB at most.
const EVENTS_MAX: usize = 8_192;

pub struct HouseServices {
    events: SyncSender<(ShardId, Event)>,
    #[allow(dead_code)]
    inboxes: Arc<[Arc<Inbox>]>,
}

impl HouseServices {
    pub fn new(inboxes: Arc<[Arc<Inbox>]>) -> (Self, Receiver<(ShardId, Event)>) {
        let (events, receiver) = sync_channel(EVENTS_MAX);
        (Self { events, inboxes }, receiver)
    }
}

impl Services for HouseServices {
    fn resolve(&self, _shard: ShardId, _token: ResolveToken, _query: Query) {}

    fn media(&self, _shard: ShardId, _command: MediaCommand) {}

    fn publish(&self, shard: ShardId, event: Event) {
        // Full: the event is lost, its counter is not.
        let _ = self.events.try_send((shard, event));
    }
}

/// Writes events until the shards are gone. What a device has proved is committed here, away from the shards.
pub fn consume(events: &Receiver<(ShardId, Event)>, door: &Door) {
    let log = EventLog::default();
    while let Ok((shard, event)) = events.recv() {
        log.write(shard, &event);
        if let Event::DeviceProvedSha256 { aor, device } = event
            && let Err(refusal) = door.change(&Operator::program(), Change::DeviceProvedSha256 { aor, device })
        {
            tracing::warn!(why = refusal.text, "what a device proved could not be recorded; it is remembered until a restart");
        }
    }
}
