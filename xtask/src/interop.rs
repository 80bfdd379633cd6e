//! `cargo xtask interop`: the scenarios with real phones and browsers, and what each of them needs.

use super::{Ran, Tally, again, have, install, step};
use std::process::Command;

/// The test binaries of `interop`, and the programs that each drives.
const SCENARIOS: &[(&str, &[&str])] = &[
    ("sipp", &["sipp"]),
    ("races", &["sipp"]),
    ("flows", &["sipp"]),
    ("baresip", &["baresip"]),
    ("linphone", &["linphonec", "baresip"]),
    ("attacks", &[]),
    ("mutations", &[]),
    ("enumeration", &[]),
    ("restart", &[]),
    ("nat", &["nft", "conntrack", NAMESPACES]),
    ("heard", &["baresip", "nft", "conntrack", NAMESPACES]),
    ("laboratory", &["baresip", "chromium", "node", "npm", WEB_PHONES, "nft", "conntrack", NAMESPACES]),
    ("transfer", &["linphonec", "baresip"]),
    ("survive", &["baresip", "chromium", "node", "npm", WEB_PHONES]),
    ("sounds", &["linphonec", "baresip", "chromium", "node", "npm", WEB_PHONES]),
    ("recording", &["baresip"]),
    ("keys", &["baresip"]),
    ("direct", &["baresip", "nft", "conntrack", NAMESPACES]),
    ("direct_web", &["chromium", "node", "npm", WEB_PHONES, "nft", "conntrack", NAMESPACES]),
    ("provision", &["linphonec", "baresip", "openssl"]),
    ("converting", &["baresip", "chromium", "node", "npm", WEB_PHONES]),
    ("moving", &["baresip", "chromium", "node", "npm", WEB_PHONES, "nft", "conntrack", NAMESPACES]),
    ("media_attacks", &["baresip", "chromium", "node", "npm", WEB_PHONES]),
    ("silence", &["nft", NAMESPACES]),
    ("browser", &["chromium", "node", "npm", WEB_PHONES]),
    ("console", &["chromium", "node", "npm", WEB_PHONES, "zbarimg", "baresip"]),
    ("docs", &["chromium", "node", "npm", WEB_PHONES]),
    ("signin", &["chromium", "node", "npm", WEB_PHONES]),
    ("oidc", &["chromium", "node", "npm", WEB_PHONES]),
    ("document", &[SCHEMATHESIS]),
    ("control", &["baresip", "sipp"]),
    ("replay", &[NAMESPACES]),
    ("acme", &["pebble", "openssl"]),
];
/// No program: the right to make network namespaces, which root has where the kernel allows it.
const NAMESPACES: &str = "network namespaces";
/// The packages of `interop/browser`.
const WEB_PHONES: &str = "web phones";
/// A package of Python, in a place of its own below `target`.
const SCHEMATHESIS: &str = "schemathesis";
/// The requests that it makes of one seed are those of its version.
const SCHEMATHESIS_VERSION: &str = "schemathesis==4.32.5";
const SCHEMATHESIS_PLACE: &str = "target/schemathesis/venv";
/// Those programs, and the packages of the distribution that have them.
const PEERS: &[(&str, &str)] = &[
    ("sipp", "sip-tester"),
    ("baresip", "baresip"),
    ("linphonec", "linphone-cli"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("ip", "iproute2"),
    ("chromium", "chromium"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("opusenc", "opus-tools"),
    ("zbarimg", "zbar-tools"),
    ("pebble", "pebble"),
    ("openssl", "openssl"),
];

pub(crate) fn check(tally: &mut Tally) {
    let mut missing: Vec<&str> = PEERS
        .iter()
        .filter(|(program, package)| !have(program) && !install(package))
        .map(|(program, package)| {
            tally.notes.push(format!(
                "{program} is not installed and could not be: its scenarios are skipped (Debian package {package})"
            ));
            *program
        })
        .collect();
    if !Command::new("unshare").args(["--net", "true"]).status().is_ok_and(|status| status.success()) {
        tally.notes.push(format!("no right to make {NAMESPACES}: the scenarios behind routers are skipped"));
        missing.push(NAMESPACES);
    }
    let npm = ["--prefix", "interop/browser", "ci", "--ignore-scripts", "--silent"];
    if !Command::new("npm").args(npm).status().is_ok_and(|status| status.success()) {
        tally.notes.push(
            "the packages of the web phones could not be installed: their scenarios are skipped".into(),
        );
        missing.push(WEB_PHONES);
    }
    if !have_schemathesis() {
        tally
            .notes
            .push("schemathesis could not be installed: the API is not asked by its own document".into());
        missing.push(SCHEMATHESIS);
    }
    // The scenarios take the binary that lies there, which may be older than the sources.
    if !step(tally, "server", "cargo", &["build", "--package", "coeur", "--locked", "--quiet"]) {
        return;
    }
    let test = ["test", "--package", "coeur-interop", "--locked"];
    if !step(tally, "scenarios", "cargo", &[&test[..], &["--tests", "--no-run", "--quiet"]].concat()) {
        return;
    }
    let (mut patient, mut busy) = (Vec::new(), Vec::new());
    for (scenario, programs) in SCENARIOS {
        if programs.iter().any(|program| missing.contains(program)) {
            tally.skipped += 1;
        } else {
            let of_it = if PATIENT.contains(scenario) { &mut patient } else { &mut busy };
            of_it.extend(["--test", *scenario]);
        }
    }
    // Each binary attacks or measures alone among the busy ones, but two of its phones may talk at once.
    let args = |scenarios: &[&'static str]| {
        [&test[..], &["--no-fail-fast"], scenarios, &["--", "--ignored", "--test-threads=2"]].concat()
    };
    // Without a scenario cargo would run all of them.
    let some = |scenarios: Vec<&'static str>| (!scenarios.is_empty()).then(|| args(&scenarios));
    let (patient, busy) = (some(patient), some(busy));
    let run = |name, args: &Option<Vec<&str>>, is_loud| match args {
        Some(args) => Ran::of(name, args, is_loud),
        None => Ran::default(),
    };
    let (ran, beside) = std::thread::scope(|scope| {
        let beside = scope.spawn(|| run("interop, the patient ones beside it", &patient, false));
        (run("interop", &busy, true), beside.join())
    });
    let before = tally.failed;
    tally.add(&ran);
    let (patient, busy) = (patient.unwrap_or_default(), busy.unwrap_or_default());
    let mut failed: Vec<(&str, &[&str])> = ran.names.iter().map(|name| (name.as_str(), &busy[..])).collect();
    match &beside {
        Ok(beside) => {
            tally.add(beside);
            failed.extend(beside.names.iter().map(|name| (name.as_str(), &patient[..])));
        }
        Err(_) => tally.failed += 1,
    }
    // One that has died has no name.
    if tally.failed == before + failed.len() as u64 {
        again(tally, &failed);
    }
}

/// Installed, if it is not there yet.
fn have_schemathesis() -> bool {
    let run = |program: &str, args: &[&str]| {
        Command::new(program).args(args).status().is_ok_and(|status| status.success())
    };
    if std::path::Path::new(SCHEMATHESIS_PLACE).join("bin/schemathesis").exists() {
        return true;
    }
    let pip = format!("{SCHEMATHESIS_PLACE}/bin/pip");
    run("python3", &["-m", "venv", SCHEMATHESIS_PLACE])
        && run(&pip, &["install", "--quiet", SCHEMATHESIS_VERSION])
}

/// Scenarios that mostly wait for what a phone does in its own time: they run beside the others. Not `survive`, whose calls
/// need the very ports that they had before a crash.
const PATIENT: &[&str] = &["acme", "direct_web", "heard", "laboratory", "moving", "restart", "transfer"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_of_interop_is_run() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop/tests");
        let files = std::fs::read_dir(folder).expect("interop has tests").flatten().map(|entry| entry.path());
        // A test is a file, or a folder with a `main.rs`; other folders are parts of a file beside them.
        let mut there: Vec<String> = files
            .filter(|path| {
                path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").is_file()
            })
            .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
            .collect();
        there.sort();
        let mut run: Vec<&str> = SCENARIOS.iter().map(|(name, _)| *name).collect();
        run.sort_unstable();
        assert_eq!(there, run);
    }
}
