//! Attacks on a real server with its shipped defaults, each bounded to a few seconds. Names in brackets are those of the
//! threat model; figures are printed. What needs no sockets is in `sim/tests/attacks.rs`.
//!
//! The attacker is on other loopback addresses than those who are attacked. One attack at a time: they would take each
//! other's processor.

use coeur_interop::agent::{Agent, Dialog, Taking, branch_of, unique};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::flood::{self, Flood};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const VICTIM: [u8; 4] = [127, 0, 0, 77];
const NAT: [u8; 4] = [127, 0, 0, 66];
const ATTACKER: [u8; 4] = [127, 0, 0, 99];
/// A phone repeats a request for 32 s (RFC 3261 section 17.1.1.2).
const PATIENCE: Duration = Duration::from_secs(32);

/// About half of what an unoptimised server answers on one core of a shared machine. With more than it can take, its
/// queue in the kernel loses requests of friend and foe alike.
const BARE_PER_S: u64 = 4_000;

static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn server(name: &str) -> Coeur {
    Coeur::start(name, &[("alice", "secret-a-1"), ("bob", "secret-b-2"), ("mallory", "secret-m-3")])
}

/// How long each of some things took.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn of<R>(&mut self, what: impl FnOnce() -> R) -> R {
        let began = Instant::now();
        let result = what();
        self.0.push(began.elapsed());
        result
    }

    fn median(&mut self) -> Duration {
        self.0.sort();
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    fn p99(&mut self) -> Duration {
        self.0.sort();
        self.0.get(self.0.len() * 99 / 100).copied().unwrap_or_default()
    }
}

#[test]
#[ignore = "attacks a real server"]
fn guessing_one_account_finds_nothing_and_harms_no_neighbour() {
    // [T-01]
    let _alone = alone();
    let server = server("guessing");
    server.import("user", 50);
    let mut calm = Times::default();
    for at in 0..20 {
        let mut phone = Agent::new(&server, VICTIM, &format!("user{at}"), &format!("secret-of-user{at}"));
        assert_eq!(calm.of(|| phone.register(PATIENCE)), Some(200));
    }
    let guessing = Guessing::start(&server, NAT, 5_000);
    std::thread::sleep(Duration::from_secs(3)); // the attack goes on alone
    let mut times = Times::default();
    let mut owner = Agent::new(&server, VICTIM, "alice", "secret-a-1");
    assert_eq!(times.of(|| owner.register(PATIENCE)), Some(200), "the owner, elsewhere");
    for at in 0..50 {
        let mut phone = Agent::new(&server, NAT, &format!("user{at}"), &format!("secret-of-user{at}"));
        assert_eq!(times.of(|| phone.register(PATIENCE)), Some(200), "user{at}, behind the attacker's NAT");
    }
    let (guesses, accepted) = guessing.stop();
    let verified = server.metric("coeur_authentication_failed_total");
    println!(
        "T-01: {guesses} guesses, {accepted} accepted, {verified} verified; 51 of 51 phones registered, median {:?}, p99 {:?} \
         ({:?}, {:?} without attack)",
        times.median(),
        times.p99(),
        calm.median(),
        calm.p99()
    );
    assert_eq!(accepted, 0);
    assert!(guesses > 10_000 && verified <= 10.0);
}

/// Somebody who guesses the password of alice: after one challenge, one answer after the other to it.
struct Guessing {
    flood: Flood,
    accepted: Arc<AtomicU64>,
}

impl Guessing {
    fn start(server: &Coeur, ip: [u8; 4], per_s: u64) -> Self {
        let mut attacker = Agent::new(server, ip, "alice", "guess");
        let (uri, to) = (format!("sip:{DOMAIN}"), format!("<sip:alice@{DOMAIN}>"));
        let bare = attacker.write("REGISTER", &uri, &to, "guess", "", "");
        let challenge = attacker.transact(&bare, PATIENCE).expect("a challenge");
        attacker.learn(&challenge);
        let credentials = attacker.credentials("REGISTER", &uri).expect("a challenge that it understands");
        let template = attacker.write("REGISTER", &uri, &to, "guess", &credentials, "");
        let (head, rest) = template.split_once("response=\"").expect("a response");
        let (response, tail) = rest.split_once('"').expect("a quoted response");
        let (head, tail, length) = (head.to_owned(), tail.to_owned(), response.len());
        let accepted = Arc::new(AtomicU64::new(0));
        let count = accepted.clone();
        let flood = Flood::start(server.udp, &[ip.into()], per_s, move |serial, socket| {
            let mut answer = [0; 2_048];
            while let Ok(answer_len) = socket.recv(&mut answer) {
                count.fetch_add(
                    u64::from(answer[..answer_len].starts_with(b"SIP/2.0 200")),
                    Ordering::Relaxed,
                );
            }
            let head = head.replace("branch=z9hG4bK", &format!("branch=z9hG4bKguess{serial}-"));
            format!("{head}response=\"{serial:0length$x}\"{tail}").into_bytes()
        });
        Self { flood, accepted }
    }

    /// Guesses, and how many of them were accepted.
    fn stop(self) -> (u64, u64) {
        let guesses = self.flood.sent();
        drop(self.flood);
        (guesses, self.accepted.load(Ordering::Relaxed))
    }
}

#[test]
#[ignore = "attacks a real server"]
fn guessing_cannot_lock_the_owner_out() {
    // [T-04] A thousand guesses a second from elsewhere, and as many from behind the owner's own NAT.
    let _alone = alone();
    let server = server("lock-out");
    let mut bob = Agent::new(&server, [127, 0, 0, 78], "bob", "secret-b-2");
    assert_eq!(bob.register(PATIENCE), Some(200));
    let bob = Taking::start(bob);
    let mut alice = Agent::new(&server, NAT, "alice", "secret-a-1");
    assert_eq!(alice.register(PATIENCE), Some(200));
    let guessers = [ATTACKER, [127, 0, 0, 98], NAT].map(|ip| Guessing::start(&server, ip, 1_000));
    let (mut registered, mut called) = (0, 0);
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        registered += u64::from(alice.register(PATIENCE) == Some(200));
        let dialog = alice.call("bob", PATIENCE).expect("the call is taken");
        called += u64::from(alice.hang_up(&dialog, PATIENCE) == Some(200));
        assert_eq!(registered, called, "locked out");
        std::thread::sleep(Duration::from_millis(100));
    }
    let (guesses, accepted) =
        guessers.map(Guessing::stop).iter().fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
    bob.stop();
    println!(
        "T-04: {guesses} guesses, {accepted} accepted; {registered} registrations and {called} calls of the owner, all well"
    );
    assert_eq!(accepted, 0);
    assert!(registered > 0 && guesses > 1_000);
}

#[test]
#[ignore = "attacks a real server"]
fn forged_requests_end_no_call() {
    // [T-08]
    let _alone = alone();
    let server = server("forged");
    let mut bob = Agent::new(&server, [127, 0, 0, 78], "bob", "secret-b-2");
    let mut alice = Agent::new(&server, VICTIM, "alice", "secret-a-1");
    assert_eq!(bob.register(PATIENCE), Some(200));
    assert_eq!(alice.register(PATIENCE), Some(200));
    let bob_address = bob.local;
    let bob = Taking::start(bob);
    let dialog = alice.call("bob", PATIENCE).expect("the call is taken");
    let mut mallory = Agent::new(&server, ATTACKER, "mallory", "secret-m-3");
    let (mut guessed, mut sniffed) = (0, 0);
    for _ in 0..1_000 {
        for method in ["BYE", "CANCEL", "ACK", "INVITE", "UPDATE"] {
            let mut forged = dialog.clone();
            forged.from = format!("<sip:alice@{DOMAIN}>;tag=alice-{}", unique());
            forged.to = format!("<sip:bob@{DOMAIN}>;tag={:x}", unique());
            let forged = mallory.inside(&forged, method);
            mallory.send(forged.as_bytes());
            guessed += 1;
        }
    }
    for method in ["BYE", "ACK", "INVITE", "UPDATE", "INFO", "REFER"] {
        for routes in [dialog.routes.clone(), Vec::new()] {
            let known = Dialog { routes, ..dialog.clone() };
            let forged = mallory.inside(&known, method);
            mallory.send(forged.as_bytes());
            sniffed += 1;
        }
    }
    // With an account of its own it proves itself, but not as one of the two.
    let own = dialog.from.replace("alice@", "mallory@");
    let known = Dialog { from: own, ..dialog.clone() };
    let bare = mallory.inside(&known, "BYE");
    let challenge = mallory.transact(&bare, PATIENCE).expect("a challenge");
    assert!(mallory.learn(&challenge), "{}", challenge.text);
    let credentials = mallory.credentials("BYE", &known.target).expect("a challenge that it understands");
    let proved = mallory.inside(&known, "BYE").replace("User-Agent:", &format!("{credentials}User-Agent:"));
    let refused = mallory.transact(&proved, PATIENCE).expect("an answer").status;
    assert_eq!(refused, 403, "an account of its own ends nobody else's call");
    // A CANCEL needs the branch, which was sniffed too.
    let cancel = mallory.inside(&dialog, "CANCEL");
    let cancel = cancel.replace(&branch_of(&cancel), &dialog.branch);
    mallory.send(cancel.as_bytes());
    let answers = mallory.hear_all(Duration::from_millis(500));
    assert!(
        answers.iter().all(|answer| answer.status >= 400),
        "{:?}",
        answers.iter().find(|a| a.status < 400)
    );
    assert!(alice.hear_all(Duration::from_millis(200)).is_empty(), "the caller heard of it");
    assert_eq!(alice.hang_up(&dialog, PATIENCE), Some(200), "the call stands until its caller ends it");
    let heard: Vec<String> = bob.stop().into_iter().map(|heard| heard.method).collect();
    assert_eq!(heard, ["INVITE", "ACK", "BYE"], "what {bob_address} received");
    println!(
        "T-08: {guessed} requests with guessed tags, {sniffed} with sniffed ones and a CANCEL: 0 calls ended"
    );
}

/// What a flood must not do: phones that were there before register again and call, others come, an established call is
/// ended, memory stays.
fn is_survived(name: &str, server: &Coeur, flood: impl Fn(u16) -> Flood) {
    let mut bob = Agent::new(server, [127, 0, 0, 78], "bob", "secret-b-2");
    let mut alice = Agent::new(server, VICTIM, "alice", "secret-a-1");
    assert_eq!(bob.register(PATIENCE), Some(200));
    assert_eq!(alice.register(PATIENCE), Some(200));
    let bob = Taking::start(bob);
    let before_kb = server.resident_kb();
    for sources in [1, 1_000] {
        let established = alice.call("bob", PATIENCE).expect("the call is taken");
        let flood = flood(sources);
        let (mut known, mut new, mut calls) = (Times::default(), Times::default(), 0);
        let until = Instant::now() + Duration::from_secs(3);
        for at in (0..50).cycle() {
            assert_eq!(known.of(|| alice.register(PATIENCE)), Some(200), "a known phone registers again");
            let (user, secret) = (format!("user{at}"), format!("secret-of-user{at}"));
            let mut phone = Agent::new(server, [127, 1, sources.to_be_bytes()[0], at + 1], &user, &secret);
            assert_eq!(new.of(|| phone.register(PATIENCE)), Some(200), "a new phone registers");
            let dialog = alice.call("bob", PATIENCE).expect("a known phone calls");
            assert_eq!(alice.hang_up(&dialog, PATIENCE), Some(200), "and hangs up");
            calls += 1;
            if Instant::now() > until {
                break;
            }
        }
        assert_eq!(
            alice.hang_up(&established, PATIENCE),
            Some(200),
            "the call of before is ended by its caller"
        );
        let (sent, per_s) = (flood.sent(), flood.per_s());
        drop(flood);
        println!(
            "{name}: {sent} datagrams ({per_s} a second) from {sources} sources: {} known and {} new phones registered, \
             p99 {:?} and {:?}, {calls} of {calls} calls; memory {} kB more",
            known.0.len(),
            new.0.len(),
            known.p99(),
            new.p99(),
            server.resident_kb().saturating_sub(before_kb)
        );
        assert!(sent > 1_000 && calls > 0);
    }
    assert!(server.resident_kb() < before_kb + 64 * 1_024, "memory grew");
    bob.stop();
}

#[test]
#[ignore = "attacks a real server"]
fn a_flood_of_junk_is_survived() {
    // [T-13]
    let _alone = alone();
    let server = server("junk");
    server.import("user", 50);
    let port = server.udp;
    is_survived("T-13 junk", &server, move |sources| {
        Flood::start(port, &flood::sources(sources), 40_000, |serial, _| {
            let length = 1 + (serial * 7_919) as usize % 1_200;
            let mut bytes: Vec<u8> = (0..length).map(|at| (serial as usize * 31 + at * 17) as u8).collect();
            // A third begins as SIP does, a third as STUN does.
            match serial % 3 {
                0 => bytes.splice(0..0, *b"INVITE sip:").for_each(drop),
                1 => bytes.splice(0..0, [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]).for_each(drop),
                _ => {}
            }
            bytes
        })
    });
}

#[test]
#[ignore = "attacks a real server"]
fn a_flood_of_requests_without_credentials_is_survived() {
    // [T-14]
    let _alone = alone();
    let server = server("bare");
    server.import("user", 50);
    let port = server.udp;
    is_survived("T-14 bare requests", &server, move |sources| {
        Flood::start(port, &flood::sources(sources), BARE_PER_S, |serial, socket| {
            let local = socket.local_addr().expect("bound");
            let method = ["INVITE", "REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE"][serial as usize % 5];
            bare(method, &format!("user{}", serial % 997), local, serial).into_bytes()
        })
    });
}

fn bare(method: &str, user: &str, local: SocketAddr, serial: u64) -> String {
    let uri = if method == "REGISTER" { format!("sip:{DOMAIN}") } else { format!("sip:bob@{DOMAIN}") };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bKf{serial}\r\nMax-Forwards: 70\r\n\
         From: <sip:{user}@{DOMAIN}>;tag=f{serial}\r\nTo: <sip:{user}@{DOMAIN}>\r\nCall-ID: flood-{serial}\r\n\
         CSeq: 1 {method}\r\nContact: <sip:{user}@{local}>\r\nExpires: 600\r\nUser-Agent: flood\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE\r\nContent-Length: 0\r\n\r\n"
    )
}

fn connect(at: usize, port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let from = SocketAddr::from((Ipv4Addr::new(127, 66, 0, 1 + (at % 20) as u8), 0));
    socket.bind(&from.into()).expect("a loopback address");
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()).expect("the server accepts");
    socket.into()
}

#[test]
#[ignore = "attacks a real server"]
fn connections_that_say_nothing_or_little_are_closed_and_calls_go_on() {
    // [T-15]
    const HALF_OPEN: usize = 1_000;
    const IDLE: usize = 1_000;
    const DRIPPING: usize = 200;
    let _alone = alone();
    let server = server("slow");
    let mut bob = Agent::new(&server, [127, 0, 0, 78], "bob", "secret-b-2");
    let mut alice = Agent::new(&server, VICTIM, "alice", "secret-a-1");
    assert_eq!(bob.register(PATIENCE), Some(200));
    assert_eq!(alice.register(PATIENCE), Some(200));
    let bob = Taking::start(bob);
    let (files_before, before_kb) = (server.open_files(), server.resident_kb());
    let began = Instant::now();
    let mut half_open: Vec<TcpStream> = (0..HALF_OPEN).map(|at| connect(at, server.tls)).collect();
    // The first bytes of a ClientHello that never ends.
    half_open
        .iter_mut()
        .step_by(2)
        .for_each(|stream| stream.write_all(&[22, 3, 1, 2, 0]).expect("an open stream"));
    let idle: Vec<TcpStream> = (0..IDLE).map(|at| connect(at, server.tcp)).collect();
    let mut dripping: Vec<TcpStream> = (0..DRIPPING).map(|at| connect(at, server.tcp)).collect();
    let message = bare("OPTIONS", "alice", SocketAddr::from((ATTACKER, 5060)), 1).repeat(4).into_bytes();
    let stop = Arc::new(AtomicBool::new(false));
    let end = stop.clone();
    let dripper = std::thread::spawn(move || {
        for byte in message {
            dripping.iter_mut().for_each(|stream| drop(stream.write_all(&[byte])));
            std::thread::sleep(Duration::from_millis(100));
            if end.load(Ordering::Relaxed) {
                return;
            }
        }
    });
    let (mut calls, mut peak_kb, mut files) = (0, 0, 0);
    while began.elapsed() < Duration::from_secs(12) {
        let dialog = alice.call("bob", PATIENCE).expect("calls go on");
        assert_eq!(alice.hang_up(&dialog, PATIENCE), Some(200));
        calls += 1;
        peak_kb = peak_kb.max(server.resident_kb());
        files = files.max(server.open_files());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(files >= files_before + HALF_OPEN + IDLE + DRIPPING, "they were all open: {files}");
    while server.open_files() > files_before + 8 {
        assert!(began.elapsed() < Duration::from_secs(30), "{} descriptors are left", server.open_files());
        std::thread::sleep(Duration::from_millis(50));
    }
    println!(
        "T-15: {HALF_OPEN} half-open, {IDLE} idle and {DRIPPING} dripping connections: {calls} of {calls} calls, {} kB \
         more memory, all closed after {:.1?}",
        peak_kb.saturating_sub(before_kb),
        began.elapsed()
    );
    stop.store(true, Ordering::Relaxed);
    dripper.join().expect("a thread that does not fail");
    drop((half_open, idle));
    assert!(peak_kb < before_kb + 40 * 1_024);
    bob.stop();
}

#[test]
#[ignore = "attacks a real server"]
fn a_message_over_a_connection_may_have_64_kb_and_not_a_byte_more() {
    // [T-16]
    let _alone = alone();
    let server = server("limits");
    let message = |bytes: usize| {
        let head = |length: usize| {
            format!(
                "OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{length}\r\nMax-Forwards: 70\r\n\
                 From: <sip:a@{DOMAIN}>;tag=1\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
                 Content-Length: {length}\r\n\r\n"
            )
        };
        let body = bytes - head(60_000).len();
        format!("{}{}", head(body), "b".repeat(body)).into_bytes()
    };
    let answered = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(("127.0.0.1", server.tcp)).expect("the server accepts");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a stream that waits");
        stream.write_all(bytes).expect("an open stream");
        let mut answer = [0; 4_096];
        let length = stream.read(&mut answer).unwrap_or(0);
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    assert_eq!(message(65_536).len(), 65_536);
    assert!(answered(&message(65_536)).starts_with("SIP/2.0 200 "));
    let above = answered(&message(65_537));
    assert!(above.is_empty() || above.starts_with("SIP/2.0 4") || above.starts_with("SIP/2.0 5"), "{above}");
    let before_kb = server.resident_kb();
    for lie in ["4294967296", "65536", "99999999999999999999", "-1"] {
        let text = String::from_utf8(message(65_000)).expect("text");
        let (head, _) = text.split_once("Content-Length").expect("a length");
        let answer = answered(format!("{head}Content-Length: {lie}\r\n\r\n").as_bytes());
        assert!(!answer.starts_with("SIP/2.0 2"), "{lie}: {answer}");
    }
    assert!(answered("x".repeat(70_000).as_bytes()).is_empty());
    assert!(server.resident_kb() < before_kb + 4_096, "memory was taken for what was only promised");
}

#[test]
#[ignore = "attacks a real server"]
fn what_a_made_up_source_receives_is_bounded() {
    // [T-32] What the victim of a reflection would receive, counted on its socket with all repetitions.
    let _alone = alone();
    let server = server("reflection");
    let victim = UdpSocket::bind((Ipv4Addr::from(VICTIM), 0)).expect("a loopback address");
    victim.connect(("127.0.0.1", server.udp)).expect("the server's address");
    victim.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket that waits");
    let local = victim.local_addr().expect("bound");
    let mut buffer = [0; 65_536];
    let mut reflected = |bytes: &[u8], wait: Duration| {
        victim.send(bytes).expect("loopback takes it");
        let until = Instant::now() + wait;
        let mut received = 0;
        while Instant::now() < until {
            received += victim.recv(&mut buffer).unwrap_or(0);
        }
        received as f64 / bytes.len() as f64
    };
    let mut worst = 0.0f64;
    for (at, method) in
        ["INVITE", "REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE", "BYE", "CANCEL"].iter().enumerate()
    {
        // An INVITE would be repeated for 32 s if state were kept; the first repetitions come within 2 s.
        let wait = if *method == "INVITE" { Duration::from_secs(2) } else { Duration::from_millis(300) };
        worst = worst.max(reflected(bare(method, "alice", local, at as u64).as_bytes(), wait));
    }
    let mut binding = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    binding.extend_from_slice(&[9; 12]);
    let stun = reflected(&binding, Duration::from_millis(300));
    println!("T-32: the worst request drew {worst:.2} times its bytes, STUN {stun:.2}");
    assert!(worst > 0.0 && worst <= 1.5);
    // A Binding request of 20 bytes is answered with the 32 that its answer has at least (RFC 8489 section 14.2).
    assert!(stun <= 1.6);
}
