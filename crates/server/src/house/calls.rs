//! Calls that the journal has kept, handed to the rooms that own them before anybody is heard.

use super::room::Room;
use super::running::Running;
use crate::shard::Services;
use coeur_exchange::flow::ShardId;
use coeur_exchange::outbox::{Outbox, Output};
use coeur_exchange::record::calls::RecoveredCall;

/// The media plane binds their ports while the shards are still being made; what it says waits in their inboxes.
pub fn take_up(
    room: &mut Room,
    shard: ShardId,
    running: &Running,
    services: &dyn Services,
    calls: &[RecoveredCall],
) {
    let mut outbox = Outbox::default();
    let count = room.restore((running.now)(), calls, &mut outbox);
    for output in std::mem::take(&mut outbox.outputs) {
        match output {
            Output::Media(command) => services.media(shard, &mut std::iter::once(command)),
            Output::Publish(event) => services.publish(shard, event),
            Output::Save(span) => {
                // What the journal refuses it asks for again: it is not writable then until a snapshot has it.
                let _ = running.journal.append(shard.0, outbox.bytes(span));
            }
            // Nothing is said to anybody before the sockets are there.
            Output::Send(_)
            | Output::Resolve { .. }
            | Output::Told(..)
            | Output::Push(_)
            | Output::Close(_) => {}
        }
    }
    if count > 0 {
        tracing::info!(shard = shard.0, calls = count, "calls go on");
    }
}
