//! Where a message is sent (RFC 3263): from a URI or a Via to an ordered list of transport, address and port.

mod query;

pub use query::{Answer, Naptr, Outcome, Query, RecordKind, Records, Srv};
