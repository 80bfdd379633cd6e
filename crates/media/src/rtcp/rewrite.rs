//! SSRCs and report blocks changed where they lie, for a relay that gave streams other names or numbers.

use super::feedback::{APPLICATION_LAYER, FIR, NACK, TMMBN, TMMBR};
use super::report::{REPORT_BLOCK_BYTES, ReportBlock};
use super::{
    APPLICATION, Compound, EXTENDED_REPORT, GOODBYE, PAYLOAD_FEEDBACK, RECEIVER_REPORT, RtcpError,
    SENDER_REPORT, SOURCE_DESCRIPTION, TRANSPORT_FEEDBACK, packet_bytes, word,
};

/// Gives each SSRC in a compound packet the name that `new` has for it: of senders and of those reported on, in SDES and
/// BYE, in feedback with the sources that FIR, TMMBR, TMMBN and REMB list, and in the blocks of extended reports that have
/// one. Packets of unknown types are left as they are.
pub fn rewrite_ssrcs(bytes: &mut [u8], mut new: impl FnMut(u32) -> u32) -> Result<(), RtcpError> {
    for_each_packet(bytes, |packet| {
        let mut places = Places { packet, new: &mut new };
        let count = usize::from(places.packet[0] & 0x1f);
        match places.packet[1] {
            SENDER_REPORT => {
                places.at(4);
                places.every(28, REPORT_BLOCK_BYTES, count);
            }
            RECEIVER_REPORT => {
                places.at(4);
                places.every(8, REPORT_BLOCK_BYTES, count);
            }
            SOURCE_DESCRIPTION => places.chunks(count),
            GOODBYE => places.every(4, 4, count),
            APPLICATION => places.at(4),
            TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => places.feedback(count as u8),
            EXTENDED_REPORT => places.extended(),
            _ => {}
        }
    })
}

/// Lets `change` change every report block of a compound packet.
pub fn rewrite_report_blocks(
    bytes: &mut [u8],
    mut change: impl FnMut(&mut ReportBlock),
) -> Result<(), RtcpError> {
    for_each_packet(bytes, |packet| {
        let start = match packet[1] {
            SENDER_REPORT => 28,
            RECEIVER_REPORT => 8,
            _ => return,
        };
        let count = usize::from(packet[0] & 0x1f);
        let blocks = packet.get_mut(start..).unwrap_or_default();
        for bytes in blocks.chunks_exact_mut(REPORT_BLOCK_BYTES).take(count) {
            if let Some(mut block) = ReportBlock::read(bytes) {
                change(&mut block);
                bytes.copy_from_slice(&block.to_bytes());
            }
        }
    })
}

/// Lets `change` change the sequence numbers that generic NACKs ask for again, of the source that they name (RFC 4585
/// section 6.2.1).
pub fn rewrite_nacks(bytes: &mut [u8], mut change: impl FnMut(u32, u16) -> u16) -> Result<(), RtcpError> {
    for_each_packet(bytes, |packet| {
        if packet[1] != TRANSPORT_FEEDBACK || packet[0] & 0x1f != NACK {
            return;
        }
        let Some(ssrc) = word(packet, 8) else { return };
        for entry in packet.get_mut(12..).unwrap_or_default().chunks_exact_mut(4) {
            let first = change(ssrc, u16::from_be_bytes([entry[0], entry[1]]));
            entry[..2].copy_from_slice(&first.to_be_bytes());
        }
    })
}

/// Nothing is changed when the lengths do not agree.
fn for_each_packet(bytes: &mut [u8], mut change: impl FnMut(&mut [u8])) -> Result<(), RtcpError> {
    Compound::parse(bytes)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = packet_bytes(rest)?;
        let (packet, behind) = rest.split_at_mut(length);
        change(packet);
        rest = behind;
    }
    Ok(())
}

/// The places in one packet where an SSRC may stand. One beyond its end is none.
struct Places<'a, F> {
    packet: &'a mut [u8],
    new: &'a mut F,
}

impl<F: FnMut(u32) -> u32> Places<'_, F> {
    fn at(&mut self, at: usize) {
        if let Some(old) = word(self.packet, at) {
            let new = (self.new)(old);
            self.packet[at..at + 4].copy_from_slice(&new.to_be_bytes());
        }
    }

    fn every(&mut self, start: usize, step: usize, count: usize) {
        (0..count).for_each(|nth| self.at(start + nth * step));
    }

    /// SDES (RFC 3550 section 6.5): items follow each SSRC up to a zero, and the next chunk begins at a word.
    fn chunks(&mut self, count: usize) {
        let mut at = 4;
        for _ in 0..count {
            self.at(at);
            let mut item = at + 4;
            while let Some(&kind) = self.packet.get(item) {
                if kind == 0 {
                    break;
                }
                item += 2 + usize::from(self.packet.get(item + 1).copied().unwrap_or(0));
            }
            at = (item / 4 + 1) * 4;
        }
    }

    fn feedback(&mut self, format: u8) {
        self.at(4);
        self.at(8);
        let transport = self.packet[1] == TRANSPORT_FEEDBACK;
        let entries = (self.packet.len() - 4) / 8;
        if transport && (format == TMMBR || format == TMMBN) || !transport && format == FIR {
            // Entries of eight bytes that begin with an SSRC (RFC 5104 sections 4.2.1, 4.2.2 and 4.3.1).
            self.every(12, 8, entries.saturating_sub(1));
        } else if !transport && format == APPLICATION_LAYER && self.packet.get(12..16) == Some(&b"REMB"[..]) {
            // "REMB", their count, a bit rate, the SSRCs (draft-alvestrand-rmcat-remb).
            let count = self.packet.get(16).copied().unwrap_or(0);
            self.every(20, 4, usize::from(count));
        }
    }

    /// Extended reports (RFC 3611 sections 4.1 to 4.7): loss and duplicate runs, receipt times, statistics and VoIP metrics
    /// begin with an SSRC; DLRR has one in each sub-block; a receiver's reference time has none.
    fn extended(&mut self) {
        self.at(4);
        let mut at = 8;
        while let Some(&[block_type, _, high, low]) =
            self.packet.get(at..at + 4).and_then(|head| head.first_chunk())
        {
            let data_bytes = 4 * usize::from(u16::from_be_bytes([high, low]));
            match block_type {
                1 | 2 | 3 | 6 | 7 if data_bytes >= 4 => self.at(at + 4),
                5 => self.every(at + 4, 12, data_bytes / 12),
                _ => {}
            }
            at += 4 + data_bytes;
        }
    }
}
