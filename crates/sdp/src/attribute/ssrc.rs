//! `a=ssrc` and `a=ssrc-group` (RFC 5576): which sources a stream is sent with.

use super::{Attribute, text, token};
use crate::parse::{number, word, words};
use std::io::Write;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssrc {
    pub id: u32,
    /// `cname:...`, `msid:...`; empty when the source is only named.
    pub attribute: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsrcGroup {
    /// `FID` (retransmission), `SIM`, ...
    pub semantics: String,
    pub ids: Vec<u32>,
}

impl Attribute for Ssrc {
    const NAME: &'static [u8] = b"ssrc";

    fn parse(value: &[u8]) -> Option<Self> {
        let (id, attribute) = word(value);
        Some(Self { id: number(id)?, attribute: text(attribute.trim_ascii())? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{}", self.id);
        if !self.attribute.is_empty() {
            let _ = write!(out, " {}", self.attribute);
        }
    }
}

impl Attribute for SsrcGroup {
    const NAME: &'static [u8] = b"ssrc-group";

    fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = words(value);
        Some(Self { semantics: token(parts.next()?)?, ids: parts.map(number).collect::<Option<_>>()? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.semantics.as_bytes());
        self.ids.iter().for_each(|id| drop(write!(out, " {id}")));
    }
}
