//! `a=rtcp-fb` (RFC 4585 section 4.2): `96 nack pli`, `* ccm fir`.

use super::{Attribute, text};
use crate::parse::{number, word};
use std::io::Write;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtcpFeedback {
    /// `None`: all payload types, written `*`.
    pub payload: Option<u8>,
    /// `nack`, `nack pli`, `ccm fir`, `transport-cc`, ...
    pub feedback: String,
}

impl Attribute for RtcpFeedback {
    const NAME: &'static [u8] = b"rtcp-fb";

    fn parse(value: &[u8]) -> Option<Self> {
        let (payload, feedback) = word(value);
        let payload = match payload {
            b"*" => None,
            payload => Some(number(payload).filter(|payload: &u8| *payload < 128)?),
        };
        let feedback = text(feedback.trim_ascii()).filter(|feedback| !feedback.is_empty())?;
        Some(Self { payload, feedback })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let _ = match self.payload {
            None => write!(out, "* {}", self.feedback),
            Some(payload) => write!(out, "{payload} {}", self.feedback),
        };
    }
}
