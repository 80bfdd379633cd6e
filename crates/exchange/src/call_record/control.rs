//! What is done to calls by word of the operator: one is begun on behalf of an account, a side is held, muted, transferred, or
//! hears keys (decisions 0063 and 0064).

use super::Hearer;
use crate::routing;
use coeur_directory::{AccountId, DeviceId};
use coeur_sip::StatusCode;

/// A call that an account begins without dialling it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Originate {
    pub from: AccountId,
    /// This device alone rings; `None`: all of the account.
    pub device: Option<DeviceId>,
    /// Whom it wants: a SIP or tel URI.
    pub to: Box<[u8]>,
    /// The name that who is called sees; at most [`DISPLAY_BYTES_MAX`].
    pub display: Option<Box<str>>,
    /// The account's own device is asked to answer by itself.
    pub auto_answer: bool,
    /// How long that device may ring, 1 to [`TIMEOUT_S_MAX`].
    pub timeout_s: u16,
    /// Nobody is called: the device is rung to see whether it rings and is heard. It sees `to` under the name `display`.
    pub is_test: bool,
}

pub const DISPLAY_BYTES_MAX: usize = 64;
pub const TIMEOUT_S_MAX: u16 = 180;
/// Of the address that is wanted.
pub const URI_BYTES_MAX: usize = 512;

/// Keys of one request, and how long each is heard, in milliseconds.
pub const DIGITS_MAX: usize = 32;
pub const DIGIT_MS: std::ops::RangeInclusive<u16> = 40..=2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Caller,
    Callee,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// This side hears music and nothing of the other, nor the other of it; or no longer so.
    Hold { side: Hearer, is_held: bool },
    /// Nothing of this side is heard; or it is again.
    Mute { side: Hearer, is_muted: bool },
    /// This side hears these keys, each for so long: at most [`DIGITS_MAX`], of [`DIGIT_MS`].
    Keys { side: Hearer, digits: Box<[u8]>, ms: u16 },
    /// This side goes to this address; the other is left, and has the right to send it there or not.
    Transfer { side: Place, to: Box<[u8]> },
    /// This side is joined with the other side of another call of who is left; `dialogs`: those of that call.
    Attend { side: Place, dialogs: Vec<NamedDialog> },
}

/// A dialog with one side of a call, as its phone would name it (RFC 3891).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedDialog {
    pub account: AccountId,
    pub call_id: Box<[u8]>,
    /// Ours.
    pub local_tag: Box<[u8]>,
    pub remote_tag: Box<[u8]>,
}

/// Why no call is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOriginated {
    /// No such account, or a disabled one.
    NoAccount,
    /// The account has no device that could ring, or not this one.
    NoDevice,
    /// What the account would hear if it dialled.
    Refused(StatusCode, routing::Why),
    /// It is dialled to take a call, and calls nobody.
    Feature,
    /// The account has as many calls as it may.
    TooManyCalls,
    /// Nobody who is called may be called more often.
    Busy,
    /// This shard has no room.
    Full,
}

impl NotOriginated {
    /// A sentence for who has asked.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAccount => "there is no such account, or it is disabled",
            Self::NoDevice => "no device of the account is registered that could ring first",
            Self::Refused(_, why) => why.as_str(),
            Self::Feature => "that is dialled to take a call that waits, and calls nobody",
            Self::TooManyCalls => "the account has as many calls as it may have at a time",
            Self::Busy => "who is called has as many calls as he may have at a time",
            Self::Full => "there is no room for another call",
        }
    }
}

/// Why nothing is done to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotControlled {
    NotAnswered,
    /// It has keys that we do not have.
    EndToEnd,
    /// One side is a service of ours.
    Service,
    /// An offer or a transfer is under way in it.
    Changing,
    /// Too much waits for its media, which goes from phone to phone.
    Direct,
    /// There is no way in which that side could hear keys.
    NoKeys,
    /// Those of the last request are not all heard.
    KeysUnderWay,
    /// No such key.
    BadKeys,
    /// The side that is left is no account of ours, and has no right to send anybody anywhere.
    Nobody,
    /// What the side that is left would hear if it did it itself.
    Refused(StatusCode, routing::Why),
    Feature,
    /// Nobody who is wanted may be called more often.
    Busy,
    /// The other call has no side of the account that is left, or cannot be joined.
    NotItsCall,
    Full,
}

impl NotControlled {
    /// A sentence for who has asked.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAnswered => "the call is not answered, or its media has no port",
            Self::EndToEnd => {
                "the call is `e2e`: the devices have agreed on keys that the server does not have, so nothing can be said or left out in it"
            }
            Self::Service => "one side of the call is a service of the server itself",
            Self::Changing => "an offer or a transfer is under way in the call; ask again in a moment",
            Self::Direct => {
                "too much waits until the media of the call, which goes from phone to phone, has come back (`direct_media`), or a phone has refused that"
            }
            Self::NoKeys => {
                "that side takes neither events (RFC 4733) nor an INFO, nor a codec in which keys could be heard"
            }
            Self::KeysUnderWay => "keys are still being heard in the call; ask again in a moment",
            Self::BadKeys => "keys are 0 to 9, *, #, A to D: 32 at most, each of 40 to 2000 ms",
            Self::Nobody => "the side that is left is no account of this server, and nobody's rights count",
            Self::Refused(_, why) => why.as_str(),
            Self::Feature => "a call that waits is taken by who dials it; nobody is sent there",
            Self::Busy => "who is wanted has as many calls as he may have at a time",
            Self::NotItsCall => {
                "the other call is not answered, has no side of the account that is left, or is about to change"
            }
            Self::Full => "there is no room for another call",
        }
    }
}
