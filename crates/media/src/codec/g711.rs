//! G.711: a sample of 16 bits in 8, nearly logarithmic (ITU-T G.711, tables 1a to 2b).
//!
//! The law is computed, not looked up, when encoding; decoding reads a table of 256 values that the compiler computes.
//! μ-law is defined over 14 bits and A-law over 13: the samples here are those, scaled to 16.

/// Which of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// North America and Japan.
    Mu,
    /// Everywhere else.
    A,
}

impl Law {
    pub fn encode(self, pcm: &[i16], payload: &mut [u8]) {
        match self {
            Law::Mu => pcm.iter().zip(payload).for_each(|(sample, byte)| *byte = mu_from_linear(*sample)),
            Law::A => pcm.iter().zip(payload).for_each(|(sample, byte)| *byte = a_from_linear(*sample)),
        }
    }

    pub fn decode(self, payload: &[u8], pcm: &mut [i16]) {
        let table = match self {
            Law::Mu => &MU_TO_LINEAR,
            Law::A => &A_TO_LINEAR,
        };
        payload.iter().zip(pcm).for_each(|(byte, sample)| *sample = table[usize::from(*byte)]);
    }
}

/// The bias of 33 steps that makes all segments of μ-law begin at a power of two, at 16 bits.
const MU_BIAS: i32 = 33 << 2;

/// The largest magnitude that has a value of its own; above it, the last one stands (virtual decision value 8159 of 14 bits).
const MU_CLIP: i32 = (8_159 << 2) - 1;

/// The byte of a sample in μ-law. All bits are inverted (G.711, note to table 2a).
pub fn mu_from_linear(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(MU_CLIP) + MU_BIAS;
    let segment = 24 - magnitude.leading_zeros();
    let step = (magnitude >> (segment + 3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    // Segment and step take 7 bits.
    !(sign | (segment << 4) as u8 | step as u8)
}

/// The byte of a sample in A-law. Even bits are inverted (G.711, note to table 1a).
pub fn a_from_linear(sample: i16) -> u8 {
    // There is no zero: what is between both first steps belongs to the side of its sign.
    let magnitude = i32::from(if sample < 0 { !sample } else { sample });
    let segment = 24u32.saturating_sub(magnitude.leading_zeros());
    let step = (magnitude >> segment.max(1).saturating_add(3)) & 0x0f;
    let sign = if sample < 0 { 0 } else { 0x80 };
    (sign | (segment << 4) as u8 | step as u8) ^ 0x55
}

static MU_TO_LINEAR: [i16; 256] = table(Law::Mu);
static A_TO_LINEAR: [i16; 256] = table(Law::A);

const fn table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match law {
            Law::Mu => linear_from_mu(byte as u8),
            Law::A => linear_from_a(byte as u8),
        };
        byte += 1;
    }
    table
}

const fn linear_from_mu(byte: u8) -> i16 {
    let bits = !byte;
    let (segment, step) = (bits >> 4 & 7, (bits & 0x0f) as i16);
    let magnitude = ((2 * step + 33) << (segment + 2)) - MU_BIAS as i16;
    if bits & 0x80 == 0 { magnitude } else { -magnitude }
}

const fn linear_from_a(byte: u8) -> i16 {
    let bits = byte ^ 0x55;
    let (segment, step) = (bits >> 4 & 7, (bits & 0x0f) as i16);
    let magnitude = if segment == 0 { (2 * step + 1) << 3 } else { (2 * step + 33) << (segment + 2) };
    if bits & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a code, as the formula below tables 1 and 2 of G.711 gives it, in steps of 13 (A) or 14 (μ) bits.
    fn formula(law: Law, segment: u32, step: u32) -> f64 {
        let step = f64::from(step);
        match (law, segment) {
            (Law::A, 0) => 2.0 * step + 1.0,
            (Law::A, _) => (2.0 * step + 33.0) * 2f64.powi(segment as i32 - 1),
            (Law::Mu, _) => (step + 16.5) * 2f64.powi(segment as i32 + 1) - 33.0,
        }
    }

    fn values(law: Law) -> Vec<(u8, i32)> {
        let mut values = Vec::new();
        for (segment, step) in (0..8).flat_map(|segment| (0..16).map(move |step| (segment, step))) {
            let code = (segment << 4 | step) as u8;
            let (positive, negative, scale) = match law {
                Law::A => ((0x80 | code) ^ 0x55, code ^ 0x55, 8.0),
                Law::Mu => (!code, !(0x80 | code), 4.0),
            };
            let value = (formula(law, segment, step) * scale) as i32;
            values.extend([(positive, value), (negative, -value)]);
        }
        values
    }

    #[test]
    fn every_byte_has_the_value_of_the_formula() {
        for law in [Law::A, Law::Mu] {
            let values = values(law);
            assert_eq!(values.len(), 256);
            for (byte, value) in values {
                let mut pcm = [0];
                law.decode(&[byte], &mut pcm);
                assert_eq!(i32::from(pcm[0]), value, "{law:?} {byte:#x}");
            }
        }
    }

    /// Where the interval of a code begins, in the same steps: halfway between two values but where segments meet.
    fn decision(law: Law, segment: u32, step: u32) -> f64 {
        let step = f64::from(step);
        match (law, segment) {
            (Law::A, 0) => 2.0 * step,
            (Law::A, _) => (2.0 * step + 32.0) * 2f64.powi(segment as i32 - 1),
            (Law::Mu, _) => ((step + 16.0) * 2f64.powi(segment as i32 + 1) - 33.0).max(0.0),
        }
    }

    #[test]
    fn every_sample_gets_the_byte_in_whose_interval_it_lies() {
        for law in [Law::A, Law::Mu] {
            let scale = if law == Law::A { 8.0 } else { 4.0 };
            for sample in i16::MIN..=i16::MAX {
                let mut byte = [0];
                law.encode(&[sample], &mut byte);
                let bits = if law == Law::A { byte[0] ^ 0x55 ^ 0x80 } else { !byte[0] };
                let code = u32::from(bits & 0x7f);
                let end = if code == 127 {
                    f64::INFINITY
                } else {
                    decision(law, (code + 1) >> 4, (code + 1) & 15) * scale
                };
                let begin = decision(law, code >> 4, code & 15) * scale;
                let magnitude = f64::from(sample).abs();
                assert!((begin..=end).contains(&magnitude), "{law:?} {sample}: {begin} {end}");
                assert!(sample == 0 || (bits & 0x80 != 0) == (sample < 0), "{law:?} {sample}");
            }
        }
    }

    #[test]
    fn well_known_bytes_are_what_they_are_on_the_wire() {
        assert_eq!((mu_from_linear(0), a_from_linear(0), a_from_linear(-1)), (0xff, 0xd5, 0x55));
        assert_eq!((mu_from_linear(i16::MAX), mu_from_linear(i16::MIN)), (0x80, 0x00));
        assert_eq!((a_from_linear(i16::MAX), a_from_linear(i16::MIN)), (0xaa, 0x2a));
        // The digital milliwatt, which is a sine of 1 kHz in eight bytes (G.711, tables 5 and 6).
        let milliwatt = [0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4];
        let mut pcm = [0; 8];
        Law::A.decode(&milliwatt, &mut pcm);
        assert_eq!(pcm[..4], [-8_960, -20_992, -20_992, -8_960]);
        assert!(pcm.iter().zip(&pcm[4..]).all(|(first, second)| *first == -*second));
        let mut back = [0; 8];
        Law::A.encode(&pcm, &mut back);
        assert_eq!(back, milliwatt);
    }
}
