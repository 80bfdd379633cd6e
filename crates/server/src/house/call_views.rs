//! A call that lives, as the door shows it.

use super::call_rows::{protection, way_row};
use crate::recordings::State;
use coeur_api::{CallView, LegView, RecordingView, StreamView, WayView, ms, rfc3339};
use coeur_exchange::call_record::{AgreedStream, LiveCall, Side};
use coeur_exchange::media::{DtlsState, IceState, StreamKind, StreamReport};
use coeur_sip::time::Wall;

pub fn call(call: &LiveCall, now: Wall, verdict: Option<String>) -> CallView {
    let since = call.answered.unwrap_or(call.started);
    CallView {
        call: call.id.to_string(),
        state: call.state.as_str().to_owned(),
        start_at: rfc3339(call.started.as_millis()),
        answer_at: call.answered.map(|answered| rfc3339(answered.as_millis())),
        since_s: now.since(since).as_secs(),
        to_uri: text(&call.to),
        srtp: call.protection.map(|protection| protection.state().as_str().to_owned()),
        media_path: call.media_path.map(|path| path.as_str().to_owned()),
        xfer_of: call.transfer_of.map(|of| of.to_string()),
        shard: call.shard.0,
        caller: leg(&call.caller),
        callee: call.callee.as_ref().map(leg),
        verdict,
        speaks: call.speaks,
        recording: None,
    }
}

pub fn recording(state: &State) -> RecordingView {
    RecordingView {
        state: state.phase().as_str().to_owned(),
        recorded_ms: state.recorded_ms(),
        file: state.file(),
        asked_by: state.asked_by.to_string(),
        why: state.why(),
    }
}

fn leg(side: &Side) -> LegView {
    let report = |index: usize| side.report.as_ref()?.streams.get(index)?.as_ref();
    let streams = side.streams.iter().enumerate();
    LegView {
        account: side.account.as_ref().map(ToString::to_string),
        device: side.party.map(|party| party.device.0),
        address: text(&side.address),
        device_ua: text(&side.user_agent),
        transport: side.flow.map(|(transport, _)| transport.to_string().to_ascii_lowercase()),
        src_ip: side.flow.map(|(_, remote)| remote.to_string()),
        call_id: text(&side.call_id),
        streams: streams.map(|(at, agreed)| Some(stream(agreed.as_ref()?, report(at)))).collect(),
    }
}

fn stream(agreed: &AgreedStream, report: Option<&StreamReport>) -> StreamView {
    let kind = match agreed.kind {
        StreamKind::Audio => "audio",
        StreamKind::Video => "video",
        StreamKind::Other | StreamKind::None => "other",
    };
    let view = StreamView {
        kind: kind.to_owned(),
        codec: agreed.codec.as_deref().map(str::to_owned),
        protection: protection(agreed.protection).to_owned(),
        hears: agreed.we_send,
        speaks: agreed.we_receive,
        promised: agreed.promised.to_string(),
        promised_by_us: agreed.ours.map(|ours| ours.to_string()),
        ..StreamView::default()
    };
    let Some(report) = report else { return view };
    let (received, sent) = (way_row(report.received), way_row(report.sent));
    let arrived = report.received.packets + report.received.lost.unwrap_or(0);
    StreamView {
        heard_from: report.heard_from.map(|from| from.to_string()),
        sends_to: report.sends_to.map(|to| to.to_string()),
        received: Some(WayView::new(&received, arrived)),
        sent: Some(WayView::new(&sent, report.sent.packets)),
        rtt_ms: report.round_trip_us.map(ms),
        drops: report.drops.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect(),
        refused: report.refused.map(|(from, why)| (from.to_string(), why.to_owned())),
        ice: ice(report.ice),
        dtls: dtls(report.dtls),
        ..view
    }
}

/// `None`: not agreed.
fn ice(state: IceState) -> Option<String> {
    match state {
        IceState::Unused => None,
        IceState::Checking { .. } => Some("checking".to_owned()),
        IceState::Connected { remote, .. } => Some(format!("connected to {remote}")),
        IceState::Failed { why, .. } => Some(format!("failed: {}", why.words())),
    }
}

fn dtls(state: DtlsState) -> Option<String> {
    match state {
        DtlsState::Unused => None,
        DtlsState::Waiting { alert: None } => Some("waiting for keys".to_owned()),
        DtlsState::Waiting { alert: Some(alert) } => Some(format!("waiting for keys; alert {alert} came")),
        DtlsState::Agreed => Some("agreed".to_owned()),
        DtlsState::Closed => Some("agreed, then closed by the other end".to_owned()),
        DtlsState::Failed { why } => Some(format!("failed: {}", why.words())),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
