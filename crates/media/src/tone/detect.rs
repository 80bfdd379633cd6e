//! Keys in sound, by the Goertzel algorithm.
//!
//! Sound is looked at in blocks of 12.75 ms. A block holds a key when one frequency of each group stands out from the others
//! of its group, neither is too strong for the other (twist), and both together are nearly all that is heard: speech, which
//! has much more, is no key (talk-off). A key counts when two blocks agree, 25.5 ms of ITU-T Q.24's 40, and is over when two
//! blocks do not have it, so that a gap of one block does not make two of one. Q.24 lets nothing under 20 ms (23 in North
//! America) be a key; here it is 18, since frequencies that are off by 1.5 % leave no room for more.

use super::{COLUMNS_HZ, Digit, ROWS_HZ};

/// Samples of a block at 8 kHz: the length at which the bins lie near all eight frequencies.
const BLOCK_SAMPLES_8_KHZ: usize = 102;

/// The least power of a frequency: a sine of -30 dBm0, whose amplitude is 717.
const AMPLITUDE_MIN: f64 = 717.0;

/// By how much the high group may be louder than the low one, and the low one than the high one (ITU-T Q.24: 4 dB and 8 dB
/// in North America, 6 dB either way in Europe). Here as powers: 6.5 and 8.5 dB, for what codecs add.
const TWIST_HIGH_LOUDER: f64 = 4.5;
const TWIST_LOW_LOUDER: f64 = 7.1;

/// By how much a frequency stands out from the others of its group: 8 dB.
const OUTSTANDING: f64 = 6.3;

/// What part of all power both frequencies have.
const SHARE: f64 = 0.72;

/// What is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Pressed(Digit),
    /// With how long it was heard, to a block.
    Released {
        digit: Digit,
        ms: u32,
    },
}

/// The detector of one stream of 8 or 16 kHz. 200 bytes; no allocation.
pub struct Detector {
    rate_hz: u32,
    block_samples: usize,
    bins: [Bin; 8],
    energy: f64,
    seen: usize,
    /// What the last block held.
    last: Option<Digit>,
    held: Option<Held>,
}

struct Held {
    digit: Digit,
    blocks: u32,
    missing: u32,
}

#[derive(Clone, Copy, Default)]
struct Bin {
    coefficient: f64,
    before: f64,
    earlier: f64,
}

impl Detector {
    pub fn new(rate_hz: u32) -> Detector {
        let block_samples = BLOCK_SAMPLES_8_KHZ * rate_hz as usize / 8_000;
        let frequencies = ROWS_HZ.into_iter().chain(COLUMNS_HZ);
        let mut bins = [Bin::default(); 8];
        for (bin, frequency_hz) in bins.iter_mut().zip(frequencies) {
            let step = std::f64::consts::TAU * f64::from(frequency_hz) / f64::from(rate_hz);
            bin.coefficient = 2.0 * step.cos();
        }
        Detector { rate_hz, block_samples, bins, energy: 0.0, seen: 0, last: None, held: None }
    }

    /// Listens to `pcm`, and tells `found` of each key that begins or ends in it.
    pub fn listen(&mut self, pcm: &[i16], mut found: impl FnMut(Key)) {
        for sample in pcm {
            let sample = f64::from(*sample);
            self.energy += sample * sample;
            for bin in &mut self.bins {
                let value = sample + bin.coefficient * bin.before - bin.earlier;
                bin.earlier = bin.before;
                bin.before = value;
            }
            self.seen += 1;
            if self.seen == self.block_samples {
                let digit = self.block();
                self.step(digit, &mut found);
            }
        }
    }

    /// What the block that is over holds.
    fn block(&mut self) -> Option<Digit> {
        let powers = self.bins.map(|bin| {
            let Bin { coefficient, before, earlier } = bin;
            before * before + earlier * earlier - coefficient * before * earlier
        });
        let energy = std::mem::take(&mut self.energy);
        self.seen = 0;
        for bin in &mut self.bins {
            (bin.before, bin.earlier) = (0.0, 0.0);
        }
        // A sine of amplitude A has the power (A·N/2)² in its bin, and the energy N·A²/2 in the block.
        let samples = self.block_samples as f64;
        let (row, low) = strongest(&powers[..4])?;
        let (column, high) = strongest(&powers[4..])?;
        let least = (AMPLITUDE_MIN * samples / 2.0).powi(2);
        let loud = low >= least && high >= least;
        let twisted = high > low * TWIST_HIGH_LOUDER || low > high * TWIST_LOW_LOUDER;
        let alone = (low + high) * 2.0 / samples >= SHARE * energy;
        if loud && !twisted && alone { Digit::at(row, column) } else { None }
    }

    fn step(&mut self, digit: Option<Digit>, found: &mut impl FnMut(Key)) {
        let block_ms_tenths = self.block_samples as u32 * 10_000 / self.rate_hz;
        if let Some(held) = &mut self.held {
            if digit == Some(held.digit) {
                held.blocks += 1 + held.missing;
                held.missing = 0;
            } else {
                held.missing += 1;
                if held.missing == 2 {
                    found(Key::Released { digit: held.digit, ms: held.blocks * block_ms_tenths / 10 });
                    self.held = None;
                }
            }
        }
        if let (None, Some(digit)) = (&self.held, digit)
            && self.last == Some(digit)
        {
            found(Key::Pressed(digit));
            self.held = Some(Held { digit, blocks: 2, missing: 0 });
        }
        self.last = digit;
    }
}

/// The strongest of a group, if it stands out.
fn strongest(powers: &[f64]) -> Option<(usize, f64)> {
    let (at, most) =
        powers.iter().copied().enumerate().max_by(|first, second| first.1.total_cmp(&second.1))?;
    let stands_out =
        powers.iter().enumerate().all(|(other, power)| other == at || power * OUTSTANDING <= most);
    stands_out.then_some((at, most))
}
