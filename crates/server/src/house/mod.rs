//! What stands behind the administration door: an open data directory, or the running server.

pub mod asks;
pub mod backup;
pub mod boot;
pub mod call_rows;
pub mod call_views;
pub mod calls;
pub mod certificates;
pub mod check;
mod controls;
pub mod deaths;
pub mod first_token;
pub mod kept;
pub mod ledger;
pub mod offline;
pub mod phones;
pub mod prompts;
pub mod provider;
pub mod recovery;
pub mod room;
pub mod running;
pub mod secrets;
pub mod services;
pub mod set;
pub mod shown;
pub mod start;
pub mod strangers;
pub mod supervisor;
mod talked;
pub mod taping;
pub mod traced;
mod traces_told;
mod turn;
pub mod upkeep;
pub mod web;

pub use offline::{Offline, offline};
pub use running::Running;

use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes nobody can guess.
pub fn random(bytes: &mut [u8]) {
    // The system's generator does not fail once the system is up; a secret of zeros must never be handed out.
    aws_lc_rs::rand::fill(bytes).expect("the system gives random bytes");
}

pub fn unix_time_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
