//! Trying targets: in parallel within one q, one q after another, an instance's other flows when one fails
//! (RFC 3261 sections 16.6 and 16.7, RFC 5626 section 7, RFC 5393 section 5.3.3).

use super::Proxy;
use super::best::{Failure, is_better};
use super::branch::{self, BRANCH_LEN, Branch, BranchState, Cancel, NONE, Way};
use super::forward::{self, Outgoing};
use super::next_hop::{self, NextHop};
use super::request::ServerState;
use super::timers::Owner;
use crate::context::Context;
use crate::flow::{ConnectionId, Flow, Hop, ListenerId};
use crate::outbox::{Output, ResolveToken, SendToken, Span};
use crate::route_token::{End, RouteToken, hop_of};
use crate::routing::{Target, is_sips};
use crate::world::{Listener, World};
use coeur_sip::resolve::{Answer, Failover, Progress, Query};
use coeur_sip::time::Monotonic;
use coeur_sip::{Message, StatusCode, Transport};
use std::time::Duration;

/// Section 18.1.1: a larger request may be cut to pieces on its way, and the pieces lost (bytes).
const UDP_BYTES_MAX: usize = 1_300;

/// How long an address that failed is tried last.
const FAILED_FOR: Duration = Duration::from_secs(30);
/// The most that a Retry-After can ask for.
const FAILED_FOR_MAX: Duration = Duration::from_secs(300);

impl Proxy {
    /// Looks at what is left to do for a request: try the next targets, or answer.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>, index: u32, message: &Message<'_>) {
        loop {
            // The last branch of a request that has ended takes it along.
            let Some(request) = self.requests.get(index as usize) else { return };
            if request.state != ServerState::Proceeding {
                return self.reap(index);
            }
            if self.has_pending(index) {
                return;
            }
            let request = &self.requests[index as usize];
            if request.stopped || request.waiting.is_empty() {
                return self.finish(cx, index, message);
            }
            self.launch_level(cx, index, message);
        }
    }

    /// All targets of the highest q, one for each instance, as many as Max-Breadth lets be tried at once.
    fn launch_level(&mut self, cx: &mut Context<'_>, index: u32, message: &Message<'_>) {
        let request = &mut self.requests[index as usize];
        let breadth = request.breadth;
        let Some(q) = request.waiting.front().map(|target| target.q) else { return };
        let mut level: Vec<Target> = Vec::new();
        let mut at = 0;
        while at < request.waiting.len() && level.len() < breadth as usize {
            let target = &request.waiting[at];
            let alternative =
                target.instance.is_some() && level.iter().any(|t| t.instance == target.instance);
            if target.q == q && !alternative {
                level.extend(request.waiting.remove(at));
            } else {
                at += 1;
            }
        }
        let share = breadth / level.len().max(1) as u32;
        let rest = breadth % level.len().max(1) as u32;
        for (nth, target) in level.into_iter().enumerate() {
            self.launch(cx, index, message, target, share + u32::from((nth as u32) < rest));
        }
    }

    /// Opens a branch for one target.
    pub(super) fn launch(
        &mut self,
        cx: &mut Context<'_>,
        index: u32,
        message: &Message<'_>,
        target: Target,
        breadth: u32,
    ) {
        if let Some(flow) = &target.flow {
            let hop = hop_of(flow);
            return self.open_branch(cx, index, target, breadth, Way::Flow, |proxy, cx, slot| {
                proxy.branches[slot as usize].hop = hop;
                proxy.transmit(cx, slot, message);
            });
        }
        let uri = first_route(target.path.as_deref()).unwrap_or(&target.uri);
        match next_hop::of_uri(cx.world, uri, cx.mint.u64()) {
            NextHop::Known(candidates) => {
                let failover = Failover::new(candidates, cx.now.monotonic, &self.failed);
                let way = Way::Walking(Box::new(failover));
                self.open_branch(cx, index, target, breadth, way, |proxy, cx, slot| {
                    proxy.walk(cx, slot, message, StatusCode::SERVICE_UNAVAILABLE.code());
                });
            }
            NextHop::Ask(resolution, queries) => {
                let way = Way::Asking(resolution);
                self.open_branch(cx, index, target, breadth, way, |proxy, cx, slot| {
                    proxy.ask(cx, slot, queries);
                    // A resolver that never answers must not hold the request.
                    let ends = cx.now.monotonic + timer_b(cx.world);
                    proxy.branches[slot as usize].ends = ends;
                    proxy.arm_branch(cx.now.monotonic, slot, ends);
                });
            }
            NextHop::Nowhere(status) => self.consider(index, status.code(), &[]),
        }
    }

    /// Makes room for a branch and lets `begin` send; nothing when the request has tried enough.
    fn open_branch(
        &mut self,
        cx: &mut Context<'_>,
        index: u32,
        target: Target,
        breadth: u32,
        way: Way,
        begin: impl FnOnce(&mut Self, &mut Context<'_>, u32),
    ) {
        let serial = self.next_serial();
        let request = &mut self.requests[index as usize];
        if request.tried >= cx.world.settings.branches_max {
            cx.counters.limits_hit += 1;
            return;
        }
        request.tried += 1;
        let entry = self.branches.vacant_entry();
        let slot = entry.key() as u32;
        entry.insert(Branch {
            request: index,
            next: request.first_branch,
            serial,
            name: branch::name_for(cx.mint, slot, request.loop_hash),
            state: BranchState::Resolving,
            cancel: Cancel::No,
            withdrawn: false,
            // Until the next hop is known.
            hop: Hop::Flow(request.source),
            target,
            way,
            smaller: None,
            smaller_tried: false,
            breadth,
            sent: Box::default(),
            deadline: Monotonic::NEVER,
            ends: Monotonic::NEVER,
            interval_ms: 0,
        });
        request.first_branch = slot;
        cx.counters.transactions_client += 1;
        if request.tried > 1 {
            cx.counters.forked_branches += 1;
        }
        begin(self, cx, slot);
    }

    fn ask(&mut self, cx: &mut Context<'_>, slot: u32, queries: Vec<Query>) {
        let token = ResolveToken(self.branches[slot as usize].token());
        cx.outbox.outputs.extend(queries.into_iter().map(|query| Output::Resolve { token, query }));
    }

    /// Sends to the next address; when none is left the branch ends with `status`.
    fn walk(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>, status: u16) {
        let branch = &mut self.branches[slot as usize];
        let next = match &mut branch.way {
            Way::Walking(failover) => failover.next().map(next_hop::hop),
            Way::Flow | Way::Asking(_) => None,
        };
        match next {
            Some(hop) => {
                branch.hop = hop;
                self.transmit(cx, slot, message);
            }
            None => self.fail_branch(slot, status),
        }
    }

    /// Writes and sends the request of a branch whose next hop is known (section 16.6).
    fn transmit(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>) {
        let now = cx.now.monotonic;
        let branch = &self.branches[slot as usize];
        if branch.target.secure && !branch.is_secure() {
            return self.fail_branch(slot, StatusCode::TEMPORARILY_UNAVAILABLE.code());
        }
        let mut written = self.write_branch(cx, slot, message);
        if written.is_some_and(|span| span.len() > UDP_BYTES_MAX) && self.prefers_tcp(cx.world, slot) {
            cx.outbox.arena.truncate(written.map_or(0, |span| span.start as usize));
            written = self.write_branch(cx, slot, message);
        }
        let Some(span) = written else {
            return self.fail_branch(slot, StatusCode::SERVICE_UNAVAILABLE.code());
        };
        let branch = &mut self.branches[slot as usize];
        cx.outbox.send(branch.hop.clone(), span, Some(SendToken(branch.token())));
        branch.state = BranchState::Calling;
        branch.ends = now + timer_b(cx.world);
        let mut first = branch.ends;
        branch.sent = Box::default();
        if !branch.is_reliable() {
            branch.sent = cx.outbox.bytes(span).into();
            branch.interval_ms = cx.world.settings.t1_ms;
            first = now + Duration::from_millis(u64::from(cx.world.settings.t1_ms));
        }
        self.arm_branch(now, slot, first);
    }

    fn write_branch(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>) -> Option<Span> {
        let branch = &self.branches[slot as usize];
        let request = &self.requests[branch.request as usize];
        let listener = next_hop::listener(cx.world, &branch.hop)?;
        let mut record_route = Vec::new();
        if request.record_route {
            let token = RouteToken {
                caller: End { flow: request.source, party: request.sender },
                callee: End { flow: flow_of(&branch.hop, listener), party: branch.target.party },
                secure: is_sips(message.request_uri()),
            };
            write_record_route(&self.seal, cx.world, message, &token, listener, &mut record_route);
        }
        let text: [u8; BRANCH_LEN] = branch.name.write();
        let outgoing = Outgoing {
            uri: &branch.target.uri,
            branch: &text,
            listener,
            source: request.source.remote,
            routes: request.routes,
            path: branch.target.path.as_deref(),
            record_route: &record_route,
            max_forwards: request.max_forwards,
            max_breadth: branch.breadth,
        };
        let world = cx.world;
        Some(cx.outbox.write(|out| forward::write_request(message, world, &outgoing, out)))
    }

    /// Section 18.1.1: what is too large for a datagram goes over TCP to the same place, if the URI leaves the
    /// transport to us; UDP remains for a place that has no TCP. A contact with a UDP flow is a phone behind a NAT
    /// that hardly listens on TCP: its flow is the only way, whatever the size.
    fn prefers_tcp(&mut self, world: &World, slot: u32) -> bool {
        let branch = &mut self.branches[slot as usize];
        let Hop::Address { transport: Transport::Udp, address, host } = &branch.hop else { return false };
        let uri = first_route(branch.target.path.as_deref()).unwrap_or(&branch.target.uri);
        let tcp = Hop::Address { transport: Transport::Tcp, address: *address, host: host.clone() };
        let listens = next_hop::listener(world, &tcp).is_some();
        if branch.smaller_tried || !listens || !next_hop::leaves_transport_open(uri) {
            return false;
        }
        branch.smaller = Some(std::mem::replace(&mut branch.hop, tcp));
        true
    }

    /// The answer to `Output::Resolve`.
    pub fn resolved(&mut self, cx: &mut Context<'_>, token: ResolveToken, answer: &Answer) {
        let Some(slot) = self.branch_of(token.0) else { return };
        let branch = &mut self.branches[slot as usize];
        let index = branch.request;
        let Way::Asking(resolution) = &mut branch.way else { return };
        match resolution.on_answer(answer) {
            Progress::Ask(queries) => return self.ask(cx, slot, queries),
            Progress::Done(Ok(resolved)) => {
                let failover = Failover::new(resolved.candidates, cx.now.monotonic, &self.failed);
                branch.way = Way::Walking(Box::new(failover));
                self.with_message(index, |proxy, message| {
                    proxy.walk(cx, slot, message, StatusCode::SERVICE_UNAVAILABLE.code());
                });
            }
            Progress::Done(Err(error)) => self.fail_branch(slot, next_hop::status_of(error).code()),
        }
        self.with_message(index, |proxy, message| proxy.settle(cx, index, message));
    }

    /// A request could not leave: the next address, the next flow of the instance, or a 503 (section 16.9).
    pub fn send_failed(&mut self, cx: &mut Context<'_>, token: SendToken, _why: crate::input::SendFailure) {
        cx.counters.send_failures += 1;
        let Some(slot) = self.branch_of(token.0) else { return };
        if self.branches[slot as usize].state != BranchState::Calling {
            return;
        }
        let index = self.branches[slot as usize].request;
        self.with_message(index, |proxy, message| {
            proxy.next_way(cx, slot, message, StatusCode::SERVICE_UNAVAILABLE.code());
            proxy.settle(cx, index, message);
        });
    }

    /// Leaves a way that does not work: RFC 3263 section 4.3, RFC 5626 section 7.
    pub(super) fn next_way(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>, status: u16) {
        let branch = &mut self.branches[slot as usize];
        let index = branch.request;
        if let Hop::Address { transport, address, .. } = &branch.hop {
            self.failed.insert(cx.now.monotonic, *transport, *address, FAILED_FOR);
        }
        if branch.withdrawn {
            return self.drop_branch(slot);
        }
        if self.may_walk_on(slot, status) {
            let branch = &mut self.branches[slot as usize];
            // A new attempt is a new client transaction, with a branch of its own.
            branch.name = branch::name_for(cx.mint, slot, branch.name.loop_hash);
            if let Some(hop) = branch.smaller.take() {
                branch.hop = hop;
                branch.smaller_tried = true;
                return self.transmit(cx, slot, message);
            }
            branch.smaller_tried = false;
            return self.walk(cx, slot, message, status);
        }
        let branch = &self.branches[slot as usize];
        let Target { uri, flow: old_flow, instance, party, .. } = branch.target.clone();
        let (breadth, cancelled) = (branch.breadth, branch.cancel != Cancel::No);
        self.fail_branch(slot, status);
        let Some(request) = self.requests.get_mut(index as usize) else { return };
        if cancelled && instance.is_some() {
            // A phone that rang until timer C has not lost its flow.
            request.waiting.retain(|target| target.instance != instance);
            return;
        }
        if request.stopped || request.state != ServerState::Proceeding {
            return;
        }
        let alternative = request.waiting.iter().position(|t| instance.is_some() && t.instance == instance);
        if let Some(target) = alternative.and_then(|at| request.waiting.remove(at)) {
            return self.launch(cx, index, message, target, breadth);
        }
        if request.inside && request.redirects == 0 {
            request.redirects = 1;
            let routes = request.routes;
            let again =
                party.and_then(|p| super::ends::found_again(cx, p, instance.as_deref(), &uri, old_flow));
            if let Some(mut target) = again {
                if routes.kept(message).next().is_some() {
                    target.path = None;
                }
                self.launch(cx, index, message, target, breadth);
            }
        }
    }

    /// After timer F the caller of a non-INVITE has given up too: it is told of a failure and must not see the
    /// request take effect later (RFC 4321 section 1.3). What failed is avoided by the next request.
    fn may_walk_on(&self, slot: u32, status: u16) -> bool {
        let branch = &self.branches[slot as usize];
        let left = match &branch.way {
            Way::Walking(failover) => failover.remaining() > 0 || branch.smaller.is_some(),
            Way::Flow | Way::Asking(_) => false,
        };
        let invite = self.requests[branch.request as usize].invite;
        let timed_out = status == StatusCode::REQUEST_TIMEOUT.code();
        left && branch.cancel == Cancel::No && (invite || !timed_out)
    }

    /// The addresses that a branch which answered 503 has not tried yet are a new branch (RFC 3263 section 4.3).
    pub(super) fn walk_on_after_503(
        &mut self,
        cx: &mut Context<'_>,
        slot: u32,
        message: &Message<'_>,
        response: &Message<'_>,
    ) -> bool {
        let branch = &mut self.branches[slot as usize];
        if let (Hop::Address { transport, address, .. }, Ok(Some(after))) =
            (&branch.hop, response.retry_after())
        {
            let span = Duration::from_secs(u64::from(after.seconds)).min(FAILED_FOR_MAX);
            self.failed.insert(cx.now.monotonic, *transport, *address, span);
        }
        if branch.cancel != Cancel::No || !matches!(&branch.way, Way::Walking(left) if left.remaining() > 0) {
            return false;
        }
        let (index, target, breadth) = (branch.request, branch.target.clone(), branch.breadth);
        let way = std::mem::replace(&mut branch.way, Way::Flow);
        self.open_branch(cx, index, target, breadth, way, |proxy, cx, slot| {
            proxy.walk(cx, slot, message, StatusCode::SERVICE_UNAVAILABLE.code());
        });
        true
    }

    /// Ends a branch with a failure of ours: 408 or 503.
    pub(super) fn fail_branch(&mut self, slot: u32, status: u16) {
        let branch = &self.branches[slot as usize];
        if !branch.withdrawn {
            self.consider(branch.request, status, &[]);
        }
        self.drop_branch(slot);
    }

    /// Section 16.7 step 6, one answer at a time.
    pub(super) fn consider(&mut self, index: u32, status: u16, bytes: &[u8]) {
        let request = &mut self.requests[index as usize];
        let both_challenge = |a: u16, b: u16| [401, 407].contains(&a) && [401, 407].contains(&b);
        match &mut request.best {
            Some(best) if both_challenge(best.status, status) => super::best::aggregate(best, bytes),
            Some(best) if !is_better(status, best.status) => {}
            best => *best = Some(Failure { status, bytes: bytes.into() }),
        }
    }

    /// Every branch has ended: the best answer goes back (sections 16.7 steps 6 and 9, RFC 4320 section 4.1).
    fn finish(&mut self, cx: &mut Context<'_>, index: u32, message: &Message<'_>) {
        let request = &mut self.requests[index as usize];
        let best = request.best.take();
        let status = best.as_ref().map_or(StatusCode::TEMPORARILY_UNAVAILABLE.code(), |best| best.status);
        let local = match (status, request.invite) {
            (408, false) => {
                // RFC 4320 section 4.2: a 408 to a non-INVITE only makes noise; the caller has timed out too.
                request.state = ServerState::Terminated;
                return self.reap(index);
            }
            // No way to the other end of the dialog is left.
            (503, _) if request.inside && best.as_ref().is_none_or(|best| best.bytes.is_empty()) => {
                StatusCode::TEMPORARILY_UNAVAILABLE
            }
            // A 503 of one target says nothing about us (section 16.7 step 6).
            (503, _) => StatusCode::SERVER_INTERNAL_ERROR,
            // RFC 5626 section 5.3.1: 430 is between edge and authoritative proxy.
            (430, _) => StatusCode::TEMPORARILY_UNAVAILABLE,
            (487, _) if best.as_ref().is_none_or(|b| b.bytes.is_empty()) => StatusCode::REQUEST_TERMINATED,
            (408, true) => StatusCode::REQUEST_TIMEOUT,
            _ => match best.filter(|best| !best.bytes.is_empty()) {
                Some(best) => {
                    let span = cx.outbox.write(|out| out.extend_from_slice(&best.bytes));
                    return self.answer_final(cx, index, span, best.status);
                }
                // A failure of our own, such as a domain that does not exist.
                None => StatusCode::new(status).unwrap_or(StatusCode::TEMPORARILY_UNAVAILABLE),
            },
        };
        self.answer_ourselves(cx, index, message, local);
    }

    pub(super) fn has_pending(&self, index: u32) -> bool {
        self.slots_of(index).any(|slot| self.branches[slot as usize].is_pending())
    }

    pub(super) fn slots_of(&self, index: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = self.requests.get(index as usize).map_or(NONE, |request| request.first_branch);
        std::iter::from_fn(move || {
            let slot = next;
            next = self.branches.get(slot as usize)?.next;
            Some(slot)
        })
    }

    /// Takes a branch out of its request's list and forgets it.
    pub(super) fn drop_branch(&mut self, slot: u32) {
        let Some(branch) = self.branches.try_remove(slot as usize) else { return };
        let request = &mut self.requests[branch.request as usize];
        if request.first_branch == slot {
            request.first_branch = branch.next;
        } else {
            let mut at = request.first_branch;
            while let Some(other) = self.branches.get_mut(at as usize) {
                if other.next == slot {
                    other.next = branch.next;
                    break;
                }
                at = other.next;
            }
        }
        self.reap(branch.request);
    }

    pub(super) fn arm_branch(&mut self, now: Monotonic, slot: u32, at: Monotonic) {
        let branch = &mut self.branches[slot as usize];
        // An entry that fires before the deadline is armed again, so a later deadline needs no entry of its own.
        let covered = branch.deadline != Monotonic::NEVER && branch.deadline > now && branch.deadline <= at;
        branch.deadline = at;
        if !covered {
            self.wheel.arm(now, at, Owner::Branch(slot), branch.serial);
        }
    }

    fn branch_of(&self, token: u64) -> Option<u32> {
        let slot = (token >> 32) as u32;
        let branch = self.branches.get(slot as usize)?;
        (branch.serial == token as u32).then_some(slot)
    }
}

/// Timers B and F: 64*T1.
pub(super) fn timer_b(world: &World) -> Duration {
    Duration::from_millis(64 * u64::from(world.settings.t1_ms))
}

/// Where the dialog will reach this side: a flow, or an address to connect to.
fn flow_of(hop: &Hop, listener: &Listener) -> Flow {
    match hop {
        Hop::Flow(flow) => *flow,
        Hop::Address { transport, address, .. } => Flow {
            transport: *transport,
            listener: listener.id,
            connection: ConnectionId::NONE,
            remote: *address,
        },
    }
}

/// One Record-Route when both sides use one listener, else two, each naming the listener that its side can reach
/// (RFC 5658): the callee reads the first, the caller the second. Both carry the same token.
fn write_record_route(
    seal: &crate::route_token::RouteSeal,
    world: &World,
    message: &Message<'_>,
    token: &RouteToken,
    callee_side: &Listener,
    out: &mut Vec<u8>,
) {
    let mut text = Vec::with_capacity(crate::route_token::TOKEN_TEXT_MAX);
    let caller_tag = message.from().ok().and_then(|from| from.tag()).unwrap_or_default();
    seal.seal(token, message.call_id(), caller_tag, &mut text);
    write_route_uri(callee_side, &text, token.secure, out);
    if token.caller.flow.listener != callee_side.id
        && let Some(caller_side) = listener_of(world, token.caller.flow.listener)
    {
        out.extend_from_slice(b", ");
        write_route_uri(caller_side, &text, token.secure, out);
    }
}

fn write_route_uri(listener: &Listener, token: &[u8], secure: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if secure { b"<sips:" } else { b"<sip:" });
    out.extend_from_slice(token);
    out.push(b'@');
    out.extend_from_slice(listener.sent_by.as_bytes());
    let transport = match listener.transport {
        Transport::Udp => None,
        // RFC 3261 section 26.2.2: sips means TLS; what is below it is TCP or a WebSocket.
        Transport::Tls if secure => None,
        Transport::Wss if secure => Some(Transport::Ws),
        other => Some(other),
    };
    if let Some(transport) = transport {
        out.extend_from_slice(b";transport=");
        out.extend_from_slice(transport.as_param().as_bytes());
    }
    out.extend_from_slice(b";lr>");
}

fn listener_of(world: &World, id: ListenerId) -> Option<&Listener> {
    world.listeners.iter().find(|listener| listener.id == id)
}

/// The URI of the first Route in a stored Path.
fn first_route(path: Option<&[u8]>) -> Option<&[u8]> {
    let path = path?;
    let open = memchr::memchr(b'<', path)? + 1;
    let close = memchr::memchr(b'>', &path[open..])? + open;
    Some(&path[open..close])
}
