//! Every pair of formats, whole and with losses.

use super::*;
use crate::codec::signal::{amplitude, power, sinad_db, speech, steepest, tone};

fn encoded(format: Format, pcm: &[i16], rate_hz: u32) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(format.codec, rate_hz).unwrap();
    let mut payload = [0; PAYLOAD_BYTES_MAX];
    pcm.chunks_exact(rate_hz as usize / 1_000 * usize::from(format.frame_ms))
        .map(|frame| {
            let bytes = encoder.encode(frame, &mut payload).unwrap().unwrap();
            payload[..bytes].to_vec()
        })
        .collect()
}

fn decoded(format: Format, payloads: &[Vec<u8>], rate_hz: u32) -> Vec<i16> {
    let mut decoder = Decoder::new(format.codec, rate_hz).unwrap();
    let mut room = vec![0; FRAME_SAMPLES_MAX];
    let mut pcm = Vec::new();
    for payload in payloads {
        let count = decoder.decode(payload, &mut room).unwrap();
        assert_eq!(count, rate_hz as usize / 1_000 * usize::from(format.frame_ms));
        pcm.extend_from_slice(&room[..count]);
    }
    pcm
}

/// What leaves when `payloads` come; `lost` says which do not.
fn through(from: Format, to: Format, payloads: &[Vec<u8>], lost: impl Fn(usize) -> bool) -> Vec<Vec<u8>> {
    let mut transcoder = Transcoder::new(from, to, 1).unwrap();
    let mut out = Vec::new();
    let mut send = |output: Output<'_>| match output {
        Output::Payload(payload) => out.push(payload.to_vec()),
        Output::Silence => panic!("nothing asked for discontinuous transmission"),
    };
    for (at, payload) in payloads.iter().enumerate() {
        let heard = match payloads.get(at + 1) {
            _ if !lost(at) => Heard::Payload(payload),
            Some(next) if !lost(at + 1) => Heard::LostBefore { ms: from.frame_ms, next },
            Some(_) | None => Heard::Lost { ms: from.frame_ms },
        };
        transcoder.push(heard, &mut send).unwrap();
    }
    out
}

fn pairs() -> impl Iterator<Item = (Codec, Codec)> {
    Codec::ALL.into_iter().flat_map(|from| Codec::ALL.into_iter().map(move |to| (from, to)))
}

#[test]
fn a_tone_passes_every_pair_of_formats() {
    for (from, to) in pairs() {
        let (from, to) = (Format { codec: from, frame_ms: 20 }, Format { codec: to, frame_ms: 20 });
        let rate_hz = from.codec.rate_hz();
        let pcm = tone(1_000.0, 8_000.0, rate_hz, rate_hz as usize * 3 / 2);
        let out = through(from, to, &encoded(from, &pcm, rate_hz), |_| false);
        assert_eq!(out.len(), 75, "{from:?} {to:?}");
        let out_hz = to.codec.rate_hz();
        let heard = decoded(to, &out, out_hz);
        let steady = &heard[out_hz as usize / 2..];
        let (sinad, strength) =
            (sinad_db(steady, 1_000.0, out_hz), amplitude(steady, 1_000.0, out_hz) / 8_000.0);
        let least_db = if from.codec == Codec::Opus || to.codec == Codec::Opus { 12.0 } else { 30.0 };
        println!("{:?} -> {:?}: {sinad:.1} dB, {strength:.2}", from.codec, to.codec);
        assert!(sinad > least_db, "{from:?} {to:?}: {sinad:.1} dB");
        assert!((0.75..1.25).contains(&strength), "{from:?} {to:?}: {strength:.2}");
    }
}

#[test]
fn frames_of_every_length_become_frames_of_every_other() {
    for (from_ms, to_ms) in [(10, 60), (20, 10), (20, 40), (30, 20), (40, 30), (60, 10), (60, 50)] {
        let (from, to) = (
            Format { codec: Codec::Pcma, frame_ms: from_ms },
            Format { codec: Codec::G722, frame_ms: to_ms },
        );
        let pcm = tone(530.0, 8_000.0, 8_000, 9_600);
        let out = through(from, to, &encoded(from, &pcm, 8_000), |_| false);
        assert_eq!(out.len(), 1_200 / usize::from(to_ms), "{from_ms} {to_ms}");
        let heard = decoded(to, &out, 16_000);
        assert!(sinad_db(&heard[4_000..], 530.0, 16_000) > 30.0, "{from_ms} {to_ms}");
    }
    for frame_ms in [0, 5, 25, 70] {
        let format = Format { codec: Codec::Pcma, frame_ms };
        assert!(Transcoder::new(format, format, 1).is_err(), "{frame_ms}");
    }
    let thirty = Format { codec: Codec::Opus, frame_ms: 30 };
    assert!(Transcoder::new(thirty, thirty, 1).is_err());
}

#[test]
fn losses_of_5_and_10_percent_make_no_click_and_no_frame_is_missing() {
    for (from, to) in [
        (Codec::Pcmu, Codec::G722),
        (Codec::G722, Codec::Pcma),
        (Codec::Opus, Codec::Pcma),
        (Codec::Pcma, Codec::Opus),
    ] {
        let (from, to) = (Format { codec: from, frame_ms: 20 }, Format { codec: to, frame_ms: 20 });
        let (in_hz, out_hz) = (from.codec.rate_hz(), to.codec.rate_hz());
        let payloads = encoded(from, &speech(in_hz, 3 * in_hz as usize), in_hz);
        let whole = decoded(to, &through(from, to, &payloads, |_| false), out_hz);
        for every in [20, 10] {
            let out = through(from, to, &payloads, |at| at % every == 7);
            assert_eq!(out.len(), payloads.len());
            let heard = decoded(to, &out, out_hz);
            let (own, made) = (steepest(&whole), steepest(&heard));
            assert!(f64::from(made) < 1.5 * f64::from(own), "{from:?} {to:?} {every}: {own} {made}");
            assert!((0.7..1.3).contains(&(power(&heard) / power(&whole))), "{from:?} {to:?} {every}");
        }
    }
}

#[test]
fn silence_is_filled_with_the_noise_that_was_told() {
    let format = Format { codec: Codec::Pcma, frame_ms: 20 };
    let mut transcoder = Transcoder::new(format, format, 1).unwrap();
    let level = NoiseLevel::from_payload(&[40]);
    let mut last = Vec::new();
    for _ in 0..10 {
        let keep = |output: Output<'_>| {
            if let Output::Payload(payload) = output {
                last = payload.to_vec();
            }
        };
        transcoder.push(Heard::Silence { ms: 20, level }, keep).unwrap();
    }
    let heard = decoded(format, &[last], 8_000);
    assert!(NoiseLevel::of(&heard).to_payload()[0].abs_diff(40) <= 2);
}

#[test]
fn a_bad_payload_costs_no_more_than_itself() {
    let (opus, pcma) =
        (Format { codec: Codec::Opus, frame_ms: 20 }, Format { codec: Codec::Pcma, frame_ms: 20 });
    let mut transcoder = Transcoder::new(opus, pcma, 1).unwrap();
    let mut frames = 0;
    assert_eq!(transcoder.push(Heard::Payload(&[]), |_| frames += 1), Err(CodecError::BadPayload));
    assert_eq!(
        transcoder.push(Heard::Payload(&[0xff, 0xff, 0xff]), |_| frames += 1),
        Err(CodecError::BadPayload)
    );
    assert_eq!(transcoder.push(Heard::Lost { ms: 0 }, |_| frames += 1), Err(CodecError::BadArgument));
    assert_eq!(transcoder.push(Heard::Lost { ms: 20 }, |_| frames += 1), Ok(()));
    assert_eq!(frames, 1);
}
