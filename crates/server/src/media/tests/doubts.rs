//! What gives reason to ask why it is silent, with a clock that is driven: a worker looks once a second.

use super::*;
use coeur_media::relay::TransportKey;
use coeur_sip::time::Monotonic;

struct Desk {
    endpoints: endpoints::Endpoints,
    told: Receiver<MediaEvent>,
    a: Phone,
    b: Phone,
    sequence: u16,
    _poll: mio::Poll,
}

const SECOND: u64 = 1_000;

fn at(ms: u64) -> Monotonic {
    Monotonic::from_millis(100_000 + ms)
}

impl Desk {
    /// Two phones in a call that was connected at zero.
    fn new(ports: RangeInclusive<u16>) -> Self {
        let (endpoints, told, poll) = driven(ports);
        let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
        let mut desk = Self { endpoints, told, a, b, sequence: 0, _poll: poll };
        for (serial, stream) in [(1, desk.a.stream()), (2, desk.b.stream())] {
            let near = "127.0.0.1".parse().unwrap();
            let open = MediaCommand::Open { id: id(serial), near, streams: [AUDIO].into() };
            desk.endpoints.handle(open, at(0));
            desk.describe(serial, stream);
        }
        let streams = [Pair { a: 0, b: 0, payloads: Box::default(), conversion: None }].into();
        desk.endpoints.handle(MediaCommand::Connect { a: id(1), b: id(2), streams }, at(0));
        desk
    }

    fn describe(&mut self, serial: u64, stream: Stream) {
        let peer = Peer { signalled_from: stream.rtp.ip(), streams: [Some(stream)].into() };
        self.endpoints.handle(MediaCommand::Describe { id: id(serial), peer: Box::new(peer) }, at(0));
    }

    /// A packet of each phone that speaks every 20 ms of a second, and the look at its end. Who is doubted.
    fn second(&mut self, nth: u64, speaks: [bool; 2]) -> Vec<MediaId> {
        for tick in 0..50 {
            self.sequence += 1;
            for (place, speaks) in speaks.into_iter().enumerate() {
                if speaks {
                    self.packet(at(nth * SECOND + tick * 20), place, &rtp(self.sequence, place as u32 + 7));
                }
            }
        }
        self.endpoints.tell_doubtful(at((nth + 1) * SECOND));
        let doubted = |event| match event {
            MediaEvent::Doubted { id } => Some(id),
            _ => None,
        };
        self.told.try_iter().filter_map(doubted).collect()
    }

    /// Ports of RTP have even places: each stream has two.
    fn packet(&mut self, now: Monotonic, place: usize, bytes: &[u8]) {
        let from = [&self.a, &self.b][place].rtp.local_addr().unwrap();
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::copied(&mut slot, bytes).unwrap();
        self.endpoints.relay.receive(now, TransportKey(place as u32 * 2), from, &mut packet);
    }

    fn report(&mut self, serial: u64, now: Monotonic) -> coeur_exchange::media::StreamReport {
        self.endpoints.handle(MediaCommand::Report { id: id(serial) }, now);
        let report = self.told.try_iter().find_map(|event| match event {
            MediaEvent::Reported { report, .. } => report.streams[0].clone(),
            _ => None,
        });
        report.expect("a report")
    }
}

#[test]
fn a_call_in_which_both_are_heard_is_never_doubted() {
    let mut desk = Desk::new(44_500..=44_519);
    for nth in 0..20 {
        assert_eq!(desk.second(nth, [true, true]), [], "second {nth}");
    }
}

#[test]
fn an_end_that_is_not_heard_is_doubted_within_three_seconds_and_then_less_often() {
    let mut desk = Desk::new(44_520..=44_539);
    let doubted: Vec<u64> = (0..30).filter(|nth| desk.second(*nth, [true, false]) == [id(2)]).collect();
    assert_eq!(doubted[..5], [2, 3, 4, 5, 6], "{doubted:?}");
    assert!((6..=8).contains(&doubted.len()), "{doubted:?}");
}

#[test]
fn an_end_that_falls_silent_in_a_call_is_doubted_within_three_seconds() {
    let mut desk = Desk::new(44_540..=44_559);
    for nth in 0..6 {
        desk.second(nth, [true, true]);
    }
    let doubted: Vec<u64> = (6..12).filter(|nth| desk.second(*nth, [true, false]) == [id(2)]).collect();
    assert!(doubted[0] <= 8, "{doubted:?}");
    let report = desk.report(2, at(12_000));
    assert_eq!((report.recent.received, report.received.packets), (0, 300));
    assert!((2_000..=3_000).contains(&report.recent.span_ms), "{}", report.recent.span_ms);
    assert!(report.taken.is_some_and(|taken| taken.ago_ms >= 6_000 && taken.payload == 0));
}

#[test]
fn who_is_on_hold_is_not_doubted() {
    let mut desk = Desk::new(44_560..=44_579);
    let held = Stream { we_receive: false, ..desk.b.stream() };
    desk.describe(2, held);
    for nth in 0..8 {
        assert_eq!(desk.second(nth, [true, false]), [], "second {nth}");
    }
}

/// ICMP of a port that is closed: the socket says so, and the report too.
#[test]
fn an_end_whose_port_is_closed_is_doubted_for_that() {
    let mut desk = Desk::new(44_580..=44_599);
    let to = desk.b.rtp.local_addr().unwrap();
    for nth in 0..3 {
        for _ in 0..2 {
            desk.endpoints.relay.troubled(TransportKey(2), to, coeur_media::relay::Trouble::Refused);
        }
        let doubted = desk.second(nth, [true, true]);
        assert_eq!(doubted, if nth == 2 { vec![id(2)] } else { vec![] }, "second {nth}");
    }
    assert!(desk.report(2, at(3_100)).recent.troubles.refused >= 2);
}
