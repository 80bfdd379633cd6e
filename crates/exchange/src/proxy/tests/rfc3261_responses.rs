//! RFC 3261 sections 16.7 to 16.10: what the targets answer, what is answered to the caller, and what ends a branch.

use super::*;

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

/// Section 16.7 step 1, RFC 6026 section 8.9: a response to nothing of ours goes nowhere.
#[test]
fn a_response_that_no_branch_awaits_is_dropped() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let good = String::from_utf8(reply(&invite, 180)).expect("text");
    let before = office.exchange.counters().stray_responses;
    for (from, to) in [
        ("branch=z9hG4bKc0", "branch=z9hG4bKd0"),
        ("branch=z9hG4bKc00000000", "branch=z9hG4bKc0000ff00"),
        (" INVITE\r\n", " BYE\r\n"),
    ] {
        assert!(good.contains(from), "{good}");
        assert!(office.receive(udp(BOB), good.replace(from, to).as_bytes()).is_empty(), "{to}");
    }
    assert_eq!(office.exchange.counters().stray_responses, before + 3);
    assert_eq!(office.answer(udp(BOB), good.as_bytes()).status(), 180);
}

/// Decision 0009: the branch is right and the place is not, so nothing happens: no answer, no ringing, no timer.
#[test]
fn who_has_seen_a_branch_cannot_answer_for_the_callee() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let mut carol = Phone::new("carol", udp("192.0.2.99:5060"));
    assert_eq!(office.register(&mut carol).status(), 200);
    for (elsewhere, why) in [
        (udp("198.51.100.9:5060"), "a stranger"),
        (carol.flow, "somebody else's phone"),
        (tcp("192.0.2.22:5060", 9), "another transport (section 18.2.2)"),
    ] {
        for status in [180, 200, 603] {
            assert!(office.receive(elsewhere, &reply(&invite, status)).is_empty(), "{why}: {status}");
        }
    }
    assert_eq!(office.exchange.counters().responses_from_elsewhere, 9);
    assert_eq!(office.answer(udp(BOB), &reply(&invite, 180)).status(), 180);
    // A phone may answer from another port than it listens on.
    assert_eq!(office.answer(udp("192.0.2.22:40022"), &reply(&invite, 200)).status(), 200);
}

/// Section 18.2.2: the connection is gone, so the phone answers over a new one to us.
#[test]
fn an_answer_over_a_new_connection_of_the_same_phone_is_heard() {
    let (mut office, mut alice) = office();
    let bob = register(&mut office, "bob", tcp("192.0.2.23:41000", 7), "");
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "");
    let invite = to(&sent, bob.flow).clone();
    let elsewhere = tcp("198.51.100.9:41000", 8);
    assert!(office.receive(elsewhere, &reply(&invite, 200)).is_empty());
    assert_eq!(office.answer(tcp("192.0.2.23:41001", 9), &reply(&invite, 200)).status(), 200);
}

/// Section 16.7 step 2 and 16.8: timer C (above three minutes) begins anew with every answer from 101 to 199; then the
/// branch is cancelled, and the caller hears 408.
#[test]
fn timer_c_is_renewed_by_provisional_answers_and_ends_in_cancel_and_408() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    for _ in 0..5 {
        assert_eq!(office.answer(udp(BOB), &reply(&invite, 180)).status(), 180);
        assert!(tick(&mut office, Duration::from_secs(184)).is_empty());
    }
    // 100 says nothing of the callee: it does not renew.
    assert!(office.receive(udp(BOB), &reply(&invite, 100)).is_empty());
    let sent = tick(&mut office, Duration::from_secs(2));
    assert!(sent.len() == 1 && sent[0].text().starts_with("CANCEL sip:bob@"), "{sent:?}");
    assert_eq!(office.exchange.counters().timer_c_fired, 1);
    office.receive(udp(BOB), &reply(&sent[0], 200));
    let sent = office.receive(udp(BOB), &reply(&invite, 487));
    assert_eq!(statuses(&sent), [0, 408], "{sent:?}");
}

/// Section 16.8: without any answer to the CANCEL the branch ends all the same.
#[test]
fn after_timer_c_a_silent_target_ends_in_408_too() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    office.answer(udp(BOB), &reply(&invite, 183));
    let mut answers = Vec::new();
    for _ in 0..230 {
        answers.extend(tick(&mut office, Duration::from_secs(1)).iter().map(Sent::status).filter(|s| *s > 0));
    }
    assert_eq!(answers.first(), Some(&408));
}

/// Section 16.7 step 3: a response whose only Via is ours is for nobody. It moves no timer either: timer B, and timer C
/// once the callee has rung, end the INVITE as if nothing had come, and nothing of it is left.
#[test]
fn a_response_with_no_via_below_ours_is_not_forwarded() {
    for (status, rings, answered) in
        [(100, false, 408), (180, false, 408), (200, false, 408), (486, false, 408), (200, true, 408)]
    {
        let (mut office, mut alice) = office();
        let (request, invite) = invite(&mut office, &mut alice);
        if rings {
            assert_eq!(office.answer(udp(BOB), &reply(&invite, 180)).status(), 180);
        }
        let text = String::from_utf8(reply(&invite, status)).expect("text");
        let vias: Vec<&str> = text.lines().filter(|line| line.starts_with("Via:")).collect();
        let only_ours = text.replace(&format!("{}\r\n", vias[1]), "");
        let before = office.exchange.counters().stray_responses;
        assert!(office.receive(udp(BOB), only_ours.as_bytes()).is_empty(), "{status}");
        assert_eq!(office.exchange.counters().stray_responses, before + 1);
        let mut answers = Vec::new();
        for _ in 0..400 {
            let sent = tick(&mut office, Duration::from_secs(1));
            answers.extend(sent.into_iter().filter(|sent| goes_to(sent, udp(ALICE))));
            if let Some(answer) = answers.first() {
                office.receive(udp(ALICE), &ack_of(&request, answer));
            }
        }
        assert_eq!(answers.first().map(Sent::status), Some(answered), "{status}, rings: {rings}");
        assert_eq!(office.exchange.transactions(), 0, "{status}, rings: {rings}");
    }
}

/// Section 16.7 step 5: every provisional answer but 100, every 2xx to INVITE, at once.
#[test]
fn provisional_answers_and_every_2xx_are_forwarded_at_once() {
    let (mut office, first, second) = forked();
    assert!(office.receive(flow_of(&first), &reply(&first, 100)).is_empty());
    for status in [180, 183, 180, 199] {
        assert_eq!(office.answer(flow_of(&first), &reply(&first, status)).status(), status);
    }
    let sent = office.receive(flow_of(&first), &reply(&first, 200));
    assert!(statuses(&sent).contains(&200));
    // Also repeated by the callee, who waits for the ACK; and that of another branch.
    assert_eq!(office.answer(flow_of(&first), &reply(&first, 200)).status(), 200);
    assert_eq!(office.answer(flow_of(&second), &reply(&second, 200)).status(), 200);
}

/// RFC 4320 section 4.1: no provisional answer but 100 goes to a request other than INVITE.
#[test]
fn a_provisional_answer_to_a_message_stays_here() {
    let (mut office, mut alice) = office();
    let (_, sent) = send(&mut office, &mut alice, Method::Message, "");
    for status in [100, 180, 183] {
        assert!(office.receive(udp(BOB), &reply(&sent[0], status)).is_empty(), "{status}");
    }
    assert_eq!(office.answer(udp(BOB), &reply(&sent[0], 202)).status(), 202);
}

/// Section 16.7 step 6: nothing final but 2xx and 6xx while a branch is open; then the best.
#[test]
fn the_best_answer_goes_back_when_all_have_ended() {
    for (one, other, best) in [
        (486, 404, 486),
        (404, 486, 404),
        (302, 486, 302),
        (500, 486, 486),
        (480, 603, 603),
        (404, 420, 420),
        (486, 484, 484),
        (408, 486, 486),
        (487, 480, 480),
        // Section 16.7 step 6: 503 is not passed on.
        (503, 502, 502),
        (503, 503, 500),
    ] {
        let (mut office, first, second) = forked();
        let sent = office.receive(flow_of(&first), &reply(&first, one));
        assert_eq!(statuses(&sent), [0], "only the ACK: {one} then {other}");
        let sent = office.receive(flow_of(&second), &reply(&second, other));
        assert_eq!(statuses(&sent), [0, best], "{one} then {other}");
    }
}

/// Section 16.7 step 6: a 503 says that one server is overloaded; we are not.
#[test]
fn a_503_of_the_only_target_becomes_500() {
    for method in [Method::Invite, Method::Message] {
        let (mut office, mut alice) = office();
        let (_, sent) = send(&mut office, &mut alice, method, "");
        let sent = office.receive(udp(BOB), &reply(to(&sent, udp(BOB)), 503));
        let answer = to(&sent, udp(ALICE));
        assert_eq!(answer.status(), 500, "{method}");
        assert!(!answer.text().contains("bobtag"), "it is ours: {}", answer.text());
    }
}

/// Section 16.7 step 7: the caller must be able to answer all challenges, so it gets all.
#[test]
fn the_challenges_of_all_branches_go_back_in_one_answer() {
    let (mut office, first, second) = forked();
    let www = "WWW-Authenticate: Digest realm=\"a.example\", nonce=\"1\"\r\n";
    let proxy = "Proxy-Authenticate: Digest realm=\"b.example\", nonce=\"2\"\r\n\
                 Proxy-Authenticate: Digest realm=\"c.example\", nonce=\"3\"\r\n";
    office.receive(flow_of(&first), &reply_with(&first, 401, www, ""));
    let sent = office.receive(flow_of(&second), &reply_with(&second, 407, proxy, ""));
    let answer = to(&sent, udp(ALICE));
    assert_eq!(answer.status(), 401, "{}", answer.text());
    assert_eq!(lines(answer, "WWW-Authenticate").len(), 1);
    assert_eq!(lines(answer, "Proxy-Authenticate").len(), 2);
}

/// Section 16.6 and 16.7: targets of one q ring together, a lower q only after all of them have ended.
#[test]
fn a_lower_q_rings_only_when_the_higher_has_ended() {
    let mut office = Office::new();
    let flows = ["192.0.2.31:5060", "192.0.2.32:5060", "192.0.2.33:5060", "192.0.2.34:5060"].map(udp);
    for (flow, q) in flows.iter().zip([";q=0.5", ";q=1.0", ";q=0.5", ""]) {
        register(&mut office, "bob", *flow, q);
    }
    let mut alice = Phone::new("alice", udp(ALICE));
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "");
    // Without a q: 1.0 (section 10.2.1.2 leaves it to us).
    assert_eq!(sent.len(), 3, "{sent:?}");
    let (one, three) = (to(&sent, flows[1]), to(&sent, flows[3]));
    assert_eq!(statuses(&office.receive(flows[1], &reply(one, 486))), [0], "the other still rings");
    let next = office.receive(flows[3], &reply(three, 480));
    assert_eq!(next.len(), 3, "an ACK and two INVITEs: {next:?}");
    assert!(
        to(&next, flows[0]).text().starts_with("INVITE ")
            && to(&next, flows[2]).text().starts_with("INVITE ")
    );
    let sent = office.receive(flows[0], &reply(to(&next, flows[0]), 200));
    assert!(statuses(&sent).contains(&200), "{sent:?}");
}

/// Section 16.7 step 5 and 16.10: after a 6xx, or once the caller has given up, nobody else is tried.
#[test]
fn a_lower_q_is_not_tried_after_6xx_or_cancel() {
    for cancel in [false, true] {
        let mut office = Office::new();
        let (high, low) = (udp("192.0.2.31:5060"), udp("192.0.2.32:5060"));
        register(&mut office, "bob", high, ";q=0.9");
        register(&mut office, "bob", low, ";q=0.1");
        let mut alice = Phone::new("alice", udp(ALICE));
        let (request, sent) = send(&mut office, &mut alice, Method::Invite, "");
        let ringing = to(&sent, high);
        office.answer(high, &reply(ringing, 180));
        let status = if cancel {
            office.receive(udp(ALICE), &cancel_of(&request));
            487
        } else {
            603
        };
        assert_eq!(statuses(&office.receive(high, &reply(ringing, status))), [0, status]);
    }
}

/// Section 16.9: a target that cannot be reached is as good as one that answered 503; the others go on.
#[test]
fn a_branch_that_cannot_be_sent_leaves_the_others() {
    let (mut office, first, second) = forked();
    assert!(send_failed(&mut office, &first).is_empty());
    assert_eq!(statuses(&office.receive(flow_of(&second), &reply(&second, 486))), [0, 486]);
}

/// Sections 9.2 and 16.10: a CANCEL ends an INVITE that is not answered yet; what comes too late changes nothing, and
/// one for nothing is 481.
#[test]
fn a_cancel_that_comes_too_late_changes_nothing() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    assert_eq!(office.answer(udp(BOB), &reply(&invite, 200)).status(), 200);
    assert_eq!(statuses(&office.receive(udp(ALICE), &cancel_of(&request))), [200]);
    let nothing = String::from_utf8(cancel_of(&request)).expect("text").replace("z9hG4bK", "z9hG4bKz");
    assert_eq!(office.answer(udp(ALICE), nothing.as_bytes()).status(), 481);
    assert_eq!(office.exchange.counters().cancels, 1, "the one that found its INVITE");
}

/// Section 9.1 and RFC 6026: the 200 of the callee crosses the CANCEL: the call is there, both sides know it.
#[test]
fn a_2xx_that_crosses_the_cancel_reaches_the_caller() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    office.answer(udp(BOB), &reply(&invite, 180));
    let sent = office.receive(udp(ALICE), &cancel_of(&request));
    assert_eq!(statuses(&sent), [200, 0]);
    let ok = office.answer(udp(BOB), &reply(&invite, 200));
    assert!(ok.status() == 200 && goes_to(&ok, udp(ALICE)));
    let ack = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Ack));
    assert!(goes_to(&ack, udp(BOB)));
}

/// Section 9.1: the CANCEL has the Request-URI, Call-ID, To, From, CSeq number, Route and single Via of its INVITE.
#[test]
fn our_cancel_has_what_makes_it_match() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    office.answer(udp(BOB), &reply(&invite, 180));
    let sent = office.receive(udp(ALICE), &cancel_of(&request));
    let cancel = to(&sent, udp(BOB));
    for name in ["Call-ID", "To", "From"] {
        assert_eq!(lines(cancel, name), lines(&invite, name), "{name}");
    }
    assert_eq!(lines(cancel, "Via"), lines(&invite, "Via")[..1]);
    assert_eq!(lines(cancel, "CSeq")[0].split(' ').next(), lines(&invite, "CSeq")[0].split(' ').next());
    assert!(lines(cancel, "Require").is_empty() && lines(cancel, "Proxy-Authorization").is_empty());
}
