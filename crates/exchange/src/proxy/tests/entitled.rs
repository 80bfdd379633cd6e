//! What an account may call, and under which addresses it is reached.

use super::*;
use crate::guard::talked::day_of;
use coeur_directory::{
    AliasChange, Aor, Destinations, Group, GroupChange, GroupId, Numbering, Tenant, TenantChange, TenantId,
    Terms, TermsPatch,
};

fn set(office: &Office, terms: TermsPatch) {
    let patch = AccountPatch { terms, ..Default::default() };
    apply(&office.world, Change::AccountChanged { aor: aor("alice"), patch });
}

fn to_these(list: &str) -> TermsPatch {
    let destinations = Some(Destinations::parse(list).ok());
    TermsPatch { destinations, relay_foreign: Some(Some(true)), ..TermsPatch::default() }
}

/// The first answer to a call of alice, whole, and its status.
fn call(office: &mut Office, alice: &mut Phone, uri: &str) -> (u16, String) {
    // Another call each time.
    alice.call.push('x');
    let (_, sent) = send_to(office, alice, Method::Invite, uri, "", b"");
    (sent[0].status(), sent[0].text())
}

#[test]
fn a_destination_that_is_not_named_is_refused_with_a_warning_that_says_why() {
    let (mut office, mut alice) = office();
    let french = Tenant {
        numbering: Numbering::parse("+33=national,+3389=premium").expect("valid"),
        ..Tenant::first()
    };
    apply(&office.world, Change::Tenant(TenantChange::Changed(french)));
    set(&office, to_these("internal,national,!+3312,+4420"));
    for (uri, refused) in [
        ("sip:+33198765432@example.com", None),
        ("sip:+33-1-98@example.com;user=phone", None),
        ("sip:+33123@example.com", Some("national")),
        ("sip:+33891@example.com", Some("premium")),
        ("sip:+44201@example.com", None),
        ("sip:+44211@example.com", Some("international")),
        ("sip:mallory@example.com", Some("other domains")),
        ("sip:112@example.com", None),
        (URI, None),
    ] {
        let (status, text) = call(&mut office, &mut alice, uri);
        let Some(word) = refused else {
            assert_eq!(status, 100, "{uri}: {text}");
            continue;
        };
        assert_eq!(status, 403, "{uri}: {text}");
        assert!(
            text.contains("Warning: 399 coeur \"the caller may not call ") && text.contains(word),
            "{text}"
        );
    }
}

#[test]
fn who_may_call_nobody_inside_calls_no_account_and_no_service_but_sends_texts() {
    let (mut office, mut alice) = office();
    set(&office, to_these("national"));
    for uri in [URI, "sip:echo@example.org", "tel:201"] {
        let expected = if uri == "tel:201" { 404 } else { 403 };
        assert_eq!(call(&mut office, &mut alice, uri).0, expected, "{uri}");
    }
    let (_, sent) = send(&mut office, &mut alice, Method::Message, "");
    assert!(goes_to(&sent[0], udp(BOB)), "destinations are of calls: {sent:?}");
}

/// The group speaks where the account does not, the tenant where no group does.
#[test]
fn a_right_comes_from_the_group_and_is_taken_by_the_account() {
    let (mut office, mut alice) = office();
    const ELSEWHERE: &str = "sip:mallory@example.com";
    assert_eq!(call(&mut office, &mut alice, ELSEWHERE).0, 403, "nobody has said anything");
    let mut group = Group::new(GroupId(1), TenantId::FIRST, "sales");
    group.terms = Terms { relay_foreign: Some(true), ..Terms::default() };
    apply(&office.world, Change::Group(GroupChange::Added(Box::new(group))));
    let patch = AccountPatch { groups: Some(Box::new([GroupId(1)])), ..Default::default() };
    apply(&office.world, Change::AccountChanged { aor: aor("alice"), patch });
    assert_eq!(call(&mut office, &mut alice, ELSEWHERE).0, 100);
    set(&office, TermsPatch::relay(false));
    assert_eq!(call(&mut office, &mut alice, ELSEWHERE).0, 403);
    set(&office, TermsPatch { relay_foreign: Some(None), ..TermsPatch::default() });
    assert_eq!(call(&mut office, &mut alice, ELSEWHERE).0, 100);
}

#[test]
fn minutes_that_are_used_up_end_calls_to_elsewhere_until_the_next_day_and_none_inside() {
    let (mut office, mut alice) = office();
    const ELSEWHERE: &str = "sip:+4420@example.com";
    let quota =
        TermsPatch { minutes_per_day: Some(Some(2)), minutes_per_month: Some(Some(4)), ..to_these("all") };
    set(&office, quota);
    let id = office.world.directory.account_of(&aor("alice")).expect("there").id;
    let today = day_of(office.now.wall);
    office.world.guard.talked.add(id, today, 119);
    assert_eq!(call(&mut office, &mut alice, ELSEWHERE).0, 100, "a second is left");
    office.world.guard.talked.add(id, today, 1);
    let (status, text) = call(&mut office, &mut alice, ELSEWHERE);
    assert!(status == 403 && text.contains("used up the minutes of this day"), "{text}");
    assert_eq!(call(&mut office, &mut alice, URI).0, 100, "calls inside cost no minutes");
    assert_eq!(call(&mut office, &mut alice, "sip:112@example.com").0, 100, "nor does an emergency wait");
    office.wait(Duration::from_secs(86_400));
    for flow in [ALICE, BOB] {
        register(&mut office, if flow == ALICE { "alice" } else { "bob" }, udp(flow), "");
    }
    assert_eq!(call(&mut office, &mut alice, ELSEWHERE).0, 100, "another day");
    office.world.guard.talked.add(id, today, 120);
    let (status, text) = call(&mut office, &mut alice, ELSEWHERE);
    assert!(status == 403 && text.contains("used up the minutes of this month"), "{text}");
}

fn alias(office: &Office, user: &str, alias: &str) {
    let alias = Aor::parse(alias).expect("valid");
    apply(&office.world, Change::Alias(AliasChange::Added { aor: aor(user), alias }));
}

#[test]
fn a_call_to_a_further_address_reaches_the_account() {
    let (mut office, mut alice) = office();
    alias(&office, "bob", "201@example.org");
    for uri in ["sip:201@example.org", "sip:201@EXAMPLE.org;user=phone", "tel:201"] {
        alice.call.push('x');
        let (_, sent) = send_to(&mut office, &mut alice, Method::Invite, uri, "", b"");
        assert!(goes_to(&sent[1], udp(BOB)), "{uri}: {sent:?}");
    }
    let patch = AccountPatch { enabled: Some(false), ..Default::default() };
    apply(&office.world, Change::AccountChanged { aor: aor("bob"), patch });
    assert_eq!(call(&mut office, &mut alice, "sip:201@example.org").0, 404);
}

/// RFC 5031, decision 0046.
#[test]
fn who_may_call_nobody_inside_calls_for_help_all_the_same() {
    let (mut office, mut alice) = office();
    set(&office, to_these("national"));
    assert_eq!(call(&mut office, &mut alice, "urn:service:sos").0, 404, "nobody is there to help");
    alias(&office, "bob", "112@example.org");
    for uri in ["sip:112@example.org", "tel:112", "urn:service:sos", "urn:service:sos.fire"] {
        alice.call.push('x');
        let (_, sent) = send_to(&mut office, &mut alice, Method::Invite, uri, "", b"");
        assert!(sent.len() == 2 && goes_to(&sent[1], udp(BOB)), "{uri}: {sent:?}");
    }
    assert_eq!(call(&mut office, &mut alice, URI).0, 403, "by his name bob is not called");
    // Section 8.2.2.1 of RFC 3261, before anything is asked.
    let other = alice.request(Method::Invite, "urn:service:sosa", "");
    assert_eq!(office.answer(alice.flow, &other).status(), 416);
}

/// A phone that is set up with the extension as its address and the account's name for the password.
fn at_address(request: Vec<u8>, user: &str, address: &str) -> Vec<u8> {
    let text = String::from_utf8(request).expect("text");
    text.replace(&format!("<sip:{user}@example.org>"), &format!("<sip:{address}@example.org>")).into_bytes()
}

#[test]
fn a_phone_registers_under_a_further_address_with_the_name_of_the_account_and_is_that_account() {
    let mut office = Office::new();
    alias(&office, "bob", "201@example.org");
    let mut try_as = |user: &str, address: &str| {
        let mut phone = Phone::new(user, udp(BOB));
        phone.call = address.into();
        let bare = at_address(phone.request(Method::Register, "sip:example.org", ""), user, address);
        let challenge = office.answer(phone.flow, &bare);
        let request = phone.answer(&challenge, Method::Register, "sip:example.org", "");
        office.answer(phone.flow, &at_address(request, user, address)).status()
    };
    assert_eq!(try_as("alice", "201"), 403, "it is none of hers");
    assert_eq!(try_as("alice", "999"), 403, "nor is what nobody has");
    assert_eq!(try_as("nobody", "201"), 401, "who has proved nothing hears what anybody hears");
    assert_eq!(try_as("nobody", "999"), 401);
    assert_eq!(try_as("bob", "201"), 200);
    let mut alice = register(&mut office, "alice", udp(ALICE), "");
    alice.call.push('y');
    let (_, sent) = send_to(&mut office, &mut alice, Method::Invite, URI, "", b"");
    assert!(goes_to(&sent[1], udp(BOB)), "it is registered as bob: {sent:?}");
}
