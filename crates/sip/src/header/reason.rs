//! Reason (RFC 3326).

use super::{HeaderError, Params};
use crate::lex;

/// One value: `SIP ;cause=200 ;text="Call completed elsewhere"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    pub protocol: &'a [u8],
    pub cause: Option<u32>,
    /// Without its quotes.
    pub text: Option<&'a [u8]>,
    pub params: Params<'a>,
}

impl<'a> Reason<'a> {
    pub fn parse(value: &'a [u8]) -> Result<Reason<'a>, HeaderError> {
        let end = lex::skip_token(value, 0);
        if end == 0 {
            return Err(HeaderError::new(0, "Malformed Reason"));
        }
        let params = Params::parse(&value[end..]).map_err(|error| error.at(end))?;
        let cause = params.get("cause").and_then(lex::number_u32);
        Ok(Reason { protocol: &value[..end], cause, text: params.get("text"), params })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_cause_and_text_are_read() {
        let reason = Reason::parse(b"Q.850 ;cause=16 ;text=\"Terminated\"").unwrap();
        assert_eq!(reason.protocol, b"Q.850");
        assert_eq!(reason.cause, Some(16));
        assert_eq!(reason.text, Some(&b"Terminated"[..]));
        assert!(Reason::parse(b";cause=1").is_err());
    }
}
