//! One real exchange with real bytes in and out and a clock that is driven, which judges everything that leaves it:
//!
//! - what leaves can be read as SIP, and what is saved can be recovered;
//! - an ACK is never answered (RFC 3261 section 17.1.1.3);
//! - a request other than INVITE gets at most one final answer each time it comes (section 17.2.2);
//! - a deadline that was served is in the future.

use coeur_directory::{
    Account, AccountId, AlgorithmPolicy, Aor, Change, Device, DeviceId, Directory, Domain, Ha1Set,
    PickupGroups,
};
use coeur_exchange::Exchange;
use coeur_exchange::bindings::Bindings;
use coeur_exchange::flow::{ConnectionId, Flow, Hop, ListenerId, ShardId};
use coeur_exchange::input::{Command, Input, MediaEvent};
use coeur_exchange::kept_calls::KeptCalls;
use coeur_exchange::media::StreamAddress;
use coeur_exchange::outbox::{MediaCommand, MediaId, Outbox, Output, ResolveToken, SendToken, Span};
use coeur_exchange::record::{Recovery, calls};
use coeur_exchange::world::{Listener, Secrets, Settings, World};
use coeur_sip::resolve::Query;
use coeur_sip::time::{Monotonic, Now, Wall};
use coeur_sip::transport::Transport;
use coeur_sip::{HeaderTable, Limits, Message, Method, StatusCode};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub const DOMAIN: &str = "fuzz.test";
pub const USERS: &[&str] = &["alice", "bob", "carol"];

/// Somebody who has no account.
pub const STRANGER: Flow = udp([203, 0, 113, 9], 5060);

pub const fn udp(address: [u8; 4], port: u16) -> Flow {
    let [a, b, c, d] = address;
    Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        connection: ConnectionId::NONE,
        remote: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port)),
    }
}

/// A flow of the listener of this stream transport.
pub fn stream(transport: Transport, address: [u8; 4], serial: u64) -> Flow {
    let listener = ListenerId(if transport == Transport::Tcp { 1 } else { 2 });
    let connection = ConnectionId::new(ShardId(0), serial);
    Flow { transport, listener, connection, ..udp(address, 40_000 + serial as u16) }
}

pub fn secret_of(user: &str) -> String {
    format!("secret of {user}")
}

/// One message that left.
pub struct Sent {
    pub hop: Hop,
    pub bytes: Vec<u8>,
    pub token: Option<SendToken>,
    /// `None` for a request.
    pub status: Option<u16>,
}

impl Sent {
    pub fn to(&self) -> SocketAddr {
        match &self.hop {
            Hop::Flow(flow) => flow.remote,
            Hop::Address { address, .. } => *address,
        }
    }
}

/// How often a request came, and how often it was answered finally.
#[derive(Default)]
struct Tally {
    came: usize,
    answered: usize,
    /// Its answers are repeated until the ACK, so they are not counted.
    invite: bool,
}

pub struct Desk {
    pub world: World,
    exchange: Exchange,
    pub now: Now,
    outbox: Outbox,
    /// Whatever was saved, recovered.
    shadow: Bindings,
    serial: u64,
    tallies: BTreeMap<Vec<u8>, Tally>,
    pub resolving: Vec<(ResolveToken, Query)>,
    /// Endpoints that were asked for, with their streams.
    pub endpoints: Vec<(MediaId, usize)>,
    /// Of these what was asked for and not answered; nobody need take it.
    pub to_open: Vec<(MediaId, usize)>,
    /// Which endpoint is connected with which, both ways, and where the peer of each hears.
    connected: BTreeMap<MediaId, MediaId>,
    heard_at: BTreeMap<MediaId, SocketAddr>,
    /// Whose media is to be told.
    pub kept: Vec<MediaId>,
    /// What the journal has of calls.
    calls: calls::Recovery,
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    pub fn new() -> Self {
        Self::with_users(USERS.iter().copied())
    }

    /// With these accounts instead of [`USERS`].
    pub fn with_users<'u>(users: impl Iterator<Item = &'u str>) -> Self {
        let world = world(users);
        Self {
            exchange: Exchange::new(ShardId(0), [9; 32], &world),
            world,
            now: Now::new(Monotonic::from_secs(1), Wall::from_secs(1_800_000_000)),
            outbox: Outbox::default(),
            shadow: Bindings::new(),
            serial: 0,
            tallies: BTreeMap::new(),
            resolving: Vec::new(),
            endpoints: Vec::new(),
            to_open: Vec::new(),
            connected: BTreeMap::new(),
            heard_at: BTreeMap::new(),
            kept: Vec::new(),
            calls: calls::Recovery::default(),
        }
    }

    /// Never the same number twice.
    pub fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Hands in a datagram, or what a stream was cut into.
    pub fn receive(&mut self, flow: Flow, bytes: &[u8]) -> Vec<Sent> {
        let mut table = HeaderTable::new();
        match coeur_sip::parse(bytes, &mut table, &Limits::default()) {
            Ok(message) => {
                self.came(&message);
                let sent = self.handle(Input::Received { flow, message: &message });
                if message.is_request() && message.method() == Method::Ack {
                    assert!(sent.iter().all(|sent| sent.status.is_none()), "an ACK was answered");
                }
                sent
            }
            Err(error) => {
                let sent = self.hand(Input::Malformed { flow, error: &error });
                assert!(sent.len() <= 1 && sent.iter().all(|sent| sent.status.is_some()));
                assert!(sent.is_empty() || !bytes.starts_with(b"ACK "), "an ACK was answered");
                sent
            }
        }
    }

    pub fn handle(&mut self, input: Input<'_>) -> Vec<Sent> {
        let sent = self.hand(input);
        for each in &sent {
            self.left(each);
        }
        sent
    }

    fn hand(&mut self, input: Input<'_>) -> Vec<Sent> {
        let ticked = matches!(input, Input::Ticked);
        let mut outbox = std::mem::take(&mut self.outbox);
        self.exchange.handle(self.now, &self.world, input, &mut outbox);
        let sent = self.take(outbox);
        if ticked {
            let next = self.exchange.next_deadline();
            assert!(next.is_none_or(|next| next > self.now.monotonic), "a deadline stands still: {next:?}");
        }
        sent
    }

    /// What is to be done.
    fn take(&mut self, mut outbox: Outbox) -> Vec<Sent> {
        let mut sent = Vec::new();
        for output in std::mem::take(&mut outbox.outputs) {
            match output {
                Output::Send(send) => {
                    if let Some(or_else) = send.after_save.filter(|or_else| !or_else.0.is_empty()) {
                        status_of(outbox.bytes(or_else.0));
                    }
                    let bytes = outbox.bytes(send.bytes).to_vec();
                    sent.push(Sent { status: status_of(&bytes), hop: send.hop, bytes, token: send.token });
                }
                Output::Save(span) => self.recover(&outbox, span),
                Output::Resolve { token, query } => self.resolving.push((token, query)),
                Output::Media(MediaCommand::Open { id, streams, .. }) => {
                    self.endpoints.push((id, streams.len()));
                    self.to_open.push((id, streams.len()));
                }
                Output::Media(MediaCommand::Restore { id, kept }) => {
                    self.endpoints.push((id, kept.streams.len()));
                }
                Output::Media(MediaCommand::Keep { id }) => self.kept.push(id),
                Output::Media(MediaCommand::Close { id }) => {
                    self.endpoints.retain(|(open, _)| *open != id);
                    self.disconnect(id);
                }
                Output::Media(MediaCommand::Describe { id, peer }) => {
                    self.heard_at.extend(peer.streams.iter().flatten().map(|stream| (id, stream.rtp)));
                }
                Output::Media(MediaCommand::Connect { a, b, .. }) => {
                    [a, b].into_iter().for_each(|id| self.disconnect(id));
                    self.connected.extend([(a, b), (b, a)]);
                }
                Output::Media(MediaCommand::Serve { id, .. } | MediaCommand::Disconnect { id }) => {
                    self.disconnect(id);
                }
                Output::Media(
                    MediaCommand::Play { .. }
                    | MediaCommand::Prompt { .. }
                    | MediaCommand::Tape { .. }
                    | MediaCommand::Press { .. }
                    | MediaCommand::Report { .. },
                )
                | Output::Publish(_)
                | Output::Told(..)
                | Output::Push(_)
                | Output::Close(_) => {}
            }
        }
        outbox.clear();
        self.outbox = outbox;
        sent
    }

    fn disconnect(&mut self, id: MediaId) {
        if let Some(other) = self.connected.remove(&id) {
            self.connected.remove(&other);
        }
    }

    /// Who hears whom, by where they hear.
    pub fn linked(&self) -> BTreeSet<(SocketAddr, SocketAddr)> {
        let place = |id| self.heard_at.get(id).copied();
        let pairs = self.connected.iter().filter(|(a, b)| a < b);
        pairs.filter_map(|(a, b)| Some((place(a)?, place(b)?))).collect()
    }

    fn recover(&mut self, outbox: &Outbox, span: Span) {
        let entry = outbox.bytes(span);
        let applied = match calls::is_of_calls(entry) {
            true => self.calls.apply(entry),
            false => Recovery::new(&self.shadow, &self.world.listeners, self.now).apply(entry),
        };
        applied.expect("what is saved can be recovered");
    }

    fn came(&mut self, message: &Message<'_>) {
        if message.is_response() || message.method() == Method::Ack {
            return;
        }
        let Some(branch) = branch_of(message) else { return };
        let tally = self.tallies.entry(branch).or_default();
        tally.came += 1;
        tally.invite |= matches!(message.method(), Method::Invite | Method::Cancel);
    }

    fn left(&mut self, sent: &Sent) {
        if sent.status.is_none_or(|status| status < 200) {
            return;
        }
        let mut table = HeaderTable::new();
        let message = coeur_sip::parse(&sent.bytes, &mut table, &Limits::default()).expect("read before");
        let Some(tally) = branch_of(&message).and_then(|branch| self.tallies.get_mut(&branch)) else {
            return;
        };
        tally.answered += 1;
        assert!(
            tally.invite || tally.answered <= tally.came,
            "came {} times, answered {} times: {}",
            tally.came,
            tally.answered,
            String::from_utf8_lossy(&sent.bytes)
        );
    }

    pub fn wait_ms(&mut self, milliseconds: u64) {
        self.now = self.now + Duration::from_millis(milliseconds);
    }

    /// Lets time pass and serves every deadline in it.
    pub fn pass(&mut self, milliseconds: u64) -> Vec<Sent> {
        let (start, mut sent) = (self.now, Vec::new());
        let end = start.monotonic + Duration::from_millis(milliseconds);
        while let Some(next) = self.exchange.next_deadline().filter(|next| *next <= end) {
            let ahead = self.now.monotonic.until(next);
            self.now = self.now + ahead;
            sent.extend(self.handle(Input::Ticked));
        }
        let ahead = self.now.monotonic.until(end);
        self.now = self.now + ahead;
        sent
    }

    /// Ten minutes in which nobody says anything: whatever was under way has ended.
    pub fn rest(&mut self) {
        while let Some((token, query)) = self.resolving.pop() {
            let outcome = coeur_sip::resolve::Outcome::Failed;
            let answer = coeur_sip::resolve::Answer { query, outcome };
            self.handle(Input::Resolved { token, answer: &answer });
        }
        self.pass(600_000);
        assert_eq!(self.exchange.transactions(), 0, "transactions are left at rest");
    }

    /// The process is killed, and another takes its calls up: all that was kept can be read.
    pub fn crash(&mut self) -> Vec<Sent> {
        self.exchange = Exchange::new(ShardId(0), [10; 32], &self.world);
        self.world.guard = coeur_exchange::guard::Shared::new(&self.world.secrets);
        self.world.kept_calls = KeptCalls::new(&self.world.secrets);
        self.world.waiting = Default::default();
        self.endpoints.clear();
        self.to_open.clear();
        self.connected.clear();
        self.heard_at.clear();
        self.kept.clear();
        self.resolving.clear();
        let kept = std::mem::take(&mut self.calls).finish(&self.world.kept_calls, 1, self.now);
        assert_eq!(kept.unreadable, 0, "what was kept can be read");
        let mut outbox = Outbox::default();
        self.exchange.restore(self.now, &self.world, &kept.calls[0], &mut outbox);
        self.take(outbox)
    }

    /// Every call is ended, and nothing is left of any.
    pub fn end_calls(&mut self) {
        self.handle(Input::Told(Command::Drain));
        self.rest();
        let calls = self.exchange.calls();
        assert_eq!((calls.calls(), calls.legs(), self.world.waiting.count()), (0, 0, 0), "calls are left");
        assert_eq!(self.endpoints, [], "ports are left");
        assert_eq!(self.world.kept_calls.count().0, 0, "calls are kept that are over");
    }

    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

/// The media plane has opened this.
pub fn opened(id: MediaId, streams: usize) -> MediaEvent {
    let at = ([192, 0, 2, 1], 20_000).into();
    let address = || Some(StreamAddress { rtp: at, rtcp: at, others: Box::default() });
    MediaEvent::Opened { id, streams: (0..streams).map(|_| address()).collect(), fingerprint: None }
}

/// The status of an answer; it must be readable.
fn status_of(bytes: &[u8]) -> Option<u16> {
    let mut table = HeaderTable::new();
    match coeur_sip::parse(bytes, &mut table, &Limits::default()) {
        Ok(message) => message.status().map(StatusCode::code),
        // An answer to what could not be read repeats what it was, and need be no better.
        Err(error) => {
            assert!(bytes.starts_with(b"SIP/2.0 "), "{error:?}: {}", String::from_utf8_lossy(bytes));
            std::str::from_utf8(bytes.get(8..11)?).ok()?.parse().ok()
        }
    }
}

fn branch_of(message: &Message<'_>) -> Option<Vec<u8>> {
    message.via().ok()?.branch.map(<[u8]>::to_vec)
}

fn world<'u>(users: impl Iterator<Item = &'u str>) -> World {
    let directory = Directory::new();
    directory.apply(&Change::DomainAdded(Domain::new(DOMAIN))).expect("an empty directory takes a domain");
    for (at, user) in users.enumerate() {
        let id = at as u64 + 1;
        let mut account = Account::new(AccountId(id), Aor::new(user, DOMAIN).expect("a valid name"));
        let ha1 = Ha1Set::of_secret(user, DOMAIN, &secret_of(user));
        account.picked_up = true;
        account.pickup_groups = PickupGroups::parse("office").expect("a name");
        account.devices = Box::new([Device::new(DeviceId(id), "phone", ha1, AlgorithmPolicy::Auto, 0)]);
        directory.apply(&Change::AccountAdded(Box::new(account))).expect("names are different");
    }
    let keys = Secrets { nonce: [1; 32], route: [2; 32], gruu: [3; 32] };
    let listener = |id, transport, port: u16| Listener {
        id: ListenerId(id),
        transport,
        bound: ([192, 0, 2, 1], port).into(),
        sent_by: format!("192.0.2.1:{port}").into(),
    };
    World {
        directory,
        bindings: Bindings::new(),
        listeners: vec![
            listener(0, Transport::Udp, 5060),
            listener(1, Transport::Tcp, 5060),
            listener(2, Transport::Ws, 5062),
        ],
        machine: coeur_exchange::machine::Machine::default(),
        guard: coeur_exchange::guard::Shared::new(&keys),
        kept_calls: KeptCalls::new(&keys),
        secrets: keys,
        settings: Settings { response_memory_bytes: 1 << 20, ..Settings::default() },
        storage_writable: AtomicBool::new(true),
        waiting: Default::default(),
        vouched: Default::default(),
        push_pace: Default::default(),
    }
}
