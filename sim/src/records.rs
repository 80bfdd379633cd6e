//! What any implementation of [`Records`] must keep: seeded changes, failures and kills against a model. SQLite passes;
//! whatever comes beside it is given to [`conform`] before anything else.
//!
//! - A commit is whole or not there, also when the process is killed in the middle of it.
//! - When a commit has returned `Ok`, it is there for the next process.
//! - What is read back is what was written, secrets included; and nothing else is.
//! - Each change has its audit row, and the chain holds.
//! - No number is given twice, not even that of what is gone.

use crate::chance::Chance;
use coeur_directory::{
    Account, AccountPatch, AlgorithmPolicy, AliasChange, Aor, Book, Card, Change, Contact, ContactChange,
    ContactNumber, ContactPatch, Destinations, Device, DeviceId, Directory, Domain, Dtmf, E164,
    ForwardingPatch, Group, GroupChange, GroupId, GroupPatch, Ha1Set, Language, Number, NumberChange,
    NumberId, NumberLabel, NumberPatch, NumberState, Numbering, PickupGroups, Role, Tenant, TenantChange,
    TenantId, TermsPatch, User, UserChange, UserPatch,
};
use coeur_storage::{Operator, Records};
use std::collections::BTreeSet;

/// Where the records of one run lie.
pub trait Place {
    /// What a process does that starts.
    fn open(&mut self) -> Box<dyn Records>;
    /// Keeps what the next process would find if this one were killed now. Called in the middle of commits.
    fn keep(&self);
    /// The process was killed at the moment of the last [`Place::keep`].
    fn killed(&mut self);
}

const DOMAINS: [&str; 2] = ["one.test", "two.test"];
/// A commit tells its progress about each thousand changes: only a longer one can be killed in its middle.
const LONG: u64 = 1_500;

struct Run {
    chance: Chance,
    records: Box<dyn Records>,
    /// The model: a directory that the same changes were applied to.
    model: Directory,
    settings: Vec<(Box<str>, Box<str>)>,
    audited: u64,
    /// Numbers that were written, of what is gone too.
    accounts_spent: BTreeSet<u64>,
    devices_spent: BTreeSet<u64>,
    users_spent: BTreeSet<u64>,
    tenants_spent: BTreeSet<u64>,
    groups_spent: BTreeSet<u64>,
    contacts_spent: BTreeSet<u64>,
    numbers_spent: BTreeSet<u64>,
}

/// Runs so many commits over a place that holds nothing yet; panics with the seed at the first difference.
pub fn conform(place: &mut dyn Place, seed: u64, commits: u32) {
    let mut run = Run {
        chance: Chance::new(seed),
        records: place.open(),
        model: Directory::new(),
        settings: Vec::new(),
        audited: 0,
        accounts_spent: BTreeSet::new(),
        devices_spent: BTreeSet::new(),
        users_spent: BTreeSet::new(),
        tenants_spent: BTreeSet::new(),
        groups_spent: BTreeSet::new(),
        contacts_spent: BTreeSet::new(),
        numbers_spent: BTreeSet::new(),
    };
    run.commit(DOMAINS.iter().map(|name| Change::DomainAdded(Domain::new(name))).collect());
    for number in 0..commits {
        let at = format!("seed {seed}, commit {number}");
        match run.chance.below(10) {
            0 => run.refused(&at),
            1 => run.killed_in_the_middle(place),
            2 => run.killed_after(place),
            3 => run.records = place.open(),
            _ => {
                let changes = run.changes();
                run.commit(changes);
            }
        }
        run.compare(&at);
    }
}

impl Run {
    fn commit(&mut self, changes: Vec<Change>) {
        let operator = Operator::owner_of_data("simulation");
        self.records.commit(&operator, &changes, 1_000, &mut |_| ()).expect("the place is in order");
        self.apply(&changes);
    }

    fn apply(&mut self, changes: &[Change]) {
        self.audited += changes.len() as u64;
        for change in changes {
            self.model.apply(change).expect("made to fit the model");
            match change {
                Change::SettingChanged { key, value } => {
                    self.settings.retain(|(known, _)| known != key);
                    self.settings.push((key.clone(), value.clone()));
                }
                Change::AccountAdded(account) => {
                    self.accounts_spent.insert(account.id.0);
                    self.devices_spent.extend(account.devices.iter().map(|device| device.id.0));
                }
                Change::DeviceAdded { device, .. } => {
                    self.devices_spent.insert(device.id.0);
                }
                Change::User(UserChange::Added(user)) => {
                    self.users_spent.insert(user.id.0);
                }
                Change::Tenant(TenantChange::Added(tenant)) => {
                    self.tenants_spent.insert(tenant.id.0);
                }
                Change::Group(GroupChange::Added(group)) => {
                    self.groups_spent.insert(group.id.0);
                }
                Change::Contact(ContactChange::Added(contact)) => {
                    self.contacts_spent.insert(contact.id.0);
                }
                Change::Contact(ContactChange::Imported(contacts)) => {
                    self.contacts_spent.extend(contacts.iter().map(|contact| contact.id.0));
                }
                Change::Number(NumberChange::Added(numbers)) => {
                    self.numbers_spent.extend(numbers.iter().map(|number| number.id.0));
                }
                Change::Contact(ContactChange::Changed { .. } | ContactChange::Removed(_))
                | Change::Number(NumberChange::Changed { .. } | NumberChange::Removed(_))
                | Change::Group(GroupChange::Changed { .. } | GroupChange::Removed(_))
                | Change::Alias(_)
                | Change::User(UserChange::Changed { .. } | UserChange::Removed(_))
                | Change::Tenant(TenantChange::Changed(_) | TenantChange::Removed(_))
                | Change::DomainAdded(_)
                | Change::DomainChanged(_)
                | Change::DomainRemoved(_)
                | Change::AccountChanged { .. }
                | Change::AccountRemoved(_)
                | Change::DeviceChanged { .. }
                | Change::DeviceRevoked { .. }
                | Change::DeviceKeyed { .. }
                | Change::DeviceProvedSha256 { .. } => {}
            }
        }
    }

    /// The second half of a commit cannot be: nothing of the first is there either.
    fn refused(&mut self, at: &str) {
        let Some(known) = self.somebody() else { return };
        let mut changes = vec![self.added(), self.added()];
        let mut twin = (*known).clone();
        twin.id = self.records.next_account_id().expect("a number");
        twin.devices = Box::default();
        changes.push(Change::AccountAdded(Box::new(twin)));
        let refused = self.records.commit(&Operator::program(), &changes, 1, &mut |_| ());
        assert!(refused.is_err(), "{at}: an address of record twice");
    }

    fn killed_in_the_middle(&mut self, place: &mut dyn Place) {
        let changes: Vec<Change> = (0..LONG).map(|_| self.added()).collect();
        let mut kept = false;
        let mut progress = |done: usize| {
            if done < changes.len() && !kept {
                place.keep();
                kept = true;
            }
        };
        self.records.commit(&Operator::program(), &changes, 2, &mut progress).expect("the place is in order");
        if kept {
            place.killed();
            self.records = place.open();
        } else {
            self.apply(&changes);
        }
    }

    fn killed_after(&mut self, place: &mut dyn Place) {
        let changes = self.changes();
        self.commit(changes);
        place.keep();
        place.killed();
        self.records = place.open();
    }

    fn changes(&mut self) -> Vec<Change> {
        let scratch = self.chance.between(1, 4);
        let mut touched = BTreeSet::new();
        let mut changes = Vec::new();
        for _ in 0..scratch {
            let change = self.change();
            // One change of an account in a commit, so that each fits the model as it is before.
            let subject = match &change {
                Change::AccountAdded(account) => account.aor.to_string(),
                Change::AccountChanged { aor, .. }
                | Change::AccountRemoved(aor)
                | Change::DeviceAdded { aor, .. }
                | Change::DeviceChanged { aor, .. }
                | Change::DeviceRevoked { aor, .. }
                | Change::DeviceKeyed { aor, .. }
                | Change::DeviceProvedSha256 { aor, .. } => aor.to_string(),
                Change::DomainAdded(domain) | Change::DomainChanged(domain) => domain.name.to_string(),
                Change::DomainRemoved(name) => name.to_string(),
                Change::SettingChanged { key, .. } => key.to_string(),
                // Users, groups, contacts and numbers lean on tenants, accounts on all of them: one of any in a commit.
                Change::User(_)
                | Change::Tenant(_)
                | Change::Group(_)
                | Change::Contact(_)
                | Change::Number(_) => "people".to_owned(),
                Change::Alias(
                    AliasChange::Added { aor, .. }
                    | AliasChange::Removed { aor, .. }
                    | AliasChange::Moved { aor, .. },
                ) => aor.to_string(),
            };
            if self.model.check(&change).is_err() {
                continue;
            }
            // Nor what leans on them.
            let leans = matches!(&change, Change::AccountChanged { patch, .. } if patch.user.is_some() || patch.groups.is_some());
            if leans && !touched.insert("people".to_owned()) {
                continue;
            }
            if let Change::Alias(AliasChange::Moved { from, .. }) = &change
                && !touched.insert(from.to_string())
            {
                continue;
            }
            if touched.insert(subject) {
                changes.push(change);
            }
        }
        changes
    }

    fn change(&mut self) -> Change {
        let Some(account) = self.somebody() else { return self.added() };
        let aor = account.aor.clone();
        let device = account.devices.first().map(|device| device.id);
        match (self.chance.below(20), device) {
            (10 | 11, _) => self.people(),
            (13, _) => self.group(),
            (16 | 17, _) => self.contact(),
            (18 | 19, _) => self.number(),
            (14, _) => self.alias(&account),
            (15, _) => {
                let page = self.model.groups_page(None, None, usize::MAX);
                let groups = page.iter().map(|group| group.id).filter(|_| self.chance.below(2) == 0);
                let groups = Some(groups.collect());
                Change::AccountChanged { aor, patch: AccountPatch { groups, ..AccountPatch::default() } }
            }
            (12, _) => {
                let user = self.a_user().map(|user| user.id);
                Change::AccountChanged {
                    aor,
                    patch: AccountPatch { user: Some(user), ..AccountPatch::default() },
                }
            }
            (0, _) => Change::AccountRemoved(aor),
            (1, _) => {
                let patch = AccountPatch {
                    display_name: Some(format!("Name {}", self.chance.below(100)).into()),
                    user: None,
                    enabled: Some(self.chance.below(2) == 0),
                    contacts_max: Some((self.chance.below(2) == 0).then_some(3)),
                    terms: self.terms(),
                    groups: None,
                    picked_up: Some(self.chance.below(2) == 0),
                    pickup_groups: PickupGroups::parse(&format!("g{}", self.chance.below(3))).ok(),
                    record: None,
                    policy: None,
                    forwarding: ForwardingPatch {
                        busy: Some((self.chance.below(2) == 0).then(|| "sip:desk@example.test".into())),
                        do_not_disturb: Some(self.chance.below(2) == 0),
                        ..ForwardingPatch::default()
                    },
                };
                Change::AccountChanged { aor, patch }
            }
            (2, _) if account.devices.len() < coeur_directory::DEVICES_PER_ACCOUNT_MAX => {
                let device = Box::new(self.device(&aor));
                Change::DeviceAdded { aor, device }
            }
            (3, Some(device)) => Change::DeviceRevoked { aor, device },
            (8, Some(device)) => {
                let dtmf = Dtmf::ALL[self.chance.below(Dtmf::ALL.len() as u64) as usize];
                Change::DeviceChanged { aor, device, dtmf }
            }
            (9, Some(device)) => {
                let secret = format!("another-{}", self.chance.below(100));
                let ha1 = Ha1Set::of_secret(aor.user(), aor.domain(), &secret);
                Change::DeviceKeyed { aor, device, ha1 }
            }
            (4, Some(device)) => Change::DeviceProvedSha256 { aor, device },
            (5, _) => {
                let mut domain = Domain::new(DOMAINS[self.chance.below(2) as usize]);
                domain.expires_max_s = 3_600 + self.chance.below(1_000) as u32;
                Change::DomainChanged(domain)
            }
            (6, _) => Change::SettingChanged {
                key: format!("key{}", self.chance.below(3)).into(),
                value: format!("value {}", self.chance.below(100)).into(),
            },
            (_, _) => self.added(),
        }
    }

    fn people(&mut self) -> Change {
        let tenants = self.model.tenants();
        let tenant = &tenants[self.chance.below(tenants.len() as u64) as usize];
        match (self.chance.below(8), self.a_user()) {
            (0, _) => Change::Tenant(TenantChange::Removed(tenant.id)),
            (1, _) => {
                let name = format!("Tenant {}", self.chance.below(1 << 40));
                let mut changed = Tenant::new(tenant.id, &name);
                changed.terms.change(&self.terms());
                let numbering = format!("+{}=mobile,+33=national", self.chance.between(1, 99));
                changed.numbering = Numbering::parse(&numbering).expect("valid");
                Change::Tenant(TenantChange::Changed(changed))
            }
            (2, _) => {
                let id = self.records.next_tenant_id().expect("a number");
                assert!(!self.tenants_spent.contains(&id.0), "tenant number {} twice", id.0);
                let name = format!("Tenant {}", self.chance.below(1 << 40));
                Change::Tenant(TenantChange::Added(Tenant::new(id, &name)))
            }
            (3, Some(user)) => Change::User(UserChange::Removed(user.id)),
            (4, Some(user)) => {
                let patch = UserPatch {
                    login: Some(format!("login{}", self.chance.below(20)).into()),
                    email: Some(format!("mail{}@example.test", self.chance.below(100)).into()),
                    role: Some(Role::ALL[self.chance.below(Role::ALL.len() as u64) as usize]),
                    language: Some(Language::French),
                    enabled: Some(self.chance.below(2) == 0),
                    ..UserPatch::default()
                };
                Change::User(UserChange::Changed { id: user.id, patch })
            }
            (_, _) => {
                let id = self.records.next_user_id().expect("a number");
                assert!(!self.users_spent.contains(&id.0), "user number {} twice", id.0);
                let mut user = User::new(id, &format!("login{}", self.chance.below(1 << 40)), Role::User);
                user.tenant = if self.chance.below(2) == 0 { tenant.id } else { TenantId::FIRST };
                Change::User(UserChange::Added(Box::new(user)))
            }
        }
    }

    fn group(&mut self) -> Change {
        let page = self.model.groups_page(None, None, usize::MAX);
        let known = (!page.is_empty()).then(|| page[self.chance.below(page.len() as u64) as usize].id);
        match (self.chance.below(5), known) {
            (0, Some(id)) => Change::Group(GroupChange::Removed(id)),
            (1 | 2, Some(id)) => {
                let patch = GroupPatch {
                    name: (self.chance.below(2) == 0).then(|| format!("g{}", self.chance.below(20)).into()),
                    terms: self.terms(),
                    together_max: Some((self.chance.below(2) == 0).then_some(7)),
                };
                Change::Group(GroupChange::Changed { id, patch })
            }
            (_, _) => {
                let id = self.records.next_group_id().expect("a number");
                assert!(!self.groups_spent.contains(&id.0), "group number {} twice", id.0);
                let name = format!("group {}", self.chance.below(1 << 40));
                let group = Group::new(GroupId(id.0), TenantId::FIRST, &name);
                Change::Group(GroupChange::Added(Box::new(group)))
            }
        }
    }

    fn contact(&mut self) -> Change {
        let books = self.model.books();
        let known = books.iter().flat_map(|book| self.model.contacts_page(&[*book], None, None, usize::MAX));
        let known: Vec<_> = known.map(|contact| contact.id).collect();
        let some = (!known.is_empty()).then(|| known[self.chance.below(known.len() as u64) as usize]);
        match (self.chance.below(6), some) {
            (0, Some(id)) => Change::Contact(ContactChange::Removed(id)),
            (1 | 2, Some(id)) => {
                let Card { name, numbers, .. } = self.card();
                let patch = ContactPatch {
                    name: (self.chance.below(2) == 0).then_some(name),
                    numbers: (self.chance.below(2) == 0).then_some(numbers),
                    note: Some("one\ntwo".into()),
                    ..ContactPatch::default()
                };
                Change::Contact(ContactChange::Changed { id, patch })
            }
            (3, _) => {
                let book = self.book();
                let count = self.chance.between(1, 5);
                let contacts = (0..count).map(|_| self.new_contact(book)).collect();
                Change::Contact(ContactChange::Imported(contacts))
            }
            (_, _) => {
                let book = self.book();
                Change::Contact(ContactChange::Added(Box::new(self.new_contact(book))))
            }
        }
    }

    fn book(&mut self) -> Book {
        match (self.chance.below(2), self.a_user()) {
            (0, Some(user)) => Book { tenant: user.tenant, owner: Some(user.id) },
            (_, _) => Book::shared(TenantId::FIRST),
        }
    }

    fn new_contact(&mut self, book: Book) -> Contact {
        let id = self.records.next_contact_id().expect("a number");
        assert!(!self.contacts_spent.contains(&id.0), "contact number {} twice", id.0);
        Contact { id, book, card: self.card() }
    }

    fn card(&mut self) -> Card {
        let count = self.chance.below(4);
        let number = |run: &mut Self| ContactNumber {
            label: NumberLabel::ALL[run.chance.below(4) as usize],
            value: format!("+33{}", run.chance.below(1 << 30)).into(),
        };
        Card {
            name: format!("Näme {}", self.chance.below(100)).into(),
            organisation: "Org \"&<".into(),
            numbers: (0..count).map(|_| number(self)).collect(),
            email: format!("mail{}@example.test", self.chance.below(100)).into(),
            note: String::new().into(),
        }
    }

    fn number(&mut self) -> Change {
        let known = self.model.numbers_page(None, NumberState::Any, None, None, usize::MAX);
        let known: Vec<NumberId> = known.iter().filter_map(|row| Some(row.number.as_ref()?.id)).collect();
        let some = (!known.is_empty()).then(|| known[self.chance.below(known.len() as u64) as usize]);
        match (self.chance.below(4), some) {
            (0, Some(id)) => Change::Number(NumberChange::Removed(id)),
            (1, Some(id)) => {
                let note = (self.chance.below(2) == 0).then(|| "Ported\nin May".into());
                let patch = NumberPatch { emergency_address: Some("1 rue \"X\"".into()), note };
                Change::Number(NumberChange::Changed { id, patch })
            }
            (_, _) => {
                let first = 33_000 + self.chance.below(1_000);
                let count = self.chance.between(1, 4);
                let numbers = (first..first + count).map(|number| self.new_number(number)).collect();
                Change::Number(NumberChange::Added(numbers))
            }
        }
    }

    fn new_number(&mut self, digits: u64) -> Number {
        let id = self.records.next_number_id().expect("a number");
        assert!(!self.numbers_spent.contains(&id.0), "number {} twice", id.0);
        Number {
            id,
            tenant: TenantId::FIRST,
            e164: E164::parse(&format!("+{digits}")).expect("digits"),
            emergency_address: "".into(),
            note: "Nöte".into(),
            created_at_ms: self.chance.below(1 << 40),
        }
    }

    fn alias(&mut self, account: &Account) -> Change {
        let aor = account.aor.clone();
        let other = self.somebody().map(|other| other.aor.clone()).filter(|other| *other != aor);
        match (self.chance.below(4), account.aliases.first(), other) {
            (1, Some(alias), Some(other)) => {
                Change::Alias(AliasChange::Moved { from: aor, aor: other, alias: alias.clone() })
            }
            (0, Some(alias), _) => Change::Alias(AliasChange::Removed { aor, alias: alias.clone() }),
            (_, _, _) => {
                let alias = Aor::new(&format!("{}", self.chance.below(300)), aor.domain()).expect("valid");
                Change::Alias(AliasChange::Added { aor, alias })
            }
        }
    }

    /// Something of each, or no more, or as it was.
    fn terms(&mut self) -> TermsPatch {
        let lists = ["internal,national", "all,!premium,!+44"];
        TermsPatch {
            relay_foreign: Some((self.chance.below(2) == 0).then(|| self.chance.below(2) == 0)),
            sessions_max: (self.chance.below(2) == 0).then(|| Some(self.chance.below(9) as u32)),
            minutes_per_day: Some((self.chance.below(2) == 0).then_some(60)),
            minutes_per_month: None,
            destinations: Some(Destinations::parse(lists[self.chance.below(2) as usize]).ok()),
        }
    }

    fn a_user(&mut self) -> Option<std::sync::Arc<User>> {
        let page = self.model.users_page(None, None, usize::MAX);
        (!page.is_empty()).then(|| page[self.chance.below(page.len() as u64) as usize].clone())
    }

    fn somebody(&mut self) -> Option<std::sync::Arc<Account>> {
        let page = self.model.page(None, usize::MAX);
        (!page.is_empty()).then(|| page[self.chance.below(page.len() as u64) as usize].clone())
    }

    fn added(&mut self) -> Change {
        let id = self.records.next_account_id().expect("a number");
        assert!(!self.accounts_spent.contains(&id.0), "account number {} twice", id.0);
        let domain = DOMAINS[self.chance.below(2) as usize];
        let aor = Aor::new(&format!("user{}x{}", id.0, self.chance.below(1 << 40)), domain).expect("valid");
        let mut account = Account::new(id, aor.clone());
        account.devices = Box::new([self.device(&aor)]);
        Change::AccountAdded(Box::new(account))
    }

    fn device(&mut self, aor: &Aor) -> Device {
        let id = self.records.next_device_id().expect("a number");
        assert!(!self.devices_spent.contains(&id.0), "device number {} twice", id.0);
        let secret = format!("secret {}", self.chance.below(1 << 40));
        let ha1 = Ha1Set::of_secret(aor.user(), aor.domain(), &secret);
        Device::new(id, "phone", ha1, AlgorithmPolicy::Auto, self.chance.below(1 << 30))
    }

    fn compare(&mut self, at: &str) {
        let read = Directory::new();
        assert_eq!(self.records.load(&read).expect("reads"), Vec::<String>::new(), "{at}: not usable");
        assert_eq!(shown(&read), shown(&self.model), "{at}");
        for (key, value) in &self.settings {
            assert_eq!(self.records.setting(key).expect("reads").as_deref(), Some(&**value), "{at}: {key}");
        }
        assert_eq!(self.records.verify_audit().expect("reads"), None, "{at}: the audit chain");
        let newest = self.records.audit(0, None, 1).expect("reads");
        assert_eq!(newest.first().map_or(0, |row| row.sequence), self.audited, "{at}: a row for each change");
    }
}

/// Everything of a directory, secrets included, as text that can be compared.
fn shown(directory: &Directory) -> String {
    let mut domains: Vec<String> = directory.domains().iter().map(|domain| format!("{domain:?}\n")).collect();
    domains.sort();
    let device = |device: &Device| {
        let DeviceId(id) = device.id;
        let ha1 = (device.ha1.sha256.expose(), device.ha1.md5.as_ref().map(|md5| md5.expose()));
        format!(
            "{id} {} {:?} {:?} {} {} {ha1:?}",
            device.name,
            device.policy,
            device.dtmf,
            device.created_at_s,
            device.proved_sha256()
        )
    };
    let account = |account: &std::sync::Arc<Account>| {
        let devices: Vec<String> = account.devices.iter().map(device).collect();
        format!(
            "{} {} {:?} {:?} {} {:?} {:?} {:?} {:?} {:?} {} {:?} {devices:?}\n",
            account.id.0,
            account.aor,
            account.user,
            account.display_name,
            account.enabled,
            account.policy,
            account.contacts_max,
            account.terms,
            account.groups,
            account.aliases,
            account.picked_up,
            account.pickup_groups
        )
    };
    let people = format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n",
        directory.tenants(),
        directory.users_page(None, None, usize::MAX),
        directory.groups_page(None, None, usize::MAX),
        directory.contacts_page(&directory.books(), None, None, usize::MAX),
        directory
            .numbers_page(None, NumberState::Any, None, None, usize::MAX)
            .into_iter()
            .filter_map(|row| row.number)
            .collect::<Vec<_>>()
    );
    domains.concat() + &people + &directory.page(None, usize::MAX).iter().map(account).collect::<String>()
}
