//! How connections end, and who hears of it.

use super::{Streams, place};
use crate::net::connection::{End, Phase};
use crate::net::web_socket;
use crate::observe::handshakes;
use crate::tls::Failure;
use crate::turn::Adopted;
use coeur_exchange::flow::ConnectionId;
use coeur_exchange::input::SendFailure;
use coeur_sip::time::Monotonic;
use std::io::Write;

impl Streams {
    /// Closes once what was queued has left.
    pub fn close(&mut self, id: ConnectionId, now: Monotonic) {
        self.leave(id, End::Asked, now);
    }

    pub(super) fn leave(&mut self, id: ConnectionId, end: End, now: Monotonic) {
        let Some(connection) = self.find(id) else { return };
        if connection.phase == Phase::Closing {
            return;
        }
        let said = if connection.web.as_ref().is_some_and(|web| web.is_open()) && end == End::Asked {
            let mut frame = Vec::new();
            web_socket::write_going_away(&mut frame);
            frame
        } else {
            Vec::new()
        };
        match &mut connection.tls {
            Some(tls) => {
                let _ = tls.writer().write(&said);
                tls.send_close_notify();
            }
            None => connection.out.extend_from_slice(&said),
        }
        connection.enter(Phase::Closing, now);
        self.count_end(end);
        self.forget(id, end);
        self.mark(id);
        self.schedule(id);
    }

    /// Closes now.
    pub(super) fn end(&mut self, id: ConnectionId, end: End) {
        let Some(connection) = self.find(id) else { return };
        let closing = connection.phase == Phase::Closing;
        if !closing {
            let connecting = connection.phase == Phase::Connecting;
            if connection.is_shaking_tls() {
                let timed_out = matches!(end, End::Deadline(..));
                if timed_out { &self.stats.tls_deadline } else { &self.stats.tls_closed }.add(1);
            }
            self.count_end(if connecting { End::Unreachable } else { end });
            self.forget(id, if connecting { End::Unreachable } else { end });
        }
        let mut connection = self.connections.remove(place(id));
        let _ = self.registry.deregister(&mut connection.socket);
        self.stats.connections_closed.add(1);
        self.open_of(connection.flow.transport).subtract(1);
    }

    /// The connection is no more of ours: whoever speaks TURN has it, with what was read and what is owed.
    pub(super) fn hand_over(&mut self, id: ConnectionId) {
        self.count_end(End::Turn);
        self.forget(id, End::Turn);
        let mut connection = self.connections.remove(place(id));
        let _ = self.registry.deregister(&mut connection.socket);
        self.open_of(connection.flow.transport).subtract(1);
        (self.shared.adopt)(Adopted {
            socket: connection.socket.into(),
            tls: connection.tls,
            read: connection.turn,
            place: connection.place,
        });
    }

    /// Takes a connection out of use: its waiting messages fail and the exchange hears that the flow is gone.
    fn forget(&mut self, id: ConnectionId, end: End) {
        let Some(connection) = self.find(id) else { return };
        let waiting = std::mem::take(&mut connection.waiting);
        let flow = connection.flow;
        let peer = connection.peer.take();
        if let (End::Tls(failure), None) = (end, &peer) {
            handshakes::note(flow.remote.ip(), failure);
        }
        let untrusted = end == End::Tls(Failure::Untrusted);
        let failure = if untrusted { SendFailure::Untrusted } else { SendFailure::Unreachable };
        self.failures.extend(waiting.into_iter().map(|token| (token, failure)));
        self.closed.push(flow);
        if let Some(peer) = peer
            && self.pool.get(&peer) == Some(&id)
        {
            self.pool.remove(&peer);
        }
    }

    fn count_end(&self, end: End) {
        let stats = &self.stats;
        match end {
            End::Peer | End::Goodbye | End::Asked => {}
            End::Turn => stats.connections_turn.add(1),
            End::Unreachable => stats.connections_connect_failed.add(1),
            End::Tls(Failure::NotTls) => stats.tls_not_tls.add(1),
            End::Tls(Failure::Incompatible) => stats.tls_incompatible.add(1),
            End::Tls(Failure::Refused | Failure::Expired) => stats.tls_refused.add(1),
            End::Tls(Failure::Untrusted) => stats.tls_untrusted.add(1),
            End::Tls(Failure::Alert) => stats.tls_alert.add(1),
            End::Tls(Failure::Other) => stats.tls_other.add(1),
            End::Broken => stats.tls_broken.add(1),
            End::WebSocket => stats.handshakes_web_socket_failed.add(1),
            End::Ticket => stats.tickets_refused.add(1),
            End::Origin => stats.origins_refused.add(1),
            End::Framing => stats.closed_framing.add(1),
            End::SlowReader => stats.closed_slow_reader.add(1),
            End::Deadline(_, true) => stats.deadline_message.add(1),
            End::Deadline(Phase::Connecting | Phase::Handshake | Phase::Closing, false) => {
                stats.deadline_handshake.add(1);
            }
            End::Deadline(Phase::Fresh, false) => stats.deadline_first_request.add(1),
            End::Deadline(Phase::Open, false) => stats.deadline_idle.add(1),
        }
    }

    /// Closes what has had enough time.
    pub fn turn(&mut self, now: Monotonic) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.turn(now, &mut due);
        let limits = self.shared.limits;
        for (id, tick) in due.drain(..) {
            let Some(connection) = self.find(id).filter(|connection| connection.scheduled == tick) else {
                continue;
            };
            connection.scheduled = u64::MAX;
            if connection.deadline(&limits).is_due(now) {
                let end = End::Deadline(connection.phase, connection.is_in_message());
                self.end(id, end);
            } else {
                self.schedule(id);
            }
        }
        self.due = due;
    }

    /// Says goodbye to everybody.
    pub fn close_all(&mut self, now: Monotonic) {
        let ids: Vec<ConnectionId> = self.connections.iter().map(|(_, connection)| connection.id).collect();
        for id in ids {
            self.close(id, now);
        }
    }
}
