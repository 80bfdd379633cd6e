//! `coeur token ...`.

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::{Token, TokenVerb};
use super::table::table;
use super::terminal::print;
use super::words::Word;
use coeur_api::{GivenSecret, NewToken, Reply, Request, SignInRequest, TokenView};

pub fn run(arguments: Token) -> Result<(), Failure> {
    let json = arguments.place.json;
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
