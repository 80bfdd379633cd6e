//! The local authority: made at first start, so that TLS works before anybody has bought or fetched a certificate.
//! Devices that trust its certificate verify this server like any other.

use super::certificate::{CertificateError, Source};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const AUTHORITY_LIFE: Duration = Duration::from_secs(3_652 * 86_400);
/// Phones refuse certificates of more than 398 days.
const LEAF_LIFE: Duration = Duration::from_secs(397 * 86_400);
/// A leaf is made anew this long before it expires.
const RENEW_BEFORE: Duration = Duration::from_secs(60 * 86_400);
/// Clocks of phones may be behind ours.
const BEGINS_BEFORE: Duration = Duration::from_secs(86_400);

/// The certificate of the authority, for devices to trust.
pub fn certificate_path(dir: &Path) -> PathBuf {
    dir.join("authority.pem")
}

fn paths(dir: &Path) -> (PathBuf, Source) {
    (dir.join("authority.key"), Source { chain: dir.join("server.pem"), key: dir.join("server.key") })
}

/// The certificate of this server by the authority in `dir`; both are made when they are missing, and the leaf when
/// it expires soon or does not prove all of `names` (host names and IP addresses).
pub fn ensure(dir: &Path, names: &[String]) -> Result<Source, CertificateError> {
    let (_, source) = paths(dir);
    if is_good(&source, names) { Ok(source) } else { renew(dir, names) }
}

/// Makes a new leaf.
pub fn renew(dir: &Path, names: &[String]) -> Result<Source, CertificateError> {
    fs::create_dir_all(dir).map_err(|error| CertificateError::new(dir, error))?;
    let (authority_key, source) = paths(dir);
    let certificate = certificate_path(dir);
    if !authority_key.exists() || !certificate.exists() {
        make_authority(&certificate, &authority_key)?;
    }
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| CertificateError::new(path, error));
    let key = KeyPair::from_pem(&read(&authority_key)?)
        .map_err(|error| CertificateError::new(&authority_key, error))?;
    let issuer = Issuer::from_ca_cert_pem(&read(&certificate)?, key)
        .map_err(|error| CertificateError::new(&certificate, error))?;
    let leaf_key = KeyPair::generate().map_err(|error| CertificateError::new(&source.key, error))?;
    let leaf = leaf_params(names)
        .and_then(|params| params.signed_by(&leaf_key, &issuer))
        .map_err(|error| CertificateError::new(&source.chain, error))?;
    // The key first: whoever sees the new certificate finds its key.
    write(&source.key, &leaf_key.serialize_pem(), 0o600)?;
    write(&source.chain, &format!("{}{}", leaf.pem(), read(&certificate)?), 0o644)?;
    Ok(source)
}

fn make_authority(certificate: &Path, key_path: &Path) -> Result<(), CertificateError> {
    let made = || -> Result<(String, KeyPair), rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = named("Coeur local authority");
        set_life(&mut params, AUTHORITY_LIFE);
        Ok((params.self_signed(&key)?.pem(), key))
    };
    let (pem, key) = made().map_err(|error| CertificateError::new(certificate, error))?;
    write(key_path, &key.serialize_pem(), 0o400)?;
    write(certificate, &pem, 0o644)
}

fn leaf_params(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = named(names.first().map_or("coeur", String::as_str));
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    set_life(&mut params, LEAF_LIFE);
    Ok(params)
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    // RFC 5280 upper bound ub-common-name: 64 characters.
    distinguished.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    distinguished
}

fn set_life(params: &mut CertificateParams, life: Duration) {
    let now = SystemTime::now();
    params.not_before = (now - BEGINS_BEFORE).into();
    params.not_after = (now + life - BEGINS_BEFORE).into();
}

/// True when the leaf exists, lives long enough and proves all names.
fn is_good(source: &Source, names: &[String]) -> bool {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let Ok(key) = super::certificate::load(source, &provider) else { return false };
    let lives = key.end_entity_cert().ok().and_then(|leaf| validity(leaf)).is_some_and(|(_, ends)| {
        let now = SystemTime::now() + RENEW_BEFORE;
        ends > now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() as i64
    });
    lives && names.iter().all(|name| super::certificate::proves(&key, name))
}

/// Begin and end of a certificate, in seconds since 1970: the two times of its `Validity` (RFC 5280 section 4.1.2.5).
pub fn validity(certificate: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let outer = element(certificate)?;
    let mut rest = element(outer.content)?.content;
    // version [0] is optional; then serialNumber, signature, issuer, validity.
    let mut first = element(rest)?;
    if first.tag == 0xa0 {
        rest = first.after;
        first = element(rest)?;
    }
    let issuer = element(element(first.after)?.after)?;
    let validity = element(issuer.after)?.content;
    let begins = element(validity)?;
    let ends = element(begins.after)?;
    Some((seconds(&begins)?, seconds(&ends)?))
}

struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    after: &'a [u8],
}

/// One DER element (X.690 section 8.1).
fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (&tag, &length) = (bytes.first()?, bytes.get(1)?);
    let (start, length) = if length < 0x80 {
        (2, usize::from(length))
    } else {
        let digits = usize::from(length & 0x7f);
        if digits == 0 || digits > 4 {
            return None;
        }
        let length = bytes.get(2..2 + digits)?.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        (2 + digits, length)
    };
    Some(Element {
        tag,
        content: bytes.get(start..start.checked_add(length)?)?,
        after: &bytes[start + length..],
    })
}

/// UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ`.
fn seconds(time: &Element<'_>) -> Option<i64> {
    let text = std::str::from_utf8(time.content).ok()?.strip_suffix('Z')?;
    let (year, rest) = match (time.tag, text.len()) {
        (0x17, 12) => {
            let short: i64 = text[..2].parse().ok()?;
            (if short >= 50 { 1900 + short } else { 2000 + short }, &text[2..])
        }
        (0x18, 14) => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let two = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    let (month, day, hour, minute, second) = (two(0)?, two(2)?, two(4)?, two(6)?, two(8)?);
    // Days since 1970 of the proleptic Gregorian calendar, years beginning in March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era_year = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = shifted.div_euclid(400) * 146_097 + era_year * 365 + era_year / 4 - era_year / 100
        + day_of_year
        - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Writes a file whole or not at all, with these permissions from its first byte on.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), CertificateError> {
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let written =
        fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, path)
        });
    written.map_err(|error| CertificateError::new(path, error))
}

/// How long the certificate counts that the authority in `dir` has given us; `None`: there is none.
pub fn days_left(dir: &Path, now_unix_s: i64) -> Option<i64> {
    let (_, ends) = validity(&read_file(&dir.join("server.pem")).ok()?)?;
    Some((ends - now_unix_s) / 86_400)
}

/// By which people compare what they are about to trust: SHA-256 of the certificate, as browsers and phones show it.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// The authority's certificate, for the roots.
pub fn read_certificate(dir: &Path) -> Result<CertificateDer<'static>, CertificateError> {
    read_file(&certificate_path(dir))
}

pub fn read_file(path: &Path) -> Result<CertificateDer<'static>, CertificateError> {
    CertificateDer::from_pem_file(path).map_err(|error| CertificateError::new(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_leaf_is_kept_while_it_is_good_and_made_anew_for_new_names() {
        let dir = std::env::temp_dir().join(format!("coeur-ca-{}", std::process::id()));
        let names = ["a.example".to_owned(), "192.0.2.7".to_owned()];
        let source = ensure(&dir, &names).unwrap();
        let first = fs::read(&source.chain).unwrap();
        assert_eq!(fs::metadata(dir.join("authority.key")).unwrap().permissions().mode() & 0o777, 0o400);
        ensure(&dir, &names).unwrap();
        assert_eq!(fs::read(&source.chain).unwrap(), first);
        let more = ["a.example".to_owned(), "b.example".to_owned()];
        ensure(&dir, &more).unwrap();
        assert_ne!(fs::read(&source.chain).unwrap(), first);
        let authority = read_certificate(&dir).unwrap();
        let (begins, ends) = validity(&authority).unwrap();
        assert_eq!(ends - begins, AUTHORITY_LIFE.as_secs() as i64);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
        assert!((now - begins - 86_400).abs() < 60);
        fs::remove_dir_all(&dir).unwrap();
    }
}
