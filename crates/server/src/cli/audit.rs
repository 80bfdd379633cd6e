//! `coeur audit`.

use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::Audit;
use super::records::{since_ms, told_of_more};
use super::table::table;
use super::terminal::print;
use super::words::Word;
use coeur_api::{AuditPage, AuditView, Reply, Request};

pub fn run(arguments: Audit) -> Result<(), Failure> {
    let way = Way::open(&arguments.place)?;
    let since_ms = arguments.since.as_deref().map(since_ms).transpose()?;
    let AuditPage { rows, more } =
        match way.ask(Request::Audit { since_ms, before: None, limit: arguments.limit })? {
            Reply::Audit(page) => page,
            other => return Err(unexpected(&other)),
        };
    match arguments.place.json {
        true => print_json(&rows)?,
        false => print(&listed(&rows)),
    }
    told_of_more(more, rows.len())
}

fn listed(rows: &[AuditView]) -> String {
    let row = |row: &AuditView| {
        vec![
            row.sequence.to_string(),
            row.at.clone(),
            row.operator.clone(),
            row.action.clone(),
            row.subject.clone(),
            row.detail.clone(),
        ]
    };
    let heads = [Word::When, Word::Operator, Word::Action, Word::Subject, Word::Detail].map(Word::say);
    let heads = [&["#"][..], &heads].concat();
    table(&heads, &rows.iter().map(row).collect::<Vec<_>>())
}
