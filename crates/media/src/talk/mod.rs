//! Who hears and speaks on a stream instead of passing it on: an [`Ear`] makes samples of the RTP that comes, a [`Mouth`]
//! makes RTP of samples. Both are driven by a clock of ours, a [`TICK_MS`] at a time, and allocate nothing for a packet or a
//! tick once they are made (but when a sender changes its codec). Where sound passes and only keys have to be understood, an
//! [`Inlay`] lays them into the packets that pass.
//!
//! What it deliberately does not do: say what is heard by whom (the data plane does), and adapt the bit rate of Opus.

mod ear;
mod inlay;
mod mouth;
#[cfg(test)]
mod tests;
mod waiting;

pub use ear::{Ear, Hears};
pub use inlay::{Fate, Inlay, Passes, Way};
pub use mouth::{Mouth, Says};

/// The pace of the clock that hears and speaks.
pub const TICK_MS: u8 = 20;

/// Ticks of silence between two keys (ITU-T Q.24 asks for 40 ms), and so between two events.
const PAUSE_TICKS: u8 = 3;

/// A payload type that carries keys (RFC 4733 section 2.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    pub payload: u8,
    /// Ticks a second of their duration; of the timestamp as well, when it is that of the audio beside them.
    pub clock_hz: u32,
}
