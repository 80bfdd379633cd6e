//! Retry-After (RFC 3261 section 20.33).

use super::{HeaderError, Params};
use crate::lex;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter<'a> {
    /// Beyond 2**32-1 counts as that.
    pub seconds: u32,
    pub comment: Option<&'a [u8]>,
    pub params: Params<'a>,
}

impl<'a> RetryAfter<'a> {
    pub fn parse(value: &'a [u8]) -> Result<RetryAfter<'a>, HeaderError> {
        let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
        let Some(seconds) = lex::delta_seconds(&value[..end]) else {
            return Err(HeaderError::new(0, "Malformed Retry-After"));
        };
        let start = lex::skip_lws(value, end);
        let (comment, after) = match value.get(start) {
            Some(b'(') => match comment_end(value, start) {
                Some(after) => (Some(&value[start..after]), after),
                None => return Err(HeaderError::new(start, "Unbalanced Comment")),
            },
            _ => (None, end),
        };
        let params = Params::parse(&value[after..]).map_err(|error| error.at(after))?;
        Ok(RetryAfter { seconds, comment, params })
    }
}

/// The index after the parenthesis that closes the one at `at`. Comments nest.
fn comment_end(value: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0;
    loop {
        match value.get(at)? {
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at + 1),
            b')' => depth -= 1,
            b'\\' => at += 1,
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_comment_and_duration_are_read() {
        let retry = RetryAfter::parse(b"18000 (I'm (still) in a \\) meeting);duration=3600").unwrap();
        assert_eq!(retry.seconds, 18000);
        assert_eq!(retry.comment, Some(&b"(I'm (still) in a \\) meeting)"[..]));
        assert_eq!(retry.params.get("duration"), Some(&b"3600"[..]));
        assert_eq!(RetryAfter::parse(b"949302838503028349304023988").unwrap().seconds, u32::MAX);
        assert!(RetryAfter::parse(b"soon").is_err());
        assert!(RetryAfter::parse(b"1 (open").is_err());
    }
}
