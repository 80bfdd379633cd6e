//! `cargo xtask instructions`: how many instructions the hot paths take, counted by callgrind, against the ceilings in
//! `bench/instructions.txt`. The counts do not vary with the load of the machine; they vary by some per cent between
//! processor generations, because libraries choose their vector code at run time, so a ceiling is five per cent above.

use crate::{Tally, have, install};
use std::process::Command;

const CEILINGS: &str = "bench/instructions.txt";
/// Operations counted for each path.
const COUNT: u64 = 500;

pub fn check(tally: &mut Tally) {
    println!("== instructions");
    if !have("valgrind") && !install("valgrind") {
        tally.skipped += 1;
        tally.notes.push("valgrind is not installed and could not be: instructions are not counted".into());
        return;
    }
    let built = Command::new("cargo")
        .args(["build", "--release", "--locked", "--quiet", "--package", "coeur-bench"])
        .status()
        .is_ok_and(|status| status.success());
    let ceilings = std::fs::read_to_string(CEILINGS).unwrap_or_default();
    let ceilings: Vec<(&str, u64)> = ceilings.lines().filter_map(ceiling).collect();
    if !built || ceilings.is_empty() {
        println!("== instructions: FAILED (no binary or no ceilings in {CEILINGS})");
        tally.failed += 1;
        return;
    }
    for (path, most) in ceilings {
        match count(path) {
            Ok(counted) if counted <= most => {
                println!("{path}: {counted} instructions for an operation, at most {most}");
                tally.passed += 1;
                if counted < most * 85 / 100 {
                    tally
                        .notes
                        .push(format!("{path} takes {counted} instructions: lower its ceiling of {most}"));
                }
            }
            Ok(counted) => {
                println!("{path}: {counted} instructions for an operation, more than {most}: FAILED");
                tally.failed += 1;
            }
            Err(why) => {
                println!("{path}: {why}: FAILED");
                tally.failed += 1;
            }
        }
    }
}

/// `path instructions`, with `#` for remarks.
fn ceiling(line: &str) -> Option<(&str, u64)> {
    let (path, most) = line.split('#').next()?.trim().split_once(' ')?;
    Some((path, most.trim().parse().ok()?))
}

fn count(path: &str) -> Result<u64, String> {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*hot*serve*"])
        .arg(format!("--callgrind-out-file={target}/callgrind.{path}.out"))
        .arg(format!("{target}/release/coeur-bench"))
        .args(["hot", path, &COUNT.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() {
        return Err(said.lines().last().unwrap_or("valgrind failed").to_owned());
    }
    match collected(&said) {
        Some(total) if total >= COUNT => Ok(total / COUNT),
        _ => Err("nothing was counted".into()),
    }
}

/// `==123== Collected : 4567` -> 4567
fn collected(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_path_and_ceiling_and_remarks_give_nothing() {
        assert_eq!(ceiling("register 70000 # 401, then 200"), Some(("register", 70_000)));
        assert_eq!(ceiling("# register 1"), None);
        assert_eq!(ceiling(""), None);
    }

    #[test]
    fn the_total_is_found_in_what_callgrind_says() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 36636500\n"), Some(36_636_500));
        assert_eq!(collected("==1== I   refs:      0"), None);
    }
}
