//! What is heard in place of a lost frame of G.711 or G.722: the last pitch period again and again, ever softer.
//!
//! It follows the ideas of ITU-T G.711 appendix I: search of the pitch by correlation, periods joined by overlap, full
//! strength for 10 ms and silence after 60, and a cross-fade into the first frame that arrives. What is simplified: nothing is
//! held back, so sound is not 3.75 ms later; instead the first sample begins where the last one ended and the difference
//! fades. And one period is repeated where the appendix changes over to two and three. For G.722 this is applied to the
//! decoded samples, while the decoder itself is left as it was (its own appendices III and IV do better at greater cost).

/// Shortest and longest pitch period, 200 Hz down to 66 Hz, in tenths of a millisecond (appendix I, section I.2.2).
const PERIOD_MIN_TENTHS_MS: usize = 50;
const PERIOD_MAX_TENTHS_MS: usize = 150;

/// What is compared with what was a period before.
const WINDOW_TENTHS_MS: usize = 200;

/// How long full strength lasts, and how long sound.
const FULL_TENTHS_MS: usize = 100;
const SOUND_TENTHS_MS: usize = 600;

/// How long it takes to go over into what arrives.
const FADE_TENTHS_MS: usize = 50;

/// The memory of one stream of one channel: 50 ms of samples and one period, 2 KB at 16 kHz.
pub struct Concealer {
    rate_hz: usize,
    /// What was heard last, oldest first.
    history: Box<[i16]>,
    /// The period that is repeated, and how much of the memory of it is in use; none while nothing is lost.
    cycle: Box<[i16]>,
    loss: Option<Loss>,
}

struct Loss {
    period: usize,
    /// Samples made since the loss began.
    made: usize,
    /// By how much the first sample would have leapt.
    leap: f32,
}

impl Concealer {
    /// For streams of 8, 16 or 48 kHz.
    pub fn new(rate_hz: u32) -> Concealer {
        let rate_hz = rate_hz as usize;
        let history = vec![0; rate_hz / 20].into_boxed_slice();
        let cycle = vec![0; rate_hz * PERIOD_MAX_TENTHS_MS / 10_000 + 1].into_boxed_slice();
        Concealer { rate_hz, history, cycle, loss: None }
    }

    /// A frame has been decoded: it is remembered, and begins where the concealment ended.
    pub fn received(&mut self, pcm: &mut [i16]) {
        if self.loss.is_some() {
            let fade = self.samples(FADE_TENTHS_MS).min(pcm.len());
            for (at, sample) in pcm[..fade].iter_mut().enumerate() {
                let weight = (at as f32 + 1.0) / (fade as f32 + 1.0);
                let made = self.make();
                *sample = (f32::from(*sample) * weight + made * (1.0 - weight)) as i16;
            }
            self.loss = None;
        }
        self.remember(pcm);
    }

    /// A frame is lost: `pcm` is filled.
    pub fn lost(&mut self, pcm: &mut [i16]) {
        self.splice();
        for sample in pcm.iter_mut() {
            *sample = self.make() as i16;
        }
        self.remember(pcm);
    }

    /// What arrives next does not follow what was heard: it is joined as after a loss.
    pub fn splice(&mut self) {
        if self.loss.is_none() {
            self.begin();
        }
    }

    fn begin(&mut self) {
        let period = self.pitch();
        let end = self.history.len();
        let overlap = period / 4;
        self.cycle[..period].copy_from_slice(&self.history[end - period..]);
        // The end of the period goes over into what came before its begin, so that repeating makes no step.
        for at in 0..overlap {
            let weight = (at as f32 + 1.0) / overlap as f32;
            let before = f32::from(self.history[end - period - overlap + at]);
            let sample = &mut self.cycle[period - overlap + at];
            *sample = (f32::from(*sample) * (1.0 - weight) + before * weight) as i16;
        }
        let leap = f32::from(self.history[end - 1]) - f32::from(self.history[end - 1 - period]);
        self.loss = Some(Loss { period, made: 0, leap });
    }

    /// The next sample of the concealment.
    fn make(&mut self) -> f32 {
        let (full, sound) = (self.samples(FULL_TENTHS_MS), self.samples(SOUND_TENTHS_MS));
        let fade = self.samples(FADE_TENTHS_MS);
        let Some(loss) = &mut self.loss else { return 0.0 };
        let made = loss.made;
        loss.made = made.saturating_add(1);
        if made >= sound {
            return 0.0;
        }
        let leap = loss.leap * (1.0 - made as f32 / fade as f32).max(0.0);
        let strength = 1.0 - made.saturating_sub(full) as f32 / (sound - full) as f32;
        ((f32::from(self.cycle[made % loss.period]) + leap) * strength).clamp(-32_768.0, 32_767.0)
    }

    /// The lag at which the last 20 ms resemble what was before them most, by normalised correlation.
    fn pitch(&self) -> usize {
        let (shortest, longest) = (self.samples(PERIOD_MIN_TENTHS_MS), self.samples(PERIOD_MAX_TENTHS_MS));
        let window = self.samples(WINDOW_TENTHS_MS);
        let end = self.history.len();
        let last = &self.history[end - window..];
        // Of lags that resemble equally, as in silence, the longest repeats least.
        let mut best = (0.0, longest);
        for lag in (shortest..=longest).rev() {
            let before = &self.history[end - window - lag..end - lag];
            let (mut product, mut energy) = (0i64, 0i64);
            for (sample, earlier) in last.iter().zip(before) {
                product += i64::from(*sample) * i64::from(*earlier);
                energy += i64::from(*earlier) * i64::from(*earlier);
            }
            let likeness = product as f64 / (energy as f64 + 1.0).sqrt();
            if likeness > best.0 {
                best = (likeness, lag);
            }
        }
        best.1
    }

    fn remember(&mut self, pcm: &[i16]) {
        let length = self.history.len();
        if pcm.len() >= length {
            self.history.copy_from_slice(&pcm[pcm.len() - length..]);
        } else {
            self.history.copy_within(pcm.len().., 0);
            self.history[length - pcm.len()..].copy_from_slice(pcm);
        }
    }

    fn samples(&self, tenths_ms: usize) -> usize {
        self.rate_hz * tenths_ms / 10_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::signal::{power, snr_db, speech, steepest, tone};

    const FRAME: usize = 160;

    /// What is heard when the frames for which `lost` says so do not arrive.
    fn heard(pcm: &[i16], lost: impl Fn(usize) -> bool) -> Vec<i16> {
        let mut concealer = Concealer::new(8_000);
        let mut out = pcm.to_vec();
        for (at, frame) in out.chunks_exact_mut(FRAME).enumerate() {
            if lost(at) { concealer.lost(frame) } else { concealer.received(frame) }
        }
        out
    }

    #[test]
    fn a_lost_frame_of_a_vowel_is_made_out_of_the_one_before() {
        let pcm: Vec<i16> = tone(200.0, 6_000.0, 8_000, 16_000)
            .iter()
            .zip(tone(400.0, 3_000.0, 8_000, 16_000))
            .map(|(first, second)| first + second)
            .collect();
        let out = heard(&pcm, |at| at % 10 == 9);
        assert!(snr_db(&pcm, &out) > 20.0, "{}", snr_db(&pcm, &out));
        let silent = {
            let mut silent = pcm.clone();
            silent.chunks_exact_mut(FRAME).skip(9).step_by(10).for_each(|frame| frame.fill(0));
            silent
        };
        assert!(snr_db(&pcm, &silent) < 11.0);
    }

    #[test]
    fn no_step_is_steeper_than_the_speech_itself_at_5_and_10_percent_loss() {
        let pcm = speech(8_000, 40_000);
        for every in [20, 10] {
            // Losses begin in all phases of the syllables, and every fourth is of two frames.
            let out = heard(&pcm, |at| at % every == 7 || at % (4 * every) == 8);
            let (own, made) = (steepest(&pcm), steepest(&out));
            assert!(f64::from(made) < 1.25 * f64::from(own), "{own} {made}");
            assert!(snr_db(&pcm, &out) > 6.0, "{}", snr_db(&pcm, &out));
        }
    }

    #[test]
    fn a_long_loss_ends_in_silence_and_sound_comes_back_without_a_step() {
        let pcm = tone(300.0, 10_000.0, 8_000, 40 * FRAME);
        let out = heard(&pcm, |at| (10..20).contains(&at));
        assert!(power(&out[10 * FRAME..11 * FRAME]) > 0.5 * power(&pcm[..FRAME]));
        assert_eq!(power(&out[13 * FRAME..20 * FRAME]), 0.0);
        assert!(f64::from(steepest(&out)) < 1.3 * f64::from(steepest(&pcm)), "{}", steepest(&out));
        assert_eq!(out[25 * FRAME..], pcm[25 * FRAME..]);
    }

    #[test]
    fn sound_without_a_period_begins_to_be_made_up_where_it_was() {
        // 50 Hz is beyond the longest period that is looked for, so no lag fits.
        let pcm = tone(50.0, 10_000.0, 8_000, 40 * FRAME);
        for first in 10..18 {
            let out = heard(&pcm, |at| at == first);
            assert!(steepest(&out) < 4 * steepest(&pcm), "{first}: {}", steepest(&out));
        }
    }

    #[test]
    fn a_loss_before_all_sound_is_silence() {
        assert_eq!(heard(&[0; 4 * FRAME], |_| true), [0; 4 * FRAME]);
    }
}
