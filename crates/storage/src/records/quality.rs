//! How calls sounded, counted by SQLite: of a time, by hour, by what the phones are, by why somebody was not heard.

use super::call_rows;
use super::calls::{CallRow, MOS_BAD_HUNDREDTHS, first_of};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

/// Records that are looked at for one answer, the newest: about 5 microseconds for each.
pub const QUALITY_CALLS_MAX: u64 = 100_000;
/// Groups of one answer; worst-case memory: 100 bytes each.
pub const QUALITY_GROUPS_MAX: usize = 1_000;
/// The worst calls of one answer.
pub const QUALITY_WORST_MAX: usize = 20;
/// The group of [`QualityBy::Cause`] of calls with a low score and without a verdict.
pub const LOW_SCORE: &str = "low_score";

const HOUR_MS: u64 = 3_600_000;

/// Which calls, and what makes a group of them. Calls that were not answered, and of which nothing was measured or said, have no
/// quality: they are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualityQuery {
    /// Begun at this time or later, and before.
    pub since_ms: u64,
    pub until_ms: u64,
    pub by: QualityBy,
    /// For [`QualityBy::Cause`]: the names of causes and the sentences of their verdicts, with `{}` for each value in them.
    pub causes: Box<[(Box<str>, Box<str>)]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QualityBy {
    /// In which a call began: milliseconds since the Unix epoch. The last [`QUALITY_GROUPS_MAX`] of them.
    Hour,
    /// Here and below each side of a call counts for itself.
    Codec,
    Transport,
    /// The first word of a User-Agent, without its version.
    Program,
    Account,
    /// Only calls of which people complain, by the verdict on them, else [`LOW_SCORE`].
    Cause,
    /// How much is lost and how unevenly it comes, the worse way of each side: `LOSS JITTER`, in thousandths and milliseconds,
    /// rounded down to steps of 5 and of 4, of which the last are 120 and more, and 156 and more.
    Network,
}

/// Scores are the worst of the ways of a call, or of a side of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QualityGroup {
    /// `None`: not known, or nobody of ours.
    pub name: Option<Box<str>>,
    pub count: u64,
    /// Of those, how many have a score.
    pub scored: u64,
    /// Half of those that have one have this score or a lower one; one of twenty has.
    pub median_hundredths: Option<u16>,
    pub p5_hundredths: Option<u16>,
    /// How many were bad: a score below [`MOS_BAD_HUNDREDTHS`], or a verdict (on this side of the call, where sides are counted).
    pub bad: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// All calls, whatever they are grouped by.
    pub total: QualityGroup,
    /// The largest first; hours in their order.
    pub groups: Vec<QualityGroup>,
    /// There are more calls or groups than were looked at.
    pub is_cut: bool,
    /// The worst of those of which people complain: first those with a verdict.
    pub worst: Vec<CallRow>,
}

pub(super) fn of(connection: &Connection, query: &QualityQuery) -> rusqlite::Result<Quality> {
    let (from, until) = (first_of(query.since_ms), first_of(query.until_ms));
    let sql = "SELECT id FROM calls WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3";
    let range = params![from.to_be_bytes(), until.to_be_bytes(), QUALITY_CALLS_MAX as i64 - 1];
    let last: Option<[u8; 16]> =
        connection.prepare_cached(sql)?.query_row(range, |row| row.get(0)).optional()?;
    let oldest = last.map_or(from, u128::from_be_bytes);
    let all = [Value::Blob(oldest.to_be_bytes().into()), Value::Blob(until.to_be_bytes().into())];

    let mut total = grouped(connection, &Rows::of_calls("NULL"), &all)?;
    let mut groups = grouped(connection, &rows(query), &all)?;
    let hours = query.until_ms.div_ceil(HOUR_MS).saturating_sub(query.since_ms / HOUR_MS);
    let has_lost_hours = query.by == QualityBy::Hour && hours > QUALITY_GROUPS_MAX as u64 + 1;
    let is_cut = oldest > from || groups.len() > QUALITY_GROUPS_MAX || has_lost_hours;
    groups.truncate(QUALITY_GROUPS_MAX);
    if query.by == QualityBy::Hour {
        groups.reverse();
    }
    let total = total.pop().unwrap_or_default();
    Ok(Quality { total, groups, is_cut, worst: worst(connection, &all)? })
}

const WANTED: &str = "calls.id >= ?1 AND calls.id < ?2
    AND (answered_at_ms IS NOT NULL OR worst_mos IS NOT NULL OR verdict IS NOT NULL)";
const WANTED_OF_HOUR: &str = "calls.id >= max(?1, unhex(printf('%012x', hours.at)))
    AND calls.id < min(?2, unhex(printf('%012x', hours.at + 3600000)))
    AND (answered_at_ms IS NOT NULL OR worst_mos IS NOT NULL OR verdict IS NOT NULL)";

/// The score of a call, and whether it is bad.
const CALL: &str = "worst_mos AS mos, (coalesce(worst_mos, 999) < 360 OR verdict IS NOT NULL) AS bad";
const _: () = assert!(MOS_BAD_HUNDREDTHS == 360, "as the statements have it");

/// What is grouped.
struct Rows {
    /// A statement that gives `key`, `mos` and `bad` of each call or side.
    sql: String,
    /// What a key is called.
    name: String,
    /// Of the groups.
    order: &'static str,
    /// Of the statement, from the third on: before them is the time.
    values: Vec<Value>,
}

impl Rows {
    fn of_calls(key: &str) -> Self {
        Self::new(format!("SELECT {key} AS key, {CALL} FROM calls WHERE {WANTED}"), "key")
    }

    fn of_sides(key: &str, name: &str) -> Self {
        let sql = format!(
            "SELECT {key} AS key, {SIDE_MOS} AS mos, (coalesce({SIDE_MOS}, 999) < 360
                OR coalesce(verdict, '') LIKE iif(side.side = 0, 'caller:%', 'callee:%')) AS bad
             FROM calls CROSS JOIN call_sides side ON side.call = calls.id WHERE {WANTED}"
        );
        Self::new(sql, name)
    }

    fn new(sql: String, name: &str) -> Self {
        Self { sql, name: name.to_owned(), order: "sum(calls) DESC, name", values: Vec::new() }
    }
}

const SIDE_MOS: &str = "min(coalesce(received_mos, sent_mos), coalesce(sent_mos, received_mos))";

fn rows(query: &QualityQuery) -> Rows {
    match query.by {
        QualityBy::Hour => hour_rows(query),
        QualityBy::Codec => Rows::of_sides("codec", "key"),
        QualityBy::Transport => Rows::of_sides("transport", "key"),
        QualityBy::Account => Rows::of_sides("account", "key"),
        QualityBy::Program => {
            let plain = "replace(replace(replace(ltrim(key), ' ', '/'), '_', '/'), '(', '/') || '/'";
            let first = format!("nullif(substr({plain}, 1, min(instr({plain}, '/') - 1, 64)), '')");
            Rows::of_sides("user_agent", &first)
        }
        QualityBy::Cause => cause_rows(query),
        QualityBy::Network => {
            let loss = "max(coalesce(received_lost * 1000 / nullif(received_packets + received_lost, 0), 0),
                coalesce(sent_lost * 1000 / nullif(sent_packets, 0), 0))";
            let jitter = "max(coalesce(received_jitter_us, 0), coalesce(sent_jitter_us, 0)) / 1000";
            let cell = format!("min({loss}, 120) / 5 * 5 * 1000 + min({jitter}, 156) / 4 * 4");
            let mut rows = Rows::of_sides(&cell, "printf('%d %d', key / 1000, key % 1000)");
            rows.sql +=
                " AND coalesce(received_lost, received_jitter_us, sent_lost, sent_jitter_us) IS NOT NULL";
            rows
        }
    }
}

fn cause_rows(query: &QualityQuery) -> Rows {
    let mut causes = String::new();
    let mut values = Vec::with_capacity(2 * query.causes.len());
    for (name, sentence) in &query.causes {
        let next = values.len() + 3;
        causes.push_str(&format!("WHEN verdict LIKE ?{next} ESCAPE '!' THEN ?{} ", next + 1));
        // `caller: ` and `callee: ` are before it.
        let pattern = sentence.split("{}").map(call_rows::like).collect::<String>();
        values.extend([Value::Text(format!("call__: {}", within(&pattern))), Value::Text(name.to_string())]);
    }
    let mut rows = Rows::of_calls(&format!("CASE WHEN verdict IS NULL THEN '{LOW_SCORE}' {causes} END"));
    rows.sql += " AND (worst_mos < 360 OR verdict IS NOT NULL)";
    Rows { values, ..rows }
}

/// Without what stands for anything at both ends.
fn within(pattern: &str) -> String {
    let pattern = pattern.strip_prefix('%').unwrap_or(pattern);
    pattern.strip_suffix('%').unwrap_or(pattern).replace("%%", "%")
}

/// The name of a call begins with its time, which SQLite reads no number from: so each hour is asked for its calls.
fn hour_rows(query: &QualityQuery) -> Rows {
    let end = query.until_ms.min((1 << 48) - 1).div_ceil(HOUR_MS);
    let begin = (query.since_ms / HOUR_MS).max(end.saturating_sub(QUALITY_GROUPS_MAX as u64 + 1));
    let sql = format!(
        "SELECT hours.at AS key, {CALL} FROM
         (WITH RECURSIVE hours(at) AS (VALUES (?3) UNION ALL SELECT at + {HOUR_MS} FROM hours WHERE at + {HOUR_MS} < ?4)
          SELECT at FROM hours) hours
         CROSS JOIN calls WHERE {WANTED_OF_HOUR}"
    );
    let ms = |hours: u64| Value::Integer((hours * HOUR_MS) as i64);
    let values = vec![ms(begin), ms(end)];
    Rows { order: "name DESC", values, ..Rows::new(sql, "key") }
}

/// Counts each score of each key, then of what the keys are called, then walks through the scores: there are 351 at most.
fn grouping(Rows { sql, name, order, .. }: &Rows) -> String {
    format!(
        "WITH keyed AS MATERIALIZED (SELECT key, mos, count(*) AS calls, sum(bad) AS bad FROM ({sql}) GROUP BY key, mos),
         counted AS (SELECT {name} AS name, mos, sum(calls) AS calls, sum(bad) AS bad, iif(mos IS NULL, 0, sum(calls)) AS scored
            FROM keyed GROUP BY 1, mos),
         ranked AS (SELECT *, sum(scored) OVER (PARTITION BY name ORDER BY mos) AS so_far,
            sum(scored) OVER (PARTITION BY name) AS of FROM counted)
         SELECT name, sum(calls), max(of), min(mos) FILTER (WHERE so_far * 2 >= of),
            min(mos) FILTER (WHERE so_far * 20 >= of), sum(bad)
         FROM ranked GROUP BY name ORDER BY {order} LIMIT {}",
        QUALITY_GROUPS_MAX + 1
    )
}

fn grouped(connection: &Connection, rows: &Rows, range: &[Value]) -> rusqlite::Result<Vec<QualityGroup>> {
    let mut statement = connection.prepare_cached(&grouping(rows))?;
    statement.query_map(params_from_iter(range.iter().chain(&rows.values)), read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<QualityGroup> {
    let name = match row.get(0)? {
        Value::Text(text) => Some(text.into()),
        Value::Integer(number) => Some(number.to_string().into()),
        Value::Null | Value::Real(_) | Value::Blob(_) => None,
    };
    Ok(QualityGroup {
        name,
        count: row.get::<_, i64>(1)? as u64,
        scored: row.get::<_, i64>(2)? as u64,
        median_hundredths: row.get(3)?,
        p5_hundredths: row.get(4)?,
        bad: row.get::<_, i64>(5)? as u64,
    })
}

fn worst(connection: &Connection, range: &[Value]) -> rusqlite::Result<Vec<CallRow>> {
    let sql = format!(
        "SELECT id FROM calls WHERE {WANTED} AND (worst_mos < 360 OR verdict IS NOT NULL)
         ORDER BY verdict IS NULL, worst_mos, id DESC LIMIT {QUALITY_WORST_MAX}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let ids: Vec<[u8; 16]> =
        statement.query_map(params_from_iter(range), |row| row.get(0))?.collect::<Result<_, _>>()?;
    let found = ids.into_iter().map(|id| call_rows::of(connection, u128::from_be_bytes(id)).transpose());
    found.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sqlite;

    /// Whatever else is in the table, no more than the time that is asked for is read, by the names of the calls.
    #[test]
    fn each_grouping_reads_calls_by_their_time_and_sides_by_their_call() {
        let folder = std::env::temp_dir().join(format!("coeur-quality-plan-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let records = Sqlite::open(&folder).expect("opens");
        let by = [
            QualityBy::Hour,
            QualityBy::Codec,
            QualityBy::Transport,
            QualityBy::Program,
            QualityBy::Account,
            QualityBy::Cause,
            QualityBy::Network,
        ];
        for by in by {
            let causes = Box::new([("loss".into(), "{} % of what it sends is lost".into())]);
            let query = QualityQuery { since_ms: 0, until_ms: 3_600_000, by, causes };
            let sql = format!("EXPLAIN QUERY PLAN {}", grouping(&rows(&query)));
            let plan = records.plan(&sql).expect("a plan").join("\n");
            assert!(plan.contains("SEARCH calls USING PRIMARY KEY (id>? AND id<?)"), "{by:?}: {plan}");
            assert!(!plan.contains("SCAN calls") && !plan.contains("SCAN side"), "{by:?}: {plan}");
            let is_of_sides = !matches!(by, QualityBy::Hour | QualityBy::Cause);
            assert_eq!(
                plan.contains("SEARCH side USING PRIMARY KEY (call=?)"),
                is_of_sides,
                "{by:?}: {plan}"
            );
        }
        std::fs::remove_dir_all(&folder).expect("the folder is ours");
    }

    #[test]
    fn a_sentence_of_a_verdict_is_sought_with_anything_for_its_values() {
        let pattern = |sentence: &str| within(&sentence.split("{}").map(call_rows::like).collect::<String>());
        assert_eq!(pattern("{} % of it is lost"), "% !% of it is lost");
        assert_eq!(pattern("from {} to {}"), "from % to %");
        assert_eq!(pattern("it is no RTP"), "it is no RTP");
    }
}
