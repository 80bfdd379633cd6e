//! Passkeys over HTTP. They need a script, since only a script can ask the browser for one.

use super::Visit;
use super::cookie::{self, Cookies};
use super::json::{Body, Told, asked, signed, stranger};
use crate::calls::rfc3339;
use crate::rest::{Code, Problem, Web};
use crate::signin::gate::from_here;
use crate::signin::passkey::{ALGORITHMS, Asserted, For, Made, Not, Place, name, user_handle};
use crate::signin::second;
use axum::extract::Path;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use coeur_storage::PasskeyRow;
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

const SCRIPT: &str = include_str!("passkey.js");

pub(super) fn router() -> Router<Web> {
    Router::new()
        .route("/auth/passkey.js", get(script))
        .route("/auth/passkey/challenge", post(challenge))
        .route("/auth/passkey", post(enter))
        .route("/auth/passkeys/challenge", post(challenge_to_add))
        .route("/auth/passkeys", get(list).post(add))
        .route("/auth/passkeys/{passkey}", delete(remove))
}

/// What the script hands to `navigator.credentials.get`; binary fields in base64url.
#[derive(Serialize)]
struct AskView {
    challenge: String,
    rp_id: String,
}

/// The same for `navigator.credentials.create`.
#[derive(Serialize)]
struct AskNewView {
    challenge: String,
    rp_id: String,
    user_id: String,
    user_name: String,
    user_display_name: String,
    algorithms: [i64; 3],
    /// What this user has already.
    exclude: Vec<String>,
}

#[derive(Serialize)]
struct ListView {
    data: Vec<PasskeyView>,
}

#[derive(Serialize)]
struct PasskeyView {
    id: String,
    name: String,
    created_at: String,
    last_used_at: Option<String>,
}

#[derive(Serialize)]
struct InView {
    status: &'static str,
}

async fn script() -> Response {
    let of = |text| HeaderValue::from_static(text);
    let headers = [
        (header::CONTENT_TYPE, of("text/javascript; charset=utf-8")),
        (header::CACHE_CONTROL, of("max-age=300")),
    ];
    (headers, SCRIPT).into_response()
}

/// Whether passkeys can be of the name under which this page was opened.
pub(super) fn are_possible(visit: &Visit) -> bool {
    place(visit).is_ok()
}

/// Where this page is. A passkey is of a name, so an address has none (WebAuthn section 5.1.2: a valid domain).
fn place(visit: &Visit) -> Result<Place, Problem> {
    let none = || Problem::because(Code::Invalid, "a passkey is of a host name: this page has none");
    let host = visit.headers.get(header::HOST).and_then(|value| value.to_str().ok()).ok_or_else(none)?;
    let authority: axum::http::uri::Authority = host.parse().map_err(|_| none())?;
    let rp_id = authority.host().to_ascii_lowercase();
    if rp_id.starts_with('[') || rp_id.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(none());
    }
    // Of who asks only the scheme is believed: the rest of his `Origin` is this host ([`from_here`]).
    let scheme = if visit.secure { "https" } else { "http" };
    Ok(Place { origin: format!("{scheme}://{}", host.to_ascii_lowercase()), rp_id })
}

async fn challenge(visit: Visit) -> Told {
    from_here(&visit.headers).then_some(()).ok_or_else(stranger)?;
    let place = place(&visit)?;
    let (binding, _) = visit.desk.fresh();
    let asked = visit.desk.challenge(For::SignIn, &binding).ok_or_else(|| Problem::new(Code::Unavailable))?;
    let mut response = Json(AskView { challenge: asked.0, rp_id: place.rp_id }).into_response();
    Cookies::new(visit.secure).asked(&binding).put(response.headers_mut());
    Ok(response)
}

async fn enter(visit: Visit, Body(given): Body<Asserted>) -> Told {
    from_here(&visit.headers).then_some(()).ok_or_else(stranger)?;
    let place = place(&visit)?;
    let binding = cookie::asked(&visit.headers, visit.encrypted).unwrap_or_default().to_owned();
    let (desk, visitor, old) = (visit.desk.clone(), visit.visitor.clone(), visit.old());
    let work = move || {
        let entered = desk.enter_by_passkey(&binding, &place, &given, &visitor, old);
        entered.map(|(session, user)| (session, desk.enabled(user).map(|user| desk.known(&user))))
    };
    let entered = tokio::task::spawn_blocking(work).await.map_err(|_| Problem::new(Code::Inside))?;
    let (session, known) = entered.map_err(refused)?;
    let mut response = Json(InView { status: "signed_in" }).into_response();
    let cookies = Cookies::new(visit.secure).session(&session).no_asked();
    let cookies = match &known {
        Some(known) => cookies.known(known),
        None => cookies,
    };
    cookies.put(response.headers_mut());
    Ok(response)
}

async fn challenge_to_add(visit: Visit) -> Told {
    let (signed, text) = asked(&visit, Method::POST).await?;
    let place = place(&visit)?;
    visit.desk.fresh_enough(&signed).map_err(not_fresh)?;
    let asked =
        visit.desk.challenge(For::Registration, &text).ok_or_else(|| Problem::new(Code::Unavailable))?;
    let all = visit.desk.passkeys(signed.user.id)?;
    let view = AskNewView {
        challenge: asked.0,
        rp_id: place.rp_id,
        user_id: BASE64URL_NOPAD.encode(&user_handle(signed.user.id)),
        user_name: signed.user.login.to_string(),
        user_display_name: match &*signed.user.display_name {
            "" => signed.user.login.to_string(),
            name => name.to_owned(),
        },
        algorithms: ALGORITHMS,
        exclude: all.iter().map(|row| BASE64URL_NOPAD.encode(&row.id)).collect(),
    };
    Ok(Json(view).into_response())
}

async fn add(visit: Visit, Body(made): Body<Made>) -> Told {
    let (signed, text) = asked(&visit, Method::POST).await?;
    let place = place(&visit)?;
    let (desk, visitor) = (visit.desk.clone(), visit.visitor.clone());
    let work = move || desk.add_passkey(&signed, &text, &place, &made, &visitor);
    let added = tokio::task::spawn_blocking(work).await.map_err(|_| Problem::new(Code::Inside))?;
    let session = added.map_err(refused)?;
    renewed(&visit, StatusCode::CREATED, &session)
}

async fn list(visit: Visit) -> Told {
    let (signed, _) = signed(&visit).await?;
    let view = |row: &PasskeyRow| PasskeyView {
        id: name(&row.id),
        name: row.name.to_string(),
        created_at: rfc3339(row.added_at_ms),
        last_used_at: row.used_at_ms.map(rfc3339),
    };
    let data = visit.desk.passkeys(signed.user.id)?.iter().map(view).collect();
    Ok(Json(ListView { data }).into_response())
}

async fn remove(visit: Visit, Path(named): Path<String>) -> Told {
    let (signed, _) = asked(&visit, Method::DELETE).await?;
    let (desk, visitor) = (visit.desk.clone(), visit.visitor.clone());
    let work = move || desk.remove_passkey(&signed, &named, &visitor);
    let removed = tokio::task::spawn_blocking(work).await.map_err(|_| Problem::new(Code::Inside))?;
    let session = removed.map_err(not_fresh)?;
    renewed(&visit, StatusCode::NO_CONTENT, &session)
}

/// The session has another name from now on, and so has what goes with it.
fn renewed(visit: &Visit, status: StatusCode, session: &str) -> Told {
    let mut response = status.into_response();
    Cookies::new(visit.secure).session(session).put(response.headers_mut());
    Ok(response)
}

fn refused(not: Not) -> Problem {
    match not {
        Not::Proved => Problem::because(Code::NotSignedIn, "this passkey opens nothing here"),
        Not::Room => Problem::because(Code::Conflict, "it is there already, or there are too many"),
        Not::Fresh => not_fresh(second::Not::Fresh),
        Not::Refused(refusal) => refusal.into(),
    }
}

fn not_fresh(not: second::Not) -> Problem {
    match not {
        second::Not::Fresh => Problem::new(Code::StepUpRequired),
        second::Not::There => Problem::new(Code::NotFound),
        second::Not::Refused(refusal) => refusal.into(),
        second::Not::Right | second::Not::Weak(_) | second::Not::Busy => Problem::new(Code::Invalid),
    }
}
