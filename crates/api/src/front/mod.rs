//! What stands before all that is served to browsers and programs: who asks where proxies stand between, and what is
//! answered on a connection that is not encrypted where it should be.
//!
//! What it deliberately does not do: know a certificate. The server hands in a configuration of TLS, and changes what it shows.

mod proxies;
mod stream;

pub use proxies::Proxies;
pub(crate) use proxies::is_forwarded;
pub(crate) use stream::Stream;
pub use stream::{ACME_PROTOCOL, Secure};

use crate::rest::{Code, Peer, Problem};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Where the certificate of the local authority is fetched.
pub const AUTHORITY_PATH: &str = "/ca.crt";
/// RFC 8555 section 8.3.
const CHALLENGE_PATH: &str = "/.well-known/acme-challenge/";

#[derive(Default)]
pub struct Front {
    pub proxies: Proxies,
    /// `None`: everything is served in clear.
    pub https: Option<Https>,
    /// The certificate of the local authority (PEM), where one vouches for us.
    pub authority: Option<String>,
}

/// The answer to a token, where somebody has asked for a certificate.
pub type Challenge = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

pub struct Https {
    /// Where browsers are sent that come in clear.
    pub port: u16,
    /// Whether a public authority vouches for this host name: browsers are told to come over TLS alone from then on.
    pub is_public: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// Phones fetch their settings in clear, as the operator has said by the links that they are given.
    pub phones_in_clear: bool,
    /// What a server of certificates is answered that asks for this token.
    pub challenge: Challenge,
}

/// What was found out before a request is served.
pub(crate) struct Met {
    /// It is answered already.
    pub(crate) answer: Option<Response>,
    /// RFC 6797: only over TLS, and only for a name that others can vouch for.
    pub(crate) hsts: Option<HeaderValue>,
}

/// `host`: one of ours, in lower case and without port. Whoever is served after this finds in [`Peer`] who asks.
pub(crate) fn meet(front: &Front, host: &str, request: &mut Request) -> Met {
    let answered = |answer: Response| Met { answer: Some(answer), hsts: None };
    let Some(ConnectInfo(mut peer)) = request.extensions().get::<ConnectInfo<Peer>>().cloned() else {
        return answered(Problem::new(Code::Inside).into_response());
    };
    let is_by_proxy = front.proxies.has(peer.remote.ip());
    let Ok(client) = front.proxies.client(peer.remote.ip(), request.headers()) else {
        let text = "the proxy before us says nothing of who asks, or two things";
        return answered(Problem::because(Code::Invalid, text).into_response());
    };
    let is_encrypted = peer.secure.get();
    peer.remote.set_ip(client.address);
    peer.by_proxy_secure = is_by_proxy && client.secure == Some(true);
    request.extensions_mut().insert(ConnectInfo(peer));
    if request.uri().path() == AUTHORITY_PATH
        && let Some(pem) = &front.authority
    {
        return answered(authority(pem));
    }
    let Some(https) = &front.https else { return Met { answer: None, hsts: None } };
    if is_encrypted {
        let hsts = (https.is_public)(host).then_some(HeaderValue::from_static("max-age=15552000"));
        return Met { answer: None, hsts };
    }
    if is_by_proxy {
        return Met { answer: None, hsts: None };
    }
    match in_clear(https, host, request) {
        Some(answer) => answered(answer),
        None => Met { answer: None, hsts: None },
    }
}

fn authority(pem: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-x509-ca-cert")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"coeur-ca.crt\"")),
    ];
    (headers, pem.to_owned()).into_response()
}

/// `None`: it is served as it is.
fn in_clear(https: &Https, host: &str, request: &Request) -> Option<Response> {
    let path = request.uri().path();
    if let Some(token) = path.strip_prefix(CHALLENGE_PATH) {
        return Some(match (https.challenge)(token) {
            Some(text) => ([(header::CONTENT_TYPE, "application/octet-stream")], text).into_response(),
            None => Problem::new(Code::NotFound).into_response(),
        });
    }
    if https.phones_in_clear && path.starts_with("/p/") {
        return None;
    }
    let port = match https.port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let host =
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let rest = request.uri().path_and_query().map_or("/", |rest| rest.as_str());
    let place = format!("https://{host}{port}{rest}");
    let is_safe = [Method::GET, Method::HEAD].contains(request.method());
    Some(match HeaderValue::try_from(&place) {
        // RFC 9110 section 15.4.9. Not for what changes something: what it carries has been seen, and whoever sends it should know.
        Ok(place) if is_safe => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, place)]).into_response(),
        Ok(_) | Err(_) => Problem::new(Code::InClear).into_response(),
    })
}
