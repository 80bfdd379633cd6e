//! People and roles of an organisation, and the tenants they belong to.
//!
//! Nobody makes, changes or removes a user who may more than he may himself.

use super::accounts::{AccountResource, of_name as account_of, said};
use super::caller::{Access, Action, Caller, Resource, Role};
use super::change::{self, Change};
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, OfTenant, Page};
use super::phones::{DevicePhoneBody, PhoneLinkResource, linked};
use super::problem::{Code, Problem};
use crate::groups::{TenantAmendment, TermsChange, TermsView};
use crate::ids::Id as _;
use crate::model::{GivenSecret, NewAccount, Reply, Request};
use crate::onboard::{NewPerson, PersonMade};
use crate::people::{NewUser, TenantView, UserAmendment, UserView};
use coeur_directory::may_give;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::{Tenants, Users};
    vec![
        Operation::get(("/tenants", "list_tenants"), Tenants, "Organisations that share this server.", list_tenants)
            .answer::<Page<TenantResource>>(),
        Operation::post(("/tenants", "add_tenant"), Tenants, "Makes a tenant.", add_tenant)
            .takes(Access::Admin)
            .body::<NamedBody>()
            .status(201)
            .answer::<TenantResource>()
            .dry(),
        Operation::get(("/tenants/{tenant}", "show_tenant"), Tenants, "One tenant.", show_tenant).answer::<TenantResource>(),
        Operation::patch(("/tenants/{tenant}", "change_tenant"), Tenants, "Changes what the body names; `null` in `terms` is said no more.", change_tenant)
            .takes(Access::Admin)
            .body::<TenantPatchBody>()
            .answer::<TenantResource>()
            .dry()
            .conditional(),
        Operation::delete(("/tenants/{tenant}", "remove_tenant"), Tenants, "Removes a tenant that has nothing any more.", remove_tenant)
            .dangerous()
            .dry()
            .conditional(),
        Operation::get(("/users", "list_users"), Users, "People and roles, by their login.", list)
            .query::<OfTenant>()
            .answer::<Page<UserResource>>(),
        Operation::post(("/users", "add_user"), Users, "Makes a user, and with `account` the account, its further addresses and the first device too, all or nothing; with `phone` a link for it; a secret that is made here is shown this once.", add)
            .body::<NewUserBody>()
            .status(201)
            .answer::<UserMade>()
            .dry(),
        Operation::get(("/users/{user}", "show_user"), Users, "One user, with the accounts that are his.", show).answer::<UserResource>(),
        Operation::patch(("/users/{user}", "change_user"), Users, "Changes what the body names.", patch)
            .body::<UserPatchBody>()
            .answer::<UserResource>()
            .dry()
            .conditional(),
        Operation::delete(("/users/{user}", "remove_user"), Users, "Removes a user; his accounts stay, and are nobody's.", remove)
            .takes(Access::Admin)
            .dry()
            .conditional(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub(crate) struct UserResource {
    /// `usr_NUMBER`; an address takes this or the login.
    id: String,
    login: String,
    /// As `ten_1`.
    tenant_id: String,
    /// `person` or `role`.
    kind: String,
    display_name: String,
    /// Empty: none is known.
    email: String,
    /// `en` or `fr`.
    language: String,
    role: String,
    enabled: bool,
    /// The accounts that are his; a list has none.
    accounts: Vec<String>,
}

impl UserResource {
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn role(&self) -> &str {
        &self.role
    }
}

impl From<UserView> for UserResource {
    fn from(view: UserView) -> Self {
        let UserView { id, login, tenant, kind, display_name, email, language, role, enabled, accounts } =
            view;
        Self { id, login, tenant_id: tenant, kind, display_name, email, language, role, enabled, accounts }
    }
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: OfTenant = call.query()?;
    let request =
        Request::UsersList { tenant: query.tenant, after: query.cursor, limit: page::limit(query.limit)? };
    let Reply::Users(found) = call.ask(request)? else { return Err(unexpected()) };
    Page::told(found.users.into_iter().map(UserResource::from).collect(), found.next).answer(call)
}

pub(crate) fn named(call: &Call<'_>, user: &str) -> Result<UserResource, Problem> {
    let Reply::User(found) = call.ask(Request::UserShow { user: user.to_owned() })? else {
        return Err(unexpected());
    };
    Ok((*found).into())
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    Answer::json(named(call, call.part("user"))?)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewUser")]
struct NewUserBody {
    /// Unique in the installation; capitals do not count.
    login: String,
    /// By its name or `ten_NUMBER`; the first one when absent.
    tenant: Option<String>,
    /// `person` or `role`.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    email: String,
    /// `en` or `fr`.
    #[serde(default)]
    language: String,
    /// `user` when absent; none that may more than who asks.
    #[serde(default)]
    role: String,
    /// `user@domain`: an account of his that is made with him.
    account: Option<String>,
    /// Of the first device of the account, 8 characters or more; made, and shown once, when absent.
    #[schemars(with = "Option<String>")]
    secret: Option<GivenSecret>,
    /// Further addresses of the account, such as `201`; one alone is of its domain.
    #[serde(default)]
    aliases: Vec<String>,
    /// A free number of the inventory, for the account: itself, or `next` for the first one that is free.
    number: Option<String>,
    /// A phone for the first device: a link by which it fetches its settings is made too.
    phone: Option<DevicePhoneBody>,
}

#[derive(Serialize, JsonSchema)]
struct UserMade {
    user: UserResource,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountResource>,
    /// Of the first device of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    /// Shown this once, and only if it was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    secret: Option<GivenSecret>,
    /// Of the phone, where one is wanted: its address, and what a code to scan holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<PhoneLinkResource>,
}

fn add(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: NewUserBody = call.json()?;
    within(call.caller, if body.role.is_empty() { "user" } else { &body.role })?;
    if body.role == Role::Owner.as_str() {
        call.caller.require_fresh(Resource::Users)?;
    }
    if body.account.is_some() {
        call.caller.require(Action::Create, Resource::Accounts, Access::Write)?;
    } else if body.secret.is_some()
        || !body.aliases.is_empty()
        || body.phone.is_some()
        || body.number.is_some()
    {
        return Err(Problem::at(
            "#/account",
            "secret, aliases, number and phone are those of an account, and none is named",
        ));
    }
    // What is free is it until somebody is made who has it.
    let _alone = body.number.is_some().then(|| call.web.one_at_a_time());
    let mut aliases = body.aliases;
    if let Some(number) = &body.number {
        call.caller.require(Action::Change, Resource::Numbers, Access::Write)?;
        let number = call.web.door().free_number(body.tenant.as_deref(), number)?;
        aliases.push(number.e164.to_string());
    }
    if let Some(phone) = &body.phone {
        call.caller.require(Action::Create, Resource::Provisioning, Access::Write)?;
        // Before anything is made: a phone that cannot be told is not connected.
        call.web.door().can_connect(&phone.clone().request(String::new(), None, Vec::new()))?;
    }
    let account = body.account.map(|account| NewAccount {
        account,
        display_name: body.display_name.clone(),
        user: None,
        secret: body.secret,
        policy: "auto".to_owned(),
        ..NewAccount::default()
    });
    let login = body.login.clone();
    let user = NewUser {
        login: body.login,
        tenant: body.tenant,
        kind: body.kind,
        display_name: body.display_name,
        email: body.email,
        language: body.language,
        role: body.role,
    };
    let person = NewPerson { user, account, aliases };
    let request = Request::PeopleAdd { people: vec![person] };
    if call.is_dry {
        return change::rehearse(call, request, &Change::Made { what: &login });
    }
    let Reply::People(people) = call.ask(request)? else { return Err(unexpected()) };
    let PersonMade { user, account: made } = people.into_iter().next().ok_or_else(unexpected)?;
    let account = made.as_ref().map(|made| account_of(call, &made.account)).transpose()?;
    let phone = match (body.phone, &made) {
        (Some(phone), Some(made)) => {
            let (account, device) = (made.account.clone(), made.device.clone());
            Some(linked(call, phone.request(account, Some(device), Vec::new()))?)
        }
        (None, _) | (_, None) => None,
    };
    let user = UserResource::from(user);
    let place = format!("/api/v1/users/{}", user.id);
    let made = UserMade {
        user,
        account: account.map(|account| AccountResource::of(&account, call.web.door().house().directory())),
        device_id: made.as_ref().map(|made| format!("{}{}", coeur_directory::DeviceId::PREFIX, made.device)),
        // A phone that fetches its settings is told another one.
        secret: made.and_then(|made| made.secret).filter(|_| phone.is_none()),
        phone,
    };
    Answer::created(made, &place)
}

/// What is absent stays as it is.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "UserPatch")]
struct UserPatchBody {
    login: Option<String>,
    kind: Option<String>,
    #[schemars(with = "Option<String>")]
    #[serde(deserialize_with = "said")]
    display_name: Option<Option<String>>,
    #[schemars(with = "Option<String>")]
    #[serde(deserialize_with = "said")]
    email: Option<Option<String>>,
    language: Option<String>,
    /// None that may more than who asks.
    role: Option<String>,
    enabled: Option<bool>,
}

fn patch(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: UserPatchBody = call.json()?;
    let user = named(call, call.part("user"))?;
    within(call.caller, &user.role)?;
    body.role.as_deref().map(|role| within(call.caller, role)).transpose()?;
    let is_owner = |role: &str| role == Role::Owner.as_str();
    let gives = body.role.as_deref().is_some_and(|role| is_owner(role) != is_owner(&user.role));
    if gives || (is_owner(&user.role) && body.enabled == Some(false)) {
        call.caller.require_fresh(Resource::Users)?;
    }
    let change = UserAmendment {
        login: body.login,
        kind: body.kind,
        display_name: body.display_name.map(Option::unwrap_or_default),
        email: body.email.map(Option::unwrap_or_default),
        language: body.language,
        role: body.role,
        enabled: body.enabled,
    };
    // By its number: the login may be what is changed.
    change::patch(call, Request::UserChange { user: user.id.clone(), change }, || named(call, &user.id))
}

fn remove(call: &Call<'_>) -> Result<Answer, Problem> {
    let user = named(call, call.part("user"))?;
    within(call.caller, &user.role)?;
    if user.role == Role::Owner.as_str() {
        call.caller.require_fresh(Resource::Users)?;
    }
    change::remove(call, Request::UserRemove { user: user.id.clone() }, user)
}

/// Only who may give this role makes, changes or removes somebody who has it: an admin would be an owner the next moment.
pub(crate) fn within(caller: &Caller, role: &str) -> Result<(), Problem> {
    let Some(role) = Role::parse(role) else {
        return Err(Problem::at("#/role", format!("`{role}` is no role")));
    };
    match may_give(caller.role, role) {
        true => Ok(()),
        false => Err(Problem::because(
            Code::Forbidden,
            format!("a user who is `{}` is not yours to make or change", role.as_str()),
        )),
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tenant")]
struct TenantResource {
    /// `ten_NUMBER`; an address takes this or the name.
    id: String,
    name: String,
    domains: Vec<String>,
    /// Rights and quota of each of its accounts, where nobody nearer says anything.
    terms: TermsView,
    /// Which numbers are what, as `+33=national,+3389=premium`.
    numbering: String,
}

impl From<TenantView> for TenantResource {
    fn from(TenantView { id, name, domains, terms, numbering }: TenantView) -> Self {
        Self { id, name, domains, terms, numbering }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TenantName")]
struct NamedBody {
    name: String,
}

fn list_tenants(call: &Call<'_>) -> Result<Answer, Problem> {
    let Reply::Tenants(tenants) = call.ask(Request::TenantsList)? else { return Err(unexpected()) };
    Page::told(tenants.into_iter().map(TenantResource::from).collect(), None).answer(call)
}

fn tenant(call: &Call<'_>, tenant: &str) -> Result<TenantResource, Problem> {
    let Reply::Tenant(found) = call.ask(Request::TenantShow { tenant: tenant.to_owned() })? else {
        return Err(unexpected());
    };
    Ok((*found).into())
}

fn show_tenant(call: &Call<'_>) -> Result<Answer, Problem> {
    Answer::json(tenant(call, call.part("tenant"))?)
}

fn add_tenant(call: &Call<'_>) -> Result<Answer, Problem> {
    let NamedBody { name } = call.json()?;
    let request = Request::TenantAdd { name: name.clone() };
    if call.is_dry {
        return change::rehearse(call, request, &Change::Made { what: &name });
    }
    let Reply::Tenant(made) = call.ask(request)? else { return Err(unexpected()) };
    let made = TenantResource::from(*made);
    let place = format!("/api/v1/tenants/{}", made.id);
    Answer::created(made, &place)
}

/// What is absent stays as it is.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "TenantPatch")]
struct TenantPatchBody {
    name: Option<String>,
    /// Of each of its accounts, where nobody nearer says anything.
    terms: TermsChange,
    /// Which numbers are what, as `+33=national,+3389=premium`.
    numbering: Option<String>,
}

fn change_tenant(call: &Call<'_>) -> Result<Answer, Problem> {
    let TenantPatchBody { name, terms, numbering } = call.json()?;
    let change = TenantAmendment { name, terms, numbering };
    let id = tenant(call, call.part("tenant"))?.id;
    change::patch(call, Request::TenantChange { tenant: id.clone(), change }, || tenant(call, &id))
}

fn remove_tenant(call: &Call<'_>) -> Result<Answer, Problem> {
    let found = tenant(call, call.part("tenant"))?;
    change::remove(call, Request::TenantRemove { tenant: found.id.clone() }, found)
}
