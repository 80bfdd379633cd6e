//! Addresses of record.

use coeur_sip::uri::{SipUri, Uri};
use std::fmt;

/// `user@domain`, canonical (RFC 3261 section 10.3 step 5): the user unescaped and case-sensitive, the domain in lower
/// case, nothing else. At most [`Aor::BYTES_MAX`] bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aor {
    text: Box<str>,
    at: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AorError {
    NoUser,
    NoDomain,
    TooLong,
    /// Control characters, spaces, or bytes that are not UTF-8 once unescaped.
    ForbiddenCharacter,
    NotASipUri,
}

/// The user that the exchange answers itself, in every domain: an account of this name would hide the service.
pub const ECHO_USER: &str = "echo";

impl Aor {
    pub const BYTES_MAX: usize = 320;

    pub fn new(user: &str, domain: &str) -> Result<Self, AorError> {
        if user.is_empty() {
            return Err(AorError::NoUser);
        }
        let domain = domain.trim_end_matches('.');
        if domain.is_empty() {
            return Err(AorError::NoDomain);
        }
        if user.len() + 1 + domain.len() > Self::BYTES_MAX {
            return Err(AorError::TooLong);
        }
        let forbidden = |c: char| c.is_control() || c.is_whitespace();
        if user.chars().any(forbidden) || domain.chars().any(|c| forbidden(c) || "@/;?\"<>".contains(c)) {
            return Err(AorError::ForbiddenCharacter);
        }
        let mut text = String::with_capacity(user.len() + 1 + domain.len());
        text.push_str(user);
        text.push('@');
        text.push_str(&domain.to_ascii_lowercase());
        Ok(Self { at: user.len() as u16, text: text.into_boxed_str() })
    }

    /// Reads `user@domain` or `sip:user@domain` as a person writes it.
    pub fn parse(text: &str) -> Result<Self, AorError> {
        let text = text.trim();
        let text = text.strip_prefix("sips:").or_else(|| text.strip_prefix("sip:")).unwrap_or(text);
        let (user, domain) = text.rsplit_once('@').ok_or(AorError::NoDomain)?;
        Self::new(user, domain)
    }

    /// The address of record that a SIP URI names.
    pub fn of_uri(uri: &[u8]) -> Result<Self, AorError> {
        match Uri::parse(uri) {
            Ok(Uri::Sip(uri)) => Self::of_sip_uri(&uri),
            _ => Err(AorError::NotASipUri),
        }
    }

    pub fn of_sip_uri(uri: &SipUri<'_>) -> Result<Self, AorError> {
        let user: Vec<u8> = coeur_sip::uri::unescaped(uri.user.unwrap_or_default()).collect();
        let user = std::str::from_utf8(&user).map_err(|_| AorError::ForbiddenCharacter)?;
        Self::new(user, &uri.host.to_string())
    }

    pub fn user(&self) -> &str {
        &self.text[..self.at as usize]
    }

    pub fn domain(&self) -> &str {
        &self.text[self.at as usize + 1..]
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for AorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUser => "the part before @ is missing (write user@domain)",
            Self::NoDomain => "the domain is missing (write user@domain)",
            Self::TooLong => "an address has at most 320 bytes",
            Self::ForbiddenCharacter => "an address holds no spaces and no control characters",
            Self::NotASipUri => "only sip: and sips: addresses name an account",
        })
    }
}

impl std::error::Error for AorError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_lower_case_and_the_user_is_kept() {
        let aor = Aor::parse("sip:Alice@Example.ORG").expect("valid");
        assert_eq!(aor.as_str(), "Alice@example.org");
        assert_eq!((aor.user(), aor.domain()), ("Alice", "example.org"));
    }

    #[test]
    fn a_uri_names_its_address_whatever_its_parameters() {
        let aor = Aor::of_uri(b"sip:al%69ce@Example.org:5070;transport=tcp?x=y").expect("valid");
        assert_eq!(aor.as_str(), "alice@example.org");
    }

    #[test]
    fn what_is_no_address_says_why() {
        assert_eq!(Aor::parse("alice"), Err(AorError::NoDomain));
        assert_eq!(Aor::parse("@example.org"), Err(AorError::NoUser));
        assert_eq!(Aor::parse("a b@example.org"), Err(AorError::ForbiddenCharacter));
        assert_eq!(Aor::parse(&format!("{}@example.org", "a".repeat(400))), Err(AorError::TooLong));
        assert_eq!(Aor::of_uri(b"tel:+33123456789"), Err(AorError::NotASipUri));
    }
}
