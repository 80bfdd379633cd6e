//! Our own reports. They are appended to a packet in its slot, so that SRTCP can protect them there.

use super::report::{ReportBlock, SenderInfo};
use super::{GOODBYE, RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION};
use crate::packet::{NoRoom, Packet};

/// Who reports.
#[derive(Clone, Copy, Debug)]
pub struct Reporter<'a> {
    pub ssrc: u32,
    /// At most 255 bytes are sent. Random for each call, so that it tells nothing (RFC 7022 section 4.2).
    pub cname: &'a str,
    /// What we send ourselves; without it the report is a receiver's.
    pub sending: Option<SenderInfo>,
}

/// Most blocks in one report (RFC 3550 section 6.4.1).
const BLOCKS_MAX: usize = 31;

/// Appends a compound packet of SR or RR and SDES with CNAME (section 6.1). Blocks beyond the 31st are left out.
pub fn write_report(
    packet: &mut Packet<'_>,
    from: &Reporter<'_>,
    blocks: &[ReportBlock],
) -> Result<(), NoRoom> {
    let blocks = &blocks[..blocks.len().min(BLOCKS_MAX)];
    let (packet_type, info_words) =
        if from.sending.is_some() { (SENDER_REPORT, 5) } else { (RECEIVER_REPORT, 0) };
    header(packet, blocks.len(), packet_type, 1 + info_words + 6 * blocks.len())?;
    word(packet, from.ssrc)?;
    if let Some(info) = from.sending {
        for value in [(info.ntp >> 32) as u32, info.ntp as u32, info.rtp_timestamp, info.packets, info.octets]
        {
            word(packet, value)?;
        }
    }
    for block in blocks {
        bytes(packet, &block.to_bytes())?;
    }
    write_cname(packet, from)
}

/// Appends a goodbye of `from` (section 6.6), which belongs behind a report.
pub fn write_goodbye(packet: &mut Packet<'_>, from: &Reporter<'_>) -> Result<(), NoRoom> {
    header(packet, 1, GOODBYE, 1)?;
    word(packet, from.ssrc)
}

fn write_cname(packet: &mut Packet<'_>, from: &Reporter<'_>) -> Result<(), NoRoom> {
    let name = &from.cname.as_bytes()[..from.cname.len().min(255)];
    // SSRC, type, length, text, and one to four zeros up to the next word.
    let words = 1 + (2 + name.len()) / 4 + 1;
    header(packet, 1, SOURCE_DESCRIPTION, words)?;
    word(packet, from.ssrc)?;
    bytes(packet, &[1, name.len() as u8])?;
    bytes(packet, name)?;
    packet.append(4 * words - 4 - 2 - name.len())?.fill(0);
    Ok(())
}

/// `words` follow the header.
fn header(packet: &mut Packet<'_>, count: usize, packet_type: u8, words: usize) -> Result<(), NoRoom> {
    let words = (words as u16).to_be_bytes();
    bytes(packet, &[0x80 | count as u8, packet_type, words[0], words[1]])
}

fn word(packet: &mut Packet<'_>, value: u32) -> Result<(), NoRoom> {
    bytes(packet, &value.to_be_bytes())
}

fn bytes(packet: &mut Packet<'_>, bytes: &[u8]) -> Result<(), NoRoom> {
    packet.append(bytes.len())?.copy_from_slice(bytes);
    Ok(())
}
