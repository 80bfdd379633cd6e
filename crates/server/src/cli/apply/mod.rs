//! `coeur apply`: makes of what there is what a file says, and shows before what that is.
//!
//! Each step is asked at the door like any other change, and has its audit row. Nothing is begun when it is known that a step
//! will be refused ([`foresee`]). Steps are done one after another, and each may be several changes: where one is refused all
//! the same, those before it stay done, which is said, and once the cause is gone the same file does the rest.

mod file;
mod foresee;
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
    steps: Vec<&'p Step>,
    /// What would be refused, so that nothing was done.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    refused: &'p [String],
    /// With the secrets that were made: shown this once.
    made: &'p [Made],
}

pub fn run(arguments: Apply) -> Result<(), Failure> {
    let (json, dry_run) = (arguments.place.json, arguments.dry_run);
    let wanted = file::read(&arguments.file)?;
    let way = Way::open(&arguments.place)?;
    let found = found(&way)?;
    let steps = plan::plan(&wanted, &found, arguments.prune);
    let told: Vec<&Step> = steps.iter().filter(|step| !step.is_silent()).collect();
    let refused = foresee::refused(&steps, &found);
    if !json {
        told.iter().for_each(|step| print(&line(step)));
    }
    if dry_run || !refused.is_empty() {
        return rehearsed(told, &refused, (json, dry_run));
    }
    let count = told.len();
    let (made, failure) = done(&way, &steps);
    match json {
        true => print_json(&Told { dry_run, steps: told, refused: &[], made: &made })?,
        false => made.iter().for_each(|made| print(&secret(made))),
    }
    match failure {
        Some(failure) => Err(failure),
        None => say(json, &Word::Applied.with(&[&count.to_string()])),
    }
}

/// As of `diff`: 1 where something differs, 2 for what would be refused, which is told; nothing is done.
fn rehearsed(steps: Vec<&Step>, refused: &[String], (json, dry_run): (bool, bool)) -> Result<(), Failure> {
    let differs = !steps.is_empty();
    if json {
        print_json(&Told { dry_run, steps, refused, made: &[] })?;
    }
    match (refused, differs) {
        ([], false) => Ok(()),
        ([], true) => Err(Failure::said(Exit::Failed)),
        (refused, _) => {
            let why = refused.iter().map(|why| safe(why.as_bytes())).collect::<Vec<_>>().join("\n");
            Err(Failure::new(Exit::Usage, format!("{why}\nThis would be refused, so nothing was done.")))
        }
    }
}

/// Until one is refused; what was made until then has secrets to show.
fn done(way: &Way, steps: &[Step]) -> (Vec<Made>, Option<Failure>) {
    let mut progress = Progress::new(steps.len());
    let mut made = Vec::new();
    for (step, at) in steps.iter().zip(1..) {
        for (request, before) in step.requests.iter().zip(0..) {
            match way.ask(request.clone()) {
                Ok(Reply::Made(new)) => made.extend(new),
                Ok(_) => {}
                Err(failure) => {
                    progress.end();
                    let text = format!("{}\n{}", failure.text, how_far(steps, at - 1, before));
                    return (made, Some(Failure::new(failure.exit, text)));
                }
            }
        }
        progress.at(at);
    }
    progress.end();
    (made, None)
}

/// What stays of steps that could not all be done: those before `at`, and of that one `before` changes.
fn how_far(steps: &[Step], at: usize, before: usize) -> String {
    let Some(step) = steps.get(at) else { return String::new() };
    let place = format!("{} {} {}", step.sign.mark(), step.kind, step.name);
    let within = match before {
        0 => String::new(),
        _ => format!(", and {before} of the {} changes of `{place}`", step.requests.len()),
    };
    let most = steps.len();
    format!(
        "This was step {} of {most}, `{place}`. Done, and it stays: {at} of {most} steps{within}. Mend the cause, and apply the \
         same file again: it does the rest.",
        at + 1
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use plan::{Found, plan};

    #[test]
    fn what_is_done_of_a_step_of_several_changes_is_told() {
        let text = "domains = [{ name = 'd' }]\nusers = [{ login = 'x', role = 'admin' }]";
        let steps = plan(&file::of_text(text).unwrap(), &Found::default(), false);
        let whole = "This was step 2 of 2, `+ user x`. Done, and it stays: 1 of 2 steps. Mend";
        assert!(how_far(&steps, 1, 0).starts_with(whole), "{}", how_far(&steps, 1, 0));
        let part = "Done, and it stays: 1 of 2 steps, and 1 of the 2 changes of `+ user x`. Mend";
        assert!(how_far(&steps, 1, 1).contains(part), "{}", how_far(&steps, 1, 1));
    }
}
