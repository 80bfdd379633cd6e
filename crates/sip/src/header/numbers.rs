//! Headers that are one number: Max-Forwards, Max-Breadth, Expires, Min-Expires, RSeq, Flow-Timer; and
//! Timestamp.

use super::HeaderError;
use crate::lex;

/// `1*DIGIT` of 32 bits.
pub fn number(value: &[u8]) -> Result<u32, HeaderError> {
    lex::number_u32(value).ok_or(HeaderError::new(0, "Malformed Number"))
}

/// `delta-seconds`; beyond 2**32-1 counts as that (RFC 3261 section 20.19).
pub fn delta_seconds(value: &[u8]) -> Result<u32, HeaderError> {
    lex::delta_seconds(value).ok_or(HeaderError::new(0, "Malformed Seconds"))
}

/// 0 to 255 (RFC 3261 section 20.22).
pub fn max_forwards(value: &[u8]) -> Result<u8, HeaderError> {
    lex::number_u32(value)
        .and_then(|hops| u8::try_from(hops).ok())
        .ok_or(HeaderError::new(0, "Malformed Max-Forwards"))
}

/// Timestamp (RFC 3261 section 20.38): both parts as written, since only their sender reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp<'a> {
    pub sent: &'a [u8],
    pub delay: Option<&'a [u8]>,
}

impl<'a> Timestamp<'a> {
    pub fn parse(value: &'a [u8]) -> Result<Timestamp<'a>, HeaderError> {
        let end = skip_decimal(value, 0);
        let delay_start = lex::skip_lws(value, end);
        let delay = &value[delay_start..];
        if end == 0 || skip_decimal(delay, 0) != delay.len() || (delay_start == end && !delay.is_empty()) {
            return Err(HeaderError::new(end, "Malformed Timestamp"));
        }
        Ok(Timestamp { sent: &value[..end], delay: (!delay.is_empty()).then_some(delay) })
    }
}

fn skip_decimal(value: &[u8], mut at: usize) -> usize {
    let mut dots = 0;
    while at < value.len() && (value[at].is_ascii_digit() || (value[at] == b'.' && dots == 0)) {
        dots += usize::from(value[at] == b'.');
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_one_byte() {
        assert_eq!(max_forwards(b"0068"), Ok(68));
        assert_eq!(max_forwards(b"255"), Ok(255));
        for value in [&b"256"[..], b"-1", b"", b"7 0", b"seventy"] {
            assert!(max_forwards(value).is_err());
        }
    }

    #[test]
    fn a_timestamp_has_one_or_two_decimals() {
        assert_eq!(Timestamp::parse(b"54.2 0.1"), Ok(Timestamp { sent: b"54.2", delay: Some(b"0.1") }));
        assert_eq!(Timestamp::parse(b"54"), Ok(Timestamp { sent: b"54", delay: None }));
        assert!(Timestamp::parse(b"x").is_err());
        assert!(Timestamp::parse(b"1.2.3").is_err());
    }
}
