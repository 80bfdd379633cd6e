//! Recent messages, kept in memory, and how they are shown: the SIP ladder of a call or registration.
//!
//! [`Tap::record`] is called for every message received and sent, so it does one copy into a ring and nothing
//! else; all reading, matching and hiding of secrets happens when somebody asks.

pub mod escape;
pub mod ladder;
pub mod lines;
pub mod page;
pub mod redact;
pub mod ring;
pub mod rows;
pub mod search;
pub mod sight;

pub use ring::{Direction, Entry, Tap};
pub use search::{Conversation, Query};
