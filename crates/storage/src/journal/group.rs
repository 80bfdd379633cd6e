//! One group: what is written and synced at once.
//!
//! `magic u32 | kind u32 | payload bytes u32 | entries u32 | crc32c of the payload u32 | crc32c of this header u32 |
//! payload`, little endian; the payload is entries, each `bytes u32 | bytes`. The checksum of the header begins with the
//! place of the group (file and offset), so that bytes which were a group elsewhere, or which a phone has put into a
//! field of its own, are no group here.

pub(super) const HEADER_BYTES: usize = 24;
const SUMMED_BYTES: usize = 20;
pub(super) const MAGIC: [u8; 4] = *b"CGJ2";
/// No group is larger than this (bytes): the journal cuts far below it, and reading believes nothing beyond.
pub(super) const GROUP_BYTES_MAX: usize = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Entries of live state.
    Entries = 1,
    /// First in a segment: how much of the segments before was made durable.
    Head = 2,
    /// Last in a snapshot: how many entries it has.
    End = 3,
}

/// Which file, and where in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) file: FileId,
    pub(super) offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileId {
    Segment(u64),
    Snapshot(u64),
}

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

    /// Writes the header; the bytes are then ready for the disk, at this place and no other.
    pub(super) fn seal(&mut self, kind: Kind, place: Place) -> &[u8] {
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER_BYTES, 0);
        }
        let sum = crc32c::crc32c(&self.bytes[HEADER_BYTES..]);
        let words = [kind as u32, self.payload_bytes() as u32, self.entries, sum];
        self.bytes[..4].copy_from_slice(&MAGIC);
        for (index, word) in words.into_iter().enumerate() {
            self.bytes[4 + index * 4..][..4].copy_from_slice(&word.to_le_bytes());
        }
        let sum = crc32c::crc32c_append(place.seed(), &self.bytes[..SUMMED_BYTES]);
        self.bytes[SUMMED_BYTES..HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
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

impl Place {
    fn seed(self) -> u32 {
        let (kind, number) = match self.file {
            FileId::Segment(number) => (0u8, number),
            FileId::Snapshot(number) => (1u8, number),
        };
        let sum = crc32c::crc32c(&[kind]);
        let sum = crc32c::crc32c_append(sum, &number.to_le_bytes());
        crc32c::crc32c_append(sum, &self.offset.to_le_bytes())
    }
}

/// What a whole header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    payload_bytes: usize,
    entries: u32,
    sum: u32,
}

impl Header {
    /// The header at the start of `bytes`, if there is a whole one.
    pub(super) fn read(bytes: &[u8], place: Place) -> Option<Self> {
        let header = bytes.get(..HEADER_BYTES)?;
        if !header.starts_with(&MAGIC) {
            return None;
        }
        let word = |index: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&header[index * 4..][..4]);
            u32::from_le_bytes(word)
        };
        if crc32c::crc32c_append(place.seed(), &header[..SUMMED_BYTES]) != word(5) {
            return None;
        }
        let kind = [Kind::Entries, Kind::Head, Kind::End].into_iter().find(|kind| *kind as u32 == word(1))?;
        let (payload_bytes, entries) = (word(2) as usize, word(3));
        // An entry has at least its length.
        let plausible = payload_bytes <= GROUP_BYTES_MAX && entries as usize <= payload_bytes / 4;
        plausible.then_some(Self { kind, payload_bytes, entries, sum: word(4) })
    }

    /// Header and payload.
    pub(super) fn group_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes
    }

    /// The entries of the group that begins with `bytes`; `None` when it is cut off or damaged.
    pub(super) fn entries<'a>(&self, bytes: &'a [u8]) -> Option<Entries<'a>> {
        let payload = bytes.get(HEADER_BYTES..self.group_bytes())?;
        (crc32c::crc32c(payload) == self.sum).then_some(Entries { bytes: payload, left: self.entries })
    }
}

#[derive(Clone)]
pub(super) struct Entries<'a> {
    bytes: &'a [u8],
    left: u32,
}

impl<'a> Iterator for Entries<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let (length, rest) = self.bytes.split_at_checked(4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        let (entry, rest) = rest.split_at_checked(length)?;
        self.bytes = rest;
        Some(entry)
    }
}

/// A header whose own sum is right, over a payload that is not: what a search must not sum without end.
#[cfg(test)]
pub(super) fn forge_header(bytes: &mut [u8], payload_bytes: u32, place: Place) {
    bytes[..4].copy_from_slice(&MAGIC);
    for (index, word) in [Kind::Entries as u32, payload_bytes, 1, 0x0bad_0bad].into_iter().enumerate() {
        bytes[4 + index * 4..][..4].copy_from_slice(&word.to_le_bytes());
    }
    let sum = crc32c::crc32c_append(place.seed(), &bytes[..SUMMED_BYTES]);
    bytes[SUMMED_BYTES..HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { file: FileId::Segment(7), offset: 100 };

    fn sealed() -> Vec<u8> {
        let mut group = Group::default();
        for entry in [&b"one"[..], b"", b"three"] {
            group.push(entry);
        }
        group.seal(Kind::Entries, PLACE).to_vec()
    }

    fn read(bytes: &[u8], place: Place) -> Option<Vec<&[u8]>> {
        Some(Header::read(bytes, place)?.entries(bytes)?.collect())
    }

    #[test]
    fn a_group_reads_back_and_any_changed_bit_is_noticed() {
        let bytes = sealed();
        assert_eq!(read(&bytes, PLACE), Some(vec![&b"one"[..], b"", b"three"]));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&damaged, PLACE).is_none(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], PLACE).is_none(), "cut at {length}");
        }
    }

    #[test]
    fn a_group_is_none_at_another_place() {
        let bytes = sealed();
        assert!(read(&bytes, Place { offset: 101, ..PLACE }).is_none());
        assert!(read(&bytes, Place { file: FileId::Segment(8), ..PLACE }).is_none());
        assert!(read(&bytes, Place { file: FileId::Snapshot(7), ..PLACE }).is_none());
    }
}
