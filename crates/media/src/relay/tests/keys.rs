//! SRTP on one side or on both, and what it proves.

use super::*;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

/// Leg A is protected: the phone sends under key 1 and hears under key 2.
fn protected(expected: Expected) -> Desk {
    Desk::new(sdes(plain(expected), SUITE, 1), plain(at(B)))
}

fn phone() -> (Outbound, Inbound) {
    (Outbound::new(&key(SUITE, 1)), Inbound::new(&key(SUITE, 2)))
}

#[test]
fn srtp_is_taken_off_on_one_side_and_put_on_on_the_other_in_every_suite() {
    for suite in Suite::ALL {
        for other in [None, Some(Suite::AeadAes256Gcm)] {
            let b = match other {
                Some(other) => sdes(plain(at(B)), other, 11),
                None => plain(at(B)),
            };
            let mut desk = Desk::new(sdes(plain(at(A)), suite, 1), b);
            let mut a = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 2)));
            let mut b = other.map(|other| (Outbound::new(&key(other, 11)), Inbound::new(&key(other, 12))));
            for sequence in 65_530..=65_535u16 {
                let clear = rtp(0, sequence, 7);
                let (verdict, bytes) = desk.receive(desk.a.rtp, A, &protect(&mut a.0, &clear));
                assert_eq!(verdict, desk.out_b(B), "{suite:?} {other:?}");
                let heard = b.as_mut().map_or(bytes.clone(), |(_, inbound)| unprotect(inbound, &bytes));
                assert_eq!(heard, clear);
                let back = rtp(0, sequence, 8);
                let sent = b.as_mut().map_or(back.clone(), |(outbound, _)| protect(outbound, &back));
                let (verdict, bytes) = desk.receive(desk.b.rtp, B, &sent);
                assert_eq!(verdict, desk.out_a(A));
                assert_ne!(bytes, back);
                assert_eq!(unprotect(&mut a.1, &bytes), back);
            }
            let (port, report) = (desk.a.rtcp.unwrap(), rtcp(7));
            let (verdict, bytes) = desk.receive(port, "192.0.2.1:4001", &protect(&mut a.0, &report));
            assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
            assert_eq!(b.map_or(bytes.clone(), |(_, mut inbound)| unprotect(&mut inbound, &bytes)), report);
        }
    }
}

#[test]
fn a_protected_stream_takes_no_clear_packet_and_passes_none_on() {
    let mut desk = protected(at(A));
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), dropped(Reason::Unauthenticated));
    desk.agree_a(Agreed { receive: KeyChange::Awaited, send: KeyChange::Awaited, ..plain(at(A)) });
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), dropped(Reason::NoKeys));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), dropped(Reason::OtherNoKeys));
}

#[test]
fn keys_that_come_later_open_the_stream() {
    let mut desk = Desk::new(
        Agreed { receive: KeyChange::Awaited, send: KeyChange::Awaited, ..plain(at(A)) },
        plain(at(B)),
    );
    let client_hello = [22, 254, 253];
    let handed =
        Verdict::Handed { stream: desk.a.stream, component: Component::Rtp, protocol: Protocol::Dtls };
    assert_eq!(desk.at_a(A, &client_hello), handed);
    assert_eq!(desk.at_a(STRANGER, &client_hello), dropped(Reason::NotFromPeer));
    let keys = Keys {
        receive: Box::new(Inbound::new(&key(SUITE, 1))),
        send: Box::new(Outbound::new(&key(SUITE, 2))),
    };
    desk.relay.set_keys(desk.a.stream, keys);
    let (mut out, _) = phone();
    assert_eq!(desk.at_a(A, &protect(&mut out, &rtp(0, 1, 7))), desk.out_b(B));
}

#[test]
fn a_stream_that_is_switched_off_and_on_again_still_speaks_dtls() {
    let dtls = || Agreed { receive: KeyChange::Awaited, send: KeyChange::Awaited, ..plain(at(A)) };
    let mut desk = Desk::new(dtls(), plain(at(B)));
    desk.relay.agree(desk.a.stream, None, desk.now);
    let client_hello = [22, 254, 253];
    assert_eq!(desk.at_a(A, &client_hello), dropped(Reason::NotAgreed));
    desk.agree_a(Agreed { receive: KeyChange::Keep, send: KeyChange::Keep, ..dtls() });
    assert!(matches!(desk.at_a(A, &client_hello), Verdict::Handed { protocol: Protocol::Dtls, .. }));
    desk.agree_a(plain(at(A)));
    assert_eq!(desk.at_a(A, &client_hello), dropped(Reason::Unexpected));
}

/// A key that stays is not begun anew: what was sent once would be taken again.
#[test]
fn an_agreement_with_the_same_keys_forgets_no_packet() {
    let mut desk = protected(at(A));
    let (mut out, _) = phone();
    let first = protect(&mut out, &rtp(0, 1, 7));
    assert_eq!(desk.at_a(A, &first), desk.out_b(B));
    desk.agree_a(Agreed { receive: KeyChange::Keep, send: KeyChange::Keep, ..plain(at(A)) });
    assert_eq!(desk.at_a(A, &first), dropped(Reason::Replayed));
    assert_eq!(desk.at_a(A, &protect(&mut out, &rtp(0, 2, 7))), desk.out_b(B));
}

/// While its media goes elsewhere (decision 0021) the numbers of a phone roll over, and nobody here counts.
#[test]
fn who_comes_back_with_the_same_key_is_heard_however_often_its_numbers_have_rolled_over() {
    let mut desk = protected(at(A));
    let (mut out, _) = phone();
    desk.at_a(A, &protect(&mut out, &rtp(0, 60_000, 7)));
    desk.relay.agree(desk.a.stream, None, desk.now);
    for sequence in (1_000..3 * 65_536u32).step_by(1_000) {
        protect(&mut out, &rtp(0, (60_000 + sequence) as u16, 7));
    }
    desk.agree_a(Agreed { receive: KeyChange::Keep, send: KeyChange::Keep, ..plain(at(A)) });
    let heard = |desk: &mut Desk, out: &mut Outbound, from: u16, count: u16| {
        let sent = (from..from + count).map(|sequence| protect(out, &rtp(0, sequence, 7)));
        let verdicts: Vec<Verdict> = sent.map(|packet| desk.at_a(A, &packet)).collect();
        verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Forward { .. })).count()
    };
    assert!(heard(&mut desk, &mut out, 61_000, 20) >= 12, "found within some packets");
    assert_eq!(heard(&mut desk, &mut out, 61_020, 20), 20, "and kept");
    let old = protect(&mut Outbound::new(&key(SUITE, 1)), &rtp(0, 60_000, 7));
    let verdict = desk.at_a(A, &old);
    assert!(matches!(verdict, Verdict::Dropped(_)), "what was heard before is not heard again: {verdict:?}");
}

/// RFC 4568 section 7.1.4: the counter of another key begins anew. Some keep it, as RFC 3711 section 3.3.1 says.
#[test]
fn another_key_is_heard_whether_its_sender_counts_on_or_begins_anew_and_old_packets_are_in_no_way() {
    for counts_on in [false, true] {
        let mut desk = protected(at(A));
        let (mut old, _) = phone();
        for sequence in [65_000, 65_500, 100, 1_000] {
            desk.at_a(A, &protect(&mut old, &rtp(0, sequence, 7)));
        }
        desk.agree_a(sdes(plain(at(A)), SUITE, 5));
        for sequence in 1_001..1_004 {
            let late = protect(&mut old, &rtp(0, sequence, 7));
            assert_eq!(desk.at_a(A, &late), dropped(Reason::Unauthenticated));
        }
        let mut new = Outbound::new(&key(SUITE, 5));
        if counts_on {
            for sequence in [65_500, 100] {
                protect(&mut new, &rtp(0, sequence, 7));
            }
        }
        let sent = (2_000..2_020).map(|sequence| protect(&mut new, &rtp(0, sequence, 7)));
        let taken = sent.filter(|packet| desk.at_a(A, packet) != dropped(Reason::Unauthenticated)).count();
        let expected = if counts_on { 10..=16 } else { 20..=20 };
        assert!(expected.contains(&taken), "{counts_on}: {taken}");
    }
}

#[test]
fn authentic_packets_count_from_anywhere_and_are_answered_there() {
    let mut desk = protected(behind_nat("192.168.1.10:4000", "203.0.113.5"));
    let (mut out, _) = phone();
    assert_eq!(desk.at_a("198.18.0.1:9", &protect(&mut out, &rtp(0, 1, 7))), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a("198.18.0.1:9"));
}

#[test]
fn the_address_moves_with_an_authentic_packet_once_the_old_one_is_quiet() {
    let mut desk = protected(at(A));
    let (mut out, _) = phone();
    desk.at_a(A, &protect(&mut out, &rtp(0, 1, 7)));
    let moved = "198.18.0.1:9";
    assert_eq!(desk.at_a(moved, &protect(&mut out, &rtp(0, 2, 7))), desk.out_b(B), "it is authentic");
    assert_eq!(desk.peer_a(), Some(address(A)), "an overtaking copy moves nothing");
    desk.wait_ms(60);
    desk.at_a(moved, &protect(&mut out, &rtp(0, 3, 7)));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a(moved));
}

#[test]
fn an_old_packet_and_a_copy_move_nothing() {
    let mut desk = protected(at(A));
    let (mut out, _) = phone();
    let (first, second) = (protect(&mut out, &rtp(0, 1, 7)), protect(&mut out, &rtp(0, 2, 7)));
    desk.at_a(A, &second);
    desk.wait_ms(1_000);
    assert_eq!(desk.at_a("198.18.0.1:9", &second), dropped(Reason::NotFromPeer));
    assert_eq!(desk.at_a("198.18.0.1:9", &first), desk.out_b(B), "late, but authentic");
    assert_eq!(desk.peer_a(), Some(address(A)));
}

/// What is said to a side before its keys are there would be lost, and count as heard.
#[test]
fn nothing_of_ours_may_be_sent_before_its_keys_are_there_or_after_they_are_used_up() {
    let awaited = || Agreed { receive: KeyChange::Awaited, send: KeyChange::Awaited, ..plain(at(A)) };
    let mut desk = Desk::new(awaited(), plain(at(B)));
    let may_send = |desk: &Desk| desk.relay.may_send(desk.now, desk.a.stream);
    assert!(!may_send(&desk), "the keys come later");
    desk.agree_a(sdes(plain(at(A)), SUITE, 1));
    assert!(may_send(&desk));
    desk.agree_a(Agreed { receive: KeyChange::Foreign, send: KeyChange::Foreign, ..plain(at(A)) });
    assert!(!may_send(&desk), "they are never ours");
    let mut outbound = Outbound::new(&key(SUITE, 2).with_lifetime(1).unwrap());
    protect(&mut outbound, &rtp(0, 1, 7));
    desk.agree_a(Agreed { send: KeyChange::New(Box::new(outbound)), ..sdes(plain(at(A)), SUITE, 1) });
    assert!(!may_send(&desk), "they are used up");
    desk.agree_a(plain(at(A)));
    assert!(may_send(&desk));
}
