//! The pages, without a script.

use crate::browser::{PASSWORD, Site};
use std::time::Instant;

#[test]
fn the_first_owner_is_made_by_the_link_and_is_signed_in() {
    let site = Site::new("setup");
    let path = site.link(None);
    let mut browser = site.browser();
    let form = browser.get(&path);
    assert_eq!(form.status, 200, "{form:?}");
    assert!(
        form.body.contains("<html lang=\"en\">") && form.body.contains("make the first owner"),
        "{form:?}"
    );
    let unequal = [("name", "O"), ("login", "<i>owner"), ("password", PASSWORD), ("again", "another")];
    let again = browser.post(&path, &unequal);
    assert_eq!(again.status, 422);
    assert!(!again.body.contains(PASSWORD) && !again.body.contains("<i>owner"), "{again:?}");
    assert!(browser.session().is_none());
    let form = [("name", "O"), ("login", "owner"), ("password", PASSWORD), ("again", PASSWORD)];
    let done = browser.post(&path, &form);
    assert_eq!((done.status, done.header("location")), (303, Some("/")), "{done:?}");
    let who = browser.get("/auth/session");
    assert_eq!((&who.json()["login"], &who.json()["role"]), (&"owner".into(), &"owner".into()), "{who:?}");
    let mut late = site.browser();
    assert_eq!((late.get(&path).status, late.post(&path, &form).status), (410, 410));
}

#[test]
fn a_link_is_over_after_half_an_hour_and_says_so_in_french() {
    let site = Site::new("late");
    let path = site.link(None);
    site.pass(30 * 60_000);
    let mut browser = site.browser();
    browser.language = "fr";
    let over = browser.get(&path);
    assert_eq!(over.status, 410);
    assert!(
        over.body.contains("<html lang=\"fr\">") && over.body.contains("Ce lien a déjà servi"),
        "{over:?}"
    );
}

#[test]
fn whoever_signs_in_goes_where_he_wanted_and_to_no_other_site() {
    let site = Site::new("next");
    site.owner();
    for (next, to) in
        [("/calls?last=5", "/calls?last=5"), ("https://evil.example", "/"), ("//evil.example", "/")]
    {
        let mut browser = site.browser();
        let form = [("login", "Owner"), ("password", PASSWORD), ("next", next)];
        let done = browser.post("/sign-in", &form);
        assert_eq!((done.status, done.header("location")), (303, Some(to)), "{done:?}");
        assert!(browser.session().is_some());
    }
    let mut browser = site.browser();
    let wrong = browser.post("/sign-in", &[("login", "owner"), ("password", "x")]);
    assert_eq!(wrong.status, 401);
    assert!(wrong.body.contains("role=\"alert\"") && browser.session().is_none(), "{wrong:?}");
}

#[test]
fn cookies_are_for_no_script_and_no_other_site() {
    let site = Site::new("cookies");
    site.owner();
    let done = site.browser().post("/sign-in", &[("login", "owner"), ("password", PASSWORD)]);
    let lines = done.lines("set-cookie");
    assert!(lines.iter().any(|line| line.starts_with("coeur-session=")), "{lines:?}");
    for line in lines {
        assert!(line.contains("; HttpOnly; SameSite=Lax") && line.contains("Path=/"), "{line}");
    }
}

#[test]
fn whoever_comes_over_tls_has_cookies_of_this_host_alone_also_behind_a_proxy() {
    let site = Site::new("proxy");
    site.owner();
    let mut browser = site.browser();
    let headers =
        [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", "https://localhost:8090")];
    let body = format!("login=owner&password={}", PASSWORD.replace(' ', "+"));
    let done = browser.send("POST", "/sign-in", &headers, &body);
    for line in done.lines("set-cookie") {
        assert!(line.starts_with("__Host-") && line.ends_with("; Secure"), "{line}");
    }
    assert_eq!(browser.get("/auth/session").status, 200);
}

#[test]
fn no_page_has_a_script_or_a_style_of_its_own_in_it_and_none_may_be_framed_or_kept() {
    let site = Site::new("policy");
    let mut owner = site.owner();
    let link = site.link(Some("owner"));
    for path in ["/sign-in", "/auth/security", "/auth/security/authenticator", &link, "/setup/none"] {
        let page = owner.get(path);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(page.header("referrer-policy"), Some("same-origin"), "{path}: else forms have no Origin");
        assert_eq!(page.body.matches("<script").count(), 1, "{path}");
        assert!(page.body.contains("<script src=\"/auth/passkey.js\" defer></script>"), "{path}");
        for part in ["<style", " style=", "onclick", "javascript:"] {
            assert!(!page.body.contains(part), "{path}: {part}");
        }
    }
    assert_eq!(owner.get("/auth/style.css").header("content-type"), Some("text/css; charset=utf-8"));
}

/// WebAuthn section 5.1.2: an address is no name that a passkey can be of.
#[test]
fn a_page_opened_by_an_address_says_why_no_passkey_can_be_added_there() {
    let site = Site::new("address");
    let mut owner = site.owner();
    let page = owner.get("/auth/security").body;
    assert!(page.contains("passkey-add") && !page.contains("is of a host name"), "{page}");
    owner.host = "127.0.0.1:8090";
    let page = owner.get("/auth/security").body;
    assert!(!page.contains("passkey-add") && page.contains("A passkey is of a host name"), "{page}");
    owner.language = "fr";
    let page = owner.get("/auth/security").body;
    assert!(page.contains("liée à un nom d&#39;hôte") || page.contains("liée à un nom d'hôte"), "{page}");
}

#[test]
fn what_a_browser_says_of_itself_is_text_on_the_page() {
    let site = Site::new("escape");
    let page = site.owner().get("/auth/security");
    assert!(page.body.contains("a &lt;b&gt;browser&lt;/b&gt;"), "{page:?}");
}

#[test]
fn an_authenticator_is_set_up_asked_for_and_replaced_by_a_recovery_code() {
    let site = Site::new("totp");
    let mut owner = site.owner();
    let page = owner.get("/auth/security/authenticator");
    assert!(page.body.contains("data:image/svg+xml;base64,"), "{page:?}");
    let (csrf, key) = (page.hidden("csrf"), page.hidden("key"));
    let path = "/auth/security/authenticator";
    let wrong = owner.post(path, &[("csrf", &csrf), ("key", &key), ("code", "000000")]);
    assert_eq!(wrong.status, 422);
    assert_eq!(wrong.hidden("key"), key, "the same key is shown again");
    let code = code_of(&key, 1_800_000_000);
    let set = owner.post(path, &[("csrf", &csrf), ("key", &key), ("code", &code)]);
    assert_eq!(set.status, 200, "{set:?}");
    let codes: Vec<&str> =
        set.body.split("<li><code>").skip(1).map(|part| part.split('<').next().unwrap()).collect();
    assert_eq!(codes.len(), 10, "{set:?}");
    assert_eq!(owner.get("/auth/session").json()["factors"]["recovery_codes"], 10);

    let mut browser = site.browser();
    let half = browser.post("/sign-in", &[("login", "owner"), ("password", PASSWORD), ("next", "/calls")]);
    assert_eq!((half.status, half.header("location")), (303, Some("/sign-in/code?next=/calls")), "{half:?}");
    assert!(browser.session().is_none());
    assert_eq!(browser.get("/auth/session").status, 401);
    assert_eq!(browser.get("/sign-in/code?next=/calls").status, 200);
    let used = browser.post("/sign-in/code", &[("code", &code), ("next", "/calls")]);
    assert_eq!(used.status, 401, "the code that set it up was used");
    let recovered = browser.post("/sign-in/code", &[("code", codes[0]), ("next", "/calls")]);
    assert_eq!((recovered.status, recovered.header("location")), (303, Some("/calls")), "{recovered:?}");
    assert_eq!(browser.get("/auth/session").json()["signed_in_by"], "password_and_recovery_code");
}

/// As an authenticator computes it (RFC 6238), by another program than ours.
fn code_of(key: &str, at_s: u64) -> String {
    use aws_lc_rs::hmac;
    let secret = data_encoding::BASE32_NOPAD.decode(key.as_bytes()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let tag = hmac::sign(&key, &(at_s / 30).to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let word = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

#[test]
fn the_password_is_changed_and_the_other_browser_is_out() {
    let site = Site::new("change");
    let mut here = site.owner();
    let mut there = site.browser();
    there.post("/sign-in", &[("login", "owner"), ("password", PASSWORD)]);
    let csrf = here.hidden("/auth/security", "csrf");
    let new = "another horse battery";
    let form = [("csrf", csrf.as_str()), ("old", PASSWORD), ("password", new), ("again", new)];
    assert_eq!(here.post("/auth/security/password", &form).status, 200);
    assert_eq!((here.get("/auth/session").status, there.get("/auth/session").status), (200, 401));
    assert_eq!(there.get("/auth/security").header("location"), Some("/sign-in?next=/auth/security"));
}

#[test]
fn what_is_dangerous_wants_a_fresh_sign_in() {
    let site = Site::new("fresh");
    let mut owner = site.owner();
    site.pass(10 * 60_000);
    assert_eq!(owner.get("/auth/security/authenticator").status, 403);
    let again = [("login", "owner"), ("password", PASSWORD), ("next", "/auth/security/authenticator")];
    assert_eq!(owner.post("/sign-in", &again).status, 303);
    assert_eq!(owner.get("/auth/security/authenticator").status, 200);
}

#[test]
fn who_signs_out_is_out_on_the_server_too() {
    let site = Site::new("out");
    let mut owner = site.owner();
    let session = owner.session().unwrap().clone();
    let csrf = owner.hidden("/auth/security", "csrf");
    assert_eq!(owner.post("/sign-out", &[("csrf", &csrf)]).header("location"), Some("/sign-in"));
    assert!(owner.session().is_none());
    owner.cookies.insert("coeur-session".to_owned(), session);
    assert_eq!(owner.get("/auth/session").status, 401);
}

#[test]
fn whoever_guesses_is_told_how_long_to_wait() {
    let site = Site::new("wait");
    site.owner();
    let mut browser = site.browser();
    let began = Instant::now();
    let answers: Vec<_> =
        (0..8).map(|_| browser.post("/sign-in", &[("login", "owner"), ("password", "guess")])).collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429, 429], "after {:?}", began.elapsed());
    assert_eq!(answers[7].header("retry-after"), Some("1"));
}
