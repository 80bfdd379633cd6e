//! What a real server has said and heard is on disk, without secrets, and outlives it.

mod process;

use process::{Folder, Server, eventually, free_port, phone};
use std::net::UdpSocket;
use std::time::Duration;

const SECRET: &str = "5ecr37-never-on-disk";

fn start(folder: &Folder, port: u16, more: &[&str]) -> Server {
    let listen = format!("udp://127.0.0.1:{port}");
    let plain = ["--http", "off", "--web", "off", "--turn", "off", "--listen", &listen];
    Server::start(folder, &[&plain, more].concat(), "ready").0
}

fn on_disk(folder: &Folder) -> Vec<u8> {
    let files = std::fs::read_dir(folder.0.join("traces")).into_iter().flatten().flatten();
    files.flat_map(|file| std::fs::read(file.path()).unwrap()).collect()
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_conversation_is_found_after_kill_9_and_leaves_as_every_file_without_a_secret() {
    let folder = Folder::new("traces");
    assert!(folder.coeur(&["domain", "add", "example.test"]).status.success());
    let made = folder.json(&["account", "add", "alice@example.test", "--json"]);
    let collector = UdpSocket::bind(("127.0.0.1", free_port())).unwrap();
    collector.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let hep = format!("udp://{}", collector.local_addr().unwrap());
    let port = free_port();
    let server = start(&folder, port, &["--hep", &hep, "--hep-id", "7"]);
    phone(&made[0], port).register(60).unwrap();
    // What a stranger says has a secret too, and a name that is looked for later.
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let request = format!(
        "MESSAGE sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:+33123456789:{SECRET}@example.test>;tag=1\r\nTo: <sip:bob@example.test>\r\nCall-ID: of-a-stranger\r\n\
         CSeq: 1 MESSAGE\r\nAuthorization: Bearer {SECRET}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{SECRET}",
        SECRET.len()
    );
    stranger.send_to(request.as_bytes(), ("127.0.0.1", port)).unwrap();
    assert!(eventually(|| has(&on_disk(&folder), "of-a-stranger") && has(&on_disk(&folder), "REGISTER ")));
    let mut datagram = vec![0; 70_000];
    let length = collector.recv(&mut datagram).unwrap();
    assert!(datagram.starts_with(b"HEP3") && has(&datagram[..length], "REGISTER sip:example.test"));
    server.kill_9();

    // Another port: what is found is of the process before.
    let server = start(&folder, free_port(), &[]);
    for what in ["of-a-stranger", "+33123456789", "call_of", "alice@example.test"] {
        let found = folder.coeur(&["trace", what]);
        assert_eq!(found.status.success(), what != "call_of", "{what}");
    }
    let page = folder.json(&["trace", "+33123456789", "--format", "json"]);
    let first = &page["conversations"][0]["messages"][0];
    assert_eq!((&first["label"], &first["direction"]), (&"MESSAGE bob".into(), &"received".into()), "{page}");
    assert_eq!(first["text"].as_str().unwrap().lines().last(), Some("(20 bytes of text hidden)"));
    let mut files = vec![on_disk(&folder), datagram, page.to_string().into_bytes()];
    for (format, begins) in [
        ("text", &b"--- "[..]),
        ("mermaid", b"sequenceDiagram\n"),
        ("pcap", b"\xd4\xc3\xb2\xa1"),
        ("ladder", b"MESSAGE"),
    ] {
        let path = folder.0.join(format!("trace.{format}"));
        let arguments = ["trace", "of-a-stranger", "--format", format, "--output", path.to_str().unwrap()];
        assert!(folder.coeur(&arguments).status.success(), "{format}");
        let file = std::fs::read(&path).unwrap();
        assert!(file.starts_with(begins), "{format}");
        files.push(file);
    }
    assert!(files.iter().all(|file| !has(file, SECRET)));
    server.kill_9();
}

#[test]
fn a_server_goes_on_without_a_place_for_its_traces() {
    let folder = Folder::new("traces-nowhere");
    assert!(folder.coeur(&["domain", "add", "example.test"]).status.success());
    let made = folder.json(&["account", "add", "alice@example.test", "--json"]);
    // Where the folder should be stands a file.
    std::fs::write(folder.0.join("traces"), b"").unwrap();
    let port = free_port();
    let _server = start(&folder, port, &[]);
    phone(&made[0], port).register(60).unwrap();
    assert!(folder.coeur(&["trace", "alice"]).status.success(), "what is in memory is found");
}
