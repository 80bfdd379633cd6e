//! kill -9 with many registrations: none that was answered 200 is lost, all are served again soon, with the lifetime
//! that they had.
//!
//! These measure: they print what they saw. `COEUR=target/release/coeur` runs them with another binary than the one
//! built beside them; the bound of 3 seconds holds for that and for `cargo test --release`.

use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::load::{Acknowledged, Client, Course, accounts, register_all, user};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One test at a time, because they measure.
static ALONE: Mutex<()> = Mutex::new(());
const CLIENTS: usize = 64;
const EXPIRES_S: u32 = 3_600;
/// How far a remaining lifetime may be off.
const TOLERANCE_S: f64 = 2.0;

fn with_accounts(name: &str, count: u32) -> Coeur {
    // Lifetimes are compared with what was asked for, so nothing may be granted less.
    let server = Coeur::start_with(name, &[], &["--expires-jitter-percent", "0"]);
    let began = Instant::now();
    server.cli(&["account", "import", "-"], &accounts(count));
    let took = began.elapsed();
    println!("{count} accounts imported in {:.1} s", took.as_secs_f64());
    assert!(took < Duration::from_secs(60), "{took:?}");
    server
}

fn address(server: &Coeur) -> SocketAddr {
    ([127, 0, 0, 1], server.udp).into()
}

/// Seconds left by account, as a running server says, and when it began and ended to say so.
struct Listed {
    left_s: BTreeMap<String, f64>,
    from: Instant,
    until: Instant,
}

fn listed(server: &Coeur) -> Listed {
    let from = Instant::now();
    let text = server.cli(&["registrations", "--json", "--limit", "1000000"], "");
    let until = Instant::now();
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let row = |view: &serde_json::Value| {
        let left = view["expires_in_s"].as_u64().expect("seconds");
        (view["account"].as_str().expect("an account").to_owned(), left as f64)
    };
    Listed { left_s: value.as_array().expect("a list").iter().map(row).collect(), from, until }
}

impl Listed {
    /// Every acknowledged registration is there with what is left of its lifetime.
    fn hold(&self, acknowledged: &[Acknowledged]) {
        let lost: Vec<_> =
            acknowledged.iter().filter(|one| !self.left_s.contains_key(&account(one.user))).collect();
        assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
        for one in acknowledged {
            let left_s = self.left_s[&account(one.user)];
            let least = f64::from(EXPIRES_S) - (self.until - one.asked).as_secs_f64() - TOLERANCE_S;
            let most = f64::from(EXPIRES_S) - (self.from - one.heard).as_secs_f64() + TOLERANCE_S;
            assert!((least..=most).contains(&left_s), "{one:?}: {left_s} s left, not {least} to {most}");
        }
    }
}

fn account(number: u32) -> String {
    format!("{}@{DOMAIN}", user(number))
}

#[test]
#[ignore = "takes a minute"]
fn a_hundred_thousand_bindings_survive_kill_9_and_are_served_again_within_three_seconds() {
    const USERS: u32 = 100_000;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut server = with_accounts("kill-100k", USERS);
    let never = AtomicBool::new(false);
    // One phone that stays on its socket, to be reached after the restart.
    let (mut callee, mut caller) = (Client::new(address(&server)), Client::new(address(&server)));
    assert_eq!(callee.register(&user(0), EXPIRES_S, &never), Some(200));
    let began = Instant::now();
    let course = Course { next: AtomicU32::new(1), ..Course::default() };
    let acknowledged = register_all(address(&server), &course, USERS, EXPIRES_S, CLIENTS);
    let took = began.elapsed();
    println!(
        "{} registered in {:.1} s, {:.0} in a second",
        acknowledged.len(),
        took.as_secs_f64(),
        acknowledged.len() as f64 / took.as_secs_f64()
    );
    assert_eq!(acknowledged.len(), USERS as usize - 1);

    server.kill();
    let started = Instant::now();
    let ready = server.run();
    let routed = std::thread::scope(|scope| {
        let answering = scope.spawn(move || callee.answer("MESSAGE"));
        let status = caller.message(&user(1), &user(0));
        answering.join().expect("no panic") && status == Some(200)
    });
    let served = started.elapsed();
    println!(
        "ready {:.3} s after exec, first MESSAGE passed after {:.3} s",
        ready.as_secs_f64(),
        served.as_secs_f64()
    );
    assert!(routed, "a MESSAGE reaches the phone that registered before kill -9");
    let listed = listed(&server);
    assert_eq!(listed.left_s.len(), USERS as usize);
    listed.hold(&acknowledged);
    let bound = Duration::from_secs(if is_optimised() { 3 } else { 20 });
    assert!(ready < bound, "{ready:?}");
}

/// The binary of a debug build is several times slower.
fn is_optimised() -> bool {
    let path = coeur_interop::coeur::binary();
    !path.components().any(|part| part.as_os_str() == "debug")
}

#[test]
#[ignore = "takes a minute"]
fn twenty_kills_at_random_moments_under_load_lose_no_acknowledged_registration() {
    const KILLS: u32 = 20;
    // More than can register before the last kill.
    let users = if is_optimised() { 200_000 } else { 40_000 };
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let mut random: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()) * 0x9e37_79b9 + 1);
    println!("SEED={random}");
    let mut server = with_accounts("kill-20", users);
    let (mut next, mut acknowledged) = (0, Vec::new());
    for kill in 1..=KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_millis((random >> 33) % 400);
        let address = address(&server);
        let course = Course { next: AtomicU32::new(next), ..Course::default() };
        let heard = std::thread::scope(|scope| {
            let load = scope.spawn(|| register_all(address, &course, users, EXPIRES_S, CLIENTS));
            let until = Instant::now() + Duration::from_secs(20);
            while course.heard.load(Ordering::Relaxed) == 0 && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1)); // the first answer is on its way
            }
            std::thread::sleep(moment); // the kill comes in the middle of it
            server.kill();
            course.stop.store(true, Ordering::Relaxed);
            load.join().expect("no panic")
        });
        next = course.next.into_inner();
        assert!(!heard.is_empty(), "there was load before kill {kill}");
        assert!(next < users, "the load has lasted until kill {kill}");
        acknowledged.extend(heard);
        server.run();
        listed(&server).hold(&acknowledged);
    }
    println!("{KILLS} kills, {} acknowledged registrations, none lost", acknowledged.len());
}
