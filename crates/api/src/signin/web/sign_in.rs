//! `/sign-in` and `/sign-out`.

use super::cookie::{self, Cookies};
use super::frame::{Notice, field, page};
use super::words::Word;
use super::{Visit, go, inside};
use crate::rest::{Tongue, Web};
use crate::signin::enter::{Code, Credentials, Entered, blocking};
use crate::signin::gate::from_here;
use crate::signin::oidc::END_PATH;
use crate::signin::password::Given;
use axum::Router;
use axum::extract::{Form, Query};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use coeur_storage::Way;
use maud::html;
use serde::Deserialize;

pub(super) fn router() -> Router<Web> {
    Router::new()
        .route("/sign-in", get(show).post(send))
        .route("/sign-in/code", get(show_code).post(send_code))
        .route("/sign-out", post(sign_out))
}

#[derive(Default, Deserialize)]
struct Onward {
    next: Option<String>,
    /// Who has just signed out here, and has come by another server.
    #[serde(default)]
    left: bool,
}

#[derive(Deserialize)]
struct Sent {
    login: String,
    password: Given,
    next: Option<String>,
}

#[derive(Deserialize)]
struct SentCode {
    code: String,
    next: Option<String>,
}

#[derive(Deserialize)]
struct SentCsrf {
    csrf: String,
}

async fn show(visit: Visit, Query(onward): Query<Onward>) -> Response {
    let notice =
        (onward.left && visit.desk.provider().is_some()).then_some(Notice::Right(Word::ProviderStill));
    form(&visit, StatusCode::OK, notice, "", inside(onward.next.as_deref()))
}

async fn send(visit: Visit, Form(sent): Form<Sent>) -> Response {
    let next = inside(sent.next.as_deref()).to_owned();
    let login = sent.login.clone();
    let again = |status, word| form(&visit, status, Some(Notice::Wrong(word)), &login, &next);
    // Whoever is made to sign in by a stranger's page would work on as somebody else.
    if !from_here(&visit.headers) {
        return again(StatusCode::FORBIDDEN, Word::Forged);
    }
    let given = Credentials {
        login: sent.login,
        password: sent.password,
        known: cookie::known(&visit.headers, visit.encrypted).map(str::to_owned),
        old: visit.old(),
    };
    match visit.desk.enter(given, visit.visitor.clone()).await {
        Ok(Entered::Half(text)) => {
            let mut response = go(&format!("/sign-in/code?next={}", escaped(&next)));
            Cookies::new(visit.secure).half(&text).put(response.headers_mut());
            response
        }
        Ok(entered) => finish(&visit, entered, &next, Word::Wrong, again),
        Err(why) => {
            tracing::warn!(why = %why.text, "a sign-in failed inside");
            again(StatusCode::SERVICE_UNAVAILABLE, Word::Failed)
        }
    }
}

async fn show_code(visit: Visit, Query(onward): Query<Onward>) -> Response {
    let next = inside(onward.next.as_deref());
    let is_half = cookie::half(&visit.headers, visit.encrypted).is_some_and(|half| visit.desk.is_half(half));
    match is_half {
        true => code_form(visit.tongue, StatusCode::OK, None, next),
        false => go(&format!("/sign-in?next={}", escaped(next))),
    }
}

async fn send_code(visit: Visit, Form(sent): Form<SentCode>) -> Response {
    let next = inside(sent.next.as_deref()).to_owned();
    let again = |status, word| code_form(visit.tongue, status, Some(Notice::Wrong(word)), &next);
    if !from_here(&visit.headers) {
        return again(StatusCode::FORBIDDEN, Word::Forged);
    }
    let half = cookie::half(&visit.headers, visit.encrypted).map(str::to_owned);
    let Some(half) = half.filter(|half| visit.desk.is_half(half)) else {
        return go(&format!("/sign-in?next={}", escaped(&next)));
    };
    let (desk, visitor, old) = (visit.desk.clone(), visit.visitor.clone(), visit.old());
    let known = cookie::known(&visit.headers, visit.encrypted).map(str::to_owned);
    let entered = blocking(move || {
        let given = Code { half: &half, code: &sent.code, known: known.as_deref(), old };
        desk.enter_code(given, &visitor)
    });
    match entered.await {
        Ok(entered) => finish(&visit, entered, &next, Word::WrongCode, again),
        Err(_) => again(StatusCode::SERVICE_UNAVAILABLE, Word::Failed),
    }
}

fn finish(
    visit: &Visit,
    entered: Entered,
    next: &str,
    wrong: Word,
    again: impl Fn(StatusCode, Word) -> Response,
) -> Response {
    match entered {
        Entered::In { session, known } => {
            let mut response = go(next);
            Cookies::new(visit.secure).session(&session).known(&known).no_half().put(response.headers_mut());
            response
        }
        Entered::Refused | Entered::Half(_) => again(StatusCode::UNAUTHORIZED, wrong),
        Entered::Wait { ms } => {
            let mut response = again(StatusCode::TOO_MANY_REQUESTS, Word::Waits);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
            response
        }
        Entered::Busy => again(StatusCode::SERVICE_UNAVAILABLE, Word::Busy),
    }
}

async fn sign_out(visit: Visit, Form(sent): Form<SentCsrf>) -> Response {
    let signed = visit.signed().await.ok().flatten();
    let is_by_provider = signed.is_some_and(|(signed, _)| signed.session.way == Way::Provider);
    if let Some(text) = cookie::session(&visit.headers, visit.encrypted).map(str::to_owned) {
        if !visit.desk.is_ours(&Method::POST, &visit.headers, &text, Some(&sent.csrf)) {
            return form(&visit, StatusCode::FORBIDDEN, Some(Notice::Wrong(Word::Forged)), "", "/");
        }
        let desk = visit.desk.clone();
        if blocking(move || desk.sign_out(&text)).await.is_err() {
            return form(&visit, StatusCode::SERVICE_UNAVAILABLE, Some(Notice::Wrong(Word::Failed)), "", "/");
        }
    }
    let mut response = go(if is_by_provider { "/sign-in?left=true" } else { "/sign-in" });
    Cookies::new(visit.secure).no_session().put(response.headers_mut());
    response
}

/// Another server has vouched for nobody, or for nobody who has anything here.
pub(super) fn refused_by_provider(visit: &Visit, status: StatusCode, why: Word) -> Response {
    form(visit, status, Some(Notice::Wrong(why)), "", "/")
}

fn form(visit: &Visit, status: StatusCode, notice: Option<Notice>, login: &str, next: &str) -> Response {
    let tongue = visit.tongue;
    let body = html! {
        form method="post" action="/sign-in" {
            input type="hidden" name="next" value=(next);
            (field(Word::Login.say(tongue), "login", "text", "username", login))
            (field(Word::Password.say(tongue), "password", "password", "current-password", ""))
            button { (Word::SignIn.say(tongue)) }
        }
        @if let Some(provider) = visit.desk.provider() {
            p { a .button href={ "/auth/oidc?next=" (escaped(next)) } { (Word::ProviderSignIn.say(tongue)) " " (provider.label()) } }
            @if notice == Some(Notice::Right(Word::ProviderStill)) {
                p { a href=(END_PATH) { (Word::ProviderEnd.say(tongue)) " " (provider.label()) } }
            }
        }
        // Only a script can ask for a passkey, and shows this.
        div .needs-passkeys hidden {
            button #passkey-sign-in .plain type="button" data-next=(next) data-stopped=(Word::PasskeyStopped.say(tongue)) {
                (Word::PasskeySignIn.say(tongue))
            }
            p #passkey-told role="status" {}
        }
    };
    page(tongue, status, Word::SignIn, notice, body)
}

fn code_form(tongue: Tongue, status: StatusCode, notice: Option<Notice>, next: &str) -> Response {
    let body = html! {
        form method="post" action="/sign-in/code" {
            input type="hidden" name="next" value=(next);
            (field(Word::Code.say(tongue), "code", "text", "one-time-code", ""))
            button { (Word::Continue.say(tongue)) }
        }
    };
    page(tongue, status, Word::CodeTitle, notice, body)
}

/// A path as a value of a query (RFC 3986 section 3.4).
fn escaped(path: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    path.bytes().map(byte).collect()
}
