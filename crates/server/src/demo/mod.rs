//! `coeur serve --demo`: choices that need no one, and a card that says what to do.

pub mod address;
pub mod card;
pub mod ports;
pub mod qr;

/// Beside where the command was started, so that it is found again and easily removed.
pub const DATA_DIRECTORY: &str = "coeur-demo";
pub const USERS: [&str; 2] = ["alice", "bob"];
