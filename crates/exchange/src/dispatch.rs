//! What is this message and who owns it. Nothing in a message names a handler: the method, read into a closed enum,
//! and where the message is inside or outside of a dialog decide (advisory A01).
//!
//! Everything but ACK, CANCEL and answers is authenticated before a role sees it, whatever its method (advisory A06).
//! The exceptions are each their own line below: an OPTIONS to the server itself, and what a role proves in another way
//! (a transaction, or a Record-Route that we signed).

use crate::answer::{answer, answer_malformed, answer_stranger};
use crate::call::{self, Calls};
use crate::check_sync::{self, CheckSync};
use crate::context::Context;
use crate::entitled;
use crate::event::Event;
use crate::flow::Flow;
use crate::guard::{Authenticated, Guard};
use crate::input::{Command, Input};
use crate::machine;
use crate::outbox::Output;
use crate::party::Party;
use crate::proxy::Proxy;
use crate::registrar::Registrar;
use crate::routing::{self, Plan};
use crate::texts;
use crate::world::{CallMode, Listener, World};
use coeur_sip::message::Message;
use coeur_sip::uri::Uri;
use coeur_sip::write::ResponseWriter;
use coeur_sip::{HeaderName, Method, ParseError, StatusCode};
use std::sync::atomic::Ordering;

/// The roles of one shard.
pub(crate) struct Roles<'r> {
    pub(crate) guard: &'r mut Guard,
    pub(crate) registrar: &'r mut Registrar,
    pub(crate) proxy: &'r mut Proxy,
    pub(crate) calls: &'r mut Calls,
    pub(crate) check_sync: &'r mut CheckSync,
    pub(crate) draining: &'r mut bool,
}

pub(crate) fn dispatch(roles: &mut Roles<'_>, cx: &mut Context<'_>, input: Input<'_>) {
    // What was at hand is gone: its bytes may be another message's by now.
    cx.answers.begin();
    let first = cx.outbox.outputs.len();
    handle(roles, cx, input);
    roles.calls.keep(cx, first);
}

fn handle(roles: &mut Roles<'_>, cx: &mut Context<'_>, input: Input<'_>) {
    match input {
        Input::Received { flow, message } if message.is_response() => response(roles, cx, flow, message),
        Input::Received { flow, message } => request(roles, cx, &flow, message),
        Input::Malformed { flow, error } => malformed(cx, &flow, error),
        Input::FlowClosed { flow } => {
            cx.world.vouched.forget(flow.connection);
            roles.registrar.flow_closed(cx, &flow);
        }
        Input::Ticked => {
            roles.registrar.tick(cx);
            roles.proxy.tick(cx);
            roles.calls.tick(cx);
            roles.check_sync.tick(cx);
        }
        Input::Told(Command::Revoked { aor, device }) => {
            roles.registrar.revoke(cx, &aor, device);
            roles.proxy.revoke(cx, &aor, device);
            roles.calls.revoke(cx, &aor, device);
        }
        Input::Told(Command::Drain) => {
            *roles.draining = true;
            roles.proxy.drain(cx);
            roles.calls.drain(cx);
        }
        Input::Told(Command::CheckSync { aor, device, reboot }) => {
            roles.check_sync.ask(cx, &aor, device, reboot);
        }
        Input::Told(Command::PushEnded { aor, binding, destination }) => {
            roles.registrar.push_ended(cx, &aor, binding, &destination);
        }
        Input::Told(Command::Asked { ticket, ask }) => roles.calls.asked(cx, ticket, ask),
        Input::SendFailed { token, .. } if call::is_token(token.0) => roles.calls.send_failed(cx, token),
        Input::SendFailed { token, failure } => roles.proxy.send_failed(cx, token, failure),
        Input::Resolved { token, answer } if call::is_token(token.0) => {
            roles.calls.resolved(cx, token, answer)
        }
        Input::Resolved { token, answer } => roles.proxy.resolved(cx, token, answer),
        Input::MediaEvent(event) => roles.calls.media(cx, &event),
    }
}

fn response(roles: &mut Roles<'_>, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) {
    cx.counters.responses_received += 1;
    let branch = message.via().ok().and_then(|via| via.branch);
    if branch.is_some_and(|branch| call::shard_of_branch(branch).is_some()) {
        return roles.calls.response(cx, flow, message);
    }
    if branch.is_some_and(|branch| check_sync::shard_of_branch(branch).is_some()) {
        return roles.check_sync.response(cx, flow, message);
    }
    roles.proxy.response(cx, flow, message);
}

fn malformed(cx: &mut Context<'_>, flow: &Flow, error: &ParseError<'_>) {
    if error.is_keep_alive() {
        return;
    }
    cx.counters.malformed += 1;
    if answer_malformed(cx, flow, error) {
        cx.counters.malformed_answered += 1;
    }
}

fn request(roles: &mut Roles<'_>, cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>) {
    cx.counters.requests_received += 1;
    if retransmission(cx, flow, message) {
        return;
    }
    match message.method() {
        // Never answered; one that no role knows is dropped (RFC 3261 section 17.1.1.3).
        Method::Ack if roles.calls.ack(cx, *flow, message) => return,
        Method::Ack => return roles.proxy.ack(cx, *flow, message),
        Method::Cancel => {}
        // Never relayed.
        Method::Register => {}
        _ if roles.calls.retransmission(cx, message) => return,
        _ if roles.proxy.retransmission(cx, message) => return,
        _ => {}
    }
    if let Err((status, reason)) = acceptable(cx, message) {
        match status {
            StatusCode::BAD_REQUEST => cx.counters.malformed += 1,
            StatusCode::TOO_MANY_HOPS => cx.counters.too_many_hops += 1,
            _ => {}
        }
        roles.proxy.was_refused(flow, message);
        refuse(cx, flow, message, status, reason);
        return;
    }
    match message.method() {
        Method::Cancel if roles.calls.cancel(cx, *flow, message) => return,
        Method::Cancel => return roles.proxy.cancel(cx, *flow, message),
        Method::Register => {}
        // The proof is the dialog and the flow over which it is spoken.
        _ if Calls::is_our_tag(message) => {
            return roles.calls.in_dialog(cx, roles.guard, *flow, message);
        }
        Method::Options if is_for_server(cx.world, message) => return options(cx, flow, message),
        _ => {
            // A tag in To claims a dialog, and a Route that we issued for it is the proof. Without a tag a request
            // begins something (RFC 3261 section 12.2), whatever Route it brings.
            if message.to().is_ok_and(|to| to.tag().is_some()) {
                return roles.proxy.in_dialog(cx, roles.guard, *flow, message);
            }
        }
    }
    match message.method() {
        // RFC 3261 section 26.2.2: it has not come as its URI promises, so we cannot promise it on.
        _ if routing::is_sips(message.request_uri()) && !flow.transport.is_secure() => {
            refuse(cx, flow, message, StatusCode::FORBIDDEN, Some("SIPS Needs TLS"));
        }
        _ if *roles.draining => {
            answer_stranger(cx, flow, message, StatusCode::SERVICE_UNAVAILABLE, None, |writer| {
                writer.number(HeaderName::RetryAfter, 10);
            });
        }
        Method::Register => register(roles, cx, flow, message),
        Method::Invite
        | Method::Ack
        | Method::Cancel
        | Method::Bye
        | Method::Options
        | Method::Message
        | Method::Subscribe
        | Method::Notify
        | Method::Publish
        | Method::Refer
        | Method::Info
        | Method::Update
        | Method::Prack
        | Method::Other(_) => relay(roles, cx, flow, message),
    }
}

/// RFC 3261 section 17.2.2: a retransmission gets the answer that its original got, and nobody else hears of it. What
/// may still wait for its save waits again. While nothing can be saved a REGISTER is looked at anew: its 200 may have
/// left as a 503. Afterwards the 200 is true, since the journal is open again only when a snapshot holds what was lost
/// (decision 0010).
fn retransmission(cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>) -> bool {
    let Some(bytes) = cx.answers.find(cx.now.monotonic, flow, message) else { return false };
    let register = message.method() == Method::Register;
    if register && !cx.world.storage_writable.load(Ordering::Relaxed) {
        return false;
    }
    let span = cx.outbox.write(|out| out.extend_from_slice(bytes));
    let hop = crate::answer::way_back(flow, message);
    match register {
        true => cx.outbox.send_after_save(hop, span, crate::outbox::Span::EMPTY),
        false => cx.outbox.send(hop, span, None),
    }
    cx.counters.retransmissions_answered += 1;
    true
}

/// What every element looks at first (RFC 3261 section 16.3): headers that can be read, a scheme that we speak, and
/// extensions that a proxy must know, of which we know none.
fn acceptable(cx: &Context<'_>, message: &Message<'_>) -> Result<(), (StatusCode, Option<&'static str>)> {
    let bad = |reason| Err((StatusCode::BAD_REQUEST, Some(reason)));
    if let Err(error) = message.essentials() {
        return bad(error.reason);
    }
    match message.parse_request_uri() {
        Ok(Uri::Sip(_) | Uri::Tel(_)) => {}
        // RFC 5031.
        Ok(Uri::Other { scheme, rest }) if entitled::is_sos(scheme, rest) => {}
        // Section 8.2.2.1 and 16.3 step 2.
        Ok(Uri::Other { .. }) => return Err((StatusCode::UNSUPPORTED_URI_SCHEME, None)),
        Err(error) => return bad(error.reason),
    }
    let hops_left = match message.max_forwards() {
        Ok(hops) => hops,
        Err(error) => return bad(error.reason),
    };
    // Section 16.3 step 3, unless we are where it is going: only these end here.
    let ends_here = || match message.method() {
        Method::Register => true,
        method => {
            (method == Method::Options && is_for_server(cx.world, message)) || Calls::is_our_tag(message)
        }
    };
    if hops_left == Some(0) && !ends_here() {
        return Err((StatusCode::TOO_MANY_HOPS, None));
    }
    // Section 16.3 step 5; a CANCEL is not answered 420 (section 8.2.2.3).
    if message.method() != Method::Cancel && message.proxy_require().next().is_some() {
        return Err((StatusCode::BAD_EXTENSION, None));
    }
    // Threat T-19. A text goes to people; what is larger is a file.
    if message.method() == Method::Message
        && message.body().len() > cx.world.settings.message_body_bytes_max as usize
    {
        return Err((StatusCode::REQUEST_ENTITY_TOO_LARGE, None));
    }
    Ok(())
}

fn register(roles: &mut Roles<'_>, cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>) {
    // RFC 3261 section 10.3 step 1. It would be forwarded to that domain; REGISTER never is.
    if !is_for_our_registrar(cx.world, message) {
        return refuse(cx, flow, message, StatusCode::FORBIDDEN, Some("Domain Not Served"));
    }
    let Ok(sender) = roles.guard.authenticate(cx, flow, message) else { return };
    let before = cx.outbox.outputs.len();
    roles.registrar.register(cx, *flow, message, &sender);
    // Its answer is remembered although it may still wait for its save: see `retransmission`.
    let sent = cx.outbox.outputs[before..].iter().rev().find_map(|output| match output {
        Output::Send(send) => Some(send.bytes),
        Output::Save(_)
        | Output::Resolve { .. }
        | Output::Publish(_)
        | Output::Media(_)
        | Output::Told(..)
        | Output::Push(_)
        | Output::Close(_) => None,
    });
    if let Some(span) = sent {
        cx.answers.remember(cx.now.monotonic, flow, message, &cx.outbox.arena[span.range()]);
    }
}

/// Requests for somebody else, or for a service of ours.
fn relay(roles: &mut Roles<'_>, cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>) {
    // The flow is the proof.
    if flow.is_inside() {
        return roles.calls.asked_inside(cx, *flow, message);
    }
    let Ok(sender) = roles.guard.authenticate(cx, flow, message) else { return };
    if message.method() == Method::Message && !roles.guard.may_message(cx, flow, message, &sender.account) {
        return;
    }
    let party = Party { account: sender.account.id, device: sender.device };
    decided(roles, cx, flow, message, &sender);
    // Whatever it was for, and whoever has refused it: nobody was reached.
    if let Some(status) = cx.answers.take_refused()
        && cx.world.settings.calls == CallMode::B2bua
    {
        roles.calls.unreached(cx, flow, message, party, status);
    }
}

/// The request of who has proved himself.
fn decided(
    roles: &mut Roles<'_>,
    cx: &mut Context<'_>,
    flow: &Flow,
    message: &Message<'_>,
    sender: &Authenticated,
) {
    let party = Party { account: sender.account.id, device: sender.device };
    let calls = message.method() == Method::Invite && cx.world.settings.calls == CallMode::B2bua;
    if calls && message.has(HeaderName::Replaces) {
        return roles.calls.replace(cx, *flow, message, party);
    }
    let feature = || call::feature(cx.world, &sender.account, message.request_uri());
    if calls && let Some(feature) = feature() {
        return roles.calls.dial_feature(cx, *flow, message, (party, &sender.account), feature);
    }
    match routing::decide(cx.world, cx.now.monotonic, Some(&sender.account), message) {
        Plan::Proxy { targets, onward, .. } if calls => {
            if roles.proxy.has_own_routes(cx, *flow, message) {
                roles.calls.start(cx, *flow, message, party, (targets, onward));
            }
        }
        Plan::Proxy { targets, .. } => roles.proxy.start(cx, *flow, message, party, targets),
        Plan::Serve(service) => roles.calls.serve(cx, *flow, message, party, service),
        Plan::Refuse { status, why } => {
            if why == routing::Why::NoRightToRelay {
                cx.counters.relay_refused += 1;
                if roles.guard.may_tell(cx.now) {
                    cx.outbox.publish(Event::RelayRefused { flow: *flow });
                }
            }
            if message.method() == Method::Message {
                let id = cx.mint.tag();
                texts::ended(cx, texts::of(message, id, party, None), status);
            }
            answer(cx, flow, message, status, None, |writer| explained(writer, why));
        }
    }
}

/// Who has proved who he is hears which of his rights it was, in words for whoever helps him (RFC 3261 section 20.43).
fn explained(writer: &mut ResponseWriter<'_>, why: routing::Why) {
    match why {
        routing::Why::NotAllowed(_) | routing::Why::MinutesOfDay | routing::Why::MinutesOfMonth => {
            writer.header(HeaderName::Warning, format!("399 coeur \"{}\"", why.as_str()).as_bytes());
        }
        routing::Why::Registered
        | routing::Why::Gruu
        | routing::Why::Foreign
        | routing::Why::UnknownUser
        | routing::Why::NotRegistered
        | routing::Why::NotSecure
        | routing::Why::NoRightToRelay
        | routing::Why::UnsupportedScheme
        | routing::Why::MalformedUri
        | routing::Why::NoUser
        | routing::Why::DoNotDisturb
        | routing::Why::ForwardedInCircle
        | routing::Why::ForwardedTooOften
        | routing::Why::NotOfTheDomain => {}
    }
}

/// RFC 3261 section 11.2, as short as can be: phones and monitors ask whether we live. As an INVITE would be answered (section
/// 8.2.2.3): also that something is required which we do not know.
fn options(cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>) {
    let unknown = || message.require().filter(|tag| !call::is_understood(tag));
    let status = if unknown().next().is_none() { StatusCode::OK } else { StatusCode::BAD_EXTENSION };
    answer_stranger(cx, flow, message, status, None, |writer| {
        for tag in unknown() {
            writer.header(HeaderName::Unsupported, tag);
        }
    });
}

/// A sender who has proved nothing is refused: no state, and no more than one and a half times the bytes.
fn refuse(
    cx: &mut Context<'_>,
    flow: &Flow,
    message: &Message<'_>,
    status: StatusCode,
    reason: Option<&'static str>,
) {
    answer_stranger(cx, flow, message, status, reason, |writer| {
        if status == StatusCode::BAD_EXTENSION {
            // Section 8.2.2.3.
            for tag in message.proxy_require() {
                writer.header(HeaderName::Unsupported, tag);
            }
        }
    });
}

/// True for a request whose Request-URI names the server itself: one of our domains or addresses, without a user.
pub(crate) fn is_for_server(world: &World, message: &Message<'_>) -> bool {
    match message.parse_request_uri() {
        Ok(Uri::Sip(uri)) if uri.user.is_none() => {
            world.directory.is_ours(uri.host_bytes) || machine::is_named(world, &uri)
        }
        Ok(_) | Err(_) => false,
    }
}

/// True for a domain of ours, or for a host that is us. By which address we are reached through a router nobody tells us,
/// so any address is taken for one of ours: it is none of a domain's.
fn is_for_our_registrar(world: &World, message: &Message<'_>) -> bool {
    let Ok(Uri::Sip(uri)) = message.parse_request_uri() else { return false };
    let is_host = |listener: &Listener| listener.name().0.as_bytes().eq_ignore_ascii_case(uri.host_bytes);
    world.directory.is_ours(uri.host_bytes)
        || uri.host.ip().is_some()
        || world.listeners.iter().any(is_host)
        || world.machine.has_name(&uri.host)
}

#[cfg(test)]
mod tests;
