//! One request, one answer. Parsing a request into a [`Change`] is its validation.

use crate::about::{about, about_all, known_of};
use crate::call_control::{CallVerb, NewCall};
use crate::calls::{CallView, CallsPage, rfc3339};
use crate::feed::{About, Kind};
use crate::groups::TermsView;
use crate::groups_door;
use crate::hooks::Hooks;
use crate::ids::Id;
use crate::model::{
    ACCOUNTS_PER_REQUEST_MAX, AccountChange, AccountView, AuditPage, AuditView, DeviceView, DomainView,
    GivenSecret, IceServerView, Made, NAME_BYTES_MAX, NewAccount, Refusal, RegistrationsPage, Reply, Request,
    SECRET_BYTES_MAX, SECRET_CHARS_MIN, SettingView, Status, TraceRequest, TraceView, Why,
};
use crate::phone_door::{PhoneSocket, PhoneTicket};
use crate::provision::{Counts, Journeys, Misses, PhonePlace, StrangerView, Trials};
use crate::recordings::{Audience, RecordVerb};
use crate::signin::Kept;
use crate::traces::{ConversationsPage, TraceExportRequest, TraceFileView, TraceMessagesRequest};
use coeur_directory::UserId;
use coeur_directory::{
    Account, AccountId, AccountPatch, AlgorithmPolicy, Aor, Change, ChangeError, Device, DeviceId, Directory,
    Domain, Dtmf, ECHO_USER, ForwardingPatch, Ha1Set, PickupGroups, PickupGroupsError, RecordPolicy,
    forward_target, is_nobody, is_plain, new_secret,
};
use coeur_storage::{
    AuditRow, CallQuery, CallReader, CallRow, Operator, Quality, QualityQuery, Records, StorageError,
    described,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the door needs of the house it belongs to: a running server, or an open data directory.
pub trait House: Send + Sync {
    fn directory(&self) -> &Directory;
    /// A device, or a whole account, lost its rights: every shard must hear of it.
    fn revoked(&self, aor: &Aor, device: Option<DeviceId>);
    /// Credentials of STUN and TURN for this device; `None` where there is no TURN.
    fn ice_server(&self, aor: &Aor, device: DeviceId) -> Option<IceServerView>;
    fn status(&self) -> Status;
    /// A page; `after` is the `next` of the page before.
    fn registrations(&self, account: Option<&Aor>, after: Option<&str>, limit: usize) -> RegistrationsPage;
    fn traces(&self, request: &TraceRequest) -> Vec<TraceView>;
    /// Conversations, message by message: none where no server runs.
    fn trace_messages(&self, _request: &TraceMessagesRequest) -> ConversationsPage {
        ConversationsPage::default()
    }
    /// Conversations as a file; `None`: there is none.
    fn trace_export(&self, _request: &TraceExportRequest) -> Option<TraceFileView> {
        None
    }
    /// What it runs with, in the order of the manual: none where no server runs.
    fn settings(&self) -> Vec<SettingView> {
        Vec::new()
    }
    /// Causes for which somebody is not heard, and what verdicts say of each, with `{}` for each value in it.
    fn silences(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
    /// Calls that live: none where no server runs.
    fn calls(&self, _account: Option<&Account>, _limit: usize) -> Result<CallsPage, Refusal> {
        Ok(CallsPage::default())
    }
    /// `None`: there is none of that name.
    fn call(&self, _call: &str) -> Result<Option<CallView>, Refusal> {
        Ok(None)
    }
    /// False: there is none of that name.
    fn hang_up(&self, _call: &str) -> Result<bool, Refusal> {
        Ok(false)
    }
    /// False: there is none of that name. `by`: whose word it is.
    fn tape(&self, _call: &str, _order: RecordVerb, _by: &str) -> Result<bool, Refusal> {
        Ok(false)
    }
    /// False: there is none of that name. `None`: what is played ends.
    fn play(&self, _call: &str, _sound: Option<&str>, _to: Audience) -> Result<bool, Refusal> {
        Ok(false)
    }
    /// Begins a call of this account to this address; its name.
    fn originate(
        &self,
        _account: &Account,
        _device: Option<DeviceId>,
        _to: &str,
        _wanted: &NewCall,
    ) -> Result<String, Refusal> {
        Err(Refusal::new(Why::Unavailable, "no server runs that could call anybody"))
    }
    /// Lets this device ring, and nobody else, to see whether it works; the name of that call.
    fn ring(&self, _account: &Account, _device: DeviceId) -> Result<String, Refusal> {
        Err(Refusal::new(Why::Unavailable, "no server runs that could call anybody"))
    }
    /// Whether each step of calls is to be handed to [`Door::trial_stepped`].
    fn watch_calls(&self, _is_watched: bool) {}
    /// False: there is none of that name.
    fn control_call(&self, _call: &str, _verb: &CallVerb) -> Result<bool, Refusal> {
        Ok(false)
    }
    /// Where SIP over WebSocket is spoken.
    fn sockets(&self) -> Vec<PhoneSocket> {
        Vec::new()
    }
    /// A ticket for a page, and where SIP over WebSocket is spoken; the rest is the door's to fill in. `None` where that is
    /// nowhere.
    fn ticket(&self, _aor: &Aor, _device: DeviceId, _user: Option<UserId>) -> Option<PhoneTicket> {
        None
    }
    /// Whose web phone has opened its WebSocket with this ticket, while that is open and may be.
    fn web_phone(&self, _ticket: &str) -> Option<(Aor, DeviceId)> {
        None
    }
    /// A user was disabled or removed: web phones that he has opened end.
    fn user_is_out(&self, _user: UserId) {}
    /// An account is somebody else's from now on: web phones that were opened for it before end.
    fn handed_over(&self, _aor: &Aor) {}
    /// Where the pages of this server are, as `http://localhost:8090`; `None` where no server runs.
    fn web_address(&self) -> Option<String> {
        None
    }
    /// Where phones reach this server; `None`: no server runs, or none that could tell them anything.
    fn phone_place(&self) -> Option<PhonePlace> {
        None
    }
    /// Phones that have asked the network who tells them.
    fn strangers(&self) -> Vec<StrangerView> {
        Vec::new()
    }
    /// Tells such a phone where to fetch; false: it has not asked.
    fn adopt(&self, _mac: &str, _url: &str) -> bool {
        false
    }
    /// Asks the phones of a device, or of all devices of an account, to fetch their settings. How many were asked.
    fn sync(&self, _aor: &Aor, _device: Option<DeviceId>, _reboot: bool) -> Result<usize, Refusal> {
        Ok(0)
    }
    /// For those who listen.
    fn happened(&self, _kind: Kind, _subject: String, _data: serde_json::Value, _about: About) {}
    /// Returns when what webhooks are to tell of all that is written down.
    fn settle(&self) {}
    /// Whether somebody has a webhook: from then on everything is told.
    fn keeps_events(&self, _is_kept: bool) {}
    /// Bytes nobody can guess.
    fn random(&self, bytes: &mut [u8]);
    fn unix_time_ms(&self) -> u64;
}

pub struct Door {
    house: Arc<dyn House>,
    /// Held from the check of a change until it is applied, so that changes have one order.
    records: Mutex<Box<dyn Records>>,
    /// Questions about calls that are over may take a second: they hold no change.
    calls_reader: Option<Mutex<Box<dyn CallReader>>>,
    sign_in: Kept,
    journeys: Journeys,
    trials: Trials,
    misses: Misses,
    fetches: Counts,
    hooks: Hooks,
}

/// Of one commit, that are told one by one.
const CHANGES_TOLD_MAX: usize = 16;

/// Rows in one answer.
pub(crate) const ROWS_MAX: usize = 10_000;

impl Door {
    pub fn new(house: Arc<dyn House>, records: Box<dyn Records>) -> Self {
        Self {
            house,
            calls_reader: records.reader().map(Mutex::new),
            records: Mutex::new(records),
            sign_in: Kept::default(),
            journeys: Journeys::default(),
            trials: Trials::default(),
            misses: Misses::default(),
            fetches: Counts::default(),
            hooks: Hooks::default(),
        }
    }

    /// Blocks while a change is written to disk.
    pub fn answer(&self, operator: &Operator, request: Request) -> Result<Reply, Refusal> {
        match request {
            Request::Status => Ok(Reply::Status(self.house.status())),
            Request::Settings => Ok(Reply::Settings(self.house.settings())),
            Request::AccountsAdd { accounts } => self.add_accounts(operator, &accounts),
            Request::AccountsList { domain, after, limit } => {
                self.list(domain.as_deref(), after.as_deref(), limit)
            }
            Request::AccountShow { account } => {
                Ok(Reply::Account(Box::new(view(&*self.account(&account)?, self.directory()))))
            }
            Request::AccountsKnown { accounts } => self.known(accounts),
            Request::AccountRemove { account } => self.remove_account(operator, &account),
            Request::AccountChange { account, change } => self.change_account(operator, &account, change),
            Request::DeviceAdd { account, name, secret, policy } => {
                self.add_device(operator, &account, &name, secret, &policy)
            }
            Request::DeviceChange { account, device, dtmf } => {
                self.change_device(operator, &account, &device, &dtmf)
            }
            Request::DeviceRevoke { account, device } => self.revoke(operator, &account, &device),
            Request::DomainAdd { domain, tenant } => {
                let tenant = self.tenant_or_first(tenant.as_deref())?;
                self.change(operator, Change::DomainAdded(Domain { tenant, ..Domain::new(&domain) }))
            }
            Request::DomainsList => Ok(Reply::Domains(self.domains())),
            Request::DomainRemove { domain } => {
                self.change(operator, Change::DomainRemoved(Domain::name_of(&domain)))
            }
            Request::Registrations { account, after, limit } => {
                let account = account.as_deref().map(aor).transpose()?;
                let limit = limit.clamp(1, ROWS_MAX);
                Ok(Reply::Registrations(self.house.registrations(account.as_ref(), after.as_deref(), limit)))
            }
            Request::Trace(request) => self.trace(request),
            Request::IceServer { account, device } => self.ice_server(&account, device.as_deref()),
            Request::PhoneTicket { account, user } => self.phone_ticket(operator, &account, user.as_deref()),
            Request::Calls { account, limit } => self.calls(account.as_deref(), limit),
            Request::CallShow { call } => self.show_call(&call),
            Request::CallHangUp { call } => self.hang_up(operator, &call),
            Request::CallTape { call, order } => self.tape(operator, &call, order),
            Request::CallOriginate { call } => self.originate(operator, &call),
            Request::CallControl { call, order } => self.control_call(operator, &call, &order),
            Request::CallPlay { call, sound, to } => self.play(operator, &call, (sound.as_deref(), to)),
            Request::Audit { since_ms, before, limit } => self.audit(since_ms, before, limit),
            Request::CallRecords(request) => self.call_records(&request),
            Request::CallRecordShow { call } => self.show_call_record(&call),
            Request::CallQuality(request) => self.call_quality(&request),
            Request::SignIn { what } => self.sign_in_verb(operator, what),
            Request::TenantAdd { name } => self.add_tenant(operator, &name),
            Request::TenantsList => Ok(self.tenants()),
            Request::TenantShow { tenant } => self.show_tenant(&tenant),
            Request::TenantChange { tenant, change } => self.change_tenant(operator, &tenant, &change),
            Request::TenantRemove { tenant } => self.remove_tenant(operator, &tenant),
            Request::UserAdd { user } => self.add_user(operator, &user),
            Request::UsersList { tenant, after, limit } => {
                self.users(tenant.as_deref(), after.as_deref(), limit)
            }
            Request::UserShow { user } => self.show_user(&user),
            Request::UserChange { user, change } => self.change_user(operator, &user, &change),
            Request::UserRemove { user } => self.remove_user(operator, &user),
            Request::TraceMessages(request) => self.trace_messages(request),
            Request::TraceExport(request) => self.trace_export(request),
            Request::PeopleAdd { people } => self.add_people(operator, &people),
            Request::Recordings(request) => self.recordings(&request),
            Request::Phones(request) => self.phones(operator, request),
            Request::GroupAdd { tenant, name } => self.add_group(operator, tenant.as_deref(), &name),
            Request::GroupsList { tenant, after, limit } => {
                self.groups(tenant.as_deref(), after.as_deref(), limit)
            }
            Request::GroupShow { group } => self.show_group(&group),
            Request::GroupChange { group, change } => self.change_group(operator, &group, &change),
            Request::GroupRemove { group } => self.remove_group(operator, &group),
            Request::AliasAdd { account, alias } => self.change_alias(operator, &account, &alias, true),
            Request::AliasRemove { account, alias } => self.change_alias(operator, &account, &alias, false),
            Request::AccountRights { account, to } => self.rights(&account, to.as_deref()),
            Request::Webhooks(request) => self.webhooks(operator, request),
            Request::Contacts(request) => self.contacts(operator, request),
            Request::Numbers(request) => self.numbers(operator, request),
        }
    }

    /// What was seen of phones while they were connected.
    pub fn journeys(&self) -> &Journeys {
        &self.journeys
    }

    pub(crate) fn trials(&self) -> &Trials {
        &self.trials
    }

    pub(crate) fn misses(&self) -> &Misses {
        &self.misses
    }

    pub fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// How phones have fetched their settings.
    pub fn fetches(&self) -> &Counts {
        &self.fetches
    }

    /// A change that the server itself wants: a setting, a domain.
    pub fn change(&self, operator: &Operator, change: Change) -> Result<Reply, Refusal> {
        self.commit(operator, vec![change])?;
        Ok(Reply::Done)
    }

    /// Changes that do not depend on each other, in one commit if all of them can be made, else one by one. Returns why
    /// some were not; a disk that refuses all of them at once is not asked again for each.
    pub fn changes(&self, operator: &Operator, changes: Vec<Change>) -> Vec<Refusal> {
        match self.commit(operator, changes.clone()) {
            Ok(()) => Vec::new(),
            Err(refusal) if refusal.why == Why::Unavailable => vec![refusal; changes.len()],
            Err(_) => {
                changes.into_iter().filter_map(|change| self.commit(operator, vec![change]).err()).collect()
            }
        }
    }

    /// Changes that do not depend on each other, all or none.
    pub(crate) fn changes_at_once(&self, operator: &Operator, changes: &[Change]) -> Result<(), Refusal> {
        self.commit_checked(operator, changes, changes)
    }

    /// Check, write, apply: in this order, under one lock.
    fn commit(&self, operator: &Operator, changes: Vec<Change>) -> Result<(), Refusal> {
        self.commit_checked(operator, &changes, &changes)
    }

    /// `checked`: what of the changes can be checked before any of them is made; who makes them has seen to the rest.
    pub(crate) fn commit_checked(
        &self,
        operator: &Operator,
        checked: &[Change],
        changes: &[Change],
    ) -> Result<(), Refusal> {
        self.commit_by(operator, checked, changes, |records, at_ms| {
            records.commit(operator, changes, at_ms, &mut |_| {})
        })
    }

    /// `write` writes the changes, and maybe more in the same commit; what it does besides is done under the lock as well.
    pub(crate) fn commit_by(
        &self,
        operator: &Operator,
        checked: &[Change],
        changes: &[Change],
        write: impl FnOnce(&mut dyn Records, u64) -> Result<(), StorageError>,
    ) -> Result<(), Refusal> {
        let mut records = self.records();
        for change in checked {
            self.house.directory().check(change).map_err(refuse)?;
        }
        if operator.is_rehearsing() {
            return Err(Refusal::new(Why::Rehearsed, "it would be done"));
        }
        write(&mut **records, self.house.unix_time_ms()).map_err(not_written)?;
        // What is removed says nothing of itself afterwards.
        let before: Vec<About> = match changes.len() > CHANGES_TOLD_MAX {
            true => vec![about_all(self.directory(), changes)],
            false => changes.iter().map(|change| about(self.directory(), change)).collect(),
        };
        for change in changes {
            if let Err(why) = self.house.directory().apply(change) {
                // Checked under this lock, and the batch repeats no name: cannot be, but must not go unseen.
                tracing::error!(%why, "a committed change was refused by the directory; restart to read it again");
            }
        }
        drop(records);
        self.tell(operator, changes, &before);
        Ok(())
    }

    /// Those who listen. A large batch is one event: who wants more reads the audit log.
    fn tell(&self, operator: &Operator, changes: &[Change], before: &[About]) {
        let Some((action, subject, _)) = changes.first().map(described) else { return };
        let operator = operator.name();
        if changes.len() > CHANGES_TOLD_MAX {
            let data = json!({ "action": action, "operator": operator, "count": changes.len() });
            let about = known_of(about_all(self.directory(), changes), before.first());
            self.house.happened(Kind::ConfigChanged, subject, data, about);
            return self.house.settle();
        }
        for (change, before) in changes.iter().zip(before) {
            let (action, subject, detail) = described(change);
            let data =
                json!({ "action": action, "subject": subject, "detail": detail, "operator": operator });
            let about = known_of(about(self.directory(), change), Some(before));
            self.house.happened(Kind::ConfigChanged, subject, data, about);
        }
        self.house.settle();
    }

    fn known(&self, mut accounts: Vec<String>) -> Result<Reply, Refusal> {
        not_too_many(accounts.len())?;
        let directory = self.house.directory();
        accounts.retain(|text| Aor::parse(text).is_ok_and(|aor| directory.account_of(&aor).is_some()));
        Ok(Reply::Known(accounts))
    }

    fn add_accounts(&self, operator: &Operator, accounts: &[NewAccount]) -> Result<Reply, Refusal> {
        not_too_many(accounts.len())?;
        let (mut changes, mut made) =
            (Vec::with_capacity(accounts.len()), Vec::with_capacity(accounts.len()));
        let mut seen = BTreeSet::new();
        for new in accounts {
            let (account, shown) = self.new_account(new)?;
            if !seen.insert(account.aor.clone()) {
                return Err(refuse(ChangeError::AccountExists(account.aor)));
            }
            made.push(shown);
            changes.push(Change::AccountAdded(Box::new(account)));
        }
        self.commit(operator, changes)?;
        Ok(Reply::Made(made))
    }

    /// With its first device.
    pub(crate) fn new_account(&self, new: &NewAccount) -> Result<(Account, Made), Refusal> {
        let aor = new_aor(&new.account)?;
        not_reserved(&aor)?;
        if !new.is_brought {
            not_weak(new.secret.as_ref())?;
        }
        let (device, secret) = self.device(&aor, "first", new.secret.clone(), policy(&new.policy)?)?;
        let made = Made { account: aor.to_string(), device: device_name(device.id), secret };
        let id = self.records().next_account_id().map_err(not_written)?;
        let mut account = Account::new(id, aor);
        account.display_name = name(&new.display_name)?.into();
        account.policy = policy(&new.policy)?;
        account.user = new.user.as_deref().map(|user| self.user(user)).transpose()?.map(|user| user.id);
        account.devices = Box::new([device]);
        Ok((account, made))
    }

    fn add_device(
        &self,
        operator: &Operator,
        account: &str,
        device_label: &str,
        secret: Option<GivenSecret>,
        device_policy: &str,
    ) -> Result<Reply, Refusal> {
        let aor = self.account(account)?.aor.clone();
        not_weak(secret.as_ref())?;
        let (device, secret) = self.device(&aor, name(device_label)?, secret, policy(device_policy)?)?;
        let made = Made { account: aor.to_string(), device: device_name(device.id), secret };
        self.commit(operator, vec![Change::DeviceAdded { aor, device: Box::new(device) }])?;
        Ok(Reply::Made(vec![made]))
    }

    /// A device with the secret given, or with a new one, which is returned. The realm is the domain.
    pub(crate) fn device(
        &self,
        aor: &Aor,
        name: &str,
        given: Option<GivenSecret>,
        policy: AlgorithmPolicy,
    ) -> Result<(Device, Option<GivenSecret>), Refusal> {
        let (secret, shown) = match given {
            Some(secret) if secret.reveal().is_empty() || secret.reveal().len() > SECRET_BYTES_MAX => {
                return Err(Refusal::new(
                    Why::Invalid,
                    format!("a secret has 1 to {SECRET_BYTES_MAX} bytes"),
                ));
            }
            Some(secret) => (secret, None),
            None => {
                let mut random = [0; 20];
                self.house.random(&mut random);
                let secret = GivenSecret::new(new_secret(&random));
                (secret.clone(), Some(secret))
            }
        };
        let ha1 = Ha1Set::of_secret(aor.user(), aor.domain(), secret.reveal());
        let id = self.records().next_device_id().map_err(not_written)?;
        let device = Device::new(id, name, ha1, policy, self.house.unix_time_ms() / 1_000);
        Ok((device, shown))
    }

    fn remove_account(&self, operator: &Operator, account: &str) -> Result<Reply, Refusal> {
        let aor = self.named(account)?;
        self.commit(operator, vec![Change::AccountRemoved(aor.clone())])?;
        self.house.revoked(&aor, None);
        Ok(Reply::Done)
    }

    fn change_account(
        &self,
        operator: &Operator,
        account: &str,
        change: AccountChange,
    ) -> Result<Reply, Refusal> {
        let aor = self.named(account)?;
        let owner = |aor: &Aor| self.directory().account_of(aor).and_then(|account| account.user);
        let before = owner(&aor);
        if change == AccountChange::default() {
            return Err(Refusal::new(Why::Invalid, "nothing to change was given".to_owned()));
        }
        let forwarding = forwarding(self.house.directory(), &aor, &change)?;
        let mut terms = groups_door::terms(&change.terms)?;
        terms.relay_foreign = change.relay.map(Some).or(terms.relay_foreign);
        let patch = AccountPatch {
            display_name: change.display_name.map(|new| name(&new).map(Box::from)).transpose()?,
            user: change.user.as_deref().map(|user| self.owner(user)).transpose()?,
            enabled: change.enabled,
            policy: change.policy.as_deref().map(policy).transpose()?,
            contacts_max: change.contacts_max.map(|most| (most > 0).then_some(most)),
            terms,
            groups: change.groups.as_deref().map(|names| self.groups_for(&aor, names)).transpose()?,
            picked_up: change.pickup,
            pickup_groups: change.pickup_groups.as_deref().map(pickup_groups).transpose()?,
            record: change.record.as_deref().map(record_policy).transpose()?,
            forwarding,
        };
        self.commit(operator, vec![Change::AccountChanged { aor: aor.clone(), patch }])?;
        if change.enabled == Some(false) {
            self.house.revoked(&aor, None);
        }
        if owner(&aor) != before {
            self.house.handed_over(&aor);
        }
        Ok(Reply::Done)
    }

    /// The newest first.
    fn audit(&self, since_ms: Option<u64>, before: Option<u64>, limit: usize) -> Result<Reply, Refusal> {
        let limit = limit.clamp(1, ROWS_MAX);
        let mut rows = self.records().audit(since_ms.unwrap_or(0), before, limit + 1).map_err(not_written)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let view = |row: AuditRow| AuditView {
            sequence: row.sequence,
            at: rfc3339(row.at_ms),
            operator: row.operator,
            action: row.action,
            subject: row.subject,
            detail: row.detail,
        };
        Ok(Reply::Audit(AuditPage { rows: rows.into_iter().map(view).collect(), more }))
    }

    fn change_device(
        &self,
        operator: &Operator,
        account: &str,
        device: &str,
        way: &str,
    ) -> Result<Reply, Refusal> {
        let aor = self.named(account)?;
        let device = device_id(device, &aor)?;
        self.commit(operator, vec![Change::DeviceChanged { aor, device, dtmf: dtmf(way)? }])?;
        Ok(Reply::Done)
    }

    fn revoke(&self, operator: &Operator, account: &str, device: &str) -> Result<Reply, Refusal> {
        let aor = self.named(account)?;
        let id = device_id(device, &aor)?;
        self.commit(operator, vec![Change::DeviceRevoked { aor: aor.clone(), device: id }])?;
        self.house.revoked(&aor, Some(id));
        Ok(Reply::Done)
    }

    /// Only for whoever may call: an account that is enabled, and a device of it.
    fn ice_server(&self, account: &str, device: Option<&str>) -> Result<Reply, Refusal> {
        let account = self.account(account)?;
        if !account.enabled {
            return Err(Refusal::new(Why::Forbidden, format!("{} is disabled", account.aor)));
        }
        let mut devices = account.devices.iter();
        let found = match device {
            Some(name) => devices.find(|device| device_name(device.id) == name),
            None => devices.next(),
        };
        let device = found.map(|device| device.id).ok_or_else(|| {
            let text = format!("{0} has no such device; `coeur device list {0}` shows them", account.aor);
            Refusal::new(Why::NotFound, text)
        })?;
        let issued = self.house.ice_server(&account.aor, device).ok_or_else(|| {
            Refusal::new(Why::NotSetUp, "there is no TURN here: no server runs, or its `turn` is off")
        })?;
        Ok(Reply::IceServer(issued))
    }

    /// By its address or its number.
    pub fn account(&self, text: &str) -> Result<Arc<Account>, Refusal> {
        let aor = self.named(text)?;
        self.house.directory().account_of(&aor).ok_or_else(|| refuse(ChangeError::UnknownAccount(aor)))
    }

    /// The address that this is, or that the account of this number has.
    fn named(&self, text: &str) -> Result<Aor, Refusal> {
        let Some(id) = AccountId::parse(text) else {
            let aor = aor(text)?;
            // By a further address it is found too.
            let found = self.directory().account_by_alias(aor.user().as_bytes(), aor.domain().as_bytes());
            return Ok(found.map_or(aor, |account| account.aor.clone()));
        };
        let found = self.directory().account_by_id(id).map(|account| account.aor.clone());
        found.ok_or_else(|| Refusal::new(Why::NotFound, format!("there is no account {text}")))
    }

    fn list(&self, domain: Option<&str>, after: Option<&str>, limit: usize) -> Result<Reply, Refusal> {
        let mut after = after.map(aor).transpose()?;
        let limit = limit.clamp(1, ROWS_MAX);
        let mut views = Vec::new();
        while views.len() < limit {
            let page = self.house.directory().page(after.as_ref(), limit);
            let Some(last) = page.last() else { break };
            after = Some(last.aor.clone());
            let wanted =
                |account: &&Arc<Account>| domain.is_none_or(|d| account.aor.domain().eq_ignore_ascii_case(d));
            let view = |account: &Arc<Account>| view(account, self.directory());
            views.extend(page.iter().filter(wanted).map(view).take(limit - views.len()));
        }
        Ok(Reply::Accounts(views))
    }

    fn domains(&self) -> Vec<DomainView> {
        let view = |domain: &Arc<Domain>| DomainView {
            domain: domain.name.to_string(),
            tenant: domain.tenant.text(),
            policy: domain.algorithm.as_str().to_owned(),
            contacts_max: domain.contacts_max,
        };
        self.house.directory().domains().iter().map(view).collect()
    }

    pub fn directory(&self) -> &Directory {
        self.house.directory()
    }

    pub(crate) fn kept(&self) -> &Kept {
        &self.sign_in
    }

    pub(crate) fn house(&self) -> &dyn House {
        &*self.house
    }

    pub(crate) fn found_calls(&self, query: &CallQuery) -> Result<Vec<CallRow>, StorageError> {
        match &self.calls_reader {
            Some(reader) => reader.lock().unwrap_or_else(PoisonError::into_inner).calls(query),
            None => self.records().calls(query),
        }
    }

    pub(crate) fn counted_quality(&self, query: &QualityQuery) -> Result<Quality, StorageError> {
        match &self.calls_reader {
            Some(reader) => reader.lock().unwrap_or_else(PoisonError::into_inner).quality(query),
            None => self.records().quality(query),
        }
    }

    pub(crate) fn records(&self) -> MutexGuard<'_, Box<dyn Records>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing was changed, and the same request may be tried again.
pub(crate) fn not_written(error: StorageError) -> Refusal {
    match error {
        StorageError::Refused(why) => refuse(why),
        other => Refusal::new(Why::Unavailable, other.to_string()),
    }
}

/// What to do is in the text too: a row of a file is told nothing else.
fn not_weak(secret: Option<&GivenSecret>) -> Result<(), Refusal> {
    match secret.is_some_and(|secret| secret.reveal().chars().count() < SECRET_CHARS_MIN) {
        true => Err(Refusal::new(
            Why::Weak,
            format!(
                "the secret has fewer than {SECRET_CHARS_MIN} characters, which strangers guess: give a longer one, or none, and one is made"
            ),
        )),
        false => Ok(()),
    }
}

pub(crate) fn not_too_many(accounts: usize) -> Result<(), Refusal> {
    match accounts {
        0..=ACCOUNTS_PER_REQUEST_MAX => Ok(()),
        _ => Err(Refusal::new(Why::Invalid, format!("at most {ACCOUNTS_PER_REQUEST_MAX} accounts at once"))),
    }
}

pub(crate) fn not_reserved(aor: &Aor) -> Result<(), Refusal> {
    if aor.user() != ECHO_USER {
        return Ok(());
    }
    let text = format!("`{aor}`: `{ECHO_USER}` is the answering service of the server; take another name");
    Err(Refusal::new(Why::Invalid, text))
}

/// Rings of at most this long (seconds): a call is given up after three minutes.
const FORWARD_AFTER_S_MAX: u16 = 170;

fn forwarding(directory: &Directory, aor: &Aor, change: &AccountChange) -> Result<ForwardingPatch, Refusal> {
    let invalid = |text: String| Refusal::new(Why::Invalid, text);
    let target = |text: &Option<String>| {
        let Some(text) = text else { return Ok(None) };
        let target = forward_target(text, aor.domain()).map_err(|why| invalid(format!("`{text}` {why}")))?;
        if target.as_deref().is_some_and(|uri| uri.strip_prefix("sip:") == Some(aor.as_str())) {
            return Err(invalid(format!("{aor} would be forwarded to itself")));
        }
        if target.as_deref().is_some_and(|uri| is_nobody(directory, uri)) {
            return Err(invalid(format!("`{text}` is no account, and every call of {aor} would fail")));
        }
        Ok(Some(target))
    };
    if change.forward_after_s.is_some_and(|after| !(1..=FORWARD_AFTER_S_MAX).contains(&after)) {
        return Err(invalid(format!(
            "it rings for 1 to {FORWARD_AFTER_S_MAX} seconds before it is forwarded"
        )));
    }
    Ok(ForwardingPatch {
        always: target(&change.forward_always)?,
        busy: target(&change.forward_busy)?,
        no_answer: target(&change.forward_no_answer)?,
        offline: target(&change.forward_offline)?,
        after_s: change.forward_after_s,
        do_not_disturb: change.dnd,
    })
}

pub(crate) fn pickup_groups(names: &[String]) -> Result<PickupGroups, Refusal> {
    // What has a comma in it is no name.
    let bad = names.iter().find(|name| name.contains(','));
    let error = bad.map(|name| PickupGroupsError::BadName(name.as_str().into()));
    let groups = error.map_or_else(|| PickupGroups::parse(&names.join(",")), Err);
    groups.map_err(|error| Refusal::new(Why::Invalid, error.to_string()))
}

pub(crate) fn view(account: &Account, directory: &Directory) -> AccountView {
    let device = |device: &Device| DeviceView {
        device: device_name(device.id),
        name: device.name.to_string(),
        policy: device.policy.as_str().to_owned(),
        created_at_s: device.created_at_s,
        proved_sha256: device.proved_sha256(),
        dtmf: device.dtmf.as_str().to_owned(),
    };
    let rules = account.forwarding.as_deref().cloned().unwrap_or_default();
    AccountView {
        id: account.id.text(),
        user: account.user.map(Id::text),
        login: account.user.and_then(|user| directory.user(user)).map(|user| user.login.to_string()),
        account: account.aor.to_string(),
        display_name: account.display_name.to_string(),
        enabled: account.enabled,
        policy: account.policy.as_str().to_owned(),
        contacts_max: account.contacts_max,
        relay: directory.said(account, |terms| terms.relay_foreign).is_some_and(|(may, _)| may),
        terms: account.terms.as_deref().map(TermsView::of).unwrap_or_default(),
        groups: account
            .groups
            .iter()
            .map(|id| directory.group(*id).map_or_else(|| id.text(), |g| g.name.to_string()))
            .collect(),
        aliases: account.aliases.iter().map(ToString::to_string).collect(),
        pickup: account.picked_up,
        pickup_groups: account.pickup_groups.names().map(str::to_owned).collect(),
        record: account.record.as_str().to_owned(),
        forward_always: rules.always.map(String::from),
        forward_busy: rules.busy.map(String::from),
        forward_no_answer: rules.no_answer.map(String::from),
        forward_offline: rules.offline.map(String::from),
        forward_after_s: rules.after_s,
        dnd: rules.do_not_disturb,
        devices: account.devices.iter().map(device).collect(),
    }
}

fn device_id(text: &str, aor: &Aor) -> Result<DeviceId, Refusal> {
    text.parse().map(DeviceId).map_err(|_| {
        Refusal::new(Why::Invalid, format!("`{text}` is no device; `coeur device list {aor}` shows them"))
    })
}

pub(crate) fn device_name(id: DeviceId) -> String {
    id.0.to_string()
}

/// An address that is given to somebody. One that was given before this was asked is still read by [`aor`].
pub(crate) fn new_aor(text: &str) -> Result<Aor, Refusal> {
    let aor = aor(text)?;
    match is_plain(aor.as_str()) {
        true => Ok(aor),
        false => Err(Refusal::new(
            Why::Invalid,
            format!("`{}` has characters that turn the direction of writing", text.escape_unicode()),
        )),
    }
}

pub(crate) fn aor(text: &str) -> Result<Aor, Refusal> {
    Aor::parse(text).map_err(|why| Refusal::new(Why::Invalid, format!("`{text}`: {why}")))
}

pub(crate) fn policy(text: &str) -> Result<AlgorithmPolicy, Refusal> {
    AlgorithmPolicy::parse(text)
        .ok_or_else(|| Refusal::new(Why::Invalid, format!("policy `{text}` is none of auto, sha256, md5")))
}

fn dtmf(text: &str) -> Result<Dtmf, Refusal> {
    Dtmf::parse(text).ok_or_else(|| {
        Refusal::new(Why::Invalid, format!("dtmf `{text}` is none of auto, rfc4733, info, inband"))
    })
}

pub(crate) fn record_policy(text: &str) -> Result<RecordPolicy, Refusal> {
    RecordPolicy::parse(text)
        .ok_or_else(|| Refusal::new(Why::Invalid, format!("record `{text}` is none of off, on-demand, all")))
}

/// As it is kept: without white space around it.
pub(crate) fn name(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    if text.len() > NAME_BYTES_MAX || !is_plain(text) {
        let text = format!(
            "a name has at most {NAME_BYTES_MAX} bytes, no control characters and none that are not seen or turn the direction of writing"
        );
        return Err(Refusal::new(Why::Invalid, text));
    }
    Ok(text)
}

pub(crate) fn refuse(error: ChangeError) -> Refusal {
    let why = match &error {
        ChangeError::DomainExists(_)
        | ChangeError::AccountExists(_)
        | ChangeError::TenantExists(_)
        | ChangeError::UserExists(_)
        | ChangeError::GroupExists(_)
        | ChangeError::ContactExists(_)
        | ChangeError::NumberExists(_)
        | ChangeError::AliasExists { .. } => Why::Exists,
        ChangeError::UnknownTenant(_)
        | ChangeError::UnknownUser(_)
        | ChangeError::UnknownGroup(_)
        | ChangeError::UnknownContact(_)
        | ChangeError::UnknownNumber(_)
        | ChangeError::UnknownAlias { .. }
        | ChangeError::UnknownDomain(_)
        | ChangeError::UnknownAccount(_)
        | ChangeError::UnknownDevice { .. } => Why::NotFound,
        ChangeError::DomainInUse { .. }
        | ChangeError::DomainHasAlias { .. }
        | ChangeError::BadDomain(_)
        | ChangeError::TooManyDevices(_)
        | ChangeError::TenantInUse(_)
        | ChangeError::TooManyTenants
        | ChangeError::UserInUse { .. }
        | ChangeError::OtherTenant { .. }
        | ChangeError::LastOwner(_)
        | ChangeError::GroupInUse { .. }
        | ChangeError::TooManyGroups
        | ChangeError::TooManyGroupsOf(_)
        | ChangeError::BadContact(_)
        | ChangeError::NoNumber(_)
        | ChangeError::BadNumberText(_)
        | ChangeError::TooManyNumbers { .. }
        | ChangeError::TooManyContacts { .. }
        | ChangeError::TooManyAliases(_) => Why::Invalid,
        ChangeError::NumberInUse { .. } => Why::NotNow,
        ChangeError::IdInUse(_) => Why::Unavailable,
    };
    Refusal::new(why, error.to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use coeur_directory::TenantId;
    use coeur_storage::{Keep, Numbered, SignInChange};
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Default)]
    pub(crate) struct Flat {
        directory: Directory,
        randoms: AtomicU64,
        /// Commits that the records were asked for.
        asked: Arc<AtomicU64>,
        revoked: Mutex<Vec<String>>,
    }

    impl House for Flat {
        fn directory(&self) -> &Directory {
            &self.directory
        }
        fn revoked(&self, aor: &Aor, device: Option<DeviceId>) {
            self.revoked.lock().unwrap().push(format!("{aor} {}", device.is_some()));
        }
        fn ice_server(&self, aor: &Aor, device: DeviceId) -> Option<IceServerView> {
            Some(IceServerView {
                urls: Vec::new(),
                username: format!("{aor} {}", device.0),
                credential: GivenSecret::new("s".into()),
                expires_at_s: 0,
            })
        }
        fn status(&self) -> Status {
            Status::default()
        }
        fn registrations(&self, _: Option<&Aor>, _: Option<&str>, _: usize) -> RegistrationsPage {
            RegistrationsPage::default()
        }
        fn traces(&self, _: &TraceRequest) -> Vec<TraceView> {
            Vec::new()
        }
        fn random(&self, bytes: &mut [u8]) {
            let n = self.randoms.fetch_add(1, Ordering::Relaxed) + 1;
            bytes.iter_mut().zip((n << 8).to_le_bytes().iter().cycle()).for_each(|(b, n)| *b = *n);
        }
        fn unix_time_ms(&self) -> u64 {
            7_000
        }
    }

    /// Thinks about a question until it is told to answer.
    struct Slow(std::sync::mpsc::Receiver<()>);

    impl CallReader for Slow {
        fn calls(&mut self, _: &CallQuery) -> Result<Vec<CallRow>, StorageError> {
            Ok(Vec::new())
        }
        fn quality(&mut self, _: &QualityQuery) -> Result<Quality, StorageError> {
            self.0.recv().expect("it is told");
            Ok(Quality::default())
        }
    }

    #[test]
    fn a_question_about_calls_that_takes_long_holds_no_change() {
        let (mut door, _) = door(false);
        let (tell, told) = std::sync::mpsc::channel();
        door.calls_reader = Some(Mutex::new(Box::new(Slow(told))));
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| {
                let request = Request::CallQuality(crate::CallQualityRequest::default());
                door.answer(&operator(), request).map(|_| ())
            });
            add(&door, &["a@d"]).expect("a change is made meanwhile");
            assert!(!asked.is_finished());
            tell.send(()).unwrap();
            asked.join().unwrap().expect("and the question is answered");
        });
    }

    struct Paper {
        full: bool,
        last: [u64; Numbered::ALL.len()],
        asked: Arc<AtomicU64>,
    }

    impl coeur_storage::PhoneRecords for Paper {}

    impl coeur_storage::HookRecords for Paper {}

    impl Records for Paper {
        fn load(&mut self, _: &Directory) -> Result<Vec<String>, StorageError> {
            Ok(Vec::new())
        }
        fn commit(
            &mut self,
            _: &Operator,
            _: &[Change],
            _: u64,
            _: &mut dyn FnMut(usize),
        ) -> Result<(), StorageError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.full { Err(StorageError::JournalFull) } else { Ok(()) }
        }
        fn commit_with_sign_in(
            &mut self,
            operator: &Operator,
            changes: &[Change],
            _: &[coeur_storage::SignInChange],
            at_ms: u64,
        ) -> Result<(), StorageError> {
            self.commit(operator, changes, at_ms, &mut |_| {})
        }
        fn next_number(&mut self, of: Numbered) -> Result<u64, StorageError> {
            let last = &mut self.last[of as usize];
            if of == Numbered::Tenant && *last == 0 {
                *last = TenantId::FIRST.0;
            }
            *last += 1;
            Ok(*last)
        }
        fn setting(&mut self, _: &str) -> Result<Option<String>, StorageError> {
            Ok(None)
        }
        fn add_calls(&mut self, _: &[CallRow], _: Keep, _: u64) -> Result<(), StorageError> {
            Ok(())
        }
        fn talked(&mut self, _: u32) -> Result<Vec<coeur_storage::TalkedRow>, StorageError> {
            Ok(Vec::new())
        }
        fn calls(&mut self, _: &CallQuery) -> Result<Vec<CallRow>, StorageError> {
            Ok(Vec::new())
        }
        fn call(&mut self, _: u128) -> Result<Option<CallRow>, StorageError> {
            Ok(None)
        }
        fn quality(
            &mut self,
            _: &coeur_storage::QualityQuery,
        ) -> Result<coeur_storage::Quality, StorageError> {
            Ok(coeur_storage::Quality::default())
        }
        fn add_recording(&mut self, _: &coeur_storage::RecordingRow, _: u64) -> Result<(), StorageError> {
            Ok(())
        }
        fn recordings(&mut self, _: u128) -> Result<Vec<coeur_storage::RecordingRow>, StorageError> {
            Ok(Vec::new())
        }
        fn newest_recordings(
            &mut self,
            _: Option<(u128, u16)>,
            _: usize,
        ) -> Result<Vec<coeur_storage::RecordingRow>, StorageError> {
            Ok(Vec::new())
        }
        fn note(
            &mut self,
            _: &Operator,
            _: &'static str,
            _: &str,
            _: &str,
            _: u64,
        ) -> Result<(), StorageError> {
            if self.full { Err(StorageError::JournalFull) } else { Ok(()) }
        }
        fn keep_sign_in(&mut self, _: &Operator, _: &[SignInChange], _: u64) -> Result<(), StorageError> {
            if self.full { Err(StorageError::JournalFull) } else { Ok(()) }
        }
        fn sign_in(&mut self) -> Result<Vec<SignInChange>, StorageError> {
            Ok(Vec::new())
        }
        fn keep_answer(&mut self, _: &coeur_storage::AnswerRow) -> Result<(), StorageError> {
            Ok(())
        }
        fn answers(&mut self, _: u64) -> Result<Vec<coeur_storage::AnswerRow>, StorageError> {
            Ok(Vec::new())
        }
        fn mac_key(&self, _: &'static str) -> Option<aws_lc_rs::hmac::Key> {
            None
        }
        fn audit(
            &mut self,
            _: u64,
            _: Option<u64>,
            _: usize,
        ) -> Result<Vec<coeur_storage::AuditRow>, StorageError> {
            Ok(Vec::new())
        }
        fn verify_audit(&mut self) -> Result<Option<u64>, StorageError> {
            Ok(None)
        }
    }

    pub(crate) fn operator() -> Operator {
        Operator::owner_of_data("test")
    }

    pub(crate) fn door(full: bool) -> (Door, Arc<Flat>) {
        let house = Arc::new(Flat::default());
        house.directory.apply(&Change::DomainAdded(Domain::new("d"))).unwrap();
        (
            Door::new(
                house.clone(),
                Box::new(Paper { full, last: Default::default(), asked: house.asked.clone() }),
            ),
            house,
        )
    }

    fn new(account: &str) -> NewAccount {
        NewAccount { account: account.to_owned(), policy: "auto".to_owned(), ..NewAccount::default() }
    }

    fn add(door: &Door, accounts: &[&str]) -> Result<Reply, Refusal> {
        let accounts = accounts.iter().map(|account| new(account)).collect();
        door.answer(&operator(), Request::AccountsAdd { accounts })
    }

    #[test]
    fn an_account_is_made_with_a_secret_and_shown_without_it() {
        let (door, house) = door(false);
        let Ok(Reply::Made(made)) = add(&door, &["alice@d"]) else { panic!("not made") };
        assert_eq!(made[0].secret.as_ref().map(|secret| secret.reveal().len()), Some(32));
        assert_eq!(house.directory.accounts(), 1);
        let shown = door.answer(&operator(), Request::AccountShow { account: "alice@d".into() });
        let json = serde_json::to_string(&shown.unwrap_or(Reply::Done)).unwrap();
        assert!(
            json.contains("alice@d") && !json.contains(made[0].secret.as_ref().unwrap().reveal()),
            "{json}"
        );
    }

    #[test]
    fn an_account_that_would_hide_the_answering_service_is_refused() {
        let (door, house) = door(false);
        let refusal = add(&door, &["bob@d", "echo@d"]).err().expect("refused");
        assert_eq!(refusal.why, Why::Invalid);
        assert!(refusal.text.contains("`echo` is the answering service"), "{}", refusal.text);
        assert_eq!(house.directory.accounts(), 0);
        assert!(add(&door, &["echo2@d"]).is_ok());
    }

    #[test]
    fn an_account_is_forwarded_to_whom_can_be_called_and_not_to_itself() {
        let (door, house) = door(false);
        assert!(add(&door, &["alice@d"]).is_ok());
        let set =
            |change| door.answer(&operator(), Request::AccountChange { account: "alice@d".into(), change });
        let always =
            |text: &str| AccountChange { forward_always: Some(text.into()), ..AccountChange::default() };
        for text in ["alice", "sip:alice@d", "http://x/", "", "*", "bob"] {
            assert_eq!(set(always(text)).err().map(|refusal| refusal.why), Some(Why::Invalid), "{text}");
        }
        for after in [0, 171] {
            let change = AccountChange { forward_after_s: Some(after), ..AccountChange::default() };
            assert!(set(change).is_err(), "{after}");
        }
        assert!(add(&door, &["bob@d"]).is_ok());
        assert!(set(always("bob")).is_ok());
        let rules = || house.directory.account(b"alice", b"d").and_then(|account| account.forwarding.clone());
        assert_eq!(rules().and_then(|rules| rules.always).as_deref(), Some("sip:bob@d"));
        let dnd = AccountChange { dnd: Some(true), ..AccountChange::default() };
        assert!(set(dnd).is_ok() && set(always("no")).is_ok());
        assert!(rules().is_some_and(|rules| rules.always.is_none() && rules.do_not_disturb));
        let dnd = AccountChange { dnd: Some(false), ..AccountChange::default() };
        assert!(set(dnd).is_ok() && rules().is_none(), "what has no rules keeps none");
    }

    #[test]
    fn an_account_is_in_pickup_groups_that_have_names_and_in_none_again() {
        let (door, house) = door(false);
        assert!(add(&door, &["alice@d"]).is_ok());
        let set = |groups: &[&str]| {
            let names = groups.iter().map(|name| (*name).to_owned()).collect();
            let change = AccountChange { pickup_groups: Some(names), ..AccountChange::default() };
            door.answer(&operator(), Request::AccountChange { account: "alice@d".into(), change })
        };
        let groups = || house.directory.account(b"alice", b"d").map(|account| account.pickup_groups.clone());
        assert!(set(&["Support", "sales"]).is_ok());
        assert_eq!(groups().as_ref().map(PickupGroups::as_str), Some("sales,support"));
        for bad in [&["a b"][..], &["a,b"], &["é"], &["1", "2", "3", "4", "5", "6", "7", "8", "9"]] {
            assert_eq!(set(bad).err().map(|refusal| refusal.why), Some(Why::Invalid), "{bad:?}");
        }
        assert!(set(&[]).is_ok());
        assert_eq!(groups(), Some(PickupGroups::default()));
    }

    #[test]
    fn a_domain_is_removed_however_it_is_written_and_one_that_is_not_there_is_not() {
        let (door, house) = door(false);
        let remove = |domain: &str| door.answer(&operator(), Request::DomainRemove { domain: domain.into() });
        assert_eq!(remove("e").err().map(|refusal| refusal.why), Some(Why::NotFound));
        assert!(remove("D.").is_ok());
        assert!(house.directory.domains().is_empty());
    }

    #[test]
    fn a_batch_is_made_whole_or_not_at_all() {
        let (door, house) = door(false);
        for batch in [["bob@d", "bob@d"], ["bob@d", "carol@elsewhere"], ["bob@d", "no account"]] {
            assert!(add(&door, &batch).is_err());
            assert_eq!(house.directory.accounts(), 0);
        }
    }

    #[test]
    fn what_is_not_on_disk_is_not_in_the_directory() {
        let (door, house) = door(true);
        let refusal = add(&door, &["alice@d"]).err().unwrap();
        assert_eq!(refusal.why, Why::Unavailable);
        assert_eq!(house.directory.accounts(), 0);
    }

    #[test]
    fn a_revocation_reaches_the_shards_once_it_is_durable() {
        let (door, house) = door(false);
        let Ok(Reply::Made(made)) = add(&door, &["alice@d"]) else { panic!("not made") };
        let operator = operator();
        let device = made[0].device.clone();
        assert!(door.answer(&operator, Request::DeviceRevoke { account: "alice@d".into(), device }).is_ok());
        assert!(door.answer(&operator, Request::AccountRemove { account: "alice@d".into() }).is_ok());
        assert_eq!(*house.revoked.lock().unwrap(), ["alice@d true", "alice@d false"]);
        let gone =
            door.answer(&operator, Request::AccountRemove { account: "alice@d".into() }).err().unwrap();
        assert_eq!(gone.why, Why::NotFound);
    }

    #[test]
    fn of_changes_that_stand_alone_one_that_cannot_be_made_holds_up_no_other() {
        let (door, house) = door(false);
        add(&door, &["alice@d", "bob@d"]).map_err(|refusal| refusal.text).map(drop).unwrap();
        let proved = |account: &str, device| Change::DeviceProvedSha256 {
            aor: Aor::parse(account).unwrap(),
            device: DeviceId(device),
        };
        let changes = vec![proved("alice@d", 1), proved("gone@d", 9), proved("bob@d", 2)];
        assert_eq!(door.changes(&operator(), changes).len(), 1);
        for account in ["alice@d", "bob@d"] {
            let account = house.directory.account_of(&Aor::parse(account).unwrap()).unwrap();
            assert!(account.devices[0].proved_sha256());
        }
    }

    #[test]
    fn a_disk_that_refuses_many_changes_is_asked_once() {
        let (door, house) = door(true);
        let changes = ["a", "b", "c"].map(|name| Change::DomainAdded(Domain::new(name)));
        let refusals = door.changes(&operator(), changes.to_vec());
        assert_eq!(refusals.iter().map(|refusal| refusal.why).collect::<Vec<_>>(), [Why::Unavailable; 3]);
        assert_eq!(house.asked.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn how_a_device_says_its_keys_is_changed_by_its_number() {
        let (door, house) = door(false);
        let Ok(Reply::Made(made)) = add(&door, &["alice@d"]) else { panic!("not made") };
        let change = |device: &str, dtmf: &str| Request::DeviceChange {
            account: "alice@d".into(),
            device: device.into(),
            dtmf: dtmf.into(),
        };
        let device = made[0].device.clone();
        assert!(door.answer(&operator(), change(&device, "inband")).is_ok());
        let account = house.directory.account_of(&Aor::parse("alice@d").unwrap()).unwrap();
        assert_eq!(view(&account, &house.directory).devices[0].dtmf, "inband");
        for (device, dtmf, part) in [
            (&*device, "morse", "none of auto"),
            ("x", "info", "is no device"),
            ("99", "info", "has no device"),
        ] {
            let refusal = door.answer(&operator(), change(device, dtmf)).err().expect("refused");
            assert!(refusal.text.contains(part), "{}", refusal.text);
        }
    }

    #[test]
    fn credentials_of_turn_are_for_a_device_of_an_account_that_may_call() {
        let (door, _) = door(false);
        add(&door, &["alice@d"]).map_err(|refusal| refusal.text).map(drop).unwrap();
        let ask = |device: Option<&str>| {
            let request = Request::IceServer { account: "alice@d".into(), device: device.map(str::to_owned) };
            match door.answer(&operator(), request) {
                Ok(Reply::IceServer(view)) => Ok(view.username),
                Ok(_) => panic!("another reply"),
                Err(refusal) => Err(refusal.why),
            }
        };
        let first = ask(None).unwrap();
        let device = first.strip_prefix("alice@d ").unwrap().to_owned();
        assert_eq!(ask(Some(&device)), Ok(first));
        assert_eq!(ask(Some("999")), Err(Why::NotFound));
        let change = AccountChange { enabled: Some(false), ..AccountChange::default() };
        let disable = Request::AccountChange { account: "alice@d".into(), change };
        assert!(door.answer(&operator(), disable).is_ok());
        assert_eq!(ask(None), Err(Why::Forbidden));
    }

    #[test]
    fn a_list_is_given_page_by_page_and_by_domain() {
        let (door, house) = door(false);
        house.directory.apply(&Change::DomainAdded(Domain::new("e"))).unwrap();
        add(&door, &["a@d", "b@e", "c@d"]).map_err(|refusal| refusal.text).map(drop).unwrap();
        let list = |domain: Option<&str>, after: Option<&str>, limit| {
            let request =
                Request::AccountsList { domain: domain.map(Into::into), after: after.map(Into::into), limit };
            match door.answer(&operator(), request) {
                Ok(Reply::Accounts(views)) => views.into_iter().map(|view| view.account).collect::<Vec<_>>(),
                _ => panic!("no list"),
            }
        };
        assert_eq!(list(None, None, 2), ["a@d", "b@e"]);
        assert_eq!(list(None, Some("b@e"), 2), ["c@d"]);
        assert_eq!(list(Some("D"), None, 2), ["a@d", "c@d"]);
    }
}
