//! What tells of sources: SDES, BYE and APP (RFC 3550 sections 6.5 to 6.7).

use super::{RawPacket, word};

/// CNAME and the like of up to 31 sources.
#[derive(Clone, Copy)]
pub struct SourceDescription<'a> {
    count: u8,
    body: &'a [u8],
}

/// The items of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesChunk<'a> {
    pub ssrc: u32,
    items: &'a [u8],
}

/// One item: its type (1 is CNAME) and its text, at most 255 bytes, UTF-8 by the rules but not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesItem<'a> {
    pub kind: u8,
    pub text: &'a [u8],
}

impl<'a> SourceDescription<'a> {
    pub(super) fn new(raw: &RawPacket<'a>) -> SourceDescription<'a> {
        SourceDescription { count: raw.count, body: raw.body }
    }

    /// Ends where a chunk is cut.
    pub fn chunks(&self) -> impl Iterator<Item = SdesChunk<'a>> + use<'a> {
        let mut rest = self.body;
        (0..self.count).map_while(move |_| {
            let ssrc = word(rest, 0)?;
            let items_bytes = items_bytes(&rest[4..])?;
            let items = &rest[4..4 + items_bytes];
            // The list ends with one to four zero bytes, at the next word.
            rest = rest.get(4 + (items_bytes / 4 + 1) * 4..)?;
            Some(SdesChunk { ssrc, items })
        })
    }
}

/// Bytes of the items before the zero that ends them; `None` when there is none.
fn items_bytes(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while *bytes.get(at)? != 0 {
        at += 2 + usize::from(*bytes.get(at + 1)?);
    }
    Some(at)
}

impl<'a> SdesChunk<'a> {
    pub fn items(&self) -> impl Iterator<Item = SdesItem<'a>> + use<'a> {
        let mut rest = self.items;
        std::iter::from_fn(move || {
            let [kind, length, text @ ..] = rest else { return None };
            let (text, behind) = text.split_at_checked(usize::from(*length))?;
            rest = behind;
            Some(SdesItem { kind: *kind, text })
        })
    }

    pub fn cname(&self) -> Option<&'a [u8]> {
        self.items().find(|item| item.kind == 1).map(|item| item.text)
    }
}

/// Sources that leave.
#[derive(Clone, Copy)]
pub struct Goodbye<'a> {
    ssrcs: &'a [u8],
    reason: &'a [u8],
}

impl<'a> Goodbye<'a> {
    pub(super) fn read(raw: &RawPacket<'a>) -> Option<Goodbye<'a>> {
        let (ssrcs, reason) = raw.body.split_at_checked(4 * usize::from(raw.count))?;
        Some(Goodbye { ssrcs, reason })
    }

    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + use<'a> {
        let ssrcs = self.ssrcs;
        (0..ssrcs.len() / 4).filter_map(move |at| word(ssrcs, 4 * at))
    }

    pub fn reason(&self) -> Option<&'a [u8]> {
        let (length, text) = self.reason.split_first()?;
        text.get(..usize::from(*length))
    }
}

/// A packet of some application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct App<'a> {
    pub subtype: u8,
    pub ssrc: u32,
    pub name: [u8; 4],
    pub data: &'a [u8],
}

impl<'a> App<'a> {
    pub(super) fn read(raw: &RawPacket<'a>) -> Option<App<'a>> {
        let name = word(raw.body, 4)?.to_be_bytes();
        Some(App { subtype: raw.count, ssrc: word(raw.body, 0)?, name, data: raw.body.get(8..)? })
    }
}
