//! What the targets answer (RFC 3261 section 16.7).

use super::branch::{BRANCH_LEN, Branch, BranchName, Cancel, Client};
use super::forward::{self, Outgoing};
use super::time::send_again;
use super::{Proxy, next_hop, timing};
use crate::context::Context;
use crate::flow::{Flow, Hop};
use crate::outbox::{SendToken, Span};
use crate::routing::{Target, is_sips};
use coeur_sip::header::HeaderName;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::{ClientAction, TransactionKey};
use coeur_sip::{Message, Method, StatusCode};
use std::time::Duration;

/// Redirections followed for one request.
const REDIRECTS_MAX: u8 = 5;

impl Proxy {
    /// A response whose top Via is ours. One without a branch here is dropped (RFC 6026 section 8.9).
    pub fn response(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) {
        let Some((slot, status)) = self.branch_answered(cx, message) else {
            cx.counters.stray_responses += 1;
            return;
        };
        if !answers_from(cx, &self.branches[slot as usize], &flow) {
            cx.counters.responses_from_elsewhere += 1;
            return;
        }
        if message.method() == Method::Cancel {
            return self.cancel_answered(cx, slot, status);
        }
        // Section 16.7 step 3. It is for nobody, so it moves no timer: B and C go on, and end what it belongs to.
        if !forward::has_another_via(message) {
            cx.counters.stray_responses += 1;
            return;
        }
        self.no_longer_avoid(slot);
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let branch = &mut self.branches[slot as usize];
        let first = branch.awaits_final();
        let action = match &mut branch.client {
            Client::Resolving { .. } => ClientAction::Nothing,
            Client::Invite(client) => client.on_response(now, &timing, status.code()),
            Client::Other(client) => client.on_response(now, &timing, status.code()),
        };
        match action {
            ClientAction::Deliver if status.is_provisional() => self.provisional(cx, slot, message, status),
            ClientAction::Deliver if matches!(branch.client, Client::Invite(_)) => {
                self.invite_accepted(cx, slot, message, first);
            }
            ClientAction::Deliver => self.answered(cx, slot, message, status),
            ClientAction::DeliverAndAck => self.invite_failed(cx, slot, message, status),
            ClientAction::SendAgain => send_again(cx, branch),
            ClientAction::Nothing
            | ClientAction::TimedOut
            | ClientAction::TransportFailed
            | ClientAction::Ended => {}
        }
    }

    /// RFC 3263 section 4.3: who answers has not failed.
    fn no_longer_avoid(&mut self, slot: u32) {
        if let Hop::Address { transport, address, .. } = &self.branches[slot as usize].hop
            && !self.failed.is_empty()
        {
            self.failed.remove(*transport, *address);
        }
    }

    fn branch_answered(&self, cx: &Context<'_>, message: &Message<'_>) -> Option<(u32, StatusCode)> {
        let via = message.via().ok()?;
        let name = BranchName::read(via.branch?)?;
        let branch = self.branches.get(name.slot as usize)?;
        let method = message.method();
        let method_fits = match &branch.client {
            Client::Resolving { .. } => false,
            Client::Invite(_) => matches!(method, Method::Invite | Method::Cancel),
            Client::Other(_) => !matches!(method, Method::Invite | Method::Cancel),
        };
        let ours = branch.name == name && name.shard == cx.mint.shard() && method_fits;
        ours.then_some((name.slot, message.status()?))
    }

    /// Steps 2 and 5: timer C begins anew with every provisional answer but 100, and all but 100 are forwarded.
    fn provisional(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>, status: StatusCode) {
        let now = cx.now.monotonic;
        let branch = &mut self.branches[slot as usize];
        let (index, withdrawn) = (branch.request, branch.withdrawn);
        let invite = matches!(branch.client, Client::Invite(_));
        let first = branch.timer_c == Monotonic::NEVER;
        if invite && !branch.is_cancelled() && (first || status != StatusCode::TRYING) {
            branch.timer_c = now + Duration::from_millis(u64::from(cx.world.settings.timer_c_ms));
        }
        self.arm_branch(now, slot);
        if matches!(self.branches[slot as usize].cancel, Cancel::Wanted) {
            self.with_message(index, |proxy, stored| proxy.send_cancel(cx, slot, stored));
        }
        // RFC 4320 section 4.1: a request other than INVITE gets no provisional answer but 100, and that from us.
        let passes = invite && !withdrawn && status != StatusCode::TRYING;
        if !passes || !self.requests[index as usize].is_open() {
            return;
        }
        if let Some(span) = written(cx, message) {
            cx.counters.proxied_responses += 1;
            self.answer(cx, index, span, status);
        }
    }

    /// Every 2xx to INVITE is forwarded at once, also a second one (step 5); a failure is never sent before all have
    /// ended, so none comes after one.
    fn invite_accepted(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>, first: bool) {
        let branch = &mut self.branches[slot as usize];
        let (index, withdrawn) = (branch.request, branch.withdrawn);
        branch.timer_c = Monotonic::NEVER;
        self.arm_branch(cx.now.monotonic, slot);
        let request = &self.requests[index as usize];
        if withdrawn || request.revoked {
            // See `revoke`: without its ACK the phone ends the call itself (section 13.3.1.4).
            cx.counters.stray_responses += 1;
            return;
        }
        let Some(span) = written(cx, message) else { return };
        cx.counters.proxied_responses += 1;
        if request.is_open() && !request.inside {
            cx.counters.calls_answered += 1;
        }
        self.answer(cx, index, span, message.status().unwrap_or(StatusCode::OK));
        if first {
            self.with_message(index, |proxy, stored| proxy.cancel_branches(cx, index, stored));
            let request = &mut self.requests[index as usize];
            request.waiting.clear();
            request.best = None;
            if !self.slots_of(index).any(|slot| self.branches[slot as usize].awaits_final()) {
                self.requests[index as usize].message = Box::default();
            }
        }
    }

    fn invite_failed(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>, status: StatusCode) {
        let index = self.branches[slot as usize].request;
        self.with_message(index, |proxy, stored| {
            proxy.acknowledge(cx, slot, stored, message);
            proxy.branch_ended(cx, slot, stored, message, status);
            // Over UDP the ACK is kept until timer D, for repetitions of the answer.
            let over = proxy.branches.get(slot as usize).is_some_and(Branch::is_terminated);
            if over {
                proxy.drop_branch(slot);
            }
            proxy.settle(cx, index, stored);
        });
    }

    /// Section 17.1.1.3.
    fn acknowledge(&mut self, cx: &mut Context<'_>, slot: u32, stored: &Message<'_>, response: &Message<'_>) {
        let to = response.header(HeaderName::To).unwrap_or_default();
        let written = self.send_own(cx, slot, stored, Method::Ack, to);
        let branch = &mut self.branches[slot as usize];
        branch.timer_c = Monotonic::NEVER;
        if let (Client::Invite(client), Some(span)) = (&mut branch.client, written) {
            client.keep_ack(cx.outbox.bytes(span));
        }
        self.arm_branch(cx.now.monotonic, slot);
    }

    /// Writes ACK or CANCEL for a branch and sends it.
    pub(super) fn send_own(
        &mut self,
        cx: &mut Context<'_>,
        slot: u32,
        stored: &Message<'_>,
        method: Method<'_>,
        to: &[u8],
    ) -> Option<Span> {
        let branch = &self.branches[slot as usize];
        let request = &self.requests[branch.request as usize];
        let listener = next_hop::listener(cx.world, &branch.hop)?;
        let text: [u8; BRANCH_LEN] = branch.name.write();
        let outgoing = Outgoing {
            uri: &branch.target.uri,
            branch: &text,
            listener,
            source: request.source.remote,
            routes: request.routes,
            path: branch.target.path.as_deref(),
            record_route: &[],
            max_forwards: 70,
            max_breadth: 0,
        };
        let span = cx.outbox.write(|out| forward::write_own(stored, method, &outgoing, to, out));
        // That an ACK could not leave is of no use to anybody: its answer comes again, or not.
        let token = (method == Method::Cancel).then(|| SendToken(branch.token()));
        cx.outbox.send(branch.hop.clone(), span, token);
        Some(span)
    }

    /// A final answer other than 2xx to INVITE: remember the best, follow a redirection, try another way.
    fn branch_ended(
        &mut self,
        cx: &mut Context<'_>,
        slot: u32,
        stored: &Message<'_>,
        response: &Message<'_>,
        status: StatusCode,
    ) {
        let branch = &self.branches[slot as usize];
        let (index, instance, breadth) = (branch.request, branch.target.instance.clone(), branch.breadth);
        if branch.withdrawn || !self.requests[index as usize].is_open() {
            return;
        }
        self.is_awake(slot);
        if status.class() == 3 && self.follow(cx, slot, stored, response) {
            return;
        }
        if let Some(span) = written(cx, response) {
            let start = span.start as usize;
            self.consider(index, status.code(), cx.outbox.bytes(span));
            // Nothing of it leaves now.
            cx.outbox.arena.truncate(start);
        }
        let request = &mut self.requests[index as usize];
        if status.class() == 6 {
            // Step 5: pending branches are cancelled, no new ones begin.
            request.stopped = true;
            request.waiting.clear();
            return self.cancel_branches(cx, index, stored);
        }
        if request.stopped {
            return;
        }
        if status == StatusCode::SERVICE_UNAVAILABLE && self.walk_on_after_503(cx, slot, stored, response) {
            return;
        }
        let (behind_proxies, cancelled) = {
            let branch = &self.branches[slot as usize];
            (branch.target.path.is_some(), branch.is_cancelled())
        };
        let request = &mut self.requests[index as usize];
        if instance.is_none() {
            return;
        }
        // RFC 5626 section 7: only these say that the flow and not the phone has failed. A 503 says it when a proxy on
        // the Path may have made it.
        let of_flow = matches!(status.code(), 408 | 430) || (behind_proxies && status.code() == 503);
        if of_flow && !cancelled {
            let at = request.waiting.iter().position(|target| target.instance == instance);
            if let Some(target) = at.and_then(|at| request.waiting.remove(at)) {
                self.launch(cx, index, stored, target, breadth);
            }
        } else {
            // The instance has spoken: its other flows lead to the same answer.
            request.waiting.retain(|target| target.instance != instance);
        }
    }

    /// Step 4: by setting, at most [`REDIRECTS_MAX`] times, and only to accounts of ours: following a redirection
    /// abroad would relay for whoever is called. Only where we are responsible for the Request-URI (section 16.5): not
    /// inside a dialog, and not what another domain answers. From sip to sips, or back, none is followed (RFC 5630 section 5.3): the
    /// caller has to know. No target is tried twice (section 16.5). When some Contact leads on,
    /// the others of the same answer are not told to the caller.
    fn follow(
        &mut self,
        cx: &mut Context<'_>,
        slot: u32,
        stored: &Message<'_>,
        response: &Message<'_>,
    ) -> bool {
        let branch = &self.branches[slot as usize];
        let (index, responsible) = (branch.request, branch.target.party.is_some());
        let request = &mut self.requests[index as usize];
        let may = cx.world.settings.recurse_on_redirect && responsible && !request.inside;
        if !may || request.redirects >= REDIRECTS_MAX || request.stopped {
            return false;
        }
        request.redirects += 1;
        let mut found = false;
        let secure = is_sips(stored.request_uri());
        for contact in response.contacts().flatten().filter(|contact| is_sips(contact.uri()) == secure) {
            let plan = crate::routing::decide_uri(cx.world, cx.now.monotonic, None, contact.uri());
            let crate::routing::Plan::Proxy { targets, .. } = plan else { continue };
            for target in targets {
                let key = self.target_key(&target);
                let request = &mut self.requests[index as usize];
                if !request.seen.contains(&key) {
                    request.seen.push(key);
                    request.waiting.push_back(Target { q: 0, ..target });
                    found = true;
                }
            }
        }
        found
    }

    /// A target set has each URI once, over one way.
    pub(super) fn target_key(&self, target: &Target) -> TransactionKey {
        let way = target.flow.as_ref().map(crate::guard::exact_path);
        self.keys.client(&target.uri, way.as_ref().map_or(&[][..], |way| way))
    }

    /// Other methods: the first 2xx ends all, the rest is weighed. The branch goes at once: what timer K would absorb
    /// finds no branch, and is dropped all the same.
    fn answered(&mut self, cx: &mut Context<'_>, slot: u32, message: &Message<'_>, status: StatusCode) {
        let index = self.branches[slot as usize].request;
        let request = &self.requests[index as usize];
        if !request.is_open() {
            return self.drop_branch(slot);
        }
        let only = request.waiting.is_empty() && request.best.is_none() && {
            let mut slots = self.slots_of(index);
            slots.next().is_some() && slots.next().is_none()
        };
        let pass =
            status.class() == 2 || (only && !matches!(status.class(), 3 | 6) && !is_translated(status));
        if pass {
            let Some(span) = written(cx, message) else { return };
            cx.counters.proxied_responses += 1;
            if status.class() == 2 && message.method() == Method::Bye {
                cx.counters.calls_ended += 1;
            }
            self.drop_all_branches(index);
            return self.answer(cx, index, span, status);
        }
        self.with_message(index, |proxy, stored| {
            proxy.branch_ended(cx, slot, stored, message, status);
            proxy.drop_branch(slot);
            proxy.settle(cx, index, stored);
        });
    }

    pub(super) fn drop_all_branches(&mut self, index: u32) {
        let slots: Vec<u32> = self.slots_of(index).collect();
        slots.into_iter().for_each(|slot| self.drop_branch(slot));
    }
}

/// Decision 0009: who has seen a branch of ours cannot answer for the callee. A response comes from where the request
/// went, or from where that device is registered now: its network may change while it rings.
fn answers_from(cx: &Context<'_>, branch: &Branch, flow: &Flow) -> bool {
    branch.leads_to(flow)
        || branch.target.party.is_some_and(|party| party.is_registered_over(cx.world, cx.now.monotonic, flow))
}

fn is_translated(status: StatusCode) -> bool {
    matches!(status.code(), 408 | 430 | 503)
}

fn written(cx: &mut Context<'_>, message: &Message<'_>) -> Option<Span> {
    let mut complete = false;
    let span = cx.outbox.write(|out| complete = forward::write_response(message, out));
    complete.then_some(span)
}
