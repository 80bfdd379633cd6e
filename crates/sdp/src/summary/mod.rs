//! What a remote description promises, stream by stream: what a call and its media relay need to know, read once.
//!
//! Attributes that decide where media goes or who may send it are read strictly: one that is there with two values, or
//! cannot be read, is an error ([`SummaryError`]) and never a guess. What only tunes (`ptime`, an unknown crypto suite,
//! a candidate of an unknown kind) is passed over.

mod bundle;
mod codec;
mod ice;
mod keying;
mod media;
mod section;

pub use codec::{AudioEvents, OwnedCodec};
pub use ice::{CANDIDATES_MAX, IceSummary};
pub use keying::{CRYPTO_MAX, DtlsKeying, FINGERPRINTS_MAX, Keying, Keys};
pub use media::{Bundled, MediaKind, MediaSummary};

use crate::attribute::AttributeError;
use crate::{Description, Origin};
use media::Sections;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// `None` when it is missing or odd: it decides nothing but whether a description is new.
    pub origin: Option<Origin>,
    /// One for each `m=` line, in their order.
    pub media: Vec<MediaSummary>,
}

/// What cannot be read and in which media description; `None` for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryError {
    pub media: Option<usize>,
    pub fault: SummaryFault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SummaryFault {
    Attribute(AttributeError),
    /// Two `c=` lines that differ: one would be multicast layers, which nobody offers in a call.
    TwoConnections,
    /// `sendonly` and `recvonly`, or two others of these.
    TwoDirections,
    /// Two media descriptions with the same `mid` (RFC 5888 section 4).
    MidTwice,
}

impl Summary {
    pub fn of(description: &Description<'_>) -> Result<Self, SummaryError> {
        let sections = Sections::of(description)?;
        let summaries = (0..description.media.len()).map(|index| {
            let summary = MediaSummary::of(&sections, index);
            summary.map_err(|fault| SummaryError { media: Some(index), fault })
        });
        let origin = description.origin().and_then(Origin::parse);
        Ok(Self { origin, media: summaries.collect::<Result<_, _>>()? })
    }
}

impl From<AttributeError> for SummaryFault {
    fn from(error: AttributeError) -> Self {
        Self::Attribute(error)
    }
}

impl fmt::Display for SummaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            SummaryFault::Attribute(error) => error.fmt(f)?,
            SummaryFault::TwoConnections => f.write_str("two connection lines that differ")?,
            SummaryFault::TwoDirections => f.write_str("two directions that differ")?,
            SummaryFault::MidTwice => f.write_str("two media descriptions with one mid")?,
        }
        match self.media {
            Some(index) => write!(f, " (media description {index})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SummaryError {}

#[cfg(test)]
mod tests;
