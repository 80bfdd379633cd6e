//! What others make of our payloads and files, and we of theirs. Skipped, with the reason, where ffmpeg is not installed.

use std::io::Write;
use std::process::{Command, Stdio};

use coeur_media::codec::{Codec, Decoder, Encoder};

/// What `program` writes when it reads `input`; none when it is not installed.
fn piped(program: &str, args: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let spawned = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        println!("skipped: {program} is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().expect("a pipe was asked for");
    let input = input.to_vec();
    // It writes while it reads, so both go on at once.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let out = child.wait_with_output().expect("it ends");
    writer.join().unwrap();
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    Some(out.stdout)
}

fn sweep(rate_hz: u32, samples: usize) -> Vec<i16> {
    let mut phase = 0.0f64;
    (0..samples)
        .map(|n| {
            phase +=
                (100.0 + 3_300.0 * n as f64 / samples as f64) / f64::from(rate_hz) * std::f64::consts::TAU;
            (9_000.0 * phase.sin() + 3_000.0 * (1.7 * phase).sin()) as i16
        })
        .collect()
}

fn bytes(pcm: &[i16]) -> Vec<u8> {
    pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn payload(codec: Codec, pcm: &[i16]) -> Vec<u8> {
    let mut encoder = Encoder::new(codec, codec.rate_hz()).unwrap();
    let mut payload = vec![0; pcm.len()];
    let mut all = Vec::new();
    for frame in pcm.chunks_exact(codec.rate_hz() as usize / 50) {
        let length = encoder.encode(frame, &mut payload).unwrap().unwrap();
        all.extend_from_slice(&payload[..length]);
    }
    all
}

#[test]
fn ffmpeg_decodes_our_g711_and_g722_to_the_very_samples_that_we_do() {
    for (codec, format) in [(Codec::Pcmu, "mulaw"), (Codec::Pcma, "alaw"), (Codec::G722, "g722")] {
        let rate_hz = codec.rate_hz();
        let ours = payload(codec, &sweep(rate_hz, 2 * rate_hz as usize));
        let mut pcm = vec![0; 2 * ours.len()];
        let mut decoder = Decoder::new(codec, rate_hz).unwrap();
        let mut decoded = Vec::new();
        for piece in ours.chunks(160) {
            let count = decoder.decode(piece, &mut pcm).unwrap();
            decoded.extend_from_slice(&pcm[..count]);
        }
        let args = ["-v", "error", "-f", format, "-i", "-", "-f", "s16le", "-"];
        let Some(theirs) = piped("ffmpeg", &args, &ours) else { return };
        let theirs = samples(&theirs);
        assert!(theirs.len() + 64 > decoded.len(), "{codec:?} {} {}", theirs.len(), decoded.len());
        assert!(theirs.iter().zip(&decoded).all(|(theirs, ours)| theirs == ours), "{codec:?}");
    }
}

#[test]
fn we_decode_what_ffmpeg_encodes_to_the_very_samples_that_it_does() {
    for (codec, format) in [(Codec::Pcmu, "mulaw"), (Codec::Pcma, "alaw"), (Codec::G722, "g722")] {
        let rate_hz = codec.rate_hz();
        let rate = rate_hz.to_string();
        let pcm = bytes(&sweep(rate_hz, rate_hz as usize));
        let args = ["-v", "error", "-f", "s16le", "-ar", &rate, "-ac", "1", "-i", "-", "-f", format, "-"];
        let Some(theirs) = piped("ffmpeg", &args, &pcm) else { return };
        let args = ["-v", "error", "-f", format, "-i", "-", "-f", "s16le", "-"];
        let Some(expected) = piped("ffmpeg", &args, &theirs) else { return };
        let mut room = vec![0; 320];
        let mut decoder = Decoder::new(codec, rate_hz).unwrap();
        let mut ours = Vec::new();
        for piece in theirs.chunks(160) {
            let count = decoder.decode(piece, &mut room).unwrap();
            ours.extend_from_slice(&room[..count]);
        }
        assert!(samples(&expected).iter().zip(&ours).all(|(theirs, ours)| theirs == ours), "{codec:?}");
    }
}
