//! `a=mid` and `a=group` (RFC 5888): names for streams, and which of them belong together.

use super::{Attribute, token};
use crate::parse::words;

/// The identification tag of one media description (section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mid(pub String);

/// A group of the session (section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `BUNDLE` (RFC 9143), `LS`, `DUP`, ...
    pub semantics: String,
    pub mids: Vec<String>,
}

impl Group {
    pub const BUNDLE: &'static str = "BUNDLE";

    pub fn is_bundle(&self) -> bool {
        self.semantics == Self::BUNDLE
    }
}

impl Attribute for Mid {
    const NAME: &'static [u8] = b"mid";

    fn parse(value: &[u8]) -> Option<Self> {
        token(value.trim_ascii()).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}

impl Attribute for Group {
    const NAME: &'static [u8] = b"group";

    fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = words(value);
        Some(Self { semantics: token(parts.next()?)?, mids: parts.map(token).collect::<Option<_>>()? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.semantics.as_bytes());
        for mid in &self.mids {
            out.push(b' ');
            out.extend_from_slice(mid.as_bytes());
        }
    }
}
