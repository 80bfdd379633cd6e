//! What systemd, or who speaks its protocol (sd_notify(3)), hears of the real server.

mod process;

use process::{Folder, Server, command, free_port};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

/// What the server has told, until something contains `mark`.
fn heard(socket: &UnixDatagram, mark: &str) -> Vec<String> {
    let (mut told, until) = (Vec::new(), Instant::now() + Duration::from_secs(60));
    while Instant::now() < until {
        let mut bytes = [0; 4096];
        let Ok(length) = socket.recv(&mut bytes) else { continue };
        told.push(String::from_utf8(bytes[..length].to_vec()).unwrap());
        if told.last().is_some_and(|told| told.contains(mark)) {
            return told;
        }
    }
    panic!("{mark} was not told: {told:?}");
}

#[test]
fn the_supervisor_hears_that_the_server_is_ready_that_it_lives_and_that_it_stops() {
    let folder = Folder::new("supervisor");
    let path = folder.0.join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut command = command(&folder.0.join("data"));
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "900000");
    let listen = format!("udp://127.0.0.1:{}", free_port());
    let arguments = ["--domain", "example.test", "--http", "off", "--listen", listen.as_str()];
    let (server, _) = Server::start_as(command, &arguments, "ready");

    let first = heard(&socket, "READY=1");
    assert_eq!(first.len(), 1, "nothing is told before: {first:?}");
    assert!(
        first[0].contains(&format!("STATUS=0 accounts, 0 registrations at the start, listening on {listen}"))
    );
    heard(&socket, "WATCHDOG=1");
    assert!(server.terminate().success());
    let last = heard(&socket, "STOPPING=1");
    assert!(last.iter().rev().skip(1).all(|told| told == "WATCHDOG=1\n"), "{last:?}");
}
