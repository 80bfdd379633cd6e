//! Calls that are recorded, and what is played into them: with real phones, by the command line, from the file.

use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::tone;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");

/// The tone that says that a call is recorded (ITU-T E.180 section 5.8).
const ANNOUNCEMENT_HZ: f32 = 1_400.0;

fn phone(server: &Coeur, account: (&str, &str), transport: &str, tone_hz: u32, codec: &str) -> Phone {
    let setup = Setup::on_loopback(server, account, transport, tone_hz);
    let mut phone = Phone::start_speaking(&Setup { srtp: transport == "tls", ..setup }, codec);
    phone.registered();
    phone
}

struct Call {
    server: Coeur,
    alice: Phone,
    bob: Phone,
    id: String,
}

impl Call {
    /// Alice (440 Hz, TLS and SRTP) calls bob (660 Hz, in the clear), whose calls are recorded so.
    fn new(name: &str, policy: &str, flags: &[&str], codecs: [&str; 2]) -> Self {
        let server = Coeur::start_with(name, &[ALICE, BOB], flags);
        server.cli(&["account", "set", &format!("bob@{DOMAIN}"), "--record", policy], "");
        let mut bob = phone(&server, BOB, "udp", 660, codecs[1]);
        let mut alice = phone(&server, ALICE, "tls", 440, codecs[0]);
        alice.command("dial", &format!("sip:bob@{DOMAIN}"));
        alice.established();
        bob.established();
        let calls: serde_json::Value =
            serde_json::from_str(&server.cli(&["calls", "--json"], "")).expect("JSON");
        let id = calls[0]["call"].as_str().expect("a call").to_owned();
        Self { server, alice, bob, id }
    }

    fn record(&self, order: &str) {
        self.server.cli(&["calls", "record", &self.id, order], "");
    }

    fn shown(&self) -> serde_json::Value {
        serde_json::from_str(&self.server.cli(&["calls", "show", &self.id, "--json"], "")).expect("JSON")
    }

    /// The call ends; its recordings, as its record has them.
    fn end(&mut self) -> Vec<serde_json::Value> {
        self.alice.command("hangup", "");
        self.bob.wait_for(&["terminated", "session closed"], 10);
        let until = Instant::now() + Duration::from_secs(10);
        self.server.wait_until_metric("coeur_call_records_total", |records| records >= 1.0);
        loop {
            let text = self.server.cli(&["records", "show", &self.id, "--json"], "");
            let record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            let recordings = record["recordings"].as_array().cloned().unwrap_or_default();
            if !recordings.is_empty() && self.server.metric("coeur_recordings") == 0.0 {
                return recordings;
            }
            assert!(Instant::now() < until, "no recording: {text}\n{}", self.server.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn file(&self, recording: &serde_json::Value) -> PathBuf {
        self.server.folder().join("data").join(recording["file"].as_str().expect("a name"))
    }
}

/// Seconds of the caller's tone and of the callee's, on the left and on the right.
fn seconds(file: &std::path::Path) -> [[f32; 2]; 2] {
    [0, 1].map(|channel| {
        let wav = tone::read_channel(file, channel).expect("a WAV");
        [440.0, 660.0].map(|hz| tone::seconds_of(&wav, hz))
    })
}

#[test]
#[ignore = "needs baresip"]
fn each_side_of_a_recorded_call_is_on_its_channel_and_both_have_heard_of_it() {
    // Relayed from SRTP to RTP, and converted.
    for (name, codecs) in [("relayed", ["PCMU", "PCMU"]), ("converted", ["opus/48000/2", "PCMA"])] {
        let mut call = Call::new(&format!("recorded-{name}"), "on-demand", &[], codecs);
        call.record("start");
        std::thread::sleep(Duration::from_secs(5)); // they talk
        let shown = call.shown();
        assert_eq!(shown["recording"]["state"], "recording", "{shown}");
        let recordings = call.end();
        let [[left, foreign_left], [foreign_right, right]] = seconds(&call.file(&recordings[0]));
        println!(
            "{name}: left {left} s of its own and {foreign_left} s of the other, right {right} s and {foreign_right} s"
        );
        assert!(left > 2.5 && right > 2.5, "{left} {right}");
        assert!(foreign_left == 0.0 && foreign_right == 0.0, "{foreign_left} {foreign_right}");
        let sum = Command::new("sha256sum").arg(call.file(&recordings[0])).output().expect("sha256sum");
        let sum = String::from_utf8_lossy(&sum.stdout).into_owned();
        assert!(sum.starts_with(recordings[0]["sha256"].as_str().expect("a sum")), "{sum}");
        let talked = [call.alice.heard_now(&[660.0])[0], call.bob.heard_now(&[440.0])[0]];
        println!("{name}: they have heard each other for {talked:?} s");
        // Of what is left of five seconds behind the announcement.
        assert!(talked.iter().all(|seconds| *seconds > 2.5), "{talked:?}");
        let announced = [call.alice.heard_s(ANNOUNCEMENT_HZ), call.bob.heard_s(ANNOUNCEMENT_HZ)];
        println!("{name}: announced for {announced:?} s");
        // Twice half a second, in windows of a tenth.
        assert!(announced.iter().all(|seconds| *seconds >= 0.2), "{announced:?}");
    }
}

#[test]
#[ignore = "needs baresip"]
fn a_pause_is_left_out_of_the_file_and_marked() {
    let mut call = Call::new("record-pause", "on-demand", &[], ["PCMU", "PCMU"]);
    call.record("start");
    std::thread::sleep(Duration::from_secs(3));
    call.record("pause");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(call.shown()["recording"]["state"], "paused");
    call.record("resume");
    std::thread::sleep(Duration::from_secs(2));
    let recordings = call.end();
    let recording = &recordings[0];
    println!("{recording}");
    let recorded_ms = recording["recorded_ms"].as_u64().expect("a number");
    assert!((3_000..7_000).contains(&recorded_ms), "{recorded_ms}");
    let pause = recording["pauses"][0].as_str().expect("a pause");
    let left_out: u64 = pause.split_once('+').expect("a length").1.parse().expect("a number");
    assert!((2_500..4_500).contains(&left_out), "{pause}");
    assert!(std::fs::read(call.file(recording)).expect("a file").windows(4).any(|bytes| bytes == b"cue "));
}

#[test]
#[ignore = "needs baresip"]
fn a_recording_that_kill_9_has_cut_is_whole_after_the_restart_and_the_call_is_recorded_on() {
    let mut call = Call::new("record-kill", "all", &[], ["PCMU", "PCMU"]);
    std::thread::sleep(Duration::from_secs(3));
    call.server.kill();
    call.server.run();
    std::thread::sleep(Duration::from_secs(3));
    let recordings = call.end();
    let ended: Vec<&str> = recordings.iter().filter_map(|recording| recording["ended"].as_str()).collect();
    println!("{recordings:#?}");
    assert_eq!(ended, ["interrupted", "ended"]);
    for recording in &recordings {
        let [[left, _], [_, right]] = seconds(&call.file(recording));
        assert!(left > 1.0 && right > 1.0, "{left} {right}");
        assert_eq!(recording["asked_by"], "policy");
    }
}

#[test]
#[ignore = "needs baresip"]
fn what_is_played_into_a_call_is_heard_by_both_or_by_whom_it_is_for() {
    let mut call = Call::new("played", "off", &[], ["PCMU", "PCMU"]);
    let prompts = call.server.folder().join("data/prompts");
    std::fs::create_dir_all(&prompts).expect("a folder");
    for (name, hz) in [("both.wav", 1_000), ("callee.wav", 1_700)] {
        // The first three seconds of a minute.
        let wav = tone::wav(hz);
        std::fs::write(prompts.join(name), &wav[..44 + 3 * 16_000]).expect("a WAV");
    }
    call.server.cli(&["calls", "play", &call.id, "both.wav"], "");
    std::thread::sleep(Duration::from_secs(4));
    call.server.cli(&["calls", "play", &call.id, "callee.wav", "--to", "callee"], "");
    std::thread::sleep(Duration::from_secs(2));
    call.server.cli(&["calls", "stop-playing", &call.id], "");
    std::thread::sleep(Duration::from_secs(2));
    call.alice.command("hangup", "");
    call.bob.wait_for(&["terminated", "session closed"], 10);
    let files = |phone: &Phone| phone.heard_now(&[1_000.0, 1_700.0, 440.0, 660.0]);
    let (alice, bob) = (files(&call.alice), files(&call.bob));
    println!("alice heard {alice:?}, bob {bob:?}");
    assert!(alice[0] > 2.0 && bob[0] > 2.0, "both: {alice:?} {bob:?}");
    assert!(alice[1] == 0.0 && (1.0..2.8).contains(&bob[1]), "the callee alone, until it was ended");
    assert!(alice[3] > 1.0 && bob[2] > 1.0, "and each other before and after");
}

/// Made by the encoder of others; one that was cut is refused, with what is wrong with it.
#[test]
#[ignore = "needs baresip and opusenc (Debian package opus-tools)"]
fn an_ogg_of_others_is_played_into_a_call_and_one_that_was_cut_is_not() {
    let mut call = Call::new("played-ogg", "off", &[], ["PCMU", "PCMU"]);
    let prompts = call.server.folder().join("data/prompts");
    std::fs::create_dir_all(&prompts).expect("a folder");
    let (wav, ogg) = (prompts.join("in.wav"), prompts.join("both.ogg"));
    // The first three seconds of five minutes; the lengths in the header say so.
    let mut sound = tone::wav(1_000)[..44 + 3 * 16_000].to_vec();
    sound[4..8].copy_from_slice(&(36u32 + 3 * 16_000).to_le_bytes());
    sound[40..44].copy_from_slice(&(3u32 * 16_000).to_le_bytes());
    std::fs::write(&wav, sound).expect("a WAV");
    let made = std::process::Command::new("opusenc").arg("--quiet").args([&wav, &ogg]).status();
    assert!(made.expect("opusenc is installed (Debian package opus-tools)").success());
    let bytes = std::fs::read(&ogg).expect("an Ogg");
    std::fs::write(prompts.join("cut.ogg"), &bytes[..bytes.len() / 2]).expect("an Ogg");
    let refused = call.server.refused(&["calls", "play", &call.id, "cut.ogg"]);
    assert!(refused.contains("the file ends before its sound does"), "{refused}");
    call.server.cli(&["calls", "play", &call.id, "both.ogg"], "");
    std::thread::sleep(Duration::from_secs(4));
    call.alice.command("hangup", "");
    call.bob.wait_for(&["terminated", "session closed"], 10);
    let heard = |phone: &Phone| phone.heard_now(&[1_000.0])[0];
    let (alice, bob) = (heard(&call.alice), heard(&call.bob));
    println!("alice heard {alice} s, bob {bob} s");
    assert!((2.0..3.5).contains(&alice) && (2.0..3.5).contains(&bob), "{alice} {bob}");
}

#[test]
#[ignore = "needs baresip"]
fn an_ogg_is_read_by_the_tools_of_others() {
    let mut call = Call::new("record-ogg", "all", &["--recording-format", "ogg"], ["PCMU", "PCMU"]);
    std::thread::sleep(Duration::from_secs(4));
    let recordings = call.end();
    let file = call.file(&recordings[0]);
    let bytes = std::fs::read(&file).expect("a file");
    assert!(bytes.starts_with(b"OggS") && bytes[28..].starts_with(b"OpusHead"), "{}", file.display());
    for (program, arguments) in [("ffprobe", &["-v", "error", "-show_streams"][..]), ("opusinfo", &[][..])] {
        let Ok(output) = Command::new(program).args(arguments).arg(&file).output() else { continue };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("{program}: {text}");
        assert!(output.status.success() && text.to_ascii_lowercase().contains("opus"), "{program}: {text}");
    }
}
