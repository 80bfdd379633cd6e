//! What can go wrong on disk, in words that say what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub enum StorageError {
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    Sql {
        doing: &'static str,
        source: rusqlite::Error,
    },
    /// Another process has this data directory.
    Locked {
        path: PathBuf,
        pid: Option<u32>,
    },
    /// The database was written by a newer program.
    TooNew {
        found: u32,
        known: u32,
    },
    /// A sealed value does not open: the key file does not belong to this database, or rows were exchanged.
    Unsealable {
        what: String,
    },
    /// A change that cannot be.
    Refused(coeur_directory::ChangeError),
    /// The buffer of the journal is full: the disk is slower than the load.
    JournalFull,
    Corrupt {
        path: PathBuf,
        what: String,
    },
}

impl StorageError {
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    pub fn sql(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sql { doing, source }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, source } => {
                write!(f, "{doing} {}: {source}", path.display())?;
                match source.kind() {
                    io::ErrorKind::StorageFull => write!(f, " (free space on that disk)"),
                    io::ErrorKind::ReadOnlyFilesystem => write!(f, " (mount it writable)"),
                    io::ErrorKind::PermissionDenied => {
                        write!(f, " (give this user the folder, or choose another with --data)")
                    }
                    _ => Ok(()),
                }
            }
            Self::Sql { doing, source } => write!(f, "{doing}: {source}"),
            Self::Locked { path, pid: Some(pid) } => {
                write!(
                    f,
                    "{} is in use by process {pid}: stop it, or choose another folder with --data",
                    path.display()
                )
            }
            Self::Locked { path, pid: None } => {
                write!(
                    f,
                    "{} is in use by another process: choose another folder with --data",
                    path.display()
                )
            }
            Self::TooNew { found, known } => {
                write!(
                    f,
                    "the database has schema {found}, this program knows {known}: start the newer program"
                )
            }
            Self::Unsealable { what } => {
                write!(
                    f,
                    "{what} does not open with keys/seal.key: restore the key file that belongs to this database"
                )
            }
            Self::Refused(error) => error.fmt(f),
            Self::JournalFull => write!(f, "the journal's buffer is full: the disk is slower than the load"),
            Self::Corrupt { path, what } => write!(f, "{}: {what}", path.display()),
        }
    }
}

impl std::error::Error for StorageError {}

impl From<coeur_directory::ChangeError> for StorageError {
    fn from(error: coeur_directory::ChangeError) -> Self {
        Self::Refused(error)
    }
}
