//! `coeur trace`.

use super::calls::media_path;
use super::causes;
use super::door::{Way, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::{Trace, TraceForm};
use super::records::since_ms;
use super::table::table;
use super::terminal::{print, unicode};
use super::words::{Language, Word};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use coeur_api::{
    Reply, Request, SoundView, TraceExportRequest, TraceFormat, TraceMessagesRequest, TraceRequest,
    TraceView, VerdictView,
};
use coeur_exchange::silence::Cause;
use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// How often `--follow` asks.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
/// Conversations that `--follow` shows at once; more are passed over.
const FOLLOW_LAST: usize = 100;

pub fn run(arguments: Trace) -> Result<(), Failure> {
    // What a server that runs no more has said is on disk.
    let way = match arguments.follow {
        true => Way::open_server(&arguments.place)?,
        false => Way::open(&arguments.place)?,
    };
    let times = times(&arguments)?;
    match arguments.format {
        TraceForm::Ladder => {}
        TraceForm::Text => return export(&way, &arguments, TraceFormat::Text),
        TraceForm::Mermaid => return export(&way, &arguments, TraceFormat::Mermaid),
        TraceForm::Pcap => return export(&way, &arguments, TraceFormat::Pcap),
        TraceForm::Json => return messages(&way, &arguments),
    }
    let mut request = TraceRequest {
        what: arguments.what.clone(),
        last: arguments.last,
        since_us: times.0,
        until_us: times.1,
        full: arguments.full,
        bodies: arguments.bodies,
        ascii: !unicode(),
        rows: false,
    };
    let mut found = ask(&way, &request)?;
    if arguments.place.json && !arguments.follow {
        return print_json(&found);
    }
    if found.is_empty() && !arguments.follow {
        return Err(Failure::new(Exit::NotFound, Word::NothingFound.say()));
    }
    if let Some(file) = &arguments.output {
        let drawn: Vec<String> =
            found.iter().map(|view| format!("{}{}\n", view.ladder, silence(view))).collect();
        return write(file, drawn.concat().as_bytes());
    }
    loop {
        for view in &found {
            match arguments.place.json {
                // One line each: whoever reads a stream has no end of a list to wait for.
                true => print(&format!("{}\n", serde_json::json!(view))),
                false => print(&format!("{}{}\n", view.ladder, silence(view))),
            }
        }
        if !arguments.follow {
            return Ok(());
        }
        request.since_us = found.last().map(|view| view.last_at_us).or(request.since_us);
        request.last = FOLLOW_LAST;
        std::thread::sleep(FOLLOW_EVERY);
        found = ask(&way, &request)?;
    }
}

/// Since when and until when, in microseconds.
fn times(arguments: &Trace) -> Result<(Option<u64>, Option<u64>), Failure> {
    let micros = |text: &Option<String>| {
        let ms = text.as_deref().map(since_ms).transpose()?;
        Ok::<_, Failure>(ms.map(|ms| ms.saturating_mul(1_000)))
    };
    Ok((micros(&arguments.since)?, micros(&arguments.until)?))
}

fn wanted(arguments: &Trace) -> Result<TraceMessagesRequest, Failure> {
    let (since_us, until_us) = times(arguments)?;
    Ok(TraceMessagesRequest {
        since_us,
        until_us,
        what: arguments.what.clone(),
        limit: arguments.last,
        bodies: arguments.bodies,
        ..TraceMessagesRequest::default()
    })
}

fn export(way: &Way, arguments: &Trace, format: TraceFormat) -> Result<(), Failure> {
    let request = TraceExportRequest { found: wanted(arguments)?, format };
    let file = match way.ask(Request::TraceExport(request))? {
        Reply::TraceFile(file) => file,
        other => return Err(unexpected(&other)),
    };
    let content = BASE64.decode(&file.content).map_err(|why| Failure::failed(why.to_string()))?;
    let is_text = format != TraceFormat::Pcap;
    match &arguments.output {
        Some(file) => write(file, &content),
        // What is safe to show is text of ours; a capture is neither.
        None if is_text || !std::io::stdout().is_terminal() => Ok(std::io::stdout().write_all(&content)?),
        None => Err(Failure::new(Exit::Usage, Word::NotForTerminal.say())),
    }
}

fn messages(way: &Way, arguments: &Trace) -> Result<(), Failure> {
    let page = match way.ask(Request::TraceMessages(wanted(arguments)?))? {
        Reply::Conversations(page) => page,
        other => return Err(unexpected(&other)),
    };
    match &arguments.output {
        Some(file) => write(file, format!("{:#}\n", serde_json::json!(page)).as_bytes()),
        None => print_json(&page),
    }
}

/// For its owner alone: it says who speaks with whom.
fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| file.write_all(content));
    written.map_err(|why| Failure::failed(format!("{}: {why}", path.display())))
}

fn ask(way: &Way, request: &TraceRequest) -> Result<Vec<TraceView>, Failure> {
    match way.ask(Request::Trace(request.clone()))? {
        Reply::Traces(views) => Ok(views),
        other => Err(unexpected(&other)),
    }
}

/// What was promised, left and arrived of each side, and why somebody is not heard.
fn silence(view: &TraceView) -> String {
    if view.legs.is_empty() {
        return String::new();
    }
    let heads = [Word::Side, Word::AgreedOn, Word::Left, Word::Arrived, Word::Dropped].map(Word::say);
    let rows: Vec<Vec<String>> = view.legs.iter().map(row).collect();
    let mut out = format!("\n{}", table(&heads, &rows));
    out.push_str(&media_path(view.media_path.as_deref()));
    for verdict in &view.verdicts {
        let (sentence, remedy) = words(verdict);
        out.push_str(&format!("\n{}\n", Word::NotHeard.with(&[side(&verdict.side), &sentence])));
        out.push_str(&format!("{}\n", Word::WhatToDo.with(&[&remedy])));
    }
    out
}

fn row(leg: &SoundView) -> Vec<String> {
    let way = |word: Word, packets: u64, at: &str| {
        let at = if at.is_empty() { "?" } else { at };
        if packets == 0 { "0".to_owned() } else { word.with(&[&packets.to_string(), at]) }
    };
    let promised = [&*leg.said, &*leg.promised, &*leg.path].join(" ");
    vec![
        side(&leg.side).to_owned(),
        promised.trim().to_owned(),
        way(Word::PacketsTo, leg.sent_packets, &leg.sends_to),
        way(Word::PacketsFrom, leg.received_packets, &leg.heard_from),
        leg.dropped.clone(),
    ]
}

fn side(name: &str) -> &str {
    match name {
        "caller" => Word::Caller.say(),
        "callee" => Word::Callee.say(),
        other => other,
    }
}

/// In the user's language; those of a newer server's cause as it says them.
pub(super) fn words(verdict: &VerdictView) -> (String, String) {
    let language = Language::of_environment();
    let values: Vec<&str> = verdict.values.iter().map(String::as_str).collect();
    match Cause::of_name(&verdict.cause) {
        Some(cause) => {
            (causes::sentence(cause, &values, language), causes::remedy(cause, language).to_owned())
        }
        None => (verdict.sentence.clone(), verdict.remedy.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_ends_with_what_left_and_arrived_and_why_somebody_is_not_heard() {
        let leg = |side: &str, received_packets, dropped: &str| SoundView {
            side: side.into(),
            said: "192.0.2.7:4000".into(),
            promised: "PCMU/8000 rtp sendrecv".into(),
            sent_packets: 150,
            sends_to: "192.0.2.7:4000".into(),
            received_packets,
            dropped: dropped.into(),
            ..SoundView::default()
        };
        let verdict = VerdictView {
            side: "callee".into(),
            cause: "unknown_payload".into(),
            values: vec!["18".into()],
            ..VerdictView::default()
        };
        let view = TraceView {
            call_id: "c".into(),
            last_at_us: 0,
            messages: 1,
            ladder: String::new(),
            rows: Vec::new(),
            legs: vec![leg("caller", 150, ""), leg("callee", 0, "150 unknown_payload")],
            verdicts: vec![verdict],
            media_path: Some("relayed: somebody is on hold".into()),
        };
        let shown = silence(&view);
        assert!(shown.contains("192.0.2.7:4000 PCMU/8000 rtp sendrecv") && shown.contains("18"), "{shown}");
        assert!(shown.contains("relayed: somebody is on hold"), "{shown}");
        assert!(shown.contains("150 unknown_payload") && shown.contains("->"), "{shown}");
        assert_eq!(silence(&TraceView { legs: Vec::new(), ..view }), "");
    }
}
