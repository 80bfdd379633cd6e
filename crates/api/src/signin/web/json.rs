//! Sign-in for the console, as JSON below `/auth`. Errors are problems as those of the API are.

use super::Visit;
use super::cookie::{self, Cookies};
use crate::calls::rfc3339;
use crate::model::Refusal;
use crate::rest::{Code, Problem, Web};
use crate::signin::desk::name as user_name;
use crate::signin::enter::{Code as GivenCode, Credentials, Entered, blocking};
use crate::signin::gate::{CSRF_HEADER, from_here};
use crate::signin::password::Given;
use crate::signin::secret;
use crate::signin::session::{FRESH_MS, Signed, name};
use axum::extract::{FromRequest, Path, Request};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use coeur_storage::{SessionEnd, SessionRow};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(super) fn router() -> Router<Web> {
    Router::new()
        .route("/auth/sign-in", post(sign_in))
        .route("/auth/code", post(code))
        .route("/auth/step-up", post(step_up))
        .route("/auth/sign-out", post(sign_out))
        .route("/auth/session", get(session))
        .route("/auth/sessions", get(sessions).delete(end_others))
        .route("/auth/sessions/{session}", delete(end))
}

#[derive(Deserialize)]
struct Sent {
    login: String,
    password: Given,
}

#[derive(Deserialize)]
struct SentCode {
    code: String,
}

#[derive(Serialize)]
struct InView {
    /// `signed_in`, or `code`: a second factor is owed.
    status: &'static str,
}

/// Who is signed in here.
#[derive(Serialize)]
struct WhoView {
    user: String,
    login: String,
    display_name: String,
    role: &'static str,
    language: &'static str,
    /// Of the session; it opens nothing.
    session: String,
    signed_in_by: &'static str,
    /// Until when what is dangerous may be done without signing in once more.
    fresh_until: String,
    /// For the header `X-CSRF-Token` of every request that changes something.
    csrf_token: String,
    factors: FactorsView,
}

#[derive(Serialize)]
struct FactorsView {
    password: bool,
    authenticator: bool,
    recovery_codes: usize,
    passkeys: usize,
}

#[derive(Serialize)]
struct SessionsView {
    data: Vec<SessionView>,
}

#[derive(Serialize)]
struct SessionView {
    id: String,
    current: bool,
    address: String,
    user_agent: String,
    signed_in_by: &'static str,
    created_at: String,
    last_used_at: String,
}

pub(super) type Told = Result<Response, Problem>;

/// A body of JSON. One that is none, or of another type, is a problem as every other.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Web> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Problem> {
        let Json(read) = Json::from_request(request, web).await.map_err(|why| {
            let code = match why.status() {
                StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::WrongType,
                StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
                _ => Code::Invalid,
            };
            Problem::because(code, why.body_text())
        })?;
        Ok(Self(read))
    }
}

async fn sign_in(visit: Visit, Body(sent): Body<Sent>) -> Told {
    from_here(&visit.headers).then_some(()).ok_or_else(stranger)?;
    let given = Credentials {
        login: sent.login,
        password: sent.password,
        known: cookie::known(&visit.headers, visit.encrypted).map(str::to_owned),
        old: visit.old(),
    };
    let entered = visit.desk.enter(given, visit.visitor.clone()).await?;
    told(&visit, entered, "login or password is wrong")
}

/// Whoever is signed in proves once more who he is, by one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentProof {
    password: Option<Given>,
    /// Of an authenticator, or a recovery code.
    code: Option<String>,
}

/// As a sign-in does, it takes the place of the session and is counted where it fails.
async fn step_up(visit: Visit, Body(sent): Body<SentProof>) -> Told {
    let (signed, _) = asked(&visit, Method::POST).await?;
    let known = cookie::known(&visit.headers, visit.encrypted).map(str::to_owned);
    let (desk, visitor, old) = (visit.desk.clone(), visit.visitor.clone(), visit.old());
    let entered = match sent {
        SentProof { password: Some(password), code: None } => {
            let given = Credentials { login: signed.user.login.to_string(), password, known, old };
            desk.enter(given, visitor).await?
        }
        SentProof { password: None, code: Some(code) } => {
            blocking(move || desk.prove_by_code(&signed.user, &code, known.as_deref(), old, &visitor)).await?
        }
        SentProof { .. } => return Err(Problem::because(Code::Invalid, "send `password` or `code`")),
    };
    told(&visit, entered, "this does not prove who you are")
}

/// Who adds another way of signing in: he has proved who he is a moment ago, and a page of ours has sent him.
pub(super) async fn adder(visit: &Visit) -> Result<coeur_directory::UserId, Problem> {
    let (signed, _) = signed(visit).await?;
    let site = visit.headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if site != Some("same-origin") {
        return Err(stranger());
    }
    match signed.is_fresh(visit.desk.now_ms()) {
        true => Ok(signed.user.id),
        false => Err(Problem::new(Code::StepUpRequired)),
    }
}

async fn code(visit: Visit, Body(sent): Body<SentCode>) -> Told {
    from_here(&visit.headers).then_some(()).ok_or_else(stranger)?;
    let half = cookie::half(&visit.headers, visit.encrypted).map(str::to_owned).unwrap_or_default();
    let (desk, visitor, old) = (visit.desk.clone(), visit.visitor.clone(), visit.old());
    let known = cookie::known(&visit.headers, visit.encrypted).map(str::to_owned);
    let entered = blocking(move || {
        let given = GivenCode { half: &half, code: &sent.code, known: known.as_deref(), old };
        desk.enter_code(given, &visitor)
    })
    .await?;
    told(&visit, entered, "this code is wrong, was used, or is too old")
}

fn told(visit: &Visit, entered: Entered, wrong: &str) -> Told {
    let cookies = Cookies::new(visit.secure);
    let (cookies, status) = match entered {
        Entered::In { session, known } => (cookies.session(&session).known(&known).no_half(), "signed_in"),
        Entered::Half(text) => (cookies.half(&text), "code"),
        Entered::Refused => return Err(Problem::because(Code::NotSignedIn, wrong)),
        Entered::Wait { ms } => {
            let problem = Problem::because(Code::TooMany, "too many attempts");
            return Err(Problem { retry_after_s: Some(ms.div_ceil(1_000)), ..problem });
        }
        Entered::Busy => return Err(Problem::because(Code::Unavailable, "many people are signing in")),
    };
    let mut response = Json(InView { status }).into_response();
    cookies.put(response.headers_mut());
    Ok(response)
}

pub(super) fn stranger() -> Problem {
    Problem::because(Code::Forbidden, "a page of another site asked")
}

pub(super) async fn signed(visit: &Visit) -> Result<(Signed, String), Problem> {
    visit.signed().await?.ok_or_else(|| Problem::new(Code::NotSignedIn))
}

/// The same for what changes something.
pub(super) async fn asked(visit: &Visit, method: Method) -> Result<(Signed, String), Problem> {
    let (signed, text) = signed(visit).await?;
    let said = visit.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    match visit.desk.is_ours(&method, &visit.headers, &text, said) {
        true => Ok((signed, text)),
        false => {
            let text =
                format!("it needs the header {CSRF_HEADER} with the csrf_token of `GET /auth/session`");
            Err(Problem::because(Code::Forbidden, text))
        }
    }
}

async fn session(visit: Visit) -> Told {
    let (Signed { user, session }, text) = signed(&visit).await?;
    let factors = visit.desk.factors(user.id)?;
    let view = WhoView {
        user: user_name(user.id),
        login: user.login.to_string(),
        display_name: user.display_name.to_string(),
        role: user.role.as_str(),
        language: user.language.as_str(),
        session: name(&session.hash),
        signed_in_by: session.way.as_str(),
        fresh_until: rfc3339(session.proved_at_ms + FRESH_MS),
        csrf_token: secret::csrf(&text).to_string(),
        factors: FactorsView {
            password: factors.password,
            authenticator: factors.authenticator,
            recovery_codes: factors.recovery_codes,
            passkeys: factors.passkeys,
        },
    };
    Ok(Json(view).into_response())
}

async fn sessions(visit: Visit) -> Told {
    let (signed, _) = signed(&visit).await?;
    let view = |row: &SessionRow| SessionView {
        id: name(&row.hash),
        current: row.hash == signed.session.hash,
        address: row.address.to_string(),
        user_agent: row.agent.to_string(),
        signed_in_by: row.way.as_str(),
        created_at: rfc3339(row.begun_at_ms),
        last_used_at: rfc3339(row.seen_at_ms),
    };
    let data = visit.desk.sessions(signed.user.id)?.iter().map(view).collect();
    Ok(Json(SessionsView { data }).into_response())
}

async fn end(visit: Visit, Path(named): Path<String>) -> Told {
    let (signed, _) = asked(&visit, Method::DELETE).await?;
    ended(&visit, move |desk| desk.end_one(&signed.user, &named)).await
}

/// All but this one.
async fn end_others(visit: Visit) -> Told {
    let (signed, _) = asked(&visit, Method::DELETE).await?;
    ended(&visit, move |desk| {
        desk.end_all(signed.user.id, Some(signed.session.hash), SessionEnd::Revoked).map(drop)
    })
    .await
}

async fn sign_out(visit: Visit) -> Told {
    let (_, text) = asked(&visit, Method::POST).await?;
    let mut response = ended(&visit, move |desk| desk.sign_out(&text)).await?;
    Cookies::new(visit.secure).no_session().put(response.headers_mut());
    Ok(response)
}

async fn ended(
    visit: &Visit,
    end: impl FnOnce(&crate::signin::Desk) -> Result<(), Refusal> + Send + 'static,
) -> Told {
    let desk = visit.desk.clone();
    blocking(move || end(&desk)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
