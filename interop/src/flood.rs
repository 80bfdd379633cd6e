//! Many datagrams from many loopback addresses, bounded in number and time.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub struct Flood {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    began: Instant,
}

/// Datagrams between two looks at the clock.
const BURST: u64 = 16;

impl Flood {
    /// Sends what `make` makes of a serial number, from each of `sources` in turn, to `127.0.0.1:port`, at most `per_s` a
    /// second, until it is dropped. The socket does not wait: `make` may look at what was answered.
    pub fn start(
        port: u16,
        sources: &[Ipv4Addr],
        per_s: u64,
        make: impl Fn(u64, &UdpSocket) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let (sent, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let sockets: Vec<UdpSocket> = sources.iter().map(|ip| socket(*ip, port)).collect();
        let (count, end) = (sent.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            let mut serial = 0;
            while !end.load(Ordering::Relaxed) {
                for _ in 0..BURST {
                    let socket = &sockets[serial as usize % sockets.len()];
                    let _ = socket.send(&make(serial, socket));
                    serial += 1;
                }
                count.store(serial, Ordering::Relaxed);
                let due = Duration::from_nanos(serial * 1_000_000_000 / per_s);
                std::thread::sleep(due.saturating_sub(began.elapsed()));
            }
        });
        Self { sent, stop, thread: Some(thread), began: Instant::now() }
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn per_s(&self) -> u64 {
        (self.sent() as f64 / self.began.elapsed().as_secs_f64()) as u64
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// So many addresses of 127.66.0.0/16.
pub fn sources(count: u16) -> Vec<Ipv4Addr> {
    (1..=count).map(|at| Ipv4Addr::from((127 << 24) | (66 << 16) | u32::from(at))).collect()
}

fn socket(ip: Ipv4Addr, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).expect("a loopback address");
    socket.connect(("127.0.0.1", port)).expect("the server's address");
    socket.set_nonblocking(true).expect("a socket");
    socket
}
