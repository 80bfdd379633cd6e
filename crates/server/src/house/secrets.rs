//! The keys of the exchange: made at first start, kept beside the key that seals the records.

use coeur_exchange::world::Secrets;
use coeur_storage::{StorageError, write_whole};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

const FILE: &str = "keys/exchange";
/// Three keys of 32 bytes: nonces, routes, GRUUs.
const BYTES: usize = 96;

/// Reads them, or makes them; an error names the file. A file of another size is refused and never replaced: with other keys, phones would
/// have to authenticate anew, calls would lose their routes and GRUUs their meaning.
pub fn open(folder: &Path) -> Result<Secrets, StorageError> {
    let path = folder.join(FILE);
    read_or_make(&path).map_err(StorageError::io("open", &path))
}

/// Reads them, where they are whole; changes nothing.
pub fn read(folder: &Path) -> Option<Secrets> {
    let bytes = Zeroizing::new(std::fs::read(folder.join(FILE)).ok()?);
    Some(of(bytes.as_slice().try_into().ok()?))
}

/// What is wrong with them; they are made at the first start, so their absence is nothing wrong.
pub fn problem(folder: &Path) -> Option<String> {
    let path = folder.join(FILE);
    let bytes = std::fs::metadata(&path).ok()?.len();
    (bytes != BYTES as u64)
        .then(|| format!("{} has {bytes} bytes instead of {BYTES}: restore it from a backup", path.display()))
}

fn read_or_make(path: &Path) -> io::Result<Secrets> {
    let mut bytes = Zeroizing::new([0u8; BYTES]);
    match OpenOptions::new().read(true).open(path) {
        Ok(mut file) => {
            if file.metadata()?.len() != BYTES as u64 {
                let text = format!(
                    "this is not {BYTES} bytes; restore it from a backup, or remove it to make new keys"
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            file.read_exact(&mut *bytes)?;
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            super::random(&mut *bytes);
            write_whole(path, &*bytes, 0o600)?;
        }
        Err(why) => return Err(why),
    }
    Ok(of(&bytes))
}

fn of(bytes: &[u8; BYTES]) -> Secrets {
    let key = |index: usize| {
        let mut key = [0; 32];
        key.copy_from_slice(&bytes[index * 32..][..32]);
        key
    };
    Secrets { nonce: key(0), route: key(1), gruu: key(2) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_are_made_once_private_and_a_damaged_file_is_refused() {
        let folder = std::env::temp_dir().join(format!("coeur-secrets-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (first, second) = (open(&folder).unwrap(), open(&folder).unwrap());
        assert_eq!(first.nonce, second.nonce);
        assert_ne!(first.nonce, first.route);
        assert_eq!(read(&folder).unwrap().gruu, first.gruu);
        let path = folder.join(FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, b"short").unwrap();
        let why = open(&folder).err().unwrap().to_string();
        assert!(read(&folder).is_none() && read(&folder.join("nowhere")).is_none());
        assert!(why.contains("keys/exchange: this is not 96 bytes; restore it"), "{why}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
