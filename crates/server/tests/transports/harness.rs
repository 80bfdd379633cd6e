//! The server of these tests: the real loop and sockets on loopback, with a handler that answers every request.

use coeur::config::Listen;
use coeur::net::limits::Limits;
use coeur::net::listen;
use coeur::shard::{Clock, Conduct, Forgetful, Handler, Journal, NoServices, Prepared, Setup, Shards};
use coeur::tls::{Tls, authority, roots};
use coeur::trace::Tap;
use coeur_exchange::flow::{Hop, ListenerId, ShardId};
use coeur_exchange::input::Input;
use coeur_exchange::outbox::{Outbox, SendToken};
use coeur_sip::Message;
use coeur_sip::time::{Monotonic, Now};
use coeur_sip::transport::Transport;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub const PATIENCE: Duration = Duration::from_secs(10);

/// Answers 200 to every request on its flow, but `sip:panic`, over which it dies. `sip:save` waits for the journal, `sip:saved` for what
/// was saved before;
/// `sip:lost` is of an INVITE that is on another shard, or on none;
/// `INFO sip:a;to=ADDRESS` is sent on to that address over TCP or TLS, and what becomes of it is counted.
#[derive(Clone, Default)]
pub struct Answering {
    pub failed: Arc<AtomicU64>,
    pub closed: Arc<AtomicU64>,
    pub responses: Arc<AtomicU64>,
    conduct: Conduct,
    requests: u64,
    /// Whether [`Handler::show`] takes its time.
    slow: bool,
    /// `requests`, as others may read it.
    pub shown: Arc<AtomicU64>,
}

impl Handler for Answering {
    fn handle(&mut self, _now: Now, input: Input<'_>, outbox: &mut Outbox) {
        match input {
            Input::Received { flow, message } if message.is_request() => {
                let uri = String::from_utf8_lossy(message.request_uri()).into_owned();
                self.requests += 1;
                self.slow = uri == "sip:slow";
                self.conduct.proved += u64::from(uri == "sip:proof");
                assert_ne!(uri, "sip:panic", "a defect");
                if let Some(to) = uri.split_once(";to=") {
                    let (transport, to) = to.1.split_once('-').unwrap();
                    let (address, host) = to.split_once('/').unwrap();
                    let transport = Transport::parse(transport.as_bytes());
                    let hop = Hop::Address {
                        transport,
                        // In the order of `start_at`.
                        listener: ListenerId(if transport == Transport::Tls { 2 } else { 1 }),
                        address: address.parse().unwrap(),
                        host: Some(host.into()),
                    };
                    let bytes =
                        outbox.write(|out| out.extend_from_slice(&request("OPTIONS", "sip:there", 7)));
                    return outbox.send(hop, bytes, Some(SendToken(1)));
                }
                let mut answer = b"SIP/2.0 200 OK\r\n".to_vec();
                for header in message.headers() {
                    if matches!(header.name_bytes, b"Via" | b"From" | b"To" | b"Call-ID" | b"CSeq") {
                        answer.extend_from_slice(header.span);
                    }
                }
                answer.extend_from_slice(b"Content-Length: 0\r\n\r\n");
                let bytes = outbox.write(|out| out.extend_from_slice(&answer));
                if uri == "sip:save" || uri == "sip:saved" {
                    let record = outbox.write(|out| out.extend_from_slice(b"record"));
                    let failed = String::from_utf8(answer).unwrap().replace("200 OK", "503 No Disk");
                    let other = outbox.write(|out| out.extend_from_slice(failed.as_bytes()));
                    if uri == "sip:save" {
                        outbox.save(record);
                    }
                    outbox.send_after_save(Hop::Flow(flow), bytes, other);
                } else {
                    outbox.send(Hop::Flow(flow), bytes, None);
                }
            }
            Input::Received { .. } => {
                self.responses.fetch_add(1, Ordering::SeqCst);
            }
            Input::Malformed { flow, .. } => {
                self.conduct.malformed += 1;
                let bytes = outbox.write(|out| out.extend_from_slice(b"SIP/2.0 400 Bad Request\r\n\r\n"));
                outbox.send(Hop::Flow(flow), bytes, None);
            }
            Input::SendFailed { .. } => {
                self.failed.fetch_add(1, Ordering::SeqCst);
            }
            Input::FlowClosed { .. } => {
                self.closed.fetch_add(1, Ordering::SeqCst);
            }
            Input::Resolved { .. } | Input::Told(_) | Input::MediaEvent(_) | Input::Ticked => {}
        }
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        None
    }

    fn show(&mut self) {
        if self.slow && self.shown.load(Ordering::SeqCst) != self.requests {
            // Long enough for whatever has left already to be seen before.
            std::thread::sleep(Duration::from_millis(20));
        }
        self.shown.store(self.requests, Ordering::SeqCst);
    }

    fn misses_invite(&self, message: &Message<'_>) -> bool {
        message.request_uri() == b"sip:lost"
    }

    fn conduct(&self) -> Conduct {
        self.conduct
    }
}

pub fn request(method: &str, uri: &str, number: u32) -> Vec<u8> {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {number}\r\nCSeq: {number} {method}\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

pub struct Server {
    pub shards: Option<Shards>,
    pub addresses: Vec<SocketAddr>,
    pub handler: Answering,
    pub tls: Arc<Tls>,
    pub folder: PathBuf,
    pub names: Vec<String>,
    pub deaths: Arc<Mutex<Vec<String>>>,
    pub tap: Arc<Tap>,
}

impl Server {
    pub fn start(shards: usize, limits: Limits, journal: Arc<dyn Journal>) -> Self {
        Self::start_at("127.0.0.1", shards, limits, journal)
    }

    /// Listens over every transport at this address (IPv6 in brackets).
    pub fn start_at(host: &str, shards: usize, limits: Limits, journal: Arc<dyn Journal>) -> Self {
        // Both ends of every connection are files of this process.
        coeur::observe::process::raise_open_files();
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        let folder = std::env::temp_dir().join(format!("coeur-net-{}-{count}", std::process::id()));
        let names = vec!["sip.test".to_owned(), "127.0.0.1".to_owned()];
        let source = authority::ensure(&folder, &names).unwrap();
        let mut trusted = rustls::RootCertStore::empty();
        roots::add_file(&mut trusted, &authority::certificate_path(&folder)).unwrap();
        let tls = Arc::new(Tls::new(&[source], trusted).unwrap());
        let places: Vec<Listen> = ["udp", "tcp", "tls", "ws", "wss"]
            .iter()
            .map(|s| format!("{s}://{host}:0").parse().unwrap())
            .collect();
        let bound = listen::bind(&places, shards, &[], false).unwrap();
        let addresses = bound.iter().map(|bound| bound.listener.bound).collect();
        let handler = Answering::default();
        let deaths: Arc<Mutex<Vec<String>>> = Arc::default();
        let tap = Arc::new(Tap::new(shards, 1 << 20));
        let setup = Setup {
            bound,
            shards,
            limits,
            tls: Some(tls.clone()),
            origin: Arc::new(|origin| origin == "https://phone.test"),
            adopt: Arc::new(drop),
            sources: Arc::default(),
            journal,
            services: Arc::new(NoServices),
            tap: Some(tap.clone()),
            clock: Clock::default(),
            died: {
                let deaths = deaths.clone();
                Arc::new(move |thread, why| deaths.lock().unwrap().push(format!("{thread}: {why}")))
            },
        };
        let shards = Prepared::new(shards).unwrap().start(setup, |_: ShardId| handler.clone()).unwrap();
        Self { shards: Some(shards), addresses, handler, tls, folder, names, deaths, tap }
    }

    pub fn usual() -> Self {
        Self::start(2, Limits::default(), Arc::new(Forgetful::default()))
    }

    pub fn count(&self, name: &str) -> u64 {
        let counters = self.shards.as_ref().unwrap().counters();
        if name == "connections_open" {
            let open = |name: &str| {
                ["connections_tcp", "connections_tls", "connections_ws", "connections_wss"].contains(&name)
            };
            return counters.iter().filter(|(known, _)| open(known)).map(|(_, value)| value).sum();
        }
        counters.into_iter().find(|(known, _)| *known == name).unwrap().1
    }

    pub fn wait_for(&self, name: &str, value: u64) {
        let start = Instant::now();
        while self.count(name) < value {
            assert!(start.elapsed() < PATIENCE, "{name} is {} and not {value}", self.count(name));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends that the handler was told have failed.
    pub fn wait_for_failures(&self, count: u64) {
        let start = Instant::now();
        while self.handler.failed.load(Ordering::SeqCst) < count {
            assert!(start.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn tcp(&self, place: usize) -> TcpStream {
        let stream = TcpStream::connect(self.addresses[place]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub fn tls(&self, place: usize) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
        let client = self.tls.connect(Some("sip.test"), self.addresses[place].ip()).unwrap();
        rustls::StreamOwned::new(client, self.tcp(place))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(shards) = self.shards.take() {
            shards.stop(Duration::from_secs(2));
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Reads until `count` messages without body have come.
pub fn answers(stream: &mut impl Read, count: usize) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4_096]);
    while text.matches("\r\n\r\n").count() < count {
        let length = stream.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "closed after {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    text
}

pub fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// A browser's opening, as far as the server's answer; `None` for a client that is no browser.
pub fn open_as_page(mut stream: impl Read + Write, origin: Option<&str>) -> String {
    let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
    let opening = format!(
        "GET / HTTP/1.1\r\nHost: sip.test\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n{origin}\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    );
    stream.write_all(opening.as_bytes()).unwrap();
    answers(&mut stream, 1)
}
