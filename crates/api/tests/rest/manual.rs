//! The documentation, as whoever has not signed in is given it.

use super::served::Served;

#[test]
fn anybody_reads_the_manual_in_his_language_under_the_policy_of_every_page() {
    let served = Served::new("manual");
    for (language, place) in
        [("fr-CA, en;q=0.5", "/docs/fr/people/first-call"), ("de", "/docs/en/people/first-call")]
    {
        let door = served.send("GET", "/docs", &[("Accept-Language", language)], "");
        assert_eq!((door.status, door.header("location")), (302, Some(place)));
        let page = served.send("GET", place, &[], "");
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
        // What a page is drawn with is there.
        for part in page.body.split("rel=\"stylesheet\" href=\"").skip(1) {
            let style = served.send("GET", part.split('"').next().unwrap(), &[], "");
            assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
        }
    }
    let found = served.send("GET", "/docs/en/search?q=firewall%20ports", &[], "");
    assert!(found.status == 200 && found.body.contains("/docs/en/admin/network"), "{}", found.body);
    let contents = served.send("GET", "/llms.txt", &[], "");
    let first = contents.body.split("](").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
    let markdown = served.send("GET", first, &[], "");
    assert_eq!(
        (markdown.status, markdown.header("content-type")),
        (200, Some("text/markdown; charset=utf-8"))
    );
    assert!(served.send("GET", "/llms-full.txt", &[], "").body.contains(&markdown.body));
    assert_eq!(served.send("GET", "/docs/en/none", &[], "").status, 404);
}
