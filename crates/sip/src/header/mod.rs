//! Headers: their names, and one file for each that is read into a type.
//!
//! Each type is a view of the raw value that [`crate::Message::header`] returns. Values may contain folds;
//! white space inside a value is LWS wherever the grammar allows it.

mod contact;
mod cseq;
mod date;
mod event;
mod media_type;
mod name;
mod name_addr;
mod numbers;
mod params;
mod privacy;
mod rack;
mod reason;
mod replaces;
mod retry_after;
mod session_expires;
mod subscription_state;
mod via;
mod warning;

use std::fmt;

pub use contact::Contact;
pub use cseq::CSeq;
pub use date::Date;
pub use event::Event;
pub use media_type::{ContentDisposition, MediaType};
pub use name::HeaderName;
pub use name_addr::NameAddr;
pub use numbers::{Timestamp, delta_seconds, max_forwards, number};
pub use params::{Param, Params};
pub use privacy::Privacy;
pub use rack::RAck;
pub use reason::Reason;
pub use replaces::{DialogId, Replaces};
pub use retry_after::RetryAfter;
pub use session_expires::{Refresher, SessionExpires};
pub use subscription_state::{SubscriptionState, SubscriptionStatus};
pub use via::Via;
pub use warning::Warning;

/// Why a header value was refused. It answers with 400 and its reason phrase in a request, and discards a
/// response (RFC 3261 section 8.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderError {
    /// Which header, `Other` when the parser was called on a bare value.
    pub name: HeaderName,
    /// Where: from the start of the value, or of the message when a [`crate::Message`] accessor returned it.
    pub offset: usize,
    /// The reason phrase for the answer.
    pub reason: &'static str,
}

impl HeaderError {
    pub(crate) const fn new(offset: usize, reason: &'static str) -> HeaderError {
        HeaderError { name: HeaderName::Other, offset, reason }
    }

    pub(crate) const fn named(self, name: HeaderName) -> HeaderError {
        HeaderError { name, offset: self.offset, reason: self.reason }
    }

    pub(crate) const fn at(self, base: usize) -> HeaderError {
        HeaderError { name: self.name, offset: self.offset + base, reason: self.reason }
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) at byte {}", self.reason, self.name, self.offset)
    }
}

impl std::error::Error for HeaderError {}
