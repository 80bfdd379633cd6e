//! All that is kept of how people sign in, in memory: the only place that a request asks. Changes come to it once they
//! are on disk.
//!
//! About 400 bytes for a session and 300 for a token.

use coeur_directory::UserId;
use coeur_storage::{Digest, PasskeyRow, SessionRow, SignInChange, TokenId, TokenRow};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Of one user; one more ends the oldest.
pub(super) const SESSIONS_PER_USER_MAX: usize = 20;
pub(super) const TOKENS_PER_USER_MAX: usize = 100;

#[derive(Default)]
pub(crate) struct Book {
    /// `None`: for the first owner.
    links: BTreeMap<Option<UserId>, Link>,
    people: BTreeMap<UserId, Keys>,
    /// By issuer and subject.
    identities: BTreeMap<(Box<str>, Box<str>), UserId>,
    sessions: HashMap<Digest, SessionRow>,
    tokens: BTreeMap<TokenId, TokenRow>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) user: Option<UserId>,
    pub(super) hash: Digest,
    pub(super) until_ms: u64,
}

/// What one user proves himself with.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) phc: Option<Arc<str>>,
    pub(super) authenticator: Option<Authenticator>,
    pub(super) recovery: Vec<Digest>,
    pub(super) passkeys: Vec<PasskeyRow>,
}

pub(super) struct Authenticator {
    pub(super) secret: Zeroizing<Vec<u8>>,
    /// The last step of which a code was used.
    pub(super) step: u64,
}

impl Keys {
    /// Without another's help.
    pub(super) fn can_enter(&self) -> bool {
        self.phc.is_some() || !self.passkeys.is_empty()
    }
}

impl Book {
    pub(super) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn link(&self, hash: &Digest) -> Option<Link> {
        self.links.values().find(|link| link.hash == *hash).copied()
    }

    /// The one that was offered last to this user, or to the first owner, and was not used.
    pub(super) fn link_for(&self, user: Option<UserId>) -> Option<Link> {
        self.links.get(&user).copied()
    }

    /// Something is kept of this user.
    pub(super) fn knows(&self, user: UserId) -> bool {
        self.people.contains_key(&user)
            || self.links.contains_key(&Some(user))
            || self.identities.values().any(|of| *of == user)
            || self.tokens.values().any(|token| token.user == user)
            || !self.sessions_of(user).is_empty()
    }

    pub(super) fn keys(&self, user: UserId) -> Option<&Keys> {
        self.people.get(&user)
    }

    pub(super) fn session(&self, hash: &Digest) -> Option<&SessionRow> {
        self.sessions.get(hash)
    }

    /// The one that was used last first.
    #[expect(clippy::iter_over_hash_type, reason = "they are put in order")]
    pub(super) fn sessions_of(&self, user: UserId) -> Vec<&SessionRow> {
        let mut found = Vec::new();
        for session in self.sessions.values() {
            if session.user == user {
                found.push(session);
            }
        }
        found.sort_by_key(|row| Reverse((row.seen_at_ms, row.hash)));
        found
    }

    /// In the order of their time.
    #[expect(clippy::iter_over_hash_type, reason = "they are put in order")]
    pub(super) fn sessions_that(&self, is: impl Fn(&SessionRow) -> bool) -> Vec<&SessionRow> {
        let mut found = Vec::new();
        for session in self.sessions.values() {
            if is(session) {
                found.push(session);
            }
        }
        found.sort_by_key(|session| (session.begun_at_ms, session.hash));
        found
    }

    pub(super) fn token(&self, id: TokenId) -> Option<&TokenRow> {
        self.tokens.get(&id)
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &TokenRow> {
        self.tokens.values()
    }

    pub(super) fn passkey(&self, id: &[u8]) -> Option<&PasskeyRow> {
        self.people.values().flat_map(|keys| &keys.passkeys).find(|passkey| *passkey.id == *id)
    }

    /// For whom another server vouches so.
    pub(super) fn identity(&self, issuer: &str, subject: &str) -> Option<UserId> {
        self.identities.get(&(issuer.into(), subject.into())).copied()
    }

    pub(super) fn apply(&mut self, change: &SignInChange) {
        match change {
            SignInChange::LinkOffered { user, hash, until_ms } => {
                self.links.insert(*user, Link { user: *user, hash: *hash, until_ms: *until_ms });
            }
            SignInChange::LinkClosed { user } => drop(self.links.remove(user)),
            SignInChange::PasswordSet { user, phc } => self.of(*user).phc = Some((&**phc).into()),
            SignInChange::AuthenticatorSet { user, secret, step } => {
                self.of(*user).authenticator = Some(Authenticator { secret: secret.clone(), step: *step });
            }
            SignInChange::AuthenticatorUsed { user, step } => {
                if let Some(authenticator) = &mut self.of(*user).authenticator {
                    authenticator.step = authenticator.step.max(*step);
                }
            }
            SignInChange::AuthenticatorRemoved { user } => self.of(*user).authenticator = None,
            SignInChange::RecoveryCodesSet { user, hashes } => self.of(*user).recovery.clone_from(hashes),
            SignInChange::RecoveryCodeUsed { user, hash } => {
                self.of(*user).recovery.retain(|code| code != hash);
            }
            SignInChange::PasskeyAdded(row) => self.of(row.user).passkeys.push((**row).clone()),
            SignInChange::PasskeyUsed { id, counter, at_ms } => {
                let all = self.people.values_mut().flat_map(|keys| &mut keys.passkeys);
                for passkey in all.filter(|passkey| passkey.id == *id) {
                    (passkey.counter, passkey.used_at_ms) = (*counter, Some(*at_ms));
                }
            }
            SignInChange::PasskeyRemoved { user, id } => {
                self.of(*user).passkeys.retain(|passkey| passkey.id != *id);
            }
            SignInChange::IdentityAdded(row) => {
                self.identities.insert((row.issuer.clone(), row.subject.clone()), row.user);
            }
            SignInChange::SessionBegun(row) => {
                self.sessions.insert(row.hash, (**row).clone());
            }
            SignInChange::SessionSeen { hash, at_ms } => {
                if let Some(session) = self.sessions.get_mut(hash) {
                    session.seen_at_ms = *at_ms;
                }
            }
            SignInChange::SessionEnded { hash, .. } => {
                self.sessions.remove(hash);
            }
            SignInChange::TokenMade(row) => {
                self.tokens.insert(row.id(), (**row).clone());
            }
            SignInChange::TokenUsed { id, at_ms, .. } => {
                if let Some(token) = self.tokens.get_mut(id) {
                    token.used_at_ms = Some(*at_ms);
                }
            }
            SignInChange::TokenRevoked { id } => {
                self.tokens.remove(id);
            }
            SignInChange::Forgotten { user } => {
                self.links.remove(&Some(*user));
                self.people.remove(user);
                self.identities.retain(|_, of| of != user);
                self.sessions.retain(|_, session| session.user != *user);
                self.tokens.retain(|_, token| token.user != *user);
            }
        }
    }

    fn of(&mut self, user: UserId) -> &mut Keys {
        self.people.entry(user).or_default()
    }
}
