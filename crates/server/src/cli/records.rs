//! `coeur records`.

use super::calls::{pair, way};
use super::door::{Way, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::{Records, RecordsVerb};
use super::table::{duration, table};
use super::terminal::{bold, print};
use super::ways;
use super::words::Word;
use coeur_api::sheet::{self, Separator};
use coeur_api::{CallRecordView, CallRecordsRequest, RecordSideView, Reply, Request};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

/// Records in one answer.
const PAGE: usize = 5_000;

pub fn run(arguments: Records) -> Result<(), Failure> {
    let (way, json) = (Way::open(&arguments.place)?, arguments.place.json);
    if let Some(RecordsVerb::Show { call }) = arguments.verb {
        return match way.ask(Request::CallRecordShow { call })? {
            Reply::CallRecord(view) if json => print_json(&view),
            Reply::CallRecord(view) => {
                print(&shown(&view));
                Ok(())
            }
            other => Err(unexpected(&other)),
        };
    }
    let request = CallRecordsRequest {
        since_ms: arguments.since.as_deref().map(since_ms).transpose()?,
        account: arguments.account.map(|account| way.full_account(&account)).transpose()?,
        failed: arguments.failed,
        bad: arguments.bad,
        limit: PAGE,
        ..CallRecordsRequest::default()
    };
    if arguments.csv {
        print(&sheet::heads(Separator::Comma));
        // Page by page: a sheet may be longer than memory.
        let more = each_page(&way, request, arguments.limit, |page| {
            print(&sheet::rows(page, Separator::Comma));
            Ok(())
        })?;
        return told_of_more(more, arguments.limit);
    }
    let mut records = Vec::new();
    let more = each_page(&way, request, arguments.limit, |page| {
        records.extend_from_slice(page);
        Ok(())
    })?;
    match json {
        true => print_json(&records)?,
        false => print(&listed(&records)),
    }
    told_of_more(more, arguments.limit)
}

pub(super) fn told_of_more(more: bool, limit: usize) -> Result<(), Failure> {
    if more {
        eprintln!("coeur: {}", Word::MoreThan.with(&[&limit.to_string()]));
    }
    Ok(())
}

/// Whether there are more than `limit`.
fn each_page(
    way: &Way,
    mut request: CallRecordsRequest,
    limit: usize,
    mut each: impl FnMut(&[CallRecordView]) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let mut left = limit;
    loop {
        request.limit = PAGE.min(left).max(1);
        let page = match way.ask(Request::CallRecords(request.clone()))? {
            Reply::CallRecords(page) => page,
            other => return Err(unexpected(&other)),
        };
        let taken = page.records.len().min(left);
        each(&page.records[..taken])?;
        left -= taken;
        request.before = page.next;
        if left == 0 || request.before.is_none() {
            return Ok(request.before.is_some() || taken < page.records.len());
        }
    }
}

/// A date, a time, or so long ago.
pub(super) fn since_ms(text: &str) -> Result<u64, Failure> {
    let wrong = || {
        let text = format!("`{text}` is no time; write 2026-11-26, 2026-11-26T08:00:00Z, 90m, 24h or 7d");
        Failure::new(Exit::Usage, text)
    };
    if let Some(ago) = ago(text) {
        let then = SystemTime::now().checked_sub(ago).and_then(|then| then.duration_since(UNIX_EPOCH).ok());
        return Ok(then.unwrap_or_default().as_millis() as u64);
    }
    let date = |text: &str| {
        let format = time::format_description::well_known::Iso8601::DATE;
        Date::parse(text, &format).ok().map(|date| date.midnight().assume_utc())
    };
    let at = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| date(text)).ok_or_else(wrong)?;
    u64::try_from(at.unix_timestamp_nanos() / 1_000_000).map_err(|_| wrong())
}

pub(super) fn ago(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let count: u64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    Some(Duration::from_secs(count.checked_mul(seconds)?))
}

fn listed(records: &[CallRecordView]) -> String {
    let row = |record: &CallRecordView| {
        vec![
            record.id.clone(),
            record.start_at.clone(),
            who(Some(&record.caller), ""),
            who(record.callee.as_ref(), &record.to_uri),
            outcome(record),
            record.talk_ms.map_or_else(|| "-".to_owned(), |ms| duration(ms / 1_000)),
            record.srtp.as_deref().map_or_else(|| "-".to_owned(), ways::protection),
            worst(record).map_or_else(|| "-".to_owned(), |mos| mos.to_string()),
        ]
    };
    let heads = [
        Word::Call.say(),
        Word::Begun.say(),
        Word::From.say(),
        Word::To.say(),
        Word::Outcome.say(),
        Word::Talked.say(),
        Word::Media.say(),
        Word::Score.say(),
    ];
    table(&heads, &records.iter().map(row).collect::<Vec<_>>())
}

fn who(side: Option<&RecordSideView>, or: &str) -> String {
    let known = side.map(|side| side.account.clone().unwrap_or_else(|| side.address.clone()));
    known.filter(|known| !known.is_empty()).unwrap_or_else(|| or.to_owned())
}

fn outcome(record: &CallRecordView) -> String {
    let word = match record.disposition.as_str() {
        "answered" => return Word::WasAnswered.say().to_owned(),
        "busy" => Word::WasBusy.say(),
        "no_answer" => Word::WasNotAnswered.say(),
        "cancelled" => Word::WasCancelled.say(),
        "failed" => Word::HasFailed.say(),
        other => other,
    };
    format!("{word} ({})", record.sip_status)
}

/// Of what was measured.
fn worst(record: &CallRecordView) -> Option<f64> {
    let sides = [Some(&record.caller), record.callee.as_ref()].into_iter().flatten();
    let scores = sides.flat_map(|side| [side.received.mos, side.sent.mos]).flatten();
    scores.min_by(f64::total_cmp)
}

fn shown(record: &CallRecordView) -> String {
    let talked = record.talk_ms.map(|ms| duration(ms / 1_000));
    let mut out = format!("{} {}\n", bold(&record.id), outcome(record));
    out += &pair(Word::Wanted.say(), Some(&record.to_uri));
    out += &pair(Word::Begun.say(), Some(&record.start_at));
    out += &pair(Word::Talked.say(), talked.as_deref());
    out += &pair(Word::EndedBy.say(), Some(&ways::ended_by(&record.hangup_by)));
    out += &pair(Word::WhySaid.say(), record.sip_reason.as_deref());
    out += &pair(Word::Media.say(), record.srtp.as_deref().map(ways::protection).as_deref());
    out += &pair(Word::TransferOf.say(), record.xfer_of.as_deref());
    out += &pair(Word::ForwardedBy.say(), Some(&record.forwarded_by.join(", ")));
    out += &pair(Word::Verdict.say(), record.verdict.as_deref());
    for file in &record.recordings {
        let seconds = (file.recorded_ms / 1_000).to_string();
        let text = Word::RecordingFile.with(&[&file.file, &seconds, &file.asked_by, &file.ended]);
        out += &pair(Word::Recording.say(), Some(&text));
        out += &pair("SHA-256", Some(&file.sha256));
        out += &pair(Word::RecordingPauses.say(), Some(&file.pauses.join(", ")));
    }
    out += &side(Word::Caller.say(), &record.caller);
    record.callee.iter().for_each(|callee| out += &side(Word::Callee.say(), callee));
    out
}

fn side(role: &str, side: &RecordSideView) -> String {
    let mut out = format!("{}\n", bold(role));
    out += &pair(Word::Account.say(), side.account.as_deref());
    out += &pair(Word::Name.say(), Some(&side.address));
    out += &pair(Word::Device.say(), side.device.map(|device| device.to_string()).as_deref());
    out += &pair(Word::UserAgent.say(), Some(&side.device_ua));
    let over = [side.transport.as_deref(), side.src_ip.as_deref()].into_iter().flatten().collect::<Vec<_>>();
    out += &pair(Word::Over.say(), Some(&over.join(" ")));
    let codec = [side.codec.as_deref(), side.protection.as_deref()].into_iter().flatten().collect::<Vec<_>>();
    if codec.is_empty() {
        return out;
    }
    out += &pair(Word::Codecs.say(), Some(&codec.join(", ")));
    out += &pair(Word::Received.say(), Some(&way(Some(&side.received))));
    out += &pair(Word::Sent.say(), Some(&way(Some(&side.sent))));
    out += &pair(Word::RoundTrip.say(), side.rtt_ms.map(|ms| format!("{ms} ms")).as_deref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_an_instant_or_so_long_ago() {
        let ms = |text: &str| since_ms(text).ok();
        assert_eq!(ms("2027-01-15"), Some(1_799_971_200_000));
        assert_eq!(ms("2027-01-15T08:00:00Z"), Some(1_800_000_000_000));
        assert_eq!(ms("2027-01-15T09:00:00+01:00"), Some(1_800_000_000_000));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let day_ago = ms("1d").unwrap();
        assert!((now - 86_460_000..=now - 86_400_000 + 60_000).contains(&day_ago), "{day_ago}");
        // Longer ago than there is time.
        assert_eq!(ms("99999999d"), Some(0));
        for wrong in ["", "d", "1w", "-1d", "2027-13-01", "yesterday", "1.5h", "99999999999999999999d", "é"]
        {
            assert_eq!(ms(wrong), None, "{wrong}");
        }
    }
}
