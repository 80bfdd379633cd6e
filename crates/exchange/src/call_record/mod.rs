//! What is known of a call: while it lives, and when it is over.

mod id;

pub use id::{CallRecordId, NoCallRecordId};
