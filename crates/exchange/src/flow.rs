//! Where a message came from and where one can be sent: plain data, valid across threads, never a socket.

use coeur_sip::transport::Transport;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// One worker of the server; owns one [`crate::Exchange`]. At most 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u8);

/// Index into [`crate::world::World::listeners`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u16);

/// A connection of this process: the shard that owns its socket in the top 8 bits, then a serial that is never
/// used twice in a process. Zero means "no connection" (UDP).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    pub const NONE: Self = Self(0);
    /// One of a process that has ended: it is no connection of this one, and was one.
    pub const GONE: Self = Self(u64::MAX - 1);

    pub fn new(shard: ShardId, serial: u64) -> Self {
        debug_assert!(serial != 0 && serial < 1 << 56);
        Self((shard.0 as u64) << 56 | serial)
    }

    pub fn shard(self) -> ShardId {
        ShardId((self.0 >> 56) as u8)
    }

    /// See [`Flow::inside`].
    const fn inside(shard: ShardId) -> Self {
        Self((shard.0 as u64) << 56 | INSIDE_SERIAL)
    }
}

/// No connection gets as far.
const INSIDE_SERIAL: u64 = (1 << 56) - 1;
/// Where the other end of a flow inside of the process is: media for it stays on this machine, and its ports are never
/// advertised. Of loopback, and an address that nobody else has.
pub const INSIDE: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 254);

/// A bidirectional path to one remote address (RFC 5626 section 2): for UDP the listener and the remote address,
/// for everything else the connection. An answer sent on a flow leaves from the socket that received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    pub transport: Transport,
    pub listener: ListenerId,
    pub connection: ConnectionId,
    pub remote: SocketAddr,
}

impl Flow {
    /// To another shard of this process, through its inbox, or from there (decision 0032). Nothing that comes from a
    /// network has such a flow, so it is a proof of itself; what is said over it leaves the process nowhere, which counts
    /// as TLS.
    pub const fn inside(shard: ShardId) -> Self {
        let remote = SocketAddr::new(IpAddr::V4(INSIDE), 0);
        // The first listener is always there, for our Via and Contact.
        let listener = ListenerId(0);
        Self { transport: Transport::Tls, listener, connection: ConnectionId::inside(shard), remote }
    }

    pub const fn is_inside(&self) -> bool {
        self.connection.0 & INSIDE_SERIAL == INSIDE_SERIAL
    }
}

/// Where a message is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hop {
    /// Over this flow and no other.
    Flow(Flow),
    /// To this address: over UDP from this listener, else over a connection that is open to this address for this host
    /// name (RFC 5923), else over a new one. What comes back on a new connection is as if it had come to this listener,
    /// which our Via names. `host` is what a TLS certificate must prove (RFC 5922).
    Address { transport: Transport, listener: ListenerId, address: SocketAddr, host: Option<Box<str>> },
}
