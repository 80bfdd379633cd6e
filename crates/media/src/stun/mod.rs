//! STUN (RFC 8489): bytes to a view and back, for connectivity checks (RFC 8445), TURN (RFC 8656) and keep-alives.
//!
//! [`Message::read`] checks everything once: frame, padding, number of attributes, the form of each known value, no
//! known attribute twice. What it gives is a view that copies and allocates nothing and whose accessors cannot fail.
//! [`Writer`] appends a message to a buffer of the caller. [`Key`] computes and compares integrity.
//!
//! What it deliberately does not do: RFC 3489 (no cookie: not STUN for us), OpaqueString preparation (RFC 8265;
//! whoever makes our user names and passwords makes them of ASCII), the DNS discovery of section 8, and transactions:
//! retransmission is the business of `ice` and of clients. A truncated MESSAGE-INTEGRITY-SHA256 is refused, because no
//! usage that we speak defines one (section 14.6).

mod address;
mod attribute;
mod fingerprint;
mod integrity;
mod message;
mod nonce_features;
mod password_algorithms;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;

pub use attribute::Kind;
pub use integrity::{Integrity, Key, user_hash};
pub use message::{Attribute, Message};
pub use nonce_features::NonceFeatures;
pub use password_algorithms::{PasswordAlgorithm, PasswordAlgorithms};
pub use writer::Writer;

/// The bytes of the header (RFC 8489 section 5).
pub const HEADER_BYTES: usize = 20;

/// Attributes of one message, known or not. The messages of ICE and TURN have at most a dozen. It bounds the time of a
/// reading; a view has no memory of its own.
pub const ATTRIBUTES_MAX: usize = 32;

const COOKIE: u32 = 0x2112_a442;

/// True for bytes that can be STUN and neither SIP, DTLS, RTP nor ChannelData (RFC 8489 section 5, RFC 7983 section 7):
/// two zero bits, a length of whole words, the cookie.
pub fn is_stun(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES
        && bytes[0] & 0xc0 == 0
        && bytes[3] & 3 == 0
        && bytes[4..8] == COOKIE.to_be_bytes()
}

/// The four classes (RFC 8489 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// What is asked (RFC 8489 section 18.2, RFC 8656 section 17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Binding,
    Allocate,
    Refresh,
    Send,
    Data,
    CreatePermission,
    ChannelBind,
    /// Of twelve bits.
    Other(u16),
}

impl Method {
    const fn from_number(number: u16) -> Method {
        match number {
            0x001 => Method::Binding,
            0x003 => Method::Allocate,
            0x004 => Method::Refresh,
            0x006 => Method::Send,
            0x007 => Method::Data,
            0x008 => Method::CreatePermission,
            0x009 => Method::ChannelBind,
            other => Method::Other(other),
        }
    }

    const fn number(self) -> u16 {
        match self {
            Method::Binding => 0x001,
            Method::Allocate => 0x003,
            Method::Refresh => 0x004,
            Method::Send => 0x006,
            Method::Data => 0x007,
            Method::CreatePermission => 0x008,
            Method::ChannelBind => 0x009,
            Method::Other(number) => number & 0xfff,
        }
    }
}

/// Class and method as the first 14 bits of a message interleave them (RFC 8489 section 5, figure 3).
const fn message_type(class: Class, method: Method) -> u16 {
    let class = match class {
        Class::Request => 0x000,
        Class::Indication => 0x010,
        Class::Success => 0x100,
        Class::Error => 0x110,
    };
    let method = method.number();
    class | (method & 0x00f) | (method & 0x070) << 1 | (method & 0xf80) << 2
}

const fn class_and_method(kind: u16) -> (Class, Method) {
    let class = match kind & 0x110 {
        0x000 => Class::Request,
        0x010 => Class::Indication,
        0x100 => Class::Success,
        _ => Class::Error,
    };
    let method = (kind & 0x00f) | (kind & 0x0e0) >> 1 | (kind & 0x3e00) >> 2;
    (class, Method::from_number(method))
}

/// What pairs an answer with its request (RFC 8489 section 5). It is drawn by the caller, from a secure source: an
/// answer without integrity is believed for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub [u8; 12]);

/// Why bytes are no message that we can use. Its sender is at fault. Nobody is answered for any of these: a message
/// that has two readings has no author either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not STUN at all: too short, other first bits, no cookie.
    NotStun,
    /// The length in the header is not the length that arrived (RFC 8489 section 6.3).
    Length,
    /// An attribute reaches beyond the message.
    Attribute,
    /// More than [`ATTRIBUTES_MAX`].
    TooMany,
    /// A known attribute appears twice. RFC 8489 section 14 lets the first win; where one reader checks the first and
    /// another uses the last, a check is passed (threat A34). Only XOR-PEER-ADDRESS may be repeated (RFC 8656 section 10.1).
    Twice(Kind),
    /// The value of a known attribute has not its form.
    Value(Kind),
    /// FINGERPRINT is not the last attribute (RFC 8489 section 14.7).
    AfterFingerprint,
    /// FINGERPRINT is not the checksum of what came.
    Fingerprint,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::NotStun => f.write_str("not STUN"),
            Malformed::Length => f.write_str("the length in the header is wrong"),
            Malformed::Attribute => f.write_str("an attribute reaches beyond the message"),
            Malformed::TooMany => write!(f, "more than {ATTRIBUTES_MAX} attributes"),
            Malformed::Twice(kind) => write!(f, "{kind:?} appears twice"),
            Malformed::Value(kind) => write!(f, "{kind:?} has no valid value"),
            Malformed::AfterFingerprint => f.write_str("an attribute follows the fingerprint"),
            Malformed::Fingerprint => f.write_str("the fingerprint is wrong"),
        }
    }
}

impl std::error::Error for Malformed {}
