//! What a packet costs, and what an association holds: no allocation on the way of a packet, and bounded memory.

use coeur_media::address::PeerPolicy;
use coeur_media::dtls::{self, Association, Fingerprints, Identity};
use coeur_media::ice::{Agent, Candidate, CandidateKind, Credentials, Mode, Role, Settings};
use coeur_media::path::ProvenPath;
use coeur_media::stun::{Class, Integrity, Key, Kind, Message, Method, TransactionId, Writer};
use coeur_media::turn;
use coeur_sip::time::{Monotonic, Now, Wall};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Counts the allocations of the thread that asks, and the bytes that it holds.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn hold(bytes: isize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

// SAFETY: every call goes to the system allocator unchanged; counting touches thread-local cells only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        hold(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        hold(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        hold(size as isize - layout.size() as isize);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn check(key: &Key, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out, Class::Request, Method::Binding, TransactionId([1; 12]));
    writer
        .text(Kind::Username, &username())
        .word(Kind::Priority, 1)
        .integrity(Integrity::Sha1, key)
        .fingerprint();
}

fn credentials(nth: u8) -> Credentials {
    Credentials::from_random(&[nth; 24])
}

fn username() -> String {
    format!("{}:{}", credentials(1).fragment(), credentials(2).fragment())
}

#[test]
fn a_stun_message_is_read_and_written_without_allocation() {
    let key = Key::short_term(b"password");
    let mut bytes = Vec::with_capacity(512);
    check(&key, &mut bytes);
    let (before, mut out) = (bytes.clone(), Vec::with_capacity(512));
    let count = allocations(|| {
        for _ in 0..100 {
            let message = Message::read(&before).expect("a message");
            assert!(message.is_of(&key) && message.username().is_some() && message.priority() == Some(1));
            assert_eq!(message.not_understood().count() + message.peer_addresses().count(), 0);
            out.clear();
            Writer::new(&mut out, Class::Success, Method::Binding, message.transaction())
                .xored_address(Kind::XorMappedAddress, SocketAddr::from(([192, 0, 2, 1], 1)))
                .integrity(Integrity::Sha1, &key)
                .fingerprint();
            black_box(&out);
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn a_check_of_an_attacker_costs_the_agent_no_allocation() {
    let settings = Settings {
        mode: Mode::Lite,
        role: Role::Controlled,
        policy: Arc::new(PeerPolicy::default()),
        seed: [1; 32],
    };
    let mut agent = Agent::new(settings, credentials(1));
    let (local, from) = (address("198.51.100.1:5000"), address("203.0.113.66:666"));
    let now = Monotonic::from_secs(1);
    agent.add_local(now, Candidate::local(CandidateKind::Host, 1, 1, local, local));
    agent.set_remote(now, credentials(2), false);
    let mut bytes = Vec::new();
    check(&Key::short_term(b"guess"), &mut bytes);
    let count = allocations(|| {
        for _ in 0..100 {
            agent.receive(now, local, from, &bytes);
        }
    });
    assert_eq!((count, agent.counters().integrity), (0, 100));
}

#[test]
fn relayed_data_passes_without_allocation() {
    let secret = [3; 32];
    let mut server = turn::Server::new(turn::Settings {
        realm: "r".into(),
        secret,
        nonce_key: [4; 32],
        policy: Arc::new(PeerPolicy::default()),
        limits: turn::Limits::default(),
        families: vec![turn::Family::V4],
    });
    let now = Now::new(Monotonic::from_secs(1), Wall::from_secs(1_700_000_000));
    let client = turn::Client {
        local: address("198.51.100.1:3478"),
        remote: address("203.0.113.5:1"),
        is_stream: false,
    };
    let issued = turn::Credentials::issue(&secret, "alice", 1, now.wall + Duration::from_secs(60));
    let key = Key::long_term_md5(&issued.username, "r", issued.password.as_bytes());
    let mut nonce = String::new();
    let peer = address("192.0.2.77:4000");
    let mut out = Vec::with_capacity(4_096);
    let mut ask = |server: &mut turn::Server, method, nth: u8| {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Class::Request, method, TransactionId([nth; 12]));
        writer.word(Kind::RequestedTransport, 17 << 24).word(Kind::ChannelNumber, 0x4000 << 16);
        writer.xored_address(Kind::XorPeerAddress, peer);
        writer.text(Kind::Username, &issued.username).text(Kind::Realm, "r").text(Kind::Nonce, &nonce);
        writer.integrity(Integrity::Sha1, &key);
        let mut answer = Vec::new();
        server.receive(now, client, &bytes, &mut answer);
        if let Some(told) = Message::read(&answer).ok().and_then(|answer| answer.nonce().map(str::to_owned)) {
            nonce = told;
        }
    };
    ask(&mut server, Method::Allocate, 1);
    ask(&mut server, Method::Allocate, 2);
    let Some(turn::Task::Open { allocation, .. }) = server.poll() else { panic!("no task") };
    server.opened(allocation, Some(address("198.51.100.1:50000")));
    ask(&mut server, Method::ChannelBind, 3);
    let mut packet = vec![0x40, 0, 0, 172];
    packet.resize(4 + 172, 0x80);
    let count = allocations(|| {
        for _ in 0..100 {
            let action = server.receive(now, client, &packet, &mut out);
            assert!(matches!(action, turn::Action::Relay { .. }));
            out.clear();
            assert!(server.relayed(now.monotonic, allocation, peer, &packet[4..], &mut out).is_some());
        }
    });
    assert_eq!(count, 0);
    assert_eq!(server.counters().relayed_packets, 200);
}

fn identity() -> Identity {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
    Identity::new(certificate.der().to_vec(), key.serialize_der()).expect("an identity")
}

#[test]
fn an_association_holds_a_bounded_memory() {
    let (one, other) = (identity(), identity());
    let told = |identity: &Identity| {
        Fingerprints::parse([identity.fingerprint().to_string().as_str()]).expect("fingerprints")
    };
    let zero = Instant::now();
    let now = Monotonic::from_secs(1);
    let path = |port: u16| {
        let at = SocketAddr::from(([192, 0, 2, 1], port));
        ProvenPath::signalled(at, at).expect("the same")
    };
    let start = HELD.get();
    MOST.set(start);
    let make = |role, identity: &Identity, told| {
        let made = Association::new(role, identity.clone(), told, zero);
        made.unwrap_or_else(|failure| panic!("{failure:?}"))
    };
    let mut ends =
        [make(dtls::Role::Client, &one, told(&other)), make(dtls::Role::Server, &other, told(&one))];
    ends[0].start(now, path(2));
    let mut keys = 0;
    for _ in 0..20 {
        for end in 0..2 {
            while let Some(output) = ends[end].poll() {
                match output {
                    dtls::Output::Send { bytes, .. } => ends[1 - end].receive(now, path(1), &bytes),
                    dtls::Output::Keys(_) => keys += 1,
                    dtls::Output::Restarted(failure) | dtls::Output::Failed(failure) => panic!("{failure:?}"),
                    dtls::Output::Closed => panic!("closed"),
                }
            }
        }
    }
    assert_eq!(keys, 2);
    let (most, held) = ((MOST.get() - start) / 2, (HELD.get() - start) / 2);
    eprintln!("an association holds {most} bytes at most and {held} when it has keys");
    assert!(most < 60_000 && held < 30_000, "{most} bytes at most, {held} at the end");
}
