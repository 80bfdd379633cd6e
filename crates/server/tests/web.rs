//! The API of the real binary.

mod process;

use process::{Folder, Server, free_port};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn get(port: u16, path: &str, token: &str) -> (u16, serde_json::Value) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close"
    );
    write!(stream, "{head}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap())
}

#[test]
fn the_token_in_the_data_directory_opens_the_api() {
    let folder = Folder::new("web");
    let port = free_port();
    let (listen, web) = (format!("udp://127.0.0.1:{}", free_port()), format!("127.0.0.1:{port}"));
    let arguments = ["--domain", "example.test", "--listen", &listen, "--http", "off", "--web", &web];
    let server = Server::start(&folder, &arguments, "ready").0;
    let token = std::fs::read_to_string(folder.0.join("keys/api-token")).unwrap();
    let (status, answer) = get(port, "/api/v1/status", &token);
    assert_eq!((status, &answer["domains"][0]), (200, &"example.test".into()));
    assert_eq!(get(port, "/api/v1/status", "another").0, 401);
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn a_place_of_the_api_that_is_taken_is_an_error_where_it_was_chosen() {
    let folder = Folder::new("web-busy");
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let web = taken.local_addr().unwrap().to_string();
    let listen = format!("udp://127.0.0.1:{}", free_port());
    let refused = folder.coeur(&["serve", "--listen", &listen, "--http", "off", "--web", &web]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("choose another with --web"), "{said}");
}

/// The page of a link, as a browser asks for it.
fn page(port: u16, path: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_start_ends_no_link_by_which_the_owner_is_still_to_be_made() {
    let (folder, port) = (Folder::new("web-link"), free_port());
    let (listen, web) = (format!("udp://127.0.0.1:{}", free_port()), format!("127.0.0.1:{port}"));
    let arguments = ["--domain", "example.test", "--listen", &listen, "--http", "off", "--web", &web];
    let before = folder.json(&["setup-link", "--json"])["path"].as_str().unwrap().to_owned();
    let (server, said) = Server::start(&folder, &arguments, "no owner yet");
    assert!(said.contains("setup-link makes another in its place") && !said.contains("/setup/"), "{said}");
    assert!(said.contains(&format!("http://localhost:{port}")), "{said}");
    assert_eq!(page(port, &before), 200);
    let after = folder.json(&["setup-link", "--json"]);
    let url = after["url"].as_str().unwrap();
    assert!(
        url.starts_with(&format!("http://localhost:{port}/setup/")),
        "of a name, as passkeys need: {url}"
    );
    assert_eq!(page(port, after["path"].as_str().unwrap()), 200);
    assert_eq!(page(port, &before), 410, "another was made in its place");
    server.terminate();

    let folder = Folder::new("web-no-link");
    let (server, said) = Server::start(&folder, &arguments, "no owner yet");
    let printed = said.rsplit_once(&format!("http://localhost:{port}")).expect(&said).1.trim().to_owned();
    assert_eq!(page(port, &printed), 200);
    server.terminate();
    let _server = Server::start(&folder, &arguments, "no owner yet");
    assert_eq!(page(port, &printed), 200, "it outlives a new start");
}
