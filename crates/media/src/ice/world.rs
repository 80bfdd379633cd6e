//! A small internet for tests: agents behind NATs of any shape, over a network that delays and loses.

use super::*;
use crate::address::PeerPolicy;
use coeur_sip::network::Network;
use coeur_sip::time::Monotonic;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// How a NAT maps and filters (RFC 4787 sections 4 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// No NAT.
    Open,
    FullCone,
    /// Filters by address.
    Restricted,
    /// Filters by address and port.
    PortRestricted,
    /// Another port for each destination, and filters by address and port.
    Symmetric,
}

pub(super) const SHAPES: [Shape; 5] =
    [Shape::Open, Shape::FullCone, Shape::Restricted, Shape::PortRestricted, Shape::Symmetric];

struct Nat {
    shape: Shape,
    outside: IpAddr,
    /// Inside, destination if the mapping depends on it, port outside.
    mappings: Vec<(SocketAddr, Option<SocketAddr>, u16)>,
    /// Who was spoken to through each port.
    spoken_to: Vec<(u16, SocketAddr)>,
}

impl Nat {
    fn leave(&mut self, inside: SocketAddr, to: SocketAddr) -> SocketAddr {
        let key = (self.shape == Shape::Symmetric).then_some(to);
        let known = self.mappings.iter().find(|mapping| (mapping.0, mapping.1) == (inside, key));
        let port = known.map(|mapping| mapping.2).unwrap_or_else(|| {
            let port = 40_000 + self.mappings.len() as u16;
            self.mappings.push((inside, key, port));
            port
        });
        self.spoken_to.push((port, to));
        SocketAddr::new(self.outside, port)
    }

    fn enter(&self, port: u16, from: SocketAddr) -> Option<SocketAddr> {
        let mapping = self.mappings.iter().find(|mapping| mapping.2 == port)?;
        let mut spoken_to = self.spoken_to.iter().filter(|(spoken, _)| *spoken == port).map(|(_, to)| to);
        let passes = match self.shape {
            Shape::Open | Shape::FullCone => true,
            Shape::Restricted => spoken_to.any(|to| to.ip() == from.ip()),
            Shape::PortRestricted | Shape::Symmetric => spoken_to.any(|to| *to == from),
        };
        passes.then_some(mapping.0)
    }
}

pub(super) struct End {
    pub(super) agent: Agent,
    pub(super) host: SocketAddr,
    nat: Option<Nat>,
    pub(super) told: Vec<Output>,
    pub(super) sent: usize,
}

pub(super) struct World {
    pub(super) now: Monotonic,
    pub(super) ends: Vec<End>,
    /// Due time, from, to, bytes.
    wire: Vec<(Monotonic, SocketAddr, SocketAddr, Vec<u8>)>,
    /// Of a hundred.
    pub(super) loss: u64,
    state: u64,
    /// Nothing of this end leaves it.
    pub(super) mute: Option<usize>,
}

pub(super) fn credentials(nth: u8) -> Credentials {
    Credentials::from_random(&[nth; 24])
}

pub(super) fn settings(mode: Mode, role: Role, seed: u8) -> Settings {
    // Phones stand in 10.0.0.0/8, which both sides of these tests may speak to.
    let listed = vec![Network::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8)];
    let policy = Arc::new(PeerPolicy { listed, ..PeerPolicy::default() });
    Settings { mode, role, policy, seed: [seed; 32] }
}

impl World {
    pub(super) fn new(seed: u64) -> World {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        World {
            now: Monotonic::from_secs(100),
            ends: Vec::new(),
            wire: Vec::new(),
            loss: 0,
            state,
            mute: None,
        }
    }

    /// Adds an agent, behind a NAT of its own.
    pub(super) fn add(&mut self, mode: Mode, role: Role, shape: Shape) {
        let nth = self.ends.len() as u8 + 1;
        let outside = IpAddr::from([198, 51, 100, nth]);
        let inside = if shape == Shape::Open { outside } else { IpAddr::from([10, 0, nth, 1]) };
        let host = SocketAddr::new(inside, 5_000);
        let nat = (shape != Shape::Open).then(|| Nat {
            shape,
            outside,
            mappings: Vec::new(),
            spoken_to: Vec::new(),
        });
        let mut agent = Agent::new(settings(mode, role, nth), credentials(nth));
        assert!(agent.add_local(self.now, Candidate::local(CandidateKind::Host, 1, 65_535, host, host)));
        self.ends.push(End { agent, host, nat, told: Vec::new(), sent: 0 });
    }

    /// What an end tells of itself: its host candidate, and what a STUN server saw.
    pub(super) fn candidates(&mut self, end: usize) -> Vec<Candidate> {
        let end = &mut self.ends[end];
        let mut candidates = vec![Candidate::local(CandidateKind::Host, 1, 65_535, end.host, end.host)];
        if let Some(nat) = &mut end.nat {
            let seen = nat.leave(end.host, SocketAddr::from(([192, 0, 2, 200], 3478)));
            candidates.push(Candidate::local(CandidateKind::ServerReflexive, 1, 65_535, seen, end.host));
        }
        candidates
    }

    /// Both tell each other everything.
    pub(super) fn introduce(&mut self, one: usize, other: usize) {
        for (to, from) in [(one, other), (other, one)] {
            let candidates = self.candidates(from);
            let credentials = self.ends[from].agent.credentials().clone();
            let is_lite = self.ends[from].agent.common.mode == Mode::Lite;
            let agent = &mut self.ends[to].agent;
            agent.set_remote(self.now, credentials, is_lite);
            for candidate in candidates {
                agent.add_remote(self.now, &candidate);
            }
        }
    }

    fn chance(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 16
    }

    fn collect(&mut self) {
        for nth in 0..self.ends.len() {
            while let Some(output) = self.ends[nth].agent.poll() {
                let Output::Send { local, to, bytes } = output else {
                    self.ends[nth].told.push(output);
                    continue;
                };
                assert_eq!(local, self.ends[nth].host);
                self.ends[nth].sent += 1;
                if self.mute == Some(nth) || self.chance() % 100 < self.loss {
                    continue;
                }
                let from = self.ends[nth].nat.as_mut().map_or(local, |nat| nat.leave(local, to));
                let delay = Duration::from_millis(10 + self.chance() % 20);
                self.wire.push((self.now + delay, from, to, bytes));
            }
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        for end in &mut self.ends {
            let entered = match &end.nat {
                Some(nat) if nat.outside == to.ip() => nat.enter(to.port(), from),
                Some(_) => None,
                None => (end.host == to).then_some(to),
            };
            if let Some(local) = entered {
                end.agent.receive(self.now, local, from, bytes);
            }
        }
    }

    /// The NAT of this end forgets its mappings, and media of it comes out of a new one to `to`: from there.
    pub(super) fn rebind(&mut self, end: usize, to: SocketAddr) -> SocketAddr {
        let End { nat, host, .. } = &mut self.ends[end];
        let nat = nat.as_mut().expect("an end behind a NAT");
        for mapping in &mut nat.mappings {
            mapping.0 = SocketAddr::from(([0; 4], 0)); // the port is not given again
        }
        nat.leave(*host, to)
    }

    pub(super) fn run(&mut self, span: Duration) {
        let until = self.now + span;
        self.collect();
        loop {
            let timers = self.ends.iter().map(|end| end.agent.next_deadline()).min();
            let arrival = self.wire.iter().map(|(due, ..)| *due).min();
            let next = timers.into_iter().chain(arrival).min().unwrap_or(Monotonic::NEVER);
            if next > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
            while let Some(at) = self.wire.iter().position(|(due, ..)| due.is_due(self.now)) {
                let (_, from, to, bytes) = self.wire.remove(at);
                self.deliver(from, to, &bytes);
                self.collect();
            }
            for end in &mut self.ends {
                if end.agent.next_deadline().is_due(self.now) {
                    end.agent.handle_timeout(self.now);
                    assert!(
                        !end.agent.next_deadline().is_due(self.now) || end.agent.common.outputs.len() < 50
                    );
                }
            }
            self.collect();
        }
    }

    /// True when both have a pair and media goes through it both ways.
    pub(super) fn is_connected(&mut self, one: usize, other: usize) -> bool {
        self.reaches(one, other) && self.reaches(other, one)
    }

    fn reaches(&mut self, from: usize, to: usize) -> bool {
        let Some((local, remote)) = self.ends[from].agent.selected() else { return false };
        let seen = self.ends[from].nat.as_mut().map_or(local, |nat| nat.leave(local, remote));
        let end = &self.ends[to];
        let entered = match &end.nat {
            Some(nat) if nat.outside == remote.ip() => nat.enter(remote.port(), seen),
            Some(_) => None,
            None => (end.host == remote).then_some(remote),
        };
        entered == Some(end.host) && end.agent.proven(seen).is_some()
    }
}
