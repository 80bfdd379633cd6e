//! Tenants and users in the directory.

use crate::change::ChangeError;
use crate::group::{Group, GroupId};
use crate::role::Role;
use crate::shelf::Shelf;
use crate::table::Directory;
use crate::tenant::{TENANTS_MAX, Tenant, TenantChange, TenantId};
use crate::user::{User, UserChange, UserId};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) struct People {
    tenants: Shelf<TenantId, Tenant>,
    users: Shelf<UserId, User>,
    pub(crate) groups: Shelf<GroupId, Group>,
    by_login: RwLock<BTreeMap<Box<str>, UserId>>,
}

impl Default for People {
    fn default() -> Self {
        let people = Self {
            tenants: Shelf::default(),
            users: Shelf::default(),
            groups: Shelf::default(),
            by_login: RwLock::default(),
        };
        people.tenants.put(TenantId::FIRST, Tenant::first());
        people
    }
}

impl Directory {
    pub fn tenant(&self, id: TenantId) -> Option<Arc<Tenant>> {
        self.people().tenants.get(id)
    }

    /// By its name, whatever its case.
    pub fn tenant_named(&self, name: &str) -> Option<Arc<Tenant>> {
        self.people().tenants.find(|tenant| tenant.name.to_lowercase() == name.to_lowercase())
    }

    /// In the order in which they were made.
    pub fn tenants(&self) -> Vec<Arc<Tenant>> {
        self.people().tenants.page(None, usize::MAX, |_| true)
    }

    pub fn user(&self, id: UserId) -> Option<Arc<User>> {
        self.people().users.get(id)
    }

    /// By the login as [`User::login_of`] writes it.
    pub fn user_by_login(&self, login: &str) -> Option<Arc<User>> {
        let id = self.people().by_login.read().get(login).copied()?;
        self.user(id)
    }

    pub fn users(&self) -> usize {
        self.people().users.len()
    }

    /// At most `limit` users after `after`, in the order of their logins.
    pub fn users_page(&self, tenant: Option<TenantId>, after: Option<&str>, limit: usize) -> Vec<Arc<User>> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let by_login = self.people().by_login.read();
        let users = by_login.range::<str, _>((from, Bound::Unbounded)).filter_map(|(_, id)| self.user(*id));
        users.filter(|user| tenant.is_none_or(|tenant| tenant == user.tenant)).take(limit).collect()
    }

    pub(crate) fn check_tenant(&self, change: &TenantChange) -> Result<(), ChangeError> {
        let is_free = |tenant: &Tenant| match self.tenant_named(&tenant.name) {
            Some(other) if other.id != tenant.id => Err(ChangeError::TenantExists(tenant.name.clone())),
            Some(_) | None => Ok(()),
        };
        match change {
            TenantChange::Added(tenant) if self.tenant(tenant.id).is_some() => {
                Err(ChangeError::TenantExists(tenant.name.clone()))
            }
            TenantChange::Added(_) if self.people().tenants.len() >= TENANTS_MAX => {
                Err(ChangeError::TooManyTenants)
            }
            TenantChange::Added(tenant) => is_free(tenant),
            TenantChange::Changed(tenant) => self.known_tenant(tenant.id).and_then(|_| is_free(tenant)),
            TenantChange::Removed(id) => {
                let name = self.known_tenant(*id)?.name.clone();
                let used = *id == TenantId::FIRST
                    || self.domains().iter().any(|domain| domain.tenant == *id)
                    || self.people().users.find(|user| user.tenant == *id).is_some()
                    || self.people().groups.find(|group| group.tenant == *id).is_some();
                if used { Err(ChangeError::TenantInUse(name)) } else { Ok(()) }
            }
        }
    }

    pub(crate) fn apply_tenant(&self, change: &TenantChange) {
        let tenants = &self.people().tenants;
        match change {
            TenantChange::Added(tenant) | TenantChange::Changed(tenant) => {
                tenants.put(tenant.id, tenant.clone())
            }
            TenantChange::Removed(id) => {
                tenants.remove(*id);
                self.contacts().remove_of_tenant(*id);
                self.numbers().remove_of_tenant(*id);
            }
        }
    }

    pub(crate) fn check_user(&self, change: &UserChange) -> Result<(), ChangeError> {
        match change {
            UserChange::Added(user) => {
                self.known_tenant(user.tenant)?;
                match self.user(user.id).is_some() || self.user_by_login(&user.login).is_some() {
                    true => Err(ChangeError::UserExists(user.login.clone())),
                    false => Ok(()),
                }
            }
            UserChange::Changed { id, patch } => {
                let user = self.known_user(*id)?;
                if let Some(login) = &patch.login
                    && self.user_by_login(login).is_some_and(|other| other.id != *id)
                {
                    return Err(ChangeError::UserExists(login.clone()));
                }
                let mut changed = (*user).clone();
                changed.change(patch);
                if is_owner(&user) && !is_owner(&changed) { self.not_the_last_owner(&user) } else { Ok(()) }
            }
            UserChange::Removed(id) => {
                let user = self.known_user(*id)?;
                if is_owner(&user) {
                    self.not_the_last_owner(&user)?;
                }
                match self.accounts_of_user(*id).first() {
                    Some(account) => {
                        let (user, account) = (user.login.clone(), account.aor.clone());
                        Err(ChangeError::UserInUse { user, account })
                    }
                    None => Ok(()),
                }
            }
        }
    }

    pub(crate) fn apply_user(&self, change: &UserChange) {
        let People { users, by_login, .. } = self.people();
        match change {
            UserChange::Added(user) => {
                users.put(user.id, (**user).clone());
                by_login.write().insert(user.login.clone(), user.id);
            }
            UserChange::Changed { id, patch } => {
                let Some(old) = users.get(*id) else { return };
                let mut user = (*old).clone();
                user.change(patch);
                // Found under one of the two at every moment.
                by_login.write().insert(user.login.clone(), *id);
                if old.login != user.login {
                    by_login.write().remove(&old.login);
                }
                users.put(*id, user);
            }
            UserChange::Removed(id) => {
                if let Some(user) = users.remove(*id) {
                    by_login.write().remove(&user.login);
                }
                self.contacts().remove_of_user(*id);
            }
        }
    }

    pub(crate) fn known_tenant(&self, id: TenantId) -> Result<Arc<Tenant>, ChangeError> {
        self.tenant(id).ok_or(ChangeError::UnknownTenant(id))
    }

    pub(crate) fn known_user(&self, id: UserId) -> Result<Arc<User>, ChangeError> {
        self.user(id).ok_or(ChangeError::UnknownUser(id))
    }

    /// An installation that nobody answers for could not be administered any more.
    fn not_the_last_owner(&self, owner: &User) -> Result<(), ChangeError> {
        match self.people().users.find(|user| user.id != owner.id && is_owner(user)) {
            Some(_) => Ok(()),
            None => Err(ChangeError::LastOwner(owner.login.clone())),
        }
    }
}

fn is_owner(user: &User) -> bool {
    user.enabled && user.role == Role::Owner
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Account, AccountId, AccountPatch, Aor, Change, Domain, UserPatch};

    fn directory() -> Directory {
        let directory = Directory::new();
        directory
            .apply(&Change::Tenant(TenantChange::Added(Tenant::new(TenantId(2), "Other"))))
            .expect("new");
        directory.apply(&Change::DomainAdded(Domain::new("one.test"))).expect("new");
        let domain = Domain { tenant: TenantId(2), ..Domain::new("two.test") };
        directory.apply(&Change::DomainAdded(domain)).expect("new");
        directory.apply(&added(1, "owner", Role::Owner)).expect("new");
        directory
    }

    fn added(id: u64, login: &str, role: Role) -> Change {
        Change::User(UserChange::Added(Box::new(User::new(UserId(id), login, role))))
    }

    fn changed(id: u64, patch: UserPatch) -> Change {
        Change::User(UserChange::Changed { id: UserId(id), patch })
    }

    #[test]
    fn a_user_is_found_by_the_login_of_now_and_of_nobody_else() {
        let directory = directory();
        assert_eq!(
            directory.apply(&added(2, "owner", Role::User)),
            Err(ChangeError::UserExists("owner".into()))
        );
        directory.apply(&added(2, "bob", Role::User)).expect("new");
        let login = |login: &str| UserPatch { login: Some(login.into()), ..UserPatch::default() };
        assert_eq!(
            directory.apply(&changed(2, login("owner"))),
            Err(ChangeError::UserExists("owner".into()))
        );
        directory.apply(&changed(2, login("robert"))).expect("free");
        assert!(directory.user_by_login("bob").is_none());
        assert_eq!(directory.user_by_login("robert").map(|user| user.id), Some(UserId(2)));
        let pages = [None, Some("owner")].map(|after| directory.users_page(None, after, 1));
        let logins = pages.map(|page| page.iter().map(|user| user.login.to_string()).collect::<Vec<_>>());
        assert_eq!(logins, [["owner"], ["robert"]]);
        directory.apply(&Change::User(UserChange::Removed(UserId(2)))).expect("there");
        assert_eq!((directory.users(), directory.user_by_login("robert").is_none()), (1, true));
    }

    #[test]
    fn the_last_owner_stays() {
        let directory = directory();
        let refused = Err(ChangeError::LastOwner("owner".into()));
        let demoted = UserPatch { role: Some(Role::Admin), ..UserPatch::default() };
        let disabled = UserPatch { enabled: Some(false), ..UserPatch::default() };
        let removed = Change::User(UserChange::Removed(UserId(1)));
        let all = [changed(1, demoted), changed(1, disabled), removed];
        all.iter().for_each(|change| assert_eq!(directory.apply(change), refused));
        directory.apply(&added(2, "second", Role::Owner)).expect("new");
        directory.apply(&all[1]).expect("another is there");
        assert_eq!(
            directory.apply(&Change::User(UserChange::Removed(UserId(2)))),
            Err(ChangeError::LastOwner("second".into())),
            "one who is disabled answers for nothing"
        );
    }

    #[test]
    fn an_account_belongs_to_a_user_of_its_tenant_who_stays_as_long_as_it_does() {
        let directory = directory();
        let mut user = User::new(UserId(2), "bob", Role::User);
        user.tenant = TenantId(2);
        directory.apply(&Change::User(UserChange::Added(Box::new(user)))).expect("new");
        let owned = |id, aor: &str, user| {
            let mut account = Account::new(AccountId(id), Aor::parse(aor).expect("valid"));
            account.user = Some(UserId(user));
            Change::AccountAdded(Box::new(account))
        };
        assert_eq!(
            directory.apply(&owned(1, "bob@one.test", 2)),
            Err(ChangeError::OtherTenant { user: "bob".into(), domain: "one.test".into() })
        );
        assert_eq!(directory.apply(&owned(1, "bob@two.test", 9)), Err(ChangeError::UnknownUser(UserId(9))));
        directory.apply(&owned(1, "bob@two.test", 2)).expect("of his tenant");
        let removed = Change::User(UserChange::Removed(UserId(2)));
        let aor = Aor::parse("bob@two.test").expect("valid");
        let refused = ChangeError::UserInUse { user: "bob".into(), account: aor.clone() };
        assert_eq!(directory.apply(&removed), Err(refused));
        let patch = AccountPatch { user: Some(None), ..AccountPatch::default() };
        directory.apply(&Change::AccountChanged { aor, patch }).expect("there");
        directory.apply(&removed).expect("nothing is his");
    }

    #[test]
    fn a_tenant_stays_as_long_as_something_is_in_it_and_the_first_always() {
        let directory = directory();
        let removed = |id| Change::Tenant(TenantChange::Removed(TenantId(id)));
        let in_use = |name: &str| Err(ChangeError::TenantInUse(name.into()));
        assert_eq!(directory.apply(&removed(1)), in_use("default"));
        assert_eq!(directory.apply(&removed(2)), in_use("Other"));
        assert_eq!(directory.apply(&removed(3)), Err(ChangeError::UnknownTenant(TenantId(3))));
        let again = Change::Tenant(TenantChange::Added(Tenant::new(TenantId(3), "OTHER")));
        assert_eq!(directory.apply(&again), Err(ChangeError::TenantExists("OTHER".into())));
        directory.apply(&Change::DomainRemoved("two.test".into())).expect("empty");
        directory.apply(&removed(2)).expect("empty");
        assert_eq!(directory.tenants().len(), 1);
    }

    #[test]
    fn a_domain_with_accounts_does_not_change_its_tenant() {
        let directory = directory();
        let account = Account::new(AccountId(1), Aor::parse("a@one.test").expect("valid"));
        let aor = account.aor.clone();
        directory.apply(&Change::AccountAdded(Box::new(account))).expect("new");
        let moved =
            |tenant| Change::DomainChanged(Domain { tenant: TenantId(tenant), ..Domain::new("one.test") });
        let refused = ChangeError::DomainInUse { domain: "one.test".into(), account: aor.clone() };
        assert_eq!(directory.apply(&moved(2)), Err(refused));
        assert_eq!(directory.apply(&moved(9)), Err(ChangeError::UnknownTenant(TenantId(9))));
        directory.apply(&Change::AccountRemoved(aor)).expect("there");
        directory.apply(&moved(2)).expect("empty");
    }
}
