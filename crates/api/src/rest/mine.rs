//! What is one's own beyond the web phone: the devices of one's accounts and how one is connected, calls that are over, and
//! where one's calls go. Whose a thing is, each verb looks at; of what is another's nobody learns whether it is there.

use super::accounts::said;
use super::caller::{Access, Action, Resource};
use super::change;
use super::me::own;
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, Page};
use super::phones::{self, PhoneLinkResource, PhoneResource, RingResource};
use super::problem::{Code, Problem};
use super::tongue::Tongue;
use crate::calls::{CallRecordView, CallRecordsRequest, rfc3339};
use crate::ids::Id as _;
use crate::model::{AccountChange, RegistrationView, Reply, Request};
use crate::provision::{ConnectRequest, PhoneLineView, PhoneView, PhonesReply, PhonesRequest};
use coeur_directory::{Account, Device, DeviceId};
use coeur_provisioning::Mac;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::Me;
    vec![
        Operation::patch(("/me/accounts/{account}", "change_my_account"), Me, "Where the calls of an account of one's own go, and whether it rings.", patch)
            .body::<MyAccountPatch>()
            .answer::<MyRouting>(),
        Operation::get(("/me/accounts/{account}", "show_my_account"), Me, "Where the calls of an account of one's own go.", routing)
            .answer::<MyRouting>(),
        Operation::get(("/me/devices", "list_my_devices"), Me, "The devices of one's own accounts, and whether they can be called.", list)
            .answer::<MyDevices>(),
        Operation::post(("/me/devices", "connect_my_device"), Me, "A new device for an account of one's own, and a link where it fetches its settings, good once.", connect)
            .body::<NewMyDevice>()
            .status(201)
            .answer::<PhoneLinkResource>(),
        Operation::get(("/me/devices/{device}", "show_my_device"), Me, "One device, how far it is on its way, and what keeps it.", show)
            .answer::<MyDevice>(),
        Operation::post(("/me/devices/{device}/links", "connect_my_device_again"), Me, "Another link for a device, with another secret: what it had before opens nothing any more once it is fetched.", again)
            .body::<NewMyLink>()
            .status(201)
            .answer::<PhoneLinkResource>(),
        Operation::post(("/me/devices/{device}/actions/ring", "ring_my_device"), Me, "Lets a phone of one's own ring to see whether it does and is heard.", ring)
            .status(202)
            .answer::<RingResource>(),
        Operation::get(("/me/devices/{device}/ring", "show_my_ringing_device"), Me, "How the last test of a phone of one's own went, or goes.", rung)
            .answer::<RingResource>(),
        Operation::delete(("/me/devices/{device}", "revoke_my_device"), Me, "Takes a device of one's own back: its registrations and calls end at once.", revoke),
        Operation::get(("/me/call_records", "list_my_call_records"), Me, "Calls of an account of one's own that are over, the newest first; none from before it was one's own.", calls)
            .query::<CallsQuery>()
            .answer::<Page<MyCall>>(),
    ]
}

/// One of one's own, by its address or id.
fn account(call: &Call<'_>, name: &str) -> Result<Arc<Account>, Problem> {
    let is =
        |account: &Arc<Account>| account.aor.as_str().eq_ignore_ascii_case(name) || account.id.text() == name;
    let none = || Problem::because(Code::NotFound, format!("`{name}` is no account of yours"));
    own(call).into_iter().find(is).ok_or_else(none)
}

/// The one that is named, else the first.
fn chosen(call: &Call<'_>, wanted: Option<&str>) -> Result<Arc<Account>, Problem> {
    let Some(name) = wanted else {
        let none = || Problem::because(Code::NotFound, "no account is yours");
        return own(call).into_iter().next().ok_or_else(none);
    };
    account(call, name)
}

fn device(call: &Call<'_>) -> Result<(Arc<Account>, DeviceId), Problem> {
    let name = call.part("device");
    let none = || Problem::because(Code::NotFound, format!("`{name}` is no device of yours"));
    let id = DeviceId::parse(name).ok_or_else(none)?;
    own(call)
        .into_iter()
        .find(|account| account.device(id).is_some())
        .map(|account| (account, id))
        .ok_or_else(none)
}

/// Where calls go.
#[derive(Serialize, JsonSchema)]
struct MyRouting {
    account: String,
    /// URIs; `null`: nowhere else.
    forward_always: Option<String>,
    forward_busy: Option<String>,
    forward_no_answer: Option<String>,
    forward_offline: Option<String>,
    /// How long it rings before nobody has answered.
    forward_after_s: u16,
    /// Its phones do not ring.
    dnd: bool,
}

impl MyRouting {
    fn of(call: &Call<'_>, account: &Account) -> Self {
        let view = crate::door::view(account, call.web.door().directory());
        Self {
            account: view.account,
            forward_always: view.forward_always,
            forward_busy: view.forward_busy,
            forward_no_answer: view.forward_no_answer,
            forward_offline: view.forward_offline,
            forward_after_s: view.forward_after_s,
            dnd: view.dnd,
        }
    }
}

fn routing(call: &Call<'_>) -> Result<Answer, Problem> {
    Answer::json(MyRouting::of(call, &*account(call, call.part("account"))?))
}

/// What is absent stays as it is; `null`: nowhere else.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct MyAccountPatch {
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

fn patch(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: MyAccountPatch = call.json()?;
    let name = account(call, call.part("account"))?.aor.to_string();
    let target = |said: Option<Option<String>>| said.map(|target| target.unwrap_or_else(|| "no".to_owned()));
    let change = AccountChange {
        forward_always: target(body.forward_always),
        forward_busy: target(body.forward_busy),
        forward_no_answer: target(body.forward_no_answer),
        forward_offline: target(body.forward_offline),
        forward_after_s: body.forward_after_s,
        dnd: body.dnd,
        ..AccountChange::default()
    };
    let request = Request::AccountChange { account: name.clone(), change };
    change::patch(call, request, || Ok(MyRouting::of(call, &*account(call, &name)?)))
}

#[derive(Serialize, JsonSchema)]
struct MyDevices {
    data: Vec<MyDevice>,
}

#[derive(Serialize, JsonSchema)]
struct MyDevice {
    /// `dev_NUMBER`.
    id: String,
    account: String,
    name: String,
    created_at: String,
    /// It can be called now.
    is_registered: bool,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`, where it is registered.
    transport: Option<String>,
    /// The phone that was connected by a link, where it was: what it does on its way, and what is wrong with it.
    phone: Option<PhoneResource>,
}

impl MyDevice {
    fn of(
        call: &Call<'_>,
        (account, device): (&Account, &Device),
        seen: &[RegistrationView],
        phones: &[PhoneView],
    ) -> Self {
        let number = device.id.0.to_string();
        let registered = seen.iter().find(|one| one.account == account.aor.as_str() && one.device == number);
        let is_line = |line: &PhoneLineView| line.account == account.aor.as_str() && line.device == number;
        Self {
            id: device.id.text(),
            account: account.aor.to_string(),
            name: device.name.to_string(),
            created_at: rfc3339(device.created_at_s.saturating_mul(1_000)),
            is_registered: registered.is_some(),
            transport: registered
                .and_then(|one| one.flow.split_once(' '))
                .map(|(transport, _)| transport.to_owned()),
            phone: phones
                .iter()
                .find(|phone| phone.lines.iter().any(is_line))
                .map(|phone| PhoneResource::of(of_ones_own(call, phone), Tongue::wanted(call.headers))),
        }
    }
}

/// Whose other lines a phone has is nobody's to know.
fn of_ones_own(call: &Call<'_>, phone: &PhoneView) -> PhoneView {
    let own = own(call);
    let is_own = |line: &&PhoneLineView| own.iter().any(|account| account.aor.as_str() == line.account);
    let lines: Vec<PhoneLineView> = phone.lines.iter().filter(is_own).cloned().collect();
    // Whom somebody else calls is not told.
    let keys = if lines.len() == phone.lines.len() { phone.keys.clone() } else { Vec::new() };
    PhoneView { lines, keys, ..phone.clone() }
}

fn seen(call: &Call<'_>, account: &Account) -> Result<Vec<RegistrationView>, Problem> {
    let request = Request::Registrations {
        account: Some(account.aor.to_string()),
        after: None,
        limit: page::LIMIT_MAX,
    };
    let Reply::Registrations(found) = call.ask(request)? else { return Err(unexpected()) };
    Ok(found.registrations)
}

fn all_phones(call: &Call<'_>) -> Result<Vec<PhoneView>, Problem> {
    match call.ask(Request::Phones(PhonesRequest::List))? {
        Reply::Phones(PhonesReply::List(phones)) => Ok(phones),
        _ => Err(unexpected()),
    }
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let phones = all_phones(call)?;
    let mut data = Vec::new();
    for account in own(call) {
        let seen = seen(call, &account)?;
        data.extend(
            account.devices.iter().map(|device| MyDevice::of(call, (&account, device), &seen, &phones)),
        );
    }
    Answer::json(MyDevices { data })
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    let (account, id) = device(call)?;
    let (seen, phones) = (seen(call, &account)?, all_phones(call)?);
    Answer::json(MyDevice::of(call, (&account, account.device(id).ok_or_else(unexpected)?), &seen, &phones))
}

fn ring(call: &Call<'_>) -> Result<Answer, Problem> {
    let (account, id) = device(call)?;
    phones::ring_of(call, account.aor.to_string(), id.0.to_string())
}

fn rung(call: &Call<'_>) -> Result<Answer, Problem> {
    let (account, id) = device(call)?;
    phones::rung_of(call, account.aor.to_string(), id.0.to_string())
}

fn revoke(call: &Call<'_>) -> Result<Answer, Problem> {
    let (account, id) = device(call)?;
    call.ask(Request::DeviceRevoke { account: account.aor.to_string(), device: id.0.to_string() })?;
    Ok(Answer::nothing())
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct NewMyDevice {
    /// `user@domain`; the first of one's own unless said.
    account: Option<String>,
    /// `linphone`, `yealink` and their like; Linphone, or by `mac`, unless said.
    vendor: Option<String>,
    model: String,
    /// Of a telephone.
    mac: Option<String>,
    /// `en` or `fr`.
    language: String,
}

/// What the phone is: of a device that is there already.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct NewMyLink {
    vendor: Option<String>,
    model: String,
    mac: Option<String>,
    language: String,
}

fn connect(call: &Call<'_>) -> Result<Answer, Problem> {
    let NewMyDevice { account, vendor, model, mac, language } = call.json()?;
    let account = chosen(call, account.as_deref())?.aor.to_string();
    linked(call, ConnectRequest { account, vendor, model, mac, language, ..ConnectRequest::default() })
}

fn again(call: &Call<'_>) -> Result<Answer, Problem> {
    let NewMyLink { vendor, model, mac, language } = call.json()?;
    let (account, id) = device(call)?;
    let (account, device) = (account.aor.to_string(), Some(id.0.to_string()));
    linked(
        call,
        ConnectRequest { account, device, vendor, model, mac, language, ..ConnectRequest::default() },
    )
}

/// A phone is told all its lines at once, each with a new secret: one with a line of somebody else is not one's own to connect.
fn may_connect(call: &Call<'_>, request: &ConnectRequest) -> Result<(), Problem> {
    let own = own(call);
    let is_own = |line: &PhoneLineView| own.iter().any(|account| account.aor.as_str() == line.account);
    let mac = request.mac.as_deref().and_then(|mac| Mac::parse(mac).ok()).map(|mac| mac.to_string());
    let is_meant = |phone: &PhoneView| {
        let has = |line: &PhoneLineView| Some(&line.device) == request.device.as_ref();
        phone.lines.iter().any(has) || (mac.is_some() && phone.mac == mac)
    };
    let of_others =
        all_phones(call)?.into_iter().any(|phone| is_meant(&phone) && !phone.lines.iter().all(is_own));
    match of_others {
        true => Err(Problem::because(
            Code::Forbidden,
            "this telephone is somebody else's too; who looks after the telephones here can connect it",
        )),
        false => Ok(()),
    }
}

fn linked(call: &Call<'_>, request: ConnectRequest) -> Result<Answer, Problem> {
    may_connect(call, &request)?;
    let tells_no_stranger = !call.caller.may(Action::Create, Resource::Provisioning, Access::Write);
    let request = ConnectRequest { tells_no_stranger, ..request };
    let link = phones::linked(call, request)?;
    let place = format!("/api/v1/me/devices/{}", link.device_id());
    Answer::created(link, &place)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallsQuery {
    /// Rows of a page, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    cursor: Option<String>,
    /// One of one's own; the first unless said.
    account: Option<String>,
    /// A part of a name or an address, in any case.
    q: Option<String>,
}

/// A call as one of its sides knows it: nothing of the phone or the network of the other.
#[derive(Serialize, JsonSchema)]
struct MyCall {
    /// `call_UUID`.
    id: String,
    /// `in` or `out`.
    direction: &'static str,
    /// Name and address of the other.
    with: String,
    start_at: String,
    talk_ms: Option<u64>,
    /// `answered`, `busy`, `no_answer`, `cancelled` or `failed`.
    disposition: String,
}

impl MyCall {
    fn of(own: &str, view: CallRecordView) -> Self {
        let is_out = view.caller.account.as_deref() == Some(own);
        let called = view.callee.map(|side| side.address).filter(|address| !address.is_empty());
        Self {
            id: super::ids::call(&view.id),
            direction: if is_out { "out" } else { "in" },
            with: if is_out { called.unwrap_or(view.to_uri) } else { view.caller.address },
            start_at: view.start_at,
            talk_ms: view.talk_ms,
            disposition: view.disposition,
        }
    }
}

fn calls(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: CallsQuery = call.query()?;
    let account = chosen(call, query.account.as_deref())?.aor.to_string();
    let request = CallRecordsRequest {
        account: Some(account.clone()),
        q: query.q,
        // Whose calls these are is not told where the other is, so nor may he guess it.
        shown_only: true,
        // Whose it was before is somebody else's to know, and so is what an address did that was another account's.
        own_only: true,
        before: query.cursor,
        limit: page::limit(query.limit)?,
        ..CallRecordsRequest::default()
    };
    let Reply::CallRecords(found) = call.ask(Request::CallRecords(request))? else {
        return Err(unexpected());
    };
    let rows = found.records.into_iter().map(|view| MyCall::of(&account, view)).collect();
    Page::told(rows, found.next).answer(call)
}
