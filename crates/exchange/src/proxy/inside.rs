//! Requests inside a dialog: they follow only a route that we issued and can prove (RFC 3261 section 16.4, RFC 5626
//! section 5.3).

use super::branch::{self, BRANCH_LEN};
use super::ends::{Reached, reach, speaks_for};
use super::forward::{self, Outgoing, Routes};
use super::request::Assignment;
use super::server::refuse;
use super::{Prover, Proxy, next_hop};
use crate::answer::{answer, answer_stranger};
use crate::context::Context;
use crate::flow::Flow;
use crate::route_token::{Direction, End, RouteSeal, RouteToken, hop_of};
use crate::routing::{self, Target, is_sips};
use crate::world::World;
use coeur_sip::header::{HeaderName, NameAddr};
use coeur_sip::transaction::TransactionKey;
use coeur_sip::transaction::key::Rfc2543;
use coeur_sip::{Message, Method, StatusCode, Uri};

/// Why the routes of a request prove no dialog.
enum Unproven {
    /// One names us but is not what we wrote for this dialog.
    Forged,
    /// One names somebody else, before any of ours.
    Elsewhere,
    /// One cannot be read.
    Malformed,
    /// There is no route with a token.
    NoToken,
}

/// A request of a dialog that we have set up, as section 16.4 has it.
struct Proven<'m> {
    token: RouteToken,
    direction: Direction,
    /// The Request-URI, found again when a strict router has put our value in its place.
    uri: &'m [u8],
    routes: Routes,
}

impl Proxy {
    /// Reads the routes, once for each request.
    fn inside<'m>(&self, world: &World, message: &Message<'m>) -> Result<Proven<'m>, Unproven> {
        let mut values = message.values(HeaderName::Route).peekable();
        if values.peek().is_none() {
            return Err(Unproven::NoToken);
        }
        let Ok(essentials) = message.essentials() else { return Err(Unproven::NoToken) };
        let (from_tag, to_tag) =
            (essentials.from_tag.unwrap_or_default(), essentials.to_tag.unwrap_or_default());
        let open = |token| self.seal.open(token, essentials.call_id, from_tag, to_tag);
        let mut uri = message.request_uri();
        let mut routes = Routes::default();
        // Section 16.4: our own value in the Request-URI is the work of a strict router.
        let mut found = token_in_request_uri(world, uri).and_then(|token| Some((token, open(token)?)));
        if found.is_some() {
            routes.strict = true;
            match values.clone().last().and_then(|value| NameAddr::parse(value).ok()) {
                Some(target) => uri = target.uri,
                None => return Err(Unproven::Forged),
            }
        }
        let targets = usize::from(routes.strict);
        let count = values.clone().count() - targets;
        for value in values.take(count) {
            let Some((ours, token)) = read_route(world, value) else { return Err(Unproven::Malformed) };
            match (ours, token, &found) {
                (true, None, None) => routes.own += 1,
                (true, Some(token), None) => {
                    let Some(opened) = open(token) else { return Err(Unproven::Forged) };
                    found = Some((token, opened));
                    routes.own += 1;
                }
                // The second of a double Record-Route.
                (true, Some(token), Some((known, _))) if token == *known => routes.own += 1,
                (false, _, None) => return Err(Unproven::Elsewhere),
                (_, _, Some(_)) => break,
            }
        }
        match found {
            Some((_, (token, direction))) => Ok(Proven { token, direction, uri, routes }),
            None => Err(Unproven::NoToken),
        }
    }

    /// Relays a request inside a dialog over the flow that our token names, or refuses it.
    pub(crate) fn in_dialog(
        &mut self,
        cx: &mut Context<'_>,
        prover: &mut impl Prover,
        flow: Flow,
        message: &Message<'_>,
    ) {
        if self.follow_route(cx, prover, flow, message).is_none() {
            self.was_refused(&flow, message);
        }
    }

    /// A request that has got, or gets, an answer without a transaction: an ACK of it stays here (section 17.1.1.3).
    pub(crate) fn was_refused(&mut self, flow: &Flow, message: &Message<'_>) {
        if message.method() == Method::Invite
            && message.to().is_ok_and(|to| to.tag().is_some())
            && let Some(key) = self.key(message, b"INVITE")
        {
            self.refused.remember(key, message.cseq().number, flow);
        }
    }

    /// The Request-URI is untouched and never decides the address. `None`: the request was refused.
    fn follow_route(
        &mut self,
        cx: &mut Context<'_>,
        prover: &mut impl Prover,
        flow: Flow,
        message: &Message<'_>,
    ) -> Option<()> {
        let Proven { token, direction, uri, routes } = match self.inside(cx.world, message) {
            Ok(proven) => proven,
            Err(Unproven::Forged) => {
                cx.counters.route_forged += 1;
                refuse_as_not_ours(cx, &flow, message);
                return None;
            }
            Err(Unproven::Elsewhere) => return refuse_elsewhere(cx, flow, message),
            Err(Unproven::Malformed) => return refuse_malformed(cx, flow, message),
            Err(Unproven::NoToken) => {
                // Without a route of ours nothing proves the dialog, so its tags are a claim (advisory A06).
                if prover.prove(cx, flow, message).is_some() {
                    refuse(cx, flow, message, StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
                }
                return None;
            }
        };
        if token.secure && !flow.transport.is_secure() {
            answer(cx, &flow, message, StatusCode::FORBIDDEN, Some("SIPS Needs TLS"), |_| {});
            return None;
        }
        let (speaker, other) = token.ends(direction);
        if has_lost_its_rights(cx, message.method(), speaker, other) {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            answer(cx, &flow, message, status, Some("No Longer Authorized"), |_| {});
            return None;
        }
        let known = speaks_for(cx, speaker, &flow);
        if !known {
            let proved = prover.prove(cx, flow, message)?;
            // Threat T-08: somebody else with an account of ours, who has heard the dialog.
            if speaker.party.is_none_or(|party| party.account != proved.account) {
                cx.counters.route_forged += 1;
                refuse(cx, flow, message, StatusCode::FORBIDDEN);
                return None;
            }
        }
        if message.method() == Method::Message
            && speaker.party.is_some_and(|party| !prover.may_message(cx, flow, message, party))
        {
            return None;
        }
        let mut target = match reach(cx, other, uri) {
            Reached::Instance(target) => target,
            Reached::Over(way, host) => {
                let (flow, party, host) = (Some(way), other.party, host.map(Into::into));
                Target { flow, host, party, ..Target::of_uri(uri) }
            }
        };
        target.secure |= token.secure;
        if routes.kept(message).next().is_some() {
            // The proxies between us and the phone have said themselves how they are passed.
            target.path = None;
        }
        let sender = speaker.party;
        let assignment = Assignment { targets: vec![target], routes, inside: true, sender };
        if !self.relay(cx, flow, message, assignment) {
            return None;
        }
        if !known && message.method() == Method::Invite {
            self.expect_ack(message);
        }
        Some(())
    }

    /// An ACK ends the repetition of our failure, or goes to the callee of a 2xx: forwarded without state, and never
    /// answered. It cannot be challenged, so it must come from its end of the dialog (see [`super::ends`]), from the
    /// same host, or from where the INVITE came that it acknowledges and that was challenged.
    pub fn ack(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) {
        if self.absorb_ack(cx, &flow, message) {
            return;
        }
        let Ok(Proven { token, direction, uri, routes }) = self.inside(cx.world, message) else {
            // That of an answer without a transaction carries the tag which we make for such.
            let tag = cx.answers.to_tag(message);
            cx.counters.stray_acks += u64::from(message.to().is_ok_and(|to| to.tag() != Some(&tag)));
            return;
        };
        let (speaker, other) = token.ends(direction);
        let from_there = speaker.flow.remote.ip() == flow.remote.ip()
            || speaks_for(cx, speaker, &flow)
            || self.is_expected_ack(&flow, message);
        let may = from_there
            && speaker.party.is_none_or(|party| party.stands(cx.world))
            && (flow.transport.is_secure() || !token.secure);
        let max_forwards = message.max_forwards().ok().flatten().unwrap_or(70);
        let reached = reach(cx, other, uri);
        let (uri, way, host, path, secure) = match &reached {
            Reached::Instance(to) => {
                (&*to.uri, to.flow.unwrap_or(other.flow), None, to.path.as_deref(), to.secure)
            }
            Reached::Over(flow, host) => (uri, *flow, *host, None, is_sips(uri)),
        };
        let path = path.filter(|_| routes.kept(message).next().is_none());
        let may = may && (way.transport.is_secure() || !(secure || token.secure));
        let hop = hop_of(&way, host);
        let Some(listener) = next_hop::listener(cx.world, &hop).filter(|_| may && max_forwards > 0) else {
            cx.counters.stray_acks += 1;
            return;
        };
        let text: [u8; BRANCH_LEN] = branch::name_for(cx.mint, branch::NONE, 0).write();
        let outgoing = Outgoing {
            uri,
            branch: &text,
            listener,
            source: flow.remote,
            routes,
            path,
            record_route: &[],
            max_forwards: max_forwards - 1,
            max_breadth: u32::from(cx.world.settings.max_breadth),
        };
        let world = cx.world;
        let span = cx.outbox.write(|out| forward::write_request(message, world, &outgoing, out));
        cx.outbox.send(hop, span, None);
        cx.counters.proxied_acks += 1;
    }

    /// The INVITE that is being relayed has proved who sent it from an unknown place. Its ACK will come from there.
    fn expect_ack(&mut self, message: &Message<'_>) {
        let found = self.key(message, b"INVITE").and_then(|key| self.requests_by_key.get(&key).copied());
        let (Some(index), Some(key)) = (found, self.ack_key(message)) else { return };
        self.requests[index as usize].ack_key = Some(Box::new(key));
        self.requests_by_key.insert(key, index);
    }

    fn is_expected_ack(&self, flow: &Flow, message: &Message<'_>) -> bool {
        let found = self.ack_key(message).and_then(|key| self.requests_by_key.get(&key));
        found.is_some_and(|index| self.requests[*index as usize].source == *flow)
    }

    /// What an INVITE and the ACK of its 2xx have in common (section 13.2.2.4).
    fn ack_key(&self, message: &Message<'_>) -> Option<TransactionKey> {
        let essentials = message.essentials().ok()?;
        let parts = Rfc2543 {
            request_uri: b"",
            from_tag: essentials.from_tag?,
            to_tag: essentials.to_tag?,
            call_id: essentials.call_id,
            cseq_number: essentials.cseq.number,
            top_via: b"",
        };
        Some(self.keys.server_rfc2543(&parts, b"ACK of a 2xx"))
    }
}

/// One of the two may not take part any more. 481 makes whoever asks end the dialog (section 12.2.1.2, RFC 5057), so a
/// session timer ends the call. BYE passes: it is what the other side has to hear.
fn has_lost_its_rights(cx: &Context<'_>, method: Method<'_>, speaker: &End, other: &End) -> bool {
    let stands = |end: &End| end.party.is_none_or(|party| party.stands(cx.world));
    method != Method::Bye && !(stands(speaker) && stands(other))
}

/// Whoever configures a phone has to see which of its settings is wrong.
const NOT_OUR_ROUTE: &str = "Route Is Not This Server";

/// The routes of a request that begins something: all are ours, as phones preload them (section 8.1.1.1). `None`: it has
/// been refused. A Route behind ours would choose another next hop than the plan: that is relaying.
pub(super) fn own_routes(cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) -> Option<Routes> {
    let mut routes = Routes::default();
    for value in message.values(HeaderName::Route) {
        match read_route(cx.world, value) {
            // A message has at most 64 kB, so at most 65,535 values of one header.
            Some((true, _)) => routes.own += 1,
            Some((false, _)) => {
                return refuse_elsewhere(cx, flow, message);
            }
            None => return refuse_malformed(cx, flow, message),
        }
    }
    Some(routes)
}

/// `None`, as [`refuse_malformed`], for whoever wanted something of the request.
fn refuse_elsewhere<T>(cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) -> Option<T> {
    cx.counters.relay_refused += 1;
    refuse_as_not_ours(cx, &flow, message);
    None
}

fn refuse_as_not_ours(cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>) {
    answer_stranger(cx, flow, message, StatusCode::FORBIDDEN, Some(NOT_OUR_ROUTE), |_| {});
}

fn refuse_malformed<T>(cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) -> Option<T> {
    cx.counters.malformed += 1;
    answer(cx, &flow, message, StatusCode::BAD_REQUEST, Some("Malformed Route"), |_| {});
    None
}

/// Whether a Route has what we may have sealed: such a request is led by it, wherever it arrives.
pub(crate) fn has_route_token(message: &Message<'_>) -> bool {
    let is_sealed = |uri: &[u8]| match Uri::parse(uri) {
        Ok(Uri::Sip(uri)) => uri.user.is_some_and(RouteSeal::has_shape),
        Ok(Uri::Tel(_) | Uri::Other { .. }) | Err(_) => false,
    };
    let mut routes = message.values(HeaderName::Route).peekable();
    // A strict router has put it into the Request-URI (section 16.4).
    routes.peek().is_some()
        && (routes.any(|value| NameAddr::parse(value).is_ok_and(|address| is_sealed(address.uri)))
            || is_sealed(message.request_uri()))
}

/// (does it name us, its user part if we may have sealed it: an operator's Service-Route may have one too)
fn read_route<'a>(world: &World, value: &'a [u8]) -> Option<(bool, Option<&'a [u8]>)> {
    let address = NameAddr::parse(value).ok()?;
    match Uri::parse(address.uri).ok()? {
        Uri::Sip(uri) => {
            Some((routing::is_ours(world, &uri), uri.user.filter(|user| RouteSeal::has_shape(user))))
        }
        Uri::Tel(_) | Uri::Other { .. } => Some((false, None)),
    }
}

/// The user part of a Request-URI that looks like what we write into Record-Route.
fn token_in_request_uri<'a>(world: &World, uri: &'a [u8]) -> Option<&'a [u8]> {
    memchr::memmem::find(uri, b";lr")?;
    match Uri::parse(uri) {
        Ok(Uri::Sip(uri)) if uri.is_loose_router() && routing::is_ours(world, &uri) => uri.user,
        Ok(_) | Err(_) => None,
    }
}
