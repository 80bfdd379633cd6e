//! Reading a journal without touching it: what recovery would find.

use super::recovery::{self, Report};
use crate::disk::{Disk, DiskFile, Folder};
use crate::error::StorageError;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Replays all entries, oldest first, as [`super::Log::open`] does. A torn end is reported and stays.
pub fn check(folder: &Path, replay: &mut dyn FnMut(&[u8])) -> Result<Report, StorageError> {
    let (_, report) = recovery::recover(&Untouched(Folder::existing(folder)), replay)?;
    Ok(report)
}

/// Reads; what recovery would make durable or cut off is left as it is.
struct Untouched(Folder);

impl Disk for Untouched {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn create(&self, _name: &str) -> io::Result<Box<dyn DiskFile>> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.read(name)
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove(&self, _name: &str) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn truncate(&self, _name: &str, _length: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.0.path()
    }
}
