//! `coeur registrations`.

use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::Registrations;
use super::table::{duration, table};
use super::words::Word;
use coeur_api::{RegistrationView, Reply, Request};

pub fn run(arguments: Registrations) -> Result<(), Failure> {
    let way = Way::open_server(&arguments.place)?;
    let account = arguments.account.map(|account| way.full_account(&account)).transpose()?;
    match way.ask(Request::Registrations { account, limit: arguments.limit })? {
        Reply::Registrations(views) if arguments.place.json => print_json(&views),
        Reply::Registrations(views) => {
            let row = |view: &RegistrationView| {
                vec![
                    view.account.clone(),
                    view.contact.clone(),
                    view.flow.clone(),
                    duration(view.expires_in_s),
                ]
            };
            let heads = [Word::Account.say(), Word::Contact.say(), Word::Flow.say(), Word::ExpiresIn.say()];
            super::terminal::print(&table(&heads, &views.iter().map(row).collect::<Vec<_>>()));
            Ok(())
        }
        other => Err(unexpected(&other)),
    }
}
