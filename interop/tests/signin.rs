//! Signing in with a real browser at a real server: headless Chromium, with an authenticator that it has itself.

use coeur_interop::coeur::Coeur;
use coeur_interop::free_port;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

fn field(text: &str, name: &str) -> String {
    let value: Value = serde_json::from_str(text).expect("JSON");
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {text}")).to_owned()
}

#[test]
#[ignore = "needs chromium, node and the packages of interop/browser"]
fn a_person_becomes_the_owner_and_signs_in_without_a_script_and_by_a_passkey() {
    let port = free_port();
    let web = format!("127.0.0.1:{port}");
    let server = Coeur::start_with("signin", &[], &["--web", &web]);
    let link = server.cli(&["setup-link", "--json"], "");
    let at_host = format!("http://localhost:{port}{}", field(&link, "path"));
    assert_eq!(field(&link, "url"), at_host, "of a host name, as a passkey is");
    let out = Command::new("node")
        .args(["signin.mjs", &format!("http://localhost:{port}"), &field(&link, "path")])
        .current_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("browser"))
        .output()
        .expect("node is installed");
    let said = String::from_utf8_lossy(&out.stdout);
    let steps: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let steps: Vec<String> =
        steps.iter().map(|step| format!("{}: {}", step["step"], step["value"])).collect();
    assert_eq!(
        steps,
        [
            r#""setup": "owner""#,
            r#""setup again": 410"#,
            r#""without script": "password""#,
            r#""passkey added": 1"#,
            r#""signed out": 401"#,
            r#""by passkey": "passkey""#,
            r#""not verified": 401"#,
        ],
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let refused = server.refused(&["setup-link"]);
    assert!(refused.contains("there is an owner already"), "{refused}");
    let audit = server.cli(&["audit", "--json"], "");
    for action in
        ["link.offered", "link.closed", "password.set", "passkey.added", "session.begun", "session.ended"]
    {
        assert!(audit.contains(&format!("\"{action}\"")), "{action} in {audit}");
    }
}

#[test]
#[ignore = "starts a server, as the others here"]
fn a_token_of_the_command_line_opens_the_api_of_a_running_server_until_it_is_revoked() {
    let port = free_port();
    let web = format!("127.0.0.1:{port}");
    let server = Coeur::start_with("token", &[], &["--web", &web]);
    server.cli(&["user", "add", "shop", "--role", "auditor"], "");
    let arguments =
        ["token", "create", "--user", "shop", "--name", "the shop", "--scope", "status:read", "--json"];
    let made = server.cli(&arguments, "");
    let ask = || {
        let mut stream = TcpStream::connect(&web).expect("it listens");
        let token = field(&made, "token");
        let head = "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        write!(stream, "{head}Authorization: Bearer {token}\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.split(' ').nth(1).map(str::to_owned).expect("a status")
    };
    assert_eq!(ask(), "200");
    server.cli(&["token", "revoke", &field(&made, "id")], "");
    assert_eq!(ask(), "401");
}
