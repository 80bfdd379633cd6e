//! Groups, further addresses, rights, tokens and links, over REST as on the command line.

use crate::served::Served;
use serde_json::json;

fn with_alice(name: &str) -> Served {
    let served = Served::new(name);
    let made = served.give("POST", "/api/v1/users", json!({ "login": "alice", "account": "alice@d" }));
    assert_eq!(made.status, 201, "{made:?}");
    served
}

#[test]
fn a_group_is_made_given_a_quota_filled_and_removed_once_it_is_empty() {
    let served = with_alice("groups");
    let made = served.give("POST", "/api/v1/groups", json!({ "name": "Sales" }));
    assert_eq!((made.status, made.header("location")), (201, Some("/api/v1/groups/grp_1")), "{made:?}");
    let body = json!({ "terms": { "sessions_max": 2, "destinations": "internal" }, "together_max": 4 });
    let changed = served.give("PATCH", "/api/v1/groups/sales", body);
    assert_eq!((changed.status, &changed.json()["terms"]["sessions_max"]), (200, &json!(2)), "{changed:?}");
    assert_eq!(
        served.give("PATCH", "/api/v1/groups/grp_1", json!({ "terms": { "destinations": "moon" } })).status,
        400
    );
    assert_eq!(served.give("PATCH", "/api/v1/accounts/alice@d", json!({ "groups": ["sales"] })).status, 200);
    assert_eq!(served.ask("GET", "/api/v1/groups/grp_1").json()["accounts"], json!(["alice@d"]));
    let rights = served.ask("GET", "/api/v1/accounts/alice@d/rights?to=%2B33123456789").json();
    let sessions =
        rights["rights"].as_array().unwrap().iter().find(|row| row["right"] == "sessions_max").unwrap();
    assert_eq!((&sessions["value"], &sessions["source_name"]), (&json!("2"), &json!("Sales")), "{rights}");
    assert_eq!(rights["destination"]["allowed"], false, "{rights}");
    let full = served.ask("DELETE", "/api/v1/groups/grp_1");
    assert!(full.status >= 400 && full.body.contains("alice@d"), "{full:?}");
    assert_eq!(served.give("PATCH", "/api/v1/accounts/alice@d", json!({ "groups": [] })).status, 200);
    assert_eq!(served.ask("DELETE", "/api/v1/groups/grp_1").status, 204);
    assert_eq!(served.ask("GET", "/api/v1/groups/grp_1").code(), "not_found");
}

/// An `api` program may make groups and no rights; an operator neither.
#[test]
fn who_may_not_give_rights_gives_none_by_a_group() {
    let served = with_alice("group-terms");
    assert_eq!(served.give("POST", "/api/v1/groups", json!({ "name": "Sales" })).status, 201);
    let body = json!({ "terms": { "relay": true } }).to_string();
    let ask = |role: &str| {
        let headers =
            [("Authorization", format!("Bearer {role}")), ("Content-Type", "application/json".into())];
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        served.send("PATCH", "/api/v1/groups/grp_1", &headers, &body).status
    };
    assert_eq!((ask("admin"), ask("operator"), ask("supervisor")), (200, 403, 403));
}

/// A group gives rights, and so does whose an account is: neither is for who may change an account alone.
#[test]
fn who_may_not_give_rights_puts_nobody_into_a_group_hands_no_account_over_and_removes_no_group() {
    let served = with_alice("group-members");
    assert_eq!(served.give("POST", "/api/v1/groups", json!({ "name": "Sales" })).status, 201);
    let token = "Bearer owner/accounts:write,groups:admin";
    let headers = [("Authorization", token), ("Content-Type", "application/json")];
    let ask = |method: &str, place: &str, body: &str| served.send(method, place, &headers, body).status;
    let change = |body: serde_json::Value| ask("PATCH", "/api/v1/accounts/alice@d", &body.to_string());
    assert_eq!(change(json!({ "display_name": "Alice" })), 200);
    assert_eq!(change(json!({ "groups": ["sales"] })), 403);
    assert_eq!(change(json!({ "user": null })), 403);
    assert_eq!(ask("DELETE", "/api/v1/groups/grp_1", ""), 403);
    assert_eq!(served.ask("DELETE", "/api/v1/groups/grp_1").status, 204);
}

#[test]
fn web_phones_of_who_had_an_account_end_when_it_is_handed_over_and_only_then() {
    let served = with_alice("handed-over");
    assert_eq!(served.give("POST", "/api/v1/users", json!({ "login": "bob" })).status, 201);
    let change = |body| served.give("PATCH", "/api/v1/accounts/alice@d", body).status;
    assert_eq!(change(json!({ "user": "alice", "display_name": "Alice" })), 200);
    assert!(served.hut.ordered.lock().unwrap().is_empty(), "it is alice's as before");
    assert_eq!(change(json!({ "user": "bob" })), 200);
    assert_eq!(*served.hut.ordered.lock().unwrap(), ["handed over alice@d"]);
}

#[test]
fn a_further_address_is_given_and_taken_back() {
    let served = with_alice("aliases");
    let made = served.give("POST", "/api/v1/accounts/alice@d/aliases", json!({ "alias": "201" }));
    assert_eq!((made.status, &made.json()["alias"]), (201, &json!("201@d")), "{made:?}");
    let place = made.header("location").unwrap().to_owned();
    assert_eq!(served.ask("GET", "/api/v1/accounts/alice@d").json()["aliases"], json!(["201@d"]));
    let again = served.give("POST", "/api/v1/accounts/alice@d/aliases", json!({ "alias": "201@d" }));
    assert_eq!(again.code(), "conflict");
    assert_eq!(served.ask("DELETE", &place).status, 204);
    assert_eq!(served.ask("DELETE", &place).code(), "not_found");
}

#[test]
fn a_tenant_says_what_its_accounts_may_and_which_numbers_are_what() {
    let served = with_alice("tenant-terms");
    let body = json!({ "terms": { "minutes_per_day": 60 }, "numbering": "+33=national" });
    let changed = served.give("PATCH", "/api/v1/tenants/ten_1", body);
    assert_eq!(changed.status, 200, "{changed:?}");
    let body = changed.json();
    assert_eq!((&body["terms"]["minutes_per_day"], &body["numbering"]), (&json!(60), &json!("+33=national")));
    assert_eq!(served.give("PATCH", "/api/v1/tenants/ten_1", json!({ "numbering": "33" })).code(), "invalid");
}

#[test]
fn a_token_is_made_shown_once_listed_and_revoked() {
    let served = with_alice("tokens");
    let body = json!({ "user": "alice", "name": "shop", "scopes": ["calls:read"], "expires_in_s": 3_600 });
    let made = served.give("POST", "/api/v1/api_tokens", body);
    assert_eq!(made.status, 201, "{made:?}");
    let text = made.json()["token"].as_str().unwrap().to_owned();
    let list = served.ask("GET", "/api/v1/api_tokens?user=alice");
    assert!(text.starts_with("coeur_") && !list.body.contains(&text));
    assert_eq!(list.json()["data"][0]["id"], made.json()["api_token"]["id"]);
    let place = made.header("location").unwrap();
    assert_eq!(served.ask("DELETE", place).status, 204);
    assert_eq!(served.ask("GET", "/api/v1/api_tokens").json()["data"], json!([]));
    let wrong = json!({ "user": "alice", "name": "x", "scopes": ["moon:read"] });
    assert_eq!(served.give("POST", "/api/v1/api_tokens", wrong).code(), "invalid");
}

/// An admin makes no way in for an owner, whom he may not touch either.
#[test]
fn nobody_makes_a_way_in_for_somebody_who_may_more() {
    let served = with_alice("ways-in");
    assert_eq!(served.give("POST", "/api/v1/users", json!({ "login": "boss", "role": "owner" })).status, 201);
    let ask = |method: &str, path: &str, body: serde_json::Value| {
        let headers = [("Authorization", "Bearer admin"), ("Content-Type", "application/json")];
        served.send(method, path, &headers, &body.to_string())
    };
    let token = |user: &str| json!({ "user": user, "name": "x", "scopes": ["status:read"] });
    assert_eq!(ask("POST", "/api/v1/api_tokens", token("boss")).code(), "forbidden");
    assert_eq!(ask("POST", "/api/v1/users/boss/setup_links", json!({})).code(), "forbidden");
    assert_eq!(ask("DELETE", "/api/v1/users/boss/factors", json!({})).code(), "forbidden");
    assert_eq!(ask("POST", "/api/v1/api_tokens", token("alice")).status, 201);
    let link = ask("POST", "/api/v1/users/alice/setup_links", json!({}));
    assert_eq!(link.status, 201, "{link:?}");
    assert!(link.json()["path"].as_str().unwrap().starts_with("/setup/"));
    assert_eq!(ask("DELETE", "/api/v1/users/alice/factors", json!({})).status, 204);
}

#[test]
fn a_program_that_may_less_than_its_user_makes_no_way_in_that_opens_all() {
    let served = with_alice("narrow");
    let ask = |bearer: &str, method: &str, path: &str, body: serde_json::Value| {
        let bearer = format!("Bearer {bearer}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        served.send(method, path, &headers, &body.to_string())
    };
    let narrow = "owner/users:admin,accounts:admin";
    assert_eq!(ask(narrow, "POST", "/api/v1/users/alice/setup_links", json!({})).code(), "forbidden");
    assert_eq!(ask(narrow, "DELETE", "/api/v1/users/alice/factors", json!({})).code(), "forbidden");
    assert_eq!(ask("owner/*:admin", "POST", "/api/v1/users/alice/setup_links", json!({})).status, 201);
    // Nor an owner out of a file without what `POST /users` asks for.
    let rows = "{\"login\":\"evil\",\"role\":\"owner\"}";
    let import = |bearer: &str| {
        let bearer = format!("Bearer {bearer}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/jsonl")];
        served.send("POST", "/api/v1/users:import", &headers, rows)
    };
    assert_eq!(import("owner/users:write,accounts:write").code(), "forbidden");
    assert_eq!(import("owner/users:admin,accounts:write").status, 202);
}

#[test]
fn what_a_token_makes_counts_from_no_more_places_and_no_longer_than_itself() {
    let served = with_alice("limited");
    let ask = |more: serde_json::Value| {
        let headers = [("Authorization", "Bearer owner:limited"), ("Content-Type", "application/json")];
        let mut body = json!({ "user": "alice", "name": "x", "scopes": ["calls:read"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        served.send("POST", "/api/v1/api_tokens", &headers, &body.to_string())
    };
    let made = ask(json!({}));
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["api_token"]["network"], "127.0.0.0/8");
    assert!(!made.json()["api_token"]["expires_at"].is_null());
    assert_eq!(ask(json!({ "expires_in_s": 60, "network": "127.0.0.0/8" })).status, 201);
    assert_eq!(ask(json!({ "expires_in_s": 86_400 })).status, 400);
    assert_eq!(ask(json!({ "network": "0.0.0.0/0" })).status, 400);
}

#[test]
fn a_token_makes_no_token_with_more_scopes_than_its_own() {
    let served = with_alice("scopes");
    let ask = |scopes: &[&str]| {
        let headers = [
            ("Authorization", "Bearer owner/api_tokens:admin,users:read,calls:write"),
            ("Content-Type", "application/json"),
        ];
        let body = json!({ "user": "alice", "name": "x", "scopes": scopes }).to_string();
        served.send("POST", "/api/v1/api_tokens", &headers, &body).status
    };
    assert_eq!(ask(&["calls:read", "users:read"]), 201);
    for wider in ["*:read", "calls:admin", "accounts:read"] {
        assert_eq!(ask(&["calls:read", wider]), 403, "{wider}");
    }
}
