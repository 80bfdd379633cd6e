//! What the door is asked of sign-in by the command line, by the API, and by itself when a user is disabled or removed.

use super::book::Book;
use super::link;
use super::token::NewToken;
use crate::calls::rfc3339;
use crate::door::Door;
use crate::model::{GivenSecret, Refusal, Reply};
use coeur_directory::UserId;
use coeur_storage::{Digest, Operator, SessionEnd, SessionRow, SignInChange};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum SignInRequest {
    /// A link by which the first owner is made, or by which `user` gives himself a password.
    Link {
        user: Option<String>,
    },
    TokenMake(NewToken),
    TokensList {
        user: Option<String>,
    },
    TokenRevoke {
        token: String,
    },
    /// A user who has lost his second factors signs in with his password alone, and is out of his sessions.
    FactorsRemove {
        user: String,
    },
}

/// A link, shown this once.
#[derive(Clone, Serialize, Deserialize)]
pub struct LinkView {
    /// Below the address of the server.
    pub path: GivenSecret,
    /// With that address, where a server runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<GivenSecret>,
    pub expires_at: String,
}

impl Door {
    pub(crate) fn sign_in_verb(&self, by: &Operator, request: SignInRequest) -> Result<Reply, Refusal> {
        match request {
            SignInRequest::Link { user } => {
                self.link_view(by, user.as_deref()).map(Box::new).map(Reply::Link)
            }
            SignInRequest::TokenMake(new) => self.make_token(by, new).map(Box::new).map(Reply::Token),
            SignInRequest::TokensList { user } => self.tokens(user.as_deref()).map(Reply::Tokens),
            SignInRequest::TokenRevoke { token } => self.revoke_token(by, &token).map(|()| Reply::Done),
            SignInRequest::FactorsRemove { user } => {
                let user = self.user_of(&user)?.id;
                self.forget_factors(by, user).map(|()| Reply::Done)
            }
        }
    }

    fn link_view(&self, by: &Operator, user: Option<&str>) -> Result<LinkView, Refusal> {
        let offered = self.offer_link(by, user)?;
        let path = link::path(&offered.text);
        let url = self.house().web_address().map(|base| GivenSecret::new(format!("{base}{path}")));
        Ok(LinkView { path: GivenSecret::new(path), url, expires_at: rfc3339(offered.until_ms) })
    }

    pub(super) fn forget_factors(&self, by: &Operator, user: UserId) -> Result<(), Refusal> {
        self.decide(by, |book| {
            let keys = book.keys(user);
            let mut changes = Vec::new();
            if keys.is_some_and(|keys| keys.authenticator.is_some()) {
                changes.push(SignInChange::AuthenticatorRemoved { user });
                changes.push(SignInChange::RecoveryCodesSet { user, hashes: Vec::new() });
            }
            let passkeys = keys.map_or(&[][..], |keys| &keys.passkeys);
            changes
                .extend(passkeys.iter().map(|key| SignInChange::PasskeyRemoved { user, id: key.id.clone() }));
            changes.extend(ended(book, user, None, SessionEnd::Revoked));
            Ok((changes, ()))
        })
    }

    /// Returns how many there were.
    pub(crate) fn end_sessions(
        &self,
        user: UserId,
        but: Option<Digest>,
        why: SessionEnd,
    ) -> Result<usize, Refusal> {
        self.decide(&Operator::program(), |book| {
            let changes = ended(book, user, but, why);
            let many = changes.len();
            Ok((changes, many))
        })
    }

    /// A user was disabled or removed: he is out of all sessions, and one who is removed leaves nothing behind.
    pub(crate) fn user_is_out(&self, user: UserId, removed: bool) -> Result<(), Refusal> {
        self.house().user_is_out(user);
        match removed {
            true => self.decide(&Operator::program(), |book| {
                let known = book.knows(user).then_some(SignInChange::Forgotten { user });
                Ok((known.into_iter().collect(), ()))
            }),
            false => self.end_sessions(user, None, SessionEnd::Revoked).map(drop),
        }
    }
}

fn ended(book: &Book, user: UserId, but: Option<Digest>, why: SessionEnd) -> Vec<SignInChange> {
    let wanted = |row: &&SessionRow| Some(row.hash) != but;
    let sessions = book.sessions_of(user).into_iter().filter(wanted);
    sessions.map(|row| SignInChange::SessionEnded { user, hash: row.hash, why }).collect()
}
