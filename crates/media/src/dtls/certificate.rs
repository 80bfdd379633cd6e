//! The public key of a certificate (RFC 5280 section 4.1), and no more of it: a self-signed certificate is a wrapping,
//! whose fingerprint is what counts.

/// Curves whose keys sign in DTLS (RFC 8422 section 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

/// The point of an elliptic-curve certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PublicKey<'a> {
    pub(super) curve: Curve,
    pub(super) point: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const VERSION: u8 = 0xa0;

const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

/// `None` for another kind of key, and for what is no certificate.
pub(super) fn public_key(certificate: &[u8]) -> Option<PublicKey<'_>> {
    let mut certificate = Der(certificate).take(SEQUENCE)?;
    let mut to_sign = certificate.take(SEQUENCE)?;
    if to_sign.0.first() == Some(&VERSION) {
        to_sign.take(VERSION)?;
    }
    to_sign.take(INTEGER)?;
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        to_sign.take(SEQUENCE)?;
    }
    let mut key = to_sign.take(SEQUENCE)?;
    let mut algorithm = key.take(SEQUENCE)?;
    if algorithm.take(OBJECT_IDENTIFIER)?.0 != EC_PUBLIC_KEY {
        return None;
    }
    let curve = match algorithm.take(OBJECT_IDENTIFIER)?.0 {
        SECP256R1 => Curve::P256,
        SECP384R1 => Curve::P384,
        _ => return None,
    };
    // The first byte counts bits that are not used: none.
    match key.take(BIT_STRING)?.0 {
        [0, point @ ..] => Some(PublicKey { curve, point }),
        _ => None,
    }
}

/// Bytes in distinguished encoding (ITU-T X.690), read from their start.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next element, if it is of this kind.
    fn take(&mut self, kind: u8) -> Option<Der<'a>> {
        let (&first, rest) = self.0.split_first()?;
        let (&short, mut rest) = rest.split_first()?;
        let bytes = match short {
            0..=0x7f => usize::from(short),
            0x81 | 0x82 => {
                let (long, after) = rest.split_at_checked(usize::from(short - 0x80))?;
                rest = after;
                long.iter().fold(0, |bytes, byte| bytes << 8 | usize::from(*byte))
            }
            // Longer than any certificate that fits a handshake.
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(bytes)?;
        self.0 = after;
        (first == kind).then_some(Der(content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> (Vec<u8>, Vec<u8>) {
        let key = rcgen::KeyPair::generate_for(algorithm).expect("a key");
        let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
        (certificate.der().to_vec(), key.public_key_raw().to_vec())
    }

    #[test]
    fn the_public_key_of_a_certificate_is_found() {
        for (algorithm, curve) in
            [(&rcgen::PKCS_ECDSA_P256_SHA256, Curve::P256), (&rcgen::PKCS_ECDSA_P384_SHA384, Curve::P384)]
        {
            let (certificate, point) = certificate(algorithm);
            assert_eq!(public_key(&certificate), Some(PublicKey { curve, point: &point }));
        }
        assert_eq!(public_key(&certificate(&rcgen::PKCS_ED25519).0), None);
    }

    #[test]
    fn no_bytes_make_the_reader_panic() {
        let (certificate, point) = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        let end = certificate.windows(point.len()).position(|window| window == point).expect("the point");
        for length in 0..end {
            assert_eq!(public_key(&certificate[..length]), None);
        }
        for at in 0..certificate.len() {
            for value in [0, 1, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff] {
                let mut changed = certificate.clone();
                changed[at] = value;
                public_key(&changed);
            }
        }
    }
}
