//! Is everything in a data directory as it was written? Nothing is changed, and a server may run on the directory.

use super::{recovery, secrets};
use crate::shard::Clock;
use coeur_storage::{DataLock, RecordsReport, StorageError, check_records};
use recovery::Restored;
use std::path::Path;

pub struct Checked {
    pub records: RecordsReport,
    pub journal: Journal,
}

pub enum Journal {
    Read(Box<Restored>),
    /// The process that has it, where its number is known. Its end moves while we look.
    InUse(Option<u32>),
    /// No server has run yet.
    None,
}

pub fn check(folder: &Path) -> Result<Checked, StorageError> {
    let lock = match DataLock::take_to_read(folder) {
        Ok(lock) => Ok(lock),
        Err(StorageError::Locked { pid, .. }) => Err(pid),
        Err(other) => return Err(other),
    };
    let mut records = check_records(folder)?;
    records.problems.extend(secrets::problem(folder));
    let journal = match &lock {
        Ok(_) => match recovery::look(folder, secrets::read(folder).as_ref(), Clock::default().now()) {
            Ok(restored) => Journal::Read(Box::new(restored)),
            Err(StorageError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Journal::None
            }
            Err(other) => return Err(other),
        },
        Err(pid) => Journal::InUse(*pid),
    };
    Ok(Checked { records, journal })
}

impl Checked {
    pub fn problems(&self) -> Vec<String> {
        let of_journal = match &self.journal {
            Journal::Read(restored) => restored.problems(),
            Journal::InUse(_) | Journal::None => Vec::new(),
        };
        self.records.problems.iter().cloned().chain(of_journal).collect()
    }

    pub fn notes(&self) -> Vec<String> {
        match &self.journal {
            Journal::Read(restored) => restored.notes(),
            Journal::InUse(_) | Journal::None => Vec::new(),
        }
    }
}
