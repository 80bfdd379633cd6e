//! A call's record as a row of the database. Text is what the network said, unless it is long or no UTF-8; who shows it
//! escapes it.

use crate::observe::silences::verdict_text;
use coeur_exchange::call_record::{CallRecord, Side};
use coeur_exchange::event::{EndedBy, LegProtection};
use coeur_exchange::media::{StreamReport, Way};
use coeur_sip::header::Reason;
use coeur_storage::{CallRow, SideRow, WayRow};

/// Bytes of one text of the network that are kept. A header may have thousands, and whoever calls chooses them: records must
/// fit on the disk, and a page of them into one answer.
const TEXT_BYTES_MAX: usize = 512;

pub fn row(record: &CallRecord) -> CallRow {
    let by = record.forwarded.iter().map(|diversion| &*diversion.aor).collect::<Vec<_>>().join(",");
    CallRow {
        id: record.id.0,
        ring_after_ms: record.rang_after_ms,
        answered_at_ms: record.answered.map(|answered| answered.as_millis()),
        ended_at_ms: record.ended.as_millis(),
        status: record.status,
        ended_by: ended_by(record.ended_by).into(),
        reason: record.reason.as_deref().map(text),
        q850_cause: record.reason.as_deref().and_then(q850_cause),
        to: text(&record.to),
        media: record.protection.map(|protection| protection.state().as_str().into()),
        transfer_of: record.transfer_of.map(|of| of.0),
        forwarded_by: (!by.is_empty()).then(|| by.into()),
        verdict: record.verdict.as_ref().map(|verdict| verdict_text(verdict).into()),
        caller: side(&record.caller),
        callee: record.callee.as_ref().map(side),
        payer: record.payer.map(|payer| payer.0),
    }
}

fn side(side: &Side) -> SideRow {
    let audio = side.audio();
    let measured = audio.and_then(|(at, _)| side.report.as_ref()?.streams.get(at)?.as_ref());
    let of = |way: fn(&StreamReport) -> Way| measured.map(way).map(way_row).unwrap_or_default();
    SideRow {
        account: side.account.as_ref().map(|account| account.as_str().into()),
        device: side.party.map(|party| party.device.0),
        address: text(&side.address),
        user_agent: text(&side.user_agent),
        transport: side.flow.map(|(transport, _)| transport.to_string().to_ascii_lowercase().into()),
        remote: side.flow.map(|(_, remote)| remote.to_string().into()),
        call_id: text(&side.call_id),
        codec: audio.and_then(|(_, stream)| stream.codec.clone()),
        protection: audio.map(|(_, stream)| protection(stream.protection).into()),
        received: of(|stream| stream.received),
        sent: of(|stream| stream.sent),
        round_trip_us: measured.and_then(|stream| stream.round_trip_us),
    }
}

pub fn way_row(way: Way) -> WayRow {
    WayRow {
        packets: Some(way.packets),
        lost: way.lost,
        jitter_us: way.jitter_us,
        mos_hundredths: way.mos_hundredths,
    }
}

pub const fn protection(protection: LegProtection) -> &'static str {
    match protection {
        LegProtection::Clear => "clear",
        LegProtection::Sdes => "sdes",
        LegProtection::Dtls => "dtls",
        LegProtection::EndToEnd => "e2e",
    }
}

const fn ended_by(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "caller",
        EndedBy::Callee => "callee",
        EndedBy::Exchange => "exchange",
        EndedBy::Operator => "operator",
    }
}

/// RFC 3326 section 2: one of the reasons may be of Q.850.
fn q850_cause(reasons: &[u8]) -> Option<u32> {
    let mut reasons =
        reasons.split(|byte| *byte == b',').filter_map(|reason| Reason::parse(reason.trim_ascii()).ok());
    reasons.find(|reason| reason.protocol.eq_ignore_ascii_case(b"Q.850"))?.cause
}

/// A character that is cut becomes one that stands for none.
fn text(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_BYTES_MAX)]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_of_a_text_is_kept_than_fits_a_page() {
        assert_eq!(&*text(b"sip:bob@example.test"), "sip:bob@example.test");
        assert_eq!(text(&[b'a'; 8_192]).len(), TEXT_BYTES_MAX);
        let cut = [&b"a"[..], "é".repeat(400).as_bytes()].concat();
        assert!(text(&cut).ends_with("é\u{fffd}"));
    }
}
