use super::feedback::{FIR, PLI, TMMBR};
use super::*;
use crate::packet::{Packet, SLOT_BYTES};
use proptest::prelude::*;

const BLOCK: ReportBlock = ReportBlock {
    ssrc: 2,
    fraction_lost: 26,
    lost: -3,
    highest_sequence: 0x0001_0005,
    jitter: 77,
    last_sender_report: 0x1234_5678,
    delay_since: 65_536,
};
const INFO: SenderInfo =
    SenderInfo { ntp: 0xdead_beef_0102_0304, rtp_timestamp: 160, packets: 50, octets: 8_000 };

fn written(write: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
    let mut slot = [0; SLOT_BYTES];
    let mut packet = Packet::received(&mut slot, 0);
    write(&mut packet);
    packet.to_vec()
}

fn report(sending: Option<SenderInfo>, cname: &str, blocks: &[ReportBlock]) -> Vec<u8> {
    written(|packet| write_report(packet, &Reporter { ssrc: 1, cname, sending }, blocks).unwrap())
}

/// One packet: count or format, type, and the words behind its header.
fn packet(count: u8, packet_type: u8, words: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0x80 | count, packet_type, 0, words.len() as u8];
    words.iter().for_each(|word| bytes.extend(word.to_be_bytes()));
    bytes
}

#[test]
fn a_report_that_was_written_is_read_again() {
    for cname in ["", "a", "ab", "abc", "abcd", &"x".repeat(255)] {
        let bytes = report(Some(INFO), cname, &[BLOCK, BLOCK]);
        let compound = Compound::parse(&bytes).unwrap();
        assert_eq!(compound.sender_ssrc(), Some(1));
        let packets: Vec<_> = compound.packets().collect();
        let [RtcpPacket::SenderReport(sender), RtcpPacket::SourceDescription(description)] = &packets[..]
        else {
            panic!("not a sender report and a description")
        };
        assert_eq!((sender.ssrc, sender.info), (1, INFO));
        assert_eq!(sender.blocks().collect::<Vec<_>>(), [BLOCK, BLOCK]);
        let chunks: Vec<_> = description.chunks().collect();
        assert_eq!((chunks.len(), chunks[0].ssrc, chunks[0].cname()), (1, 1, Some(cname.as_bytes())));
    }
    let bytes = report(None, "a", &[BLOCK; 40]);
    let Some(RtcpPacket::ReceiverReport(receiver)) = Compound::parse(&bytes).unwrap().packets().next() else {
        panic!("not a receiver report")
    };
    assert_eq!(receiver.blocks().count(), 31);
}

#[test]
fn lost_packets_are_held_at_24_bits() {
    for (lost, kept) in [(-3, -3), (9_000_000, 0x7f_ffff), (-9_000_000, -0x80_0000)] {
        let bytes = ReportBlock { lost, ..BLOCK }.to_bytes();
        assert_eq!(ReportBlock::read(&bytes).unwrap().lost, kept);
    }
}

#[test]
fn lengths_and_padding_that_do_not_agree_are_refused() {
    let good = report(None, "abc", &[]);
    for length in 1..good.len() {
        let whole = length == 8;
        assert_eq!(Compound::parse(&good[..length]).is_ok(), whole, "{length}");
    }
    let parse = |bytes: &[u8]| Compound::parse(bytes).err();
    assert_eq!(parse(&[]), Some(RtcpError::Truncated));
    assert_eq!(parse(&[0x40, 201, 0, 0]), Some(RtcpError::Version));
    assert_eq!(parse(&[0xa0, 201, 0, 1, 0, 0, 0, 8]), Some(RtcpError::Padding));
    assert_eq!(parse(&[0xa0, 201, 0, 1, 0, 0, 0, 0]), Some(RtcpError::Padding));
    assert_eq!(parse(&[0xa0, 201, 0, 1, 0, 0, 0, 4, 0x80, 201, 0, 0]), Some(RtcpError::Padding));
    assert_eq!(parse(&[0xa0, 201, 0, 1, 0, 0, 0, 4]), None);
    assert_eq!(parse(&[0x80, 201, 0, 0].repeat(PACKETS_MAX)), None);
    assert_eq!(parse(&[0x80, 201, 0, 0].repeat(PACKETS_MAX + 1)), Some(RtcpError::TooManyPackets));
}

#[test]
fn a_malformed_packet_leaves_its_neighbours_readable() {
    let mut bytes = packet(1, RECEIVER_REPORT, &[1]);
    bytes.extend(packet(2, GOODBYE, &[5, 6]));
    bytes.extend(packet(0, 192, &[]));
    let kinds: Vec<_> = Compound::parse(&bytes).unwrap().packets().collect();
    assert!(matches!(kinds[0], RtcpPacket::Malformed { packet_type: RECEIVER_REPORT }));
    assert!(matches!(kinds[2], RtcpPacket::Unknown { packet_type: 192 }));
    let RtcpPacket::Goodbye(goodbye) = &kinds[1] else { panic!("not a goodbye") };
    assert_eq!((goodbye.ssrcs().collect::<Vec<_>>(), goodbye.reason()), (vec![5, 6], None));
}

#[test]
fn feedback_applications_and_extended_reports_are_read() {
    let mut bytes = packet(1, TRANSPORT_FEEDBACK, &[1, 2, 0xffff_8001]);
    bytes.extend(packet(PLI, PAYLOAD_FEEDBACK, &[1, 2]));
    bytes.extend(packet(3, APPLICATION, &[1, u32::from_be_bytes(*b"test"), 9]));
    bytes.extend(packet(0, EXTENDED_REPORT, &[1, 0x0400_0002, 7, 8]));
    let packets: Vec<_> = Compound::parse(&bytes).unwrap().packets().collect();
    let RtcpPacket::TransportFeedback(nack) = &packets[0] else { panic!("not a NACK") };
    assert_eq!(nack.nacked().collect::<Vec<_>>(), [65_535, 0, 15]);
    let RtcpPacket::PayloadFeedback(pli) = &packets[1] else { panic!("not a PLI") };
    assert!(pli.asks_for_a_picture());
    let RtcpPacket::App(app) = &packets[2] else { panic!("not an application's") };
    assert_eq!((app.subtype, &app.name, app.data), (3, b"test", &[0, 0, 0, 9][..]));
    let RtcpPacket::ExtendedReport(extended) = &packets[3] else { panic!("not an extended report") };
    assert_eq!(extended.blocks().map(|b| (b.block_type, b.data.len())).collect::<Vec<_>>(), [(4, 8)]);
}

#[test]
fn ssrcs_are_renamed_everywhere_and_nothing_else_changes() {
    let remb = u32::from_be_bytes(*b"REMB");
    let original = |ssrc: u32, other: u32| {
        let block = ReportBlock { ssrc: other, ..BLOCK };
        let mut bytes = written(|packet| {
            let from = Reporter { ssrc, cname: "abcde", sending: Some(INFO) };
            write_report(packet, &from, &[block, block]).unwrap();
            write_goodbye(packet, &from).unwrap();
        });
        bytes.extend(packet(0, APPLICATION, &[ssrc, 7, 7]));
        bytes.extend(packet(1, TRANSPORT_FEEDBACK, &[ssrc, other, 7]));
        bytes.extend(packet(TMMBR, TRANSPORT_FEEDBACK, &[ssrc, 0, other, 7]));
        bytes.extend(packet(FIR, PAYLOAD_FEEDBACK, &[ssrc, 0, other, 7, other, 7]));
        bytes.extend(packet(15, PAYLOAD_FEEDBACK, &[ssrc, 0, remb, 0x0200_0007, other, other]));
        bytes.extend(packet(
            0,
            EXTENDED_REPORT,
            &[ssrc, 0x0400_0002, 7, 7, 0x0500_0003, other, 7, 7, 0x0700_0002, other, 7],
        ));
        bytes
    };
    let mut bytes = original(1_000, 2_000);
    rewrite_ssrcs(&mut bytes, |ssrc| match ssrc {
        1_000 => 0xaaaa_aaaa,
        2_000 => 0xbbbb_bbbb,
        0 => 0,
        other => panic!("{other} is no SSRC"),
    })
    .unwrap();
    assert_eq!(bytes, original(0xaaaa_aaaa, 0xbbbb_bbbb));
}

#[test]
fn report_blocks_are_changed_in_place() {
    let mut bytes = report(Some(INFO), "a", &[BLOCK, BLOCK]);
    bytes.extend(report(None, "a", &[BLOCK]));
    rewrite_report_blocks(&mut bytes, |block| block.highest_sequence += 10).unwrap();
    let moved = ReportBlock { highest_sequence: BLOCK.highest_sequence + 10, ..BLOCK };
    let mut expected = report(Some(INFO), "a", &[moved, moved]);
    expected.extend(report(None, "a", &[moved]));
    assert_eq!(bytes, expected);
}

/// Reads all that can be read of `bytes`.
fn read_all(bytes: &[u8]) -> usize {
    let Ok(compound) = Compound::parse(bytes) else { return 0 };
    compound
        .packets()
        .map(|packet| match packet {
            RtcpPacket::SenderReport(report) => report.blocks().count(),
            RtcpPacket::ReceiverReport(report) => report.blocks().count(),
            RtcpPacket::SourceDescription(description) => description
                .chunks()
                .map(|chunk| chunk.items().map(|item| item.text.len()).sum::<usize>())
                .sum(),
            RtcpPacket::Goodbye(goodbye) => goodbye.ssrcs().count() + goodbye.reason().map_or(0, <[u8]>::len),
            RtcpPacket::App(app) => app.data.len(),
            RtcpPacket::TransportFeedback(feedback) => feedback.nacked().count(),
            RtcpPacket::PayloadFeedback(feedback) => usize::from(feedback.asks_for_a_picture()),
            RtcpPacket::ExtendedReport(report) => report.blocks().count(),
            RtcpPacket::Unknown { .. } | RtcpPacket::Malformed { .. } => 1,
        })
        .sum()
}

proptest! {
    /// Packets of every type with a length that fits and a body of anything.
    #[test]
    fn any_body_is_read_and_rewritten_without_a_panic(
        packets in proptest::collection::vec((any::<u8>(), 198u8..209, proptest::collection::vec(any::<u8>(), 0..15)), 1..5)
    ) {
        let mut bytes = Vec::new();
        for (count, packet_type, words) in packets {
            let words: Vec<u32> = words.into_iter().map(|byte| u32::from(byte) * 0x0001_0101).collect();
            bytes.extend(packet(count & 0x1f, packet_type, &words));
        }
        read_all(&bytes);
        prop_assert_eq!(rewrite_ssrcs(&mut bytes, |ssrc| ssrc.wrapping_add(1)), Ok(()));
        prop_assert_eq!(rewrite_report_blocks(&mut bytes, |block| block.jitter = 0), Ok(()));
        read_all(&bytes);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
        let _ = rewrite_ssrcs(&mut bytes, |ssrc| ssrc);
    }
}
