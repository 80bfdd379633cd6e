//! One process at a time in a data directory.

use crate::error::StorageError;
use crate::private;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) const FILE: &str = "lock";

/// How long to wait for somebody who only reads. A server says its number and is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Held for the life of the process; the kernel lets go of it even after kill -9.
pub struct DataLock {
    _file: File,
}

impl DataLock {
    pub fn take(folder: &Path) -> Result<Self, StorageError> {
        Self::take_within(folder, PATIENCE)
    }

    fn take_within(folder: &Path, patience: Duration) -> Result<Self, StorageError> {
        private::data_folder(folder).map_err(StorageError::io("open", folder))?;
        let path = folder.join(FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(private::FILE)
            .open(&path)
            .map_err(StorageError::io("open", &path))?;
        let until = Instant::now() + patience;
        loop {
            match lock(&mut file, folder) {
                Ok(()) => break,
                Err(StorageError::Locked { pid: None, .. }) if Instant::now() < until => {
                    std::thread::sleep(LOOK_EVERY);
                }
                Err(why) => return Err(why),
            }
        }
        // The number is a courtesy to whoever comes second. A disk that is full has no room for it and may have no need.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }

    /// For those who only read: keeps a server from starting meanwhile, makes and changes nothing, and leaves no number. An
    /// error where no server and no command has ever been.
    pub fn take_to_read(folder: &Path) -> Result<Self, StorageError> {
        let path = folder.join(FILE);
        let mut file = File::open(&path).map_err(StorageError::io("open", &path))?;
        lock(&mut file, folder)?;
        Ok(Self { _file: file })
    }
}

fn lock(file: &mut File, folder: &Path) -> Result<(), StorageError> {
    file.try_lock().map_err(|_| StorageError::Locked { path: folder.to_owned(), pid: holder(file) })
}

/// The process that wrote its number, while it lives. Of one that died the number stays, and who holds the lock then is
/// another, who only reads.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    let pid: u32 = text.trim().parse().ok()?;
    Path::new("/proc").join(pid.to_string()).exists().then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_waited_for_and_nobody_who_is_dead_is_named() {
        let folder = std::env::temp_dir().join(format!("coeur-lock-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        drop(DataLock::take(&folder).unwrap());
        // No process has this number: the kernel gives none above 2^22.
        std::fs::write(folder.join(FILE), "4194999\n").unwrap();
        let reader = DataLock::take_to_read(&folder).unwrap();
        let refused = DataLock::take_within(&folder, Duration::ZERO).err().unwrap();
        assert!(matches!(refused, StorageError::Locked { pid: None, .. }), "{refused}");
        std::thread::scope(|scope| {
            let server = scope.spawn(|| DataLock::take(&folder).is_ok());
            drop(reader);
            assert!(server.join().unwrap());
        });
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
