//! The disk as the journal sees it: a flat folder of append-only files. The real one is [`Folder`]; the crash model is in
//! the crate `coeur-sim`.

use crate::private;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub trait Disk: Send + Sync + 'static {
    /// Names of all files, in order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A new file; an error if the name is taken.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Replaces the target if it is there.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    fn truncate(&self, name: &str, length: u64) -> io::Result<()>;
    /// Makes durable what a file holds.
    fn sync(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_names(&self) -> io::Result<()>;
    /// For error messages.
    fn path(&self) -> PathBuf;
}

pub trait DiskFile: Send {
    /// Writes all of it at the end, or fails having written any part of it.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// What was appended before is durable when this returns `Ok`. After an error nothing is known of what was not yet
    /// durable, and the file is not to be trusted with more.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the real file system.
pub struct Folder(PathBuf);

impl Folder {
    pub fn open(path: &Path) -> io::Result<Self> {
        private::folder(path)?;
        Ok(Self(path.to_owned()))
    }

    /// One that is there, or is found not to be when it is listed. Nothing is made or changed.
    pub(crate) fn existing(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(
            OpenOptions::new().append(true).create_new(true).mode(private::FILE).open(self.0.join(name))?,
        ))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.0.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.0.join(name))
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.0.join(name))?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        File::open(self.0.join(name))?.sync_data()
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn path(&self) -> PathBuf {
        self.0.clone()
    }
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
