//! `coeur quality`.

use super::causes;
use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::{Quality, QualityBy};
use super::records::since_ms;
use super::table::table;
use super::terminal::{bold, print};
use super::words::{Language, Word};
use coeur_api::{CallQualityRequest, CallQualityView, QualityGroupView, Reply, Request};
use coeur_exchange::silence::Cause;
use coeur_storage::LOW_SCORE;

pub fn run(arguments: Quality) -> Result<(), Failure> {
    let way = Way::open(&arguments.place)?;
    let request = CallQualityRequest {
        since_ms: arguments.since.as_deref().map(since_ms).transpose()?,
        until_ms: arguments.until.as_deref().map(since_ms).transpose()?,
        by: arguments.by.name().to_owned(),
    };
    let found = match way.ask(Request::CallQuality(request))? {
        Reply::CallQuality(found) => found,
        other => return Err(unexpected(&other)),
    };
    if arguments.place.json {
        return print_json(&found);
    }
    print(&shown(&found, arguments.by));
    if found.more {
        eprintln!("coeur: {}", Word::NotAllCounted.say());
    }
    Ok(())
}

fn shown(found: &CallQualityView, by: QualityBy) -> String {
    let head = match by {
        QualityBy::Hour => Word::When,
        QualityBy::Codec => Word::Codecs,
        QualityBy::Transport => Word::Over,
        QualityBy::Program => Word::UserAgent,
        QualityBy::Account => Word::Account,
        QualityBy::Cause => Word::Verdict,
        QualityBy::Network => Word::LossAndJitter,
    };
    let heads = [
        head.say(),
        Word::Count.say(),
        Word::ScoreMedian.say(),
        Word::ScoreLow.say(),
        Word::BadOnes.say(),
        "%",
    ];
    let rows: Vec<_> = found.groups.iter().map(|group| row(name(group, by), group)).collect();
    let total = row(bold(Word::AllCalls.say()), &found.total);
    let groups = if rows.is_empty() { String::new() } else { table(&heads, &rows) };
    format!(
        "{}: {}\n{groups}",
        total[0],
        Word::QualitySum.with(&[&total[1], &total[2], &total[3], &total[4]])
    )
}

fn row(name: String, group: &QualityGroupView) -> Vec<String> {
    let score = |score: Option<f64>| score.map_or("-".to_owned(), |score| format!("{score:.2}"));
    vec![
        name,
        group.count.to_string(),
        score(group.mos_median),
        score(group.mos_p5),
        group.bad.to_string(),
        format!("{:.1}", group.bad_pct),
    ]
}

fn name(group: &QualityGroupView, by: QualityBy) -> String {
    match (by, group.name.as_deref()) {
        (QualityBy::Network, _) => {
            format!("{} % {} ms", group.loss_pct.unwrap_or_default(), group.jitter_ms.unwrap_or_default())
        }
        (QualityBy::Cause, Some(LOW_SCORE)) => Word::ScoreBelow.say().to_owned(),
        (QualityBy::Cause, Some(name)) => {
            let cause = Cause::of_name(name);
            let said = cause.map(|cause| causes::sentence(cause, &["…"; 3], Language::of_environment()));
            said.unwrap_or_else(|| name.to_owned())
        }
        (_, Some(name)) => name.to_owned(),
        (_, None) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_a_line_with_its_scores_and_what_was_not_measured_is_no_number() {
        let group = |name: Option<&str>, median| QualityGroupView {
            name: name.map(Into::into),
            count: 4,
            mos_median: median,
            bad: 1,
            bad_pct: 25.0,
            ..QualityGroupView::default()
        };
        let found = CallQualityView {
            groups: vec![group(Some("PCMA/8000"), Some(4.3)), group(None, None)],
            ..CallQualityView::default()
        };
        let text = shown(&found, QualityBy::Codec);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[2], ["PCMA/8000", "4", "4.30", "-", "1", "25.0"]);
        assert_eq!(lines[3], ["-", "4", "-", "-", "1", "25.0"]);
        let cell = QualityGroupView { loss_pct: Some(1.5), jitter_ms: Some(8), ..group(None, None) };
        assert_eq!(name(&cell, QualityBy::Network), "1.5 % 8 ms");
        assert!(name(&group(Some("loss"), None), QualityBy::Cause).starts_with("… %"));
    }
}
