//! How long accounts have talked to elsewhere: counted from the records of calls, those of before this start too. What a quota
//! of minutes is measured against ([`coeur_exchange::guard::talked`]).

use coeur_api::{Door, Refusal};
use coeur_directory::{AccountId, Aor, Directory};
use coeur_exchange::world::World;
use coeur_sip::uri::Uri;
use coeur_storage::{CallRow, Keep};

/// Rows of one page of records: the door is not kept for long.
const PAGE: usize = 1_000;
const DAY_MS: u64 = 86_400_000;
/// No month is longer.
const DAYS: u64 = 31;

/// Counts what the records say of the last days. A disk that cannot be read counts nothing: calls go on.
pub fn recall(door: &Door, world: &World, now_ms: u64) {
    let since_ms = now_ms.saturating_sub(DAYS * DAY_MS);
    let mut before = None;
    loop {
        let page = match door.calls_since(since_ms, before, PAGE) {
            Ok(page) => page,
            Err(why) => return tracing::error!(why = why.text, "what accounts have talked cannot be read"),
        };
        page.iter().for_each(|row| count(world, row));
        before = page.last().map(|row| row.id);
        if page.len() < PAGE {
            return;
        }
    }
}

/// Keeps records, and counts those that were not there.
pub fn keep(door: &Door, world: &World, calls: &[CallRow], keep: Keep) -> Result<(), Refusal> {
    let is_new = |row: &&CallRow| payer(&world.directory, row).is_some() && !door.has_call(row.id);
    let new: Vec<&CallRow> = calls.iter().filter(is_new).collect();
    door.keep_calls(calls, keep)?;
    new.into_iter().for_each(|row| count(world, row));
    Ok(())
}

fn count(world: &World, row: &CallRow) {
    let (Some(payer), Some(answered_at_ms)) = (payer(&world.directory, row), row.answered_at_ms) else {
        return;
    };
    let day = u32::try_from(row.ended_at_ms / DAY_MS).unwrap_or(u32::MAX);
    // As people count: a second that has begun.
    let seconds = row.ended_at_ms.saturating_sub(answered_at_ms).div_ceil(1_000);
    world.guard.talked.add(payer, day, seconds);
}

/// The account that began an answered call to another domain.
fn payer(directory: &Directory, row: &CallRow) -> Option<AccountId> {
    row.answered_at_ms?;
    let is_elsewhere = match Uri::parse(row.to.as_bytes()) {
        Ok(Uri::Sip(uri)) => !directory.is_ours(uri.host_bytes) && uri.host.ip().is_none(),
        Ok(Uri::Tel(_) | Uri::Other { .. }) | Err(_) => false,
    };
    let caller = Aor::parse(row.caller.account.as_deref()?).ok()?;
    directory.account_of(&caller).filter(|_| is_elsewhere).map(|account| account.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_directory::{Account, Change, Domain};
    use coeur_storage::SideRow;

    fn row(from: &str, to: &str, answered_at_ms: Option<u64>) -> CallRow {
        CallRow {
            id: 1,
            ring_after_ms: None,
            answered_at_ms,
            ended_at_ms: 61_500,
            status: 200,
            ended_by: "caller".into(),
            reason: None,
            q850_cause: None,
            to: to.into(),
            media: None,
            transfer_of: None,
            forwarded_by: None,
            verdict: None,
            caller: SideRow { account: Some(from.into()), ..SideRow::default() },
            callee: None,
        }
    }

    #[test]
    fn who_began_an_answered_call_to_another_domain_pays_and_nobody_else() {
        let directory = Directory::new();
        directory.apply(&Change::DomainAdded(Domain::new("example.org"))).expect("new");
        let alice = Account::new(AccountId(7), Aor::parse("alice@example.org").expect("valid"));
        directory.apply(&Change::AccountAdded(Box::new(alice))).expect("new");
        let pays = |from, to, answered| payer(&directory, &row(from, to, answered)).map(|account| account.0);
        assert_eq!(pays("alice@example.org", "sip:+4420@example.com", Some(1_000)), Some(7));
        assert_eq!(pays("alice@example.org", "sip:+4420@example.com", None), None, "nobody answered");
        assert_eq!(pays("alice@example.org", "sip:bob@example.org", Some(1_000)), None, "inside");
        assert_eq!(pays("alice@example.org", "tel:201", Some(1_000)), None, "a number of ours");
        assert_eq!(pays("gone@example.org", "sip:+4420@example.com", Some(1_000)), None);
    }
}
