//! `a=extmap` (RFC 8285 section 8): which number a header extension has in RTP packets.

use super::{Attribute, text, token};
use crate::Direction;
use crate::parse::{number, word};
use std::io::Write;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extmap {
    /// 1 to 14 in the one-byte form, up to 255 in the two-byte form; 4096 to 4351 stand for "a number to be chosen"
    /// (section 6).
    pub id: u16,
    pub direction: Option<Direction>,
    pub uri: String,
    /// Extension attributes, as written.
    pub parameters: String,
}

impl Attribute for Extmap {
    const NAME: &'static [u8] = b"extmap";

    fn parse(value: &[u8]) -> Option<Self> {
        let (number_and_direction, rest) = word(value);
        let mut parts = number_and_direction.splitn(2, |&b| b == b'/');
        let id = number(parts.next()?).filter(|id| matches!(id, 1..=255 | 4_096..=4_351))?;
        let direction = match parts.next() {
            None => None,
            Some(direction) => Some(Direction::parse(direction)?),
        };
        let (uri, parameters) = word(rest);
        Some(Self { id, direction, uri: token(uri)?, parameters: text(parameters.trim_ascii())? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{}", self.id);
        if let Some(direction) = self.direction {
            let _ = write!(out, "/{}", direction.as_str());
        }
        let _ = write!(out, " {}", self.uri);
        if !self.parameters.is_empty() {
            let _ = write!(out, " {}", self.parameters);
        }
    }
}
