//! From what one leg of a call said, what to say on another (RFC 7092 section 3.1: a back-to-back user agent that changes
//! the media).
//!
//! [`derive_offer`] and [`derive_answer`] keep what concerns both ends (codecs with their payload types and `fmtp`,
//! packet times, bandwidth, whatever is not known) and put the transport and the keys of the leg in the place of those
//! of the other. [`match_slots`] says which `m=` line stands for which.
//!
//! What it deliberately does not do: choose ports, keys, candidates or codecs. They are handed in ([`Leg`]), and
//! [`crate::MediaDescription::retain_codecs`] narrows codecs down before or after. The `o=` line is
//! [`crate::OfferAnswer`]'s.

mod answer;
mod keep;
mod leg;
mod offer;
mod scope;
mod slots;
mod transport;

pub use answer::{choose_crypto, derive_answer, derive_answer_from};
pub use leg::{Leg, LegIce, LegTransport, RtcpPlace, Slot};
pub use offer::{derive_offer, derive_offer_from};
pub use slots::{answering_slots, match_slots};

use crate::summary::SummaryError;
use std::fmt;

/// Why nothing can be derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeriveError {
    /// What was received has no single reading: its sender is at fault.
    Source(SummaryError),
    /// The caller gave `given` slots where `needed` are needed.
    Slots { needed: usize, given: usize },
    /// The caller's slot `slot` stands for an `m=` line that is not there.
    From { slot: usize },
}

impl fmt::Display for DeriveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Slots { needed, given } => write!(f, "{given} slots where {needed} are needed"),
            Self::From { slot } => write!(f, "slot {slot} stands for a media description that is not there"),
        }
    }
}

impl std::error::Error for DeriveError {}

#[cfg(test)]
mod tests;
