//! Numbers that tenants have: rows and audit rows. Where somebody lives is not in the audit chain, which is kept for ever: only
//! that it was changed.

use coeur_directory::{
    Change, ChangeError, Directory, E164, Number, NumberChange, NumberId, NumberPatch, TenantId,
};
use rusqlite::{Connection, Row, Transaction, params};

pub(super) const MIGRATION: &str = "CREATE TABLE inventory (
        id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL REFERENCES tenants(id) ON DELETE CASCADE,
        e164 TEXT NOT NULL UNIQUE, emergency_address TEXT NOT NULL, note TEXT NOT NULL, created_at_ms INTEGER NOT NULL
     ) STRICT;
     CREATE INDEX inventory_of_tenant ON inventory(tenant);
     INSERT INTO numbers VALUES ('number', 0);";

const COLUMNS: &str = "SELECT id, tenant, e164, emergency_address, note, created_at_ms FROM inventory";
/// Of those that are read into the directory together.
const BATCH: usize = 1_000;

pub(super) fn load(
    connection: &Connection,
    into: &Directory,
    refused: &mut dyn FnMut(String, Result<(), ChangeError>),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("{COLUMNS} ORDER BY id"))?;
    let mut rows = statement.query([])?;
    let mut batch = Vec::new();
    while let Some(row) = rows.next()? {
        match number(row)? {
            Some(number) => batch.push(number),
            None => {
                let (id, text): (i64, String) = (row.get(0)?, row.get(2)?);
                refused(format!("number {id}"), Err(ChangeError::NoNumber(text.into())));
            }
        }
        if batch.len() == BATCH {
            put(into, std::mem::take(&mut batch), refused);
        }
    }
    put(into, batch, refused);
    Ok(())
}

/// Where one of them cannot be, the others are.
fn put(into: &Directory, batch: Vec<Number>, refused: &mut dyn FnMut(String, Result<(), ChangeError>)) {
    let add = |numbers: Box<[Number]>| into.apply(&Change::Number(NumberChange::Added(numbers)));
    if batch.is_empty() || add(batch.clone().into()).is_ok() {
        return;
    }
    for number in batch {
        let what = format!("number {}", number.e164);
        refused(what, add(Box::new([number])));
    }
}

/// `None`: it is not written as a number is.
fn number(row: &Row<'_>) -> rusqlite::Result<Option<Number>> {
    let text = |at| Ok::<_, rusqlite::Error>(Box::from(row.get_ref(at)?.as_str()?));
    let Some(e164) = E164::parse(row.get_ref(2)?.as_str()?) else { return Ok(None) };
    Ok(Some(Number {
        id: NumberId(row.get::<_, i64>(0)? as u64),
        tenant: TenantId(row.get::<_, i64>(1)? as u64),
        e164,
        emergency_address: text(3)?,
        note: text(4)?,
        created_at_ms: row.get::<_, i64>(5)? as u64,
    }))
}

pub(super) fn write(transaction: &Transaction<'_>, change: &NumberChange) -> rusqlite::Result<()> {
    match change {
        NumberChange::Added(numbers) => numbers.iter().try_for_each(|one| insert(transaction, one)),
        NumberChange::Changed { id, patch } => {
            let sql = "UPDATE inventory SET emergency_address = coalesce(?2, emergency_address),
                note = coalesce(?3, note) WHERE id = ?1";
            let NumberPatch { emergency_address, note } = patch;
            let values = params![id.0 as i64, emergency_address.as_deref(), note.as_deref()];
            transaction.execute(sql, values).map(drop)
        }
        NumberChange::Removed(id) => {
            transaction.execute("DELETE FROM inventory WHERE id = ?1", [id.0 as i64]).map(drop)
        }
    }
}

fn insert(transaction: &Transaction<'_>, number: &Number) -> rusqlite::Result<()> {
    let sql = "INSERT INTO inventory (id, tenant, e164, emergency_address, note, created_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let Number { id, tenant, e164, emergency_address, note, created_at_ms } = number;
    let (id, tenant, at) = (id.0 as i64, tenant.0 as i64, *created_at_ms as i64);
    let values = params![id, tenant, e164.as_str(), &**emergency_address, &**note, at];
    transaction.prepare_cached(sql)?.execute(values).map(drop)
}

pub(super) fn described(change: &NumberChange) -> (&'static str, String, String) {
    match change {
        NumberChange::Added(numbers) => {
            let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
                return ("number.added", String::new(), "count=0".to_owned());
            };
            let tenant = first.tenant.0;
            let detail = match numbers.len() {
                1 => format!("tenant={tenant} number={}", first.e164),
                count => format!("tenant={tenant} first={} last={} count={count}", first.e164, last.e164),
            };
            ("number.added", name(first.id), detail)
        }
        NumberChange::Changed { id, patch } => ("number.changed", name(*id), fields(patch)),
        NumberChange::Removed(id) => ("number.removed", name(*id), String::new()),
    }
}

fn name(id: NumberId) -> String {
    format!("num_{}", id.0)
}

fn fields(patch: &NumberPatch) -> String {
    let NumberPatch { emergency_address, note } = patch;
    let fields = [("emergency_address", emergency_address.is_some()), ("note", note.is_some())];
    fields.iter().filter(|(_, is_said)| *is_said).map(|(field, _)| *field).collect::<Vec<_>>().join(" ")
}
