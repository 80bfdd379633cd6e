//! Who is no owner neither names nor sees what is of another tenant, whatever his role and whatever the operation.

use crate::served::{Answer, CALL, CRM, Served, TOKEN};
use coeur_api::rest::Role;
use coeur_api::{CallView, LegView, RegistrationView};
use coeur_storage::{CallRow, Keep, RecordingRow, SideRow};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// What they have has one of these in it, wherever it is shown.
const MARKS: [&str; 4] = ["eve", "second", "ten_2", "Theirs"];

/// Where something of theirs is listed for an owner.
const LISTS: [&str; 20] = [
    "/accounts",
    "/api_tokens",
    "/call_quality?by=account",
    "/call_records",
    "/call_records:export",
    "/call_records:export?format=jsonl",
    "/calls",
    "/contacts",
    "/contacts?tenant=second",
    "/contacts:export?tenant=second",
    "/domains",
    "/groups",
    "/groups?tenant=second",
    "/numbers",
    "/phones",
    "/recordings",
    "/registrations",
    "/tenants",
    "/users",
    "/users?tenant=second",
];

const NOW_MS: u64 = 1_800_000_100_000;
const RECORD: u128 = 1_800_000_000_000 << 80 | 5;

/// Two tenants: `d` and alice are of the first, `e.second` and eve of the other, and what hangs on each.
struct Two {
    served: Served,
    /// What a part of a path may be, all of theirs.
    theirs: Vec<(&'static str, Vec<String>)>,
}

fn made(served: &Served, path: &str, body: Value) -> Value {
    let made = served.give("POST", &format!("/api/v1{path}"), body);
    assert_eq!(made.status, 201, "{path}: {made:?}");
    made.json()
}

fn text(of: &Value) -> String {
    of.as_str().unwrap_or_else(|| panic!("{of}")).to_owned()
}

fn two(name: &str) -> Two {
    let served = Served::new(name);
    made(&served, "/users", json!({ "login": "alice", "account": "alice@d" }));
    made(&served, "/tenants", json!({ "name": "second" }));
    made(&served, "/domains", json!({ "domain": "e.second", "tenant": "second" }));
    let body = json!({ "login": "eve", "tenant": "second", "account": "eve@e.second", "aliases": ["201"] });
    let eve = made(&served, "/users", body);
    let group = made(&served, "/groups", json!({ "name": "sales", "tenant": "second" }));
    let contact = made(&served, "/contacts", json!({ "name": "Theirs", "tenant": "second" }));
    let number = made(&served, "/numbers", json!({ "number": "+33123456789", "tenant": "second" }));
    let hook = json!({ "url": "https://hook.example/", "tenant": "second" });
    let hook = made(&served, "/webhooks", hook);
    let token = json!({ "user": "eve", "name": "of eve", "scopes": ["status:read"] });
    let token = text(&made(&served, "/api_tokens", token)["api_token"]["id"]);
    let phone = made(&served, "/phones", json!({ "account": "eve@e.second" }));
    let side = |account: &str| SideRow { account: Some(account.into()), ..SideRow::default() };
    let row = CallRow {
        id: RECORD,
        ring_after_ms: Some(200),
        answered_at_ms: Some(1_800_000_005_000),
        ended_at_ms: 1_800_000_065_000,
        status: 200,
        ended_by: "caller".into(),
        reason: None,
        q850_cause: None,
        to: "sip:adam@e.second".into(),
        media: None,
        transfer_of: None,
        forwarded_by: None,
        verdict: Some("eve is not heard".into()),
        caller: side("eve@e.second"),
        callee: Some(side("adam@e.second")),
        payer: None,
    };
    served.hut.now_ms.store(NOW_MS, Ordering::Relaxed);
    served.door.keep_calls(&[row], Keep { days: 365, calls: 1_000 }).map_err(|why| why.text).unwrap();
    let recording = RecordingRow {
        call: RECORD,
        part: 1,
        file: "recordings/eve.wav".into(),
        sha256: "00".repeat(32).into(),
        bytes: 44,
        began_at_ms: 1_800_000_005_000,
        recorded_ms: 1,
        lost_ms: 0,
        pauses: "".into(),
        asked_by: "eve@e.second".into(),
        ended: "ended".into(),
    };
    assert!(served.door.keep_recording(&recording).map_err(|why| why.text).unwrap());
    let caller = LegView { account: Some("eve@e.second".into()), ..LegView::default() };
    served.hut.calls.lock().unwrap().push(CallView { call: CALL.into(), caller, ..CallView::default() });
    served.hut.registered.lock().unwrap().push(RegistrationView {
        account: "eve@e.second".into(),
        contact: "sip:eve@192.0.2.1".into(),
        flow: "udp 192.0.2.1:5060".into(),
        device: "1".into(),
        expires_in_s: 60,
    });
    let record = format!("{RECORD:032x}");
    let record = [&record[..8], &record[8..12], &record[12..16], &record[16..20], &record[20..]].join("-");
    let theirs = vec![
        ("account", vec!["eve@e.second".to_owned(), text(&eve["account"]["id"])]),
        ("device", vec![text(&eve["device_id"])]),
        ("alias", vec!["201".to_owned()]),
        ("user", vec!["eve".to_owned(), "EVE".to_owned(), text(&eve["user"]["id"])]),
        ("tenant", vec!["second".to_owned(), "ten_2".to_owned()]),
        ("domain", vec!["e.second".to_owned(), "E.second".to_owned()]),
        ("group", vec!["sales".to_owned(), text(&group["id"])]),
        ("contact", vec![text(&contact["id"])]),
        ("number", vec!["+33123456789".to_owned(), text(&number["id"])]),
        ("webhook", vec![text(&hook["id"])]),
        ("delivery", vec!["dlv_1".to_owned()]),
        // Whatever else could be read as the same number is no name of it.
        ("token", vec![token.clone(), token.replacen("tok_0", "tok_+", 1)]),
        ("phone", vec![text(&phone["phone_id"])]),
        ("call", vec![format!("call_{CALL}"), format!("call_{record}")]),
        ("job", vec!["job_1".to_owned()]),
    ];
    served.hut.ordered.lock().unwrap().clear();
    Two { served, theirs }
}

impl Two {
    /// With what is theirs in the place of each part.
    fn addresses(&self, path: &str) -> Vec<String> {
        let mut found = vec![path.to_owned()];
        for (name, values) in &self.theirs {
            let part = format!("{{{name}}}");
            let with = |address: String| -> Vec<String> {
                match address.contains(&part) {
                    true => values.iter().map(|value| address.replace(&part, value)).collect(),
                    false => vec![address],
                }
            };
            found = found.into_iter().flat_map(with).collect();
        }
        found
    }

    /// All that can be seen of it, with everything that was written down.
    fn all(&self) -> Vec<String> {
        let ask = |path: &str| self.served.ask("GET", &format!("/api/v1{path}")).body;
        let mut all: Vec<String> = LISTS.iter().map(|path| ask(path)).collect();
        all.extend(["/audit_log?limit=1000", "/webhooks", "/accounts/eve@e.second"].map(ask));
        all.push(self.served.hut.ordered.lock().unwrap().join(" "));
        all
    }

    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.served.give_as(token, method, path, body.clone())
    }
}

fn others() -> impl Iterator<Item = Role> {
    Role::ALL.into_iter().filter(|role| *role != Role::Owner)
}

#[test]
fn no_operation_reaches_what_a_path_names_of_another_tenant() {
    let two = two("fence-paths");
    let (before, document) = (two.all(), coeur_api::rest::document());
    let (mut tried, mut not_there) = (0, 0);
    for (path, methods) in document["paths"].as_object().unwrap() {
        if !path.contains('{') {
            continue;
        }
        for (method, address) in methods
            .as_object()
            .unwrap()
            .keys()
            .flat_map(|method| two.addresses(path).into_iter().map(move |address| (method, address)))
        {
            assert!(!address.contains('{'), "{path} has a part of which this test knows no example");
            // Nobody asks too often: a minute passes with each.
            two.served.hut.now_ms.fetch_add(60_000, Ordering::Relaxed);
            for role in others() {
                let token = format!("{}/*:admin", role.as_str());
                let answer = two.ask(&token, &method.to_uppercase(), &address, &json!({}));
                let status = answer.status;
                assert!(
                    status == 404 || status == 403,
                    "{method} {address} as {}: {answer:?}",
                    role.as_str()
                );
                let shown = answer.json()["detail"].to_string();
                assert!(!shown.contains("recording") && !shown.contains("is over"), "{address}: {shown}");
                (tried, not_there) = (tried + 1, not_there + usize::from(status == 404));
            }
        }
    }
    two.served.hut.now_ms.store(NOW_MS, Ordering::Relaxed);
    assert!(tried > 500 && not_there > 150, "{tried} {not_there}");
    for (before, after) in before.iter().zip(two.all()) {
        assert_eq!(*before, after, "something has changed");
    }
}

#[test]
fn no_list_shows_what_is_of_another_tenant() {
    let two = two("fence-lists");
    for path in LISTS {
        let address = format!("/api/v1{path}");
        let shown = |text: &str| MARKS.iter().any(|mark| text.contains(mark));
        let owner = two.served.ask("GET", &address);
        assert!(owner.status == 200 && shown(&owner.body), "{path}: {owner:?}");
        for role in others() {
            let token = format!("{}/*:admin", role.as_str());
            let answer = two.ask(&token, "GET", &address, &json!({}));
            match answer.status {
                200 => assert!(!shown(&answer.body), "{path} as {}: {answer:?}", role.as_str()),
                404 => assert!(path.contains("second"), "{path}: {answer:?}"),
                403 => {}
                _ => panic!("{path} as {}: {answer:?}", role.as_str()),
            }
        }
    }
    let mine = two.ask("admin", "GET", "/api/v1/accounts", &json!({})).json();
    assert_eq!(mine["data"][0]["account"], "alice@d", "{mine}");
}

/// The same answer as where the names are nobody's.
#[test]
fn what_a_body_or_a_query_names_of_another_tenant_is_not_there() {
    let two = two("fence-bodies");
    let before = two.all();
    let group = two.theirs.iter().find(|(name, _)| *name == "group").unwrap().1[1].clone();
    let cases = [
        ("POST", "/users", json!({ "login": "x", "tenant": "second" })),
        ("POST", "/users", json!({ "login": "x", "account": "x@e.second" })),
        ("POST", "/users", json!({ "login": "x", "account": "x@d", "aliases": ["x@e.second"] })),
        ("POST", "/users?dry_run=true", json!({ "login": "x", "account": "x@e.second" })),
        ("POST", "/accounts", json!({ "account": "x@e.second" })),
        ("POST", "/accounts", json!({ "account": "x@d", "user": "eve" })),
        ("PATCH", "/accounts/alice@d", json!({ "user": "eve" })),
        ("PATCH", "/accounts/alice@d", json!({ "groups": [group] })),
        ("PATCH", "/accounts/alice@d", json!({ "groups": ["sales"] })),
        ("POST", "/accounts/alice@d/aliases", json!({ "alias": "x@e.second" })),
        ("POST", "/groups", json!({ "name": "x", "tenant": "second" })),
        ("POST", "/contacts", json!({ "name": "x", "tenant": "second" })),
        ("POST", "/numbers", json!({ "number": "+33123456788", "tenant": "second" })),
        ("POST", "/api_tokens", json!({ "user": "eve", "name": "x", "scopes": ["status:read"] })),
        ("POST", "/phones", json!({ "account": "eve@e.second" })),
        ("POST", "/phones", json!({ "account": "alice@d", "also": [{ "account": "eve@e.second" }] })),
        ("POST", "/phones:render", json!({ "account": "eve@e.second" })),
        ("POST", "/calls", json!({ "from": "eve@e.second", "to": "201" })),
        ("POST", "/phone_tickets", json!({ "account": "eve@e.second", "origin": CRM })),
        ("POST", "/me/phone_ticket", json!({ "account": "eve@e.second" })),
        ("GET", "/users?tenant=second", json!({})),
        ("GET", "/groups?tenant=second", json!({})),
        ("GET", "/contacts?tenant=second", json!({})),
        ("GET", "/api_tokens?user=eve", json!({})),
        ("GET", "/registrations?account=eve@e.second", json!({})),
        ("GET", "/calls?account=eve@e.second", json!({})),
    ];
    for (method, path, body) in cases {
        let nobodys = |text: &str| {
            let text = text.replace("e.second", "e.third").replace("eve", "nix").replace("second", "third");
            text.replace(&group, "grp_99").replace("sales", "none")
        };
        let ask = |path: &str, body: &Value| {
            let answer = two.ask("admin/*:admin", method, &format!("/api/v1{path}"), body);
            let json = answer.json();
            (answer.status, nobodys(&json["code"].to_string()), nobodys(&json["detail"].to_string()))
        };
        let theirs = ask(path, &body);
        let nobody = ask(&nobodys(path), &serde_json::from_str(&nobodys(&body.to_string())).unwrap());
        assert_eq!(theirs.0, 404, "{method} {path} {body}: {theirs:?}");
        assert_eq!(theirs, nobody, "{method} {path} {body}");
    }
    for dry in ["?dry_run=true", ""] {
        let bearer = ("Authorization", "Bearer admin/*:admin");
        let file = "login,account,tenant\nx,x@e.second,\ny,,second\nz,z@d,\n";
        let path = format!("/api/v1/users:import{dry}");
        let answer = two.served.send("POST", &path, &[bearer, ("Content-Type", "text/csv")], file);
        if dry.is_empty() {
            assert_eq!(answer.status, 202, "{answer:?}");
            continue;
        }
        assert_eq!(answer.json()["rows"]["failed"], 2, "{answer:?}");
        for (before, after) in before.iter().zip(two.all()) {
            assert_eq!(*before, after, "something has changed");
        }
    }
    let is_there = |login: &str| two.served.ask("GET", &format!("/api/v1/users/{login}")).status == 200;
    let begun = std::time::Instant::now();
    while !is_there("z") {
        assert!(begun.elapsed().as_secs() < 10, "the third row is ours");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(!is_there("x") && !is_there("y"));
}

#[test]
fn a_name_that_two_tenants_give_is_ones_own() {
    let two = two("fence-names");
    let body = json!({ "name": "sales" });
    let ours = text(&two.ask("admin", "POST", "/api/v1/groups", &body).json()["id"]);
    let shown = two.ask("admin", "GET", "/api/v1/groups/sales", &json!({}));
    assert_eq!(shown.json()["id"], ours.as_str(), "{shown:?}");
    let bearer = format!("Bearer {TOKEN}");
    let owner = two.served.send("GET", "/api/v1/groups/sales", &[("Authorization", &bearer)], "");
    assert_eq!(owner.code(), "invalid", "an owner has both");
}

/// A call between two tenants is of both of them.
#[test]
fn a_call_with_another_tenant_is_ones_own_too() {
    let two = two("fence-calls");
    let callee = LegView { account: Some("alice@d".into()), ..LegView::default() };
    two.served.hut.calls.lock().unwrap()[0].callee = Some(callee);
    let shown = two.ask("supervisor", "GET", &format!("/api/v1/calls/call_{CALL}"), &json!({}));
    assert_eq!(shown.status, 200, "{shown:?}");
    let listed = two.ask("supervisor", "GET", "/api/v1/calls", &json!({}));
    assert_eq!(listed.json()["data"].as_array().map(Vec::len), Some(1), "{listed:?}");
}
