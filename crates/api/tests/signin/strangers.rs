//! Pages of other sites in the browser of somebody who is signed in.

use crate::browser::{PASSWORD, Site};

const EVIL: [(&str, &str); 2] = [("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")];

#[test]
fn no_other_site_changes_anything_with_the_cookie_of_a_session() {
    let site = Site::new("csrf");
    let mut owner = site.owner();
    let csrf = owner.hidden("/auth/security", "csrf");
    let form = |csrf: &str| format!("csrf={csrf}");
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    for (headers, body) in [
        (vec![kind], form("")),
        (vec![kind], form("guess")),
        // The token leaked, and the page is still another's.
        (vec![kind, EVIL[0]], form(&csrf)),
        (vec![kind, EVIL[1]], form(&csrf)),
        (vec![kind, ("Origin", "http://localhost:9999")], form(&csrf)),
        (vec![kind, ("Origin", "null")], form(&csrf)),
    ] {
        for path in ["/sign-out", "/auth/security/sessions/end", "/auth/security/recovery-codes"] {
            let refused = owner.send("POST", path, &headers, &body);
            assert_eq!(refused.status, 403, "{path} {headers:?}: {refused:?}");
        }
    }
    assert_eq!(owner.get("/auth/session").status, 200);
    assert!(site.desk.counters().forged >= 18);
}

#[test]
fn no_other_site_signs_somebody_in_as_somebody_else() {
    let site = Site::new("logincsrf");
    site.owner();
    let mut victim = site.browser();
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), EVIL[0]];
    let body = format!("login=owner&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(victim.send("POST", "/sign-in", &headers, &body).status, 403);
    let json = format!("{{\"login\":\"owner\",\"password\":\"{PASSWORD}\"}}");
    assert_eq!(victim.json("POST", "/auth/sign-in", &EVIL, &json).status, 403);
    assert!(victim.session().is_none());
}

#[test]
fn the_api_takes_a_session_only_with_what_our_own_page_knows() {
    let site = Site::new("apicsrf");
    let mut owner = site.owner();
    assert_eq!(owner.get("/api/v1/status").status, 200, "reading needs the cookie alone");
    assert_eq!(owner.json("GET", "/api/v1/status", &EVIL[..1], "").status, 403);
    let token = owner.get("/auth/session").json()["csrf_token"].as_str().unwrap().to_owned();
    for (headers, status) in
        [(vec![], 403), (vec![("X-CSRF-Token", "x")], 403), (vec![("X-CSRF-Token", token.as_str())], 204)]
    {
        assert_eq!(owner.json("DELETE", "/auth/sessions", &headers, "").status, status, "{headers:?}");
    }
}

#[test]
fn a_token_counts_in_its_header_and_a_session_in_its_cookie_and_never_the_other_way() {
    let site = Site::new("ways");
    let owner = site.owner();
    let session = owner.session().unwrap().clone();
    let what = coeur_api::SignInRequest::TokenMake(coeur_api::NewToken {
        user: "owner".to_owned(),
        name: "a program".to_owned(),
        scopes: vec!["status:read".to_owned()],
        ..Default::default()
    });
    let coeur_api::Reply::Token(view) = site.ask(coeur_api::Request::SignIn { what }) else { panic!("none") };
    let token = view.token.as_ref().unwrap().reveal().to_owned();
    let mut program = site.browser();
    let bearer = |text: &str| format!("Bearer {text}");
    let mut ask = |text: &str| program.send("GET", "/api/v1/status", &[("Authorization", text)], "").status;
    assert_eq!((ask(&bearer(&token)), ask(&bearer(&session)), ask(&bearer(&token[..60]))), (200, 401, 401));
    let mut browser = site.browser();
    browser.cookies.insert("coeur-session".to_owned(), token);
    assert_eq!(browser.get("/api/v1/status").status, 401);
}
