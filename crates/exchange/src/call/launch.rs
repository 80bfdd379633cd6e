//! Legs to those who are called: in parallel within one q, one q after another, an instance's other flows when one fails
//! (RFC 3261 sections 16.6 and 16.7, which say how a fork is tried; RFC 3263 section 4.3; RFC 5626 section 7).

use super::callee::Callee;
use super::client::{Outgoing, Purpose, token, transport_of};
use super::describe::Text;
use super::describe::profile::Profile;
use super::history::history_of;
use super::leg::{Leg, LegId};
use super::{ALLOW, Calls, NewLeg, SUPPORTED, describe, headers, identity};
use crate::call_record::Relayed;
use crate::context::Context;
use crate::flow::Hop;
use crate::mint::write_hex;
use crate::outbox::{Output, ResolveToken};
use crate::proxy::branch::Way;
use crate::proxy::forward::first_route;
use crate::proxy::next_hop::{self, NextHop};
use crate::proxy::record_route::end_of;
use crate::proxy::timing;
use crate::route_token::{End, hop_of};
use crate::routing::Target;
use coeur_sip::dialog::Forks;
use coeur_sip::header::HeaderName;
use coeur_sip::resolve::{Answer, Candidate, Failover, Progress, Query};
use coeur_sip::time::Monotonic;
use coeur_sip::{Message, Method, StatusCode, Transport, Writer};

/// Section 18.1.1 (bytes).
const UDP_BYTES_MAX: usize = 1_300;

impl Calls {
    /// Looks at what is left to do for a call that is not answered: try the next targets, or say that it failed.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>, call: u32) {
        loop {
            let Some(setup) = self.calls.get(call as usize).and_then(|call| call.setup.as_ref()) else {
                return;
            };
            if setup.accepted.is_some() || !setup.legs.is_empty() {
                return;
            }
            if !setup.stopped && self.is_waking(call) {
                return;
            }
            if setup.stopped || setup.waiting.is_empty() {
                return self.give_up(cx, call);
            }
            self.launch_level(cx, call);
        }
    }

    /// All targets of the highest q, one for each instance.
    fn launch_level(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(setup) = self.calls[call as usize].setup.as_mut() else { return };
        let Some(q) = setup.waiting.front().map(|target| target.q) else { return };
        let breadth = usize::from(cx.world.settings.max_breadth);
        let mut level: Vec<Target> = Vec::new();
        let mut at = 0;
        while at < setup.waiting.len() && level.len() < breadth {
            let target = &setup.waiting[at];
            let alternative =
                target.instance.is_some() && level.iter().any(|t| t.instance == target.instance);
            if target.q == q && !alternative {
                level.extend(setup.waiting.remove(at));
            } else {
                at += 1;
            }
        }
        level.into_iter().for_each(|target| self.launch(cx, call, target));
    }

    /// Opens a leg for one target; nothing when the call has tried enough.
    pub(super) fn launch(&mut self, cx: &mut Context<'_>, call: u32, target: Target) {
        let state = &mut self.calls[call as usize];
        let Some(setup) = state.setup.as_mut() else { return };
        if setup.tried >= cx.world.settings.branches_max {
            cx.counters.limits_hit += 1;
            return;
        }
        setup.tried += 1;
        state.record.called = target.party.map(|party| party.account).or(state.record.called);
        if setup.tried > 1 {
            cx.counters.forked_branches += 1;
        }
        if target.is_asleep() {
            return self.wake(cx, call, &target);
        }
        let caller = self.calls[call as usize].caller;
        // Until the next hop is known.
        let near = self.legs[caller.slot as usize].end.flow;
        let end = End { flow: target.flow.unwrap_or(near), party: target.party, host: None };
        let hop = hop_of(&end.flow, None);
        let id = self.open_leg(cx, NewLeg { call, end, hop });
        let (mut call_id, flow) = ([0; 32], target.flow);
        write_hex(cx.mint.u64(), &mut call_id[..16]);
        write_hex(cx.mint.u64(), &mut call_id[16..]);
        let uri = target.path.as_deref().and_then(first_route).unwrap_or(&target.uri).to_vec();
        self.legs[id.slot as usize].callee = Some(Box::new(Callee {
            target,
            way: Way::Flow,
            until: Monotonic::NEVER,
            smaller: None,
            ready: false,
            client: None,
            call_id,
            cseq: cx.mint.u32() >> 8 | 1,
            forks: Forks::new(),
            acknowledged: Vec::new(),
            answered: Vec::new(),
            early: Text::default(),
            first: Profile::PLAIN,
            refusals: 0,
            min_se_s: None,
        }));
        if let Some(setup) = self.calls[call as usize].setup.as_mut() {
            setup.legs.push(id);
        }
        match flow {
            Some(flow) => {
                self.wake_if_silent(cx, call, id);
                self.found(cx, id, hop_of(&flow, None));
            }
            None => self.look_for(cx, id, &uri),
        }
    }

    fn look_for(&mut self, cx: &mut Context<'_>, id: LegId, uri: &[u8]) {
        let Some(target) = self.callee(id).map(|callee| callee.target.clone()) else { return };
        match next_hop::of_uri(cx, &target, uri) {
            NextHop::Known(candidates) => {
                let failover = Failover::new(candidates, cx.now.monotonic, &self.failed);
                self.walk_along(cx, id, failover);
            }
            NextHop::Ask(resolution, queries) => {
                let until = cx.now.monotonic + timing(cx.world).lifetime();
                if let Some(callee) = self.callee(id) {
                    callee.way = Way::Asking(resolution);
                    callee.until = until;
                }
                ask(cx, id, queries);
                self.arm_leg(cx.now.monotonic, id);
            }
            NextHop::Nowhere(status) => self.leg_failed(cx, id, status.code()),
        }
    }

    /// The answer to `Output::Resolve`.
    pub(crate) fn resolved(&mut self, cx: &mut Context<'_>, token: ResolveToken, answer: &Answer) {
        let (slot, serial) = super::client::of_token(token.0);
        let id = LegId { slot, serial };
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return };
        let Some(callee) = self.callee(id) else { return };
        let Way::Asking(resolution) = &mut callee.way else { return };
        match resolution.on_answer(answer) {
            Progress::Ask(queries) => return ask(cx, id, queries),
            Progress::Done(Ok(resolved)) => {
                match next_hop::permitted(cx, &callee.target, resolved.candidates) {
                    Ok(candidates) => {
                        let failover = Failover::new(candidates, cx.now.monotonic, &self.failed);
                        self.walk_along(cx, id, failover);
                    }
                    Err(status) => self.leg_failed(cx, id, status.code()),
                }
            }
            Progress::Done(Err(error)) => self.leg_failed(cx, id, next_hop::status_of(error).code()),
        }
        self.settle(cx, call);
    }

    fn walk_along(&mut self, cx: &mut Context<'_>, id: LegId, failover: Failover) {
        if let Some(callee) = self.callee(id) {
            callee.way = Way::Walking(Box::new(failover));
            callee.until = Monotonic::NEVER;
        }
        self.walk(cx, id, StatusCode::SERVICE_UNAVAILABLE.code());
    }

    /// The next address; when none is left the leg has failed with `status`.
    pub(super) fn walk(&mut self, cx: &mut Context<'_>, id: LegId, status: u16) {
        let Some(callee) = self.callee(id) else { return };
        let smaller = callee.smaller.take();
        let next = match &mut callee.way {
            _ if smaller.is_some() => smaller,
            Way::Walking(failover) => next_hop::next_of(cx.world, failover),
            Way::Flow | Way::Asking(_) => None,
        };
        match next {
            Some(hop) => self.found(cx, id, hop),
            None => self.leg_failed(cx, id, status),
        }
    }

    /// Where the INVITE goes is known: ports are bound near it, unless the offer is still to come.
    fn found(&mut self, cx: &mut Context<'_>, id: LegId, hop: Hop) {
        let secure = self.callee(id).is_some_and(|callee| callee.target.secure);
        if secure && !transport_of(&hop).is_secure() {
            return self.leg_failed(cx, id, StatusCode::TEMPORARILY_UNAVAILABLE.code());
        }
        if next_hop::listener(cx.world, &hop).is_none() {
            return self.leg_failed(cx, id, StatusCode::SERVICE_UNAVAILABLE.code());
        }
        let call = self.legs[id.slot as usize].call;
        let leg = &mut self.legs[id.slot as usize];
        leg.end = end_of(&hop, leg.end.party);
        leg.hop = hop;
        let profile = self.expected_profile(id);
        let leg = &mut self.legs[id.slot as usize];
        // At another address of the same target it is tried as it is.
        let fresh = leg.callee.as_ref().is_none_or(|callee| !callee.ready);
        if fresh {
            leg.profile = profile;
        }
        if let Some(callee) = &mut leg.callee {
            callee.ready = true;
            callee.first = if fresh { profile } else { callee.first };
        }
        self.begin_with_ports(cx, id, call);
    }

    /// Sends the INVITE, at once or as soon as the ports of its offer are open.
    fn begin_with_ports(&mut self, cx: &mut Context<'_>, id: LegId, call: u32) {
        let offer = self.offer_of(call);
        if offer.is_empty() || self.open_media(cx, id, &offer, false) {
            self.begin(cx, id);
        }
    }

    /// The same target with the next profile, at once: it has refused this one. False: there is no other, or none that is
    /// as safe as its sips URI wants (RFC 3261 section 26.2.2 has TLS on each hop; keys would be all that is missing).
    pub(super) fn try_next_profile(&mut self, cx: &mut Context<'_>, id: LegId) -> bool {
        let transport = transport_of(&self.legs[id.slot as usize].hop);
        let inside = self.legs[id.slot as usize].end.flow.is_inside();
        // Another shard speaks as we do, and its refusal is that of its phone.
        let Some(callee) = self.callee(id).filter(|_| !inside) else { return false };
        let next = callee.first.after(callee.refusals + 1, transport);
        let Some(next) = next.filter(|next| next.is_secure() || !callee.target.secure) else { return false };
        let next = if callee.target.speaks_ice { next.with_ice() } else { next };
        callee.refusals += 1;
        callee.cseq += 1;
        callee.client = None;
        let leg = &mut self.legs[id.slot as usize];
        let call = leg.call;
        leg.profile = next;
        // What it refused is not agreed: its keys are gone with it.
        leg.session.local = Text::default();
        if leg.media.streams.iter().any(|stream| stream.rtcp_mux) {
            // Ports for a bundle are not enough for others.
            self.close_media(cx, id);
            self.legs[id.slot as usize].media.addresses = Box::default();
        }
        self.begin_with_ports(cx, id, call);
        true
    }

    /// The ports of a leg that is to be called are open.
    pub(super) fn begin_opened(&mut self, cx: &mut Context<'_>, id: LegId) {
        let waits = self.callee(id).is_some_and(|callee| callee.ready && callee.client.is_none());
        if waits {
            let call = self.legs[id.slot as usize].call;
            self.begin(cx, id);
            self.settle(cx, call);
        }
    }

    /// The caller's offer; empty when it comes later.
    pub(super) fn offer_of(&self, call: u32) -> Text {
        let call = &self.calls[call as usize];
        self.leg(call.caller).map(|leg| leg.session.remote.clone()).unwrap_or_default()
    }

    /// Writes and sends the INVITE of a leg.
    pub(super) fn begin(&mut self, cx: &mut Context<'_>, id: LegId) {
        let call = self.legs[id.slot as usize].call;
        let offer = self.offer_of(call);
        let may = self.may_be_end_to_end(id, call, &offer);
        let not_wired = self.not_wired(cx, id, call, (may, &offer));
        let (wire, end_to_end) = (not_wired.is_none(), may && cx.world.settings.end_to_end);
        let end_to_end = end_to_end || wire;
        self.calls[call as usize].asks.unwired = not_wired;
        let leg = &mut self.legs[id.slot as usize];
        (leg.end_to_end, leg.wire) = (end_to_end, wire);
        let body = match offer.read() {
            Some(offer) => {
                let body = describe::offer(cx.mint, leg, &offer);
                let is_alike = body.read().is_some_and(|body| describe::has_same_numbers(&offer, &body));
                if end_to_end && !is_alike {
                    // Then with our keys after all.
                    (leg.end_to_end, leg.wire) = (false, false);
                    leg.session.local = Text::default();
                    self.calls[call as usize].asks.unwired = Some(Relayed::Formats);
                    describe::offer(cx.mint, leg, &offer)
                } else {
                    body
                }
            }
            None => Text::default(),
        };
        if !offer.is_empty() && describe::is_refusal(&body) {
            // It would need a certificate that the media plane does not have.
            return self.leg_failed(cx, id, StatusCode::NOT_ACCEPTABLE_HERE.code());
        }
        let tells = self.legs[id.slot as usize].is_trusted();
        let Some(setup) = self.calls[call as usize].setup.as_ref() else { return };
        let (invite, max_forwards, party) = (setup.invite.clone(), setup.max_forwards, setup.party);
        let mut lines = [&setup.lines[..], &history_of(cx.world, setup, tells)].concat();
        if let Some(session) = self.session_of(id) {
            Writer::new(&mut lines).header(HeaderName::SessionId, &session);
        }
        let mut written = Vec::with_capacity(2_048);
        let leg = &self.legs[id.slot as usize];
        let invite = invite.message();
        let from = identity::of_sender(cx.world, &invite, party, leg.is_trusted());
        let more = More { max_forwards, lines: &lines, body: body.bytes() };
        if write_invite(cx, leg, &invite, &from, &more, &mut written).is_none() {
            return self.leg_failed(cx, id, StatusCode::SERVICE_UNAVAILABLE.code());
        }
        let large = written.len() + 128 > UDP_BYTES_MAX;
        if large && self.prefers_tcp(cx, id) {
            // Contact and Via name another listener.
            return self.begin(cx, id);
        }
        let leg = &self.legs[id.slot as usize];
        let to = Outgoing {
            leg: id,
            purpose: Purpose::Begin,
            hop: leg.hop.clone(),
            party: leg.end.party,
            invite: true,
        };
        let end = memchr::memmem::find(&written, b"\r\n").map_or(0, |at| at + 2);
        let client = self.send(cx, to, |via, out| {
            out.extend_from_slice(&written[..end]);
            Writer::new(out).header(HeaderName::Via, via);
            out.extend_from_slice(&written[end..]);
        });
        match (client, self.callee(id)) {
            (Some(client), Some(callee)) => callee.client = Some(client),
            (None, _) => self.leg_failed(cx, id, StatusCode::SERVICE_UNAVAILABLE.code()),
            (Some(_), None) => {}
        }
    }

    /// Whether caller and callee can agree on keys between themselves (decision 0020): both are browsers, nobody else is
    /// called, and the caller has heard of no other keys.
    fn may_be_end_to_end(&self, id: LegId, call: u32, offer: &Text) -> bool {
        let Some(state) = self.calls.get(call as usize) else { return false };
        let (Some(setup), Some(caller)) = (state.setup.as_ref(), self.leg(state.caller)) else {
            return false;
        };
        let is_alone = setup.legs.len() == 1
            && setup.waiting.is_empty()
            && setup.server.is_some()
            && !self.is_waking(call);
        let is_fresh =
            caller.session.local.is_empty() && self.leg(id).is_some_and(|leg| leg.session.local.is_empty());
        let may = is_alone && is_fresh && state.transfer.is_none();
        may && self.leg(id).is_some_and(|leg| leg.profile.is_web())
            && offer.read().is_some_and(|offer| describe::may_be_end_to_end(&offer))
    }

    /// Section 18.1.1: what is too large for a datagram goes over TCP to the same place, if the URI leaves the transport
    /// to us; UDP remains for a place that has no TCP.
    fn prefers_tcp(&mut self, cx: &Context<'_>, id: LegId) -> bool {
        let leg = &mut self.legs[id.slot as usize];
        let Hop::Address { transport: Transport::Udp, address, host, .. } = &leg.hop else { return false };
        let Some(callee) = &mut leg.callee else { return false };
        let tcp = Candidate { transport: Transport::Tcp, address: *address, host: host.clone() };
        let uri = callee.target.path.as_deref().and_then(first_route).unwrap_or(&callee.target.uri);
        let Some(tcp) = next_hop::hop(cx.world, &tcp) else { return false };
        if !next_hop::leaves_transport_open(uri) || callee.client.is_some() {
            return false;
        }
        leg.end = end_of(&tcp, leg.end.party);
        callee.smaller = Some(std::mem::replace(&mut leg.hop, tcp));
        true
    }

    pub(super) fn callee(&mut self, id: LegId) -> Option<&mut Callee> {
        self.leg_mut(id)?.callee.as_deref_mut()
    }
}

fn ask(cx: &mut Context<'_>, id: LegId, queries: Vec<Query>) {
    let token = ResolveToken(token(id.slot, id.serial));
    cx.outbox.outputs.extend(queries.into_iter().map(|query| Output::Resolve { token, query }));
}

/// What an INVITE of ours has besides.
struct More<'m> {
    max_forwards: u8,
    lines: &'m [u8],
    body: &'m [u8],
}

/// Everything but the Via, which has the branch. `None`: no listener is named.
fn write_invite(
    cx: &Context<'_>,
    leg: &Leg,
    invite: &Message<'_>,
    from: &identity::Identity,
    more: &More<'_>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let (callee, body) = (leg.callee.as_ref()?, more.body);
    let mut writer = Writer::request(out, Method::Invite, &callee.target.uri);
    if let Some(path) = &callee.target.path {
        writer.header(HeaderName::Route, path);
    }
    writer.number(HeaderName::MaxForwards, u32::from(more.max_forwards));
    writer.begin(HeaderName::From).push(&from.from).push(b";tag=").push(&leg.tag()).end_line();
    let to = invite.to().ok()?;
    writer.header(HeaderName::To, &identity::bare(&to));
    writer.header(HeaderName::CallId, &callee.call_id);
    writer.cseq(callee.cseq, Method::Invite);
    leg.write_contact(cx.world, &mut writer)?;
    writer.header(HeaderName::Allow, ALLOW);
    // Without an offer a reliable provisional answer would bring one, for which there is nobody yet. What is answered
    // provisionally with keys of the devices' own is not told the caller: see `ring`.
    let reliably = !body.is_empty() && !leg.end_to_end;
    writer.header(HeaderName::Supported, if reliably { SUPPORTED } else { b"timer" });
    let settings = &cx.world.settings;
    let min = callee.min_se_s.unwrap_or(settings.session_expires_min_s);
    writer.number(HeaderName::SessionExpires, settings.session_expires_s.max(min));
    writer.number(HeaderName::MinSe, min);
    if !from.asserted.is_empty() {
        writer.header(HeaderName::PAssertedIdentity, &from.asserted);
    }
    headers::pass(cx.world, invite, &mut writer);
    writer.raw(more.lines);
    describe::write_type(&mut writer, body);
    writer.end(body);
    Some(())
}
