//! Strict routers before and behind us (RFC 3261 sections 16.4, 16.6 step 6 and 16.12.1).

use super::*;

fn routes_of(request: &str) -> Vec<String> {
    request.lines().filter_map(|line| line.strip_prefix("Route: ").map(str::to_owned)).collect()
}

/// A request as a strict router hands it on: the first Route has become the Request-URI, which is the last Route.
fn as_strict_router(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(request.to_vec()).expect("text");
    let method = text.split(' ').next().unwrap_or_default();
    let uri = text.split(' ').nth(1).unwrap_or_default();
    let mut routes = routes_of(&text);
    let next = routes.remove(0);
    routes.push(format!("<{uri}>"));
    let next = next.trim_matches(['<', '>']);
    let rest = text.lines().skip(1).filter(|line| !line.starts_with("Route: ")).collect::<Vec<_>>();
    let routes: String = routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
    let mut out = format!("{method} {next} SIP/2.0\r\n{routes}{}", rest.join("\r\n"));
    out.push_str("\r\n\r\n");
    out.into_bytes()
}

fn talking() -> (Office, Phone, Sent) {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    (office, alice, ok)
}

/// Section 16.4: our value in the Request-URI gives its place back to the last Route.
#[test]
fn a_request_from_a_strict_router_gets_its_request_uri_back() {
    let (mut office, mut alice, ok) = talking();
    for method in [Method::Ack, Method::Info, Method::Bye] {
        let strict = as_strict_router(&inside(&mut alice, &ok, method));
        assert!(String::from_utf8_lossy(&strict).contains("@192.0.2.1:5060;lr SIP/2.0"));
        let sent = office.answer(udp(ALICE), &strict);
        assert!(goes_to(&sent, udp(BOB)), "{}", sent.text());
        let first = format!("{method} sip:bob@192.0.2.22:5060 SIP/2.0\r\n");
        assert!(sent.text().starts_with(&first), "{}", sent.text());
        assert!(!sent.text().contains("Route:"), "{}", sent.text());
    }
}

/// Section 16.4, with two Record-Routes of ours: the strict router has taken the first, the second goes as well.
#[test]
fn both_values_of_a_double_record_route_go() {
    let (mut office, mut alice) = office();
    let mut bob = Phone::new("bob", tcp("192.0.2.22:40000", 7));
    bob.cseq = 50;
    office.register(&mut bob);
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "");
    let over_tcp = sent.iter().find(|sent| goes_to(sent, bob.flow)).expect("a branch over TCP");
    let contact = "Contact: <sip:bob@192.0.2.22:40000;transport=tcp>\r\n";
    let ok = office.receive(bob.flow, &reply_with(over_tcp, 200, contact, "")).remove(0);
    assert_eq!(ok.read(|m| m.values(HeaderName::RecordRoute).count()), 2);
    let strict = as_strict_router(&inside(&mut alice, &ok, Method::Bye));
    assert_eq!(routes_of(&String::from_utf8_lossy(&strict)).len(), 2, "our second, and the target");
    let sent = office.answer(udp(ALICE), &strict);
    assert!(
        goes_to(&sent, bob.flow) && sent.text().starts_with("BYE sip:bob@192.0.2.22:40000;transport=tcp "),
        "{sent:?}"
    );
    assert!(!sent.text().contains("Route:"), "{}", sent.text());
}

/// Section 16.4: only what we wrote for this dialog is ours; a token of another call proves nothing in the
/// Request-URI either, and a Request-URI without a Route to follow it leads nowhere.
#[test]
fn a_request_uri_that_only_looks_like_ours_opens_no_way() {
    let (mut office, mut alice, ok) = talking();
    let strict = String::from_utf8(as_strict_router(&inside(&mut alice, &ok, Method::Info))).expect("text");
    for (from, to) in [("Call-ID: 8", "Call-ID: 9"), ("Route: <sip:bob@192.0.2.22:5060>\r\n", "")] {
        assert!(strict.contains(from));
        let sent = office.receive(udp(ALICE), strict.replace(from, to).as_bytes());
        assert!(sent.iter().all(|sent| sent.status() >= 400), "{sent:?}");
    }
}

/// Section 16.6 step 6: what goes to a strict router carries the Request-URI as last Route, and its ACK and CANCEL
/// likewise. Here the strict router is the Path of the binding (RFC 3327).
#[test]
fn a_strict_router_behind_us_finds_itself_in_the_request_uri() {
    for (path, first, routes) in [
        ("<sip:192.0.2.77>", "sip:192.0.2.77", vec!["<sip:bob@192.0.2.22:5060;transport=udp>"]),
        ("\"a, \\\" b\" <sip:192.0.2.77;x=\"y>, <sip:192.0.2.78;lr>", "", vec![]),
        (
            "\"a, \\\" b\" <sip:192.0.2.77>;y=\"1,2\", <sip:192.0.2.78;lr>",
            "sip:192.0.2.77",
            vec!["<sip:192.0.2.78;lr>", "<sip:bob@192.0.2.22:5060;transport=udp>"],
        ),
        ("<sip:192.0.2.77;lr>", "sip:bob@192.0.2.22:5060;transport=udp", vec!["<sip:192.0.2.77;lr>"]),
    ] {
        let (mut office, mut alice) = office();
        let mut bob = Phone::new("bob", udp(BOB));
        bob.cseq = 50;
        let extra = format!("Supported: path\r\nPath: {path}\r\n");
        let challenge = office.answer(bob.flow, &bob.request(Method::Register, "sip:example.org", &extra));
        let registered = bob.answer(&challenge, Method::Register, "sip:example.org", &extra);
        let status = office.answer(bob.flow, &registered).status();
        if first.is_empty() {
            assert_eq!(status, 400, "{path}");
            continue;
        }
        assert_eq!(status, 200);
        let (request, sent) = send(&mut office, &mut alice, Method::Invite, "");
        let invite = &sent[1];
        let is_right = |sent: &Sent, method: &str| {
            assert!(sent.text().starts_with(&format!("{method} {first} SIP/2.0\r\n")), "{}", sent.text());
            assert_eq!(lines(sent, "Route"), routes, "{}", sent.text());
        };
        is_right(invite, "INVITE");
        office.receive(udp(BOB), &reply(invite, 180));
        let sent = office.receive(udp(ALICE), &cancel_of(&request));
        is_right(sent.iter().find(|s| s.text().starts_with("CANCEL")).expect("a CANCEL"), "CANCEL");
        let sent = office.receive(udp(BOB), &reply(invite, 487));
        is_right(&sent[0], "ACK");
    }
}

/// Section 16.6 step 6 inside a dialog: a proxy of the other side that routes strictly.
#[test]
fn a_strict_router_further_on_in_a_dialog_is_served_too() {
    let (mut office, mut alice, ok) = talking();
    let text = String::from_utf8(inside(&mut alice, &ok, Method::Info)).expect("text");
    let ours = routes_of(&text).remove(0);
    let request = text.replace(&ours, &format!("{ours}, <sip:192.0.2.77>, <sip:192.0.2.78;lr>"));
    let sent = office.answer(udp(ALICE), request.as_bytes());
    assert!(goes_to(&sent, udp(BOB)), "over the flow of the dialog: {sent:?}");
    assert!(sent.text().starts_with("INFO sip:192.0.2.77 SIP/2.0\r\n"), "{}", sent.text());
    assert_eq!(lines(&sent, "Route"), ["<sip:192.0.2.78;lr>", "<sip:bob@192.0.2.22:5060>"]);
}

/// Section 16.4: an `maddr` that is ourselves is taken off.
#[test]
fn an_maddr_that_names_us_is_stripped() {
    let (mut office, mut alice) = office();
    let uri = "sip:bob@example.org;maddr=192.0.2.1;transport=udp";
    let challenge = office.answer(alice.flow, &alice.request(Method::Message, uri, ""));
    let request = alice.answer(&challenge, Method::Message, uri, "");
    let sent = office.answer(alice.flow, &request);
    assert!(goes_to(&sent, udp(BOB)) && sent.text().starts_with("MESSAGE sip:bob@192.0.2.22"), "{sent:?}");
}

/// Section 16.5: any other `maddr` is the only target, even in a domain of ours: that is relaying, which is a right.
#[test]
fn an_maddr_that_names_somebody_else_needs_the_right_to_relay() {
    let uri = "sip:bob@example.org;maddr=203.0.113.50";
    for right in [false, true] {
        let (mut office, mut alice) = office();
        let patch = AccountPatch { terms: TermsPatch::relay(right), ..Default::default() };
        apply(&office.world, Change::AccountChanged { aor: aor("alice"), patch });
        let challenge = office.answer(alice.flow, &alice.request(Method::Message, uri, ""));
        let request = alice.answer(&challenge, Method::Message, uri, "");
        let sent = office.answer(alice.flow, &request);
        match (right, &sent.hop) {
            (false, _) => assert_eq!(sent.status(), 403),
            (true, Hop::Address { address, .. }) => assert_eq!(address.to_string(), "203.0.113.50:5060"),
            (true, Hop::Flow(flow)) => panic!("went over {flow:?}"),
        }
    }
}
