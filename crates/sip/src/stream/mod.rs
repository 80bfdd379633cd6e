//! Messages out of a TCP or TLS byte stream (RFC 3261 sections 7.5 and 18.3, RFC 5626 section 3.5.1).
//!
//! A [`Framer`] collects what was read and yields ranges of its own buffer: whole messages and keep-alives,
//! however the bytes were cut on the way. It does not parse; it looks for the blank line and for
//! Content-Length, each byte once. An idle connection owns no buffer: [`Framer::begin`] borrows the shard's
//! spare one and [`Framer::end`] gives it back as soon as nothing is pending.

mod content_length;
mod framer;

pub use framer::{Frame, FrameError, Framer, StreamLimits};
