//! The secret that stands for a password in one realm.

use super::Algorithm;
use super::algorithm::{Hash, hash_joined, hex};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// H(username ":" realm ":" password) (RFC 7616 section 3.4.2). Who knows it can authenticate in that realm,
/// so it is as secret as the password: no `Debug`, wiped when dropped, compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Ha1 {
    #[zeroize(skip)]
    algorithm: Algorithm,
    hash: Hash,
}

impl Ha1 {
    pub fn new(algorithm: Algorithm, username: &[u8], realm: &[u8], password: &[u8]) -> Ha1 {
        Ha1 { algorithm, hash: hash_joined(algorithm, &[username, realm, password]) }
    }

    /// From the bytes of a stored one; `None` when their number is not the algorithm's.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Ha1> {
        let mut hash = [0; 32];
        hash.get_mut(..algorithm.hash_bytes())?
            .copy_from_slice((bytes.len() == algorithm.hash_bytes()).then_some(bytes)?);
        Some(Ha1 { algorithm, hash })
    }

    /// From hexadecimal digits, as other servers export them.
    pub fn from_hex(algorithm: Algorithm, digits: &[u8]) -> Option<Ha1> {
        Some(Ha1 { algorithm, hash: super::algorithm::unhex(algorithm, digits)? })
    }

    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes, to be sealed before they are stored.
    pub fn expose(&self) -> &[u8] {
        &self.hash[..self.algorithm.hash_bytes()]
    }

    pub(super) fn hex(&self) -> [u8; 64] {
        hex(&self.hash)
    }
}

impl PartialEq for Ha1 {
    fn eq(&self, other: &Ha1) -> bool {
        (self.algorithm == other.algorithm) & bool::from(self.hash.ct_eq(&other.hash))
    }
}

impl Eq for Ha1 {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_digits_and_password_make_the_same_secret() {
        // RFC 2617 section 3.5.
        let ha1 = Ha1::new(Algorithm::Md5, b"Mufasa", b"testrealm@host.com", b"Circle Of Life");
        assert!(Ha1::from_hex(Algorithm::Md5, b"939e7578ed9e3c518a452acee763bce9") == Some(ha1.clone()));
        assert!(Ha1::from_bytes(Algorithm::Md5, ha1.expose()) == Some(ha1.clone()));
        assert!(Ha1::from_bytes(Algorithm::Sha256, ha1.expose()).is_none());
        assert!(Ha1::from_bytes(Algorithm::Md5, &[0; 40]).is_none());
        assert!(Ha1::new(Algorithm::Md5, b"Mufasa", b"testrealm@host.com", b"other") != ha1);
    }
}
