//! The media plane: ports of calls, and the workers that relay what comes to them.
//!
//! M workers, each one thread with its own poll, own the sockets and the [`coeur_media::relay`] of their endpoints; a
//! packet is received, decided, protected and sent by the thread that polls its port, without a lock. What the exchange
//! wants ([`MediaCommand`]) comes through the worker's bounded queue with one wake for a batch; what happens
//! ([`MediaEvent`]) is told to the shard that is named in the [`MediaId`].
//!
//! All endpoints of a shard are on one worker ([`Media::worker_of`]), since any two of them may be connected: legs of a
//! call, and of two calls after a transfer. So one source of all signalling, such as a trunk, uses one core for its media.
//!
//! Where sound has to be understood, [`audio`] does it on the same thread. What is rare, ICE and DTLS, stands behind [`SlowPath`]; [`Negotiation`] is the one that speaks them.
//!
//! What it deliberately does not do: gather candidates beyond the one address of each port, and TURN.

mod audio;
mod commands;
mod endpoint;
mod endpoints;
mod keep;
mod look;
mod negotiation;
mod ports;
mod report;
mod slow;
mod socket;
mod stats;
#[cfg(test)]
mod tests;
mod translate;
mod ways;
mod worker;

pub use audio::{Shelf, Sounds};
pub use negotiation::{Certificate, Negotiation};
pub(crate) use ports::{Lease, Ports};
pub use slow::{Agreement, DtlsKeys, Handed, NoSlowPath, Port, Replies, SlowPath};
pub(crate) use socket::bind as bind_port;
pub use stats::Stats;

use crate::recordings::Recordings;
use crate::shard::Clock;
use coeur_exchange::flow::ShardId;
use coeur_exchange::input::MediaEvent;
use coeur_exchange::outbox::{MediaCommand, MediaId};
use commands::{Commands, Work};
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use worker::Worker;

/// Workers of one process; more are of no use than there are shards.
pub const WORKERS_MAX: usize = 64;

#[derive(Clone, Debug)]
pub struct Settings {
    /// 1 to [`WORKERS_MAX`].
    pub workers: usize,
    /// Even ones carry RTP, the odd ones after them RTCP (RFC 3550 section 11).
    pub ports: RangeInclusive<u16>,
    /// What descriptions name instead of the local address, at most one of a family.
    pub advertise: Vec<IpAddr>,
    /// How long a port rests before it is used again: what was sent to the call before has arrived by then.
    pub rest: Duration,
    /// Music on hold, and tones.
    pub sounds: Sounds,
    /// Silence of an end that should be heard, after which its shard is told.
    pub silence: Duration,
    /// Where recordings go; `None`: nowhere.
    pub recordings: Option<Recordings>,
    /// What is to be played to single calls.
    pub shelf: Arc<Shelf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 1,
            ports: 20_000..=29_999,
            advertise: Vec::new(),
            rest: Duration::from_secs(10),
            silence: Duration::from_secs(60),
            sounds: Sounds::default(),
            recordings: None,
            shelf: Arc::default(),
        }
    }
}

/// Hears what happens to the endpoints of a shard.
pub type Tell = dyn Fn(ShardId, MediaEvent) + Send + Sync;

/// Starts a thread of that name.
pub type Spawn<'s> = dyn Fn(&'static str, Box<dyn FnOnce() + Send>) -> io::Result<()> + 's;

/// The running workers.
pub struct Media {
    workers: Vec<(Arc<Commands>, Arc<Stats>)>,
    ports: Arc<Ports>,
    tell: Arc<Tell>,
}

impl Media {
    /// `slow` makes what keeps ICE and DTLS of one worker.
    pub fn start(
        settings: &Settings,
        clock: Clock,
        tell: Arc<Tell>,
        spawn: &Spawn<'_>,
        slow: impl Fn() -> Box<dyn SlowPath>,
    ) -> io::Result<Self> {
        let ports = Arc::new(Ports::new(settings.ports.clone(), settings.rest));
        let mut workers = Vec::new();
        for _ in 0..settings.workers.clamp(1, WORKERS_MAX) {
            let poll = mio::Poll::new()?;
            let commands = Arc::new(Commands::new(mio::Waker::new(poll.registry(), worker::WAKER)?));
            let stats = Arc::new(Stats::default());
            workers.push((commands.clone(), stats.clone()));
            let mut worker =
                Worker::new(poll, commands, stats, settings, ports.clone(), tell.clone(), clock, slow())?;
            spawn("coeur-media", Box::new(move || worker.run()))?;
        }
        Ok(Self { workers, ports, tell })
    }

    /// Hands a command to its worker; returns at once.
    pub fn handle(&self, command: MediaCommand) {
        self.handle_all([command]);
    }

    /// The same for commands in their order, with one wake for those in a row that are one worker's.
    pub fn handle_all(&self, commands: impl IntoIterator<Item = MediaCommand>) {
        let mut untold = None;
        for command in commands {
            let worker = self.worker_of(id(&command));
            if untold.is_some_and(|untold| untold != worker) {
                self.wake(untold);
            }
            untold = Some(worker);
            if let Err(MediaCommand::Open { id, .. } | MediaCommand::Restore { id, .. }) =
                self.workers[worker].0.put(Work::Command(command))
            {
                (self.tell)(id.shard(), MediaEvent::OpenFailed { id });
            }
        }
        self.wake(untold);
    }

    fn wake(&self, worker: Option<usize>) {
        if let Some(worker) = worker {
            self.workers[worker].0.wake();
        }
    }

    /// Any two endpoints of a shard can be connected, so they are on one worker.
    pub fn worker_of(&self, id: MediaId) -> usize {
        usize::from(id.shard().0) % self.workers.len()
    }

    pub fn stats(&self) -> impl Iterator<Item = &Stats> {
        self.workers.iter().map(|(_, stats)| &**stats)
    }

    /// Ports that are bound now: pairs of an even and an odd one.
    pub fn port_pairs(&self) -> usize {
        self.ports.leased()
    }

    /// The ports of calls, of which TURN lends some.
    pub(crate) fn ports(&self) -> &Arc<Ports> {
        &self.ports
    }

    /// Commands that no worker has taken yet.
    pub fn waiting(&self) -> usize {
        self.workers.iter().map(|(commands, _)| commands.len()).sum()
    }

    /// The threads end and close their ports.
    pub fn stop(&self) {
        for (commands, _) in &self.workers {
            // This is never refused.
            let _ = commands.put(Work::Stop);
            commands.wake();
        }
    }
}

/// Whose the command is. Both ends of a connection are on one worker, or it is refused there.
fn id(command: &MediaCommand) -> MediaId {
    match command {
        MediaCommand::Open { id, .. }
        | MediaCommand::Describe { id, .. }
        | MediaCommand::Connect { a: id, .. }
        | MediaCommand::Serve { id, .. }
        | MediaCommand::Play { id, .. }
        | MediaCommand::Prompt { id, .. }
        | MediaCommand::Tape { id, .. }
        | MediaCommand::Disconnect { id }
        | MediaCommand::Press { id, .. }
        | MediaCommand::Close { id }
        | MediaCommand::Report { id }
        | MediaCommand::Keep { id }
        | MediaCommand::Restore { id, .. } => *id,
    }
}
