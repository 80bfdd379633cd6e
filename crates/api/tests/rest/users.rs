//! Users: one request makes a person with an account and a device, a file makes many, and nobody makes one who may more than
//! himself.

use crate::served::Served;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[test]
fn one_request_makes_a_user_with_an_account_and_a_device_or_nothing() {
    let served = Served::new("person");
    let body = json!({ "login": "alice", "display_name": "Alice", "account": "alice@d" });
    let made = served.give("POST", "/api/v1/users", body);
    assert_eq!(made.status, 201, "{made:?}");
    let body = made.json();
    let id = body["user"]["id"].as_str().unwrap();
    assert_eq!(made.header("location"), Some(format!("/api/v1/users/{id}").as_str()));
    assert_eq!((&body["account"]["user_id"], body["secret"].as_str().map(str::len)), (&json!(id), Some(32)));
    assert_eq!(body["device_id"], body["account"]["devices"][0]["id"]);
    assert_eq!(served.ask("GET", "/api/v1/users/alice").json()["accounts"], json!(["alice@d"]));
    // The account is there already: no user is made either.
    let refused = served.give("POST", "/api/v1/users", json!({ "login": "bob", "account": "alice@d" }));
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(served.ask("GET", "/api/v1/users/bob").status, 404);
    let dry =
        served.give("POST", "/api/v1/users?dry_run=true", json!({ "login": "bob", "account": "bob@d" }));
    assert_eq!(dry.status, 200, "{dry:?}");
    assert_eq!((served.ask("GET", "/api/v1/users/bob").status, served.hut.directory.accounts()), (404, 1));
}

#[test]
fn nobody_makes_changes_or_removes_who_may_more_than_himself() {
    let served = Served::new("rights");
    let as_role = |role: &str, method: &str, path: &str, body: Value| {
        let headers = [("Authorization", &*format!("Bearer {role}")), ("Content-Type", "application/json")];
        served.send(method, path, &headers, &body.to_string())
    };
    assert_eq!(served.give("POST", "/api/v1/users", json!({ "login": "boss", "role": "owner" })).status, 201);
    for role in ["operator", "supervisor", "auditor", "provisioning"] {
        let made = as_role(role, "POST", "/api/v1/users", json!({ "login": "x" }));
        assert_eq!((made.status, made.code().as_str()), (403, "forbidden"), "{role}");
        let changed = as_role(role, "PATCH", "/api/v1/users/boss", json!({ "enabled": false }));
        assert_eq!(changed.status, 403, "{role}");
    }
    // An admin makes no owner, and touches none: he would be one the next moment.
    assert_eq!(served.give("POST", "/api/v1/users", json!({ "login": "adam", "role": "admin" })).status, 201);
    for (method, path, body) in [
        ("POST", "/api/v1/users", json!({ "login": "x", "role": "owner" })),
        ("PATCH", "/api/v1/users/adam", json!({ "role": "owner" })),
        ("PATCH", "/api/v1/users/boss", json!({ "enabled": false })),
        ("DELETE", "/api/v1/users/boss", json!({})),
    ] {
        assert_eq!(as_role("admin", method, path, body).status, 403, "{method} {path}");
    }
    assert_eq!(as_role("admin", "PATCH", "/api/v1/users/adam", json!({ "role": "auditor" })).status, 200);
    assert_eq!(served.ask("GET", "/api/v1/users/boss").json()["enabled"], true);
}

#[test]
fn tenants_are_made_renamed_and_removed() {
    let served = Served::new("tenants");
    let made = served.give("POST", "/api/v1/tenants", json!({ "name": "Acme" }));
    assert_eq!(made.status, 201, "{made:?}");
    let place = made.header("location").unwrap().to_owned();
    assert_eq!(served.give("PATCH", &place, json!({ "name": "Acme 2" })).json()["name"], "Acme 2");
    assert_eq!(served.ask("GET", "/api/v1/tenants").json()["data"].as_array().unwrap().len(), 2);
    assert_eq!((served.ask("DELETE", &place).status, served.ask("GET", &place).status), (204, 404));
}

/// The job, once it is over.
fn over(served: &Served, place: &str) -> Value {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let job = served.ask("GET", place).json();
        if job["state"] == "done" || Instant::now() > until {
            return job;
        }
        std::thread::sleep(Duration::from_millis(50));
        served.hut.now_ms.fetch_add(60_000, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn ten_thousand_users_are_imported_and_what_is_wrong_with_which_row_is_told() {
    let served = Served::new("import");
    let mut file = String::from("login,display_name,account\n");
    for n in 0..10_000 {
        match n {
            7 => file.push_str("user6,Twice,user7@d\n"),
            500 => file.push_str("user500,Elsewhere,user500@elsewhere\n"),
            _ => file.push_str(&format!("user{n},\"User, {n}\",user{n}@d\n")),
        }
    }
    let kind = [("Content-Type", "text/csv")];
    let tried = served.owner("POST", "/api/v1/users:import?dry_run=true", &kind, &file);
    let errors = &tried.json()["rows"]["errors"];
    assert_eq!((tried.status, served.hut.directory.accounts()), (200, 0), "{tried:?}");
    assert_eq!((&errors[0]["row"], &errors[0]["code"]), (&json!(8), &json!("conflict")), "{errors}");
    assert_eq!((&errors[1]["row"], errors.as_array().map(Vec::len)), (&json!(501), Some(2)), "{errors}");
    let begun = served.owner("POST", "/api/v1/users:import", &kind, &file);
    assert_eq!(begun.status, 202, "{begun:?}");
    let place = begun.header("location").unwrap().to_owned();
    let job = over(&served, &place);
    assert_eq!(
        (&job["state"], &job["total"], &job["done"], &job["failed"]),
        (&json!("done"), &json!(10_000), &json!(10_000), &json!(2)),
        "{job}"
    );
    let errors = job["errors"].as_array().unwrap();
    assert_eq!(
        (&errors[0]["row"], &errors[0]["subject"], &errors[0]["code"]),
        (&json!(8), &json!("user6"), &json!("conflict"))
    );
    assert_eq!(errors[1]["row"], 501);
    assert_eq!(served.hut.directory.accounts(), 9_998);
    assert!(!served.ask("GET", &place).body.contains("secret\""), "{job}");
    let take = format!("{place}/actions/take_secrets");
    let taken = served.ask("POST", &take).json();
    let secrets = taken["data"].as_array().unwrap();
    assert_eq!((secrets.len(), secrets[0]["secret"].as_str().map(str::len)), (9_998, Some(32)));
    assert_eq!(served.ask("POST", &take).json()["data"], json!([]), "they are given once");
    let other = served.send("POST", &take, &[("Authorization", "Bearer admin")], "");
    assert_eq!(other.code(), "forbidden");
}

#[test]
fn an_import_that_a_restart_has_ended_is_done_when_it_is_sent_again_and_its_job_is_nobody_elses() {
    let mut served = Served::new("import-restart");
    let send = |served: &Served, key: &str, file: &str| {
        let headers = [("Content-Type", "text/csv"), ("Idempotency-Key", key)];
        served.owner("POST", "/api/v1/users:import", &headers, file)
    };
    let file = "login,account\na,a@d\n";
    let first = send(&served, "k1", file);
    let place = first.header("location").unwrap().to_owned();
    assert_eq!(over(&served, &place)["failed"], 0);
    let again = send(&served, "k1", file);
    assert_eq!(
        (again.header("idempotent-replayed"), again.header("location")),
        (Some("true"), Some(&*place))
    );
    served.hut.now_ms.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    served.restart();
    let longer = "login,account\na,a@d\nb,b@d\n";
    for (key, file) in [("k1", longer), ("k2", file)] {
        let begun = send(&served, key, file);
        let anew = begun.header("location").unwrap();
        assert_eq!((begun.status, begun.header("idempotent-replayed"), anew == place), (202, None, false));
        let job = over(&served, anew);
        assert_eq!((&job["failed"], &job["errors"][0]["code"]), (&json!(1), &json!("conflict")), "{job}");
        assert_eq!(served.ask("GET", &place).status, 404, "what was before is nobody else's");
        assert_eq!(served.ask("GET", "/api/v1/accounts/b@d").status, 200);
    }
}

#[test]
fn a_secret_that_is_guessed_is_given_to_nobody_and_it_is_told_what_to_do() {
    let served = Served::new("weak");
    assert_eq!(served.give("POST", "/api/v1/accounts", json!({ "account": "alice@d" })).status, 201);
    for (path, body) in [
        ("/api/v1/accounts", json!({ "account": "bob@d" })),
        ("/api/v1/users", json!({ "login": "bob", "account": "bob@d" })),
        ("/api/v1/accounts/alice@d/devices", json!({ "name": "desk" })),
    ] {
        let with = |secret: &str, query: &str| {
            let mut body = body.clone();
            body["secret"] = secret.into();
            served.give("POST", &format!("{path}{query}"), body)
        };
        for secret in ["x", "seven77", "éééé", "ééééééé"] {
            let refused = with(secret, "");
            assert_eq!((refused.status, refused.code().as_str()), (400, "invalid"), "{path} {secret}");
            let problem = refused.json();
            assert_eq!(problem["errors"][0]["pointer"], "#/secret");
            assert!(problem["hint"].as_str().unwrap().contains("8 characters or more"), "{problem}");
            assert!(!refused.body.contains(secret) || secret == "x", "{problem}");
        }
        assert_eq!(with("seven77", "?dry_run=true").status, 400);
        assert_eq!(with("eight888", "?dry_run=true").status, 200);
    }
    let headers = [("Content-Type", "application/json"), ("Accept-Language", "fr")];
    let body = r#"{"account":"bob@d","secret":"1234"}"#;
    let french = served.owner("POST", "/api/v1/accounts", &headers, body).json();
    assert!(french["hint"].as_str().unwrap().contains("8 caractères ou plus"), "{french}");
    let file = "login,account,secret\na,a@d,1234\nb,b@d,eight888\nc,c@d,\n";
    let begun = served.owner("POST", "/api/v1/users:import", &[("Content-Type", "text/csv")], file);
    let job = over(&served, begun.header("location").unwrap());
    assert_eq!((&job["failed"], &job["errors"][0]["row"]), (&json!(1), &json!(1)), "{job}");
    assert!(job["errors"][0]["detail"].as_str().unwrap().contains("fewer than 8 characters"), "{job}");
    assert_eq!(served.ask("GET", "/api/v1/accounts/a@d").status, 404);
}

#[test]
fn further_addresses_are_imported_and_one_that_is_taken_is_told_by_its_row() {
    let served = Served::new("import-aliases");
    let file =
        "login,account,aliases\na,a@d,201 sales@d\nb,b@d,201\nc,,203\ne,e@d,f@d\nf,f@d,\ng,g@d,a b c@d@d\n";
    let kind = [("Content-Type", "text/csv")];
    let begun = served.owner("POST", "/api/v1/users:import", &kind, file);
    let job = over(&served, begun.header("location").unwrap());
    let failed: Vec<i64> =
        job["errors"].as_array().unwrap().iter().filter_map(|one| one["row"].as_i64()).collect();
    assert_eq!(failed, [2, 3, 5, 6], "{job}");
    let shown = served.ask("GET", "/api/v1/accounts/a@d").json();
    assert_eq!(shown["aliases"], json!(["201@d", "sales@d"]), "{shown}");
    assert_eq!(served.ask("GET", "/api/v1/accounts/f@d").status, 404, "it is an address of e's");
}

#[test]
fn a_file_that_cannot_be_read_makes_nothing() {
    let served = Served::new("no-import");
    let import = |kind: &str, file: &str| {
        served.owner("POST", "/api/v1/users:import", &[("Content-Type", kind)], file)
    };
    for (kind, file) in [
        ("text/csv", "login,colour\na,red\n"),
        ("text/csv", "login,account\na,a@d,more\n"),
        ("text/csv", ""),
        ("application/jsonl", "{\"login\":\"a\"}\n{\"login\":7}\n"),
    ] {
        assert_eq!(import(kind, file).code(), "invalid", "{file}");
    }
    assert_eq!(import("text/plain", "a").code(), "wrong_type");
    assert_eq!(served.ask("GET", "/api/v1/jobs").json()["data"], json!([]));
    // A row with a role that is more than that of who asks is a row that fails.
    let headers = [("Authorization", "Bearer admin"), ("Content-Type", "application/jsonl")];
    let file = "{\"login\":\"a\"}\n{\"login\":\"b\",\"role\":\"owner\"}\n";
    let begun = served.send("POST", "/api/v1/users:import", &headers, file);
    let job = over(&served, begun.header("location").unwrap());
    assert_eq!((&job["failed"], &job["errors"][0]["code"]), (&json!(1), &json!("forbidden")), "{job}");
    assert_eq!(served.ask("GET", "/api/v1/users/b").status, 404);
}

/// `docs/roles.md`: terms are not for everybody who looks after accounts, nor is a call for everybody who hands out phones.
#[test]
fn who_looks_after_accounts_gives_no_rights_and_records_nobody() {
    let served = Served::new("terms");
    assert_eq!(served.give("POST", "/api/v1/accounts", json!({ "account": "alice@d" })).status, 201);
    let patch = |role: &str, body: Value| {
        let bearer = format!("Bearer {role}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/merge-patch+json")];
        served.send("PATCH", "/api/v1/accounts/alice@d", &headers, &body.to_string()).status
    };
    for body in
        [json!({ "relay": true }), json!({ "record": "all" }), json!({ "terms": { "sessions_max": 9 } })]
    {
        assert_eq!(patch("operator", body.clone()), 403, "{body}");
        assert_eq!(patch("admin", body.clone()), 200, "{body}");
    }
    assert_eq!(patch("operator", json!({ "display_name": "Alice" })), 200);
    assert_eq!(patch("provisioning", json!({ "display_name": "Alice" })), 403);
    let ticket = |role: &str| {
        let bearer = format!("Bearer {role}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        served.send("POST", "/api/v1/me/phone_ticket", &headers, r#"{"account":"alice@d"}"#).status
    };
    assert_eq!((ticket("provisioning"), ticket("supervisor"), ticket("operator")), (404, 404, 409));
}

#[test]
fn one_request_makes_a_user_with_account_number_device_and_a_link_for_the_phone() {
    let served = Served::new("working-user");
    let body = json!({
        "login": "alice", "display_name": "Alice", "account": "alice@d", "aliases": ["201"],
        "phone": { "vendor": "linphone", "language": "fr" },
    });
    let refused = json!({ "login": "x", "account": "x@d", "phone": { "vendor": "nokia" } });
    assert_eq!(served.give("POST", "/api/v1/users", refused).code(), "invalid");
    assert_eq!(served.ask("GET", "/api/v1/users/x").status, 404, "nothing was made");
    let made = served.give("POST", "/api/v1/users", body);
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(made["account"]["aliases"], json!(["201@d"]));
    assert_eq!((&made["phone"]["device_id"], &made["secret"]), (&made["device_id"], &json!(null)));
    assert!(made["phone"]["code"].as_str().unwrap().contains("/p/"), "{made}");
    let path = made["phone"]["url"].as_str().unwrap().strip_prefix("https://sip.example.org").unwrap();
    let headers = [("User-Agent", "Linphone/5.1.65"), ("X-Linphone-Provisioning", "1")];
    assert_eq!(served.send("GET", path, &headers, "").status, 200);
    let taken = json!({ "login": "bob", "account": "bob@d", "aliases": ["201"] });
    assert_eq!(served.give("POST", "/api/v1/users", taken).code(), "conflict");
    assert_eq!(served.ask("GET", "/api/v1/users/bob").status, 404, "all or nothing");
}

/// One name would look like another, in tables and in the audit log.
#[test]
fn a_name_that_turns_what_is_read_is_refused_and_one_with_space_around_it_is_trimmed() {
    let served = Served::new("names");
    assert_eq!(served.give("POST", "/api/v1/accounts", json!({ "account": "alice@d" })).status, 201);
    let turned = "a\u{202e}b";
    for (path, body) in [
        ("/users", json!({ "login": turned })),
        ("/users", json!({ "login": "zoe", "display_name": turned })),
        ("/accounts", json!({ "account": format!("{turned}@d") })),
        ("/accounts", json!({ "account": "zoe@d", "display_name": turned })),
        ("/accounts/alice@d/devices", json!({ "name": turned })),
        ("/groups", json!({ "name": turned })),
    ] {
        let answer = served.give("POST", &format!("/api/v1{path}"), body.clone());
        assert!(matches!(answer.status, 400 | 422), "{path} {body}: {answer:?}");
    }
    let made = served.give("POST", "/api/v1/users", json!({ "login": "zoe", "display_name": " Zo\u{eb}  " }));
    assert_eq!(made.status, 201, "{made:?}");
    assert!(made.json().to_string().contains("\"Zo\u{eb}\""), "{made:?}");
}
