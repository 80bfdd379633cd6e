//! `coeur turn ...`.

use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::{Turn, TurnVerb};
use super::table::{duration, table};
use super::terminal::print;
use super::words::Word;
use coeur_api::{IceServerView, Reply, Request};
use std::time::{SystemTime, UNIX_EPOCH};

pub fn run(arguments: Turn) -> Result<(), Failure> {
    let way = Way::open_server(&arguments.place)?;
    match arguments.verb {
        TurnVerb::Credentials { account, device } => {
            let account = way.full_account(&account)?;
            let view = match way.ask(Request::IceServer { account, device })? {
                Reply::IceServer(view) => view,
                other => return Err(unexpected(&other)),
            };
            if arguments.place.json {
                return print_json(&[ice_server(&view)]);
            }
            print(&shown(&view));
            Ok(())
        }
    }
}

/// `RTCIceServer`, which knows no end.
fn ice_server(view: &IceServerView) -> serde_json::Value {
    let credential = view.credential.reveal();
    serde_json::json!({ "urls": view.urls, "username": view.username, "credential": credential })
}

fn shown(view: &IceServerView) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let row = |url: &String| {
        let left = duration(view.expires_at_s.saturating_sub(now));
        vec![url.clone(), view.username.clone(), view.credential.reveal().to_owned(), left]
    };
    let heads = [Word::Server.say(), Word::User.say(), Word::Secret.say(), Word::ExpiresIn.say()];
    table(&heads, &view.urls.iter().map(row).collect::<Vec<_>>())
}
