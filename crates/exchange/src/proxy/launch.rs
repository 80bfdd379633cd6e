//! Branches (client transactions): each begins with a target, finds its next hop, sends, and goes on to another way
//! when one does not work (RFC 3261 section 16.6, RFC 3263 section 4.3, RFC 5626 section 7).

use super::branch::{self, BRANCH_LEN, Branch, Cancel, Client, Way};
use super::ends::found_again;
use super::forward::{self, Outgoing, first_route};
use super::held::Share;
use super::next_hop::{self, NextHop};
use super::record_route;
use super::request::Server;
use super::{Proxy, timing};
use crate::context::Context;
use crate::flow::Hop;
use crate::input::SendFailure;
use crate::outbox::{Output, ResolveToken, SendToken, Span};
use crate::route_token::{End, RouteToken, hop_of};
use crate::routing::{Target, is_sips};
use crate::world::World;
use coeur_sip::resolve::{Answer, Candidate, Failover, Progress, Query};
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::{ClientAction, InviteClient, NonInviteClient};
use coeur_sip::{Message, StatusCode, Transport};
use std::time::Duration;

/// Section 18.1.1: a larger request may be cut to pieces on its way, and the pieces lost (bytes).
const UDP_BYTES_MAX: usize = 1_300;

/// How long an address that failed is tried last.
const FAILED_FOR: Duration = Duration::from_secs(30);
/// The most that a Retry-After can ask for.
const FAILED_FOR_MAX: Duration = Duration::from_secs(300);

impl Proxy {
    /// Opens a branch for one target.
    pub(super) fn launch(
        &mut self,
        cx: &mut Context<'_>,
        index: u32,
        message: &Message<'_>,
        target: Target,
        breadth: u32,
    ) {
        if target.is_asleep() {
            return self.wake(cx, index, &target, breadth);
        }
        if let Some(flow) = &target.flow {
            let hop = hop_of(flow, target.host.as_deref());
            return self.open_branch(cx, (index, message), target, breadth, Way::Flow, |proxy, cx, slot| {
                proxy.branches[slot as usize].hop = hop;
                proxy.wake_if_silent(cx, slot);
                proxy.transmit(cx, slot, message);
            });
        }
        let uri = target.path.as_deref().and_then(first_route).unwrap_or(&target.uri);
        match next_hop::of_uri(cx, &target, uri) {
            NextHop::Known(candidates) => {
                let failover = Failover::new(candidates, cx.now.monotonic, &self.failed);
                let way = Way::Walking(Box::new(failover));
                self.open_branch(cx, (index, message), target, breadth, way, |proxy, cx, slot| {
                    proxy.walk(cx, slot, message, StatusCode::SERVICE_UNAVAILABLE.code());
                });
            }
            NextHop::Ask(resolution, queries) => {
                let way = Way::Asking(resolution);
                self.open_branch(cx, (index, message), target, breadth, way, |proxy, cx, slot| {
                    proxy.ask(cx, slot, queries);
                    // A resolver that never answers must not hold the request.
                    let until = cx.now.monotonic + timing(cx.world).lifetime();
                    proxy.branches[slot as usize].client = Client::Resolving { until };
                    proxy.arm_branch(cx.now.monotonic, slot);
                });
            }
            NextHop::Nowhere(status) => self.consider(index, status.code(), &[]),
        }
    }

    /// Makes room for a branch and lets `begin` send; nothing when the request has tried enough.
    fn open_branch(
        &mut self,
        cx: &mut Context<'_>,
        (index, message): (u32, &Message<'_>),
        target: Target,
        breadth: u32,
        way: Way,
        begin: impl FnOnce(&mut Self, &mut Context<'_>, u32),
    ) {
        let serial = self.next_serial();
        let request = &mut self.requests[index as usize];
        // Over UDP it keeps what it sends, which is about what came.
        let held = size_of::<Branch>() + message.bytes().len();
        if request.tried >= cx.world.settings.branches_max
            || !self.held.take(request.account(), Share::of_bytes(held))
        {
            cx.counters.limits_hit += 1;
            return;
        }
        request.held += held as u32;
        request.tried += 1;
        let entry = self.branches.vacant_entry();
        let slot = entry.key() as u32;
        entry.insert(Branch {
            request: index,
            next: request.first_branch,
            serial,
            name: branch::name_for(cx.mint, slot, request.loop_hash),
            client: Client::Resolving { until: Monotonic::NEVER },
            cancel: Cancel::No,
            timer_c: Monotonic::NEVER,
            withdrawn: false,
            // Until the next hop is known.
            hop: Hop::Flow(request.source),
            target,
            way,
            smaller: None,
            smaller_tried: false,
            breadth,
            armed: Monotonic::NEVER,
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
            Way::Walking(failover) => next_hop::next_of(cx.world, failover),
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
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let (reliable, bytes) = (branch.is_reliable(), cx.outbox.bytes(span));
        branch.client = match self.requests[branch.request as usize].server {
            Server::Invite(_) => Client::Invite(InviteClient::start(now, &timing, reliable, bytes)),
            Server::Other(_) => Client::Other(NonInviteClient::start(now, &timing, reliable, bytes)),
        };
        self.arm_branch(now, slot);
    }

    fn write_branch(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>) -> Option<Span> {
        let branch = &self.branches[slot as usize];
        let request = &self.requests[branch.request as usize];
        let listener = next_hop::listener(cx.world, &branch.hop)?;
        self.record_route.clear();
        if request.record_route {
            let token = RouteToken {
                caller: End { flow: request.source, party: request.sender, host: None },
                callee: record_route::end_of(&branch.hop, branch.target.party),
                secure: is_sips(message.request_uri()),
            };
            record_route::write(&self.seal, cx.world, message, &token, listener, &mut self.record_route);
        }
        let text: [u8; BRANCH_LEN] = branch.name.write();
        let outgoing = Outgoing {
            uri: &branch.target.uri,
            branch: &text,
            listener,
            source: request.source.remote,
            routes: request.routes,
            path: branch.target.path.as_deref(),
            record_route: &self.record_route,
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
        let Hop::Address { transport: Transport::Udp, address, host, .. } = &branch.hop else { return false };
        let uri = branch.target.path.as_deref().and_then(first_route).unwrap_or(&branch.target.uri);
        if branch.smaller_tried || !next_hop::leaves_transport_open(uri) {
            return false;
        }
        let tcp = Candidate { transport: Transport::Tcp, address: *address, host: host.clone() };
        let Some(tcp) = next_hop::hop(world, &tcp) else { return false };
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
                match next_hop::permitted(cx, &branch.target, resolved.candidates) {
                    Ok(candidates) => {
                        let failover = Failover::new(candidates, cx.now.monotonic, &self.failed);
                        branch.way = Way::Walking(Box::new(failover));
                        self.with_message(index, |proxy, message| {
                            proxy.walk(cx, slot, message, StatusCode::SERVICE_UNAVAILABLE.code());
                        });
                    }
                    Err(status) => self.fail_branch(slot, status.code()),
                }
            }
            Progress::Done(Err(error)) => self.fail_branch(slot, next_hop::status_of(error).code()),
        }
        self.with_message(index, |proxy, message| proxy.settle(cx, index, message));
    }

    /// A request could not leave: the next address, the next flow of the instance, or a 503 (section 16.9).
    pub fn send_failed(&mut self, cx: &mut Context<'_>, token: SendToken, why: SendFailure) {
        cx.counters.send_failures += 1;
        let Some(slot) = self.branch_of(token.0) else { return };
        let branch = &mut self.branches[slot as usize];
        // A full socket of our own: as good as lost on its way, which timers A and E are for (section 17.1.1.2).
        if why == SendFailure::Congested && !branch.is_reliable() {
            return;
        }
        let (index, waits) = (branch.request, branch.awaits_final());
        let action = match &mut branch.client {
            Client::Resolving { .. } => ClientAction::Nothing,
            Client::Invite(client) => client.on_transport_error(),
            Client::Other(client) => client.on_transport_error(),
        };
        if action != ClientAction::TransportFailed {
            return;
        }
        if !waits {
            return self.drop_branch(slot);
        }
        match why {
            SendFailure::Unreachable | SendFailure::Untrusted => self.avoid(cx.now.monotonic, slot),
            // These say nothing of the place.
            SendFailure::FlowClosed | SendFailure::Congested => {}
        }
        self.with_message(index, |proxy, message| {
            proxy.next_way(cx, slot, message, StatusCode::SERVICE_UNAVAILABLE.code());
            proxy.settle(cx, index, message);
        });
    }

    /// The place where this branch was sent has failed: for a while it is tried last (RFC 3263 section 4.3).
    pub(super) fn avoid(&mut self, now: Monotonic, slot: u32) {
        if let Hop::Address { transport, address, .. } = &self.branches[slot as usize].hop {
            self.failed.insert(now, *transport, *address, FAILED_FOR);
        }
    }

    /// Leaves a way that does not work: RFC 3263 section 4.3, RFC 5626 section 7.
    pub(super) fn next_way(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>, status: u16) {
        let branch = &mut self.branches[slot as usize];
        let index = branch.request;
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
        let (breadth, cancelled) = (branch.breadth, branch.is_cancelled());
        self.fail_branch(slot, status);
        let Some(request) = self.requests.get_mut(index as usize) else { return };
        if cancelled && instance.is_some() {
            // A phone that rang until timer C has not lost its flow.
            request.waiting.retain(|target| target.instance != instance);
            return;
        }
        if request.stopped || !request.is_open() {
            return;
        }
        let alternative = request.waiting.iter().position(|t| instance.is_some() && t.instance == instance);
        if let Some(target) = alternative.and_then(|at| request.waiting.remove(at)) {
            return self.launch(cx, index, message, target, breadth);
        }
        if request.inside && !request.looked_again {
            request.looked_again = true;
            let routes = request.routes;
            let again = party.and_then(|p| found_again(cx, p, instance.as_deref(), &uri, old_flow));
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
        let invite = self.requests[branch.request as usize].is_invite();
        let timed_out = status == StatusCode::REQUEST_TIMEOUT.code();
        left && !branch.is_cancelled() && (invite || !timed_out)
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
        if branch.is_cancelled() || !matches!(&branch.way, Way::Walking(left) if left.remaining() > 0) {
            return false;
        }
        let (index, target, breadth) = (branch.request, branch.target.clone(), branch.breadth);
        let way = std::mem::replace(&mut branch.way, Way::Flow);
        self.open_branch(cx, (index, message), target, breadth, way, |proxy, cx, slot| {
            proxy.walk(cx, slot, message, StatusCode::SERVICE_UNAVAILABLE.code());
        });
        true
    }

    fn branch_of(&self, token: u64) -> Option<u32> {
        let slot = (token >> 32) as u32;
        let branch = self.branches.get(slot as usize)?;
        (branch.serial == token as u32).then_some(slot)
    }
}
