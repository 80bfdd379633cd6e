//! The API as somebody meets it who speaks HTTP with it.

mod contract;
mod door;
mod me;
mod provision;
mod resources;
mod served;
