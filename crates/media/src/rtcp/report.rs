//! Sender and receiver reports (RFC 3550 sections 6.4.1 and 6.4.2).

use super::{RawPacket, word};

/// Bytes of one report block.
pub const REPORT_BLOCK_BYTES: usize = 24;

/// What a sender says of his own clock and count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// NTP time, 32.32 bits of seconds.
    pub ntp: u64,
    pub rtp_timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// What a receiver says of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// Share of packets lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, 24 bits with sign; duplicates may make it negative.
    pub lost: i32,
    /// Sequence number with cycles in the high half.
    pub highest_sequence: u32,
    /// In units of the RTP timestamp.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report; zero when there was none.
    pub last_sender_report: u32,
    /// Since that report was received, in 65,536ths of a second.
    pub delay_since: u32,
}

#[derive(Clone, Copy)]
pub struct SenderReport<'a> {
    pub ssrc: u32,
    pub info: SenderInfo,
    blocks: &'a [u8],
}

#[derive(Clone, Copy)]
pub struct ReceiverReport<'a> {
    pub ssrc: u32,
    blocks: &'a [u8],
}

impl<'a> SenderReport<'a> {
    pub(super) fn read(raw: &RawPacket<'a>) -> Option<SenderReport<'a>> {
        let body = raw.body;
        let ntp = u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?);
        let info = SenderInfo {
            ntp,
            rtp_timestamp: word(body, 12)?,
            packets: word(body, 16)?,
            octets: word(body, 20)?,
        };
        Some(SenderReport { ssrc: word(body, 0)?, info, blocks: blocks(body, 24, raw.count)? })
    }

    /// At most 31.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        read_blocks(self.blocks)
    }
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn read(raw: &RawPacket<'a>) -> Option<ReceiverReport<'a>> {
        Some(ReceiverReport { ssrc: word(raw.body, 0)?, blocks: blocks(raw.body, 4, raw.count)? })
    }

    /// At most 31.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        read_blocks(self.blocks)
    }
}

/// The bytes of `count` blocks at `start`; what follows them is an extension of a profile and not read.
fn blocks(body: &[u8], start: usize, count: u8) -> Option<&[u8]> {
    body.get(start..start + usize::from(count) * REPORT_BLOCK_BYTES)
}

fn read_blocks<'a>(bytes: &'a [u8]) -> impl Iterator<Item = ReportBlock> + use<'a> {
    bytes.chunks_exact(REPORT_BLOCK_BYTES).filter_map(ReportBlock::read)
}

impl ReportBlock {
    pub(super) fn read(bytes: &[u8]) -> Option<ReportBlock> {
        let loss = word(bytes, 4)?;
        Some(ReportBlock {
            ssrc: word(bytes, 0)?,
            fraction_lost: (loss >> 24) as u8,
            // The sign of 24 bits is spread over 32.
            lost: (loss << 8) as i32 >> 8,
            highest_sequence: word(bytes, 8)?,
            jitter: word(bytes, 12)?,
            last_sender_report: word(bytes, 16)?,
            delay_since: word(bytes, 20)?,
        })
    }

    /// The block as it is sent. The count of lost packets is held at the ends of 24 bits (appendix A.3).
    pub fn to_bytes(&self) -> [u8; REPORT_BLOCK_BYTES] {
        let lost = self.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        let words = [
            self.ssrc,
            u32::from(self.fraction_lost) << 24 | lost,
            self.highest_sequence,
            self.jitter,
            self.last_sender_report,
            self.delay_since,
        ];
        let mut bytes = [0; REPORT_BLOCK_BYTES];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}
