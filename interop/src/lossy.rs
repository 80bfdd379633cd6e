//! A bad line in front of the server: a relay of datagrams that loses some, by a seeded pattern, in both directions. It
//! forwards a port as a router does: the server advertises the relay's address and sees each phone at an address of the
//! relay's own.

use coeur_sim::chance::Chance;
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub struct Lossy {
    lost: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How often the threads look whether they are to stop.
const LOOK: Duration = Duration::from_millis(50);

impl Lossy {
    /// Loses `per_mille` of what passes between `127.0.0.1:port`, which phones use, and `127.0.0.1:server_port`.
    pub fn start(port: u16, server_port: u16, per_mille: u32, seed: u64) -> Self {
        let (lost, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut line = Line {
            phones: socket(port),
            per_mille,
            chance: Chance::new(seed),
            lost: lost.clone(),
            stop: stop.clone(),
        };
        let thread = Some(std::thread::spawn(move || line.up(server_port, seed)));
        Self { lost, stop, thread }
    }

    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn socket(port: u16) -> UdpSocket {
    let socket = UdpSocket::bind(("127.0.0.1", port)).expect("a free port");
    socket.set_read_timeout(Some(LOOK)).expect("a socket that waits");
    socket
}

/// One direction: of all phones towards the server, or back to one of them.
struct Line {
    phones: UdpSocket,
    per_mille: u32,
    chance: Chance,
    lost: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Line {
    fn up(&mut self, server_port: u16, seed: u64) {
        let mut outer_by_phone: BTreeMap<SocketAddr, UdpSocket> = BTreeMap::new();
        let mut backs = Vec::new();
        let mut buffer = vec![0; 65_536];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((length, phone)) = self.phones.recv_from(&mut buffer) else { continue };
            let known = outer_by_phone.len() as u64;
            let outer = outer_by_phone.entry(phone).or_insert_with(|| {
                let outer = socket(0);
                outer.connect(("127.0.0.1", server_port)).expect("a loopback address");
                let mut back = self.back(seed + 1 + known);
                let from = outer.try_clone().expect("a descriptor");
                backs.push(std::thread::spawn(move || back.down(&from, phone)));
                outer
            });
            if !self.loses() {
                // A server that is restarting refuses for a moment: that too is loss.
                let _ = outer.send(&buffer[..length]);
            }
        }
        for back in backs {
            let _ = back.join();
        }
    }

    fn back(&self, seed: u64) -> Line {
        Line {
            phones: self.phones.try_clone().expect("a descriptor"),
            per_mille: self.per_mille,
            chance: Chance::new(seed),
            lost: self.lost.clone(),
            stop: self.stop.clone(),
        }
    }

    fn down(&mut self, outer: &UdpSocket, phone: SocketAddr) {
        let mut buffer = vec![0; 65_536];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok(length) = outer.recv(&mut buffer) else { continue };
            if !self.loses() {
                let _ = self.phones.send_to(&buffer[..length], phone);
            }
        }
    }

    fn loses(&mut self) -> bool {
        let lost = self.chance.happens(self.per_mille);
        self.lost.fetch_add(u64::from(lost), Ordering::Relaxed);
        lost
    }
}
