//! RFC 7989: both legs of a call name the same pair of UUIDs, so that whoever sees both knows that they are one call, `coeur
//! trace` among them. A phone's own UUID passes to the other side; for a phone that has none we say one (section 7).
//!
//! What it deliberately does not do: the header in ACK and CANCEL, in a BYE to the side that stays when the other has left,
//! and in what is refused before a call begins.

use super::Calls;
use super::leg::LegId;
use crate::mint::{Mint, write_hex};
use coeur_sip::{HeaderName, Message};

/// 32 hexadecimal digits in lower case, not all zero (section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Uuid([u8; 32]);

const NULL: [u8; 32] = [b'0'; 32];

impl Uuid {
    /// RFC 9562 section 5.4: version 4.
    pub(super) fn new(mint: &mut Mint) -> Self {
        let mut digits = NULL;
        write_hex(mint.u64(), &mut digits[..16]);
        write_hex(mint.u64(), &mut digits[16..]);
        digits[12] = b'4';
        digits[16] = b'a';
        Self(digits)
    }

    /// What the sender of a message says of itself. `None`: nothing, or nothing that the RFC allows; the older form without
    /// `remote` (RFC 7329) is heard too.
    pub(super) fn of_sender(message: &Message<'_>) -> Option<Self> {
        let value = message.header(HeaderName::SessionId)?;
        let own = value.split(|byte| *byte == b';').next()?.trim_ascii();
        let digits: [u8; 32] = own.try_into().ok()?;
        let is_lower_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (digits.iter().all(is_lower_hex) && digits != NULL).then_some(Self(digits))
    }
}

impl Calls {
    /// The value for messages to a leg: who speaks through us, then the leg itself. `None`: there is nobody yet.
    pub(super) fn session_of(&self, id: LegId) -> Option<Vec<u8>> {
        let leg = self.leg(id)?;
        let call = self.calls.get(leg.call as usize)?;
        let other = match call.caller == id {
            false => Some(call.caller),
            true => call.callee.or_else(|| call.setup.as_ref()?.legs.first().copied()),
        };
        let other = self.leg(other?)?;
        Some([&other.uuid.0[..], b";remote=", &leg.uuid.0].concat())
    }
}
