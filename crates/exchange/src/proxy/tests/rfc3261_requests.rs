//! RFC 3261 sections 16.2 to 16.6: a request comes in and goes on, rule by rule.

use super::*;

/// Section 16.2: a 100 well before 200 ms have passed, to INVITE; RFC 4320 section 4.1: to nothing else.
#[test]
fn an_invite_is_answered_100_at_once_and_no_other_method_is() {
    let (mut office, mut alice) = office();
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "");
    assert_eq!(statuses(&sent), [100, 0], "in the same step as the INVITE leaves");
    assert!(!sent[0].text().contains("Contact") && lines(&sent[0], "To")[0].ends_with("example.org>"));
    for method in [Method::Message, Method::Options, Method::Subscribe, Method::Refer] {
        let (_, sent) = send(&mut office, &mut alice, method, "");
        assert_eq!(statuses(&sent), [0], "{method}");
    }
}

/// Section 16.3 step 1: what cannot be read is 400, with the reason.
#[test]
fn a_request_that_cannot_be_read_is_400() {
    let (mut office, mut alice) = office();
    let request = alice.request(Method::Invite, "sip:bob@example.org?Subject=x", "");
    let answer = office.answer(alice.flow, &request);
    assert!(answer.text().starts_with("SIP/2.0 400 Headers In Request-URI\r\n"), "{}", answer.text());
}

/// Section 16.3 step 2.
#[test]
fn a_scheme_that_we_do_not_speak_is_416() {
    let (mut office, mut alice) = office();
    let request = alice.request(Method::Invite, "mailto:bob@example.org", "");
    assert_eq!(office.answer(alice.flow, &request).status(), 416);
}

/// Sections 16.3 step 3 and 16.6 step 3.
#[test]
fn max_forwards_is_counted_down_and_ends_at_483() {
    for (given, wanted) in
        [("0", None), ("1", Some("0")), ("70", Some("69")), ("255", Some("254")), ("", Some("70"))]
    {
        let (mut office, mut alice) = office();
        let challenge = office.answer(alice.flow, &alice.request(Method::Message, URI, ""));
        let request = String::from_utf8(alice.answer(&challenge, Method::Message, URI, "")).expect("text");
        let line = if given.is_empty() { String::new() } else { format!("Max-Forwards: {given}\r\n") };
        let sent = office.answer(alice.flow, request.replace("Max-Forwards: 70\r\n", &line).as_bytes());
        match wanted {
            None => assert_eq!(sent.status(), 483),
            Some(wanted) => assert_eq!(lines(&sent, "Max-Forwards"), [wanted], "{given:?}"),
        }
    }
}

/// The INVITE once more, as it comes back from somebody it was sent to: with our Via below one of his.
fn coming_back(office: &mut Office, alice: &mut Phone, uri: &str) -> Vec<Sent> {
    let (request, invite) = invite(office, alice);
    let via = lines(&invite, "Via").remove(0);
    let text = String::from_utf8(request).expect("text");
    let his = format!("Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKx\r\nVia: {via}\r\nVia:");
    let credentials = alice.credentials(Method::Invite, uri);
    let back = text.replacen("Via:", &his, 1).replacen(URI, uri, 1);
    let back = back.split("\r\n").map(|line| match line.starts_with("Proxy-Authorization") {
        true => credentials.trim_end(),
        false => line,
    });
    office.receive(udp(ALICE), back.collect::<Vec<_>>().join("\r\n").as_bytes())
}

/// Section 16.3 step 4 and RFC 5393 section 4.2: what comes back to us unchanged is a loop.
#[test]
fn a_request_that_comes_back_unchanged_is_482() {
    let (mut office, mut alice) = office();
    let sent = coming_back(&mut office, &mut alice, URI);
    assert_eq!(statuses(&sent), [482], "{sent:?}");
    assert_eq!(office.exchange.counters().loops_detected, 1);
}

/// RFC 5393 section 4.2.2: with another Request-URI it is a spiral, and passes.
#[test]
fn a_request_that_comes_back_for_somebody_else_passes() {
    let (mut office, mut alice) = office();
    let carol = register(&mut office, "carol", udp("192.0.2.33:5060"), "");
    let sent = coming_back(&mut office, &mut alice, "sip:carol@example.org");
    assert_eq!(statuses(&sent), [100, 0], "{sent:?}");
    assert!(goes_to(&sent[1], carol.flow) && sent[1].read(|m| m.values(HeaderName::Via).count()) == 4);
}

/// Section 16.3 step 5: every option that we do not know is named; who asks has proved nothing yet.
#[test]
fn a_proxy_require_that_we_do_not_know_is_420() {
    let (mut office, mut alice) = office();
    let request = alice.request(Method::Invite, URI, "Proxy-Require: foo, bar\r\nProxy-Require: baz\r\n");
    let answer = office.answer(alice.flow, &request);
    assert_eq!(
        (answer.status(), lines(&answer, "Unsupported")),
        (420, vec!["foo".into(), "bar".into(), "baz".into()])
    );
    let request = alice.request(Method::Message, URI, "Require: foo\r\n");
    assert_eq!(office.answer(alice.flow, &request).status(), 407, "Require is for the callee");
}

/// Section 16.3 step 6 (advisory A06): whatever the method, also one that nobody knows.
#[test]
fn every_method_is_challenged() {
    let (mut office, mut alice) = office();
    for method in [
        "INVITE",
        "MESSAGE",
        "OPTIONS",
        "SUBSCRIBE",
        "NOTIFY",
        "REFER",
        "PUBLISH",
        "INFO",
        "UPDATE",
        "PRACK",
        "BYE",
        "FOO",
    ] {
        let method = Method::parse(method.as_bytes()).expect("a method");
        let request = alice.request(method, URI, "");
        assert_eq!(office.answer(alice.flow, &request).status(), 407, "{method}");
    }
}

/// Section 16.4: a Route in front that names us has done its work.
#[test]
fn a_preloaded_route_to_us_is_taken_off() {
    for route in
        ["<sip:192.0.2.1:5060;lr>", "<sip:example.org;lr>", "<sip:192.0.2.1;lr>, <sip:example.org;lr>"]
    {
        let (mut office, mut alice) = office();
        let (_, sent) = send(&mut office, &mut alice, Method::Message, &format!("Route: {route}\r\n"));
        assert!(goes_to(&sent[0], udp(BOB)) && lines(&sent[0], "Route").is_empty(), "{route}: {sent:?}");
    }
}

/// RFC 3608 section 5: what the operator has set as Service-Route may have a user part, which need not be of ours. It is
/// no forgery of a Record-Route, outside of a dialog and inside.
#[test]
fn a_service_route_with_a_user_part_is_taken_off() {
    for user in ["edge", "a-user-part-as-long-as-a-sealed-one-would-be.but-with-a-dot-in-it"] {
        let (mut office, mut alice) = office();
        let route = format!("Route: <sip:{user}@192.0.2.1:5060;lr>\r\n");
        let (_, sent) = send(&mut office, &mut alice, Method::Invite, &route);
        let invite = to(&sent, udp(BOB)).clone();
        assert!(lines(&invite, "Route").is_empty(), "{}", invite.text());
        let ok = office.answer(udp(BOB), &reply(&invite, 200));
        let text = String::from_utf8(inside(&mut alice, &ok, Method::Info)).expect("text");
        let info =
            office.answer(udp(ALICE), text.replacen("Route: ", &format!("{route}Route: "), 1).as_bytes());
        assert!(goes_to(&info, udp(BOB)) && lines(&info, "Route").is_empty(), "{user}: {}", info.text());
    }
}

/// Section 16.6 step 7 would send it there: that is relaying, with or without one of ours in front.
#[test]
fn a_route_to_somebody_else_is_403() {
    for route in ["<sip:203.0.113.5;lr>", "<sip:192.0.2.1;lr>, <sip:203.0.113.5;lr>", "<tel:+33123456789>"] {
        let (mut office, mut alice) = office();
        let (_, sent) = send(&mut office, &mut alice, Method::Message, &format!("Route: {route}\r\n"));
        assert_eq!(statuses(&sent), [403], "{route}");
        assert!(sent[0].text().starts_with("SIP/2.0 403 Route Is Not This Server\r\n"), "{route}: {sent:?}");
        let counters = office.exchange.counters();
        assert_eq!((counters.relay_refused, counters.route_forged), (1, 0), "{route}");
    }
}

/// Bound to all addresses, each address and name of the machine is us, whatever is advertised; phones take `localhost`
/// or the address of one network as their outbound proxy.
#[test]
fn a_preloaded_route_to_any_address_or_name_of_the_machine_is_taken_off() {
    for route in ["<sip:127.0.0.1;lr>", "<sip:10.0.0.2:5060;lr>", "<sip:localhost;lr>", "<sip:Pbx.lan;lr>"] {
        let (mut office, mut alice) = office();
        for listener in &mut office.world.listeners {
            listener.bound = "0.0.0.0:5060".parse().expect("an address");
            listener.sent_by = "203.0.113.9:5060".into();
        }
        let addresses = vec!["10.0.0.2".parse().expect("an address")];
        let names = vec!["localhost".into(), "pbx.lan".into()];
        office.world.machine.replace(crate::machine::Found { addresses, names });
        let (_, sent) = send(&mut office, &mut alice, Method::Message, &format!("Route: {route}\r\n"));
        assert!(goes_to(&sent[0], udp(BOB)) && lines(&sent[0], "Route").is_empty(), "{route}: {sent:?}");
    }
}

/// The same inside a dialog, where nobody is asked for a proof before.
#[test]
fn a_route_to_somebody_else_before_ours_is_403_inside_a_dialog_too() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    let text = String::from_utf8(inside(&mut alice, &ok, Method::Info)).expect("text");
    let request = text.replacen("Route: <", "Route: <sip:203.0.113.5;lr>, <", 1);
    assert_eq!(office.answer(udp(ALICE), request.as_bytes()).status(), 403);
    let counters = office.exchange.counters();
    assert_eq!((counters.relay_refused, counters.route_forged), (1, 0));
}

/// RFC 3261 section 21.4.1: what cannot be read is nobody's forgery.
#[test]
fn a_route_that_cannot_be_read_is_400() {
    let (mut office, mut alice) = office();
    let (_, sent) = send(&mut office, &mut alice, Method::Message, "Route: <sip:192.0.2.1;lr>, <sip:>\r\n");
    assert!(sent[0].text().starts_with("SIP/2.0 400 Malformed Route\r\n"), "{sent:?}");
    alice.call = "2".into();
    let (_, invite) = invite(&mut office, &mut alice);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    let text = String::from_utf8(inside(&mut alice, &ok, Method::Info)).expect("text");
    let request = text.replacen("Route: <", "Route: <sip:>, <", 1);
    assert_eq!(office.answer(udp(ALICE), request.as_bytes()).status(), 400);
    let counters = office.exchange.counters();
    assert_eq!((counters.malformed, counters.route_forged), (2, 0));
}

/// Section 16.6 steps 1 and 2: everything else is as it was, known or not, and the Request-URI is the contact without
/// what a Request-URI may not have (section 19.1.1).
#[test]
fn the_copy_keeps_what_we_do_not_know() {
    let (mut office, mut alice) = office();
    let mut bob = Phone::new("bob", udp(BOB));
    (bob.cseq, bob.call) = (50, "-2".into());
    bob.contact = "sip:b%6Fb@10.0.0.9:5062;x-y=1;method=INVITE?Subject=x".into();
    bob.contact_params = ";expires=100;q=1.0".into();
    assert_eq!(office.register(&mut bob).status(), 200);
    let extra = "X-Unknown:  two  spaces\r\nFoo: a\r\nfoo: b\r\nSubject: \"quoted \\\" ,;\"\r\n\
                 Require: 100rel\r\nContent-Type: x/y\r\n";
    let body = b"\x00\xff binary \r\n\r\n not a header: x\r\n";
    let (_, sent) = send_to(&mut office, &mut alice, Method::Message, URI, extra, body);
    let copy =
        sent.iter().find(|s| s.text().starts_with("MESSAGE sip:b%6Fb@10.0.0.9:5062;x-y=1 SIP/2.0\r\n"));
    let copy = copy.unwrap_or_else(|| panic!("{sent:?}"));
    assert_eq!(copy.read(|m| m.body().to_vec()), body);
    let text = copy.text();
    let order =
        ["X-Unknown:  two  spaces", "Foo: a", "foo: b", "Subject: \"quoted \\\" ,;\"", "Require: 100rel"];
    let at: Vec<_> = order.iter().map(|line| text.find(&format!("\r\n{line}\r\n"))).collect();
    assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{text}");
}

/// Section 22.3: credentials for us are ours to see; for another realm they go on. RFC 3325 section 5: no phone may
/// assert an identity.
#[test]
fn our_credentials_and_asserted_identities_stay_here() {
    let (mut office, mut alice) = office();
    let foreign = "Proxy-Authorization: Digest username=\"a\", realm=\"example.net\", nonce=\"n\", uri=\"u\", response=\"0123456789abcdef0123456789abcdef\"\r\n";
    let extra = format!(
        "{foreign}P-Asserted-Identity: <sip:ceo@example.org>\r\nP-Preferred-Identity: <sip:ceo@example.org>\r\n\
         Remote-Party-ID: <sip:ceo@example.org>\r\n"
    );
    let (_, sent) = send(&mut office, &mut alice, Method::Message, &extra);
    let text = sent[0].text();
    assert_eq!(text.matches("Proxy-Authorization").count(), 1, "{text}");
    assert!(text.contains(foreign) && !text.contains("ceo@"), "{text}");
    let answer = office.answer(
        udp(BOB),
        &reply_with(&sent[0], 200, "P-Asserted-Identity: <sip:ceo@example.org>\r\nX-Y: z\r\n", ""),
    );
    assert!(!answer.text().contains("ceo@") && answer.text().contains("X-Y: z\r\n"), "{}", answer.text());
}

/// Threat T-07: whatever else the line says, and wherever the realm stands in it. What calls itself a digest and cannot
/// be read goes nowhere; other schemes are not ours.
#[test]
fn our_credentials_stay_here_however_they_are_written() {
    let digest = "username=\"alice\", nonce=\"n\", uri=\"u\", response=\"0123456789abcdef0123456789abcdef\"";
    for (line, passes) in [
        (format!("Authorization: Digest x-realm=a, {digest}, realm=\"example.org\""), false),
        (format!("Authorization: Digest x=\"realm=b\", {digest}, realm=\"example.org\""), false),
        (format!("Authorization: digest {digest},REALM = \"example\\.org\""), false),
        (format!("Authorization: Digest realm=\"example.net\", {digest}, realm=\"example.org\""), false),
        (format!("Authorization: Digest realm=\"example.org\" {digest}"), false),
        (format!("Authorization: Digest realm=\"example.net\", {digest}, x-realm=\"example.org\""), true),
        ("Authorization: Bearer realm".into(), true),
    ] {
        // Inside the dialog from where it was begun nobody is asked for credentials, and nobody looks at those sent.
        let (mut office, mut alice) = office();
        let (_, invite) = invite(&mut office, &mut alice);
        let ok = office.answer(udp(BOB), &reply(&invite, 200));
        let bye = String::from_utf8(inside(&mut alice, &ok, Method::Bye)).expect("text");
        let bye = bye.replace("User-Agent:", &format!("{line}\r\nUser-Agent:"));
        let passed = office.answer(udp(ALICE), bye.as_bytes());
        assert!(goes_to(&passed, udp(BOB)), "{}", passed.text());
        assert_eq!(passed.text().contains("Authorization"), passes, "{line}");
    }
}

/// Section 16.6 step 4: methods that begin a dialog, or may, carry the way back through us; others have none.
#[test]
fn record_route_is_in_what_may_begin_a_dialog() {
    for (method, wanted) in [
        ("INVITE", true),
        ("SUBSCRIBE", true),
        ("REFER", true),
        ("NOTIFY", true),
        ("UNHEARD", true),
        ("MESSAGE", false),
        ("OPTIONS", false),
        ("PUBLISH", false),
        ("INFO", false),
    ] {
        let (mut office, mut alice) = office();
        let method = Method::parse(method.as_bytes()).expect("a method");
        let (_, sent) = send(&mut office, &mut alice, method, "Record-Route: <sip:edge.example.net;lr>\r\n");
        let request = to(&sent, udp(BOB));
        let values = lines(request, "Record-Route");
        assert_eq!(values.len(), 1 + usize::from(wanted), "{method}: {values:?}");
        assert_eq!(values.last().map(String::as_str), Some("<sip:edge.example.net;lr>"), "below ours");
        assert!(!wanted || (values[0].starts_with("<sip:") && values[0].ends_with("@192.0.2.1:5060;lr>")));
    }
}

/// Section 16.6 step 8: our Via is on top, its branch unlike any other; the caller's is completed (section 18.2.1,
/// RFC 3581).
#[test]
fn our_via_is_on_top_with_a_branch_of_its_own() {
    let (office, first, second) = forked();
    let branches: Vec<Vec<u8>> = [&first, &second]
        .iter()
        .map(|s| s.read(|m| m.via().expect("a Via").branch.expect("a branch").to_vec()))
        .collect();
    assert_ne!(branches[0], branches[1]);
    for branch in &branches {
        assert!(branch.starts_with(b"z9hG4bK"));
    }
    let vias = lines(&first, "Via");
    assert!(vias[0].starts_with("SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK"), "{vias:?}");
    assert!(vias[1].contains(";received=192.0.2.11;rport=5060"), "{vias:?}");
    drop(office);
}

/// Section 16.6 step 9: over a stream the length is always there; without it the sender's datagram was the length.
#[test]
fn a_content_length_is_always_written() {
    let (mut office, mut alice) = office();
    let carol = register(&mut office, "carol", tcp("192.0.2.33:40000", 4), "");
    let uri = "sip:carol@example.org";
    let challenge = office.answer(alice.flow, &alice.request(Method::Message, uri, ""));
    let request = String::from_utf8(alice.answer(&challenge, Method::Message, uri, "")).expect("text");
    let request = request.replace("Content-Length: 0\r\n\r\n", "\r\nfour");
    let sent = office.answer(alice.flow, request.as_bytes());
    assert!(
        goes_to(&sent, carol.flow) && sent.text().ends_with("Content-Length: 4\r\n\r\nfour"),
        "{}",
        sent.text()
    );
}
