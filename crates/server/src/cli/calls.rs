//! `coeur calls`.

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::{self, CallEnd, Calls, CallsVerb, RecordOrder};
use super::table::{duration, table};
use super::terminal::{bold, print, safe};
use super::ways;
use super::words::{Language, Word};
use coeur_api::{
    Audience, CallSide, CallVerb, CallView, CallsPage, LegView, NewCall, RecordVerb, RecordingView, Reply,
    Request, StreamView, WayView,
};

pub fn run(arguments: Calls) -> Result<(), Failure> {
    let (way, json) = (Way::open_server(&arguments.place)?, arguments.place.json);
    match arguments.verb {
        None => {
            let account = arguments.account.map(|account| way.full_account(&account)).transpose()?;
            list(&way, account, arguments.limit, json)
        }
        Some(CallsVerb::Show { call }) => match way.ask(Request::CallShow { call })? {
            Reply::Call(view) if json => print_json(&view),
            Reply::Call(view) => {
                print(&shown(&view));
                Ok(())
            }
            other => Err(unexpected(&other)),
        },
        Some(CallsVerb::Record { call, order }) => {
            let (verb, word) = match order {
                RecordOrder::Start => (RecordVerb::Start, Word::RecordStarted),
                RecordOrder::Pause => (RecordVerb::Pause, Word::RecordPaused),
                RecordOrder::Resume => (RecordVerb::Resume, Word::RecordResumed),
                RecordOrder::Stop => (RecordVerb::Stop, Word::RecordStopped),
            };
            way.ask(Request::CallTape { call: call.clone(), order: verb })?;
            say(json, &word.with(&[&call]))
        }
        Some(CallsVerb::Play { call, sound, to }) => {
            let request =
                Request::CallPlay { call: call.clone(), sound: Some(sound.clone()), to: audience(to) };
            way.ask(request)?;
            say(json, &Word::Played.with(&[&sound, &call]))
        }
        Some(CallsVerb::StopPlaying { call, to }) => {
            way.ask(Request::CallPlay { call: call.clone(), sound: None, to: audience(to) })?;
            say(json, &Word::PlayedNoMore.with(&[&call]))
        }
        Some(CallsVerb::Originate { from, to, device, display, auto_answer, timeout }) => {
            let from = way.full_account(&from)?;
            let call = NewCall { from, to, device, caller_display: display, auto_answer, timeout_s: timeout };
            match way.ask(Request::CallOriginate { call })? {
                Reply::CallBegun { call, from, to_uri } if json => {
                    print_json(&serde_json::json!({ "call": call, "from": from, "to_uri": to_uri }))
                }
                Reply::CallBegun { call, from, to_uri } => {
                    say(false, &Word::CallBegun.with(&[&call, &from, &to_uri]))
                }
                other => Err(unexpected(&other)),
            }
        }
        Some(CallsVerb::Hold { call, side }) => {
            control(&way, json, call, CallVerb::Hold { side: audience(side) }, Word::CallHeld)
        }
        Some(CallsVerb::Resume { call, side }) => {
            control(&way, json, call, CallVerb::Resume { side: audience(side) }, Word::CallResumed)
        }
        Some(CallsVerb::Mute { call, side }) => {
            control(&way, json, call, CallVerb::Mute { side: audience(side) }, Word::CallMuted)
        }
        Some(CallsVerb::Unmute { call, side }) => {
            control(&way, json, call, CallVerb::Unmute { side: audience(side) }, Word::CallUnmuted)
        }
        Some(CallsVerb::Dtmf { call, digits, side, ms }) => {
            let verb = CallVerb::Dtmf { side: audience(side), digits, ms };
            control(&way, json, call, verb, Word::KeysSent)
        }
        Some(CallsVerb::Transfer { call, to, side, with }) => {
            let side = match side {
                CallEnd::Caller => CallSide::Caller,
                CallEnd::Callee => CallSide::Callee,
            };
            let verb = match (to, with) {
                (_, Some(call)) => CallVerb::Attend { side, call },
                (to, None) => CallVerb::Transfer { side, to: to.unwrap_or_default() },
            };
            control(&way, json, call, verb, Word::TransferBegun)
        }
        Some(CallsVerb::Hangup { call }) => {
            way.ask(Request::CallHangUp { call: call.clone() })?;
            say(json, &Word::HungUp.with(&[&call]))
        }
    }
}

fn control(way: &Way, json: bool, call: String, verb: CallVerb, done: Word) -> Result<(), Failure> {
    way.ask(Request::CallControl { call: call.clone(), order: verb })?;
    say(json, &done.with(&[&call]))
}

const fn audience(to: grammar::Audience) -> Audience {
    match to {
        grammar::Audience::Both => Audience::Both,
        grammar::Audience::Caller => Audience::Caller,
        grammar::Audience::Callee => Audience::Callee,
    }
}

fn list(way: &Way, account: Option<String>, limit: usize, json: bool) -> Result<(), Failure> {
    let CallsPage { calls, more } = match way.ask(Request::Calls { account, limit })? {
        Reply::Calls(page) => page,
        other => return Err(unexpected(&other)),
    };
    match json {
        true => print_json(&calls)?,
        false => print(&listed(&calls)),
    }
    if more {
        eprintln!("coeur: {}", Word::MoreThan.with(&[&calls.len().to_string()]));
    }
    Ok(())
}

fn listed(calls: &[CallView]) -> String {
    let row = |call: &CallView| {
        let sides = [Some(&call.caller), call.callee.as_ref()];
        let codec = |side: &LegView| side.streams.iter().flatten().find_map(|stream| stream.codec.clone());
        let codecs: Vec<String> = sides.into_iter().flatten().filter_map(codec).collect();
        vec![
            call.call.clone(),
            who(Some(&call.caller), ""),
            who(call.callee.as_ref(), &call.to_uri),
            state(&call.state),
            duration(call.since_s),
            call.srtp.as_deref().map_or_else(|| "-".to_owned(), ways::protection),
            if codecs.is_empty() { "-".to_owned() } else { codecs.join(" ") },
            call.shard.to_string(),
        ]
    };
    let heads = [
        Word::Call.say(),
        Word::From.say(),
        Word::To.say(),
        Word::State.say(),
        Word::Since.say(),
        Word::Media.say(),
        Word::Codecs.say(),
        Word::Shard.say(),
    ];
    table(&heads, &calls.iter().map(row).collect::<Vec<_>>())
}

/// The account, else what the side says of itself, else what was asked for.
fn who(side: Option<&LegView>, or: &str) -> String {
    let known = side.map(|side| side.account.clone().unwrap_or_else(|| side.address.clone()));
    known.filter(|known| !known.is_empty()).unwrap_or_else(|| or.to_owned())
}

fn state(state: &str) -> String {
    match state {
        "ringing" => Word::Ringing.say().to_owned(),
        "answered" => Word::Answered.say().to_owned(),
        "held" => Word::Held.say().to_owned(),
        other => other.to_owned(),
    }
}

/// `name  value`, control characters escaped; nothing for a value that there is not.
pub(super) fn pair(name: &str, value: Option<&str>) -> String {
    let line = |value: &str| format!("  {name:26}{}\n", safe(value.as_bytes()));
    value.filter(|value| !value.is_empty()).map(line).unwrap_or_default()
}

fn shown(call: &CallView) -> String {
    let mut out = format!("{} {}, {}\n", bold(&call.call), state(&call.state), duration(call.since_s));
    out += &pair(Word::Wanted.say(), Some(&call.to_uri));
    out += &pair(Word::Begun.say(), Some(&call.start_at));
    out += &pair(Word::Media.say(), call.srtp.as_deref().map(ways::protection).as_deref());
    out += &media_path(call.media_path.as_deref());
    out += &pair(Word::TransferOf.say(), call.xfer_of.as_deref());
    out += &pair(Word::Verdict.say(), call.verdict.as_deref());
    let speaks = |speaks: bool| if speaks { Word::Yes.say() } else { Word::No.say() };
    out += &pair(Word::Speaks.say(), call.speaks.map(speaks));
    out += &pair(Word::Recording.say(), call.recording.as_ref().map(recording).as_deref());
    out += &leg(Word::Caller.say(), &call.caller);
    call.callee.iter().for_each(|callee| out += &leg(Word::Callee.say(), callee));
    out
}

/// The line of which way the media goes.
pub(super) fn media_path(said: Option<&str>) -> String {
    let language = Language::of_environment();
    pair(Word::MediaPath.say(), said.map(|said| ways::path(said, language)).as_deref())
}

fn recording(view: &RecordingView) -> String {
    let seconds = (view.recorded_ms / 1_000).to_string();
    let (file, by) = (view.file.as_deref().unwrap_or_default(), &*view.asked_by);
    match view.state.as_str() {
        "paused" => Word::RecordingPaused.with(&[&seconds, by, file]),
        "failed" => Word::RecordingFailed.with(&[&seconds, view.why.as_deref().unwrap_or_default()]),
        "recording" => Word::RecordingRuns.with(&[&seconds, by, file]),
        other => Word::RecordingAnnounced.with(&[other, by]),
    }
}

fn leg(role: &str, leg: &LegView) -> String {
    let mut out = format!("{}\n", bold(role));
    out += &pair(Word::Account.say(), leg.account.as_deref());
    out += &pair(Word::Name.say(), Some(&leg.address));
    out += &pair(Word::Device.say(), leg.device.map(|device| device.to_string()).as_deref());
    out += &pair(Word::UserAgent.say(), Some(&leg.device_ua));
    let over = [leg.transport.as_deref(), leg.src_ip.as_deref()].into_iter().flatten().collect::<Vec<_>>();
    out += &pair(Word::Over.say(), Some(&over.join(" ")));
    leg.streams.iter().flatten().for_each(|view| out += &stream(view));
    out
}

fn stream(view: &StreamView) -> String {
    let codec = view.codec.as_deref().unwrap_or("?");
    let mut out = pair(&view.kind, Some(&format!("{codec}, {}", view.protection)));
    out += &pair(Word::Promised.say(), Some(&view.promised));
    out += &pair(Word::PromisedByUs.say(), view.promised_by_us.as_deref());
    out += &pair(Word::HeardFrom.say(), view.heard_from.as_deref());
    out += &pair(Word::SendsTo.say(), view.sends_to.as_deref());
    out += &pair(Word::Received.say(), Some(&way(view.received.as_ref())));
    out += &pair(Word::Sent.say(), Some(&way(view.sent.as_ref())));
    out += &pair(Word::RoundTrip.say(), view.rtt_ms.map(|ms| format!("{ms} ms")).as_deref());
    let drops: Vec<String> = view.drops.iter().map(|(why, count)| format!("{why} {count}")).collect();
    out += &pair(Word::Drops.say(), Some(&drops.join(", ")));
    let refused = view.refused.as_ref().map(|(from, why)| format!("{from}: {why}"));
    out += &pair(Word::RefusedFrom.say(), refused.as_deref());
    out += &pair("ICE", view.ice.as_deref());
    out += &pair("DTLS", view.dtls.as_deref());
    out
}

/// What was not measured is a dash.
pub(super) fn way(way: Option<&WayView>) -> String {
    let Some(WayView { packets: Some(packets), loss_pct, jitter_ms, mos }) = way else {
        return Word::NotMeasured.say().to_owned();
    };
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    Word::WayMeasured.with(&[&packets.to_string(), &number(*loss_pct), &number(*jitter_ms), &number(*mos)])
}
