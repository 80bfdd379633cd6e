//! The codecs of a stream, owned.

use crate::attribute::TelephoneEvents;
use crate::{Codec, Media};

/// One RTP payload format, to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedCodec {
    pub payload: u8,
    pub name: String,
    pub clock_rate: u32,
    /// Channels of audio.
    pub parameters: Option<String>,
    pub fmtp: Option<String>,
}

/// How a side wants to be told of DTMF digits (RFC 4733): which payload type, with which clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioEvents {
    pub payload: u8,
    pub clock_rate: u32,
    pub events: TelephoneEvents,
}

impl OwnedCodec {
    pub fn is(&self, name: &str, clock_rate: u32) -> bool {
        self.clock_rate == clock_rate && self.name.eq_ignore_ascii_case(name)
    }

    /// Whether both are the same encoding, whatever their payload types: name, clock and channels. One channel is one
    /// channel written or not.
    pub fn is_same_encoding(&self, other: &Self) -> bool {
        self.is(&other.name, other.clock_rate) && self.channels() == other.channels()
    }

    /// `None` for one.
    fn channels(&self) -> Option<&str> {
        self.parameters.as_deref().filter(|parameters| !matches!(*parameters, "1" | ""))
    }

    /// No media of its own: events, comfort noise, redundancy, retransmission, forward error correction. A stream that
    /// has only these has no codec.
    pub fn is_auxiliary(&self) -> bool {
        const AUXILIARY: [&str; 7] = ["telephone-event", "CN", "red", "rtx", "ulpfec", "flexfec-03", "tone"];
        AUXILIARY.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }
}

impl From<Codec<'_>> for OwnedCodec {
    fn from(codec: Codec<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            payload: codec.payload,
            name: text(codec.name),
            clock_rate: codec.clock_rate,
            parameters: codec.parameters.map(text),
            fmtp: codec.fmtp.map(text),
        }
    }
}

pub(super) fn codecs(media: &Media<'_>) -> Vec<OwnedCodec> {
    media.codecs().map(OwnedCodec::from).collect()
}

/// The payload types of telephone events, in their order. One whose `fmtp` cannot be read has the DTMF digits.
pub(super) fn audio_events(codecs: &[OwnedCodec]) -> Vec<AudioEvents> {
    let events = codecs.iter().filter(|codec| codec.name.eq_ignore_ascii_case("telephone-event"));
    let events = events.map(|codec| {
        let events = codec.fmtp.as_deref().and_then(TelephoneEvents::parse).unwrap_or(TelephoneEvents::DTMF);
        AudioEvents { payload: codec.payload, clock_rate: codec.clock_rate, events }
    });
    events.collect()
}
