//! A phone that does as it is told, right or wrong: it signals as [`Agent`] does, describes what it is given, and sends what
//! a script says, every 20 ms. For faults that no phone can be asked for.

use crate::agent::{Agent, Dialog, Heard, header};
use crate::nat::Host;
use coeur_media::packet::{Packet, SLOT_BYTES};
use coeur_media::srtp::{MasterKey, Outbound, Suite};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a phone sends in one tick of 20 ms.
pub type Script = Box<dyn FnMut(&mut Voice) + Send>;

/// The sockets of a phone's sound, and what it says next.
pub struct Voice {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    /// The server's ports.
    pub to: SocketAddr,
    pub to_rtcp: SocketAddr,
    /// By the server's description.
    pub described: String,
    /// Ticks since it began.
    pub tick: u64,
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    /// The fault is to be shown now.
    pub is_faulty: Arc<AtomicBool>,
    srtp: Option<Outbound>,
}

impl Voice {
    pub fn is_faulty(&self) -> bool {
        self.is_faulty.load(Ordering::Relaxed)
    }

    /// One packet of G.711, 20 ms.
    pub fn packet(&mut self, payload: u8, payload_bytes: usize) -> Vec<u8> {
        self.packet_of(payload, payload_bytes, 160)
    }

    /// One packet after which the clock of the timestamps is `ticks` on.
    pub fn packet_of(&mut self, payload: u8, payload_bytes: usize, ticks: u32) -> Vec<u8> {
        let mut packet = vec![0x80, payload];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.resize(12 + payload_bytes, 0xd5);
        (self.sequence, self.timestamp) = (self.sequence.wrapping_add(1), self.timestamp.wrapping_add(ticks));
        packet
    }

    /// Sends sound as a phone that is well does.
    pub fn speak(&mut self) {
        let packet = self.packet(0, 160);
        self.send(&packet);
    }

    pub fn send(&self, packet: &[u8]) {
        // What a firewall refuses is lost.
        let _ = self.rtp.send_to(packet, self.to);
    }

    pub fn send_rtcp(&self, packet: &[u8]) {
        let _ = self.rtcp.send_to(packet, self.to_rtcp);
    }

    /// Protects a packet under the key that is made of this byte.
    pub fn protect(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::copied(&mut slot, packet).expect("it fits");
        let srtp = self.srtp.as_mut().expect("a key");
        srtp.protect_rtp(&mut packet).expect("a packet of RTP");
        packet.to_vec()
    }

    pub fn use_key(&mut self, byte: u8) {
        self.srtp = Some(Outbound::new(&key(byte)));
    }

    /// A sender report (RFC 3550 section 6.4.1) that claims so much.
    pub fn sender_report(&self, packets: u32, octets: u32) -> Vec<u8> {
        let mut report = vec![0x80, 200, 0, 6];
        report.extend(self.ssrc.to_be_bytes());
        report.extend([0; 8]);
        report.extend(self.timestamp.to_be_bytes());
        report.extend(packets.to_be_bytes());
        report.extend(octets.to_be_bytes());
        report
    }

    /// A receiver report that hears nobody, or one who lost so many of 256.
    pub fn receiver_report(&self, lost: Option<u8>) -> Vec<u8> {
        let mut report = vec![0x80 | u8::from(lost.is_some()), 201, 0, if lost.is_some() { 7 } else { 1 }];
        report.extend(self.ssrc.to_be_bytes());
        if let Some(lost) = lost {
            report.extend([0, 0, 0, 1, lost, 0, 0, 50]);
            report.extend([0; 16]);
        }
        report
    }
}

/// 30 bytes of AES_CM_128_HMAC_SHA1_80.
fn key(byte: u8) -> MasterKey {
    MasterKey::new(Suite::AesCm128HmacSha1_80, &[byte; 30]).expect("a key of 30 bytes")
}

/// The `a=crypto` line (RFC 4568) of that key.
pub fn crypto(byte: u8) -> String {
    // 30 equal bytes are ten equal groups of base64.
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let bits = u32::from(byte) << 16 | u32::from(byte) << 8 | u32::from(byte);
    let group: String = (0..4).rev().map(|at| alphabet[(bits >> (6 * at) & 63) as usize]).collect();
    format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n", group.repeat(10))
}

pub struct Line {
    pub agent: Agent,
    pub host: Ipv4Addr,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    voice: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
    pub is_faulty: Arc<AtomicBool>,
}

impl Line {
    /// A phone on a host, registered.
    pub fn new(host: &Host, server: SocketAddr, user: &str, secret: &str) -> Self {
        let (rtp, rtcp) = ports(host);
        let mut agent = Agent::on(host, server, user, secret);
        assert_eq!(agent.register(Duration::from_secs(10)), Some(200), "{user} is registered");
        Self { agent, host: host.address, rtp, rtcp, voice: None, is_faulty: Arc::default() }
    }

    pub fn port(&self) -> u16 {
        self.rtp.local_addr().expect("bound").port()
    }

    /// Its own description: G.711 in the clear where it is.
    pub fn description(&self) -> String {
        describe(self.host, self.port(), "RTP/AVP 0 101", "")
    }

    /// Sends from now on what the script says to the ports that a description of the server names.
    pub fn speak(&mut self, described: &str, mut script: Script) {
        let (to, to_rtcp) = told(described);
        let clone = |socket: &UdpSocket| socket.try_clone().expect("a descriptor");
        let mut voice = Voice {
            rtp: clone(&self.rtp),
            rtcp: clone(&self.rtcp),
            to,
            to_rtcp,
            described: described.into(),
            tick: 0,
            ssrc: crate::agent::unique() as u32 | 1,
            sequence: 100,
            timestamp: 16_000,
            is_faulty: self.is_faulty.clone(),
            srtp: None,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                script(&mut voice);
                voice.tick += 1;
                let next = began + Duration::from_millis(20) * voice.tick as u32;
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
        self.voice = Some((stop, thread));
    }

    pub fn hush(&mut self) {
        if let Some((stop, thread)) = self.voice.take() {
            stop.store(true, Ordering::Relaxed);
            thread.join().expect("a script that does not fail");
        }
    }

    /// Calls and acknowledges, unless it is one that does not; the dialog, and the description of the answer.
    pub fn call(&mut self, callee: &str, body: &str, acknowledges: bool) -> (Dialog, String) {
        let patience = Duration::from_secs(10);
        let (dialog, ok) = self.agent.call_with(callee, body, patience).expect("the call is taken");
        if acknowledges {
            let ack = self.agent.inside(&dialog, "ACK");
            self.agent.send(ack.as_bytes());
        }
        (dialog, body_of(&ok))
    }

    /// Takes the next call with this description; the INVITE's.
    pub fn take(&self, body: &str) -> String {
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            let Some(heard) = self.agent.hear(Duration::from_secs(1)) else { continue };
            if heard.status == 0 && heard.method == "INVITE" {
                self.agent.answer(&heard, 180);
                self.agent.answer_with(&heard, 200, body);
                return body_of(&heard);
            }
            self.polite(&heard, body);
        }
        panic!("no call came to {}", self.agent.user);
    }

    /// Answers what else comes for a while.
    pub fn answer_for(&self, time: Duration, body: &str) {
        for heard in self.agent.hear_all(time) {
            self.polite(&heard, body);
        }
    }

    fn polite(&self, heard: &Heard, body: &str) {
        match (heard.status, heard.method.as_str()) {
            (0, "ACK") => {}
            (0, "INVITE" | "UPDATE") => self.agent.answer_with(heard, 200, body),
            (0, _) => self.agent.answer_with(heard, 200, ""),
            _ => {}
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some((stop, _)) = &self.voice {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

/// A pair of ports, the even one first (RFC 3550 section 11).
fn ports(host: &Host) -> (UdpSocket, UdpSocket) {
    host.namespace.enter(|| {
        for port in (40_000..60_000).step_by(2) {
            let bind = |port| UdpSocket::bind((host.address, port));
            if let (Ok(rtp), Ok(rtcp)) = (bind(port), bind(port + 1)) {
                return (rtp, rtcp);
            }
        }
        panic!("no ports are free");
    })
}

/// A description of one stream of sound, with further lines.
pub fn describe(ip: Ipv4Addr, port: u16, media: &str, lines: &str) -> String {
    format!(
        "v=0\r\no=- {} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} {media}\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n{lines}",
        crate::agent::unique()
    )
}

/// Where a description says that sound, and RTCP, are received.
fn told(described: &str) -> (SocketAddr, SocketAddr) {
    let value = |start: &str| described.lines().find_map(|line| line.strip_prefix(start));
    let ip: Ipv4Addr = value("c=IN IP4 ").and_then(|ip| ip.trim().parse().ok()).expect("an address");
    let port =
        value("m=audio ").and_then(|media| media.split(' ').next()?.parse::<u16>().ok()).expect("a port");
    let rtcp = if described.contains("a=rtcp-mux") { port } else { port + 1 };
    ((ip, port).into(), (ip, rtcp).into())
}

fn body_of(heard: &Heard) -> String {
    assert!(!header(&heard.text, "Content-Type").is_empty(), "no description:\n{}", heard.text);
    heard.text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}
