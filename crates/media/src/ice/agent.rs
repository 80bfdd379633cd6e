//! The agent: what came is told apart here, and goes to the session whose credentials it carries.

use super::candidate::Candidate;
use super::credentials::Credentials;
use super::session::{Remote, Session};
use super::{LOCALS_MAX, Mode, Role, request};
use crate::address::PeerPolicy;
use crate::path::{ProvenPath, canonical};
use crate::stun::{Class, Kind, Message, Method};
use coeur_sip::time::Monotonic;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

pub struct Settings {
    pub mode: Mode,
    /// Controlling is who made the first offer; a lite agent is controlled (RFC 8445 section 6.1.1).
    pub role: Role,
    /// Which addresses of the peer are spoken to at all.
    pub policy: Arc<PeerPolicy>,
    /// From a secure source: transaction identifiers and the tie-breaker come from it.
    pub seed: [u8; 32],
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// From the local address with this base.
    Send { local: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    /// Media goes this way from now on.
    Selected { local: SocketAddr, remote: SocketAddr },
    /// No pair was found in time. A later check of the peer may still make one.
    Failed,
    /// The peer has not confirmed for 30 seconds that it wants media: none may be sent any more (RFC 7675 section 5.1).
    Lost,
}

/// What was not heard, and why: for the operator, and for whoever asks why a call is silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// No message, or one with two readings.
    pub malformed: u64,
    /// Requests and answers of another session, or of none.
    pub stranger: u64,
    /// No integrity, or not that of this session.
    pub integrity: u64,
    /// From an address that no peer may have.
    pub forbidden: u64,
    /// Beyond the limits of candidates and pairs.
    pub limit: u64,
}

/// The machine. Worst-case memory: two sessions (one during a restart) of some 15 kB each.
pub struct Agent {
    pub(super) common: Common,
    session: Session,
    /// Before a restart: media goes on over its pair until the new session has one (RFC 8445 section 9).
    old: Option<Session>,
}

/// What both sessions share.
pub(super) struct Common {
    pub(super) mode: Mode,
    pub(super) role: Role,
    pub(super) tie_breaker: u64,
    pub(super) policy: Arc<PeerPolicy>,
    pub(super) random: ChaCha20Rng,
    pub(super) locals: Vec<Candidate>,
    pub(super) outputs: VecDeque<Output>,
    pub(super) counters: Counters,
}

impl Agent {
    pub fn new(settings: Settings, local: Credentials) -> Agent {
        let mut random = ChaCha20Rng::from_seed(settings.seed);
        let role = match settings.mode {
            Mode::Full => settings.role,
            Mode::Lite => Role::Controlled,
        };
        let common = Common {
            mode: settings.mode,
            role,
            tie_breaker: random.next_u64(),
            policy: settings.policy,
            random,
            locals: Vec::new(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
        };
        Agent { common, session: Session::new(local), old: None }
    }

    /// Adds one of our sockets. Candidates that share a base with one before are for the session description only: their
    /// checks would be the same (RFC 8445 section 6.1.2.4). False when there are [`LOCALS_MAX`] already.
    pub fn add_local(&mut self, now: Monotonic, candidate: Candidate) -> bool {
        let base = candidate.base.unwrap_or(candidate.address);
        if self.common.local_at(base).is_some() {
            return true;
        }
        if self.common.locals.len() == LOCALS_MAX {
            return false;
        }
        self.common.locals.push(candidate);
        self.session.pair_up(&mut self.common, now);
        true
    }

    /// What the session description of the peer says of itself. Checks begin.
    pub fn set_remote(&mut self, now: Monotonic, credentials: Credentials, is_lite: bool) {
        if is_lite && self.common.mode == Mode::Full {
            self.common.role = Role::Controlling;
        }
        self.session.set_remote(now, Remote::new(credentials));
    }

    /// A candidate of the peer, in its description or trickled. False when it is of no use: policy forbids it, or
    /// [`super::REMOTES_MAX`] are there; the counters say which.
    pub fn add_remote(&mut self, now: Monotonic, candidate: &Candidate) -> bool {
        let added = self.session.add_remote(&mut self.common, candidate.address, candidate.priority);
        self.session.pair_up(&mut self.common, now);
        added.is_some()
    }

    /// Our half of a restart (RFC 8445 section 9): new credentials, and the peer's candidates forgotten until it tells
    /// its half.
    pub fn restart(&mut self, local: Credentials) {
        let before = std::mem::replace(&mut self.session, Session::new(local));
        // A second restart before the first has come to anything keeps the pair that media uses.
        if before.selected(&self.common).is_some() || self.old.is_none() {
            self.old = Some(before);
        }
    }

    /// Takes a datagram that [`crate::stun::is_stun`], which came to the local address `local`.
    pub fn receive(&mut self, now: Monotonic, local: SocketAddr, from: SocketAddr, datagram: &[u8]) {
        let Ok(message) = Message::read(datagram) else {
            self.common.counters.malformed += 1;
            return;
        };
        match (message.method(), message.class()) {
            (Method::Binding, Class::Request) => self.request(now, local, from, &message),
            (Method::Binding, Class::Success | Class::Error) => self.answer(now, local, from, &message),
            // The keep-alive of RFC 5245 needs no answer. The rest is of TURN, which is not spoken here.
            _ => {}
        }
        self.forget_old();
    }

    /// Media of the peer, known by its key or by its numbers, comes to `local` from there, and no more from where it came
    /// from: a NAT has given it another port, or it has another network. Its next check may be seconds away. A full agent
    /// checks that address now and selects it when the answer comes; a lite one, which makes no checks and has no other
    /// proof, selects it at once. Nothing is selected before the first nomination.
    pub fn moved(&mut self, now: Monotonic, local: SocketAddr, from: SocketAddr) {
        let Some(local) = self.common.local_at(local) else { return };
        let is_old = self.session.selected(&self.common).is_none() && self.common.mode == Mode::Lite;
        let session = match &mut self.old {
            Some(old) if is_old => old,
            Some(_) | None => &mut self.session,
        };
        session.moved(&mut self.common, now, local, from);
    }

    /// To be called when [`Agent::next_deadline`] has come.
    pub fn handle_timeout(&mut self, now: Monotonic) {
        self.session.handle_timeout(&mut self.common, now);
        if let Some(old) = &mut self.old {
            old.consent(&mut self.common, now);
        }
        self.forget_old();
    }

    pub fn next_deadline(&self) -> Monotonic {
        let old = self.old.as_ref().map_or(Monotonic::NEVER, Session::next_consent);
        self.session.next_deadline(&self.common).min(old)
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.common.outputs.pop_front()
    }

    /// Where media goes: base of our candidate, address of the peer.
    pub fn selected(&self) -> Option<(SocketAddr, SocketAddr)> {
        let old = || self.old.as_ref().and_then(|old| old.selected(&self.common));
        self.session.selected(&self.common).or_else(old)
    }

    /// The proof that a datagram from there may be of the peer: something with integrity has come from there.
    pub fn proven(&self, from: SocketAddr) -> Option<ProvenPath> {
        let proven = self.session.is_proven(from) || self.old.as_ref().is_some_and(|old| old.is_proven(from));
        proven.then(|| ProvenPath::checked(from))
    }

    pub const fn role(&self) -> Role {
        self.common.role
    }

    pub const fn counters(&self) -> Counters {
        self.common.counters
    }

    pub fn credentials(&self) -> &Credentials {
        self.session.credentials()
    }

    fn request(&mut self, now: Monotonic, local: SocketAddr, from: SocketAddr, check: &Message<'_>) {
        let Agent { common, session, old } = self;
        let (ours, theirs) = check.username().and_then(|name| name.split_once(':')).unwrap_or_default();
        let is_new = session.is_for(ours, theirs);
        let session = match old {
            _ if is_new => session,
            Some(old) if old.is_for(ours, theirs) => old,
            Some(_) | None => {
                common.counters.stranger += 1;
                return;
            }
        };
        // Nothing before this line may change anything, and nothing is answered before it.
        if !check.is_of(session.key()) {
            common.counters.integrity += 1;
            return;
        }
        if !common.policy.permits(from) {
            common.counters.forbidden += 1;
            return;
        }
        let Some(place) = common.local_at(local) else { return };
        let role = common.role;
        let is_conflict = is_new && common.is_conflict(check);
        if common.role != role {
            session.forget_nominations();
        }
        let refuse = |code, reason| request::refusal(check, code, reason, session.key());
        let answer = if check.not_understood().next().is_some() {
            refuse(420, "Unknown Attribute")
        } else if is_conflict {
            refuse(487, "Role Conflict")
        } else if let Some(priority) = check.priority() {
            let nominates = check.has(Kind::UseCandidate);
            if is_new && !session.heard_check(common, now, place, from, priority, nominates) {
                return;
            }
            request::success(check, from, session.key())
        } else {
            refuse(400, "Bad Request")
        };
        common.send(local, from, answer);
    }

    fn answer(&mut self, now: Monotonic, local: SocketAddr, from: SocketAddr, answer: &Message<'_>) {
        let taken = self.session.heard_answer(&mut self.common, now, local, from, answer);
        let old = |old: &mut Session| old.heard_answer(&mut self.common, now, local, from, answer);
        if !taken && !self.old.as_mut().is_some_and(old) {
            self.common.counters.stranger += 1;
        }
    }

    fn forget_old(&mut self) {
        if self.old.is_some() && self.session.selected(&self.common).is_some() {
            self.old = None;
        }
    }
}

impl Common {
    /// The place of the candidate with this base.
    pub(super) fn local_at(&self, base: SocketAddr) -> Option<usize> {
        self.locals.iter().position(|local| canonical(local.base.unwrap_or(local.address)) == canonical(base))
    }

    pub(super) fn send(&mut self, local: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Send { local, to, bytes });
    }

    /// RFC 8445 section 7.3.1.1: both think to have the same role. True when the peer must change its own; when we must,
    /// we do. A lite agent has no choice and no conflict.
    fn is_conflict(&mut self, check: &Message<'_>) -> bool {
        let theirs = match self.role {
            Role::Controlling => check.ice_controlling(),
            Role::Controlled => check.ice_controlled(),
        };
        let Some(theirs) = theirs.filter(|_| self.mode == Mode::Full) else { return false };
        let we_are_greater = self.tie_breaker >= theirs;
        // The greater one controls.
        let we_stay = we_are_greater == (self.role == Role::Controlling);
        if !we_stay {
            self.role = self.role.other();
        }
        we_stay
    }
}
