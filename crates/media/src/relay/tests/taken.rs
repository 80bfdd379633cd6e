//! Streams that are heard and spoken on here.

use super::*;
use crate::rtcp::{Compound, Reporter, RtcpPacket, write_report};
use crate::rtp::{Rtp, Source};
use coeur_sip::time::Wall;

const SUITE: Suite = Suite::AeadAes128Gcm;

fn said(source: &mut Source, now: Monotonic) -> Vec<u8> {
    let mut slot = [0; SLOT_BYTES];
    let mut packet = Packet::received(&mut slot, 0);
    source.write(&mut packet, now, 0, false, 0, &[0x55; 160]).unwrap();
    source.advance(160);
    packet.to_vec()
}

#[test]
fn what_is_taken_is_handed_out_in_the_clear_with_the_number_of_its_sender() {
    let mut desk = Desk::new(sdes(plain(at(A)), SUITE, 1), plain(at(B)));
    desk.relay.link(desk.a.stream, Some(desk.b.stream), Some(&[(96, 0)]));
    let mut phone = Outbound::new(&key(SUITE, 1));
    let clear = rtp(96, 1, 7);
    for taker in [Taker::Tap, Taker::End] {
        desk.relay.take(desk.a.stream, taker);
        let clear = rtp(96, if taker == Taker::Tap { 1 } else { 2 }, 7);
        let (verdict, bytes) = desk.receive(desk.a.rtp, A, &protect(&mut phone, &clear));
        assert_eq!((verdict, bytes), (Verdict::Taken { stream: desk.a.stream }, clear), "{taker:?}");
    }
    // What counts as the other end's is the same: nobody is heard who was not.
    assert_eq!(desk.at_a(STRANGER, &clear), dropped(Reason::NotFromPeer));
    assert_eq!(
        desk.receive(desk.a.rtp, A, &protect(&mut phone, &rtp(97, 3, 7))).0,
        dropped(Reason::UnknownPayload)
    );
    desk.relay.take(desk.a.stream, Taker::Link);
    assert_eq!(desk.receive(desk.a.rtp, A, &protect(&mut phone, &rtp(96, 4, 7))).0, desk.out_b(B));
}

#[test]
fn what_was_tapped_goes_on_as_if_nobody_had_seen_it() {
    let mut desk = Desk::new(plain(at(A)), sdes(plain(at(B)), SUITE, 1));
    desk.relay.link(desk.a.stream, Some(desk.b.stream), Some(&[(96, 0)]));
    desk.relay.take(desk.a.stream, Taker::Tap);
    let mut phone = Inbound::new(&key(SUITE, 2));
    let mut slot = [0; SLOT_BYTES];
    let mut packet = Packet::copied(&mut slot, &rtp(96, 1, 7)).unwrap();
    let verdict = desk.relay.receive(desk.now, desk.a.rtp, address(A), &mut packet);
    assert_eq!(verdict, Verdict::Taken { stream: desk.a.stream });
    assert_eq!(desk.relay.pass(desk.now, desk.a.stream, &mut packet), desk.out_b(B));
    assert_eq!(unprotect(&mut phone, &packet), rtp(0, 1, 7));
    assert_eq!(desk.relay.quality(desk.b.stream).unwrap().sent_packets, 1);
    // RTCP goes its way.
    let report = desk.receive(desk.a.rtcp.unwrap(), "192.0.2.1:4001", &rtcp(7)).0;
    assert!(matches!(report, Verdict::Forward { .. }), "{report:?}");
}

/// No number goes out twice: under a key of SRTP that would give both packets away (RFC 3711 section 9.1).
#[test]
fn what_is_withheld_is_missed_by_nobody_and_no_number_goes_out_twice() {
    let mut desk = Desk::new(plain(at(A)), plain(at(B)));
    desk.relay.link(desk.a.stream, Some(desk.b.stream), None);
    desk.relay.take(desk.a.stream, Taker::Tap);
    let mut sent = Vec::new();
    let mut come = |desk: &mut Desk, sequence: u16, is_withheld: bool| {
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::copied(&mut slot, &rtp(0, sequence, 7)).unwrap();
        match desk.relay.receive(desk.now, desk.a.rtp, address(A), &mut packet) {
            Verdict::Taken { stream } if is_withheld => desk.relay.withhold(stream),
            Verdict::Taken { stream } => {
                assert_eq!(desk.relay.pass(desk.now, stream, &mut packet), desk.out_b(B));
                sent.push((sequence, Rtp::parse(&packet).unwrap().sequence()));
            }
            verdict => assert_eq!(verdict, dropped(Reason::Stray)),
        }
    };
    for (sequence, is_withheld) in [(10, false), (11, true), (12, true), (13, false), (15, false), (14, true)]
    {
        come(&mut desk, sequence, is_withheld);
    }
    // Late packets from before, and one twice: they have no number any more.
    for sequence in [9, 12, 16, 18, 17] {
        come(&mut desk, sequence, false);
    }
    assert_eq!(sent, [(10, 10), (13, 11), (15, 13), (16, 14), (18, 16), (17, 15)]);
}

#[test]
fn what_is_made_here_is_protected_and_counted_and_reported() {
    let mut desk = Desk::new(sdes(plain(at(A)), SUITE, 1), plain(at(B)));
    desk.relay.link(desk.a.stream, None, Some(&[(0, 0)]));
    desk.relay.take(desk.a.stream, Taker::End);
    let mut phone = (Outbound::new(&key(SUITE, 1)), Inbound::new(&key(SUITE, 2)));
    let mut source = Source::new([3; 10], 8_000);
    for sequence in 0..10 {
        // Every third packet of the phone is lost.
        if sequence % 3 != 1 {
            desk.receive(desk.a.rtp, A, &protect(&mut phone.0, &rtp(0, sequence, 7)));
        }
        let clear = said(&mut source, desk.now);
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::copied(&mut slot, &clear).unwrap();
        assert_eq!(desk.relay.send_rtp(desk.now, desk.a.stream, &mut packet), desk.out_a(A));
        assert_eq!(unprotect(&mut phone.1, &packet), clear);
        desk.wait_ms(20);
    }
    assert_eq!(desk.relay.quality(desk.a.stream).unwrap().sent_octets, 1_600);

    let block = desk.relay.report_block(desk.a.stream, desk.now).unwrap();
    assert_eq!((block.ssrc, block.lost, block.highest_sequence), (7, 3, 9));
    let info = source.sender_info(desk.now, Wall::from_secs(1)).unwrap();
    let mut slot = [0; SLOT_BYTES];
    let mut packet = Packet::received(&mut slot, 0);
    let reporter = Reporter { ssrc: source.ssrc(), cname: "x", sending: Some(info) };
    write_report(&mut packet, &reporter, &[block]).unwrap();
    let verdict = desk.relay.send_rtcp(desk.now, desk.a.stream, &mut packet);
    assert!(matches!(verdict, Verdict::Forward { to, .. } if to == address("192.0.2.1:4001")), "{verdict:?}");
    let clear = unprotect(&mut phone.1, &packet);
    assert!(matches!(Compound::parse(&clear).unwrap().packets().next(), Some(RtcpPacket::SenderReport(_))));

    // The phone answers 100 ms later, and held it for 40: it is read and ends here.
    desk.wait_ms(100);
    let heard = crate::rtcp::ReportBlock {
        ssrc: source.ssrc(),
        last_sender_report: (info.ntp >> 16) as u32,
        delay_since: 65_536 * 40 / 1_000,
        ..Default::default()
    };
    let mut slot = [0; SLOT_BYTES];
    let mut packet = Packet::received(&mut slot, 0);
    write_report(&mut packet, &Reporter { ssrc: 7, cname: "y", sending: None }, &[heard]).unwrap();
    let answer = protect(&mut phone.0, &packet);
    assert_eq!(desk.receive(desk.a.rtcp.unwrap(), "192.0.2.1:4001", &answer).0, Verdict::Read);
    let round_trip = desk.relay.quality(desk.a.stream).unwrap().round_trip.unwrap();
    assert!(round_trip.as_millis().abs_diff(60) <= 1, "{round_trip:?}");
}

#[test]
fn nothing_is_said_to_who_does_not_want_to_hear_or_has_no_address() {
    let mut desk = Desk::new(
        Agreed { we_send: false, ..plain(at(A)) },
        plain(behind_nat("10.0.0.1:4000", "198.51.100.2")),
    );
    let mut source = Source::new([3; 10], 8_000);
    let mut send = |desk: &mut Desk, to| {
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::copied(&mut slot, &said(&mut source, desk.now)).unwrap();
        (desk.relay.may_send(desk.now, to), desk.relay.send_rtp(desk.now, to, &mut packet))
    };
    let (a, b) = (desk.a.stream, desk.b.stream);
    assert_eq!(send(&mut desk, a), (false, dropped(Reason::NotSending)));
    assert_eq!(send(&mut desk, b), (false, dropped(Reason::NoAddress)));
    desk.agree_a(plain(at(A)));
    assert_eq!(send(&mut desk, a), (true, desk.out_a(A)));
}
