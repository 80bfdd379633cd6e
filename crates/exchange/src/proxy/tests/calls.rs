//! Whole calls between phones: set up, answered, failed, cancelled, ended.

use super::*;

/// Sections 16.2, 16.6, 16.7, 16.12: a whole call.
#[test]
fn a_call_is_set_up_acknowledged_and_ended_over_our_route() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    assert!(goes_to(&invite, udp(BOB)));
    let text = invite.text();
    assert!(text.starts_with("INVITE sip:bob@192.0.2.22:5060"), "{text}");
    assert!(text.contains("Max-Forwards: 69\r\n") && text.contains("Record-Route: <sip:"), "{text}");
    assert!(!text.contains("Proxy-Authorization"), "credentials stay here");
    assert!(text.contains(";received=") || text.contains(";rport=5060"), "{text}");

    let ringing = office.answer(udp(BOB), &reply(&invite, 180));
    assert!(goes_to(&ringing, udp(ALICE)) && ringing.status() == 180);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    assert!(goes_to(&ok, udp(ALICE)) && ok.status() == 200);
    assert_eq!(ok.read(|m| m.values(HeaderName::Via).count()), 1, "our Via is gone");

    let ack = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Ack));
    assert!(goes_to(&ack, udp(BOB)) && ack.text().starts_with("ACK sip:bob@192.0.2.22:5060"));
    assert!(!ack.text().contains("Route:"), "{}", ack.text());

    let bye = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Bye));
    assert!(goes_to(&bye, udp(BOB)), "{}", bye.text());
    let done = office.answer(udp(BOB), &reply(&bye, 200));
    assert!(goes_to(&done, udp(ALICE)) && done.status() == 200);
}

/// Threat T-08: who has heard the dialog's tags and our token still has to come from its flow, or prove himself.
#[test]
fn a_request_inside_a_dialog_from_elsewhere_is_challenged_and_a_forged_route_refused() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    let bye = inside(&mut alice, &ok, Method::Bye);
    let challenged = office.answer(udp("198.51.100.9:5060"), &bye);
    assert!(matches!(challenged.status(), 401 | 407), "{}", challenged.text());
    let mut forged = String::from_utf8(bye).expect("text");
    forged = forged.replace("Call-ID: 8", "Call-ID: 9").replace(
        "Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bK",
        "Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKf",
    );
    let refused = office.answer(udp(ALICE), forged.as_bytes());
    assert_eq!(refused.status(), 403);
    assert_eq!(office.exchange.counters().route_forged, 1);
}

/// A made-up To tag alone reaches nobody: proof first (advisory A06), and then there is no such dialog.
#[test]
fn a_to_tag_without_our_route_is_challenged_and_then_481() {
    let (mut office, mut alice) = office();
    let to = "<sip:bob@example.org>;tag=made-up";
    alice.cseq += 1;
    let challenge = office.answer(udp(ALICE), &alice.write(Method::Bye, URI, to, ""));
    assert_eq!(challenge.status(), 407);
    alice.read(&challenge);
    alice.cseq += 1;
    let credentials = alice.credentials(Method::Bye, URI);
    assert_eq!(office.answer(udp(ALICE), &alice.write(Method::Bye, URI, to, &credentials)).status(), 481);
}

/// Sections 9.1 and 16.10: CANCEL goes on once the branch has answered, and 487 comes back.
#[test]
fn a_cancel_waits_for_a_provisional_answer_and_ends_in_487() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    let cancel = String::from_utf8_lossy(&request)
        .replacen("INVITE", "CANCEL", 1)
        .replace(" INVITE\r\n", " CANCEL\r\n");
    let done = office.answer(udp(ALICE), cancel.as_bytes());
    assert_eq!(done.status(), 200, "nothing goes to bob yet");
    let sent = office.receive(udp(BOB), &reply(&invite, 180));
    assert!(sent[0].text().starts_with("CANCEL sip:bob@"), "{sent:?}");
    let ours = sent[0].read(|m| m.via().ok().and_then(|v| v.branch.map(<[u8]>::to_vec)));
    assert_eq!(ours, invite.read(|m| m.via().ok().and_then(|v| v.branch.map(<[u8]>::to_vec))));
    assert!(office.receive(udp(BOB), &reply(&sent[0], 200)).is_empty());
    let sent = office.receive(udp(BOB), &reply(&invite, 487));
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent[0].text().starts_with("ACK sip:bob@"));
    assert_eq!(sent[1].status(), 487);
    let ack = ack_of(&request, &sent[1]);
    assert!(office.receive(udp(ALICE), &ack).is_empty(), "absorbed");
}

/// Section 17.2.1 and 16.7 step 9.
#[test]
fn a_failure_is_acknowledged_forwarded_and_repeated_until_its_ack() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    let sent = office.receive(udp(BOB), &reply(&invite, 486));
    assert!(sent[0].text().starts_with("ACK ") && sent[1].status() == 486, "{sent:?}");
    let again = office.receive(udp(BOB), &reply(&invite, 486));
    assert!(again.len() == 1 && again[0].text().starts_with("ACK "), "only our ACK again");
    office.wait(Duration::from_millis(520));
    let repeated = office.handle(Input::Ticked);
    assert!(repeated.iter().any(|s| s.status() == 486), "timer G");
    assert!(office.receive(udp(ALICE), &ack_of(&request, &sent[1])).is_empty());
    office.wait(Duration::from_secs(2));
    assert!(office.handle(Input::Ticked).is_empty());
}

/// Section 17.2.1: a repeated INVITE draws the last answer, and bob hears nothing.
#[test]
fn a_repeated_invite_draws_the_last_answer() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    assert_eq!(office.answer(udp(ALICE), &request).status(), 100);
    office.answer(udp(BOB), &reply(&invite, 180));
    assert_eq!(office.answer(udp(ALICE), &request).status(), 180);
}

/// Section 17.1.1.2, timers A and B; section 16.8.
#[test]
fn a_silent_target_is_asked_again_and_then_408() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let (mut repeats, mut answers) = (0, Vec::new());
    for _ in 0..4_000 {
        office.wait(Duration::from_millis(10));
        for sent in office.handle(Input::Ticked) {
            match sent.status() {
                0 => {
                    assert_eq!(sent.bytes, invite.bytes);
                    repeats += 1;
                }
                status => answers.push(status),
            }
        }
    }
    assert_eq!(repeats, 6);
    assert_eq!(answers.first(), Some(&408));
}

/// RFC 4320 section 4.2: no 408 to a non-INVITE, and nothing is left behind.
#[test]
fn a_silent_target_of_a_message_draws_no_408() {
    let (mut office, mut alice) = office();
    let (_, sent) = send(&mut office, &mut alice, Method::Message, "");
    assert!(sent.len() == 1 && goes_to(&sent[0], udp(BOB)), "{sent:?}");
    for _ in 0..700 {
        office.wait(Duration::from_millis(100));
        assert!(office.handle(Input::Ticked).iter().all(|sent| sent.status() == 0));
    }
    assert_eq!(office.exchange.transactions(), 0);
}

/// Section 16.3 steps 3 to 5, RFC 5393 section 5.3.3.
#[test]
fn requests_that_may_not_pass_are_refused_with_the_status_of_their_rule() {
    {
        let (extra, status) = ("Max-Breadth: 0\r\n", 440);
        let (mut office, mut alice) = office();
        let (_, sent) = send(&mut office, &mut alice, Method::Invite, extra);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].status(), status);
    }
}

/// Section 16.3 step 4: what comes back to us unchanged is a loop.
#[test]
fn a_request_that_comes_back_unchanged_is_482() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    // As if bob's address led back to us, which rewrites the Request-URI to what it was.
    let via =
        invite.read(|m| String::from_utf8_lossy(m.header(HeaderName::Via).unwrap_or_default()).into_owned());
    let text = String::from_utf8(request).expect("text");
    let back = text.replacen(
        "Via:",
        &format!("Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKx\r\nVia: {via}\r\nVia:"),
        1,
    );
    let credentials = alice.credentials(Method::Invite, URI);
    let back: Vec<String> = back
        .split("\r\n")
        .map(|l| {
            if l.starts_with("Proxy-Authorization") {
                credentials.trim_end().to_owned()
            } else {
                l.to_owned()
            }
        })
        .collect();
    let sent = office.receive(udp(ALICE), back.join("\r\n").as_bytes());
    assert_eq!(sent[0].status(), 482, "{sent:?}");
}

/// Section 16.9: what cannot be sent counts as a 503, which becomes a 500.
#[test]
fn a_send_failure_ends_the_branch() {
    let (mut office, mut alice) = office();
    let bare = alice.request(Method::Invite, URI, "");
    let challenge = office.answer(alice.flow, &bare);
    let request = alice.answer(&challenge, Method::Invite, URI, "");
    let mut outbox = crate::outbox::Outbox::default();
    let mut table = coeur_sip::HeaderTable::new();
    let message = coeur_sip::parse(&request, &mut table, &coeur_sip::Limits::default()).expect("a message");
    office.exchange.handle(
        office.now,
        &office.world,
        Input::Received { flow: alice.flow, message: &message },
        &mut outbox,
    );
    let token = outbox.outputs.iter().find_map(|output| match output {
        crate::outbox::Output::Send(send) => send.token,
        _ => None,
    });
    let token = token.expect("the forwarded INVITE has a token");
    let sent = office.handle(Input::SendFailed { token, failure: SendFailure::Unreachable });
    assert_eq!(sent.iter().map(Sent::status).collect::<Vec<_>>(), [500]);
}

/// Section 16.7 step 10: the winner's answer goes back, the loser is cancelled.
#[test]
fn the_phone_that_does_not_answer_is_cancelled() {
    let (mut office, first, second) = forked();
    assert_eq!(office.answer(flow_of(&second), &reply(&second, 180)).status(), 180);
    let sent = office.receive(flow_of(&first), &reply(&first, 200));
    assert!(sent.iter().any(|s| s.status() == 200 && goes_to(s, udp(ALICE))), "{sent:?}");
    let cancel = sent.iter().find(|s| s.text().starts_with("CANCEL ")).expect("a CANCEL");
    assert!(goes_to(cancel, flow_of(&second)));
    // Section 16.7 step 5: too late, its 2xx still reaches the caller.
    assert_eq!(office.answer(flow_of(&second), &reply(&second, 200)).status(), 200);
}

/// Section 16.7 step 5: a 6xx ends the search, and goes back once all have ended.
#[test]
fn a_6xx_cancels_the_others_and_wins() {
    let (mut office, first, second) = forked();
    office.answer(flow_of(&second), &reply(&second, 180));
    let sent = office.receive(flow_of(&first), &reply(&first, 603));
    assert!(sent.iter().any(|s| s.text().starts_with("CANCEL ")), "{sent:?}");
    assert!(sent.iter().all(|s| s.status() != 603), "not yet");
    let sent = office.receive(flow_of(&second), &reply(&second, 487));
    assert!(sent.iter().any(|s| s.status() == 603), "{sent:?}");
}

/// Section 9.1: a loser that never answers its CANCEL is forgotten with the call, and nothing is left.
#[test]
fn a_loser_that_never_answers_is_forgotten() {
    let (mut office, first, second) = forked();
    office.answer(flow_of(&second), &reply(&second, 180));
    office.receive(flow_of(&first), &reply(&first, 200));
    for _ in 0..1_000 {
        office.wait(Duration::from_millis(100));
        office.handle(Input::Ticked);
    }
    assert_eq!(office.exchange.transactions(), 0);
}
