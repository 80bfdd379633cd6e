//! `cargo xtask claims`: whatever a document claims, a test shows.
//!
//! [`DOCUMENTS`] hold tables with a column `state` and a column `tests`. The tests of a row are code spans of the form
//! `FILE.rs: NAME`. A row whose state claims something names at least one; each must be a function with `#[test]` in a
//! file that exists, and one that runs: `#[ignore]` is taken only below `interop/`, whose tests `cargo xtask interop`
//! runs. Every other code span there, and in [`PAGES`], that looks like a file of this repository must be one.
//!
//! What it deliberately does not do: judge whether the test shows what the row says. That is for its reader.

use std::collections::BTreeMap;
use std::path::Path;

const DOCUMENTS: &[Document] = &[
    Document { path: "docs/rfc-coverage.md", shown: &["done", "partly"], unshown: &["untested", "not"] },
    Document { path: "docs/attacks.md", shown: &["stopped", "partly"], unshown: &["open", "not yet"] },
];

/// Pages that name files and claim nothing.
const PAGES: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/life-of-a-call.md"];

/// Where ignored tests are run all the same.
const RUN_THOUGH_IGNORED: &str = "interop/";

struct Document {
    path: &'static str,
    /// States that a test must show.
    shown: &'static [&'static str],
    /// States that claim nothing.
    unshown: &'static [&'static str],
}

/// What was looked at, and what is wrong with it: one line each, with its place.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) rows: usize,
    pub(crate) tests: usize,
    pub(crate) faults: Vec<String>,
}

/// Reads the documents of the repository at `root`.
pub(crate) fn check(root: &Path) -> Claims {
    let mut claims = Claims::default();
    let mut sources = Sources { root, text_by_path: BTreeMap::new() };
    for document in DOCUMENTS {
        match std::fs::read_to_string(root.join(document.path)) {
            Ok(text) => check_document(document, &text, &mut sources, &mut claims),
            Err(error) => claims.faults.push(format!("{}: {error}", document.path)),
        }
    }
    for page in PAGES {
        match std::fs::read_to_string(root.join(page)) {
            Ok(text) => {
                let lines = text.lines().enumerate();
                lines.for_each(|(at, line)| {
                    check_files(line, &format!("{page}:{}", at + 1), &mut sources, &mut claims)
                });
            }
            Err(error) => claims.faults.push(format!("{page}: {error}")),
        }
    }
    claims
}

fn check_files(line: &str, place: &str, sources: &mut Sources<'_>, claims: &mut Claims) {
    let missing = spans(line).filter(|span| is_file_name(span) && !sources.has(span));
    claims.faults.extend(missing.map(|file| format!("{place}: there is no file {file}")));
}

fn check_document(document: &Document, text: &str, sources: &mut Sources<'_>, claims: &mut Claims) {
    // The table at hand, and its columns when they could be found.
    let mut columns: Option<Option<Columns>> = None;
    let mut rows = 0;
    for (at, line) in text.lines().enumerate() {
        let place = format!("{}:{}", document.path, at + 1);
        check_files(line, &place, sources, claims);
        let Some(cells) = cells(line) else {
            columns = None;
            continue;
        };
        match &columns {
            None => {
                let found = Columns::of(&cells);
                if found.is_none() {
                    claims.faults.push(format!("{place}: a table without the columns state and tests"));
                }
                columns = Some(found);
            }
            Some(_) if cells.iter().all(|cell| cell.bytes().all(|byte| b"-:".contains(&byte))) => {}
            Some(None) => {}
            Some(Some(columns)) => {
                rows += 1;
                check_row(document, columns, &cells, &place, sources, claims);
            }
        }
    }
    if rows == 0 {
        claims.faults.push(format!("{}: no row claims anything", document.path));
    }
    claims.rows += rows;
}

fn check_row(
    document: &Document,
    columns: &Columns,
    cells: &[&str],
    place: &str,
    sources: &mut Sources<'_>,
    claims: &mut Claims,
) {
    let mut fault = |what: String| claims.faults.push(format!("{place}: {what}"));
    if cells.len() != columns.count {
        return fault(format!("{} cells in a table of {}", cells.len(), columns.count));
    }
    let (state, tests) = (cells[columns.state], cells[columns.tests]);
    let shown = document.shown.contains(&state);
    if !shown && !document.unshown.contains(&state) {
        fault(format!("{state} is no state of this document"));
    }
    let mut named = 0;
    for span in spans(tests) {
        named += 1;
        match span.split_once(": ") {
            Some((file, name)) => match sources.find(file, name) {
                Found::Test => {}
                Found::NoFile => fault(format!("there is no file {file}")),
                Found::NoFunction => fault(format!("{file} has no function {name}")),
                Found::NoTest => fault(format!("{name} in {file} is not a test")),
                Found::Ignored => fault(format!("{name} in {file} is ignored, so nothing runs it")),
            },
            None => fault(format!("`{span}` is not of the form FILE: NAME")),
        }
    }
    if shown && named == 0 {
        fault(format!("{state}, and no test is named"));
    }
    claims.tests += named;
}

/// Where the two columns stand that are read.
struct Columns {
    count: usize,
    state: usize,
    tests: usize,
}

impl Columns {
    fn of(header: &[&str]) -> Option<Columns> {
        let column = |name| header.iter().position(|cell| *cell == name);
        Some(Columns { count: header.len(), state: column("state")?, tests: column("tests")? })
    }
}

/// The cells of a table's line; `None` for any other line.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?;
    Some(inner.strip_suffix('|').unwrap_or(inner).split('|').map(str::trim).collect())
}

/// The code spans of a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_file_name(span: &str) -> bool {
    let known = [".rs", ".md", ".toml"].iter().any(|extension| span.ends_with(extension));
    known && span.contains('/') && !span.contains([' ', '*'])
}

enum Found {
    Test,
    NoFile,
    NoFunction,
    NoTest,
    Ignored,
}

/// The files that were named, each read once.
struct Sources<'r> {
    root: &'r Path,
    text_by_path: BTreeMap<String, Option<String>>,
}

impl Sources<'_> {
    fn has(&mut self, path: &str) -> bool {
        self.read(path).is_some()
    }

    fn find(&mut self, path: &str, name: &str) -> Found {
        let Some(text) = self.read(path) else { return Found::NoFile };
        let found = find_test(text, name);
        match found {
            Found::Ignored if path.starts_with(RUN_THOUGH_IGNORED) => Found::Test,
            found => found,
        }
    }

    fn read(&mut self, path: &str) -> Option<&str> {
        let root = self.root;
        let read = || std::fs::read_to_string(root.join(path)).ok();
        self.text_by_path.entry(path.to_owned()).or_insert_with(read).as_deref()
    }
}

/// Looks for a test of this name; the best of several functions with the name counts. A test inside `proptest!` is
/// written like any other, and no macro of this repository makes tests under names that its text does not hold.
fn find_test(text: &str, name: &str) -> Found {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut best = Found::NoFunction;
    for at in (0..lines.len()).filter(|&at| is_function(lines[at], name)) {
        match attributes(&lines[..at]) {
            (true, false) => return Found::Test,
            (true, true) => best = Found::Ignored,
            (false, _) if matches!(best, Found::NoFunction) => best = Found::NoTest,
            (false, _) => {}
        }
    }
    best
}

/// `fn NAME(` or `fn NAME<`, asynchronous or not.
fn is_function(line: &str, name: &str) -> bool {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let rest = line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with(['(', '<']))
}

/// (is a test, is ignored), by the attributes and comments right above a function.
fn attributes(above: &[&str]) -> (bool, bool) {
    let own = above.iter().rev().take_while(|line| !line.is_empty() && !line.ends_with(['{', '}', ';']));
    own.fold((false, false), |(test, ignored), line| {
        let is_test = *line == "#[test]" || line.starts_with("#[tokio::test");
        (test || is_test, ignored || line.starts_with("#[ignore"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const SOURCE: &str = "fn helper() {}\n\n/// What it shows.\n#[test]\nfn it_holds() {}\n\n#[test]\n\
        #[ignore = \"slow\"]\nfn it_is_slow() {}\n\n#[tokio::test]\nasync fn it_waits() {}\n\nproptest! {\n    #[test]\n    fn it_always_holds(\n        x: u8,\n    ) {}\n}\n";

    const HEADER: &str = "# Rules\n\n| rule | state | tests |\n|---|---|---|\n";
    const ATTACK: &str = "| id | state | tests |\n|---|---|---|\n| T-1 | open | |\n";

    /// A repository of a few files, removed at the end.
    struct Repository(PathBuf);

    impl Repository {
        fn new(name: &str, coverage: &str) -> Repository {
            let root = std::env::temp_dir().join(format!("coeur-claims-{name}-{}", std::process::id()));
            let write = |path: &str, text: &str| {
                let path = root.join(path);
                std::fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
                std::fs::write(path, text).expect("a file");
            };
            write("docs/rfc-coverage.md", coverage);
            write("docs/attacks.md", ATTACK);
            write("crates/a.rs", SOURCE);
            write("interop/a.rs", SOURCE);
            PAGES.iter().for_each(|page| write(page, "See `crates/a.rs`.\n"));
            Repository(root)
        }
    }

    impl Drop for Repository {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// What is wrong with one row.
    fn faults(name: &str, row: &str) -> Vec<String> {
        check(&Repository::new(name, &format!("{HEADER}{row}\n")).0).faults
    }

    #[test]
    fn rows_that_name_tests_that_run_are_counted() {
        let rows = "| one | done | `crates/a.rs: it_holds`, `crates/a.rs: it_always_holds` |\n\
            | one more | done | `crates/a.rs: it_waits` |\n| two | partly | `interop/a.rs: it_is_slow` |\n| three | not | |\n";
        let claims = check(&Repository::new("good", &format!("{HEADER}{rows}")).0);
        assert_eq!(claims, Claims { rows: 5, tests: 4, faults: vec![] });
    }

    #[test]
    fn a_claim_without_a_test_is_a_fault() {
        assert_eq!(
            faults("none", "| one | done | the tests of the parser |"),
            ["docs/rfc-coverage.md:5: done, and no test is named"]
        );
    }

    #[test]
    fn a_test_that_does_not_exist_or_does_not_run_is_a_fault() {
        for (name, span, what) in [
            ("file", "crates/b.rs: it_holds", "there is no file crates/b.rs"),
            ("function", "crates/a.rs: it_hold", "crates/a.rs has no function it_hold"),
            ("helper", "crates/a.rs: helper", "helper in crates/a.rs is not a test"),
            (
                "ignored",
                "crates/a.rs: it_is_slow",
                "it_is_slow in crates/a.rs is ignored, so nothing runs it",
            ),
            ("form", "it_holds", "`it_holds` is not of the form FILE: NAME"),
        ] {
            let found = faults(name, &format!("| one | done | `{span}` |"));
            assert_eq!(found, [format!("docs/rfc-coverage.md:5: {what}")]);
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_is_a_fault() {
        assert_eq!(faults("cells", "| one | done |"), ["docs/rfc-coverage.md:5: 2 cells in a table of 3"]);
        let nearly = faults("state", "| one | nearly | `crates/a.rs: it_holds` |");
        assert_eq!(nearly, ["docs/rfc-coverage.md:5: nearly is no state of this document"]);
        let claims = check(&Repository::new("columns", "| rule | tests |\n|---|---|\n| one | |\n").0);
        assert!(claims.faults[0].contains("without the columns"), "{claims:?}");
        let claims = check(&Repository::new("empty", "Nothing yet.\n").0);
        assert_eq!(claims.faults, ["docs/rfc-coverage.md: no row claims anything"]);
    }

    #[test]
    fn a_file_that_is_named_anywhere_exists() {
        let text = "| one, in `crates/gone.rs` | not | |\n\nSee `crates/a.rs`, `docs/gone.md` and `a/b`.";
        assert_eq!(
            faults("named", text),
            [
                "docs/rfc-coverage.md:5: there is no file crates/gone.rs",
                "docs/rfc-coverage.md:7: there is no file docs/gone.md"
            ]
        );
    }

    #[test]
    fn a_page_that_is_gone_or_names_what_is_gone_is_a_fault() {
        let repository = Repository::new("page", &format!("{HEADER}| one | not | |\n"));
        std::fs::write(repository.0.join("README.md"), "\nSee `crates/gone.rs`.\n").expect("a file");
        std::fs::remove_file(repository.0.join("ARCHITECTURE.md")).expect("it was there");
        let faults = check(&repository.0).faults;
        assert_eq!(faults[0], "README.md:2: there is no file crates/gone.rs");
        assert!(faults.len() == 2 && faults[1].starts_with("ARCHITECTURE.md: "), "{faults:?}");
    }

    #[test]
    fn the_claims_of_this_repository_are_shown() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
        let claims = check(root);
        assert!(claims.faults.is_empty(), "{:#?}", claims.faults);
        assert!(claims.rows > 200, "{} rows", claims.rows);
    }
}
