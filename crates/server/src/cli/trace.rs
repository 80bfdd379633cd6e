//! `coeur trace`.

use super::door::{Way, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::Trace;
use super::terminal::{print, unicode};
use super::words::Word;
use coeur_api::{Reply, Request, TraceRequest, TraceView};
use std::time::Duration;

/// How often `--follow` asks.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
/// Conversations that `--follow` shows at once; more are passed over.
const FOLLOW_LAST: usize = 100;

pub fn run(arguments: Trace) -> Result<(), Failure> {
    let way = Way::open_server(&arguments.place)?;
    let mut request = TraceRequest {
        what: arguments.what.clone(),
        last: arguments.last,
        since_us: None,
        full: arguments.full,
        bodies: arguments.bodies,
        ascii: !unicode(),
    };
    let mut found = ask(&way, &request)?;
    if arguments.place.json && !arguments.follow {
        return print_json(&found);
    }
    if found.is_empty() && !arguments.follow {
        return Err(Failure::new(Exit::NotFound, Word::NothingFound.say()));
    }
    loop {
        for view in &found {
            match arguments.place.json {
                // One line each: whoever reads a stream has no end of a list to wait for.
                true => print(&format!("{}\n", serde_json::json!(view))),
                false => print(&format!("{}\n", view.ladder)),
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

fn ask(way: &Way, request: &TraceRequest) -> Result<Vec<TraceView>, Failure> {
    match way.ask(Request::Trace(request.clone()))? {
        Reply::Traces(views) => Ok(views),
        other => Err(unexpected(&other)),
    }
}
