//! Web phones in headless Chromium, over WebSocket: registered, called, heard and seen.

use coeur_interop::baresip;
use coeur_interop::browser::{Browsers, Library, Setup};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::free_port;
use std::path::PathBuf;

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");
/// The server passes the keys and paths of the two on, and has no part in them.
const PROXY: &[&str] = &["--calls", "proxy"];

fn phone(
    browsers: &mut Browsers,
    server: &Coeur,
    account: (&str, &str),
    library: Library,
    tone_hz: u32,
    video: bool,
) {
    browsers.phone(&Setup { video, ..Setup::on_loopback(server, account, library, tone_hz) });
}

/// Both ends hear the other's tone and see its picture.
fn two_browsers_talk(name: &str, flags: &[&str], caller: Library, callee: Library) {
    two_browsers_talk_while(name, flags, caller, callee, |_| {});
}

/// The same, and what is looked at while they talk.
fn two_browsers_talk_while(
    name: &str,
    flags: &[&str],
    caller: Library,
    callee: Library,
    look: impl FnOnce(&Coeur),
) {
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
    picture(&mut browsers, name);
    assert!(by_alice.is_confirmed() && by_bob.is_confirmed());
    assert!(by_alice.audio_packets() > 80 && by_bob.audio_packets() > 80);
    assert_eq!((by_alice.heard_s(440), by_bob.heard_s(660)), (0.0, 0.0), "nobody hears himself");
    look(&server);
    browsers.hang_up("alice");
    browsers.wait("bob", 10, |report| report.has_ended());
}

/// A picture of a page in a video call. It is kept where `INTEROP_PICTURES` says, as is the one of `docs/images`.
fn picture(browsers: &mut Browsers, name: &str) {
    let kept = std::env::var_os("INTEROP_PICTURES").map(PathBuf::from);
    let folder = kept.unwrap_or_else(std::env::temp_dir);
    let file = folder.join(format!("browser-{name}.png"));
    browsers.picture("alice", &file);
    let bytes = std::fs::read(&file).expect("a picture");
    assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 10_000, "{} bytes", bytes.len());
    if std::env::var_os("INTEROP_PICTURES").is_none() {
        std::fs::remove_file(&file).expect("it is ours");
    }
}

#[test]
#[ignore = "needs node and chromium"]
fn two_jssip_phones_hear_and_see_each_other() {
    two_browsers_talk("jssip", PROXY, Library::JsSip, Library::JsSip);
}

#[test]
#[ignore = "needs node and chromium"]
fn jssip_calls_sip_js() {
    two_browsers_talk("jssip-sipjs", PROXY, Library::JsSip, Library::SipJs);
}

#[test]
#[ignore = "needs node and chromium"]
fn sip_js_calls_jssip() {
    two_browsers_talk("sipjs-jssip", PROXY, Library::SipJs, Library::JsSip);
}

/// Through the server: each browser agrees on keys and paths with it.
#[test]
#[ignore = "needs node and chromium"]
fn two_browsers_hear_and_see_each_other_through_the_server() {
    two_browsers_talk("web-b2bua", &[], Library::JsSip, Library::SipJs);
}

/// The setting `end_to_end`: each has the certificate of the other, and the server only paths. What it can read and count of
/// the call is in the clear, the headers of RTP; its state is `e2e`.
#[test]
#[ignore = "needs node and chromium"]
fn two_browsers_hear_and_see_each_other_with_keys_that_the_server_does_not_have() {
    let flags = &["--end-to-end", "yes"];
    two_browsers_talk_while("web-e2e", flags, Library::JsSip, Library::SipJs, |server| {
        let calls = server.cli(&["calls", "--json"], "");
        println!("{calls}");
        let is_sealed = |what: &str| calls.contains(&format!("\"{what}\": \"e2e\""));
        assert!(is_sealed("srtp") && is_sealed("protection"), "{calls}");
    });
}

/// The echo service in the browser's own profile: ICE, DTLS-SRTP, Opus.
#[test]
#[ignore = "needs node and chromium"]
fn a_browser_hears_itself_through_echo() {
    let server = Coeur::start_with("web-echo", &[ALICE], &["--origin", "localhost"]);
    let mut browsers = Browsers::start();
    phone(&mut browsers, &server, ALICE, Library::JsSip, 440, false);
    server.wait_for_registrations(1);
    browsers.call("alice", "echo");
    let by_alice = browsers.wait("alice", 20, |r| r.heard_s(440) > 2.0);
    println!("alice {by_alice:#?}");
    assert!(by_alice.is_confirmed() && by_alice.audio_packets() > 80);
    browsers.hang_up("alice");
    browsers.wait("alice", 10, |report| report.has_ended());
}

/// A conference of a browser with Opus and a desk phone with whatever it has.
#[test]
#[ignore = "needs node, chromium and baresip"]
fn a_browser_and_a_desk_phone_meet_in_a_conference() {
    let server = Coeur::start_with("web-conference", &[ALICE, BOB], &["--origin", "localhost"]);
    let mut bob = baresip::Phone::start(&baresip::Setup::on_loopback(&server, BOB, "udp", 660));
    bob.registered();
    let mut browsers = Browsers::start();
    phone(&mut browsers, &server, ALICE, Library::SipJs, 440, false);
    server.wait_for_registrations(2);
    browsers.call("alice", "conference-sales");
    bob.command("dial", &format!("sip:conference-sales@{DOMAIN}"));
    bob.established();
    let by_alice = browsers.wait("alice", 20, |r| r.heard_s(660) > 2.0);
    println!("alice {by_alice:#?}");
    assert!(by_alice.is_confirmed() && by_alice.heard_s(440) == 0.0);
    browsers.hang_up("alice");
    bob.command("hangup", "");
    let by_bob = bob.heard_s(440.0);
    assert!(by_bob > 1.5, "bob heard alice's tone for {by_bob} s");
}

/// The server bridges ICE and DTLS-SRTP of the browser to what the desk phone speaks; first the one calls, then the other.
fn a_browser_and_a_desk_phone_talk(name: &str, library: Library, transport: &str, srtp: bool) {
    let server = Coeur::start_with(name, &[ALICE, BOB], &["--origin", "localhost"]);
    let setup = baresip::Setup::on_loopback(&server, BOB, transport, 660);
    let mut bob = baresip::Phone::start(&baresip::Setup { srtp, ..setup });
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

/// A page that may use nothing but TURN, as in a network that lets no UDP out: what it has been told when it registered is
/// all that it needs.
fn a_browser_talks_through_turn_alone(library: Library, relay: &str) {
    // Ports of its own, since other servers may run on this machine.
    let turn = [("udp", free_port()), ("tcp", free_port()), ("tls", free_port())];
    let turn = turn.map(|(scheme, port)| format!("{scheme}://127.0.0.1:{port}"));
    let flags = ["--origin", "localhost", "--turn", &turn[0], "--turn", &turn[1], "--turn", &turn[2]];
    let server = Coeur::start_with("web-turn", &[ALICE, BOB], &flags);
    let mut bob = baresip::Phone::start(&baresip::Setup::on_loopback(&server, BOB, "udp", 660));
    bob.registered();
    let mut browsers = Browsers::start();
    let setup = Setup::on_loopback(&server, ALICE, library, 440);
    browsers.phone(&Setup { relay: Some(relay), ..setup });
    browsers.call("alice", "bob");
    bob.established();
    // The browser is asked again and again, and does not know its pair each time.
    let by_alice = browsers
        .wait("alice", 30, |report| report.heard_s(660) > 2.0 && !report.local_candidate().is_empty());
    assert!(by_alice.local_candidate().starts_with("relay "), "{by_alice:#?}");
    let relayed = server.metric("coeur_turn_packets_relayed_total");
    println!("over {relay}: {by_alice:#?}\n{relayed} packets through TURN");
    assert!(relayed > 200.0);
    browsers.hang_up("alice");
    bob.wait_for(&["terminated", "session closed"], 10);
    let by_bob = bob.heard_s(440.0);
    assert!(by_bob > 1.5, "bob heard alice's tone for {by_bob} s");
}

#[test]
#[ignore = "needs node, chromium and baresip"]
fn a_jssip_phone_talks_through_turn_alone_over_udp_and_tcp() {
    a_browser_talks_through_turn_alone(Library::JsSip, "udp");
    a_browser_talks_through_turn_alone(Library::JsSip, "tcp");
}

#[test]
#[ignore = "needs node, chromium and baresip"]
fn a_sip_js_phone_talks_through_turn_alone_over_tls() {
    a_browser_talks_through_turn_alone(Library::SipJs, "tls");
}
