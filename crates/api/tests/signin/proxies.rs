//! Who asks where proxies stand between: what a stranger writes into a header changes nothing.

use crate::browser::{Answer, PASSWORD, Site};

/// A guess at the password of the owner, said to come from there.
fn guess(site: &Site, headers: &[(&str, &str)]) -> Answer {
    let body = r#"{"login":"nobody","password":"a wrong password"}"#;
    site.browser().json("POST", "/auth/sign-in", headers, body)
}

#[test]
fn a_guesser_who_forges_where_he_comes_from_waits_all_the_same() {
    let site = Site::new("forged");
    site.owner();
    let mut last = 0;
    for round in 0..8 {
        let (listed, forwarded) = (format!("198.51.100.{round}"), format!("for=203.0.113.{round}"));
        last = guess(&site, &[("X-Forwarded-For", &listed), ("Forwarded", &forwarded)]).status;
    }
    assert_eq!(last, 429, "all of it came from one address");
}

#[test]
fn behind_a_proxy_of_ours_each_address_waits_for_its_own_mistakes_and_is_what_is_written_down() {
    let site = Site::behind("proxied", &["127.0.0.1"]);
    site.owner();
    let from = |address: &'static str| [("X-Forwarded-For", address), ("X-Forwarded-Proto", "https")];
    for _ in 0..8 {
        guess(&site, &from("198.51.100.1"));
    }
    assert_eq!(guess(&site, &from("198.51.100.1")).status, 429);
    // What is left of the one whom the proxy names is said by a stranger.
    assert_eq!(guess(&site, &[("X-Forwarded-For", "192.0.2.77, 198.51.100.1")]).status, 429);
    let mut other = site.browser();
    let body = format!(r#"{{"login":"owner","password":"{PASSWORD}"}}"#);
    let entered = other.json("POST", "/auth/sign-in", &from("198.51.100.2"), &body);
    assert_eq!(entered.status, 200, "{entered:?}");
    for line in entered.lines("set-cookie") {
        assert!(line.starts_with("__Host-"), "the way to the proxy is encrypted: {line}");
    }
    let sessions = other.get("/auth/sessions").json();
    let mine = sessions["data"].as_array().unwrap().iter().find(|one| one["current"] == true);
    assert_eq!(mine.unwrap()["address"], "198.51.100.2");
    let unclear = guess(&site, &[("X-Forwarded-For", "198.51.100.3"), ("Forwarded", "for=127.0.0.1")]);
    assert_eq!(unclear.status, 400, "{unclear:?}");
}

#[test]
fn over_tls_a_cookie_that_another_name_of_the_host_can_set_is_not_believed() {
    let site = Site::behind("tossed", &["127.0.0.1"]);
    site.owner();
    let tls = [("X-Forwarded-For", "198.51.100.2"), ("X-Forwarded-Proto", "https")];
    let mut browser = site.browser();
    let body = format!(r#"{{"login":"owner","password":"{PASSWORD}"}}"#);
    assert_eq!(browser.json("POST", "/auth/sign-in", &tls, &body).status, 200);
    let session = browser.cookies.remove("__Host-coeur-session").unwrap();
    browser.cookies.insert("coeur-session".to_owned(), session.clone());
    for path in ["/auth/sessions", "/api/v1/status"] {
        assert_eq!(browser.send("GET", path, &tls, "").status, 401, "{path}");
    }
    browser.cookies.insert("__Host-coeur-session".to_owned(), session);
    for path in ["/auth/sessions", "/api/v1/status"] {
        assert_eq!(browser.send("GET", path, &tls, "").status, 200, "{path}");
    }
}
