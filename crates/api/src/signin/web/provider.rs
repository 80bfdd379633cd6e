//! `/auth/oidc`: to another server and back.

use super::cookie::{self, Cookies};
use super::{Visit, go, inside};
use crate::rest::{Code, Problem, Web};
use crate::signin::enter::{Entered, blocking};
use crate::signin::oidc::{RETURN_PATH, Returned, Wanted};
use crate::signin::secret;
use axum::extract::Query;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

pub(super) fn router() -> Router<Web> {
    Router::new()
        .route("/auth/ways", get(ways))
        .route("/auth/oidc", get(leave))
        .route(RETURN_PATH, get(come_back))
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
    let leaving = provider.leave(wanted, visit.desk.now_ms(), random).await.map_err(|why| {
        tracing::error!(%why, "the server by which people sign in cannot be used");
        Problem::because(Code::Unavailable, "the other server does not answer as it should")
    })?;
    let mut response = go(&leaving.url);
    Cookies::new(visit.secure).away(&leaving.kept).put(response.headers_mut());
    Ok(response)
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
        return Ok(refused(&visit));
    }
    let with = Returned { kept, state: &brought.state, code: &brought.code, issuer: brought.iss.as_deref() };
    let back = match provider.come_back(with, visit.desk.now_ms()).await {
        Ok(back) => back,
        Err(why) => {
            tracing::warn!(%why, "a sign-in by the other server is refused");
            visit.desk.failed(None, &visit.visitor, "provider");
            return Ok(refused(&visit));
        }
    };
    let (desk, who) = (visit.desk.clone(), back.identity);
    if let Some(adds) = back.adds {
        // Who has left is who comes back.
        let (signed, _) = super::json::signed(&visit).await?;
        if signed.user.id != adds {
            return Ok(refused(&visit));
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
        Entered::Half(_) | Entered::Refused | Entered::Wait { .. } | Entered::Busy => refused(&visit),
    })
}

fn refused(visit: &Visit) -> Response {
    let mut response = super::sign_in::refused_by_provider(visit).into_response();
    Cookies::new(visit.secure).no_away().put(response.headers_mut());
    response
}
