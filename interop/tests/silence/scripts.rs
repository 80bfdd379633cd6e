//! What phones offer and send, as several faults need it.

use crate::bench::{Bench, Call};
use coeur_interop::line::{Script, Voice, crypto, describe};
use coeur_media::dtls::{Association, Fingerprints, Identity, Output, Role};
use coeur_media::path::ProvenPath;
use coeur_sip::time::Monotonic;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Instant;

pub fn silent() -> Script {
    Box::new(|_| {})
}

/// Speaks until the fault comes.
pub fn falling_silent() -> Script {
    Box::new(|voice| {
        if !voice.is_faulty() {
            voice.speak()
        }
    })
}

/// Once a second.
pub fn each_second(voice: &Voice) -> bool {
    voice.tick % 50 == 10
}

/// SRTP under a key that the change sets.
pub fn keyed(mut change: impl FnMut(&mut Voice) + Send + 'static) -> Script {
    Box::new(move |voice| {
        change(voice);
        let packet = voice.packet(0, 160);
        let packet = voice.protect(&packet);
        voice.send(&packet);
    })
}

/// The caller knows no address but that of its network.
pub fn inside(call: &mut Call) {
    let inside = Ipv4Addr::new(192, 168, 1, 20);
    call.offer = describe(inside, call.alice.port(), "RTP/AVP 0 101", "");
}

pub fn secured(call: &mut Call) {
    call.offer = describe(call.alice.host, call.alice.port(), "RTP/SAVP 0 101", &crypto(7));
}

/// DTLS without ICE, under a fingerprint that is nobody's.
pub fn dtls(call: &mut Call, setup: &str) {
    let (ip, port) = (call.alice.host, call.alice.port());
    call.offer = describe(ip, port, "UDP/TLS/RTP/SAVP 0 101", &fingerprint(setup));
}

/// What a browser offers, without its checks and its handshake.
pub fn webrtc(call: &mut Call) {
    let (ip, port) = (call.alice.host, call.alice.port());
    let lines = format!(
        "{}a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
         a=candidate:1 1 UDP 2130706431 {ip} {port} typ host\r\n",
        fingerprint("actpass")
    );
    call.offer = describe(ip, port, "UDP/TLS/RTP/SAVPF 0 101", &lines);
}

fn fingerprint(setup: &str) -> String {
    format!("a=fingerprint:sha-256 {}\r\na=setup:{setup}\r\na=rtcp-mux\r\n", ["AB"; 32].join(":"))
}

/// A socket of somebody else.
pub fn stranger(bench: &Bench<'_>) -> UdpSocket {
    bench.c.namespace.enter(|| UdpSocket::bind((bench.c.address, 0)).expect("a socket"))
}

/// A binding request (RFC 8489 section 5) with a user name that is nobody's, and without integrity.
pub fn foreign_check(serial: u64) -> Vec<u8> {
    let mut check = vec![0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42];
    check.extend(serial.to_be_bytes());
    check.extend([0; 4]);
    check.extend([0, 6, 0, 7]);
    check.extend(b"who:who\0");
    check
}

/// A handshake as it should be, with a certificate of its own.
pub fn shaking_hands() -> Script {
    let mut association = None;
    let zero = Instant::now();
    Box::new(move |voice| {
        let now = Monotonic::default() + zero.elapsed();
        let path = ProvenPath::signalled(voice.to, voice.to).expect("the same");
        let association = association.get_or_insert_with(|| {
            voice.rtp.set_nonblocking(true).expect("a socket");
            let mut association = client(&voice.described, zero);
            association.start(now, path);
            association
        });
        let mut bytes = [0; 2_048];
        while let Ok(length) = voice.rtp.recv(&mut bytes) {
            association.receive(now, path, &bytes[..length]);
        }
        association.handle_timeout(now);
        while let Some(output) = association.poll() {
            if let Output::Send { bytes, .. } = output {
                voice.send(&bytes);
            }
        }
    })
}

fn client(described: &str, zero: Instant) -> Association {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
    let identity = Identity::new(certificate.der().to_vec(), key.serialize_der()).expect("an identity");
    let lines = described.lines().filter_map(|line| line.strip_prefix("a=fingerprint:"));
    let told = Fingerprints::parse(lines).expect("fingerprints");
    Association::new(Role::Client, identity, told, zero).unwrap_or_else(|failure| panic!("{failure:?}"))
}
