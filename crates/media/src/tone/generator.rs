//! Samples of tones, frame after frame.

use std::f64::consts::TAU;

use super::Digit;
use super::plan::{Part, Region, Signal, cadence};

/// Strength of each frequency: -13 dBm0, so that two of them are at the -10 dBm0 of ITU-T E.180 section 8. 0 dBm0 is 3.14
/// dB below a sine that just fits (G.711 section 4).
const AMPLITUDE: f64 = 32_767.0 * 0.156;

/// How long a tone takes to begin and to end, so that it does not click, in milliseconds.
const RAMP_MS: usize = 3;

/// Makes one tone. It allocates nothing.
#[derive(Clone, Debug)]
pub struct Generator {
    rate_hz: u32,
    cadence: Cadence,
    part: usize,
    /// Samples of this part that have been made.
    made: usize,
    phases: [f64; 2],
}

#[derive(Clone, Copy, Debug)]
enum Cadence {
    Repeated(&'static [Part]),
    /// A key: sound, then a pause, then the end.
    Once([Part; 2]),
}

impl Generator {
    /// A tone without end.
    pub fn signal(region: Region, signal: Signal, rate_hz: u32) -> Generator {
        Generator::new(Cadence::Repeated(cadence(region, signal)), rate_hz)
    }

    /// A key of `on_ms`, and the pause after it. ITU-T Q.24 asks for at least 40 ms of either.
    pub fn digit(digit: Digit, on_ms: u16, off_ms: u16, rate_hz: u32) -> Generator {
        let (low, high) = digit.frequencies_hz();
        let sound = Part { frequencies_hz: [low, high], ms: on_ms };
        Generator::new(Cadence::Once([sound, Part { frequencies_hz: [0, 0], ms: off_ms }]), rate_hz)
    }

    /// A short tone that says that the call is recorded: 1,400 Hz for half a second, 15 seconds apart (ITU-T E.180 section 5.8).
    pub fn recording(rate_hz: u32) -> Generator {
        const BEEP: &[Part] =
            &[Part { frequencies_hz: [1_400, 0], ms: 500 }, Part { frequencies_hz: [0, 0], ms: 14_500 }];
        Generator::new(Cadence::Repeated(BEEP), rate_hz)
    }

    fn new(cadence: Cadence, rate_hz: u32) -> Generator {
        Generator { rate_hz, cadence, part: 0, made: 0, phases: [0.0; 2] }
    }

    /// Fills `pcm`, and gives how many of its samples are part of the tone: all, until a key is over. The rest is silence.
    pub fn fill(&mut self, pcm: &mut [i16]) -> usize {
        for at in 0..pcm.len() {
            let Some(part) = self.part() else {
                pcm[at..].fill(0);
                return at;
            };
            pcm[at] = self.sample(part);
        }
        pcm.len()
    }

    /// The part in which the next sample lies.
    fn part(&mut self) -> Option<Part> {
        loop {
            let parts = match &self.cadence {
                Cadence::Repeated(parts) => parts,
                Cadence::Once(parts) => parts.as_slice(),
            };
            let part = *parts.get(self.part)?;
            // A tone of one part goes on without a seam.
            if self.made < self.length(part) || matches!(self.cadence, Cadence::Repeated([_])) {
                return Some(part);
            }
            self.made = 0;
            self.phases = [0.0; 2];
            self.part += 1;
            if self.part == parts.len() && matches!(self.cadence, Cadence::Repeated(_)) {
                self.part = 0;
            }
        }
    }

    fn sample(&mut self, part: Part) -> i16 {
        let mut value = 0.0;
        for (phase, frequency_hz) in self.phases.iter_mut().zip(part.frequencies_hz) {
            if frequency_hz > 0 {
                value += phase.sin();
                *phase = (*phase + TAU * f64::from(frequency_hz) / f64::from(self.rate_hz)) % TAU;
            }
        }
        let ramp = self.rate_hz as usize * RAMP_MS / 1_000;
        let seamless = matches!(self.cadence, Cadence::Repeated([_]));
        let left = if seamless { ramp } else { self.length(part) - self.made };
        let strength = self.made.min(left).min(ramp) as f64 / ramp as f64;
        self.made = self.made.saturating_add(1);
        (value * strength * AMPLITUDE) as i16
    }

    fn length(&self, part: Part) -> usize {
        self.rate_hz as usize * usize::from(part.ms) / 1_000
    }
}
