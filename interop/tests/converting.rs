//! Phones without an audio codec in common hear each other through the server, without a setting (decision 0025).

use coeur_interop::baresip::{self, Phone};
use coeur_interop::browser::{Browsers, Library, Setup};
use coeur_interop::coeur::Coeur;
use std::time::Duration;

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");

const OPUS: &str = "opus/48000/2";
const G722: &str = "G722/16000/1";

fn phone(server: &Coeur, account: (&str, &str), codecs: &str, tone_hz: u32, secure: bool) -> Phone {
    let setup = baresip::Setup::on_loopback(server, account, if secure { "tls" } else { "udp" }, tone_hz);
    let mut phone = Phone::start_speaking(&baresip::Setup { srtp: secure, ..setup }, codecs);
    phone.registered();
    phone
}

/// Seconds of the other's tone that each hears in a call of 4 s, and how many calls the server converted meanwhile.
fn talk(name: &str, alice_speaks: &str, bob_speaks: &str, secure: bool) -> (f32, f32, f64) {
    let server = Coeur::start(name, &[ALICE, BOB]);
    let mut bob = phone(&server, BOB, bob_speaks, 660, false);
    let mut alice = phone(&server, ALICE, alice_speaks, 440, secure);
    alice.command("dial", "sip:bob@interop.test");
    alice.established();
    bob.established();
    std::thread::sleep(Duration::from_secs(4)); // they talk
    let converted = server.metric("coeur_media_audio_parts");
    alice.command("hangup", "");
    bob.wait_for(&["terminated", "session closed"], 10);
    let heard = (alice.heard_s(660.0), bob.heard_s(440.0), converted);
    let (by_alice, by_bob, parts) = heard;
    println!(
        "{alice_speaks} - {bob_speaks}: alice hears {by_alice:.1} s, bob {by_bob:.1} s; {parts} converted"
    );
    heard
}

#[test]
#[ignore = "needs baresip"]
fn desk_phones_without_a_codec_in_common_hear_each_other() {
    for (alice, bob) in [("PCMA", OPUS), (OPUS, "PCMA"), (G722, OPUS), ("PCMU", G722)] {
        let (by_alice, by_bob, converted) = talk("converting", alice, bob, false);
        assert!(by_alice > 2.0 && by_bob > 2.0, "{alice} - {bob}: {by_alice} {by_bob}");
        assert!(converted > 0.0, "{alice} - {bob}");
    }
}

#[test]
#[ignore = "needs baresip"]
fn a_phone_with_srtp_is_heard_by_one_without_it_that_knows_another_codec() {
    let (by_alice, by_bob, _) = talk("converting-srtp", OPUS, "PCMA", true);
    assert!(by_alice > 2.0 && by_bob > 2.0, "{by_alice} {by_bob}");
}

#[test]
#[ignore = "needs baresip"]
fn phones_with_a_codec_in_common_are_relayed_whatever_else_they_know() {
    let (both, wide) = (format!("{OPUS},PCMA"), format!("{G722},PCMA"));
    for (alice, bob) in [(&*both, &*wide), ("PCMU,PCMA", &*both)] {
        let (by_alice, by_bob, converted) = talk("not-converting", alice, bob, false);
        assert!(by_alice > 2.0 && by_bob > 2.0, "{alice} - {bob}: {by_alice} {by_bob}");
        assert_eq!(converted, 0.0, "{alice} - {bob}");
    }
}

/// A browser shares G.711 with every phone, so this one is made to know Opus alone.
#[test]
#[ignore = "needs node, chromium and baresip"]
fn a_browser_of_opus_and_a_phone_that_knows_none_hear_each_other() {
    let server = Coeur::start_with("converting-web", &[ALICE, BOB], &["--origin", "localhost"]);
    let bob = phone(&server, BOB, "PCMU", 660, false);
    let mut browsers = Browsers::start();
    browsers.phone_speaking(&Setup::on_loopback(&server, ALICE, Library::JsSip, 440), Some("opus"));
    server.wait_for_registrations(2);
    browsers.call("alice", "bob");
    let by_alice = browsers.wait("alice", 20, |report| report.heard_s(660) > 2.0);
    assert!(by_alice.is_confirmed() && by_alice.heard_s(660) > 2.0, "{by_alice:?}");
    assert!(server.metric("coeur_media_audio_parts") > 0.0);
    browsers.hang_up("alice");
    let by_bob = bob.heard_s(440.0);
    println!("alice hears {:.1} s, bob hears {by_bob:.1} s", by_alice.heard_s(660));
    assert!(by_bob > 1.0, "{by_bob}");
}
