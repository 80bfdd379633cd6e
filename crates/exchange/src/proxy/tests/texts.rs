//! What is told of texts (RFC 3428): where one has come to, and never what it says.

use super::*;
use crate::event::{Event, TextStep, Texted};

/// Of all texts since the start, in their order.
fn told(office: &Office) -> Vec<Texted> {
    let text = |event: &Event| match event {
        Event::Texted(text) => Some((**text).clone()),
        _ => None,
    };
    office.events.iter().filter_map(text).collect()
}

fn text(office: &mut Office, alice: &mut Phone, uri: &str) -> Vec<Sent> {
    let kind = "Content-Type: text/plain\r\n";
    send_to(office, alice, Method::Message, uri, kind, b"the secret of the house").1
}

#[test]
fn a_text_is_told_on_its_way_and_when_it_was_taken_and_nothing_of_what_it_says() {
    let (mut office, mut alice) = office();
    let sent = text(&mut office, &mut alice, URI);
    let [accepted] = &told(&office)[..] else { panic!("{:?}", told(&office)) };
    assert_eq!((accepted.step, &*accepted.to_uri), (TextStep::Accepted, URI.as_bytes()));
    assert_eq!((&*accepted.content_type, accepted.bytes), (&b"text/plain"[..], 23));
    let bob = office.world.directory.account_of(&aor("bob")).unwrap().id;
    assert_eq!(accepted.to.map(|party| party.account), Some(bob));
    office.answer(udp(BOB), &reply(to(&sent, udp(BOB)), 200));
    let all = told(&office);
    assert_eq!((all.len(), all[1].step, all[1].id), (2, TextStep::Delivered, all[0].id));
    let written = format!("{:?}", office.events);
    assert!(!written.contains("secret of"), "{written}");
    // Of a call nothing is told as of a text.
    invite(&mut office, &mut alice);
    assert_eq!(told(&office).len(), 2);
}

#[test]
fn a_text_that_nobody_takes_has_failed_once_and_says_with_what() {
    let (mut office, mut alice) = office();
    let sent = text(&mut office, &mut alice, URI);
    office.answer(udp(BOB), &reply(to(&sent, udp(BOB)), 486));
    // Nobody of ours, and an account that is not registered.
    for uri in ["sip:nobody@example.org", "sip:carol@example.org"] {
        let bare = alice.again(Method::Message, uri, "");
        office.answer(udp(ALICE), &bare);
    }
    let steps: Vec<TextStep> = told(&office).iter().map(|text| text.step).collect();
    let failed = |status| TextStep::Failed { status };
    assert_eq!(steps[..3], [TextStep::Accepted, failed(486), failed(404)]);
    assert!(matches!(steps[3..], [TextStep::Failed { .. }]), "{steps:?}");
}

/// RFC 4320 section 4.2: nothing is sent, and the sender finds it out by himself.
#[test]
fn a_text_that_is_not_answered_has_failed() {
    let (mut office, mut alice) = office();
    text(&mut office, &mut alice, URI);
    for _ in 0..100 {
        let Some(at) = office.next_deadline().filter(|_| told(&office).len() < 2) else { break };
        let wait = office.now.monotonic.until(at).max(Duration::from_millis(1));
        tick(&mut office, wait);
    }
    assert_eq!(told(&office)[1].step, TextStep::Failed { status: 408 });
}
