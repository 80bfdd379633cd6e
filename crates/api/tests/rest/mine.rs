//! What is one's own ends where another's begins.

use crate::served::Served;
use coeur_storage::{CallRow, Keep, SideRow, WayRow};
use serde_json::json;

const KEEP: Keep = Keep { days: 365, calls: 1_000_000 };

/// The accounts `alice@d`, of a user, and `desk@d`, of nobody; and the token of that user.
fn served(name: &str) -> (Served, String) {
    let served = Served::new(&format!("mine-{name}"));
    assert_eq!(served.give("POST", "/api/v1/accounts", json!({ "account": "desk@d" })).status, 201);
    let made = served.give("POST", "/api/v1/users", json!({ "login": "alice", "account": "alice@d" })).json();
    let user = made["user"]["id"].as_str().or(made["id"].as_str()).and_then(|id| id.strip_prefix("usr_"));
    let token = format!("user:{}", user.unwrap_or_else(|| panic!("{made}")));
    (served, token)
}

/// The n-th call of a millisecond, from alice to the desk.
fn call(n: u32) -> CallRow {
    let side = |account: &str, remote: &str, call_id: &str| SideRow {
        account: Some(account.into()),
        device: Some(1),
        address: format!("<sip:{account}>").into(),
        user_agent: "".into(),
        transport: Some("tls".into()),
        remote: Some(remote.into()),
        call_id: call_id.into(),
        codec: None,
        protection: None,
        received: WayRow::default(),
        sent: WayRow::default(),
        round_trip_us: None,
    };
    CallRow {
        id: 1_800_000_000_000 << 80 | 7 << 76 | 2 << 62 | u128::from(n),
        ring_after_ms: None,
        answered_at_ms: None,
        ended_at_ms: 1_800_000_060_000,
        status: 487,
        ended_by: "caller".into(),
        reason: None,
        q850_cause: None,
        to: "sip:desk@d".into(),
        media: None,
        transfer_of: None,
        forwarded_by: None,
        verdict: None,
        caller: side("alice@d", "192.0.2.7:40000", "a-call-of-hers"),
        callee: Some(side("desk@d", "198.51.100.9:5060", "b-call-of-the-desk")),
        payer: None,
    }
}

#[test]
fn a_search_in_ones_own_calls_finds_nothing_out_about_the_network_of_the_other() {
    let (served, alice) = served("search");
    served.door.keep_calls(&[call(1)], KEEP).map_err(|why| why.text).unwrap();
    let found = |path: &str, token: &str, part: &str| {
        let bearer = format!("Bearer {token}");
        let answer =
            served.send("GET", &format!("/api/v1{path}?q={part}"), &[("Authorization", &bearer)], "");
        answer.json()["data"].as_array().map(Vec::len)
    };
    for part in ["198.51.100", "b-call-of"] {
        assert_eq!(found("/me/call_records", &alice, part), Some(0), "{part}");
        assert_eq!(found("/call_records", "auditor", part), Some(1), "{part}");
    }
    assert_eq!(found("/me/call_records", &alice, "desk@d"), Some(1));
}

#[test]
fn who_is_given_an_account_sees_none_of_the_calls_of_who_had_it() {
    let (served, alice) = served("handed");
    let bob = served.give("POST", "/api/v1/users", json!({ "login": "bob" })).json();
    let bob = bob["user"]["id"].as_str().or(bob["id"].as_str()).expect("made").to_owned();
    let token = format!("user:{}", bob.trim_start_matches("usr_"));
    served.door.keep_calls(&[call(1)], KEEP).map_err(|why| why.text).unwrap();
    let calls = |token: &str| {
        let bearer = format!("Bearer {token}");
        let answer = served.send("GET", "/api/v1/me/call_records", &[("Authorization", &bearer)], "");
        answer.json()["data"].as_array().map(Vec::len)
    };
    assert_eq!(calls(&alice), Some(1));
    let began_ms = (call(1).id >> 80) as u64;
    served.hut.now_ms.store(began_ms + 60_000, std::sync::atomic::Ordering::Relaxed);
    let given = served.give("PATCH", "/api/v1/accounts/alice@d", json!({ "user": bob }));
    assert_eq!(given.status, 200, "{given:?}");
    assert_eq!(calls(&token), Some(0));
    assert_eq!(
        served.send("GET", "/api/v1/call_records", &[("Authorization", "Bearer auditor")], "").json()["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

/// A phone with alice's line and the desk's.
fn shared(served: &Served) -> (String, String) {
    let body = json!({
        "account": "alice@d", "also": [{ "account": "desk@d" }], "vendor": "yealink", "model": "T54W", "mac": "249ad888d0f4",
        "transport": "tcp",
    });
    let made = served.give("POST", "/api/v1/phones", body);
    assert_eq!(made.status, 201, "{made:?}");
    (made.json()["phone_id"].as_str().unwrap().into(), made.json()["device_id"].as_str().unwrap().into())
}

#[test]
fn who_connects_his_device_again_gets_no_phone_that_is_somebody_elses_too() {
    let (served, alice) = served("shared");
    let (phone, device) = shared(&served);
    let before = served.ask("GET", &format!("/api/v1/phones/{phone}")).json();
    let refused = served.give_as(&alice, "POST", &format!("/api/v1/me/devices/{device}/links"), json!({}));
    assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"));
    // Nor by the hardware address that is written on it.
    let body = json!({ "vendor": "yealink", "mac": "249ad888d0f4" });
    let refused = served.give_as(&alice, "POST", "/api/v1/me/devices", body);
    assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"));
    assert_eq!(served.ask("GET", &format!("/api/v1/phones/{phone}")).json(), before);
    // One that is hers alone she connects again as often as she likes.
    let made = served.give_as(&alice, "POST", "/api/v1/me/devices", json!({ "vendor": "linphone" }));
    assert_eq!(made.status, 201, "{made:?}");
    let own = made.json()["device_id"].as_str().unwrap().to_owned();
    let again = served.give_as(&alice, "POST", &format!("/api/v1/me/devices/{own}/links"), json!({}));
    assert_eq!(again.status, 201, "{again:?}");
}

#[test]
fn a_phone_that_is_connected_again_keeps_its_other_lines_and_what_is_not_said() {
    let (served, _) = served("kept");
    let (phone, device) = shared(&served);
    let shown = || {
        let shown = served.ask("GET", &format!("/api/v1/phones/{phone}")).json();
        ["lines", "vendor", "model", "mac", "transport"].map(|name| shown[name].clone())
    };
    let before = shown();
    let connect = format!("/api/v1/accounts/alice@d/devices/{device}/actions/connect");
    let again = served.give("POST", &connect, json!({}));
    assert_eq!((again.status, again.json()["phone_id"].as_str()), (201, Some(&*phone)), "{again:?}");
    assert_eq!(shown(), before);
    let again = served.give("POST", &connect, json!({ "model": "T57W" }));
    assert_eq!(again.status, 201, "{again:?}");
    let [lines, _, model, mac, _] = shown();
    assert_eq!((&lines, model.as_str(), &mac), (&before[0], Some("T57W"), &before[3]));
}

#[test]
fn a_phone_that_asked_the_network_is_told_by_who_has_a_right_over_phones_alone() {
    let (served, alice) = served("claim");
    let body = json!({ "vendor": "yealink", "mac": "249ad8000001" });
    let made = served.give_as(&alice, "POST", "/api/v1/me/devices", body);
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(*served.hut.adopted.lock().unwrap(), [""; 0], "it may be anybody's");
    let body = json!({ "account": "alice@d", "vendor": "yealink", "mac": "249ad8000001" });
    assert_eq!(served.give("POST", "/api/v1/phones", body).status, 201);
    assert_eq!(*served.hut.adopted.lock().unwrap(), ["249ad8000001"]);
}

#[test]
fn an_export_that_cannot_be_made_is_refused_before_anything_is_sent() {
    let (served, _) = served("export-refused");
    let refused = served.ask("GET", "/api/v1/call_records:export?account=");
    assert!((400..500).contains(&refused.status), "{refused:?}");
    assert!(refused.json()["hint"].is_string(), "{refused:?}");
    let all = served.ask("GET", "/api/v1/call_records:export");
    assert!(all.status == 200 && all.body.contains("id,start_at"), "{all:?}");
}

#[test]
fn an_export_is_broken_off_once_its_token_is_taken_back() {
    let (served, _) = served("export");
    // More than the pages that wait for a reader and what is under way hold.
    let calls: Vec<CallRow> = (0..25_000).map(call).collect();
    for some in calls.chunks(5_000) {
        served.door.keep_calls(some, KEEP).map_err(|why| why.text).unwrap();
    }
    let path = "/api/v1/call_records:export?format=jsonl";
    let mut reading = served.read("GET", path, &[("Authorization", "Bearer auditor:3")]);
    reading.head();
    served.taken_back.lock().unwrap().push("auditor:3".to_owned());
    let rest = reading.rest();
    assert!(!rest.ends_with("0\r\n\r\n"), "half a file does not look like a whole one");
    assert!(rest.matches("call_").count() < 25_000);
}
