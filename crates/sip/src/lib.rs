//! The language of SIP: received bytes become messages, decisions become bytes.
//!
//! [`message::parse`] makes one index pass over the received bytes and checks only what must hold of
//! every message (RFC 3261 section 8.1.1: Via, From, To, Call-ID, CSeq); everything else is read when it
//! is asked for, from the same bytes, without copying. [`mod@write`] appends messages to a buffer of the
//! caller and copies what it forwards as spans. Nothing here opens a socket, reads a clock or draws a
//! random number, and no message costs an allocation once its [`message::HeaderTable`] is warm.
//!
//! What it deliberately does not do: repair. Bytes that two parsers could read differently are an error
//! that says what and where ([`message::ParseError`]), never a guess.

pub mod dialog;
pub mod digest;
pub mod header;
pub mod lex;
pub mod limits;
pub mod message;
pub mod method;
pub mod network;
pub mod resolve;
pub mod status;
pub mod stream;
pub mod time;
pub mod transaction;
pub mod transport;
pub mod uri;
pub mod write;

pub use header::{HeaderError, HeaderName};
pub use limits::Limits;
pub use message::{Header, HeaderTable, Message, ParseError, StartLine, parse};
pub use method::Method;
pub use status::StatusCode;
pub use transport::Transport;
pub use uri::{Host, SipUri, TelUri, Uri, UriError};
pub use write::{ResponseWriter, Writer, respond, respond_malformed};
