//! HTTP for wakings: one HTTP/2 connection for each place, which all wakings share, or HTTP/1.1 with a connection for each where
//! a place speaks nothing else. TLS always; certificates by the authorities of the system and those of the settings.

use super::reach::{Reach, Trust};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Of what a service answers (bytes).
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Places with a connection of ours. Phones name those of WebPush, browsers know few; about 40 kB each.
const PLACES_MAX: usize = 64;
const CONNECT_PATIENCE: Duration = Duration::from_secs(4);
const ANSWER_PATIENCE: Duration = Duration::from_secs(4);

pub struct Client {
    tls: TlsConnector,
    reach: Reach,
    places: Mutex<BTreeMap<Place, Arc<Mutex<Option<Http2>>>>>,
}

type Http2 = http2::SendRequest<Full<Bytes>>;

/// Who is connected to. What a phone names has connections of its own: nothing that it says is sent over another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    host: String,
    port: u16,
    is_strange: bool,
}

pub struct Answer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub headers: hyper::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// Its beginning, for the log.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(200)]);
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

enum Connection {
    Two(Http2),
    One(http1::SendRequest<Full<Bytes>>),
}

impl Client {
    pub fn new(roots: rustls::RootCertStore, reach: Reach) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { tls, reach, places: Mutex::default() })
    }

    /// Sends a request whose URI is absolute, and waits for what is answered.
    pub async fn send(&self, trust: Trust, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let place = place_of(&request, trust)?;
        let connection = tokio::time::timeout(CONNECT_PATIENCE, self.connection(&place, trust))
            .await
            .map_err(|_| format!("{} does not answer", place.host))??;
        let answered = async {
            let response = match connection {
                Connection::Two(mut sender) => sender.send_request(request).await,
                Connection::One(mut sender) => sender.send_request(of_http1(request)).await,
            };
            read(response.map_err(|why| why.to_string())?).await
        };
        tokio::time::timeout(ANSWER_PATIENCE, answered)
            .await
            .map_err(|_| format!("{} took too long", place.host))?
    }

    /// The one that is there, or a new one; while it is made all wait for it.
    async fn connection(&self, place: &Place, trust: Trust) -> Result<Connection, String> {
        let slot = self.slot(place).await;
        let mut known = slot.lock().await;
        if let Some(sender) = known.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(Connection::Two(sender.clone()));
        }
        let stream = self.connect(place, trust).await.map_err(|why| format!("{}: {why}", place.host))?;
        let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let io = TokioIo::new(stream);
        if !is_two {
            let (sender, connection) = http1::handshake(io).await.map_err(|why| why.to_string())?;
            tokio::spawn(connection);
            return Ok(Connection::One(sender));
        }
        let (sender, connection) =
            http2::Builder::new(TokioExecutor::new()).handshake(io).await.map_err(|why| why.to_string())?;
        // It ends with the connection, which the service closes when it is of no use.
        tokio::spawn(connection);
        *known = Some(sender.clone());
        Ok(Connection::Two(sender))
    }

    async fn slot(&self, place: &Place) -> Arc<Mutex<Option<Http2>>> {
        let mut places = self.places.lock().await;
        if places.len() >= PLACES_MAX && !places.contains_key(place) {
            // Those that phones named go first; their connections end when nobody uses them any more.
            places.retain(|place, _| !place.is_strange);
        }
        places.entry(place.clone()).or_default().clone()
    }

    async fn connect(&self, place: &Place, trust: Trust) -> std::io::Result<TlsStream<TcpStream>> {
        let bare = place.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(std::io::Error::other)?;
        let mut last = None;
        for address in self.reach.addresses(trust, &place.host, place.port).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return self.tls.connect(name, stream).await;
                }
                Err(why) => last = Some(why),
            }
        }
        Err(last.unwrap_or_else(|| std::io::Error::other("no address")))
    }
}

fn place_of(request: &Request<Full<Bytes>>, trust: Trust) -> Result<Place, String> {
    let uri = request.uri();
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) => Ok(Place {
            host: host.to_ascii_lowercase(),
            port: uri.port_u16().unwrap_or(443),
            is_strange: trust == Trust::Stranger,
        }),
        (_, _) => Err("no https:// place".into()),
    }
}

/// RFC 9112 section 3.2.1: a path, and the place in Host.
pub(crate) fn of_http1(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let uri = request.uri().clone();
    if let Some(host) = uri.authority().and_then(|authority| authority.as_str().parse().ok()) {
        request.headers_mut().insert(hyper::header::HOST, host);
    }
    if let Some(path) = uri.path_and_query().and_then(|path| path.as_str().parse().ok()) {
        *request.uri_mut() = path;
    }
    request
}

/// RFC 9110 section 10.2.3, as seconds; a date is not read.
pub(crate) fn retry_after(headers: &hyper::HeaderMap) -> Option<Duration> {
    let said = headers.get(hyper::header::RETRY_AFTER)?;
    said.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

async fn read(response: hyper::Response<Incoming>) -> Result<Answer, String> {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let headers = response.headers().clone();
    // One that is too long, or breaks off, has a status all the same.
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    Ok(Answer { status, retry_after, headers, body })
}
