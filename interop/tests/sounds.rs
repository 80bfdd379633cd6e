//! Sound that the server makes: echo under SRTP, music on hold, ringing in a transfer, a conference. Heard by tone.

use coeur_interop::agent::{Agent, Dialog};
use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::browser::{self, Browsers, Library};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::tone;
use std::time::Duration;

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");
const CAROL: (&str, &str) = ("carol", "pencil-mountain-3");

const PATIENCE: Duration = Duration::from_secs(10);
/// ITU-T E.180: what a region has that is not told.
const RINGING_HZ: f32 = 425.0;

fn phone(server: &Coeur, account: (&str, &str), transport: &str, tone_hz: u32) -> Phone {
    let setup = Setup::on_loopback(server, account, transport, tone_hz);
    let mut phone = Phone::start(&Setup { srtp: transport == "tls", ..setup });
    phone.registered();
    phone
}

/// A phone of ours without sound, which has called bob.
fn calls_bob(server: &Coeur) -> (Agent, Dialog) {
    let mut alice = Agent::new(server, [127, 0, 0, 1], ALICE.0, ALICE.1);
    let dialog = alice.call("bob", PATIENCE).expect("bob answers");
    (alice, dialog)
}

/// A re-INVITE with this direction, acknowledged.
fn describe(alice: &mut Agent, dialog: &Dialog, version: u32, direction: &str) {
    let at = alice.local;
    let body = format!(
        "v=0\r\no=- 7 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na={direction}\r\n",
        ip = at.ip(),
        port = at.port(),
    );
    let head = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let invite = alice.inside(dialog, "INVITE").replace("Content-Length: 0\r\n\r\n", &head);
    let answer = alice.transact(&invite, PATIENCE).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text);
    let number = coeur_interop::agent::header(&invite, "CSeq").replace(" INVITE", "");
    let ack = alice
        .inside(dialog, "ACK")
        .replace(&format!("CSeq: {} ACK", dialog.cseq), &format!("CSeq: {number} ACK"));
    alice.send(ack.as_bytes());
}

#[test]
#[ignore = "needs baresip"]
fn a_phone_under_tls_and_srtp_hears_itself() {
    let server = Coeur::start("echo-srtp", &[ALICE]);
    let mut alice = phone(&server, ALICE, "tls", 440);
    alice.command("dial", &format!("sip:echo@{DOMAIN}"));
    alice.established();
    std::thread::sleep(Duration::from_secs(3)); // it talks to itself
    let heard = alice.heard_s(440.0);
    assert!(heard > 1.5, "alice heard her own tone for {heard} s");
}

/// A browser, since baresip keeps no record of what it hears while it is held.
#[test]
#[ignore = "needs node and chromium"]
fn who_is_on_hold_hears_the_music_of_the_house() {
    let music = std::env::temp_dir().join(format!("coeur-music-{}.wav", std::process::id()));
    std::fs::write(&music, tone::wav(1_000)).expect("a WAV");
    let path = music.display().to_string();
    let flags = ["--music-on-hold", &path, "--origin", "localhost"];
    let server = Coeur::start_with("music", &[ALICE, BOB], &flags);
    std::fs::remove_file(&music).expect("it was there");
    let mut browsers = Browsers::start();
    browsers.phone(&browser::Setup::on_loopback(&server, BOB, Library::JsSip, 660));
    server.wait_for_registrations(1);
    let (mut alice, dialog) = calls_bob(&server);
    let before = browsers.wait("bob", 20, |report| report.is_confirmed());
    assert_eq!(before.heard_s(1_000), 0.0);
    describe(&mut alice, &dialog, 2, "inactive");
    let held = browsers.wait("bob", 20, |report| report.heard_s(1_000) > 2.0);
    println!("bob {held:#?}");
    describe(&mut alice, &dialog, 3, "sendrecv");
    std::thread::sleep(Duration::from_secs(1)); // what was on its way is heard
    let resumed = browsers.report("bob").heard_s(1_000);
    std::thread::sleep(Duration::from_secs(2)); // and nothing after it
    assert!(browsers.report("bob").heard_s(1_000) - resumed < 0.3);
    alice.hang_up(&dialog, PATIENCE);
    browsers.wait("bob", 10, |report| report.has_ended());
}

#[test]
#[ignore = "needs baresip"]
fn who_waits_for_a_transfer_hears_it_ring() {
    let server = Coeur::start("ringing", &[ALICE, BOB, CAROL]);
    let mut bob = phone(&server, BOB, "udp", 660);
    let mut carol = Agent::new(&server, [127, 0, 0, 1], CAROL.0, CAROL.1);
    assert_eq!(carol.register(PATIENCE), Some(200));
    let (mut alice, dialog) = calls_bob(&server);
    bob.established();
    let refer = alice.inside(&dialog, "REFER");
    let refer =
        refer.replace("Content-Length:", &format!("Refer-To: <sip:carol@{DOMAIN}>\r\nContent-Length:"));
    assert_eq!(alice.transact(&refer, PATIENCE).expect("an answer").status, 202);
    let invite = carol.hear(PATIENCE).expect("carol is called");
    carol.answer(&invite, 180);
    // A second of sound in five.
    std::thread::sleep(Duration::from_secs(6));
    alice.hang_up(&dialog, PATIENCE);
    carol.answer(&invite, 486);
    let heard = bob.heard_s(RINGING_HZ);
    assert!(heard > 0.7, "bob heard it ring for {heard} s");
}

#[test]
#[ignore = "needs baresip"]
fn three_phones_in_a_conference_hear_each_other_and_not_themselves() {
    let server = Coeur::start("conference", &[ALICE, BOB, CAROL]);
    let tones = [440, 660, 1_050];
    let mut phones: Vec<Phone> = [(ALICE, "tls"), (BOB, "udp"), (CAROL, "udp")]
        .iter()
        .zip(tones)
        .map(|((account, transport), tone_hz)| phone(&server, *account, transport, tone_hz))
        .collect();
    for phone in &mut phones {
        phone.command("dial", &format!("sip:conference-sales@{DOMAIN}"));
        phone.established();
    }
    std::thread::sleep(Duration::from_secs(5)); // they talk
    phones.iter_mut().for_each(|phone| phone.command("hangup", ""));
    server.wait_until_metric("coeur_calls_ended_total", |ended| ended >= 3.0);
    let heard: Vec<f32> = phones
        .into_iter()
        .zip(tones)
        .map(|(phone, own)| {
            let others: Vec<f32> =
                tones.into_iter().filter(|tone| *tone != own).map(|tone| tone as f32).collect();
            phone.heard_together_s(&others, own as f32)
        })
        .collect();
    assert!(heard.iter().all(|seconds| *seconds > 2.5), "{heard:?}");
}
