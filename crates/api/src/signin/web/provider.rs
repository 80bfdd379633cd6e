//! `/auth/oidc`: to another server and back.

use super::cookie::{self, Cookies};
use super::words::Word;
use super::{Visit, go, inside};
use crate::rest::{Code, Problem, Web};
use crate::signin::enter::{Entered, blocking};
use crate::signin::oidc::{END_PATH, LOGOUT_PATH, RETURN_PATH, Returned, Wanted};
use crate::signin::secret;
use axum::extract::{Form, Query};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

pub(super) fn router() -> Router<Web> {
    Router::new()
        .route("/auth/ways", get(ways))
        .route("/auth/oidc", get(leave))
        .route(RETURN_PATH, get(come_back))
        .route(LOGOUT_PATH, post(signed_out))
        .route(END_PATH, get(end))
}

/// What can be signed in by.
#[derive(Serialize)]
struct WaysView {
    password: bool,
    passkey: bool,
    provider: Option<ProviderView>,
}

#[derive(Serialize)]
struct ProviderView {
    label: String,
    /// A page is sent there, with `?next=` where it goes on.
    address: &'static str,
}

async fn ways(visit: Visit) -> Json<WaysView> {
    let provider = visit.desk.provider();
    let view = provider.map(|one| ProviderView { label: one.label().to_owned(), address: "/auth/oidc" });
    Json(WaysView { password: true, passkey: visit.desk.has_passkeys(), provider: view })
}

#[derive(Deserialize)]
struct Going {
    next: Option<String>,
    /// He proves there anew who he is, for what is dangerous here.
    #[serde(default)]
    again: bool,
    /// Who is signed in adds this way of signing in.
    #[serde(default)]
    add: bool,
}

async fn leave(visit: Visit, Query(going): Query<Going>) -> Result<Response, Problem> {
    let provider = visit.desk.provider().ok_or_else(|| Problem::new(Code::NoSuchPage))?;
    let adds = if going.add { Some(super::json::adder(&visit).await?) } else { None };
    let base = base(&visit)?;
    let wanted = Wanted {
        from: visit.visitor.address,
        base: &base,
        next: inside(going.next.as_deref()),
        adds,
        again: going.again,
    };
    let random = [(); 4].map(|()| visit.desk.random::<{ secret::RANDOM_BYTES }>());
    let leaving = match provider.leave(wanted, visit.desk.now_ms(), random).await {
        Ok(leaving) => leaving,
        Err(why) => return Ok(away(&visit, &why)),
    };
    let mut response = go(&leaving.url);
    Cookies::new(visit.secure).away(&leaving.kept).put(response.headers_mut());
    Ok(response)
}

fn away(visit: &Visit, why: &dyn std::fmt::Display) -> Response {
    tracing::error!(%why, "the server by which people sign in cannot be used");
    super::sign_in::refused_by_provider(visit, StatusCode::SERVICE_UNAVAILABLE, Word::ProviderAway)
}

/// As the browser sees us; that the host is one of ours was looked at before.
fn base(visit: &Visit) -> Result<String, Problem> {
    let host = visit.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.ok_or_else(|| Problem::new(Code::Misdirected))?;
    let scheme = if visit.secure { "https" } else { "http" };
    Ok(format!("{scheme}://{host}"))
}

#[derive(Deserialize)]
struct Brought {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    iss: Option<String>,
    /// RFC 6749 section 4.1.2.1: nothing was agreed to.
    error: Option<String>,
}

async fn come_back(visit: Visit, Query(brought): Query<Brought>) -> Result<Response, Problem> {
    let provider = visit.desk.provider().ok_or_else(|| Problem::new(Code::NoSuchPage))?.clone();
    let kept = cookie::away(&visit.headers, visit.encrypted).unwrap_or("");
    if let Some(error) = &brought.error {
        tracing::info!(
            error = error.chars().take(64).collect::<String>(),
            "the other server signs nobody in"
        );
        let stopped = error == "access_denied";
        return Ok(refused(&visit, if stopped { Word::ProviderStopped } else { Word::ProviderWrong }));
    }
    let with = Returned { kept, state: &brought.state, code: &brought.code, issuer: brought.iss.as_deref() };
    let back = match provider.come_back(with, visit.desk.now_ms()).await {
        Ok(back) => back,
        Err(why) => {
            tracing::warn!(%why, "a sign-in by the other server is refused");
            visit.desk.failed(None, &visit.visitor, "provider");
            return Ok(refused(&visit, Word::ProviderWrong));
        }
    };
    let (desk, who) = (visit.desk.clone(), back.identity);
    if let Some(adds) = back.adds {
        // Who has left is who comes back.
        let (signed, _) = super::json::signed(&visit).await?;
        if signed.user.id != adds {
            return Ok(refused(&visit, Word::ProviderWrong));
        }
        blocking(move || desk.add_identity(&signed.user, &who)).await?;
        let mut response = go(&back.next);
        Cookies::new(visit.secure).no_away().put(response.headers_mut());
        return Ok(response);
    }
    let (visitor, old) = (visit.visitor.clone(), visit.old());
    let entered = blocking(move || desk.enter_by_provider(&provider, &who, &visitor, old)).await?;
    Ok(match entered {
        Entered::In { session, known } => {
            let mut response = go(&back.next);
            let cookies = Cookies::new(visit.secure).session(&session).known(&known).no_half().no_away();
            cookies.put(response.headers_mut());
            response
        }
        Entered::Half(_) | Entered::Refused | Entered::Wait { .. } | Entered::Busy => {
            refused(&visit, Word::ProviderRefused)
        }
    })
}

#[derive(Deserialize)]
struct SentLogout {
    logout_token: String,
}

/// The other server says that somebody has signed out there (Back-Channel Logout 1.0 section 2.5). It proves itself by its signature alone.
async fn signed_out(visit: Visit, Form(sent): Form<SentLogout>) -> Result<Response, Problem> {
    let provider = visit.desk.provider().ok_or_else(|| Problem::new(Code::NoSuchPage))?.clone();
    let subject = match provider.signed_out(&sent.logout_token, visit.desk.now_ms()).await {
        Ok(subject) => subject,
        Err(why) => {
            tracing::info!(%why, "a sign-out by the other server is refused");
            visit.desk.failed(None, &visit.visitor, "provider");
            return Err(Problem::because(
                Code::Invalid,
                "that is no logout token of the server by which people sign in",
            ));
        }
    };
    let desk = visit.desk.clone();
    blocking(move || desk.end_by_provider(provider.issuer(), &subject)).await?;
    let mut response = StatusCode::OK.into_response();
    // Section 2.8.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Who has signed out here signs out there too.
async fn end(visit: Visit) -> Result<Response, Problem> {
    let provider = visit.desk.provider().ok_or_else(|| Problem::new(Code::NoSuchPage))?;
    Ok(match provider.end(&base(&visit)?, visit.desk.now_ms()).await {
        Ok(place) => go(place.as_deref().unwrap_or("/sign-in")),
        Err(why) => away(&visit, &why),
    })
}

fn refused(visit: &Visit, why: Word) -> Response {
    let mut response = super::sign_in::refused_by_provider(visit, StatusCode::UNAUTHORIZED, why);
    Cookies::new(visit.secure).no_away().put(response.headers_mut());
    response
}
