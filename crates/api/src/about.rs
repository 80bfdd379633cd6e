//! Whom a change is about.

use crate::feed::About;
use coeur_directory::{
    AliasChange, Aor, Book, Change, ContactChange, Directory, GroupChange, NumberChange, TenantChange,
    TenantId, UserChange, UserId,
};

/// Of changes that are made, in one event: of one tenant, or of the installation.
pub(crate) fn about_all(directory: &Directory, changes: &[Change]) -> About {
    let mut tenants = changes.iter().map(|change| about(directory, change).tenant);
    let first = tenants.next().flatten();
    let is_one = tenants.all(|tenant| tenant == first);
    About { tenant: first.filter(|_| is_one), ..About::default() }
}

/// What was removed is known by what it was before.
pub(crate) fn known_of(after: About, before: Option<&About>) -> About {
    before.filter(|_| after.tenant.is_none()).copied().unwrap_or(after)
}

/// Of a change that is made: what was removed is known no more, but for the domain that it was in.
pub(crate) fn about(directory: &Directory, change: &Change) -> About {
    match change {
        Change::DomainAdded(domain) | Change::DomainChanged(domain) => of_tenant(Some(domain.tenant)),
        Change::DomainRemoved(_) | Change::SettingChanged { .. } => About::default(),
        Change::AccountAdded(account) => of_account(directory, &account.aor),
        Change::AccountChanged { aor, .. }
        | Change::AccountRemoved(aor)
        | Change::DeviceAdded { aor, .. }
        | Change::DeviceChanged { aor, .. }
        | Change::DeviceRevoked { aor, .. }
        | Change::DeviceProvedSha256 { aor, .. }
        | Change::DeviceKeyed { aor, .. }
        | Change::Alias(
            AliasChange::Added { aor, .. }
            | AliasChange::Removed { aor, .. }
            | AliasChange::Moved { aor, .. },
        ) => of_account(directory, aor),
        Change::Number(NumberChange::Added(numbers)) => of_tenant(numbers.first().map(|one| one.tenant)),
        Change::Number(NumberChange::Changed { id, .. } | NumberChange::Removed(id)) => {
            of_tenant(directory.number(*id).map(|number| number.tenant))
        }
        Change::Tenant(TenantChange::Added(tenant) | TenantChange::Changed(tenant)) => {
            of_tenant(Some(tenant.id))
        }
        Change::Tenant(TenantChange::Removed(id)) => of_tenant(Some(*id)),
        Change::User(UserChange::Added(user)) => of_user(Some(user.tenant), user.id),
        Change::User(UserChange::Changed { id, .. } | UserChange::Removed(id)) => {
            of_user(directory.user(*id).map(|user| user.tenant), *id)
        }
        Change::Group(GroupChange::Added(group)) => of_tenant(Some(group.tenant)),
        Change::Group(GroupChange::Changed { id, .. } | GroupChange::Removed(id)) => {
            of_tenant(directory.group(*id).map(|group| group.tenant))
        }
        Change::Contact(ContactChange::Added(contact)) => of_book(Some(contact.book)),
        Change::Contact(ContactChange::Imported(contacts)) => {
            of_book(contacts.first().map(|contact| contact.book))
        }
        Change::Contact(ContactChange::Changed { id, .. } | ContactChange::Removed(id)) => {
            of_book(directory.contact(*id).map(|contact| contact.book))
        }
    }
}

fn of_tenant(tenant: Option<TenantId>) -> About {
    About { tenant, ..About::default() }
}

fn of_book(book: Option<Book>) -> About {
    About { tenant: book.map(|book| book.tenant), users: [book.and_then(|book| book.owner), None] }
}

fn of_user(tenant: Option<TenantId>, user: UserId) -> About {
    About { tenant, users: [Some(user), None] }
}

pub(crate) fn of_account(directory: &Directory, aor: &Aor) -> About {
    let tenant = directory.domain(aor.domain().as_bytes()).map(|domain| domain.tenant);
    let user = directory.account_of(aor).and_then(|account| account.user);
    About { tenant, users: [user, None] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_directory::{Domain, Tenant};

    #[test]
    fn a_change_is_about_the_tenant_of_its_domain_and_many_changes_about_one_only_if_all_are() {
        let directory = Directory::new();
        let second = Tenant::new(TenantId(2), "second");
        let make = |change: Change| directory.apply(&change).map(|()| change).unwrap();
        make(Change::Tenant(TenantChange::Added(second)));
        let first = make(Change::DomainAdded(Domain::new("d")));
        make(Change::DomainAdded(Domain { tenant: TenantId(2), ..Domain::new("other") }));
        let removed = |aor: &str| Change::AccountRemoved(Aor::parse(aor).unwrap());
        assert_eq!(about(&directory, &first).tenant, Some(TenantId::FIRST));
        assert_eq!(about(&directory, &removed("a@other")).tenant, Some(TenantId(2)));
        let all = |changes: &[Change]| about_all(&directory, changes).tenant;
        assert_eq!(all(&[removed("a@other"), removed("b@other")]), Some(TenantId(2)));
        assert_eq!(all(&[removed("a@other"), removed("a@d")]), None);
    }
}
