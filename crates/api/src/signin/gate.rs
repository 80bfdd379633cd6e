//! Who asks, for the API: by a token in the header `Authorization`, or by the cookie of a session.
//!
//! A browser sends a cookie whoever's page made it ask. So a request that changes something must carry what only our own
//! page can know ([`super::secret::csrf`]), and none may say that it comes from a page of another site (`Origin` of the
//! Fetch standard, `Sec-Fetch-Site` of Fetch Metadata).

use super::desk::{Desk, operator};
use super::secret;
use super::session::Signed;
use super::token::token_name;
use super::web::cookie;
use crate::rest::{Asked, Bounds, Caller, Code, Gate, Problem, Proof, Role};
use axum::http::{HeaderMap, Method, header};
use coeur_directory::{TenantId, User};
use coeur_storage::Operator;
use subtle::ConstantTimeEq;

/// The header that goes with the cookie.
pub(super) const CSRF_HEADER: &str = "x-csrf-token";

impl Gate for Desk {
    fn caller(&self, asked: &Asked<'_>) -> Result<Caller, Problem> {
        match asked.bearer() {
            Some(token) => self.by_token(token, asked),
            // A token never comes in a cookie, nor a session in a header.
            None => self.by_cookie(asked),
        }
    }
}

impl Desk {
    fn by_token(&self, token: &str, asked: &Asked<'_>) -> Result<Caller, Problem> {
        let Some(bearer) = self.door.bearer(token, asked.remote)? else {
            self.tally.token_refused.one();
            self.note_failure("token.refused", "unknown", &format!("from={}", asked.remote));
            return Err(Problem::new(Code::NotSignedIn));
        };
        let who = format!("{} by {}", bearer.user.login, token_name(bearer.row.id()));
        Ok(Caller {
            operator: Operator::signed_in(&who),
            role: role(&bearer.user)?,
            scopes: Some(bearer.scopes),
            user: Some(bearer.user.id.0),
            proof: Proof::Token,
            limits: Bounds {
                network: bearer.row.network.as_deref().map(str::to_owned),
                expires_at_ms: bearer.row.expires_at_ms,
            },
        })
    }

    fn by_cookie(&self, asked: &Asked<'_>) -> Result<Caller, Problem> {
        let Some(text) = cookie::session(asked.headers, asked.encrypted) else {
            return Err(Problem::new(Code::NotSignedIn));
        };
        let Some(signed) = self.signed(text)? else { return Err(Problem::new(Code::NotSignedIn)) };
        let said = asked.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        if !self.is_ours(asked.method, asked.headers, text, said) {
            return Err(Problem::because(
                Code::Forbidden,
                format!(
                    "a request that changes something needs the header {CSRF_HEADER} of `GET /auth/session`"
                ),
            ));
        }
        caller(&signed, self.now_ms())
    }

    /// Whether a request with this session was made by a page of ours. `said`: what came with it, in a header or a form.
    pub(super) fn is_ours(
        &self,
        method: &Method,
        headers: &HeaderMap,
        session: &str,
        said: Option<&str>,
    ) -> bool {
        let ours = from_here(headers)
            && (is_safe(method) || said.is_some_and(|said| is_same(said, &secret::csrf(session))));
        if !ours {
            self.tally.forged.one();
        }
        ours
    }
}

fn caller(signed: &Signed, now_ms: u64) -> Result<Caller, Problem> {
    Ok(Caller {
        operator: operator(&signed.user),
        role: role(&signed.user)?,
        scopes: None,
        user: Some(signed.user.id.0),
        proof: if signed.is_fresh(now_ms) { Proof::Fresh } else { Proof::Old },
        limits: Bounds::default(),
    })
}

/// As the API names it. What is listed there is of every tenant, so that of another tenant than the first none but an owner is more
/// than a user yet: he has what is his own.
fn role(user: &User) -> Result<Role, Problem> {
    if user.tenant != TenantId::FIRST && user.role != Role::Owner {
        return Ok(Role::User);
    }
    Ok(user.role)
}

/// RFC 9110 section 9.2.1.
fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

fn is_same(said: &str, ours: &str) -> bool {
    said.as_bytes().ct_eq(ours.as_bytes()).into()
}

/// No page of another site says that it asks. A program says neither header, and a browser that is asked by its user says
/// `none`; the page of another port of this host is `same-site`, and a stranger.
pub(crate) fn from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = text(header::ORIGIN.as_str()).is_none_or(|origin| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some() && authority == text(header::HOST.as_str())
    });
    site && origin
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_page_of_another_site_or_port_is_a_stranger() {
        let host = ("host", "localhost:8090");
        for (more, ours) in [
            (&[][..], true),
            (&[("origin", "http://localhost:8090"), ("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("origin", "http://localhost:8091")], false),
            (&[("origin", "http://evil.example")], false),
            (&[("origin", "http://localhost:8090.evil.example")], false),
            (&[("origin", "null")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
        ] {
            assert_eq!(from_here(&headers(&[&[host], more].concat())), ours, "{more:?}");
        }
    }
}
