//! Our web phone inside of pages of others ([decision 0072](../../../docs/decisions/0072-the-phone-in-a-page-of-somebody-else.md)):
//! the script that a page loads, and what the phone in its frame asks for. Only pages that the setting `embed_origins` lists are
//! given either.
//!
//! What it deliberately does not do: set a cookie, or keep a session. What a ticket is traded for opens one WebSocket, and ends with it.

mod origin;
mod tickets;

pub use origin::{EmbedOrigin, EmbedOrigins};
pub(crate) use tickets::{EmbedTickets, LIFE_MS, StandsFor};

use crate::console::file_of_the_build;
use crate::ids::Id as _;
use crate::model::{Reply, Request as Asking};
use crate::rest::{Code, IceServer, Problem, TicketResource, Web, known_address};
use crate::signin::from_here;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use coeur_directory::UserId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const SCRIPT: &str = "embed/coeur-phone.js";
/// Bytes of a body: two short texts.
const BODY_BYTES_MAX: usize = 4_096;

pub(crate) fn router() -> Router<Web> {
    Router::new()
        .route("/embed/coeur-phone.js", get(script))
        .route("/line/sign_in", post(sign_in))
        .route("/line/ice_server", post(ice_server))
}

/// A module is asked for with CORS (HTML standard, fetching scripts): only pages that are listed may run it.
async fn script(State(web): State<Web>, headers: HeaderMap) -> Response {
    let said = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let listed = said.and_then(|origin| web.embed_origins().find(origin));
    let mut response = file_of_the_build(SCRIPT, &headers);
    let mut say = |name: HeaderName, value: &str| {
        // Texts of ours, and an origin of which every letter was looked at.
        response.headers_mut().insert(name, HeaderValue::from_str(value).expect("ASCII"));
    };
    say(header::VARY, "Origin");
    if let Some(origin) = listed {
        say(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.as_str());
        say(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    }
    response
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// As `make_embed_ticket` has given it.
    ticket: String,
    /// The origin of the page in which the phone is: the browser has compared it (`frame-ancestors`).
    origin: String,
}

/// Trades a ticket for one that opens the WebSocket.
async fn sign_in(State(web): State<Web>, request: Request) -> Result<Json<TicketResource>, Problem> {
    let asks = Asks::of(&web, &request)?;
    let SignIn { ticket, origin } = read(request).await?;
    let found = web.embed_tickets().redeem(&ticket, &origin, web.now_ms());
    let Some(stands_for) = found else {
        tracing::debug!(origin = %origin.escape_debug(), "a ticket of an embedded phone was refused");
        return Err(asks.refused(&web));
    };
    let StandsFor { account, operator, user, .. } = stands_for;
    let asking = Asking::PhoneTicket { account, user: user.map(|user| UserId(user).text()) };
    let asked = tokio::task::spawn_blocking(move || web.door().answer(&operator, asking)).await;
    match asked.map_err(|_| Problem::new(Code::Inside))?? {
        Reply::PhoneTicket(ticket) => Ok(Json(TicketResource::of(*ticket))),
        _ => Err(Problem::new(Code::Inside)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// With which the WebSocket was opened.
    ticket: String,
}

#[derive(Serialize)]
struct Renewed {
    /// `null` where there is neither STUN nor TURN.
    ice_server: Option<IceServer>,
}

/// Credentials of TURN live ten minutes, a WebSocket for days: who has opened it is given new ones while it is open.
async fn ice_server(State(web): State<Web>, request: Request) -> Result<Json<Renewed>, Problem> {
    let asks = Asks::of(&web, &request)?;
    let Line { ticket } = read(request).await?;
    let found = web.door().house().web_phone(&ticket);
    let (aor, device) = found.ok_or_else(|| asks.refused(&web))?;
    Ok(Json(Renewed { ice_server: web.door().house().ice_server(&aor, device).map(IceServer::of) }))
}

/// Who asks, by his address: nobody guesses tickets faster than tokens ([`crate::rest::known_address`]).
struct Asks(String);

impl Asks {
    fn of(web: &Web, request: &Request) -> Result<Self, Problem> {
        let address = known_address(request.extensions()).ok_or_else(|| Problem::new(Code::Inside))?;
        web.rates().may_try(&address, web.now_ms())?;
        Ok(Self(address))
    }

    fn refused(&self, web: &Web) -> Problem {
        web.rates().was_refused(&self.0, web.now_ms());
        no_ticket()
    }
}

/// From a page of ours, as it says itself: nobody else has anything to ask here.
async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (head, body) = request.into_parts();
    if !from_here(&head.headers) {
        return Err(Problem::because(Code::Forbidden, "the phone asks for this itself, in its frame"));
    }
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Problem::new(Code::WrongType));
    }
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| Problem::new(Code::TooLarge))?;
    serde_json::from_slice(&body).map_err(|why| Problem::because(Code::Invalid, why.to_string()))
}

/// The same whether it was never made, is used, too old or of another page.
fn no_ticket() -> Problem {
    Problem {
        hint: Some((
            "A ticket counts once, for a minute, and in one page: have the server of the page ask for another.",
            "Un ticket compte une fois, une minute, et dans une seule page : que le serveur de la page en demande un autre.",
        )),
        ..Problem::because(Code::NotSignedIn, "this ticket opens nothing")
    }
}

/// Said with the answer of the one page that may be framed.
#[derive(Clone, Copy)]
pub(crate) struct Framed;
