//! What all pages of sign-in have around them. Everything that is shown is escaped where it is put in (`maud`); there is
//! no script and no style but those of the files, and no page needs the script but for passkeys.

use super::words::Word;
use crate::rest::{Tongue, Web};
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};

/// Nothing but our own style, our own forms, the one script of passkeys, and pictures that are in the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("style.css");

pub(super) fn router() -> Router<Web> {
    Router::new().route("/auth/style.css", get(style))
}

async fn style() -> Response {
    let of = |text| HeaderValue::from_static(text);
    let headers =
        [(header::CONTENT_TYPE, of("text/css; charset=utf-8")), (header::CACHE_CONTROL, of("max-age=300"))];
    (headers, STYLE).into_response()
}

/// What is said above a form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    Wrong(Word),
    Right(Word),
}

pub(super) fn page(
    tongue: Tongue,
    status: StatusCode,
    title: Word,
    notice: Option<Notice>,
    body: Markup,
) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang=(tongue.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title.say(tongue)) " – Coeur" }
                link rel="stylesheet" href="/auth/style.css";
                script src="/auth/passkey.js" defer {}
            }
            body {
                main {
                    h1 { (title.say(tongue)) }
                    @match notice {
                        Some(Notice::Wrong(word)) => p .wrong role="alert" { (word.say(tongue)) },
                        Some(Notice::Right(word)) => p .right role="status" { (word.say(tongue)) },
                        None => {}
                    }
                    (body)
                }
            }
        }
    };
    let of = |text| HeaderValue::from_static(text);
    let headers = [
        (header::CONTENT_TYPE, of("text/html; charset=utf-8")),
        (header::CONTENT_LANGUAGE, of(tongue.tag())),
        (header::VARY, of("Accept-Language")),
        (header::CONTENT_SECURITY_POLICY, of(POLICY)),
        // The address of a link is told to no other site. `no-referrer` would have a browser say `Origin: null` with our own
        // forms (Fetch standard, appending a request `Origin` header), which is what a stranger's page says.
        (header::REFERRER_POLICY, of("same-origin")),
        (header::CACHE_CONTROL, of("no-store")),
    ];
    (status, headers, markup.into_string()).into_response()
}

/// A field with its label.
pub(super) fn field(label: &str, name: &str, kind: &str, complete: &str, value: &str) -> Markup {
    html! {
        label for=(name) { (label) }
        input id=(name) name=(name) type=(kind) autocomplete=(complete) value=(value) required;
    }
}
