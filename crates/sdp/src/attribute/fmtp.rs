//! `a=fmtp` (RFC 8866 section 6.15): what a format wants said about itself.

use super::{Attribute, text, token};
use crate::parse::word;
use std::io::Write;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fmtp {
    /// A payload type, or another format of the `m=` line.
    pub format: String,
    pub parameters: String,
}

impl Fmtp {
    /// The value of a parameter, as in `useinbandfec=1;stereo=0`; names in any case. Empty for one without a value.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        parameter(&self.parameters, name)
    }
}

/// [`Fmtp::parameter`] of the text alone.
pub(crate) fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|part| {
        let (found, value) = part.split_once('=').unwrap_or((part, ""));
        found.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

impl Attribute for Fmtp {
    const NAME: &'static [u8] = b"fmtp";

    fn parse(value: &[u8]) -> Option<Self> {
        let (format, parameters) = word(value);
        Some(Self { format: token(format)?, parameters: text(parameters.trim_ascii())? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{} {}", self.format, self.parameters);
    }
}
