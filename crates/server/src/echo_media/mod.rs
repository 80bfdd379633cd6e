//! The echo service's RTP: a port that sends back what its one peer sends, and nothing to anybody else.
//!
//! The peer is the address its SDP named, or, for a phone behind NAT, the first source that has the IP address the
//! call was signalled from. Once a packet has come from it, the port belongs to that source (RFC 4961 symmetric RTP);
//! others are counted and dropped, so the port can neither reflect nor be taken over.

mod port;

use crate::house::deaths::Deaths;
use crate::shard::{Inbox, Notice};
use coeur_exchange::flow::ShardId;
use coeur_exchange::input::MediaEvent;
use coeur_exchange::outbox::{MediaCommand, MediaId};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Where ports are opened; a wildcard takes the address this machine reaches the peer from.
    pub local: IpAddr,
    /// What the SDP answer names instead of the local address.
    pub advertise: Option<IpAddr>,
    /// Even ones are used for RTP (RFC 3550 section 11).
    pub ports: RangeInclusive<u16>,
    /// Calls at once. Worst-case memory: about 4 kB each.
    pub ports_max: usize,
    /// Silence after which the port closes.
    pub idle: Duration,
}

#[derive(Debug, Default)]
pub struct Stats {
    pub packets_in: AtomicU64,
    pub packets_out: AtomicU64,
    /// From somebody who is not the peer.
    pub packets_refused: AtomicU64,
    pub ports_opened: AtomicU64,
    pub ports_refused: AtomicU64,
}

/// All echo ports of this process.
pub struct EchoMedia {
    settings: Settings,
    runtime: Handle,
    deaths: Arc<Deaths>,
    inboxes: Arc<[Arc<Inbox>]>,
    open: Mutex<Open>,
    stats: Arc<Stats>,
}

#[derive(Default)]
struct Open {
    stop_by_port: HashMap<(ShardId, u64), Arc<Notify>>,
    /// Where the search for a free port goes on, so that a port rests before it is used again.
    next: u32,
}

impl EchoMedia {
    pub fn new(
        settings: Settings,
        runtime: Handle,
        deaths: Arc<Deaths>,
        inboxes: Arc<[Arc<Inbox>]>,
    ) -> Arc<Self> {
        Arc::new(Self { settings, runtime, deaths, inboxes, open: Mutex::default(), stats: Arc::default() })
    }

    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Ports that are open now.
    pub fn ports(&self) -> usize {
        self.open.lock().stop_by_port.len()
    }

    pub fn handle(self: &Arc<Self>, shard: ShardId, command: MediaCommand) {
        match command {
            MediaCommand::OpenEcho { id, peer, signalled_from } => self.open(shard, id, peer, signalled_from),
            MediaCommand::CloseEcho { id } => {
                if let Some(stop) = self.open.lock().stop_by_port.get(&(shard, id.0)) {
                    stop.notify_one();
                }
            }
            // No worker relays the media of calls yet: whoever asks hears so at once.
            MediaCommand::Open { id, .. } | MediaCommand::Restore { id, .. } => {
                self.tell(shard, MediaEvent::OpenFailed { id });
            }
            MediaCommand::Describe { .. }
            | MediaCommand::Connect { .. }
            | MediaCommand::Disconnect { .. }
            | MediaCommand::Close { .. }
            | MediaCommand::Report { .. }
            | MediaCommand::Keep { .. } => {}
        }
    }

    fn open(self: &Arc<Self>, shard: ShardId, id: MediaId, peer: SocketAddr, signalled_from: IpAddr) {
        let Some((socket, address)) = self.socket(peer) else {
            self.stats.ports_refused.fetch_add(1, Ordering::Relaxed);
            return self.tell(shard, MediaEvent::EchoFailed { id });
        };
        self.stats.ports_opened.fetch_add(1, Ordering::Relaxed);
        let stop = Arc::new(Notify::new());
        self.open.lock().stop_by_port.insert((shard, id.0), stop.clone());
        self.tell(shard, MediaEvent::EchoOpened { id, address });
        let (own, idle, stats) = (self.clone(), self.settings.idle, self.stats.clone());
        self.deaths.spawn_task(&self.runtime, "an echo port", async move {
            port::echo(socket, port::Lock::new(peer, signalled_from), idle, &stop, &stats).await;
            own.open.lock().stop_by_port.remove(&(shard, id.0));
            own.tell(shard, MediaEvent::EchoEnded { id });
        });
    }

    /// A free even port, and the address that the peer is told.
    fn socket(&self, peer: SocketAddr) -> Option<(StdSocket, SocketAddr)> {
        let mut open = self.open.lock();
        if open.stop_by_port.len() >= self.settings.ports_max {
            return None;
        }
        let first = u32::from(*self.settings.ports.start()).next_multiple_of(2);
        let last = u32::from(*self.settings.ports.end());
        let count = (last + 1).checked_sub(first)?.div_ceil(2);
        let local = match self.settings.local {
            ip if ip.is_unspecified() || ip.is_ipv4() != peer.is_ipv4() => towards(peer)?,
            ip => ip,
        };
        for _ in 0..count {
            let port = first + 2 * (open.next % count);
            open.next = open.next.wrapping_add(1);
            let Ok(socket) = StdSocket::bind((local, port as u16)) else { continue };
            socket.set_nonblocking(true).ok()?;
            let shown = self.settings.advertise.filter(|ip| ip.is_ipv4() == peer.is_ipv4()).unwrap_or(local);
            return Some((socket, SocketAddr::new(shown, port as u16)));
        }
        None
    }

    fn tell(&self, shard: ShardId, event: MediaEvent) {
        if let Some(inbox) = self.inboxes.get(shard.0 as usize) {
            // A full inbox loses the event: the call then ends by its own timers.
            let _ = inbox.tell(Notice::Media(event));
        }
    }
}

/// The local address from which this machine reaches the peer.
fn towards(peer: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if peer.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
    let socket = StdSocket::bind((any, 0)).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_even_bounded_in_number_and_given_back() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let inboxes = crate::shard::Prepared::new(1).unwrap().inboxes;
        let settings = Settings {
            local: [127, 0, 0, 1].into(),
            advertise: None,
            ports: 42_001..=42_401,
            ports_max: 2,
            idle: Duration::from_secs(60),
        };
        let echo = EchoMedia::new(settings, runtime.handle().clone(), Arc::default(), inboxes.clone());
        let peer = StdSocket::bind("127.0.0.1:0").unwrap();
        let address = peer.local_addr().unwrap();
        let open = |id| {
            let id = MediaId(id);
            echo.handle(
                ShardId(0),
                MediaCommand::OpenEcho { id, peer: address, signalled_from: address.ip() },
            );
        };
        (1..=3).for_each(open);
        assert_eq!(echo.stats().ports_opened.load(Ordering::Relaxed), 2);
        assert_eq!(echo.stats().ports_refused.load(Ordering::Relaxed), 1);
        echo.handle(ShardId(0), MediaCommand::CloseEcho { id: MediaId(1) });
        let start = std::time::Instant::now();
        while echo.open.lock().stop_by_port.len() > 1 {
            assert!(start.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(2));
        }
        open(4);
        let mut notices = Vec::new();
        inboxes[0].take(&mut notices);
        let opened: Vec<u16> = notices
            .iter()
            .filter_map(|notice| match notice {
                Notice::Media(MediaEvent::EchoOpened { address, .. }) => Some(address.port()),
                _ => None,
            })
            .collect();
        assert_eq!(opened.len(), 3);
        assert!(opened.iter().all(|port| port % 2 == 0 && (42_002..=42_400).contains(port)));
    }
}
