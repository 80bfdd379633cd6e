//! The ICE agent with that of aioice, over real sockets. Skipped, with the reason, where Python has no `aioice`.

use coeur_media::address::PeerPolicy;
use coeur_media::ice::{Agent, Candidate, CandidateKind, Credentials, Mode, Output, Role, Settings};
use coeur_media::stun::is_stun;
use coeur_sip::network::Network;
use coeur_sip::time::Monotonic;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// It tells its credentials and its candidate, looks for a pair, and sends a word until it hears one.
const PEER: &str = r#"
import asyncio, sys, aioice, aioice.ice
fragment, password, port, controlling, lite = sys.argv[1:6]
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
async def main():
    peer = aioice.Connection(ice_controlling=controlling == "1", components=1, use_ipv6=False)
    await peer.gather_candidates()
    print(peer.local_username, peer.local_password, flush=True)
    print(peer.local_candidates[0].to_sdp(), flush=True)
    peer.remote_username, peer.remote_password, peer.remote_is_lite = fragment, password, lite == "1"
    await peer.add_remote_candidate(
        aioice.Candidate.from_sdp("1 1 UDP 2130706431 127.0.0.1 " + port + " typ host"))
    await peer.add_remote_candidate(None)
    await peer.connect()
    await peer.send(b"\x80hello")
    print((await asyncio.wait_for(peer.recv(), 5)).decode("latin1"), flush=True)
    await peer.close()
asyncio.run(asyncio.wait_for(main(), 20))
"#;

#[test]
fn a_lite_agent_is_found_by_aioice() {
    meet(Mode::Lite, Role::Controlled);
}

#[test]
fn a_full_agent_meets_aioice_in_both_roles() {
    meet(Mode::Full, Role::Controlled);
    meet(Mode::Full, Role::Controlling);
}

fn meet(mode: Mode, role: Role) {
    let found = Command::new("python3").args(["-c", "import aioice"]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: Python has no `aioice` on this machine; interoperation with it was not tested");
        return;
    }
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
    let local = socket.local_addr().expect("an address");
    let first = "127.0.0.0".parse().expect("an address");
    let policy = Arc::new(PeerPolicy { listed: vec![Network::new(first, 8)], ..PeerPolicy::default() });
    let ours = Credentials::from_random(&[7; 24]);
    let mut agent = Agent::new(Settings { mode, role, policy, seed: [1; 32] }, ours.clone());
    let zero = Instant::now();
    let now = || Monotonic::default() + zero.elapsed();
    assert!(agent.add_local(now(), Candidate::local(CandidateKind::Host, 1, 65_535, local, local)));
    let flag = |set: bool| if set { "1" } else { "0" };
    let mut child = Command::new("python3")
        .args(["-c", PEER, ours.fragment(), ours.password(), &local.port().to_string()])
        .args([flag(role == Role::Controlled), flag(mode == Mode::Lite)])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut printed = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = || {
        let mut text = String::new();
        printed.read_line(&mut text).expect("a line");
        text.trim().to_owned()
    };
    let (credentials, candidate) = (line(), line());
    let (fragment, password) = credentials.split_once(' ').expect("credentials");
    agent.set_remote(now(), Credentials::new(fragment, password).expect("credentials"), false);
    assert!(agent.add_remote(now(), &Candidate::parse(&candidate).expect("a candidate")));
    let (mut bytes, mut selected) = ([0; 2_048], false);
    while child.try_wait().expect("a child").is_none() && zero.elapsed() < Duration::from_secs(30) {
        if agent.next_deadline().is_due(now()) {
            agent.handle_timeout(now());
        }
        while let Some(output) = agent.poll() {
            match output {
                Output::Send { to, bytes, .. } => drop(socket.send_to(&bytes, to)),
                Output::Selected { .. } => selected = true,
                Output::Failed | Output::Lost => panic!("{output:?}"),
            }
        }
        let Ok((length, from)) = socket.recv_from(&mut bytes) else { continue };
        if is_stun(&bytes[..length]) {
            agent.receive(now(), local, from, &bytes[..length]);
        } else {
            assert!(agent.proven(from).is_some() && &bytes[..length] == b"\x80hello");
            socket.send_to(b"world", from).expect("sent");
        }
    }
    // The program that this test started, if it has not ended by itself.
    let _ = child.kill();
    let _ = child.wait();
    let mut rest = String::new();
    let _ = printed.read_to_string(&mut rest);
    assert_eq!((rest.trim(), selected), ("world", true), "{mode:?} {role:?}, {:?}", agent.counters());
}
