//! From settings to a running server, in order; and back.

use super::certificates::{self, Certificates};
use super::kept::KeptJournal;
use super::ledger::Ledger;
use super::prompts::{Known, Prompts};
use super::room::Room;
use super::running::{Running, ShardsOutside};
use super::services::{HouseServices, consume};
use super::shown::Shown;
use super::taping::recordings;
use super::traced::{self, Traced};
use super::upkeep::Upkeep;
use super::{boot, calls, phones, recovery, secrets, set, strangers, talked, turn, web};
use crate::cli::exit::{Exit, Failure};
use crate::config::Settings;
use crate::config::listen::bracketed;
use crate::media::{Certificate, Media, Negotiation, SlowPath, Sounds};
use crate::net;
use crate::net::limits::Limits;
use crate::net::listen::{Bound, bind};
use crate::net::origin::{OriginCheck, Origins};
use crate::net::sources::Sources;
use crate::observe::process;
use crate::push::Pushing;
use crate::push::settings::Opened;
use crate::shard::{Clock, Inbox, Notice, Prepared, Services as _, Setup, Shards};
use crate::tls::{Source, Tls};
use coeur_api::feed::Feed;
use coeur_api::hooks::Keeping;
use coeur_api::{Control, Door, Operator, Watched};
use coeur_directory::{Change, Directory, Domain};
use coeur_exchange::bindings::{Bindings, Cursor};
use coeur_exchange::event::Event;
use coeur_exchange::flow::ShardId;
use coeur_exchange::guard::Shared;
use coeur_exchange::input::Command;
use coeur_exchange::machine::Machine;
use coeur_exchange::record::calls::RecoveredCalls;
use coeur_exchange::world::{Listener, World};
use coeur_storage::{CallRow, DataLock, Records, Sqlite};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

pub struct Server {
    pub running: Arc<Running>,
    pub door: Arc<Door>,
    pub bound: Vec<Listener>,
    /// Places where another port was taken than asked: what was asked, what was taken.
    pub replaced: Vec<(std::net::SocketAddr, std::net::SocketAddr)>,
    pub tls: Option<(Arc<Tls>, Vec<Source>)>,
    /// Where the API is.
    pub web: Option<std::net::SocketAddr>,
    shards: Shards,
    runtime: tokio::runtime::Runtime,
    stop: tokio::sync::watch::Sender<bool>,
    stopped: Arc<AtomicBool>,
    _lock: DataLock,
}

const GRACE: Duration = Duration::from_secs(5);
const MAINTENANCE_EVERY: Duration = Duration::from_secs(1);

/// Everything that can fail does so before the first message is answered, but for the threads of the shards themselves.
/// `next_port`: busy ports are replaced.
pub fn start(settings: &Settings, next_port: bool) -> Result<Server, Failure> {
    let started = Instant::now();
    process::keep_memory_private();
    process::raise_open_files();
    let folder = &settings.data;
    let lock = DataLock::take(folder).map_err(unreachable)?;
    let mut records = Sqlite::open(folder).map_err(unreachable)?;
    let directory = load(&mut records, &settings.domains)?;

    let bound = bind(&settings.listen, settings.shards, &settings.advertise, next_port)
        .map_err(|why| Failure::failed(why.to_string()))?;
    let replaced = bound
        .iter()
        .filter(|bound| bound.asked.port() != 0 && bound.asked != bound.listener.bound)
        .map(|bound| (bound.asked, bound.listener.bound))
        .collect();
    let listeners: Vec<Listener> = bound.iter().map(|bound| bound.listener.clone()).collect();
    let (certificates, local_authority) = certificates::open(settings, &directory, &listeners)?;
    let (watch, tls) = match certificates {
        Some(Certificates { tls, sources, watch }) => (Some(watch), Some((tls, sources))),
        None => (None, None),
    };

    let turn = turn::prepare(settings, &listeners, next_port)?;

    let secrets = secrets::open(folder).map_err(unreachable)?;
    let push = settings.push.open(folder).map_err(|why| Failure::new(Exit::Usage, why))?;
    let world = Arc::new(World {
        directory,
        bindings: Bindings::of_boot(boot::boot()),
        listeners: listeners.clone(),
        machine: Machine::new(net::machine::look()),
        guard: Shared::new(&secrets),
        kept_calls: coeur_exchange::kept_calls::KeptCalls::new(&secrets),
        secrets,
        settings: coeur_exchange::world::Settings {
            calls: settings.calls,
            calls_per_account_max: settings.calls_per_account,
            end_to_end: settings.end_to_end,
            direct_media: settings.direct_media,
            messages_per_minute_max: settings.messages_per_minute,
            relay_inside: settings.relay_inside.clone().into(),
            recurse_on_redirect: settings.follow_redirects,
            expires_jitter_percent: settings.expires_jitter,
            flow_timer_s: settings.flow_timer_s,
            service_route: settings.service_route.as_str().into(),
            ice_servers: turn.as_ref().map(turn::Prepared::ice_servers).unwrap_or_default(),
            conference_prefix: settings.conference_prefix.as_str().into(),
            push: push.offered(settings.push.wait_s),
            // At most 64.
            shards: settings.shards as u8,
            ..Default::default()
        },
        storage_writable: AtomicBool::new(true),
        waiting: Default::default(),
        vouched: Default::default(),
        push_pace: Default::default(),
    });
    let clock = Clock::default();
    let (journal, restored, kept) =
        recovery::recover(folder, &world, settings.shards, clock.now()).map_err(unreachable)?;

    let (recordings, write_recordings) = recordings(settings, folder);
    let running = Arc::new(Running {
        world,
        journal: Arc::new(journal),
        restored,
        traced: Traced::open(settings, folder, &listeners),
        settings: set::shown(settings),
        listeners: listeners.iter().map(url).collect(),
        local_authority,
        shown: (0..settings.shards).map(|_| Shown::default()).collect(),
        now: Box::new(move || clock.now()),
        started,
        silences: Arc::default(),
        deaths: Arc::default(),
        stopping: AtomicBool::new(false),
        shards: OnceLock::new(),
        office: turn.as_ref().map(|turn| turn.office.clone()),
        turn: OnceLock::new(),
        board: Arc::default(),
        standing: Arc::default(),
        web: OnceLock::new(),
        door: OnceLock::new(),
        phone_place: OnceLock::new(),
        strangers: Arc::default(),
        recordings,
        feed: Arc::new(Feed::new(boot_number())),
        prompts: Prompts {
            folder: folder.join("prompts"),
            region: settings.tones,
            shelf: Arc::default(),
            known: Known::default(),
        },
    });
    let door = Arc::new(Door::new(running.clone(), Box::new(records)));
    // It is set here alone.
    let _ = running.door.set(Arc::downgrade(&door));
    let post = settings.webhooks.open().map_err(|why| Failure::new(Exit::Usage, why))?;
    // Before anything happens: nothing that does is missed.
    let hooks = Keeping::open(&door, &running.feed, Arc::new(post)).map_err(|why| unreachable(why.text))?;
    write_recordings.start(&running, &door)?;
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("coeur-rare")
        .enable_all()
        .build()
        .map_err(unreachable)?;

    running.deaths.spawn_task(runtime.handle(), "webhooks", hooks.run());
    let doors = Doors::open(settings, &runtime, &door, next_port)?;
    let stopped = Arc::new(AtomicBool::new(false));
    maintain(running.clone(), door.clone(), stopped.clone())?;
    traced::start(&running, stopped.clone()).map_err(unreachable)?;
    if let Some(watch) = watch {
        certificates::look_after(watch, settings, &running, stopped.clone())?;
    }
    // Without a secure listener no call leaves over TLS either.
    let is_sip_secure = settings.listen.iter().chain(&settings.turn).any(|listen| listen.scheme.is_secure());
    let encrypted = tls.as_ref().filter(|_| is_sip_secure).map(|(tls, _)| tls.clone());
    let https = tls.as_ref().map(|(tls, _)| tls.https());
    let proofs = tls.as_ref().map(|(tls, _)| tls.proofs());
    let lent = turn.as_ref().map(|turn| turn.lent(settings)).unwrap_or_default();
    let shards = start_shards(
        settings,
        &running,
        &door,
        runtime.handle(),
        bound,
        encrypted.clone(),
        lent,
        clock,
        kept,
        push,
    )?;
    if let Some(turn) = turn {
        let started = turn.start(settings, &running, encrypted, clock).map_err(unreachable)?;
        // It is set here alone.
        let _ = running.turn.set(started);
    }
    phones::hear(settings, &running, &runtime)?;
    certificates::ask_for(settings, &running, runtime.handle(), proofs)?;
    if let Some(place) = phones::place(settings, &running, doors.web_address()) {
        // It is set here alone.
        let _ = running.phone_place.set(place);
    }
    let web = doors.serve(runtime.handle(), settings, &running, (door.clone(), https), stopping);
    Ok(Server {
        running,
        door,
        bound: listeners,
        replaced,
        tls,
        web,
        shards,
        runtime,
        stop,
        stopped,
        _lock: lock,
    })
}

impl Server {
    /// Runs until SIGTERM or SIGINT, or until one of its threads has ended by itself, which is a failure. SIGHUP reads the
    /// certificate at once; changed files are seen without it.
    pub fn wait(&self) -> Result<(), Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        self.runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut hangup = signal(SignalKind::hangup())?;
            loop {
                tokio::select! {
                    _ = terminate.recv() => return Ok(()),
                    _ = interrupt.recv() => return Ok(()),
                    _ = hangup.recv() => self.reload(),
                    death = self.running.deaths.wait() => return Err(Failure::failed(death)),
                }
            }
        })
    }

    fn reload(&self) {
        let Some((tls, sources)) = &self.tls else { return };
        match tls.reload(sources) {
            Ok(()) => tracing::info!("certificate read again"),
            Err(why) => tracing::error!(%why, "the certificate cannot be read; the one in use stays"),
        }
    }

    /// New requests are answered 503, held answers leave, connections close, the journal is written.
    pub fn stop(self) {
        self.running.stopping.store(true, Ordering::Relaxed);
        self.shards.tell(Command::Drain);
        // The receivers end with the runtime.
        let _ = self.stop.send(true);
        self.shards.stop(GRACE);
        if let Some(shards) = self.running.shards.get() {
            shards.services.media.stop();
            self.running.recordings.stop();
            shards.services.ledger.flush();
        }
        if let Some(outside) = self.running.turn.get() {
            outside.turn.stop();
        }
        self.running.traced.turn();
        self.running.journal.flush();
        self.stopped.store(true, Ordering::Relaxed);
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

/// What no other process has: events are numbered anew with each.
fn boot_number() -> u64 {
    let mut bytes = [0; 8];
    super::random(&mut bytes);
    u64::from_be_bytes(bytes)
}

fn unreachable(why: impl Display) -> Failure {
    Failure::new(Exit::Unreachable, why.to_string())
}

fn load(records: &mut Sqlite, domains: &[String]) -> Result<Directory, Failure> {
    let directory = Directory::new();
    for text in records.load(&directory).map_err(unreachable)? {
        tracing::error!("{text}");
    }
    for name in domains.iter().filter(|name| !directory.is_ours(name.as_bytes())).collect::<BTreeSet<_>>() {
        let change = Change::DomainAdded(Domain::new(name));
        directory.check(&change).map_err(|why| Failure::new(Exit::Usage, why.to_string()))?;
        let at_ms = super::unix_time_ms();
        records
            .commit(&Operator::program(), std::slice::from_ref(&change), at_ms, &mut |_| {})
            .map_err(unreachable)?;
        directory.apply(&change).map_err(unreachable)?;
    }
    Ok(directory)
}

fn start_shards(
    settings: &Settings,
    running: &Arc<Running>,
    door: &Arc<Door>,
    runtime: &tokio::runtime::Handle,
    bound: Vec<Bound>,
    tls: Option<Arc<Tls>>,
    lent: Vec<(std::net::IpAddr, u16, u16)>,
    clock: Clock,
    kept: RecoveredCalls,
    push: Opened,
) -> Result<Shards, Failure> {
    let prepared = Prepared::new(settings.shards).map_err(unreachable)?;
    let inboxes = prepared.inboxes.clone();
    let media = media(settings, running, lent, clock, inboxes.clone())?;
    let (ledger, pages) = Ledger::new(settings.call_records);
    let push = running
        .world
        .settings
        .push
        .offers_any()
        .then(|| Pushing::start(push, runtime, &running.deaths, ended(inboxes.clone())));
    let (services, events) =
        HouseServices::new(runtime, &running.deaths, &inboxes, (media, ledger, push), running.feed.clone());
    let events_door = door.clone();
    let services = Arc::new(services);
    let deaths = &running.deaths;
    let listening = running.clone();
    deaths.spawn("coeur-events", move || consume(&events, &events_door, &listening)).map_err(unreachable)?;
    let (records_door, committing) = (door.clone(), running.clone());
    let write = move || {
        let world = &committing.world;
        talked::recall(&records_door, world, super::unix_time_ms());
        let keep = |calls: &[CallRow], keep| {
            talked::keep(&records_door, world, calls, keep)?;
            crate::observe::feed::ended(&committing.feed, &committing, calls);
            // The journal has these records until webhooks have them too.
            committing.feed.settle();
            Ok(())
        };
        pages.write(&keep, &|ids| committing.done_with(ids));
    };
    deaths.spawn("coeur-records", write).map_err(unreachable)?;
    let journal = KeptJournal { journal: running.journal.clone(), world: running.world.clone() };
    for (shard, inbox) in inboxes.iter().cloned().enumerate() {
        running.journal.on_decided(shard as u8, move || {
            // This notice is never refused.
            let _ = inbox.tell(Notice::Durable);
        });
    }
    let setup = Setup {
        bound,
        shards: settings.shards,
        limits: Limits::default(),
        tls,
        origin: origins(settings, running),
        adopt: turn::adopt(running),
        sources: sources(running),
        journal: Arc::new(journal),
        services: services.clone(),
        tap: (settings.trace_mb > 0).then(|| running.traced.tap.clone()),
        clock,
        died: {
            let deaths = deaths.clone();
            Arc::new(move |thread, why| deaths.report(thread, why))
        },
    };
    // Those that may not be committed, before whatever ends now.
    for record in kept.ended {
        services.publish(ShardId(0), Event::CallEnded(Box::new(record)));
    }
    let make = |shard: ShardId| {
        let mut room = Room::new(shard, running.world.clone(), running.shown.clone());
        if let Some(kept) = kept.calls.get(usize::from(shard.0)) {
            calls::take_up(&mut room, shard, running, &*services, kept);
        }
        room
    };
    let mut first = Some(make(ShardId(0)));
    if let Some(room) = &mut first {
        strangers::forget(room, ShardId(0), running, &*services);
    }
    let make = |shard| first.take().unwrap_or_else(|| make(shard));
    let shards = prepared.start(setup, make).map_err(unreachable)?;
    let outside = ShardsOutside { inboxes, stats: shards.stats.clone(), services };
    if running.shards.set(outside).is_err() {
        tracing::error!("the shards were started twice");
    }
    Ok(shards)
}

/// A destination that is none any more is told one shard: the bindings are of all.
fn ended(inboxes: Arc<[Arc<Inbox>]>) -> crate::push::Ended {
    Arc::new(move |wake| {
        let (aor, binding) = (wake.aor.clone(), wake.binding);
        let destination = Box::new(wake.destination.clone());
        if let Some(inbox) = inboxes.first() {
            // This notice is never refused.
            let _ = inbox.tell(Notice::Told(Command::PushEnded { aor, binding, destination }));
        }
    })
}

/// The phones whose registrations were restored have proved their passwords before.
fn sources(running: &Running) -> Arc<Sources> {
    let (sources, now) = (Sources::default(), (running.now)().monotonic);
    let mut next = Some(Cursor::default());
    while let Some(cursor) = next {
        next = running.world.bindings.page(cursor, 512, now, &mut |view| {
            sources.prove(view.draft().flow.remote, now.as_micros());
        });
    }
    Arc::new(sources)
}

/// Pages of our domains (as they are when the page asks), of the names and addresses under which we are reached, and
/// of whom the operator lists.
fn origins(settings: &Settings, running: &Arc<Running>) -> Arc<OriginCheck> {
    let world = running.world.clone();
    let bound = world.listeners.iter().map(|listener| listener.bound.ip()).filter(|ip| !ip.is_unspecified());
    let bound: Vec<String> = bound.map(bracketed).collect();
    let named = world.listeners.iter().map(|listener| &*listener.sent_by);
    let advertised = settings.advertise.iter().map(|advertise| advertise.host.as_str());
    let hosts = bound.iter().map(String::as_str).chain(named).chain(advertised);
    let origins = Origins::new(hosts, &settings.origins);
    Arc::new(move |origin: &str| origins.allow(origin, |domain| world.directory.is_ours(domain.as_bytes())))
}

fn sounds(settings: &Settings) -> Result<Sounds, Failure> {
    let usage = |why| Failure::new(Exit::Usage, why);
    let sounds = match &settings.music_on_hold {
        Some(music) => Sounds::read(music, settings.tones).map_err(usage)?,
        None => Sounds::own(settings.tones),
    };
    match &settings.recording_announcement {
        Some(announcement) => sounds.announcing(announcement).map_err(usage),
        None => Ok(sounds),
    }
}

/// Of an end that should be heard, before its call is ended.
fn silence(settings: &Settings) -> Duration {
    match settings.media_silence_s {
        0 => Duration::MAX,
        seconds => Duration::from_secs(u64::from(seconds)),
    }
}

/// The workers of media; what happens there is told to the shards. `lent`: the addresses that clients of TURN have.
fn media(
    settings: &Settings,
    running: &Running,
    lent: Vec<(std::net::IpAddr, u16, u16)>,
    clock: Clock,
    inboxes: Arc<[Arc<Inbox>]>,
) -> Result<Media, Failure> {
    let wanted = crate::media::Settings {
        workers: settings.media_workers,
        ports: settings.media_ports.clone(),
        advertise: advertised(settings).collect(),
        silence: silence(settings),
        sounds: sounds(settings)?,
        recordings: Some(running.recordings.clone()),
        shelf: running.prompts.shelf.clone(),
        ..Default::default()
    };
    let tell = move |shard: ShardId, event| {
        if let Some(inbox) = inboxes.get(usize::from(shard.0)) {
            // A full inbox loses the event: the call then ends by its own timers.
            let _ = inbox.tell(Notice::Media(event));
        }
    };
    let spawn = |name, body: Box<dyn FnOnce() + Send>| running.deaths.spawn(name, body);
    let own: Arc<[std::net::IpAddr]> = running
        .world
        .listeners
        .iter()
        .map(|listener| listener.bound.ip())
        .chain(advertised(settings))
        .collect();
    let certificate = Certificate::open(&settings.data, clock.zero())
        .map_err(|why| unreachable(format!("the certificate of media: {why}")))?;
    let certificate = Arc::new(certificate);
    let lent: Arc<[_]> = lent.into();
    let slow = || -> Box<dyn SlowPath> {
        Box::new(Negotiation::new(certificate.clone(), own.clone()).with_relayed(lent.clone()))
    };
    Media::start(&wanted, clock, Arc::new(tell), &spawn, slow).map_err(unreachable)
}

/// Addresses, of what others may call us.
pub(super) fn advertised(settings: &Settings) -> impl Iterator<Item = std::net::IpAddr> {
    settings.advertise.iter().filter_map(|advertise| advertise.host.trim_matches(['[', ']']).parse().ok())
}

/// Sockets of those who administer and watch; whoever connects waits until they are served.
struct Doors {
    control: Control,
    http: Option<tokio::net::TcpListener>,
    web: Option<web::Opened>,
}

impl Doors {
    fn open(
        settings: &Settings,
        runtime: &tokio::runtime::Runtime,
        door: &Door,
        next_port: bool,
    ) -> Result<Self, Failure> {
        // First, since a refusal leaves nothing behind.
        let http = match settings.http {
            Some(address) => http(address, runtime, next_port)?,
            None => None,
        };
        let web = web::open(settings, runtime, door, next_port)?;
        let _inside = runtime.enter();
        let control =
            Control::open(&settings.data).map_err(|why| unreachable(format!("control socket: {why}")))?;
        Ok(Self { control, http, web })
    }

    /// Returns where the API is.
    fn web_address(&self) -> Option<std::net::SocketAddr> {
        self.web.as_ref().map(|web| web.address)
    }

    fn serve(
        self,
        runtime: &tokio::runtime::Handle,
        settings: &Settings,
        running: &Arc<Running>,
        (door, https): (Arc<Door>, Option<Arc<rustls::ServerConfig>>),
        mut stopping: tokio::sync::watch::Receiver<bool>,
    ) -> Option<std::net::SocketAddr> {
        let web = self.web.map(|web| {
            let address = web.address;
            web.serve(runtime, settings, running, (door.clone(), https), &stopping);
            address
        });
        let until = async move {
            // An error means that the sender is gone: that is a stop too.
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        running.deaths.spawn_task(runtime, "the control socket", async move {
            if let Err(why) = self.control.serve(door, until).await {
                tracing::error!(%why, "the control socket is closed; `coeur account` and its like cannot reach this server");
            }
        });
        let Some(listener) = self.http else { return web };
        let watched: Arc<dyn Watched> = running.clone();
        running.deaths.spawn_task(runtime, "the listener of metrics and health", async move {
            // It ends with the runtime: until then whoever asks hears that we are stopping.
            if let Err(why) = coeur_api::serve_http(listener, watched, std::future::pending()).await {
                tracing::error!(%why, "metrics and health are no longer served");
            }
        });
        web
    }
}

fn http(
    address: std::net::SocketAddr,
    runtime: &tokio::runtime::Runtime,
    next_port: bool,
) -> Result<Option<tokio::net::TcpListener>, Failure> {
    match runtime.block_on(tokio::net::TcpListener::bind(address)) {
        Ok(listener) => Ok(Some(listener)),
        Err(why) if next_port => {
            tracing::warn!(%address, %why, "no metrics");
            Ok(None)
        }
        Err(why) => {
            Err(Failure::failed(format!("http {address}: {why}; choose another with --http, or `off`")))
        }
    }
}

fn maintain(running: Arc<Running>, door: Arc<Door>, stopped: Arc<AtomicBool>) -> Result<(), Failure> {
    let mut upkeep = Upkeep::new(running.journal.clone(), running.world.clone());
    let deaths = running.deaths.clone();
    let body = move || {
        while !stopped.load(Ordering::Relaxed) {
            std::thread::sleep(MAINTENANCE_EVERY);
            if !running.journal.is_running() {
                running.deaths.report("coeur-journal", "it wrote to standard error why");
            }
            // What somebody was changing who has died may be half changed: no snapshot is taken of it.
            if running.deaths.first().is_some() {
                return;
            }
            super::phones::hear_broken(&door);
            if upkeep.turn((running.now)())
                && let Some(turn) = running.turn.get()
            {
                turn.look_again();
            }
        }
    };
    deaths.spawn("coeur-upkeep", body).map_err(unreachable)
}

fn url(listener: &Listener) -> String {
    format!("{}://{}", listener.transport.to_string().to_ascii_lowercase(), listener.bound)
}
