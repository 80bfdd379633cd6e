//! What passes on the cable of a host: datagrams of UDP with the moment of each, seen by the kernel (packet(7)).

use super::Host;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
pub struct Passed {
    pub at: Instant,
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
    /// Of UDP's payload.
    pub octets: usize,
    /// The first octets of it: of RTP all that its header must have.
    pub head: [u8; 12],
}

impl Passed {
    /// RTP, no RTCP (RFC 5761 section 4).
    pub fn is_rtp(&self) -> bool {
        self.octets >= 12 && self.head[0] >> 6 == 2 && !(64..96).contains(&(self.head[1] & 0x7f))
    }
}

/// Watches until it is dropped.
pub struct Wire {
    passed: Arc<Mutex<Vec<Passed>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Of every protocol: of one alone the kernel shows what comes, and not what leaves.
const ETHER_ALL: u16 = (libc::ETH_P_ALL as u16).to_be();

impl Wire {
    pub fn of(host: &Host) -> Self {
        let socket = host.namespace.enter(open);
        let (passed, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (seen, stopped): (Arc<Mutex<Vec<Passed>>>, _) = (Arc::clone(&passed), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut bytes = [0; 2_048];
            while !stopped.load(Ordering::Relaxed) {
                let Some(length) = receive(&socket, &mut bytes) else { continue };
                let at = Instant::now();
                if let Some(passed) = read(&bytes[..length], at) {
                    seen.lock().expect("no thread fails while it holds it").push(passed);
                }
            }
        });
        Self { passed, stop, thread: Some(thread) }
    }

    /// All that has passed since `since`, in order.
    pub fn since(&self, since: Instant) -> Vec<Passed> {
        let passed = self.passed.lock().expect("no thread fails while it holds it");
        passed.iter().filter(|passed| passed.at >= since).copied().collect()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open() -> socket2::Socket {
    let kind = socket2::Type::from(libc::SOCK_DGRAM);
    let protocol = socket2::Protocol::from(i32::from(ETHER_ALL));
    let socket = socket2::Socket::new(socket2::Domain::from(libc::AF_PACKET), kind, Some(protocol));
    let socket = socket.expect("packets are seen by root");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a time");
    // A burst is not missed while the machine is busy.
    let _ = socket.set_recv_buffer_size(8 << 20);
    socket
}

fn receive(socket: &socket2::Socket, bytes: &mut [u8]) -> Option<usize> {
    use std::io::Read;
    let mut socket = socket;
    socket.read(bytes).ok()
}

/// A datagram of UDP over IPv4 that is not in pieces (RFC 791 section 3.1, RFC 768).
fn read(packet: &[u8], at: Instant) -> Option<Passed> {
    let header = usize::from(packet.first()? & 0xf) * 4;
    let address = |at: usize| Some(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?));
    let port = |at: usize| Some(u16::from_be_bytes(*packet.get(at..)?.first_chunk()?));
    if packet[0] >> 4 != 4 || *packet.get(9)? != 17 {
        return None;
    }
    let payload = packet.get(header + 8..)?;
    let mut head = [0; 12];
    let length = payload.len().min(12);
    head[..length].copy_from_slice(&payload[..length]);
    Some(Passed {
        at,
        from: SocketAddrV4::new(address(12)?, port(header)?),
        to: SocketAddrV4::new(address(16)?, port(header + 2)?),
        octets: payload.len(),
        head,
    })
}
