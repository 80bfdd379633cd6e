//! `coeur account ...`.

use super::door::{Way, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::{Account, AccountVerb, Policy};
use super::import;
use super::progress::Progress;
use super::table::table;
use super::terminal::{print, secret_from_stdin};
use super::words::Word;
use coeur_api::{AccountView, GivenSecret, Made, NewAccount, Reply, Request};
use std::collections::BTreeSet;
use std::path::Path;

/// Accounts in one request of an import: one commit, and a bar that moves.
const IMPORT_BATCH: usize = 2_000;
const PAGE: usize = 5_000;

pub fn run(arguments: Account) -> Result<(), Failure> {
    let json = arguments.place.json;
    // The file is read before the door is opened: an error in it needs no server.
    if let AccountVerb::Import { file, skip_errors } = &arguments.verb {
        let rows = rows(file, *skip_errors)?;
        let way = Way::open(&arguments.place)?;
        return import(&way, of_our_domains(&way, file, rows, *skip_errors)?, json);
    }
    let way = Way::open(&arguments.place)?;
    match arguments.verb {
        AccountVerb::Add { account, display_name, secret_stdin, policy } => {
            let secret = if secret_stdin { Some(GivenSecret::new(secret_from_stdin()?)) } else { None };
            let account = way.full_account(&account)?;
            let display_name = display_name.unwrap_or_default();
            let new = NewAccount { account, display_name, secret, policy: policy_name(policy).to_owned() };
            made(&way, Request::AccountsAdd { accounts: vec![new] }, json)
        }
        AccountVerb::List { domain } => list(&way, domain, json),
        AccountVerb::Show { account } => show(&way, &account, json),
        AccountVerb::Rm { account } => {
            let account = way.full_account(&account)?;
            way.ask(Request::AccountRemove { account: account.clone() })?;
            say(json, &Word::AccountRemoved.with(&[&account]))
        }
        // Handled above.
        AccountVerb::Import { .. } => Ok(()),
    }
}

pub fn policy_name(policy: Policy) -> &'static str {
    match policy {
        Policy::Auto => "auto",
        Policy::Sha256 => "sha256",
        Policy::Md5 => "md5",
    }
}

/// Asks for something that is made, and shows it with its new secret.
pub fn made(way: &Way, request: Request, json: bool) -> Result<(), Failure> {
    match way.ask(request)? {
        Reply::Made(made) if json => print_json(&made),
        Reply::Made(made) => {
            print(&made.iter().map(made_line).collect::<String>());
            Ok(())
        }
        other => Err(unexpected(&other)),
    }
}

/// Confirms a change to people; with `--json`, the exit code says it.
pub fn say(json: bool, text: &str) -> Result<(), Failure> {
    if !json {
        print(&format!("{text}\n"));
    }
    Ok(())
}

fn made_line(made: &Made) -> String {
    let text = match &made.secret {
        Some(secret) => Word::SecretShownOnce.with(&[&made.account, secret.reveal()]),
        None => Word::AccountMade.with(&[&made.account]),
    };
    format!("{text}\n")
}

fn list(way: &Way, domain: Option<String>, json: bool) -> Result<(), Failure> {
    let mut accounts: Vec<AccountView> = Vec::new();
    loop {
        let after = accounts.last().map(|view| view.account.clone());
        match way.ask(Request::AccountsList { domain: domain.clone(), after, limit: PAGE })? {
            Reply::Accounts(page) => {
                let full = page.len() == PAGE;
                accounts.extend(page);
                if !full {
                    break;
                }
            }
            other => return Err(unexpected(&other)),
        }
    }
    if json {
        return print_json(&accounts);
    }
    let heads = [Word::Account.say(), Word::Name.say(), Word::Policy.say(), Word::Devices.say()];
    let row = |view: &AccountView| {
        vec![
            view.account.clone(),
            view.display_name.clone(),
            view.policy.clone(),
            view.devices.len().to_string(),
        ]
    };
    print(&table(&heads, &accounts.iter().map(row).collect::<Vec<_>>()));
    Ok(())
}

fn show(way: &Way, account: &str, json: bool) -> Result<(), Failure> {
    let view = view(way, account)?;
    if json {
        return print_json(&view);
    }
    let heads = [Word::Account.say(), Word::Name.say(), Word::Policy.say()];
    print(&table(&heads, &[vec![view.account.clone(), view.display_name.clone(), view.policy.clone()]]));
    print(&format!("\n{}", super::device::devices(&view)));
    Ok(())
}

pub fn view(way: &Way, account: &str) -> Result<AccountView, Failure> {
    match way.ask(Request::AccountShow { account: way.full_account(account)? })? {
        Reply::Account(view) => Ok(*view),
        other => Err(unexpected(&other)),
    }
}

/// All rows of the file, or the report of those that are wrong.
fn rows(file: &Path, skip_errors: bool) -> Result<Vec<import::Row>, Failure> {
    let usage = |text: String| Failure::new(Exit::Usage, format!("{}: {text}", file.display()));
    let read = if file == Path::new("-") {
        import::read(std::io::stdin().lock())
    } else {
        import::read(std::fs::File::open(file).map_err(|why| usage(why.to_string()))?)
    };
    let (rows, errors) = read.map_err(usage)?;
    for error in &errors {
        eprintln!(
            "{}: {}",
            file.display(),
            Word::Line.with(&[&error.line.to_string(), &super::terminal::safe(error.text.as_bytes())])
        );
    }
    match errors.is_empty() || skip_errors {
        true => Ok(rows),
        false => Err(Failure::failed(Word::ImportRefused.with(&[&errors.len().to_string()]))),
    }
}

/// Rows of domains that are not ours are errors of the file too: found before anything is made.
fn of_our_domains(
    way: &Way,
    file: &Path,
    rows: Vec<import::Row>,
    skip_errors: bool,
) -> Result<Vec<import::Row>, Failure> {
    let domains = match way.ask(Request::DomainsList)? {
        Reply::Domains(views) => views.into_iter().map(|view| view.domain).collect::<BTreeSet<_>>(),
        other => return Err(unexpected(&other)),
    };
    let domain = |row: &import::Row| row.account.rsplit_once('@').map_or("", |(_, domain)| domain).to_owned();
    let (ours, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| domains.contains(&domain(row)));
    for row in &others {
        let text = format!("the domain {} is not ours: add it first (coeur domain add {0})", domain(row));
        eprintln!("{}: {}", file.display(), Word::Line.with(&[&row.line.to_string(), &text]));
    }
    match others.is_empty() || skip_errors {
        true => Ok(ours),
        false => Err(Failure::failed(Word::ImportRefused.with(&[&others.len().to_string()]))),
    }
}

fn import(way: &Way, rows: Vec<import::Row>, json: bool) -> Result<(), Failure> {
    let mut progress = Progress::new(rows.len());
    let mut all = Vec::with_capacity(rows.len());
    for batch in rows.chunks(IMPORT_BATCH) {
        let accounts = batch.iter().map(new_account).collect();
        match way.ask(Request::AccountsAdd { accounts }) {
            Ok(Reply::Made(made)) => all.extend(made),
            Ok(other) => return Err(unexpected(&other)),
            Err(failure) => {
                progress.end();
                return Err(stopped(failure, batch, all.len()));
            }
        }
        progress.at(all.len());
    }
    progress.end();
    if json {
        return print_json(&all);
    }
    print(&all.iter().filter(|made| made.secret.is_some()).map(made_line).collect::<String>());
    say(json, &Word::Imported.with(&[&all.len().to_string()]))
}

fn new_account(row: &import::Row) -> NewAccount {
    NewAccount {
        account: row.account.clone(),
        display_name: row.display_name.clone(),
        secret: (!row.secret.is_empty()).then(|| GivenSecret::new(row.secret.clone())),
        policy: row.policy.to_owned(),
    }
}

/// A batch is made whole or not at all, so it is known to the line what is done and what is not.
fn stopped(failure: Failure, batch: &[import::Row], done: usize) -> Failure {
    let (first, last) = (batch.first().map_or(0, |row| row.line), batch.last().map_or(0, |row| row.line));
    let named = batch.iter().find(|row| failure.text.split(' ').any(|word| word == row.account));
    let at = named.map_or_else(|| format!("lines {first} to {last}"), |row| format!("line {}", row.line));
    let text = format!(
        "{at}: {}. The {done} accounts before are imported; none from line {first} on. Correct the file and import the rest.",
        failure.text
    );
    Failure::new(failure.exit, text)
}
