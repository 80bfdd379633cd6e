//! What is kept of a secret: H(user ":" realm ":" secret), and how a secret is made.

use aws_lc_rs::digest;
use md5::{Digest, Md5};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// One HA1 value (RFC 7616 section 3.4.2), raw digest bytes. Equivalent to the password in its realm, so it has neither
/// `Debug` nor `Serialize`, and is overwritten when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Ha1<const N: usize>([u8; N]);

impl<const N: usize> Ha1<N> {
    pub fn from_bytes(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// For the digest computation and for sealing; not for showing.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

/// The HA1 values of one secret. SHA-256 is always there; the others where the device's policy lets them be used.
#[derive(Clone)]
pub struct Ha1Set {
    pub sha256: Ha1<32>,
    pub sha512_256: Option<Ha1<32>>,
    pub md5: Option<Ha1<16>>,
}

impl Ha1Set {
    pub fn of_secret(user: &str, realm: &str, secret: &str) -> Self {
        let parts = [user.as_bytes(), b":", realm.as_bytes(), b":", secret.as_bytes()];
        Self {
            sha256: Ha1(sha2(&digest::SHA256, &parts)),
            sha512_256: Some(Ha1(sha2(&digest::SHA512_256, &parts))),
            md5: Some(Ha1(md5(&parts))),
        }
    }
}

fn sha2(algorithm: &'static digest::Algorithm, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(algorithm);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut context = Md5::new();
    for part in parts {
        context.update(part);
    }
    context.finalize().into()
}

/// A secret of 160 bits made of the random bytes handed in: 32 characters without those that people confuse.
pub fn new_secret(random: &[u8; 20]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut secret = String::with_capacity(32);
    for group in random.chunks_exact(5) {
        let bits = group.iter().fold(0u64, |bits, b| bits << 8 | *b as u64);
        for i in (0..8).rev() {
            secret.push(LETTERS[(bits >> (5 * i)) as usize & 31] as char);
        }
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ha1_of_rfc_2617_section_3_5_is_right() {
        let set = Ha1Set::of_secret("Mufasa", "testrealm@host.com", "Circle Of Life");
        let hex: String = set.md5.expect("made").expose().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "939e7578ed9e3c518a452acee763bce9");
    }

    #[test]
    fn a_new_secret_has_160_bits_and_no_doubtful_letters() {
        let secret = new_secret(&[0xff; 20]);
        assert_eq!(secret, "9".repeat(32));
        assert_ne!(new_secret(&[1; 20]), new_secret(&[2; 20]));
        assert!(!new_secret(&core::array::from_fn(|i| i as u8 * 13)).contains(['l', 'o', '0', '1']));
    }
}
