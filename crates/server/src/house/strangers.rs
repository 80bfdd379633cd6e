//! Registrations whose device was revoked, or whose account was disabled or removed, while no server ran.

use super::room::Room;
use super::running::Running;
use crate::shard::{Handler, Services};
use coeur_directory::{Account, Aor, DeviceId};
use coeur_exchange::bindings::Cursor;
use coeur_exchange::flow::ShardId;
use coeur_exchange::input::{Command, Input};
use coeur_exchange::outbox::{Outbox, Output};
use std::collections::BTreeSet;

/// Between two looks whether the journal keeps pace.
const PAGE: usize = 512;

/// They are removed as by any revocation, in memory and in the journal, and before anybody is answered: none of these
/// devices is rung once more.
pub fn forget(room: &mut Room, shard: ShardId, running: &Running, services: &dyn Services) {
    let (now, mut outbox) = ((running.now)(), Outbox::default());
    for (count, (aor, device)) in strangers(running).into_iter().enumerate() {
        room.handle(now, Input::Told(Command::Revoked { aor, device: Some(device) }), &mut outbox);
        for output in std::mem::take(&mut outbox.outputs) {
            match output {
                Output::Save(span) => {
                    // What the journal refuses it asks for again: it is not writable then until a snapshot has it.
                    let _ = running.journal.append(shard.0, outbox.bytes(span));
                }
                Output::Publish(event) => services.publish(shard, event),
                // Of conversations, and none has begun.
                Output::Send(_)
                | Output::Resolve { .. }
                | Output::Media(_)
                | Output::Told(..)
                | Output::Push(_)
                | Output::Close(_) => {}
            }
        }
        outbox.clear();
        if count % PAGE == PAGE - 1 {
            running.journal.flush();
        }
    }
}

fn strangers(running: &Running) -> BTreeSet<(Aor, DeviceId)> {
    let (world, now) = (&running.world, (running.now)().monotonic);
    let mut strangers = BTreeSet::new();
    let mut next = Some(Cursor::default());
    while let Some(cursor) = next {
        next = world.bindings.page(cursor, PAGE, now, &mut |view| {
            let draft = view.draft();
            let account = world.directory.account(draft.user, draft.domain);
            let may = |account: &Account| account.enabled && account.device(draft.device).is_some();
            if !account.is_some_and(|account| may(&account))
                && let (Ok(user), Ok(domain)) =
                    (std::str::from_utf8(draft.user), std::str::from_utf8(draft.domain))
                && let Ok(aor) = Aor::new(user, domain)
            {
                strangers.insert((aor, draft.device));
            }
        });
    }
    strangers
}
