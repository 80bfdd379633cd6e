//! Public keys as authenticators give them: `COSE_Key` (RFC 9052 section 7, RFC 9053, RFC 8230), of the three algorithms that we ask
//! for.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use ciborium::Value;

/// In the order in which we like them, as COSE numbers them: EdDSA, ES256, RS256.
pub(crate) const ALGORITHMS: [i64; 3] = [-8, -7, -257];

#[derive(Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// The point, uncompressed.
    Es256([u8; 65]),
    EdDsa([u8; 32]),
    Rs256 {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// RFC 9052 section 7.1: kty and alg; RFC 9053 section 7: crv, x, y; RFC 8230 section 4: n, e.
const KTY: i64 = 1;
const ALG: i64 = 3;
const CRV_OR_N: i64 = -1;
const X_OR_E: i64 = -2;
const Y: i64 = -3;

impl PublicKey {
    /// What follows the key is not looked at. `None`: it is none, or of another algorithm.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let whole: Value = ciborium::de::from_reader_with_recursion_limit(bytes, 4).ok()?;
        let fields = whole.into_map().ok()?;
        let field = |label: i64| {
            let mut found =
                fields.iter().filter(|(key, _)| *key == Value::from(label)).map(|(_, value)| value);
            // A label that is there twice has two readings.
            found.next().filter(|_| found.next().is_none())
        };
        let number = |label| field(label)?.as_integer().and_then(|number| i64::try_from(number).ok());
        let bytes = |label| field(label)?.as_bytes().map(Vec::as_slice);
        match (number(KTY)?, number(ALG)?) {
            // RFC 9053 sections 2.1 and 7.1.1: P-256 is curve 1.
            (2, -7) if number(CRV_OR_N) == Some(1) => {
                let (x, y) = (bytes(X_OR_E)?, bytes(Y)?);
                let point = [&[4][..], x, y].concat().try_into().ok()?;
                (x.len() == 32).then_some(Self::Es256(point))
            }
            // Sections 2.2 and 7.2: Ed25519 is curve 6.
            (1, -8) if number(CRV_OR_N) == Some(6) => bytes(X_OR_E)?.try_into().ok().map(Self::EdDsa),
            (3, -257) => Some(Self::Rs256 { n: bytes(CRV_OR_N)?.to_vec(), e: bytes(X_OR_E)?.to_vec() }),
            _ => None,
        }
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok()
            }
            Self::EdDsa(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok(),
            Self::Rs256 { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        }
    }
}
