//! Sessions of browsers: a cookie of 256 random bits, of which a hash is kept. It is bound to no address, since people
//! move; it ends when it is not used, when it is old, when its user says so, and when he is disabled or removed. Each
//! sign-in makes a new one, and none that a browser brings is ever taken over.

use super::book::{Book, SESSIONS_PER_USER_MAX};
use super::desk::{Desk, Visitor, operator};
use super::secret;
use crate::model::{Refusal, Why};
use coeur_directory::{User, UserId};
use coeur_storage::{Digest, SessionEnd, SessionRow, SignInChange, Way};
use std::sync::Arc;

/// Not used for so long.
pub(super) const IDLE_MS: u64 = 12 * 3_600_000;
pub(super) const AGE_MS_MAX: u64 = 7 * 24 * 3_600_000;
/// What is dangerous is done only within this time of a proof.
pub(super) const FRESH_MS: u64 = 10 * 60_000;
/// That it is used is written down this often: nobody asks more exactly, and each is a write to the disk.
const SEEN_EVERY_MS: u64 = 5 * 60_000;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) user: Arc<User>,
    pub(super) session: SessionRow,
}

impl Signed {
    /// Recently enough for what is dangerous.
    pub(super) fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.session.proved_at_ms) < FRESH_MS
    }
}

/// How sessions are named to people: it opens nothing.
pub(super) fn name(hash: &Digest) -> String {
    format!("ses_{}", secret::lower(&hash[..10]))
}

impl Desk {
    /// Opens a session if it is proved, together with what is used up by the proof. `old`: the session that it takes the
    /// place of.
    pub(super) fn begin<E: From<Refusal>>(
        &self,
        user: &User,
        visitor: &Visitor,
        old: Option<Digest>,
        prove: impl FnOnce(&Book) -> Result<(Way, Vec<SignInChange>), E>,
    ) -> Result<secret::Text, E> {
        let now_ms = self.now_ms();
        self.begin_as(user, visitor, old, (now_ms, now_ms), prove)
    }

    /// The same, of a session that goes on under another name: when it was begun and when it was proved stay as they are.
    pub(super) fn begin_as<E: From<Refusal>>(
        &self,
        user: &User,
        visitor: &Visitor,
        old: Option<Digest>,
        (begun_at_ms, proved_at_ms): (u64, u64),
        prove: impl FnOnce(&Book) -> Result<(Way, Vec<SignInChange>), E>,
    ) -> Result<secret::Text, E> {
        let (text, hash) = self.fresh();
        let now_ms = self.now_ms();
        let row = |way| SessionRow {
            hash,
            user: user.id,
            way,
            begun_at_ms,
            proved_at_ms,
            seen_at_ms: now_ms,
            address: visitor.address.to_canonical().to_string().into(),
            agent: visitor.agent.as_str().into(),
        };
        self.door.decide(&operator(user), |book| {
            let (way, mut changes) = prove(book)?;
            let ended =
                |row: &SessionRow, why| SignInChange::SessionEnded { user: row.user, hash: row.hash, why };
            let expired = book.sessions_that(|row| has_expired(row, now_ms));
            changes.extend(expired.into_iter().map(|row| ended(row, SessionEnd::Expired)));
            let of_user = book.sessions_of(user.id);
            let live = of_user.into_iter().filter(|row| !has_expired(row, now_ms));
            let (replaced, rest): (Vec<_>, Vec<_>) = live.partition(|row| Some(row.hash) == old);
            changes.extend(replaced.into_iter().map(|row| ended(row, SessionEnd::Renewed)));
            let too_many = rest.into_iter().skip(SESSIONS_PER_USER_MAX - 1);
            changes.extend(too_many.map(|row| ended(row, SessionEnd::Expired)));
            changes.push(SignInChange::SessionBegun(Box::new(row(way))));
            Ok::<_, E>((changes, ()))
        })?;
        self.tally.signed_in.one();
        Ok(text)
    }

    /// Whose session this is, if it still opens anything.
    pub(super) fn signed(&self, cookie: &str) -> Result<Option<Signed>, Refusal> {
        let hash = secret::hash(cookie);
        let now_ms = self.now_ms();
        let Some(session) = self.door.book(|book| book.session(&hash).cloned())? else { return Ok(None) };
        if has_expired(&session, now_ms) {
            return Ok(None);
        }
        let Some(user) = self.enabled(session.user) else {
            // Whoever is enabled again later signs in anew.
            self.end_all(session.user, None, SessionEnd::Revoked)?;
            return Ok(None);
        };
        if now_ms.saturating_sub(session.seen_at_ms) >= SEEN_EVERY_MS {
            // That it was used is no reason to refuse: a full disk ends no session.
            if let Err(why) = self.seen(hash, now_ms) {
                tracing::warn!(why = %why.text, "that a session is used could not be written down");
            }
        }
        Ok(Some(Signed { user, session }))
    }

    fn seen(&self, hash: Digest, at_ms: u64) -> Result<(), Refusal> {
        self.door.decide(&coeur_storage::Operator::program(), |book| {
            let still = book.session(&hash).is_some();
            let seen = still.then_some(SignInChange::SessionSeen { hash, at_ms });
            Ok((seen.into_iter().collect(), ()))
        })
    }

    pub(super) fn sign_out(&self, cookie: &str) -> Result<(), Refusal> {
        let hash = secret::hash(cookie);
        self.door.decide(&coeur_storage::Operator::program(), |book| {
            let session = book.session(&hash);
            let ended = session.map(|row| SignInChange::SessionEnded {
                user: row.user,
                hash,
                why: SessionEnd::SignedOut,
            });
            Ok((ended.into_iter().collect(), ()))
        })
    }

    /// One session of a user, by its name.
    pub(super) fn end_one(&self, user: &User, named: &str) -> Result<(), Refusal> {
        self.door.decide(&operator(user), |book| {
            let found = book.sessions_of(user.id).into_iter().find(|row| name(&row.hash) == named);
            let row = found.ok_or_else(|| Refusal::new(Why::NotFound, "there is no such session"))?;
            let why = SessionEnd::Revoked;
            Ok((vec![SignInChange::SessionEnded { user: user.id, hash: row.hash, why }], ()))
        })
    }

    /// All sessions of a user but one. Returns how many.
    pub(super) fn end_all(
        &self,
        user: UserId,
        but: Option<Digest>,
        why: SessionEnd,
    ) -> Result<usize, Refusal> {
        self.door.end_sessions(user, but, why)
    }

    /// The one that was used last first.
    pub(super) fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>, Refusal> {
        let now_ms = self.now_ms();
        self.door.book(|book| {
            let live = book.sessions_of(user).into_iter().filter(|row| !has_expired(row, now_ms));
            live.cloned().collect()
        })
    }
}

pub(super) fn has_expired(row: &SessionRow, now_ms: u64) -> bool {
    now_ms.saturating_sub(row.seen_at_ms) >= IDLE_MS || now_ms.saturating_sub(row.begun_at_ms) >= AGE_MS_MAX
}
