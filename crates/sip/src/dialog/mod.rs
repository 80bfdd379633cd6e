//! Dialogs (RFC 3261 section 12), for both roles.
//!
//! A [`Dialog`] owns what section 12 lists and nothing else, in five small pieces of text. It is made from a
//! request that we answer or from the answer to a request that we sent, follows the rules of sections 12.2.1
//! and 12.2.2, and writes the head of the next request. [`Forks`] keeps the several dialogs that one forked
//! INVITE may create.
//!
//! What it deliberately does not do: sessions, transactions and usages (RFC 5057): who uses a dialog for more
//! than one thing counts its usages.

mod forks;
mod request;
mod route_set;
mod state;

use std::fmt;

pub use forks::Forks;
pub use state::{Dialog, DialogId, Memory, Role, Stage};

/// Why a message makes no dialog, or is not accepted inside one. The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogError {
    /// A header that section 12.1 needs is missing or cannot be read: 400.
    Malformed(&'static str),
    /// The CSeq number is below the last one: 500 (section 12.2.2).
    OutOfOrder,
    /// The answer makes no dialog: not 101-299, or without a To tag.
    MakesNone,
    /// More dialogs of one fork than the limit allows.
    TooMany,
}

impl fmt::Display for DialogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DialogError::Malformed(name) => write!(f, "{name} is missing or malformed"),
            DialogError::OutOfOrder => f.write_str("CSeq number out of order"),
            DialogError::MakesNone => f.write_str("the answer makes no dialog"),
            DialogError::TooMany => f.write_str("too many dialogs of one fork"),
        }
    }
}

impl std::error::Error for DialogError {}

#[cfg(test)]
mod tests;
