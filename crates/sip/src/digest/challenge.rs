//! WWW-Authenticate and Proxy-Authenticate (RFC 3261 sections 20.44 and 20.27, RFC 7616 section 3.3).

use super::params::{Text, next_param, set_once, skip_separators};
use super::{Algorithm, DigestError};
use crate::lex;

/// A digest challenge, borrowed from the header value.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    pub realm: Text<'a>,
    pub nonce: Text<'a>,
    pub opaque: Option<Text<'a>>,
    /// The response was right, only the nonce was old: answer again without asking the user.
    pub stale: bool,
    pub algorithm: Algorithm,
    pub qop: QopOffer,
}

/// The protections that a challenge offers; neither means RFC 2069.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QopOffer {
    pub auth: bool,
    pub auth_int: bool,
}

/// Reads the challenges of one header value, which may hold several (as RFC 7235 allows; RFC 3261 writes one
/// per header). Challenges of other schemes are left out; one that we cannot answer is an error item, and the
/// next follows.
pub fn challenges(value: &[u8]) -> Challenges<'_> {
    Challenges { rest: value }
}

pub struct Challenges<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Challenges<'a> {
    type Item = Result<Challenge<'a>, DigestError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = skip_separators(self.rest, 0);
            if start == self.rest.len() {
                return None;
            }
            let end = lex::skip_token(self.rest, start);
            if end == start {
                self.rest = &[];
                return Some(Err(DigestError::Malformed));
            }
            let scheme = &self.rest[start..end];
            let params = &self.rest[end..];
            let length = params_length(params);
            self.rest = &params[length..];
            if scheme.eq_ignore_ascii_case(b"Digest") {
                return Some(read(&params[..length]));
            }
        }
    }
}

/// Bytes until the comma before the next challenge: a comma, a token and no `=`.
fn params_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => match lex::skip_quoted(bytes, at) {
                Some(end) if end <= bytes.len() => at = end,
                _ => return bytes.len(),
            },
            b',' => {
                let token = skip_separators(bytes, at);
                let end = lex::skip_token(bytes, token);
                let after = lex::skip_lws(bytes, end);
                if end > token && bytes.get(after) != Some(&b'=') {
                    return at;
                }
                at = end.max(at + 1);
            }
            _ => at += 1,
        }
    }
    at
}

fn read(params: &[u8]) -> Result<Challenge<'_>, DigestError> {
    let (mut realm, mut nonce, mut opaque, mut stale, mut algorithm, mut qop) =
        (None, None, None, None, None, None);
    let mut rest = params;
    while let Some(param) = next_param(&mut rest)? {
        match param.name.to_ascii_lowercase().as_slice() {
            b"realm" => set_once(&mut realm, param.value, "realm")?,
            b"nonce" => set_once(&mut nonce, param.value, "nonce")?,
            b"opaque" => set_once(&mut opaque, param.value, "opaque")?,
            b"stale" => set_once(&mut stale, param.value, "stale")?,
            b"algorithm" => set_once(&mut algorithm, param.value, "algorithm")?,
            b"qop" => set_once(&mut qop, param.value, "qop")?,
            _ => {}
        }
    }
    Ok(Challenge {
        realm: realm.ok_or(DigestError::Missing("realm"))?,
        nonce: nonce.ok_or(DigestError::Missing("nonce"))?,
        opaque,
        stale: stale.is_some_and(|value| value.raw().eq_ignore_ascii_case(b"true")),
        algorithm: match algorithm {
            None => Algorithm::Md5,
            Some(token) => Algorithm::parse(token.raw()).ok_or(DigestError::Unsupported("algorithm"))?,
        },
        qop: qop.map_or(Ok(QopOffer::default()), offer)?,
    })
}

fn offer(qop: Text<'_>) -> Result<QopOffer, DigestError> {
    let mut offer = QopOffer::default();
    for token in qop.raw().split(|&byte| byte == b',').map(lex::trim) {
        offer.auth |= token.eq_ignore_ascii_case(b"auth");
        offer.auth_int |= token.eq_ignore_ascii_case(b"auth-int");
    }
    if offer.auth || offer.auth_int { Ok(offer) } else { Err(DigestError::Unsupported("qop")) }
}

/// What a challenge of ours says.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeText<'a> {
    pub realm: &'a [u8],
    /// Our own nonces are base64, which needs no escaping.
    pub nonce: &'a [u8],
    pub algorithm: Algorithm,
    pub stale: bool,
    /// Offer `auth-int` beside `auth`.
    pub auth_int: bool,
}

/// Appends the value of a WWW- or Proxy-Authenticate header. `qop` stands quoted, since RFC 7616 section 3.3
/// asks for it, and last, where sipp and old phones find it.
pub fn write_challenge(text: &ChallengeText<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Digest realm=");
    lex::quote_into(text.realm, out);
    out.extend_from_slice(b", nonce=\"");
    out.extend_from_slice(text.nonce);
    out.extend_from_slice(b"\", algorithm=");
    out.extend_from_slice(text.algorithm.as_str().as_bytes());
    if text.stale {
        out.extend_from_slice(b", stale=true");
    }
    out.extend_from_slice(if text.auth_int { b", qop=\"auth,auth-int\"" } else { b", qop=\"auth\"" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut value = Vec::new();
        let text = ChallengeText {
            realm: b"a \"b\"",
            nonce: b"bm9uY2U=",
            algorithm: Algorithm::Sha256,
            stale: true,
            auth_int: true,
        };
        write_challenge(&text, &mut value);
        let challenge = challenges(&value).next().unwrap().unwrap();
        assert!(challenge.realm.is(b"a \"b\""));
        assert_eq!(challenge.nonce.raw(), b"bm9uY2U=");
        assert_eq!(challenge.algorithm, Algorithm::Sha256);
        assert!(challenge.stale);
        assert_eq!(challenge.qop, QopOffer { auth: true, auth_int: true });
    }

    #[test]
    fn several_challenges_in_one_header_are_told_apart() {
        let value = br#"Basic realm="x, Digest realm", Digest realm="r", nonce="1", algorithm=SHA-256, qop="auth, auth-int", Bearer, Digest realm="r",nonce="2" , stale=FALSE,algorithm=MD5"#;
        let found: Vec<_> = challenges(value).map(Result::unwrap).collect();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].nonce.raw(), found[0].algorithm), (&b"1"[..], Algorithm::Sha256));
        assert_eq!((found[1].nonce.raw(), found[1].algorithm), (&b"2"[..], Algorithm::Md5));
        assert_eq!(found[1].qop, QopOffer::default());
    }

    #[test]
    fn a_challenge_that_we_cannot_answer_does_not_hide_the_next() {
        let value = br#"Digest realm="r", nonce="1", algorithm=SHA3, Digest realm="r", nonce="2""#;
        let found: Vec<_> = challenges(value).collect();
        assert_eq!(found[0].as_ref().unwrap_err(), &DigestError::Unsupported("algorithm"));
        assert_eq!(found[1].as_ref().unwrap().nonce.raw(), b"2");
        assert!(challenges(b"Digest realm=\"r").next().unwrap().is_err());
        assert!(challenges(b"=").next().unwrap().is_err());
        assert!(challenges(b" , ").next().is_none());
    }
}
