//! A call recorded: one side left, the other right.

use super::ogg::OggOpus;
use super::wav;
use crate::codec::{CodecError, Encoder, OpusSettings, PAYLOAD_BYTES_MAX};
use crate::tone::Generator;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// 16-bit samples: 64 KB a second at 16 kHz.
    Wav,
    /// Opus at 32 kbit/s: 4 KB a second. `serial` is any number.
    OggOpus { serial: u32 },
}

/// Records frames of 20 ms of two sides. While it is paused, nothing is recorded, and no gap is heard.
pub struct Recorder {
    rate_hz: u32,
    writer: Writer,
    paused: bool,
    both: Box<[i16]>,
    frames: u64,
}

enum Writer {
    Wav,
    OggOpus { encoder: Encoder, stream: OggOpus, payload: Box<[u8]> },
}

impl Recorder {
    /// At 8, 16 or 48 kHz. The first bytes of the file are appended to `out`.
    pub fn new(container: Container, rate_hz: u32, out: &mut Vec<u8>) -> Result<Recorder, CodecError> {
        if !matches!(rate_hz, 8_000 | 16_000 | 48_000) {
            return Err(CodecError::BadArgument);
        }
        let writer = match container {
            Container::Wav => {
                out.extend_from_slice(&wav::header(rate_hz, 2, None));
                Writer::Wav
            }
            Container::OggOpus { serial } => {
                let settings = OpusSettings {
                    bits_per_second: 32_000,
                    forward_error_correction: false,
                    loss_percent: 0,
                    ..OpusSettings::speech(rate_hz)
                };
                let mut encoder = Encoder::opus(rate_hz, 2, coeur_opus::Application::Audio, settings)?;
                let skip = encoder.delay_samples() * (48_000 / rate_hz as usize);
                // Opus looks ahead by 312 samples at most.
                let stream = OggOpus::new(serial, 2, skip as u16, rate_hz, out);
                Writer::OggOpus { encoder, stream, payload: vec![0; PAYLOAD_BYTES_MAX].into() }
            }
        };
        Ok(Recorder {
            rate_hz,
            writer,
            paused: false,
            both: vec![0; rate_hz as usize / 25].into(),
            frames: 0,
        })
    }

    /// Records 20 ms of both sides, which are of the same length; bytes of the file are appended to `out`, if there are any.
    pub fn push(&mut self, left: &[i16], right: &[i16], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let frame_samples = self.rate_hz as usize / 50;
        if left.len() != frame_samples || right.len() != frame_samples {
            return Err(CodecError::BadArgument);
        }
        if self.paused {
            return Ok(());
        }
        for ((pair, left), right) in self.both.chunks_exact_mut(2).zip(left).zip(right) {
            pair.copy_from_slice(&[*left, *right]);
        }
        match &mut self.writer {
            Writer::Wav => wav::write(&self.both, out),
            Writer::OggOpus { encoder, stream, payload } => {
                // Without discontinuous transmission every frame has a payload.
                let bytes = encoder.encode(&self.both, payload)?.unwrap_or_default();
                stream.packet(&payload[..bytes], 960, out);
            }
        }
        self.frames += 1;
        Ok(())
    }

    pub fn pause(&mut self) {
        self.paused = true;
    }

    pub fn resume(&mut self) {
        self.paused = false;
    }

    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// What is recorded so far, in milliseconds.
    pub fn recorded_ms(&self) -> u64 {
        self.frames * 20
    }

    /// Ends the file: its last bytes are appended to `out`. The header that comes back, if any, is to be written over the first
    /// bytes of the file.
    pub fn finish(self, out: &mut Vec<u8>) -> Option<[u8; wav::HEADER_BYTES]> {
        match self.writer {
            Writer::Wav => {
                let data_bytes = self.frames * self.both.len() as u64 * 2;
                Some(wav::header(self.rate_hz, 2, Some(data_bytes)))
            }
            Writer::OggOpus { stream, .. } => {
                stream.finish(0, out);
                None
            }
        }
    }
}

/// Says to those who speak that they are recorded: a short tone now and then, over what they hear. Whether it must be is a
/// question of where they are, and policy's to answer.
pub struct Announcement {
    tone: Generator,
    room: Box<[i16]>,
}

impl Announcement {
    pub fn new(rate_hz: u32) -> Announcement {
        let samples = rate_hz as usize / 1_000 * crate::codec::FRAME_MS_MAX;
        Announcement { tone: Generator::recording(rate_hz), room: vec![0; samples].into() }
    }

    /// Adds the tone to what is heard next.
    pub fn add(&mut self, pcm: &mut [i16]) {
        for piece in pcm.chunks_mut(self.room.len()) {
            let room = &mut self.room[..piece.len()];
            self.tone.fill(room);
            piece.iter_mut().zip(room).for_each(|(sample, tone)| *sample = sample.saturating_add(*tone));
        }
    }
}
