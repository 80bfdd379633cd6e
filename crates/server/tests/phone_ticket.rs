//! A page that has signed in registers over its WebSocket with a ticket, and with no SIP password.

mod process;

use coeur_api::{Client, GivenSecret, PhoneTicket, Reply, Request};
use process::{Folder, Server, eventually, free_port, http_get};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

fn ticket(folder: &Folder, account: &str, user: Option<&str>) -> PhoneTicket {
    let client = Client::connect(&folder.0).unwrap().expect("a server runs");
    match client.ask(&Request::PhoneTicket { account: account.to_owned(), user: user.map(str::to_owned) }) {
        Ok(Reply::PhoneTicket(ticket)) => *ticket,
        Ok(_) => panic!("another answer"),
        Err(_) => panic!("no ticket"),
    }
}

fn open(port: u16, ticket: &GivenSecret) -> WebSocket<TcpStream> {
    let address = format!("ws://127.0.0.1:{port}/?ticket={}", ticket.reveal());
    let mut opening = address.into_client_request().unwrap();
    opening.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    tungstenite::client(opening, stream).unwrap().0
}

/// Status and body of what a phone is told that asks for new credentials of TURN.
fn renew(port: u16, ticket: &GivenSecret) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let body = serde_json::json!({ "ticket": ticket.reveal() }).to_string();
    let head = "POST /line/ice_server HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

fn register(web: &mut WebSocket<TcpStream>, user: &str, sequence: u32) -> String {
    let text = format!(
        "REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/WS page.invalid;branch=z9hG4bK{user}{sequence}\r\nMax-Forwards: 70\r\n\
         From: <sip:{user}@example.test>;tag=t{sequence}\r\nTo: <sip:{user}@example.test>\r\nCall-ID: page-{user}-{sequence}\r\n\
         CSeq: {sequence} REGISTER\r\nContact: <sip:{user}@page.invalid;transport=ws>\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n"
    );
    web.send(Message::text(text)).unwrap();
    web.read().unwrap().to_text().unwrap().to_owned()
}

#[test]
fn a_page_registers_with_a_ticket_once_and_is_out_when_its_device_is_revoked() {
    let folder = Folder::new("phone-ticket");
    assert!(folder.coeur(&["domain", "add", "example.test"]).status.success());
    assert!(folder.coeur(&["user", "add", "bob"]).status.success());
    for user in ["alice", "bob"] {
        folder.json(&["account", "add", &format!("{user}@example.test"), "--json"]);
    }
    let (port, http, pages) = (free_port(), free_port(), free_port());
    let listen = format!("ws://127.0.0.1:{port}");
    let http_at = format!("127.0.0.1:{http}");
    let (pages_at, turn) = (format!("127.0.0.1:{pages}"), format!("udp://127.0.0.1:{}", free_port()));
    let arguments = ["--http", &http_at, "--listen", &listen, "--turn", &turn, "--web", &pages_at];
    let (_server, _) = Server::start(&folder, &arguments, "ready");

    let first = ticket(&folder, "alice@example.test", None);
    assert_eq!((first.sockets[0].port, first.sockets[0].is_secure), (port, false));
    assert_eq!(renew(pages, &first.ticket).0, 401, "it has opened nothing yet");
    let mut web = open(port, &first.ticket);
    let (status, body) = renew(pages, &first.ticket);
    assert!(status == 200 && body.contains(":alice@example.test\",\"credential\":\""), "{status} {body}");
    assert!(register(&mut web, "alice", 1).starts_with("SIP/2.0 200 "));
    assert!(register(&mut web, "bob", 2).starts_with("SIP/2.0 401 "), "the ticket is of alice");
    let registered = folder.json(&["registrations", "--json"]);
    assert_eq!(registered[0]["account"], "alice@example.test");

    // A ticket that was used: the page is told to ask for another.
    let mut again = open(port, &first.ticket);
    let Ok(Message::Close(Some(close))) = again.read() else { panic!("not closed") };
    assert_eq!(u16::from(close.code), 4_401);
    assert!(eventually(|| {
        let page = http_get(http, "/metrics").1;
        page.contains("coeur_websocket_handshake_failures_total{reason=\"ticket\"} 1\n")
    }));

    let second = ticket(&folder, "alice@example.test", None);
    assert_eq!(second.device, first.device, "one device for all pages of an account");
    let mut web = open(port, &second.ticket);
    assert!(register(&mut web, "alice", 3).starts_with("SIP/2.0 200 "));
    assert!(folder.coeur(&["device", "revoke", "alice@example.test", &first.device]).status.success());
    assert!(eventually(|| folder.json(&["registrations", "--json"]).as_array().unwrap().is_empty()));
    assert_eq!(renew(pages, &second.ticket).0, 401, "its device was revoked");
    let mut web = open(port, &ticket(&folder, "bob@example.test", Some("bob")).ticket);
    assert!(register(&mut web, "bob", 4).starts_with("SIP/2.0 200 "));
    // Who has signed in is disabled: his phone is out, and what it says is challenged.
    assert!(folder.coeur(&["user", "set", "bob", "--enabled", "no"]).status.success());
    assert!(eventually(|| folder.json(&["registrations", "--json"]).as_array().unwrap().is_empty()));
    assert!(register(&mut web, "bob", 5).starts_with("SIP/2.0 401 "));
}
