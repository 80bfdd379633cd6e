//! One worker: its loop.

use super::commands::{Commands, Work};
use super::endpoints::{Endpoints, FIRST_PORT};
use super::ports::Ports;
use super::slow::{Handed, SlowPath};
use super::socket::{Received, Slot, send};
use super::stats::Stats;
use super::{Settings, Tell};
use crate::shard::Clock;
use coeur_media::relay::{Reason, TransportKey, Verdict};
use coeur_sip::time::Monotonic;
use std::io;
use std::sync::Arc;
use std::time::Duration;

pub(super) const WAKER: mio::Token = mio::Token(0);
/// Events taken per turn.
const EVENTS_MAX: usize = 1_024;
/// Silence is looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Worker {
    poll: mio::Poll,
    commands: Arc<Commands>,
    work: Vec<Work>,
    pub(super) endpoints: Endpoints,
    slot: Slot,
    stats: Arc<Stats>,
    clock: Clock,
    next_look: Monotonic,
}

impl Worker {
    pub(super) fn new(
        poll: mio::Poll,
        commands: Arc<Commands>,
        stats: Arc<Stats>,
        settings: &Settings,
        ports: Arc<Ports>,
        tell: Arc<Tell>,
        clock: Clock,
        slow: Box<dyn SlowPath>,
    ) -> io::Result<Self> {
        let registry = poll.registry().try_clone()?;
        let mut endpoints = Endpoints::new(registry, settings, ports, tell, stats.clone(), slow);
        endpoints.now = clock.now();
        let now = endpoints.now.monotonic;
        Ok(Self {
            poll,
            commands,
            work: Vec::new(),
            endpoints,
            slot: Slot::default(),
            stats,
            clock,
            next_look: now + LOOK_EVERY,
        })
    }

    /// Until it is stopped. An error of the poll is of the system and leaves nothing to wait for: the panic is told.
    pub(super) fn run(&mut self) {
        let mut events = mio::Events::with_capacity(EVENTS_MAX);
        loop {
            let timeout = self.timeout();
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                panic!("the poll of a media worker: {error}");
            }
            self.endpoints.now = self.clock.now();
            let mut is_told = false;
            for event in events.iter() {
                match event.token() {
                    WAKER => is_told = true,
                    mio::Token(token) => {
                        if event.is_error() {
                            self.endpoints.take_troubles(token - FIRST_PORT);
                        }
                        self.read(token - FIRST_PORT);
                    }
                }
            }
            if is_told && self.work() {
                return;
            }
            self.turn();
        }
    }

    /// Takes one packet from a port; if more wait the poll says so again, after the others had their turn.
    pub(super) fn read(&mut self, place: usize) {
        let (at, endpoints) = (TransportKey(place as u32), &mut self.endpoints);
        let Some(Some(socket)) = endpoints.sockets.get(place) else { return };
        let (from, mut packet) = match self.slot.receive(socket) {
            Ok(Received::Packet(from, packet)) => (from, packet),
            Ok(Received::Unusable) => {
                self.stats.packets_received.add(1);
                return endpoints.relay.lost(at, Reason::Malformed);
            }
            Ok(Received::Nothing) => return,
            // Word of something sent before (ICMP).
            Err(_) => return endpoints.take_troubles(place),
        };
        self.stats.packets_received.add(1);
        let now = endpoints.now.monotonic;
        match endpoints.relay.receive(now, at, from, &mut packet) {
            Verdict::Forward { transport, to } => {
                let Some(Some(socket)) = endpoints.sockets.get(transport.0 as usize) else { return };
                match send(socket, to, &packet) {
                    Ok(()) => self.stats.packets_sent.add(1),
                    Err(why) => endpoints.not_sent(transport, to, &why),
                }
            }
            Verdict::Handed { stream, component, protocol } => {
                self.stats.packets_handed.add(1);
                let handed = Handed { stream, component, transport: at, from, protocol, bytes: &packet };
                endpoints.slow.handed(now, handed, &mut endpoints.relay, &mut endpoints.replies);
                endpoints.flush_replies();
            }
            Verdict::Taken { stream } => endpoints.taken(stream, &mut packet),
            Verdict::Read | Verdict::Dropped(_) => {}
        }
    }

    /// Carries out what was told; true when that is to stop.
    fn work(&mut self) -> bool {
        let mut work = std::mem::take(&mut self.work);
        self.commands.take(&mut work);
        let (mut is_stopped, now) = (false, self.endpoints.now.monotonic);
        for work in work.drain(..) {
            match work {
                Work::Command(command) => self.endpoints.handle(command, now),
                Work::Stop => is_stopped = true,
            }
        }
        self.work = work;
        is_stopped
    }

    /// What follows from what has come, and from the time.
    pub(super) fn turn(&mut self) {
        let now = self.endpoints.now.monotonic;
        self.endpoints.tell_heard();
        self.endpoints.tell_strayed();
        self.endpoints.tell_moved(now);
        if self.endpoints.audio.next_deadline().is_some_and(|deadline| deadline.is_due(now)) {
            self.endpoints.tick();
        }
        if self.endpoints.slow.next_deadline().is_some_and(|deadline| deadline.is_due(now)) {
            let endpoints = &mut self.endpoints;
            endpoints.slow.ticked(now, &mut endpoints.relay, &mut endpoints.replies);
            endpoints.flush_replies();
        }
        if self.next_look.is_due(now) {
            self.next_look = now + LOOK_EVERY;
            self.endpoints.tell_silent(now);
            self.endpoints.tell_doubtful(now);
            self.endpoints.keep_changed();
        }
        self.stats.set_dropped(self.endpoints.relay.all_dropped());
    }

    fn timeout(&self) -> Option<Duration> {
        let slow = self.endpoints.slow.next_deadline().unwrap_or(Monotonic::NEVER);
        let audio = self.endpoints.audio.next_deadline().unwrap_or(Monotonic::NEVER);
        let next = self.next_look.min(slow).min(audio);
        // Sound takes time: what this turn took of it is not waited for once more.
        let now = if audio == Monotonic::NEVER { self.endpoints.now } else { self.clock.now() };
        // Rounded up: a deadline that is not due yet would turn the loop for nothing.
        Some(now.monotonic.until(next) + Duration::from_micros(999))
    }
}
