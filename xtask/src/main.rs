//! `cargo xtask test`: every check in one command, each step named, counted and timed. What a fresh machine lacks is
//! installed from the distribution when that is possible (`apt-get`, as root), else it is named and its step skipped
//! with the reason. The last line counts tests: `N passed, N failed, N skipped`.

mod claims;
mod fuzz;
mod instructions;
mod interop;
mod package;

use std::io::{BufRead, BufReader, PipeReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const USAGE: &str = "cargo xtask COMMAND
  test         everything: fmt, clippy, docs, wall, claims, tests, corpus replay, interop, deny
  quick        fmt, clippy, wall, claims and tests; installs nothing
  claims       every row of docs/rfc-coverage.md and docs/attacks.md names a test that exists and runs
  wall         the pure crates depend on no runtime, socket or clock library
  interop      scenarios with sipp, baresip, linphonec and Chromium (installs them when it may), behind routers, and attacks
  instructions what the hot paths cost, counted by callgrind (installs valgrind when it may)
  package      a Debian package of a release build, in target/package
  package-check the package of the debug build, unpacked and looked at
  fuzz SECS    each fuzz target for SECS seconds (installs cargo-fuzz; needs no nightly toolchain)";

/// Crates that may know no socket, file, clock or runtime.
const PURE: &[&str] = &[
    "coeur-sip",
    "coeur-sdp",
    "coeur-media",
    "coeur-opus",
    "coeur-directory",
    "coeur-provisioning",
    "coeur-exchange",
];
/// What they must not depend on, directly or not.
const BEHIND_THE_WALL: &[&str] =
    &["tokio", "mio", "socket2", "hyper", "axum", "rusqlite", "rustls", "getrandom-backend"];
/// What they must not name in their sources, tests apart.
const NOT_NAMED: &[&str] = &[
    "std::net::UdpSocket",
    "std::net::TcpStream",
    "std::fs",
    "Instant::now",
    "SystemTime::now",
    "std::thread",
    "OsRng",
];

#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    notes: Vec<String>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut tally = Tally::default();
    match args.first().map(String::as_str) {
        Some("test") => {
            companions(&mut tally);
            quick(&mut tally);
            interop::check(&mut tally);
            instructions::check(&mut tally);
            package::check(&mut tally);
            deny(&mut tally);
        }
        Some("quick") => quick(&mut tally),
        Some("claims") => claims(&mut tally),
        Some("wall") => wall(&mut tally),
        Some("interop") => interop::check(&mut tally),
        Some("instructions") => instructions::check(&mut tally),
        Some("package") => {
            return if package::make() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Some("package-check") => package::check(&mut tally),
        Some("fuzz") => fuzz::check(&mut tally, args.get(1).map_or("60", String::as_str)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    for note in &tally.notes {
        println!("note: {note}");
    }
    println!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn quick(tally: &mut Tally) {
    step(tally, "format", "cargo", &["fmt", "--all", "--check"]);
    wall(tally);
    claims(tally);
    step(
        tally,
        "clippy",
        "cargo",
        &["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"],
    );
    step(tally, "docs", "cargo", &["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
    run_tests(tally, "tests", &["test", "--workspace", "--locked", "--no-fail-fast"]);
}

/// Runs one command as one check.
fn step(tally: &mut Tally, name: &str, program: &str, args: &[&str]) -> bool {
    println!("== {name}: {program} {}", args.join(" "));
    let started = Instant::now();
    let ok = Command::new(program)
        .args(args)
        .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links")
        .status()
        .is_ok_and(|status| status.success());
    println!("== {name}: {} ({:.0?})", if ok { "ok" } else { "FAILED" }, started.elapsed());
    if ok {
        tally.passed += 1
    } else {
        tally.failed += 1
    }
    ok
}

/// Runs a test command and adds up the counts of its `test result:` lines.
fn run_tests(tally: &mut Tally, name: &str, args: &[&str]) {
    let ran = Ran::of(name, args, true);
    tally.add(&ran);
    let failed: Vec<(&str, &[&str])> = ran
        .names
        .iter()
        .map(|name| (name.as_str(), &["test", "--workspace", "--tests", "--locked", "--"][..]))
        .collect();
    // One that has died has no name.
    if ran.failed == failed.len() as u64 {
        again(tally, &failed);
    }
}

/// Tests with real sockets, processes and phones keep time of their own on a machine that others share, so what failed may
/// say itself once more, alone. It counts as passed then, and the closing notes name it; more than [`AGAIN_MAX`] are no
/// accident.
fn again(tally: &mut Tally, failed: &[(&str, &[&str])]) {
    if failed.len() > AGAIN_MAX {
        return;
    }
    for (name, args) in failed {
        let ran = Ran::of("once more", &[*args, &["--exact", name]].concat(), true);
        if ran.passed > 0 && ran.failed == 0 {
            tally.passed += 1;
            tally.failed -= 1;
            tally.notes.push(format!("{name} failed, and passed when it ran once more, alone"));
        }
    }
}

/// Tests that may run once more, of one command.
const AGAIN_MAX: usize = 5;

/// What a test command has done.
#[derive(Default)]
struct Ran {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// The names of the tests that failed.
    names: Vec<String>,
    /// What they said of it, the first [`SAID_LINES_MAX`] lines of each.
    said: Vec<String>,
    /// Lines that still belong to what one of them says.
    lines_left: usize,
    /// A binary has begun its tests, and not said how they went.
    is_running: bool,
    /// What it has printed, if it was to be quiet.
    text: String,
}

impl Ran {
    fn of(name: &str, args: &[&str], is_loud: bool) -> Ran {
        let mut ran = Ran::default();
        println!("== {name}: cargo {}", args.join(" "));
        let started = Instant::now();
        let Ok((mut child, output)) = started_with_one_output(args) else {
            println!("== {name}: cargo could not be started");
            ran.failed = 1;
            return ran;
        };
        let lines = lines_of(output);
        loop {
            match lines.recv_timeout(SILENCE_MAX) {
                Ok(line) => {
                    ran.read(&line);
                    match is_loud {
                        true => println!("{line}"),
                        false => ran.text.extend([&line, "\n"]),
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    ran.said.push(format!("{name}: nothing was said for {SILENCE_MAX:?}, it was ended"));
                    end_all(&child);
                    break;
                }
            }
        }
        ran.end_binary();
        let ok = child.wait().is_ok_and(|status| status.success());
        if !ok && ran.failed == 0 {
            ran.failed = 1;
        }
        print!("{}", ran.text);
        println!("== {name}: {} ({:.0?})", if ok { "ok" } else { "FAILED" }, started.elapsed());
        ran
    }

    fn read(&mut self, line: &str) {
        if is_start(line) {
            self.end_binary();
            self.is_running = true;
        }
        if let Some((passed, failed, ignored)) = counts(line) {
            self.is_running = false;
            self.passed += passed;
            self.failed += failed;
            self.skipped += ignored;
        }
        self.names.extend(failed_name(line).map(str::to_owned));
        self.listen(line);
    }

    /// `---- a_name stdout ----` and what follows it.
    fn listen(&mut self, line: &str) {
        let line = line.trim_end();
        if line.starts_with("---- ") && line.ends_with(" stdout ----") {
            self.lines_left = SAID_LINES_MAX;
            self.said.push(line.trim_matches(['-', ' ']).trim_end_matches(" stdout").to_owned());
        } else if line == "failures:" || line.starts_with("stack backtrace") {
            self.lines_left = 0;
        } else if let Some(said) = self.said.last_mut().filter(|_| self.lines_left > 0 && !line.is_empty()) {
            self.lines_left -= 1;
            said.push_str("\n  ");
            said.push_str(line);
        }
    }

    /// What began and gave no result has died, and what it was to test was not.
    fn end_binary(&mut self) {
        self.failed += u64::from(std::mem::take(&mut self.is_running));
    }
}

impl Tally {
    fn add(&mut self, ran: &Ran) {
        self.passed += ran.passed;
        self.failed += ran.failed;
        self.skipped += ran.skipped;
        self.notes.extend(ran.said.iter().map(|said| format!("failed: {said}")));
    }
}

/// Of what a test says that failed, in the closing notes.
const SAID_LINES_MAX: usize = 12;

/// What waits for ever is ended, so that what failed is told within the time that a run has. A test says its name once it is
/// over, or takes more than a minute; none takes this long.
const SILENCE_MAX: Duration = Duration::from_secs(720);

/// cargo, with what it prints and what it complains of in one.
fn started_with_one_output(args: &[&str]) -> std::io::Result<(Child, PipeReader)> {
    let (output, input) = std::io::pipe()?;
    let child = Command::new("cargo").args(args).stderr(input.try_clone()?).stdout(input).spawn()?;
    Ok((child, output))
}

/// Ends with the output, or once nobody receives.
fn lines_of(output: PipeReader) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    lines
}

/// A command with all that it started.
fn end_all(child: &Child) {
    let mut family = vec![child.id()];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(children_of(parent));
        at += 1;
    }
    let family = family.iter().map(u32::to_string);
    let _ = Command::new("kill").arg("-KILL").args(family).status();
}

/// As proc(5) tells it: the fourth word of `stat`, behind a name in brackets that may hold anything.
fn children_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
        behind.split_whitespace().nth(1).and_then(|word| word.parse().ok()) == Some(parent)
    })
    .collect()
}

/// `running 12 tests`, the first line of a test binary.
fn is_start(line: &str) -> bool {
    let number = line.trim().strip_prefix("running ").and_then(|rest| rest.split(' ').next());
    number.is_some_and(|number| number.parse::<u64>().is_ok())
}

/// `test a_name ... FAILED` -> `a_name`
fn failed_name(line: &str) -> Option<&str> {
    line.trim().strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; ...` -> (3, 0, 1)
fn counts(line: &str) -> Option<(u64, u64, u64)> {
    let rest = line.trim().strip_prefix("test result: ")?;
    let number = |word: &str| -> Option<u64> {
        let end = rest.find(word)?;
        rest[..end].trim_end().rsplit([' ', '.', ';']).next()?.parse().ok()
    };
    Some((number("passed")?, number("failed")?, number("ignored")?))
}

fn wall(tally: &mut Tally) {
    println!("== wall");
    let mut holes = Vec::new();
    for pure in PURE {
        let out = Command::new("cargo")
            .args([
                "tree",
                "--package",
                pure,
                "--edges",
                "normal",
                "--prefix",
                "none",
                "--format",
                "{p}",
                "--locked",
            ])
            .output();
        let Ok(out) = out.map(|o| (o.status.success(), String::from_utf8_lossy(&o.stdout).into_owned()))
        else {
            holes.push(format!("{pure}: cargo tree could not be started"));
            continue;
        };
        if !out.0 || out.1.is_empty() {
            holes.push(format!("{pure}: cargo tree failed"));
        }
        for line in out.1.lines() {
            let dependency = line.split(' ').next().unwrap_or_default();
            if BEHIND_THE_WALL.contains(&dependency) {
                holes.push(format!("{pure} depends on {dependency}"));
            }
        }
        let folder = format!("crates/{}/src", pure.trim_start_matches("coeur-"));
        named(std::path::Path::new(&folder), &mut holes);
    }
    for hole in &holes {
        println!("hole in the wall: {hole}");
    }
    println!("== wall: {}", if holes.is_empty() { "ok" } else { "FAILED" });
    if holes.is_empty() { tally.passed += 1 } else { tally.failed += 1 }
}

/// Looks for forbidden names in the sources of a pure crate. Test modules at the end of a file may use them.
fn named(folder: &std::path::Path, holes: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        holes.push(format!("{} cannot be read", folder.display()));
        return;
    };
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            named(&path, holes);
            continue;
        }
        if path.extension().is_none_or(|e| e != "rs") || is_test(&path) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let source = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in source.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for name in NOT_NAMED {
                if code.contains(name) {
                    holes.push(format!("{}:{} names {name}", path.display(), number + 1));
                }
            }
        }
    }
}

/// True for `tests.rs` and for a module that is declared behind `#[cfg(test)]` in its folder.
fn is_test(path: &std::path::Path) -> bool {
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let declared = |name: &str| {
        let text = std::fs::read_to_string(path.with_file_name(name)).unwrap_or_default();
        text.lines().zip(text.lines().skip(1)).any(|(above, line)| {
            above.trim() == "#[cfg(test)]"
                && line.trim().trim_start_matches("pub ").starts_with(&format!("mod {stem};"))
        })
    };
    stem == "tests" || declared("mod.rs") || declared("lib.rs")
}

fn claims(tally: &mut Tally) {
    println!("== claims");
    let claims = claims::check(std::path::Path::new("."));
    for fault in &claims.faults {
        println!("claim without proof: {fault}");
    }
    let ok = claims.faults.is_empty();
    let outcome = if ok { "ok" } else { "FAILED" };
    println!("== claims: {outcome} ({} rows, {} tests named)", claims.rows, claims.tests);
    if ok { tally.passed += 1 } else { tally.failed += 1 }
}

/// What tests of `cargo test` talk with where it is there, and pass without a word where it is not: the shell's question
/// whether it is, and the package of the distribution that has it.
const COMPANIONS: &[(&str, &str)] = &[
    ("command -v turnutils_uclient", "coturn"),
    ("command -v openssl", "openssl"),
    ("python3 -c 'import aioice'", "python3-aioice"),
];

fn companions(tally: &mut Tally) {
    for (is_there, package) in COMPANIONS {
        if !(succeeds(is_there) || install(package) && succeeds(is_there)) {
            tally.skipped += 1;
            tally.notes.push(format!(
                "{package} is not installed and could not be: interoperation with it is not tested (Debian package {package})"
            ));
        }
    }
}

fn deny(tally: &mut Tally) {
    let have_deny =
        Command::new("cargo").args(["deny", "--version"]).output().is_ok_and(|o| o.status.success());
    if !have_deny && std::env::var_os("CI").is_some() {
        println!("== deny: installing cargo-deny");
        let _ = Command::new("cargo").args(["install", "--locked", "--quiet", "cargo-deny"]).status();
    } else if !have_deny {
        tally.skipped += 1;
        tally
            .notes
            .push("cargo-deny is not installed: licences are not checked (cargo install cargo-deny)".into());
        return;
    }
    step(tally, "deny", "cargo", &["deny", "--all-features", "check", "licenses", "bans", "sources"]);
}

fn have(program: &str) -> bool {
    succeeds(&format!("command -v {program}"))
}

/// Runs a line of the shell, whose words nobody reads.
fn succeeds(line: &str) -> bool {
    Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Installs a package of the distribution; true when that worked. Only as root, or without a password through sudo.
fn install(package: &str) -> bool {
    if !have("apt-get") {
        return false;
    }
    let sudo = if Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n")) {
        ""
    } else {
        "sudo -n "
    };
    println!("== installing {package}");
    let line = format!(
        "({sudo}apt-get install -y -qq --no-install-recommends {package} || ({sudo}apt-get update -qq && {sudo}apt-get install -y -qq --no-install-recommends {package})) >/dev/null 2>&1"
    );
    Command::new("sh")
        .args(["-c", &line])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .is_ok_and(|s| s.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_gives_its_three_counts() {
        let line =
            "test result: ok. 31 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s";
        assert_eq!(counts(line), Some((31, 2, 1)));
        assert_eq!(counts("running 3 tests"), None);
        assert_eq!(counts("test a_test ... FAILED"), None);
    }

    #[test]
    fn a_binary_that_gives_no_result_has_failed() {
        let mut ran = Ran::default();
        for line in ["running 2 tests", "test one ... ok", "running 1 test", "test three ... FAILED"] {
            ran.read(line);
        }
        ran.read("test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out");
        ran.end_binary();
        assert_eq!((ran.failed, ran.names), (2, vec!["three".to_owned()]));
    }

    #[test]
    fn what_a_failed_test_says_is_in_the_closing_notes() {
        let mut ran = Ran::default();
        let lines = [
            "failures:",
            "",
            "---- one::two stdout ----",
            "",
            "thread 'one::two' panicked at a.rs:3:",
            "left 1",
        ];
        for line in lines.into_iter().chain(["stack backtrace:", "  0: main", "failures:", "    one::two"]) {
            ran.read(line);
        }
        let mut tally = Tally::default();
        tally.add(&ran);
        assert_eq!(tally.notes, ["failed: one::two\n  thread 'one::two' panicked at a.rs:3:\n  left 1"]);
    }

    #[test]
    fn what_a_command_started_is_ended_with_it() {
        let (output, input) = std::io::pipe().expect("a pipe");
        let child = Command::new("sh").args(["-c", "sleep 600 | sleep 600"]).stdout(input).spawn();
        let mut child = child.expect("a shell");
        let lines = lines_of(output);
        while children_of(child.id()).len() < 2 {
            std::thread::yield_now();
        }
        assert_eq!(lines.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        end_all(&child);
        assert!(!child.wait().expect("it has ended").success());
        // Nobody has the pipe any more.
        assert_eq!(lines.recv(), Err(std::sync::mpsc::RecvError));
    }

    #[test]
    fn a_test_that_failed_is_named() {
        assert_eq!(failed_name("test calls::a_call_is_heard ... FAILED"), Some("calls::a_call_is_heard"));
        assert_eq!(failed_name("test a_call_is_heard ... ok"), None);
        assert_eq!(failed_name("test result: FAILED. 4 passed; 1 failed; 0 ignored"), None);
    }
}
