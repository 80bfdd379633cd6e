//! Numbers of the public network: taken in one by one and in ranges, given to accounts and taken back, found and removed.

use crate::served::{Answer, Served};
use coeur_directory::{Change, Domain, Tenant, TenantChange, TenantId};
use coeur_storage::Operator;
use serde_json::{Value, json};

/// With the users alice (usr_1) and bob (usr_2), who have an account of that name.
fn served(name: &str) -> Served {
    let served = Served::new(&format!("numbers-{name}"));
    for login in ["alice", "bob"] {
        let body = json!({ "login": login, "display_name": login, "account": format!("{login}@d") });
        assert_eq!(served.give("POST", "/api/v1/users", body).status, 201);
    }
    served
}

fn give(served: &Served, token: &str, method: &str, path: &str, body: Value) -> Answer {
    served.give_as(token, method, &format!("/api/v1{path}"), body)
}

fn get(served: &Served, token: &str, path: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    served.send("GET", &format!("/api/v1{path}"), &[("Authorization", &bearer)], "")
}

fn numbers(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let rows = json["data"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    rows.iter().map(|row| row["number"].as_str().unwrap().to_owned()).collect()
}

fn aliases(served: &Served, account: &str) -> Value {
    get(served, "admin", &format!("/accounts/{account}")).json()["aliases"].clone()
}

/// `+33100` to `+33109`, of the first tenant.
fn with_range(name: &str) -> Served {
    let served = served(name);
    let body = json!({ "first": "+33 100", "last": "+33-109", "note": "Carrier" });
    let made = give(&served, "admin", "POST", "/numbers:range", body);
    assert_eq!((made.status, &made.json()["made"]), (200, &json!(10)), "{made:?}");
    served
}

#[test]
fn a_number_is_taken_in_once_changed_and_removed() {
    let served = served("life");
    let body =
        json!({ "number": " +33 (1) 23-45 ", "note": " Ported ", "emergency_address": "1 rue X\r\nParis" });
    let made = give(&served, "admin", "POST", "/numbers", body.clone());
    assert_eq!((made.status, made.header("location")), (201, Some("/api/v1/numbers/num_1")), "{made:?}");
    let json = made.json();
    assert_eq!(
        (&json["number"], &json["state"], &json["account"]),
        (&json!("+3312345"), &json!("free"), &Value::Null)
    );
    assert_eq!((&json["note"], &json["emergency_address"]), (&json!("Ported"), &json!("1 rue X\nParis")));
    assert_eq!(give(&served, "admin", "POST", "/numbers", body).code(), "conflict");
    let changed = give(&served, "operator", "PATCH", "/numbers/+3312345", json!({ "note": "" }));
    assert_eq!((changed.status, &changed.json()["note"]), (200, &json!("")), "{changed:?}");
    let etag = changed.header("etag").unwrap().to_owned();
    assert_eq!(give(&served, "admin", "PATCH", "/numbers/num_1", json!({ "note": "x" })).status, 200);
    let late = [("If-Match", etag.as_str()), ("Content-Type", "application/json")];
    assert_eq!(served.owner("PATCH", "/api/v1/numbers/num_1", &late, "{\"note\":\"y\"}").status, 412);
    let tried = served.give("PATCH", "/api/v1/numbers/num_1?dry_run=true", json!({ "note": "z" }));
    assert_eq!(tried.json()["differences"][0]["after"], "z", "{tried:?}");
    for bad in ["201", "0123456789", "+0123", "+1234567890123456", "+33x"] {
        let refused = give(&served, "admin", "POST", "/numbers", json!({ "number": bad }));
        assert!(refused.code() == "invalid" && refused.body.contains("E.164"), "{refused:?}");
    }
    let long = json!({ "number": "+3399", "emergency_address": "é".repeat(301) });
    assert_eq!(give(&served, "admin", "POST", "/numbers", long).code(), "invalid");
    assert_eq!(give(&served, "admin", "PATCH", "/numbers/num_1", json!({})).code(), "invalid");
    assert_eq!(give(&served, "admin", "DELETE", "/numbers/num_1", json!({})).status, 204);
    assert_eq!(get(&served, "admin", "/numbers/num_1").code(), "not_found");
    assert_eq!(get(&served, "admin", "/numbers/+3312345").code(), "not_found");
}

#[test]
fn a_range_says_which_were_there_already_and_may_be_tried_before() {
    let served = with_range("range");
    let body = json!({ "first": "+33105", "last": "+33114" });
    let tried = give(&served, "admin", "POST", "/numbers:range?dry_run=true", body.clone());
    let rows = tried.json()["rows"].clone();
    assert_eq!((&rows["total"], &rows["failed"]), (&json!(10), &json!(5)), "{tried:?}");
    assert_eq!(rows["errors"][0]["subject"], "+33105");
    assert_eq!(numbers(&get(&served, "admin", "/numbers")).len(), 10, "nothing was done");
    let done = give(&served, "admin", "POST", "/numbers:range", body.clone());
    assert_eq!((&done.json()["made"], &done.json()["known_count"]), (&json!(5), &json!(5)), "{done:?}");
    assert_eq!(done.json()["known"][4], "+33109");
    assert_eq!(give(&served, "admin", "POST", "/numbers:range", body).json()["made"], 0);
    let found = numbers(&get(&served, "admin", "/numbers?q=carrier"));
    assert_eq!(found.len(), 10, "those that were there are as they were");
    for (first, last) in [("+33105", "+331050"), ("+33105", "+33104"), ("+3310000", "+3320000")] {
        let refused =
            give(&served, "admin", "POST", "/numbers:range", json!({ "first": first, "last": last }));
        assert_eq!(refused.code(), "invalid", "{first} {last}");
    }
    let (mut all, mut path) = (Vec::new(), "/numbers?limit=4".to_owned());
    loop {
        let page = get(&served, "admin", &path);
        all.extend(numbers(&page));
        let Some(next) = page.json()["next_cursor"].as_str().map(str::to_owned) else { break };
        path = format!("/numbers?limit=4&cursor={}", next.replace('+', "%2B"));
    }
    assert_eq!(all, (100..115).map(|number| format!("+33{number}")).collect::<Vec<_>>());
    assert_eq!(get(&served, "admin", "/numbers?cursor=nonsense").code(), "invalid");
}

#[test]
fn a_number_is_given_to_an_account_moved_only_from_who_is_named_and_taken_back() {
    let served = with_range("given");
    let patch = |body: Value| give(&served, "admin", "PATCH", "/numbers/num_1", body);
    let given = patch(json!({ "account": "alice@d", "note": "Alice's" }));
    let json = given.json();
    assert_eq!(
        (&json["state"], &json["account"], &json["note"]),
        (&json!("assigned"), &json!("alice@d"), &json!("Alice's"))
    );
    assert_eq!(json["account_name"], "alice");
    assert_eq!(aliases(&served, "alice@d"), json!(["+33100@d"]));
    assert_eq!(patch(json!({ "account": "alice@d" })).status, 200, "she has it");
    let refused = patch(json!({ "account": "bob@d", "note": "Bob's" }));
    assert!(refused.code() == "conflict" && refused.body.contains("alice@d"), "{refused:?}");
    assert_eq!(get(&served, "admin", "/numbers/num_1").json()["note"], "Alice's", "all or nothing");
    assert_eq!(patch(json!({ "account": "alice@d", "from": "bob@d" })).code(), "conflict");
    let removed = give(&served, "admin", "DELETE", "/numbers/num_1", json!({}));
    assert!(removed.status == 409 && removed.body.contains("alice@d"), "{removed:?}");
    let tried = served.give("PATCH", "/api/v1/numbers/num_1?dry_run=true", json!({ "account": null }));
    assert_eq!(tried.json()["differences"][0]["before"], "alice@d", "{tried:?}");
    let moved = patch(json!({ "account": "bob@d", "from": "alice@d" }));
    assert_eq!((moved.status, &moved.json()["account"]), (200, &json!("bob@d")), "{moved:?}");
    assert_eq!((aliases(&served, "alice@d"), aliases(&served, "bob@d")), (json!([]), json!(["+33100@d"])));
    let listed = |state: &str| numbers(&get(&served, "admin", &format!("/numbers?state={state}"))).len();
    assert_eq!((listed("any"), listed("free"), listed("assigned"), listed("unlisted")), (10, 9, 1, 0));
    assert_eq!(patch(json!({ "account": null })).json()["state"], "free");
    assert_eq!(patch(json!({ "account": null })).status, 200, "nobody has it");
    assert_eq!(aliases(&served, "bob@d"), json!([]));
    assert_eq!(give(&served, "admin", "DELETE", "/numbers/num_1", json!({})).status, 204);
    assert_eq!(patch(json!({ "account": "bob@d" })).code(), "not_found");
    let nobody = give(&served, "admin", "PATCH", "/numbers/num_2", json!({ "account": "nobody@d" }));
    assert_eq!(nobody.code(), "not_found");
}

#[test]
fn what_an_account_has_and_no_inventory_is_told_and_taken_in() {
    let served = with_range("unlisted");
    for alias in ["+33555", "201"] {
        let body = json!({ "alias": alias });
        assert_eq!(served.give("POST", "/api/v1/accounts/bob@d/aliases", body).status, 201);
    }
    let rows = get(&served, "admin", "/numbers?state=unlisted");
    assert_eq!(numbers(&rows), ["+33555"], "201 is no number of the public network");
    let row = rows.json()["data"][0].clone();
    assert_eq!(
        (&row["id"], &row["state"], &row["account"]),
        (&Value::Null, &json!("unlisted"), &json!("bob@d"))
    );
    let made = give(&served, "admin", "POST", "/numbers", json!({ "number": "+33555" }));
    assert_eq!(
        (&made.json()["state"], &made.json()["account"]),
        (&json!("assigned"), &json!("bob@d")),
        "{made:?}"
    );
    assert_eq!(numbers(&get(&served, "admin", "/numbers?state=unlisted")).len(), 0);
    // The address of an account itself is no further one that could be taken away.
    let body = json!({ "account": "+33100@d" });
    assert_eq!(give(&served, "admin", "POST", "/accounts", body).status, 201);
    let refused = give(&served, "admin", "PATCH", "/numbers/+33100", json!({ "account": null }));
    assert_eq!(refused.code(), "conflict", "{refused:?}");
}

#[test]
fn who_manages_accounts_manages_numbers_and_who_reads_them_reads_those_of_his_tenant() {
    let served = with_range("rights");
    let second = Tenant::new(TenantId(2), "second");
    let domain = Domain { tenant: TenantId(2), ..Domain::new("e") };
    for change in [Change::Tenant(TenantChange::Added(second)), Change::DomainAdded(domain)] {
        served.door.change(&Operator::program(), change).map_err(|why| why.text).unwrap();
    }
    let body = json!({ "login": "eve", "tenant": "second", "account": "eve@e" });
    assert_eq!(served.give("POST", "/api/v1/users", body).status, 201);
    let theirs = json!({ "number": "+44100", "tenant": "second" });
    assert_eq!(give(&served, "owner", "POST", "/numbers", theirs).status, 201);
    for token in ["supervisor", "auditor"] {
        assert_eq!(numbers(&get(&served, token, "/numbers")).len(), 10, "{token}");
        assert_eq!(get(&served, token, "/numbers?tenant=second").code(), "not_found", "{token}");
        assert_eq!(get(&served, token, "/numbers/+44100").code(), "not_found", "{token}");
        assert_eq!(
            give(&served, token, "PATCH", "/numbers/num_1", json!({ "note": "x" })).code(),
            "forbidden"
        );
    }
    assert_eq!(get(&served, "user:1", "/numbers").code(), "forbidden");
    assert_eq!(
        give(&served, "operator", "POST", "/numbers", json!({ "number": "+3399" })).code(),
        "forbidden"
    );
    let given = json!({ "account": "alice@d" });
    assert_eq!(give(&served, "operator", "PATCH", "/numbers/num_1", given.clone()).status, 200);
    let scoped = give(&served, "admin/numbers:write", "PATCH", "/numbers/num_2", given.clone());
    assert_eq!(scoped.code(), "forbidden", "it changes an account: {scoped:?}");
    let both = "admin/numbers:write,accounts:write";
    assert_eq!(give(&served, both, "PATCH", "/numbers/num_2", given).status, 200);
    let strange = give(&served, "owner", "PATCH", "/numbers/+44100", json!({ "account": "alice@d" }));
    assert_eq!(strange.code(), "invalid", "of another tenant: {strange:?}");
    let found = numbers(&get(&served, "owner", "/numbers?tenant=second"));
    assert_eq!((found, numbers(&get(&served, "owner", "/numbers")).len()), (vec!["+44100".to_owned()], 11));
}

#[test]
fn a_user_is_made_with_the_next_number_that_is_free() {
    let served = with_range("next");
    assert_eq!(give(&served, "admin", "PATCH", "/numbers/+33100", json!({ "account": "bob@d" })).status, 200);
    let user = |login: &str, number: &str| {
        let body = json!({ "login": login, "account": format!("{login}@d"), "number": number });
        give(&served, "admin", "POST", "/users", body)
    };
    let made = user("carol", "next");
    assert_eq!((made.status, &made.json()["account"]["aliases"]), (201, &json!(["+33101@d"])), "{made:?}");
    assert_eq!(user("dave", "+33 1-05").json()["account"]["aliases"], json!(["+33105@d"]));
    assert_eq!(user("erin", "+33100").code(), "conflict", "it is bob's");
    assert_eq!(user("erin", "+33777").code(), "not_found");
    let alone = give(&served, "admin", "POST", "/users", json!({ "login": "erin", "number": "next" }));
    assert_eq!(alone.code(), "invalid", "no account is named");
    for login in ["f0", "f1", "f2", "f3", "f4", "f5", "f6"] {
        assert_eq!(user(login, "next").status, 201);
    }
    assert_eq!(user("erin", "next").code(), "conflict", "none is left");
    assert_eq!(get(&served, "admin", "/users/erin").code(), "not_found");
}
