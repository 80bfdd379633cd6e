//! Samples to payloads.

use coeur_opus::{Application, Encoder as Opus};

use super::g711::Law;
use super::{Codec, CodecError, FRAME_MS_MAX, g722};

/// How Opus is used. What the other end asks for in `a=fmtp` (RFC 7587 section 6.1) is the caller's to put in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusSettings {
    /// `maxaveragebitrate`.
    pub bits_per_second: u32,
    /// 0 to 10. At 5, speech costs half of what it does at 10, and few hear it.
    pub complexity: u8,
    /// `useinbandfec`: each packet carries a coarse copy of the frame before it.
    pub forward_error_correction: bool,
    /// What of all packets is lost, in hundredths: how much the copies may cost.
    pub loss_percent: u8,
    /// `usedtx`: silence is not sent.
    pub discontinuous: bool,
}

impl OpusSettings {
    /// For speech at a rate: the bit rates that RFC 7587 section 3.1.1 calls sweet spots, with room for the copies.
    pub fn speech(rate_hz: u32) -> OpusSettings {
        let bits_per_second = match rate_hz {
            ..=8_000 => 16_000,
            8_001..=16_000 => 24_000,
            _ => 32_000,
        };
        OpusSettings {
            bits_per_second,
            complexity: 5,
            forward_error_correction: true,
            loss_percent: 5,
            discontinuous: false,
        }
    }
}

/// The encoder of one stream in one direction. G.711 holds nothing, G.722 400 bytes, Opus 25 to 50 KB.
pub struct Encoder(State);

enum State {
    G711(Law),
    G722(Box<g722::Encoder>),
    Opus { opus: Box<Opus>, rate_hz: u32, channels: usize },
}

impl Encoder {
    /// Of one channel, at the rate of the codec; of Opus at 8, 16 or 48 kHz.
    pub fn new(codec: Codec, rate_hz: u32) -> Result<Encoder, CodecError> {
        if codec == Codec::Opus {
            return Encoder::opus(rate_hz, 1, Application::Voip, OpusSettings::speech(rate_hz));
        }
        if codec.rate_hz() != rate_hz {
            return Err(CodecError::BadArgument);
        }
        Ok(Encoder(match codec {
            Codec::Pcmu => State::G711(Law::Mu),
            Codec::Pcma => State::G711(Law::A),
            // Opus has returned above.
            Codec::G722 | Codec::Opus => State::G722(Box::default()),
        }))
    }

    /// Opus, of one or two channels.
    pub fn opus(
        rate_hz: u32,
        channels: usize,
        application: Application,
        settings: OpusSettings,
    ) -> Result<Encoder, CodecError> {
        let mut opus = Opus::new(rate_hz, channels, application)?;
        set(&mut opus, settings)?;
        Ok(Encoder(State::Opus { opus: Box::new(opus), rate_hz, channels }))
    }

    /// Changes the settings of Opus between two frames; of other codecs there are none.
    pub fn set_opus(&mut self, settings: OpusSettings) -> Result<(), CodecError> {
        match &mut self.0 {
            State::Opus { opus, .. } => set(opus, settings),
            State::G711(_) | State::G722(_) => Err(CodecError::BadArgument),
        }
    }

    /// Encodes one frame of up to [`FRAME_MS_MAX`] and gives the bytes of its payload. None means that it is silence and
    /// nothing is to be sent.
    pub fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<Option<usize>, CodecError> {
        match &mut self.0 {
            State::G711(law) => {
                let room = fit(pcm.len(), 8_000, pcm.len(), payload)?;
                law.encode(pcm, room);
                Ok(Some(pcm.len()))
            }
            State::G722(g722) => {
                if !pcm.len().is_multiple_of(2) {
                    return Err(CodecError::BadArgument);
                }
                let room = fit(pcm.len(), 16_000, pcm.len() / 2, payload)?;
                g722.encode(pcm, room);
                Ok(Some(pcm.len() / 2))
            }
            State::Opus { opus, .. } => {
                let bytes = opus.encode(pcm, payload)?;
                Ok(if bytes > 2 { Some(bytes) } else { None })
            }
        }
    }

    /// Takes a payload of another encoder for one of its own, so that it can go on where that is left off. Only G.722 has need of
    /// it: its decoder knows by what it has heard how to understand what comes.
    pub fn follow(&mut self, payload: &[u8]) {
        match &mut self.0 {
            State::G722(g722) => g722.follow(payload),
            State::G711(_) | State::Opus { .. } => {}
        }
    }

    /// Samples by which what is decoded comes later than what was encoded, decoder included.
    pub fn delay_samples(&mut self) -> usize {
        match &mut self.0 {
            State::G711(_) => 0,
            State::G722(_) => 22,
            State::Opus { opus, .. } => opus.lookahead_samples(),
        }
    }

    pub fn rate_hz(&self) -> u32 {
        match &self.0 {
            State::G711(_) => 8_000,
            State::G722(_) => 16_000,
            State::Opus { rate_hz, .. } => *rate_hz,
        }
    }

    pub fn channels(&self) -> usize {
        match &self.0 {
            State::G711(_) | State::G722(_) => 1,
            State::Opus { channels, .. } => *channels,
        }
    }
}

fn set(opus: &mut Opus, settings: OpusSettings) -> Result<(), CodecError> {
    opus.set_bitrate(settings.bits_per_second)?;
    opus.set_complexity(settings.complexity)?;
    opus.set_forward_error_correction(settings.forward_error_correction, settings.loss_percent)?;
    opus.set_discontinuous(settings.discontinuous)?;
    Ok(())
}

/// The part of `payload` that a frame of `samples` fills.
fn fit(samples: usize, rate_hz: usize, bytes: usize, payload: &mut [u8]) -> Result<&mut [u8], CodecError> {
    if samples == 0 || samples > rate_hz * FRAME_MS_MAX / 1_000 {
        return Err(CodecError::BadArgument);
    }
    payload.get_mut(..bytes).ok_or(CodecError::NoRoom)
}
