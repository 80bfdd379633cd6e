//! Snapshots: the whole state in one file, with an end that says how many entries it has.

use super::group::{FileId, Group, Kind, Place};
use super::scan::{Found, Scan};
use crate::disk::{Disk, DiskFile};
use crate::error::StorageError;
use std::io;

/// Entries are gathered into groups of this payload (bytes).
const GROUP_BYTES: usize = 1 << 20;

/// Emits the whole live state as entries.
pub type Dump<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&[u8]));

/// Writes the snapshot for segment `number`; returns its bytes. It has its name only once it is whole and durable. Runs
/// beside the writer.
pub fn write(disk: &dyn Disk, number: u64, dump: Dump<'_>) -> Result<u64, StorageError> {
    let (name, unfinished) = (name(number), format!("snapshot-{number:016x}.tmp"));
    let path = disk.path().join(&unfinished);
    let _ = disk.remove(&unfinished);
    let file = disk.create(&unfinished).map_err(StorageError::io("create", &path))?;
    let mut writing =
        Writing { file, number, group: Group::default(), bytes: 0, entries: 0, outcome: Ok(()) };
    dump(&mut |entry| writing.push(entry));
    let written = writing
        .finish()
        .and_then(|bytes| disk.rename(&unfinished, &name).and_then(|()| disk.sync_names()).map(|()| bytes));
    written.map_err(|error| {
        // The space is wanted for the segments.
        let _ = disk.remove(&unfinished);
        StorageError::io("write", &path)(error)
    })
}

struct Writing {
    file: Box<dyn DiskFile>,
    number: u64,
    group: Group,
    bytes: u64,
    entries: u64,
    outcome: io::Result<()>,
}

impl Writing {
    fn push(&mut self, entry: &[u8]) {
        if self.outcome.is_err() {
            return;
        }
        self.group.push(entry);
        self.entries += 1;
        if self.group.payload_bytes() > GROUP_BYTES {
            self.flush(Kind::Entries);
        }
    }

    fn flush(&mut self, kind: Kind) {
        if self.outcome.is_ok() && !self.group.is_empty() {
            let place = Place { file: FileId::Snapshot(self.number), offset: self.bytes };
            let bytes = self.group.seal(kind, place);
            self.bytes += bytes.len() as u64;
            self.outcome = self.file.append(bytes);
        }
        self.group.clear();
    }

    fn finish(mut self) -> io::Result<u64> {
        self.flush(Kind::Entries);
        self.group.push(&self.entries.to_le_bytes());
        self.flush(Kind::End);
        self.outcome?;
        self.file.sync()?;
        Ok(self.bytes)
    }
}

/// Whole, from the first entry to an end that counted as many.
pub(super) fn is_complete(bytes: &[u8], number: u64) -> bool {
    let mut scan = Scan::new(bytes, FileId::Snapshot(number));
    let mut seen = 0u64;
    loop {
        match scan.next() {
            Some(Found::Group { kind: Kind::Entries, entries }) => seen += entries.count() as u64,
            Some(Found::Group { kind: Kind::End, mut entries }) => {
                return entries.next() == Some(&seen.to_le_bytes()) && scan.next().is_none();
            }
            Some(Found::Group { kind: Kind::Head, .. } | Found::Damage { .. } | Found::Rest { .. })
            | None => {
                return false;
            }
        }
    }
}

pub(super) fn name(number: u64) -> String {
    format!("snapshot-{number:016x}.log")
}
