//! What hangs on an account and is not the account: further addresses that reach it, why it may what it may, and credentials
//! of STUN and TURN for a device of it.

use super::accounts::named;
use super::caller::Resource;
use super::change::{self, Change};
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::escaped;
use super::problem::{Code, Problem};
use crate::groups::RightsView;
use crate::ids::Id as _;
use crate::model::{GivenSecret, Reply, Request};
use coeur_directory::DeviceId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::{Accounts, Devices, Terms};
    vec![
        Operation::post(("/accounts/{account}/aliases", "add_alias"), Accounts, "Gives an account one more address that reaches it.", add)
            .body::<AliasBody>()
            .status(201)
            .answer::<AliasResource>()
            .dry(),
        Operation::delete(("/accounts/{account}/aliases/{alias}", "remove_alias"), Accounts, "Takes a further address back.", remove)
            .dry()
            .conditional(),
        Operation::get(("/accounts/{account}/rights", "show_rights"), Terms, "What an account may, and who has said it; with `to`, whether it may call that number or address, and by which rule.", rights)
            .query::<RightsQuery>()
            .answer::<RightsView>(),
        Operation::post(("/accounts/{account}/devices/{device}/ice_servers", "make_ice_server"), Devices, "Credentials of STUN and TURN for a device, which end by themselves.", ice_server)
            .answer::<IceServerResource>(),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewAlias")]
struct AliasBody {
    /// `user@domain`; a name or number alone is of the domain of the account.
    alias: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alias")]
struct AliasResource {
    account_id: String,
    /// `user@domain`.
    alias: String,
}

fn add(call: &Call<'_>) -> Result<Answer, Problem> {
    let AliasBody { alias } = call.json()?;
    let account = named(call)?;
    let request = Request::AliasAdd { account: account.aor.to_string(), alias: alias.clone() };
    if call.is_dry {
        return change::rehearse(call, request, &Change::Made { what: &alias });
    }
    call.ask(request)?;
    let alias = whole(&alias, account.aor.domain());
    let place = format!("/api/v1/accounts/{}/aliases/{}", account.id.text(), escaped(&alias));
    Answer::created(AliasResource { account_id: account.id.text(), alias }, &place)
}

fn remove(call: &Call<'_>) -> Result<Answer, Problem> {
    let account = named(call)?;
    let alias = whole(call.part("alias"), account.aor.domain());
    let request = Request::AliasRemove { account: account.aor.to_string(), alias: alias.clone() };
    change::remove(call, request, AliasResource { account_id: account.id.text(), alias })
}

fn whole(alias: &str, domain: &str) -> String {
    if alias.contains('@') { alias.to_owned() } else { format!("{alias}@{domain}") }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RightsQuery {
    /// A number or address that it would call.
    to: Option<String>,
}

fn rights(call: &Call<'_>) -> Result<Answer, Problem> {
    let RightsQuery { to } = call.query()?;
    let account = named(call)?.aor.to_string();
    let Reply::Rights(found) = call.ask(Request::AccountRights { account, to })? else {
        return Err(unexpected());
    };
    Answer::json(found)
}

/// As `RTCIceServer` of the web, and until when it opens anything.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "IceServer")]
struct IceServerResource {
    /// As RFC 7065 writes them.
    urls: Vec<String>,
    username: String,
    #[schemars(with = "String")]
    credential: GivenSecret,
    /// Seconds since the Unix epoch.
    expires_at_s: u64,
}

fn ice_server(call: &Call<'_>) -> Result<Answer, Problem> {
    let account = named(call)?;
    let name = call.part("device");
    let missing = || Problem::because(Code::NotFound, format!("`{name}` is no device of {}", account.aor));
    let device = DeviceId::parse(name).ok_or_else(missing)?.0.to_string();
    let request = Request::IceServer { account: account.aor.to_string(), device: Some(device) };
    let Reply::IceServer(made) = call.ask(request)? else { return Err(unexpected()) };
    Answer::json(IceServerResource {
        urls: made.urls,
        username: made.username,
        credential: made.credential,
        expires_at_s: made.expires_at_s,
    })
}
