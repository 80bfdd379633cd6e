//! One turn of the loop after the other.

use super::handler::Handler;
use super::inbox::Notice;
use super::{Shard, WAKER};
use crate::net::streams::CONNECTIONS;
use coeur_exchange::flow::{ConnectionId, Flow};
use coeur_exchange::input::{Input, SendFailure};
use coeur_sip::time::Monotonic;
use coeur_sip::transport::Transport;
use mio::event::Event;
use std::io;
use std::time::Duration;

/// Events taken per turn.
const EVENTS_MAX: usize = 1_024;
/// Batches read from one UDP socket before others get their turn.
const BATCHES_MAX: usize = 8;

impl<H: Handler> Shard<H> {
    /// Until it is stopped. An error is of the system and leaves nothing to wait for.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut events = mio::Events::with_capacity(EVENTS_MAX);
        while !self.is_done() {
            let timeout = self.timeout();
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                return Err(error);
            }
            self.core.now = self.clock.now();
            self.core.stats.loops.add(1);
            for event in events.iter() {
                self.source(event);
            }
            self.turn();
        }
        Ok(())
    }

    fn source(&mut self, event: &Event) {
        let token = event.token();
        if token == WAKER {
            return;
        }
        if token.0 >= CONNECTIONS {
            let read_closed = event.is_read_closed() || event.is_error();
            self.streams.ready(token, read_closed, event.is_writable() || event.is_error(), &mut self.core);
            self.drain();
            return;
        }
        let place = token.0 - 1;
        if let Some(datagrams) = self.datagrams.get_mut(place) {
            datagrams.again = true;
        } else if let Some((_, again)) = self.acceptors.get_mut(place - self.datagrams.len()) {
            *again = true;
        }
    }

    /// Everything of a turn that is no event of a connection.
    fn turn(&mut self) {
        self.receive();
        for (acceptor, again) in &mut self.acceptors {
            if *again {
                *again = self.streams.accept(acceptor, self.core.now.monotonic);
            }
        }
        self.streams.read_more(&mut self.core);
        self.take_notices();
        self.release_held();
        if self.core.handler.next_deadline().is_some_and(|deadline| deadline.is_due(self.core.now.monotonic))
        {
            self.core.input(Input::Ticked);
        }
        self.streams.turn(self.core.now.monotonic);
        self.drain();
        self.streams.flush();
        self.drain();
        self.core.stats.held.set(self.held.len() as u64);
        self.core.handler.show();
    }

    /// Reads the sockets that have something, a bounded number of batches each.
    fn receive(&mut self) {
        for place in 0..self.datagrams.len() {
            if !self.datagrams[place].again {
                continue;
            }
            for _ in 0..BATCHES_MAX {
                let count = match self.arena.receive(&self.datagrams[place].socket) {
                    Ok(count) => count,
                    // ECONNREFUSED and its like: word of something sent before; the next receive goes on.
                    Err(_) => continue,
                };
                self.batch(place, count);
                self.drain();
                // A batch that was not full has emptied the socket: its next datagram is a new event.
                if count < crate::net::udp::BATCH {
                    self.datagrams[place].again = false;
                    break;
                }
            }
        }
    }

    fn batch(&mut self, place: usize, count: usize) {
        let stats = &self.core.stats;
        stats.receive_batches.add((count > 0) as u64);
        stats.datagrams_received.add(count as u64);
        let listener = self.datagrams[place].id;
        for i in 0..count {
            let datagram = self.arena.datagram(i);
            if datagram.truncated || datagram.from.port() == 0 {
                self.core.stats.datagrams_truncated.add(1);
                continue;
            }
            let flow = Flow {
                transport: Transport::Udp,
                listener,
                connection: ConnectionId::NONE,
                remote: datagram.from,
            };
            self.core.datagram(flow, datagram.bytes);
        }
    }

    fn take_notices(&mut self) {
        let mut notices = std::mem::take(&mut self.notices);
        self.inbox.take(&mut notices);
        for notice in notices.drain(..) {
            self.notice(notice);
        }
        self.notices = notices;
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Received { flow, bytes, asked } => self.core.passed_on(flow, &bytes, asked),
            Notice::Send { flow, bytes, token } => {
                let Err(failure) = self.streams.send(flow.connection, &bytes, None) else { return };
                if let Some((shard, token)) = token {
                    self.tell_failure(shard, token, failure);
                }
            }
            Notice::Close { flow } => self.streams.close(flow.connection, self.core.now.monotonic),
            Notice::SendFailed { token, failure } => self.core.input(Input::SendFailed { token, failure }),
            Notice::Resolved { token, answer } => self.core.input(Input::Resolved { token, answer: &answer }),
            Notice::Told(command) => self.core.input(Input::Told(command)),
            Notice::Media(event) => self.core.input(Input::MediaEvent(event)),
            Notice::Durable => {}
            Notice::Stop { grace } => self.stop(grace),
        }
    }

    fn tell_failure(
        &mut self,
        shard: coeur_exchange::flow::ShardId,
        token: coeur_exchange::outbox::SendToken,
        failure: SendFailure,
    ) {
        if let Some(inbox) = self.core.inboxes.get(shard.0 as usize) {
            // When even this is lost, the transaction's timer ends it.
            let _ = inbox.tell(Notice::SendFailed { token, failure });
        }
    }

    fn stop(&mut self, grace: Duration) {
        self.acceptors.clear();
        self.stopping = Some(self.core.now.monotonic + grace);
        // What was decided at the last word leaves before the connections close.
        self.drain();
        if self.held.is_empty() {
            self.streams.close_all(self.core.now.monotonic);
        }
    }

    fn is_done(&mut self) -> bool {
        let Some(limit) = self.stopping else { return false };
        let now = self.core.now.monotonic;
        if limit.is_due(now) {
            return true;
        }
        if !self.held.is_empty() || self.core.handler.owes() {
            return false;
        }
        self.streams.close_all(now);
        self.streams.flush();
        !self.streams.owes()
    }

    /// How long nothing can happen but what wakes us.
    fn timeout(&self) -> Option<Duration> {
        let more = self.streams.has_more()
            || self.datagrams.iter().any(|datagrams| datagrams.again)
            || !self.streams.failures.is_empty();
        if more {
            return Some(Duration::ZERO);
        }
        let mut deadline = self.core.handler.next_deadline().unwrap_or(Monotonic::NEVER);
        if !self.streams.is_empty() || self.acceptors.iter().any(|(_, again)| *again) {
            deadline = deadline.min(self.streams.wheel.next_deadline());
        }
        if let Some(limit) = self.stopping {
            deadline = deadline.min(limit);
        }
        if deadline == Monotonic::NEVER {
            return None;
        }
        // Rounded up: a deadline that is not due yet would turn the loop for nothing.
        let wait = self.clock.now().monotonic.until(deadline);
        Some(if wait.is_zero() { wait } else { wait + Duration::from_micros(999) })
    }
}
