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

/// Makes the folder, or takes the rights of others from one that is there.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)?;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 && mode & STICKY == 0 {
        set_permissions(path, Permissions::from_mode(FOLDER))?;
    }
    Ok(())
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
