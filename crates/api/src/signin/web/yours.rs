//! `/auth/security`: how the user who is signed in signs in, and where he is.

use super::cookie::Cookies;
use super::frame::{Notice, field, page};
use super::passkeys::are_possible;
use super::setup::{passwords, weak_word};
use super::words::Word;
use super::{Visit, go};
use crate::calls::rfc3339;
use crate::model::Refusal;
use crate::rest::{Tongue, Web};
use crate::signin::desk::{Desk, Visitor};
use crate::signin::enter::blocking;
use crate::signin::password::Given;
use crate::signin::second::{Factors, Not, Renewed};
use crate::signin::session::{Signed, name};
use crate::signin::{passkey, secret, totp};
use axum::Router;
use axum::extract::Form;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use coeur_storage::{PasskeyRow, SessionEnd, SessionRow};
use data_encoding::{BASE32_NOPAD, BASE64};
use maud::{Markup, html};
use serde::Deserialize;

const HERE: &str = "/auth/security";

pub(super) fn router() -> Router<Web> {
    Router::new()
        .route(HERE, get(show))
        .route("/auth/security/password", post(change_password))
        .route("/auth/security/authenticator", get(show_authenticator).post(set_authenticator))
        .route("/auth/security/authenticator/off", post(remove_authenticator))
        .route("/auth/security/recovery-codes", post(new_codes))
        .route("/auth/security/passkeys/remove", post(remove_passkey))
        .route("/auth/security/sessions/end", post(end_session))
}

#[derive(Deserialize)]
struct SentPassword {
    csrf: String,
    old: Given,
    password: Given,
    again: Given,
}

#[derive(Deserialize)]
struct SentAuthenticator {
    csrf: String,
    key: Given,
    code: String,
}

#[derive(Deserialize)]
struct Sent {
    csrf: String,
}

#[derive(Deserialize)]
struct SentPasskey {
    csrf: String,
    passkey: String,
}

#[derive(Deserialize)]
struct SentEnd {
    csrf: String,
    /// Absent: all others.
    session: Option<String>,
}

/// Somebody who is signed in, and what the forms of his pages carry.
struct Inside {
    visit: Visit,
    signed: Signed,
    csrf: secret::Text,
}

/// Else where he signs in.
async fn inside(visit: Visit) -> Result<Inside, Response> {
    match visit.signed().await {
        Ok(Some((signed, text))) => Ok(Inside { visit, signed, csrf: secret::csrf(&text) }),
        Ok(None) => Err(to_sign_in()),
        Err(_) => Err(failed(visit.tongue)),
    }
}

/// The same for a form that changes something.
async fn asked(visit: Visit, csrf: &str) -> Result<Inside, Response> {
    let Ok(found) = visit.signed().await else { return Err(failed(visit.tongue)) };
    let Some((signed, text)) = found else { return Err(to_sign_in()) };
    if visit.desk.is_ours(&Method::POST, &visit.headers, &text, Some(csrf)) {
        return Ok(Inside { visit, signed, csrf: secret::csrf(&text) });
    }
    let body = html! { p { a href=(HERE) { (Word::Continue.say(visit.tongue)) } } };
    Err(page(visit.tongue, StatusCode::FORBIDDEN, Word::YoursTitle, Some(Notice::Wrong(Word::Forged)), body))
}

fn to_sign_in() -> Response {
    go("/sign-in?next=/auth/security")
}

fn failed(tongue: Tongue) -> Response {
    let notice = Some(Notice::Wrong(Word::Failed));
    page(tongue, StatusCode::SERVICE_UNAVAILABLE, Word::YoursTitle, notice, html! {})
}

async fn show(visit: Visit) -> Response {
    match inside(visit).await {
        Ok(inside) => shown(&inside, StatusCode::OK, None),
        Err(response) => response,
    }
}

async fn change_password(visit: Visit, Form(sent): Form<SentPassword>) -> Response {
    let inside = match asked(visit, &sent.csrf).await {
        Ok(inside) => inside,
        Err(response) => return response,
    };
    if *sent.password != *sent.again {
        return shown(&inside, StatusCode::UNPROCESSABLE_ENTITY, Some(Notice::Wrong(Word::NotSame)));
    }
    let (desk, visitor) = (inside.visit.desk.clone(), inside.visit.visitor.clone());
    let changed = desk.set_password(inside.signed.clone(), sent.old, sent.password, visitor).await;
    answered(&inside, changed, Word::Wrong)
}

async fn show_authenticator(visit: Visit) -> Response {
    let inside = match inside(visit).await {
        Ok(inside) => inside,
        Err(response) => return response,
    };
    if inside.visit.desk.fresh_enough(&inside.signed).is_err() {
        return to_prove(&inside);
    }
    let secret = inside.visit.desk.new_authenticator();
    authenticator_form(&inside, StatusCode::OK, None, &*secret)
}

async fn set_authenticator(visit: Visit, Form(sent): Form<SentAuthenticator>) -> Response {
    let inside = match asked(visit, &sent.csrf).await {
        Ok(inside) => inside,
        Err(response) => return response,
    };
    let Ok(key) = BASE32_NOPAD.decode(sent.key.as_bytes()) else { return go(HERE) };
    let key = zeroize::Zeroizing::new(key);
    let again = key.clone();
    let set = move |desk: &Desk, signed: &Signed, visitor: &Visitor| {
        desk.set_authenticator(signed, &key, &sent.code, visitor)
    };
    match changed(&inside, set).await {
        Err(Not::Right) => {
            let notice = Some(Notice::Wrong(Word::WrongCode));
            authenticator_form(&inside, StatusCode::UNPROCESSABLE_ENTITY, notice, &again)
        }
        other => answered(&inside, other, Word::WrongCode),
    }
}

async fn remove_authenticator(visit: Visit, Form(sent): Form<Sent>) -> Response {
    match asked(visit, &sent.csrf).await {
        Ok(inside) => {
            let done = changed(&inside, Desk::remove_authenticator).await;
            answered(&inside, done, Word::Failed)
        }
        Err(response) => response,
    }
}

async fn new_codes(visit: Visit, Form(sent): Form<Sent>) -> Response {
    match asked(visit, &sent.csrf).await {
        Ok(inside) => {
            let done = changed(&inside, Desk::new_recovery_codes).await;
            answered(&inside, done, Word::Failed)
        }
        Err(response) => response,
    }
}

async fn remove_passkey(visit: Visit, Form(sent): Form<SentPasskey>) -> Response {
    match asked(visit, &sent.csrf).await {
        Ok(inside) => {
            let remove = move |desk: &Desk, signed: &Signed, visitor: &Visitor| {
                let session = desk.remove_passkey(signed, &sent.passkey, visitor)?;
                Ok(Renewed { session, codes: Vec::new() })
            };
            let done = changed(&inside, remove).await;
            answered(&inside, done, Word::Failed)
        }
        Err(response) => response,
    }
}

async fn end_session(visit: Visit, Form(sent): Form<SentEnd>) -> Response {
    let inside = match asked(visit, &sent.csrf).await {
        Ok(inside) => inside,
        Err(response) => return response,
    };
    let (desk, signed) = (inside.visit.desk.clone(), inside.signed.clone());
    let ended = blocking(move || match sent.session {
        Some(named) => desk.end_one(&signed.user, &named),
        None => {
            let but = Some(signed.session.hash);
            desk.end_all(signed.user.id, but, SessionEnd::Revoked).map(drop)
        }
    });
    match ended.await {
        Ok(()) => shown(&inside, StatusCode::OK, Some(Notice::Right(Word::Done))),
        Err(_) => shown(&inside, StatusCode::OK, Some(Notice::Wrong(Word::Failed))),
    }
}

/// On a thread that may wait for the disk.
async fn changed(
    inside: &Inside,
    change: impl FnOnce(&Desk, &Signed, &Visitor) -> Result<Renewed, Not> + Send + 'static,
) -> Result<Renewed, Not> {
    let (desk, visitor) = (inside.visit.desk.clone(), inside.visit.visitor.clone());
    let signed = inside.signed.clone();
    let done = tokio::task::spawn_blocking(move || change(&desk, &signed, &visitor)).await;
    done.unwrap_or(Err(Not::Busy))
}

fn answered(inside: &Inside, done: Result<Renewed, Not>, wrong: Word) -> Response {
    let at = |status, word| shown(inside, status, Some(Notice::Wrong(word)));
    match done {
        Ok(renewed) => renewed_page(inside, &renewed),
        Err(Not::Fresh) => to_prove(inside),
        Err(Not::Right) => at(StatusCode::UNPROCESSABLE_ENTITY, wrong),
        Err(Not::Weak(weak)) => at(StatusCode::UNPROCESSABLE_ENTITY, weak_word(weak)),
        Err(Not::There) => go(HERE),
        Err(Not::Busy) => at(StatusCode::SERVICE_UNAVAILABLE, Word::Busy),
        Err(Not::Refused(Refusal { text, .. })) => {
            tracing::warn!(why = %text, "how somebody signs in could not be changed");
            at(StatusCode::SERVICE_UNAVAILABLE, Word::Failed)
        }
    }
}

fn to_prove(inside: &Inside) -> Response {
    let tongue = inside.visit.tongue;
    let body = html! {
        p { (Word::Prove.say(tongue)) }
        a .button href="/sign-in?next=/auth/security" { (Word::SignIn.say(tongue)) }
    };
    page(tongue, StatusCode::FORBIDDEN, Word::YoursTitle, None, body)
}

/// The session has another name from now on.
fn renewed_page(inside: &Inside, renewed: &Renewed) -> Response {
    let tongue = inside.visit.tongue;
    let body = html! {
        @if !renewed.codes.is_empty() {
            h2 { (Word::RecoveryTitle.say(tongue)) }
            p { (Word::RecoveryLead.say(tongue)) }
            ul .plain { @for code in &renewed.codes { li { code { (code.as_str()) } } } }
        }
        a .button href=(HERE) { (Word::Continue.say(tongue)) }
    };
    let mut response = page(tongue, StatusCode::OK, Word::YoursTitle, Some(Notice::Right(Word::Done)), body);
    Cookies::new(inside.visit.secure).session(&renewed.session).put(response.headers_mut());
    response
}

fn authenticator_form(
    inside: &Inside,
    status: StatusCode,
    notice: Option<Notice>,
    secret: &[u8],
) -> Response {
    let tongue = inside.visit.tongue;
    let uri = totp::uri("Coeur", &inside.signed.user.login, secret);
    let body = html! {
        p { (Word::AuthenticatorScan.say(tongue)) }
        @if let Some(picture) = picture(&uri) { p { img .code src=(picture) alt="otpauth QR"; } }
        p { (Word::Key.say(tongue)) ": " code { (totp::typed(secret)) } }
        form method="post" action="/auth/security/authenticator" {
            input type="hidden" name="csrf" value=(inside.csrf.as_str());
            input type="hidden" name="key" value=(totp::typed(secret));
            (field(Word::CodeOfSix.say(tongue), "code", "text", "one-time-code", ""))
            button { (Word::Save.say(tongue)) }
        }
    };
    page(tongue, status, Word::AuthenticatorAdd, notice, body)
}

/// As a picture within the page; `None`: it is too long for one.
fn picture(text: &str) -> Option<String> {
    let code = qrcode::QrCode::new(text.as_bytes()).ok()?;
    let svg = code.render::<qrcode::render::svg::Color<'_>>().build();
    Some(format!("data:image/svg+xml;base64,{}", BASE64.encode(svg.as_bytes())))
}

fn shown(inside: &Inside, status: StatusCode, notice: Option<Notice>) -> Response {
    let Inside { visit, signed, csrf } = inside;
    let tongue = visit.tongue;
    let (desk, user) = (&visit.desk, signed.user.id);
    let (Ok(factors), Ok(sessions), Ok(passkeys)) =
        (desk.factors(user), desk.sessions(user), desk.passkeys(user))
    else {
        return failed(tongue);
    };
    let csrf = csrf.as_str();
    let body = html! {
        p { (Word::Login.say(tongue)) ": " strong { (signed.user.login) } }
        h2 { (Word::PasswordChange.say(tongue)) }
        form method="post" action="/auth/security/password" {
            input type="hidden" name="csrf" value=(csrf);
            input type="hidden" name="username" autocomplete="username" value=(signed.user.login);
            (field(Word::OldPassword.say(tongue), "old", "password", "current-password", ""))
            (passwords(tongue))
            button { (Word::Save.say(tongue)) }
        }
        (authenticator(tongue, csrf, &factors))
        (own_passkeys(tongue, csrf, &passkeys, are_possible(visit)))
        (places(tongue, csrf, &sessions, signed))
        h2 { (Word::SignOut.say(tongue)) }
        form method="post" action="/sign-out" {
            input type="hidden" name="csrf" value=(csrf);
            button { (Word::SignOut.say(tongue)) }
        }
        p { a href="/" { (Word::Onward.say(tongue)) } }
    };
    page(tongue, status, Word::YoursTitle, notice, body)
}

fn authenticator(tongue: Tongue, csrf: &str, factors: &Factors) -> Markup {
    html! {
        h2 { (Word::Authenticator.say(tongue)) }
        @if factors.authenticator {
            p { (Word::AuthenticatorOn.say(tongue)) " " (Word::RecoveryTitle.say(tongue)) ": " (factors.recovery_codes) " " (Word::RecoveryLeft.say(tongue)) "." }
            form .inline method="post" action="/auth/security/recovery-codes" {
                input type="hidden" name="csrf" value=(csrf);
                button .plain { (Word::RecoveryNew.say(tongue)) }
            }
            form .inline method="post" action="/auth/security/authenticator/off" {
                input type="hidden" name="csrf" value=(csrf);
                button .plain { (Word::AuthenticatorRemove.say(tongue)) }
            }
        } @else {
            p { (Word::AuthenticatorOff.say(tongue)) }
            a .button href="/auth/security/authenticator" { (Word::AuthenticatorAdd.say(tongue)) }
        }
    }
}

fn own_passkeys(tongue: Tongue, csrf: &str, all: &[PasskeyRow], are_possible: bool) -> Markup {
    html! {
        h2 { (Word::PasskeysTitle.say(tongue)) }
        p { (Word::PasskeysLead.say(tongue)) }
        ul .plain {
            @for row in all {
                li {
                    strong { (row.name) } br; (Word::Since.say(tongue)) " " (rfc3339(row.added_at_ms))
                    br;
                    form .inline method="post" action="/auth/security/passkeys/remove" {
                        input type="hidden" name="csrf" value=(csrf);
                        input type="hidden" name="passkey" value=(passkey::name(&row.id));
                        button .plain aria-label={ (Word::Remove.say(tongue)) " " (row.name) } { (Word::Remove.say(tongue)) }
                    }
                }
            }
        }
        @if are_possible {
            // Only a script can ask for a passkey, and shows this.
            div .needs-passkeys hidden {
                label for="passkey-name" { (Word::PasskeyName.say(tongue)) }
                input #passkey-name type="text" autocomplete="off" maxlength="50";
                button #passkey-add type="button" data-csrf=(csrf) data-stopped=(Word::PasskeyStopped.say(tongue)) {
                    (Word::PasskeyAdd.say(tongue))
                }
                p #passkey-told role="status" {}
            }
        } @else {
            p { (Word::PasskeyNeedsName.say(tongue)) }
        }
    }
}

fn places(tongue: Tongue, csrf: &str, sessions: &[SessionRow], signed: &Signed) -> Markup {
    html! {
        h2 { (Word::SessionsTitle.say(tongue)) }
        ul .plain {
            @for row in sessions {
                li {
                    strong { (row.address) }
                    @if row.hash == signed.session.hash { " (" (Word::ThisOne.say(tongue)) ")" }
                    br; (row.agent)
                    br; (Word::Since.say(tongue)) " " (rfc3339(row.begun_at_ms)) ", " (Word::LastSeen.say(tongue)) " " (rfc3339(row.seen_at_ms))
                    @if row.hash != signed.session.hash {
                        br;
                        form .inline method="post" action="/auth/security/sessions/end" {
                            input type="hidden" name="csrf" value=(csrf);
                            input type="hidden" name="session" value=(name(&row.hash));
                            button .plain aria-label={ (Word::End.say(tongue)) " " (row.address) } { (Word::End.say(tongue)) }
                        }
                    }
                }
            }
        }
        @if sessions.len() > 1 {
            form method="post" action="/auth/security/sessions/end" {
                input type="hidden" name="csrf" value=(csrf);
                button { (Word::EndOthers.say(tongue)) }
            }
        }
    }
}
