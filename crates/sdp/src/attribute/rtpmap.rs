//! `a=rtpmap` (RFC 8866 section 6.6): `111 opus/48000/2`.

use super::{Attribute, token};
use crate::parse::{number, words};
use std::io::Write;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtpmap {
    pub payload: u8,
    /// Encoding name; compare in any case.
    pub name: String,
    pub clock_rate: u32,
    /// Channels of audio.
    pub parameters: Option<String>,
}

impl Attribute for Rtpmap {
    const NAME: &'static [u8] = b"rtpmap";

    fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = words(value);
        let payload = number(parts.next()?).filter(|payload: &u8| *payload < 128)?;
        let mut encoding = parts.next()?.splitn(3, |&b| b == b'/');
        let (name, clock_rate) = (token(encoding.next()?)?, number(encoding.next()?)?);
        let parameters = encoding.next().map(token);
        match parameters {
            None => Some(Self { payload, name, clock_rate, parameters: None }),
            Some(parameters) => Some(Self { payload, name, clock_rate, parameters: Some(parameters?) }),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        // Writing to a Vec does not fail, here and below.
        let _ = write!(out, "{} {}/{}", self.payload, self.name, self.clock_rate);
        if let Some(parameters) = &self.parameters {
            let _ = write!(out, "/{parameters}");
        }
    }
}
