//! Reading the log back: the newest complete snapshot, then the segments from its number on.
//!
//! A snapshot that is incomplete or damaged is passed over for the one before, whose segments are still there; what is
//! whole in it is replayed at its place all the same, because later entries put it right.

use super::group::{FileId, Group, Kind};
use super::log::{numbered, segment_name};
use super::scan::{Found, Scan};
use super::snapshot;
use crate::disk::Disk;
use crate::error::StorageError;
use std::collections::BTreeMap;

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub entries: u64,
    pub bytes: u64,
    pub segments: u32,
    /// The end of the newest segment was cut off (a crash): file and bytes given up. Nothing of it was acknowledged,
    /// unless the disk has lost what it had confirmed.
    pub torn: Vec<(String, u64)>,
    /// Acknowledged and not to be read: file, offset, bytes. Offset 0 and all bytes for a segment that is not there.
    pub damaged: Vec<(String, u64, u64)>,
    /// Files in which whole groups may follow the damage: the search for them was given up.
    pub not_searched: Vec<String>,
    /// Snapshots that are incomplete, damaged or cannot be read: an older one was used.
    pub refused_snapshots: Vec<String>,
}

pub(super) struct Recovered {
    pub(super) next_number: u64,
    /// Durable bytes of each segment that was read.
    pub(super) segments: BTreeMap<u64, u64>,
    pub(super) base: u64,
    pub(super) kept_from: u64,
    /// `segments` is complete from here.
    pub(super) known_from: u64,
    pub(super) snapshot_bytes: u64,
    pub(super) refused: Vec<String>,
}

/// Replays all, oldest first. When this returns `Ok` everything that was replayed is durable: after kill -9 the newest
/// segment may end with a group that the system, and not yet the disk, has.
pub(super) fn recover(
    disk: &dyn Disk,
    replay: &mut dyn FnMut(&[u8]),
) -> Result<(Recovered, Report), StorageError> {
    let path = disk.path();
    let names = disk.list().map_err(StorageError::io("list", &path))?;
    let mut reading = Reading { disk, replay, report: Report::default() };
    let snapshots: Vec<_> = numbered(&names, "snapshot-").collect();
    let chosen = reading.choose(&snapshots);
    let base = chosen.as_ref().map_or(0, |(number, _)| *number);
    let snapshot_bytes = chosen.as_ref().map_or(0, |(_, bytes)| bytes.len() as u64);
    if let Some((number, bytes)) = chosen {
        reading.snapshot(number, &bytes);
    }
    let heard = reading.newest_head(&names)?;
    let segments = reading.segments(&names, &snapshots, base, &heard)?;
    // A file that was made or named just before kill -9 is not lost to a power cut now.
    disk.sync_names().map_err(StorageError::io("sync", &path))?;
    let report = reading.report;
    let numbers = numbered(&names, "journal-").chain(snapshots.iter().copied()).map(|(number, _)| number);
    let recovered = Recovered {
        next_number: numbers.max().unwrap_or(0) + 1,
        segments,
        base,
        kept_from: snapshots.iter().rev().map(|(number, _)| *number).find(|n| *n < base).unwrap_or(0),
        known_from: if heard.before >= base { heard.from } else { base },
        snapshot_bytes,
        refused: report.refused_snapshots.clone(),
    };
    Ok((recovered, report))
}

struct Reading<'a> {
    disk: &'a dyn Disk,
    replay: &'a mut dyn FnMut(&[u8]),
    report: Report,
}

impl Reading<'_> {
    /// The newest complete snapshot.
    fn choose(&mut self, snapshots: &[(u64, &str)]) -> Option<(u64, Vec<u8>)> {
        for (number, name) in snapshots.iter().rev() {
            match self.disk.read(name) {
                Ok(bytes) if snapshot::is_complete(&bytes, *number) => return Some((*number, bytes)),
                Ok(_) | Err(_) => self.report.refused_snapshots.push((*name).into()),
            }
        }
        None
    }

    fn snapshot(&mut self, number: u64, bytes: &[u8]) {
        for found in Scan::new(bytes, FileId::Snapshot(number)) {
            match found {
                Found::Group { kind: Kind::Entries, entries } => self.replay(entries),
                Found::Group { kind: Kind::Head | Kind::End, .. } => {}
                // Reported as a refused snapshot.
                Found::Damage { .. } | Found::Rest { .. } => {}
            }
        }
        self.report.bytes += bytes.len() as u64;
    }

    fn replay<'b>(&mut self, entries: impl Iterator<Item = &'b [u8]>) {
        for entry in entries {
            (self.replay)(entry);
            self.report.entries += 1;
        }
    }

    /// Replays the segments from `base` on, and returns the durable bytes of each.
    fn segments(
        &mut self,
        names: &[String],
        snapshots: &[(u64, &str)],
        base: u64,
        heard: &Heard,
    ) -> Result<BTreeMap<u64, u64>, StorageError> {
        let mut durable = heard.acknowledged.clone();
        let present: Vec<_> = numbered(names, "journal-").collect();
        for (number, bytes) in heard.acknowledged.range(base..) {
            if !present.iter().any(|(n, _)| n == number) {
                self.report.damaged.push((segment_name(*number), 0, *bytes));
                durable.remove(number);
            }
        }
        let mut refused = snapshots.iter().filter(|(number, _)| *number > base).peekable();
        for (number, name) in present.into_iter().filter(|(number, _)| *number >= base) {
            while let Some((of, name)) = refused.next_if(|(of, _)| *of <= number) {
                let bytes = self.disk.read(name).unwrap_or_default();
                self.snapshot(*of, &bytes);
            }
            let bytes = self.segment(number, name, heard.bytes_of(number))?;
            if bytes > 0 {
                durable.insert(number, bytes);
            }
        }
        for (of, name) in refused {
            let bytes = self.disk.read(name).unwrap_or_default();
            self.snapshot(*of, &bytes);
        }
        Ok(durable)
    }

    /// The newest head that can be read.
    fn newest_head(&self, names: &[String]) -> Result<Heard, StorageError> {
        let segments: Vec<_> = numbered(names, "journal-").collect();
        for (number, name) in segments.iter().rev() {
            let bytes = self.read(name)?;
            let first = Scan::new(&bytes, FileId::Segment(*number)).next();
            if let Some(Found::Group { kind: Kind::Head, entries }) = first
                && let Some(heard) = Heard::read(*number, entries)
            {
                return Ok(heard);
            }
        }
        Ok(Heard::default())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError> {
        self.disk.read(name).map_err(StorageError::io("read", &self.disk.path().join(name)))
    }

    /// Replays the whole groups of a segment; returns how many of its bytes are durable.
    fn segment(&mut self, number: u64, name: &str, acknowledged: Option<u64>) -> Result<u64, StorageError> {
        let bytes = self.read(name)?;
        let present = bytes.len() as u64;
        // What lies beyond was answered "failed" when it was written, and is no part of the state.
        let believed = acknowledged.map_or(present, |acknowledged| acknowledged.min(present));
        let mut scan = Scan::new(&bytes[..believed as usize], FileId::Segment(number));
        let mut torn_at = None;
        for found in scan.by_ref() {
            match found {
                Found::Group { kind: Kind::Entries, entries } => self.replay(entries),
                Found::Group { kind: Kind::Head | Kind::End, .. } => {}
                Found::Rest { offset, bytes }
                    if acknowledged.is_none() && (offset > 0 || bytes <= HEAD_BYTES_MAX) =>
                {
                    torn_at = Some(offset as u64);
                }
                Found::Damage { offset, bytes } | Found::Rest { offset, bytes } => {
                    self.report.damaged.push((name.into(), offset as u64, bytes as u64));
                }
            }
        }
        if scan.gave_up() {
            self.report.not_searched.push(name.into());
        }
        if let Some(at) = torn_at {
            self.report.torn.push((name.into(), present - at));
        }
        self.report.segments += 1;
        self.report.bytes += torn_at.unwrap_or(believed);
        let Some(acknowledged) = acknowledged else {
            // Cut off only when all of it was searched.
            return self.adopt(name, present, torn_at, !scan.gave_up());
        };
        if acknowledged > present {
            self.report.damaged.push((name.into(), present, acknowledged - present));
        }
        Ok(acknowledged)
    }

    /// Makes durable what was found in the newest segment. A torn end is cut off, so that it is reported once; if that
    /// fails the next start reports it again.
    fn adopt(&self, name: &str, present: u64, torn_at: Option<u64>, cut: bool) -> Result<u64, StorageError> {
        if let (Some(at), true) = (torn_at, cut) {
            let _ = self.disk.truncate(name, at);
        }
        self.disk.sync(name).map_err(StorageError::io("sync", &self.disk.path().join(name)))?;
        Ok(torn_at.unwrap_or(present))
    }
}

/// A head is durable before anything follows it, so only a file as short as a head can have been torn at its start.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// What a head says of the segments before its own.
#[derive(Default)]
struct Heard {
    acknowledged: BTreeMap<u64, u64>,
    /// It speaks of the segments from here,
    from: u64,
    /// and before here.
    before: u64,
}

impl Heard {
    fn read<'a>(number: u64, mut entries: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let word = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
        let from = word(entries.next()?)?;
        let mut acknowledged = BTreeMap::new();
        for entry in entries {
            let (of, bytes) = entry.split_at_checked(8)?;
            acknowledged.insert(word(of)?, word(bytes)?);
        }
        Some(Self { acknowledged, from, before: number })
    }

    /// `None` when nothing is known: it is the newest segment, or heads are lost.
    fn bytes_of(&self, segment: u64) -> Option<u64> {
        let known = (self.from..self.before).contains(&segment);
        known.then(|| self.acknowledged.get(&segment).copied().unwrap_or(0))
    }
}

/// The head of a segment; `acknowledged` is complete from segment `from` on.
pub(super) fn head(from: u64, acknowledged: &BTreeMap<u64, u64>) -> Group {
    let mut head = Group::default();
    head.push(&from.to_le_bytes());
    for (number, bytes) in acknowledged {
        let mut entry = [0; 16];
        entry[..8].copy_from_slice(&number.to_le_bytes());
        entry[8..].copy_from_slice(&bytes.to_le_bytes());
        head.push(&entry);
    }
    head
}
