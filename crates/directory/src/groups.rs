//! Groups in the directory, and what account, groups and tenant say together.

use crate::account::Account;
use crate::aor::Aor;
use crate::change::ChangeError;
use crate::destination::{Destination, Numbering};
use crate::group::{GROUPS_MAX, GROUPS_PER_ACCOUNT_MAX, Group, GroupChange, GroupId};
use crate::table::Directory;
use crate::tenant::TenantId;
use crate::terms::{Source, Terms};
use std::sync::Arc;

impl Directory {
    pub fn group(&self, id: GroupId) -> Option<Arc<Group>> {
        self.people().groups.get(id)
    }

    /// By its name in a tenant, whatever its case.
    pub fn group_named(&self, tenant: TenantId, name: &str) -> Option<Arc<Group>> {
        let name = name.to_lowercase();
        self.people().groups.find(|group| group.tenant == tenant && group.name.to_lowercase() == name)
    }

    /// At most `limit` groups after `after`, in the order in which they were made.
    pub fn groups_page(
        &self,
        tenant: Option<TenantId>,
        after: Option<GroupId>,
        limit: usize,
    ) -> Vec<Arc<Group>> {
        self.people().groups.page(after, limit, |group| tenant.is_none_or(|tenant| tenant == group.tenant))
    }

    /// The tenant of an account is that of its domain.
    pub fn tenant_of(&self, account: &Account) -> TenantId {
        self.domain(account.aor.domain().as_bytes()).map_or(TenantId::FIRST, |domain| domain.tenant)
    }

    /// What is said of an account, and by whom: by the account itself, else by the first of its groups that says something, in
    /// the order of the account, else by its tenant.
    pub fn said<T>(&self, account: &Account, of: impl Fn(&Terms) -> Option<T>) -> Option<(T, Source)> {
        if let Some(said) = account.terms.as_deref().and_then(&of) {
            return Some((said, Source::Account));
        }
        for id in &account.groups {
            if let Some(said) = self.group(*id).and_then(|group| of(&group.terms)) {
                return Some((said, Source::Group(*id)));
            }
        }
        let tenant = self.tenant(self.tenant_of(account))?;
        of(&tenant.terms).map(|said| (said, Source::Tenant(tenant.id)))
    }

    /// What a number is for the tenant of an account.
    pub fn class_of(&self, account: &Account, number: &str) -> Destination {
        let tenant = self.tenant(self.tenant_of(account));
        tenant.map_or_else(|| Numbering::default().class(number), |tenant| tenant.numbering.class(number))
    }

    pub(crate) fn check_group(&self, change: &GroupChange) -> Result<(), ChangeError> {
        match change {
            GroupChange::Added(group) => {
                self.known_tenant(group.tenant)?;
                if self.people().groups.len() >= GROUPS_MAX {
                    return Err(ChangeError::TooManyGroups);
                }
                match self.group(group.id).is_some() || self.group_named(group.tenant, &group.name).is_some()
                {
                    true => Err(ChangeError::GroupExists(group.name.clone())),
                    false => Ok(()),
                }
            }
            GroupChange::Changed { id, patch } => {
                let group = self.known_group(*id)?;
                let Some(name) = &patch.name else { return Ok(()) };
                match self.group_named(group.tenant, name).is_some_and(|other| other.id != *id) {
                    true => Err(ChangeError::GroupExists(name.clone())),
                    false => Ok(()),
                }
            }
            GroupChange::Removed(id) => {
                let name = self.known_group(*id)?.name.clone();
                match self.accounts_of_group(*id).first() {
                    Some(account) => {
                        Err(ChangeError::GroupInUse { group: name, account: account.aor.clone() })
                    }
                    None => Ok(()),
                }
            }
        }
    }

    pub(crate) fn apply_group(&self, change: &GroupChange) {
        let groups = &self.people().groups;
        match change {
            GroupChange::Added(group) => groups.put(group.id, (**group).clone()),
            GroupChange::Changed { id, patch } => {
                let Some(old) = groups.get(*id) else { return };
                let mut group = (*old).clone();
                group.change(patch);
                groups.put(*id, group);
            }
            GroupChange::Removed(id) => drop(groups.remove(*id)),
        }
    }

    /// An account is in groups of its tenant, and in few.
    pub(crate) fn groups_fit(&self, aor: &Aor, groups: &[GroupId]) -> Result<(), ChangeError> {
        if groups.len() > GROUPS_PER_ACCOUNT_MAX {
            return Err(ChangeError::TooManyGroupsOf(aor.clone()));
        }
        let tenant = self.domain(aor.domain().as_bytes()).map(|domain| domain.tenant);
        groups.iter().try_for_each(|id| {
            let group = self.known_group(*id)?;
            match Some(group.tenant) == tenant {
                true => Ok(()),
                false => {
                    Err(ChangeError::OtherTenant { user: group.name.clone(), domain: aor.domain().into() })
                }
            }
        })
    }

    fn known_group(&self, id: GroupId) -> Result<Arc<Group>, ChangeError> {
        self.group(id).ok_or(ChangeError::UnknownGroup(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, AccountPatch, Change, Destinations, Domain, Tenant, TenantChange, TermsPatch};

    fn directory() -> Directory {
        let directory = Directory::new();
        directory.apply(&Change::DomainAdded(Domain::new("one.test"))).expect("new");
        for (id, name) in [(1, "sales"), (2, "staff")] {
            let group = Group::new(GroupId(id), TenantId::FIRST, name);
            directory.apply(&Change::Group(GroupChange::Added(Box::new(group)))).expect("new");
        }
        let account = Account::new(AccountId(1), aor());
        directory.apply(&Change::AccountAdded(Box::new(account))).expect("new");
        directory
    }

    fn aor() -> Aor {
        Aor::parse("alice@one.test").expect("valid")
    }

    fn account(directory: &Directory) -> Arc<Account> {
        directory.account_of(&aor()).expect("there")
    }

    fn patched(directory: &Directory, patch: AccountPatch) -> Result<(), ChangeError> {
        directory.apply(&Change::AccountChanged { aor: aor(), patch })
    }

    fn in_groups(ids: &[u64]) -> AccountPatch {
        let groups = ids.iter().map(|id| GroupId(*id)).collect();
        AccountPatch { groups: Some(groups), ..AccountPatch::default() }
    }

    fn sessions(max: u32) -> TermsPatch {
        TermsPatch { sessions_max: Some(Some(max)), ..TermsPatch::default() }
    }

    #[test]
    fn the_account_counts_before_its_groups_in_their_order_and_they_before_the_tenant() {
        let directory = directory();
        let said = || directory.said(&account(&directory), |terms| terms.sessions_max);
        assert_eq!(said(), None);
        let mut tenant = Tenant::first();
        tenant.terms.change(&sessions(9));
        directory.apply(&Change::Tenant(TenantChange::Changed(tenant))).expect("there");
        assert_eq!(said(), Some((9, Source::Tenant(TenantId::FIRST))));
        for (id, max) in [(1, 5), (2, 3)] {
            let patch = crate::GroupPatch { terms: sessions(max), ..crate::GroupPatch::default() };
            directory.apply(&Change::Group(GroupChange::Changed { id: GroupId(id), patch })).expect("there");
        }
        patched(&directory, in_groups(&[2, 1])).expect("of its tenant");
        assert_eq!(said(), Some((3, Source::Group(GroupId(2)))));
        patched(&directory, in_groups(&[1, 2])).expect("of its tenant");
        assert_eq!(said(), Some((5, Source::Group(GroupId(1)))));
        patched(&directory, AccountPatch { terms: sessions(1), ..AccountPatch::default() }).expect("there");
        assert_eq!(said(), Some((1, Source::Account)));
        let unsaid = TermsPatch { sessions_max: Some(None), ..TermsPatch::default() };
        patched(&directory, AccountPatch { terms: unsaid, ..AccountPatch::default() }).expect("there");
        assert_eq!(said(), Some((5, Source::Group(GroupId(1)))));
        assert!(account(&directory).terms.is_none(), "who says nothing keeps nothing");
    }

    #[test]
    fn a_group_stays_as_long_as_an_account_is_in_it_and_is_of_the_tenant_of_its_accounts() {
        let directory = directory();
        directory.apply(&Change::Tenant(TenantChange::Added(Tenant::new(TenantId(2), "two")))).expect("new");
        let other = Group::new(GroupId(3), TenantId(2), "sales");
        directory.apply(&Change::Group(GroupChange::Added(Box::new(other)))).expect("another tenant's name");
        assert_eq!(
            patched(&directory, in_groups(&[3])),
            Err(ChangeError::OtherTenant { user: "sales".into(), domain: "one.test".into() })
        );
        assert_eq!(patched(&directory, in_groups(&[4])), Err(ChangeError::UnknownGroup(GroupId(4))));
        assert!(matches!(patched(&directory, in_groups(&[1; 9])), Err(ChangeError::TooManyGroupsOf(_))));
        patched(&directory, in_groups(&[1])).expect("of its tenant");
        let removed = Change::Group(GroupChange::Removed(GroupId(1)));
        let refused = ChangeError::GroupInUse { group: "sales".into(), account: aor() };
        assert_eq!(directory.apply(&removed), Err(refused));
        patched(&directory, in_groups(&[])).expect("none");
        directory.apply(&removed).expect("nobody is in it");
        let again = Group::new(GroupId(5), TenantId::FIRST, "STAFF");
        let again = Change::Group(GroupChange::Added(Box::new(again)));
        assert_eq!(directory.apply(&again), Err(ChangeError::GroupExists("STAFF".into())));
        let tenant = Change::Tenant(TenantChange::Removed(TenantId(2)));
        assert_eq!(directory.apply(&tenant), Err(ChangeError::TenantInUse("two".into())));
    }

    #[test]
    fn a_number_is_what_the_tenant_of_the_account_says_it_is() {
        let directory = directory();
        assert_eq!(directory.class_of(&account(&directory), "+331"), Destination::International);
        let numbering = Numbering::parse("+33=national").expect("valid");
        let changed = Tenant { numbering, ..Tenant::first() };
        directory.apply(&Change::Tenant(TenantChange::Changed(changed))).expect("there");
        assert_eq!(directory.class_of(&account(&directory), "+331"), Destination::National);
        let destinations = Destinations::parse("national").expect("valid");
        assert!(destinations.ruling(Destination::National, Some("+331")).allowed);
    }
}
