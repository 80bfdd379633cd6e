//! Phones with sockets of their own, on loopback, and workers between them.

mod browser;
mod converting;
mod doubts;
mod in_time;
mod wire;

use super::*;
use crate::house::deaths::Deaths;
use coeur_exchange::media::{
    Format, Keying, OpenStream, Pair, Peer, SrtpKey, SrtpSuite, Stream, StreamAddress, StreamKind,
};
use coeur_media::packet::{Packet, SLOT_BYTES};
use coeur_media::relay::Reason;
use coeur_media::srtp::{Inbound, MasterKey, Outbound, Suite};
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

const WAIT: Duration = Duration::from_secs(10);

struct House {
    media: Media,
    events: Receiver<MediaEvent>,
    deaths: Arc<Deaths>,
}

impl House {
    fn new(settings: Settings) -> Self {
        Self::with(settings, || Box::new(NoSlowPath))
    }

    fn with(settings: Settings, slow: impl Fn() -> Box<dyn SlowPath>) -> Self {
        let (events, told) = channel();
        let tell = move |_, event| events.send(event).unwrap_or_default();
        let deaths = Arc::new(Deaths::default());
        let spawn = |name, body: Box<dyn FnOnce() + Send>| deaths.spawn(name, body);
        let media = Media::start(&settings, Clock::default(), Arc::new(tell), &spawn, slow).unwrap();
        Self { media, events: told, deaths }
    }

    fn next(&self) -> MediaEvent {
        self.events.recv_timeout(WAIT).expect("an event")
    }

    /// Opens an endpoint near that host; the addresses of its streams.
    fn open(&self, id: MediaId, near: &str, streams: &[OpenStream]) -> Option<Vec<Option<StreamAddress>>> {
        self.media.handle(MediaCommand::Open { id, near: near.parse().unwrap(), streams: streams.into() });
        loop {
            match self.next() {
                MediaEvent::Opened { id: opened, streams, .. } if opened == id => {
                    return Some(streams.into_vec());
                }
                MediaEvent::OpenFailed { id: failed } if failed == id => return None,
                _ => {}
            }
        }
    }

    fn describe(&self, id: MediaId, phone: &Phone, change: impl FnOnce(&mut Stream)) {
        let mut stream = phone.stream();
        change(&mut stream);
        let peer = Peer { signalled_from: stream.rtp.ip(), streams: [Some(stream)].into() };
        self.media.handle(MediaCommand::Describe { id, peer: Box::new(peer) });
    }

    fn connect(&self, a: MediaId, b: MediaId) {
        let streams = [Pair { a: 0, b: 0, payloads: Box::default(), conversion: None }].into();
        self.media.handle(MediaCommand::Connect { a, b, streams });
    }

    /// Everything told so far has been carried out: `Open` of an endpoint of the same worker is answered after it.
    fn settle(&self, id: MediaId) {
        let probe = MediaId::new(id.shard(), 1 << 40);
        assert!(self.open(probe, "127.0.0.1", &[]).is_some());
        self.media.handle(MediaCommand::Close { id: probe });
        while !matches!(self.next(), MediaEvent::Closed { id: closed, .. } if closed == probe) {}
    }

    fn count(&self, of: impl Fn(&Stats) -> u64) -> u64 {
        self.media.stats().map(of).sum()
    }

    /// The workers have taken what waited in their sockets.
    fn caught_up(&self) {
        let mut before = u64::MAX;
        self.until("the workers catch up", |house| {
            let now = house.count(|stats| stats.packets_received.value());
            std::thread::sleep(Duration::from_millis(20));
            now == std::mem::replace(&mut before, now)
        });
    }

    /// Until a count is that; for what happens on the worker's thread and is answered by nothing.
    fn until(&self, what: &str, mut is: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !is(self) {
            assert!(start.elapsed() < WAIT, "{what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn settings(ports: RangeInclusive<u16>) -> Settings {
    Settings { ports, rest: Duration::ZERO, ..Settings::default() }
}

fn id(serial: u64) -> MediaId {
    MediaId::new(ShardId(0), serial)
}

const AUDIO: OpenStream = OpenStream { kind: StreamKind::Audio, rtcp_mux: false, bundled_with: None };

/// A phone with ports of RTP and RTCP.
struct Phone {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl Phone {
    fn new(ip: &str) -> Self {
        let bind = || {
            let socket = UdpSocket::bind((ip, 0)).unwrap();
            socket.set_read_timeout(Some(WAIT)).unwrap();
            socket
        };
        Self { rtp: bind(), rtcp: bind() }
    }

    /// G.711, in the clear, both ways.
    fn stream(&self) -> Stream {
        let format = Format {
            payload: 0,
            name: b"PCMU".as_slice().into(),
            clock_rate: 8_000,
            channels: 1,
            fmtp: None,
        };
        Stream {
            rtp: self.rtp.local_addr().unwrap(),
            rtcp: self.rtcp.local_addr().unwrap(),
            rtcp_mux: false,
            we_send: true,
            we_receive: true,
            keying: Keying::Plain,
            ice: None,
            formats: [format].into(),
            mid: None,
        }
    }
}

fn hear(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = [0; 2_048];
    let (length, from) = socket.recv_from(&mut bytes).expect("a packet");
    (bytes[..length].to_vec(), from)
}

fn hears_nothing(socket: &UdpSocket) {
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv_from(&mut [0; 2_048]).is_err());
    socket.set_nonblocking(false).unwrap();
}

fn rtp(sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.resize(172, 0xd5);
    packet
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet
}

/// Two phones that talk: A with endpoint 1, B with endpoint 2.
struct Call {
    house: House,
    a: Phone,
    b: Phone,
    ports: [StreamAddress; 2],
}

impl Call {
    fn new(ports: RangeInclusive<u16>) -> Self {
        let (house, a, b) = (House::new(settings(ports)), Phone::new("127.0.0.2"), Phone::new("127.0.0.3"));
        let open = |id| house.open(id, "127.0.0.1", &[AUDIO]).unwrap()[0].clone().unwrap();
        let ports = [open(id(1)), open(id(2))];
        let call = Self { house, a, b, ports };
        call.house.describe(id(1), &call.a, |_| {});
        call.house.describe(id(2), &call.b, |_| {});
        call.house.connect(id(1), id(2));
        call.house.settle(id(1));
        call
    }

    fn a_says(&self, packet: &[u8]) {
        self.a.rtp.send_to(packet, self.ports[0].rtp).unwrap();
    }

    fn b_says(&self, packet: &[u8]) {
        self.b.rtp.send_to(packet, self.ports[1].rtp).unwrap();
    }
}

#[test]
fn two_phones_hear_each_other_and_their_reports() {
    let call = Call::new(42_000..=42_099);
    for sequence in 1..=20 {
        call.a_says(&rtp(sequence, 7));
        assert_eq!(hear(&call.b.rtp), (rtp(sequence, 7), call.ports[1].rtp));
        call.b_says(&rtp(sequence, 8));
        assert_eq!(hear(&call.a.rtp), (rtp(sequence, 8), call.ports[0].rtp));
    }
    call.a.rtcp.send_to(&rtcp(7), call.ports[0].rtcp).unwrap();
    assert_eq!(hear(&call.b.rtcp), (rtcp(7), call.ports[1].rtcp));
    for ports in &call.ports {
        assert_eq!((ports.rtp.port() % 2, ports.rtcp.port()), (0, ports.rtp.port() + 1));
    }
    let heard: Vec<_> = (0..2).map(|_| call.house.next()).collect();
    assert!(
        matches!(heard[..], [MediaEvent::Heard { id: a, stream: 0 }, MediaEvent::Heard { id: b, stream: 0 }]
            if (a, b) == (id(1), id(2))),
        "{heard:?}"
    );
    // The last report was counted before it was sent on, or just after.
    call.house.until("41 packets", |house| house.count(|stats| stats.packets_sent.value()) == 41);
}

#[test]
fn a_plain_and_a_protected_phone_hear_each_other() {
    let call = Call::new(42_100..=42_199);
    let bytes = |seed: u8| (0..30).map(|i| seed ^ i).collect::<Vec<u8>>();
    let key = |seed: u8| SrtpKey {
        suite: SrtpSuite::AesCm128HmacSha1_80,
        key_and_salt: bytes(seed).into(),
        mki: Box::default(),
    };
    let sdes = |stream: &mut Stream| stream.keying = Keying::Sdes { send: key(100), receive: key(200) };
    call.house.describe(id(2), &call.b, sdes);
    call.house.settle(id(2));
    let master = |seed| MasterKey::new(Suite::AesCm128HmacSha1_80, &bytes(seed)).unwrap();
    let (mut out, mut inbound) = (Outbound::new(&master(200)), Inbound::new(&master(100)));
    for sequence in 1..=20 {
        // The same description once more, as a session timer makes: the keys go on.
        if sequence == 10 {
            call.house.describe(id(2), &call.b, sdes);
            call.house.settle(id(2));
        }
        call.a_says(&rtp(sequence, 7));
        let (protected, _) = hear(&call.b.rtp);
        assert_eq!(protected.len(), 172 + 10);
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::copied(&mut slot, &protected).unwrap();
        inbound.unprotect_rtp(&mut packet).unwrap();
        assert_eq!(*packet, rtp(sequence, 7));

        let mut packet = Packet::copied(&mut slot, &rtp(sequence, 8)).unwrap();
        out.protect_rtp(&mut packet).unwrap();
        call.b_says(&packet);
        assert_eq!(hear(&call.a.rtp).0, rtp(sequence, 8));
    }
    call.b_says(&rtp(100, 8));
    call.house.until("clear", |house| house.count(|stats| stats.dropped(Reason::Unauthenticated)) == 1);
    hears_nothing(&call.a.rtp);
}

#[test]
fn on_hold_nothing_is_heard_until_the_call_is_resumed() {
    let call = Call::new(42_200..=42_299);
    call.house.describe(id(1), &call.a, |stream| stream.we_send = false);
    call.house.settle(id(1));
    call.b_says(&rtp(1, 8));
    call.house.until("dropped", |house| house.count(|stats| stats.dropped(Reason::NotSending)) == 1);
    hears_nothing(&call.a.rtp);
    call.house.describe(id(1), &call.a, |_| {});
    call.house.settle(id(1));
    call.b_says(&rtp(2, 8));
    assert_eq!(hear(&call.a.rtp).0, rtp(2, 8));
}

#[test]
fn a_closed_endpoint_frees_its_ports_and_the_other_end_goes_nowhere() {
    let call = Call::new(42_300..=42_399);
    assert_eq!(call.house.media.port_pairs(), 2);
    call.house.media.handle(MediaCommand::Close { id: id(2) });
    call.house.settle(id(1));
    assert_eq!(call.house.media.port_pairs(), 1);
    for address in [call.ports[1].rtp, call.ports[1].rtcp] {
        UdpSocket::bind(address).expect("it is free");
    }
    call.a_says(&rtp(1, 7));
    call.house.until("dropped", |house| house.count(|stats| stats.dropped(Reason::NotConnected)) == 1);
    assert_eq!(call.house.count(|stats| stats.endpoints.value()), 1);
}

#[test]
fn without_a_free_port_the_opening_fails_and_takes_none() {
    // Three pairs.
    let house = House::new(settings(42_400..=42_405));
    let ports = |streams: &[Option<StreamAddress>]| -> BTreeSet<u16> {
        streams.iter().flatten().map(|stream| stream.rtp.port()).collect()
    };
    let first = house.open(id(1), "127.0.0.1", &[AUDIO, AUDIO]).unwrap();
    assert_eq!(ports(&first).len(), 2);
    assert_eq!(house.open(id(2), "127.0.0.1", &[AUDIO, AUDIO]), None);
    assert_eq!(house.media.port_pairs(), 2, "what was had before the failure is given back");
    assert_eq!(house.count(|stats| stats.opens_refused.value()), 1);
    assert!(house.open(id(3), "127.0.0.1", &[AUDIO]).is_some());
    house.media.handle(MediaCommand::Close { id: id(1) });
    assert!(house.open(id(2), "127.0.0.1", &[AUDIO, AUDIO]).is_some());
}

#[test]
fn a_port_that_somebody_else_has_is_passed_over() {
    let _taken: Vec<UdpSocket> =
        [42_500, 42_503].into_iter().map(|port| UdpSocket::bind(("127.0.0.1", port)).unwrap()).collect();
    let house = House::new(Settings { rest: Duration::from_secs(60), ..settings(42_500..=42_505) });
    let streams = house.open(id(1), "127.0.0.1", &[AUDIO]).unwrap();
    assert_eq!(streams[0].as_ref().unwrap().rtp.port(), 42_504);
}

#[test]
fn a_leg_that_gets_more_streams_keeps_the_ports_it_has() {
    let call = Call::new(42_600..=42_699);
    let muxed = OpenStream { rtcp_mux: true, ..AUDIO };
    let bundled = OpenStream { bundled_with: Some(1), ..muxed };
    let none = OpenStream { kind: StreamKind::None, ..AUDIO };
    let streams = call.house.open(id(1), "127.0.0.1", &[AUDIO, muxed, none, bundled]).unwrap();
    assert_eq!(streams[0].as_ref(), Some(&call.ports[0]));
    let second = streams[1].as_ref().unwrap();
    assert_eq!(second.rtp, second.rtcp);
    assert_eq!((streams[2].as_ref(), streams[3].as_ref()), (None, Some(second)));
    assert_eq!(call.house.media.port_pairs(), 3);
    call.a_says(&rtp(1, 7));
    assert_eq!(hear(&call.b.rtp).0, rtp(1, 7), "the call goes on");
}

#[test]
fn a_phone_of_ipv6_and_one_of_ipv4_hear_each_other() {
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("this machine has no IPv6");
        return;
    }
    let (house, a, b) = (House::new(settings(42_700..=42_799)), Phone::new("::1"), Phone::new("127.0.0.3"));
    let a_port = house.open(id(1), "::1", &[AUDIO]).unwrap()[0].clone().unwrap().rtp;
    let b_port = house.open(id(2), "127.0.0.3", &[AUDIO]).unwrap()[0].clone().unwrap().rtp;
    assert!(a_port.is_ipv6() && b_port.is_ipv4());
    house.describe(id(1), &a, |_| {});
    house.describe(id(2), &b, |_| {});
    house.connect(id(1), id(2));
    house.settle(id(1));
    a.rtp.send_to(&rtp(1, 7), a_port).unwrap();
    assert_eq!(hear(&b.rtp), (rtp(1, 7), b_port));
    b.rtp.send_to(&rtp(1, 8), b_port).unwrap();
    assert_eq!(hear(&a.rtp), (rtp(1, 8), a_port));
}

#[test]
fn an_advertised_address_is_named_where_its_family_is() {
    let advertise = vec!["203.0.113.1".parse().unwrap()];
    let house = House::new(Settings { advertise, ..settings(42_800..=42_899) });
    let address = house.open(id(1), "127.0.0.1", &[AUDIO]).unwrap()[0].clone().unwrap();
    assert_eq!(address.rtp.ip().to_string(), "203.0.113.1");
    assert_eq!(address.rtcp.ip().to_string(), "203.0.113.1");
}

/// It is for another worker of this process, and for nobody whom a router would have to let in (decision 0032).
#[test]
fn a_port_for_another_shard_is_named_as_it_is_bound() {
    let advertise = vec!["203.0.113.1".parse().unwrap()];
    let house = House::new(Settings { advertise, ..settings(42_900..=42_999) });
    let inside = coeur_exchange::flow::INSIDE.to_string();
    let address = house.open(id(1), &inside, &[AUDIO]).unwrap()[0].clone().unwrap();
    assert!(address.rtp.ip().is_loopback() && address.rtcp.ip().is_loopback(), "{address:?}");
}

/// The attack of RTP bleed on open ports, before and after the first packet of the phones (threat T-11, advisories A10 and
/// A11), on the settings as shipped.
#[test]
fn a_spray_on_the_ports_of_a_call_gets_nothing_and_disturbs_nothing() {
    let call = Call::new(43_000..=43_099);
    let strangers: Vec<UdpSocket> =
        (0..4).map(|i| UdpSocket::bind((format!("127.0.0.{}", 60 + i), 0)).unwrap()).collect();
    let mut bleed = vec![0x80];
    bleed.resize(172, 0);
    let mut sprayed = 0;
    let mut spray = |sequence: u16| {
        for stranger in &strangers {
            for address in [call.ports[0].rtp, call.ports[0].rtcp, call.ports[1].rtp, call.ports[1].rtcp] {
                for packet in [&bleed, &rtp(sequence, 0xbad), &rtcp(0xbad)] {
                    stranger.send_to(packet, address).unwrap();
                    sprayed += 1;
                }
            }
        }
    };
    (0..100).for_each(&mut spray);
    // More came at once than a socket holds, and what comes while it is full is lost, whoever sent it.
    call.house.caught_up();
    for sequence in 1..=110 {
        spray(sequence);
        call.a_says(&rtp(sequence, 7));
        assert_eq!(hear(&call.b.rtp), (rtp(sequence, 7), call.ports[1].rtp));
        call.b_says(&rtp(sequence, 8));
        assert_eq!(hear(&call.a.rtp), (rtp(sequence, 8), call.ports[0].rtp));
    }
    assert!(sprayed > 10_000, "{sprayed}");
    strangers.iter().for_each(hears_nothing);
    hears_nothing(&call.a.rtcp);
    let received = call.house.count(|stats| stats.packets_received.value());
    assert!(received > 5_000, "the spray has arrived: {received}");
}

#[test]
fn endpoints_of_a_shard_are_on_one_worker_and_others_are_not_connected() {
    let house = House::new(Settings { workers: 2, ..settings(43_100..=43_199) });
    let (here, there) = (MediaId::new(ShardId(0), 1), MediaId::new(ShardId(1), 1));
    assert_eq!(house.media.worker_of(here), house.media.worker_of(MediaId::new(ShardId(0), 99)));
    assert_ne!(house.media.worker_of(here), house.media.worker_of(there));
    for id in [here, there] {
        assert!(house.open(id, "127.0.0.1", &[AUDIO]).is_some());
    }
    house.connect(here, there);
    house.settle(here);
    assert_eq!(house.count(|stats| stats.connects_refused.value()), 1);
}

#[test]
fn what_is_said_of_an_endpoint_that_is_not_open_is_ignored() {
    let call = Call::new(43_200..=43_299);
    call.house.describe(id(99), &call.a, |_| {});
    call.house.connect(id(1), id(99));
    call.house.media.handle(MediaCommand::Disconnect { id: id(99) });
    call.house.media.handle(MediaCommand::Close { id: id(99) });
    call.a_says(&rtp(1, 7));
    assert_eq!(hear(&call.b.rtp).0, rtp(1, 7));
}

/// Endpoints without a worker, what they tell, and the poll that they are with, for a clock that is driven by hand.
fn driven(ports: RangeInclusive<u16>) -> (endpoints::Endpoints, Receiver<MediaEvent>, mio::Poll) {
    let (events, told) = channel();
    let poll = mio::Poll::new().unwrap();
    let wanted = settings(ports);
    let endpoints = endpoints::Endpoints::new(
        poll.registry().try_clone().unwrap(),
        &wanted,
        Arc::new(Ports::new(wanted.ports.clone(), Duration::ZERO)),
        Arc::new(move |_, event| events.send(event).unwrap()),
        Arc::default(),
        Box::new(NoSlowPath),
    );
    (endpoints, told, poll)
}

/// The same driven by hand, since a worker looks once a second.
#[test]
fn an_end_that_falls_silent_is_told_once_until_it_is_heard_again() {
    let call = Call::new(43_300..=43_399);
    let (mut endpoints, told, _poll) = driven(43_400..=43_499);
    let at = coeur_sip::time::Monotonic::from_secs;
    let near = "127.0.0.1".parse().unwrap();
    endpoints.handle(MediaCommand::Open { id: id(1), near, streams: [AUDIO].into() }, at(100));
    assert!(matches!(told.try_recv(), Ok(MediaEvent::Opened { .. })));
    endpoints.tell_silent(at(1_000));
    assert!(told.try_recv().is_err(), "nothing was agreed yet");
    let peer = |we_receive| {
        let stream = Stream { we_receive, ..call.a.stream() };
        Box::new(Peer { signalled_from: stream.rtp.ip(), streams: [Some(stream)].into() })
    };
    endpoints.handle(MediaCommand::Describe { id: id(1), peer: peer(true) }, at(1_000));
    // Each look tells that it is quiet, and one that it is silent.
    let is_silent = || {
        let events: Vec<MediaEvent> = told.try_iter().collect();
        assert!(matches!(events[0], MediaEvent::Quiet { .. }) && events.len() <= 2, "{events:?}");
        events.get(1).is_some_and(|event| matches!(event, MediaEvent::Silent { .. }))
    };
    for (now, is_told) in [(1_001, false), (1_059, false), (1_060, true), (1_070, false), (1_200, false)] {
        endpoints.tell_silent(at(now));
        assert_eq!(is_silent(), is_told, "{now}");
    }
    let from = call.a.rtp.local_addr().unwrap();
    let mut slot = [0; SLOT_BYTES];
    let mut packet = Packet::copied(&mut slot, &rtp(1, 7)).unwrap();
    let first = coeur_media::relay::TransportKey(0);
    endpoints.relay.receive(at(1_200), first, from, &mut packet);
    endpoints.tell_silent(at(1_200));
    assert!(told.try_recv().is_err(), "it is heard");
    for (now, is_told) in [(1_259, false), (1_260, true)] {
        endpoints.tell_silent(at(now));
        assert_eq!(is_silent(), is_told, "{now}");
    }
    endpoints.handle(MediaCommand::Describe { id: id(1), peer: peer(false) }, at(1_300));
    endpoints.tell_silent(at(2_000));
    assert!(told.try_recv().is_err(), "on hold");
}

/// A slow path that breaks.
struct Broken;

impl SlowPath for Broken {
    fn fingerprint(&self) -> Option<coeur_exchange::media::Fingerprint> {
        panic!("the slow path broke")
    }

    fn agreed(
        &mut self,
        _now: coeur_sip::time::Monotonic,
        _agreement: slow::Agreement<'_>,
        _relay: &mut coeur_media::relay::Relay,
        _replies: &mut Replies,
    ) {
    }

    fn handed(
        &mut self,
        _now: coeur_sip::time::Monotonic,
        _packet: Handed<'_>,
        _relay: &mut coeur_media::relay::Relay,
        _replies: &mut Replies,
    ) {
    }

    fn moved(
        &mut self,
        _now: coeur_sip::time::Monotonic,
        _at: (coeur_media::relay::StreamKey, coeur_media::relay::Component, SocketAddr),
        _relay: &mut coeur_media::relay::Relay,
        _replies: &mut Replies,
    ) {
    }

    fn closed(&mut self, _stream: coeur_media::relay::StreamKey) {}

    fn states(
        &self,
        _stream: coeur_media::relay::StreamKey,
    ) -> (coeur_exchange::media::IceState, coeur_exchange::media::DtlsState) {
        Default::default()
    }

    fn keys(&self, _stream: coeur_media::relay::StreamKey) -> Option<slow::DtlsKeys> {
        None
    }

    fn next_deadline(&self) -> Option<coeur_sip::time::Monotonic> {
        None
    }

    fn ticked(
        &mut self,
        _now: coeur_sip::time::Monotonic,
        _relay: &mut coeur_media::relay::Relay,
        _replies: &mut Replies,
    ) {
    }
}

#[test]
fn a_worker_that_panics_is_told_at_once() {
    let house = House::with(settings(43_500..=43_599), || Box::new(Broken));
    let near = "127.0.0.1".parse().unwrap();
    house.media.handle(MediaCommand::Open { id: id(1), near, streams: [AUDIO].into() });
    house.until("the death", |house| house.deaths.first().is_some());
    let death = house.deaths.first().unwrap();
    assert!(death.contains("coeur-media") && death.contains("the slow path broke"), "{death}");
}

/// RFC 3711 section 3.3.1: an index that is kept must be near the true one. Driven by hand, since a worker looks once a second.
#[test]
fn an_endpoint_that_is_kept_is_told_anew_when_its_counts_or_its_peer_have_moved() {
    let key = |byte: u8| SrtpKey {
        suite: SrtpSuite::AesCm128HmacSha1_80,
        key_and_salt: vec![byte; 30].into(),
        mki: Box::default(),
    };
    let (mut endpoints, told, _poll) = driven(43_600..=43_699);
    let now = coeur_sip::time::Monotonic::from_secs(100);
    let phone = Phone::new("127.0.0.1");
    endpoints.handle(
        MediaCommand::Open { id: id(1), near: "127.0.0.1".parse().unwrap(), streams: [AUDIO].into() },
        now,
    );
    let stream = Stream { keying: Keying::Sdes { send: key(1), receive: key(2) }, ..phone.stream() };
    let peer = Peer { signalled_from: stream.rtp.ip(), streams: [Some(stream)].into() };
    endpoints.handle(MediaCommand::Describe { id: id(1), peer: Box::new(peer.clone()) }, now);
    let kept = |endpoints: &mut endpoints::Endpoints| {
        endpoints.keep_changed();
        told.try_iter()
            .filter_map(|event| if let MediaEvent::Kept { kept, .. } = event { Some(kept) } else { None })
            .last()
    };
    assert!(kept(&mut endpoints).is_none(), "nobody has asked");
    endpoints.handle(MediaCommand::Keep { id: id(1) }, now);
    assert!(kept(&mut endpoints).is_some() && kept(&mut endpoints).is_none());
    let from = phone.rtp.local_addr().unwrap();
    let mut sender = Outbound::new(&MasterKey::new(Suite::AesCm128HmacSha1_80, &[2; 30]).unwrap());
    let (mut sequence, mut index) = (60_000u64, Vec::new());
    for packets in [1, 100, 20_000] {
        for _ in 0..packets {
            let mut slot = [0; SLOT_BYTES];
            let mut packet = Packet::copied(&mut slot, &rtp(sequence as u16, 7)).unwrap();
            sender.protect_rtp(&mut packet).unwrap();
            endpoints.relay.receive(now, coeur_media::relay::TransportKey(0), from, &mut packet);
            sequence += 1;
            if sequence.is_multiple_of(1_000) {
                index.push((sequence - 1, kept(&mut endpoints)));
            }
        }
        index.push((sequence - 1, kept(&mut endpoints)));
    }
    let mut last = 0;
    let mut tells = 0;
    for (true_index, kept) in index {
        if let Some(kept) = kept {
            let stream = kept.streams[0].as_ref().unwrap();
            assert_eq!(stream.rtp.peer, Some(from));
            last = stream.keys.as_ref().unwrap().receive.sources[0].rtp_index.unwrap();
            tells += 1;
        }
        assert!(true_index - last < 1 << 14, "{true_index} {last}");
    }
    assert!((3..=5).contains(&tells), "{tells}");
    assert!(last >> 16 == 1, "the sequence number has begun anew");
    endpoints.handle(MediaCommand::Describe { id: id(1), peer: Box::new(peer) }, now);
    assert!(kept(&mut endpoints).is_some(), "something was agreed");
}

/// A poll takes no file.
#[test]
fn a_stream_of_which_one_port_cannot_be_watched_leaves_none_behind() {
    let (mut endpoints, _told, _poll) = driven(43_700..=43_799);
    let lease = endpoints.ports.lease(Instant::now()).unwrap();
    let (ip, port) = ([127, 0, 0, 1].into(), lease.even());
    let rtp = socket::bind_told(ip, port).unwrap();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let rtcp = UdpSocket::from(std::os::fd::OwnedFd::from(file));
    assert!(endpoints.open_stream(ip, &AUDIO, (lease, [Some(rtp), Some(rtcp)])).is_err());
    assert!(endpoints.sockets.iter().all(Option::is_none));
    assert_eq!((endpoints.ports.leased(), endpoints.relay.streams()), (0, 0));
    assert!(UdpSocket::bind((ip, port)).is_ok());
}
