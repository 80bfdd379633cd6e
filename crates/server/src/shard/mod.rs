//! The shards: threads that each own everything that carries SIP for them, and one handler.
//!
//! A turn of the loop: wait for sockets, inbox or deadline; read a batch from each ready source; decide; hand out
//! what was decided. Nothing in a turn waits, and nothing turns when there is nothing to do.

pub mod clock;
pub mod core;
pub mod drain;
pub mod end;
pub mod handler;
pub mod held;
pub mod inbox;
pub mod stats;
mod turn;

pub use clock::Clock;
pub use end::panic_text;
pub use handler::{Conduct, Forgetful, Handler, Journal, NoServices, NotSaved, Outcome, Services};
pub use inbox::{Inbox, Notice};
pub use stats::Stats;

use self::core::{Core, Outside};
use crate::net::limits::Limits;
use crate::net::listen::Bound;
use crate::net::origin::OriginCheck;
use crate::net::per_source::PerSource;
use crate::net::sources::Sources;
use crate::net::streams::Adopt;
use crate::net::streams::{Acceptor, Shared, Streams};
use crate::net::udp::Arena;
use crate::tls::Tls;
use crate::trace::Tap;
use coeur_exchange::flow::{ListenerId, ShardId};
use coeur_exchange::input::Command;
use coeur_exchange::outbox::MediaCommand;
use coeur_exchange::world::Listener;
use coeur_sip::transport::Transport;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Shards of one process: the shard number has two hex digits in a branch and 64 is more than any machine needs.
pub const SHARDS_MAX: usize = 64;
const WAKER: mio::Token = mio::Token(0);

/// What the shards are made of.
pub struct Setup {
    pub bound: Vec<Bound>,
    pub shards: usize,
    pub limits: Limits,
    pub tls: Option<Arc<Tls>>,
    pub origin: Arc<OriginCheck>,
    /// Takes connections that speak TURN.
    pub adopt: Arc<Adopt>,
    pub sources: Arc<Sources>,
    pub journal: Arc<dyn Journal>,
    pub services: Arc<dyn Services>,
    pub tap: Option<Arc<Tap>>,
    pub clock: Clock,
    pub died: Arc<Died>,
}

/// Hears of a shard that has ended though nobody stopped it: its thread, and why.
pub type Died = dyn Fn(&str, &str) + Send + Sync;

/// The running shards. Dropping this leaves them running; [`Shards::stop`] ends them.
pub struct Shards {
    pub inboxes: Arc<[Arc<Inbox>]>,
    pub stats: Vec<Arc<Stats>>,
    threads: Vec<JoinHandle<()>>,
}

/// Made before the handlers, so that services and handlers can hold the inboxes.
pub struct Prepared {
    polls: Vec<mio::Poll>,
    pub inboxes: Arc<[Arc<Inbox>]>,
}

impl Prepared {
    pub fn new(shards: usize) -> io::Result<Self> {
        let mut polls = Vec::new();
        let mut inboxes = Vec::new();
        for _ in 0..shards.clamp(1, SHARDS_MAX) {
            let poll = mio::Poll::new()?;
            inboxes.push(Arc::new(Inbox::new(mio::Waker::new(poll.registry(), WAKER)?)));
            polls.push(poll);
        }
        Ok(Self { polls, inboxes: inboxes.into() })
    }

    /// Starts one thread per shard with the handler that `make` gives it.
    pub fn start<H: Handler>(self, setup: Setup, mut make: impl FnMut(ShardId) -> H) -> io::Result<Shards> {
        let shared = Shared {
            limits: setup.limits,
            tls: setup.tls,
            per_source: Arc::new(PerSource::default()),
            origin: setup.origin,
            adopt: setup.adopt,
            tick: tick(&setup.limits),
        };
        let mut sockets: Vec<Vec<(Listener, socket2::Socket)>> =
            self.polls.iter().map(|_| Vec::new()).collect();
        for bound in setup.bound {
            for (shard, socket) in bound.sockets.into_iter().enumerate() {
                if let Some(of_shard) = sockets.get_mut(shard) {
                    of_shard.push((bound.listener.clone(), socket));
                }
            }
        }
        let mut shards = Vec::new();
        for ((i, poll), sockets) in self.polls.into_iter().enumerate().zip(sockets) {
            let id = ShardId(i as u8);
            let (stats, now) = (Arc::new(Stats::default()), setup.clock.now());
            let outside = Outside {
                stats: stats.clone(),
                inboxes: self.inboxes.clone(),
                tap: setup.tap.clone(),
                sources: setup.sources.clone(),
            };
            let core = Core::new(id, make(id), now, outside);
            let streams =
                Streams::new(id, poll.registry().try_clone()?, shared.clone(), stats.clone(), now.monotonic);
            let mut shard = Shard {
                poll,
                core,
                streams,
                datagrams: Vec::new(),
                acceptors: Vec::new(),
                arena: Arena::default(),
                held: held::Held::default(),
                held_ready: Vec::new(),
                last_append: None,
                journal: setup.journal.clone(),
                services: setup.services.clone(),
                clock: setup.clock,
                inbox: self.inboxes[i].clone(),
                notices: Vec::new(),
                media: Vec::new(),
                stopping: None,
            };
            shard.open(sockets)?;
            shards.push((shard, stats));
        }
        let mut running = Shards { inboxes: self.inboxes, stats: Vec::new(), threads: Vec::new() };
        for (shard, stats) in shards {
            let (name, died) = (format!("shard-{}", shard.core.id.0), setup.died.clone());
            let thread = std::thread::Builder::new().name(name.clone());
            running.stats.push(stats);
            running.threads.push(thread.spawn(move || end::live(shard, &name, &*died))?);
        }
        Ok(running)
    }
}

/// A shard that does not look for so long is dead or drowned.
const LOOK_PATIENCE: Duration = Duration::from_millis(500);

impl Shards {
    pub fn tell(&self, command: Command) {
        for inbox in self.inboxes.iter() {
            // A command is never refused.
            let _ = inbox.tell(Notice::Told(command.clone()));
        }
    }

    /// Accepts nothing more, lets held answers leave, closes the connections, and returns when all threads have
    /// ended: at the latest `grace` and a turn from now. What was told before is carried out first, and what one shard
    /// thereupon says on a connection of another leaves before that closes.
    pub fn stop(self, grace: Duration) {
        // A look begun after the word came has it, the next has what others made of it, and with a third that has left.
        for _ in 0..3 {
            self.look_once_more();
        }
        for inbox in self.inboxes.iter() {
            let _ = inbox.tell(Notice::Stop { grace });
        }
        for thread in self.threads {
            // Its panic was caught and told.
            let _ = thread.join();
        }
    }

    /// Returns when each shard has looked into its inbox once more, or does not within [`LOOK_PATIENCE`].
    fn look_once_more(&self) {
        let before: Vec<u64> = self.inboxes.iter().map(|inbox| inbox.looks()).collect();
        self.inboxes.iter().for_each(|inbox| inbox.durable());
        let until = std::time::Instant::now() + LOOK_PATIENCE;
        let looked = || self.inboxes.iter().zip(&before).all(|(inbox, before)| inbox.looks() > *before);
        while !looked() && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Counters of all shards, summed.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        stats::sum(&self.stats)
    }
}

/// The wheel turns often enough for its shortest deadline and rarely enough to cost nothing.
fn tick(limits: &Limits) -> Duration {
    let deadlines = [limits.first_request, limits.message, limits.message_pause, limits.idle];
    let shortest = deadlines.into_iter().fold(limits.handshake, Duration::min);
    (shortest / 10).clamp(Duration::from_millis(10), Duration::from_millis(500))
}

struct Datagrams {
    id: ListenerId,
    socket: mio::net::UdpSocket,
    /// Readable when last seen, and not emptied yet.
    again: bool,
}

pub(crate) struct Shard<H> {
    poll: mio::Poll,
    core: Core<H>,
    streams: Streams,
    datagrams: Vec<Datagrams>,
    acceptors: Vec<(Acceptor, bool)>,
    arena: Arena,
    held: held::Held,
    held_ready: Vec<bool>,
    /// The outcome of the last append of this shard: what an answer with `after_save` waits for.
    last_append: Option<Result<u64, NotSaved>>,
    journal: Arc<dyn Journal>,
    services: Arc<dyn Services>,
    clock: Clock,
    inbox: Arc<Inbox>,
    notices: Vec<Notice>,
    /// For the media plane, of what is being handed out.
    media: Vec<MediaCommand>,
    stopping: Option<coeur_sip::time::Monotonic>,
}

impl<H: Handler> Shard<H> {
    /// Tokens from 1 on are the UDP sockets, then the acceptors.
    fn open(&mut self, sockets: Vec<(Listener, socket2::Socket)>) -> io::Result<()> {
        use mio::Interest;
        let registry = self.poll.registry();
        let (udp, tcp): (Vec<_>, Vec<_>) =
            sockets.into_iter().partition(|(listener, _)| listener.transport == Transport::Udp);
        for (listener, socket) in udp {
            let mut socket = mio::net::UdpSocket::from_std(socket.into());
            let token = mio::Token(1 + self.datagrams.len());
            registry.register(&mut socket, token, Interest::READABLE)?;
            self.datagrams.push(Datagrams { id: listener.id, socket, again: false });
        }
        for (listener, socket) in tcp {
            let mut socket = mio::net::TcpListener::from_std(socket.into());
            let token = mio::Token(1 + self.datagrams.len() + self.acceptors.len());
            registry.register(&mut socket, token, Interest::READABLE)?;
            let acceptor = Acceptor { id: listener.id, transport: listener.transport, socket };
            self.acceptors.push((acceptor, false));
        }
        Ok(())
    }
}
