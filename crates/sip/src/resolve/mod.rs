//! Where a message is sent (RFC 3263): from a URI or a Via to an ordered list of transport, address and port.
//!
//! A [`Resolution`] is a pure machine. It emits [`Query`] values, takes [`Answer`] values in any order, and ends
//! with [`Resolved`] or a reason. [`Failover`] then walks the list, leaving for last what a [`Blacklist`]
//! knows to have failed a moment ago. A numeric host is resolved without a query.
//!
//! What it deliberately does not do: ask the DNS, cache its answers (the resolver of the server does; the time
//! for which a result holds is handed out) or choose a connection that is already open.

mod destination;
mod failover;
mod query;
mod resolution;
mod srv;

use std::fmt;

pub use destination::{Destination, Supported};
pub use failover::{Blacklist, Candidate, Failover};
pub use query::{Answer, Naptr, Outcome, Query, RecordKind, Records, Srv};
pub use resolution::{Progress, Resolution, ResolveLimits, Resolved};

/// Why there is nowhere to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveError {
    /// The URI asks for a transport that we do not speak, or for UDP under sips: 416 or 503.
    UnsupportedTransport,
    /// The name exists nowhere, or offers no service that we speak: 404 for a user's domain, else 503.
    NoSuchHost,
    /// The DNS did not answer: 503, and worth another try later.
    DnsFailed,
    /// More questions than the limit allows: the domain is broken or hostile.
    TooManyQueries,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResolveError::UnsupportedTransport => "the transport is not supported",
            ResolveError::NoSuchHost => "no such host, or it offers no SIP service",
            ResolveError::DnsFailed => "the DNS did not answer",
            ResolveError::TooManyQueries => "the domain needs too many DNS queries",
        })
    }
}

impl std::error::Error for ResolveError {}
