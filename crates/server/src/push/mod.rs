//! Asks push services to wake devices: APNs, FCM and WebPush. Which device, and whether at all, the exchange has decided
//! ([`coeur_exchange::push`]); here is what each service wants to hear, and what becomes of it.
//!
//! | file | what |
//! |---|---|
//! | [`settings`] | keys of ours at the services, as the operator gives them |
//! | [`client`] | HTTP/2 (or 1.1) over TLS, one connection for each place |
//! | [`reach`] | which addresses a place that a phone names may have |
//! | [`token`] | JSON Web Tokens, by which the services know us |
//! | [`apns`], [`fcm`], [`web`] | one service each |
//! | [`sealed`] | what only a browser can read (RFC 8291) |
//! | [`stats`] | what became of it |
//!
//! What it does not do: say who calls (decision 0058), keep what could not be delivered (a waking is of no use later).

pub mod apns;
pub mod client;
pub mod fcm;
pub mod reach;
pub mod sealed;
pub mod settings;
pub mod stats;
pub mod token;
pub mod web;

use crate::house::deaths::Deaths;
use client::{Answer, Client};
use coeur_exchange::push::{Provider, Wake};
use settings::Opened;
use stats::{Outcome, Stats};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

/// Wakings that wait for their turn; more are dropped and counted, and who calls hears what he would of a phone that does not
/// wake. About 1 kB each.
const WAITING_MAX: usize = 4_096;
/// Wakings that are being asked for at a time. About 16 kB each.
const IN_FLIGHT_MAX: usize = 256;
/// A service that fails is asked again after so long, while the waking is still of use.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1_500)];
/// A service that asks for more patience than that is not asked again.
const PATIENCE_MAX: Duration = Duration::from_secs(5);

/// What a service has said.
pub(crate) enum Said {
    Delivered,
    /// The destination is none any more.
    Gone,
    /// It will be refused again.
    Refused(String),
    /// Another time; after so long, where it said so.
    Busy(Option<Duration>),
    /// By what we prove who we are with is not believed any more: once more with a new one.
    Stale,
    Failed(String),
}

pub struct Pushing {
    waiting: mpsc::Sender<Wake>,
    pub stats: Arc<Stats>,
}

/// Whom to tell that a destination is none any more.
pub type Ended = Arc<dyn Fn(&Wake) + Send + Sync>;

struct Services {
    client: Client,
    apns: Option<apns::Apns>,
    fcm: Option<fcm::Fcm>,
    web: Option<web::Web>,
    stats: Arc<Stats>,
    ended: Ended,
}

impl Pushing {
    pub fn start(opened: Opened, runtime: &Handle, deaths: &Arc<Deaths>, ended: Ended) -> Self {
        let stats = Arc::new(Stats::default());
        let Opened { client, apns, fcm, web } = opened;
        let services = Arc::new(Services { client, apns, fcm, web, stats: stats.clone(), ended });
        let (waiting, wakes) = mpsc::channel(WAITING_MAX);
        let tasks = deaths.clone();
        let inner = runtime.clone();
        deaths.spawn_task(runtime, "the wakings of phones", async move {
            hand_out(wakes, services, &inner, &tasks).await;
        });
        Self { waiting, stats }
    }

    /// Never waits.
    pub fn push(&self, wake: Wake) {
        let provider = wake.destination.provider;
        if self.waiting.try_send(wake).is_err() {
            self.stats.count(provider, Outcome::Dropped);
        }
    }
}

async fn hand_out(
    mut wakes: mpsc::Receiver<Wake>,
    services: Arc<Services>,
    runtime: &Handle,
    deaths: &Arc<Deaths>,
) {
    let in_flight = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    while let Some(wake) = wakes.recv().await {
        // It is never closed.
        let Ok(permit) = in_flight.clone().acquire_owned().await else { return };
        let services = services.clone();
        deaths.spawn_task(runtime, "the waking of a phone", async move {
            services.wake(&wake).await;
            drop(permit);
        });
    }
}

impl Services {
    async fn wake(&self, wake: &Wake) {
        let provider = wake.destination.provider;
        let outcome = match self.try_to_wake(wake).await {
            Said::Delivered => Outcome::Delivered,
            Said::Gone => {
                (self.ended)(wake);
                Outcome::Gone
            }
            Said::Refused(why) => {
                tracing::warn!(provider = provider.as_str(), %why, "a push service refuses to wake a phone");
                Outcome::Refused
            }
            Said::Busy(_) => {
                tracing::warn!(provider = provider.as_str(), "a push service has no time to wake a phone");
                Outcome::Failed
            }
            Said::Stale => {
                tracing::error!(
                    provider = provider.as_str(),
                    "a push service does not believe who we are: look at the key in the settings"
                );
                Outcome::Refused
            }
            Said::Failed(why) => {
                tracing::warn!(provider = provider.as_str(), %why, "a push service could not be asked");
                Outcome::Failed
            }
        };
        self.stats.count(provider, outcome);
    }

    async fn try_to_wake(&self, wake: &Wake) -> Said {
        let until = Instant::now() + Duration::from_secs(u64::from(wake.lifetime_s));
        let mut renewed = false;
        let mut pauses = AGAIN_AFTER.into_iter();
        loop {
            let said = self.ask(wake).await;
            let pause = match &said {
                Said::Delivered | Said::Gone | Said::Refused(_) => return said,
                Said::Stale if renewed => return said,
                Said::Stale => {
                    renewed = true;
                    continue;
                }
                Said::Busy(after) => pauses.next().map(|pause| after.unwrap_or(pause)),
                Said::Failed(_) => pauses.next(),
            };
            match pause.filter(|pause| *pause <= PATIENCE_MAX && Instant::now() + *pause < until) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return said,
            }
            self.stats.count(wake.destination.provider, Outcome::Repeated);
        }
    }

    async fn ask(&self, wake: &Wake) -> Said {
        match (wake.destination.provider, &self.apns, &self.fcm, &self.web) {
            (Provider::Apns, Some(apns), _, _) => apns.wake(&self.client, wake).await,
            (Provider::Fcm, _, Some(fcm), _) => fcm.wake(&self.client, wake).await,
            (Provider::WebPush, _, _, Some(web)) => web.wake(&self.client, wake).await,
            // The registrar has answered 555 to it.
            (Provider::Apns | Provider::Fcm | Provider::WebPush, ..) => Said::Refused("not offered".into()),
        }
    }
}

/// What the kinds of failure have in common (RFC 9110 section 15).
fn common(answer: &Answer) -> Said {
    match answer.status {
        200..=299 => Said::Delivered,
        404 | 410 => Said::Gone,
        429 | 500..=599 => Said::Busy(answer.retry_after),
        status => Said::Refused(format!("{status} {}", answer.text())),
    }
}

/// A name that a phone has given may become part of a path or of JSON.
fn is_plain(id: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:.~%=+".contains(&byte);
    !id.is_empty() && id.len() <= 1_024 && id.bytes().all(is_known)
}

fn unix_time_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// 32 hexadecimal digits with dashes, as UUIDs are written.
fn uuid_of(wake: &Wake) -> String {
    let hex = format!("{:032x}", wake.id);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
