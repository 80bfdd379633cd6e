//! `coeur status`.

use super::door::{Way, print_json};
use super::exit::Failure;
use super::grammar::StatusOf;
use super::table::{duration, table};
use super::terminal::print;
use super::words::Word;
use coeur_api::Status;

pub fn run(arguments: &StatusOf) -> Result<(), Failure> {
    let status = Way::open_server(&arguments.place)?.status()?;
    if arguments.place.json {
        return print_json(&status);
    }
    print(&shown(&status));
    Ok(())
}

fn shown(status: &Status) -> String {
    let row = |word: Word, text: String| vec![word.say().to_owned(), text];
    let mut rows = vec![
        row(Word::Version, status.version.clone()),
        row(Word::UpFor, duration(status.uptime_s)),
        row(Word::Domains, status.domains.join(" ")),
        row(Word::Accounts, status.accounts.to_string()),
        row(Word::Registered, status.registrations.to_string()),
    ];
    let places = status.listeners.iter().chain(&status.turn);
    rows.extend(places.map(|place| row(Word::Listens, place.clone())));
    rows.extend(status.local_authority.iter().map(|file| row(Word::TrustsLocal, file.clone())));
    table(&[Word::Coeur.say(), ""], &rows)
}
