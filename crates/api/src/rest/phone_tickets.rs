//! Tickets with which the server of another page signs our phone in there ([`crate::embed`]).

use super::caller::{Action, Resource, may};
use super::operation::{Answer, Call, Operation};
use super::problem::{Code, Problem};
use crate::embed::{LIFE_MS, StandsFor};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::post(
            ("/phone_tickets", "make_embed_ticket"),
            Resource::PhoneTickets,
            "A ticket that signs the web phone of an account in inside of a page of another origin: once, within a minute, in that page alone. Each is an audit row.",
            make,
        )
        .body::<EmbedTicketBody>()
        .answer::<EmbedTicket>()
        .status(201),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EmbedTicketBody {
    /// `user@domain`.
    account: String,
    /// Of the page that holds the phone, as browsers write it: scheme, host, and the port unless it is that of the scheme. One that
    /// the setting `embed_origins` lists.
    origin: String,
}

#[derive(Serialize, JsonSchema)]
struct EmbedTicket {
    /// For the attribute or the method of the element.
    ticket: String,
    /// `user@domain`.
    account: String,
    origin: String,
    expires_in_s: u64,
}

fn make(call: &Call<'_>) -> Result<Answer, Problem> {
    let body = call.json::<EmbedTicketBody>()?;
    // Whoever has the phone calls at the cost of the account.
    if !may(call.caller.role, Action::Control, Resource::Calls) {
        return Err(Problem::because(Code::Forbidden, "this takes a role that acts on calls"));
    }
    let Some(origin) = call.web.embed_origins().find(&body.origin) else {
        let text = format!("`{}` is not listed in the setting `embed_origins`", body.origin);
        return Err(Problem::at("#/origin", text));
    };
    let door = call.web.door();
    let account = door.account(&body.account)?;
    if !call.has(&account) {
        return Err(Problem::because(Code::NotFound, format!("there is no account {}", body.account)));
    }
    if !account.enabled {
        return Err(Problem::because(Code::Forbidden, format!("{} is disabled", account.aor)));
    }
    let account = account.aor.to_string();
    door.note_ticket_of_another(&call.caller.operator, &account)?;
    let mut bytes = [0; 32];
    call.web.random(&mut bytes);
    let ticket = URL_SAFE_NO_PAD.encode(bytes);
    let stands_for = StandsFor {
        account: account.clone(),
        origin: origin.as_str().into(),
        operator: call.caller.operator.clone(),
        user: call.caller.user,
    };
    call.web.embed_tickets().keep(&ticket, stands_for, call.web.now_ms())?;
    let made = EmbedTicket { ticket, account, origin: origin.to_string(), expires_in_s: LIFE_MS / 1_000 };
    Ok(Answer { status: StatusCode::CREATED, ..Answer::json(made)? })
}
