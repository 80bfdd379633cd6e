//! Waking devices that sleep (RFC 8599): a phone in a pocket has no connection, but it has told us in its Contact which push
//! service reaches it and under what name. Who calls it waits while that service is asked to wake it, and it comes back by
//! registering; from then on it is a target like any other.
//!
//! [`Destination`] is what a Contact says, [`hide`] keeps it from everybody else, [`Pace`] bounds how often one device is
//! woken, [`Sleepers`] are the devices that one call or text waits for. A [`Wake`] leaves as
//! [`crate::outbox::Output::Push`]; which service gets what bytes, only the server knows. Decision 0058.
//!
//! What it does not do: wake for requests inside a dialog (`sip.pnspurr`, RFC 8599 section 6; they wait for the phone, see
//! `call/held`), and wake on behalf of anybody who has not proved to be an account of ours.

mod destination;
mod hide;
mod pace;
mod sleepers;

pub use destination::{Destination, Place, Provider};
pub use hide::{hidden, hidden_contact};
pub use pace::{Pace, Pacing};

pub(crate) use destination::{Asked, has_destination, read, refreshes_when_woken};
pub(crate) use sleepers::{LOOK_EVERY, Sleepers, Step, Tried, push};

use crate::bindings::BindingId;
use coeur_directory::Aor;

/// What is offered to phones; nothing by default, and then `pn-` parameters mean nothing to us.
#[derive(Clone, Debug)]
pub struct Settings {
    pub apns: bool,
    pub fcm: bool,
    /// The public key of ours by which WebPush services know us (RFC 8292), base64url; empty: not offered.
    pub web_push_key: Box<str>,
    /// How long who calls waits for a device that was woken. Below timer F of who sends a text (32 s).
    pub wait_ms: u32,
    /// A device whose connection seems to be there and that says nothing for so long is woken too.
    pub silent_ms: u32,
    /// Wakings of one device in a minute.
    pub per_minute_max: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            apns: false,
            fcm: false,
            web_push_key: "".into(),
            wait_ms: 20_000,
            silent_ms: 2_000,
            per_minute_max: 6,
        }
    }
}

impl Settings {
    pub fn offers(&self, provider: Provider) -> bool {
        match provider {
            Provider::Apns => self.apns,
            Provider::Fcm => self.fcm,
            Provider::WebPush => !self.web_push_key.is_empty(),
        }
    }

    pub fn offers_any(&self) -> bool {
        Provider::ALL.into_iter().any(|provider| self.offers(provider))
    }
}

/// RFC 8599 section 5.5: a phone that cannot wake by itself is woken so many seconds before its registration ends.
pub const REFRESHED_BEFORE_S: u32 = 120;

/// Why a device is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Call,
    Message,
    /// Its registration is about to end.
    Refresh,
}

/// A device is to be woken. It tells the push service nothing of who calls (decision 0058).
#[derive(Clone, Debug)]
pub struct Wake {
    pub destination: Destination,
    pub reason: Reason,
    /// Whose it is, for what the service says of the destination.
    pub aor: Aor,
    pub binding: BindingId,
    /// The same if it is repeated.
    pub id: u128,
    /// After that the waking is of no use.
    pub lifetime_s: u32,
}
