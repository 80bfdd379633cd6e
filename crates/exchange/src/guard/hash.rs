//! Keyed hashes for tables of fixed size. The key is secret, so nobody can choose what collides.

use crate::world::Secrets;
use aws_lc_rs::hmac;
use std::hash::Hasher;
// The one hasher of the standard library that takes a key. Deprecated for hash maps, not for this.
#[allow(deprecated)]
use std::hash::SipHasher;

#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct HashKey([u64; 2]);

impl HashKey {
    pub fn new(secrets: &Secrets) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secrets.nonce);
        let tag = hmac::sign(&key, b"coeur guard hash key");
        let word =
            |at: usize| tag.as_ref()[at..at + 8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        Self([word(0), word(8)])
    }

    /// SipHash-2-4 over the parts with their lengths, so that they cannot borrow bytes of each other.
    #[allow(deprecated)]
    pub fn of(&self, purpose: Purpose, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher::new_with_keys(self.0[0] ^ purpose as u64, self.0[1]);
        for part in parts {
            hasher.write_u32(part.len() as u32);
            hasher.write(part);
        }
        hasher.finish()
    }
}

/// Each table hashes in its own way.
#[derive(Clone, Copy)]
pub enum Purpose {
    NonceCount = 1,
    OfferSketch,
    Failures,
    FailuresOfSource,
    Known,
    KnownPath,
    Messages,
    Request,
}
