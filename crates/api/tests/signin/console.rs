//! What the console asks, as JSON.

use crate::browser::{PASSWORD, Site};
use coeur_api::{NewUser, Request, UserAmendment};

fn sign_in(login: &str, password: &str) -> String {
    format!("{{\"login\":\"{login}\",\"password\":\"{password}\"}}")
}

#[test]
fn the_console_signs_in_learns_who_it_is_and_signs_out() {
    let site = Site::new("json");
    site.owner();
    let mut browser = site.browser();
    let refused = browser.get("/auth/session");
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (401, Some("not_signed_in")),
        "{refused:?}"
    );
    let wrong = browser.json("POST", "/auth/sign-in", &[], &sign_in("owner", "x"));
    let nobody = browser.json("POST", "/auth/sign-in", &[], &sign_in("nobody", "x"));
    let told = |answer: &crate::browser::Answer| {
        let json = answer.json();
        (answer.status, json["code"].clone(), json["detail"].clone(), json["title"].clone())
    };
    assert_eq!(told(&wrong), told(&nobody));
    assert_eq!(wrong.status, 401);
    let done = browser.json("POST", "/auth/sign-in", &[], &sign_in("owner", PASSWORD));
    assert_eq!((done.status, done.json()["status"].as_str()), (200, Some("signed_in")), "{done:?}");
    let who = browser.get("/auth/session").json();
    assert_eq!(
        (&who["user"], &who["role"], &who["language"]),
        (&"usr_1".into(), &"owner".into(), &"en".into())
    );
    let csrf = who["csrf_token"].as_str().unwrap().to_owned();
    assert_eq!(browser.json("POST", "/auth/sign-out", &[("X-CSRF-Token", &csrf)], "").status, 204);
    assert_eq!(browser.get("/auth/session").status, 401);
}

#[test]
fn sessions_are_listed_and_one_is_ended_from_another() {
    let site = Site::new("sessions");
    let mut here = site.owner();
    let mut there = site.browser();
    there.json("POST", "/auth/sign-in", &[], &sign_in("owner", PASSWORD));
    let list = here.get("/auth/sessions").json();
    let all = list["data"].as_array().unwrap();
    assert_eq!(all.len(), 2, "{list}");
    let other = all.iter().find(|one| one["current"] == false).unwrap();
    assert_eq!((&other["address"], &other["user_agent"]), (&"127.0.0.1".into(), &"a <b>browser</b>".into()));
    let csrf = here.get("/auth/session").json()["csrf_token"].as_str().unwrap().to_owned();
    let path = format!("/auth/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(here.json("DELETE", &path, &[("X-CSRF-Token", &csrf)], "").status, 204);
    assert_eq!(here.json("DELETE", &path, &[("X-CSRF-Token", &csrf)], "").status, 404);
    assert_eq!((here.get("/auth/session").status, there.get("/auth/session").status), (200, 401));
}

#[test]
fn who_is_disabled_is_out_of_the_api_with_his_next_request() {
    let site = Site::new("disabled");
    let mut owner = site.owner();
    let user = NewUser { login: "second".to_owned(), role: "auditor".to_owned(), ..Default::default() };
    site.ask(Request::UserAdd { user });
    let mut second = site.browser();
    let form = [("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(second.post(&site.link(Some("second")), &form).status, 303);
    assert_eq!(second.get("/api/v1/status").status, 200);
    let change = UserAmendment { enabled: Some(false), ..Default::default() };
    site.ask(Request::UserChange { user: "second".to_owned(), change });
    assert_eq!((second.get("/api/v1/status").status, owner.get("/api/v1/status").status), (401, 200));
}

/// Of a console that was left open, what another would do with it.
const DANGEROUS: [(&str, &str, &str); 6] = [
    ("DELETE", "/api/v1/tenants/acme", ""),
    ("DELETE", "/api/v1/domains/gone.example", ""),
    ("PATCH", "/api/v1/users/second", r#"{"role":"admin"}"#),
    ("PATCH", "/api/v1/users/second", r#"{"enabled":false}"#),
    ("POST", "/api/v1/users", r#"{"login":"third","role":"owner"}"#),
    ("DELETE", "/api/v1/users/second", ""),
];

#[test]
fn what_is_dangerous_wants_a_proof_of_the_last_ten_minutes_and_says_how_to_give_it() {
    let site = Site::new("stepup");
    let mut owner = site.owner();
    let csrf = |owner: &mut crate::browser::Browser| {
        owner.get("/auth/session").json()["csrf_token"].as_str().unwrap().to_owned()
    };
    let old = csrf(&mut owner);
    let second = NewUser { login: "second".to_owned(), role: "owner".to_owned(), ..NewUser::default() };
    site.ask(Request::UserAdd { user: second });
    site.ask(Request::TenantAdd { name: "acme".to_owned() });
    site.ask(Request::DomainAdd { domain: "gone.example".to_owned(), tenant: None });
    site.pass(10 * 60_000);
    for (method, path, body) in DANGEROUS {
        let refused = owner.json(method, path, &[("X-CSRF-Token", &old)], body);
        let told = refused.json();
        assert_eq!(
            (refused.status, told["code"].as_str()),
            (403, Some("step_up_required")),
            "{path} {refused:?}"
        );
        assert!(told["hint"].as_str().unwrap().contains("/auth/step-up"), "{told}");
    }
    // What is not dangerous goes on.
    let named =
        owner.json("PATCH", "/api/v1/users/second", &[("X-CSRF-Token", &old)], r#"{"display_name":"S"}"#);
    assert_eq!(named.status, 200, "{named:?}");
    let wrong =
        owner.json("POST", "/auth/step-up", &[("X-CSRF-Token", &old)], r#"{"password":"a wrong one"}"#);
    assert_eq!(wrong.status, 401, "{wrong:?}");
    let unasked = owner.json("POST", "/auth/step-up", &[], &format!(r#"{{"password":"{PASSWORD}"}}"#));
    assert_eq!(unasked.status, 403, "a page of another site does not do it");
    let before = owner.session().cloned();
    let right = owner.json(
        "POST",
        "/auth/step-up",
        &[("X-CSRF-Token", &old)],
        &format!(r#"{{"password":"{PASSWORD}"}}"#),
    );
    assert_eq!(right.status, 200, "{right:?}");
    assert_ne!(owner.session().cloned(), before, "the session has another name");
    let fresh = csrf(&mut owner);
    for (method, path, body) in DANGEROUS {
        let done = owner.json(method, path, &[("X-CSRF-Token", &fresh)], body);
        assert!((200..300).contains(&done.status), "{method} {path} {done:?}");
    }
}

/// Whatever is wrong with it, a program reads the same kind of answer.
#[test]
fn what_is_no_json_is_a_problem_below_auth_too() {
    let site = Site::new("json-wrong");
    let mut browser = site.browser();
    let good = sign_in("owner", PASSWORD);
    for (path, kind, body, status, code) in [
        ("/auth/sign-in", "text/plain", &*good, 415, "wrong_type"),
        ("/auth/sign-in", "application/json", "{", 400, "invalid"),
        ("/auth/sign-in", "application/json", "{}", 400, "invalid"),
        ("/auth/code", "text/plain", "{}", 415, "wrong_type"),
        ("/auth/step-up", "application/x-www-form-urlencoded", "a=b", 415, "wrong_type"),
    ] {
        let answer = browser.send("POST", path, &[("Content-Type", kind)], body);
        assert_eq!(answer.status, status, "{path} {kind}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
        assert_eq!(answer.json()["code"], code);
    }
}
