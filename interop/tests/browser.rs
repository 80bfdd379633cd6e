//! Web phones in headless Chromium, over WebSocket: registered, called, heard and seen.

use coeur_interop::baresip;
use coeur_interop::browser::{Browsers, Library, Setup};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::place::Place;

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
/// The server passes the keys and paths of the two on, and has no part in them.
const END_TO_END: &[&str] = &["--calls", "proxy"];
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
fn two_browsers_talk(name: &str, flags: &[&str], caller: Library, callee: Library) {
    let flags = [&["--origin", "localhost"], flags].concat();
    let server = Coeur::start_with(name, &[ALICE, BOB], &flags);
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
    two_browsers_talk("jssip", END_TO_END, Library::JsSip, Library::JsSip);
}

#[test]
#[ignore = "needs node and chromium"]
fn jssip_calls_sip_js() {
    two_browsers_talk("jssip-sipjs", END_TO_END, Library::JsSip, Library::SipJs);
}

#[test]
#[ignore = "needs node and chromium"]
fn sip_js_calls_jssip() {
    two_browsers_talk("sipjs-jssip", END_TO_END, Library::SipJs, Library::JsSip);
}

/// Through the server: each browser agrees on keys and paths with it.
#[test]
#[ignore = "needs node and chromium"]
fn two_browsers_hear_and_see_each_other_through_the_server() {
    two_browsers_talk("web-b2bua", &[], Library::JsSip, Library::SipJs);
}

/// The server bridges ICE and DTLS-SRTP of the browser to what the desk phone speaks; first the one calls, then the other.
fn a_browser_and_a_desk_phone_talk(name: &str, library: Library, transport: &str, srtp: bool) {
    let server = Coeur::start_with(name, &[ALICE, BOB], &["--origin", "localhost"]);
    let secure = transport == "tls";
    let mut bob = baresip::Phone::start(&baresip::Setup {
        user: BOB.0,
        secret: BOB.1,
        transport,
        server_port: if secure { server.tls } else { server.udp },
        tone_hz: 660,
        auto_answer: true,
        ca_file: secure.then(|| server.ca_file()),
        srtp,
        place: Place::LOOPBACK,
        server: Place::LOOPBACK.address,
    });
    bob.registered();
    let mut browsers = Browsers::start();
    phone(&mut browsers, &server, ALICE, library, 440, false);
    server.wait_for_registrations(2);
    browsers.call("alice", "bob");
    bob.established();
    let by_alice = browsers.wait("alice", 20, |r| r.heard_s(660) > 2.0);
    assert!(by_alice.is_confirmed() && by_alice.audio_packets() > 80, "{by_alice:#?}");
    browsers.hang_up("alice");
    bob.wait_for(&["terminated", "session closed"], 10);
    browsers.wait("alice", 10, |report| report.has_ended());
    bob.command("dial", &format!("sip:alice@{DOMAIN}"));
    bob.established();
    let again = browsers.wait("alice", 20, |r| r.heard_s(660) > by_alice.heard_s(660) + 2.0);
    println!("{name}: alice {again:#?}");
    browsers.hang_up("alice");
    bob.wait_for(&["terminated", "session closed"], 10);
    let by_bob = bob.heard_s(440.0);
    assert!(by_bob > 1.5, "bob heard alice's tone for {by_bob} s in one of the calls");
}

#[test]
#[ignore = "needs node, chromium and baresip"]
fn a_browser_and_a_desk_phone_of_udp_hear_each_other() {
    a_browser_and_a_desk_phone_talk("web-udp", Library::JsSip, "udp", false);
}

#[test]
#[ignore = "needs node, chromium and baresip"]
fn a_browser_and_a_desk_phone_of_tls_hear_each_other() {
    a_browser_and_a_desk_phone_talk("web-tls", Library::SipJs, "tls", false);
}

#[test]
#[ignore = "needs node, chromium and baresip"]
fn a_browser_and_a_desk_phone_of_tls_and_srtp_hear_each_other() {
    a_browser_and_a_desk_phone_talk("web-srtp", Library::JsSip, "tls", true);
}
