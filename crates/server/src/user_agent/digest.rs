//! The answer to a digest challenge.

use super::phone::Identity;

pub struct Question<'q> {
    /// The value of WWW-Authenticate or Proxy-Authenticate.
    pub challenge: &'q str,
    pub method: &'q str,
    pub uri: &'q str,
    pub nonce_count: u32,
}

/// The challenge with the strongest algorithm that we know (RFC 8760 section 2.4 says the topmost; a test phone
/// prefers to prove the strongest).
pub fn strongest<'c>(challenges: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    challenges.max_by_key(|challenge| u8::from(challenge.to_ascii_uppercase().contains("SHA-256")))
}

pub fn answer(_question: &Question<'_>, _identity: &Identity) -> Option<String> {
    None
}
