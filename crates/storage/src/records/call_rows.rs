//! Records of calls in SQLite.

use super::calls::{
    CallQuery, CallRow, Disposition, Keep, MOS_BAD_HUNDREDTHS, SideRow, TALKED_DAYS, TalkedRow, WayRow,
    first_of,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params, params_from_iter};
use std::sync::LazyLock;

/// Removed with one batch at least; more when the batch is larger, so that they never grow.
const REMOVED_AT_ONCE_MIN: usize = 1_000;

/// Writes those that are not there yet, and returns how many that were.
pub(super) fn add(transaction: &Transaction<'_>, calls: &[CallRow]) -> rusqlite::Result<u64> {
    let mut added = 0;
    for call in calls {
        if insert(transaction, call)? {
            added += 1;
            insert_side(transaction, call.id, 0, &call.caller)?;
            call.callee.iter().try_for_each(|callee| insert_side(transaction, call.id, 1, callee))?;
            call.talked().iter().try_for_each(|talked| add_talked(transaction, talked))?;
        }
    }
    Ok(added)
}

fn add_talked(transaction: &Transaction<'_>, talked: &TalkedRow) -> rusqlite::Result<()> {
    let TalkedRow { account, day, seconds } = *talked;
    let add = "INSERT INTO talked VALUES (?1, ?2, ?3)
        ON CONFLICT (account, day) DO UPDATE SET seconds = seconds + excluded.seconds";
    transaction.prepare_cached(add)?.execute(params![account as i64, day, seconds as i64])?;
    let forget = "DELETE FROM talked WHERE account = ?1 AND day < ?2";
    let oldest = day.saturating_sub(TALKED_DAYS);
    transaction.prepare_cached(forget)?.execute(params![account as i64, oldest]).map(|_| ())
}

/// What accounts have talked since this day.
pub(super) fn talked(connection: &Connection, since_day: u32) -> rusqlite::Result<Vec<TalkedRow>> {
    let sql = "SELECT account, day, seconds FROM talked WHERE day >= ?1 ORDER BY account, day";
    let read = |row: &Row<'_>| {
        let (account, seconds): (i64, i64) = (row.get(0)?, row.get(2)?);
        Ok(TalkedRow { account: account as u64, day: row.get(1)?, seconds: seconds as u64 })
    };
    connection.prepare_cached(sql)?.query_map([since_day], read)?.collect()
}

/// Removes what is too old, and the oldest of what is too many of `count`; returns how many.
pub(super) fn remove_old(
    transaction: &Transaction<'_>,
    keep: Keep,
    count: u64,
    (now_ms, written): (u64, usize),
) -> rusqlite::Result<u64> {
    let oldest = first_of(now_ms.saturating_sub(u64::from(keep.days) * 86_400_000));
    let most = (2 * written).max(REMOVED_AT_ONCE_MIN) as u64;
    let sql = "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE id < ?1 ORDER BY id LIMIT ?2)";
    let too_old = transaction.prepare_cached(sql)?.execute(params![blob(oldest), most as i64])? as u64;
    let too_many = count.saturating_sub(too_old).saturating_sub(keep.calls).min(most);
    if too_many == 0 {
        return Ok(too_old);
    }
    let sql = "DELETE FROM calls WHERE id IN (SELECT id FROM calls ORDER BY id LIMIT ?1)";
    Ok(too_old + transaction.prepare_cached(sql)?.execute([too_many as i64])? as u64)
}

pub(super) fn count(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .query_row("SELECT count(*) FROM calls", [], |row| row.get::<_, i64>(0))
        .map(|count| count as u64)
}

pub(super) fn find(connection: &Connection, query: &CallQuery) -> rusqlite::Result<Vec<CallRow>> {
    let (mut wanted, mut values) = (vec!["1"], Vec::new());
    if let Some(since) = query.since_ms {
        wanted.push("calls.id >= ?");
        values.push(Value::Blob(blob(first_of(since)).into()));
    }
    if let Some(before) = query.before {
        wanted.push("calls.id < ?");
        values.push(Value::Blob(blob(before).into()));
    }
    if let Some(account) = &query.account {
        wanted.push("calls.id IN (SELECT call FROM call_sides WHERE account = ?)");
        values.push(Value::Text(account.to_string()));
        if query.is_own_only {
            wanted.push("calls.id >= ?");
            values.push(Value::Blob(blob(first_of(owned_since_ms(connection, account)?)).into()));
        }
    }
    if let Some(until) = query.until_ms {
        wanted.push("calls.id < ?");
        values.push(Value::Blob(blob(first_of(until)).into()));
    }
    if let Some(disposition) = query.disposition {
        wanted.push(with(disposition));
    }
    if let Some(part) = &query.part {
        let places = if query.is_shown_only { SHOWN } else { PART };
        wanted.push(places);
        values.extend(std::iter::repeat_n(Value::Text(like(part)), places.matches('?').count()));
    }
    if query.is_failed {
        wanted.push("answered_at_ms IS NULL");
    }
    if query.is_bad {
        wanted.push("(worst_mos < ? OR verdict IS NOT NULL)");
        values.push(Value::Integer(MOS_BAD_HUNDREDTHS.into()));
    }
    values.push(Value::Integer(query.limit as i64));
    let sql = format!("{} WHERE {} ORDER BY calls.id DESC LIMIT ?", select(), wanted.join(" AND "));
    connection.prepare_cached(&sql)?.query_map(params_from_iter(values), read)?.collect()
}

/// Since when an account is whose it is; one that is there no more is nobody's, ever.
pub(super) fn owned_since_ms(connection: &Connection, account: &str) -> rusqlite::Result<u64> {
    let sql = "SELECT owned_since_ms FROM accounts WHERE user = ? AND domain = ?";
    let (user, domain) = account.rsplit_once('@').unwrap_or((account, ""));
    let read = |row: &Row<'_>| row.get::<_, i64>(0);
    let since = connection.prepare_cached(sql)?.query_row([user, domain], read).optional()?;
    Ok(since.map_or(u64::MAX, |since| since as u64))
}

/// Each name and address of a call.
const PART: &str = "(wanted LIKE ? ESCAPE '!' OR a.account LIKE ? ESCAPE '!' OR a.address LIKE ? ESCAPE '!' OR a.call_id LIKE ?
    ESCAPE '!' OR a.remote LIKE ? ESCAPE '!' OR b.account LIKE ? ESCAPE '!' OR b.address LIKE ? ESCAPE '!' OR b.call_id LIKE ?
    ESCAPE '!' OR b.remote LIKE ? ESCAPE '!')";

/// Of those what each side of a call knows of the other.
const SHOWN: &str =
    "(wanted LIKE ? ESCAPE '!' OR a.address LIKE ? ESCAPE '!' OR b.address LIKE ? ESCAPE '!')";

/// What holds this text, whatever is in it.
pub(super) fn like(part: &str) -> String {
    let mut pattern = String::from("%");
    for character in part.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

fn with(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Answered => "answered_at_ms IS NOT NULL",
        Disposition::Busy => "answered_at_ms IS NULL AND status IN (486, 600, 603)",
        Disposition::NoAnswer => "answered_at_ms IS NULL AND status IN (408, 480)",
        Disposition::Cancelled => "answered_at_ms IS NULL AND status = 487",
        Disposition::Failed => "answered_at_ms IS NULL AND status NOT IN (486, 600, 603, 408, 480, 487)",
    }
}

pub(super) fn of(connection: &Connection, id: u128) -> rusqlite::Result<Option<CallRow>> {
    let sql = format!("{} WHERE calls.id = ?", select());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query_map([blob(id)], read)?;
    rows.next().transpose()
}

const CALL: [&str; 13] = [
    "id",
    "ring_after_ms",
    "answered_at_ms",
    "ended_at_ms",
    "status",
    "ended_by",
    "reason",
    "q850_cause",
    "wanted",
    "media",
    "transfer_of",
    "forwarded_by",
    "verdict",
];

const SIDE: [&str; 18] = [
    "account",
    "device",
    "address",
    "user_agent",
    "transport",
    "remote",
    "call_id",
    "codec",
    "protection",
    "received_packets",
    "received_lost",
    "received_jitter_us",
    "received_mos",
    "sent_packets",
    "sent_lost",
    "sent_jitter_us",
    "sent_mos",
    "round_trip_us",
];

static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT OR IGNORE INTO calls ({}, worst_mos) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        CALL.join(", ")
    )
});

static INSERT_SIDE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO call_sides ({}, call, side) VALUES
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
        SIDE.join(", ")
    )
});

fn select() -> String {
    let of = |table: &str, columns: &[&str]| {
        columns.iter().map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ")
    };
    format!(
        "SELECT {}, {}, b.side, {} FROM calls
         JOIN call_sides a ON a.call = calls.id AND a.side = 0 LEFT JOIN call_sides b ON b.call = calls.id AND b.side = 1",
        of("calls", &CALL),
        of("a", &SIDE),
        of("b", &SIDE)
    )
}

fn insert(transaction: &Transaction<'_>, call: &CallRow) -> rusqlite::Result<bool> {
    let values = params![
        blob(call.id),
        number(call.ring_after_ms),
        number(call.answered_at_ms),
        call.ended_at_ms as i64,
        call.status,
        &*call.ended_by,
        call.reason.as_deref(),
        call.q850_cause,
        &*call.to,
        call.media.as_deref(),
        call.transfer_of.map(blob),
        call.forwarded_by.as_deref(),
        call.verdict.as_deref(),
        call.worst_mos_hundredths(),
    ];
    transaction.prepare_cached(&INSERT)?.execute(values).map(|inserted| inserted == 1)
}

fn insert_side(transaction: &Transaction<'_>, call: u128, place: u8, side: &SideRow) -> rusqlite::Result<()> {
    let (received, sent) = (side.received, side.sent);
    let values = params![
        side.account.as_deref(),
        number(side.device),
        &*side.address,
        &*side.user_agent,
        side.transport.as_deref(),
        side.remote.as_deref(),
        &*side.call_id,
        side.codec.as_deref(),
        side.protection.as_deref(),
        number(received.packets),
        number(received.lost),
        number(received.jitter_us),
        received.mos_hundredths,
        number(sent.packets),
        number(sent.lost),
        number(sent.jitter_us),
        sent.mos_hundredths,
        number(side.round_trip_us),
        blob(call),
        place,
    ];
    transaction.prepare_cached(&INSERT_SIDE)?.execute(values).map(|_| ())
}

fn read(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    let has_callee = row.get::<_, Option<u8>>(CALL.len() + SIDE.len())?.is_some();
    let callee = has_callee.then(|| read_side(row, CALL.len() + SIDE.len() + 1)).transpose()?;
    Ok(CallRow {
        id: u128::from_be_bytes(row.get(0)?),
        ring_after_ms: natural(row, 1)?,
        answered_at_ms: natural(row, 2)?,
        ended_at_ms: row.get::<_, i64>(3)? as u64,
        status: row.get(4)?,
        ended_by: row.get(5)?,
        reason: row.get(6)?,
        q850_cause: row.get(7)?,
        to: row.get(8)?,
        media: row.get(9)?,
        transfer_of: row.get::<_, Option<[u8; 16]>>(10)?.map(u128::from_be_bytes),
        forwarded_by: row.get(11)?,
        verdict: row.get(12)?,
        caller: read_side(row, CALL.len())?,
        callee,
        payer: None,
    })
}

fn read_side(row: &Row<'_>, at: usize) -> rusqlite::Result<SideRow> {
    let way = |at: usize| {
        Ok::<_, rusqlite::Error>(WayRow {
            packets: natural(row, at)?,
            lost: natural(row, at + 1)?,
            jitter_us: natural(row, at + 2)?,
            mos_hundredths: row.get(at + 3)?,
        })
    };
    Ok(SideRow {
        account: row.get(at)?,
        device: natural(row, at + 1)?,
        address: row.get(at + 2)?,
        user_agent: row.get(at + 3)?,
        transport: row.get(at + 4)?,
        remote: row.get(at + 5)?,
        call_id: row.get(at + 6)?,
        codec: row.get(at + 7)?,
        protection: row.get(at + 8)?,
        received: way(at + 9)?,
        sent: way(at + 13)?,
        round_trip_us: natural(row, at + 17)?,
    })
}

/// Big-endian, so that names sort as they do in text.
fn blob(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}

fn number(value: Option<u64>) -> Option<i64> {
    value.map(|value| value as i64)
}

fn natural(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(|value| value as u64))
}
