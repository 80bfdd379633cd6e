//! Tones as they are heard, and keys by all three ways.

use super::detect::{Detector, Key};
use super::event::{Event, Receiver, Sender};
use super::info::Press;
use super::plan::{Region, Signal, cadence};
use super::*;
use crate::codec::signal::{amplitude, noise, power, speech, steepest, tone};
use crate::codec::{Codec, Decoder, Encoder};

fn found(pcm: &[i16], rate_hz: u32) -> Vec<Key> {
    let mut detector = Detector::new(rate_hz);
    let mut keys = Vec::new();
    for frame in pcm.chunks(rate_hz as usize / 50) {
        detector.listen(frame, |key| keys.push(key));
    }
    keys
}

fn pressed(keys: &[Key]) -> String {
    keys.iter()
        .filter_map(|key| match key {
            Key::Pressed(digit) => Some(digit.character()),
            Key::Released { .. } => None,
        })
        .collect()
}

fn keys(text: &str, on_ms: u16, off_ms: u16, rate_hz: u32) -> Vec<i16> {
    let mut pcm = vec![0; rate_hz as usize / 20];
    for character in text.chars() {
        let length = rate_hz as usize * usize::from(on_ms + off_ms) / 1_000;
        let mut sound = vec![0; length];
        let digit = Digit::from_char(character).unwrap();
        assert_eq!(Generator::digit(digit, on_ms, off_ms, rate_hz).fill(&mut sound), length);
        pcm.extend(sound);
    }
    pcm
}

const ALL: &str = "1234567890*#ABCD";

#[test]
fn every_tone_of_every_region_has_its_frequencies_and_its_pauses() {
    for (region, signal) in Region::ALL.into_iter().flat_map(|r| Signal::ALL.into_iter().map(move |s| (r, s)))
    {
        let mut generator = Generator::signal(region, signal, 8_000);
        let parts = cadence(region, signal);
        for part in parts.iter().chain(parts) {
            let mut pcm = vec![0; 8 * usize::from(part.ms)];
            assert_eq!(generator.fill(&mut pcm), pcm.len());
            let middle = &pcm[160..pcm.len() - 160];
            let tones = part.frequencies_hz.iter().filter(|hz| **hz > 0);
            for frequency_hz in tones.clone() {
                let strength = amplitude(middle, f64::from(*frequency_hz), 8_000);
                assert!(
                    (4_400.0..5_800.0).contains(&strength),
                    "{region:?} {signal:?} {frequency_hz} {strength}"
                );
            }
            if tones.count() == 0 {
                assert_eq!(power(middle), 0.0, "{region:?} {signal:?}");
            }
            assert!(steepest(&pcm) < 5_200, "no click");
        }
    }
    assert_eq!(Region::from_country("fr"), Region::France);
    assert_eq!(Region::from_country("xx"), Region::Itu);
}

#[test]
fn all_sixteen_keys_are_heard_once_each_by_every_codec() {
    for (codec, rate_hz) in
        [(Codec::Pcmu, 8_000), (Codec::Pcma, 8_000), (Codec::G722, 16_000), (Codec::Opus, 8_000)]
    {
        let pcm = keys(ALL, 80, 80, rate_hz);
        let mut encoder = Encoder::new(codec, rate_hz).unwrap();
        let mut decoder = Decoder::new(codec, rate_hz).unwrap();
        let mut heard = Vec::new();
        let (mut payload, mut room) = ([0; crate::codec::PAYLOAD_BYTES_MAX], vec![0; rate_hz as usize / 50]);
        for frame in pcm.chunks_exact(rate_hz as usize / 50) {
            let bytes = encoder.encode(frame, &mut payload).unwrap().unwrap();
            decoder.decode(&payload[..bytes], &mut room).unwrap();
            heard.extend_from_slice(&room);
        }
        assert_eq!(pressed(&found(&heard, rate_hz)), ALL, "{codec:?}");
    }
}

#[test]
fn the_shortest_keys_of_q24_are_heard_and_those_under_18_ms_are_not() {
    for shift in 0..20 {
        let mut pcm = vec![0; shift * 11];
        pcm.extend(keys(ALL, 45, 45, 8_000));
        pcm.extend([0; 400]);
        assert_eq!(pressed(&found(&pcm, 8_000)), ALL, "{shift}");
        let mut pcm = vec![0; shift * 11];
        pcm.extend(keys("5555", 17, 60, 8_000));
        assert_eq!(pressed(&found(&pcm, 8_000)), "", "{shift}");
    }
}

#[test]
fn a_key_says_how_long_it_was() {
    let keys = found(&keys("7", 200, 100, 8_000), 8_000);
    let [Key::Pressed(_), Key::Released { digit, ms }] = keys[..] else { panic!("{keys:?}") };
    assert_eq!(digit.character(), '7');
    assert!((180..=210).contains(&ms), "{ms}");
}

/// A key out of two sines with strengths and an error of frequency.
fn pair(digit: Digit, low: f64, high: f64, off_percent: f64) -> Vec<i16> {
    let (low_hz, high_hz) = digit.frequencies_hz();
    let by = 1.0 + off_percent / 100.0;
    let first = tone(f64::from(low_hz) * by, low, 8_000, 800);
    let second = tone(f64::from(high_hz) * by, high, 8_000, 800);
    let mut pcm: Vec<i16> = first.iter().zip(second).map(|(first, second)| first + second).collect();
    pcm.extend([0; 400]);
    pcm
}

#[test]
fn twist_and_frequency_are_taken_within_their_limits_and_not_beyond() {
    for digit in Digit::all() {
        let text = digit.character().to_string();
        let heard = |low_db: f64, high_db: f64, off: f64| {
            let strength = |db: f64| 6_000.0 * 10f64.powf(db / 20.0);
            pressed(&found(&pair(digit, strength(low_db), strength(high_db), off), 8_000))
        };
        assert_eq!(heard(0.0, 0.0, 1.5), text, "Q.24 asks for 1.5 percent");
        assert_eq!(heard(0.0, 0.0, -1.5), text);
        assert_eq!(heard(0.0, 4.0, 0.0), text);
        assert_eq!(heard(0.0, -7.0, 0.0), text);
        assert_eq!(heard(-24.0, -24.0, 0.0), "", "too soft");
        assert_eq!(heard(0.0, 10.0, 0.0), "", "twist");
        assert_eq!(heard(0.0, -11.0, 0.0), "", "reverse twist");
        assert_eq!(heard(0.0, 0.0, 5.0), "", "another frequency");
        assert_eq!(heard(0.0, -60.0, 0.0), "", "one tone alone");
    }
}

#[test]
fn keys_are_heard_over_noise() {
    let mut seed = 3;
    let mut pcm = keys(&ALL.repeat(10), 60, 60, 8_000);
    // 15 dB below the key.
    for sample in &mut pcm {
        *sample += (noise(&mut seed) * 2_200.0) as i16;
    }
    let heard = pressed(&found(&pcm, 8_000));
    assert!(heard.len() >= 158 && heard.len() <= 160, "{} of 160", heard.len());
}

#[test]
fn neither_speech_nor_call_progress_is_taken_for_a_key() {
    let mut wrong = found(&speech(8_000, 8_000 * 120), 8_000).len();
    for (region, signal) in Region::ALL.into_iter().flat_map(|r| Signal::ALL.into_iter().map(move |s| (r, s)))
    {
        let mut pcm = vec![0; 40_000];
        Generator::signal(region, signal, 8_000).fill(&mut pcm);
        wrong += found(&pcm, 8_000).len();
    }
    let mut seed = 9;
    let hiss: Vec<i16> = (0..400_000).map(|_| (noise(&mut seed) * 9_000.0) as i16).collect();
    wrong += found(&hiss, 8_000).len();
    let sweep: Vec<i16> =
        (0..80_000).map(|n| (9_000.0 * (f64::from(n) * f64::from(n) * 1.6e-5).sin()) as i16).collect();
    wrong += found(&sweep, 8_000).len();
    assert_eq!(wrong, 0);
}

#[test]
fn an_event_is_read_as_it_is_written_and_short_ones_are_refused() {
    for event in 0..=255u8 {
        let event =
            Event { event, end: event % 2 == 0, volume: event & 63, duration: u16::from(event) * 257 };
        assert_eq!(Event::read(&event.write()), Some(event));
    }
    // RFC 4733 section 5, table 7: the last report of digit 9.
    assert_eq!(Event { event: 9, end: true, volume: 7, duration: 1_600 }.write(), [9, 0x87, 0x06, 0x40]);
    assert_eq!(Event::read(&[1, 2, 3]), None);
}

/// All packets of a key of 100 ms, with the timestamp that each has when the event began at `begin`.
fn packets(digit: Digit) -> Vec<event::Packet> {
    let mut sender = Sender::default();
    assert!(sender.press(digit, Some(800)));
    assert!(!sender.press(digit, None), "one after the other");
    std::iter::from_fn(|| sender.next(160)).collect()
}

#[test]
fn a_key_is_sent_with_a_growing_duration_and_its_end_three_times() {
    let packets = packets(Digit::from_char('#').unwrap());
    let events: Vec<Event> = packets.iter().map(|packet| Event::read(&packet.payload).unwrap()).collect();
    assert_eq!(
        events.iter().map(|event| event.duration).collect::<Vec<_>>(),
        [160, 320, 480, 640, 800, 800, 800]
    );
    assert_eq!(
        events.iter().map(|event| event.end).collect::<Vec<_>>(),
        [false, false, false, false, true, true, true]
    );
    assert!(events.iter().all(|event| event.event == 11));
    assert!(packets[0].marker && packets[1..].iter().all(|packet| !packet.marker));
    // The RTP timestamp stays where it began, whenever the packet is sent.
    assert_eq!(
        packets.iter().map(|packet| packet.ticks_since_begin).collect::<Vec<_>>(),
        [0, 160, 320, 480, 640, 800, 960]
    );
}

#[test]
fn a_key_that_is_held_is_sent_until_it_is_released() {
    let mut sender = Sender::default();
    sender.press(Digit::from_char('5').unwrap(), None);
    for _ in 0..50 {
        assert!(!Event::read(&sender.next(160).unwrap().payload).unwrap().end);
    }
    sender.release();
    let ends = std::iter::from_fn(|| sender.next(160)).map(|packet| Event::read(&packet.payload).unwrap());
    assert_eq!(ends.map(|event| (event.end, event.duration)).collect::<Vec<_>>(), [(true, 8_160); 3]);
    sender.press(Digit::from_char('5').unwrap(), None);
    assert_eq!(std::iter::from_fn(|| sender.next(160)).count(), 409 + 2, "a segment has an end");
}

#[test]
fn a_key_is_received_once_whatever_is_lost_repeated_or_reordered() {
    let digit = Digit::from_char('3').unwrap();
    let sent = packets(digit);
    // Every choice of packets that are lost, but all.
    for lost in 0..127u32 {
        let mut receiver = Receiver::new(8_000);
        let mut keys = Vec::new();
        for (at, packet) in sent.iter().enumerate().filter(|(at, _)| lost >> at & 1 == 0) {
            receiver.receive(&packet.payload, 5_000, |key| keys.push(key));
            if at % 3 == 0 {
                receiver.receive(&packet.payload, 5_000, |key| keys.push(key));
            }
        }
        // The next key says that the first is over, if its ends were lost.
        receiver.receive(&sent[0].payload, 9_000, |key| keys.push(key));
        assert_eq!(pressed(&keys), "33", "{lost:b}");
        let [Key::Pressed(_), Key::Released { ms, .. }, Key::Pressed(_)] = keys[..] else {
            panic!("{keys:?}")
        };
        assert!((20..=100).contains(&ms));
    }
    let mut receiver = Receiver::new(8_000);
    let mut keys = Vec::new();
    for packet in sent.iter().rev() {
        receiver.receive(&packet.payload, 5_000, |key| keys.push(key));
    }
    assert_eq!(keys, [Key::Pressed(digit), Key::Released { digit, ms: 100 }]);
}

#[test]
fn a_body_of_info_is_read_as_phones_write_it() {
    let press = |character, ms| Some(Press { digit: Digit::from_char(character).unwrap(), ms });
    let relay = |body: &[u8]| info::read("application/dtmf-relay", body);
    assert_eq!(relay(b"Signal=5\r\nDuration=250\r\n"), press('5', 250));
    assert_eq!(relay(b"Signal= *\nDuration= 160"), press('*', 160));
    assert_eq!(relay(b"duration=1\r\nSIGNAL = d\r\n"), press('D', 40));
    assert_eq!(relay(b"Signal=11\r\n"), press('#', 160));
    assert_eq!(info::read("Application/DTMF; charset=utf-8", b"9\r\n"), press('9', 160));
    for bad in [&b"Signal=\r\n"[..], b"Signal=x", b"Signal=16", b"Duration=100", b"", b"\xff", &[b'1'; 300]] {
        assert_eq!(relay(bad), None, "{bad:?}");
    }
    assert_eq!(info::read("text/plain", b"Signal=5"), None);
    assert_eq!(relay(info::write(press('A', 100).unwrap()).as_bytes()), press('A', 100));
}

#[test]
fn a_key_goes_from_each_way_to_each_other() {
    for digit in Digit::all() {
        // INFO to event,
        let press =
            info::read("application/dtmf-relay", info::write(Press { digit, ms: 100 }).as_bytes()).unwrap();
        let mut sender = Sender::default();
        sender.press(press.digit, Some(press.ms * 8));
        // event to sound,
        let mut receiver = Receiver::new(8_000);
        let mut sound = vec![0; 400];
        while let Some(packet) = sender.next(160) {
            receiver.receive(&packet.payload, 77, |key| {
                if let Key::Released { digit, ms } = key {
                    let mut pcm = vec![0; 1_600];
                    Generator::digit(digit, ms as u16, 60, 8_000).fill(&mut pcm);
                    sound.extend(pcm);
                }
            });
        }
        // and sound to INFO again.
        let keys = found(&sound, 8_000);
        let [Key::Pressed(_), Key::Released { digit: heard, ms }] = keys[..] else {
            panic!("{digit:?} {keys:?}")
        };
        assert!((75..=115).contains(&ms), "{ms}");
        assert_eq!(
            info::read("application/dtmf-relay", info::write(Press { digit: heard, ms }).as_bytes())
                .unwrap()
                .digit,
            digit
        );
    }
}
