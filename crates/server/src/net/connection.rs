//! One connection: socket, encryption, WebSocket, framing, and what it owes its peer.

use super::limits::Limits;
use super::origin::OriginCheck;
use super::per_source::Place;
use super::web_socket::{self, Closed, WebSocket};
use crate::observe::offenders::{self, Kind};
use crate::shard::core::Core;
use crate::shard::handler::Handler;
use crate::tls::Failure;
use coeur_exchange::flow::{ConnectionId, Flow};
use coeur_exchange::outbox::SendToken;
use coeur_sip::stream::{Frame, Framer};
use coeur_sip::time::Monotonic;
use coeur_sip::transport::Transport;
use mio::net::TcpStream;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

/// Reads of one connection before others get their turn.
const READS_MAX: usize = 4;
/// Bytes of answers to keep-alives and pings that a peer may leave unread, besides messages.
const PONGS_BYTES_MAX: usize = 512 << 10;
/// Messages that may wait for a connection to open.
const WAITING_MAX: usize = 64;

/// What an outgoing connection is reused for (RFC 5923): the same address, and over TLS only the host name that its
/// certificate has proved (RFC 5922), so that two domains on one address never share a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    pub transport: Transport,
    pub address: SocketAddr,
    pub host: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Our own TCP connect is under way.
    Connecting,
    /// TLS or the WebSocket opening is under way.
    Handshake,
    /// Open, no message yet.
    Fresh,
    Open,
    /// Nothing more is read; closes when what is owed has left, or at the handshake limit.
    Closing,
}

/// Why a connection ended; each is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Peer,
    /// The peer has said goodbye and our answer must still leave.
    Goodbye,
    Asked,
    Unreachable,
    /// The handshake of TLS failed.
    Tls(Failure),
    /// TLS broke after its handshake.
    Broken,
    WebSocket,
    /// It has shown a ticket that is good for nothing.
    Ticket,
    Origin,
    Framing,
    SlowReader,
    /// It speaks TURN: it goes to those who do.
    Turn,
    Deadline(Phase, bool),
}

impl End {
    /// What was answered in the same turn must still leave, so the connection closes after the flush.
    pub fn has_last_words(self) -> bool {
        match self {
            End::Goodbye
            | End::Tls(_)
            | End::Broken
            | End::WebSocket
            | End::Ticket
            | End::Origin
            | End::Framing => true,
            End::Peer | End::Asked | End::Unreachable | End::SlowReader | End::Turn | End::Deadline(..) => {
                false
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Keep,
    /// There is more to read; others first.
    Again,
    End(End),
}

pub struct Connection {
    pub id: ConnectionId,
    pub flow: Flow,
    pub socket: TcpStream,
    pub tls: Option<Box<rustls::Connection>>,
    pub web: Option<Box<WebSocket>>,
    framer: Framer,
    /// Bytes the socket has not taken yet, of a connection without TLS.
    pub out: Vec<u8>,
    pub phase: Phase,
    /// When the phase began.
    pub since: Monotonic,
    /// When the first byte of an unfinished message came.
    message_since: Monotonic,
    pub active: Monotonic,
    pub registered: bool,
    pub dirty: bool,
    pub again: bool,
    /// Tick of the wheel that looks at this connection.
    pub scheduled: u64,
    pub peer: Option<Peer>,
    /// Who asked for a message that has not left yet, while connecting.
    pub waiting: Vec<SendToken>,
    pub place: Option<Place>,
    /// What a client of TURN has said first.
    pub turn: Vec<u8>,
}

impl Connection {
    pub fn new(id: ConnectionId, flow: Flow, socket: TcpStream, phase: Phase, now: Monotonic) -> Self {
        Self {
            id,
            flow,
            socket,
            tls: None,
            web: None,
            framer: Framer::default(),
            out: Vec::new(),
            phase,
            since: now,
            message_since: Monotonic::NEVER,
            active: now,
            registered: false,
            dirty: false,
            again: false,
            scheduled: u64::MAX,
            peer: None,
            waiting: Vec::new(),
            place: None,
            turn: Vec::new(),
        }
    }

    pub fn enter(&mut self, phase: Phase, now: Monotonic) {
        self.phase = phase;
        self.since = now;
    }

    /// When this connection has had enough time.
    pub fn deadline(&self, limits: &Limits) -> Monotonic {
        match self.phase {
            Phase::Connecting | Phase::Handshake | Phase::Closing => self.since + limits.handshake,
            Phase::Fresh if self.peer.is_none() => {
                (self.since + limits.first_request).min(self.message_deadline(limits))
            }
            Phase::Fresh | Phase::Open if self.is_in_message() => self.message_deadline(limits),
            Phase::Fresh | Phase::Open if self.registered => self.active + limits.idle_registered,
            Phase::Fresh | Phase::Open => self.active + limits.idle,
        }
    }

    fn message_deadline(&self, limits: &Limits) -> Monotonic {
        if !self.is_in_message() {
            return Monotonic::NEVER;
        }
        let pending = self.web.as_ref().map_or(self.framer.pending(), |web| web.pending());
        self.message_since + limits.message_time(pending)
    }

    pub fn is_in_message(&self) -> bool {
        self.message_since != Monotonic::NEVER
    }

    /// Reads what has come and hands every message to the handler.
    pub fn read<H: Handler>(
        &mut self,
        buffer: &mut [u8],
        read_closed: bool,
        origin: &OriginCheck,
        core: &mut Core<H>,
    ) -> After {
        for _ in 0..READS_MAX {
            let length = match self.socket.read(buffer) {
                Ok(0) => return After::End(End::Peer),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return After::Keep,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return After::End(End::Peer),
            };
            // While closing, what comes is read and forgotten, so that our last words are not cut off by a reset.
            if self.phase != Phase::Closing
                && let Err(end) = self.take(buffer, length, origin, core)
            {
                return After::End(end);
            }
            // A stream that gave less than was asked for is empty: its next byte is a new event.
            if length < buffer.len() && !read_closed {
                return After::Keep;
            }
        }
        After::Again
    }

    fn take<H: Handler>(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        origin: &OriginCheck,
        core: &mut Core<H>,
    ) -> Result<(), End> {
        let Some(mut tls) = self.tls.take() else { return self.plain(&buffer[..length], origin, core) };
        let result = self.decrypt(&mut tls, &mut buffer[..length], origin, core);
        self.tls = Some(tls);
        self.dirty |= self.tls.as_ref().is_some_and(|tls| tls.wants_write());
        result
    }

    fn decrypt<H: Handler>(
        &mut self,
        tls: &mut rustls::Connection,
        buffer: &mut [u8],
        origin: &OriginCheck,
        core: &mut Core<H>,
    ) -> Result<(), End> {
        let mut encrypted: &[u8] = buffer;
        let mut plain = [0u8; 4_096];
        while !encrypted.is_empty() {
            let shaking = tls.is_handshaking();
            let broken = |failure| if shaking { End::Tls(failure) } else { End::Broken };
            if tls.read_tls(&mut encrypted).is_err() {
                return Err(broken(Failure::Other));
            }
            let state = tls.process_new_packets().map_err(|error| broken(Failure::of(&error)))?;
            if shaking && !tls.is_handshaking() {
                core.stats.handshakes_tls.add(1);
                if self.web.is_none() {
                    self.enter(Phase::Fresh, core.now.monotonic);
                    self.waiting = Vec::new();
                }
            }
            let mut left = state.plaintext_bytes_to_read();
            while left > 0 {
                let Ok(length @ 1..) = tls.reader().read(&mut plain) else { break };
                left -= length.min(left);
                if self.speaks_turn(plain[0]) {
                    self.turn.extend_from_slice(&plain[..length]);
                    continue;
                }
                self.answers_into(tls, |connection, out| {
                    connection.feed(&plain[..length], origin, core, out)
                })?;
            }
            if state.peer_has_closed() {
                return Err(End::Peer);
            }
        }
        if self.turn.is_empty() { Ok(()) } else { Err(End::Turn) }
    }

    /// A client of TURN over TLS comes here from networks that let nothing out but this port. Neither SIP nor the opening of a
    /// WebSocket begins with the two zero bits of STUN (RFC 8489 section 5). RFC 7443 gives such a client a name in the
    /// handshake, which browsers do not use, so the first byte alone decides.
    fn speaks_turn(&self, first: u8) -> bool {
        let is_first = match self.web {
            Some(_) => self.phase == Phase::Handshake,
            None => self.phase == Phase::Fresh,
        };
        !self.turn.is_empty() || (is_first && first <= 3 && self.peer.is_none() && !self.is_in_message())
    }

    /// Runs `f` with a buffer for immediate answers and encrypts what it wrote.
    fn answers_into(
        &mut self,
        tls: &mut rustls::Connection,
        f: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<(), End>,
    ) -> Result<(), End> {
        let mut out = Vec::new();
        let result = f(self, &mut out);
        let taken = tls.writer().write(&out).unwrap_or(0);
        if taken < out.len() { result.and(Err(End::SlowReader)) } else { result }
    }

    fn plain<H: Handler>(
        &mut self,
        bytes: &[u8],
        origin: &OriginCheck,
        core: &mut Core<H>,
    ) -> Result<(), End> {
        let mut out = std::mem::take(&mut self.out);
        let before = out.len();
        let result = self.feed(bytes, origin, core, &mut out);
        self.dirty |= out.len() > before;
        self.out = out;
        // Who sends pings and reads no pong is a slow reader too.
        if self.out.len() > PONGS_BYTES_MAX { result.and(Err(End::SlowReader)) } else { result }
    }

    /// Takes decrypted bytes; writes keep-alive and WebSocket answers to `out`.
    fn feed<H: Handler>(
        &mut self,
        bytes: &[u8],
        origin: &OriginCheck,
        core: &mut Core<H>,
        out: &mut Vec<u8>,
    ) -> Result<(), End> {
        let (flow, now) = (self.flow, core.now.monotonic);
        let mut messages = 0;
        let waits = match &mut self.web {
            Some(web) => {
                let fed = web.feed(bytes, origin, out, |frame| match frame {
                    Frame::Message(message) => {
                        messages += 1;
                        core.message(flow, message);
                    }
                    Frame::Ping | Frame::Pong => core.stats.keep_alives.add(1),
                });
                if let Err(closed) = fed {
                    return Err(match closed {
                        Closed::Peer => End::Goodbye,
                        Closed::Frames => End::Framing,
                        Closed::Handshake => End::WebSocket,
                        Closed::Origin => {
                            offenders::note(Kind::Origin, flow.remote.ip());
                            End::Origin
                        }
                    });
                }
                if self.phase == Phase::Handshake && web.is_open() {
                    core.stats.handshakes_web_socket.add(1);
                    (self.phase, self.since) = (Phase::Fresh, now);
                }
                if let Some(ticket) = web.take_ticket()
                    && !core.handler.vouch(core.now, &ticket, self.id)
                {
                    web_socket::refuse_ticket(out);
                    return Err(End::Ticket);
                }
                web.is_open() && web.is_waiting()
            }
            None => {
                let fed = self.framer.feed(bytes, |frame| match frame {
                    Frame::Message(message) => {
                        messages += 1;
                        core.message(flow, message);
                    }
                    Frame::Ping => {
                        core.stats.keep_alives.add(1);
                        out.extend_from_slice(b"\r\n");
                    }
                    Frame::Pong => core.stats.keep_alives.add(1),
                });
                if let Err(error) = fed {
                    // The exchange answers when it can; then the connection goes (RFC 3261 section 18.3).
                    if let Some(section) = self.framer.refused_section() {
                        core.unframed(flow, section, error);
                    }
                    return Err(End::Framing);
                }
                self.framer.pending() > 0
            }
        };
        self.note(messages, waits, now);
        core.stats.stream_messages_received.add(messages);
        Ok(())
    }

    /// Keeps the times from which the deadlines count.
    fn note(&mut self, messages: u64, waits: bool, now: Monotonic) {
        if messages > 0 && self.phase == Phase::Fresh {
            self.phase = Phase::Open;
        }
        // A keep-alive prolongs only what a registration has earned.
        if messages > 0 || self.registered {
            self.active = now;
        }
        self.message_since = match (waits, self.is_in_message() && messages == 0) {
            (false, _) => Monotonic::NEVER,
            (true, true) => self.message_since,
            (true, false) => now,
        };
    }

    /// Queues one message. It leaves with the next flush.
    pub fn write(&mut self, message: &[u8], limits: &Limits, scratch: &mut Vec<u8>) -> Result<(), End> {
        let bytes = match &self.web {
            Some(_) => {
                scratch.clear();
                web_socket::write_message(message, scratch);
                &scratch[..]
            }
            None => message,
        };
        self.dirty = true;
        match &mut self.tls {
            Some(tls) => match tls.writer().write(bytes) {
                Ok(length) if length == bytes.len() => Ok(()),
                _ => Err(End::SlowReader),
            },
            None if self.out.len() + bytes.len() > limits.write_bytes_max => Err(End::SlowReader),
            None => {
                self.out.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Remembers who waits for the connection to open; `false` when too many do.
    pub fn wait(&mut self, token: SendToken) -> bool {
        let room = self.waiting.len() < WAITING_MAX;
        if room {
            self.waiting.push(token);
        }
        room
    }

    /// True from the first byte of TLS to the end of its handshake.
    pub fn is_shaking_tls(&self) -> bool {
        self.phase == Phase::Handshake && self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Fresh | Phase::Open)
    }

    /// Writes as much as the socket takes.
    pub fn flush(&mut self) -> io::Result<()> {
        self.dirty = false;
        if self.phase == Phase::Connecting {
            return Ok(());
        }
        match &mut self.tls {
            Some(tls) => {
                while tls.wants_write() {
                    match tls.write_tls(&mut self.socket) {
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                        Err(error) => return Err(error),
                    }
                }
            }
            None => {
                let mut sent = 0;
                while sent < self.out.len() {
                    match self.socket.write(&self.out[sent..]) {
                        Ok(length) => sent += length,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                self.out.drain(..sent);
            }
        }
        Ok(())
    }

    /// True while bytes wait for the socket.
    pub fn owes(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write()) || !self.out.is_empty()
    }
}
