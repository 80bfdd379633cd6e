//! Writing a message.

use super::integrity::{Integrity, Key};
use super::password_algorithms::PasswordAlgorithm;
use super::{COOKIE, Class, HEADER_BYTES, Kind, Method, TransactionId};
use super::{address, fingerprint, message_type};
use std::net::SocketAddr;

/// Appends one message to a buffer. The header is right after each call, so that a message may end anywhere; integrity
/// and fingerprint come last, in this order.
pub struct Writer<'v> {
    out: &'v mut Vec<u8>,
    start: usize,
    transaction: TransactionId,
}

impl<'v> Writer<'v> {
    pub fn new(out: &'v mut Vec<u8>, class: Class, method: Method, transaction: TransactionId) -> Writer<'v> {
        let start = out.len();
        out.extend_from_slice(&message_type(class, method).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&COOKIE.to_be_bytes());
        out.extend_from_slice(&transaction.0);
        Writer { out, start, transaction }
    }

    /// A value as it is. It has at most the 65,507 bytes of a datagram.
    pub fn value(&mut self, kind: Kind, value: &[u8]) -> &mut Self {
        self.head(kind, value.len());
        self.out.extend_from_slice(value);
        self.pad();
        self
    }

    pub fn flag(&mut self, kind: Kind) -> &mut Self {
        self.value(kind, &[])
    }

    pub fn text(&mut self, kind: Kind, text: &str) -> &mut Self {
        self.value(kind, text.as_bytes())
    }

    /// USERNAME of a connectivity check (RFC 8445 section 7.2.2): who is asked, a colon, who asks.
    pub fn check_username(&mut self, theirs: &str, ours: &str) -> &mut Self {
        self.head(Kind::Username, theirs.len() + 1 + ours.len());
        self.out.extend_from_slice(theirs.as_bytes());
        self.out.push(b':');
        self.out.extend_from_slice(ours.as_bytes());
        self.pad();
        self
    }

    pub fn word(&mut self, kind: Kind, word: u32) -> &mut Self {
        self.value(kind, &word.to_be_bytes())
    }

    pub fn long(&mut self, kind: Kind, long: u64) -> &mut Self {
        self.value(kind, &long.to_be_bytes())
    }

    /// An address of one of the XOR attributes.
    pub fn xored_address(&mut self, kind: Kind, address: SocketAddr) -> &mut Self {
        let (value, bytes) = address::write(address::xored(address, self.transaction));
        self.value(kind, &value[..bytes])
    }

    pub fn address(&mut self, kind: Kind, address: SocketAddr) -> &mut Self {
        let (value, bytes) = address::write(address);
        self.value(kind, &value[..bytes])
    }

    /// A code from 300 to 699.
    pub fn error_code(&mut self, code: u16, reason: &str) -> &mut Self {
        self.head(Kind::ErrorCode, 4 + reason.len());
        self.out.extend_from_slice(&[0, 0, (code / 100) as u8, (code % 100) as u8]);
        self.out.extend_from_slice(reason.as_bytes());
        self.pad();
        self
    }

    pub fn unknown_attributes(&mut self, numbers: impl Iterator<Item = u16> + Clone) -> &mut Self {
        self.head(Kind::UnknownAttributes, 2 * numbers.clone().count());
        for number in numbers {
            self.out.extend_from_slice(&number.to_be_bytes());
        }
        self.pad();
        self
    }

    /// PASSWORD-ALGORITHMS, or PASSWORD-ALGORITHM with the one chosen.
    pub fn password_algorithms(&mut self, kind: Kind, algorithms: &[PasswordAlgorithm]) -> &mut Self {
        self.head(kind, 4 * algorithms.len());
        for algorithm in algorithms {
            self.out.extend_from_slice(&algorithm.number().to_be_bytes());
            self.out.extend_from_slice(&[0, 0]);
        }
        self.pad();
        self
    }

    pub fn integrity(&mut self, integrity: Integrity, key: &Key) -> &mut Self {
        let tag = key.tag(integrity, &self.out[self.start..]);
        self.value(integrity.kind(), tag.as_ref())
    }

    pub fn fingerprint(&mut self) {
        // The checksum covers a header whose length counts the attribute already (RFC 8489 section 14.7).
        let at = self.out.len();
        self.value(Kind::Fingerprint, &[0; 4]);
        let sum = fingerprint::fingerprint(&self.out[self.start..at]);
        self.out[at + 4..].copy_from_slice(&sum.to_be_bytes());
    }

    fn head(&mut self, kind: Kind, bytes: usize) {
        self.out.extend_from_slice(&kind.number().to_be_bytes());
        self.out.extend_from_slice(&(bytes as u16).to_be_bytes());
    }

    /// Fills the last word and tells the header.
    fn pad(&mut self) {
        let bytes = self.out.len() - self.start;
        self.out.resize(self.start + bytes.next_multiple_of(4), 0);
        let length = (self.out.len() - self.start - HEADER_BYTES) as u16;
        self.out[self.start + 2..self.start + 4].copy_from_slice(&length.to_be_bytes());
    }
}
