//! JSON Web Tokens (RFC 7519), by which push services know who asks.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;

/// A key that signs; never shown.
pub enum Signer {
    /// ES256 (RFC 7518 section 3.4).
    Curve(EcdsaKeyPair),
    /// RS256 (RFC 7518 section 3.3).
    Rsa(Box<RsaKeyPair>),
}

impl Signer {
    /// Of a PEM file with a PKCS #8 key.
    pub fn curve_of_pem(pem: &[u8]) -> Result<Self, String> {
        Self::curve_of_pkcs8(pkcs8(pem)?.secret_der())
    }

    pub fn curve_of_pkcs8(der: &[u8]) -> Result<Self, String> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map(Self::Curve)
            .map_err(|_| "the key is not one of P-256".to_owned())
    }

    pub fn rsa_of_pem(pem: &[u8]) -> Result<Self, String> {
        let pair = RsaKeyPair::from_pkcs8(pkcs8(pem)?.secret_der());
        pair.map(|pair| Self::Rsa(Box::new(pair))).map_err(|_| "the key is not an RSA key".to_owned())
    }

    /// As services are told it; of P-256 the point without compression (RFC 8292 section 3.2).
    pub fn public(&self) -> String {
        match self {
            Self::Curve(pair) => URL_SAFE_NO_PAD.encode(pair.public_key()),
            Self::Rsa(pair) => URL_SAFE_NO_PAD.encode(pair.public_key()),
        }
    }

    /// A signed token with these claims. `None`: it could not be signed, which needs randomness alone.
    pub fn token(&self, key_id: Option<&str>, claims: &Value) -> Option<String> {
        let algorithm = match self {
            Self::Curve(_) => "ES256",
            Self::Rsa(_) => "RS256",
        };
        let mut header = serde_json::json!({ "alg": algorithm, "typ": "JWT" });
        if let Some(key_id) = key_id {
            header["kid"] = key_id.into();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.sign(signed.as_bytes())?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn sign(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Curve(pair) => Some(pair.sign(&SystemRandom::new(), bytes).ok()?.as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

fn pkcs8(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key @ PrivateKeyDer::Pkcs8(_)) => Ok(key),
        Ok(_) => Err("the key is not in PKCS #8 (BEGIN PRIVATE KEY)".into()),
        Err(_) => Err("there is no private key".into()),
    }
}
