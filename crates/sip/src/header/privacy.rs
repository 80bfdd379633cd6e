//! Privacy (RFC 3323 section 4.2, RFC 3325 section 9.3, RFC 7044).

use crate::lex;

/// The privacy asked for. Values are separated by `;` (RFC 3323); commas, which the RFC's own text shows in
/// places, are taken too, because a value that is not understood must not lose the caller's privacy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    pub header: bool,
    pub session: bool,
    pub user: bool,
    pub none: bool,
    pub critical: bool,
    /// RFC 3325.
    pub id: bool,
    /// RFC 7044.
    pub history: bool,
    /// At least one value that we do not know.
    pub other: bool,
}

impl Privacy {
    pub fn parse(value: &[u8]) -> Privacy {
        let mut privacy = Privacy::default();
        for word in value.split(|byte| matches!(byte, b';' | b',')).map(lex::trim) {
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            privacy.header |= is(b"header");
            privacy.session |= is(b"session");
            privacy.user |= is(b"user");
            privacy.none |= is(b"none");
            privacy.critical |= is(b"critical");
            privacy.id |= is(b"id");
            privacy.history |= is(b"history");
            privacy.other |= !word.is_empty() && !KNOWN.iter().any(|name| is(name));
        }
        privacy
    }

    /// True when the identity must not leave the trust domain (RFC 3325 section 7).
    pub fn hides_identity(self) -> bool {
        self.id && !self.none
    }
}

const KNOWN: [&[u8]; 7] = [b"header", b"session", b"user", b"none", b"critical", b"id", b"history"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_any_case_and_unknown_ones_noted() {
        let privacy = Privacy::parse(b"ID; critical ;criticality");
        assert!(privacy.id && privacy.critical && privacy.other && !privacy.user);
        assert!(privacy.hides_identity());
        assert!(!Privacy::parse(b"none").hides_identity());
    }
}
