//! Webhooks, and what is told by them: a delivery is here before whatever it tells of is answered, and stays until the place
//! has it or it is given up. Secrets are sealed.

use super::Operator;
use crate::error::StorageError;
use crate::seal::SealKey;
use coeur_directory::TenantId;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use zeroize::Zeroizing;

/// Deliveries of one webhook that are over and kept, the newest: for people to look at, and to be sent again. With bodies of
/// 20 kB each at most, 10 MB for each webhook.
pub const DELIVERIES_KEPT_MAX: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// A secret, and until when one that was given up still signs beside it.
#[derive(Clone, PartialEq, Eq)]
pub struct HookSecrets {
    pub now: Zeroizing<Vec<u8>>,
    pub before: Option<(Zeroizing<Vec<u8>>, u64)>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct HookRow {
    pub id: HookId,
    /// `None`: of the whole installation.
    pub tenant: Option<TenantId>,
    pub name: Box<str>,
    pub url: Box<str>,
    /// Patterns of types, with commas; empty: all.
    pub types: Box<str>,
    pub enabled: bool,
    /// Why it was disabled by the server itself; empty: it was not.
    pub disabled_because: Box<str>,
    pub created_at_ms: u64,
    pub secrets: HookSecrets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be tried, or tried again.
    Waiting,
    Delivered,
    /// It is tried no more.
    Failed,
}

impl DeliveryState {
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    pub id: DeliveryId,
    pub hook: HookId,
    /// The name of the event: the same whenever it is sent.
    pub event: Box<str>,
    /// Its type.
    pub kind: Box<str>,
    pub body: Box<str>,
    pub created_at_ms: u64,
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u16,
    /// Of one that waits.
    pub next_at_ms: u64,
    pub tried_at_ms: Option<u64>,
    /// What was answered last, where anything was.
    pub status: Option<u16>,
    /// Why it was not taken, in words; empty: it was, or was not tried.
    pub why: Box<str>,
}

/// Who keeps no webhooks says so by these: there are none.
pub trait HookRecords {
    /// All of them, by their numbers.
    fn hooks(&mut self) -> Result<Vec<HookRow>, StorageError> {
        Ok(Vec::new())
    }

    /// A number that no webhook has or has had.
    fn next_hook_id(&mut self) -> Result<HookId, StorageError> {
        Ok(HookId(1))
    }

    /// Makes the webhook, or puts this in its place; `action` and `detail` are its audit row.
    fn put_hook(
        &mut self,
        _operator: &Operator,
        _hook: &HookRow,
        _audit: (&'static str, &str),
        _at_ms: u64,
    ) -> Result<(), StorageError> {
        Ok(())
    }

    /// With its deliveries.
    fn remove_hook(&mut self, _operator: &Operator, _id: HookId, _at_ms: u64) -> Result<(), StorageError> {
        Ok(())
    }

    /// A number above those of all deliveries that there are or were.
    fn next_delivery_id(&mut self) -> Result<DeliveryId, StorageError> {
        Ok(DeliveryId(1))
    }

    /// Keeps these, or puts them in the place of those of their number, all or none; what is over and more than is to be kept
    /// goes. When this returns `Ok` they are durable. One whose webhook is gone is not kept.
    fn put_deliveries(&mut self, _deliveries: &[DeliveryRow]) -> Result<(), StorageError> {
        Ok(())
    }

    fn delivery(&mut self, _id: DeliveryId) -> Result<Option<DeliveryRow>, StorageError> {
        Ok(None)
    }

    /// Of one webhook, the newest first, before this one.
    fn deliveries(
        &mut self,
        _hook: HookId,
        _before: Option<DeliveryId>,
        _limit: usize,
    ) -> Result<Vec<DeliveryRow>, StorageError> {
        Ok(Vec::new())
    }

    /// Number and time of every delivery that waits, the oldest first.
    fn waiting_deliveries(&mut self) -> Result<Vec<(HookId, DeliveryId, u64)>, StorageError> {
        Ok(Vec::new())
    }
}

pub(super) const MIGRATION: &str = "CREATE TABLE webhooks (
        id INTEGER PRIMARY KEY, tenant INTEGER, name TEXT NOT NULL, url TEXT NOT NULL, types TEXT NOT NULL,
        enabled INTEGER NOT NULL, disabled_because TEXT NOT NULL, created_at_ms INTEGER NOT NULL, secret BLOB NOT NULL,
        secret_before BLOB, before_until_ms INTEGER
     ) STRICT;
     CREATE TABLE webhook_deliveries (
        id INTEGER PRIMARY KEY, webhook INTEGER NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE, event TEXT NOT NULL,
        kind TEXT NOT NULL, body TEXT NOT NULL, created_at_ms INTEGER NOT NULL, state TEXT NOT NULL,
        attempts INTEGER NOT NULL, next_at_ms INTEGER NOT NULL, tried_at_ms INTEGER, status INTEGER, why TEXT NOT NULL
     ) STRICT;
     CREATE INDEX deliveries_of_webhook ON webhook_deliveries(webhook, state, id);
     INSERT INTO numbers VALUES ('webhook', 0), ('delivery', 0);";

pub(super) fn put(transaction: &Transaction<'_>, key: &SealKey, hook: &HookRow) -> rusqlite::Result<()> {
    let sql = "INSERT INTO webhooks (id, tenant, name, url, types, enabled, disabled_because, created_at_ms, secret, secret_before,
        before_until_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (id) DO UPDATE SET tenant = ?2,
        name = ?3, url = ?4, types = ?5, enabled = ?6, disabled_because = ?7, secret = ?9, secret_before = ?10,
        before_until_ms = ?11";
    let seal = |secret: &[u8]| key.seal_secret(secret, &context(hook.id));
    let before = hook.secrets.before.as_ref();
    transaction.execute(
        sql,
        params![
            hook.id.0 as i64,
            hook.tenant.map(|tenant| tenant.0 as i64),
            &*hook.name,
            &*hook.url,
            &*hook.types,
            hook.enabled,
            &*hook.disabled_because,
            hook.created_at_ms as i64,
            seal(&hook.secrets.now),
            before.map(|(secret, _)| seal(secret)),
            before.map(|(_, until_ms)| *until_ms as i64),
        ],
    )?;
    keep_number(transaction, "webhook", hook.id.0)
}

/// For which a secret is sealed: moved to another row it does not open.
fn context(hook: HookId) -> Vec<u8> {
    format!("webhook {}", hook.0).into_bytes()
}

fn keep_number(transaction: &Transaction<'_>, kind: &str, last: u64) -> rusqlite::Result<()> {
    let sql = "UPDATE numbers SET last = ?2 WHERE kind = ?1 AND last < ?2";
    transaction.execute(sql, params![kind, last as i64]).map(|_| ())
}

pub(super) fn next(connection: &Connection, kind: &str) -> rusqlite::Result<u64> {
    let sql = "SELECT last FROM numbers WHERE kind = ?1";
    connection.query_row(sql, [kind], |row| row.get::<_, i64>(0)).map(|last| last as u64 + 1)
}

pub(super) fn remove(transaction: &Transaction<'_>, id: HookId) -> rusqlite::Result<bool> {
    transaction.execute("DELETE FROM webhooks WHERE id = ?1", [id.0 as i64]).map(|removed| removed == 1)
}

/// One whose secret does not open is left out: what it would sign nobody could check.
pub(super) fn all(connection: &Connection, key: &SealKey) -> rusqlite::Result<Vec<HookRow>> {
    let sql = "SELECT id, tenant, name, url, types, enabled, disabled_because, created_at_ms, secret, secret_before,
        before_until_ms FROM webhooks ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        let id = HookId(row.get::<_, i64>(0)? as u64);
        let open = |sealed: Vec<u8>| key.open_secret(&sealed, &context(id));
        let (Some(now), before) = (open(row.get(8)?), row.get::<_, Option<Vec<u8>>>(9)?.and_then(open))
        else {
            return Ok(None);
        };
        let until_ms = row.get::<_, Option<i64>>(10)?.unwrap_or_default() as u64;
        Ok(Some(HookRow {
            id,
            tenant: row.get::<_, Option<i64>>(1)?.map(|tenant| TenantId(tenant as u64)),
            name: row.get(2)?,
            url: row.get(3)?,
            types: row.get(4)?,
            enabled: row.get(5)?,
            disabled_because: row.get(6)?,
            created_at_ms: row.get::<_, i64>(7)? as u64,
            secrets: HookSecrets { now, before: before.map(|secret| (secret, until_ms)) },
        }))
    };
    let found = statement.query_map([], read)?;
    found.filter_map(Result::transpose).collect()
}

pub(super) fn put_deliveries(
    transaction: &Transaction<'_>,
    deliveries: &[DeliveryRow],
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO webhook_deliveries (id, webhook, event, kind, body, created_at_ms, state, attempts, next_at_ms,
        tried_at_ms, status, why) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
        WHERE EXISTS (SELECT 1 FROM webhooks WHERE id = ?2) ON CONFLICT (id) DO UPDATE SET state = ?7, attempts = ?8,
        next_at_ms = ?9, tried_at_ms = ?10, status = ?11, why = ?12";
    let mut statement = transaction.prepare_cached(sql)?;
    for row in deliveries {
        statement.execute(params![
            row.id.0 as i64,
            row.hook.0 as i64,
            &*row.event,
            &*row.kind,
            &*row.body,
            row.created_at_ms as i64,
            row.state.as_str(),
            row.attempts,
            row.next_at_ms as i64,
            row.tried_at_ms.map(|at| at as i64),
            row.status,
            &*row.why,
        ])?;
    }
    let mut hooks: Vec<HookId> =
        deliveries.iter().filter(|row| row.state != DeliveryState::Waiting).map(|row| row.hook).collect();
    hooks.sort_unstable();
    hooks.dedup();
    for hook in hooks {
        remove_old(transaction, hook)?;
    }
    let last = deliveries.iter().map(|row| row.id.0).max().unwrap_or_default();
    keep_number(transaction, "delivery", last)
}

fn remove_old(transaction: &Transaction<'_>, hook: HookId) -> rusqlite::Result<()> {
    let sql = "DELETE FROM webhook_deliveries WHERE webhook = ?1 AND state <> 'waiting' AND id <= (
        SELECT id FROM webhook_deliveries WHERE webhook = ?1 AND state <> 'waiting' ORDER BY id DESC LIMIT 1 OFFSET ?2)";
    transaction.execute(sql, params![hook.0 as i64, DELIVERIES_KEPT_MAX as i64]).map(|_| ())
}

const DELIVERIES: &str = "SELECT id, webhook, event, kind, body, created_at_ms, state, attempts, next_at_ms, tried_at_ms, status, why
    FROM webhook_deliveries";

pub(super) fn delivery(connection: &Connection, id: DeliveryId) -> rusqlite::Result<Option<DeliveryRow>> {
    let sql = format!("{DELIVERIES} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id.0 as i64], read_delivery).optional()
}

pub(super) fn deliveries(
    connection: &Connection,
    hook: HookId,
    before: Option<DeliveryId>,
    limit: usize,
) -> rusqlite::Result<Vec<DeliveryRow>> {
    let sql = format!("{DELIVERIES} WHERE webhook = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
    let before = before.map_or(i64::MAX, |before| before.0 as i64);
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(params![hook.0 as i64, before, limit as i64], read_delivery)?.collect()
}

pub(super) fn waiting(connection: &Connection) -> rusqlite::Result<Vec<(HookId, DeliveryId, u64)>> {
    let sql = "SELECT webhook, id, next_at_ms FROM webhook_deliveries WHERE state = 'waiting' ORDER BY id";
    let read = |row: &Row<'_>| {
        let number = |at| row.get::<_, i64>(at).map(|number| number as u64);
        Ok((HookId(number(0)?), DeliveryId(number(1)?), number(2)?))
    };
    connection.prepare_cached(sql)?.query_map([], read)?.collect()
}

fn read_delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let number = |at| row.get::<_, i64>(at).map(|number| number as u64);
    let state = row.get_ref(6)?.as_str()?;
    let known = DeliveryState::ALL.into_iter().find(|known| known.as_str() == state);
    Ok(DeliveryRow {
        id: DeliveryId(number(0)?),
        hook: HookId(number(1)?),
        event: row.get(2)?,
        kind: row.get(3)?,
        body: row.get(4)?,
        created_at_ms: number(5)?,
        // A word that is none of ours is tried no more.
        state: known.unwrap_or(DeliveryState::Failed),
        attempts: row.get(7)?,
        next_at_ms: number(8)?,
        tried_at_ms: row.get::<_, Option<i64>>(9)?.map(|at| at as u64),
        status: row.get(10)?,
        why: row.get(11)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Records as _, Sqlite};

    fn hook(id: u64) -> HookRow {
        let secret = |byte| Zeroizing::new(vec![byte; 32]);
        HookRow {
            id: HookId(id),
            tenant: Some(TenantId::FIRST),
            name: "shop".into(),
            url: "https://shop.example/hook".into(),
            types: "call.*".into(),
            enabled: true,
            disabled_because: "".into(),
            created_at_ms: 5,
            secrets: HookSecrets { now: secret(7), before: Some((secret(8), 99)) },
        }
    }

    fn delivery(id: u64, hook: u64, state: DeliveryState) -> DeliveryRow {
        DeliveryRow {
            id: DeliveryId(id),
            hook: HookId(hook),
            event: format!("e-{id}").into(),
            kind: "call.ended".into(),
            body: "{}".into(),
            created_at_ms: 1,
            state,
            attempts: 2,
            next_at_ms: 1_000 + id,
            tried_at_ms: Some(3),
            status: Some(500),
            why: "it said 500".into(),
        }
    }

    #[test]
    fn webhooks_and_what_waits_for_them_are_there_after_a_restart_and_secrets_lie_sealed() {
        let folder = std::env::temp_dir().join(format!("coeur-hooks-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let mut records = Sqlite::open(&folder).unwrap();
        assert_eq!(records.next_hook_id().unwrap(), HookId(1));
        let operator = Operator::program();
        records.put_hook(&operator, &hook(1), ("webhook.added", "x"), 1).unwrap();
        let rows = [
            delivery(1, 1, DeliveryState::Waiting),
            delivery(2, 1, DeliveryState::Delivered),
            delivery(3, 9, DeliveryState::Waiting),
        ];
        records.put_deliveries(&rows).unwrap();
        drop(records);
        let bytes = std::fs::read(folder.join(crate::records::FILE)).unwrap();
        assert!(!bytes.windows(32).any(|bytes| bytes == [7; 32] || bytes == [8; 32]));
        let mut records = Sqlite::open(&folder).unwrap();
        assert!(records.hooks().unwrap() == [hook(1)]);
        assert_eq!(records.waiting_deliveries().unwrap(), [(HookId(1), DeliveryId(1), 1_001)], "9 is gone");
        assert_eq!(records.delivery(DeliveryId(2)).unwrap(), Some(rows[1].clone()));
        assert_eq!(records.deliveries(HookId(1), Some(DeliveryId(2)), 9).unwrap(), [rows[0].clone()]);
        assert_eq!(records.next_delivery_id().unwrap(), DeliveryId(4));
        records.remove_hook(&operator, HookId(1), 2).unwrap();
        assert!(records.hooks().unwrap().is_empty() && records.delivery(DeliveryId(1)).unwrap().is_none());
        assert_eq!(records.next_hook_id().unwrap(), HookId(2), "a number is never given again");
        let said: Vec<_> = records.audit(0, None, 9).unwrap().into_iter().map(|row| row.action).collect();
        assert_eq!(
            said.iter().map(|action| &**action).collect::<Vec<_>>(),
            ["webhook.removed", "webhook.added"]
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn of_what_is_over_the_newest_are_kept_and_what_waits_stays() {
        let folder = std::env::temp_dir().join(format!("coeur-hooks-old-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let mut records = Sqlite::open(&folder).unwrap();
        records.put_hook(&Operator::program(), &hook(1), ("webhook.added", ""), 1).unwrap();
        let all = DELIVERIES_KEPT_MAX as u64 + 3;
        let mut rows: Vec<_> = (1..=all).map(|id| delivery(id, 1, DeliveryState::Failed)).collect();
        rows[0].state = DeliveryState::Waiting;
        records.put_deliveries(&rows).unwrap();
        let kept = records.deliveries(HookId(1), None, 10_000).unwrap();
        assert_eq!(kept.len(), DELIVERIES_KEPT_MAX + 1);
        assert_eq!((kept[0].id.0, kept[kept.len() - 2].id.0, kept[kept.len() - 1].id.0), (all, 4, 1));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
