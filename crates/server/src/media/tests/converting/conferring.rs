//! Conferences: three phones of three codecs in one room.

use super::*;
use coeur_exchange::service::{Room, Service};

const SALES: Room = Room(7);

struct Conference {
    desk: Desk,
    c: Talking,
}

impl Conference {
    fn new(ports: RangeInclusive<u16>) -> Self {
        let mut desk = Desk::new(ports, OPUS, PCMA);
        let mut c = Talking::new("127.0.0.4", G722, 1_150.0);
        let near = "127.0.0.1".parse().unwrap();
        desk.handle(MediaCommand::Open { id: id(3), near, streams: [AUDIO].into() });
        let Ok(MediaEvent::Opened { streams, .. }) = desk.told.try_recv() else { panic!("no port") };
        c.port = streams[0].as_ref().unwrap().rtp;
        desk.describe(1, OPUS.formats(), |_| {});
        desk.describe(2, PCMA.formats(), |_| {});
        let mut conference = Self { desk, c };
        conference.describe_c(|_| {});
        for serial in 1..=3 {
            conference.enter(serial, SALES);
        }
        conference
    }

    fn enter(&mut self, serial: u64, room: Room) {
        self.desk.handle(MediaCommand::Serve { id: id(serial), service: Service::Conference(room) });
    }

    fn describe_c(&mut self, change: impl FnOnce(&mut Stream)) {
        let mut stream = Stream { formats: G722.formats(), ..self.c.phone.stream() };
        change(&mut stream);
        let peer = Peer { signalled_from: stream.rtp.ip(), streams: [Some(stream)].into() };
        self.desk.handle(MediaCommand::Describe { id: id(3), peer: Box::new(peer) });
    }

    fn run(&mut self, ticks: usize) {
        for _ in 0..ticks {
            let now = self.desk.now;
            [&mut self.desk.a, &mut self.desk.b, &mut self.c]
                .into_iter()
                .for_each(|phone| phone.say(now, |_| false));
            self.desk.serve();
            for _ in 0..4 {
                self.desk.at(self.desk.now + TICK / 4);
                self.desk.worker.turn();
            }
            let now = self.desk.now;
            [&mut self.desk.a, &mut self.desk.b, &mut self.c].into_iter().for_each(|phone| phone.hear(now));
        }
    }

    /// Whose tones each hears: of a, of b, of c.
    fn heard(&self) -> [[bool; 3]; 3] {
        [&self.desk.a, &self.desk.b, &self.c].map(|phone| {
            [440.0, 770.0, 1_150.0].map(|hz| {
                let heard = phone.hears(hz);
                assert!(heard < 0.1 || (0.6..1.4).contains(&heard), "{} hears {hz}: {heard:.2}", phone.hz);
                heard > 0.5
            })
        })
    }
}

#[test]
fn everybody_hears_all_others_and_not_himself() {
    let mut conference = Conference::new(48_000..=48_019);
    conference.run(100);
    assert_eq!(conference.heard(), [[false, true, true], [true, false, true], [true, true, false]]);
    assert_eq!(conference.desk.worker.endpoints.stats.audio_parts.value(), 1, "one room for all");
    assert!(conference.c.packets.len() >= 95);
}

/// Who speaks, by his endpoint, as it was told since this was asked last.
fn speaking(desk: &Desk) -> Vec<(u64, bool)> {
    let told = desk.told().into_iter().filter_map(|event| match event {
        MediaEvent::Speaks { id: who, is_speaking } => Some((who.0 - id(0).0, is_speaking)),
        _ => None,
    });
    let mut told: Vec<(u64, bool)> = told.collect();
    told.sort_unstable();
    told
}

#[test]
fn who_begins_to_speak_and_who_ends_is_told_once() {
    let mut conference = Conference::new(48_060..=48_079);
    conference.run(50);
    assert_eq!(speaking(&conference.desk), [(1, true), (2, true), (3, true)]);
    // The third is silent, and the first goes while he speaks.
    for _ in 0..80 {
        let now = conference.desk.now;
        conference.desk.a.say(now, |_| false);
        conference.desk.b.say(now, |_| false);
        conference.desk.serve();
        for _ in 0..4 {
            conference.desk.at(conference.desk.now + TICK / 4);
            conference.desk.worker.turn();
        }
    }
    assert_eq!(speaking(&conference.desk), [(3, false)]);
    conference.desk.handle(MediaCommand::Disconnect { id: id(1) });
    assert_eq!(speaking(&conference.desk), [(1, false)]);
}

#[test]
fn who_goes_is_heard_no_more_and_the_others_go_on() {
    let mut conference = Conference::new(48_020..=48_039);
    conference.run(60);
    conference.desk.handle(MediaCommand::Close { id: id(1) });
    conference.run(60);
    let heard = conference.heard();
    assert_eq!((heard[1], heard[2]), ([false, false, true], [false, true, false]));
    for serial in [2, 3] {
        conference.desk.handle(MediaCommand::Close { id: id(serial) });
    }
    let endpoints = &conference.desk.worker.endpoints;
    assert_eq!(endpoints.stats.audio_parts.value(), 0, "an empty room is none");
    assert_eq!(endpoints.audio.next_deadline(), None);
}

#[test]
fn rooms_do_not_hear_each_other() {
    let mut conference = Conference::new(48_040..=48_059);
    conference.enter(3, Room(8));
    conference.run(100);
    assert_eq!(conference.heard(), [[false, true, false], [true, false, false], [false; 3]]);
}

/// RFC 3264 section 8.4.
#[test]
fn who_holds_is_not_heard_and_hears_nothing_and_comes_back() {
    let mut conference = Conference::new(48_060..=48_079);
    conference.run(60);
    conference.describe_c(|stream| (stream.we_send, stream.we_receive) = (false, false));
    let before = conference.c.packets.len();
    conference.run(60);
    assert_eq!(conference.c.packets.len(), before);
    let heard = conference.heard();
    assert_eq!((heard[0], heard[1]), ([false, true, false], [true, false, false]));
    conference.describe_c(|_| {});
    conference.run(60);
    assert_eq!(conference.heard(), [[false, true, true], [true, false, true], [true, true, false]]);
}

#[test]
fn who_comes_and_who_goes_is_told_by_two_tones() {
    let mut conference = Conference::new(48_080..=48_099);
    let loudest = |phone: &Talking| phone.heard.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    // Nobody speaks.
    for _ in 0..20 {
        for _ in 0..4 {
            conference.desk.at(conference.desk.now + TICK / 4);
            conference.desk.worker.turn();
        }
        let now = conference.desk.now;
        conference.desk.b.hear(now);
    }
    let loudest = loudest(&conference.desk.b);
    assert!((2_000..4_000).contains(&loudest), "{loudest}");
}

/// A phone that is tested (see `coeur_exchange`'s `call/trial`).
#[test]
fn a_phone_that_is_tested_hears_itself_and_nobody_else_and_is_heard_to_speak() {
    let mut conference = Conference::new(48_080..=48_099);
    conference.desk.handle(MediaCommand::Serve { id: id(3), service: Service::Test(Room(9)) });
    conference.run(100);
    assert_eq!(conference.heard(), [[false, true, false], [true, false, false], [false, false, true]]);
    assert!(speaking(&conference.desk).contains(&(3, true)));
    conference.enter(3, SALES);
    conference.run(100);
    assert!(conference.heard()[2][0], "in a conference it hears the others again");
}
