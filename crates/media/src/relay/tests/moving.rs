//! A phone whose packets come from elsewhere in mid-call, and its neighbours behind the same public address.

use super::*;

const HOME: &str = "203.0.113.5:61000";
const NEIGHBOUR: &str = "203.0.113.5:50000";

/// Phone A is behind a NAT.
fn nat_desk() -> Desk {
    Desk::new(plain(behind_nat("192.168.1.10:4000", "203.0.113.5")), plain(at(B)))
}

fn strayed(desk: &mut Desk) -> Vec<SocketAddr> {
    let mut strayed = Vec::new();
    desk.relay.take_strayed(&mut strayed);
    strayed.into_iter().map(|(_, from)| from).collect()
}

#[test]
fn one_packet_of_a_neighbour_that_is_faster_than_the_phone_gets_nothing_and_not_the_place() {
    let mut desk = nat_desk();
    assert_eq!(desk.at_a(NEIGHBOUR, &rtp(0, 900, 3)), desk.out_b(B), "it could be the phone's first word");
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), dropped(Reason::NoAddress));
    for sequence in 1..=4 {
        desk.wait_ms(20);
        assert_eq!(desk.at_a(HOME, &rtp(0, sequence, 7)), dropped(Reason::Learning));
        assert_eq!(desk.at_b(B, &rtp(0, sequence + 1, 8)), dropped(Reason::NoAddress));
    }
    desk.wait_ms(20);
    assert_eq!(desk.at_a(HOME, &rtp(0, 5, 7)), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 6, 8)), desk.out_a(HOME));
    assert_eq!(desk.at_a(NEIGHBOUR, &rtp(0, 901, 3)), dropped(Reason::NotFromPeer));
}

#[test]
fn a_neighbour_that_has_waited_for_a_late_phone_hears_nothing_from_its_first_packet_on() {
    let mut desk = nat_desk();
    desk.at_a(NEIGHBOUR, &rtp(0, 900, 3));
    desk.wait_ms(499);
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), dropped(Reason::NoAddress));
    desk.wait_ms(1);
    assert_eq!(desk.at_b(B, &rtp(0, 2, 8)), desk.out_a(NEIGHBOUR), "nobody else is there");
    for sequence in 1..=5 {
        desk.at_a(HOME, &rtp(0, sequence, 7));
        desk.wait_ms(20);
        let heard = desk.at_b(B, &rtp(0, sequence + 2, 8));
        assert_eq!(heard, if sequence < 5 { dropped(Reason::NoAddress) } else { desk.out_a(HOME) });
    }
}

/// It has another number each time, or another sender, or a payload type that nobody agreed: it is never believed.
#[test]
fn a_neighbour_that_guesses_is_not_believed_before_the_phone() {
    let sprays: [&dyn Fn(u16) -> Vec<u8>; 3] =
        [&|i| rtp(0, i * 77, 3), &|i| rtp(0, i, u32::from(i)), &|i| rtp(96, i, 3)];
    for (kind, spray) in sprays.into_iter().enumerate() {
        let mut desk = nat_desk();
        for i in 0..200u16 {
            desk.at_a(&format!("203.0.113.5:{}", 50_000 + i % 3), &spray(i));
            let heard = desk.at_b(B, &rtp(0, i, 8));
            assert_eq!(heard, dropped(Reason::NoAddress), "{kind} {i}");
            desk.wait_ms(2);
        }
        for sequence in 1..=5 {
            desk.at_a(HOME, &rtp(0, sequence, 7));
            desk.wait_ms(20);
        }
        assert_eq!(desk.at_b(B, &rtp(0, 1_000, 8)), desk.out_a(HOME), "{kind}");
    }
}

/// What is sent to where the description says needs no belief: a phone without NAT misses nothing.
#[test]
fn a_phone_that_says_where_it_is_hears_from_the_start_whatever_its_host_sends() {
    let mut desk = Desk::plain();
    assert_eq!(desk.at_a("192.0.2.1:50000", &rtp(0, 900, 3)), dropped(Reason::Learning));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a(A));
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), desk.out_b(B));
    assert_eq!(desk.at_a("192.0.2.1:50000", &rtp(0, 901, 3)), dropped(Reason::NotFromPeer));
}

#[test]
fn rtcp_of_the_sender_that_counts_tells_the_phone_from_its_neighbour() {
    let mut desk = nat_desk();
    let port = desk.a.rtcp.unwrap();
    desk.speaks_a(HOME, 7);
    let to = |desk: &mut Desk| desk.receive(desk.b.rtcp.unwrap(), B_RTCP, &rtcp(8)).0;
    desk.receive(port, NEIGHBOUR, &rtcp(3));
    assert_eq!(to(&mut desk), dropped(Reason::NoAddress));
    let out = Verdict::Forward { transport: port, to: address("203.0.113.5:61001") };
    desk.receive(port, "203.0.113.5:61001", &rtcp(7));
    assert_eq!(to(&mut desk), out);
    desk.wait_ms(5_000);
    assert_eq!(desk.receive(port, NEIGHBOUR, &rtcp(3)).0, dropped(Reason::NotFromPeer));
    assert_eq!(to(&mut desk), out);
}

/// RFC 4787 section 4.3: a NAT that has forgotten a mapping makes another.
#[test]
fn a_phone_whose_nat_has_given_it_another_port_goes_on_with_its_next_packet() {
    let mut desk = nat_desk();
    desk.speaks_a(HOME, 7);
    for (port, sequence) in [(61_777, 100), (61_778, 2_000), (61_000, 4_999)] {
        let again = format!("203.0.113.5:{port}");
        assert_eq!(
            desk.at_a(&again, &rtp(0, sequence, 7)),
            dropped(Reason::NotFromPeer),
            "while it is heard"
        );
        desk.wait_ms(200);
        assert_eq!(desk.at_a(&again, &rtp(0, sequence + 1, 7)), desk.out_b(B));
        assert_eq!(desk.at_b(B, &rtp(0, sequence, 8)), desk.out_a(&again));
    }
}

#[test]
fn who_does_not_know_the_sender_and_its_number_takes_no_port_of_a_silent_phone() {
    let mut desk = nat_desk();
    desk.speaks_a(HOME, 7);
    desk.wait_ms(1_000);
    for i in 0..20_000u32 {
        // Another SSRC with every number, the SSRC with numbers that were, and with numbers far ahead.
        for packet in
            [rtp(0, i as u16, 8 + i), rtp(0, 0u16.wrapping_sub(i as u16), 7), rtp(0, 3_001 + i as u16, 7)]
        {
            assert_eq!(desk.at_a(NEIGHBOUR, &packet), dropped(Reason::NotFromPeer));
        }
    }
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a(HOME));
}

#[test]
fn a_phone_that_goes_on_from_another_network_is_heard_and_told_of_and_sent_to_once_signalling_agrees() {
    let mut desk = nat_desk();
    desk.speaks_a(HOME, 7);
    assert_eq!(
        desk.at_a("198.18.0.9:7000", &rtp(0, 1, 7)),
        dropped(Reason::NotFromPeer),
        "it is heard at home"
    );
    assert_eq!(strayed(&mut desk), []);
    desk.wait_ms(200);
    assert_eq!(desk.at_a("198.18.0.9:7000", &rtp(0, 12, 7)), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a(HOME), "signalling has not agreed");
    assert_eq!(strayed(&mut desk), [address("198.18.0.9:7000")]);
    desk.wait_ms(20);
    desk.agree_a(plain(behind_nat("192.168.1.10:4000", "198.18.0.9")));
    assert_eq!(desk.at_a("198.18.0.9:7000", &rtp(0, 13, 7)), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 2, 8)), desk.out_a("198.18.0.9:7000"));
}

#[test]
fn an_end_that_is_heard_from_elsewhere_is_not_silent() {
    let mut desk = nat_desk();
    desk.speaks_a(HOME, 7);
    desk.wait_ms(1_000);
    let since = desk.now;
    assert!(desk.relay.is_silent(desk.a.stream, since));
    desk.wait_ms(1);
    desk.at_a("198.18.0.9:7000", &rtp(0, 12, 7));
    assert!(!desk.relay.is_silent(desk.a.stream, since));
}

#[test]
fn a_phone_that_suppresses_silence_is_not_silent_while_it_reports() {
    let mut desk = nat_desk();
    desk.speaks_a(HOME, 7);
    desk.wait_ms(60_000);
    let since = desk.now;
    assert!(desk.relay.is_silent(desk.a.stream, since));
    desk.wait_ms(1);
    desk.receive(desk.a.rtcp.unwrap(), STRANGER, &rtcp(9));
    assert!(desk.relay.is_silent(desk.a.stream, since));
    desk.receive(desk.a.rtcp.unwrap(), "203.0.113.5:61001", &rtcp(7));
    assert!(!desk.relay.is_silent(desk.a.stream, since));
}

#[test]
fn strangers_are_told_of_ten_times_a_second_at_most_and_only_while_the_phone_is_silent() {
    let mut desk = nat_desk();
    desk.speaks_a(HOME, 7);
    let mut told = 0;
    for sequence in 1..1_000 {
        desk.at_a(HOME, &rtp(0, sequence, 7));
        desk.at_a(STRANGER, &rtp(0, sequence, 3));
        desk.wait_ms(10);
        told += strayed(&mut desk).len();
    }
    assert_eq!(told, 0);
    for sequence in 1..=1_000 {
        desk.at_a(STRANGER, &rtp(0, sequence, 3));
        desk.wait_ms(10);
        told += strayed(&mut desk).len();
    }
    assert!((90..=100).contains(&told), "{told}");
}

/// A key tells more than any address: what is protected moves at once, and is told to nobody.
#[test]
fn a_protected_phone_goes_on_from_another_network_with_its_next_packet() {
    let suite = Suite::AesCm128HmacSha1_80;
    let mut desk =
        Desk::new(sdes(plain(behind_nat("192.168.1.10:4000", "203.0.113.5")), suite, 1), plain(at(B)));
    let mut phone = Outbound::new(&key(suite, 1));
    let _ = desk.at_a(HOME, &protect(&mut phone, &rtp(0, 1, 7)));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a(HOME));
    desk.wait_ms(60);
    assert_eq!(desk.at_a("198.18.0.9:7000", &protect(&mut phone, &rtp(0, 2, 7))), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 2, 8)), desk.out_a("198.18.0.9:7000"));
    assert_eq!(strayed(&mut desk), []);
}

/// With ICE: phone A was found at home.
fn ice_desk(agreed: Agreed) -> Desk {
    let mut desk = Desk::new(Agreed { ice: true, ..agreed }, plain(at(B)));
    desk.relay.validate(desk.a.stream, Component::Rtp, address(HOME), true);
    desk
}

fn moved(desk: &mut Desk) -> Vec<SocketAddr> {
    let mut moved = Vec::new();
    desk.relay.take_moved(&mut moved);
    moved.into_iter().map(|(_, _, from)| from).collect()
}

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const MOVED: &str = "198.18.0.9:7000";

/// Between two checks of ICE a phone has another address: its key tells who it is, and ICE is asked what to send there.
#[test]
fn with_ice_a_phone_is_heard_from_its_new_address_by_its_key_and_ice_is_told_once() {
    let mut desk = ice_desk(sdes(plain(behind_nat("192.168.1.10:4000", "203.0.113.5")), SUITE, 1));
    let mut phone = Outbound::new(&key(SUITE, 1));
    let mut say = |desk: &mut Desk, from: &str, sequence| {
        let packet = protect(&mut phone, &rtp(0, sequence, 7));
        (desk.at_a(from, &packet), packet)
    };
    assert_eq!(say(&mut desk, HOME, 1).0, desk.out_b(B));
    desk.wait_ms(20);
    let (heard, copy) = say(&mut desk, HOME, 2);
    assert_eq!(heard, desk.out_b(B));
    desk.wait_ms(60);
    assert_eq!(desk.at_a(MOVED, &copy), dropped(Reason::NotFromPeer), "a copy proves nothing");
    assert_eq!(
        desk.at_a(MOVED, &rtp(0, 3, 7)),
        dropped(Reason::NotFromPeer),
        "nor do numbers without the key"
    );
    assert_eq!(moved(&mut desk), []);
    assert_eq!(say(&mut desk, MOVED, 3).0, desk.out_b(B));
    assert_eq!(say(&mut desk, MOVED, 4).0, desk.out_b(B));
    assert_eq!(moved(&mut desk), [address(MOVED)]);
    assert_eq!(desk.relay.selected(desk.a.stream, Component::Rtp), Some(address(HOME)), "until ICE says so");
    // It still speaks from home as well: a copy that overtakes its original, or two ways.
    assert_eq!(say(&mut desk, HOME, 5).0, desk.out_b(B));
    assert_eq!(moved(&mut desk), []);
}

/// In the clear it has only its numbers, which count for a host that ICE has found.
#[test]
fn with_ice_and_no_key_another_port_of_the_same_host_is_followed() {
    let mut desk = ice_desk(plain(behind_nat("192.168.1.10:4000", "203.0.113.5")));
    desk.speaks_a(HOME, 7);
    let again = "203.0.113.5:61777";
    assert_eq!(desk.at_a(again, &rtp(0, 100, 7)), dropped(Reason::NotFromPeer), "while it is heard");
    desk.wait_ms(200);
    assert_eq!(desk.at_a(again, &rtp(0, 101, 3)), dropped(Reason::NotFromPeer), "another sender");
    assert_eq!(moved(&mut desk), []);
    assert_eq!(desk.at_a(again, &rtp(0, 101, 7)), desk.out_b(B));
    assert_eq!(moved(&mut desk), [address(again)]);
}

/// Another host is heard when its packets go on, and sent to once signalling says that the phone is there.
#[test]
fn with_ice_and_no_key_another_host_is_followed_when_signalling_comes_from_there() {
    let at_home = plain(behind_nat("192.168.1.10:4000", "203.0.113.5"));
    let mut desk = ice_desk(at_home);
    desk.speaks_a(HOME, 7);
    desk.wait_ms(200);
    assert_eq!(desk.at_a(MOVED, &rtp(0, 101, 7)), desk.out_b(B));
    assert_eq!(strayed(&mut desk), [address(MOVED)], "is it the phone?");
    assert_eq!(moved(&mut desk), []);
    assert_eq!(desk.at_b(B, &rtp(0, 101, 8)), desk.out_a(HOME));
    let moved_to = plain(behind_nat("192.168.1.10:4000", "198.18.0.9"));
    desk.agree_a(Agreed { ice: true, ..moved_to });
    assert_eq!(desk.at_a(MOVED, &rtp(0, 102, 7)), desk.out_b(B));
    assert_eq!(moved(&mut desk), [address(MOVED)]);
}
