//! ICE of one port (RFC 8445): its agent, and what follows from what it finds.

use super::Hands;
use crate::media::slow::Port;
use coeur_exchange::media::{Ice, IceCredentials, IceFailure, IceState};
use coeur_media::address::PeerPolicy;
use coeur_media::ice::{Agent, Candidate, CandidateKind, Credentials, Mode, Output, Role, Settings};
use coeur_media::relay::{Component, StreamKey};
use coeur_sip::network::Network;
use coeur_sip::network::is_inside;
use coeur_sip::time::Monotonic;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub(super) struct Path {
    pub(super) agent: Agent,
    port: Port,
    ours: IceCredentials,
    theirs: IceCredentials,
    failed: Option<IceFailure>,
}

impl Path {
    /// Something was agreed. Other credentials are a restart (RFC 8445 section 9), in which the pair before is used until
    /// there is a new one; the same ones may bring more candidates (RFC 8838).
    pub(super) fn agree(
        path: &mut Option<Path>,
        ice: Option<&Ice>,
        port: Port,
        component: Component,
        policy: PeerPolicy,
        now: Monotonic,
    ) -> Result<(), IceFailure> {
        let Some(ice) = ice else {
            *path = None;
            return Ok(());
        };
        let (ours, theirs) = (credentials(&ice.ours)?, credentials(&ice.theirs)?);
        let is_new = path.is_none();
        let path = path.get_or_insert_with(|| Path::new(ice, ours.clone(), port, component, policy, now));
        let is_same = path.ours == ice.ours && path.theirs == ice.theirs;
        if !is_new && !is_same {
            path.agent.restart(ours);
            path.failed = None;
        }
        if is_new || !is_same {
            path.agent.set_remote(now, theirs, ice.their_lite);
            (path.ours, path.theirs) = (ice.ours.clone(), ice.theirs.clone());
        }
        let number = number(component);
        for candidate in ice.candidates.iter().filter(|candidate| u16::from(candidate.component) == number) {
            let candidate = Candidate {
                // Which kind it is does not matter: its priority is told.
                kind: CandidateKind::Host,
                component: number,
                priority: candidate.priority,
                address: candidate.address,
                base: None,
            };
            // What policy or a limit refuses is counted by the agent.
            let _ = path.agent.add_remote(now, &candidate);
        }
        Ok(())
    }

    fn new(
        ice: &Ice,
        ours: Credentials,
        port: Port,
        component: Component,
        policy: PeerPolicy,
        now: Monotonic,
    ) -> Path {
        // A lite peer makes no checks (RFC 8445 section 2.5), so somebody must.
        let mode = if ice.controlling || ice.their_lite { Mode::Full } else { Mode::Lite };
        let role = if ice.controlling { Role::Controlling } else { Role::Controlled };
        let mut seed = [0; 32];
        crate::house::random(&mut seed);
        let mut agent = Agent::new(Settings { mode, role, policy: Arc::new(policy), seed }, ours);
        let local =
            Candidate::local(CandidateKind::Host, number(component), u16::MAX, port.bound, port.bound);
        // The first one is within the limit.
        let _ = agent.add_local(now, local);
        let (ours, theirs) = (ice.ours.clone(), ice.theirs.clone());
        Path { agent, port, ours, theirs, failed: None }
    }

    pub(super) fn receive(&mut self, now: Monotonic, from: SocketAddr, bytes: &[u8]) {
        self.agent.receive(now, self.port.bound, from, bytes);
    }

    /// See [`Agent::moved`].
    pub(super) fn moved(&mut self, now: Monotonic, from: SocketAddr) {
        self.agent.moved(now, self.port.bound, from);
    }

    /// Sends what the agent wants to say and tells the relay what it has found.
    pub(super) fn work(
        &mut self,
        stream: StreamKey,
        component: Component,
        hands: &mut Hands<'_>,
    ) -> Option<IceFailure> {
        let mut told = None;
        while let Some(output) = self.agent.poll() {
            match output {
                Output::Send { to, bytes, .. } => {
                    hands.replies.packets.push((self.port.transport, to, bytes.into()));
                }
                Output::Selected { remote, .. } => {
                    self.failed = None;
                    hands.relay.validate(stream, component, remote, true);
                }
                // During a restart the pair of before may still do.
                Output::Failed if self.agent.selected().is_some() => {}
                Output::Failed => told = Some(IceFailure::NoPair),
                Output::Lost => {
                    if self.agent.selected().is_none() {
                        hands.relay.unselect(stream, component);
                    }
                    told = Some(IceFailure::ConsentLost);
                }
            }
        }
        self.failed = told.or(self.failed);
        told
    }

    pub(super) fn state(&self) -> IceState {
        let counters = self.agent.counters();
        let refused = counters.malformed + counters.stranger + counters.integrity + counters.forbidden;
        match (self.failed, self.agent.selected()) {
            (Some(why), _) => IceState::Failed { why, refused },
            (None, Some((_, remote))) => IceState::Connected { remote, refused },
            (None, None) => IceState::Checking { refused },
        }
    }
}

/// Whom a peer may name as an address of his own (threat T-25): anybody outside; whoever his signalling comes from; and
/// what is inside, if he is inside himself. Never an address of this host, unless he signals from it, or its port is one that
/// TURN may have lent him.
pub(super) fn policy(
    own: &[IpAddr],
    relayed: &[(IpAddr, u16, u16)],
    bound: IpAddr,
    signalled_from: IpAddr,
) -> PeerPolicy {
    let from = signalled_from.to_canonical();
    let host = Network::new(from, if from.is_ipv4() { 32 } else { 128 });
    let inside: &[Network] = if is_inside(from) { &PRIVATE } else { &[] };
    let listed = std::iter::once(host).chain(inside.iter().copied()).collect();
    let own = own.iter().copied().chain([bound]).collect();
    PeerPolicy { listed, own, media: relayed.to_vec(), only_listed: false }
}

/// Networks of sites (RFC 1918, RFC 6598, RFC 4193): not loopback, not link-local.
const PRIVATE: [Network; 5] = [
    Network::new(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 0)), 8),
    Network::new(IpAddr::V4(std::net::Ipv4Addr::new(172, 16, 0, 0)), 12),
    Network::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 0, 0)), 16),
    Network::new(IpAddr::V4(std::net::Ipv4Addr::new(100, 64, 0, 0)), 10),
    Network::new(IpAddr::V6(std::net::Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
];

pub(super) fn credentials(told: &IceCredentials) -> Result<Credentials, IceFailure> {
    Credentials::new(&told.ufrag, &told.password.0).map_err(|_| IceFailure::Credentials)
}

/// RFC 8445 section 5.1.1.1.
const fn number(component: Component) -> u16 {
    match component {
        Component::Rtp => 1,
        Component::Rtcp => 2,
    }
}
