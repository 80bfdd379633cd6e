//! The connections of clients: accepted, found by their client, and closed when they are of no use.

use super::Adopted;
use super::stats::Stats;
use super::stream::{Over, Stream};
use crate::net::per_source::PerSource;
use coeur_media::turn::Client;
use coeur_sip::time::Monotonic;
use hashbrown::HashMap;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use slab::Slab;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Worst-case memory: some 80 kB each, if all of them leave all unread.
const STREAMS_MAX: usize = 4_096;
/// Connections of one address (IPv4 address or IPv6 /64); those of this host itself are not counted.
const STREAMS_OF_SOURCE_MAX: u32 = 200;
/// Accepted before others get their turn.
const ACCEPTS_MAX: usize = 16;
/// For the handshake of TLS and the first message.
const FIRST_TIME: Duration = Duration::from_secs(10);
/// Silence of a client without allocation.
const IDLE_TIME: Duration = Duration::from_secs(60);

pub(super) struct Streams {
    registry: Registry,
    first_token: usize,
    streams: Slab<Stream>,
    places: HashMap<Client, usize>,
    per_source: Arc<PerSource>,
    /// For tests.
    count_loopback: bool,
    stats: Arc<Stats>,
}

impl Streams {
    pub(super) fn new(registry: Registry, first_token: usize, stats: Arc<Stats>) -> Self {
        let (streams, places, per_source) = (Slab::new(), HashMap::new(), Arc::default());
        Self { registry, first_token, streams, places, per_source, count_loopback: false, stats }
    }

    /// Accepts some of those that wait; `true` when there may be more.
    pub(super) fn accept(
        &mut self,
        listener: &TcpListener,
        tls: &dyn Fn() -> Option<Option<Box<rustls::Connection>>>,
        now: Monotonic,
    ) -> bool {
        for _ in 0..ACCEPTS_MAX {
            match listener.accept() {
                Ok((socket, remote)) => self.accepted(socket, remote, tls, now),
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return false,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                // The peer went away before we looked.
                Err(why) if why.kind() == io::ErrorKind::ConnectionAborted => {}
                // No descriptor left: those who wait are taken at the next look.
                Err(_) => return false,
            }
        }
        true
    }

    fn accepted(
        &mut self,
        socket: TcpStream,
        remote: SocketAddr,
        tls: &dyn Fn() -> Option<Option<Box<rustls::Connection>>>,
        now: Monotonic,
    ) {
        let place = self.per_source.take(remote.ip(), STREAMS_OF_SOURCE_MAX, self.count_loopback);
        let (Some(place), Some(tls)) = (place, tls()) else { return self.stats.connections_refused.add(1) };
        let _ = self.insert(socket, tls, Some(place), now);
    }

    /// Takes over a connection; where it stands now.
    pub(super) fn adopt(&mut self, adopted: Adopted, now: Monotonic) -> Option<usize> {
        let socket = TcpStream::from_std(adopted.socket);
        let place = self.insert(socket, adopted.tls, adopted.place, now)?;
        match self.streams.get_mut(place)?.adopt(&adopted.read) {
            Ok(()) => Some(place),
            Err(Over) => {
                self.close(place);
                None
            }
        }
    }

    fn insert(
        &mut self,
        mut socket: TcpStream,
        tls: Option<Box<rustls::Connection>>,
        place: Option<crate::net::per_source::Place>,
        now: Monotonic,
    ) -> Option<usize> {
        let _ = socket.set_nodelay(true);
        let (Ok(local), Ok(remote)) = (socket.local_addr(), socket.peer_addr()) else { return None };
        if self.streams.len() >= STREAMS_MAX {
            self.stats.connections_refused.add(1);
            return None;
        }
        let entry = self.streams.vacant_entry();
        let key = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.registry.register(&mut socket, Token(self.first_token + key), interest).ok()?;
        let client = Client { local, remote, is_stream: true };
        entry.insert(Stream::new(socket, client, tls, place, now));
        self.places.insert(client, key);
        self.stats.connections.set(self.streams.len() as u64);
        Some(key)
    }

    pub(super) fn at(&mut self, place: usize) -> Option<&mut Stream> {
        self.streams.get_mut(place)
    }

    /// Queues a message for this client and writes what its socket takes; `false` when it does not get it.
    pub(super) fn send(&mut self, client: Client, message: &[u8]) -> bool {
        let Some(stream) = self.places.get(&client).and_then(|place| self.streams.get_mut(*place)) else {
            return false;
        };
        // One that is broken is closed when its end is read.
        stream.push(message) && stream.flush().is_ok()
    }

    /// Closes it; whose it was.
    pub(super) fn close(&mut self, place: usize) -> Option<Client> {
        let mut stream = self.streams.try_remove(place)?;
        let _ = self.registry.deregister(&mut stream.socket);
        if self.places.get(&stream.client) == Some(&place) {
            self.places.remove(&stream.client);
        }
        self.stats.connections.set(self.streams.len() as u64);
        Some(stream.client)
    }

    /// Those that have had enough time: `has_allocation` tells who may be silent for longer.
    pub(super) fn idle(&self, now: Monotonic, has_allocation: impl Fn(Client) -> bool) -> Vec<usize> {
        let is_idle = |stream: &Stream| {
            let time = if stream.has_spoken { IDLE_TIME } else { FIRST_TIME };
            (stream.active + time).is_due(now) && !has_allocation(stream.client)
        };
        self.streams.iter().filter(|(_, stream)| is_idle(stream)).map(|(place, _)| place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_so_many_connections_and_who_is_silent_gives_its_place_back() {
        let poll = mio::Poll::new().unwrap();
        let registry = poll.registry().try_clone().unwrap();
        let mut streams = Streams::new(registry, 1, Arc::default());
        streams.count_loopback = true;
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (plain, begin) = (|| Some(None), Monotonic::from_secs(1));
        let more = 3;
        let clients: Vec<_> = (0..STREAMS_OF_SOURCE_MAX as usize + more)
            .map(|_| {
                let client = std::net::TcpStream::connect(address).unwrap();
                assert!(!streams.accept(&listener, &plain, begin), "one waits, and no more");
                client
            })
            .collect();
        assert_eq!(streams.streams.len(), STREAMS_OF_SOURCE_MAX as usize);
        assert_eq!(streams.stats.connections_refused.value(), more as u64);
        // One has spoken, and one has an allocation.
        streams.at(0).unwrap().has_spoken = true;
        let kept = streams.at(1).unwrap().client;
        let has_allocation = |client| client == kept;
        let almost = begin + FIRST_TIME - Duration::from_millis(1);
        assert_eq!(streams.idle(almost, has_allocation), Vec::<usize>::new());
        let silent = streams.idle(begin + FIRST_TIME, has_allocation);
        assert_eq!(silent.len(), STREAMS_OF_SOURCE_MAX as usize - 2);
        for place in silent {
            streams.close(place);
        }
        assert_eq!(streams.idle(begin + IDLE_TIME, has_allocation), [0]);
        let _new = std::net::TcpStream::connect(address).unwrap();
        streams.accept(&listener, &plain, begin);
        assert_eq!((streams.streams.len(), streams.stats.connections.value()), (3, 3));
        drop(clients);
    }
}
