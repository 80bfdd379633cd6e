//! Traces of a real server.

mod process;

use process::{Folder, Server, eventually, free_port, phone};
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn start(folder: &Folder, port: u16, more: &[&str]) -> Server {
    let listen = format!("udp://127.0.0.1:{port}");
    let plain = ["--http", "off", "--web", "off", "--turn", "off", "--listen", &listen];
    Server::start(folder, &[&plain, more].concat(), "ready").0
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

const SECRET: &str = "5ecr37-never-on-disk";

fn segments(folder: &Folder) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder.0.join("traces")).into_iter().flatten().flatten();
    files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|kind| kind == "sip")).collect()
}

fn on_disk(folder: &Folder) -> Vec<u8> {
    segments(folder).iter().flat_map(|path| std::fs::read(path).unwrap()).collect()
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn request(number: u32) -> String {
    format!(
        "OPTIONS sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx{number};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:stranger:{SECRET}@example.test>;tag=1\r\nTo: <sip:bob@example.test>\r\nCall-ID: number-{number}-of-many\r\n\
         CSeq: 1 OPTIONS\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The numbers that are on disk.
fn written(folder: &Folder) -> BTreeSet<u32> {
    let bytes = on_disk(folder);
    let text = String::from_utf8_lossy(&bytes);
    let parts = text.split("number-").skip(1);
    parts.filter_map(|rest| rest.split_once("-of-many")?.0.parse().ok()).collect()
}

#[test]
fn what_was_on_disk_when_a_server_was_killed_in_the_middle_is_found_and_a_torn_end_is_cut_off() {
    let folder = Folder::new("traces-killed");
    assert!(folder.coeur(&["domain", "add", "example.test"]).status.success());
    let made = folder.json(&["account", "add", "alice@example.test", "--json"]);
    let port = free_port();
    let server = start(&folder, port, &[]);
    phone(&made[0], port).register(60).unwrap();
    let is_over = AtomicBool::new(false);
    let before = std::thread::scope(|scope| {
        scope.spawn(|| {
            let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
            for number in (1..20_000).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                let _ = stranger.send_to(request(number).as_bytes(), ("127.0.0.1", port));
                std::thread::sleep(Duration::from_millis(1)); // no flood: that is not heard
            }
        });
        let is_much = eventually(|| written(&folder).len() > 100);
        let before = written(&folder);
        // It is receiving and writing at this moment.
        server.kill_9();
        is_over.store(true, Ordering::Relaxed);
        assert!(is_much, "{before:?} were written");
        before
    });
    // As if the last write had been torn too.
    let newest = segments(&folder).into_iter().max().unwrap();
    let length = std::fs::metadata(&newest).unwrap().len();
    let torn = std::fs::File::options().append(true).open(&newest).unwrap();
    std::io::Write::write_all(&mut &torn, &[0x40, 1, 0, 0, 7, 7]).unwrap();

    // Another port: what is found is of the process before.
    let server = start(&folder, free_port(), &[]);
    assert!(std::fs::metadata(&newest).unwrap().len() <= length);
    for number in before.iter().step_by(before.len() / 3) {
        let name = format!("number-{number}-of-many");
        let page = folder.json(&["trace", &name, "--format", "json"]);
        assert_eq!(page["conversations"][0]["call_id"], name.as_str(), "{page}");
    }
    let page = folder.json(&["trace", "alice@example.test", "--format", "json"]);
    assert_eq!(page["conversations"][0]["method"], "REGISTER");
    let found = folder.json(&["trace", "stranger", "--last", "100", "--format", "json"]);
    assert_eq!(found["conversations"].as_array().unwrap().len(), 100);
    assert!(written(&folder).is_superset(&before));
    assert!(!has(&on_disk(&folder), SECRET) && !found.to_string().contains(SECRET));
    server.kill_9();
}
