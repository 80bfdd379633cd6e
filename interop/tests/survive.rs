//! kill -9 in mid-call: the call goes on. Two baresip phones, or a browser and one, hear each other again, on the same ports
//! and under the same keys, without a word said; hold, resume and BYE work afterwards, and the call has one record.
//!
//! These measure: they print how long nothing was heard. `COEUR=target/release/coeur` runs them with another binary.

use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::browser::{Browsers, Library, Setup as Page};
use coeur_interop::coeur::Coeur;
use coeur_interop::crowd::{Crowd, median_and_99th};
use coeur_interop::talker::Pair;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");
/// One test at a time, because they measure.
static ALONE: Mutex<()> = Mutex::new(());

fn phone(server: &Coeur, account: (&str, &str), transport: &str, tone_hz: u32) -> Phone {
    let setup = Setup::on_loopback(server, account, transport, tone_hz);
    let mut phone = Phone::start_registering_often(&Setup { srtp: transport == "tls", ..setup });
    phone.registered();
    phone
}

/// The longest time in which a phone heard nothing, by how the files grow into which it writes what it hears.
fn longest_silence(phones: [&Phone; 2], done: &AtomicBool) -> [Duration; 2] {
    let (mut heard, mut at) = (phones.map(Phone::heard_bytes), [Instant::now(); 2]);
    let mut longest = [Duration::ZERO; 2];
    while !done.load(Ordering::Relaxed) {
        for side in 0..2 {
            let now = phones[side].heard_bytes();
            if now != heard[side] {
                longest[side] = longest[side].max(at[side].elapsed());
                (heard[side], at[side]) = (now, Instant::now());
            }
        }
        std::thread::sleep(Duration::from_millis(2)); // how fine it is measured
    }
    longest
}

struct Killed {
    /// From the kill to the answer of a new process.
    down: Duration,
    /// In which alice, and bob, heard nothing.
    silence: [Duration; 2],
}

/// They talk, the process is killed and started, and they talk on.
fn kill(server: &mut Coeur, alice: &Phone, bob: &Phone) -> Killed {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let listening = scope.spawn(|| longest_silence([alice, bob], &done));
        std::thread::sleep(Duration::from_secs(3)); // they talk
        let before = [alice.heard_bytes(), bob.heard_bytes()];
        let killed = Instant::now();
        server.kill();
        server.run();
        let down = killed.elapsed();
        std::thread::sleep(Duration::from_secs(4)); // they talk on
        done.store(true, Ordering::Relaxed);
        // 8,000 samples of 2 bytes a second.
        let after = [alice.heard_bytes() - before[0], bob.heard_bytes() - before[1]];
        assert!(after.iter().all(|bytes| *bytes > 2 * 16_000), "heard after the restart: {after:?} bytes");
        Killed { down, silence: listening.join().expect("no panic") }
    })
}

fn goes_on(name: &str, transport: &str) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut server = Coeur::start(name, &[ALICE, BOB]);
    let mut bob = phone(&server, BOB, transport, 660);
    let mut alice = phone(&server, ALICE, transport, 440);
    alice.command("dial", "sip:bob@interop.test");
    alice.established();
    bob.established();
    for round in 1..=2 {
        let killed = kill(&mut server, &alice, &bob);
        let [by_alice, by_bob] = killed.silence;
        println!(
            "{transport}, kill {round}: new process ready after {:?}; nothing heard by alice for {by_alice:?}, by bob for {by_bob:?}",
            killed.down
        );
        let most = killed.down + Duration::from_secs(1);
        assert!(by_alice < most && by_bob < most, "heard again within a second of the restart");
        server.wait_for_metric("coeur_calls_restored_total", 1.0);
    }
    signalling_goes_on(&server, &mut alice, &mut bob, transport);
    let (by_alice, by_bob) = (alice.heard_s(660.0), bob.heard_s(440.0));
    println!("{transport}: alice heard bob for {by_alice} s, bob heard alice for {by_bob} s");
    assert!(by_alice > 12.0 && by_bob > 12.0);
}

/// Hold, resume and BYE, and one record of all that. Over TLS the connections are gone: baresip 1.0 makes another when it has
/// something to say, or when its registration is due and no sooner, and what is for it waits until then.
fn signalling_goes_on(server: &Coeur, alice: &mut Phone, bob: &mut Phone, transport: &str) {
    alice.command("hold", "");
    let asked = Instant::now();
    bob.wait_for(&["got re-INVITE"], 90);
    println!("{transport}: bob was asked for the hold after {:?}", asked.elapsed());
    until(|| heard_in_a_second(bob) == 0, "bob hears nothing while he is on hold");
    // Whether alice then speaks again is not asked: with a file for a microphone baresip 1.0 may not, killed or not.
    alice.command("resume", "");
    bob.wait_for(&["got re-INVITE"], 10);
    bob.command("hangup", "");
    alice.wait_for(&["terminated", "session closed"], 10);
    server.wait_for_metric("coeur_calls_ended_total", 1.0);
    has_one_record(server, 12_000);
}

fn heard_in_a_second(phone: &Phone) -> u64 {
    let before = phone.heard_bytes();
    std::thread::sleep(Duration::from_secs(1)); // what is measured
    phone.heard_bytes() - before
}

fn until(mut is: impl FnMut() -> bool, what: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is() {
        assert!(Instant::now() < end, "{what}");
    }
}

/// A browser has a connection for its words, DTLS keys that only the journal has kept, and checks with ICE (RFC 7675) every
/// few seconds that it is still wanted: it gives a call up after 30 s without an answer.
fn a_browser_goes_on(name: &str, library: Library, look: impl FnOnce(&mut Browsers, &mut Phone)) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut server = Coeur::start_with(name, &[ALICE, BOB], &["--origin", "localhost"]);
    let mut bob = phone(&server, BOB, "udp", 660);
    let mut browsers = Browsers::start();
    browsers.phone(&Page::on_loopback(&server, ALICE, library, 440));
    browsers.call("alice", "bob");
    bob.established();
    browsers.wait("alice", 20, |report| report.heard_s(660) > 2.0);
    for round in 1..=2 {
        let killed = Instant::now();
        let before = (browsers.report("alice").audio_packets(), bob.heard_bytes());
        server.kill();
        server.run();
        let down = killed.elapsed();
        let silence = silence_of_both(&mut browsers, &bob, before, killed);
        println!(
            "{name}, kill {round}: ready after {down:?}; silence {silence:?} (by the browser, by the phone)"
        );
        let most = down + Duration::from_secs(1);
        assert!(silence[0] < most && silence[1] < most, "heard again within a second of the restart");
        server.wait_for_metric("coeur_calls_restored_total", 1.0);
    }
    // Longer than a browser goes on without consent.
    let (before, began) = (browsers.report("alice").audio_packets(), Instant::now());
    std::thread::sleep(Duration::from_secs(35));
    let packets = browsers.report("alice").audio_packets() - before;
    println!("{name}: {packets} packets in {:?}", began.elapsed());
    assert!(packets > 1_600, "consent goes on");
    look(&mut browsers, &mut bob);
    server.wait_for_metric("coeur_calls_ended_total", 1.0);
    has_one_record(&server, 35_000);
    let by_bob = bob.heard_s(440.0);
    assert!(by_bob > 30.0, "bob heard alice's tone for {by_bob} s");
}

/// From the kill until each hears something again: at most five seconds are waited.
fn silence_of_both(
    browsers: &mut Browsers,
    bob: &Phone,
    before: (u64, u64),
    killed: Instant,
) -> [Duration; 2] {
    let mut silence = [None; 2];
    let until = Instant::now() + Duration::from_secs(5);
    // What was under way when it was killed is heard within 200 ms.
    let mut last = before;
    while Instant::now() < until && silence.contains(&None) {
        let now = (browsers.report("alice").audio_packets(), bob.heard_bytes());
        if killed.elapsed() < Duration::from_millis(200) {
            last = now;
            continue;
        }
        for (side, has_heard) in [now.0 > last.0, now.1 > last.1].into_iter().enumerate() {
            if has_heard {
                silence[side].get_or_insert(killed.elapsed());
            }
        }
    }
    silence.map(|silence| silence.unwrap_or(Duration::MAX))
}

/// One, of a call that was answered, and as long as it was.
fn has_one_record(server: &Coeur, talk_ms_min: u64) {
    server.wait_for_metric("coeur_call_records_total", 1.0);
    let records = server.cli(&["records", "--json"], "");
    let records: Vec<serde_json::Value> = serde_json::from_str(&records).expect("an array");
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["disposition"], "answered", "{records:?}");
    assert!(records[0]["talk_ms"].as_u64() > Some(talk_ms_min), "over all kills: {records:?}");
}

/// JsSIP connects again by itself, and registers: it can hold, and be told that the call is over.
#[test]
#[ignore = "needs baresip, node and chromium"]
fn a_call_of_a_browser_goes_on_after_kill_9() {
    a_browser_goes_on("survive-jssip", Library::JsSip, |browsers, bob| {
        browsers.hold("alice", true);
        bob.wait_for(&["got re-INVITE"], 10);
        until(|| heard_in_a_second(bob) == 0, "bob hears nothing while he is on hold");
        browsers.hold("alice", false);
        bob.wait_for(&["got re-INVITE"], 10);
        // That baresip 1.0 writes down what it hears after a hold cannot be relied on; what alice hears can be counted.
        let before = browsers.report("alice").audio_packets();
        browsers.wait("alice", 10, |report| report.audio_packets() > before + 50);
        bob.command("hangup", "");
        browsers.wait("alice", 10, |report| report.has_ended());
    });
}

/// The end of a call and the end of the process: whatever came first, the call is counted once.
#[test]
#[ignore = "measures with a real process"]
fn a_call_that_ends_as_the_process_is_killed_has_one_record() {
    let mut server = Coeur::start("survive-record", &[ALICE, BOB]);
    let delays_ms = [0, 1, 3, 10, 30, 100, 300, 1_000, 1_500];
    for (round, delay_ms) in delays_ms.into_iter().enumerate() {
        let last = 10 + round as u8;
        let mut pair = Pair::start(&server, [ALICE, BOB], [[127, 0, 20, last], [127, 0, 21, last]], false);
        pair.talk(Duration::from_millis(1_200), || {});
        assert_eq!(pair.hang_up(), Some(200));
        std::thread::sleep(Duration::from_millis(delay_ms)); // what is tried
        server.kill();
        server.run();
        let records = wait_for_records(&server, round + 1);
        let talked = records.iter().filter(|record| record["talk_ms"].as_u64() >= Some(1_000)).count();
        assert_eq!(
            (records.len(), talked),
            (round + 1, round + 1),
            "killed {delay_ms} ms after: {records:?}"
        );
    }
}

fn wait_for_records(server: &Coeur, count: usize) -> Vec<serde_json::Value> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let text = server.cli(&["records", "--limit", "2000", "--json"], "");
        let records: Vec<serde_json::Value> = serde_json::from_str(&text).expect("an array");
        if records.len() >= count || Instant::now() > until {
            return records;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// As many calls as `CALLS` says (1,000), with media both ways every `PACKET_MS` (100): the process is killed in their midst.
/// All go on, and each has one record; how soon they are heard is printed.
#[test]
#[ignore = "measures: a thousand calls"]
fn a_thousand_calls_go_on_after_kill_9() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let number =
        |name: &str, usual: u64| std::env::var(name).map_or(usual, |value| value.parse().expect("a number"));
    let (calls, packet) = (number("CALLS", 1_000) as usize, Duration::from_millis(number("PACKET_MS", 100)));
    let mut server = Coeur::start("survive-crowd", &[]);
    let mut crowd = Crowd::start(&server, calls);
    println!("{calls} calls are answered; {} kB", server.resident_kb());
    let mut ready = Duration::ZERO;
    let (dead, silences) = crowd.talk_while(packet, |talking| {
        std::thread::sleep(Duration::from_secs(2)); // they talk
        server.kill();
        let dead = server.cli(&["check-data", "--json"], "");
        talking.begin_to_count();
        ready = server.run();
        // However slow the machine is, nobody is given up.
        let until = Instant::now() + Duration::from_secs(60);
        while talking.heard() < 2 * calls && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        dead
    });
    let dead: serde_json::Value = serde_json::from_str(&dead).expect("an object");
    println!("check-data: {}", dead["journal"]);
    assert_eq!(dead["journal"]["calls"], calls, "what the next start takes up");
    let (median, most) = median_and_99th(&silences);
    println!(
        "{} of {} ends heard the other again; ready after {ready:?}; heard after: median {median:?}, 99 % {most:?}; \
         {:?} of processor time until then",
        silences.len(),
        2 * calls,
        server.cpu()
    );
    assert_eq!(silences.len(), 2 * calls);
    assert_eq!(server.metric("coeur_calls_restored_total"), calls as f64);
    assert_eq!(crowd.hang_up(), calls, "BYEs that were answered on both sides");
    server.wait_until_metric("coeur_call_records_total", |written| written >= calls as f64);
    let records = wait_for_records(&server, calls);
    assert_eq!(records.len(), calls);
}

#[test]
#[ignore = "needs baresip"]
fn a_call_of_plain_phones_goes_on_after_kill_9() {
    goes_on("survive-udp", "udp");
}

#[test]
#[ignore = "needs baresip"]
fn a_call_over_tls_and_srtp_goes_on_after_kill_9() {
    goes_on("survive-tls", "tls");
}
