//! The journal: an append-only, checksummed log of live state with group commit.
//!
//! [`Log`] is the part without threads: it writes groups, recovers, makes snapshots; the simulator drives it over a disk
//! that crashes. [`Journal`] puts a writer thread before it, so that a shard appends in well under a microsecond and is
//! told when its group is on disk.

mod check;
mod group;
mod log;
mod recovery;
mod scan;
mod snapshot;
mod writer;

pub use check::check;
/// A group under way; see [`Log::write`].
pub use group::Group as OpenGroup;
pub use log::{Log, Options};
pub use recovery::Report;
pub use snapshot::{Dump, write as write_snapshot};
pub use writer::{Journal, LATENCY_BOUNDS_US, Latency, Outcome};

/// Number of an entry, counted from 1 since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);
