//! What happens is told as it happens, and to who comes back, what he has missed.

use crate::served::{Served, TOKEN};
use coeur_api::feed::{About, Kind};
use coeur_directory::{TenantId, UserId};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

struct Ear(BufReader<TcpStream>);

impl Ear {
    fn new(served: &Served, query: &str, role: &str, last: Option<&str>) -> Self {
        Self::at(served, "/events", query, role, last)
    }

    fn at(served: &Served, path: &str, query: &str, role: &str, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(served.address).unwrap();
        let last = last.map(|last| format!("Last-Event-ID: {last}\r\n")).unwrap_or_default();
        let head = format!(
            "GET /api/v1{path}{query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {role}\r\n{last}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut ear = Self(BufReader::new(stream));
        let status = ear.line();
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        while !ear.line().is_empty() {}
        ear
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Name and content of the next event.
    fn next(&mut self) -> (Option<String>, Value) {
        let mut id = None;
        loop {
            let line = self.line();
            if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.to_owned());
            }
            if let Some(text) = line.strip_prefix("data: ") {
                return (id, serde_json::from_str(text).unwrap());
            }
        }
    }
}

fn publish(served: &Served, kind: Kind, subject: &str) {
    served.hut.feed.publish(kind, subject.to_owned(), 1_800_000_000_000, json!({ "n": subject }));
}

#[test]
fn a_change_is_told_as_a_cloud_event_with_who_made_it() {
    let served = Served::new("sse");
    let mut ear = Ear::new(&served, "", TOKEN, None);
    assert_eq!(served.give("POST", "/api/v1/accounts", json!({ "account": "alice@d" })).status, 201);
    let (id, event) = ear.next();
    assert_eq!(id.as_deref(), event["id"].as_str());
    assert_eq!((&event["specversion"], &event["type"]), (&json!("1.0"), &json!("config.changed")));
    assert_eq!((&event["subject"], &event["data"]["operator"]), (&json!("alice@d"), &json!("first token")));
    assert_eq!(event["data"]["action"], "account.added");
}

#[test]
fn who_comes_back_hears_what_he_has_missed_and_only_of_the_types_that_he_wants() {
    let served = Served::new("replay");
    let mut ear = Ear::new(&served, "?types=call.*", TOKEN, None);
    publish(&served, Kind::CallStarted, "1");
    let (first, _) = ear.next();
    drop(ear);
    publish(&served, Kind::RegistrationCreated, "2");
    publish(&served, Kind::CallEnded, "3");
    let mut back = Ear::new(&served, "?types=call.*", TOKEN, first.as_deref());
    assert_eq!(back.next().1["data"]["n"], "3");
    // Of another process.
    let mut lost = Ear::new(&served, "?types=call.*,stream.gap", TOKEN, Some("0000000000000001-1"));
    let (id, gap) = lost.next();
    assert_eq!((id, &gap["type"]), (None, &json!("stream.gap")));
    assert_eq!(lost.next().1["data"]["n"], "1");
    assert_eq!(served.ask("GET", "/api/v1/events?types=weather.*").code(), "invalid");
}

#[test]
fn nobody_hears_of_what_he_may_not_read() {
    let served = Served::new("deaf");
    let mut ear = Ear::new(&served, "", "supervisor", None);
    publish(&served, Kind::ConfigChanged, "1");
    publish(&served, Kind::SecurityAuthFailed, "2");
    publish(&served, Kind::CallStarted, "3");
    assert_eq!(ear.next().1["data"]["n"], "3");
}

#[test]
fn who_may_hear_nothing_of_what_he_asks_for_is_refused_and_of_what_is_missing_he_is_told() {
    let served = Served::new("told-deaf");
    let ask = |token: &str, types: &str| {
        let bearer = format!("Bearer {token}");
        let path = format!("/api/v1/events?types={types}");
        served.send("GET", &path, &[("Authorization", &bearer)], "")
    };
    let refused = ask("owner/events:read", "call.*");
    assert_eq!((refused.status, refused.code()), (403, "forbidden".into()), "{refused:?}");
    assert!(refused.json()["detail"].as_str().unwrap().contains("calls:read"), "{refused:?}");
    let mut ear = Ear::new(&served, "?types=call.ended,message.*", "owner/events:read,calls:read", None);
    let told = loop {
        let line = ear.line();
        if line.starts_with(':') {
            break line;
        }
    };
    assert!(told.contains("not told to you: message.accepted (messages:read), message.delivered"), "{told}");
    assert!(!told.contains("call.ended"), "{told}");
    publish(&served, Kind::MessageFailed, "1");
    publish(&served, Kind::CallEnded, "2");
    assert_eq!(ear.next().1["data"]["n"], "2");
}

#[test]
fn a_stream_ends_within_a_second_once_its_token_is_taken_back() {
    let served = Served::new("revoked-ear");
    let mut ear = Ear::new(&served, "", "admin:3", None);
    publish(&served, Kind::CallStarted, "1");
    assert_eq!(ear.next().1["data"]["n"], "1");
    served.taken_back.lock().unwrap().push("admin:3".to_owned());
    ear.0.get_mut().set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    // The last chunk (RFC 9112 section 7.1).
    while ear.line() != "0" {}
}

#[test]
fn a_stream_ends_within_a_second_however_much_there_is_to_tell() {
    let served = Served::new("revoked-busy");
    let mut ear = Ear::new(&served, "", "admin:3", None);
    ear.0.get_mut().set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                publish(&served, Kind::CallStarted, "1");
            }
        });
        assert_eq!(ear.next().1["type"], "call.started");
        served.taken_back.lock().unwrap().push("admin:3".to_owned());
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let ended = std::iter::repeat_with(|| ear.line() == "0")
            .take_while(|_| std::time::Instant::now() < until)
            .any(|is_last| is_last);
        is_over.store(true, Ordering::Relaxed);
        ended
    });
    assert!(ended, "ten seconds later it was told still");
}

/// Of the account of the user, in the tenant.
fn publish_of(served: &Served, n: &str, tenant: u64, user: u64) {
    let about = About { tenant: Some(TenantId(tenant)), users: [None, Some(UserId(user))] };
    let data = json!({ "n": n });
    served.hut.feed.publish_about(Kind::CallStarted, n.to_owned(), 1_800_000_000_000, data, about);
}

#[test]
fn nobody_but_an_owner_hears_of_another_tenant_and_a_user_hears_of_himself_alone() {
    let served = Served::new("tenants-ears");
    let made = served.give("POST", "/api/v1/tenants", json!({ "name": "second" }));
    assert_eq!(made.status, 201, "{made:?}");
    let body = json!({ "login": "boss", "role": "admin", "tenant": "second" });
    let made = served.give("POST", "/api/v1/users", body).json();
    let user = made["user"]["id"].as_str().or(made["id"].as_str()).and_then(|id| id.strip_prefix("usr_"));
    let theirs = format!("admin:{}", user.unwrap_or_else(|| panic!("{made}")));
    let mut owner = Ear::new(&served, "?types=call.*", TOKEN, None);
    let mut first = Ear::new(&served, "?types=call.*", "admin", None);
    let mut second = Ear::new(&served, "?types=call.*", &theirs, None);
    let mut own = Ear::at(&served, "/me/events", "?types=call.*", "user:7", None);
    for (n, tenant, user) in [("a", 1, 7), ("b", 2, 8), ("c", 1, 8), ("d", 2, 7)] {
        publish_of(&served, n, tenant, user);
    }
    let heard = |ear: &mut Ear, count: usize| {
        (0..count).map(|_| ear.next().1["data"]["n"].as_str().unwrap().to_owned()).collect::<String>()
    };
    assert_eq!(heard(&mut owner, 4), "abcd");
    assert_eq!(heard(&mut first, 2), "ac");
    assert_eq!(heard(&mut second, 2), "bd");
    assert_eq!(heard(&mut own, 2), "ad");
    // What is of the installation is the first tenant's.
    publish(&served, Kind::CallEnded, "e");
    publish_of(&served, "f", 2, 7);
    assert_eq!(
        (heard(&mut first, 1), heard(&mut second, 1), heard(&mut own, 1)),
        ("e".into(), "f".into(), "f".into())
    );
}

/// The status that a listener is answered who comes from this address.
fn listens_from(served: &Served, address: &str) -> (String, TcpStream) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        socket.connect(served.address).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    let head =
        format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    (&stream).write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
    (line.split(' ').nth(1).unwrap().to_owned(), stream)
}

#[test]
fn one_address_listens_sixteen_times_and_another_is_heard_all_the_same() {
    let served = Served::new("ears");
    let held: Vec<_> = (0..16).map(|_| listens_from(&served, "127.0.0.1")).collect();
    assert!(held.iter().all(|(status, _)| status == "200"));
    assert_eq!(listens_from(&served, "127.0.0.1").0, "503");
    // The token of these tests is for this machine, which all of 127.0.0.0/8 is.
    assert_eq!(listens_from(&served, "127.0.0.2").0, "200");
}
