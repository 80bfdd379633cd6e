//! Redirections (RFC 3261 section 16.7 step 4), followed or handed back, as the operator has it.

use super::*;

const CAROL: &str = "192.0.2.33:5060";

fn following(follow: bool) -> (Office, Phone) {
    let (mut office, alice) = office();
    office.world.settings.recurse_on_redirect = follow;
    register(&mut office, "carol", udp(CAROL), "");
    (office, alice)
}

fn moved_to(invite: &Sent, contacts: &str) -> Vec<u8> {
    reply_with(invite, 302, &format!("Contact: {contacts}\r\n"), "")
}

#[test]
fn a_redirection_is_handed_back_unless_the_operator_wants_it_followed() {
    let (mut office, mut alice) = following(false);
    let (_, invite) = invite(&mut office, &mut alice);
    let sent = office.receive(udp(BOB), &moved_to(&invite, "<sip:carol@example.org>"));
    assert_eq!(statuses(&sent), [0, 302], "{sent:?}");
    assert_eq!(lines(&sent[1], "Contact"), ["<sip:carol@example.org>"]);
}

#[test]
fn a_redirection_to_an_account_of_ours_is_followed() {
    let (mut office, mut alice) = following(true);
    let (_, invite) = invite(&mut office, &mut alice);
    let sent = office.receive(udp(BOB), &moved_to(&invite, "<sip:carol@example.org>"));
    assert_eq!(sent.len(), 2, "an ACK and an INVITE: {sent:?}");
    let next = to(&sent, udp(CAROL));
    assert!(next.text().starts_with("INVITE sip:carol@192.0.2.33:5060"), "{}", next.text());
    let ok = office.answer(udp(CAROL), &reply(next, 200));
    assert!(ok.status() == 200 && goes_to(&ok, udp(ALICE)));
}

/// Following it would relay for whoever is called, and pay for it (threat T-09).
#[test]
fn a_redirection_abroad_is_handed_back() {
    for contact in [
        "<sip:carol@203.0.113.9>",
        "<sip:carol@example.net>",
        "<mailto:carol@example.org>",
        "<sip:nobody@example.org>",
    ] {
        let (mut office, mut alice) = following(true);
        let patch = AccountPatch { terms: TermsPatch::relay(true), ..Default::default() };
        apply(&office.world, Change::AccountChanged { aor: aor("alice"), patch });
        let (_, invite) = invite(&mut office, &mut alice);
        let sent = office.receive(udp(BOB), &moved_to(&invite, contact));
        assert_eq!(statuses(&sent), [0, 302], "{contact}: {sent:?}");
    }
}

/// Section 16.5: nobody is in the target set twice, so a circle of redirections ends.
#[test]
fn a_circle_of_redirections_ends_with_the_last_of_them() {
    let (mut office, mut alice) = following(true);
    let (_, invite) = invite(&mut office, &mut alice);
    let itself = "<sip:bob@example.org>, <sip:carol@example.org>, <sip:carol@example.org>";
    let sent = office.receive(udp(BOB), &moved_to(&invite, itself));
    assert_eq!(sent.len(), 2, "carol once, bob not again: {sent:?}");
    let back = office.receive(udp(CAROL), &moved_to(to(&sent, udp(CAROL)), "<sip:bob@example.org>"));
    assert_eq!(statuses(&back), [0, 302], "{back:?}");
}

/// Five redirections of one request are followed, whatever they name.
#[test]
fn redirections_of_one_request_are_limited() {
    let (mut office, mut alice) = office();
    office.world.settings.recurse_on_redirect = true;
    let phones: Vec<Flow> = (0..8).map(|n| udp(&format!("192.0.2.{}:5060", 100 + n))).collect();
    for (n, flow) in phones.iter().enumerate() {
        let mut account =
            coeur_directory::Account::new(coeur_directory::AccountId(50 + n as u64), aor(&format!("u{n}")));
        let user = account.aor.user().to_owned();
        account.devices = Box::new([device(5_000 + n as u64, &user, &crate::testing::secret_of(&user))]);
        apply(&office.world, Change::AccountAdded(Box::new(account)));
        register(&mut office, &user, *flow, "");
    }
    let (_, mut last) = invite(&mut office, &mut alice);
    for (n, flow) in phones.iter().enumerate() {
        let sent = office.receive(flow_of(&last), &moved_to(&last, &format!("<sip:u{n}@example.org>")));
        if n == 5 {
            return assert_eq!(statuses(&sent), [0, 302], "{sent:?}");
        }
        last = to(&sent, *flow).clone();
    }
    panic!("followed for ever");
}

/// The same for other methods; and a redirection waits until those who ring have ended.
#[test]
fn a_redirected_message_is_followed_and_a_forked_call_first_rings_out() {
    let (mut office, mut alice) = following(true);
    let (_, sent) = send(&mut office, &mut alice, Method::Message, "");
    let sent = office.receive(udp(BOB), &moved_to(&sent[0], "<sip:carol@example.org>"));
    assert!(to(&sent, udp(CAROL)).text().starts_with("MESSAGE sip:carol@"), "{sent:?}");

    let (mut office, first, second) = forked();
    office.world.settings.recurse_on_redirect = true;
    register(&mut office, "carol", udp(CAROL), "");
    let sent = office.receive(flow_of(&first), &moved_to(&first, "<sip:carol@example.org>"));
    assert_eq!(statuses(&sent), [0], "an ACK: {sent:?}");
    let sent = office.receive(flow_of(&second), &reply(&second, 486));
    assert!(to(&sent, udp(CAROL)).text().starts_with("INVITE "), "{sent:?}");
}

/// Section 16.5: only where we are responsible for the Request-URI may targets be added: not inside a dialog, whose target
/// its other end has said, and not for what another domain answers.
#[test]
fn a_redirection_is_followed_only_where_we_are_responsible() {
    let (mut office, mut alice) = following(true);
    let patch = AccountPatch { terms: TermsPatch::relay(true), ..Default::default() };
    apply(&office.world, Change::AccountChanged { aor: aor("alice"), patch });
    let (_, sent) = send_to(&mut office, &mut alice, Method::Invite, "sip:dave@203.0.113.9", "", b"");
    let abroad = sent.iter().find(|sent| sent.status() == 0).expect("an INVITE");
    let sent = office.receive(udp("203.0.113.9:5060"), &moved_to(abroad, "<sip:carol@example.org>"));
    assert_eq!(statuses(&sent), [0, 302], "{sent:?}");

    let (mut office, mut alice) = following(true);
    let (_, invite) = invite(&mut office, &mut alice);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    for method in [Method::Info, Method::Invite] {
        let sent = office.receive(udp(ALICE), &inside(&mut alice, &ok, method));
        let sent = office.receive(udp(BOB), &moved_to(to(&sent, udp(BOB)), "<sip:carol@example.org>"));
        assert_eq!(to(&sent, udp(ALICE)).status(), 302, "{method} {sent:?}");
    }
}
