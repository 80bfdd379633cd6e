//! `coeur tenant ...`.

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::{Tenant, TenantVerb};
use super::table::table;
use super::terminal::print;
use super::words::Word;
use coeur_api::{Reply, Request, TenantView};

pub fn run(arguments: Tenant) -> Result<(), Failure> {
    let json = arguments.place.json;
    let way = Way::open(&arguments.place)?;
    match arguments.verb {
        TenantVerb::Add { name } => {
            let made = view(way.ask(Request::TenantAdd { name })?)?;
            if json { print_json(&made) } else { say(json, &Word::TenantMade.with(&[&made.name, &made.id])) }
        }
        TenantVerb::List => match way.ask(Request::TenantsList)? {
            Reply::Tenants(all) => shown(&all, json, &all),
            other => Err(unexpected(&other)),
        },
        TenantVerb::Show { tenant } => {
            let view = view(way.ask(Request::TenantShow { tenant })?)?;
            shown(&view, json, std::slice::from_ref(&view))
        }
        TenantVerb::Set { tenant, name } => {
            way.ask(Request::TenantChange { tenant: tenant.clone(), name })?;
            say(json, &Word::AccountChanged.with(&[&tenant]))
        }
        TenantVerb::Rm { tenant } => {
            way.ask(Request::TenantRemove { tenant: tenant.clone() })?;
            say(json, &Word::AccountRemoved.with(&[&tenant]))
        }
    }
}

fn view(reply: Reply) -> Result<TenantView, Failure> {
    match reply {
        Reply::Tenant(view) => Ok(*view),
        other => Err(unexpected(&other)),
    }
}

fn shown(value: &impl serde::Serialize, json: bool, views: &[TenantView]) -> Result<(), Failure> {
    if json {
        return print_json(value);
    }
    let row = |view: &TenantView| vec![view.id.clone(), view.name.clone(), view.domains.join(" ")];
    let heads = [Word::Number.say(), Word::Name.say(), Word::Domains.say()];
    print(&table(&heads, &views.iter().map(row).collect::<Vec<_>>()));
    Ok(())
}
