//! From settings to a running server, in order; and back.

use super::kept::KeptJournal;
use super::room::Room;
use super::running::{Running, ShardsOutside};
use super::services::{HouseServices, consume};
use super::shown::Shown;
use super::upkeep::Upkeep;
use super::{boot, recovery, secrets};
use crate::cli::exit::{Exit, Failure};
use crate::config::Settings;
use crate::config::listen::bracketed;
use crate::net::limits::Limits;
use crate::net::listen::{Bound, bind};
use crate::net::origin::{OriginCheck, Origins};
use crate::net::sources::Sources;
use crate::observe::process;
use crate::shard::{Clock, Notice, Prepared, Setup, Shards};
use crate::tls::watch::LOOK_EVERY;
use crate::tls::{Source, Tls, Watch, authority, roots};
use crate::trace::Tap;
use coeur_api::{Control, Door, Operator, Watched};
use coeur_directory::{Account, Aor, Change, DeviceId, Directory, Domain};
use coeur_exchange::bindings::{Bindings, Cursor};
use coeur_exchange::guard::Shared;
use coeur_exchange::input::Command;
use coeur_exchange::world::{Listener, World};
use coeur_storage::{DataLock, Records, Sqlite};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;
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
    shards: Shards,
    runtime: tokio::runtime::Runtime,
    stop: tokio::sync::watch::Sender<bool>,
    stopped: Arc<AtomicBool>,
    _lock: DataLock,
}

const GRACE: Duration = Duration::from_secs(5);
const MAINTENANCE_EVERY: Duration = Duration::from_secs(1);

/// Everything that can fail does so before the first message is answered. `next_port`: busy ports are replaced.
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
    let (tls, local_authority) = tls(settings, &directory, &listeners)?;

    let secrets = secrets::open(folder).map_err(unreachable)?;
    let world = Arc::new(World {
        directory,
        bindings: Bindings::of_boot(boot::boot()),
        listeners: listeners.clone(),
        guard: Shared::new(&secrets),
        secrets,
        settings: coeur_exchange::world::Settings {
            calls: settings.calls,
            calls_per_account_max: settings.calls_per_account,
            messages_per_minute_max: settings.messages_per_minute,
            relay_inside: settings.relay_inside.clone().into(),
            recurse_on_redirect: settings.follow_redirects,
            expires_jitter_percent: settings.expires_jitter,
            flow_timer_s: settings.flow_timer_s,
            service_route: settings.service_route.as_str().into(),
            ..Default::default()
        },
        storage_writable: AtomicBool::new(true),
    });
    let clock = Clock::default();
    let (journal, restored) =
        recovery::recover(folder, &world.bindings, &listeners, clock.now()).map_err(unreachable)?;

    let running = Arc::new(Running {
        world,
        journal: Arc::new(journal),
        restored,
        tap: Arc::new(Tap::new(settings.shards, settings.trace_mb as usize * 1_000_000)),
        listeners: listeners.iter().map(url).collect(),
        local_authority,
        shown: (0..settings.shards).map(|_| Shown::default()).collect(),
        now: Box::new(move || clock.now()),
        started,
        deaths: Arc::default(),
        stopping: AtomicBool::new(false),
        shards: OnceLock::new(),
    });
    let door = Arc::new(Door::new(running.clone(), Box::new(records)));
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("coeur-rare")
        .enable_all()
        .build()
        .map_err(unreachable)?;
    let shards = start_shards(
        settings,
        &running,
        &door,
        runtime.handle(),
        bound,
        tls.as_ref().map(|(tls, _)| tls.clone()),
        clock,
    )?;
    let stopped = Arc::new(AtomicBool::new(false));
    maintain(running.clone(), stopped.clone())?;
    if let Some((tls, sources)) = &tls {
        watch(Watch::new(tls.clone(), sources.clone()), &running, stopped.clone())?;
    }
    forget_strangers(&running);
    open_doors(settings, &runtime, &running, &door, &stopping, next_port)?;
    Ok(Server { running, door, bound: listeners, replaced, tls, shards, runtime, stop, stopped, _lock: lock })
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
        self.running.journal.flush();
        self.stopped.store(true, Ordering::Relaxed);
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
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

type Certificates = (Arc<Tls>, Vec<Source>);

/// The certificate given, or one of the local authority, when somebody may come over TLS or calls may leave over it.
fn tls(
    settings: &Settings,
    directory: &Directory,
    listeners: &[Listener],
) -> Result<(Option<Certificates>, Option<PathBuf>), Failure> {
    if !settings.listen.iter().any(|listen| listen.scheme.is_secure()) {
        return Ok((None, None));
    }
    let mut believed = roots::of_system();
    let (source, local) = match &settings.certificate {
        Some((chain, key)) => (Source { chain: chain.clone(), key: key.clone() }, None),
        None => {
            let folder = settings.data.join("tls");
            let mut names: BTreeSet<String> =
                directory.domains().iter().map(|domain| domain.name.to_string()).collect();
            names.extend(
                listeners.iter().filter_map(|listener| Some(listener.sent_by.rsplit_once(':')?.0.to_owned())),
            );
            names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
            let names: Vec<String> = names.into_iter().collect();
            let source = authority::ensure(&folder, &names).map_err(unreachable)?;
            let authority = authority::certificate_path(&folder);
            roots::add_file(&mut believed, &authority).map_err(unreachable)?;
            (source, Some(authority))
        }
    };
    let sources = vec![source];
    let tls = Tls::new(&sources, believed).map_err(|why| Failure::new(Exit::Usage, why.to_string()))?;
    Ok((Some((Arc::new(tls), sources)), local))
}

fn start_shards(
    settings: &Settings,
    running: &Arc<Running>,
    door: &Arc<Door>,
    runtime: &tokio::runtime::Handle,
    bound: Vec<Bound>,
    tls: Option<Arc<Tls>>,
    clock: Clock,
) -> Result<Shards, Failure> {
    let prepared = Prepared::new(settings.shards).map_err(unreachable)?;
    let inboxes = prepared.inboxes.clone();
    let (services, events) = HouseServices::new(runtime, &inboxes, echo(settings));
    let events_door = door.clone();
    let services = Arc::new(services);
    let deaths = &running.deaths;
    deaths.spawn("coeur-events", move || consume(&events, &events_door)).map_err(unreachable)?;
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
        sources: sources(running),
        journal: Arc::new(journal),
        services: services.clone(),
        tap: (settings.trace_mb > 0).then(|| running.tap.clone()),
        clock,
        died: {
            let deaths = deaths.clone();
            Arc::new(move |thread, why| deaths.report(thread, why))
        },
    };
    let make = |shard| Room::new(shard, running.world.clone(), running.shown.clone());
    let shards = prepared.start(setup, make).map_err(unreachable)?;
    let outside = ShardsOutside { inboxes, stats: shards.stats.clone(), services };
    if running.shards.set(outside).is_err() {
        tracing::error!("the shards were started twice");
    }
    Ok(shards)
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

/// Echo ports: the range that firewalls are opened for, and as many calls as a test service needs.
fn echo(settings: &Settings) -> crate::echo_media::Settings {
    crate::echo_media::Settings {
        local: std::net::Ipv4Addr::UNSPECIFIED.into(),
        advertise: settings
            .advertise
            .iter()
            .find_map(|advertise| advertise.host.trim_matches(['[', ']']).parse().ok()),
        ports: 20_000..=29_999,
        ports_max: 1_000,
        idle: Duration::from_secs(60),
    }
}

/// A device revoked or an account disabled while no server ran has no bindings left to use: they are removed as by any
/// revocation.
fn forget_strangers(running: &Running) {
    let (world, now) = (&running.world, (running.now)().monotonic);
    let mut strangers: BTreeSet<(Aor, DeviceId)> = BTreeSet::new();
    let mut next = Some(Cursor::default());
    while let Some(cursor) = next {
        next = world.bindings.page(cursor, 512, now, &mut |view| {
            let draft = view.draft();
            let account = world.directory.account(draft.user, draft.domain);
            let may = |account: &Account| account.enabled && account.device(draft.device).is_some();
            if !account.is_some_and(|account| may(&account))
                && let (Ok(user), Ok(domain)) =
                    (std::str::from_utf8(draft.user), std::str::from_utf8(draft.domain))
                && let Ok(aor) = Aor::new(user, domain)
            {
                strangers.insert((aor, draft.device));
            }
        });
    }
    if let Some(shards) = running.shards.get() {
        for (aor, device) in strangers {
            shards.tell(&Command::Revoked { aor, device: Some(device) });
        }
    }
}

fn open_doors(
    settings: &Settings,
    runtime: &tokio::runtime::Runtime,
    running: &Arc<Running>,
    door: &Arc<Door>,
    stopping: &tokio::sync::watch::Receiver<bool>,
    next_port: bool,
) -> Result<(), Failure> {
    let stop = |mut stopping: tokio::sync::watch::Receiver<bool>| async move {
        // An error means that the sender is gone: that is a stop too.
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let control = {
        let _inside = runtime.enter();
        Control::open(&settings.data).map_err(|why| unreachable(format!("control socket: {why}")))?
    };
    let (door, until) = (door.clone(), stop(stopping.clone()));
    running.deaths.spawn_task(runtime.handle(), "the control socket", async move {
        if let Err(why) = control.serve(door, until).await {
            tracing::error!(%why, "the control socket is closed; `coeur account` and its like cannot reach this server");
        }
    });
    let Some(address) = settings.http else { return Ok(()) };
    let listener = match runtime.block_on(tokio::net::TcpListener::bind(address)) {
        Ok(listener) => listener,
        Err(why) if next_port => {
            tracing::warn!(%address, %why, "no metrics");
            return Ok(());
        }
        Err(why) => {
            return Err(Failure::failed(format!(
                "http {address}: {why}; choose another with --http, or `off`"
            )));
        }
    };
    let watched: Arc<dyn Watched> = running.clone();
    running.deaths.spawn_task(runtime.handle(), "the listener of metrics and health", async move {
        // It ends with the runtime: until then whoever asks hears that we are stopping.
        if let Err(why) = coeur_api::serve_http(listener, watched, std::future::pending()).await {
            tracing::error!(%why, "metrics and health are no longer served");
        }
    });
    Ok(())
}

fn maintain(running: Arc<Running>, stopped: Arc<AtomicBool>) -> Result<(), Failure> {
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
            upkeep.turn((running.now)());
        }
    };
    deaths.spawn("coeur-upkeep", body).map_err(unreachable)
}

fn watch(mut watch: Watch, running: &Running, stopped: Arc<AtomicBool>) -> Result<(), Failure> {
    let body = move || {
        while !stopped.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK_EVERY);
            watch.look();
        }
    };
    running.deaths.spawn("coeur-watch", body).map_err(unreachable)
}

fn url(listener: &Listener) -> String {
    format!("{}://{}", listener.transport.to_string().to_ascii_lowercase(), listener.bound)
}
