//! Calls as JSON: those that live, and the records of those that are over. Names are those of the API's other resources;
//! times are RFC 3339 in UTC. What was not measured is `null`, never 0.

use crate::recordings::{RecordingFileView, RecordingView};
use coeur_storage::{CallRow, Disposition, SideRow, WayRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallsPage {
    pub calls: Vec<CallView>,
    /// There are more than were asked for.
    pub more: bool,
}

/// A call that is set up or held now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallView {
    pub call: String,
    /// `ringing`, `answered` or `held`.
    pub state: String,
    pub start_at: String,
    pub answer_at: Option<String>,
    /// Since it was answered, or since it began.
    pub since_s: u64,
    /// Whom the caller wanted.
    pub to_uri: String,
    /// `hop`, `mixed` or `e2e`.
    pub srtp: Option<String>,
    /// Whether media goes from phone to phone or through this server, and why; of one call that is answered.
    #[serde(default)]
    pub media_path: Option<String>,
    pub xfer_of: Option<String>,
    pub shard: u8,
    pub caller: LegView,
    pub callee: Option<LegView>,
    /// Why it is silent, if it is.
    pub verdict: Option<String>,
    /// In a conference: whether the caller speaks now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaks: Option<bool>,
    /// `None`: it is not recorded now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingView>,
}

/// One side of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LegView {
    pub account: Option<String>,
    pub device: Option<u64>,
    /// Name and address as the side said them.
    pub address: String,
    pub device_ua: String,
    pub transport: Option<String>,
    pub src_ip: Option<String>,
    pub call_id: String,
    /// By `m=` line; `null` where the stream was refused.
    pub streams: Vec<Option<StreamView>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Stream")]
pub struct StreamView {
    /// `audio`, `video` or `other`.
    pub kind: String,
    pub codec: Option<String>,
    /// `clear`, `sdes` or `dtls`.
    pub protection: String,
    /// It wants to hear.
    pub hears: bool,
    /// It is to be heard.
    pub speaks: bool,
    /// Where it said that it receives, and where we said that we do.
    pub promised: String,
    pub promised_by_us: Option<String>,
    /// Where it was heard from, and where what is for it goes.
    pub heard_from: Option<String>,
    pub sends_to: Option<String>,
    /// From the side to us, and from us to the side; absent when the media plane did not answer.
    pub received: Option<WayView>,
    pub sent: Option<WayView>,
    pub rtt_ms: Option<f64>,
    /// Packets that went no further, by reason.
    pub drops: Vec<(String, u64)>,
    /// The last packet that was not taken as the side's: from where, and why.
    pub refused: Option<(String, String)>,
    pub ice: Option<String>,
    pub dtls: Option<String>,
}

/// One direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Way")]
pub struct WayView {
    pub packets: Option<u64>,
    pub loss_pct: Option<f64>,
    pub jitter_ms: Option<f64>,
    /// Mean opinion score, estimated (ITU-T G.107), 1 to 4.5.
    pub mos: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallRecordsRequest {
    pub since_ms: Option<u64>,
    /// Begun before.
    pub until_ms: Option<u64>,
    pub account: Option<String>,
    /// `answered`, `busy`, `no_answer`, `cancelled` or `failed`.
    pub disposition: Option<String>,
    /// A part of an address, a Call-ID or the address of a phone, in any case.
    pub q: Option<String>,
    /// `q` is sought in names and addresses alone that the sides of a call show each other.
    pub shown_only: bool,
    /// Of `account` only calls that began since it is whose it is.
    pub own_only: bool,
    /// Only calls that were not answered.
    pub failed: bool,
    /// Only calls of which people complain: a direction with an estimated score below 3.6, or somebody not heard.
    pub bad: bool,
    /// What the page before gave as `next`.
    pub before: Option<String>,
    pub limit: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallRecordsPage {
    /// The newest first.
    pub records: Vec<CallRecordView>,
    pub next: Option<String>,
}

/// A call that is over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallRecordView {
    pub id: String,
    pub start_at: String,
    pub answer_at: Option<String>,
    pub end_at: String,
    /// From its begin to the first sign of a ringing phone.
    pub pdd_ms: Option<u64>,
    /// From there until it was answered or ended.
    pub ring_ms: Option<u64>,
    pub talk_ms: Option<u64>,
    /// `answered`, `busy`, `no_answer`, `cancelled` or `failed`.
    pub disposition: String,
    pub sip_status: u16,
    pub sip_reason: Option<String>,
    pub q850_cause: Option<u32>,
    /// `caller`, `callee`, `exchange` or `operator`.
    pub hangup_by: String,
    pub to_uri: String,
    /// `hop`, `mixed` or `e2e`.
    pub srtp: Option<String>,
    pub xfer_of: Option<String>,
    /// Accounts by whose rules it went on.
    pub forwarded_by: Vec<String>,
    pub verdict: Option<String>,
    pub caller: RecordSideView,
    pub callee: Option<RecordSideView>,
    /// Where one record is asked for; a list has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<RecordingFileView>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordSideView {
    pub account: Option<String>,
    pub device: Option<u64>,
    pub address: String,
    pub device_ua: String,
    pub transport: Option<String>,
    pub src_ip: Option<String>,
    pub call_id: String,
    pub codec: Option<String>,
    /// `clear`, `sdes` or `dtls`.
    pub protection: Option<String>,
    /// From the side to us, as measured here; from us to the side, as it has reported.
    pub received: WayView,
    pub sent: WayView,
    pub rtt_ms: Option<f64>,
}

impl From<&CallRow> for CallRecordView {
    fn from(row: &CallRow) -> Self {
        let started = row.started_at_ms();
        let rang = row.ring_after_ms.map(|after| started.saturating_add(after));
        let ring_ends = row.answered_at_ms.unwrap_or(row.ended_at_ms);
        Self {
            id: id_text(row.id),
            start_at: rfc3339(started),
            answer_at: row.answered_at_ms.map(rfc3339),
            end_at: rfc3339(row.ended_at_ms),
            pdd_ms: row.ring_after_ms,
            ring_ms: rang.map(|rang| ring_ends.saturating_sub(rang)),
            talk_ms: row.answered_at_ms.map(|answered| row.ended_at_ms.saturating_sub(answered)),
            disposition: disposition(row).into(),
            sip_status: row.status,
            sip_reason: row.reason.as_deref().map(Into::into),
            q850_cause: row.q850_cause,
            hangup_by: row.ended_by.to_string(),
            to_uri: row.to.to_string(),
            srtp: row.media.as_deref().map(Into::into),
            xfer_of: row.transfer_of.map(id_text),
            forwarded_by: row.forwarded_by.iter().flat_map(|by| by.split(',')).map(Into::into).collect(),
            verdict: row.verdict.as_deref().map(Into::into),
            caller: (&row.caller).into(),
            callee: row.callee.as_ref().map(Into::into),
            recordings: Vec::new(),
        }
    }
}

impl From<&SideRow> for RecordSideView {
    fn from(side: &SideRow) -> Self {
        let text = |text: &Option<Box<str>>| text.as_deref().map(String::from);
        // Loss of what came is counted beside what came, loss of what went is a part of it.
        let arrived = side.received.packets.unwrap_or(0).saturating_add(side.received.lost.unwrap_or(0));
        Self {
            account: text(&side.account),
            device: side.device,
            address: side.address.to_string(),
            device_ua: side.user_agent.to_string(),
            transport: text(&side.transport),
            src_ip: text(&side.remote),
            call_id: side.call_id.to_string(),
            codec: text(&side.codec),
            protection: text(&side.protection),
            received: WayView::new(&side.received, arrived),
            sent: WayView::new(&side.sent, side.sent.packets.unwrap_or(0)),
            rtt_ms: side.round_trip_us.map(ms),
        }
    }
}

impl WayView {
    /// `expected`: packets of which those were lost.
    pub fn new(way: &WayRow, expected: u64) -> Self {
        let loss = |lost: u64| (lost as f64 * 100.0 / expected as f64).min(100.0);
        Self {
            packets: way.packets,
            loss_pct: way.lost.filter(|_| expected > 0).map(|lost| round(loss(lost), 100.0)),
            jitter_ms: way.jitter_us.map(ms),
            mos: way.mos_hundredths.map(|mos| f64::from(mos) / 100.0),
        }
    }
}

/// Milliseconds, to a hundredth.
pub fn ms(micros: u64) -> f64 {
    round(micros as f64 / 1_000.0, 100.0)
}

fn round(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

fn disposition(row: &CallRow) -> &'static str {
    Disposition::of(row.status, row.answered_at_ms.is_some()).name()
}

/// `2026-11-26T05:31:40.123Z`; a time beyond the year 9999 as the last that has a name.
pub fn rfc3339(at_ms: u64) -> String {
    const LAST_MS: u64 = 253_402_300_799_999;
    let nanos = i128::from(at_ms.min(LAST_MS)) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}

/// What the API writes before the id of a call.
pub const ID_PREFIX: &str = "call_";

/// As RFC 9562 section 4 writes it.
pub(crate) fn id_text(id: u128) -> String {
    let text = format!("{id:032x}");
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

/// As [`id_text`] writes it, or as the API does: with `call_` before it.
pub(crate) fn id_of(text: &str) -> Option<u128> {
    let text = text.strip_prefix(ID_PREFIX).unwrap_or(text);
    let id = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    (id_text(id) == text.to_ascii_lowercase()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_tells_how_long_it_rang_and_talked_and_what_was_lost() {
        let received =
            WayRow { packets: Some(99), lost: Some(1), jitter_us: Some(1_234), mos_hundredths: Some(441) };
        let mut row = CallRow {
            id: 1_800_000_000_000 << 80 | 5,
            ring_after_ms: Some(200),
            answered_at_ms: Some(1_800_000_005_000),
            ended_at_ms: 1_800_000_065_000,
            status: 200,
            ended_by: "caller".into(),
            reason: None,
            q850_cause: None,
            to: "sip:bob@d".into(),
            media: None,
            transfer_of: None,
            forwarded_by: Some("a@d,b@d".into()),
            verdict: None,
            caller: SideRow { received, ..SideRow::default() },
            callee: None,
            payer: None,
        };
        let view = CallRecordView::from(&row);
        assert_eq!(
            (view.start_at.as_str(), view.end_at.as_str()),
            ("2027-01-15T08:00:00Z", "2027-01-15T08:01:05Z")
        );
        assert_eq!((view.pdd_ms, view.ring_ms, view.talk_ms), (Some(200), Some(4_800), Some(60_000)));
        assert_eq!(view.forwarded_by, ["a@d", "b@d"]);
        let way = &view.caller.received;
        assert_eq!((way.loss_pct, way.jitter_ms, way.mos), (Some(1.0), Some(1.23), Some(4.41)));
        assert_eq!(view.caller.sent, WayView::default(), "what was not measured is no number");
        assert_eq!(id_of(&view.id), Some(row.id));
        for (status, disposition) in [(486, "busy"), (480, "no_answer"), (487, "cancelled"), (500, "failed")]
        {
            (row.status, row.answered_at_ms) = (status, None);
            let view = CallRecordView::from(&row);
            assert_eq!(
                (view.disposition.as_str(), view.talk_ms, view.ring_ms),
                (disposition, None, Some(64_800))
            );
        }
    }

    #[test]
    fn a_time_that_no_calendar_has_is_written_all_the_same() {
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(id_of("nothing"), None);
        let id = id_text(7);
        assert_eq!((id_of(&format!("call_{id}")), id_of(&id)), (Some(7), Some(7)));
        assert_eq!(id_of(&format!("call_call_{id}")), None);
        assert_eq!(id_of(""), None);
    }
}
