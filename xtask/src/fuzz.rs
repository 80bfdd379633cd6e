//! `cargo xtask fuzz SECS`: every fuzz target in turn.

use super::{Tally, step};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Where seeds for a fuzz target lie, below the folder `shared` beside the repository (or `COEUR_SHARED`).
const SEEDS: &[(&str, &[&str])] = &[
    ("message", &["torture/rfc4475", "corpora/sipgo"]),
    ("header", &["torture/rfc4475", "corpora/sipgo"]),
    ("uri", &["corpora/sipgo"]),
    ("stream", &["torture/rfc4475"]),
    ("digest", &["torture/rfc4475"]),
    ("sdp", &["corpora/janus/fuzzers/corpora/sdp_fuzzer"]),
];

/// Each target in turn. libFuzzer wants options that are for nightly compilers only; told to be one, the compiler in use
/// takes them too.
pub(crate) fn check(tally: &mut Tally, seconds: &str) {
    let mut targets: Vec<String> = names_in("fuzz/fuzz_targets");
    if targets.is_empty() {
        tally.failed += 1;
        println!("no fuzz/fuzz_targets here");
        return;
    }
    targets.sort();
    let runs =
        |args: &[&str]| Command::new("cargo").args(args).output().is_ok_and(|out| out.status.success());
    if !runs(&["fuzz", "--version"]) {
        step(tally, "cargo-fuzz", "cargo", &["install", "--locked", "--quiet", "cargo-fuzz"]);
    }
    for target in targets {
        let mut args = vec!["fuzz".to_owned(), "run".into(), target.clone()];
        let own = format!("fuzz/corpus/{target}");
        let _ = std::fs::create_dir_all(&own);
        args.push(own);
        args.extend(seeds(&target));
        args.extend(["--".into(), format!("-max_total_time={seconds}"), "-rss_limit_mb=2048".into()]);
        args.push("-print_final_stats=1".into());
        fuzz_one(tally, &target, &args);
    }
}

fn names_in(folder: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.path());
    names.filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned())).collect()
}

/// What once failed, and the corpora of others.
fn seeds(target: &str) -> Vec<String> {
    let shared = std::env::var_os("COEUR_SHARED").map_or("../shared".into(), std::path::PathBuf::from);
    let others = SEEDS.iter().filter(|(known, _)| *known == target).flat_map(|(_, folders)| *folders);
    let folders = others.map(|folder| shared.join(folder));
    let all = folders.chain([std::path::Path::new("fuzz/regressions").join(target)]);
    all.filter(|folder| folder.is_dir()).map(|folder| folder.display().to_string()).collect()
}

/// As [`step`], with the number of executions, which libFuzzer says at its end.
fn fuzz_one(tally: &mut Tally, target: &str, args: &[String]) {
    println!("== {target}: cargo {}", args.join(" "));
    let mut command = Command::new("cargo");
    command.args(args).env("RUSTC_BOOTSTRAP", "1").stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        tally.failed += 1;
        return;
    };
    let mut executions = String::from("0");
    for line in
        child.stderr.take().into_iter().flat_map(|out| BufReader::new(out).lines().map_while(Result::ok))
    {
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            executions = count.trim().to_owned();
        }
        // One line for each new input is more than anybody reads.
        if !line.starts_with('#') {
            eprintln!("{line}");
        }
    }
    let ok = child.wait().is_ok_and(|status| status.success());
    println!("== {target}: {} ({executions} executions)", if ok { "ok" } else { "FAILED" });
    tally.notes.push(format!("{target}: {executions} executions"));
    if ok { tally.passed += 1 } else { tally.failed += 1 }
}
