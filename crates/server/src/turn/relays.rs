//! Relayed addresses: a port of the range of media for each allocation.

use super::Relayed;
use super::slots::Slots;
use crate::media::{Lease, Ports, bind_port};
use coeur_media::turn::{AllocationId, Family};
use hashbrown::HashMap;
use mio::net::UdpSocket;
use slab::Slab;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

/// Ports tried, when others of this machine hold some of the range.
const TRIES_MAX: usize = 64;

pub(super) struct Relays {
    registry: mio::Registry,
    /// Token of the first place.
    first_token: usize,
    ports: Arc<Ports>,
    range: RangeInclusive<u16>,
    relayed: Vec<Relayed>,
    relays: Slab<Relay>,
    places: HashMap<AllocationId, usize>,
}

struct Relay {
    allocation: AllocationId,
    socket: UdpSocket,
    /// Begins to rest when dropped, after the socket.
    _lease: Lease,
}

impl Relays {
    pub(super) fn new(
        registry: mio::Registry,
        first_token: usize,
        ports: Arc<Ports>,
        range: RangeInclusive<u16>,
        relayed: Vec<Relayed>,
    ) -> Self {
        let (relays, places) = (Slab::new(), HashMap::new());
        Self { registry, first_token, ports, range, relayed, relays, places }
    }

    /// The address that peers see; every port is even, so one that must be is no other.
    pub(super) fn open(&mut self, allocation: AllocationId, family: Family) -> Option<SocketAddr> {
        let relayed =
            *self.relayed.iter().find(|relayed| relayed.local.is_ipv4() == (family == Family::V4))?;
        match self.bind(allocation, relayed.local) {
            Ok(port) => Some(SocketAddr::new(relayed.shown, port)),
            Err(why) => {
                tracing::warn!(%why, "no port for an allocation of TURN");
                None
            }
        }
    }

    fn bind(&mut self, allocation: AllocationId, ip: IpAddr) -> io::Result<u16> {
        for _ in 0..TRIES_MAX {
            let lease = self.ports.lease(Instant::now()).ok_or(io::ErrorKind::AddrNotAvailable)?;
            let port = lease.even();
            let socket = match bind_port(ip, port) {
                Ok(socket) => socket,
                // Another program of this machine has it.
                Err(why) if why.kind() == io::ErrorKind::AddrInUse => continue,
                Err(why) => return Err(why),
            };
            let mut socket = UdpSocket::from_std(socket);
            let entry = self.relays.vacant_entry();
            let place = entry.key();
            let token = mio::Token(self.first_token + place);
            self.registry.register(&mut socket, token, mio::Interest::READABLE)?;
            entry.insert(Relay { allocation, socket, _lease: lease });
            self.places.insert(allocation, place);
            return Ok(port);
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    pub(super) fn close(&mut self, allocation: AllocationId) {
        if let Some(place) = self.places.remove(&allocation) {
            let mut relay = self.relays.remove(place);
            let _ = self.registry.deregister(&mut relay.socket);
        }
    }

    /// True when the kernel took it.
    pub(super) fn send(&self, allocation: AllocationId, to: SocketAddr, data: &[u8]) -> bool {
        let Some(relay) = self.places.get(&allocation).and_then(|place| self.relays.get(*place)) else {
            return false;
        };
        relay.socket.send_to(data, self.at_home(to)).is_ok()
    }

    /// How many datagrams have come there, and for which allocation.
    pub(super) fn receive(&self, place: usize, slots: &mut Slots) -> Option<(AllocationId, usize)> {
        let relay = self.relays.get(place)?;
        // An error is word of something sent before (ICMP); the next receive goes on.
        Some((relay.allocation, slots.receive(&relay.socket).unwrap_or(0)))
    }

    /// Our own media is known to others under another address where this host is behind a translation one to one; from
    /// here it is reached at home, since few such routers send back what comes from inside.
    fn at_home(&self, to: SocketAddr) -> SocketAddr {
        let own = self.relayed.iter().find(|relayed| relayed.shown == to.ip().to_canonical());
        own.filter(|_| self.range.contains(&to.port()))
            .map_or(to, |relayed| SocketAddr::new(relayed.local, to.port()))
    }

    /// The same for what comes from there: the client has asked for the address that it knows.
    pub(super) fn as_known(&self, from: SocketAddr) -> SocketAddr {
        let own = self.relayed.iter().find(|relayed| relayed.local == from.ip().to_canonical());
        own.filter(|_| self.range.contains(&from.port()))
            .map_or(from, |relayed| SocketAddr::new(relayed.shown, from.port()))
    }
}
