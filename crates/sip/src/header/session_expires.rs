//! Session-Expires and Min-SE (RFC 4028 sections 4 and 5).

use super::{HeaderError, Params};
use crate::lex;

/// Who sends the refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    Uac,
    Uas,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires<'a> {
    /// Seconds.
    pub interval: u32,
    pub refresher: Option<Refresher>,
    pub params: Params<'a>,
}

impl<'a> SessionExpires<'a> {
    /// Reads Session-Expires; Min-SE has the same shape without a refresher.
    pub fn parse(value: &'a [u8]) -> Result<SessionExpires<'a>, HeaderError> {
        let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
        let Some(interval) = lex::delta_seconds(&value[..end]) else {
            return Err(HeaderError::new(0, "Malformed Session-Expires"));
        };
        let params = Params::parse(&value[end..]).map_err(|error| error.at(end))?;
        let refresher = match params.get("refresher") {
            None => None,
            Some(who) if who.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
            Some(_) => return Err(HeaderError::new(end, "Malformed Refresher")),
        };
        Ok(SessionExpires { interval, refresher, params })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_and_refresher_are_read() {
        let session = SessionExpires::parse(b"1800 ; refresher=UAS").unwrap();
        assert_eq!((session.interval, session.refresher), (1800, Some(Refresher::Uas)));
        assert!(SessionExpires::parse(b"x").is_err());
        assert!(SessionExpires::parse(b"90;refresher=me").is_err());
    }
}
