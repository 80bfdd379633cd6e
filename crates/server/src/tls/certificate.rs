//! Certificate and key from files, with errors that say what to do.

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use std::fmt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// A chain (leaf first) and its private key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub chain: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug)]
pub struct CertificateError(String);

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertificateError {}

impl CertificateError {
    pub(super) fn new(path: &Path, what: impl fmt::Display) -> Self {
        Self(format!("{}: {what}", path.display()))
    }

    pub(super) fn provider(error: &rustls::Error) -> Self {
        Self(format!("TLS cannot be set up: {error}"))
    }
}

/// All but the last may be missing: a certificate that is asked for is there once it was given.
pub(super) fn load_all(
    sources: &[Source],
    provider: &CryptoProvider,
) -> Result<Vec<Arc<CertifiedKey>>, CertificateError> {
    let (last, asked_for) = sources.split_last().map_or((None, sources), |(last, rest)| (Some(last), rest));
    let there = asked_for.iter().filter(|source| source.chain.exists());
    there.chain(last).map(|source| load(source, provider).map(Arc::new)).collect()
}

/// Reads and checks one pair.
pub fn load(source: &Source, provider: &CryptoProvider) -> Result<CertifiedKey, CertificateError> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(&source.chain).and_then(Iterator::collect).map_err(|error| {
            CertificateError::new(&source.chain, format_args!("no certificate can be read: {error}"))
        })?;
    let Some(leaf) = chain.first() else {
        return Err(CertificateError::new(&source.chain, "there is no certificate in this file"));
    };
    check_dates(&source.chain, leaf)?;
    check_permissions(&source.key)?;
    let key = PrivateKeyDer::from_pem_file(&source.key).map_err(|error| {
        CertificateError::new(&source.key, format_args!("no private key can be read: {error}"))
    })?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => CertificateError::new(
            &source.key,
            format_args!("this key does not belong to the certificate in {}", source.chain.display()),
        ),
        error => CertificateError::new(&source.key, error),
    })
}

/// True when the certificate proves this host name.
pub(crate) fn proves(key: &CertifiedKey, name: &str) -> bool {
    let Ok(leaf) = key.end_entity_cert() else { return false };
    let Ok(parsed) = ParsedCertificate::try_from(leaf) else { return false };
    let Ok(name) = ServerName::try_from(name) else { return false };
    rustls::client::verify_server_name(&parsed, &name).is_ok()
}

/// What changes with the content of a file, whatever tool wrote it: when, which file it is now, how long it is.
pub(super) type Stamp = Option<(SystemTime, u64, u64)>;

pub(super) fn stamps(sources: &[Source]) -> Vec<Stamp> {
    let stamp = |path: &Path| {
        let data = std::fs::metadata(path).ok()?;
        Some((data.modified().ok()?, data.ino(), data.len()))
    };
    sources.iter().flat_map(|source| [stamp(&source.chain), stamp(&source.key)]).collect()
}

fn check_permissions(key: &Path) -> Result<(), CertificateError> {
    let data = std::fs::metadata(key).map_err(|error| CertificateError::new(key, error))?;
    let mode = data.permissions().mode();
    if mode & 0o007 != 0 {
        let what =
            format!("this private key can be read by everybody (mode {:o}); chmod 600 it", mode & 0o777);
        return Err(CertificateError::new(key, what));
    }
    Ok(())
}

fn check_dates(path: &Path, leaf: &CertificateDer<'_>) -> Result<(), CertificateError> {
    let Some((begins, ends)) = super::authority::validity(leaf) else {
        return Err(CertificateError::new(path, "the validity of the certificate cannot be read"));
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
    if now > ends {
        let days = (now - ends) / 86_400;
        return Err(CertificateError::new(path, format_args!("the certificate expired {days} days ago")));
    }
    if now < begins {
        return Err(CertificateError::new(path, "the certificate is not valid yet; is the clock right?"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_certificate_an_open_key_and_an_empty_file_are_told() {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let dir = std::env::temp_dir().join(format!("coeur-cert-{}", std::process::id()));
        let (a, b) = (dir.join("a"), dir.join("b"));
        let names = ["a.example".to_owned()];
        let first = super::super::authority::ensure(&a, &names).unwrap();
        let second = super::super::authority::ensure(&b, &names).unwrap();
        assert!(load(&first, &provider).is_ok());
        let error = |source: &Source| load(source, &provider).err().unwrap().to_string();
        let crossed = Source { chain: first.chain.clone(), key: second.key.clone() };
        assert!(error(&crossed).contains("does not belong"), "{}", error(&crossed));
        std::fs::set_permissions(&first.key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(error(&first).contains("read by everybody"));
        std::fs::write(&second.chain, "").unwrap();
        assert!(error(&second).contains("no certificate"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
