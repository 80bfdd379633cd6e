//! A phone of our own with sound: [`Agent`]s that have called each other, each with a port for RTP that says numbered packets
//! and looks whose packets it hears.

use crate::agent::{Agent, Dialog, Heard};
use crate::coeur::{Coeur, DOMAIN};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coeur_media::packet::{Packet, SLOT_BYTES};
use coeur_media::srtp::{Inbound, MasterKey, Outbound, Suite};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

pub struct Talker {
    pub agent: Agent,
    /// What it says of its media.
    description: String,
    pub rtp: UdpSocket,
    /// Where it sends its media.
    pub server: SocketAddr,
    srtp: Option<(Outbound, Inbound)>,
    ssrc: u32,
    sequence: u16,
    pub said: u64,
    /// Packets of the other phone.
    pub heard: u64,
    /// Packets of anybody else.
    pub foreign: u64,
}

/// Two that talk.
pub struct Pair {
    pub alice: Talker,
    pub bob: Talker,
    pub dialog: Dialog,
}

/// Of G.711 every 20 ms.
const PACKET: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);
/// The first octets of what a talker says.
const MARK: [u8; 4] = *b"talk";

impl Talker {
    /// Registered, from this address for signalling and media. `key`: its own, for SRTP (RFC 4568).
    fn new(server: &Coeur, ip: [u8; 4], user: &str, secret: &str, is_protected: bool) -> Self {
        let mut agent = Agent::new(server, ip, user, secret);
        let rtp = UdpSocket::bind((Ipv4Addr::from(ip), 0)).expect("a loopback address");
        rtp.set_nonblocking(true).expect("a socket");
        let local = rtp.local_addr().expect("bound");
        let (profile, key) = match is_protected {
            true => (
                "RTP/SAVP",
                format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n", STANDARD.encode(OWN_KEY)),
            ),
            false => ("RTP/AVP", String::new()),
        };
        let description = format!(
            "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} {profile} 0\r\n\
             a=rtpmap:0 PCMU/8000\r\n{key}",
            local.ip(),
            local.port()
        );
        assert_eq!(agent.register(PATIENCE), Some(200), "{user} registers");
        let ssrc = u32::from_be_bytes(ip).wrapping_mul(0x9e37_79b9);
        let server = rtp.local_addr().expect("bound");
        Self {
            agent,
            description,
            rtp,
            server,
            srtp: None,
            ssrc,
            sequence: 1_000,
            said: 0,
            heard: 0,
            foreign: 0,
        }
    }

    /// What the server has described for it.
    fn agree(&mut self, described: &str) {
        let line = |start: &str| described.lines().find_map(|line| line.strip_prefix(start));
        let port = line("m=audio ").and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a port");
        let ip: Ipv4Addr = line("c=IN IP4 ").and_then(|ip| ip.trim().parse().ok()).expect("an address");
        self.server = (ip, port).into();
        if let Some(key) = described.split("inline:").nth(1) {
            let suite = Suite::AesCm128HmacSha1_80;
            let theirs = STANDARD.decode(&key[..40]).expect("a key as RFC 4568 writes it");
            let master = |key: &[u8]| MasterKey::new(suite, key).expect("a key of its length");
            self.srtp = Some((Outbound::new(&master(&OWN_KEY)), Inbound::new(&master(&theirs))));
        }
    }

    fn say(&mut self) {
        let mut bytes = rtp(self.sequence, self.ssrc, MARK);
        self.sequence = self.sequence.wrapping_add(1);
        if let Some((outbound, _)) = &mut self.srtp {
            let mut slot = [0; SLOT_BYTES];
            let mut packet = Packet::copied(&mut slot, &bytes).expect("a small one");
            outbound.protect_rtp(&mut packet).expect("a fresh number");
            bytes = packet.to_vec();
        }
        self.said += u64::from(self.rtp.send_to(&bytes, self.server).is_ok());
    }

    /// Takes what has come; `from`: the SSRC of the other phone.
    fn hear(&mut self, from: u32) {
        let mut bytes = [0; 2_048];
        while let Ok((length, _)) = self.rtp.recv_from(&mut bytes) {
            let mut slot = [0; SLOT_BYTES];
            let Ok(mut packet) = Packet::copied(&mut slot, &bytes[..length]) else { continue };
            let is_opened =
                self.srtp.as_mut().is_none_or(|(_, inbound)| inbound.unprotect_rtp(&mut packet).is_ok());
            let is_peers =
                packet.get(8..12) == Some(&from.to_be_bytes()) && packet.get(12..16) == Some(&MARK);
            match is_opened && is_peers {
                true => self.heard += 1,
                false => self.foreign += 1,
            }
        }
    }
}

impl Pair {
    /// Alice has called bob, and nothing is said yet. `addresses`: of alice and of bob.
    pub fn start(
        server: &Coeur,
        [alice, bob]: [(&str, &str); 2],
        addresses: [[u8; 4]; 2],
        is_protected: bool,
    ) -> Self {
        let mut alice = Talker::new(server, addresses[0], alice.0, alice.1, is_protected);
        let bob = Talker::new(server, addresses[1], bob.0, bob.1, false);
        let callee = bob.agent.user.clone();
        let ((dialog, ok), bob) = std::thread::scope(|scope| {
            let answering = scope.spawn(move || answer(bob));
            let own = alice.description.clone();
            let taken = alice.agent.call_with(&callee, &own, PATIENCE).expect("a call that is taken");
            let ack = alice.agent.inside(&taken.0, "ACK");
            alice.agent.send(ack.as_bytes());
            (taken, answering.join().expect("a callee that answers"))
        });
        alice.agree(body(&ok.text));
        // What it has heard of the ACK is of no use.
        let _ = bob.agent.hear_all(Duration::from_millis(100));
        Self { alice, bob, dialog }
    }

    /// Both speak for a time, and once more listen for what is under way. `each` runs between their packets.
    pub fn talk(&mut self, span: Duration, mut each: impl FnMut()) {
        let began = Instant::now();
        let mut next = began;
        while began.elapsed() < span {
            self.say();
            each();
            self.listen();
            next += PACKET;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        std::thread::sleep(Duration::from_millis(200)); // what is under way
        self.listen();
    }

    /// A packet of each.
    pub fn say(&mut self) {
        self.alice.say();
        self.bob.say();
    }

    pub fn listen(&mut self) {
        self.alice.hear(self.bob.ssrc);
        self.bob.hear(self.alice.ssrc);
    }

    /// The status of alice's BYE: 200 as long as there is a call.
    pub fn hang_up(&mut self) -> Option<u16> {
        let (bob, alice) = (&self.bob.agent, &mut self.alice.agent);
        let dialog = &self.dialog;
        std::thread::scope(|scope| {
            let ending = scope.spawn(move || {
                let until = Instant::now() + PATIENCE;
                while Instant::now() < until {
                    let heard = bob.hear(Duration::from_millis(100));
                    if let Some(bye) = heard.filter(|heard| heard.method == "BYE") {
                        bob.answer(&bye, 200);
                        return true;
                    }
                }
                false
            });
            let status = alice.hang_up(dialog, PATIENCE);
            ending.join().expect("a callee that listens").then_some(status?)
        })
    }
}

fn answer(mut bob: Talker) -> Talker {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let Some(heard) = bob.agent.hear(Duration::from_millis(100)) else { continue };
        if is_invite(&heard) {
            bob.agree(body(&heard.text));
            bob.agent.answer_with(&heard, 200, &bob.description);
            return bob;
        }
    }
    panic!("{}@{DOMAIN} is not called", bob.agent.user);
}

/// What stands behind the headers.
fn body(text: &str) -> &str {
    text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn is_invite(heard: &Heard) -> bool {
    heard.status == 0 && heard.method == "INVITE"
}

/// A packet of 20 ms of G.711, payload type 0.
pub fn rtp(sequence: u16, ssrc: u32, mark: [u8; 4]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(mark);
    packet.resize(172, 0xd5);
    packet
}

/// Master key and salt of AES_CM_128.
const OWN_KEY: [u8; 30] = [0x42; 30];
