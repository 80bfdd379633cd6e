//! `coeur account ...`.

use super::door::{Way, json_text, print_json, unexpected};
use super::exit::Failure;
use super::grammar::{Account, AccountVerb, Policy, RecordPolicy, YesNo};
use super::import;
use super::table::table;
use super::terminal::{print, secret_from_stdin, try_print};
use super::terms;
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
        AccountVerb::Add { account, display_name, secret_stdin, policy, user } => {
            let secret = if secret_stdin { Some(GivenSecret::new(secret_from_stdin()?)) } else { None };
            let account = way.full_new_account(&account)?;
            warn_of_namesake(&way, &account)?;
            let display_name = display_name.unwrap_or_default();
            let policy = policy_name(policy).to_owned();
            let new = NewAccount { account, display_name, secret, policy, user, is_brought: false };
            made(&way, Request::AccountsAdd { accounts: vec![new] }, json, made_line)
        }
        AccountVerb::List { domain } => list(&way, domain, json),
        AccountVerb::Show { account } => show(&way, &account, json),
        AccountVerb::Set {
            account,
            display_name,
            user,
            enabled,
            policy,
            contacts_max,
            relay,
            terms,
            groups,
            pickup,
            pickup_groups,
            record,
            forward_always,
            forward_busy,
            forward_no_answer,
            forward_after_s,
            forward_offline,
            dnd,
        } => {
            let account = way.full_account(&account)?;
            let yes = |word: YesNo| word == YesNo::Yes;
            let change = AccountChange {
                display_name,
                user,
                enabled: enabled.map(yes),
                policy: policy.map(|policy| policy_name(policy).to_owned()),
                contacts_max,
                relay: relay.map(yes),
                terms: terms::change(terms)?,
                groups: groups.as_deref().map(names),
                pickup: pickup.map(yes),
                pickup_groups: pickup_groups.as_deref().map(names),
                record: record.map(|record| record_name(record).to_owned()),
                forward_always,
                forward_busy,
                forward_no_answer,
                forward_after_s,
                forward_offline,
                dnd: dnd.map(yes),
            };
            way.ask(Request::AccountChange { account: account.clone(), change })?;
            if policy == Some(Policy::Md5) {
                warn_of_proved(&way, &account)?;
            }
            say(json, &Word::AccountChanged.with(&[&account]))
        }
        AccountVerb::Alias { account, add, rm } => {
            let account = way.full_account(&account)?;
            for alias in add {
                way.ask(Request::AliasAdd { account: account.clone(), alias })?;
            }
            for alias in rm {
                way.ask(Request::AliasRemove { account: account.clone(), alias })?;
            }
            say(json, &Word::AccountChanged.with(&[&account]))
        }
        AccountVerb::Rights { account, to } => {
            let account = way.full_account(&account)?;
            match way.ask(Request::AccountRights { account, to })? {
                Reply::Rights(view) if json => print_json(&view),
                Reply::Rights(view) => {
                    let heads = [Word::Right.say(), Word::Value.say(), Word::SaidBy.say()];
                    print(&table(&heads, &terms::rows(&view)));
                    let sentence = view.destination.as_ref().map(|to| terms::sentence(&view.account, to));
                    print(&sentence.map_or_else(String::new, |text| format!("\n{text}\n")));
                    Ok(())
                }
                other => Err(unexpected(&other)),
            }
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

/// The user part is case-sensitive (RFC 3261 section 19.1.4), which people do not expect.
fn warn_of_namesake(way: &Way, account: &str) -> Result<(), Failure> {
    let lower = account.to_lowercase();
    if lower == account {
        return Ok(());
    }
    match way.ask(Request::AccountsKnown { accounts: vec![lower] })? {
        Reply::Known(there) => {
            for other in there.iter().filter(|other| *other != account) {
                eprintln!("coeur: note: {other} is another account: capitals count before the @");
            }
            Ok(())
        }
        other => Err(unexpected(&other)),
    }
}

/// What a device has once proved stands above the policy.
fn warn_of_proved(way: &Way, account: &str) -> Result<(), Failure> {
    for device in view(way, account)?.devices.iter().filter(|device| device.proved_sha256) {
        eprintln!(
            "coeur: note: device {} of {account} has answered SHA-256 once and is never asked for less; a phone that knows \
             MD5 alone needs a device of its own: coeur device add {account} --policy md5",
            device.device
        );
    }
    Ok(())
}

pub fn policy_name(policy: Policy) -> &'static str {
    match policy {
        Policy::Auto => "auto",
        Policy::Sha256 => "sha256",
        Policy::Md5 => "md5",
    }
}

/// Asks for something that is made, and shows it with its new secret.
pub fn made(way: &Way, request: Request, json: bool, line: fn(&Made) -> String) -> Result<(), Failure> {
    match way.ask(request)? {
        Reply::Made(made) if json => show_secrets(&json_text(&made)?, &made),
        Reply::Made(made) => show_secrets(&made.iter().map(line).collect::<String>(), &made),
        other => Err(unexpected(&other)),
    }
}

/// Prints secrets that exist nowhere else. If that fails they are lost, and it is said whose.
pub fn show_secrets(text: &str, made: &[Made]) -> Result<(), Failure> {
    try_print(text).map_err(|why| {
        let lost = made.iter().filter(|made| made.secret.is_some());
        let lost: Vec<String> = lost.map(|made| format!("{} device {}", made.account, made.device)).collect();
        match lost.len() {
            0 => Failure::failed(format!("standard output: {why}")),
            count => {
                let first = lost[..count.min(LOST_SHOWN)].join(", ");
                let more = if count > LOST_SHOWN { format!(" and {} more", count - LOST_SHOWN) } else { String::new() };
                Failure::failed(format!(
                    "standard output: {why}; made, with secrets that nobody has seen: {first}{more}. \
                     Make new ones (coeur device add ACCOUNT) and revoke these (coeur device revoke ACCOUNT DEVICE)"
                ))
            }
        }
    })
}

/// Devices named when their secrets are lost.
const LOST_SHOWN: usize = 20;

/// Confirms a change: a sentence for people, an object for programs.
pub fn say(json: bool, text: &str) -> Result<(), Failure> {
    if json {
        return print_json(&serde_json::json!({ "done": true }));
    }
    print(&format!("{text}\n"));
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
    if let Some(domain) = &domain {
        way.known_domain(domain)?;
    }
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
    let heads =
        [Word::Account.say(), Word::Name.say(), Word::Policy.say(), Word::Devices.say(), Word::Marks.say()];
    let row = |view: &AccountView| {
        vec![
            view.account.clone(),
            view.display_name.clone(),
            view.policy.clone(),
            view.devices.len().to_string(),
            marks(view),
        ]
    };
    print(&table(&heads, &accounts.iter().map(row).collect::<Vec<_>>()));
    Ok(())
}

/// `no` is none.
fn names(text: &str) -> Vec<String> {
    let names = if text == "no" { "" } else { text };
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

const fn record_name(policy: RecordPolicy) -> &'static str {
    match policy {
        RecordPolicy::Off => "off",
        RecordPolicy::OnDemand => "on-demand",
        RecordPolicy::All => "all",
    }
}

/// What is not as with most accounts.
fn marks(view: &AccountView) -> String {
    let contacts = view.contacts_max.map(|most| Word::ContactsAtMost.with(&[&most.to_string()]));
    let groups = view.pickup_groups.join("+");
    let groups = (!groups.is_empty()).then(|| Word::PickupGroups.with(&[&groups]));
    let after = view.forward_after_s.to_string();
    let forward = |word: Word, to: &Option<String>| to.as_ref().map(|to| word.with(&[to]));
    let marks = [
        (!view.enabled).then(|| Word::Disabled.say().to_owned()),
        view.user.as_ref().map(|user| match &view.login {
            Some(login) => Word::OfUser.with(&[&format!("{login} ({user})")]),
            None => Word::OfUser.with(&[user]),
        }),
        view.relay.then(|| Word::MayRelay.say().to_owned()),
        Some(terms::said(&coeur_api::TermsView { relay: None, ..view.terms.clone() }))
            .filter(|text| !text.is_empty()),
        (!view.groups.is_empty()).then(|| Word::InGroups.with(&[&view.groups.join("+")])),
        (!view.aliases.is_empty()).then(|| Word::AlsoReachedAs.with(&[&view.aliases.join(" ")])),
        view.pickup.then(|| Word::PickedUp.say().to_owned()),
        groups,
        contacts,
        (view.record == "on-demand").then(|| Word::RecordedOnDemand.say().to_owned()),
        (view.record == "all").then(|| Word::RecordedAll.say().to_owned()),
        view.dnd.then(|| Word::DoNotDisturb.say().to_owned()),
        forward(Word::ForwardedAlways, &view.forward_always),
        forward(Word::ForwardedBusy, &view.forward_busy),
        view.forward_no_answer.as_ref().map(|to| Word::ForwardedNoAnswer.with(&[&after, to])),
        forward(Word::ForwardedOffline, &view.forward_offline),
    ];
    marks.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn show(way: &Way, account: &str, json: bool) -> Result<(), Failure> {
    let view = view(way, account)?;
    if json {
        return print_json(&view);
    }
    let heads = [Word::Account.say(), Word::Name.say(), Word::Policy.say(), Word::Marks.say()];
    let row = vec![view.account.clone(), view.display_name.clone(), view.policy.clone(), marks(&view)];
    print(&table(&heads, &[row]));
    print(&format!("\n{}", super::device::devices(&view)));
    Ok(())
}

pub fn view(way: &Way, account: &str) -> Result<AccountView, Failure> {
    match way.ask(Request::AccountShow { account: way.full_account(account)? })? {
        Reply::Account(view) => Ok(*view),
        other => Err(unexpected(&other)),
    }
}
