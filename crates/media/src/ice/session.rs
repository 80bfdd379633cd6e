//! One ICE session: credentials, candidates of the peer, and the check list made of them (RFC 8445 section 6).

use super::agent::{Common, Output};
use super::candidate::{CandidateKind, priority as candidate_priority};
use super::credentials::Credentials;
use super::pair::{self, Check, Pair, PairState};
use super::request::CheckText;
use super::{Mode, PAIRS_MAX, REMOTES_MAX, Role};
use crate::path::canonical;
use crate::stun::{Class, Key, Message, TransactionId};
use coeur_sip::time::Monotonic;
use rand_core::RngCore as _;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// `Ta`, between two checks that begin (RFC 8445 section 14.2).
const PACE: Duration = Duration::from_millis(50);

/// How long a controlling agent waits for a better pair, once it has one.
const PATIENCE: Duration = Duration::from_millis(300);

/// From the credentials of the peer to the verdict that there is no pair.
const GIVE_UP: Duration = Duration::from_secs(30);

/// RFC 7675 section 5.1: consent is asked for every 5 seconds, a fifth more or less, and expires after 30.
const CONSENT_INTERVAL_MS: u64 = 5_000;
const CONSENT_TIME: Duration = Duration::from_secs(30);

/// Questions for consent that may still be answered: those of 30 seconds.
const CONSENT_QUESTIONS_MAX: usize = 8;

pub(super) struct Session {
    local: Credentials,
    /// Of the local password: what comes to us is made with it.
    key: Key,
    remote: Option<Remote>,
    /// At most [`REMOTES_MAX`].
    remotes: Vec<RemoteCandidate>,
    /// At most [`PAIRS_MAX`].
    pairs: Vec<Pair>,
    /// Places of pairs whose check is wanted before others (RFC 8445 section 6.1.4.1), none twice.
    triggered: VecDeque<usize>,
    next_check: Monotonic,
    first_valid: Monotonic,
    give_up: Monotonic,
    selected: Option<usize>,
    next_question: Monotonic,
    consent_expires: Monotonic,
    questions: VecDeque<TransactionId>,
}

/// The credentials of the peer, and what we send is made with.
pub(super) struct Remote {
    credentials: Credentials,
    key: Key,
}

struct RemoteCandidate {
    address: SocketAddr,
    priority: u32,
    /// Something with integrity has come from there.
    proven: bool,
}

impl Remote {
    pub(super) fn new(credentials: Credentials) -> Remote {
        let key = Key::short_term(credentials.password().as_bytes());
        Remote { credentials, key }
    }
}

impl Session {
    pub(super) fn new(local: Credentials) -> Session {
        let key = Key::short_term(local.password().as_bytes());
        Session {
            local,
            key,
            remote: None,
            remotes: Vec::new(),
            pairs: Vec::new(),
            triggered: VecDeque::new(),
            next_check: Monotonic::default(),
            first_valid: Monotonic::NEVER,
            give_up: Monotonic::NEVER,
            selected: None,
            next_question: Monotonic::NEVER,
            consent_expires: Monotonic::NEVER,
            questions: VecDeque::new(),
        }
    }

    pub(super) const fn credentials(&self) -> &Credentials {
        &self.local
    }

    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    /// Whether a user name is that of this session. The peer's half is not known before its description has come.
    pub(super) fn is_for(&self, ours: &str, theirs: &str) -> bool {
        let fragment = self.remote.as_ref().map(|remote| remote.credentials.fragment());
        ours == self.local.fragment() && fragment.is_none_or(|fragment| fragment == theirs)
    }

    pub(super) fn is_proven(&self, from: SocketAddr) -> bool {
        self.remotes.iter().any(|remote| remote.proven && canonical(remote.address) == canonical(from))
    }

    pub(super) fn selected(&self, common: &Common) -> Option<(SocketAddr, SocketAddr)> {
        self.selected.map(|place| self.addresses(common, place))
    }

    pub(super) fn set_remote(&mut self, now: Monotonic, remote: Remote) {
        self.remote = Some(remote);
        if self.selected.is_none() {
            self.give_up = now + GIVE_UP;
        }
    }

    /// The place of a candidate of the peer, told or learned; `None` when there may be none.
    pub(super) fn add_remote(
        &mut self,
        common: &mut Common,
        address: SocketAddr,
        priority: u32,
    ) -> Option<usize> {
        if !common.policy.permits(address) {
            common.counters.forbidden += 1;
            return None;
        }
        let known = self.remotes.iter().position(|remote| canonical(remote.address) == canonical(address));
        if known.is_some() {
            return known;
        }
        if self.remotes.len() == REMOTES_MAX {
            common.counters.limit += 1;
            return None;
        }
        self.remotes.push(RemoteCandidate { address, priority, proven: false });
        Some(self.remotes.len() - 1)
    }

    /// Makes the pairs that candidates of one family make (RFC 8445 section 6.1.2.2).
    pub(super) fn pair_up(&mut self, common: &mut Common, now: Monotonic) {
        for local in 0..common.locals.len() {
            for remote in 0..self.remotes.len() {
                self.pair_of(common, now, local, remote);
            }
        }
    }

    fn pair_of(&mut self, common: &mut Common, now: Monotonic, local: usize, remote: usize) -> Option<usize> {
        let known = self.pairs.iter().position(|pair| (pair.local, pair.remote) == (local, remote));
        if known.is_some() {
            return known;
        }
        let base = common.locals[local].base.unwrap_or(common.locals[local].address);
        if canonical(base).0.is_ipv4() != canonical(self.remotes[remote].address).0.is_ipv4() {
            return None;
        }
        if self.pairs.len() == PAIRS_MAX {
            common.counters.limit += 1;
            return None;
        }
        self.pairs.push(Pair::new(local, remote, now));
        Some(self.pairs.len() - 1)
    }

    /// A check with integrity has come (RFC 8445 section 7.3.1). False when it is beyond our limits.
    pub(super) fn heard_check(
        &mut self,
        common: &mut Common,
        now: Monotonic,
        local: usize,
        from: SocketAddr,
        priority: u32,
        nominates: bool,
    ) -> bool {
        let Some(remote) = self.add_remote(common, from, priority) else { return false };
        self.remotes[remote].proven = true;
        let Some(place) = self.pair_of(common, now, local, remote) else { return false };
        let nominates = nominates && common.role == Role::Controlled;
        let pair = &mut self.pairs[place];
        pair.hears(now);
        pair.nominate |= nominates;
        if common.mode == Mode::Lite {
            pair.state = PairState::Valid;
        }
        match (pair.state, &mut pair.check) {
            (PairState::Valid, _) if nominates => self.select(common, now, place),
            (PairState::Valid, _) => {}
            // Its next transmission is the triggered check.
            (PairState::Waiting | PairState::Failed, Some(check)) => check.next = now,
            (PairState::Waiting | PairState::Failed, None) => {
                pair.state = PairState::Waiting;
                self.trigger(place);
            }
        }
        true
    }

    /// See [`super::Agent::moved`].
    pub(super) fn moved(&mut self, common: &mut Common, now: Monotonic, local: usize, from: SocketAddr) {
        let Some(selected) = self.selected else { return };
        let priority = self.remotes[self.pairs[selected].remote].priority;
        let Some(remote) = self.add_remote(common, from, priority) else { return };
        let Some(place) = self.pair_of(common, now, local, remote).filter(|place| *place != selected) else {
            return;
        };
        // It has left the pair of before, which therefore keeps nothing.
        self.pairs[selected].leave();
        match common.mode {
            Mode::Lite => {
                self.pairs[place].state = PairState::Valid;
                self.pairs[place].hears(now);
                self.select(common, now, place);
            }
            Mode::Full => {
                self.pairs[place].nominate = true;
                self.trigger(place);
            }
        }
    }

    /// Whether an answer is one to a check of this session (RFC 8445 section 7.2.5).
    pub(super) fn heard_answer(
        &mut self,
        common: &mut Common,
        now: Monotonic,
        local: SocketAddr,
        from: SocketAddr,
        answer: &Message<'_>,
    ) -> bool {
        let transaction = answer.transaction();
        let is_checked =
            |pair: &Pair| pair.check.as_ref().is_some_and(|check| check.transaction == transaction);
        let checked = self.pairs.iter().position(is_checked);
        let is_consent = self.questions.contains(&transaction);
        if checked.is_none() && !is_consent {
            return false;
        }
        if !self.remote.as_ref().is_some_and(|remote| answer.is_of(&remote.key)) {
            common.counters.integrity += 1;
            return true;
        }
        let Some(place) = checked.or(self.selected) else { return true };
        let (base, remote) = self.addresses(common, place);
        let is_symmetric = canonical(base) == canonical(local) && canonical(remote) == canonical(from);
        if is_consent {
            if is_symmetric && answer.class() == Class::Success {
                self.pairs[place].hears(now);
                self.consent_expires = now + CONSENT_TIME;
            }
            return true;
        }
        let Some(check) = self.pairs[place].check.take() else { return true };
        match answer.error_code() {
            Some((487, _)) => self.change_role(common, place, check.role),
            None if is_symmetric && answer.class() == Class::Success => {
                self.succeed(common, now, place, check.use_candidate);
            }
            // Sections 7.2.5.2.1 and 7.2.5.2.4.
            Some(_) | None => {
                self.pairs[place].state = PairState::Failed;
                self.pairs[place].nominate = false;
            }
        }
        true
    }

    /// RFC 8445 section 7.2.5.1.
    fn change_role(&mut self, common: &mut Common, place: usize, told: Role) {
        if common.role == told && common.mode == Mode::Full {
            common.role = told.other();
            common.tie_breaker = common.random.next_u64();
            self.forget_nominations();
        }
        self.trigger(place);
    }

    /// They were ours to make, or the peer's: with another role they are neither.
    pub(super) fn forget_nominations(&mut self) {
        for pair in &mut self.pairs {
            pair.nominate = false;
        }
    }

    fn succeed(&mut self, common: &mut Common, now: Monotonic, place: usize, nominated: bool) {
        let pair = &mut self.pairs[place];
        pair.state = PairState::Valid;
        pair.hears(now);
        self.remotes[pair.remote].proven = true;
        self.first_valid = self.first_valid.min(now);
        let nominated = match common.role {
            Role::Controlling => nominated,
            Role::Controlled => pair.nominate,
        };
        if nominated {
            self.select(common, now, place);
        }
    }

    /// The pair is nominated and valid. An aggressive peer nominates all its pairs: the best one stays (RFC 5245 section
    /// 8.1.1.2), as long as it is alive.
    fn select(&mut self, common: &mut Common, now: Monotonic, place: usize) {
        let keeps = |selected: usize| {
            selected == place
                || self.priority(common, selected) >= self.priority(common, place)
                    && self.pairs[selected].is_alive(now)
        };
        if self.selected.is_some_and(keeps) {
            return;
        }
        self.selected = Some(place);
        self.give_up = Monotonic::NEVER;
        if common.mode == Mode::Full {
            self.consent_expires = now + CONSENT_TIME;
            self.next_question = now + question_interval(common);
        }
        let (local, remote) = self.addresses(common, place);
        common.outputs.push_back(Output::Selected { local, remote });
    }

    pub(super) fn handle_timeout(&mut self, common: &mut Common, now: Monotonic) {
        self.consent(common, now);
        if common.mode == Mode::Full {
            self.retransmit(common, now);
            self.nominate(common, now);
            self.begin_check(common, now);
        }
        if self.give_up.is_due(now) {
            self.give_up = Monotonic::NEVER;
            common.outputs.push_back(Output::Failed);
        }
    }

    pub(super) fn next_deadline(&self, common: &Common) -> Monotonic {
        let mut next = self.next_consent().min(self.give_up);
        if common.mode == Mode::Full && self.remote.is_some() {
            let checks = self.pairs.iter().filter_map(|pair| pair.check.as_ref().map(|check| check.next));
            next = next.min(checks.min().unwrap_or(Monotonic::NEVER));
            if self.next_to_check(common).is_some() {
                next = next.min(self.next_check);
            }
            next = next.min(self.nomination_time(common));
        }
        next
    }

    pub(super) fn next_consent(&self) -> Monotonic {
        self.next_question.min(self.consent_expires)
    }

    /// Asks whether the peer still wants media, and says when it does not (RFC 7675 section 5.1).
    pub(super) fn consent(&mut self, common: &mut Common, now: Monotonic) {
        let Some(place) = self.selected else { return };
        if self.consent_expires.is_due(now) {
            self.selected = None;
            self.pairs[place].state = PairState::Failed;
            self.pairs[place].nominate = false;
            (self.consent_expires, self.next_question) = (Monotonic::NEVER, Monotonic::NEVER);
            common.outputs.push_back(Output::Lost);
        } else if self.next_question.is_due(now) {
            self.next_question = now + question_interval(common);
            if self.questions.len() == CONSENT_QUESTIONS_MAX {
                self.questions.pop_front();
            }
            let transaction = transaction(common);
            self.questions.push_back(transaction);
            let question = Check::new(transaction, false, common.role, now);
            self.send_check(common, place, &question);
        }
    }

    fn retransmit(&mut self, common: &mut Common, now: Monotonic) {
        for place in 0..self.pairs.len() {
            let pair = &mut self.pairs[place];
            let Some(check) = pair.check.as_mut().filter(|check| check.next.is_due(now)) else { continue };
            if check.retry(now) {
                let check = *check;
                self.send_check(common, place, &check);
            } else {
                pair.check = None;
                pair.nominate = false;
                pair.state = PairState::Failed;
            }
        }
    }

    /// One check at a time begins.
    fn begin_check(&mut self, common: &mut Common, now: Monotonic) {
        if self.remote.is_none() || !self.next_check.is_due(now) {
            return;
        }
        let Some(place) = self.next_to_check(common) else { return };
        self.triggered.retain(|triggered| *triggered != place);
        self.next_check = now + PACE;
        let use_candidate = common.role == Role::Controlling && self.pairs[place].nominate;
        let check = Check::new(transaction(common), use_candidate, common.role, now);
        self.pairs[place].check = Some(check);
        self.send_check(common, place, &check);
    }

    /// What was triggered first, else the best that waits, until there is a pair for media.
    fn next_to_check(&self, common: &Common) -> Option<usize> {
        let waits = |place: &usize| {
            let pair = &self.pairs[*place];
            pair.state == PairState::Waiting && pair.check.is_none()
        };
        let ordinary = || {
            let waiting = (0..self.pairs.len()).filter(waits).filter(|_| self.selected.is_none());
            waiting.max_by_key(|place| self.priority(common, *place))
        };
        self.triggered.front().copied().or_else(ordinary)
    }

    /// Regular nomination (RFC 8445 section 8.1.1): the best valid pair, when no better one can be hoped for.
    fn nominate(&mut self, common: &Common, now: Monotonic) {
        if self.nomination_time(common).is_due(now)
            && let Some(best) = self.best(common, PairState::Valid)
        {
            self.pairs[best].nominate = true;
            self.trigger(best);
        }
    }

    fn nomination_time(&self, common: &Common) -> Monotonic {
        let controls = common.role == Role::Controlling && common.mode == Mode::Full;
        if !controls || self.selected.is_some() || self.pairs.iter().any(|pair| pair.nominate) {
            return Monotonic::NEVER;
        }
        let Some(best) = self.best(common, PairState::Valid) else { return Monotonic::NEVER };
        let hoped = self.best(common, PairState::Waiting);
        let better = hoped.is_some_and(|hoped| self.priority(common, hoped) > self.priority(common, best));
        if better { self.first_valid + PATIENCE } else { self.first_valid }
    }

    fn best(&self, common: &Common, state: PairState) -> Option<usize> {
        let places = (0..self.pairs.len()).filter(|place| self.pairs[*place].state == state);
        places.max_by_key(|place| self.priority(common, *place))
    }

    fn trigger(&mut self, place: usize) {
        if !self.triggered.contains(&place) {
            self.triggered.push_back(place);
        }
    }

    fn priority(&self, common: &Common, place: usize) -> u64 {
        let pair = &self.pairs[place];
        let (ours, theirs) = (common.locals[pair.local].priority, self.remotes[pair.remote].priority);
        match common.role {
            Role::Controlling => pair::priority(ours, theirs),
            Role::Controlled => pair::priority(theirs, ours),
        }
    }

    /// Base of our candidate, address of the peer's.
    fn addresses(&self, common: &Common, place: usize) -> (SocketAddr, SocketAddr) {
        let pair = &self.pairs[place];
        let local = &common.locals[pair.local];
        (local.base.unwrap_or(local.address), self.remotes[pair.remote].address)
    }

    fn send_check(&self, common: &mut Common, place: usize, check: &Check) {
        let Some(remote) = &self.remote else { return };
        let (base, to) = self.addresses(common, place);
        let local = &common.locals[self.pairs[place].local];
        // The preference of the local candidate, with the kind that a check may reveal.
        let preference = (local.priority >> 8) as u16;
        let text = CheckText {
            transaction: check.transaction,
            local: &self.local,
            remote: &remote.credentials,
            key: &remote.key,
            priority: candidate_priority(CandidateKind::PeerReflexive, local.component, preference),
            role: check.role,
            tie_breaker: common.tie_breaker,
            use_candidate: check.use_candidate,
        };
        let bytes = text.write();
        common.send(base, to, bytes);
    }
}

fn transaction(common: &mut Common) -> TransactionId {
    let mut id = [0; 12];
    common.random.fill_bytes(&mut id);
    TransactionId(id)
}

/// Between four and six seconds.
fn question_interval(common: &mut Common) -> Duration {
    let spread = CONSENT_INTERVAL_MS * 2 / 5;
    Duration::from_millis(CONSENT_INTERVAL_MS - spread / 2 + common.random.next_u64() % (spread + 1))
}
