//! The messages of ICE, written (RFC 8445 sections 7.1 and 7.3).

use super::Role;
use super::credentials::Credentials;
use crate::stun::{Class, Integrity, Key, Kind, Message, Method, TransactionId, Writer};
use std::net::SocketAddr;

/// What a check says.
pub(super) struct CheckText<'a> {
    pub(super) transaction: TransactionId,
    pub(super) local: &'a Credentials,
    pub(super) remote: &'a Credentials,
    /// Of the remote password.
    pub(super) key: &'a Key,
    /// That of the peer-reflexive candidate which the check may reveal (RFC 8445 section 7.1.1).
    pub(super) priority: u32,
    pub(super) role: Role,
    pub(super) tie_breaker: u64,
    pub(super) use_candidate: bool,
}

impl CheckText<'_> {
    /// The same bytes each time: a retransmission is the same message.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        let mut writer = Writer::new(&mut out, Class::Request, Method::Binding, self.transaction);
        writer.check_username(self.remote.fragment(), self.local.fragment());
        writer.word(Kind::Priority, self.priority);
        let role = match self.role {
            Role::Controlling => Kind::IceControlling,
            Role::Controlled => Kind::IceControlled,
        };
        writer.long(role, self.tie_breaker);
        if self.use_candidate {
            writer.flag(Kind::UseCandidate);
        }
        writer.integrity(Integrity::Sha1, self.key).fingerprint();
        out
    }
}

/// The answer to a check that was confirmed with the same key, and with the same integrity.
pub(super) fn success(check: &Message<'_>, from: SocketAddr, key: &Key) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    let from = SocketAddr::new(from.ip().to_canonical(), from.port());
    let mut writer = Writer::new(&mut out, Class::Success, Method::Binding, check.transaction());
    writer.xored_address(Kind::XorMappedAddress, from);
    writer.integrity(check.integrity().unwrap_or(Integrity::Sha1), key).fingerprint();
    out
}

/// A refusal of such a check.
pub(super) fn refusal(check: &Message<'_>, code: u16, reason: &str, key: &Key) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    let mut writer = Writer::new(&mut out, Class::Error, Method::Binding, check.transaction());
    writer.error_code(code, reason);
    if code == 420 {
        // As many as there are, which is at most the attributes of one message.
        let unknown: Vec<u16> = check.not_understood().collect();
        writer.unknown_attributes(unknown.into_iter());
    }
    writer.integrity(check.integrity().unwrap_or(Integrity::Sha1), key).fingerprint();
    out
}
