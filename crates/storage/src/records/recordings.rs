//! Records of recordings: which file, whether it is still the one that was written, and who asked for it.

use rusqlite::{Connection, Row, Transaction, params};

/// A recording that is over. A call has several when it was recorded several times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingRow {
    pub call: u128,
    /// From 1.
    pub part: u16,
    /// Relative to the data directory.
    pub file: Box<str>,
    /// Of the file, in hexadecimal.
    pub sha256: Box<str>,
    pub bytes: u64,
    pub began_at_ms: u64,
    /// Of what can be heard.
    pub recorded_ms: u64,
    /// Silence in it that stands for what was lost.
    pub lost_ms: u64,
    /// Where something was left out, as `MS+MS`: behind so much of the file, and how much; with commas.
    pub pauses: Box<str>,
    /// `policy`, an account, or an operator.
    pub asked_by: Box<str>,
    /// `ended`, `interrupted`, or `failed:` and why.
    pub ended: Box<str>,
}

impl RecordingRow {
    /// Of its audit row.
    pub(super) fn subject(&self) -> String {
        format!("{:032x}-{}", self.call, self.part)
    }

    pub(super) fn detail(&self) -> String {
        let Self { file, sha256, bytes, asked_by, ended, .. } = self;
        format!("file={file} sha256={sha256} bytes={bytes} asked_by={asked_by} {ended}")
    }
}

/// True: it was not there.
pub(super) fn add(transaction: &Transaction<'_>, row: &RecordingRow) -> rusqlite::Result<bool> {
    let sql = "INSERT OR IGNORE INTO recordings (call, part, file, sha256, bytes, began_at_ms, recorded_ms, lost_ms, pauses,
        asked_by, ended) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let values = params![
        row.call.to_be_bytes(),
        row.part,
        &*row.file,
        &*row.sha256,
        row.bytes as i64,
        row.began_at_ms as i64,
        row.recorded_ms as i64,
        row.lost_ms as i64,
        &*row.pauses,
        &*row.asked_by,
        &*row.ended
    ];
    transaction.prepare_cached(sql)?.execute(values).map(|added| added == 1)
}

pub(super) fn of(connection: &Connection, call: u128) -> rusqlite::Result<Vec<RecordingRow>> {
    let sql =
        "SELECT call, part, file, sha256, bytes, began_at_ms, recorded_ms, lost_ms, pauses, asked_by, ended
        FROM recordings WHERE call = ?1 ORDER BY part";
    connection.prepare_cached(sql)?.query_map([call.to_be_bytes()], read)?.collect()
}

pub(super) fn newest(
    connection: &Connection,
    before: Option<(u128, u16)>,
    limit: usize,
) -> rusqlite::Result<Vec<RecordingRow>> {
    let sql =
        "SELECT call, part, file, sha256, bytes, began_at_ms, recorded_ms, lost_ms, pauses, asked_by, ended
        FROM recordings WHERE (call, part) < (?1, ?2) ORDER BY call DESC, part DESC LIMIT ?3";
    // Longer than any name: behind all of them.
    let (call, part) =
        before.map_or_else(|| (vec![0xff; 17], 0), |(call, part)| (call.to_be_bytes().to_vec(), part));
    connection.prepare_cached(sql)?.query_map(params![call, part, limit as i64], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<RecordingRow> {
    let natural = |at| row.get::<_, i64>(at).map(|value| value as u64);
    Ok(RecordingRow {
        call: u128::from_be_bytes(row.get(0)?),
        part: row.get(1)?,
        file: row.get(2)?,
        sha256: row.get(3)?,
        bytes: natural(4)?,
        began_at_ms: natural(5)?,
        recorded_ms: natural(6)?,
        lost_ms: natural(7)?,
        pauses: row.get(8)?,
        asked_by: row.get(9)?,
        ended: row.get(10)?,
    })
}
