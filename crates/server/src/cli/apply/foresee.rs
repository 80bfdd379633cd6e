//! Which steps of a plan would be refused, as far as that hangs on what the plan itself does: the last owner, what is still in
//! use, what is not there. Pure. Whatever else a step is refused for (a number that is too high) the door says when it comes.

use super::plan::{Found, Step};
use coeur_api::Request;
use coeur_directory::{Aor, ChangeError};
use std::collections::BTreeMap;

/// What there is while steps are done; logins, domains and groups in small letters.
struct House {
    /// Of users.
    people: BTreeMap<String, Person>,
    tenants_of_domains: BTreeMap<String, String>,
    /// A group's name and its tenant's number, by its own.
    groups: BTreeMap<String, (String, String)>,
    accounts: BTreeMap<String, Owned>,
}

#[derive(Default)]
struct Person {
    id: String,
    tenant: String,
    is_owner: bool,
    is_enabled: bool,
}

#[derive(Default)]
struct Owned {
    /// A login.
    user: Option<String>,
    groups: Vec<String>,
    aliases: Vec<String>,
}

/// Why, with the step before each.
pub fn refused(steps: &[Step], found: &Found) -> Vec<String> {
    let mut house = House::of(found);
    let mut refused = Vec::new();
    for step in steps {
        for why in step.requests.iter().filter_map(|request| house.done(request)) {
            refused.push(format!("{} {} {}: {why}", step.sign.mark(), step.kind, step.name));
        }
    }
    refused
}

impl House {
    fn of(found: &Found) -> Self {
        let person = |view: &coeur_api::UserView| Person {
            id: view.id.clone(),
            tenant: view.tenant.clone(),
            is_owner: view.role == "owner",
            is_enabled: view.enabled,
        };
        let login =
            |id: &String| found.users.iter().find(|user| user.id == *id).map(|user| small(&user.login));
        let owned = |view: &coeur_api::AccountView| Owned {
            user: view.user.as_ref().and_then(login),
            groups: view.groups.iter().map(|group| small(group)).collect(),
            aliases: view.aliases.clone(),
        };
        let group = |view: &coeur_api::GroupView| (view.id.clone(), (small(&view.name), view.tenant.clone()));
        Self {
            people: found.users.iter().map(|view| (small(&view.login), person(view))).collect(),
            tenants_of_domains: found
                .domains
                .iter()
                .map(|view| (small(&view.domain), view.tenant.clone()))
                .collect(),
            groups: found.groups.iter().map(group).collect(),
            accounts: found.accounts.iter().map(|view| (view.account.clone(), owned(view))).collect(),
        }
    }

    /// Does it here, or says why it will be refused.
    fn done(&mut self, request: &Request) -> Option<ChangeError> {
        match request {
            Request::DomainAdd { domain, tenant } => {
                self.tenants_of_domains.insert(small(domain), tenant.clone().unwrap_or_default());
            }
            Request::UserAdd { user } => {
                let tenant = user.tenant.clone().unwrap_or_default();
                let person = Person { tenant, is_enabled: true, ..Person::default() };
                self.people.insert(small(&user.login), person);
            }
            Request::UserChange { user, change } => {
                let login = small(user);
                let person = self.people.get(&login)?;
                let is_owner = change.role.as_ref().map_or(person.is_owner, |role| role == "owner");
                let is_enabled = change.enabled.unwrap_or(person.is_enabled);
                if !(is_owner && is_enabled) && self.is_last_owner(&login) {
                    return Some(ChangeError::LastOwner(login.into()));
                }
                let person = self.people.get_mut(&login)?;
                (person.is_owner, person.is_enabled) = (is_owner, is_enabled);
            }
            Request::UserRemove { user } => {
                let (login, _) = self.people.iter().find(|(_, person)| person.id == *user)?;
                let login = login.clone();
                if self.is_last_owner(&login) {
                    return Some(ChangeError::LastOwner(login.into()));
                }
                if let Some(account) = self.account(|owned| owned.user.as_ref() == Some(&login)) {
                    return Some(ChangeError::UserInUse { user: login.into(), account });
                }
                self.people.remove(&login);
            }
            Request::AccountsAdd { accounts } => {
                for account in accounts {
                    let domain = small(account.account.rsplit_once('@')?.1);
                    if !self.tenants_of_domains.contains_key(&domain) {
                        return Some(ChangeError::UnknownDomain(domain.into()));
                    }
                    self.accounts.insert(account.account.clone(), Owned::default());
                }
            }
            Request::AccountChange { account, change } => {
                let owned = self.accounts.get_mut(account)?;
                if let Some(user) = &change.user {
                    owned.user = Some(small(user)).filter(|user| user != "no");
                }
                if let Some(groups) = &change.groups {
                    owned.groups = groups.iter().map(|group| small(group)).collect();
                }
            }
            Request::AliasAdd { account, alias } => {
                self.accounts.get_mut(account)?.aliases.push(alias.clone());
            }
            Request::AliasRemove { account, alias } => {
                self.accounts.get_mut(account)?.aliases.retain(|known| known != alias);
            }
            Request::AccountRemove { account } => {
                self.accounts.remove(account);
            }
            Request::GroupRemove { group } => {
                let (name, tenant) = self.groups.get(group)?.clone();
                let is_in = |(aor, owned): &(&String, &Owned)| {
                    owned.groups.contains(&name) && self.tenant_of(aor).is_none_or(|of| *of == tenant)
                };
                let account = self.accounts.iter().find(is_in).and_then(|(aor, _)| Aor::parse(aor).ok());
                if let Some(account) = account {
                    return Some(ChangeError::GroupInUse { group: name.into(), account });
                }
                self.groups.remove(group);
            }
            Request::DomainRemove { domain } => {
                let domain = small(domain);
                let is_of =
                    |address: &str| address.rsplit_once('@').is_some_and(|(_, of)| small(of) == domain);
                let address = self.accounts.keys().find(|address| is_of(address));
                if let Some(account) = address.and_then(|address| Aor::parse(address).ok()) {
                    return Some(ChangeError::DomainInUse { domain: domain.into(), account });
                }
                let aliases = self
                    .accounts
                    .iter()
                    .flat_map(|(aor, owned)| owned.aliases.iter().map(move |one| (one, aor)));
                let alias = aliases
                    .filter(|(alias, _)| is_of(alias))
                    .find_map(|(alias, aor)| Some((Aor::parse(alias).ok()?, Aor::parse(aor).ok()?)));
                if let Some((alias, aor)) = alias {
                    return Some(ChangeError::DomainHasAlias { alias, aor });
                }
                self.tenants_of_domains.remove(&domain);
            }
            Request::TenantRemove { tenant } => {
                let is_used = self.tenants_of_domains.values().any(|of| of == tenant)
                    || self.people.values().any(|person| person.tenant == *tenant)
                    || self.groups.values().any(|(_, of)| of == tenant);
                return is_used.then(|| ChangeError::TenantInUse(tenant.as_str().into()));
            }
            // Nothing that others of a plan hang on.
            _ => {}
        }
        None
    }

    fn is_last_owner(&self, login: &str) -> bool {
        let is_owner = |person: &Person| person.is_owner && person.is_enabled;
        let mut others = self.people.iter().filter(|(other, _)| *other != login);
        self.people.get(login).is_some_and(is_owner) && !others.any(|(_, person)| is_owner(person))
    }

    /// `None`: not known here.
    fn tenant_of(&self, aor: &str) -> Option<&String> {
        let domain = aor.rsplit_once('@').map(|(_, domain)| small(domain))?;
        self.tenants_of_domains.get(&domain).filter(|tenant| !tenant.is_empty())
    }

    fn account(&self, is_it: impl Fn(&Owned) -> bool) -> Option<Aor> {
        let (aor, _) = self.accounts.iter().find(|(_, owned)| is_it(owned))?;
        Aor::parse(aor).ok()
    }
}

fn small(name: &str) -> String {
    name.to_ascii_lowercase()
}
