//! Messages on disk: what the rings had, secrets hidden, in segments under `traces` in the data directory.
//!
//! One thread takes what is new from each ring ([`Shelf::take`]). A segment that is full gets an index of conversations beside
//! it ([`index`]); the oldest go when there are too many bytes or days of them. What a kill has left open is read and closed at
//! the next start. When the disk does not take a message it is tried again, as long as the ring has it; what it has lost
//! meanwhile is counted.
//!
//! What it deliberately does not do: sync (the newest second is lost with the power, not with the process), compress, keep
//! texts that people write.

pub mod index;
pub mod keys;
mod look;
mod segment;
#[cfg(test)]
mod tests;

use super::redact::{self, Bodies};
use super::ring::{Cursor, HEAD, Head, Tap, records};
use super::suspicion;
use keys::Glance;
use std::collections::VecDeque;
use std::ffi::CString;
use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A segment is a sixty-fourth of what there is room for, within these bounds (bytes): so much goes at once.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = (256 << 10)..=(16 << 20);
/// An open segment is closed after so long, that its age can be known.
const SEGMENT_AGE: Duration = Duration::from_secs(86_400);
const FOLDER_MODE: u32 = 0o700;
const MESSAGES: &str = "sip";
const INDEX: &str = "idx";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Of all files together.
    pub bytes: u64,
    pub age: Duration,
    /// What is left free on the disk for what must not be lost, the journal and the records: before that is touched old
    /// messages go, and then new ones are not written.
    pub left_free_bytes: u64,
}

/// What it has done, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub messages: u64,
    pub bytes: u64,
    /// Messages that a ring forgot before they were on disk.
    pub lost: u64,
    /// Writes that failed.
    pub failures: u64,
}

pub struct Shelf {
    folder: PathBuf,
    room: Room,
    closed: VecDeque<Segment>,
    open: Option<Writing>,
    sequence: u64,
    cursors: Vec<Cursor>,
    done: Done,
    /// Said already.
    has_failed: bool,
    slice: Vec<u8>,
    out: Vec<u8>,
}

/// A closed one.
#[derive(Clone, Copy, Debug)]
struct Segment {
    first: u64,
    bytes: u64,
    last_at_us: u64,
}

struct Writing {
    first: u64,
    file: File,
    bytes: u64,
    index: index::Open,
}

impl Shelf {
    /// Closes what an earlier process left open. What cannot be read is left where it is, and counts as room that is taken.
    pub fn open(folder: PathBuf, room: Room, rings: usize) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&folder)?;
        let mut shelf = Self {
            folder,
            room,
            closed: VecDeque::new(),
            open: None,
            sequence: 1,
            cursors: vec![Cursor::default(); rings],
            done: Done::default(),
            has_failed: false,
            slice: Vec::new(),
            out: Vec::new(),
        };
        let mut firsts: Vec<u64> =
            std::fs::read_dir(&shelf.folder)?.filter_map(|entry| first_of(&entry.ok()?.path())).collect();
        firsts.sort_unstable();
        for first in firsts {
            shelf.recover(first)?;
        }
        Ok(shelf)
    }

    fn recover(&mut self, first: u64) -> io::Result<()> {
        let (messages, index) = (self.path(first, MESSAGES), self.path(first, INDEX));
        let bytes = std::fs::metadata(&messages)?.len();
        // Of a whole segment only the next number must be known: none has more records than bytes.
        self.sequence = self.sequence.max(first + bytes);
        let last_at_us = match index::Closed::open(&index) {
            Ok(closed) => closed.last_at_us,
            Err(_) => {
                let (open, whole, _) = segment::scan(&std::fs::read(&messages)?, first);
                if whole < bytes {
                    tracing::info!(torn_bytes = bytes - whole, "the end of a segment of traces was torn off");
                    File::options().write(true).open(&messages)?.set_len(whole)?;
                }
                if open.is_empty() {
                    return std::fs::remove_file(&messages);
                }
                self.write_index(first, &open)?;
                open.last_at_us
            }
        };
        let bytes = size(&messages) + size(&index);
        self.closed.push_back(Segment { first, bytes, last_at_us });
        Ok(())
    }

    /// Stores what the rings have that is not on disk. `now_us`: microseconds since the Unix epoch, for the age of segments.
    pub fn take(&mut self, tap: &Tap, now_us: u64) {
        match self.store_all(tap) {
            Ok(()) if self.has_failed => {
                self.has_failed = false;
                tracing::info!("traces are written to disk again");
            }
            Ok(()) => {}
            Err(why) => {
                self.done.failures += 1;
                if !self.has_failed {
                    self.has_failed = true;
                    tracing::error!(%why, folder = %self.folder.display(), "traces cannot be written; the latest are in memory, and it is tried again");
                }
            }
        }
        self.close_old(now_us);
    }

    fn store_all(&mut self, tap: &Tap) -> io::Result<()> {
        self.leave_room()?;
        let mut slice = std::mem::take(&mut self.slice);
        let done = (0..self.cursors.len()).try_for_each(|ring| self.store_ring(tap, ring, &mut slice));
        self.slice = slice;
        done
    }

    fn leave_room(&mut self) -> io::Result<()> {
        while free_bytes(&self.folder)? < self.room.left_free_bytes {
            let Some(oldest) = self.closed.pop_front() else {
                return Err(io::Error::new(
                    ErrorKind::StorageFull,
                    "the disk has too little free space for traces",
                ));
            };
            self.remove(oldest);
        }
        Ok(())
    }

    fn store_ring(&mut self, tap: &Tap, ring: usize, slice: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let mut cursor = self.cursors[ring];
            let lost = tap.copy_new(ring, &mut cursor, slice);
            if slice.is_empty() {
                return Ok(());
            }
            self.store(slice)?;
            self.cursors[ring] = cursor;
            self.done.lost += lost;
        }
    }

    /// All of it or nothing.
    fn store(&mut self, slice: &[u8]) -> io::Result<()> {
        if self.open.is_none() {
            let file = segment::create(&self.path(self.sequence, MESSAGES))?;
            self.open = Some(Writing { first: self.sequence, file, bytes: 0, index: index::Open::default() });
        }
        // It was just made where there was none.
        let Some(open) = &mut self.open else { return Ok(()) };
        self.out.clear();
        let mut sequence = self.sequence;
        for record in records(slice) {
            let (head, message) = record.split_at(HEAD);
            let place = (open.bytes + self.out.len() as u64) as u32;
            match suspicion::look(message) {
                Some(glance) => {
                    open.index.add(place, Head(head), &glance);
                    segment::encode(sequence, head, message, &mut self.out);
                }
                None => {
                    let safe = redact::hidden(message, Bodies::Hidden);
                    open.index.add(place, Head(head), &Glance::of(&safe));
                    segment::encode(sequence, head, &safe, &mut self.out);
                }
            }
            sequence += 1;
        }
        if let Err(why) = open.file.write_all(&self.out) {
            // The place of the next is where this one began. Should that fail too, what follows has a gap that has no checksum.
            let _ = open.file.set_len(open.bytes);
            let _ = std::io::Seek::seek(&mut open.file, std::io::SeekFrom::Start(open.bytes));
            // It is tried again four times a second: without this the index would grow by it each time.
            open.index.forget_from(open.bytes);
            return Err(why);
        }
        open.bytes += self.out.len() as u64;
        self.done.messages += sequence - self.sequence;
        self.done.bytes += self.out.len() as u64;
        self.sequence = sequence;
        if open.bytes >= self.segment_bytes() { self.close() } else { Ok(()) }
    }

    fn segment_bytes(&self) -> u64 {
        (self.room.bytes / 64).clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end())
    }

    /// A segment that has no index for want of room is found at the next start.
    fn close(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if open.index.is_empty() {
            return std::fs::remove_file(self.path(open.first, MESSAGES));
        }
        let written = self.write_index(open.first, &open.index);
        let bytes = open.bytes + size(&self.path(open.first, INDEX));
        self.closed.push_back(Segment { first: open.first, bytes, last_at_us: open.index.last_at_us });
        self.remove_surplus();
        written
    }

    fn write_index(&self, first: u64, index: &index::Open) -> io::Result<()> {
        let (path, unfinished) = (self.path(first, INDEX), self.path(first, "new"));
        let mut file = segment::create(&unfinished)?;
        file.write_all(&index.encode())?;
        std::fs::rename(unfinished, path)
    }

    fn remove_surplus(&mut self) {
        while self.bytes() > self.room.bytes
            && let Some(oldest) = self.closed.pop_front()
        {
            self.remove(oldest);
        }
    }

    fn close_old(&mut self, now_us: u64) {
        let before = |age: Duration| now_us.saturating_sub(age.as_micros() as u64);
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.index.first_at_us < before(SEGMENT_AGE.min(self.room.age)))
        {
            // What fails here is told by the next write.
            let _ = self.close();
        }
        let too_old = before(self.room.age);
        while let Some(oldest) = self.closed.front().filter(|oldest| oldest.last_at_us < too_old).copied() {
            self.closed.pop_front();
            self.remove(oldest);
        }
    }

    fn remove(&self, segment: Segment) {
        for extension in [INDEX, MESSAGES] {
            // What is not there need not be removed; what cannot be is tried at the next start.
            let _ = std::fs::remove_file(self.path(segment.first, extension));
        }
    }

    /// Of all files.
    pub fn bytes(&self) -> u64 {
        let open = self.open.as_ref().map_or(0, |open| open.bytes);
        self.closed.iter().map(|segment| segment.bytes).sum::<u64>() + open
    }

    pub fn done(&self) -> Done {
        self.done
    }

    /// Up to where each ring is on disk.
    pub fn cursors(&self) -> &[Cursor] {
        &self.cursors
    }

    fn path(&self, first: u64, extension: &str) -> PathBuf {
        self.folder.join(format!("{first:020}.{extension}"))
    }
}

/// Of a segment's messages.
fn first_of(path: &Path) -> Option<u64> {
    let is_ours = path.extension().is_some_and(|extension| extension == MESSAGES);
    path.file_stem().filter(|_| is_ours)?.to_str()?.parse().ok()
}

/// On the disk of this folder, for who has no special rights.
fn free_bytes(folder: &Path) -> io::Result<u64> {
    let path = CString::new(folder.as_os_str().as_bytes())?;
    let mut found = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero, and the kernel fills the whole structure when it returns 0.
    let result = unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: filled, as just said.
    let found = unsafe { found.assume_init() };
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
