//! Phones that sleep are woken: push services as doubles, and the real server with phones that have no connection.

#[path = "../process/mod.rs"]
mod process;

mod asking;
mod handset;
mod keys;
mod services;
mod waking;
