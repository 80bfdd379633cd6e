//! Two devices that check each other through us, and one who would like to be one of them (decision 0042).

use super::browser::{certificate, client_hello, house};
use super::*;
use coeur_exchange::media::{Ice, IceCredentials, IcePassword};
use coeur_media::stun::{Class, Integrity, Key, Kind, Method, TransactionId, Writer};

const MUXED: OpenStream = OpenStream { kind: StreamKind::Audio, rtcp_mux: true, bundled_with: None };

fn credentials(of: &str) -> IceCredentials {
    IceCredentials { ufrag: of.into(), password: IcePassword(format!("{of}0123456789012345678901").into()) }
}

fn key(of: &str) -> Key {
    Key::short_term(credentials(of).password.0.as_bytes())
}

/// A check, or its answer, proved by this password.
fn stun(class: Class, nth: u32, user: Option<(&str, &str)>, proof: Option<&Key>) -> Vec<u8> {
    let (mut out, mut number) = (Vec::new(), [7; 12]);
    number[..4].copy_from_slice(&nth.to_be_bytes());
    let mut writer = Writer::new(&mut out, class, Method::Binding, TransactionId(number));
    if let Some((theirs, own)) = user {
        writer.check_username(theirs, own);
        writer.flag(Kind::UseCandidate);
    }
    if let Some(key) = proof {
        writer.integrity(Integrity::Sha1, key);
    }
    writer.fingerprint();
    out
}

/// Of alice, who is told bob's credentials, or of bob.
fn check(nth: u32, by: &str, of: &str) -> Vec<u8> {
    stun(Class::Request, nth, Some((of, by)), Some(&key(of)))
}

struct Wire {
    house: House,
    alice: UdpSocket,
    bob: UdpSocket,
    ports: [SocketAddr; 2],
}

fn socket(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(WAIT)).unwrap();
    socket
}

/// What the exchange describes of who was told these credentials and has those.
fn stream(at: &UdpSocket, told: &str, own: &str) -> Stream {
    let address = at.local_addr().unwrap();
    let ice = Ice {
        ours: credentials(told),
        theirs: credentials(own),
        their_lite: false,
        controlling: false,
        wire: true,
        candidates: Box::default(),
    };
    Stream {
        rtp: address,
        rtcp: address,
        rtcp_mux: true,
        keying: Keying::EndToEnd,
        ice: Some(Box::new(ice)),
        ..Phone::new("127.0.0.1").stream()
    }
}

impl Wire {
    fn new(ports: RangeInclusive<u16>) -> Self {
        let (alice, bob) = (socket("127.0.0.2"), socket("127.0.0.3"));
        let house = house(ports, &certificate());
        let open = |id| house.open(id, "127.0.0.1", &[MUXED]).unwrap()[0].clone().unwrap().rtp;
        let ports = [open(id(1)), open(id(2))];
        let wire = Self { house, alice, bob, ports };
        wire.describe();
        wire
    }

    fn describe(&self) {
        let sides = [(1, &self.alice, "bobs", "alices"), (2, &self.bob, "alices", "bobs")];
        for (serial, at, told, own) in sides {
            let stream = stream(at, told, own);
            let peer = Peer { signalled_from: stream.rtp.ip(), streams: [Some(stream)].into() };
            self.house.media.handle(MediaCommand::Describe { id: id(serial), peer: Box::new(peer) });
        }
        self.house.connect(id(1), id(2));
        self.house.settle(id(1));
    }

    /// Each has checked the other, and was answered.
    fn checked(ports: RangeInclusive<u16>) -> Self {
        let wire = Self::new(ports);
        // Alice was not heard yet: bob repeats it.
        wire.bob.send_to(&check(1, "bobs", "alices"), wire.ports[1]).unwrap();
        wire.house.caught_up();
        wire.asks(&wire.alice, 0, 2, ["alices", "bobs"], &wire.bob);
        wire.asks(&wire.bob, 1, 3, ["bobs", "alices"], &wire.alice);
        wire
    }

    /// A check of one reaches the other as it is, from our port there, and so does its answer.
    fn asks(&self, one: &UdpSocket, port: usize, nth: u32, [by, of]: [&str; 2], other: &UdpSocket) {
        let asked = check(nth, by, of);
        one.send_to(&asked, self.ports[port]).unwrap();
        assert_eq!(hear(other), (asked, self.ports[1 - port]));
        let answer = stun(Class::Success, nth, None, Some(&key(of)));
        other.send_to(&answer, self.ports[1 - port]).unwrap();
        assert_eq!(hear(one), (answer, self.ports[port]));
    }

    /// Their handshake and what they protect pass as they are.
    fn talk(&self, sequence: u16) {
        for (one, other, port) in [(&self.alice, &self.bob, 0), (&self.bob, &self.alice, 1)] {
            for packet in [client_hello(), rtp(sequence, 7 + port as u32), rtcp(7 + port as u32)] {
                one.send_to(&packet, self.ports[port]).unwrap();
                assert_eq!(hear(other), (packet, self.ports[1 - port]));
            }
        }
    }
}

#[test]
fn checks_and_answers_and_all_that_is_protected_pass_between_two_devices_as_they_are() {
    let wire = Wire::checked(41_500..=41_519);
    wire.talk(1);
    // What is agreed once more changes nothing.
    wire.describe();
    wire.talk(2);
}

/// Threats A02 and A09, and RTP bleed: who has no password of the two moves nothing, passes nothing, and is sent nothing at all.
#[test]
fn a_stranger_at_a_wire_moves_nothing_passes_nothing_and_is_sent_nothing() {
    let wire = Wire::checked(41_520..=41_539);
    // One of them on the host of alice, who is what a neighbour behind her NAT is.
    let strangers = [socket("127.0.0.66"), socket("127.0.0.2")];
    let spray: Vec<Vec<u8>> = vec![
        stun(Class::Request, 90, Some(("bobs", "alices")), None),
        stun(Class::Request, 91, Some(("bobs", "alices")), Some(&key("alices"))),
        stun(Class::Request, 92, Some(("bobs", "malices")), Some(&key("bobs"))),
        stun(Class::Success, 3, None, Some(&key("bobs"))),
        stun(Class::Success, 93, None, None),
        client_hello(),
        rtp(500, 7),
        rtp(501, 99),
        rtcp(7),
        b"anything else".to_vec(),
    ];
    for _ in 0..50 {
        for (stranger, packet) in
            strangers.iter().flat_map(|one| spray.iter().map(move |packet| (one, packet)))
        {
            for port in wire.ports {
                stranger.send_to(packet, port).unwrap();
            }
        }
    }
    wire.house.caught_up();
    for socket in [&strangers[0], &strangers[1], &wire.alice, &wire.bob] {
        hears_nothing(socket);
    }
    wire.talk(1);
}

#[test]
fn nothing_leaves_before_both_were_heard() {
    let wire = Wire::new(41_540..=41_559);
    for packet in [check(1, "alices", "bobs"), client_hello(), rtp(1, 7)] {
        wire.alice.send_to(&packet, wire.ports[0]).unwrap();
    }
    wire.house.caught_up();
    hears_nothing(&wire.bob);
    hears_nothing(&wire.alice);
}

/// After kill -9 media that went through us goes on before anybody has checked anything.
#[test]
fn a_wire_that_was_kept_goes_on_in_another_process_on_the_same_ports() {
    let wire = Wire::checked(41_560..=41_579);
    wire.talk(1);
    let kept = [1, 2].map(|serial| wire.house.keep(id(serial)));
    let Wire { house: before, alice, bob, ports } = wire;
    before.media.stop();
    before.until("the ports are free", |_| ports.iter().all(|port| UdpSocket::bind(port).is_ok()));
    drop(before);
    let house = house(41_560..=41_579, &certificate());
    for (serial, kept) in [1, 2].into_iter().zip(kept) {
        house.media.handle(MediaCommand::Restore { id: id(serial), kept });
        assert!(matches!(house.next(), MediaEvent::Opened { .. }));
    }
    house.connect(id(1), id(2));
    house.settle(id(1));
    let wire = Wire { house, alice, bob, ports };
    wire.talk(2);
    wire.asks(&wire.alice, 0, 9, ["alices", "bobs"], &wire.bob);
}

/// `media_silence_s` ends no call of which nothing is heard here because it goes another way.
#[test]
fn two_devices_that_may_speak_directly_are_neither_quiet_nor_silent_nor_doubted() {
    let (mut endpoints, told, _poll) = driven(41_580..=41_599);
    let at = coeur_sip::time::Monotonic::from_secs;
    let near = "127.0.0.1".parse().unwrap();
    let phone = socket("127.0.0.2");
    for serial in [1, 2] {
        endpoints.handle(MediaCommand::Open { id: id(serial), near, streams: [MUXED].into() }, at(100));
        let stream = stream(&phone, "bobs", "alices");
        let peer = Peer { signalled_from: stream.rtp.ip(), streams: [Some(stream)].into() };
        endpoints.handle(MediaCommand::Describe { id: id(serial), peer: Box::new(peer) }, at(100));
    }
    let streams = [Pair { a: 0, b: 0, payloads: Box::default(), conversion: None }].into();
    endpoints.handle(MediaCommand::Connect { a: id(1), b: id(2), streams }, at(100));
    for now in 101..300 {
        endpoints.tell_silent(at(now));
        endpoints.tell_doubtful(at(now));
    }
    let told: Vec<MediaEvent> = told.try_iter().skip(2).collect();
    assert!(told.is_empty(), "{told:?}");
}
