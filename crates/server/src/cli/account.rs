//! `coeur account ...`.

use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::{Account, AccountVerb, Policy, YesNo};
use super::import;
use super::table::table;
use super::terminal::{print, secret_from_stdin};
use super::words::Word;
use coeur_api::{AccountChange, AccountView, GivenSecret, Made, NewAccount, Reply, Request};

const PAGE: usize = 5_000;

pub fn run(arguments: Account) -> Result<(), Failure> {
    let json = arguments.place.json;
    // The file is read before the door is opened: an error in it needs no server.
    if let AccountVerb::Import { file, skip_errors } = &arguments.verb {
        let read = import::read(file)?;
        return import::run(&Way::open(&arguments.place)?, file, read, *skip_errors, json);
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
        AccountVerb::Set { account, display_name, enabled, policy, contacts_max, relay } => {
            let account = way.full_account(&account)?;
            let yes = |word: YesNo| word == YesNo::Yes;
            let change = AccountChange {
                display_name,
                enabled: enabled.map(yes),
                policy: policy.map(|policy| policy_name(policy).to_owned()),
                contacts_max,
                relay: relay.map(yes),
            };
            way.ask(Request::AccountChange { account: account.clone(), change })?;
            say(json, &Word::AccountChanged.with(&[&account]))
        }
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

pub fn made_line(made: &Made) -> String {
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
