//! Which steps of a plan would be refused: for their words alone ([`Request::wording`]), and as far as that hangs on what the plan
//! itself does: the last owner, what is still in use, what is not there. Pure. Whatever else a step is refused for (too many of
//! something) the door says when it comes.

use super::plan::{Found, Step};
use coeur_api::Request;
use coeur_directory::{Aor, ChangeError};
use std::collections::{BTreeMap, BTreeSet};

/// What there is while steps are done; names in small letters. A tenant is its number, or its name where it has none yet.
struct House {
    /// The first one, of whatever names none.
    tenant: String,
    /// By name.
    tenants: BTreeMap<String, String>,
    /// Of users.
    people: BTreeMap<String, Person>,
    tenants_of_domains: BTreeMap<String, String>,
    /// A group's name and its tenant, by its number, or by both where it has none yet.
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
            tenant: found.tenants.first().map(|view| view.id.clone()).unwrap_or_default(),
            tenants: found.tenants.iter().map(|view| (small(&view.name), view.id.clone())).collect(),
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
    fn done(&mut self, request: &Request) -> Option<String> {
        let wording = request.wording().err().map(|refusal| refusal.text);
        // Done here all the same: what hangs on it is not refused for it.
        let change = self.change(request);
        wording.or(change)
    }

    fn change(&mut self, request: &Request) -> Option<String> {
        match request {
            Request::TenantAdd { name } => {
                self.tenants.insert(small(name), small(name));
            }
            Request::GroupAdd { tenant, name } => {
                let Some(tenant) = self.tenant_named(tenant.as_deref()) else { return no_tenant(tenant) };
                self.groups.insert(format!("{tenant} {}", small(name)), (small(name), tenant));
            }
            Request::DomainAdd { domain, tenant } => {
                let Some(tenant) = self.tenant_named(tenant.as_deref()) else { return no_tenant(tenant) };
                self.tenants_of_domains.insert(small(domain), tenant);
            }
            Request::UserAdd { user } => {
                let Some(tenant) = self.tenant_named(user.tenant.as_deref()) else {
                    return no_tenant(&user.tenant);
                };
                let person = Person { tenant, is_enabled: true, ..Person::default() };
                self.people.insert(small(&user.login), person);
            }
            Request::UserChange { user, change } => {
                let login = small(user);
                let person = self.people.get(&login)?;
                let is_owner = change.role.as_ref().map_or(person.is_owner, |role| role == "owner");
                let is_enabled = change.enabled.unwrap_or(person.is_enabled);
                if !(is_owner && is_enabled) && self.is_last_owner(&login) {
                    return said(ChangeError::LastOwner(login.into()));
                }
                let person = self.people.get_mut(&login)?;
                (person.is_owner, person.is_enabled) = (is_owner, is_enabled);
            }
            Request::UserRemove { user } => {
                let (login, _) = self.people.iter().find(|(_, person)| person.id == *user)?;
                let login = login.clone();
                if self.is_last_owner(&login) {
                    return said(ChangeError::LastOwner(login.into()));
                }
                if let Some(account) = self.account(|owned| owned.user.as_ref() == Some(&login)) {
                    return said(ChangeError::UserInUse { user: login.into(), account });
                }
                self.people.remove(&login);
            }
            Request::AccountsAdd { accounts } => {
                for account in accounts {
                    let domain = small(account.account.rsplit_once('@')?.1);
                    if !self.tenants_of_domains.contains_key(&domain) {
                        return said(ChangeError::UnknownDomain(domain.into()));
                    }
                    self.accounts.insert(account.account.clone(), Owned::default());
                }
            }
            Request::AccountChange { account, change } => {
                let owned = self.accounts.get(account)?;
                let user = match &change.user {
                    Some(user) => Some(small(user)).filter(|user| user != "no"),
                    None => owned.user.clone(),
                };
                let groups = match &change.groups {
                    Some(groups) => groups.iter().map(|group| small(group)).collect(),
                    None => owned.groups.clone(),
                };
                let named =
                    (change.user.as_ref().and(user.as_deref()), change.groups.as_ref().map(|_| &groups));
                let why = self.not_for(account, named);
                let owned = self.accounts.get_mut(account)?;
                (owned.user, owned.groups) = (user, groups);
                return why;
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
                    return said(ChangeError::GroupInUse { group: name.into(), account });
                }
                self.groups.remove(group);
            }
            Request::DomainRemove { domain } => {
                let domain = small(domain);
                let is_of =
                    |address: &str| address.rsplit_once('@').is_some_and(|(_, of)| small(of) == domain);
                let address = self.accounts.keys().find(|address| is_of(address));
                if let Some(account) = address.and_then(|address| Aor::parse(address).ok()) {
                    return said(ChangeError::DomainInUse { domain: domain.into(), account });
                }
                let aliases = self
                    .accounts
                    .iter()
                    .flat_map(|(aor, owned)| owned.aliases.iter().map(move |one| (one, aor)));
                let alias = aliases
                    .filter(|(alias, _)| is_of(alias))
                    .find_map(|(alias, aor)| Some((Aor::parse(alias).ok()?, Aor::parse(aor).ok()?)));
                if let Some((alias, aor)) = alias {
                    return said(ChangeError::DomainHasAlias { alias, aor });
                }
                self.tenants_of_domains.remove(&domain);
            }
            Request::TenantRemove { tenant } => {
                let is_used = self.tenants_of_domains.values().any(|of| of == tenant)
                    || self.people.values().any(|person| person.tenant == *tenant)
                    || self.groups.values().any(|(_, of)| of == tenant);
                return is_used.then(|| ChangeError::TenantInUse(tenant.as_str().into()).to_string());
            }
            // Nothing that others of a plan hang on.
            _ => {}
        }
        None
    }

    /// Why an account cannot be this user's and in these groups.
    fn not_for(&self, account: &str, (user, groups): (Option<&str>, Option<&Vec<String>>)) -> Option<String> {
        let tenant = self.tenant_of(account)?;
        if let Some(login) = user {
            let of = |(known, person): &(&String, &Person)| *known == login || person.id == login;
            match self.people.iter().find(of) {
                None => return Some(format!("`{login}` is no user, here or in the file")),
                Some((_, person)) if person.tenant != *tenant => {
                    let domain = account.rsplit_once('@').map_or("", |(_, domain)| domain);
                    return said(ChangeError::OtherTenant { user: login.into(), domain: domain.into() });
                }
                Some(_) => {}
            }
        }
        let known: BTreeSet<&str> = self
            .groups
            .iter()
            .filter(|(_, (_, of))| of == tenant)
            .flat_map(|(id, (name, _))| [id.as_str(), name.as_str()])
            .collect();
        let unknown = groups?.iter().find(|group| !known.contains(group.as_str()))?;
        Some(format!("`{unknown}` is no group of this tenant, here or in the file"))
    }

    /// By its name or number; the first one without.
    fn tenant_named(&self, text: Option<&str>) -> Option<String> {
        let Some(text) = text else { return Some(self.tenant.clone()) };
        let by_number = || self.tenants.values().find(|id| *id == text);
        self.tenants.get(&small(text)).or_else(by_number).cloned()
    }

    fn is_last_owner(&self, login: &str) -> bool {
        let is_owner = |person: &Person| person.is_owner && person.is_enabled;
        let mut others = self.people.iter().filter(|(other, _)| *other != login);
        self.people.get(login).is_some_and(is_owner) && !others.any(|(_, person)| is_owner(person))
    }

    /// `None`: not known here.
    fn tenant_of(&self, aor: &str) -> Option<&String> {
        let domain = aor.rsplit_once('@').map(|(_, domain)| small(domain))?;
        self.tenants_of_domains.get(&domain)
    }

    fn account(&self, is_it: impl Fn(&Owned) -> bool) -> Option<Aor> {
        let (aor, _) = self.accounts.iter().find(|(_, owned)| is_it(owned))?;
        Aor::parse(aor).ok()
    }
}

fn no_tenant(named: &Option<String>) -> Option<String> {
    let named = named.as_deref().unwrap_or_default();
    Some(format!("`{named}` is no tenant, here or in the file"))
}

fn said(why: ChangeError) -> Option<String> {
    Some(why.to_string())
}

fn small(name: &str) -> String {
    name.to_lowercase()
}
