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
        path: PathBuf,
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
    /// The database was written by a program from before the first release.
    TooOld {
        found: u32,
    },
    /// The database is not new, and the key that opens it is gone.
    KeyMissing {
        path: PathBuf,
    },
    /// The key file does not belong to this database: of so many sealed values none opens.
    Unsealable {
        values: u64,
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

    pub fn sql(doing: &'static str, path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Sql { doing, path, source }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, source } => {
                write!(f, "{doing} {}: {source}{}", path.display(), remedy(source))
            }
            Self::Sql { doing, path, source } => {
                write!(f, "{doing} {}: {source}{}", path.display(), remedy_sql(source))
            }
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
            Self::TooOld { found } => {
                write!(
                    f,
                    "the database has schema {found}, of a program that was never released: begin with another folder, \
                     and import the accounts"
                )
            }
            Self::KeyMissing { path } => {
                write!(f, "{} is missing: restore the key file that belongs to this database", path.display())
            }
            Self::Unsealable { values } => {
                write!(
                    f,
                    "none of {values} sealed credentials opens with keys/seal.key: restore the key file that belongs to \
                     this database"
                )
            }
            Self::Refused(error) => error.fmt(f),
            Self::JournalFull => write!(f, "the journal's buffer is full: the disk is slower than the load"),
            Self::Corrupt { path, what } => write!(f, "{}: {what}", path.display()),
        }
    }
}

const FREE_SPACE: &str = " (free space on that disk)";
const MOUNT_WRITABLE: &str = " (mount it writable)";
const GIVE_RIGHTS: &str = " (give this user the folder, or choose another with --data)";

/// What the operator can do; empty where the error says all.
fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FREE_SPACE,
        io::ErrorKind::FileTooLarge => " (raise the limit on file sizes, `ulimit -f`)",
        io::ErrorKind::ReadOnlyFilesystem => MOUNT_WRITABLE,
        io::ErrorKind::PermissionDenied => GIVE_RIGHTS,
        _ => "",
    }
}

fn remedy_sql(source: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode;
    match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => FREE_SPACE,
        // SQLite does not tell a full disk from a broken one in all places.
        Some(ErrorCode::SystemIoFailure) => " (is the disk full, or broken? the system's log says more)",
        Some(ErrorCode::ReadOnly) => MOUNT_WRITABLE,
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => GIVE_RIGHTS,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            " (`coeur check-data` tells what is damaged; restore this file from a backup)"
        }
        Some(_) | None => "",
    }
}

impl std::error::Error for StorageError {}

impl From<coeur_directory::ChangeError> for StorageError {
    fn from(error: coeur_directory::ChangeError) -> Self {
        Self::Refused(error)
    }
}
