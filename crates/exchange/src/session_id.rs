//! RFC 7989 in what we say: the UUIDs of a Session-ID, and what is named by answers that belong to no call. What those of a
//! call name is in `call::session_id`.
//!
//! What it deliberately does not do: the header for who has proved nothing, since a trace joins calls by what we have said
//! (decision 0023), and in answers to REGISTER, which are no sessions.

use crate::mint::{Mint, write_hex};
use coeur_sip::{HeaderName, Message};

/// 32 hexadecimal digits in lower case, not all zero (section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uuid([u8; 32]);

const NULL: [u8; 32] = [b'0'; 32];

impl Uuid {
    /// RFC 9562 section 5.4: version 4.
    pub(crate) fn new(mint: &mut Mint) -> Self {
        let mut digits = NULL;
        write_hex(mint.u64(), &mut digits[..16]);
        write_hex(mint.u64(), &mut digits[16..]);
        digits[12] = b'4';
        digits[16] = b'a';
        Self(digits)
    }

    /// What the sender of a message says of itself. `None`: nothing, or nothing that the RFC allows; the older form without
    /// `remote` (RFC 7329) is heard too.
    pub(crate) fn of_sender(message: &Message<'_>) -> Option<Self> {
        let value = message.header(HeaderName::SessionId)?;
        let own = value.split(|byte| *byte == b';').next()?.trim_ascii();
        let digits: [u8; 32] = own.try_into().ok()?;
        let is_lower_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (digits.iter().all(is_lower_hex) && digits != NULL).then_some(Self(digits))
    }
}

/// The value of the header (section 5): `LOCAL;remote=REMOTE`.
pub type Pair = [u8; 32 + REMOTE.len() + 32];

const REMOTE: &[u8] = b";remote=";

/// Who speaks through us, then who is spoken to.
pub(crate) fn pair(local: Uuid, remote: Uuid) -> Pair {
    let mut value = [0; 32 + REMOTE.len() + 32];
    value[..32].copy_from_slice(&local.0);
    value[32..][..REMOTE.len()].copy_from_slice(REMOTE);
    value[32 + REMOTE.len()..].copy_from_slice(&remote.0);
    value
}

/// What our answer to a request names while nobody is known with whom its sender would speak: null, and the sender
/// (section 7). `None`: the sender has named nothing.
pub(crate) fn alone(request: &Message<'_>) -> Option<Pair> {
    Uuid::of_sender(request).map(|sender| pair(Uuid(NULL), sender))
}

/// What an INVITE of ours has named.
pub(crate) fn of_invite(invite: &Message<'_>) -> Option<Pair> {
    invite.header(HeaderName::SessionId)?.try_into().ok()
}

/// What the ACK of this answer names: as its INVITE, and who has answered, if that has named itself.
pub(crate) fn of_ack(invite: &Message<'_>, response: &Message<'_>) -> Option<Pair> {
    let named = Uuid::of_sender(invite).zip(Uuid::of_sender(response));
    named.map(|(local, remote)| pair(local, remote)).or_else(|| of_invite(invite))
}
