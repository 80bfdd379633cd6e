//! What ICE and DTLS come to when nobody answers, with a clock that is driven.

use super::*;
use coeur_exchange::media::{
    Candidate, DtlsFailure, DtlsRole, DtlsState, Fingerprint, Ice, IceCredentials, IceFailure, IcePassword,
    IceState,
};
use coeur_media::address::PeerPolicy;
use coeur_media::demux::Protocol;
use coeur_media::ice::{self, Agent, CandidateKind, Credentials, Mode, Role};
use coeur_media::relay::{self, Component, Relay, StreamKey, TransportKey};
use coeur_sip::network::Network;
use coeur_sip::time::Monotonic;

/// The slow path of one stream, without sockets.
struct Lone {
    slow: Negotiation,
    relay: Relay,
    replies: Replies,
    stream: StreamKey,
    port: TransportKey,
    now: Monotonic,
}

const SERVER: &str = "192.0.2.1:20000";
const PEER: &str = "198.51.100.2:5000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Lone {
    fn new() -> Self {
        let certificate = Arc::new(Certificate::new(Clock::default().zero()).unwrap());
        let slow = Negotiation::new(certificate, Arc::default());
        let mut relay = Relay::default();
        let (stream, port, _) = relay.open(relay::Ports::One, false);
        let now = Monotonic::from_secs(100);
        Self { slow, relay, replies: Replies::default(), stream, port: port.unwrap(), now }
    }

    fn agree(&mut self, agreed: &Stream) {
        let peer = translate::agreed(agreed, None, address(PEER).ip());
        self.relay.agree(self.stream, Some(peer), self.now);
        let agreement = Agreement {
            id: id(1),
            index: 0,
            stream: self.stream,
            rtp: Port { transport: self.port, bound: address(SERVER) },
            rtcp: None,
            signalled_from: address(PEER).ip(),
            agreed,
            kept: None,
        };
        self.slow.agreed(self.now, agreement, &mut self.relay, &mut self.replies);
    }

    /// Fires every timer up to then; how many there were.
    fn pass(&mut self, until: Monotonic, mut at_each: impl FnMut(&mut Self)) -> usize {
        let mut fired = 0;
        while let Some(deadline) = self.slow.next_deadline().filter(|deadline| *deadline <= until) {
            assert!(deadline > self.now || fired == 0, "a timer that does not advance");
            self.now = self.now.max(deadline);
            self.slow.ticked(self.now, &mut self.relay, &mut self.replies);
            fired += 1;
            at_each(self);
        }
        self.now = self.now.max(until);
        fired
    }

    fn failures(&mut self) -> (Vec<IceFailure>, Vec<DtlsFailure>) {
        let (mut ice, mut dtls) = (Vec::new(), Vec::new());
        for event in self.replies.events.drain(..) {
            match event {
                MediaEvent::IceFailed { why, .. } => ice.push(why),
                MediaEvent::DtlsFailed { why, .. } => dtls.push(why),
                other => panic!("{other:?}"),
            }
        }
        (ice, dtls)
    }
}

fn told(ufrag: &str) -> IceCredentials {
    IceCredentials {
        ufrag: ufrag.into(),
        password: IcePassword(format!("{ufrag}0123456789012345678901").into()),
    }
}

fn stream(role: DtlsRole, controlling: bool) -> Stream {
    let candidate =
        Candidate { component: 1, priority: 2_130_706_431, address: address(PEER), foundation: "1".into() };
    let ice = Ice {
        ours: told("ours"),
        theirs: told("theirs"),
        their_lite: controlling,
        wire: false,
        controlling,
        candidates: [candidate].into(),
    };
    let fingerprints = [Fingerprint { hash: "sha-256".into(), bytes: [7; 32].into() }].into();
    Stream {
        rtp: address(PEER),
        rtcp: address(PEER),
        rtcp_mux: true,
        keying: Keying::Dtls { role, fingerprints },
        ice: Some(Box::new(ice)),
        ..Phone::new("127.0.0.1").stream()
    }
}

#[test]
fn where_nobody_answers_it_is_told_once_that_there_is_no_pair_and_no_handshake() {
    for (role, controlling) in
        [(DtlsRole::Client, false), (DtlsRole::Server, false), (DtlsRole::Client, true)]
    {
        let mut lone = Lone::new();
        lone.agree(&stream(role, controlling));
        let start = lone.now;
        lone.pass(start + Duration::from_secs(29), |_| {});
        assert_eq!(lone.failures(), (vec![], vec![]));
        let fired = lone.pass(start + Duration::from_secs(300), |_| {});
        assert_eq!(lone.failures(), (vec![IceFailure::NoPair], vec![DtlsFailure::NotBegun]));
        assert!(fired < 100, "{fired}");
        let (ice, dtls) = lone.slow.states(lone.stream);
        assert_eq!(ice, IceState::Failed { why: IceFailure::NoPair, refused: 0 });
        assert_eq!(dtls, DtlsState::Failed { why: DtlsFailure::NotBegun });
        // Checks are few and go to the candidate alone; nothing of DTLS goes anywhere.
        let checks = lone.replies.packets.iter().filter(|(_, to, _)| *to == address(PEER)).count();
        assert_eq!(checks, lone.replies.packets.len());
        assert!(if controlling { (1..=10).contains(&checks) } else { checks == 0 }, "{checks}");
    }
}

#[test]
fn a_handshake_that_nobody_goes_on_with_ends_in_time() {
    let mut lone = Lone::new();
    lone.agree(&Stream { ice: None, ..stream(DtlsRole::Client, false) });
    let start = lone.now;
    lone.pass(start + Duration::from_secs(300), |_| {});
    assert_eq!(lone.failures(), (vec![], vec![DtlsFailure::Timeout]));
    let sent = lone.replies.packets.len();
    assert!((2..=20).contains(&sent), "{sent}");
}

#[test]
fn descriptions_that_cannot_be_used_are_told_at_once() {
    let mut lone = Lone::new();
    let mut bad = stream(DtlsRole::Server, false);
    bad.keying = Keying::Dtls {
        role: DtlsRole::Server,
        fingerprints: [Fingerprint { hash: "sha-1".into(), bytes: [7; 20].into() }].into(),
    };
    bad.ice.as_mut().unwrap().theirs.ufrag = "a:b".into();
    lone.agree(&bad);
    assert_eq!(lone.failures(), (vec![IceFailure::Credentials], vec![DtlsFailure::NoFingerprint]));
}

/// RFC 7675 section 5.1: nothing is sent to an end that has not confirmed for 30 seconds that it wants it.
#[test]
fn an_end_that_confirms_its_consent_no_more_is_sent_nothing() {
    let mut lone = Lone::new();
    let theirs = |told: &IceCredentials| Credentials::new(&told.ufrag, &told.password.0).ok().unwrap();
    let policy = PeerPolicy { listed: vec![Network::new([192, 0, 2, 0].into(), 24)], ..Default::default() };
    let settings =
        ice::Settings { mode: Mode::Lite, role: Role::Controlled, policy: Arc::new(policy), seed: [1; 32] };
    let mut peer = Agent::new(settings, theirs(&told("theirs")));
    peer.add_local(lone.now, ice::Candidate::local(CandidateKind::Host, 1, 1, address(PEER), address(PEER)));
    peer.set_remote(lone.now, theirs(&told("ours")), false);
    lone.agree(&stream(DtlsRole::Server, true));
    let start = lone.now;
    let silent_from = start + Duration::from_secs(60);
    let answer = |lone: &mut Lone| {
        for (_, to, bytes) in std::mem::take(&mut lone.replies.packets) {
            assert_eq!(to, address(PEER));
            peer.receive(lone.now, address(PEER), address(SERVER), &bytes);
            while let Some(ice::Output::Send { bytes, .. }) = peer.poll() {
                let packet = Handed {
                    stream: lone.stream,
                    component: Component::Rtp,
                    transport: lone.port,
                    from: address(PEER),
                    protocol: Protocol::Stun,
                    bytes: &bytes,
                };
                if lone.now < silent_from {
                    lone.slow.handed(lone.now, packet, &mut lone.relay, &mut lone.replies);
                }
            }
        }
    };
    lone.pass(start + Duration::from_secs(80), answer);
    assert_eq!(lone.relay.sends_to(lone.stream, Component::Rtp, lone.now), Some(address(PEER)));
    let (ice, _) = lone.slow.states(lone.stream);
    assert!(matches!(ice, IceState::Connected { remote, .. } if remote == address(PEER)), "{ice:?}");
    lone.replies.packets.clear();
    lone.pass(start + Duration::from_secs(100), |_| {});
    assert_eq!(lone.relay.sends_to(lone.stream, Component::Rtp, lone.now), None);
    assert_eq!(lone.failures().0, [IceFailure::ConsentLost]);
}
