//! Tenants and users at the door.

use crate::door::{Door, ROWS_MAX, name, not_written, refuse};
use crate::groups::TenantAmendment;
use crate::groups_door::{numbering, terms};
use crate::ids::Id;
use crate::model::{Refusal, Reply, Why};
use crate::people::{NewUser, TenantView, UserAmendment, UserView, UsersPage};
use coeur_directory::{
    Change, ChangeError, Language, Role, Tenant, TenantChange, TenantId, User, UserChange, UserId, UserKind,
    UserPatch, is_plain,
};
use coeur_storage::Operator;
use std::sync::Arc;

impl Door {
    /// By its name or number.
    pub fn tenant(&self, text: &str) -> Result<Arc<Tenant>, Refusal> {
        let directory = self.directory();
        let found = match TenantId::parse(text) {
            Some(id) => directory.tenant(id),
            None => directory.tenant_named(text),
        };
        found.ok_or_else(|| no_tenant(text))
    }

    /// By login or number.
    pub fn user(&self, text: &str) -> Result<Arc<User>, Refusal> {
        let directory = self.directory();
        let found = match UserId::parse(text) {
            Some(id) => directory.user(id),
            None => directory.user_by_login(&text.trim().to_lowercase()),
        };
        found.ok_or_else(|| no_user(text))
    }

    /// The tenant that is named, or the first one.
    pub(crate) fn tenant_or_first(&self, text: Option<&str>) -> Result<TenantId, Refusal> {
        text.map_or(Ok(TenantId::FIRST), |text| self.tenant(text).map(|tenant| tenant.id))
    }

    pub(crate) fn add_tenant(&self, operator: &Operator, given: &str) -> Result<Reply, Refusal> {
        let given = tenant_name(given)?;
        let id = self.records().next_tenant_id().map_err(not_written)?;
        self.change(operator, Change::Tenant(TenantChange::Added(Tenant::new(id, given))))?;
        self.show_tenant(&id.text())
    }

    pub(crate) fn tenants(&self) -> Reply {
        let directory = self.directory();
        Reply::Tenants(directory.tenants().iter().map(|tenant| TenantView::of(tenant, directory)).collect())
    }

    pub(crate) fn show_tenant(&self, text: &str) -> Result<Reply, Refusal> {
        Ok(Reply::Tenant(Box::new(TenantView::of(&*self.tenant(text)?, self.directory()))))
    }

    pub(crate) fn change_tenant(
        &self,
        operator: &Operator,
        text: &str,
        change: &TenantAmendment,
    ) -> Result<Reply, Refusal> {
        if *change == TenantAmendment::default() {
            return Err(Refusal::new(Why::Invalid, "nothing to change was given"));
        }
        let mut tenant = (*self.tenant(text)?).clone();
        if let Some(name) = &change.name {
            tenant.name = tenant_name(name)?.into();
        }
        tenant.terms.change(&terms(&change.terms)?);
        if let Some(text) = &change.numbering {
            tenant.numbering = numbering(text)?;
        }
        self.change(operator, Change::Tenant(TenantChange::Changed(tenant)))
    }

    pub(crate) fn remove_tenant(&self, operator: &Operator, text: &str) -> Result<Reply, Refusal> {
        self.change(operator, Change::Tenant(TenantChange::Removed(self.tenant(text)?.id)))
    }

    pub(crate) fn add_user(&self, operator: &Operator, new: &NewUser) -> Result<Reply, Refusal> {
        let user = self.new_user(new)?;
        let id = user.id;
        self.change(operator, Change::User(UserChange::Added(Box::new(user))))?;
        self.show_user(&id.text())
    }

    /// One that is not there yet.
    pub(crate) fn new_user(&self, new: &NewUser) -> Result<User, Refusal> {
        let login = new_login(&new.login)?;
        // Asked before a number is taken.
        if self.directory().user_by_login(&login).is_some() {
            return Err(refuse(ChangeError::UserExists(login)));
        }
        let id = self.records().next_user_id().map_err(not_written)?;
        let mut user = User::new(id, &login, or_default(&new.role, Role::User, role)?);
        user.tenant = self.tenant_or_first(new.tenant.as_deref())?;
        user.kind = or_default(&new.kind, UserKind::Person, kind)?;
        user.display_name = name(&new.display_name)?.into();
        user.email = User::email_of(&new.email).map_err(|why| invalid(&new.email, why))?;
        user.language = or_default(&new.language, Language::English, language)?;
        Ok(user)
    }

    pub(crate) fn users(
        &self,
        tenant: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Reply, Refusal> {
        let tenant = tenant.map(|text| self.tenant(text).map(|tenant| tenant.id)).transpose()?;
        let limit = limit.clamp(1, ROWS_MAX);
        let mut page = self.directory().users_page(tenant, after, limit + 1);
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().filter(|_| more).map(|user| user.login.to_string());
        Ok(Reply::Users(UsersPage { users: page.iter().map(|user| UserView::of(user)).collect(), next }))
    }

    pub(crate) fn show_user(&self, text: &str) -> Result<Reply, Refusal> {
        let user = self.user(text)?;
        let mut accounts: Vec<String> =
            self.directory().accounts_of_user(user.id).iter().map(|a| a.aor.to_string()).collect();
        accounts.sort_unstable();
        Ok(Reply::User(Box::new(UserView { accounts, ..UserView::of(&user) })))
    }

    pub(crate) fn change_user(
        &self,
        operator: &Operator,
        text: &str,
        change: &UserAmendment,
    ) -> Result<Reply, Refusal> {
        let id = self.user(text)?.id;
        if *change == UserAmendment::default() {
            return Err(Refusal::new(Why::Invalid, "nothing to change was given"));
        }
        let patch = user_patch(change)?;
        let reply = self.change(operator, Change::User(UserChange::Changed { id, patch }))?;
        if change.enabled == Some(false) {
            self.user_is_out(id, false)?;
        }
        Ok(reply)
    }

    pub(crate) fn remove_user(&self, operator: &Operator, text: &str) -> Result<Reply, Refusal> {
        let id = self.user(text)?.id;
        let reply = self.change(operator, Change::User(UserChange::Removed(id)))?;
        self.user_is_out(id, true)?;
        Ok(reply)
    }

    /// `no` is nobody.
    pub(crate) fn owner(&self, text: &str) -> Result<Option<UserId>, Refusal> {
        if text == "no" { Ok(None) } else { self.user(text).map(|user| Some(user.id)) }
    }
}

pub(crate) fn user_patch(change: &UserAmendment) -> Result<UserPatch, Refusal> {
    let login = |text: &String| new_login(text);
    let email = |text: &String| User::email_of(text).map_err(|why| invalid(text, why));
    Ok(UserPatch {
        kind: change.kind.as_deref().map(kind).transpose()?,
        login: change.login.as_ref().map(login).transpose()?,
        display_name: change.display_name.as_deref().map(name).transpose()?.map(Box::from),
        email: change.email.as_ref().map(email).transpose()?,
        language: change.language.as_deref().map(language).transpose()?,
        role: change.role.as_deref().map(role).transpose()?,
        enabled: change.enabled,
    })
}

pub(crate) fn no_tenant(text: &str) -> Refusal {
    Refusal::new(Why::NotFound, format!("`{text}` is no tenant; `coeur tenant list` shows them"))
}

pub(crate) fn no_user(text: &str) -> Refusal {
    Refusal::new(Why::NotFound, format!("`{text}` is no user; `coeur user list` shows them"))
}

/// One that is given to somebody. One that was given before this was asked is still known.
pub(crate) fn new_login(text: &str) -> Result<Box<str>, Refusal> {
    let login = User::login_of(text).map_err(|why| invalid(text, why))?;
    match is_plain(&login) {
        true => Ok(login),
        false => Err(invalid(
            &text.escape_unicode().to_string(),
            "a login has no characters that turn the direction of writing",
        )),
    }
}

pub(crate) fn tenant_name(text: &str) -> Result<&str, Refusal> {
    let text = name(text)?.trim();
    match text.is_empty() || text.starts_with(TenantId::PREFIX) {
        true => Err(Refusal::new(Why::Invalid, format!("`{text}` is no name of a tenant"))),
        false => Ok(text),
    }
}

fn or_default<T>(text: &str, default: T, read: fn(&str) -> Result<T, Refusal>) -> Result<T, Refusal> {
    if text.is_empty() { Ok(default) } else { read(text) }
}

fn role(text: &str) -> Result<Role, Refusal> {
    Role::parse(text).ok_or_else(|| none_of("role", text, Role::ALL.map(Role::as_str).as_slice()))
}

fn kind(text: &str) -> Result<UserKind, Refusal> {
    UserKind::parse(text).ok_or_else(|| none_of("kind", text, UserKind::ALL.map(UserKind::as_str).as_slice()))
}

fn language(text: &str) -> Result<Language, Refusal> {
    Language::parse(text)
        .ok_or_else(|| none_of("language", text, Language::ALL.map(Language::as_str).as_slice()))
}

fn none_of(what: &str, text: &str, words: &[&str]) -> Refusal {
    Refusal::new(Why::Invalid, format!("{what} `{text}` is none of {}", words.join(", ")))
}

fn invalid(text: &str, why: &str) -> Refusal {
    Refusal::new(Why::Invalid, format!("`{text}`: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::tests::{door, operator};
    use crate::model::{AccountChange, NewAccount, Request};

    fn new(login: &str) -> NewUser {
        NewUser { login: login.into(), ..NewUser::default() }
    }

    fn shown(reply: Result<Reply, Refusal>) -> UserView {
        match reply {
            Ok(Reply::User(view)) => *view,
            Ok(_) => panic!("another reply"),
            Err(refusal) => panic!("{}", refusal.text),
        }
    }

    #[test]
    fn a_user_is_made_shown_changed_and_removed_by_login_or_number() {
        let (door, _) = door(false);
        let ask = |request| door.answer(&operator(), request);
        let made = shown(ask(Request::UserAdd { user: new("Alice@Example.org") }));
        assert_eq!((made.login.as_str(), made.role.as_str()), ("alice@example.org", "user"));
        assert_eq!(
            (made.tenant.as_str(), made.kind.as_str(), made.language.as_str()),
            ("ten_1", "person", "en")
        );
        let again = ask(Request::UserAdd { user: new("ALICE@example.org") });
        assert_eq!(again.err().map(|refusal| refusal.why), Some(Why::Exists));
        let change =
            UserAmendment { role: Some("admin".into()), language: Some("fr".into()), ..Default::default() };
        assert!(ask(Request::UserChange { user: made.id.clone(), change }).is_ok());
        let view = shown(ask(Request::UserShow { user: " Alice@example.ORG".into() }));
        assert_eq!((view.role.as_str(), view.language.as_str()), ("admin", "fr"));
        assert!(ask(Request::UserRemove { user: made.id.clone() }).is_ok());
        let gone = ask(Request::UserShow { user: made.id });
        assert_eq!(gone.err().map(|refusal| refusal.why), Some(Why::NotFound));
    }

    #[test]
    fn what_is_no_word_of_a_user_is_refused_with_those_that_are() {
        let (door, _) = door(false);
        let bad = [
            NewUser { role: "root".into(), ..new("a") },
            NewUser { kind: "robot".into(), ..new("a") },
            NewUser { language: "de".into(), ..new("a") },
            NewUser { email: "nobody".into(), ..new("a") },
            NewUser { display_name: "a\u{7}".into(), ..new("a") },
            NewUser { tenant: Some("ten_9".into()), ..new("a") },
            new("a b"),
        ];
        for user in bad {
            let refusal = door.answer(&operator(), Request::UserAdd { user: user.clone() }).err();
            let why = refusal.as_ref().map(|refusal| refusal.why);
            let expected = if user.tenant.is_some() { Why::NotFound } else { Why::Invalid };
            assert_eq!(why, Some(expected), "{user:?}");
        }
        assert_eq!(door.directory().users(), 0);
    }

    #[test]
    fn an_account_is_of_a_user_who_is_not_removed_before_it() {
        let (door, _) = door(false);
        let ask = |request| door.answer(&operator(), request);
        let alice = shown(ask(Request::UserAdd { user: new("alice") }));
        let account = NewAccount {
            account: "alice@d".into(),
            policy: "auto".into(),
            user: Some("alice".into()),
            ..NewAccount::default()
        };
        assert!(ask(Request::AccountsAdd { accounts: vec![account] }).is_ok());
        assert_eq!(shown(ask(Request::UserShow { user: "alice".into() })).accounts, ["alice@d"]);
        let Ok(Reply::Account(view)) = ask(Request::AccountShow { account: "acc_1".into() }) else {
            panic!("an account is found by its number too")
        };
        assert_eq!((view.id.as_str(), view.user), ("acc_1", Some(alice.id)));
        let remove = || ask(Request::UserRemove { user: "alice".into() });
        assert!(remove().err().is_some_and(|refusal| refusal.text.contains("alice@d")));
        let change = AccountChange { user: Some("no".into()), ..AccountChange::default() };
        assert!(ask(Request::AccountChange { account: "acc_1".into(), change }).is_ok());
        assert!(remove().is_ok());
    }

    #[test]
    fn a_domain_is_of_the_tenant_it_is_given_to() {
        let (door, _) = door(false);
        let ask = |request| door.answer(&operator(), request);
        let Ok(Reply::Tenant(made)) = ask(Request::TenantAdd { name: "Other".into() }) else {
            panic!("not made")
        };
        let domain = Request::DomainAdd { domain: "other.test".into(), tenant: Some("other".into()) };
        assert!(ask(domain).is_ok());
        let Ok(Reply::Tenants(all)) = ask(Request::TenantsList) else { panic!("no list") };
        let said: Vec<_> = all.iter().map(|view| (view.name.as_str(), view.domains.join(","))).collect();
        assert_eq!(said, [("default", "d".to_owned()), ("Other", "other.test".to_owned())]);
        let rename = |name: &str| {
            let change = TenantAmendment { name: Some(name.into()), ..TenantAmendment::default() };
            Request::TenantChange { tenant: made.id.clone(), change }
        };
        assert!(ask(rename("Third")).is_ok());
        assert_eq!(ask(rename("default")).err().map(|refusal| refusal.why), Some(Why::Exists));
        assert!(ask(rename("ten_4")).is_err() && ask(rename(" ")).is_err());
        assert!(ask(Request::TenantRemove { tenant: "third".into() }).is_err(), "a domain is in it");
        assert!(ask(Request::DomainRemove { domain: "other.test".into() }).is_ok());
        assert!(ask(Request::TenantRemove { tenant: "third".into() }).is_ok());
    }

    #[test]
    fn users_are_listed_page_by_page_and_by_tenant() {
        let (door, _) = door(false);
        let ask = |request| door.answer(&operator(), request);
        assert!(ask(Request::TenantAdd { name: "two".into() }).is_ok());
        for (login, tenant) in [("c", "two"), ("a", "default"), ("b", "two")] {
            let user = NewUser { tenant: Some(tenant.into()), ..new(login) };
            assert!(ask(Request::UserAdd { user }).is_ok());
        }
        let list = |tenant: Option<&str>, after: Option<&str>| {
            let request = Request::UsersList {
                tenant: tenant.map(str::to_owned),
                after: after.map(str::to_owned),
                limit: 2,
            };
            let Ok(Reply::Users(page)) = ask(request) else { panic!("no list") };
            (page.users.into_iter().map(|user| user.login).collect::<Vec<_>>().join(" "), page.next)
        };
        assert_eq!(list(None, None), ("a b".into(), Some("b".into())));
        assert_eq!(list(None, Some("b")), ("c".into(), None));
        assert_eq!(list(Some("two"), None), ("b c".into(), None));
    }
}
