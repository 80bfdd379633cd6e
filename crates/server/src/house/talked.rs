//! How long accounts have talked to elsewhere: counted with the records of calls, and kept longer than these may be. What a
//! quota of minutes is measured against ([`coeur_exchange::guard::talked`]). Whose minutes a call costs the exchange says: those of
//! who began it, forwarded it, or sent a side there.

use coeur_api::{Door, Refusal};
use coeur_directory::AccountId;
use coeur_exchange::world::World;
use coeur_storage::{CallRow, Keep, TalkedRow};

const DAY_MS: u64 = 86_400_000;
/// No month is longer.
const DAYS: u64 = 31;

/// Counts what was talked in the last days. A disk that cannot be read counts nothing: calls go on.
pub fn recall(door: &Door, world: &World, now_ms: u64) {
    let since = u32::try_from((now_ms / DAY_MS).saturating_sub(DAYS)).unwrap_or(u32::MAX);
    match door.talked(since) {
        Ok(talked) => talked.iter().for_each(|talked| count(world, talked)),
        Err(why) => tracing::error!(why = why.text, "what accounts have talked cannot be read"),
    }
}

/// Keeps records, and counts those that were not there.
pub fn keep(door: &Door, world: &World, calls: &[CallRow], keep: Keep) -> Result<(), Refusal> {
    let new: Vec<TalkedRow> = calls
        .iter()
        .filter_map(|row| Some((row.id, row.talked()?)))
        .filter(|(id, _)| !door.has_call(*id))
        .map(|(_, talked)| talked)
        .collect();
    door.keep_calls(calls, keep)?;
    new.iter().for_each(|talked| count(world, talked));
    Ok(())
}

fn count(world: &World, talked: &TalkedRow) {
    world.guard.talked.add(AccountId(talked.account), talked.day, talked.seconds);
}
