//! Rights and quota on the command line.

use super::exit::{Exit, Failure};
use super::grammar::Terms;
use super::words::Word;
use coeur_api::{DestinationView, RightView, RightsView, TermsChange, TermsView};

/// `no` is said no more.
pub fn change(given: Terms) -> Result<TermsChange, Failure> {
    Ok(TermsChange {
        relay: None,
        sessions_max: number("sessions-max", given.sessions_max)?,
        minutes_per_day: number("minutes-per-day", given.minutes_per_day)?,
        minutes_per_month: number("minutes-per-month", given.minutes_per_month)?,
        destinations: given.destinations.map(|list| (list != "no").then_some(list)),
    })
}

pub fn number(option: &str, given: Option<String>) -> Result<Option<Option<u32>>, Failure> {
    let Some(text) = given else { return Ok(None) };
    if text == "no" {
        return Ok(Some(None));
    }
    let wrong = || Failure::new(Exit::Usage, format!("--{option}: `{text}` is neither a number nor `no`"));
    text.parse().map(|number| Some(Some(number))).map_err(|_| wrong())
}

/// What one level says, in one line.
pub fn said(terms: &TermsView) -> String {
    let number = |word: Word, value: Option<u32>| value.map(|value| word.with(&[&value.to_string()]));
    let words = [
        terms.relay.map(|may| if may { Word::MayRelay } else { Word::MayNotRelay }.say().to_owned()),
        number(Word::CallsAtMost, terms.sessions_max),
        number(Word::MinutesADay, terms.minutes_per_day),
        number(Word::MinutesAMonth, terms.minutes_per_month),
        terms.destinations.as_ref().map(|list| Word::MayCall.with(&[list])),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Right, value and who has said it.
pub fn rows(view: &RightsView) -> Vec<Vec<String>> {
    let row = |right: &RightView| {
        let nothing = || if right.right == "relay" { Word::No.say() } else { Word::NoLimit.say() }.to_owned();
        let value = right.value.clone().unwrap_or_else(nothing);
        vec![right.right.clone(), value, source(&right.source, &right.source_name)]
    };
    view.rights.iter().map(row).collect()
}

/// One sentence.
pub fn sentence(account: &str, view: &DestinationView) -> String {
    let word = if view.allowed { Word::MayCallThis } else { Word::MayNotCallThis };
    let rule = view.rule.clone().unwrap_or_else(|| Word::NoRule.say().to_owned());
    word.with(&[account, &view.number, &view.class, &rule, &source(&view.source, &view.source_name)])
}

fn source(source: &Option<String>, name: &Option<String>) -> String {
    match (source.as_deref(), name) {
        (None, _) => Word::Nobody.say().to_owned(),
        (Some("account"), _) => Word::Account.say().to_owned(),
        (Some(id), Some(name)) => format!("{name} ({id})"),
        (Some(id), None) => id.to_owned(),
    }
}
