//! Attributes whose shape is known: read from the value of an `a=` line and written as one.
//!
//! Reading is by type: [`crate::Media::read`], [`crate::Media::read_all`], [`crate::Description::read_for`]. A
//! description is never refused as a whole for an attribute that cannot be read: who needs that attribute decides.

mod candidate;
mod crypto;
mod extmap;
mod fingerprint;
mod fmtp;
mod group;
mod ice;
mod packet_time;
mod rid;
mod rtcp;
mod rtcp_feedback;
mod rtpmap;
mod setup;
mod srtp_key;
mod ssrc;
mod suite;
mod telephone_event;

pub use candidate::{Candidate, CandidateKind, CandidateTransport, RemoteCandidates};
pub use crypto::{Crypto, KeyParameter, Lifetime, MasterKeyIdentifier, SessionParameters};
pub use extmap::Extmap;
pub use fingerprint::{Fingerprint, HashFunction};
pub use fmtp::Fmtp;
pub(crate) use fmtp::parameter;
pub use group::{Group, Mid};
pub use ice::{IceOptions, IcePassword, IceUfrag};
pub use packet_time::{MaxPacketTime, PacketTime};
pub use rid::{Rid, Simulcast};
pub use rtcp::RtcpAddress;
pub use rtcp_feedback::RtcpFeedback;
pub use rtpmap::Rtpmap;
pub use setup::{Setup, TlsId};
pub use srtp_key::SrtpKey;
pub use ssrc::{Ssrc, SsrcGroup};
pub use suite::Suite;
pub use telephone_event::TelephoneEvents;

use crate::line::Line;
use std::fmt;

/// An attribute with a value: `a=<name>:<value>`.
pub trait Attribute: Sized {
    const NAME: &'static [u8];

    /// `None` when the value is not of this shape.
    fn parse(value: &[u8]) -> Option<Self>;

    /// Appends the value.
    fn write(&self, out: &mut Vec<u8>);
}

/// What is wrong with an attribute. Who sent it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeFault {
    Malformed,
    /// It may be there once and is there with two values, which two readers would choose from differently.
    Repeated,
}

/// An attribute that was needed and could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeError {
    pub name: &'static str,
    pub fault: AttributeFault,
}

impl fmt::Display for AttributeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            AttributeFault::Malformed => write!(f, "attribute {} is malformed", self.name),
            AttributeFault::Repeated => write!(f, "attribute {} is there with two values", self.name),
        }
    }
}

impl std::error::Error for AttributeError {}

/// The one attribute of this type among the lines. The same value twice has one reading; two values have two.
pub(crate) fn only<T: Attribute>(lines: &[Line<'_>]) -> Result<Option<T>, AttributeError> {
    let fail = |fault| AttributeError { name: std::str::from_utf8(T::NAME).unwrap_or_default(), fault };
    let mut found: Option<&[u8]> = None;
    for line in lines.iter().filter(|line| line.is_attribute(T::NAME)) {
        let value = line.attribute().map_or(&b""[..], |(_, value)| value.trim_ascii());
        match found {
            Some(first) if first != value => return Err(fail(AttributeFault::Repeated)),
            Some(_) | None => found = Some(value),
        }
    }
    found.map(|value| T::parse(value).ok_or(fail(AttributeFault::Malformed))).transpose()
}

/// A word of visible ASCII, or any text when `spaces` come in it.
fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// A token (RFC 8866 section 9), taken more widely: visible ASCII.
fn token(bytes: &[u8]) -> Option<String> {
    let visible = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
    visible.then(|| text(bytes)).flatten()
}

#[cfg(test)]
mod tests;
