//! Extended reports (RFC 3611).

use super::{RawPacket, word};

#[derive(Clone, Copy)]
pub struct ExtendedReport<'a> {
    pub ssrc: u32,
    blocks: &'a [u8],
}

/// One block; what its type-specific byte and its words mean depends on its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XrBlock<'a> {
    pub block_type: u8,
    pub specific: u8,
    pub data: &'a [u8],
}

impl<'a> ExtendedReport<'a> {
    pub(super) fn read(raw: &RawPacket<'a>) -> Option<ExtendedReport<'a>> {
        Some(ExtendedReport { ssrc: word(raw.body, 0)?, blocks: raw.body.get(4..)? })
    }

    /// Ends where a block is cut (section 3).
    pub fn blocks(&self) -> impl Iterator<Item = XrBlock<'a>> + use<'a> {
        let mut rest = self.blocks;
        std::iter::from_fn(move || {
            let [block_type, specific, high, low, data @ ..] = rest else { return None };
            let (data, behind) = data.split_at_checked(4 * usize::from(u16::from_be_bytes([*high, *low])))?;
            rest = behind;
            Some(XrBlock { block_type: *block_type, specific: *specific, data })
        })
    }
}
