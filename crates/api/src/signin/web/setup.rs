//! `/setup/TOKEN`: the first owner, or a user who gives himself a password.

use super::cookie::Cookies;
use super::frame::{Notice, field, page};
use super::words::Word;
use super::{Visit, go};
use crate::rest::{Tongue, Web};
use crate::signin::gate::from_here;
use crate::signin::link::{Chosen, Not, Used};
use crate::signin::password::{Given, Weak};
use axum::Router;
use axum::extract::{Form, Path};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use coeur_directory::{Language, User};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

pub(super) fn router() -> Router<Web> {
    Router::new().route("/setup/{token}", get(show).post(send))
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    login: String,
    #[serde(default)]
    name: String,
    password: Given,
    again: Given,
}

async fn show(visit: Visit, Path(token): Path<String>) -> Response {
    match visit.desk.link(&token) {
        Some(user) => form(visit.tongue, StatusCode::OK, user.as_ref(), None, ("", "")),
        None => over(visit.tongue),
    }
}

async fn send(visit: Visit, Path(token): Path<String>, Form(sent): Form<Sent>) -> Response {
    // A page of another site that has a link signs nobody in here.
    if !from_here(&visit.headers) {
        return over(visit.tongue);
    }
    let Some(user) = visit.desk.link(&token) else { return over(visit.tongue) };
    let again = |status, word| {
        let typed = (sent.login.as_str(), sent.name.as_str());
        form(visit.tongue, status, user.as_ref(), Some(Notice::Wrong(word)), typed)
    };
    if *sent.password != *sent.again {
        return again(StatusCode::UNPROCESSABLE_ENTITY, Word::NotSame);
    }
    let chosen = Chosen {
        login: sent.login.clone(),
        display_name: sent.name.chars().filter(|c| !c.is_control()).take(64).collect(),
        language: language(visit.tongue),
        password: sent.password.clone(),
    };
    match visit.desk.use_link(token, chosen, visit.visitor.clone()).await {
        Ok(Used::In { session, known }) => {
            let mut response = go("/");
            Cookies::new(visit.secure).session(&session).known(&known).put(response.headers_mut());
            response
        }
        Ok(Used::ToSignIn) => go("/sign-in"),
        Err(Not::Valid) => over(visit.tongue),
        Err(Not::Weak(weak)) => again(StatusCode::UNPROCESSABLE_ENTITY, weak_word(weak)),
        Err(Not::Login) => again(StatusCode::UNPROCESSABLE_ENTITY, Word::BadLogin),
        Err(Not::Busy) => again(StatusCode::SERVICE_UNAVAILABLE, Word::Busy),
        Err(Not::Refused(why)) => {
            tracing::warn!(why = %why.text, "a link could not be used");
            again(StatusCode::SERVICE_UNAVAILABLE, Word::Failed)
        }
    }
}

pub(super) fn weak_word(weak: Weak) -> Word {
    match weak {
        Weak::TooShort => Word::TooShort,
        Weak::TooLong => Word::TooLong,
        Weak::Guessable => Word::Guessable,
    }
}

fn language(tongue: Tongue) -> Language {
    match tongue {
        Tongue::English => Language::English,
        Tongue::French => Language::French,
    }
}

fn over(tongue: Tongue) -> Response {
    let body = html! { p { (Word::LinkOverHint.say(tongue)) } };
    page(tongue, StatusCode::GONE, Word::LinkOver, None, body)
}

fn form(
    tongue: Tongue,
    status: StatusCode,
    user: Option<&Arc<User>>,
    notice: Option<Notice>,
    (login, name): (&str, &str),
) -> Response {
    let title = if user.is_some() { Word::SetPasswordTitle } else { Word::SetupTitle };
    let who: Markup = match user {
        Some(user) => html! {
            p { (Word::Login.say(tongue)) ": " strong { (user.login) } }
            // For what keeps passwords.
            input type="hidden" name="username" autocomplete="username" value=(user.login);
        },
        None => html! {
            p { (Word::SetupLead.say(tongue)) }
            (field(Word::Name.say(tongue), "name", "text", "name", name))
            (field(Word::Login.say(tongue), "login", "text", "username", login))
        },
    };
    let body = html! {
        form method="post" {
            (who)
            (passwords(tongue))
            button { (Word::Begin.say(tongue)) }
        }
    };
    page(tongue, status, title, notice, body)
}

pub(super) fn passwords(tongue: Tongue) -> Markup {
    html! {
        (field(Word::NewPassword.say(tongue), "password", "password", "new-password", ""))
        p .hint { (Word::PasswordHint.say(tongue)) }
        (field(Word::Again.say(tongue), "again", "password", "new-password", ""))
    }
}
