//! Fingerprints of certificates in session descriptions (RFC 8122 section 5).

use super::FINGERPRINTS_MAX;
use aws_lc_rs::digest;
use std::fmt;
use subtle::ConstantTimeEq;

/// A hash function that may vouch for a certificate. SHA-1 and MD5 may not (RFC 8122 section 5: a fingerprint of a
/// hash that we do not trust is as none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn from_name(name: &str) -> Option<Hash> {
        [("sha-256", Hash::Sha256), ("sha-384", Hash::Sha384), ("sha-512", Hash::Sha512)]
            .into_iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known))
            .map(|(_, hash)| hash)
    }

    const fn name(self) -> &'static str {
        match self {
            Hash::Sha256 => "sha-256",
            Hash::Sha384 => "sha-384",
            Hash::Sha512 => "sha-512",
        }
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
        }
    }
}

/// Why the text of an `a=fingerprint` cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FingerprintError {
    /// Not a hash name and pairs of digits, or another number of them than the hash has.
    Malformed,
    /// More than [`FINGERPRINTS_MAX`].
    TooMany,
}

/// One fingerprint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    hash: Hash,
    value: [u8; 64],
}

impl Fingerprint {
    /// That of a certificate (DER) with SHA-256, which every peer knows.
    pub fn sha256(certificate: &[u8]) -> Fingerprint {
        Fingerprint::of(Hash::Sha256, certificate)
    }

    fn of(hash: Hash, certificate: &[u8]) -> Fingerprint {
        let digest = digest::digest(hash.algorithm(), certificate);
        let mut value = [0; 64];
        value[..digest.as_ref().len()].copy_from_slice(digest.as_ref());
        Fingerprint { hash, value }
    }

    /// The value of an `a=fingerprint` line: `sha-256 AB:CD:...`, in any case. `None` inside for a hash that is not
    /// trusted or not known.
    fn parse(text: &str) -> Result<Option<Fingerprint>, FingerprintError> {
        let (name, digits) = text.trim().split_once(' ').ok_or(FingerprintError::Malformed)?;
        let Some(hash) = Hash::from_name(name) else { return Ok(None) };
        let mut value = [0; 64];
        let bytes = hash.algorithm().output_len();
        let mut pairs = digits.trim().split(':');
        for byte in &mut value[..bytes] {
            let pair = pairs.next().filter(|pair| pair.len() == 2 && !pair.starts_with('+'));
            let pair = pair.ok_or(FingerprintError::Malformed)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| FingerprintError::Malformed)?;
        }
        if pairs.next().is_some() {
            return Err(FingerprintError::Malformed);
        }
        Ok(Some(Fingerprint { hash, value }))
    }
}

impl fmt::Display for Fingerprint {
    /// As it stands in a session description.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        for (nth, byte) in self.value[..self.hash.algorithm().output_len()].iter().enumerate() {
            write!(f, "{}{byte:02X}", if nth == 0 { ' ' } else { ':' })?;
        }
        Ok(())
    }
}

/// All fingerprints of a media description (its own and those of its session).
#[derive(Clone, Default)]
pub struct Fingerprints {
    /// At most [`FINGERPRINTS_MAX`], of 65 bytes each.
    list: Vec<Fingerprint>,
}

impl Fingerprints {
    /// From the values of `a=fingerprint` lines.
    pub fn parse<'t>(lines: impl IntoIterator<Item = &'t str>) -> Result<Fingerprints, FingerprintError> {
        let mut list: Vec<Fingerprint> = Vec::new();
        for line in lines {
            let Some(fingerprint) = Fingerprint::parse(line)? else { continue };
            if !list.contains(&fingerprint) {
                if list.len() == FINGERPRINTS_MAX {
                    return Err(FingerprintError::TooMany);
                }
                list.push(fingerprint);
            }
        }
        Ok(Fingerprints { list })
    }

    /// True when no hash that we trust was told: nobody can be verified then, and there is no call.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether this certificate (DER) was told. A peer with several certificates tells each with the same set of hashes
    /// (RFC 8122 section 5), so for each hash told one fingerprint must be of this certificate; a list where only the
    /// weaker hash agrees was tampered with.
    pub fn vouch_for(&self, certificate: &[u8]) -> bool {
        let mut hashes = 0;
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let mut told = self.list.iter().filter(|fingerprint| fingerprint.hash == hash).peekable();
            if told.peek().is_some() {
                hashes += 1;
                let value = Fingerprint::of(hash, certificate).value;
                if !told.any(|fingerprint| fingerprint.value.ct_eq(&value).into()) {
                    return false;
                }
            }
        }
        hashes > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(hash: Hash, certificate: &[u8]) -> String {
        Fingerprint::of(hash, certificate).to_string()
    }

    fn vouch(lines: &[&str]) -> bool {
        Fingerprints::parse(lines.iter().copied()).expect("fingerprints").vouch_for(b"mine")
    }

    #[test]
    fn a_certificate_is_vouched_for_in_any_case_of_letters() {
        let upper = text(Hash::Sha256, b"mine");
        assert_eq!(upper.len(), "sha-256 ".len() + 95);
        let lower = upper.to_lowercase();
        let mixed = upper.replace("sha", "SHA");
        assert!(vouch(&[&upper]) && vouch(&[&lower]) && vouch(&[&mixed]) && vouch(&[&upper, &lower, &upper]));
    }

    #[test]
    fn every_hash_that_is_told_must_agree() {
        let [a256, a384, a512] = [Hash::Sha256, Hash::Sha384, Hash::Sha512].map(|hash| text(hash, b"mine"));
        let [b256, _, b512] = [Hash::Sha256, Hash::Sha384, Hash::Sha512].map(|hash| text(hash, b"other"));
        assert!(vouch(&[&a256, &a384, &a512]));
        // Two certificates, both with both hashes.
        assert!(vouch(&[&b256, &b512, &a256, &a512]));
        assert!(!vouch(&[&a256, &b512]) && !vouch(&[&b256, &a512]) && !vouch(&[&b256]));
    }

    #[test]
    fn an_untrusted_hash_vouches_for_nobody() {
        let sha1 = "sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";
        let told = Fingerprints::parse([sha1, "md5 00:11", "sha-224 00", "x y"]).expect("fingerprints");
        assert!(told.is_empty() && !told.vouch_for(b"mine") && !Fingerprints::default().vouch_for(b"mine"));
        // Beside a trusted one it does no harm.
        assert!(vouch(&[sha1, &text(Hash::Sha256, b"mine")]));
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        let good = text(Hash::Sha256, b"mine");
        for wrong in [
            "",
            "sha-256",
            "sha-256 ",
            "sha-256 AB:CD",
            &good[..good.len() - 3],
            &format!("{good}:00"),
            &good.replace(':', ""),
            &good.replacen(":", ":+", 1),
            &good.replacen(' ', " é", 1),
        ] {
            assert_eq!(Fingerprints::parse([wrong]).err(), Some(FingerprintError::Malformed), "{wrong}");
        }
        let many: Vec<String> = (0..9u8).map(|nth| text(Hash::Sha256, &[nth])).collect();
        let parse = |lines: &[String]| Fingerprints::parse(lines.iter().map(String::as_str)).err();
        assert_eq!((parse(&many[1..]), parse(&many)), (None, Some(FingerprintError::TooMany)));
    }
}
