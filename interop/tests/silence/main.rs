//! "Why is it silent?": faults that are met, injected into calls of a real server on real sockets in a network of their own,
//! and whether the verdict in `coeur trace` names the cause within five seconds, and the record of the call has it. And calls that are well, in which nothing
//! may be said. `docs/silence.md` has the table, which `INTEROP_SILENCE=write` writes; `FAULT=cause` injects one.

mod bench;
mod faults;
mod scripts;
mod well;

use bench::{BENCHES, Bench, Fault, Lab};
use faults::FAULTS;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use well::WELL;

/// In which the cause must be told.
const WITHIN: Duration = Duration::from_secs(5);
/// Between two looks into the trace.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// For which a call that is well is watched.
const WATCHED: Duration = Duration::from_secs(7);

/// One laboratory at a time: two would share the processor.
static LAB: Mutex<()> = Mutex::new(());

#[test]
#[ignore = "needs root, ip and nft"]
fn of_the_faults_that_are_injected_nearly_all_are_named_within_five_seconds() {
    let _alone = LAB.lock().unwrap_or_else(PoisonError::into_inner);
    let lab = Lab::new();
    let only = std::env::var("FAULT").ok();
    let faults: Vec<&Fault> =
        FAULTS.iter().filter(|fault| only.as_ref().is_none_or(|only| fault.cause == only)).collect();
    let outcomes = on_all_benches(&lab, &faults, inject);
    let rows: Vec<String> = outcomes.iter().map(Outcome::row).collect();
    let wrong: Vec<&String> =
        outcomes.iter().zip(&rows).filter(|(o, _)| !o.is_right()).map(|(_, r)| r).collect();
    let right = rows.len() - wrong.len();
    println!("{}\n{right} of {} are right", rows.join("\n"), rows.len());
    // 23 of 25, and as large a share of more.
    assert!(right * 25 >= rows.len() * 23, "{right} of {} are right; wrong are\n{wrong:#?}", rows.len());
    is_recorded(&lab, &outcomes);
    if only.is_none() {
        is_documented(&outcomes, &rows);
    }
}

#[test]
#[ignore = "needs root, ip and nft"]
fn of_calls_that_are_well_nothing_is_said() {
    let _alone = LAB.lock().unwrap_or_else(PoisonError::into_inner);
    let lab = Lab::new();
    let calls: Vec<&Fault> = WELL.iter().collect();
    let said = on_all_benches(&lab, &calls, |bench, well| {
        let call = bench.begin(well);
        call.bob.answer_for(WATCHED, &call.answer);
        let verdict = bench.verdict(&call).map(|verdict| verdict.told);
        bench.end(call);
        println!("{}: {verdict:?}", well.name);
        verdict.map(|verdict| (well.name, verdict))
    });
    let alarms: Vec<_> = said.into_iter().flatten().collect();
    assert!(alarms.is_empty(), "false alarms: {alarms:?}");
    assert_eq!(lab.server.metric("coeur_calls_silent_total"), 0.0);
}

/// Each bench takes the next one when it is done; the results in the order of the calls.
fn on_all_benches<R: Send>(
    lab: &Lab,
    calls: &[&Fault],
    make: impl Fn(&Bench<'_>, &Fault) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..BENCHES {
            let (next, done, make) = (&next, &done, &make);
            scope.spawn(move || {
                let bench = lab.bench(number);
                while let Some((at, call)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    calls.get(at).map(|call| (at, call))
                } {
                    let result = make(&bench, call);
                    done.lock().expect("no bench fails while it holds it").push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no bench fails while it holds it");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// What became of one.
struct Outcome {
    name: &'static str,
    expected: String,
    /// The verdicts that came first, in their order.
    seen: Vec<String>,
    after: Duration,
    call_id: String,
    /// Of the last verdict.
    sentence: String,
}

impl Outcome {
    /// It was said within the time, and nothing else before.
    fn is_right(&self) -> bool {
        self.seen == [self.expected.as_str()]
    }

    /// What stands in its record instead.
    fn is_missed(&self, recorded: &BTreeMap<String, String>) -> Option<String> {
        let words = |text: &str| text.replace(|letter: char| letter.is_ascii_digit(), "");
        let found = recorded.get(&self.call_id).map_or("", |found| found);
        let told = format!("{}: {}", self.expected.split(": ").next().unwrap_or_default(), self.sentence);
        (self.is_right() && words(found) != words(&told))
            .then(|| format!("{}: {told:?}, but {found:?}", self.name))
    }

    fn row(&self) -> String {
        let seen = if self.seen.is_empty() { "nothing".to_owned() } else { self.seen.join(", then ") };
        let right = if self.is_right() { "right".to_owned() } else { format!("WRONG: {}", self.expected) };
        format!("| {} | {seen} | {right} | {:.1} |", self.name, self.after.as_secs_f32())
    }
}

fn inject(bench: &Bench<'_>, fault: &Fault) -> Outcome {
    let call = bench.begin(fault);
    let began = Instant::now();
    let expected = format!("{}: {}", fault.side, fault.cause);
    let (mut seen, mut after, mut sentence) = (Vec::new(), WITHIN, String::new());
    while began.elapsed() < WITHIN && seen.last() != Some(&expected) {
        call.bob.answer_for(LOOK_EVERY, &call.answer);
        let Some(now) = bench.verdict(&call).filter(|now| seen.last() != Some(&now.told)) else { continue };
        seen.push(now.told);
        (sentence, after) = (now.sentence, began.elapsed());
    }
    let call_id = call.id().to_owned();
    bench.end(call);
    Outcome { name: fault.name, expected, seen, after, call_id, sentence }
}

/// Whoever reads the record of such a call later finds the same sentence, with the counts of its end.
fn is_recorded(lab: &Lab, outcomes: &[Outcome]) {
    let until = Instant::now() + Duration::from_secs(5);
    let mut missing: Vec<String> = vec!["all".into()];
    while !missing.is_empty() && Instant::now() < until {
        let recorded = lab.recorded();
        missing = outcomes.iter().filter_map(|outcome| outcome.is_missed(&recorded)).collect();
    }
    assert!(missing.is_empty(), "not so recorded:\n{}", missing.join("\n"));
}

fn today() -> String {
    let out = Command::new("date").args(["-u", "-I"]).output().expect("date");
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// What is right is in the document; how long it took is not compared.
fn is_documented(outcomes: &[Outcome], rows: &[String]) {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/silence.md");
    if std::env::var("INTEROP_SILENCE").is_ok_and(|wanted| wanted == "write") {
        let right = outcomes.iter().filter(|outcome| outcome.is_right()).count();
        let page = format!(
            "{}{}\n\n{right} of {} are right, on {}.\n{}",
            include_str!("head.md"),
            rows.join("\n"),
            rows.len(),
            today(),
            include_str!("tail.md")
        );
        std::fs::write(&document, page).expect("the document");
    }
    let written = std::fs::read_to_string(&document).unwrap_or_default();
    let without_time = |row: &String| row.rsplitn(3, '|').nth(2).unwrap_or_default().to_owned();
    let missing: Vec<String> = outcomes
        .iter()
        .zip(rows)
        .filter(|(outcome, _)| outcome.is_right())
        .map(|(_, row)| without_time(row))
        .filter(|row| !written.contains(row))
        .collect();
    assert!(missing.is_empty(), "not as docs/silence.md says:\n{}", missing.join("\n"));
}
