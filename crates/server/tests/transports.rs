//! The loop over real sockets on loopback, with a handler that answers every request.

use coeur::config::Listen;
use coeur::net::limits::Limits;
use coeur::net::listen;
use coeur::shard::{
    Clock, Conduct, Forgetful, Handler, Journal, NoServices, NotSaved, Outcome, Prepared, Setup, Shards,
};
use coeur::tls::{Tls, authority, roots};
use coeur_exchange::flow::{Hop, ShardId};
use coeur_exchange::input::Input;
use coeur_exchange::outbox::{Outbox, SendToken};
use coeur_sip::time::{Monotonic, Now};
use coeur_sip::transport::Transport;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

/// Answers 200 to every request on its flow, but `sip:panic`, over which it dies. `REGISTER` waits for the journal; `INFO sip:a;to=ADDRESS` is sent on to
/// that address over TCP or TLS, and what becomes of it is counted.
#[derive(Clone, Default)]
struct Answering {
    failed: Arc<AtomicU64>,
    closed: Arc<AtomicU64>,
    responses: Arc<AtomicU64>,
    conduct: Conduct,
    requests: u64,
    /// Whether [`Handler::show`] takes its time.
    slow: bool,
    /// `requests`, as others may read it.
    shown: Arc<AtomicU64>,
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
                    let hop = Hop::Address {
                        transport: Transport::parse(transport.as_bytes()),
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
                if uri == "sip:save" {
                    let record = outbox.write(|out| out.extend_from_slice(b"record"));
                    let failed = String::from_utf8(answer).unwrap().replace("200 OK", "503 No Disk");
                    let other = outbox.write(|out| out.extend_from_slice(failed.as_bytes()));
                    outbox.save(record);
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

    fn conduct(&self) -> Conduct {
        self.conduct
    }
}

fn request(method: &str, uri: &str, number: u32) -> Vec<u8> {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {number}\r\nCSeq: {number} {method}\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

struct Server {
    shards: Option<Shards>,
    addresses: Vec<SocketAddr>,
    handler: Answering,
    tls: Arc<Tls>,
    folder: PathBuf,
    names: Vec<String>,
    deaths: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(shards: usize, limits: Limits, journal: Arc<dyn Journal>) -> Self {
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
            .map(|s| format!("{s}://127.0.0.1:0").parse().unwrap())
            .collect();
        let bound = listen::bind(&places, shards, &[], false).unwrap();
        let addresses = bound.iter().map(|bound| bound.listener.bound).collect();
        let handler = Answering::default();
        let deaths: Arc<Mutex<Vec<String>>> = Arc::default();
        let setup = Setup {
            bound,
            shards,
            limits,
            tls: Some(tls.clone()),
            origin: Arc::new(|origin| origin == "https://phone.test"),
            sources: Arc::default(),
            journal,
            services: Arc::new(NoServices),
            tap: None,
            clock: Clock::default(),
            died: {
                let deaths = deaths.clone();
                Arc::new(move |thread, why| deaths.lock().unwrap().push(format!("{thread}: {why}")))
            },
        };
        let shards = Prepared::new(shards).unwrap().start(setup, |_: ShardId| handler.clone()).unwrap();
        Self { shards: Some(shards), addresses, handler, tls, folder, names, deaths }
    }

    fn usual() -> Self {
        Self::start(2, Limits::default(), Arc::new(Forgetful::default()))
    }

    fn count(&self, name: &str) -> u64 {
        let counters = self.shards.as_ref().unwrap().counters();
        if name == "connections_open" {
            let open = |name: &str| {
                ["connections_tcp", "connections_tls", "connections_ws", "connections_wss"].contains(&name)
            };
            return counters.iter().filter(|(known, _)| open(known)).map(|(_, value)| value).sum();
        }
        counters.into_iter().find(|(known, _)| *known == name).unwrap().1
    }

    fn wait_for(&self, name: &str, value: u64) {
        let start = Instant::now();
        while self.count(name) < value {
            assert!(start.elapsed() < PATIENCE, "{name} is {} and not {value}", self.count(name));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends that the handler was told have failed.
    fn wait_for_failures(&self, count: u64) {
        let start = Instant::now();
        while self.handler.failed.load(Ordering::SeqCst) < count {
            assert!(start.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn tcp(&self, place: usize) -> TcpStream {
        let stream = TcpStream::connect(self.addresses[place]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn tls(&self, place: usize) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
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
fn answers(stream: &mut impl Read, count: usize) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4_096]);
    while text.matches("\r\n\r\n").count() < count {
        let length = stream.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "closed after {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    text
}

fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn a_request_over_udp_is_answered_and_keep_alives_are_not() {
    let server = Server::usual();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(server.addresses[0]).unwrap();
    for junk in [&b"\r\n\r\n"[..], b"", b"\x80\x01junk"] {
        socket.send(junk).unwrap();
    }
    let mut buffer = [0; 2_048];
    for number in 1..=200 {
        socket.send(&request("OPTIONS", "sip:x", number)).unwrap();
        let length = socket.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert!(text.starts_with("SIP/2.0 200") && text.contains(&format!("CSeq: {number} ")), "{text}");
    }
    let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    stun.extend_from_slice(&[9; 12]);
    socket.send(&stun).unwrap();
    assert_eq!(socket.recv(&mut buffer).unwrap(), 32);
    assert_eq!(&buffer[..2], [1, 1]);
}

/// Its process ends (see `house::deaths`); until then the others take over what comes for it.
#[test]
fn a_shard_that_panics_is_told_of_at_once_and_the_others_go_on() {
    let server = Server::usual();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(server.addresses[0]).unwrap();
    socket.send(&request("OPTIONS", "sip:panic", 1)).unwrap();
    let start = Instant::now();
    while server.deaths.lock().unwrap().is_empty() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = server.deaths.lock().unwrap()[0].clone();
    assert!(told.starts_with("shard-") && told.contains("a defect"), "{told}");
    socket.send(&request("OPTIONS", "sip:x", 2)).unwrap();
    let mut buffer = [0; 2_048];
    let length = socket.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
    let mut stream = server.tcp(1);
    stream.write_all(&request("OPTIONS", "sip:x", 3)).unwrap();
    assert!(answers(&mut stream, 1).starts_with("SIP/2.0 200"));
}

#[test]
fn a_source_of_malformed_datagrams_is_not_heard_any_more_and_a_known_phone_behind_it_is() {
    let server = Server::start(1, Limits::default(), Arc::new(Forgetful::default()));
    let open = |local: &str| {
        let socket = UdpSocket::bind(local).unwrap();
        socket.connect(server.addresses[0]).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    };
    let (flood, phone, elsewhere) = (open("127.0.0.2:0"), open("127.0.0.2:0"), open("127.0.0.3:0"));
    let asks = |socket: &UdpSocket, uri: &str| {
        socket.send(&request("OPTIONS", uri, 1)).unwrap();
        let mut buffer = [0; 2_048];
        let length = socket.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
    };
    asks(&phone, "sip:proof");
    for sent in 0..15 {
        for _ in 0..100 {
            flood.send(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\r\n").unwrap();
        }
        server.wait_for("datagrams_received", 1 + (sent + 1) * 100);
    }
    assert!(server.count("datagrams_unheard") > 200, "{}", server.count("datagrams_unheard"));
    let before = server.count("datagrams_unheard");
    // Interleaved, so that whatever room comes back is taken by the flood.
    for _ in 0..10 {
        for _ in 0..50 {
            flood.send(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\r\n").unwrap();
        }
        flood.send(&request("OPTIONS", "sip:x", 1)).unwrap();
        asks(&phone, "sip:x");
        asks(&elsewhere, "sip:x");
    }
    assert!(server.count("datagrams_unheard") > before + 100);
}

#[test]
fn what_an_answer_tells_is_counted_before_it_leaves() {
    let server = Server::start(1, Limits::default(), Arc::new(Forgetful::default()));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.addresses[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut stream, mut buffer) = (server.tcp(1), [0; 2_048]);
    for count in 1..=3 {
        socket.send(&request("OPTIONS", "sip:slow", 1)).unwrap();
        socket.recv(&mut buffer).unwrap();
        assert_eq!(server.handler.shown.load(Ordering::SeqCst), 2 * count - 1);
        stream.write_all(&request("OPTIONS", "sip:slow", 1)).unwrap();
        answers(&mut stream, 1);
        assert_eq!(server.handler.shown.load(Ordering::SeqCst), 2 * count);
    }
}

#[test]
fn pipelined_and_split_messages_over_tcp_are_answered_in_order() {
    let server = Server::usual();
    let mut stream = server.tcp(1);
    let mut bytes = b"\r\n\r\n".to_vec();
    for number in 1..=20 {
        bytes.extend(request("OPTIONS", "sip:x", number));
    }
    for part in bytes.chunks(777) {
        stream.write_all(part).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    let text = answers(&mut stream, 20);
    assert!(text.starts_with("\r\nSIP/2.0 200"), "the keep-alive is answered by CRLF");
    let order: Vec<usize> = (1..=20).map(|number| text.find(&format!("CSeq: {number} ")).unwrap()).collect();
    assert!(order.is_sorted());
}

#[test]
fn tls_with_the_local_authority_survives_a_reload_of_the_certificate() {
    let server = Server::usual();
    let mut before = server.tls(2);
    before.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    assert!(answers(&mut before, 1).contains("200 OK"));
    let source = authority::renew(&server.folder, &server.names).unwrap();
    server.tls.reload(&[source]).unwrap();
    before.write_all(&request("OPTIONS", "sip:x", 2)).unwrap();
    assert!(answers(&mut before, 1).contains("CSeq: 2 "));
    // A client without memory: a resumed session would show the old certificate.
    let mut trusted = rustls::RootCertStore::empty();
    roots::add_file(&mut trusted, &authority::certificate_path(&server.folder)).unwrap();
    let stranger = Tls::new(&[], trusted).unwrap();
    let client = stranger.connect(Some("sip.test"), server.addresses[2].ip()).unwrap();
    let mut after = rustls::StreamOwned::new(client, server.tcp(2));
    after.write_all(&request("OPTIONS", "sip:x", 3)).unwrap();
    answers(&mut after, 1);
    assert_ne!(before.conn.peer_certificates(), after.conn.peer_certificates());
}

#[test]
fn connections_are_counted_by_transport_and_failed_handshakes_by_reason() {
    let server = Server::usual();
    let client = |alpn: &[&[u8]], roots: rustls::RootCertStore| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let name = rustls::pki_types::ServerName::try_from("sip.test").unwrap();
        let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        rustls::StreamOwned::new(connection, server.tcp(2))
    };
    let mut trusted = rustls::RootCertStore::empty();
    roots::add_file(&mut trusted, &authority::certificate_path(&server.folder)).unwrap();

    let (mut tcp, mut tls) = (server.tcp(1), server.tls(2));
    let (ws, wss) = (server.tcp(3), server.tls(4));
    tcp.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut tcp, 1);
    tls.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut tls, 1);
    let (mut ws, mut wss) = (ws, wss);
    for opened in [open_as_page(&mut ws, None), open_as_page(&mut wss, None)] {
        assert!(opened.starts_with("HTTP/1.1 101"), "{opened}");
    }
    for name in ["connections_tcp", "connections_tls", "connections_ws", "connections_wss"] {
        assert_eq!(server.count(name), 1, "{name}");
    }
    assert_eq!((server.count("handshakes_tls"), server.count("handshakes_web_socket")), (2, 2));

    server.tcp(2).write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    server.wait_for("tls_not_tls", 1);
    drop(server.tcp(2));
    server.wait_for("tls_closed", 1);
    assert!(client(&[b"h2"], trusted.clone()).write_all(b"x").is_err());
    server.wait_for("tls_incompatible", 1);
    assert!(client(&[], rustls::RootCertStore::empty()).write_all(b"x").is_err());
    server.wait_for("tls_refused", 1);
    let mut good = client(&[b"sip"], trusted);
    good.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut good, 1);
    drop(good);
    tls.sock.write_all(b"no record of TLS at all, and quite long").unwrap();
    server.wait_for("tls_broken", 1);
    drop((tcp, tls, ws, wss));
    let start = Instant::now();
    while server.count("connections_open") > 0 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    for (name, count) in [("tls_not_tls", 1), ("tls_closed", 1), ("tls_incompatible", 1), ("tls_refused", 1)]
    {
        assert_eq!(server.count(name), count, "{name}");
    }
    for name in ["tls_untrusted", "tls_alert", "tls_deadline", "tls_other", "deadline_handshake"] {
        assert_eq!(server.count(name), 0, "{name}");
    }
}

#[test]
fn web_socket_and_secure_web_socket_carry_one_message_per_frame() {
    use tungstenite::client::IntoClientRequest;
    let server = Server::usual();
    for place in [3, 4] {
        let mut opening = format!("ws://{}/", server.addresses[place]).into_client_request().unwrap();
        opening.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        fn talk<S: Read + Write>(opening: tungstenite::handshake::client::Request, stream: S) {
            let (mut web, response) = tungstenite::client(opening, stream).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "sip");
            for number in 1..=3 {
                let text = String::from_utf8(request("OPTIONS", "sip:x", number)).unwrap();
                web.send(tungstenite::Message::text(text)).unwrap();
                let answer = web.read().unwrap();
                assert!(answer.is_text() && answer.to_text().unwrap().contains(&format!("CSeq: {number} ")));
            }
            web.send(tungstenite::Message::Ping(vec![7].into())).unwrap();
            assert!(web.read().unwrap().is_pong());
            web.send(tungstenite::Message::text("\r\n\r\n")).unwrap();
            assert_eq!(web.read().unwrap().to_text().unwrap(), "\r\n");
            web.close(None).unwrap();
            while web.read().is_ok() {}
        }
        if place == 3 { talk(opening, server.tcp(3)) } else { talk(opening, server.tls(4)) }
    }
    let mut stream = server.tcp(3);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
}

/// A browser's opening, as far as the server's answer; `None` for a client that is no browser.
fn open_as_page(mut stream: impl Read + Write, origin: Option<&str>) -> String {
    let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
    let opening = format!(
        "GET / HTTP/1.1\r\nHost: sip.test\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n{origin}\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    );
    stream.write_all(opening.as_bytes()).unwrap();
    answers(&mut stream, 1)
}

#[test]
fn a_page_of_a_stranger_is_refused_at_the_handshake_and_counted() {
    let server = Server::usual();
    for (count, origin) in ["https://evil.test", "null", "https://phone.test.evil.test"].iter().enumerate() {
        for place in [3, 4] {
            let answer = match place {
                3 => open_as_page(server.tcp(3), Some(origin)),
                _ => open_as_page(server.tls(4), Some(origin)),
            };
            assert!(answer.starts_with("HTTP/1.1 403 "), "{origin}: {answer}");
        }
        server.wait_for("origins_refused", 2 * (count as u64 + 1));
    }
    server.wait_for("connections_closed", 6);
    assert_eq!(server.count("stream_messages_received"), 0);
    for origin in [Some("https://phone.test"), None] {
        let answer = open_as_page(server.tcp(3), origin);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{origin:?}: {answer}");
        assert!(open_as_page(server.tls(4), origin).starts_with("HTTP/1.1 101 "));
    }
    assert_eq!(server.count("origins_refused"), 6);
}

#[test]
fn slow_and_silent_connections_meet_their_deadlines() {
    let limits = Limits {
        handshake: Duration::from_millis(300),
        first_request: Duration::from_millis(300),
        message: Duration::from_millis(300),
        message_pause: Duration::from_secs(60),
        idle: Duration::from_millis(900),
        ..Limits::default()
    };
    let server = Server::start(1, limits, Arc::new(Forgetful::default()));
    let (mut silent, mut half_open, mut web) = (server.tcp(1), server.tcp(2), server.tcp(3));
    let mut drip = server.tcp(1);
    drip.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut drip, 1);
    let mut dripping = drip.try_clone().unwrap();
    let dripper = std::thread::spawn(move || {
        for byte in request("OPTIONS", "sip:x", 2) {
            if dripping.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let mut idle = server.tcp(1);
    idle.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut idle, 1);
    let start = Instant::now();
    for stream in [&mut silent, &mut half_open, &mut web, &mut drip, &mut idle] {
        assert!(is_closed(stream));
    }
    assert!(start.elapsed() < Duration::from_secs(4));
    dripper.join().unwrap();
    server.wait_for("deadline_first_request", 1);
    server.wait_for("deadline_handshake", 2);
    server.wait_for("tls_deadline", 1);
    server.wait_for("deadline_message", 1);
    server.wait_for("deadline_idle", 1);
    assert_eq!(server.count("connections_open"), 0);
}

#[test]
fn a_message_that_drips_is_closed_long_before_its_deadline_and_a_slow_one_is_not() {
    let limits = Limits { message_pause: Duration::from_millis(200), ..Limits::default() };
    let server = Server::start(1, limits, Arc::new(Forgetful::default()));
    // 50 and 2,000 bytes a second: beneath and above the minimum, over TCP and over WebSocket.
    fn send(mut stream: TcpStream, bytes: &[u8], each: usize) -> bool {
        for part in bytes.chunks(each) {
            if stream.write_all(part).is_err() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }
    let message = request("OPTIONS", "sip:x", 1);
    let text = String::from_utf8(request("MESSAGE", "sip:x", 1)).unwrap();
    let long = text.replace("Content-Length: 0", "Content-Length: 1500") + &"x".repeat(1_500);
    let frame = |message: &[u8]| {
        let length = (message.len() as u16).to_be_bytes();
        [&[0x81, 0x80 | 126, length[0], length[1], 0, 0, 0, 0], message].concat()
    };
    let start = Instant::now();
    let (mut slow, mut fast, mut drip) = (server.tcp(1), server.tcp(1), server.tcp(1));
    let (mut slow_web, mut fast_web) = (server.tcp(3), server.tcp(3));
    for web in [&slow_web, &fast_web] {
        assert!(open_as_page(web, None).starts_with("HTTP/1.1 101"));
    }
    drip.write_all(&message).unwrap();
    answers(&mut drip, 1);
    std::thread::scope(|scope| {
        for (stream, bytes, each) in [
            (&slow, message.clone(), 1),
            (&drip, message.clone(), 1),
            (&slow_web, frame(&message), 1),
            (&fast, long.clone().into_bytes(), 40),
            (&fast_web, frame(long.as_bytes()), 40),
        ] {
            let stream = stream.try_clone().unwrap();
            scope.spawn(move || send(stream, &bytes, each));
        }
        for stream in [&mut slow, &mut drip, &mut slow_web] {
            assert!(is_closed(stream));
        }
        for stream in [&mut fast, &mut fast_web] {
            assert!(answers(stream, 1).contains("200 OK"));
        }
    });
    assert!(start.elapsed() < Duration::from_secs(5), "well before 10 s: {:?}", start.elapsed());
    server.wait_for("deadline_message", 3);
    assert_eq!(server.count("connections_open"), 2);
}

#[test]
fn a_shard_takes_only_so_many_connections() {
    let limits = Limits { connections_max: 3, ..Limits::default() };
    let server = Server::start(1, limits, Arc::new(Forgetful::default()));
    let mut streams: Vec<TcpStream> = (0..4).map(|_| server.tcp(1)).collect();
    server.wait_for("connections_refused_full", 1);
    assert!(is_closed(&mut streams[3]));
    drop(streams.drain(..));
    server.wait_for("connections_closed", 3);
    let mut stream = server.tcp(1);
    stream.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut stream, 1);
}

#[test]
fn a_stream_without_sense_is_answered_400_and_closed() {
    let server = Server::usual();
    for (count, length) in
        ["Content-Length: many\r\n", "", "l: 0\r\nl: 0\r\n", "l: 70000\r\n"].iter().enumerate()
    {
        let mut stream = server.tcp(1);
        let text = format!("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\n{length}\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("SIP/2.0 400"), "{length:?}: {text}");
        server.wait_for("closed_framing", count as u64 + 1);
    }
    // What is no SIP at all is closed without a word.
    let mut stream = server.tcp(1);
    stream.write_all(b"\x16\x03\x01\x02").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "");
    server.wait_for("closed_framing", 5);
}

#[test]
fn a_thousand_connections_are_served_and_forgotten() {
    let server = Server::usual();
    let mut streams: Vec<TcpStream> = (0..1_000).map(|_| server.tcp(1)).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&request("OPTIONS", "sip:x", number as u32)).unwrap();
    }
    for stream in &mut streams {
        answers(stream, 1);
    }
    assert_eq!(server.count("connections_open"), 1_000);
    for (i, stream) in streams.drain(..).enumerate() {
        // Half of them by reset, in the middle of a message.
        if i % 2 == 0 {
            (&stream).write_all(b"OPTIONS sip:x SI").unwrap();
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    server.wait_for("connections_closed", 1_000);
    assert_eq!(server.count("connections_open"), 0);
    assert_eq!(server.handler.closed.load(Ordering::SeqCst), 1_000);
}

#[test]
fn one_source_gets_only_so_many_connections() {
    let limits = Limits { connections_per_source_max: 3, count_loopback: true, ..Limits::default() };
    let server = Server::start(2, limits, Arc::new(Forgetful::default()));
    let mut streams: Vec<TcpStream> = (0..4).map(|_| server.tcp(1)).collect();
    server.wait_for("connections_refused_source", 1);
    drop(streams.drain(..));
    server.wait_for("connections_closed", 3);
    let mut stream = server.tcp(1);
    stream.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut stream, 1);
}

#[test]
fn what_cannot_be_sent_is_reported_and_a_name_that_is_not_proved_is_not_trusted() {
    let server = Server::usual();
    let peer = Server::usual();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ask = |uri: String| socket.send_to(&request("INFO", &uri, 1), server.addresses[0]).unwrap();
    ask(format!("sip:a;to=tcp-{}/b", peer.addresses[1]));
    ask(format!("sip:a;to=tcp-{}/b", peer.addresses[1]));
    server.wait_for("stream_messages_received", 2);
    assert_eq!(server.count("connections_opened"), 1, "the connection is used again");
    assert_eq!(server.handler.failed.load(Ordering::SeqCst), 0);
    ask(format!("sip:a;to=tcp-{nobody}/b"));
    server.wait_for("connections_connect_failed", 1);
    // The peer's authority is not trusted by this server.
    ask(format!("sip:a;to=tls-{}/sip.test", peer.addresses[2]));
    server.wait_for("tls_untrusted", 1);
    server.wait_for_failures(2);
    // Its own authority is; the name must be right, and decides about reuse.
    ask(format!("sip:a;to=tls-{}/sip.test", server.addresses[2]));
    ask(format!("sip:a;to=tls-{}/127.0.0.1", server.addresses[2]));
    ask(format!("sip:a;to=tls-{}/evil.test", server.addresses[2]));
    let start = Instant::now();
    while server.handler.failed.load(Ordering::SeqCst) < 3
        || server.handler.responses.load(Ordering::SeqCst) < 4
    {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A server of another domain whose certificate, with these names, comes from an authority that `server` believes.
/// Counts the requests that reach it.
fn domain_server(server: &Server, names: &[rcgen::SanType]) -> (SocketAddr, Arc<AtomicU64>) {
    let read = |name: &str| std::fs::read_to_string(server.folder.join(name)).unwrap();
    let key = rcgen::KeyPair::from_pem(&read("authority.key")).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read("authority.pem"), key).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.subject_alt_names = names.to_vec();
    let key = rcgen::KeyPair::generate().unwrap();
    let chain = vec![params.signed_by(&key, &issuer).unwrap().der().clone()];
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (config, heard) = (Arc::new(config), Arc::new(AtomicU64::new(0)));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, count) = (listener.local_addr().unwrap(), heard.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let (mut buffer, mut text) = ([0; 4_096], String::new());
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
                count.store(text.matches("OPTIONS sip:there").count() as u64, Ordering::SeqCst);
            }
        }
    });
    (address, heard)
}

#[test]
fn another_domain_is_believed_by_its_own_name_and_not_by_a_wildcard() {
    let dns = |name: &str| rcgen::SanType::DnsName(name.try_into().unwrap());
    let uri = |name: &str| rcgen::SanType::URI(name.try_into().unwrap());
    let server = Server::usual();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut refused = 0;
    for (names, domain, believed) in [
        (vec![dns("far.test")], "far.test", true),
        (vec![uri("sip:far.test")], "far.test", true),
        (vec![dns("*.test")], "far.test", false),
        (vec![uri("sip:near.test"), dns("far.test")], "far.test", false),
        (vec![dns("near.test")], "far.test", false),
    ] {
        let (address, heard) = domain_server(&server, &names);
        let uri = format!("sip:a;to=tls-{address}/{domain}");
        socket.send_to(&request("INFO", &uri, 1), server.addresses[0]).unwrap();
        if believed {
            let start = Instant::now();
            while heard.load(Ordering::SeqCst) == 0 {
                assert!(start.elapsed() < PATIENCE, "{names:?}");
                std::thread::sleep(Duration::from_millis(5));
            }
        } else {
            refused += 1;
            server.wait_for("tls_untrusted", refused);
            server.wait_for_failures(refused);
            assert_eq!(heard.load(Ordering::SeqCst), 0, "nothing was said to {names:?}");
        }
    }
}

#[test]
fn a_connection_that_a_stranger_opened_carries_no_request_for_its_address() {
    // RFC 5923 section 5: an alias is believed only of a peer that has proved its domain, and clients prove none here.
    let server = Server::usual();
    let mut stream = server.tls(2);
    let text = String::from_utf8(request("OPTIONS", "sip:x", 1)).unwrap();
    stream.write_all(text.replace(";branch", ";alias;branch").as_bytes()).unwrap();
    assert!(answers(&mut stream, 1).contains("200 OK"));
    let uri = format!("sip:a;to=tls-{}/sip.test", stream.sock.local_addr().unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&request("INFO", &uri, 2), server.addresses[0]).unwrap();
    server.wait_for("connections_connect_failed", 1);
    stream.sock.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(stream.read(&mut [0; 16]).is_err(), "nothing came on the connection of the stranger");
}

/// Says what the test tells it to say.
#[derive(Default)]
struct Told {
    appended: AtomicU64,
    durable: AtomicU64,
    failed: AtomicU64,
}

impl Journal for Told {
    fn append(&self, _shard: ShardId, _record: &[u8]) -> Result<u64, NotSaved> {
        Ok(self.appended.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn outcome(&self, append: u64) -> Outcome {
        match append {
            _ if append <= self.durable.load(Ordering::SeqCst) => Outcome::Durable,
            _ if append <= self.failed.load(Ordering::SeqCst) => Outcome::Failed,
            _ => Outcome::Pending,
        }
    }
}

#[test]
fn an_answer_waits_for_its_save_and_is_replaced_when_that_fails() {
    let journal = Arc::new(Told::default());
    let server = Server::start(1, Limits::default(), journal.clone());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.addresses[0]).unwrap();
    socket.send(&request("REGISTER", "sip:save", 1)).unwrap();
    socket.send(&request("REGISTER", "sip:save", 2)).unwrap();
    server.wait_for("held", 2);
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2_048];
    assert!(socket.recv(&mut buffer).is_err(), "nothing leaves before the journal has it");
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let inbox = server.shards.as_ref().unwrap().inboxes[0].clone();
    journal.durable.store(1, Ordering::SeqCst);
    inbox.durable();
    let length = socket.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
    journal.failed.store(2, Ordering::SeqCst);
    inbox.durable();
    let length = socket.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 503"));
}

#[test]
fn a_response_reaches_the_shard_its_branch_names() {
    let server = Server::usual();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for shard in ["00", "01"] {
        let text = format!(
            "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKc{shard}abc\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(text.as_bytes(), server.addresses[0]).unwrap();
    }
    // One socket of ours is one shard of theirs, so one of the two had to be passed on.
    server.wait_for("responses_passed_on", 1);
    let start = Instant::now();
    while server.handler.responses.load(Ordering::SeqCst) < 2 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(server.count("responses_passed_on"), 1);
}

#[test]
fn a_stop_lets_the_answer_leave_and_closes_every_connection() {
    let mut server = Server::usual();
    let mut stream = server.tcp(1);
    stream.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut stream, 1);
    let start = Instant::now();
    server.shards.take().unwrap().stop(Duration::from_secs(5));
    assert!(start.elapsed() < Duration::from_secs(3), "nothing was owed");
    assert!(is_closed(&mut stream));
    assert!(TcpStream::connect(server.addresses[1]).is_err());
}

#[test]
fn a_connection_reset_at_any_byte_leaves_nothing_behind() {
    let limits = Limits { handshake: Duration::from_secs(1), ..Limits::default() };
    let server = Server::start(2, limits, Arc::new(Forgetful::default()));
    let message = request("OPTIONS", "sip:x", 1);
    let opening = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let mut count = 0;
    for at in (0..message.len()).step_by(7) {
        // TCP in the middle of a message, TLS in the middle of what is no hello, WebSocket in its opening.
        for (place, bytes) in
            [(1, &message[..at]), (2, &message[..at]), (3, &opening[..at.min(opening.len())])]
        {
            let mut stream = server.tcp(place);
            stream.write_all(bytes).unwrap();
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            count += 1;
        }
        // TLS after its handshake, in the middle of a message.
        let mut stream = server.tls(2);
        stream.write_all(&message[..at]).unwrap();
        socket2::SockRef::from(&stream.sock).set_linger(Some(Duration::ZERO)).unwrap();
        count += 1;
    }
    server.wait_for("connections_closed", count);
    assert_eq!(server.count("connections_open"), 0);
    assert_eq!(server.handler.closed.load(Ordering::SeqCst), count);
    let mut stream = server.tcp(1);
    stream.write_all(&message).unwrap();
    answers(&mut stream, 1);
}

#[test]
fn a_peer_that_does_not_read_is_closed_at_the_bound() {
    let limits = Limits { write_bytes_max: 64 << 10, ..Limits::default() };
    let server = Server::start(1, limits, Arc::new(Forgetful::default()));
    let requests: Vec<u8> = (1..=50).flat_map(|number| request("OPTIONS", "sip:x", number)).collect();
    let pings = b"\r\n\r\n".repeat(4_096);
    for (closed, (place, message)) in
        [(1, &requests), (2, &requests), (1, &pings), (2, &pings)].into_iter().enumerate()
    {
        let stop = Instant::now() + PATIENCE;
        let mut plain;
        let mut sealed;
        let stream: &mut dyn Write = if place == 1 {
            plain = server.tcp(1);
            &mut plain
        } else {
            sealed = server.tls(2);
            &mut sealed
        };
        while stream.write_all(message).is_ok() {
            assert!(Instant::now() < stop, "still open");
        }
        server.wait_for("closed_slow_reader", closed as u64 + 1);
    }
}
