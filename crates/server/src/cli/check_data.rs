//! `coeur check-data`: everything that is damaged in a data directory, and nothing changed.

use super::door::data_directory;
use super::exit::{Exit, Failure};
use super::grammar::CheckData;
use super::terminal::{green, print, red};
use super::words::Word;
use crate::house::check::{Checked, Journal, check};
use serde_json::{Value, json};

pub fn run(arguments: CheckData) -> Result<(), Failure> {
    let folder = data_directory(&arguments.place)?;
    super::door::fits(&folder)?;
    let checked = check(&folder).map_err(|why| Failure::new(Exit::Unreachable, why.to_string()))?;
    let problems = checked.problems();
    match arguments.place.json {
        true => print(&format!("{:#}\n", value(&checked, &problems))),
        false => print(&text(&checked, &problems)),
    }
    match problems.len() {
        0 => Ok(()),
        _ => Err(Failure::said(Exit::Failed)),
    }
}

fn text(checked: &Checked, problems: &[String]) -> String {
    let records = &checked.records;
    let number = |number: u64| number.to_string();
    let mut lines = vec![
        Word::CheckedRecords.with(&[
            &number(records.domains),
            &number(records.accounts),
            &number(records.devices),
        ]),
        Word::CheckedAudit.with(&[&number(records.audit.rows), &hex(&records.audit.end)]),
        match &checked.journal {
            Journal::Read(restored) => Word::CheckedJournal.with(&[
                &restored.report.segments.to_string(),
                &number(restored.report.entries),
                &restored.bindings.bindings.to_string(),
                &restored.calls.to_string(),
            ]),
            Journal::InUse(pid) => {
                Word::JournalInUse.with(&[&pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string())])
            }
            Journal::None => Word::JournalNone.say().to_owned(),
        },
    ];
    lines.extend(checked.notes());
    lines.extend(problems.iter().map(|problem| red(problem)));
    lines.push(match problems.len() {
        0 => green(Word::CheckedWhole.say()),
        count => red(&Word::CheckedDamaged.with(&[&count.to_string()])),
    });
    lines.join("\n") + "\n"
}

fn value(checked: &Checked, problems: &[String]) -> Value {
    let records = &checked.records;
    let journal = match &checked.journal {
        Journal::Read(restored) => json!({
            "segments": restored.report.segments,
            "entries": restored.report.entries,
            "registrations": restored.bindings.bindings,
            "calls": restored.calls,
            "torn_bytes": restored.torn_bytes(),
            "damaged_bytes": restored.damaged_bytes(),
        }),
        Journal::InUse(pid) => json!({ "in_use_by": pid }),
        Journal::None => Value::Null,
    };
    json!({
        "records": {
            "schema": records.schema,
            "domains": records.domains,
            "accounts": records.accounts,
            "devices": records.devices,
        },
        "audit": {
            "rows": records.audit.rows,
            "end": hex(&records.audit.end),
            "broken_at": records.audit.broken_at,
        },
        "journal": journal,
        "notes": checked.notes(),
        "problems": problems,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
