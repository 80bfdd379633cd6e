//! MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 (RFC 8489 sections 14.5 and 14.6), and the keys of both credential
//! mechanisms (sections 9.1 and 9.2).

use super::Kind;
use aws_lc_rs::{digest, hmac};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Which of the two integrities. The greater is the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Integrity {
    Sha1,
    Sha256,
}

impl Integrity {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Integrity::Sha1 => Kind::MessageIntegrity,
            Integrity::Sha256 => Kind::MessageIntegritySha256,
        }
    }

    pub(super) const fn bytes(self) -> usize {
        match self {
            Integrity::Sha1 => 20,
            Integrity::Sha256 => 32,
        }
    }
}

/// A key of either mechanism, expanded for both integrities. No `Debug`: it is a secret.
#[derive(Clone)]
pub struct Key {
    sha1: hmac::Key,
    sha256: hmac::Key,
}

impl Key {
    /// RFC 8489 section 9.1.1: the password itself.
    pub fn short_term(password: &[u8]) -> Key {
        Key {
            sha1: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password),
            sha256: hmac::Key::new(hmac::HMAC_SHA256, password),
        }
    }

    /// RFC 8489 section 9.2.2 with MD5, which clients without PASSWORD-ALGORITHM use.
    pub fn long_term_md5(username: &str, realm: &str, password: &[u8]) -> Key {
        let mut hash = Md5::new();
        for part in [username.as_bytes(), b":", realm.as_bytes(), b":", password] {
            hash.update(part);
        }
        let mut hash: [u8; 16] = hash.finalize().into();
        let key = Key::short_term(&hash);
        hash.zeroize();
        key
    }

    /// RFC 8489 section 9.2.2 with SHA-256.
    pub fn long_term_sha256(username: &str, realm: &str, password: &[u8]) -> Key {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [username.as_bytes(), b":", realm.as_bytes(), b":", password] {
            hash.update(part);
        }
        Key::short_term(hash.finish().as_ref())
    }

    /// The tag of the bytes before an integrity attribute, with the header's length as if the attribute were the last.
    pub(super) fn tag(&self, integrity: Integrity, before: &[u8]) -> hmac::Tag {
        let key = match integrity {
            Integrity::Sha1 => &self.sha1,
            Integrity::Sha256 => &self.sha256,
        };
        // At most 65,535: the attribute of this length stands in the message, or is about to.
        let length = (before.len() - super::HEADER_BYTES + 4 + integrity.bytes()) as u16;
        let mut context = hmac::Context::with_key(key);
        context.update(&before[..2]);
        context.update(&length.to_be_bytes());
        context.update(&before[4..]);
        context.sign()
    }

    /// In constant time.
    pub(super) fn confirms(&self, integrity: Integrity, before: &[u8], tag: &[u8]) -> bool {
        self.tag(integrity, before).as_ref().ct_eq(tag).into()
    }
}

/// The value of USERHASH (RFC 8489 section 14.4).
pub fn user_hash(username: &str, realm: &str) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [username.as_bytes(), b":", realm.as_bytes()] {
        hash.update(part);
    }
    let mut value = [0; 32];
    value.copy_from_slice(hash.finish().as_ref());
    value
}
