//! What the journal holds of calls that are answered, so that they go on after the process has gone (decision 0018).
//!
//! A call is kept in pieces, each under a key of its own: the call, its two legs, the media of each leg, and, when it is
//! over, its record until that is committed. A piece that changes is written whole; what changes together is one entry. All
//! pieces of a call are written by the shard that owns it, in their order, so the last one of a key counts and none needs a
//! version.
//!
//! ```text
//! entry = format(1) boot(8) monotonic_ms wall_ms *piece            ; integers as LEB128
//! piece = kind(1) key(8 or 16) bytes sealed                        ; set
//!       | kind+16(1) key(8 or 16)                                  ; gone
//! ```
//!
//! What is sealed begins with the version of its layout. Sizes of a call of two phones with one audio stream: some 300 bytes
//! the call, 1,400 each leg, 250 the media of a leg in the clear and 500 with SRTP, 400 the record.

mod call;
mod ended;
mod leg;
mod media;
mod recovery;

pub use call::KeptCall;
pub use ended::{read as read_ended, write as write_ended};
pub use leg::{KeptAnswer, KeptLeg};
pub use media::{read as read_media, write as write_media};
pub use recovery::{Piece, RecoveredCall, RecoveredCalls, Recovery, owner};

use super::Stamp;
use super::fields::{Fields, integer, text};
use super::read::RecordError;
use crate::bindings::Bindings;
use coeur_sip::time::{Monotonic, Now};
use std::time::Duration;

/// The first byte of every entry; those of bindings begin with 1.
pub(super) const FORMAT: u8 = 2;
/// The first byte of what is sealed.
const LAYOUT: u8 = 1;
const GONE: u8 = 16;

/// Names a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// By the id of its record.
    Call(u128),
    /// By the random part of its name.
    Leg(u64),
    /// By that of its leg.
    Media(u64),
    /// The record of a call that is over, by its id.
    Ended(u128),
}

impl Key {
    fn write(self, out: &mut Vec<u8>, gone: bool) {
        let gone = if gone { GONE } else { 0 };
        match self {
            Self::Call(id) => write_id(out, gone, id),
            Self::Leg(name) => write_name(out, 1 + gone, name),
            Self::Media(name) => write_name(out, 2 + gone, name),
            Self::Ended(id) => write_id(out, 3 + gone, id),
        }
    }

    /// The key, and whether what it names is gone.
    fn read(fields: &mut Fields<'_>) -> Result<(Self, bool), RecordError> {
        let kind = fields.byte()?;
        let key = match kind & !GONE {
            0 => Self::Call(u128::from_le_bytes(fields.array()?)),
            1 => Self::Leg(u64::from_le_bytes(fields.array()?)),
            2 => Self::Media(u64::from_le_bytes(fields.array()?)),
            3 => Self::Ended(u128::from_le_bytes(fields.array()?)),
            _ => return Err(fields.error("unknown piece of a call")),
        };
        Ok((key, kind & GONE != 0))
    }

    /// What a sealed piece is bound to, so that none can be put in the place of another.
    pub(crate) fn context(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(17);
        self.write(&mut out, false);
        out
    }
}

fn write_id(out: &mut Vec<u8>, kind: u8, id: u128) {
    out.push(kind);
    out.extend_from_slice(&id.to_le_bytes());
}

fn write_name(out: &mut Vec<u8>, kind: u8, name: u64) {
    out.push(kind);
    out.extend_from_slice(&name.to_le_bytes());
}

/// When a piece was written, by both clocks. Deadlines in it are of the same monotonic clock, which counts from the boot of
/// the machine, so that a piece which has not changed has the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written(Stamp);

impl Written {
    pub fn at(bindings: &Bindings, now: Now) -> Self {
        Self(Stamp::of(bindings, now))
    }

    /// A deadline as it is written; 0 is never.
    pub(crate) fn deadline_ms(&self, now: Now, at: Monotonic) -> u64 {
        match at {
            Monotonic::NEVER => 0,
            at => {
                self.0.monotonic_ms.saturating_sub(now.monotonic.as_millis()).saturating_add(at.as_millis())
            }
        }
    }

    /// When that is, at a later moment: of this process or of another.
    pub(crate) fn deadline(&self, deadline_ms: u64, later: &Written, now: Now) -> Monotonic {
        if deadline_ms == 0 {
            return Monotonic::NEVER;
        }
        let remained_ms = deadline_ms.saturating_sub(self.0.monotonic_ms);
        now.monotonic + Duration::from_millis(remained_ms.saturating_sub(self.0.elapsed_ms(&later.0)))
    }
}

/// Begins an entry.
pub(crate) fn begin(out: &mut Vec<u8>, written: &Written) {
    out.push(FORMAT);
    out.extend_from_slice(&written.0.boot.to_le_bytes());
    integer(out, written.0.monotonic_ms);
    integer(out, written.0.wall_ms);
}

/// Adds a piece, sealed.
pub(crate) fn set(out: &mut Vec<u8>, key: Key, sealed: &[u8]) {
    key.write(out, false);
    text(out, sealed);
}

/// Says that a piece is no more.
pub(crate) fn gone(out: &mut Vec<u8>, key: Key) {
    key.write(out, true);
}

/// Whether an entry of the journal is of calls.
pub fn is_of_calls(entry: &[u8]) -> bool {
    entry.first() == Some(&FORMAT)
}

fn header(fields: &mut Fields<'_>) -> Result<Written, RecordError> {
    if fields.byte()? != FORMAT {
        return Err(fields.error("unknown format"));
    }
    let boot = u64::from_le_bytes(fields.array()?);
    Ok(Written(Stamp { boot, monotonic_ms: fields.integer()?, wall_ms: fields.integer()? }))
}

/// Opens what was sealed: its layout must be one that we know.
fn layout(plain: &[u8]) -> Result<Fields<'_>, RecordError> {
    let mut fields = Fields::new(plain);
    match fields.byte()? {
        LAYOUT => Ok(fields),
        _ => Err(fields.error("unknown layout")),
    }
}

fn end<T>(fields: &Fields<'_>, value: T) -> Result<T, RecordError> {
    if fields.is_empty() { Ok(value) } else { Err(fields.error("more than was expected")) }
}

#[cfg(test)]
mod tests;
