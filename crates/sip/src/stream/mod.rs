//! Messages out of a TCP or TLS byte stream (RFC 3261 sections 7.5 and 18.3, RFC 5626 section 3.5.1).
//!
//! A [`Framer`] takes what was read and hands out whole messages and keep-alives, however the bytes were cut on the
//! way. It does not parse; it looks for the blank line and for Content-Length, each byte once. A message that one read
//! holds is not copied, and an idle connection owns no memory.

mod content_length;
mod framer;
mod refusal;

pub use framer::{Frame, FrameError, Framer, StreamLimits};
pub use refusal::refusal;
