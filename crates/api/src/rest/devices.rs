//! Devices: each has a secret of its own, and is taken back alone.

use super::accounts::named;
use super::caller::Resource;
use super::change::{self, Change};
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::Page;
use super::problem::{Code, Problem};
use crate::calls::rfc3339;
use crate::ids::Id as _;
use crate::model::{GivenSecret, Reply, Request};
use coeur_directory::{Account, Device, DeviceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::Devices;
    vec![
        Operation::get(("/accounts/{account}/devices", "list_devices"), Devices, "The devices of an account.", list)
            .answer::<Page<DeviceResource>>(),
        Operation::post(("/accounts/{account}/devices", "add_device"), Devices, "Gives an account another device; a secret that is made here is shown this once.", add)
            .body::<NewDeviceBody>()
            .status(201)
            .answer::<DeviceMade>()
            .dry(),
        Operation::get(("/accounts/{account}/devices/{device}", "show_device"), Devices, "One device.", show)
            .answer::<DeviceResource>(),
        Operation::patch(("/accounts/{account}/devices/{device}", "change_device"), Devices, "Changes how the device says its keys.", patch)
            .body::<DevicePatchBody>()
            .answer::<DeviceResource>()
            .dry()
            .conditional(),
        Operation::delete(("/accounts/{account}/devices/{device}", "revoke_device"), Devices, "Takes the device back: its secret opens nothing any more, and its registrations and calls end at once.", revoke)
            .dry()
            .conditional(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Device")]
pub(crate) struct DeviceResource {
    /// `dev_NUMBER`.
    id: String,
    account_id: String,
    account: String,
    name: String,
    /// Which digest algorithms it may use: `auto`, `sha256` or `md5`.
    policy: String,
    created_at: String,
    /// It has answered SHA-256 once: nothing weaker is taken of it.
    proved_sha256: bool,
    /// How it says its keys: `auto`, `rfc4733`, `info` or `inband`.
    dtmf: String,
}

impl DeviceResource {
    pub fn of(account: &Account, device: &Device) -> Self {
        Self {
            id: device.id.text(),
            account_id: account.id.text(),
            account: account.aor.to_string(),
            name: device.name.to_string(),
            policy: device.policy.as_str().to_owned(),
            created_at: rfc3339(device.created_at_s.saturating_mul(1_000)),
            proved_sha256: device.proved_sha256(),
            dtmf: device.dtmf.as_str().to_owned(),
        }
    }
}

fn found<'a>(call: &Call<'_>, account: &'a Account) -> Result<&'a Device, Problem> {
    let name = call.part("device");
    let id = DeviceId::parse(name);
    let device = id.and_then(|id| account.device(id));
    device
        .ok_or_else(|| Problem::because(Code::NotFound, format!("`{name}` is no device of {}", account.aor)))
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let account = named(call)?;
    let devices = account.devices.iter().map(|device| DeviceResource::of(&account, device));
    Page::told(devices.collect(), None).answer(call)
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    let account = named(call)?;
    Answer::json(DeviceResource::of(&account, found(call, &account)?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewDevice")]
struct NewDeviceBody {
    name: String,
    /// 8 characters or more; made, and shown once, when absent.
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
struct DeviceMade {
    device: DeviceResource,
    /// Shown this once, and only if it was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    secret: Option<GivenSecret>,
}

fn add(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: NewDeviceBody = call.json()?;
    let account = named(call)?;
    let name = body.name.clone();
    let request = Request::DeviceAdd {
        account: account.aor.to_string(),
        name: body.name,
        secret: body.secret,
        policy: body.policy,
    };
    if call.is_dry {
        return change::rehearse(call, request, &Change::Made { what: &name });
    }
    let Reply::Made(made) = call.ask(request)? else { return Err(unexpected()) };
    let made = made.into_iter().next().ok_or_else(unexpected)?;
    let account = named(call)?;
    let id: Option<u64> = made.device.parse().ok();
    let device = id.and_then(|id| account.device(DeviceId(id))).ok_or_else(unexpected)?;
    let device = DeviceResource::of(&account, device);
    let place = format!("/api/v1/accounts/{}/devices/{}", device.account_id, device.id);
    Answer::created(DeviceMade { device, secret: made.secret }, &place)
}

/// What is absent stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DevicePatch")]
struct DevicePatchBody {
    /// `auto`, `rfc4733`, `info` or `inband`.
    dtmf: Option<String>,
}

fn patch(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: DevicePatchBody = call.json()?;
    let account = named(call)?;
    let device = found(call, &account)?;
    let request = Request::DeviceChange {
        account: account.aor.to_string(),
        device: device.id.0.to_string(),
        dtmf: body.dtmf.ok_or_else(|| Problem::at("#/dtmf", "nothing to change was given"))?,
    };
    let now = || {
        let account = named(call)?;
        Ok(DeviceResource::of(&account, found(call, &account)?))
    };
    change::patch(call, request, now)
}

fn revoke(call: &Call<'_>) -> Result<Answer, Problem> {
    let account = named(call)?;
    let device = found(call, &account)?;
    let request = Request::DeviceRevoke { account: account.aor.to_string(), device: device.id.0.to_string() };
    change::remove(call, request, DeviceResource::of(&account, device))
}
