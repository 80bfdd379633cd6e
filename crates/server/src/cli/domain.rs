//! `coeur domain ...`.

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::{Domain, DomainVerb};
use super::table::table;
use super::words::Word;
use coeur_api::{DomainView, Reply, Request};

pub fn run(arguments: Domain) -> Result<(), Failure> {
    let json = arguments.place.json;
    let way = match &arguments.verb {
        DomainVerb::Add { .. } => Way::open_or_make(&arguments.place)?,
        DomainVerb::List | DomainVerb::Rm { .. } => Way::open(&arguments.place)?,
    };
    match arguments.verb {
        DomainVerb::Add { domain, tenant } => {
            let domain =
                crate::config::settings::domain(&domain).map_err(|text| Failure::new(Exit::Usage, text))?;
            way.ask(Request::DomainAdd { domain: domain.clone(), tenant })?;
            say(json, &Word::DomainAdded.with(&[&domain]))
        }
        DomainVerb::List => match way.ask(Request::DomainsList)? {
            Reply::Domains(domains) if json => print_json(&domains),
            Reply::Domains(domains) => {
                let row =
                    |view: &DomainView| vec![view.domain.clone(), view.policy.clone(), view.tenant.clone()];
                let heads = [Word::Domain.say(), Word::Policy.say(), Word::Tenant.say()];
                let rows: Vec<Vec<String>> = domains.iter().map(row).collect();
                super::terminal::print(&table(&heads, &rows));
                Ok(())
            }
            other => Err(unexpected(&other)),
        },
        DomainVerb::Rm { domain } => {
            way.ask(Request::DomainRemove { domain: domain.clone() })?;
            say(json, &Word::DomainRemoved.with(&[&domain]))
        }
    }
}
