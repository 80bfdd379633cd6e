//! The bytes that leave: requests towards the callee (RFC 3261 section 16.6), responses towards the caller (section
//! 16.7), and what we say ourselves to a target: ACK and CANCEL. Everything is written straight into the arena from
//! spans of what was received.

use super::branch::BRANCH_LEN;
use crate::world::{Listener, World};
use coeur_sip::digest::{Credentials, DigestError};
use coeur_sip::header::{HeaderName, NameAddr};
use coeur_sip::write::write_vias;
use coeur_sip::{Message, Method, Uri, Writer};
use std::net::SocketAddr;

/// Which Route values of a received request its copy keeps (section 16.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Routes {
    /// Those in front, which were for us.
    pub(super) own: u16,
    /// A strict router made the Request-URI the last value, where it is not a route.
    pub(super) strict: bool,
}

impl Routes {
    pub(super) fn kept<'a>(self, message: &Message<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let values = message.values(HeaderName::Route);
        let end = if self.strict { values.clone().count() - 1 } else { usize::MAX };
        values.take(end).skip(usize::from(self.own))
    }
}

/// What distinguishes the copy from the original.
pub(super) struct Outgoing<'a> {
    pub(super) uri: &'a [u8],
    pub(super) branch: &'a [u8; BRANCH_LEN],
    /// Where it leaves: names our Via.
    pub(super) listener: &'a Listener,
    /// Where the request came from: completes the caller's Via.
    pub(super) source: SocketAddr,
    pub(super) routes: Routes,
    /// Route entries of the binding.
    pub(super) path: Option<&'a [u8]>,
    /// Values of our Record-Route, ready.
    pub(super) record_route: &'a [u8],
    pub(super) max_forwards: u8,
    pub(super) max_breadth: u32,
}

/// Section 16.6 steps 1 to 8. The body is copied as it is.
pub(super) fn write_request(message: &Message<'_>, world: &World, to: &Outgoing<'_>, out: &mut Vec<u8>) {
    let strict = strict_router(message, to);
    let mut writer = Writer::request(out, message.method(), strict.unwrap_or(to.uri));
    write_via(&mut writer, to.listener, to.branch);
    write_vias(message.header_view(), message.via().ok(), to.source, writer.buffer());
    if !to.record_route.is_empty() {
        writer.header(HeaderName::RecordRoute, to.record_route);
    }
    write_routes(message, to, strict.is_some(), &mut writer);
    writer.number(HeaderName::MaxForwards, u32::from(to.max_forwards));
    writer.number(HeaderName::MaxBreadth, to.max_breadth);
    writer.copy_except(message.header_view(), |header| match header.name {
        HeaderName::Via | HeaderName::Route | HeaderName::MaxForwards | HeaderName::MaxBreadth => true,
        // Ours to check, never the callee's to see (RFC 3261 section 22.3).
        HeaderName::ProxyAuthorization | HeaderName::Authorization => is_ours_to_check(world, header.value),
        other => is_never_copied(other),
    });
    writer.end(message.body());
}

/// Section 16.7 step 3: a response with no Via below ours was for us.
pub(super) fn has_another_via(message: &Message<'_>) -> bool {
    message.values(HeaderName::Via).nth(1).is_some()
}

/// Section 16.7 steps 3 and 9: everything but our Via. False when no Via is left: the response was for us.
pub(super) fn write_response(message: &Message<'_>, out: &mut Vec<u8>) -> bool {
    let Some(status) = message.status() else { return false };
    let mut vias = message.values(HeaderName::Via).skip(1).peekable();
    if vias.peek().is_none() {
        return false;
    }
    let mut writer = Writer::new(out);
    writer.status_line(status, Some(message.reason_phrase()));
    for via in vias {
        writer.header(HeaderName::Via, via);
    }
    writer.copy_except(message.header_view(), |header| {
        header.name == HeaderName::Via || is_never_copied(header.name)
    });
    writer.end(message.body());
    true
}

/// Sections 17.1.1.3 and 9.1: ACK of a failure, or CANCEL, for a branch that sent `message` to `uri`.
pub(super) fn write_own(
    message: &Message<'_>,
    method: Method<'_>,
    to: &Outgoing<'_>,
    to_header: &[u8],
    out: &mut Vec<u8>,
) {
    let strict = strict_router(message, to);
    let mut writer = Writer::request(out, method, strict.unwrap_or(to.uri));
    write_via(&mut writer, to.listener, to.branch);
    write_routes(message, to, strict.is_some(), &mut writer);
    writer.number(HeaderName::MaxForwards, 70);
    writer.header(HeaderName::From, message.header(HeaderName::From).unwrap_or_default());
    writer.header(HeaderName::To, to_header);
    writer.header(HeaderName::CallId, message.call_id());
    writer.cseq(message.cseq().number, method);
    writer.end(b"");
}

/// Section 16.6 step 6: a next hop whose Route has no `lr` is a strict router. It looks for itself in the Request-URI
/// and for the Request-URI in the last Route.
fn strict_router<'a>(message: &Message<'a>, to: &Outgoing<'a>) -> Option<&'a [u8]> {
    let next = match to.path {
        Some(path) => &path[..first_value_end(path)],
        None => to.routes.kept(message).next()?,
    };
    let uri = NameAddr::parse(next).ok()?.uri;
    match Uri::parse(uri) {
        Ok(Uri::Sip(sip)) if !sip.is_loose_router() => Some(uri),
        Ok(_) | Err(_) => None,
    }
}

/// Before all the Path of the binding, then what the request brought along.
fn write_routes(message: &Message<'_>, to: &Outgoing<'_>, strict: bool, writer: &mut Writer<'_>) {
    let mut kept = to.routes.kept(message);
    match to.path {
        Some(path) if strict => {
            if let Some(rest) = path.get(first_value_end(path) + 1..) {
                writer.header(HeaderName::Route, rest);
            }
        }
        Some(path) => {
            writer.header(HeaderName::Route, path);
        }
        None if strict => drop(kept.next()),
        None => {}
    }
    for route in kept {
        writer.header(HeaderName::Route, route);
    }
    if strict {
        writer.begin(HeaderName::Route).push(b"<").push(to.uri).push(b">").end_line();
    }
}

/// The URI of the first Route in a stored Path.
pub(crate) fn first_route(path: &[u8]) -> Option<&[u8]> {
    NameAddr::parse(&path[..first_value_end(path)]).ok().map(|address| address.uri)
}

/// Where the first of comma separated addresses ends. Each was read when the binding was made, so each has its
/// brackets; a comma within those, or within quotes, parts nothing.
fn first_value_end(path: &[u8]) -> usize {
    let (mut in_uri, mut in_quotes, mut escaped) = (false, false, false);
    let comma = path.iter().position(|byte| {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' if in_quotes => escaped = true,
            b'"' if !in_uri => in_quotes = !in_quotes,
            b'<' | b'>' if !in_quotes => in_uri = *byte == b'<',
            b',' => return !in_uri && !in_quotes,
            _ => {}
        }
        false
    });
    comma.unwrap_or(path.len())
}

fn write_via(writer: &mut Writer<'_>, listener: &Listener, branch: &[u8; BRANCH_LEN]) {
    writer.begin(HeaderName::Via);
    let out = writer.buffer();
    out.extend_from_slice(b"SIP/2.0/");
    out.extend_from_slice(listener.transport.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(listener.sent_by.as_bytes());
    out.extend_from_slice(b";rport;branch=");
    out.extend_from_slice(branch);
    writer.end_line();
}

/// The length is the writer's. Identities are what only a trusted element may assert (RFC 3325 section 5): no phone is one.
fn is_never_copied(name: HeaderName) -> bool {
    matches!(
        name,
        HeaderName::ContentLength
            | HeaderName::PAssertedIdentity
            | HeaderName::PPreferredIdentity
            | HeaderName::RemotePartyId
    )
}

/// Credentials for one of our realms (section 22.3), and a digest that cannot be read: it is of no use to anybody, and
/// may be ours.
pub(crate) fn is_ours_to_check(world: &World, credentials: &[u8]) -> bool {
    match Credentials::names_realm(credentials, |realm| world.directory.is_ours(realm)) {
        Ok(ours) => ours,
        Err(DigestError::OtherScheme) => false,
        Err(
            DigestError::Malformed
            | DigestError::Duplicate(_)
            | DigestError::Missing(_)
            | DigestError::Invalid(_)
            | DigestError::Unsupported(_),
        ) => true,
    }
}
