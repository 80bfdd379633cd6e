//! Calls that are begun for an account, held, muted, sent elsewhere: by the command line, with real phones.

use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::calls::{CANCELLED_487, register};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::scenario::{Scenario, answer_in_dialog};
use coeur_interop::sipp::{Run, Sipp};
use serde_json::Value;
use std::time::{Duration, Instant};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");
const CAROL: (&str, &str) = ("carol", "tr0ub4dor-and-3");

fn phone(server: &Coeur, account: (&str, &str), transport: &str, tone_hz: u32) -> Phone {
    let setup = Setup::on_loopback(server, account, transport, tone_hz);
    let mut phone = Phone::start(&Setup { srtp: transport == "tls", ..setup });
    phone.registered();
    phone
}

/// Alice is to call bob; the name of the call.
fn originate(server: &Coeur, more: &[&str]) -> String {
    let alice = format!("alice@{DOMAIN}");
    let told = server.cli(&[&["calls", "originate", &alice, "bob", "--json"], more].concat(), "");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["to_uri"], format!("sip:bob@{DOMAIN}"));
    told["call"].as_str().expect("a name").to_owned()
}

fn calls(server: &Coeur) -> Vec<Value> {
    serde_json::from_str(&server.cli(&["calls", "--json"], "")).expect("JSON")
}

/// The record of a call, once it is written.
fn record(server: &Coeur, call: &str) -> Value {
    let until = Instant::now() + Duration::from_secs(15);
    loop {
        let all: Vec<Value> = serde_json::from_str(&server.cli(&["records", "--json"], "")).expect("JSON");
        if let Some(record) = all.into_iter().find(|record| record["id"] == call) {
            return record;
        }
        assert!(Instant::now() < until, "no record of {call}\n{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_over(server: &Coeur) {
    let until = Instant::now() + Duration::from_secs(15);
    while !calls(server).is_empty() {
        assert!(Instant::now() < until, "{:?}", calls(server));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How much more the phone has heard of this tone after this long.
fn hears(phone: &Phone, hz: f32, span: Duration) -> f32 {
    let before = phone.heard_now(&[hz])[0];
    std::thread::sleep(span);
    phone.heard_now(&[hz])[0] - before
}

#[test]
#[ignore = "needs baresip"]
fn a_call_that_is_begun_for_an_account_is_heard_held_muted_and_sent_to_somebody_else() {
    let server = Coeur::start("control", &[ALICE, BOB, CAROL]);
    let mut bob = phone(&server, BOB, "udp", 660);
    let mut carol = phone(&server, CAROL, "udp", 880);
    let mut alice = phone(&server, ALICE, "tls", 440);
    let id = originate(&server, &["--auto-answer", "--display", "Sales"]);
    alice.established();
    bob.established();
    let talk = Duration::from_secs(4);
    std::thread::sleep(talk);
    let talked = [alice.heard_now(&[660.0])[0], bob.heard_now(&[440.0])[0]];
    println!("they have heard each other for {talked:?} s of {talk:?}");
    assert!(talked.iter().all(|seconds| *seconds > 2.0), "{talked:?}");
    let live = calls(&server);
    assert_eq!((live.len(), live[0]["call"].as_str()), (1, Some(&*id)), "{live:?}");

    server.cli(&["calls", "hold", &id, "--side", "callee"], "");
    std::thread::sleep(Duration::from_secs(1));
    let held = [hears(&alice, 660.0, Duration::from_secs(2)), hears(&bob, 440.0, Duration::from_secs(2))];
    println!("on hold they have heard each other for {held:?} s of 2 s");
    assert!(held.iter().all(|seconds| *seconds < 0.3), "{held:?}");
    assert_eq!(calls(&server)[0]["state"], "held");
    server.cli(&["calls", "resume", &id], "");
    server.cli(&["calls", "mute", &id, "--side", "caller"], "");
    std::thread::sleep(Duration::from_secs(1));
    let muted = [hears(&alice, 660.0, Duration::from_secs(3)), hears(&bob, 440.0, Duration::from_secs(2))];
    println!("with alice muted they have heard each other for {muted:?} s of 3 s and 2 s");
    assert!(muted[0] > 1.5 && muted[1] < 0.3, "{muted:?}");
    server.cli(&["calls", "unmute", &id], "");
    std::thread::sleep(Duration::from_secs(1));
    let again = hears(&bob, 440.0, Duration::from_secs(2));
    println!("after hold, music and silence bob has heard alice for {again} s of 2 s");
    assert!(again > 1.5, "{again}");

    // Bob goes to carol, and alice is left.
    server.cli(&["calls", "transfer", &id, "carol", "--side", "callee"], "");
    carol.established();
    alice.wait_for(&["terminated", "session closed"], 10);
    let heard = [hears(&bob, 880.0, talk), carol.heard_now(&[660.0])[0]];
    println!("bob and carol have heard each other for {heard:?} s of {talk:?}");
    assert!(heard.iter().all(|seconds| *seconds > 2.0), "{heard:?}");
    let of_two = record(&server, &id);
    assert_eq!((&of_two["disposition"], &of_two["xfer_of"]), (&Value::from("answered"), &Value::Null));
    assert_eq!(of_two["caller"]["account"], format!("alice@{DOMAIN}"), "{of_two}");
    carol.command("hangup", "");
    is_over(&server);
}

#[test]
#[ignore = "needs baresip and sipp"]
fn a_callee_who_is_busy_or_does_not_answer_leaves_nothing_of_a_call_that_was_begun() {
    let server = Coeur::start("control-busy", &[ALICE, BOB]);
    let mut alice = phone(&server, ALICE, "udp", 440);
    let bob = Run::new(BOB.0, BOB.1, coeur_interop::free_port(), server.udp);
    register(&bob);
    let busy = Scenario::new().request_kept("INVITE").answer(486, "Busy Here", false).request("ACK");
    let callee = Sipp::start(&busy, &bob);
    let id = originate(&server, &[]);
    alice.established();
    alice.wait_for(&["terminated", "session closed"], 10);
    callee.succeed();
    let ended = record(&server, &id);
    assert_eq!((ended["sip_status"].as_u64(), &ended["disposition"]), (Some(486), &Value::from("busy")));
    is_over(&server);

    // One who only rings: alice hangs up, and he is told.
    let rings = Scenario::new()
        .request_kept("INVITE")
        .answer(180, "Ringing", false)
        .request("CANCEL")
        .send_once(&answer_in_dialog(200, "OK", false))
        .send(CANCELLED_487)
        .request("ACK");
    let callee = Sipp::start(&rings, &bob);
    let id = originate(&server, &[]);
    alice.established();
    std::thread::sleep(Duration::from_secs(1));
    alice.command("hangup", "");
    callee.succeed();
    assert_eq!(record(&server, &id)["disposition"], "cancelled");
    is_over(&server);
}

#[test]
#[ignore = "needs baresip and sipp"]
fn a_server_that_is_killed_while_the_second_rings_comes_back_without_the_call() {
    let mut server = Coeur::start("control-kill", &[ALICE, BOB]);
    let mut alice = phone(&server, ALICE, "udp", 440);
    let bob = Run::new(BOB.0, BOB.1, coeur_interop::free_port(), server.udp);
    register(&bob);
    let rings = Scenario::new().request_kept("INVITE").answer(180, "Ringing", false);
    let callee = Sipp::start(&rings, &bob);
    originate(&server, &[]);
    alice.established();
    callee.succeed();
    server.kill();
    server.run();
    assert!(calls(&server).is_empty());
    assert_eq!((server.metric("coeur_calls"), server.metric("coeur_media_port_pairs")), (0.0, 0.0));
    // Her phone is told when it speaks that there is no such call (RFC 3261 section 12.2.2).
    alice.command("hangup", "");
    let until = Instant::now() + Duration::from_secs(10);
    while !server.cli(&["trace", "--last", "5"], "").contains("481") {
        assert!(Instant::now() < until, "{}", server.cli(&["trace", "--last", "5"], ""));
        std::thread::sleep(Duration::from_millis(100));
    }
    is_over(&server);
}
