//! A file read group by group, over damage.

use super::group::{Entries, FileId, Header, Kind, MAGIC, Place};

pub(super) enum Found<'a> {
    Group {
        kind: Kind,
        entries: Entries<'a>,
    },
    Damage {
        offset: usize,
        bytes: usize,
    },
    /// Nothing whole follows: this is what a crash leaves of the last group, or damage.
    Rest {
        offset: usize,
        bytes: usize,
    },
}

pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    file: FileId,
    at: usize,
    /// Bytes that may still be summed in vain.
    budget: usize,
    gave_up: bool,
}

/// Sums in vain may take the file this many times, so that a file made to deceive costs time in proportion to its size.
const SEARCH_SUMS: usize = 2;

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8], file: FileId) -> Self {
        Self { bytes, file, at: 0, budget: bytes.len().saturating_mul(SEARCH_SUMS), gave_up: false }
    }

    /// The search met so many false groups that it was ended: what follows was not looked at.
    pub(super) fn gave_up(&self) -> bool {
        self.gave_up
    }

    fn header(&self, at: usize) -> Option<Header> {
        Header::read(&self.bytes[at..], Place { file: self.file, offset: at as u64 })
    }

    /// The entries of the group with this header, if it is whole. If not, the sum was in vain and is counted.
    fn entries(&mut self, at: usize, header: &Header) -> Option<Entries<'a>> {
        let entries = header.entries(&self.bytes[at..]);
        if entries.is_none() && at + header.group_bytes() <= self.bytes.len() {
            self.budget = self.budget.saturating_sub(header.group_bytes());
            self.gave_up |= self.budget == 0;
        }
        entries
    }

    /// Where the next whole group begins, at `from` or later.
    fn search(&mut self, from: usize) -> Option<usize> {
        let mut at = from;
        while !self.gave_up {
            at += self.bytes.get(at..)?.windows(MAGIC.len()).position(|window| window == MAGIC)?;
            if self.header(at).is_some_and(|header| self.entries(at, &header).is_some()) {
                return Some(at);
            }
            at += 1;
        }
        None
    }

    /// Where to go on after damage at `offset`.
    fn after(&mut self, offset: usize, header: Option<Header>) -> Option<usize> {
        // A whole header tells where the next group begins when only the payload is damaged.
        let next = header.map(|header| offset + header.group_bytes());
        match next {
            Some(next) if next < self.bytes.len() && self.header(next).is_some() => Some(next),
            _ => self.search(offset + 1),
        }
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        let offset = self.at;
        if offset == self.bytes.len() {
            return None;
        }
        let header = self.header(offset);
        if let Some(header) = header
            && let Some(entries) = self.entries(offset, &header)
        {
            self.at = offset + header.group_bytes();
            return Some(Found::Group { kind: header.kind, entries });
        }
        let next = if self.gave_up { None } else { self.after(offset, header) };
        self.at = next.unwrap_or(self.bytes.len());
        let bytes = self.at - offset;
        Some(if next.is_some() { Found::Damage { offset, bytes } } else { Found::Rest { offset, bytes } })
    }
}

#[cfg(test)]
mod tests {
    use super::super::group::Group;
    use super::*;

    const FILE: FileId = FileId::Segment(3);

    fn put(file: &mut Vec<u8>, entry: &[u8]) -> usize {
        let at = file.len();
        let mut group = Group::default();
        group.push(entry);
        file.extend_from_slice(group.seal(Kind::Entries, Place { file: FILE, offset: at as u64 }));
        at
    }

    fn shown(bytes: &[u8]) -> Vec<String> {
        let show = |found| match found {
            Found::Group { entries, .. } => {
                entries.map(|entry| String::from_utf8_lossy(entry).into_owned()).collect()
            }
            Found::Damage { offset, bytes } => format!("damage {offset}+{bytes}"),
            Found::Rest { offset, bytes } => format!("rest {offset}+{bytes}"),
        };
        Scan::new(bytes, FILE).map(show).collect()
    }

    #[test]
    fn damage_costs_its_group_only_wherever_it_is() {
        let mut file = Vec::new();
        let starts = ["one", "two", "three"].map(|entry| put(&mut file, entry.as_bytes()));
        for byte in starts[1]..starts[2] {
            let mut damaged = file.clone();
            damaged[byte] ^= 1;
            let length = starts[2] - starts[1];
            assert_eq!(
                shown(&damaged),
                ["one", &format!("damage {}+{length}", starts[1]), "three"],
                "{byte}"
            );
        }
    }

    #[test]
    fn a_cut_off_end_is_a_rest() {
        let mut file = Vec::new();
        put(&mut file, b"one");
        let last = put(&mut file, b"two");
        for length in last + 1..file.len() {
            assert_eq!(shown(&file[..length]), ["one", &format!("rest {last}+{}", length - last)]);
        }
    }

    #[test]
    fn a_group_inside_an_entry_is_not_taken_for_one() {
        let mut inner = Vec::new();
        put(&mut inner, b"forged");
        let mut file = Vec::new();
        put(&mut file, &inner);
        put(&mut file, b"two");
        file[8] ^= 1;
        assert_eq!(shown(&file).last().map(String::as_str), Some("two"));
        assert_eq!(shown(&file).len(), 2);
    }

    /// 64 MB in which every 32nd byte begins a well-summed header of a group that fills the rest and is damaged: each
    /// honest check of one would sum megabytes, all of them 64 terabytes.
    #[test]
    fn a_segment_made_to_deceive_is_given_up_after_work_in_proportion_to_its_size() {
        const BYTES: usize = 64 << 20;
        let mut file = vec![0u8; BYTES];
        for at in (1..BYTES - 32).step_by(32) {
            let place = Place { file: FILE, offset: at as u64 };
            super::super::group::forge_header(&mut file[at..], (BYTES - at - 24) as u32, place);
        }
        let mut scan = Scan::new(&file, FILE);
        assert!(matches!(scan.next(), Some(Found::Rest { offset: 0, bytes: BYTES })));
        assert!(scan.gave_up() && scan.next().is_none());
    }
}
