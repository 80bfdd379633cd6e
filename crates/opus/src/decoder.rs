//! Packets to PCM, and what is heard when one is missing.

use std::ffi::{c_int, c_void};

use crate::ffi;
use crate::{OpusError, PACKET_SAMPLES_MAX, known, memory};

/// A decoder of one stream. Its state takes 20 KB (mono) to 30 KB (stereo).
pub struct Decoder {
    state: Box<[u128]>,
    channels: usize,
}

impl Decoder {
    /// Gives samples at 8, 12, 16, 24 or 48 kHz in one or two channels, whatever the sender encoded.
    pub fn new(rate_hz: u32, channels: usize) -> Result<Decoder, OpusError> {
        let (rate, count) = known(rate_hz, channels)?;
        // SAFETY: asks for a number only.
        let mut state = memory(unsafe { ffi::opus_decoder_get_size(count) });
        // SAFETY: the memory is as long as libopus asked for, and aligned to 16 bytes.
        match unsafe { ffi::opus_decoder_init(state.as_mut_ptr().cast(), rate, count) } {
            0 => Ok(Decoder { state, channels }),
            code => Err(OpusError::from_code(code)),
        }
    }

    /// Decodes a packet and gives the samples of each channel. Nothing longer than `pcm` is decoded.
    pub fn decode(&mut self, packet: &[u8], pcm: &mut [i16]) -> Result<usize, OpusError> {
        // libopus takes an empty packet for a lost one; here that has a name of its own.
        if packet.is_empty() {
            return Err(OpusError::InvalidPacket);
        }
        self.run(packet, pcm, false)
    }

    /// What a lost packet is replaced with (RFC 6716 section 4.4), as long as `pcm`: a multiple of 2.5 ms.
    pub fn conceal(&mut self, pcm: &mut [i16]) -> Result<usize, OpusError> {
        self.run(&[], pcm, false)
    }

    /// The frame before `next`, out of the copy that `next` carries (RFC 6716 section 4.2.5), or concealed when it carries
    /// none; as long as `pcm`. `next` is to be decoded after it.
    pub fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> Result<usize, OpusError> {
        if next.is_empty() {
            return Err(OpusError::InvalidPacket);
        }
        self.run(next, pcm, true)
    }

    /// Forgets what it heard.
    pub fn reset(&mut self) {
        // SAFETY: the request takes no argument.
        unsafe { ffi::opus_decoder_ctl(self.pointer(), ffi::RESET_STATE) };
    }

    fn run(&mut self, packet: &[u8], pcm: &mut [i16], fec: bool) -> Result<usize, OpusError> {
        let length = i32::try_from(packet.len()).map_err(|_| OpusError::InvalidPacket)?;
        let room = (pcm.len() / self.channels).min(PACKET_SAMPLES_MAX);
        let bytes = if packet.is_empty() { std::ptr::null() } else { packet.as_ptr() };
        // SAFETY: the packet is readable for `length`, or null for a lost one, and `pcm` is writable for `room` samples of
        // each channel.
        let samples = unsafe {
            ffi::opus_decode(self.pointer(), bytes, length, pcm.as_mut_ptr(), room as c_int, c_int::from(fec))
        };
        usize::try_from(samples).map_err(|_| OpusError::from_code(samples))
    }

    fn pointer(&mut self) -> *mut c_void {
        self.state.as_mut_ptr().cast()
    }
}
