//! What was said, as the house keeps it: the rings of the shards, the shelf on disk, and a collector who is told.

use super::Running;
use super::traces_told::TracesTold;
use crate::config::Settings;
use crate::trace::find::find;
use crate::trace::hep::{self, Hep};
use crate::trace::redact::Bodies;
use crate::trace::search::Query;
use crate::trace::shelf::{self, Room, Shelf};
use crate::trace::{Conversation, Tap};
use coeur_exchange::world::Listener;
use parking_lot::Mutex;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// In the data directory.
pub const FOLDER: &str = "traces";
/// How often what is new is taken: a ring of the default size holds much more than is said meanwhile.
const TAKE_EVERY: Duration = Duration::from_millis(250);

/// As much as recordings leave.
const LEFT_FREE_BYTES: u64 = 256 << 20;

pub struct Traced {
    pub tap: Arc<Tap>,
    shelf: Option<Mutex<Shelf>>,
    hep: Option<Mutex<Hep>>,
    /// Our addresses, by the numbers of the listeners.
    pub addresses: Vec<SocketAddr>,
}

impl Traced {
    /// Without a disk for them messages are in memory alone: the server must not fail for its traces.
    pub fn open(settings: &Settings, folder: &Path, listeners: &[Listener]) -> Self {
        let tap = Arc::new(Tap::new(settings.shards, settings.trace_mb as usize * 1_000_000));
        let room = Room {
            bytes: u64::from(settings.trace_disk_mb) * 1_000_000,
            age: Duration::from_secs(u64::from(settings.trace_days) * 86_400),
            left_free_bytes: LEFT_FREE_BYTES,
        };
        let wanted = settings.trace_disk_mb > 0 && !tap.is_off();
        let shelf =
            wanted.then(|| Shelf::open(folder.join(FOLDER), room, settings.shards)).and_then(|opened| {
                opened
                    .inspect_err(
                        |why| tracing::error!(%why, "traces cannot be on disk; the latest are in memory"),
                    )
                    .ok()
            });
        let addresses: Vec<SocketAddr> = listeners.iter().map(address).collect();
        let hep = settings.hep.clone().and_then(|collector| {
            Hep::new(collector, addresses.clone(), settings.shards)
                .inspect_err(|why| tracing::error!(%why, "the collector of traces cannot be told"))
                .ok()
        });
        Self { tap, shelf: shelf.map(Mutex::new), hep: hep.map(Mutex::new), addresses }
    }

    /// Where no server runs: what is on disk. What a crash has left open is closed first.
    pub fn at_rest(folder: &Path) -> Self {
        let room = Room { bytes: u64::MAX, age: Duration::MAX, left_free_bytes: 0 };
        let shelf = folder.join(FOLDER).is_dir().then(|| Shelf::open(folder.join(FOLDER), room, 0));
        let shelf = shelf.and_then(|opened| {
            opened.inspect_err(|why| tracing::error!(%why, "traces on disk cannot be read")).ok()
        });
        Self { tap: Arc::new(Tap::new(0, 0)), shelf: shelf.map(Mutex::new), hep: None, addresses: Vec::new() }
    }

    pub fn told(&self) -> TracesTold<'_> {
        TracesTold(self)
    }

    pub fn find(&self, query: &Query, bodies: Bodies) -> Vec<Conversation> {
        find(&self.tap, self.shelf.as_ref(), query, bodies, now_us())
    }

    /// Takes what is new.
    pub fn turn(&self) {
        if let Some(hep) = &self.hep {
            hep.lock().turn(&self.tap);
        }
        if let Some(shelf) = &self.shelf {
            shelf.lock().take(&self.tap, now_us());
        }
    }

    /// Bytes on disk, and what was done.
    pub fn shelf(&self) -> Option<(u64, shelf::Done)> {
        let shelf = self.shelf.as_ref()?.lock();
        Some((shelf.bytes(), shelf.done()))
    }

    pub fn hep(&self) -> Option<hep::Done> {
        Some(self.hep.as_ref()?.lock().done)
    }
}

/// Starts the thread that takes what is new, where it is wanted.
pub fn start(running: &Arc<Running>, stopped: Arc<AtomicBool>) -> io::Result<()> {
    if running.traced.shelf.is_none() && running.traced.hep.is_none() {
        return Ok(());
    }
    let house = running.clone();
    let body = move || {
        while !stopped.load(Ordering::Relaxed) {
            std::thread::sleep(TAKE_EVERY);
            house.traced.turn();
        }
    };
    running.deaths.spawn("coeur-traces", body)
}

/// The one under which others know it, where it is on all addresses.
fn address(listener: &Listener) -> SocketAddr {
    let bound = listener.bound;
    if !bound.ip().is_unspecified() {
        return bound;
    }
    let of_ip =
        |text: &str| text.trim_matches(['[', ']']).parse().ok().map(|ip| SocketAddr::new(ip, bound.port()));
    listener.sent_by.parse().ok().or_else(|| of_ip(&listener.sent_by)).unwrap_or(bound)
}

fn now_us() -> u64 {
    super::unix_time_ms() * 1_000
}
