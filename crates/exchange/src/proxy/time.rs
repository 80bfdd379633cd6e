//! What happens when a timer fires.

use super::Owner;
use super::branch::{Branch, Cancel, Client};
use super::request::{Request, Server};
use super::{Proxy, timing};
use crate::context::Context;
use crate::flow::Hop;
use crate::outbox::SendToken;
use crate::texts;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::{ClientAction, ServerAction, Timing};
use coeur_sip::{StatusCode, respond};

impl Proxy {
    pub fn tick(&mut self, cx: &mut Context<'_>) {
        let timing = timing(cx.world);
        let mut due = std::mem::take(&mut self.due);
        self.wheel.advance(cx.now.monotonic, &mut due);
        for entry in due.drain(..) {
            match entry.owner {
                Owner::Request(index) => self.request_due(cx, &timing, index, entry.serial),
                Owner::Branch(slot) => self.branch_due(cx, &timing, slot, entry.serial),
                Owner::Waking(index) => self.waking_due(cx, index, entry.serial),
            }
        }
        self.due = due;
    }

    /// Timers G, H, I, J and L, and the late 100 of RFC 4320 section 4.1.
    fn request_due(&mut self, cx: &mut Context<'_>, timing: &Timing, index: u32, serial: u32) {
        let now = cx.now.monotonic;
        let Some(request) = self.requests.get_mut(index as usize).filter(|r| r.serial == serial) else {
            return;
        };
        request.armed = Monotonic::NEVER;
        let action = match &mut request.server {
            Server::Invite(server) => server.on_timer(now, timing),
            Server::Other(server) => server.on_timer(now, timing),
        };
        match action {
            ServerAction::SendAgain => {
                let span = cx.outbox.write(|out| out.extend_from_slice(request.stored()));
                cx.outbox.send(Hop::Flow(request.reply), span, None);
            }
            ServerAction::SendTrying => self.send_trying(cx, index),
            ServerAction::Ended | ServerAction::AckMissing => return self.reap(index),
            // Nobody waits for what its targets still answer.
            ServerAction::Abandoned => {
                if let Some(text) = self.texts.remove(&index) {
                    texts::ended(cx, text, StatusCode::REQUEST_TIMEOUT);
                }
                self.drop_all_branches(index);
                return self.reap(index);
            }
            ServerAction::Nothing
            | ServerAction::Send
            | ServerAction::DeliverAck
            | ServerAction::Refused
            | ServerAction::TransportFailed => {}
        }
        self.arm_request(now, index);
    }

    fn send_trying(&mut self, cx: &mut Context<'_>, index: u32) {
        self.with_message(index, |proxy, message| {
            let request = &mut proxy.requests[index as usize];
            let source = request.source.remote;
            let span = cx.outbox.write(|out| {
                respond(message, StatusCode::TRYING, None, None, source, out).end(b"");
            });
            cx.outbox.send(Hop::Flow(request.reply), span, None);
            match &mut request.server {
                Server::Invite(server) => server.keep_trying(cx.outbox.bytes(span)),
                Server::Other(server) => server.keep_trying(cx.outbox.bytes(span)),
            }
        });
    }

    /// Timers A to F and M of a branch, timer C, and timer E of its CANCEL.
    fn branch_due(&mut self, cx: &mut Context<'_>, timing: &Timing, slot: u32, serial: u32) {
        let now = cx.now.monotonic;
        let Some(branch) = self.branches.get_mut(slot as usize).filter(|b| b.serial == serial) else {
            return;
        };
        branch.armed = Monotonic::NEVER;
        repeat_cancel(cx, timing, branch);
        let action = match &mut branch.client {
            Client::Resolving { until } if until.is_due(now) => ClientAction::TimedOut,
            Client::Resolving { .. } => ClientAction::Nothing,
            Client::Invite(client) => client.on_timer(now, timing),
            Client::Other(client) => client.on_timer(now, timing),
        };
        let index = branch.request;
        match action {
            ClientAction::SendAgain => send_again(cx, branch),
            ClientAction::TimedOut => {
                // One that has rung and says nothing to our CANCEL is there all the same.
                if !branch.is_cancelled() && !branch.withdrawn {
                    self.avoid(now, slot);
                }
                self.with_message(index, |proxy, stored| {
                    proxy.next_way(cx, slot, stored, StatusCode::REQUEST_TIMEOUT.code());
                    proxy.settle(cx, index, stored);
                });
            }
            ClientAction::Ended => {
                self.drop_branch(slot);
                // However it came about, a request that is open and has no branch any more gets its answer.
                if self.requests.get(index as usize).is_some_and(Request::is_open) {
                    self.with_message(index, |proxy, stored| proxy.settle(cx, index, stored));
                }
                return;
            }
            ClientAction::Nothing if branch.timer_c.is_due(now) => {
                // Section 16.8: cancelled; the 487, or its absence, ends it.
                cx.counters.timer_c_fired += 1;
                self.with_message(index, |proxy, stored| proxy.send_cancel(cx, slot, stored));
                self.consider(index, StatusCode::REQUEST_TIMEOUT.code(), &[]);
            }
            ClientAction::Nothing
            | ClientAction::Deliver
            | ClientAction::DeliverAndAck
            | ClientAction::TransportFailed => {}
        }
        if self.branches.get(slot as usize).is_some_and(|branch| branch.serial == serial) {
            self.arm_branch(now, slot);
        }
    }
}

fn repeat_cancel(cx: &mut Context<'_>, timing: &Timing, branch: &mut Branch) {
    let Cancel::Sent(cancel) = &mut branch.cancel else { return };
    match cancel.on_timer(cx.now.monotonic, timing) {
        ClientAction::SendAgain => {
            let span = cx.outbox.write(|out| out.extend_from_slice(cancel.stored()));
            cx.outbox.send(branch.hop.clone(), span, Some(SendToken(branch.token())));
        }
        ClientAction::TimedOut => branch.cancel = Cancel::Over,
        ClientAction::Nothing
        | ClientAction::Deliver
        | ClientAction::DeliverAndAck
        | ClientAction::TransportFailed
        | ClientAction::Ended => {}
    }
}

/// The request once more, or the ACK.
pub(super) fn send_again(cx: &mut Context<'_>, branch: &Branch) {
    let stored = match &branch.client {
        Client::Resolving { .. } => return,
        Client::Invite(client) => client.stored(),
        Client::Other(client) => client.stored(),
    };
    let span = cx.outbox.write(|out| out.extend_from_slice(stored));
    let token = branch.awaits_final().then(|| SendToken(branch.token()));
    cx.outbox.send(branch.hop.clone(), span, token);
}
