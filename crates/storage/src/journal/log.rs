//! The log without threads: what is written. How it is read back is in `recovery`.
//!
//! Files: `journal-<number>.log` are segments, in order; `snapshot-<number>.log` holds the whole state as it was at or
//! after the moment that segment `<number>` began. Entries are "set" operations, so an older entry replayed over a newer
//! snapshot is put right by the later entries that the same segments hold.
//!
//! A segment begins with a head: how many bytes of each segment before it were made durable. So recovery tells damage
//! from what a crash or a failed write left behind, except at the end of the newest segment.
//!
//! After a failed write or sync the segment is left alone for ever and the next group opens a new one: what a disk does
//! with pages after a failed sync is unknown, and nothing after the failure was acknowledged.
//!
//! The snapshot before the newest stays, with its segments, until the next is taken: should the newest be damaged, that
//! one is used. On disk the journal takes at most about three times the larger of [`Options::snapshot_due_bytes`] and
//! four snapshots.

use super::group::{FileId, GROUP_BYTES_MAX, Group, HEADER_BYTES, Kind, Place};
use super::recovery::{self, Recovered, Report};
use super::snapshot::{self, Dump};
use crate::disk::{Disk, DiskFile};
use crate::error::StorageError;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A segment longer than this is closed and the next begun (bytes).
    pub segment_bytes_max: u64,
    /// A snapshot is due once the segments since the last hold this much (bytes), or four times the last snapshot.
    pub snapshot_due_bytes: u64,
    /// Under load a group starts no earlier than this after the one before (microseconds): answers share writes.
    pub group_interval_us: u64,
    /// Bytes that may wait for the disk, at most 64 MB; beyond, appends are refused. Worst-case memory is twice this.
    pub waiting_bytes_max: usize,
    /// A snapshot that failed is not due again before this: a disk that is full must not be filled again every second.
    pub snapshot_retry: Duration,
    /// The same after a failure of the journal, when registrations wait for the snapshot.
    pub catch_up_retry: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes_max: 64 << 20,
            snapshot_due_bytes: 64 << 20,
            group_interval_us: 2_500,
            waiting_bytes_max: 32 << 20,
            snapshot_retry: Duration::from_secs(30),
            catch_up_retry: Duration::from_secs(5),
        }
    }
}

pub struct Log {
    disk: Arc<dyn Disk>,
    options: Options,
    open: Option<Segment>,
    /// The number that the next segment gets.
    next_number: u64,
    /// Durable bytes of the segments that are closed and still needed, by number. Segments of which nothing was
    /// acknowledged are not in it. 16 bytes each in a head; a segment is 64 MB, so there are a handful.
    closed: BTreeMap<u64, u64>,
    since_snapshot_bytes: u64,
    snapshot_bytes: u64,
    /// Number of the newest snapshot that is known to be whole; 0 without one.
    base: u64,
    /// Number of the snapshot before `base`, which is kept; 0 without one.
    kept_from: u64,
    /// `closed` is complete from this segment on.
    known_from: u64,
    /// Snapshots that were found incomplete; removed once there is a good one.
    refused: Vec<String>,
}

struct Segment {
    file: Box<dyn DiskFile>,
    number: u64,
    /// Durable.
    bytes: u64,
    /// Has groups after its head.
    used: bool,
}

impl Log {
    /// Reads everything back, oldest first, and makes it durable; a new segment begins with the first group.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        replay: &mut dyn FnMut(&[u8]),
    ) -> Result<(Self, Report), StorageError> {
        let (recovered, report) = recovery::recover(&*disk, replay)?;
        let Recovered { next_number, segments, base, kept_from, known_from, snapshot_bytes, refused } =
            recovered;
        let log = Self {
            disk,
            options,
            open: None,
            next_number,
            since_snapshot_bytes: segments.range(base..).map(|(_, bytes)| bytes).sum(),
            closed: segments,
            snapshot_bytes,
            base,
            kept_from,
            known_from,
            refused,
        };
        log.remove_before(kept_from);
        Ok((log, report))
    }

    /// Writes one group and makes it durable. After an error nothing of it is acknowledged.
    pub fn write(&mut self, group: &mut Group) -> Result<(), StorageError> {
        let length = (HEADER_BYTES + group.payload_bytes()) as u64;
        if group.payload_bytes() > GROUP_BYTES_MAX {
            return Err(StorageError::JournalFull);
        }
        let mut segment = match self.open.take() {
            Some(open) if !open.used || open.bytes + length <= self.options.segment_bytes_max => open,
            full => {
                self.close(full);
                self.begin()?
            }
        };
        let place = Place { file: FileId::Segment(segment.number), offset: segment.bytes };
        let written =
            segment.file.append(group.seal(Kind::Entries, place)).and_then(|()| segment.file.sync());
        match written {
            Ok(()) => {
                segment.bytes += length;
                segment.used = true;
                self.since_snapshot_bytes += length;
                self.open = Some(segment);
                Ok(())
            }
            Err(error) => {
                let path = self.disk.path().join(segment_name(segment.number));
                self.close(Some(segment));
                Err(StorageError::io("write", &path)(error))
            }
        }
    }

    pub fn snapshot_is_due(&self) -> bool {
        self.since_snapshot_bytes >= self.options.snapshot_due_bytes.max(4 * self.snapshot_bytes)
    }

    /// Begins a segment, so that all entries from now on are in it or later: the first step of a snapshot.
    pub fn rotate(&mut self) -> Result<u64, StorageError> {
        let old = self.open.take();
        self.close(old);
        let segment = self.begin()?;
        let number = segment.number;
        self.open = Some(segment);
        Ok(number)
    }

    /// The last step: the snapshot of this number is in place, so what is older than the one before it goes.
    pub fn snapshot_taken(&mut self, number: u64, bytes: u64) {
        self.snapshot_bytes = bytes;
        let open = self.open.as_ref().map_or(0, |open| open.bytes);
        self.since_snapshot_bytes = self.closed.range(number..).map(|(_, bytes)| bytes).sum::<u64>() + open;
        self.kept_from = std::mem::replace(&mut self.base, number);
        self.known_from = self.known_from.max(self.kept_from);
        self.closed = self.closed.split_off(&self.kept_from);
        self.remove_before(self.kept_from);
        for name in std::mem::take(&mut self.refused) {
            let _ = self.disk.remove(&name);
        }
    }

    /// Rotation, dump and removal in one go: for those who have no writer thread.
    pub fn take_snapshot(&mut self, dump: Dump<'_>) -> Result<(), StorageError> {
        let number = self.rotate()?;
        let bytes = snapshot::write(&*self.disk, number, dump)?;
        self.snapshot_taken(number, bytes);
        Ok(())
    }

    fn close(&mut self, segment: Option<Segment>) {
        let Some(segment) = segment else { return };
        if segment.used {
            self.closed.insert(segment.number, segment.bytes);
        } else {
            // Nothing of it was acknowledged. A disk that is full makes many of these; one that stays does no harm.
            let _ = self.disk.remove(&segment_name(segment.number));
        }
    }

    fn begin(&mut self) -> Result<Segment, StorageError> {
        let number = self.next_number;
        // The number is spent even when this fails: the name may be there.
        self.next_number += 1;
        let name = segment_name(number);
        self.try_begin(number, &name).map_err(|error| {
            let _ = self.disk.remove(&name);
            StorageError::io("begin", &self.disk.path().join(name))(error)
        })
    }

    fn try_begin(&self, number: u64, name: &str) -> io::Result<Segment> {
        let mut file = self.disk.create(name)?;
        let mut head = recovery::head(self.known_from, &self.closed);
        let bytes = head.seal(Kind::Head, Place { file: FileId::Segment(number), offset: 0 });
        file.append(bytes)?;
        let bytes = bytes.len() as u64;
        file.sync()?;
        self.disk.sync_names()?;
        Ok(Segment { file, number, bytes, used: false })
    }

    /// Removes segments and snapshots older than this number, and snapshots that were never finished.
    fn remove_before(&self, number: u64) {
        // One that stays is removed by the next snapshot or start.
        let Ok(names) = self.disk.list() else { return };
        let old_snapshots = numbered(&names, "snapshot-").filter(|(n, _)| *n < number).map(|(_, name)| name);
        let old_segments = numbered(&names, "journal-").filter(|(n, _)| *n < number).map(|(_, name)| name);
        let unfinished = names.iter().map(String::as_str).filter(|n| n.ends_with(".tmp"));
        for name in old_snapshots.chain(old_segments).chain(unfinished) {
            let _ = self.disk.remove(name);
        }
    }
}

pub(super) fn segment_name(number: u64) -> String {
    format!("journal-{number:016x}.log")
}

/// The files of one kind with their numbers, in order. `names` is sorted.
pub(super) fn numbered<'a>(
    names: &'a [String],
    prefix: &'a str,
) -> impl Iterator<Item = (u64, &'a str)> + 'a {
    names.iter().filter_map(move |name| {
        let number = name.strip_prefix(prefix)?.strip_suffix(".log")?;
        Some((u64::from_str_radix(number, 16).ok()?, name.as_str()))
    })
}
