//! What was answered to requests that may be sent again: the same answer is given after a restart. A secret that is shown once
//! may be in one, so answers are sealed.

use crate::seal::SealKey;
use rusqlite::{Connection, Transaction, params};

/// How long an answer is kept.
pub const ANSWER_KEPT_MS: u64 = 24 * 3_600_000;
/// Answers that are kept, and the bytes of one: 32 MB at most. One that is longer is in memory alone.
pub const ANSWERS_MAX: usize = 2_000;
pub const ANSWER_BYTES_MAX: usize = 16 << 10;

/// One answer, and to what.
#[derive(Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// Who has asked.
    pub asker: Box<str>,
    /// SHA-256 of what he names his request by.
    pub key: [u8; 32],
    /// SHA-256 of what was asked.
    pub asked: [u8; 32],
    pub at_ms: u64,
    pub answer: Vec<u8>,
}

/// Keeps it, and lets go what is too old or too many.
pub(super) fn keep(transaction: &Transaction<'_>, key: &SealKey, row: &AnswerRow) -> rusqlite::Result<()> {
    if row.answer.len() > ANSWER_BYTES_MAX {
        return Ok(());
    }
    let sealed = key.seal_secret(&row.answer, &context(&row.asker, &row.key));
    let sql = "INSERT OR REPLACE INTO answers (asker, key, asked, at_ms, sealed) VALUES (?1, ?2, ?3, ?4, ?5)";
    transaction.execute(sql, params![&*row.asker, row.key, row.asked, row.at_ms as i64, sealed])?;
    let old = row.at_ms.saturating_sub(ANSWER_KEPT_MS) as i64;
    transaction.execute("DELETE FROM answers WHERE at_ms < ?1", [old])?;
    let many = "DELETE FROM answers WHERE at_ms <
        (SELECT at_ms FROM answers ORDER BY at_ms DESC LIMIT 1 OFFSET ?1)";
    transaction.execute(many, [ANSWERS_MAX as i64 - 1]).map(drop)
}

/// Those that are not too old, the oldest first.
pub(super) fn all(connection: &Connection, key: &SealKey, now_ms: u64) -> rusqlite::Result<Vec<AnswerRow>> {
    let sql =
        "SELECT asker, key, asked, at_ms, sealed FROM answers WHERE at_ms >= ?1 ORDER BY at_ms LIMIT ?2";
    let mut statement = connection.prepare(sql)?;
    let since = now_ms.saturating_sub(ANSWER_KEPT_MS) as i64;
    let mut rows = statement.query([since, ANSWERS_MAX as i64])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (asker, name): (String, [u8; 32]) = (row.get(0)?, row.get(1)?);
        // One that does not open was moved here by somebody: it was never answered.
        let Some(answer) = key.open_secret(row.get_ref(4)?.as_blob()?, &context(&asker, &name)) else {
            continue;
        };
        let (asked, at_ms) = (row.get(2)?, row.get::<_, i64>(3)? as u64);
        found.push(AnswerRow { asker: asker.into(), key: name, asked, at_ms, answer: answer.to_vec() });
    }
    Ok(found)
}

fn context(asker: &str, key: &[u8; 32]) -> Vec<u8> {
    [b"answer\0", asker.as_bytes(), b"\0", key].concat()
}
