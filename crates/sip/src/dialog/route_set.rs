//! The route set (RFC 3261 section 12.1) as one Route value.

use super::DialogError;
use crate::header::{HeaderName, NameAddr};
use crate::lex;
use crate::message::{Message, element_end};
use crate::uri::Uri;

/// Entries of a route set at most: as many proxies as Max-Forwards allows to matter. Worst-case memory: as
/// large as the Record-Route headers of one message.
const ENTRIES_MAX: usize = 70;

/// The Record-Route entries, joined by commas: in their order for a UAS (section 12.1.1), reversed for a UAC
/// (section 12.1.2).
pub(super) fn from_record_route(message: &Message<'_>, reversed: bool) -> Result<Box<[u8]>, DialogError> {
    let mut entries: Vec<&[u8]> = Vec::new();
    for value in message.values(HeaderName::RecordRoute) {
        if entries.len() == ENTRIES_MAX {
            return Err(DialogError::Malformed("Record-Route"));
        }
        entries.push(value);
    }
    if message.record_routes().any(|entry| entry.is_err()) {
        return Err(DialogError::Malformed("Record-Route"));
    }
    if reversed {
        entries.reverse();
    }
    Ok(entries.join(&b", "[..]).into_boxed_slice())
}

/// Where a request in the dialog goes (section 12.2.1.1).
pub(super) struct Path<'a> {
    pub(super) request_uri: &'a [u8],
    /// The Route value; empty without a route set.
    pub(super) routes: &'a [u8],
    /// What follows `routes`: the remote target, when the first hop is a strict router.
    pub(super) last_route: Option<&'a [u8]>,
}

/// A loose router stands in Route and leaves the Request-URI to the remote target; a strict router becomes the
/// Request-URI itself, and the remote target ends the Route.
pub(super) fn path<'a>(route_set: &'a [u8], remote_target: &'a [u8]) -> Path<'a> {
    let (first, rest) = split_first(route_set);
    let strict = first.filter(|uri| !is_loose(uri));
    match strict {
        None => Path { request_uri: remote_target, routes: route_set, last_route: None },
        Some(uri) => Path { request_uri: uri, routes: rest, last_route: Some(remote_target) },
    }
}

/// The URI of the first entry, and the entries after it. A display name may hold brackets of its own.
fn split_first(route_set: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let end = element_end(route_set);
    let first = NameAddr::parse(&route_set[..end]).ok().filter(|entry| entry.bracketed);
    (first.map(|entry| entry.uri), route_set.get(end + 1..).map(lex::trim).unwrap_or_default())
}

fn is_loose(uri: &[u8]) -> bool {
    match Uri::parse(uri) {
        Ok(uri) => uri.as_sip().is_none_or(|sip| sip.is_loose_router()),
        Err(_) => true,
    }
}
