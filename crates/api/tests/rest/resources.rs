//! Accounts, devices and domains: made, read, changed and taken back.

use crate::served::Served;
use serde_json::json;

fn with_account(name: &str) -> Served {
    let served = Served::new(name);
    let made =
        served.give("POST", "/api/v1/accounts", json!({ "account": "alice@d", "display_name": "Alice" }));
    assert_eq!(made.status, 201, "{made:?}");
    served
}

#[test]
fn an_account_is_made_with_a_secret_that_is_shown_once() {
    let served = Served::new("made");
    let made = served.give("POST", "/api/v1/accounts", json!({ "account": "alice@d" }));
    let body = made.json();
    let id = body["account"]["id"].as_str().unwrap();
    assert_eq!(
        (made.status, made.header("location")),
        (201, Some(format!("/api/v1/accounts/{id}").as_str()))
    );
    let secret = body["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 32);
    for path in [
        format!("/api/v1/accounts/{id}"),
        "/api/v1/accounts/alice@d".to_owned(),
        "/api/v1/accounts/alice%40d".to_owned(),
    ] {
        let shown = served.ask("GET", &path);
        assert_eq!(shown.json()["id"], id, "{path}");
        assert!(!shown.body.contains(secret));
    }
    assert_eq!(body["device_id"], body["account"]["devices"][0]["id"]);
    let again = served.give("POST", "/api/v1/accounts", json!({ "account": "alice@d" }));
    assert_eq!((again.status, again.code().as_str()), (409, "conflict"));
    let elsewhere = served.give("POST", "/api/v1/accounts", json!({ "account": "alice@elsewhere" }));
    assert!([400, 404].contains(&elsewhere.status), "{elsewhere:?}");
}

#[test]
fn a_body_that_is_wrong_is_told_where_and_repeats_no_secret() {
    let served = Served::new("wrong");
    for body in [
        r#"{"account":"alice@d","secert":"s3cr3t"}"#,
        r#"{"account":7,"secret":"s3cr3t"}"#,
        r#"{"secret":"s3cr3t"}"#,
        r#"{"account":"alice@d","secret":["s3cr3t"]}"#,
        "s3cr3t",
        "",
    ] {
        let refused = served.give_text("POST", "/api/v1/accounts", body);
        assert_eq!((refused.status, refused.code().as_str()), (400, "invalid"), "{body}");
        assert!(!refused.body.contains("s3cr3t"), "{refused:?}");
    }
    let typed = served.owner("POST", "/api/v1/accounts", &[("Content-Type", "text/plain")], "{}");
    assert_eq!((typed.status, typed.code().as_str()), (415, "wrong_type"));
    let large = format!("{{\"account\":\"{}\"}}", "a".repeat(1 << 20));
    assert_eq!(served.give_text("POST", "/api/v1/accounts", &large).status, 413);
}

#[test]
fn a_merge_patch_changes_what_it_names_and_null_takes_a_rule_away() {
    let served = with_account("patch");
    let patch = |body| served.give("PATCH", "/api/v1/accounts/alice@d", body);
    let changed = patch(json!({ "forward_busy": "sip:bob@elsewhere.test", "contacts_max": 3 }));
    assert_eq!(changed.status, 200, "{changed:?}");
    let body = changed.json();
    assert_eq!((&body["forward_busy"], &body["contacts_max"]), (&json!("sip:bob@elsewhere.test"), &json!(3)));
    assert_eq!(body["display_name"], "Alice", "what is not named stays");
    let cleared = patch(json!({ "forward_busy": null, "contacts_max": null })).json();
    assert_eq!((&cleared["forward_busy"], &cleared["contacts_max"]), (&json!(null), &json!(null)));
    assert_eq!(patch(json!({ "enabled": "maybe" })).code(), "invalid");
    assert_eq!(patch(json!({})).code(), "invalid");
}

#[test]
fn who_has_not_seen_a_thing_as_it_is_overwrites_nothing() {
    let served = with_account("if-match");
    let path = "/api/v1/accounts/alice@d";
    let seen = served.ask("GET", path).header("etag").unwrap().to_owned();
    let change = |tag: &str, name: &str| {
        let headers = [("Content-Type", "application/merge-patch+json"), ("If-Match", tag)];
        served.owner("PATCH", path, &headers, &json!({ "display_name": name }).to_string())
    };
    let changed = change(&seen, "Alice A.");
    assert_eq!(changed.status, 200);
    let now = changed.header("etag").unwrap().to_owned();
    assert_eq!(served.ask("GET", path).header("etag"), Some(now.as_str()), "the tag is that of what is read");
    let late = change(&seen, "Alice B.");
    assert_eq!((late.status, late.code().as_str()), (412, "changed"));
    assert_eq!(served.ask("GET", path).json()["display_name"], "Alice A.");
    assert_eq!(served.owner("DELETE", path, &[("If-Match", &seen)], "").status, 412);
    assert_eq!(served.owner("GET", path, &[("If-None-Match", &now)], "").status, 304);
    assert_eq!(served.owner("DELETE", path, &[("If-Match", &format!("\"x\", {now}"))], "").status, 204);
    assert_eq!(served.ask("GET", path).status, 404);
}

#[test]
fn a_rehearsal_tells_what_would_change_and_changes_nothing() {
    let served = with_account("dry");
    let path = "/api/v1/accounts/alice@d?dry_run=true";
    let told = served.give("PATCH", path, json!({ "display_name": "B", "dnd": false }));
    assert_eq!(
        told.json(),
        json!({ "dry_run": true, "differences": [{ "pointer": "/display_name", "before": "Alice", "after": "B" }] })
    );
    assert_eq!(
        served.give("PATCH", path, json!({ "policy": "rot13" })).code(),
        "invalid",
        "it is checked as if meant"
    );
    assert_eq!(served.ask("DELETE", path).status, 200);
    assert_eq!(
        served.give("POST", "/api/v1/accounts?dry_run=true", json!({ "account": "bob@d" })).status,
        200
    );
    assert_eq!(
        served.give("POST", "/api/v1/accounts?dry_run=true", json!({ "account": "alice@d" })).status,
        409
    );
    let accounts = served.ask("GET", "/api/v1/accounts").json();
    assert_eq!(
        (accounts["data"].as_array().unwrap().len(), &accounts["data"][0]["display_name"]),
        (1, &json!("Alice"))
    );
    assert!(!served.ask("GET", "/api/v1/audit_log").body.contains("account.changed"));
    assert_eq!(served.ask("GET", "/api/v1/accounts?dry_run=true").code(), "invalid");
}

#[test]
fn a_device_is_given_changed_and_taken_back_alone() {
    let served = with_account("device");
    let devices = "/api/v1/accounts/alice@d/devices";
    let made = served.give("POST", devices, json!({ "name": "desk" }));
    assert_eq!(made.status, 201, "{made:?}");
    let place = made.header("location").unwrap().to_owned();
    assert!(made.json()["secret"].is_string());
    assert_eq!(served.give("PATCH", &place, json!({ "dtmf": "info" })).json()["dtmf"], "info");
    assert_eq!(served.give("PATCH", &place, json!({ "dtmf": "morse" })).code(), "invalid");
    assert_eq!(served.ask("GET", devices).json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(served.ask("DELETE", &place).status, 204);
    assert_eq!(
        (served.ask("GET", &place).status, served.ask("GET", devices).json()["data"][1].is_null()),
        (404, true)
    );
}

#[test]
fn a_domain_is_made_and_removed_and_one_with_accounts_is_not() {
    let served = with_account("domain");
    assert_eq!(served.give("POST", "/api/v1/domains", json!({ "domain": "Example.org" })).status, 201);
    assert_eq!(served.ask("GET", "/api/v1/domains/example.org").json()["domain"], "example.org");
    assert_eq!(served.ask("DELETE", "/api/v1/domains/example.org").status, 204);
    assert_eq!(served.ask("GET", "/api/v1/domains/example.org").status, 404);
    assert!(served.ask("DELETE", "/api/v1/domains/d").status >= 400);
    assert_eq!(served.ask("GET", "/api/v1/domains").json()["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_list_is_walked_page_by_page_by_its_links() {
    let served = Served::new("pages");
    for name in ["a", "b", "c", "d", "e"] {
        let made = served.give(
            "POST",
            "/api/v1/accounts",
            json!({ "account": format!("{name}@d"), "display_name": name.to_uppercase() }),
        );
        assert_eq!(made.status, 201);
    }
    let (mut path, mut seen) = ("/api/v1/accounts?limit=2".to_owned(), Vec::new());
    loop {
        let page = served.ask("GET", &path);
        let body = page.json();
        seen.extend(
            body["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|account| account["account"].as_str().unwrap().to_owned()),
        );
        assert_eq!(body["has_more"], !body["next_cursor"].is_null());
        let Some(link) = page.header("link") else { break };
        path =
            link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap().to_owned();
        assert!(path.contains("limit=2"), "{path}");
    }
    assert_eq!(seen, ["a@d", "b@d", "c@d", "d@d", "e@d"]);
    let found = served.ask("GET", "/api/v1/accounts?q=E&domain=D").json();
    assert_eq!((found["data"].as_array().unwrap().len(), &found["data"][0]["account"]), (1, &json!("e@d")));
    for bad in ["limit=0", "limit=1001", "limit=x", "cursor=x", "colour=red"] {
        assert_eq!(served.ask("GET", &format!("/api/v1/accounts?{bad}")).code(), "invalid", "{bad}");
    }
}

#[test]
fn who_did_it_is_in_the_audit_log_page_by_page() {
    let served = with_account("audit");
    served.give("PATCH", "/api/v1/accounts/alice@d", json!({ "dnd": true }));
    let first = served.ask("GET", "/api/v1/audit_log?limit=1").json();
    assert_eq!(
        (&first["data"][0]["action"], &first["data"][0]["operator"]),
        (&json!("account.changed"), &json!("first token"))
    );
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = served.ask("GET", &format!("/api/v1/audit_log?limit=1&cursor={cursor}")).json();
    assert_eq!(second["data"][0]["action"], "account.added");
    assert_eq!(served.ask("GET", "/api/v1/audit_log?since=2099-01-01T00:00:00Z").json()["data"], json!([]));
    assert_eq!(served.ask("GET", "/api/v1/audit_log?since=yesterday").code(), "invalid");
}

#[test]
fn settings_are_told_with_where_they_were_read_to_who_may_read_settings() {
    let served = Served::new("settings");
    let answer = served.ask("GET", "/api/v1/settings").json();
    let rows = answer["data"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["value"], json!(["example.org"]));
    assert_eq!(rows[0]["origin"], "/etc/coeur/coeur.toml:2");
    assert_eq!((&rows[1]["value"], &rows[1]["origin"]), (&json!(null), &json!("default")));
    assert_eq!(answer["has_more"], false);
}
