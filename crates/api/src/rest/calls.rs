//! Calls that live, and what may be done with them.

use super::accounts::of_name;
use super::caller::Resource;
use super::ids;
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, Page};
use super::problem::{Code, Problem};
use crate::call_control::{CallSide, CallVerb, NewCall, usual_key_ms};
use crate::calls::{CallView, LegView, StreamView};
use crate::ids::Id as _;
use crate::model::{Reply, Request};
use crate::recordings::{Audience, RecordVerb, RecordingView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::Calls;
    let record = |path, name, summary, run| Operation::post((path, name), Calls, summary, run).status(204);
    vec![
        Operation::get(
            ("/calls", "list_calls"),
            Calls,
            "Calls that are set up or held now, the oldest first.",
            list,
        )
        .query::<ListQuery>()
        .answer::<Page<CallResource>>(),
        Operation::get(
            ("/calls/{call}", "show_call"),
            Calls,
            "One call, with what its media measures now.",
            show,
        )
        .answer::<CallResource>(),
        Operation::post(
            ("/calls", "originate_call"),
            Calls,
            "Begins a call for an account: its own devices ring first, and who takes it is joined with whom is wanted.",
            originate,
        )
        .body::<NewCall>()
        .status(201)
        .answer::<BegunResource>(),
        Operation::post(
            ("/calls/{call}/actions/hangup", "hang_up_call"),
            Calls,
            "Ends the call at once, on both sides.",
            hang_up,
        )
        .status(204),
        Operation::post(
            ("/calls/{call}/actions/play", "play_into_call"),
            Calls,
            "Plays a file of `prompts` in the data directory, or `tone:NAME`, into the call.",
            play,
        )
        .body::<PlayBody>()
        .status(204),
        Operation::post(
            ("/calls/{call}/actions/stop_playing", "stop_playing_into_call"),
            Calls,
            "Ends what is played.",
            stop_playing,
        )
        .status(204),
        record(
            "/calls/{call}/actions/hold",
            "hold_call",
            "Puts a side on hold: it hears music, and nobody hears it. The phones are not told.",
            |call| order(call, |side| CallVerb::Hold { side }),
        )
        .body::<SideBody>(),
        record("/calls/{call}/actions/resume", "resume_call", "Takes a hold by order back.", |call| {
            order(call, |side| CallVerb::Resume { side })
        })
        .body::<SideBody>(),
        record("/calls/{call}/actions/mute", "mute_call", "Lets nobody hear a side.", |call| {
            order(call, |side| CallVerb::Mute { side })
        })
        .body::<SideBody>(),
        record("/calls/{call}/actions/unmute", "unmute_call", "Lets a side be heard again.", |call| {
            order(call, |side| CallVerb::Unmute { side })
        })
        .body::<SideBody>(),
        record(
            "/calls/{call}/actions/dtmf",
            "send_keys_into_call",
            "Lets a side hear keys (RFC 4733): 32 at most, one behind the other.",
            keys,
        )
        .body::<KeysBody>(),
        record(
            "/calls/{call}/actions/transfer",
            "transfer_call",
            "Sends a side to an address, or joins it with the other side of another call; the account that is left must be one that may.",
            transfer,
        )
        .body::<TransferBody>(),
        record(
            "/calls/{call}/actions/record_start",
            "start_recording_call",
            "Records the call, once both sides have heard that it is.",
            |call| tape(call, RecordVerb::Start),
        ),
        record(
            "/calls/{call}/actions/record_pause",
            "pause_recording_call",
            "Leaves out what is said from now on.",
            |call| tape(call, RecordVerb::Pause),
        ),
        record(
            "/calls/{call}/actions/record_resume",
            "resume_recording_call",
            "Goes on with a recording.",
            |call| tape(call, RecordVerb::Resume),
        ),
        record(
            "/calls/{call}/actions/record_stop",
            "stop_recording_call",
            "Ends a recording; its file is listed with the record of the call.",
            |call| tape(call, RecordVerb::Stop),
        ),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Call")]
pub(crate) struct CallResource {
    /// `call_UUID`: its record has the same.
    id: String,
    /// `ringing`, `answered` or `held`.
    state: String,
    start_at: String,
    answer_at: Option<String>,
    /// Since it was answered, or since it began.
    since_s: u64,
    /// Whom the caller wanted.
    to_uri: String,
    /// How its media is protected: `hop`, `mixed` or `e2e`.
    srtp: Option<String>,
    /// Whether media goes from phone to phone or through this server, and why; of one call that is answered.
    media_path: Option<String>,
    /// The call from which it came by a transfer.
    xfer_of: Option<String>,
    caller: LegResource,
    callee: Option<LegResource>,
    /// Why it is silent, if it is.
    verdict: Option<String>,
    /// In a conference: whether the caller speaks now.
    speaks: Option<bool>,
    /// `null`: it is not recorded now.
    recording: Option<RecordingView>,
}

/// One side of a call.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Leg")]
struct LegResource {
    account: Option<String>,
    device_id: Option<String>,
    /// Name and address as the side said them.
    address: String,
    device_ua: String,
    transport: Option<String>,
    src_ip: Option<String>,
    call_id: String,
    /// By `m=` line; `null` where the stream was refused.
    streams: Vec<Option<StreamView>>,
}

impl From<LegView> for LegResource {
    fn from(view: LegView) -> Self {
        Self {
            account: view.account,
            device_id: view.device.map(|device| coeur_directory::DeviceId(device).text()),
            address: view.address,
            device_ua: view.device_ua,
            transport: view.transport,
            src_ip: view.src_ip,
            call_id: view.call_id,
            streams: view.streams,
        }
    }
}

impl From<CallView> for CallResource {
    fn from(view: CallView) -> Self {
        Self {
            id: ids::call(&view.call),
            state: view.state,
            start_at: view.start_at,
            answer_at: view.answer_at,
            since_s: view.since_s,
            to_uri: view.to_uri,
            srtp: view.srtp,
            media_path: view.media_path,
            xfer_of: view.xfer_of.as_deref().map(ids::call),
            caller: view.caller.into(),
            callee: view.callee.map(Into::into),
            verdict: view.verdict,
            speaks: view.speaks,
            recording: view.recording,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Calls, 1 to 1000; 50 unless said. Calls pass: there is no next page, `has_more` tells that there are more.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// Its id or its address.
    account: Option<String>,
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: ListQuery = call.query()?;
    let account = query.account.as_deref().map(|name| of_name(call, name)).transpose()?;
    let account = account.map(|account| account.aor.to_string());
    let Reply::Calls(found) = call.ask(Request::Calls { account, limit: page::limit(query.limit)? })? else {
        return Err(unexpected());
    };
    let data = found.calls.into_iter().map(CallResource::from).collect();
    Page { data, next_cursor: None, has_more: found.more }.answer(call)
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    let request = Request::CallShow { call: ids::call_of(call.part("call"))? };
    let Reply::Call(found) = call.ask(request)? else { return Err(unexpected()) };
    Answer::json(CallResource::from(*found))
}

/// A call that is begun; what becomes of it is told by events, and by its resource.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallBegun")]
struct BegunResource {
    id: String,
    /// The account that calls.
    from: String,
    to_uri: String,
}

fn originate(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: NewCall = call.json()?;
    let from = of_name(call, &body.from)?.aor.to_string();
    let wanted = NewCall { from, ..body };
    let Reply::CallBegun { call: name, from, to_uri } = call.ask(Request::CallOriginate { call: wanted })?
    else {
        return Err(unexpected());
    };
    let id = ids::call(&name);
    let place = format!("/api/v1/calls/{id}");
    Answer::created(BegunResource { id, from, to_uri }, &place)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CallSideOrder")]
struct SideBody {
    side: Audience,
}

fn order(call: &Call<'_>, verb: impl Fn(Audience) -> CallVerb) -> Result<Answer, Problem> {
    let body: SideBody = call.json()?;
    control(call, verb(body.side))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CallKeys")]
struct KeysBody {
    /// Who hears them.
    side: Audience,
    /// 0 to 9, *, #, A to D.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[0-9A-D*#]+$"))]
    digits: String,
    /// How long each is heard.
    #[serde(default = "usual_key_ms")]
    #[schemars(range(min = 40, max = 2_000))]
    duration_ms: u16,
}

fn keys(call: &Call<'_>) -> Result<Answer, Problem> {
    let KeysBody { side, digits, duration_ms } = call.json()?;
    control(call, CallVerb::Dtmf { side, digits, ms: duration_ms })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CallTransfer")]
struct TransferBody {
    /// The side that goes elsewhere.
    side: CallSide,
    /// Where it goes: a number or name of the domain of the account that is left, `user@domain`, or a URI. This or `to_call`.
    #[schemars(length(min = 1, max = 512))]
    to: Option<String>,
    /// A call of the account that is left, with whose other side it is joined.
    to_call: Option<String>,
}

fn transfer(call: &Call<'_>) -> Result<Answer, Problem> {
    let TransferBody { side, to, to_call } = call.json()?;
    match (to, to_call) {
        (Some(to), None) => control(call, CallVerb::Transfer { side, to }),
        (None, Some(other)) => control(call, CallVerb::Attend { side, call: ids::call_of(&other)? }),
        (Some(_), Some(_)) | (None, None) => Err(Problem::because(Code::Invalid, "give `to` or `to_call`")),
    }
}

fn control(call: &Call<'_>, verb: CallVerb) -> Result<Answer, Problem> {
    done(call, Request::CallControl { call: ids::call_of(call.part("call"))?, order: verb })
}

fn hang_up(call: &Call<'_>) -> Result<Answer, Problem> {
    done(call, Request::CallHangUp { call: ids::call_of(call.part("call"))? })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Play")]
struct PlayBody {
    /// The name of a file of `prompts`, or `tone:NAME`.
    sound: String,
    /// Who hears it.
    #[serde(default)]
    to: Audience,
}

fn play(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: PlayBody = call.json()?;
    let name = ids::call_of(call.part("call"))?;
    done(call, Request::CallPlay { call: name, sound: Some(body.sound), to: body.to })
}

fn stop_playing(call: &Call<'_>) -> Result<Answer, Problem> {
    let name = ids::call_of(call.part("call"))?;
    done(call, Request::CallPlay { call: name, sound: None, to: Audience::Both })
}

fn tape(call: &Call<'_>, order: RecordVerb) -> Result<Answer, Problem> {
    done(call, Request::CallTape { call: ids::call_of(call.part("call"))?, order })
}

fn done(call: &Call<'_>, request: Request) -> Result<Answer, Problem> {
    let Reply::Done = call.ask(request)? else { return Err(unexpected()) };
    Ok(Answer::nothing())
}
