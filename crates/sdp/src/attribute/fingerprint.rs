//! `a=fingerprint` (RFC 8122 section 5): the hash of the certificate that will be shown in the handshake.

use super::Attribute;
use std::io::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HashFunction {
    /// Read for old phones; whether it is trusted is a policy of the caller.
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub hash: HashFunction,
    /// [`HashFunction::bytes`] of them.
    pub digest: Vec<u8>,
}

impl HashFunction {
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha224 => "sha-224",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Length of the digest.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// SHA-1 no longer withstands a made-up second certificate.
    pub const fn is_weak(self) -> bool {
        matches!(self, Self::Sha1)
    }
}

impl Attribute for Fingerprint {
    const NAME: &'static [u8] = b"fingerprint";

    /// Hash names and digits in any case: browsers and baresip differ. `md5` and `md2` are no fingerprints
    /// (section 5: they must not be used), nor is one whose length is not the hash's.
    fn parse(value: &[u8]) -> Option<Self> {
        let (name, rest) = crate::parse::word(value);
        let is = |hash: &HashFunction| name.eq_ignore_ascii_case(hash.as_str().as_bytes());
        let hash = HashFunction::ALL.into_iter().find(is)?;
        let digest = rest.trim_ascii().split(|&b| b == b':').map(byte).collect::<Option<Vec<_>>>()?;
        (digest.len() == hash.bytes()).then_some(Self { hash, digest })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{} ", self.hash.as_str());
        for (index, byte) in self.digest.iter().enumerate() {
            let _ = write!(out, "{}{byte:02X}", if index == 0 { "" } else { ":" });
        }
    }
}

fn byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |b: &u8| char::from(*b).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
