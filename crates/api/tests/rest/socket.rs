//! Events and commands over one WebSocket.

use crate::served::{Served, TOKEN};
use coeur_api::feed::Kind;
use serde_json::{Value, json};
use std::net::TcpStream;
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

const CALL: &str = "call_01980000-0000-7000-8000-000000000001";
const NO_CALL: &str = "call_01980000-0000-7000-8000-000000000002";

struct Socket(WebSocket<TcpStream>);

impl Socket {
    fn open(served: &Served, query: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let stream = TcpStream::connect(served.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut request = format!("ws://localhost/api/v1/ws{query}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(why) => panic!("{why}"),
        }
    }

    fn of(served: &Served, token: &str) -> Self {
        Self::open(served, "", &[("authorization", &format!("Bearer {token}"))]).unwrap()
    }

    fn say(&mut self, said: &Value) {
        self.0.send(Message::text(said.to_string())).unwrap();
    }

    fn next(&mut self) -> Value {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn ask(&mut self, said: &Value) -> Value {
        self.say(said);
        self.next()
    }

    /// The code with which it is closed.
    fn closed(&mut self) -> CloseCode {
        loop {
            match self.0.read() {
                Ok(Message::Close(Some(frame))) => return frame.code,
                Ok(_) => {}
                Err(why) => panic!("{why}"),
            }
        }
    }
}

fn publish(served: &Served, kind: Kind, subject: &str) {
    served.hut.feed.publish(kind, subject.to_owned(), 1_800_000_000_000, json!({ "n": subject }));
}

#[test]
fn who_has_subscribed_hears_what_rest_tells_and_what_he_has_missed() {
    let served = Served::new("ws-events");
    let mut socket = Socket::of(&served, TOKEN);
    let said = socket.ask(&json!({ "id": 1, "op": "subscribe", "types": ["call.*"] }));
    assert_eq!(said, json!({ "id": 1, "status": 204 }));
    publish(&served, Kind::ConfigChanged, "0");
    publish(&served, Kind::CallStarted, "1");
    let event = socket.next()["event"].clone();
    assert_eq!((&event["type"], &event["data"]["n"]), (&json!("call.started"), &json!("1")));
    drop(socket);
    publish(&served, Kind::CallEnded, "2");
    let mut back = Socket::of(&served, TOKEN);
    back.ask(&json!({ "id": 2, "op": "subscribe", "types": ["call.*"], "after": event["id"] }));
    assert_eq!(back.next()["event"]["data"]["n"], "2");
    back.ask(&json!({ "id": 3, "op": "subscribe", "types": ["call.*", "stream.gap"], "after": "0000000000000001-1" }));
    assert_eq!(back.next()["event"]["type"], "stream.gap");
}

#[test]
fn a_command_takes_the_right_of_its_operation_and_leaves_its_audit_row() {
    let served = Served::new("ws-commands");
    let mut socket = Socket::of(&served, "supervisor");
    let done = socket.ask(&json!({ "id": "a", "op": "calls.hangup", "call": CALL }));
    assert_eq!(done, json!({ "id": "a", "status": 204 }));
    let none = socket.ask(&json!({ "id": 2, "op": "calls.hangup", "call": NO_CALL }));
    assert_eq!((&none["status"], &none["problem"]["code"]), (&json!(404), &json!("not_found")), "{none}");
    let list = socket.ask(&json!({ "id": 3, "op": "calls.list", "limit": 5 }));
    assert_eq!((&list["status"], &list["body"]["data"]), (&json!(200), &json!([])), "{list}");
    let rows = served.ask("GET", "/api/v1/audit_log").json()["data"].clone();
    let hung_up = rows.as_array().unwrap().iter().find(|row| row["action"] == "call.hung_up").unwrap();
    assert_eq!(hung_up["operator"], "supervisor");
    let mut auditor = Socket::of(&served, "auditor");
    let refused = auditor.ask(&json!({ "id": 4, "op": "calls.hangup", "call": CALL }));
    assert_eq!((&refused["status"], &refused["problem"]["code"]), (&json!(403), &json!("forbidden")));
    for wrong in [json!({ "op": "accounts.list" }), json!({}), json!({ "op": "calls.hangup" }), json!([1])] {
        assert_eq!(socket.ask(&wrong)["status"], 400, "{wrong}");
    }
    // Nobody hears over it what he may not hear otherwise.
    let refused = Socket::of(&served, "user").ask(&json!({ "id": 5, "op": "subscribe" }));
    assert_eq!(refused["status"], 403);
    // Nor does he wait for ever for what he may not hear: he is told which right it takes.
    let mut deaf = Socket::of(&served, "owner/me:read,events:read");
    let refused = deaf.ask(&json!({ "id": 7, "op": "subscribe", "types": ["call.*"] }));
    assert_eq!(refused["status"], 403);
    assert!(refused["problem"]["detail"].as_str().unwrap().contains("calls:read"), "{refused}");
    assert_eq!(deaf.ask(&json!({ "id": 8, "op": "subscribe" }))["status"], 403);
    let mut hears = Socket::of(&served, "owner/me:read,events:read,calls:read");
    assert_eq!(hears.ask(&json!({ "id": 9, "op": "subscribe" }))["status"], 204);
    let unopened = Socket::open(&served, "", &[("authorization", "Bearer owner/events:read")]);
    assert_eq!(unopened.err(), Some(403), "to open it takes me:read");
    let own = Socket::of(&served, "user:7").ask(&json!({ "id": 6, "op": "subscribe", "own": true }));
    assert_eq!(own["status"], 204);
}

#[test]
fn a_socket_is_closed_within_a_second_once_its_token_is_taken_back_and_commands_at_once() {
    let served = Served::new("ws-revoked");
    let mut socket = Socket::of(&served, "supervisor:3");
    assert_eq!(socket.ask(&json!({ "id": 1, "op": "subscribe", "types": ["call.*"] }))["status"], 204);
    served.taken_back.lock().unwrap().push("supervisor:3".to_owned());
    socket.say(&json!({ "id": 2, "op": "calls.hangup", "call": CALL }));
    // It is refused, or the socket is closed before it is read.
    let code = loop {
        match socket.0.read().unwrap() {
            Message::Text(text) => {
                assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["status"], 401);
            }
            Message::Close(Some(frame)) => break frame.code,
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, CloseCode::from(4_401));
}

#[test]
fn a_ticket_opens_one_socket_once_and_for_half_a_minute() {
    use std::sync::atomic::Ordering;
    let served = Served::new("ws-ticket");
    let ticket = || {
        let made = served.ask("POST", "/api/v1/me/socket_ticket").json();
        format!("?ticket={}", made["ticket"].as_str().unwrap())
    };
    // From a page of another site, which may have a cookie of somebody else.
    let page = [("origin", "https://crm.example"), ("cookie", "a=b")];
    let first = ticket();
    let mut socket = Socket::open(&served, &first, &page).unwrap();
    assert_eq!(socket.ask(&json!({ "id": 1, "op": "calls.list" }))["status"], 200);
    assert_eq!(Socket::open(&served, &first, &page).err(), Some(401), "a second time");
    assert_eq!(Socket::open(&served, "?ticket=x", &page).err(), Some(401), "of nobody");
    let late = ticket();
    served.hut.now_ms.fetch_add(30_000, Ordering::Relaxed);
    assert_eq!(Socket::open(&served, &late, &page).err(), Some(401), "too late");
    assert_eq!(Socket::open(&served, "", &[]).err(), Some(401), "without anything");
    let elsewhere = served.send("GET", &format!("/api/v1/calls{}", ticket()), &[], "");
    assert_eq!(elsewhere.status, 401, "a ticket opens nothing else");
}

#[test]
fn nobody_has_more_than_four_tickets_and_shuts_nobody_else_out() {
    let served = Served::new("ws-tickets");
    let ticket = |role: &str| {
        let bearer = format!("Bearer {role}");
        let made = served.send("POST", "/api/v1/me/socket_ticket", &[("Authorization", &bearer)], "");
        format!("?ticket={}", made.json()["ticket"].as_str().unwrap())
    };
    let other = ticket("auditor");
    let mine: Vec<String> = (0..6).map(|_| ticket("supervisor")).collect();
    let is_open = |ticket: &String| Socket::open(&served, ticket, &[]).is_ok();
    let open: Vec<bool> = mine.iter().map(is_open).collect();
    assert_eq!(open, [false, false, true, true, true, true]);
    assert!(is_open(&other));
}

#[test]
fn a_message_that_is_too_large_or_no_text_ends_the_socket() {
    let served = Served::new("ws-large");
    let mut binary = Socket::of(&served, TOKEN);
    binary.0.send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(binary.closed(), CloseCode::Unsupported);
    let mut large = Socket::of(&served, TOKEN);
    // It may be closed before all of it was written.
    let _ = large.0.send(Message::text("x".repeat(70_000)));
    assert!(!matches!(large.0.read(), Ok(Message::Text(_))));
}
