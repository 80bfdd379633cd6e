//! The TURN server with the clients of coturn, over real sockets. Skipped, with the reason, where they are not installed.

use coeur_media::address::PeerPolicy;
use coeur_media::turn::{Action, AllocationId, Client, Credentials, Family, Limits, Server, Settings, Task};
use coeur_sip::network::Network;
use coeur_sip::time::{Monotonic, Now, Wall};
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECRET: [u8; 32] = [3; 32];

#[test]
fn the_client_of_coturn_gets_its_packets_echoed_through_a_channel() {
    // Four messages of each of two clients to a peer that echoes, over channels.
    let echo = Echo::new();
    let peer = echo.address().port().to_string();
    let arguments = ["-c", "-n", "4", "-m", "2", "-l", "160", "-e", "127.0.0.1", "-r", &peer];
    let Some((out, counters)) = run("turnutils_uclient", &arguments, Some(echo)) else { return };
    check(&out, "tot_send_msgs=8, tot_recv_msgs=8");
    assert!(counters.relayed_packets >= 16 && counters.allocated >= 2, "{counters:?}");
}

#[test]
fn the_client_of_coturn_gets_its_packets_echoed_through_indications() {
    let echo = Echo::new();
    let peer = echo.address().port().to_string();
    let arguments = ["-c", "-s", "-n", "4", "-m", "2", "-l", "160", "-e", "127.0.0.1", "-r", &peer];
    let Some((out, counters)) = run("turnutils_uclient", &arguments, Some(echo)) else { return };
    check(&out, "tot_send_msgs=8, tot_recv_msgs=8");
    assert!(counters.relayed_packets >= 16 && counters.allocated >= 2, "{counters:?}");
}

#[test]
fn the_stun_client_of_coturn_learns_its_address() {
    let Some((out, _)) = run("turnutils_stunclient", &[], None) else { return };
    check(&out, "UDP reflexive addr: 127.0.0.1:");
}

fn check(out: &Output, wanted: &str) {
    let printed = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(printed.contains(wanted), "{printed}");
}

/// A peer that sends everything back.
struct Echo {
    socket: UdpSocket,
}

impl Echo {
    fn new() -> Echo {
        Echo { socket: socket() }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    fn turn(&self) {
        let mut bytes = [0; 2_048];
        while let Ok((length, from)) = self.socket.recv_from(&mut bytes) {
            let _ = self.socket.send_to(&bytes[..length], from);
        }
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_nonblocking(true).expect("a socket that does not wait");
    socket
}

/// Runs a program against the server until it ends.
fn run(
    program: &str,
    arguments: &[&str],
    echo: Option<Echo>,
) -> Option<(Output, coeur_media::turn::Counters)> {
    let listener = socket();
    let local = listener.local_addr().expect("an address");
    let zero = Instant::now();
    let wall = Wall::from_secs(1_700_000_000);
    let issued = Credentials::issue(&SECRET, "alice", 1, wall + Duration::from_secs(60));
    let mut command = Command::new(program);
    command.args(arguments).args(["-p", &local.port().to_string()]);
    if echo.is_some() {
        command.args(["-u", &issued.username, "-w", &issued.password]);
    }
    let child = command.arg("127.0.0.1").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: no `{program}` on this machine (package coturn); interoperation was not tested");
        return None;
    };
    let first = "127.0.0.0".parse().expect("an address");
    let policy = PeerPolicy { listed: vec![Network::new(first, 8)], ..PeerPolicy::default() };
    let mut server = Server::new(Settings {
        realm: "example.org".into(),
        secret: SECRET,
        nonce_key: [4; 32],
        policy: Arc::new(policy),
        limits: Limits::default(),
        families: vec![Family::V4],
    });
    let mut relays: BTreeMap<AllocationId, UdpSocket> = BTreeMap::new();
    let mut bytes = [0; 2_048];
    while child.try_wait().expect("a child").is_none() && zero.elapsed() < Duration::from_secs(60) {
        let now = Now::new(Monotonic::default() + zero.elapsed(), wall + zero.elapsed());
        while let Ok((length, remote)) = listener.recv_from(&mut bytes) {
            let client = Client { local, remote, is_stream: false };
            let mut out = Vec::new();
            match server.receive(now, client, &bytes[..length], &mut out) {
                Action::Nothing => {}
                Action::Reply => drop(listener.send_to(&out, remote)),
                Action::Relay { allocation, to, data } => drop(relays[&allocation].send_to(data, to)),
            }
        }
        while let Some(task) = server.poll() {
            match task {
                Task::Open { allocation, is_even, .. } => {
                    // Every second port of the kernel is even.
                    let is_right =
                        |relay: &UdpSocket| relay.local_addr().is_ok_and(|at| !is_even || at.port() % 2 == 0);
                    let relay = std::iter::repeat_with(socket).find(is_right).expect("a port");
                    server.opened(allocation, relay.local_addr().ok());
                    relays.insert(allocation, relay);
                }
                Task::Close { allocation } => drop(relays.remove(&allocation)),
                Task::Reply { client, bytes } => drop(listener.send_to(&bytes, client.remote)),
            }
        }
        for (allocation, relay) in &relays {
            while let Ok((length, from)) = relay.recv_from(&mut bytes) {
                let mut out = Vec::new();
                let client = server.relayed(now.monotonic, *allocation, from, &bytes[..length], &mut out);
                if let Some(client) = client {
                    let _ = listener.send_to(&out, client.remote);
                }
            }
        }
        echo.iter().for_each(Echo::turn);
        // Real sockets, a real program: there is no clock to drive.
        std::thread::sleep(Duration::from_millis(1));
    }
    // The program that this test started, if it has not ended by itself.
    let _ = child.kill();
    Some((child.wait_with_output().expect("its output"), server.counters()))
}
