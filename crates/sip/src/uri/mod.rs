//! URIs: sip and sips (RFC 3261 section 19.1), tel (RFC 3966), and others kept as they are.

mod escape;
mod host;
mod sip;
mod tel;

use std::fmt;

pub use escape::{same_unescaped, unescape_into, unescaped};
pub use host::Host;
pub(crate) use host::write_ip;
pub use sip::{SipUri, UriParams};
pub use tel::TelUri;

/// A URI, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uri<'a> {
    Sip(SipUri<'a>),
    Tel(TelUri<'a>),
    /// A scheme that we do not speak: a Request-URI of it is answered 416 (RFC 3261 section 8.2.2.1).
    Other {
        scheme: &'a [u8],
        rest: &'a [u8],
    },
}

/// Why a URI was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UriError {
    /// From the start of the URI.
    pub offset: usize,
    pub reason: &'static str,
}

impl UriError {
    pub(crate) const fn new(offset: usize, reason: &'static str) -> UriError {
        UriError { offset, reason }
    }
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} of the URI", self.reason, self.offset)
    }
}

impl std::error::Error for UriError {}

impl<'a> Uri<'a> {
    /// Reads a URI without brackets around it.
    pub fn parse(bytes: &'a [u8]) -> Result<Uri<'a>, UriError> {
        let colon = crate::lex::find(b':', bytes, 0);
        if colon == bytes.len() {
            return Err(UriError::new(0, "URI Without Scheme"));
        }
        let (scheme, rest) = (&bytes[..colon], &bytes[colon + 1..]);
        if scheme.eq_ignore_ascii_case(b"sip") {
            return SipUri::parse_rest(false, rest, colon + 1).map(Uri::Sip);
        }
        if scheme.eq_ignore_ascii_case(b"sips") {
            return SipUri::parse_rest(true, rest, colon + 1).map(Uri::Sip);
        }
        if scheme.eq_ignore_ascii_case(b"tel") {
            return TelUri::parse_rest(rest, colon + 1).map(Uri::Tel);
        }
        let well_formed = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        let clean =
            rest.iter().all(|&byte| byte > b' ' && byte != 0x7f && !matches!(byte, b'<' | b'>' | b'"'));
        match well_formed && clean && !rest.is_empty() {
            true => Ok(Uri::Other { scheme, rest }),
            false => Err(UriError::new(0, "Malformed URI")),
        }
    }

    pub fn as_sip(&self) -> Option<&SipUri<'a>> {
        match self {
            Uri::Sip(sip) => Some(sip),
            Uri::Tel(_) | Uri::Other { .. } => None,
        }
    }

    /// True when both name the same resource: RFC 3261 section 19.1.4 for sip, RFC 3966 section 4 for tel, byte
    /// by byte (the scheme in any case) for others.
    pub fn equivalent(&self, other: &Uri<'_>) -> bool {
        match (self, other) {
            (Uri::Sip(a), Uri::Sip(b)) => a.equivalent(b),
            (Uri::Tel(a), Uri::Tel(b)) => a.equivalent(b),
            (Uri::Other { scheme: s, rest: r }, Uri::Other { scheme: t, rest: q }) => {
                s.eq_ignore_ascii_case(t) && r == q
            }
            (Uri::Sip(_) | Uri::Tel(_) | Uri::Other { .. }, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_told_apart_in_any_case() {
        assert!(matches!(Uri::parse(b"SIP:a@b"), Ok(Uri::Sip(uri)) if !uri.secure));
        assert!(matches!(Uri::parse(b"sips:a@b"), Ok(Uri::Sip(uri)) if uri.secure));
        assert!(matches!(Uri::parse(b"TEL:+1"), Ok(Uri::Tel(_))));
        assert!(matches!(
            Uri::parse(b"soap.beep://192.0.2.103:3002"),
            Ok(Uri::Other { scheme: b"soap.beep", .. })
        ));
        assert!(matches!(Uri::parse(b"nobodyKnowsThisScheme:opaque"), Ok(Uri::Other { .. })));
    }

    #[test]
    fn what_is_no_uri_is_an_error() {
        for text in [&b""[..], b"sip", b"a b:c", b":x", b"1x:y", b"x:", b"x:a b", b"<sip:a@b>"] {
            assert!(Uri::parse(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }
}
