//! `coeur apply`: makes of what there is what a file says, and shows before what that is.
//!
//! Each step is asked at the door like any other change, and has its audit row. Steps are done one after another: where one
//! is refused those before it stay done, and the same file applied again does the rest.

mod file;
mod plan;

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::Apply;
use super::progress::Progress;
use super::terminal::{print, safe};
use super::words::Word;
use coeur_api::{GivenSecret, Made, Reply, Request};
use plan::{Found, Step};
use serde::Serialize;

/// Rows of one answer.
const PAGE: usize = 5_000;

#[derive(Serialize)]
struct Told<'p> {
    dry_run: bool,
    steps: &'p [Step],
    /// With the secrets that were made: shown this once.
    made: &'p [Made],
}

pub fn run(arguments: Apply) -> Result<(), Failure> {
    let (json, dry_run) = (arguments.place.json, arguments.dry_run);
    let wanted = file::read(&arguments.file)?;
    let way = Way::open(&arguments.place)?;
    let steps = plan::plan(&wanted, &found(&way)?, arguments.prune);
    if !json {
        steps.iter().for_each(|step| print(&line(step)));
    }
    if dry_run {
        return rehearsed(&steps, json);
    }
    let (made, failure) = done(&way, &steps);
    match json {
        true => print_json(&Told { dry_run, steps: &steps, made: &made })?,
        false => made.iter().for_each(|made| print(&secret(made))),
    }
    match failure {
        Some(failure) => Err(failure),
        None => say(json, &Word::Applied.with(&[&steps.len().to_string()])),
    }
}

/// As of `diff`: 1 where something differs.
fn rehearsed(steps: &[Step], json: bool) -> Result<(), Failure> {
    if json {
        print_json(&Told { dry_run: true, steps, made: &[] })?;
    }
    match steps.is_empty() {
        true => Ok(()),
        false => Err(Failure::said(Exit::Failed)),
    }
}

/// Until one is refused; what was made until then has secrets to show.
fn done(way: &Way, steps: &[Step]) -> (Vec<Made>, Option<Failure>) {
    let mut progress = Progress::new(steps.len());
    let mut made = Vec::new();
    for (step, at) in steps.iter().zip(1..) {
        for request in &step.requests {
            match way.ask(request.clone()) {
                Ok(Reply::Made(new)) => made.extend(new),
                Ok(_) => {}
                Err(failure) => {
                    progress.end();
                    let place = format!("{} {} {}", step.sign.mark(), step.kind, step.name);
                    let text = format!("{place}: {}", failure.text);
                    return (made, Some(Failure::new(failure.exit, text)));
                }
            }
        }
        progress.at(at);
    }
    progress.end();
    (made, None)
}

fn line(step: &Step) -> String {
    let mut out = format!("{} {} {}\n", step.sign.mark(), step.kind, safe(step.name.as_bytes()));
    for one in &step.differences {
        let text = format!("    {}: {} -> {}", one.field, one.before, one.after);
        out.push_str(&safe(text.as_bytes()));
        out.push('\n');
    }
    out
}

fn secret(made: &Made) -> String {
    let secret = made.secret.as_ref().map_or("", GivenSecret::reveal);
    format!("{} {} {secret}\n", made.account, made.device)
}

fn found(way: &Way) -> Result<Found, Failure> {
    let tenants = match way.ask(Request::TenantsList)? {
        Reply::Tenants(tenants) => tenants,
        other => return Err(unexpected(&other)),
    };
    let domains = match way.ask(Request::DomainsList)? {
        Reply::Domains(domains) => domains,
        other => return Err(unexpected(&other)),
    };
    let (mut groups, mut after) = (Vec::new(), None);
    loop {
        match way.ask(Request::GroupsList { tenant: None, after, limit: PAGE })? {
            Reply::Groups(page) => {
                groups.extend(page.groups);
                after = page.next;
            }
            other => return Err(unexpected(&other)),
        }
        if after.is_none() {
            break;
        }
    }
    Ok(Found { tenants, domains, groups, users: users(way)?, accounts: accounts(way)? })
}

fn users(way: &Way) -> Result<Vec<coeur_api::UserView>, Failure> {
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        match way.ask(Request::UsersList { tenant: None, after, limit: PAGE })? {
            Reply::Users(page) => {
                users.extend(page.users);
                after = page.next;
            }
            other => return Err(unexpected(&other)),
        }
        if after.is_none() {
            return Ok(users);
        }
    }
}

fn accounts(way: &Way) -> Result<Vec<coeur_api::AccountView>, Failure> {
    let mut accounts: Vec<coeur_api::AccountView> = Vec::new();
    loop {
        let after = accounts.last().map(|view| view.account.clone());
        match way.ask(Request::AccountsList { domain: None, after, limit: PAGE })? {
            Reply::Accounts(page) if page.is_empty() => return Ok(accounts),
            Reply::Accounts(page) => accounts.extend(page),
            other => return Err(unexpected(&other)),
        }
    }
}
