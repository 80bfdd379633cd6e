//! What is wrong with a message, where, and whether its sender can be told.

use std::fmt;

use super::table::Headers;
use crate::header::HeaderName;
use crate::method::Method;
use crate::status::StatusCode;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// Nothing but CRLF, or nothing: a keep-alive (RFC 5626 section 4.4.1), not a message.
    Empty,
    /// A limit of [`crate::Limits`] is exceeded.
    TooLarge,
    /// The start line is neither a request nor a response.
    StartLine,
    /// A version other than SIP/2.0.
    Version,
    /// The status code is not three digits from 100 to 699.
    Status,
    /// A line that is no header: no colon, or a name that is not a token.
    HeaderLine,
    /// CR or LF alone, NUL or another control character among the headers.
    ControlCharacter,
    /// The headers do not end with an empty line.
    Truncated,
    /// A header that every message must have is absent.
    Missing(HeaderName),
    /// A header that must be alone is there twice.
    Duplicate(HeaderName),
    /// Call-ID holds white space, so its end depends on who reads it.
    CallId,
    /// CSeq is not a number below 2**31 and a method.
    CSeq,
    /// The method of CSeq is not that of the request.
    CSeqMismatch,
    /// Content-Length is not a number, or is more than what was received.
    ContentLength,
}

/// Why a message was refused. `Display` gives one line with the place.
#[derive(Clone, Copy)]
pub struct ParseError<'a> {
    pub kind: ParseErrorKind,
    /// Where, in bytes from the start of the message.
    pub offset: usize,
    /// The reason phrase for the answer; plain ASCII without line ends.
    pub reason: &'static str,
    /// What is needed to answer, or `None`: say nothing and count it. A response and an ACK are never
    /// answered (RFC 3261 sections 17 and 18.3), nor a message whose Via lines could not all be read.
    pub answer: Option<Answerable<'a>>,
}

impl ParseError<'_> {
    /// The status that answers this error.
    pub fn status(&self) -> StatusCode {
        match self.kind {
            // RFC 3261 section 21.5.6.
            ParseErrorKind::Version => StatusCode::VERSION_NOT_SUPPORTED,
            // RFC 3261 section 21.5.7.
            ParseErrorKind::TooLarge => StatusCode::MESSAGE_TOO_LARGE,
            ParseErrorKind::Empty
            | ParseErrorKind::StartLine
            | ParseErrorKind::Status
            | ParseErrorKind::HeaderLine
            | ParseErrorKind::ControlCharacter
            | ParseErrorKind::Truncated
            | ParseErrorKind::Missing(_)
            | ParseErrorKind::Duplicate(_)
            | ParseErrorKind::CallId
            | ParseErrorKind::CSeq
            | ParseErrorKind::CSeqMismatch
            | ParseErrorKind::ContentLength => StatusCode::BAD_REQUEST,
        }
    }

    /// True for what is no message at all but a keep-alive.
    pub fn is_keep_alive(&self) -> bool {
        self.kind == ParseErrorKind::Empty
    }
}

impl fmt::Display for ParseError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        match self.kind {
            ParseErrorKind::Missing(name) | ParseErrorKind::Duplicate(name) => write!(f, " ({name})")?,
            _ => {}
        }
        write!(f, " at byte {}", self.offset)
    }
}

impl fmt::Debug for ParseError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParseError")
            .field("kind", &self.kind)
            .field("offset", &self.offset)
            .field("reason", &self.reason)
            .field("answerable", &self.answer.is_some())
            .finish()
    }
}

/// A request that is wrong but whose sender can be told: its headers as far as they are readable, all its Via
/// lines among them. [`crate::respond_malformed`] writes the answer.
#[derive(Clone, Copy)]
pub struct Answerable<'a> {
    pub(crate) headers: Headers<'a>,
    pub(crate) method: Option<Method<'a>>,
}

impl<'a> Answerable<'a> {
    /// The headers that could be read. Any of them may be absent or doubled, save Via, which is there.
    pub fn headers(&self) -> Headers<'a> {
        self.headers
    }

    /// The method, when the start line has one.
    pub fn method(&self) -> Option<Method<'a>> {
        self.method
    }
}
