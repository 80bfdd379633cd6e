//! Who is here whoever has signed in there.

use super::{Identity, Provider};
use crate::model::{Refusal, Why};
use crate::signin::book::Book;
use crate::signin::desk::{Desk, Visitor, operator};
use crate::signin::enter::Entered;
use coeur_directory::{Change, Role, User, UserChange, UserId, UserPatch};
use coeur_storage::{Digest, IdentityRow, Operator, SignInChange, Way};
use std::sync::Arc;

/// Who stands in the audit row of what the other server has led to.
const BY: &str = "sign-in by provider";

impl Desk {
    /// A session for the user of this identity; for one who comes first, a user is made where that is set. Blocks on the disk.
    pub(in crate::signin) fn enter_by_provider(
        &self,
        provider: &Provider,
        who: &Identity,
        visitor: &Visitor,
        old: Option<Digest>,
    ) -> Result<Entered, Refusal> {
        // Of two who come with one identity at the same moment, one is made.
        let turn = self.turn();
        let role = provider.role_of(&who.groups);
        let known = self.door.book(|book| book.identity(&who.issuer, &who.subject))?;
        let user = match known {
            Some(id) => self.enabled(id),
            None if provider.makes_users() => self.newcomer(who, role.unwrap_or(Some(Role::User)))?,
            None => None,
        };
        let Some(user) = user else { return Ok(self.unknown(visitor)) };
        let Some(user) = self.with_role(user, role)? else { return Ok(self.unknown(visitor)) };
        drop(turn);
        let now_ms = self.now_ms();
        let prove = |_: &Book| Ok::<_, Refusal>((Way::Provider, Vec::new()));
        let session = self.begin_as(&user, visitor, old, (now_ms, who.proved_at_ms), prove)?;
        Ok(Entered::In { session, known: self.known(&user) })
    }

    /// Whoever is signed in here adds this way of signing in.
    pub(in crate::signin) fn add_identity(&self, user: &User, who: &Identity) -> Result<(), Refusal> {
        let row = row(user.id, who);
        self.door.decide(&operator(user), |book| match book.identity(&row.issuer, &row.subject) {
            None => Ok((vec![SignInChange::IdentityAdded(Box::new(row))], ())),
            Some(id) if id == user.id => Ok((Vec::new(), ())),
            Some(_) => Err(Refusal::new(Why::Exists, "somebody else here signs in so")),
        })
    }

    fn unknown(&self, visitor: &Visitor) -> Entered {
        self.failed(None, visitor, "provider");
        Entered::Refused
    }

    /// `None`: he has no role here, or his name there is that of somebody here, who is another until he says himself that he is the same.
    fn newcomer(&self, who: &Identity, role: Option<Role>) -> Result<Option<Arc<User>>, Refusal> {
        let (Some(role), Ok(login)) = (role, User::login_of(&who.login)) else { return Ok(None) };
        let directory = self.door.house().directory();
        if directory.user_by_login(&login).is_some() {
            return Ok(None);
        }
        let id = self.door.records().next_user_id().map_err(crate::door::not_written)?;
        let mut user = User::new(id, &login, role);
        user.display_name = who.name.chars().take(64).filter(|c| !c.is_control()).collect::<String>().into();
        user.email = User::email_of(&who.email).unwrap_or_default();
        let by = Operator::signed_in(BY);
        let way = SignInChange::IdentityAdded(Box::new(row(id, who)));
        self.door.make_with(&by, Change::User(UserChange::Added(Box::new(user))), way)?;
        Ok(directory.user(id))
    }

    /// What the groups give, where they give roles. An owner stays one: nobody there takes an installation from who answers for it.
    fn with_role(&self, user: Arc<User>, role: Option<Option<Role>>) -> Result<Option<Arc<User>>, Refusal> {
        let wanted = match role {
            None => return Ok(Some(user)),
            Some(_) if user.role == Role::Owner => return Ok(Some(user)),
            Some(None) => return Ok(None),
            Some(Some(role)) if role == user.role => return Ok(Some(user)),
            Some(Some(role)) => role,
        };
        let patch = UserPatch { role: Some(wanted), ..UserPatch::default() };
        let change = Change::User(UserChange::Changed { id: user.id, patch });
        self.door.change(&Operator::signed_in(BY), change)?;
        Ok(self.enabled(user.id))
    }
}

fn row(user: UserId, who: &Identity) -> IdentityRow {
    IdentityRow { user, issuer: who.issuer.as_str().into(), subject: who.subject.as_str().into() }
}
