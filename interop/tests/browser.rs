//! Web phones in headless Chromium, over WebSocket: registered, called, heard and seen.

use coeur_interop::browser::{Browsers, Library, Setup};
use coeur_interop::coeur::{Coeur, DOMAIN};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");

fn phone(
    browsers: &mut Browsers,
    server: &Coeur,
    account: (&'static str, &str),
    library: Library,
    tone_hz: u32,
    video: bool,
) {
    let (user, secret) = account;
    let server = format!("ws://localhost:{}", server.ws);
    browsers.phone(&Setup { name: user, library, server, user, secret, domain: DOMAIN, video, tone_hz });
}

/// Both ends hear the other's tone and see its picture.
fn two_browsers_talk(name: &str, caller: Library, callee: Library) {
    let server = Coeur::start_with(name, &[ALICE, BOB], &["--origin", "localhost"]);
    let mut browsers = Browsers::start();
    phone(&mut browsers, &server, BOB, callee, 660, true);
    phone(&mut browsers, &server, ALICE, caller, 440, true);
    server.wait_for_registrations(2);
    browsers.call("alice", "bob");
    let by_alice = browsers.wait("alice", 20, |r| r.heard_s(660) > 2.0 && r.video_frames() > 20);
    let by_bob = browsers.wait("bob", 20, |r| r.heard_s(440) > 2.0 && r.video_frames() > 20);
    println!("alice {by_alice:#?}\nbob {by_bob:#?}");
    assert!(by_alice.is_confirmed() && by_bob.is_confirmed());
    assert!(by_alice.audio_packets() > 80 && by_bob.audio_packets() > 80);
    assert_eq!((by_alice.heard_s(440), by_bob.heard_s(660)), (0.0, 0.0), "nobody hears himself");
    browsers.hang_up("alice");
    browsers.wait("bob", 10, |report| report.has_ended());
}

#[test]
#[ignore = "needs node and chromium"]
fn two_jssip_phones_hear_and_see_each_other() {
    two_browsers_talk("jssip", Library::JsSip, Library::JsSip);
}

#[test]
#[ignore = "needs node and chromium"]
fn jssip_calls_sip_js() {
    two_browsers_talk("jssip-sipjs", Library::JsSip, Library::SipJs);
}

#[test]
#[ignore = "needs node and chromium"]
fn sip_js_calls_jssip() {
    two_browsers_talk("sipjs-jssip", Library::SipJs, Library::JsSip);
}
