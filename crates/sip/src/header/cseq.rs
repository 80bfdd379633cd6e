//! CSeq (RFC 3261 sections 8.1.1.5 and 20.16).

use super::HeaderError;
use crate::lex;
use crate::method::Method;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CSeq<'a> {
    /// Below 2**31.
    pub number: u32,
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Reads `1*DIGIT LWS Method`.
    pub fn parse(value: &'a [u8]) -> Result<CSeq<'a>, HeaderError> {
        let digits_end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
        let method_start = lex::skip_lws(value, digits_end);
        if digits_end == 0 || method_start == digits_end {
            return Err(HeaderError::new(0, "Malformed CSeq"));
        }
        // "MUST be less than 2**31" (RFC 3261 section 8.1.1.5).
        let Some(number) = lex::number_u32(&value[..digits_end]).filter(|&number| number < 1 << 31) else {
            return Err(HeaderError::new(0, "CSeq Number Too Large"));
        };
        match Method::parse(&value[method_start..]) {
            Some(method) => Ok(CSeq { number, method }),
            None => Err(HeaderError::new(method_start, "Malformed CSeq")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_method_are_read_across_a_fold() {
        assert_eq!(CSeq::parse(b"0009\r\n  INVITE"), Ok(CSeq { number: 9, method: Method::Invite }));
        assert_eq!(
            CSeq::parse(b"2147483647 X"),
            Ok(CSeq { number: (1 << 31) - 1, method: Method::Other("X") })
        );
    }

    #[test]
    fn a_number_of_32_bits_or_more_and_a_missing_method_are_errors() {
        for value in [
            &b"2147483648 INVITE"[..],
            b"36893488147419103232 REGISTER",
            b"1",
            b"1INVITE",
            b"INVITE",
            b"-1 BYE",
            b"1 A B",
            b"",
        ] {
            assert!(CSeq::parse(value).is_err(), "{}", String::from_utf8_lossy(value));
        }
    }
}
