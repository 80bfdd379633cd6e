//! What is sent twice, and too often.

use crate::served::Served;
use serde_json::json;

#[test]
fn a_post_that_is_sent_twice_is_done_once() {
    let served = Served::new("twice");
    let body = json!({ "account": "alice@d" }).to_string();
    let send = |key: &str, body: &str| {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        served.owner("POST", "/api/v1/accounts", &headers, body)
    };
    let (first, second) = (send("k1", &body), send("k1", &body));
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.json(), second.json(), "the secret too");
    assert_eq!(
        (first.header("location"), second.header("idempotent-replayed")),
        (second.header("location"), Some("true"))
    );
    assert_eq!(served.hut.directory.accounts(), 1);
    let other = send("k1", &json!({ "account": "bob@d" }).to_string());
    assert_eq!((other.status, other.code().as_str()), (422, "unprocessable"));
    assert_eq!(send("k2", &body).status, 409, "another key is another request");
    // What was refused is not remembered.
    served.give("POST", "/api/v1/domains", json!({ "domain": "e" }));
    assert_eq!(send("k2", &json!({ "account": "alice@e" }).to_string()).status, 201);
    assert_eq!(send("", &body).code(), "invalid");
}

#[test]
fn who_asks_too_often_is_told_to_wait_and_who_guesses_is_not_heard() {
    let served = Served::new("often");
    let answer = served.ask("GET", "/api/v1/status");
    assert_eq!(answer.header("ratelimit-policy"), Some("\"default\";q=1200;w=60"));
    assert_eq!(answer.header("ratelimit"), Some("\"default\";r=1199;t=1"));
    let guess = || served.send("GET", "/api/v1/status", &[("Authorization", "Bearer guess")], "");
    for _ in 0..60 {
        assert_eq!(guess().status, 401);
    }
    let refused = guess();
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many"));
    assert!(refused.header("retry-after").is_some());
    served.hut.now_ms.fetch_add(60_000, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(served.ask("GET", "/api/v1/status").status, 200);
}

#[test]
fn what_is_sent_again_after_a_restart_is_answered_what_it_was_answered_first() {
    let mut served = Served::new("twice-restart");
    let body = json!({ "account": "alice@d" }).to_string();
    let send = |served: &Served| {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "k1")];
        served.owner("POST", "/api/v1/accounts", &headers, &body)
    };
    let first = send(&served);
    assert_eq!(first.status, 201);
    served.restart();
    let second = send(&served);
    assert_eq!((second.status, second.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(first.json(), second.json(), "the secret too");
    served.hut.now_ms.fetch_add(24 * 3_600_000 + 1, std::sync::atomic::Ordering::Relaxed);
    served.restart();
    assert_eq!(send(&served).status, 409, "a day later it is another request");
}
