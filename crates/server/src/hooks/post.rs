//! One try: a name is resolved, its addresses are looked at, one of them is connected to, something is sent, something answered.

use crate::push::client::{of_http1, retry_after};
use crate::push::reach::{Reach, Trust};
use coeur_api::hooks::{Outgoing, Sender, Sent};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Of what is answered, and read (bytes): a sentence for people.
const TEXT_BYTES_MAX: usize = 1_024;
/// Of the head of an answer (bytes). One try has this and its body at a time: 128 tries, 11 MB.
const HEAD_BYTES_MAX: usize = 64 << 10;

pub struct Post {
    tls: TlsConnector,
    reach: Arc<Reach>,
}

impl Post {
    pub fn new(roots: rustls::RootCertStore, reach: Reach) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), reach: Arc::new(reach) })
    }
}

impl Sender for Post {
    fn send(&self, outgoing: Outgoing) -> Pin<Box<dyn Future<Output = Sent> + Send>> {
        let (tls, reach) = (self.tls.clone(), self.reach.clone());
        Box::pin(async move { post(&tls, &reach, outgoing).await.unwrap_or_else(Sent::Failed) })
    }

    fn objection(&self, url: &str) -> Option<String> {
        let place = match url.parse::<Uri>().ok().as_ref().and_then(Place::of) {
            Some(place) => place,
            None => return Some("is not like https://example.org/hook".to_owned()),
        };
        if let Some(ip) = place.number() {
            return Some(format!("has an address that is not written out: write {ip}"));
        }
        let is_inside = place.ip().is_some_and(|ip| {
            !self.reach.allows(Trust::Stranger, ip, &crate::net::machine::look().addresses)
        });
        match () {
            () if place.is_clear && self.reach.inside.is_empty() => {
                Some("does not begin with https://; without it only networks of the setting webhook_inside are told".into())
            }
            () if is_inside => {
                Some("is no address outside; list its network in the setting webhook_inside".into())
            }
            () => None,
        }
    }
}

struct Place {
    host: String,
    port: u16,
    /// Without TLS.
    is_clear: bool,
}

impl Place {
    fn of(uri: &Uri) -> Option<Self> {
        let is_clear = match uri.scheme_str()? {
            "https" => false,
            "http" => true,
            _ => return None,
        };
        let host = uri.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
        Some(Self { host, port: uri.port_u16().unwrap_or(if is_clear { 80 } else { 443 }), is_clear })
    }

    /// That of this machine has a name too (RFC 6761 section 6.3).
    fn ip(&self) -> Option<IpAddr> {
        let name = self.host.trim_end_matches('.');
        if name == "localhost" || name.ends_with(".localhost") {
            return Some(Ipv4Addr::LOCALHOST.into());
        }
        name.parse().ok()
    }

    /// An IPv4 address as only some programs read it: `127.1`, `0x7f000001`, `2130706433` (WHATWG URL, IPv4 parser).
    fn number(&self) -> Option<Ipv4Addr> {
        let name = self.host.trim_end_matches('.');
        if name.parse::<Ipv4Addr>().is_ok() {
            return None;
        }
        let part = |text: &str| match text.strip_prefix("0x") {
            Some("") => Some(0),
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None if text.len() > 1 && text.starts_with('0') => u32::from_str_radix(text, 8).ok(),
            None => text.parse().ok(),
        };
        let parts = name.split('.').map(part).collect::<Option<Vec<u32>>>()?;
        let (last, first) = parts.split_last().filter(|(_, first)| first.len() <= 3)?;
        let room = 32 - 8 * first.len() as u32;
        let fits = u64::from(*last) < 1 << room && first.iter().all(|part| *part <= 255);
        let high = first.iter().fold(0_u32, |sum, part| sum << 8 | part);
        fits.then(|| Ipv4Addr::from(high.checked_shl(room).unwrap_or(0) | last))
    }
}

async fn post(tls: &TlsConnector, reach: &Reach, outgoing: Outgoing) -> Result<Sent, String> {
    let uri: Uri = outgoing.url.parse().map_err(|_| "its address cannot be read".to_owned())?;
    let place = Place::of(&uri).ok_or("its address is neither https:// nor http://")?;
    let stream = connect(reach, &place).await.map_err(|why| format!("{}: {why}", place.host))?;
    let mut request = Request::post(uri);
    for (name, value) in outgoing.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::from(outgoing.body)).map_err(|why| why.to_string())?;
    match place.is_clear {
        true => exchange(TokioIo::new(stream), request).await,
        false => {
            let name = ServerName::try_from(place.host.clone()).map_err(|why| why.to_string())?;
            let stream = tls.connect(name, stream).await.map_err(|why| format!("{}: {why}", place.host))?;
            exchange(TokioIo::new(stream), request).await
        }
    }
}

async fn connect(reach: &Reach, place: &Place) -> std::io::Result<TcpStream> {
    let mut last = None;
    for address in reach.places(&place.host, place.port, place.is_clear).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(why) => last = Some(why),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("no address")))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Sent, String>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX);
    let (mut sender, connection) = builder.handshake(stream).await.map_err(|why| why.to_string())?;
    // The connection ends with the try, however that ends.
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let response = sender.send_request(of_http1(request)).await.map_err(|why| why.to_string())?;
    let (status, retry_after) = (response.status(), retry_after(response.headers()));
    let text = if status.is_success() { String::new() } else { beginning(response.into_body()).await };
    Ok(Sent::Answered {
        status: status.as_u16(),
        retry_after_s: retry_after.map(|after| after.as_secs()),
        text,
    })
}

/// One that is too long, or breaks off, has none.
async fn beginning(body: Incoming) -> String {
    let body = Limited::new(body, TEXT_BYTES_MAX).collect().await;
    body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
