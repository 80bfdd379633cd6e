//! The API under requests made from its own document: `schemathesis` reads `openapi.json`, asks a real server whatever the
//! document allows and what it does not, and compares each answer with what the document says of it.

use coeur_interop::coeur::Coeur;
use coeur_interop::free_port;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The same requests each time.
const SEED: &str = "20260101";
/// How long it asks. The server lets one who is known ask 1,200 times in a minute, so that is about as much in each.
const TIME_S: &str = "150";

/// Where the machine has it: what `cargo xtask interop` installs, or `SCHEMATHESIS` names.
fn program() -> PathBuf {
    let installed =
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/schemathesis/venv/bin/schemathesis");
    std::env::var_os("SCHEMATHESIS").map_or_else(installed, PathBuf::from)
}

#[test]
#[ignore = "needs schemathesis"]
fn what_the_document_allows_or_forbids_is_answered_as_it_says_and_never_by_an_error_of_the_server() {
    let place = format!("127.0.0.1:{}", free_port());
    let secrets = [("alice", "correct-horse-1"), ("bob", "battery-staple-2")];
    let server = Coeur::start_with("document", &secrets, &["--web", &place]);
    server.cli(&["user", "add", "boss", "--role", "owner"], "");
    server.cli(&["group", "add", "sales"], "");
    let out = asked(&server, &place);
    let said = String::from_utf8_lossy(&out.stdout);
    println!("{said}");
    assert!(said.contains(" generated, "), "it asked nothing: {}", String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "an answer is not as the document says: read above");
    assert!(server.cli(&["status", "--json"], "").contains("uptime_s"), "and the server lives");
}

fn asked(server: &Coeur, place: &str) -> Output {
    let make = ["token", "create", "--user", "boss", "--name", "document", "--scope", "*:admin", "--json"];
    let made = server.cli(&make, "");
    let made: serde_json::Value = serde_json::from_str(&made).unwrap_or_else(|why| panic!("{why}: {made}"));
    let token = made["token"].as_str().unwrap_or_else(|| panic!("no token: {made}"));
    let url = format!("http://{place}/api/openapi.json");
    let config = std::env::temp_dir().join(format!("coeur-document-{}.toml", std::process::id()));
    std::fs::write(&config, THINGS).expect("a file of settings");
    let asked = Command::new(program())
        .arg("--config-file")
        .arg(&config)
        .args(["run", &url, "--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", CHECKS, "--phases", "coverage,fuzzing", "--mode", "all"])
        // A stream has no end; the events have tests of their own.
        .args(["--exclude-operation-id", "stream_events", "--exclude-operation-id", "stream_my_events"])
        .args(["--rate-limit", "900/m", "--max-time", TIME_S, "--seed", SEED, "--request-timeout", "10"])
        .args(["--generation-database", "none", "--no-color"])
        .current_dir(std::env::temp_dir())
        .output()
        .expect("schemathesis is installed");
    let _ = std::fs::remove_file(&config);
    asked
}

/// What there is, so that not everything that is asked for is missing.
const THINGS: &str = r#"
[parameters]
"path.account" = "alice@interop.test"
"path.alias" = "201"
"path.device" = "dev_1"
"path.user" = "usr_1"
"path.tenant" = "ten_1"
"path.group" = "grp_1"
"path.phone" = "pho_1"
"path.domain" = "interop.test"
"#;

/// Of its checks those that compare an answer with the document. What a value means, such as whether an account is there, no
/// document says, so a request that is well formed may be refused.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,ignored_auth,unsupported_method";
