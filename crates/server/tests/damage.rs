//! The real binary over damaged files: `serve` says what is damaged and serves what is whole, or refuses and touches
//! nothing; `check-data` finds each damage and changes no byte.

mod process;

use process::{Folder, Server, free_port, http_get, phone};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A data directory with three registrations in one segment, and nobody running on it.
struct House {
    folder: Folder,
    sip: u16,
    http: u16,
}

const USERS: [&str; 3] = ["alice", "bob", "carol"];

impl House {
    fn new(name: &str) -> Self {
        let house = Self { folder: Folder::new(name), sip: free_port(), http: free_port() };
        let server = house.start();
        for user in USERS {
            let made = house.folder.json(&["account", "add", user, "--json"]);
            phone(&made[0], house.sip).register(600).unwrap();
        }
        server.kill_9();
        house
    }

    fn start(&self) -> Server {
        let (listen, http) = (format!("udp://127.0.0.1:{}", self.sip), format!("127.0.0.1:{}", self.http));
        Server::start(
            &self.folder,
            &["--domain", "example.test", "--listen", &listen, "--http", &http],
            "ready",
        )
        .0
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    /// The newest segment.
    fn segment(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.path("journal")).unwrap().flatten().map(|entry| entry.path());
        let segments = entries.filter(|path| path.to_string_lossy().contains("journal/journal-"));
        segments.max().unwrap()
    }

    fn registered(&self) -> Vec<String> {
        let views = self.folder.json(&["registrations", "--json"]);
        let account = |view: &serde_json::Value| view["account"].as_str().unwrap().to_owned();
        views.as_array().unwrap().iter().map(account).collect()
    }

    fn metric(&self, name: &str) -> u64 {
        let page = http_get(self.http, "/metrics").1;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap().parse().unwrap()
    }

    /// Exit code and problems of `check-data`, which must leave every file as it is.
    fn checked(&self) -> (Option<i32>, Vec<String>) {
        let before = files(&self.folder.0);
        let output = self.folder.coeur(&["check-data", "--json"]);
        let after = files(&self.folder.0);
        // SQLite's empty log and its index come with whoever looks.
        let same = |name: &str| {
            before.get(name) == after.get(name) || name.ends_with("-shm") || name.ends_with("-wal")
        };
        assert!(before.keys().chain(after.keys()).all(|name| same(name)), "check-data changed a file");
        let value: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"));
        let problems = value["problems"].as_array().unwrap().iter();
        (output.status.code(), problems.map(|problem| problem.as_str().unwrap().to_owned()).collect())
    }

    /// Exit code 1, and a problem says this.
    fn is_damaged(&self, words: &[&str]) {
        let (code, problems) = self.checked();
        assert_eq!(code, Some(1), "{problems:?}");
        let says = |problem: &String| words.iter().all(|word| problem.contains(word));
        assert!(problems.iter().any(says), "{problems:?}");
    }

    fn sql(&self, statement: &str) {
        let connection = rusqlite::Connection::open(self.path("coeur.db")).unwrap();
        assert_eq!(connection.execute(statement, []).unwrap(), 1, "{statement}");
    }

    /// `serve` ends with 4, says this, and leaves the file alone.
    fn refuses_to_serve(&self, file: &str, words: &[&str]) {
        let before = std::fs::read(self.path(file)).unwrap();
        let output = self.folder.coeur(&["serve", "--http", "off", "--listen", "udp://127.0.0.1:0"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert_eq!(std::fs::read(self.path(file)).unwrap(), before);
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files(&entry.path())),
            kind if kind.is_file() => {
                found.insert(entry.path().display().to_string(), std::fs::read(entry.path()).unwrap());
            }
            _ => {}
        }
    }
    found
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_whole_data_directory_is_said_to_be_whole_while_a_server_runs_and_when_none_does() {
    let house = House::new("whole");
    assert_eq!(house.checked(), (Some(0), Vec::new()));
    let text = String::from_utf8(house.folder.coeur(&["check-data"]).stdout).unwrap();
    assert!(text.contains("3 accounts") && text.contains("3 registrations"), "{text}");
    assert!(text.contains("nothing is damaged"), "{text}");
    let server = house.start();
    let output = house.folder.coeur(&["check-data"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains(&format!("in use by process {}", server.pid())),
        "{text}"
    );
    assert!(text.contains("rows follow from each other"), "{text}");
}

#[test]
fn a_damaged_group_of_the_journal_is_named_logged_and_counted_and_the_others_are_served() {
    let house = House::new("group");
    // The first group lies behind the head of the segment.
    flip(&house.segment(), 100);
    let name = house.segment().file_name().unwrap().to_string_lossy().into_owned();
    house.is_damaged(&[&name, "bytes at 36 are damaged", "some registrations are lost"]);
    let server = house.start();
    assert_eq!(house.registered(), ["bob@example.test", "carol@example.test"]);
    assert!(server.said().contains("ERROR") && server.said().contains(&name), "{}", server.said());
    assert!(house.metric("coeur_recovery_damaged_bytes") > 0);
    assert_eq!(house.metric("coeur_recovery_problems"), 1);
    assert_eq!(http_get(house.http, "/readyz").0, 200, "what is whole is served");
}

#[test]
fn a_torn_end_of_the_journal_is_told_as_what_it_is_and_is_no_damage() {
    let house = House::new("torn");
    let mut bytes = std::fs::read(house.segment()).unwrap();
    bytes.extend_from_slice(b"CGJ2 and then the power went");
    std::fs::write(house.segment(), bytes).unwrap();
    assert_eq!(house.checked(), (Some(0), Vec::new()));
    let text = String::from_utf8(house.folder.coeur(&["check-data"]).stdout).unwrap();
    assert!(text.contains("the last 28 bytes were torn off by a crash"), "{text}");
    let server = house.start();
    assert_eq!(house.registered().len(), 3);
    assert!(
        server.said().contains("WARN") && server.said().contains("torn off by a crash"),
        "{}",
        server.said()
    );
    assert_eq!(house.metric("coeur_recovery_torn_bytes"), 28);
    assert_eq!(house.metric("coeur_recovery_problems"), 0);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let house = House::new("no-database");
    for name in ["coeur.db-wal", "coeur.db-shm"] {
        let _ = std::fs::remove_file(house.path(name));
    }
    std::fs::write(house.path("coeur.db"), b"The dog ate it. ".repeat(512)).unwrap();
    let words = ["coeur.db", "file is not a database", "coeur check-data", "backup"];
    house.refuses_to_serve("coeur.db", &words);
    house.is_damaged(&["coeur.db", "file is not a database"]);
}

#[test]
fn a_damaged_page_of_the_database_is_found_and_refused() {
    let house = House::new("page");
    // Everything into the database itself, then a page in its middle is gone.
    let connection = rusqlite::Connection::open(house.path("coeur.db")).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let page: usize = connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'accounts'", [], |row| row.get(0))
        .unwrap();
    drop(connection);
    let mut bytes = std::fs::read(house.path("coeur.db")).unwrap();
    bytes[(page - 1) * 4_096..page * 4_096].fill(0xee);
    std::fs::write(house.path("coeur.db"), bytes).unwrap();
    house.refuses_to_serve("coeur.db", &["coeur.db", "malformed", "coeur check-data", "backup"]);
    house.is_damaged(&["coeur.db is damaged"]);
}

#[test]
fn a_row_of_the_audit_chain_that_was_changed_removed_or_added_is_found() {
    let house = House::new("audit");
    house.sql("UPDATE audit SET operator = 'nobody' WHERE sequence = 2");
    house.is_damaged(&["the audit chain is broken at row 2"]);
    house.sql("DELETE FROM audit WHERE sequence = 2");
    house.is_damaged(&["the audit chain is broken at row 3"]);
    let house = House::new("audit-added");
    // What a killed server wrote last may not be in the head yet.
    house.folder.json(&["account", "add", "dave@example.test", "--json"]);
    house.sql("DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit)");
    house.is_damaged(&["the last 1 of", "audit rows are missing"]);
    house.sql("INSERT INTO audit SELECT (SELECT max(sequence) + 1 FROM audit), at_ms, operator, action, subject, detail, hash FROM audit WHERE sequence = 2");
    house.is_damaged(&["the audit chain is broken at row"]);
}

#[test]
fn a_key_of_another_house_or_none_is_found() {
    let house = House::new("key");
    let key = house.path("keys/seal.key");
    let own = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    house.is_damaged(&["keys/seal.key", "without this key no device can authenticate"]);
    house.refuses_to_serve("audit.head", &["keys/seal.key is missing", "restore the key file"]);
    let refused = house.folder.coeur(&["account", "list"]);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(!key.exists());
    std::fs::write(&key, [7; 32]).unwrap();
    house.is_damaged(&["3 sealed credentials do not open"]);
    house.refuses_to_serve("audit.head", &["none of 3 sealed credentials opens", "restore the key file"]);
    std::fs::write(&key, own).unwrap();
    assert_eq!(house.checked(), (Some(0), Vec::new()));
    let server = house.start();
    assert_eq!(house.registered().len(), 3);
    server.kill_9();
    std::fs::write(house.path("keys/exchange"), b"short").unwrap();
    let (_, problems) = house.checked();
    let said = problems.iter().any(|problem| problem.contains("keys/exchange has 5 bytes instead of 96"));
    assert!(said, "{problems:?}");
}

#[test]
fn where_there_is_no_data_directory_there_is_nothing_to_check_and_none_is_made() {
    let folder = Folder::new("nothing");
    let data = folder.0.join("data");
    let output = process::command(&data).arg("check-data").output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains(&data.display().to_string()));
    assert!(!data.exists());
}
