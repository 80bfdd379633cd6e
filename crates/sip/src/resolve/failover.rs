//! Walking the list of candidates, and remembering what failed (RFC 3263 section 4.3).

use crate::time::Monotonic;
use crate::transport::Transport;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// One place to send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub transport: Transport,
    pub address: SocketAddr,
    /// The name that the certificate must prove over TLS: the domain of the URI, not what SRV points to
    /// (RFC 5922 section 7.1). `None` for a numeric host.
    pub host: Option<Box<str>>,
}

/// The candidates of one request, in order.
#[derive(Clone, Debug)]
pub struct Failover {
    candidates: Vec<Candidate>,
    next: usize,
}

impl Failover {
    /// Candidates that failed a moment ago are tried last, in their order.
    pub fn new(candidates: Vec<Candidate>, now: Monotonic, blacklist: &Blacklist) -> Failover {
        let (mut candidates, failed): (Vec<_>, Vec<_>) = candidates
            .into_iter()
            .partition(|candidate| !blacklist.contains(now, candidate.transport, candidate.address));
        candidates.extend(failed);
        Failover { candidates, next: 0 }
    }

    /// The next one to try, with a new branch (section 4.3); `None` when all have failed.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not lend")]
    pub fn next(&mut self) -> Option<&Candidate> {
        let candidate = self.candidates.get(self.next)?;
        self.next += 1;
        Some(candidate)
    }

    pub fn remaining(&self) -> usize {
        self.candidates.len() - self.next
    }
}

/// Places that refused, timed out or answered 503 a moment ago.
#[derive(Debug, Default)]
pub struct Blacklist {
    until_by_place: BTreeMap<(Transport, SocketAddr), Monotonic>,
}

impl Blacklist {
    /// Places remembered at most; worst-case memory some 80 kB. When full, the one that ends first goes.
    pub const ENTRIES_MAX: usize = 1_024;

    pub fn new() -> Blacklist {
        Blacklist::default()
    }

    /// The place failed; it is avoided for this time (the Retry-After of a 503, else the caller's choice).
    pub fn insert(&mut self, now: Monotonic, transport: Transport, address: SocketAddr, span: Duration) {
        if self.until_by_place.len() >= Self::ENTRIES_MAX {
            self.until_by_place.retain(|_, until| !until.is_due(now));
        }
        if self.until_by_place.len() >= Self::ENTRIES_MAX {
            let first_to_end = self.until_by_place.iter().min_by_key(|(_, until)| **until);
            let first_to_end = first_to_end.map(|(place, _)| *place);
            first_to_end.map(|place| self.until_by_place.remove(&place));
        }
        self.until_by_place.insert((transport, address), now + span);
    }

    /// The place answered.
    pub fn remove(&mut self, transport: Transport, address: SocketAddr) {
        self.until_by_place.remove(&(transport, address));
    }

    pub fn contains(&self, now: Monotonic, transport: Transport, address: SocketAddr) -> bool {
        self.until_by_place.get(&(transport, address)).is_some_and(|until| !until.is_due(now))
    }

    pub fn len(&self) -> usize {
        self.until_by_place.len()
    }

    pub fn is_empty(&self) -> bool {
        self.until_by_place.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn candidate(port: u16) -> Candidate {
        Candidate { transport: Transport::Udp, address: place(port), host: None }
    }

    #[test]
    fn what_failed_a_moment_ago_is_tried_last_until_it_expires() {
        let mut blacklist = Blacklist::new();
        let now = Monotonic::from_secs(10);
        blacklist.insert(now, Transport::Udp, place(1), Duration::from_secs(30));
        let order = |now| {
            let mut failover = Failover::new(vec![candidate(1), candidate(2), candidate(3)], now, &blacklist);
            std::iter::from_fn(|| failover.next().map(|c| c.address.port())).collect::<Vec<_>>()
        };
        assert_eq!(order(now), [2, 3, 1]);
        assert_eq!(order(now + Duration::from_secs(30)), [1, 2, 3]);
        assert!(!blacklist.contains(now, Transport::Tcp, place(1)));
    }

    #[test]
    fn the_blacklist_is_bounded() {
        let mut blacklist = Blacklist::new();
        for port in 0..2_000 {
            let span = Duration::from_secs(100 + u64::from(port));
            blacklist.insert(Monotonic(0), Transport::Udp, place(port), span);
        }
        assert_eq!(blacklist.len(), Blacklist::ENTRIES_MAX);
        assert!(blacklist.contains(Monotonic(0), Transport::Udp, place(1_999)));
        assert!(!blacklist.contains(Monotonic(0), Transport::Udp, place(0)));
    }

    #[test]
    fn all_candidates_are_tried_once() {
        let mut failover = Failover::new(vec![candidate(1)], Monotonic(0), &Blacklist::new());
        assert_eq!(failover.next(), Some(&candidate(1)));
        assert!(failover.next().is_none());
        assert_eq!(failover.remaining(), 0);
    }
}
