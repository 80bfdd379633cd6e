//! Who may read what lies on disk: the user of the program, and nobody else.

use std::fs::{DirBuilder, OpenOptions, Permissions, set_permissions, symlink_metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Mode of every file.
pub(crate) const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;
/// Folders that all share, `/tmp`: not ours to close.
const STICKY: u32 = 0o1000;

/// Makes the folder, or takes the rights of others from one that is there and is ours.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)?;
    if is_open(path)? {
        set_permissions(path, Permissions::from_mode(FOLDER))?;
    }
    Ok(())
}

/// The same for a data directory, which the operator names: a slip may name `/var/lib`, which is not ours to close. One is
/// ours that is empty or has our lock or our database.
pub(crate) fn data_folder(path: &Path) -> io::Result<()> {
    let there = path.try_exists()?;
    if there && is_open(path)? && !is_ours(path)? {
        let text = "others may read this folder, and what is in it is not of coeur: name one of its own with --data, or take \
                    their rights (chmod 700)";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    folder(path)
}

fn is_open(path: &Path) -> io::Result<bool> {
    let mode = std::fs::metadata(path)?.permissions().mode();
    Ok(mode & 0o077 != 0 && mode & STICKY == 0)
}

fn is_ours(path: &Path) -> io::Result<bool> {
    let has = |name| path.join(name).try_exists();
    // What a new file system of its own comes with.
    let mut others = std::fs::read_dir(path)?.flatten().filter(|entry| entry.file_name() != "lost+found");
    Ok(has(crate::lock::FILE)? || has(crate::records::FILE)? || others.next().is_none())
}

/// Makes the file before somebody else does with wider rights, or narrows one that is there.
pub(crate) fn file(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(FILE).open(path)?;
    narrow(path)
}

/// Takes the rights of others from a file, if it is there.
pub(crate) fn narrow(path: &Path) -> io::Result<()> {
    match symlink_metadata(path) {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o077 != 0 => {
            set_permissions(path, Permissions::from_mode(FILE))
        }
        Ok(_) => Ok(()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_ours_is_neither_closed_nor_used() {
        let path = std::env::temp_dir().join(format!("coeur-private-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let open = || set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        data_folder(&path).unwrap();
        assert_eq!(mode(), 0o700, "made");
        open();
        data_folder(&path).unwrap();
        assert_eq!(mode(), 0o700, "empty");
        open();
        std::fs::create_dir(path.join("lost+found")).unwrap();
        data_folder(&path).unwrap();
        assert_eq!(mode(), 0o700, "a file system of its own");
        open();
        std::fs::write(path.join("theirs"), b"").unwrap();
        let why = data_folder(&path).unwrap_err().to_string();
        assert!(mode() == 0o755 && why.contains("--data") && why.contains("chmod 700"), "{why}");
        set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        data_folder(&path).unwrap();
        open();
        std::fs::write(path.join("lock"), b"").unwrap();
        data_folder(&path).unwrap();
        assert_eq!(mode(), 0o700, "it has our lock");
        std::fs::remove_dir_all(&path).unwrap();
    }
}
