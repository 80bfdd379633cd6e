//! What is one's own: the accounts of who asks, and the ticket with which his web phone opens its WebSocket.

use super::caller::{Access, Action, Resource};
use super::operation::{Answer, Call, Operation, unexpected};
use super::problem::{Code, Problem};
use crate::ids::Id as _;
use crate::model::{Reply, Request};
use crate::phone_door::{PhoneSocket, PhoneTicket};
use coeur_directory::{Account, Aor, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::Me;
    vec![
        Operation::get(("/me/accounts", "list_my_accounts"), Me, "The accounts of who asks, by their address.", list)
            .answer::<MyAccounts>(),
        Operation::post(("/me/phone_ticket", "make_phone_ticket"), Me, "A ticket for the web phone of an account of one's own, good once and for a minute; whoever may manage accounts gets one for any, and that is written down.", ticket)
            .body::<TicketBody>()
            .answer::<TicketResource>(),
    ]
}

#[derive(Serialize, JsonSchema)]
struct MyAccounts {
    data: Vec<MyAccount>,
}

#[derive(Serialize, JsonSchema)]
struct MyAccount {
    id: String,
    /// `user@domain`.
    account: String,
    display_name: String,
    enabled: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TicketBody {
    /// `user@domain`; the first of one's own unless said.
    account: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PhoneTicket")]
pub(crate) struct TicketResource {
    /// `user@domain`, which the phone registers.
    account: String,
    display_name: String,
    /// `dev_NUMBER`: revoked, it ends all web phones of the account.
    device_id: String,
    /// Goes into the query of the WebSocket's address: `?ticket=`.
    ticket: String,
    expires_in_s: u64,
    /// Where SIP over WebSocket is spoken, on the host of the page.
    sockets: Vec<PhoneSocket>,
    /// `RTCIceServer` of STUN and TURN; `null` where there are none.
    ice_server: Option<IceServer>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct IceServer {
    urls: Vec<String>,
    username: String,
    credential: String,
}

/// By their address.
pub(super) fn own(call: &Call<'_>) -> Vec<Arc<Account>> {
    let Some(user) = call.caller.user else { return Vec::new() };
    let mut accounts = call.web.door().house().directory().accounts_of_user(UserId(user));
    accounts.sort_by(|a, b| a.aor.cmp(&b.aor));
    accounts
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let shown = |account: &Arc<Account>| MyAccount {
        id: account.id.text(),
        account: account.aor.to_string(),
        display_name: account.display_name.to_string(),
        enabled: account.enabled,
    };
    Answer::json(MyAccounts { data: own(call).iter().map(shown).collect() })
}

fn ticket(call: &Call<'_>) -> Result<Answer, Problem> {
    let wanted = call.json::<TicketBody>()?.account;
    let account = chosen(call, wanted.as_deref())?;
    if !own(call).iter().any(|one| one.aor.to_string() == account) {
        call.web.door().note_ticket_of_another(&call.caller.operator, &account)?;
    }
    match call.ask(Request::PhoneTicket {
        account,
        user: call.caller.user.map(|user| coeur_directory::UserId(user).text()),
    })? {
        Reply::PhoneTicket(ticket) => Answer::json(TicketResource::of(*ticket)),
        _ => Err(unexpected()),
    }
}

/// One's own; another's for who could as well give it a new secret, and acts on calls.
fn chosen(call: &Call<'_>, wanted: Option<&str>) -> Result<String, Problem> {
    let own = own(call);
    let Some(wanted) = wanted else {
        let first = own.iter().find(|account| account.enabled);
        let none = || Problem::because(Code::NotFound, "no account is yours");
        return first.map(|account| account.aor.to_string()).ok_or_else(none);
    };
    let is_own = Aor::parse(wanted).is_ok_and(|aor| own.iter().any(|account| account.aor == aor));
    let could = call.caller.may(Action::Create, Resource::Devices, Access::Write)
        && call.caller.may(Action::Control, Resource::Calls, Access::Write);
    let is_within = || call.web.door().account(wanted).is_ok_and(|account| call.has(&account));
    match is_own || (could && is_within()) {
        true => Ok(wanted.to_owned()),
        // The same whether it exists.
        false => Err(Problem::because(Code::NotFound, format!("`{wanted}` is no account of yours"))),
    }
}

impl IceServer {
    pub(crate) fn of(server: crate::IceServerView) -> Self {
        Self {
            urls: server.urls,
            username: server.username,
            credential: server.credential.reveal().to_owned(),
        }
    }
}

impl TicketResource {
    pub(crate) fn of(ticket: PhoneTicket) -> Self {
        Self {
            account: ticket.account,
            display_name: ticket.display_name,
            device_id: format!("dev_{}", ticket.device),
            ticket: ticket.ticket.reveal().to_owned(),
            expires_in_s: ticket.expires_in_s,
            sockets: ticket.sockets,
            ice_server: ticket.ice_server.map(IceServer::of),
        }
    }
}
