//! Session descriptions (RFC 8866): text to structure and back.
//!
//! [`parse`] keeps every line, known or not, in its order, so that [`Description::write`] gives back what was read
//! (with CRLF line ends). Typed readers ([`Media::direction`], [`Media::codecs`], [`Connection`]) look into the lines
//! when asked. Nothing here negotiates: offer and answer are the business of whoever owns the session.
//!
//! What it deliberately does not do: repair. A line that is not `<letter>=<text>` is an error with its number.

mod codec;
mod connection;
mod description;
mod direction;
mod parse;

pub use codec::{Codec, Codecs};
pub use connection::Connection;
pub use description::{Attributes, Description, Line, Media};
pub use direction::Direction;
pub use parse::{SdpError, SdpErrorKind, parse};

/// Lines of one description. Worst-case memory of a parsed description: 24 bytes for each line.
pub const LINES_MAX: usize = 2_048;

/// Media descriptions (`m=`) of one session description.
pub const MEDIA_MAX: usize = 64;
