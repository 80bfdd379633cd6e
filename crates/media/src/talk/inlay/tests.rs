//! A phone speaks through an inlay to another, with a clock that is driven.

use super::*;
use crate::packet::SLOT_BYTES;
use crate::rtp::Source;
use crate::talk::{Ear, Hears, Mouth, Says};
use crate::transcode::Format;

const EVENTS: Events = Events { payload: 101, clock_hz: 8_000 };
const TICK: Duration = Duration::from_millis(20);

fn five() -> Digit {
    Digit::from_char('5').unwrap()
}

fn passes(codec: Codec, events: Option<Events>, way: Way) -> Passes {
    let formats = [(96, 97, codec)].into();
    Passes { formats, clock_hz: codec.clock_hz(), events, keys_in_sound: false, way }
}

struct Line {
    mouth: Mouth,
    inlay: Inlay,
    ear: Ear,
    now: Monotonic,
    pcm: Vec<i16>,
    /// What the phone said, what arrived, and what the other understood.
    said: Vec<Vec<u8>>,
    arrived: Vec<Vec<u8>>,
    heard: Vec<Key>,
    found: Vec<Key>,
}

impl Line {
    /// The phone has a tone to say that is no key.
    fn new(passes: Passes) -> Line {
        let (codec, events) = (passes.formats[0].2, passes.events);
        let rate = rate_hz(codec);
        let format = Format { codec, frame_ms: 20 };
        let says = Says { payload: 96, format, events, rate_hz: rate, opus: None };
        let theirs = match passes.way {
            Way::Events(events) => Some(events),
            Way::Sound | Way::Told => None,
        };
        let hears = Hears {
            formats: [(97, codec)].into(),
            events: theirs,
            noise: None,
            rate_hz: rate,
            keys_in_sound: theirs.is_none(),
        };
        Line {
            mouth: Mouth::new(says, Source::new([7; 10], codec.clock_hz())).unwrap(),
            inlay: Inlay::new(passes, false),
            ear: Ear::new(hears, 1).unwrap(),
            now: Monotonic::from_secs(10),
            pcm: crate::codec::signal::tone(440.0, 4_000.0, rate, rate as usize / 50),
            said: Vec::new(),
            arrived: Vec::new(),
            heard: Vec::new(),
            found: Vec::new(),
        }
    }

    fn run(&mut self, ticks: usize) {
        let mut room = vec![0; self.pcm.len()];
        for _ in 0..ticks {
            let Line { mouth, inlay, ear, now, said, arrived, heard, found, .. } = self;
            mouth.say(*now, &mut self.pcm.clone(), |packet| {
                said.push(packet.to_vec());
                let fate = inlay.lay(*now, packet, |key| found.push(key));
                if fate == Fate::Passes && Rtp::parse(packet).unwrap().payload_type() == 96 {
                    RtpMut::parse(packet).unwrap().set_payload_type(97);
                }
                if fate != Fate::Kept {
                    arrived.push(packet.to_vec());
                    ear.receive(*now, &Rtp::parse(packet).unwrap(), |key| heard.push(key));
                }
            });
            inlay.tick(*now, |key| found.push(key));
            assert_eq!(inlay.overdue(*now), None, "it speaks");
            ear.listen(*now, &mut room, |key| heard.push(key));
            *now += TICK;
        }
    }

    /// The one key that the other has heard, and how long it was.
    fn heard(&mut self) -> (char, u32) {
        match self.heard.drain(..).collect::<Vec<_>>()[..] {
            [Key::Pressed(pressed), Key::Released { digit, ms }] if pressed == digit => {
                (digit.character(), ms)
            }
            ref other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_key_that_was_told_of_is_an_event_in_the_place_of_sound() {
    let mut line = Line::new(passes(Codec::Pcmu, None, Way::Events(EVENTS)));
    line.run(10);
    line.inlay.press(line.now, five(), 160);
    line.run(30);
    assert_eq!(line.heard(), ('5', 160));
    let rtp = |bytes| Rtp::parse(bytes).unwrap();
    let events: Vec<_> = line.arrived.iter().filter(|bytes| rtp(bytes).payload_type() == 101).collect();
    let begun = rtp(&line.said[10]).timestamp();
    assert_eq!(events.len(), 10, "eight of 20 ms, and the end twice more");
    assert!(events.iter().all(|bytes| rtp(bytes).timestamp() == begun));
    assert!(rtp(events[0]).marker() && events[1..].iter().all(|bytes| !rtp(bytes).marker()));
    // All numbers are there, and what is no key is what the phone said.
    for (said, arrived) in line.said.iter().zip(&line.arrived) {
        assert_eq!(rtp(said).sequence(), rtp(arrived).sequence());
        if rtp(arrived).payload_type() == 97 {
            assert_eq!((said[2..].to_vec(), rtp(arrived).payload_type()), (arrived[2..].to_vec(), 97));
        }
    }
}

#[test]
fn an_event_is_sound_in_any_codec_for_who_has_none() {
    for codec in Codec::ALL {
        let events = Events { clock_hz: codec.clock_hz(), ..EVENTS };
        let mut line = Line::new(passes(codec, Some(events), Way::Sound));
        line.run(10);
        for _ in 0..2 {
            line.mouth.press(five(), 120);
            line.run(40);
            let (digit, ms) = line.heard();
            assert!(digit == '5' && (100..=140).contains(&ms), "{codec:?} {digit} {ms}");
        }
        let is_event = |bytes: &Vec<u8>| Rtp::parse(bytes).unwrap().payload_type() == 101;
        assert!(line.said.iter().any(is_event) && !line.arrived.iter().any(is_event));
        assert_eq!(line.found.len(), 4, "{codec:?} {:?}", line.found);
    }
}

#[test]
fn who_is_told_of_keys_gets_none_of_their_packets() {
    let mut line = Line::new(passes(Codec::Pcma, Some(EVENTS), Way::Told));
    line.mouth.press(five(), 120);
    line.run(40);
    assert_eq!((&line.heard[..], line.arrived.len()), (&[][..], line.said.len() - 8));
    assert_eq!(line.found, [Key::Pressed(five()), Key::Released { digit: five(), ms: 120 }]);
}

#[test]
fn a_key_that_is_said_in_both_ways_is_one_whichever_comes_first() {
    let mut line = Line::new(passes(Codec::Pcmu, Some(EVENTS), Way::Events(EVENTS)));
    line.run(10);
    // In an INFO, and then as an event.
    line.inlay.press(line.now, five(), 120);
    line.mouth.press(five(), 120);
    line.run(60);
    assert_eq!(line.heard(), ('5', 120));
    // As an event alone: it passes; and then in an INFO.
    line.run(60);
    line.mouth.press(five(), 100);
    line.run(10);
    line.inlay.press(line.now, five(), 120);
    line.run(60);
    assert_eq!(line.heard(), ('5', 100));
}

#[test]
fn keys_that_are_heard_in_the_sound_are_events_where_that_is_asked_for() {
    for codec in Codec::ALL {
        let way = Way::Events(EVENTS);
        for keys_in_sound in [true, false] {
            let mut line = Line::new(Passes { keys_in_sound, ..passes(codec, None, way) });
            line.run(10);
            line.mouth.press(five(), 200);
            line.run(60);
            if keys_in_sound {
                let (digit, ms) = line.heard();
                assert!(digit == '5' && (140..=240).contains(&ms), "{codec:?} {digit} {ms}");
            } else {
                assert_eq!((&line.heard[..], &line.found[..]), (&[][..], &[][..]));
            }
        }
    }
}

/// The other side would hear it, and be told of it.
#[test]
fn a_key_in_the_sound_that_is_told_is_silence_and_what_comes_after_it_passes() {
    for codec in Codec::ALL {
        for keys_in_sound in [true, false] {
            let mut line = Line::new(Passes { keys_in_sound, ..passes(codec, None, Way::Told) });
            line.run(10);
            line.mouth.press(five(), 200);
            line.run(40);
            // A frame of Opus fades into the next one: what is left of a key there is as short as a key can be.
            let least_ms = if codec == Codec::Opus { 60 } else { 0 };
            let is_heard =
                line.heard.iter().any(|key| matches!(key, Key::Released { ms, .. } if *ms > least_ms));
            let told = line.found.iter().filter(|key| matches!(key, Key::Released { .. })).count();
            assert_eq!((is_heard, told), (!keys_in_sound, usize::from(keys_in_sound)), "{codec:?}");
            let (said, arrived) = (line.said.len(), line.arrived.len());
            line.run(10);
            assert_eq!(line.said[said..].len(), 10);
            assert!(
                line.said[said..]
                    .iter()
                    .zip(&line.arrived[arrived..])
                    .all(|(said, arrived)| said[12..] == arrived[12..]),
                "{codec:?}"
            );
        }
    }
}

/// RFC 3711 section 9.1: two packets of one number under one key give both away.
#[test]
fn what_comes_twice_or_late_says_nothing_else_under_the_number_of_a_key() {
    let mut line = Line::new(passes(Codec::Pcmu, None, Way::Events(EVENTS)));
    line.run(10);
    line.inlay.press(line.now, five(), 100);
    line.run(5);
    let mut again = |at: usize| {
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::copied(&mut slot, &line.said[at]).unwrap();
        let fate = line.inlay.lay(line.now, &mut packet, |_| {});
        (fate, packet.to_vec() == line.said[at])
    };
    assert_eq!(again(12).0, Fate::Kept, "a key was laid into it");
    assert_eq!(again(14).0, Fate::Kept);
    line.run(30);
    let last = line.said.len() - 1;
    let mut slot = [0; SLOT_BYTES];
    let mut packet = Packet::copied(&mut slot, &line.said[last]).unwrap();
    line.inlay.press(line.now, five(), 100);
    assert_eq!(line.inlay.lay(line.now, &mut packet, |_| {}), Fate::Passes, "it has passed as sound");
    assert_eq!(packet.to_vec(), line.said[last]);
}

/// RFC 3550 section 5.1: another source begins with any number.
#[test]
fn another_source_whose_numbers_are_lower_is_not_late() {
    let mut line = Line::new(passes(Codec::Pcmu, None, Way::Events(EVENTS)));
    line.run(10);
    line.inlay.press(line.now, five(), 200);
    line.run(5);
    let mut other = line.said[14].clone();
    let number = Rtp::parse(&other).unwrap().sequence().wrapping_sub(500);
    other[2..4].copy_from_slice(&number.to_be_bytes());
    let mut again = |ssrc: u32| {
        other[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::copied(&mut slot, &other).unwrap();
        (line.inlay.lay(line.now, &mut packet, |_| {}), packet.to_vec() == other)
    };
    assert_eq!(again(99), (Fate::Passes, true), "neither late, nor is the key of the other laid into it");
    assert_eq!(again(99), (Fate::Passes, true));
    line.inlay.press(line.now, five(), 100);
    line.run(20);
    assert!(line.heard.contains(&Key::Pressed(five())));
}

#[test]
fn several_keys_at_once_are_heard_one_after_the_other() {
    for way in [Way::Events(EVENTS), Way::Sound] {
        let mut line = Line::new(passes(Codec::Pcmu, None, way));
        line.run(10);
        (0..3).for_each(|_| line.inlay.press(line.now, five(), 100));
        line.run(60);
        let pressed = line.heard.iter().filter(|key| matches!(key, Key::Pressed(_))).count();
        assert_eq!((pressed, line.heard.len()), (3, 6), "{way:?} {:?}", line.heard);
    }
}

#[test]
fn a_key_of_who_says_nothing_is_said_in_another_way_and_once() {
    let mut line = Line::new(passes(Codec::Pcmu, None, Way::Sound));
    line.run(10);
    line.inlay.press(line.now, five(), 120);
    assert_eq!(line.inlay.overdue(line.now), None, "it speaks");
    line.now += SILENCE;
    assert_eq!(line.inlay.overdue(line.now), Some((five(), 120)));
    assert_eq!(line.inlay.overdue(line.now), None);
    line.run(40);
    assert_eq!(line.heard, []);
}

/// Whatever comes is passed on or not, and nothing else happens.
#[test]
fn what_is_no_rtp_or_has_lengths_of_no_codec_is_no_trouble() {
    for codec in Codec::ALL {
        for way in [Way::Events(EVENTS), Way::Sound, Way::Told] {
            let mut inlay =
                Inlay::new(Passes { keys_in_sound: true, ..passes(codec, Some(EVENTS), way) }, false);
            let now = Monotonic::from_secs(1);
            inlay.press(now, five(), 100);
            for length in [0, 3, 12, 13, 14, 17, 1_400, 1_900] {
                for payload_type in [96, 101, 13] {
                    let mut bytes = vec![0x80; length];
                    if let Some(byte) = bytes.get_mut(1) {
                        *byte = payload_type;
                    }
                    let mut slot = [0; SLOT_BYTES];
                    let mut packet = Packet::copied(&mut slot, &bytes).unwrap();
                    inlay.lay(now, &mut packet, |_| {});
                    assert!(packet.len() <= 1_900);
                }
            }
        }
    }
}
