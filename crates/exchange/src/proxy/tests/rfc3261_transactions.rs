//! RFC 3261 section 17 as the proxy keeps it, with RFC 6026 and RFC 4320: the machines themselves are tested in
//! `coeur-sip`, here is what leaves and when.

use super::*;

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
        assert!(office.handle(Input::Ticked).iter().all(|sent| sent.status() <= 100));
    }
    assert_eq!(office.exchange.transactions(), 0);
}

/// When something leaves within this time, in ms, each 10 ms looked at.
fn times(office: &mut Office, within: Duration, wanted: impl Fn(&Sent) -> bool) -> Vec<u64> {
    let start = office.now.monotonic;
    let mut times = Vec::new();
    while office.now.monotonic.since(start) < within {
        let sent = tick(office, Duration::from_millis(10));
        let at = office.now.monotonic.since(start).as_millis() as u64;
        times.extend(sent.iter().filter(|sent| wanted(sent)).map(|_| at));
    }
    times
}

/// Each repetition may be late by a tick of the wheel, and the next counts from there.
fn about(times: &[u64], wanted: &[u64]) {
    let near = |(at, wanted): (&u64, &u64)| at >= wanted && *at <= wanted + 120;
    assert!(times.len() == wanted.len() && times.iter().zip(wanted).all(near), "{times:?}, not {wanted:?}");
}

/// Section 17.1.1.2: timer A doubles, timer B ends it after 64*T1.
#[test]
fn timer_a_doubles_until_timer_b() {
    let (mut office, mut alice) = office();
    invite(&mut office, &mut alice);
    let repeated = times(&mut office, Duration::from_secs(40), |sent| sent.text().starts_with("INVITE "));
    about(&repeated, &[500, 1_500, 3_500, 7_500, 15_500, 31_500]);
}

/// Section 17.1.2.2: timer E doubles up to T2; after a provisional answer it is T2.
#[test]
fn timer_e_doubles_up_to_t2() {
    let (mut office, mut alice) = office();
    send(&mut office, &mut alice, Method::Message, "");
    let repeated = times(&mut office, Duration::from_secs(40), |sent| sent.text().starts_with("MESSAGE "));
    about(&repeated, &[500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    let (_, sent) = send(&mut office, &mut alice, Method::Message, "");
    office.receive(udp(BOB), &reply(&sent[0], 100));
    let repeated = times(&mut office, Duration::from_secs(40), |sent| sent.text().starts_with("MESSAGE "));
    about(&repeated[..3], &[500, 4_500, 8_500]);
}

/// Sections 17.1.1.2 and 17.1.2.2: over a stream nothing is repeated.
#[test]
fn over_tcp_nothing_is_repeated() {
    let mut office = Office::new();
    let bob = register(&mut office, "bob", tcp(BOB, 3), "");
    let mut alice = Phone::new("alice", tcp(ALICE, 4));
    for method in [Method::Invite, Method::Message] {
        let (_, sent) = send(&mut office, &mut alice, method, "");
        assert!(to(&sent, bob.flow).token.is_some());
        assert!(
            times(&mut office, Duration::from_secs(31), |sent| sent.status() != 100).is_empty(),
            "{method}"
        );
        tick(&mut office, Duration::from_secs(40));
    }
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "");
    let sent = office.receive(bob.flow, &reply(to(&sent, bob.flow), 486));
    assert_eq!(statuses(&sent), [0, 486]);
    assert!(times(&mut office, Duration::from_secs(60), |_| true).is_empty(), "timer G is for UDP");
    assert_eq!(office.exchange.transactions(), 0);
}

/// Section 17.1.1.3: the ACK of a failure has the Request-URI, Call-ID, From and CSeq of the INVITE, its top Via alone,
/// the To of the answer.
#[test]
fn our_ack_is_made_of_the_invite_and_its_answer() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let sent = office.receive(udp(BOB), &reply(&invite, 486));
    let ack = &sent[0];
    assert_eq!(ack.text().split(' ').nth(1), invite.text().split(' ').nth(1));
    for name in ["Call-ID", "From"] {
        assert_eq!(lines(ack, name), lines(&invite, name));
    }
    assert_eq!(lines(ack, "Via"), lines(&invite, "Via")[..1]);
    assert_eq!(lines(ack, "To"), ["<sip:bob@example.org>;tag=bobtag"]);
    assert!(lines(ack, "CSeq")[0].ends_with(" ACK"));
}

/// Section 17.1.1.2: timer D keeps the ACK for 32 seconds; then a late repetition is a stray.
#[test]
fn timer_d_ends_the_repetition_of_the_ack() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    let sent = office.receive(udp(BOB), &reply(&invite, 486));
    office.receive(udp(ALICE), &ack_of(&request, &sent[1]));
    tick(&mut office, Duration::from_secs(31));
    assert_eq!(office.receive(udp(BOB), &reply(&invite, 486)).len(), 1);
    tick(&mut office, Duration::from_secs(2));
    assert!(office.receive(udp(BOB), &reply(&invite, 486)).is_empty());
    assert_eq!(office.exchange.transactions(), 0);
}

/// Section 9.1: a CANCEL is a transaction of its own, repeated by timer E until it is answered; the INVITE is not
/// repeated any more.
#[test]
fn our_cancel_is_repeated_until_it_is_answered() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    office.answer(udp(BOB), &reply(&invite, 180));
    let sent = office.receive(udp(ALICE), &cancel_of(&request));
    let cancel = to(&sent, udp(BOB)).clone();
    about(
        &times(&mut office, Duration::from_secs(5), |sent| sent.bytes == cancel.bytes),
        &[500, 1_500, 3_500],
    );
    assert!(office.receive(udp(BOB), &reply(&cancel, 200)).is_empty());
    assert!(times(&mut office, Duration::from_secs(20), |sent| goes_to(sent, udp(BOB))).is_empty());
    assert_eq!(statuses(&office.receive(udp(BOB), &reply(&invite, 487))), [0, 487]);
}

/// Section 17.2.1: timer G doubles up to T2, timer H ends it after 64*T1.
#[test]
fn timer_g_doubles_up_to_t2_until_timer_h() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    office.receive(udp(BOB), &reply(&invite, 486));
    let repeated = times(&mut office, Duration::from_secs(70), |sent| sent.status() == 486);
    about(&repeated, &[500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert_eq!(office.exchange.transactions(), 0);
}

/// Section 17.2.2: timer J repeats the answer to each retransmission for 64*T1; then it is a new request.
#[test]
fn timer_j_answers_retransmissions_of_a_message() {
    let (mut office, mut alice) = office();
    let (request, sent) = send(&mut office, &mut alice, Method::Message, "");
    assert!(office.receive(udp(ALICE), &request).is_empty(), "absorbed while nothing is known");
    office.answer(udp(BOB), &reply(&sent[0], 202));
    for _ in 0..3 {
        tick(&mut office, Duration::from_secs(10));
        assert_eq!(office.answer(udp(ALICE), &request).status(), 202);
    }
    tick(&mut office, Duration::from_secs(3));
    assert_eq!(office.answer(udp(ALICE), &request).status(), 407, "its nonce count was used");
}

/// RFC 4320 section 4.1: who waits for long is told with a 100, when timer E has grown to T2 and no earlier; once, and
/// again for each retransmission from then on.
#[test]
fn a_slow_message_is_answered_100_after_three_and_a_half_seconds() {
    for flow in [udp(ALICE), tcp(ALICE, 9)] {
        let (mut office, mut alice) = office();
        alice.flow = flow;
        let (request, sent) = send(&mut office, &mut alice, Method::Message, "");
        assert!(office.receive(flow, &request).is_empty(), "absorbed");
        about(&times(&mut office, Duration::from_secs(20), |sent| sent.status() == 100), &[3_500]);
        let again = office.receive(flow, &request);
        assert_eq!(statuses(&again), if flow == udp(ALICE) { vec![100] } else { vec![] });
        assert_eq!(office.answer(udp(BOB), &reply(&sent[0], 202)).status(), 202);
        tick(&mut office, Duration::from_secs(40));
        assert_eq!(office.exchange.transactions(), 0);
    }
}

/// RFC 6026 section 7.1: after a 2xx the INVITE is absorbed for 64*T1, further 2xx pass, and nothing is repeated by us.
#[test]
fn after_a_2xx_the_invite_is_absorbed_and_the_callee_repeats() {
    let (mut office, mut alice) = office();
    let (request, invite) = invite(&mut office, &mut alice);
    office.answer(udp(BOB), &reply(&invite, 200));
    assert!(office.receive(udp(ALICE), &request).is_empty());
    assert!(times(&mut office, Duration::from_secs(31), |_| true).is_empty());
    assert_eq!(office.answer(udp(BOB), &reply(&invite, 200)).status(), 200);
    tick(&mut office, Duration::from_secs(5));
    assert_eq!(office.exchange.transactions(), 0);
    assert!(office.receive(udp(BOB), &reply(&invite, 200)).is_empty(), "RFC 6026 section 8.9");
}

/// Section 17.2.3: another branch, another sent-by or another method is another transaction.
#[test]
fn a_transaction_is_told_by_branch_sent_by_and_method() {
    let (mut office, mut alice) = office();
    let (request, _) = send(&mut office, &mut alice, Method::Message, "");
    let text = String::from_utf8(request.clone()).expect("text");
    assert!(office.receive(udp(ALICE), &request).is_empty());
    for (from, to) in [("branch=z9hG4bK", "branch=z9hG4bKx"), ("UDP 192.0.2.11:5060", "UDP 192.0.2.11:5070")]
    {
        assert_eq!(office.answer(udp(ALICE), text.replace(from, to).as_bytes()).status(), 407, "{to}");
    }
}

/// Section 17.2.3: a client of RFC 2543 has no branch to go by; its ACK is found all the same.
#[test]
fn an_rfc_2543_client_is_matched_by_its_headers() {
    let (mut office, mut alice) = office();
    let bare = alice.request(Method::Invite, URI, "");
    let challenge = office.answer(alice.flow, &bare);
    let request = String::from_utf8(alice.answer(&challenge, Method::Invite, URI, "")).expect("text");
    let old = request.replace("branch=z9hG4bK", "branch=1");
    let sent = office.receive(udp(ALICE), old.as_bytes());
    assert_eq!(statuses(&sent), [100, 0]);
    assert_eq!(office.answer(udp(ALICE), old.as_bytes()).status(), 100, "a retransmission");
    let failed = office.receive(udp(BOB), &reply(&sent[1], 486));
    office.receive(udp(ALICE), &ack_of(old.as_bytes(), &failed[1]));
    assert!(tick(&mut office, Duration::from_secs(3)).is_empty(), "acknowledged");
}

/// Section 17.1.1.2: over UDP what our own socket could not take is as good as lost on its way, and timers A and E
/// repeat it. Over a connection nothing would.
#[test]
fn what_a_full_socket_of_ours_did_not_take_is_sent_again_by_its_timer() {
    for method in [Method::Invite, Method::Message] {
        let (mut office, mut alice) = office();
        let (_, sent) = send(&mut office, &mut alice, method, "");
        let request = to(&sent, udp(BOB)).clone();
        assert!(send_failed_as(&mut office, &request, SendFailure::Congested).is_empty(), "{method}");
        let again = tick(&mut office, Duration::from_millis(520));
        assert_eq!(to(&again, udp(BOB)).bytes, request.bytes, "{method}");
        assert!(send_failed_as(&mut office, to(&again, udp(BOB)), SendFailure::Congested).is_empty());
        assert_eq!(office.answer(udp(BOB), &reply(&request, 200)).status(), 200, "{method}");
        assert_eq!(office.exchange.counters().send_failures, 2);
    }
    let mut office = Office::new();
    let bob = register(&mut office, "bob", tcp("192.0.2.22:40000", 7), "");
    let mut alice = Phone::new("alice", udp(ALICE));
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "");
    let failed = send_failed_as(&mut office, to(&sent, bob.flow), SendFailure::Congested);
    assert_eq!(statuses(&failed), [500]);
}

/// Section 17.1.1.3: the ACK of a refusal ends at who refused. Inside a dialog it looks like that of a 2xx, but for its
/// branch: the other end must not hear of it.
#[test]
fn the_ack_of_our_own_refusal_inside_a_dialog_stays_here() {
    let moved = udp("192.0.2.11:5999");
    for (flow, from, to, status) in [
        (moved, "", "", 407),
        (udp(ALICE), "Max-Forwards: 70", "Max-Forwards: 0", 483),
        (udp(ALICE), "Max-Forwards: 70", "Max-Forwards: 70\r\nProxy-Require: foo", 420),
        (udp(ALICE), "Max-Forwards: 70", "Max-Forwards: 70\r\nMax-Breadth: 0", 440),
    ] {
        let (mut office, mut alice) = office();
        let (_, first) = invite(&mut office, &mut alice);
        let ok = office.answer(udp(BOB), &reply(&first, 200));
        let again =
            String::from_utf8(inside(&mut alice, &ok, Method::Invite)).expect("text").replace(from, to);
        let refused = office.answer(flow, again.as_bytes());
        assert_eq!(refused.status(), status, "{}", refused.text());
        for _ in 0..2 {
            assert!(office.receive(flow, &ack_of(again.as_bytes(), &refused)).is_empty(), "{status}");
        }
        let counters = office.exchange.counters();
        assert_eq!((counters.proxied_acks, counters.stray_acks), (0, 0), "{status}");
        alice.cseq = first.read(|m| m.cseq().number) - 1;
        assert!(
            goes_to(&office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Ack)), udp(BOB)),
            "{status}"
        );
    }
}

/// The same outside of a dialog, where the tag is ours.
#[test]
fn the_ack_of_a_challenge_is_no_stray() {
    let (mut office, mut alice) = office();
    let bare = alice.request(Method::Invite, URI, "");
    let challenge = office.answer(udp(ALICE), &bare);
    assert!(office.receive(udp(ALICE), &ack_of(&bare, &challenge)).is_empty());
    let (request, sent) = send_to(&mut office, &mut alice, Method::Invite, "sip:nobody@example.org", "", b"");
    assert_eq!(statuses(&sent), [404]);
    assert!(office.receive(udp(ALICE), &ack_of(&request, &sent[0])).is_empty());
    assert_eq!(office.exchange.counters().stray_acks, 0);
    let other =
        String::from_utf8(ack_of(&bare, &challenge)).expect("text").replace("Call-ID: 8", "Call-ID: 9");
    assert!(office.receive(udp(ALICE), other.as_bytes()).is_empty());
    assert_eq!(office.exchange.counters().stray_acks, 1, "of another call it is one");
}
