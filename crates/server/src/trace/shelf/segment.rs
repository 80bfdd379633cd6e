//! One file of messages: records one behind the other, each with its own checksum.
//!
//! `bytes behind these two u32 | crc32c of them u32 | sequence u64 | head (as in the ring) | message`, secrets hidden before.

use super::index::Open;
use super::keys::Glance;
use crate::trace::ring::{Entry, HEAD, Head, MESSAGE_BYTES_MAX, read};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

const FILE_MODE: u32 = 0o600;
/// Length and checksum.
const FRAME: usize = 8;
const SEQUENCE: usize = 8;
/// A message whose secrets have been replaced may have grown a little for each.
const RECORD_BYTES_MAX: usize = SEQUENCE + HEAD + 2 * MESSAGE_BYTES_MAX;

pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(FILE_MODE).open(path)
}

/// Appends one record to what is to be written.
pub fn encode(sequence: u64, head: &[u8], message: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let length = SEQUENCE + HEAD + message.len();
    out.reserve(FRAME + length);
    out.extend((length as u32).to_le_bytes());
    out.extend([0; 4]);
    out.extend(sequence.to_le_bytes());
    // The length in the head is that of the message as it is kept, plus one.
    out.extend((message.len() as u32 + 1).to_le_bytes());
    out.extend_from_slice(&head[4..HEAD]);
    out.extend_from_slice(message);
    let sum = crc32c::crc32c(&out[start + FRAME..]);
    out[start + 4..start + FRAME].copy_from_slice(&sum.to_le_bytes());
}

/// What was kept at this place; `None`: nothing that is whole.
pub fn entry_at(file: &File, offset: u64) -> Option<(u64, Entry)> {
    let mut frame = [0; FRAME];
    file.read_exact_at(&mut frame, offset).ok()?;
    let (length, sum) = frame_of(&frame)?;
    let mut record = vec![0; length];
    file.read_exact_at(&mut record, offset + FRAME as u64).ok()?;
    (crc32c::crc32c(&record) == sum)
        .then(|| Some((length as u64 + FRAME as u64, read(&record[SEQUENCE..])?)))?
}

/// The index of a file that nobody closed, the bytes that are whole, and the sequence of the next record.
pub fn scan(bytes: &[u8], first: u64) -> (Open, u64, u64) {
    let (mut index, mut at, mut next) = (Open::default(), 0, first);
    while let Some(frame) = bytes.get(at..at + FRAME)
        && let Some((length, sum)) = frame_of(frame)
        && let Some(record) = bytes.get(at + FRAME..at + FRAME + length)
        && crc32c::crc32c(record) == sum
    {
        let slot = &record[SEQUENCE..];
        index.add(at as u32, Head(slot), &Glance::of(&slot[HEAD..]));
        next += 1;
        at += FRAME + length;
    }
    (index, at as u64, next)
}

fn frame_of(frame: &[u8]) -> Option<(usize, u32)> {
    let word =
        |at: usize| frame[at..at + 4].iter().rev().fold(0, |value: u32, byte| value << 8 | u32::from(*byte));
    let length = word(0) as usize;
    (SEQUENCE + HEAD..=RECORD_BYTES_MAX).contains(&length).then(|| (length, word(4)))
}
