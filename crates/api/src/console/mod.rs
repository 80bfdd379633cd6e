//! The console for people, in a browser: files of `console/`, packed into the program by `build.rs` and given as they are
//! ([decision 0050](../../../docs/decisions/0050-the-console-is-what-is-in-the-tree.md)). Whoever asks may have them: what is
//! secret is behind the API, which the console asks as any other program does.
//!
//! Every file is below `/assets/HASH/`, where `HASH` is that of all of them together, and may be kept for ever; the page
//! that names them is asked for anew each time, and costs 304.
//!
//! The service worker keeps files of the build, and nothing of the API
//! ([decision 0066](../../../docs/decisions/0066-what-stays-of-the-console-in-a-browser.md)).
//!
//! What it deliberately does not do: know who asks, render anything, or answer for an earlier version of itself. A page
//! that is open over an upgrade finds its next module missing, says so and loads again.

use crate::embed::{EmbedOrigin, Framed};
use crate::phone_door::PhoneSocket;
use crate::rest::{POLICY, Web};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

/// Addresses of pages: the first part of the path. `console/app/pages.js` says what each shows.
const PAGES: &[&str] = &[
    "phone",
    "mine",
    "contacts",
    "calls",
    "registrations",
    "records",
    "quality",
    "traces",
    "audit",
    "accounts",
    "numbers",
    "phones",
    "users",
    "import",
    "developers",
    "system",
];

include!(concat!(env!("OUT_DIR"), "/console.rs"));
const INDEX: &str = include_str!(concat!(env!("OUT_DIR"), "/index.html"));
/// The phone in a frame of somebody else's page; the origin of that page takes the place of the dash.
const EMBED: &str = include_str!(concat!(env!("OUT_DIR"), "/embed.html"));
const EMBED_HOST: &str = "name=\"coeur-host\" content=\"-\"";
/// What stays of the console in a browser when no page of it is open: the address is the reach of what it does.
const WORKER: &str = include_str!(concat!(env!("OUT_DIR"), "/sw.js"));
/// How a browser installs it (W3C Web Application Manifest).
const MANIFEST: &str = include_str!(concat!(env!("OUT_DIR"), "/manifest.webmanifest"));

/// A file of `console/`.
struct File {
    /// With `/`, relative to `console/`.
    name: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

pub(crate) fn router() -> Router<Web> {
    let files = Router::new()
        .route("/", get(page))
        .route("/favicon.ico", get(icon))
        .route("/sw.js", get(async || anew(WORKER, "text/javascript; charset=utf-8")))
        .route("/manifest.webmanifest", get(async || anew(MANIFEST, "application/manifest+json")))
        .route("/assets/{hash}/{*name}", get(asset));
    PAGES.iter().fold(files, |router, name| {
        let first = if *name == "phone" { get(phone) } else { get(page) };
        router.route(&format!("/{name}"), first).route(&format!("/{name}/{{*rest}}"), get(page))
    })
}

/// Where a file of the console is, for pages that are drawn elsewhere.
pub(crate) fn asset_place(name: &str) -> String {
    format!("/assets/{HASH}/{name}")
}

/// The same for every page: what is shown is decided by the address, in the browser.
async fn page(State(web): State<Web>, headers: HeaderMap) -> Response {
    document(&headers, &web.door().house().sockets())
}

/// Of the query of the phone.
#[derive(Deserialize)]
struct Embedding {
    embed: Option<String>,
    /// The origin of the page around it, as that page says itself.
    host: Option<String>,
}

async fn phone(State(web): State<Web>, uri: Uri, headers: HeaderMap) -> Response {
    let sockets = web.door().house().sockets();
    match Query::<Embedding>::try_from_uri(&uri) {
        Ok(Query(Embedding { embed: Some(embed), host })) if embed == "1" => {
            let host = host.and_then(|host| web.embed_origins().find(&host));
            framed(&headers, &sockets, host)
        }
        Ok(_) | Err(_) => document(&headers, &sockets),
    }
}

/// For one page that is listed, which the browser compares with the one that is there; without one, for none.
fn framed(headers: &HeaderMap, sockets: &[PhoneSocket], host: Option<&EmbedOrigin>) -> Response {
    let named = host.map_or("", EmbedOrigin::as_str);
    let page = EMBED.replace(EMBED_HOST, &EMBED_HOST.replace("\"-\"", &format!("\"{named}\"")));
    let mut policy = policy(headers, sockets);
    let mut response = page.into_response();
    if host.is_some() {
        policy = policy.replace("frame-ancestors 'none'", &format!("frame-ancestors {named}"));
        response.extensions_mut().insert(Framed);
    }
    let mut say = |name, value: &str| {
        // As in `document`, and an origin of which every letter was looked at.
        response.headers_mut().insert(name, HeaderValue::from_str(value).expect("ASCII"));
    };
    say(header::CONTENT_TYPE, "text/html; charset=utf-8");
    say(header::CACHE_CONTROL, "no-cache");
    say(header::CONTENT_SECURITY_POLICY, &policy);
    response
}

fn document(headers: &HeaderMap, sockets: &[PhoneSocket]) -> Response {
    let tag = format!("\"{HASH}\"");
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|theirs| theirs.as_bytes() == tag.as_bytes());
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => INDEX.into_response(),
    };
    let mut say = |name, value: &str| {
        // Digits, texts of ours, and a host of which every letter was looked at.
        response.headers_mut().insert(name, HeaderValue::from_str(value).expect("ASCII"));
    };
    say(header::CONTENT_TYPE, "text/html; charset=utf-8");
    say(header::CACHE_CONTROL, "no-cache");
    say(header::ETAG, &tag);
    say(header::CONTENT_SECURITY_POLICY, &policy(headers, sockets));
    response
}

/// The policy of every page of this listener, and where the web phone opens its WebSocket: on the host of the page, at the
/// ports of SIP over WebSocket.
fn policy(headers: &HeaderMap, sockets: &[PhoneSocket]) -> String {
    let host =
        headers.get(header::HOST).and_then(|host| host.to_str().ok()).and_then(host_of).unwrap_or_default();
    let mut text = POLICY.to_owned();
    if !host.is_empty() && !sockets.is_empty() {
        text.push_str("; connect-src 'self'");
        for PhoneSocket { is_secure, port } in sockets {
            text.push_str(&format!(" {}://{host}:{port}", if *is_secure { "wss" } else { "ws" }));
        }
    }
    text
}

/// Without its port; `None` where it has a letter that no host has, which might say more in a policy.
fn host_of(authority: &str) -> Option<&str> {
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let host = &authority[..end];
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    host.bytes().all(is_plain).then_some(host)
}

/// Of pages that name none: those of sign-in.
async fn icon() -> Response {
    let found = FILES.iter().find(|file| file.name == "mark.svg");
    let mut response = found.map_or(StatusCode::NOT_FOUND.into_response(), |file| file.plain.into_response());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type("mark.svg")));
    response
}

/// A file that names the build: kept by nobody.
fn anew(text: &'static str, content_type: &'static str) -> Response {
    let of = HeaderValue::from_static;
    ([(header::CONTENT_TYPE, of(content_type)), (header::CACHE_CONTROL, of("no-cache"))], text)
        .into_response()
}

/// At an address of its own, that does not change with the build.
pub(crate) fn file_of_the_build(name: &str, headers: &HeaderMap) -> Response {
    let mut response = file(HASH, name, headers);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn asset(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    file(&hash, &name, &headers)
}

fn file(hash: &str, name: &str, headers: &HeaderMap) -> Response {
    let found = FILES.binary_search_by(|file| file.name.cmp(name)).ok().filter(|_| hash == HASH);
    let Some(file) = found.map(|at| &FILES[at]) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // What does not become smaller by a tenth is not worth unpacking.
    let is_smaller = file.gzip.len() * 10 < file.plain.len() * 9;
    let packed = is_smaller && takes_gzip(headers);
    let mut response = if packed { file.gzip } else { file.plain }.into_response();
    let said = response.headers_mut();
    said.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(file.name)));
    said.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    said.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if packed {
        said.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// RFC 9110 section 12.5.3, as browsers write it: a list, perhaps with weights.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let said = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    said.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        is_gzip && !refused
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some(_) | None => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests;
