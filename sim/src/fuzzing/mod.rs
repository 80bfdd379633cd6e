//! What must hold for any bytes whatever: the bodies of the fuzz targets. `fuzz/` calls them with what libFuzzer makes
//! up, `tests/corpus.rs` on stable with what once failed and with the corpora of others, so that a failure found once
//! is looked for for ever.
//!
//! Each function returns when all is well and panics when it is not. What it deliberately does not do: media, the
//! records in SQLite, the control socket.

mod calls;
mod choices;
pub mod desk;
mod digest;
mod journal;
mod message;
pub mod party;
mod record;
mod resolve;
mod sdp;
mod sequence;
mod stream;
mod uri;

pub use calls::calls;
pub use digest::digest;
pub use journal::journal;
pub use message::{header, message};
pub use record::record;
pub use resolve::resolve;
pub use sdp::sdp;
pub use sequence::sequence;
pub use stream::stream;
pub use uri::uri;

/// Any bytes, and a panic when something does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name: that of its binary in `fuzz/fuzz_targets` and of its folder in `fuzz/regressions`.
pub const TARGETS: &[(&str, Target)] = &[
    ("calls", calls),
    ("digest", digest),
    ("header", header),
    ("journal", journal),
    ("message", message),
    ("record", record),
    ("resolve", resolve),
    ("sdp", sdp),
    ("sequence", sequence),
    ("stream", stream),
    ("uri", uri),
];
