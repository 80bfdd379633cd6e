//! Why a description is not taken: what the sender is answered, or what we did wrong ourselves.

use super::Complaint;
use std::fmt;

/// What was received is not acted on; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Our own offer is outstanding: 491 (RFC 3261 section 14.2, RFC 3311 section 5.2).
    Glare,
    /// Theirs is not yet answered: 500 with a Retry-After of 0 to 10 seconds (the same sections).
    Overlap,
    /// A description in a message that can carry none now: ignored, or the message is not for this dialog.
    Unexpected,
    /// The offer may not follow the session: 488 (RFC 3264 section 8).
    Offer(Complaint),
    /// The answer cannot be used at all. After a 2xx to an INVITE: ACK, then BYE (RFC 3261 section 13.2.2.4); after
    /// another the offer is withdrawn ([`super::OfferAnswer::failed`]).
    Answer(Vec<Complaint>),
    /// A message that had to bring the answer came without one.
    NoAnswer,
}

/// A caller's mistake: this cannot be sent now. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// An offer is outstanding, from whichever side (RFC 3264 section 4), or an INVITE is under way.
    Busy,
    /// This message carries no offer, or no answer, in the state as it is.
    WrongVehicle,
    /// The answer was given already, and is not to be another (RFC 3261 section 13.3.1).
    AnswerDiffers,
    /// The description breaks a rule of RFC 3264.
    Complaint(Complaint),
    /// Our own description grew beyond the limits of this crate.
    TooLarge,
}

impl Refusal {
    /// The SIP status for a request that brought it; `None` where there is nobody to answer.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Glare => Some(491),
            Self::Overlap => Some(500),
            Self::Offer(_) => Some(488),
            Self::Unexpected | Self::Answer(_) | Self::NoAnswer => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Glare => f.write_str("our own offer is outstanding"),
            Self::Overlap => f.write_str("the offer before is not yet answered"),
            Self::Unexpected => f.write_str("a description where none can be"),
            Self::Offer(complaint) => write!(f, "the offer cannot follow the session: {complaint}"),
            Self::Answer(complaints) => {
                f.write_str("the answer does not answer the offer")?;
                complaints.iter().try_for_each(|complaint| write!(f, ": {complaint}"))
            }
            Self::NoAnswer => f.write_str("the answer is missing"),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("an offer or an INVITE is outstanding"),
            Self::WrongVehicle => f.write_str("this message carries no such description now"),
            Self::AnswerDiffers => f.write_str("the answer was given and differs"),
            Self::Complaint(complaint) => complaint.fmt(f),
            Self::TooLarge => f.write_str("the description is too large"),
        }
    }
}

impl std::error::Error for Refusal {}
impl std::error::Error for SendError {}
