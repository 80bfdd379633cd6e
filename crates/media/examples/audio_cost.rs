//! What audio costs for each 20 ms.
//!
//! `audio_cost` prints nanoseconds for each pair of formats, the best of many rounds. `audio_cost WHAT FRAMES` does one thing so
//! many times, to be counted by callgrind; the difference of two runs is free of what the start costs. WHAT is `pcma-opus` and
//! the like, `mix16` or `mix48` (ten members), `detect`, `jitter`, `up` or `down` (8 to 48 kHz and back), `conceal`.

use std::hint::black_box;
use std::time::Instant;

use coeur_media::codec::conceal::Concealer;
use coeur_media::codec::{Codec, Encoder, PAYLOAD_BYTES_MAX};
use coeur_media::jitter::{Arrival, Content, JitterBuffer, Settings};
use coeur_media::mix::Mixer;
use coeur_media::resample::Resampler;
use coeur_media::tone::detect::Detector;
use coeur_media::transcode::{Format, Heard, Transcoder};
use coeur_sip::time::Monotonic;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [what, frames] => work(what)(frames.parse().expect("a number of frames")),
        _ => times(),
    }
}

fn times() {
    const FRAMES: usize = 250;
    let pairs = Codec::ALL.into_iter().flat_map(|from| Codec::ALL.into_iter().map(move |to| (from, to)));
    let pairs = pairs.map(|(from, to)| format!("{}-{}", from.name(), to.name()));
    let others = ["mix16", "mix48", "detect", "jitter", "up", "down", "conceal"].map(str::to_owned);
    for what in pairs.chain(others) {
        let mut run = work(&what);
        let best = (0..8)
            .map(|_| {
                let started = Instant::now();
                run(FRAMES);
                started.elapsed().as_nanos() / FRAMES as u128
            })
            .min();
        println!("{what}: {} ns", best.unwrap_or_default());
    }
}

type Work = Box<dyn FnMut(usize)>;

fn work(what: &str) -> Work {
    match what {
        "mix16" => mix(320),
        "mix48" => mix(960),
        "detect" => {
            let (mut detector, pcm) = (Detector::new(8_000), speech(8_000));
            Box::new(move |frames| {
                pcm.chunks_exact(160).cycle().take(frames).for_each(|frame| {
                    detector.listen(frame, |key| {
                        black_box(key);
                    })
                });
            })
        }
        "jitter" => jitter(),
        "up" => resample(8_000, 48_000),
        "down" => resample(48_000, 8_000),
        "conceal" => {
            let (mut concealer, mut pcm) = (Concealer::new(8_000), speech(8_000));
            Box::new(move |frames| {
                for at in 0..frames {
                    let frame = &mut pcm[at % 100 * 160..][..160];
                    if at % 2 == 0 { concealer.received(frame) } else { concealer.lost(frame) }
                }
            })
        }
        pair => {
            let (from, to) = pair.split_once('-').expect("FROM-TO");
            let codec = |name| Codec::from_name(name).expect("a codec");
            transcode(codec(from), codec(to))
        }
    }
}

fn transcode(from: Codec, to: Codec) -> Work {
    let format = |codec| Format { codec, frame_ms: 20 };
    let mut transcoder = Transcoder::new(format(from), format(to), 1).expect("formats");
    let rate_hz = from.rate_hz();
    let mut encoder = Encoder::new(from, rate_hz).expect("a codec");
    let mut payload = [0; PAYLOAD_BYTES_MAX];
    let payloads: Vec<Vec<u8>> = speech(rate_hz)
        .chunks_exact(rate_hz as usize / 50)
        .map(|frame| {
            let bytes = encoder.encode(frame, &mut payload).expect("a frame").expect("no silence");
            payload[..bytes].to_vec()
        })
        .collect();
    Box::new(move |frames| {
        for payload in payloads.iter().cycle().take(frames) {
            transcoder
                .push(Heard::Payload(payload), |output| {
                    black_box(output);
                })
                .expect("a payload");
        }
    })
}

fn resample(from_hz: u32, to_hz: u32) -> Work {
    let (mut resampler, pcm) = (Resampler::new(from_hz, to_hz, 1).expect("rates"), speech(from_hz));
    let mut room = [0; 960];
    Box::new(move |frames| {
        for frame in pcm.chunks_exact(from_hz as usize / 50).cycle().take(frames) {
            black_box(resampler.push(frame, &mut room));
        }
    })
}

/// Ten members, all of whom speak and hear.
fn mix(samples: usize) -> Work {
    let mut mixer = Mixer::new(samples, 10).expect("a mixer");
    let (pcm, mut room) = (speech(16_000), vec![0; samples]);
    Box::new(move |frames| {
        for _ in 0..frames {
            mixer.begin();
            (0..10).for_each(|member| mixer.put(member, &pcm[member * 100..][..samples]).expect("a member"));
            (0..10).for_each(|member| mixer.take(member, &mut room).expect("a member"));
            black_box(&room);
        }
    })
}

fn jitter() -> Work {
    let settings = Settings { clock_hz: 8_000, frame_ms: 20, delay_ms_min: 40, delay_ms_max: 300 };
    let (mut buffer, mut at) = (JitterBuffer::new(settings), 0u32);
    Box::new(move |frames| {
        for _ in 0..frames {
            let now = Monotonic::from_millis(u64::from(at) * 20);
            let arrival = Arrival {
                sequence: at as u16,
                timestamp: at * 160,
                ticks: 160,
                content: Content::Audio(&[0; 160]),
            };
            buffer.insert(arrival, now);
            black_box(buffer.next(now));
            at += 1;
        }
    })
}

/// Two seconds of harmonics in syllables.
fn speech(rate_hz: u32) -> Vec<i16> {
    let step = std::f64::consts::TAU / f64::from(rate_hz);
    (0..2 * rate_hz)
        .map(|n| {
            let t = f64::from(n) * step;
            let voiced: f64 =
                (1..20).map(|harmonic| (t * 130.0 * f64::from(harmonic)).sin() / f64::from(harmonic)).sum();
            (5_000.0 * voiced * (2.0 * t).sin().abs()) as i16
        })
        .collect()
}
