//! What a server of certificates is answered that looks whether a name is ours.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Challenges of one order, at most as many as names are asked for.
#[derive(Default)]
pub struct Board(Mutex<BTreeMap<String, String>>);

impl Board {
    /// RFC 8555 section 8.3: the key authorization for this token.
    pub fn answer(&self, token: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    pub(super) fn put(&self, token: &str, answer: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), answer.to_owned());
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
