//! What the filters let through, and what they stop.

use super::*;
use crate::codec::signal::{amplitude, power, snr_db, speech, tone, without};

const RATES: [u32; 3] = [8_000, 16_000, 48_000];

fn pairs() -> impl Iterator<Item = (u32, u32)> {
    RATES
        .into_iter()
        .flat_map(|from| RATES.into_iter().map(move |to| (from, to)))
        .filter(|(from, to)| from != to)
}

/// Resampled in frames of 20 ms.
fn through(from_hz: u32, to_hz: u32, pcm: &[i16]) -> Vec<i16> {
    let mut resampler = Resampler::new(from_hz, to_hz, 1).unwrap();
    let mut room = [0; 960];
    let mut out = Vec::new();
    for frame in pcm.chunks_exact(from_hz as usize / 50) {
        let count = resampler.push(frame, &mut room);
        assert_eq!(count, to_hz as usize / 50, "20 ms give 20 ms");
        out.extend_from_slice(&room[..count]);
    }
    out
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-9).log10()
}

#[test]
fn the_pass_band_is_flat_within_half_a_decibel() {
    for (from_hz, to_hz) in pairs() {
        let half = f64::from(from_hz.min(to_hz)) / 2.0;
        let mut worst = 0.0f64;
        for part in 1..=20 {
            let frequency_hz = half * 0.83 * f64::from(part) / 20.0;
            let out = through(from_hz, to_hz, &tone(frequency_hz, 10_000.0, from_hz, from_hz as usize / 5));
            let steady = &out[out.len() / 2..];
            worst = worst.max(db(amplitude(steady, frequency_hz, to_hz) / 10_000.0).abs());
        }
        println!("{from_hz} -> {to_hz}: ripple {worst:.3} dB");
        assert!(worst < 0.1, "{from_hz} {to_hz}: {worst:.3} dB");
    }
}

#[test]
fn what_would_alias_is_60_decibels_down() {
    for (from_hz, to_hz) in pairs().filter(|(from, to)| from > to) {
        let half = f64::from(to_hz) / 2.0;
        let mut worst = f64::NEG_INFINITY;
        for part in 0..30 {
            // From the far end of the slope up to the end of what the higher rate holds.
            let first = 2.0 * half - half * 0.83;
            let frequency_hz = first + (f64::from(from_hz) / 2.0 - 10.0 - first) * f64::from(part) / 30.0;
            let out = through(from_hz, to_hz, &tone(frequency_hz, 30_000.0, from_hz, from_hz as usize / 5));
            // What is left is compared with the sine that went in.
            worst = worst.max(db((power(&out[out.len() / 2..]) * 2.0).sqrt() / 30_000.0));
        }
        println!("{from_hz} -> {to_hz}: alias {worst:.1} dB");
        assert!(worst < -70.0, "{from_hz} {to_hz}: {worst:.1} dB");
    }
}

#[test]
fn images_are_60_decibels_down() {
    for (from_hz, to_hz) in pairs().filter(|(from, to)| from < to) {
        let mut worst = f64::NEG_INFINITY;
        for part in 1..=20 {
            let frequency_hz = f64::from(from_hz) / 2.0 * 0.83 * f64::from(part) / 20.0;
            let out = through(from_hz, to_hz, &tone(frequency_hz, 30_000.0, from_hz, from_hz as usize / 5));
            let steady = &without(&out[out.len() / 2..], frequency_hz, to_hz);
            let factor = to_hz / from_hz;
            for image in 1..=factor / 2 {
                let image_hz = f64::from(image * from_hz) - frequency_hz;
                worst = worst.max(db(amplitude(steady, image_hz, to_hz) / 30_000.0));
            }
        }
        println!("{from_hz} -> {to_hz}: image {worst:.1} dB");
        assert!(worst < -70.0, "{from_hz} {to_hz}: {worst:.1} dB");
    }
}

#[test]
fn speech_that_goes_up_and_down_again_is_the_same_speech() {
    for (from_hz, to_hz) in pairs().filter(|(from, to)| from < to) {
        let pcm = speech(from_hz, from_hz as usize);
        let back = through(to_hz, from_hz, &through(from_hz, to_hz, &pcm));
        let up =
            Resampler::new(from_hz, to_hz, 1).unwrap().delay_samples() * from_hz as usize / to_hz as usize;
        let down = Resampler::new(to_hz, from_hz, 1).unwrap().delay_samples();
        let ratio = snr_db(&pcm[..pcm.len() - up - down], &back[up + down..]);
        println!("{from_hz} -> {to_hz} -> {from_hz}: {ratio:.1} dB");
        assert!(ratio > 30.0, "{from_hz} {to_hz}: {ratio:.1} dB");
    }
}

#[test]
fn both_channels_of_stereo_are_what_each_is_alone() {
    for (from_hz, to_hz) in pairs() {
        let (left, right) =
            (speech(from_hz, from_hz as usize / 5), tone(700.0, 9_000.0, from_hz, from_hz as usize / 5));
        let both: Vec<i16> = left.iter().zip(&right).flat_map(|(left, right)| [*left, *right]).collect();
        let mut resampler = Resampler::new(from_hz, to_hz, 2).unwrap();
        let mut out = vec![0; resampler.output_max(both.len())];
        let count = resampler.push(&both, &mut out);
        assert_eq!(count, 2 * to_hz as usize / 5);
        let channel = |at: usize| out[..count].iter().skip(at).step_by(2).copied().collect::<Vec<_>>();
        assert_eq!(channel(0), through(from_hz, to_hz, &left));
        assert_eq!(channel(1), through(from_hz, to_hz, &right));
    }
}

#[test]
fn the_same_rate_changes_nothing_and_others_are_refused() {
    let pcm = speech(16_000, 320);
    assert_eq!(through(16_000, 16_000, &pcm), pcm);
    for (from_hz, to_hz, channels) in
        [(44_100, 48_000, 1), (8_000, 24_000, 1), (8_000, 16_000, 0), (8_000, 16_000, 3)]
    {
        assert!(Resampler::new(from_hz, to_hz, channels).is_err());
    }
}

#[test]
fn the_loudest_saturates_and_does_not_wrap() {
    let square: Vec<i16> = (0..8_000).map(|n| if n / 20 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    for sample in through(8_000, 48_000, &square).iter().skip(960).step_by(120) {
        assert!(sample.unsigned_abs() > 20_000 || *sample == 0, "{sample}");
    }
    let out = through(8_000, 48_000, &square);
    assert!(out.contains(&i16::MAX) && out.contains(&i16::MIN));
}
