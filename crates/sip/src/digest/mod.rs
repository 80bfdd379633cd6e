//! Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760), both sides, without state.
//!
//! Server: [`Credentials::parse`] reads a header value without copying, [`verify`] compares in constant time
//! and allocates nothing, [`write_challenge`] writes the other direction. Client: [`challenges`] reads, and a
//! [`Session`] chooses, answers and counts. Whether a nonce is ours and fresh is not known here.
//!
//! Not supported, on purpose: the `-sess` variants (an unknown algorithm to us; RFC 8760 section 2.1 lets a
//! server not offer them) and `userhash`, which is read and refused.

mod algorithm;
mod authentication_info;
mod challenge;
mod credentials;
mod ha1;
mod params;
mod session;
mod verify;

use std::fmt;

pub use algorithm::Algorithm;
pub use authentication_info::{next_nonce, write_authentication_info};
pub use challenge::{Challenge, ChallengeText, Challenges, challenges, write_challenge};
pub use credentials::{Credentials, Qop};
pub use ha1::Ha1;
pub use params::Text;
pub use session::{Decision, GiveUp, Session};
pub use verify::{verify, verify_allowing_rfc2069, write_response, write_response_auth};

/// Why a header value is no digest header that we can use. The sender is at fault; a 400 or a fresh challenge
/// answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestError {
    /// Another scheme than Digest.
    OtherScheme,
    /// Not a list of parameters.
    Malformed,
    /// A parameter that we read appears twice.
    Duplicate(&'static str),
    Missing(&'static str),
    /// A parameter has a value of the wrong form.
    Invalid(&'static str),
    /// An algorithm or a protection that we do not speak.
    Unsupported(&'static str),
}

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DigestError::OtherScheme => f.write_str("the scheme is not Digest"),
            DigestError::Malformed => f.write_str("the digest parameters cannot be read"),
            DigestError::Duplicate(name) => write!(f, "{name} appears twice"),
            DigestError::Missing(name) => write!(f, "{name} is missing"),
            DigestError::Invalid(name) => write!(f, "{name} has no valid value"),
            DigestError::Unsupported(name) => write!(f, "{name} is not supported"),
        }
    }
}

impl std::error::Error for DigestError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_header_value_makes_a_reader_panic_or_run_for_ever(pieces in prop::collection::vec(
            prop_oneof![
                Just("Digest "), Just("realm"), Just("nonce"), Just("="), Just("\""), Just("\\"), Just(","),
                Just(" "), Just("\r\n "), Just("qop=auth"), Just("Basic"), Just("\u{e4}"), Just("nc=00000001"),
            ],
            0..40,
        )) {
            let value = pieces.concat();
            let _ = Credentials::parse(value.as_bytes());
            let _ = next_nonce(value.as_bytes());
            prop_assert!(challenges(value.as_bytes()).count() <= value.len());
        }
    }
}
