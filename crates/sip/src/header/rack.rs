//! RAck (RFC 3262 section 7.2).

use super::{CSeq, HeaderError};
use crate::lex;

/// `RAck: response-num CSeq-num Method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck<'a> {
    pub rseq: u32,
    pub cseq: CSeq<'a>,
}

impl<'a> RAck<'a> {
    pub fn parse(value: &'a [u8]) -> Result<RAck<'a>, HeaderError> {
        let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
        let start = lex::skip_lws(value, end);
        match lex::number_u32(&value[..end]) {
            Some(rseq) if start > end => {
                Ok(RAck { rseq, cseq: CSeq::parse(&value[start..]).map_err(|error| error.at(start))? })
            }
            _ => Err(HeaderError::new(0, "Malformed RAck")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::Method;

    #[test]
    fn both_numbers_and_the_method_are_read() {
        let rack = RAck::parse(b"776656 1 INVITE").unwrap();
        assert_eq!((rack.rseq, rack.cseq), (776656, CSeq { number: 1, method: Method::Invite }));
        assert!(RAck::parse(b"1 INVITE").is_err());
        assert!(RAck::parse(b"").is_err());
    }
}
