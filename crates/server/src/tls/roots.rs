//! Whom we believe when we connect: the authorities of the system, our own, and those of the configuration.

use super::CertificateError;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;

/// Where distributions keep the bundle of their authorities; the first that exists is taken.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The authorities of the system; none when it has no bundle, which is no error.
pub fn of_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    if let Some(bundle) = BUNDLES.iter().map(Path::new).find(|path| path.exists())
        && let Ok(certificates) = CertificateDer::pem_file_iter(bundle)
    {
        // One odd certificate in a bundle does not spoil the others.
        roots.add_parsable_certificates(certificates.flatten());
    }
    roots
}

/// Adds every certificate of a PEM file.
pub fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), CertificateError> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| CertificateError::new(path, format_args!("no certificate can be read: {error}")))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| CertificateError::new(path, error))?;
    }
    Ok(())
}
