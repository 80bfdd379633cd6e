//! Where a request goes (RFC 3261 section 16.5): accounts, numbers, other domains.

use super::*;
use crate::event::Event;

fn status_of(office: &mut Office, alice: &mut Phone, uri: &str) -> u16 {
    let (_, sent) = send_to(office, alice, Method::Message, uri, "", b"");
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent[0].status()
}

#[test]
fn an_account_that_is_not_there_is_480_and_a_name_that_is_nobodys_404() {
    let (mut office, mut alice) = office();
    assert_eq!(status_of(&mut office, &mut alice, "sip:carol@example.org"), 480);
    assert_eq!(status_of(&mut office, &mut alice, "sip:nobody@example.org"), 404);
    let patch = AccountPatch { enabled: Some(false), ..Default::default() };
    apply(&office.world, Change::AccountChanged { aor: aor("bob"), patch });
    assert_eq!(status_of(&mut office, &mut alice, URI), 404, "as if it were not there");
}

/// Section 19.1.4: escapes and the case of the domain do not matter; an address of ours stands for the domain.
#[test]
fn an_account_is_found_however_its_uri_is_written() {
    for uri in [
        "sip:%62ob@EXAMPLE.org",
        "sip:bob@example.org:5060;x=y",
        "sip:bob@192.0.2.1:5060",
        "sip:bob@192.0.2.1",
    ] {
        let (mut office, mut alice) = office();
        let (_, sent) = send_to(&mut office, &mut alice, Method::Message, uri, "", b"");
        assert!(goes_to(&sent[0], udp(BOB)), "{uri}: {sent:?}");
    }
    let (mut office, mut alice) = office();
    assert_eq!(status_of(&mut office, &mut alice, "sip:bob@127.0.0.1"), 403, "no listener is there");
    for listener in &mut office.world.listeners {
        listener.bound = "0.0.0.0:5060".parse().expect("an address");
    }
    let (_, sent) = send_to(&mut office, &mut alice, Method::Message, "sip:bob@127.0.0.1", "", b"");
    assert!(goes_to(&sent[0], udp(BOB)), "{sent:?}");
    assert_eq!(status_of(&mut office, &mut alice, "sip:Bob@example.org"), 404, "a user's case does");
}

fn with_number(number: &str) -> (Office, Phone, Flow) {
    let (mut office, alice) = office();
    let mut account = coeur_directory::Account::new(coeur_directory::AccountId(77), aor(number));
    account.devices = Box::new([device(7_700, number, &crate::testing::secret_of(number))]);
    apply(&office.world, Change::AccountAdded(Box::new(account)));
    let flow = udp("192.0.2.77:5060");
    register(&mut office, number, flow, "");
    (office, alice, flow)
}

/// RFC 3966: a number is an account of the caller's own domain; separators say nothing. RFC 3261 section 19.1.6: so in
/// a SIP URI with `user=phone`.
#[test]
fn a_tel_uri_reaches_the_account_of_that_number() {
    for uri in [
        "tel:+33123456789",
        "tel:+33-1-23.45(67)89",
        "tel:+33123456789;isub=1411",
        "sip:+33-1-23456789@example.org;user=phone",
        "sip:+33123456789@example.org",
    ] {
        let (mut office, mut alice, flow) = with_number("+33123456789");
        let (_, sent) = send_to(&mut office, &mut alice, Method::Message, uri, "", b"");
        assert!(goes_to(&sent[0], flow), "{uri}: {sent:?}");
        assert!(sent[0].text().starts_with("MESSAGE sip:+33123456789@192.0.2.77:5060"), "{}", sent[0].text());
    }
    let (mut office, mut alice, flow) = with_number("201");
    let (_, sent) =
        send_to(&mut office, &mut alice, Method::Message, "tel:201;phone-context=example.org", "", b"");
    assert!(goes_to(&sent[0], flow), "{sent:?}");
    assert_eq!(status_of(&mut office, &mut alice, "tel:+33999999999"), 404);
}

/// Threat T-09: another domain is relayed to for whoever has the right, and for nobody else.
#[test]
fn another_domain_is_a_right() {
    for uri in ["sip:carol@203.0.113.9", "sip:carol@example.net", "sip:203.0.113.9:5080"] {
        let (mut office, mut alice) = office();
        assert_eq!(status_of(&mut office, &mut alice, uri), 403, "{uri}");
        assert_eq!(office.exchange.counters().relay_refused, 1);
        assert!(office.asked.is_empty(), "nothing was resolved either");
        let told = |event: &Event| matches!(event, Event::RelayRefused { flow } if *flow == alice.flow);
        assert_eq!(office.events.iter().filter(|event| told(event)).count(), 1, "{:?}", office.events);
    }
}
