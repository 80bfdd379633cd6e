//! Payloads to samples, and what is heard when one is missing.

use coeur_opus::Decoder as Opus;

use super::conceal::Concealer;
use super::g711::Law;
use super::{Codec, CodecError, FRAME_SAMPLES_MAX, g722};

/// The decoder of one stream in one direction. G.711 holds 1 KB, G.722 3 KB, Opus 20 to 30 KB.
pub struct Decoder(State);

enum State {
    G711 { law: Law, concealer: Concealer },
    G722 { g722: Box<g722::Decoder>, concealer: Concealer },
    Opus { opus: Box<Opus>, channels: usize },
}

impl Decoder {
    /// Of one channel, at the rate of the codec; of Opus at 8, 16 or 48 kHz, whatever the sender took.
    pub fn new(codec: Codec, rate_hz: u32) -> Result<Decoder, CodecError> {
        if codec == Codec::Opus {
            return Decoder::opus(rate_hz, 1);
        }
        if codec.rate_hz() != rate_hz {
            return Err(CodecError::BadArgument);
        }
        let concealer = Concealer::new(rate_hz);
        Ok(Decoder(match codec {
            Codec::Pcmu => State::G711 { law: Law::Mu, concealer },
            Codec::Pcma => State::G711 { law: Law::A, concealer },
            // Opus has returned above.
            Codec::G722 | Codec::Opus => State::G722 { g722: Box::default(), concealer },
        }))
    }

    /// Opus, of one or two channels: a decoder makes mono of stereo and stereo of mono (RFC 7587 section 3.4).
    pub fn opus(rate_hz: u32, channels: usize) -> Result<Decoder, CodecError> {
        Ok(Decoder(State::Opus { opus: Box::new(Opus::new(rate_hz, channels)?), channels }))
    }

    /// Decodes a payload and gives the samples of each channel.
    pub fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        match &mut self.0 {
            State::G711 { law, concealer } => {
                let room = fit(payload, payload.len(), pcm)?;
                law.decode(payload, room);
                concealer.received(room);
                Ok(room.len())
            }
            State::G722 { g722, concealer } => {
                let room = fit(payload, 2 * payload.len(), pcm)?;
                g722.decode(payload, room);
                concealer.received(room);
                Ok(room.len())
            }
            State::Opus { opus, .. } => Ok(opus.decode(payload, pcm)?),
        }
    }

    /// Fills `pcm`, which is as long as the lost frame was.
    pub fn conceal(&mut self, pcm: &mut [i16]) -> Result<usize, CodecError> {
        match &mut self.0 {
            State::G711 { concealer, .. } | State::G722 { concealer, .. } => {
                concealer.lost(pcm);
                Ok(pcm.len())
            }
            State::Opus { opus, .. } => Ok(opus.conceal(pcm)?),
        }
    }

    /// Fills `pcm` with the lost frame before `next`: of Opus with the copy that `next` carries, if it does. `next` itself is
    /// to be decoded after it.
    pub fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        match &mut self.0 {
            State::G711 { .. } | State::G722 { .. } => self.conceal(pcm),
            State::Opus { opus, .. } => Ok(opus.recover(next, pcm)?),
        }
    }

    /// What is decoded next does not follow what was heard, and is joined to it without a step. Opus overlaps its frames by
    /// itself.
    pub fn splice(&mut self) {
        match &mut self.0 {
            State::G711 { concealer, .. } | State::G722 { concealer, .. } => concealer.splice(),
            State::Opus { .. } => {}
        }
    }

    pub fn channels(&self) -> usize {
        match &self.0 {
            State::G711 { .. } | State::G722 { .. } => 1,
            State::Opus { channels, .. } => *channels,
        }
    }
}

/// The part of `pcm` that a payload of `samples` fills.
fn fit<'a>(payload: &[u8], samples: usize, pcm: &'a mut [i16]) -> Result<&'a mut [i16], CodecError> {
    if payload.is_empty() || samples > FRAME_SAMPLES_MAX {
        return Err(CodecError::BadPayload);
    }
    pcm.get_mut(..samples).ok_or(CodecError::NoRoom)
}
