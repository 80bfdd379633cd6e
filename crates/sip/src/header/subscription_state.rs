//! Subscription-State (RFC 6665 section 8.2.3).

use super::{HeaderError, Params};
use crate::lex;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionStatus {
    Active,
    Pending,
    Terminated,
    /// An extension.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    pub status: SubscriptionStatus,
    pub expires: Option<u32>,
    pub reason: Option<&'a [u8]>,
    pub retry_after: Option<u32>,
    pub params: Params<'a>,
}

impl<'a> SubscriptionState<'a> {
    pub fn parse(value: &'a [u8]) -> Result<SubscriptionState<'a>, HeaderError> {
        let end = lex::skip_token(value, 0);
        let status = match &value[..end] {
            b"" => return Err(HeaderError::new(0, "Malformed Subscription-State")),
            word if word.eq_ignore_ascii_case(b"active") => SubscriptionStatus::Active,
            word if word.eq_ignore_ascii_case(b"pending") => SubscriptionStatus::Pending,
            word if word.eq_ignore_ascii_case(b"terminated") => SubscriptionStatus::Terminated,
            _ => SubscriptionStatus::Other,
        };
        let params = Params::parse(&value[end..]).map_err(|error| error.at(end))?;
        Ok(SubscriptionState {
            status,
            expires: params.get("expires").and_then(lex::delta_seconds),
            reason: params.get("reason"),
            retry_after: params.get("retry-after").and_then(lex::delta_seconds),
            params,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_its_parameters_are_read() {
        let state = SubscriptionState::parse(b"Terminated;reason=rejected;retry-after=5").unwrap();
        assert_eq!(state.status, SubscriptionStatus::Terminated);
        assert_eq!(state.reason, Some(&b"rejected"[..]));
        assert_eq!(state.retry_after, Some(5));
        assert_eq!(SubscriptionState::parse(b"active;expires=599").unwrap().expires, Some(599));
        assert!(SubscriptionState::parse(b"").is_err());
    }
}
