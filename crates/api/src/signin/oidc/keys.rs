//! The keys with which the other server signs (RFC 7517), and what they have signed.

use super::{Trouble, trouble};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::de::DeserializeOwned;

pub(super) type Keys = JwkSet;

/// Of public keys alone (RFC 8725 section 3.1): with `none` anybody signs, and with HS* whoever knows the public key, taken for a secret.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

pub(super) enum Verified<T> {
    Claims(Box<T>),
    /// The keys may have been changed since.
    UnknownKey,
}

/// Who has signed; what is said is not looked at yet.
pub(super) fn verify<T: DeserializeOwned>(keys: &Keys, token: &str) -> Result<Verified<T>, Trouble> {
    let header = decode_header(token).map_err(|why| trouble(format!("a token that is none: {why}")))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(trouble(format!("a token signed by {:?}", header.alg)));
    }
    let fits = |key: &&Jwk| {
        let common = &key.common;
        let named = header.kid.as_ref().is_none_or(|kid| common.key_id.as_ref() == Some(kid));
        let signs = common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature);
        let same = common.key_algorithm.is_none_or(|of| of.to_string() == format!("{:?}", header.alg));
        named && signs && same
    };
    let mut found = keys.keys.iter().filter(fits);
    let (Some(key), None) = (found.next(), found.next()) else { return Ok(Verified::UnknownKey) };
    let key = DecodingKey::from_jwk(key).map_err(trouble)?;
    let mut validation = Validation::new(header.alg);
    // By the clock of the house, in `Claims::check`.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    let decoded = decode::<T>(token, &key, &validation);
    decoded
        .map(|data| Verified::Claims(Box::new(data.claims)))
        .map_err(|why| trouble(format!("a token: {why}")))
}
