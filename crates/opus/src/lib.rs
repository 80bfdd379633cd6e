//! Opus (RFC 6716) by libopus 1.6.1, which `build.rs` compiles with nothing but a C compiler.
//!
//! [`Encoder`] and [`Decoder`] own the memory of their states: both are made once, and no frame allocates anything (the C
//! code works on the stack, up to 200 KB of it). All that is unsafe of Opus is in this crate. Lengths are checked before
//! libopus sees them; what comes from the network is checked by libopus itself, built with its hardening.
//!
//! Not here: several streams in a packet, ambisonics, the neural concealment of libopus 1.5 and later (8 MB of weights).

mod decoder;
mod encoder;
mod ffi;

pub use decoder::Decoder;
pub use encoder::{Application, Encoder};

/// Longest packet that an encoder makes: 1,275 bytes for each of at most 3 frames of 20 ms (RFC 6716 section 3.4), which no
/// speech comes near; a network packet is the limit that counts.
pub const PACKET_BYTES_MAX: usize = 1_275;

/// Longest packet in time, 120 ms (RFC 6716 section 3.2), in samples of one channel at 48 kHz.
pub const PACKET_SAMPLES_MAX: usize = 5_760;

/// What libopus says when it does not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpusError {
    /// A rate, channel count, frame size or setting that does not exist: the caller's fault.
    BadArgument,
    /// The room handed in is too small.
    NoRoom,
    /// The packet is no Opus packet: the sender's fault.
    InvalidPacket,
    /// Anything else; its state must not be used any more.
    Internal,
}

impl OpusError {
    fn from_code(code: i32) -> OpusError {
        match code {
            -1 => OpusError::BadArgument,
            -2 => OpusError::NoRoom,
            -4 => OpusError::InvalidPacket,
            _ => OpusError::Internal,
        }
    }
}

/// Whether `packet` carries a copy of the frame before it (LBRR, RFC 6716 section 4.2.5), for which
/// [`Decoder::recover`] asks.
pub fn carries_previous(packet: &[u8]) -> bool {
    let Ok(length) = i32::try_from(packet.len()) else { return false };
    // SAFETY: the packet is readable for its length, and is not kept.
    length > 0 && unsafe { ffi::opus_packet_has_lbrr(packet.as_ptr(), length) } > 0
}

/// Samples of one channel that `packet` holds at `rate_hz`; `None` when it is no Opus packet.
pub fn samples(packet: &[u8], rate_hz: u32) -> Option<usize> {
    let length = i32::try_from(packet.len()).ok().filter(|length| *length > 0)?;
    let rate_hz = i32::try_from(rate_hz).ok()?;
    // SAFETY: the packet is readable for its length, and is not kept.
    usize::try_from(unsafe { ffi::opus_packet_get_nb_samples(packet.as_ptr(), length, rate_hz) }).ok()
}

/// The memory of a state, aligned as C's own allocator would.
fn memory(bytes: i32) -> Box<[u128]> {
    let bytes = usize::try_from(bytes).unwrap_or_default();
    vec![0u128; bytes.div_ceil(size_of::<u128>())].into_boxed_slice()
}

/// Rates that Opus takes (RFC 6716 section 2), and one or two channels.
fn known(rate_hz: u32, channels: usize) -> Result<(i32, i32), OpusError> {
    match (rate_hz, channels) {
        (8_000 | 12_000 | 16_000 | 24_000 | 48_000, 1 | 2) => Ok((rate_hz as i32, channels as i32)),
        _ => Err(OpusError::BadArgument),
    }
}
