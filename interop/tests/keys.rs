//! Keys between phones that say them in different ways (decision 0025), where sound passes: a phone of ours that says an INFO or
//! hears nothing but sound, and baresip, which says and hears events (RFC 4733).

use coeur_interop::agent::{Agent, header};
use coeur_interop::baresip::{Phone, Setup};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::tone;
use coeur_media::codec::Codec;
use coeur_media::packet::{Packet, SLOT_BYTES};
use coeur_media::rtp::{Rtp, Source};
use coeur_media::talk::{Ear, Events, Hears, Mouth, Says};
use coeur_media::tone::detect::Key;
use coeur_media::transcode::Format;
use coeur_sip::time::Monotonic;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");
const PATIENCE: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(20);

/// A port of alice, and G.711 on it.
struct Sound {
    socket: UdpSocket,
    server: SocketAddr,
    mouth: Mouth,
    ear: Ear,
    now: Monotonic,
    keys: Vec<Key>,
}

impl Sound {
    /// Of a phone that knows no events.
    fn new() -> Self {
        Self::with(None)
    }

    fn with(events: Option<Events>) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback address");
        socket.set_nonblocking(true).expect("a socket");
        let format = Format { codec: Codec::Pcmu, frame_ms: 20 };
        let says = Says { payload: 0, format, events: None, rate_hz: 8_000, opus: None };
        let hears = Hears {
            formats: [(0, Codec::Pcmu)].into(),
            events,
            noise: None,
            rate_hz: 8_000,
            keys_in_sound: events.is_none(),
        };
        Self {
            server: socket.local_addr().expect("bound"),
            socket,
            mouth: Mouth::new(says, Source::new([9; 10], 8_000)).expect("a codec of ours"),
            ear: Ear::new(hears, 1).expect("a codec of ours"),
            now: Monotonic::from_secs(1),
            keys: Vec::new(),
        }
    }

    fn description(&self, formats: &str) -> String {
        let at = self.socket.local_addr().expect("bound");
        format!(
            "v=0\r\no=- 7 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP {formats}\r\n\
             a=rtpmap:0 PCMU/8000\r\n",
            at.ip(),
            at.port()
        )
    }

    fn agree(&mut self, described: &str) {
        let line = |start: &str| described.lines().find_map(|line| line.strip_prefix(start));
        let port = line("m=audio ").and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a port");
        self.server = (Ipv4Addr::LOCALHOST, port).into();
    }

    /// The keys that were heard, in their order.
    fn pressed(&self) -> String {
        let pressed = self.keys.iter().filter_map(|key| match key {
            Key::Pressed(digit) => Some(digit.character()),
            Key::Released { .. } => None,
        });
        pressed.collect()
    }

    /// Says silence and hears, in the pace of a phone.
    fn talk(&mut self, span: Duration) {
        let begun = Instant::now();
        for tick in 1..=(span.as_millis() / TICK.as_millis()) as u32 {
            let Self { socket, server, mouth, ear, now, keys } = self;
            // A packet that does not leave is lost, as some are.
            mouth.say(*now, &mut [0; 160], |packet| drop(socket.send_to(packet, *server)));
            let mut bytes = [0; SLOT_BYTES];
            while let Ok((length, _)) = socket.recv_from(&mut bytes[..1_500]) {
                let mut slot = [0; SLOT_BYTES];
                let packet = Packet::copied(&mut slot, &bytes[..length]).expect("a small one");
                if let Ok(rtp) = Rtp::parse(&packet) {
                    ear.receive(*now, &rtp, |key| keys.push(key));
                }
            }
            ear.listen(*now, &mut [0; 160], |key| keys.push(key));
            *now += TICK;
            std::thread::sleep((begun + TICK * tick).saturating_duration_since(Instant::now()));
        }
    }
}

fn baresip(server: &Coeur) -> Phone {
    let mut bob = Phone::start(&Setup::on_loopback(server, BOB, "udp", 660));
    bob.registered();
    bob
}

#[test]
#[ignore = "needs baresip"]
fn a_key_in_an_info_is_an_event_for_a_phone_that_knows_these() {
    let server = Coeur::start("keys-info", &[ALICE, BOB]);
    let bob = baresip(&server);
    let mut alice = Agent::new(&server, [127, 0, 0, 1], ALICE.0, ALICE.1);
    assert_eq!(alice.register(PATIENCE), Some(200));
    let mut sound = Sound::new();
    let offer = sound.description("0 101") + "a=rtpmap:101 telephone-event/8000\r\n";
    let (dialog, ok) = alice.call_with("bob", &offer, PATIENCE).expect("bob answers");
    let ack = alice.inside(&dialog, "ACK");
    alice.send(ack.as_bytes());
    sound.agree(&ok.text);
    sound.talk(Duration::from_secs(1));
    for digit in ['5', '#'] {
        let info = alice.inside_with(&dialog, "INFO", &format!("Signal={digit}\r\nDuration=120\r\n"));
        let info = info.replace("application/sdp", "application/dtmf-relay");
        assert_eq!(alice.transact(&info, PATIENCE).map(|answer| answer.status), Some(200));
        sound.talk(Duration::from_secs(1));
    }
    alice.hang_up(&dialog, PATIENCE);
    let log = bob.log();
    for digit in ['5', '#'] {
        let ended = log.matches(&format!("received event: '{digit}' (end=1)")).count();
        assert_eq!(ended, 1, "{digit}: {log}");
    }
    assert!(!log.contains("received DTMF"), "no INFO has come: {log}");
}

#[test]
#[ignore = "needs baresip"]
fn an_event_is_sound_for_a_phone_that_has_none() {
    let server = Coeur::start("keys-sound", &[ALICE, BOB]);
    let mut bob = baresip(&server);
    let mut alice = Agent::new(&server, [127, 0, 0, 1], ALICE.0, ALICE.1);
    assert_eq!(alice.register(PATIENCE), Some(200));
    let mut sound = Sound::new();
    bob.command("dial", &format!("sip:alice@{DOMAIN}"));
    let invite = alice.hear(PATIENCE).expect("alice is called");
    assert_eq!(header(&invite.text, "CSeq").split(' ').next_back(), Some("INVITE"));
    alice.answer_with(&invite, 200, &sound.description("0"));
    bob.established();
    sound.agree(&invite.text);
    sound.talk(Duration::from_secs(1));
    for digit in ["5", "9"] {
        bob.command("sndcode", digit);
        sound.talk(Duration::from_secs(1));
    }
    bob.command("hangup", "");
    assert_eq!(sound.pressed(), "59", "{:?}", sound.keys);
}

/// What keys are in its sound is heard as events where that is set for the phone, each once, and not where it is not.
#[test]
#[ignore = "needs baresip"]
fn keys_in_the_sound_of_a_phone_are_events_where_that_is_set() {
    const KEYS: &str = "159#0";
    for set in [true, false] {
        let server = Coeur::start("keys-inband", &[ALICE, BOB]);
        if set {
            let devices: serde_json::Value =
                serde_json::from_str(&server.cli(&["device", "list", "bob", "--json"], "")).expect("devices");
            let device = devices[0]["device"].as_str().expect("a number").to_owned();
            server.cli(&["device", "set", "bob", &device, "--dtmf", "inband"], "");
        }
        let mut bob = baresip(&server);
        bob.says(&tone::keys(KEYS));
        let mut alice = Agent::new(&server, [127, 0, 0, 1], ALICE.0, ALICE.1);
        assert_eq!(alice.register(PATIENCE), Some(200));
        let mut sound = Sound::with(Some(Events { payload: 101, clock_hz: 8_000 }));
        bob.command("dial", &format!("sip:alice@{DOMAIN}"));
        let invite = alice.hear(PATIENCE).expect("alice is called");
        let number = invite.text.lines().find_map(|line| line.strip_suffix(" telephone-event/8000"));
        assert_eq!(number, Some("a=rtpmap:101"), "{}", invite.text);
        let answer = sound.description("0 101") + "a=rtpmap:101 telephone-event/8000\r\n";
        alice.answer_with(&invite, 200, &answer);
        bob.established();
        sound.agree(&invite.text);
        sound.talk(Duration::from_secs(7));
        bob.command("hangup", "");
        assert_eq!(sound.pressed(), if set { KEYS } else { "" }, "{:?}", sound.keys);
    }
}
