//! RFC 3261 section 10: registrations.

use super::desk::{Desk, ask, contact, udp};
use crate::event::{Event, UnregisteredWhy};
use crate::flow::Hop;

/// Section 10.2.1 and 10.3 step 8: 200 with every binding, each with its expiry, and a Date.
#[test]
fn a_new_contact_is_bound_and_echoed_with_its_expiry() {
    let mut desk = Desk::new();
    let answer = desk.send(ask(1826, contact(";q=0.7;expires=600")));
    assert_eq!((answer.status, answer.reason.as_str()), (200, "OK"));
    assert_eq!(answer.contacts(), ["<sip:alice@192.0.2.7:5062>;q=0.7;expires=600"]);
    assert_eq!(answer.lines("Date"), ["Fri, 15 Jan 2027 08:00:00 GMT"]);
    assert_eq!(answer.lines("Call-ID"), ["843817637684230@998sdasdh09"]);
    assert!(answer.lines("To")[0].contains(";tag="));
    assert_eq!(desk.targets()[0].q, 700);
    assert_eq!(desk.counters.registrations, 1);
    assert!(
        matches!(&desk.events[..], [Event::Registered { aor, .. }] if aor.as_str() == "alice@example.com")
    );
}

/// Section 10.2.1.1: the parameter, else the Expires header, else what the registrar chooses.
#[test]
fn the_expiry_is_that_of_the_contact_then_that_of_the_header_then_the_default() {
    for (lines, wanted) in [
        (format!("Expires: 300\r\n{}", contact(";expires=600")), 600),
        (format!("Expires: 300\r\n{}", contact("")), 300),
        (contact(""), 3600),
        (format!("Expires: soon\r\n{}", contact("")), 3600),
        (contact(";expires=soon"), 3600),
        (contact(";expires=99999999999"), 7200),
    ] {
        let answer = Desk::new().send(ask(1, &lines));
        assert_eq!(answer.contacts(), [format!("<sip:alice@192.0.2.7:5062>;expires={wanted}")], "{lines}");
    }
}

/// Section 10.3 step 7: several Contacts, each with its own time.
#[test]
fn each_contact_has_its_own_expiry() {
    let mut desk = Desk::new();
    let lines = "Expires: 100\r\nContact: <sip:a@192.0.2.7>;expires=200, <sip:b@192.0.2.7>\r\nm: sip:c@192.0.2.7;q=1.0\r\n";
    let answer = desk.send(ask(1, lines));
    assert_eq!(
        answer.contacts(),
        [
            "<sip:a@192.0.2.7>;expires=200",
            "<sip:b@192.0.2.7>;expires=100",
            "<sip:c@192.0.2.7>;q=1.0;expires=100"
        ]
    );
    assert_eq!(desk.journal.len(), 1);
}

/// Section 10.2.3: a REGISTER without Contact asks.
#[test]
fn a_query_shows_what_is_there_and_changes_nothing() {
    let mut desk = Desk::new();
    desk.send(ask(1, contact(";expires=600")));
    desk.wait(100);
    let answer = desk.send(ask(1, "").call_id("another"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.contacts(), ["<sip:alice@192.0.2.7:5062>;expires=500"]);
    assert_eq!((answer.or_else, desk.journal.len()), (None, 1));
}

/// Section 10.2.4: a refresh prolongs the same binding.
#[test]
fn a_refresh_prolongs_and_is_no_new_registration() {
    let mut desk = Desk::new();
    desk.send(ask(1, contact(";expires=600")));
    desk.wait(300);
    let answer = desk.send(ask(2, contact(";expires=600")));
    assert_eq!(answer.contacts(), ["<sip:alice@192.0.2.7:5062>;expires=600"]);
    assert_eq!((desk.counters.registrations, desk.counters.registrations_refreshed), (1, 1));
    assert_eq!(desk.events.len(), 1);
    desk.wait(599);
    assert_eq!(desk.uris().len(), 1);
    desk.wait(1);
    assert_eq!(desk.uris().len(), 0);
}

/// Section 10.2.2: expiry 0 removes, of what is there and of what is not.
#[test]
fn an_expiry_of_zero_removes() {
    let mut desk = Desk::new();
    desk.send(ask(1, contact("")));
    let answer = desk.send(ask(2, format!("Expires: 0\r\n{}", contact(""))));
    assert_eq!((answer.status, answer.contacts().len()), (200, 0));
    assert!(desk.uris().is_empty());
    assert_eq!(desk.counters.registrations_removed, 1);
    assert!(matches!(desk.events.last(), Some(Event::Unregistered { why: UnregisteredWhy::Asked, .. })));
    assert_eq!(desk.send(ask(3, contact(";expires=0"))).status, 200);
}

/// Section 10.2.2 and 10.3 step 6: `*` with Expires 0 removes all.
#[test]
fn a_star_removes_all_bindings() {
    let mut desk = Desk::new();
    desk.send(ask(1, "Contact: <sip:a@192.0.2.7>, <sip:b@192.0.2.7>\r\n"));
    desk.send(ask(1, "Contact: <sip:c@192.0.2.7>\r\n").call_id("another"));
    assert_eq!(desk.uris().len(), 3);
    let answer = desk.send(ask(2, "Contact: *\r\nExpires: 0\r\n"));
    assert_eq!((answer.status, answer.contacts().len(), desk.uris().len()), (200, 0, 0));
}

/// Section 10.3 step 6: 400 for a star with other Contacts or without Expires 0.
#[test]
fn a_star_stands_alone_and_with_expires_zero() {
    for lines in [
        "Contact: *\r\n",
        "Contact: *\r\nExpires: 1\r\n",
        "Contact: *\r\nExpires: x\r\n",
        "Contact: *, <sip:a@192.0.2.7>\r\nExpires: 0\r\n",
        "Contact: <sip:a@192.0.2.7>, *\r\nExpires: 0\r\n",
        "Contact: *\r\nContact: *\r\nExpires: 0\r\n",
    ] {
        let mut desk = Desk::new();
        desk.send(ask(1, contact("")));
        assert_eq!(desk.send(ask(2, lines)).status, 400, "{lines}");
        assert_eq!(desk.uris().len(), 1);
    }
}

/// Section 10.3 step 6: a star that is out of order removes nothing.
#[test]
fn a_star_out_of_order_fails_with_500_and_removes_nothing() {
    let mut desk = Desk::new();
    desk.send(ask(5, "Contact: <sip:a@192.0.2.7>\r\n").call_id("another"));
    desk.send(ask(5, contact("")));
    assert_eq!(desk.send(ask(5, "Contact: *\r\nExpires: 0\r\n")).status, 500);
    assert_eq!(desk.uris().len(), 2);
}

/// Section 10.3 step 7 and section 21.4.17: too brief is 423 with Min-Expires; an hour never is.
#[test]
fn too_brief_an_interval_is_423_with_the_least() {
    let mut desk = Desk::new();
    let answer = desk.send(ask(1, contact(";expires=59")));
    assert_eq!((answer.status, answer.lines("Min-Expires")), (423, vec!["60"]));
    assert!(desk.uris().is_empty() && desk.journal.is_empty());
    assert_eq!(desk.counters.registrations_refused, 1);
    desk.rules.expires_min_s = 7000;
    assert_eq!(desk.send(ask(1, contact(";expires=3599"))).status, 423);
    assert_eq!(desk.send(ask(1, contact(";expires=3600"))).status, 200);
}

/// Section 10.3 step 7: same Call-ID, CSeq not higher: 500, nothing changes.
#[test]
fn an_old_cseq_of_the_same_call_fails_with_500() {
    let mut desk = Desk::new();
    desk.send(ask(7, contact(";expires=600")));
    desk.wait(10);
    for cseq in [7, 6] {
        let answer = desk.send(ask(cseq, contact(";expires=0")));
        assert_eq!(answer.status, 500);
    }
    assert_eq!(desk.uris().len(), 1);
    assert_eq!(desk.send(ask(8, contact(";expires=600"))).status, 200);
}

/// Section 10.3 step 7: another Call-ID (a phone that restarted) begins its own count.
#[test]
fn another_call_id_may_begin_with_a_lower_cseq() {
    let mut desk = Desk::new();
    desk.send(ask(7, contact(";expires=600")));
    assert_eq!(desk.send(ask(1, contact(";expires=300")).call_id("another")).status, 200);
    assert_eq!(desk.uris().len(), 1);
    // The binding now belongs to the new call.
    assert_eq!(desk.send(ask(1, contact(";expires=300")).call_id("another")).status, 500);
}

/// Section 10.3 step 7: all updates or none.
#[test]
fn one_bad_contact_changes_none() {
    let mut desk = Desk::new();
    desk.send(ask(7, "Contact: <sip:old@192.0.2.7>;expires=600\r\n"));
    for bad in
        ["<sip:old@192.0.2.7>", "<sip:b@192.0.2.7>;expires=5", "<mailto:x@y>", "sip:a@b?c=d", "<sip:%>"]
    {
        let answer = desk.send(ask(7, format!("Contact: <sip:new@192.0.2.7>, {bad}\r\n")));
        assert!(answer.status >= 400, "{bad}");
        assert_eq!(desk.uris(), ["sip:old@192.0.2.7"]);
    }
    assert_eq!(desk.journal.len(), 1);
}

/// Section 10.3 step 7 with section 19.1.4: equivalent URIs are one binding.
#[test]
fn contacts_are_compared_as_uris() {
    let mut desk = Desk::new();
    desk.send(ask(1, "Contact: <sip:%61lice@PC.Example.ORG;transport=TCP>\r\n"));
    let answer = desk.send(ask(2, "Contact: <sip:alice@pc.example.org;transport=tcp>\r\n"));
    assert_eq!(answer.contacts(), ["<sip:alice@pc.example.org;transport=tcp>;expires=3600"]);
    let answer = desk.send(ask(3, "Contact: <sip:Alice@pc.example.org;transport=tcp>\r\n"));
    assert_eq!(answer.contacts().len(), 2);
    let twice = "Contact: <sip:x@h>, <sip:%78@H>\r\n";
    assert_eq!(desk.send(ask(4, twice)).status, 400);
}

/// Section 10.3 step 2 with section 8.2.2.3.
#[test]
fn an_unknown_extension_that_is_required_is_named_in_420() {
    let mut desk = Desk::new();
    let answer = desk.send(ask(1, format!("Require: path, foo, bar\r\n{}", contact(""))));
    assert_eq!((answer.status, answer.lines("Unsupported")), (420, vec!["foo", "bar"]));
    assert!(desk.uris().is_empty());
}

/// Section 10.3 steps 4 and 5: only the owner, for nobody else.
#[test]
fn a_registration_for_or_by_somebody_else_is_403() {
    for (from, to) in [
        ("<sip:alice@example.com>;tag=1", "<sip:bob@example.com>"),
        ("<sip:bob@example.com>;tag=1", "<sip:alice@example.com>"),
        ("<sip:alice@example.com>;tag=1", "<sip:alice@example.org>"),
        ("<sip:alice@example.com>;tag=1", "<sip:Alice@example.com>"),
    ] {
        let mut desk = Desk::new();
        let mut ask = ask(1, contact(""));
        (ask.from, ask.to) = (from.into(), to.into());
        assert_eq!(desk.send(ask).status, 403, "{from} {to}");
        assert!(desk.uris().is_empty());
    }
}

/// Section 10.3 step 5: the address of record in canonical form. linphonec writes To without brackets.
#[test]
fn the_address_of_record_is_compared_in_canonical_form() {
    let mut desk = Desk::new();
    let mut ask = ask(1, contact(""));
    (ask.from, ask.to) = ("sip:%61lice@Example.COM;tag=1".into(), "sip:alice@EXAMPLE.com.".into());
    assert_eq!(desk.send(ask).status, 200);
}

/// RFC 4475 section 3.3.4: To must be a SIP URI.
#[test]
fn an_address_of_record_that_is_no_sip_uri_is_400() {
    let mut ask = ask(1, contact(""));
    ask.to = "<isbn:2983792873>".into();
    assert_eq!(Desk::new().send(ask).status, 400);
}

/// RFC 4475 sections 3.1.2.13 and following: parameters and headers of a Contact's URI are kept for who reads them.
#[test]
fn what_we_do_not_know_in_a_contact_is_echoed_untouched() {
    let mut desk = Desk::new();
    let value =
        "\"A \\\"B\\\"\" <sip:+19725552222@gw1.example.net;unknownparam?Route=%3Csip:x%3E>;unknown;x=\"y,z\"";
    let answer = desk.send(ask(1, format!("Contact: {value};expires=100\r\n")));
    assert_eq!(answer.contacts(), [format!("{value};expires=100")]);
    assert_eq!(desk.uris(), ["sip:+19725552222@gw1.example.net;unknownparam"]);
}

#[test]
fn a_folded_contact_is_stored_on_one_line() {
    let mut desk = Desk::new();
    let answer = desk.send(ask(1, "Contact: <sip:a@192.0.2.7>\r\n ;x=1;\r\n\t  expires = 100\r\n"));
    assert_eq!(answer.contacts(), ["<sip:a@192.0.2.7>;x=1;expires=100"]);
}

/// Section 10.3 gives the registrar the last word on how many.
#[test]
fn the_limit_of_contacts_is_kept() {
    let mut desk = Desk::new();
    let many: Vec<String> = (0..11).map(|n| format!("<sip:a@192.0.2.7:{}>", 6000 + n)).collect();
    assert_eq!(desk.send(ask(1, format!("Contact: {}\r\n", many.join(", ")))).status, 403);
    assert_eq!(desk.send(ask(2, format!("Contact: {}\r\n", many[..10].join(", ")))).status, 200);
    assert_eq!(desk.uris().len(), 10);
}

#[test]
fn what_is_too_long_to_keep_is_400() {
    let long = "x".repeat(1100);
    assert_eq!(Desk::new().send(ask(1, contact(&format!(";a={long}")))).status, 400);
    assert_eq!(Desk::new().send(ask(1, contact("")).call_id(&long)).status, 400);
    let mut desk = Desk::new();
    assert_eq!(desk.send(ask(1, format!("User-Agent: {long}\r\n{}", contact("")))).status, 200);
    assert!(desk.journal[0].len() < 400);
}

/// Section 18.2.2 and RFC 3581 section 4.
#[test]
fn the_answer_goes_back_to_the_source() {
    let mut desk = Desk::new();
    let answer = desk.send(ask(1, contact("")).over(udp("203.0.113.9:33333")));
    assert_eq!(answer.hop, Hop::Flow(udp("203.0.113.9:33333")));
    assert!(answer.lines("Via")[0].contains("received=203.0.113.9;rport=33333"));
    let mut ask = ask(2, contact("")).over(udp("203.0.113.9:33333"));
    ask.via = "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK1".into();
    assert_eq!(desk.send(ask).hop, Hop::Flow(udp("203.0.113.9:5062")));
}

/// Section 10.3: expired bindings are gone, counted and told.
#[test]
fn an_expired_binding_is_told_once() {
    let mut desk = Desk::new();
    desk.send(ask(1, contact(";expires=60")));
    desk.with(|registrar, cx| registrar.tick(cx));
    desk.wait(62);
    assert!(desk.registrar.next_deadline().is_some_and(|deadline| deadline <= desk.now.monotonic));
    desk.with(|registrar, cx| registrar.tick(cx));
    desk.with(|registrar, cx| registrar.tick(cx));
    assert_eq!(desk.counters.registrations_expired, 1);
    assert!(matches!(desk.events[1..], [Event::Unregistered { why: UnregisteredWhy::Expired, .. }]));
}

/// Section 7.3.1: no parameter twice.
#[test]
fn a_contact_with_a_doubled_parameter_is_400() {
    for doubled in [";expires=1;expires=2", ";q=1;Q=0.5", ";reg-id=1;reg-id=2"] {
        assert_eq!(Desk::new().send(ask(1, contact(doubled))).status, 400, "{doubled}");
    }
}
