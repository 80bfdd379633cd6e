//! `coeur setup-link`.

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::SetupLink;
use super::terminal::print;
use super::words::Word;
use crate::config::settings::DEFAULT_WEB;
use coeur_api::{LinkView, Reply, Request, SignInRequest};

pub fn run(arguments: SetupLink) -> Result<(), Failure> {
    let (json, user) = (arguments.place.json, arguments.user);
    let way = Way::open_or_make(&arguments.place)?;
    if let (true, Some(user)) = (arguments.without_factors, &user) {
        way.ask(Request::SignIn { what: SignInRequest::FactorsRemove { user: user.clone() } })?;
    }
    let what = SignInRequest::Link { user };
    let link = match way.ask(Request::SignIn { what })? {
        Reply::Link(link) => *link,
        other => return Err(unexpected(&other)),
    };
    if json {
        return print_json(&link);
    }
    match &link.url {
        Some(_) => print(&format!("{}\n", line(&link))),
        // No server runs: where it will be is not known here.
        None => {
            let place = DEFAULT_WEB.replace("127.0.0.1", "localhost");
            say(json, &Word::SetupLinkLater.with(&[link.path.reveal(), &place]))?;
        }
    }
    Ok(())
}

/// The link and how long it counts.
pub fn line(link: &LinkView) -> String {
    let shown = link.url.as_ref().unwrap_or(&link.path).reveal();
    Word::SetupLink.with(&[shown])
}
