//! Directions (RFC 3264 section 8.4) and payload types.

use super::*;

#[test]
fn on_hold_nothing_of_rtp_passes_and_rtcp_goes_on() {
    let mut desk = Desk::plain();
    desk.at_a(A, &rtp(0, 1, 7));
    desk.agree_a(Agreed { we_send: false, ..plain(at(A)) });
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), dropped(Reason::NotSending));
    assert_eq!(desk.at_a(A, &rtp(0, 2, 7)), desk.out_b(B), "music of the holder");
    desk.agree_a(Agreed { we_send: false, we_receive: false, ..plain(at(A)) });
    assert_eq!(desk.at_a(A, &rtp(0, 3, 7)), dropped(Reason::NotReceiving));
    let port = desk.a.rtcp.unwrap();
    let out = Verdict::Forward { transport: desk.b.rtcp.unwrap(), to: address(B_RTCP) };
    assert_eq!(desk.receive(port, "192.0.2.1:4001", &rtcp(7)).0, out);
    desk.agree_a(plain(at(A)));
    assert_eq!(desk.at_a(A, &rtp(0, 4, 7)), desk.out_b(B), "resumed");
    assert_eq!(desk.at_b(B, &rtp(0, 2, 8)), desk.out_a(A));
}

#[test]
fn a_phone_on_hold_is_found_again_by_what_it_sends_though_that_is_not_passed_on() {
    let mut desk = Desk::new(
        Agreed { we_receive: false, ..plain(behind_nat("10.0.0.9:4000", "203.0.113.5")) },
        plain(at(B)),
    );
    assert_eq!(desk.at_a("203.0.113.5:61000", &rtp(0, 1, 7)), dropped(Reason::NotReceiving));
    desk.wait_ms(500);
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a("203.0.113.5:61000"), "it listens");
}

#[test]
fn payload_types_are_mapped_both_ways_and_the_marker_stays() {
    let mut desk = Desk::plain();
    desk.relay.link(desk.a.stream, Some(desk.b.stream), Some(&[(96, 101), (0, 0)]));
    desk.relay.link(desk.b.stream, Some(desk.a.stream), Some(&[(101, 96), (0, 0)]));
    let (verdict, bytes) = desk.receive(desk.a.rtp, A, &rtp(0x80 | 96, 1, 7));
    assert_eq!((verdict, bytes[1]), (desk.out_b(B), 0x80 | 101));
    assert_eq!(bytes[2..], rtp(96, 1, 7)[2..], "SSRC, number and time stay");
    let (verdict, bytes) = desk.receive(desk.b.rtp, B, &rtp(101, 1, 8));
    assert_eq!((verdict, bytes[1]), (desk.out_a(A), 96));
    assert_eq!(desk.at_a(A, &rtp(101, 2, 7)), dropped(Reason::UnknownPayload));
}

#[test]
fn an_end_can_be_connected_with_itself() {
    let mut desk = Desk::plain();
    desk.relay.link(desk.a.stream, Some(desk.a.stream), None);
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), desk.out_a(A));
}

#[test]
fn what_was_linked_with_a_closed_stream_is_linked_with_none() {
    let mut desk = Desk::plain();
    desk.relay.close(desk.b.stream);
    assert_eq!(desk.at_a(A, &rtp(0, 1, 7)), dropped(Reason::NotConnected));
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), dropped(Reason::Closed));
    let (stream, ..) = desk.relay.open(Ports::Two, false);
    assert_eq!(stream, desk.b.stream, "the place is used again");
    assert_eq!(desk.at_a(A, &rtp(0, 2, 7)), dropped(Reason::NotConnected));
}

#[test]
fn packets_and_octets_are_counted_for_each_direction() {
    let mut desk = Desk::plain();
    for sequence in 1..=3 {
        desk.at_a(A, &rtp(0, sequence, 7));
    }
    let (a, b) = (desk.relay.quality(desk.a.stream).unwrap(), desk.relay.quality(desk.b.stream).unwrap());
    assert_eq!((a.received_packets, a.received_octets, a.sent_packets), (3, 480, 0));
    assert_eq!((b.received_packets, b.sent_packets, b.sent_octets), (0, 3, 480));
}

/// A sequence number that jumps back would be old for SRTP, and for the jitter buffer of a phone.
#[test]
fn a_sender_that_begins_another_numbering_is_continued_and_reported_to_in_its_own_numbers() {
    let suite = crate::srtp::Suite::AesCm128HmacSha1_80;
    let mut desk = Desk::new(plain(at(A)), sdes(plain(at(B)), suite, 1));
    let mut phone = Inbound::new(&key(suite, 2));
    let mut heard = |desk: &mut Desk, sequence: u16| {
        let (verdict, bytes) = desk.receive(desk.a.rtp, A, &rtp(0, sequence, 7));
        desk.wait_ms(20);
        let clear = matches!(verdict, Verdict::Forward { .. }).then(|| unprotect(&mut phone, &bytes))?;
        Some(u16::from_be_bytes([clear[2], clear[3]]))
    };
    assert_eq!((heard(&mut desk, 40_000), heard(&mut desk, 40_001)), (Some(40_000), Some(40_001)));
    assert_eq!(heard(&mut desk, 5), None, "a stray, until another follows it");
    assert_eq!((heard(&mut desk, 6), heard(&mut desk, 7)), (Some(40_002), Some(40_003)));
    assert_eq!(desk.relay.quality(desk.a.stream).unwrap().lost(), 0);

    // B reports that it has heard all up to 40,003.
    let mut report = vec![0x81, 201, 0, 7];
    report.extend(8u32.to_be_bytes());
    report.extend(7u32.to_be_bytes());
    report.extend(0u32.to_be_bytes());
    report.extend(40_003u32.to_be_bytes());
    report.extend([0; 12]);
    let mut out = Outbound::new(&key(suite, 1));
    let port = desk.b.rtcp.unwrap();
    let (verdict, bytes) = desk.receive(port, B_RTCP, &protect(&mut out, &report));
    assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
    assert_eq!(bytes[18..20], 7u16.to_be_bytes());

    // It asks for 40,002 again, and for the one after it (RFC 4585 section 6.2.1).
    let mut nack = vec![0x81, 205, 0, 3];
    nack.extend(8u32.to_be_bytes());
    nack.extend(7u32.to_be_bytes());
    nack.extend(40_002u16.to_be_bytes());
    nack.extend(1u16.to_be_bytes());
    let (verdict, bytes) = desk.receive(port, B_RTCP, &protect(&mut out, &nack));
    assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
    assert_eq!(bytes[12..16], [0, 6, 0, 1]);
}

/// Music, ringing, a prompt: another source in the same place, whose numbers a phone may hold against whoever comes after it.
#[test]
fn who_follows_sound_of_ours_is_newer_than_it_and_reported_to_in_his_own_numbers() {
    let mut desk = Desk::plain();
    let heard = |desk: &mut Desk, sequence: u16, ssrc: u32| {
        let (verdict, bytes) = desk.receive(desk.a.rtp, A, &rtp(0, sequence, ssrc));
        desk.wait_ms(20);
        assert_eq!(verdict, desk.out_b(B));
        u16::from_be_bytes([bytes[2], bytes[3]])
    };
    let play = |desk: &mut Desk, sequence: u16| {
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::copied(&mut slot, &rtp(0, sequence, 99)).unwrap();
        let (now, to) = (desk.now, desk.b.stream);
        assert_eq!(desk.relay.send_rtp(now, to, &mut packet), desk.out_b(B));
    };
    // It rings, and somebody answers whose numbers are lower.
    play(&mut desk, 40_000);
    assert_eq!([33_165, 33_166].map(|sequence| heard(&mut desk, sequence, 7)), [40_001, 40_002]);
    // Music while he holds the call; he goes on where he was.
    (40_003..40_300).for_each(|sequence| play(&mut desk, sequence));
    assert_eq!([33_167, 33_168].map(|sequence| heard(&mut desk, sequence, 7)), [40_300, 40_301]);
    // Of numbers that are higher all the same nothing is changed.
    play(&mut desk, 40_302);
    assert_eq!(heard(&mut desk, 50_000, 8), 50_000);

    // B reports that it has heard all up to 40,301.
    let mut report = vec![0x81, 201, 0, 7];
    report.extend(8u32.to_be_bytes());
    report.extend(7u32.to_be_bytes());
    report.extend(0u32.to_be_bytes());
    report.extend(40_301u32.to_be_bytes());
    report.extend([0; 12]);
    let (_, bytes) = desk.receive(desk.b.rtcp.unwrap(), B_RTCP, &report);
    assert_eq!(bytes[18..20], 33_168u16.to_be_bytes());
}

/// RFC 3551 section 6: a browser that likes Opus most, at 48 kHz, and speaks PCMU.
#[test]
fn a_static_payload_type_is_measured_by_its_own_clock() {
    let mut desk = Desk::new(Agreed { clock_hz: 48_000, ..plain(at(A)) }, plain(at(B)));
    for sequence in 1..=100 {
        desk.at_a(A, &rtp(0, sequence, 7));
        desk.wait_ms(20);
    }
    let quality = desk.relay.quality(desk.a.stream).unwrap();
    assert_eq!((quality.received_packets, quality.jitter().as_millis()), (100, 0));
}

#[test]
fn loss_jitter_and_round_trip_are_measured_for_each_end() {
    let mut desk = Desk::plain();
    for sequence in (1..=100).filter(|sequence| sequence % 10 != 0) {
        desk.at_a(A, &rtp(0, sequence, 7));
        desk.wait_ms(if sequence % 2 == 0 { 30 } else { 10 });
    }
    let quality = desk.relay.quality(desk.a.stream).unwrap();
    assert_eq!((quality.received_packets, quality.expected(), quality.lost()), (90, 99, 9));
    assert!((5..20).contains(&quality.jitter().as_millis()), "{:?}", quality.jitter());

    // A's sender report goes to B, which answers after 100 ms that it has held it for 50.
    let mut sender = vec![0x80, 200, 0, 6];
    sender.extend(7u32.to_be_bytes());
    sender.extend([0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0]);
    sender.extend([0; 12]);
    let port = desk.a.rtcp.unwrap();
    assert!(matches!(desk.receive(port, "192.0.2.1:4001", &sender).0, Verdict::Forward { .. }));
    desk.wait_ms(100);
    let mut report = vec![0x81, 201, 0, 7];
    report.extend(8u32.to_be_bytes());
    report.extend(7u32.to_be_bytes());
    report.extend([0; 12]);
    report.extend([0x12, 0x34, 0x56, 0x78]);
    report.extend((65_536u32 / 20).to_be_bytes());
    let port = desk.b.rtcp.unwrap();
    assert!(matches!(desk.receive(port, B_RTCP, &report).0, Verdict::Forward { .. }));
    let round_trip = desk.relay.quality(desk.b.stream).unwrap().round_trip.unwrap();
    assert!((49..=51).contains(&round_trip.as_millis()), "{round_trip:?}");
}
