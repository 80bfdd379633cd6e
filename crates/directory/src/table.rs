//! The table in memory.

use crate::account::{Account, AccountId};
use crate::aliases::Aliases;
use crate::aor::Aor;
use crate::change::{AccountPatch, Change, ChangeError};
use crate::contact::Wanted;
use crate::contacts::Contacts;
use crate::device::DEVICES_PER_ACCOUNT_MAX;
use crate::domain::Domain;
use crate::forwarding::{Forwarding, ForwardingPatch};
use crate::group::GroupId;
use crate::numbers::Numbers;
use crate::people::People;
use crate::tenant::TenantId;
use crate::terms::{Terms, TermsPatch};
use crate::user::UserId;
use arc_swap::ArcSwap;
use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::RwLock;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Stripes of the account table. A reader holds one for the time of a lookup.
const STRIPES: usize = 64;

pub struct Directory {
    /// Few: searched in order.
    domains: ArcSwap<Vec<Arc<Domain>>>,
    accounts: [RwLock<HashTable<Arc<Account>>>; STRIPES],
    /// The same accounts by number: 9 bytes for each, and as much again when the table has just grown.
    by_id: [RwLock<HashTable<Arc<Account>>>; STRIPES],
    people: People,
    aliases: Aliases,
    contacts: Contacts,
    numbers: Numbers,
    hasher: DefaultHashBuilder,
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Directory {
    pub fn new() -> Self {
        Self {
            domains: ArcSwap::default(),
            accounts: std::array::from_fn(|_| RwLock::default()),
            by_id: std::array::from_fn(|_| RwLock::default()),
            people: People::default(),
            aliases: Aliases::default(),
            contacts: Contacts::default(),
            numbers: Numbers::default(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The domain of this name, whatever its case.
    pub fn domain(&self, name: &[u8]) -> Option<Arc<Domain>> {
        let name = name.strip_suffix(b".").unwrap_or(name);
        self.domains.load().iter().find(|d| d.name.as_bytes().eq_ignore_ascii_case(name)).cloned()
    }

    pub fn is_ours(&self, name: &[u8]) -> bool {
        let name = name.strip_suffix(b".").unwrap_or(name);
        self.domains.load().iter().any(|d| d.name.as_bytes().eq_ignore_ascii_case(name))
    }

    pub fn domains(&self) -> Arc<Vec<Arc<Domain>>> {
        self.domains.load_full()
    }

    /// The account of this user (unescaped, case-sensitive) in this domain (any case). Allocates nothing.
    pub fn account(&self, user: &[u8], domain: &[u8]) -> Option<Arc<Account>> {
        let domain = domain.strip_suffix(b".").unwrap_or(domain);
        let hash = self.hash(user, domain);
        self.stripe(hash)
            .read()
            .find(hash, |a| {
                a.aor.user().as_bytes() == user && a.aor.domain().as_bytes().eq_ignore_ascii_case(domain)
            })
            .cloned()
    }

    pub fn account_of(&self, aor: &Aor) -> Option<Arc<Account>> {
        self.account(aor.user().as_bytes(), aor.domain().as_bytes())
    }

    /// The account of this number, whatever its address is now. Allocates nothing.
    pub fn account_by_id(&self, id: AccountId) -> Option<Arc<Account>> {
        let hash = self.hasher.hash_one(id);
        self.stripe_by_id(id).read().find(hash, |a| a.id == id).cloned()
    }

    /// The account and `true`; or for a name that does not exist some other account and `false`, always the same by a
    /// choice that nobody outside can foresee, so that neither the work nor the memory it touches says which it was. A
    /// stand-in's secrets prove nothing. `None` when there is no account at all. Allocates nothing.
    pub fn account_or_stand_in(&self, user: &[u8], domain: &[u8]) -> Option<(Arc<Account>, bool)> {
        let domain = domain.strip_suffix(b".").unwrap_or(domain);
        let hash = self.hash(user, domain);
        // A small directory leaves stripes empty: then it is somebody of the next.
        (0..STRIPES).find_map(|step| {
            let stripe = self.stripe(hash.wrapping_add((step as u64) << 40)).read();
            let same = |account: &Arc<Account>| {
                account.aor.user().as_bytes() == user
                    && account.aor.domain().as_bytes().eq_ignore_ascii_case(domain)
            };
            if let Some(account) = stripe.find(hash, same) {
                return Some((account.clone(), true));
            }
            let buckets = stripe.num_buckets();
            let mut places = (0..buckets).map(|at| (hash as usize + at) % buckets);
            let account = places.find_map(|place| stripe.get_bucket(place))?;
            std::hint::black_box(same(account));
            Some((account.clone(), false))
        })
    }

    pub fn accounts(&self) -> usize {
        self.accounts.iter().map(|s| s.read().len()).sum()
    }

    /// At most `limit` accounts after `after`, in the order of their addresses. Reads the whole table: for listings.
    pub fn page(&self, after: Option<&Aor>, limit: usize) -> Vec<Arc<Account>> {
        let mut page: Vec<Arc<Account>> = Vec::new();
        for stripe in &self.accounts {
            page.extend(stripe.read().iter().filter(|a| after.is_none_or(|after| a.aor > *after)).cloned());
        }
        page.sort_by(|a, b| a.aor.cmp(&b.aor));
        page.truncate(limit);
        page
    }

    /// Says whether a change could be applied now, without applying it.
    pub fn check(&self, change: &Change) -> Result<(), ChangeError> {
        match change {
            Change::DomainAdded(domain) if self.is_ours(domain.name.as_bytes()) => {
                Err(ChangeError::DomainExists(domain.name.clone()))
            }
            Change::DomainAdded(domain) if Aor::new("x", &domain.name).is_err() => {
                Err(ChangeError::BadDomain(domain.name.clone()))
            }
            Change::DomainAdded(domain) => self.known_tenant(domain.tenant).map(drop),
            Change::DomainChanged(domain) => {
                let old = self.domain_by_its_name(&domain.name)?;
                self.known_tenant(domain.tenant)?;
                if old.tenant == domain.tenant { Ok(()) } else { self.domain_is_empty(&domain.name) }
            }
            Change::DomainRemoved(name) => {
                self.domain_by_its_name(name)?;
                self.domain_is_empty(name)
            }
            Change::AccountAdded(account) => {
                self.known_domain(account.aor.domain())?;
                self.owner_fits(&account.aor, account.user)?;
                self.groups_fit(&account.aor, &account.groups)?;
                self.is_free(&account.aor)?;
                self.aliases_fit(&account.aor, &account.aliases)?;
                if self.account_by_id(account.id).is_some() {
                    return Err(ChangeError::IdInUse(account.id));
                }
                if account.devices.len() > DEVICES_PER_ACCOUNT_MAX {
                    return Err(ChangeError::TooManyDevices(account.aor.clone()));
                }
                Ok(())
            }
            Change::AccountChanged { aor, patch } => {
                self.known(aor)?;
                self.owner_fits(aor, patch.user.flatten())?;
                self.groups_fit(aor, patch.groups.as_deref().unwrap_or_default())
            }
            Change::AccountRemoved(aor) => self.known(aor).map(drop),
            Change::DeviceAdded { aor, .. } => {
                if self.known(aor)?.devices.len() >= DEVICES_PER_ACCOUNT_MAX {
                    return Err(ChangeError::TooManyDevices(aor.clone()));
                }
                Ok(())
            }
            Change::DeviceChanged { aor, device, .. }
            | Change::DeviceRevoked { aor, device }
            | Change::DeviceKeyed { aor, device, .. }
            | Change::DeviceProvedSha256 { aor, device } => match self.known(aor)?.device(*device) {
                Some(_) => Ok(()),
                None => Err(ChangeError::UnknownDevice { aor: aor.clone(), device: *device }),
            },
            Change::SettingChanged { .. } => Ok(()),
            Change::Tenant(change) => self.check_tenant(change),
            Change::User(change) => self.check_user(change),
            Change::Group(change) => self.check_group(change),
            Change::Alias(change) => self.check_alias(change),
            Change::Contact(change) => self.check_contact(change),
            Change::Number(change) => self.check_number(change),
        }
    }

    /// Applies a change that is committed. Refuses what `check` refuses and then changes nothing.
    pub fn apply(&self, change: &Change) -> Result<(), ChangeError> {
        self.check(change)?;
        match change {
            Change::DomainAdded(domain) | Change::DomainChanged(domain) => {
                self.domains.rcu(|old| {
                    let mut new: Vec<_> = old.iter().filter(|d| d.name != domain.name).cloned().collect();
                    new.push(Arc::new(domain.clone()));
                    new
                });
            }
            Change::DomainRemoved(name) => {
                self.domains.rcu(|old| old.iter().filter(|d| d.name != *name).cloned().collect::<Vec<_>>());
            }
            Change::AccountAdded(account) => {
                self.put(Arc::new((**account).clone()));
                account.aliases.iter().for_each(|alias| self.aliases.put(alias, &account.aor));
            }
            Change::AccountChanged { aor, patch } => self.replace(aor, |account| patched(account, patch))?,
            Change::AccountRemoved(aor) => {
                let hash = self.hash(aor.user().as_bytes(), aor.domain().as_bytes());
                let removed = match self.stripe(hash).write().find_entry(hash, |a| a.aor == *aor) {
                    Ok(entry) => Some(entry.remove().0),
                    Err(_) => None,
                };
                let Some(removed) = removed else { return Ok(()) };
                removed.aliases.iter().for_each(|alias| self.aliases.remove(alias));
                let (id, hash) = (removed.id, self.hasher.hash_one(removed.id));
                if let Ok(entry) = self.stripe_by_id(id).write().find_entry(hash, |a| a.id == id) {
                    entry.remove();
                }
            }
            Change::DeviceAdded { aor, device } => self.replace(aor, |account| {
                let mut devices = std::mem::take(&mut account.devices).into_vec();
                devices.push((**device).clone());
                account.devices = devices.into_boxed_slice();
            })?,
            Change::DeviceChanged { aor, device, dtmf } => self.replace(aor, |account| {
                let found = account.devices.iter_mut().find(|known| known.id == *device);
                found.into_iter().for_each(|found| found.dtmf = *dtmf);
            })?,
            Change::DeviceRevoked { aor, device } => self.replace(aor, |account| {
                let devices = std::mem::take(&mut account.devices).into_vec();
                account.devices = devices.into_iter().filter(|d| d.id != *device).collect();
            })?,
            Change::DeviceProvedSha256 { aor, device } => {
                if let Some(device) = self.known(aor)?.device(*device) {
                    device.prove_sha256();
                }
            }
            Change::DeviceKeyed { aor, device, ha1 } => self.replace(aor, |account| {
                let found = account.devices.iter_mut().find(|known| known.id == *device);
                found.into_iter().for_each(|found| found.rekey(ha1.clone()));
            })?,
            Change::SettingChanged { .. } => {}
            Change::Tenant(change) => self.apply_tenant(change),
            Change::User(change) => self.apply_user(change),
            Change::Group(change) => self.apply_group(change),
            Change::Alias(change) => self.apply_alias(change)?,
            Change::Contact(change) => self.apply_contact(change),
            Change::Number(change) => self.apply_number(change),
        }
        Ok(())
    }

    pub(crate) fn people(&self) -> &People {
        &self.people
    }

    pub(crate) fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    pub(crate) fn contacts(&self) -> &Contacts {
        &self.contacts
    }

    pub(crate) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// The accounts of a user, in no order. Reads the whole table: for listings.
    pub fn accounts_of_user(&self, user: UserId) -> Vec<Arc<Account>> {
        self.those(|account| account.user == Some(user))
    }

    /// The accounts of a tenant that somebody can call and whose name or address has what is wanted in it, in no order. Reads
    /// the whole table: for listings.
    pub fn accounts_of_tenant(&self, tenant: TenantId, wanted: Option<&Wanted>) -> Vec<Arc<Account>> {
        let domains = self.domains.load();
        let of_tenant: Vec<&str> =
            domains.iter().filter(|domain| domain.tenant == tenant).map(|domain| &*domain.name).collect();
        let is_wanted = |account: &Account| {
            wanted.is_none_or(|wanted| {
                wanted.is_in(&account.display_name)
                    || wanted.is_in(account.aor.as_str())
                    || account.aliases.iter().any(|alias| wanted.is_in(alias.as_str()))
            })
        };
        self.those(|account| {
            account.enabled && of_tenant.contains(&account.aor.domain()) && is_wanted(account)
        })
    }

    /// The accounts of a group, in no order. Reads the whole table: for listings.
    pub fn accounts_of_group(&self, group: GroupId) -> Vec<Arc<Account>> {
        self.those(|account| account.groups.contains(&group))
    }

    fn those(&self, wanted: impl Fn(&Account) -> bool) -> Vec<Arc<Account>> {
        let of_stripe = |stripe: &RwLock<HashTable<Arc<Account>>>| {
            stripe.read().iter().filter(|account| wanted(account)).cloned().collect::<Vec<_>>()
        };
        self.accounts.iter().flat_map(of_stripe).collect()
    }

    /// A user and an account of his are of one tenant.
    fn owner_fits(&self, aor: &Aor, user: Option<UserId>) -> Result<(), ChangeError> {
        let Some(user) = user.map(|user| self.known_user(user)).transpose()? else { return Ok(()) };
        match self.domain(aor.domain().as_bytes()).is_some_and(|domain| domain.tenant == user.tenant) {
            true => Ok(()),
            false => Err(ChangeError::OtherTenant { user: user.login.clone(), domain: aor.domain().into() }),
        }
    }

    fn domain_is_empty(&self, name: &str) -> Result<(), ChangeError> {
        let accounts = self.page(None, usize::MAX);
        if let Some(a) = accounts.iter().find(|a| a.aor.domain() == name) {
            return Err(ChangeError::DomainInUse { domain: name.into(), account: a.aor.clone() });
        }
        // A further address may be of another domain than its account.
        let of_domain = |a: &Arc<Account>| {
            a.aliases.iter().find(|alias| alias.domain() == name).map(|alias| (alias.clone(), a.aor.clone()))
        };
        match accounts.iter().find_map(of_domain) {
            Some((alias, aor)) => Err(ChangeError::DomainHasAlias { alias, aor }),
            None => Ok(()),
        }
    }

    fn known_domain(&self, name: &str) -> Result<(), ChangeError> {
        if self.is_ours(name.as_bytes()) { Ok(()) } else { Err(ChangeError::UnknownDomain(name.into())) }
    }

    /// Records go by the name as it is kept: another spelling of it would change nothing there, and be taken for done.
    fn domain_by_its_name(&self, name: &str) -> Result<Arc<Domain>, ChangeError> {
        let domains = self.domains.load();
        let found = domains.iter().find(|domain| *domain.name == *name).cloned();
        found.ok_or_else(|| ChangeError::UnknownDomain(name.into()))
    }

    pub(crate) fn known(&self, aor: &Aor) -> Result<Arc<Account>, ChangeError> {
        self.account_of(aor).ok_or_else(|| ChangeError::UnknownAccount(aor.clone()))
    }

    fn put(&self, account: Arc<Account>) {
        self.put_by_id(account.clone());
        let hash = self.hash(account.aor.user().as_bytes(), account.aor.domain().as_bytes());
        let mut stripe = self.stripe(hash).write();
        match stripe.find_mut(hash, |a| a.aor == account.aor) {
            Some(old) => *old = account,
            None => {
                stripe.insert_unique(hash, account, |a| {
                    self.hash(a.aor.user().as_bytes(), a.aor.domain().as_bytes())
                });
            }
        }
    }

    fn put_by_id(&self, account: Arc<Account>) {
        let hash = self.hasher.hash_one(account.id);
        let mut stripe = self.stripe_by_id(account.id).write();
        match stripe.find_mut(hash, |a| a.id == account.id) {
            Some(old) => *old = account,
            None => {
                stripe.insert_unique(hash, account, |a| self.hasher.hash_one(a.id));
            }
        }
    }

    pub(crate) fn replace(&self, aor: &Aor, change: impl FnOnce(&mut Account)) -> Result<(), ChangeError> {
        let mut account = (*self.known(aor)?).clone();
        change(&mut account);
        self.put(Arc::new(account));
        Ok(())
    }

    fn hash(&self, user: &[u8], domain: &[u8]) -> u64 {
        use std::hash::Hasher;
        let mut hasher = self.hasher.build_hasher();
        hasher.write(user);
        // The domain enters in lower case, in pieces, so that no copy of it is made.
        let mut piece = [0; 32];
        for chunk in domain.chunks(32) {
            let piece = &mut piece[..chunk.len()];
            piece.copy_from_slice(chunk);
            piece.make_ascii_lowercase();
            hasher.write(piece);
        }
        hasher.finish()
    }

    fn stripe(&self, hash: u64) -> &RwLock<HashTable<Arc<Account>>> {
        // The top bits choose the stripe; hashbrown uses the seven highest as tags and the low ones as the place.
        &self.accounts[(hash >> 40) as usize % STRIPES]
    }

    fn stripe_by_id(&self, id: AccountId) -> &RwLock<HashTable<Arc<Account>>> {
        &self.by_id[id.0 as usize % STRIPES]
    }
}

fn patched(account: &mut Account, patch: &AccountPatch) {
    if let Some(name) = &patch.display_name {
        account.display_name = name.clone();
    }
    if let Some(user) = patch.user {
        account.user = user;
    }
    if let Some(enabled) = patch.enabled {
        account.enabled = enabled;
    }
    if let Some(policy) = patch.policy {
        account.policy = policy;
    }
    if let Some(max) = patch.contacts_max {
        account.contacts_max = max;
    }
    if let Some(record) = patch.record {
        account.record = record;
    }
    if let Some(picked_up) = patch.picked_up {
        account.picked_up = picked_up;
    }
    if let Some(groups) = &patch.pickup_groups {
        account.pickup_groups = groups.clone();
    }
    if let Some(groups) = &patch.groups {
        account.groups.clone_from(groups);
    }
    if patch.terms != TermsPatch::default() {
        let mut terms = account.terms.take().map_or_else(Terms::default, |terms| *terms);
        terms.change(&patch.terms);
        account.terms = (terms != Terms::default()).then(|| Box::new(terms));
    }
    if patch.forwarding != ForwardingPatch::default() {
        let mut rules = account.forwarding.take().map_or_else(Forwarding::default, |rules| *rules);
        rules.change(&patch.forwarding);
        account.forwarding = (rules != Forwarding::default()).then(|| Box::new(rules));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, AlgorithmPolicy, Device, DeviceId, Dtmf, Ha1Set};

    fn directory() -> Directory {
        let directory = Directory::new();
        directory.apply(&Change::DomainAdded(Domain::new("Example.org"))).expect("new");
        directory.apply(&added(1, "alice")).expect("new");
        directory
    }

    fn added(id: u64, user: &str) -> Change {
        let aor = Aor::new(user, "example.org").expect("valid");
        Change::AccountAdded(Box::new(Account::new(AccountId(id), aor)))
    }

    fn device(id: u64) -> Box<Device> {
        let ha1 = Ha1Set::of_secret("alice", "example.org", "secret");
        Box::new(Device::new(DeviceId(id), "desk", ha1, AlgorithmPolicy::Auto, 0))
    }

    #[test]
    fn an_account_is_found_whatever_the_case_of_its_domain_but_not_of_its_user() {
        let directory = directory();
        assert!(directory.account(b"alice", b"EXAMPLE.ORG").is_some());
        assert!(directory.account(b"alice", b"example.org.").is_some());
        assert!(directory.account(b"Alice", b"example.org").is_none());
        assert!(directory.account(b"alice", b"example.com").is_none());
    }

    #[test]
    fn an_account_is_found_by_its_number_as_it_is_now_and_not_once_it_is_removed() {
        let directory = directory();
        let aor = Aor::parse("alice@example.org").expect("valid");
        directory.apply(&Change::DeviceAdded { aor: aor.clone(), device: device(7) }).expect("known");
        let found = directory.account_by_id(AccountId(1)).expect("known");
        assert!(found.aor == aor && found.device(DeviceId(7)).is_some());
        assert!(directory.account_by_id(AccountId(2)).is_none());
        directory.apply(&Change::AccountRemoved(aor)).expect("known");
        assert!(directory.account_by_id(AccountId(1)).is_none());
    }

    #[test]
    fn a_number_belongs_to_one_account() {
        let directory = directory();
        assert_eq!(directory.apply(&added(1, "bob")), Err(ChangeError::IdInUse(AccountId(1))));
        assert!(directory.account(b"bob", b"example.org").is_none());
    }

    #[test]
    fn a_name_that_does_not_exist_has_a_stand_in_and_always_the_same() {
        assert!(Directory::new().account_or_stand_in(b"nobody", b"example.org").is_none());
        let directory = directory();
        let find = |name: &str| {
            let found = directory.account_or_stand_in(name.as_bytes(), b"example.org");
            let (account, exists) = found.expect("there is an account");
            (account.aor.to_string(), exists)
        };
        assert_eq!(find("alice"), ("alice@example.org".to_owned(), true));
        for name in 0..1_000 {
            assert_eq!(find(&format!("nobody{name}")), ("alice@example.org".to_owned(), false));
        }
        for other in 0..50 {
            directory.apply(&added(10 + other, &format!("user{other}"))).expect("new");
            assert_eq!(find(&format!("user{other}")), (format!("user{other}@example.org"), true));
        }
        assert!((0..100).all(|_| find("nobody") == find("nobody")));
        let different: std::collections::BTreeSet<_> =
            (0..1_000).map(|name| find(&format!("nobody{name}"))).collect();
        assert!(different.len() > 25, "{} stand in", different.len());
    }

    #[test]
    fn a_change_that_cannot_be_says_why_and_changes_nothing() {
        let directory = directory();
        let aor = Aor::parse("alice@example.org").expect("valid");
        assert_eq!(directory.apply(&added(1, "alice")), Err(ChangeError::AccountExists(aor.clone())));
        let foreign = Aor::parse("bob@example.com").expect("valid");
        let change = Change::AccountAdded(Box::new(Account::new(AccountId(2), foreign)));
        assert_eq!(directory.apply(&change), Err(ChangeError::UnknownDomain("example.com".into())));
        let change = Change::DomainRemoved("example.org".into());
        assert!(matches!(directory.apply(&change), Err(ChangeError::DomainInUse { .. })));
        assert_eq!(directory.accounts(), 1);
    }

    #[test]
    fn a_domain_with_a_further_address_of_an_account_elsewhere_stays_and_says_of_which() {
        let directory = directory();
        directory.apply(&Change::DomainAdded(Domain::new("other.test"))).expect("new");
        let (aor, alias) =
            (Aor::parse("alice@example.org").expect("valid"), Aor::parse("al@other.test").expect("valid"));
        let change = |added: bool| {
            let (aor, alias) = (aor.clone(), alias.clone());
            Change::Alias(match added {
                true => crate::AliasChange::Added { aor, alias },
                false => crate::AliasChange::Removed { aor, alias },
            })
        };
        directory.apply(&change(true)).expect("free");
        let refused = directory.apply(&Change::DomainRemoved("other.test".into()));
        let expected = ChangeError::DomainHasAlias { alias: alias.clone(), aor: aor.clone() };
        assert_eq!(refused, Err(expected));
        directory.apply(&change(false)).expect("there");
        directory.apply(&Change::DomainRemoved("other.test".into())).expect("empty");
    }

    #[test]
    fn a_device_comes_and_goes_and_seventeen_are_too_many() {
        let directory = directory();
        let aor = Aor::parse("alice@example.org").expect("valid");
        for id in 0..16 {
            directory.apply(&Change::DeviceAdded { aor: aor.clone(), device: device(id) }).expect("room");
        }
        let change = Change::DeviceAdded { aor: aor.clone(), device: device(16) };
        assert_eq!(directory.apply(&change), Err(ChangeError::TooManyDevices(aor.clone())));
        directory.apply(&Change::DeviceRevoked { aor: aor.clone(), device: DeviceId(3) }).expect("known");
        let account = directory.account_of(&aor).expect("known");
        assert_eq!(account.devices.len(), 15);
        assert!(account.device(DeviceId(3)).is_none());
    }

    #[test]
    fn how_a_device_says_its_keys_is_changed_and_of_it_alone() {
        let directory = directory();
        let aor = Aor::parse("alice@example.org").expect("valid");
        for id in [1, 2] {
            directory.apply(&Change::DeviceAdded { aor: aor.clone(), device: device(id) }).expect("room");
        }
        let change =
            |id| Change::DeviceChanged { aor: aor.clone(), device: DeviceId(id), dtmf: Dtmf::Inband };
        directory.apply(&change(2)).expect("known");
        let account = directory.account_of(&aor).expect("there");
        let ways: Vec<Dtmf> = account.devices.iter().map(|device| device.dtmf).collect();
        assert_eq!(ways, [Dtmf::Auto, Dtmf::Inband]);
        let unknown = Err(ChangeError::UnknownDevice { aor: aor.clone(), device: DeviceId(3) });
        assert_eq!(directory.apply(&change(3)), unknown);
    }

    #[test]
    fn what_a_device_has_proved_outlives_other_changes() {
        let directory = directory();
        let aor = Aor::parse("alice@example.org").expect("valid");
        directory.apply(&Change::DeviceAdded { aor: aor.clone(), device: device(1) }).expect("room");
        let change = Change::DeviceProvedSha256 { aor: aor.clone(), device: DeviceId(1) };
        directory.apply(&change).expect("known");
        directory.apply(&Change::DeviceAdded { aor: aor.clone(), device: device(2) }).expect("room");
        let account = directory.account_of(&aor).expect("known");
        assert!(account.devices[0].proved_sha256());
        assert!(!account.devices[1].proved_sha256());
    }

    #[test]
    fn pages_follow_each_other_in_order() {
        let directory = directory();
        for i in 0..5 {
            directory.apply(&added(i + 2, &format!("u{i}"))).expect("new");
        }
        let first = directory.page(None, 3);
        let users: Vec<_> = first.iter().map(|a| a.aor.user().to_owned()).collect();
        assert_eq!(users, ["alice", "u0", "u1"]);
        let second = directory.page(Some(&first[2].aor), 10);
        assert_eq!(second.len(), 3);
    }
}
