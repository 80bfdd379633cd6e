//! Our client against our server: over a network that loses and reorders, and among attackers.

use super::*;
use crate::path::ProvenPath;
use coeur_sip::time::Monotonic;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

fn identity() -> Identity {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
    Identity::new(certificate.der().to_vec(), key.serialize_der()).expect("an identity")
}

fn told(identity: &Identity) -> Fingerprints {
    Fingerprints::parse([identity.fingerprint().to_string().as_str()]).expect("fingerprints")
}

fn path(port: u16) -> ProvenPath {
    let address = SocketAddr::from(([192, 0, 2, 1], port));
    ProvenPath::signalled(address, address).expect("the same address")
}

/// What an end has said so far.
#[derive(Default)]
struct Heard {
    keys: Option<Keys>,
    restarted: Vec<Failure>,
    failed: Option<Failure>,
    closed: bool,
}

struct Pair {
    now: Monotonic,
    ends: [Association; 2],
    heard: [Heard; 2],
    /// Due time, to which end, bytes.
    wire: Vec<(Monotonic, usize, Vec<u8>)>,
    sent: usize,
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

impl Pair {
    fn new() -> Pair {
        let (client, server) = (identity(), identity());
        Pair::of(&client, &server, told(&client), told(&server))
    }

    /// `client_told` is what the server was told of the client.
    fn of(
        client: &Identity,
        server: &Identity,
        client_told: Fingerprints,
        server_told: Fingerprints,
    ) -> Pair {
        let zero = Instant::now();
        let end = |role, identity: &Identity, told| {
            Association::new(role, identity.clone(), told, zero)
                .unwrap_or_else(|failure| panic!("{failure:?}"))
        };
        let ends = [end(Role::Client, client, server_told), end(Role::Server, server, client_told)];
        let now = Monotonic::from_secs(1);
        Pair { now, ends, heard: Default::default(), wire: Vec::new(), sent: 0 }
    }

    fn collect(&mut self, network: &mut impl FnMut(usize) -> Option<Duration>) {
        for end in [CLIENT, SERVER] {
            while let Some(output) = self.ends[end].poll() {
                match output {
                    Output::Send { bytes, .. } => {
                        self.sent += 1;
                        if let Some(delay) = network(self.sent) {
                            self.wire.push((self.now + delay, 1 - end, bytes));
                        }
                    }
                    Output::Keys(keys) => {
                        assert!(self.heard[end].keys.is_none(), "keys are told once");
                        self.heard[end].keys = Some(keys);
                    }
                    Output::Restarted(failure) => self.heard[end].restarted.push(failure),
                    Output::Failed(failure) => self.heard[end].failed = Some(failure),
                    Output::Closed => self.heard[end].closed = true,
                }
            }
        }
    }

    /// Drives both ends until they agree or the time is over. The network says how long each datagram travels, or that
    /// it is lost.
    fn drive(&mut self, until: Monotonic, mut network: impl FnMut(usize) -> Option<Duration>) {
        self.collect(&mut network);
        loop {
            let timers = [self.ends[CLIENT].next_deadline(), self.ends[SERVER].next_deadline()];
            let arrival = self.wire.iter().map(|(due, ..)| *due).min().unwrap_or(Monotonic::NEVER);
            let next = arrival.min(timers[0]).min(timers[1]);
            let agreed = self.heard.iter().all(|heard| heard.keys.is_some());
            if next > until || agreed && self.wire.is_empty() {
                return;
            }
            self.now = self.now.max(next);
            while let Some(at) = self.wire.iter().position(|(due, ..)| due.is_due(self.now)) {
                let (_, end, bytes) = self.wire.remove(at);
                self.ends[end].receive(self.now, path(end as u16 + 1), &bytes);
                self.collect(&mut network);
            }
            for end in [CLIENT, SERVER] {
                if self.ends[end].next_deadline().is_due(self.now) {
                    self.ends[end].handle_timeout(self.now);
                }
            }
            self.collect(&mut network);
        }
    }

    fn start(&mut self) {
        let now = self.now;
        self.ends[CLIENT].start(now, path(2));
    }

    fn agree(&self) -> bool {
        let [Some(client), Some(server)] = [&self.heard[0].keys, &self.heard[1].keys] else { return false };
        client.profile == server.profile
            && client.ours == server.theirs
            && client.theirs == server.ours
            && client.ours != client.theirs
    }
}

fn prompt(_: usize) -> Option<Duration> {
    Some(Duration::from_millis(10))
}

const LATE: Monotonic = Monotonic::from_secs(120);

#[test]
fn client_and_server_agree_on_keys_of_the_strongest_profile() {
    let mut pair = Pair::new();
    pair.start();
    pair.drive(LATE, prompt);
    assert!(pair.agree());
    assert_eq!(pair.heard[0].keys.as_ref().map(|keys| keys.profile), Some(Profile::AeadAes256Gcm));
}

#[test]
fn keys_are_agreed_over_a_network_that_loses_and_reorders() {
    let mut done = 0;
    for seed in 1..=40u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut pair = Pair::new();
        pair.start();
        pair.drive(LATE, |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // A quarter is lost, the rest takes up to 80 ms and overtakes.
            (state % 4 != 0).then(|| Duration::from_millis(state >> 32 & 63) + Duration::from_millis(16))
        });
        done += u32::from(pair.agree());
    }
    // At a loss of a quarter each way a handshake may run out of its thirty seconds; nearly none does.
    assert!(done >= 38, "{done} of 40 agreed");
}

#[test]
fn each_single_datagram_may_be_lost() {
    for lost in 1..=8 {
        let mut pair = Pair::new();
        pair.start();
        pair.drive(LATE, |nth| (nth != lost).then_some(Duration::from_millis(10)));
        assert!(pair.agree(), "datagram {lost}");
        assert!(pair.now < Monotonic::from_secs(3), "datagram {lost}: at {:?}", pair.now);
    }
}

#[test]
fn a_client_with_another_certificate_gets_no_keys() {
    let (client, server, expected) = (identity(), identity(), identity());
    let mut pair = Pair::of(&client, &server, told(&expected), told(&server));
    pair.start();
    pair.drive(LATE, prompt);
    assert!(pair.heard[SERVER].keys.is_none());
    assert!(pair.heard[SERVER].restarted.contains(&Failure::Fingerprint));
    assert!(pair.heard[SERVER].failed.is_some());
}

#[test]
fn a_server_with_another_certificate_gets_no_keys() {
    let (client, server, expected) = (identity(), identity(), identity());
    let mut pair = Pair::of(&client, &server, told(&client), told(&expected));
    pair.start();
    pair.drive(LATE, prompt);
    assert!(pair.heard[CLIENT].keys.is_none() && pair.heard[SERVER].keys.is_none());
    assert!(pair.heard[CLIENT].restarted.contains(&Failure::Fingerprint));
    assert!(pair.heard[CLIENT].failed.is_some());
}

#[test]
fn without_a_trusted_fingerprint_there_is_no_association() {
    let told = Fingerprints::parse(["sha-1 00"]).expect("fingerprints");
    let made = Association::new(Role::Server, identity(), told, Instant::now());
    assert_eq!(made.err(), Some(Failure::NoFingerprint));
}

#[test]
fn silence_ends_a_handshake_at_its_deadline() {
    let mut pair = Pair::new();
    pair.start();
    pair.drive(LATE, |_| None);
    assert_eq!(pair.heard[CLIENT].failed, Some(Failure::Timeout));
    assert!(pair.now >= Monotonic::from_secs(31) && pair.now < Monotonic::from_secs(32));
    // A flight goes out at 0, 0.25, 0.75, 1.75 ... seconds, each a datagram or two.
    assert!(pair.sent <= 20, "{} datagrams", pair.sent);
    assert_eq!(pair.heard[SERVER].failed, None);
    assert_eq!(pair.ends[SERVER].next_deadline(), Monotonic::NEVER, "a server that heard nothing waits");
}

#[test]
fn alerts_and_junk_in_the_clear_end_no_handshake() {
    let mut pair = Pair::new();
    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    let mut fake_hello = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40];
    fake_hello.extend_from_slice(&[2; 40]);
    let mut data = vec![23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 30];
    data.extend_from_slice(&[7; 30]);
    let now = pair.now;
    pair.start();
    for end in [CLIENT, SERVER] {
        for junk in [&alert[..], &data[..], &[20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1], &[63; 100]] {
            pair.ends[end].receive(now, path(9), junk);
        }
    }
    assert_eq!(pair.ends[SERVER].clear_alert(), Some(40));
    pair.drive(LATE, prompt);
    assert!(pair.agree() && pair.now < Monotonic::from_secs(2));
    assert!(pair.heard.iter().all(|heard| heard.restarted.is_empty()));
}

#[test]
fn a_hello_that_offers_nothing_we_speak_costs_the_server_nothing() {
    // The threat of A09: a ClientHello with the NULL cipher only.
    let mut pair = Pair::new();
    let mut body = vec![0xfe, 0xfd];
    body.extend_from_slice(&[5; 32]);
    body.extend_from_slice(&[0, 0, 0, 2, 0, 0, 1, 0]);
    let length = body.len() as u8;
    let mut hello = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12 + length];
    hello.extend_from_slice(&[1, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length]);
    hello.extend_from_slice(&body);
    let now = pair.now;
    for _ in 0..5 {
        pair.ends[SERVER].receive(now, path(9), &hello);
    }
    pair.now = now + Duration::from_secs(1);
    pair.start();
    pair.drive(LATE, prompt);
    assert!(pair.agree());
    assert!(pair.heard[SERVER].restarted.len() <= 1);
    assert_eq!(pair.heard[SERVER].failed, None);
}

#[test]
fn a_whole_hello_of_somebody_else_neither_holds_up_the_server_nor_is_amplified() {
    let mut other = Pair::new();
    other.start();
    let mut hello = Vec::new();
    while let Some(output) = other.ends[CLIENT].poll() {
        if let Output::Send { bytes, .. } = output {
            hello.push(bytes);
        }
    }
    let mut pair = Pair::new();
    let now = pair.now;
    let (mut came, mut left) = (0, 0);
    for _ in 0..100 {
        for bytes in &hello {
            came += bytes.len();
            // From the very address that our client has.
            pair.ends[SERVER].receive(now, path(1), bytes);
        }
    }
    while let Some(output) = pair.ends[SERVER].poll() {
        if let Output::Send { bytes, .. } = output {
            left += bytes.len();
            // Our client has not begun: an answer is nothing to it.
            pair.ends[CLIENT].receive(now, path(2), &bytes);
        }
    }
    assert!(left <= came, "{came} bytes came, {left} left");
    pair.start();
    pair.drive(LATE, prompt);
    assert!(pair.agree());
    assert!(pair.heard[SERVER].restarted.is_empty());
    assert!(pair.now < Monotonic::from_secs(2), "at {:?}", pair.now);
}

#[test]
fn hellos_of_others_while_a_client_fetches_its_cookie_do_not_stop_it() {
    let mut pair = Pair::new();
    pair.start();
    // The client's ClientHello has come, its cookie is under way.
    pair.collect(&mut prompt);
    let (due, ..) = pair.wire[0];
    pair.drive(due, prompt);
    for _ in 0..3 {
        let mut other = Pair::new();
        other.start();
        while let Some(output) = other.ends[CLIENT].poll() {
            if let Output::Send { bytes, .. } = output {
                pair.ends[SERVER].receive(due, path(1), &bytes);
            }
        }
        // Their cookies get lost.
        while pair.ends[SERVER].poll().is_some() {}
    }
    pair.drive(LATE, prompt);
    assert!(pair.agree());
    assert!(pair.now < Monotonic::from_secs(2), "at {:?}", pair.now);
}

#[test]
fn what_is_sprayed_after_the_keys_changes_nothing() {
    let mut pair = Pair::new();
    pair.start();
    let mut hello = Vec::new();
    // Another client's ClientHello, whole.
    let mut other = Pair::new();
    other.start();
    while let Some(output) = other.ends[CLIENT].poll() {
        if let Output::Send { bytes, .. } = output {
            hello.push(bytes);
        }
    }
    pair.drive(LATE, prompt);
    assert!(pair.agree());
    for nth in 0..1_000u32 {
        for bytes in &hello {
            pair.ends[SERVER].receive(pair.now, path(9), bytes);
        }
        let mut record = vec![20 + (nth % 44) as u8, 0xfe, 0xfd, 0, (nth % 3) as u8, 0, 0, 0, 0, 0, 1, 0, 50];
        record.extend_from_slice(&[nth as u8; 50]);
        pair.ends[SERVER].receive(pair.now, path(9), &record);
        pair.ends[CLIENT].receive(pair.now, path(9), &record);
    }
    pair.collect(&mut |_| None);
    assert!(pair.heard.iter().all(|heard| !heard.closed && heard.failed.is_none()));
    // And the association still closes in order.
    pair.ends[CLIENT].close();
    pair.drive(LATE, prompt);
    assert!(pair.heard[SERVER].closed);
}

#[test]
fn a_close_is_heard_by_the_peer_and_then_nothing_more() {
    for closing in [CLIENT, SERVER] {
        let mut pair = Pair::new();
        pair.start();
        pair.drive(LATE, prompt);
        pair.ends[closing].close();
        pair.drive(LATE, prompt);
        assert!(pair.heard[1 - closing].closed && !pair.heard[closing].closed);
        assert_eq!(pair.ends[closing].next_deadline(), Monotonic::NEVER);
    }
}

#[test]
fn a_key_of_another_certificate_is_no_identity() {
    let pair = || {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
        (certificate.der().to_vec(), key.serialize_der())
    };
    let ((certificate, key), (_, other)) = (pair(), pair());
    let refusal = |certificate: &[u8], key: &[u8]| Identity::new(certificate.to_vec(), key.to_vec()).err();
    assert_eq!(refusal(&certificate, &key), None);
    assert_eq!(refusal(&certificate, &other), Some(IdentityError::Key));
    assert_eq!(refusal(&certificate, &[]), Some(IdentityError::Key));
    assert_eq!(refusal(&certificate[1..], &key), Some(IdentityError::Certificate));
}
