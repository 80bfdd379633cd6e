//! How a name is proved to a server of certificates over TLS (RFC 8737): it asks for the protocol `acme-tls/1` alone, and is shown a certificate
//! that nobody else believes, with the answer to its question in it.

use parking_lot::Mutex;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// RFC 8737 section 6.2.
pub use coeur_api::ACME_PROTOCOL as PROTOCOL;

/// What is shown of each name that is being proved: as many as one order has names.
#[derive(Default)]
pub struct Proofs(Mutex<BTreeMap<String, Arc<CertifiedKey>>>);

impl Proofs {
    /// `digest`: SHA-256 of the key authorization (section 3).
    pub fn put(&self, name: &str, digest: &[u8; 32]) -> Result<(), String> {
        let key = certificate(name, digest)?;
        self.0.lock().insert(name.to_ascii_lowercase(), Arc::new(key));
        Ok(())
    }

    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// `None`: it asks for something else. `Some(None)`: it wants a proof, and there is none: the handshake is broken off (section 3).
    pub(super) fn asked(&self, hello: &ClientHello<'_>) -> Option<Option<Arc<CertifiedKey>>> {
        let mut protocols = hello.alpn()?;
        let is_proof = protocols.next() == Some(PROTOCOL) && protocols.next().is_none();
        is_proof.then(|| hello.server_name().and_then(|name| self.0.lock().get(name).cloned()))
    }
}

/// Section 3: self-signed, of this one name, with the answer in a critical extension.
fn certificate(name: &str, digest: &[u8; 32]) -> Result<CertifiedKey, String> {
    let key = KeyPair::generate().map_err(|why| why.to_string())?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(|why| why.to_string())?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let made = params.self_signed(&key).map_err(|why| why.to_string())?;
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![CertificateDer::from(made.der().to_vec())];
    // Not `from_der`, which looks whether they belong together and refuses the critical extension.
    let key = any_supported_type(&private).map_err(|why| why.to_string())?;
    Ok(CertifiedKey::new(chain, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_can_be_made_for_a_name_and_none_for_what_is_no_name() {
        let proofs = Proofs::default();
        proofs.put("SIP.example.org", &[7; 32]).unwrap();
        assert!(proofs.put("no name\u{e9}", &[7; 32]).is_err());
        let shown = proofs.0.lock().get("sip.example.org").cloned().unwrap();
        let leaf = shown.cert.first().unwrap().to_vec();
        // Section 3: id-pe-acmeIdentifier 1.3.6.1.5.5.7.1.31, critical, the digest as an OCTET STRING.
        let extension =
            [&[6, 8, 0x2b, 6, 1, 5, 5, 7, 1, 31, 1, 1, 0xff, 4, 34, 4, 32][..], &[7; 32]].concat();
        assert!(leaf.windows(extension.len()).any(|window| window == extension));
        proofs.clear();
        assert!(proofs.0.lock().is_empty());
    }
}
