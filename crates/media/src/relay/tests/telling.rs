//! What is kept for whoever asks why it is silent: of each packet only what is in the clear, and what the network answered.

use super::*;
use crate::rtcp::{Compound, RtcpPacket};

/// A sender report that claims so many packets, about nobody it hears.
fn claim(ssrc: u32, packets: u32, octets: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, 200, 0, 6];
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([0; 12]);
    bytes.extend(packets.to_be_bytes());
    bytes.extend(octets.to_be_bytes());
    let compound = Compound::parse(&bytes).expect("a compound packet");
    assert!(matches!(compound.packets().next(), Some(RtcpPacket::SenderReport(_))));
    bytes
}

#[test]
fn a_packet_that_is_no_strangers_and_does_not_fit_is_told_with_its_payload_type_and_size() {
    let mut desk = Desk::plain();
    let mut odd = rtp(77, 1, 7);
    let payload = odd.len() - 12;
    odd.extend([0; 10]);
    desk.at_a(A, &odd);
    desk.at_a(STRANGER, &rtp(0, 1, 9));
    let misfit = desk.relay.misfit(desk.a.stream).expect("one");
    assert_eq!((misfit.from, misfit.why), (address(A), Reason::UnknownPayload));
    assert_eq!(misfit.rtp, Some((77, payload as u16 + 10)));
    assert_eq!(desk.relay.refused(desk.a.stream).map(|refused| refused.from), Some(address(STRANGER)));
}

#[test]
fn the_last_packet_taken_is_told_and_comfort_noise_is_counted() {
    let mut desk = Desk::plain();
    desk.relay.link(desk.a.stream, Some(desk.b.stream), None);
    desk.at_a(A, &rtp(0, 1, 7));
    desk.wait_ms(20);
    desk.at_a(A, &rtp(13, 2, 7));
    let quality = desk.relay.quality(desk.a.stream).expect("a stream");
    let seen = quality.last_seen.expect("one");
    assert_eq!((seen.payload_type, seen.ssrc, quality.noise_packets), (13, 7, 1));
    assert_eq!(seen.at, desk.now);
}

#[test]
fn what_the_other_end_claims_to_send_is_told_beside_what_came() {
    let mut desk = Desk::plain();
    desk.at_a(A, &rtp(0, 1, 7));
    assert_eq!(desk.relay.quality(desk.a.stream).and_then(|quality| quality.claimed), None);
    let rtcp_port = desk.a.rtcp.expect("a port of RTCP");
    desk.receive(rtcp_port, A, &claim(7, 250, 40_000));
    let quality = desk.relay.quality(desk.a.stream).expect("a stream");
    assert_eq!(quality.claimed, Some(Claimed { packets: 250, octets: 40_000 }));
    assert!(quality.hears_nothing && quality.rtcp_packets == 1);
    assert_eq!(quality.sent_before_report, 0);
    for number in 0..3 {
        desk.at_b(B, &rtp(0, number, 9));
    }
    assert_eq!(desk.relay.quality(desk.a.stream).map(|quality| quality.sent_before_report), Some(0));
    desk.receive(rtcp_port, A, &claim(7, 250, 40_000));
    assert_eq!(desk.relay.quality(desk.a.stream).map(|quality| quality.sent_before_report), Some(3));
}

/// A browser that hears sends an empty report before its feedback, many times a second.
#[test]
fn an_empty_report_with_feedback_of_what_arrives_does_not_say_that_nothing_does() {
    let mut desk = Desk::plain();
    let rtcp_port = desk.a.rtcp.expect("a port of RTCP");
    let empty = claim(7, 0, 0);
    let feedback = [0x8f, 205, 0, 3, 0, 0, 0, 7, 0, 0, 0, 9, 0, 1, 0, 1];
    let hears_nothing = |desk: &Desk| desk.relay.quality(desk.a.stream).map(|quality| quality.hears_nothing);
    desk.at_a(A, &rtp(0, 1, 7));
    desk.receive(rtcp_port, A, &empty);
    assert_eq!(hears_nothing(&desk), Some(true));
    desk.receive(rtcp_port, A, &[&empty[..], &feedback[..]].concat());
    assert_eq!(hears_nothing(&desk), Some(false));
    desk.receive(rtcp_port, A, &empty);
    assert_eq!(hears_nothing(&desk), Some(false), "it was told a moment ago");
    desk.now += std::time::Duration::from_secs(5);
    desk.receive(rtcp_port, A, &empty);
    assert_eq!(hears_nothing(&desk), Some(true));
    desk.receive(rtcp_port, A, &feedback);
    assert_eq!(hears_nothing(&desk), Some(false), "also by a packet of its own (RFC 5506)");
}

/// RFC 3550 section 6.4.1: a report is about the time since the one before.
#[test]
fn the_first_report_after_a_restart_says_nothing_of_what_is_heard_now() {
    let report = |lost: u8| {
        let mut report = vec![0x81, 201, 0, 7];
        report.extend(8u32.to_be_bytes());
        report.extend(7u32.to_be_bytes());
        report.extend([lost, 0, 0, 99]);
        report.extend([0; 16]);
        report
    };
    let mut desk = Desk::plain();
    let rtcp_port = desk.a.rtcp.expect("a port of RTCP");
    let heard = |desk: &Desk| {
        let quality = desk.relay.quality(desk.a.stream).expect("a stream");
        (quality.heard.map(|block| block.fraction_lost), quality.hears_nothing)
    };
    let nothing = [0x80, 201, 0, 1, 0, 0, 0, 8];
    for (first, then) in [(report(200), (Some(0), false)), (nothing.to_vec(), (Some(0), false))] {
        desk.relay.restore_peer(desk.a.stream, Component::Rtcp, address(A), desk.now);
        desk.receive(rtcp_port, A, &first);
        assert_eq!(heard(&desk), then);
    }
    desk.receive(rtcp_port, A, &report(200));
    assert_eq!(heard(&desk), (Some(200), false));
    desk.receive(rtcp_port, A, &nothing);
    assert_eq!(heard(&desk), (Some(200), true));
}

/// A prompt is another source, whose numbers jump between two of them.
#[test]
fn what_is_played_to_a_phone_says_nothing_of_how_it_hears_the_other() {
    let report = |ssrc: u32, lost: u8| {
        let mut report = vec![0x81, 201, 0, 7];
        report.extend(8u32.to_be_bytes());
        report.extend(ssrc.to_be_bytes());
        report.extend([lost, 0, 0, 99]);
        report.extend([0; 16]);
        report
    };
    let mut desk = Desk::plain();
    for taker in [Taker::Link, Taker::Tap, Taker::End] {
        desk.relay.take(desk.a.stream, taker);
        desk.at_b(B, &rtp(0, 1, 7));
        desk.at_a(A, &rtp(0, 1, 8));
        let rtcp_port = desk.a.rtcp.expect("a port of RTCP");
        desk.receive(rtcp_port, A, &report(7, 3));
        desk.receive(rtcp_port, A, &report(77, 250));
        let heard = desk.relay.quality(desk.a.stream).and_then(|quality| quality.heard);
        // Who ends here hears nobody but us.
        let lost = if taker == Taker::End { 250 } else { 3 };
        assert_eq!(heard.map(|block| block.fraction_lost), Some(lost), "{taker:?}");
    }
}

#[test]
fn troubles_count_for_the_other_end_alone_and_change_nothing() {
    let mut desk = Desk::plain();
    desk.at_a(A, &rtp(0, 1, 7));
    for trouble in [Trouble::Refused, Trouble::Refused, Trouble::Unreachable, Trouble::TooLarge] {
        desk.relay.troubled(desk.a.rtp, address(A), trouble);
    }
    desk.relay.troubled(desk.a.rtp, address(STRANGER), Trouble::Refused);
    let told = Troubles { refused: 2, unreachable: 1, too_large: 1, ..Troubles::default() };
    assert_eq!(desk.relay.troubles(desk.a.stream), told);
    assert_eq!(desk.at_b(B, &rtp(0, 1, 8)), desk.out_a(A), "it is sent to all the same");
}

#[test]
fn packets_handed_to_ice_and_dtls_are_counted_apart() {
    let mut desk = Desk::new(Agreed { ice: true, ..plain(at(A)) }, plain(at(B)));
    desk.at_a(A, &[0, 1, 0, 0]);
    assert_eq!(desk.relay.handed(desk.a.stream), Handed { stun: 1, dtls: 0 });
    desk.at_b(B, &[0, 1, 0, 0]);
    assert_eq!(desk.relay.handed(desk.b.stream), Handed::default(), "nobody wants it there");
}
