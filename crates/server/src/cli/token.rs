//! `coeur token ...`.

use super::account::say;
use super::door::{Way, data_directory, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::{Token, TokenVerb};
use super::table::table;
use super::terminal::print;
use super::words::Word;
use crate::house::first_token::TOKEN_FILE;
use coeur_api::{GivenSecret, NewToken, Reply, Request, SignInRequest, TokenView, rfc3339};
use std::path::Path;
use std::time::UNIX_EPOCH;

pub fn run(arguments: Token) -> Result<(), Failure> {
    let json = arguments.place.json;
    let data = data_directory(&arguments.place)?;
    let way = Way::open(&arguments.place)?;
    let ask = |what| way.ask(Request::SignIn { what });
    match arguments.verb {
        TokenVerb::Create { user, name, scopes, network, expires } => {
            let expires_in_s = expires.as_deref().map(life_s).transpose()?;
            let new = NewToken { user, name, scopes, network, expires_in_s };
            match ask(SignInRequest::TokenMake(new))? {
                Reply::Token(view) if json => print_json(&view),
                Reply::Token(view) => {
                    let text = view.token.as_ref().map_or("", GivenSecret::reveal);
                    say(json, &Word::TokenMade.with(&[&view.id, &view.login, text]))
                }
                other => Err(unexpected(&other)),
            }
        }
        TokenVerb::List { user } => match ask(SignInRequest::TokensList { user })? {
            Reply::Tokens(all) if json => print_json(&all),
            Reply::Tokens(all) => {
                print(&listed(&all));
                say_first(&data);
                Ok(())
            }
            other => Err(unexpected(&other)),
        },
        TokenVerb::Revoke { token } => {
            ask(SignInRequest::TokenRevoke { token: token.clone() })?;
            say(json, &Word::TokenRevoked.with(&[&token]))
        }
    }
}

/// The token of the first start is no row of the records: it is a file, changed when it is used.
fn say_first(data: &Path) {
    let path = data.join(TOKEN_FILE);
    let Ok(changed) = std::fs::metadata(&path).and_then(|file| file.modified()) else { return };
    let at_ms = changed.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let line = Word::FirstToken.with(&[&path.display().to_string(), &rfc3339(at_ms)]);
    eprintln!("{line}");
}

fn life_s(text: &str) -> Result<u64, Failure> {
    super::records::ago(text)
        .map(|life| life.as_secs())
        .ok_or_else(|| Failure::new(Exit::Usage, format!("`{text}` is no time; write 30m, 12h or 90d")))
}

fn listed(all: &[TokenView]) -> String {
    let row = |view: &TokenView| {
        let text = |of: &Option<String>| of.clone().unwrap_or_default();
        vec![
            view.id.clone(),
            view.name.clone(),
            view.login.clone(),
            view.scopes.join(" "),
            text(&view.network),
            view.created_at.clone(),
            text(&view.expires_at),
            text(&view.last_used_at),
        ]
    };
    let heads = [
        Word::Number,
        Word::Name,
        Word::User,
        Word::Scopes,
        Word::From,
        Word::Created,
        Word::Ends,
        Word::LastUsed,
    ];
    table(&heads.map(Word::say), &all.iter().map(row).collect::<Vec<_>>())
}
