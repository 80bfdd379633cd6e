//! Transport and payload feedback (RFC 4585 section 6.1; FIR and TMMBR of RFC 5104).

use super::{RawPacket, word};

/// A feedback message; its format says what `control` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback<'a> {
    pub format: u8,
    pub sender_ssrc: u32,
    /// Zero when the messages name their sources themselves (FIR, TMMBR, REMB).
    pub media_ssrc: u32,
    pub control: &'a [u8],
}

/// Formats of transport feedback.
pub(super) const NACK: u8 = 1;
pub(super) const TMMBR: u8 = 3;
pub(super) const TMMBN: u8 = 4;
/// Formats of payload feedback.
pub(super) const PLI: u8 = 1;
pub(super) const FIR: u8 = 4;
pub(super) const APPLICATION_LAYER: u8 = 15;

impl<'a> Feedback<'a> {
    pub(super) fn read(raw: &RawPacket<'a>) -> Option<Feedback<'a>> {
        Some(Feedback {
            format: raw.count,
            sender_ssrc: word(raw.body, 0)?,
            media_ssrc: word(raw.body, 4)?,
            control: raw.body.get(8..)?,
        })
    }

    /// Sequence numbers that a generic NACK asks for again (section 6.2.1). For transport feedback only.
    pub fn nacked(&self) -> impl Iterator<Item = u16> + use<'a> {
        let control = if self.format == NACK { self.control } else { &[] };
        control.chunks_exact(4).flat_map(|entry| {
            let first = u16::from_be_bytes([entry[0], entry[1]]);
            let following = u16::from_be_bytes([entry[2], entry[3]]);
            let more = (0..16).filter(move |bit| following >> bit & 1 == 1);
            std::iter::once(first).chain(more.map(move |bit| first.wrapping_add(1 + bit)))
        })
    }

    /// Whether this asks for a whole picture: PLI (section 6.3.1) or FIR (RFC 5104 section 4.3.1). For payload feedback
    /// only.
    pub fn asks_for_a_picture(&self) -> bool {
        self.format == PLI || self.format == FIR
    }
}
