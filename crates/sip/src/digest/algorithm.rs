//! The hash functions and how they are fed.

use aws_lc_rs::digest;
use md5::{Digest as _, Md5};

/// A digest algorithm, weakest first: the order is the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    Md5,
    Sha256,
    Sha512_256,
}

impl Algorithm {
    /// Reads an `algorithm` token, whatever its case. `None` for what we do not speak, `-sess` included.
    pub fn parse(token: &[u8]) -> Option<Algorithm> {
        [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256]
            .into_iter()
            .find(|algorithm| algorithm.as_str().as_bytes().eq_ignore_ascii_case(token))
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512_256 => "SHA-512-256",
        }
    }

    /// Bytes of a hash; twice as many hexadecimal digits stand in a header.
    pub const fn hash_bytes(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha256 | Algorithm::Sha512_256 => 32,
        }
    }
}

/// A hash value: the first `Algorithm::hash_bytes` bytes count, the rest is zero.
pub(super) type Hash = [u8; 32];

/// Hashes pieces. SHA-2 input is gathered on the stack, since the library hashes one piece without an
/// allocation but several with one.
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack, where a box would be the allocation avoided"
)]
pub(super) enum Hasher {
    Md5(Md5),
    Short { algorithm: &'static digest::Algorithm, input: [u8; SHORT], length: usize },
    Long(digest::Context),
}

/// Bytes gathered on the stack; a response of the usual kind takes some 250.
const SHORT: usize = 768;

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Hasher {
        let short = |algorithm| Hasher::Short { algorithm, input: [0; SHORT], length: 0 };
        match algorithm {
            Algorithm::Md5 => Hasher::Md5(Md5::new()),
            Algorithm::Sha256 => short(&digest::SHA256),
            Algorithm::Sha512_256 => short(&digest::SHA512_256),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Md5(md5) => md5.update(bytes),
            Hasher::Short { algorithm, input, length } => match input.get_mut(*length..*length + bytes.len())
            {
                Some(room) => {
                    room.copy_from_slice(bytes);
                    *length += bytes.len();
                }
                None => {
                    let mut context = digest::Context::new(algorithm);
                    context.update(&input[..*length]);
                    context.update(bytes);
                    *self = Hasher::Long(context);
                }
            },
            Hasher::Long(context) => context.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Hash {
        let mut hash = [0; 32];
        match self {
            Hasher::Md5(md5) => hash[..16].copy_from_slice(&md5.finalize()),
            Hasher::Short { algorithm, input, length } => {
                hash.copy_from_slice(digest::digest(algorithm, &input[..length]).as_ref());
            }
            Hasher::Long(context) => hash.copy_from_slice(context.finish().as_ref()),
        }
        hash
    }
}

/// Hashes the pieces with a colon between each two.
pub(super) fn hash_joined(algorithm: Algorithm, pieces: &[&[u8]]) -> Hash {
    let mut hasher = Hasher::new(algorithm);
    for (at, piece) in pieces.iter().enumerate() {
        if at > 0 {
            hasher.update(b":");
        }
        hasher.update(piece);
    }
    hasher.finish()
}

/// The hash in lower-case hexadecimal (LHEX): the first `2 * hash_bytes` digits count.
pub(super) fn hex(hash: &Hash) -> [u8; 64] {
    let mut digits = [0; 64];
    for (byte, pair) in hash.iter().zip(digits.as_chunks_mut::<2>().0) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    digits
}

/// Reads `2 * hash_bytes` hexadecimal digits of either case.
pub(super) fn unhex(algorithm: Algorithm, digits: &[u8]) -> Option<Hash> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    if pairs.len() != algorithm.hash_bytes() {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        let (high, low) = (VALUES[usize::from(*high)], VALUES[usize::from(*low)]);
        if high > 15 || low > 15 {
            return None;
        }
        *byte = high << 4 | low;
    }
    Some(hash)
}

static DIGITS: &[u8; 16] = b"0123456789abcdef";

static VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut digit = 0;
    while digit < 16 {
        values[DIGITS[digit] as usize] = digit as u8;
        values[DIGITS[digit].to_ascii_uppercase() as usize] = digit as u8;
        digit += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_variants_are_not_ours() {
        assert_eq!(Algorithm::parse(b"md5"), Some(Algorithm::Md5));
        assert_eq!(Algorithm::parse(b"SHA-512-256"), Some(Algorithm::Sha512_256));
        assert_eq!(Algorithm::parse(b"MD5-sess"), None);
        assert!(Algorithm::Sha512_256 > Algorithm::Sha256 && Algorithm::Sha256 > Algorithm::Md5);
    }

    #[test]
    fn sha_512_256_is_the_truncation_that_rfc_7616_means() {
        // The hashed user name of section 3.9.2. Its response is not used: the published one is in error.
        let hash =
            hash_joined(Algorithm::Sha512_256, &["J\u{e4}s\u{f8}n Doe".as_bytes(), b"api@example.org"]);
        assert_eq!(&hex(&hash), b"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b");
    }

    #[test]
    fn long_and_short_input_hash_alike() {
        let long = vec![b'x'; 3 * SHORT];
        for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
            let mut pieces = Hasher::new(algorithm);
            long.chunks(100).for_each(|piece| pieces.update(piece));
            let mut whole = Hasher::new(algorithm);
            whole.update(&long);
            assert_eq!(pieces.finish(), whole.finish());
        }
    }

    #[test]
    fn hexadecimal_is_read_in_either_case_and_exact_length() {
        let hash = hash_joined(Algorithm::Md5, &[b"a", b"b"]);
        let digits = hex(&hash);
        assert_eq!(unhex(Algorithm::Md5, &digits[..32]), Some(hash));
        assert_eq!(unhex(Algorithm::Md5, &digits[..32].to_ascii_uppercase()), Some(hash));
        assert_eq!(unhex(Algorithm::Md5, &digits[..31]), None);
        assert_eq!(unhex(Algorithm::Sha256, &digits[..32]), None);
        assert_eq!(unhex(Algorithm::Md5, &[b'g'; 32]), None);
    }
}
