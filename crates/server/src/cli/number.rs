//! `coeur number ...`.

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::{Number, NumberVerb, OfNumber, WhichNumbers};
use super::table::table;
use super::terminal::print;
use super::words::Word;
use clap::ValueEnum;
use coeur_api::{
    NewNumbers, NumberAmendment, NumbersAdded, NumbersReply, NumbersRequest, Reply, Request, TenantNumberView,
};

const PAGE: usize = 1_000;

pub fn run(arguments: Number) -> Result<(), Failure> {
    let json = arguments.place.json;
    let way = Way::open(&arguments.place)?;
    match arguments.verb {
        NumberVerb::List { state, tenant, find } => {
            let found = all(&way, state, &tenant, &find)?;
            if json {
                return print_json(&found);
            }
            print(&rows(&found));
            Ok(())
        }
        NumberVerb::Add { first, last, tenant, said } => {
            let OfNumber { emergency_address, note } = said;
            let [emergency_address, note] = [emergency_address, note].map(Option::unwrap_or_default);
            let new = NewNumbers { tenant, first, last, emergency_address, note };
            let NumbersReply::Added(added) = ask(&way, NumbersRequest::Add(new))? else {
                return Err(mistaken());
            };
            if json {
                return print_json(&added);
            }
            let NumbersAdded { made, known } = added;
            say(json, &Word::NumbersAdded.with(&[&made.len().to_string(), &known.len().to_string()]))
        }
        NumberVerb::Show { number } => {
            let NumbersReply::Number(view) = ask(&way, NumbersRequest::Show { number })? else {
                return Err(mistaken());
            };
            if json {
                return print_json(&view);
            }
            print(&rows(std::slice::from_ref(&*view)));
            Ok(())
        }
        NumberVerb::Set { number, said: OfNumber { emergency_address, note } } => {
            let change = NumberAmendment { emergency_address, note, ..NumberAmendment::default() };
            changed(&way, &number, change)?;
            say(json, &Word::AccountChanged.with(&[&number]))
        }
        NumberVerb::Assign { number, account, from } => {
            let account = Some(Some(account));
            let told = account.clone().flatten().unwrap_or_default();
            changed(&way, &number, NumberAmendment { account, from, ..NumberAmendment::default() })?;
            say(json, &Word::NumberAssigned.with(&[&number, &told]))
        }
        NumberVerb::Release { number } => {
            changed(&way, &number, NumberAmendment { account: Some(None), ..NumberAmendment::default() })?;
            say(json, &Word::NumberReleased.with(&[&number]))
        }
        NumberVerb::Rm { number } => {
            done(way.ask(Request::Numbers(NumbersRequest::Remove { number: number.clone() }))?)?;
            say(json, &Word::AccountRemoved.with(&[&number]))
        }
    }
}

fn changed(way: &Way, number: &str, change: NumberAmendment) -> Result<(), Failure> {
    let request = NumbersRequest::Change { number: number.to_owned(), change };
    done(way.ask(Request::Numbers(request))?)
}

fn ask(way: &Way, request: NumbersRequest) -> Result<NumbersReply, Failure> {
    match way.ask(Request::Numbers(request))? {
        Reply::Numbers(reply) => Ok(reply),
        other => Err(unexpected(&other)),
    }
}

fn done(reply: Reply) -> Result<(), Failure> {
    match reply {
        Reply::Done => Ok(()),
        other => Err(unexpected(&other)),
    }
}

fn mistaken() -> Failure {
    Failure::failed("the server gave an answer of another kind")
}

fn all(
    way: &Way,
    state: WhichNumbers,
    tenant: &Option<String>,
    q: &Option<String>,
) -> Result<Vec<TenantNumberView>, Failure> {
    let state = state.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let (tenant, q) = (tenant.clone(), q.clone());
        let request = NumbersRequest::List { tenant, state: state.clone(), q, after, limit: PAGE };
        let NumbersReply::Page(page) = ask(way, request)? else { return Err(mistaken()) };
        all.extend(page.numbers);
        let Some(next) = page.next else { return Ok(all) };
        after = Some(next);
    }
}

fn rows(views: &[TenantNumberView]) -> String {
    let text = |of: &Option<String>| of.clone().unwrap_or_default();
    let line = |of: &str| of.replace('\n', " ");
    let row = |view: &TenantNumberView| {
        let address = line(&view.emergency_address);
        vec![text(&view.id), view.number.clone(), text(&view.account), line(&view.note), address]
    };
    let heads = [Word::Id, Word::Number, Word::Account, Word::Note, Word::EmergencyAddress].map(Word::say);
    table(&heads, &views.iter().map(row).collect::<Vec<_>>())
}
