//! The listener of API and pages: opened before anything is answered, served at the end of the start.

use super::first_token::FirstToken;
use super::running::{Running, WebOutside};
use crate::acme;
use crate::cli::exit::{Exit, Failure};
use crate::config::Settings;
use crate::config::listen::bracketed;
use crate::net::machine;
use coeur_api::rest::{Asked, Caller, Code, Gate, Parts, Problem, Web, serve_web_over};
use coeur_api::{Desk, Door, Front, Https, Provider, TOKEN_PREFIX};
use rustls::ServerConfig;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch::Receiver;

pub struct Opened {
    pub address: SocketAddr,
    listener: TcpListener,
    /// Where browsers come in clear.
    plain: Option<TcpListener>,
    token: Option<FirstToken>,
    /// By which people sign in too.
    provider: Option<Provider>,
}

/// `None` where it is off. A place that nobody chose and that somebody else has is gone without.
pub fn open(
    settings: &Settings,
    runtime: &tokio::runtime::Runtime,
    door: &Door,
    next_port: bool,
) -> Result<Option<Opened>, Failure> {
    let Some(address) = settings.web else { return Ok(None) };
    let listener = match runtime.block_on(TcpListener::bind(address)) {
        Ok(listener) => listener,
        Err(why) if next_port || !settings.chosen.web => {
            tracing::warn!(%address, %why, "no API; choose another place with --web, or `off`");
            return Ok(None);
        }
        Err(why) => {
            let text = format!("web {address}: {why}; choose another with --web, or `off`");
            return Err(Failure::failed(text));
        }
    };
    let plain = match settings.front.plain.filter(|_| settings.is_web_encrypted()) {
        Some(plain) => Some(runtime.block_on(TcpListener::bind(plain)).map_err(|why| {
            Failure::failed(format!("web_plain {plain}: {why}; choose another with --web-plain, or `off`"))
        })?),
        None => None,
    };
    let token = FirstToken::open(&settings.data, !coeur_api::has_owner(door))
        .map_err(|why| Failure::new(Exit::Unreachable, format!("the first token: {why}")))?;
    let address = listener.local_addr().unwrap_or(address);
    let provider = super::provider::open(settings)?;
    Ok(Some(Opened { address, listener, plain, token, provider }))
}

impl Opened {
    pub fn serve(
        self,
        runtime: &tokio::runtime::Handle,
        settings: &Settings,
        running: &Arc<Running>,
        (door, tls): (Arc<Door>, Option<Arc<ServerConfig>>),
        stopping: &Receiver<bool>,
    ) {
        let desk = Desk::new(door.clone());
        if let (Some(desk), Some(provider)) = (&desk, self.provider) {
            desk.offer(provider);
        }
        let gate = Arc::new(Gates { desk: desk.clone(), first: self.token });
        let address = url_for_people(settings, running, self.address);
        match desk.clone() {
            // It is set here alone.
            Some(desk) => drop(running.web.set(WebOutside { address, desk })),
            None => tracing::error!("nobody can sign in: there is not the memory that a password takes"),
        }
        let tls = tls.filter(|_| settings.is_web_encrypted());
        let web = Web::new(Parts {
            door,
            watched: running.clone(),
            gate,
            desk,
            feed: running.feed.clone(),
            is_our_host: hosts(settings, running),
            embed_origins: settings.embed_origins.clone(),
            front: front(settings, running, self.address.port()),
        });
        let listeners = [Some((self.listener, tls)), self.plain.map(|plain| (plain, None))];
        for (listener, tls) in listeners.into_iter().flatten() {
            let serving = serve_web_over(listener, tls, web.clone(), until(stopping.clone()));
            running.deaths.spawn_task(runtime, "the listener of the API", async move {
                if let Err(why) = serving.await {
                    tracing::error!(%why, "the API is no longer served");
                }
            });
        }
    }
}

async fn until(mut stopping: Receiver<bool>) {
    // An error means that the sender is gone: that is a stop too.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// As links begin that people open. Of the loopback it is `localhost`: a passkey is of a host name, never of an address
/// (WebAuthn section 5.1.2), and a browser that comes by the address cannot add one.
fn url_for_people(settings: &Settings, running: &Running, address: SocketAddr) -> String {
    let is_localhost =
        [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].contains(&address.ip());
    match settings.front.acme.names.is_empty() && is_localhost {
        true => at(settings, "localhost", address.port()),
        false => url(settings, running, address),
    }
}

/// As links begin that lead to the listener at `address`.
pub fn url(settings: &Settings, running: &Running, address: SocketAddr) -> String {
    // A wildcard is no place to go to: where phones reach us, browsers do.
    let first = || running.world.listeners.first().map(|listener| listener.name().0.to_owned());
    let host = match (settings.front.acme.names.first(), address.ip().is_unspecified()) {
        (Some(name), _) => name.clone(),
        (None, true) => first().unwrap_or_else(|| "localhost".to_owned()),
        (None, false) => bracketed(address.ip()),
    };
    at(settings, &host, address.port())
}

fn at(settings: &Settings, host: &str, port: u16) -> String {
    let scheme = if settings.is_web_encrypted() { "https" } else { "http" };
    match (scheme, port) {
        ("https", 443) | ("http", 80) => format!("{scheme}://{host}"),
        (_, port) => format!("{scheme}://{host}:{port}"),
    }
}

fn front(settings: &Settings, running: &Running, port: u16) -> Front {
    let phones_in_clear = settings.phones_url.as_ref().is_some_and(|url| url.starts_with("http://"));
    let (names, chain) = (settings.front.acme.names.clone(), acme::source(&settings.data).chain);
    let board = running.board.clone();
    let https = Https {
        port,
        is_public: Box::new(move |host| names.iter().any(|name| name == host) && chain.exists()),
        phones_in_clear,
        challenge: Box::new(move |token| board.answer(token)),
    };
    Front {
        proxies: settings.front.proxies.clone(),
        https: settings.is_web_encrypted().then_some(https),
        authority: running.local_authority.as_ref().and_then(|path| std::fs::read_to_string(path).ok()),
    }
}

/// The token of the first start, and everything that the desk knows.
struct Gates {
    desk: Option<Arc<Desk>>,
    first: Option<FirstToken>,
}

impl Gate for Gates {
    fn caller(&self, asked: &Asked<'_>) -> Result<Caller, Problem> {
        let is_first = asked.bearer().is_some_and(|token| !token.starts_with(TOKEN_PREFIX));
        let gate: Option<&dyn Gate> = match (is_first, &self.first, &self.desk) {
            (true, Some(first), _) => Some(first),
            (false, _, Some(desk)) => Some(&**desk),
            (true, None, _) | (false, _, None) => None,
        };
        gate.map_or(Err(Problem::new(Code::NotSignedIn)), |gate| gate.caller(asked))
    }
}

/// Our domains as they are when somebody asks, and the names under which we are reached.
fn hosts(settings: &Settings, running: &Arc<Running>) -> Box<dyn Fn(&str) -> bool + Send + Sync> {
    let advertised = settings.advertise.iter().map(|advertise| advertise.host.to_ascii_lowercase());
    let machine = machine::look().names.into_iter().map(|name| name.to_ascii_lowercase());
    let public = settings.front.acme.names.iter().cloned();
    let names: Vec<String> = advertised.chain(machine).chain(public).collect();
    let world = running.world.clone();
    Box::new(move |host| names.iter().any(|name| name == host) || world.directory.is_ours(host.as_bytes()))
}
