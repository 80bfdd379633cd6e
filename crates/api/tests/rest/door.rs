//! Who is let in, and what is done around every request.

use crate::served::{Served, TOKEN};
use std::sync::atomic::Ordering;

#[test]
fn who_has_no_token_is_told_so_in_his_language_and_what_to_do() {
    let served = Served::new("nobody");
    let refused = served.send("GET", "/api/v1/status", &[], "");
    assert_eq!((refused.status, refused.code().as_str()), (401, "not_signed_in"));
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    let problem = refused.json();
    assert_eq!(problem["title"], "You are not signed in");
    assert!(problem["hint"].as_str().unwrap().contains("Authorization"), "{problem}");
    assert_eq!(problem["trace_id"].as_str().unwrap().len(), 32, "{problem}");
    let french = served.send("GET", "/api/v1/status", &[("Accept-Language", "fr")], "");
    assert_eq!(french.json()["title"], "Vous n'êtes pas connecté");
    assert_eq!(french.header("content-language"), Some("fr"));
    for wrong in ["Bearer ", "Bearer x", "Basic YTpi", TOKEN] {
        let refused = served.send("GET", "/api/v1/status", &[("Authorization", wrong)], "");
        assert_eq!(refused.status, 401, "{wrong}");
    }
    let in_a_cookie = format!("token={TOKEN}");
    assert_eq!(served.send("GET", "/api/v1/status", &[("Cookie", &in_a_cookie)], "").status, 401);
}

#[test]
fn the_status_tells_whether_new_work_is_welcome() {
    let served = Served::new("status");
    let answer = served.ask("GET", "/api/v1/status");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((&answer.json()["version"], &answer.json()["ready"]), (&"test".into(), &true.into()));
    served.hut.ready.store(false, Ordering::Relaxed);
    let answer = served.ask("GET", "/api/v1/status").json();
    assert_eq!(
        (&answer["ready"], &answer["not_ready_because"]),
        (&false.into(), &"the journal cannot write".into())
    );
}

#[test]
fn a_name_that_is_not_ours_is_answered_nothing() {
    let served = Served::new("rebinding");
    let ask = |host: &str| {
        let headers = [("Host", host), ("Authorization", &format!("Bearer {TOKEN}"))];
        served.send("GET", "/api/v1/status", &headers, "").status
    };
    for ours in
        ["localhost", "localhost:8090", "127.0.0.1:1", "[::1]:8090", "192.0.2.1", "SIP.example.org:8090"]
    {
        assert_eq!(ask(ours), 200, "{ours}");
    }
    for theirs in
        ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "example.org", "127.0.0.1@evil.test", ""]
    {
        assert!([400, 421].contains(&ask(theirs)), "{theirs}");
    }
    assert_eq!(
        served.send("GET", "/api/v1/status", &[("Host", "localhost"), ("Host", "evil.test")], "").status,
        421
    );
    let absolute = served.send("GET", "http://evil.test/api/v1/status", &[], "");
    assert_eq!(absolute.code(), "misdirected");
}

#[test]
fn a_browser_is_told_to_keep_nothing_and_to_frame_nothing() {
    let served = Served::new("headers");
    for path in ["/api/v1/status", "/api/v1/nothing", "/nothing"] {
        let answer = served.ask("GET", path);
        for (name, part) in [
            ("content-security-policy", "default-src 'self'"),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
        ] {
            assert!(
                answer.header(name).is_some_and(|value| value.contains(part)),
                "{path} {name}: {answer:?}"
            );
        }
        let is_kept = answer.header("cache-control") != Some("no-store");
        assert_eq!(is_kept, path == "/nothing", "{answer:?}");
    }
}

#[test]
fn an_address_or_method_that_is_none_is_a_problem_too() {
    let served = Served::new("nothing");
    assert_eq!(served.ask("GET", "/api/v1/nothing").code(), "no_such_page");
    let refused = served.ask("DELETE", "/api/v1/status");
    assert_eq!((refused.status, refused.code().as_str()), (405, "method_not_allowed"));
    assert!(refused.header("allow").is_some_and(|allow| allow.contains("GET")), "{refused:?}");
}

#[test]
fn a_trace_of_the_caller_goes_on_here_and_one_that_is_none_does_not() {
    let served = Served::new("trace");
    let trace = |said: &str| {
        let answer = served.send("GET", "/api/v1/status", &[("traceparent", said)], "");
        answer.json()["trace_id"].as_str().unwrap().to_owned()
    };
    let theirs = "4bf92f3577b34da6a3ce929d0e0e4736";
    assert_eq!(trace(&format!("00-{theirs}-00f067aa0ba902b7-01")), theirs);
    let zeros = "0".repeat(32);
    for bad in ["", "00-x-y-01", &format!("00-{zeros}-00f067aa0ba902b7-01"), &theirs.to_uppercase()] {
        let ours = trace(bad);
        assert!(ours.len() == 32 && ours != theirs && ours != zeros, "{bad}: {ours}");
    }
}

#[test]
fn a_user_is_told_that_he_may_not_and_which_right_it_takes() {
    let served = Served::new("user");
    let refused = served.send("GET", "/api/v1/status", &[("Authorization", "Bearer user")], "");
    assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("status:read"));
    assert_eq!(served.send("GET", "/api/v1/status", &[("Authorization", "Bearer auditor")], "").status, 200);
}
