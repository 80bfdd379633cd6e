//! The log without threads: segments, recovery, snapshots.
//!
//! Files: `journal-<number>.log` are segments, in order; `snapshot-<number>.log` holds the whole state as it was at or
//! after the moment that segment `<number>` began. Recovery reads the newest complete snapshot, then the segments from
//! its number on. Entries are "set" operations, so an older entry replayed over a newer snapshot is put right by the
//! later entries that the same segments hold.
//!
//! After a failed write or sync the segment is left alone for ever and the next group opens a new one: what a disk does
//! with pages after a failed sync is unknown, and nothing after the failure was acknowledged.

use super::group::{self, Group};
use crate::disk::{Disk, DiskFile};
use crate::error::StorageError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A segment longer than this is closed and the next begun (bytes).
    pub segment_bytes_max: u64,
    /// A snapshot is due once the segments since the last hold this much (bytes), or four times the last snapshot.
    pub snapshot_due_bytes: u64,
    /// Under load a group starts no earlier than this after the one before (microseconds): answers share writes.
    pub group_interval_us: u64,
    /// Bytes that may wait for the disk; beyond, appends are refused. Worst-case memory is twice this.
    pub waiting_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes_max: 64 << 20,
            snapshot_due_bytes: 64 << 20,
            group_interval_us: 2_500,
            waiting_bytes_max: 32 << 20,
        }
    }
}

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub entries: u64,
    pub bytes: u64,
    pub segments: u32,
    /// Segments whose last group was cut off (a crash or a full disk): file and bytes given up.
    pub torn: Vec<(String, u64)>,
    /// Damage before the end of a file: file, offset, bytes that could not be read.
    pub damaged: Vec<(String, u64, u64)>,
}

pub struct Log {
    disk: Arc<dyn Disk>,
    options: Options,
    file: Option<Box<dyn DiskFile>>,
    /// Number of the segment that is open, or that the next one gets.
    number: u64,
    segment_bytes: u64,
    since_snapshot_bytes: u64,
    snapshot_bytes: u64,
}

impl Log {
    /// Reads everything back, oldest first, then starts a new segment with the first group.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        replay: &mut dyn FnMut(&[u8]),
    ) -> Result<(Self, Report), StorageError> {
        let path = disk.path();
        let names = disk.list().map_err(StorageError::io("list", &path))?;
        let mut report = Report::default();
        let mut log = Self {
            disk,
            options,
            file: None,
            number: 1,
            segment_bytes: 0,
            since_snapshot_bytes: 0,
            snapshot_bytes: 0,
        };
        let base = log.replay_snapshot(&names, replay, &mut report)?;
        for (number, name) in numbered(&names, "journal-") {
            log.number = log.number.max(number + 1);
            if number >= base {
                log.since_snapshot_bytes += log.replay_segment(name, replay, &mut report)?;
            }
        }
        log.number = log.number.max(base);
        log.remove_before(base, &names);
        Ok((log, report))
    }

    /// Writes one group and makes it durable. After an error nothing of it is acknowledged.
    pub fn write(&mut self, group: &mut Group) -> Result<(), StorageError> {
        let bytes = group.seal();
        if self.file.is_none() || self.segment_bytes + bytes.len() as u64 > self.options.segment_bytes_max {
            self.begin_segment()?;
        }
        let Some(file) = &mut self.file else { return Err(StorageError::JournalFull) };
        match file.append(bytes).and_then(|()| file.sync()) {
            Ok(()) => {
                self.segment_bytes += bytes.len() as u64;
                self.since_snapshot_bytes += bytes.len() as u64;
                Ok(())
            }
            Err(e) => {
                self.file = None;
                Err(StorageError::io("write", &self.path_of(self.number - 1))(e))
            }
        }
    }

    pub fn snapshot_is_due(&self) -> bool {
        self.since_snapshot_bytes >= self.options.snapshot_due_bytes.max(4 * self.snapshot_bytes)
    }

    /// Begins a segment, so that all entries from now on are in it or later: the first step of a snapshot.
    pub fn rotate(&mut self) -> Result<u64, StorageError> {
        self.begin_segment()?;
        Ok(self.number - 1)
    }

    /// The last step: the snapshot of this number is in place, so what is older goes.
    pub fn snapshot_taken(&mut self, number: u64, bytes: u64) {
        self.snapshot_bytes = bytes;
        self.since_snapshot_bytes = self.segment_bytes;
        if let Ok(names) = self.disk.list() {
            self.remove_before(number, &names);
        }
    }

    fn begin_segment(&mut self) -> Result<(), StorageError> {
        self.file = None;
        let name = segment_name(self.number);
        let made = self.disk.create(&name).and_then(|file| self.disk.sync_names().map(|()| file));
        // The number is spent even when this fails: the name may be there.
        self.number += 1;
        self.segment_bytes = 0;
        self.file = Some(made.map_err(StorageError::io("create", &self.disk.path().join(name)))?);
        Ok(())
    }

    fn replay_snapshot(
        &mut self,
        names: &[String],
        replay: &mut dyn FnMut(&[u8]),
        report: &mut Report,
    ) -> Result<u64, StorageError> {
        // A snapshot gets its name only once it is complete, so the newest is the one. Should it be damaged all the
        // same, its whole groups are used and the damage is reported.
        let Some((number, name)) = numbered(names, "snapshot-").last() else { return Ok(0) };
        self.snapshot_bytes = self.replay_segment(name, replay, report)?;
        Ok(number)
    }

    /// Replays the whole groups of a file; returns its good bytes.
    fn replay_segment(
        &self,
        name: &str,
        replay: &mut dyn FnMut(&[u8]),
        report: &mut Report,
    ) -> Result<u64, StorageError> {
        let bytes = self.disk.read(name).map_err(StorageError::io("read", &self.disk.path().join(name)))?;
        report.segments += 1;
        let mut at = 0;
        while at < bytes.len() {
            if let Some((length, entries)) = group::read(&bytes[at..]) {
                for entry in entries {
                    replay(entry);
                    report.entries += 1;
                }
                at += length;
                continue;
            }
            match group::find(&bytes[at..]) {
                Some(skip) => {
                    report.damaged.push((name.into(), at as u64, skip as u64));
                    at += skip;
                }
                None => {
                    report.torn.push((name.into(), (bytes.len() - at) as u64));
                    // Repaired, so that it is reported once. If that fails the next start reports it again.
                    let _ = self.disk.truncate(name, at as u64);
                    break;
                }
            }
        }
        report.bytes += at as u64;
        Ok(at as u64)
    }

    /// Removes segments and snapshots older than this number, and snapshots that were never finished.
    fn remove_before(&self, number: u64, names: &[String]) {
        let old_segments = numbered(names, "journal-").filter(|(n, _)| *n < number).map(|(_, name)| name);
        let old_snapshots = numbered(names, "snapshot-").filter(|(n, _)| *n < number).map(|(_, name)| name);
        let unfinished = names.iter().map(String::as_str).filter(|n| n.ends_with(".tmp"));
        for name in old_segments.chain(old_snapshots).chain(unfinished) {
            // One that stays is removed by the next snapshot or start.
            let _ = self.disk.remove(name);
        }
    }

    fn path_of(&self, number: u64) -> PathBuf {
        self.disk.path().join(segment_name(number))
    }
}

/// Writes a snapshot file for segment `number` from what `dump` emits; returns its bytes. Runs beside the writer.
pub(super) fn write_snapshot(
    disk: &dyn Disk,
    number: u64,
    dump: &mut dyn FnMut(&mut dyn FnMut(&[u8])),
) -> Result<u64, StorageError> {
    let (name, unfinished) = (format!("snapshot-{number:016x}.log"), format!("snapshot-{number:016x}.tmp"));
    let path = disk.path().join(&unfinished);
    let _ = disk.remove(&unfinished);
    let mut file = disk.create(&unfinished).map_err(StorageError::io("create", &path))?;
    let mut group = Group::default();
    let mut total = 0u64;
    let mut outcome: io::Result<()> = Ok(());
    let mut flush = |group: &mut Group, outcome: &mut io::Result<()>| {
        if outcome.is_ok() && !group.is_empty() {
            let bytes = group.seal();
            total += bytes.len() as u64;
            *outcome = file.append(bytes);
        }
        group.clear();
    };
    dump(&mut |entry| {
        group.push(entry);
        if group.payload_bytes() > 1 << 20 {
            flush(&mut group, &mut outcome);
        }
    });
    flush(&mut group, &mut outcome);
    outcome.and_then(|()| file.sync()).map_err(StorageError::io("write", &path))?;
    disk.rename(&unfinished, &name)
        .and_then(|()| disk.sync_names())
        .map_err(StorageError::io("rename", &path))?;
    Ok(total)
}

fn segment_name(number: u64) -> String {
    format!("journal-{number:016x}.log")
}

/// The files of one kind with their numbers, in order. `names` is sorted.
fn numbered<'a>(names: &'a [String], prefix: &'a str) -> impl Iterator<Item = (u64, &'a str)> + 'a {
    names.iter().filter_map(move |name| {
        let number = name.strip_prefix(prefix)?.strip_suffix(".log")?;
        Some((u64::from_str_radix(number, 16).ok()?, name.as_str()))
    })
}

impl Log {
    /// Rotation, dump and removal in one go: for those who have no writer thread.
    pub fn take_snapshot(&mut self, dump: &mut dyn FnMut(&mut dyn FnMut(&[u8]))) -> Result<(), StorageError> {
        let number = self.rotate()?;
        let bytes = write_snapshot(&*self.disk, number, dump)?;
        self.snapshot_taken(number, bytes);
        Ok(())
    }

    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        self.disk.clone()
    }
}

/// A group under way; see [`Log::write`].
pub use super::group::Group as OpenGroup;
