//! From a URI to where it is reached (RFC 3263): an address is itself, a name is asked of the DNS (NAPTR, SRV, AAAA
//! and A), and what comes out is an ordered list of places to try.

use crate::context::Context;
use crate::flow::Hop;
use crate::network::may_relay_to;
use crate::routing::Target;
use crate::world::{Listener, World};
use coeur_sip::resolve::{
    Candidate, Destination, Failover, Progress, Query, Resolution, ResolveError, ResolveLimits, Supported,
};
use coeur_sip::{StatusCode, Transport, Uri};
use std::net::SocketAddr;

/// Questions and addresses for one target. Worst case 16 kB while a name is resolved.
const LIMITS: ResolveLimits = ResolveLimits { queries_max: 16, records_max: 16, candidates_max: 16 };

pub(crate) enum NextHop {
    /// In the order to be tried.
    Known(Vec<Candidate>),
    Ask(Box<Resolution>, Vec<Query>),
    /// Nothing can be sent, and what that means to the caller.
    Nowhere(StatusCode),
}

/// The URI of the topmost Route, or the Request-URI (RFC 3261 section 16.6 step 7), of this target.
pub(crate) fn of_uri(cx: &mut Context<'_>, target: &Target, text: &[u8]) -> NextHop {
    let nowhere = || NextHop::Nowhere(status_of(ResolveError::UnsupportedTransport));
    let Ok(Uri::Sip(uri)) = Uri::parse(text) else { return nowhere() };
    let Ok(destination) = Destination::from_uri(&uri) else { return nowhere() };
    let (resolution, progress) = Resolution::start(destination, supported(cx.world), cx.mint.u64(), LIMITS);
    match progress {
        Progress::Ask(queries) => NextHop::Ask(Box::new(resolution), queries),
        Progress::Done(Ok(resolved)) => match permitted(cx, target, resolved.candidates) {
            Ok(candidates) => NextHop::Known(candidates),
            Err(status) => NextHop::Nowhere(status),
        },
        Progress::Done(Err(error)) => NextHop::Nowhere(status_of(error)),
    }
}

/// Threat T-25: another domain is at none of the addresses that only we can reach. A phone is: it registered from there.
pub(crate) fn permitted(
    cx: &mut Context<'_>,
    target: &Target,
    mut candidates: Vec<Candidate>,
) -> Result<Vec<Candidate>, StatusCode> {
    if target.party.is_none() {
        candidates.retain(|candidate| may_relay_to(cx.world, candidate.address.ip()));
    }
    if candidates.is_empty() {
        cx.counters.relay_refused += 1;
        return Err(StatusCode::FORBIDDEN);
    }
    Ok(candidates)
}

/// What a caller is told of a target that leads nowhere. A 503 of ours becomes a 500 on its way (section 16.7 step 6).
pub(crate) fn status_of(error: ResolveError) -> StatusCode {
    match error {
        ResolveError::NoSuchHost => StatusCode::NOT_FOUND,
        ResolveError::UnsupportedTransport | ResolveError::DnsFailed | ResolveError::TooManyQueries => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// True when the URI leaves the transport to us: then a large request may go over TCP (section 18.1.1).
pub(crate) fn leaves_transport_open(text: &[u8]) -> bool {
    matches!(Uri::parse(text), Ok(Uri::Sip(uri)) if uri.transport().is_none() && !uri.secure)
}

/// The next place to try that one of our listeners can send to.
pub(crate) fn next_of(world: &World, failover: &mut Failover) -> Option<Hop> {
    while let Some(place) = failover.next() {
        if let Some(hop) = hop(world, place) {
            return Some(hop);
        }
    }
    None
}

/// `None`: none of our listeners can send there.
pub(crate) fn hop(world: &World, candidate: &Candidate) -> Option<Hop> {
    let Candidate { transport, address, host } = candidate;
    let listener = towards(world, *transport, *address)?.id;
    Some(Hop::Address { transport: *transport, listener, address: *address, host: host.clone() })
}

/// What we listen on is what we can send with: our Via must name a place where the answer reaches us.
fn supported(world: &World) -> Supported {
    let listens = |transport| world.listeners.iter().any(|listener| listener.transport == transport);
    Supported {
        udp: listens(Transport::Udp),
        tcp: listens(Transport::Tcp),
        tls: listens(Transport::Tls),
        // A browser never listens; it is reached over the flow of its registration.
        ws: false,
        wss: false,
        ipv4: world.listeners.iter().any(|listener| listener.bound.is_ipv4()),
        ipv6: world.listeners.iter().any(|listener| listener.bound.is_ipv6()),
    }
}

/// The listener whose name our Via carries.
pub(crate) fn listener<'w>(world: &'w World, hop: &Hop) -> Option<&'w Listener> {
    let id = match hop {
        Hop::Flow(flow) => flow.listener,
        Hop::Address { listener, .. } => *listener,
    };
    world.listeners.iter().find(|listener| listener.id == id)
}

/// The listener that sends to an address, or under whose name we connect to it: of the same transport and family, and where
/// there is a choice one that is bound to loopback only for loopback. A connection may lead to the other family too.
fn towards(world: &World, transport: Transport, to: SocketAddr) -> Option<&Listener> {
    let fits = |bound: SocketAddr| {
        bound.ip().is_unspecified() || bound.ip().is_loopback() == to.ip().to_canonical().is_loopback()
    };
    let rank = |listener: &&Listener| match listener.bound.is_ipv4() == to.is_ipv4() {
        true if fits(listener.bound) => 0,
        true => 1,
        false => 2,
    };
    let same = world.listeners.iter().filter(|listener| listener.transport == transport);
    same.min_by_key(rank).filter(|listener| transport.is_reliable() || rank(listener) < 2)
}
