//! One pair of the check list, and the check that is under way on it.

use super::Role;
use crate::stun::TransactionId;
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// The first retransmission of a check (RFC 8445 section 14.3), doubled each time up to the second value. The RFC
/// doubles on, to some 40 seconds for one pair; nobody waits that long for a voice.
const RETRANSMISSION_FIRST: Duration = Duration::from_millis(500);
const RETRANSMISSION_MAX: Duration = Duration::from_secs(2);

/// Transmissions of one check, the first among them (`Rc` of RFC 8489 section 6.2.1). They take 11.5 seconds.
const SENDS_MAX: u8 = 7;

pub(super) struct Pair {
    /// Places in the lists of candidates. These only grow, so a place stays.
    pub(super) local: usize,
    pub(super) remote: usize,
    pub(super) state: PairState,
    pub(super) check: Option<Check>,
    /// Controlling: the next check says USE-CANDIDATE. Controlled: the peer has said it.
    pub(super) nominate: bool,
    /// When something with integrity last came over it.
    heard: Monotonic,
    /// Its media comes from elsewhere since.
    is_left: bool,
}

/// After this silence a pair gives way to any other that the peer nominates.
const STALE: Duration = Duration::from_secs(5);

/// RFC 8445 section 6.1.2.6; nothing is frozen in a list of one component, and in progress is what has a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PairState {
    Waiting,
    /// A check has been answered (lite: has come).
    Valid,
    Failed,
}

#[derive(Clone, Copy)]
pub(super) struct Check {
    pub(super) transaction: TransactionId,
    pub(super) use_candidate: bool,
    /// The role that it tells.
    pub(super) role: Role,
    pub(super) next: Monotonic,
    sends: u8,
    wait: Duration,
}

impl Pair {
    pub(super) const fn new(local: usize, remote: usize, now: Monotonic) -> Pair {
        Pair {
            local,
            remote,
            state: PairState::Waiting,
            check: None,
            nominate: false,
            heard: now,
            is_left: false,
        }
    }

    pub(super) const fn hears(&mut self, now: Monotonic) {
        (self.heard, self.is_left) = (now, false);
    }

    /// Its peer has gone elsewhere.
    pub(super) const fn leave(&mut self) {
        self.is_left = true;
    }

    /// Whether it is alive: no other takes its place that is no better.
    pub(super) fn is_alive(&self, now: Monotonic) -> bool {
        !self.is_left && now < self.heard + STALE
    }
}

impl Check {
    /// One that was just sent.
    pub(super) fn new(transaction: TransactionId, use_candidate: bool, role: Role, now: Monotonic) -> Check {
        let wait = RETRANSMISSION_FIRST;
        Check { transaction, use_candidate, role, next: now + wait, sends: 1, wait }
    }

    /// Whether it is sent once more.
    pub(super) fn retry(&mut self, now: Monotonic) -> bool {
        if self.sends == SENDS_MAX {
            return false;
        }
        self.sends += 1;
        self.wait = (self.wait * 2).min(RETRANSMISSION_MAX);
        self.next = now + self.wait;
        true
    }
}

/// RFC 8445 section 6.1.2.3: `controlling` and `controlled` are the priorities of the candidates of these agents.
pub(super) fn priority(controlling: u32, controlled: u32) -> u64 {
    let (g, d) = (u64::from(controlling), u64::from(controlled));
    (g.min(d) << 32) + 2 * g.max(d) + u64::from(g > d)
}
