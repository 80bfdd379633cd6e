//! Sign-in over HTTP: small pages that work without JavaScript, and the same for the console as JSON below `/auth`.

pub(super) mod cookie;
mod frame;
mod json;
mod passkeys;
mod provider;
mod setup;
mod sign_in;
mod words;
mod yours;

use super::desk::{Desk, Visitor};
use super::session::Signed;
use crate::model::Refusal;
use crate::rest::{Peer, Problem, Tongue, Web};
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use coeur_storage::LABEL_BYTES_MAX;
use std::sync::Arc;

/// Bytes of a form.
const BODY_BYTES_MAX: usize = 8_192;

pub(crate) fn router() -> Router<Web> {
    Router::new()
        .merge(setup::router())
        .merge(sign_in::router())
        .merge(yours::router())
        .merge(json::router())
        .merge(passkeys::router())
        .merge(provider::router())
        .merge(frame::router())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// What every page and verb here begins with.
struct Visit {
    desk: Arc<Desk>,
    visitor: Visitor,
    headers: HeaderMap,
    tongue: Tongue,
    /// The browser came over TLS, here or before a proxy of ours: then it says so in `Origin`. Whoever lies there only has
    /// cookies that his own browser does not send.
    secure: bool,
    /// The same where we know it ourselves, or by a proxy of ours.
    encrypted: bool,
}

impl FromRequestParts<Web> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Response> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>();
        let from = peer.map(|ConnectInfo(peer)| (peer.remote.ip(), peer.is_secure()));
        let (Some((address, encrypted)), Some(desk)) = (from, web.desk()) else {
            return Err(Problem::new(crate::rest::Code::Unavailable).into_response());
        };
        let headers = parts.headers.clone();
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("");
        Ok(Self {
            desk: desk.clone(),
            visitor: Visitor { address, agent: agent.chars().take(LABEL_BYTES_MAX).collect() },
            tongue: Tongue::wanted(&headers),
            encrypted,
            secure: encrypted || origin(&headers).is_some_and(|origin| origin.starts_with("https://")),
            headers,
        })
    }
}

/// RFC 6454 section 7: of the page that asks, where a browser says it.
fn origin(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ORIGIN).and_then(|value| value.to_str().ok())
}

impl Visit {
    /// Who is signed in here, and by which text. Reads memory; now and then it writes that the session is used.
    async fn signed(&self) -> Result<Option<(Signed, String)>, Refusal> {
        let Some(text) = cookie::session(&self.headers, self.encrypted).map(str::to_owned) else {
            return Ok(None);
        };
        let (desk, asked) = (self.desk.clone(), text.clone());
        let signed = super::enter::blocking(move || desk.signed(&asked)).await?;
        Ok(signed.map(|signed| (signed, text)))
    }

    fn old(&self) -> Option<coeur_storage::Digest> {
        cookie::session(&self.headers, self.encrypted).map(super::secret::hash)
    }
}

/// Where somebody goes who is signed in: a place of ours, and never another site.
fn inside(next: Option<&str>) -> &str {
    let is_ours = |path: &&str| {
        let mut bytes = path.bytes();
        bytes.next() == Some(b'/')
            // `//host` and `/\host` are other sites for a browser.
            && !matches!(bytes.next(), Some(b'/' | b'\\'))
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    next.filter(is_ours).unwrap_or("/")
}

/// 303: what comes next is a page, whatever was sent.
fn go(to: &str) -> Response {
    Redirect::to(to).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for (next, to) in [
            (Some("/users?limit=5#a"), "/users?limit=5#a"),
            (Some("/"), "/"),
            (None, "/"),
            (Some("//evil.example"), "/"),
            (Some("/\\evil.example"), "/"),
            (Some("/a\\b"), "/"),
            (Some("https://evil.example"), "/"),
            (Some("javascript:alert(1)"), "/"),
            (Some("/a\r\nSet-Cookie: x"), "/"),
            (Some(""), "/"),
        ] {
            assert_eq!(inside(next), to, "{next:?}");
        }
    }
}
