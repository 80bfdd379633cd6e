//! The connections of one shard: accepted, opened, read, written, watched and closed.

mod ending;

use crate::net::connection::{After, Connection, End, Peer, Phase};
use crate::net::limits::Limits;
use crate::net::origin::OriginCheck;
use crate::net::per_source::PerSource;
use crate::net::wheel::Wheel;
use crate::observe::offenders::{self, Kind};
use crate::shard::core::Core;
use crate::shard::handler::Handler;
use crate::shard::stats::{Count, Stats};
use crate::tls::Tls;
use crate::turn::Adopted;
use coeur_exchange::flow::{ConnectionId, Flow, ListenerId, ShardId};
use coeur_exchange::input::SendFailure;
use coeur_exchange::outbox::SendToken;
use coeur_sip::time::Monotonic;
use coeur_sip::transport::Transport;
use hashbrown::HashMap;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use slab::Slab;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Tokens from here on are connections.
pub const CONNECTIONS: usize = 1 << 16;
/// Bits of a serial that name the place in the slab; the others count, so that no serial returns.
const PLACE_BITS: u32 = 20;
/// Connections accepted from one listener before others get their turn.
const ACCEPTS_MAX: usize = 64;
/// One read takes at most this much (bytes); one buffer per shard.
const READ_BUFFER: usize = 64 << 10;
const SPARES_MAX: usize = 64;
/// Larger ones are given back to the system instead of being kept.
const SPARE_BYTES_MAX: usize = 16 << 10;

pub struct Acceptor {
    pub id: ListenerId,
    pub transport: Transport,
    pub socket: TcpListener,
}

/// Takes over a connection.
pub type Adopt = dyn Fn(Adopted) + Send + Sync;

/// What all shards share to open and accept connections.
#[derive(Clone)]
pub struct Shared {
    pub limits: Limits,
    pub tls: Option<Arc<Tls>>,
    pub per_source: Arc<PerSource>,
    pub origin: Arc<OriginCheck>,
    /// Takes connections that speak TURN.
    pub adopt: Arc<Adopt>,
    /// Turn of the timer wheel.
    pub tick: Duration,
}

pub struct Streams {
    shard: ShardId,
    registry: Registry,
    connections: Slab<Connection>,
    count: u64,
    pub wheel: Wheel,
    shared: Shared,
    stats: Arc<Stats>,
    pool: HashMap<Peer, ConnectionId>,
    buffer: Vec<u8>,
    scratch: Vec<u8>,
    spares: Vec<Vec<u8>>,
    dirty: Vec<ConnectionId>,
    again: Vec<ConnectionId>,
    due: Vec<(ConnectionId, u64)>,
    /// Close after the answers of this turn have been queued.
    leaving: Vec<(ConnectionId, End, Monotonic)>,
    /// What the exchange must hear of; taken by the shard.
    pub failures: Vec<(SendToken, SendFailure)>,
    pub closed: Vec<Flow>,
}

impl Streams {
    pub fn new(
        shard: ShardId,
        registry: Registry,
        shared: Shared,
        stats: Arc<Stats>,
        now: Monotonic,
    ) -> Self {
        Self {
            shard,
            registry,
            connections: Slab::new(),
            count: 0,
            wheel: Wheel::new(shared.tick, now),
            shared,
            stats,
            pool: HashMap::new(),
            buffer: vec![0; READ_BUFFER],
            scratch: Vec::new(),
            spares: Vec::new(),
            dirty: Vec::new(),
            again: Vec::new(),
            due: Vec::new(),
            leaving: Vec::new(),
            failures: Vec::new(),
            closed: Vec::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// True when some connection was left in the middle of reading.
    pub fn has_more(&self) -> bool {
        !self.again.is_empty()
    }

    /// Accepts what waits; `true` when there may be more.
    pub fn accept(&mut self, acceptor: &Acceptor, now: Monotonic) -> bool {
        for _ in 0..ACCEPTS_MAX {
            match acceptor.socket.accept() {
                Ok((socket, remote)) => self.accepted(acceptor, socket, remote, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The peer went away before we looked.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => {
                    // No descriptor left: those who wait are taken when the wheel turns.
                    self.stats.accept_errors.add(1);
                    return true;
                }
            }
        }
        true
    }

    fn accepted(&mut self, acceptor: &Acceptor, socket: TcpStream, remote: SocketAddr, now: Monotonic) {
        if self.connections.len() >= self.shared.limits.connections_max {
            self.stats.connections_refused_full.add(1);
            return;
        }
        let limits = &self.shared.limits;
        let (max, count_loopback) = (limits.connections_per_source_max, limits.count_loopback);
        let Some(place) = self.shared.per_source.take(remote.ip(), max, count_loopback) else {
            self.stats.connections_refused_source.add(1);
            offenders::note(Kind::Connections, remote.ip());
            return;
        };
        let web = matches!(acceptor.transport, Transport::Ws | Transport::Wss);
        let tls = match (acceptor.transport.is_secure(), &self.shared.tls) {
            (false, _) => None,
            (true, Some(tls)) => match tls.accept(web) {
                Ok(mut tls) => {
                    tls.set_buffer_limit(Some(self.shared.limits.write_bytes_max));
                    Some(Box::new(rustls::Connection::Server(tls)))
                }
                Err(_) => return,
            },
            (true, None) => return,
        };
        let phase = if web || tls.is_some() { Phase::Handshake } else { Phase::Fresh };
        let Some(id) = self.insert(acceptor.id, acceptor.transport, socket, remote, phase, now) else {
            return;
        };
        self.stats.connections_accepted.add(1);
        if let Some(connection) = self.find(id) {
            connection.tls = tls;
            connection.web = web.then(Box::default);
            connection.place = Some(place);
        }
        self.schedule(id);
    }

    fn insert(
        &mut self,
        listener: ListenerId,
        transport: Transport,
        mut socket: TcpStream,
        remote: SocketAddr,
        phase: Phase,
        now: Monotonic,
    ) -> Option<ConnectionId> {
        let _ = socket.set_nodelay(true);
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        if key >= 1 << PLACE_BITS {
            return None;
        }
        self.registry
            .register(&mut socket, Token(CONNECTIONS + key), Interest::READABLE | Interest::WRITABLE)
            .ok()?;
        self.count += 1;
        let id = ConnectionId::new(self.shard, self.count << PLACE_BITS | key as u64);
        let flow = Flow { transport, listener, connection: id, remote };
        entry.insert(Connection::new(id, flow, socket, phase, now));
        self.open_of(transport).add(1);
        Some(id)
    }

    /// The gauge of connections over this transport.
    fn open_of(&self, transport: Transport) -> &Count {
        match transport {
            Transport::Tls => &self.stats.connections_tls,
            Transport::Ws => &self.stats.connections_ws,
            Transport::Wss => &self.stats.connections_wss,
            // The others have no connections.
            Transport::Tcp | Transport::Udp | Transport::Sctp | Transport::TlsSctp | Transport::Other => {
                &self.stats.connections_tcp
            }
        }
    }

    fn find(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(place(id)).filter(|connection| connection.id == id)
    }

    /// The socket of this token can be read, written or both.
    pub fn ready<H: Handler>(&mut self, token: Token, read_closed: bool, writable: bool, core: &mut Core<H>) {
        let Some(connection) = self.connections.get_mut(token.0 - CONNECTIONS) else { return };
        let id = connection.id;
        if connection.phase == Phase::Connecting {
            if !writable {
                return;
            }
            if let Err(end) = opened(connection, core.now.monotonic) {
                return self.end(id, end);
            }
            self.stats.connections_opened.add(1);
            if self.connections[place(id)].is_ready() {
                self.connections[place(id)].waiting = Vec::new();
            }
            self.mark(id);
        }
        if writable {
            self.mark(id);
        }
        self.read(id, read_closed, core);
    }

    /// Goes on with connections that had more to read than their turn allowed.
    pub fn read_more<H: Handler>(&mut self, core: &mut Core<H>) {
        for id in std::mem::take(&mut self.again) {
            if let Some(connection) = self.find(id) {
                connection.again = false;
                self.read(id, true, core);
            }
        }
    }

    fn read<H: Handler>(&mut self, id: ConnectionId, read_closed: bool, core: &mut Core<H>) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let origin = self.shared.origin.clone();
        let Some(connection) = self.find(id) else {
            self.buffer = buffer;
            return;
        };
        let after = connection.read(&mut buffer, read_closed, &*origin, core);
        let (dirty, again) = (std::mem::take(&mut connection.dirty), connection.again);
        if after == After::Again && !again {
            connection.again = true;
            self.again.push(id);
        }
        self.buffer = buffer;
        if dirty {
            self.mark(id);
        }
        match after {
            After::Keep | After::Again => self.schedule(id),
            After::End(End::Turn) => self.hand_over(id),
            After::End(end) if end.has_last_words() => self.leaving.push((id, end, core.now.monotonic)),
            After::End(end) => self.end(id, end),
        }
    }

    /// Queues a message on an open connection.
    pub fn send(
        &mut self,
        id: ConnectionId,
        message: &[u8],
        token: Option<SendToken>,
    ) -> Result<(), SendFailure> {
        let limits = self.shared.limits;
        let mut scratch = std::mem::take(&mut self.scratch);
        let spare = self.spares.pop();
        let Some(connection) = self.find(id) else {
            self.scratch = scratch;
            self.spares.extend(spare);
            return Err(SendFailure::FlowClosed);
        };
        if connection.phase == Phase::Closing {
            self.scratch = scratch;
            self.spares.extend(spare);
            return Err(SendFailure::FlowClosed);
        }
        let mut unused = spare;
        if connection.tls.is_none() && connection.out.capacity() == 0 {
            connection.out = unused.take().unwrap_or_default();
        }
        let was_dirty = std::mem::take(&mut connection.dirty);
        let written = connection.write(message, &limits, &mut scratch);
        connection.dirty = was_dirty;
        let waits = match token {
            Some(token) if !connection.is_ready() => connection.wait(token),
            _ => true,
        };
        self.scratch = scratch;
        self.spares.extend(unused);
        match written {
            Ok(()) if waits => {
                self.stats.stream_messages_sent.add(1);
                self.mark(id);
                Ok(())
            }
            Ok(()) => Err(SendFailure::Congested),
            Err(end) => {
                self.end(id, end);
                Err(SendFailure::Congested)
            }
        }
    }

    /// Queues a message on a connection to this peer, opening one when there is none.
    pub fn send_to(
        &mut self,
        peer: Peer,
        listener: ListenerId,
        message: &[u8],
        token: Option<SendToken>,
        now: Monotonic,
    ) -> Result<(), SendFailure> {
        let id = match self.pool.get(&peer) {
            Some(id) => *id,
            None => self.open(peer, listener, now)?,
        };
        self.send(id, message, token)
    }

    fn open(
        &mut self,
        peer: Peer,
        listener: ListenerId,
        now: Monotonic,
    ) -> Result<ConnectionId, SendFailure> {
        // A browser is reached over the connection it opened, never by a new one (RFC 7118 section 3).
        if matches!(peer.transport, Transport::Ws | Transport::Wss) {
            return Err(SendFailure::Unreachable);
        }
        if self.connections.len() >= self.shared.limits.connections_max {
            return Err(SendFailure::Congested);
        }
        let tls = match (peer.transport.is_secure(), &self.shared.tls) {
            (false, _) => None,
            (true, None) => return Err(SendFailure::Untrusted),
            (true, Some(tls)) => {
                let mut tls = tls
                    .connect(peer.host.as_deref(), peer.address.ip())
                    .map_err(|_| SendFailure::Untrusted)?;
                tls.set_buffer_limit(Some(self.shared.limits.write_bytes_max));
                Some(Box::new(rustls::Connection::Client(tls)))
            }
        };
        let socket = TcpStream::connect(peer.address).map_err(|_| SendFailure::Unreachable)?;
        let id = self
            .insert(listener, peer.transport, socket, peer.address, Phase::Connecting, now)
            .ok_or(SendFailure::Congested)?;
        if let Some(connection) = self.find(id) {
            connection.tls = tls;
            connection.peer = Some(peer.clone());
        }
        self.pool.insert(peer, id);
        self.schedule(id);
        Ok(id)
    }

    /// Somebody has registered over this connection.
    pub fn registered(&mut self, id: ConnectionId) {
        if let Some(connection) = self.find(id) {
            connection.registered = true;
        }
    }

    fn mark(&mut self, id: ConnectionId) {
        if let Some(connection) = self.find(id)
            && !std::mem::replace(&mut connection.dirty, true)
        {
            self.dirty.push(id);
        }
    }

    /// Writes everything that was queued in this turn.
    pub fn flush(&mut self) {
        for (id, end, now) in std::mem::take(&mut self.leaving) {
            self.leave(id, end, now);
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            let Some(connection) = self.find(id) else { continue };
            let flushed = connection.flush();
            let done = !connection.owes();
            if done && connection.out.capacity() > 0 {
                let out = std::mem::take(&mut connection.out);
                if self.spares.len() < SPARES_MAX && out.capacity() <= SPARE_BYTES_MAX {
                    self.spares.push(out);
                }
            }
            let Some(connection) = self.find(id) else { continue };
            match flushed {
                Err(_) => self.end(id, End::Peer),
                Ok(()) if done && connection.phase == Phase::Closing => {
                    // The peer closes when it has read; the deadline closes if it does not.
                    let _ = connection.socket.shutdown(Shutdown::Write);
                }
                Ok(()) => {}
            }
        }
        self.dirty = dirty;
    }

    fn schedule(&mut self, id: ConnectionId) {
        let limits = self.shared.limits;
        let Some(connection) = self.connections.get_mut(place(id)).filter(|connection| connection.id == id)
        else {
            return;
        };
        connection.scheduled = self.wheel.set(id, connection.deadline(&limits), connection.scheduled);
    }

    /// True while some connection owes bytes to its peer.
    pub fn owes(&self) -> bool {
        self.connections.iter().any(|(_, connection)| connection.owes())
    }
}

fn place(id: ConnectionId) -> usize {
    (id.0 & ((1 << PLACE_BITS) - 1)) as usize
}

/// Our own connect has finished, well or not.
fn opened(connection: &mut Connection, now: Monotonic) -> Result<(), End> {
    if !matches!(connection.socket.take_error(), Ok(None)) || connection.socket.peer_addr().is_err() {
        return Err(End::Unreachable);
    }
    let phase = if connection.tls.is_some() { Phase::Handshake } else { Phase::Open };
    connection.enter(phase, now);
    connection.active = now;
    Ok(())
}
