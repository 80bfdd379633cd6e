//! What the operator sees: logs, events as log lines, metrics.
//!
//! Levels: per message TRACE; who did what (addresses, account names) DEBUG; what the operator should know INFO and
//! above, without personal data, but for the address of whoever was refused ([`offenders`]).

pub mod events;
pub mod feed;
pub mod handshakes;
pub mod health;
pub mod logs;
pub mod metrics;
pub mod offenders;
pub mod process;
pub mod rate;
pub mod silences;
