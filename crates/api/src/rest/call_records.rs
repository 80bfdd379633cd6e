//! Calls that are over.

use super::accounts::of_name;
use super::caller::Resource;
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, Page};
use super::problem::Problem;
use super::recordings::RecordingResource;
use super::when;
use super::{export, ids};
use crate::calls::{CallRecordView, CallRecordsRequest, RecordSideView, WayView};
use crate::ids::Id as _;
use crate::model::{Reply, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::CallRecords;
    vec![
        Operation::get(
            ("/call_records", "list_call_records"),
            CallRecords,
            "Calls that are over, the newest first.",
            list,
        )
        .query::<ListQuery>()
        .answer::<Page<CallRecordResource>>(),
        Operation::get(
            ("/call_records/{call}", "show_call_record"),
            CallRecords,
            "One call that is over, with its recordings.",
            show,
        )
        .answer::<CallRecordResource>(),
        Operation::file(
            ("/call_records:export", "export_call_records"),
            CallRecords,
            "All records that match, the newest first, as CSV (RFC 4180) or JSON Lines, sent while they are read.",
            (&["text/csv", "application/jsonl"], export::stream),
        )
        .query::<export::ExportQuery>(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallRecord")]
pub(super) struct CallRecordResource {
    /// `call_UUID`, as the call had while it lived.
    id: String,
    start_at: String,
    answer_at: Option<String>,
    end_at: String,
    /// From its begin to the first sign of a ringing phone.
    pdd_ms: Option<u64>,
    /// From there until it was answered or ended.
    ring_ms: Option<u64>,
    talk_ms: Option<u64>,
    /// `answered`, `busy`, `no_answer`, `cancelled` or `failed`.
    disposition: String,
    sip_status: u16,
    sip_reason: Option<String>,
    q850_cause: Option<u32>,
    /// `caller`, `callee`, `exchange` or `operator`.
    hangup_by: String,
    to_uri: String,
    /// `hop`, `mixed` or `e2e`.
    srtp: Option<String>,
    xfer_of: Option<String>,
    /// Accounts by whose rules it went on.
    forwarded_by: Vec<String>,
    /// Why it was silent, if it was.
    verdict: Option<String>,
    caller: SideResource,
    callee: Option<SideResource>,
    /// Where one record is asked for; a list has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recordings: Vec<RecordingResource>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallRecordSide")]
struct SideResource {
    account: Option<String>,
    device_id: Option<String>,
    address: String,
    device_ua: String,
    transport: Option<String>,
    src_ip: Option<String>,
    call_id: String,
    codec: Option<String>,
    /// `clear`, `sdes` or `dtls`.
    protection: Option<String>,
    /// From the side to us, as measured here.
    received: WayView,
    /// From us to the side, as it has reported.
    sent: WayView,
    rtt_ms: Option<f64>,
}

impl From<RecordSideView> for SideResource {
    fn from(view: RecordSideView) -> Self {
        Self {
            account: view.account,
            device_id: view.device.map(|device| coeur_directory::DeviceId(device).text()),
            address: view.address,
            device_ua: view.device_ua,
            transport: view.transport,
            src_ip: view.src_ip,
            call_id: view.call_id,
            codec: view.codec,
            protection: view.protection,
            received: view.received,
            sent: view.sent,
            rtt_ms: view.rtt_ms,
        }
    }
}

impl From<CallRecordView> for CallRecordResource {
    fn from(view: CallRecordView) -> Self {
        let id = ids::call(&view.id);
        let of = |(index, file)| RecordingResource::of(&view.id, index, file);
        let recordings = view.recordings.into_iter().enumerate().map(of).collect();
        Self {
            id,
            start_at: view.start_at,
            answer_at: view.answer_at,
            end_at: view.end_at,
            pdd_ms: view.pdd_ms,
            ring_ms: view.ring_ms,
            talk_ms: view.talk_ms,
            disposition: view.disposition,
            sip_status: view.sip_status,
            sip_reason: view.sip_reason,
            q850_cause: view.q850_cause,
            hangup_by: view.hangup_by,
            to_uri: view.to_uri,
            srtp: view.srtp,
            xfer_of: view.xfer_of.as_deref().map(ids::call),
            forwarded_by: view.forwarded_by,
            verdict: view.verdict,
            caller: view.caller.into(),
            callee: view.callee.map(Into::into),
            recordings,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Disposition {
    Answered,
    Busy,
    NoAnswer,
    Cancelled,
    Failed,
}

impl Disposition {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Rows of a page, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    cursor: Option<String>,
    /// Its id or its address; one that is gone since by its address.
    account: Option<String>,
    /// Only calls that began then or later, as RFC 3339 writes times.
    since: Option<String>,
    /// Only calls that began before.
    until: Option<String>,
    disposition: Option<Disposition>,
    /// Only calls that were not answered.
    #[serde(default)]
    failed: bool,
    /// Only calls of which people complain: a direction with an estimated score below 3.6, or somebody not heard.
    #[serde(default)]
    bad: bool,
    /// A part of a name, an address, a Call-ID or the address of a phone, in any case.
    q: Option<String>,
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: ListQuery = call.query()?;
    let time = |name, text: &Option<String>| text.as_deref().map(|text| when(name, text)).transpose();
    let account = query.account.map(|name| match of_name(call, &name) {
        Ok(account) => account.aor.to_string(),
        Err(_) => name,
    });
    let request = CallRecordsRequest {
        shown_only: false,
        own_only: false,
        since_ms: time("since", &query.since)?,
        until_ms: time("until", &query.until)?,
        account,
        failed: query.failed,
        bad: query.bad,
        disposition: query.disposition.map(|disposition| disposition.name().to_owned()),
        q: query.q,
        before: query.cursor,
        limit: page::limit(query.limit)?,
    };
    let Reply::CallRecords(found) = call.ask(Request::CallRecords(request))? else {
        return Err(unexpected());
    };
    Page::told(found.records.into_iter().map(CallRecordResource::from).collect(), found.next).answer(call)
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    let request = Request::CallRecordShow { call: ids::call_of(call.part("call"))? };
    let Reply::CallRecord(found) = call.ask(request)? else { return Err(unexpected()) };
    Answer::json(CallRecordResource::from(*found))
}
