//! Phones that have no audio format in common: a worker between them, with a clock that is driven, and sockets that are real.

mod conferring;
mod playing;
mod pressing;
mod taping;

use super::*;
use crate::media::audio::PARTS_MAX;
use coeur_exchange::media::{Conversion, Converted, Side};
use coeur_media::codec::Codec;
use coeur_media::rtcp::{Compound, RtcpPacket};
use coeur_media::rtp::{Rtp, Source};
use coeur_media::talk::{Ear, Events, Hears, Mouth, Says};
use coeur_media::tone::Digit;
use coeur_media::tone::detect::Key;
use coeur_media::transcode;
use coeur_sip::time::{Monotonic, Now, Wall};

const TICK: Duration = Duration::from_millis(20);

/// What a phone speaks: one codec under a number, and events or not.
#[derive(Clone, Copy)]
struct Speaks {
    payload: u8,
    codec: Codec,
    events: Option<Events>,
}

const OPUS: Speaks =
    Speaks { payload: 111, codec: Codec::Opus, events: Some(Events { payload: 110, clock_hz: 48_000 }) };
const PCMA: Speaks =
    Speaks { payload: 8, codec: Codec::Pcma, events: Some(Events { payload: 101, clock_hz: 8_000 }) };
const PCMU: Speaks = Speaks { payload: 0, codec: Codec::Pcmu, events: None };
const G722: Speaks = Speaks { payload: 9, codec: Codec::G722, events: None };

impl Speaks {
    fn rate_hz(self) -> u32 {
        self.codec.rate_hz().min(16_000)
    }

    fn formats(self) -> Box<[Format]> {
        let format = |payload, name: &str, clock_rate, channels| Format {
            payload,
            name: name.as_bytes().into(),
            clock_rate,
            channels,
            fmtp: None,
        };
        let channels = if self.codec == Codec::Opus { 2 } else { 1 };
        let audio = format(self.payload, self.codec.name(), self.codec.clock_hz(), channels);
        let events = self.events.map(|events| format(events.payload, "telephone-event", events.clock_hz, 1));
        std::iter::once(audio).chain(events).collect()
    }
}

/// A phone that says a tone of its own and hears.
struct Talking {
    phone: Phone,
    port: SocketAddr,
    mouth: Mouth,
    ear: Ear,
    hz: f64,
    said: usize,
    sent: usize,
    heard: Vec<i16>,
    keys: Vec<Key>,
    packets: Vec<Vec<u8>>,
    /// Whom it has heard last: each source has numbers of its own (RFC 3550 section 5.1).
    ssrc: Option<u32>,
    crypt: Option<(Outbound, Inbound)>,
}

impl Talking {
    fn new(ip: &str, speaks: Speaks, hz: f64) -> Self {
        let phone = Phone::new(ip);
        [&phone.rtp, &phone.rtcp].into_iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
        let says = Says {
            payload: speaks.payload,
            format: transcode::Format { codec: speaks.codec, frame_ms: 20 },
            events: speaks.events,
            rate_hz: speaks.rate_hz(),
            opus: None,
        };
        let hears = Hears {
            formats: [(speaks.payload, speaks.codec)].into(),
            events: speaks.events,
            noise: None,
            rate_hz: speaks.rate_hz(),
            keys_in_sound: speaks.events.is_none(),
        };
        Self {
            port: phone.rtp.local_addr().unwrap(),
            phone,
            mouth: Mouth::new(says, Source::new([hz as u8; 10], speaks.codec.clock_hz())).unwrap(),
            ear: Ear::new(hears, 1).unwrap(),
            hz,
            said: 0,
            sent: 0,
            heard: Vec::new(),
            keys: Vec::new(),
            packets: Vec::new(),
            ssrc: None,
            crypt: None,
        }
    }

    /// Says one tick of its tone; `lost` says of each packet whether it comes.
    fn say(&mut self, now: Monotonic, lost: impl Fn(usize) -> bool) {
        let rate_hz = self.mouth.says().rate_hz;
        let step = std::f64::consts::TAU * self.hz / f64::from(rate_hz);
        let mut pcm: Vec<i16> = (0..rate_hz as usize / 50)
            .map(|at| ((step * (self.said + at) as f64).sin() * 8_000.0) as i16)
            .collect();
        self.said += pcm.len();
        let Self { mouth, phone, port, crypt, sent, .. } = self;
        mouth.say(now, &mut pcm, |packet| {
            *sent += 1;
            if let Some((outbound, _)) = crypt {
                outbound.protect_rtp(packet).unwrap();
            }
            if !lost(*sent) {
                phone.rtp.send_to(packet, *port).unwrap();
            }
        });
    }

    fn hear(&mut self, now: Monotonic) {
        let mut bytes = [0; SLOT_BYTES];
        while let Ok((length, _)) = self.phone.rtp.recv_from(&mut bytes[..1_500]) {
            let mut slot = [0; SLOT_BYTES];
            let mut packet = Packet::copied(&mut slot, &bytes[..length]).unwrap();
            if let Some((_, inbound)) = &mut self.crypt {
                inbound.unprotect_rtp(&mut packet).unwrap();
            }
            self.packets.push(packet.to_vec());
            let rtp = Rtp::parse(&packet).unwrap();
            if self.ssrc.replace(rtp.ssrc()).is_some_and(|before| before != rtp.ssrc()) {
                self.ear = Ear::new(self.ear.hears().clone(), 1).unwrap();
            }
            let keys = &mut self.keys;
            self.ear.receive(now, &rtp, |key| keys.push(key));
        }
        let mut pcm = vec![0; self.ear.hears().rate_hz as usize / 50];
        let keys = &mut self.keys;
        self.ear.listen(now, &mut pcm, |key| keys.push(key));
        self.heard.extend_from_slice(&pcm);
    }

    /// How strong a tone was in the last half second that was heard, as a share of how it is said.
    fn hears(&self, hz: f64) -> f64 {
        let rate_hz = self.ear.hears().rate_hz;
        let last = &self.heard[self.heard.len() - rate_hz as usize / 2..];
        let step = std::f64::consts::TAU * hz / f64::from(rate_hz);
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (at, sample) in last.iter().enumerate() {
            sine += f64::from(*sample) * (step * at as f64).sin();
            cosine += f64::from(*sample) * (step * at as f64).cos();
        }
        2.0 * sine.hypot(cosine) / last.len() as f64 / 8_000.0
    }
}

struct Desk {
    worker: worker::Worker,
    told: Receiver<MediaEvent>,
    a: Talking,
    b: Talking,
    now: Monotonic,
}

impl Desk {
    fn new(ports: RangeInclusive<u16>, a: Speaks, b: Speaks) -> Self {
        let poll = mio::Poll::new().unwrap();
        let commands =
            Arc::new(Commands::new(mio::Waker::new(poll.registry(), super::worker::WAKER).unwrap()));
        let (events, told) = channel();
        let wanted = settings(ports);
        let ports = Arc::new(Ports::new(wanted.ports.clone(), Duration::ZERO));
        let tell = Arc::new(move |_, event| events.send(event).unwrap_or_default());
        let (clock, slow) = (Clock::default(), Box::new(NoSlowPath));
        let worker =
            worker::Worker::new(poll, commands, Arc::default(), &wanted, ports, tell, clock, slow).unwrap();
        let (a, b) = (Talking::new("127.0.0.2", a, 440.0), Talking::new("127.0.0.3", b, 770.0));
        let mut desk = Self { worker, told, a, b, now: Monotonic::from_secs(100) };
        desk.at(desk.now);
        for serial in [1, 2] {
            let near = "127.0.0.1".parse().unwrap();
            desk.handle(MediaCommand::Open { id: id(serial), near, streams: [AUDIO].into() });
            let Ok(MediaEvent::Opened { streams, .. }) = desk.told.try_recv() else { panic!("no port") };
            let port = streams[0].as_ref().unwrap().rtp;
            if serial == 1 { desk.a.port = port } else { desk.b.port = port }
        }
        desk
    }

    /// Both described, and connected so that each is understood.
    fn converting(ports: RangeInclusive<u16>, a: Speaks, b: Speaks) -> Self {
        let mut desk = Self::new(ports, a, b);
        desk.describe(1, a.formats(), |_| {});
        desk.describe(2, b.formats(), |_| {});
        desk.connect(Some(Conversion { what: Converted::Sound, a: Side::USUAL, b: Side::USUAL }));
        desk
    }

    fn at(&mut self, now: Monotonic) {
        self.now = now;
        self.worker.endpoints.now = Now::new(now, Wall::from_millis(1_700_000_000_000 + now.as_millis()));
    }

    fn handle(&mut self, command: MediaCommand) {
        self.worker.endpoints.handle(command, self.now);
    }

    fn describe(&mut self, serial: u64, formats: Box<[Format]>, change: impl FnOnce(&mut Stream)) {
        let phone = if serial == 1 { &self.a.phone } else { &self.b.phone };
        let mut stream = Stream { formats, ..phone.stream() };
        change(&mut stream);
        let peer = Peer { signalled_from: stream.rtp.ip(), streams: [Some(stream)].into() };
        self.handle(MediaCommand::Describe { id: id(serial), peer: Box::new(peer) });
    }

    fn connect(&mut self, conversion: Option<Conversion>) {
        let streams = [Pair { a: 0, b: 0, payloads: Box::default(), conversion }].into();
        self.handle(MediaCommand::Connect { a: id(1), b: id(2), streams });
    }

    /// So many ticks: both say, the worker has its turns, both hear.
    fn run(&mut self, ticks: usize, lost: impl Fn(usize) -> bool) {
        for _ in 0..ticks {
            self.a.say(self.now, &lost);
            self.b.say(self.now, &lost);
            self.serve();
            // A tick has four phases.
            for _ in 0..4 {
                self.at(self.now + TICK / 4);
                self.worker.turn();
            }
            self.a.hear(self.now);
            self.b.hear(self.now);
        }
    }

    /// The worker reads all its ports.
    fn serve(&mut self) {
        (0..self.worker.endpoints.sockets.len()).for_each(|place| self.worker.read(place));
    }

    #[track_caller]
    fn hear_each_other(&self) {
        for (who, hears, foreign, own) in [("a", &self.a, 770.0, 440.0), ("b", &self.b, 440.0, 770.0)] {
            let (foreign, own) = (hears.hears(foreign), hears.hears(own));
            assert!(
                (0.6..1.4).contains(&foreign) && own < 0.1,
                "{who} hears {foreign:.2}, of itself {own:.2}"
            );
        }
    }

    fn told(&self) -> Vec<MediaEvent> {
        self.told.try_iter().collect()
    }
}

#[test]
fn phones_of_every_two_codecs_hear_each_other() {
    let all = [OPUS, PCMA, PCMU, G722];
    let pairs = all.iter().enumerate().flat_map(|(at, a)| all[at + 1..].iter().map(move |b| (*a, *b)));
    for (at, (a, b)) in pairs.enumerate() {
        let ports = 45_000 + at as u16 * 10;
        let mut desk = Desk::converting(ports..=ports + 9, a, b);
        desk.run(75, |_| false);
        desk.hear_each_other();
        assert!(desk.a.packets.len() >= 70, "{}", desk.a.packets.len());
        let first = Rtp::parse(&desk.a.packets[0]).unwrap();
        assert!(first.marker() && first.payload_type() == a.payload);
    }
}

#[test]
fn a_tone_is_heard_though_every_tenth_packet_is_lost() {
    let mut desk = Desk::converting(45_100..=45_109, OPUS, PCMA);
    desk.run(100, |at| at % 10 == 4);
    desk.hear_each_other();
    // Who hears hears no gap: a packet for each tick, without a number left out.
    let numbers: Vec<u16> =
        desk.b.packets.iter().map(|packet| Rtp::parse(packet).unwrap().sequence()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{numbers:?}");
    assert!(numbers.len() >= 95, "{}", numbers.len());
}

#[test]
fn what_is_converted_is_taken_off_one_key_and_put_under_the_other() {
    let mut desk = Desk::new(45_110..=45_119, OPUS, PCMA);
    let suite = SrtpSuite::AesCm128HmacSha1_80;
    let ours = |byte| SrtpKey { suite, key_and_salt: vec![byte; 30].into(), mki: Box::default() };
    let theirs = |byte| MasterKey::new(Suite::AesCm128HmacSha1_80, &[byte; 30]).unwrap();
    desk.a.crypt = Some((Outbound::new(&theirs(1)), Inbound::new(&theirs(2))));
    desk.describe(1, OPUS.formats(), |stream| {
        stream.keying = Keying::Sdes { send: ours(2), receive: ours(1) };
    });
    desk.describe(2, PCMA.formats(), |_| {});
    desk.connect(Some(Conversion { what: Converted::Sound, a: Side::USUAL, b: Side::USUAL }));
    desk.run(75, |_| false);
    desk.hear_each_other();
}

#[test]
fn keys_become_what_the_other_phone_understands() {
    let mut desk = Desk::converting(45_120..=45_129, OPUS, PCMU);
    let [five, nine] = ['5', '9'].map(|digit| Digit::from_char(digit).unwrap());
    desk.run(25, |_| false);
    desk.told();
    // As an event from a, as sound for b.
    desk.a.mouth.press(five, 120);
    desk.run(50, |_| false);
    assert_eq!(desk.b.keys.first(), Some(&Key::Pressed(five)), "{:?}", desk.b.keys);
    assert_eq!(desk.b.keys.len(), 2, "{:?}", desk.b.keys);
    // As sound from b, as an event for a; the sound itself is not heard beside it.
    desk.b.mouth.press(nine, 200);
    desk.run(50, |_| false);
    assert_eq!(desk.a.keys.first(), Some(&Key::Pressed(nine)), "{:?}", desk.a.keys);
    assert_eq!(desk.a.keys.len(), 2, "{:?}", desk.a.keys);
    let told: Vec<(MediaId, u8)> = desk
        .told()
        .into_iter()
        .filter_map(|event| match event {
            MediaEvent::Dtmf { id, digit, duration_ms } => {
                assert!((80..=240).contains(&duration_ms), "{duration_ms}");
                Some((id, digit))
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, [(id(1), b'5'), (id(2), b'9')]);
    desk.run(50, |_| false);
    desk.hear_each_other();
}

#[test]
fn a_key_that_was_told_of_is_said_as_the_other_phone_hears_it() {
    let mut desk = Desk::converting(45_210..=45_219, OPUS, PCMU);
    desk.run(25, |_| false);
    for (serial, digit) in [(1, b'7'), (2, b'8'), (1, b'x')] {
        desk.handle(MediaCommand::Press { id: id(serial), digit, ms: 160, is_ordered: false });
    }
    desk.run(50, |_| false);
    let pressed = |phone: &Talking| {
        let first = phone.keys.first().copied();
        (first, phone.keys.len())
    };
    let [seven, eight] = ['7', '8'].map(|digit| Digit::from_char(digit).map(Key::Pressed));
    assert_eq!(pressed(&desk.a), (seven, 2), "an event");
    assert_eq!(pressed(&desk.b), (eight, 2), "sound");
}

#[test]
fn who_is_told_of_keys_in_another_way_does_not_hear_them() {
    let mut desk = Desk::new(45_130..=45_139, OPUS, PCMU);
    desk.describe(1, OPUS.formats(), |_| {});
    desk.describe(2, PCMU.formats(), |_| {});
    let told = Side { keys_are_told: true, ..Side::USUAL };
    desk.connect(Some(Conversion { what: Converted::Sound, a: Side::USUAL, b: told }));
    desk.run(25, |_| false);
    desk.a.mouth.press(Digit::from_char('5').unwrap(), 120);
    desk.run(50, |_| false);
    assert_eq!(desk.b.keys, []);
    assert!(desk.told().iter().any(|event| matches!(event, MediaEvent::Dtmf { digit: b'5', .. })));
}

#[test]
fn both_ends_have_reports_of_ours_and_a_goodbye() {
    let mut desk = Desk::converting(45_140..=45_149, OPUS, PCMA);
    desk.run(400, |at| at % 20 == 3);
    let reports = |phone: &Talking| {
        let mut all = Vec::new();
        let mut bytes = [0; 1_500];
        while let Ok((length, _)) = phone.phone.rtcp.recv_from(&mut bytes) {
            all.push(bytes[..length].to_vec());
        }
        all
    };
    let ssrc = |packets: &[Vec<u8>]| Rtp::parse(&packets[0]).unwrap().ssrc();
    for (phone, other_hz) in [(&desk.a, 48_000), (&desk.b, 8_000)] {
        let reports = reports(phone);
        assert!((1..=4).contains(&reports.len()), "{} in 8 seconds", reports.len());
        let last = Compound::parse(reports.last().unwrap()).unwrap();
        let Some(RtcpPacket::SenderReport(report)) = last.packets().next() else {
            panic!("no sender report")
        };
        assert_eq!(report.ssrc, ssrc(&phone.packets));
        assert!(report.info.packets > 50 && report.info.octets > 1_000);
        let block = report.blocks().next().unwrap();
        assert_eq!(block.ssrc, phone.mouth.source().ssrc());
        assert!(block.lost >= 2, "{block:?}");
        assert!(block.jitter < other_hz / 100, "{block:?}");
    }
    desk.connect(None);
    for phone in [&desk.a, &desk.b] {
        let reports = reports(phone);
        let last = Compound::parse(reports.last().expect("a goodbye")).unwrap();
        let goodbye = last.packets().any(|packet| match packet {
            RtcpPacket::Goodbye(goodbye) => goodbye.ssrcs().any(|left| left == ssrc(&phone.packets)),
            _ => false,
        });
        assert!(goodbye);
    }
}

#[test]
fn hold_and_resume_and_a_new_description_go_on_in_the_same_numbers() {
    let mut desk = Desk::converting(45_150..=45_159, OPUS, PCMA);
    desk.run(50, |_| false);
    let before = Rtp::parse(desk.b.packets.last().unwrap()).map(|rtp| (rtp.ssrc(), rtp.sequence())).unwrap();
    // b holds: nobody says anything to it, nor is it heard.
    desk.describe(2, PCMA.formats(), |stream| (stream.we_send, stream.we_receive) = (false, false));
    desk.describe(1, OPUS.formats(), |stream| (stream.we_send, stream.we_receive) = (false, false));
    desk.a.packets.clear();
    desk.b.packets.clear();
    desk.run(50, |_| false);
    assert!(desk.b.packets.is_empty() && desk.a.packets.is_empty());
    assert_eq!(desk.worker.endpoints.relay.all_dropped().of(Reason::NotSending), 0);
    desk.describe(2, PCMA.formats(), |_| {});
    desk.describe(1, OPUS.formats(), |_| {});
    desk.run(75, |_| false);
    desk.hear_each_other();
    let after = Rtp::parse(&desk.b.packets[0]).unwrap();
    assert_eq!((after.ssrc(), after.sequence()), (before.0, before.1.wrapping_add(1)));
    assert!(after.marker(), "a talk spurt begins");
    // b speaks another codec from now on: another clock would be another source, this is the same.
    desk.describe(2, PCMU.formats(), |_| {});
    desk.b.packets.clear();
    desk.run(5, |_| false);
    let other = Rtp::parse(desk.b.packets.last().unwrap()).unwrap();
    assert_eq!((other.ssrc(), other.payload_type()), (before.0, 0));
}

/// RFC 7587 section 6.1.
#[test]
fn opus_is_said_as_the_other_end_asks() {
    let octets = |ports: u16, fmtp: &str| {
        let mut desk = Desk::new(ports..=ports + 9, OPUS, G722);
        let mut formats = OPUS.formats();
        formats[0].fmtp = Some(fmtp.as_bytes().into());
        desk.describe(1, formats, |_| {});
        desk.describe(2, G722.formats(), |_| {});
        desk.connect(Some(Conversion { what: Converted::Sound, a: Side::USUAL, b: Side::USUAL }));
        desk.run(75, |_| false);
        desk.a.packets.iter().map(|packet| packet.len() - 12).sum::<usize>() as f64
            / desk.a.packets.len() as f64
    };
    let (usual, least) =
        (octets(45_190, "useinbandfec=1"), octets(45_200, "usedtx=0; maxaveragebitrate=8000"));
    assert!(usual > 1.5 * least && least < 30.0, "{usual:.0} and {least:.0} bytes in a packet");
}

#[test]
fn what_both_understand_is_relayed_and_what_nobody_agreed_is_dropped() {
    let mut desk = Desk::new(45_160..=45_169, PCMA, PCMA);
    desk.describe(1, PCMA.formats(), |_| {});
    desk.describe(2, PCMA.formats(), |_| {});
    desk.connect(None);
    desk.run(75, |_| false);
    desk.hear_each_other();
    let ssrc = Rtp::parse(&desk.b.packets[0]).unwrap().ssrc();
    assert_eq!(ssrc, desk.a.mouth.source().ssrc(), "nobody touched it");
    assert_eq!(desk.worker.endpoints.stats.audio_parts.value(), 0);
}

#[test]
fn a_worker_takes_so_many_calls_and_no_more_and_forgets_them_with_their_ports() {
    let mut desk = Desk::new(46_000..=48_999, OPUS, PCMA);
    let near = "127.0.0.1".parse().unwrap();
    let conversion = Some(Conversion { what: Converted::Sound, a: Side::USUAL, b: Side::USUAL });
    for call in 0..=PARTS_MAX as u64 {
        let [a, b] = [id(10 + 2 * call), id(11 + 2 * call)];
        for (id, formats, phone) in [(a, PCMU.formats(), 1), (b, PCMA.formats(), 2)] {
            desk.handle(MediaCommand::Open { id, near, streams: [AUDIO].into() });
            let phone = if phone == 1 { &desk.a.phone } else { &desk.b.phone };
            let stream = Stream { formats, ..phone.stream() };
            let peer = Peer { signalled_from: stream.rtp.ip(), streams: [Some(stream)].into() };
            desk.handle(MediaCommand::Describe { id, peer: Box::new(peer) });
        }
        let streams = [Pair { a: 0, b: 0, payloads: Box::default(), conversion }].into();
        desk.handle(MediaCommand::Connect { a, b, streams });
    }
    let parts = |desk: &Desk| desk.worker.endpoints.stats.audio_parts.value();
    assert_eq!((parts(&desk), PARTS_MAX), (256, 256));
    assert!(desk.worker.endpoints.stats.audio_refused.value() > 0);
    for serial in 10..12 + 2 * PARTS_MAX as u64 {
        desk.handle(MediaCommand::Close { id: id(serial) });
    }
    assert_eq!((parts(&desk), desk.worker.endpoints.audio.next_deadline()), (0, None));
}

/// The same on the worker's own thread and clock.
#[test]
fn a_worker_converts_at_the_pace_of_its_clock() {
    let house = House::new(settings(45_180..=45_189));
    let mut talkers = [("127.0.0.2", PCMU, 440.0), ("127.0.0.3", PCMA, 770.0)]
        .map(|(ip, speaks, hz)| (Talking::new(ip, speaks, hz), speaks));
    for (serial, (talking, speaks)) in [1, 2].into_iter().zip(&mut talkers) {
        let ports = house.open(id(serial), "127.0.0.1", &[AUDIO]).unwrap();
        talking.port = ports[0].as_ref().unwrap().rtp;
        house.describe(id(serial), &talking.phone, |stream| stream.formats = speaks.formats());
    }
    let conversion = Some(Conversion { what: Converted::Sound, a: Side::USUAL, b: Side::USUAL });
    let streams = [Pair { a: 0, b: 0, payloads: Box::default(), conversion }].into();
    house.media.handle(MediaCommand::Connect { a: id(1), b: id(2), streams });
    house.settle(id(1));
    let [(a, _), (b, _)] = &mut talkers;
    let start = Instant::now();
    let mut ticks = 0;
    // Until b has heard a for a second, however slow this machine is.
    while b.packets.len() < 50 {
        assert!(start.elapsed() < WAIT, "{} packets", b.packets.len());
        std::thread::sleep((start + TICK * ticks).saturating_duration_since(Instant::now()));
        let now = Monotonic::from_micros(start.elapsed().as_micros() as u64 + 1);
        a.say(now, |_| false);
        b.hear(now);
        ticks += 1;
    }
    let numbers: BTreeSet<u16> =
        b.packets.iter().map(|packet| Rtp::parse(packet).unwrap().sequence()).collect();
    assert_eq!(numbers.len(), b.packets.len(), "each once");
    assert!(b.packets.iter().all(|packet| Rtp::parse(packet).unwrap().payload_type() == 8));
}
