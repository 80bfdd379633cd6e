//! One group: what is written and synced at once.
//!
//! `magic u32 | payload bytes u32 | crc32c u32 | entries u32 | payload`, little endian; the payload is entries, each
//! `bytes u32 | bytes`. The checksum covers everything after itself.

pub(super) const HEADER_BYTES: usize = 16;
const MAGIC: u32 = 0x314a_4743;
/// A group larger than this is not believed (bytes). The writer cuts groups far below it.
pub(super) const GROUP_BYTES_MAX: usize = 64 << 20;

/// Entries of a group under way. Keeps its memory between groups.
#[derive(Default)]
pub struct Group {
    bytes: Vec<u8>,
    entries: u32,
}

impl Group {
    pub fn push(&mut self, entry: &[u8]) {
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER_BYTES, 0);
        }
        self.bytes.extend_from_slice(&(entry.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(entry);
        self.entries += 1;
    }

    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    pub fn entries(&self) -> u32 {
        self.entries
    }

    pub fn payload_bytes(&self) -> usize {
        self.bytes.len().saturating_sub(HEADER_BYTES)
    }

    /// Writes the header; the bytes are then ready for the disk.
    pub fn seal(&mut self) -> &[u8] {
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER_BYTES, 0);
        }
        let payload = (self.bytes.len() - HEADER_BYTES) as u32;
        self.bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        self.bytes[4..8].copy_from_slice(&payload.to_le_bytes());
        self.bytes[12..16].copy_from_slice(&self.entries.to_le_bytes());
        let sum = crc32c::crc32c(&self.bytes[12..]);
        self.bytes[8..12].copy_from_slice(&sum.to_le_bytes());
        &self.bytes
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries = 0;
        if self.bytes.capacity() > 4 << 20 {
            self.bytes.shrink_to(1 << 20);
        }
    }
}

/// The group at the start of `bytes`, checked: its length and its entries. `None` when it is torn or damaged.
pub(super) fn read(bytes: &[u8]) -> Option<(usize, Entries<'_>)> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if word(0)? != MAGIC {
        return None;
    }
    let payload = word(4)? as usize;
    if payload > GROUP_BYTES_MAX {
        return None;
    }
    let checked = bytes.get(12..HEADER_BYTES + payload)?;
    if crc32c::crc32c(checked) != word(8)? {
        return None;
    }
    Some((
        HEADER_BYTES + payload,
        Entries { bytes: &bytes[HEADER_BYTES..HEADER_BYTES + payload], left: word(12)? },
    ))
}

/// Where the next whole group begins after damage, if there is one.
pub(super) fn find(bytes: &[u8]) -> Option<usize> {
    let magic = MAGIC.to_le_bytes();
    (1..bytes.len().saturating_sub(HEADER_BYTES))
        .find(|at| bytes[*at..].starts_with(&magic) && read(&bytes[*at..]).is_some())
}

pub(super) struct Entries<'a> {
    bytes: &'a [u8],
    left: u32,
}

impl<'a> Iterator for Entries<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let (length, rest) = self.bytes.split_at_checked(4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        let (entry, rest) = rest.split_at_checked(length)?;
        self.bytes = rest;
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_reads_back_and_any_changed_bit_is_noticed() {
        let mut group = Group::default();
        group.push(b"one");
        group.push(b"");
        group.push(b"three");
        let bytes = group.seal().to_vec();
        let (length, entries) = read(&bytes).expect("whole");
        assert_eq!(length, bytes.len());
        assert_eq!(entries.collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&damaged).is_none(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_none(), "cut at {length}");
        }
    }
}
