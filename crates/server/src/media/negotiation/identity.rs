//! The certificate that this server shows in DTLS: one for all calls, made once and kept with the other keys.

use coeur_exchange::media::Fingerprint;
use coeur_media::dtls::Identity;
use coeur_storage::write_whole;
use std::io;
use std::path::Path;
use std::time::Instant;
use zeroize::Zeroizing;

const FILE: &str = "keys/media";

/// No `Debug`: it holds a private key.
pub struct Certificate {
    pub(super) identity: Identity,
    /// When the clock of the workers was zero.
    pub(super) zero: Instant,
}

impl Certificate {
    /// One that is not kept.
    pub fn new(zero: Instant) -> io::Result<Self> {
        let (certificate, key) = make()?;
        Ok(Self { identity: identity(certificate, &key)?, zero })
    }

    /// The one that is kept in the data directory. Where there is none that can be read one is made: phones learn it with
    /// each call, so that all it costs is a handshake of the calls which were kept over a restart.
    pub fn open(folder: &Path, zero: Instant) -> io::Result<Self> {
        let path = folder.join(FILE);
        let kept = std::fs::read(&path).map(Zeroizing::new);
        if let Some(identity) = kept.ok().and_then(|bytes| read(&bytes)) {
            return Ok(Self { identity, zero });
        }
        let (certificate, key) = make()?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(4 + certificate.len() + key.len()));
        // A certificate of this kind has some 400 bytes.
        bytes.extend((certificate.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&certificate);
        bytes.extend_from_slice(&key);
        write_whole(&path, &bytes, 0o600)?;
        Ok(Self { identity: identity(certificate, &key)?, zero })
    }

    /// As descriptions name it.
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.identity.certificate());
        Fingerprint { hash: "sha-256".into(), bytes: digest.as_ref().into() }
    }
}

/// Length of the certificate, certificate, key.
fn read(bytes: &[u8]) -> Option<Identity> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (certificate, key) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    identity(certificate.to_vec(), key).ok()
}

/// RFC 8827 section 6.5: ECDSA on P-256. Nothing in it tells anybody anything: its fingerprint is what counts.
fn make() -> io::Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
    let certificate = rcgen::CertificateParams::default().self_signed(&key).map_err(io::Error::other)?;
    Ok((certificate.der().to_vec(), Zeroizing::new(key.serialize_der())))
}

fn identity(certificate: Vec<u8>, key: &[u8]) -> io::Result<Identity> {
    let why = |_| io::Error::new(io::ErrorKind::InvalidData, "no certificate on P-256 with its key");
    Identity::new(certificate, key.to_vec()).map_err(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_certificate_is_made_once_is_private_and_one_that_cannot_be_read_is_made_anew() {
        let folder = std::env::temp_dir().join(format!("coeur-media-key-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("keys")).unwrap();
        let open = || Certificate::open(&folder, Instant::now()).unwrap().fingerprint();
        let first = open();
        assert_eq!(first, open());
        let path = folder.join(FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 1);
        std::fs::write(&path, bytes).unwrap();
        let second = open();
        assert_ne!(first, second);
        assert_eq!(second, open());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
