//! The door's own part: what is kept changes under the lock of the records, and is read in memory.

use super::book::Book;
use crate::door::{Door, not_written};
use crate::model::Refusal;
use coeur_directory::Change;
use coeur_storage::{Operator, Records, SignInChange, StorageError};
use std::sync::{PoisonError, RwLock};

/// Read from the records when it is wanted first.
#[derive(Default)]
pub(crate) struct Kept(RwLock<Option<Book>>);

impl Door {
    pub(super) fn book<R>(&self, read: impl FnOnce(&Book) -> R) -> Result<R, Refusal> {
        let kept = self.kept().0.read().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(book) => Ok(read(book)),
            None => {
                drop(kept);
                self.decide(&Operator::program(), |book| Ok((Vec::new(), read(book))))
            }
        }
    }

    /// What is decided from what is kept now is written before anybody else decides: a code or a link counts once, however
    /// many come with it at the same moment.
    pub(super) fn decide<R, E: From<Refusal>>(
        &self,
        operator: &Operator,
        decide: impl FnOnce(&Book) -> Result<(Vec<SignInChange>, R), E>,
    ) -> Result<R, E> {
        // The records are locked first, here and everywhere.
        let mut records = self.records();
        let mut kept = self.kept().0.write().unwrap_or_else(PoisonError::into_inner);
        let book = whole(&mut kept, &mut **records).map_err(not_written)?;
        let (changes, result) = decide(book)?;
        if !changes.is_empty() {
            let at_ms = self.house().unix_time_ms();
            records.keep_sign_in(operator, &changes, at_ms).map_err(not_written)?;
            changes.iter().for_each(|change| book.apply(change));
        }
        Ok(result)
    }

    /// Makes somebody with a way by which he comes in, in one commit: who were made without it could never come, nor could
    /// anybody else by that name.
    pub(super) fn make_with(
        &self,
        operator: &Operator,
        change: Change,
        way: SignInChange,
    ) -> Result<(), Refusal> {
        let (changes, ways) = ([change], [way]);
        self.commit_by(operator, &changes, &changes, |records, at_ms| {
            let mut kept = self.kept().0.write().unwrap_or_else(PoisonError::into_inner);
            let book = whole(&mut kept, records)?;
            records.commit_with_sign_in(operator, &changes, &ways, at_ms)?;
            ways.iter().for_each(|way| book.apply(way));
            Ok(())
        })
    }

    /// An audit row of what was tried and changes nothing. One that cannot be written is logged.
    pub(super) fn note_sign_in(&self, action: &'static str, subject: &str, detail: &str) {
        let at_ms = self.house().unix_time_ms();
        let noted = self.records().note(&Operator::program(), action, subject, detail, at_ms);
        if let Err(why) = noted {
            tracing::error!(%why, action, "an audit row could not be written");
        }
    }
}

/// What is kept, read now if it was not yet.
fn whole<'b>(kept: &'b mut Option<Book>, records: &mut dyn Records) -> Result<&'b mut Book, StorageError> {
    match kept {
        Some(book) => Ok(book),
        empty @ None => {
            let mut book = Book::default();
            records.sign_in()?.iter().for_each(|change| book.apply(change));
            Ok(empty.insert(book))
        }
    }
}
