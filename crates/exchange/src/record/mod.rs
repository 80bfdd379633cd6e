//! What the journal holds: of the bindings batches of changes, and pages of snapshots for compaction; of calls see [`calls`].
//!
//! One batch is one journal entry: all contacts of a REGISTER or none (RFC 3261 section 10.3 step 7). It begins with
//! a format version and both clocks; lifetimes are relative to these, so that a binding comes back with what remained
//! of its lifetime. Each change carries a [`crate::bindings::Version`]; [`Recovery`] uses it to bring the same bindings back whatever
//! the order in which several shards appended, and over any snapshot that is newer than the change.
//!
//! ```text
//! batch   = format(1) kind(1) boot(8) monotonic_ms wall_ms snapshot *change      ; integers as LEB128
//! change  = 0 user domain                              ; the address of record of what follows
//!         | 1 id version age_s remaining_ms draft      ; a binding, whole
//!         | 2 id version refresh                       ; same content, prolonged
//!         | 3 id version                               ; gone
//! ```

pub mod calls;
mod fields;
mod read;
mod recovery;
mod write;

pub use read::RecordError;
pub(crate) use recovery::flow_here;
pub use recovery::{Recovered, Recovery};
pub use write::{Batch, Dump};

/// The first byte of every batch.
const FORMAT: u8 = 1;

/// Longest text of one part (Contact, Path, ...): its length is stored in 16 bits in memory.
pub(crate) const TEXT_BYTES_MAX: usize = u16::MAX as usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Changes = 0,
    Snapshot = 1,
}

const AOR: u8 = 0;
const BIND: u8 = 1;
const REFRESH: u8 = 2;
const UNBIND: u8 = 3;

/// Both clocks at the moment a batch was written, and the boot of the machine that the monotonic one counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    boot: u64,
    monotonic_ms: u64,
    wall_ms: u64,
}

impl Stamp {
    /// Milliseconds from this moment to `now`. Within one boot the monotonic clock tells, whatever the wall clock
    /// was set to meanwhile; across boots only the wall clock can. Never negative.
    fn elapsed_ms(&self, now: &Stamp) -> u64 {
        if self.boot != 0 && self.boot == now.boot && now.monotonic_ms >= self.monotonic_ms {
            return now.monotonic_ms - self.monotonic_ms;
        }
        now.wall_ms.saturating_sub(self.wall_ms)
    }
}

#[cfg(test)]
mod tests;
