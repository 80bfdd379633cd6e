//! Phones that are told their accounts: links for them, what each has done on its way, and what is wrong with it.
//!
//! A phone is what is told its settings by one link; it has one device for each of its accounts, each with a credential of its
//! own.

use super::accounts::{named as account_named, of_name};
use super::caller::{Action, Resource};
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::Page;
use super::problem::{Code, Problem};
use super::tongue::Tongue;
use super::{change, ids};
use crate::calls::rfc3339;
use crate::ids::Id as _;
use crate::model::{GivenSecret, Reply, Request, VerdictView};
use crate::provision::{
    ConnectRequest, KeyFault, KeyView, LineRequest, LinkView, PasswordView, PhoneLineView, PhoneView,
    PhonesReply, PhonesRequest, RenderedView, RingView, StepView, StrangerView,
};
use axum::http::StatusCode;
use coeur_directory::DeviceId;
use coeur_provisioning::{Fault, Language};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::Provisioning;
    vec![
        Operation::get(("/phones", "list_phones"), Provisioning, "Phones for which a link was made, and what is wrong with them.", list)
            .answer::<Page<PhoneResource>>(),
        Operation::post(("/phones", "connect_phone"), Provisioning, "Makes a link by which a phone fetches its settings, and a device for each of its accounts where none is named; the link is shown this once.", connect)
            .body::<PhoneBody>()
            .status(201)
            .answer::<PhoneLinkResource>(),
        Operation::post(("/phones:render", "render_phone"), Provisioning, "What such a phone would be told, with a word in place of each secret; nothing is made.", render)
            .acts(Action::Read)
            .body::<PhoneBody>()
            .answer::<RenderedView>(),
        Operation::get(("/phones/{phone}", "show_phone"), Provisioning, "One phone on its way: link, settings, registration, and what is wrong with it.", show)
            .answer::<PhoneResource>(),
        Operation::patch(("/phones/{phone}", "change_phone"), Provisioning, "Sets the keys of the phone, all of them, and asks it to fetch them where it is registered.", patch)
            .body::<PhonePatchBody>()
            .answer::<PhoneResource>()
            .dry()
            .conditional(),
        Operation::delete(("/phones/{phone}", "remove_phone"), Provisioning, "The phone is told nothing any more; its devices stay.", remove),
        Operation::post(("/phones/{phone}/actions/show_password", "show_phone_password"), Provisioning, "The password of the phone's own web page and menu, in clear; each reading is in the audit log.", show_password)
            .acts(Action::Change)
            .answer::<PasswordView>(),
        Operation::post(("/phones/{phone}/actions/rotate_password", "rotate_phone_password"), Provisioning, "Makes a new password of the phone's own web page and menu, and asks the phone to fetch it.", rotate_password)
            .acts(Action::Change)
            .answer::<PasswordView>(),
        Operation::get(("/unclaimed_phones", "list_unclaimed_phones"), Provisioning, "Phones that were plugged in and have asked the network who tells them.", unclaimed)
            .answer::<Page<UnclaimedResource>>(),
        Operation::post(("/accounts/{account}/devices/{device}/actions/connect", "connect_device"), Provisioning, "Makes a link by which the phone of this device fetches its settings; the link is shown this once.", connect_device)
            .acts(Action::Create)
            .body::<DevicePhoneBody>()
            .status(201)
            .answer::<PhoneLinkResource>(),
        Operation::get(("/accounts/{account}/devices/{device}/connect", "show_connecting_device"), Provisioning, "The phone of this device on its way; each step is told by a `provisioning` event too.", show_device)
            .answer::<PhoneResource>(),
        Operation::post(("/accounts/{account}/devices/{device}/actions/sync", "sync_device"), Provisioning, "Asks a registered phone to fetch its settings now.", sync)
            .acts(Action::Create)
            .body::<SyncBody>()
            .answer::<SyncedResource>(),
        Operation::post(("/accounts/{account}/devices/{device}/actions/ring", "ring_device"), Resource::Devices, "Lets the phone of this device ring, and no other, to see whether it does and is heard: 20 s at most, and 9 s from its answer, in which it hears two tones and then itself. Each step is told by a `provisioning` event too.", ring)
            .acts(Action::Change)
            .status(202)
            .answer::<RingResource>(),
        Operation::get(("/accounts/{account}/devices/{device}/ring", "show_ringing_device"), Resource::Devices, "How the last test of this device went, or goes.", rung)
            .answer::<RingResource>(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Phone")]
pub(super) struct PhoneResource {
    /// `pho_NUMBER`.
    id: String,
    vendor: String,
    /// As its maker writes it; empty until it is known.
    model: String,
    /// Hardware address; `null` until it is known.
    mac: Option<String>,
    /// Its accounts, the first first, each with a device, and so a credential, of its own.
    lines: Vec<LineResource>,
    /// `udp`, `tcp` or `tls`.
    transport: String,
    /// What it said of itself when it fetched last.
    user_agent: String,
    created_at: String,
    fetched_at: Option<String>,
    /// Each of its lines is registered now.
    registered: bool,
    /// Those that were set, by their positions. Of others the phone does what it did.
    keys: Vec<KeyView>,
    /// Positions of keys that are not supported by this vendor: such a phone is not told them.
    unsupported_keys: Vec<u8>,
    /// When what it is told was changed last: later than `fetched_at`, it has something to fetch.
    changed_at: Option<String>,
    /// What was seen of it since this server started, the first first.
    steps: Vec<StepView>,
    /// What is wrong with it now.
    fault: Option<FaultResource>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PhoneLine")]
struct LineResource {
    account: String,
    device_id: String,
    /// This line is registered now.
    registered: bool,
}

/// For programs, and as two sentences in the language of who asks.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PhoneFault")]
struct FaultResource {
    code: String,
    sentence: String,
    remedy: String,
}

impl FaultResource {
    fn of(code: &str, tongue: Tongue) -> Option<Self> {
        let language = match tongue {
            Tongue::English => Language::English,
            Tongue::French => Language::French,
        };
        Fault::parse(code).map(|fault| Self {
            code: fault.as_str().to_owned(),
            sentence: fault.sentence(language).to_owned(),
            remedy: fault.remedy(language).to_owned(),
        })
    }
}

impl PhoneResource {
    pub fn of(view: PhoneView, tongue: Tongue) -> Self {
        let fault = view.fault.and_then(|code| FaultResource::of(&code, tongue));
        let line = |line: PhoneLineView| LineResource {
            account: line.account,
            device_id: format!("{}{}", DeviceId::PREFIX, line.device),
            registered: line.registered,
        };
        Self {
            id: view.phone,
            vendor: view.vendor,
            model: view.model,
            mac: view.mac,
            lines: view.lines.into_iter().map(line).collect(),
            transport: view.transport,
            user_agent: view.user_agent,
            created_at: rfc3339(view.created_at_s.saturating_mul(1_000)),
            fetched_at: view.fetched_at_s.map(|at_s| rfc3339(at_s.saturating_mul(1_000))),
            registered: view.registered,
            keys: view.keys,
            unsupported_keys: view.unsupported_keys,
            changed_at: view.changed_at_s.map(|at_s| rfc3339(at_s.saturating_mul(1_000))),
            steps: view.steps,
            fault,
        }
    }
}

fn ask(call: &Call<'_>, request: PhonesRequest) -> Result<PhonesReply, Problem> {
    let Reply::Phones(reply) = call.ask(Request::Phones(request))? else { return Err(unexpected()) };
    Ok(reply)
}

fn all(call: &Call<'_>) -> Result<Vec<PhoneView>, Problem> {
    let PhonesReply::List(found) = ask(call, PhonesRequest::List)? else { return Err(unexpected()) };
    Ok(found)
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let tongue = Tongue::wanted(call.headers);
    let found = all(call)?.into_iter().map(|view| PhoneResource::of(view, tongue));
    Page::told(found.collect(), None).answer(call)
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    let request = PhonesRequest::Show { phone: call.part("phone").to_owned() };
    let PhonesReply::Phone(view) = ask(call, request)? else { return Err(unexpected()) };
    Answer::json(PhoneResource::of(view, Tongue::wanted(call.headers)))
}

/// What is absent stays as it is.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "PhonePatch")]
struct PhonePatchBody {
    /// In place of all that were set; 40 at most. One that is left out does nothing from then on; `null`: none of them does.
    #[schemars(with = "Option<Vec<KeyBody>>")]
    #[serde(deserialize_with = "super::accounts::said")]
    keys: Option<Option<Vec<KeyBody>>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPhoneKey")]
struct KeyBody {
    /// On the phone itself, from 1 to 40.
    position: u32,
    /// `line`: one of the phone's lines. `blf`: calls somebody of the same organisation, and watches him. `speed_dial`: calls.
    /// `none`: does nothing.
    kind: String,
    /// The line that it uses, from 1; the first when absent.
    line: Option<u32>,
    /// Who is called or watched: a number, a name of the line's domain, or `user@domain`.
    #[serde(default)]
    target: String,
    /// Shown beside it; the target when empty.
    #[serde(default)]
    label: String,
}

impl From<KeyBody> for KeyView {
    fn from(KeyBody { position, kind, line, target, label }: KeyBody) -> Self {
        Self { position, kind, line: line.unwrap_or(1), target, label }
    }
}

fn patch(call: &Call<'_>) -> Result<Answer, Problem> {
    let PhonePatchBody { keys } = call.json()?;
    let phone = call.part("phone").to_owned();
    let shown = || {
        let request = PhonesRequest::Show { phone: phone.clone() };
        let PhonesReply::Phone(view) = ask(call, request)? else { return Err(unexpected()) };
        Ok(PhoneResource::of(view, Tongue::wanted(call.headers)))
    };
    let keys = match keys {
        Some(keys) => keys.unwrap_or_default().into_iter().map(KeyView::from).collect(),
        None => shown()?.keys,
    };
    if let Some(fault) = call.web.door().key_fault(&phone, &keys)? {
        return Err(wrong(fault, Tongue::wanted(call.headers)));
    }
    change::patch(call, Request::Phones(PhonesRequest::Keys { phone: phone.clone(), keys }), shown)
}

fn show_password(call: &Call<'_>) -> Result<Answer, Problem> {
    password(call, PhonesRequest::PasswordShow { phone: call.part("phone").to_owned() })
}

fn rotate_password(call: &Call<'_>) -> Result<Answer, Problem> {
    password(call, PhonesRequest::PasswordRotate { phone: call.part("phone").to_owned() })
}

fn password(call: &Call<'_>, request: PhonesRequest) -> Result<Answer, Problem> {
    let PhonesReply::Password(view) = ask(call, request)? else { return Err(unexpected()) };
    Answer::json(view)
}

fn wrong(fault: KeyFault, tongue: Tongue) -> Problem {
    let pointer = match fault.at {
        Some(at) => format!("#/keys/{at}/{}", fault.field),
        None => "#/keys".to_owned(),
    };
    let detail = match tongue {
        Tongue::English => fault.english,
        Tongue::French => fault.french,
    };
    Problem::at(pointer, detail)
}

fn remove(call: &Call<'_>) -> Result<Answer, Problem> {
    ask(call, PhonesRequest::Remove { phone: call.part("phone").to_owned() })?;
    Ok(Answer::nothing())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPhone")]
struct PhoneBody {
    /// Of the first line: `acc_NUMBER` or `user@domain`.
    account: String,
    /// Its device, as `dev_NUMBER`; made when absent.
    device_id: Option<String>,
    /// Further accounts on the same phone.
    #[serde(default)]
    also: Vec<LineBody>,
    /// Whose language it reads, as `yealink`; known by `mac` when absent, else `linphone`.
    vendor: Option<String>,
    /// As its maker writes it, such as `T54W`.
    #[serde(default)]
    model: String,
    /// Its hardware address; nobody else is told anything then.
    mac: Option<String>,
    /// `udp`, `tcp` or `tls`; the best that such a phone takes as it comes when absent.
    transport: Option<String>,
    /// `en` or `fr`.
    #[serde(default)]
    language: String,
    /// ISO 3166, for tones and time.
    #[serde(default)]
    country: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPhoneLine")]
struct LineBody {
    account: String,
    /// Made when absent.
    device_id: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PhoneOfDevice")]
pub(super) struct DevicePhoneBody {
    /// Whose language it reads, as `yealink`; known by `mac` when absent, else `linphone`.
    vendor: Option<String>,
    /// As its maker writes it, such as `T54W`.
    #[serde(default)]
    model: String,
    /// Its hardware address; nobody else is told anything then.
    mac: Option<String>,
    /// `udp`, `tcp` or `tls`; the best that such a phone takes as it comes when absent.
    transport: Option<String>,
    /// `en` or `fr`.
    #[serde(default)]
    language: String,
    /// ISO 3166, for tones and time.
    #[serde(default)]
    country: String,
}

impl DevicePhoneBody {
    pub fn request(self, account: String, device: Option<String>, also: Vec<LineRequest>) -> ConnectRequest {
        let Self { vendor, model, mac, transport, language, country } = self;
        ConnectRequest {
            account,
            device,
            also,
            vendor,
            model,
            mac,
            transport,
            language,
            country,
            tells_no_stranger: false,
        }
    }
}

fn wanted(call: &Call<'_>) -> Result<ConnectRequest, Problem> {
    let PhoneBody { account, device_id, also, vendor, model, mac, transport, language, country } =
        call.json()?;
    let account = of_name(call, &account)?.aor.to_string();
    let device = device_id.as_deref().map(|name| number("#/device_id", name)).transpose()?;
    let mut lines = Vec::with_capacity(also.len().min(64));
    for (line, at) in also.into_iter().zip(0..) {
        let account = of_name(call, &line.account)?.aor.to_string();
        let pointer = format!("#/also/{at}/device_id");
        let device = line.device_id.as_deref().map(|name| number(&pointer, name)).transpose()?;
        lines.push(LineRequest { account, device });
    }
    Ok(DevicePhoneBody { vendor, model, mac, transport, language, country }.request(account, device, lines))
}

fn number(pointer: &str, name: &str) -> Result<String, Problem> {
    let id = DeviceId::parse(name);
    id.map(|id| id.0.to_string()).ok_or_else(|| Problem::at(pointer, format!("`{name}` is no device")))
}

/// Shown once. The address is worth the secrets of the phone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PhoneLink")]
pub(super) struct PhoneLinkResource {
    /// `pho_NUMBER`.
    phone_id: String,
    account: String,
    device_id: String,
    vendor: String,
    #[schemars(with = "String")]
    url: GivenSecret,
    /// What a code to scan holds; `null`: such a phone scans none.
    #[schemars(with = "Option<String>")]
    code: Option<GivenSecret>,
    /// What the person does, in the language of the phone.
    steps: Vec<String>,
    expires_at: String,
    /// What its settings leave out, in English.
    left_out: Vec<String>,
    /// It had asked the network for us, and has been told the address.
    told: bool,
}

impl PhoneLinkResource {
    pub fn device_id(&self) -> &str {
        &self.device_id
    }
}

impl From<LinkView> for PhoneLinkResource {
    fn from(view: LinkView) -> Self {
        Self {
            phone_id: view.phone,
            account: view.account,
            device_id: format!("{}{}", DeviceId::PREFIX, view.device),
            vendor: view.vendor,
            url: view.url,
            code: view.code,
            steps: view.steps,
            expires_at: rfc3339(view.expires_at_s.saturating_mul(1_000)),
            left_out: view.left_out,
            told: view.told,
        }
    }
}

pub(super) fn linked(call: &Call<'_>, request: ConnectRequest) -> Result<PhoneLinkResource, Problem> {
    let PhonesReply::Linked(view) = ask(call, PhonesRequest::Connect(request))? else {
        return Err(unexpected());
    };
    Ok(view.into())
}

fn made(link: PhoneLinkResource) -> Result<Answer, Problem> {
    let place = format!("/api/v1/phones/{}", link.phone_id);
    Answer::created(link, &place)
}

fn connect(call: &Call<'_>) -> Result<Answer, Problem> {
    made(linked(call, wanted(call)?)?)
}

fn render(call: &Call<'_>) -> Result<Answer, Problem> {
    let PhonesReply::Rendered(view) = ask(call, PhonesRequest::Render(wanted(call)?))? else {
        return Err(unexpected());
    };
    Answer::json(view)
}

/// The account and the number of the device that a path names.
fn device(call: &Call<'_>) -> Result<(String, String), Problem> {
    let account = account_named(call)?;
    let name = call.part("device");
    let found = DeviceId::parse(name).filter(|id| account.device(*id).is_some());
    let text = || Problem::because(Code::NotFound, format!("`{name}` is no device of {}", account.aor));
    Ok((account.aor.to_string(), found.ok_or_else(text)?.0.to_string()))
}

fn connect_device(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: DevicePhoneBody = call.json()?;
    let (account, device) = device(call)?;
    made(linked(call, body.request(account, Some(device), Vec::new()))?)
}

fn show_device(call: &Call<'_>) -> Result<Answer, Problem> {
    let (_, device) = device(call)?;
    let is_meant = |view: &PhoneView| view.lines.iter().any(|line| line.device == device);
    let found = all(call)?.into_iter().find(is_meant);
    let text = "no link was made for a phone of this device";
    let view = found.ok_or_else(|| Problem::because(Code::NotFound, text))?;
    Answer::json(PhoneResource::of(view, Tongue::wanted(call.headers)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SyncDevice")]
struct SyncBody {
    /// It starts anew too.
    #[serde(default)]
    reboot: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SyncedDevice")]
struct SyncedResource {
    /// How many registrations of it were asked; 0: it is not registered.
    asked: usize,
}

fn sync(call: &Call<'_>) -> Result<Answer, Problem> {
    let SyncBody { reboot } = call.json()?;
    let (account, device) = device(call)?;
    let request = PhonesRequest::Sync { account, device: Some(device), reboot };
    let PhonesReply::Synced(asked) = ask(call, request)? else { return Err(unexpected()) };
    Answer::json(SyncedResource { asked })
}

/// How the test of a phone goes, or went.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RingTest")]
pub(super) struct RingResource {
    account: String,
    device_id: String,
    /// `call_UUID`; `null`: the phone is not registered, and was not called.
    call_id: Option<String>,
    begin_at: String,
    /// `ringing`, `answered`, `heard`, and how it ended; the first first.
    steps: Vec<StepView>,
    is_over: bool,
    /// `heard`, `not_heard`, `no_answer`, `refused`, `media_refused` or `unreachable`; `null`: it is not over.
    result: Option<String>,
    rang: bool,
    answered: bool,
    /// Something else than silence came from it.
    heard: bool,
    /// How its call ended, as SIP says it.
    status: Option<u16>,
    /// Packets of RTP that came from it.
    packets: Option<u64>,
    /// Why it is silent, where that is known.
    verdict: Option<VerdictView>,
    /// What is wrong with it.
    fault: Option<FaultResource>,
}

impl RingResource {
    fn of(view: RingView, tongue: Tongue) -> Self {
        Self {
            device_id: format!("{}{}", DeviceId::PREFIX, view.device),
            call_id: (!view.call.is_empty()).then(|| ids::call(&view.call)),
            begin_at: view.began_at,
            steps: view.steps,
            is_over: view.over,
            result: view.result,
            rang: view.rang,
            answered: view.answered,
            heard: view.heard,
            status: view.status,
            packets: view.packets,
            verdict: view.verdict,
            fault: view.fault.and_then(|code| FaultResource::of(&code, tongue)),
            account: view.account,
        }
    }
}

/// A test that begins, of a device of an account.
pub(super) fn ring_of(call: &Call<'_>, account: String, device: String) -> Result<Answer, Problem> {
    let begun = Answer::json(ringing(call, PhonesRequest::Ring { account, device })?)?;
    Ok(Answer { status: StatusCode::ACCEPTED, ..begun })
}

/// The last one.
pub(super) fn rung_of(call: &Call<'_>, account: String, device: String) -> Result<Answer, Problem> {
    Answer::json(ringing(call, PhonesRequest::Rung { account, device })?)
}

fn ringing(call: &Call<'_>, request: PhonesRequest) -> Result<RingResource, Problem> {
    let PhonesReply::Ringing(view) = ask(call, request)? else { return Err(unexpected()) };
    Ok(RingResource::of(*view, Tongue::wanted(call.headers)))
}

fn ring(call: &Call<'_>) -> Result<Answer, Problem> {
    let (account, device) = device(call)?;
    ring_of(call, account, device)
}

fn rung(call: &Call<'_>) -> Result<Answer, Problem> {
    let (account, device) = device(call)?;
    rung_of(call, account, device)
}

/// A phone that is nobody's yet: `connect_phone` with its `mac` claims it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UnclaimedPhone")]
struct UnclaimedResource {
    mac: String,
    vendor: String,
    model: String,
    firmware: String,
    address: String,
    seen_at: String,
    /// Its language is written here.
    can_be_told: bool,
}

fn unclaimed(call: &Call<'_>) -> Result<Answer, Problem> {
    let PhonesReply::Strangers(found) = ask(call, PhonesRequest::Strangers)? else {
        return Err(unexpected());
    };
    let row = |view: StrangerView| {
        let StrangerView { mac, vendor, model, firmware, address, seen_at, can_be_told } = view;
        UnclaimedResource { mac, vendor, model, firmware, address, seen_at, can_be_told }
    };
    Page::told(found.into_iter().map(row).collect(), None).answer(call)
}
