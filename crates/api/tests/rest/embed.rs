//! Our phone in pages of others: who may hold it, and by which tickets it is signed in. What a browser makes of it is in
//! `interop/tests/console.rs`; that a ticket of the phone opens a connection, in `crates/server/tests/phone_ticket.rs`.

use crate::served::{Answer, CRM, Served};
use serde_json::json;
use std::sync::atomic::Ordering;

const FRAME: &str = "/phone?embed=1&host=https%3A%2F%2Fcrm.example.org";

fn policy(served: &Served, path: &str) -> (String, Option<String>) {
    let answer = served.send("GET", path, &[], "");
    assert_eq!(answer.status, 200, "{path}");
    let said = |name: &str| answer.header(name).map(str::to_owned);
    (said("content-security-policy").unwrap_or_default(), said("x-frame-options"))
}

#[test]
fn the_phone_is_framed_by_the_page_that_is_listed_and_named_and_nothing_else_by_anybody() {
    let served = Served::new("embed-frame");
    let (said, option) = policy(&served, FRAME);
    assert!(
        said.contains(&format!("frame-ancestors {CRM};"))
            && !said.contains("'none'; object")
            && option.is_none(),
        "{said}"
    );
    let page = served.send("GET", FRAME, &[], "").body;
    assert!(page.contains(&format!("name=\"coeur-host\" content=\"{CRM}\"")), "{page}");
    for path in [
        "/",
        "/phone",
        "/phone?embed=1",
        "/phone?embed=0&host=https%3A%2F%2Fcrm.example.org",
        "/phone?host=https%3A%2F%2Fcrm.example.org",
        "/phone?embed=1&host=https%3A%2F%2Fevil.example",
        "/phone?embed=1&host=https%3A%2F%2Fcrm.example.org.evil.example",
        "/phone?embed=1&host=https%3A%2F%2Fcrm.example.org%20*",
        "/phone?embed=1&host=*",
        "/phone?embed=1&host=%FF",
        "/phone?embed=1&host=https%3A%2F%2Fcrm.example.org&host=https%3A%2F%2Fevil.example",
        "/phone/x?embed=1&host=https%3A%2F%2Fcrm.example.org",
        "/accounts?embed=1&host=https%3A%2F%2Fcrm.example.org",
        "/sign-in?embed=1&host=https%3A%2F%2Fcrm.example.org",
    ] {
        let answer = served.send("GET", path, &[], "");
        let said = answer.header("content-security-policy").unwrap_or_default();
        assert!(said.contains("frame-ancestors 'none'"), "{path}: {said}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert!(!answer.body.contains("content=\"https://"), "{path}: {}", answer.body);
    }
}

#[test]
fn the_script_is_run_by_pages_that_are_listed_alone() {
    let served = Served::new("embed-script");
    let ask = |origin: &str| served.send("GET", "/embed/coeur-phone.js", &[("Origin", origin)], "");
    let listed = ask(CRM);
    assert_eq!((listed.status, listed.header("access-control-allow-origin")), (200, Some(CRM)));
    assert_eq!(listed.header("cross-origin-resource-policy"), Some("cross-origin"));
    assert_eq!((listed.header("vary"), listed.header("cache-control")), (Some("Origin"), Some("no-cache")));
    assert_eq!(listed.header("content-type"), Some("text/javascript; charset=utf-8"));
    for other in ["https://evil.example", "null", "*", "https://CRM.example.org"] {
        let answer = ask(other);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{other}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{other}");
    }
    // The API says nothing of the kind to anybody.
    let api = served.owner("GET", "/api/v1/status", &[("Origin", CRM)], "");
    assert_eq!(api.header("access-control-allow-origin"), None);
}

fn make(served: &Served, token: &str, account: &str, origin: &str) -> Answer {
    served.give_as(token, "POST", "/api/v1/phone_tickets", json!({ "account": account, "origin": origin }))
}

fn sign_in(served: &Served, ticket: &str, origin: &str, more: &[(&str, &str)]) -> Answer {
    let headers = [&[("Content-Type", "application/json")], more].concat();
    served.send("POST", "/line/sign_in", &headers, &json!({ "ticket": ticket, "origin": origin }).to_string())
}

#[test]
fn tickets_are_not_guessed_faster_than_tokens() {
    let served = Served::new("embed-guess");
    let wrong = || sign_in(&served, "made-up", CRM, &[]);
    for _ in 0..60 {
        assert_eq!(wrong().status, 401);
    }
    let refused = wrong();
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (429, true), "{refused:?}");
    let line = served.send(
        "POST",
        "/line/ice_server",
        &[("Content-Type", "application/json")],
        &json!({ "ticket": "made-up" }).to_string(),
    );
    assert_eq!(line.status, 429, "both doors together");
    served.hut.now_ms.fetch_add(60_000, Ordering::Relaxed);
    assert_eq!(wrong().status, 401);
}

/// Where no server speaks SIP over WebSocket a ticket that counts is answered 409.
#[test]
fn a_ticket_counts_once_for_a_minute_in_the_page_for_which_it_was_made() {
    let served = Served::new("embed-ticket");
    assert_eq!(served.give("POST", "/api/v1/accounts", json!({ "account": "alice@d" })).status, 201);
    let token = "api/phone_tickets:write";
    let ticket = || {
        let made = make(&served, token, "alice@d", CRM);
        assert_eq!((made.status, made.json()["expires_in_s"].as_u64()), (201, Some(60)), "{made:?}");
        made.json()["ticket"].as_str().unwrap().to_owned()
    };
    let first = ticket();
    let taken = sign_in(&served, &first, CRM, &[("Sec-Fetch-Site", "same-origin")]);
    assert_eq!(taken.code(), "not_set_up", "{taken:?}");
    assert_eq!(taken.header("cache-control"), Some("no-store"));
    assert_eq!(sign_in(&served, &first, CRM, &[]).code(), "not_signed_in", "it was used");
    // Of another page, even of one that is listed: used up, and nothing.
    let stolen = ticket();
    assert_eq!(sign_in(&served, &stolen, "https://evil.example", &[]).code(), "not_signed_in");
    assert_eq!(sign_in(&served, &stolen, CRM, &[]).code(), "not_signed_in");
    // A page of another site asks by itself.
    let kept = ticket();
    for (name, value) in [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"), ("Origin", CRM)]
    {
        assert_eq!(sign_in(&served, &kept, CRM, &[(name, value)]).code(), "forbidden", "{value}");
    }
    assert_eq!(sign_in(&served, &kept, CRM, &[]).code(), "not_set_up", "and uses nothing up");
    let late = ticket();
    served.hut.now_ms.fetch_add(60_000, Ordering::Relaxed);
    assert_eq!(sign_in(&served, &late, CRM, &[]).code(), "not_signed_in");
    // Whoever was disabled meanwhile.
    let gone = ticket();
    assert_eq!(
        served
            .owner(
                "PATCH",
                "/api/v1/accounts/alice@d",
                &[("Content-Type", "application/merge-patch+json")],
                r#"{"enabled":false}"#
            )
            .status,
        200
    );
    assert_eq!(sign_in(&served, &gone, CRM, &[]).code(), "forbidden");
    assert_eq!(make(&served, token, "alice@d", CRM).code(), "forbidden");
    let rows = served.ask("GET", "/api/v1/audit_log?limit=50").json();
    let noted = rows["data"].as_array().unwrap().iter().filter(|row| row["action"] == "phone.ticket").count();
    assert_eq!(noted, 5, "{rows}");
}

#[test]
fn a_ticket_is_made_by_who_could_give_the_account_a_device_and_acts_on_calls_for_a_page_that_is_listed() {
    let served = Served::new("embed-may");
    assert_eq!(served.give("POST", "/api/v1/accounts", json!({ "account": "alice@d" })).status, 201);
    for token in ["owner", "admin", "operator", "api/phone_tickets:write", "owner/*:write"] {
        assert_eq!(make(&served, token, "alice@d", CRM).status, 201, "{token}");
    }
    for token in [
        "api",
        "api/devices:write",
        "api/phone_tickets:read",
        "user",
        "auditor",
        "provisioning",
        "supervisor/phone_tickets:write",
    ] {
        assert_eq!(make(&served, token, "alice@d", CRM).code(), "forbidden", "{token}");
    }
    let other = make(&served, "owner", "alice@d", "https://evil.example");
    assert!(other.code() == "invalid" && other.body.contains("embed_origins"), "{other:?}");
    assert_eq!(make(&served, "owner", "nobody@d", CRM).code(), "not_found");
    // Such a token is good for nothing else.
    let token = "api/phone_tickets:write";
    assert_eq!(served.give_as(token, "POST", "/api/v1/me/phone_ticket", json!({})).code(), "forbidden");
    assert_eq!(served.give_as(token, "GET", "/api/v1/accounts", json!({})).code(), "forbidden");
}

#[test]
fn what_the_phone_asks_for_is_read_with_care() {
    let served = Served::new("embed-read");
    let json = ("Content-Type", "application/json");
    for path in ["/line/sign_in", "/line/ice_server"] {
        let ask = |headers: &[(&str, &str)], body: &str| served.send("POST", path, headers, body);
        assert_eq!(ask(&[("Content-Type", "text/plain")], "{}").code(), "wrong_type");
        assert_eq!(ask(&[json], "{").code(), "invalid");
        assert_eq!(ask(&[json], r#"{"ticket":"a","origin":"b","more":1}"#).code(), "invalid");
        assert_eq!(ask(&[json], &"[".repeat(5_000)).code(), "too_large");
        assert_eq!(served.send("GET", path, &[], "").code(), "method_not_allowed");
    }
    // A ticket that has opened no WebSocket names none.
    let none = served.send("POST", "/line/ice_server", &[json], r#"{"ticket":"never made"}"#);
    assert_eq!(none.code(), "not_signed_in");
}
