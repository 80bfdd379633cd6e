//! `a=ice-ufrag`, `a=ice-pwd`, `a=ice-options` (RFC 8839 sections 5.4 and 5.6).

use super::{Attribute, text, token};
use crate::parse::words;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 4 to 256 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceUfrag(pub String);

/// 22 to 256 characters. Who knows it can answer connectivity checks and so move the media: not shown, wiped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct IcePassword(String);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceOptions(pub Vec<String>);

impl IcePassword {
    /// `None` when it is too short or too long, or holds what no attribute may.
    pub fn new(password: &str) -> Option<Self> {
        Self::parse(password.as_bytes())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl IceOptions {
    /// RFC 8838 section 4: candidates may follow later.
    pub const TRICKLE: &'static str = "trickle";
    /// RFC 8445 section 10: no aggressive nomination.
    pub const ICE2: &'static str = "ice2";

    pub fn has(&self, option: &str) -> bool {
        self.0.iter().any(|found| found == option)
    }
}

impl fmt::Debug for IcePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IcePassword(<secret>)")
    }
}

impl Attribute for IceUfrag {
    const NAME: &'static [u8] = b"ice-ufrag";

    /// Wider than `ice-char`: libraries have sent `-` and `_`, and nobody reads them otherwise. Not `:`, since STUN
    /// joins two of them with it (RFC 8445 section 7.2.2).
    fn parse(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let fits = (4..=256).contains(&value.len()) && !value.contains(&b':');
        token(value).filter(|_| fits).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}

impl Attribute for IcePassword {
    const NAME: &'static [u8] = b"ice-pwd";

    fn parse(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        if !(22..=256).contains(&value.len()) {
            return None;
        }
        token(value).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}

impl Attribute for IceOptions {
    const NAME: &'static [u8] = b"ice-options";

    fn parse(value: &[u8]) -> Option<Self> {
        Some(Self(words(value).map(text).collect::<Option<_>>()?))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.join(" ").as_bytes());
    }
}
