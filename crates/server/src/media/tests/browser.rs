//! Ends that speak ICE and DTLS-SRTP, as browsers do, made of the same machines on sockets of their own.

use super::*;
use coeur_exchange::media::{
    Candidate, DtlsFailure, DtlsRole, DtlsState, Fingerprint, Ice, IceCredentials, IcePassword, IceState,
    Kept, Mid, Report,
};
use coeur_media::address::PeerPolicy;
use coeur_media::demux::{Protocol, demux, is_rtcp};
use coeur_media::dtls::{Association, Fingerprints, Identity, Output as DtlsOutput, Role as DtlsEnd};
use coeur_media::ice::{self, Agent, CandidateKind, Credentials, Mode, Role};
use coeur_media::path::ProvenPath;
use coeur_media::stun::{Class, Kind, Method, TransactionId, Writer};
use coeur_sip::network::Network;
use std::collections::VecDeque;

const MUXED: OpenStream = OpenStream { kind: StreamKind::Audio, rtcp_mux: true, bundled_with: None };
const VIDEO: OpenStream = OpenStream { kind: StreamKind::Video, rtcp_mux: false, bundled_with: None };

fn identity() -> Identity {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    Identity::new(certificate.der().to_vec(), key.serialize_der()).ok().unwrap()
}

/// `sha-256 AB:CD:...` as the exchange has it.
fn fingerprint(text: &str) -> Fingerprint {
    let (hash, digits) = text.split_once(' ').unwrap();
    let bytes = digits.split(':').map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    Fingerprint { hash: hash.into(), bytes }
}

fn text(fingerprint: &Fingerprint) -> String {
    let bytes: Vec<String> = fingerprint.bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{} {}", fingerprint.hash, bytes.join(":"))
}

/// Made of a number, so that a restart has others.
fn credentials(side: &str, generation: u32) -> IceCredentials {
    IceCredentials {
        ufrag: format!("{side}{generation:04}").into(),
        password: IcePassword(format!("{side}password{generation:016}").into()),
    }
}

fn of_agent(told: &IceCredentials) -> Credentials {
    Credentials::new(&told.ufrag, &told.password.0).ok().unwrap()
}

struct Browser {
    socket: UdpSocket,
    clock: Clock,
    server: SocketAddr,
    agent: Option<Agent>,
    identity: Identity,
    dtls: Association,
    dtls_end: DtlsEnd,
    is_started: bool,
    srtp: Option<(Outbound, Inbound)>,
    heard: VecDeque<Vec<u8>>,
    generation: u32,
    is_lite: bool,
}

impl Browser {
    /// It controls, unless it is lite.
    fn new(ip: &str, server: SocketAddr, told: &Fingerprint, dtls_end: DtlsEnd, is_lite: bool) -> Self {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let (clock, identity) = (Clock::default(), identity());
        let told = Fingerprints::parse([text(told).as_str()]).unwrap();
        let dtls = Association::new(dtls_end, identity.clone(), told, clock.zero()).ok().unwrap();
        let mut browser = Self {
            socket,
            clock,
            server,
            agent: None,
            identity,
            dtls,
            dtls_end,
            is_started: false,
            srtp: None,
            heard: VecDeque::new(),
            generation: 0,
            is_lite,
        };
        browser.agent = Some(browser.new_agent());
        browser
    }

    fn new_agent(&self) -> Agent {
        let address = self.socket.local_addr().unwrap();
        let policy =
            PeerPolicy { listed: vec![Network::new([127, 0, 0, 0].into(), 8)], ..PeerPolicy::default() };
        let settings = ice::Settings {
            mode: if self.is_lite { Mode::Lite } else { Mode::Full },
            role: Role::Controlling,
            policy: Arc::new(policy),
            seed: [7; 32],
        };
        let mut agent = Agent::new(settings, of_agent(&credentials("browser", self.generation)));
        let now = self.clock.now().monotonic;
        agent.add_local(now, ice::Candidate::local(CandidateKind::Host, 1, 1, address, address));
        agent
    }

    /// Its first description has been answered.
    fn check(&mut self) {
        let (now, server) = (self.clock.now().monotonic, self.server);
        let theirs = of_agent(&credentials("server", self.generation));
        let is_lite = self.is_lite;
        let agent = self.agent.as_mut().unwrap();
        agent.set_remote(now, theirs, !is_lite);
        agent.add_remote(now, &ice::Candidate::local(CandidateKind::Host, 1, 1, server, server));
    }

    /// Audio in both directions, as the exchange describes it.
    fn stream(&self) -> Stream {
        let address = self.socket.local_addr().unwrap();
        let role = match self.dtls_end {
            DtlsEnd::Client => DtlsRole::Server,
            DtlsEnd::Server => DtlsRole::Client,
        };
        let fingerprints = [fingerprint(&self.identity.fingerprint().to_string())].into();
        let candidate = Candidate { component: 1, priority: 2_130_706_431, address, foundation: "1".into() };
        let ice = Ice {
            ours: credentials("server", self.generation),
            theirs: credentials("browser", self.generation),
            their_lite: self.is_lite,
            controlling: self.is_lite,
            wire: false,
            candidates: [candidate].into(),
        };
        Stream {
            rtp: address,
            rtcp: address,
            rtcp_mux: true,
            keying: Keying::Dtls { role, fingerprints },
            ice: self.agent.is_some().then(|| Box::new(ice)),
            ..Phone::new("127.0.0.1").stream()
        }
    }

    /// Works until it is so.
    fn drive(&mut self, what: &str, is: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is(self) {
            assert!(start.elapsed() < WAIT, "{what}");
            self.turn();
        }
    }

    fn turn(&mut self) {
        let now = self.clock.now().monotonic;
        let mut bytes = [0; 2_048];
        if let Ok((length, from)) = self.socket.recv_from(&mut bytes) {
            self.receive(from, &bytes[..length]);
        }
        if let Some(agent) = &mut self.agent {
            agent.handle_timeout(now);
            while let Some(output) = agent.poll() {
                if let ice::Output::Send { to, bytes, .. } = output {
                    self.socket.send_to(&bytes, to).unwrap();
                }
            }
        }
        let path = match &self.agent {
            Some(agent) => agent.selected().and_then(|(_, remote)| agent.proven(remote)),
            None => ProvenPath::signalled(self.server, self.server),
        };
        if let (Some(path), false, DtlsEnd::Client) = (path, self.is_started, self.dtls_end) {
            self.is_started = true;
            self.dtls.start(now, path);
        }
        if self.dtls.next_deadline().is_due(now) {
            self.dtls.handle_timeout(now);
        }
        while let Some(output) = self.dtls.poll() {
            match output {
                DtlsOutput::Send { to, bytes } => {
                    self.socket.send_to(&bytes, to).unwrap();
                }
                DtlsOutput::Keys(keys) => {
                    let suite = Suite::ALL
                        .into_iter()
                        .find(|suite| suite.dtls_profile() == Some(keys.profile.number()));
                    let suite = suite.unwrap();
                    let length = suite.key_bytes() + suite.salt_bytes();
                    let master = |side: &[u8]| MasterKey::new(suite, &side[..length]).ok().unwrap();
                    let (ours, theirs) = (master(&keys.ours), master(&keys.theirs));
                    self.srtp = Some((Outbound::new(&ours), Inbound::new(&theirs)));
                }
                DtlsOutput::Restarted(_) | DtlsOutput::Failed(_) | DtlsOutput::Closed => {}
            }
        }
    }

    fn receive(&mut self, from: SocketAddr, bytes: &[u8]) {
        let now = self.clock.now().monotonic;
        let here = self.socket.local_addr().unwrap();
        match demux(bytes) {
            Some(Protocol::Stun) => self.agent.as_mut().unwrap().receive(now, here, from, bytes),
            Some(Protocol::Dtls) => {
                let path = match &self.agent {
                    Some(agent) => agent.proven(from),
                    None => ProvenPath::signalled(self.server, from),
                };
                if let Some(path) = path {
                    self.dtls.receive(now, path, bytes);
                }
            }
            Some(Protocol::Rtp | Protocol::Rtcp) => {
                let (_, inbound) = self.srtp.as_mut().expect("nothing comes before the keys");
                let mut slot = [0; SLOT_BYTES];
                let mut packet = Packet::copied(&mut slot, bytes).unwrap();
                match is_rtcp(bytes) {
                    true => inbound.unprotect_rtcp(&mut packet).unwrap(),
                    false => inbound.unprotect_rtp(&mut packet).unwrap(),
                };
                self.heard.push_back(packet.to_vec());
            }
            other => panic!("{other:?}"),
        }
    }

    fn says(&mut self, bytes: &[u8]) {
        let (outbound, _) = self.srtp.as_mut().unwrap();
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::copied(&mut slot, bytes).unwrap();
        match is_rtcp(bytes) {
            true => outbound.protect_rtcp(&mut packet).unwrap(),
            false => outbound.protect_rtp(&mut packet).unwrap(),
        }
        self.socket.send_to(&packet, self.server).unwrap();
    }

    fn hears(&mut self) -> Vec<u8> {
        self.drive("a packet", |browser| !browser.heard.is_empty());
        self.heard.pop_front().unwrap()
    }
}

pub(super) fn certificate() -> Arc<Certificate> {
    Arc::new(Certificate::new(Clock::default().zero()).unwrap())
}

pub(super) fn house(ports: RangeInclusive<u16>, certificate: &Arc<Certificate>) -> House {
    let certificate = certificate.clone();
    House::with(settings(ports), move || {
        Box::new(Negotiation::new(certificate.clone(), Arc::default())) as Box<dyn SlowPath>
    })
}

impl House {
    fn describe_as(&self, id: MediaId, streams: Vec<Stream>) {
        let signalled_from = streams[0].rtp.ip();
        let streams = streams.into_iter().map(Some).collect();
        self.media.handle(MediaCommand::Describe { id, peer: Box::new(Peer { signalled_from, streams }) });
    }

    fn await_event<T>(&self, of: impl Fn(MediaEvent) -> Option<T>) -> T {
        loop {
            if let Some(found) = of(self.next()) {
                return found;
            }
        }
    }

    fn report(&self, id: MediaId) -> Box<Report> {
        self.media.handle(MediaCommand::Report { id });
        self.await_event(|event| match event {
            MediaEvent::Reported { report, .. } => Some(report),
            _ => None,
        })
    }

    pub(super) fn keep(&self, id: MediaId) -> Box<Kept> {
        self.media.handle(MediaCommand::Keep { id });
        self.await_event(|event| match event {
            MediaEvent::Kept { kept, .. } => Some(kept),
            _ => None,
        })
    }
}

/// A browser with endpoint 1 and a phone in the clear with endpoint 2.
struct Bridge {
    house: House,
    browser: Browser,
    phone: Phone,
    port: SocketAddr,
    certificate: Arc<Certificate>,
}

impl Bridge {
    fn new(ports: RangeInclusive<u16>, dtls_end: DtlsEnd, is_lite: bool) -> Self {
        let certificate = certificate();
        let house = house(ports, &certificate);
        let port = |id, stream| house.open(id, "127.0.0.1", &[stream]).unwrap()[0].clone().unwrap().rtp;
        let (server, port) = (port(id(1), MUXED), port(id(2), AUDIO));
        let browser = Browser::new("127.0.0.2", server, &certificate.fingerprint(), dtls_end, is_lite);
        let phone = Phone::new("127.0.0.3");
        Self { house, browser, phone, port, certificate }
    }

    fn describe(&mut self) {
        self.house.describe_as(id(1), vec![self.browser.stream()]);
        self.house.describe_as(id(2), vec![self.phone.stream()]);
        self.house.connect(id(1), id(2));
        self.house.settle(id(1));
        if self.browser.agent.is_some() {
            self.browser.check();
        }
    }

    fn agree(&mut self) {
        self.describe();
        self.browser.drive("keys", |browser| browser.srtp.is_some());
        // The last flight may be under way to the server.
        let start = Instant::now();
        while self.house.report(id(1)).streams[0].as_ref().unwrap().dtls != DtlsState::Agreed {
            assert!(start.elapsed() < WAIT, "{:?}", self.house.report(id(1)));
            self.browser.turn();
        }
    }

    fn talk(&mut self, sequences: RangeInclusive<u16>) {
        for sequence in sequences {
            self.browser.says(&rtp(sequence, 7));
            assert_eq!(hear(&self.phone.rtp).0, rtp(sequence, 7));
            self.phone.rtp.send_to(&rtp(sequence, 8), self.port).unwrap();
            assert_eq!(self.browser.hears(), rtp(sequence, 8));
        }
    }
}

#[test]
fn a_browser_and_a_plain_phone_hear_each_other_whoever_begins_the_handshake() {
    for (ports, dtls_end) in [(44_000..=44_099, DtlsEnd::Client), (44_100..=44_199, DtlsEnd::Server)] {
        let mut bridge = Bridge::new(ports, dtls_end, false);
        bridge.agree();
        bridge.talk(1..=20);
        bridge.browser.says(&rtcp(7));
        assert_eq!(hear(&bridge.phone.rtcp).0, rtcp(7));
    }
}

#[test]
fn an_end_that_is_lite_is_checked_by_us() {
    let mut bridge = Bridge::new(44_200..=44_299, DtlsEnd::Client, true);
    bridge.agree();
    bridge.talk(1..=5);
}

#[test]
fn an_end_with_dtls_and_without_ice_is_heard_where_its_description_says_though_its_host_sprays() {
    for (ports, dtls_end) in [(44_300..=44_349, DtlsEnd::Client), (44_350..=44_399, DtlsEnd::Server)] {
        let mut bridge = Bridge::new(ports, dtls_end, false);
        bridge.browser.agent = None;
        bridge.describe();
        let neighbour = UdpSocket::bind("127.0.0.2:0").unwrap();
        for _ in 0..1_000 {
            neighbour.send_to(&client_hello(), bridge.browser.server).unwrap();
        }
        bridge.browser.drive("keys", |browser| browser.srtp.is_some());
        bridge.agree();
        bridge.talk(1..=5);
        // What is not at the address named is heard a little, in case it is the other end behind its NAT.
        neighbour.set_nonblocking(true).unwrap();
        let answers =
            std::iter::repeat_with(|| neighbour.recv(&mut [0; 2_048])).take_while(Result::is_ok).count();
        let (least, most) = if dtls_end == DtlsEnd::Client { (1, 100) } else { (0, 0) };
        assert!((least..=most).contains(&answers), "{answers}");
    }
}

/// RFC 8445 section 9, RFC 8839 section 4.4.3.
#[test]
fn media_goes_on_while_ice_restarts_from_another_address() {
    let mut bridge = Bridge::new(44_400..=44_499, DtlsEnd::Client, false);
    bridge.agree();
    bridge.talk(1..=5);
    bridge.browser.generation = 1;
    let mut stream = bridge.browser.stream();
    if let Keying::Dtls { fingerprints, .. } = &stream.keying {
        assert_eq!(fingerprints.len(), 1, "the association goes on");
    }
    stream.ice.as_mut().unwrap().candidates = Box::default();
    bridge.house.describe_as(id(1), vec![stream]);
    bridge.house.settle(id(1));
    bridge.talk(6..=10);
    let old = std::mem::replace(&mut bridge.browser.socket, UdpSocket::bind("127.0.0.2:0").unwrap());
    bridge.browser.socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    bridge.browser.agent = Some(bridge.browser.new_agent());
    bridge.browser.check();
    bridge.browser.drive("a pair", |browser| browser.agent.as_ref().unwrap().selected().is_some());
    bridge.talk(11..=20);
    old.set_nonblocking(true).unwrap();
    assert!(old.recv_from(&mut [0; 2_048]).is_err(), "nothing goes where it was");
}

#[test]
fn another_certificate_than_the_described_one_is_told_and_nothing_passes() {
    for (ports, dtls_end) in [(44_500..=44_549, DtlsEnd::Client), (44_550..=44_599, DtlsEnd::Server)] {
        let mut bridge = Bridge::new(ports, dtls_end, false);
        let mut stream = bridge.browser.stream();
        let Keying::Dtls { fingerprints, .. } = &mut stream.keying else { unreachable!() };
        *fingerprints = [fingerprint(&identity().fingerprint().to_string())].into();
        bridge.house.describe_as(id(1), vec![stream]);
        bridge.house.describe_as(id(2), vec![bridge.phone.stream()]);
        bridge.house.connect(id(1), id(2));
        bridge.house.settle(id(1));
        bridge.browser.check();
        let start = Instant::now();
        let why = loop {
            assert!(start.elapsed() < WAIT);
            bridge.browser.turn();
            if let Ok(MediaEvent::DtlsFailed { id: of, stream: 0, why }) = bridge.house.events.try_recv() {
                assert_eq!(of, id(1));
                break why;
            }
        };
        assert_eq!(why, DtlsFailure::WrongCertificate);
        let report = bridge.house.report(id(1));
        let stream = report.streams[0].as_ref().unwrap();
        assert_eq!(stream.dtls, DtlsState::Failed { why: DtlsFailure::WrongCertificate });
        assert_eq!(bridge.house.count(|stats| stats.dtls_failed.value()), 1);
        bridge.browser.socket.send_to(&rtp(1, 7), bridge.browser.server).unwrap();
        bridge.phone.rtp.send_to(&rtp(1, 8), bridge.port).unwrap();
        bridge.house.until("both dropped", |house| {
            house.count(|stats| stats.dropped(Reason::NoKeys)) == 1
                && house.count(|stats| stats.dropped(Reason::OtherNoKeys)) == 1
        });
        hears_nothing(&bridge.phone.rtp);
    }
}

/// The first flight of somebody.
pub(super) fn client_hello() -> Vec<u8> {
    let (clock, identity) = (Clock::default(), identity());
    let told = Fingerprints::parse([identity.fingerprint().to_string().as_str()]).unwrap();
    let mut client = Association::new(DtlsEnd::Client, identity, told, clock.zero()).ok().unwrap();
    let address = "127.0.0.9:9".parse().unwrap();
    client.start(clock.now().monotonic, ProvenPath::signalled(address, address).unwrap());
    match client.poll() {
        Some(DtlsOutput::Send { bytes, .. }) => bytes,
        _ => panic!("a ClientHello"),
    }
}

/// A check that nominates, of a stranger who has guessed both user names and lacks the password.
fn forged_check(nth: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut id = [9; 12];
    id[..4].copy_from_slice(&nth.to_be_bytes());
    let mut writer = Writer::new(&mut out, Class::Request, Method::Binding, TransactionId(id));
    writer.check_username(&credentials("server", 0).ufrag, &credentials("browser", 0).ufrag);
    writer.word(Kind::Priority, 2_130_706_431);
    writer.long(Kind::IceControlling, 7);
    writer.flag(Kind::UseCandidate);
    writer.fingerprint();
    out
}

/// Threats A02 and A09: before, during and after the set-up, ten thousand packets from strangers.
#[test]
fn a_spray_of_client_hellos_and_of_checks_without_integrity_moves_nothing_and_is_not_answered() {
    let mut bridge = Bridge::new(44_600..=44_699, DtlsEnd::Client, false);
    // Two of them on the host of the browser, whose addresses a peer may have.
    let strangers: Vec<UdpSocket> = ["127.0.0.70", "127.0.0.71", "127.0.0.2", "127.0.0.2"]
        .map(|ip| UdpSocket::bind((ip, 0)).unwrap())
        .into();
    let (hello, server) = (client_hello(), bridge.browser.server);
    let mut sprayed = 0;
    let mut spray = |rounds: u32| {
        for round in 0..rounds {
            for stranger in &strangers {
                stranger.send_to(&hello, server).unwrap();
                stranger.send_to(&forged_check(round), server).unwrap();
                sprayed += 2;
            }
        }
    };
    spray(100);
    bridge.describe();
    while bridge.browser.srtp.is_none() {
        spray(10);
        bridge.browser.turn();
        bridge.browser.turn();
    }
    bridge.agree();
    for sequence in 1..=100 {
        spray(12);
        bridge.talk(sequence..=sequence);
    }
    assert!(sprayed >= 10_000, "{sprayed}");
    strangers.iter().for_each(hears_nothing);
    let handed = bridge.house.count(|stats| stats.packets_handed.value());
    assert!(handed > 2_000, "the checks have arrived: {handed}");
    let report = bridge.house.report(id(1));
    let stream = report.streams[0].as_ref().unwrap();
    let here = bridge.browser.socket.local_addr().unwrap();
    assert!(
        matches!(stream.ice, IceState::Connected { remote, refused } if remote == here && refused > 1_000),
        "{:?}",
        stream.ice
    );
    assert_eq!(stream.sends_to, Some(here));
    assert!(stream.refused.is_some_and(|(from, why)| from != here && why == "not_from_peer"));
}

/// Nobody may use a port of a call to learn his address, or as a reflector.
#[test]
fn a_check_on_a_port_without_ice_is_not_answered() {
    let bridge = Bridge::new(44_700..=44_799, DtlsEnd::Client, false);
    bridge.house.describe_as(id(2), vec![bridge.phone.stream()]);
    bridge.house.settle(id(2));
    bridge.phone.rtp.send_to(&forged_check(1), bridge.port).unwrap();
    bridge.house.until("dropped", |house| house.count(|stats| stats.dropped(Reason::Unexpected)) == 1);
    hears_nothing(&bridge.phone.rtp);
}

fn video(sequence: u16, ssrc: u32, payload: u8, mid: Option<&[u8]>) -> Vec<u8> {
    let mut packet = rtp(sequence, ssrc);
    packet[1] = payload;
    if let Some(mid) = mid {
        packet[0] |= 0x10;
        let mut extension = vec![0xbe, 0xde, 0, 1, 0x30 | (mid.len() as u8 - 1)];
        extension.extend(mid);
        extension.resize(8, 0);
        packet.splice(12..12, extension);
    }
    packet
}

/// RFC 9143 section 9.2: by MID where both have one payload type, and by the SSRC that it came with from then on.
#[test]
fn audio_and_video_of_a_bundle_go_to_two_ports_of_a_phone_and_feedback_comes_back() {
    let certificate = certificate();
    let house = house(44_800..=44_899, &certificate);
    let bundled = OpenStream { kind: StreamKind::Video, bundled_with: Some(0), ..MUXED };
    let server = house.open(id(1), "127.0.0.1", &[MUXED, bundled]).unwrap()[0].clone().unwrap().rtp;
    let ports = house.open(id(2), "127.0.0.1", &[AUDIO, VIDEO]).unwrap();
    let ports: Vec<StreamAddress> = ports.into_iter().flatten().collect();
    let mut browser = Browser::new("127.0.0.2", server, &certificate.fingerprint(), DtlsEnd::Client, false);
    let (audio_phone, video_phone) = (Phone::new("127.0.0.3"), Phone::new("127.0.0.3"));
    let of = |stream: Stream, mid: &[u8]| {
        let mid = Some(Box::new(Mid { extension: 3, value: mid.into() }));
        let formats = stream.formats.iter().map(|format| Format { payload: 96, ..format.clone() });
        Stream { mid, formats: formats.collect(), ..stream }
    };
    house.describe_as(id(1), vec![of(browser.stream(), b"0"), of(browser.stream(), b"v1")]);
    house.describe_as(id(2), vec![of(audio_phone.stream(), b""), of(video_phone.stream(), b"")]);
    let pair = |at| Pair { a: at, b: at, payloads: Box::default(), conversion: None };
    house.media.handle(MediaCommand::Connect { a: id(1), b: id(2), streams: [pair(0), pair(1)].into() });
    house.settle(id(1));
    browser.check();
    browser.drive("keys", |browser| browser.srtp.is_some());
    for (sequence, mid) in [(1, Some(&b"v1"[..])), (2, None)] {
        browser.says(&video(sequence, 70, 96, mid));
        assert_eq!(hear(&video_phone.rtp).0, video(sequence, 70, 96, mid));
        let mid = mid.map(|_| &b"0"[..]);
        browser.says(&video(sequence, 7, 96, mid));
        assert_eq!(hear(&audio_phone.rtp).0, video(sequence, 7, 96, mid));
    }
    for (phone, port, ssrc) in [(&audio_phone, &ports[0], 8), (&video_phone, &ports[1], 80)] {
        phone.rtp.send_to(&video(1, ssrc, 96, None), port.rtp).unwrap();
        assert_eq!(browser.hears(), video(1, ssrc, 96, None));
    }
    // RFC 4585: a browser that receives only asks for a picture of what the phone sends (PLI), for packets again (NACK),
    // RFC 5104: for a whole picture (FIR, which names its source in its entry), and reports transport-wide (format 15).
    let feedback = |kind: u8, format: u8, media: u32, entry: &[u8]| {
        let mut packet = vec![0x80 | format, kind, 0, 2 + entry.len() as u8 / 4];
        packet.extend(1u32.to_be_bytes());
        packet.extend(media.to_be_bytes());
        packet.extend(entry);
        packet
    };
    let of_browser = [
        feedback(206, 1, 80, &[]),
        feedback(205, 1, 80, &[0, 1, 0, 0]),
        feedback(205, 15, 80, &[0, 1, 0, 1, 0, 0, 0, 0, 0x20, 1, 0, 0]),
    ];
    for packet in of_browser {
        browser.says(&packet);
        assert_eq!(hear(&video_phone.rtcp).0, packet);
    }
    let fir = feedback(206, 4, 0, &[0, 0, 0, 70, 1, 0, 0, 0]);
    for packet in [feedback(206, 1, 70, &[]), fir] {
        video_phone.rtcp.send_to(&packet, ports[1].rtcp).unwrap();
        assert_eq!(browser.hears(), packet);
    }
    hears_nothing(&audio_phone.rtcp);
}

#[test]
fn a_report_says_what_came_what_went_how_well_and_why_not() {
    let mut bridge = Bridge::new(44_900..=44_999, DtlsEnd::Client, false);
    let report = bridge.house.report(id(1));
    let stream = report.streams[0].as_ref().unwrap();
    assert_eq!((stream.ice, stream.dtls, stream.sends_to), Default::default());
    bridge.agree();
    bridge.talk(1..=8);
    // Two are lost.
    bridge.browser.says(&rtp(11, 7));
    assert_eq!(hear(&bridge.phone.rtp).0, rtp(11, 7));
    let stranger = UdpSocket::bind("127.0.0.66:0").unwrap();
    stranger.send_to(&rtp(1, 6), bridge.browser.server).unwrap();
    bridge.house.until("dropped", |house| house.count(|stats| stats.dropped(Reason::NotFromPeer)) == 1);
    let mut receiver_report = vec![0x81, 201, 0, 7];
    receiver_report.extend(7u32.to_be_bytes());
    receiver_report.extend(8u32.to_be_bytes());
    // A quarter and two in all, the highest 10, jitter 16 ticks of 125 microseconds, no sender report.
    receiver_report.extend([64, 0, 0, 2, 0, 0, 0, 10, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0]);
    bridge.browser.says(&receiver_report);
    assert_eq!(hear(&bridge.phone.rtcp).0, receiver_report);
    bridge.house.media.handle(MediaCommand::Close { id: id(1) });
    let closed = bridge.house.await_event(|event| match event {
        MediaEvent::Closed { id: closed, report } if closed == id(1) => Some(report),
        _ => None,
    });
    let stream = closed.streams[0].as_ref().unwrap();
    assert_eq!(
        (stream.received.packets, stream.received.octets, stream.received.lost),
        (9, 9 * 160, Some(2))
    );
    assert_eq!((stream.sent.packets, stream.sent.octets, stream.sent.lost), (8, 8 * 160, Some(2)));
    assert_eq!(stream.sent.jitter_us, Some(2_000));
    let mos = stream.received.mos_hundredths.unwrap();
    assert!((200..350).contains(&mos), "a fifth is lost: {mos}");
    assert!(stream.sent.mos_hundredths.unwrap() < mos, "a quarter is lost there");
    assert_eq!(stream.refused, Some((stranger.local_addr().unwrap(), "not_from_peer")));
    assert!(stream.drops.contains(&("not_from_peer", 1)), "{:?}", stream.drops);
    assert_eq!(stream.heard_from, Some(bridge.browser.socket.local_addr().unwrap()));
    assert_eq!(stream.dtls, DtlsState::Agreed);
}

/// What the journal keeps is enough: the browser notices nothing, and nothing that was sent before counts again.
#[test]
fn a_call_that_was_kept_goes_on_in_another_process_on_the_same_ports_under_the_same_keys() {
    let ports = 45_000..=45_099;
    let mut bridge = Bridge::new(ports.clone(), DtlsEnd::Client, false);
    bridge.agree();
    // Over the end of the sequence numbers: the rollover counter is no longer zero.
    bridge.talk(65_530..=65_535);
    bridge.talk(0..=3);
    let (browser_end, phone_end) = (bridge.house.keep(id(1)), bridge.house.keep(id(2)));
    bridge.house.media.stop();
    bridge.house.until("the port is free", |_| UdpSocket::bind(bridge.browser.server).is_ok());
    let before = std::mem::replace(&mut bridge.house, house(ports, &bridge.certificate));
    drop(before);
    for (of, kept) in [(id(1), browser_end), (id(2), phone_end)] {
        let named = kept.streams[0].as_ref().unwrap().address.clone();
        bridge.house.media.handle(MediaCommand::Restore { id: of, kept: kept.clone() });
        let streams = bridge.house.await_event(|event| match event {
            MediaEvent::Opened { id: opened, streams, .. } if opened == of => Some(streams),
            _ => None,
        });
        assert_eq!(streams[0].as_ref(), Some(&named));
        bridge.house.media.handle(MediaCommand::Restore { id: of, kept });
        assert!(matches!(bridge.house.next(), MediaEvent::OpenFailed { .. }), "it is there");
    }
    bridge.house.connect(id(1), id(2));
    bridge.house.settle(id(1));
    // The server speaks first: it knows where the browser is.
    bridge.phone.rtp.send_to(&rtp(4, 8), bridge.port).unwrap();
    assert_eq!(bridge.browser.hears(), rtp(4, 8));
    bridge.talk(5..=10);
    let stream = bridge.house.report(id(1)).streams[0].clone().unwrap();
    assert_eq!(stream.dtls, DtlsState::Agreed);
    // The same description, as a session timer makes: nothing begins anew.
    bridge.house.describe_as(id(1), vec![bridge.browser.stream()]);
    bridge.house.settle(id(1));
    bridge.talk(11..=12);
}
