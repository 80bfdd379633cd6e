//! Who is no owner reaches his own tenant and nothing else: what is of another is not there for him, neither to be named nor
//! in a list, as the table of roles says.
//!
//! It is looked at in three places, and an operation can forget none of them: what its path names, before it runs
//! ([`Fence::lets_path`]); what it asks of the door, word by word ([`ask`]); and what the door answers, where that is a list.

use super::caller::{Caller, Role};
use super::operation::Call;
use super::problem::{Code, Problem};
use super::{Web, accounts, domains, hearing, ids};
use crate::call_control::CallVerb;
use crate::call_door::no_call;
use crate::calls::{CallRecordView, CallView};
use crate::contacts::{BookRequest, ContactsReply, ContactsRequest};
use crate::door::refuse;
use crate::groups_door::no_group;
use crate::ids::Id as _;
use crate::model::{NewAccount, Refusal, Reply, Request, Why};
use crate::numbers::{NumbersReply, NumbersRequest};
use crate::onboard::NewPerson;
use crate::people::NewUser;
use crate::people_door::{no_tenant, no_user};
use crate::provision::{ConnectRequest, PhoneView, PhonesReply, PhonesRequest, no_phone};
use crate::signin::{SignInRequest, no_token};
use coeur_directory::{Account, Aor, ChangeError, Domain, GroupId, TenantId};
use coeur_storage::Operator;

/// Asks the door for somebody, who reaches what he may.
pub(crate) fn ask((web, caller): (&Web, &Caller), by: &Operator, request: Request) -> Result<Reply, Refusal> {
    let Some(fence) = Fence::around(web, caller) else { return web.door().answer(by, request) };
    let request = fence.within(request)?;
    Ok(fence.cut(web.door().answer(by, request)?))
}

pub(crate) struct Fence<'w> {
    web: &'w Web,
    tenant: TenantId,
}

impl<'w> Fence<'w> {
    /// `None`: an owner, who reaches every tenant.
    pub fn around(web: &'w Web, caller: &Caller) -> Option<Self> {
        (caller.role != Role::Owner).then(|| Self { web, tenant: hearing::tenant(web, caller) })
    }

    pub fn has_account(&self, account: &Account) -> bool {
        self.web.door().directory().tenant_of(account) == self.tenant
    }

    /// What a path names; of what is not there the operation says so itself.
    pub fn lets_path(&self, call: &Call<'_>) -> Result<(), Problem> {
        // What is one's own is found among that alone; an account is of the tenant of whose it is.
        if call.address.starts_with("/api/v1/me/") {
            return Ok(());
        }
        for (name, value) in call.parts {
            match name.as_str() {
                "account" => accounts::of_name(call, value).map(drop)?,
                "domain" => domains::of_name(call, value).map(drop)?,
                "user" => self.user(value)?,
                "group" => self.group(&mut value.clone())?,
                "tenant" => self.tenant(value)?,
                "phone" => self.phone(value)?,
                "call" => ids::call_of(value).map(|name| self.call(&name))??,
                "contact" => self.contact(value)?,
                "number" => self.number(value)?,
                "token" => self.token(value)?,
                // Of the account beside it.
                "device" | "alias" => {}
                // Webhooks have their tenant looked at where they are (`webhooks.rs`), jobs whose they are.
                "webhook" | "delivery" | "job" => {}
                other => {
                    let text = format!("of which tenant `{other}` is cannot be known");
                    return Err(Problem::because(Code::Inside, text));
                }
            }
        }
        Ok(())
    }

    /// A row of a file of users, as it is asked of the door.
    pub fn person(&self, person: &mut NewPerson) -> Result<(), Refusal> {
        self.new_user(&mut person.user)?;
        person.account.as_ref().map_or(Ok(()), |account| self.new_account(account))?;
        person.aliases.iter().try_for_each(|alias| self.address(alias))
    }

    /// The request, if all that it names is within, and of one's own tenant where it names none.
    fn within(&self, mut request: Request) -> Result<Request, Refusal> {
        match &mut request {
            // Lists are cut when they are answered.
            Request::Status
            | Request::Settings
            | Request::AccountsList { .. }
            | Request::DomainsList
            | Request::TenantsList
            | Request::Audit { .. }
            | Request::CallRecords(_)
            | Request::CallQuality(_)
            | Request::Recordings(_)
            | Request::TraceMessages(_) => {}
            // A terminal of the machine itself asks for these.
            Request::Trace(_) | Request::TraceExport(_) | Request::TenantAdd { .. } => {
                return Err(Refusal::new(Why::Forbidden, "this is for an owner"));
            }
            Request::AccountsKnown { accounts } => accounts.retain(|account| self.account(account).is_ok()),
            Request::AccountsAdd { accounts } => {
                accounts.iter().try_for_each(|account| self.new_account(account))?;
            }
            Request::AccountShow { account }
            | Request::AccountRemove { account }
            | Request::DeviceAdd { account, .. }
            | Request::DeviceChange { account, .. }
            | Request::DeviceRevoke { account, .. }
            | Request::IceServer { account, .. }
            | Request::AliasRemove { account, .. }
            | Request::AccountRights { account, .. } => self.account(account)?,
            Request::AliasAdd { account, alias } => {
                self.account(account)?;
                self.address(alias)?;
            }
            Request::AccountChange { account, change } => {
                self.account(account)?;
                change.user.as_deref().filter(|user| *user != "no").map_or(Ok(()), |user| self.user(user))?;
                change.groups.iter_mut().flatten().try_for_each(|group| self.group(group))?;
            }
            Request::PhoneTicket { account, user } => {
                self.account(account)?;
                user.as_deref().map_or(Ok(()), |user| self.user(user))?;
            }
            Request::Registrations { account, .. } | Request::Calls { account, .. } => {
                account.as_deref().map_or(Ok(()), |account| self.account(account))?;
            }
            Request::DomainAdd { tenant, .. }
            | Request::UsersList { tenant, .. }
            | Request::GroupAdd { tenant, .. }
            | Request::GroupsList { tenant, .. } => self.tenant_or_own(tenant)?,
            Request::DomainRemove { domain } => self.domain(domain)?,
            Request::CallShow { call }
            | Request::CallHangUp { call }
            | Request::CallTape { call, .. }
            | Request::CallPlay { call, .. }
            | Request::CallRecordShow { call } => self.call(call)?,
            Request::CallControl { call, order } => {
                self.call(call)?;
                if let CallVerb::Attend { call, .. } = order {
                    self.call(call)?;
                }
            }
            Request::CallOriginate { call } => self.account(&call.from)?,
            Request::SignIn { what } => self.sign_in(what)?,
            Request::TenantShow { tenant }
            | Request::TenantChange { tenant, .. }
            | Request::TenantRemove { tenant } => self.tenant(tenant)?,
            Request::UserAdd { user } => self.new_user(user)?,
            Request::UserShow { user } | Request::UserChange { user, .. } | Request::UserRemove { user } => {
                self.user(user)?
            }
            Request::Phones(what) => self.phones(what)?,
            Request::PeopleAdd { people } => people.iter_mut().try_for_each(|person| self.person(person))?,
            Request::GroupShow { group }
            | Request::GroupChange { group, .. }
            | Request::GroupRemove { group } => self.group(group)?,
            // They have their tenant looked at where they are.
            Request::Webhooks(_) => {}
            Request::Contacts(what) => self.contacts(what)?,
            Request::Numbers(what) => self.numbers(what)?,
        }
        Ok(request)
    }

    fn phones(&self, what: &PhonesRequest) -> Result<(), Refusal> {
        match what {
            PhonesRequest::Connect(ConnectRequest { account, also, .. })
            | PhonesRequest::Render(ConnectRequest { account, also, .. }) => {
                self.account(account)?;
                also.iter().try_for_each(|line| self.account(&line.account))
            }
            PhonesRequest::Show { phone }
            | PhonesRequest::Remove { phone }
            | PhonesRequest::Keys { phone, .. }
            | PhonesRequest::PasswordShow { phone }
            | PhonesRequest::PasswordRotate { phone } => self.phone(phone),
            PhonesRequest::Sync { account, .. }
            | PhonesRequest::Ring { account, .. }
            | PhonesRequest::Rung { account, .. } => self.account(account),
            PhonesRequest::List | PhonesRequest::Strangers => Ok(()),
        }
    }

    fn sign_in(&self, what: &SignInRequest) -> Result<(), Refusal> {
        match what {
            SignInRequest::Link { user: None } => Err(Refusal::new(Why::Forbidden, "this is for an owner")),
            SignInRequest::Link { user: Some(user) } | SignInRequest::FactorsRemove { user } => {
                self.user(user)
            }
            SignInRequest::TokenMake(new) => self.user(&new.user),
            SignInRequest::TokensList { user } => user.as_deref().map_or(Ok(()), |user| self.user(user)),
            SignInRequest::TokenRevoke { token } => self.token(token),
        }
    }

    fn contacts(&self, what: &mut ContactsRequest) -> Result<(), Refusal> {
        match what {
            ContactsRequest::List { of, .. }
            | ContactsRequest::Add { of, .. }
            | ContactsRequest::Import { of, .. } => self.book(of),
            ContactsRequest::Show { contact }
            | ContactsRequest::Change { contact, .. }
            | ContactsRequest::Remove { contact } => self.contact(contact),
            ContactsRequest::Phonebook { user, .. } => self.user(user),
        }
    }

    fn numbers(&self, what: &mut NumbersRequest) -> Result<(), Refusal> {
        match what {
            NumbersRequest::List { tenant, .. } => self.tenant_or_own(tenant),
            NumbersRequest::Add(new) => self.tenant_or_own(&mut new.tenant),
            NumbersRequest::Change { number, change } => {
                self.number(number)?;
                let accounts = change.account.iter().flatten().chain(&change.from);
                accounts.into_iter().try_for_each(|account| self.account(account))
            }
            NumbersRequest::Show { number } | NumbersRequest::Remove { number } => self.number(number),
        }
    }

    fn book(&self, of: &mut BookRequest) -> Result<(), Refusal> {
        match &of.user {
            Some(user) => self.user(user)?,
            None => {
                self.tenant_or_own(&mut of.tenant)?;
                of.all = false;
            }
        }
        of.tenant.as_deref().map_or(Ok(()), |tenant| self.tenant(tenant))
    }

    fn account(&self, text: &str) -> Result<(), Refusal> {
        match self.has_account(&*self.web.door().account(text)?) {
            true => Ok(()),
            false => Err(Refusal::new(Why::NotFound, format!("there is no account {text}"))),
        }
    }

    fn new_account(&self, new: &NewAccount) -> Result<(), Refusal> {
        self.address(&new.account)?;
        new.user.as_deref().map_or(Ok(()), |user| self.user(user))
    }

    fn new_user(&self, new: &mut NewUser) -> Result<(), Refusal> {
        self.tenant_or_own(&mut new.tenant)
    }

    /// One that is to be: its domain is within. A name or number alone is of a domain that was looked at.
    fn address(&self, text: &str) -> Result<(), Refusal> {
        Aor::parse(text).map_or(Ok(()), |aor| self.domain(aor.domain()))
    }

    fn domain(&self, name: &str) -> Result<(), Refusal> {
        match self.tenant_of_domain(name) {
            Some(tenant) if tenant != self.tenant => Err(refuse(ChangeError::UnknownDomain(name.into()))),
            Some(_) | None => Ok(()),
        }
    }

    fn user(&self, text: &str) -> Result<(), Refusal> {
        let user = self.web.door().user(text)?;
        if user.tenant == self.tenant { Ok(()) } else { Err(no_user(text)) }
    }

    fn tenant(&self, text: &str) -> Result<(), Refusal> {
        let tenant = self.web.door().tenant(text)?;
        if tenant.id == self.tenant { Ok(()) } else { Err(no_tenant(text)) }
    }

    fn tenant_or_own(&self, wanted: &mut Option<String>) -> Result<(), Refusal> {
        self.tenant(wanted.get_or_insert_with(|| self.tenant.text()))
    }

    /// A name is that of one's own tenant, whoever has another group of that name.
    fn group(&self, text: &mut String) -> Result<(), Refusal> {
        let directory = self.web.door().directory();
        let found = match GroupId::parse(text) {
            Some(id) => directory.group(id).filter(|group| group.tenant == self.tenant),
            None => directory.group_named(self.tenant, text),
        };
        *text = found.ok_or_else(|| no_group(text))?.id.text();
        Ok(())
    }

    /// One that lives, or is over.
    fn call(&self, name: &str) -> Result<(), Refusal> {
        let is_within = match self.found(Request::CallShow { call: name.to_owned() })? {
            Some(Reply::Call(call)) => self.has_call(&call),
            Some(_) | None => match self.found(Request::CallRecordShow { call: name.to_owned() })? {
                Some(Reply::CallRecord(record)) => self.has_record(&record),
                Some(_) | None => true,
            },
        };
        if is_within { Ok(()) } else { Err(no_call(name)) }
    }

    fn phone(&self, name: &str) -> Result<(), Refusal> {
        match self.found(Request::Phones(PhonesRequest::Show { phone: name.to_owned() }))? {
            Some(Reply::Phones(PhonesReply::Phone(phone))) if !self.has_phone(&phone) => Err(no_phone(name)),
            Some(_) | None => Ok(()),
        }
    }

    fn contact(&self, name: &str) -> Result<(), Refusal> {
        match self.found(Request::Contacts(ContactsRequest::Show { contact: name.to_owned() }))? {
            Some(Reply::Contacts(ContactsReply::Contact(contact)))
                if contact.tenant != self.tenant.text() =>
            {
                Err(Refusal::new(Why::NotFound, format!("there is no contact `{name}`")))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn number(&self, name: &str) -> Result<(), Refusal> {
        match self.found(Request::Numbers(NumbersRequest::Show { number: name.to_owned() }))? {
            Some(Reply::Numbers(NumbersReply::Number(number))) if number.tenant != self.tenant.text() => {
                Err(Refusal::new(Why::NotFound, format!("there is no number `{name}`")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// `None`: it is not there, which the operation says better. What cannot be read now is not done.
    fn found(&self, request: Request) -> Result<Option<Reply>, Refusal> {
        match self.web.door().answer(&Operator::program(), request) {
            Ok(reply) => Ok(Some(reply)),
            Err(Refusal { why: Why::NotFound | Why::Invalid, .. }) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    fn token(&self, name: &str) -> Result<(), Refusal> {
        let request = Request::SignIn { what: SignInRequest::TokensList { user: None } };
        let Some(Reply::Tokens(tokens)) = self.found(request)? else { return Err(no_token(name)) };
        match tokens.iter().find(|token| token.id == name) {
            Some(token) => self.user(&token.user).map_err(|_| no_token(name)),
            None => Ok(()),
        }
    }

    /// `None`: it is no domain of ours.
    fn tenant_of_domain(&self, name: &str) -> Option<TenantId> {
        let name = Domain::name_of(name);
        self.web.door().directory().domain(name.as_bytes()).map(|domain| domain.tenant)
    }

    fn has_domain(&self, name: &str) -> bool {
        self.tenant_of_domain(name) == Some(self.tenant)
    }

    /// Between these addresses, as `user@domain`: of each tenant of which one is, and where none is of anybody's, of the first.
    fn is_among<'a>(&self, addresses: impl IntoIterator<Item = &'a str>) -> bool {
        let domains = addresses.into_iter().filter_map(|address| address.rsplit_once('@'));
        let tenants: Vec<_> = domains.filter_map(|(_, domain)| self.tenant_of_domain(domain)).collect();
        tenants.contains(&self.tenant) || (tenants.is_empty() && self.tenant == TenantId::FIRST)
    }

    fn has_call(&self, call: &CallView) -> bool {
        let callee = call.callee.as_ref().and_then(|leg| leg.account.as_deref());
        self.is_among(call.caller.account.as_deref().into_iter().chain(callee))
    }

    fn has_record(&self, record: &CallRecordView) -> bool {
        let callee = record.callee.as_ref().and_then(|side| side.account.as_deref());
        let sides = record.caller.account.as_deref().into_iter().chain(callee);
        self.is_among(sides.chain(record.forwarded_by.iter().map(String::as_str)))
    }

    /// Each of its lines: who may change it may change them all.
    fn has_phone(&self, phone: &PhoneView) -> bool {
        phone.lines.iter().all(|line| self.is_among([&*line.account]))
    }

    fn has_user(&self, user: &str) -> bool {
        self.web.door().user(user).is_ok_and(|user| user.tenant == self.tenant)
    }

    /// A list without what is of another tenant. A page of it may be short; the next one begins where it would have.
    fn cut(&self, mut reply: Reply) -> Reply {
        // Of one tenant alone there is nothing to leave out, and to look would cost as much as the list.
        if self.web.door().directory().tenants().len() < 2 {
            return reply;
        }
        let own = self.tenant.text();
        match &mut reply {
            Reply::Status(status) => status.domains.retain(|domain| self.has_domain(domain)),
            Reply::Accounts(accounts) => accounts.retain(|account| self.account(&account.account).is_ok()),
            Reply::Domains(domains) => domains.retain(|domain| domain.tenant == own),
            Reply::Registrations(page) => {
                page.registrations.retain(|one| self.is_among([one.account.as_str()]));
            }
            Reply::Calls(page) => page.calls.retain(|call| self.has_call(call)),
            Reply::CallRecords(page) => page.records.retain(|record| self.has_record(record)),
            Reply::CallQuality(quality) => {
                quality.worst.retain(|record| self.has_record(record));
                if quality.by == "account" {
                    quality
                        .groups
                        .retain(|group| group.name.as_deref().is_none_or(|account| self.is_among([account])));
                }
            }
            Reply::Recordings(page) => page.recordings.retain(|one| self.call(&one.call).is_ok()),
            Reply::Conversations(page) => {
                page.conversations.retain(|one| self.is_among([one.from.as_str(), one.to.as_str()]));
            }
            Reply::Tokens(tokens) => tokens.retain(|token| self.has_user(&token.user)),
            Reply::Tenants(tenants) => tenants.retain(|tenant| tenant.id == own),
            Reply::Phones(PhonesReply::List(phones)) => phones.retain(|phone| self.has_phone(phone)),
            // Of one thing, that was looked at when it was asked for; of one tenant; or of the installation.
            Reply::Done
            | Reply::Made(_)
            | Reply::Account(_)
            | Reply::Known(_)
            | Reply::Traces(_)
            | Reply::IceServer(_)
            | Reply::PhoneTicket(_)
            | Reply::Call(_)
            | Reply::CallRecord(_)
            | Reply::Settings(_)
            | Reply::Audit(_)
            | Reply::Link(_)
            | Reply::Token(_)
            | Reply::Tenant(_)
            | Reply::Users(_)
            | Reply::User(_)
            | Reply::Phones(_)
            | Reply::TraceFile(_)
            | Reply::People(_)
            | Reply::Groups(_)
            | Reply::Group(_)
            | Reply::Rights(_)
            | Reply::CallBegun { .. }
            | Reply::Webhooks(_)
            | Reply::Contacts(_)
            | Reply::Numbers(_) => {}
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::super::operation::Work;
    use std::fs;
    use std::path::Path;

    #[test]
    fn no_operation_asks_the_door_past_the_fence() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rest");
        let mut asked = 0;
        for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            let Ok(text) = fs::read_to_string(&file) else { continue };
            let asks = text.matches(concat!("door().", "answer(")).count();
            assert!(asks == 0 || file.ends_with("fence.rs"), "{} asks the door itself", file.display());
            asked += asks;
        }
        assert!(asked >= 2, "{asked}");
    }

    /// What streams is not looked at before it runs.
    #[test]
    fn nothing_that_streams_has_a_name_in_its_path() {
        for operation in crate::rest::operations() {
            let streams = matches!(operation.work, Work::Streams(_));
            assert!(!streams || !operation.path.contains('{'), "{}", operation.name);
        }
    }
}
