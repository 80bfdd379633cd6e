//! Accounts: an address of record, its rules, and its devices.

use super::caller::{Access, Action, Resource};
use super::change::{self, Change};
use super::devices::DeviceResource;
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, Page, escaped};
use super::problem::{Code, Problem};
use crate::door::view;
use crate::groups::{TermsChange, TermsView};
use crate::ids::Id as _;
use crate::model::{AccountChange, AccountView, GivenSecret, NewAccount, Reply, Request};
use coeur_directory::{Account, AccountId, Aor, Directory};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::Accounts;
    vec![
        Operation::get(("/accounts", "list_accounts"), Accounts, "Accounts, by their address of record.", list)
            .query::<ListQuery>()
            .answer::<Page<AccountResource>>(),
        Operation::post(("/accounts", "add_account"), Accounts, "Makes an account with its first device; a secret that is made here is shown this once.", add)
            .body::<NewAccountBody>()
            .status(201)
            .answer::<AccountMade>()
            .dry(),
        Operation::get(("/accounts/{account}", "show_account"), Accounts, "One account.", show)
            .answer::<AccountResource>(),
        Operation::patch(("/accounts/{account}", "change_account"), Accounts, "Changes what the body names; `null` takes a rule away. An account that is disabled loses its registrations at once.", patch)
            .body::<AccountPatchBody>()
            .answer::<AccountResource>()
            .dry()
            .conditional(),
        Operation::delete(("/accounts/{account}", "remove_account"), Accounts, "Removes an account with its devices; its registrations end at once.", remove)
            .takes(Access::Admin)
            .dry()
            .conditional(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Account")]
pub(crate) struct AccountResource {
    /// `acc_NUMBER`; an address takes this or `user@domain`.
    id: String,
    /// The address of record, `user@domain`.
    account: String,
    /// Whose it is, as `usr_4`; `null`: nobody's.
    user_id: Option<String>,
    display_name: String,
    enabled: bool,
    /// Which digest algorithms it may use: `auto`, `sha256` or `md5`.
    policy: String,
    /// Registrations at a time; `null`: the limit of its domain.
    contacts_max: Option<u16>,
    /// It may call and write to domains that are not ours, whoever has said so.
    relay: bool,
    /// What it says itself of its rights and quota; what it does not say its groups and its tenant do.
    terms: TermsView,
    /// Names of its groups, the first counts first.
    groups: Vec<String>,
    /// Further addresses that reach it.
    aliases: Vec<String>,
    /// Other accounts of its domain may answer its calls while they ring.
    pickup: bool,
    /// Who is in one of these too may answer its calls while they ring.
    pickup_groups: Vec<String>,
    /// Which of its calls are recorded: `off`, `on-demand` or `all`.
    record: String,
    /// Where its calls go, as URIs; `null`: nowhere else.
    forward_always: Option<String>,
    forward_busy: Option<String>,
    forward_no_answer: Option<String>,
    forward_offline: Option<String>,
    /// How long it rings before nobody has answered.
    forward_after_s: u16,
    /// Do not disturb.
    dnd: bool,
    devices: Vec<DeviceResource>,
}

impl AccountResource {
    pub fn of(account: &Account, directory: &Directory) -> Self {
        let AccountView {
            id,
            account: address,
            user,
            login: _,
            display_name,
            enabled,
            policy,
            contacts_max,
            relay,
            terms,
            groups,
            aliases,
            pickup,
            pickup_groups,
            record,
            forward_always,
            forward_busy,
            forward_no_answer,
            forward_offline,
            forward_after_s,
            dnd,
            devices: _,
        } = view(account, directory);
        let devices = account.devices.iter().map(|device| DeviceResource::of(account, device)).collect();
        Self {
            id,
            account: address,
            user_id: user,
            display_name,
            enabled,
            policy,
            contacts_max,
            relay,
            terms,
            groups,
            aliases,
            pickup,
            pickup_groups,
            record,
            forward_always,
            forward_busy,
            forward_no_answer,
            forward_offline,
            forward_after_s,
            dnd,
            devices,
        }
    }
}

/// The account that a path names, by its id or its address.
pub(crate) fn named(call: &Call<'_>) -> Result<Arc<Account>, Problem> {
    of_name(call, call.part("account"))
}

pub(crate) fn of_name(call: &Call<'_>, name: &str) -> Result<Arc<Account>, Problem> {
    let directory = call.web.door().house().directory();
    let found = match AccountId::parse(name) {
        Some(id) => directory.account_by_id(id),
        None => Aor::parse(name).ok().and_then(|aor| directory.account_of(&aor)),
    };
    let found = found.filter(|account| call.has(account));
    found.ok_or_else(|| Problem::because(Code::NotFound, format!("`{name}` is no account")))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Rows of a page, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    cursor: Option<String>,
    domain: Option<String>,
    /// A part of the address or of the name, in any case.
    q: Option<String>,
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: ListQuery = call.query()?;
    let limit = page::limit(query.limit)?;
    let read =
        |text: &String| Aor::parse(text).map_err(|_| Problem::at("?cursor", "this is none that a page gave"));
    let mut after = query.cursor.as_ref().map(read).transpose()?;
    let sought = query.q.as_deref().map(str::to_lowercase);
    let wanted = |account: &Account| {
        let holds = |text: &str| sought.as_deref().is_none_or(|sought| text.to_lowercase().contains(sought));
        query.domain.as_deref().is_none_or(|domain| account.aor.domain().eq_ignore_ascii_case(domain))
            && (holds(account.aor.as_str()) || holds(&account.display_name))
            && call.has(account)
    };
    let mut found = Vec::new();
    while found.len() <= limit {
        let rows = call.web.door().house().directory().page(after.as_ref(), page::LIMIT_MAX);
        let Some(last) = rows.last() else { break };
        after = Some(last.aor.clone());
        found.extend(rows.into_iter().filter(|account| wanted(account)));
    }
    let page = Page::cut(found, limit, |account| account.aor.to_string());
    page.map(|account| AccountResource::of(&account, call.web.door().directory())).answer(call)
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    Answer::json(AccountResource::of(&*named(call)?, call.web.door().directory()))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewAccount")]
struct NewAccountBody {
    /// `user@domain`, of a domain that is there.
    account: String,
    #[serde(default)]
    display_name: String,
    /// Whose it is, by login or `usr_NUMBER`.
    user: Option<String>,
    /// Of its first device, 8 characters or more; made, and shown once, when absent.
    #[schemars(with = "Option<String>")]
    secret: Option<GivenSecret>,
    /// `auto`, `sha256` or `md5`.
    #[serde(default = "auto")]
    policy: String,
}

fn auto() -> String {
    "auto".to_owned()
}

#[derive(Serialize, JsonSchema)]
struct AccountMade {
    account: AccountResource,
    /// Of its first device.
    device_id: String,
    /// Shown this once, and only if it was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    secret: Option<GivenSecret>,
}

fn add(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: NewAccountBody = call.json()?;
    let address = body.account.clone();
    let new = NewAccount {
        account: body.account,
        display_name: body.display_name,
        user: body.user,
        secret: body.secret,
        policy: body.policy,
        ..NewAccount::default()
    };
    let request = Request::AccountsAdd { accounts: vec![new] };
    if call.is_dry {
        return change::rehearse(call, request, &Change::Made { what: &address });
    }
    let Reply::Made(made) = call.ask(request)? else { return Err(unexpected()) };
    let made = made.into_iter().next().ok_or_else(unexpected)?;
    let account = AccountResource::of(&*of_name(call, &made.account)?, call.web.door().directory());
    let device_id = format!("{}{}", coeur_directory::DeviceId::PREFIX, made.device);
    let place = format!("/api/v1/accounts/{}", escaped(&account.id));
    Answer::created(AccountMade { account, device_id, secret: made.secret }, &place)
}

/// What is absent stays as it is.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "AccountPatch")]
struct AccountPatchBody {
    #[schemars(with = "Option<String>")]
    #[serde(deserialize_with = "said")]
    display_name: Option<Option<String>>,
    /// Whose it is, by login or `usr_NUMBER`; `null`: nobody's.
    #[schemars(with = "Option<String>")]
    #[serde(deserialize_with = "said")]
    user: Option<Option<String>>,
    enabled: Option<bool>,
    /// `auto`, `sha256` or `md5`.
    policy: Option<String>,
    /// `null`: the limit of its domain.
    #[schemars(with = "Option<u16>")]
    #[serde(deserialize_with = "said")]
    contacts_max: Option<Option<u16>>,
    relay: Option<bool>,
    /// What it says itself of its rights and quota.
    terms: TermsChange,
    /// Names or numbers of groups, the first counts first.
    groups: Option<Vec<String>>,
    pickup: Option<bool>,
    pickup_groups: Option<Vec<String>>,
    /// `off`, `on-demand` or `all`.
    record: Option<String>,
    /// A SIP or tel URI, `user@domain`, or the name of an account of its domain; `null`: nowhere else.
    #[schemars(with = "Option<String>")]
    #[serde(deserialize_with = "said")]
    forward_always: Option<Option<String>>,
    #[schemars(with = "Option<String>")]
    #[serde(deserialize_with = "said")]
    forward_busy: Option<Option<String>>,
    #[schemars(with = "Option<String>")]
    #[serde(deserialize_with = "said")]
    forward_no_answer: Option<Option<String>>,
    #[schemars(with = "Option<String>")]
    #[serde(deserialize_with = "said")]
    forward_offline: Option<Option<String>>,
    forward_after_s: Option<u16>,
    dnd: Option<bool>,
}

/// What is there, be it `null`: absence is the default of the field.
pub(crate) fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl AccountPatchBody {
    /// What an account may do, and what is kept of its calls, is not for everybody who looks after phones. A group gives both.
    fn is_about_terms(&self) -> bool {
        let says = self.relay.is_some() || self.record.is_some() || self.groups.is_some();
        says || self.terms != TermsChange::default()
    }

    fn change(self) -> AccountChange {
        let target =
            |said: Option<Option<String>>| said.map(|target| target.unwrap_or_else(|| "no".to_owned()));
        AccountChange {
            display_name: self.display_name.map(Option::unwrap_or_default),
            user: target(self.user),
            enabled: self.enabled,
            policy: self.policy,
            contacts_max: self.contacts_max.map(Option::unwrap_or_default),
            relay: self.relay,
            terms: self.terms,
            groups: self.groups,
            pickup: self.pickup,
            pickup_groups: self.pickup_groups,
            record: self.record,
            forward_always: target(self.forward_always),
            forward_busy: target(self.forward_busy),
            forward_no_answer: target(self.forward_no_answer),
            forward_offline: target(self.forward_offline),
            forward_after_s: self.forward_after_s,
            dnd: self.dnd,
        }
    }
}

fn patch(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: AccountPatchBody = call.json()?;
    let account = named(call)?;
    if body.is_about_terms() {
        call.caller.require(Action::Change, Resource::Terms, Access::Write)?;
    }
    // Whoever an account is handed to has its calls and what is kept of them.
    if body.user.is_some() {
        call.caller.require(Action::Change, Resource::Users, Access::Write)?;
    }
    let request = Request::AccountChange { account: account.aor.to_string(), change: body.change() };
    let now = || Ok(AccountResource::of(&*of_name(call, account.aor.as_str())?, call.web.door().directory()));
    change::patch(call, request, now)
}

fn remove(call: &Call<'_>) -> Result<Answer, Problem> {
    let account = named(call)?;
    let request = Request::AccountRemove { account: account.aor.to_string() };
    change::remove(call, request, AccountResource::of(&account, call.web.door().directory()))
}
