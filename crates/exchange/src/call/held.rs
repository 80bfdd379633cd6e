//! A request inside a dialog for a phone whose connection has gone, with the process before (see `restore`) or in this one.
//! Only the phone can open another: it does so as soon as it notices or has something to say, and registers over it. Until
//! then the request is held, and who asked for it waits; that nobody could be reached for a while ends no call.
//!
//! What is not held: a request that begins a dialog has other ways to go (see `fail`), and to another domain we connect
//! ourselves.

use super::Calls;
use super::client::{Client, Machine, Purpose, read, via};
use super::leg::LegId;
use crate::context::Context;
use crate::flow::{ConnectionId, Hop};
use crate::proxy::ends::found_again;
use crate::proxy::{next_hop, timing};
use crate::route_token::hop_of;
use coeur_sip::StatusCode;
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// Half of timer C. Most phones register within seconds after their connection has gone, some when their registration is due.
/// Who asked for an INVITE has heard 100 and waits; nobody waits for a BYE.
const HELD_MAX: Duration = Duration::from_secs(90);
/// Who asked for anything else gives up after 64*T1, which is 32 s (RFC 3261 section 17.1.2.2), and is told before.
const HELD_FOR_ASKER_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Instead of the machine of a transaction, which begins when the request leaves.
pub(super) struct Held {
    pub(super) is_invite: bool,
    look_at: Monotonic,
}

impl Held {
    pub(super) fn next_deadline(&self) -> Monotonic {
        self.look_at
    }
}

/// It can be held, and its bytes are kept for that.
pub(super) fn is_over_connection(hop: &Hop) -> bool {
    matches!(hop, Hop::Flow(flow) if flow.connection != ConnectionId::NONE && !flow.is_inside())
}

pub(super) fn is_gone(hop: &Hop) -> bool {
    matches!(hop, Hop::Flow(flow) if flow.connection == ConnectionId::GONE)
}

impl Calls {
    /// The request could not leave. False: it is of none that are held.
    pub(super) fn hold_request(&mut self, cx: &mut Context<'_>, slot: u32) -> bool {
        let now = cx.now.monotonic;
        let client = &mut self.clients[slot as usize];
        let is_inside = client.purpose != Purpose::Begin && client.party.is_some();
        if !is_inside || client.is_cancelled() || !is_over_connection(&client.hop) {
            return false;
        }
        let is_first = client.held_until == Monotonic::NEVER;
        let look_at = if is_first { now } else { now + LOOK_EVERY };
        if is_first {
            client.held_until = now + held_max(client);
        }
        client.machine = Machine::Held(Held { is_invite: client.is_invite(), look_at });
        let held = self.held.entry(client.leg).or_default();
        if !held.contains(&slot) {
            held.push(slot);
        }
        match is_first {
            true => self.held_due(cx, slot),
            // The way that was found leads nowhere either. No sooner: two that are gone would lead to each other for ever.
            false => self.arm_client(now, slot),
        }
        true
    }

    /// Looks whether the phone is back.
    pub(super) fn held_due(&mut self, cx: &mut Context<'_>, slot: u32) {
        let now = cx.now.monotonic;
        let client = &self.clients[slot as usize];
        let (leg, purpose, until) = (client.leg, client.purpose, client.held_until);
        if purpose != Purpose::Told && self.leg(leg).is_none() {
            // The call is over: only its BYE is still of use.
            self.held_no_more(leg, slot);
            self.clients.remove(slot as usize);
            return;
        }
        if until.is_due(now) {
            self.held_no_more(leg, slot);
            self.clients.remove(slot as usize);
            let status = StatusCode::TEMPORARILY_UNAVAILABLE;
            return self.failed_to_answer(cx, leg, (slot, purpose), status);
        }
        if self.way_back(cx, client).is_some() {
            return self.release(cx, leg);
        }
        if let Machine::Held(held) = &mut self.clients[slot as usize].machine {
            held.look_at = until.min(now + LOOK_EVERY);
        }
        self.arm_client(now, slot);
    }

    /// What waits for a phone that is back leaves in its order, before anything newer: it refuses what is older than what it
    /// has seen (RFC 3261 section 12.2.2).
    pub(super) fn release(&mut self, cx: &mut Context<'_>, leg: LegId) {
        // The common case, at every send, is that nothing is held anywhere.
        if self.held.is_empty() {
            return;
        }
        let age = |client: &Client| client.serial.wrapping_sub(self.serial).wrapping_sub(1);
        let slots = self.held.get(&leg).into_iter().flatten();
        let mut held: Vec<(u32, u32)> =
            slots.filter_map(|slot| Some((age(self.clients.get(*slot as usize)?), *slot))).collect();
        held.sort_unstable();
        for (_, slot) in held {
            if let Some((hop, via)) = self.way_back(cx, &self.clients[slot as usize]) {
                self.held_no_more(leg, slot);
                self.let_go(cx, slot, hop, &via);
            }
        }
    }

    /// It has left, or is of no use any more.
    pub(super) fn held_no_more(&mut self, leg: LegId, slot: u32) {
        let Some(held) = self.held.get_mut(&leg) else { return };
        held.retain(|other| *other != slot);
        if held.is_empty() {
            self.held.remove(&leg);
        }
    }

    /// Where the device is registered now with the contact of the dialog, whose user part is its own, or has spoken in the
    /// dialog since; and our Via for there.
    fn way_back(&self, cx: &Context<'_>, client: &Client) -> Option<(Hop, Vec<u8>)> {
        let (party, Hop::Flow(dead)) = (client.party?, &client.hop) else { return None };
        let registered = |target: &[u8]| found_again(cx, party, None, target, Some(*dead))?.flow;
        let spoke = || {
            let flow = self.leg(client.leg)?.end.flow;
            (flow != *dead && flow.connection != ConnectionId::GONE).then_some(flow)
        };
        let flow = read(&client.request, |request| registered(request.request_uri()))?.or_else(spoke)?;
        let hop = hop_of(&flow, None);
        let via = via(next_hop::listener(cx.world, &hop)?, &client.name);
        Some((hop, via))
    }

    /// It leaves over this way, and its transaction begins.
    fn let_go(&mut self, cx: &mut Context<'_>, slot: u32, hop: Hop, via: &[u8]) {
        let client = &mut self.clients[slot as usize];
        client.request = with_via(&client.request, via).into();
        client.hop = hop;
        let span = cx.outbox.write(|out| out.extend_from_slice(&client.request));
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let (is_invite, is_reliable) = (client.is_invite(), client.is_reliable());
        client.machine = Machine::start(now, &timing, is_invite, is_reliable, &client.request);
        cx.outbox.send(client.hop.clone(), span, Some(client.token()));
        self.arm_client(now, slot);
    }
}

fn held_max(client: &Client) -> Duration {
    match client.purpose {
        Purpose::Pass { .. } | Purpose::Key(_) => HELD_FOR_ASKER_MAX,
        Purpose::Modify if !client.is_invite() => HELD_FOR_ASKER_MAX,
        Purpose::Begin
        | Purpose::Modify
        | Purpose::Refresh
        | Purpose::Follow
        | Purpose::Join
        | Purpose::Notify
        | Purpose::Told => HELD_MAX,
    }
}

/// The listener may be another one. Our Via is the first header of what we write.
fn with_via(request: &[u8], via: &[u8]) -> Vec<u8> {
    let Some(begin) = memchr::memmem::find(request, b"\r\nVia: ").map(|at| at + 7) else {
        return request.into();
    };
    let end = memchr::memmem::find(&request[begin..], b"\r\n").map_or(request.len(), |length| begin + length);
    [&request[..begin], via, &request[end..]].concat()
}
