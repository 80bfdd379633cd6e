//! Attempts on the desk, over records on a real disk and a clock that the test moves.

mod links;
pub(super) mod room;
mod second_factors;
mod sessions;
mod sign_in;
mod tokens;
