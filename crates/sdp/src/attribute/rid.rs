//! `a=rid` (RFC 8851) and `a=simulcast` (RFC 8853): several encodings of one stream. They are carried through; nothing
//! here chooses among the encodings.

use super::{Attribute, text, token};
use crate::parse::word;
use std::io::Write;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rid {
    pub id: String,
    pub sends: bool,
    /// `pt=96;max-width=1280`, as written.
    pub restrictions: String,
}

/// `send 1;2;3 recv 4`, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulcast(pub String);

impl Attribute for Rid {
    const NAME: &'static [u8] = b"rid";

    fn parse(value: &[u8]) -> Option<Self> {
        let (id, rest) = word(value);
        let (direction, restrictions) = word(rest);
        let sends = match direction {
            b"send" => true,
            b"recv" => false,
            _ => return None,
        };
        Some(Self { id: token(id)?, sends, restrictions: text(restrictions.trim_ascii())? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{} {}", self.id, if self.sends { "send" } else { "recv" });
        if !self.restrictions.is_empty() {
            let _ = write!(out, " {}", self.restrictions);
        }
    }
}

impl Attribute for Simulcast {
    const NAME: &'static [u8] = b"simulcast";

    fn parse(value: &[u8]) -> Option<Self> {
        text(value.trim_ascii()).filter(|value| !value.is_empty()).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}
