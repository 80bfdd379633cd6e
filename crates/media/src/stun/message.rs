//! A received message, as a view into its bytes.

use super::integrity::{Integrity, Key};
use super::password_algorithms::{PasswordAlgorithm, PasswordAlgorithms};
use super::{ATTRIBUTES_MAX, Class, HEADER_BYTES, Kind, Malformed, Method, TransactionId};
use super::{address, class_and_method, fingerprint, is_stun};
use std::net::SocketAddr;

/// Bytes that [`Message::read`] found to be a message. What follows an integrity attribute is not seen (RFC 8489
/// sections 14.5 and 14.6), save the other integrity and the fingerprint.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    class: Class,
    method: Method,
    /// Where the attributes end that count: at the first integrity or fingerprint.
    end: usize,
    /// Where each integrity attribute begins.
    sha1: Option<usize>,
    sha256: Option<usize>,
    fingerprint: bool,
}

/// One attribute, known or not.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    pub number: u16,
    pub value: &'a [u8],
    /// Where its header begins, counted from the start of the message.
    offset: usize,
}

impl<'a> Message<'a> {
    /// Reads one whole datagram.
    pub fn read(bytes: &'a [u8]) -> Result<Message<'a>, Malformed> {
        if !is_stun(bytes) {
            return Err(Malformed::NotStun);
        }
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        if bytes.len() != HEADER_BYTES + length {
            return Err(Malformed::Length);
        }
        let (class, method) = class_and_method(u16::from_be_bytes([bytes[0], bytes[1]]));
        let end = bytes.len();
        let mut message = Message { bytes, class, method, end, sha1: None, sha256: None, fingerprint: false };
        let mut seen = 0;
        let mut attributes = Attributes { bytes, offset: HEADER_BYTES };
        for count in 0.. {
            match attributes.next() {
                Some(_) if count == ATTRIBUTES_MAX => return Err(Malformed::TooMany),
                Some(attribute) => message.take(attribute, &mut seen)?,
                None => break,
            }
        }
        if attributes.offset != bytes.len() {
            return Err(Malformed::Attribute);
        }
        Ok(message)
    }

    /// Notes one attribute in passing.
    fn take(&mut self, attribute: Attribute<'a>, seen: &mut u64) -> Result<(), Malformed> {
        if self.fingerprint {
            return Err(Malformed::AfterFingerprint);
        }
        let Some(kind) = attribute.kind() else { return Ok(()) };
        let is_frame =
            matches!(kind, Kind::MessageIntegrity | Kind::MessageIntegritySha256 | Kind::Fingerprint);
        if !is_frame && self.end != self.bytes.len() {
            return Ok(());
        }
        if *seen & kind.bit() != 0 && !kind.may_repeat() {
            return Err(Malformed::Twice(kind));
        }
        *seen |= kind.bit();
        if !kind.takes(attribute.value) {
            return Err(Malformed::Value(kind));
        }
        if is_frame {
            self.end = self.end.min(attribute.offset);
        }
        match kind {
            // After the stronger one nothing but the fingerprint is seen (RFC 8489 section 14.6).
            Kind::MessageIntegrity if self.sha256.is_none() => self.sha1 = Some(attribute.offset),
            Kind::MessageIntegritySha256 => self.sha256 = Some(attribute.offset),
            Kind::Fingerprint => {
                let told = word(attribute.value);
                if told != Some(fingerprint::fingerprint(&self.bytes[..attribute.offset])) {
                    return Err(Malformed::Fingerprint);
                }
                self.fingerprint = true;
            }
            _ => {}
        }
        Ok(())
    }

    pub const fn class(&self) -> Class {
        self.class
    }

    pub const fn method(&self) -> Method {
        self.method
    }

    pub fn transaction(&self) -> TransactionId {
        let mut id = [0; 12];
        id.copy_from_slice(&self.bytes[8..HEADER_BYTES]);
        TransactionId(id)
    }

    /// The attributes that count, in their order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        Attributes { bytes: &self.bytes[..self.end], offset: HEADER_BYTES }
    }

    /// The first value of a kind; there is no second, save of XOR-PEER-ADDRESS.
    pub fn value(&self, kind: Kind) -> Option<&'a [u8]> {
        self.attributes().find(|attribute| attribute.number == kind.number()).map(|attribute| attribute.value)
    }

    pub fn has(&self, kind: Kind) -> bool {
        self.value(kind).is_some()
    }

    /// The numbers of attributes that must be understood and are not (RFC 8489 section 6.3.1: answered 420).
    pub fn not_understood(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.attributes().map(|attribute| attribute.number).filter(|number| {
            // Section 14: the upper half may be ignored.
            *number < 0x8000 && Kind::from_number(*number).is_none()
        })
    }

    /// The strongest integrity that the message carries, whoever made it.
    pub fn integrity(&self) -> Option<Integrity> {
        match (self.sha256, self.sha1) {
            (Some(_), _) => Some(Integrity::Sha256),
            (None, Some(_)) => Some(Integrity::Sha1),
            (None, None) => None,
        }
    }

    /// Whether the strongest integrity that it carries is of this key (RFC 8489 sections 9.1.3 and 9.2.4).
    pub fn is_of(&self, key: &Key) -> bool {
        let Some(integrity) = self.integrity() else { return false };
        let offset = match integrity {
            Integrity::Sha1 => self.sha1,
            Integrity::Sha256 => self.sha256,
        };
        let Some(offset) = offset else { return false };
        let tag = self.bytes.get(offset + 4..offset + 4 + integrity.bytes());
        tag.is_some_and(|tag| key.confirms(integrity, &self.bytes[..offset], tag))
    }

    pub const fn has_fingerprint(&self) -> bool {
        self.fingerprint
    }

    pub fn username(&self) -> Option<&'a str> {
        self.text(Kind::Username)
    }

    pub fn realm(&self) -> Option<&'a str> {
        self.text(Kind::Realm)
    }

    pub fn nonce(&self) -> Option<&'a str> {
        self.text(Kind::Nonce)
    }

    pub fn software(&self) -> Option<&'a str> {
        self.text(Kind::Software)
    }

    pub fn user_hash(&self) -> Option<&'a [u8; 32]> {
        self.value(Kind::UserHash)?.try_into().ok()
    }

    pub fn password_algorithms(&self) -> Option<PasswordAlgorithms<'a>> {
        self.value(Kind::PasswordAlgorithms).map(PasswordAlgorithms)
    }

    pub fn password_algorithm(&self) -> Option<PasswordAlgorithm> {
        PasswordAlgorithms(self.value(Kind::PasswordAlgorithm)?).next()
    }

    /// The code, from 300 to 699, and the reason (RFC 8489 section 14.8).
    pub fn error_code(&self) -> Option<(u16, &'a str)> {
        let value = self.value(Kind::ErrorCode)?;
        let code = 100 * u16::from(value[2] & 7) + u16::from(value[3]);
        Some((code, std::str::from_utf8(&value[4..]).ok()?))
    }

    /// Those of UNKNOWN-ATTRIBUTES.
    pub fn unknown_attributes(&self) -> impl Iterator<Item = u16> + use<'a> {
        let value = self.value(Kind::UnknownAttributes).unwrap_or_default();
        value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }

    /// Where the sender was seen: XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS of an old server (RFC 8489 section 14.1).
    pub fn mapped_address(&self) -> Option<SocketAddr> {
        self.xored(Kind::XorMappedAddress).or_else(|| self.value(Kind::MappedAddress).and_then(address::read))
    }

    pub fn relayed_address(&self) -> Option<SocketAddr> {
        self.xored(Kind::XorRelayedAddress)
    }

    pub fn alternate_server(&self) -> Option<SocketAddr> {
        self.value(Kind::AlternateServer).and_then(address::read)
    }

    /// Each XOR-PEER-ADDRESS. A request for one peer must have exactly one.
    pub fn peer_addresses(&self) -> impl Iterator<Item = SocketAddr> + use<'a> {
        let transaction = self.transaction();
        self.attributes()
            .filter(|attribute| attribute.number == Kind::XorPeerAddress.number())
            .filter_map(move |attribute| address::read_xored(attribute.value, transaction))
    }

    pub fn data(&self) -> Option<&'a [u8]> {
        self.value(Kind::Data)
    }

    pub fn priority(&self) -> Option<u32> {
        word(self.value(Kind::Priority)?)
    }

    /// In seconds.
    pub fn lifetime(&self) -> Option<u32> {
        word(self.value(Kind::Lifetime)?)
    }

    pub fn channel_number(&self) -> Option<u16> {
        Some((word(self.value(Kind::ChannelNumber)?)? >> 16) as u16)
    }

    /// The protocol number of IP: 17 is UDP.
    pub fn requested_transport(&self) -> Option<u8> {
        self.value(Kind::RequestedTransport)?.first().copied()
    }

    /// 1 is IPv4, 2 is IPv6 (RFC 8656 section 18.6).
    pub fn requested_address_family(&self) -> Option<u8> {
        self.value(Kind::RequestedAddressFamily)?.first().copied()
    }

    /// The tie-breaker of a sender that believes to be controlled.
    pub fn ice_controlled(&self) -> Option<u64> {
        self.value(Kind::IceControlled)?.try_into().ok().map(u64::from_be_bytes)
    }

    /// The tie-breaker of a sender that believes to be controlling.
    pub fn ice_controlling(&self) -> Option<u64> {
        self.value(Kind::IceControlling)?.try_into().ok().map(u64::from_be_bytes)
    }

    fn text(&self, kind: Kind) -> Option<&'a str> {
        std::str::from_utf8(self.value(kind)?).ok()
    }

    fn xored(&self, kind: Kind) -> Option<SocketAddr> {
        address::read_xored(self.value(kind)?, self.transaction())
    }
}

impl Attribute<'_> {
    pub const fn kind(&self) -> Option<Kind> {
        Kind::from_number(self.number)
    }
}

/// Ends early, before its bytes do, at an attribute that reaches beyond them.
struct Attributes<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let offset = self.offset;
        let (head, rest) = self.bytes.get(offset..)?.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        // RFC 8489 section 14: padded to whole words, with bytes that do not matter.
        let padded = length.next_multiple_of(4);
        if rest.len() < padded {
            return None;
        }
        self.offset = offset + 4 + padded;
        Some(Attribute { number: u16::from_be_bytes([head[0], head[1]]), value: &rest[..length], offset })
    }
}

fn word(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}
