//! A real linphonec and a real baresip talk through us, in both directions and over each transport, and each hears the
//! other's tone.

use coeur_interop::baresip::{self, Phone};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::linphone::{self, Linphone};
use std::time::Duration;

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");

/// Alice's phone is a linphonec that speaks 440 Hz.
fn linphone(server: &Coeur, transport: &str) -> Linphone {
    Linphone::start(&linphone::Setup::on_loopback(server, ALICE, transport, 440))
}

/// Bob's phone is a baresip that speaks 660 Hz.
fn baresip(server: &Coeur, transport: &str) -> Phone {
    Phone::start(&baresip::Setup::on_loopback(server, BOB, transport, 660))
}

/// First one calls, then the other; each hears the other both times.
fn they_hear_each_other_in_both_directions(transport: &str) {
    let server = Coeur::start(&format!("linphone-{transport}"), &[ALICE, BOB]);
    let mut alice = linphone(&server, transport);
    let mut bob = baresip(&server, transport);
    bob.registered();
    alice.registered();
    alice.command(&format!("call sip:bob@{DOMAIN}"));
    alice.established();
    bob.established();
    std::thread::sleep(Duration::from_secs(4)); // they talk
    alice.command("terminate");
    bob.wait_for(&["terminated", "session closed"], 10);
    let by_bob = bob.heard_s(440.0);

    // A baresip writes one file for each call it hears; a second phone keeps them apart.
    let mut bob = baresip(&server, transport);
    bob.registered();
    bob.command("dial", &format!("sip:alice@{DOMAIN}"));
    bob.established();
    alice.established();
    std::thread::sleep(Duration::from_secs(4)); // they talk
    bob.command("hangup", "");
    alice.wait_for("ended", None, 10);
    let (by_bob_too, by_alice) = (bob.heard_s(440.0), alice.heard_s(660.0));
    println!("{transport}: baresip heard {by_bob} s and {by_bob_too} s, linphonec {by_alice} s");
    assert!(by_bob > 2.0 && by_bob_too > 2.0, "bob heard alice's tone for {by_bob} s and {by_bob_too} s");
    assert!(by_alice > 5.0, "alice heard bob's tone for {by_alice} s in two calls");
    server.wait_for_metric("coeur_calls_ended_total", 2.0);
}

#[test]
#[ignore = "needs linphonec and baresip"]
fn linphonec_and_baresip_over_udp_hear_each_other_in_both_directions() {
    they_hear_each_other_in_both_directions("udp");
}

#[test]
#[ignore = "needs linphonec and baresip"]
fn linphonec_and_baresip_over_tcp_hear_each_other_in_both_directions() {
    they_hear_each_other_in_both_directions("tcp");
}

#[test]
#[ignore = "needs linphonec and baresip"]
fn linphonec_and_baresip_over_tls_hear_each_other_in_both_directions() {
    they_hear_each_other_in_both_directions("tls");
}

/// RFC 8760: an account that takes nothing weaker than SHA-256. linphonec reads both challenges and answers the better.
#[test]
#[ignore = "needs linphonec"]
fn linphonec_proves_itself_with_sha_256() {
    let server = Coeur::start("linphone-sha256", &[]);
    server.cli(&["account", "add", "alice@interop.test", "--secret-stdin", "--policy", "sha256"], ALICE.1);
    linphone(&server, "udp").registered();
    server.wait_for_registrations(1);
    server.wait_for_metric("coeur_authenticated_total", 1.0);
    assert_eq!(server.metric("coeur_downgrade_refused_total"), 0.0);
}
