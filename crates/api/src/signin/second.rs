//! What a user who is signed in changes of how he signs in: his password, his authenticator, his recovery codes. Each
//! wants a fresh proof of who he is ([`Signed::is_fresh`]), ends his other sessions and renames this one.

use super::book::{Book, Keys};
use super::desk::{Desk, Visitor};
use super::enter::compared;
use super::password::{Given, SALT_BYTES, Weak, check};
use super::session::Signed;
use super::throttle::{Attempt, What};
use super::{recovery, secret, totp};
use crate::model::Refusal;
use coeur_directory::UserId;
use coeur_storage::{Digest, PasskeyRow, SessionEnd, SessionRow, SignInChange};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Why nothing was changed.
pub(super) enum Not {
    /// Too long ago that this session has proved who it is.
    Fresh,
    /// The password or code that stands for the one before is wrong.
    Right,
    Weak(Weak),
    /// There is none.
    There,
    Busy,
    Refused(Refusal),
}

impl From<Refusal> for Not {
    fn from(refusal: Refusal) -> Self {
        Not::Refused(refusal)
    }
}

/// What a user has, for a page about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Factors {
    pub(super) password: bool,
    pub(super) authenticator: bool,
    pub(super) recovery_codes: usize,
    pub(super) passkeys: usize,
}

/// Codes as they are shown this once; and the new name of the session.
pub(super) struct Renewed {
    pub(super) session: secret::Text,
    pub(super) codes: Vec<secret::Text>,
}

impl Desk {
    /// In the order in which they were added.
    pub(super) fn passkeys(&self, user: UserId) -> Result<Vec<PasskeyRow>, Refusal> {
        let mut all =
            self.door.book(|book| book.keys(user).map_or(Vec::new(), |keys| keys.passkeys.clone()))?;
        all.sort_by_key(|row| row.added_at_ms);
        Ok(all)
    }

    pub(super) fn factors(&self, user: UserId) -> Result<Factors, Refusal> {
        let of = |keys: &Keys| Factors {
            password: keys.phc.is_some(),
            authenticator: keys.authenticator.is_some(),
            recovery_codes: keys.recovery.len(),
            passkeys: keys.passkeys.len(),
        };
        let none = Factors { password: false, authenticator: false, recovery_codes: 0, passkeys: 0 };
        self.door.book(|book| book.keys(user).map_or(none, of))
    }

    /// What an authenticator is given; it counts once a code of it was shown ([`Desk::set_authenticator`]).
    pub(super) fn new_authenticator(&self) -> Zeroizing<[u8; totp::SECRET_BYTES]> {
        Zeroizing::new(self.random())
    }

    /// In place of the one before. Where there are no recovery codes yet, they are made.
    pub(super) fn set_authenticator(
        &self,
        signed: &Signed,
        secret: &[u8],
        code: &str,
        visitor: &Visitor,
    ) -> Result<Renewed, Not> {
        self.fresh_enough(signed)?;
        let user = signed.user.id;
        let now_s = self.now_ms() / 1_000;
        let digits: String = code.chars().filter(|digit| !digit.is_whitespace()).collect();
        let right =
            (secret.len() == totp::SECRET_BYTES).then(|| totp::proves(secret, &digits, now_s, 0)).flatten();
        let step = right.ok_or(Not::Right)?;
        let (codes, hashes) = self.new_codes();
        let has_codes =
            self.door.book(|book| book.keys(user).is_some_and(|keys| !keys.recovery.is_empty()))?;
        let secret = Zeroizing::new(secret.to_vec());
        let mut changes = vec![SignInChange::AuthenticatorSet { user, secret, step }];
        let codes = if has_codes { Vec::new() } else { codes };
        if !has_codes {
            changes.push(SignInChange::RecoveryCodesSet { user, hashes });
        }
        let session = self.renew(signed, visitor, |_| Ok(changes))?;
        Ok(Renewed { session, codes })
    }

    pub(super) fn remove_authenticator(&self, signed: &Signed, visitor: &Visitor) -> Result<Renewed, Not> {
        self.fresh_enough(signed)?;
        let user = signed.user.id;
        let session = self.renew(signed, visitor, |book| match super::enter::owes_code(book, user) {
            true => Ok(vec![
                SignInChange::AuthenticatorRemoved { user },
                SignInChange::RecoveryCodesSet { user, hashes: Vec::new() },
            ]),
            false => Err(Not::There),
        })?;
        Ok(Renewed { session, codes: Vec::new() })
    }

    /// In place of those there were.
    pub(super) fn new_recovery_codes(&self, signed: &Signed, visitor: &Visitor) -> Result<Renewed, Not> {
        self.fresh_enough(signed)?;
        let user = signed.user.id;
        let (codes, hashes) = self.new_codes();
        let session = self.renew(signed, visitor, |book| match super::enter::owes_code(book, user) {
            true => Ok(vec![SignInChange::RecoveryCodesSet { user, hashes }]),
            // They stand in for an authenticator.
            false => Err(Not::There),
        })?;
        Ok(Renewed { session, codes })
    }

    /// Whoever has a password says it once more.
    pub(super) async fn set_password(
        self: &Arc<Self>,
        signed: Signed,
        old: Given,
        new: Given,
        visitor: Visitor,
    ) -> Result<Renewed, Not> {
        let user = signed.user.id;
        check(&new, &signed.user.login).map_err(Not::Weak)?;
        let phc = self.door.book(|book| book.keys(user).and_then(|keys| keys.phc.clone()))?;
        match phc {
            Some(phc) => self.password_again(&signed, phc, old, &visitor).await?,
            None => self.fresh_enough(&signed)?,
        }
        let hashed = self.passwords.hash(new, self.random::<SALT_BYTES>()).await.map_err(|_| Not::Busy)?;
        let phc = hashed.map_err(|_| Not::Busy)?;
        let desk = self.clone();
        let renewed = tokio::task::spawn_blocking(move || {
            let changes = vec![SignInChange::PasswordSet { user, phc }];
            let session = desk.renew(&signed, &visitor, |_| Ok(changes))?;
            Ok(Renewed { session, codes: Vec::new() })
        });
        renewed.await.unwrap_or(Err(Not::Busy))
    }

    /// As at the sign-in: who has a session and guesses waits as anybody who guesses.
    async fn password_again(
        &self,
        signed: &Signed,
        phc: Arc<str>,
        old: Given,
        visitor: &Visitor,
    ) -> Result<(), Not> {
        let login = compared(&signed.user.login);
        let attempt = Attempt { source: visitor.address, login: &login, known: true, what: What::Password };
        if self.must_wait(attempt, Some(&signed.user)).is_some() {
            return Err(Not::Busy);
        }
        let Ok(right) = self.passwords.verify(Some(phc), old).await else {
            self.throttle().undo(attempt);
            return Err(Not::Busy);
        };
        if !right {
            self.failed(Some(&signed.user), visitor, "password");
            return Err(Not::Right);
        }
        self.throttle().succeeded(attempt);
        Ok(())
    }

    pub(super) fn fresh_enough(&self, signed: &Signed) -> Result<(), Not> {
        signed.is_fresh(self.now_ms()).then_some(()).ok_or(Not::Fresh)
    }

    /// Changes what a user proves himself with, renames this session and ends his others.
    pub(super) fn renew(
        &self,
        signed: &Signed,
        visitor: &Visitor,
        changes: impl FnOnce(&Book) -> Result<Vec<SignInChange>, Not>,
    ) -> Result<secret::Text, Not> {
        let user = &signed.user;
        let prove = |book: &Book| Ok::<_, Not>((signed.session.way, changes(book)?));
        let SessionRow { hash, begun_at_ms, proved_at_ms, .. } = &signed.session;
        let text = self.begin_as(user, visitor, Some(*hash), (*begun_at_ms, *proved_at_ms), prove)?;
        self.door.end_sessions(user.id, Some(secret::hash(&text)), SessionEnd::Revoked)?;
        Ok(text)
    }

    fn new_codes(&self) -> (Vec<secret::Text>, Vec<Digest>) {
        let random = Zeroizing::new(self.random::<{ recovery::RANDOM_BYTES }>());
        let codes = recovery::codes(&random);
        let hashes = codes.iter().filter_map(|code| recovery::hash(code)).collect();
        (codes, hashes)
    }
}
