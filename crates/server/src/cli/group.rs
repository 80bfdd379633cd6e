//! `coeur group ...`.

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::{Group, GroupVerb};
use super::table::table;
use super::terminal::print;
use super::terms;
use super::words::Word;
use coeur_api::{GroupAmendment, GroupView, Reply, Request};

const PAGE: usize = 5_000;

pub fn run(arguments: Group) -> Result<(), Failure> {
    let json = arguments.place.json;
    let way = Way::open(&arguments.place)?;
    match arguments.verb {
        GroupVerb::Add { name, tenant } => {
            let made = view(way.ask(Request::GroupAdd { tenant, name })?)?;
            if json { print_json(&made) } else { say(json, &Word::GroupMade.with(&[&made.name, &made.id])) }
        }
        GroupVerb::List { tenant } => list(&way, tenant, json),
        GroupVerb::Show { group } => {
            let view = view(way.ask(Request::GroupShow { group })?)?;
            if json {
                return print_json(&view);
            }
            print(&groups(std::slice::from_ref(&view)));
            let rows: Vec<Vec<String>> = view.accounts.iter().map(|account| vec![account.clone()]).collect();
            print(&format!("\n{}", table(&[Word::Accounts.say()], &rows)));
            Ok(())
        }
        GroupVerb::Set { group, name, terms, relay, together_max } => {
            let mut terms = terms::change(terms)?;
            terms.relay = relay.as_deref().map(may_relay).transpose()?;
            let together_max = terms::number("together-max", together_max)?;
            let change = GroupAmendment { name, terms, together_max };
            way.ask(Request::GroupChange { group: group.clone(), change })?;
            say(json, &Word::AccountChanged.with(&[&group]))
        }
        GroupVerb::Rm { group } => {
            way.ask(Request::GroupRemove { group: group.clone() })?;
            say(json, &Word::AccountRemoved.with(&[&group]))
        }
    }
}

fn may_relay(text: &str) -> Result<Option<bool>, Failure> {
    match text {
        "yes" => Ok(Some(true)),
        "no" => Ok(Some(false)),
        "unset" => Ok(None),
        other => Err(Failure::new(Exit::Usage, format!("--relay: `{other}` is none of yes, no, unset"))),
    }
}

fn view(reply: Reply) -> Result<GroupView, Failure> {
    match reply {
        Reply::Group(view) => Ok(*view),
        other => Err(unexpected(&other)),
    }
}

fn list(way: &Way, tenant: Option<String>, json: bool) -> Result<(), Failure> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        match way.ask(Request::GroupsList { tenant: tenant.clone(), after, limit: PAGE })? {
            Reply::Groups(page) => {
                all.extend(page.groups);
                after = page.next;
            }
            other => return Err(unexpected(&other)),
        }
        if after.is_none() {
            break;
        }
    }
    if json {
        return print_json(&all);
    }
    print(&groups(&all));
    Ok(())
}

fn groups(views: &[GroupView]) -> String {
    let row = |view: &GroupView| {
        let together = view.together_max.map(|max| Word::TogetherAtMost.with(&[&max.to_string()]));
        let said = [Some(terms::said(&view.terms)).filter(|text| !text.is_empty()), together];
        let said = said.into_iter().flatten().collect::<Vec<_>>().join(", ");
        vec![view.id.clone(), view.name.clone(), view.tenant.clone(), said]
    };
    let heads = [Word::Number, Word::Name, Word::Tenant, Word::Rights].map(Word::say);
    table(&heads, &views.iter().map(row).collect::<Vec<_>>())
}
