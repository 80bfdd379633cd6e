//! Comfort noise (RFC 3389): what is heard while a sender says nothing.
//!
//! Only the level is used; of the shape of the spectrum, which may follow it, nothing: the noise is white. A frame that is
//! passed on between two ends that both know it is passed as it is.

/// Static payload type at 8 kHz (RFC 3551 section 6, table 4).
pub const PAYLOAD_TYPE: u8 = 13;

/// How loud noise is, in decibels below the loudest square wave: 0 to 127 (RFC 3389 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoiseLevel(u8);

impl NoiseLevel {
    /// The lowest that can be told.
    pub const SILENT: NoiseLevel = NoiseLevel(127);

    /// The first byte of a payload; its first bit is always 0, and ignored.
    pub fn from_payload(payload: &[u8]) -> Option<NoiseLevel> {
        payload.first().map(|byte| NoiseLevel(byte & 0x7f))
    }

    pub fn to_payload(self) -> [u8; 1] {
        [self.0]
    }

    /// The level of what is heard.
    pub fn of(pcm: &[i16]) -> NoiseLevel {
        let energy: f64 = pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let power = (energy / pcm.len().max(1) as f64).max(1e-9) / 32_768f64.powi(2);
        NoiseLevel((-10.0 * power.log10()).clamp(0.0, 127.0).round() as u8)
    }

    /// Half the width of a uniform noise of this level.
    fn peak(self) -> f32 {
        (32_768.0 * 3f32.sqrt()) * 10f32.powf(-f32::from(self.0) / 20.0)
    }
}

/// Makes the noise of one stream. Its seed is handed in; noise is no secret.
pub struct ComfortNoise {
    seed: u32,
    peak: f32,
}

impl ComfortNoise {
    pub fn new(seed: u32) -> ComfortNoise {
        ComfortNoise { seed, peak: 0.0 }
    }

    /// Fills `pcm`; the level changes over its length, not at once.
    pub fn fill(&mut self, level: NoiseLevel, pcm: &mut [i16]) {
        let step = (level.peak() - self.peak) / pcm.len().max(1) as f32;
        for sample in pcm {
            self.peak += step;
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let unit = (self.seed >> 8) as f32 / 8_388_608.0 - 1.0;
            *sample = (unit * self.peak).clamp(-32_768.0, 32_767.0) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_as_loud_as_its_payload_says() {
        let mut noise = ComfortNoise::new(7);
        let mut pcm = [0; 8_000];
        for byte in [30, 50, 70] {
            let level = NoiseLevel::from_payload(&[byte | 0x80, 1, 2]).unwrap();
            noise.fill(level, &mut pcm);
            noise.fill(level, &mut pcm);
            let heard = NoiseLevel::of(&pcm).to_payload()[0];
            assert!(heard.abs_diff(byte) <= 1, "{byte} {heard}");
        }
        assert_eq!(NoiseLevel::from_payload(&[]), None);
    }
}
