//! What once failed, and what others found: every file of `fuzz/regressions/<target>` goes through its target, and the
//! corpora of the folder `shared` beside the repository (or where `COEUR_SHARED` says) through all that can read them.
//!
//! Not read: the zip archives of pjsip, which would need a library of their own; fuzzing begins from what is in them.

use coeur_sim::fuzzing::desk::{Desk, STRANGER};
use coeur_sim::fuzzing::{TARGETS, header, message, sdp, stream, uri};
use std::path::{Path, PathBuf};

#[test]
fn what_once_failed_fails_no_more() {
    let regressions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions");
    let mut known = 0;
    for (name, target) in TARGETS {
        for (path, bytes) in files(&regressions.join(name)) {
            eprintln!("{}", path.display());
            target(&bytes);
            known += 1;
        }
    }
    assert_eq!(known, files(&regressions).len(), "a regression file belongs to no target");
}

#[test]
fn the_torture_messages_of_rfc_4475_harm_no_reader_and_no_exchange() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/sip/tests/torture/messages");
    assert_eq!(each(&folder, |bytes| everything(&[bytes.to_vec()])), 49);
}

#[test]
fn the_corpus_of_sipgo_harms_no_reader_and_no_exchange() {
    let Some(folder) = shared("corpora/sipgo") else { return };
    let seen = each(&folder, |bytes| everything(&go_corpus(bytes).unwrap_or(vec![bytes.to_vec()])));
    assert!(seen >= 58, "{seen} files");
}

#[test]
fn the_session_descriptions_of_janus_harm_no_reader() {
    let Some(folder) = shared("corpora/janus/fuzzers/corpora/sdp_fuzzer") else { return };
    let seen = each(&folder, sdp);
    assert!(seen >= 60, "{seen} files");
}

/// Every reader that may meet such bytes, and an exchange that lives on.
fn everything(inputs: &[Vec<u8>]) {
    let mut desk = Desk::new();
    for bytes in inputs {
        message(bytes);
        stream(&[b"ab", bytes.as_slice()].concat());
        for line in bytes.split(|byte| *byte == b'\n') {
            header(line);
            line.split(|byte| b" <>".contains(byte)).for_each(uri);
        }
        desk.receive(STRANGER, bytes);
    }
    desk.rest();
}

/// Calls `look` with every file below a folder; returns their number.
fn each(folder: &Path, look: impl Fn(&[u8])) -> usize {
    let files = files(folder);
    for (path, bytes) in &files {
        // Captured by the test harness, and shown when the next line panics.
        eprintln!("{}", path.display());
        look(bytes);
    }
    files.len()
}

/// All files below a folder, in order; none when it is not there.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.file_name().is_some_and(|name| name != "README.md") {
            let bytes = std::fs::read(&path).expect("a readable file");
            found.push((path, bytes));
        }
    }
    found
}

/// A folder of the shared data, or `None` with a line on standard error that says so.
fn shared(path: &str) -> Option<PathBuf> {
    let given = std::env::var_os("COEUR_SHARED").map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("shared"));
    let found = given.into_iter().chain(above).map(|shared| shared.join(path)).find(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: shared/{path} is absent (set COEUR_SHARED); nothing of it was tested");
    }
    found
}

/// The values of a corpus file of Go's fuzzer, one `[]byte("...")` or `string("...")` a line.
fn go_corpus(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let text = std::str::from_utf8(bytes).ok()?.strip_prefix("go test fuzz v1\n")?;
    let quoted = |line: &str| Some(unquoted(line.split_once('"')?.1.rsplit_once('"')?.0));
    Some(text.lines().filter_map(quoted).collect())
}

/// Go's escapes, as far as its fuzzer writes them.
fn unquoted(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let Some((kind, tail)) = rest.split_first() else { break };
        rest = tail;
        let digits = match kind {
            b'x' => 2,
            b'u' => 4,
            b'0'..=b'7' => 0,
            _ => {
                out.push(match kind {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'a' => 7,
                    b'b' => 8,
                    b'f' => 12,
                    b'v' => 11,
                    other => *other,
                });
                continue;
            }
        };
        let (number, tail) = rest.split_at(digits.min(rest.len()));
        let code = std::str::from_utf8(number).ok().and_then(|hex| u32::from_str_radix(hex, 16).ok());
        match (digits, code) {
            (2, Some(byte)) => out.push(byte as u8),
            (_, Some(code)) => {
                out.extend(char::from_u32(code).unwrap_or_default().to_string().bytes());
            }
            (_, None) => out.push(*kind),
        }
        rest = tail;
    }
    out
}
