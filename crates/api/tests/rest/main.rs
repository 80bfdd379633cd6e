//! The API as somebody meets it who speaks HTTP with it.

mod contract;
mod door;
mod resources;
mod served;
