//! The phones of all calls: a packet each 20 ms from each, and what comes of it.

use super::{Mode, Relay, keys};
use crate::net::{B, set_bufs, sockaddr};
use crate::sip::{Meter, pct};
use coeur_media::packet::{Packet, SLOT_BYTES};
use coeur_media::srtp::{Inbound, Outbound};
use std::mem::zeroed;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Sockets of each side, shared by the calls.
const SOCKETS: usize = 8;
const PACKET_BYTES: usize = 172;
/// Send times kept of one phone.
const RING: usize = 256;
/// Of protected packets each so many-th is decrypted.
const SAMPLE: u16 = 64;

pub struct Run {
    pub cpu_us: f64,
    fields: String,
    sent: u64,
    received: u64,
    bad: u64,
    late_ticks: u64,
    p50_us: f64,
    p99_us: f64,
    /// The phones hear each other's own keys: the relay leaves SRTP as it is.
    passed_through: bool,
}

impl Run {
    pub fn json(&self, name: &str, calls: usize) -> String {
        let loss = self.sent.saturating_sub(self.received) as f64 * 100.0 / self.sent.max(1) as f64;
        format!(
            "{{\"name\":\"{name}\",\"calls\":{calls},\"n\":{},\"sent\":{},\"fail\":{},\"passed_through\":{},\"loss_pct\":{loss:.4},\"gen_late_ticks\":{},{},\"p50_us\":{:.1},\"p99_us\":{:.1}}}",
            self.received,
            self.sent,
            self.bad,
            self.passed_through,
            self.late_ticks,
            self.fields,
            self.p50_us,
            self.p99_us
        )
    }
}

/// The phone of one side of one call.
struct Phone {
    to: libc::sockaddr_in,
    out: Option<Outbound>,
    /// What it hears is protected, under this key.
    inbound: Option<Inbound>,
    sequence: u16,
    sent_ns: Box<[u64; RING]>,
}

struct Phones {
    sockets: [Vec<UdpSocket>; 2],
    /// By call and side.
    all: Vec<[Phone; 2]>,
    sent: u64,
    received: u64,
    bad: u64,
    latency_ns: Vec<u32>,
    passed_through: bool,
}

pub fn run(relay: &mut dyn Relay, calls: usize, mode: Mode, secs: f64, warm: f64) -> Run {
    let mut phones = Phones::new(relay, calls, mode);
    let (warm_ms, total_ms) = ((warm * 1e3) as u64, ((warm + secs) * 1e3) as u64);
    let (mut meter, mut counted, mut late_ticks) = (None, (0, 0), 0);
    let start = Instant::now();
    for tick in 0..total_ms {
        let (due, now) = (start + Duration::from_millis(tick), Instant::now());
        std::thread::sleep(due.saturating_duration_since(now));
        late_ticks += u64::from(now.saturating_duration_since(due) > Duration::from_millis(5));
        if tick == warm_ms {
            meter = Some(Meter::start(relay.pid()));
            counted = (phones.sent, phones.received);
            phones.latency_ns.clear();
        }
        for side in 0..2 {
            phones.send(side, tick as usize % 20);
        }
        phones.receive();
    }
    let meter = meter.expect("longer than the warming up");
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(1));
        phones.receive();
    }
    let (sent, received) = (phones.sent - counted.0, phones.received - counted.1);
    let fields = meter.end(received);
    let cpu_us = fields.split(['"', ':', ',']).filter(|word| !word.is_empty()).nth(1);
    Run {
        cpu_us: cpu_us.and_then(|number| number.parse().ok()).expect("cpu_us is the first field"),
        fields,
        sent,
        received,
        bad: phones.bad,
        passed_through: phones.passed_through,
        late_ticks,
        p50_us: pct(&mut phones.latency_ns, 0.5),
        p99_us: pct(&mut phones.latency_ns, 0.99),
    }
}

impl Phones {
    fn new(relay: &mut dyn Relay, calls: usize, mode: Mode) -> Phones {
        let sockets =
            ["127.0.0.2", "127.0.0.3"].map(|ip| (0..SOCKETS).map(|_| socket(ip)).collect::<Vec<_>>());
        let local = |side: usize, call: usize| sockets[side][call % SOCKETS].local_addr().expect("bound");
        let (mut all, mut passed_through) = (Vec::new(), false);
        for call in 0..calls {
            let opened = relay.open(call, [local(0, call), local(1, call)], mode);
            passed_through |= opened.keys[1].as_deref() == Some(&keys::bytes(0, false)[..]);
            let phone = |side: usize| Phone {
                to: sockaddr(opened.ports[side]),
                out: mode.suites[side]
                    .map(|suite| Outbound::new(&keys::master(suite, &keys::bytes(side, false)))),
                inbound: mode.suites[side]
                    .zip(opened.keys[side].as_ref())
                    .map(|(suite, key)| Inbound::new(&keys::master(suite, key))),
                sequence: 1,
                sent_ns: Box::new([0; RING]),
            };
            all.push([phone(0), phone(1)]);
        }
        let latency_ns = Vec::with_capacity(4_000_000);
        Phones { sockets, all, sent: 0, received: 0, bad: 0, latency_ns, passed_through }
    }

    /// The packets of one side that are due in this millisecond of 20.
    fn send(&mut self, side: usize, phase: usize) {
        for place in 0..SOCKETS {
            let due: Vec<usize> =
                (phase..self.all.len()).step_by(20).filter(|call| call % SOCKETS == place).collect();
            for calls in due.chunks(B) {
                self.send_batch(side, place, calls);
            }
        }
    }

    fn send_batch(&mut self, side: usize, place: usize, calls: &[usize]) {
        let mut slots = vec![[0u8; SLOT_BYTES]; calls.len()];
        // SAFETY: plain C structures for which all zero is a valid value.
        let (mut parts, mut headers): ([libc::iovec; B], [libc::mmsghdr; B]) =
            unsafe { (zeroed(), zeroed()) };
        let now = now_ns();
        for (i, call) in calls.iter().enumerate() {
            let phone = &mut self.all[*call][side];
            let mut bytes = [0xd5; PACKET_BYTES];
            bytes[..2].copy_from_slice(&[0x80, 0]);
            bytes[2..4].copy_from_slice(&phone.sequence.to_be_bytes());
            bytes[4..8].copy_from_slice(&(u32::from(phone.sequence) * 160).to_be_bytes());
            bytes[8..12].copy_from_slice(&((call * 2 + side) as u32 + 1).to_be_bytes());
            phone.sent_ns[usize::from(phone.sequence) % RING] = now;
            phone.sequence = phone.sequence.wrapping_add(1);
            let mut packet = Packet::copied(&mut slots[i], &bytes).expect("room");
            if let Some(out) = &mut phone.out {
                out.protect_rtp(&mut packet).expect("a new number");
            }
            let range = packet.range();
            parts[i].iov_len = range.len();
            parts[i].iov_base = slots[i][range].as_mut_ptr().cast();
            let header = &mut headers[i].msg_hdr;
            header.msg_iov = &mut parts[i];
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut phone.to).cast();
            header.msg_namelen = 16;
        }
        let socket = self.sockets[side][place].as_raw_fd();
        // SAFETY: the headers point into `parts`, `slots` and the phones, which outlive the call.
        let sent = unsafe { libc::sendmmsg(socket, headers.as_mut_ptr(), calls.len() as u32, 0) };
        self.sent += sent.max(0) as u64;
    }

    fn receive(&mut self) {
        let mut slots = vec![[0u8; SLOT_BYTES]; B];
        for side in 0..2 {
            for place in 0..SOCKETS {
                while self.receive_batch(side, place, &mut slots) == B {}
            }
        }
    }

    fn receive_batch(&mut self, side: usize, place: usize, slots: &mut [[u8; SLOT_BYTES]]) -> usize {
        let mut controls = [[0u8; 64]; B];
        // SAFETY: plain C structures for which all zero is a valid value.
        let (mut parts, mut headers): ([libc::iovec; B], [libc::mmsghdr; B]) =
            unsafe { (zeroed(), zeroed()) };
        for i in 0..B {
            parts[i].iov_base = slots[i][coeur_media::packet::HEAD_ROOM..].as_mut_ptr().cast();
            parts[i].iov_len = 512;
            let header = &mut headers[i].msg_hdr;
            header.msg_iov = &mut parts[i];
            header.msg_iovlen = 1;
            header.msg_control = controls[i].as_mut_ptr().cast();
            header.msg_controllen = 64;
        }
        let socket = self.sockets[side][place].as_raw_fd();
        // SAFETY: every pointer points into `slots`, `parts` or `controls`, with their lengths.
        let count = unsafe {
            libc::recvmmsg(socket, headers.as_mut_ptr(), B as u32, libc::MSG_DONTWAIT, std::ptr::null_mut())
        };
        let count = count.max(0) as usize;
        for i in 0..count {
            let arrived_ns = arrival_ns(&headers[i].msg_hdr);
            self.heard(side, Packet::received(&mut slots[i], headers[i].msg_len as usize), arrived_ns);
        }
        count
    }

    fn heard(&mut self, side: usize, mut packet: Packet<'_>, arrived_ns: Option<u64>) {
        // Reports of rtpengine's own are none of ours.
        if packet.len() < PACKET_BYTES || packet[0] != 0x80 || packet[1] & 0x7f != 0 {
            return;
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        let (sequence, ssrc) = (number(&packet[2..4]) as u16, number(&packet[8..12]));
        let Some(call) = self.all.get_mut(ssrc.wrapping_sub(1) / 2) else {
            self.bad += 1;
            return;
        };
        // It is of the other phone of the call.
        let sender = (ssrc - 1) % 2;
        let protected = if let Some(inbound) = &mut call[side].inbound {
            let is_long = packet.len() == PACKET_BYTES + inbound.suite().rtp_tag_bytes();
            is_long && (sequence % SAMPLE != 0 || inbound.unprotect_rtp(&mut packet).is_ok())
        } else {
            packet.len() == PACKET_BYTES
        };
        let is_clear = call[side].inbound.is_none() || sequence % SAMPLE == 0;
        let is_good =
            protected && sender != side && (!is_clear || packet[12..].iter().all(|byte| *byte == 0xd5));
        self.bad += u64::from(!is_good);
        self.received += 1;
        let sent_ns = call[sender].sent_ns[usize::from(sequence) % RING];
        self.latency_ns
            .extend(arrived_ns.map(|at| at.saturating_sub(sent_ns).min(u64::from(u32::MAX)) as u32));
    }
}

fn socket(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).expect("a socket");
    set_bufs(socket.as_raw_fd(), 8 << 20);
    let (one, length) = (1i32, 4);
    // SAFETY: the option takes an `int`, which outlives the call.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const one).cast(),
            length,
        )
    };
    socket.set_nonblocking(true).expect("a socket");
    socket
}

/// When the kernel had it.
fn arrival_ns(header: &libc::msghdr) -> Option<u64> {
    // SAFETY: the kernel has written the control messages and their length; the one that is asked for holds a `timespec`.
    unsafe {
        let control = libc::CMSG_FIRSTHDR(header);
        if control.is_null() {
            return None;
        }
        let at: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(control).cast());
        Some(at.tv_sec as u64 * 1_000_000_000 + at.tv_nsec as u64)
    }
}

fn now_ns() -> u64 {
    // SAFETY: all zero is a valid `timespec`, which the call fills.
    unsafe {
        let mut at: libc::timespec = zeroed();
        libc::clock_gettime(libc::CLOCK_REALTIME, &mut at);
        at.tv_sec as u64 * 1_000_000_000 + at.tv_nsec as u64
    }
}
