//! What is done around every request: whom a page of another site may not reach through somebody's browser, what a browser
//! may do with our answers, and in which language a problem is told.

use super::Web;
use super::problem::{Code, Problem};
use super::tongue::Tongue;
use crate::embed::Framed;
use crate::front::{self, Met};
use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) async fn around(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let tongue = Tongue::wanted(request.headers());
    let trace_id = trace_id(request.headers(), &web);
    let is_private =
        ["/api/", "/auth/", "/p/", "/line/"].iter().any(|part| request.uri().path().starts_with(part));
    request.extensions_mut().insert(tongue);
    let met = match host(&request).filter(|host| is_ours(host, &web)) {
        Some(host) => front::meet(web.front(), &host, &mut request),
        None => Met { answer: Some(Problem::new(Code::Misdirected).into_response()), hsts: None },
    };
    let mut response = match met.answer {
        Some(answer) => answer,
        None => next.run(request).await,
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        tell(&problem, &mut response, tongue, &trace_id);
    }
    let is_framed = response.extensions_mut().remove::<Framed>().is_some();
    protect(response.headers_mut(), is_private, is_framed);
    response.headers_mut().extend(met.hsts.map(|value| (header::STRICT_TRANSPORT_SECURITY, value)));
    response
}

/// A page of another site whose name leads here for a moment (DNS rebinding) is recognised by the name that the browser
/// says: an address is nobody's name, and any other name must be ours.
fn is_ours(host: &str, web: &Web) -> bool {
    let bare = host.trim_matches(['[', ']']);
    let is_address = bare.parse::<Ipv4Addr>().is_ok() || bare.parse::<Ipv6Addr>().is_ok();
    is_address || host == "localhost" || web.is_our_host(host)
}

/// In lower case, without port. RFC 9112 section 3.2: exactly one Host, and what the target names stands above it.
fn host(request: &Request) -> Option<String> {
    let mut said = request.headers().get_all(header::HOST).iter();
    let (first, second) = (said.next(), said.next());
    let authority = match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => first.filter(|_| second.is_none())?.to_str().ok()?,
    };
    let authority: axum::http::uri::Authority = authority.parse().ok()?;
    Some(authority.host().trim_end_matches('.').to_ascii_lowercase())
}

/// Names a request in problems and in the log: 32 hexadecimal digits (W3C Trace Context section 3.2.2.3). That of the caller's own trace if he says one, so that his log and ours name the same.
fn trace_id(headers: &HeaderMap, web: &Web) -> String {
    let said = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let theirs = said.and_then(|said| said.split('-').nth(1)).filter(|id| {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        id.len() == 32 && id.bytes().all(is_hex) && id.bytes().any(|byte| byte != b'0')
    });
    theirs.map_or_else(|| fresh_trace_id(web), str::to_owned)
}

pub(super) fn fresh_trace_id(web: &Web) -> String {
    let mut bytes = [0; 16];
    web.random(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn tell(problem: &Problem, response: &mut Response, tongue: Tongue, trace_id: &str) {
    if problem.code.status().is_server_error() {
        tracing::warn!(
            trace_id,
            code = problem.code.name(),
            detail = problem.detail,
            "a request was not done"
        );
    }
    let words = Json(problem.words(tongue, trace_id)).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(tongue.tag()));
    headers.append(header::VARY, HeaderValue::from_static("Accept-Language"));
    *response.body_mut() = Body::new(words.into_body());
}

/// What a page of this listener may do.
pub(crate) const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// A part may have said something stricter or wider about its own pages: what is there stays.
fn protect(headers: &mut HeaderMap, is_private: bool, is_framed: bool) {
    let mut say = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    say(header::CONTENT_SECURITY_POLICY, POLICY);
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // This one cannot name who may: where somebody may, the policy above says who.
    if !is_framed {
        say(header::X_FRAME_OPTIONS, "DENY");
    }
    say(header::REFERRER_POLICY, "same-origin");
    say(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    say(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if is_private {
        say(header::CACHE_CONTROL, "no-store");
    }
}
