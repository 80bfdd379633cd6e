//! The wall of `coeur replay`, and what it says of what it cannot play.

mod process;

use coeur::trace::replay::wall;
use process::Folder;
use std::ffi::CString;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const INSIDE: &str = "COEUR_TEST_INSIDE";

/// In a process of its own, since nobody leaves the wall again.
#[test]
fn behind_the_wall_every_address_is_here_and_nobody_else_is() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    // Where no network can be made, nothing is replayed, which the command says.
    if !Command::new("unshare").args(["-r", "-n", "true"]).status().is_ok_and(|done| done.success()) {
        return;
    }
    let name = "behind_the_wall_every_address_is_here_and_nobody_else_is";
    let outside = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let done = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, outside.local_addr().unwrap().to_string())
        .output()
        .unwrap();
    // What it says of itself is not for who counts the tests of this one.
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
    outside.set_nonblocking(true).unwrap();
    assert!(outside.accept().is_err(), "somebody has come out");
}

fn inside() {
    let resolver = std::env::temp_dir().join(format!("coeur-test-resolver-{}", std::process::id()));
    let _asked = UnixListener::bind(&resolver).unwrap();
    // A test runs on a thread of its own, and a network belongs to a thread: as root no users are needed.
    if let Err(why) = wall::shut_in() {
        assert_eq!(why.raw_os_error(), Some(libc_einval()), "{why}");
        return;
    }
    let outside: SocketAddr = std::env::var(INSIDE).unwrap().parse().unwrap();
    assert!(TcpStream::connect_timeout(&outside, Duration::from_secs(1)).is_err());
    // Nor by the socket of whoever resolves names, which is a file.
    assert!(UnixStream::connect(&resolver).is_ok(), "a network alone does not close it");
    wall::hide(&CString::new(resolver.as_os_str().as_bytes()).unwrap()).unwrap();
    assert!(UnixStream::connect(&resolver).is_err());
    // Addresses for documentation (RFC 5737): they are nobody's, and here they are ours.
    let phone = UdpSocket::bind("192.0.2.7:5060").unwrap();
    let server = UdpSocket::bind("198.51.100.1:5060").unwrap();
    server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    phone.send_to(b"here", "198.51.100.1:5060").unwrap();
    let mut buffer = [0; 16];
    let (length, from) = server.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..length], from), (&b"here"[..], "192.0.2.7:5060".parse().unwrap()));
}

/// Users cannot be made by one of several threads, which a test is.
const fn libc_einval() -> i32 {
    22
}

#[test]
fn what_cannot_be_replayed_is_said_and_has_its_own_end() {
    let folder = Folder::new("replay-nothing");
    assert!(folder.coeur(&["domain", "add", "example.test"]).status.success());
    let file = folder.0.join("call.json");
    let call = r#"{"conversations":[{"call_id":"own","messages_count":1,"messages":[{"direction":"sent","transport":"udp",
        "remote":"192.0.2.7:5060","text":"OPTIONS sip:a@d SIP/2.0\nCall-ID: own\nCSeq: 1 OPTIONS"}]}],"next":null}"#;
    std::fs::write(&file, call).unwrap();
    let ended = folder.coeur(&["replay", "--file", file.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    std::fs::write(&file, "no JSON").unwrap();
    let ended = folder.coeur(&["replay", "--file", file.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("call.json"), "{ended:?}");
    // Without a server and without a file there is nothing to read.
    assert_eq!(folder.coeur(&["replay", "alice"]).status.code(), Some(4));
}

#[test]
fn nothing_is_left_of_a_replay_that_somebody_stops() {
    if !Command::new("unshare").args(["-r", "-n", "true"]).status().is_ok_and(|done| done.success()) {
        return;
    }
    let folder = Folder::new("replay-stopped");
    assert!(folder.coeur(&["domain", "add", "example.test"]).status.success());
    let temporary = folder.0.join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    // What the server then said a minute later is waited for, and does not come.
    let file = folder.0.join("call.json");
    let call = r#"{"conversations":[{"call_id":"own","began_at_us":1,"messages_count":2,"messages":[
        {"direction":"received","transport":"udp","remote":"192.0.2.7:5060","at_us":1,
         "text":"ACK sip:a@example.test SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\nCall-ID: own\nCSeq: 1 ACK"},
        {"direction":"sent","transport":"udp","remote":"192.0.2.7:5060","at_us":60000001,
         "text":"OPTIONS sip:a@192.0.2.7 SIP/2.0\nCall-ID: own\nCSeq: 1 OPTIONS"}]}],"next":null}"#;
    std::fs::write(&file, call).unwrap();
    for signal in ["-INT", "-TERM"] {
        let mut replay = process::command(&folder.0)
            .env("TMPDIR", &temporary)
            .args(["replay", "--file", file.to_str().unwrap()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let copy = temporary.join(format!("coeur-replay-{}", replay.id()));
        let until = Instant::now() + Duration::from_secs(30);
        while !copy.join("data").exists() && Instant::now() < until {
            assert!(replay.try_wait().unwrap().is_none());
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(copy.join("whole").exists());
        let sent = Command::new("kill").args([signal, &replay.id().to_string()]).status();
        assert!(sent.unwrap().success());
        let ended = replay.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert_eq!(
            std::fs::read_dir(&temporary).unwrap().count(),
            0,
            "{signal}: a copy of all accounts is left"
        );
    }
}

/// Neither its flags nor an address of the machine are in a file.
#[test]
fn a_call_of_a_server_that_was_started_with_flags_replays_as_it_was() {
    // Where no network can be made, nothing is replayed, which the command says.
    if !Command::new("unshare").args(["-r", "-n", "true"]).status().is_ok_and(|done| done.success()) {
        return;
    }
    let (folder, port) = (Folder::new("replay-flags"), process::free_port());
    let listen = format!("udp://0.0.0.0:{port}");
    let flags = [
        &["--domain", "example.test", "--listen", &listen, "--http", "off", "--web", "off", "--turn", "off"]
            [..],
        &["--conference-prefix", "room-"],
    ]
    .concat();
    let _server = process::Server::start(&folder, &flags, "ready");
    folder.json(&["account", "add", "alice", "--json"]);
    let call = folder.coeur(&["call", "alice", "room-1", "--seconds", "1"]);
    assert!(call.status.success(), "{call:?}");
    let replayed = folder.coeur(&["replay", "alice"]);
    assert!(replayed.status.success(), "{replayed:?}");
}
