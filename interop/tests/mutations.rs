//! Some 4,500 requests, each wrong in one element, against a real server over UDP and TCP. After every one the server
//! answers an OPTIONS within a second; at the end it is the same process, it has forgotten everything, and phones call.

use coeur_interop::agent::{Agent, Taking};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_sim::mutations::{Case, Place, cases, uri_of};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const SEED: u64 = 7;
const PATIENCE: Duration = Duration::from_secs(32);

struct Bench {
    server: Coeur,
    alice: Agent,
    bob: Taking,
    watcher: Agent,
    before_kb: u64,
}

impl Bench {
    fn new(name: &str) -> Self {
        // What is taken and never acknowledged counts as a call for half a minute.
        let flags = ["--calls-per-account", "0"];
        let server = Coeur::start_with(name, &[("alice", "secret-a-1"), ("bob", "secret-b-2")], &flags);
        let mut alice = Agent::new(&server, [127, 0, 0, 77], "alice", "secret-a-1");
        let mut bob = Agent::new(&server, [127, 0, 0, 78], "bob", "secret-b-2");
        assert_eq!(alice.register(PATIENCE), Some(200));
        assert_eq!(bob.register(PATIENCE), Some(200));
        let watcher = Agent::new(&server, [127, 0, 0, 5], "watcher", "");
        let before_kb = server.resident_kb();
        Self { server, alice, bob: Taking::start(bob), watcher, before_kb }
    }

    fn place(&self, transport: &'static str, local: String, proves_itself: bool) -> Place {
        Place { domain: DOMAIN.into(), user: "alice".into(), local, transport, proves_itself }
    }

    fn lives(&mut self, case: &Case) {
        let uri = format!("sip:{DOMAIN}");
        let options = self.watcher.write("OPTIONS", &uri, &format!("<{uri}>"), "watch", "", "");
        // Sent twice within the second, in case the machine itself lost the first.
        let answer = self.watcher.transact(&options, Duration::from_secs(1));
        assert_eq!(answer.map(|heard| heard.status), Some(200), "after {} {}", case.group, case.number);
    }

    fn end(mut self, sent: usize) {
        assert_eq!(self.alice.register(PATIENCE), Some(200), "{}", self.server.log());
        let dialog = self.alice.call("bob", PATIENCE).expect("phones call as before");
        assert_eq!(self.alice.hang_up(&dialog, PATIENCE), Some(200));
        let more_kb = self.server.resident_kb().saturating_sub(self.before_kb);
        println!(
            "{sent} mutated requests: {} could not be read, {} were relayed; an OPTIONS was answered after each; \
             {more_kb} kB more memory",
            self.server.metric("coeur_malformed_total"),
            self.server.metric("coeur_proxied_requests_total"),
        );
        assert!(self.server.is_running());
        assert!(!self.server.log().contains("panicked"), "{}", self.server.log());
        // Calls and transactions of the last half minute are among it: 50 to 75 MB in a debug build.
        assert!(more_kb < 96 * 1_024);
        self.bob.stop();
    }
}

#[test]
#[ignore = "attacks a real server"]
fn a_server_answers_on_after_every_mutated_request_over_udp() {
    let mut bench = Bench::new("mutations-udp");
    let mut sent = 0;
    for proves_itself in [false, true] {
        let place = bench.place("UDP", bench.alice.local.to_string(), proves_itself);
        for case in cases(SEED, &place) {
            let credentials = bench.alice.credentials(case.method, &uri_of(case.method, DOMAIN));
            let bytes = case.with(credentials.expect("a nonce is in hand").trim_end());
            bench.alice.send(&bytes);
            sent += 1;
            bench.lives(&case);
            for heard in bench.alice.hear_all(Duration::ZERO) {
                if matches!(heard.status, 401 | 407) {
                    bench.alice.learn(&heard);
                }
            }
        }
    }
    bench.end(sent);
}

#[test]
#[ignore = "attacks a real server"]
fn a_server_answers_on_after_every_mutated_request_over_tcp() {
    let mut bench = Bench::new("mutations-tcp");
    let connect = |bench: &Bench| {
        let stream = TcpStream::connect(("127.0.0.1", bench.server.tcp)).expect("the server accepts");
        stream.set_nonblocking(true).expect("a stream");
        stream
    };
    let place = bench.place("TCP", "127.0.0.1:5060".into(), false);
    let (mut stream, mut connections, mut sent, mut buffer) = (connect(&bench), 1, 0, vec![0; 65_536]);
    for case in cases(SEED, &place) {
        // What was left of the last case belongs to another message.
        let written = stream.write_all(&case.bytes);
        sent += 1;
        bench.lives(&case);
        let closed = loop {
            match stream.read(&mut buffer) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) => break error.kind() != ErrorKind::WouldBlock,
            }
        };
        // A message whose end never comes would swallow the next ones.
        if closed || written.is_err() || case.group == "content-length" || case.group.ends_with("crlf") {
            stream = connect(&bench);
            connections += 1;
        }
    }
    println!("{connections} connections");
    bench.end(sent);
}
