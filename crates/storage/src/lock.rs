//! One process at a time in a data directory.

use crate::error::StorageError;
use crate::private;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Held for the life of the process; the kernel lets go of it even after kill -9.
pub struct DataLock {
    _file: File,
}

impl DataLock {
    pub fn take(folder: &Path) -> Result<Self, StorageError> {
        private::folder(folder).map_err(StorageError::io("create", folder))?;
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(private::FILE)
            .open(&path)
            .map_err(StorageError::io("open", &path))?;
        lock(&mut file, folder)?;
        // The number is a courtesy to whoever comes second. A disk that is full has no room for it and may have no need.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }

    /// For those who only read: keeps a server from starting meanwhile, makes and changes nothing. An error where no
    /// server and no command has ever been.
    pub fn take_to_read(folder: &Path) -> Result<Self, StorageError> {
        let path = folder.join("lock");
        let mut file = File::open(&path).map_err(StorageError::io("open", &path))?;
        lock(&mut file, folder)?;
        Ok(Self { _file: file })
    }
}

fn lock(file: &mut File, folder: &Path) -> Result<(), StorageError> {
    file.try_lock().map_err(|_| {
        let mut text = String::new();
        let _ = file.read_to_string(&mut text);
        StorageError::Locked { path: folder.to_owned(), pid: text.trim().parse().ok() }
    })
}
