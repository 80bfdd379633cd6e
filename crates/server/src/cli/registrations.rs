//! `coeur registrations`.

use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::Registrations;
use super::table::{duration, table};
use super::words::Word;
use coeur_api::{RegistrationView, Reply, Request};

/// Registrations in one answer of the server.
const PAGE: usize = 5_000;

pub fn run(arguments: Registrations) -> Result<(), Failure> {
    let way = Way::open_server(&arguments.place)?;
    let account = arguments.account.map(|account| way.full_account(&account)).transpose()?;
    if let Some(account) = &account {
        // A name with a slip must not look like a phone that is off.
        super::account::view(&way, account)?;
    }
    let (views, more) = views(&way, account, arguments.limit)?;
    if arguments.place.json {
        print_json(&views)?;
    } else {
        print(&views);
    }
    if more {
        eprintln!("coeur: {}", Word::MoreThan.with(&[&arguments.limit.to_string()]));
    }
    Ok(())
}

/// By account, at most `limit`; and whether there are more.
fn views(way: &Way, account: Option<String>, limit: usize) -> Result<(Vec<RegistrationView>, bool), Failure> {
    let (mut views, mut after) = (Vec::new(), None);
    loop {
        let left = limit.saturating_sub(views.len());
        if left == 0 {
            break;
        }
        let request = Request::Registrations { account: account.clone(), after, limit: PAGE.min(left) };
        let page = match way.ask(request)? {
            Reply::Registrations(page) => page,
            other => return Err(unexpected(&other)),
        };
        views.extend(page.registrations);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let more = after.is_some() || views.len() > limit;
    views.truncate(limit);
    views.sort_by(|a, b| a.account.cmp(&b.account));
    Ok((views, more))
}

fn print(views: &[RegistrationView]) {
    let row = |view: &RegistrationView| {
        let flow = match view.flow.is_empty() {
            true => Word::FlowClosed.say().to_owned(),
            false => view.flow.clone(),
        };
        vec![view.account.clone(), view.contact.clone(), flow, duration(view.expires_in_s)]
    };
    let heads = [Word::Account.say(), Word::Contact.say(), Word::Flow.say(), Word::ExpiresIn.say()];
    super::terminal::print(&table(&heads, &views.iter().map(row).collect::<Vec<_>>()));
}
