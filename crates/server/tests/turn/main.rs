//! STUN and TURN as they are served: real sockets, real clients, one process.

mod client;
#[path = "../process/mod.rs"]
mod process;

use client::{Client, Credentials, RTP};
use coeur_media::stun::Method;
use process::{Folder, Server, eventually, free_port, http_get};
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Output};
use std::time::Duration;

struct House {
    folder: Folder,
    turn: SocketAddr,
    http: u16,
    server: Server,
}

impl House {
    /// TURN over UDP and TCP on one port of the loopback, and an account `alice`.
    fn start(name: &str, more: &[&str]) -> Self {
        let (folder, sip, turn, http) = (Folder::new(name), free_port(), free_port(), free_port());
        let [sip, udp, tcp] =
            [("udp", sip), ("udp", turn), ("tcp", turn)].map(|(s, port)| format!("{s}://127.0.0.1:{port}"));
        let http_address = format!("127.0.0.1:{http}");
        let mut arguments = vec!["--domain", "example.test", "--shards", "1", "--http", &http_address];
        arguments.extend(["--listen", &sip, "--turn", &udp, "--turn", &tcp]);
        arguments.extend(more);
        let (server, _) = Server::start(&folder, &arguments, "ready");
        folder.json(&["account", "add", "alice", "--json"]);
        Self { folder, turn: SocketAddr::from(([127, 0, 0, 1], turn)), http, server }
    }

    fn credentials(&self) -> Credentials {
        Credentials::of(&self.folder.json(&["turn", "credentials", "alice", "--json"]))
    }

    fn client(&self) -> Client {
        Client::udp(self.turn, self.credentials())
    }

    /// A value of `/metrics`, with its labels.
    fn metric(&self, name: &str) -> u64 {
        let page = http_get(self.http, "/metrics").1;
        let line =
            page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    }
}

/// A socket that something may come to.
fn peer(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

/// Media ports of its own for each test, below those that the system gives to anybody.
fn media(nth: u16) -> (String, u16) {
    let first = 21_000 + 200 * nth;
    (format!("{first}-{}", first + 99), first + 98)
}

#[test]
fn a_client_is_lent_an_address_and_reaches_our_own_media_and_nobody_else() {
    let (ports, own) = media(0);
    let house = House::start("turn-own", &["--media-ports", &ports]);
    for is_stream in [false, true] {
        let credentials = house.credentials();
        let mut client = if is_stream {
            Client::tcp(house.turn, credentials)
        } else {
            Client::udp(house.turn, credentials)
        };
        let relayed = client.allocate(1).unwrap();
        assert!(relayed.ip().is_loopback() && relayed.port() % 2 == 0, "{relayed}");
        let media = peer(at("127.0.0.1", own + 1));
        let there = media.local_addr().unwrap();
        assert_eq!(client.permit(there), 0);
        client.send(there, RTP);
        let mut bytes = [0; 64];
        let (length, from) = media.recv_from(&mut bytes).unwrap();
        assert_eq!((&bytes[..length], from), (RTP, relayed));
        media.send_to(&[0x80, 9], relayed).unwrap();
        assert_eq!(client.data(), Some((there, vec![0x80, 9])));
        // Over a channel, and what is no media goes no further.
        assert_eq!(client.bind(0x4000, there), 0);
        client.send_bytes(&[0x40, 0, 0, 3, b'G', b'E', b'T', 0]);
        client.send_bytes(&[0x40, 0, 0, 3, 0x80, 7, 7, 0]);
        assert_eq!(media.recv_from(&mut bytes).unwrap().0, 3);
        assert_eq!(bytes[0], 0x80);
        media.send_to(&[0x80, 8, 8], relayed).unwrap();
        let came = client.receive().unwrap();
        assert_eq!(came[..7], [0x40, 0, 0, 3, 0x80, 8, 8]);
        assert_eq!(came.len(), if is_stream { 8 } else { 7 });
        // Everybody outside, and a port beside: calls have no media there.
        assert_eq!(client.permit(at("198.51.100.9", 4_000)), 403);
        assert_eq!(client.permit(at("127.0.0.1", own + 2)), 403);
    }
    assert!(eventually(|| house.metric("coeur_turn_packets_relayed_total") == 8));
    assert_eq!(house.metric("coeur_turn_packets_dropped_total{reason=\"no_media\"}"), 2);
    assert!(eventually(|| house.metric("coeur_turn_refused_total{reason=\"peer\"}") == 4));
    assert!(eventually(|| house.metric("coeur_turn_connections") == 0), "a closed connection is let go");
    assert!(eventually(|| house.metric("coeur_turn_allocations") == 1), "and its allocation with it");
}

#[test]
fn none_of_sixty_spellings_of_an_inside_address_gets_a_packet_through_the_sockets() {
    let (ports, _) = media(1);
    let six = format!("udp://[::1]:{}", free_port());
    let more = ["--media-ports", &ports, "--turn-peers", "public", "--advertise", "203.0.113.7"];
    let more =
        [&more[..], &["--advertise", "2001:db8:7::7", "--turn", &six, "--listen", "udp://127.0.0.1:0"]]
            .concat();
    let house = House::start("turn-matrix", &more);
    let canaries: Vec<UdpSocket> = ["127.0.0.1", "::1"].iter().map(|ip| peer(at(ip, 0))).collect();
    let six: SocketAddr = six.strip_prefix("udp://").unwrap().parse().unwrap();
    let mut clients = [(house.client(), 1), (Client::udp(six, house.credentials()), 2)];
    for (client, family) in &mut clients {
        client.allocate(*family).unwrap();
        for canary in &canaries {
            let port = canary.local_addr().unwrap().port();
            for text in include_str!("../../../media/tests/inside_addresses.txt").lines() {
                let peer = SocketAddr::new(text.parse::<IpAddr>().unwrap(), port);
                assert_eq!(client.permit(peer), 403, "{text}");
                assert_eq!(client.bind(0x4000, peer), 403, "{text}");
                client.send(peer, RTP);
            }
        }
        // What was sent last has been seen when this is answered.
        assert_eq!(client.permit(at("127.0.0.1", 9)), 403);
    }
    for canary in &canaries {
        canary.set_nonblocking(true).unwrap();
        assert!(canary.recv_from(&mut [0; 64]).is_err(), "a packet came to the canary");
    }
    assert_eq!(house.metric("coeur_turn_packets_relayed_total"), 0);
    // And one who is outside is let through, so that it was the policy that held.
    assert_eq!(clients[0].0.permit(at("198.51.100.9", 4_000)), 0);
}

#[test]
fn a_revoked_device_loses_its_allocation_at_once_and_opens_no_other() {
    let (ports, own) = media(2);
    let house = House::start("turn-revoked", &["--media-ports", &ports]);
    let devices = house.folder.json(&["device", "list", "alice", "--json"]);
    let device = devices[0]["device"].as_str().unwrap().to_owned();
    let (mut client, kept) = (house.client(), house.credentials());
    client.allocate(1).unwrap();
    assert_eq!(client.permit(at("127.0.0.1", own + 1)), 0);
    house.folder.coeur(&["device", "add", "alice", "--name", "another"]);
    let done = house.folder.coeur(&["device", "revoke", "alice", &device]);
    assert!(done.status.success(), "{done:?}");
    assert!(eventually(|| house.metric("coeur_turn_allocations") == 0));
    assert_eq!(client.permit(at("127.0.0.1", own + 1)), 401);
    assert_eq!(client.allocate(1), Err(401));
    assert_eq!(Client::udp(house.turn, kept).allocate(1), Err(401));
    // Its other device has credentials of its own; an account that is disabled has none.
    let mut other = house.client();
    other.allocate(1).unwrap();
    assert!(house.folder.coeur(&["account", "set", "alice", "--enabled", "no"]).status.success());
    assert!(eventually(|| house.metric("coeur_turn_allocations") == 0));
    assert_eq!(other.ask(Method::Refresh, |_| {}).0, 401);
    let refused = house.folder.coeur(&["turn", "credentials", "alice"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("alice@example.test is disabled"),
        "{refused:?}"
    );
}

#[test]
fn nobody_is_answered_more_than_he_has_sent_and_strangers_are_lent_nothing() {
    let (ports, _) = media(3);
    let house = House::start("turn-stranger", &["--media-ports", &ports]);
    let wrong =
        || Credentials { username: "99999999999:1:alice@example.test".into(), password: "guess".into() };
    let mut stranger = Client::udp(house.turn, wrong());
    assert_eq!(stranger.allocate(1), Err(401));
    let socket = peer(at("127.0.0.1", 0));
    let mut request = vec![0, 3, 0, 8, 0x21, 0x12, 0xa4, 0x42];
    request.extend_from_slice(&[7; 12]);
    request.extend_from_slice(&[0, 0x19, 0, 4, 17, 0, 0, 0]);
    let mut bytes = [0; 512];
    socket.send_to(&request, house.turn).unwrap();
    let (length, _) = socket.recv_from(&mut bytes).unwrap();
    // With the headers of IP and UDP; the challenge has realm and nonce, which no shorter answer could carry.
    assert!(length + 28 < 2 * (request.len() + 28), "{length} for {}", request.len());
    // Beyond the budget of its source nothing is answered at all.
    for _ in 0..300 {
        socket.send_to(&request, house.turn).unwrap();
    }
    assert!(eventually(|| house.metric("coeur_turn_withheld_total") >= 100));
    assert_eq!(house.metric("coeur_turn_allocations_total"), 0);
}

/// The last bytes and the end behind them are often one event.
#[test]
fn a_connection_that_ends_with_its_last_word_is_closed_at_once() {
    let (ports, _) = media(5);
    let house = House::start("turn-end", &["--media-ports", &ports]);
    let mut binding = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    binding.extend_from_slice(&[7; 12]);
    for nth in 0..30 {
        let mut stream = TcpStream::connect(house.turn).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(&binding).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        assert!(read.is_ok(), "{read:?} after {} bytes, the {nth}th time", answer.len());
    }
}

#[test]
fn turn_that_nobody_asked_for_and_cannot_be_had_is_told_and_the_server_runs() {
    // The ports of the RFC on an address of this test alone; another process holds one of them.
    let _held = UdpSocket::bind("127.0.0.77:3478").unwrap();
    let folder = Folder::new("turn-busy");
    let listen = format!("udp://127.0.0.77:{}", free_port());
    let arguments = ["--domain", "example.test", "--http", "off", "--shards", "1", "--listen", &listen];
    let (server, _) = Server::start(&folder, &arguments, "ready");
    folder.json(&["account", "add", "alice", "--json"]);
    let issued = folder.json(&["turn", "credentials", "alice", "--json"]);
    assert_eq!(issued[0]["urls"], serde_json::json!(["turn:127.0.0.77:3478?transport=tcp"]));
    let said = server.last_words();
    assert!(said.contains("udp://127.0.0.77:3478: port 3478 is in use"), "{said}");
    let (server, _) = Server::start(&folder, &[&arguments[..], &["--turn", "off"]].concat(), "ready");
    let refused = folder.coeur(&["turn", "credentials", "alice"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(server.terminate().success());
}

#[test]
fn the_client_of_coturn_is_relayed_over_udp_tcp_and_tls_and_where_sip_is() {
    let (ports, own) = media(4);
    let [tls, sips, wss] = [(); 3].map(|()| free_port());
    let place = format!("tls://127.0.0.1:{tls}");
    let (sips_place, wss_place) = (format!("tls://127.0.0.1:{sips}"), format!("wss://127.0.0.1:{wss}"));
    // This client binds channels to ports of its peer at random too.
    let more = ["--media-ports", &ports, "--turn", &place, "--turn-peers", "127.0.0.0/8"];
    let more = [&more[..], &["--listen", &sips_place, "--listen", &wss_place]].concat();
    let house = House::start("turn-coturn", &more);
    let echo = Echo::start(own + 1);
    let peer = (own + 1).to_string();
    let [port, tls, sips, wss] = [house.turn.port(), tls, sips, wss].map(|port| port.to_string());
    let secure = &["-t", "-S"][..];
    // At last where SIP is spoken over TLS and over WSS.
    for (way, port) in [(&[][..], &port), (&["-t"], &port), (secure, &tls), (secure, &sips), (secure, &wss)] {
        let issued = house.credentials();
        let arguments = ["-n", "4", "-m", "2", "-l", "160", "-c", "-e", "127.0.0.1", "-r", &peer, "-p", port];
        let mut command = Command::new("turnutils_uclient");
        command.args(way).args(arguments).args(["-u", &issued.username, "-w", &issued.password]);
        let Ok(out) = command.arg("127.0.0.1").output() else {
            return eprintln!(
                "SKIPPED: no turnutils_uclient (package coturn); interoperation was not tested"
            );
        };
        check(&out, "tot_send_msgs=8, tot_recv_msgs=8");
    }
    drop(echo);
    assert!(house.metric("coeur_turn_packets_relayed_total") >= 80);
    assert_eq!(house.metric("coeur_connections_turn_total"), 8, "two clients of two connections each, twice");
    assert_eq!(house.metric("coeur_turn_packets_dropped_total{reason=\"no_media\"}"), 0);
    assert!(house.server.terminate().success());
}

fn check(out: &Output, wanted: &str) {
    let printed = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(printed.contains(wanted), "{printed}");
}

/// A peer that sends everything back, until it is dropped.
struct Echo {
    socket: UdpSocket,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Echo {
    fn start(port: u16) -> Self {
        let socket = peer(at("127.0.0.1", port));
        let own = socket.try_clone().unwrap();
        own.set_read_timeout(None).unwrap();
        let thread = std::thread::spawn(move || {
            let mut bytes = [0; 2_048];
            while let Ok((length @ 1.., from)) = own.recv_from(&mut bytes) {
                own.send_to(&bytes[..length], from).unwrap();
            }
        });
        Self { socket, thread: Some(thread) }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // The empty datagram ends it.
        let _ = self.socket.send_to(&[], self.socket.local_addr().unwrap());
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}
