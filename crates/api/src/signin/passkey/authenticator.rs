//! `authenticatorData` (section 6.1) and the attestation object around it (section 6.5).

use ciborium::Value;

/// Section 4, credential id: at most so many bytes.
pub(super) const ID_BYTES_MAX: usize = 1_023;
const HEAD_BYTES: usize = 37;
const AAGUID_BYTES: usize = 16;

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const HAS_CREDENTIAL: u8 = 0x40;

pub(super) struct AuthenticatorData<'b> {
    pub(super) rp_id_hash: &'b [u8],
    pub(super) counter: u32,
    flags: u8,
    rest: &'b [u8],
}

pub(super) struct Credential<'b> {
    pub(super) id: &'b [u8],
    /// `COSE_Key`, with whatever extensions follow it.
    pub(super) public_key: &'b [u8],
}

impl<'b> AuthenticatorData<'b> {
    pub(super) fn parse(bytes: &'b [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
        let (rp_id_hash, tail) = head.split_at(32);
        let counter = u32::from_be_bytes(tail[1..].try_into().ok()?);
        Some(Self { rp_id_hash, flags: tail[0], counter, rest })
    }

    /// Somebody was there, and it was verified who.
    pub(super) fn is_verified(&self) -> bool {
        let both = USER_PRESENT | USER_VERIFIED;
        self.flags & both == both
    }

    pub(super) fn credential(&self) -> Option<Credential<'b>> {
        if self.flags & HAS_CREDENTIAL == 0 {
            return None;
        }
        let (_, rest) = self.rest.split_at_checked(AAGUID_BYTES)?;
        let (length, rest) = rest.split_at_checked(2)?;
        let length = usize::from(u16::from_be_bytes(length.try_into().ok()?));
        let (id, public_key) = rest.split_at_checked(length)?;
        (1..=ID_BYTES_MAX).contains(&id.len()).then_some(Credential { id, public_key })
    }
}

/// `authData` of an attestation object.
pub(super) fn of_attestation(object: &[u8]) -> Option<Vec<u8>> {
    let whole: Value = ciborium::de::from_reader_with_recursion_limit(object, 8).ok()?;
    let fields = whole.into_map().ok()?;
    let (_, data) = fields.into_iter().find(|(key, _)| key.as_text() == Some("authData"))?;
    data.into_bytes().ok()
}
