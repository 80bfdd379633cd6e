//! What each codec does to tones and speech, whole and with losses.

use super::signal::{amplitude, power, sinad_db, snr_db, speech, steepest, tone};
use super::*;

/// What is heard of `pcm` in frames of 20 ms; `lost` says which do not arrive.
fn heard(codec: Codec, rate_hz: u32, pcm: &[i16], lost: impl Fn(usize) -> bool) -> Vec<i16> {
    let frame = rate_hz as usize / 50;
    let mut encoder = Encoder::new(codec, rate_hz).unwrap();
    let mut decoder = Decoder::new(codec, rate_hz).unwrap();
    let mut out = Vec::new();
    let mut missing = false;
    let mut payload = [0; PAYLOAD_BYTES_MAX];
    let mut room = vec![0; frame];
    for (at, frame) in pcm.chunks_exact(frame).enumerate() {
        let bytes = encoder.encode(frame, &mut payload).unwrap().expect("no silence");
        let gone = lost(at);
        // As a jitter buffer does: a loss is filled when the next packet is there, or is seen not to be.
        if missing {
            let count = if gone {
                decoder.conceal(&mut room).unwrap()
            } else {
                decoder.recover(&payload[..bytes], &mut room).unwrap()
            };
            assert_eq!(count, frame.len());
            out.extend_from_slice(&room);
        }
        if !gone {
            assert_eq!(decoder.decode(&payload[..bytes], &mut room), Ok(frame.len()));
            out.extend_from_slice(&room);
        }
        missing = gone;
    }
    out
}

#[test]
fn tones_pass_every_codec_with_their_strength_and_little_distortion() {
    // Signal to noise and distortion: of G.711 by its steps, of G.722 by its lower band, of Opus by what it codes.
    for (codec, rate_hz, least_db) in [
        (Codec::Pcmu, 8_000, 35.0),
        (Codec::Pcma, 8_000, 35.0),
        (Codec::G722, 16_000, 35.0),
        (Codec::Opus, 8_000, 14.0),
        (Codec::Opus, 16_000, 14.0),
        (Codec::Opus, 48_000, 14.0),
    ] {
        for frequency_hz in [440.0, 1_000.0] {
            let pcm = tone(frequency_hz, 8_000.0, rate_hz, 2 * rate_hz as usize);
            let out = heard(codec, rate_hz, &pcm, |_| false);
            let steady = &out[rate_hz as usize..];
            let sinad = sinad_db(steady, frequency_hz, rate_hz);
            let strength = amplitude(steady, frequency_hz, rate_hz) / 8_000.0;
            assert!(sinad > least_db, "{codec:?} {rate_hz} {frequency_hz}: {sinad:.1} dB");
            assert!((0.84..1.19).contains(&strength), "{codec:?} {rate_hz} {frequency_hz}: {strength:.2}");
        }
    }
}

#[test]
fn speech_passes_every_codec() {
    for (codec, rate_hz, least_db) in [
        (Codec::Pcmu, 8_000, 34.0),
        (Codec::Pcma, 8_000, 34.0),
        (Codec::G722, 16_000, 18.0),
        (Codec::Opus, 8_000, 6.0),
        (Codec::Opus, 16_000, 6.0),
        (Codec::Opus, 48_000, 6.0),
    ] {
        let pcm = speech(rate_hz, 2 * rate_hz as usize);
        let out = heard(codec, rate_hz, &pcm, |_| false);
        let delay = best_delay(&pcm, &out, rate_hz as usize / 50);
        let told = Encoder::new(codec, rate_hz).unwrap().delay_samples();
        let ratio = snr_db(&pcm[..out.len() - delay], &out[delay..]);
        assert!(ratio > least_db, "{codec:?} {rate_hz}: {ratio:.1} dB at {delay}");
        // The high-pass of Opus for speech turns phases, so its best delay is not to the sample.
        assert!(delay.abs_diff(told) <= rate_hz as usize / 2_000, "{codec:?} {rate_hz}: {delay} {told}");
    }
}

#[test]
fn no_click_is_heard_when_5_or_10_percent_are_lost() {
    for (codec, rate_hz) in
        [(Codec::Pcma, 8_000), (Codec::G722, 16_000), (Codec::Opus, 16_000), (Codec::Opus, 48_000)]
    {
        let pcm = speech(rate_hz, 4 * rate_hz as usize);
        let whole = heard(codec, rate_hz, &pcm, |_| false);
        for every in [20, 10] {
            let out = heard(codec, rate_hz, &pcm, |at| at % every == 7);
            let (own, made) = (steepest(&whole), steepest(&out));
            assert!(f64::from(made) < 1.4 * f64::from(own), "{codec:?} {rate_hz} 1/{every}: {own} {made}");
            let loudness = power(&out) / power(&whole[..out.len()]);
            assert!((0.7..1.3).contains(&loudness), "{codec:?} {rate_hz} 1/{every}: {loudness:.2}");
        }
    }
}

#[test]
fn the_copy_in_the_next_opus_packet_is_better_than_a_guess() {
    let pcm = speech(16_000, 64_000);
    let settings = OpusSettings { loss_percent: 20, bits_per_second: 32_000, ..OpusSettings::speech(16_000) };
    let mut encoder = Encoder::opus(16_000, 1, coeur_opus::Application::Voip, settings).unwrap();
    let packets: Vec<Vec<u8>> = pcm
        .chunks_exact(320)
        .map(|frame| {
            let mut payload = [0; PAYLOAD_BYTES_MAX];
            let bytes = encoder.encode(frame, &mut payload).unwrap().unwrap();
            payload[..bytes].to_vec()
        })
        .collect();
    assert!(packets.iter().filter(|packet| coeur_opus::carries_previous(packet)).count() > packets.len() / 4);
    let listen = |lost: &dyn Fn(usize) -> bool, copies: bool| {
        let mut decoder = Decoder::new(Codec::Opus, 16_000).unwrap();
        let mut out = Vec::new();
        let mut room = [0; 320];
        for (at, packet) in packets.iter().enumerate() {
            if lost(at) {
                match (copies, packets.get(at + 1)) {
                    (true, Some(next)) => decoder.recover(next, &mut room).unwrap(),
                    (true, None) | (false, _) => decoder.conceal(&mut room).unwrap(),
                };
            } else {
                decoder.decode(packet, &mut room).unwrap();
            }
            out.extend_from_slice(&room);
        }
        out
    };
    let whole = listen(&|_| false, false);
    let lost = |at: usize| at % 5 == 3;
    let (with, without) = (snr_db(&whole, &listen(&lost, true)), snr_db(&whole, &listen(&lost, false)));
    assert!(with > without + 2.0, "{with:.1} dB {without:.1} dB");
}

#[test]
fn silence_of_opus_is_not_sent_and_other_codecs_always_send() {
    let settings = OpusSettings { discontinuous: true, ..OpusSettings::speech(16_000) };
    let mut encoder = Encoder::opus(16_000, 1, coeur_opus::Application::Voip, settings).unwrap();
    let mut payload = [0; PAYLOAD_BYTES_MAX];
    let sent = (0..100).filter(|_| encoder.encode(&[0; 320], &mut payload).unwrap().is_some()).count();
    assert!(sent < 50, "{sent}");
    assert_eq!(Encoder::new(Codec::Pcma, 8_000).unwrap().encode(&[0; 160], &mut payload), Ok(Some(160)));
}

#[test]
fn frames_of_10_to_60_ms_are_taken_and_no_others() {
    let mut payload = [0; PAYLOAD_BYTES_MAX];
    for codec in Codec::ALL {
        let rate_hz = codec.rate_hz();
        let mut encoder = Encoder::new(codec, rate_hz).unwrap();
        let mut decoder = Decoder::new(codec, rate_hz).unwrap();
        for ms in [10, 20, 40, 60] {
            let pcm = tone(440.0, 8_000.0, rate_hz, rate_hz as usize * ms / 1_000);
            let bytes = encoder.encode(&pcm, &mut payload).unwrap().unwrap();
            let mut room = vec![0; pcm.len()];
            assert_eq!(decoder.decode(&payload[..bytes], &mut room), Ok(pcm.len()), "{codec:?} {ms}");
            assert_eq!(decoder.decode(&payload[..bytes], &mut room[1..]), Err(CodecError::NoRoom));
        }
        let long = vec![0; rate_hz as usize * 61 / 1_000 * 2];
        assert_eq!(encoder.encode(&long, &mut payload), Err(CodecError::BadArgument));
        assert_eq!(encoder.encode(&[], &mut payload), Err(CodecError::BadArgument));
        assert_eq!(decoder.decode(&[], &mut [0; 9]), Err(CodecError::BadPayload));
    }
    assert_eq!(Encoder::new(Codec::Pcma, 16_000).err(), Some(CodecError::BadArgument));
    assert_eq!(Decoder::new(Codec::G722, 8_000).err(), Some(CodecError::BadArgument));
}

#[test]
fn a_codec_is_found_by_its_name_in_any_case() {
    assert!(Codec::ALL.into_iter().all(|codec| Codec::from_name(codec.name()) == Some(codec)));
    assert_eq!(Codec::from_name("OPUS"), Some(Codec::Opus));
    assert_eq!(Codec::from_name("G729"), None);
    assert_eq!((Codec::G722.rate_hz(), Codec::G722.clock_hz()), (16_000, 8_000));
}

/// The delay, up to `most` samples, at which `out` resembles `pcm` most.
fn best_delay(pcm: &[i16], out: &[i16], most: usize) -> usize {
    let likeness = |delay: usize| -> f64 {
        pcm.iter()
            .zip(&out[delay..])
            .take(24_000)
            .map(|(sample, heard)| f64::from(*sample) * f64::from(*heard))
            .sum()
    };
    (0..most).max_by(|first, second| likeness(*first).total_cmp(&likeness(*second))).unwrap_or_default()
}
