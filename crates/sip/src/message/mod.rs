//! A message: a view of received bytes.

mod error;
mod index;
mod stored;
mod table;
mod typed;

pub use error::{Answerable, ParseError, ParseErrorKind};
pub use index::parse;
pub use stored::Stored;
pub(crate) use table::element_end;
pub use table::{Header, HeaderTable, Headers, Lines, Values};
pub use typed::{Essentials, Tags};

use self::typed::Party;
use crate::header::{CSeq, HeaderError, HeaderName, Via};
use crate::method::Method;
use crate::status::StatusCode;
use crate::uri::{Uri, UriError};

/// The first line of a message (RFC 3261 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    Request { method: Method<'a>, uri: &'a [u8] },
    Response { status: StatusCode, reason: &'a [u8] },
}

/// A message that has passed [`parse`]: Via, From, To, Call-ID and CSeq are there, each singleton is alone,
/// CSeq is well-formed and agrees with the method, the body is as long as announced. The bytes and the table are
/// borrowed.
///
/// What every element reads of a message more than once is read once and kept, its error too: whoever asks for it
/// decides what that means.
#[derive(Clone)]
pub struct Message<'a> {
    headers: Headers<'a>,
    start: StartLine<'a>,
    cseq: CSeq<'a>,
    body: &'a [u8],
    via: Result<Via<'a>, HeaderError>,
    /// The Request-URI of a request.
    uri: Option<Result<Uri<'a>, UriError>>,
    /// From and To of a request. Who forwards a response does not look at them, so there they are read when asked for.
    parties: Option<(Result<Party<'a>, HeaderError>, Result<Party<'a>, HeaderError>)>,
}

impl<'a> Message<'a> {
    /// The bytes of the message, start line to end of body. What followed in the datagram is not among them.
    pub fn bytes(&self) -> &'a [u8] {
        self.headers.bytes
    }

    pub fn start(&self) -> StartLine<'a> {
        self.start
    }

    pub fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    pub fn is_response(&self) -> bool {
        !self.is_request()
    }

    /// The method of a request; for a response, that of the request it answers (CSeq).
    pub fn method(&self) -> Method<'a> {
        self.cseq.method
    }

    /// The Request-URI as written; empty for a response.
    pub fn request_uri(&self) -> &'a [u8] {
        match self.start {
            StartLine::Request { uri, .. } => uri,
            StartLine::Response { .. } => b"",
        }
    }

    /// The status of a response; `None` for a request.
    pub fn status(&self) -> Option<StatusCode> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The headers as a view of their own.
    pub fn header_view(&self) -> Headers<'a> {
        self.headers
    }

    /// All headers, in the order received.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = Header<'a>> + Clone + use<'a> {
        self.headers.iter()
    }

    /// The headers of one name, in the order received.
    pub fn headers_of(&self, name: HeaderName) -> Lines<'a> {
        self.headers.all(name)
    }

    /// The first value of a name, without LWS around it. Folds inside it are still there.
    pub fn header(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.headers.value(name)
    }

    /// The first value of a name given as text, in any case, long or compact.
    pub fn header_named(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers.named(name)
    }

    pub fn has(&self, name: HeaderName) -> bool {
        self.headers.contains(name)
    }

    /// The values of a name from all its headers, split at commas where the grammar is a list.
    pub fn values(&self, name: HeaderName) -> Values<'a> {
        self.headers.values(name)
    }
}
