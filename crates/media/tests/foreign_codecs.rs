//! What others make of our payloads and files, and we of theirs. Skipped, with the reason, where ffmpeg is not installed.

use std::io::Write;
use std::process::{Command, Stdio};

use coeur_media::codec::{Codec, Decoder, Encoder};
use coeur_media::record::{Container, Recorder};

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

/// A recording of three seconds, tone left and tone right, as a file that the test owns.
fn recording(container: Container, name: &str) -> std::path::PathBuf {
    let mut file = Vec::new();
    let mut recorder = Recorder::new(container, 16_000, &mut file).unwrap();
    let (left, right) = (sweep(16_000, 48_000), sweep(16_000, 48_000));
    for (left, right) in left.chunks_exact(320).zip(right.chunks_exact(320)) {
        recorder.push(left, right, &mut file).unwrap();
    }
    if let Some(header) = recorder.finish(&mut file) {
        file[..header.len()].copy_from_slice(&header);
    }
    let path = std::env::temp_dir().join(format!("coeur-media-{}-{name}", std::process::id()));
    std::fs::write(&path, file).unwrap();
    path
}

#[test]
fn ffprobe_and_opusinfo_find_no_fault_in_our_files() {
    for (container, name, codec, rate) in [
        (Container::Wav, "recording.wav", "pcm_s16le", "16000"),
        (Container::OggOpus { serial: 4_711 }, "recording.ogg", "opus", "48000"),
    ] {
        let path = recording(container, name);
        let text = path.to_str().unwrap();
        let asked = "stream=codec_name,sample_rate,channels:format=duration";
        let args = ["-v", "error", "-show_entries", asked, "-of", "default=nw=1", text];
        let probed = piped("ffprobe", &args, b"");
        // Decoded from end to end, with every error fatal.
        let decoded = piped("ffmpeg", &["-v", "error", "-xerror", "-i", text, "-f", "s16le", "-"], b"");
        let info = if codec == "opus" { piped("opusinfo", &[text], b"") } else { None };
        std::fs::remove_file(&path).unwrap();
        if let Some(probed) = probed {
            let probed = String::from_utf8(probed).unwrap();
            for line in
                [format!("codec_name={codec}"), format!("sample_rate={rate}"), "channels=2".to_owned()]
            {
                assert!(probed.contains(&line), "{name}: {probed}");
            }
            let duration = probed.lines().find_map(|line| line.strip_prefix("duration=")).unwrap();
            assert!((duration.parse::<f64>().unwrap() - 3.0).abs() < 0.03, "{name}: {probed}");
        }
        if let Some(decoded) = decoded {
            let frames = decoded.len() / 4;
            let wanted = 3 * rate.parse::<usize>().unwrap();
            assert!(frames.abs_diff(wanted) < wanted / 100, "{name}: {frames}");
        }
        if let Some(info) = info {
            let info = String::from_utf8_lossy(&info);
            assert!(!info.contains("WARNING") && info.contains("Coeur"), "{info}");
        }
    }
}

#[test]
fn ffmpeg_hears_the_tone_that_our_opus_carries() {
    let path = recording(Container::OggOpus { serial: 1 }, "heard.ogg");
    let text = path.to_str().unwrap();
    let args = ["-v", "error", "-i", text, "-ar", "16000", "-ac", "1", "-f", "s16le", "-"];
    let decoded = piped("ffmpeg", &args, b"");
    std::fs::remove_file(&path).unwrap();
    let Some(decoded) = decoded else { return };
    let (theirs, ours) = (samples(&decoded), sweep(16_000, 48_000));
    // What is to be skipped at the beginning has been, so that both begin together; a few samples are left for the filters.
    let likeness = |delay: usize| {
        let product =
            |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        product(&ours, &theirs[delay..]) / (product(&ours, &ours) * product(&theirs, &theirs)).sqrt()
    };
    let best = (0..40).map(likeness).fold(0.0, f64::max);
    assert!(best > 0.9, "{best}");
}
