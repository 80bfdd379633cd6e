//! The response: computed by the client, recomputed and compared by the server (RFC 7616 section 3.4.1).

use super::algorithm::{Hash, Hasher, hash_joined, hex, unhex};
use super::credentials::{Credentials, Qop};
use super::{Algorithm, Ha1};
use subtle::ConstantTimeEq;

/// True when the credentials prove knowledge of the secret for this request. `method` is the request's method,
/// `body` its body as received (read only under `auth-int`). The time does not depend on how wrong they are.
///
/// Not checked here: the nonce, the nonce count, and that `uri` means the Request-URI (section 3.4.6).
/// Credentials without qop are refused; see [`verify_allowing_rfc2069`].
pub fn verify(ha1: &Ha1, credentials: &Credentials<'_>, method: &[u8], body: &[u8]) -> bool {
    credentials.qop.is_some() & verify_allowing_rfc2069(ha1, credentials, method, body)
}

/// As [`verify`], but credentials without qop (RFC 2069) are compared too. They have no nonce count, so
/// whoever hears them can repeat them while the nonce lives: only for devices that know nothing better.
pub fn verify_allowing_rfc2069(ha1: &Ha1, credentials: &Credentials<'_>, method: &[u8], body: &[u8]) -> bool {
    let algorithm = ha1.algorithm();
    let expected = response(
        ha1,
        credentials.nonce.raw(),
        credentials.qop.as_ref(),
        &ha2(algorithm, credentials.qop.as_ref(), method, credentials.uri.raw(), body),
    );
    let given = unhex(credentials.algorithm, credentials.response).unwrap_or([0; 32]);
    (credentials.algorithm == algorithm) & bool::from(expected.ct_eq(&given))
}

/// Writes the response that these credentials should have for this request, whatever theirs is: for who answers a challenge
/// with credentials that are written already.
pub fn write_response(
    ha1: &Ha1,
    credentials: &Credentials<'_>,
    method: &[u8],
    body: &[u8],
    out: &mut Vec<u8>,
) {
    let qop = credentials.qop.as_ref();
    let ha2 = ha2(ha1.algorithm(), qop, method, credentials.uri.raw(), body);
    write_hex(ha1.algorithm(), &response(ha1, credentials.nonce.raw(), qop, &ha2), out);
}

/// Writes the value of `rspauth` (section 3.5), which proves to the client that the server knows the secret
/// too: the response without a method.
pub fn write_response_auth(ha1: &Ha1, credentials: &Credentials<'_>, body: &[u8], out: &mut Vec<u8>) {
    let qop = credentials.qop.as_ref();
    let ha2 = ha2(ha1.algorithm(), qop, b"", credentials.uri.raw(), body);
    write_hex(ha1.algorithm(), &response(ha1, credentials.nonce.raw(), qop, &ha2), out);
}

/// H(A2): method and URI, and the body's hash under `auth-int` (section 3.4.3).
pub(super) fn ha2(
    algorithm: Algorithm,
    qop: Option<&Qop<'_>>,
    method: &[u8],
    uri: &[u8],
    body: &[u8],
) -> Hash {
    if !qop.is_some_and(|qop| qop.with_body) {
        return hash_joined(algorithm, &[method, uri]);
    }
    let mut hasher = Hasher::new(algorithm);
    hasher.update(body);
    let body_hash = hex(&hasher.finish());
    hash_joined(algorithm, &[method, uri, &body_hash[..2 * algorithm.hash_bytes()]])
}

/// KD(H(A1), nonce ":" nc ":" cnonce ":" qop ":" H(A2)), or without qop KD(H(A1), nonce ":" H(A2)).
pub(super) fn response(ha1: &Ha1, nonce: &[u8], qop: Option<&Qop<'_>>, ha2: &Hash) -> Hash {
    let algorithm = ha1.algorithm();
    let digits = 2 * algorithm.hash_bytes();
    let (ha1, ha2) = (zeroize::Zeroizing::new(ha1.hex()), hex(ha2));
    let (ha1, ha2) = (&ha1[..digits], &ha2[..digits]);
    match qop {
        None => hash_joined(algorithm, &[ha1, nonce, ha2]),
        Some(qop) => {
            let token: &[u8] = if qop.with_body { b"auth-int" } else { b"auth" };
            hash_joined(algorithm, &[ha1, nonce, qop.nonce_count_text, qop.cnonce.raw(), token, ha2])
        }
    }
}

pub(super) fn write_hex(algorithm: Algorithm, hash: &Hash, out: &mut Vec<u8>) {
    out.extend_from_slice(&hex(hash)[..2 * algorithm.hash_bytes()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 section 3.9.1.
    fn rfc7616(algorithm: &str, response: &str) -> String {
        format!(
            r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
        )
    }

    const MD5: &str = "8ca523f5e9506fed4657c9700eebdbec";
    const SHA256: &str = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";

    fn mufasa(algorithm: Algorithm) -> Ha1 {
        Ha1::new(algorithm, b"Mufasa", b"http-auth@example.org", b"Circle of Life")
    }

    #[test]
    fn the_vectors_of_rfc_7616_are_accepted() {
        let value = rfc7616("MD5", MD5);
        assert!(verify(&mufasa(Algorithm::Md5), &Credentials::parse(value.as_bytes()).unwrap(), b"GET", b""));
        let value = rfc7616("SHA-256", SHA256);
        assert!(verify(
            &mufasa(Algorithm::Sha256),
            &Credentials::parse(value.as_bytes()).unwrap(),
            b"GET",
            b""
        ));
    }

    #[test]
    fn the_vector_of_rfc_2617_is_accepted() {
        let value = br#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        let ha1 = Ha1::new(Algorithm::Md5, b"Mufasa", b"testrealm@host.com", b"Circle Of Life");
        assert!(verify(&ha1, &Credentials::parse(value).unwrap(), b"GET", b"ignored under auth"));
    }

    #[test]
    fn any_change_is_refused() {
        let ha1 = mufasa(Algorithm::Sha256);
        let check = |value: &str, method: &[u8]| {
            verify(&ha1, &Credentials::parse(value.as_bytes()).unwrap(), method, b"")
        };
        let right = rfc7616("SHA-256", SHA256);
        assert!(check(&right, b"GET"));
        assert!(!check(&right, b"POST"));
        assert!(!check(&right.replace("index", "other"), b"GET"));
        assert!(!check(&right.replace("nc=00000001", "nc=00000002"), b"GET"));
        assert!(!check(&right.replace("7ypf", "8ypf"), b"GET"));
        assert!(!check(&right.replace("qop=auth", "qop=auth-int"), b"GET"));
        assert!(!check(&right.replace("753927", "753928"), b"GET"));
        assert!(!check(&right.replace("SHA-256", "SHA-512-256"), b"GET"));
        assert!(!check(&rfc7616("MD5", MD5), b"GET"));
    }

    #[test]
    fn credentials_without_qop_need_an_explicit_permission() {
        // RFC 2069 section 2.4 with the value that its erratum gives.
        let value = br#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        let credentials = Credentials::parse(value).unwrap();
        let ha1 = Ha1::new(Algorithm::Md5, b"Mufasa", b"testrealm@host.com", b"CircleOfLife");
        assert!(!verify(&ha1, &credentials, b"GET", b""));
        assert!(verify_allowing_rfc2069(&ha1, &credentials, b"GET", b""));
    }
}
