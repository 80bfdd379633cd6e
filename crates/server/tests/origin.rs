//! Which web pages the real server lets open a WebSocket (decision 0008).

mod process;

use process::{Folder, Server, free_port};
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

/// The first line that the server answers to a page of this origin that opens a WebSocket.
fn open_as_page(port: u16, origin: &str) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let opening = format!(
        "GET / HTTP/1.1\r\nHost: evil.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: {origin}\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    );
    stream.write_all(opening.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

#[test]
fn pages_of_our_domains_and_those_listed_may_connect_and_others_may_not() {
    let folder = Folder::new("origins");
    let port = free_port();
    let listen = format!("ws://127.0.0.1:{port}");
    let mut arguments = vec!["--domain", "example.test", "--listen", &listen, "--http", "off"];
    arguments.extend(["--origin", "https://phone.example.net", "--origin", "https://two.example.net:8443"]);
    let (server, _) = Server::start(&folder, &arguments, "ready");
    folder.coeur(&["domain", "add", "later.test"]);
    for (origin, status) in [
        ("https://example.test", 101),
        ("http://EXAMPLE.test:8080", 101),
        ("https://later.test", 101),
        ("http://127.0.0.1:3000", 101),
        ("http://localhost:3000", 101),
        ("https://phone.example.net", 101),
        ("https://two.example.net:8443", 101),
        ("https://two.example.net", 403),
        ("https://evil.test", 403),
        ("null", 403),
    ] {
        let line = open_as_page(port, origin);
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {line}");
    }
    drop(server);
    let explained = folder.coeur(&["check-config", "--json", "--origin", "https://phone.example.net"]);
    let values: serde_json::Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(values["origin"], serde_json::json!(["https://phone.example.net"]));
    let explained =
        folder.coeur(&["check-config", "--json", "--embed-origins", "https://CRM.example.net:443"]);
    let values: serde_json::Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(values["embed_origins"], serde_json::json!(["https://crm.example.net"]));
    let wrong = folder.coeur(&["check-config", "--embed-origins", "https://*.example.net"]);
    assert_eq!(wrong.status.code(), Some(2));
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(said.contains("--embed-origins: `https://*.example.net` is a pattern"), "{said}");
    let wrong = folder.coeur(&["check-config", "--origin", "phone example"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&wrong.stderr).contains("--origin: `phone example` is no origin"),
        "{wrong:?}"
    );
}

#[test]
fn the_demonstration_takes_pages_of_this_machine_and_of_its_own_address_only() {
    let folder = Folder::new("demo-origins");
    let port = free_port();
    let listen = format!("ws://0.0.0.0:{port}");
    let arguments = ["--demo", "--domain", "192.0.2.1", "--http", "off", "--listen", &listen];
    let (_server, _) = Server::start(&folder, &arguments, "self test");
    for (origin, status) in [
        ("http://localhost:3000", 101),
        ("http://127.0.0.1", 101),
        ("http://192.0.2.1:8000", 101),
        ("https://evil.test", 403),
        ("null", 403),
    ] {
        let line = open_as_page(port, origin);
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {line}");
    }
}
