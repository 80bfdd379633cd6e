//! Places of others are told what happens, signed, as often as it takes.

use crate::served::Served;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use coeur_api::feed::Kind;
use coeur_api::hooks::{Keeping, Outgoing, Sender, Sent};
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const PATIENCE: Duration = Duration::from_secs(20);

/// A place of somebody else's: what comes is shown to the test, which says what is answered.
struct Place(mpsc::SyncSender<(Outgoing, oneshot::Sender<Sent>)>);

impl Sender for Place {
    fn send(&self, outgoing: Outgoing) -> Pin<Box<dyn Future<Output = Sent> + Send>> {
        let (answer, answered) = oneshot::channel();
        self.0.send((outgoing, answer)).unwrap();
        Box::pin(async { answered.await.unwrap_or_else(|_| Sent::Failed("closed".into())) })
    }
    fn objection(&self, url: &str) -> Option<String> {
        url.contains("127.0.0.1").then(|| "leads inside".to_owned())
    }
}

struct Told {
    served: Served,
    comes: mpsc::Receiver<(Outgoing, oneshot::Sender<Sent>)>,
}

impl Told {
    fn new(name: &str) -> Self {
        let served = Served::new(name);
        let (place, comes) = mpsc::sync_channel(100);
        let keeping = Keeping::open(&served.door, &served.hut.feed, Arc::new(Place(place)));
        served.runtime.spawn(keeping.unwrap_or_else(|why| panic!("{}", why.text)).run());
        Self { served, comes }
    }

    fn hook(&self, types: &[&str]) -> Value {
        let body = json!({ "url": "https://shop.example/hook", "name": "shop", "types": types });
        let made = self.served.give("POST", "/api/v1/webhooks", body);
        assert_eq!(made.status, 201, "{made:?}");
        made.json()
    }

    fn change(&self, account: &str) {
        let made = self.served.give("POST", "/api/v1/accounts", json!({ "account": account }));
        assert_eq!(made.status, 201, "{made:?}");
    }

    fn next(&self) -> (Outgoing, oneshot::Sender<Sent>) {
        self.comes.recv_timeout(PATIENCE).expect("nothing was sent")
    }

    fn deliveries(&self, hook: &Value) -> Vec<Value> {
        let path = format!("/api/v1/webhooks/{}/deliveries", hook["id"].as_str().unwrap());
        self.served.ask("GET", &path).json()["data"].as_array().unwrap().clone()
    }

    /// The newest, once it is so.
    fn until(&self, hook: &Value, is_so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let all = self.deliveries(hook);
            match all.first() {
                Some(newest) if is_so(newest) => return newest.clone(),
                _ if Instant::now() > end => panic!("{all:?}"),
                _ => std::thread::yield_now(),
            }
        }
    }

    /// The clock goes on, and somebody looks at it.
    fn later(&self, by_ms: u64) {
        self.served.hut.now_ms.fetch_add(by_ms, Ordering::Relaxed);
        self.served.hut.feed.publish(Kind::JobProgress, "tick".into(), 0, json!({}));
    }
}

fn answered(status: u16) -> Sent {
    Sent::Answered { status, retry_after_s: None, text: String::new() }
}

fn header<'o>(outgoing: &'o Outgoing, name: &str) -> &'o str {
    &outgoing.headers.iter().find(|(known, _)| *known == name).unwrap().1
}

/// As a receiver checks it who knows nothing of this program.
fn is_signed_by(outgoing: &Outgoing, secret: &Value) -> bool {
    let secret = secret.as_str().and_then(|text| text.strip_prefix("whsec_")).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64.decode(secret).unwrap());
    let (name, at) = (header(outgoing, "webhook-id"), header(outgoing, "webhook-timestamp"));
    let signed = format!("{name}.{at}.{}", outgoing.body);
    let tags = header(outgoing, "webhook-signature").split(' ').filter_map(|tag| tag.strip_prefix("v1,"));
    let mut tags = tags.map(|tag| BASE64.decode(tag).unwrap());
    tags.any(|tag| hmac::verify(&key, signed.as_bytes(), &tag).is_ok())
}

#[test]
fn a_change_is_told_signed_with_a_secret_that_is_shown_once() {
    let told = Told::new("hook-told");
    let hook = told.hook(&["config.changed"]);
    told.change("alice@d");
    let (outgoing, answer) = told.next();
    assert_eq!(outgoing.url, "https://shop.example/hook");
    let event: Value = serde_json::from_str(&outgoing.body).unwrap();
    assert_eq!((&event["type"], &event["subject"]), (&json!("config.changed"), &json!("alice@d")));
    assert_eq!(
        (&event["tenant"], event["id"].as_str()),
        (&json!("ten_1"), Some(header(&outgoing, "webhook-id")))
    );
    assert!(is_signed_by(&outgoing, &hook["secret"]));
    assert!(!is_signed_by(&outgoing, &json!("whsec_AAAA")));
    answer.send(answered(204)).unwrap();
    let delivery = told.until(&hook, |delivery| delivery["state"] == "delivered");
    assert_eq!((&delivery["attempts"], &delivery["status"]), (&json!(1), &json!(204)));
    let shown = told.served.ask("GET", &format!("/api/v1/webhooks/{}", hook["id"].as_str().unwrap()));
    assert!(shown.json().get("secret").is_none(), "{shown:?}");
}

#[test]
fn what_was_answered_is_written_down_before_even_if_its_place_never_answers() {
    let told = Told::new("hook-dead");
    let hook = told.hook(&["config.*"]);
    for n in 0..6 {
        told.change(&format!("a{n}@d"));
        // No waiting: it is there by the time of the answer.
        let all = told.deliveries(&hook);
        assert_eq!((all.len(), &all[0]["state"]), (n + 1, &json!("waiting")), "{all:?}");
    }
    // As many at a time as a place may have, and not one more.
    let flying: Vec<_> = (0..4).map(|_| told.next()).collect();
    assert!(told.comes.try_recv().is_err());
    drop(flying);
    told.next();
}

#[test]
fn a_place_that_fails_is_told_again_under_the_same_name_and_one_that_is_gone_never() {
    let told = Told::new("hook-again");
    let hook = told.hook(&["config.changed"]);
    told.change("alice@d");
    let (first, answer) = told.next();
    answer.send(answered(302)).unwrap();
    let delivery = told.until(&hook, |delivery| delivery["attempts"] == 1);
    assert_eq!((&delivery["state"], &delivery["why"]), (&json!("waiting"), &json!("answered 302 ")));
    told.later(4_999);
    assert!(told.comes.try_recv().is_err(), "it is too early");
    told.later(502);
    let (second, answer) = told.next();
    assert_eq!(header(&first, "webhook-id"), header(&second, "webhook-id"));
    assert_ne!(header(&first, "webhook-timestamp"), header(&second, "webhook-timestamp"));
    answer.send(answered(410)).unwrap();
    told.until(&hook, |delivery| delivery["state"] == "failed");
    let path = format!("/api/v1/webhooks/{}", hook["id"].as_str().unwrap());
    let shown = told.served.ask("GET", &path).json();
    assert_eq!((&shown["enabled"], shown["disabled_because"].is_null()), (&json!(false), false), "{shown}");
    told.change("bob@d");
    assert_eq!(told.deliveries(&hook).len(), 1, "nothing more is told");
    assert_eq!(told.served.give("PATCH", &path, json!({ "enabled": true })).status, 200);
    let id = told.deliveries(&hook)[0]["id"].as_str().unwrap().to_owned();
    let resend = format!("{path}/deliveries/{id}/actions/resend");
    assert_eq!(told.served.ask("POST", &resend).status, 200);
    let rows = told.served.ask("GET", "/api/v1/audit_log").json()["data"].clone();
    assert_eq!((&rows[0]["action"], &rows[0]["subject"]), (&json!("webhook.resent"), &hook["id"]), "{rows}");
    let (third, answer) = told.next();
    assert_eq!(header(&first, "webhook-id"), header(&third, "webhook-id"));
    answer.send(answered(200)).unwrap();
    told.until(&hook, |delivery| delivery["state"] == "delivered");
}

#[test]
fn a_new_secret_signs_at_once_and_the_old_one_for_a_day_more() {
    let told = Told::new("hook-rotate");
    let hook = told.hook(&["config.changed"]);
    let path = format!("/api/v1/webhooks/{}", hook["id"].as_str().unwrap());
    let rotated = told.served.ask("POST", &format!("{path}/actions/rotate_secret")).json();
    assert_ne!(rotated["secret"], hook["secret"]);
    told.change("alice@d");
    let (outgoing, _) = told.next();
    assert!(is_signed_by(&outgoing, &rotated["secret"]) && is_signed_by(&outgoing, &hook["secret"]));
    told.later(24 * 3_600_000);
    told.change("bob@d");
    let bobs = std::iter::from_fn(|| Some(told.next().0)).find(|outgoing| outgoing.body.contains("bob@d"));
    let outgoing = bobs.unwrap();
    assert!(is_signed_by(&outgoing, &rotated["secret"]) && !is_signed_by(&outgoing, &hook["secret"]));
}

#[test]
fn a_webhook_is_tried_on_demand_and_hears_of_its_types_alone() {
    let told = Told::new("hook-test");
    let hook = told.hook(&["call.*"]);
    told.change("alice@d");
    assert_eq!(told.deliveries(&hook).len(), 0);
    let path = format!("/api/v1/webhooks/{}/actions/test", hook["id"].as_str().unwrap());
    let made = told.served.ask("POST", &path);
    assert_eq!((made.status, &made.json()["state"]), (201, &json!("waiting")));
    let rows = told.served.ask("GET", "/api/v1/audit_log").json()["data"].clone();
    assert_eq!((&rows[0]["action"], &rows[0]["subject"]), (&json!("webhook.tested"), &hook["id"]), "{rows}");
    let (outgoing, answer) = told.next();
    assert!(outgoing.body.contains("webhook.test") && is_signed_by(&outgoing, &hook["secret"]));
    answer.send(answered(200)).unwrap();
    told.until(&hook, |delivery| delivery["state"] == "delivered");
}

#[test]
fn an_address_that_leads_inside_or_carries_a_password_is_refused_and_a_type_that_is_none() {
    let told = Told::new("hook-wrong");
    for (url, types) in [
        ("https://127.0.0.1/", "call.*"),
        ("https://user:secret@shop.example/", "call.*"),
        ("ftp://shop.example/", "call.*"),
        ("/hook", "call.*"),
        ("https://shop.example/", "weather.*"),
        ("https://shop.example/", "call.ended,config.changed"),
    ] {
        let refused = told.served.give("POST", "/api/v1/webhooks", json!({ "url": url, "types": [types] }));
        assert_eq!(refused.code(), "invalid", "{url} {types}");
    }
}

#[test]
fn a_webhook_tells_nobody_what_he_may_not_read_himself() {
    let told = Told::new("told-of");
    let ask = |bearer: &str, method: &str, path: &str, body: Value| {
        let bearer = format!("Bearer {bearer}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        told.served.send(method, path, &headers, &body.to_string())
    };
    let body = |types: &[&str]| json!({ "url": "https://me.example/hook", "types": types });
    let narrow = "admin/webhooks:write,calls:read";
    assert_eq!(ask(narrow, "POST", "/api/v1/webhooks", body(&["config.*"])).code(), "forbidden");
    let made = ask(narrow, "POST", "/api/v1/webhooks", body(&[]));
    assert_eq!(made.status, 201, "{made:?}");
    let types = made.json()["types"].to_string();
    assert!(types.contains("call.started") && !types.contains("config.changed"), "{types}");
    // Nor is what others' webhooks were told shown to him.
    let hook = told.hook(&[]);
    told.change("carol@d");
    told.until(&hook, |delivery| delivery["type"] == "config.changed");
    let path = format!("/api/v1/webhooks/{}/deliveries", hook["id"].as_str().unwrap());
    let shown = |bearer: &str| ask(bearer, "GET", &path, json!({})).json()["data"][0]["body"].to_string();
    assert_eq!(shown("owner/webhooks:read"), "\"\"");
    assert!(shown("owner/*:read").contains("config.changed"));
    // Nor is one that tells more sent to where he is.
    let place = format!("/api/v1/webhooks/{}", hook["id"].as_str().unwrap());
    let moved = ask(
        "owner/webhooks:write,webhooks:read,calls:read",
        "PATCH",
        &place,
        json!({ "url": "https://me.example/" }),
    );
    assert!(!moved.json()["types"].to_string().contains("config.changed"), "{moved:?}");
}

#[test]
fn who_is_no_owner_has_the_webhooks_of_his_tenant_alone() {
    let told = Told::new("hook-tenants");
    let own = told.hook(&[]);
    let body = json!({ "url": "https://boss.example/", "tenant": "*" });
    let all = told.served.give("POST", "/api/v1/webhooks", body.clone()).json();
    assert_eq!(all["tenant"], Value::Null);
    let ask = |who: &str, method: &str, path: &str, body: &str| {
        let bearer = format!("Bearer {who}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        told.served.send(method, path, &headers, body)
    };
    let listed = ask("admin", "GET", "/api/v1/webhooks", "").json()["data"].clone();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &own["id"]));
    let path = format!("/api/v1/webhooks/{}", all["id"].as_str().unwrap());
    for (method, tail, body) in [
        ("GET", "", ""),
        ("PATCH", "", r#"{"enabled":false}"#),
        ("DELETE", "", ""),
        ("POST", "/actions/test", ""),
        ("POST", "/actions/rotate_secret", ""),
        ("GET", "/deliveries", ""),
        ("POST", "/deliveries/del_1/actions/resend", ""),
    ] {
        assert_eq!(ask("admin", method, &format!("{path}{tail}"), body).status, 404, "{method} {tail}");
    }
    assert_eq!(ask("admin", "POST", "/api/v1/webhooks", &body.to_string()).status, 403);
    assert_eq!(ask("supervisor", "GET", "/api/v1/webhooks", "").status, 403);
}
