//! The running server, as the administration door and the HTTP listener see it.

use super::deaths::Deaths;
use super::recovery::Restored;
use super::shown::Shown;
use crate::observe::process;
use crate::trace::ladder::{self, Style};
use crate::trace::redact::Bodies;
use crate::trace::search::{Query, search};
use crate::trace::{Conversation, Tap};
use coeur_api::{
    House, Kind, MetricsText, RegistrationView, RegistrationsPage, Status, TraceRequest, TraceView, Watched,
};
use coeur_directory::{Aor, DeviceId, Directory};
use coeur_exchange::bindings::{Cursor, View};
use coeur_exchange::event::Counters;
use coeur_exchange::flow::Flow;
use coeur_exchange::input::Command;
use coeur_exchange::world::World;
use coeur_sip::time::Now;
use coeur_storage::Journal;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub struct Running {
    pub world: Arc<World>,
    pub journal: Arc<Journal>,
    /// What the journal gave back at the start.
    pub restored: Restored,
    pub tap: Arc<Tap>,
    /// As `udp://192.0.2.1:5060`.
    pub listeners: Vec<String>,
    pub local_authority: Option<PathBuf>,
    /// What each shard has counted.
    pub shown: Arc<[Shown]>,
    pub now: Box<dyn Fn() -> Now + Send + Sync>,
    pub started: Instant,
    pub deaths: Arc<Deaths>,
    /// Set once the shards run.
    pub shards: OnceLock<ShardsOutside>,
}

/// What the rest of the server may ask of the shards.
pub struct ShardsOutside {
    pub tell: Box<dyn Fn(Command) + Send + Sync>,
    /// Counters and gauges of the sockets, summed.
    pub network: Box<dyn Fn() -> Vec<(&'static str, u64)> + Send + Sync>,
}

/// Bindings read under one lock of a page.
const PAGE: usize = 256;

impl House for Running {
    fn directory(&self) -> &Directory {
        &self.world.directory
    }

    fn revoked(&self, aor: &Aor, device: Option<DeviceId>) {
        if let Some(shards) = self.shards.get() {
            (shards.tell)(Command::Revoked { aor: aor.clone(), device });
        }
    }

    fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: self.started.elapsed().as_secs(),
            domains: self.world.directory.domains().iter().map(|domain| domain.name.to_string()).collect(),
            accounts: self.world.directory.accounts(),
            registrations: self.world.bindings.count(),
            listeners: self.listeners.clone(),
            local_authority: self.local_authority.as_ref().map(|path| path.display().to_string()),
        }
    }

    fn registrations(&self, account: Option<&Aor>, after: Option<&str>, limit: usize) -> RegistrationsPage {
        let (bindings, now) = (&self.world.bindings, (self.now)().monotonic);
        let mut registrations = Vec::new();
        if let Some(aor) = account {
            let (user, domain) = (aor.user().as_bytes(), aor.domain().as_bytes());
            bindings.each_of(user, domain, now, |view| registrations.push(show(&view)));
            return RegistrationsPage { registrations, next: None };
        }
        let mut next = match after {
            // What no page of ours gave begins nowhere.
            Some(text) => text.parse::<Cursor>().ok(),
            None => Some(Cursor::default()),
        };
        while let (Some(cursor), left @ 1..) = (next, limit.saturating_sub(registrations.len())) {
            next = bindings.page(cursor, PAGE.min(left), now, &mut |view| registrations.push(show(&view)));
        }
        // A page that would be empty is no next page.
        while let Some(cursor) = next {
            let mut is_empty = true;
            let behind = bindings.page(cursor, 1, now, &mut |_| is_empty = false);
            if !is_empty {
                break;
            }
            next = behind;
        }
        RegistrationsPage { registrations, next: next.map(|cursor| cursor.to_string()) }
    }

    fn traces(&self, request: &TraceRequest) -> Vec<TraceView> {
        let since = request.since_us.map(|micros| UNIX_EPOCH + Duration::from_micros(micros));
        let query = Query { what: request.what.clone(), last: request.last, since };
        let bodies = if request.bodies { Bodies::Shown } else { Bodies::Hidden };
        let style = Style { full: request.full, bodies, ascii: request.ascii };
        let view = |conversation: Conversation| TraceView {
            last_at_us: conversation.entries.last().map_or(0, |entry| micros(entry.at)),
            messages: conversation.entries.len(),
            ladder: ladder::draw(&conversation, style),
            call_id: conversation.call_id,
        };
        search(self.tap.entries(), &query).into_iter().map(view).collect()
    }

    fn random(&self, bytes: &mut [u8]) {
        super::random(bytes);
    }

    fn unix_time_ms(&self) -> u64 {
        super::unix_time_ms()
    }
}

impl Watched for Running {
    fn metrics(&self) -> String {
        let mut text = MetricsText::default();
        let mut gauge = |name, help, value: u64| text.one(name, Kind::Gauge, help, value);
        gauge("coeur_bindings", "Registered contacts.", self.world.bindings.count() as u64);
        gauge("coeur_accounts", "Accounts.", self.world.directory.accounts() as u64);
        gauge("coeur_uptime_seconds", "Seconds since the start.", self.started.elapsed().as_secs());
        let dead = u64::from(self.deaths.first().is_some());
        gauge("coeur_dying", "1 when a thread has ended by itself: the server stops.", dead);
        gauge("coeur_journal_writable", "1 when the journal can write.", self.journal.is_writable().into());
        let restored = &self.restored;
        gauge(
            "coeur_recovery_bindings",
            "Contacts read back at the start.",
            restored.bindings.bindings as u64,
        );
        gauge("coeur_recovery_milliseconds", "Time to read the journal.", restored.took.as_millis() as u64);
        gauge(
            "coeur_recovery_torn_bytes",
            "End of the journal that a crash tore off.",
            restored.torn_bytes(),
        );
        gauge("coeur_recovery_damaged_bytes", "Acknowledged and not to be read.", restored.damaged_bytes());
        gauge(
            "coeur_recovery_problems",
            "What the log of the start names as damaged, missing or not understood.",
            restored.problems().len() as u64,
        );
        if let Some(bytes) = process::resident_bytes() {
            gauge("process_resident_memory_bytes", "Resident memory.", bytes);
        }
        if let Some(files) = process::open_files() {
            gauge("process_open_fds", "Open file descriptors.", files);
        }
        let latency = self.journal.latency();
        gauge("coeur_journal_last_microseconds", "Write and sync of the last group.", latency.last_us);
        let mut counter = |name: &str, help, value: u64| text.one(name, Kind::Counter, help, value);
        counter("coeur_journal_groups_total", "Groups written and synced.", latency.groups);
        counter("coeur_journal_entries_total", "Entries in these groups.", latency.entries);
        counter(
            "coeur_journal_failed_groups_total",
            "Groups that could not be written.",
            latency.failed_groups,
        );
        counter("coeur_journal_microseconds_total", "Time of all groups.", latency.total_us);
        for (index, name) in Counters::NAMES.iter().enumerate() {
            let sum = self.shown.iter().map(|shown| shown.counters()[index]).sum();
            counter(&format!("coeur_{name}_total"), "Counted by the exchange since the start.", sum);
        }
        if let Some(shards) = self.shards.get() {
            for (name, value) in (shards.network)() {
                let kind = if name.ends_with("_open") { Kind::Gauge } else { Kind::Counter };
                text.one(
                    &format!("coeur_net_{name}"),
                    kind,
                    "Counted by the sockets since the start.",
                    value,
                );
            }
        }
        text.finish()
    }

    fn ready(&self) -> Result<(), String> {
        if let Some(death) = self.deaths.first() {
            return Err(death);
        }
        match (self.journal.is_writable(), self.shards.get()) {
            (true, Some(_)) => Ok(()),
            (false, _) => {
                Err(format!("the journal cannot write: {}", self.journal.last_error().unwrap_or_default()))
            }
            (true, None) => Err("the listeners are not open yet".to_owned()),
        }
    }
}

fn show(view: &View<'_>) -> RegistrationView {
    let draft = view.draft();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    RegistrationView {
        account: format!("{}@{}", text(draft.user), text(draft.domain)),
        contact: text(view.uri()),
        flow: view.flow().map(flow).unwrap_or_default(),
        device: draft.device.0.to_string(),
        expires_in_s: view.remaining_s().into(),
    }
}

fn flow(flow: Flow) -> String {
    format!("{} {}", flow.transport.to_string().to_ascii_lowercase(), flow.remote)
}

fn micros(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}
