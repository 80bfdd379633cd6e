//! Sounds for tests, and how far what came out is from what went in.

use std::f64::consts::TAU;

/// A sine of `amplitude`.
pub(crate) fn tone(frequency_hz: f64, amplitude: f64, rate_hz: u32, samples: usize) -> Vec<i16> {
    let step = TAU * frequency_hz / f64::from(rate_hz);
    (0..samples).map(|n| (amplitude * (step * n as f64).sin()).round() as i16).collect()
}

/// Something like speech: harmonics of a pitch that moves around 120 Hz under two formants, in syllables, with a hiss between.
pub(crate) fn speech(rate_hz: u32, samples: usize) -> Vec<i16> {
    let rate = f64::from(rate_hz);
    let (mut phase, mut seed) = (0.0f64, 1u32);
    let mut pcm = Vec::with_capacity(samples);
    for n in 0..samples {
        let t = n as f64 / rate;
        let pitch_hz = 120.0 + 20.0 * (TAU * 0.7 * t).sin();
        phase += TAU * pitch_hz / rate;
        let formants = [500.0 + 200.0 * (TAU * 1.3 * t).sin(), 1_500.0 + 400.0 * (TAU * 0.9 * t).sin()];
        let voiced: f64 = (1..28)
            .map(|harmonic| {
                let frequency = pitch_hz * f64::from(harmonic);
                let gain: f64 = formants
                    .iter()
                    .map(|formant| 1.0 / (1.0 + ((frequency - formant) / 150.0).powi(2)))
                    .sum();
                gain * (phase * f64::from(harmonic)).sin()
            })
            .sum();
        let syllable = (TAU * 2.0 * t).sin().max(0.0).sqrt();
        let hiss = (noise(&mut seed) * 60.0) * (1.0 - syllable);
        pcm.push((2_500.0 * voiced * syllable + hiss).clamp(-32_768.0, 32_767.0) as i16);
    }
    pcm
}

/// Between -1 and 1.
pub(crate) fn noise(seed: &mut u32) -> f64 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    f64::from(*seed >> 8) / 8_388_608.0 - 1.0
}

pub(crate) fn power(pcm: &[i16]) -> f64 {
    pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / pcm.len().max(1) as f64
}

/// Decibels of `wanted` over the difference to `got`.
pub(crate) fn snr_db(wanted: &[i16], got: &[i16]) -> f64 {
    let error: f64 = wanted.iter().zip(got).map(|(w, g)| (f64::from(*w) - f64::from(*g)).powi(2)).sum();
    10.0 * (wanted.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>() / error.max(1e-9)).log10()
}

/// Decibels of the sine of `frequency_hz` that fits best over all else, whatever its phase and strength.
pub(crate) fn sinad_db(pcm: &[i16], frequency_hz: f64, rate_hz: u32) -> f64 {
    let fitted = fit(pcm, frequency_hz, rate_hz);
    let step = TAU * frequency_hz / f64::from(rate_hz);
    let (mut sine, mut rest) = (0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let value = fitted.0 * (step * n as f64).sin() + fitted.1 * (step * n as f64).cos();
        sine += value * value;
        rest += (f64::from(*sample) - value).powi(2);
    }
    10.0 * (sine / f64::max(rest, 1e-9)).log10()
}

/// The strength of the sine of `frequency_hz` that fits best.
pub(crate) fn amplitude(pcm: &[i16], frequency_hz: f64, rate_hz: u32) -> f64 {
    let fitted = fit(pcm, frequency_hz, rate_hz);
    fitted.0.hypot(fitted.1)
}

/// What is left when the sine of `frequency_hz` that fits best is taken away.
pub(crate) fn without(pcm: &[i16], frequency_hz: f64, rate_hz: u32) -> Vec<i16> {
    let fitted = fit(pcm, frequency_hz, rate_hz);
    let step = TAU * frequency_hz / f64::from(rate_hz);
    let value = |n: usize| fitted.0 * (step * n as f64).sin() + fitted.1 * (step * n as f64).cos();
    pcm.iter().enumerate().map(|(n, sample)| (f64::from(*sample) - value(n)).round() as i16).collect()
}

/// Least squares over sine and cosine.
fn fit(pcm: &[i16], frequency_hz: f64, rate_hz: u32) -> (f64, f64) {
    let step = TAU * frequency_hz / f64::from(rate_hz);
    let (mut ss, mut sc, mut cc, mut sy, mut cy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let (sin, cos) = (step * n as f64).sin_cos();
        ss += sin * sin;
        sc += sin * cos;
        cc += cos * cos;
        sy += sin * f64::from(*sample);
        cy += cos * f64::from(*sample);
    }
    let det = ss * cc - sc * sc;
    ((sy * cc - cy * sc) / det, (cy * ss - sy * sc) / det)
}

/// The largest difference between neighbours.
pub(crate) fn steepest(pcm: &[i16]) -> i32 {
    pcm.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or_default()
}
