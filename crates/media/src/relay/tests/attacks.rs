//! RTP bleed and inject: strangers on open ports, before and after the phones have spoken.

use super::*;

const PACKETS: u32 = 10_000;

/// Where a packet of the spray comes from: many hosts, many ports, some of one.
fn stranger(i: u32) -> String {
    match i % 3 {
        0 => format!("203.0.113.{}:{}", i % 250 + 1, 1_024 + i),
        1 => format!("203.0.113.66:{}", 1_024 + i % 60_000),
        _ => STRANGER.to_owned(),
    }
}

/// The sprays: the published one (a header and zeros), a well-formed stream in sequence, RTCP, junk, STUN, DTLS.
fn spray(i: u32) -> Vec<u8> {
    match i % 6 {
        0 => {
            let mut packet = vec![0x80];
            packet.resize(172, 0);
            packet
        }
        1 | 2 => rtp(0, (i / 6) as u16, 0xbad),
        3 => rtcp(0xbad),
        4 => vec![22, 254, 253, 0, 0],
        _ => vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42],
    }
}

/// Sprays all ports of the desk, while the two phones talk at each hundredth packet. Everything of theirs arrives, and
/// nothing leaves for, or of, anybody else.
fn survives(mut desk: Desk, a: &str, b: &str, mut a_packet: impl FnMut(u16) -> Vec<u8>) {
    let ports = [desk.a.rtp, desk.a.rtcp.unwrap(), desk.b.rtp, desk.b.rtcp.unwrap()];
    let attack = |desk: &mut Desk, i: u32| {
        for port in ports {
            let (verdict, _) = desk.receive(port, &stranger(i), &spray(i));
            assert!(matches!(verdict, Verdict::Dropped(_)), "{i}: {verdict:?}");
        }
    };
    for i in 0..PACKETS {
        attack(&mut desk, i);
        desk.now += Duration::from_micros(100);
    }
    for sequence in 0..(PACKETS / 100) as u16 {
        assert_eq!(desk.at_a(a, &a_packet(sequence)), desk.out_b(b), "{sequence}");
        let heard = desk.at_b(b, &rtp(0, sequence, 8));
        let is_new = sequence < 4 && heard == dropped(Reason::NoAddress);
        assert!(is_new || heard == desk.out_a(a), "{sequence}: {heard:?}");
        for i in 0..100 {
            attack(&mut desk, u32::from(sequence) * 100 + i);
            desk.now += Duration::from_micros(200);
        }
    }
}

#[test]
fn a_spray_on_plain_ports_hears_nothing_and_is_not_heard() {
    survives(Desk::plain(), A, B, |sequence| rtp(0, sequence, 7));
}

#[test]
fn a_spray_on_the_ports_of_a_call_behind_a_nat_hears_nothing_and_is_not_heard() {
    // The phone says its inside address and comes from where its signalling does. What could be learned is announced.
    let expected = Expected { learnable: false, ..behind_nat("192.168.1.10:4000", "198.18.0.5") };
    survives(Desk::new(plain(expected), plain(at(B))), "198.18.0.5:61000", B, |sequence| rtp(0, sequence, 7));
}

#[test]
fn a_spray_on_the_ports_of_a_protected_call_hears_nothing_and_is_not_heard() {
    let suite = Suite::AesCm128HmacSha1_80;
    let mut phone = Outbound::new(&key(suite, 1));
    let desk = Desk::new(sdes(plain(behind_nat("192.168.1.10:4000", "198.18.0.5")), suite, 1), plain(at(B)));
    survives(desk, "198.18.0.5:61000", B, |sequence| protect(&mut phone, &rtp(0, sequence, 7)));
}

/// The worst case that is left, as [`super::super::latch`] says: nothing announced the phone's host, and the stranger
/// keeps sending in sequence. It is heard until the phone is, and then no more.
#[test]
fn the_residual_risk_ends_with_the_first_packet_of_the_phone() {
    let mut desk = Desk::new(plain(behind_nat("192.168.1.10:4000", "198.18.0.5")), plain(at(B)));
    let taken =
        (1..100).filter(|sequence| desk.at_a(STRANGER, &rtp(0, *sequence, 7)) == desk.out_b(B)).count();
    assert!(taken > 0, "or this test shows nothing");
    assert_eq!(desk.at_a("198.18.0.5:61000", &rtp(0, 1, 9)), desk.out_b(B));
    assert_eq!(desk.at_b(B, &rtp(0, 99, 8)), dropped(Reason::NoAddress), "the stranger hears no more");
    for sequence in 2..=5 {
        assert_eq!(desk.at_a("198.18.0.5:61000", &rtp(0, sequence, 9)), desk.out_b(B));
    }
    for sequence in 100..1_000 {
        assert_eq!(desk.at_a(STRANGER, &rtp(0, sequence, 7)), dropped(Reason::NotFromPeer));
        assert_eq!(desk.at_b(B, &rtp(0, sequence, 8)), desk.out_a("198.18.0.5:61000"));
    }
}

/// A spray of strangers that are being watched does not keep the phone from being learned.
#[test]
fn a_phone_is_learned_though_another_host_sprays() {
    let mut desk = Desk::new(plain(behind_nat("192.168.1.10:4000", "198.18.0.5")), plain(at(B)));
    let pool = "198.18.0.6:7000";
    let mut heard = false;
    for i in 0..100u16 {
        heard |= desk.at_a(pool, &rtp(0, i, 7)) == desk.out_b(B);
        for port in 0..100u16 {
            desk.at_a(&format!("203.0.113.66:{}", 1_024 + port + i), &rtp(0, port * 9, 3));
        }
        desk.wait_ms(20);
    }
    assert!(heard);
}

/// Forged SRTP, from strangers and from the right address: the call goes on and its address stays.
#[test]
fn a_hundred_thousand_forged_srtp_packets_end_nothing() {
    let suite = Suite::AesCm128HmacSha1_80;
    let mut desk = Desk::new(sdes(plain(at(A)), suite, 1), plain(at(B)));
    let (mut phone, mut forger) = (Outbound::new(&key(suite, 1)), Outbound::new(&key(suite, 99)));
    for sequence in 0..100u16 {
        assert_eq!(desk.at_a(A, &protect(&mut phone, &rtp(0, sequence, 7))), desk.out_b(B), "{sequence}");
        let forged = protect(&mut forger, &rtp(0, sequence + 1_000, 7));
        for i in 0..500 {
            assert_eq!(desk.at_a(A, &forged), dropped(Reason::Unauthenticated));
            assert_eq!(desk.at_a(&stranger(i), &forged), dropped(Reason::NotFromPeer));
        }
        desk.wait_ms(20);
    }
    assert_eq!(desk.peer_a(), Some(address(A)));
}

/// A stranger's packets are not all tried against the key: what the relay spends on them has a limit.
#[test]
fn few_packets_of_strangers_are_tried_against_the_key() {
    let suite = Suite::AesCm128HmacSha1_80;
    let mut desk = Desk::new(sdes(plain(at(A)), suite, 1), plain(at(B)));
    let mut phone = Outbound::new(&key(suite, 1));
    desk.at_a(A, &protect(&mut phone, &rtp(0, 0, 7)));
    // The right key, so that whatever is tried is seen.
    let tried = (1..=500)
        .filter(|i| desk.at_a(STRANGER, &protect(&mut phone, &rtp(0, *i, 7))) == desk.out_b(B))
        .count();
    assert_eq!(tried, 20);
}
