//! From decisions to the wire: what the handler wrote into the outbox is handed out, in order.

use super::Shard;
use super::handler::{Handler, NotSaved, Outcome};
use super::inbox::Notice;
use crate::net::connection::Peer;
use crate::net::udp;
use coeur_exchange::event::Event;
use coeur_exchange::flow::{ConnectionId, Flow, Hop, ListenerId};
use coeur_exchange::input::{Input, SendFailure};
use coeur_exchange::outbox::{Output, SendToken};
use coeur_sip::transport::Transport;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Rounds of failed sends that lead to other sends within one turn. A plan has at most 32 targets.
const ROUNDS_MAX: usize = 64;

/// Datagrams collected for one `sendmmsg`; they borrow the arena that the messages were written to.
struct Batch<'b> {
    socket: usize,
    count: usize,
    datagrams: [(SocketAddr, &'b [u8]); udp::BATCH],
    tokens: [Option<SendToken>; udp::BATCH],
}

impl<'b> Batch<'b> {
    fn new() -> Self {
        let nothing = (SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)), &[][..]);
        Self { socket: 0, count: 0, datagrams: [nothing; udp::BATCH], tokens: [None; udp::BATCH] }
    }
}

impl<H: Handler> Shard<H> {
    /// Hands out everything decided so far, and what follows from sends that failed.
    pub(super) fn drain(&mut self) {
        for _ in 0..ROUNDS_MAX {
            if !self.core.outbox.outputs.is_empty() {
                self.core.handler.show();
                self.hand_out();
            }
            if self.streams.failures.is_empty() && self.streams.closed.is_empty() {
                return;
            }
            for (token, failure) in std::mem::take(&mut self.streams.failures) {
                self.core.input(Input::SendFailed { token, failure });
            }
            for flow in std::mem::take(&mut self.streams.closed) {
                self.core.input(Input::FlowClosed { flow });
            }
        }
    }

    fn hand_out(&mut self) {
        let mut outbox = std::mem::take(&mut self.core.outbox);
        let mut outputs = std::mem::take(&mut outbox.outputs);
        let mut batch = Batch::new();
        for output in outputs.drain(..) {
            match output {
                Output::Send(send) => {
                    match (send.after_save, send.after_save.and_then(|_| self.saves_before())) {
                        (Some(or_else), Some(Ok(append))) => {
                            let (bytes, other) = (outbox.bytes(send.bytes), outbox.bytes(or_else.0));
                            if self.held.push(append, send.hop.clone(), bytes, other).is_err() {
                                self.core.stats.held_full.add(1);
                                self.route(&send.hop, other, None, &mut batch);
                            }
                        }
                        (Some(or_else), Some(Err(NotSaved))) => {
                            self.core.stats.answers_replaced.add(1);
                            self.route(&send.hop, outbox.bytes(or_else.0), None, &mut batch);
                        }
                        // There is nothing to wait for.
                        (None, _) | (Some(_), None) => {
                            self.route(&send.hop, outbox.bytes(send.bytes), send.token, &mut batch);
                        }
                    }
                }
                Output::Save(span) => {
                    let saved = self.journal.append(self.core.id, outbox.bytes(span));
                    let stats = &self.core.stats;
                    if saved.is_ok() { &stats.saves } else { &stats.saves_refused }.add(1);
                    self.last_append = Some(saved);
                }
                Output::Resolve { token, query } => self.services.resolve(self.core.id, token, query),
                Output::Publish(event) => {
                    if let Event::Registered { flow, .. } = &event {
                        self.streams.registered(flow.connection);
                    }
                    self.services.publish(self.core.id, event);
                }
                Output::Media(command) => self.media.push(command),
                Output::Told(ticket, told) => self.services.told(ticket, told),
                Output::Push(wake) => self.services.push(*wake),
                Output::Close(flow) => self.close(flow),
            }
        }
        if !self.media.is_empty() {
            self.services.media(self.core.id, &mut self.media.drain(..));
        }
        self.flush(&mut batch);
        outbox.outputs = outputs;
        outbox.clear();
        self.core.outbox = outbox;
    }

    /// What an answer waits for. Nothing, when nothing was ever saved, and when the last append has an outcome while the
    /// journal is open: even if it failed, a snapshot holds it by now (decision 0010).
    fn saves_before(&self) -> Option<Result<u64, NotSaved>> {
        let last = self.last_append?;
        let decided = match last {
            Ok(append) => self.journal.outcome(append) != Outcome::Pending,
            Err(NotSaved) => true,
        };
        (!(decided && self.journal.is_open())).then_some(last)
    }

    /// Lets go of the answers whose saves have an outcome.
    pub(super) fn release_held(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let mut ready = std::mem::take(&mut self.held_ready);
        let held = std::mem::take(&mut self.held);
        held.ready(|append| self.journal.outcome(append), &mut ready);
        let mut batch = Batch::new();
        for (place, saved) in ready.iter().enumerate() {
            let (hop, bytes) = held.at(place, *saved);
            if !saved {
                self.core.stats.answers_replaced.add(1);
            }
            self.route(hop, bytes, None, &mut batch);
        }
        self.flush(&mut batch);
        self.held = held;
        self.held.pop(ready.len());
        self.held_ready = ready;
    }

    fn route<'b>(&mut self, hop: &Hop, bytes: &'b [u8], token: Option<SendToken>, batch: &mut Batch<'b>) {
        // An empty span: nothing leaves.
        if bytes.is_empty() {
            return;
        }
        match hop {
            Hop::Flow(flow) if flow.transport == Transport::Udp => {
                self.datagram(flow.listener, flow.remote, bytes, token, batch);
            }
            Hop::Address { transport: Transport::Udp, listener, address, .. } => {
                self.datagram(*listener, *address, bytes, token, batch);
            }
            Hop::Flow(flow) => self.on_flow(flow, bytes, token),
            Hop::Address { transport, listener, address, host } => {
                let peer = Peer { transport: *transport, address: *address, host: host.clone() };
                self.send_to_peer(peer, *listener, bytes, token)
            }
        }
    }

    fn datagram<'b>(
        &mut self,
        listener: ListenerId,
        to: SocketAddr,
        bytes: &'b [u8],
        token: Option<SendToken>,
        batch: &mut Batch<'b>,
    ) {
        let Some(socket) = self.datagrams.iter().position(|datagrams| datagrams.id == listener) else {
            self.core.stats.sends_without_way.add(1);
            return self.failed(token, SendFailure::Unreachable);
        };
        if !self.core.tap.is_off() {
            let flow =
                Flow { transport: Transport::Udp, listener, connection: ConnectionId::NONE, remote: to };
            self.core.tap_sent(&flow, bytes);
        }
        if batch.count == udp::BATCH || (batch.socket != socket && batch.count > 0) {
            self.flush(batch);
        }
        batch.socket = socket;
        batch.datagrams[batch.count] = (to, bytes);
        batch.tokens[batch.count] = token;
        batch.count += 1;
    }

    fn flush(&mut self, batch: &mut Batch<'_>) {
        if batch.count == 0 {
            return;
        }
        let mut lost = 0;
        let failures = &mut self.streams.failures;
        udp::send(&self.datagrams[batch.socket].socket, &batch.datagrams[..batch.count], |place, error| {
            lost += 1;
            let failure = match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => SendFailure::Congested,
                _ => SendFailure::Unreachable,
            };
            failures.extend(batch.tokens[place].map(|token| (token, failure)));
        });
        self.core.stats.datagrams_failed.add(lost);
        self.core.stats.datagrams_sent.add(batch.count as u64 - lost);
        batch.count = 0;
    }

    fn on_flow(&mut self, flow: &Flow, bytes: &[u8], token: Option<SendToken>) {
        if flow.is_inside() {
            return self.on_inside(flow, bytes, token);
        }
        self.core.tap_sent(flow, bytes);
        let owner = flow.connection.shard();
        if owner == self.core.id {
            if let Err(failure) = self.streams.send(flow.connection, bytes, token) {
                self.failed(token, failure);
            }
            return;
        }
        let own = self.core.id;
        let Some(inbox) = self.core.inboxes.get(owner.0 as usize) else {
            return self.failed(token, SendFailure::FlowClosed);
        };
        let notice =
            Notice::Send { flow: *flow, bytes: bytes.into(), token: token.map(|token| (own, token)) };
        if inbox.tell(notice).is_ok() {
            self.core.stats.sends_passed_on.add(1);
        } else {
            self.core.stats.sends_passed_lost.add(1);
            self.failed(token, SendFailure::Congested);
        }
    }

    /// To another shard, as if it had come over a flow from this one (decision 0032).
    fn on_inside(&mut self, flow: &Flow, bytes: &[u8], token: Option<SendToken>) {
        let Some(inbox) = self.core.inboxes.get(usize::from(flow.connection.shard().0)) else {
            return self.failed(token, SendFailure::FlowClosed);
        };
        let notice = Notice::Received { flow: Flow::inside(self.core.id), bytes: bytes.into(), asked: 0 };
        if inbox.tell(notice).is_err() {
            self.failed(token, SendFailure::Congested);
        }
    }

    fn send_to_peer(&mut self, peer: Peer, listener: ListenerId, bytes: &[u8], token: Option<SendToken>) {
        let (transport, remote) = (peer.transport, peer.address);
        let flow = Flow { transport, listener, connection: ConnectionId::NONE, remote };
        self.core.tap_sent(&flow, bytes);
        if let Err(failure) = self.streams.send_to(peer, listener, bytes, token, self.core.now.monotonic) {
            self.failed(token, failure);
        }
    }

    fn close(&mut self, flow: Flow) {
        let owner = flow.connection.shard();
        if owner == self.core.id {
            self.streams.close(flow.connection, self.core.now.monotonic);
        } else if let Some(inbox) = self.core.inboxes.get(owner.0 as usize) {
            // If the owner is too busy to hear it, its deadlines close the connection.
            let _ = inbox.tell(Notice::Close { flow });
        }
    }

    fn failed(&mut self, token: Option<SendToken>, failure: SendFailure) {
        self.streams.failures.extend(token.map(|token| (token, failure)));
    }
}
