//! What was said, and how it is shown: the SIP ladder of a call or registration, and files for other programs.
//!
//! [`Tap::record`] is called for every message received and sent, so it does one copy into a ring and nothing
//! else. One thread takes from the rings, hides what is secret ([`redact`]), and puts it on disk ([`shelf`]) and, where it is
//! wanted, on the way to a collector ([`hep`]); all reading, matching and drawing happens when somebody asks ([`find`]).

pub mod escape;
pub mod export;
pub mod find;
pub mod hep;
#[cfg(test)]
mod hostile;
pub mod ladder;
pub mod lines;
pub mod page;
pub mod redact;
pub mod replay;
pub mod ring;
pub mod rows;
pub mod search;
pub mod shelf;
pub mod sight;
mod suspicion;

pub use ring::{Direction, Entry, Tap};
pub use search::{Conversation, Query};
