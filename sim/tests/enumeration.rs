//! [T-02] Whether a stranger can tell names that exist from names that do not: by the bytes of an answer, by the work
//! behind it, or by its time. Names are looked for in both places where a request names one: as its sender, and as the
//! one it is for.
//!
//! Work is counted (digests compared, allocations), which does not vary with the machine and is a test like any other.
//! Time is measured inside the process over 10,000 names of each kind in random order: `cargo test -p coeur-sim --test
//! enumeration -- --ignored --nocapture`. That is sharper than what any network lets through: a branch or a line of
//! memory shows, so beside Welch's t the medians may lie 2 % apart. As an attacker measures it, through sockets, it is in
//! `interop/tests/enumeration.rs`. Noise that says "different" once says something else the next time, so only three
//! measurements in a row that agree fail.

use coeur_exchange::Exchange;
use coeur_exchange::flow::{Flow, ShardId};
use coeur_exchange::input::Input;
use coeur_exchange::outbox::{Outbox, Output};
use coeur_exchange::world::World;
use coeur_sim::chance::Chance;
use coeur_sim::fuzzing::desk::{DOMAIN, Desk, udp};
use coeur_sim::statistics::{kolmogorov_smirnov_p, welch_t};
use coeur_sip::digest::{Ha1, Session, challenges};
use coeur_sip::time::{Monotonic, Now, Wall};
use coeur_sip::{HeaderName, HeaderTable, Limits, parse};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const METHODS: [&str; 5] = ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE"];

/// What a stranger tries with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Try {
    /// As its sender, without credentials.
    Bare,
    /// As its sender, with a wrong answer to the challenge.
    Wrong,
    /// As its sender, with a ninth wrong answer: no longer verified.
    Unverified,
    /// As the one it is for, without credentials.
    Target,
}

const TRIES: [Try; 4] = [Try::Bare, Try::Wrong, Try::Unverified, Try::Target];

struct Sample {
    answer: Vec<u8>,
    nanoseconds: f64,
    allocations: usize,
    digests: u64,
}

struct Bench {
    world: World,
    exchange: Exchange,
    now: Now,
    table: HeaderTable,
    outbox: Outbox,
    serial: u32,
}

/// Names of both kinds in random order; those marked true exist.
fn names(seed: u64, each: usize) -> Vec<(String, bool)> {
    let mut chance = Chance::new(seed);
    let mut names: BTreeSet<u64> = BTreeSet::new();
    while names.len() < 2 * each {
        names.insert(chance.below(1 << 40));
    }
    let mut names: Vec<(String, bool)> =
        names.into_iter().map(|number| (format!("n{number:010x}"), false)).collect();
    for at in (1..names.len()).rev() {
        names.swap(at, chance.below(at as u64 + 1) as usize);
    }
    names.iter_mut().take(each).for_each(|(_, exists)| *exists = true);
    for at in (1..names.len()).rev() {
        names.swap(at, chance.below(at as u64 + 1) as usize);
    }
    names
}

impl Bench {
    fn new(names: &[(String, bool)]) -> Self {
        // In another order than they are asked for: neighbours in memory would be in the cache.
        let existing: BTreeSet<&str> =
            names.iter().filter(|(_, exists)| *exists).map(|(name, _)| name.as_str()).collect();
        let world = Desk::with_users(existing.into_iter()).world;
        Self {
            exchange: Exchange::new(ShardId(0), [9; 32], &world),
            world,
            now: Now::new(Monotonic::from_secs(1), Wall::from_secs(1_800_000_000)),
            table: HeaderTable::new(),
            outbox: Outbox::default(),
            serial: 0,
        }
    }

    /// Every attempt comes from a source of its own, so that no limit of a source is met.
    fn source(&mut self) -> Flow {
        self.serial += 1;
        let [_, a, b, c] = self.serial.to_be_bytes();
        udp([10 + a, 100 + b % 100, 100 + (b / 100 * 30) + c / 9, 100 + c % 9], 50_000)
    }

    fn attempt(&mut self, method: &str, name: &str, what: Try) -> Sample {
        let flow = self.source();
        let (from, to) = match what {
            Try::Target => ("someone", name),
            Try::Bare | Try::Wrong | Try::Unverified => {
                (name, if method == "REGISTER" { name } else { "someone" })
            }
        };
        let bare = self.hand(flow, &request(method, from, to, &flow, 1, ""));
        let wrong_answers = match what {
            Try::Bare | Try::Target => return bare,
            Try::Wrong => 1,
            Try::Unverified => 9,
        };
        let mut session = session_of(&bare.answer);
        let mut last = bare;
        for cseq in 0..wrong_answers {
            let ha1 = Ha1::new(session.algorithm(), from.as_bytes(), session.realm(), b"wrong");
            let mut value = Vec::new();
            let (uri, random) = (uri_of(method, to), [cseq as u8; 16]);
            session.write_credentials(
                from.as_bytes(),
                &ha1,
                method.as_bytes(),
                uri.as_bytes(),
                b"",
                random,
                &mut value,
            );
            let header = if method == "REGISTER" { "Authorization" } else { "Proxy-Authorization" };
            let line = format!("{header}: {}\r\n", String::from_utf8_lossy(&value));
            last = self.hand(flow, &request(method, from, to, &flow, 2 + cseq, &line));
        }
        last
    }

    fn hand(&mut self, flow: Flow, bytes: &[u8]) -> Sample {
        self.now = self.now + Duration::from_micros(20);
        let digests = self.exchange.counters().digests_compared;
        let (allocations, began) = (allocations(), Instant::now());
        let message = parse(bytes, &mut self.table, &Limits::default()).expect("a request");
        self.exchange.handle(
            self.now,
            &self.world,
            Input::Received { flow, message: &message },
            &mut self.outbox,
        );
        let (nanoseconds, allocations) =
            (began.elapsed().as_nanos() as f64, self::allocations() - allocations);
        let digests = self.exchange.counters().digests_compared - digests;
        let mut answer = Vec::new();
        for output in &self.outbox.outputs {
            if let Output::Send(send) = output {
                answer.extend_from_slice(self.outbox.bytes(send.bytes));
            }
        }
        self.outbox.clear();
        Sample { answer, nanoseconds, allocations, digests }
    }
}

fn uri_of(method: &str, to: &str) -> String {
    if method == "REGISTER" { format!("sip:{DOMAIN}") } else { format!("sip:{to}@{DOMAIN}") }
}

fn request(method: &str, from: &str, to: &str, flow: &Flow, cseq: u32, line: &str) -> Vec<u8> {
    let (uri, remote) = (uri_of(method, to), flow.remote);
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {remote};rport;branch=z9hG4bK{cseq}\r\nMax-Forwards: 70\r\n\
         From: <sip:{from}@{DOMAIN}>;tag=1928301774\r\nTo: <sip:{to}@{DOMAIN}>\r\nCall-ID: a84b4c76e66710\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:{from}@{remote}>\r\nUser-Agent: enumeration\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE\r\n{line}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn session_of(answer: &[u8]) -> Session {
    let mut table = HeaderTable::new();
    let message = parse(answer, &mut table, &Limits::default()).expect("what we send can be read");
    let www = message.headers_of(HeaderName::WwwAuthenticate);
    let all = www.chain(message.headers_of(HeaderName::ProxyAuthenticate));
    let found = all.flat_map(|header| challenges(header.value)).flatten();
    Session::new(&Session::choose(found).expect("a challenge"))
}

/// An answer without what is different in every answer: the name asked for, source, nonce and our tag.
fn masked(answer: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(answer).replace(name, "NAME");
    let line = |line: &str| match line.split_once("nonce=\"") {
        Some((head, tail)) => format!("{head}{}", tail.split_once('"').map_or("", |(_, tail)| tail)),
        None if line.starts_with("To:") => line.split(";tag=").next().unwrap_or_default().to_owned(),
        None if line.starts_with("Via:") => line.split(' ').next().unwrap_or_default().to_owned(),
        None => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_that_exist_and_names_that_do_not_get_the_same_bytes_for_the_same_work() {
    let names = names(1, 1_000);
    let mut bench = Bench::new(&names);
    for method in METHODS {
        for what in TRIES {
            // Ten attempts for each name are more than a plain test has time for.
            let some = if what == Try::Unverified { &names[..200] } else { &names[..] };
            // The first one warms the memory that is kept.
            bench.attempt(method, "nobody", what);
            let mut answers: [BTreeSet<(usize, String)>; 2] = Default::default();
            let mut work: [BTreeSet<(usize, u64)>; 2] = Default::default();
            for (name, exists) in some {
                let sample = bench.attempt(method, name, what);
                answers[usize::from(*exists)].insert((sample.answer.len(), masked(&sample.answer, name)));
                work[usize::from(*exists)].insert((sample.allocations, sample.digests));
            }
            assert_eq!(answers[0], answers[1], "{method} {what:?}");
            assert_eq!(work[0], work[1], "{method} {what:?}: allocations, digests");
            let (_, text) = answers[0].first().expect("an answer");
            let status = &text["SIP/2.0 ".len()..][..3];
            assert!(["401", "403", "407"].contains(&status), "{method} {what:?}: {text}");
            println!("{method} {what:?}: {status}, (allocations, digests compared) {:?}", work[0]);
        }
    }
}

#[test]
#[ignore = "measures time"]
fn names_that_exist_and_names_that_do_not_are_answered_in_the_same_time() {
    for method in METHODS {
        for what in [Try::Bare, Try::Wrong, Try::Target] {
            let told_apart = (0..3).all(|round| {
                let names = names(2 + round, 10_000);
                let mut bench = Bench::new(&names);
                bench.attempt(method, "nobody", what);
                let mut times: [Vec<f64>; 2] = Default::default();
                for (name, exists) in &names {
                    times[usize::from(*exists)].push(bench.attempt(method, name, what).nanoseconds);
                }
                let [absent, existing] = times;
                let (t, p) = (welch_t(&existing, &absent), kolmogorov_smirnov_p(&existing, &absent));
                let medians = [median(&existing), median(&absent)];
                let apart = (medians[0] - medians[1]).abs() / medians[1];
                println!(
                    "{method} {what:?}: existing {:.2} us, absent {:.2} us ({:.2} %), t {t:.2}, p {p:.3}",
                    medians[0] / 1_000.0,
                    medians[1] / 1_000.0,
                    apart * 100.0
                );
                t.abs() >= 3.0 || apart > 0.02
            });
            assert!(!told_apart, "{method} {what:?}: three measurements say that the times differ");
        }
    }
}

fn median(row: &[f64]) -> f64 {
    let mut row = row.to_vec();
    row.sort_by(f64::total_cmp);
    row[row.len() / 2]
}

fn allocations() -> usize {
    ALLOCATIONS.with(Cell::get)
}

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more, and nobody who reads it.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;
