//! Attacks on the media of calls, on a real server with its shipped defaults: who is not part of a call sends to its ports.
//! Each test prints its figures; names in brackets are those of docs/attacks.md. Everything stays on loopback.

use coeur_interop::baresip;
use coeur_interop::browser::{self, Browsers, Library};
use coeur_interop::coeur::Coeur;
use coeur_interop::talker::{Pair, rtp};
use coeur_media::dtls::{Association, Fingerprints, Identity, Output, Role};
use coeur_media::path::ProvenPath;
use coeur_sip::time::Monotonic;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");
const CAROL: (&str, &str) = ("carol", "staple-horse-3");
const DAVE: (&str, &str) = ("dave", "correct-battery-4");
const ALICES: [u8; 4] = [127, 0, 0, 71];
const BOBS: [u8; 4] = [127, 0, 0, 72];
const STRANGERS: [[u8; 4]; 3] = [[127, 0, 0, 91], [127, 0, 0, 92], [127, 66, 0, 1]];
/// The ports of the defaults.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
const EVIL: [u8; 4] = *b"evil";

/// Sockets from which an attack comes. What comes back to them has leaked.
struct Attackers {
    sockets: Vec<UdpSocket>,
    sent: u64,
    leaked: u64,
}

impl Attackers {
    fn at(addresses: &[[u8; 4]]) -> Self {
        let socket = |ip: &[u8; 4]| {
            let socket = UdpSocket::bind((Ipv4Addr::from(*ip), 0)).expect("a loopback address");
            socket.set_nonblocking(true).expect("a socket");
            socket
        };
        Self { sockets: addresses.iter().map(socket).collect(), sent: 0, leaked: 0 }
    }

    fn send(&mut self, bytes: &[u8], to: SocketAddr) {
        let at = self.sent as usize % self.sockets.len();
        self.sent += u64::from(self.sockets[at].send_to(bytes, to).is_ok());
    }

    fn listen(&mut self) {
        let mut bytes = [0; 2_048];
        for socket in &self.sockets {
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                println!("from {from}: {:02x?}", &bytes[..length.min(20)]);
                self.leaked += 1;
            }
        }
    }
}

fn port(number: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, number).into()
}

/// One test at a time: a spray on all ports meets the server of another, which answers STUN where SIP is.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The published spray (a header and zeros), RTP in sequence, RTP of ever another sender, RTCP, STUN, DTLS, junk.
fn spray(i: u64) -> Vec<u8> {
    match i % 7 {
        0 => {
            let mut packet = vec![0x80];
            packet.resize(172, 0);
            packet
        }
        1 => rtp((i / 7) as u16, 0xbad, EVIL),
        2 => rtp((i * 77) as u16, i as u32, EVIL),
        3 => {
            vec![0x80, 200, 0, 6, 0, 0, 0xb, 0xad, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        4 => vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        5 => vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        _ => vec![0xff; 172],
    }
}

/// Strangers at every port of the server before and while a plain call is spoken; and neighbours behind the addresses of the
/// two phones, who know the ports and guess all else.
#[test]
#[ignore = "attacks a real server"]
fn a_spray_on_every_port_hears_nothing_of_a_plain_call_and_is_not_heard() {
    // [A10, A11, T-11]
    let _alone = alone();
    let server = Coeur::start("bleed", &[ALICE, BOB]);
    let mut pair = Pair::start(&server, [ALICE, BOB], [ALICES, BOBS], false);
    let (mut strangers, mut neighbours) = (Attackers::at(&STRANGERS), Attackers::at(&[ALICES, BOBS]));
    let ports = [pair.alice.server.port(), pair.bob.server.port()];
    let mut serial = 0u64;
    let mut attack = || {
        for _ in 0..500 {
            let to = PORTS.start + (serial % PORTS.len() as u64) as u16;
            // The port of SIP answers STUN.
            if to != server.udp {
                strangers.send(&spray(serial / PORTS.len() as u64 + serial), port(to));
            }
            serial += 1;
        }
        for at in 0..8u64 {
            // Never one sender in sequence: that is what is left to a neighbour who floods before the phone speaks.
            let packet = spray((serial + at) * 7 + [0, 2, 3, 4, 5, 6, 2, 0][at as usize]);
            neighbours.send(&packet, port(ports[at as usize % 2] + u16::from(at > 5)));
        }
        strangers.listen();
        neighbours.listen();
    };
    for _ in 0..50 {
        attack(); // before the phones have spoken
    }
    pair.talk(Duration::from_secs(6), &mut attack);
    attack();
    let (alice, bob) = (&pair.alice, &pair.bob);
    println!(
        "A10, A11: {} packets of strangers to {} ports, {} of neighbours to the ports of the call: {} leaked; \
         alice heard {} of {} and {} others, bob heard {} of {} and {} others",
        strangers.sent,
        PORTS.len(),
        neighbours.sent,
        strangers.leaked + neighbours.leaked,
        alice.heard,
        bob.said,
        alice.foreign,
        bob.heard,
        alice.said,
        bob.foreign,
    );
    assert!(strangers.sent > 100_000 && neighbours.sent > 2_000 && alice.said > 200, "or this shows nothing");
    assert_eq!((strangers.leaked, neighbours.leaked), (0, 0));
    assert_eq!((alice.foreign, bob.foreign), (0, 0));
    assert_eq!((alice.heard, bob.heard), (bob.said, alice.said));
    assert_eq!(pair.hang_up(), Some(200));
}

/// From a neighbour of the phone, so that each is tried against the key: what looks like the phone's own, and what does not.
#[test]
#[ignore = "attacks a real server"]
fn a_million_bad_packets_of_srtp_end_no_call() {
    // [A08]
    let _alone = alone();
    const BAD: u64 = 1_000_000;
    let server = Coeur::start("bad-srtp", &[ALICE, BOB]);
    let mut pair = Pair::start(&server, [ALICE, BOB], [ALICES, BOBS], true);
    pair.talk(Duration::from_secs(1), || {});
    assert_eq!((pair.alice.heard, pair.bob.heard), (pair.bob.said, pair.alice.said), "before");
    let (to, end, sent) = (pair.alice.server, AtomicBool::new(false), AtomicU64::new(0));
    let (cpu, received) = (cpu_ms(&server), server.metric("coeur_media_packets_received_total"));
    let began = Instant::now();
    let leaked = std::thread::scope(|scope| {
        let attack = scope.spawn(|| {
            let (mut neighbour, mut stranger) = (Attackers::at(&[ALICES]), Attackers::at(&STRANGERS));
            for i in 0..BAD {
                let ssrc =
                    if i % 2 == 0 { u32::from_be_bytes(ALICES).wrapping_mul(0x9e37_79b9) } else { i as u32 };
                let mut packet = rtp(i as u16, ssrc, EVIL);
                packet.extend([i as u8; 10]);
                if i % 10 == 0 { &mut stranger } else { &mut neighbour }.send(&packet, to);
                sent.store(neighbour.sent + stranger.sent, Ordering::Relaxed);
                if i % 64 == 0 {
                    let due = Duration::from_micros(i * 25);
                    std::thread::sleep(due.saturating_sub(began.elapsed()));
                }
            }
            neighbour.listen();
            stranger.listen();
            end.store(true, Ordering::Relaxed);
            neighbour.leaked + stranger.leaked
        });
        while !end.load(Ordering::Relaxed) {
            pair.talk(Duration::from_millis(500), || {});
        }
        attack.join().expect("an attack that ends")
    });
    let (cpu, received) =
        (cpu_ms(&server) - cpu, server.metric("coeur_media_packets_received_total") - received);
    let (said, heard) = (pair.alice.said, pair.bob.heard);
    println!(
        "A08: {} bad packets in {:.0} s, {received} received with those of the call: {cpu} ms of CPU, {:.1} µs each; \
         {leaked} leaked, bob heard {heard} of {said} and {} others",
        sent.load(Ordering::Relaxed),
        began.elapsed().as_secs_f64(),
        cpu as f64 * 1_000.0 / received,
        pair.bob.foreign,
    );
    assert_eq!(sent.load(Ordering::Relaxed), BAD);
    assert_eq!((leaked, pair.bob.foreign, pair.alice.foreign), (0, 0, 0));
    // Each is looked at for a bounded time: some hundred microseconds would be a way to stop the server.
    assert!(cpu as f64 * 1_000.0 / received < 100.0);
    let before = (pair.alice.said, pair.bob.heard, pair.bob.said, pair.alice.heard);
    pair.talk(Duration::from_secs(1), || {});
    let after = (pair.alice.said, pair.bob.heard, pair.bob.said, pair.alice.heard);
    assert_eq!(
        (after.1 - before.1, after.3 - before.3),
        (after.0 - before.0, after.2 - before.2),
        "all passes again"
    );
    assert_eq!(server.metric("coeur_calls_ended_total"), 0.0);
    assert_eq!(pair.hang_up(), Some(200));
}

/// Of the whole process, user and system.
fn cpu_ms(server: &Coeur) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("the process lives");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).expect("a number");
    // Ticks are of 10 ms (proc(5)).
    (ticks(11) + ticks(12)) * 10
}

/// Ports of a call that is over, and a phone whose port is gone.
#[test]
#[ignore = "attacks a real server"]
fn media_to_dead_ports_reaches_nobody_and_ends_no_call() {
    // [A11, T-11]
    let _alone = alone();
    let server = Coeur::start("dead-ports", &[ALICE, BOB, CAROL, DAVE]);
    let mut over = Pair::start(&server, [ALICE, BOB], [ALICES, BOBS], false);
    let mut talk = Pair::start(&server, [CAROL, DAVE], [[127, 0, 0, 73], [127, 0, 0, 74]], false);
    over.talk(Duration::from_secs(1), || {});
    assert!(over.alice.heard > 20, "or this shows nothing");
    assert_eq!(over.hang_up(), Some(200));
    over.listen();
    let heard = (over.alice.heard, over.bob.heard);
    let (mut strangers, mut sent) = (Attackers::at(&STRANGERS), 0u64);
    let dead = [over.alice.server, over.bob.server];
    talk.talk(Duration::from_secs(3), || {
        for at in 0..100u64 {
            strangers.send(&spray(sent + at), dead[at as usize % 2]);
        }
        // The phones of the call that is over have not noticed.
        for (phone, to) in [(&over.alice, dead[0]), (&over.bob, dead[1])] {
            let _ = phone.rtp.send_to(&rtp(sent as u16, 7, EVIL), to);
        }
        strangers.listen();
        sent += 100;
    });
    over.listen();
    println!(
        "dead ports: {} packets of strangers, {} leaked; the phones of then heard {} more, others heard {} of {}",
        strangers.sent,
        strangers.leaked,
        over.alice.heard + over.bob.heard + over.alice.foreign + over.bob.foreign - heard.0 - heard.1,
        talk.alice.heard,
        talk.bob.said,
    );
    assert_eq!(strangers.leaked, 0);
    assert_eq!(
        (over.alice.heard, over.bob.heard, over.alice.foreign, over.bob.foreign),
        (heard.0, heard.1, 0, 0)
    );
    assert_eq!((talk.alice.heard, talk.bob.heard), (talk.bob.said, talk.alice.said));
    assert_eq!((talk.alice.foreign, talk.bob.foreign), (0, 0));

    // The port of a phone is gone: the system says so for each packet (ICMP), and the call goes on when it is back.
    let address = talk.bob.rtp.local_addr().expect("bound");
    talk.bob.rtp = UdpSocket::bind("127.0.0.75:0").expect("a loopback address");
    talk.bob.rtp.set_nonblocking(true).expect("a socket");
    talk.talk(Duration::from_secs(3), || {});
    talk.bob.rtp = UdpSocket::bind(address).expect("it was his");
    talk.bob.rtp.set_nonblocking(true).expect("a socket");
    let before = (talk.alice.said, talk.bob.heard);
    talk.talk(Duration::from_secs(1), || {});
    let after = (talk.alice.said, talk.bob.heard);
    println!(
        "a dead port of a phone: {} of {} heard once it is back",
        after.1 - before.1,
        after.0 - before.0
    );
    assert_eq!(after.1 - before.1, after.0 - before.0);
    assert_eq!(server.metric("coeur_calls_ended_total"), 1.0, "the one that was hung up");
    assert_eq!(talk.hang_up(), Some(200));
}

/// While browsers set up calls, strangers send the whole ClientHello of a real client, and checks of ICE that would move the
/// call if they counted, to every port that is open: they are told which, as if they had guessed.
#[test]
#[ignore = "needs node, chromium and baresip"]
fn hellos_and_checks_of_strangers_while_calls_are_set_up_lose_no_call() {
    // [A02, A09]
    let _alone = alone();
    const CALLS: u32 = 5;
    let server = Coeur::start_with("hellos", &[ALICE, BOB], &["--origin", "localhost"]);
    let mut bob = baresip::Phone::start(&baresip::Setup::on_loopback(&server, BOB, "udp", 660));
    bob.registered();
    let mut browsers = Browsers::start();
    browsers.phone(&browser::Setup::on_loopback(&server, ALICE, Library::JsSip, 440));
    server.wait_for_registrations(2);
    let end = AtomicBool::new(false);
    let (sent, leaked, heard) = std::thread::scope(|scope| {
        let attack = scope.spawn(|| {
            let mut strangers = Attackers::at(&STRANGERS);
            let (hello, mut serial) = (client_hello(), 0u64);
            while !end.load(Ordering::Relaxed) {
                let open = media_ports(&server);
                for _ in 0..100 {
                    for to in open.iter().copied().map(port) {
                        match serial % 2 {
                            0 => strangers.send(&hello, to),
                            _ => strangers.send(&check(serial / 2), to),
                        }
                        serial += 1;
                    }
                    // Some 500 a second to each port.
                    std::thread::sleep(Duration::from_millis(2));
                }
                strangers.listen();
            }
            (strangers.sent, strangers.leaked)
        });
        let mut heard = Vec::new();
        for _ in 0..CALLS {
            browsers.call("alice", "bob");
            bob.established();
            let before = browsers.report("alice").heard_s(660);
            let report = browsers.wait("alice", 20, |r| r.heard_s(660) > before + 0.5);
            assert!(report.is_confirmed());
            heard.push(report.heard_s(660) - before);
            browsers.hang_up("alice");
            bob.wait_for(&["terminated", "session closed"], 10);
            browsers.wait("alice", 10, |report| report.has_ended());
        }
        end.store(true, Ordering::Relaxed);
        let (sent, leaked) = attack.join().expect("an attack that ends");
        (sent, leaked, heard)
    });
    let failed =
        (server.metric("coeur_media_dtls_failed_total"), server.metric("coeur_media_ice_failed_total"));
    println!(
        "A02, A09: {sent} hellos and checks of strangers during {CALLS} calls: {} came up and were heard, {leaked} packets \
         leaked, {failed:?} failures of DTLS and ICE, {} packets handed to them",
        heard.len(),
        server.metric("coeur_media_packets_handed_total"),
    );
    assert!(sent > 1_000, "or this shows nothing: {sent}");
    assert_eq!((heard.len() as u32, leaked, failed), (CALLS, 0, (0.0, 0.0)));
}

/// Those on which the process receives media now.
fn media_ports(server: &Coeur) -> Vec<u16> {
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the process lives");
    let own: Vec<String> = files
        .flatten()
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    let table = std::fs::read_to_string("/proc/net/udp").expect("a table of sockets");
    let port = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = u16::from_str_radix(fields.get(1)?.split(':').nth(1)?, 16).ok()?;
        let is_own = own.iter().any(|inode| Some(&inode.as_str()) == fields.get(9));
        (is_own && PORTS.contains(&port) && port != server.udp).then_some(port)
    };
    table.lines().filter_map(port).collect()
}

/// What a real client says first.
fn client_hello() -> Vec<u8> {
    let key = identity();
    let told = format!("sha-256 {}", ["AB"; 32].join(":"));
    let told = Fingerprints::parse([told.as_str()]).expect("a fingerprint");
    let now = Monotonic::from_secs(1);
    let zero = Instant::now();
    let mut client = Association::new(Role::Client, key, told, zero).expect("a client");
    let anywhere: SocketAddr = port(9);
    client.start(now, ProvenPath::signalled(anywhere, anywhere).expect("the same"));
    std::iter::from_fn(|| client.poll())
        .find_map(|output| match output {
            Output::Send { bytes, .. } => Some(bytes.to_vec()),
            Output::Keys(_) | Output::Restarted(_) | Output::Failed(_) | Output::Closed => None,
        })
        .expect("it says hello")
}

fn identity() -> Identity {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
    Identity::new(certificate.der().to_vec(), key.serialize_der()).expect("a pair")
}

/// A Binding request that nominates (RFC 8445 section 7.1), with a name and no integrity, or a made-up one.
fn check(serial: u64) -> Vec<u8> {
    let mut attributes = vec![0, 6, 0, 9];
    attributes.extend(b"abcd:efgh\0\0\0");
    attributes.extend([0, 0x24, 0, 4, 0x6e, 0, 1, 0xff]);
    attributes.extend([0x80, 0x2a, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    attributes.extend([0, 0x25, 0, 0]);
    if serial % 2 == 1 {
        attributes.extend([0, 8, 0, 20]);
        attributes.extend([serial as u8; 20]);
    }
    let mut message = vec![0, 1];
    message.extend((attributes.len() as u16).to_be_bytes());
    message.extend([0x21, 0x12, 0xa4, 0x42]);
    message.extend(serial.to_be_bytes());
    message.extend([0; 4]);
    message.extend(attributes);
    message
}
