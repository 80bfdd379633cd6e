//! What goes in comes out, and what nobody encoded does no harm.

use coeur_opus::{Application, Decoder, Encoder, OpusError, carries_previous, samples};

fn tone(at: usize, samples: usize, rate_hz: f64) -> Vec<i16> {
    let angle = |n: usize| std::f64::consts::TAU * 440.0 * n as f64 / rate_hz;
    (at..at + samples).map(|n| (8_000.0 * angle(n).sin()) as i16).collect()
}

fn energy(pcm: &[i16]) -> f64 {
    pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64
}

#[test]
fn a_tone_comes_out_as_loud_as_it_went_in_at_every_rate_and_frame() {
    for rate_hz in [8_000, 16_000, 48_000u32] {
        for ms in [10, 20, 40, 60] {
            let count = rate_hz as usize * ms / 1_000;
            let mut encoder = Encoder::new(rate_hz, 1, Application::Voip).unwrap();
            let mut decoder = Decoder::new(rate_hz, 1).unwrap();
            let (mut packet, mut pcm) = ([0; 1_275], vec![0; count]);
            let mut heard = 0.0;
            for frame in 0..10 {
                let length =
                    encoder.encode(&tone(frame * count, count, f64::from(rate_hz)), &mut packet).unwrap();
                assert_eq!(samples(&packet[..length], rate_hz), Some(count));
                assert_eq!(decoder.decode(&packet[..length], &mut pcm), Ok(count));
                heard = energy(&pcm);
            }
            assert!((0.5..2.0).contains(&(heard / 3.2e7)), "{rate_hz} {ms} {heard}");
        }
    }
}

#[test]
fn what_is_no_frame_or_no_packet_is_refused_before_libopus_reads_it() {
    assert_eq!(Encoder::new(44_100, 1, Application::Voip).err(), Some(OpusError::BadArgument));
    assert_eq!(Decoder::new(48_000, 3).err(), Some(OpusError::BadArgument));
    let mut encoder = Encoder::new(48_000, 2, Application::Audio).unwrap();
    let mut packet = [0; 1_275];
    for length in [0, 1, 959, 961, 1_921, 11_520] {
        assert_eq!(encoder.encode(&vec![0; length], &mut packet), Err(OpusError::BadArgument), "{length}");
    }
    assert!(encoder.encode(&[0; 1_920], &mut packet).is_ok());
    let mut decoder = Decoder::new(48_000, 1).unwrap();
    let mut pcm = [0; 960];
    assert_eq!(decoder.decode(&[], &mut pcm), Err(OpusError::InvalidPacket));
    assert_eq!(decoder.recover(&[], &mut pcm), Err(OpusError::InvalidPacket));
    let length =
        Encoder::new(48_000, 1, Application::Voip).unwrap().encode(&[0; 1_920], &mut packet).unwrap();
    assert_eq!(decoder.decode(&packet[..length], &mut pcm), Err(OpusError::NoRoom));
}

#[test]
fn any_bytes_are_decoded_or_refused() {
    let mut decoder = Decoder::new(48_000, 2).unwrap();
    let (mut seed, mut pcm) = (1u32, vec![0; 2 * 5_760]);
    let mut refused = 0;
    for round in 0..3_000usize {
        let bytes: Vec<u8> = (0..1 + round % 200)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect();
        let _ = carries_previous(&bytes);
        refused += usize::from(decoder.decode(&bytes, &mut pcm).is_err());
        let _ = decoder.recover(&bytes, &mut pcm[..1_920]);
    }
    assert!(refused > 0 && refused < 3_000, "{refused}");
}

#[test]
fn silence_is_not_sent_when_transmission_is_discontinuous() {
    let mut encoder = Encoder::new(16_000, 1, Application::Voip).unwrap();
    encoder.set_discontinuous(true).unwrap();
    let mut packet = [0; 1_275];
    let lengths: Vec<_> = (0..60).map(|_| encoder.encode(&[0; 320], &mut packet).unwrap()).collect();
    assert!(lengths[40..].iter().filter(|length| **length <= 2).count() > 15, "{lengths:?}");
    assert!(encoder.is_silent());
}
