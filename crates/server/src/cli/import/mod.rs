//! `coeur account import`: a file of accounts. Everything that can be known to be wrong is found before anything is made.

mod faults;
mod rows;

use super::account::{made_line, show_secrets};
use super::door::{Way, json_text, unexpected};
use super::exit::{Exit, Failure};
use super::progress::Progress;
use super::terminal::print;
use super::words::Word;
use coeur_api::{GivenSecret, Made, NewAccount, Reply, Request, SECRET_CHARS_MIN};
use faults::{Faults, Kind};
use rows::Row;
use std::collections::BTreeSet;
use std::path::Path;

/// Accounts in one request: one commit, and a bar that moves.
const BATCH: usize = 2_000;

/// The rows of a file, good and bad.
pub struct Read {
    rows: Vec<Row>,
    faults: Faults,
}

/// Reads the file; no server is needed.
pub fn read(file: &Path) -> Result<Read, Failure> {
    let usage = |text: String| Failure::new(Exit::Usage, format!("{}: {text}", file.display()));
    let bytes = match file == Path::new("-") {
        true => {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
        }
        false => std::fs::read(file),
    };
    let bytes = bytes.map_err(|why| usage(why.to_string()))?;
    let (rows, faults) = rows::read(&bytes).map_err(usage)?;
    Ok(Read { rows, faults })
}

/// Makes the accounts of the good rows, if all are good or the others may be left out.
pub fn run(way: &Way, file: &Path, read: Read, skip_errors: bool, json: bool) -> Result<(), Failure> {
    let Read { rows, mut faults } = read;
    let rows = of_our_domains(way, rows, &mut faults)?;
    let rows = not_there_yet(way, rows, &mut faults)?;
    for line in faults.lines() {
        eprintln!("{}: {line}", file.display());
    }
    let refused = faults.count();
    if refused > 0 && !skip_errors {
        return Err(Failure::failed(Word::ImportRefused.with(&[&refused.to_string()])));
    }
    for line in weak(&rows).lines() {
        eprintln!("coeur: {}: {}: {line}", Word::DoctorWarning.say().trim_end(), file.display());
    }
    let made = make(way, &rows, json)?;
    show(&made, json)?;
    if !json {
        let imported = match made.len() {
            1 => Word::ImportedOne.say().to_owned(),
            count => Word::Imported.with(&[&count.to_string()]),
        };
        print(&format!("{imported}\n"));
    }
    if refused > 0 && !json {
        print(&format!("{}\n", Word::ImportLeftOut.with(&[&refused.to_string()])));
    }
    Ok(())
}

/// Rows of which the secret is guessed. They are made: their phones have it already.
fn weak(rows: &[Row]) -> Faults {
    let mut faults = Faults::default();
    let is_weak = |row: &&Row| !row.secret.is_empty() && row.secret.chars().count() < SECRET_CHARS_MIN;
    for row in rows.iter().filter(is_weak) {
        faults.add(
            row.line,
            Kind::Weak,
            Word::WeakSecret.with(&[&row.account, &SECRET_CHARS_MIN.to_string()]),
        );
    }
    faults
}

fn of_our_domains(way: &Way, rows: Vec<Row>, faults: &mut Faults) -> Result<Vec<Row>, Failure> {
    let domains = match way.ask(Request::DomainsList)? {
        Reply::Domains(views) => views.into_iter().map(|view| view.domain).collect::<BTreeSet<_>>(),
        other => return Err(unexpected(&other)),
    };
    let is_ours = |row: &Row| domains.contains(row.domain());
    let (ours, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_ours);
    for row in &others {
        let domain = row.domain();
        let text = format!("the domain {domain} is not ours: add it first (coeur domain add {domain})");
        faults.add(row.line, Kind::Domain, text);
    }
    Ok(ours)
}

fn not_there_yet(way: &Way, rows: Vec<Row>, faults: &mut Faults) -> Result<Vec<Row>, Failure> {
    let mut there = BTreeSet::new();
    for batch in rows.chunks(BATCH) {
        let accounts = batch.iter().map(|row| row.account.clone()).collect();
        match way.ask(Request::AccountsKnown { accounts })? {
            Reply::Known(accounts) => there.extend(accounts),
            other => return Err(unexpected(&other)),
        }
    }
    let (known, new): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| there.contains(&row.account));
    for row in &known {
        faults.add(row.line, Kind::There, format!("the account {} is already there", row.account));
    }
    Ok(new)
}

fn make(way: &Way, rows: &[Row], json: bool) -> Result<Vec<Made>, Failure> {
    let mut progress = Progress::new(rows.len());
    let mut all = Vec::with_capacity(rows.len());
    for batch in rows.chunks(BATCH) {
        let accounts = batch.iter().map(new_account).collect();
        match way.ask(Request::AccountsAdd { accounts }) {
            Ok(Reply::Made(made)) => all.extend(made),
            Ok(other) => return Err(unexpected(&other)),
            Err(failure) => {
                progress.end();
                // What was made is made: its secrets are shown now or never.
                show(&all, json)?;
                return Err(stopped(failure, batch, all.len()));
            }
        }
        progress.at(all.len());
    }
    progress.end();
    Ok(all)
}

/// The secrets that were made; as JSON, everything that was.
fn show(made: &[Made], json: bool) -> Result<(), Failure> {
    let text = match json {
        true => json_text(&made)?,
        false => made.iter().filter(|made| made.secret.is_some()).map(made_line).collect::<String>(),
    };
    show_secrets(&text, made)
}

fn new_account(row: &Row) -> NewAccount {
    NewAccount {
        account: row.account.clone(),
        display_name: row.display_name.clone(),
        secret: (!row.secret.is_empty()).then(|| GivenSecret::new(row.secret.clone())),
        policy: row.policy.to_owned(),
        is_brought: true,
        ..NewAccount::default()
    }
}

/// A batch is made whole or not at all, so it is known to the line what is done and what is not. When the server went
/// away in the middle of one, it may be either, and the next import finds out.
fn stopped(failure: Failure, batch: &[Row], done: usize) -> Failure {
    let first = batch.first().map_or(0, |row| row.line);
    let rest = match failure.exit {
        Exit::Unreachable => format!("It is not known whether the next {} are", batch.len()),
        Exit::Done | Exit::Failed | Exit::Usage | Exit::NotFound | Exit::Exists | Exit::NotNow => {
            format!("None from line {first} on is")
        }
    };
    let text = format!(
        "{}. The {done} accounts before line {first} are imported. {rest}; import the same file again with --skip-errors.",
        failure.text
    );
    Failure::new(failure.exit, text)
}
