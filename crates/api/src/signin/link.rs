//! Links that are used once: by the first the owner of the installation is made, by others a user gives himself a password.
//! There is no password that anybody was born with.

use super::book::{Book, Link};
use super::desk::{Desk, Visitor, has_owner, operator};
use super::enter::owes_code;
use super::password::{Given, SALT_BYTES, Weak, check};
use super::secret::{self, RANDOM_BYTES};
use crate::door::{Door, not_written};
use crate::model::{Refusal, Why};
use coeur_directory::{Change, Language, Role, User, UserChange, UserId};
use coeur_storage::{Operator, SessionEnd, SignInChange, Way};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What is printed on a terminal is used at once.
pub(super) const LIFE_MS: u64 = 30 * 60_000;

/// A link, as it is shown this once.
pub(crate) struct Offered {
    pub(crate) text: secret::Text,
    pub(crate) until_ms: u64,
}

/// Where a link leads below the address of the server.
pub(crate) fn path(text: &str) -> String {
    format!("/setup/{text}")
}

/// What somebody chose who has a link.
pub(super) struct Chosen {
    /// Of the first owner; a user who is there keeps his own.
    pub(super) login: String,
    pub(super) display_name: String,
    pub(super) language: Language,
    pub(super) password: Given,
}

/// What a link has come to.
pub(super) enum Used {
    In {
        session: secret::Text,
        known: secret::Text,
    },
    /// The password is set, and a second factor is owed.
    ToSignIn,
}

/// Why a link was not used.
pub(super) enum Not {
    /// There is no such link, it was used, or it is too late.
    Valid,
    Weak(Weak),
    /// It cannot be one, or is somebody else's.
    Login,
    Busy,
    Refused(Refusal),
}

impl From<Refusal> for Not {
    fn from(refusal: Refusal) -> Self {
        Not::Refused(refusal)
    }
}

impl Door {
    /// For the first owner where `login` is `None`: only while there is none, since whoever reads a terminal later must not
    /// become one.
    pub(crate) fn offer_link(&self, by: &Operator, login: Option<&str>) -> Result<Offered, Refusal> {
        let user = match login {
            Some(login) => Some(self.user_of(login)?.id),
            None if has_owner(self) => {
                let text = "there is an owner already; name the user who is to give himself a password with --user LOGIN";
                return Err(Refusal::new(Why::Exists, text));
            }
            None => None,
        };
        let mut random = Zeroizing::new([0; RANDOM_BYTES]);
        self.house().random(&mut *random);
        let text = secret::text(&random);
        let (hash, until_ms) = (secret::hash(&text), self.house().unix_time_ms() + LIFE_MS);
        let change = SignInChange::LinkOffered { user, hash, until_ms };
        self.decide(by, |_| Ok::<_, Refusal>((vec![change], ())))?;
        Ok(Offered { text, until_ms })
    }

    /// By login or by number.
    pub(super) fn user_of(&self, named: &str) -> Result<Arc<User>, Refusal> {
        let directory = self.house().directory();
        let by_number = named.strip_prefix("usr_").and_then(|number| number.parse().ok()).map(UserId);
        let found = match by_number {
            Some(id) => directory.user(id),
            None => User::login_of(named).ok().and_then(|login| directory.user_by_login(&login)),
        };
        found.ok_or_else(|| Refusal::new(Why::NotFound, format!("there is no user {named}")))
    }
}

impl Desk {
    /// Whom a link is for, while it is worth something: `Some(None)` for the first owner.
    pub(super) fn link(&self, text: &str) -> Option<Option<Arc<User>>> {
        let link = self.valid(text)?;
        match link.user {
            Some(id) => self.enabled(id).map(Some),
            None => (!has_owner(&self.door)).then_some(None),
        }
    }

    fn valid(&self, text: &str) -> Option<Link> {
        let found = self.door.book(|book| book.link(&secret::hash(text))).ok()??;
        (self.now_ms() < found.until_ms).then_some(found)
    }

    /// Uses a link up: the password is set and its user is signed in.
    pub(super) async fn use_link(
        self: &Arc<Self>,
        text: String,
        chosen: Chosen,
        visitor: Visitor,
    ) -> Result<Used, Not> {
        let Some(user) = self.link(&text) else { return Err(Not::Valid) };
        let login = user.as_ref().map_or(chosen.login.as_str(), |user| &user.login);
        check(&chosen.password, login).map_err(Not::Weak)?;
        let login = User::login_of(login).map_err(|_| Not::Login)?;
        let salt = self.random::<SALT_BYTES>();
        let hashed = self.passwords.hash(chosen.password.clone(), salt).await.map_err(|_| Not::Busy)?;
        let phc = hashed.map_err(|_| Not::Busy)?;
        let desk = self.clone();
        let used = tokio::task::spawn_blocking(move || {
            // Of two who come with one link at the same moment, one makes an owner.
            let _turn = desk.turn();
            let user = match desk.link(&text).ok_or(Not::Valid)? {
                Some(user) => user,
                None => desk.first_owner(&login, &chosen)?,
            };
            desk.redeem(&text, &user, phc, &visitor)
        });
        used.await.unwrap_or(Err(Not::Busy))
    }

    /// Made, or there already since a try before this was cut off.
    fn first_owner(&self, login: &str, chosen: &Chosen) -> Result<Arc<User>, Not> {
        let directory = self.door.house().directory();
        if let Some(user) = directory.user_by_login(login) {
            let is_bare = user.role == Role::Owner && user.enabled && !has_owner(&self.door);
            return if is_bare { Ok(user) } else { Err(Not::Login) };
        }
        let mut user =
            User::new(self.door.records().next_user_id().map_err(not_written)?, login, Role::Owner);
        user.display_name = chosen.display_name.as_str().into();
        user.language = chosen.language;
        let id = user.id;
        let added = Change::User(UserChange::Added(Box::new(user)));
        self.door.change(&Operator::signed_in("setup link"), added)?;
        directory.user(id).ok_or(Not::Valid)
    }

    fn redeem(&self, text: &str, user: &User, phc: Box<str>, visitor: &Visitor) -> Result<Used, Not> {
        let (hash, now_ms, id) = (secret::hash(text), self.now_ms(), user.id);
        let used_up = |book: &Book| {
            let link = book.link(&hash).filter(|link| now_ms < link.until_ms).ok_or(Not::Valid)?;
            let closed = SignInChange::LinkClosed { user: link.user };
            Ok::<_, Not>(vec![closed, SignInChange::PasswordSet { user: id, phc }])
        };
        // A link is no second factor.
        if self.door.book(|book| owes_code(book, id))? {
            self.door.decide(&operator(user), |book| Ok::<_, Not>((used_up(book)?, ())))?;
            self.door.end_sessions(id, None, SessionEnd::Revoked)?;
            return Ok(Used::ToSignIn);
        }
        let session = self.begin(user, visitor, None, |book| Ok::<_, Not>((Way::Link, used_up(book)?)))?;
        // Whoever was in with the old password is out.
        self.door.end_sessions(id, Some(secret::hash(&session)), SessionEnd::Revoked)?;
        Ok(Used::In { session, known: self.known(user) })
    }
}
