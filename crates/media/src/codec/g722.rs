//! G.722: 7 kHz of audio in 64 kbit/s (ITU-T G.722). Two samples of 16 kHz make one byte.
//!
//! A pair of mirror filters splits the samples in a lower and an upper band of 8 kHz each, and each band is coded by adaptive
//! differential PCM: 6 bits for the lower one, 2 for the upper. Both ends adapt the step and the predictor alike, by the
//! arithmetic of 16 bits that the recommendation prescribes block by block; the names of its blocks are in the comments.
//! Only mode 1 is here, the one that RTP knows (RFC 3551 section 4.5.2): no data channel in the lowest bits.

/// Encodes two samples of 16 kHz at a time.
pub struct Encoder {
    filter: Mirror,
    low: Band,
    high: Band,
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder { filter: Mirror::default(), low: Band::low(), high: Band::high() }
    }
}

impl Encoder {
    /// Fills `payload` with a byte for every two samples of `pcm`.
    pub fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) {
        for (pair, byte) in pcm.chunks_exact(2).zip(payload) {
            let (odd, even) = self.filter.push(i32::from(pair[0]), i32::from(pair[1]));
            let (low, high) = ((even + odd) >> 14, (even - odd) >> 14);
            *byte = self.high.encode_high(high) << 6 | self.low.encode_low(low);
        }
    }

    /// Takes a payload of another encoder for one of its own: what it encodes next is understood by who has heard that.
    pub fn follow(&mut self, payload: &[u8]) {
        for byte in payload {
            self.low.adapt_low(byte & 0x3f);
            self.high.adapt_high(byte >> 6);
        }
    }
}

/// Decodes to two samples of 16 kHz at a time.
pub struct Decoder {
    filter: Mirror,
    low: Band,
    high: Band,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder { filter: Mirror::default(), low: Band::low(), high: Band::high() }
    }
}

impl Decoder {
    /// Fills `pcm` with two samples for every byte of `payload`.
    pub fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) {
        for (byte, pair) in payload.iter().zip(pcm.chunks_exact_mut(2)) {
            let low = self.low.decode_low(byte & 0x3f);
            let high = self.high.decode_high(byte >> 6);
            let (odd, even) = self.filter.push(low + high, low - high);
            pair[0] = saturate(even >> 11) as i16;
            pair[1] = saturate(odd >> 11) as i16;
        }
    }
}

/// The quadrature mirror filter of 24 taps, the same for both directions (section 3.1 and table 11).
#[derive(Default)]
struct Mirror {
    taps: [i32; 24],
}

impl Mirror {
    /// Takes two values and gives the sums over the odd and the even taps.
    fn push(&mut self, first: i32, second: i32) -> (i32, i32) {
        self.taps.copy_within(2.., 0);
        self.taps[22] = first;
        self.taps[23] = second;
        let mut sums = (0, 0);
        for (at, pair) in self.taps.chunks_exact(2).enumerate() {
            sums.0 += pair[0] * MIRROR[at];
            sums.1 += pair[1] * MIRROR[11 - at];
        }
        sums
    }
}

const MIRROR: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// The state of one band: quantizer scale and adaptive predictor (sections 3.3 to 3.6). Values are those of 16-bit registers.
struct Band {
    /// Logarithm of the scale, `NBL` or `NBH`.
    log_scale: i32,
    /// The scale, `DETL` or `DETH`.
    scale: i32,
    /// The predicted value, `SL` or `SH`, and the part of it that the zeros make, `SZ`.
    predicted: i32,
    from_zeros: i32,
    /// The last reconstructed values, of which two are used; the last partly reconstructed ones.
    reconstructed: [i32; 2],
    partial: [i32; 2],
    /// Coefficients of the two poles and the six zeros.
    poles: [i32; 2],
    zeros: [i32; 6],
    /// The last six quantized differences.
    differences: [i32; 6],
}

impl Band {
    fn low() -> Band {
        Band::new(32)
    }

    fn high() -> Band {
        Band::new(8)
    }

    fn new(scale: i32) -> Band {
        Band {
            log_scale: 0,
            scale,
            predicted: 0,
            from_zeros: 0,
            reconstructed: [0; 2],
            partial: [0; 2],
            poles: [0; 2],
            zeros: [0; 6],
            differences: [0; 6],
        }
    }

    /// Blocks SUBTRA and QUANTL, then adaptation.
    fn encode_low(&mut self, value: i32) -> u8 {
        let difference = saturate(value - self.predicted);
        let magnitude = if difference < 0 { -(difference + 1) } else { difference };
        // Levels grow, so the first that is not reached is the one.
        let level = LOW_LEVELS.partition_point(|level| magnitude >= (level * self.scale) >> 12);
        let code = if difference < 0 { LOW_NEGATIVE[level] } else { LOW_POSITIVE[level] };
        self.adapt_low(code);
        code
    }

    fn encode_high(&mut self, value: i32) -> u8 {
        let difference = saturate(value - self.predicted);
        let magnitude = if difference < 0 { -(difference + 1) } else { difference };
        let outer = magnitude >= (HIGH_LEVEL * self.scale) >> 12;
        let code = match (difference < 0, outer) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        };
        self.adapt_high(code);
        code
    }

    /// Blocks INVQBL and RECONS with all six bits, LIMIT, then adaptation.
    fn decode_low(&mut self, code: u8) -> i32 {
        let difference = (self.scale * LOW_OUTPUTS_64[usize::from(code)]) >> 15;
        let value = (self.predicted + difference).clamp(-16_384, 16_383);
        self.adapt_low(code);
        value
    }

    fn decode_high(&mut self, code: u8) -> i32 {
        let difference = (self.scale * HIGH_OUTPUTS[usize::from(code)]) >> 15;
        let value = (self.predicted + difference).clamp(-16_384, 16_383);
        self.adapt_high(code);
        value
    }

    /// Blocks INVQAL, LOGSCL, SCALEL and the predictor. Only the upper four bits count, so that all modes adapt alike.
    fn adapt_low(&mut self, code: u8) {
        let code = usize::from(code >> 2);
        let difference = (self.scale * LOW_OUTPUTS_16[code]) >> 15;
        self.rescale(LOW_WEIGHTS[code], 18_432, 8);
        self.predict(difference);
    }

    /// Blocks INVQAH, LOGSCH, SCALEH and the predictor.
    fn adapt_high(&mut self, code: u8) {
        let code = usize::from(code);
        let difference = (self.scale * HIGH_OUTPUTS[code]) >> 15;
        self.rescale(HIGH_WEIGHTS[code], 22_528, 10);
        self.predict(difference);
    }

    fn rescale(&mut self, weight: i32, log_scale_max: i32, shift: i32) {
        self.log_scale = (((self.log_scale * 127) >> 7) + weight).clamp(0, log_scale_max);
        let fraction = POWERS[(self.log_scale >> 6 & 31) as usize];
        let down = shift - (self.log_scale >> 11);
        self.scale = (if down < 0 { fraction << -down } else { fraction >> down }) << 2;
    }

    /// Blocks RECONS, PARREC, UPPOL2, UPPOL1, UPZERO, DELAYA, FILTEP, FILTEZ and PREDIC (section 3.6).
    fn predict(&mut self, difference: i32) {
        let reconstructed = saturate(self.predicted + difference);
        let partial = saturate(self.from_zeros + difference);
        self.move_poles(partial);
        self.move_zeros(difference);
        self.partial = [partial, self.partial[0]];
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
        let from_poles = saturate(
            times_twice(self.poles[0], self.reconstructed[0])
                + times_twice(self.poles[1], self.reconstructed[1]),
        );
        let zeros = self.zeros.iter().zip(&self.differences);
        self.from_zeros = saturate(zeros.map(|(zero, difference)| times_twice(*zero, *difference)).sum());
        self.predicted = saturate(from_poles + self.from_zeros);
    }

    fn move_poles(&mut self, partial: i32) {
        let same = |other: i32| (partial < 0) == (other < 0);
        let first = saturate(self.poles[0] << 2);
        let pull = if same(self.partial[0]) { (-first).min(32_767) } else { first };
        let push = if same(self.partial[1]) { 128 } else { -128 };
        let second = push + (pull >> 7) + ((self.poles[1] * 32_512) >> 15);
        let second = second.clamp(-12_288, 12_288);
        let push = if same(self.partial[0]) { 192 } else { -192 };
        let most = saturate(15_360 - second);
        self.poles = [saturate(push + ((self.poles[0] * 32_640) >> 15)).clamp(-most, most), second];
    }

    fn move_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
            let push = if (difference < 0) == (before < 0) { step } else { -step };
            *zero = saturate(push + ((*zero * 32_640) >> 15));
        }
    }
}

/// A coefficient of 15 fractional bits times twice a value, as FILTEP and FILTEZ compute it.
fn times_twice(coefficient: i32, value: i32) -> i32 {
    (coefficient * saturate(2 * value)) >> 15
}

fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// Decision levels of the lower band (table 14), without the zero that is below all.
const LOW_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121,
    1_219, 1_339, 1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];

/// Code words of the lower band by level (table 16).
const LOW_NEGATIVE: [u8; 30] = [
    63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
    6, 5, 4,
];
const LOW_POSITIVE: [u8; 30] = [
    61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
    35, 34, 33, 32,
];

/// Output of the inverse quantizer of the lower band for the upper four bits of a code word (table 17).
const LOW_OUTPUTS_16: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584,
    1_200, 0,
];

/// The same for all six bits (table 19). The first four are no code words; a sender's error gets the smallest value.
const LOW_OUTPUTS_64: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232,
    -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776,
    -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280,
    11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168,
    2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136, -432, -136,
];

/// How the scale of the lower band moves (table 20, `WL` by way of `RL42`).
const LOW_WEIGHTS: [i32; 16] =
    [-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60];

/// The one decision level of the upper band, and its outputs and weights by code word (tables 15, 18 and 20).
const HIGH_LEVEL: i32 = 564;
const HIGH_OUTPUTS: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
const HIGH_WEIGHTS: [i32; 4] = [798, -214, 798, -214];

/// 2,048 times two to the power of n/32 (block SCALEL, `ILB`).
const POWERS: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774,
    2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838,
    3_922, 4_008,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::signal::{sinad_db, speech, tone};

    /// Samples by which both mirror filters delay.
    const DELAY: usize = 22;

    fn through(pcm: &[i16]) -> Vec<i16> {
        let mut bytes = vec![0; pcm.len() / 2];
        let mut out = vec![0; pcm.len()];
        Encoder::default().encode(pcm, &mut bytes);
        Decoder::default().decode(&bytes, &mut out);
        out
    }

    #[test]
    fn tones_of_both_bands_come_out_clean() {
        for (frequency_hz, least_db) in
            [(100.0, 35.0), (300.0, 35.0), (1_000.0, 35.0), (3_000.0, 28.0), (6_000.0, 15.0)]
        {
            let out = through(&tone(frequency_hz, 8_000.0, 16_000, 16_000));
            let sinad = sinad_db(&out[1_600..], frequency_hz, 16_000);
            assert!(sinad > least_db, "{frequency_hz} Hz: {sinad:.1} dB");
        }
    }

    #[test]
    fn speech_keeps_its_shape() {
        let pcm = speech(16_000, 32_000);
        let out = through(&pcm);
        let ratio = crate::codec::signal::snr_db(&pcm[..pcm.len() - DELAY], &out[DELAY..]);
        assert!(ratio > 18.0, "{ratio:.1} dB");
    }

    #[test]
    fn the_loudest_and_any_bytes_leave_the_arithmetic_in_its_range() {
        let square: Vec<i16> =
            (0..16_000).map(|n| if n / 7 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        through(&square);
        let bytes: Vec<u8> = (0..60_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        Decoder::default().decode(&bytes, &mut vec![0; 120_000]);
    }

    /// FNV-1a.
    fn hash(bytes: impl Iterator<Item = u8>) -> u32 {
        bytes.fold(2_166_136_261, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
    }

    #[test]
    fn a_fixed_sound_has_the_bytes_and_the_samples_that_an_independent_codec_makes_of_it() {
        let mut seed = 1u32;
        let pcm: Vec<i16> = (0..400)
            .map(|n| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let triangle = if n % 50 < 25 { n % 50 } else { 50 - n % 50 };
                ((triangle - 12) * 700 + ((seed >> 24) * 16) as i32 - 2_048) as i16
            })
            .collect();
        let (mut bytes, mut out) = ([0; 200], [0; 400]);
        Encoder::default().encode(&pcm, &mut bytes);
        Decoder::default().decode(&bytes, &mut out);
        // Both sums are of what another implementation makes of the same samples.
        assert_eq!(hash(bytes.into_iter()), 0x0a7b08f0);
        assert_eq!(hash(out.into_iter().flat_map(i16::to_le_bytes)), 0xd1c5802d);
    }
}
