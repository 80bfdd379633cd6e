//! What is wrong with an answer, or with a new offer inside a session.

use std::fmt;

/// One rule that a description breaks. `media` is the index of the `m=` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// An answer has as many `m=` lines as its offer (RFC 3264 section 6).
    MediaCount { offered: usize, answered: usize },
    /// A later offer has fewer `m=` lines than the session (RFC 3264 section 8).
    MediaRemoved { before: usize, now: usize },
    /// Another media type than offered (RFC 3264 section 6).
    Kind { media: usize },
    /// Another transport protocol than offered (RFC 3264 section 6).
    Proto { media: usize },
    /// A stream that the offer had refused is taken (RFC 3264 section 6).
    RejectedTaken { media: usize },
    /// None of the offered formats (RFC 3264 section 6.1).
    NoCommonFormat { media: usize },
    /// More is sent or received than the offer allows (RFC 3264 section 6.1).
    Direction { media: usize },
    /// A secure profile without a key (RFC 4568 section 5.1.3, RFC 5763 section 5).
    NoKey { media: usize },
    /// Keys in both manners, or two of one, where one is to be chosen (RFC 4568 section 5.1.2).
    SeveralKeys { media: usize },
    /// A crypto tag that was not offered, or with another suite (RFC 4568 section 5.1.2).
    CryptoTag { media: usize },
    /// A manner of keying that was not offered.
    KeyNotOffered { media: usize },
    /// A DTLS role that does not answer the one offered (RFC 4145 section 4.1, RFC 8842 section 5.3).
    Setup { media: usize },
    /// `rtcp-mux` that was not offered (RFC 5761 section 5.1.1).
    RtcpMux { media: usize },
    /// Another `mid` than offered, or none where the bundle needs it (RFC 5888 section 9.1, RFC 9143 section 7.3).
    Mid { media: usize },
    /// In a bundle that was not offered to it, or refused and still in it (RFC 9143 section 7.3).
    Bundle { media: usize },
    /// A later offer has no key where a secure profile was agreed: nobody is talked out of encryption.
    Downgrade { media: usize },
    /// An attribute that decides something cannot be read, or has two readings; `None` for the session.
    Unreadable { media: Option<usize> },
}

/// How much of a description a complaint spoils.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It can be read as what it must have meant, and media flows.
    Mild,
    /// This stream cannot be used: as if it were refused.
    Stream,
    /// Nothing in the description can be trusted to be about what it seems.
    Whole,
}

impl Complaint {
    pub const fn severity(self) -> Severity {
        match self {
            Self::MediaCount { .. } | Self::MediaRemoved { .. } | Self::Unreadable { .. } => Severity::Whole,
            Self::Kind { .. }
            | Self::Proto { .. }
            | Self::NoCommonFormat { .. }
            | Self::NoKey { .. }
            | Self::CryptoTag { .. }
            | Self::KeyNotOffered { .. }
            | Self::Setup { .. }
            | Self::SeveralKeys { .. }
            | Self::Downgrade { .. }
            | Self::RejectedTaken { .. } => Severity::Stream,
            Self::Direction { .. } | Self::RtcpMux { .. } | Self::Mid { .. } | Self::Bundle { .. } => {
                Severity::Mild
            }
        }
    }

    pub const fn media(self) -> Option<usize> {
        match self {
            Self::MediaCount { .. } | Self::MediaRemoved { .. } => None,
            Self::Unreadable { media } => media,
            Self::Kind { media }
            | Self::Proto { media }
            | Self::RejectedTaken { media }
            | Self::NoCommonFormat { media }
            | Self::Direction { media }
            | Self::NoKey { media }
            | Self::SeveralKeys { media }
            | Self::CryptoTag { media }
            | Self::KeyNotOffered { media }
            | Self::Setup { media }
            | Self::RtcpMux { media }
            | Self::Mid { media }
            | Self::Downgrade { media }
            | Self::Bundle { media } => Some(media),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MediaCount { offered, answered } => {
                return write!(f, "{answered} media descriptions answer {offered}");
            }
            Self::MediaRemoved { before, now } => {
                return write!(f, "{now} media descriptions are offered where there were {before}");
            }
            Self::Kind { .. } => f.write_str("another media type than offered"),
            Self::Proto { .. } => f.write_str("another transport protocol than offered"),
            Self::RejectedTaken { .. } => f.write_str("a stream is taken that was not offered"),
            Self::NoCommonFormat { .. } => f.write_str("none of the offered formats"),
            Self::Direction { .. } => f.write_str("a direction that the offer does not allow"),
            Self::NoKey { .. } => f.write_str("a secure profile without a key"),
            Self::SeveralKeys { .. } => f.write_str("several keys where one is to be chosen"),
            Self::CryptoTag { .. } => f.write_str("a crypto tag or suite that was not offered"),
            Self::KeyNotOffered { .. } => f.write_str("a manner of keying that was not offered"),
            Self::Setup { .. } => f.write_str("a DTLS role that does not answer the one offered"),
            Self::RtcpMux { .. } => f.write_str("rtcp-mux that was not offered"),
            Self::Mid { .. } => f.write_str("another mid than offered"),
            Self::Bundle { .. } => f.write_str("in a bundle that it may not be in"),
            Self::Downgrade { .. } => f.write_str("no key where there was one"),
            Self::Unreadable { .. } => f.write_str("an attribute has no reading or two"),
        }?;
        self.media().map_or(Ok(()), |media| write!(f, " (media description {media})"))
    }
}
