//! The inventory of numbers in the directory, in the order of their digits, and which account has each.

use crate::account::Account;
use crate::aor::Aor;
use crate::change::ChangeError;
use crate::contact::Wanted;
use crate::number::{E164, NUMBERS_MAX, Number, NumberChange, NumberId, TENANT_NUMBERS_MAX};
use crate::table::Directory;
use crate::tenant::TenantId;
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

#[derive(Default)]
pub(crate) struct Numbers(RwLock<Inventory>);

#[derive(Default)]
struct Inventory {
    by_id: BTreeMap<NumberId, Arc<Number>>,
    by_e164: BTreeMap<E164, Arc<Number>>,
}

/// Who has a number: the account, and the address of it that the number is.
#[derive(Clone)]
pub struct Holder {
    pub account: Arc<Account>,
    pub address: Aor,
}

impl Holder {
    /// It is no further address, that could be taken away.
    pub fn is_main(&self) -> bool {
        self.account.aor == self.address
    }
}

/// A row of the inventory, or a number that an account has and the inventory has not.
#[derive(Clone)]
pub struct HeldNumber {
    pub e164: E164,
    pub tenant: TenantId,
    /// `None`: it is not in the inventory.
    pub number: Option<Arc<Number>>,
    pub holder: Option<Holder>,
}

/// Which numbers of a list are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NumberState {
    /// All of the inventory.
    #[default]
    Any,
    /// No account has it.
    Free,
    Assigned,
    /// An account has it, and it is not in the inventory.
    Unlisted,
}

impl NumberState {
    pub const ALL: [Self; 4] = [Self::Any, Self::Free, Self::Assigned, Self::Unlisted];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Free => "free",
            Self::Assigned => "assigned",
            Self::Unlisted => "unlisted",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl Inventory {
    fn put(&mut self, number: Number) {
        let number = Arc::new(number);
        self.by_e164.insert(number.e164.clone(), number.clone());
        self.by_id.insert(number.id, number);
    }

    fn remove(&mut self, id: NumberId) {
        if let Some(old) = self.by_id.remove(&id) {
            self.by_e164.remove(&old.e164);
        }
    }
}

impl Numbers {
    pub(crate) fn remove_of_tenant(&self, tenant: TenantId) {
        let mut inventory = self.0.write();
        inventory.by_id.retain(|_, number| number.tenant != tenant);
        inventory.by_e164.retain(|_, number| number.tenant != tenant);
    }
}

impl Directory {
    pub fn number(&self, id: NumberId) -> Option<Arc<Number>> {
        self.numbers().0.read().by_id.get(&id).cloned()
    }

    pub fn number_of(&self, e164: &E164) -> Option<Arc<Number>> {
        self.numbers().0.read().by_e164.get(e164).cloned()
    }

    /// Of a tenant, or of the installation.
    pub fn numbers_count(&self, tenant: Option<TenantId>) -> usize {
        let inventory = self.numbers().0.read();
        match tenant {
            Some(tenant) => inventory.by_id.values().filter(|number| number.tenant == tenant).count(),
            None => inventory.by_id.len(),
        }
    }

    /// The account of this tenant that has this number, in the first of its domains where one has. Asks each of its domains.
    pub fn holder(&self, tenant: TenantId, e164: &E164) -> Option<Holder> {
        let user = e164.as_str().as_bytes();
        let of_domain = |domain: &str| {
            let account = self
                .account(user, domain.as_bytes())
                .or_else(|| self.account_by_alias(user, domain.as_bytes()))?;
            Some(Holder { account, address: Aor::new(e164.as_str(), domain).ok()? })
        };
        self.names_of_domains(tenant).iter().find_map(|domain| of_domain(domain))
    }

    /// The first number of the inventory of a tenant, in the order of digits, that no account has.
    pub fn free_number(&self, tenant: TenantId) -> Option<Arc<Number>> {
        self.of_inventory(Some(tenant), None).find(|number| self.holder(tenant, &number.e164).is_none())
    }

    /// At most `limit` numbers behind `after`, in the order of their digits. With something wanted it reads as many as it
    /// takes; those that are not in the inventory are looked for in the whole table of accounts.
    pub fn numbers_page(
        &self,
        tenant: Option<TenantId>,
        state: NumberState,
        wanted: Option<&Wanted>,
        after: Option<&E164>,
        limit: usize,
    ) -> Vec<HeldNumber> {
        let is_wanted = |row: &HeldNumber| {
            let fits = match state {
                NumberState::Any | NumberState::Unlisted => true,
                NumberState::Free => row.holder.is_none(),
                NumberState::Assigned => row.holder.is_some(),
            };
            fits && wanted.is_none_or(|wanted| row.has(wanted))
        };
        if state == NumberState::Unlisted {
            return self.unlisted(tenant, after).into_iter().filter(is_wanted).take(limit).collect();
        }
        let held = |number: Arc<Number>| HeldNumber {
            e164: number.e164.clone(),
            tenant: number.tenant,
            holder: self.holder(number.tenant, &number.e164),
            number: Some(number),
        };
        self.of_inventory(tenant, after).map(held).filter(is_wanted).take(limit).collect()
    }

    /// One after the other, so that no lock is held over what is done with each.
    fn of_inventory(
        &self,
        tenant: Option<TenantId>,
        after: Option<&E164>,
    ) -> impl Iterator<Item = Arc<Number>> {
        let mut last = after.cloned();
        std::iter::from_fn(move || {
            let inventory = self.numbers().0.read();
            let from = last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut behind = inventory.by_e164.range::<E164, _>((from, Bound::Unbounded));
            let (_, next) = behind.find(|(_, number)| tenant.is_none_or(|of| number.tenant == of))?;
            last = Some(next.e164.clone());
            Some(next.clone())
        })
    }

    fn unlisted(&self, tenant: Option<TenantId>, after: Option<&E164>) -> Vec<HeldNumber> {
        let mut found: BTreeMap<(E164, TenantId), Holder> = BTreeMap::new();
        for account in self.page(None, usize::MAX) {
            for address in std::iter::once(&account.aor).chain(&account.aliases) {
                let Some(e164) = E164::parse(address.user()) else { continue };
                let Some(domain) = self.domain(address.domain().as_bytes()) else { continue };
                let is_listed = self.number_of(&e164).is_some_and(|number| number.tenant == domain.tenant);
                let is_behind = after.is_none_or(|after| e164 > *after);
                if is_behind && !is_listed && tenant.is_none_or(|tenant| tenant == domain.tenant) {
                    let holder = Holder { account: account.clone(), address: address.clone() };
                    found.entry((e164, domain.tenant)).or_insert(holder);
                }
            }
        }
        let row = |((e164, tenant), holder)| HeldNumber { e164, tenant, number: None, holder: Some(holder) };
        found.into_iter().map(row).collect()
    }

    fn names_of_domains(&self, tenant: TenantId) -> Vec<Box<str>> {
        let domains = self.domains();
        domains.iter().filter(|domain| domain.tenant == tenant).map(|domain| domain.name.clone()).collect()
    }

    pub(crate) fn check_number(&self, change: &NumberChange) -> Result<(), ChangeError> {
        match change {
            NumberChange::Added(numbers) => self.numbers_fit(numbers),
            NumberChange::Changed { id, patch } => {
                let mut number = (*self.known_number(*id)?).clone();
                number.change(patch);
                if number.is_fit() { Ok(()) } else { Err(ChangeError::BadNumberText(number.e164)) }
            }
            NumberChange::Removed(id) => {
                let number = self.known_number(*id)?;
                match self.holder(number.tenant, &number.e164) {
                    Some(holder) => Err(ChangeError::NumberInUse {
                        number: number.e164.clone(),
                        account: holder.account.aor.clone(),
                    }),
                    None => Ok(()),
                }
            }
        }
    }

    pub(crate) fn apply_number(&self, change: &NumberChange) {
        let mut inventory = self.numbers().0.write();
        match change {
            NumberChange::Added(numbers) => numbers.iter().cloned().for_each(|one| inventory.put(one)),
            NumberChange::Changed { id, patch } => {
                let Some(old) = inventory.by_id.get(id) else { return };
                let mut number = (**old).clone();
                number.change(patch);
                inventory.put(number);
            }
            NumberChange::Removed(id) => inventory.remove(*id),
        }
    }

    fn numbers_fit(&self, numbers: &[Number]) -> Result<(), ChangeError> {
        let (mut seen, mut ids, mut more) =
            (BTreeSet::new(), BTreeSet::new(), BTreeMap::<TenantId, usize>::new());
        for number in numbers {
            if self.number_of(&number.e164).is_some() || !seen.insert(&number.e164) {
                return Err(ChangeError::NumberExists(number.e164.clone()));
            }
            if self.number(number.id).is_some() || !ids.insert(number.id) {
                return Err(ChangeError::NumberExists(number.e164.clone()));
            }
            if !number.is_fit() {
                return Err(ChangeError::BadNumberText(number.e164.clone()));
            }
            *more.entry(number.tenant).or_default() += 1;
        }
        for (tenant, more) in more {
            self.known_tenant(tenant)?;
            if self.numbers_count(Some(tenant)) + more > TENANT_NUMBERS_MAX {
                return Err(ChangeError::TooManyNumbers { most: TENANT_NUMBERS_MAX });
            }
        }
        match self.numbers_count(None) + numbers.len() > NUMBERS_MAX {
            true => Err(ChangeError::TooManyNumbers { most: NUMBERS_MAX }),
            false => Ok(()),
        }
    }

    fn known_number(&self, id: NumberId) -> Result<Arc<Number>, ChangeError> {
        self.number(id).ok_or(ChangeError::UnknownNumber(id))
    }
}

impl HeldNumber {
    fn has(&self, wanted: &Wanted) -> bool {
        let in_account = |holder: &Holder| {
            wanted.is_in(holder.account.aor.as_str()) || wanted.is_in(&holder.account.display_name)
        };
        wanted.is_in(self.e164.as_str())
            || self
                .number
                .as_deref()
                .is_some_and(|number| wanted.is_in(&number.note) || wanted.is_in(&number.emergency_address))
            || self.holder.as_ref().is_some_and(in_account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AccountId, AliasChange, Change, Domain, NUMBER_TEXT_CHARS_MAX, NumberPatch, Tenant, TenantChange,
    };

    const HERE: TenantId = TenantId::FIRST;
    const ELSEWHERE: TenantId = TenantId(2);

    fn aor(text: &str) -> Aor {
        Aor::parse(text).expect("valid")
    }

    fn e164(text: &str) -> E164 {
        E164::parse(text).expect("a number")
    }

    /// Two domains of the first tenant, one of another, and who is there.
    fn directory() -> Directory {
        let directory = Directory::new();
        let other = Domain { tenant: ELSEWHERE, ..Domain::new("other.test") };
        let account = |id, text: &str| Change::AccountAdded(Box::new(Account::new(AccountId(id), aor(text))));
        for change in [
            Change::Tenant(TenantChange::Added(Tenant::new(ELSEWHERE, "two"))),
            Change::DomainAdded(Domain::new("a.test")),
            Change::DomainAdded(Domain::new("b.test")),
            Change::DomainAdded(other),
            account(1, "alice@a.test"),
            account(2, "bob@b.test"),
            account(3, "+33105@a.test"),
            account(4, "eve@other.test"),
        ] {
            directory.apply(&change).expect("new");
        }
        directory
    }

    fn add(directory: &Directory, tenant: TenantId, first: &str, last: &str) -> Result<(), ChangeError> {
        let ids = (1..).filter(|id| directory.number(NumberId(*id)).is_none());
        let range = e164(first).range(&e164(last)).expect("a range");
        let number = |(id, e164)| Number {
            id: NumberId(id),
            tenant,
            e164,
            emergency_address: "".into(),
            note: "".into(),
            created_at_ms: 0,
        };
        let numbers = ids.zip(range).map(number).collect();
        directory.apply(&Change::Number(NumberChange::Added(numbers)))
    }

    fn alias(directory: &Directory, account: &str, alias: &str) {
        let change = AliasChange::Added { aor: aor(account), alias: aor(alias) };
        directory.apply(&Change::Alias(change)).expect("free");
    }

    fn page(directory: &Directory, tenant: Option<TenantId>, state: NumberState) -> Vec<String> {
        let rows = directory.numbers_page(tenant, state, None, None, usize::MAX);
        rows.iter().map(|row| row.e164.to_string()).collect()
    }

    #[test]
    fn a_number_is_assigned_while_an_account_of_its_tenant_has_it_by_whatever_domain() {
        let directory = directory();
        add(&directory, HERE, "+33100", "+33105").expect("new");
        add(&directory, ELSEWHERE, "+33200", "+33201").expect("new");
        alias(&directory, "alice@a.test", "+33101@a.test");
        alias(&directory, "alice@a.test", "+33102@b.test");
        alias(&directory, "eve@other.test", "+33103@other.test");
        let all = ["+33100", "+33101", "+33102", "+33103", "+33104", "+33105"];
        assert_eq!(page(&directory, Some(HERE), NumberState::Any), all);
        assert_eq!(page(&directory, Some(HERE), NumberState::Assigned), ["+33101", "+33102", "+33105"]);
        assert_eq!(
            page(&directory, None, NumberState::Free),
            ["+33100", "+33103", "+33104", "+33200", "+33201"]
        );
        // Of another tenant it is nobody's here, and not in that tenant's inventory.
        assert_eq!(page(&directory, Some(HERE), NumberState::Unlisted), Vec::<String>::new());
        assert_eq!(page(&directory, None, NumberState::Unlisted), ["+33103"]);
        let holder = directory.holder(HERE, &e164("+33102")).expect("assigned");
        assert!(holder.account.aor == aor("alice@a.test") && !holder.is_main());
        assert!(directory.holder(HERE, &e164("+33105")).expect("assigned").is_main());
        assert_eq!(directory.free_number(HERE).map(|number| number.e164.clone()), Some(e164("+33100")));
        let removed = directory.apply(&Change::AccountRemoved(aor("alice@a.test")));
        removed.expect("there");
        assert_eq!(page(&directory, Some(HERE), NumberState::Assigned), ["+33105"]);
    }

    #[test]
    fn pages_follow_each_other_and_what_is_wanted_is_found_in_note_address_and_account() {
        let directory = directory();
        add(&directory, HERE, "+33100", "+33104").expect("new");
        add(&directory, ELSEWHERE, "+33050", "+33050").expect("new");
        alias(&directory, "bob@b.test", "+33104@b.test");
        let patch = NumberPatch { note: Some("Ported from Télécom".into()), ..NumberPatch::default() };
        let changed = Change::Number(NumberChange::Changed { id: NumberId(2), patch });
        directory.apply(&changed).expect("there");
        let first = directory.numbers_page(Some(HERE), NumberState::Any, None, None, 2);
        let rest = directory.numbers_page(Some(HERE), NumberState::Any, None, Some(&first[1].e164), 9);
        assert_eq!((first.len(), rest.len(), rest[0].e164.as_str()), (2, 3, "+33102"));
        let found = |text: &str| {
            let wanted = Wanted::new(text);
            let rows = directory.numbers_page(None, NumberState::Any, wanted.as_ref(), None, 9);
            rows.iter().map(|row| row.e164.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("télécom"), ["+33101"]);
        assert_eq!(found("bob@"), ["+33104"]);
        assert_eq!(found("33 10 3"), ["+33103"]);
    }

    #[test]
    fn a_number_is_there_once_and_stays_while_somebody_has_it() {
        let directory = directory();
        add(&directory, HERE, "+33100", "+33102").expect("new");
        assert_eq!(
            add(&directory, ELSEWHERE, "+33102", "+33103"),
            Err(ChangeError::NumberExists(e164("+33102")))
        );
        assert_eq!(directory.numbers_count(Some(ELSEWHERE)), 0, "all or none");
        alias(&directory, "alice@a.test", "+33101@a.test");
        let remove = |id| directory.apply(&Change::Number(NumberChange::Removed(NumberId(id))));
        let in_use = ChangeError::NumberInUse { number: e164("+33101"), account: aor("alice@a.test") };
        assert_eq!(remove(2), Err(in_use));
        remove(1).expect("free");
        assert_eq!(remove(1), Err(ChangeError::UnknownNumber(NumberId(1))));
        let text = |text: String| {
            let patch = NumberPatch { emergency_address: Some(text.into()), ..NumberPatch::default() };
            directory.apply(&Change::Number(NumberChange::Changed { id: NumberId(2), patch }))
        };
        text("é".repeat(NUMBER_TEXT_CHARS_MAX)).expect("fits");
        assert!(text("é".repeat(NUMBER_TEXT_CHARS_MAX + 1)).is_err() && text("a\u{202e}b".into()).is_err());
        let gone =
            [Change::AccountRemoved(aor("eve@other.test")), Change::DomainRemoved("other.test".into())];
        gone.iter().for_each(|change| directory.apply(change).expect("there"));
        add(&directory, ELSEWHERE, "+33200", "+33210").expect("new");
        directory.apply(&Change::Tenant(TenantChange::Removed(ELSEWHERE))).expect("empty");
        assert_eq!((directory.numbers_count(None), directory.number_of(&e164("+33200"))), (2, None));
    }

    #[test]
    fn a_number_is_moved_from_one_account_to_another_at_once() {
        let directory = directory();
        alias(&directory, "alice@a.test", "+33101@a.test");
        let moved = |from: &str, to: &str| {
            let change = AliasChange::Moved { from: aor(from), aor: aor(to), alias: aor("+33101@a.test") };
            directory.apply(&Change::Alias(change))
        };
        assert!(matches!(moved("bob@b.test", "alice@a.test"), Err(ChangeError::UnknownAlias { .. })));
        assert!(matches!(moved("alice@a.test", "eve@other.test"), Err(ChangeError::OtherTenant { .. })));
        moved("alice@a.test", "bob@b.test").expect("there");
        let holder = directory.account_by_alias(b"+33101", b"a.test").expect("assigned");
        assert_eq!(holder.aor, aor("bob@b.test"));
        assert!(directory.account_of(&aor("alice@a.test")).expect("there").aliases.is_empty());
    }
}
