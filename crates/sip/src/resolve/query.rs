//! What is asked of the DNS and what it answers, without the DNS.

use std::net::{Ipv4Addr, Ipv6Addr};

/// One question. The name is in lower case, without a dot at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Query {
    pub kind: RecordKind,
    pub name: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// RFC 3403.
    Naptr,
    /// RFC 2782.
    Srv,
    A,
    Aaaa,
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub query: Query,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Records of the kind asked for; valid for so many seconds (the least of their TTLs).
    Found { records: Records, ttl_s: u32 },
    /// No such name, or no record of this kind; known for so many seconds (RFC 2308).
    Absent { ttl_s: u32 },
    /// No server answered in time, or none could.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    Naptr(Vec<Naptr>),
    Srv(Vec<Srv>),
    A(Vec<Ipv4Addr>),
    Aaaa(Vec<Ipv6Addr>),
}

/// A NAPTR record, as far as RFC 3263 section 4.1 reads it: flag `s`, no regular expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: Box<str>,
    /// `SIP+D2U`, `SIPS+D2T`, ...
    pub service: Box<str>,
    /// The name to ask SRV records for.
    pub replacement: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub target: Box<str>,
}

impl Query {
    pub fn new(kind: RecordKind, name: &str) -> Query {
        Query { kind, name: plain(name).into_boxed_str() }
    }
}

/// A name in lower case without a dot at its end, so that equal names are equal text.
pub(super) fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}
