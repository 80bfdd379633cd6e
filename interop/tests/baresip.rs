//! Two real phones talk through us, over each transport, and each hears the other's tone.

use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::coeur::Coeur;
use coeur_interop::free_port;
use coeur_interop::lossy::Lossy;
use std::time::Duration;

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");

fn phone(server: &Coeur, account: (&str, &str), transport: &str, tone_hz: u32) -> Phone {
    Phone::start(&Setup::on_loopback(server, account, transport, tone_hz))
}

/// One of UDP that is told another port than the server's.
fn phone_at(server_port: u16, server: &Coeur, account: (&str, &str), tone_hz: u32) -> Phone {
    Phone::start(&Setup { server_port, ..Setup::on_loopback(server, account, "udp", tone_hz) })
}

/// Seconds of the other's tone that caller and callee heard in a call of 4 s.
fn heard_s(name: &str, caller: (&str, u32), callee: (&str, u32)) -> (f32, f32) {
    let server = Coeur::start(name, &[ALICE, BOB]);
    let mut bob = phone(&server, BOB, callee.0, callee.1);
    let mut alice = phone(&server, ALICE, caller.0, caller.1);
    bob.registered();
    alice.registered();
    alice.command("dial", "sip:bob@interop.test");
    alice.established();
    bob.established();
    std::thread::sleep(Duration::from_secs(4)); // they talk
    alice.command("hangup", "");
    bob.wait_for(&["terminated", "session closed"], 10);
    let heard = (alice.heard_s(660.0), bob.heard_s(440.0));
    server.wait_for_metric("coeur_calls_ended_total", 1.0);
    heard
}

fn two_phones_hear_each_other(name: &str, caller_transport: &str, callee_transport: &str) {
    let (by_alice, by_bob) = heard_s(name, (caller_transport, 440), (callee_transport, 660));
    assert!(by_alice > 2.0, "alice heard bob's tone for {by_alice} s");
    assert!(by_bob > 2.0, "bob heard alice's tone for {by_bob} s");
}

/// What the tests below rely on: a call that stands but carries nothing, or the wrong thing, is not taken for one that
/// is heard.
#[test]
#[ignore = "needs baresip"]
fn a_phone_that_says_nothing_or_something_else_is_not_heard() {
    let (by_alice, by_bob) = heard_s("silent", ("udp", 0), ("udp", 660));
    assert!(by_alice > 2.0, "alice heard bob's tone for {by_alice} s");
    assert_eq!(by_bob, 0.0, "seconds of a tone that nobody made");
    let (by_alice, by_bob) = heard_s("other-tone", ("udp", 440), ("udp", 1_000));
    assert_eq!(by_alice, 0.0, "seconds of a tone that nobody made");
    assert!(by_bob > 2.0, "bob heard alice's tone for {by_bob} s");
}

#[test]
#[ignore = "needs baresip"]
fn two_phones_over_udp_hear_each_other() {
    two_phones_hear_each_other("udp", "udp", "udp");
}

#[test]
#[ignore = "needs baresip"]
fn two_phones_over_tcp_hear_each_other() {
    two_phones_hear_each_other("tcp", "tcp", "tcp");
}

#[test]
#[ignore = "needs baresip"]
fn two_phones_over_tls_hear_each_other() {
    two_phones_hear_each_other("tls", "tls", "tls");
}

#[test]
#[ignore = "needs baresip"]
fn a_phone_over_tls_calls_one_over_udp() {
    two_phones_hear_each_other("tls-udp", "tls", "udp");
}

#[test]
#[ignore = "needs baresip"]
fn a_phone_over_udp_calls_one_over_tcp() {
    two_phones_hear_each_other("udp-tcp", "udp", "tcp");
}

/// One datagram in ten is lost between the phones and the server, both ways: the transactions of RFC 3261 section 17
/// repeat what is missing.
#[test]
#[ignore = "needs baresip"]
fn phones_register_and_call_over_lines_that_lose_one_datagram_in_ten() {
    let port = free_port();
    let advertise = format!("udp://127.0.0.1:{port}");
    let server = Coeur::start_with("lossy", &[ALICE, BOB], &["--advertise", &advertise]);
    let line = Lossy::start(port, server.udp, 100, 1);
    let mut bob = phone_at(port, &server, BOB, 660);
    let mut alice = phone_at(port, &server, ALICE, 440);
    bob.wait_for(&["200 OK"], 40);
    alice.wait_for(&["200 OK"], 40);
    for _ in 0..2 {
        alice.command("dial", "sip:bob@interop.test");
        alice.wait_for(&["Call established"], 40);
        bob.wait_for(&["Call established"], 40);
        alice.command("hangup", "");
        bob.wait_for(&["terminated", "session closed"], 40);
    }
    println!("{} datagrams were lost", line.lost());
    assert!(line.lost() > 0);
}

/// The connection of the one may be on another thread than the call: its last word leaves all the same.
#[test]
#[ignore = "needs baresip"]
fn a_server_that_stops_says_goodbye_on_every_connection() {
    for _ in 0..4 {
        let mut server = Coeur::start_with("goodbye", &[ALICE, BOB], &["--shards", "4"]);
        let mut bob = phone(&server, BOB, "tls", 660);
        let mut alice = phone(&server, ALICE, "tcp", 440);
        bob.registered();
        alice.registered();
        alice.command("dial", "sip:bob@interop.test");
        alice.established();
        bob.established();
        server.terminate();
        for phone in [&mut alice, &mut bob] {
            phone.wait_for(&["terminated", "session closed"], 5);
        }
    }
}

#[test]
#[ignore = "needs baresip"]
fn a_phone_keeps_its_registration_over_kill_9() {
    let mut server = Coeur::start("kill9", &[ALICE, BOB]);
    let mut bob = phone(&server, BOB, "udp", 660);
    bob.registered();
    server.kill();
    server.run();
    let mut alice = phone(&server, ALICE, "udp", 440);
    alice.registered();
    alice.command("dial", "sip:bob@interop.test");
    bob.established();
}

#[test]
#[ignore = "needs baresip"]
fn the_echo_service_is_heard_by_a_phone_alone() {
    let server = Coeur::start("echo", &[ALICE]);
    let mut alice = phone(&server, ALICE, "udp", 440);
    alice.registered();
    alice.command("dial", "sip:echo@interop.test");
    alice.established();
    std::thread::sleep(Duration::from_secs(3)); // it talks to itself
    let heard = alice.heard_s(440.0);
    assert!(heard > 1.5, "alice heard her own tone for {heard} s");
}

#[test]
#[ignore = "needs baresip"]
fn a_phone_with_a_wrong_secret_is_refused_and_counted() {
    let server = Coeur::start("wrong", &[ALICE]);
    let mut alice = phone(&server, ("alice", "not-the-secret"), "udp", 440);
    alice.wait_for(&["401 ", "403 ", "Authentication"], 15);
    server.wait_until_metric("coeur_authentication_failed_total", |failed| failed >= 1.0);
    assert_eq!(server.registrations(), 0);
}
