//! Traces of a real server.

mod process;

use process::{Folder, Server, free_port, phone};

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
