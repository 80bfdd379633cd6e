//! PCM to packets.

use std::ffi::{c_int, c_void};

use crate::ffi;
use crate::{OpusError, known, memory};

/// What the encoder is tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// Speech, as calls are.
    Voip,
    /// Music and mixtures: music on hold, recordings.
    Audio,
}

/// An encoder of one stream. Its state takes 25 KB (mono) to 50 KB (stereo).
pub struct Encoder {
    state: Box<[u128]>,
    channels: usize,
    rate_hz: u32,
}

impl Encoder {
    /// At 8, 12, 16, 24 or 48 kHz, with one or two channels.
    pub fn new(rate_hz: u32, channels: usize, application: Application) -> Result<Encoder, OpusError> {
        let (rate, count) = known(rate_hz, channels)?;
        let application = match application {
            Application::Voip => 2_048,
            Application::Audio => 2_049,
        };
        // SAFETY: asks for a number only.
        let mut state = memory(unsafe { ffi::opus_encoder_get_size(count) });
        // SAFETY: the memory is as long as libopus asked for, and aligned to 16 bytes.
        match unsafe { ffi::opus_encoder_init(state.as_mut_ptr().cast(), rate, count, application) } {
            0 => Ok(Encoder { state, channels, rate_hz }),
            code => Err(OpusError::from_code(code)),
        }
    }

    /// Encodes one frame of 2.5 to 60 ms, whose channels are interleaved, and gives the bytes that it took. One or two bytes
    /// mean that nothing need be sent (discontinuous transmission, RFC 7587 section 3.1.3).
    pub fn encode(&mut self, pcm: &[i16], packet: &mut [u8]) -> Result<usize, OpusError> {
        let samples = pcm.len() / self.channels;
        if !pcm.len().is_multiple_of(self.channels) || !self.is_frame(samples) {
            return Err(OpusError::BadArgument);
        }
        let room = i32::try_from(packet.len()).unwrap_or(i32::MAX);
        // SAFETY: `pcm` holds `samples` for each channel (checked above), and `packet` is writable for `room` bytes.
        let length = unsafe {
            ffi::opus_encode(self.pointer(), pcm.as_ptr(), samples as c_int, packet.as_mut_ptr(), room)
        };
        usize::try_from(length).map_err(|_| OpusError::from_code(length))
    }

    /// Bits a second, 6,000 to 510,000 (RFC 6716 section 2.1.1).
    pub fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), OpusError> {
        self.set(ffi::SET_BITRATE, bits_per_second.clamp(6_000, 510_000) as c_int)
    }

    /// 0, the cheapest, to 10.
    pub fn set_complexity(&mut self, complexity: u8) -> Result<(), OpusError> {
        self.set(ffi::SET_COMPLEXITY, c_int::from(complexity.min(10)))
    }

    /// Whether each packet carries a coarse copy of the frame before it (`useinbandfec`, RFC 7587 section 6.1), for the loss
    /// in hundredths that the receiver reports.
    pub fn set_forward_error_correction(&mut self, on: bool, loss_percent: u8) -> Result<(), OpusError> {
        self.set(ffi::SET_INBAND_FEC, c_int::from(on))?;
        self.set(ffi::SET_PACKET_LOSS_PERC, c_int::from(loss_percent.min(100)))
    }

    /// Whether silence is not sent (`usedtx`, RFC 7587 section 6.1).
    pub fn set_discontinuous(&mut self, on: bool) -> Result<(), OpusError> {
        self.set(ffi::SET_DTX, c_int::from(on))
    }

    /// Whether the last frame was silence that need not be sent.
    pub fn is_silent(&mut self) -> bool {
        self.ask(ffi::GET_IN_DTX) == 1
    }

    /// Samples by which what is decoded comes later than what was encoded.
    pub fn lookahead_samples(&mut self) -> usize {
        usize::try_from(self.ask(ffi::GET_LOOKAHEAD)).unwrap_or_default()
    }

    /// Forgets all frames so far; settings stay.
    pub fn reset(&mut self) {
        // SAFETY: the request takes no argument.
        unsafe { ffi::opus_encoder_ctl(self.pointer(), ffi::RESET_STATE) };
    }

    fn set(&mut self, request: c_int, value: c_int) -> Result<(), OpusError> {
        // SAFETY: all requests that are set take one `opus_int32`.
        match unsafe { ffi::opus_encoder_ctl(self.pointer(), request, value) } {
            0 => Ok(()),
            code => Err(OpusError::from_code(code)),
        }
    }

    fn ask(&mut self, request: c_int) -> i32 {
        let mut value: i32 = 0;
        // SAFETY: all requests that are asked write one `opus_int32`.
        unsafe { ffi::opus_encoder_ctl(self.pointer(), request, &raw mut value) };
        value
    }

    fn is_frame(&self, samples: usize) -> bool {
        let rate = self.rate_hz as usize;
        [25, 50, 100, 200, 400, 600].iter().any(|tenths_ms| samples * 10_000 == rate * tenths_ms)
    }

    fn pointer(&mut self) -> *mut c_void {
        self.state.as_mut_ptr().cast()
    }
}
