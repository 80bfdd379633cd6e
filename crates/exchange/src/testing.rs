//! A server in a box for tests: real bytes in, real bytes out, a clock that is driven.

use crate::Exchange;
use crate::call_record::{Ticket, Told};
use crate::event::Event;
use crate::flow::{ConnectionId, Flow, Hop, ListenerId, ShardId};
use crate::guard::Shared;
use crate::input::{Input, MediaEvent};
use crate::machine::Machine;
use crate::outbox::{MediaCommand, Outbox, Output, ResolveToken, SendToken};
use crate::world::{Listener, Secrets, Settings, World};
use coeur_directory::{
    Account, AccountId, AlgorithmPolicy, Aor, Change, Device, DeviceId, Directory, Domain, Ha1Set,
};
use coeur_sip::digest::{Algorithm, Challenge, Ha1, Session, challenges};
use coeur_sip::message::{HeaderTable, Message};
use coeur_sip::resolve::Query;
use coeur_sip::time::{Monotonic, Now, Wall};
use coeur_sip::transport::Transport;
use coeur_sip::{HeaderName, Limits, Method};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub const DOMAIN: &str = "example.org";

/// A world with the domain `example.org`, accounts alice, bob and carol whose secrets are `secret of <name>`, and a
/// listener on 192.0.2.1:5060 for UDP (0) and TCP (1).
pub fn world() -> World {
    world_with(Domain::new(DOMAIN))
}

/// Adds the domain `example.net` with the account dave.
pub fn add_dave_elsewhere(world: &World) -> AccountId {
    let dave = AccountId(9);
    apply(world, Change::DomainAdded(Domain::new("example.net")));
    let account = Account::new(dave, Aor::new("dave", "example.net").expect("a name"));
    apply(world, Change::AccountAdded(Box::new(account)));
    dave
}

pub fn world_with(domain: Domain) -> World {
    let secrets = Secrets { nonce: [1; 32], route: [2; 32], gruu: [3; 32] };
    let bound = "192.0.2.1:5060".parse().expect("a socket address");
    let listener =
        |id, transport| Listener { id: ListenerId(id), transport, bound, sent_by: "192.0.2.1:5060".into() };
    let world = World {
        directory: Directory::new(),
        bindings: crate::bindings::Bindings::new(),
        listeners: vec![listener(0, Transport::Udp), listener(1, Transport::Tcp)],
        machine: Machine::default(),
        guard: Shared::new(&secrets),
        kept_calls: crate::kept_calls::KeptCalls::new(&secrets),
        secrets,
        settings: Settings::default(),
        storage_writable: AtomicBool::new(true),
        waiting: Default::default(),
        vouched: Default::default(),
        push_pace: Default::default(),
    };
    apply(&world, Change::DomainAdded(domain));
    for (at, user) in ["alice", "bob", "carol"].into_iter().enumerate() {
        let id = at as u64 + 1;
        let mut account = Account::new(AccountId(id), aor(user));
        account.devices = Box::new([device(id * 100, user, &secret_of(user))]);
        apply(&world, Change::AccountAdded(Box::new(account)));
    }
    world
}

pub fn apply(world: &World, change: Change) {
    world.directory.apply(&change).expect("a change that can be");
}

pub fn aor(user: &str) -> Aor {
    Aor::new(user, DOMAIN).expect("an address")
}

pub fn secret_of(user: &str) -> String {
    format!("secret of {user}")
}

pub fn device(id: u64, user: &str, secret: &str) -> Device {
    let ha1 = Ha1Set::of_secret(user, DOMAIN, secret);
    Device::new(DeviceId(id), "phone", ha1, AlgorithmPolicy::Auto, 0)
}

pub fn udp(remote: &str) -> Flow {
    let remote = remote.parse().expect("a socket address");
    Flow { transport: Transport::Udp, listener: ListenerId(0), connection: ConnectionId::NONE, remote }
}

pub fn tcp(remote: &str, serial: u64) -> Flow {
    let connection = ConnectionId::new(ShardId(0), serial);
    Flow { transport: Transport::Tcp, listener: ListenerId(1), connection, ..udp(remote) }
}

/// One thing that left.
#[derive(Clone, Debug)]
pub struct Sent {
    pub hop: Hop,
    pub bytes: Vec<u8>,
    pub after_save: bool,
    /// Of a request: who hears that it could not be sent.
    pub token: Option<SendToken>,
}

impl Sent {
    /// The status of an answer; 0 for a request.
    pub fn status(&self) -> u16 {
        self.read(|message| message.status().map_or(0, |status| status.code()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn read<R>(&self, look: impl FnOnce(&Message<'_>) -> R) -> R {
        let mut table = HeaderTable::new();
        look(
            &coeur_sip::parse(&self.bytes, &mut table, &Limits::default()).expect("what we send can be read"),
        )
    }

    /// The algorithms of the challenges, in order.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        self.challenge_values()
            .iter()
            .flat_map(|value| challenges(value))
            .flatten()
            .map(|c| c.algorithm)
            .collect()
    }

    pub fn is_stale(&self) -> bool {
        self.challenge_values().iter().flat_map(|value| challenges(value)).flatten().any(|c| c.stale)
    }

    fn challenge_values(&self) -> Vec<Vec<u8>> {
        self.read(|message| {
            let www = message.headers_of(HeaderName::WwwAuthenticate);
            www.chain(message.headers_of(HeaderName::ProxyAuthenticate)).map(|h| h.value.to_vec()).collect()
        })
    }
}

/// A world, one exchange, and the time.
pub struct Office {
    pub world: World,
    pub exchange: Exchange,
    /// A second shard of the same world, and the flows whose messages arrive there.
    pub second: Option<(Exchange, Vec<Flow>)>,
    pub now: Now,
    /// What was published since the last look.
    pub events: Vec<Event>,
    /// What is asked of the DNS and not answered yet.
    pub asked: Vec<(ResolveToken, Query)>,
    pub media: Vec<MediaCommand>,
    /// Answers to questions about calls.
    pub told: Vec<(Ticket, Told)>,
    /// Devices that are to be woken.
    pub pushed: Vec<crate::push::Wake>,
    /// Entries of the journal.
    pub saved: Vec<Vec<u8>>,
}

impl Default for Office {
    fn default() -> Self {
        Self::new()
    }
}

impl Office {
    pub fn new() -> Self {
        Self::in_world(world())
    }

    pub fn in_world(world: World) -> Self {
        let exchange = Exchange::new(ShardId(0), [9; 32], &world);
        let now = Now::new(Monotonic::from_secs(1), Wall::from_secs(1_800_000_000));
        Self {
            world,
            exchange,
            second: None,
            now,
            events: Vec::new(),
            asked: Vec::new(),
            media: Vec::new(),
            told: Vec::new(),
            pushed: Vec::new(),
            saved: Vec::new(),
        }
    }

    /// From now on there are two shards; what comes over these flows arrives at the second.
    pub fn divide(&mut self, flows: &[Flow]) {
        self.second = Some((Exchange::new(ShardId(1), [10; 32], &self.world), flows.to_vec()));
    }

    /// When the first of the shards wants to be woken.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        let second = self.second.as_ref().and_then(|(exchange, _)| exchange.next_deadline());
        self.exchange.next_deadline().into_iter().chain(second).min()
    }

    /// As the loop of the server finds the owner of a message (decision 0012).
    fn owner(&self, flow: &Flow, message: &Message<'_>) -> ShardId {
        let branch = || message.via().ok()?.branch.and_then(crate::call::shard_of_branch);
        let named = match message.is_response() {
            true => branch(),
            false => crate::call::shard_of_request(message),
        };
        let (second, flows) = self.second.as_ref().expect("two shards");
        let other = flows.contains(flow) || *flow == Flow::inside(ShardId(0));
        // Decision 0040: of two, the other one is asked, and it is the last.
        let misses = if other { second } else { &self.exchange }.misses_invite(message);
        named.filter(|shard| shard.0 < 2).unwrap_or(ShardId(u8::from(other != misses)))
    }

    pub fn wait(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    /// Hands bytes in as one message and gives back what left.
    pub fn receive(&mut self, flow: Flow, bytes: &[u8]) -> Vec<Sent> {
        let mut table = HeaderTable::new();
        match coeur_sip::parse(bytes, &mut table, &Limits::default()) {
            Ok(message) => self.handle(Input::Received { flow, message: &message }),
            Err(error) => self.handle(Input::Malformed { flow, error: &error }),
        }
    }

    /// As [`Office::receive`], for what draws exactly one answer.
    pub fn answer(&mut self, flow: Flow, bytes: &[u8]) -> Sent {
        let mut sent = self.receive(flow, bytes);
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    pub fn handle(&mut self, input: Input<'_>) -> Vec<Sent> {
        if self.second.is_none() {
            return self.handle_at(ShardId(0), input);
        }
        let mut sent = match &input {
            Input::Received { flow, message } => self.handle_at(self.owner(flow, message), input),
            Input::MediaEvent(MediaEvent::Opened { id, .. } | MediaEvent::OpenFailed { id }) => {
                self.handle_at(id.shard(), input)
            }
            Input::Ticked => {
                [0, 1].into_iter().flat_map(|s| self.handle_at(ShardId(s), Input::Ticked)).collect()
            }
            _ => self.handle_at(ShardId(0), input),
        };
        // What goes from shard to shard arrives at once.
        while let Some(at) =
            sent.iter().position(|sent| matches!(sent.hop, Hop::Flow(flow) if flow.is_inside()))
        {
            let passed = sent.remove(at);
            let Hop::Flow(to) = passed.hop else { continue };
            let from = Flow::inside(ShardId(1 - to.connection.shard().0));
            sent.extend(self.receive(from, &passed.bytes));
        }
        sent
    }

    fn handle_at(&mut self, shard: ShardId, input: Input<'_>) -> Vec<Sent> {
        let mut outbox = Outbox::default();
        let exchange = match (&mut self.second, shard) {
            (Some((second, _)), ShardId(1)) => second,
            _ => &mut self.exchange,
        };
        exchange.handle(self.now, &self.world, input, &mut outbox);
        let mut sent = Vec::new();
        for output in std::mem::take(&mut outbox.outputs) {
            match output {
                Output::Send(send) => sent.push(Sent {
                    hop: send.hop,
                    bytes: outbox.bytes(send.bytes).to_vec(),
                    after_save: send.after_save.is_some(),
                    token: send.token,
                }),
                Output::Publish(event) => self.events.push(event),
                Output::Resolve { token, query } => self.asked.push((token, query)),
                Output::Media(command) => self.media.push(command),
                Output::Told(ticket, told) => self.told.push((ticket, told)),
                Output::Save(span) => self.saved.push(outbox.bytes(span).to_vec()),
                Output::Push(wake) => self.pushed.push(*wake),
                Output::Close(_) => {}
            }
        }
        sent
    }

    /// Registers a phone, answering the challenge, and gives back the last answer.
    pub fn register(&mut self, phone: &mut Phone) -> Sent {
        let bare = phone.request(Method::Register, "sip:example.org", "");
        let challenge = self.answer(phone.flow, &bare);
        let request = phone.answer(&challenge, Method::Register, "sip:example.org", "");
        self.answer(phone.flow, &request)
    }
}

/// Something that speaks for a user: writes requests and answers challenges.
pub struct Phone {
    pub user: String,
    pub secret: String,
    pub flow: Flow,
    pub user_agent: String,
    /// The algorithms it understands, best last.
    pub algorithms: Vec<Algorithm>,
    pub cseq: u32,
    /// The URI of its Contact; empty: its address.
    pub contact: String,
    /// Behind the URI of its Contact: `;reg-id=1` and the like.
    pub contact_params: String,
    /// Part of the Call-ID: another call of the same phone has another.
    pub call: String,
    session: Option<Session>,
}

impl Phone {
    pub fn new(user: &str, flow: Flow) -> Self {
        Self {
            user: user.into(),
            secret: secret_of(user),
            flow,
            user_agent: "testphone".into(),
            algorithms: vec![Algorithm::Md5, Algorithm::Sha256],
            cseq: 0,
            contact: String::new(),
            contact_params: String::new(),
            call: String::new(),
            session: None,
        }
    }

    /// A new request without credentials, `extra` being whole header lines. To is the user itself for REGISTER, else
    /// what the Request-URI says.
    pub fn request(&mut self, method: Method<'_>, uri: &str, extra: &str) -> Vec<u8> {
        self.cseq += 1;
        let to =
            if method == Method::Register { format!("sip:{}@{DOMAIN}", self.user) } else { uri.to_owned() };
        self.write(method, uri, &format!("<{to}>"), extra)
    }

    /// The same with the To value given.
    pub fn write(&self, method: Method<'_>, uri: &str, to: &str, extra: &str) -> Vec<u8> {
        let Self { user, user_agent, cseq, contact_params, call, .. } = self;
        let (remote, transport) = (self.flow.remote, self.flow.transport);
        let contact = match self.contact.as_str() {
            "" => format!("sip:{user}@{remote};transport={}", transport.as_param()),
            contact => contact.to_owned(),
        };
        format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {remote};branch=z9hG4bKbranch{call}{cseq}{method};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{user}@{DOMAIN}>;tag=49583{user}\r\n\
             To: {to}\r\n\
             Call-ID: 843817637684230{user}{call}@998sdasdh09\r\n\
             CSeq: {cseq} {method}\r\n\
             Contact: <{contact}>{contact_params}\r\n\
             User-Agent: {user_agent}\r\n\
             Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,NOTIFY,SUBSCRIBE,INFO,MESSAGE,UPDATE,REFER\r\n\
             {extra}Content-Length: 0\r\n\r\n",
        )
        .into_bytes()
    }

    /// The next request with an answer to this challenge.
    pub fn answer(&mut self, challenge: &Sent, method: Method<'_>, uri: &str, extra: &str) -> Vec<u8> {
        self.read(challenge);
        self.again(method, uri, extra)
    }

    /// Reads a challenge as a client does: the first that it understands.
    pub fn read(&mut self, challenge: &Sent) {
        let values = challenge.challenge_values();
        let understood: Option<Challenge<'_>> = values
            .iter()
            .flat_map(|value| challenges(value))
            .flatten()
            .find(|c| self.algorithms.contains(&c.algorithm));
        self.session = Some(Session::new(&understood.expect("a challenge that it understands")));
    }

    /// A new request with credentials for the nonce in hand, its count one more.
    pub fn again(&mut self, method: Method<'_>, uri: &str, extra: &str) -> Vec<u8> {
        let line = self.credentials(method, uri);
        self.request(method, uri, &format!("{line}{extra}"))
    }

    /// The header line of the next credentials.
    pub fn credentials(&mut self, method: Method<'_>, uri: &str) -> String {
        let session = self.session.as_mut().expect("a challenge was read");
        let algorithm = session.algorithm();
        let ha1 = Ha1::new(algorithm, self.user.as_bytes(), DOMAIN.as_bytes(), self.secret.as_bytes());
        let mut value = Vec::new();
        let (user, random) = (self.user.as_bytes(), [7; 16]);
        session.write_credentials(user, &ha1, method.as_bytes(), uri.as_bytes(), b"", random, &mut value);
        let name = if method == Method::Register { "Authorization" } else { "Proxy-Authorization" };
        format!("{name}: {}\r\n", String::from_utf8(value).expect("credentials are text"))
    }
}

/// Allocations of this thread so far; other tests do not disturb.
pub fn allocations() -> usize {
    ALLOCATIONS.with(Cell::get)
}

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more, and nobody who reads it.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;
