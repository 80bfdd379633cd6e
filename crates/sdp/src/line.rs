//! One line of a description, as read and as owned.

use std::fmt;
use zeroize::Zeroize;

/// One line: its letter and what follows the equals sign.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    pub kind: u8,
    pub value: &'a [u8],
}

/// One line of a description that is ours to change. Wiped when dropped, since it may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedLine {
    pub kind: u8,
    pub value: Vec<u8>,
}

/// Attributes whose value is a secret: SDES keys (RFC 4568), MIKEY messages (RFC 4567), ICE passwords (RFC 8839).
const SECRET: [&[u8]; 3] = [b"crypto", b"key-mgmt", b"ice-pwd"];

impl<'a> Line<'a> {
    /// (name, value) of an `a=` line.
    pub fn attribute(&self) -> Option<(&'a [u8], &'a [u8])> {
        if self.kind != b'a' {
            return None;
        }
        match memchr::memchr(b':', self.value) {
            Some(colon) => Some((&self.value[..colon], &self.value[colon + 1..])),
            None => Some((self.value, b"")),
        }
    }

    /// Whether this is an attribute of this name. Names are case-sensitive (RFC 8866 section 5); white space around
    /// them is some phone's slip.
    pub fn is_attribute(&self, name: &[u8]) -> bool {
        self.attribute().is_some_and(|(found, _)| found.trim_ascii() == name)
    }

    /// Whether the value must not be logged.
    pub fn is_secret(&self) -> bool {
        let is_secret = |name: &[u8]| SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret));
        self.kind == b'k' || self.attribute().is_some_and(|(name, _)| is_secret(name.trim_ascii()))
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.kind, b'=']);
        out.extend_from_slice(self.value);
        out.extend_from_slice(b"\r\n");
    }
}

impl OwnedLine {
    pub fn new(kind: u8, value: impl Into<Vec<u8>>) -> Self {
        Self { kind, value: value.into() }
    }

    pub fn view(&self) -> Line<'_> {
        Line { kind: self.kind, value: &self.value }
    }
}

impl From<&Line<'_>> for OwnedLine {
    fn from(line: &Line<'_>) -> Self {
        Self::new(line.kind, line.value)
    }
}

impl Drop for OwnedLine {
    fn drop(&mut self) {
        if self.view().is_secret() {
            self.value.zeroize();
        }
    }
}

impl fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = char::from(self.kind);
        match self.attribute() {
            Some((name, _)) if self.is_secret() => {
                write!(f, "{kind}={}:<secret>", name.escape_ascii())
            }
            _ if self.is_secret() => write!(f, "{kind}=<secret>"),
            _ => write!(f, "{kind}={}", self.value.escape_ascii()),
        }
    }
}

impl fmt::Debug for OwnedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_passwords_are_not_shown() {
        for text in
            ["crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0", "ice-pwd:c2VjcmV0", "Crypto : c2VjcmV0"]
        {
            let shown = format!("{:?}", OwnedLine::new(b'a', text));
            assert!(shown.ends_with(":<secret>") && !shown.contains("c2VjcmV0"), "{shown}");
        }
        assert_eq!(format!("{:?}", Line { kind: b'k', value: b"clear:hush" }), "k=<secret>");
        assert_eq!(format!("{:?}", Line { kind: b'a', value: b"mid:0" }), "a=mid:0");
    }
}
