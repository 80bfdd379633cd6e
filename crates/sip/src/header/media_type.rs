//! Content-Type, the entries of Accept, and Content-Disposition (RFC 3261 sections 20.1, 20.11, 20.15).

use super::{HeaderError, Params};
use crate::lex;

/// `type/subtype` with parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    pub kind: &'a [u8],
    pub subtype: &'a [u8],
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    pub fn parse(value: &'a [u8]) -> Result<MediaType<'a>, HeaderError> {
        let kind_end = lex::skip_token(value, 0);
        let slash = lex::skip_lws(value, kind_end);
        let subtype = lex::skip_lws(value, slash + 1);
        let subtype_end = lex::skip_token(value, subtype);
        if kind_end == 0 || value.get(slash) != Some(&b'/') || subtype_end == subtype {
            return Err(HeaderError::new(0, "Malformed Media Type"));
        }
        let params = Params::parse(&value[subtype_end..]).map_err(|error| error.at(subtype_end))?;
        Ok(MediaType { kind: &value[..kind_end], subtype: &value[subtype..subtype_end], params })
    }

    /// Compares with `application/sdp` and the like, in any case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// True when this entry of an Accept covers `other`; `*` stands for anything.
    pub fn accepts(&self, other: &MediaType<'_>) -> bool {
        (self.kind == b"*" || self.kind.eq_ignore_ascii_case(other.kind))
            && (self.subtype == b"*" || self.subtype.eq_ignore_ascii_case(other.subtype))
    }
}

/// `session;handling=optional`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentDisposition<'a> {
    pub kind: &'a [u8],
    pub params: Params<'a>,
}

impl<'a> ContentDisposition<'a> {
    pub fn parse(value: &'a [u8]) -> Result<ContentDisposition<'a>, HeaderError> {
        let end = lex::skip_token(value, 0);
        if end == 0 {
            return Err(HeaderError::new(0, "Malformed Content-Disposition"));
        }
        let params = Params::parse(&value[end..]).map_err(|error| error.at(end))?;
        Ok(ContentDisposition { kind: &value[..end], params })
    }

    /// A body that is not understood may be ignored only when it says so (RFC 3261 section 20.11).
    pub fn handling_is_optional(&self) -> bool {
        self.params.get("handling").is_some_and(|value| value.eq_ignore_ascii_case(b"optional"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_read_with_white_space_and_parameters() {
        let media = MediaType::parse(b"Multipart / Mixed ;boundary=\"a;b\"").unwrap();
        assert!(media.is("multipart", "mixed"));
        assert_eq!(media.params.get("boundary"), Some(&b"a;b"[..]));
        assert!(MediaType::parse(b"text").is_err());
        assert!(MediaType::parse(b"text/").is_err());
        assert!(MediaType::parse(b"/plain").is_err());
    }

    #[test]
    fn a_star_accepts_every_subtype() {
        let sdp = MediaType::parse(b"application/sdp").unwrap();
        assert!(MediaType::parse(b"application/*").unwrap().accepts(&sdp));
        assert!(MediaType::parse(b"*/*;q=0.1").unwrap().accepts(&sdp));
        assert!(!MediaType::parse(b"text/*").unwrap().accepts(&sdp));
    }

    #[test]
    fn handling_is_required_unless_said_otherwise() {
        assert!(ContentDisposition::parse(b"session;handling=Optional").unwrap().handling_is_optional());
        assert!(!ContentDisposition::parse(b"session").unwrap().handling_is_optional());
    }
}
