//! Who we are in DTLS: a self-signed certificate and its key, handed in.

use super::Fingerprint;
use super::certificate::{Curve, public_key};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Why a certificate or a key cannot be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// The certificate cannot be read, or its key is not on P-256.
    Certificate,
    /// The key cannot be read, or is not that of the certificate.
    Key,
}

/// A certificate with its private key, shared by the associations that use it. No `Debug`: it holds a secret.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    fingerprint: Fingerprint,
}

impl Identity {
    /// A certificate on P-256 (every peer has it: RFC 8827 section 6.5) in DER, and its key in PKCS #8.
    pub fn new(certificate: Vec<u8>, key: Vec<u8>) -> Result<Identity, IdentityError> {
        let key = Zeroizing::new(key);
        let public = public_key(&certificate).filter(|public| public.curve == Curve::P256);
        let public = public.ok_or(IdentityError::Certificate)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key);
        let pair = pair.map_err(|_| IdentityError::Key)?;
        if pair.public_key().as_ref() != public.point {
            return Err(IdentityError::Key);
        }
        let fingerprint = Fingerprint::sha256(&certificate);
        Ok(Identity { inner: Arc::new(Inner { certificate, key, fingerprint }) })
    }

    /// What our session description tells.
    pub fn fingerprint(&self) -> Fingerprint {
        self.inner.fingerprint
    }

    pub fn certificate(&self) -> &[u8] {
        &self.inner.certificate
    }

    pub(super) fn for_handshake(&self) -> dimpl::DtlsCertificate {
        dimpl::DtlsCertificate {
            certificate: self.inner.certificate.clone(),
            private_key: self.inner.key.to_vec(),
        }
    }
}
