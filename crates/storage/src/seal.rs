//! The key of an installation: what is stolen with the database alone opens no account, and who can write the database
//! alone cannot write its audit chain.

use crate::error::StorageError;
use crate::whole::write_whole;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac, rand};
use coeur_directory::{Ha1, Ha1Set};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

/// A secret that lies in `keys/seal.key` (0400), apart from the database.
pub struct SealKey {
    /// AES-256-GCM-SIV, for HA1 values.
    seal: RandomizedNonceKey,
    /// HMAC-SHA-256, for the audit chain.
    chain: hmac::Key,
    /// From which keys for other purposes are derived.
    root: hkdf::Prk,
}

/// Layout of what is sealed: version, which values follow, SHA-256, SHA-512/256, MD5.
const VERSION: u8 = 1;
const PLAIN_BYTES: usize = 2 + 32 + 32 + 16;

impl SealKey {
    /// Reads the key, and makes none: what is in a database opens with the key that sealed it and with no other.
    pub(crate) fn existing(folder: &Path) -> Result<Self, StorageError> {
        let path = path(folder);
        match std::fs::read(&path) {
            Ok(key) => Self::of_bytes(key, path),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Err(StorageError::KeyMissing { path }),
            Err(why) => Err(StorageError::io("read", &path)(why)),
        }
    }

    /// The key of a database that is new: the one that lies there already, or one made for it.
    pub(crate) fn existing_or_made(folder: &Path) -> Result<Self, StorageError> {
        match Self::existing(folder) {
            Err(StorageError::KeyMissing { path }) => Self::of_bytes(make(&path)?, path),
            found => found,
        }
    }

    fn of_bytes(mut key: Vec<u8>, path: PathBuf) -> Result<Self, StorageError> {
        let seal = RandomizedNonceKey::new(&AES_256_GCM_SIV, &key);
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"coeur").extract(&key);
        let chain = derived(&root, "audit chain");
        key.zeroize();
        match (seal, chain) {
            (Ok(seal), Some(chain)) => Ok(Self { seal, chain, root }),
            (Err(_), _) | (_, None) => Err(StorageError::Corrupt {
                path,
                what: "this is no key of 32 bytes: restore it from the backup of this database".into(),
            }),
        }
    }

    pub(crate) fn chain(&self) -> &hmac::Key {
        &self.chain
    }

    /// `context` names the row (account, device, realm): a value moved to another row does not open.
    pub fn seal(&self, ha1: &Ha1Set, context: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(PLAIN_BYTES + 32);
        plain.push(VERSION);
        plain.push(ha1.sha512_256.is_some() as u8 | (ha1.md5.is_some() as u8) << 1);
        plain.extend_from_slice(ha1.sha256.expose());
        plain.extend_from_slice(ha1.sha512_256.as_ref().map_or(&[0; 32], |h| h.expose()));
        plain.extend_from_slice(ha1.md5.as_ref().map_or(&[0; 16], |h| h.expose()));
        // Sealing 82 bytes cannot fail: the only error is a length beyond 2^36.
        let nonce = self.seal.seal_in_place_append_tag(Aad::from(context), &mut plain);
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len());
        if let Ok(nonce) = nonce {
            sealed.extend_from_slice(nonce.as_ref());
            sealed.extend_from_slice(&plain);
        }
        plain.zeroize();
        sealed
    }

    /// `None` when it was sealed with another key or for another row.
    pub fn open_sealed(&self, sealed: &[u8], context: &[u8]) -> Option<Ha1Set> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = body.to_vec();
        let plain = self.seal.open_in_place(nonce, Aad::from(context), &mut body).ok()?;
        if plain.len() != PLAIN_BYTES || plain[0] != VERSION {
            return None;
        }
        let set = Ha1Set {
            sha256: Ha1::from_bytes(plain[2..34].try_into().ok()?),
            sha512_256: (plain[1] & 1 != 0)
                .then(|| plain[34..66].try_into().ok().map(Ha1::from_bytes))
                .flatten(),
            md5: (plain[1] & 2 != 0).then(|| plain[66..82].try_into().ok().map(Ha1::from_bytes)).flatten(),
        };
        body.zeroize();
        Some(set)
    }
}

impl SealKey {
    /// HMAC-SHA-256, for another purpose than those above.
    pub(crate) fn mac_key(&self, purpose: &str) -> Option<hmac::Key> {
        derived(&self.root, purpose)
    }

    /// Any secret; `context` as for [`SealKey::seal`], and never the context of an HA1.
    pub(crate) fn seal_secret(&self, secret: &[u8], context: &[u8]) -> Vec<u8> {
        let mut body = secret.to_vec();
        // As above: only a length beyond 2^36 is an error.
        match self.seal.seal_in_place_append_tag(Aad::from(context), &mut body) {
            Ok(nonce) => [&nonce.as_ref()[..], &body].concat(),
            Err(_) => {
                body.zeroize();
                Vec::new()
            }
        }
    }

    /// `None` when it was sealed with another key or for another row.
    pub(crate) fn open_secret(&self, sealed: &[u8], context: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = Zeroizing::new(body.to_vec());
        let bytes = self.seal.open_in_place(nonce, Aad::from(context), &mut body).ok()?.len();
        body.truncate(bytes);
        Some(body)
    }
}

/// RFC 5869: a key for one purpose tells nothing of the others.
fn derived(root: &hkdf::Prk, purpose: &str) -> Option<hmac::Key> {
    root.expand(&[purpose.as_bytes()], hmac::HMAC_SHA256).ok().map(hmac::Key::from)
}

fn path(folder: &Path) -> PathBuf {
    folder.join("keys").join("seal.key")
}

fn make(path: &Path) -> Result<Vec<u8>, StorageError> {
    let mut key = vec![0; 32];
    rand::fill(&mut key).map_err(|_| StorageError::Corrupt {
        path: path.into(),
        what: "the system gave no random bytes".into(),
    })?;
    write_whole(path, &key, 0o400).map_err(StorageError::io("write", path))?;
    Ok(key)
}
