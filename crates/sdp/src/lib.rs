//! Session descriptions (RFC 8866): text to structure and back, what their attributes mean, offer and answer.
//!
//! - [`parse`] keeps every line, known or not, in its order, so that [`Description::write`] gives back what was read
//!   (with CRLF line ends and single spaces in `m=` lines). [`SessionDescription`] is the same, owned and to be changed.
//! - [`attribute`] has one type for each attribute whose shape we know, read when asked for.
//! - [`Summary`] tells what a remote description promises: addresses, codecs, keys, ICE, bundles.
//! - [`OfferAnswer`] is one end of a dialog: who may offer, what answers what, what a failure leaves (RFC 3264, RFC 6337).
//! - [`mod@derive`] writes, from what one leg of a call said, what to say on another with other transports and keys.
//!
//! What it deliberately does not do: repair. A line that is not `<letter>=<text>` is an error with its number. It opens
//! no socket and draws no random number: addresses, ports, keys and ICE credentials are handed in. Only unicast is
//! understood; `t=`, `r=`, `z=` and `b=` are kept and mean nothing here.

pub mod attribute;
mod codec;
mod connection;
pub mod derive;
mod description;
mod direction;
mod fragment;
pub mod limits;
mod line;
pub mod offer_answer;
mod origin;
mod parse;
mod proto;
mod retain;
mod session;
pub mod summary;

pub use codec::{Codec, Codecs};
pub use connection::Connection;
pub use description::{Attributes, Description, Media};
pub use direction::Direction;
pub use fragment::{FragmentError, IceFragment, MediaFragment};
pub use limits::{ATTRIBUTES_MAX, BYTES_MAX, FORMATS_MAX, LINES_MAX, MEDIA_MAX};
pub use line::{Line, OwnedLine};
pub use offer_answer::OfferAnswer;
pub use origin::Origin;
pub use parse::{SdpError, SdpErrorKind, parse};
pub use proto::Proto;
pub use session::{MediaDescription, SessionDescription};
pub use summary::{MediaSummary, Summary};
