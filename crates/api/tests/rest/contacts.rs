//! Contacts: what a tenant shares, what is one's own, files of them, and whom one can call.

use crate::served::{Answer, Served};
use coeur_directory::{Account, AccountId, Change, Domain, Tenant, TenantChange, TenantId};
use coeur_storage::Operator;
use serde_json::{Value, json};

/// With the users alice (usr_1) and bob (usr_2), who have an account of that name.
fn served(name: &str) -> Served {
    let served = Served::new(&format!("contacts-{name}"));
    for login in ["alice", "bob"] {
        let body = json!({ "login": login, "display_name": login, "account": format!("{login}@d") });
        assert_eq!(served.give("POST", "/api/v1/users", body).status, 201);
    }
    served
}

const ALICE: &str = "user:1";
const BOB: &str = "user:2";

fn give(served: &Served, token: &str, method: &str, path: &str, body: Value) -> Answer {
    served.give_as(token, method, &format!("/api/v1{path}"), body)
}

fn get(served: &Served, token: &str, path: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    served.send("GET", &format!("/api/v1{path}"), &[("Authorization", &bearer)], "")
}

fn send_file(served: &Served, token: &str, path: &str, kind: &str, file: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
    served.send("POST", &format!("/api/v1{path}"), &headers, file)
}

fn names(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let rows = json["data"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_contact_is_made_found_changed_and_removed_and_its_numbers_are_as_they_are_dialled() {
    let served = served("life");
    let body = json!({
        "name": " Zoë Martin ", "organisation": "Mairie", "email": "zoe@example.org",
        "numbers": [{ "label": "mobile", "number": "+33 6 12 34 56 78" }, { "number": "zoe@example.org" }],
    });
    let made = give(&served, "admin", "POST", "/contacts", body);
    assert_eq!((made.status, made.header("location")), (201, Some("/api/v1/contacts/ctc_1")), "{made:?}");
    let expected = json!([
        { "label": "mobile", "number": "+33612345678" },
        { "label": "work", "number": "sip:zoe@example.org" },
    ]);
    assert_eq!((&made.json()["name"], &made.json()["numbers"]), (&json!("Zoë Martin"), &expected));
    for wanted in ["zo%C3%AB", "mairie", "06%2012", "612%2034", "example.org"] {
        let found = names(&get(&served, "admin", &format!("/contacts?q={wanted}")));
        assert_eq!(found.len(), usize::from(wanted != "06%2012"), "{wanted}");
    }
    let changed = give(&served, "operator", "PATCH", "/contacts/ctc_1", json!({ "name": "", "numbers": [] }));
    assert_eq!((changed.status, &changed.json()["name"]), (200, &json!("Mairie")), "{changed:?}");
    assert_eq!(changed.json()["numbers"], json!([]));
    let etag = changed.header("etag").unwrap().to_owned();
    assert_eq!(give(&served, "admin", "PATCH", "/contacts/ctc_1", json!({ "note": "x" })).status, 200);
    let late = [("If-Match", etag.as_str()), ("Content-Type", "application/json")];
    let late = served.owner("PATCH", "/api/v1/contacts/ctc_1", &late, "{\"note\":\"y\"}");
    assert_eq!(late.status, 412, "{late:?}");
    let tried = served.give("PATCH", "/api/v1/contacts/ctc_1?dry_run=true", json!({ "note": "z" }));
    assert_eq!(tried.json()["differences"][0]["after"], "z", "{tried:?}");
    for bad in [
        json!({ "name": "" }),
        json!({ "name": "a\u{202e}b" }),
        json!({ "name": "a", "numbers": [{ "number": "javascript:x" }] }),
        json!({ "name": "a", "numbers": [{ "label": "pager", "number": "201" }] }),
        json!({ "name": "a", "email": "nobody" }),
        json!({ "name": "a", "photo": "x" }),
    ] {
        assert_eq!(give(&served, "admin", "POST", "/contacts", bad.clone()).code(), "invalid", "{bad}");
    }
    assert_eq!(give(&served, "admin", "DELETE", "/contacts/ctc_1", json!({})).status, 204);
    assert_eq!(get(&served, "admin", "/contacts/ctc_1").code(), "not_found");
}

#[test]
fn lists_go_on_in_the_order_of_names() {
    let served = served("pages");
    for name in ["delta", "Bravo", "charlie. 7", "alpha"] {
        assert_eq!(give(&served, "admin", "POST", "/contacts", json!({ "name": name })).status, 201);
    }
    let (mut all, mut path) = (Vec::new(), "/contacts?limit=1".to_owned());
    loop {
        let page = get(&served, "admin", &path);
        all.extend(names(&page));
        let Some(next) = page.json()["next_cursor"].as_str().map(str::to_owned) else { break };
        path = format!("/contacts?limit=1&cursor={}", next.replace(' ', "%20"));
    }
    assert_eq!(all, ["alpha", "Bravo", "charlie. 7", "delta"]);
    assert_eq!(get(&served, "admin", "/contacts?cursor=nonsense").code(), "invalid");
}

#[test]
fn what_is_ones_own_nobody_else_reads_and_what_is_shared_nobody_changes_who_may_not() {
    let served = served("own");
    let shared = give(&served, "admin", "POST", "/contacts", json!({ "name": "Shared" }));
    let shared = shared.json()["id"].as_str().unwrap().to_owned();
    let own = give(&served, ALICE, "POST", "/me/contacts", json!({ "name": "Own" }));
    assert_eq!(own.status, 201, "{own:?}");
    let place = own.header("location").unwrap().strip_prefix("/api/v1").unwrap().to_owned();
    let id = own.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(names(&get(&served, ALICE, "/me/contacts")), ["Own", "Shared"]);
    assert_eq!(names(&get(&served, ALICE, "/me/contacts?whose=own")), ["Own"]);
    assert_eq!(names(&get(&served, ALICE, "/me/contacts?whose=shared")), ["Shared"]);
    assert_eq!(names(&get(&served, BOB, "/me/contacts")), ["Shared"]);
    assert_eq!(names(&get(&served, ALICE, "/contacts")), ["Shared"]);
    for (token, path) in
        [(BOB, place.clone()), ("admin", format!("/contacts/{id}")), ("admin:2", place.clone())]
    {
        assert_eq!(get(&served, token, &path).code(), "not_found", "{token} {path}");
        let changed = give(&served, token, "PATCH", &path, json!({ "note": "x" }));
        assert_eq!(changed.code(), "not_found", "{token} {path}");
        assert_eq!(give(&served, token, "DELETE", &path, json!({})).code(), "not_found");
    }
    let theirs = format!("/me/contacts/{shared}");
    assert_eq!(get(&served, ALICE, &theirs).status, 200);
    assert_eq!(give(&served, ALICE, "PATCH", &theirs, json!({ "note": "x" })).code(), "not_found");
    let path = format!("/contacts/{shared}");
    for token in [ALICE, "supervisor", "auditor"] {
        assert_eq!(give(&served, token, "DELETE", &path, json!({})).code(), "forbidden", "{token}");
    }
    assert_eq!(get(&served, "auditor", "/contacts").code(), "forbidden");
    assert_eq!(get(&served, "auditor:1", "/me/contacts").code(), "not_found");
    assert_eq!(get(&served, "api/me:read", "/me/contacts").code(), "not_found", "a program owns nothing");
    assert_eq!(give(&served, "supervisor:2", "POST", "/me/contacts", json!({ "name": "x" })).status, 201);
    assert_eq!(give(&served, ALICE, "DELETE", &place, json!({})).status, 204);
}

#[test]
fn one_tenant_sees_nothing_of_another() {
    let served = served("tenants");
    let second = Tenant::new(TenantId(2), "second");
    let domain = Domain { tenant: TenantId(2), ..Domain::new("e") };
    let changes = [Change::Tenant(TenantChange::Added(second)), Change::DomainAdded(domain)];
    for change in changes {
        served.door.change(&Operator::program(), change).map_err(|why| why.text).unwrap();
    }
    let body = json!({ "login": "eve", "tenant": "second", "account": "eve@e" });
    assert_eq!(served.give("POST", "/api/v1/users", body).status, 201);
    for (tenant, name) in [("ten_1", "Ours"), ("second", "Theirs")] {
        let body = json!({ "tenant": tenant, "name": name });
        assert_eq!(give(&served, "owner", "POST", "/contacts", body).status, 201);
    }
    let eve = "user:3";
    for path in ["/contacts", "/me/contacts"] {
        assert_eq!(names(&get(&served, eve, path)), ["Theirs"], "{path}");
        assert_eq!(names(&get(&served, ALICE, path)), ["Ours"], "{path}");
    }
    assert_eq!(get(&served, eve, "/contacts?tenant=ten_1").code(), "not_found");
    assert_eq!(get(&served, eve, "/contacts/ctc_1").code(), "not_found");
    assert_eq!(get(&served, eve, "/me/contacts/ctc_1").code(), "not_found");
    assert_eq!(names(&get(&served, eve, "/me/phonebook")), ["eve", "Theirs"]);
    let exported = get(&served, eve, "/contacts:export");
    assert!(exported.body.contains("FN:Theirs") && !exported.body.contains("Ours"), "{exported:?}");
    assert_eq!(names(&get(&served, "admin", "/contacts")), ["Ours"]);
    assert_eq!(names(&get(&served, "owner", "/contacts")), ["Ours", "Theirs"]);
}

#[test]
fn a_file_of_cards_is_imported_once_and_exported_as_it_is() {
    let served = served("files");
    let file = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Zoë\r\nTEL;TYPE=CELL:+33 6 12\r\nTEL:none at all\r\nEND:VCARD\r\n\
        BEGIN:VCARD\r\nVERSION:2.1\r\nNOTE:nobody\r\nEND:VCARD\r\n";
    let tried = send_file(&served, "admin", "/contacts:import?dry_run=true", "text/vcard", file);
    assert_eq!(tried.json()["rows"]["failed"], 1, "{tried:?}");
    assert_eq!(names(&get(&served, "admin", "/contacts")).len(), 0);
    let done = send_file(&served, "admin", "/contacts:import", "text/x-vcard; charset=utf-8", file);
    let json = done.json();
    assert_eq!(
        (&json["made"], &json["unchanged"], &json["numbers_left_out"]),
        (&json!(1), &json!(0), &json!(1))
    );
    assert_eq!(json["refused"][0]["row"], 7, "{done:?}");
    let again = send_file(&served, "admin", "/contacts:import", "text/vcard", file);
    assert_eq!((&again.json()["made"], &again.json()["unchanged"]), (&json!(0), &json!(1)), "{again:?}");
    let exported = get(&served, "admin", "/contacts:export");
    assert_eq!(exported.header("content-type"), Some("text/vcard; charset=utf-8"));
    assert!(exported.body.contains("FN:Zoë\r\nTEL;TYPE=cell;VALUE=uri:tel:+33612\r\n"), "{exported:?}");
    let mine = send_file(&served, ALICE, "/me/contacts:import", "text/vcard", &exported.body);
    assert_eq!(mine.json()["made"], 1, "another book");
    assert_eq!(get(&served, ALICE, "/me/contacts:export").body, exported.body);
    let refused = send_file(&served, "admin", "/contacts:import", "text/vcard", "name,number\nbob,201\n");
    assert_eq!(refused.code(), "invalid");
    assert_eq!(send_file(&served, "admin", "/contacts:import", "text/plain", file).status, 415);
    assert_eq!(send_file(&served, ALICE, "/contacts:import", "text/vcard", file).code(), "forbidden");
    let cards = (0..=1_000).map(|n| format!("BEGIN:VCARD\nFN:a{n}\nEND:VCARD\n"));
    let too_many: String = cards.collect();
    let full = send_file(&served, ALICE, "/me/contacts:import", "text/vcard", &too_many);
    assert!(full.code() == "invalid" && full.body.contains("1000"), "{full:?}");
    assert_eq!(names(&get(&served, ALICE, "/me/contacts?whose=own")).len(), 1, "all or none");
}

#[test]
fn the_phonebook_has_colleagues_partners_and_ones_own_in_one_list() {
    let served = served("phonebook");
    let alias = json!({ "alias": "202" });
    assert_eq!(served.give("POST", "/api/v1/accounts/bob@d/aliases", alias).status, 201);
    let number = json!([{ "number": "+33123" }]);
    give(&served, "admin", "POST", "/contacts", json!({ "name": "Baker", "numbers": number }));
    give(&served, ALICE, "POST", "/me/contacts", json!({ "name": "aunt", "numbers": number }));
    let mut off = Account::new(AccountId(99), coeur_directory::Aor::parse("gone@d").unwrap());
    off.enabled = false;
    let off = Change::AccountAdded(Box::new(off));
    served.door.change(&Operator::program(), off).map_err(|why| why.text).unwrap();
    let book = get(&served, ALICE, "/me/phonebook");
    assert_eq!(names(&book), ["alice", "aunt", "Baker", "bob"], "{book:?}");
    let rows = book.json()["data"].clone();
    let row = |at: usize| (&rows[at]["kind"], &rows[at]["numbers"][0]["number"]);
    assert_eq!(row(0), (&json!("account"), &json!("sip:alice@d")));
    assert_eq!(row(1), (&json!("own"), &json!("+33123")));
    assert_eq!(row(2), (&json!("shared"), &json!("+33123")));
    assert_eq!(row(3), (&json!("account"), &json!("202")));
    assert_eq!(names(&get(&served, ALICE, "/me/phonebook?q=202")), ["bob"]);
    assert_eq!(names(&get(&served, ALICE, "/me/phonebook?limit=2")), ["alice", "aunt"]);
    assert_eq!(names(&get(&served, BOB, "/me/phonebook?q=aunt")).len(), 0);
}
