//! Calls that are begun and controlled.

use crate::served::{CALL, Served};
use serde_json::{Value, json};

fn ordered(served: &Served) -> Vec<String> {
    std::mem::take(&mut *served.hut.ordered.lock().unwrap())
}

#[test]
fn a_call_is_begun_for_an_account_and_its_name_is_the_answer() {
    let served = Served::new("originate");
    let made = served.give("POST", "/api/v1/users", json!({ "login": "alice", "account": "alice@d" }));
    let device = made.json()["device_id"].as_str().unwrap().to_owned();
    let account = made.json()["account"]["id"].as_str().unwrap().to_owned();
    let begun = served.give("POST", "/api/v1/calls", json!({ "from": "alice@d", "to": "201" }));
    assert_eq!(begun.status, 201, "{begun:?}");
    let id = format!("call_{CALL}");
    assert_eq!(begun.json(), json!({ "id": id, "from": "alice@d", "to_uri": "sip:201@d" }));
    assert_eq!(begun.header("location"), Some(format!("/api/v1/calls/{id}").as_str()));
    let body = json!({
        "from": account, "to": "tel:+331", "device": device, "caller_display": "Sales", "auto_answer": true, "timeout_s": 9
    });
    assert_eq!(served.give("POST", "/api/v1/calls", body).status, 201);
    let number = device.strip_prefix("dev_").unwrap();
    assert_eq!(
        ordered(&served),
        ["alice@d 0 sip:201@d 30 false".to_owned(), format!("alice@d {number} tel:+331 9 true")]
    );
    let row = served.ask("GET", "/api/v1/audit_log?limit=1").json();
    assert_eq!(
        (&row["data"][0]["action"], &row["data"][0]["subject"]),
        (&json!("call.originated"), &json!(CALL))
    );
    for (body, status) in [
        (json!({ "from": "carol@d", "to": "201" }), 404),
        (json!({ "from": "alice@d", "to": "nobody" }), 404),
        (json!({ "from": "alice@d", "to": "a b" }), 400),
        (json!({ "from": "alice@d", "to": "a>\r\nX: y" }), 400),
        (json!({ "from": "alice@d", "to": "201", "device": "dev_999" }), 404),
        (json!({ "from": "alice@d", "to": "201", "timeout_s": 0 }), 400),
        (json!({ "from": "alice@d", "to": "201", "caller_display": "a\nb" }), 400),
        (json!({ "from": "alice@d" }), 400),
    ] {
        let refused = served.give("POST", "/api/v1/calls", body.clone());
        let expected = if status == 400 {
            refused.status / 100 == 4 && refused.status != 404
        } else {
            refused.status == status
        };
        assert!(expected, "{body}: {refused:?}");
        refused.code();
    }
    assert!(ordered(&served).is_empty());
}

#[test]
fn what_is_ordered_of_a_call_is_done_written_down_and_told() {
    let served = Served::new("control");
    let order = |action: &str, body: Value| {
        served.give("POST", &format!("/api/v1/calls/call_{CALL}/actions/{action}"), body)
    };
    for (action, body) in [
        ("hold", json!({ "side": "callee" })),
        ("resume", json!({ "side": "both" })),
        ("unmute", json!({ "side": "caller" })),
        ("dtmf", json!({ "side": "callee", "digits": "12#" })),
        ("transfer", json!({ "side": "caller", "to": "201" })),
        ("transfer", json!({ "side": "caller", "to_call": format!("call_{CALL}") })),
    ] {
        assert_eq!(order(action, body.clone()).status, 204, "{action} {body}");
    }
    assert_eq!(
        ordered(&served),
        [
            "Hold { side: Callee }",
            "Resume { side: Both }",
            "Unmute { side: Caller }",
            "Dtmf { side: Callee, digits: \"12#\", ms: 160 }",
            "Transfer { side: Caller, to: \"201\" }",
            &format!("Attend {{ side: Caller, call: \"{CALL}\" }}"),
        ]
    );
    let rows = served.ask("GET", "/api/v1/audit_log?limit=6").json();
    let actions: Vec<&str> =
        rows["data"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        [
            "call.transferred",
            "call.transferred",
            "call.keys_sent",
            "call.unmuted",
            "call.resumed",
            "call.held"
        ]
    );
    assert!(!rows.to_string().contains("12#"), "which keys is nobody's business: {rows}");
    // A conflict with what is, nothing to do, and what no call is.
    assert_eq!(order("mute", json!({ "side": "both" })).status, 409);
    assert_eq!(order("transfer", json!({ "side": "caller" })).code(), "invalid");
    assert_eq!(order("transfer", json!({ "side": "caller", "to": "1", "to_call": CALL })).code(), "invalid");
    assert_eq!(order("transfer", json!({ "side": "both", "to": "1" })).status / 100, 4);
    let other = CALL.replace("1", "2");
    let gone =
        served.give("POST", &format!("/api/v1/calls/call_{other}/actions/hold"), json!({ "side": "both" }));
    assert_eq!(gone.status, 404);
}

/// `calls` with `c` begins, with `x` controls (docs/roles.md).
#[test]
fn who_may_only_control_calls_begins_none_and_who_may_only_read_them_controls_none() {
    let served = Served::new("call-rights");
    served.give("POST", "/api/v1/users", json!({ "login": "alice", "account": "alice@d" }));
    let as_role = |role: &str, path: &str, body: Value| {
        let headers = [("Authorization", &*format!("Bearer {role}")), ("Content-Type", "application/json")];
        served.send("POST", path, &headers, &body.to_string()).status
    };
    let hold = format!("/api/v1/calls/call_{CALL}/actions/hold");
    for (role, begins, controls) in
        [("admin", 201, 204), ("operator", 403, 204), ("supervisor", 403, 204), ("auditor", 403, 403)]
    {
        let begun = as_role(role, "/api/v1/calls", json!({ "from": "alice@d", "to": "201" }));
        let held = as_role(role, &hold, json!({ "side": "both" }));
        assert_eq!((begun, held), (begins, controls), "{role}");
    }
}
