//! Authorization and Proxy-Authorization (RFC 3261 sections 20.7 and 20.28, RFC 7616 section 3.4).

use super::params::{Text, after_digest_scheme, next_param, set_once};
use super::{Algorithm, DigestError};
use crate::lex;

/// What a client proves itself with, borrowed from the header value.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    pub username: Text<'a>,
    pub realm: Text<'a>,
    pub nonce: Text<'a>,
    pub uri: Text<'a>,
    /// Hexadecimal digits, as many as the algorithm wants.
    pub response: &'a [u8],
    /// MD5 when the header names none (RFC 7616 section 3.4).
    pub algorithm: Algorithm,
    pub opaque: Option<Text<'a>>,
    /// `None` is RFC 2069, without a client nonce.
    pub qop: Option<Qop<'a>>,
}

/// The quality of protection, with what only it has.
#[derive(Clone, Copy, Debug)]
pub struct Qop<'a> {
    /// `auth-int` rather than `auth`: the body is covered.
    pub with_body: bool,
    pub cnonce: Text<'a>,
    /// How many requests were sent with this nonce, this one included.
    pub nonce_count: u32,
    /// The eight digits of the nonce count as received; they are hashed.
    pub nonce_count_text: &'a [u8],
}

#[derive(Default)]
struct Found<'a> {
    username: Option<Text<'a>>,
    realm: Option<Text<'a>>,
    nonce: Option<Text<'a>>,
    uri: Option<Text<'a>>,
    response: Option<Text<'a>>,
    algorithm: Option<Text<'a>>,
    cnonce: Option<Text<'a>>,
    opaque: Option<Text<'a>>,
    qop: Option<Text<'a>>,
    nc: Option<Text<'a>>,
    userhash: Option<Text<'a>>,
}

impl<'a> Credentials<'a> {
    /// Reads a header value (what follows the colon). Unknown parameters are passed over (`auth-param`).
    pub fn parse(value: &'a [u8]) -> Result<Credentials<'a>, DigestError> {
        let mut rest = after_digest_scheme(value)?;
        let mut found = Found::default();
        while let Some(param) = next_param(&mut rest)? {
            found.take(param.name, param.value)?;
        }
        found.finish()
    }

    /// Whether a header value names a realm that is `wanted`, be the rest of it as it may: a realm that stands twice is
    /// no valid digest, but one reader takes the first and another the last.
    pub fn names_realm(value: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Result<bool, DigestError> {
        let mut rest = after_digest_scheme(value)?;
        while let Some(param) = next_param(&mut rest)? {
            if is(param.name, "realm") && wanted(&param.value.unescaped()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<'a> Found<'a> {
    fn take(&mut self, name: &[u8], value: Text<'a>) -> Result<(), DigestError> {
        let (slot, known) = match name.len() {
            8 if is(name, "username") => (&mut self.username, "username"),
            8 if is(name, "response") => (&mut self.response, "response"),
            8 if is(name, "userhash") => (&mut self.userhash, "userhash"),
            5 if is(name, "realm") => (&mut self.realm, "realm"),
            5 if is(name, "nonce") => (&mut self.nonce, "nonce"),
            3 if is(name, "uri") => (&mut self.uri, "uri"),
            3 if is(name, "qop") => (&mut self.qop, "qop"),
            9 if is(name, "algorithm") => (&mut self.algorithm, "algorithm"),
            6 if is(name, "cnonce") => (&mut self.cnonce, "cnonce"),
            6 if is(name, "opaque") => (&mut self.opaque, "opaque"),
            2 if is(name, "nc") => (&mut self.nc, "nc"),
            _ => return Ok(()),
        };
        set_once(slot, value, known)
    }

    fn finish(self) -> Result<Credentials<'a>, DigestError> {
        if self.userhash.is_some_and(|value| value.raw().eq_ignore_ascii_case(b"true")) {
            return Err(DigestError::Unsupported("userhash"));
        }
        let algorithm = match self.algorithm {
            None => Algorithm::Md5,
            Some(token) => Algorithm::parse(token.raw()).ok_or(DigestError::Unsupported("algorithm"))?,
        };
        let response = self.response.ok_or(DigestError::Missing("response"))?.raw();
        if response.len() != 2 * algorithm.hash_bytes() || !response.iter().all(u8::is_ascii_hexdigit) {
            return Err(DigestError::Invalid("response"));
        }
        Ok(Credentials {
            username: self.username.ok_or(DigestError::Missing("username"))?,
            realm: self.realm.ok_or(DigestError::Missing("realm"))?,
            nonce: self.nonce.ok_or(DigestError::Missing("nonce"))?,
            uri: self.uri.ok_or(DigestError::Missing("uri"))?,
            response,
            algorithm,
            opaque: self.opaque,
            qop: self.qop.map(|qop| protection(qop, self.cnonce, self.nc)).transpose()?,
        })
    }
}

#[inline]
fn is(name: &[u8], known: &str) -> bool {
    name.eq_ignore_ascii_case(known.as_bytes())
}

fn protection<'a>(
    qop: Text<'a>,
    cnonce: Option<Text<'a>>,
    nc: Option<Text<'a>>,
) -> Result<Qop<'a>, DigestError> {
    let with_body = match qop.raw() {
        token if token.eq_ignore_ascii_case(b"auth") => false,
        token if token.eq_ignore_ascii_case(b"auth-int") => true,
        _ => return Err(DigestError::Unsupported("qop")),
    };
    let nonce_count_text = nc.ok_or(DigestError::Missing("nc"))?.raw();
    Ok(Qop {
        with_body,
        cnonce: cnonce.ok_or(DigestError::Missing("cnonce"))?,
        nonce_count: nonce_count(nonce_count_text).ok_or(DigestError::Invalid("nc"))?,
        nonce_count_text,
    })
}

/// `8LHEX`.
fn nonce_count(digits: &[u8]) -> Option<u32> {
    if digits.len() != 8
        || !digits.iter().all(|&digit| lex::is_token_byte(digit) && digit.is_ascii_hexdigit())
    {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &str = "6629fae49393a05397450978507c4ef1";

    fn usual() -> String {
        format!(
            r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd9", uri="/dir/index.html", qop=auth, nc=0000001f, cnonce="0a4f113b", response="{RESPONSE}", opaque="5ccc""#
        )
    }

    fn error(value: &str) -> DigestError {
        Credentials::parse(value.as_bytes()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn the_usual_form_is_read_without_copying() {
        let value = usual();
        let credentials = Credentials::parse(value.as_bytes()).unwrap();
        assert!(credentials.username.is(b"Mufasa"));
        assert_eq!(credentials.uri.raw(), b"/dir/index.html");
        assert_eq!(credentials.algorithm, Algorithm::Md5);
        assert_eq!(credentials.opaque.unwrap().raw(), b"5ccc");
        let qop = credentials.qop.unwrap();
        assert_eq!((qop.with_body, qop.nonce_count, qop.nonce_count_text), (false, 31, &b"0000001f"[..]));
    }

    #[test]
    fn white_space_folds_case_and_quotes_where_they_do_not_belong_are_read() {
        let value = usual()
            .replacen("Digest ", "  dIGEST  ", 1)
            .replace(", ", " ,\r\n\t")
            .replace("=", " = ")
            .replace("qop = auth", "QOP = \"auth\"")
            + ",";
        let credentials = Credentials::parse(value.as_bytes()).unwrap();
        assert_eq!(credentials.qop.unwrap().cnonce.raw(), b"0a4f113b");
        let escaped = usual().replace("Mufasa", r#"M\"u\\fa"#);
        assert!(Credentials::parse(escaped.as_bytes()).unwrap().username.is(br#"M"u\fa"#));
    }

    #[test]
    fn unknown_parameters_are_passed_over_and_known_ones_may_not_repeat() {
        assert!(Credentials::parse(format!("{}, extra=1, extra=\"2\"", usual()).as_bytes()).is_ok());
        assert_eq!(error(&format!("{}, Nonce=\"x\"", usual())), DigestError::Duplicate("nonce"));
        assert_eq!(error(&format!("{}, nc=00000001", usual())), DigestError::Duplicate("nc"));
    }

    #[test]
    fn a_realm_is_a_parameter_of_that_name_and_nothing_else() {
        let ours = |value: &str| Credentials::names_realm(value.as_bytes(), |realm| realm == b"a.example");
        assert_eq!(ours(r#"Digest x-realm=b, y="realm=c", Realm = "a\.example""#), Ok(true));
        assert_eq!(ours(r#"Digest realm=b, realm=a.example"#), Ok(true));
        assert_eq!(ours(r#"Digest x-realm=a.example, y="realm=a.example", realm=b"#), Ok(false));
        assert_eq!(ours(r#"Digest realm="b" realm="a.example""#), Err(DigestError::Malformed));
        assert_eq!(ours("Basic realm=a.example"), Err(DigestError::OtherScheme));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(error("Basic QWxhZGRpbg=="), DigestError::OtherScheme);
        assert_eq!(error("Digest"), DigestError::Malformed);
        assert_eq!(error("Digest username"), DigestError::Malformed);
        assert_eq!(error(r#"Digest username="x"#), DigestError::Malformed);
        assert_eq!(error(r#"Digest username="x\"#), DigestError::Malformed);
        assert_eq!(error(r#"Digest username="x" realm="y""#), DigestError::Malformed);
        assert_eq!(error(&usual().replace("realm=", "realn=")), DigestError::Missing("realm"));
        assert_eq!(error(&usual().replace("cnonce=", "cnoncf=")), DigestError::Missing("cnonce"));
        assert_eq!(error(&usual().replace("0000001f", "1f")), DigestError::Invalid("nc"));
        assert_eq!(error(&usual().replace("0000001f", "+000001f")), DigestError::Invalid("nc"));
        assert_eq!(error(&usual().replace(RESPONSE, "12")), DigestError::Invalid("response"));
        assert_eq!(error(&usual().replace("qop=auth", "qop=auth-conf")), DigestError::Unsupported("qop"));
        assert_eq!(error(&format!("{}, algorithm=MD5-sess", usual())), DigestError::Unsupported("algorithm"));
        assert_eq!(error(&format!("{}, userhash=true", usual())), DigestError::Unsupported("userhash"));
    }
}
