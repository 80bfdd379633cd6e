//! Music for who waits: a piece of our own, made of samples by rule, so that it needs no file and no licence.
//!
//! Eight bars of broken chords with a tune above them, 16 seconds, which end where they begin.

use std::f64::consts::TAU;

/// How long it is.
pub const PIECE_MS: usize = BARS.len() * BAR_MS;

const BAR_MS: usize = 2_000;
/// Of a note; it has faded by then.
const NOTE_MS: usize = 2_500;
const FADE_MS: f64 = 550.0;
const ATTACK_MS: f64 = 12.0;
/// The loudest sample: some 11 dB below the loudest that there is, so that the music lies below speech.
const PEAK: f64 = 9_000.0;

/// The notes of each chord and the tune above it, as keys of a piano (60 is the middle C); 0 is a rest.
const BARS: [([u8; 4], [u8; 4]); 8] = [
    ([48, 55, 60, 64], [76, 0, 79, 0]),
    ([45, 52, 57, 60], [72, 0, 76, 0]),
    ([53, 57, 60, 65], [69, 72, 0, 77]),
    ([55, 59, 62, 67], [74, 0, 71, 0]),
    ([48, 55, 60, 64], [79, 0, 76, 72]),
    ([45, 52, 57, 60], [69, 0, 72, 0]),
    ([50, 57, 62, 65], [77, 0, 74, 0]),
    ([55, 59, 62, 67], [71, 74, 0, 0]),
];

/// The piece at 8 or 16 kHz: 256 or 512 kB. Made once and shared.
pub fn piece(rate_hz: u32) -> Vec<i16> {
    let per_ms = rate_hz as usize / 1_000;
    let mut sum = vec![0.0; PIECE_MS * per_ms];
    for (bar, (chord, tune)) in BARS.iter().enumerate() {
        for eighth in 0..8 {
            // Up and down again.
            let note = chord[[0, 1, 2, 3, 2, 3, 2, 1][eighth]];
            add(&mut sum, bar * BAR_MS + eighth * BAR_MS / 8, note, 0.55, rate_hz);
        }
        for (quarter, note) in tune.iter().enumerate().filter(|(_, note)| **note > 0) {
            add(&mut sum, bar * BAR_MS + quarter * BAR_MS / 4, *note, 0.8, rate_hz);
        }
    }
    let loudest = sum.iter().fold(1.0, |loudest: f64, sample| loudest.max(sample.abs()));
    sum.iter().map(|sample| (sample / loudest * PEAK) as i16).collect()
}

/// A soft note that begins at `at_ms`; what would sound after the end sounds at the beginning.
fn add(sum: &mut [f64], at_ms: usize, note: u8, strength: f64, rate_hz: u32) {
    let frequency_hz = 440.0 * ((f64::from(note) - 69.0) / 12.0).exp2();
    let per_ms = f64::from(rate_hz) / 1_000.0;
    let begin = (at_ms as f64 * per_ms) as usize;
    for sample in 0..(NOTE_MS as f64 * per_ms) as usize {
        let ms = sample as f64 / per_ms;
        let phase = TAU * frequency_hz * ms / 1_000.0;
        let timbre = phase.sin() + 0.25 * (2.0 * phase).sin() + 0.06 * (3.0 * phase).sin();
        let envelope = (ms / ATTACK_MS).min(1.0) * (-ms / FADE_MS).exp();
        let length = sum.len();
        sum[(begin + sample) % length] += strength * envelope * timbre;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_piece_is_heard_throughout_never_clipped_and_ends_where_it_begins() {
        for rate_hz in [8_000, 16_000] {
            let piece = piece(rate_hz);
            assert_eq!(piece.len(), PIECE_MS * rate_hz as usize / 1_000);
            assert_eq!(piece.iter().map(|sample| sample.unsigned_abs()).max(), Some(9_000));
            for second in piece.chunks(rate_hz as usize) {
                let energy: f64 = second.iter().map(|sample| f64::from(*sample).powi(2)).sum();
                assert!((energy / second.len() as f64).sqrt() > 700.0);
            }
            let step = |a: i16, b: i16| (i32::from(a) - i32::from(b)).abs();
            let steepest = piece.windows(2).map(|pair| step(pair[0], pair[1])).max().unwrap();
            assert!(step(piece[0], piece[piece.len() - 1]) <= steepest);
        }
    }
}
