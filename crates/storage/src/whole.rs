//! A small file that is there whole or not at all, whenever the power goes.

use std::fs::{File, OpenOptions, create_dir_all, remove_file, rename};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Makes the file and its folder. When this returns `Ok`, both are there after a power cut too: a name that is not synced
/// with its folder is lost with it, and so is the name of the folder.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_dir_all(folder)?;
    let aside = path.with_extension("new");
    // One that a crash left behind may be closed for writing.
    match remove_file(&aside) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    rename(&aside, path)?;
    File::open(folder)?.sync_all()?;
    folder.parent().map_or(Ok(()), |above| File::open(above)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_a_crash_left_half_written_is_not_taken_and_not_in_the_way() {
        let folder = std::env::temp_dir().join(format!("coeur-whole-{}", std::process::id()));
        let path = folder.join("keys/some.key");
        create_dir_all(folder.join("keys")).unwrap();
        let half = folder.join("keys/some.new");
        std::fs::write(&half, b"ha").unwrap();
        std::fs::set_permissions(&half, std::fs::Permissions::from_mode(0o400)).unwrap();
        write_whole(&path, b"whole", 0o400).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
        assert!(!half.exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
