//! Requests inside a dialog: they follow only a route that we issued and can prove (RFC 3261 section 16.4, RFC 5626
//! section 5.3).

use super::branch::{self, BRANCH_LEN};
use super::forward::{self, Outgoing};
use super::server::refuse;
use super::{Prover, Proxy, next_hop};
use crate::context::Context;
use crate::flow::Flow;
use crate::route_token::{Direction, RouteToken, hop_of, same_end};
use crate::routing::{self, Target};
use crate::world::World;
use coeur_sip::header::{HeaderName, NameAddr};
use coeur_sip::{Message, Method, StatusCode, Uri};

/// What the topmost Route says.
enum Issued {
    /// Ours, for this dialog.
    Proven { token: RouteToken, direction: Direction, own_routes: usize },
    /// It names us but is not what we wrote for this dialog, or it names somebody else.
    Forged,
    /// There is no Route with a token.
    Absent,
}

impl Proxy {
    /// Relays a request inside a dialog over the flow that our token names. The Request-URI is untouched and never
    /// decides the address.
    pub fn in_dialog(
        &mut self,
        cx: &mut Context<'_>,
        prover: &mut impl Prover,
        flow: Flow,
        message: &Message<'_>,
    ) {
        let (token, direction, own_routes) = match self.issued(cx.world, message) {
            Issued::Proven { token, direction, own_routes } => (token, direction, own_routes),
            Issued::Forged => {
                cx.counters.route_forged += 1;
                return refuse(cx, flow, message, StatusCode::FORBIDDEN, &[]);
            }
            Issued::Absent => {
                return refuse(cx, flow, message, StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST, &[]);
            }
        };
        let (expected, other) = token.ends(direction);
        if !same_end(expected, &flow) && !prover.prove(cx, flow, message) {
            return;
        }
        if message.method() == Method::Bye {
            cx.counters.calls_ended += 1;
        }
        let target = Target { flow: Some(*other), ..Target::of_uri(message.request_uri()) };
        self.relay(cx, flow, message, vec![target], own_routes, true);
    }

    /// An ACK ends the repetition of our failure, or goes to the callee of a 2xx: forwarded without state, and never
    /// answered. It cannot be challenged, so it must come from where the dialog is known to come from.
    pub fn ack(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) {
        if self.absorb_ack(cx, message) {
            return;
        }
        let Issued::Proven { token, direction, own_routes } = self.issued(cx.world, message) else {
            cx.counters.stray_acks += 1;
            return;
        };
        let (expected, other) = token.ends(direction);
        let from_there = same_end(expected, &flow) || expected.remote.ip() == flow.remote.ip();
        let max_forwards = message.max_forwards().ok().flatten().unwrap_or(70);
        let hop = hop_of(other);
        let Some(listener) = next_hop::listener(cx.world, &hop).filter(|_| from_there && max_forwards > 0)
        else {
            cx.counters.stray_acks += 1;
            return;
        };
        let text: [u8; BRANCH_LEN] = branch::name_for(cx.mint, branch::NONE, 0).write();
        let outgoing = Outgoing {
            uri: message.request_uri(),
            branch: &text,
            listener,
            source: flow.remote,
            own_routes,
            path: None,
            record_route: &[],
            max_forwards: max_forwards - 1,
            max_breadth: u32::from(cx.world.settings.max_breadth),
        };
        let world = cx.world;
        let span = cx.outbox.write(|out| forward::write_request(message, world, &outgoing, out));
        cx.outbox.send(hop, span, None);
        cx.counters.proxied_acks += 1;
    }

    /// True when the topmost Route carries a token of ours, whatever it proves: the request is for `in_dialog`.
    pub fn is_routed(&self, world: &World, message: &Message<'_>) -> bool {
        !matches!(self.issued(world, message), Issued::Absent)
    }

    fn issued(&self, world: &World, message: &Message<'_>) -> Issued {
        let Ok(essentials) = message.essentials() else { return Issued::Absent };
        let mut first: Option<(&[u8], RouteToken, Direction)> = None;
        let mut own_routes = 0;
        for value in message.values(HeaderName::Route) {
            let Some((ours, user)) = read_route(world, value) else { return Issued::Forged };
            match (ours, user, &first) {
                (true, None, None) => own_routes += 1,
                (true, Some(user), None) => {
                    let from_tag = essentials.from_tag.unwrap_or_default();
                    let to_tag = essentials.to_tag.unwrap_or_default();
                    match self.seal.open(user, essentials.call_id, from_tag, to_tag) {
                        Some((token, direction)) => first = Some((user, token, direction)),
                        None => return Issued::Forged,
                    }
                    own_routes += 1;
                }
                // The second of a double Record-Route.
                (true, Some(user), Some((known, ..))) if user == *known => own_routes += 1,
                (false, _, None) => return Issued::Forged,
                (_, _, Some(_)) => break,
            }
        }
        match first {
            Some((_, token, direction)) => Issued::Proven { token, direction, own_routes },
            None => Issued::Absent,
        }
    }
}

/// Route values in front that name us and carry no token: phones preload them (section 8.1.1.1).
pub(super) fn own_routes(world: &World, message: &Message<'_>) -> usize {
    message
        .values(HeaderName::Route)
        .take_while(|value| matches!(read_route(world, value), Some((true, _))))
        .count()
}

/// (does it name us, its user part)
fn read_route<'a>(world: &World, value: &'a [u8]) -> Option<(bool, Option<&'a [u8]>)> {
    let address = NameAddr::parse(value).ok()?;
    match Uri::parse(address.uri).ok()? {
        Uri::Sip(uri) => Some((routing::is_ours(world, &uri), uri.user)),
        Uri::Tel(_) | Uri::Other { .. } => Some((false, None)),
    }
}

/// The flow of a dialog is gone. The contact may have registered again over another: the binding of the same account
/// whose URI is the remote target, or the instance of its GRUU.
pub(super) fn found_again(
    cx: &Context<'_>,
    message: &Message<'_>,
    remote_target: &[u8],
    dead: Option<Flow>,
) -> Option<Target> {
    let now = cx.now.monotonic;
    if let Ok(Uri::Sip(uri)) = Uri::parse(remote_target)
        && routing::is_ours(cx.world, &uri)
        && uri.params.has("gr")
    {
        let plan = routing::decide_uri(cx.world, now, None, remote_target);
        return match plan {
            routing::Plan::Proxy { targets, .. } => targets.into_iter().next(),
            routing::Plan::Echo | routing::Plan::Refuse { .. } => None,
        };
    }
    // To names the other side, as the dialog was begun.
    let to = message.to().ok()?;
    let Ok(Uri::Sip(account)) = Uri::parse(to.uri) else { return None };
    let mut user = Vec::new();
    coeur_sip::uri::unescape_into(account.user?, &mut user);
    let mut found = Vec::new();
    cx.world.bindings.lookup(&user, account.host_bytes, now, &mut found);
    let same = |target: &crate::bindings::Target| {
        target.flow.is_some() && target.flow != dead && same_contact(&target.uri, remote_target)
    };
    found.into_iter().find(same).map(Target::from)
}

/// The user part of a contact is the phone's own; host and port change with its network.
fn same_contact(registered: &[u8], remote_target: &[u8]) -> bool {
    let user = |text| match Uri::parse(text) {
        Ok(Uri::Sip(uri)) => uri.user,
        _ => None,
    };
    registered == remote_target || (user(registered).is_some() && user(registered) == user(remote_target))
}
