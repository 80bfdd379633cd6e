//! RTCP compound packets (RFC 3550 section 6, RFC 4585, RFC 3611) as views over received bytes.
//!
//! [`Compound::parse`] walks the lengths of all packets once, so that what comes after needs no more doubt about them;
//! [`Compound::packets`] then gives each as what it is. [`rewrite_ssrcs`] changes the SSRCs of a compound packet in place,
//! [`write_report`] makes our own reports.

mod feedback;
mod report;
mod rewrite;
mod source;
mod write;
mod xr;

pub use feedback::Feedback;
pub use report::{REPORT_BLOCK_BYTES, ReceiverReport, ReportBlock, SenderInfo, SenderReport};
pub use rewrite::{rewrite_nacks, rewrite_report_blocks, rewrite_ssrcs};
pub use source::{App, Goodbye, SdesChunk, SdesItem, SourceDescription};
pub use write::{Reporter, write_goodbye, write_report};
pub use xr::{ExtendedReport, XrBlock};

/// Packets in one compound packet. Each has at least 4 bytes, so a datagram could hold hundreds.
pub const PACKETS_MAX: usize = 32;

pub(crate) const SENDER_REPORT: u8 = 200;
pub(crate) const RECEIVER_REPORT: u8 = 201;
pub(crate) const SOURCE_DESCRIPTION: u8 = 202;
pub(crate) const GOODBYE: u8 = 203;
pub(crate) const APPLICATION: u8 = 204;
pub(crate) const TRANSPORT_FEEDBACK: u8 = 205;
pub(crate) const PAYLOAD_FEEDBACK: u8 = 206;
pub(crate) const EXTENDED_REPORT: u8 = 207;

/// Bytes that are no RTCP compound packet (RFC 3550 appendix A.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpError {
    /// A length says more than there is, or there is nothing.
    Truncated,
    Version,
    /// Padding elsewhere than in the last packet, or more than that packet has.
    Padding,
    /// More than [`PACKETS_MAX`].
    TooManyPackets,
}

/// A compound packet whose lengths agree. Reduced-size packets (RFC 5506), which begin with feedback instead of a report,
/// are among them.
#[derive(Clone, Copy)]
pub struct Compound<'a> {
    bytes: &'a [u8],
}

/// One packet of a compound packet. Fields that its length does not reach make it [`RtcpPacket::Malformed`]; its
/// neighbours are still read.
pub enum RtcpPacket<'a> {
    SenderReport(SenderReport<'a>),
    ReceiverReport(ReceiverReport<'a>),
    SourceDescription(SourceDescription<'a>),
    Goodbye(Goodbye<'a>),
    App(App<'a>),
    /// RTPFB: NACK, TMMBR, transport-wide congestion control.
    TransportFeedback(Feedback<'a>),
    /// PSFB: PLI, FIR, REMB.
    PayloadFeedback(Feedback<'a>),
    ExtendedReport(ExtendedReport<'a>),
    Unknown {
        packet_type: u8,
    },
    Malformed {
        packet_type: u8,
    },
}

impl<'a> Compound<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Compound<'a>, RtcpError> {
        if bytes.is_empty() {
            return Err(RtcpError::Truncated);
        }
        let mut rest = bytes;
        let mut count = 0;
        while !rest.is_empty() {
            count += 1;
            if count > PACKETS_MAX {
                return Err(RtcpError::TooManyPackets);
            }
            let length = packet_bytes(rest)?;
            let (packet, behind) = rest.split_at(length);
            if packet[0] & 0x20 != 0 {
                let padding = usize::from(packet[length - 1]);
                if !behind.is_empty() || padding == 0 || padding % 4 != 0 || padding > length - 4 {
                    return Err(RtcpError::Padding);
                }
            }
            rest = behind;
        }
        Ok(Compound { bytes })
    }

    pub fn packets(&self) -> impl Iterator<Item = RtcpPacket<'a>> + use<'a> {
        Raw { rest: self.bytes }.map(|raw| raw.read())
    }

    /// SSRC of whoever sent the compound packet: that of its first packet.
    pub fn sender_ssrc(&self) -> Option<u32> {
        word(self.bytes, 4)
    }
}

/// One packet with its header read.
struct RawPacket<'a> {
    packet_type: u8,
    /// Report count, source count, subtype or format: the five low bits of the first byte.
    count: u8,
    /// What follows the first word, without padding.
    body: &'a [u8],
}

impl<'a> RawPacket<'a> {
    fn read(&self) -> RtcpPacket<'a> {
        let packet_type = self.packet_type;
        let malformed = RtcpPacket::Malformed { packet_type };
        match packet_type {
            SENDER_REPORT => SenderReport::read(self).map_or(malformed, RtcpPacket::SenderReport),
            RECEIVER_REPORT => ReceiverReport::read(self).map_or(malformed, RtcpPacket::ReceiverReport),
            SOURCE_DESCRIPTION => RtcpPacket::SourceDescription(SourceDescription::new(self)),
            GOODBYE => Goodbye::read(self).map_or(malformed, RtcpPacket::Goodbye),
            APPLICATION => App::read(self).map_or(malformed, RtcpPacket::App),
            TRANSPORT_FEEDBACK => Feedback::read(self).map_or(malformed, RtcpPacket::TransportFeedback),
            PAYLOAD_FEEDBACK => Feedback::read(self).map_or(malformed, RtcpPacket::PayloadFeedback),
            EXTENDED_REPORT => ExtendedReport::read(self).map_or(malformed, RtcpPacket::ExtendedReport),
            _ => RtcpPacket::Unknown { packet_type },
        }
    }
}

/// The packets of bytes that [`Compound::parse`] has checked.
struct Raw<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Raw<'a> {
    type Item = RawPacket<'a>;

    fn next(&mut self) -> Option<RawPacket<'a>> {
        let length = packet_bytes(self.rest).ok()?;
        let (packet, behind) = self.rest.split_at(length);
        self.rest = behind;
        let padding = if packet[0] & 0x20 == 0 { 0 } else { usize::from(packet[length - 1]) };
        let body = packet.get(4..length.checked_sub(padding)?)?;
        Some(RawPacket { packet_type: packet[1], count: packet[0] & 0x1f, body })
    }
}

/// Length in bytes of the first packet in `bytes`: its length field counts 32-bit words less one (section 6.4.1).
fn packet_bytes(bytes: &[u8]) -> Result<usize, RtcpError> {
    let [first, _, high, low, ..] = *bytes else {
        return Err(RtcpError::Truncated);
    };
    if first >> 6 != 2 {
        return Err(RtcpError::Version);
    }
    let length = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
    if length > bytes.len() { Err(RtcpError::Truncated) } else { Ok(length) }
}

/// The 32-bit word at `at`, if `bytes` reach that far.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
}

#[cfg(test)]
mod tests;
