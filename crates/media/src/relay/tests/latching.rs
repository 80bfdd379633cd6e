//! Whose packets count, and where what is for him goes.

use super::*;
use crate::relay::latch::LEARNED_AFTER_PACKETS;

const NAT: &str = "203.0.113.5";
const SAID: &str = "192.168.1.10:4000";

fn nat_desk() -> Desk {
    Desk::new(plain(behind_nat(SAID, NAT)), plain(at(B)))
}

#[test]
fn a_packet_from_the_described_address_counts_and_the_answer_goes_there() {
    let mut desk = Desk::plain();
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a(A));
    assert_eq!(desk.relay.peer(desk.a.stream, Component::Rtp).unwrap().grade, Grade::Signalled);
}

#[test]
fn an_end_that_was_not_heard_is_sent_to_where_it_said() {
    let mut desk = Desk::plain();
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a(A));
}

#[test]
fn an_inside_address_behind_a_nat_is_sent_nothing_before_it_is_heard() {
    let mut desk = nat_desk();
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), dropped(Reason::NoAddress));
    assert_eq!(
        desk.relay.dropped(desk.a.stream).unwrap().of(Reason::NoAddress),
        1,
        "counted for whom it was"
    );
}

/// RFC 4961, RFC 7362 section 4.
#[test]
fn behind_a_nat_the_first_port_of_the_host_of_the_signalling_is_taken() {
    let mut desk = nat_desk();
    desk.speaks_a("203.0.113.5:61000", 7);
    assert_eq!(desk.at_a("203.0.113.5:61000", &rtp(0, 1, 7)), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a("203.0.113.5:61000"));
    assert_eq!(desk.at_a("203.0.113.5:61002", &rtp(0, 2, 9)), dropped(Reason::NotFromPeer));
    desk.wait_ms(60_000);
    assert_eq!(desk.at_a("203.0.113.5:61002", &rtp(0, 3, 9)), dropped(Reason::NotFromPeer), "not by silence");
}

#[test]
fn another_port_of_the_described_host_is_taken_when_it_is_the_first() {
    let mut desk = Desk::plain();
    for sequence in [65_533, 65_534, 65_535, 0] {
        assert_eq!(desk.at_a("192.0.2.1:62000", &rtp(0, sequence, 7)), dropped(Reason::Learning));
    }
    assert_eq!(desk.at_a("192.0.2.1:62000", &rtp(0, 1, 7)), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a("192.0.2.1:62000"));
    assert_eq!(desk.at_a(A, &rtp(0, 2, 7)), desk.out_b(B), "the description says better");
    assert_eq!(desk.at_b(B, &rtp(0, 2, 8)), desk.out_a(A));
    assert_eq!(desk.at_a("192.0.2.1:62000", &rtp(0, 3, 7)), dropped(Reason::NotFromPeer));
}

#[test]
fn after_new_signalling_the_same_host_may_go_on_from_another_port() {
    let mut desk = nat_desk();
    desk.at_a("203.0.113.5:61000", &rtp(0, 1, 7));
    // A hold and its end: the NAT has forgotten the port meanwhile.
    desk.wait_ms(120_000);
    desk.agree_a(plain(behind_nat(SAID, NAT)));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a("203.0.113.5:61000"), "until something else is heard");
    assert_eq!(desk.at_a("203.0.113.5:61777", &rtp(0, 2, 7)), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 2, 8)), desk.out_a("203.0.113.5:61777"));
    assert_eq!(desk.at_a("203.0.113.5:61000", &rtp(0, 3, 7)), dropped(Reason::NotFromPeer), "once");
}

#[test]
fn new_signalling_takes_nothing_from_a_peer_that_is_heard() {
    let mut desk = nat_desk();
    desk.speaks_a("203.0.113.5:61000", 7);
    desk.agree_a(plain(behind_nat(SAID, NAT)));
    desk.wait_ms(100);
    assert_eq!(desk.at_a("203.0.113.5:61777", &rtp(0, 9, 9)), dropped(Reason::NotFromPeer));
}

#[test]
fn a_phone_that_signals_from_another_network_is_taken_from_there_with_its_first_packet() {
    let mut desk = nat_desk();
    desk.speaks_a("203.0.113.5:61000", 7);
    desk.agree_a(plain(behind_nat(SAID, "198.18.0.9")));
    assert_eq!(desk.at_a("203.0.113.5:61000", &rtp(0, 2, 7)), desk.out_b(B), "its media has not moved yet");
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a("203.0.113.5:61000"));
    assert_eq!(desk.at_a("198.18.0.9:7000", &rtp(0, 3, 7)), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 2, 8)), desk.out_a("198.18.0.9:7000"));
    assert_eq!(desk.at_a("203.0.113.5:61000", &rtp(0, 4, 7)), dropped(Reason::NotFromPeer));
}

/// RFC 3264 section 8.3.1.
#[test]
fn a_new_address_of_the_description_is_sent_to_at_once() {
    let mut desk = Desk::plain();
    desk.at_a(A, &rtp(0, 1, 7));
    desk.agree_a(plain(at("192.0.2.1:4444")));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a("192.0.2.1:4444"));
    assert_eq!(desk.at_a(A, &rtp(0, 2, 7)), desk.out_b(B), "it was under way");
    assert_eq!(desk.at_b(B, &rtp(0, 2, 8)), desk.out_a("192.0.2.1:4444"));
    assert_eq!(desk.at_a("192.0.2.1:4444", &rtp(0, 3, 7)), desk.out_b(B));
    assert_eq!(desk.at_a(A, &rtp(0, 4, 7)), dropped(Reason::NotFromPeer));
}

#[test]
fn a_forged_packet_of_the_inside_address_takes_nothing_from_the_host_that_is_heard() {
    let mut desk = nat_desk();
    desk.at_a("203.0.113.5:61000", &rtp(0, 1, 7));
    desk.wait_ms(20);
    assert_eq!(desk.at_a(SAID, &rtp(0, 2, 7)), dropped(Reason::NotFromPeer));
}

#[test]
fn a_stranger_is_never_learned_where_the_description_tells_the_host() {
    let mut desk = Desk::plain();
    for sequence in 0..200 {
        assert_eq!(desk.at_a(STRANGER, &rtp(0, sequence, 7)), dropped(Reason::NotFromPeer));
        desk.wait_ms(20);
    }
}

#[test]
fn a_source_that_nothing_announced_is_learned_once_it_has_sent_in_sequence() {
    let mut desk = nat_desk();
    for sequence in 1..u16::from(LEARNED_AFTER_PACKETS) {
        assert_eq!(desk.at_a(STRANGER, &rtp(0, sequence, 7)), dropped(Reason::Learning));
        assert_eq!(desk.at_b(B, &rtp(0, sequence, 8)), dropped(Reason::NoAddress), "nothing is sent to it");
        desk.wait_ms(20);
    }
    assert_eq!(desk.at_a(STRANGER, &rtp(0, 5, 7)), desk.out_b(B));
    assert_eq!(desk.relay.peer(desk.a.stream, Component::Rtp).unwrap().grade, Grade::Learned);
}

#[test]
fn what_is_not_one_sender_in_sequence_is_not_learned() {
    let streams: [&dyn Fn(u16) -> Vec<u8>; 4] =
        [&|_| rtp(0, 1, 7), &|i| rtp(0, i, u32::from(i)), &|i| rtp(0, i * 50, 7), &|i| rtp(96, i, 7)];
    for (kind, packet) in streams.into_iter().enumerate() {
        let mut desk = nat_desk();
        for i in 1..100 {
            desk.at_a(STRANGER, &packet(i));
            desk.wait_ms(20);
            assert_eq!(desk.peer_a(), None, "{kind}");
        }
    }
    let mut slow = nat_desk();
    for i in 1..100 {
        slow.at_a(STRANGER, &rtp(0, i, 7));
        slow.wait_ms(250);
    }
    assert_eq!(slow.peer_a(), None);
}

#[test]
fn the_host_that_was_announced_takes_the_port_from_a_learned_one_at_once() {
    let mut desk = nat_desk();
    for sequence in 1..=5 {
        desk.at_a(STRANGER, &rtp(0, sequence, 7));
    }
    assert_eq!(desk.peer_a(), Some(address(STRANGER)));
    desk.speaks_a("203.0.113.5:61000", 9);
    assert_eq!(desk.at_a(STRANGER, &rtp(0, 6, 7)), dropped(Reason::NotFromPeer));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a("203.0.113.5:61000"));
}

#[test]
fn learning_ends_a_while_after_signalling() {
    let mut desk = nat_desk();
    desk.wait_ms(30_000);
    for sequence in 1..=5 {
        assert_eq!(desk.at_a(STRANGER, &rtp(0, sequence, 7)), dropped(Reason::NotFromPeer));
    }
    assert_eq!(
        desk.at_a("203.0.113.5:61000", &rtp(0, 1, 9)),
        desk.out_b(B),
        "the announced host may come late"
    );
}

#[test]
fn rtcp_may_come_from_the_host_of_rtp_and_from_no_other() {
    let mut desk = nat_desk();
    let port = desk.a.rtcp.unwrap();
    assert_eq!(desk.receive(port, STRANGER, &rtcp(7)).0, dropped(Reason::NotFromPeer));
    for sequence in 1..=5 {
        desk.at_a(STRANGER, &rtp(0, sequence, 7));
    }
    let out = Verdict::Forward { transport: desk.b.rtcp.unwrap(), to: address(B_RTCP) };
    assert_eq!(desk.receive(port, "203.0.113.66:6667", &rtcp(7)).0, out);
    assert_eq!(desk.receive(port, "203.0.113.66:9", &rtcp(7)).0, dropped(Reason::NotFromPeer));
}

/// RFC 8445 section 12: data is sent on the selected pair, and taken from any that was validated.
#[test]
fn with_ice_only_validated_addresses_count() {
    let mut desk = Desk::new(Agreed { ice: true, ..plain(at(A)) }, plain(at(B)));
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), dropped(Reason::NotFromPeer));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), dropped(Reason::NoAddress));
    let stun = [0, 1, 0, 0];
    let handed =
        Verdict::Handed { stream: desk.a.stream, component: Component::Rtp, protocol: Protocol::Stun };
    assert_eq!(desk.at_a(STRANGER, &stun), handed, "its integrity is checked by whoever keeps ICE");
    desk.relay.validate(desk.a.stream, Component::Rtp, address(STRANGER), true);
    assert_eq!(desk.at_a(STRANGER, &rtp(0, 2, 7)), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 2, 8)), desk.out_a(STRANGER));
    desk.relay.validate(desk.a.stream, Component::Rtp, address(A), false);
    assert_eq!(desk.at_a(A, &rtp(0, 3, 7)), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 3, 8)), desk.out_a(STRANGER), "the selected one");
}

#[test]
fn validated_addresses_crowd_out_each_other_and_never_the_selected_one() {
    let mut desk = Desk::new(Agreed { ice: true, ..plain(at(A)) }, plain(at(B)));
    let validate = |desk: &mut Desk, from: &str, selected| {
        desk.relay.validate(desk.a.stream, Component::Rtp, address(from), selected);
    };
    validate(&mut desk, A, true);
    for port in 1..=20 {
        validate(&mut desk, &format!("203.0.113.66:{port}"), false);
    }
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), desk.out_b(B));
    assert_eq!(desk.at_a("203.0.113.66:20", &rtp(0, 2, 7)), desk.out_b(B));
    assert_eq!(desk.at_a("203.0.113.66:1", &rtp(0, 3, 7)), dropped(Reason::NotFromPeer));
}

/// RFC 7675 section 5.1.
#[test]
fn an_end_that_has_taken_its_consent_back_is_sent_nothing() {
    let mut desk = Desk::new(Agreed { ice: true, ..plain(at(A)) }, plain(at(B)));
    desk.relay.validate(desk.a.stream, Component::Rtp, address(A), true);
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a(A));
    desk.relay.unselect(desk.a.stream, Component::Rtp);
    assert_eq!(desk.at_b(B, &rtp(0, 2, 8)), dropped(Reason::NoAddress));
    desk.relay.validate(desk.a.stream, Component::Rtp, address(A), true);
    assert_eq!(desk.at_b(B, &rtp(0, 3, 8)), desk.out_a(A));
}

#[test]
fn the_source_that_was_refused_last_is_told_with_the_reason() {
    let mut desk = Desk::plain();
    assert_eq!(desk.relay.refused(desk.a.stream), None);
    desk.at_a(STRANGER, &rtp(0, 1, 7));
    desk.at_a(A, &rtp(0, 1, 7));
    let refused = |desk: &Desk| desk.relay.refused(desk.a.stream).map(|refused| (refused.from, refused.why));
    assert_eq!(refused(&desk), Some((address(STRANGER), Reason::NotFromPeer)));
    desk.at_a(A, &rtp(77, 2, 7));
    assert_eq!(refused(&desk), Some((address(A), Reason::UnknownPayload)));
    assert_eq!(desk.relay.refused(desk.b.stream), None);
}

#[test]
fn the_first_packet_that_counts_is_told_once_until_new_signalling() {
    let mut desk = Desk::plain();
    let mut heard = Vec::new();
    desk.at_a(STRANGER, &rtp(0, 1, 7));
    desk.relay.take_heard(&mut heard);
    assert_eq!(heard, []);
    desk.at_a(A, &rtp(0, 1, 7));
    desk.at_a(A, &rtp(0, 2, 7));
    desk.relay.take_heard(&mut heard);
    assert_eq!(heard, [desk.a.stream]);
}

#[test]
fn who_was_not_heard_since_a_time_is_silent_while_it_should_be_heard() {
    let mut desk = Desk::plain();
    let since = desk.now;
    assert!(desk.relay.is_silent(desk.a.stream, since));
    desk.wait_ms(10);
    desk.at_a(A, &rtp(0, 1, 7));
    assert!(!desk.relay.is_silent(desk.a.stream, since));
    assert!(desk.relay.is_silent(desk.a.stream, desk.now));
    desk.agree_a(Agreed { we_receive: false, ..plain(at(A)) });
    assert!(!desk.relay.is_silent(desk.a.stream, desk.now), "on hold");
}
