//! A mouth says into the wire, an ear hears from it, with a clock that is driven.

use super::*;
use crate::codec::Codec;
use crate::codec::signal::{amplitude, tone};
use crate::rtp::{Rtp, Source};
use crate::tone::Digit;
use crate::tone::detect::Key;
use crate::transcode::Format;
use coeur_sip::time::Monotonic;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(TICK_MS as u64);

fn source(clock_hz: u32) -> Source {
    Source::new([7; 10], clock_hz)
}

fn says(codec: Codec, rate_hz: u32, events: Option<Events>) -> Says {
    Says { payload: 96, format: Format { codec, frame_ms: 20 }, events, rate_hz, opus: None }
}

fn hears(codec: Codec, rate_hz: u32, events: Option<Events>) -> Hears {
    Hears { formats: [(96, codec)].into(), events, noise: None, rate_hz, keys_in_sound: events.is_none() }
}

struct Wire {
    mouth: Mouth,
    ear: Ear,
    now: Monotonic,
    heard: Vec<i16>,
    packets: Vec<Vec<u8>>,
    keys: Vec<Key>,
}

impl Wire {
    fn new(says: Says, hears: Hears) -> Self {
        let mouth = Mouth::new(says, source(says.format.codec.clock_hz())).unwrap();
        let ear = Ear::new(hears, 1).unwrap();
        let now = Monotonic::from_secs(10);
        Self { mouth, ear, now, heard: Vec::new(), packets: Vec::new(), keys: Vec::new() }
    }

    /// Says `pcm` tick by tick; `lost` says which packets do not come.
    fn run(&mut self, pcm: &[i16], lost: impl Fn(usize) -> bool) {
        let per_tick = |rate_hz: u32| rate_hz as usize / 1_000 * usize::from(TICK_MS);
        let mut room = vec![0; per_tick(self.ear.hears().rate_hz)];
        for frame in pcm.chunks_exact(per_tick(self.mouth.says().rate_hz)) {
            let Self { mouth, ear, packets, keys, .. } = self;
            let mut frame = frame.to_vec();
            mouth.say(self.now, &mut frame, |packet| {
                packets.push(packet.to_vec());
                if !lost(packets.len()) {
                    ear.receive(self.now, &Rtp::parse(packet).unwrap(), |key| keys.push(key));
                }
            });
            ear.listen(self.now, &mut room, |key| keys.push(key));
            self.heard.extend_from_slice(&room);
            self.now += TICK;
        }
    }
}

#[test]
fn what_is_said_in_any_codec_is_heard_at_any_rate_though_some_is_lost() {
    for codec in Codec::ALL {
        for rate_hz in [8_000, 16_000, 48_000] {
            let said_hz = codec.rate_hz().min(16_000);
            let mut wire = Wire::new(says(codec, said_hz, None), hears(codec, rate_hz, None));
            wire.run(&tone(440.0, 8_000.0, said_hz, said_hz as usize * 2), |at| at % 20 == 3);
            let steady = &wire.heard[rate_hz as usize / 2..];
            let strength = amplitude(steady, 440.0, rate_hz) / 8_000.0;
            assert!((0.7..1.3).contains(&strength), "{codec:?} {rate_hz}: {strength:.2}");
            assert_eq!(wire.packets.len(), 100, "{codec:?} {rate_hz}");
        }
    }
}

#[test]
fn a_key_leaves_as_events_and_is_heard_once_however_much_is_lost() {
    let events = Some(Events { payload: 101, clock_hz: 8_000 });
    let mut wire = Wire::new(says(Codec::Pcmu, 8_000, events), hears(Codec::Pcmu, 8_000, events));
    let digit = Digit::from_char('5').unwrap();
    let tone = tone(440.0, 8_000.0, 8_000, 8_000);
    wire.run(&tone, |_| false);
    wire.mouth.press(digit, 200);
    let before = wire.packets.len();
    wire.run(&tone, |at| at % 3 == 0);
    let pressed = wire.keys.iter().filter(|key| **key == Key::Pressed(digit)).count();
    assert_eq!((pressed, wire.keys.len()), (1, 2), "{:?}", wire.keys);
    let sent: Vec<Rtp<'_>> = wire.packets[before..].iter().map(|bytes| Rtp::parse(bytes).unwrap()).collect();
    let of_event: Vec<_> = sent.iter().filter(|packet| packet.payload_type() == 101).collect();
    assert_eq!(of_event.len(), 12, "ten frames of 20 ms, and two more ends");
    assert!(
        of_event[0].marker() && of_event.iter().all(|event| event.timestamp() == of_event[0].timestamp())
    );
    // The audio goes on where it would be.
    let next = sent.iter().find(|packet| packet.payload_type() == 96).unwrap();
    assert_eq!(next.timestamp() - of_event[0].timestamp(), 15 * 160);
    assert!(next.marker());
    // What was said meanwhile is no loss that keeps sound waiting longer.
    let late = amplitude(&wire.heard[14_400..], 440.0, 8_000);
    assert!(late > 7_000.0, "{late:.0}");
    assert!(wire.ear.delay_ms() <= 40, "{}", wire.ear.delay_ms());
}

#[test]
fn a_key_that_is_held_leaves_at_once_and_ends_when_it_is_released() {
    let events = Some(Events { payload: 101, clock_hz: 48_000 });
    let mut wire = Wire::new(says(Codec::Opus, 16_000, events), hears(Codec::Opus, 16_000, events));
    let digit = Digit::from_char('#').unwrap();
    wire.mouth.key(Key::Pressed(digit));
    wire.run(&[0; 320 * 10], |_| false);
    assert_eq!(wire.keys, [Key::Pressed(digit)]);
    wire.mouth.key(Key::Released { digit, ms: 200 });
    wire.run(&[0; 320 * 10], |_| false);
    assert_eq!(wire.keys, [Key::Pressed(digit), Key::Released { digit, ms: 220 }]);
}

#[test]
fn a_key_leaves_as_sound_where_no_events_are_agreed_and_is_found_there() {
    let mut wire = Wire::new(says(Codec::Pcma, 8_000, None), hears(Codec::Pcma, 8_000, None));
    for digit in Digit::all() {
        wire.mouth.press(digit, 100);
    }
    wire.run(&[0; 8_000 * 4], |_| false);
    let pressed: Vec<Digit> = wire
        .keys
        .iter()
        .filter_map(|key| match key {
            Key::Pressed(digit) => Some(*digit),
            Key::Released { .. } => None,
        })
        .collect();
    assert_eq!(pressed, Digit::all().collect::<Vec<_>>());
}

#[test]
fn keys_that_nobody_can_send_in_time_are_not_kept() {
    let mut mouth = Mouth::new(says(Codec::Pcma, 8_000, None), source(8_000)).unwrap();
    for _ in 0..1_000 {
        mouth.press(Digit::from_char('1').unwrap(), 100);
    }
    let mut packets = 0;
    // 33 keys of 160 ms would need 264 ticks.
    let mut loud = 0;
    for tick in 0..400 {
        let mut pcm = [0; 160];
        mouth.say(Monotonic::from_millis(20 * tick), &mut pcm, |_| packets += 1);
        loud += u64::from(pcm.iter().any(|sample| *sample > 1_000));
    }
    assert_eq!(packets, 400);
    assert!((32 * 5..=32 * 6).contains(&loud), "{loud}");
}

#[test]
fn a_sender_that_changes_its_codec_is_followed_but_not_at_each_packet() {
    let both = [(96, Codec::Pcmu), (8, Codec::Pcma)];
    let hears = Hears { formats: both.into(), ..hears(Codec::Pcmu, 8_000, None) };
    let mut ear = Ear::new(hears, 1).unwrap();
    let mut mouths = both.map(|(payload, codec)| {
        Mouth::new(Says { payload, ..says(codec, 8_000, None) }, source(8_000)).unwrap()
    });
    let (sound, mut room) = (tone(440.0, 8_000.0, 8_000, 8_000), [0; 160]);
    let mut now = Monotonic::from_secs(1);
    let mut run = |order: &dyn Fn(usize) -> usize| {
        let mut heard = Vec::new();
        for (at, frame) in sound.chunks_exact(160).enumerate() {
            let mut frame = frame.to_vec();
            mouths[order(at)].say(now, &mut frame, |packet| {
                ear.receive(now, &Rtp::parse(packet).unwrap(), |_| {});
            });
            ear.listen(now, &mut room, |_| {});
            heard.extend_from_slice(&room);
            now += TICK;
        }
        (amplitude(&heard[4_000..], 440.0, 8_000), ear.counters().inserted)
    };
    assert!(run(&|_| 0).0 > 7_000.0);
    assert!(run(&|_| 1).0 > 7_000.0, "the other codec, once it is spoken");
    let (_, before) = run(&|_| 1);
    // Of both at once every second packet is dropped; a decoder is made twice a second at most.
    let (_, after) = run(&|at| at % 2);
    assert!(after <= before + 50 || after < 50, "{before} {after}");
}

#[test]
fn what_is_no_payload_of_the_codec_is_silence_and_takes_its_time() {
    let mut ear = Ear::new(hears(Codec::Opus, 16_000, None), 1).unwrap();
    let mut source = source(48_000);
    let (mut now, mut room) = (Monotonic::from_secs(1), [0; 320]);
    for tick in 0..50u8 {
        let mut slot = [0; crate::packet::SLOT_BYTES];
        let mut packet = crate::packet::Packet::received(&mut slot, 0);
        // Code 3 with a count of zero frames (RFC 6716 section 3.4, R5).
        source.write(&mut packet, now, 96, tick == 0, 0, &[0x03, 0x00]).unwrap();
        source.advance(960);
        ear.receive(now, &Rtp::parse(&packet).unwrap(), |_| {});
        ear.listen(now, &mut room, |_| {});
        now += TICK;
    }
    assert!(room.iter().all(|sample| sample.abs() < 100));
    assert!(ear.counters().played > 40, "{:?}", ear.counters());
}

/// A description may name any clock.
#[test]
fn a_key_at_a_clock_that_no_codec_has_ends_and_speech_goes_on() {
    let events = Some(Events { payload: 101, clock_hz: u32::MAX });
    let mut mouth = Mouth::new(says(Codec::Pcmu, 8_000, events), source(8_000)).unwrap();
    mouth.press(Digit::from_char('5').unwrap(), 5_000);
    let mut types = Vec::new();
    for tick in 0..10 {
        let now = Monotonic::from_secs(10) + TICK * tick;
        mouth.say(now, &mut [0; 160], |packet| types.push(Rtp::parse(packet).unwrap().payload_type()));
    }
    assert_eq!(types, [101, 101, 101, 96, 96, 96, 96]);
}
