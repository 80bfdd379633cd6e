//! The journal: an append-only, checksummed log of live state with group commit.
//!
//! [`Log`] is the part without threads: it writes groups, recovers, makes snapshots; the simulator drives it over a disk
//! that crashes. [`Journal`] puts a writer thread before it, so that a shard appends in well under a microsecond and is
//! told when its group is on disk.

mod group;
mod log;
mod writer;

pub use log::{Log, OpenGroup, Options, Report};
pub use writer::{Journal, Latency, Outcome};

/// Number of an entry, counted from 1 since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);
