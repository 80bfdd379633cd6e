//! Records of calls as CSV (RFC 4180): one column for each field, those of the caller with `_a`, those of the callee with
//! `_b`; `_to_` is what went to that side.

use crate::calls::{CallRecordView, ID_PREFIX, RecordSideView, WayView};

const CALL: [&str; 17] = [
    "id",
    "start_at",
    "answer_at",
    "end_at",
    "pdd_ms",
    "ring_ms",
    "talk_ms",
    "disposition",
    "sip_status",
    "sip_reason",
    "q850_cause",
    "hangup_by",
    "to_uri",
    "srtp",
    "xfer_of",
    "forwarded_by",
    "verdict",
];
const SIDE: [&str; 18] = [
    "account",
    "device",
    "address",
    "device_ua",
    "transport",
    "src_ip",
    "call_id",
    "codec",
    "protection",
    "packets",
    "loss_pct",
    "jitter_ms",
    "mos",
    "packets_to",
    "loss_pct_to",
    "jitter_ms_to",
    "mos_to",
    "rtt_ms",
];

/// What stands between two cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Separator {
    #[default]
    Comma,
    /// What spreadsheets want in countries whose numbers have a comma.
    Semicolon,
}

pub fn heads(separator: Separator) -> String {
    let of = |side: &'static str| SIDE.iter().map(move |name| format!("{name}_{side}"));
    let heads = CALL.iter().map(|name| (*name).to_owned()).chain(of("a")).chain(of("b"));
    lines([heads.collect()].into_iter(), separator)
}

pub fn rows(records: &[CallRecordView], separator: Separator) -> String {
    lines(records.iter().map(row), separator)
}

fn lines(rows: impl Iterator<Item = Vec<String>>, separator: Separator) -> String {
    let separator = match separator {
        Separator::Comma => b',',
        Separator::Semicolon => b';',
    };
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        // Written to memory, and each row has as many cells as the heads: neither can fail.
        let _ = writer.write_record(row);
    }
    String::from_utf8_lossy(&writer.into_inner().unwrap_or_default()).into_owned()
}

fn row(record: &CallRecordView) -> Vec<String> {
    let mut row = vec![
        of_call(&record.id),
        record.start_at.clone(),
        said(&record.answer_at),
        record.end_at.clone(),
        number(record.pdd_ms),
        number(record.ring_ms),
        number(record.talk_ms),
        record.disposition.clone(),
        record.sip_status.to_string(),
        said(&record.sip_reason),
        number(record.q850_cause),
        record.hangup_by.clone(),
        cell(&record.to_uri),
        said(&record.srtp),
        record.xfer_of.as_deref().map(of_call).unwrap_or_default(),
        cell(&record.forwarded_by.join(" ")),
        said(&record.verdict),
    ];
    row.extend(side(Some(&record.caller)));
    row.extend(side(record.callee.as_ref()));
    row
}

/// As everything else of the API names a call.
fn of_call(id: &str) -> String {
    format!("{ID_PREFIX}{id}")
}

fn side(side: Option<&RecordSideView>) -> Vec<String> {
    let Some(side) = side else { return vec![String::new(); SIDE.len()] };
    let mut row = vec![
        said(&side.account),
        number(side.device),
        cell(&side.address),
        cell(&side.device_ua),
        said(&side.transport),
        said(&side.src_ip),
        cell(&side.call_id),
        said(&side.codec),
        said(&side.protection),
    ];
    row.extend(way(&side.received));
    row.extend(way(&side.sent));
    row.push(number(side.rtt_ms));
    row
}

fn way(way: &WayView) -> [String; 4] {
    [number(way.packets), number(way.loss_pct), number(way.jitter_ms), number(way.mos)]
}

/// What there is not is empty.
fn number(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn said(text: &Option<String>) -> String {
    text.as_deref().map(cell).unwrap_or_default()
}

/// Control characters escaped; and what a spreadsheet would take for a formula begins with an apostrophe: anybody may call
/// himself `=HYPERLINK(...)`. A number with its plus is none, but what only begins as one may be.
fn cell(text: &str) -> String {
    let text = escaped(text);
    let is_number = text.strip_prefix('+').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t']) && !is_number;
    if is_formula { format!("'{text}") } else { text }
}

/// Control characters, and marks without width and changes of direction, which make a name look like another one, are seen.
fn escaped(text: &str) -> String {
    let is_disguise = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            _ if is_disguise(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_as_many_cells_as_the_heads_and_missing_is_empty() {
        let record = CallRecordView { id: "x".into(), ..CallRecordView::default() };
        let with = CallRecordView { callee: Some(RecordSideView::default()), ..record.clone() };
        let heads = heads(Separator::Comma);
        let mut reader = csv::Reader::from_reader(heads.as_bytes());
        let count = reader.headers().unwrap().len();
        assert_eq!(count, CALL.len() + 2 * SIDE.len());
        assert!(heads.contains(",mos_a,packets_to_a,") && heads.ends_with(",rtt_ms_b\r\n"), "{heads}");
        for record in [&record, &with] {
            let row = row(record);
            assert_eq!(row.len(), count);
            assert_eq!(row[count - 1], "", "not measured is not 0");
        }
    }

    #[test]
    fn what_the_network_said_is_one_cell_and_no_formula() {
        let name = "=HYPERLINK(\"http://x\")\r\n\x1b[31m,\"b\"";
        let mut record = CallRecordView::default();
        record.caller.address = name.to_owned();
        record.caller.device_ua = "@SUM(A1)".to_owned();
        record.to_uri = "+33123456789".to_owned();
        let text = rows(std::slice::from_ref(&record), Separator::Comma);
        assert_eq!(text.matches("\r\n").count(), 1, "{text}");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        let of =
            |name: &str| row[CALL.len() + SIDE.iter().position(|found| *found == name).unwrap()].to_owned();
        assert_eq!(of("address"), "'=HYPERLINK(\"http://x\")\\x0d\\x0a\\x1b[31m,\"b\"");
        assert_eq!(of("device_ua"), "'@SUM(A1)");
        assert_eq!(&row[12], "+33123456789");
        assert_eq!(cell("+1+HYPERLINK(A1)"), "'+1+HYPERLINK(A1)");
        let text = rows(&[record], Separator::Semicolon);
        assert!(text.contains(";\"'=HYPERLINK(\"\"http://x\"\")"), "{text}");
    }
}
