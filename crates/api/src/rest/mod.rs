//! HTTP for people and programs: the API under `/api`, and beside it whatever else is served on the same listener. Metrics
//! have a listener of their own ([`crate::serve_http`]).
//!
//! An operation of the API is one row of a table ([`operation::Operation`]): its route, the right that it takes and what is
//! said of it in the OpenAPI document are the same row, so none can be without the others. What it does it asks of the
//! [`Door`], as the command line does.
//!
//! What it deliberately does not do: decide who somebody is. That is asked of a [`Gate`].

mod accounts;
mod addresses;
mod audit;
mod call_quality;
mod call_records;
mod caller;
mod calls;
mod change;
mod command;
mod condition;
mod contacts;
mod devices;
mod document;
mod domains;
mod events;
mod export;
mod fence;
mod groups;
mod hearing;
mod ids;
mod import;
mod jobs;
mod limits;
mod me;
mod mine;
mod numbers;
mod once;
mod operation;
mod page;
mod pages;
#[cfg(test)]
mod parity;
mod phone_tickets;
mod phones;
mod problem;
mod rate;
mod recordings;
mod registrations;
mod run;
mod settings;
mod sign_in;
mod socket;
mod status;
mod ticket;
mod tongue;
mod traces;
mod users;
mod webhooks;

pub(crate) use caller::known_address;
pub use caller::{Access, Action, Asked, Bounds, Caller, Gate, OneToken, Proof, Resource, Role, Scope, may};
pub use document::document;
pub(crate) use limits::POLICY;
pub(crate) use me::{IceServer, TicketResource};
pub use problem::{Code, Fault, Problem};
pub use tongue::Tongue;

use crate::door::Door;
use crate::embed::{EmbedOrigins, EmbedTickets};
use crate::feed::Feed;
use crate::front::{Front, Secure};
use crate::http::Watched;
use crate::shares::{Share, Shares};
use crate::signin::Desk;
use crate::visits::{Life, Limits, Visits};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::connect_info::Connected;
use axum::http::request::Parts as Head;
use axum::middleware::from_fn_with_state;
use axum::serve::IncomingStream;
use jobs::Jobs;
use once::Answers;
use operation::Operation;
use rate::Rates;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use ticket::Tickets;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::rustls::ServerConfig;

/// What every handler is given. Cheap to clone.
#[derive(Clone)]
pub struct Web(Arc<Room>);

struct Room {
    parts: Parts,
    /// Held by a change that carries a condition, from the look to the change.
    changes: Mutex<()>,
    answers: Answers,
    rates: Rates,
    jobs: Jobs,
    streams: Arc<Semaphore>,
    tickets: Tickets,
    embed_tickets: EmbedTickets,
    /// Of those, for each address.
    ears: Arc<Shares>,
    large: Arc<Semaphore>,
}

/// Who listens at once.
const STREAMS_MAX: usize = 64;
/// From one address; behind a proxy of ours, from whom it names.
const STREAMS_OF_ONE_ADDRESS_MAX: usize = 16;
/// Large bodies at once, of 16 MB each.
const LARGE_MAX: usize = 4;

pub struct Parts {
    pub door: Arc<Door>,
    pub watched: Arc<dyn Watched>,
    pub gate: Arc<dyn Gate>,
    pub feed: Arc<Feed>,
    /// Where people sign in; `None`: nobody does here.
    pub desk: Option<Arc<Desk>>,
    /// Whether a host name, in lower case and without port, is one of ours.
    pub is_our_host: Box<dyn Fn(&str) -> bool + Send + Sync>,
    pub front: Front,
    /// Pages of others that may hold our phone.
    pub embed_origins: EmbedOrigins,
}

impl Web {
    /// Reads what was answered within the last day.
    pub fn new(parts: Parts) -> Self {
        let now_ms = parts.door.house().unix_time_ms();
        let answers = parts.door.records().answers(now_ms).unwrap_or_else(|why| {
            tracing::warn!(%why, "what was answered before is not known: a request sent again is done again");
            Vec::new()
        });
        Self(Arc::new(Room {
            parts,
            changes: Mutex::default(),
            answers: Answers::restored(answers),
            rates: Rates::default(),
            jobs: Jobs::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            tickets: Tickets::default(),
            embed_tickets: EmbedTickets::default(),
            ears: Shares::new(STREAMS_OF_ONE_ADDRESS_MAX),
            large: Arc::new(Semaphore::new(LARGE_MAX)),
        }))
    }

    pub fn door(&self) -> &Arc<Door> {
        &self.0.parts.door
    }

    pub fn watched(&self) -> &dyn Watched {
        &*self.0.parts.watched
    }

    pub fn gate(&self) -> &dyn Gate {
        &*self.0.parts.gate
    }

    pub(crate) fn desk(&self) -> Option<&Arc<Desk>> {
        self.0.parts.desk.as_ref()
    }

    pub fn now_ms(&self) -> u64 {
        self.door().house().unix_time_ms()
    }

    pub fn random(&self, bytes: &mut [u8]) {
        self.door().house().random(bytes);
    }

    pub fn feed(&self) -> &Arc<Feed> {
        &self.0.parts.feed
    }

    pub(crate) fn answers(&self) -> &Answers {
        &self.0.answers
    }

    pub(crate) fn rates(&self) -> &Rates {
        &self.0.rates
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// A place for one who listens. `None`: there is none left, or none for his address.
    pub(crate) fn listens(&self, head: &Head) -> Option<Listening> {
        let ConnectInfo(peer) = head.extensions.get::<ConnectInfo<Peer>>()?;
        let share = self.0.ears.take(peer.remote.ip())?;
        let place = self.0.streams.clone().try_acquire_owned().ok()?;
        Some(Listening { _place: place, _share: share })
    }

    pub(crate) fn tickets(&self) -> &Tickets {
        &self.0.tickets
    }

    pub(crate) fn embed_tickets(&self) -> &EmbedTickets {
        &self.0.embed_tickets
    }

    pub(crate) fn embed_origins(&self) -> &EmbedOrigins {
        &self.0.parts.embed_origins
    }

    pub(crate) fn large(&self) -> Arc<Semaphore> {
        self.0.large.clone()
    }

    pub(crate) fn one_at_a_time(&self) -> MutexGuard<'_, ()> {
        self.0.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn front(&self) -> &Front {
        &self.0.parts.front
    }

    pub(crate) fn is_our_host(&self, host: &str) -> bool {
        (self.0.parts.is_our_host)(host)
    }
}

/// The place of one who listens, for as long as he does.
pub(crate) struct Listening {
    _place: OwnedSemaphorePermit,
    _share: Share,
}

/// Who is at the other end of a connection, and how long it may go on.
#[derive(Clone)]
pub struct Peer {
    /// Who asks: behind proxies of ours, whom they say.
    pub remote: SocketAddr,
    pub life: Life,
    /// The connection to us is over TLS.
    pub(crate) secure: Secure,
    /// That to a proxy of ours is.
    pub(crate) by_proxy_secure: bool,
}

impl Peer {
    /// What passes between whoever asks and us, or our proxy, is encrypted.
    pub fn is_secure(&self) -> bool {
        self.secure.get() || self.by_proxy_secure
    }
}

impl Connected<IncomingStream<'_, Visits>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Visits>) -> Self {
        let (remote, visit) = (*stream.remote_addr(), stream.io());
        Self { remote, life: visit.life(), secure: visit.secure(), by_proxy_secure: false }
    }
}

/// Of the listener of console and API. Worst-case memory: about 64 kB for each connection, 16 MB, and the bodies that
/// [`limits`] allows. A browser has six at once (HTTP/1.1), so one address has room for ten of them.
const LIMITS: Limits =
    Limits { connections_max: 256, of_one_address_max: 64, connection_life: Duration::from_secs(30) };

pub async fn serve_web(
    listener: TcpListener,
    web: Web,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_web_over(listener, None, web, stop).await
}

/// The same where `tls` is spoken, and what comes in clear as well is answered as [`crate::Front`] says.
pub async fn serve_web_over(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    web: Web,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let visits = Visits::new(listener, LIMITS).behind(&web.front().proxies).over(tls);
    let service = router(web).into_make_service_with_connect_info::<Peer>();
    axum::serve(visits, service).with_graceful_shutdown(stop).await
}

/// Everything that is served, one line for each part.
fn router(web: Web) -> Router {
    Router::new()
        .merge(run::router(&operations()))
        .merge(pages::router())
        .merge(crate::signin::router())
        .merge(crate::console::router())
        .merge(crate::embed::router())
        .merge(crate::docs::router())
        .merge(crate::provision::router())
        .fallback(async || Problem::new(Code::NoSuchPage))
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed))
        .layer(from_fn_with_state(web.clone(), limits::around))
        .with_state(web)
}

/// Every operation of `/api/v1`, one line for each resource.
fn operations() -> Vec<Operation> {
    [
        status::operations(),
        users::operations(),
        import::operations(),
        domains::operations(),
        accounts::operations(),
        addresses::operations(),
        groups::operations(),
        devices::operations(),
        phones::operations(),
        sign_in::operations(),
        registrations::operations(),
        calls::operations(),
        call_records::operations(),
        call_quality::operations(),
        recordings::operations(),
        traces::operations(),
        audit::operations(),
        settings::operations(),
        me::operations(),
        mine::operations(),
        phone_tickets::operations(),
        contacts::operations(),
        numbers::operations(),
        events::operations(),
        socket::operations(),
        ticket::operations(),
        jobs::operations(),
        webhooks::operations(),
    ]
    .concat()
}

/// A time of a query, as RFC 3339 writes it, in milliseconds since the Unix epoch.
fn when(name: &str, text: &str) -> Result<u64, Problem> {
    let read = OffsetDateTime::parse(text, &Rfc3339).ok();
    let ms = read.and_then(|at| u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok());
    ms.ok_or_else(|| {
        Problem::at(format!("?{name}"), format!("`{text}` is no time; write 2026-11-26T08:00:00Z"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Beside what depends on the body: whoever makes or unmakes an owner.
    #[test]
    fn what_cannot_be_undone_for_many_is_dangerous_and_a_program_needs_the_scope_admin_for_it() {
        let all = operations();
        let dangerous: Vec<_> = all.iter().filter(|one| one.is_dangerous).collect();
        let names: Vec<&str> = dangerous.iter().map(|one| one.name).collect();
        let expected =
            ["remove_tenant", "remove_domain", "add_api_token", "make_setup_link", "remove_factors"];
        assert_eq!(names.iter().collect::<BTreeSet<_>>(), expected.iter().collect());
        assert!(dangerous.iter().all(|one| one.access == Access::Admin));
    }
}
