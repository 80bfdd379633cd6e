//! The API as somebody meets it who speaks HTTP with it.

mod door;
mod served;
