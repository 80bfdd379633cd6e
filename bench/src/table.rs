//! `coeur-bench table FILE...`: medians [min-max] of each workload, ours beside the peer's, with the ratio.

use std::collections::BTreeMap;

/// The few fields of a run that the table shows; a flat JSON line is all this reads.
#[derive(Default)]
struct Runs {
    cpu_us: Vec<f64>,
    rate: Vec<f64>,
    kept_bytes: Vec<f64>,
    p99_us: Vec<f64>,
    failed: f64,
    errors: Vec<String>,
}

fn number(line: &str, key: &str) -> Option<f64> {
    let at = line.find(&format!("\"{key}\":"))? + key.len() + 3;
    let rest = &line[at..];
    rest[..rest.find([',', '}']).unwrap_or(rest.len())].parse().ok()
}

fn text<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let at = line.find(&format!("\"{key}\":\""))? + key.len() + 4;
    let rest = &line[at..];
    Some(&rest[..rest.find('"')?])
}

fn median(values: &[f64]) -> f64 {
    let mut v = values.to_vec();
    v.sort_by(f64::total_cmp);
    v[v.len() / 2]
}

fn shown(values: &[f64], places: usize) -> String {
    if values.is_empty() {
        return "-".into();
    }
    let (min, max) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    format!("{:.places$} [{min:.places$}-{max:.places$}]", median(values))
}

pub fn main(files: &[String]) {
    let mut rows: BTreeMap<String, BTreeMap<String, Runs>> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for file in files {
        let lines = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}"));
        for line in lines.lines() {
            let Some((label, work)) = text(line, "name").and_then(|n| n.split_once('/')) else { continue };
            if !order.iter().any(|w| w == work) {
                order.push(work.into());
            }
            let runs = rows.entry(work.into()).or_default().entry(label.into()).or_default();
            if let Some(error) = text(line, "error") {
                runs.errors.push(error.into());
                continue;
            }
            let mut take = |key, into: fn(&mut Runs) -> &mut Vec<f64>| {
                if let Some(v) = number(line, key) {
                    into(runs).push(v);
                }
            };
            take("cpu_us", |r| &mut r.cpu_us);
            take("rate", |r| &mut r.rate);
            take("pss_b_per", |r| &mut r.kept_bytes);
            take("p99_us", |r| &mut r.p99_us);
            runs.failed += number(line, "fail").unwrap_or(0.0);
        }
    }
    println!("| workload | server | CPU us/op | ratio | ops/s | p99 us | bytes/op kept | failed |");
    println!("|---|---|---|---|---|---|---|---|");
    for work in &order {
        let by_label = &rows[work];
        let peer = by_label.get("kamailio").filter(|r| !r.cpu_us.is_empty()).map(|r| median(&r.cpu_us));
        for (label, r) in by_label {
            let ratio = match (peer, r.cpu_us.is_empty(), label.as_str()) {
                (Some(p), false, l) if l != "kamailio" => format!("**{:.2}**", median(&r.cpu_us) / p),
                _ => String::new(),
            };
            let note = r
                .errors
                .first()
                .map(|e| format!(" ({} runs failed: {e})", r.errors.len()))
                .unwrap_or_default();
            println!(
                "| {work} | {label} | {} | {ratio} | {} | {} | {} | {}{note} |",
                shown(&r.cpu_us, 1),
                shown(&r.rate, 0),
                shown(&r.p99_us, 0),
                shown(&r.kept_bytes, 0),
                r.failed
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_run_are_read_from_its_line() {
        let line = r#"{"name":"coeur/options","n":10,"fail":0,"cpu_us":3.25,"codes":"{200: 10}"}"#;
        assert_eq!(text(line, "name"), Some("coeur/options"));
        assert_eq!(number(line, "cpu_us"), Some(3.25));
        assert_eq!(number(line, "missing"), None);
    }

    #[test]
    fn the_median_is_the_middle_value_whatever_the_order() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
    }
}
