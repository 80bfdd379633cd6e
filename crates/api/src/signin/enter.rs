//! Signing in: login and password, then the code of an authenticator or a recovery code where the user has one.
//!
//! Whoever is refused learns nothing: whether the login exists, is disabled or has another way in, the answer and the work
//! are the same.

use super::book::Book;
use super::desk::{Desk, Visitor, name};
use super::password::Given;
use super::throttle::{Attempt, What};
use super::{recovery, secret, totp};
use crate::model::Refusal;
use coeur_directory::{LOGIN_BYTES_MAX, User, UserId};
use coeur_storage::{Digest, SignInChange, Way};
use std::sync::Arc;

pub(super) struct Credentials {
    pub(super) login: String,
    pub(super) password: Given,
    /// What this browser brings from an earlier time ([`super::known`]).
    pub(super) known: Option<String>,
    /// The session that it has now.
    pub(super) old: Option<Digest>,
}

/// A second factor.
pub(super) struct Code<'t> {
    /// What [`Entered::Half`] gave.
    pub(super) half: &'t str,
    /// Of an authenticator, or a recovery code.
    pub(super) code: &'t str,
    pub(super) known: Option<&'t str>,
    pub(super) old: Option<Digest>,
}

pub(super) enum Entered {
    /// `session` opens the door; by `known` this browser is known later.
    In {
        session: secret::Text,
        known: secret::Text,
    },
    /// A second factor is owed; this text says by whom.
    Half(secret::Text),
    Refused,
    Wait {
        ms: u64,
    },
    Busy,
}

/// Why no session was begun.
enum Not {
    Proved,
    Written(Refusal),
}

impl From<Refusal> for Not {
    fn from(refusal: Refusal) -> Self {
        Not::Written(refusal)
    }
}

impl Desk {
    /// Writes to the disk, and computes a hash elsewhere: the caller may wait.
    pub(super) async fn enter(
        self: &Arc<Self>,
        given: Credentials,
        visitor: Visitor,
    ) -> Result<Entered, Refusal> {
        let login = compared(&given.login);
        let user = self.by_login(&login);
        let known = user.as_ref().is_some_and(|user| self.is_known(user, given.known.as_deref()));
        let attempt = Attempt { source: visitor.address, login: &login, known, what: What::Password };
        if let Some(wait) = self.must_wait(attempt, user.as_deref()) {
            return Ok(wait);
        }
        let phc = match &user {
            Some(user) => self.door.book(|book| book.keys(user.id).and_then(|keys| keys.phc.clone()))?,
            None => None,
        };
        let Ok(right) = self.passwords.verify(phc, given.password).await else {
            self.throttle().undo(attempt);
            self.tally.busy.one();
            return Ok(Entered::Busy);
        };
        let Some(user) = user.filter(|user| right && self.enabled(user.id).is_some()) else {
            self.failed(self.by_login(&login).as_deref(), &visitor, "password");
            return Ok(Entered::Refused);
        };
        self.throttle().succeeded(attempt);
        let owes = self.door.book(|book| owes_code(book, user.id))?;
        if owes {
            let (text, hash) = self.fresh();
            let begun = self.pending().begin(hash, user.id, self.now_ms());
            return Ok(if begun { Entered::Half(text) } else { Entered::Busy });
        }
        let desk = self.clone();
        blocking(move || {
            let prove = |book: &Book| match owes_code(book, user.id) {
                // An authenticator came in between.
                true => Err(Not::Proved),
                false => Ok((Way::Password, Vec::new())),
            };
            desk.come_in(&user, &visitor, given.old, prove)
        })
        .await
    }

    /// Blocks on the disk.
    pub(super) fn enter_code(&self, given: Code<'_>, visitor: &Visitor) -> Result<Entered, Refusal> {
        let half = secret::hash(given.half);
        let Some(user) = self.pending().of(&half, self.now_ms()).and_then(|id| self.enabled(id)) else {
            return Ok(Entered::Refused);
        };
        let known = self.is_known(&user, given.known);
        let attempt = Attempt { source: visitor.address, login: &user.login, known, what: What::Code };
        if let Some(wait) = self.must_wait(attempt, Some(&user)) {
            return Ok(wait);
        }
        if self.pending().tries(&half, self.now_ms()).is_none() {
            return Ok(Entered::Refused);
        }
        let now_s = self.now_ms() / 1_000;
        let prove = |book: &Book| proved_by(book, user.id, given.code, now_s).ok_or(Not::Proved);
        let entered = self.come_in(&user, visitor, given.old, prove)?;
        match &entered {
            Entered::In { .. } => {
                self.pending().done(&half);
                self.throttle().succeeded(attempt);
            }
            Entered::Refused => self.failed(Some(&user), visitor, "code"),
            Entered::Half(_) | Entered::Wait { .. } | Entered::Busy => {}
        }
        Ok(entered)
    }

    /// For one who is signed in: his second factor alone says that he still is who he was.
    pub(super) fn prove_by_code(
        &self,
        user: &User,
        code: &str,
        known: Option<&str>,
        old: Option<Digest>,
        visitor: &Visitor,
    ) -> Result<Entered, Refusal> {
        let (text, hash) = self.fresh();
        match self.pending().begin(hash, user.id, self.now_ms()) {
            true => self.enter_code(Code { half: &text, code, known, old }, visitor),
            false => Ok(Entered::Busy),
        }
    }

    /// Whose half a sign-in this is, while it waits for a code.
    pub(super) fn is_half(&self, half: &str) -> bool {
        self.pending().of(&secret::hash(half), self.now_ms()).is_some()
    }

    fn come_in(
        &self,
        user: &User,
        visitor: &Visitor,
        old: Option<Digest>,
        prove: impl FnOnce(&Book) -> Result<(Way, Vec<SignInChange>), Not>,
    ) -> Result<Entered, Refusal> {
        match self.begin(user, visitor, old, prove) {
            Ok(session) => Ok(Entered::In { session, known: self.known(user) }),
            Err(Not::Proved) => Ok(Entered::Refused),
            Err(Not::Written(refusal)) => Err(refusal),
        }
    }

    pub(super) fn must_wait(&self, attempt: Attempt<'_>, user: Option<&User>) -> Option<Entered> {
        let ms = self.throttle().begin(attempt, self.now_ms()).err()?;
        self.tally.slowed.one();
        self.note_failure("sign_in.slowed", &subject(user), &format!("from={}", attempt.source));
        Some(Entered::Wait { ms })
    }

    /// A passkey that opens nothing here; whose it would be nobody knows.
    pub(super) fn passkey_failed(&self, visitor: &Visitor) {
        self.failed(None, visitor, "passkey");
    }

    /// What was typed for a login that nobody has is not written down: it may be a password.
    pub(super) fn failed(&self, user: Option<&User>, visitor: &Visitor, what: &str) {
        self.tally.failed.one();
        let detail = format!("from={} wrong={what}", visitor.address);
        self.note_failure("sign_in.failed", &subject(user), &detail);
    }
}

fn subject(user: Option<&User>) -> String {
    user.map_or("unknown".to_owned(), |user| name(user.id))
}

/// The login as the directory has it; what can be none is compared with as much work.
pub(super) fn compared(typed: &str) -> Box<str> {
    User::login_of(typed).unwrap_or_else(|_| {
        let lower = typed.trim().to_lowercase();
        lower.chars().take(LOGIN_BYTES_MAX).collect::<String>().into()
    })
}

pub(super) fn owes_code(book: &Book, user: UserId) -> bool {
    book.keys(user).is_some_and(|keys| keys.authenticator.is_some())
}

/// The way that this code proves, and what is used up by it.
fn proved_by(book: &Book, user: UserId, code: &str, now_s: u64) -> Option<(Way, Vec<SignInChange>)> {
    let keys = book.keys(user)?;
    let authenticator = keys.authenticator.as_ref()?;
    let digits: String = code.chars().filter(|digit| !digit.is_whitespace()).collect();
    if let Some(step) = totp::proves(&authenticator.secret, &digits, now_s, authenticator.step) {
        return Some((Way::PasswordAndCode, vec![SignInChange::AuthenticatorUsed { user, step }]));
    }
    let hash = recovery::hash(code)?;
    let is_one = keys.recovery.contains(&hash);
    is_one.then(|| (Way::PasswordAndRecoveryCode, vec![SignInChange::RecoveryCodeUsed { user, hash }]))
}

/// On a thread that may wait for the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let failed = || Refusal::new(crate::model::Why::Unavailable, "the request failed inside");
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(failed()))
}
