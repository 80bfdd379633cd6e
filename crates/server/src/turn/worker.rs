//! The worker: its loop.

use super::orders::{Order, Orders};
use super::places::{Bound, Open};
use super::relays::Relays;
use super::slots::{BATCH, Slots};
use super::stats::Stats;
use super::stream::{Over, READ_BYTES, frames};
use super::streams::Streams;
use super::{Adopted, Settings};
use crate::config::listen::Scheme;
use crate::media::Ports;
use crate::shard::Clock;
use crate::tls::Tls;
use coeur_media::turn::{Action, Client, Server, Task};
use coeur_sip::time::{Monotonic, Now};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) const WAKER: mio::Token = mio::Token(0);
/// Places where clients come have the tokens up to here, connections those up to the next, relayed ports the others.
const FIRST_PLACE: usize = 1;
const FIRST_STREAM: usize = 1 << 16;
const FIRST_RELAY: usize = 1 << 32;
/// Events taken per turn.
const EVENTS_MAX: usize = 1_024;
/// Receives from one socket before others get their turn.
const ROUNDS_MAX: usize = 4;
/// Connections are looked through, and accepted again after there was no descriptor, this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the worker shares with others.
pub(super) struct Hands {
    pub(super) orders: Arc<Orders>,
    pub(super) stats: Arc<Stats>,
    pub(super) ports: Arc<Ports>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) clock: Clock,
}

pub(super) struct Worker {
    poll: mio::Poll,
    machine: Server,
    places: Vec<Place>,
    streams: Streams,
    relays: Relays,
    slots: Slots,
    buffer: Vec<u8>,
    out: Vec<u8>,
    /// Sockets that had more than one turn takes.
    again: BTreeSet<mio::Token>,
    hands: Hands,
    now: Now,
    next_look: Monotonic,
}

enum Place {
    Datagrams { socket: mio::net::UdpSocket, local: SocketAddr },
    Streams { socket: mio::net::TcpListener, is_secure: bool },
}

impl Worker {
    pub(super) fn new(
        poll: mio::Poll,
        bound: Vec<Bound>,
        machine: Server,
        settings: Settings,
        hands: Hands,
    ) -> io::Result<Self> {
        let registry = || poll.registry().try_clone();
        let streams = Streams::new(registry()?, FIRST_STREAM, hands.stats.clone());
        let ports = hands.ports.clone();
        let relays = Relays::new(registry()?, FIRST_RELAY, ports, settings.ports, settings.relayed);
        let mut places = Vec::with_capacity(bound.len());
        for bound in bound {
            let token = mio::Token(FIRST_PLACE + places.len());
            places.push(register(bound, token, poll.registry())?);
        }
        let now = hands.clock.now();
        let (slots, buffer, out) = (Slots::default(), vec![0; READ_BYTES], Vec::new());
        let (again, next_look) = (BTreeSet::new(), now.monotonic + LOOK_EVERY);
        Ok(Self { poll, machine, places, streams, relays, slots, buffer, out, again, hands, now, next_look })
    }

    /// Until it is stopped. An error of the poll is of the system and leaves nothing to wait for: the panic is told.
    pub(super) fn run(&mut self) {
        let mut events = mio::Events::with_capacity(EVENTS_MAX);
        loop {
            if let Err(why) = self.poll.poll(&mut events, self.timeout())
                && why.kind() != io::ErrorKind::Interrupted
            {
                panic!("the poll of TURN: {why}");
            }
            self.now = self.hands.clock.now();
            for token in std::mem::take(&mut self.again) {
                self.ready(token);
            }
            let mut is_told = false;
            for event in events.iter() {
                match event.token() {
                    WAKER => is_told = true,
                    token => {
                        self.ready(token);
                        // An end that came with the last bytes is no event of its own.
                        if event.is_read_closed() {
                            self.again.insert(token);
                        }
                    }
                }
            }
            if is_told && self.obey() {
                return;
            }
            self.turn();
        }
    }

    fn ready(&mut self, token: mio::Token) {
        match token.0 {
            FIRST_RELAY.. => self.read_relay(token),
            FIRST_STREAM.. => self.read_stream(token),
            _ => self.read_place(token),
        }
        self.tasks();
    }

    fn read_place(&mut self, token: mio::Token) {
        match self.places.get(token.0 - FIRST_PLACE) {
            Some(Place::Datagrams { .. }) => self.read_datagrams(token),
            Some(Place::Streams { .. }) => self.accept(token),
            None => {}
        }
    }

    fn read_datagrams(&mut self, token: mio::Token) {
        for _ in 0..ROUNDS_MAX {
            let Some(Place::Datagrams { socket, local }) = self.places.get(token.0 - FIRST_PLACE) else {
                return;
            };
            // An error is word of something sent before (ICMP); the next receive goes on.
            let count = self.slots.receive(socket).unwrap_or(0);
            for place in 0..count {
                let Some((remote, bytes)) = self.slots.datagram(place) else { continue };
                let client = Client { local: *local, remote, is_stream: false };
                self.out.clear();
                let is_sent = match self.machine.receive(self.now, client, bytes, &mut self.out) {
                    Action::Nothing => true,
                    Action::Reply => socket.send_to(&self.out, remote).is_ok(),
                    Action::Relay { allocation, to, data } => self.relays.send(allocation, to, data),
                };
                self.hands.stats.not_sent.add(u64::from(!is_sent));
            }
            if count < BATCH {
                return;
            }
        }
        self.again.insert(token);
    }

    fn accept(&mut self, token: mio::Token) {
        let Some(Place::Streams { socket, is_secure }) = self.places.get(token.0 - FIRST_PLACE) else {
            return;
        };
        let tls = &self.hands.tls;
        // Outside: none can be had. Inside: none is wanted.
        let shake = || match (is_secure, tls) {
            (false, _) => Some(None),
            (true, Some(tls)) => {
                let accepted = tls.accept(false).ok()?;
                Some(Some(Box::new(rustls::Connection::Server(accepted))))
            }
            (true, None) => None,
        };
        if self.streams.accept(socket, &shake, self.now.monotonic) {
            self.again.insert(token);
        }
    }

    fn read_stream(&mut self, token: mio::Token) {
        let place = token.0 - FIRST_STREAM;
        for _ in 0..ROUNDS_MAX {
            let Some(stream) = self.streams.at(place) else { return };
            let read = stream.read(&mut self.buffer);
            let length = *read.as_ref().unwrap_or(&0);
            // What came before the end is heard.
            if self.hear(place).is_err() || read.is_err() {
                return self.close(place);
            }
            // A stream that gave less than was asked for is empty: its next byte is a new event.
            if length < self.buffer.len() {
                return;
            }
        }
        self.again.insert(token);
    }

    /// Hands the messages that have come over a connection to the machine, and writes what it is owed.
    fn hear(&mut self, place: usize) -> Result<(), Over> {
        let Some(stream) = self.streams.at(place) else { return Ok(()) };
        let (client, input) = (stream.client, stream.take_input());
        let (mut count, mut is_full) = (0, false);
        let done = frames(&input, |message| {
            count += 1;
            self.out.clear();
            let is_sent = match self.machine.receive(self.now, client, message, &mut self.out) {
                Action::Nothing => true,
                Action::Reply => {
                    is_full |= !self.streams.send(client, &self.out);
                    !is_full
                }
                Action::Relay { allocation, to, data } => self.relays.send(allocation, to, data),
            };
            self.hands.stats.not_sent.add(u64::from(!is_sent));
        });
        let stream = self.streams.at(place).ok_or(Over)?;
        stream.give_back(input, done?);
        if count > 0 {
            (stream.active, stream.has_spoken) = (self.now.monotonic, true);
        }
        if is_full { Err(Over) } else { stream.flush() }
    }

    fn close(&mut self, place: usize) {
        if let Some(client) = self.streams.close(place) {
            self.machine.gone(client);
        }
    }

    fn read_relay(&mut self, token: mio::Token) {
        for _ in 0..ROUNDS_MAX {
            let received = self.relays.receive(token.0 - FIRST_RELAY, &mut self.slots);
            let Some((allocation, count)) = received else { return };
            for place in 0..count {
                let Some((from, bytes)) = self.slots.datagram(place) else { continue };
                self.out.clear();
                let from = self.relays.as_known(from);
                let now = self.now.monotonic;
                let client = self.machine.relayed(now, allocation, from, bytes, &mut self.out);
                let is_sent =
                    client.is_none_or(|client| send(&self.places, &mut self.streams, client, &self.out));
                self.hands.stats.not_sent.add(u64::from(!is_sent));
            }
            if count < BATCH {
                return;
            }
        }
        self.again.insert(token);
    }

    /// What the machine asks for.
    fn tasks(&mut self) {
        while let Some(task) = self.machine.poll() {
            match task {
                Task::Open { allocation, family, is_even: _ } => {
                    let relayed = self.relays.open(allocation, family);
                    self.machine.opened(allocation, relayed);
                }
                Task::Close { allocation } => self.relays.close(allocation),
                Task::Reply { client, bytes } => {
                    let is_sent = send(&self.places, &mut self.streams, client, &bytes);
                    self.hands.stats.not_sent.add(u64::from(!is_sent));
                }
            }
        }
    }

    /// Carries out what was told; true when that is to stop.
    fn obey(&mut self) -> bool {
        let mut is_stopped = false;
        for order in self.hands.orders.take() {
            match order {
                Order::Revoke { now, account, device } => self.machine.revoke(now, &account, device),
                Order::Policy(policy) => self.machine.set_policy(policy),
                Order::Adopt(adopted) => self.adopt(*adopted),
                Order::Stop => is_stopped = true,
            }
        }
        self.tasks();
        is_stopped
    }

    fn adopt(&mut self, adopted: Adopted) {
        let Some(place) = self.streams.adopt(adopted, self.now.monotonic) else { return };
        match self.hear(place) {
            // The poll tells of it even if all has been read: it was registered just now.
            Ok(()) => {}
            Err(Over) => self.close(place),
        }
    }

    fn turn(&mut self) {
        let now = self.now.monotonic;
        self.machine.handle_timeout(now);
        if self.next_look.is_due(now) {
            self.next_look = now + LOOK_EVERY;
            for place in self.streams.idle(now, |client| self.machine.has_allocation(client)) {
                self.hands.stats.connections_closed.add(1);
                self.close(place);
            }
            let acceptors = self.places.iter().enumerate();
            let acceptors = acceptors.filter(|(_, place)| matches!(place, Place::Streams { .. }));
            self.again.extend(acceptors.map(|(at, _)| mio::Token(FIRST_PLACE + at)));
        }
        self.tasks();
        self.hands.stats.set(self.machine.counters());
        self.hands.stats.allocations.set(self.machine.allocations() as u64);
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        // Rounded up: a deadline that is not due yet would turn the loop for nothing.
        let next = self.next_look.min(self.machine.next_deadline());
        Some(self.now.monotonic.until(next) + Duration::from_micros(999))
    }
}

fn register(bound: Bound, token: mio::Token, registry: &mio::Registry) -> io::Result<Place> {
    let is_secure = bound.place.scheme == Scheme::Tls;
    match bound.socket {
        Open::Datagrams(mut socket) => {
            registry.register(&mut socket, token, mio::Interest::READABLE)?;
            Ok(Place::Datagrams { socket, local: bound.place.address })
        }
        Open::Streams(mut socket) => {
            registry.register(&mut socket, token, mio::Interest::READABLE)?;
            Ok(Place::Streams { socket, is_secure })
        }
    }
}

/// Sends to a client the way it came; `false` when it could not leave.
fn send(places: &[Place], streams: &mut Streams, client: Client, bytes: &[u8]) -> bool {
    if client.is_stream {
        return streams.send(client, bytes);
    }
    let found = places.iter().find_map(|place| match place {
        Place::Datagrams { socket, local } => (*local == client.local).then_some(socket),
        Place::Streams { .. } => None,
    });
    found.is_some_and(|socket| socket.send_to(bytes, client.remote).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::{Office, bind};
    use coeur_media::turn::Limits;
    use std::net::UdpSocket;

    /// A worker with one place, which nobody runs.
    fn worker() -> (Worker, SocketAddr) {
        let bound = bind(&["udp://127.0.0.1:0".parse().unwrap()], true, false).unwrap();
        let (poll, place) = (mio::Poll::new().unwrap(), bound[0].place.address);
        let ports = 20_000..=20_003;
        let hands = Hands {
            orders: Arc::new(Orders::new(mio::Waker::new(poll.registry(), WAKER).unwrap())),
            stats: Arc::default(),
            ports: Arc::new(Ports::new(ports.clone(), Duration::ZERO)),
            tls: None,
            clock: Clock::default(),
        };
        let settings =
            Settings { limits: Limits::default(), policy: Arc::default(), ports, relayed: Vec::new() };
        let machine = Office::new(Vec::new()).machine(&settings);
        (Worker::new(poll, bound, machine, settings, hands).unwrap(), place)
    }

    #[test]
    fn a_place_that_is_flooded_gets_one_more_turn_and_not_one_for_each_event() {
        let (mut worker, place) = worker();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..3 * ROUNDS_MAX * BATCH {
            sender.send_to(&[0; 20], place).unwrap();
        }
        let token = mio::Token(FIRST_PLACE);
        worker.ready(token);
        worker.ready(token);
        assert_eq!(worker.again.len(), 1);
    }
}
