//! `coeur tenant ...`.

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::{Tenant, TenantVerb};
use super::table::table;
use super::terminal::print;
use super::terms;
use super::words::Word;
use coeur_api::{Reply, Request, TenantAmendment, TenantView};

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
        TenantVerb::Set { tenant, name, terms, numbering } => {
            let change = TenantAmendment { name, terms: terms::change(terms)?, numbering };
            way.ask(Request::TenantChange { tenant: tenant.clone(), change })?;
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
    let row = |view: &TenantView| {
        let (domains, said) = (view.domains.join(" "), terms::said(&view.terms));
        vec![view.id.clone(), view.name.clone(), domains, said, view.numbering.clone()]
    };
    let heads = [Word::Number, Word::Name, Word::Domains, Word::Rights, Word::Numbering].map(Word::say);
    print(&table(&heads, &views.iter().map(row).collect::<Vec<_>>()));
    Ok(())
}
