//! One DTLS association: from the first flight to the keys, and to its end.

use super::handshake::{HANDSHAKE_TIME_MAX, Handshake, Step};
use super::keys::Keys;
use super::{DATAGRAM_BYTES_MAX, Fingerprints, Identity, NASCENT_MAX, RESTARTS_MAX, record};
use crate::path::ProvenPath;
use coeur_sip::time::Monotonic;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Before a client begins anew: an attacker who can break its handshake gets no flood of ClientHellos out of it.
const RESTART_PAUSE: Duration = Duration::from_millis(200);

/// `a=setup` (RFC 8842 section 5.3): active is the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The session description told no fingerprint with a hash that we trust.
    NoFingerprint,
    /// The peer has another certificate than its session description told: it is somebody else.
    Fingerprint,
    /// The peer does not want SRTP, or none of our profiles.
    NoSrtp,
    /// No common cipher suite, a wrong signature, a message out of order.
    Handshake,
    /// Nothing came for too long.
    Timeout,
}

/// What is to be done.
pub enum Output {
    Send {
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// The peer is who it should be, and these are the keys. Once.
    Keys(Keys),
    /// The handshake failed and begins anew. At most [`RESTARTS_MAX`] times.
    Restarted(Failure),
    /// It is over without keys.
    Failed(Failure),
    /// The peer has closed the association, after its keys were told.
    Closed,
}

/// The machine. Memory: some 45 kB during a handshake and 15 kB when there are keys (measured in `tests/costs.rs`; the
/// library queues 30 received records at most). A server has up to [`NASCENT_MAX`] handshakes before it knows its client.
pub struct Association {
    role: Role,
    identity: Identity,
    told: Fingerprints,
    /// When [`Monotonic`] was zero.
    zero: Instant,
    state: State,
    /// Where answers go: where the peer was last heard, or where a client begins.
    remote: Option<SocketAddr>,
    /// When the handshake must be done. Set by its first datagram.
    deadline: Monotonic,
    restarts: u32,
    clear_alert: Option<u8>,
    outputs: VecDeque<Output>,
}

enum State {
    /// A client whose next handshake begins at this time.
    Waiting {
        until: Monotonic,
    },
    /// A server. Each ClientHello has a handshake of its own, until one comes back with its cookie; the oldest gives way.
    Listening(VecDeque<Nascent>),
    /// The only one. `heard` when the peer has said something.
    Handshaking {
        handshake: Handshake,
        heard: bool,
    },
    /// The keys were told.
    Established(Handshake),
    Over,
}

/// The handshake of a ClientHello with this random number, which a client keeps when it comes back.
struct Nascent {
    random: [u8; 32],
    handshake: Handshake,
}

impl Association {
    /// `zero` is the instant at which the caller's monotonic clock began. A client sends nothing before
    /// [`Association::start`].
    pub fn new(
        role: Role,
        identity: Identity,
        told: Fingerprints,
        zero: Instant,
    ) -> Result<Association, Failure> {
        if told.is_empty() {
            return Err(Failure::NoFingerprint);
        }
        let state = match role {
            Role::Client => State::Waiting { until: Monotonic::NEVER },
            Role::Server => State::Listening(VecDeque::new()),
        };
        Ok(Association {
            role,
            identity,
            told,
            zero,
            state,
            remote: None,
            deadline: Monotonic::NEVER,
            restarts: 0,
            clear_alert: None,
            outputs: VecDeque::new(),
        })
    }

    /// A client begins; a server already listens.
    pub fn start(&mut self, now: Monotonic, path: ProvenPath) {
        if matches!(self.state, State::Waiting { until: Monotonic::NEVER }) {
            self.remote = Some(path.remote());
            self.deadline = now + HANDSHAKE_TIME_MAX;
            self.begin(now);
        }
    }

    /// Takes a datagram that [`super::is_dtls`], from where the peer may speak.
    pub fn receive(&mut self, now: Monotonic, path: ProvenPath, datagram: &[u8]) {
        if datagram.len() > DATAGRAM_BYTES_MAX || matches!(self.state, State::Over | State::Waiting { .. }) {
            return;
        }
        let established = matches!(self.state, State::Established(_));
        if !established && let Some(alert) = record::clear_alert(datagram) {
            self.clear_alert = Some(alert);
            return;
        }
        let told = match &mut self.state {
            State::Listening(_) => return self.listen(now, path, datagram),
            State::Handshaking { handshake, heard } => {
                // Before its first message nothing else can be meant for this handshake, and the library gives up on it.
                if !*heard && !record::answers_hello(datagram) {
                    return;
                }
                *heard = true;
                handshake.receive(now, datagram)
            }
            State::Established(handshake) => handshake.receive(now, datagram),
            State::Waiting { .. } | State::Over => return,
        };
        self.remote = Some(path.remote());
        self.go_on(now, told);
    }

    /// To be called when [`Association::next_deadline`] has come.
    pub fn handle_timeout(&mut self, now: Monotonic) {
        if self.deadline.is_due(now) && !matches!(self.state, State::Established(_) | State::Over) {
            return self.end(Output::Failed(Failure::Timeout));
        }
        match &mut self.state {
            State::Waiting { until } => {
                if until.is_due(now) {
                    self.begin(now);
                }
            }
            State::Listening(nascent) => nascent.retain_mut(|each| {
                each.handshake.handle_timeout(now).is_ok()
                    && matches!(each.handshake.pump(&self.told, &mut |_| {}), Step::Quiet)
            }),
            State::Handshaking { handshake, .. } | State::Established(handshake) => {
                let told = handshake.handle_timeout(now);
                self.go_on(now, told);
            }
            State::Over => {}
        }
    }

    pub fn next_deadline(&self) -> Monotonic {
        match &self.state {
            State::Waiting { until } => (*until).min(self.deadline),
            State::Listening(nascent) => {
                let wakes = nascent.iter().map(|each| each.handshake.wake());
                wakes.min().unwrap_or(Monotonic::NEVER).min(self.deadline)
            }
            State::Handshaking { handshake, .. } => handshake.wake().min(self.deadline),
            State::Established(handshake) => handshake.wake(),
            State::Over => Monotonic::NEVER,
        }
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Says `close_notify` if there is somebody to say it to. Nothing is heard afterwards.
    pub fn close(&mut self) {
        if let State::Established(handshake) = &mut self.state {
            handshake.close();
            let mut send = sender(&mut self.outputs, self.remote);
            handshake.pump(&self.told, &mut send);
        }
        self.state = State::Over;
    }

    /// The last alert that came in the clear: perhaps of the peer, for the operator.
    pub const fn clear_alert(&self) -> Option<u8> {
        self.clear_alert
    }

    /// A client's handshake, or a server's ear.
    fn begin(&mut self, now: Monotonic) {
        if self.role == Role::Server {
            self.state = State::Listening(VecDeque::new());
            return;
        }
        match Handshake::new(self.role, &self.identity, self.zero, now) {
            Some(handshake) => {
                self.state = State::Handshaking { handshake, heard: false };
                self.go_on(now, Ok(()));
            }
            None => self.end(Output::Failed(Failure::Handshake)),
        }
    }

    /// A datagram for a server that does not know its client yet.
    fn listen(&mut self, now: Monotonic, path: ProvenPath, datagram: &[u8]) {
        let State::Listening(nascent) = &mut self.state else { return };
        let Some(hello) = record::client_hello(datagram) else { return };
        let known = match hello.random {
            Some(random) => nascent.iter().position(|each| each.random == random),
            // The rest of a ClientHello in two datagrams: of the last one, most likely.
            None => nascent.len().checked_sub(1),
        };
        let mut each = match (known.and_then(|at| nascent.remove(at)), hello.random) {
            (Some(each), _) => each,
            (None, Some(random)) => {
                let handshake = Handshake::new(self.role, &self.identity, self.zero, now);
                let Some(handshake) = handshake else { return };
                Nascent { random, handshake }
            }
            (None, None) => return,
        };
        if self.deadline == Monotonic::NEVER {
            self.deadline = now + HANDSHAKE_TIME_MAX;
        }
        self.remote = Some(path.remote());
        // What cannot be gone on with is forgotten, and nothing else with it.
        if each.handshake.receive(now, datagram).is_err() {
            return;
        }
        let (mut chosen, mut send) = (false, sender(&mut self.outputs, self.remote));
        let step = each.handshake.pump(&self.told, &mut |bytes| {
            chosen |= record::is_server_hello(bytes);
            send(bytes);
        });
        match step {
            Step::Quiet if chosen => {
                self.state = State::Handshaking { handshake: each.handshake, heard: true };
            }
            Step::Quiet => {
                if nascent.len() == NASCENT_MAX {
                    nascent.pop_front();
                }
                nascent.push_back(each);
            }
            Step::Keys(_) | Step::Closed | Step::Broken(_) => {}
        }
    }

    /// What the one handshake came to.
    fn go_on(&mut self, now: Monotonic, told: Result<(), Failure>) {
        let (State::Handshaking { handshake, .. } | State::Established(handshake)) = &mut self.state else {
            return;
        };
        let step = match told {
            Ok(()) => {
                let mut send = sender(&mut self.outputs, self.remote);
                handshake.pump(&self.told, &mut send)
            }
            Err(failure) => Step::Broken(failure),
        };
        match step {
            Step::Quiet => {}
            Step::Keys(keys) => self.establish(keys),
            Step::Closed => self.end(Output::Closed),
            Step::Broken(failure) => self.broken(now, failure),
        }
    }

    fn establish(&mut self, keys: Keys) {
        if let State::Handshaking { handshake, .. } = std::mem::replace(&mut self.state, State::Over) {
            self.state = State::Established(handshake);
            self.outputs.push_back(Output::Keys(keys));
        }
    }

    /// The library can go on no more. Whoever broke it, the call is not his to end: a handshake begins anew.
    fn broken(&mut self, now: Monotonic, failure: Failure) {
        if matches!(self.state, State::Established(_)) {
            return self.end(Output::Closed);
        }
        if self.restarts == RESTARTS_MAX {
            return self.end(Output::Failed(failure));
        }
        self.restarts += 1;
        self.outputs.push_back(Output::Restarted(failure));
        match self.role {
            Role::Client => self.state = State::Waiting { until: now + RESTART_PAUSE },
            Role::Server => self.begin(now),
        }
    }

    fn end(&mut self, output: Output) {
        self.state = State::Over;
        self.outputs.push_back(output);
    }
}

/// Puts datagrams for the peer among the outputs.
fn sender(outputs: &mut VecDeque<Output>, to: Option<SocketAddr>) -> impl FnMut(&[u8]) {
    move |bytes| outputs.extend(to.map(|to| Output::Send { to, bytes: bytes.to_vec() }))
}
