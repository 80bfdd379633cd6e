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
