//! The caller's side: server transactions (RFC 3261 section 17.2, RFC 6026) and what they send.

use super::Owner;
use super::branch::NONE;
use super::held::Share;
use super::request::{Assignment, Request, Server};
use super::{Proxy, timing, validate};
use crate::answer::{answer_stranger, flow_back};
use crate::context::Context;
use crate::event::Event;
use crate::flow::{Flow, Hop};
use crate::outbox::Span;
use crate::texts;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::{InviteServer, NonInviteServer, ServerAction};
use coeur_sip::{Message, Method, StatusCode, respond};

impl Proxy {
    /// A request that we already know: answered again, or absorbed. False: it is new.
    pub fn retransmission(&mut self, cx: &mut Context<'_>, message: &Message<'_>) -> bool {
        let method = message.method();
        let Some(key) = self.key(message, method.as_bytes()) else { return false };
        let Some(&index) = self.requests_by_key.get(&key) else { return false };
        let request = &mut self.requests[index as usize];
        let action = match &mut request.server {
            Server::Invite(server) => server.on_retransmission(),
            Server::Other(server) => server.on_retransmission(),
        };
        if action == ServerAction::SendAgain {
            let span = cx.outbox.write(|out| out.extend_from_slice(request.stored()));
            cx.outbox.send(Hop::Flow(request.reply), span, None);
            cx.counters.retransmissions_answered += 1;
        }
        true
    }

    /// Sections 16.3 to 16.6: checks, opens the server transaction, and tries the targets. False: it was refused.
    pub(super) fn relay(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        assignment: Assignment,
    ) -> bool {
        let passed = match validate::check(cx.world, message) {
            Ok(passed) => passed,
            Err(status) => {
                match status {
                    StatusCode::LOOP_DETECTED => cx.counters.loops_detected += 1,
                    _ => cx.counters.limits_hit += 1,
                }
                refuse(cx, flow, message, status);
                return false;
            }
        };
        let Some(key) = self.key(message, message.method().as_bytes()) else { return false };
        let held = size_of::<Request>() + message.bytes().len();
        if !self.held.take(assignment.sender.map(|sender| sender.account), Share::of_request(held)) {
            cx.counters.limits_hit += 1;
            refuse(cx, flow, message, StatusCode::SERVICE_UNAVAILABLE);
            return false;
        }
        let index = self.open(cx, flow, message, key, assignment, passed);
        self.settle(cx, index, message);
        true
    }

    fn open(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        key: coeur_sip::transaction::TransactionKey,
        assignment: Assignment,
        passed: validate::Passed,
    ) -> u32 {
        let Assignment { targets, routes, inside, sender } = assignment;
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let method = message.method();
        let invite = method == Method::Invite;
        let reply = flow_back(&flow, message);
        let reliable = reply.transport.is_reliable();
        let server = match invite {
            true => Server::Invite(InviteServer::start(now, &timing, reliable)),
            false => Server::Other(NonInviteServer::start(now, &timing, reliable)),
        };
        let record_route = !inside
            && matches!(
                method,
                Method::Invite | Method::Subscribe | Method::Refer | Method::Notify | Method::Other(_)
            );
        let to_tag = cx.mint.tag();
        let to = targets.first().and_then(|target| target.party);
        let from = sender.filter(|_| method == Method::Message);
        let text = from.map(|from| texts::of(message, to_tag, from, to));
        let seen = match cx.world.settings.recurse_on_redirect {
            true => targets.iter().map(|target| self.target_key(target)).collect(),
            false => Vec::new(),
        };
        let serial = self.next_serial();
        let index = self.requests.insert(Request {
            key,
            ack_key: None,
            serial,
            sender,
            // A message has at most 64 kB.
            held: (size_of::<Request>() + message.bytes().len()) as u32,
            source: flow,
            reply,
            server,
            message: message.bytes().into(),
            waiting: targets.into(),
            first_branch: NONE,
            best: None,
            loop_hash: passed.loop_hash,
            max_forwards: passed.max_forwards,
            breadth: passed.breadth,
            tried: 0,
            redirects: 0,
            seen,
            stopped: false,
            revoked: false,
            inside,
            looked_again: false,
            routes,
            record_route,
            to_tag,
            armed: Monotonic::NEVER,
        }) as u32;
        self.requests_by_key.insert(key, index);
        if let Some(text) = text {
            cx.outbox.publish(Event::Texted(text.clone()));
            self.texts.insert(index, text);
        }
        cx.counters.transactions_server += 1;
        cx.counters.proxied_requests += 1;
        if invite {
            if !inside {
                cx.counters.calls_started += 1;
            }
            // Section 16.2: at once, well under 200 ms.
            let source = flow.remote;
            let span = cx.outbox.write(|out| {
                respond(message, StatusCode::TRYING, None, None, source, out).end(b"");
            });
            self.answer(cx, index, span, StatusCode::TRYING);
        }
        self.arm_request(now, index);
        index
    }

    /// Hands an answer to the server transaction, and sends it when that lets it pass.
    pub(super) fn answer(&mut self, cx: &mut Context<'_>, index: u32, span: Span, status: StatusCode) {
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let request = &mut self.requests[index as usize];
        if status.class() > 1
            && let Some(text) = self.texts.remove(&index)
        {
            texts::ended(cx, text, status);
        }
        let bytes = cx.outbox.bytes(span);
        let before = request.stored().len();
        let action = match &mut request.server {
            Server::Invite(server) => server.on_response(now, &timing, status.code(), bytes),
            Server::Other(server) => server.on_response(now, &timing, status.code(), bytes),
        };
        if action == ServerAction::Send {
            cx.outbox.send(Hop::Flow(request.reply), span, None);
        }
        let after = request.stored().len();
        self.keeps_instead(index, before, after);
        self.arm_request(now, index);
        self.reap(index);
    }

    /// The request keeps another answer than before (bytes).
    pub(super) fn keeps_instead(&mut self, index: u32, before: usize, after: usize) {
        if before != after {
            let request = &mut self.requests[index as usize];
            request.held = request.held + after as u32 - before as u32;
            self.held.change(request.account(), before, after);
        }
    }

    /// Answers with a status of our own.
    pub(super) fn answer_ourselves(
        &mut self,
        cx: &mut Context<'_>,
        index: u32,
        message: &Message<'_>,
        status: StatusCode,
    ) {
        let request = &self.requests[index as usize];
        let (source, tag) = (request.source.remote, request.to_tag);
        let span = cx.outbox.write(|out| {
            respond(message, status, None, Some(&tag), source, out).end(b"");
        });
        self.answer(cx, index, span, status);
    }

    /// An ACK that belongs to a failure of ours ends its repetition (section 17.2.1). False: it is for somebody.
    pub(super) fn absorb_ack(&mut self, cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>) -> bool {
        let Some(key) = self.key(message, b"ACK") else { return true };
        let Some(&index) = self.requests_by_key.get(&key) else {
            return self.refused.contains(key, message.cseq().number, flow);
        };
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let request = &mut self.requests[index as usize];
        let Server::Invite(server) = &mut request.server else { return true };
        let action = server.on_ack(now, &timing);
        self.arm_request(now, index);
        self.reap(index);
        // A phone may repeat the branch of its INVITE in the ACK of a 2xx: the Route decides.
        action != ServerAction::DeliverAck
    }

    /// An entry that fires too early is armed again, so a later deadline needs no entry of its own.
    pub(super) fn arm_request(&mut self, now: Monotonic, index: u32) {
        let request = &mut self.requests[index as usize];
        let at = request.next_deadline();
        if at < request.armed {
            request.armed = at;
            self.wheel.arm(now, at, Owner::Request(index), request.serial);
        }
    }

    /// Forgets a request that has ended and whose branches are gone.
    pub(super) fn reap(&mut self, index: u32) {
        let Some(request) = self.requests.get_mut(index as usize) else { return };
        if !request.is_terminated() {
            return;
        }
        for key in [Some(request.key), request.ack_key.take().map(|key| *key)].into_iter().flatten() {
            if self.requests_by_key.get(&key) == Some(&index) {
                self.requests_by_key.remove(&key);
            }
        }
        if request.first_branch == NONE {
            let request = self.requests.remove(index as usize);
            self.texts.remove(&index);
            self.held.give_back(request.account(), Share::of_request(request.held as usize));
        }
    }
}

/// Answers without keeping anything: repetitions are answered again. Who asked may have proved nothing (a CANCEL cannot
/// be challenged).
pub(super) fn refuse(cx: &mut Context<'_>, flow: Flow, message: &Message<'_>, status: StatusCode) {
    answer_stranger(cx, &flow, message, status, None, |_| {});
}
