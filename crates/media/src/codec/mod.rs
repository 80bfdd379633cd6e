//! Audio codecs: payloads of RTP to samples and back, one frame at a time.
//!
//! A [`Codec`] says what a payload is; an [`Encoder`] and a [`Decoder`] own the state of one stream in one direction and
//! allocate nothing once they are made. [`g711`] and [`g722`] are ours, [`opus`](coeur_opus) is libopus (decision 0017). A frame is
//! 10 to 60 ms; what is lost is concealed by [`conceal`], or by libopus with what the next packet carries of it. Silence that
//! is not sent has its noise from [`comfort`].
//!
//! Not here: G.729, iLBC, AMR, and mono within a stereo RTP stream of linear PCM.

pub mod comfort;
pub mod conceal;
mod decoder;
mod encoder;
pub mod g711;
pub mod g722;
#[cfg(test)]
pub(crate) mod signal;

pub use coeur_opus::OpusError;
pub use decoder::Decoder;
pub use encoder::{Encoder, OpusSettings};

/// Longest frame that is encoded, in milliseconds.
pub const FRAME_MS_MAX: usize = 60;

/// Most samples of one channel that a payload decodes to: 120 ms of Opus at 48 kHz (RFC 6716 section 3.2). G.711 and G.722
/// payloads that a datagram holds are shorter.
pub const FRAME_SAMPLES_MAX: usize = coeur_opus::PACKET_SAMPLES_MAX;

/// Longest payload that is made: one of Opus.
pub const PAYLOAD_BYTES_MAX: usize = coeur_opus::PACKET_BYTES_MAX;

/// How samples become the bytes of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 μ-law, static payload type 0 (RFC 3551 section 4.5.14).
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.722 at 64 kbit/s, static payload type 9 (RFC 3551 section 4.5.2).
    G722,
    /// Opus (RFC 7587).
    Opus,
}

impl Codec {
    pub const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

    /// By the encoding name of `a=rtpmap`, in any case (RFC 8866 section 6.6).
    pub fn from_name(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
        }
    }

    /// Samples a second of what the codec hears best.
    pub fn rate_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma => 8_000,
            Codec::G722 => 16_000,
            Codec::Opus => 48_000,
        }
    }

    /// Ticks a second of the RTP timestamp. G.722 counts 8,000 by an old mistake that everybody keeps (RFC 3551 section 4.5.2),
    /// Opus 48,000 whatever its bandwidth (RFC 7587 section 4.1).
    pub fn clock_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8_000,
            Codec::Opus => 48_000,
        }
    }
}

/// Why a frame was not encoded or decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// A rate, a number of channels or a frame that the codec does not have: the caller's fault.
    BadArgument,
    /// The room handed in is too small.
    NoRoom,
    /// The payload is none of this codec: the sender's fault.
    BadPayload,
    /// The codec has failed and must be made anew.
    Broken,
}

impl From<OpusError> for CodecError {
    fn from(error: OpusError) -> CodecError {
        match error {
            OpusError::BadArgument => CodecError::BadArgument,
            OpusError::NoRoom => CodecError::NoRoom,
            OpusError::InvalidPacket => CodecError::BadPayload,
            OpusError::Internal => CodecError::Broken,
        }
    }
}

#[cfg(test)]
mod tests;
