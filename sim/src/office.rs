//! The server under test: shards, their world, and a journal that can be cut. It stands where `server` stands, without
//! sockets and threads, and can crash between any two steps.

use crate::chance::Chance;
use crate::network::Packet;
use coeur_directory::{
    Account, AccountId, AlgorithmPolicy, Aor, Change, Device, DeviceId, Directory, Domain, Ha1Set,
};
use coeur_exchange::Exchange;
use coeur_exchange::bindings::Bindings;
use coeur_exchange::flow::{ConnectionId, Flow, Hop, ListenerId, ShardId};
use coeur_exchange::input::Input;
use coeur_exchange::outbox::{Outbox, Output};
use coeur_exchange::record::{Dump, Recovery};
use coeur_exchange::world::{Listener, Secrets, Settings, World};
use coeur_sip::time::{Monotonic, Now, Wall};
use coeur_sip::transport::Transport;
use coeur_sip::{HeaderTable, Limits};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

pub const DOMAIN: &str = "sim.test";
/// The wall clock at the start of every run (ms since the Unix epoch).
const WALL_START_MS: u64 = 1_790_000_000_000;

pub struct Office {
    pub world: World,
    shards: Vec<Shard>,
    /// Entries whose group is on disk, and those that a crash loses.
    durable: Vec<Vec<u8>>,
    waiting: Vec<Vec<u8>>,
    decided: u64,
    /// The first and last entry of each group that failed.
    failed: Vec<(u64, u64)>,
    group_at_us: Option<u64>,
    /// After a failed group: when the upkeep looks whether a snapshot can be taken. Until then every group fails.
    catch_up_at_us: Option<u64>,
    address: SocketAddr,
    users: Vec<(String, String)>,
    secrets: [u8; 32],
    started_us: u64,
    pub outgoing: Vec<Packet>,
    pub crashes: u32,
    /// While true every group fails.
    pub disk_full: bool,
    pub notices: Vec<String>,
}

struct Shard {
    exchange: Exchange,
    outbox: Outbox,
    /// Answers that leave when their entry is decided.
    held: VecDeque<(u64, Packet, Option<Packet>)>,
    last_entry: u64,
}

impl Office {
    pub fn new(address: SocketAddr, users: &[(String, String)], shards: usize, chance: &mut Chance) -> Self {
        let secrets = chance.bytes();
        let mut office = Self {
            world: world(address, users, secrets),
            shards: Vec::new(),
            durable: Vec::new(),
            waiting: Vec::new(),
            decided: 0,
            failed: Vec::new(),
            group_at_us: None,
            catch_up_at_us: None,
            address,
            users: users.to_vec(),
            secrets,
            started_us: 0,
            outgoing: Vec::new(),
            crashes: 0,
            disk_full: false,
            notices: Vec::new(),
        };
        office.start_shards(shards, chance);
        office
    }

    fn start_shards(&mut self, shards: usize, chance: &mut Chance) {
        self.shards = (0..shards)
            .map(|i| Shard {
                exchange: Exchange::new(ShardId(i as u8), chance.bytes(), &self.world),
                outbox: Outbox::default(),
                held: VecDeque::new(),
                last_entry: 0,
            })
            .collect();
    }

    /// kill -9: everything that is not durable is gone, and the process is back at once.
    pub fn crash(&mut self, now_us: u64, chance: &mut Chance) {
        self.crashes += 1;
        self.waiting.clear();
        self.group_at_us = None;
        self.catch_up_at_us = None;
        self.decided = 0;
        self.failed.clear();
        self.started_us = now_us;
        self.world = world(self.address, &self.users, self.secrets);
        let now = self.now(now_us);
        let mut recovery = Recovery::new(&self.world.bindings, &self.world.listeners, now);
        for entry in &self.durable {
            if let Err(error) = recovery.apply(entry) {
                self.notices.push(format!("recovery: {error:?}"));
            }
        }
        recovery.finish();
        self.world.bindings.set_saved_up_to(self.world.bindings.version());
        let shards = self.shards.len();
        self.start_shards(shards, chance);
    }

    /// Replaces the journal by a snapshot and what comes after it, if the disk takes it.
    pub fn compact(&mut self, now_us: u64) {
        if self.disk_full {
            return;
        }
        let now = self.now(now_us);
        let mut dump = Dump::begin(&self.world.bindings);
        let mut pages = Vec::new();
        loop {
            let mut page = Vec::new();
            if !dump.page(now, &mut page) {
                break;
            }
            pages.push(page);
        }
        self.durable = pages;
        self.world.bindings.set_saved_up_to(self.world.bindings.version());
    }

    /// Once a second after a failure, as `house::upkeep` does.
    fn catch_up(&mut self, now_us: u64) {
        self.catch_up_at_us = self.disk_full.then_some(now_us + 1_000_000);
        if self.catch_up_at_us.is_none() {
            self.compact(now_us);
            self.world.storage_writable.store(true, Ordering::Relaxed);
        }
    }

    pub fn now(&self, now_us: u64) -> Now {
        Now {
            monotonic: Monotonic::from_micros(now_us - self.started_us),
            wall: Wall::from_millis(WALL_START_MS + now_us / 1_000),
        }
    }

    pub fn next_deadline_us(&self) -> Option<u64> {
        let exchanges = self
            .shards
            .iter()
            .filter_map(|s| s.exchange.next_deadline())
            .map(|d| d.as_micros() + self.started_us);
        exchanges.chain(self.group_at_us).chain(self.catch_up_at_us).min()
    }

    pub fn tick(&mut self, now_us: u64) {
        for i in 0..self.shards.len() {
            let due = self.shards[i]
                .exchange
                .next_deadline()
                .is_some_and(|d| d.as_micros() + self.started_us <= now_us);
            if due {
                self.handle(i, now_us, Input::Ticked);
            }
        }
        if self.group_at_us.is_some_and(|at| at <= now_us) {
            self.decide_group(now_us);
        }
        if self.catch_up_at_us.is_some_and(|at| at <= now_us) {
            self.catch_up(now_us);
        }
    }

    pub fn receive(&mut self, now_us: u64, packet: &Packet) {
        let flow = Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            connection: ConnectionId::NONE,
            remote: packet.from,
        };
        let mut table = HeaderTable::new();
        match coeur_sip::parse(&packet.bytes, &mut table, &Limits::default()) {
            Ok(message) => {
                let by_source = packet.from.port() as usize % self.shards.len();
                let shard = shard_of(&message).unwrap_or(by_source);
                self.handle(shard, now_us, Input::Received { flow, message: &message });
            }
            Err(error) => self.handle(0, now_us, Input::Malformed { flow, error: &error }),
        }
    }

    fn handle(&mut self, i: usize, now_us: u64, input: Input<'_>) {
        let now = self.now(now_us);
        let shard = &mut self.shards[i];
        let mut outbox = std::mem::take(&mut shard.outbox);
        shard.exchange.handle(now, &self.world, input, &mut outbox);
        for output in std::mem::take(&mut outbox.outputs) {
            match output {
                Output::Save(span) => {
                    self.waiting.push(outbox.bytes(span).to_vec());
                    self.shards[i].last_entry = self.decided + self.waiting.len() as u64;
                    self.group_at_us.get_or_insert(now_us + 2_500);
                }
                Output::Send(send) => {
                    let packet = |span| match &send.hop {
                        Hop::Flow(flow) => {
                            Packet { from: self.address, to: flow.remote, bytes: outbox.bytes(span).to_vec() }
                        }
                        Hop::Address { address, .. } => {
                            Packet { from: self.address, to: *address, bytes: outbox.bytes(span).to_vec() }
                        }
                    };
                    let shard = &mut self.shards[i];
                    match send.after_save {
                        Some(or_else) if shard.last_entry > self.decided => {
                            let instead = (!or_else.0.is_empty()).then(|| packet(or_else.0));
                            shard.held.push_back((shard.last_entry, packet(send.bytes), instead));
                        }
                        // As `server::shard::drain`: what failed is in a snapshot once the journal is open again.
                        Some(or_else)
                            if self.catch_up_at_us.is_some() && has(&self.failed, shard.last_entry) =>
                        {
                            self.outgoing.extend((!or_else.0.is_empty()).then(|| packet(or_else.0)));
                        }
                        Some(_) | None => self.outgoing.push(packet(send.bytes)),
                    }
                }
                Output::Publish(event) => {
                    if let coeur_exchange::event::Event::Notice { text, .. } = event {
                        self.notices.push(text.into());
                    }
                }
                Output::Resolve { .. }
                | Output::Media(_)
                | Output::Told(..)
                | Output::Push(_)
                | Output::Close(_) => {}
            }
        }
        outbox.clear();
        self.shards[i].outbox = outbox;
    }

    fn decide_group(&mut self, now_us: u64) {
        self.group_at_us = None;
        let first = self.decided + 1;
        self.decided += self.waiting.len() as u64;
        let lost = self.disk_full || self.catch_up_at_us.is_some();
        if lost {
            self.failed.push((first, self.decided));
            self.waiting.clear();
            self.catch_up_at_us.get_or_insert(now_us + 1_000_000);
            self.world.storage_writable.store(false, Ordering::Relaxed);
        } else {
            self.durable.append(&mut self.waiting);
            self.world.bindings.set_saved_up_to(self.world.bindings.version());
        }
        for shard in &mut self.shards {
            while shard.held.front().is_some_and(|(entry, _, _)| *entry <= self.decided) {
                let Some((_, packet, instead)) = shard.held.pop_front() else { break };
                self.outgoing.extend(if lost { instead } else { Some(packet) });
            }
        }
    }

    /// Contacts at which this user is reached now.
    pub fn contacts(&self, user: &str, now_us: u64) -> Vec<String> {
        let mut targets = Vec::new();
        let now = self.now(now_us).monotonic;
        self.world.bindings.lookup(user.as_bytes(), DOMAIN.as_bytes(), now, &mut targets);
        targets.iter().map(|t| String::from_utf8_lossy(&t.uri).into_owned()).collect()
    }

    /// Transactions and response contexts that are still held, all shards together.
    pub fn transactions(&self) -> usize {
        self.shards.iter().map(|s| s.exchange.transactions()).sum()
    }
}

fn has(groups: &[(u64, u64)], entry: u64) -> bool {
    groups.iter().any(|(first, last)| (*first..=*last).contains(&entry))
}

/// A response belongs to the shard that our branch names, a request inside a call of ours to the one of its tag.
fn shard_of(message: &coeur_sip::Message<'_>) -> Option<usize> {
    let shard = match message.is_response() {
        true => coeur_exchange::shard_of_branch(message.via().ok()?.branch?),
        false => coeur_exchange::shard_of_request(message),
    };
    shard.map(|shard| shard.0 as usize)
}

fn world(address: SocketAddr, users: &[(String, String)], secrets: [u8; 32]) -> World {
    let directory = Directory::new();
    directory.apply(&Change::DomainAdded(Domain::new(DOMAIN))).expect("an empty directory takes a domain");
    for (i, (user, secret)) in users.iter().enumerate() {
        let aor = Aor::new(user, DOMAIN).expect("the simulator makes valid names");
        let mut account = Account::new(AccountId(i as u64 + 1), aor);
        let ha1 = Ha1Set::of_secret(user, DOMAIN, secret);
        account.devices =
            Box::new([Device::new(DeviceId(i as u64 + 1), "phone", ha1, AlgorithmPolicy::Auto, 0)]);
        directory.apply(&Change::AccountAdded(Box::new(account))).expect("names are different");
    }
    let keys = Secrets { nonce: secrets, route: secrets, gruu: secrets };
    World {
        directory,
        bindings: Bindings::new(),
        listeners: vec![Listener {
            id: ListenerId(0),
            transport: Transport::Udp,
            bound: address,
            sent_by: address.to_string().into_boxed_str(),
        }],
        machine: coeur_exchange::machine::Machine::default(),
        guard: coeur_exchange::guard::Shared::new(&keys),
        kept_calls: coeur_exchange::kept_calls::KeptCalls::new(&keys),
        secrets: keys,
        settings: Settings::default(),
        storage_writable: AtomicBool::new(true),
        waiting: Default::default(),
        vouched: Default::default(),
        push_pace: Default::default(),
    }
}
