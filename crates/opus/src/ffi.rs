//! The functions of libopus that are called, as `opus.h` and `opus_private.h` declare them.

use std::ffi::{c_int, c_uchar, c_void};

pub(crate) const SET_BITRATE: c_int = 4002;
pub(crate) const SET_COMPLEXITY: c_int = 4010;
pub(crate) const SET_INBAND_FEC: c_int = 4012;
pub(crate) const SET_PACKET_LOSS_PERC: c_int = 4014;
pub(crate) const SET_DTX: c_int = 4016;
pub(crate) const GET_LOOKAHEAD: c_int = 4027;
pub(crate) const GET_IN_DTX: c_int = 4049;
pub(crate) const RESET_STATE: c_int = 4028;

unsafe extern "C" {
    pub(crate) fn opus_encoder_get_size(channels: c_int) -> c_int;
    pub(crate) fn opus_encoder_init(
        state: *mut c_void,
        rate_hz: i32,
        channels: c_int,
        application: c_int,
    ) -> c_int;
    pub(crate) fn opus_encode(
        state: *mut c_void,
        pcm: *const i16,
        frame_samples: c_int,
        packet: *mut c_uchar,
        packet_bytes_max: i32,
    ) -> i32;
    pub(crate) fn opus_encoder_ctl(state: *mut c_void, request: c_int, ...) -> c_int;
    pub(crate) fn opus_decoder_get_size(channels: c_int) -> c_int;
    pub(crate) fn opus_decoder_init(state: *mut c_void, rate_hz: i32, channels: c_int) -> c_int;
    pub(crate) fn opus_decode(
        state: *mut c_void,
        packet: *const c_uchar,
        packet_bytes: i32,
        pcm: *mut i16,
        frame_samples: c_int,
        fec: c_int,
    ) -> c_int;
    pub(crate) fn opus_decoder_ctl(state: *mut c_void, request: c_int, ...) -> c_int;
    pub(crate) fn opus_packet_has_lbrr(packet: *const c_uchar, packet_bytes: i32) -> c_int;
    pub(crate) fn opus_packet_get_nb_samples(
        packet: *const c_uchar,
        packet_bytes: i32,
        rate_hz: i32,
    ) -> c_int;
}
