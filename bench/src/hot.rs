//! The hot paths without sockets: `coeur-bench hot PATH COUNT` hands COUNT operations to an exchange in this process, the
//! same bytes that the load generator sends. Only [`serve`] belongs to the server (parse, decide, write); under callgrind
//! with `--toggle-collect` on it the instructions of an operation are counted, which do not vary with the machine.
//! `cargo xtask instructions` does that and compares with the ceilings in `bench/instructions.txt`. What passes through a
//! media worker is in [`relay`], what is kept of what was said in [`trace`].

mod relay;
mod trace;

use coeur_directory::{
    Account, AccountId, AlgorithmPolicy, Aor, Change, Device, DeviceId, Directory, Domain, Ha1Set,
};
use coeur_exchange::Exchange;
use coeur_exchange::bindings::Bindings;
use coeur_exchange::flow::{ConnectionId, Flow, Hop, ListenerId, ShardId};
use coeur_exchange::guard;
use coeur_exchange::input::{Input, MediaEvent};
use coeur_exchange::media::StreamAddress;
use coeur_exchange::outbox::{MediaCommand, Outbox, Output};
use coeur_exchange::world::{CallMode, Listener, Secrets, Settings, World};
use coeur_sip::digest::{Ha1, Session, challenges};
use coeur_sip::message::{HeaderTable, Message};
use coeur_sip::time::{Monotonic, Now, Wall};
use coeur_sip::{HeaderName, Limits, Method, StatusCode, Transport};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const DOMAIN: &str = "bench.test";
const USERS: usize = 1_000;
const USER_AGENT: &str = "sipbench";
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n";

/// The paths that are counted.
pub const PATHS: [&str; 10] = [
    "options",
    "challenge",
    "register",
    "refresh",
    "message",
    "call",
    "b2bua",
    "relay",
    "relay-srtp",
    "trace",
];

pub fn main(args: &[String]) {
    let path = args.first().map_or("", String::as_str);
    let count: usize = args.get(1).and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let Some(path) = PATHS.iter().find(|known| **known == path) else {
        eprintln!("hot wants one of {PATHS:?} and a count");
        std::process::exit(2);
    };
    match *path {
        "relay" => return relay::run(count, false),
        "relay-srtp" => return relay::run(count, true),
        "trace" => return trace::run(count),
        _ => {}
    }
    let mut office = Office::new(if *path == "b2bua" { CallMode::B2bua } else { CallMode::Proxy });
    // Tables, buffers and branch predictors are warm, every user is registered and has a nonce.
    for user in 0..USERS {
        office.operation("register", user, warm);
    }
    for at in 0..USERS {
        office.operation(path, at, warm);
    }
    let began = std::time::Instant::now();
    for at in 0..count {
        office.operation(path, at, serve);
    }
    let each = began.elapsed().as_nanos() / count.max(1) as u128;
    println!("{{\"path\":\"{path}\",\"count\":{count},\"ns_with_client\":{each}}}");
}

/// What callgrind counts.
#[inline(never)]
fn serve(server: &mut Server, word: Word<'_>) {
    // Keeps the compiler from making one function of this and `warm`.
    std::hint::black_box(0);
    server.hear(word);
}

/// The same, not counted.
#[inline(never)]
fn warm(server: &mut Server, word: Word<'_>) {
    server.hear(word);
}

type Receive = fn(&mut Server, Word<'_>);

/// What the server hears.
enum Word<'a> {
    Message(Flow, &'a [u8]),
    Media(MediaEvent),
}

struct Server {
    world: World,
    exchange: Exchange,
    table: HeaderTable,
    limits: Limits,
    outbox: Outbox,
    now: Now,
}

impl Server {
    fn hear(&mut self, word: Word<'_>) {
        match word {
            Word::Message(flow, bytes) => self.receive(flow, bytes),
            Word::Media(event) => {
                self.exchange.handle(self.now, &self.world, Input::MediaEvent(event), &mut self.outbox);
            }
        }
    }

    fn receive(&mut self, flow: Flow, bytes: &[u8]) {
        match coeur_sip::parse(bytes, &mut self.table, &self.limits) {
            Ok(message) => {
                let input = Input::Received { flow, message: &message };
                self.exchange.handle(self.now, &self.world, input, &mut self.outbox);
            }
            Err(error) => panic!("{error:?}: {}", String::from_utf8_lossy(bytes)),
        }
    }
}

struct Office {
    server: Server,
    sessions: Vec<Option<Session>>,
    cseq: u32,
    sent: Vec<(SocketAddr, Vec<u8>)>,
    /// What the media plane, which is nobody here, is to say.
    told: Vec<MediaEvent>,
}

impl Office {
    fn new(calls: CallMode) -> Self {
        let world = world(calls);
        let exchange = Exchange::new(ShardId(0), [9; 32], &world);
        let now = Now::new(Monotonic::from_secs(1), Wall::from_secs(1_800_000_000));
        let (table, limits) = (HeaderTable::new(), Limits::default());
        let server = Server { world, exchange, table, limits, outbox: Outbox::default(), now };
        Self {
            server,
            sessions: (0..USERS).map(|_| None).collect(),
            cseq: 0,
            sent: Vec::new(),
            told: Vec::new(),
        }
    }

    fn operation(&mut self, path: &str, at: usize, receive: Receive) {
        // 20,000 operations in a second: timers run as they would.
        self.server.now = self.server.now + Duration::from_micros(50);
        if self.server.exchange.next_deadline().is_some_and(|due| due.is_due(self.server.now.monotonic)) {
            self.server.exchange.handle(
                self.server.now,
                &self.server.world,
                Input::Ticked,
                &mut self.server.outbox,
            );
            self.collect();
        }
        self.sent.clear();
        let user = at % USERS;
        match path {
            "options" => {
                let request = self.request(Method::Options, user, None, "");
                self.expect(user, &request, &[200], receive);
            }
            "challenge" => {
                let request = self.request(Method::Register, user, None, "");
                self.expect(user, &request, &[401], receive);
            }
            "register" => self.register(user, receive),
            "refresh" => {
                let request = self.request(Method::Register, user, Some(user), "");
                self.expect(user, &request, &[200], receive);
            }
            "message" => self.message(user, receive),
            "b2bua" => self.b2bua(user, receive),
            _ => self.call(user, receive),
        }
    }

    fn register(&mut self, user: usize, receive: Receive) {
        let bare = self.request(Method::Register, user, None, "");
        self.expect(user, &bare, &[401], receive);
        self.read_challenge(user);
        let request = self.request(Method::Register, user, Some(user), "");
        self.expect(user, &request, &[200], receive);
    }

    fn message(&mut self, user: usize, receive: Receive) {
        let request =
            self.request(Method::Message, user, Some(user), "hello, hello, hello, hello, hello, hello");
        self.deliver(user, &request, receive);
        let (to, forwarded) = self.take_request();
        let answer = answer(&forwarded, StatusCode::OK, "");
        self.deliver_from(to, &answer, receive);
        self.expect_sent(&[200]);
    }

    fn call(&mut self, user: usize, receive: Receive) {
        let request = self.request(Method::Invite, user, Some(user), OFFER);
        self.deliver(user, &request, receive);
        let (callee, invite) = self.take_request();
        self.expect_sent(&[100]);
        self.deliver_from(callee, &answer(&invite, StatusCode::RINGING, ""), receive);
        self.expect_sent(&[180]);
        self.deliver_from(callee, &answer(&invite, StatusCode::OK, OFFER), receive);
        let ok = self.sent.pop().expect("the 200").1;
        let ack = within_dialog(&ok, Method::Ack, self.cseq);
        self.deliver(user, &ack, receive);
        self.take_request();
        let bye = within_dialog(&ok, Method::Bye, self.cseq + 1);
        self.cseq += 1;
        self.deliver(user, &bye, receive);
        let (callee, bye) = self.take_request();
        self.deliver_from(callee, &answer(&bye, StatusCode::OK, ""), receive);
        self.expect_sent(&[200]);
    }

    /// The same call over two legs: the ACK of the callee's leg is ours, and BYE is answered at once.
    fn b2bua(&mut self, user: usize, receive: Receive) {
        let request = self.request(Method::Invite, user, Some(user), OFFER);
        self.deliver(user, &request, receive);
        let (callee, invite) = self.take_request();
        self.expect_sent(&[100]);
        self.deliver_from(callee, &answer(&invite, StatusCode::RINGING, ""), receive);
        self.expect_sent(&[180]);
        self.deliver_from(callee, &answer(&invite, StatusCode::OK, OFFER), receive);
        self.take_request();
        let ok = self.sent.pop().expect("the 200").1;
        let ack = within_dialog(&ok, Method::Ack, self.cseq);
        self.deliver(user, &ack, receive);
        let bye = within_dialog(&ok, Method::Bye, self.cseq + 1);
        self.cseq += 1;
        self.deliver(user, &bye, receive);
        let (callee, bye) = self.take_request();
        self.expect_sent(&[200]);
        self.deliver_from(callee, &answer(&bye, StatusCode::OK, ""), receive);
    }

    /// The request of the load generator, to the next user or to the server.
    fn request(
        &mut self,
        method: Method<'static>,
        user: usize,
        credentials: Option<usize>,
        body: &str,
    ) -> Vec<u8> {
        self.cseq += 1;
        let (name, peer, cseq, from) = (name(user), name((user + 1) % USERS), self.cseq, address(user));
        let uri = match method {
            Method::Register | Method::Options => format!("sip:{DOMAIN}"),
            _ => format!("sip:{peer}@{DOMAIN}"),
        };
        let (to, call_id) = match method {
            Method::Register => (format!("sip:{name}@{DOMAIN}"), format!("{user:08x}@bench")),
            _ => (uri.clone(), format!("{user:08x}-{cseq:x}@bench")),
        };
        let contact = match method {
            Method::Register => format!("Contact: <sip:{name}@{from}>\r\nExpires: 3600\r\n"),
            Method::Invite => format!("Contact: <sip:{name}@{from}>\r\n"),
            _ => String::new(),
        };
        let authorization = credentials.map_or(String::new(), |user| self.credentials(user, method, &uri));
        let kind = match method {
            Method::Invite => "Content-Type: application/sdp\r\n",
            Method::Message => "Content-Type: text/plain\r\n",
            _ => "",
        };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};rport;branch=z9hG4bK-{user:08x}-{cseq:08x}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{name}@{DOMAIN}>;tag=f{cseq:x}\r\nTo: <{to}>\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\n{contact}User-Agent: {USER_AGENT}\r\n{authorization}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    fn credentials(&mut self, user: usize, method: Method<'_>, uri: &str) -> String {
        let session = self.sessions[user].as_mut().expect("a challenge was read");
        let name = name(user);
        let secret = format!("pw-{name}");
        let ha1 = Ha1::new(session.algorithm(), name.as_bytes(), DOMAIN.as_bytes(), secret.as_bytes());
        let mut value = Vec::new();
        session.write_credentials(
            name.as_bytes(),
            &ha1,
            method.as_bytes(),
            uri.as_bytes(),
            b"",
            [7; 16],
            &mut value,
        );
        let header = if method == Method::Register { "Authorization" } else { "Proxy-Authorization" };
        format!("{header}: {}\r\n", String::from_utf8_lossy(&value))
    }

    fn read_challenge(&mut self, user: usize) {
        let (_, bytes) = self.sent.pop().expect("a challenge");
        read(&bytes, |message| {
            let value = message.header(HeaderName::WwwAuthenticate).expect("a challenge");
            let challenge = challenges(value).flatten().next().expect("a challenge that can be read");
            self.sessions[user] = Some(Session::new(&challenge));
        });
    }

    fn expect(&mut self, user: usize, bytes: &[u8], statuses: &[u16], receive: Receive) {
        self.deliver(user, bytes, receive);
        self.check(statuses);
    }

    fn expect_sent(&mut self, statuses: &[u16]) {
        self.check(statuses);
        self.sent.clear();
    }

    fn check(&self, statuses: &[u16]) {
        let got: Vec<u16> = self
            .sent
            .iter()
            .map(|(_, bytes)| read(bytes, |message| message.status().map_or(0, |status| status.code())))
            .collect();
        assert_eq!(
            got,
            statuses,
            "{:?}",
            self.sent.iter().map(|(_, b)| String::from_utf8_lossy(b)).collect::<Vec<_>>()
        );
    }

    fn deliver(&mut self, user: usize, bytes: &[u8], receive: Receive) {
        self.deliver_from(address(user), bytes, receive);
    }

    fn deliver_from(&mut self, from: SocketAddr, bytes: &[u8], receive: Receive) {
        let flow = Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            connection: ConnectionId::NONE,
            remote: from,
        };
        receive(&mut self.server, Word::Message(flow, bytes));
        self.collect();
        while let Some(event) = self.told.pop() {
            receive(&mut self.server, Word::Media(event));
            self.collect();
        }
    }

    fn collect(&mut self) {
        let outbox = &mut self.server.outbox;
        let outputs = std::mem::take(&mut outbox.outputs);
        for output in &outputs {
            if let Output::Media(command) = output {
                self.told.extend(done(command));
            }
            let Output::Send(send) = output else { continue };
            let to = match &send.hop {
                Hop::Flow(flow) => flow.remote,
                Hop::Address { address, .. } => *address,
            };
            self.sent.push((to, outbox.bytes(send.bytes).to_vec()));
        }
        outbox.outputs = outputs;
        outbox.clear();
    }

    /// The one request among what was sent.
    fn take_request(&mut self) -> (SocketAddr, Vec<u8>) {
        let is_request = |(_, bytes): &(SocketAddr, Vec<u8>)| !bytes.starts_with(b"SIP/2.0 ");
        let at = self.sent.iter().position(is_request).expect("a request was forwarded");
        self.sent.remove(at)
    }
}

/// What the media plane says to a command: the ports of every stream at once.
fn done(command: &MediaCommand) -> Option<MediaEvent> {
    match command {
        MediaCommand::Open { id, streams, .. } => {
            let address = |index: usize| {
                let rtp = SocketAddr::from(([127, 0, 0, 1], 20_000 + 2 * index as u16));
                let rtcp = SocketAddr::from(([127, 0, 0, 1], 20_001 + 2 * index as u16));
                StreamAddress { rtp, rtcp, others: Box::default() }
            };
            let streams = (0..streams.len()).map(|index| Some(address(index))).collect();
            Some(MediaEvent::Opened { id: *id, streams, fingerprint: None })
        }
        _ => None,
    }
}

fn world(calls: CallMode) -> World {
    let secrets = Secrets { nonce: [1; 32], route: [2; 32], gruu: [3; 32] };
    let listener = Listener {
        id: ListenerId(0),
        transport: Transport::Udp,
        bound: "127.0.0.1:5060".parse().expect("a socket address"),
        sent_by: "127.0.0.1:5060".into(),
    };
    let world = World {
        directory: Directory::new(),
        bindings: Bindings::new(),
        listeners: vec![listener],
        machine: coeur_exchange::machine::Machine::default(),
        guard: guard::Shared::new(&secrets),
        kept_calls: coeur_exchange::kept_calls::KeptCalls::new(&secrets),
        secrets,
        settings: Settings { messages_per_minute_max: 0, calls, ..Settings::default() },
        storage_writable: AtomicBool::new(true),
        waiting: Default::default(),
        vouched: Default::default(),
        push_pace: Default::default(),
    };
    let apply = |change| world.directory.apply(&change).expect("a change that can be");
    apply(Change::DomainAdded(Domain::new(DOMAIN)));
    for user in 0..USERS {
        let (id, name) = (user as u64 + 1, name(user));
        let ha1 = Ha1Set::of_secret(&name, DOMAIN, &format!("pw-{name}"));
        let mut account = Account::new(AccountId(id), Aor::new(&name, DOMAIN).expect("an address"));
        account.devices = Box::new([Device::new(DeviceId(id), "phone", ha1, AlgorithmPolicy::Auto, 0)]);
        apply(Change::AccountAdded(Box::new(account)));
    }
    world
}

fn name(user: usize) -> String {
    format!("u{user:06}")
}

fn address(user: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 1, (user / 250) as u8)), 10_000 + user as u16)
}

fn read<R>(bytes: &[u8], look: impl FnOnce(&Message<'_>) -> R) -> R {
    let mut table = HeaderTable::new();
    look(&coeur_sip::parse(bytes, &mut table, &Limits::default()).expect("what a server sends can be read"))
}

fn answer(request: &[u8], status: StatusCode, body: &str) -> Vec<u8> {
    read(request, |request| {
        let mut out = Vec::new();
        let here = "127.0.0.1:5060".parse().expect("a socket address");
        let mut writer = coeur_sip::respond(request, status, None, Some(b"callee1"), here, &mut out);
        if request.method() == Method::Invite {
            writer.header(HeaderName::Contact, b"<sip:callee@127.0.0.1:10001>");
        }
        if !body.is_empty() {
            writer.header(HeaderName::ContentType, b"application/sdp");
        }
        writer.end(body.as_bytes());
        out
    })
}

/// ACK or BYE of the caller, by what the 200 says.
fn within_dialog(ok: &[u8], method: Method<'_>, cseq: u32) -> Vec<u8> {
    read(ok, |ok| {
        let text = |name| String::from_utf8_lossy(ok.header(name).unwrap_or_default()).into_owned();
        let routes: String = ok
            .headers_of(HeaderName::RecordRoute)
            .map(|header| format!("Route: {}\r\n", String::from_utf8_lossy(header.value)))
            .collect();
        let (from, to, call_id) = (text(HeaderName::From), text(HeaderName::To), text(HeaderName::CallId));
        let contact = text(HeaderName::Contact);
        let target = contact.trim_matches(['<', '>']);
        format!(
            "{method} {target} SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:10000;rport;branch=z9hG4bK-d{cseq:08x}{method}\r\nMax-Forwards: 70\r\n{routes}\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    })
}
