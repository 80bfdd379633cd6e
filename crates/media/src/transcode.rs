//! From the payloads of one format to those of another: decoded, resampled, cut anew into frames, encoded.
//!
//! A [`Transcoder`] is one direction of one stream; its halves, a [`Listener`] and a [`Speaker`], are for whoever needs the
//! samples between. It is told what the jitter buffer found ([`Heard`]) and hands each frame
//! that it made to a closure, without an allocation. Opus is decoded to and encoded from the rate of the other side, so that
//! a resampler runs only between G.711 and G.722; the same samples are cut into other frames when only their length differs.
//!
//! What 20 ms of speech cost, by `examples/audio_cost.rs` in November 2026 (optimised, without link-time optimisation, x86-64
//! with AVX2; thousands of instructions by callgrind, and the best time of one busy core in microseconds):
//!
//! | from, to | PCMU | PCMA | G722 | opus |
//! |---|---|---|---|---|
//! | PCMU | 0.4 µs | 4 k, 0.5 µs | 240 k, 25 µs | 526 k, 75 µs |
//! | PCMA | 0.5 µs | 0.6 µs | 25 µs | 76 µs |
//! | G722 | 197 k, 17 µs | 17 µs | 318 k, 30 µs | 1,130 k, 178 µs |
//! | opus | 241 k, 35 µs | 27 µs | 389 k, 51 µs | 1,595 k, 248 µs |
//!
//! Beside it: a lost frame of G.711 and the one after it 165 k together, a packet through the jitter buffer 2 k, 20 ms searched
//! for keys 12 k, 8 to 48 kHz 173 k and back 105 k, a tick of ten members at 16 kHz 86 k and at 48 kHz 257 k.
//!
//! Not here: which payload type, sequence number and timestamp a frame gets; who may speak with whom.

use crate::codec::comfort::{ComfortNoise, NoiseLevel};
use crate::codec::{
    Codec, CodecError, Decoder, Encoder, FRAME_MS_MAX, FRAME_SAMPLES_MAX, OpusSettings, PAYLOAD_BYTES_MAX,
};
use crate::resample::Resampler;

/// What is spoken on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    pub codec: Codec,
    /// 10, 20, 40 or 60; for G.711 and G.722 also 30 and 50 (`a=ptime`, RFC 8866 section 6.4).
    pub frame_ms: u8,
}

/// What there is to hear, in the order in which it is to be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// The next payload.
    Payload(&'a [u8]),
    /// The next payload, which does not follow the last one: something was left out to catch up.
    Spliced(&'a [u8]),
    /// A payload that did not come, of so many milliseconds.
    Lost { ms: u8 },
    /// The same, when the payload after it is there. It is to be told of again, as [`Heard::Payload`].
    LostBefore { ms: u8, next: &'a [u8] },
    /// So many milliseconds in which nothing was sent, with the noise that was last told, if any.
    Silence { ms: u8, level: Option<NoiseLevel> },
}

/// What is to be sent; each takes the time of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    Payload(&'a [u8]),
    /// Nothing is sent, but the timestamp goes on; the next payload begins a talk spurt and gets the marker (RFC 3551
    /// section 4.1).
    Silence,
}

/// One direction of one stream: a [`Listener`] and a [`Speaker`]. At most 110 KB, of which Opus has most.
pub struct Transcoder {
    listener: Listener,
    speaker: Speaker,
    pcm: Box<[i16]>,
}

impl Transcoder {
    /// `seed` is for comfort noise only.
    pub fn new(from: Format, to: Format, seed: u32) -> Result<Transcoder, CodecError> {
        let rate_hz = rate_between(from.codec, to.codec);
        let listener = Listener::new(from.codec, rate_hz, seed)?;
        Ok(Transcoder {
            pcm: vec![0; listener.samples_max()].into(),
            listener,
            speaker: Speaker::new(to, rate_hz)?,
        })
    }

    /// Changes how Opus is encoded, as reports of the other end say; a side that is no Opus stays as it is.
    pub fn set_opus(&mut self, settings: OpusSettings) -> Result<(), CodecError> {
        self.speaker.set_opus(settings)
    }

    /// By how much sound comes later than with a transcoder that took no time, in milliseconds: what the codec and the filter
    /// hold back. A frame that is longer than those that come has to be filled besides.
    pub fn delay_ms(&mut self) -> usize {
        let samples = self.speaker.delay_samples() + self.listener.delay_samples();
        samples.div_ceil(self.listener.out_per_ms)
    }

    /// Takes what is heard next and hands each frame that it completes to `send`. After an error the frame is concealed, when
    /// it is told of as lost.
    pub fn push(&mut self, heard: Heard<'_>, send: impl FnMut(Output<'_>)) -> Result<(), CodecError> {
        let count = self.listener.hear(heard, &mut self.pcm)?;
        self.speaker.say(&self.pcm[..count], send)
    }
}

/// From the payloads of one codec to samples of a rate that is chosen.
pub struct Listener {
    decoder: Decoder,
    resampler: Resampler,
    noise: ComfortNoise,
    /// Samples in a millisecond, as they are decoded and as they are given.
    in_per_ms: usize,
    out_per_ms: usize,
    /// Decoded, not yet resampled.
    decoded: Box<[i16]>,
}

impl Listener {
    /// Gives one channel at 8, 16 or 48 kHz. `seed` is for comfort noise only.
    pub fn new(codec: Codec, rate_hz: u32, seed: u32) -> Result<Listener, CodecError> {
        // Opus is decoded at any of these rates.
        let in_hz = if codec == Codec::Opus { rate_hz } else { codec.rate_hz() };
        Ok(Listener {
            decoder: Decoder::new(codec, in_hz)?,
            resampler: Resampler::new(in_hz, rate_hz, 1).map_err(|_| CodecError::BadArgument)?,
            noise: ComfortNoise::new(seed),
            in_per_ms: in_hz as usize / 1_000,
            out_per_ms: rate_hz as usize / 1_000,
            decoded: vec![0; FRAME_SAMPLES_MAX].into(),
        })
    }

    /// Room that any payload needs.
    pub fn samples_max(&self) -> usize {
        self.resampler.output_max(FRAME_SAMPLES_MAX)
    }

    pub fn delay_samples(&self) -> usize {
        self.resampler.delay_samples()
    }

    /// Decodes what is heard next into `pcm`, which has room for [`Self::samples_max`], and gives how many samples it was.
    pub fn hear(&mut self, heard: Heard<'_>, pcm: &mut [i16]) -> Result<usize, CodecError> {
        let count = self.decode(heard)?;
        Ok(self.resampler.push(&self.decoded[..count], pcm))
    }

    fn decode(&mut self, heard: Heard<'_>) -> Result<usize, CodecError> {
        match heard {
            Heard::Payload(payload) => self.decoder.decode(payload, &mut self.decoded),
            Heard::Spliced(payload) => {
                self.decoder.splice();
                self.decoder.decode(payload, &mut self.decoded)
            }
            Heard::Lost { ms } => {
                let count = self.samples(ms)?;
                self.decoder.conceal(&mut self.decoded[..count])
            }
            Heard::LostBefore { ms, next } => {
                let count = self.samples(ms)?;
                self.decoder.recover(next, &mut self.decoded[..count])
            }
            Heard::Silence { ms, level: Some(level) } => {
                let count = self.samples(ms)?;
                self.noise.fill(level, &mut self.decoded[..count]);
                Ok(count)
            }
            // Opus has noise of its own, which it makes when it is told of a loss; other concealment fades to silence.
            Heard::Silence { ms, level: None } => {
                let count = self.samples(ms)?;
                self.decoder.conceal(&mut self.decoded[..count])
            }
        }
    }

    fn samples(&self, ms: u8) -> Result<usize, CodecError> {
        let count = usize::from(ms) * self.in_per_ms;
        if count == 0 || count > FRAME_SAMPLES_MAX { Err(CodecError::BadArgument) } else { Ok(count) }
    }
}

/// From samples of a rate to the payloads of one format.
pub struct Speaker {
    encoder: Encoder,
    resampler: Resampler,
    /// At the rate of the encoder, not yet encoded, and how many of it there are.
    waiting: Box<[i16]>,
    filled: usize,
    frame_samples: usize,
    payload: Box<[u8]>,
}

impl Speaker {
    /// Takes one channel at 8, 16 or 48 kHz.
    pub fn new(to: Format, rate_hz: u32) -> Result<Speaker, CodecError> {
        // Opus encodes at any of these rates.
        let out_hz = if to.codec == Codec::Opus { rate_hz } else { to.codec.rate_hz() };
        let encoder = Encoder::new(to.codec, out_hz)?;
        let resampler = Resampler::new(rate_hz, out_hz, 1).map_err(|_| CodecError::BadArgument)?;
        let frame_ms = usize::from(to.frame_ms);
        if !(10..=FRAME_MS_MAX).contains(&frame_ms) || !frame_ms.is_multiple_of(10) {
            return Err(CodecError::BadArgument);
        }
        if to.codec == Codec::Opus && !matches!(frame_ms, 10 | 20 | 40 | 60) {
            return Err(CodecError::BadArgument);
        }
        let frame_samples = out_hz as usize / 1_000 * frame_ms;
        let most = resampler.output_max(rate_hz as usize / 1_000 * HEARD_MS_MAX);
        Ok(Speaker {
            encoder,
            resampler,
            waiting: vec![0; most + frame_samples].into(),
            filled: 0,
            frame_samples,
            payload: vec![0; PAYLOAD_BYTES_MAX].into(),
        })
    }

    /// Changes how Opus is encoded; another codec stays as it is, with an error.
    pub fn set_opus(&mut self, settings: OpusSettings) -> Result<(), CodecError> {
        self.encoder.set_opus(settings)
    }

    pub fn delay_samples(&mut self) -> usize {
        self.encoder.delay_samples() + self.resampler.delay_samples()
    }

    /// Takes up to 120 ms of samples and hands each frame that they complete to `send`.
    pub fn say(&mut self, pcm: &[i16], mut send: impl FnMut(Output<'_>)) -> Result<(), CodecError> {
        let room = &mut self.waiting[self.filled..];
        self.filled += self.resampler.push(pcm, room);
        let mut done = 0;
        let mut result = Ok(());
        while self.filled - done >= self.frame_samples {
            let frame = &self.waiting[done..done + self.frame_samples];
            match self.encoder.encode(frame, &mut self.payload) {
                Ok(Some(bytes)) => send(Output::Payload(&self.payload[..bytes])),
                Ok(None) => send(Output::Silence),
                // The frame is given up, and those after it go on.
                Err(error) => result = Err(error),
            }
            done += self.frame_samples;
        }
        self.waiting.copy_within(done..self.filled, 0);
        self.filled -= done;
        result
    }

    /// Forgets what does not make a frame yet, and gives how many milliseconds that was.
    pub fn cut(&mut self) -> u32 {
        let per_ms = self.encoder.rate_hz() as usize / 1_000;
        (std::mem::take(&mut self.filled) / per_ms) as u32
    }
}

/// Most milliseconds of a payload, and so of what is said at once.
const HEARD_MS_MAX: usize = 120;

/// The rate of the samples between two codecs, at which most is heard for the least work: Opus is decoded and encoded at
/// that of the other side.
pub fn rate_between(from: Codec, to: Codec) -> u32 {
    match (from, to) {
        (from, Codec::Opus) if from != Codec::Opus => from.rate_hz(),
        (_, to) => to.rate_hz(),
    }
}

#[cfg(test)]
mod tests;
