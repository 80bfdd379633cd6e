//! Which tone is in a WAV file: the share of a frequency in the signal, by the Goertzel algorithm.

use coeur_media::tone::{Digit, Generator};
use std::path::Path;

pub struct Wav {
    pub rate_hz: u32,
    pub samples: Vec<f32>,
}

/// Reads 16-bit PCM; takes the first channel. Tolerates a header whose length was never written (a killed writer).
pub fn read(path: &Path) -> Option<Wav> {
    read_channel(path, 0)
}

/// The same of another channel.
pub fn read_channel(path: &Path, channel: usize) -> Option<Wav> {
    let bytes = std::fs::read(path).ok()?;
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WAVE" {
        return None;
    }
    let u16_at = |i: usize| Some(u16::from_le_bytes(bytes.get(i..i + 2)?.try_into().ok()?));
    let u32_at = |i: usize| Some(u32::from_le_bytes(bytes.get(i..i + 4)?.try_into().ok()?));
    let (mut at, mut rate_hz, mut channels) = (12, 8_000, 1usize);
    while let (Some(kind), Some(length)) = (bytes.get(at..at + 4), u32_at(at + 4)) {
        if kind == b"fmt " {
            channels = u16_at(at + 10)?.max(1) as usize;
            rate_hz = u32_at(at + 12)?;
        }
        if kind == b"data" {
            let data = &bytes[at + 8..];
            let samples = data
                .chunks_exact(2 * channels)
                .filter_map(|frame| {
                    Some(i16::from_le_bytes(frame.get(2 * channel..2 * channel + 2)?.try_into().ok()?))
                })
                .map(|sample| f32::from(sample) / 32_768.0)
                .collect();
            return Some(Wav { rate_hz, samples });
        }
        at += 8 + length as usize + (length as usize & 1);
    }
    None
}

/// Seconds of `frequency_hz` heard, in windows of 100 ms in which that tone holds most of the energy.
pub fn seconds_of(wav: &Wav, frequency_hz: f32) -> f32 {
    let window = (wav.rate_hz / 10) as usize;
    let heard =
        wav.samples.chunks_exact(window).filter(|w| share(w, wav.rate_hz, frequency_hz) > 0.5).count();
    heard as f32 / 10.0
}

/// Seconds in which all of these tones are heard, each with its part of the energy, and that other one is not.
pub fn seconds_of_all(wav: &Wav, frequencies_hz: &[f32], without_hz: f32) -> f32 {
    let window = (wav.rate_hz / 10) as usize;
    let least = 0.5 / frequencies_hz.len() as f32;
    let is_heard = |samples: &&[f32]| {
        frequencies_hz.iter().all(|hz| share(samples, wav.rate_hz, *hz) > least)
            && share(samples, wav.rate_hz, without_hz) < 0.05
    };
    wav.samples.chunks_exact(window).filter(is_heard).count() as f32 / 10.0
}

/// Share of the energy of `samples` that lies at `frequency_hz`, 0 to 1. Silence has none.
fn share(samples: &[f32], rate_hz: u32, frequency_hz: f32) -> f32 {
    let energy: f32 = samples.iter().map(|s| s * s).sum();
    if energy < 1e-4 * samples.len() as f32 {
        return 0.0;
    }
    let coefficient = 2.0 * (2.0 * std::f32::consts::PI * frequency_hz / rate_hz as f32).cos();
    let (mut one, mut two) = (0.0f32, 0.0f32);
    for sample in samples {
        let next = sample + coefficient * one - two;
        (two, one) = (one, next);
    }
    let power = one * one + two * two - coefficient * one * two;
    (2.0 * power / (samples.len() as f32 * energy)).min(1.0)
}

/// Five minutes of a tone, 16-bit mono at 8 kHz: baresip hangs up when its file is at the end.
pub fn wav(frequency_hz: u32) -> Vec<u8> {
    let samples = (0..SAMPLES).map(|i| {
        let angle = i as f32 * frequency_hz as f32 * 2.0 * std::f32::consts::PI / 8_000.0;
        (angle.sin() * 12_000.0) as i16
    });
    file(samples)
}

/// Five minutes in which these keys are pressed after two seconds, each for 120 ms and half a second after the one before.
pub fn keys(digits: &str) -> Vec<u8> {
    let mut samples = vec![0; 16_000];
    for digit in digits.chars() {
        let digit = Digit::from_char(digit).expect("a key");
        let mut pressed = [0; 4_000];
        Generator::digit(digit, 120, 380, 8_000).fill(&mut pressed);
        samples.extend(pressed);
    }
    samples.resize(SAMPLES, 0);
    file(samples.into_iter())
}

/// Of five minutes.
const SAMPLES: usize = 8_000 * 300;

fn file(samples: impl Iterator<Item = i16>) -> Vec<u8> {
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut wav = Vec::with_capacity(data.len() + 44);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data.len() as u32).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    for value in [16u32, 0x0001_0001, 8_000, 16_000, 0x0010_0002] {
        wav.extend_from_slice(&value.to_le_bytes());
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&(data.len() as u32).to_le_bytes());
    wav.extend_from_slice(&data);
    wav
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(frequency_hz: f32) -> Wav {
        let samples =
            (0..8_000).map(|i| 0.5 * (i as f32 * frequency_hz * 2.0 * std::f32::consts::PI / 8_000.0).sin());
        Wav { rate_hz: 8_000, samples: samples.collect() }
    }

    #[test]
    fn a_tone_is_found_at_its_frequency_and_not_at_another() {
        assert!(seconds_of(&sine(440.0), 440.0) > 0.9);
        assert_eq!(seconds_of(&sine(440.0), 660.0), 0.0);
    }

    #[test]
    fn silence_holds_no_tone() {
        let wav = Wav { rate_hz: 8_000, samples: vec![0.0; 8_000] };
        assert_eq!(seconds_of(&wav, 440.0), 0.0);
    }
}
